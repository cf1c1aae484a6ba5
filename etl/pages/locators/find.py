"""The elements of a page by attribute, start tag, CSS selector and XPath."""

from __future__ import annotations

from itertools import compress

from etl.pages.doctype import QUIRKS
from etl.pages.locators import css, xpath
from etl.pages.locators.match import Elements
from etl.pages.locators.tree import tree_of
from etl.pages.page import Page
from etl.pages.reading import read
from schemas.errors import PageError


def find_attribute(page: Page, name: str, value: str) -> list[int]:
    """The indices of the elements whose attribute ``name`` is exactly ``value``."""
    return page.with_attribute(name, value)


def find_markup(page: Page, markup: str) -> list[int]:
    """The indices of the elements with this start tag, in any order and quotes of attributes.

    Raises: `PageError` "invalid_markup" if ``markup`` is not a start tag.
    """
    wanted = next((token for token in read(markup.strip()).tokens if token.element), None)
    if wanted is None:
        raise PageError("invalid_markup", f"{markup[:200]!r} is not a start tag")
    attributes = wanted.attributes()
    elements = enumerate(compress(page.tokens, page.flags))
    return [
        element
        for element, token in elements
        if token.tag == wanted.tag and token.attributes() == attributes
    ]


def find_css(page: Page, selector: str) -> list[int]:
    """The indices of the elements that a CSS selector matches, in document order.

    A page without a document type may have lost it, so standards mode is tried first, which nearly
    all pages have; if that finds nothing, quirks mode.

    Raises: `PageError` "invalid_css" for an error in Chromium, "unsupported_locator" for a selector
    that a recorded page does not decide, "costly_css" for one that would take minutes on this page.
    """
    chains = css.parse(selector)
    matched = Elements(page, quirks=page.mode == QUIRKS).select(chains)
    if not matched and not page.mode and css.has_names(chains):
        matched = Elements(page, quirks=True).select(chains)
    return sorted(matched)


def find_xpath(page: Page, path: str) -> list[int]:
    """The indices of the elements that an XPath selects, in document order.

    Raises: `PageError` "invalid_xpath" for an XPath that is malformed or selects anything else,
    "unsupported_locator" for one that a recorded page does not decide, "costly_xpath" for one that
    would take libxml2 minutes on this page.
    """
    return xpath.find_xpath(tree_of(page), path)
