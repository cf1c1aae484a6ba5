"""Messages on stderr: as they are on a terminal, as dated lines or JSON in a log.

``$STEPMILL_LOG_FORMAT`` is ``plain`` or ``json``, for this process and those that it starts.
Without it, a terminal gets messages without dates, and a file or pipe gets dated lines. The clock
is read here; nothing that a build writes depends on it.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import datetime
from typing import Any, Final

import orjson

VARIABLE: Final = "STEPMILL_LOG_FORMAT"
FORMATS: Final = ("plain", "json")

_LOGGER: Final = logging.getLogger("stepmill")


def form() -> str:
    """``terminal``, ``plain`` or ``json``: how messages are written now."""
    asked = os.environ.get(VARIABLE, "")
    if asked in FORMATS:
        return asked
    return "terminal" if sys.stderr.isatty() else "plain"


def say(message: str, **facts: Any) -> None:
    """Something went as it should. facts: for programs; only JSON shows them."""
    _log(logging.INFO, message, facts)


def warn(message: str, **facts: Any) -> None:
    """Something may not be what the user wants."""
    _log(logging.WARNING, message, facts)


def error(message: str, **facts: Any) -> None:
    """Something failed."""
    _log(logging.ERROR, message, facts)


class _Stderr(logging.Handler):
    """Writes to what ``sys.stderr`` is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message, of one line or several."""
        text = record.getMessage()
        if form() == "json":
            _write(_as_json(record, text))
            return
        if record.levelno >= logging.WARNING:
            text = f"stepmill: {text}"
        if form() == "plain":
            stamp = _stamp(record)
            text = "\n".join(f"{stamp} {line}" for line in text.splitlines())
        _write(text)


def _as_json(record: logging.LogRecord, text: str) -> str:
    head = {"time": _stamp(record), "level": record.levelname.lower(), "message": text}
    return orjson.dumps(head | record.__dict__["facts"]).decode()


def _stamp(record: logging.LogRecord) -> str:
    """Local time with its offset, to the second."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="seconds")


def _write(text: str) -> None:
    bars = sys.modules.get("etl.terminal.bar")
    if bars is not None:  # a bar may be on the screen, and must step aside
        bars.Bar.write(text, file=sys.stderr)
    else:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _log(level: int, message: str, facts: dict[str, Any]) -> None:
    if not _LOGGER.handlers:
        _LOGGER.addHandler(_Stderr())
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False
    _LOGGER.log(level, "%s", message, extra={"facts": facts})
