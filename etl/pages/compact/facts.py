"""What a start tag alone says of its element: what it is, how it is written, how much it matters.

An element is written as a line: its number, its tag, the attributes that help, and its text::

    417 a: Add to cart
    82 input type=checkbox "Remember me" checked
    903 svg class=icon-close

`Known` asks once for each start tag and remembers the answer: recorded pages repeat. What tells
elements apart that say nothing else is asked for those alone. The engine does the same
(`etl/pages/compiled/facts.pxi`), and asks here for what is written in other alphabets.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeVar

from etl.pages.compact.rules import CompactRules
from etl.pages.compact.tables import (
    ACTION,
    ADDRESSES,
    CHOICE,
    CONTROL,
    DISABLED,
    FIELD,
    FLAGS,
    GONE,
    HANDLERS,
    HIDDEN,
    IDS_BY,
    INLINE,
    LINK,
    NAMED,
    NEVER,
    NOTHING,
    ROLES,
    SAYS,
    STATES,
    TEXTS,
    TOLD_IF_FALSE,
    WIDGET,
    TagRule,
    tag_rule,
)
from etl.pages.tokens import Token, is_shadow_root

_HIDDEN_STYLE: Final = re.compile(r"(?ai)display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)")
_PLAIN: Final = re.compile(r"[\w./:#?&@%+~,;!*()$-]+")
_HASHED: Final = re.compile(r"[0-9a-f]{8}|\d{5}|\d[A-Za-z]+\d")
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
        )

    def told(self, token: Token) -> tuple[int, int]:
        """The place of a start tag in `facts`, and the number of its shape."""
        told = self._told.get(token.markup)
        if told is None:
            number = _place(facts_of(token, self._rules), self._facts, self.facts)
            shape = self._shapes.setdefault(shape_of(token), len(self._shapes))
            told = self._told[token.markup] = number, shape
        return told

    def more(self, token: Token) -> int:
        """The place in `mores` of what tells an element from others."""
        return _place(more_of(token), self._mores, self.mores)

    def saying(self, facts: int, text: str, lent: int, bits: int, more: int) -> int:
        """The place in `sayings` of what an element says."""
        return _place((facts, text, lent, bits, more), self._sayings, self.sayings)

    def names(self, saying: Saying) -> tuple[str, ...]:
        """What an element is called: by attributes, or by those of an element in it."""
        names = self.facts[saying[0]].names
        return names or (self.facts[saying[2]].names[:1] if saying[2] >= 0 else ())


def _place(what: _Each, places: dict[_Each, int], each: list[_Each]) -> int:
    """The place of something in a list that has it once."""
    place = places.setdefault(what, len(each))
    if place == len(each):
        each.append(what)
    return place


def facts_of(token: Token, rules: CompactRules) -> Facts:
    """What a start tag says."""
    tag, rule = token.tag, tag_rule(token.tag)
    if rule.kind & GONE and not (tag == "template" and is_shadow_root(token)):
        return Facts(GONE, 0, tag, (), "")
    attributes = {} if token.is_bare else token.attributes()
    kind = rule.kind & ~GONE
    if _is_hidden(tag, attributes):
        kind |= HIDDEN
    role = attributes.get("role", "").strip().lower()
    matters = _matters(tag, rule, role, attributes)
    if matters >= CHOICE and not rule.is_heading:
        kind = kind & ~INLINE | ACTION
    head = tag
    if tag == "input" and (given := attributes.get("type", "").strip().lower()) not in ("", "text"):
        head += f" type={written(given, 24)}"
    if role and role != rule.role and role not in NOTHING:
        head += f" role={written(role, 24)}"
    texts = dict.fromkeys(
        shown
        for name in TEXTS
        if name in attributes and (shown := _flat(attributes[name], rules.value))
    )
    states: list[str] = []
    if rule.shows_value:
        value = _flat(attributes.get("value", ""), rules.value)
        if value and value not in texts:
            states.append(f"value={written(value, rules.value)}")
    states += [name for name in FLAGS if name in attributes and attributes[name] != "false"]
    for name in STATES:
        state = attributes.get(name, "").strip().lower()
        if state and (state != "false" or name in TOLD_IF_FALSE):
            short = name.removeprefix("aria-")
            states.append(short if state == "true" else f"{short}={written(state, 16)}")
    if head != tag or texts or states or kind & ACTION or rule.says:
        kind |= SAYS
    kind |= NAMED if texts else 0
    return Facts(kind, matters, head, tuple(texts), "".join(f" {state}" for state in states))


def _matters(tag: str, rule: TagRule, role: str, attributes: dict[str, str]) -> int:
    """How much an element matters by its markup."""
    if tag == "input" and attributes.get("type", "").strip().lower() == "hidden":
        return NEVER
    if rule.matters == CONTROL:
        return DISABLED if "disabled" in attributes else CONTROL
    if role in ROLES or rule.matters == WIDGET:
        return CHOICE if role == "option" else WIDGET
    if rule.matters in (LINK, CHOICE):
        return rule.matters
    for name, value in attributes.items():
        if name.startswith("on") or name in HANDLERS:
            return WIDGET
        if name == "contenteditable" and value.lower() != "false":
            return CONTROL
        if name == "tabindex" and not value.strip().startswith("-"):
            return WIDGET
    return rule.matters


def _is_hidden(tag: str, attributes: dict[str, str]) -> bool:
    if "hidden" in attributes and attributes["hidden"].lower() != "until-found":
        return True
    if tag == "input" and attributes.get("type", "").strip().lower() == "hidden":
        return True
    return "style" in attributes and bool(_HIDDEN_STYLE.search(attributes["style"]))


def more_of(token: Token) -> str:
    """What tells an element from others, where neither a text nor another attribute does; after a
    space.
    """
    tag, attributes = token.tag, token.attributes()
    if tag_rule(tag).kind & FIELD and attributes.get("name"):
        return f" name={written(attributes['name'], 32)}"
    if any(attributes.get(name, "").replace("\0", "").strip() for name in TEXTS):
        return ""
    for name in IDS_BY:
        value = attributes.get(name, "")
        if value and not is_hashed(value):
            return f" {name}={written(value, 32)}"
    for name in ADDRESSES:
        value = attributes.get(name, "").split("?")[0].split("#")[0].rstrip("/")
        last = value.rpartition("/")[2]
        if last and not value.startswith(("data:", "javascript:")):
            return f" {name}={written(last, 32)}"
    words = [word for word in attributes.get("class", "").split() if not is_hashed(word)]
    return f" class={written(words[-1], 32)}" if words else ""


def is_hashed(name: str) -> bool:
    """Whether a program seems to have made a name up."""
    return bool(_HASHED.search(name))


def shape_of(token: Token) -> str:
    """Its tag and class: elements of one shape are alike."""
    name = None if token.is_bare else token.attributes().get("class")
    return token.tag if name is None else f"{token.tag}.{name}"


def _flat(value: str, most: int) -> str:
    """A value on one line, shortened in its middle."""
    return shortened(" ".join(value.replace("\0", "").split()), most)


def written(value: str, most: int) -> str:
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
