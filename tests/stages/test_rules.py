"""Rules of a recipe's own: conditions and functions, their reasons, and where these show."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl.build.recipes import settings
from etl.build.recipes.recipe import from_tables, load, tables_of
from etl.build.run import whole
from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from etl.look import reasons as reasons_view
from etl.look.story import explain
from etl.stages.rules.columns import COLUMNS, View, WorkflowRow
from etl.stages.rules.stage import Rule, Rules
from etl.tally import Entry, Tally
from schemas.draft import Draft
from schemas.errors import BuildError, ConfigError
from tests.support import builds
from tests.support.strategies import draft, step

ROOT = Path(__file__).parents[2]


@pytest.fixture
def team() -> Iterator[types.ModuleType]:
    """An importable module."""
    module = types.ModuleType("a_team")
    sys.modules["a_team"] = module
    yield module
    del sys.modules["a_team"]


def run(row: Draft, *rules: Rule) -> tuple[list[Draft], list[Entry]]:
    """The workflows that come out, and the drops."""
    tally = Tally("rules")
    return list(Rules(rules)(iter([row]), tally)), tally.entries


def rule(reason: str, unit: Any, when: str = "", call: str = "", says: str = "") -> Rule:
    return Rule(reason, unit, when, call, says)


def test_a_rule_for_workflows() -> None:
    """It drops the workflow with its steps; the condition is the detail."""
    row = draft(step(), step(number=1), reward=0.5)
    out, entries = run(row, rule("half_done", "workflow", "reward < 1 and steps = 2"))
    assert out == []
    assert [(each.unit, each.reason) for each in entries] == [
        ("workflow", "half_done"), ("step", "half_done"), ("step", "half_done")
    ]  # fmt: skip
    assert entries[0].detail == "reward < 1 and steps = 2"


def test_rules_for_steps_and_samples() -> None:
    """They take steps out of training, which stay; the first reason counts, those for steps come
    before those for samples, and workflows see what is left.
    """
    row = draft(step(), step(kind="type", value="x", number=1), step(kind="hover", number=2))
    (out,), entries = run(
        row,
        rule("no_samples_left", "workflow", "samples = 0"),
        rule("late", "sample", "history >= 1"),
        rule("typed", "step", "kind = 'type' or value != ''"),
    )
    assert [str(each.reason) for each in out.steps] == ["", "typed", "late"]
    assert entries == []
    _, entries = run(draft(step()), rule("all_gone", "sample", "true"),
                     rule("no_samples_left", "workflow", "samples = 0"))  # fmt: skip
    assert entries[0].reason == "no_samples_left"


def test_a_reason_that_came_first_stays() -> None:
    """A rule replaces no reason of another stage."""
    row = draft(step())
    row.steps[0].drop("filter", "no_page")
    (out,), _ = run(row, rule("every_step", "step", "dropped = 'no_page'"))
    assert out.steps[0].reason == "no_page"


def test_a_function(team: types.ModuleType) -> None:
    """It is given a view of its unit; a text or True drops, with the text as detail."""
    seen: list[View] = []

    def judge(view: View) -> object:
        seen.append(view)
        return "it hovers" if view.kind == "hover" else None

    team.judge = judge  # type: ignore[attr-defined]
    row = draft(step(kind="hover"), step("<p>Mugs</p>", number=1))
    (out,), _ = run(row, rule("ours", "step", call="a_team:judge"))
    assert [(str(each.reason), each.detail) for each in out.steps] == [("ours", "it hovers"),
                                                                     ("", "")]  # fmt: skip
    assert seen[1].html == "<p>Mugs</p>"
    assert seen[1].objective == row.objective
    with pytest.raises(AttributeError, match="cannot be set"):
        seen[0].kind = "click"
    with pytest.raises(AttributeError, match="a step has no column observation_chars"):
        _ = seen[0].observation_chars


def test_a_function_that_gives_something_else(team: types.ModuleType) -> None:
    """Neither text nor truth is an error, which quarantines the workflow."""
    team.judge = lambda _: 7  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="a_team:judge gave int"):
        run(draft(step()), rule("ours", "workflow", call="a_team:judge"))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"reason": "Ours", "unit": "step", "when": "true"}, "reason 'Ours': write 3 to 60 small"),
        ({"reason": "ours", "unit": "step"}, "give either when or call"),
        ({"reason": "ours", "unit": "step", "when": "true", "call": "a:b"}, "either when or call"),
        ({"reason": "ours", "unit": "page", "when": "true"}, "choose one of workflow, step"),
        ({"reason": "ours", "when": "true"}, "unit must be given"),
        ({"reason": "ours", "unit": "step", "if": "true"}, "there is no such setting"),
        ({"reason": "ours", "unit": "workflow", "when": "kind = 'x'"}, "there is no column kind"),
        ({"reason": "ours", "unit": "step", "when": "step < "}, "at character 7"),
        ({"reason": "no_page", "unit": "step", "when": "true"}, "no_page is a reason of stepmill"),
    ],
)
def test_rules_that_cannot_be(table: dict[str, str], said: str) -> None:
    """They stop before work starts, and the message says which rule is wrong, and where."""
    good = {"reason": "fine", "unit": "step", "when": "true"}
    with pytest.raises(ConfigError) as error:
        from_tables({"extends": "scribeagent-32k", "rules": {"drop": [good, table]}})
    assert said in str(error.value)
    assert "rules.drop[2]" in str(error.value) or "no_page" in str(error.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("os.system", "is no import path"),
        ("no_such_module:judge", "cannot be imported (ModuleNotFoundError"),
        ("os:no_such", "cannot be imported (AttributeError"),
        ("os:sep", "is no function"),
    ],
)
def test_functions_that_cannot_be(call: str, said: str) -> None:
    """They stop a build before work starts, since its fingerprint needs them."""
    rules = {"drop": [{"reason": "ours", "unit": "step", "call": call}]}
    recipe = from_tables({"extends": "scribeagent-32k", "rules": rules})
    with pytest.raises(ConfigError) as error:
        recipe.samples.settings()
    assert said in str(error.value)
    assert "rules.drop[1] ours: call:" in str(error.value)


@pytest.mark.parametrize(
    "defined",
    ["def judge(view): return None", "import functools\njudge = functools.partial(print, 'x')"],
)
def test_the_source_of_a_function_is_in_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defined: str
) -> None:
    """Another text of its module is another fingerprint; the same text is the same. So it is where
    the module only fixes arguments of a function from elsewhere.
    """
    monkeypatch.syspath_prepend(str(tmp_path))
    hashes = []
    for text in ("a = 1", "a = 2", "a = 1"):
        (tmp_path / "team_rules.py").write_text(f"{text}\n{defined}\n")
        monkeypatch.delitem(sys.modules, "team_rules", raising=False)
        (setting,) = Rules((rule("ours", "step", call="team_rules:judge"),)).settings()["drop"]
        hashes.append(setting["source"])
    assert hashes[0] == hashes[2] != hashes[1]
    assert len(hashes[0]) == 40


def test_rules_go_to_other_processes() -> None:
    """A stage that has worked is pickled as its settings."""
    stage = Rules((rule("short_one", "workflow", "steps < 2"),))
    list(stage(iter([draft(step())]), Tally("rules")))
    again = pickle.loads(pickle.dumps(stage))
    assert again == stage
    assert list(again(iter([draft(step())]), Tally("rules"))) == []


def test_a_recipe_as_toml_reads_back(tmp_path: Path) -> None:
    """The printed recipe has the same rules, on lines of their own."""
    when = "url matches \"[?]a='b'\" and value != ''"
    rules = {"drop": [{"reason": "ours", "unit": "step", "when": when, "says": 'A "rule".'}]}
    recipe = from_tables({"extends": "scribeagent-32k", "rules": rules})
    (tmp_path / "again.toml").write_text(settings.toml(recipe, "again"))
    assert from_tables(tables_of(tmp_path / "again.toml")).stages == recipe.stages


def test_without_rules_nothing_changes() -> None:
    """A recipe without the sections has neither the stages nor other settings."""
    names = {stage.name for stage in load("scribeagent-32k").stages}
    assert not names & {"rules", "quality"}
    assert not {"templates", "minimums"} & load("scribeagent-32k").index.settings().keys()


def test_a_build_with_rules(tmp_path: Path) -> None:
    """The reasons show in drops, card, `explain` and the list of reasons, as built-in ones do; a
    function that fails quarantines its workflow.
    """
    (tmp_path / "blocking.py").write_text(
        "def judge(view):\n    if view.step == 2:\n        raise ValueError('two')\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        drop = [
            {"reason": "a_button", "unit": "sample", "when": "target_tag = 'button'",
             "says": "Its target is a button."},
            {"reason": "blocked", "unit": "step", "call": "blocking:judge"},
        ]  # fmt: skip
        recipe = from_tables({"extends": "scribeagent-32k", "rules": {"drop": drop}})
        out = tmp_path / "out"
        builds.build([builds.RECORDINGS / "library.jsonl"], out, recipe=recipe)
    finally:
        sys.path.remove(str(tmp_path))
    rows = drops(Layout(out).work).collect()
    crashed = rows.filter(pl.col("reason") == "stage_crashed")
    assert crashed.filter(unit="workflow").height > 0
    assert set(crashed["stage"]) == {"rules"}
    assert "two" in crashed["detail"][0]
    (tmp_path / "again").mkdir()
    builds.build(
        [builds.RECORDINGS / "library.jsonl"],
        tmp_path / "again" / "out",
        recipe=from_tables({"extends": "scribeagent-32k", "rules": {"drop": drop[:1]}}),
    )
    rows = drops(Layout(tmp_path / "again" / "out").work).collect()
    mine = rows.filter(pl.col("reason") == "a_button")
    assert set(mine["stage"]) == {"rules"}
    assert "Its target is a button." in (tmp_path / "again/out/dataset/README.md").read_text()
    story = explain.view(tmp_path / "again" / "out", mine["id"][0])
    assert "a_button" in str(story)
    own = recipe.own_reasons
    (meaning,) = reasons_view.view("a_button", own)
    assert meaning["says"] == "Its target is a button."
    with pytest.raises(ConfigError, match="nothing is dropped for 'a_button'"):
        reasons_view.view("a_button")


def test_gates_know_the_reasons_of_rules() -> None:
    """A limit for a rule's reason is taken; one for a reason that no rule gives is refused."""
    rules = {"drop": [{"reason": "ours", "unit": "step", "when": "true"}]}
    tables = {"extends": "scribeagent-32k", "rules": rules}
    assert from_tables(tables, ["gates.max_drop_rates.ours=0.5"]).gates.max_drop_rates
    with pytest.raises(ConfigError, match="theirs: nothing is dropped for such a reason"):
        from_tables(tables, ["gates.max_drop_rates.theirs=0.5"])


