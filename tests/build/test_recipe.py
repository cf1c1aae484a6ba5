"""Recipes: what is shipped is the reference's, what is written is checked to the last key."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.recipes import recipe
from etl.build.recipes.recipe import Recipe
from etl.dataset.hand_written import Notes
from etl.stages.prune import Prune
from schemas.errors import ConfigError
from tokenization.ranks import qwen_file

LISTS: Final = (
    "kept_tags", "dropped_with_content", "kept_attributes", "never_filtered_attributes",
    "kept_when_empty_tags",
    "kept_when_empty_attributes",
)  # fmt: skip


def test_own_goldens_go_by_the_shipped_rules() -> None:
    """The rules that the goldens of our own are made with are those of scribeagent-32k."""
    shipped = recipe.load("scribeagent-32k").stage(Prune)
    rules = json.loads((Path(__file__).parents[1] / "goldens" / "rules.json").read_text("utf-8"))
    assert {*LISTS} < rules.keys()
    assert {
        name: frozenset(rule) if isinstance(rule, list) else rule for name, rule in rules.items()
    } == {name: getattr(shipped, name) for name in rules}


@pytest.mark.parametrize("name", recipe.shipped())
def test_every_shipped_recipe_loads(name: str) -> None:
    """It has a description, its own name, and settings that are JSON; its plans can be handed to
    other processes.
    """
    loaded = recipe.load(name)
    assert loaded.name == name
    assert recipe.shipped()[name]
    assert json.loads(json.dumps(loaded.settings())) == loaded.settings()
    again = pickle.loads(pickle.dumps((loaded.samples, loaded.packed)))
    assert again[0].settings() == loaded.samples.settings()
    assert again[1].encoder.vocabulary.sha256 == loaded.packed.encoder.vocabulary.sha256


def test_the_shipped_recipes_differ_in_context_only() -> None:
    """32k, 64k and 128k tokens of context, and nothing else."""
    names = {"scribeagent-32k": 32768, "scribeagent-64k": 65536, "scribeagent-128k": 131072}
    assert names.keys() <= recipe.shipped().keys()
    plain = recipe.load("scribeagent-32k")
    for name, context in names.items():
        loaded = recipe.load(name)
        assert loaded.fit.context == context
        same = recipe.load(name, ["fit.context=32768"]).settings()
        assert same == plain.settings()


def test_the_lists_are_the_reference_s(shared: Path) -> None:
    """The lists of scribeagent-32k are those that the reference's goldens were made with."""
    rules = json.loads((shared / "golden" / "scribeagent" / "rules.json").read_text())
    settings = recipe.load("scribeagent-32k").stage(Prune)
    for name in LISTS:
        assert getattr(settings, name) == frozenset(rules[name]), name
        assert len(rules[name]) == len(set(rules[name]))
    assert settings.style_kept_only_as == rules["style_kept_only_as"]
    lists_of_rules = {key for key, value in rules.items() if isinstance(value, list) and value}
    assert lists_of_rules <= set(LISTS), lists_of_rules


def test_a_file_extends_a_shipped_recipe(tmp_path: Path) -> None:
    """A file says what differs: tables are merged key by key, lists replaced; the file may be
    extended in turn.
    """
    first = tmp_path / "first.toml"
    first.write_text(
        'extends = "scribeagent-64k"\nname = "mine"\n[fit]\nmax_chunks = 4\n[prune]\nkept_tags = '
        '["a"]\n'
    )
    second = tmp_path / "second.toml"
    second.write_text(f'extends = "{first}"\n[split]\nkey = "domain"\n')
    for path in (first, second):
        loaded = recipe.load(str(path))
        assert (loaded.name, loaded.fit.context, loaded.fit.max_chunks) == ("mine", 65536, 4)
        assert loaded.stage(Prune).kept_tags == {"a"}
        assert (
            loaded.stage(Prune).kept_attributes
            == recipe.load("scribeagent-32k").stage(Prune).kept_attributes
        )
    assert (recipe.load(str(first)).split.key, recipe.load(str(second)).split.key) == (
        "workflow",
        "domain",
    )


