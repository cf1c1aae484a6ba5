"""Splits: hold samples out of training, by lists of names or by shares of a hash.

By share: the hash of (seed, split key) is compared with the share, so that the rows of a key stay
together and new data never move old rows. The test split takes the low end of the hashes, the
validation split the high end.

By a draw that looks at more than one key: Mind2Web's three test splits (`etl.decisions.unseen`), or
a cut in time (`etl.decisions.recorded`). What it does not place goes by share.

By list, with any split key: an entry is a workflow's id (``source:id`` or the recording's own), a
domain, a website, an objective, or a value of the split key; a topic, too, in a list with a name of
its own. Where the key is ``domain`` or ``website``, an entry of that kind holds only the samples
there; with any other key it holds the whole workflow of each such sample. The list of the test
split comes first, then that of the validation split, then those of other names in the order of
these. A list looks at one workflow at a time, so new data never move old rows here either. No draw
sees what is on a list.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

import polars as pl

from etl.decisions.decision import Draw, Drawn
from etl.files.hashes import order_hash, plain
from schemas import splits
from schemas.errors import BuildError, ConfigError

SplitKey = Literal["workflow", "domain", "website", "objective", "template"]
SPLIT_KEYS: Final = ("workflow", "domain", "website", "objective", "template")
Found = defaultdict[str, set[str]]
"""The entries of each split's list that hold something, by split."""
SPLITS: Final = ("train", "test", "validation")
HELD: Final = {"test": "split.held_out", "validation": "split.held_out_validation"}
"""The settings of lists with a setting of their own, by the split that each fills."""
LISTS: Final = "split.lists"
"""The setting of all other lists."""
TEST_LIKE: Final = re.compile(r"test(_[a-z0-9_]+)?")
"""Names of splits that a trainer tests on."""

