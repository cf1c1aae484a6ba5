"""The data card: the Hub's YAML, the text for readers, templates, and notes by people."""

from __future__ import annotations

import logging
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, Final, cast

import polars as pl
import pytest
import yaml
from huggingface_hub import DatasetCard

from etl.build.recipes import recipe
from etl.card import markdown, words
from etl.card.reasons import says
from etl.card.settings import license_of
from etl.card.template import PLACEHOLDERS, CardTemplate
from etl.dataset.hand_written import Notes
from etl.dataset.manifest import Manifest
from etl.decisions import known as decisions
from etl.decisions.near.decision import Near
from etl.files.arrow import read_json, read_parquet
from etl.files.hashes import plain
from etl.stages import known as stages
from etl.stages.redact import Redact
from schemas.errors import ConfigError
from schemas.sample_table import PACKED_SCHEMA
from tests.support import builds

SECTIONS: Final = (
    "How it was built", "Domains", "Fields", "One sample", "Splits", "Privacy",
    "Copies and contamination", "Known limits", "What was left out", "From pages to tokens",
    "Licence", "Load", "Train", "Citation",
)  # fmt: skip
EVERYTHING: Final = (
    "card.pretty_name=Shops: 'mugs' & more", "card.license=other",
    "card.license_name=our-license-1.0",
    "card.license_link=https://shop.example/license",
    'card.licenses={scribe="cc-by-4.0", "lib*.jsonl"="mit"}',
    "card.language=en", 'card.tags=["shops"]', 'card.source_datasets=["original"]',
    'card.creators=["Ann Example", "Bo Example"]', "card.url=https://shop.example/data",
    "card.published=2026-01-31",
    "card.version=1.2.0",
)  # fmt: skip


def manifest_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(out / "dataset" / "manifest.json")
    return found


def tables_of(out: Path) -> dict[str, pl.DataFrame]:
    return {path.stem: read_parquet(path) for path in (out / "dataset" / "stats").glob("*.parquet")}


def text_of(out: Path) -> str:
    return (out / "dataset" / "README.md").read_text("utf-8")