FILES: Final = {
    "held_out.txt": "w1\n",
    "down.txt": "workflow w2\n",
    "objectives.json": '{"workflows:w3": "Buy the third thing"}',
    "descriptions.json": '{"workflows:w4/1": "Press the button"}',
    "card.md": "# $pretty_name of ours\n",
    "notes.md": "<!-- notes: ours -->\nText.\n<!-- /notes -->\n",
}
NAMING: Final = """
[split]
held_out = "lists/held_out.txt"
[takedown]
file = "lists/down.txt"
[augment]
objectives = "lists/objectives.json"
descriptions = "lists/descriptions.json"
[vocabulary]
file = "lists/tokenizer.tiktoken"
[card]
template = "lists/card.md"
notes = "lists/notes.md"
"""


def test_files_are_relative_to_the_recipe_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that a recipe file names, that which it extends too, is found from any folder; a
    copy of the recipe and its files elsewhere makes the same settings; a single setting is relative
    to the current folder.
    """
    ranks = Path(qwen_file().path)
    for folder in ("here", "there"):
        (tmp_path / folder / "lists").mkdir(parents=True)
        (tmp_path / folder / "lists" / "tokenizer.tiktoken").symlink_to(ranks)
        for name, text in FILES.items():
            (tmp_path / folder / "lists" / name).write_text(text)
        (tmp_path / folder / "base.toml").write_text('extends = "scribeagent-32k"\n' + NAMING)
        (tmp_path / folder / "mine.toml").write_text(
            'extends = "base.toml"\n[fit]\ncontext = 1000\n'
        )
    monkeypatch.chdir(tmp_path)
    made = [recipe.load(f"{folder}/mine.toml") for folder in ("here", "there")]
    assert made[0] != made[1]
    assert made[0].settings() == made[1].settings() != recipe.load("scribeagent-32k").settings()
    assert str(tmp_path) not in json.dumps(made[0].settings())
    for each in made:
        assert each.index.split.held_out == {"w1"}
        assert each.taken_down.workflows == {"w2"}
        assert each.samples.settings()["stage augment"]["objectives"]
        assert each.card.layout.text == FILES["card.md"]
        assert each.card.written == Notes({"ours": "Text."})
        assert (
            each.packed.encoder.vocabulary.sha256
            == recipe.load("scribeagent-32k").packed.encoder.vocabulary.sha256
        )
    monkeypatch.chdir(tmp_path / "here" / "lists")
    changed = recipe.load("../mine.toml", ["takedown.file=held.txt"])
    with pytest.raises(ConfigError, match=r"cannot read held\.txt"):
        _ = changed.taken_down


def test_a_single_setting_that_names_a_file_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept to ask for a build again names files by whole paths,
    and nothing else differs.
    """
    monkeypatch.chdir(tmp_path)
    assert recipe.placed("split.held_out=a b.txt") == f'split.held_out="{tmp_path}/a b.txt"'
    assert recipe.placed(f"takedown.file={tmp_path}/x") == f"takedown.file={tmp_path}/x"
    for same in ("fit.context=5", "takedown.file=", "vocabulary.name=o200k", "vocabulary.file=5"):
        assert recipe.placed(same) == same


def test_a_recipe_that_extends_itself_is_refused(tmp_path: Path) -> None:
    """A circle of files ends with a word, not with the stack."""
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(f'extends = "{second}"\n')
    second.write_text(f'extends = "{first}"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        recipe.load(str(first))


def setting(loaded: Recipe, path: str) -> Any:
    section, key = path.split(".")
    return getattr(loaded.sections[section], key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fit.context=16384", 16384), ("fit.context = 16_384", 16384),
        ("filter.failed_actions=false", False),
        ("filter.min_reward=0.5", 0.5), ("filter.min_reward=1", 1.0), ("split.key=domain",
        "domain"),
        ('split.key="domain"', "domain"), ("split.test=0", 0.0), ("card.pretty_name=Shops & mugs",
        "Shops & mugs"),
        ("card.pretty_name=a = b", "a = b"), ('prune.kept_tags=["a", "p"]', frozenset(("a", "p"))),
        ("prompt.system=", ""),
    ],
)  # fmt: skip
def test_one_setting_is_changed_from_the_command_line(text: str, value: object) -> None:
    """`--set section.key=value` takes TOML values and bare words, and changes that setting only."""
    path = text.partition("=")[0].strip()
    loaded, plain = recipe.load("scribeagent-32k", [text]), recipe.load("scribeagent-32k")
    assert setting(loaded, path) == value
    assert type(setting(loaded, path)) is type(value)
    section, key = path.split(".")
    changed = {name for name in plain.sections if loaded.sections[name] != plain.sections[name]}
    assert changed == {section}
    old, new = plain.sections[section], loaded.sections[section]
    assert {
        name for name in type(old).__dataclass_fields__ if getattr(old, name) != getattr(new, name)
    } == {key}


