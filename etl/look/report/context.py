"""The share of targets that a model would see at each context length.

A sample of T tokens fits whole into a context of C tokens if T <= C. Otherwise its page is cut into
chunks from the right end (`tokenization.fit`). At inference nobody knows the target, so the model
gets the right-most chunk. It holds the target if F <= C, where F is the number of tokens of the
sample if its observation began at the target's segment. So

    whole(C) = |{samples: T <= C}| / n        rightmost(C) = |{samples: F <= C}| / n

T and F are counted by encoding n samples with a target, at most `MEASURED`, drawn by the seed. A
share is within 0.031 of that of all samples, 19 times in 20. A published dataset has only lengths:
T is known for whole samples, and above the dataset's context for chunks, so ``whole`` is known up
to that context.

Training keeps the chunk that holds the target (policy ``target``). Then a short context cuts away
the surroundings of the target, and loses no samples, up to ``fit.max_chunks``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from etl.dataset.index import scan
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.look.encoded import encoder_of
from tokenization.fit import extent

MEASURED: Final = 1_000
"""At most this many samples are encoded."""

LENGTHS: Final = tuple(
    sorted({size * 2**power for power in range(10, 18) for size in (1, 1.5)} | {2**18})
)
"""Contexts of the curve, in tokens: 1,024 to 262,144."""


def curve(place: Place, seed: int = 0, vocabulary: str = "") -> dict[str, Any]:
    """Compute the curve.

    ``points``: for each ``context``, in tokens, the shares ``whole`` and ``rightmost`` (0 to 1,
    null if not known); ``measured``: the number of samples; ``context``: that of the dataset;
    ``by``: ``positions`` of targets, or ``lengths``.

    Raises:
        ConfigError: if the dataset's vocabulary is not known.
    """
    context = int(place.manifest.settings["index"]["context"])
    if place.work is None:
        return {"context": context, "by": "lengths", **_by_lengths(place, context)}
    return {"context": context, "by": "positions", **_by_positions(place, seed, vocabulary)}


def _by_positions(place: Place, seed: int, vocabulary: str) -> dict[str, Any]:
    work = place.inside("the positions of targets")
    rows = scan(work).filter(pl.col("reason") == "").select("bundle", "row", "chars").collect()
    drawn = sorted(random.Random(seed).sample(range(rows.height), min(MEASURED, rows.height)))
    encoder = encoder_of(place, vocabulary)
    found = [extent(sample, encoder) for sample in gather(rows[drawn], work)]
    extents = [each for each in found if each is not None]
    whole, rightmost = ([each[i] for each in extents] for i in range(2))
    return {"measured": len(extents), "points": _points(LENGTHS, whole, rightmost)}


def _by_lengths(place: Place, context: int) -> dict[str, Any]:
    listed = place.listing(["prompt_tokens", "completion_tokens", "chunks"]).collect()
    above = pl.when(pl.col("chunks") > 1).then(context + 1)
    tokens = listed.select(
        above.otherwise(pl.col("prompt_tokens") + pl.col("completion_tokens"))
    ).to_series()
    return {
        "measured": listed.height,
        "points": _points([c for c in LENGTHS if c <= context], tokens.to_list(), None),
    }


def _points(
    contexts: Sequence[float], whole: Sequence[int], rightmost: Sequence[int] | None
) -> list[dict[str, Any]]:
    def share(sizes: Sequence[int], limit: float) -> float:
        return float(np.count_nonzero(np.asarray(sizes) <= limit) / max(1, len(sizes)))

    return [
        {
            "context": int(limit),
            "whole": share(whole, limit),
            "rightmost": None if rightmost is None else share(rightmost, limit),
        }
        for limit in contexts
    ]
