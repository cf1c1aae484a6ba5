"""How long `stepmill inspect` takes over a build of many samples, view by view, and what reading
its columns takes.

::

    python -m tests.bench.views --samples 1      over this many million synthetic samples

The build is written by this module: listing, index, ledgers, statistics and manifest as a build of
this size has them, with lengths like those of recorded pages. Its data files hold eight
tokens a sample, not thousands: of a data file a view reads one row. Recordings, and the samples
files of all inputs but the first, are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from etl.dataset import manifest
from etl.dataset.drift import figures
from etl.dataset.generations import Generations
from etl.dataset.layout import Layout
from etl.dataset.manifest import FORMAT, Card, Drop, Manifest, Split, Totals, UnitCounts
from etl.files.arrow import write_json, write_table
from schemas.ledger import FITTED_SCHEMA, INDEX_SCHEMA, LEDGER_SCHEMA, LISTING_SCHEMA
from schemas.sample_table import PACKED_SCHEMA, SAMPLE_SCHEMA
from schemas.samples import NO_LOSS
from tokenization import vocabulary
from tokenization.prompt import Prompt

STEPS: Final = 11  # of a workflow, as in ScribeAgent's
DOMAINS: Final = 250
INPUTS: Final = 5
FILES: Final = {"train": 285, "test": 15}
TEST: Final = 0.05
_PER_ROW: Final = 64
_TOKENS: Final = (6, 2)  # of each sample in the data files: prompt and completion
_REASONS: Final = ("failed_action", "target_absent", "no_element", "instruction")
_ACTIONS: Final = ("click", "type", "select", "press")
_PAGE: Final = '<html node="1"> <button node="0"> Order </button> </html> '


def synthetic(out: Path, samples: int) -> pl.DataFrame:
    """Write a build of about this many samples; returns a row a step, dropped ones with their
    ``reason``.
    """
    steps = _steps(samples)
    kept = steps.filter(pl.col("reason") == "").drop("reason")
    files = _published(out, kept)
    _work(out, steps, kept)
    _finished(out, steps, kept, files)
    return steps


def _steps(samples: int) -> pl.DataFrame:
    """A row a step, a tenth of them dropped: what it is, where it lies and how long it is."""
    chance = np.random.default_rng(0)
    flows = max(INPUTS, round(samples / 0.9 / STEPS))
    count = flows * STEPS
    of_domain = np.minimum((chance.pareto(1.0, flows) * 3).astype(np.int64), DOMAINS - 1)
    raw = chance.lognormal(11.5, 1.0, count).astype(np.int64) + 200
    pruned = (raw * chance.uniform(0.05, 0.5, count)).astype(np.int64) + 50
    dropped = chance.random(count) < 0.1
    reasons = np.where(dropped, np.array(_REASONS)[chance.integers(0, len(_REASONS), count)], "")
    test = chance.random(flows) < TEST
    frame = pl.DataFrame(
        {
            "flow": np.repeat(np.arange(flows), STEPS),
            "step": np.tile(np.arange(1, STEPS + 1, dtype=np.int32), flows),
            "domain_number": np.repeat(of_domain, STEPS),
            "split": np.repeat(np.where(test, "test", "train"), STEPS),
            "action_kind": np.array(_ACTIONS)[chance.integers(0, len(_ACTIONS), count)],
            "raw_chars": raw,
            "pruned_chars": pruned,
            "reward": np.repeat(chance.integers(0, 2, flows).astype(np.float64), STEPS),
            "repeat": chance.random(count) < 0.05,
            "failed_steps": np.zeros(count, np.int32),
            "loops": np.zeros(count, np.int32),
            "failed": np.zeros(count, bool),
            "prompt_tokens": (pruned / 2.7 + 150).astype(np.int32),
            "completion_tokens": chance.integers(40, 90, count, dtype=np.int32),
            "order": chance.integers(0, 2**63, count, dtype=np.uint64),
            "reason": reasons,
        }
    )
    frame = frame.with_columns(
        workflow=pl.format("workflows:{}", pl.col("flow").cast(pl.String).str.zfill(9)),
        domain=pl.format("shop{}.example", "domain_number"),
        subdomain=pl.format("www.shop{}.example", "domain_number"),
        shard=pl.format("input{}", pl.col("flow") * INPUTS // flows),
    )
    row = pl.col("step").cum_count().over("shard").cast(pl.Int64) - 1
    return frame.with_columns(sample_id=pl.format("{}/{}", "workflow", "step"), row_there=row)


def _published(out: Path, kept: pl.DataFrame) -> list[str]:
    """Listing and data, in files by the order of a hash; returns the names of the files of the
    listing.
    """
    names: list[str] = []
    for split, total in FILES.items():
        rows = kept.filter(pl.col("split") == split).sort("order")
        size = -(-rows.height // total)
        for number in range(total):
            part = rows.slice(number * size, size)
            packed = f"g0001/{split}-{number:05d}-of-{total:05d}"
            listed = part.with_row_index("at").with_columns(
                source=pl.lit("workflows"), history=pl.col("step") - 1, chunk=pl.lit(0),
                chunks=pl.lit(1),
                packed=pl.lit(packed), row=pl.col("at") // _PER_ROW,
            )  # fmt: skip
            names.append(f"dataset/stats/samples/{packed}.parquet")
            _parquet(out / names[-1], listed, LISTING_SCHEMA)
            fitted = listed.with_columns(
                kept=pl.lit(1), lost_tokens=pl.lit(0), reason=pl.lit(""), detail=pl.lit("")
            )
            _parquet(out / "work" / "fitted" / f"{packed}.parquet", fitted, FITTED_SCHEMA)
            write_table(out / "dataset" / "data" / f"{packed}.arrow", _data(part["sample_id"]))
    return names


def _data(ids: pl.Series) -> pa.Table:
    """Packed rows of the same few tokens for every sample."""
    each, loss = sum(_TOKENS), np.full(sum(_TOKENS), NO_LOSS, np.int32)
    tokens = np.arange(1000, 1000 + each, dtype=np.int32)
    loss[_TOKENS[0] :] = tokens[_TOKENS[0] :]
    starts = np.minimum(np.arange(0, len(ids) + _PER_ROW, _PER_ROW, dtype=np.int32), len(ids))
    starts = np.unique(starts)
    columns = [
        pa.ListArray.from_arrays(pa.array(starts * width), pa.array(np.tile(values, len(ids))))
        for values, width in ((tokens, each), (loss, each), (np.array([each], np.int32), 1))
    ]
    names = pa.ListArray.from_arrays(pa.array(starts), ids.to_arrow().cast(pa.string()))
    return pa.table([*columns, names], schema=PACKED_SCHEMA)


def _work(out: Path, steps: pl.DataFrame, kept: pl.DataFrame) -> None:
    """Index, ledgers and the samples of the first input."""
    work = out / "work"
    index = kept.with_columns(
        sample_hash=pl.lit("0" * 32), chars="pruned_chars", generation=pl.lit(1), home=pl.lit(0),
        row="row_there", bundle="shard",
        reason=pl.lit(""), detail=pl.lit(""),
    )  # fmt: skip
    for split in FILES:
        _parquet(
            work / "index" / f"g0001-{split}-00000.parquet",
            index.filter(pl.col("split") == split),
            INDEX_SCHEMA,
        )
    for (shard,), rows in steps.group_by("shard", maintain_order=True):
        write_table(work / "ledger" / f"{shard}.arrow", _ledger(rows))
    for ledger in (Layout(out).work.index_ledger, Layout(out).work.fit_ledger):
        write_table(ledger, LEDGER_SCHEMA.empty_table())
    first = steps.filter(pl.col("shard") == "input0").with_columns(
        source=pl.lit("workflows"), origin=pl.lit("night/0.jsonl"), workflow_hash=pl.lit(""),
        website=pl.lit(""),
        topic=pl.lit(""), domain_from=pl.lit("url"), observation=pl.lit(_PAGE),
        action_value=pl.lit(""),
        history=pl.lit(None, pl.List(pl.String)).fill_null([]), objective=pl.lit("Order it"),
        node=pl.lit(0),
        description=pl.lit("Click Order"), url=pl.format("https://{}/", "subdomain"),
        target_html=pl.lit('<button node="0">'), language_score=pl.lit(0.9),
        workflow_meta=pl.lit(""), step_meta=pl.lit(""), whole=pl.lit(True),
        observation_kind=pl.lit("html"), ref=pl.lit(""), fitted=pl.lit(""),
    )  # fmt: skip
    write_table(work / "samples" / "input0.arrow", _arrow(first, SAMPLE_SCHEMA))
    inputs = [f"input{number}" for number in range(INPUTS)]
    described = [
        {
            "key": key,
            "generation": 1,
            "members": [{"key": key, "name": f"night/{key}.jsonl", "format": "workflows"}],
        }
        for key in inputs
    ]
    write_json(work / "inputs.json", described)


def _ledger(steps: pl.DataFrame) -> pa.Table:
    """What was read of an input, and what was dropped."""
    nothing = {
        "stage": pl.lit("read"),
        "reason": pl.lit(""),
        "detail": pl.lit(""),
        "recorded": pl.lit(""),
        "chars": pl.lit(0),
        "final_chars": pl.lit(0),
    }
    flows = steps.unique("workflow", keep="first", maintain_order=True)
    read = [
        flows.with_columns(
            unit=pl.lit("record"), id="workflow", parent="workflow", domain=pl.lit(""), **nothing
        ),
        flows.with_columns(unit=pl.lit("workflow"), id="workflow", parent=pl.lit(""), **nothing),
        steps.with_columns(unit=pl.lit("step"), id="sample_id", parent="workflow", **nothing),
        steps.filter(pl.col("reason") == "").with_columns(
            unit=pl.lit("sample"), id="sample_id", parent="workflow", **nothing
        ),
    ]
    dropped = steps.filter(pl.col("reason") != "").with_columns(
        unit=pl.lit("step"),
        id="sample_id",
        parent="workflow",
        stage=pl.lit("locate"),
        detail=pl.lit("as it happens"),
        recorded=pl.lit(""),
        chars=pl.lit(0),
        final_chars=pl.lit(0),
    )
    return _arrow(
        pl.concat([rows.select(LEDGER_SCHEMA.names) for rows in (*read, dropped)]), LEDGER_SCHEMA
    )


def _finished(out: Path, steps: pl.DataFrame, kept: pl.DataFrame, files: list[str]) -> None:
    """Statistics and manifest."""
    tokens = pl.col("prompt_tokens") + pl.col("completion_tokens")
    kept = kept.with_columns(tokens=tokens.cast(pl.Int64))
    sums = ("tokens", "prompt_tokens", "completion_tokens", "raw_chars", "pruned_chars")
    of_domain = kept.group_by("domain").agg(
        samples=pl.len(),
        chunked=pl.lit(0),
        **{name: pl.col(name).cast(pl.Int64).sum() for name in sums},
    )
    gone = pl.col("reason") != ""
    read = steps.group_by("domain").agg(
        workflows=pl.col("workflow").n_unique(), steps=pl.len(), dropped_steps=gone.sum(),
        lost_targets=(pl.col("reason") == "target_absent").sum(),
    )  # fmt: skip
    domains = read.join(of_domain, on="domain").with_columns(
        pl.col(pl.UInt32, pl.Int32).cast(pl.Int64)
    )
    domains = domains.with_columns(
        survival=pl.col("samples") / (pl.col("samples") + pl.col("lost_targets")),
        share=pl.col("tokens") / pl.col("tokens").sum(),
    ).sort("tokens", "domain", descending=[True, False])
    drops = steps.filter(gone).group_by("domain", "reason").len("count").with_columns(
        unit=pl.lit("step"), stage=pl.lit("locate")
    )  # fmt: skip
    actions = (
        kept.group_by("domain", "action_kind")
        .agg(samples=pl.len().cast(pl.Int64))
        .sort("domain", "action_kind")
    )
    tables = {"domains": domains, "drops": drops.sort("domain", "reason"), "actions": actions}
    for name, table in tables.items():
        _parquet(out / "dataset" / "stats" / f"{name}.parquet", table, table.to_arrow().schema)
    manifest.write(Layout(out).dataset.manifest, _manifest(steps, kept, tables, files))


def _manifest(
    steps: pl.DataFrame,
    kept: pl.DataFrame,
    tables: dict[str, pl.DataFrame],
    files: list[str],
) -> Manifest:
    domains = tables["domains"]
    flows = steps["workflow"].n_unique()
    dropped = (
        tables["drops"]
        .group_by("stage", "reason")
        .agg(pl.col("count").sum())
        .sort("count", descending=True)
    )
    reasons = tuple(Drop(**row) for row in dropped.iter_rows(named=True))
    units = {
        "record": (flows, flows),
        "workflow": (flows, flows),
        "step": (steps.height, kept.height),
    }
    units["sample"] = kept.height, kept.height
    accounting = {
        unit: UnitCounts(read, left, read - left, reasons if unit == "step" else (), {})
        for unit, (read, left) in units.items()
    }
    names = (
        "workflows",
        "steps",
        "samples",
        "tokens",
        "prompt_tokens",
        "completion_tokens",
        "raw_chars",
    )
    splits = {
        str(split): Split(
            files=FILES[str(split)],
            rows=-(-rows.height // _PER_ROW),
            samples=rows.height,
            tokens=int(rows["tokens"].sum()),
            loss_tokens=int(rows["completion_tokens"].sum()),
            bytes=0,
            fill=1.0,
        )
        for (split,), rows in kept.group_by("split")
    }
    sums = {name: int(domains[name].sum()) for name in (*names, "pruned_chars", "chunked")}
    known = vocabulary.load()
    packed = {
        "vocabulary": known.sha256,
        "prompt": {"system": Prompt.system, "repeats": Prompt.repeats},
    }
    return Manifest(
        format=FORMAT,
        recipe="scribeagent-32k",
        fingerprint="0" * 40,
        settings={
            "packed": packed,
            "samples": {"part_mb": 256.0},
            "index": {"context": 32768},
        },
        generations=Generations(),
        takedown="",
        vocabulary={"name": known.name},
        card=Card("", {}, {}),
        inputs=(),
        splits=splits,
        totals=Totals(domains=domains.height, subdomains=domains.height, **sums),
        outcomes=(),
        figures=figures(accounting, tables),
        accounting=accounting,
        unknown_actions=(),
        page_actions={},
        packing=(),
        quarantined=0,
        oddities=(),
        files=dict.fromkeys([*files, *map(_data_of, files)], ""),
    )


def _data_of(listing: str) -> str:
    """The data file that a listing is of."""
    return listing.replace("stats/samples", "data").replace(".parquet", ".arrow")


def _arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    return frame.select(schema.names).to_arrow().cast(schema)


def _parquet(path: Path, frame: pl.DataFrame, schema: pa.Schema) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(_arrow(frame, schema), path, compression="zstd", row_group_size=2**16)


def views(out: Path, steps: pl.DataFrame) -> dict[str, list[str]]:
    """Each view as it is asked for, by name; those of one sample are of one in the first input, or
    published.
    """
    shop = steps["domain"].mode().sort()[0]
    one = steps.filter((pl.col("shard") == "input0") & (pl.col("reason") == ""))["sample_id"][-1]
    lost = steps.filter(pl.col("reason") != "")["sample_id"][0]
    asked = {
        "overview": [],
        "domains": ["domains"],
        "domains, outliers": ["domains", "--outliers"],
        "samples, first": ["samples"],
        "samples, longest of one domain": [
            "samples",
            "--domain",
            shop,
            "--sort",
            "tokens",
            "--descending",
        ],
        "samples, at random": [
            "samples",
            "--action",
            "type",
            "--min-tokens",
            "500",
            "--random",
            "20",
            "--seed",
            "7",
        ],
        "samples, dropped": ["samples", "--reason", "target_absent"],
        "sample": ["sample", one],
        "sample, dropped": ["sample", lost],
        "tokens": ["tokens"],
        "tokens of one domain": ["tokens", "--domain", shop, "--bins", "20"],
        "drops": ["drops", "--by", "reason", "--by", "domain"],
        "drops, examples": ["drops", "--examples", "3"],
        "actions": ["actions"],
        "lint": ["lint"],
        "privacy": ["privacy"],
    }
    published = {
        "published, overview": [],
        "published, sample": ["sample", "--split", "test", "--seed", "3"],
    }
    found = {name: [str(out), *arguments] for name, arguments in asked.items()}
    return found | {
        name: [str(out / "dataset"), *arguments] for name, arguments in published.items()
    }


def here(arguments: list[str]) -> float:
    """Seconds by the clock of a view in this process."""
    from etl.cli.main import cli

    began = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()):
        cli(["inspect", *arguments], standalone_mode=False)
    return time.monotonic() - began


def read_once(out: Path) -> float:
    """Seconds by the clock in which Polars reads the listing once, every column of it."""
    began = time.monotonic()
    pl.scan_parquet(out / "dataset" / "stats" / "samples" / "**" / "*.parquet").collect()
    return time.monotonic() - began


def by_command(arguments: list[str]) -> tuple[float, float]:
    """Seconds by the clock, and of processors, of the command line in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "stepmill", "inspect", *arguments], check=True, capture_output=True
    )
    spent = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print how long each view takes."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.views", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--samples", type=float, default=1.0, help="millions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="write the build here, and leave it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.keep or Path(scratch) / "out"
        steps = synthetic(out, int(options.samples * 1e6))
        rows = manifest.read(Layout(out).dataset.manifest).totals.samples
        figures = {}
        for name, arguments in {
            "start-up (--help)": ["lint", "--help"],
            **views(out, steps),
        }.items():
            clock, spent = min(by_command(arguments) for _ in range(options.rounds))
            figures[name] = {"seconds": clock, "processor_seconds": spent}
        if options.json:
            print(json.dumps({"samples": rows, "views": figures}, indent=2))
            return 0
        print(
            f"{rows:,} samples; seconds by the clock (of processors), the best of {options.rounds}"
        )
        for name, each in figures.items():
            print(f"  {name:32} {each['seconds']:6.2f}  ({each['processor_seconds']:.2f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