_FEW: Final = 5
"""The most entries that one message lists."""
_OF_STEPS: Final = ("domain", "website")
"""Split keys that may differ between the steps of one workflow."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN: Final = frozenset(("train", "all"))
"""What `datasets` or a build means something else by."""
_VARIABLE: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\d+')


@dataclass(frozen=True)
class Split:
    """How samples are split.

    Raises:
        ConfigError: the key is unknown, a share is not between 0 and 1, the shares add up to more
            than 1, the name of a list is no name of a split, or an entry is on two lists.
    """

    # rows with the same key stay together; ``template`` is the objective with digits and quoted
    # values masked, ``website`` is the domain where a recording names no website
    key: SplitKey = "workflow"
    # share of the keys in the test split, 0 to 1; not used with ``held_out``
    test: float = 0.05
    # share of the keys in the validation split, 0 to 1; not used with ``held_out_validation``
    validation: float = 0.0
    # the entries of the list that fills the test split
    held_out: frozenset[str] = field(default=frozenset())
    # the entries of the list that fills the validation split
    held_out_validation: frozenset[str] = field(default=frozenset())
    # enters each hash
    seed: int = 0
    # the entries of the lists that fill splits of other names
    named: tuple[tuple[str, frozenset[str]], ...] = ()
    # places workflows before their key does
    draw: Draw | None = None

    def __post_init__(self) -> None:
        if self.key not in SPLIT_KEYS:
            raise ConfigError(f"split.key {self.key!r} is not one of {', '.join(SPLIT_KEYS)}")
        for name in ("test", "validation"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ConfigError(f"split.{name} {share} is not a share between 0 and 1")
        if self._test + self._validation > 1:
            raise ConfigError(
                f"split.test {self.test} and split.validation {self.validation} are more than "
                "everything"
            )
        for name, _ in self.named:
            if not _NAME.fullmatch(name) or name in _TAKEN or splits.of_failures(name):
                raise ConfigError(
                    f"{LISTS}.{name}: a split has a name of a to z, 0 to 9 and _, is not "
                    f"{' or '.join(sorted(_TAKEN))}, and does not end with {splits.ENDING}"
                )
        first: dict[str, str] = {}
        for name, entries in self._entries.items():
            for entry in sorted(entries):
                if entry in first:
                    raise ConfigError(
                        f"split: {entry!r} is held out for the {first[entry]} and for the {name} "
                        "split; choose one"
                    )
                first[entry] = name

    @property
    def _test(self) -> float:
        return 0.0 if self.held_out else self.test

    @property
    def _validation(self) -> float:
        return 0.0 if self.held_out_validation else self.validation

    @property
    def _entries(self) -> dict[str, frozenset[str]]:
        """The entries of the lists by split; an earlier list wins."""
        given = {"test": self.held_out, "validation": self.held_out_validation}
        given |= dict(sorted(self.named))
        return {name: entries for name, entries in given.items() if entries}

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that these settings can fill, train first."""
        usual = SPLITS if self._validation or self.held_out_validation else SPLITS[:2]
        drawn = self.draw.names if self.draw else ()
        return tuple(dict.fromkeys((*usual, *drawn, *self._entries)))

    def settings(self) -> dict[str, Any]:
        """Everything that decides the splits; what is not used is left out."""
        own = ("key", "test", "validation", "held_out", "held_out_validation", "seed")
        settings = {name: plain(getattr(self, name)) for name in own}
        if self.named:
            settings["lists"] = {name: sorted(entries) for name, entries in self.named}
        return settings | (self.draw.settings() if self.draw else {})

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the samples that it looks at, besides those that every index reads."""
        topics = ("topic",) if self.named else ()
        return (*topics, *(self.draw.columns if self.draw else ()))

    @cached_property
    def lists(self) -> dict[str, HeldOut]:
        """The lists by split."""
        return {
            name: HeldOut(entries, self.key, topics=name not in HELD)
            for name, entries in self._entries.items()
        }

    def judge(self) -> Splitting:
        """One that has seen no sample yet."""
        return Splitting(self)

    def of(self, key: str) -> str:
        """The split of a key by its hash."""
        place = self.hash(key)
        if place < self._test * 2**64:
            return "test"
        return "validation" if place >= (1 - self._validation) * 2**64 else "train"

    def hash(self, text: str) -> int:
        """64-bit hash of a text under the seed."""
        return order_hash(text, self.seed)

    def keyed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Light rows with their ``key``, and the ``split`` that it is drawn into."""
        rows = rows.with_columns(self._key().alias("key"))
        keys = rows["key"].unique(maintain_order=True)
        drawn = pl.Series("split", map(self.of, keys), pl.String)
        return rows.join(
            keys.to_frame().with_columns(drawn), on="key", how="left", maintain_order="left"
        )

    def _key(self) -> pl.Expr:
        if self.key == "template":
            return pl.col("objective").map_elements(masked, return_dtype=pl.String)
        if self.key == "website":
            return pl.when(pl.col("website") == "").then("domain").otherwise("website")
        return pl.col(self.key)


def setting_of(name: str) -> str:
    """The setting of the list that fills a split."""
    return HELD.get(name, f"{LISTS}.{name}")


