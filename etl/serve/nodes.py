"""The elements of an observation: node id -> what it is, and how a browser finds it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from etl.pages.labels import label_of
from etl.pages.page import Page
from etl.pages.prune import Pruner

if TYPE_CHECKING:
    from etl.pages.locators import Door, Found, Unique

_LINE: Final = re.compile(r"^([0-9]+) .*", re.MULTILINE)
"""A line of a compact observation, and its node id."""
_VALUE: Final = r"""(?:"[^"]*"|'[^']*')"""
_START_TAG: Final = re.compile(
    rf"""<[^\s<>/"'=]+(?: [^\s<>"'=]+={_VALUE})*? node="([0-9]+)"(?:{_VALUE}|[^<>"'])*>"""
)
"""A start tag of an observation, and its node id; no value can look like one."""


@dataclass(frozen=True)
class Node:
    """An element of an observation.

    CSS and XPath find it, and nothing else, in the page that was observed, as long as that has not
    changed. Where `doors` are not empty it is in a frame or in a shadow root: they are then looked
    up there. `js` goes through the doors.
    """

    # as in the observation
    id: int
    # in lower case
    tag: str
    # by which descriptions call it: its label, text or placeholder, at most 80 characters
    name: str
    # a CSS selector
    css: str
    # empty in a shadow root, which XPath does not see
    xpath: str
    # the frames and shadow roots around it, from outside to inside
    doors: tuple[Door, ...]
    # a JavaScript expression that is the element; frames of other sites do not let it through
    js: str
    # its start tag, or its line, in the observation
    start_tag: str
    # BrowserGym's id of it; empty: it has none
    bid: str


class Nodes(Mapping[int, Node]):
    """The nodes of an observation by id, in document order; each is made when it is asked for.

    What a browser does not have in its document, such as the content of ``noscript``, is left out.
    """

    def __init__(
        self, page: Page, text: str, pruner: Pruner | None, element: Callable[[int], int]
    ) -> None:
        """text: the observation. pruner: what made it; None if it is a line an element. element: of
        an id that the text shows.
        """
        self._page, self._text, self._pruner, self._element = page, text, pruner, element
        self._made: dict[int, Node] = {}

    @cached_property
    def tags(self) -> dict[int, str]:
        """The start tag or line of each element that the text shows, in a browser or not."""
        form = _START_TAG if self._pruner else _LINE
        return {int(found[1]): found[0] for found in form.finditer(self._text)}

    @cached_property
    def _unique(self) -> Unique:
        from etl.pages.locators import Unique  # its room takes a moment to load

        return Unique(self._page)

    def __getitem__(self, id: int) -> Node:
        """A node. Raises KeyError for an element that the observation does not show."""
        if id not in self._made:
            found = self._found(id)
            if found is None:
                raise KeyError(id)
            self._made[id] = self._node(id, found)
        return self._made[id]

    def __iter__(self) -> Iterator[int]:
        return (id for id in self.tags if self._found(id) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int) and self._found(id) is not None

    def _found(self, id: int) -> Found | None:
        if id not in self.tags:
            return None
        return self._unique.of(self._element(id))

    def _node(self, id: int, found: Found) -> Node:
        element = self._element(id)
        token = self._page.tokens[self._page.position(element)]
        name = label_of(self._page, element, self._pruner)
        bid = token.attributes().get("bid", "")
        tag = self.tags[id]
        return Node(id, token.tag, name, found.css, found.xpath, found.doors, found.js, tag, bid)