def section(text: str, name: str) -> str:
    found = re.search(rf"^## {name}\n\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def table(text: str) -> list[list[str]]:
    """The rows of a table in a text, its head first."""
    rows = [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [row for row in rows if not set("".join(row)) <= {"-"}]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of some shipped recordings with all settings of [card]."""
    out = tmp_path_factory.mktemp("card") / "out"
    inputs = [
        builds.RECORDINGS / name for name in ("ledger.csv.gz", "ledger.jsonl.zst", "library.jsonl")
    ]
    builds.build(inputs, out, *EVERYTHING)
    return out


def little(folder: Path, count: int = 12) -> Path:
    """A folder with small recordings."""
    return builds.write_workflows(
        folder / "in" / "a.jsonl", *(builds.workflow(n, steps=2) for n in range(count))
    ).parent


def test_the_hub_s_own_classes_read_it(described: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`huggingface_hub.DatasetCard` takes the card without a warning.

    It says what the recipe and the manifest say.
    """
    logging.getLogger("huggingface_hub").propagate = True
    with caplog.at_level(logging.INFO):
        found = DatasetCard(text_of(described))
    assert not caplog.records
    manifest, data = manifest_of(described), cast(Any, found.data).to_dict()
    assert yaml.safe_load(text_of(described).split("---\n")[1]) == data
    assert (data["license"], data["license_name"]) == ("other", "our-license-1.0")
    assert data["license_link"] == "https://shop.example/license"
    assert (data["pretty_name"], data["language"]) == ("Shops: 'mugs' & more", ["en"])
    assert data["source_datasets"] == ["original"]
    assert (data["task_categories"], data["size_categories"]) == (["text-generation"], ["n<1K"])
    assert {"web-agents", "tokenized", "shops"} <= set(data["tags"])
    splits = {split["name"]: split for split in data["dataset_info"]["splits"]}
    assert {
        name: (split["num_examples"], split["num_bytes"]) for name, split in splits.items()
    } == {name: (split["rows"], split["bytes"]) for name, split in manifest["splits"].items()}
    assert [each["name"] for each in data["dataset_info"]["features"]] == PACKED_SCHEMA.names
    assert [each["split"] for each in data["configs"][0]["data_files"]] == list(splits)
    assert found.text.lstrip().startswith("# Shops: 'mugs' & more\n")


@pytest.mark.parametrize(
    ("rows", "size"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1000, "1K<n<10K"),
        (10**7, "10M<n<100M"),
        (10**12 - 1, "100B<n<1T"),
        (10**13, "n>1T"),
    ],
)
def test_size_categories_are_the_hub_s(own_build: Path, rows: int, size: str) -> None:
    """The size category goes by rows, with the Hub's words for each power of ten."""
    manifest = manifest_of(own_build)
    manifest["splits"] = {"train": {**manifest["splits"]["train"], "rows": rows}}
    head = yaml.safe_load(
        markdown.render(Manifest.from_json(manifest, "here"), tables_of(own_build)).split("---\n")[
            1
        ]
    )
    assert head["size_categories"] == [size]


def test_every_section_says_what_the_manifest_says(own_build: Path) -> None:
    """All sections are there, in order.

    The tables of splits, domains, drops and columns are those of the manifest, the statistics and
    the schema; recipe, fingerprint and totals are in the text.
    """
    text, manifest = text_of(own_build), manifest_of(own_build)
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == SECTIONS
    intro = " ".join(text.split("# Web workflows")[1].split("##")[0].split())
    totals, kept = manifest["totals"], manifest["accounting"]["workflow"]["kept"]
    for count, what in {
        totals["samples"]: "samples from", kept: "workflows on",
        manifest["figures"]["domains"]: "domains in",
        totals["tokens"]: "tokens,", totals["completion_tokens"]: "of them with loss",
    }.items():  # fmt: skip
        assert f"{count:,} {what}" in intro
    assert manifest["fingerprint"] in section(text, "How it was built")
    assert manifest["recipe"] in section(text, "How it was built")
    assert [row[0] for row in table(section(text, "Splits"))[1:]] == ["train", "test"]
    assert [int(row[2].replace(",", "")) for row in table(section(text, "Splits"))[1:]] == [
        manifest["splits"][split]["samples"] for split in ("train", "test")
    ]
    domains = read_parquet(own_build / "dataset" / "stats" / "domains.parquet")
    shown = table(section(text, "Domains"))[1:]
    assert [row[0] for row in shown] == domains["domain"].to_list()
    assert [int(row[4].replace(",", "")) for row in shown] == domains["tokens"].to_list()
    dropped = {
        (unit, drop["reason"]): drop["count"]
        for unit, counts in manifest["accounting"].items()
        for drop in counts["reasons"]
    }
    left_out = table(section(text, "What was left out"))[1:]
    assert {(row[0], row[2]): int(row[3]) for row in left_out} == dropped
    assert all(row[4] and row[4].replace("\\", "") == says(row[2]) for row in left_out)
    assert [row[:2] for row in table(section(text, "Fields"))[1:]] == [
        [f"`{column.name}`", f"list of {column.type.value_type}"] for column in PACKED_SCHEMA
    ]
    stages = re.findall(r"^\d+\. `(\w+)` ", section(text, "How it was built"), re.MULTILINE)
    assert stages == ["filter", "locate", "prune", "unroll", "index", "fit", "encode", "pack"]


def test_it_says_what_no_stage_did(own_build: Path) -> None:
    """The card says what was not looked for while the settings name no stage for it.

    That is personal data, near-duplicates and benchmarks.
    """
    manifest, tables = manifest_of(own_build), tables_of(own_build)
    text = text_of(own_build)
    assert "Nothing was done about personal data" in section(text, "Privacy")
    assert "Not looked for: near-duplicates and overlap with benchmarks" in section(
        text, "Copies and contamination"
    )
    manifest["settings"]["samples"]["stage redact"] = {"version": 1, **Redact().settings()}
    manifest["privacy"] = {"findings": 0, "replaced": {"email": 1200, "phone": 3}}
    manifest["settings"]["index"]["near"] = plain(Near(threshold=0.8))
    text = markdown.render(Manifest.from_json(manifest, "here"), tables)
    assert "Nothing was done" not in section(text, "Privacy")
    assert "The stage `redact` is for this; its settings: `allow` ()" in section(text, "Privacy")
    assert "Replaced in what was read: email 1,200, phone 3." in section(text, "Privacy")
    assert "by pseudonyms of the same shape" in section(text, "How it was built")
    looked = section(text, "Copies and contamination")
    assert "Looked for: near-duplicates (`across` on, `action` drop" in looked
    assert "`threshold` 0.8" in looked
    assert "(at least 80% of its nodes), in another workflow" in section(text, "How it was built")
    assert "Not looked for: overlap with benchmarks." in section(text, "Copies and contamination")


def test_every_stage_and_setting_of_the_index_has_its_words() -> None:
    """A new stage or setting of the index fails here, so that the card describes each."""
    loaded = recipe.load("scribeagent-32k")
    silent = {
        "augment",
        "select",
        "caps",
        "templates",
        "minimums",
    }  # which a recipe as shipped does not use
    for name, settings in loaded.samples.settings().items():
        if name.startswith("stage "):
            stage = {each.name: each for each in stages.KNOWN}[name.removeprefix("stage ")]
            assert bool(stage.in_words(settings)) == (stage.name not in silent)
    shipped = [each for each in decisions.KNOWN if each.name in loaded.index.settings()]
    assert {each.name for each in shipped} == decisions.ALWAYS
    for decision in shipped:
        settings = loaded.index.settings()[decision.name]
        assert bool(decision.in_words(settings)) == (decision.name not in silent)
    own = loaded.index.settings().keys() - {decision.name for decision in decisions.KNOWN}
    assert own == set(words._OF_INDEX) - {"subsets", "failures"}
    tables = {"domains", "subdomains", "actions", "drops", "outcomes", "waterfall"}
    assert set(words.STATISTICS) - words.OPTIONAL == tables


def test_what_a_recipe_does_otherwise_is_told(tmp_path: Path) -> None:
    """The card names rules that are off, chunk policies, lists, unpacked rows, copies and losses.

    It names takedowns too.
    """
    records = [builds.workflow(n, steps=2) for n in range(20)]
    records[1]["steps"][0]["target"] = [{"kind": "css", "value": "#absent"}]
    records[2]["steps"][0]["html"] += "<p>words of the page </p>" * 400
    inputs = builds.write_workflows(tmp_path / "in" / "a.jsonl", *records).parent
    builds.write_workflows(inputs / "b.jsonl", builds.workflow(3, steps=2))
    (inputs / "c.jsonl").write_text('{"workflow_id": "bad", "objective": 5, "steps": []}\n')
    (tmp_path / "held").write_text("w4\nw5\n")
    changes = [
        "filter.section_or_stack=false", "filter.min_english=0", "filter.min_reward=0.5",
        "fit.context=1024",
        "fit.train=drop", "pack.packing=false", "unroll.max_history=1",
        "locate.train_without_element=true",
        "prune.keep_target=false", f"split.held_out={tmp_path / 'held'}",
        'takedown.workflows=["w6"]',
    ]  # fmt: skip
    builds.build([inputs], tmp_path / "out", *changes)
    text = text_of(tmp_path / "out")
    built = section(text, "How it was built")
    for part in (
        "reward under 0.5",
        "with the 1 steps before it",
        "train: the sample is left out",
        "one sample a row",
    ):
        assert part in built
    assert "section_or_stack" not in built
    assert "probability" not in built
    assert "page actions are samples too" in built
    assert "what a list of 2 entries holds out" in section(text, "Splits")
    assert "A takedown list was applied; 1 workflow left" in section(text, "Privacy")
    assert "(1 were left out)" in section(text, "Copies and contamination")
    limits = section(text, "Known limits")
    assert re.search(r"\d\.\d% of the actions on an element are left out", limits)
    assert "1 record could not be read" in limits
    assert "pruning rules" not in limits


def test_a_budget_is_told_with_what_it_kept(tmp_path: Path, own_build: Path) -> None:
    """Budget, targets kept and cut, names, tokens and what rules took are those of the manifest;
    the published files alone give the same card, and a dataset without a budget says nothing of
    one.
    """
    chosen = recipe.load("compact-4k", ["observe.budget=512"])
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], tmp_path, recipe=chosen)
    text, manifest = text_of(tmp_path), manifest_of(tmp_path)
    said, found = section(text, "From pages to tokens"), manifest["budget"]
    assert "Observations are made for a budget of 512 tokens." in said
    share = found["kept"] / found["targets"]
    assert 0.5 < share < 1
    assert f"Of {found['targets']} targets {share:.2%} are kept; {found['cut']} were cut" in said
    assert f"Of {found['with_name']} of those kept that have a name 100.00% have it" in said
    assert f"{found['p50']} tokens at the median and {found['p90']} at the 90th" in said
    assert f"lines of elements: cut {found['removed']['cut']:,}, " in said
    made = markdown.render(Manifest.from_json(manifest, "here"), tables_of(tmp_path))
    assert made == text
    assert "budget" not in section(text_of(own_build), "From pages to tokens")


