"""The reasons for drops and what they mean."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from etl.card.reasons import meanings
from schemas.errors import ConfigError
from schemas.reasons import OwnReason


def view(name: str | None = None, own: Iterable[OwnReason] = ()) -> list[dict[str, Any]]:
    """One reason, or all of them. own: those that the rules of a recipe give.

    Raises:
        ConfigError: if there is no such reason.
    """
    every = meanings(own)
    if name is not None and name not in every:
        close = difflib.get_close_matches(name, every, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"nothing is dropped for {name!r}{hint}")
    names = every if name is None else [name]
    return [{"reason": each, **every[each]._asdict()} for each in names]


def text(reasons: list[dict[str, Any]], settings: Mapping[str, str], *, whole: bool) -> str:
    """`view` as text: a line each, or with ``whole`` the example and the settings too.

    settings: name of a setting -> what it means.
    """
    if not whole:
        width = max(len(each["reason"]) for each in reasons)
        return "\n".join(f"{each['reason']:<{width}}  {each['says']}" for each in reasons)
    lines: list[str] = []
    for each in reasons:
        lines += [f"{each['reason']}: {each['says']}", f"  example  {each['example']}"]
        lines += [f"  setting  {name}: {settings.get(name, '')}" for name in each["settings"]]
        if not each["settings"]:
            lines.append("  setting  none: it is always dropped")
    return "\n".join(lines)
