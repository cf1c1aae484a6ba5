"""Which tags, roles and attributes tell what of an element; `facts` and the engine read this."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from etl.pages.tokens import UNSEEN_TAGS

GONE: Final = 1
"""The element goes with its content: a script, a style sheet, the head of a page."""
HIDDEN: Final = 2
"""Markup hides it: it and its content come last."""
INLINE: Final = 4
"""Its text belongs to the text around it."""
ACTION: Final = 8
"""It can be acted on, by what its markup says."""
SAYS: Final = 16
"""Its line says something even without text: an attribute names it, or it is a control."""
TYPED: Final = 32
"""Its text is what was typed into it."""
DRAWN: Final = 64
"""It is a part of a drawing."""
NAMED: Final = 128
"""An attribute says what it is called."""
FIELD: Final = 256
"""It is a field of a form, each of which is one of its own."""

CONTROL, WIDGET, LINK, CHOICE = 90, 80, 70, 50
HEADING, TEXT, PICTURE, BARE = 60, 40, 30, 10
"""How much an element matters, before its text and the task are known."""
DISABLED: Final = LINK - 5
"""How much a control matters that is disabled."""
NEVER: Final = -500
"""Nobody can act on it, since it is never drawn: a field of ``type=hidden``."""

_GONE: Final = UNSEEN_TAGS | {
    *("head", "meta", "link", "base", "title", "noscript", "template", "param", "source", "track"),
    *("br", "wbr", "col", "colgroup", "defs", "symbol", "clippath", "lineargradient", "mask"),
    *("radialgradient", "stop", "filter", "metadata", "datalist"),
}
"""Elements of which nothing is seen, or that are no use to refer to."""
_INLINE: Final = frozenset(
    "abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span "
    "strike strong sub sup time tspan tt u var".split()
)
_CONTROLS: Final = frozenset(("input", "select", "textarea", "button"))
_FIELDS: Final = frozenset(("input", "select", "textarea"))
_WIDGETS: Final = frozenset(
    ("summary", "label", "video", "audio", "iframe", "frame", "canvas", "area", "embed", "object")
)
_PICTURES: Final = frozenset(("img", "svg", "image", "picture", "i"))
_DRAWN: Final = frozenset("path circle rect polygon polyline ellipse line use g text".split())
_PLACES: Final = {"body": 20, "li": 18, "td": 16, "tr": 15, "table": 14, "form": 14, "ul": 12}
"""Elements that are acted on now and then although their markup does not say so."""
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption", "th", "dt"))
_VALUED: Final = frozenset(("input", "button", "meter", "progress", "data"))
_IMPLIED: Final = {
    "a": "link", "button": "button", "select": "combobox", "option": "option", "li": "listitem",
    "ul": "list", "ol": "list", "table": "table", "tr": "row", "td": "cell", "img": "img",
    "nav": "navigation", "main": "main", "header": "banner", "footer": "contentinfo",
    "form": "form", "svg": "img", "textarea": "textbox", "article": "article",
}  # fmt: skip

ROLES: Final = frozenset(
    "button link checkbox radio switch tab menuitem menuitemcheckbox menuitemradio option combobox "
    "textbox searchbox spinbutton slider treeitem gridcell listbox".split()
)
"""Roles of what can be acted on."""
PRESSED: Final = frozenset(
    "button link checkbox radio switch tab menuitem menuitemcheckbox menuitemradio option "
    "treeitem".split()
)
"""Roles of what is acted on as a whole, whatever it holds."""
NOTHING: Final = frozenset(("presentation", "none", "img", "generic", "group", "region"))
"""Roles that are not shown."""
FORMATS: Final = frozenset("b i em strong u font small code sup sub q s mark".split())
"""Tags that say how a text looks: what stands in them is not repeated."""

STATES: Final = (
    *("aria-expanded", "aria-checked", "aria-selected", "aria-pressed", "aria-current"),
    *("aria-disabled", "aria-invalid", "aria-haspopup"),
)
TOLD_IF_FALSE: Final = ("aria-expanded", "aria-checked")
"""States that are shown where they are false too."""
FLAGS: Final = ("checked", "selected", "disabled", "required", "readonly", "open", "multiple")
TEXTS: Final = ("aria-label", "aria_label", "title", "alt", "placeholder")
HANDLERS: Final = (
    *("jsaction", "ng-click", "@click", "data-action"),
    *("aria-haspopup", "aria-expanded", "aria-selected", "aria-checked", "for"),
)
"""Attributes of what can be acted on, beside those that begin with ``on``."""
IDS_BY: Final = ("id", "name", "data-testid", "data-test")
ADDRESSES: Final = ("href", "src", "data")

LOOKED_AT: Final = (
    *(*STATES, *FLAGS, *TEXTS, *HANDLERS),
    *("hidden", "style", "role", "type", "value", "tabindex", "contenteditable"),
    *("shadowrootmode", "shadowroot"),
)
"""The attributes that `facts_of` looks at, beside those that begin with ``on``: no other counts."""


class TagRule(NamedTuple):
    """What a tag says of its elements."""

    # bits: `GONE`, `INLINE`, ...
    kind: int
    # how much they matter, by the tag alone
    matters: int
    is_heading: bool
    # they say something even if no attribute does
    says: bool
    # their value is shown
    shows_value: bool
    # the role that they have without any attribute
    role: str


@lru_cache(maxsize=4096)
def tag_rule(tag: str) -> TagRule:
    """What a tag says of its elements."""
    kind = (GONE if tag in _GONE else 0) | (INLINE if tag in _INLINE else 0)
    kind |= (TYPED if tag == "textarea" else 0) | (DRAWN if tag in _DRAWN else 0)
    kind |= FIELD if tag in _FIELDS else 0
    return TagRule(
        kind,
        _matters(tag),
        tag in _HEADINGS,
        tag in _PICTURES,
        tag in _VALUED,
        _IMPLIED.get(tag, ""),
    )


def _matters(tag: str) -> int:
    if tag in _CONTROLS:
        return CONTROL
    if tag in _WIDGETS:
        return WIDGET
    if tag == "a":
        return LINK
    if tag == "option":
        return CHOICE
    if tag in _HEADINGS:
        return HEADING
    return PICTURE if tag in _PICTURES else _PLACES.get(tag, BARE)
