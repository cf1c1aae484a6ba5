"""`inspect verify` finds whatever a takedown has left, wherever it is."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from etl.build.dry_run import foresee
from etl.build.pools.slices import Slice
from etl.build.recipes.recipe import load
from etl.build.recipes.sections import TakedownSettings
from etl.build.run import slices
from etl.build.run.build import Options
from etl.build.run.whole import run
from etl.dataset import state
from etl.dataset.generations import Generations
from etl.dataset.layout import MANIFEST, Layout
from etl.decisions.takedown import kept, kept_matches
from etl.files.arrow import open_arrow, read_json, write_json
from etl.look.verify import verify
from schemas.errors import BuildError
from schemas.reasons import TAKEN_DOWN
from tests.decisions.conftest import LIST, SECRET, SMALL
from tests.decisions.test_takedown import arrow, holding, parquet, text
from tests.support import builds


def test_verify_passes_what_was_built(before: Path, after: Path) -> None:
    """Nothing is found in a build with a list, nor in one without.

    A list that was changed without a build is found.
    """
    assert verify(before / "out") == verify(after / "out") == []


def in_json(change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def rewrite(path: Path) -> None:
        value = read_json(path)
        change(value)
        write_json(path, value)

    return rewrite


PLANTED: Final[dict[str, tuple[str, Callable[[Path], None], str]]] = {
    "id in data": ("dataset/data/*/train-*.arrow", arrow("sample_ids", ["workflows:w3/1"]),
    "workflows:w3/1"),
    "repeat in data": ("dataset/data/*/train-*.arrow", arrow("sample_ids", ["x:w24~2/1"]),
    "x:w24~2/1"),
    "domain in statistics": ("dataset/stats/domains.parquet", parquet("domain", "shop5.example"),
    "shop5.example"),
    "subdomain in statistics": ("dataset/stats/subdomains.parquet", parquet("subdomain",
    "w.shop5.example"), "w.shop5"),
    "domain in actions": ("dataset/stats/actions.parquet", parquet("domain", "shop5.example"),
    "shop5.example"),
    "domain in drops": ("dataset/stats/drops.parquet", parquet("domain", "shop5.example"),
    "shop5.example"),
    "domain in stats.json": ("dataset/stats/stats.json",
    in_json(lambda v: v.update(x="Shop5.example")), "shop5"),
    "domain in the card": ("dataset/README.md", text("| www.shop5.example | 3 |\n"),
    "shop5.example"),
    "domain in the manifest": (
        "dataset/manifest.json",
        in_json(lambda v: v["figures"]["domain_shares"].update({"shop5.example": 0.1})),
        "shop5.example",
    ),
    "samples by id": ("work/samples/*.arrow", arrow("sample_id", "workflows:w24/2"),
    "workflows:w24/2"),
    "samples by workflow": ("work/samples/*.arrow", arrow("workflow", "workflows:w3"),
    "workflows:w3"),
    "samples by address": ("work/samples/*.arrow", arrow("url", "https://a.shop5.example:1/x"),
    "a.shop5.example:1"),
    "samples by website": ("work/samples/*.arrow", arrow("website", "shop5.example"),
    "shop5.example"),
    "light by workflow": ("work/light/*.arrow", arrow("workflow", "workflows:w3~2"),
    "workflows:w3~2"),
    "light by domain": ("work/light/*.arrow", arrow("domain", "shop5.example"), "shop5.example"),
    "index by id": ("work/index/*-train-*.parquet", parquet("sample_id", "workflows:w3/1"),
    "workflows:w3/1"),
    "index by domain": ("work/index/*-train-*.parquet", parquet("domain", "shop5.example"),
    "shop5.example"),
    "fitted by id": ("work/fitted/*/train-*.parquet", parquet("sample_id", "workflows:w3/1"),
    "workflows:w3/1"),
    "fitted by domain": ("work/fitted/*/train-*.parquet", parquet("subdomain", "shop5.example"),
    "shop5.example"),
    "ledger by domain": ("work/ledger/*.arrow", arrow("domain", "shop5.example"), "shop5.example"),
    "ledger by id": ("work/ledger/index.arrow", lambda path: ledger_line(path, "workflows:w24"),
    "workflows:w24"),
    "domain of a dropped id": (
        "work/ledger/index.arrow", lambda path: ledger_line(path, "workflows:w3", TAKEN_DOWN,
        "a.example"), "w3",
    ),
    "quarantine by bytes": ("work/quarantine/*.arrow", arrow("raw", b'{"workflow_id": "w24"}'),
    "record 1a.jsonl#"),
    "quarantine by domain": ("work/quarantine/*.arrow", arrow("raw",
    gzip.compress(b"//SHOP5.example")), "record 1a"),
    "quarantine by a neighbour": ("work/quarantine/*.arrow", arrow("raw", b"w19"),
    "record 1a.jsonl#"),
    "quarantine by detail": ("work/quarantine/*.arrow", arrow("detail", "of w24: too long"),
    "record 1a.jsonl#"),
    "summary of the last run": ("work/last_build.json",
    in_json(lambda v: v.update(message="shop5.example")), "shop5"),
    "report": ("work/samples/*.json", in_json(lambda v: v.update(domains=["shop5.example"])),
    "shop5.example"),
}  # fmt: skip
"""Where -> files of which the first is changed, how, and what is said of it."""


def ledger_line(path: Path, id: str, reason: str = "", domain: str = "") -> None:
    """Add a line about a workflow to a ledger."""
    table = open_arrow(path).read_all()
    nothing = {each.name: 0 if pa.types.is_integer(each.type) else "" for each in table.schema}
    line = nothing | {
        "unit": "workflow",
        "id": id,
        "reason": reason,
        "domain": domain,
    }
    builds.rewrite(path, pa.concat_tables([table, pa.Table.from_pylist([line], table.schema)]))


@pytest.mark.parametrize("what", PLANTED)
def test_verify_finds_what_is_planted(copy: Path, what: str) -> None:
    """A listed row or word, put by hand into a file of each kind, is reported with its file."""
    pattern, plant, said = PLANTED[what]
    path = next(
        path for path in sorted(copy.glob(pattern)) if path.suffix != ".arrow" or has_rows(path)
    )
    plant(path)
    lines = [
        line
        for line in verify(copy)
        if line.startswith(f"{path.relative_to(copy).as_posix()}: holds what is")
    ]
    assert len(lines) == 1
    assert said in lines[0]


def has_rows(path: Path) -> bool:
    return bool(open_arrow(path).read_all().num_rows) or path.parent.name == "ledger"


def test_verify_finds_files_that_are_left_over(before: Path, copy: Path) -> None:
    """Files of a missing input are found when they are put back, though nothing uses them.

    So is a half-written file.
    """
    gone = state.stale(before / "out")
    samples = next(
        path for path in gone if path.parent.name == "samples" and path.suffix == ".arrow"
    )
    shutil.copy(str(samples), copy / "work" / "samples")
    (copy / "work" / "light" / "x.json.1.part").write_text("https://shop5.example/")
    found = [line.split(": ")[0] for line in verify(copy)]
    assert found == ["work/light/x.json.1.part", f"work/samples/{samples.name}"]


def test_verify_knows_the_list_by_its_hash(copy: Path) -> None:
    """A kept list that is not the manifest's is reported as another one."""
    write_json(copy / "work" / "takedown.json", {"workflows": [], "domains": []})
    assert verify(copy)[0].startswith("work/takedown.json: not the list that the manifest says")


