"""The bar of `etl.terminal.progress` on a terminal: tqdm's, without the thread and the process-wide
lock that it brings.
"""

from __future__ import annotations

import os
import threading
from typing import Final, TextIO

from tqdm import tqdm

MEGA: Final = 1_000_000


_COLUMNS: Final = 100
"""Where a terminal does not know how wide it is."""


class Bar(tqdm):  # type: ignore[misc] # tqdm has no types
    """One piece of work. unit: ``MB`` counts bytes. total: 0 where it is not known; then seconds
    are shown alone.
    """

    monitor_interval = 0  # a thread of tqdm's, which `etl.terminal.progress` does not need

    def __init__(self, label: str, total: int, unit: str, stream: TextIO) -> None:
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
        """Draw it. done: since the beginning. note: stands behind the counts."""
        self.set_postfix_str(note, refresh=False)
        self.n = (
            min(done / self._scale, self.total) if self.total else 0
        )  # tqdm takes more than all for no total
        self.refresh()


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0
