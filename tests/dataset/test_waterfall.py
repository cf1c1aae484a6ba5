"""The waterfall is exact: its sums are those of the recordings and of the dataset, recomputed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from etl.build.plan import Plan
from etl.build.recipes.recipe import load
from etl.cli.main import cli
from etl.dataset import account, stamps
from etl.dataset.flow import levels, waterfall
from etl.dataset.flow.levels import LEVELS
from etl.dataset.layout import Layout
from etl.dataset.place import place_of
from etl.files.arrow import open_arrow, read_json, read_parquet, write_json
from etl.inputs import find
from etl.look import verify
from etl.look.flow import waterfall as views
from etl.pages.domain import domain_of
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import IntegrityError
from schemas.reasons import OwnReason
from tests.build.test_pages import HTML, SHOP, recording, setting, write
from tests.support import archives, builds
from tests.support.archives import page

CONTEXT = 2048


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings with something to drop in every phase: repeats, failed steps, long pages."""
    folder = tmp_path_factory.mktemp("waterfall")
    records = [builds.workflow(number, steps=3) for number in range(30)]
    records[3]["steps"][1]["error"] = "no such button"
    records[4]["steps"][2]["target"] = [{"kind": "css", "value": "#nowhere"}]
    for number in (6, 7):  # cut to chunks
        rest = "".join(f"<p>Röße {i} ist ein Text</p>" for i in range(400))
        records[number]["steps"][0]["html"] = f"<button id=b0>Order</button>{rest}"
    rest = "<p>one piece of text </p>" * 4000
    records[8]["steps"][0]["html"] = f"<button id=b0>Order</button>{rest}"
    records[9]["steps"][0]["html"] = "<button id=b0>Order</button>" + "word " * 9000
    records[10]["steps"][0].pop("html")
    records[10]["steps"][0] |= {
        "axtree": "[1] RootWebArea 'Item'\n\t[2] button 'Order'",
        "target": [{"kind": "ref", "value": "2"}],
    }
    builds.write_workflows(folder / "a.jsonl", *records)
    other = builds.workflow(7) | {"objective": "Order something else with this id in the shop"}
    builds.write_workflows(
        folder / "b.jsonl", records[1], records[2] | {"workflow_id": "again"}, other
    )
    return folder


