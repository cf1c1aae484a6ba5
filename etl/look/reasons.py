"""The reasons for drops, for people."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from etl.card.reasons import meanings
from schemas.errors import ConfigError


def view(name: str | None = None) -> list[dict[str, Any]]:
    """One reason, or all. Raises `ConfigError` for an unknown one."""
    known = meanings()
    if name is not None and name not in known:
        close = difflib.get_close_matches(name, known, 1)
        raise ConfigError(
            f"nothing is dropped for {name!r}{f'; did you mean {close[0]}?' if close else ''}"
        )
    return [{"reason": key, **each._asdict()} for key, each in known.items() if name in (None, key)]


def text(found: list[dict[str, Any]], settings: Mapping[str, str], *, whole: bool) -> str:
    """`view` as text: a line each, or all that is known. settings: what each means that decides
    drops.
    """
    if not whole:
        width = max(len(each["reason"]) for each in found)
        return "\n".join(f"{each['reason']:<{width}}  {each['says']}" for each in found)
    lines: list[str] = []
    for each in found:
        lines += [f"{each['reason']}: {each['says']}", f"  example  {each['example']}"]
        lines += [f"  setting  {name}: {settings.get(name, '')}" for name in each["settings"]]
        lines += [] if each["settings"] else ["  setting  none: it is always dropped"]
    return "\n".join(lines)
