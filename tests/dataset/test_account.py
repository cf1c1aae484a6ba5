"""The accounting is recomputed from the files: it fails when one row is removed by hand, wherever
that is.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from etl.build import index_files
from etl.cli.main import cli
from etl.dataset import account
from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from etl.files import storage
from etl.files.arrow import open_arrow
from etl.stages import unroll
from schemas.draft import Draft, StepDraft
from schemas.errors import IntegrityError
from schemas.samples import Sample
from tests.support import builds


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small build in which things are dropped in every phase: two repeats, a conflict, long
    pages, a broken line.
    """
    folder = tmp_path_factory.mktemp("accounting")
    records = [builds.workflow(number, steps=3) for number in range(40)]
    records[3]["steps"][1]["error"] = "no such button"
    records[8]["steps"][0]["html"] = (
        "<button id=b0>Order</button>" + "<p>one piece of text </p>" * 4000
    )
    records[5]["steps"] = [
        records[5]["steps"][0] | {"html": "<button id=b0>Order</button>" + "word " * 9000}
    ]
    builds.write_workflows(folder / "in" / "a.jsonl", *records)
    other = builds.workflow(7) | {"objective": "Order something else with this id in the shop"}
    builds.write_workflows(
        folder / "in" / "b.jsonl", records[1], records[2] | {"workflow_id": "again"}, other
    )
    with (folder / "in" / "b.jsonl").open("a") as stream:
        stream.write('{"workflow_id": "broken", "objective": "Order", "steps": [}\n')
    (folder / "in" / "notes.txt").write_text("nothing recorded here")
    builds.build([folder / "in"], folder / "out", "fit.context=4096", "fit.max_chunks=4")
    return folder / "out"


@pytest.fixture
def out(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "out"))


def errors(out: Path) -> dict[tuple[str, str], int]:
    """What does not add up: (unit, what) -> how many."""
    accounts = account.account(out)
    return {
        (unit, what): found.count
        for unit in account.UNITS
        for what, found in accounts[unit].errors.items()
    }


def ledger_without(out: Path, unit: str, workflow: str, reason: str = "") -> None:
    """Remove the first row of a unit, of or in a workflow, from the ledgers."""
    for path in sorted((out / "work" / "ledger").glob("*.arrow")):
        for i, row in enumerate(open_arrow(path).read_all().to_pylist()):
            if (row["unit"], row["reason"]) == (unit, reason) and workflow in (
                row["id"],
                row["parent"],
            ):
                builds.without_row(path, i)
                return
    raise AssertionError(f"no {unit} to remove")


def test_a_build_with_drops_in_every_phase_balances(whole: Path) -> None:
    """Whatever is dropped, quarantined, repeated, or in no known format: what was read is kept or
    dropped, once.
    """
    assert errors(whole) == {}
    accounts = account.account(whole)
    reasons = {
        unit: {row.reason: row.count for row in accounts[unit].reasons} for unit in account.UNITS
    }
    assert reasons["workflow"] == {"duplicate_workflow": 2, "conflicting_id": 1, "no_samples": 1}
    assert reasons["step"] == {
        "duplicate_workflow": 6, "failed_action": 1, "conflicting_id": 1, "too_many_chunks": 1,
        "over_context": 1,
    }  # fmt: skip
    assert reasons["record"].keys() == {"workflow_dropped", "broken_json", "unknown_format"}
    assert accounts["step"].read == 118 + 3 + 3 + 1
    assert accounts["sample"].read == accounts["step"].read - 1


def test_the_ledgers_hold_every_drop(whole: Path) -> None:
    """Everything that the accounting finds dropped stands in a ledger of a phase, once; packing's
    drops too.
    """
    columns = ["unit", "stage", "shard", "id", "parent", "reason", "detail", "domain"]
    accounted = account.ledger(whole).filter(pl.col("reason") != "").select(columns)
    listed = drops(Layout(whole).work).select(columns).collect()
    assert sorted(listed.rows()) == sorted(accounted.rows())
    packing = listed.filter(pl.col("stage") == "fit")
    assert set(packing["unit"]) == {"sample", "step", "workflow"}


