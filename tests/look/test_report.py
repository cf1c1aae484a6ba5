"""What a report holds: the manifest's figures, steps of the dataset, and no more than there is room
for.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.build.recipes.recipe import load as recipe
from etl.cli.main import cli
from etl.dataset.place import Place, manifest_of, place_of
from etl.files.arrow import read_json, write_json
from etl.files.storage import location
from etl.look import fit
from etl.look.diff import compare
from etl.look.report import charts, context, figures, packed, page, steps
from etl.look.report.verdict import verdict
from schemas.errors import MissingExtra
from schemas.samples import NO_LOSS
from tests.support import builds
from tokenization.encode import Encoder
from tokenization.fit import Drop, Fit, extent
from tokenization.prompt import Prompt
from tokenization.vocabulary import load


def run(*arguments: object) -> Result:
    """The command."""
    return CliRunner().invoke(cli, ["report", *map(str, arguments)], catch_exceptions=False)


def steps_of(path: Path) -> list[dict[str, Any]]:
    """The steps that lie in a report, unpacked."""
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.DOTALL
    )
    assert found
    return [
        json.loads(gzip.decompress(base64.b64decode(each["data"]))) for each in json.loads(found[1])
    ]


def test_figures_are_the_manifests(place: Place, data: dict[str, Any]) -> None:
    """Totals, splits and accounts are equal to the manifest's, and every table and distribution
    adds up to them.
    """
    manifest = place.manifest.as_json()
    totals = manifest["totals"]
    assert {key: data[key] for key in ("totals", "splits", "recipe", "fingerprint")} == {
        key: manifest[key] for key in ("totals", "splits", "recipe", "fingerprint")
    }
    assert [unit["unit"] for unit in data["waterfall"]] == ["record", "workflow", "step", "sample"]
    for unit in data["waterfall"]:
        of = manifest["accounting"][unit["unit"]]
        assert (unit["read"], unit["kept"]) == (of["read"], of["kept"])
        assert unit["read"] - sum(drop["count"] for drop in unit["drops"]) == unit["kept"]
    lengths = data["tokens"].values()
    assert {name: of["count"] for name, of in data["tokens"].items()} == {
        name: of["samples"] for name, of in manifest["splits"].items()
    }
    assert round(sum(of["mean"] * of["count"] for of in lengths)) == totals["tokens"]
    assert data["steps"]["recorded"]["count"] == totals["workflows"]
    assert round(data["steps"]["recorded"]["mean"] * totals["workflows"]) == totals["steps"]
    assert (
        round(data["steps"]["samples"]["mean"] * data["steps"]["samples"]["count"])
        == totals["samples"]
    )
    assert data["steps"]["samples"]["count"] == manifest["accounting"]["workflow"]["kept"]
    assert data["pruning"]["together"] == totals["pruned_chars"] / totals["raw_chars"]
    for spread in (*lengths, *data["steps"].values(), data["pruning"]):
        assert sum(each["count"] for each in spread["histogram"]) == spread["count"]
    assert sum(row["samples"] for row in data["domains"]) == totals["samples"]
    assert sum(row["samples"] for row in data["actions"]) == totals["samples"]
    dropped: Counter[str] = Counter()
    for row in data["drops"]:
        dropped[row["unit"]] += row["count"]
    assert dropped == {
        unit: of["dropped"] for unit, of in manifest["accounting"].items() if of["dropped"]
    }


@given(st.lists(st.integers(1, 10**7), max_size=60))
@example([])
@example([1])
@example([16, 17, 24, 10**6])
def test_bins_hold_everything_once(values: list[int]) -> None:
    """Bins follow on each other without gap and overlap, and each counts what lies in it."""
    array = np.array(values, np.int64)
    for edges in (figures._edges(array), figures._powers(array)):
        found = figures._spread(array, edges)
        bins = found["histogram"]
        assert all(before["to"] + 1 == after["from"] for before, after in pairwise(bins))
        for each in bins:
            end = each["to"] if each["to"] is not None else 10**9
            assert each["count"] == sum(each["from"] <= value <= end for value in values)
        assert sum(each["count"] for each in bins) == len(values) == found["count"]
        assert len(bins) <= 60


def test_the_context_curve_says_what_fitting_does(own_build: Path) -> None:
    """Of real samples, at contexts short and long: the page is whole, and its right-most chunk
    holds the target, where the formula says so, and nowhere else.
    """
    encoder = Encoder(load("qwen2.5"), Prompt(), "chatml")
    seen = set()
    for sample in [*builds.samples(own_build).values()][::12]:
        found = extent(sample, encoder)
        assert (found is None) == (sample.node < 0)
        for limit in (1024, 1536, 2048, 3072, 8192):
            chunks = Fit(limit, "first", 0)(sample, encoder)
            if found is None or isinstance(chunks, Drop):
                continue
            (chunk,) = chunks
            text = encoder.vocabulary.decode(chunk.input_ids[: chunk.prompt_tokens])
            seen_page = text[text.index("Observation: ") : text.index("\nStep-by-step guide:\n")]
            holds = sample.target_html in seen_page
            assert (chunk.chunks == 1, holds) == (found.whole <= limit, found.from_target <= limit)
            seen.add((chunk.chunks == 1, holds))
    assert len(seen) == 3  # all but whole without target


def test_the_curve_is_of_all_samples_or_of_lengths_alone(
    place: Place, data: dict[str, Any], own_build: Path
) -> None:
    """Beside a work folder both shares are known at every context; of a published dataset that of
    whole pages, equal where every sample was measured.
    """
    found = data["context"]
    with_target = sum(sample.node >= 0 for sample in builds.samples(own_build).values())
    assert (found["by"], found["measured"]) == ("positions", with_target)
    shares = [(point["whole"], point["rightmost"]) for point in found["points"]]
    assert shares == sorted(shares)
    assert shares[-1] == (1.0, 1.0)
    assert all(whole <= rightmost for whole, rightmost in shares)
    published = context.curve(place_of(own_build / "dataset"))
    assert published["by"] == "lengths"
    known = {point["context"]: point["whole"] for point in found["points"]}
    assert with_target == published["measured"]
    assert {point["context"]: point["whole"] for point in published["points"]} == {
        limit: whole for limit, whole in known.items() if limit <= 32_768
    }
    assert {point["rightmost"] for point in published["points"]} == {None}


def test_a_page_in_chunks_counts_as_one_that_does_not_fit(tmp_path: Path) -> None:
    """Of a published dataset, a sample that was cut fits no context, though each of its chunks
    does.
    """
    records = [builds.workflow(number) for number in range(4)]
    records[0]["steps"][0]["html"] += "<p>more text of the page</p>" * 200
    builds.build(
        [builds.write_workflows(tmp_path / "a.jsonl", *records)],
        tmp_path / "out",
        "fit.context=1024",
    )
    found = context.curve(place_of(tmp_path / "out" / "dataset"))
    assert found["points"] == [{"context": 1024, "whole": 0.75, "rightmost": None}]


QWEN: Final = load("qwen2.5")


@settings(deadline=None)  # the first example reads the ranks
@given(st.text())
@example('😀 é 你好 <p node="12">')
def test_the_text_of_tokens_joined_is_the_text(text: str) -> None:
    """Each token's text in turn gives the whole, also where a character takes several tokens."""
    ids = QWEN.encode(text + "x")
    found = steps.pieces(ids, QWEN)
    assert len(found) == len(ids)
    assert "".join(found) == QWEN.decode(ids)


