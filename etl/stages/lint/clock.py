"""Clock: steps that were recorded earlier than the step before them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight

_KEYS: Final = ("timestamp", "time")
"""Keys of a step's ``meta`` that say when it was recorded, as a number."""

_LEAST: Final = 3  # steps with a time that make an order


def late(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps after one of a later time, in workflows whose steps all have a time."""
    times = [_time(sight) for sight in sights]
    if len(times) < _LEAST or None in times:
        return
    for (before, first), (here, second) in itertools.pairwise(zip(sights, times, strict=True)):
        if first is not None and second is not None and second < first:
            says = f"time {second:g}, and {first:g} in step {before.draft.number} before it"
            yield Found(here.at, "out_of_order", says)


def _time(sight: Sight) -> float | None:
    """When a step was recorded; None if it does not say."""
    meta: Any = orjson.loads(sight.step.meta) if sight.step.meta else None
    for key in _KEYS:
        value = meta.get(key) if isinstance(meta, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