@pytest.mark.parametrize("older", [True, False], ids=["older version", "lost"])
def test_the_ledger_of_packing_is_written_again(whole: Path, out: Path, older: bool) -> None:
    """A build without it, as older versions made them or because it was removed, says what to do;
    the build command makes it again, and the dataset stays as it is.
    """
    ledger = Layout(out).work.fit_ledger
    before, content = builds.contents(out / "dataset"), ledger.read_bytes()
    ledger.unlink()
    with pytest.raises(IntegrityError, match="run the build command again"):
        drops(Layout(out).work)
    if older:  # nothing knows that there was one
        Layout(out).work.stamps.unlink()
    builds.build([whole.parent / "in"], out, "fit.context=4096", "fit.max_chunks=4")
    assert ledger.read_bytes() == content
    assert builds.contents(out / "dataset") == before


@pytest.mark.parametrize("unit", account.UNITS)
def test_a_lost_line_about_what_was_read_is_found(out: Path, unit: str) -> None:
    """Remove the one ledger row that says a thing was read, of any unit: what became of it has no
    beginning.
    """
    ledger_without(out, unit, "workflows:w0")
    expected = (
        ("workflow", "made of no record")
        if unit == "record"
        else (unit, "in the dataset but never read")
    )
    assert errors(out) == {expected: 1}


@pytest.mark.parametrize("unit", ["workflow", "step", "sample"])
def test_a_lost_drop_is_found(out: Path, unit: str) -> None:
    """Remove the one ledger row that says why a thing was dropped:
    it is neither there nor dropped.
    """
    ledger_without(out, unit, "workflows:again", "duplicate_workflow")
    assert errors(out) == {(unit, "read but neither in the dataset nor dropped"): 1}


def test_a_lost_row_of_the_dataset_is_found(out: Path) -> None:
    """Remove one packed row: exactly its samples, and their steps, are missing."""
    (path,) = (out / "dataset" / "data").rglob("train-*.arrow")
    lost = len(open_arrow(path).get_batch(0).column("sample_ids")[0])
    builds.without_row(path, 0)
    found = errors(out)
    missing = "read but neither in the dataset nor dropped"
    assert found["sample", missing] == found["step", missing] == lost > 0
    assert {what for _, what in found} == {missing}


def test_a_row_twice_in_the_dataset_is_found(out: Path) -> None:
    """Repeat one packed row: its samples are in the dataset twice."""
    (path,) = (out / "dataset" / "data").rglob("train-*.arrow")
    table = open_arrow(path).read_all()
    twice = len(table["sample_ids"][0])
    builds.rewrite(path, pa.concat_tables([table, table.slice(0, 1)]))
    assert errors(out) == {("sample", "in the dataset twice"): twice}


