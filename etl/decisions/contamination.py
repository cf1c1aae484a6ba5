"""Contamination: workflows whose tasks are those of benchmarks leave the training split.

A registry (`etl.decisions.benchmarks.registry`) knows the tasks of some benchmarks by hashes; a
workflow is compared with each of them by its id, its objective, its site, and the address and the
skeleton of the page of its first sample (`etl.decisions.benchmarks.compare`). It is looked at by
itself, so that new data never change an old decision. One that is in another split than the
training split may be there to be measured by: it stays, and is listed.

Memory: the registry, and what is written of each flagged workflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

import polars as pl

from etl.decisions.benchmarks import registry
from etl.decisions.benchmarks.compare import METHODS, Asked, Limits, Match, Tasks
from etl.decisions.decision import Hashed, dropped
from etl.files.file_setting import Files
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

CONTAMINATED: Final = OwnReason(
    "contaminated",
    "Its task is that of a benchmark, so it leaves the training split; its detail names both.",
    "webarena 196, normalised 1.000",
    ("contamination.flagged", "contamination.methods", "contamination.registries"),
)
OVERLAPS: Final = {
    "workflow": pl.String, "generation": pl.Int32, "split": pl.String, "benchmark": pl.String,
    "version": pl.String, "task": pl.String, "method": pl.String, "similarity": pl.Float64,
    "samples": pl.Int64, "dropped": pl.Int64,
}  # fmt: skip
"""Columns of the table of overlaps: a row for each workflow, split and benchmark.

``similarity`` is from 0 to 1; ``samples`` counts those that earlier decisions keep, ``dropped``
those of them that leave for this.
"""
_LISTED: Final = ("position", "workflow")


@dataclass(frozen=True)
class Contamination:
    """Which registries, and from when on a task is the same."""

    name: ClassVar[str] = "contamination"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "tasks of benchmarks, which leave the training split"
    reasons: ClassVar[tuple[OwnReason, ...]] = (CONTAMINATED,)
    registries: Annotated[
        Files, "files that stepmill benchmarks build has written of the benchmarks' own"
    ] = ()
    methods: Annotated[tuple[str, ...], "how tasks are compared, of those shown"] = METHODS
    ngrams: Annotated[float, "share of a task's runs of three words that an objective has"] = 0.8
    reworded: Annotated[float, "share of the weight of all words that both have"] = 0.65
    site_task: Annotated[float, "the same where both are on one site"] = 0.55
    start_url: Annotated[float, "the same where both start at one address"] = 0.35
    skeleton: Annotated[
        float, "share of the tags of a task's first page that a first page has, and few others"
    ] = 0.9
    skeleton_shapes: Annotated[
        int, "different tags that such a page needs, told by those around"
    ] = 30
    skeleton_tasks: Annotated[
        int, "the most tasks of a benchmark that begin on pages alike, for these to tell them"
    ] = 2
    flagged: Annotated[
        Literal["drop", "list"], "whether what is flagged leaves the training split, or is listed"
    ] = "drop"

    def __post_init__(self) -> None:
        if not self.registries:
            raise ConfigError(
                "contamination.registries names no file; build one of the benchmarks' files with: "
                "stepmill benchmarks build FILE... --out REGISTRY"
            )
        unknown = sorted(set(self.methods) - set(METHODS))
        if unknown or not self.methods:
            what = f"{unknown[0]!r} is no method" if unknown else "there is none"
            raise ConfigError(f"contamination.methods: {what}; there are: {', '.join(METHODS)}")
        for name in _NUMBERS:
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"contamination.{name} = {getattr(self, name)}: it is a number of at least 1"
                )
        for name in _SHARES:
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(
                    f"contamination.{name} = {getattr(self, name)}: it is a share above 0, at most "
                    "1"
                )
        _ = self.known  # unusable registries stop a build before its work

    @cached_property
    def known(self) -> registry.Registry:
        """The tasks of all registries.

        Raises:
            ConfigError: a registry cannot be used.
        """
        return registry.together([registry.read(path) for path in self.registries])

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of pages only where a registry has some."""
        own = ("workflow", "step", "objective", "website", "domain", "url", "split")
        return (*own, *_OF_PAGES) if self.known.has_pages else own

    def __bool__(self) -> bool:
        return True

    def settings(self) -> dict[str, Any]:
        """All that decides the output: registries by their content, thresholds in thousandths."""
        return {
            "registries": self.known.sha256,
            "benchmarks": [
                {
                    "name": each.name, "version": each.version, "date": each.date,
                    "tasks": each.tasks, "where": each.where,
                }
                for each in self.known.sources
            ],
            "methods": sorted(set(self.methods)),
            "flagged": self.flagged,
            **{name: getattr(self.limits, name) for name in (*_SHARES, *_NUMBERS)},
        }  # fmt: skip

    @cached_property
    def limits(self) -> Limits:
        """The thresholds."""
        shares = {name: round(1000 * getattr(self, name)) for name in _SHARES}
        return Limits(
            frozenset(self.methods),
            **shares,
            skeleton_shapes=self.skeleton_shapes,
            skeleton_tasks=self.skeleton_tasks,
        )

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """For the data card."""
        names = ", ".join(f"{each['name']} ({each['version']})" for each in settings["benchmarks"])
        what = "leave the training split" if settings["flagged"] == "drop" else "are listed"
        return f"workflows whose tasks are those of benchmarks {what}: {names}"

    def judge(self, hashed: Hashed) -> Overlaps:
        """A judge that has seen no workflow yet."""
        return Overlaps(self)