class Splitting:
    """The splits of one build: what lists hold, then what is drawn, then the key."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self.drawn: Drawn | None = split.draw.judge(split.hash) if split.draw else None
        self._found = Found(set)

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Look at all samples of a generation that are kept; once for each, in order.

        A group has all samples of a workflow, or none.
        """
        if self.drawn is not None:
            self.drawn.learn(generation, (self._free(rows) for rows in groups))

    def _free(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that no list holds."""
        rows = self._split.keyed(rows)
        for held in self._split.lists.values():
            rows = rows.filter(~held.holds(rows, set()))
        return rows

    def assigned(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """Light rows with their ``split``.

        ``rows`` holds all rows of a workflow in an input shard, or none.
        """
        rows = self._split.keyed(rows)
        if self.drawn is not None:
            placed = self.drawn.splits(generation, rows)
            rows = rows.with_columns(split=pl.when(placed == "").then("split").otherwise(placed))
        for split, held in reversed(self._split.lists.items()):
            mask = held.holds(rows, self._found[split])
            rows = rows.with_columns(split=pl.when(mask).then(pl.lit(split)).otherwise("split"))
        return rows

    def unmatched(self) -> dict[str, list[str]]:
        """The entries that have held nothing yet, by setting."""
        return {
            setting_of(split): sorted(held.entries - self._found[split])
            for split, held in self._split.lists.items()
        }


def masked(objective: str) -> str:
    """An objective with digits and quoted values masked."""
    return _VARIABLE.sub("#", objective)


class HeldOut:
    """A list that fills a split."""

    def __init__(self, entries: Iterable[str], key: SplitKey, *, topics: bool = False) -> None:
        self.entries = frozenset(entries)
        self._topics = topics
        self._key = key
        self._plain = _forms(self.entries, str)
        self._lower = _forms(self.entries, str.lower)
        self._spaced = _forms(self.entries, _spaced)
        self._masked = (
            _forms(self.entries, lambda name: masked(_spaced(name))) if key == "template" else {}
        )

    def holds(self, rows: pl.DataFrame, found: set[str]) -> pl.Series:
        """A mask of the light rows that the list holds.

        found: gets the list's entries that hold some of them.
        """

        def named(values: pl.Series, entries: Mapping[str, Sequence[str]]) -> pl.Series:
            listed = [value for value in values.unique() if value in entries]
            found.update(entry for value in listed for entry in entries[value])
            return values.is_in(listed) if listed else pl.repeat(False, len(values), eager=True)

        own = rows["workflow"].str.splitn(":", 2).struct.field("field_1").fill_null("")
        of_workflow = named(rows["workflow"], self._plain) | named(own, self._plain)
        of_step = named(rows["domain"], self._lower)
        if self._key != "domain":
            of_step |= named(rows["website"].str.to_lowercase(), self._lower)
        of_workflow |= named(rows["objective"], self._spaced)
        if self._topics:
            of_workflow |= named(rows["topic"].str.strip_chars().str.to_lowercase(), self._lower)
        if self._masked:
            of_workflow |= named(rows["key"], self._masked)
        if self._key in _OF_STEPS:
            return of_workflow | of_step
        any_step = rows.select("shard", "workflow", of_step.alias("held")).select(
            pl.col("held").any().over("shard", "workflow")
        )
        return of_workflow | any_step["held"]


def _spaced(name: str) -> str:
    return " ".join(name.split())


def _forms(entries: Iterable[str], form: Callable[[str], str]) -> dict[str, list[str]]:
    """Entries by the form in which they are looked for, which several may share."""
    forms: dict[str, list[str]] = {}
    for entry in sorted(entries):
        forms.setdefault(form(entry), []).append(entry)
    return forms


def check_filled(
    asked: Mapping[str, str],
    samples: Mapping[str, int],
    split: Split,
    unmatched: Sequence[str] = (),
) -> None:
    """Check that each split that is asked for has samples.

    A dataset without any sample has other causes and passes.

    asked: the setting that asks for a split, by split. samples: the number of samples, by split.
    unmatched: one line for each entry of a list that holds nothing.

    Raises:
        BuildError: a split that is asked for has no samples.
    """
    if not any(samples.values()):
        return
    for name, setting in asked.items():
        if not samples.get(name, 0):
            lines = [line for line in unmatched if line.startswith(f"{setting_of(name)}:")]
            why = _why(name, split, len(lines))
            raise BuildError(
                "\n  ".join([f"{setting}: the {name} split is empty: {why}", *lines[:_FEW]])
            )


def _why(name: str, split: Split, unmatched: int) -> str:
    """Why a split is empty, and what to do about it.

    unmatched: how many entries of its list name nothing.
    """
    held = split.lists.get(name)
    if held is None and split.draw is not None and name in split.draw.names:
        return split.draw.why(name)
    if held is None:
        return (
            f"the hash of no {split.key} falls into this share; raise it, take another split.seed "
            f"or a split.key with more values, or name in a file what it holds: {setting_of(name)}"
        )
    entries = f"of the {len(held.entries):,} entries of its list"
    if unmatched < len(held.entries):
        return (
            f"{entries} {len(held.entries) - unmatched:,} name recordings, but all of these are "
            "held by a list that comes first, dropped (stepmill explain tells why), or failures"
        )
    topic = ", topic" if name not in HELD else ""
    return (
        f"{entries} none names the id, domain, website{topic} or objective of a workflow that is "
        "in the dataset"
    )
