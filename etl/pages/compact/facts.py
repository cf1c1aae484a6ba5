"""What a start tag alone says of its element: what it is, how it is written, how much it matters.

An element is written as a line: its number, its tag, the attributes that help, and its text::

    832 a: Add to cart
    831 input type=checkbox "Remember me" checked
    830 svg class=icon-close

`Known` asks once for each start tag and remembers the answer: recorded pages repeat.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple

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
    *_STATES, *_FLAGS, *_TEXTS, *_HANDLERS, *_IDS_BY, *_ADDRESSES, *_MARKS,
    "hidden", "style", "role", "type", "value", "class", "tabindex", "contenteditable",
    "shadowrootmode", "shadowroot",
)  # fmt: skip
"""The attributes that `facts_of` looks at, beside those that begin with ``on``: no other counts."""
_HIDDEN_STYLE: Final = re.compile(r"(?ai)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)")
_PLAIN: Final = re.compile(r"[\w./:#?&@%+~,;!*()$-]+")
_HASHED: Final = re.compile(r"[0-9a-f]{8,}|\d{5,}|[A-Za-z]*\d[A-Za-z]+\d\w*")
"""Names that a program made up."""


_IDS: Final = itertools.count(1)


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
    # attributes that tell it from others where it has no text of its own
    more: str
    # of its tag and class: elements of one shape are alike
    shape: str


class Known:
    """What is known of start tags, by number. rules: by which they are read."""

    def __init__(self, rules: CompactRules) -> None:
        # no other has it
        self.id = next(_IDS)
        self.told_of = compiled.ENGINE and compiled.ENGINE.ToldOf(_LOOKED_AT)
        self.facts: list[Facts] = []
        self._rules = rules
        # of start tags, and of what they say
        self._numbers: dict[str, int] = {}
        self._of_facts: dict[Facts, int] = {}
        self.shapes: dict[str, int] = {}

    def number(self, token: Token) -> int:
        """The place of a start tag in ``facts``."""
        number = self._numbers.get(token.markup)
        if number is None:
            facts = facts_of(token, self._rules)
            number = self._of_facts.setdefault(facts, len(self.facts))
            if number == len(self.facts):
                self.facts.append(facts)
            self._numbers[token.markup] = number
        return number

    def told(self, token: Token) -> tuple[int, int, int]:
        """The number of a start tag, its `Facts.kind`, and the number of its shape."""
        number = self.number(token)
        facts = self.facts[number]
        return number, facts.kind, self.shapes.setdefault(facts.shape, len(self.shapes))


def facts_of(token: Token, rules: CompactRules) -> Facts:
    """What a start tag says."""
    tag = token.tag
    if tag in _GONE and not (tag == "template" and is_shadow_root(token)):
        return Facts(GONE, 0, tag, (), "", "", tag)
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
    kind |= (DRAWN if tag in _DRAWN else 0) | (NAMED if texts else 0)
    return Facts(
        kind,
        matters,
        " ".join(head),
        tuple(texts),
        "".join(f" {state}" for state in states),
        _more(tag, attributes, bool(texts)),
        _shape(tag, attributes),
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


def _more(tag: str, attributes: dict[str, str], named: bool) -> str:
    """What tells an element from others, where neither a text nor another attribute does."""
    if tag in ("input", "select", "textarea") and attributes.get("name"):
        return f" name={_written(attributes['name'], 32)}"
    if named:
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


def _shape(tag: str, attributes: dict[str, str]) -> str:
    return f"{tag}.{attributes.get('class', '')}" if "class" in attributes else tag


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
