"""The engine's `Forms`, of pages that the engine has read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from etl.pages import compiled
from etl.pages.compact import facts, relevance, tables
from etl.pages.compact.forms import SILENT, Counts, Rows
from etl.pages.compact.relevance import Flags
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import Numbers, said
from etl.pages.page import Page


class CompiledForms:
    """`etl.pages.compact.forms.Forms`, as the engine has it.

    digits, marks: the tokens of numbers, and of marks, by their digits. alike, same:
    `etl.pages.compact.choose.weights`.
    """

    def __init__(
        self,
        rules: CompactRules,
        counts: Counts,
        digits: list[int],
        marks: list[int],
        alike: list[int],
        same: list[int],
    ) -> None:
        modules = tables, facts, relevance
        self._known = compiled.ENGINE.Known(
            rules.text, rules.value, modules, digits, marks, alike, same
        )
        self._walk = compiled.ENGINE.Walk(self._known)
        self._counts = counts

    def __len__(self) -> int:
        """See `Forms`."""
        return len(self._known)

    def units(self, page: Page) -> Any:
        """See `Forms`."""
        with compiled.LOCK:
            return self._walk.units(page.compiled, said)

    def make(self) -> None:
        """See `Forms`."""
        with compiled.LOCK:
            if lines := self._known.lines():
                self._known.count(self._counts(lines).tobytes())

    def rows(self, sayings: Numbers) -> Rows:
        """See `Forms`."""
        self.make()
        rows = self._known.rows(sayings.tobytes())
        return np.frombuffer(rows, np.int64).reshape(-1, SILENT + 1)

    def hashes(self, sayings: Numbers) -> list[int]:
        """See `Forms`."""
        return list(self._known.hashes(sayings.tobytes()))

    def line(self, saying: int, whole: bool) -> str:
        """See `Forms`."""
        return str(self._known.line(saying, whole))

    def having(self, sayings: Numbers, words: Iterable[str]) -> dict[str, Flags]:
        """See `Forms`."""
        wanted = list(words)
        with compiled.LOCK:
            found = self._known.having(sayings.tobytes(), wanted)
        each = zip(wanted, found, strict=True)
        return {word: np.frombuffer(flags, np.bool_) for word, flags in each if flags is not None}

    def hits(self, sayings: Numbers, names: Collection[str]) -> bytes:
        """See `Forms`."""
        with compiled.LOCK:
            return bytes(self._known.hits(sayings.tobytes(), list(names)))