def test_steps_are_those_of_the_dataset(place: Place, own_build: Path) -> None:
    """Tokens and loss are those that lie in the data files, pages those that were recorded, texts
    the sample's.
    """
    emitted = {each.sample_id: each for each in builds.emitted(own_build)}
    made = builds.samples(own_build)
    found = [*steps.drawn(place, 30, seed=3)]
    assert len({step["sample_id"] for step in found}) == 30
    for step in found:
        row, sample = emitted[step["sample_id"]], made[step["sample_id"]]
        assert "".join(step["tokens"]) == QWEN.decode(row.input_ids)
        with_loss = {at for start, end in step["loss"] for at in range(start, end)}
        assert with_loss == set(np.flatnonzero(row.labels != NO_LOSS).tolist())
        assert (step["observation"], step["url"], step["split"]) == (
            sample.observation,
            sample.url,
            row.split,
        )
        assert len(step["recorded"]) == sample.raw_chars == step["raw_chars"]


def test_steps_are_drawn_by_the_seed(small: Path) -> None:
    """The same seed draws the same steps, with or without their pages; no more than there are, and
    none if so asked.
    """
    place = place_of(small / "out")

    def names(number: int, seed: int, *, pages: bool) -> set[str]:
        return {step["sample_id"] for step in steps.drawn(place, number, seed, pages=pages)}

    assert names(3, 1, pages=True) == names(3, 1, pages=False)
    assert len({frozenset(names(3, seed, pages=False)) for seed in range(6)}) > 1
    assert len(names(1000, 0, pages=True)) == 6
    assert [*steps.drawn(place, 0)] == []
    assert {step["missing"] for step in steps.drawn(place, 2, pages=False)} == {steps.LEFT_OUT}