def test_the_vocabularies_of_metadata_are_no_traces(tmp_path: Path) -> None:
    """A build without recordings of ``w3.org`` and ``schema.org`` proves that.

    Croissant metadata name these as vocabularies; a name that they take from recordings is found.
    """
    builds.write_workflows(tmp_path / "a.jsonl", *(builds.workflow(n) for n in range(3)))
    out = tmp_path / "out"
    builds.build([tmp_path / "a.jsonl"], out, "takedown.domains=['w3.org', 'schema.org']")
    assert verify(out) == []
    path = out / "dataset" / "croissant.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"description": "pages of www.w3.org"}))
    assert any(
        "croissant.json: holds what is taken down: w3.org" in problem for problem in verify(out)
    )


def test_slices_share_the_list(before: Path, after: Path, tmp_path: Path) -> None:
    """Copies are found in any of two slices, with the list given only there.

    `finish` knows the list.
    """
    out = tmp_path / "out"
    given = Generations.from_json(read_json(after / "out" / MANIFEST)["generations"])
    order = {"inputs": [str(after / "in")], "recipe": "scribeagent-32k", "overrides": [*SMALL]}
    for number in (1, 2, 1):
        slices.read(
            builds.prepared([after / "in"], out, *SMALL, *LIST, given=given),
            Slice(number, 2),
            order,
        )
    assert kept(Layout(out).work.takedown) == kept(Layout(after / "out").work.takedown)
    listed = kept(Layout(out).work.takedown)
    recipe = replace(
        load("scribeagent-32k", SMALL), takedown=TakedownSettings(listed.workflows, listed.domains)
    )
    slices.pack(builds.prepared([after / "in"], out, recipe=recipe, given=given), Slice(1, 2))
    assert holding(out, SECRET) == []
    run(builds.prepared([after / "in"], out, recipe=recipe, given=given))
    assert builds.contents(out / "dataset") == builds.contents(after / "out" / "dataset")