def test_a_sample_of_another_build_is_found(out: Path) -> None:
    """Rename one sample in the dataset: one is missing, and one was never read."""
    (path,) = (out / "dataset" / "data").rglob("train-*.arrow")
    table = open_arrow(path).read_all()
    names = table["sample_ids"].to_pylist()
    names[0][0] = "workflows:elsewhere/1"
    column = pa.array(names, table.schema.field("sample_ids").type)
    builds.rewrite(path, table.set_column(3, "sample_ids", column))
    found = errors(out)
    assert found["sample", "in the dataset but never read"] == 1
    assert found["sample", "read but neither in the dataset nor dropped"] == 1


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of several inputs, index files and output shards, with drops in index and packing."""
    folder = tmp_path_factory.mktemp("spread")
    for part in range(6):
        records = [builds.workflow(20 * part + number, steps=2) for number in range(20)]
        for record in records:
            for number, step in enumerate(record["steps"]):
                step["html"] += f"<p>{record['workflow_id']} {number} {'some text ' * 1500}</p>"
        again = [
            builds.workflow(20 * part, steps=2)
            | {"workflow_id": f"again-{part}", "steps": records[0]["steps"]}
        ]
        builds.write_workflows(folder / "in" / f"{part}.jsonl", *records, *again)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_files, "PART_ROWS", 30)
        builds.build(
            [folder / "in"],
            folder / "out",
            "fit.context=3200",
            "fit.max_chunks=1",
            "pack.shard_mb=1",
        )
    return folder / "out"


def test_the_accounts_are_the_same_in_groups_of_any_size(spread: Path, tmp_path: Path) -> None:
    """One input shard at a time, some, or all at once: the same accounts, of a whole build and of a
    broken one.
    """
    assert len(storage.files(spread / "work" / "index", ".parquet")) > 5
    assert len(storage.files(spread / "dataset" / "data", ".arrow")) > 3
    whole = account.settle(spread)
    assert not any(counts.errors for counts in whole.units.values())
    assert {row.reason for row in whole.units["workflow"].reasons} >= {"duplicate_workflow"}

    out = Path(shutil.copytree(spread, tmp_path / "out"))
    first, *_, last = sorted((out / "dataset" / "data").rglob("train-*.arrow"))
    rows = open_arrow(first).read_all()
    builds.rewrite(
        last, pa.concat_tables([rows.slice(0, 1), open_arrow(last).read_all()])
    )  # of another output shard
    builds.without_row(
        max((out / "work" / "ledger").glob("*.arrow"), key=lambda path: path.stat().st_size), 5
    )
    builds.without_row(out / "work" / "ledger" / "index.arrow", 0)
    broken = account.settle(out)
    assert broken.units["sample"].errors["in the dataset twice"].count == len(rows["sample_ids"][0])
    assert set(broken.units["sample"].errors) > {"in the dataset twice"}

    for folder, expected in ((spread, whole), (out, broken)):
        for size in (1, 300):
            found = account.settle(folder, size)
            assert found.units == expected.units
            assert found.counts.equals(expected.counts)
            assert found.unread == expected.unread


def test_samples_in_several_chunks_balance(tmp_path: Path) -> None:
    """Under the policy that keeps all chunks a sample is in the dataset once, however many they
    are; where one of them is taken out, or put in again, it is missing, or there too often.
    """
    record = builds.workflow(0, steps=3)
    record["steps"][1]["html"] += "<p>some text of a long page</p>" * 800
    builds.write_workflows(tmp_path / "in.jsonl", record)
    out = tmp_path / "out"
    settings = ("fit.context=2048", "fit.train=all", "fit.test=all", "pack.packing=false")
    manifest = builds.build([tmp_path / "in.jsonl"], out, *settings)
    (path,) = (out / "dataset" / "data").rglob("*.arrow")
    table = open_arrow(path).read_all()
    ids = [row[0] for row in table["sample_ids"].to_pylist()]
    long = "workflows:w0/2"
    assert ids.count(long) > 2
    assert errors(out) == {}
    assert (
        manifest["totals"]["samples"]
        == sum(split["samples"] for split in manifest["splits"].values())
        == 3
    )

    builds.without_row(path, ids.index(long))
    assert set(errors(out)) == {
        (unit, "read but neither in the dataset nor dropped") for unit in ("step", "sample")
    }
    builds.rewrite(path, pa.concat_tables([table, table.slice(ids.index(long), 1)]))
    assert errors(out) == {("sample", "in the dataset twice"): 1}


def test_a_lost_reason_of_packing_is_found(out: Path) -> None:
    """Remove the row that says why packing dropped a sample: it is neither there nor dropped."""
    (path,) = (out / "work" / "fitted").rglob("train-*.parquet")
    table = pq.read_table(path)
    pq.write_table(table.filter(pc.not_equal(table["reason"], "over_context")), path)
    missing = "read but neither in the dataset nor dropped"
    assert errors(out) == {("workflow", missing): 1, ("step", missing): 1, ("sample", missing): 1}


@pytest.mark.parametrize("files", ["ledger/*.arrow", "light/*.arrow", "fitted/*/*.parquet"])
def test_verify_names_the_work_file_that_is_not_what_it_was(out: Path, files: str) -> None:
    """`verify` fails on a file behind the accounting that was cut, and names it."""
    path = max((out / "work").glob(files), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[:-100])
    result = CliRunner().invoke(cli, ["verify", str(out)])
    assert result.exit_code == 1, result.output
    assert f"{path.relative_to(out)}: not what its report says" in result.output


def test_inspect_prints_the_accounts(whole: Path) -> None:
    """`inspect` shows all four units, what was read, kept and dropped, each reason, and that it
    adds up.
    """
    text = CliRunner().invoke(cli, ["inspect", str(whole)]).output
    for unit, counts in account.account(whole).items():
        line = next(line.split() for line in text.splitlines() if line.startswith(f"{unit}s "))
        assert line == [
            f"{unit}s",
            *(f"{count:,}" for count in (counts.read, counts.kept, counts.dropped)),
            "adds",
            "up",
        ]
        for drop in counts.reasons:
            line = [f"{unit}s", drop.stage, drop.reason, f"{drop.count:,}"]
            assert line in [line.split() for line in text.splitlines()]


def test_inspect_and_verify_print_what_does_not_add_up(out: Path) -> None:
    """After a row was removed `inspect` that counts again says ERROR with an example, and `verify`
    ends with exit code 1; without, `inspect` shows what the manifest has.
    """
    assert (
        "ERROR"
        not in CliRunner().invoke(cli, ["inspect", str(out), "overview", "--recount"]).output
    )
    ledger_without(out, "step", "workflows:w3", "failed_action")
    assert "ERROR" not in CliRunner().invoke(cli, ["inspect", str(out)]).output
    text = CliRunner().invoke(cli, ["inspect", str(out), "overview", "--recount"]).output
    assert "ERROR" in text
    assert "steps: read but neither in the dataset nor dropped: 1, for example workflows:" in text
    result = CliRunner().invoke(cli, ["verify", str(out)])
    assert result.exit_code == 1
    assert "not what its report says" in result.output


def test_a_crash_in_a_stage_costs_that_workflow_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that fails on one workflow: it is quarantined whole with its content, all others come
    out the same.
    """
    make = unroll._sample

    def crash(draft: Draft, step_draft: StepDraft, *rest: Any) -> Sample:
        if draft.step_id(step_draft) == "workflows:w3/2":
            raise ZeroDivisionError("planted")
        return make(draft, step_draft, *rest)

    records = [builds.workflow(number, steps=3) for number in range(8)]
    path = builds.write_workflows(tmp_path / "a.jsonl", *records)
    monkeypatch.setattr(unroll, "_sample", crash)
    builds.build([path], tmp_path / "out")
    monkeypatch.undo()
    without = builds.write_workflows(
        tmp_path / "b" / "a.jsonl", *(record for record in records if record != records[3])
    )
    builds.build([without], tmp_path / "without")

    assert errors(tmp_path / "out") == {}
    (bad,) = account.quarantined(tmp_path / "out").to_dicts()
    assert (bad["id"], bad["stage"], bad["reason"]) == ("workflows:w3", "unroll", "stage_crashed")
    assert bad["detail"].startswith("ZeroDivisionError: planted")
    assert [step["html"] for step in json.loads(bad["raw"])["steps"]] == [
        step["html"] for step in records[3]["steps"]
    ]
    kept = [
        (e.split, e.sample_id, e.input_ids.tolist(), e.labels.tolist())
        for e in builds.emitted(tmp_path / "out")
    ]
    same = [
        (e.split, e.sample_id, e.input_ids.tolist(), e.labels.tolist())
        for e in builds.emitted(tmp_path / "without")
    ]
    assert sorted(kept) == sorted(same)
    dropped = account.ledger(tmp_path / "out").filter(pl.col("reason") == "stage_crashed")
    assert dropped.group_by("unit").len().sort("unit").rows() == [("step", 3), ("workflow", 1)]
