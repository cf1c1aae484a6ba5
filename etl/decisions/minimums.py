"""Minimums: leave out domains of which there is too little.

A domain counts what earlier decisions keep of it in this generation and in those before. As long as
that is too little, what comes of it is dropped; from the generation in which it is enough, it is
kept. So new data never change an old decision: what an earlier generation had too little of stays
dropped, also when more of the domain has come. ``stepmill compact`` makes one generation of
all, and decides anew.

Memory: one row for each domain, and in each generation for each that has too little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import polars as pl

from etl.decisions.decision import Hashed, dropped
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

UNDER_DOMAIN_MINIMUM: Final = OwnReason(
    "under_domain_minimum",
    "When it came, there were too few samples or workflows of its domain.",
    "the domain shop.example has 3 samples: minimums.samples_per_domain is 10",
    ("minimums.samples_per_domain", "minimums.workflows_per_domain"),
)
_COUNTS: Final = {"domain": pl.String, "samples": pl.Int64, "workflows": pl.Int64}
_LIMITS: Final = ("samples_per_domain", "workflows_per_domain")


@dataclass(frozen=True)
class Minimums:
    """The limits. A workflow counts for each domain on which it has samples."""

    name: ClassVar[str] = "minimums"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "how much of one domain there is at least"
    reasons: ClassVar[tuple[OwnReason, ...]] = (UNDER_DOMAIN_MINIMUM,)
    columns: ClassVar[tuple[str, ...]] = ("workflow", "domain")

    samples_per_domain: Annotated[
        int, "drop what comes of a domain before it has as many samples; 0 for no limit"
    ] = 0
    workflows_per_domain: Annotated[
        int, "drop what comes of a domain before it has as many workflows; 0 for no limit"
    ] = 0

    def __post_init__(self) -> None:
        for name in _LIMITS:
            if (limit := getattr(self, name)) < 0:
                raise ConfigError(f"minimums.{name} = {limit}: it is 0 or more")

    def __bool__(self) -> bool:
        return self.samples_per_domain > 0 or self.workflows_per_domain > 0

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the limits that are set, for the data card."""
        given = [f"`{name}` {least}" for name, least in sorted(settings.items()) if least]
        return f"leaves out domains of which there is less: {', '.join(given)}" if given else ""

    def judge(self, _: Hashed) -> Counted:
        """A judge that has seen no domain yet."""
        return Counted(self)


class Counted:
    """The judge: what there is of each domain, up to each generation."""

    def __init__(self, least: Minimums) -> None:
        self._least = least
        self._counts = pl.DataFrame(schema=_COUNTS)
        # generation -> what there is of each domain that has too little
        self._few: dict[int, pl.DataFrame] = {}

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Count the samples of a generation."""
        pairs = [rows.group_by("workflow", "domain").agg(samples=pl.len()) for rows in groups]
        if not pairs:
            return
        flows = pl.concat(pairs).group_by("workflow", "domain").agg(pl.col("samples").sum())
        counts = flows.group_by("domain").agg(
            samples=pl.col("samples").sum().cast(pl.Int64), workflows=pl.len().cast(pl.Int64)
        )
        counts = pl.concat([self._counts, counts]).group_by("domain").agg(pl.all().sum())
        self._counts = counts
        enough = (pl.col("samples") >= self._least.samples_per_domain) & (
            pl.col("workflows") >= self._least.workflows_per_domain
        )
        self._few[generation] = counts.filter(~enough)

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows of a generation; those of domains with too little get the reason."""
        few = self._few.get(generation)
        if few is None or not few.height:
            return rows
        judged = rows.join(few, on="domain", how="left", maintain_order="left", suffix="_there")
        short = pl.col("samples") < self._least.samples_per_domain
        by_samples = pl.format(
            "the domain {} has {} samples: minimums.samples_per_domain is {}",
            "domain", "samples", pl.lit(self._least.samples_per_domain),
        )  # fmt: skip
        by_workflows = pl.format(
            "the domain {} has {} workflows: minimums.workflows_per_domain is {}",
            "domain", "workflows", pl.lit(self._least.workflows_per_domain),
        )  # fmt: skip
        detail = pl.when(short).then(by_samples).otherwise(by_workflows)
        lacking = pl.col("samples").is_not_null()
        return dropped(judged, lacking, UNDER_DOMAIN_MINIMUM, detail).select(rows.columns)
