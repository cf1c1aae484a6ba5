"""The declarations of a ``style`` attribute, and what a recorder says of their changes."""

from __future__ import annotations

import re
from typing import Any, Final

_DECLARATION: Final = re.compile(
    r"""(?:[^;"'()]++|"(?:[^"\\]|\\.)*+"?|'(?:[^'\\]|\\.)*+'?|\((?:[^()"']|"[^"]*+"|'[^']*+')*+\)?|\))++""",
    re.DOTALL,
)
_IMPORTANT: Final = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)


def changed(style: str, changes: dict[str, Any]) -> str:
    """The text of a ``style`` attribute after its declarations changed.

    changes: of a property's name its value, ``[value, priority]``, or false if it goes.
    """
    made = dict(_declarations(style))
    for name, value in changes.items():
        key = name if name.startswith("--") else name.lower()
        priority = ""
        if isinstance(value, list):
            value, priority = [*value, "", ""][:2]
        if isinstance(value, str) and value:
            made[key] = f"{value} !important" if priority == "important" else value
        else:
            made.pop(key, None)
    return " ".join(f"{name}: {value};" for name, value in made.items())


def _declarations(style: str) -> list[tuple[str, str]]:
    """The declarations of a text, in order."""
    found = []
    for part in _DECLARATION.findall(style):
        name, colon, value = part.partition(":")
        name = name.strip()
        if colon and name and value.strip():
            value = _IMPORTANT.sub(" !important", value.strip())
            found.append((name if name.startswith("--") else name.lower(), value))
    return found
