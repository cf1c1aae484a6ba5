"""What lint sees of a step: its page, its element, and what they say. Pages are not held."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import xxhash

from etl.pages import axtree
from etl.pages.labels import label_of
from etl.pages.locators.kin import kin
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import Token
from etl.stages import targets
from schemas.draft import StepDraft
from schemas.utf8 import utf8_of
from schemas.workflow import Locator

LONGEST: Final = 200
"""Characters of a piece of evidence."""


class Target(NamedTuple):
    """The element of an action."""

    tag: str
    attributes: dict[str, str]
    label: str
    # start tags around it, the innermost first
    around: tuple[tuple[str, dict[str, str]], ...]


class Sight:
    """A step among the others of its workflow."""

    def __init__(self, step_draft: StepDraft, at: int) -> None:
        self.draft = step_draft
        self.step = step_draft.step
        self.action = step_draft.step.action
        # its place among the steps that the stages left
        self.at = at

    @property
    def is_text(self) -> bool:
        """Whether its page is a text, a line an element."""
        return self.draft.observed == "axtree"

    @property
    def seen(self) -> bool:
        """Whether it has a page of either kind."""
        return self.step.has_page or bool(self.step.axtree)

    @property
    def page(self) -> Page | None:
        """Its page; None if it has none, or one as text."""
        return read(self.step.page) if self.step.has_page else None

    @cached_property
    def digest(self) -> bytes:
        """Hash of its page; empty if it has none."""
        if self.step.has_page:
            return xxhash.xxh3_128_digest(self.step.utf8)
        text = self.step.axtree
        return xxhash.xxh3_128_digest(utf8_of(text)) if text else b""

    @property
    def located(self) -> bool:
        """Whether its element was found in its page."""
        return self.draft.element >= 0

    @cached_property
    def lost(self) -> bool:
        """Whether its locators find nothing in a page that has elements."""
        return self.draft.reason == "target_absent" or (
            self.draft.element < 0 and self.has_target and self.find_in(self) == "target_absent"
        )

    @property
    def has_target(self) -> bool:
        """Whether it has a locator."""
        return bool(self.step.target)

    def find_in(self, other: Sight) -> str:
        """Why its element is not in another step's page; empty if it is there."""
        target: tuple[Locator, ...] = self.step.target
        if other.is_text:
            return targets.find_line(axtree.read(other.step.axtree), target)[0]
        page = other.page
        if page is None or not page.elements:
            return "empty_page"
        return targets.find(page, target)[0]

    @cached_property
    def target(self) -> Target | None:
        """Its element; None if it is not found, or is a line of a text."""
        page = self.page
        if not self.located or page is None or self.is_text:
            return None
        element = self.draft.element
        token = page.tokens[page.position(element)]
        parents = kin(page).parents
        around = []
        at = parents[element]
        while at >= 0:
            each = page.tokens[page.position(at)]
            around.append((each.tag, _attributes(each)))
            at = parents[at]
        return Target(token.tag, _attributes(token), label_of(page, element), tuple(around))

    @cached_property
    def label(self) -> str:
        """The name of its element, as people see it; empty if it is not known."""
        if self.is_text and self.located:
            return axtree.read(self.step.axtree).label(self.draft.element)
        return self.target.label if self.target is not None else ""


@lru_cache(2**12)
def _attributes(token: Token) -> dict[str, str]:
    """The attributes of a start tag, not to be changed: steps of one page have the same around."""
    return token.attributes()


def bounded(text: str) -> str:
    """A text as evidence, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def short(text: str, most: int = 60) -> str:
    """A piece of a text for evidence."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