def test_recorded_pages_of_a_dataset_with_pseudonyms_are_never_shown(tmp_path: Path) -> None:
    """They hold the values; trajectories, which are made of them, are refused."""
    builds.build([builds.RECORDINGS / "library.jsonl"], tmp_path, recipe=recipe("publishable"))
    shown = list(steps.drawn(place_of(tmp_path), 2))
    assert {step["missing"] for step in shown} == {steps.NOT_REDACTED}
    assert {step["recorded"] for step in shown} == {None}
    done = builds.command("export", tmp_path, "--out", tmp_path / "adp", "--format", "adp")
    assert done.returncode
    assert "[redact]" in done.stderr


def test_the_same_build_gives_the_same_bytes(small: Path) -> None:
    """Two files are equal to the byte; another seed gives another one; nothing of this machine is
    in it.
    """
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert (
            run(small / "out", "--out", small / name, "--seed", seed, "--samples", 3).exit_code == 0
        )
    first, second, third = ((small / name).read_bytes() for name in "abc")
    assert first == second != third
    assert str(small).encode() not in first
    assert str(small) not in json.dumps(steps_of(small / "a"))


def test_only_our_script_runs_and_nothing_is_fetched(small: Path) -> None:
    """The policy names the hash of the one script that is there, and allows no address; no element
    names one.
    """
    run(small / "out", "--out", small / "r.html", "--samples", 1)
    text = (small / "r.html").read_text()
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    assert policy
    rules = dict(rule.strip().split(" ", 1) for rule in policy[1].replace("&#39;", "'").split(";"))
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == rules["font-src"] == "data:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert not re.findall(
        r"<(?:img|iframe|object|embed|video|audio|base|form|source|image|use)\b", text
    )
    assert re.findall(r"<link[^>]*>", text) == ['<link rel="icon" href="data:,">']
    addresses = re.findall(r"""\b(?:src|href|action)\s*=\s*["']?([^\s"'>]*)""", text)
    assert addresses
    assert {address for address in addresses if not address.startswith("#")} == {"data:,"}


def test_drift_is_the_comparison_of_the_manifests(own_build: Path, small: Path) -> None:
    """`--against` takes a build, a published dataset or a manifest; figures are those of `stepmill
    diff`.
    """
    old, new = (manifest_of(out) for out in (own_build, small / "out"))
    for older in (own_build, own_build / "dataset", own_build / "dataset" / "manifest.json"):
        done = run(small / "out", "--against", older, "--samples", 0, "--json")
        assert json.loads(done.stdout)["drift"] == json.loads(json.dumps(compare(old, new)))
    run(small / "out", "--against", own_build, "--samples", 0, "--out", small / "r.html")
    text = (small / "r.html").read_text()
    assert old.fingerprint in text
    assert f"{new.totals.tokens - old.totals.tokens:+,}" in text
    run(small / "out", "--samples", 0, "--out", small / "without.html")
    assert 'id="drift"' not in (small / "without.html").read_text()


def test_steps_come_from_every_source_and_domain(place: Place) -> None:
    """As many steps as there are groups of source and domain are one of each;
    more go on in turn.
    """
    listed = place.listing(["source", "domain"]).collect()
    groups = set(listed.iter_rows())
    assert len(groups) > 2
    chosen = steps._chosen(place, len(groups), seed=5)
    assert set(chosen.select("source", "domain").iter_rows()) == groups
    more = steps._chosen(place, 2 * len(groups), seed=5)
    assert more["sample_id"].n_unique() == 2 * len(groups)


