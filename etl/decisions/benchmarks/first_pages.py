"""Compares first pages of workflows with those of tasks, by their skeletons: tags without texts.

A page tells a task if it has enough shapes, few tasks of a benchmark begin on one like it, and its
address, where there is one, leads beyond the front page. Any other page says only that two begin
where everybody begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from etl.decisions.benchmarks.places import url_hash
from etl.decisions.benchmarks.registry import Entry

_BY_CHANCE: Final = 256
"""One byte in so many is equal although the pages differ."""


class FirstPages:
    """The skeletons of a registry's tasks, each different one once.

    least: the share of its ways that both have, in thousandths. shapes: the least number of them.
    most: the most tasks of a benchmark that begin on pages alike, if these shall tell them.
    """

    def __init__(self, entries: Sequence[Entry], least: int, shapes: int, most: int) -> None:
        self._least, self._shapes = least, shapes
        of: dict[bytes, list[int]] = {}
        for at, each in enumerate(entries):
            if each.skeleton and each.shapes >= shapes:
                of.setdefault(each.skeleton, []).append(at)
        self._pages = _array(list(of))
        self._tasks = list(of.values())
        kept: list[int] = []
        for number, page in enumerate(of):
            alike = np.flatnonzero(self._shares(page) >= least).tolist()
            begin = Counter(
                (entries[at].benchmark, entries[at].version)
                for each in alike
                for at in self._tasks[each]
            )
            if max(begin.values()) <= most:
                kept.append(number)
        self._pages = self._pages[kept]
        self._tasks = [self._tasks[number] for number in kept]

    def alike(self, skeleton: bytes, shapes: int, url: str) -> dict[int, int]:
        """The numbers of tasks that a workflow's first page tells, with what is the same of it, in
        thousandths.
        """
        if not self._tasks or shapes < self._shapes or (url.strip() and not url_hash(url)):
            return {}
        shares = self._shares(skeleton)
        return {
            at: int(shares[number])
            for number in np.flatnonzero(shares >= self._least).tolist()
            for at in self._tasks[number]
        }

    def _shares(self, skeleton: bytes) -> npt.NDArray[np.int64]:
        """The share of their ways that a page and each known one have in common, in thousandths."""
        own = np.frombuffer(skeleton, np.uint8)
        equal = np.count_nonzero(self._pages == own, axis=1)
        size = len(own)
        share: npt.NDArray[np.int64] = (
            1000 * (_BY_CHANCE * equal - size) // ((_BY_CHANCE - 1) * size)
        )
        return share.clip(min=0)


def _array(pages: Sequence[bytes]) -> npt.NDArray[np.uint8]:
    width = len(pages[0]) if pages else 0
    return np.frombuffer(b"".join(pages), np.uint8).reshape(len(pages), width)
