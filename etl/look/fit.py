"""How often a context still holds the target: by domain and context, and within a recipe's budget.

At most `MEASURED` samples are encoded, drawn by a seed. ``whole``: the share that fit whole.
``kept``: the share whose target a model would see that is asked: it gets the right-most chunk of a
page that is too long (`etl.look.report.context`). ``tokens``: of the sample, cut to the context.

Observations that were made to fit a budget (`etl.stages.observe.stage`) hold their targets in every
sample: a step whose target was cut is not trained on. So what they keep is counted over all steps
that had come so far: samples, and drops for ``target_cut``. ``observation``: tokens of theirs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from etl.dataset.index import scan
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.look import drops
from etl.look.encoded import encoder_of
from etl.stages.observe.stage import TARGET_CUT
from etl.terminal.text import percent, table
from schemas.samples import Sample
from tokenization.fit import Extent, extent

MEASURED: Final = 1_000
CONTEXTS: Final = (2048, 4096, 8192, 16384, 32768, 65536)
ALL: Final = "(all)"
CSV: Final = ("domain", "context", "samples", "whole", "kept", "p50", "p90")
_SHOWN: Final = 10
"""The most domains that the text shows."""


def view(place: Place, seed: int = 0, vocabulary: str = "") -> dict[str, Any]:
    """Measure: ``contexts``, a row a domain and context, and ``budget``; see the module.

    ``budget`` is null unless the dataset's observations were made for one. Needs the work folder.

    Raises:
        ConfigError: there is none, or the dataset's vocabulary is not known.
    """
    work = place.inside("whether contexts hold the targets")
    rows = scan(work).filter(pl.col("reason") == "").select("bundle", "row", "chars").collect()
    drawn = sorted(random.Random(seed).sample(range(rows.height), min(MEASURED, rows.height)))
    encoder = encoder_of(place, vocabulary)
    measured: defaultdict[str, list[Extent]] = defaultdict(list)
    fitted: list[Sample] = []
    for sample in gather(rows[drawn], work):
        if (found := extent(sample, encoder)) is not None:
            measured[ALL].append(found)
            measured[sample.domain].append(found)
        if sample.fitted:
            fitted.append(sample)
    ordered = sorted(measured, key=lambda name: (name != ALL, -len(measured[name]), name))
    return {
        "contexts": [_row(name, each, measured[name]) for name in ordered for each in CONTEXTS],
        "budget": _budget(place, rows.height, fitted),
    }


def _row(domain: str, context: int, extents: Sequence[Extent]) -> dict[str, Any]:
    wholes = np.array([each.whole for each in extents])
    cut = np.minimum(wholes, context)
    return {
        "domain": domain,
        "context": context,
        "samples": len(extents),
        "whole": float(np.mean(wholes <= context)),
        "kept": float(np.mean([each.from_target <= context for each in extents])),
        "p50": int(np.quantile(cut, 0.5, method="lower")),
        "p90": int(np.quantile(cut, 0.9, method="lower")),
    }


def _budget(place: Place, samples: int, fitted: Sequence[Sample]) -> dict[str, Any] | None:
    """What the stage `observe` kept within its budget."""
    if not fitted:
        return None
    notes = [orjson.loads(sample.fitted) for sample in fitted]
    tokens = np.array([note["tokens"] for note in notes])
    removed: defaultdict[str, int] = defaultdict(int)
    for note in notes:
        for rule, count in note["removed"].items():
            removed[rule] += count
    counts = drops.counts(place).filter(pl.col("reason") == str(TARGET_CUT))
    cut = int(counts["count"].sum())
    return {
        "tokens": notes[0]["budget"],
        "steps": samples + cut,
        "cut": cut,
        "kept": samples / (samples + cut),
        "cut_by_domain": dict(counts.select("domain", "count").sort("domain").iter_rows()),
        "p50": int(np.quantile(tokens, 0.5, method="lower")),
        "p90": int(np.quantile(tokens, 0.9, method="lower")),
        "removed": dict(sorted(removed.items())),
    }


def text(result: dict[str, Any]) -> str:
    """`view` as a table, the budget first."""
    lines: list[str] = []
    if budget := result["budget"]:
        removed = ", ".join(f"{count:,} {rule}" for rule, count in budget["removed"].items())
        lines += [
            f"within {budget['tokens']:,} tokens {percent(budget['kept'])} of targets are kept",
            f"of {budget['steps']:,} targets {budget['cut']:,} were cut",
            f"observation: {budget['p50']:,} tokens at the median, {budget['p90']:,} at p90",
            f"characters taken from lines of the samples measured: {removed or 'none'}",
            "",
        ]
    names = list(dict.fromkeys(row["domain"] for row in result["contexts"]))
    cells = [
        [
            row["domain"],
            f"{row['context']:,}",
            f"{row['samples']:,}",
            percent(row["whole"]),
            percent(row["kept"]),
            f"{row['p50']:,}",
            f"{row['p90']:,}",
        ]
        for row in result["contexts"]
        if row["domain"] in names[: _SHOWN + 1]
    ]
    lines += table(["domain", "context", *CSV[2:]], cells) if cells else ["no sample has a target"]
    if len(names) > _SHOWN + 1:
        lines += [f"{len(names) - 1 - _SHOWN:,} more domains: --csv lists them all"]
    return "\n".join(lines)
