"""Failures: what is known to have failed is kept apart from what is trained on.

A sample is a failure if its workflow failed, as its reward says, or if the recording says that its
own action failed. It keeps its split, under another name: those of ``train`` are in
``train_failures``. In the dataset they are the configuration ``failures``, with the splits of all
others, and the configuration ``default`` has none of them.

No decision but contamination looks at failures: they repeat nothing, fill no cap and make no
minimum full, so that none of them ever takes the place of a sample to train on. Splits that are
drawn are drawn of all other workflows first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import polars as pl

from schemas import splits
from schemas.errors import ConfigError

SUCCESS: Final = 1.0
"""The least reward of a workflow that has succeeded."""
_SPARED: Final = "spared"
"""Stands for the reason of failures while decisions look at the other samples."""


@dataclass(frozen=True)
class Failures:
    """Whether failures are kept apart, and what fails.

    Raises:
        ConfigError: ``below`` is no number, or says what fails although nothing is kept apart.
    """

    about: ClassVar[str] = "what is known to have failed, as a configuration of its own"
    columns: ClassVar[tuple[str, ...]] = ("reward", "failed")

    apart: Annotated[
        bool,
        "keep samples of failed workflows out of the splits, in the configuration failures; those "
        "of failed steps too, where filter.failed_actions is false",
    ] = False
    below: Annotated[float, "a workflow failed if its reward is known and under this"] = SUCCESS

    def __post_init__(self) -> None:
        if not math.isfinite(self.below):
            raise ConfigError(f"failures.below {self.below} is no number")
        if not self.apart and self.below != SUCCESS:
            raise ConfigError(
                f"failures.below = {self.below} without failures.apart = true: nothing is kept "
                "apart; give both or none"
            )

    def __bool__(self) -> bool:
        """Whether anything is kept apart."""
        return self.apart

    @staticmethod
    def in_words(settings: Any) -> str:
        """For the data card."""
        return (
            f"keeps samples of workflows with a known reward under {settings['below']:g}, and of "
            f"steps that failed, apart, as the configuration `{splits.FAILURES}`"
        )

    @property
    def workflow(self) -> pl.Expr:
        """Whether the workflow of a row failed."""
        return (pl.col("reward") < self.below).fill_null(value=False)

    @property
    def sample(self) -> pl.Expr:
        """Whether a row is a failure."""
        return self.workflow | pl.col("failed")

    def spared(
        self, rows: pl.DataFrame, judged: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> pl.DataFrame:
        """Rows of which a decision has judged all but the failures."""
        if not self:
            return judged(rows)
        spared = (pl.col("reason") == "") & self.sample
        reason = pl.when(spared).then(pl.lit(_SPARED)).otherwise("reason")
        rows = judged(rows.with_columns(reason=reason))
        back = pl.when(pl.col("reason") == _SPARED).then(pl.lit("")).otherwise("reason")
        return rows.with_columns(reason=back)

    def parted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with failures in the splits of these."""
        if not self:
            return rows
        split = pl.when(self.sample).then(pl.col("split") + splits.ENDING).otherwise("split")
        return rows.with_columns(split=split)