@pytest.fixture(scope="module")
def out(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of these, and of the recordings that are shipped."""
    folder = tmp_path_factory.mktemp("waterfall_build") / "out"
    builds.build(
        [inputs, builds.RECORDINGS], folder, f"fit.context={CONTEXT}", "fit.max_chunks=16",
        'filter.observations=["html", "axtree"]',
    )  # fmt: skip
    return folder


def table(out: Path) -> pl.DataFrame:
    return read_parquet(out / "dataset" / "stats" / "waterfall.parquet")


def read_again(*folders: Path) -> dict[str, Counter[str]]:
    """Steps and characters of all pages in recordings, by domain; read with the sources alone."""
    found: dict[str, Counter[str]] = {}
    for shard in find.shards(find.find([*map(str, folders)], SOURCES)):
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            for step in workflow.steps:
                counts = found.setdefault(domain_of(step.url, workflow.website).domain, Counter())
                counts.update(steps=1, raw_chars=len(step.html) or len(step.axtree))
    return found


def test_what_was_read_is_what_the_recordings_hold(inputs: Path, out: Path) -> None:
    """Of each domain, steps and characters of pages are those of the recordings, to the last."""
    mine = {
        row["domain"]: {name: row[name] for name in ("steps", "raw_chars")}
        for row in table(out).group_by("domain").agg(pl.col("steps", "raw_chars").sum()).to_dicts()
    }
    again = read_again(inputs, builds.RECORDINGS)
    assert mine == {domain: dict(counts) for domain, counts in again.items()}


def test_drops_are_those_of_the_accounting(out: Path) -> None:
    """Steps by stage and reason are the drops of the accounting, the rest is in the dataset."""
    counted = account.account(out)["step"]
    found = table(out).group_by("stage", "reason").agg(pl.col("steps").sum())
    drops = {(row["stage"], row["reason"]): row["steps"] for row in found.to_dicts()}
    assert drops.pop(("", "")) == counted.kept
    assert drops == {(drop.stage, drop.reason): drop.count for drop in counted.reasons}
    stages = {stage for stage, _ in drops}
    assert {"filter", "locate", "index", "fit"} <= stages


def test_kept_characters_and_tokens_are_those_of_the_dataset(out: Path) -> None:
    """Tokens packed are those of the data files, and characters those of the samples there.

    Each is added up by domain; pages are those of the same steps in the recordings.
    """
    samples = builds.samples(out)
    tokens, chars, pages = Counter[str](), Counter[str](), Counter[str]()
    there = set()
    for each in builds.emitted(out):
        tokens[samples[each.sample_id].domain] += len(each.input_ids)
        there.add(each.sample_id)
    for name in there:
        chars[samples[name].domain] += len(samples[name].observation)
        pages[samples[name].domain] += samples[name].raw_chars
    kept = {row["domain"]: row for row in table(out).filter(reason="").to_dicts()}
    assert {name: row["packed_tokens"] for name, row in kept.items() if row["samples"]} == tokens
    assert {name: row["chars"] for name, row in kept.items() if row["samples"]} == chars
    assert {name: row["raw_chars"] for name, row in kept.items() if row["samples"]} == pages


def test_encoded_tokens_are_those_of_all_chunks(out: Path) -> None:
    """Tokens encoded are those of every sample that the index keeps, encoded anew.

    Of one that is kept, all chunks count; of one that packing dropped, the whole sample.
    """
    packed = load("scribeagent-32k", [f"fit.context={CONTEXT}", "fit.max_chunks=16"]).packed
    fitted = {row["sample_id"]: row for row in account.fitted(out).to_dicts()}
    encoded, lost = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for name, sample in builds.samples(out).items():
        row = fitted[name]
        split = row["packed"].partition("/")[2].partition("-")[0]
        result = replace(packed.fits[split], policy="all")(sample, packed.encoder)
        every = len(packed.encoder(sample).input_ids)
        if not row["reason"]:
            assert isinstance(result, list)
            every = sum(len(chunk.input_ids) for chunk in result)
        key = row["domain"], row["reason"]
        encoded[key] += every
        lost[key] += every - row["prompt_tokens"] - row["completion_tokens"]
    late = table(out).filter((pl.col("samples") > 0) & pl.col("stage").is_in(["", "fit"]))
    found = {(row["domain"], row["reason"]): row for row in late.to_dicts()}
    assert {key: row["encoded_tokens"] for key, row in found.items()} == encoded
    assert {key: row["encoded_tokens"] - row["packed_tokens"] for key, row in found.items()} == lost
    assert sum(row["cut_samples"] for row in found.values()) >= 2
    assert {reason for _, reason in found} >= {"", "over_context"}


def check_levels(lines: list[dict[str, Any]]) -> None:
    """Each level is the one before it, less the losses between the two."""
    before: dict[str, Any] = {}
    lost = Counter[str]()
    for line in lines:
        if line["loss"]:
            lost.update({name: line[name] or 0 for name in ("count", "chars", "tokens")})
            continue
        if before:
            assert line["count"] == before["count"] - lost["count"]
            assert line["chars"] == before["chars"] - lost["chars"]
            if before["tokens"] is not None:
                assert line["tokens"] == before["tokens"] - lost["tokens"]
        before, lost = line, Counter()


def test_every_level_is_the_one_before_less_its_losses(out: Path) -> None:
    """In the total and in each domain, and domains add up to the total."""
    result = views.view(place_of(out))
    check_levels(result["lines"])
    total = Counter[str]()
    for each in result["domains"]:
        check_levels(each["lines"])
        total.update({line["level"]: line["chars"] for line in each["lines"] if not line["loss"]})
    assert total == {line["level"]: line["chars"] for line in result["lines"] if not line["loss"]}
    assert [line["level"] for line in result["lines"] if not line["loss"]] == [
        name for name in LEVELS if name != "rewritten"
    ]


counts = st.integers(0, 10**6)


@st.composite
def fates(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of the table: any domains, stages and figures that can be."""
    rows = []
    for domain in draw(st.lists(st.sampled_from("abc"), unique=True)):
        for stage in draw(st.lists(st.sampled_from(["", "filter", "index", "fit"]), unique=True)):
            steps, packed, cut = draw(counts) + 1, draw(counts), draw(counts)
            used = stage != "filter"
            late = stage in ("", "fit")
            figures = {
                "domain": domain, "stage": stage, "reason": stage and "why", "steps": steps,
                "raw_chars": draw(counts), "samples": steps * used,
                "pruned_chars": draw(counts) * used, "chars": draw(counts) * used,
                "packed_tokens": packed * (stage == ""),
                "encoded_tokens": (packed * (stage == "") + cut) * late,
                "cut_samples": int(bool(cut)) * (stage == ""),
            }  # fmt: skip
            rows.append(figures)
    return rows


@given(fates())
def test_lines_and_flows_add_up_for_any_table(rows: list[dict[str, Any]]) -> None:
    """Levels and losses are exact, and the row of a domain says the same as its lines."""
    made = levels.lines(rows)
    check_levels(levels.as_rows(made))
    flow = levels.flow("", rows)
    at = {line.level: line for line in made if not line.loss}
    assert flow.read - flow.dropped == (at["used"].chars or 0)
    assert flow.read - flow.dropped - flow.removed == (at["pruned"].chars or 0)
    assert flow.to_encode == (at["encoded"].chars or 0)
    left = flow.read - flow.dropped - flow.removed - flow.redacted - flow.left_out
    assert left == flow.to_encode
    assert (
        flow.encoded_tokens - flow.lost_tokens == flow.packed_tokens == (at["packed"].tokens or 0)
    )


def test_pages_that_are_joined_count_where_they_join(tmp_path: Path) -> None:
    """The pages of archives are characters read, though the recording has none."""
    recordings = write(tmp_path / "in", {"a.json": recording(SHOP, f"{SHOP}gone")})
    crawl, html = tmp_path / "crawl.warc.gz", HTML.format("Shop")
    crawl.write_bytes(archives.warc(page(SHOP, html)))
    builds.build([recordings], tmp_path / "out", setting(crawl))
    rows = table(tmp_path / "out")
    (sample,) = builds.samples(tmp_path / "out").values()
    assert sample.raw_chars >= len(html)
    assert rows["raw_chars"].sum() == 2 * sample.raw_chars  # the navigation's page is the same
    assert rows.filter(reason="")["raw_chars"].to_list() == [sample.raw_chars]


@dataclass(frozen=True)
class Shorten:
    """Rewrites observations: every ``Order`` becomes ``O``."""

    name: ClassVar[str] = "shorten"
    version: ClassVar[int] = 1
    about: ClassVar[str] = ""
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    @staticmethod
    def in_words(settings: object) -> str:
        return "" if settings else "nothing"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        for draft in rows:
            for step_draft in draft.steps:
                step_draft.observation = step_draft.observation.replace("Order", "O")
            yield draft


def test_a_stage_that_rewrites_observations_is_a_level_of_its_own(tmp_path: Path) -> None:
    """What a stage between pruning and samples removes is not counted as pruning."""
    path = builds.write_workflows(tmp_path / "a.jsonl", builds.workflow(1, steps=2))
    (shard,) = find.shards(find.find([str(path)], SOURCES))
    (workflow,) = SOURCES[shard.format].read(shard, Tally())
    stages = load("scribeagent-32k").samples.stages
    tallies = []
    for chosen in (stages, (*stages[:-1], Shorten(), stages[-1])):
        tally = Tally()
        plan = Plan(SOURCES, chosen)
        samples = list(plan._through(enter(workflow, tally, {}), tally))
        assert len(samples) == 2
        tallies.append(tally)
    plain, rewritten = (
        [entry for entry in tally.entries if entry.unit == "sample"] for tally in tallies
    )
    assert [each.chars for each in rewritten] == [each.chars for each in plain]
    assert [each.final_chars for each in plain] == [each.chars for each in plain]
    assert all(each.chars - each.final_chars >= 4 for each in rewritten)
    lines = [asdict(entry) | {"shard": ""} for entry in tallies[1].entries]
    fates_ = waterfall.fates_of(pl.DataFrame(lines))
    made = levels.lines(
        [row | dict.fromkeys(("encoded_tokens", "packed_tokens", "cut_samples"), 0)
         for row in fates_.to_dicts()]
    )  # fmt: skip
    check_levels(levels.as_rows(made))
    assert "rewritten" in {line.level for line in made if not line.loss}


def test_figures_that_differ_stop_the_build(out: Path) -> None:
    """The sums are compared with those counted apart from them, before the manifest is written."""
    made, domains = table(out), read_parquet(out / "dataset" / "stats" / "domains.parquet")
    read = int(made["raw_chars"].sum())
    waterfall.check(made, domains, read, out)
    with pytest.raises(IntegrityError, match="raw_chars sum to"):
        waterfall.check(made, domains, read + 1, out)
    less = made.with_columns(packed_tokens=pl.col("packed_tokens") // 2)
    with pytest.raises(IntegrityError, match="packed_tokens sum to"):
        waterfall.check(less, domains, read, out)


def as_if_built(out: Path, name: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Change a table of the dataset, and the manifest's hash of it, as somebody would who means it.

    The same figures are put into ``stats.json``.
    """
    path = out / "dataset" / "stats" / f"{name}.parquet"
    made = change(read_parquet(path))
    path.unlink()
    made.write_parquet(path)
    whole = path.with_name("stats.json")
    values = read_json(whole) | {name: made.to_dicts()}
    whole.unlink()
    write_json(whole, values)
    manifest = read_json(out / "dataset" / "manifest.json")
    for each in (path, whole):
        digest = builds.contents(each.parent)[each.name]
        manifest["files"][each.relative_to(out).as_posix()] = digest
    write_json(out / "dataset" / "manifest.json", manifest)


def one_more(name: str, stage: str = "") -> Callable[[pl.DataFrame], pl.DataFrame]:
    """One more in the first row of what a stage dropped, or of what is kept."""

    def change(rows: pl.DataFrame) -> pl.DataFrame:
        mine = (pl.col("stage") == stage) & (pl.col("samples") > 0)
        first = mine & (mine.cast(pl.Int32).cum_sum() == 1)
        return rows.with_columns(pl.when(first).then(pl.col(name) + 1).otherwise(name).alias(name))

    return change


@pytest.mark.parametrize(
    ("name", "stage", "where"),
    [
        ("raw_chars", "", ("by the ledgers",)),
        ("chars", "index", ("by the ledgers",)),
        ("samples", "index", ("by the ledgers", "by the index")),
        ("encoded_tokens", "fit", ("by the ledgers",)),
        ("packed_tokens", "", ("by the ledgers", "in the data files")),
        ("cut_samples", "", ("by the ledgers",)),
    ],
)
def test_verify_counts_the_waterfall_again(
    out: Path, tmp_path: Path, name: str, stage: str, where: tuple[str, ...]
) -> None:
    """A figure that is another one is named with both, though all hashes fit."""
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    as_if_built(copy, "waterfall", one_more(name, stage))
    row = table(copy).filter(stage=stage).filter(pl.col("samples") > 0).row(0, named=True)
    problems = verify.verify(copy)
    assert len(problems) == len(where), problems
    for line, how in zip(problems, where, strict=True):
        assert line.startswith(f"waterfall: domain={row['domain']!r}")
        assert f": {name} is " in line
        assert line.endswith(f" {how}")


def test_verify_finds_that_packing_noted_other_tokens(out: Path, tmp_path: Path) -> None:
    """Work files that were changed with their hashes differ from the table; a sound build has no
    problem.
    """
    copy = Path(shutil.copytree(out, tmp_path / "out"))
    assert verify.verify(copy) == []
    (path, *_) = sorted((copy / "work" / "fitted").rglob("train-*.parquet"))
    rows = read_parquet(path).with_columns(pl.col("lost_tokens") + 1)
    path.unlink()
    rows.write_parquet(path)
    report = path.with_suffix(".json")
    noted = read_json(report)
    noted["files"][path.relative_to(copy).as_posix()] = builds.contents(path.parent)[path.name]
    report.unlink()
    write_json(report, noted)
    problems = verify.verify(copy)
    assert any(": encoded_tokens is " in line for line in problems)
    assert problems[-1].endswith("more figures are others by the ledgers")


def test_a_build_of_an_earlier_version_is_read_again(inputs: Path, tmp_path: Path) -> None:
    """Its ledgers have no characters: the same command reads the inputs again, and packs as before.

    Until then the view says that the table is missing, and what to do; ledgers can be read.
    """
    folder = tmp_path / "out"
    builds.build([inputs], folder)
    data = builds.contents(folder / "dataset" / "data")
    with_it = builds.contents(folder / "dataset" / "stats")
    for path in (folder / "work" / "samples").glob("*.json"):
        report = read_json(path)
        del report["page_chars"]
        write_json(path, report)
    for path in (folder / "work" / "ledger").glob("*.arrow"):
        old = open_arrow(path).read_all().drop_columns(["chars", "final_chars"])
        builds.rewrite(path, old)
    (folder / "dataset" / "stats" / "waterfall.parquet").unlink()
    manifest = read_json(folder / "dataset" / "manifest.json")
    del manifest["files"]["dataset/stats/waterfall.parquet"]
    write_json(folder / "dataset" / "manifest.json", manifest | {"format": 4})
    stamps.note(folder)
    shown = CliRunner().invoke(cli, ["inspect", str(folder), "waterfall"])
    assert "built by an earlier version" in str(shown.exception)
    assert account.ledger(folder)["chars"].sum() == 0
    foreseen = builds.command("build", inputs, "--out", folder, "--dry-run")
    assert "built by another version" in foreseen.stdout
    builds.build([inputs], folder)
    assert builds.contents(folder / "dataset" / "data") == data
    assert builds.contents(folder / "dataset" / "stats") == with_it


def test_the_command_the_report_and_the_card_say_the_same(out: Path) -> None:
    """As text, JSON and CSV; one domain alone; a domain that is not there is an error."""
    run = CliRunner().invoke
    shown = run(cli, ["inspect", str(out), "waterfall", "--json"])
    result = json.loads(shown.output)
    card = Layout(out).dataset.card.read_text()
    text = run(cli, ["inspect", str(out), "waterfall"]).output
    for line in (each for each in result["lines"] if not each["loss"]):
        assert f"| {LEVELS[line['level']]} | {line['count']:,} | {line['chars']:,} |" in card
        assert LEVELS[line["level"]] in text
        assert f"{line['chars']:,}" in text
    rows = run(cli, ["inspect", str(out), "waterfall", "--csv"]).output.splitlines()
    assert len(rows) == 1 + len(result["lines"]) + sum(
        len(each["lines"]) for each in result["domains"]
    )
    name = result["domains"][0]["flow"]["domain"]
    alone = run(cli, ["inspect", str(out), "waterfall", "--domain", name, "--json"])
    assert json.loads(alone.output)["lines"] == result["domains"][0]["lines"]
    nothing = run(cli, ["inspect", str(out), "waterfall", "--domain", "nowhere"])
    assert "no domain matches 'nowhere'" in str(nothing.exception)
    from etl.look.report.figures import figures

    assert figures(place_of(out))["characters"] == result
