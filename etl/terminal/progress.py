"""Progress of one piece of work: a bar on a terminal, lines now and then in a log.

Nothing is silent for long. A bar moves every half second, whether work is done or not. A log gets a
line after 2 seconds, and then others after gaps that double up to a minute.
"""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from etl.terminal import log
from etl.terminal.words import counted

if TYPE_CHECKING:
    from etl.terminal.bar import Bar

FIRST_LINE: Final = 2.0  # seconds until the first line of a log
LONGEST_GAP: Final = 60.0  # seconds between two lines
_TICK: Final = 0.5  # seconds between two looks at the clock
_MEGA: Final = 1_000_000


class Progress:
    """One piece of work, as a context manager."""

    def __init__(
        self, label: str, total: int = 0, unit: str = "MB", *, brief: bool = False
    ) -> None:
        """label: what is going on. total: of all the work, in bytes or other units; 0 if it is not
        known. unit: ``MB`` counts bytes. brief: the work is usually over at once, and nothing is
        shown unless it takes `FIRST_LINE` seconds.
        """
        self._label, self._total, self._unit, self._brief = label, total, unit, brief
        self._done = self._samples = 0
        self._lines = 0
        self._bar: Bar | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> Self:
        """The work begins."""
        self._start = time.monotonic()
        self._next = self._start + (FIRST_LINE if self._brief or log.form() != "terminal" else 0.0)
        self._look()
        threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The work is over. Without an error, all of it is done."""
        self._over.set()
        with self._lock:
            if self._bar is not None:
                self._bar.show(self._done, self._note())
                self._bar.close()
            elif kind is None and (self._lines or not self._brief):
                self._say(time.monotonic() - self._start, last=True)

    def advance(self, done: int, samples: int = 0) -> None:
        """Some more is done: units, and samples made of them. Shown if it is time."""
        self._done += done
        self._samples += samples
        self._look()

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            self._look()

    def _look(self) -> None:
        """Show how far the work is, if it is time."""
        with self._lock:
            now = time.monotonic()
            if now < self._next or self._over.is_set():
                return
            if log.form() != "terminal":
                self._next = now + min(FIRST_LINE * 2**self._lines, LONGEST_GAP)
                self._lines += 1
                self._say(now - self._start)
                return
            self._next = now + _TICK
            if self._bar is None:
                from etl.terminal.bar import Bar

                self._bar = Bar(self._label, self._total, self._unit, sys.stderr)
            self._bar.show(self._done, self._note())

    def _note(self) -> str:
        return counted(self._samples, "sample") if self._samples else ""

    def _say(self, seconds: float, last: bool = False) -> None:
        """Write a line to the log."""
        facts = {"work": self._label, "done": self._done, "total": self._total}
        facts |= {"unit": "bytes" if self._unit == "MB" else self._unit}
        log.say(
            self._line(seconds, last), **facts, samples=self._samples, seconds=round(seconds, 1)
        )

    def _line(self, seconds: float, last: bool) -> str:
        """How far the work is, in words: share, amounts, rate, time."""
        parts = [self._label]
        rate = self._done / max(seconds, 1e-9)
        if self._total:
            scale, digits = (_MEGA, 1) if self._unit == "MB" else (1, 0)
            amounts = (
                f"{self._done / scale:,.{digits}f} of {self._total / scale:,.{digits}f} "
                f"{self._unit}"
            )
            parts[0] += f" {100 * self._done / self._total:.0f}%"
            parts += [amounts, f"{rate / scale:,.1f} {self._unit}/s"]
        if self._samples:
            parts.append(self._note())
        remaining = self._total - self._done
        if not last and remaining > 0 and rate > 0:
            parts.append(f"ETA {_clock(remaining / rate)}")
        else:
            parts.append(f"in {_clock(seconds)}")
        return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
