"""Locators of recorders and their tools: Playwright, Selenium IDE, Chrome's Recorder and menus.

Those that amount to CSS, XPath, an attribute, a number or a text of the page are resolved. Those
that need layout, accessible names or scripts (roles, link texts, ``:visible``) are refused as
"unsupported_locator".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from etl.pages.locators import css, texts
from etl.pages.locators.find import find_attribute, find_css, find_xpath
from etl.pages.locators.match import Elements
from etl.pages.page import Page
from schemas.errors import PageError

_ENGINE: Final = re.compile(r"\s*((?:internal:)?[A-Za-z_][\w-]*)(?::light)?=(.*)", re.DOTALL)
_PUPPETEER: Final = re.compile(r"(aria|pierce|text|xpath)/(.*)", re.DOTALL)
_SCRIPT: Final = re.compile(
    r"""\s*document\.querySelector\((?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`)\)\s*;?\s*""",
    re.DOTALL,
)
_PATH: Final = re.compile(r"\s*(?:\(*\s*\.{0,2}/|\.\.\s*$)")
_ATTRIBUTE_ENGINES: Final = {
    "id": "id", "name": "name", "data-testid": "data-testid", "data-test-id": "data-test-id",
    "data-test": "data-test",
}  # fmt: skip
_ATTRIBUTE: Final = re.compile(r"""\[([\w-]+)="((?:[^"\\]|\\.)*)"([is])\]""")
_NOT_CSS: Final = re.compile(
    r":(?:has-text|text|text-is|text-matches|visible|nth-match|right-of|left-of|above|below|near|light|contains|eq|first|"
    r"last|button|input)\b|::-p-|>>>"
)
_TOOLS: Final = frozenset(
    "css xpath text id name nth data-testid data-test-id data-test visible role link linkText "
    "partialLinkText class className tag tagName has-text label title alt placeholder _react _vue "
    "identifier dom implicit control".split()
)


def find_path(page: Page, path: str) -> list[int]:
    """`find_xpath` for a recorder's XPath, which may begin with ``xpath=``.

    Raises: `PageError`, as `find_xpath` does.
    """
    return find_xpath(page, re.sub(r"^\s*xpath(?:=|/(?=[/.(]|id\())", "", path))


def find_selector(page: Page, text: str) -> list[int]:
    """`find_css` for a recorder's selector: CSS, or one of the forms that tools write.

    Raises: `PageError` "unsupported_locator" for one that a recorded page does not decide, and as
    `find_css` and `find_xpath` do.
    """
    if (script := _SCRIPT.fullmatch(text)) is not None:
        given = next(part for part in script.groups() if part is not None)
        return _one(page, re.sub(r"\\(.)", r"\1", given, flags=re.DOTALL))
    parts = _parts(text)
    if len(parts) == 1:
        return _one(page, text)
    matched: list[int] | None = None
    for part in parts:
        matched = _within(page, part, matched)
    return matched or []


def _is_special(text: str) -> bool:
    """Whether a selector is a tool's own form."""
    engine = _ENGINE.fullmatch(text)
    named = engine is not None and (engine[1] in _TOOLS or engine[1].startswith("internal:"))
    return named or bool(
        _PUPPETEER.fullmatch(text) or _PATH.match(text) or _NOT_CSS.search(_unquoted(text))
    )


def _unquoted(text: str) -> str:
    """A selector without its quoted and escaped characters."""
    if "'" not in text and '"' not in text and "\\" not in text:
        return text
    return re.sub(r"""\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""", "", text, flags=re.DOTALL)


def _parts(text: str) -> list[str]:
    """The parts of a Playwright chain, or the whole text if it is not one."""
    if ">>" not in text or ">>>" in text or ">>" not in _unquoted(text):
        return [text]
    parts = [""]
    for piece in re.findall(r"""\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|>>|.""", text, re.DOTALL):
        if piece == ">>":
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def _within(page: Page, part: str, earlier: list[int] | None) -> list[int]:
    """What a part of a chain finds in the elements of the parts before; None: in the page."""
    engine = _ENGINE.fullmatch(part)
    name, value = (engine[1], engine[2].strip()) if engine and _is_special(part) else ("", part)
    if name == "nth" and earlier is not None:
        if not re.fullmatch(r"-?\d{1,9}", value):
            raise PageError("invalid_css", f"{part[:200]!r} is no number")
        return earlier[int(value) :][:1] if int(value) != -1 else earlier[-1:]
    if name == "internal:has-text" and earlier is not None:
        matches = texts.matcher(value, internal=True)
        seen = texts.Texts(Elements(page))
        return [element for element in earlier if matches(seen.of(element))]
    if earlier is None:
        return _one(page, part)
    if name == "xpath" or _PATH.match(part):
        raise _unsupported(part, "an XPath within another selector")
    selector = value if name in ("", "css") else ""
    if (
        selector
        and not _is_special(selector)
        and any(len(chain) > 1 for chain in css.parse(selector))
    ):
        raise _unsupported(part, "a selector of several parts within another one")
    return _inside(page, _one(page, part), earlier)


def _inside(page: Page, elements: Iterable[int], around: list[int]) -> list[int]:
    """Those elements that are inside one of ``around``."""
    parents, wanted = Elements(page).kin.parents, set(around)
    inside: set[int] = set()
    for element, parent in enumerate(parents):
        if parent in wanted or parent in inside:
            inside.add(element)
    return [element for element in elements if element in inside]


def _one(page: Page, text: str) -> list[int]:
    """What one locator finds in the whole page."""
    if (puppeteer := _PUPPETEER.fullmatch(text)) is not None:
        kind, value = puppeteer.groups()
        if kind == "xpath":
            return find_xpath(page, value)
        if kind == "pierce":
            return find_css(page, value)
        raise _unsupported(text, "accessible names" if kind == "aria" else "texts that are entered")
    if not _is_special(text):
        return find_css(page, text)
    engine = _ENGINE.fullmatch(text)
    if _PATH.match(text) or engine is None:
        if _PATH.match(text):
            return find_xpath(page, text)
        raise _unsupported(text, "a pseudo-class of a tool, which wants layout or scripts")
    name, value = engine[1], engine[2].strip()
    if name == "css":
        return _one(page, value) if _NOT_CSS.search(_unquoted(value)) else find_css(page, value)
    if name == "xpath":
        return find_xpath(page, value)
    if name in _ATTRIBUTE_ENGINES:
        return find_attribute(page, _ATTRIBUTE_ENGINES[name], value.strip("\"'"))
    if name in ("text", "internal:text"):
        return texts.find_text(Elements(page), value, internal=name != "text")
    if name in ("internal:testid", "internal:attr"):
        return _by_attribute(page, text, value)
    raise _unsupported(text, "layout, accessible names or scripts")


def _by_attribute(page: Page, text: str, value: str) -> list[int]:
    """Playwright's test ids, titles, placeholders and alternative texts."""
    given = _ATTRIBUTE.fullmatch(value)
    if given is None:
        raise _unsupported(text, "more than one attribute")
    name, wanted, flag = given[1], re.sub(r"\\(.)", r"\1", given[2], flags=re.DOTALL), given[3]
    elements = Elements(page)
    found = [
        (element, elements.of(element, token).get(name.lower()))
        for element, token in page.having("", "")
    ]
    if flag == "s":
        return [element for element, value in found if value == wanted]
    return [
        element for element, value in found if value is not None and wanted.lower() in value.lower()
    ]


def _unsupported(text: str, why: str) -> PageError:
    return PageError(
        "unsupported_locator", f"{text[:200]!r}: a recorded page does not decide {why}"
    )
