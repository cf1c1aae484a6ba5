"""What functions of a team's own are given, and what they may answer."""

from __future__ import annotations

from collections.abc import Callable

from etl.stages.rules.columns import View

Function = Callable[[View], str | bool | None]
"""Gives a text that says why what it is shown is dropped, or nothing."""


def answer(path: str, given: object) -> str | None:
    """What a function gave, as the detail of a drop; None if it drops nothing.

    Raises:
        TypeError: it gave something else than a text, a truth or None.
    """
    if given is None or given is False or given == "":
        return None
    if given is True:
        return path
    if isinstance(given, str):
        return given
    raise TypeError(f"{path} gave {type(given).__name__}; it gives a text, True, or nothing")
