"""The browser to record in: the user's own, else one that Playwright has installed."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError

_COMMANDS: Final = (
    "chromium chromium-browser google-chrome google-chrome-stable chrome microsoft-edge msedge "
    "brave-browser"
).split()
_PLACES: Final = (
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/opt/microsoft/msedge/msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)

FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""The browser asks for what the user asks for, and nothing else."""


def find(given: str = "") -> str:
    """The path of a Chromium; empty if none is found, and Playwright's own is to be tried.

    Raises:
        ConfigError: the given one is not there.
    """
    if given:
        found = shutil.which(given)
        if not found:
            raise ConfigError(f"--chromium {given}: no program is there; give the path of one")
        return found
    on_path = filter(None, map(shutil.which, _COMMANDS))
    return next(on_path, next((place for place in _PLACES if Path(place).is_file()), ""))


def flags() -> list[str]:
    """The arguments to start it with. Root on Linux can have no sandbox."""
    as_root = sys.platform == "linux" and os.geteuid() == 0
    return [*FLAGS, *(["--no-sandbox"] if as_root else [])]
