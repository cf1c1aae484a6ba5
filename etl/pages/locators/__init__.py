"""Locators: which elements of a page a CSS selector, an XPath, an attribute or a start tag names.

They are judged as the browser would that recorded the page: Chromium, for an HTML document. What
recorders write is looked up in the page's tokens, in time linear in the page. XPaths, and they
alone, want a tree: one of libxml2, made of the same tokens, so that nodes and positions agree with
the pruner's. What would take libxml2 minutes is foreseen, by bounds on the nodes that it looks at,
and refused.
"""

from etl.pages.locators.css import LOCATOR_LIMIT
from etl.pages.locators.find import find_attribute, find_css, find_markup, find_xpath
from etl.pages.locators.match import CSS_LIMIT, Elements
from etl.pages.locators.recorders import find_path, find_selector
from etl.pages.locators.xpath import XPATH_LIMIT

__all__ = [
    "CSS_LIMIT",
    "LOCATOR_LIMIT",
    "XPATH_LIMIT",
    "Elements",
    "find_attribute",
    "find_css",
    "find_markup",
    "find_path",
    "find_selector",
    "find_xpath",
]
