"""The columns of the files beside the data: the ledger, the quarantine, the index, the listings.

The ledger says what was read and what became of it, the quarantine what could not be read, and
listings what the data holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import pyarrow as pa

Oddity = Literal[
    "unknown_key",
    "unkept_value",
    "half_character",
    "no_number",
    "unplaced_value",
    "page_by_like_url",
    "page_of_several",
]
"""Something that was read although it does not conform to its format."""

ODDITIES: Final[Mapping[Oddity, str]] = {
    "unknown_key": "a key that the format does not have, kept in meta",
    "unkept_value": "a value under such a key, too large or no text or number, left out",
    "half_character": "half a character, now U+FFFD",
    "no_number": "NaN or an infinity, taken as unknown",
    "unplaced_value": "a recorded value for which the page has no element, left out",
    "page_by_like_url": "a page joined by an address that is written otherwise",
    "page_of_several": "a page joined as the first of several, since its step has no time",
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
        ("chars", pa.int64()),  # of a step read: its page as recorded; a sample: as it was pruned
        ("final_chars", pa.int64()),  # of a sample read: its observation as it is in the sample
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
        ("url", pa.string()),
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

SIGNATURES_SCHEMA: Final = pa.schema(
    [
        ("page", pa.list_(pa.uint8(), 128)),  # estimates how much of it another page has
        (
            "skeleton",
            pa.list_(pa.uint8(), 128),
        ),  # of the tags of the workflow's first page
        ("shapes", pa.uint64()),  # different ways to its elements; 0: it is a text
        ("task", pa.uint64()),  # hash of objective, kind of action and typed value
        ("by_tag", pa.uint64()),  # hash of the target's start tag and place among its like
        ("by_text", pa.uint64()),  # the same of its text; 0: it has none
        ("deed", pa.uint64()),  # hash of site, kind of action and element, whatever the values
    ]
)
"""By what near-duplicates and first pages of benchmarks are found (`etl.decisions.near.signature`),
in a file beside each samples file, row by row. Only for builds whose recipe looks for them.
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
"""Builds with a section ``near`` also have a column ``cluster``: id of the first sample, or of the
first workflow, that a row is like; its own if there is none; empty if it was dropped before, and of
failures that are kept apart.
"""

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
        ("lost_tokens", pa.int32()),  # encoded and not kept: of other chunks, or of all of it
        ("raw_chars", pa.int64()),  # of the page as recorded
        ("pruned_chars", pa.int64()),  # of the observation
        ("reward", pa.float64()),  # of its workflow, as recorded; null if it is not known
        ("repeat", pa.bool_()),  # its answer is that of the step before
        ("failed_steps", pa.int32()),  # of its workflow, as the recording says
        ("loops", pa.int32()),  # steps of its workflow that repeat an earlier one in its state
        ("failed", pa.bool_()),  # its own action failed, as the recording says
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
        ("failed_steps", pa.int32()),  # of its workflow, as the recording says
        ("loops", pa.int32()),  # steps of its workflow that repeat an earlier one in its state
        ("failed", pa.bool_()),  # its own action failed, as the recording says
        ("packed", pa.string()),  # name of the data file, without folder and ending
        ("row", pa.int64()),  # its first row in that file
    ]
)
"""Published beside each data file: the samples in it, in the index's order.

Tokens are those of the kept chunks.
"""
