"""The annotations of a template: which element of the page was marked for which field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from etl.inputs.columns import Fields
from etl.inputs.documents.elements import Element, elements
from etl.inputs.markup import Markup
from schemas.workflow import Locator

MARK: Final = "data-scrapy-annotate"
_PREFIX: Final = "data-scrapy-"
_MARKERS: Final = re.compile(
    r"""\sdata-scrapy-[\w-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?(?=[^<>]*>)"""
)
_NO_FIELD: Final = "#dummy"


class Mark(NamedTuple):
    """One annotation."""

    # the field's name, or its id where no schema names it
    field: str
    # of the element, which is extracted: `content` is its text
    attribute: str
    # locators of the element, best first; empty for a part of a text
    target: tuple[Locator, ...]
    # which of the page's elements it is; -1: the locators say
    place: int = -1


def without_markers(html: str) -> str:
    """A page without the attributes that Portia puts on what was marked."""
    return _MARKERS.sub("", html) if _PREFIX in html else html


def of_page(original: str, annotated: str) -> Iterator[Mark]:
    """The annotations that stand in the page, in document order.

    Portia puts an element ``ins`` around a marked part of a text. Without these, the annotated page
    has the same elements as the original; if it has not, the start tag must be unique.
    """
    marked = [each for each in elements(annotated) if not _is_made(each)]
    pages = elements(original)
    same = [each.tag for each in marked] == [each.tag for each in pages]
    for place, each in enumerate(marked):
        if MARK in each.markup:
            target = (
                (Locator("node", str(len(pages) - 1 - place)),) if same else (_start_tag(each),)
            )
            for attribute, field in _fields(each.attributes().get(MARK, "")):
                yield Mark(field, attribute, target, place)
    for each in elements(annotated):
        if _is_made(each):
            for attribute, field in _fields(each.attributes().get(MARK, "")):
                yield Mark(field, attribute, ())


def of_plugin(extracts: list[Any], names: Mapping[str, str]) -> Iterator[Mark]:
    """The annotations that are kept apart from the page, in order; containers are none.

    Each selector that was accepted is an element that somebody marked. names: field id -> name.
    """
    for extract in extracts:
        if not isinstance(extract, dict) or extract.get("item_container") is True:
            continue
        for attribute, field in _data(extract):
            for target in _targets(extract):
                yield Mark(names.get(field, field), attribute, target)


def _targets(extract: Fields) -> list[tuple[Locator, ...]]:
    accepted = extract.get("accept_selectors")
    texts = [each for each in accepted if isinstance(each, str) and each] if accepted else []
    if len(texts) > 1:
        return [(Locator("css", each),) for each in texts]
    css, xpath = extract.get("selector"), extract.get("xpath")
    found = [Locator("css", each) for each in texts]
    found += [Locator("css", css)] if isinstance(css, str) and css else []
    found += [Locator("xpath", xpath)] if isinstance(xpath, str) and xpath else []
    return [tuple(dict.fromkeys(found))]


def _data(extract: Fields) -> Iterator[tuple[str, str]]:
    """(attribute, field) of an annotation, from its ``data`` or its older ``annotations``."""
    data, old = extract.get("data"), extract.get("annotations")
    if isinstance(data, dict):
        entries = [each for each in data.values() if isinstance(each, dict)]
    elif isinstance(old, dict):
        entries = [
            entry if isinstance(entry, dict) else {"attribute": attribute, "field": entry}
            for attribute, given in old.items()
            for entry in (given if isinstance(given, list) else [given])
        ]
    else:
        entries = []
    for entry in entries:
        attribute, field = entry.get("attribute"), entry.get("field")
        if isinstance(field, str) and field not in ("", _NO_FIELD):
            yield attribute if isinstance(attribute, str) else "content", field


def _is_made(element: Element) -> bool:
    """Whether Portia made an element, to mark a part of a text."""
    if element.tag != "ins" or MARK not in element.markup:
        return False
    return bool(_parsed(element.attributes().get(MARK, "")).get("generated"))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """(attribute, field) of a mark in the page."""
    given = _parsed(text).get("annotations")
    for attribute, field in given.items() if isinstance(given, dict) else ():
        if isinstance(field, str) and field not in ("", _NO_FIELD):
            yield attribute, field


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except (orjson.JSONDecodeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _start_tag(element: Element) -> Locator:
    """An element's start tag, as it was before it was marked."""
    markup = Markup()
    kept = [(k, v) for k, v in element.attributes().items() if not k.startswith(_PREFIX)]
    markup.start(element.tag, kept)
    return Locator("markup", markup.html())