_SHARES: Final = ("ngrams", "reworded", "site_task", "start_url", "skeleton")
_NUMBERS: Final = ("skeleton_shapes", "skeleton_tasks")
_OF_PAGES: Final = ("skeleton", "shapes")


class Overlaps:
    """The flagged workflows of all generations, and the tasks that they overlap with."""

    def __init__(self, decision: Contamination) -> None:
        self._drops = decision.flagged == "drop"
        self._tasks = Tasks(decision.known, decision.limits)
        # by position of the input shard and workflow, the surest first
        self._found: dict[tuple[int, str], list[Match]] = {}
        self._details = pl.DataFrame(
            schema={"position": pl.Int32, "workflow": pl.String, "overlap": pl.String}
        )

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Compare all workflows of a generation."""
        for rows in groups:
            first = rows.sort("step", maintain_order=True).unique(
                _LISTED, keep="first", maintain_order=True
            )
            columns = ["position", "workflow", "objective", "website", "domain", "url"]
            pages = [name for name in _OF_PAGES if name in first.columns]
            for position, *known in first.select(*columns, *pages).iter_rows():
                if pages:
                    known[-2] = bytes(known[-2])
                asked = Asked(*known)
                if found := self._tasks.overlaps(asked):
                    self._found[position, asked.workflow] = sorted(found, key=_surest)
        details = [(*key, detail(found)) for key, found in self._found.items()]
        self._details = pl.DataFrame(details, schema=self._details.schema, orient="row")

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows; those of flagged workflows in the training split get the reason."""
        if not (self._drops and self._found):
            return rows
        judged = rows.join(self._details, on=_LISTED, how="left", maintain_order="left")
        flagged = pl.col("overlap").is_not_null() & (pl.col("split") == "train")
        return dropped(judged, flagged, CONTAMINATED, pl.col("overlap")).select(rows.columns)

    def table(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The overlaps of decided rows, with `OVERLAPS`."""
        mine = pl.col("reason").is_in(["", str(CONTAMINATED)])
        keys = self._details.select(_LISTED)
        counts = (
            rows.filter(mine)
            .join(keys, on=_LISTED, how="semi", maintain_order="left")
            .group_by(*_LISTED, "split", maintain_order=True)
            .agg(samples=pl.len(), dropped=(pl.col("reason") != "").sum())
        )
        lines = [
            (
                workflow, generation, split, match.entry.benchmark, match.entry.version,
                match.entry.task, match.method, match.similarity / 1000, samples, left,
            )
            for position, workflow, split, samples, left in counts.iter_rows()
            for match in self._found[position, workflow]
        ]  # fmt: skip
        return pl.DataFrame(lines, schema=OVERLAPS, orient="row")


def joined(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Tables of overlaps as one, by benchmark, version, task and workflow."""
    rows = pl.concat([pl.DataFrame(schema=OVERLAPS), *tables])
    return rows.sort("benchmark", "version", "task", "workflow", "generation", "split", "samples")


def per_benchmark(
    found: pl.DataFrame, benchmarks: Iterable[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """The figures of each benchmark, also of those that nothing overlaps with.

    found: with `OVERLAPS`. benchmarks: as `Contamination.settings` has them.

    Each row has ``benchmark``, ``version``, ``date``, ``tasks`` (in the registry), ``overlapping``
    (of these), ``workflows`` and their ``samples``, how many of these are ``dropped``, and
    ``methods``: workflows by the method that found them.
    """
    rows = []
    for each in benchmarks:
        mine = found.filter(benchmark=each["name"], version=each["version"])
        by_method = mine.group_by("method").agg(pl.col("workflow").n_unique()).sort("method")
        rows.append(
            {
                "benchmark": each["name"],
                "version": each["version"],
                "date": each["date"],
                "tasks": each["tasks"],
                "overlapping": mine["task"].n_unique(),
                "workflows": mine["workflow"].n_unique(),
                "samples": int(mine["samples"].sum()),
                "dropped": int(mine["dropped"].sum()),
                "methods": dict(by_method.iter_rows()),
            }
        )
    return tuple(rows)


def _surest(match: Match) -> tuple[int, int, str]:
    return METHODS.index(match.method), -match.similarity, match.entry.name


def detail(found: list[Match]) -> str:
    """The surest match in words, and how many other benchmarks there are."""
    first = found[0]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{first.entry.name}, {first.method} {first.similarity / 1000:.3f}{more}"