def test_the_verdict_stands_on_top(small: Path) -> None:
    """What the last run came to, when, and with which versions; a gate that failed is named;
    published alone, a dataset says that it does not know.
    """
    good = verdict(place_of(small / "out"))
    assert (good["good"], good["failures"]) == (True, [])
    facts = dict(good["facts"])
    last = read_json(small / "out" / "work" / "last_build.json")
    newest = last["newest_input"]
    assert abs(datetime.fromisoformat(newest) - datetime.now(UTC)) < timedelta(days=1)
    assert facts["Inputs"] == f"1 file, 0.0 MB, in 1 generation, the newest of {newest}"
    assert "filter " in facts["Stages"]
    assert "turbohtml " in facts["Libraries"]
    assert last["ended"] in facts["Last run"]
    failed = {
        "status": "gate_failed",
        "message": "it fails",
        "gate_failures": ["gates.min_samples is 9"],
    }
    write_json(small / "out" / "work" / "last_build.json", last | failed)
    bad = verdict(place_of(small / "out"))
    assert (bad["good"], bad["failures"]) == (False, ["gates.min_samples is 9"])
    assert "gate_failed" in bad["says"]
    alone = verdict(place_of(small / "out" / "dataset"))
    assert "not beside it" in alone["says"]


def test_each_stage_has_a_scale_of_its_own() -> None:
    """A stage that drops one thing has a bar that is seen beside one that drops a thousand; stages
    stand in their order.
    """
    drops = [
        {"stage": "filter", "reason": "no_objective", "count": 1000},
        {"stage": "augment", "reason": "stage_crashed", "count": 1},
    ]
    unit = {"unit": "step", "read": 2000, "kept": 999, "drops": drops}
    drawn = charts.waterfall("Steps", "what was dropped", unit)
    for svg in (drawn.wide, drawn.narrow):
        bars = re.findall(r'<path aria-label="(\w+): \w+: [\d,]+"[^>]* d="M0,[\d.]+h([\d.]+)', svg)
        (first, long), (second, short) = bars
        assert (first, second) == ("filter", "augment")
        assert 0.5 < float(short) / float(long) < 2


