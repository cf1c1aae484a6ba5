"""The weights by which a trainer draws rows (`etl.decisions.mix`), in words and as a table."""

from __future__ import annotations

from typing import Final

import polars as pl

from etl.dataset.manifest import Manifest

_HEAD: Final = (
    *("split", "source", "domain", "tokens", "of tokens", "asked for", "as drawn", "weight"),
)


def rule(manifest: Manifest) -> str:
    """What the weights are, and where."""
    temperature = manifest.settings["mix"]["temperature"]
    return (
        f"Weights are for sampling; no row is repeated. The temperature is {temperature:g}: a "
        "domain with the share p of the tokens of a split is asked for with p ** (1 / "
        "temperature), over the sum of these, times its weights. `stats/weights.parquet` has the "
        "weight of each row, in the order in which they are loaded; a row of several domains has "
        "the mean of theirs."
    )


def table(weights: pl.DataFrame, top: int) -> tuple[tuple[str, ...], list[list[str]], str]:
    """The head and the largest rows of the table ``mix``, and how many more there are.

    top: the most rows.
    """
    largest = weights.sort("tokens", descending=True, maintain_order=True).head(top)
    rows = [
        [
            row["split"],
            row["source"],
            row["domain"],
            f"{row['tokens']:,}",
            *(f"{row[name]:.1%}" for name in ("share", "target", "sampled")),
            f"{row['weight']:.3g}",
        ]
        for row in largest.iter_rows(named=True)
    ]
    more = weights.height - top
    return _HEAD, rows, f"and {more:,} more in `stats/mix.parquet`" if more > 0 else ""
