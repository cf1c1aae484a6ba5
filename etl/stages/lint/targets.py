"""Targets: the element is not there, or nobody could have used it.

An action that is known to have failed contradicts nothing. What scripts and style sheets hide is
not in the markup, so it is not found. Boxes, lists and file fields are often hidden behind
something prettier, and are used through it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight, Target, bounded, short

_IDS: Final = frozenset(("attribute", "node", "ref"))
"""Kinds of locators that name an element by an id."""

_DISPLAY: Final = re.compile(
    r"(?:^|;)\s*display\s*:\s*none\s*(?:!important\s*)?(?:;|$)", re.IGNORECASE
)
_VISIBILITY: Final = re.compile(
    r"(?:^|;)\s*visibility\s*:\s*(hidden|collapse|visible)", re.IGNORECASE
)
_BY_HAND: Final = frozenset(
    ("click", "double_click", "triple_click", "right_click", "type", "press", "hover", "clear")
)
"""Kinds of actions that people can only do to what they see."""

_BEHIND: Final = frozenset(("select", "option", "optgroup"))
_INPUTS_BEHIND: Final = frozenset(("checkbox", "radio", "file"))
_ABLE: Final = frozenset(("button", "input", "select", "textarea", "option", "optgroup"))
_USED: Final = _BY_HAND - {"hover", "press"} | {"select", "deselect", "check", "uncheck", "upload"}
"""Kinds of actions that do nothing to a disabled element."""


def targets(sights: Sequence[Sight]) -> Iterator[Found]:
    """Elements that are absent, hidden or disabled."""
    for sight in sights:
        if sight.step.error or not sight.has_target:
            continue
        if sight.lost:
            yield _lost(sight)
        elif (target := sight.target) is not None:
            if sight.action.kind in _BY_HAND and (how := _hidden(target)):
                yield Found(sight.at, "hidden_target", bounded(f"{sight.action.kind} on {how}"))
            if sight.action.kind in _USED and (how := _disabled(target)):
                yield Found(sight.at, "disabled_target", bounded(f"{sight.action.kind} on {how}"))


def _lost(sight: Sight) -> Found:
    locators = sight.step.target
    shown = ", ".join(
        f"{each.kind} {each.name + '=' if each.name else ''}{short(each.value)!r}"
        for each in locators[:3]
    )
    code = "dangling_id" if all(each.kind in _IDS for each in locators) else "absent_target"
    return Found(sight.at, code, bounded(f"nothing in the page fits {shown}"))


def _hidden(target: Target) -> str:
    """What hides an element, in words; empty if nothing does."""
    if target.tag in _BEHIND:
        return ""
    kind = target.attributes.get("type", "").lower()
    if target.tag == "input" and kind == "hidden":
        return 'an <input type="hidden">'
    if target.tag == "input" and kind in _INPUTS_BEHIND:
        return ""
    visible = False  # by `visibility`, which an element inside can set again
    for tag, attributes in ((target.tag, target.attributes), *target.around):
        style = attributes.get("style", "")
        if _DISPLAY.search(style):
            return f'what is in <{tag} style="display: none">'
        if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
            return f"what is in <{tag} hidden>"
        if not visible and (seen := _VISIBILITY.search(style)) is not None:
            if seen[1].lower() != "visible":
                return f'what is in <{tag} style="visibility: {seen[1].lower()}">'
            visible = True
    return ""


def _disabled(target: Target) -> str:
    """What disables an element, in words; empty if nothing does."""
    if target.tag in _ABLE and "disabled" in target.attributes:
        return f"<{target.tag} disabled>"
    below = target.tag
    for tag, attributes in ((target.tag, target.attributes), *target.around):
        if attributes.get("aria-disabled", "").lower() == "true":
            return f'what is in <{tag} aria-disabled="true">'
        if (
            tag == "fieldset"
            and target.tag in _ABLE
            and "disabled" in attributes
            and below != "legend"
        ):
            return "what is in <fieldset disabled>"
        below = tag
    return ""
