"""One sample of a dataset as text, for its data card.

It is the first sample of the first file, train before other splits. A new night adds files and
leaves the first one as it is, so the card keeps its example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from etl.dataset.reports import PackedReport
from etl.files.arrow import open_arrow
from etl.files.storage import AnyPath
from etl.terminal.text import printable
from schemas.samples import NO_LOSS
from schemas.tokens import Tokens
from tokenization.vocabulary import Vocabulary

_HEAD: Final = 700
"""Characters of a long prompt's beginning that are shown."""
_TAIL: Final = 500
"""Characters of a long prompt's end that are shown."""
_COMMENT: Final = re.compile(r"<!(?=--)")


def example(
    data: Mapping[str, AnyPath], packed: Sequence[PackedReport], vocabulary: Vocabulary
) -> dict[str, str]:
    """``sample_id``, ``prompt`` (without its middle if it is long) and ``completion``.

    Empty if there is no sample.

    data: the file of rows of each output shard, by the shard's name.
    """
    files = sorted(
        (report for report in packed if report.rows),
        key=lambda each: (each.split != "train", each.name),
    )
    if not files:
        return {}
    sample_id, ids, labels = _first(data[files[0].name])
    start = int(np.argmax(labels != NO_LOSS))
    prompt, completion = (_shown(vocabulary.decode(part)) for part in (ids[:start], ids[start:]))
    left_out = len(prompt) - _HEAD - _TAIL
    if left_out > 0:
        prompt = f"{prompt[:_HEAD]}\n[… {left_out:,} characters …]\n{prompt[-_TAIL:]}"
    return {"sample_id": sample_id, "prompt": prompt, "completion": completion}


def _first(path: AnyPath) -> tuple[str, Tokens, Tokens]:
    """Id, tokens and labels of the first sample of a file."""
    row = open_arrow(path).get_batch(0).slice(0, 1)
    columns = (
        pl.Series(row.column(name)[0].values) for name in ("input_ids", "labels", "seq_lengths")
    )
    ids, labels, lengths = (column.to_numpy() for column in columns)
    return row.column("sample_ids")[0][0].as_py(), ids[: lengths[0]], labels[: lengths[0]]


def _shown(text: str) -> str:
    """Recorded text that is safe in a card: no control characters, and no mark of a note."""
    return _COMMENT.sub("<! ", printable(text))
