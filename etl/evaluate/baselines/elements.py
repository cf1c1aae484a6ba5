"""The elements of a prompt's page that one can act on, as a baseline sees them: from its text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from etl.pages import axtree
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.text import text_of
from tokenization.prompt import REPEATS, step_text

_START: Final = re.compile(r"\nObservation:[ \n]")
_GUIDE: Final = "\nStep-by-step guide:\n"
_STEP: Final = re.compile(r"(?m)^\d+\.\n(?=Description: )")
_FIELD: Final = re.compile(r"(?m)^(Description|Action|Node|Target): ?(.*)$")
_NODE: Final = re.compile(r' node="\d+"')

_ROLE: Final = re.compile(r"(?:[-*+|]\s*)*(?:\[[^\]]*\]:?\s*|\d+:\s*)?<?([A-Za-z][\w-]*)")
"""The role or tag that a line begins with, behind its id."""

_TAGS: Final = frozenset("a button input select textarea option summary label".split())
_ROLES: Final = frozenset(
    "button checkbox combobox link listbox menuitem menuitemcheckbox menuitemradio option radio "
    "searchbox slider spinbutton switch tab textbox treeitem".split()
)
_TYPED: Final = frozenset(("textarea", "textbox", "searchbox", "spinbutton"))
_CLICKED: Final = frozenset("button checkbox color file image radio range reset submit".split())
_SAYING: Final = ("aria-label", "aria_label", "placeholder", "title", "alt", "value", "name")
_WORDS: Final = {"click": "Click", "type": "Type", "select": "Select"}
_LONGEST: Final = 200
"""The most characters of an element's text."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a page."""

    # as answers give it
    id: str
    # its tag, or its role in a page that is a text
    tag: str
    # its start tag or line
    html: str
    # what it says, with its attributes
    text: str
    # what one does with it: click, type or select
    kind: str

    def answer(self, number: int, kind: str = "", repeats: int = REPEATS) -> str:
        """The step that acts on it, as training writes steps."""
        kind = kind or self.kind
        said = " ".join(self.text.split())[:60]
        said = f'"{said}"' if said else f"the {self.tag}"
        description = f"{_WORDS.get(kind, kind.capitalize())} {said}"
        return step_text(number, description, kind, self.id, self.html, repeats)


def parts_of(messages: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    """The page and the steps before, as texts, of a prompt."""
    user = messages[-1]["content"] if messages else ""
    start = _START.search(user)
    if start is None:
        return "", ""
    end = user.find(_GUIDE, start.end() - 1)
    return user[start.end() : end], user[end + len(_GUIDE) :] if end >= 0 else ""


def elements(page: str) -> list[Element]:
    """The elements that one can act on, in document order; all of them if there is none."""
    if not page.strip():
        return []
    if not _NODE.search(page):
        return _lines(page)
    seen = read(page)
    every = [_element(seen, at) for at in range(seen.elements)]
    found = [each for each in every if each is not None]
    return [each for each, acts in found if acts] or [each for each, _ in found]


def _element(page: Page, at: int) -> tuple[Element, bool] | None:
    """An element, and whether one can act on it; None if it has no node id."""
    token = page.tokens[page.position(at)]
    attributes = token.attributes()
    node = attributes.get("node")
    if node is None:
        return None
    role, kind_of_input = attributes.get("role", ""), attributes.get("type", "text").lower()
    acts = token.tag in _TAGS or role in _ROLES
    if token.tag == "input" and kind_of_input == "hidden":
        acts = False
    kind = "click"
    if token.tag == "select":
        kind = "select"
    elif (
        token.tag in _TYPED
        or role in _TYPED
        or (token.tag == "input" and kind_of_input not in _CLICKED)
    ):
        kind = "type"
    text = ""
    if acts:
        said = [attributes[name] for name in _SAYING if attributes.get(name)]
        text = " ".join(dict.fromkeys([text_of(page, at, _LONGEST), *said])).strip()
    return Element(node, token.tag, token.markup, text, kind), acts


def _lines(page: str) -> list[Element]:
    tree = axtree.read(page)
    found = []
    for at in range(len(tree.lines)):
        line = tree.line(at)
        hit = _ROLE.match(line)
        role = hit[1].lower() if hit else ""
        id = tree.id(at) or str(tree.node(at))
        kind = "type" if role in _TYPED else "click"
        found.append((Element(id, role, line, line.strip(), kind), role in _ROLES | _TAGS))
    return [each for each, acts in found if acts] or [each for each, _ in found]


def last_step(history: str) -> dict[str, str]:
    """The fields of the last step before; empty if there is none."""
    starts = [*_STEP.finditer(history)]
    return dict(_FIELD.findall(history[starts[-1].end() :])) if starts else {}


def again(number: int, last: Mapping[str, str], there: Sequence[Element], repeats: int) -> str:
    """The last step once more; on the element with the same start tag, if the page has it."""
    target = last.get("Target", "")
    bare = _NODE.sub("", target)
    same = next((each for each in there if target and _NODE.sub("", each.html) == bare), None)
    id, html = (same.id, same.html) if same else (last.get("Node", "").split(" ")[0], target)
    kind = last.get("Action", "")
    return step_text(number, last.get("Description", ""), kind, id, html, repeats)
