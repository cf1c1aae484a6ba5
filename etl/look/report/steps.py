"""The steps of a report: drawn by a seed, each as it was recorded and as it is in the dataset."""

from __future__ import annotations

import codecs
import random
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import numpy as np
import polars as pl

from etl.dataset.index import scan
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.look import samples
from etl.look.encoded import tokens_of, vocabulary_of
from etl.look.original import recorded
from etl.stages.redact import Redact
from schemas.samples import NO_LOSS, Sample
from schemas.tokens import Tokens
from schemas.workflow import Step
from tokenization.vocabulary import Vocabulary

LEFT_OUT = "recorded pages are left out of this report"
NOT_REDACTED = "recorded pages still hold what is replaced by pseudonyms in this dataset"
_OF_SAMPLE = (
    "objective",
    "url",
    "description",
    "action_value",
    "node",
    "target_html",
    "observation",
    "fitted",
)


def drawn(
    place: Place, number: int, seed: int = 0, vocabulary: str = "", *, pages: bool = True
) -> Iterator[dict[str, Any]]:
    """At most ``number`` samples of the dataset at random, in the order of the inputs.

    They are drawn from each source and domain in turn, so that small ones are represented.

    Each has its row of the listing; its fields, null without a work folder; ``tokens``: the text
    of each token (a character of several tokens comes with the last of them); ``loss``: the ranges
    of tokens with loss; ``recorded``: the recorded page, or null, and then ``missing`` tells why.
    pages: whether to read recorded pages; those of a dataset with pseudonyms are never shown.

    Raises:
        ConfigError: if the dataset's vocabulary is not known.
    """
    if not number or not place.manifest.totals.samples:
        return
    decoder = vocabulary_of(place, vocabulary)
    rows = _chosen(place, number, seed)
    listed = {row["sample_id"]: row for row in rows.iter_rows(named=True)}
    made = _made(place, listed)
    private = f"stage {Redact.name}" in place.manifest.settings["samples"]
    if pages and not private:
        recordings = recorded(place.given, listed)
    else:
        recordings = ((each, NOT_REDACTED if private else LEFT_OUT) for each in listed)
    for sample_id, step in recordings:
        sample = made.get(sample_id)
        ids, labels = tokens_of(place, listed[sample_id])
        yield {
            **listed[sample_id],
            **{name: getattr(sample, name) if sample else None for name in _OF_SAMPLE},
            "tokens": pieces(ids, decoder),
            "loss": _loss(labels),
            **_recorded(step, sample),
        }


def _recorded(step: Step | str, sample: Sample | None) -> dict[str, str | None]:
    """``recorded`` and ``missing`` of a step, or of the reason why it cannot be read."""
    if not isinstance(step, Step):
        return {"recorded": None, "missing": step}
    if sample is not None and sample.observation_kind == "axtree":
        return {"recorded": None, "missing": "its observation is a text, and stays as it was"}
    return {"recorded": step.html, "missing": ""}


def _chosen(place: Place, number: int, seed: int) -> pl.DataFrame:
    """Rows of the listing, drawn by the seed from each group of source and domain in turn.

    The largest group comes first in each turn.
    """
    frame = samples.scan(place, samples.Wanted()).with_row_index("at")
    keys = frame.select("source", "domain", "at").collect()
    groups = keys.group_by("source", "domain").agg(pl.col("at").sort())
    groups = groups.sort(
        pl.col("at").list.len(), "source", "domain", descending=[True, False, False]
    )
    chance = random.Random(seed)
    shuffled = [chance.sample(of, min(number, len(of))) for of in groups["at"].to_list()]
    in_turn = [at for turn in zip_longest(*shuffled) for at in turn if at is not None]
    return frame.filter(pl.col("at").is_in(in_turn[:number])).drop("at").collect()


def _made(place: Place, listed: Mapping[str, Any]) -> dict[str, Sample]:
    if place.work is None:
        return {}
    rows = scan(place.work).filter(
        (pl.col("reason") == "") & pl.col("sample_id").is_in(list(listed))
    )
    return {
        each.sample_id: each
        for each in gather(rows.select("bundle", "row", "chars").collect(), place.work)
    }


def pieces(ids: Tokens, vocabulary: Vocabulary) -> list[str]:
    """The text that each token adds; joined, these are the text of all tokens."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(vocabulary.decode_bytes([token])) for token in ids.tolist()]
    texts[-1:] = [(texts[-1] if texts else "") + decoder.decode(b"", final=True)]
    return texts


def _loss(labels: Tokens) -> list[list[int]]:
    edges = np.flatnonzero(np.diff((labels != NO_LOSS).astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2).tolist()
