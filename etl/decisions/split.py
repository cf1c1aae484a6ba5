"""Splits: which samples are held out of training, by lists of names or by shares of a hash.

By share: hash(seed, split key) against the share, so that a key's rows stay together and new data
never move old rows; the test split has the low end of the hashes, the validation split the high
end.

By list, whatever the split key is: an entry is a workflow's id (``source:id`` or the recording's
own), a domain, a website, an objective, or a value of the split key. Where the key is ``domain`` or
``website``, an entry of that kind holds the samples that are there; else one such sample holds its
whole workflow. The test split is asked first. A list looks at one workflow at a time, so new data
never move old rows here either.
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
"""By split, the entries of its list that hold something."""
SPLITS: Final = ("train", "test", "validation")
HELD: Final = {"test": "split.held_out", "validation": "split.held_out_validation"}
"""The splits that lists can fill, in the order in which they are asked, and the settings that name
the lists.
"""

_FEW: Final = 5
_OF_STEPS: Final = ("domain", "website")
_VARIABLE: Final = re.compile(r'"[^"]*"|\'[^\']*\'|\d+')


@dataclass(frozen=True)
class Split:
    """key: what stays together; ``template`` is the objective with digits and quoted values masked;
    ``website`` is the domain where a recording names none.

    test, validation: shares of keys in these splits. held_out, held_out_validation: entries of the
    lists that fill these splits instead. seed: of every hash.
    """

    key: SplitKey = "workflow"
    test: float = 0.05
    validation: float = 0.0
    held_out: frozenset[str] = field(default=frozenset())
    held_out_validation: frozenset[str] = field(default=frozenset())
    seed: int = 0

    def __post_init__(self) -> None:
        if self.key not in SPLIT_KEYS:
            raise ConfigError(f"split.key {self.key!r} is none of {', '.join(SPLIT_KEYS)}")
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
        """The splits that there can be."""
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
        """Light rows with their ``split``. Of a workflow in an input shard, all rows are there or
        none.
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
        """By setting, the entries that held nothing."""
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
        """Which light rows these are that the list holds. found: its entries that hold something
        are added there.
        """

        def named(values: pl.Series, entries: Mapping[str, str]) -> pl.Series:
            there = [value for value in values.unique() if value in entries]
            found.update(entries[value] for value in there)
            return values.is_in(there) if there else pl.repeat(False, len(values), eager=True)

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
    """Raises `BuildError` if a split that was asked for has no samples. asked: by split, the
    setting that asks for it. unmatched: a line for each entry of a list that holds nothing.

    A dataset without any samples has other causes, and is not judged here.
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
