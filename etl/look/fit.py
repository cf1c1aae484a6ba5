"""How often a context still holds the target, and what a recipe's budget kept: also by domain.

At most `MEASURED` samples are encoded, drawn by a seed. ``whole``: the share that fit whole.
``kept``: the share whose target a model would see that is asked: it gets the right-most chunk of a
page that is too long (`etl.look.report.context`). ``tokens``: of the sample, cut to the context.

Observations that were made to fit a budget (`etl.stages.observe.stage`) hold their targets in every
sample: a step whose target was cut is not trained on. So what they keep is counted of all targets
that had come so far (`etl.dataset.flow.budget`), and is published with the dataset.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from etl.dataset.flow.budget import TABLE, shares
from etl.dataset.index import scan
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.look.encoded import encoder_of
from etl.terminal.text import count, percent, table
from tokenization.fit import Extent, extent

MEASURED: Final = 1_000
CONTEXTS: Final = (2048, 4096, 8192, 16384, 32768, 65536)
ALL: Final = "(all)"
CSV: Final = (
    *("domain", "context", "budget", "samples", "targets", "cut", "whole", "kept", "named"),
    *("p50", "p90"),
)
"""A row has a context, or the budget that observations were made for."""
_CONTEXTS: Final = ("domain", "context", "samples", "whole", "kept", "p50", "p90")
_BUDGET: Final = ("domain", "targets", "cut", "kept", "named", "p50", "p90")
_SHOWN: Final = 10
"""The most domains that the text shows."""


def view(place: Place, seed: int = 0, vocabulary: str = "") -> dict[str, Any]:
    """Measure: ``contexts``, a row a domain and context, and ``budget``; see the module.

    ``contexts`` is null without a work folder, ``budget`` unless observations were made for one.

    Raises:
        ConfigError: there is neither, or the dataset's vocabulary is not known.
    """
    within = budget(place)
    measured = place.work is not None or within is None
    return {"contexts": _contexts(place, seed, vocabulary) if measured else None, "budget": within}


def _contexts(place: Place, seed: int, vocabulary: str) -> list[dict[str, Any]]:
    work = place.inside("whether contexts hold the targets")
    rows = scan(work).filter(pl.col("reason") == "").select("bundle", "row", "chars").collect()
    drawn = sorted(random.Random(seed).sample(range(rows.height), min(MEASURED, rows.height)))
    encoder = encoder_of(place, vocabulary)
    measured: defaultdict[str, list[Extent]] = defaultdict(list)
    for sample in gather(rows[drawn], work):
        if (found := extent(sample, encoder)) is not None:
            measured[ALL].append(found)
            measured[sample.domain].append(found)
    ordered = sorted(measured, key=lambda name: (name != ALL, -len(measured[name]), name))
    return [_row(name, each, measured[name]) for name in ordered for each in CONTEXTS]


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


def budget(place: Place) -> dict[str, Any] | None:
    """What observations hold within their budget: ``tokens``, shares, and ``domains``; else null.

    Shares are those of `etl.dataset.flow.budget.shares`, of all targets and of each domain's, most
    targets first.

    Raises:
        ConfigError: a published folder lacks the table.
    """
    found = place.manifest.budget
    if found is None:
        return None
    return {**shares(found), "domains": [shares(row) for row in place.table(TABLE).to_dicts()]}


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` as rows of `CSV`; what one does not know is null."""
    made = [*(result["contexts"] or ())]
    if within := result["budget"]:
        every = [{"domain": ALL, **within}, *within["domains"]]
        made += [{**row, "budget": within["tokens"]} for row in every]
    return [{name: row.get(name) for name in CSV} for row in made]


def text(result: Mapping[str, Any]) -> str:
    """`view` as text: the budget first, then tables of domains."""
    lines: list[str] = []
    if within := result["budget"]:
        lines += [*_within(within), ""]
    if result["contexts"] is None:
        return "\n".join([*lines, "how often contexts hold the targets: only a build knows"])
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
    lines += table(_CONTEXTS, cells) if cells else ["no sample has a target"]
    return "\n".join([*lines, *_more(len(names) - 1)])


def _within(found: Mapping[str, Any]) -> Iterator[str]:
    """What observations hold within their budget."""
    removed = ", ".join(f"{chars:,} {rule}" for rule, chars in found["removed"].items())
    if found["targets"]:
        yield f"within {found['tokens']:,} tokens {percent(found['kept'], 2)} of targets are kept"
    yield f"of {found['targets']:,} targets {found['cut']:,} were cut"
    if found["with_name"]:
        share = percent(found["named"], 2)
        yield f"of {found['with_name']:,} of those kept that have a name {share} show it"
    if found["samples"]:
        yield f"observation: {found['p50']:,} tokens at the median, {found['p90']:,} at p90"
    yield f"characters taken from lines of the samples: {removed or 'none'}"
    yield ""
    cells = [
        [
            row["domain"],
            *(f"{row[name]:,}" for name in ("targets", "cut")),
            *(percent(row[name], 2) for name in ("kept", "named")),
            *(count(row[name]) for name in ("p50", "p90")),
        ]
        for row in found["domains"][:_SHOWN]
    ]
    yield from table(_BUDGET, cells) if cells else ()
    yield from _more(len(found["domains"]))


def _more(domains: int) -> list[str]:
    over = domains - _SHOWN
    return [f"{over:,} more domains: --csv lists them all"] if over > 0 else []
