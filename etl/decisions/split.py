"""Splits: hold samples out of training, by lists of names or by shares of a hash.

By share: the hash of (seed, split key) is compared with the share, so that the rows of a key stay
together and new data never move old rows. The test split takes the low end of the hashes, the
validation split the high end.

By list, with any split key: an entry is a workflow's id (``source:id`` or the recording's own), a
domain, a website, an objective, or a value of the split key. Where the key is ``domain`` or
``website``, an entry of that kind holds only the samples there; with any other key it holds the
whole workflow of each such sample. The list of the test split comes first. A list looks at one
workflow at a time, so new data never move old rows here either.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

import polars as pl

from etl.files.hashes import order_hash
from schemas.errors import BuildError, ConfigError

SplitKey = Literal["workflow", "domain", "website", "objective", "template"]
SPLIT_KEYS: Final = ("workflow", "domain", "website", "objective", "template")
Found = defaultdict[str, set[str]]
"""The entries of each split's list that hold something, by split."""
SPLITS: Final = ("train", "test", "validation")
HELD: Final = {"test": "split.held_out", "validation": "split.held_out_validation"}
"""The setting of each list, by the split that it fills; an earlier list wins."""

_FEW: Final = 5
"""The most entries that one message lists."""
_OF_STEPS: Final = ("domain", "website")
"""Split keys that may differ between the steps of one workflow."""
_VARIABLE: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\d+')


@dataclass(frozen=True)
class Split:
    """How samples are split.

    Raises:
        ConfigError: the key is unknown, a share is not between 0 and 1, the shares add up to more
            than 1, or an entry is on both lists.
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
        if both := sorted(self.held_out & self.held_out_validation):
            raise ConfigError(
                f"split: {both[0]!r} is held out for the test and for the validation split; choose "
                "one"
            )

    @property
    def _test(self) -> float:
        return 0.0 if self.held_out else self.test

    @property
    def _validation(self) -> float:
        return 0.0 if self.held_out_validation else self.validation

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that these settings can fill, train first."""
        return SPLITS if self._validation or self.held_out_validation else SPLITS[:2]

    @cached_property
    def lists(self) -> dict[str, HeldOut]:
        """The lists by split."""
        given = {"test": self.held_out, "validation": self.held_out_validation}
        return {split: HeldOut(given[split], self.key) for split in HELD if given[split]}

    def of(self, key: str) -> str:
        """The split of a key by its hash."""
        place = self.hash(key)
        if place < self._test * 2**64:
            return "test"
        return "validation" if place >= (1 - self._validation) * 2**64 else "train"

    def hash(self, text: str) -> int:
        """64-bit hash of a text under the seed."""
        return order_hash(text, self.seed)

    def assigned(self, rows: pl.DataFrame, found: Found) -> pl.DataFrame:
        """Light rows with their ``split``; adds to ``found`` the entries that hold some.

        ``rows`` holds all rows of a workflow in an input shard, or none.
        """
        rows = rows.with_columns(self._key().alias("key"))
        keys = rows["key"].unique(maintain_order=True)
        drawn = pl.Series("split", map(self.of, keys), pl.String)
        rows = rows.join(
            keys.to_frame().with_columns(drawn), on="key", how="left", maintain_order="left"
        )
        for split, held in reversed(self.lists.items()):
            rows = rows.with_columns(
                split=pl.when(held.holds(rows, found[split])).then(pl.lit(split)).otherwise("split")
            )
        return rows

    def _key(self) -> pl.Expr:
        if self.key == "template":
            return pl.col("objective").map_elements(masked, return_dtype=pl.String)
        if self.key == "website":
            return pl.when(pl.col("website") == "").then("domain").otherwise("website")
        return pl.col(self.key)

    def unmatched(self, found: Found) -> dict[str, list[str]]:
        """The entries that hold nothing, by setting."""
        return {
            HELD[split]: sorted(held.entries - found[split]) for split, held in self.lists.items()
        }


def masked(objective: str) -> str:
    """An objective with digits and quoted values masked."""
    return _VARIABLE.sub("#", objective)


class HeldOut:
    """A list that fills a split."""

    def __init__(self, entries: Iterable[str], key: SplitKey) -> None:
        self.entries = frozenset(entries)
        self._key = key
        self._plain = {name: name for name in self.entries}
        self._lower = {name.lower(): name for name in sorted(self.entries)}
        self._spaced = {" ".join(name.split()): name for name in sorted(self.entries)}
        self._masked = (
            {masked(name): name for name in sorted(self._spaced)} if key == "template" else {}
        )

    def holds(self, rows: pl.DataFrame, found: set[str]) -> pl.Series:
        """A mask of the light rows that the list holds.

        found: gets the list's entries that hold some of them.
        """

        def named(values: pl.Series, entries: Mapping[str, str]) -> pl.Series:
            listed = [value for value in values.unique() if value in entries]
            found.update(entries[value] for value in listed)
            return values.is_in(listed) if listed else pl.repeat(False, len(values), eager=True)

        own = rows["workflow"].str.splitn(":", 2).struct.field("field_1").fill_null("")
        of_workflow = named(rows["workflow"], self._plain) | named(own, self._plain)
        of_step = named(rows["domain"], self._lower)
        if self._key != "domain":
            of_step |= named(rows["website"].str.to_lowercase(), self._lower)
        of_workflow |= named(rows["objective"], self._spaced)
        if self._masked:
            of_workflow |= named(rows["key"], self._masked)
        if self._key in _OF_STEPS:
            return of_workflow | of_step
        any_step = rows.select("shard", "workflow", of_step.alias("held")).select(
            pl.col("held").any().over("shard", "workflow")
        )
        return of_workflow | any_step["held"]


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
            lines = [line for line in unmatched if line.startswith(f"{HELD[name]}:")][:_FEW]
            raise BuildError(
                "\n  ".join([f"{setting}: the {name} split is empty: {_why(name, split)}", *lines])
            )


def _why(name: str, split: Split) -> str:
    """Why a split is empty, and what to do about it."""
    held = split.lists.get(name)
    if held is None:
        return (
            f"the hash of no {split.key} falls into this share; raise it, take another split.seed "
            f"or a split.key with more values, or name in a file what it holds: {HELD[name]}"
        )
    return (
        f"of the {len(held.entries):,} entries of its list none names the id, domain, website or "
        f"objective of a workflow that is in the dataset"
    )
