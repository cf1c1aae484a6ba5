"""What the reasons for drops mean: those that are shared, of the stages and of the decisions."""

from __future__ import annotations

from etl.decisions import known as decisions
from etl.decisions.decision import Decision
from etl.stages import known as stages
from etl.stages.stage import Stage
from schemas.reasons import MEANINGS, Meaning


def meanings() -> dict[str, Meaning]:
    """All reasons that there are, by word."""
    found = dict(MEANINGS)
    parts: tuple[type[Stage] | type[Decision], ...] = (*stages.KNOWN, *decisions.KNOWN)
    for part in parts:
        found |= {str(reason): reason.meaning for reason in part.reasons}
    return found


def says(reason: str) -> str:
    """What a reason means, in a sentence; empty for one of another version."""
    meaning = meanings().get(reason)
    return meaning.says if meaning else ""