def test_each_source_has_its_licence(described: Path, own_build: Path) -> None:
    """A licence is found by the longest pattern of an input's name, else by format.

    An input without one is shown so, and files and samples add up to the dataset's.
    """
    rows = table(section(text_of(described), "Licence"))
    assert rows == [
        ["recorded as", "files", "samples", "licence"],
        ["scribe", "1", "22", "[cc-by-4.0](https://spdx.org/licenses/CC-BY-4.0)"],
        ["workflows", "1", "55", "not given"],
        ["workflows", "1", "39", "[mit](https://spdx.org/licenses/MIT)"],
    ]
    assert sum(int(row[2]) for row in rows[1:]) == manifest_of(described)["totals"]["samples"]
    assert "[our-license-1.0](https://shop.example/license)" in section(
        text_of(described), "Licence"
    )
    assert "No licence is given for the dataset" in section(text_of(own_build), "Licence")
    licences = {"scribe": "mit", "shop/*": "cc0-1.0", "shop/2026-*": "https://shop.example/l"}
    found = [
        license_of(name, "scribe", licences) for name in ("a.csv", "shop/a.csv", "shop/2026-01.csv")
    ]
    assert found == ["mit", "cc0-1.0", "https://shop.example/l"]
    assert license_of("a.json", "mind2web", licences) == ""


