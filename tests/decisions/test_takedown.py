"""Takedown: only ids in the ledger are left of listed workflows, and nothing else is rebuilt."""

from __future__ import annotations

import gzip
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from etl.build.dry_run import foresee
from etl.build.pools.slices import Slice
from etl.build.recipes.recipe import load
from etl.build.recipes.sections import TakedownSettings
from etl.build.run import slices
from etl.build.run.build import Options
from etl.build.run.folder import clean
from etl.build.run.whole import run
from etl.dataset import account, state
from etl.dataset.generations import Generations
from etl.dataset.layout import MANIFEST, Layout
from etl.decisions.takedown import COPY, Takedown, kept, kept_matches, parse
from etl.files.arrow import open_arrow, read_json, write_json
from etl.look.verify import verify
from schemas.errors import BuildError, ConfigError
from schemas.reasons import TAKEN_DOWN
from tests.support import builds

SMALL: Final = ("pack.shard_mb=1", "split.test=0.2", "fit.context=4096")
LIST: Final = (
    'takedown.workflows=["workflows:w3", "w24", "broken1"]',
    'takedown.domains=["shop5.example"]',
)
SECRET: Final = "XYZZY"
"""In every text of a workflow that the list takes down, and nowhere else."""


def secret(number: int, steps: int = 2, **fields: Any) -> dict[str, Any]:
    """A workflow whose every text says that it is to be taken down."""
    record = builds.workflow(number, steps, **fields)
    record["objective"] += f" {SECRET}"
    for step in record["steps"]:
        step["html"] = step["html"].replace("<h1>", f"<h1>{SECRET} ")
        step["action"]["description"] += f" {SECRET}"
    return record


def night(folder: Path, number: int) -> None:
    """More recordings, in two files a night, with everything that the list names."""
    if number == 1:
        plain = (builds.workflow(n, steps=2) for n in range(20) if n % 7 != 5 and n != 3)
        on_domain = (secret(n) for n in (5, 12, 19))  # on shop5.example
        repeats = (secret(3), secret(3) | {"reward": 1.0}, secret(3))  # w3~2 and w3~3
        write(folder / "1a.jsonl", *plain, *on_domain, *repeats)
        with (folder / "1a.jsonl").open("a") as stream:
            stream.write(f'{{"workflow_id": "broken1", "objective": "{SECRET}", "steps": 5}}\n')
            stream.write(f'{{"workflow_id": "w3", "objective": 5, "website": "{SECRET}"}}\n')
            stream.write(
                f'{{"workflow_id": "x", "objective": 5, "steps": "https://WWW.Shop5.example/ '
                f'{SECRET}"}}\n'
            )
            stream.write('{"workflow_id": "w31", "objective": "fine", "steps": 5}\n')
        write(
            folder / "1b.jsonl", *(builds.workflow(n, steps=2) for n in range(50, 70) if n % 7 != 5)
        )
    else:
        mixed = secret(24)
        mixed["steps"].append(secret(26)["steps"][0])
        one_step = secret(25)
        one_step["steps"][1]["url"] = "https://shop5.example:8080/basket"
        plain = (builds.workflow(n, steps=2) for n in range(71, 90) if n % 7 != 5)
        copies = (secret(3, workflow_id="another"), secret(3), secret(12, workflow_id="w12"))
        write(
            folder / "2a.jsonl",
            mixed,
            one_step,
            secret(200, website="shop5.example"),
            *copies,
            *plain,
        )
        write(
            folder / "2b.jsonl",
            *(builds.workflow(n, steps=2) for n in range(91, 110) if n % 7 != 5),
        )


def write(path: Path, *records: dict[str, Any]) -> None:
    builds.write_workflows(path, *records)


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


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs ``in`` and a build ``out`` of them in two nights, without a list.

    A third file was there and is gone.
    """
    folder = tmp_path_factory.mktemp("takedown")
    night(folder / "in", 1)
    write(folder / "in" / "gone.jsonl", secret(33), secret(24, workflow_id="w24"))
    builds.build([folder / "in"], folder / "out", *SMALL)
    (folder / "in" / "gone.jsonl").unlink()
    night(folder / "in", 2)
    builds.build([folder / "in"], folder / "out", *SMALL)
    return folder


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the list, for reading only."""
    folder = tmp_path_factory.mktemp("after")
    shutil.copytree(before, folder, dirs_exist_ok=True)
    builds.build([folder / "in"], folder / "out", *SMALL, *LIST)
    return folder


