"""What faults do to the steps of a recording and their pages, for `tests.planted.lint`."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlsplit

from etl.pages.page import Page
from etl.pages.reading import read
from etl.stages import targets
from schemas.workflow import Step

Steps = list[Step]
LETTERS: Final = "bcdfghjklmnprstvwz"


def element(step: Step, page: Page | None = None) -> int:
    """The target of a step, in its own page or another one; -1 if it is not there, or the recording
    says that the action failed: then it contradicts nothing.
    """
    if not step.target or not step.has_page or step.error:
        return -1
    return targets.find(page or read(step.html), step.target)[2]


def word(rng: random.Random) -> str:
    """A word that no page has."""
    return "".join(rng.choice(LETTERS) + rng.choice("aeiou") for _ in range(5))


def span(html: str, at: int) -> tuple[int, int]:
    """Where the start tag of an element stands in its page; (-1, -1) if that is not certain."""
    page = read(html)
    markup = page.tokens[page.position(at)].markup
    before = sum(page.tokens[page.position(each)].markup == markup for each in range(at))
    place = -1
    for _ in range(before + 1):
        place = html.find(markup, place + 1)
    return (place, place + len(markup)) if place >= 0 else (-1, -1)


def with_attributes(html: str, at: int, extra: str) -> str:
    """A page with more in a start tag; empty if it cannot be done."""
    start, end = span(html, at)
    if start < 0:
        return ""
    close = end - 2 if html[end - 2 : end] == "/>" else end - 1
    made = f"{html[:close]} {extra}{html[close:]}"
    page = read(made)
    name = re.split(r"[=\s]", extra)[0]
    good = page.elements == read(html).elements
    return made if good and name in page.tokens[page.position(at)].attributes() else ""


def with_value(html: str, at: int, name: str, value: str) -> str:
    """A page in which an attribute of an element is another; empty if it cannot be done."""
    start, end = span(html, at)
    if start < 0:
        return ""
    tag, count = re.subn(
        rf"(\s{name}\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s>]+)", rf'\g<1>"{value}"', html[start:end]
    )
    return html[:start] + tag + html[end:] if count == 1 else ""


def attributes(step: Step) -> dict[str, str]:
    """Of a step's target."""
    page = read(step.html)
    return page.tokens[page.position(element(step))].attributes()


def tag(step: Step) -> str:
    """Of a step's target."""
    page = read(step.html)
    return page.tokens[page.position(element(step))].tag


def place(url: str) -> tuple[str, str]:
    """Host and path."""
    parts = urlsplit(url)
    return parts.netloc, parts.path


def choices(rng: random.Random, steps: Steps, fits: Callable[[int], bool]) -> list[int]:
    """The places that fit, in any order."""
    places = [at for at in range(len(steps)) if fits(at)]
    rng.shuffle(places)
    return places


def changed(steps: Sequence[Step], at: int, **fields: object) -> Steps:
    """The steps with another one at a place."""
    return [*steps[:at], steps[at].with_fields(**fields), *steps[at + 1 :]]


def by_id(step: Step) -> bool:
    """Whether every locator names the element by an id."""
    return all(each.kind in ("attribute", "node", "ref") for each in step.target)


USED: Final = frozenset("click double_click type clear".split())


def usable(step: Step) -> bool:
    """Whether the action needs to see its element, and it is no box or list."""
    if element(step) < 0 or step.error or step.action.kind not in USED:
        return False
    kind = attributes(step).get("type", "").lower()
    return tag(step) not in ("select", "option") and kind not in ("checkbox", "radio", "file")


def shows(steps: Steps, at: int) -> str:
    """The attribute or text of the field in the next page that shows what a step types."""
    step = steps[at]
    if step.action.kind != "type" or len(step.action.value) < 4 or at + 1 >= len(steps):
        return ""
    if element(step) < 0 or not steps[at + 1].has_page or tag(step) != "input":
        return ""
    page = read(steps[at + 1].html)
    there = element(step, page)
    if there < 0 or attributes(step).get("type", "text") in ("password", "checkbox", "radio"):
        return ""
    field = page.tokens[page.position(there)].attributes()
    return "value" if field.get("value", "") == step.action.value else ""
