"""Which path reads and prunes pages: the compiled one (`etl.pages.pieces`) if it is there, else
plain Python.

`hatch_build.py` compiles it on installation, where there is a C compiler and Python's headers. Both
give the same bytes. A compiled file that was made of other sources than these is never used.
``STEPMILL_PLAIN=1`` asks for plain.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import warnings
from pathlib import Path
from typing import Any, Final

LIST: Final = "pieces.sources"
"""Names what the compiled module is made of, and whatever else it must fit because it knows much of
what that does.
"""


def fingerprint(folder: Path) -> str:
    """Of the sources that the compiled module must fit."""
    names = (folder / LIST).read_text().split()
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in names)).hexdigest()


def _load() -> tuple[Any, str]:
    """The compiled module or None, and in words which path it is and why."""
    if os.environ.get("STEPMILL_PLAIN", "0") not in ("", "0"):
        return None, "plain Python (STEPMILL_PLAIN is set)"
    try:
        module: Any = importlib.import_module("etl.pages.pieces")
    except ModuleNotFoundError:
        return (
            None,
            (
                "plain Python (not compiled: no C compiler or Python headers when stepmill was "
                "installed)"
            ),
        )
    except ImportError as error:
        warnings.warn(
            f"the compiled reader cannot be loaded ({error}); pages are read by plain Python",
            stacklevel=2,
        )
        return None, f"plain Python (the compiled reader cannot be loaded: {error})"
    if fingerprint(Path(__file__).parent) != module.SOURCES:
        warnings.warn(
            f"{module.__file__} was made of other sources than are here now; pages are read by "
            f"plain Python, slower. Install stepmill again to compile it.",
            stacklevel=2,
        )
        return (
            None,
            "plain Python (the compiled reader is of other sources; install stepmill again)",
        )
    return module, "compiled code"


PIECES, PATH = _load()
"""The module `etl.pages.pieces` or None; the path that reads and prunes pages, in words."""


def utf8(text: str) -> bytes:
    """The UTF-8 of any text, lone surrogates written like other characters (``surrogatepass``)."""
    made: bytes = text.encode("utf-8", "surrogatepass") if PIECES is None else PIECES.to_bytes(text)
    return made
