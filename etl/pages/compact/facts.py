"""What a start tag alone says of its element: what it is, how it is written, how much it matters.

An element is written as a line: its number, its tag, the attributes that help, and its text::

    832 a: Add to cart
    831 input type=checkbox "Remember me" checked
    830 svg class=icon-close

`Known` asks once for each start tag and remembers the answer: recorded pages repeat. What tells
elements apart that say nothing else is asked for those alone.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple, TypeVar

from etl.pages import compiled
from etl.pages.compact.rules import CompactRules
from etl.pages.tokens import UNSEEN_TAGS, Token, is_shadow_root

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
_ROLES: Final = frozenset(
    "button link checkbox radio switch tab menuitem menuitemcheckbox menuitemradio option combobox "
    "textbox searchbox spinbutton slider treeitem gridcell listbox".split()
)
_IMPLIED: Final = {
    "a": "link", "button": "button", "select": "combobox", "option": "option", "li": "listitem",
    "ul": "list", "ol": "list", "table": "table", "tr": "row", "td": "cell", "img": "img",
    "nav": "navigation", "main": "main", "header": "banner", "footer": "contentinfo",
    "form": "form", "svg": "img", "textarea": "textbox", "article": "article",
}  # fmt: skip
_NOTHING: Final = frozenset(("presentation", "none", "img", "generic", "group", "region"))
_STATES: Final = (
    *("aria-expanded", "aria-checked", "aria-selected", "aria-pressed", "aria-current"),
    *("aria-disabled", "aria-invalid", "aria-haspopup"),
)
_FLAGS: Final = ("checked", "selected", "disabled", "required", "readonly", "open", "multiple")
_TEXTS: Final = ("aria-label", "aria_label", "title", "alt", "placeholder")
_HANDLERS: Final = frozenset(("jsaction", "ng-click", "@click", "data-action"))
_IDS_BY: Final = ("id", "name", "data-testid", "data-test")
_ADDRESSES: Final = ("href", "src", "data")
_MARKS: Final = frozenset(
    ("aria-haspopup", "aria-expanded", "aria-selected", "aria-checked", "for")
)
_LOOKED_AT: Final = (
    *_STATES, *_FLAGS, *_TEXTS, *_HANDLERS, *_MARKS,
    "hidden", "style", "role", "type", "value", "tabindex", "contenteditable",
    "shadowrootmode", "shadowroot",
)  # fmt: skip
"""The attributes that `facts_of` looks at, beside those that begin with ``on``: no other counts."""
_TOLD_APART_BY: Final = (*_IDS_BY, *_ADDRESSES, "class", *_TEXTS)
"""The attributes that `more_of` looks at."""
_HIDDEN_STYLE: Final = re.compile(r"(?ai)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)")
_PLAIN: Final = re.compile(r"[\w./:#?&@%+~,;!*()$-]+")
_HASHED: Final = re.compile(r"[0-9a-f]{8,}|\d{5,}|[A-Za-z]*\d[A-Za-z]+\d\w*")
"""Names that a program made up."""


_IDS: Final = itertools.count(1)
_Each = TypeVar("_Each")


class Facts(NamedTuple):
    """What a start tag says."""

    # bits: `GONE`, `HIDDEN`, ...
    kind: int
    # how much it matters
    matters: int
    # its tag, and the attributes that say what it is
    head: str
    # what attributes call it
    names: tuple[str, ...]
    # the attributes that say in what state it is, each after a space
    state: str


Saying = tuple[int, str, int, int, int]
"""What decides the lines of an element: the place of what its start tag says in `Known.facts`; its
text; the place of the start tag in it that lends it a name (-1: none); bits, as in
`etl.pages.compact.units`; and the place in `Known.mores` of what tells it from others (-1: nothing
has to).
"""


class Known:
    """What is known of start tags and of what elements say, by number.

    rules: by which start tags are read.
    """

    def __init__(self, rules: CompactRules) -> None:
        # no other has it
        self.id = next(_IDS)
        self.compiled = compiled.ENGINE and compiled.ENGINE.Known(
            _LOOKED_AT, _TOLD_APART_BY, shape_of
        )
        self.facts: list[Facts] = []
        self.mores: list[str] = []
        self.sayings: list[Saying] = []
        self._rules = rules
        # of start tags, of what they say, ...
        self._told: dict[str, tuple[int, int]] = {}
        self._facts: dict[Facts, int] = {}
        self._shapes: dict[str, int] = {}
        self._mores: dict[str, int] = {}
        self._sayings: dict[Saying, int] = {}

    def __len__(self) -> int:
        """How many things of one kind are remembered, of that of which there are most."""
        return max(
            *(len(self.sayings), len(self.facts), len(self.mores)),
            *(len(self._told), len(self._shapes)),
            0 if self.compiled is None else len(self.compiled),
        )

    def told(self, token: Token) -> tuple[int, int]:
        """The place of a start tag in `facts`, and the number of its shape."""
        told = self._told.get(token.markup)
        if told is None:
            number = _place(facts_of(token, self._rules), self._facts, self.facts)
            shape = self._shapes.setdefault(shape_of(token), len(self._shapes))
            told = self._told[token.markup] = number, shape
        return told

    def number(self, token: Token) -> tuple[int, int]:
        """The place of a start tag in `facts`, and its `Facts.kind`."""
        number = _place(facts_of(token, self._rules), self._facts, self.facts)
        return number, self.facts[number].kind

    def more(self, token: Token) -> int:
        """The place in `mores` of what tells an element from others."""
        return _place(more_of(token), self._mores, self.mores)

    def saying(self, facts: int, text: str, lent: int, bits: int, more: int) -> int:
        """The place in `sayings` of what an element says."""
        return _place((facts, text, lent, bits, more), self._sayings, self.sayings)


def _place(what: _Each, places: dict[_Each, int], each: list[_Each]) -> int:
    """The place of something in a list that has it once."""
    place = places.setdefault(what, len(each))
    if place == len(each):
        each.append(what)
    return place


def facts_of(token: Token, rules: CompactRules) -> Facts:
    """What a start tag says."""
    tag = token.tag
    if tag in _GONE and not (tag == "template" and is_shadow_root(token)):
        return Facts(GONE, 0, tag, (), "")
    attributes = {} if token.is_bare else token.attributes()
    kind = INLINE if tag in _INLINE else 0
    kind |= TYPED if tag == "textarea" else 0
    if _is_hidden(tag, attributes):
        kind |= HIDDEN
    role = attributes.get("role", "").strip().lower()
    matters = _matters(tag, role, attributes)
    if matters >= CHOICE and tag not in _HEADINGS:
        kind = kind & ~INLINE | ACTION
    head = [tag]
    if tag == "input" and (given := attributes.get("type", "").strip().lower()) not in ("", "text"):
        head.append(f"type={_written(given, 24)}")
    if role and role != _IMPLIED.get(tag, "") and role not in _NOTHING:
        head.append(f"role={_written(role, 24)}")
    texts = dict.fromkeys(
        shown
        for name in _TEXTS
        if name in attributes and (shown := _flat(attributes[name], rules.value))
    )
    states: list[str] = []
    if tag in ("input", "option", "button", "meter", "progress", "data"):
        value = _flat(attributes.get("value", ""), rules.value)
        if value and value not in texts and tag != "option":
            states.append(f"value={_written(value, rules.value)}")
    states += [name for name in _FLAGS if name in attributes and attributes[name] != "false"]
    for name in _STATES:
        if name not in attributes:
            continue
        state = attributes[name].strip().lower()
        if state and not (state == "false" and name not in ("aria-expanded", "aria-checked")):
            short = name.removeprefix("aria-")
            states.append(short if state == "true" else f"{short}={_written(state, 16)}")
    if len(head) > 1 or texts or states or kind & ACTION or tag in _PICTURES:
        kind |= SAYS
    kind |= FIELD if tag in _FIELDS else 0
    kind |= (DRAWN if tag in _DRAWN else 0) | (NAMED if texts else 0)
    return Facts(
        kind,
        matters,
        " ".join(head),
        tuple(texts),
        "".join(f" {state}" for state in states),
    )


def _matters(tag: str, role: str, attributes: dict[str, str]) -> int:
    """How much an element matters by its markup."""
    if tag == "input" and attributes.get("type", "").strip().lower() == "hidden":
        return NEVER
    if tag in _CONTROLS:
        return LINK - 5 if "disabled" in attributes else CONTROL
    if role in _ROLES or tag in _WIDGETS:
        return CHOICE if role == "option" else WIDGET
    if tag == "a":
        return LINK
    if tag == "option":
        return CHOICE
    for name, value in attributes.items():
        if name.startswith("on") or name in _HANDLERS:
            return WIDGET
        if name == "contenteditable" and value.lower() != "false":
            return CONTROL
        if name == "tabindex" and not value.strip().startswith("-"):
            return WIDGET
        if name in _MARKS:
            return WIDGET
    if tag in _HEADINGS:
        return HEADING
    return PICTURE if tag in _PICTURES else _PLACES.get(tag, BARE)


def _is_hidden(tag: str, attributes: dict[str, str]) -> bool:
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if tag == "input" and attributes.get("type", "").lower() == "hidden":
        return True
    return "style" in attributes and bool(_HIDDEN_STYLE.search(attributes["style"]))


def more_of(token: Token) -> str:
    """What tells an element from others, where neither a text nor another attribute does; after a
    space.
    """
    tag, attributes = token.tag, token.attributes()
    if tag in _FIELDS and attributes.get("name"):
        return f" name={_written(attributes['name'], 32)}"
    if any(attributes.get(name, "").replace("\0", "").strip() for name in _TEXTS):
        return ""
    for name in _IDS_BY:
        value = attributes.get(name, "")
        if value and not _HASHED.search(value):
            return f" {'id' if name == 'id' else name}={_written(value, 32)}"
    for name in _ADDRESSES:
        value = attributes.get(name, "").split("?")[0].split("#")[0].rstrip("/")
        last = value.rpartition("/")[2]
        if last and not value.startswith(("data:", "javascript:")):
            return f" {name}={_written(last, 32)}"
    words = [word for word in attributes.get("class", "").split() if not _HASHED.search(word)]
    return f" class={_written(words[-1], 32)}" if words else ""


def shape_of(token: Token) -> str:
    """Its tag and class: elements of one shape are alike."""
    name = None if token.is_bare else token.attributes().get("class")
    return token.tag if name is None else f"{token.tag}.{name}"


def _flat(value: str, most: int) -> str:
    """A value on one line, shortened in its middle."""
    return shortened(" ".join(value.replace("\0", "").split()), most)


def _written(value: str, most: int) -> str:
    """A value without quotes where that is unequivocal."""
    value = _flat(value, most)
    return value if _PLAIN.fullmatch(value) else quoted(value)


def quoted(value: str) -> str:
    """A value in quotes."""
    return '"' + value.replace('"', "'") + '"'


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: of a longer one, two thirds from its begin."""
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end].rstrip()}…{text[len(text) - end :].lstrip()}"
