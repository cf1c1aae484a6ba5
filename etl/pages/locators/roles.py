"""The roles of elements for assistive technology: ARIA's own, and those that HTML implies.

The judge is Playwright, which follows ARIA in HTML. What a page decides only together with its
style sheets is not looked at: an element counts as hidden by ``hidden``, ``aria-hidden`` and its
own ``style`` attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final

from etl.pages.locators.match import Elements

ROLES: Final = frozenset(
    "alert alertdialog application article banner blockquote button caption cell checkbox code "
    "columnheader combobox complementary contentinfo definition deletion dialog directory document "
    "emphasis feed figure form generic grid gridcell group heading img insertion link list listbox "
    "listitem log main mark marquee math meter menu menubar menuitem menuitemcheckbox "
    "menuitemradio navigation none note option paragraph presentation progressbar radio radiogroup "
    "region row rowgroup rowheader scrollbar search searchbox separator slider spinbutton status "
    "strong subscript superscript switch tab table tablist tabpanel term textbox time timer "
    "toolbar tooltip tree treegrid treeitem".split()
)
"""The roles that an attribute can give."""

NO_ROLE: Final = frozenset(("none", "presentation"))

_OF_TAGS: Final = {
    "article": "article", "aside": "complementary", "blockquote": "blockquote", "button": "button",
    "caption": "caption", "code": "code", "datalist": "listbox", "dd": "definition",
    "del": "deletion", "details": "group", "dfn": "term", "dialog": "dialog", "dt": "term",
    "em": "emphasis", "fieldset": "group", "figure": "figure", "h1": "heading", "h2": "heading",
    "h3": "heading", "h4": "heading", "h5": "heading", "h6": "heading", "hr": "separator",
    "html": "document", "ins": "insertion", "li": "listitem", "main": "main", "mark": "mark",
    "math": "math", "menu": "list", "meter": "meter", "nav": "navigation", "ol": "list",
    "optgroup": "group", "option": "option", "output": "status", "p": "paragraph",
    "progress": "progressbar", "search": "search", "strong": "strong", "sub": "subscript",
    "sup": "superscript", "svg": "img", "table": "table", "tbody": "rowgroup",
    "textarea": "textbox", "tfoot": "rowgroup", "thead": "rowgroup", "time": "time", "tr": "row",
    "ul": "list",
}  # fmt: skip
_OF_INPUTS: Final = {
    "button": "button", "checkbox": "checkbox", "file": "button", "hidden": "", "image": "button",
    "number": "spinbutton", "radio": "radio", "range": "slider", "reset": "button",
    "submit": "button",
}  # fmt: skip
_TYPES: Final = frozenset(
    "button checkbox color date datetime-local email file hidden image month number password radio "
    "range reset search submit tel text time url week".split()
)
_WITH_LIST: Final = frozenset(("email", "search", "tel", "text", "url"))
_NO_LANDMARK: Final = frozenset("article aside main nav section".split())
_NO_LANDMARK_ROLES: Final = frozenset("article complementary main navigation region".split())
_GLOBAL: Final = (
    "aria-atomic aria-busy aria-controls aria-current aria-describedby aria-details "
    "aria-dropeffect aria-flowto aria-grabbed aria-hidden aria-keyshortcuts aria-live aria-owns "
    "aria-relevant aria-roledescription"
).split()
_NOT_FOR_UNNAMED: Final = ("aria-label", "aria-labelledby")
_UNNAMED: Final = frozenset(
    "caption code deletion emphasis generic insertion paragraph presentation strong subscript "
    "superscript".split()
)
_INHERITED: Final = {
    "dd": ("dl", "div"), "div": ("dl",), "dt": ("dl", "div"), "li": ("ol", "ul"),
    "tbody": ("table",), "td": ("tr",), "tfoot": ("table",), "th": ("tr",), "thead": ("table",),
    "tr": ("thead", "tbody", "tfoot", "table"),
}  # fmt: skip
"""Tag -> tags of parents whose ``role=none`` it shares."""

_IGNORED: Final = frozenset(("style", "script", "noscript"))
_HIDING: Final = re.compile(
    r"(?:^|;)\s*display\s*:\s*none\s*(?:!important\s*)?(?:;|$)", re.IGNORECASE
)
_INVISIBLE: Final = re.compile(
    r"(?:^|;)\s*visibility\s*:\s*(hidden|collapse|visible)", re.IGNORECASE
)


class Roles:
    """The roles of a page's elements, each found when it is first needed."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.parents = elements.kin.parents
        self._known: dict[int, str] = {}

    def of(self, element: int) -> str:
        """The role of an element; empty for none."""
        role = self._known.get(element)
        if role is None:
            role = self._known[element] = self._computed(element)
        return role

    def tag(self, element: int) -> str:
        """The tag of an element."""
        return self.elements.tokens[element].tag

    def get(self, element: int, name: str) -> str:
        """An attribute; empty if it is not there."""
        return self.elements.of(element).get(name, "")

    def has(self, element: int, name: str) -> bool:
        """Whether an element has an attribute."""
        return name in self.elements.of(element)

    def input_type(self, element: int) -> str:
        """The type of an ``input``, of which unknown ones are ``text``."""
        kind = self.get(element, "type").lower()
        return kind if kind in _TYPES else "text"

    def parent(self, element: int) -> int:
        """The element around an element, which for a shadow root is its host; -1 for none."""
        at = self.parents[element]
        while at in self.elements.shadow_roots:
            at = self.parents[at]
        return at

    def around(self, element: int, fits: Callable[[int], bool]) -> int:
        """The innermost element around an element that fits, or itself; -1 for none."""
        while element >= 0 and not fits(element):
            element = self.parent(element)
        return element

    @cached_property
    def hidden(self) -> frozenset[int]:
        """The elements that are hidden by themselves or by one around them."""
        gone: set[int] = set()
        unseen: set[int] = set()  # by `visibility`, which an element inside can set again
        for element, token in enumerate(self.elements.tokens):
            parent = self.parents[element]
            attributes = self.elements.of(element, token)
            style = attributes.get("style", "")
            if (
                parent in gone
                or token.tag in _IGNORED
                or ("hidden" in attributes and attributes["hidden"].lower() != "until-found")
                or attributes.get("aria-hidden", "").lower() == "true"
                or (style and _HIDING.search(style))
            ):
                gone.add(element)
            seen = _INVISIBLE.search(style) if style else None
            if seen[1].lower() != "visible" if seen else parent in unseen:
                unseen.add(element)
        return frozenset(gone | unseen)

    @cached_property
    def by_id(self) -> dict[str, int]:
        """Id -> the first element that has it."""
        first: dict[str, int] = {}
        for element, token in self.elements.page.having("", ""):
            if not token.is_bare and (id := self.elements.of(element, token).get("id")):
                first.setdefault(id, element)
        return first

    def referred(self, element: int, name: str) -> list[int]:
        """The elements whose ids an attribute lists, each once."""
        ids = self.get(element, name).split()
        found = (self.by_id.get(id) for id in ids)
        return list(dict.fromkeys(each for each in found if each is not None))

    # ---- roles

    def explicit(self, element: int) -> str:
        """The role that the attribute gives; empty for none."""
        words = self.get(element, "role").split()
        return next((word for word in words if word in ROLES), "")

    def _computed(self, element: int) -> str:
        given = self.explicit(element)
        if not given:
            return self._implied(element)
        if given in NO_ROLE and self._conflicts(element, implied := self._implied(element)):
            return implied
        return given

    def _conflicts(self, element: int, role: str) -> bool:
        """Whether an element cannot do without a role, because it has a use."""
        return self._has_global(element, role) or self._focusable(element)

    def _has_global(self, element: int, role: str) -> bool:
        attributes = self.elements.of(element)
        if any(name in attributes for name in _GLOBAL):
            return True
        return role not in _UNNAMED and any(name in attributes for name in _NOT_FOR_UNNAMED)

    def _focusable(self, element: int) -> bool:
        tag, attributes = self.tag(element), self.elements.of(element)
        if "disabled" in attributes and tag in ("button", "input", "select", "textarea"):
            return False
        if tag in ("button", "details", "select", "textarea", "input"):
            return True
        if tag in ("a", "area") and "href" in attributes:
            return True
        return bool(re.fullmatch(r"\s*-?\d+\s*", attributes.get("tabindex", "")))

    def _implied(self, element: int) -> str:
        """The role that the tag implies."""
        role = self._of_tag(element)
        at = element
        while role:
            parent = self.parent(at)
            if parent < 0 or self.tag(parent) not in _INHERITED.get(self.tag(at), ()):
                break
            given = self.explicit(parent)
            if given in NO_ROLE and not self._conflicts(parent, given):
                return given
            at = parent
        return role

    def _of_tag(self, element: int) -> str:
        tag, attributes = self.tag(element), self.elements.of(element)
        if tag in _OF_TAGS:
            return _OF_TAGS[tag]
        if tag in ("a", "area"):
            return "link" if "href" in attributes else ""
        if tag in ("header", "footer"):
            if self.around(element, self._no_landmark) >= 0:
                return ""
            return "banner" if tag == "header" else "contentinfo"
        if tag in ("form", "section"):
            named = bool(attributes.get("aria-label", "").strip()) or bool(
                self.referred(element, "aria-labelledby")
            )
            return ("form" if tag == "form" else "region") if named else ""
        if tag == "img":
            empty = attributes.get("alt") == "" and not attributes.get("title")
            bare = empty and not self._has_global(element, "") and "tabindex" not in attributes
            return "presentation" if bare else "img"
        if tag == "input":
            return self._of_input(element)
        if tag == "select":
            size = attributes.get("size", "").strip()
            long = size.isdecimal() and int(size[:9]) > 1
            return "listbox" if "multiple" in attributes or long else "combobox"
        if tag == "td":
            table = self.around(element, lambda at: self.tag(at) == "table")
            grid = table >= 0 and self.explicit(table) in ("grid", "treegrid")
            return "gridcell" if grid else "cell"
        return self._of_header(element) if tag == "th" else ""

    def _no_landmark(self, element: int) -> bool:
        """Whether headers within an element are not the page's."""
        if self.tag(element) in _NO_LANDMARK:
            return True
        return self.get(element, "role") in _NO_LANDMARK_ROLES

    def _of_input(self, element: int) -> str:
        kind = self.input_type(element)
        if kind not in _WITH_LIST:
            return _OF_INPUTS.get(kind, "textbox")
        lists = self.by_id.get(self.get(element, "list"), -1) if self.has(element, "list") else -1
        if lists >= 0 and self.tag(lists) == "datalist":
            return "combobox"
        return "searchbox" if kind == "search" else "textbox"

    def _of_header(self, element: int) -> str:
        """The role of a ``th``, as Chromium guesses it from the cells beside it."""
        scope = self.get(element, "scope").lower()
        if scope in ("col", "colgroup"):
            return "columnheader"
        if scope in ("row", "rowgroup"):
            return "rowheader"
        beside = self.elements.children.get(self.parents[element], [])
        at = beside.index(element) if len(beside) < _MANY else -1
        if at < 0:
            return "columnheader"
        near = [*beside[max(0, at - 1) : at], *beside[at + 1 : at + 2]]
        if len(near) == 2 and all(self.tag(each) == "th" for each in near):
            return "columnheader"
        filled = (each for each in near if self.tag(each) == "td" and each in self.elements.filled)
        return "rowheader" if next(filled, -1) >= 0 else "columnheader"


_MANY: Final = 1000  # cells of a row, in which a header is not looked for
