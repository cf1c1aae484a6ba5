"""Find for each sample, in order, the first kept one that it is like.

First come, first kept: a sample is compared with earlier ones that are themselves like none before
them. Candidates are those with a band of their pages' signatures in common (locality-sensitive
hashing; Leskovec, Rajaraman, Ullman, "Mining of massive datasets", 3.4), and the same task where
the rule asks for it. They are compared by their signatures.

All is held as arrays, about 500 bytes a sample while it is at work. Samples with the same signature
are compared once. In a crowd, where many pages that differ share a band, only the first
`MOST_IN_BAND` of a band are candidates; those that are alike share others too.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.decisions.near.signature import BINS, mixed

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]

MOST_IN_BAND: Final = 64
"""The most kept samples that a band brings as candidates, the first ones."""

_BY_CHANCE: Final = 1 / 256
"""The share of two signatures' bytes that are equal although the nodes differ."""
_MISSED: Final = 0.002
"""The greatest probability that a pair at the threshold has no band in common."""
_AT_ONCE: Final = 2**14
"""Rows whose bands are Python numbers at a time."""


@dataclass(frozen=True)
class Rule:
    """What makes two samples alike."""

    # the least share of nodes that pages have in common, above 0, to 1
    threshold: float
    # the target must be the same
    target: bool
    # samples of one workflow are compared
    within: bool

    @property
    def least(self) -> int:
        """The least number of equal bytes of two signatures."""
        return math.ceil(BINS * (self.threshold + (1 - self.threshold) * _BY_CHANCE) - 1e-9)

    @property
    def rows(self) -> int:
        """Bytes of a band: as many as find pairs at the threshold all the same."""
        for rows in (8, 4, 2):
            if (1 - self.threshold**rows) ** (BINS // rows) <= _MISSED:
                return rows
        return 1


@dataclass(frozen=True)
class Items:
    """Samples in their order: arrays of the same length."""

    # signatures of their pages: uint8, shape (samples, `BINS`)
    pages: npt.NDArray[np.uint8]
    # only samples with the same one are compared
    task: Hashes
    by_tag: Hashes
    # 0: there is none
    by_text: Hashes
    # the number of their workflow
    workflow: Numbers


@dataclass(frozen=True)
class Found:
    """What each sample is like."""

    # the number of the first one that it is like; its own if it is kept
    first: Numbers
    # equal bytes of their signatures
    equal: Numbers


def first_alike(items: Items, rule: Rule) -> Found:
    """For each sample the first kept one that it is like; rather the one with its own signature.

    The two differ only where samples of one workflow are not compared.
    """
    twin = _twins(items, rule)
    once = np.flatnonzero(twin == np.arange(len(twin), dtype=np.int32)).astype(np.int32)
    first = twin.copy()
    equal = np.full(len(twin), BINS, np.int32)
    for number, earlier, same in _compared(items, rule, once):
        first[number], equal[number] = earlier, same
    if not rule.within:  # what came before it in its own workflow does not count
        kept = first[twin] == twin
        own = kept & (items.workflow == items.workflow[twin])
        twin[own] = np.flatnonzero(own)
        first[own] = twin[own]
    return Found(first[twin], equal[twin])


def _twins(items: Items, rule: Rule) -> Numbers:
    """For each sample the first one with the same signature; its own number if it is the first."""
    parts = [items.task]
    if rule.target:
        parts += [items.by_tag, items.by_text]
    wide = np.ascontiguousarray(items.pages).view(np.uint64)
    parts += [wide[:, column] for column in range(wide.shape[1])]
    # two hashes: 128 bits, so that no two differ by chance in a million millions
    both = [np.zeros(len(items.task), np.uint64), np.ones(len(items.task), np.uint64)]
    for part in parts:
        both = [mixed(each ^ part) for each in both]
    order = np.lexsort((np.arange(len(items.task)), both[1], both[0]))
    high, low = both[0][order], both[1][order]
    begins = np.ones(len(order), bool)
    begins[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    twin = np.empty(len(order), np.int32)
    twin[order] = order[np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))]
    return twin


