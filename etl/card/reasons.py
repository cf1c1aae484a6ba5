"""The meanings of all reasons for drops: shared ones, those of stages, decisions and recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from etl.decisions import known as decisions
from etl.decisions.decision import Decision
from etl.stages import known as stages
from etl.stages.rules.stage import Rules, own_of
from etl.stages.stage import Stage
from schemas.reasons import MEANINGS, Meaning, OwnReason


def meanings(own: Iterable[OwnReason] = ()) -> dict[str, Meaning]:
    """The meaning of each reason, by its word. own: those that the rules of a recipe give."""
    every = dict(MEANINGS)
    parts: tuple[type[Stage] | type[Decision], ...] = (*stages.KNOWN, *decisions.KNOWN)
    for part in parts:
        every |= {str(reason): reason.meaning for reason in part.reasons}
    return every | {str(reason): reason.meaning for reason in own}


def of_rules(settings: Mapping[str, Any]) -> tuple[OwnReason, ...]:
    """The reasons that the rules of a build give. settings: all of it, as its manifest has them."""
    rules = settings.get("samples", {}).get(f"stage {Rules.name}", {})
    return own_of(rules)


def says(reason: str, own: Iterable[OwnReason] = ()) -> str:
    """A reason's meaning in one sentence; empty for a reason of another version.

    own: those that the rules of a recipe give.
    """
    meaning = meanings(own).get(reason)
    return meaning.says if meaning else ""
