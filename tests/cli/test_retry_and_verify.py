"""`build --retry` reads what was mended, and `inspect verify` finds what is damaged."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from etl.dataset import state
from etl.dataset.layout import Layout
from etl.files.arrow import open_arrow, read_json
from etl.sources import workflows
from etl.tally import Odd
from schemas.errors import RecordError
from schemas.workflow import Workflow
from tests.cli.conftest import Run
from tests.support import builds


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of that build, to be damaged."""
    return Path(shutil.copytree(small / "out", tmp_path / "out"))


def test_retry_reads_a_mended_input(tmp_path: Path, run: Run) -> None:
    """After the broken record was mended in its file, `retry` builds it; the result is that of a
    build from nothing.
    """
    good, bad = builds.workflow(1), builds.workflow(2) | {"steps": "none"}
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", good, bad)
    out = tmp_path / "out"
    builds.build([path.parent], out)
    done = run("retry", out)
    assert (done.code, done.out, done.err.splitlines()[-1]) == (
        0,
        "",
        "quarantined before: 1 record, now: 1",
    )
    builds.write_workflows(path, good, builds.workflow(2))
    done = run("retry", out)
    assert done.code == 0
    assert done.err.splitlines()[-1] == "quarantined before: 1 record, now: 0"
    builds.build([path.parent], tmp_path / "fresh", given=state.generations(Layout(out).work))
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")


def test_retry_reads_with_a_mended_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """A source of a new version that reads more, and other things: a plain build refuses and names
    it, `retry` reads the inputs of that source again, and everything that depends on them is made
    again.
    """
    read = workflows._workflow

    def first(fields: dict[str, Any], origin: str, odd: list[Odd]) -> Workflow:
        if fields["workflow_id"] == "w2":
            raise RecordError("missing_field", "this version cannot read it")
        fields = fields | {
            "steps": [step | {"url": "https://old.example/"} for step in fields["steps"]]
        }
        return read(fields, origin, odd)

    path = builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *(builds.workflow(number) for number in (1, 2, 3))
    )
    builds.write_workflows(tmp_path / "in" / "b.jsonl", builds.workflow(4))
    out = tmp_path / "out"
    monkeypatch.setattr(workflows, "_workflow", first)
    monkeypatch.setattr(workflows.Workflows, "version", 0)
    builds.build([path.parent], out)
    with monkeypatch.context() as mended:
        mended.setattr(workflows, "_workflow", read)
        mended.setattr(workflows.Workflows, "version", 1)
        refused = run("build", path.parent, "--out", out)
        assert refused.code == 2
        assert "samples.source workflows.version: 0 is now 1" in refused.err
        assert run("retry", out).err.splitlines()[-1] == "quarantined before: 1 record, now: 0"
        builds.build([path.parent], tmp_path / "fresh")
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")
    assert not any("old.example" in sample.url for sample in builds.samples(out).values())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("place", range(12))
def test_verify_finds_a_flipped_bit(copy: Path, place: int, run: Run) -> None:
    """One bit, anywhere in any published file but the manifest: exit code 1,
    and the file is named.
    """
    names = sorted(read_json(copy / "dataset" / "manifest.json")["files"])
    name = names[place % len(names)]
    flip(copy / name, (copy / name).stat().st_size * place // 12)
    done = run("verify", copy)
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{name}: not the content that the manifest says (sha256); remove it and build again"
    ]


def test_what_verify_says_to_do_helps(small: Path, copy: Path, run: Run) -> None:
    """The damaged file removed and the build command given again: the build verifies, with the same
    bytes.
    """
    (path,) = (copy / "dataset" / "data").rglob("train-*.arrow")
    flip(path, 5000)
    assert run("verify", copy).code == 1
    path.unlink()
    assert run("verify", copy).out.startswith(
        "dataset/data/g0001/train-00000-of-00001.arrow: missing"
    )
    assert run("build", small / "in", "--out", copy).code == 0
    assert run("verify", copy).code == 0
    assert builds.contents(copy / "dataset") == builds.contents(small / "out" / "dataset")


def test_verify_finds_a_stray_file(copy: Path, run: Run) -> None:
    """A file among the published ones that the build did not make would be published too."""
    shutil.copy(
        next((copy / "dataset" / "data").rglob("*.arrow")),
        copy / "dataset" / "data" / "train-extra.arrow",
    )
    done = run("verify", copy)
    assert (done.code, done.out) == (1, "dataset/data/train-extra.arrow: not in the manifest\n")


def table_of(copy: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the training rows, and the manifest's hash of them, as somebody would who means it."""
    (path,) = (copy / "dataset" / "data").rglob("train-*.arrow")
    builds.rewrite(path, change(open_arrow(path).read_all()))
    manifest = read_json(copy / "dataset" / "manifest.json")
    manifest["files"][path.relative_to(copy).as_posix()] = builds.contents(path.parent)[path.name]
    (copy / "dataset" / "manifest.json").write_text(json.dumps(manifest))


def with_first(table: pa.Table, column: str, change: Callable[[list[Any]], None]) -> pa.Table:
    """A table with one value of its first row changed."""
    values = table[column].to_pylist()
    change(values[0])
    array = pa.array(values, table.schema.field(column).type)
    return table.set_column(table.schema.get_field_index(column), table.schema.field(column), array)


DAMAGE: Final[dict[str, tuple[Callable[[pa.Table], pa.Table], str]]] = {
    "a row less": (lambda table: table.slice(1), "the manifest says 1 files with"),
    "other columns": (lambda table: table.drop_columns(["labels"]), "is not input_ids"),
    "a label of another token": (
        lambda table: with_first(table, "labels", lambda row: row.__setitem__(-1, 5)),
        "a label is",
    ),
    "a token less": (
        lambda table: with_first(table, "input_ids", lambda row: row.pop()),
        "lengths of its columns",
    ),
    "a name less": (
        lambda table: with_first(table, "sample_ids", lambda row: row.pop()),
        "lengths of its columns",
    ),
    "another name": (
        lambda table: with_first(table, "sample_ids", lambda row: row.__setitem__(0, "w/1")),
        "samples are in the dataset but never read",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_verify_looks_into_the_rows(copy: Path, run: Run, what: str) -> None:
    """Damage under a hash that was mended to fit is found in schema, counts, rows or accounts."""
    change, says = DAMAGE[what]
    table_of(copy, change)
    done = run("verify", copy)
    assert done.code == 1
    assert says in done.out


def test_a_long_sample_is_in_no_verified_row(copy: Path, run: Run) -> None:
    """Rows above the context are found."""
    manifest = read_json(copy / "dataset" / "manifest.json")
    manifest["settings"]["index"]["context"] = 100
    (copy / "dataset" / "manifest.json").write_text(json.dumps(manifest))
    done = run("verify", copy)
    assert done.code == 1
    assert re.search(r"batch 0, row 0: \d+ tokens, context 100", done.out)
