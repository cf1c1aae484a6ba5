"""Counting marks on targets, around them, and everywhere else.

Two passes over the samples. The first counts the marks on and around targets alone, with a bound
(Misra and Gries, "Finding repeated elements", 1982: when there are too many, all lose as much as
the median has, so that a mark is lost only if it is rarer than one in half the bound). Those that
come often enough are counted in the second pass, wherever they are: memory is that of marks that
repeat on targets, whatever the number of samples.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from etl.look.leaks.chance import LEAST
from etl.pages.marks import names
from etl.pages.marks.lines import TAG
from etl.pages.marks.names import Mark
from etl.pages.marks.outline import Outline, outline
from etl.pages.page import Page
from etl.pages.tokens import Token

MOST: Final = 2**20
"""The most different marks on and around targets that the first pass holds, by format."""
_SMALL: Final = 8
"""The most elements of a target whose texts are all its own; of others, those of its children."""
_DIFFERENT: Final = 256
"""The most different targets that are told apart for one mark."""
_EXAMPLES: Final = 3
_CONTROLS: Final = frozenset(
    ("a", "button", "input", "option", "select", "summary", "textarea")
) | frozenset(
    TAG + role for role in (
        "a", "button", "checkbox", "combobox", "input", "link", "menuitem", "option", "radio",
        "searchbox", "select", "spinbutton", "switch", "tab", "textarea", "textbox",
    )
)  # fmt: skip
"""What a target is chosen among, besides elements of its own tag."""
_CANDIDATES: Final = 50
"""The most elements that it is thought to be chosen among: the chance is at least 1/50."""
_LEAST_NEAR: Final = 0.05
"""The least chance of an element to be near the target."""
_OWN: Final = (
    *("id", "name", "type", "href", "src", "for", "role", "placeholder"),
    *("alt", "aria-label", "aria_label", "title"),
)
"""The attributes that tell one element from another; the others may say what state it is in."""
_TYPED: Final = frozenset(("textarea", f"{TAG}textbox", f"{TAG}searchbox"))
"""Elements whose text is what was typed."""
_WORD: Final = re.compile(r"\w")
_NODE: Final = re.compile(r' node="[0-9]+"')


class Seen(NamedTuple):
    """A page with its target."""

    sample_id: str
    source: str
    domain: str
    page: Page
    # the index of the target
    target: int
    # the page is an observation, where our node ids are no marks
    numbered: bool


@dataclass(slots=True)
class Count:
    """How often a mark was seen, in one place: on targets, or around them."""

    # samples whose target has it, or has it around
    targets: int = 0
    # its carriers on or around targets
    carriers: int = 0
    # of the chances that these are the targets, in millionths
    chances: int = 0
    # the sum of the hashes of these samples: the same for marks that always come together
    together: int = 0
    examples: list[str] = field(default_factory=list)
    different: set[bytes] = field(default_factory=set)
    # different carriers, without their texts and styles
    bearers: set[bytes] = field(default_factory=set)

    def add(self, other: Count) -> None:
        """Take in the counts of another domain."""
        self.targets += other.targets
        self.carriers += other.carriers
        self.chances += other.chances
        self.together += other.together
        self.examples = [*self.examples, *other.examples][:_EXAMPLES]
        self.different |= other.different
        self.bearers |= other.bearers


@dataclass(slots=True)
class Group:
    """The counts of one domain in one format."""

    samples: int = 0
    elements: int = 0
    # carriers of each mark, wherever they are
    everywhere: Counter[Mark] = field(default_factory=Counter)
    on: dict[Mark, Count] = field(default_factory=dict)
    near: dict[Mark, Count] = field(default_factory=dict)


class Target(NamedTuple):
    """The marks on a target and around it, each with its carriers."""

    tree: Outline
    around: list[int]
    on: dict[Mark, list[int]]
    near: dict[Mark, list[int]]


def target_of(seen: Seen) -> Target:
    """The marks on and around the target of a page."""
    page, tree = seen.page, outline(seen.page)
    around = tree.around(page, seen.target)
    inner = range(seen.target, tree.after(page, seen.target))
    own = {seen.target, *(each for each in around if each in inner)}
    if len(inner) <= _SMALL:
        own.update(inner)
    start, end = page.position(seen.target), tree.ends[seen.target]
    on: dict[Mark, list[int]] = {}
    near: dict[Mark, list[int]] = {}
    for mark in _on_tag(seen, seen.target):
        on.setdefault(mark, []).append(seen.target)
    for element in around:
        for mark in _on_tag(seen, element):
            near.setdefault(mark, []).append(element)
    # texts: from those of the element before the target to those of the one after it
    first = page.position(min(around, default=seen.target))
    last = max([end, *(tree.ends[each] for each in around)])
    beside = {*around}
    for place in {*range(max(0, min(first, start - 1)), min(last + 1, len(page.tokens)))}:
        token, owner = page.tokens[place], tree.owners[place]
        if not _shown(token):
            continue
        into = on if owner in own else near
        if owner in own or owner in beside or place in (start - 1, end):
            for mark in names.of_text(token.text):
                into.setdefault(mark, []).append(owner)
    return Target(tree, around, on, near)


def frequent(pages: Iterable[Seen]) -> tuple[dict[str, frozenset[Mark]], int]:
    """The marks that come often enough on or around targets, by format.

    Also the most occurrences that a mark may have had and still be lost to the bound.
    """
    counts: dict[str, Counter[Mark]] = {}
    lost = 0
    for seen in pages:
        target = target_of(seen)
        counter = counts.setdefault(seen.source, Counter())
        counter.update(target.on.keys() | target.near.keys())
        if len(counter) > MOST:
            median = sorted(counter.values())[MOST // 2]
            lost += median
            counts[seen.source] = Counter(
                {mark: count - median for mark, count in counter.items() if count > median}
            )
    least = max(1, LEAST - lost)
    often = {
        source: frozenset(mark for mark, count in counter.items() if count >= least)
        for source, counter in counts.items()
    }
    return often, lost


def counted(
    pages: Iterable[Seen], wanted: dict[str, frozenset[Mark]]
) -> dict[tuple[str, str], Group]:
    """The counts of the wanted marks, by format and domain."""
    groups: dict[tuple[str, str], Group] = {}
    tags = {source: _Tags(marks) for source, marks in wanted.items()}
    for seen in pages:
        group = groups.setdefault((seen.source, seen.domain), Group())
        _count(seen, group, tags[seen.source])
    return groups


class _Tags:
    """The wanted marks of start tags and texts; those of the latest are remembered."""

    def __init__(self, wanted: frozenset[Mark]) -> None:
        self.wanted = wanted
        self.of_markup = lru_cache(2**16)(self._of_markup)
        self.of_text = lru_cache(2**16)(self._of_text)

    def _of_markup(self, kind: int, tag: str, markup: str) -> tuple[Mark, ...]:
        return tuple(mark for mark in names.of_markup(kind, tag, markup) if mark in self.wanted)

    def _of_text(self, text: str) -> tuple[Mark, ...]:
        return tuple(mark for mark in names.of_text(text) if mark in self.wanted)


def _count(seen: Seen, group: Group, tags: _Tags) -> None:
    """Count the marks of one page."""
    page, target = seen.page, target_of(seen)
    token = page.tokens[page.position(seen.target)]
    alike = 0
    group.samples += 1
    group.elements += page.elements
    for each in page.tokens:
        if each.element:
            alike += each.tag == token.tag or each.tag in _CONTROLS
            markup = _NODE.sub("", each.markup) if seen.numbered else each.markup
            group.everywhere.update(tags.of_markup(each.kind, each.tag, markup))
        if each.raw_text and _shown(each):
            group.everywhere.update(tags.of_text(each.text))
    chance = max(1 / alike, 1 / _CANDIDATES)
    near = max(min(1.0, (len(target.around) + 1) / page.elements), _LEAST_NEAR)
    hashed = int.from_bytes(_hash(seen.sample_id), "big")
    for marks, into, of_place in ((target.on, group.on, chance), (target.near, group.near, near)):
        for mark in sorted(tags.wanted.intersection(marks)):
            count = into.setdefault(mark, Count())
            carriers = marks[mark]
            count.targets += 1
            count.carriers += len(carriers)
            count.chances += round(of_place * 1e6)
            count.together += hashed
            if len(count.examples) < _EXAMPLES:
                count.examples.append(seen.sample_id)
            if len(count.different) < _DIFFERENT:
                on_target = into is group.on
                count.different.add(_signature(seen, target.tree, mark if on_target else None))
                count.bearers |= {_bearer(seen, each) for each in carriers if each >= 0}


def _on_tag(seen: Seen, element: int) -> tuple[Mark, ...]:
    token = seen.page.tokens[seen.page.position(element)]
    markup = _NODE.sub("", token.markup) if seen.numbered else token.markup
    return names.of_markup(token.kind, token.tag, markup)


def _shown(token: Token) -> bool:
    return not token.hides_text and bool(token.raw_text.strip())


def _signature(seen: Seen, tree: Outline, mark: Mark | None) -> bytes:
    """The hash of what tells a target from others, whatever its state, and without a mark."""
    page = seen.page
    token = page.tokens[page.position(seen.target)]
    marked = "" if mark is None else mark.name.partition("=")[0]
    attributes = token.attributes()
    own = [(name, attributes[name]) for name in _OWN if name in attributes and name != marked]
    texts: list[str] = []
    end = min(tree.ends[seen.target], len(page.tokens))
    for place in range(page.position(seen.target), end):
        if token.tag not in _TYPED and _shown(page.tokens[place]):
            texts.append(_without(names.spaced(page.tokens[place].text), mark))
            if len(texts) == _SMALL:
                break
    # a text of signs alone says what is done to an element, or was: it tells none from another
    return _hash(repr((token.tag, own, [text for text in texts if _WORD.search(text)])))


def _without(text: str, mark: Mark | None) -> str:
    """A text without a mark at its beginning or end."""
    if mark is None or mark.kind not in names.OF_TEXTS:
        return text
    if mark.kind == names.ENDING:
        return text.removesuffix(mark.name)
    return text.removeprefix(mark.name)


def _bearer(seen: Seen, element: int) -> bytes:
    """The hash of what tells an element from others of its make: its tag and classes."""
    token = seen.page.tokens[seen.page.position(element)]
    return _hash(f"{token.tag} {' '.join(sorted(token.attributes().get('class', '').split()))}")


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def merged(groups: Iterable[Group]) -> Group:
    """The counts of several domains together."""
    whole = Group()
    for group in groups:
        whole.samples += group.samples
        whole.elements += group.elements
        whole.everywhere.update(group.everywhere)
        for mine, theirs in ((whole.on, group.on), (whole.near, group.near)):
            for mark, count in theirs.items():
                mine.setdefault(mark, Count()).add(count)
    return whole


def by_source(groups: dict[tuple[str, str], Group]) -> Iterator[tuple[str, list[str]]]:
    """Each format with its domains, in order."""
    for source in sorted({source for source, _ in groups}):
        yield source, sorted(domain for each, domain in groups if each == source)