BAD: Final[dict[str, tuple[str, str]]] = {
    "unknown licence": (
        "card.license=apache",
        "'apache' is no licence identifier of the Hub; did you mean",
    ),
    "other without a name": ("card.license=other", "needs card.license_name and card.license_link"),
    "name without other": ("card.license_name=mine", 'go with card.license = "other" only'),
    "licence of an unknown format": (
        'card.licenses={mind2wbe="mit"}',
        "no format 'mind2wbe'; did you mean 'mind2web'?",
    ),
    "unknown licence of a source": (
        'card.licenses={mind2web="mitt"}',
        "card.licenses.mind2web = 'mitt' is no licence",
    ),
    "other licence of a source": (
        'card.licenses={mind2web="other"}',
        "give the URL of the licence's text",
    ),
    "licence that is no text": ("card.licenses={mind2web=1}", "expected str, got int"),
    "language": ("card.language=English", "'English' is not an ISO 639 code"),
    "source dataset": (
        'card.source_datasets=["a b"]',
        "'a b' is not 'original' or a dataset of the Hub",
    ),
    "url": ("card.url=shop.example", "'shop.example' is not a URL"),
    "version": ("card.version=v1", "'v1' is not a version as 1.0.0"),
    "date": ('card.published="soon"', "expected a date as 2026-01-31"),
    "no name": ("card.pretty_name=", "card.pretty_name is empty"),
    "two lines": ('card.pretty_name="a\\nb"', "card.pretty_name is one line"),
    "empty tag": ('card.tags=[""]', "'' is not a line of text"),
    "template that is not there": (
        "card.template=nowhere.md",
        "cannot read nowhere.md: No such file",
    ),
    "notes that are not there": ("card.notes=nowhere.md", "cannot read nowhere.md: No such file"),
    "unknown placeholder": (
        "card.template=unknown.md",
        "line 2: there is no placeholder $sample; did you mean $samples?",
    ),
    "lone dollar": ("card.template=lone.md", "line 1: a lone $; write $$"),
    "text in a place for notes": ("card.template=filled.md", "the notes 'a' are not empty"),
    "two places of a name": ("card.template=twice.md", "notes 'a' have two places"),
    "yaml in a template": ("card.template=yaml.md", "begins with YAML"),
    "template in another encoding": ("card.template=latin.md", "is not UTF-8"),
    "notes without an end": ("card.notes=open.md", "open.md: the notes 'a' have no end"),
    "end without notes": (
        "card.notes=close.md",
        "close.md, line 2: <!-- /notes --> without a beginning",
    ),
    "notes in notes": (
        "card.notes=nested.md",
        "line 2: <!-- notes: b --> before the end of the notes 'a'",
    ),
    "notes without a name": ("card.notes=nameless.md", "notes need a name of letters"),
    "notes twice": ("card.notes=double.md", "notes 'a' stand there twice"),
    "text without marks": ("card.notes=bare.md", "none between <!-- notes: NAME --> and"),
}
FILES: Final[dict[str, bytes]] = {
    "unknown.md": b"# $pretty_name\n$sample of them\n",
    "lone.md": b"costs 5$ only\n",
    "filled.md": b"<!-- notes: a -->\ntext\n<!-- /notes -->\n",
    "twice.md": b"<!-- notes: a --><!-- /notes -->\n<!-- notes: a --><!-- /notes -->",
    "yaml.md": b"---\nlicense: mit\n---\n# x\n",
    "latin.md": b"caf\xe9",
    "open.md": b"<!-- notes: a -->\ntext\n",
    "close.md": b"text\n<!-- /notes -->\n",
    "nested.md": b"<!-- notes: a -->\n<!-- notes: b -->\n<!-- /notes -->\n<!-- /notes -->\n",
    "nameless.md": b"<!-- notes: -->\nx\n<!-- /notes -->\n",
    "double.md": b"<!-- notes: a -->x<!-- /notes -->\n<!-- notes: a -->y<!-- /notes -->\n",
    "bare.md": b"# all of it\n",
}


