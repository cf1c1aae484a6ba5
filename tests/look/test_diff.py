"""`stepmill diff`: two builds side by side; and when `stepmill compact` is worth it."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from etl.dataset.generations import Generations
from etl.dataset.manifest import FORMAT, Card, Figures, Manifest, Packing, Split, Totals
from etl.dataset.place import manifest_of, place_of
from etl.files.arrow import read_json
from etl.look import compaction, diff, overview
from schemas.errors import ConfigError
from tests.support import builds


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds ``old`` and ``new``: a file came, one changed, one went, a setting too, and one is
    taken down.
    """
    folder = tmp_path_factory.mktemp("compare")
    inputs = folder / "in"
    for name, numbers in {"a": range(28), "b": range(30, 40), "c": range(40, 50)}.items():
        builds.write_workflows(
            inputs / f"{name}.jsonl", *(builds.workflow(n, steps=2) for n in numbers)
        )
    builds.build([inputs], folder / "old")
    shutil.copytree(folder / "old", folder / "new")
    (inputs / "c.jsonl").unlink()
    failing = [builds.workflow(n, steps=2) for n in range(30, 40)]
    failing[0]["steps"][0]["error"] = "no such button"
    failing[1]["steps"][1]["target"] = [{"kind": "css", "value": "#absent"}]
    failing[2]["steps"][0]["action"]["kind"] = "type"
    builds.write_workflows(inputs / "b.jsonl", *failing)
    builds.write_workflows(
        inputs / "d.jsonl", *(builds.workflow(7 * n, steps=2) for n in range(10, 17))
    )
    changes = ("fit.context=16384", 'takedown.workflows=["w1"]')
    builds.build([inputs], folder / "new", *changes, redo=True, allow_removal=True)
    return folder


def view(two: Path) -> dict[str, Any]:
    return diff.compare(manifest_of(two / "old"), manifest_of(two / "new"))


def test_everything_that_differs_is_there(two: Path) -> None:
    """Totals, tokens a sample, mix of actions, survival, drop rates by reason, inputs, settings
    field by field and generations: as the two manifests have them, with the change.
    """
    found = view(two)
    old, new = (read_json(two / name / "dataset" / "manifest.json") for name in ("old", "new"))
    assert found["totals"]["samples"] == {"old": 96, "new": 86, "change": -10}
    for key in ("tokens_per_sample", "survival", "drop_rate"):
        row = found["figures"][key]
        assert (row["old"], row["new"]) == (old["figures"][key], new["figures"][key])
        assert row["change"] == row["new"] - row["old"]
    assert found["figures"]["survival"]["new"] < 1
    (typed,) = (row for row in found["actions"] if row["name"] == "type")
    assert typed == {"name": "type", "old": 0.0, "new": 1 / 86, "change": 1 / 86}
    assert {row["name"] for row in found["drops"]} == {
        "failed_action",
        "target_absent",
        "taken_down",
        "workflow_dropped",
    }
    assert found["inputs"] == {"new": ["d.jsonl"], "changed": ["b.jsonl"], "removed": ["c.jsonl"]}
    assert "index.context: 32768 is now 16384" in {each["change"] for each in found["settings"]}
    assert {each["phase"] for each in found["settings"]} == {"index", "packed"}
    assert [g["name"] for g in found["generations"]["old"]] == ["g0001"]
    assert [(g["name"], g["inputs"]) for g in found["generations"]["new"]] == [
        ("g0001", 1),
        ("g0002", 2),
    ]
    assert (found["same"], found["takedown_changed"]) == (False, True)


def test_the_largest_changes_come_first(two: Path) -> None:
    """Domains are in the order of the size of their change, up or down, and add up to nothing."""
    rows = view(two)["domains"]
    sizes = [abs(row["change"]) for row in rows]
    assert rows[0]["name"] == "shop0.example"
    assert sizes == sorted(sizes, reverse=True)
    assert sum(row["change"] for row in rows) == pytest.approx(0)
    assert len(rows) == 7


