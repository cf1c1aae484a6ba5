"""The accessible names of elements: what a screen reader calls them, which people see as labels.

The judge is Playwright, which follows the standard (https://w3c.github.io/accname/). What only
style sheets decide is not looked at: generated content, and which elements stand on lines of their
own, which HTML's own style tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from etl.pages.locators.roles import NO_ROLE, Roles
from etl.pages.locators.states import States
from schemas.errors import PageError

NAMES_LIMIT: Final = 3e7
"""Most characters that are put together for the names of one page."""

_UNNAMED: Final = frozenset(
    "caption code definition deletion emphasis generic insertion mark paragraph presentation "
    "strong suggestion subscript superscript term time".split()
)
_FROM_CONTENT: Final = frozenset(
    "button cell checkbox columnheader gridcell heading link menuitem menuitemcheckbox "
    "menuitemradio option radio row rowheader switch tab tooltip treeitem".split()
)
_WITHIN: Final = _FROM_CONTENT | frozenset(
    "caption code contentinfo definition deletion emphasis insertion list listitem mark none "
    "paragraph presentation region rowgroup section strong subscript superscript table term "
    "time".split()
) | {""}  # fmt: skip
_APART: Final = frozenset(
    "address article aside blockquote body br button caption center col colgroup dd details dialog "
    "dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html "
    "input legend li listing main menu meter nav ol optgroup option p pre progress search section "
    "select summary table tbody td textarea tfoot th thead tr ul xmp".split()
)
"""Elements that HTML's own style does not put into the line of text around them."""

_DISPLAY: Final = re.compile(r"(?:^|;)\s*display\s*:\s*([a-z-]+)", re.IGNORECASE)
_LABELABLE: Final = frozenset("button input meter output progress select textarea".split())
_WITH_PLACEHOLDER: Final = frozenset("email password search tel text url".split())
_RANGES: Final = frozenset("meter progressbar scrollbar slider spinbutton".split())