def test_finish_goes_by_the_list_that_its_slices_had(after: Path, tmp_path: Path) -> None:
    """`build --shard` takes a list from a file, and `finish` does without the file."""
    listed, out = tmp_path / "list.txt", tmp_path / "out"
    listed.write_text("workflow w3\nworkflow w24\nworkflow broken1\ndomain shop5.example\n")
    for number in (1, 2):
        asked = ("--shard", f"{number}/2", "--set", f"takedown.file={listed}", "--workers", "0")
        done = builds.command("build", after / "in", "--out", out, *asked)
        assert done.returncode == 0, done.stderr
    listed.unlink()
    done = builds.command("finish", out, "--workers", "0")
    assert done.returncode == 0, done.stderr
    assert holding(out, SECRET) == []
    assert verify(out) == []


def test_a_work_folder_of_an_earlier_version_is_read_again(after: Path, tmp_path: Path) -> None:
    """Inputs whose reports lack what a list needs are read again, to the same bytes."""
    folder = Path(shutil.copytree(after, tmp_path / "copy"))
    out = folder / "out"
    before = builds.contents(out / "dataset")
    for path in (out / "work" / "samples").glob("*.json"):
        write_json(
            path,
            {
                name: value
                for name, value in read_json(path).items()
                if name not in {"removed", "by"}
            },
        )
    (out / MANIFEST).unlink()
    seen = foresee(builds.prepared([folder / "in"], out, *SMALL, *LIST))
    assert {reason for _, _, reason in seen.read} == {"built by another version"}
    builds.build([folder / "in"], out, *SMALL, *LIST)
    assert builds.contents(out / "dataset") == before


def test_each_entry_s_matches_are_counted(after: Path, tmp_path: Path) -> None:
    """Workflows, unreadable records and copies are counted by entry.

    Entries that come later count for what is taken down already. An entry without a match is named
    with what may have been meant, and an error if each must match.
    """
    matches = kept_matches(Layout(after / "out").work.takedown)
    assert matches.copies == 1
    assert matches.none == []
    folder = Path(shutil.copytree(after, tmp_path / "copy"))
    out = folder / "out"
    flows = sorted({*kept(Layout(out).work.takedown).workflows, "w5", "W7", "nowhere", "w5/1"})
    listed = (f"takedown.workflows={json.dumps(flows)}", LIST[1])
    builds.build([folder / "in"], out, *SMALL, *listed)
    now = kept_matches(Layout(out).work.takedown)
    assert {entry: now.entries[entry] for entry in matches.entries} == matches.entries
    assert now.entries["workflow w5"] == (1, 0)
    assert now.none == ["workflow W7", "workflow nowhere", "workflow w5/1"]
    assert {entry: now.hints[entry] for entry in now.none} == {
        "workflow W7": "did you mean w7?", "workflow nowhere": "",
        "workflow w5/1": "did you mean w5?",
    }  # fmt: skip
    assert verify(out) == []
    strict = replace(
        builds.prepared([folder / "in"], out, *SMALL, *listed), options=Options(strict=True)
    )
    with pytest.raises(BuildError, match="3 entries of lists match nothing, and --strict is on"):
        run(strict)
