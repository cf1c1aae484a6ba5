"""The fields of a page: which one is the same on another page, and what it holds."""

from __future__ import annotations

import re
from typing import Final

from etl.pages import locators
from etl.pages.live import in_document
from etl.pages.page import Page
from etl.pages.text import text_of
from etl.pages.tokens import END, START, Token

_NAMES: Final = ("id", "name", "data-testid", "aria-label", "placeholder")
"""Attributes that tell a field on two pages, the surest first."""

_BOXES: Final = frozenset(("checkbox", "radio"))
_LONGEST: Final = 4000  # characters of a value that are looked at
_SIGNS: Final = re.compile(r"[\W_]+")


def same_field(page: Page, element: int, other: Page) -> int:
    """The element of another page that is the same field; -1 if none is for certain.

    It has the same name of some kind, or the same place in a page of as many elements.
    """
    token = page.tokens[page.position(element)]
    attributes = token.attributes()
    named = False
    for name in _NAMES:
        value = attributes.get(name, "")
        if not value or len(_called(page, token.tag, name, value)) != 1:
            continue
        named = True
        there = _called(other, token.tag, name, value)
        if len(there) == 1:
            return there[0]
        if name == "id":  # a field with another id is another field
            return -1
    if named or page.elements != other.elements:
        return -1
    twin = other.tokens[other.position(element)]
    return element if twin.tag == token.tag and _kept(twin) == _kept(token) else -1


def _kept(token: Token) -> dict[str, str]:
    """The attributes that stay when a field is filled."""
    changing = ("value", "class", "style", "checked", *_NAMES[2:])
    return {name: text for name, text in token.attributes().items() if name not in changing}


def _called(page: Page, tag: str, name: str, value: str) -> list[int]:
    found = in_document(page, locators.find_attribute(page, name, value))
    return [each for each in found if page.tokens[page.position(each)].tag == tag]


def is_secret(token: Token) -> bool:
    """Whether a field never shows what is typed."""
    attributes = token.attributes()
    hints = " ".join(
        attributes.get(name, "") for name in ("type", "autocomplete", "name", "id")
    ).lower()
    return token.tag == "input" and any(word in hints for word in ("password", "passwd", "file"))


def held(page: Page, element: int) -> str | None:
    """What a field holds: text, the chosen options, ``on`` for a ticked box; None for no field."""
    position = page.position(element)
    token = page.tokens[position]
    attributes = token.attributes()
    if token.tag == "input":
        kind = attributes.get("type", "").lower()
        if kind in _BOXES:
            return "on" if "checked" in attributes else ""
        return attributes.get("value", "")[:_LONGEST]
    if token.tag == "textarea":
        return (token.text or attributes.get("value", ""))[:_LONGEST]
    if token.tag == "select":
        return chosen(page, position)
    if attributes.get("contenteditable", "false").lower() != "false":
        return text_of(page, element, _LONGEST)
    return None


def chosen(page: Page, position: int, *, every: bool = False) -> str:
    """The texts of the options that are marked as chosen, and their values, a line each.

    position: place of the list in ``tokens``. every: of those that are not marked too.
    """
    parts: list[str] = []
    for place in range(position + 1, len(page.tokens)):
        token = page.tokens[place]
        if token.kind == END and token.tag == "select":
            break
        if token.kind == START and token.tag == "option":
            attributes = token.attributes()
            if every or "selected" in attributes:
                parts += [" ".join(token.text.split()), attributes.get("value", "")]
    return "\n".join(part for part in parts if part)


def plain(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return _SIGNS.sub("", text.casefold())


def alike(typed: str, shown: str) -> bool:
    """Whether a field may show this after that was typed: masks, cuts and suggestions allowed."""
    if typed.strip() == shown.strip():
        return True
    one, other = plain(typed), plain(shown)
    if not one or not other:
        return False
    return one in other or other in one or sorted(one) == sorted(other)
