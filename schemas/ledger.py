"""The columns of the files beside the data: the ledger, the quarantine, the index, the listings.

The ledger says what was read and what became of it, the quarantine what could not be read, and
listings what the data holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import pyarrow as pa

Oddity = Literal["unknown_key", "unkept_value", "half_character", "no_number"]
"""Something that was read although it does not conform to its format."""

ODDITIES: Final[Mapping[Oddity, str]] = {
    "unknown_key": "a key that the format does not have, kept in meta",
    "unkept_value": "a value under such a key, too large or no text or number, left out",
    "half_character": "half a character, now U+FFFD",
    "no_number": "NaN or an infinity, taken as unknown",
}
"""What each oddity is, and what became of it."""

LEDGER_SCHEMA: Final = pa.schema(
    [
        ("shard", pa.string()),  # key of the input shard it was read from
        ("unit", pa.string()),  # record, workflow, step, sample
        ("id", pa.string()),
        ("parent", pa.string()),  # uid of the workflow it belongs to, if any
        ("stage", pa.string()),
        ("reason", pa.string()),  # empty: it was read; else why it was dropped
        ("detail", pa.string()),
        ("domain", pa.string()),
        ("recorded", pa.string()),  # the id that the recording gives a step
    ]
)
"""Everything read has one row without a reason. Everything dropped has a second row, with one.

A thing is identified by (shard, unit, id).
"""

QUARANTINE_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("raw", pa.large_binary()),  # the record's bytes as they were
    ]
)

LIGHT_SCHEMA: Final = pa.schema(
    [
        ("shard", pa.string()),  # key of the input shard
        ("sample_id", pa.string()),
        ("workflow", pa.string()),
        ("step", pa.int32()),
        ("workflow_hash", pa.string()),
        ("sample_hash", pa.string()),  # of everything that the sample says
        ("domain", pa.string()),
        ("website", pa.string()),
        ("objective", pa.string()),
        ("chars", pa.int64()),  # of its texts: observation, history and the rest
        ("whole", pa.bool_()),  # no other file holds steps of its workflow
    ]
)
"""What the index needs of each sample, in a file beside each samples file, row by row: no pages."""

TOKENS: Final = "tokens"
COUNTS_SCHEMA: Final = pa.schema([(TOKENS, pa.int32())])
"""Tokens of each sample, if it were a training sample, in a file beside its samples file, row by
row; 0 if it would be dropped. Only for builds with subsets.
"""

INDEX_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("workflow", pa.string()),
        ("domain", pa.string()),
        ("step", pa.int32()),
        ("shard", pa.string()),  # key of the input shard
        ("bundle", pa.string()),  # key of the bundle, which names its samples file
        ("row", pa.int64()),  # its row in that file
        ("sample_hash", pa.string()),
        ("chars", pa.int64()),  # of its texts: observation, history and the rest
        ("generation", pa.int32()),
        ("split", pa.string()),
        ("home", pa.int32()),  # number of the output shard within its generation and split
        ("order", pa.uint64()),  # hash that orders the rows of an output shard
        ("reason", pa.string()),  # empty: kept; else why it was dropped
        ("detail", pa.string()),
    ]
)

FITTED_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("domain", pa.string()),
        ("subdomain", pa.string()),
        ("source", pa.string()),
        ("action_kind", pa.string()),
        ("chunk", pa.int32()),  # number of its chunk, from 0 at the right end
        ("chunks", pa.int32()),  # into which it was cut
        ("kept", pa.int32()),  # how many of these are in the dataset
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("raw_chars", pa.int64()),  # of the page as recorded
        ("pruned_chars", pa.int64()),  # of the observation
        ("reward", pa.float64()),  # of its workflow, as recorded; null if it is not known
        ("repeat", pa.bool_()),  # its answer is that of the step before
        ("row", pa.int64()),  # its row in the packed shard; -1 if it was dropped
        ("reason", pa.string()),  # empty: it is in the dataset; else why it was dropped
        ("detail", pa.string()),
    ]
)
"""What phase 3 made of each sample of an output shard."""

LISTING_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("split", pa.string()),
        ("domain", pa.string()),
        ("subdomain", pa.string()),
        ("source", pa.string()),
        ("action_kind", pa.string()),
        ("step", pa.int32()),
        ("history", pa.int32()),  # steps before it in the prompt
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("chunk", pa.int32()),  # number of its chunk, from 0 at the right end
        ("chunks", pa.int32()),  # into which it was cut
        ("raw_chars", pa.int64()),  # of the page as recorded
        ("pruned_chars", pa.int64()),  # of the whole observation, all its chunks
        ("reward", pa.float64()),  # of its workflow, as recorded; null if it is not known
        ("repeat", pa.bool_()),  # its answer is that of the step before
        ("packed", pa.string()),  # name of the data file, without folder and ending
        ("row", pa.int64()),  # its first row in that file
    ]
)
"""Published beside each data file: the samples in it, in the index's order.

Tokens are those of the kept chunks.
"""
