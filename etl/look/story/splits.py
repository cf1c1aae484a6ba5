"""Why a sample is in its split: a list, a draw or a share of a hash, told from the settings.

The rule is applied again to the samples of the workflow, as the index applied it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

import polars as pl

from etl.dataset.index import light_rows, scan
from etl.dataset.layout import shelf
from etl.dataset.place import Place
from etl.decisions.split import Split, SplitKey, setting_of
from etl.decisions.unseen import Unseen
from etl.inputs.archives import times

_READ: Final = (
    *("shard", "sample_id", "workflow", "domain", "website", "objective", "topic", *times.METAS),
)
_OF_STEPS: Final = ("domain", "website")
By = Literal["list", "time", "generation", "unseen", "share"]
"""What can put a sample into its split."""


@dataclass(frozen=True)
class Why:
    """What put a sample into its split."""

    by: By
    # the setting that says so
    setting: str
    # in words
    words: str
    # of a list: the entries that name it
    entries: tuple[str, ...] = ()
    # of a share: what is hashed, and its hash from 0 to 1
    key: str = ""
    hashed: float | None = None


class Splits:
    """Explains the splits of a build."""

    def __init__(self, place: Place) -> None:
        self._place, self._work = place, place.inside("explain")
        self._settings: Mapping[str, Any] = place.manifest.settings["index"]["split"]
        self._split = _of_settings(self._settings)
        # the samples of the bundle that was looked at last
        self._read: dict[str, pl.DataFrame] = {}

    def rows(self, bundle: str, shard: str, workflow: str) -> pl.DataFrame:
        """What the rule looks at: the samples of a workflow in an input shard."""
        if bundle not in self._read:
            self._read = {bundle: light_rows(shelf(self._work), bundle, _READ)}
        mine = (pl.col("shard") == shard) & (pl.col("workflow") == workflow)
        return self._read[bundle].filter(mine)

    def why(self, rows: pl.DataFrame, sample: str, split: str, generation: int) -> Why:
        """Why a sample is in its split. rows: of `rows`."""
        rows = self._split.keyed(rows)
        mine = rows.filter(pl.col("sample_id") == sample)
        if (listed := self._by_list(rows, mine, split)) is not None:
            return listed
        if "generation" in self._settings and generation >= self._settings["generation"]:
            return Why("generation", "split.since", f"it came with generation {generation}")
        time, cut = _time(rows), self._cut
        if cut is not None and time is not None and time >= cut:
            setting = "split.last" if "last" in self._settings else "split.since"
            return Why("time", setting, f"recorded {_day(time)}, the cut is {_day(cut)}")
        if split in self._unseen:
            return Why("unseen", f"split.{split}", self._held_out(rows, split))
        return self._by_share(mine["key"][0], split, time)

    def _by_list(self, rows: pl.DataFrame, mine: pl.DataFrame, split: str) -> Why | None:
        held = self._split.lists.get(split)
        if held is None:
            return None
        looked = mine if self._split.key in _OF_STEPS else rows
        found: set[str] = set()
        if not held.holds(looked, found).any():
            return None
        entries = tuple(sorted(found))
        named = ", ".join(repr(entry) for entry in entries)
        return Why("list", setting_of(split), f"on the list, as {named}", entries)

    @property
    def _cut(self) -> int | None:
        """The cut in time, in milliseconds since 1970."""
        drawn = self._place.manifest.drawn or {}
        return drawn.get("since", self._settings.get("since"))

    @property
    def _unseen(self) -> tuple[str, ...]:
        shares = {name: self._settings.get(name, 0.0) for name in ("test_task", *_HELD)}
        return Unseen(**shares).names

    def _held_out(self, rows: pl.DataFrame, split: str) -> str:
        """The sites and topics of a workflow, and how much of each site is trained on."""
        sites = sorted(set(rows["domain"]))
        trained = (
            scan(self._work)
            .filter(
                (pl.col("reason") == "")
                & (pl.col("split") == "train")
                & pl.col("domain").is_in(sites)
            )
            .group_by("domain")
            .agg(pl.len())
            .collect()
        )
        count = dict(trained.iter_rows())
        shown = ", ".join(f"{site} ({count.get(site, 0):,} samples in train)" for site in sites)
        topic = next((topic for topic in rows["topic"] if topic), "")
        if split == "test_domain" and topic:
            return f"its topic {topic} is held out; it is on {shown}"
        return f"{_HELD.get(split, 'drawn of the workflows on sites that are seen')}: {shown}"

    def _by_share(self, key: str, split: str, time: int | None) -> Why:
        place = self._split.hash(key) / 2**64
        settings = self._settings
        without = ", and no time is recorded" if self._cut is not None and time is None else ""
        lists = {"test": "held_out", "validation": "held_out_validation"}
        shares = {name: 0.0 if settings[given] else settings[name] for name, given in lists.items()}
        limits = f"test is below {shares['test']:g}"
        if shares["validation"]:
            limits += f", validation from {1 - shares['validation']:g} on"
        setting = f"split.{split}" if split in shares else "split.test"
        undrawn = "no draw holds it out; " if self._unseen else ""
        words = f"{undrawn}the hash of its {self._split.key} is {place:.6f}; {limits}{without}"
        return Why("share", setting, words, (), key, place)


_HELD: Final = {
    "test_website": "one of its sites is held out",
    "test_domain": "one of its domains is held out",
}


def _of_settings(settings: Mapping[str, Any]) -> Split:
    """The rule of lists and shares that these settings describe, without its draw."""
    key: SplitKey = settings["key"]
    lists = settings.get("lists", {})
    return Split(
        key,
        settings["test"],
        settings["validation"],
        frozenset(settings["held_out"]),
        frozenset(settings["held_out_validation"]),
        settings["seed"],
        tuple((name, frozenset(entries)) for name, entries in lists.items()),
    )


def _time(rows: pl.DataFrame) -> int | None:
    """When a workflow was recorded, in milliseconds since 1970, as the index takes it."""
    known = times.of_rows(rows).drop_nulls().to_list()
    return min(known, default=None)


def _day(time: int) -> str:
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
