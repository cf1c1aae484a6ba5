"""How many targets a model would see at a given context length: the curve that a context is chosen
by.

A sample of T tokens fits a context of C as a whole where T <= C. Where it does not, its page is cut
into chunks from the right end (`tokenization.fit`). The right-most one, which is all that a model
is given that does not know the target, holds it where F <= C: F are the tokens of the sample with
an observation that begins at the target's segment. So

    whole(C) = |{samples: T <= C}| / n        rightmost(C) = |{samples: F <= C}| / n

T and F are counted by encoding, of n samples with a target that are drawn by the seed, at most
`MEASURED`; a share is within 0.031 of that of all samples, 19 times in 20. Of a published dataset
there are lengths only: T is a sample's own where it is whole, and above the dataset's context where
it is a chunk, so ``whole`` is known up to that context.

Training keeps the chunk that holds the target, wherever it lies (policy ``target``): then a short
context costs pages their surroundings, not samples, up to ``fit.max_chunks``.
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
from etl.look.encoded import vocabulary_of
from tokenization.encode import Encoder
from tokenization.fit import extent
from tokenization.prompt import Prompt

MEASURED: Final = 1_000
LENGTHS: Final = tuple(
    sorted({size * 2**power for power in range(10, 18) for size in (1, 1.5)} | {2**18})
)
"""Contexts of the curve, in tokens: 1,024 to 262,144."""


def curve(place: Place, seed: int = 0, vocabulary: str = "") -> dict[str, Any]:
    """``points``: ``context``, ``whole``, ``rightmost`` (null where it is not known); ``measured``:
    of how many samples they are; ``context``: that of the dataset; ``by``: ``positions`` of
    targets, or ``lengths``.

    Raises `ConfigError` if the dataset's vocabulary is not known here.
    """
    context = int(place.manifest.settings["index"]["context"])
    if place.work is None:
        return {"context": context, "by": "lengths", **_by_lengths(place, context)}
    return {"context": context, "by": "positions", **_by_positions(place, seed, vocabulary)}


def _by_positions(place: Place, seed: int, vocabulary: str) -> dict[str, Any]:
    work = place.inside("the positions of targets")
    settings = place.manifest.settings["packed"]
    rows = scan(work).filter(pl.col("reason") == "").select("shard", "row", "chars").collect()
    drawn = sorted(random.Random(seed).sample(range(rows.height), min(MEASURED, rows.height)))
    encoder = Encoder(
        vocabulary_of(place, vocabulary), Prompt(**settings["prompt"]), settings["chat"]
    )
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
