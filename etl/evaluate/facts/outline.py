"""The elements of a page that Mind2Web recorded: tags, subtrees, backend ids, what pruning leaves.

What the reference's benchmark prunes is less than its pipeline does: it unwraps tags that are not
listed and keeps empty elements, takes what lies in the body, and, in its newer form only, drops the
options whose text is digits if there are more than 20 of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from etl.evaluate.texts import cleaned
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import END, START, OpenTags

BACKEND: Final = "backend_node_id"

KEPT_TAGS: Final = frozenset(
    "div body span svg input img p a h1 h2 h3 h4 h5 h6 b i u strong em abbr cite q code ins var "
    "area ul li ol dl dt dd form button col textarea path lightning-primitive-icon select label td "
    "canvas circle i18n-string table tr image footer use option rect mark section th polygon aside "
    "main header pre figure".split()
)
"""The tags that the reference's benchmark keeps: its own list, whatever a recipe keeps."""

MOST_OPTIONS: Final = 20
"""Options of digits that stay; where there are more, all of them go."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The elements of a page in document order; lists have one entry an element."""

    tags: list[str]
    # the number of elements in the subtree, with the element itself
    sizes: list[int]
    # backend ids, "" where an element has none
    backend: list[str]
    # the text inside of options, by element
    options: dict[int, str]

    def node(self, element: int) -> int:
        """The node id of an element, counted from the end; and the element of a node id."""
        return len(self.tags) - 1 - element

    def nodes(self, backend: str) -> list[int]:
        """The node ids that have a backend id, ascending."""
        found = [self.node(at) for at, own in enumerate(self.backend) if own == backend]
        return found[::-1]

    def subtree(self, node: int) -> range:
        """The node ids inside of one, with itself: it has the highest."""
        return range(node - self.sizes[self.node(node)] + 1, node + 1)

    def kept(self, *, options: bool) -> list[bool]:
        """Whether each element is in the page that the reference prunes.

        options: those of digits go where they are too many, with all that is in them.
        """
        kept = [tag in KEPT_TAGS for tag in self.tags]
        first, end = self._body()
        for at in range(len(kept)):
            kept[at] = kept[at] and first <= at < end
        digits = [at for at, text in self.options.items() if _is_digits(text)]
        if options and len(digits) > MOST_OPTIONS:
            for option in digits:
                for at in range(option, option + self.sizes[option]):
                    kept[at] = False
        return kept

    def found(self, kept: Sequence[bool]) -> list[bool]:
        """Of the elements left those that the reference finds: its parser knows one body only."""
        found = list(kept)
        for body in [at for at, tag in enumerate(self.tags) if tag == "body"][1:]:
            found[body] = False
        return found

    def _body(self) -> tuple[int, int]:
        """The elements from the first body's on, up to where the first body is closed."""
        bodies = [at for at, tag in enumerate(self.tags) if tag == "body"]
        if not bodies:
            return 0, len(self.tags)
        return bodies[0], min(at + self.sizes[at] for at in bodies)


def outline(page: str | Page) -> Outline:
    """The outline of a page, as it was written. Takes time linear in the page, and reads all its
    attributes.
    """
    if isinstance(page, str):
        page = read(page)
    found = Outline([], [], [], {})
    opened: list[int] = []
    tags = OpenTags()
    texts: dict[int, list[str]] = {}
    inside: list[int] = []  # the open options
    for token in page.tokens:
        if token.kind == END:
            for _ in range(tags.close(token.tag)):
                _close(found, opened, inside)
        elif token.element:
            at = len(found.tags)
            found.tags.append(token.tag)
            found.sizes.append(1)
            found.backend.append(token.attributes().get(BACKEND, ""))
            if token.tag == "option":
                texts[at] = []
            if token.kind == START:
                opened.append(at)
                tags.open(token.tag)
                if token.tag == "option":
                    inside.append(at)
        if inside and not token.hides_text:
            for option in inside:
                texts[option].append(token.text)
    while opened:
        _close(found, opened, inside)
    found.options.update((at, "".join(parts)) for at, parts in texts.items())
    return found


def _close(found: Outline, opened: list[int], inside: list[int]) -> None:
    at = opened.pop()
    found.sizes[at] = len(found.tags) - at
    if inside and inside[-1] == at:
        inside.pop()


def _is_digits(text: str) -> bool:
    """Whether an option's text is digits only, once it is cleaned: with no space around."""
    return cleaned(text).isdigit()


def in_order(outline: Outline, backends: Sequence[str]) -> dict[str, list[int]]:
    """The node ids of some backend ids that are on the page, ascending, by backend id."""
    wanted = dict.fromkeys(backends)
    found: dict[str, list[int]] = {}
    for at in range(len(outline.tags) - 1, -1, -1):
        if (backend := outline.backend[at]) in wanted and backend:
            found.setdefault(backend, []).append(outline.node(at))
    return found
