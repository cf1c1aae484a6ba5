"""Compares workflows with the tasks of a registry.

The methods, the surest first:

- ``task_id``: the recording has the id that the benchmark gives the task, or was made on the page
  of a task that is drawn anew each time (MiniWoB).
- ``exact``: the same text. ``normalised``: the same words but for politeness.
- ``masked``: the words that stay when entities are taken out, in their order, with other entities.
- ``ngrams``: most runs of `wording.GRAM` words of the task are in the objective.
- ``reworded``: the same words in another order, most of them: the weights of those that both have
  over the weights of all. A word weighs more the fewer tasks have it, by powers of two.
- ``site_task``: the same on the same site, with fewer words. ``start_url``: the same from the same
  address, with fewer still.
- ``skeleton``: the first pages have the same tags, whatever their texts, on one site; or with as
  many words as from the same address. Only pages that tell a task count
  (`etl.decisions.benchmarks.first_pages`). The similarity is that of the pages.

All sums are of integers, so no order of addition changes them. Only tasks that share a word which
few tasks have (`_FEW`) are compared by weights.

To be that similar, a task must share one of its rarest runs, or one of the rarest words of the
objective: the others together are too few. So only the tasks that do are looked at (prefix
filtering; Chaudhuri, Ganti, Kaushik, "A primitive operator for similarity joins", 2006).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from etl.decisions.benchmarks import wording
from etl.decisions.benchmarks.first_pages import FirstPages
from etl.decisions.benchmarks.places import path_hash, site_of, url_hash
from etl.decisions.benchmarks.registry import Entry, Registry

Method = Literal[
    "task_id", "exact", "normalised", "masked", "ngrams", "reworded", "site_task", "start_url",
    "skeleton",
]  # fmt: skip
METHODS: Final[tuple[Method, ...]] = get_args(Method)

_FEW: Final = 50
"""Tasks that may have a word that leads to comparison; of many tasks, a twentieth may."""
_LONGEST_GAP: Final = 10
"""Words that may stand for a run of entities."""
_EXTRA: Final = 2
"""Words that may stand before and after what a task of many fixed words asks for."""
_MANY: Final = 6
_FIXED: Final = 4
"""Words beside entities that a task needs to be known by them; one less on the same site."""
_LEAST_WORDS: Final = 3
"""Words that a task needs to be compared by weights."""
_LEAST_GRAMS: Final = 4
_ID_LENGTH: Final = 6
"""Characters from which on an id that is no number stands for one thing."""
_GYM_NAME: Final = re.compile(r"(?<![A-Za-z])([a-z]+(?:_[a-z]+)*(?:\.[a-z]+)?)\.(\d+)(?!\d)")
"""``webarena.7``, ``visualwebarena.reddit.7``, as BrowserGym names episodes."""
_PART: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)+")
_GYM: Final = {"webarena_lite": "webarenalite"}


class Asked(NamedTuple):
    """What is known of a workflow."""

    workflow: str
    objective: str
    website: str
    domain: str
    # of its first step
    url: str
    # of the page of that (`schemas.ledger.SIGNATURES_SCHEMA`)
    skeleton: bytes = b""
    shapes: int = 0


class Match(NamedTuple):
    """A task that a workflow overlaps with."""

    entry: Entry
    method: Method
    # in thousandths: of the words, n-grams or tags, by the method; 1000 where that is no question
    similarity: int


@dataclass(frozen=True)
class Limits:
    """From which similarity on a method flags, in thousandths."""

    methods: frozenset[str]
    ngrams: int
    reworded: int
    site_task: int
    start_url: int
    # of `FirstPages`
    skeleton: int = 900
    skeleton_shapes: int = 30
    skeleton_tasks: int = 2


class Tasks:
    """The tasks of a registry, found by their forms.

    Memory: some hundred bytes and a few entries of dictionaries for each word of a task.
    """

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._limits = limits
        self._entries = registry.entries
        self._words = [frozenset(each.words) for each in self._entries]
        self._by: dict[str, Mapping[object, list[int]]] = {
            name: _index(self._entries, name) for name in ("exact", "normalised", "urls", "paths")
        }
        having = _index(self._entries, "words")
        self._having = {word: frozenset(found) for word, found in having.items()}
        with_text = sum(bool(each.words) for each in self._entries)
        self._often = max(_FEW, with_text // 20)
        self._weights = {
            word: max(1, (with_text // len(found)).bit_length()) for word, found in having.items()
        }
        self._unknown = max(1, with_text.bit_length())
        self._sizes = [self._weight(words) for words in self._words]
        self._rare_grams = _rare_grams(self._entries, limits.ngrams)
        on_site = _index(self._entries, "sites")
        self._on_site = {site: frozenset(found) for site, found in on_site.items()}
        self._names, self._sites = _named(self._entries)
        self._pages = FirstPages(
            self._entries, limits.skeleton, limits.skeleton_shapes, limits.skeleton_tasks
        )
        # by the rarest of its fixed words: the number of a task, how many there are, which
        self._templates: defaultdict[int, list[tuple[int, int, frozenset[int]]]]
        self._templates = defaultdict(list)
        for at, each in enumerate(self._entries):
            fixed = [word for word in each.template if word != wording.GAP]
            if len(fixed) >= _FIXED - 1:
                rarest = min(fixed, key=self._rarity)
                self._templates[rarest].append((at, len(fixed), frozenset(fixed)))

    def _rarity(self, word: int) -> tuple[int, int]:
        return -self._weights.get(word, self._unknown), word

    def _weight(self, words: Iterable[int]) -> int:
        return sum(self._weights.get(word, self._unknown) for word in words)

    def overlaps(self, asked: Asked) -> list[Match]:
        """The surest match of each benchmark, by its name and version."""
        best: dict[tuple[str, str], tuple[tuple[int, int, str], Match]] = {}
        for match in self._matches(asked):
            if match.method not in self._limits.methods:
                continue
            order = (METHODS.index(match.method), -match.similarity, match.entry.task)
            key = match.entry.benchmark, match.entry.version
            if key not in best or order < best[key][0]:
                best[key] = order, match
        return [best[key][1] for key in sorted(best)]

    def _matches(self, asked: Asked) -> Iterator[Match]:
        sites = {site_of(asked.website), site_of(asked.domain)} - {""}
        for at in self._by_name(asked, sites):
            yield Match(self._entries[at], "task_id", 1000)
        linked = self._by_url(asked.url)
        for at in linked:
            if not self._words[at]:
                yield Match(self._entries[at], "start_url", 1000)
        pages = self._pages.alike(asked.skeleton, asked.shapes, asked.url)
        for at, similarity in pages.items():
            if sites.intersection(self._entries[at].sites):
                yield Match(self._entries[at], "skeleton", similarity)
        if not asked.objective.strip():
            return
        for at in self._by["exact"].get(wording.exact(asked.objective), ()):
            yield Match(self._entries[at], "exact", 1000)
        found = wording.plain(wording.words(asked.objective))
        normal = wording.normalised_words(found)
        for at in self._by["normalised"].get(normal, ()):
            yield Match(self._entries[at], "normalised", 1000)
        content = wording.content(found)
        words = frozenset(wording.words_of(content))
        yield from self._masked([wording.hash_of(word.text) for word in content], words, sites)
        yield from self._shared_grams(wording.grams(found))
        yield from self._by_words(words, sites, linked, pages)

    def _by_name(self, asked: Asked, sites: set[str]) -> Iterator[int]:
        id = asked.workflow.partition(":")[2] or asked.workflow
        names = {id, id.rpartition("/")[2], f"miniwob.{asked.website.strip().lower()}"}
        names |= {f"{gym}.{int(number)}" for gym, number in _GYM_NAME.findall(id)}
        for name in sorted(names):
            yield from self._names.get(name, ())
        for part in sorted(set(_PART.findall(id.lower()))):
            for site, at in self._sites.get(part, ()):
                if site in sites:
                    yield at

    def _by_url(self, url: str) -> frozenset[int]:
        found = [
            *self._by["urls"].get(url_hash(url), ()),
            *self._by["paths"].get(path_hash(url), ()),
        ]
        return frozenset(found)

    def _masked(self, query: list[int], words: frozenset[int], sites: set[str]) -> Iterator[Match]:
        """Tasks of the same words with other entities."""
        for word in words:
            for at, fixed, which in self._templates.get(word, ()):
                if not which <= words:
                    continue
                entry = self._entries[at]
                least = _FIXED - bool(sites.intersection(entry.sites))
                if fixed >= least and _fits(entry.template, query):
                    yield Match(entry, "masked", self._similarity(words, at))

    def _shared_grams(self, grams: list[int]) -> Iterator[Match]:
        """Tasks most of whose n-grams are there."""
        there = frozenset(grams)
        for at in {at for gram in grams for at in self._rare_grams.get(gram, ())}:
            own = self._entries[at].grams
            shared = sum(gram in there for gram in own)
            if 1000 * shared >= self._limits.ngrams * len(own):
                yield Match(self._entries[at], "ngrams", 1000 * shared // len(own))

    def _by_words(
        self,
        words: frozenset[int],
        sites: set[str],
        linked: frozenset[int],
        pages: Mapping[int, int],
    ) -> Iterator[Match]:
        """Tasks with most of the words."""
        if len(words) < _LEAST_WORDS:
            return
        few = [word for word in words if len(self._having.get(word, ())) <= self._often]
        rare = sorted(few, key=self._rarity)
        size = self._weight(words)
        near = linked.union(pages, *(self._on_site.get(site, ()) for site in sites))
        limits = self._limits
        lowest = min(limits.reworded, limits.site_task, limits.start_url)
        left, found = size, set[int]()
        for word in rare:
            having = self._having.get(word, frozenset())
            if 1000 * left >= limits.reworded * size:
                found |= having
            elif 1000 * left >= lowest * size:
                found |= having & near
            else:
                break  # all the words that are left are too few
            left -= self._weights.get(word, self._unknown)
        for at in found:
            own = self._sizes[at]
            less, more = (own, size) if own < size else (size, own)
            limit = lowest if at in near else limits.reworded
            if 1000 * less < limit * more or len(self._words[at]) < _LEAST_WORDS:
                continue
            similarity = self._similarity(words, at, size)
            entry = self._entries[at]
            if similarity >= limits.reworded:
                yield Match(entry, "reworded", similarity)
            if similarity >= limits.site_task and sites.intersection(entry.sites):
                yield Match(entry, "site_task", similarity)
            if similarity >= limits.start_url and at in linked:
                yield Match(entry, "start_url", similarity)
            if similarity >= limits.start_url and at in pages:
                yield Match(entry, "skeleton", pages[at])

    def _similarity(self, words: frozenset[int], at: int, size: int | None = None) -> int:
        """The weight of the shared words over that of all, in thousandths."""
        shared = sum(map(self._weights.__getitem__, words & self._words[at]))
        own = self._weight(words) if size is None else size
        union = own + self._sizes[at] - shared
        return 1000 * shared // union if union else 0


def _index(entries: Iterable[Entry], name: str) -> dict[object, list[int]]:
    found: defaultdict[object, list[int]] = defaultdict(list)
    for at, entry in enumerate(entries):
        value = getattr(entry, name)
        for each in (value,) if isinstance(value, bytes) else value:
            if each:
                found[each].append(at)
    return dict(found)


def _rare_grams(entries: Sequence[Entry], least: int) -> dict[int, list[int]]:
    """The tasks by their rarest n-grams: without one of them, too few others are left.

    least: the share of its n-grams that a task must have in common, in thousandths.
    """
    often = Counter(gram for entry in entries for gram in entry.grams)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for at, entry in enumerate(entries):
        size = len(entry.grams)
        if size >= _LEAST_GRAMS:
            needed = -(-least * size // 1000)
            rarest = sorted(entry.grams, key=lambda gram: (often[gram], gram))
            for gram in rarest[: size - needed + 1]:
                found[gram].append(at)
    return dict(found)


def _named(
    entries: Iterable[Entry],
) -> tuple[dict[str, list[int]], dict[str, list[tuple[str, int]]]]:
    """Tasks by the names of their recordings; by a part of the name, with the site it needs."""
    names: defaultdict[str, list[int]] = defaultdict(list)
    on_site: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for at, entry in enumerate(entries):
        parts = entry.task.split(".")
        if len(parts) == 3 and not parts[2].isdigit():  # workarena.servicenow.order-ipad-pro
            on_site[parts[2]].append((parts[1], at))
        if entry.task.isdigit():
            names[f"{_GYM.get(entry.benchmark, entry.benchmark)}.{int(entry.task)}"].append(at)
        elif len(parts) == 2 and parts[1].isdigit():  # a number on a site of VisualWebArena
            names[f"{entry.benchmark}.{parts[0]}.{int(parts[1])}"].append(at)
        elif len(entry.task) >= _ID_LENGTH:
            names[entry.task].append(at)
    return dict(names), dict(on_site)


def _fits(template: tuple[int, ...], query: list[int]) -> bool:
    """Whether a sequence of words is that of a template, with other words in its gaps."""
    open_end = template[-1] == wording.GAP
    runs, begins = _runs(template)
    extra = _EXTRA if sum(map(len, runs)) >= _MANY else 0
    # where the next word of the template may stand: from (inclusive) to (exclusive)
    places = {(0, extra + 1)}
    if begins:
        places = {(1, _LONGEST_GAP + 1)}
    for run in runs:
        ends = {
            at + len(run)
            for start, stop in places
            for at in range(start, min(stop, len(query) - len(run) + 1))
            if tuple(query[at : at + len(run)]) == run
        }
        if not ends:
            return False
        places = {(end + 1, end + _LONGEST_GAP + 1) for end in ends}
    left = {len(query) - end for end in ends}
    return any((1 <= each <= _LONGEST_GAP) if open_end else each <= extra for each in left)


def _runs(template: tuple[int, ...]) -> tuple[list[tuple[int, ...]], bool]:
    """The runs of words between gaps, and whether a gap comes before them."""
    runs: list[list[int]] = [[]]
    for word in template:
        if word == wording.GAP:
            runs.append([])
        else:
            runs[-1].append(word)
    return [tuple(run) for run in runs if run], template[0] == wording.GAP
