"""Elements by their text, by the rules of Playwright, Puppeteer and Selenium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cached_property
from typing import Final, NamedTuple

from etl.pages.locators.match import Elements
from schemas.errors import PageError

_SKIPPED: Final = frozenset(("script", "noscript", "style"))
_TEXT_LIMIT: Final = 3e7  # characters, each counted once for every element around it


class Text(NamedTuple):
    """The text of an element."""

    # all of it, with white space collapsed
    normal: str
    # its own texts, without those of the elements inside it
    own: tuple[str, ...]


class Texts:
    """The texts of the elements of a page."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements

    @cached_property
    def _last(self) -> list[int]:
        """Of each element the last one inside it."""
        last = list(range(len(self.elements.tokens)))
        for element in range(len(last) - 1, -1, -1):
            if (parent := self.elements.kin.parents[element]) >= 0:
                last[parent] = max(last[parent], last[element])
        return last

    @cached_property
    def _skipped(self) -> set[int]:
        """Elements whose text does not count: scripts, styles, and all in the head."""
        skipped: set[int] = set()
        for element, token in enumerate(self.elements.tokens):
            parent = self.elements.kin.parents[element]
            if token.tag in _SKIPPED or token.tag == "head" or parent in skipped:
                skipped.add(element)
        return skipped

    @cached_property
    def _runs(self) -> dict[int, list[tuple[int, str]]]:
        """Element -> the texts after it and before the next one, each with its parent."""
        runs: dict[int, list[tuple[int, str]]] = {}
        for before, owner, text in self.elements.texts:
            runs.setdefault(before, []).append((owner, text))
        return runs

    def of(self, element: int) -> Text | None:
        """The text of an element; None if it does not count."""
        if element in self._skipped:
            return None
        token = self.elements.tokens[element]
        if token.tag == "input" and self.elements.of(element).get("type", "").lower() in (
            "submit",
            "button",
        ):
            value = self.elements.of(element).get("value", "")
            return Text(normal(value), (value,) if value else ())
        whole: list[str] = []
        own: dict[int, str] = {}
        for before in range(element, self._last[element] + 1):
            for owner, text in self._runs.get(before, ()):
                if owner >= element and owner not in self._skipped:
                    whole.append(text)
                    if owner == element:
                        own[before] = own.get(before, "") + text
        return Text(normal("".join(whole)), tuple(own.values()))


def normal(text: str) -> str:
    """A text with white space collapsed."""
    return " ".join(re.sub("[\u200b\u00ad]", "", text).split())


Matcher = Callable[[Text | None], bool]


def matcher(wanted: str, *, internal: bool) -> Matcher:
    """A test for the text of Playwright's selectors.

    A text in quotes is matched exactly, any other as a part of the text without regard to case.

    Raises: `PageError` "unsupported_locator" for a regular expression.
    """
    if wanted.startswith("/") and wanted.rfind("/") > 0:
        raise PageError(
            "unsupported_locator", f"{wanted[:200]!r}: a regular expression of JavaScript"
        )
    exact = len(wanted) > 1 and wanted[0] == wanted[-1] and wanted[0] in "\"'"
    if internal and (quoted := re.fullmatch(r'("(?:[^"\\]|\\.)*")([is]?)', wanted, re.DOTALL)):
        exact, wanted = quoted[2] != "i", str(json.loads(quoted[1]))
    elif exact:
        wanted = re.sub(r"\\(.)", r"\1", wanted[1:-1], flags=re.DOTALL)
    wanted = normal(wanted)
    if not exact:
        low = wanted.lower()
        return lambda text: text is not None and low in text.normal.lower()
    if internal:
        return lambda text: text is not None and text.normal == wanted
    return lambda text: (
        text is not None
        and (any(normal(own) == wanted for own in text.own) or not (wanted or text.own))
    )


def find_text(elements: Elements, wanted: str, *, internal: bool) -> list[int]:
    """The innermost elements with a text; if it is in quotes, all that have it as their own text.

    Raises: `PageError` "costly_css" if the page is too large for that, and as `matcher` does.
    """
    matches = matcher(wanted, internal=internal)
    texts = _affordable(elements, wanted)
    matched = [element for element in range(elements.page.elements) if matches(texts.of(element))]
    if not internal and len(wanted) > 1 and wanted[0] == wanted[-1] and wanted[0] in "\"'":
        return matched
    return _innermost(elements, matched)


def find_innermost(elements: Elements, wanted: str) -> list[int]:
    """The innermost elements that have a text as a part of theirs, as Puppeteer finds them.

    What is entered in a field of text is not in a recorded page, so such a field has no text.

    Raises: `PageError` "costly_css", as `find_text` does.
    """
    texts, wanted = _affordable(elements, wanted), normal(wanted)
    found = ((element, texts.of(element)) for element in range(elements.page.elements))
    matched = [
        element for element, text in found if wanted and text is not None and wanted in text.normal
    ]
    return _innermost(elements, matched)


def find_link(elements: Elements, wanted: str, *, whole: bool) -> list[int]:
    """The links with a text, as Selenium finds them.

    It takes the text as it is shown. A link whose text is shown otherwise than it is written is
    not found.

    whole: whether it is all of the link's text, or a part of it.

    Raises: `PageError` "costly_css", as `find_text` does.
    """
    texts, wanted = _affordable(elements, wanted), normal(wanted)
    found: list[int] = []
    for element, token in enumerate(elements.tokens):
        text = texts.of(element) if token.tag == "a" and wanted else None
        if text is not None and (text.normal == wanted if whole else wanted in text.normal):
            found.append(element)
    return found


def _affordable(elements: Elements, wanted: str) -> Texts:
    """The texts of a page, unless it is too large for a look at all of them."""
    sizes = sum(len(text) for _, _, text in elements.texts) / max(elements.page.elements, 1)
    if sizes * elements.kin.pairs_around > _TEXT_LIMIT or elements.kin.pairs_around > _TEXT_LIMIT:
        raise PageError("costly_css", f"text {wanted[:200]!r} on {elements.page.elements} elements")
    return Texts(elements)


def _innermost(elements: Elements, matched: list[int]) -> list[int]:
    """Those elements that are not right around another of them."""
    around = {elements.kin.parents[element] for element in matched}
    return [element for element in matched if element not in around]