class Names:
    """The names of a page's elements."""

    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self.elements = roles.elements
        self._states = States(self.elements)
        self._written = 0
        # elements whose text is being put together: a field and its label may hold each other
        self._open: set[int] = set()
        # text of an element within another one: (the name follows references, hidden ones count)
        self._texts: dict[tuple[bool, bool], dict[int, str]] = {}

    def of(self, element: int) -> str:
        """The name of an element, with white space collapsed; empty for none.

        Raises: `PageError` "costly_css" if the names of the page are too long.
        """
        if self.roles.of(element) in _UNNAMED:
            return ""
        return _flat(self._whole(element))

    def labels(self, element: int) -> list[int]:
        """The labels of a field."""
        return self._labels.get(element, [])

    @cached_property
    def _labels(self) -> dict[int, list[int]]:
        """Field -> its labels, in document order."""
        found: dict[int, list[int]] = {}
        for label, _ in self.elements.page.having("label", ""):
            if self.roles.has(label, "for"):
                field = self.roles.by_id.get(self.roles.get(label, "for"), -1)
            else:
                within = range(label + 1, self._last[label] + 1)
                field = next((each for each in within if self._labelable(each)), -1)
            if field >= 0 and self._labelable(field):
                found.setdefault(field, []).append(label)
        return found

    def _labelable(self, element: int) -> bool:
        tag = self.roles.tag(element)
        return tag in _LABELABLE and not (
            tag == "input" and self.roles.input_type(element) == "hidden"
        )

    @cached_property
    def _last(self) -> list[int]:
        """Of each element the last one inside it."""
        last = list(range(len(self.elements.tokens)))
        for element in range(len(last) - 1, -1, -1):
            if (parent := self.roles.parents[element]) >= 0:
                last[parent] = max(last[parent], last[element])
        return last

    @cached_property
    def _content(self) -> dict[int, list[int | str]]:
        """Element -> its children, elements and texts, in order."""
        content: dict[int, list[int | str]] = {}
        texts: dict[int, list[tuple[int, str]]] = {}
        for before, owner, text in self.elements.texts:
            texts.setdefault(before, []).append((owner, text))
        for element in range(-1, len(self.elements.tokens)):
            if element >= 0:
                content.setdefault(self.roles.parents[element], []).append(element)
            for owner, text in texts.get(element, ()):
                content.setdefault(owner, []).append(text)
        return content

    # ---- an element by itself

    def _whole(self, element: int) -> str:
        roles = self.roles
        if element in roles.hidden:
            return ""
        referred = roles.referred(element, "aria-labelledby")
        if name := _joined(self._referred(each) for each in referred):
            return name
        return self._own(element, own=True, follow=True, hidden=False)

    def _referred(self, element: int) -> str:
        """The text of an element that another one refers to, which may be hidden as a whole."""
        hidden = element in self.roles.hidden
        return self._text(element, follow=False, hidden=hidden)

    def _own(self, element: int, *, own: bool, follow: bool, hidden: bool) -> str:
        """The name of an element without what it refers to.

        own: it is the name of the element itself, not of one around it. follow, hidden: see
        `_text`.
        """
        roles = self.roles
        role = roles.of(element)
        if (label := roles.get(element, "aria-label")).strip():
            return label
        if role not in NO_ROLE and (native := self._native(element)) is not None:
            return native
        if (role in _FROM_CONTENT if own else not follow or role in _WITHIN) and (
            inner := self._inner(element, follow=follow, hidden=hidden)
        ).strip():
            return inner
        return "" if role in NO_ROLE else roles.get(element, "title")

    def _native(self, element: int) -> str | None:
        """The name that HTML gives an element; None if it gives it none."""
        roles, tag = self.roles, self.roles.tag(element)
        title = roles.get(element, "title")
        if tag == "input":
            return self._of_input(element, title)
        if tag in ("select", "textarea", "output", "button"):
            if labels := self.labels(element):
                return self._by_labels(element, labels)
            if tag == "textarea":
                return title or roles.get(element, "placeholder")
            return title if tag == "select" else None
        if tag in ("img", "area"):
            alt = roles.get(element, "alt")
            return alt if alt.strip() else title
        child = {"fieldset": "legend", "figure": "figcaption", "table": "caption", "svg": "title"}
        if (wanted := child.get(tag)) is not None:
            for each in self.elements.children.get(element, ()):
                if roles.tag(each) == wanted:
                    return self._text(each, follow=False, hidden=each in roles.hidden)
            summary = roles.get(element, "summary") if tag == "table" else ""
            return summary or (title if tag in ("fieldset", "figure") else None)
        return None

    def _of_input(self, element: int, title: str) -> str:
        roles, kind = self.roles, self.roles.input_type(element)
        if kind in ("button", "submit", "reset"):
            value = roles.get(element, "value")
            return (
                value if value.strip() else {"submit": "Submit", "reset": "Reset"}.get(kind, title)
            )
        if labels := self.labels(element):
            return self._by_labels(element, labels)
        if kind == "file":
            return "Choose File"
        if kind == "image":
            texts = (roles.get(element, "alt"), title, "Submit")
            return next(text for text in texts if text.strip())
        return title or (roles.get(element, "placeholder") if kind in _WITH_PLACEHOLDER else "")

    def _by_labels(self, field: int, labels: list[int]) -> str:
        return _joined(self._label(label, field) for label in labels)

    def _label(self, label: int, field: int) -> str:
        """The text of a label without its field, which may be inside it."""
        hidden = label in self.roles.hidden
        whole = self._text(label, follow=False, hidden=hidden)
        if not label < field <= self._last[label]:
            return whole
        if (named := self.roles.get(label, "aria-label")).strip():
            return named
        left_out, text = field, ""
        while left_out != label:
            around = self.roles.parents[left_out]
            text = self._together(around, follow=False, hidden=hidden, instead={left_out: text})
            left_out = around
        return text

    # ---- an element within another one

    def _text(self, element: int, *, follow: bool, hidden: bool) -> str:
        """The text of an element for one around it or one that refers to it.

        follow: take what it refers to in turn. hidden: hidden elements count.
        """
        known = self._texts.setdefault((follow, hidden), {})
        if element in known:
            return known[element]
        if element in self._open:
            return ""
        self._open.add(element)
        for inner in range(self._last[element], element - 1, -1):
            if inner not in known:
                known[inner] = self._part(inner, follow=follow, hidden=hidden)
        self._open.remove(element)
        return known[element]

    def _part(self, element: int, *, follow: bool, hidden: bool) -> str:
        roles = self.roles
        if element in self.elements.shadow_roots:
            return self._together(element, follow=follow, hidden=hidden, instead={})
        if roles.tag(element) in ("style", "script", "noscript", "template"):
            return ""
        if element in roles.hidden and not hidden:
            return ""
        if follow and (referred := roles.referred(element, "aria-labelledby")):
            return _joined(self._referred(each) for each in referred)
        role = roles.of(element)
        if role in ("textbox", "searchbox"):
            if roles.tag(element) in ("input", "textarea"):
                return self._value(element)
            return self._together(element, follow=follow, hidden=hidden, instead={})
        if role in ("combobox", "listbox"):
            return self._chosen(element, follow=follow, hidden=hidden)
        if role in _RANGES:
            names = ("aria-valuetext", "aria-valuenow", "value")
            return next(
                (roles.get(element, name) for name in names if roles.has(element, name)), ""
            )
        if role == "menu":
            return ""
        return self._own(element, own=False, follow=follow, hidden=hidden)

    def _value(self, element: int) -> str:
        if self.roles.tag(element) == "input":
            return self.roles.get(element, "value")
        return "".join(each for each in self._content.get(element, ()) if isinstance(each, str))

    def _chosen(self, element: int, *, follow: bool, hidden: bool) -> str:
        """The texts of the options of a list that are chosen."""
        inside = range(element + 1, self._last[element] + 1)
        options = [each for each in inside if self.roles.of(each) == "option"]
        if self.roles.tag(element) == "select":
            chosen = [each for each in options if self._states.of("checked", each)] or options[:1]
        else:
            chosen = [each for each in options if self.roles.get(each, "aria-selected") == "true"]
            if not chosen and self.roles.tag(element) == "input":
                return self.roles.get(element, "value")
        return _joined(self._text(each, follow=follow, hidden=hidden) for each in chosen)

    def _inner(self, element: int, *, follow: bool, hidden: bool) -> str:
        for child in self._content.get(element, ()):
            if isinstance(child, int):
                self._text(child, follow=follow, hidden=hidden)
        return self._together(element, follow=follow, hidden=hidden, instead={})

    def _together(
        self, element: int, *, follow: bool, hidden: bool, instead: dict[int, str]
    ) -> str:
        """The texts of the children, one after the other.

        instead: texts of children that count instead of their own.
        """
        known = self._texts.setdefault((follow, hidden), {})
        parts: list[str] = []
        for child in self._content.get(element, ()):
            if isinstance(child, str):
                parts.append(child)
                continue
            text = instead[child] if child in instead else known.get(child, "")
            parts.append(f" {text.strip()} " if self._stands_apart(child) else text)
        whole = "".join(parts)
        self._written += len(whole) + len(parts)
        if self._written > NAMES_LIMIT:
            raise PageError("costly_css", "the names of the elements are too long together")
        return whole

    def _stands_apart(self, element: int) -> bool:
        """Whether an element is not part of the line of text around it."""
        style = self.roles.get(element, "style")
        if style and (shown := _DISPLAY.search(style)):
            return shown[1].lower() != "inline"
        return self.roles.tag(element) in _APART


def _joined(texts: Iterable[str]) -> str:
    """Texts with spaces between them, without empty ones."""
    return " ".join(text for text in texts if text.strip())


def _flat(text: str) -> str:
    return " ".join(re.sub("[\u200b\u00ad]", "", text).split())
