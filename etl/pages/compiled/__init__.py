"""The compiled engine (`etl/pages/compiled/engine.pyx`), if it is installed.

It reads, prunes and observes pages as plain Python does, byte for byte, some twenty times as fast.
`hatch_build.py` compiles it on installation, if there are a C++ compiler and Python's headers.
``STEPMILL_PLAIN=1`` selects plain Python.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from pathlib import Path
from typing import Any, Final

SOURCES: Final = "*.p[yx][xi]"
"""The engine's sources, in the folder of this file; a wheel does not hold them."""

LOCK: Final = threading.Lock()
"""Held while the engine works or the latest pages change: other threads could run meanwhile."""

_AGAIN: Final = "install stepmill again where there is a C++ compiler with Python's headers"


def _load() -> tuple[Any, str, str]:
    """The engine or None; in words, what reads pages, and what to do about it."""
    if os.environ.get("STEPMILL_PLAIN", "0") not in ("", "0"):
        return None, "plain Python (STEPMILL_PLAIN is set)", "unset STEPMILL_PLAIN"
    try:
        return importlib.import_module("etl.pages.compiled.engine"), "compiled code", ""
    except ModuleNotFoundError:
        return None, "plain Python (the engine is not compiled)", _AGAIN
    except ImportError as error:
        return None, f"plain Python (the engine cannot be loaded: {error})", _AGAIN


ENGINE, PATH, _REMEDY = _load()


def fingerprint(folder: Path) -> str:
    """The hash of the engine's sources; empty if there are none."""
    sources = sorted(folder.glob(SOURCES))
    content = b"".join(source.read_bytes() for source in sources)
    return hashlib.sha256(content).hexdigest() if sources else ""


def is_stale() -> bool:
    """Whether the engine was compiled from other sources than are here now; it reads them."""
    current = fingerprint(Path(__file__).parent)
    return ENGINE is not None and current not in ("", ENGINE.FINGERPRINT)


def advice() -> str:
    """Why reading is slow or may be wrong, and what to do; empty if all is well."""
    if ENGINE is None:
        return f"pages are read by {PATH}, some twenty times slower; to change that, {_REMEDY}"
    if is_stale():
        return f"the engine that reads pages was compiled of other sources than are here; {_AGAIN}"
    return ""
