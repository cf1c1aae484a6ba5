"""The bar of `etl.terminal.progress`: tqdm's, without its thread and its process-wide lock."""

from __future__ import annotations

import os
import threading
from typing import Final, TextIO

from tqdm import tqdm

MEGA: Final = 1_000_000


_COLUMNS: Final = 100
"""Width of a bar, in columns, on a terminal that does not say how wide it is."""


class Bar(tqdm):  # type: ignore[misc] # tqdm has no types
    """The bar of one piece of work."""

    monitor_interval = 0  # no thread of tqdm's: `etl.terminal.progress` has its own

    def __init__(self, label: str, total: int, unit: str, stream: TextIO) -> None:
        """total: of all the work, in units; 0 if it is not known, and then only seconds are shown.
        unit: ``MB`` counts bytes.
        """
        Bar.set_lock(threading.RLock())
        self._scale = MEGA if unit == "MB" else 1
        digits = ".1f" if unit == "MB" else ".0f"
        counted = (
            f"{{n:,{digits}}} of {{total:,{digits}}} {unit}{{postfix}}, {{elapsed}}, ETA "
            f"{{remaining}}"
        )
        super().__init__(
            desc=label,
            total=total / self._scale or None,
            bar_format=f"{{desc}} {{percentage:3.0f}}% |{{bar}}| {counted}"
            if total
            else "{desc}, {elapsed}",
            ncols=None if _width(stream) else _COLUMNS,
            nrows=None if _width(stream) else 2,
            dynamic_ncols=bool(_width(stream)),
            file=stream,
        )

    def show(self, done: int, note: str) -> None:
        """Draw it. done: units since the beginning. note: text after the counts."""
        self.set_postfix_str(note, refresh=False)
        self.n = 0
        if self.total:
            # With more than the total, tqdm shows no total at all.
            self.n = min(done / self._scale, self.total)
        self.refresh()


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0
