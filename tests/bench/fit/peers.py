"""What others show of a page within a budget of tokens, and whether the target is in it.

reference     the whole pruned page of ScribeAgent's rules
train         the reference's chunk that holds the target: chosen by looking at the answer
test          the reference's right-most chunk: what it shows a model that is asked
start         the pruned page up to the budget
ours          the compact observation of `etl.pages.compact`
both ends     half of the budget from its start, half from its end
near          Mind2Web's family: candidates by the words of the task, with the elements around them
              (ancestors, descendants to depth 5, siblings within 3), as many as fit
near, label   the same, with the target among the candidates, as they train
tree          the accessibility tree, where one was recorded, up to the budget
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from etl.pages import axtree
from etl.pages.compact import Compactor, CompactRules
from etl.pages.locators.kin import kin
from etl.pages.prune import Pruner
from etl.pages.rules import NODE
from etl.pages.tokens import END, START, OpenTags
from etl.stages.observe.names import shows
from schemas.utf8 import text_of, utf8_of
from tests.bench.fit.steps import Target
from tokenization.splits import line_starts, tag_starts
from tokenization.vocabulary import Vocabulary

CANDIDATES: Final = 50
"""At most; MindAct ranks as many."""
_AS_MANY: Final = (25, 12, 6, 3, 1)
"""Candidates that are tried where more of them do not fit."""
DEPTH: Final = 5
SIBLINGS: Final = 3

_ACTED_ON: Final = frozenset(
    "a button input select textarea option label summary li img svg span td div".split()
)
_MARKUP: Final = re.compile(r"</[^<>]*>|<[^\s<>]*|[\w-]+=(?=[\"'])|&[a-z]+;|&#\d+;")
"""Of a page: tags, names of attributes, references."""
_WORD: Final = re.compile(r"\w+")


class Shown(NamedTuple):
    """What a model sees."""

    kept: bool
    # the target's accessible name is in it, or it has none
    named: bool
    tokens: int


def holds(text: str, name: str) -> bool:
    """Whether a text or its markup shows a name."""
    return not name or name in text or shows(_MARKUP.sub(" ", text), name)


class Pruned:
    """A pruned page with the number of tokens before each tag."""

    def __init__(self, text: bytes, vocabulary: Vocabulary, *, lines: bool = False) -> None:
        self.text = vocabulary.normalised_utf8(text)
        starts = line_starts if lines else tag_starts
        self.cuts = np.concatenate([[0], starts(self.text), [len(self.text)]])
        ids = vocabulary.encode_normalised_utf8((b"" if lines else b" ") + self.text)
        self.tokens = len(ids)
        ends = np.cumsum(vocabulary.lengths.take(ids), dtype=np.int64)
        self.counts: npt.NDArray[np.int64] = np.searchsorted(ends, self.cuts, side="right")
        self.counts[-1] = self.tokens

    def segment(self, element_tag: bytes) -> int:
        """The segment that a start tag begins; -1 if it is not in the page."""
        at = self.text.find(element_tag)
        return -1 if at < 0 else int(np.searchsorted(self.cuts, at, side="right")) - 1

    def span(self, start: int, end: int) -> str:
        """The text of segments."""
        return text_of(self.text[self.cuts[start] : self.cuts[end]])

    def chunks(self, budget: int) -> Iterator[tuple[int, int]]:
        """The segments of each chunk, from right to left."""
        end = len(self.cuts) - 1
        while end > 0:
            start = int(np.searchsorted(self.counts[:end], self.counts[end] - budget, side="left"))
            start = min(start, end - 1)  # a segment that is longer than a chunk
            yield start, end
            end = start


class Peers:
    """Shows pages in the ways of others; the latest pages are remembered."""

    def __init__(self, pruner: Pruner, vocabulary: Vocabulary) -> None:
        self._pruner, self._vocabulary = pruner, vocabulary
        self._compactor = Compactor(CompactRules(), vocabulary)
        self._pruned = lru_cache(64)(self._prune)
        self._near = lru_cache(16)(lambda html, held: _Near(html, held, pruner))

    def _prune(self, html: bytes, tree: str, page_of: _Held) -> Pruned:
        if not html:
            text = axtree.read(tree).text.encode("utf-8", "surrogatepass")
            return Pruned(text, self._vocabulary, lines=True)
        page = page_of.target.page
        return Pruned(utf8_of(self._pruner.prune(page).observation), self._vocabulary)

    def of(self, target: Target, budgets: tuple[int, ...]) -> Iterator[tuple[str, int, Shown]]:
        """(way, budget, what is shown) of a target."""
        pruned = self._pruned(target.html, "" if target.html else target.tree, _Held(target))
        at = target.line
        if target.html:
            at = pruned.segment(f' {NODE}="{target.page.node(target.element)}"'.encode())
        last = len(pruned.cuts) - 1
        whole = Shown(at >= 0, holds(pruned.span(0, last), target.name), pruned.tokens)
        for budget in budgets:
            yield "reference", budget, whole
            if pruned.tokens <= budget:
                for way in ("train", "test", "start", "both ends"):
                    yield way, budget, whole
            else:
                yield from self._cut(pruned, at, target.name, budget)
        yield from self._tree(target, budgets)

    def _cut(
        self, pruned: Pruned, at: int, name: str, budget: int
    ) -> Iterator[tuple[str, int, Shown]]:
        chunks = list(pruned.chunks(budget))
        chosen = next(((s, e) for s, e in chunks if s <= at < e), chunks[0])
        for way, (start, end) in (("train", chosen), ("test", chunks[0])):
            tokens = int(pruned.counts[end] - pruned.counts[start])
            kept = start <= at < end and tokens <= budget
            yield (
                way,
                budget,
                Shown(kept, holds(pruned.span(start, end), name), min(tokens, budget)),
            )
        first = int(np.searchsorted(pruned.counts, budget, side="right")) - 1
        half = int(np.searchsorted(pruned.counts, budget // 2, side="right")) - 1
        rest = int(np.searchsorted(pruned.counts, pruned.tokens - budget // 2, side="left"))
        last = len(pruned.cuts) - 1
        yield "start", budget, Shown(0 <= at < first, holds(pruned.span(0, first), name), budget)
        text = f"{pruned.span(0, half)} {pruned.span(rest, last)}"
        yield "both ends", budget, Shown(0 <= at < half or at >= rest, holds(text, name), budget)

    def near(self, target: Target, budgets: tuple[int, ...]) -> Iterator[tuple[str, int, Shown]]:
        """(way, budget, what is shown) of a target, by the neighbourhood of candidates."""
        if not target.html:
            return
        near = self._near(target.html, _Held(target))
        for way, label in (("near", -1), ("near, label", target.element)):
            ranked = near.ranked(target.objective, label)
            sizes = [most for most in _AS_MANY if most < len(ranked)] or [1]
            made: dict[int, tuple[set[int], str, int]] = {}
            for budget in budgets:
                for most in (len(ranked), *sizes):
                    if most not in made:
                        shown = near.around(tuple(ranked[:most]))
                        text = near.text(shown)
                        made[most] = shown, text, self._vocabulary.count(text)
                    shown, text, tokens = made[most]
                    if tokens <= budget:
                        break
                fits = tokens <= budget
                named = fits and holds(text, target.name)
                kept = fits and target.element in shown
                yield way, budget, Shown(kept, named, min(tokens, budget))

    def ours(self, target: Target, budgets: tuple[int, ...]) -> Iterator[tuple[str, int, Shown]]:
        """(way, budget, what is shown) of a target, by the compact observation."""
        history = target.history
        for budget in budgets:
            if target.html:
                made = self._compactor(target.page, target.objective, history, budget=budget)
            else:
                tree = axtree.read(target.tree)
                made = self._compactor.text(tree, target.objective, history, budget=budget)
            named = holds(made.observation, target.name)
            yield "ours", budget, Shown(target.element in made.kept, named, made.tokens)

    def _tree(self, target: Target, budgets: tuple[int, ...]) -> Iterator[tuple[str, int, Shown]]:
        if not (target.tree and target.html):
            return
        tree = axtree.read(target.tree)
        sizes = np.cumsum([self._vocabulary.count(f"{line}\n") for line in tree.lines])
        for budget in budgets:
            lines = int(np.searchsorted(sizes, budget, side="right"))
            tokens = int(sizes[lines - 1]) if lines else 0
            named = holds("\n".join(tree.lines[:lines]), target.name)
            yield "tree", budget, Shown(0 <= target.line < lines, named, tokens)


class _Held:
    """A target that is no part of a cache's key."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


