"""Duplicates: find workflows that were read before, or whose pieces cannot be put together.

Workflows are compared in the order (generation, hash(seed, workflow id), input): the first is kept
and later ones name it, so that new data never change an old decision.

- ``duplicate_workflow``: the recording's content came before, under this id or another.
- ``conflicting_id``: the id came before with other content; the workflow is quarantined with its
  content.
- ``split_over_files``: inputs of one generation have the same id and objective, but other steps
  without numbers, and each content is there equally often; all of them are quarantined, since
  nobody knows which one is the beginning.

Memory: two 64-bit hashes of each workflow, which show what may have been read before; more is held
only of these suspects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes = npt.NDArray[np.uint64]
Light = Callable[[int, Sequence[str]], pl.DataFrame]
"""Reads columns of `schemas.ledger.LIGHT_SCHEMA` of the bundle with this number.

A column ``position`` numbers the input shards.
"""

DECIDED: Final = {
    "position": pl.Int32,
    "workflow": pl.String,
    "reason": pl.String,
    "detail": pl.String,
}
"""Columns of a decision: position of the input shard, the workflow's uid, why it is dropped."""


def repeats(
    names: Sequence[str],
    numbers: Sequence[int],
    bundles: int,
    light: Light,
    hashed: Callable[[str], int],
) -> pl.DataFrame:
    """The workflows that are dropped: one row each, with the columns of `DECIDED`.

    names: the name of each input shard's input. numbers: the number of its generation.
    bundles: how many they are read in. light: reads one. hashed: the 64-bit hash by which workflows
    are ordered.
    """
    frames = list(_suspects(bundles, light, hashed))
    if not frames:
        return pl.DataFrame(schema=DECIDED)
    every = pl.concat(frames)
    generations = [numbers[position] for position in every["position"]]
    every = every.with_columns(pl.Series("generation", generations, pl.Int32)).sort(
        "generation", "decided", "workflow", "position"
    )
    split, every = _split_over_files(every, names)
    same_id = pl.col("workflow").cum_count().over("workflow") > 1
    first_hash = pl.col("workflow_hash").first().over("workflow")
    every = every.with_columns(
        reason=pl.when(same_id & (pl.col("workflow_hash") == first_hash))
        .then(pl.lit("duplicate_workflow"))
        .when(same_id)
        .then(pl.lit("conflicting_id"))
        .otherwise(pl.lit("")),
        earlier=pl.col("position").first().over("workflow"),
    )
    kept = pl.col("reason") == ""
    repeated = kept & (kept.cast(pl.Int32).cum_sum().over("workflow_hash") > 1)
    first_uid = pl.col("workflow").filter(kept).first().over("workflow_hash")
    dropped = every.with_columns(same_as=pl.when(repeated).then(first_uid)).filter(
        (pl.col("reason") != "") | pl.col("same_as").is_not_null()
    )
    earlier = pl.Series("earlier", [names[at] for at in dropped["earlier"]], pl.String)
    dropped = (
        dropped.with_columns(earlier)
        .with_columns(
            reason=pl.when(pl.col("same_as").is_not_null())
            .then(pl.lit("duplicate_workflow"))
            .otherwise("reason"),
            detail=pl.when(pl.col("same_as").is_not_null())
            .then(pl.format("the same recording as {}", "same_as"))
            .when(pl.col("reason") == "duplicate_workflow")
            .then(pl.format("the same recording came before in {}", "earlier"))
            .otherwise(
                pl.format(
                    "a workflow with the same id and other content came before in {}", "earlier"
                )
            ),
        )
        .select(*DECIDED)
    )
    return pl.concat([split, dropped])


def _suspects(bundles: int, light: Light, hashed: Callable[[str], int]) -> Iterator[pl.DataFrame]:
    """The workflows whose id or content may have been read more than once, by bundle.

    They are found by 64-bit hashes, which may be equal by chance: the caller compares the texts.
    """
    columns = ("workflow", "workflow_hash")
    ids: list[Hashes] = []
    contents: list[Hashes] = []
    for number in range(bundles):
        flows = light(number, columns).unique(maintain_order=True)
        for hashes, name in zip((ids, contents), columns, strict=True):
            hashes.append(np.fromiter(map(hashed, flows[name]), np.uint64, flows.height))
    if not ids:
        return
    repeated = _repeated(np.concatenate(ids)) | _repeated(np.concatenate(contents))
    start = 0
    for number, ids_of_bundle in enumerate(ids):
        end = start + len(ids_of_bundle)
        if repeated[start:end].any():
            rows = light(number, (*columns, "objective", "whole"))
            flows = rows.unique(maintain_order=True)
            flows = flows.with_columns(pl.Series("decided", ids_of_bundle, pl.UInt64))
            yield _detached(flows.filter(pl.Series(repeated[start:end])))
        start = end


def _split_over_files(
    every: pl.DataFrame, names: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The workflows that lie in pieces in several inputs (columns `DECIDED`), and the other rows.

    A later recording of the workflow is another piece, unless it is known to be whole. They are not
    pieces where one content comes more often than another: then whole recordings were copied, and
    one copy differs.
    """
    pieces = ["generation", "workflow", "objective"]
    several = pl.col("workflow_hash").n_unique().over(pieces) > 1
    piece = ~pl.col("whole")
    every = every.with_columns(copies=pl.len().over([*pieces, "workflow_hash"]))
    alike = pl.col("copies").min().over(pieces) == pl.col("copies").max().over(pieces)
    every = every.with_columns(split=several & alike & piece).drop("copies")
    since = pl.when("split").then("generation").min().over("workflow", "objective")
    split = every.with_columns(
        split=pl.col("split") | (piece & (pl.col("generation") > since)).fill_null(False)
    )
    in_pieces = split.filter("split")
    inputs = in_pieces.group_by(pieces).agg(pl.col("position").unique().sort())
    details = []
    for positions in inputs["position"]:
        where = ", ".join(sorted({names[position] for position in positions}))
        details.append(f"its steps are in {where} and have no numbers")
    inputs = inputs.select(*pieces, pl.Series("detail", details, pl.String))
    refused = in_pieces.join(inputs, on=pieces, how="left", maintain_order="left")
    refused = refused.with_columns(reason=pl.lit("split_over_files"))
    return refused.select(*DECIDED), split.filter(~pl.col("split"))


def _detached(rows: pl.DataFrame) -> pl.DataFrame:
    """A copy of these rows: texts that stay in a mapped file would keep the whole file mapped."""
    copied = pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(copied, pl.DataFrame)
    return copied


def _repeated(keys: Hashes) -> npt.NDArray[np.bool_]:
    """A mask of the keys that are there more than once."""
    ordered = np.sort(keys)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return np.zeros(len(keys), np.bool_)
    return np.asarray(twice[np.minimum(np.searchsorted(twice, keys), len(twice) - 1)] == keys)