def test_of_two_values_for_a_setting_the_last_counts() -> None:
    """As with any option that is given twice."""
    assert (
        recipe.load("scribeagent-32k", ["fit.context=1000", "fit.context=2000"]).fit.context == 2000
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fit.context=true", "fit.context = True: expected int, got bool"),
        ("fit.context=1.5", "fit.context = 1.5: expected int, got float"),
        ("fit.train=last", "fit.train = 'last': choose one of target, first, all, drop"),
        ("split.test=much", "split.test = 'much': expected float, got str"),
        ("inputs.part_mb=0", "inputs.part_mb 0.0 is not between one byte and 2**63"),
        ("split.test=2", "split.test 2.0 is not a share between 0 and 1"),
        ("filter.failed_actions=1", "filter.failed_actions = 1: expected bool, got int"),
        ("filter.min_reward=high", "filter.min_reward = 'high': expected float, got str"),
        ("prune.kept_tags=a", "prune.kept_tags: expected a list of strings, got 'a'"),
        ("prune.kept_tags=[1]", "prune.kept_tags: expected a list of strings, got [1]"),
        ("prune.kept_tag=[]",
        "prune.kept_tag: there is no such setting; did you mean 'kept_tags'?"),
        ("promt.system=a", "there is no section [promt]; did you mean 'prompt'?"),
        ("zzz.system=a", "there is no section [zzz]; there are: "),
        ("fit=5", "write section.key=value"),
        ("fit.=5", "write section.key=value"),
        ("vocabulary.name=qwen", "vocabulary qwen"),
        ("prompt.chat=alpaca", "chat template 'alpaca' is not one of chatml"),
        ("prompt.chat=llama3", "no special token"),
        ("fit.context=0", "context at least 1"),
        ("prune.kept_attributes=[\"id\", \"bid\"]",
        "prune.kept_attributes: bid would tell the target"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_before_work_starts(text: str, says: str) -> None:
    """Unknown names, values of another type and values without sense: each is an error that names
    the setting.
    """
    with pytest.raises(ConfigError, match=re.escape(says)):
        recipe.load("scribeagent-32k", [text]).settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[fit]\ncontext = 5\n", 'no section [prune]; begin with: extends = "scribeagent-32k"'),
        ('[prune]\nkept_tags = ["a"]\n', "[prune]: dropped_with_content, kept_attributes"),
        ('extends = "scribeagent-32k"\nfit = 5\n', "fit: expected a table [fit], got 5"),
        (
            'extends = "scribeagent-23k"\n',
            "there is no recipe 'scribeagent-23k'; did you mean 'scribeagent-32k'?",
        ),
        ('extends = "elsewhere.toml"\n', "elsewhere.toml: No such file"),
        ("extends = \n", "mine.toml: "),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """A recipe file that lacks something, or is no TOML, is an error that says which and what."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(says)):
        recipe.load(str(path))


NAMES: Final = [
    f'{section}.{what}=["b"]'
    for section in ("include", "exclude")
    for what in ("domains", "sources", "workflows", "kinds")
]


MARKS: Final = [
    f'leaks.{what}=["b"]'
    for what in ("attributes", "classes", "styles", "texts", "beginnings", "endings", "elements")
]


def test_every_setting_is_in_the_fingerprint() -> None:
    """Whatever setting is changed, the settings that a build is compared by change too; only the
    tokenizer's engine, which never changes an id, the size of bundles, which changes no sample,
    gates, time limits, the takedown list and the recipe's own name do not.
    """
    plain = recipe.load("scribeagent-32k")
    changes = [
        "inputs.part_mb=5", "filter.section_or_stack=false", "filter.instruction=false",
        "filter.duplicate_steps=false",
        "filter.no_objective=false", "filter.missing_description=true", "filter.missing_dom=false",
        "filter.failed_actions=false", "filter.incomplete_history=false",
        "filter.min_english=0.5", "filter.max_non_ascii=0.5", "filter.min_reward=0.5",
        "locate.drop_workflow=true", "locate.train_without_element=true", "prune.keep_target=true",
        "prune.min_chars_per_token=1.5", "prune.style_kept_only_as=x",
        *(f'prune.{name}=["b"]' for name in LISTS),
        "prune.inert_content=false", "prune.pseudo_elements=true", "prune.max_data_uri=9",
        "prune.javascript_urls=drop", *MARKS,
        "unroll.max_history=3", "prompt.system=x", "prompt.node_repeats=1", "prompt.chat=plain",
        "fit.context=5",
        "fit.train=all", "fit.test=all", "fit.max_chunks=3", "pack.packing=false", "pack.window=5",
        "pack.shard_mb=5", "pack.compression=zstd",
        'subsets.tokens=["1B"]', "failures.apart=true",
        "split.key=domain", "split.test=0.5", "split.seed=1", "split.validation=0.1",
        "split.test_task=0.1", "split.test_website=0.1", "split.test_domain=0.1",
        "split.since=2026-01-31", "split.since=g0002", "split.last=0.1",
        "mix.temperature=2.0", "mix.domains={a=2}", "mix.sources={a=2}", "mix.splits={train=2}",
        "caps.samples_per_domain=5",
            "caps.workflows_per_domain=5", *NAMES, "card.pretty_name=x", "card.license=mit",
        "card.language=de", 'card.licenses={scribe="mit"}', 'card.tags=["x"]',
        'card.source_datasets=["a/b"]',
        'card.creators=["x"]', "card.url=https://x.example", "card.published=2026-01-31",
        "card.version=1.0.0",
        "card.citation=x", "limits.page_mb=5", "filter.incomplete_history=false",
        'filter.observations=["axtree"]',
    ]  # fmt: skip
    for change in changes:
        assert recipe.load("scribeagent-32k", [change]).settings() != plain.settings(), change
    apart = [
        recipe.load(
            "scribeagent-32k", ["failures.apart=true", f"failures.below={below}"]
        ).settings()
        for below in (0.5, 1.0)
    ]
    assert apart[0] != apart[1]
    other = ["card.license=other", "card.license_name=x", "card.license_link=https://x.example"]
    assert recipe.load("scribeagent-32k", other).settings()["card"].items() >= {
        "license": "other", "license_name": "x", "license_link": "https://x.example",
    }.items()  # fmt: skip
    covered = {change.split("=")[0] for change in changes}
    settings = {
        f"{name}.{key.name}" for name, section in plain.sections.items() for key in fields(section)
    }
    other_ways = ("vocabulary.", "prompt.chat_variables", "augment.", "gates.", "takedown.")
    assert {name for name in settings - covered if not name.startswith(other_ways)} == {
        "prune.ratio_vocabulary", "failures.below",
        "split.held_out", "split.held_out_validation", "split.lists",
        "include.file", "exclude.file",
        "limits.page_seconds", "card.license_name", "card.license_link",
        "card.template", "card.notes", "inputs.bundle_mb", "inputs.pages", "subsets.vocabulary",
    }  # fmt: skip
    same = [
        "vocabulary.engine=tiktoken",
        "limits.page_seconds=5",
        "inputs.bundle_mb=5",
        "gates.min_samples=5",
        'takedown.domains=["a.example"]',
    ]
    assert recipe.load("scribeagent-32k", same).settings() == plain.settings()
