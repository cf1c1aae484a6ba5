"""Scores as CSV: a row a step, in the order of the set."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from etl.evaluate.scores.score import Result

_BLOCK: Final = 1_000
"""Rows that are written at once."""

_NAMES: Final = (
    "step_id",
    "workflow_id",
    "split",
    "website",
    "domain",
    "kind",
    "step",
    "page_tokens",
    "context",
    "prompts",
    "outcome",
    "node",
    "answer_chunk",
    "answer_position",
    "strict",
    "notes",
)


def csv_of(result: Result) -> Iterator[bytes]:
    """The file in pieces: a header, then a row a step; metrics come last, empty where none is."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    metrics = result.protocol.metrics
    writer.writerow([*_NAMES, *metrics])
    for number, (step, scored) in enumerate(zip(result.steps, result.scoring.scored, strict=True)):
        chunk, position = scored.answer or ("", "")
        writer.writerow(
            [
                step.id,
                step.workflow,
                step.split,
                step.website,
                step.domain,
                step.kind,
                step.number,
                step.page_tokens,
                step.context,
                len(step.prompts),
                result.scoring.outcome(number, step),
                "" if scored.node is None else scored.node,
                chunk,
                position,
                "" if scored.strict is None else int(scored.strict),
                "; ".join(scored.notes),
                *("" if (each := scored.metrics.get(name)) is None else each for name in metrics),
            ]
        )
        if number % _BLOCK == _BLOCK - 1:
            yield stream.getvalue().encode()
            stream.seek(0)
            stream.truncate()
    yield stream.getvalue().encode()
