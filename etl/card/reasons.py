"""The meanings of all reasons for drops: the shared ones, the stages' and the decisions'."""

from __future__ import annotations

from etl.decisions import known as decisions
from etl.decisions.decision import Decision
from etl.stages import known as stages
from etl.stages.stage import Stage
from schemas.reasons import MEANINGS, Meaning


def meanings() -> dict[str, Meaning]:
    """The meaning of each reason, by its word."""
    every = dict(MEANINGS)
    parts: tuple[type[Stage] | type[Decision], ...] = (*stages.KNOWN, *decisions.KNOWN)
    for part in parts:
        every |= {str(reason): reason.meaning for reason in part.reasons}
    return every


def says(reason: str) -> str:
    """A reason's meaning in one sentence; empty for a reason of another version."""
    meaning = meanings().get(reason)
    return meaning.says if meaning else ""
