"""Locators: the elements of a page that a CSS selector, an XPath, an attribute or a tag names.

The judge is the browser that recorded the page: Chromium, for an HTML document. Locators are looked
up in the page's tokens, in time linear in the page. Only XPaths need a tree, one of libxml2 made of
the same tokens, so that nodes and positions agree with the pruner's. An XPath that would take
libxml2 minutes is refused, by a bound on the nodes that it looks at.

Ways to find elements enter here. The room imports `etl.pages` and `schemas`, and lxml for the tree.
"""

from etl.pages.locators.css import LOCATOR_LIMIT
from etl.pages.locators.find import find_attribute, find_css, find_markup, find_xpath
from etl.pages.locators.match import CSS_LIMIT, Elements
from etl.pages.locators.recorders import find_path, find_selector
from etl.pages.locators.unique import Door, Found, Unique
from etl.pages.locators.xpath import XPATH_LIMIT

__all__ = [
    "CSS_LIMIT",
    "LOCATOR_LIMIT",
    "XPATH_LIMIT",
    "Door",
    "Elements",
    "Found",
    "Unique",
    "find_attribute",
    "find_css",
    "find_markup",
    "find_path",
    "find_selector",
    "find_xpath",
]