class _Near:
    """A page as elements with the words and relations by which candidates are chosen."""

    def __init__(self, html: bytes, held: _Held, pruner: Pruner) -> None:
        del html  # the key by which it is remembered
        self._page, self._pruner = held.target.page, pruner
        page = self._page
        self._parents = kin(page).parents
        self._children: list[list[int]] = [[] for _ in range(page.elements)]
        for element, parent in enumerate(self._parents):
            if parent >= 0:
                self._children[parent].append(element)
        self._candidates: list[int] = []
        self._words: dict[int, set[str]] = {}
        for element, place in enumerate(page.positions.tolist()):
            token = page.tokens[place]
            if token.tag in _ACTED_ON:
                said = " ".join([*token.attributes().values(), token.text]).lower()
                self._words[element] = set(_WORD.findall(said))
                self._candidates.append(element)

    def ranked(self, objective: str, label: int) -> list[int]:
        """Candidates, the one with most of the task's words first."""
        task = set(_WORD.findall(objective.lower()))
        order = sorted(self._candidates, key=lambda one: (-len(task & self._words[one]), one))
        chosen = order[:CANDIDATES]
        return [label, *(each for each in chosen if each != label)] if label >= 0 else chosen

    def around(self, candidates: tuple[int, ...]) -> set[int]:
        """The elements that stay."""
        kept: set[int] = set()
        for element in candidates:
            at = element
            while at >= 0:
                kept.add(at)
                at = self._parents[at]
            self._below(element, DEPTH, kept)
            parent = self._parents[element]
            if parent >= 0:
                beside = self._children[parent]
                place = beside.index(element)
                kept.update(beside[max(0, place - SIBLINGS) : place + SIBLINGS + 1])
        return kept

    def _below(self, element: int, depth: int, kept: set[int]) -> None:
        kept.add(element)
        if depth:
            for child in self._children[element]:
                self._below(child, depth - 1, kept)

    def text(self, kept: set[int]) -> str:
        """The markup of the elements that stay, by the reference's rules for start tags."""
        page, out, stays = self._page, [], [False]
        opened, element = OpenTags(), -1
        for token in page.tokens:
            if token.kind == END:
                ended = [stays.pop() for _ in range(opened.close(token.tag))]
                out += [f"</{token.tag}>" for stayed in ended if stayed]
            elif token.element:
                element += 1
                if element in kept:
                    out.append(self._pruner.start_tag(page, element))
                if token.kind == START:
                    opened.open(token.tag)
                    stays.append(element in kept)
            if stays[-1] and not token.hides_text and not token.raw_text.isspace():
                out.append(" ".join(token.text.split()))
        return " ".join(filter(None, out))
