"""Elements by role, accessible name and label, in the words of Playwright and Chrome's Recorder."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from etl.pages.locators import texts
from etl.pages.locators.match import Elements
from etl.pages.locators.names import Names
from etl.pages.locators.roles import Roles
from etl.pages.locators.states import States
from schemas.errors import PageError

_ROLE: Final = re.compile(r"\s*([a-zA-Z]+)\s*((?:\[.*\])?)\s*", re.DOTALL)
_TEST: Final = re.compile(
    r"""\[\s*([\w-]+)\s*(?:([*^$|~]?=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|/|[^\]\s]+?)\s*([isIS]?)\s*)?\]\s*""",
    re.DOTALL,
)
_ARIA: Final = re.compile(
    r"""\[\s*(role|name)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*\]"""
)
_TRUTHS: Final = {"true": "true", "false": "false", "mixed": "mixed"}
_CHECKED: Final = frozenset(
    "checkbox menuitemcheckbox option radio switch menuitemradio treeitem".split()
)
_SELECTED: Final = frozenset("gridcell option row tab rowheader columnheader treeitem".split())
_EXPANDED: Final = frozenset(
    "application button checkbox combobox gridcell link listbox menuitem row rowheader tab "
    "treeitem columnheader menuitemcheckbox menuitemradio switch".split()
)
_LEVELS: Final = {f"h{level}": str(level) for level in range(1, 7)}


class _Condition(NamedTuple):
    name: str
    operator: str
    value: str
    # case does not count
    fold: bool


def find_role(elements: Elements, text: str, *, internal: bool) -> list[int]:
    """The elements of a role that meet conditions, as in ``button[name="Buy"i]``.

    internal: as the locators of Playwright write it: a name whose case does not count is a part of
    the element's name.

    Raises: `PageError` "invalid_css" for a selector that is none, "unsupported_locator" for regular
    expressions and descriptions, "costly_css" if the names of the page are too long.
    """
    found = _ROLE.fullmatch(text)
    if found is None:
        raise PageError("invalid_css", f"{text[:200]!r} is no role")
    role, conditions = found[1].lower(), _conditions(found[2], text)
    roles = Roles(elements)
    names = Names(roles)
    candidates = [
        element
        for element in range(len(elements.tokens))
        if element not in elements.shadow_roots and roles.of(element) == role
    ]
    hidden = any(each.name == "include-hidden" and each.value != "false" for each in conditions)
    if not hidden:
        candidates = [element for element in candidates if element not in roles.hidden]
    for each in conditions:
        if each.name == "name":
            fits = _fits(each, internal=internal)
            candidates = [element for element in candidates if fits(names.of(element))]
        elif each.name != "include-hidden":
            state = _STATES.get(each.name)
            if state is None:
                raise PageError("unsupported_locator", f"{text[:200]!r}: {each.name}")
            wanted = each.value or "true"
            candidates = [element for element in candidates if state(roles, element) == wanted]
    return candidates


def find_label(elements: Elements, wanted: str) -> list[int]:
    """The elements with a label: one of HTML, ``aria-label`` or ``aria-labelledby``.

    Raises: `PageError`, as `texts.matcher` does.
    """
    matches = texts.matcher(wanted, internal=True)
    roles = Roles(elements)
    names, seen = Names(roles), texts.Texts(elements)
    found: list[int] = []
    for element, token in enumerate(elements.tokens):
        attributes = elements.of(element, token)
        referred = roles.referred(element, "aria-labelledby") if attributes else []
        if referred:
            labels = [seen.of(each) for each in referred]
        elif (label := attributes.get("aria-label", "")).strip():
            labels = [texts.Text(texts.normal(label), (label,))]
        else:
            labels = [seen.of(each) for each in names.labels(element)]
        if any(map(matches, labels)):
            found.append(element)
    return found


def find_aria(elements: Elements, text: str) -> list[int]:
    """The elements of Chrome's Recorder: ``Buy`` or ``Buy[role="button"]``.

    Raises: `PageError` "costly_css" if the names of the page are too long.
    """
    given = {
        match[1]: re.sub(r"\\(.)", r"\1", match[2] if match[2] is not None else match[3])
        for match in _ARIA.finditer(text)
    }
    name = texts.normal(given.get("name", _ARIA.sub("", text)))
    roles = Roles(elements)
    names = Names(roles)
    found: list[int] = []
    for element in range(len(elements.tokens)):
        if element in roles.hidden or element in elements.shadow_roots:
            continue
        role = roles.of(element)
        if not role or ("role" in given and role != given["role"]):
            continue
        if names.of(element) == name:
            found.append(element)
    return found


def _conditions(text: str, whole: str) -> list[_Condition]:
    conditions: list[_Condition] = []
    at = 0
    while at < len(text):
        match = _TEST.match(text, at)
        if match is None:
            raise PageError("invalid_css", f"{whole[:200]!r}: no condition at {text[at:][:40]!r}")
        value = match[3] or ""
        if value.startswith("/"):
            raise PageError(
                "unsupported_locator", f"{whole[:200]!r}: a regular expression of JavaScript"
            )
        if value[:1] == '"':
            value = _unquoted(value)
        elif value[:1] == "'":
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        conditions.append(
            _Condition(match[1].lower(), match[2] or "", value, (match[4] or "").lower() == "i")
        )
        at = match.end()
    return conditions


def _unquoted(value: str) -> str:
    """A text in double quotes; Playwright writes it as JSON."""
    try:
        return str(json.loads(value))
    except ValueError:
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)


def _fits(condition: _Condition, *, internal: bool) -> Callable[[str], bool]:
    """A test for a name."""
    wanted, operator = texts.normal(condition.value), condition.operator
    if internal and condition.fold and operator == "=":
        operator = "*="
    if condition.fold:
        wanted = wanted.lower()

    def fits(name: str) -> bool:
        name = name.lower() if condition.fold else name
        if operator == "*=":
            return wanted in name
        if operator == "^=":
            return name.startswith(wanted)
        if operator == "$=":
            return name.endswith(wanted)
        if operator == "~=":
            return wanted in name.split()
        return name == wanted or (operator == "|=" and name.startswith(f"{wanted}-"))

    return fits


# ---- states


def _checked(roles: Roles, element: int) -> str:
    kind = roles.input_type(element) if roles.tag(element) == "input" else ""
    if kind in ("checkbox", "radio"):
        return "true" if States(roles.elements).of("checked", element) else "false"
    if roles.of(element) not in _CHECKED:
        return "false"
    return _TRUTHS.get(roles.get(element, "aria-checked").lower(), "false")


def _selected(roles: Roles, element: int) -> str:
    if roles.tag(element) == "option":
        return "true" if States(roles.elements).of("checked", element) else "false"
    if roles.of(element) not in _SELECTED:
        return "false"
    return "true" if roles.get(element, "aria-selected").lower() == "true" else "false"


def _pressed(roles: Roles, element: int) -> str:
    if roles.of(element) != "button":
        return "false"
    return _TRUTHS.get(roles.get(element, "aria-pressed").lower(), "false")


def _expanded(roles: Roles, element: int) -> str:
    if roles.tag(element) == "details":
        return "true" if roles.has(element, "open") else "false"
    if roles.of(element) not in _EXPANDED or not roles.has(element, "aria-expanded"):
        return ""
    return "true" if roles.get(element, "aria-expanded").lower() == "true" else "false"


def _level(roles: Roles, element: int) -> str:
    if (level := _LEVELS.get(roles.tag(element))) is not None:
        return level
    given = roles.get(element, "aria-level").strip()
    return given if given.isdecimal() and int(given[:9]) > 0 else "0"


def _disabled(roles: Roles, element: int) -> str:
    if States(roles.elements).of("disabled", element):
        return "true"
    at = roles.around(element, lambda each: roles.has(each, "aria-disabled"))
    return "true" if at >= 0 and roles.get(at, "aria-disabled").lower() == "true" else "false"


_STATES: Final[dict[str, Callable[[Roles, int], str]]] = {
    "checked": _checked,
    "selected": _selected,
    "pressed": _pressed,
    "expanded": _expanded,
    "level": _level,
    "disabled": _disabled,
}
