"""The label of an element, for the description of an action on it.

Only text that the page shows is a label, because a model that learns to write it must have seen it.
Attributes and text that a browser or the rules leave out do not count. The text of its options is
never the label of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from etl.pages.live import in_document
from etl.pages.page import Page
from etl.pages.prune import Pruner
from etl.pages.rules import PSEUDO_ELEMENT
from etl.pages.text import text_of

LONGEST: Final = 80
"""The most characters of a label; a longer one is cut off."""
_NAMES: Final = ("aria-label", "aria_label")  # attributes that name an element before its text does
_MORE_NAMES: Final = ("title", "placeholder", "alt")
_VALUES: Final = ("value", "name")
_WITH_LABELS: Final = frozenset(("input", "select", "textarea"))
_TYPED: Final = frozenset(("textarea",))
"""Elements whose text is their value."""


def label_of(page: Page, element: int, pruner: Pruner | None = None) -> str:
    """A label of at most 80 characters; empty if there is none.

    pruner: holds the rules by which the page is shown; None: it is shown as recorded.
    """
    token = page.tokens[page.position(element)]
    attributes = token.attributes()
    if pruner is not None:
        attributes = {
            name: value for name, value in attributes.items() if pruner.policy.shows(name, value)
        }
    candidates = _candidates(page, element, attributes, pruner)
    return next(filter(None, map(_line, candidates)), "")


def _candidates(
    page: Page, element: int, attributes: Mapping[str, str], pruner: Pruner | None
) -> Iterator[str]:
    """What may be the label, the best first. attributes: those that are shown."""
    token = page.tokens[page.position(element)]
    typed = token.tag in _TYPED
    for name in _NAMES:
        yield attributes.get(name, "")
    if not typed:
        yield _text(page, element, pruner)
    if token.tag in _WITH_LABELS:
        yield _label_for(page, token.attributes().get("id", ""), pruner)
    for name in _MORE_NAMES:
        yield attributes.get(name, "")
    if typed:
        yield _text(page, element, pruner)
    for name in _VALUES:
        yield attributes.get(name, "")


def _line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:LONGEST]


def _text(page: Page, element: int, pruner: Pruner | None) -> str:
    hidden = frozenset[str]() if pruner is None else pruner.policy.dropped
    text = text_of(page, element, LONGEST * 4, hidden)
    return PSEUDO_ELEMENT.sub(" ", text) if "::" in text else text


def _label_for(page: Page, id: str, pruner: Pruner | None) -> str:
    """The text of the one ``label`` for an id; empty if there are several, or it is not shown."""
    if not id:
        return ""
    elements = in_document(page, page.with_attribute("for", id))
    labels = [at for at in elements if page.tokens[page.position(at)].tag == "label"]
    if len(labels) != 1:
        return ""
    if pruner is not None and not pruner.prune(page, labels[0]).start_tag:
        return ""
    return _text(page, labels[0], pruner)