def test_as_a_table_and_as_json(two: Path) -> None:
    """The command prints tables, cut at the limit with a word on the rest, or everything as JSON;
    it takes folders of builds, published datasets and manifests alike.
    """
    done = builds.command("diff", two / "old", two / "new", "--limit", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^samples +96 +86 +-10$", done.stdout, re.MULTILINE)
    assert re.search(
        r"^shop0\.example +1\d\.\d\d% +2\d\.\d\d% +\+\d+\.\d\d%$", done.stdout, re.MULTILINE
    )
    assert "and 5 more, which changed less: --limit 0" in done.stdout
    for line in (
        "inputs: 1 new, 1 changed, 1 removed", "  new: d.jsonl", "  removed: c.jsonl",
        "takedown: another list",
        "  index.context: 32768 is now 16384",
    ):  # fmt: skip
        assert line in done.stdout.splitlines()
    whole = builds.command("diff", two / "old", two / "new", "--limit", "0").stdout
    assert "shop6.example" in whole
    assert "--limit 0" not in whole
    places = [two / "old" / "dataset", two / "new" / "dataset" / "manifest.json"]
    assert json.loads(builds.command("diff", *places, "--json").stdout) == view(two)


def test_a_build_and_itself(two: Path) -> None:
    """Nothing is different, and that is said in a line."""
    manifest = manifest_of(two / "new")
    found = diff.compare(manifest, manifest)
    assert diff.as_text(found, 20) == "the same build: equal fingerprints"
    assert (found["inputs"], found["settings"]) == ({"new": [], "changed": [], "removed": []}, [])
    assert not any(row["change"] for row in found["domains"])


def test_what_is_no_build_is_said(two: Path, tmp_path: Path) -> None:
    """A folder without a manifest, and files that are none."""
    for place, text in (
        (tmp_path, None),
        (tmp_path / "a.json", "{}"),
        (tmp_path / "b.json", "no JSON"),
    ):
        if text is not None:
            place.write_text(text)
        with pytest.raises(
            ConfigError,
            match="no finished build" if text is None else "not a manifest with figures",
        ):
            manifest_of(place)


NOTHING: Final = Manifest(
    format=FORMAT,
    recipe="",
    fingerprint="",
    settings={"index": {"shard_bytes": 256 * 2**20}},
    generations=Generations(),
    takedown="",
    vocabulary={},
    card=Card("", {}, {}),
    inputs=(),
    splits={},
    totals=Totals(*([0] * 11)),
    outcomes=(),
    figures=Figures(0, 0, 0, 0.0, 1.0, 0.0, {}, {}, {}),
    accounting={},
    unknown_actions=(),
    page_actions={},
    packing=(),
    quarantined=0,
    oddities=(),
    files={},
)


def manifest(*packing: tuple[str, str, int, int, int, int]) -> Manifest:
    """A manifest with what the rule looks at: (generation, split, files, rows, tokens, bytes)
    each.
    """
    rows = tuple(Packing(*each) for each in packing)
    sizes = Counter[str]()
    for row in rows:
        sizes[row.split] += row.bytes
    splits = {name: Split(0, 0, 0, 0, 0, size, 0.0) for name, size in sizes.items()}
    return replace(NOTHING, packing=rows, splits=splits)


def full(
    generation: int, files: int = 1, size: int = 250 * 2**20
) -> tuple[str, str, int, int, int, int]:
    return f"g{generation:04}", "train", files, 100, 99_000, size


def test_when_compaction_is_worth_it() -> None:
    """Many generations; many rows fewer if all were as full as the largest generation; many files,
    and twice as many as planned. Each at its limit and just over it.
    """
    at, over = ([full(number) for number in range(1, count + 1)] for count in (30, 31))
    assert compaction.reasons(manifest(*at)) == []
    assert compaction.reasons(manifest(*over)) == ["31 generations; more than 30 are many"]
    largest = ("g0001", "train", 1, 100, 100_000, 2**28)
    assert compaction.reasons(manifest(largest, ("g0002", "train", 1, 100, 90_000, 2**28))) == []
    assert compaction.reasons(manifest(largest, ("g0002", "train", 1, 100, 89_000, 2**28))) == [
        "200 rows; about 189 would do if all were as full as those of the largest generation"
    ]
    assert compaction.reasons(manifest(full(1, 4, 2**28), full(2, 4, 2**20))) == []
    assert compaction.reasons(manifest(full(1, 4, 2**30), full(2, 5, 2**20))) == []
    assert compaction.reasons(manifest(full(1, 4, 2**29), full(2, 5, 2**20))) == [
        "9 files; 3 of the planned 256 MB would do"
    ]


def test_one_generation_is_never_worth_it() -> None:
    """What is one generation already cannot be made one, however small its files; nor nothing at
    all.
    """
    assert compaction.reasons(manifest(full(7, 100, 2**20))) == []
    assert compaction.reasons(manifest()) == []


def test_inspect_says_when_it_is_time(tmp_path: Path) -> None:
    """After one night there is nothing to say; after five small ones `inspect` says why one
    generation would be better; compacted, it says no more.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    said = []
    for number in range(5):
        records = (builds.workflow(100 * number + i) for i in range(20))
        builds.write_workflows(inputs / f"{number}.jsonl", *records)
        builds.build([inputs], out, "split.test=0.3")
        said.append(overview.text(overview.view(place_of(out)), out))
    assert "stepmill compact" not in said[0]
    why = "10 files; 2 of the planned 256 MB would do"
    assert why in overview.view(place_of(out))["compaction"]
    assert (
        f"\n  {why}"
        in said[-1].partition("it is time to merge all generations: stepmill compact")[2]
    )
    builds.build([inputs], out, "split.test=0.3", compact=True)
    assert overview.view(place_of(out))["compaction"] == []
