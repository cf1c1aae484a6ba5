"""Caps: limit the samples and workflows of one domain.

First come, first kept, in the order (generation, hash(seed, workflow id), step): once a domain is
full, all later samples on it are dropped, so new data never change an old decision. Samples that
earlier decisions drop do not count.

Memory: for each workflow of one generation, a hash and a count for each of its domains; and one row
for each full domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import polars as pl

from etl.decisions.decision import Hashed, dropped
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

OVER_DOMAIN_CAP: Final = OwnReason(
    "over_domain_cap",
    "Its domain has as many samples or workflows as the recipe takes of one; what came first "
    "is kept.",
    "the domain shop.example is full: caps.samples_per_domain is 1000",
    ("caps.samples_per_domain", "caps.workflows_per_domain"),
)
_FULL: Final = {
    "domain": pl.String, "last_generation": pl.Int32, "last": pl.UInt64, "allowed": pl.Int64,
    "by": pl.String
}  # fmt: skip
_ORDER: Final = ("position", "workflow", "domain")


@dataclass(frozen=True)
class Caps:
    """The limits. A workflow counts for each domain on which it has samples."""

    name: ClassVar[str] = "caps"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "how much of one domain there is at most"
    reasons: ClassVar[tuple[OwnReason, ...]] = (OVER_DOMAIN_CAP,)
    columns: ClassVar[tuple[str, ...]] = ("workflow", "domain", "step")

    samples_per_domain: Annotated[
        int | None, "the most samples of one domain, over all splits; no limit unless given"
    ] = None
    workflows_per_domain: Annotated[
        int | None, "the most workflows of one domain, over all splits; no limit unless given"
    ] = None

    def __post_init__(self) -> None:
        for name in ("samples_per_domain", "workflows_per_domain"):
            limit = getattr(self, name)
            if limit is not None and limit < 1:
                raise ConfigError(
                    f"caps.{name} = {limit}: it is 1 or more; leave domains out with "
                    "exclude.domains"
                )

    def __bool__(self) -> bool:
        return self.samples_per_domain is not None or self.workflows_per_domain is not None

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the limits that are set, for the data card."""
        given = [f"`{name}` {most}" for name, most in sorted(settings.items()) if most is not None]
        return f"caps: {', '.join(given)}" if given else ""

    def judge(self, hashed: Hashed) -> Room:
        """A judge for which no domain is full yet."""
        return Room(self, hashed)


class Room:
    """The judge: which domains are full, and from which workflow on.

    Generations are counted one after the other.
    """

    def __init__(self, caps: Caps, hashed: Hashed) -> None:
        self._caps, self._hashed = caps, hashed
        self._taken = pl.DataFrame(
            schema={"domain": pl.String, "samples": pl.Int64, "workflows": pl.Int64}
        )
        self._full = pl.DataFrame(schema=_FULL)

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Count the samples of a generation."""
        counted = [self._pairs(rows) for rows in groups]
        if not counted:
            return
        pairs = pl.concat(counted).group_by("domain", "hash").agg(pl.col("samples").sum())
        pairs = pairs.join(self._taken, on="domain", how="left", suffix="_before").with_columns(
            pl.col("samples_before", "workflows").fill_null(0)
        )
        pairs = pairs.sort("domain", "hash").with_columns(
            samples_before=pl.col("samples_before")
            + pl.col("samples").cum_sum().over("domain")
            - pl.col("samples"),
            workflows=pl.col("workflows") + pl.int_range(pl.len()).over("domain"),
        )
        pairs = pairs.with_columns(allowed=self._allowed(), by=self._by())
        over = pairs.filter(pl.col("allowed") < pl.col("samples")).unique(
            "domain", keep="first", maintain_order=True
        )
        full = over.select(
            "domain", pl.lit(generation, pl.Int32).alias("last_generation"),
            pl.col("hash").alias("last"), "allowed",
            "by",
        )  # fmt: skip
        self._full = pl.concat([self._full, full])
        last = pairs.unique("domain", keep="last", maintain_order=True).select(
            "domain",
            samples=pl.col("samples_before") + pl.col("samples"),
            workflows=pl.col("workflows") + 1,
        )
        self._taken = pl.concat([self._taken.join(last, on="domain", how="anti"), last]).join(
            full, on="domain", how="anti"
        )

    def _pairs(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The samples of each workflow on each domain that is not full yet."""
        pairs = rows.group_by("workflow", "domain").agg(samples=pl.len().cast(pl.Int64))
        pairs = pairs.with_columns(_hashes(pairs["workflow"], self._hashed)).drop("workflow")
        return pairs.join(self._full, on="domain", how="anti")

    def _allowed(self) -> pl.Expr:
        """The number of samples that a workflow may have on a domain, after those before it."""
        samples, workflows = self._caps.samples_per_domain, self._caps.workflows_per_domain
        allowed = pl.col("samples")
        if samples is not None:
            allowed = (pl.lit(samples) - pl.col("samples_before")).clip(lower_bound=0)
        if workflows is not None:
            allowed = pl.when(pl.col("workflows") < workflows).then(allowed).otherwise(0)
        return allowed

    def _by(self) -> pl.Expr:
        """The limit that a workflow meets first, in words."""
        samples, workflows = self._caps.samples_per_domain, self._caps.workflows_per_domain
        of_samples = pl.lit(f"caps.samples_per_domain is {samples}")
        if workflows is None:
            return of_samples
        of_workflows = pl.lit(f"caps.workflows_per_domain is {workflows}")
        return pl.when(pl.col("workflows") >= workflows).then(of_workflows).otherwise(of_samples)

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows of a generation; those beyond a limit get the reason and the limit."""
        if not self._full.height:
            return rows
        judged = rows.join(self._full, on="domain", how="left", maintain_order="left")
        judged = judged.with_columns(_hashes(judged["workflow"], self._hashed))
        first = pl.col("reason") == ""
        rank = pl.when(first).then(pl.col("step")).rank("ordinal").over(_ORDER)
        same = pl.col("last_generation") == generation
        later = (pl.col("hash") > pl.col("last")) | (
            (pl.col("hash") == pl.col("last")) & (rank > pl.col("allowed"))
        )
        over = (pl.col("last_generation") < generation) | (same & later)
        detail = pl.format("the domain {} is full: {}", "domain", "by")
        return dropped(judged, over, OVER_DOMAIN_CAP, detail).select(rows.columns)


def _hashes(workflows: pl.Series, hashed: Hashed) -> pl.Series:
    """The hash by which each of these workflows is ordered: a column ``hash``, uint64."""
    every = workflows.unique(maintain_order=True)
    orders = pl.Series("hash", map(hashed, every), pl.UInt64)
    found = workflows.replace_strict(every, orders, return_dtype=pl.UInt64)
    return found.cast(pl.UInt64).alias("hash")  # of no workflows, Polars returns them as they are
