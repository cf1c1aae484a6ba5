"""What pruning took from a page, rule by rule, in characters.

It is told from the page and its observation alone: which elements stayed is read off the node ids.
So it holds for whatever wrote the observation. The sum is exact::

    raw = observation - added + the characters of all removals + rewritten

``added`` are the node ids. ``rewritten`` is what remains: white space, quotes, references, and end
tags that were written in another way or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.rules import NODE, Policy
from etl.pages.tokens import END, START, OpenTags, Token, is_shadow_root
from schemas.utf8 import characters

Rule = Literal[
    "dropped_with_content",
    "template",
    "unwrapped",
    "empty",
    "attribute",
    "value",
    "class_words",
    "comments",
]

MEANINGS: Final[dict[Rule, str]] = {
    "dropped_with_content": "in dropped_with_content",
    "template": "text in a template, of which a browser shows nothing",
    "unwrapped": "not in kept_tags, content stays",
    "empty": "without content",
    "attribute": "not in kept_attributes",
    "value": "value empty or under min_chars_per_token",
    "class_words": "words under min_chars_per_token",
    "comments": "comments, declarations and end tags of nothing",
}
"""Each rule in words, by the settings of the recipe's section ``prune``."""


class Removal(NamedTuple):
    """What one rule took of one kind of markup."""

    rule: Rule
    # the tag or attribute; empty for comments
    name: str
    times: int
    characters: int


@dataclass(frozen=True)
class Removed:
    """The account of a page, in characters."""

    raw: int
    observation: int
    # node ids
    added: int
    # what the rules do not explain: spelling and white space; negative if it grew
    rewritten: int
    # the largest first
    removals: tuple[Removal, ...]


def removed(policy: Policy, html: str | bytes, observation: str | bytes) -> Removed:
    """The account of a page and its observation. Takes time linear in both.

    policy: by which it was pruned.
    """
    raw, shown = characters(html), characters(observation)
    counter = _Counter(policy, read(html), _nodes(observation))
    counter.count()
    counter.take("comments", "", raw - counter.told)
    removals = [
        Removal(rule, name, times, size) for (rule, name), (times, size) in counter.taken.items()
    ]
    removals = [each for each in removals if each.characters or each.times]
    removals.sort(key=lambda each: (-each.characters, each.rule, each.name))
    rewritten = raw - sum(each.characters for each in removals) - (shown - counter.added)
    return Removed(raw, shown, counter.added, rewritten, tuple(removals))


def _nodes(observation: str | bytes) -> set[int]:
    """The node ids of the elements in an observation."""
    found = set()
    for token in read(observation).tokens:
        if token.element and (node := token.attributes().get(NODE, "")).isdecimal():
            found.add(int(node))
    return found


@dataclass(slots=True)
class _Open:
    """An open element."""

    tag: str
    # how its end tag counts; empty: it stays
    rule: Rule | Literal[""]


class _Counter:
    """Goes through a page and counts what did not stay."""

    def __init__(self, policy: Policy, page: Page, stayed: set[int]) -> None:
        self._policy, self._page, self._stayed = policy, page, stayed
        # (rule, name) -> count and characters
        self.taken: dict[tuple[Rule, str], tuple[int, int]] = {}
        # characters of the node ids, with their attribute
        self.added = 0
        # characters of the page that were looked at
        self.told = 0
        self._opened: list[_Open] = []
        # the place among them of the outermost that takes its content along, or hides its text
        self._outer = -1
        self._tags = OpenTags()

    def take(self, rule: Rule, name: str, size: int, count: int = 1) -> None:
        """Count what a rule took."""
        if size > 0:
            before = self.taken.get((rule, name), (0, 0))
            self.taken[rule, name] = before[0] + count, before[1] + size

    def count(self) -> None:
        """Count all of the page."""
        element = 0
        for token in self._page.tokens:
            if token.element:
                self._element(token, self._page.node(element))
                element += 1
            elif token.kind == END:
                self._end(token)
            self._text(token)

    def _around(self) -> _Open | None:
        """The outermost element that takes its content along, or hides its text."""
        return self._opened[self._outer] if self._outer >= 0 else None

    def _element(self, token: Token, node: int) -> None:
        self.told += len(token.markup)
        around, rule = self._around(), self._policy.tag(token.tag)
        why: Rule | Literal[""] = ""
        if node in self._stayed:
            self.added += len(f' {NODE}="{node}"')
            self._attributes(token)
        elif around is not None and around.rule == "dropped_with_content":
            self.take("dropped_with_content", around.tag, len(token.markup), 0)
        else:
            why = "empty" if rule.kept else "unwrapped"
            if rule.dropped and token.kind == START:
                why = "dropped_with_content"
            elif rule.template and not rule.kept and not is_shadow_root(token):
                why = "template"
            self.take(why, token.tag, len(token.markup))
        if token.kind == START:
            if self._outer < 0 and why in ("dropped_with_content", "template"):
                self._outer = len(self._opened)
            self._opened.append(_Open(token.tag, why))
            self._tags.open(token.tag)

    def _end(self, token: Token) -> None:
        size = len(f"</{token.tag}>")
        closed = self._tags.close(token.tag)
        if not closed:
            return  # an end tag of nothing
        self.told += size
        around = self._around()
        ended = self._opened[-closed]
        del self._opened[-closed:]
        if self._outer >= len(self._opened):
            self._outer = -1
        if around is not None and around.rule == "dropped_with_content":
            self.take("dropped_with_content", around.tag, size, 0)
        elif ended.rule:
            self.take(ended.rule, ended.tag, size, 0)

    def _text(self, token: Token) -> None:
        size = len(token.raw_text)
        self.told += size
        if (around := self._around()) is not None:
            self.take(around.rule or "template", around.tag, size, 0)

    def _attributes(self, token: Token) -> None:
        """What the rules took from the start tag of an element that stayed."""
        policy = self._policy
        for name, value in token.attributes().items():
            size = len(f' {name}="{value}"') if value else len(f" {name}")
            if not policy.name(name).may_stay:
                self.take("attribute", name, size)
            elif not (shown := policy.attribute(name, value)):
                self.take("value", name, size)
            elif policy.name(name).words:
                words = Counter(value.split()) - Counter(_words(shown, name))
                self.take(
                    "class_words",
                    name,
                    sum(len(word) + 1 for word in words.elements()),
                    words.total(),
                )


def _words(shown: str, name: str) -> Iterator[str]:
    """The words of a class in a start tag."""
    tag = next(iter(read(f"<a{shown}>").tokens))
    yield from tag.attributes().get(name, "").split()