def _compared(items: Items, rule: Rule, once: Numbers) -> Iterator[tuple[int, int, int]]:
    """The samples that are not kept: (number, number of the first that it is like, equal bytes).

    once: the numbers of those to compare, ascending.
    """
    bands, buckets = _buckets(items, rule, once)
    # of each bucket a list of the kept ones in it, the last one first
    last, count = array("i", [-1]) * buckets, array("B", [0]) * buckets
    who, before = array("i"), array("i")
    busy = np.flatnonzero((bands >= 0).any(axis=1))
    for start in range(0, len(busy), _AT_ONCE):
        some = busy[start : start + _AT_ONCE]
        for number, row in zip(once[some].tolist(), bands[some].tolist(), strict=True):
            candidates = set[int]()
            for bucket in row:
                entry = last[bucket] if bucket >= 0 else -1
                while entry >= 0:
                    candidates.add(who[entry])
                    entry = before[entry]
            if candidates and (found := _earliest(items, rule, number, sorted(candidates))):
                yield number, *found
                continue
            for bucket in row:
                if bucket >= 0 and count[bucket] < MOST_IN_BAND:
                    count[bucket] += 1
                    before.append(last[bucket])
                    last[bucket] = len(who)
                    who.append(number)


def _earliest(
    items: Items, rule: Rule, number: int, candidates: list[int]
) -> tuple[int, int] | None:
    """The first candidate that a sample is like, and the equal bytes; None if it is like none."""
    if len(candidates) == 1:  # as nearly always; arrays of one would take five times as long
        return _alike(items, rule, number, candidates[0])
    others = np.array(candidates, np.int32)
    equal = np.count_nonzero(items.pages[others] == items.pages[number], axis=1)
    alike = (equal >= rule.least) & (items.task[others] == items.task[number])
    if rule.target:
        text = items.by_text[number]
        same = items.by_tag[others] == items.by_tag[number]
        alike &= same | ((items.by_text[others] == text) & (text != 0))
    if not rule.within:
        alike &= items.workflow[others] != items.workflow[number]
    found = np.flatnonzero(alike)
    return (int(others[found[0]]), int(equal[found[0]])) if len(found) else None


def _alike(items: Items, rule: Rule, number: int, other: int) -> tuple[int, int] | None:
    """A sample that another one is like, and the equal bytes; None if it is not."""
    if items.task[other] != items.task[number]:
        return None
    if rule.target and items.by_tag[other] != items.by_tag[number]:
        text = items.by_text[number]
        if text == 0 or items.by_text[other] != text:
            return None
    if not rule.within and items.workflow[other] == items.workflow[number]:
        return None
    equal = int(np.count_nonzero(items.pages[other] == items.pages[number]))
    return (other, equal) if equal >= rule.least else None


def _buckets(items: Items, rule: Rule, once: Numbers) -> tuple[Numbers, int]:
    """The bucket of each band of each sample, and the number of buckets.

    Shape (samples, bands); -1: nobody else is in it.
    """
    rows = rule.rows
    kind = {8: np.uint64, 4: np.uint32, 2: np.uint16, 1: np.uint8}[rows]
    pages = np.ascontiguousarray(items.pages).view(kind)
    task = mixed(items.task[once])
    bands = np.full((len(once), BINS // rows), -1, np.int32)
    buckets = 0
    for band in range(BINS // rows):
        keys = mixed(pages[once, band].astype(np.uint64)) ^ task
        order = np.argsort(keys)  # the order of equal keys makes no difference
        keys = keys[order]
        begins = np.ones(len(keys) + 1, bool)
        begins[1:-1] = keys[1:] != keys[:-1]
        alone = begins[:-1] & begins[1:]
        several = np.cumsum(begins[:-1] & ~alone, dtype=np.int32) - 1 + buckets
        bands[order[~alone], band] = several[~alone]
        if len(keys):
            buckets = max(buckets, int(several[-1]) + 1)
    return bands, buckets
