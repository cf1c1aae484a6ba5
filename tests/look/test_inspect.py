"""`stepmill inspect`: the figures of every view are the manifest's, in every form, wherever a
dataset lies.
"""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import fsspec
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from etl.card import markdown
from etl.cli.inspect import inspect
from etl.cli.main import cli
from etl.dataset.layout import MANIFEST
from etl.dataset.place import place_of
from etl.files.arrow import read_json, write_json
from etl.look import lengths, overview, samples
from tests.support import builds
from tests.support.s3 import BUCKET, Server, s3

__all__ = ["s3"]

EVERY: Final = sorted(inspect.commands)
OF_PAGES: Final = {"leaks", "fit"}
"""Views that read pages, which only a build has."""


def run(*arguments: object, code: int = 0) -> str:
    """What the command prints; no more on stderr than it should."""
    done = CliRunner().invoke(cli, ["inspect", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stdout


def asked(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def listed(*arguments: object) -> list[dict[str, str]]:
    """Rows of CSV; each has as many cells as the head."""
    rows = list(csv.reader(io.StringIO(run(*arguments, "--csv"))))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def check_figures(out: Path) -> None:
    """Every view of a build says what its manifest says: samples, tokens and tokens with loss per
    split, sums over domains and subdomains, and each drop of each unit.
    """
    manifest = read_json(out / MANIFEST)
    totals, splits = manifest["totals"], manifest["splits"]
    assert asked(out)["totals"] == totals
    shown = asked(out, "domains")["domains"]
    assert (
        sum(row["workflows"] for row in shown) >= totals["workflows"]
    )  # some are on several domains
    for name in ("steps", "samples", "tokens", "completion_tokens", "raw_chars", "pruned_chars"):
        assert sum(row[name] for row in shown) == totals[name]
    assert (
        sum(row["samples"] for row in asked(out, "domains", "--subdomains")["domains"])
        == totals["samples"]
    )
    assert sum(row["share"] for row in shown) == pytest.approx(1)
    assert sum(row["sample_share"] for row in shown) == pytest.approx(1)
    found = lengths.view(place_of(out), samples.Wanted())
    for split, counts in splits.items():
        figures = {name: found[name][split] for name in lengths.MEASURES}
        assert {each["count"] for each in figures.values()} == {counts["samples"]}
        assert figures["whole"]["sum"] == counts["tokens"]
        assert figures["completion"]["sum"] == counts["loss_tokens"]
        for each in figures.values():
            assert sum(row["count"] for row in each["histogram"]) == counts["samples"]
    of_pages = {
        name: sum(found[name][split]["sum"] for split in splits) for name in ("page", "observation")
    }
    assert of_pages == {"page": totals["raw_chars"], "observation": totals["pruned_chars"]}
    dropped = {
        (row["unit"], row["stage"], row["reason"]): row["count"]
        for row in asked(out, "drops")["drops"]
    }
    assert dropped == {
        (unit, row["stage"], row["reason"]): row["count"]
        for unit, of_unit in manifest["accounting"].items()
        for row in of_unit["reasons"]
    }
    by_domain = asked(out, "drops", "--by", "domain", "--unit", "step")["drops"]
    assert sum(row["count"] for row in by_domain) == manifest["accounting"]["step"]["dropped"]
    for reason in {reason for unit, _, reason in dropped if unit == "step"}:
        rows = asked(out, "samples", "--reason", reason, "--limit", "0")["samples"]
        assert len(rows) == sum(
            count for (unit, _, why), count in dropped.items() if (unit, why) == ("step", reason)
        )
    assert asked(out, "samples", "--limit", "1")["matched"] == totals["samples"]


def test_the_figures_are_the_manifests(own_build: Path) -> None:
    """Of a build of the shipped recordings."""
    check_figures(own_build)


def test_the_figures_of_a_build_with_drops_are_the_manifests(whole: Path) -> None:
    """Of a build in which every phase drops something, chunks included."""
    check_figures(whole)
    found = asked(whole, "samples", "--limit", "0")["samples"]
    assert max(row["chunks"] for row in found) > 1


@pytest.mark.parametrize("view", EVERY)
def test_every_view_has_every_form(whole: Path, view: str) -> None:
    """Text, one JSON value, and CSV whose rows all have the cells of its head; no colour in a pipe;
    the published folder alone says the same, or what it lacks.
    """
    text = run(whole, view)
    assert text.strip()
    assert "\x1b" not in text
    shown = json.loads(run("--json", whole, view))
    rows = listed(whole, view)
    assert rows or view in {"lint", "privacy", "subsets", *OF_PAGES}
    if view in OF_PAGES:
        done = CliRunner().invoke(cli, ["inspect", str(whole / "dataset"), view])
        assert "needs the folder work/ of a build" in str(done.exception)
        return
    published = asked(whole / "dataset", view)
    if view == "sources":  # so is what was read and dropped
        for row, other in zip(published, shown, strict=True):
            assert {name for name, value in row.items() if value == other[name]} >= {
                "format",
                "files",
                "kept",
            }
            assert row["step"] is None
    elif view == "sample":  # what it was made of is in the work folder
        assert (published["runs"], published["fields"]) == (shown["runs"], None)
    else:
        assert published == shown


def test_the_overview_is_the_view_that_need_not_be_named(whole: Path) -> None:
    """With the folder alone, with options too; help on a view needs no folder."""
    assert run(whole) == run(whole, "overview")
    assert run(whole, "--csv") == run(whole, "overview", "--csv") == run("--csv", whole)
    assert "stepmill inspect dataset/ drops" in run("drops", "--help")
    assert run(whole, "-h") == run("-h")


def test_domains_sorted_filtered_and_cut(whole: Path) -> None:
    """Any column sorts, either way, ties by name; a glob filters; top and bottom are the ends of
    that order.
    """
    rows = asked(whole, "domains", "--sort", "steps", "--ascending")["domains"]
    assert rows == sorted(rows, key=lambda row: (row["steps"], row["domain"]))
    every = [row["domain"] for row in rows]
    assert len(every) == 7
    assert [
        row["domain"] for row in asked(whole, "domains", "--sort", "domain")["domains"]
    ] == sorted(every)[::-1]
    ends = asked(whole, "domains", "--sort", "steps", "--ascending", "--top", "2", "--bottom", "1")
    assert [row["domain"] for row in ends["domains"]] == [*every[:2], every[-1]]
    assert [
        row["domain"] for row in asked(whole, "domains", "--domain", "shop[12].*")["domains"]
    ] == [
        name
        for name in [row["domain"] for row in asked(whole, "domains")["domains"]]
        if name[4] in "12"
    ]
    assert len(asked(whole, "domains", "--top", "5", "--bottom", "5")["domains"]) == 7
    assert "3 of 7 domains" in run(whole, "domains", "--top", "3")
    assert "none of 7 domains matches" in run(whole, "domains", "--domain", "nowhere.*")


def test_samples_filtered_sorted_and_drawn(whole: Path) -> None:
    """Filters leave what they say, in the dataset's order; a sort is one; what is drawn at random
    is by the seed.
    """
    every = asked(whole, "samples", "--limit", "0")["samples"]
    assert len(every) == len({row["sample_id"] for row in every}) > 60
    middle = sorted(row["tokens"] for row in every)[len(every) // 2]
    for options, holds in (
        (["--domain", "shop[1-3].example"], lambda row: row["domain"][4] in "123"),
        (["--split", "test"], lambda row: row["split"] == "test"),
        (["--action", "click"], lambda row: row["action_kind"] == "click"),
        (["--source", "mind2web"], lambda row: row["source"] == "mind2web"),
        (["--min-tokens", middle], lambda row: row["tokens"] >= middle),
        (
            ["--max-tokens", middle, "--split", "train"],
            lambda row: row["tokens"] <= middle and row["split"] == "train",
        ),
    ):
        found = asked(whole, "samples", "--limit", "0", *options)
        assert found["samples"] == [row for row in every if holds(row)]
        assert found["matched"] == len(found["samples"])
        assert asked(whole, "tokens", "--measure", "whole", *options) == _lengths(found["samples"])
    longest = asked(whole, "samples", "--sort", "tokens", "--descending", "--limit", "3")["samples"]
    assert longest == sorted(every, key=lambda row: (-row["tokens"], row["sample_id"]))[:3]
    drawn = [
        asked(whole, "samples", "--random", "5", "--seed", seed)["samples"] for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(row in every for row in drawn[2])
    assert len({row["sample_id"] for row in drawn[2]}) == 5
    assert len(asked(whole, "samples", "--random", "1000")["samples"]) == len(every)
    assert (
        run(whole, "samples", "--limit", "3").splitlines()[-1]
        == f"3 of {len(every)}: --limit 0 shows all"
    )
    assert run(whole, "samples", "--source", "mind2web") == "no sample matches\n"


def _lengths(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What `tokens` says of the whole length of these samples, by numpy."""
    found: dict[str, Any] = {}
    for split in ("train", "test"):
        lengths = sorted(row["tokens"] for row in rows if row["split"] == split)
        if lengths:
            bits = [length.bit_length() for length in lengths]
            quantiles = {
                f"p{at}": lengths[int((len(lengths) - 1) * at / 100)]
                for at in (5, 25, 50, 75, 95, 99)
            }
            found[split] = {
                "count": len(lengths), "sum": sum(lengths),
                "mean": pytest.approx(sum(lengths) / len(lengths)),
                "min": lengths[0], **quantiles, "max": lengths[-1],
                "histogram": [{"from": 2 ** (n - 1), "to": 2**n - 1, "count": bits.count(n)}
                              for n in range(bits[0], bits[-1] + 1)],
            }  # fmt: skip
    return {"whole": found}


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=60), st.integers(1, 12))
def test_histograms_hold_every_length_once(values: list[int], bins: int) -> None:
    """Bins follow one another without gap; each holds the lengths between its ends,
    and no others.
    """
    array = np.array(values)
    for found in (lengths._powers(array), lengths._equal(array, max(values), bins)):
        for row in found:
            assert row["count"] == sum(row["from"] <= value <= row["to"] for value in values)
        assert sum(row["count"] for row in found) == len(values)
        assert all(row["to"] + 1 == after["from"] for row, after in pairwise(found))
    assert len(lengths._equal(array, max(values), bins)) <= bins


def test_drops_are_told_apart_and_shown_by_example(whole: Path) -> None:
    """By any of stage, reason and domain; examples are things that were dropped so, with detail and
    file.
    """
    rows = asked(whole, "drops", "--examples", "2")["drops"]
    found = {(row["unit"], row["stage"], row["reason"]): row["examples"] for row in rows}
    assert found["step", "filter", "failed_action"] == [
        {"id": "workflows:w3/2", "detail": "no such\tbutton", "input": "a.jsonl"}
    ]
    assert found["sample", "fit", "too_many_chunks"][0]["id"] == "workflows:w8/1"
    assert found["workflow", "fit", "no_samples"][0]["id"] == "workflows:w5"
    assert {each["input"] for each in found["workflow", "index", "duplicate_workflow"]} == {
        "b.jsonl"
    }
    assert all(
        len(row["examples"]) == min(2, row["count"])
        for row in rows
        if row["reason"] != "workflow_dropped"
    )
    assert "no such\\tbutton" in run(whole, "drops", "--examples", "1")
    by_domain = asked(
        whole, "drops", "--by", "domain", "--reason", "failed_action", "--domain", "shop3.*"
    )
    assert [(row["domain"], row["count"]) for row in by_domain["drops"]] == [("shop3.example", 1)]
    assert run(whole, "drops", "--stage", "locate") == "nothing that was dropped matches\n"


def test_what_is_not_recorded_is_not_made_up(whole: Path, tmp_path: Path) -> None:
    """Lint and privacy: without a stage that writes them it is said that there is nothing, and that
    this means little; with a table or a summary in the manifest, exactly that is shown.
    """
    for kind in ("lint", "privacy"):
        found = asked(whole, kind)
        assert found == {"kind": kind, "recorded": False, "summary": None, "tables": {}}
        assert "nothing is recorded" in run(whole, kind)
        assert "does not mean that there are none" in run(whole, kind)
    out = Path(shutil.copytree(whole, tmp_path / "out"))
    rows = [
        {"rule": "short", "domain": "shop1.example", "count": 3},
        {"rule": "\x1b[2J", "domain": "", "count": None},
    ]
    pl.DataFrame(rows).write_parquet(out / "dataset" / "stats" / "lint_rules.parquet")
    manifest = read_json(out / MANIFEST)
    manifest["files"]["dataset/stats/lint_rules.parquet"] = ""
    write_json(out / MANIFEST, manifest | {"privacy": {"emails": {"found": 7}}})
    assert asked(out, "lint")["tables"] == {"lint_rules": rows}
    text = run(out, "lint")
    assert re.search(r"short +shop1\.example +3", text)
    assert "\\x1b[2J" in text
    assert re.search(r"emails\.found +7", run(out, "privacy"))
    assert listed(out, "privacy") == [{"field": "summary.emails.found", "value": "7"}]


def places(folder: Path, url: str) -> Iterator[str]:
    """Put a build somewhere else, and name it as a build and as a published dataset."""
    system, path = fsspec.core.url_to_fs(url)
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            system.pipe_file(f"{path}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    yield from (url, f"{url}/dataset")


def check_elsewhere(whole: Path, url: str) -> None:
    """Every view of a build that lies elsewhere says what it says here."""
    for place, here in zip(places(whole, url), (whole, whole / "dataset"), strict=True):
        for view in EVERY if here == whole else sorted({*EVERY} - OF_PAGES):
            assert asked(place, view) == asked(here, view), (place, view)
    assert asked(url, "samples", "--reason", "failed_action") == asked(
        whole, "samples", "--reason", "failed_action"
    )
    assert asked(url, "drops", "--examples", "1") == asked(whole, "drops", "--examples", "1")


def test_a_build_on_any_storage(whole: Path) -> None:
    """In fsspec's memory, as a build and as a published dataset alone."""
    try:
        check_elsewhere(whole, "memory://inspected/out")
    finally:
        fsspec.filesystem("memory").rm("/inspected", recursive=True)


def test_a_build_on_s3(s3: Server, whole: Path) -> None:
    """On an S3 server; and of a place where nothing is, that is said."""
    check_elsewhere(whole, f"s3://{BUCKET}/nightly/out")
    done = CliRunner().invoke(cli, ["inspect", f"s3://{BUCKET}/elsewhere"])
    assert "there is no such folder" in str(done.exception)


def test_of_a_remote_data_file_only_one_batch_is_read(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of a remote dataset is read without fetching a data file; a list of one split needs
    no other's files.
    """
    system = fsspec.filesystem("memory")
    url = list(places(whole, "memory://ranges/out"))[1]
    fetched: list[str] = []
    get_file = type(system).get_file

    def noted(self: Any, name: str, *rest: Any, **options: Any) -> Any:
        fetched.append(name)
        return get_file(self, name, *rest, **options)

    monkeypatch.setattr(type(system), "get_file", noted)
    try:
        assert asked(url, "samples", "--split", "test")["samples"]
        assert [name for name in fetched if "/test-" in name]
        assert not [name for name in fetched if "/train-" in name]
        assert asked(url, "sample", "w3/1")["runs"]
        assert not [name for name in fetched if name.endswith(".arrow")]
    finally:
        system.rm("/ranges", recursive=True)


def on_a_terminal(*arguments: object, **env: str) -> str:
    """What the command prints where stdout is a terminal."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "stepmill", "inspect", *map(str, arguments)]
    with subprocess.Popen(
        command, env=builds.environment(env), stdout=slave, stderr=slave
    ) as process:
        os.close(slave)
        text = b""
        while chunk := _read(master):
            text += chunk
        assert process.wait() == 0, text
    os.close(master)
    return text.decode()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux's word for the end of a pseudo-terminal
        return b""


def test_colour_is_for_terminals(whole: Path) -> None:
    """On a terminal there is colour, unless $NO_COLOR is set or --no-color given; --color has it in
    a pipe.
    """
    asked = (whole, "sample", "w3/1")
    assert "\x1b[32m" in on_a_terminal(*asked)
    assert "\x1b[" not in on_a_terminal(*asked, NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal(*asked, "--no-color")
    assert "\x1b[32m" in builds.command("inspect", *map(str, asked), "--color").stdout


def test_a_reader_that_has_seen_enough_ends_it(whole: Path) -> None:
    """`| head -1` of a long list: exit code 0, nothing on stderr; a terminal without bars gets
    escapes.
    """
    line = f"{sys.executable} -m stepmill inspect {whole} samples --limit 0"
    for form in ("", " --json", " --csv"):
        script = f"set -o pipefail; {line}{form} | head -1"
        done = subprocess.run(
            ["bash", "-c", script],
            env=builds.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout
    done = builds.command(
        "inspect", whole, "tokens", "--measure", "whole", env={"PYTHONIOENCODING": "latin-1"}
    )
    assert done.returncode == 0
    assert "\\u2588" in done.stdout


def test_the_card_and_the_overview_agree(whole: Path) -> None:
    """What the overview prints of domains is what the data card prints of them."""
    text = (whole / "dataset" / "README.md").read_text()
    for row in overview.view(place_of(whole))["domains"]:
        assert (
            f"| {markdown._cell(row['domain'])} | {row['workflows']:,} | {row['steps']:,} |" in text
        )


values = st.floats(-1e6, 1e6, allow_nan=False)
