"""The lines of an element, long and short, and how much it matters by itself.

What an element says decides them, so they are made once for all elements that say the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from etl.pages.compact.facts import (
    ACTION,
    CONTROL,
    DRAWN,
    HEADING,
    NAMED,
    PICTURE,
    SAYS,
    TEXT,
    TYPED,
    Facts,
    Known,
    quoted,
    shortened,
)
from etl.pages.compact.relevance import plain, words_of
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import ALONE, COVERED, INNER, LEAF, WRAPS, Saying

Counts = Callable[[Sequence[str]], Sequence[int]]
"""The number of tokens of each of some texts; each ends with its only line break."""

_SHORT: Final = 80
"""Characters of the text of what can be acted on, and of headings, in the short form."""
_BRIEF: Final = 48
"""Of any other text, and of what an attribute calls an element."""
_INNER: Final = 32
"""Of the text of an inline element, which stands in its host's line too."""
_FORMATS: Final = frozenset("b i em strong u font small code sup sub q s mark".split())
"""Tags that say how a text looks: what stands in them is not repeated."""
_FIELDS: Final = frozenset(("input", "select", "textarea"))
_PRESSED: Final = frozenset(
    "button link checkbox radio switch tab menuitem menuitemcheckbox menuitemradio option "
    "treeitem".split()
)
"""Roles of what is acted on as a whole, whatever it holds."""
_WHOLE: Final = 65
"""How much such an element matters where what it holds can be acted on too."""
_DOUBLED: Final = 10.0
"""How much less a line of twice the tokens matters."""
_NUMBER, _USUAL = 3, 10
"""Tokens of most numbers of elements, and of most lines."""
_MOST: Final = 2**17
"""Forms that are remembered."""


class Form(NamedTuple):
    """What an element's line can be."""

    # without the number, with a line break
    long: str
    short: str
    # tokens of both
    long_tokens: int
    short_tokens: int
    # how much it matters
    score: float
    # the most that it matters less where many of its shape stand before it
    folds: float
    # its absence need not be marked: it says nothing, or is hidden
    silent: bool
    # in lower case
    words: frozenset[str]
    # its text and its names, as `relevance.plain` writes them
    called: frozenset[str]
    # the number of its shape; -1: it is a field, of which each is one of its own
    shape: int
    # no other form has it
    number: int


class Forms:
    """Makes the forms of elements, and remembers them.

    counts: the number of tokens of each of some lines.
    """

    def __init__(self, rules: CompactRules, known: Known, counts: Counts) -> None:
        self._rules, self._known, self._counts = rules, known, counts
        self._made: dict[Saying, Form] = {}
        self._numbers = itertools.count()

    def of(self, sayings: Sequence[Saying]) -> list[Form]:
        """The form of each element, by what it says."""
        if len(self._made) >= _MOST:
            self._made.clear()
        made = self._made
        missing = [each for each in dict.fromkeys(sayings) if each not in made]
        forms = [self._form(*each) for each in missing]
        lines = list(dict.fromkeys(line for form in forms for line in (form.long, form.short)))
        tokens = dict(zip(lines, self._counts(lines), strict=True))
        for saying, form in zip(missing, forms, strict=True):
            size = tokens[form.short]
            made[saying] = form._replace(
                long_tokens=tokens[form.long],
                short_tokens=size,
                score=form.score if form.silent else form.score - _cost(size),
            )
        return [made[each] for each in sayings]

    def _form(self, number: int, text: str, lent: int, bits: int) -> Form:
        """A form whose tokens are not counted yet."""
        facts, rules = self._known.facts[number], self._rules
        names = facts.names or (self._known.facts[lent].names[:1] if lent >= 0 else ())
        if not bits & INNER:
            most = _SHORT if facts.kind & ACTION or facts.matters >= HEADING else _BRIEF
            words, brief = shortened(text, rules.text), shortened(text, most)
        elif bits & ALONE or facts.head in _FORMATS:
            words = brief = ""
        else:
            words, brief = shortened(text, _INNER), ""
        long = _line(facts, names, bits, text, words, rules.value)
        short = _line(facts, names, bits, text, brief, min(_BRIEF, rules.value))
        matters, silent = _matters(facts, text, bits)
        return Form(
            long,
            short,
            0,
            0,
            matters,
            30.0 if facts.kind & ACTION else 45.0,
            silent,
            frozenset(words_of(f"{' '.join(names)} {facts.state} {facts.more} {text}")),
            frozenset(map(plain, (text, *names))) - {""},
            -1 if facts.head.split(" ")[0] in _FIELDS else self._known.shapes[facts.shape],
            next(self._numbers),
        )


def _cost(tokens: int) -> float:
    """How much less a line matters by its length: in its place, several shorter ones may stay."""
    return _DOUBLED * math.log2((tokens + _NUMBER) / _USUAL)


def _line(facts: Facts, names: tuple[str, ...], bits: int, text: str, words: str, most: int) -> str:
    """A line without its number."""
    shown = "".join([f" {quoted(shortened(name, most))}" for name in names if name != words])
    bare = not text and not names and (bits & LEAF or facts.kind & ACTION)
    control = bits & LEAF and (facts.kind & TYPED or (facts.kind & ACTION and not words))
    more = facts.more if bare or control else ""
    said = f": {words}" if words else ""
    return f" {facts.head}{shown}{facts.state}{more}{said}\n"


def _matters(facts: Facts, text: str, bits: int) -> tuple[float, bool]:
    """How much an element matters, and whether its absence need not be marked."""
    matters, kind = facts.matters, facts.kind
    silent = bool(kind & DRAWN or (bits & INNER and not kind & SAYS))
    if text and matters < TEXT:
        matters = TEXT if not bits & INNER else TEXT - 3 - 17 * (facts.head in _FORMATS)
    elif not text and not kind & SAYS:
        matters, silent = min(matters, PICTURE) + (3 if bits & LEAF else 0), True
    if bits & WRAPS and not text and not kind & NAMED and matters < CONTROL:
        role = facts.head.rpartition("role=")[2]  # the tag where it has none
        matters = min(matters, _WHOLE if role in _PRESSED or role == "a" else PICTURE)
    if not bits & COVERED:
        return float(matters), silent
    if matters >= CONTROL:
        return matters * 0.6, silent  # a script may show it
    return matters * 0.2, True