def test_json_is_the_data_behind_the_file(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--json` prints figures and steps, writes no file, and needs no plots."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.chdir(small)
    done = run("out", "--json", "--seed", 2)
    found = json.loads(done.stdout)
    place = place_of(small / "out")
    assert found.pop("samples") == json.loads(json.dumps([*steps.drawn(place, 20, seed=2)]))
    assert found == json.loads(json.dumps(figures.figures(place, seed=2)))
    assert not (small / "report.html").exists()


@pytest.mark.parametrize(
    ("module", "package"), [("jinja2", "jinja2"), ("vl_convert", "vl-convert-python")]
)
def test_what_is_missing_is_named_with_its_extra(
    small: Path, monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    """Without a package of the extra the error names both, and no file is written."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        MissingExtra, match=rf"stepmill report needs the package {package}: .*stepmill\[report\]"
    ):
        run(small / "out", "--out", small / "r.html")
    assert not (small / "r.html").exists()


def test_a_dataset_of_nothing_is_reported_too(tmp_path: Path) -> None:
    """A build all of whose steps were dropped has a report: what was read,
    and why nothing is left.
    """
    record = builds.workflow(1)
    record["steps"][0]["target"] = [{"kind": "css", "value": "#nowhere"}]
    builds.build(
        [builds.write_workflows(tmp_path / "a.jsonl", record)],
        tmp_path / "out",
        "gates.min_samples=0",
    )
    assert run(tmp_path / "out", "--out", tmp_path / "r.html").exit_code == 0
    text = (tmp_path / "r.html").read_text()
    assert "target_absent" in text
    assert "There are no samples." in text
    assert "NaN" not in text
    assert steps_of(tmp_path / "r.html") == []


def test_a_budget_has_its_figures_and_domains(
    tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What observations hold within their budget, from the published dataset alone too, a row a
    domain; a report of a recipe without a budget has none of it.
    """
    names = ("shop.jsonl.zst", "library.jsonl")
    chosen = recipe("compact-4k", ["observe.budget=512"])
    builds.build([builds.RECORDINGS / name for name in names], tmp_path / "within", recipe=chosen)
    found = figures.figures(place_of(tmp_path / "within"))
    published = figures.figures(place_of(tmp_path / "within" / "dataset"))
    assert found["budget"] == published["budget"] == fit.budget(place_of(tmp_path / "within"))
    text = page.render(found, packed.packed([], 1), drawn=0, seed=0)
    kept = found["budget"]["kept"]
    assert f"<dt>targets kept</dt><dd>{kept:.2%}</dd>" in text
    assert f"<dt>characters cut</dt><dd>{found['budget']['removed']['cut']:,}</dd>" in text
    rows = text[text.index('<table id="within"') :].partition("</table>")[0]
    domains = [row["domain"] for row in found["budget"]["domains"]]
    assert re.findall(r'<tr><th scope="row">([^<]*)</th>', rows) == domains
    monkeypatch.setattr(page, "ROWS", 1)
    text = page.render(found, packed.packed([], 1), drawn=0, seed=0)
    assert "1 of 2 are in this file; all of them: stats/budget.parquet." in text
    pruned = figures.figures(place_of(small / "out"))
    assert pruned["budget"] is None
    assert "budget" not in page.render(pruned, packed.packed([], 1), drawn=0, seed=0)


def test_long_tables_are_cut_and_say_so(
    place: Place, data: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more rows than there is room for the largest are there, with how many there are in all and
    where.
    """
    monkeypatch.setattr(page, "ROWS", 2)
    text = page.render(data, packed.packed([], 1), drawn=0, seed=0)
    every = [row["domain"] for row in data["domains"]]
    assert f"2 of {len(every)} are in this file; all of them: stats/domains.parquet." in text
    table = text[text.index('<table id="domains"') :].partition("</table>")[0]
    assert re.findall(r'<tr><th scope="row">([^<]*)</th>', table) == every[:2]


def test_names_of_recordings_are_text(small: Path, data: dict[str, Any]) -> None:
    """Whatever a domain, an action or a reason is called stands in tables and plots as text,
    clipped if it is long.
    """
    evil = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}</script><script>alert(2)</script>"
    rows = [
        row | {"domain": evil if at == 0 else "d" * 5000} for at, row in enumerate(data["domains"])
    ]
    mixed = {
        **data,
        "title": evil,
        "domains": rows,
        "actions": [{"action": evil, "samples": 3, "share": 1.0}],
        "drops": [row | {"domain": evil, "reason": evil} for row in data["drops"]],
        "waterfall": [
            {**data["waterfall"][0], "drops": [{"stage": "read", "reason": evil, "count": 1}]}
        ],
    }
    text = page.render(mixed, packed.packed([], 1), drawn=0, seed=0)
    assert "alert(1)>" not in text
    assert len(re.findall(r"<script\b", text)) == 2
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "d" * 201 not in text


def test_characters_that_no_file_can_hold_come_through(small: Path) -> None:
    """A page with half a character, NUL and line separators is packed,
    and unpacks to what it was.
    """
    step = next(steps.drawn(place_of(small / "out"), 1))
    odd = "\ud800 \u2028 \0 é😀<p>"
    (found,) = packed.packed([step | {"recorded": odd, "objective": odd}], 10**9).steps
    shown = json.loads(gzip.decompress(base64.b64decode(found["data"])))
    assert dict(shown["facts"])["Objective"] == odd
    assert odd.removesuffix("<p>") in shown["before"]["document"]


def test_builds_and_reports_elsewhere(small: Path) -> None:
    """A build on storage is read there, and the file is written there, equal to one made from the
    same build here.
    """
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.put(f"{small / 'out'}/", "/bucket/out", recursive=True)
    done = run("memory://bucket/out", "--out", "memory://bucket/r.html", "--samples", 3)
    assert done.exit_code == 0
    assert run(small / "out", "--out", small / "r.html", "--samples", 3).exit_code == 0
    assert location("memory://bucket/r.html").read_bytes() == (small / "r.html").read_bytes()
    system.store.clear()
