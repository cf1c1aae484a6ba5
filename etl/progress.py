"""Progress on stderr: one line that renews itself on a terminal, a plain line now and then in a log.

stdout stays free for data. Rates are of input bytes; clocks are read here and nowhere in what is written.
"""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

_EVERY_TERMINAL: Final = 0.2  # seconds between two lines
_EVERY_LOG: Final = 10.0


class Progress:
    """One phase: ``total`` bytes (or other units) to be worked through.

    label: what is going on. unit: ``MB`` shows rates in megabytes, anything else counts.
    """

    def __init__(self, label: str, total: int, unit: str = "MB", stream: TextIO | None = None) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._start = self._shown = time.monotonic()
        self._done = 0
        self._records = 0
        self._width = 0

    def advance(self, done: int, records: int = 0) -> None:
        """Some more is done; shown if it is time."""
        self._done += done
        self._records += records
        now = time.monotonic()
        if now - self._shown >= (_EVERY_TERMINAL if self._terminal else _EVERY_LOG):
            self._shown = now
            self._show(self._line(now))

    def finish(self) -> None:
        """Show the last line."""
        self._show(self._line(time.monotonic()), last=True)

    def _line(self, now: float) -> str:
        elapsed = max(now - self._start, 1e-9)
        scale = 1e6 if self._unit == "MB" else 1
        digits = 1 if scale > 1 else 0
        rate = self._done / elapsed
        share = f"{100 * self._done / self._total:3.0f}%" if self._total else "100%"
        parts = [
            f"{self._label} {share}",
            f"{self._done / scale:,.{digits}f} of {self._total / scale:,.{digits}f} {self._unit}",
        ]
        parts.append(f"{rate / scale:,.1f} {self._unit}/s")
        if self._records:
            parts.append(f"{self._records:,} samples")
        left = self._total - self._done
        parts.append(f"ETA {_clock(left / rate)}" if left > 0 and rate > 0 else f"in {_clock(elapsed)}")
        return ", ".join(parts)

    def _show(self, line: str, last: bool = False) -> None:
        if self._terminal:
            padded = line.ljust(self._width)
            self._width = len(line)
            self._stream.write("\r" + padded + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
