"""Takedown: only ids in the ledger are left of listed workflows, and nothing else is rebuilt."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.build.dry_run import foresee
from etl.build.run.folder import clean
from etl.dataset import account, state
from etl.dataset.generations import Generations
from etl.dataset.layout import MANIFEST, Layout
from etl.decisions.takedown import COPY, Takedown, kept
from etl.files.arrow import open_arrow, read_json
from etl.look.verify import verify
from schemas.reasons import TAKEN_DOWN
from tests.decisions.conftest import LIST, SECRET, SMALL, secret, write
from tests.support import builds


def data_of(out: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """Stamps of all files that were built of inputs and samples."""
    return {
        name: builds.stamps(out / name)
        for name in ("work/samples", "work/light", "work/ledger/", "dataset/data")
    }


def holding(out: Path, text: str) -> list[str]:
    """The files of a build that hold a text, also in compressed columns or as tokens."""
    found = []
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        said = path.read_bytes()
        if path.suffix == ".parquet":
            said = json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
        if text.encode() in said:
            found.append(name)
    return found


def decoded(out: Path, vocabulary: Any) -> Iterator[str]:
    yield from (vocabulary.decode(row.input_ids.tolist()) for row in builds.emitted(out))


def test_nothing_is_left_but_ids(before: Path, after: Path) -> None:
    """Texts of listed workflows are in files of each kind before the takedown, and in none after.

    They are in no token either, and everything made of an input that is gone is gone. All that is
    not listed is still there.
    """
    out = after / "out"
    was = {name.split("/")[1] for name in holding(before / "out", SECRET)}
    assert was >= {"samples", "light", "quarantine"}
    assert holding(out, SECRET) == []
    vocabulary = builds.prepared([before / "in"], out, *SMALL).recipe.packed.encoder.vocabulary
    assert any(SECRET in text for text in decoded(before / "out", vocabulary))
    assert not any(SECRET in text for text in decoded(out, vocabulary))
    assert [name for name in holding(out, "shop5.example") if "order.json" not in name] == [
        "work/takedown.json"
    ]
    assert state.stale(out) == []
    assert state.stale(before / "out") != []
    names = {row.sample_id for row in builds.emitted(out)}
    assert names == {f"workflows:w{n}/{step}" for n in (*range(20), *range(50, 70), *range(71, 90),
    *range(91, 110))
                     if n % 7 != 5 and n != 3 for step in (1, 2)}  # fmt: skip


def test_the_ledger_keeps_ids_and_the_accounts_add_up(after: Path) -> None:
    """Listed workflows and their steps are in the ledger as read and as dropped, without domain.

    The accounts add up, statistics count them under no domain, and the manifest has only the list's
    hash.
    """
    out = after / "out"
    rows = account.ledger(out)
    taken = rows.filter(pl.col("reason") == TAKEN_DOWN)
    flows = set(taken.filter(pl.col("unit") == "workflow")["id"])
    expected = "w3 w3~2 w3~3 w5 w12 w19 w24 w25 w200 another".split()
    assert flows == {f"workflows:{name}" for name in expected}
    lines = rows.filter(
        pl.col("id").is_in(taken["id"].to_list()) | pl.col("parent").is_in(list(flows))
    )
    assert set(lines["domain"]) == {""}
    assert set(taken["detail"]) == {"", "its workflow was dropped", COPY}
    assert set(taken.filter(pl.col("detail") == COPY)["id"]) == {"workflows:another"}
    assert all(counts.errors == {} for counts in account.account(out).values())
    manifest = read_json(out / MANIFEST)
    assert manifest["takedown"] == kept(Layout(out).work.takedown).fingerprint != ""
    assert manifest["figures"]["drop_rate"] == 4 / (
        manifest["totals"]["samples"] + 4
    )  # the four broken records
    stats = {
        path.stem: pl.read_parquet(path) for path in (out / "dataset" / "stats").glob("*.parquet")
    }
    assert "" not in set(stats["domains"]["domain"])
    drops = stats["drops"].filter(pl.col("reason") == TAKEN_DOWN)
    assert dict(drops.select("unit", "count").iter_rows()) == {"workflow": 12, "step": 25}
    assert set(drops["domain"]) == {""}


def test_quarantined_bytes_that_name_it_are_gone(after: Path) -> None:
    """Three broken records that name an id or domain of the list keep their lines and nothing else.

    A broken record of a longer id keeps its bytes.
    """
    rows = {row["id"]: row for row in account.quarantined(after / "out").iter_rows(named=True)}
    stripped = {id for id, row in rows.items() if row["reason"] == TAKEN_DOWN}
    assert len(rows) == 4
    assert stripped == {id for id, row in rows.items() if not row["raw"] and not row["detail"]}
    (whole,) = (row for id, row in rows.items() if id not in stripped)
    assert b'"w31"' in whole["raw"]
    ledger = account.ledger(after / "out").filter(
        pl.col("id").is_in(list(stripped)) & (pl.col("reason") != "")
    )
    assert set(ledger["reason"]) == {"wrong_type"}
    assert set(ledger["detail"]) == {""}


def test_it_is_the_build_from_nothing(after: Path, tmp_path: Path) -> None:
    """A build from nothing with the same generations and list has the same bytes.

    This holds for the dataset, and for the work folder except reports of inputs that the list did
    not touch: they hold the list under which they were built.
    """
    out = after / "out"
    given = Generations.from_json(read_json(out / MANIFEST)["generations"])
    builds.build([after / "in"], tmp_path / "out", *SMALL, *LIST, given=given)
    assert builds.contents(tmp_path / "out" / "dataset") == builds.contents(out / "dataset")
    notes = {
        f"work/{name}"
        for name in (
            "order.json",
            "listing.json",
            "remembered.json",
            "stamps.json",
            "last_build.json",
        )
    }
    notes.add("work/locks/.guard")
    fresh, grown = builds.contents(tmp_path / "out"), builds.contents(out)
    assert set(fresh) - notes == set(grown) - notes
    differing = {name for name in fresh if name not in notes and fresh[name] != grown[name]}
    reports = {
        f"work/samples/{key}.json"
        for key, r in builds.inputs_of(out).items()
        if any(name[1:] == "b.jsonl" for name in r["rows"])
    }
    assert differing == reports


def test_only_what_it_touches_is_built_again(before: Path, tmp_path: Path) -> None:
    """For one workflow of the first night, only its input and its output shard are rebuilt.

    The dry run names both; all other samples, light and data files are left alone.
    """
    folder = Path(shutil.copytree(before, tmp_path / "copy"))
    out, listed = folder / "out", ('takedown.workflows=["w55", "w51"]',)
    was = data_of(out)
    seen = foresee(builds.prepared([folder / "in"], out, *SMALL, *listed))
    assert [(name, reason) for name, _, reason in seen.read] == [("1b.jsonl", "takedown")]
    builds.build([folder / "in"], out, *SMALL, *listed)
    now = data_of(out)
    keys = {key for key, report in builds.inputs_of(out).items() if "1b.jsonl" in report["rows"]}
    for place in ("work/samples", "work/light"):
        built = {
            name.split(".")[0]
            for name, stamp in now[place].items()
            if was[place].get(name) != stamp
        }
        assert built == keys
    written = {
        name
        for name, stamp in now["dataset/data"].items()
        if was["dataset/data"].get(name) != stamp
    }
    assert written <= set(seen.perhaps)
    assert {name.split("/")[0] for name in written} == {"g0001"}


@pytest.mark.parametrize("there", [(), LIST])
def test_a_list_that_touches_nothing_rebuilds_nothing(
    before: Path, tmp_path: Path, there: tuple[str, ...]
) -> None:
    """Entries that are nowhere in the inputs rebuild no file of phases 1 and 3.

    They are added to an empty list and to a full one; the manifest and the kept list are those of
    the new list.
    """
    folder = Path(shutil.copytree(before, tmp_path / "copy"))
    out = folder / "out"
    builds.build([folder / "in"], out, *SMALL, *there)
    clean(out)  # a list does that too
    was, files = data_of(out), builds.contents(out / "dataset" / "data")
    flows = kept(Layout(out).work.takedown).workflows | {"w999", "workflows:~2"}
    domains = kept(Layout(out).work.takedown).domains | {"nowhere.example"}
    longer = (
        f"takedown.workflows={json.dumps(sorted(flows))}",
        f"takedown.domains={json.dumps(sorted(domains))}",
    )
    assert foresee(builds.prepared([folder / "in"], out, *SMALL, *longer)).read == []
    manifest = builds.build([folder / "in"], out, *SMALL, *longer)
    now = data_of(out)
    for ledger in ("index.arrow", "fit.arrow"):  # written by every build
        del was["work/ledger/"][ledger], now["work/ledger/"][ledger]
    assert now == was
    assert builds.contents(out / "dataset" / "data") == files
    assert kept(Layout(out).work.takedown) == Takedown(flows, domains)
    assert manifest["takedown"] == kept(Layout(out).work.takedown).fingerprint
    assert verify(out) == []


def test_a_shorter_list_brings_rows_back(before: Path, after: Path, tmp_path: Path) -> None:
    """Without the domain its workflows are back; without a list everything is, byte for byte."""
    folder = Path(shutil.copytree(after, tmp_path / "copy"))
    out = folder / "out"
    builds.build([folder / "in"], out, *SMALL, LIST[0])
    back = {row.sample_id for row in builds.emitted(out)}
    assert {"workflows:w5/1", "workflows:w12/1", "workflows:w25/2"} <= back
    assert not {"workflows:w3/1", "workflows:another/1", "workflows:w24/1"} & back
    assert verify(out) == []
    builds.build([folder / "in"], out, *SMALL)
    assert builds.contents(out / "dataset") == builds.contents(before / "out" / "dataset")
    assert not (out / "work" / "takedown.json").exists()
    assert verify(out) == []


@pytest.mark.parametrize("seed", range(2))
def test_any_way_of_lists_ends_in_the_build_from_nothing(
    before: Path, tmp_path: Path, seed: int
) -> None:
    """After each of several random lists the dataset is that of a build from nothing.

    The lists name copies and repeats too.
    """
    folder = Path(shutil.copytree(before, tmp_path / "copy"))
    out, chance = folder / "out", random.Random(seed)
    given = Generations.from_json(read_json(out / MANIFEST)["generations"])
    flows = ["w3", "workflows:another", "workflows:w12", "w5", "w24", "w3~2", "w51", "broken1"]
    domains = ["shop5.example", "shop3.example", "shop2.example"]
    for turn in range(3):
        chosen = chance.sample(flows, 3), chance.sample(domains, turn % 2)
        listed = (
            f"takedown.workflows={json.dumps(chosen[0])}",
            f"takedown.domains={json.dumps(chosen[1])}",
        )
        builds.build([folder / "in"], out, *SMALL, *listed)
        fresh = tmp_path / f"fresh{turn}"
        builds.build([folder / "in"], fresh, *SMALL, *listed, given=given)
        assert builds.contents(out / "dataset") == builds.contents(fresh / "dataset"), chosen
        assert verify(out) == []


def test_a_conflict_between_inputs_keeps_no_bytes_of_it(tmp_path: Path) -> None:
    """A workflow with an id that came before in another file is quarantined with its content.

    Bytes that name a domain of the list are not kept there either.
    """
    write(tmp_path / "in" / "a.jsonl", *(builds.workflow(n) for n in range(3)))
    other = builds.workflow(1, objective="Find the way to the harbour")
    other["steps"][0]["html"] += f'<a href="https://shop5.example/">{SECRET}</a>'
    write(tmp_path / "in" / "b.jsonl", other)
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out)
    assert "work/quarantine/index.arrow" in holding(out, SECRET)
    builds.build([tmp_path / "in"], out, LIST[1])
    (row,) = account.quarantined(out).iter_rows(named=True)
    assert (row["reason"], row["detail"], row["raw"]) == (TAKEN_DOWN, "", b"")
    assert verify(out) == []


def test_the_list_is_a_file_that_later_commands_need_no_more(tmp_path: Path) -> None:
    """The list is read from a file beside the recipe's own.

    When the file is gone, `retry` and `compact` use the list that was kept, and `verify` knows it.
    Nothing of it is published.
    """
    write(
        tmp_path / "in" / "a.jsonl",
        *(secret(n) if n in {3, 5} else builds.workflow(n, steps=2) for n in range(12)),
    )
    listed, out = tmp_path / "list.txt", tmp_path / "out"
    listed.write_text("# asked for on Monday\nworkflow workflows:w3  # by its owner\n")
    arguments = (
        "build",
        tmp_path / "in",
        "--out",
        out,
        "--workers",
        "0",
        "--set",
        "takedown.domains=['shop5.example']",
    )
    done = builds.command(*arguments, "--set", f"takedown.file={listed}")
    assert done.returncode == 0, done.stderr
    listed.unlink()
    for command in (["retry", "--workers", "0"], ["compact", "--workers", "0"], ["verify"]):
        done = builds.command(*command, out)
        assert done.returncode == 0, done.stderr
        assert holding(out, SECRET) == []
    assert (
        holding(out / "dataset", "shop5.example") == holding(out / "dataset", "workflows:w3") == []
    )
    refused = builds.command(*arguments, "--set", f"takedown.file={listed}")
    assert refused.returncode == 2
    assert "takedown.file: cannot read" in refused.stderr


def test_what_was_known_of_a_domain_is_forgotten(tmp_path: Path) -> None:
    """The figures of the last build, for drift, name no domain that was taken down since.

    Its absence is no drift of the others.
    """
    write(tmp_path / "in" / "a.jsonl", *(builds.workflow(n) for n in range(28)))
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out)
    builds.build(
        [tmp_path / "in"], out, LIST[1], "gates.max_domain_drift=0", "gates.max_drop_rate=0"
    )
    previous = state.previous(out, {"shop4.example"})
    assert previous is not None
    assert not {"shop4.example", "shop5.example"} & set(previous.figures.domain_shares)
    assert holding(out / "work", "shop5.example") == ["order.json", "takedown.json"]


def test_explain_says_so(after: Path) -> None:
    """`explain` says that something was taken down, by id of a workflow, a step or a copy."""
    for id in ("w3", "workflows:w5", "workflows:w24/1", "w3~2"):
        said = builds.command("explain", after / "out", id).stdout
        assert "dropped, taken_down: " in said, id
        assert "domain not kept" in said
    assert "it is on the takedown list, and nothing of it is kept but ids" in builds.command(
        "explain", after / "out", "w5").stdout  # fmt: skip
    assert f"taken_down: {COPY}" in builds.command("explain", after / "out", "another").stdout


def arrow(column: str, value: Any) -> Callable[[Path], None]:
    """Repeat the first row of an Arrow file with another value in one column."""

    def change(path: Path) -> None:
        table = open_arrow(path).read_all()
        values = [value, *table[column].to_pylist()[1:]]
        at = table.schema.get_field_index(column)
        builds.rewrite(
            path,
            table.set_column(
                at, table.schema.field(at), pa.array(values, table.schema.field(at).type)
            ),
        )

    return change


def parquet(column: str, value: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        table = pq.read_table(path)
        at = table.schema.get_field_index(column)
        values = pa.array([value, *table[column].to_pylist()[1:]], table.schema.field(at).type)
        pq.write_table(table.set_column(at, table.schema.field(at), values), path)

    return change


def text(more: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(path.read_text() + more)

    return change
