"""Families whose steps are asked in rounds: what is shown next depends on the answers before.

A family's facts say so: their module has ``next_round``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

ASKED_IN_ROUNDS: Final[Mapping[str, str]] = {
    "mind2web-multichoice": "etl.evaluate.facts.mind2web_multichoice"
}
"""Family -> the module of its facts."""


class Rounds(Protocol):
    """How a family is asked."""

    def read(self, text: str) -> Any:
        """The facts of a step, of their JSON."""
        ...

    def next(
        self, facts: Any, answers: Sequence[str], messages: Sequence[Mapping[str, str]]
    ) -> Sequence[Mapping[str, str]] | None:
        """The messages of the next round; None: the step is over."""
        ...


def rounds_of(family: str, protocol: str) -> Rounds | None:
    """How a family is asked in rounds; None: its prompts stand in the set."""
    return None
