"""The right answers of a step, in the form that a protocol reads: what ``perfect`` writes.

They are those of training, the completion, unless a protocol reads another form. A family enters
with a line in `_OF_FAMILIES`, a protocol of its own form with one in `_OF_PROTOCOLS`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from etl.evaluate.facts.known import HOLDING_STEPS
from schemas.errors import ConfigError

Row = Mapping[str, Any]
"""The first row of a step: its gold and its facts."""


@dataclass(frozen=True)
class Right:
    """How right answers are written, and which guesses there are besides."""

    # the outputs of a prompt: one, or one a round
    answers: Callable[[Row], list[str]]
    # whether answers name nodes of the page
    holds_nodes: bool = True
    # guesses of families without pages, by the baseline's name
    guesses: Mapping[str, Callable[[Row, random.Random], list[str]]] | None = None

    def __call__(self, row: Row) -> list[str]:
        """The right outputs."""
        return self.answers(row)

    @property
    def names(self) -> list[str]:
        """The baselines that there are."""
        return [*(self.guesses or ()), "perfect", "shuffled"]


def _completion(row: Row) -> list[str]:
    return [row["gold"]["text"]]


_TRAINED: Final = Right(_completion)


def right_of(family: str, protocol: str = "") -> Right:
    """The right answers of a family, for a protocol.

    Raises:
        ConfigError: nobody knows them.
    """
    if family in HOLDING_STEPS and not protocol:
        return _TRAINED
    raise ConfigError(f"{protocol or family}: no baselines")