def page() -> str:
    """``docs/rules.md``, as the columns are."""
    lines = ["| column | type | of a | what it is |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {each.type} | {each.unit} | {each.says} |"
              for name, each in COLUMNS.items()]  # fmt: skip
    return "\n".join(lines)


def test_every_column_is_documented() -> None:
    """``docs/rules.md`` has the table of all columns, as they are."""
    assert page() in (ROOT / "docs" / "rules.md").read_text()


def test_every_column_has_a_value_of_its_type() -> None:
    """In a view of each unit; text, number and truth, or null."""
    kinds: dict[str, Any] = {"text": str, "number": (int, float), "truth": bool}
    row = WorkflowRow(draft(step(), reward=1.0))
    for unit, part in {"workflow": row, "sample": None}.items():
        views = [View("workflow", row)] if part else View("workflow", row).each_step
        for view in views:
            for name, each in COLUMNS.items():
                if unit == "sample" or each.unit == "workflow":
                    value = getattr(view, name)
                    assert value is None or isinstance(value, kinds[each.type]), name


def test_a_rule_that_drops_nothing_is_named(tmp_path: Path) -> None:
    """The build warns of it as of entries that match nothing, and a strict one stops."""
    drop = [
        {"reason": "a_button", "unit": "sample", "when": "target_tag = 'button'"},
        {"reason": "mistyped", "unit": "step", "when": "kind = 'clik'"},
    ]
    recipe = from_tables({"extends": "scribeagent-32k", "rules": {"drop": drop}})
    made = builds.prepared([builds.RECORDINGS / "library.jsonl"], tmp_path / "o", recipe=recipe)
    whole.run(made)
    (warning,) = [line for line in made.record.warnings if "rules.drop" in line]
    assert warning.startswith("rules.drop: 'mistyped' matches nothing; nothing is dropped")
    build = builds.prepared([builds.RECORDINGS / "library.jsonl"], tmp_path / "s", recipe=recipe)
    strict = replace(build, options=replace(build.options, strict=True))
    with pytest.raises(BuildError, match="'mistyped' matches nothing"):
        whole.run(strict)
