"""`Compactor`: the observation of a page within a budget, chosen without knowing the target.

One line an element, in document order::

    832 a: Add to cart
    831 input type=checkbox "Remember me" checked
    …37
    793 button: Buy

The number is the element's node id, as in other observations; ``…37``: here 37 elements were cut.
Fewer than four are not marked, since the numbers tell: they count down by one. ``…`` in a text: it
was shortened. ``_`` in a text: other elements stand there, which have lines of their own.

Nothing but the page, the task and the steps before decides what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from etl.pages.axtree import Tree
from etl.pages.compact import choose, relevance
from etl.pages.compact.facts import Known
from etl.pages.compact.forms import Counts, Form, Forms
from etl.pages.compact.rules import CompactRules
from etl.pages.compact.units import Unit, units_of
from etl.pages.page import Page

CUT: Final = "…"
"""A line that begins so says how many elements were cut there."""

_MOST: Final = 2**17
"""Start tags that are remembered."""
_PAGES: Final = 16
"""Pages that are remembered."""
_FOLD: Final = 6
"""How much less an element matters at each doubling of those of its shape before it."""
_PLACED: Final = 5
"""As many in one place, with the same elements around them, are not folded yet."""
_ALIKE: Final = 10
"""As many on the page: lists of one kind may stand in several places. Fields are not counted so."""
_SAME: Final = 2
"""How much less an element matters at each doubling of those before it that say the same."""
_LINES: Final = (30.0, 50.0)
"""How much a line of a text matters, without and with an id."""


@dataclass(frozen=True)
class Compacted:
    """An observation."""

    observation: str
    tokens: int
    # index of an element, or of a line of a text -> the number that the observation shows for it
    kept: dict[int, int]
    # rule -> the characters of lines that it took away: ``cut``, ``silent``, ``shortened``
    removed: dict[str, int]

    def line(self, node: int) -> str:
        """The line with this number; empty if there is none."""
        head = f"{node} "
        lines = (line for line in self.observation.split("\n") if line.startswith(head))
        return next(lines, "")


class _Seen(NamedTuple):
    """A page before anything is cut: the same for every task and budget."""

    page: Page
    units: list[Unit]
    forms: list[Form]
    long: choose.Counts
    short: choose.Counts
    score: npt.NDArray[np.float64]
    silent: choose.Flags
    # characters of the long lines
    chars: choose.Counts


class Compactor:
    """Makes observations by fixed rules; it remembers what start tags and texts say.

    count: the number of tokens of a text. counts: that of each of some lines, which may be quicker.
    """

    def __init__(
        self, rules: CompactRules, count: Callable[[str], int], counts: Counts | None = None
    ) -> None:
        self.rules = rules
        self._count = count
        self._counts: Counts = counts or (lambda lines: [count(line) for line in lines])
        self._digits = {size: count("9" * size) for size in range(1, 12)}
        self._latest: dict[int, _Seen] = {}
        self._forget()

    def _forget(self) -> None:
        self._known = Known(self.rules)
        self._forms = Forms(self.rules, self._known, self._counts)

    def __call__(
        self,
        page: Page,
        objective: str = "",
        history: Sequence[str] = (),
        url: str = "",
        before: Page | None = None,
        *,
        budget: int = 0,
    ) -> Compacted:
        """The observation of a page for a task.

        history: the previous steps as text. url, before: the page's address, and the page of the
        step before; neither changes the observation yet. budget: 0 for that of the rules.
        """
        del url, before
        most = budget or self.rules.budget
        seen = self._seen(page)
        score = seen.score
        if self.rules.relevance and (task := relevance.sought(objective, history)):
            score = score + relevance.relevance([form.words for form in seen.forms], task)
        if self.rules.relevance and (named := relevance.called(history)):
            same = [not named.isdisjoint(form.called) for form in seen.forms]
            score = relevance.again(same, seen.silent, score)
        budget = most
        while True:
            extras = budget * self.rules.extras // 100
            kept, whole = choose.chosen(seen.long, seen.short, score, seen.silent, budget, extras)
            made = self._written(seen, kept, whole)
            if made.tokens <= most or not budget:
                return made
            # Tokens of some vocabularies reach across lines, so that their sums say too little.
            budget = max(0, budget - 2 * (made.tokens - most))

    def text(
        self, tree: Tree, objective: str = "", history: Sequence[str] = (), *, budget: int = 0
    ) -> Compacted:
        """The observation of a page that was recorded as a text: its lines as they are."""
        sizes = np.array(self._counts([f"{line}\n" for line in tree.lines]), np.int64)
        score = np.array([_LINES[bool(tree.id(at))] for at in range(len(sizes))])
        if self.rules.relevance and (task := relevance.sought(objective, history)):
            said = [frozenset(relevance.words_of(line)) for line in tree.lines]
            score = score + relevance.relevance(said, task)
        if self.rules.folding:
            numbers: dict[str, int] = {}
            said_so = [
                line.replace(tree.id(at), "", 1).strip() for at, line in enumerate(tree.lines)
            ]
            score = score - _again([numbers.setdefault(line, len(numbers)) for line in said_so])
        silent = np.zeros(len(sizes), np.bool_)
        kept, _ = choose.chosen(sizes, sizes, score, silent, budget or self.rules.budget, 0)
        ids = {at: tree.node(at) for at in np.flatnonzero(kept).tolist()}
        lines = [f"{tree.lines[at]}\n" for at in ids]
        cut = len(tree.text) + 1 - sum(map(len, lines)) if tree.lines else 0
        observation = _joined(lines, kept, silent)
        return Compacted(observation, self._count(observation), ids, {"cut": cut} if cut else {})

    def line(self, page: Page, element: int) -> str:
        """The line of an element in its long form; empty if it can have none."""
        seen = self._seen(page)
        for unit, form in zip(seen.units, seen.forms, strict=True):
            if unit[0] == element:
                return f"{page.node(element)}{form.long}".rstrip("\n")
        return ""

    def _seen(self, page: Page) -> _Seen:
        """A page's elements with their forms; the latest pages are remembered."""
        known = self._latest.get(id(page))
        if known is not None:  # it holds its page, so no other has that id
            return known
        if len(self._known.facts) > _MOST:
            self._forget()
        units = units_of(page, self._known)
        forms = self._forms.of([unit[2] for unit in units])
        nodes = page.elements - 1 - np.array([unit[0] for unit in units], np.int64)
        sizes = np.array([self._digits[1 + power] for power in range(10)])
        digits = sizes[np.searchsorted(_TENS, nodes, side="right")]
        score = np.array([form.score for form in forms])
        if self.rules.folding:
            before = np.array([unit[1] for unit in units], np.int64)
            folds = np.array([form.folds for form in forms])
            shapes = np.array([form.shape for form in forms], np.int64)
            alike = np.where(shapes < 0, 0, choose.before(shapes))
            many = np.maximum(1.0, np.maximum(before / _PLACED, alike / _ALIKE))
            score = score - np.minimum(folds, _FOLD * np.log2(many))
            score = score - _again([form.number for form in forms])
        if len(self._latest) >= _PAGES:
            self._latest.pop(next(iter(self._latest)), None)
        seen = self._latest[id(page)] = _Seen(
            page,
            units,
            forms,
            digits + np.array([form.long_tokens for form in forms], np.int64),
            digits + np.array([form.short_tokens for form in forms], np.int64),
            np.round(score, 6),
            np.array([form.silent for form in forms], np.bool_),
            np.array([len(form.long) for form in forms], np.int64),
        )
        return seen

    def _written(self, seen: _Seen, kept: choose.Flags, whole: choose.Flags) -> Compacted:
        stay = np.flatnonzero(kept).tolist()
        elements = [seen.units[at][0] for at in stay]
        ids = {element: seen.page.node(element) for element in elements}
        forms = [seen.forms[at] for at in stay]
        lines = [
            f"{node}{form.long if is_whole else form.short}"
            for node, form, is_whole in zip(ids.values(), forms, whole[stay].tolist(), strict=True)
        ]
        removed = {
            "cut": int(seen.chars[~kept & ~seen.silent].sum()),
            "silent": int(seen.chars[~kept & seen.silent].sum()),
            "shortened": sum(
                len(seen.forms[at].long) - len(seen.forms[at].short)
                for at in np.flatnonzero(kept & ~whole).tolist()
            ),
        }
        observation = _joined(lines, kept, seen.silent)
        removed = {rule: count for rule, count in removed.items() if count}
        return Compacted(observation, self._count(observation), ids, removed)


def _again(numbers: list[int]) -> npt.NDArray[np.float64]:
    """How much less each matters since others with its number stand before it."""
    before = choose.before(np.array(numbers, np.int64)).astype(np.float64)
    less: npt.NDArray[np.float64] = _SAME * np.log2(1 + before)
    return less


def _joined(lines: list[str], kept: choose.Flags, silent: choose.Flags) -> str:
    """The lines that stay, with marks where others were cut."""
    out: list[str] = []
    done, before = 0, np.concatenate([[0], np.cumsum(kept)])
    for place, cut in choose.gaps(kept, silent):
        at = int(before[place])  # lines that stay before the run, which ends at this place
        out += [*lines[done:at], f"{CUT}{cut}\n"]
        done = at
    return "".join([*out, *lines[done:]]).removesuffix("\n")


_TENS: Final = np.array([10**power for power in range(1, 10)])