@pytest.mark.parametrize("what", BAD)
def test_what_the_card_cannot_be_made_of_stops_before_work(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unusable setting, template or notes file is a `ConfigError`, and nothing is written.

    It says what, where and what to do.
    """
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    setting, says = BAD[what]
    with pytest.raises(ConfigError, match=re.escape(says)):
        builds.build([little(tmp_path)], tmp_path / "out", setting)
    assert set(builds.contents(tmp_path / "out")) <= {"work/last_build.json"}


def test_a_template_of_one_s_own(tmp_path: Path) -> None:
    """A user's template is filled, and its hash is a setting, so that a changed one is named.

    No path of it is in the dataset.
    """
    template = tmp_path / "a-place-of-ours" / "mine.md"
    template.parent.mkdir()
    template.write_text(
        "# ${pretty_name}\n\n$samples samples for $$5.\n\n<!-- notes: ours --><!-- /notes -->\n"
    )
    order = [little(tmp_path)], tmp_path / "out", f"card.template={template}"
    builds.build(*order)
    assert text_of(tmp_path / "out").split("---\n", 2)[2] == (
        "\n# Web workflows\n\n24 samples for $5.\n\n<!-- notes: ours -->\n<!-- /notes -->\n"
    )
    for path in (tmp_path / "out" / "dataset").rglob("*"):
        assert path.is_dir() or b"a-place-of-ours" not in path.read_bytes()
    template.write_text("# $pretty_name again\n")
    with pytest.raises(ConfigError, match=r"card\.template: '[0-9a-f]{64}' is now '[0-9a-f]{64}'"):
        builds.build(*order)
    before = builds.stamps(tmp_path / "out" / "dataset" / "data")
    builds.build(*order, redo=True)
    assert "# Web workflows again" in text_of(tmp_path / "out")
    assert builds.stamps(tmp_path / "out" / "dataset" / "data") == before


def test_the_shipped_template_uses_every_placeholder() -> None:
    """The shipped template uses each placeholder, and each has a value."""
    assert {
        name for name in PLACEHOLDERS if f"${name}" in CardTemplate.shipped().text
    } == PLACEHOLDERS


def test_the_card_is_a_function_of_what_is_published(described: Path) -> None:
    """The manifest as it is read back and the statistics give the same card, to the byte."""
    manifest = manifest_of(described)
    assert markdown.render(Manifest.from_json(manifest, "here"), tables_of(described)) == text_of(
        described
    )
    elsewhere = markdown.render(
        Manifest.from_json(manifest, "here"), tables_of(described), "me/web"
    )
    assert elsewhere == text_of(described).replace('"path/or/repo"', '"me/web"')


def test_the_readme_shows_the_card_s_examples() -> None:
    """The README's snippets for trainers are those of the card, which `make test-train` runs.

    Its [card] table names settings that exist, and its notes are read.
    """
    readme = (builds.ROOT / "README.md").read_text("utf-8")
    python = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    shown = [
        code.replace('"$place"', '"demo-out/dataset"')
        for code in python.findall(CardTemplate.shipped().text)
    ]
    assert python.findall(readme) == shown
    assert len(shown) == 3
    (example,) = re.findall(r"^```toml\n(\[card\]\n.*?)^```", readme, re.MULTILINE | re.DOTALL)
    loaded = recipe.from_tables({"extends": "scribeagent-32k", **tomllib.loads(example)})
    assert {name.lstrip("# ") for name in re.findall(r"^(?:# )?(\w+) = ", example,
    re.MULTILINE)} | {
        "license_name", "license_link",
    } == {each.name for each in fields(loaded.card)}  # fmt: skip
    (notes_shown,) = re.findall(r"^```markdown\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert Notes.of_text(notes_shown, "README.md").parts == {
        "limits": "The recorder missed pages behind a login until March."
    }


def test_citation(described: Path, own_build: Path) -> None:
    """The citation is the recipe's BibTeX, or one with balanced braces and the fingerprint."""
    entry = section(text_of(described), "Citation")
    assert "author = {Ann Example and Bo Example}," in entry
    assert "year = {2026}," in entry
    assert manifest_of(described)["fingerprint"] in entry
    assert entry.count("{") == entry.count("}")
    manifest = manifest_of(own_build)
    assert "author" not in markdown.citation(Manifest.from_json(manifest, "here"))
    manifest["settings"]["card"]["citation"] = "@article{a,\n title={b}}\n"
    assert (
        section(
            markdown.render(Manifest.from_json(manifest, "here"), tables_of(own_build)), "Citation"
        )
        == "```bibtex\n@article{a,\n title={b}}\n```\n"
    )
