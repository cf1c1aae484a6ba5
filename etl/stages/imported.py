"""Functions of a team's own, by import path: ``package.module:function``."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError

_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def found(path: str) -> Callable[..., Any]:
    """The function of an import path.

    Raises:
        ConfigError: there is none.
    """
    if not _PATH.fullmatch(path):
        raise ConfigError(f"{path!r} is no import path; write package.module:function")
    name, _, attribute = path.partition(":")
    try:
        function: Any = importlib.import_module(name)
        for part in attribute.split("."):
            function = getattr(function, part)
    except Exception as error:
        raise ConfigError(
            f"{path!r} cannot be imported ({type(error).__name__}: {error}); its module must be "
            "installed, or its folder be in PYTHONPATH"
        ) from error
    if not callable(function):
        raise ConfigError(f"{path!r} is no function")
    checked: Callable[..., Any] = function
    return checked


def source_hash(path: str) -> str:
    """The hash of the file that an import path names, and of the one that defines the function.

    Empty if neither is in a file.

    Raises:
        ConfigError: there is no such function.
    """
    function = found(path)
    while isinstance(function, partial):
        function = function.func
    modules = (path.partition(":")[0], getattr(function, "__module__", None))
    files = dict.fromkeys(
        getattr(importlib.import_module(name), "__file__", None) for name in modules if name
    )
    read = [Path(file).read_bytes() for file in files if file and Path(file).is_file()]
    return hashlib.blake2b(b"".join(read), digest_size=20).hexdigest() if read else ""
