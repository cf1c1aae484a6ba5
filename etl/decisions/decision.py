"""What a decision is: a choice across workflows, on the light columns of all samples.

A decision is a frozen dataclass in a file of its own, and a line in `etl.decisions.known`. Its
fields are its section of a recipe, under its name; each is annotated with what it means.

First come, first kept: a decision looks at a sample in view of those that came before it, in the
order (generation, hash of the workflow's id, step). So new data never change an old decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol

import polars as pl

from schemas.reasons import OwnReason

Hashed = Callable[[str], int]
"""64 bits of a text, by which the order of workflows is drawn."""


class Judge(Protocol):
    """A decision at work: what it knows of the samples of one build.

    Rows have the decision's columns, and of the samples that are kept so far an empty ``reason``.
    """

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Look at all samples of a generation that earlier decisions keep, group by group; called
        once for each generation, in order.
        """
        ...

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows, with ``reason`` and ``detail`` of those that go (`dropped`); called when
        all generations have been looked at.
        """
        ...


class Decision(Protocol):
    """A choice across workflows. Its fields decide its output and are in the fingerprint."""

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes
    about: ClassVar[str]  # of its section of a recipe, half a sentence
    reasons: ClassVar[tuple[OwnReason, ...]]  # that it alone gives
    columns: ClassVar[tuple[str, ...]]  # of `schemas.ledger.LIGHT_SCHEMA` that it looks at

    def __bool__(self) -> bool:
        """Whether it is asked to decide anything."""
        ...

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """What it decides, for the data card; empty if nothing. settings: its fields, as the
        manifest has them.
        """
        ...

    def judge(self, hashed: Hashed) -> Judge:
        """One that knows nothing yet."""
        ...


def dropped(rows: pl.DataFrame, which: pl.Expr, reason: OwnReason, detail: pl.Expr) -> pl.DataFrame:
    """Light rows with reason and detail where ``which`` is true and nothing has been said yet."""
    goes = (pl.col("reason") == "") & which
    return rows.with_columns(
        reason=pl.when(goes).then(pl.lit(str(reason))).otherwise("reason"),
        detail=pl.when(goes).then(detail).otherwise("detail"),
    )
