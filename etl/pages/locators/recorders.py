"""Locators of recorders and their tools: Playwright, Selenium IDE, Chrome's Recorder and menus.

Those that amount to CSS, XPath, an attribute, a number, a text of the page, a role or a label are
resolved. Those that need layout or scripts (``:visible``, regular expressions) are refused as
"unsupported_locator".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final

from etl.pages.locators import accessible, css, texts
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
_LINKS: Final = {"link": True, "linkText": True, "partialLinkText": False}
"""Selenium's locators of links: whether the text is the whole one."""
_NAMES: Final = {"class": ".", "className": ".", "tag": "", "tagName": ""}
"""Selenium's locators by a name, and what stands before it in CSS."""
_ATTRIBUTE: Final = re.compile(r"""\[([\w-]+)="((?:[^"\\]|\\.)*)"([is]?)\]""")
_NOT_CSS: Final = re.compile(
    r":(?:has-text|text|text-is|text-matches|visible|nth-match|right-of|left-of|above|below|near|light|contains|eq|first|"
    r"last|button|input)\b|::-p-|>>>"
)
_ON_FOUND: Final = frozenset(
    "nth internal:has-text internal:has-not-text internal:has internal:has-not internal:and "
    "internal:or internal:chain internal:describe".split()
)
"""Engines that look at the elements of a chain so far, and not inside them."""

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
    return _chain(page, text, None)


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


def _chain(page: Page, text: str, root: list[int] | None) -> list[int]:
    """What a chain finds.

    root: elements in which it is looked for; None: in the page.
    """
    parts = _parts(text)
    if len(parts) == 1 and root is None:
        return _one(page, text)
    matched: list[int] | None = None
    for part in parts:
        engine = _ENGINE.fullmatch(part)
        name, value = (engine[1], engine[2].strip()) if engine and _is_special(part) else ("", part)
        if name == "internal:control":
            if value != "enter-frame" or matched is None:
                raise _unsupported(part, "what it means")
            root, matched = matched, None
        elif matched is not None and name in _ON_FOUND:
            matched = _of_found(page, name, value, matched, root)
        elif matched is None and root is not None and name in ("", "css"):
            matched = _css_in(page, value, root)
        else:
            matched = _within(page, part, name, root if matched is None else matched)
    return root or [] if matched is None else matched


def _of_found(
    page: Page, name: str, value: str, found: list[int], root: list[int] | None
) -> list[int]:
    """What is left of the elements of a chain so far, or what comes to them."""
    if name == "nth":
        if not re.fullmatch(r"-?\d{1,9}", value):
            raise PageError("invalid_css", f"nth={value[:200]!r} is no number")
        return found[int(value) :][:1] if int(value) != -1 else found[-1:]
    if name in ("internal:has-text", "internal:has-not-text"):
        matches = texts.matcher(value, internal=True)
        seen = texts.Texts(Elements(page))
        wanted = name == "internal:has-text"
        return [element for element in found if matches(seen.of(element)) is wanted]
    if name == "internal:describe":
        return found
    inner = _selector_in(value)
    if name == "internal:chain":
        return _chain(page, inner, found)
    if name in ("internal:has", "internal:has-not"):
        parents = Elements(page).kin.parents
        around: set[int] = set()
        for element in _chain(page, inner, found):
            at = parents[element]
            while at >= 0 and at not in around:
                around.add(at)
                at = parents[at]
        return [element for element in found if (element in around) is (name == "internal:has")]
    others = set(_chain(page, inner, root))
    if name == "internal:and":
        return [element for element in found if element in others]
    return sorted(others.union(found))


def _selector_in(value: str) -> str:
    """The selector within another one, which Playwright writes as JSON.

    Raises: `PageError` "invalid_css" if it is none.
    """
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        inner = None
    if not isinstance(inner, str):
        raise PageError("invalid_css", f"{value[:200]!r} is no selector as JSON")
    return inner


def _within(page: Page, part: str, name: str, earlier: list[int] | None) -> list[int]:
    """What a part of a chain finds in the elements of the parts before; None: in the page."""
    if earlier is None:
        return _one(page, part)
    if name == "xpath" or _PATH.match(part):
        raise _unsupported(part, "an XPath within another selector")
    selector = part.partition("=")[2].strip() if name == "css" else "" if name else part
    if (
        selector
        and not _is_special(selector)
        and any(len(chain) > 1 for chain in css.parse(selector))
    ):
        raise _unsupported(part, "a selector of several parts within another one")
    return _inside(page, _one(page, part), earlier)


def _css_in(page: Page, selector: str, root: list[int]) -> list[int]:
    """What a CSS selector finds in the pages of frames, or within elements."""
    if _is_special(selector):
        return _inside(page, _one(page, selector), root)
    elements = Elements(page)
    return sorted(elements.select_in(css.parse(selector), _descendants(elements, root)))


def _inside(page: Page, elements: Iterable[int], around: list[int]) -> list[int]:
    """Those elements that are inside one of ``around``."""
    inside = _descendants(Elements(page), around)
    return [element for element in elements if element in inside]


def _descendants(elements: Elements, around: Iterable[int]) -> set[int]:
    """The elements inside of some."""
    wanted = set(around)
    inside: set[int] = set()
    for element, parent in enumerate(elements.kin.parents):
        if parent in wanted or parent in inside:
            inside.add(element)
    return inside


def _one(page: Page, text: str) -> list[int]:
    """What one locator finds in the whole page."""
    if (puppeteer := _PUPPETEER.fullmatch(text)) is not None:
        kind, value = puppeteer.groups()
        if kind == "xpath":
            return find_xpath(page, value)
        if kind == "pierce":
            return find_css(page, value)
        if kind == "text":
            return texts.find_innermost(Elements(page), value)
        return accessible.find_aria(Elements(page), value)
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
    if name in _LINKS:
        return texts.find_link(Elements(page), value, whole=_LINKS[name])
    if name in _NAMES and re.fullmatch(r"[A-Za-z_][\w-]*", value):
        return find_css(page, _NAMES[name] + value)
    if name in ("text", "internal:text"):
        return texts.find_text(Elements(page), value, internal=name != "text")
    if name in ("internal:testid", "internal:attr"):
        return _by_attribute(page, text, value)
    if name in ("role", "internal:role"):
        return accessible.find_role(Elements(page), value, internal=name != "role")
    if name == "internal:label":
        return accessible.find_label(Elements(page), value)
    raise _unsupported(text, "layout or scripts")


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
    if flag != "i":
        return [element for element, value in found if value == wanted]
    return [
        element for element, value in found if value is not None and wanted.lower() in value.lower()
    ]


def _unsupported(text: str, why: str) -> PageError:
    return PageError(
        "unsupported_locator", f"{text[:200]!r}: a recorded page does not decide {why}"
    )
