"""The protocol of a decision: a choice across workflows, on the light columns of all samples.

A decision is a frozen dataclass in a file of its own, and a line in `etl.decisions.known`. Its
fields are the settings of its section in a recipe, each annotated with its meaning; the section has
the decision's name.

First come, first kept: a decision looks at a sample in view of those that came before it, in the
order (generation, hash of the workflow's id, step). So new data never change an old decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, Protocol

import polars as pl

from schemas.reasons import OwnReason

Hashed = Callable[[str], int]
"""A function from a text to a 64-bit hash, by which workflows are ordered."""


LEADER: Final = "leader"
"""A column that a judge may add: the workflow that a row's own is drawn into a split with, or null.
"""


class Judge(Protocol):
    """A decision at work on the samples of one build.

    Rows have the decision's columns, and an empty ``reason`` for each sample that is kept so far.
    """

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Look at all samples of a generation that earlier decisions keep, group by group.

        Called once for each generation, in order.
        """
        ...

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows; those that are dropped get ``reason`` and ``detail`` (`dropped`).

        Called after `learn` has seen all generations.
        """
        ...


class Decision(Protocol):
    """A choice across workflows. Its fields decide its output and enter the fingerprint."""

    # also the name of its section in a recipe
    name: ClassVar[str]
    # raised when its output changes
    version: ClassVar[int]
    # the comment on its section in a recipe, half a sentence
    about: ClassVar[str]
    # the reasons that only this decision gives
    reasons: ClassVar[tuple[OwnReason, ...]]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it looks at.

        Those of `schemas.ledger.LIGHT_SCHEMA`; ``split``; of
        `schemas.sample_table.SAMPLE_SCHEMA`, but no page and no history; and of
        `SIGNATURES_SCHEMA`, which only `Judge.learn` sees.
        """
        ...

    def __bool__(self) -> bool:
        """Whether its settings ask for anything."""
        ...

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what it decides, for the data card; empty if nothing.

        settings: its fields, as the manifest stores them.
        """
        ...

    def judge(self, hashed: Hashed) -> Judge:
        """A judge that has seen no sample yet. hashed: orders the workflows."""
        ...


class Drawn(Protocol):
    """A draw at work on the workflows of one build."""

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Look at all samples of a generation that are kept and on no list, group by group.

        Called once for each generation, in order. A group has all samples of a workflow, or none.
        """
        ...

    def splits(self, generation: int, rows: pl.DataFrame) -> pl.Series:
        """The split of each light row; empty where the split key decides.

        Called after `learn` has seen all generations.
        """
        ...

    def noted(self) -> dict[str, int]:
        """What the card says of it: numbers by what they count."""
        ...


class Draw(Protocol):
    """How splits are drawn by more than a hash of one key. Its settings enter the fingerprint."""

    # the columns of the samples that it looks at
    columns: ClassVar[tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that it can fill."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything that decides its output."""
        ...

    def judge(self, hashed: Hashed) -> Drawn:
        """One that has seen no sample yet. hashed: orders the workflows, and draws."""
        ...

    def why(self, name: str) -> str:
        """Why a split that it fills is empty, and what to do about it."""
        ...


def dropped(rows: pl.DataFrame, which: pl.Expr, reason: OwnReason, detail: pl.Expr) -> pl.DataFrame:
    """Light rows, with reason and detail where ``which`` is true and there is no reason yet."""
    goes = (pl.col("reason") == "") & which
    return rows.with_columns(
        reason=pl.when(goes).then(pl.lit(str(reason))).otherwise("reason"),
        detail=pl.when(goes).then(detail).otherwise("detail"),
    )
