"""The figures of a cell of a study: how large its dataset is, and what a model would still see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from etl.dataset.layout import DATA, split_of
from etl.dataset.manifest import as_json
from etl.dataset.place import Place
from etl.files.arrow import batches
from etl.look.encoded import vocabulary_of
from schemas import splits
from schemas.samples import NO_LOSS
from schemas.tokens import Tokens
from tokenization.prompt import observation_of, target_of

_NODE: Final = re.compile(r"^Node: (\S+)", re.MULTILINE)


def figures(place: Place) -> dict[str, Any]:
    """The figures of a build, the same whenever and wherever it was built.

    ``samples``, ``tokens``, ``loss_tokens``, ``rows`` and ``bytes``: of the whole dataset;
    ``splits``: the same of each split. ``samples_kept``: the share of the samples made that are in
    it. ``survival``: the share of element actions whose target was found and survived pruning.
    ``test_prompts``: prompts of the splits that are not trained on, of actions on an element, and
    ``test_targets``: the share of these that hold their target; null without any. ``subsets``:
    ``name``, ``samples`` and ``tokens`` of each.

    Raises:
        ConfigError: if the dataset's vocabulary is not known.
    """
    manifest = place.manifest
    of_splits = {name: as_json(split) for name, split in manifest.splits.items()}
    counts = place.accounting["sample"]
    held = [*_held(place)]
    found = {
        "fingerprint": manifest.fingerprint,
        "samples": manifest.totals.samples,
        "tokens": manifest.totals.tokens,
        "loss_tokens": manifest.totals.completion_tokens,
        "rows": sum(split.rows for split in manifest.splits.values()),
        "bytes": sum(split.bytes for split in manifest.splits.values()),
        "samples_kept": counts.kept / counts.read if counts.read else None,
        "survival": manifest.figures.survival,
        "test_prompts": len(held),
        "test_targets": sum(held) / len(held) if held else None,
    }
    names = ("name", "samples", "tokens")
    subsets = [{name: getattr(each, name) for name in names} for each in manifest.subsets or ()]
    return {**found, "splits": of_splits, "subsets": subsets}


def _held(place: Place) -> Iterator[bool]:
    """Of each prompt that is not trained on and asks for an element: whether it holds that."""
    vocabulary = vocabulary_of(place)
    for name in sorted(place.manifest.files):
        if not name.startswith(f"{DATA}/") or _trained(split_of(name)):
            continue
        for ids, labels in _sequences(place, name):
            at = int(np.argmax(labels != NO_LOSS))
            completion = vocabulary.decode(ids[at:])
            if node := _NODE.search(completion):
                page = observation_of(vocabulary.decode(ids[:at]))
                yield f'node="{node[1]}"' in page or target_of(completion) in page.splitlines()


def _trained(split: str) -> bool:
    return splits.shown_as(split) == "train"


def _sequences(place: Place, name: str) -> Iterator[tuple[Tokens, Tokens]]:
    """``input_ids`` and ``labels`` (int32) of each sample, or chunk of one, in a data file."""
    for batch in batches(place.dataset.file(name)):
        columns = (batch.column(each) for each in ("input_ids", "labels", "seq_lengths"))
        for row in zip(*columns, strict=True):
            ids, labels, lengths = (pl.Series(each.values).to_numpy() for each in row)
            start = 0
            for length in lengths.tolist():
                yield ids[start : start + length], labels[start : start + length]
                start += length