@pytest.fixture
def copy(after: Path, tmp_path: Path) -> Path:
    """A copy of the build with the list, for tests that damage it."""
    return Path(shutil.copytree(after / "out", tmp_path / "out"))


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
        for name in ("order.json", "remembered.json", "stamps.json", "last_build.json")
    }
    notes.add("work/locks/.guard")
    fresh, grown = builds.contents(tmp_path / "out"), builds.contents(out)
    assert set(fresh) - notes == set(grown) - notes
    differing = {name for name in fresh if name not in notes and fresh[name] != grown[name]}
    reports = {
        f"work/samples/{key}.json"
        for key, r in builds.inputs_of(out).items()
        if r["name"][1:] == "b.jsonl"
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
    keys = {key for key, report in builds.inputs_of(out).items() if report["name"] == "1b.jsonl"}
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
    del was["work/ledger/"]["index.arrow"], now["work/ledger/"]["index.arrow"]
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


def test_verify_passes_what_was_built(before: Path, after: Path) -> None:
    """Nothing is found in a build with a list, nor in one without.

    A list that was changed without a build is found.
    """
    assert verify(before / "out") == verify(after / "out") == []


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
    line = dict.fromkeys(table.schema.names, "") | {
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


def test_ids_of_a_list() -> None:
    """An id counts with and without its source, and with the number of a repeat.

    It does not count as part of a longer one.
    """
    listed = Takedown(frozenset({"w3", "workflows:a~b", "scribe:7"}))
    for uid in (
        "workflows:w3",
        "mind2web:w3",
        "workflows:w3~2",
        "workflows:a~b",
        "workflows:a~b~12",
        "scribe:7",
    ):
        assert listed.names(uid), uid
    for uid in (
        "workflows:w31",
        "workflows:a",
        "workflows:a~2",
        "workflows:7",
        "workflows:w3/1",
        "w3x:1",
    ):
        assert not listed.names(uid), uid


@pytest.mark.parametrize(
    "raw",
    [
        b'{"workflow_id":"w3"}', b"w3,Order,click", b"x=%2Fw3&y", b'"a\\nw3"',
        b'"\\u0022w3\\u0022"',
        "ü w3".encode("utf-16"),
        gzip.compress(b"id: w3", mtime=0), gzip.compress(b"id: w3" + bytes(range(256)) * 500,
        mtime=0)[:-200],
        zstandard.ZstdCompressor().compress(b"id: w3"), b"https://SHOP.co.uk/",
        b"https%3A%2F%2Fx.shop.co.uk",
        "http://BÜCHER.example/".encode(), b"xn--bcher-kva.example", b'{"id": "say \\"hi\\""}',
        "Käse-1".encode(),
        b'{"id": "K\\u00e4se-1"}',
    ],
)  # fmt: skip
def test_bytes_that_name_something(raw: bytes) -> None:
    """Entries are found in JSON, CSV and addresses, cut, compressed and in UTF-16.

    Another list finds nothing there.
    """
    names = frozenset({"workflows:w3", 'say "hi"', "Käse-1"})
    assert Takedown(names, frozenset({"shop.co.uk", "xn--bcher-kva.example"})).in_record(
        "id", "", raw
    )
    assert not Takedown(frozenset({"w-", "5", "se-1x"}), frozenset({"shap.co.uk"})).in_record(
        "id", "", raw
    )


@pytest.mark.parametrize("raw", [b"w31", b"aw3", b"W3", b"w-3", b"shop.com", b""])
def test_bytes_that_name_nothing(raw: bytes) -> None:
    """A part of a longer id or domain, or another one, is not found."""
    assert not Takedown(frozenset({"w3"}), frozenset({"shop.co.uk"})).in_record("id", "", raw)


def test_the_file_of_a_list(tmp_path: Path) -> None:
    """A file holds lines of two kinds, comments, ids with a number sign, a byte order mark.

    Nothing else is taken.
    """
    path = tmp_path / "list.txt"
    path.write_text(
        "\ufeffworkflow a#1  # why\n\n# all of\ndomain shop.example # it\nworkflow  with spaces \n"
    )
    assert parse(str(path)) == Takedown(
        frozenset({"a#1", "with spaces"}), frozenset({"shop.example"})
    )
    for bad, says in {
        "workflows a": "line 1: 'workflows a' is neither",
        "domain": "line 1: 'domain' is neither",
        "domain www.shop.example": "www.shop.example is no registrable domain; did you mean "
        "shop.example?",
    }.items():
        path.write_text(f"{bad}\n")
        with pytest.raises(ConfigError) as refused:
            parse(str(path))
        assert says in str(refused.value)
        assert str(path) in str(refused.value)
    path.write_bytes(b"workflow \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse(str(path))


@pytest.mark.parametrize(
    ("workflows", "domains", "says"),
    [
        ((), ("Shop.example",), "did you mean shop.example?"),
        ((), ("https://www.shop.example/x",), "did you mean shop.example?"),
        ((), ("bücher.example",), "did you mean xn--bcher-kva.example?"),
        ((), ("unknown",), "'unknown' is no domain"),
        ((), ("",), "'' is no domain"),
        ((" ",), (), "an empty id"),
    ],
)
def test_a_list_that_would_miss_is_refused(
    workflows: tuple[str, ...], domains: tuple[str, ...], says: str
) -> None:
    """An entry that can match nothing is refused: it would silently take nothing down."""
    with pytest.raises(ConfigError) as refused:
        Takedown(frozenset(workflows), frozenset(domains))
    assert says in str(refused.value)


def test_the_hash_of_a_list_is_of_what_it_says() -> None:
    """The fingerprint depends on entries and kinds, not on order; an empty list has none."""
    lists = [Takedown(frozenset({"a"})), Takedown(frozenset({"b"})), Takedown(frozenset({"a",
    "b"})),
             Takedown(domains=frozenset({"a"}))]  # fmt: skip
    assert len({each.fingerprint for each in lists}) == 4
    assert Takedown().fingerprint == Takedown().state == ""
    learnt = lists[0].with_contents(["c"])
    assert learnt.fingerprint == lists[0].fingerprint
    assert learnt.state != lists[0].state


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
