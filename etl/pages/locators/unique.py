"""Locators of elements, written so that a browser which shows the page finds each of them alone.

A path goes down from the nearest element around it with an id that no other element has, else from
the root. A step names the tag and, among several such siblings, the position. CSS and XPath see one
document: what is in a frame or in a shadow root is looked up there, behind the `Door` that leads to
it. An id counts within its document, without regard to case, as in quirks mode. BrowserGym gives
elements ids of its own, ``bid``, which are taken first.

Pages are read as they were written, which is as a browser's tree was. What a parser puts in where a
page leaves it out (``body``, ``tbody``) may be there or not: then both are looked up.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Final, Literal, NamedTuple

from etl.pages.live import live
from etl.pages.locators import standard
from etl.pages.locators.match import Elements
from etl.pages.page import Page
from etl.pages.tokens import lower

_IDS: Final = ("bid", "id")
"""Attributes that name an element, the best first."""
_LONGEST: Final = 200
"""Characters of an id; what is longer is none that a person gave."""
_LONGEST_PATH: Final = 4_000
"""Characters of a path that is still written twice, where a parser may have put an element in."""
_FRAMES: Final = frozenset(("iframe", "frame"))
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_IDENT: Final = re.compile(r"-?[A-Za-z_][\w-]*", re.ASCII)
_UNWRITABLE: Final = re.compile("[\0-\x1f\x7f\ufffd\ud800-\udfff\ufdd0]")
_IN_HEAD: Final = frozenset("base link meta noscript script style template title".split())
_IN_HTML: Final = frozenset(("head", "body", "frameset"))
_ROWS: Final = frozenset(("tbody", "thead", "tfoot"))


class Door(NamedTuple):
    """A frame or a shadow root around an element: what is in it is looked up behind it."""

    kind: Literal["frame", "shadow"]
    # of the frame's element, or of the host of the shadow root; the XPath is empty in a shadow root
    css: str
    xpath: str


class Found(NamedTuple):
    """How a browser finds an element."""

    # the frames and shadow roots around it, from outside to inside
    doors: tuple[Door, ...]
    # one element of the innermost document or shadow root
    css: str
    # the same; empty in a shadow root, which XPath does not see
    xpath: str

    @property
    def js(self) -> str:
        """A JavaScript expression that is the element, through frames of the same site."""
        steps = ["document"]
        for door in self.doors:
            inside = "contentDocument" if door.kind == "frame" else "shadowRoot"
            steps += [f"querySelector({json.dumps(door.css)})", inside]
        return ".".join([*steps, f"querySelector({json.dumps(self.css)})"])


class Unique:
    """Writes locators of the elements of one page."""

    def __init__(self, page: Page) -> None:
        self._shown = live(page)
        self._elements = Elements(self._shown.page)

    def of(self, element: int) -> Found | None:
        """The locators of an element; None if no browser has it in its document.

        element: its index in the whole page. The first call takes time linear in the page, others
        in the depth of the element and the number of its siblings.
        """
        at = self._shown.of_whole(element)
        if at < 0 or at in self._elements.shadow_roots:
            return None
        doors: list[Door] = []
        while True:
            paths = self._paths(at)
            if paths is None:
                return None
            if not doors:
                own = paths
            else:
                doors[-1] = doors[-1]._replace(css=paths[0], xpath=paths[1])
            scope = self._scopes[at]
            if scope < 0:
                break
            shadow = scope in self._elements.shadow_roots
            at = self._parents[scope] if shadow else scope
            if at < 0:
                return None
            doors.append(Door("shadow" if shadow else "frame", "", ""))
        return Found(tuple(reversed(doors)), *own)

    @property
    def _parents(self) -> list[int]:
        return self._elements.kin.parents

    @cached_property
    def _scopes(self) -> list[int]:
        """Of each element the frame or shadow root around it; -1: none."""
        tokens, shadows = self._elements.tokens, self._elements.shadow_roots
        scopes: list[int] = []
        for parent in self._parents:
            opens = parent >= 0 and (tokens[parent].tag in _FRAMES or parent in shadows)
            scopes.append(parent if opens or parent < 0 else scopes[parent])
        return scopes

    @cached_property
    def _named(self) -> dict[int, list[tuple[str, str]]]:
        """Of each element the ids, (attribute, value), that it alone has in its document."""
        given: dict[int, list[tuple[str, str]]] = {}
        count: Counter[tuple[int, str, str]] = Counter()
        for element, token in enumerate(self._elements.tokens):
            if token.is_bare or "id" not in lower(token.markup):
                continue
            attributes = token.attributes()
            for name in _IDS:
                if value := attributes.get(name, ""):
                    count[self._scopes[element], name, value.casefold()] += 1
                    given.setdefault(element, []).append((name, value))
        return {
            element: [
                (name, value)
                for name, value in values
                if count[self._scopes[element], name, value.casefold()] == 1 and _writable(value)
            ]
            for element, values in given.items()
        }

    def _paths(self, element: int) -> tuple[str, str] | None:
        """CSS and XPath of an element in its document or shadow root."""
        scope = self._scopes[element]
        css = xpath = ""
        steps: list[int] = []
        at = element
        while at != scope:
            if named := self._named.get(at):
                css, xpath = _by_id(*named[0])
                break
            steps.append(at)
            at = self._parents[at]
        if not css and steps:
            started = self._start(steps.pop(), scope)
            if started is None:
                return None
            css, xpath = started
        for step in reversed(steps):
            css, xpath = self._below(css, xpath, step)
        return css, "" if scope in self._elements.shadow_roots else xpath

    def _start(self, top: int, scope: int) -> tuple[str, str] | None:
        """Paths of an outermost element of a document or shadow root."""
        if scope in self._elements.shadow_roots:
            return f":host > {self._css_step(top)}", ""
        tops = self._elements.children.get(scope, [])
        tag = self._elements.tokens[top].tag
        roots = [each for each in tops if self._elements.tokens[each].tag == "html"]
        if tag == "html" and roots == [top]:
            return ":root", "/html"
        if roots:
            return None
        if tag in ("head", "body"):
            return f":root > {tag}", f"/html/{tag}"
        before = tops[: tops.index(top) + 1]
        head = all(self._elements.tokens[each].tag in _IN_HEAD for each in before)
        around = "head" if head else "body"
        return (
            f":root > {around} > {self._css_step(top)}",
            f"/html/{around}/{self._xpath_step(top)}",
        )

    def _below(self, css: str, xpath: str, element: int) -> tuple[str, str]:
        """The paths of an element, from those of its parent."""
        parent = self._parents[element]
        put_in = self._may_be_put_in(parent, element)
        if put_in and len(css) + len(xpath) < _LONGEST_PATH:
            css = f":is({', '.join([css, *(f'{css} > {tag}' for tag in put_in)])})"
            xpath = f"({' | '.join([xpath, *(f'{xpath}/{tag}' for tag in put_in)])})"
        return f"{css} > {self._css_step(element)}", f"{xpath}/{self._xpath_step(element)}"

    def _may_be_put_in(self, parent: int, element: int) -> tuple[str, ...]:
        """The tags of elements that a parser may have put between an element and its parent."""
        tag, around = self._elements.tokens[element].tag, self._elements.tokens[parent].tag
        if around not in ("table", "html") or self._elements.namespaces[parent] != standard.HTML:
            return ()
        beside = {self._elements.tokens[each].tag for each in self._elements.children[parent]}
        if around == "table":
            return ("tbody",) if tag == "tr" and not beside & _ROWS else ()
        return () if tag in _IN_HTML or "body" in beside else ("head", "body")

    def _alike(self, element: int) -> tuple[list[int], bool]:
        """The siblings with an element's name, itself included; whether others share its tag."""
        tokens, spaces = self._elements.tokens, self._elements.namespaces
        beside = self._elements.children[self._parents[element]]
        tagged = [each for each in beside if tokens[each].tag == tokens[element].tag]
        same = [each for each in tagged if spaces[each] == spaces[element]]
        return same, len(same) < len(tagged)

    def _css_step(self, element: int) -> str:
        same, mixed = self._alike(element)
        tag = self._elements.tokens[element].tag
        if self._elements.namespaces[element] == standard.SVG:
            tag = standard.SVG_TAGS.get(tag, tag)
        name = _escaped(tag)
        if mixed:
            beside = self._elements.children[self._parents[element]]
            return f"{name}:nth-child({beside.index(element) + 1})"
        return f"{name}:nth-of-type({same.index(element) + 1})" if len(same) > 1 else name

    def _xpath_step(self, element: int) -> str:
        tag = self._elements.tokens[element].tag
        if self._elements.namespaces[element] != standard.HTML or not _NAME.fullmatch(tag):
            beside = self._elements.children[self._parents[element]]
            return f"*[{beside.index(element) + 1}]"
        same, _ = self._alike(element)
        return f"{tag}[{same.index(element) + 1}]" if len(same) > 1 else tag


def _writable(value: str) -> bool:
    """Whether an id can be written in CSS and XPath, and be found by both."""
    return len(value) <= _LONGEST and not _UNWRITABLE.search(value) and not {'"', "'"} <= set(value)


def _by_id(name: str, value: str) -> tuple[str, str]:
    quote = "'" if '"' in value else '"'
    xpath = f"//*[@{name}={quote}{value}{quote}]"
    if name == "id":
        return f"#{_escaped(value)}", xpath
    return f"[{name}={json.dumps(value, ensure_ascii=False)}]", xpath


def _escaped(name: str) -> str:
    """A name as CSS writes it (``CSS.escape``)."""
    return name if _IDENT.fullmatch(name) else "".join(_escapes(name))


def _escapes(name: str) -> Iterator[str]:
    for at, char in enumerate(name):
        if char.isdigit() and char.isascii() and (at == 0 or (at == 1 and name[0] == "-")):
            yield f"\\{ord(char):x} "
        elif char == "-" and len(name) == 1:
            yield "\\-"
        elif char in "-_" or not char.isascii() or char.isalnum():
            yield char
        else:
            yield f"\\{char}"
