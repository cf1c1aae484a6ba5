"""`Compactor`: the observation of a page within a budget, chosen without knowing the target.

One line an element, in document order::

    417 a: Add to cart
    82 input type=checkbox "Remember me" checked
    …37
    639 button: Buy

The number is made of what the line says (`etl.pages.compact.numbers`). ``…37``: here 37 elements
were cut; fewer than four are not counted. ``…`` in a text: it was shortened. ``_`` in a text: other
elements stand there, which have lines of their own.

Nothing but the page, the task and the steps before decides what is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from etl.pages import compiled
from etl.pages.axtree import Tree
from etl.pages.compact import relevance
from etl.pages.compact.choose import (
    CUT,
    Choice,
    Kept,
    Lines,
    Shown,
    before_of,
    choice,
    place_of,
    weights,
)
from etl.pages.compact.engine import CompiledForms
from etl.pages.compact.forms import SILENT, Forms, PlainForms
from etl.pages.compact.numbers import limit_of, numbers_of
from etl.pages.compact.relevance import PARTS
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import Numbers, Units, arrays
from etl.pages.page import Page

_MOST: Final = 2**17
"""Start tags, sayings and the like that are remembered, of each kind."""
_PAGES: Final = 16
"""Pages that are remembered."""
_LINES: Final = (30 * PARTS, 50 * PARTS)
"""How much a line of a text matters, without and with an id."""


class CountsTokens(Protocol):
    """A vocabulary."""

    def count(self, text: str) -> int:
        """The number of tokens of a text."""

    def count_lines(self, text: bytes) -> npt.NDArray[np.int64]:
        """Those of each line of a text, UTF-8, with its line break: int64."""

    @property
    def adds_up(self) -> bool:
        """Whether a text has the tokens of its lines: of the number that begins each, which depend
        on how many digits it has, and of the rest.
        """


@dataclass(frozen=True)
class Compacted:
    """An observation."""

    observation: str
    tokens: int
    # index of an element, or of a line of a text -> the number that the observation shows for it
    kept: Kept
    # rule -> the characters of lines that it took away: ``cut``, ``silent``, ``shortened``
    removed: dict[str, int]

    def line(self, node: int) -> str:
        """The line with this number; empty if there is none."""
        text = f"\n{self.observation}\n"
        at = text.find(f"\n{node} ") + 1
        return text[at : text.index("\n", at)] if at else ""


@dataclass(eq=False)
class _Seen:
    """A page that was looked at."""

    # of its sayings
    forms: Forms
    # arrays, or the engine's
    units: Any
    # None: nobody asked for more than one line
    lines: Lines | None = None
    # budget -> the observation, if it is the same for every task
    plain: dict[int, Compacted | None] = field(default_factory=dict)

    @cached_property
    def found(self) -> Units:
        """Its elements that can be shown."""
        return arrays(self.units)

    @cached_property
    def numbers(self) -> Numbers:
        """Their numbers: int32."""
        if isinstance(self.units, Units):
            return numbers_of(self.forms.hashes(self.found.sayings))
        return np.frombuffer(self.units.numbers(), np.int32)

    def number(self, element: int) -> int:
        """The number of an element; -1 if it cannot be shown."""
        if not isinstance(self.units, Units):
            return int(self.units.number(element))
        at = place_of(element, self.found.elements)
        return int(self.numbers[at]) if at >= 0 else -1

    @cached_property
    def by_number(self) -> dict[int, int]:
        """Number -> element."""
        return dict(zip(self.numbers.tolist(), self.found.elements.tolist(), strict=True))


class Compactor:
    """Makes observations by fixed rules; it remembers what start tags and texts say."""

    def __init__(self, rules: CompactRules, vocabulary: CountsTokens) -> None:
        self.rules = rules
        self._vocabulary = vocabulary
        self._digits = [vocabulary.count("9" * size) for size in range(1, 11)]
        self._marks = [vocabulary.count(f"{CUT}{'9' * size}\n") for size in range(11)]
        # by the ``id`` of the page, which is held; recorded pages repeat
        self._latest: dict[int, tuple[Page, _Seen]] = {}
        self._forget()

    def _forget(self) -> None:
        counts = self._vocabulary.count_lines
        self._plain_forms: Forms = PlainForms(self.rules, counts)
        # of pages that the engine has read
        self._forms: Forms = self._plain_forms
        if compiled.ENGINE is not None:
            self._forms = CompiledForms(
                self.rules,
                counts,
                self._digits,
                self._marks,
                *weights(folding=self.rules.folding),
            )
        self._latest.clear()

    def __call__(
        self,
        page: Page,
        objective: str = "",
        history: Sequence[str] = (),
        *,
        budget: int = 0,
        wanted: Mapping[int, int] | None = None,
    ) -> Compacted:
        """The observation of a page for a task.

        history: the previous steps as text. budget: 0 for that of the rules. wanted: elements that
        come first, in their long forms, and how much each is wanted, from 1.
        """
        most = budget or self.rules.budget
        seen = self._seen(page)
        if wanted:
            seen = self._wanting(seen, wanted, most)
        again, budget = self._again(seen, history), most
        added: bytes | None = None
        while True:
            made = self._plain(seen, again, budget)
            if made is None:
                if added is None:
                    added = self._relevance(seen, objective, history)
                extras = self._extras(budget)
                shown = self._lines(seen).chosen(again, added, budget, extras)
                made = self._compacted(shown)
            if made.tokens <= most or not budget:
                return made
            # Tokens of some vocabularies reach across lines, so that their sums say too little.
            budget = max(0, budget - 2 * (made.tokens - most))

    def text(
        self, tree: Tree, objective: str = "", history: Sequence[str] = (), *, budget: int = 0
    ) -> Compacted:
        """The observation of a page that was recorded as a text: its lines as they are."""
        sizes = np.array([self._vocabulary.count(f"{line}\n") for line in tree.lines], np.int64)
        score = np.array([_LINES[bool(tree.id(at))] for at in range(len(sizes))], np.int64)
        added = b""
        if self.rules.relevance and (task := relevance.sought(objective, history)):
            said = [relevance.words_of(line) for line in tree.lines]
            having = {word: np.array([word in own for own in said], np.bool_) for word in task}
            added = relevance.relevance(having, len(said), task)
        _, less = weights(folding=self.rules.folding)
        numbers: dict[str, int] = {}
        same = [line.replace(tree.id(at), "", 1).strip() for at, line in enumerate(tree.lines)]
        keys = np.array([numbers.setdefault(line, len(numbers)) for line in same], np.int32)
        score -= np.array(less)[np.minimum(before_of(keys), len(less) - 1)]
        lines = Choice(
            np.arange(len(sizes), dtype=np.int32),
            np.array([tree.node(at) for at in range(len(sizes))], np.int32),
            sizes,
            sizes,
            score,
            np.zeros(len(sizes), np.bool_),
            np.array([len(line) + 1 for line in tree.lines], np.int64),
            np.zeros(len(sizes), np.int64),
            self._marks,
            lambda at, _: f"{tree.lines[at]}\n",
        )
        most = budget or self.rules.budget
        shown = lines.plain(b"", most, 0) or lines.chosen(b"", added, most, 0)
        count = self._vocabulary.count(shown.text)
        return Compacted(shown.text, count, shown.kept, shown.removed())

    def elements(self, page: Page) -> list[tuple[int, bool]]:
        """The elements of a page that can be shown, in document order; of each whether its absence
        goes unmarked.
        """
        seen = self._seen(page)
        elements, _, sayings = seen.found
        silent = seen.forms.rows(sayings)[:, SILENT] == 1
        return list(zip(elements.tolist(), silent.tolist(), strict=True))

    def line(self, page: Page, element: int) -> str:
        """The line of an element in its long form; empty if it can have none."""
        seen = self._seen(page)
        elements, _, sayings = seen.found
        at = place_of(element, elements)
        if at < 0:
            return ""
        return f"{seen.numbers[at]}{seen.forms.line(int(sayings[at]), True)}".rstrip("\n")

    def number(self, page: Page, element: int) -> int:
        """The number of an element of a page, whether it can be shown or not."""
        seen = self._seen(page)
        number = seen.number(element)
        return number if number >= 0 else limit_of(len(seen.numbers)) + element

    def element(self, page: Page, number: int) -> int:
        """The element of a page with a number; -1 if there is none."""
        seen = self._seen(page)
        beyond = number - limit_of(len(seen.numbers))
        if beyond < 0:
            return seen.by_number.get(number, -1)
        unseen = beyond < page.elements and place_of(beyond, seen.found.elements) < 0
        return beyond if unseen else -1

    def _seen(self, page: Page) -> _Seen:
        """A page's elements; the latest pages are remembered."""
        known = self._latest.get(id(page))
        if known is not None:
            return known[1]
        if max(len(self._forms), len(self._plain_forms)) > _MOST:
            self._forget()
        if len(self._latest) >= _PAGES:
            self._latest.pop(next(iter(self._latest)), None)
        found = next((seen for of, seen in self._latest.values() if of.same(page)), None)
        if found is None:
            forms = self._plain_forms if page.compiled is None else self._forms
            found = _Seen(forms, forms.units(page))
        self._latest[id(page)] = page, found
        return found

    def _lines(self, seen: _Seen) -> Lines:
        if seen.lines is None:
            if isinstance(seen.units, Units):
                seen.lines = self._choice(seen)
            else:
                seen.forms.make()
                seen.units.measure()
                seen.lines = seen.units
        return seen.lines

    def _choice(self, seen: _Seen) -> Choice:
        return choice(
            seen.found,
            seen.forms,
            seen.numbers,
            self._digits,
            self._marks,
            folding=self.rules.folding,
        )

    def _wanting(self, seen: _Seen, wanted: Mapping[int, int], most: int) -> _Seen:
        """The page when elements are wanted; not remembered."""
        asked = [wanted.get(element, 0) for element in seen.found.elements.tolist()]
        lines = self._choice(seen).wanting(np.array(asked, np.int64), most)
        return _Seen(seen.forms, seen.units, lines)

    def _extras(self, budget: int) -> int:
        return budget * self.rules.extras // 100

    def _plain(self, seen: _Seen, again: bytes, budget: int) -> Compacted | None:
        """The observation, if it depends on nothing but the page and what ``again`` says."""
        if again:
            shown = self._lines(seen).plain(again, budget, self._extras(budget))
            return None if shown is None else self._compacted(shown)
        if budget not in seen.plain:
            shown = self._lines(seen).plain(b"", budget, self._extras(budget))
            seen.plain[budget] = None if shown is None else self._compacted(shown)
        return seen.plain[budget]

    def _again(self, seen: _Seen, history: Sequence[str]) -> bytes:
        """What the latest steps add to what they were about; empty if nothing."""
        names = relevance.called(history) if self.rules.relevance else set()
        if not names:
            return b""
        lines = self._lines(seen)
        hits = seen.forms.hits(seen.found.sayings, names)
        return lines.again(hits) if hits else b""

    def _relevance(self, seen: _Seen, objective: str, history: Sequence[str]) -> bytes:
        """What the words of the task add; empty if nothing."""
        task = relevance.sought(objective, history) if self.rules.relevance else {}
        if not task:
            return b""
        sayings = seen.found.sayings
        having = seen.forms.having(sayings, task)
        return relevance.relevance(having, len(sayings), task)

    def _compacted(self, shown: Shown) -> Compacted:
        shown = Shown(*shown)  # the engine's is a tuple
        return Compacted(shown.text, self._tokens(shown), shown.kept, shown.removed())

    def _tokens(self, shown: Shown) -> int:
        """The tokens of what is shown; its lines' where these add up, which is quicker."""
        if not (shown.text and self._vocabulary.adds_up):
            return self._vocabulary.count(shown.text)
        last = shown.text[shown.text.rfind("\n") + 1 :]
        count = self._vocabulary.count
        return shown.tokens - count(f"{last}\n") + count(last)


class _Uncounted:
    """Takes each line for one token."""

    adds_up = False

    def count(self, text: str) -> int:
        """One."""
        del text
        return 1

    def count_lines(self, text: bytes) -> npt.NDArray[np.int64]:
        """One of each."""
        return np.ones(text.count(b"\n"), np.int64)


@lru_cache(maxsize=2)
def numbering(rules: CompactRules) -> Compactor:
    """A compactor for those who ask only for numbers, which depend on no vocabulary."""
    return Compactor(rules, _Uncounted())
