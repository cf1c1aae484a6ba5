"""Pruning: from a recorded page to the text a model sees, by the rules of `etl.pages.rules`.

Every element gets a number (``node``): its index, counted from the end of the document. Elements
that are left empty are removed from the leaves up, unless their tag or an attribute keeps them.
Tags and texts are joined by single spaces; inside ``pre`` and ``textarea`` nothing is added.

`_Writer` is the specification; it writes token by token. The engine writes the same, several times
as fast: it applies the rules once to each piece of markup, and recorded pages repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from etl.pages import compiled
from etl.pages.live import live
from etl.pages.page import Live, Page
from etl.pages.rules import NODE, Policy, PruneRules
from etl.pages.tokens import EMPTY, END, START, OpenTags, Token, is_shadow_root
from schemas.utf8 import held_text, utf8_of

MEMO_BYTES: Final = 64 * 2**20
"""Bound of the attribute values that the engine remembers; beyond it, the engine forgets all."""


@dataclass(frozen=True)
class Pruned:
    """A pruned page. The observation is held as text or as UTF-8 (`schemas.utf8`)."""

    observation: str
    # of the requested element; empty if the observation does not hold it
    start_tag: str


held_text(Pruned, "observation")


class Pruner:
    """Prunes pages by fixed rules.

    count_tokens: as for `Policy`.
    """

    def __init__(self, rules: PruneRules, count_tokens: Callable[[str], int]) -> None:
        self.policy = Policy(rules, count_tokens)
        self._engine: Any = compiled.ENGINE and compiled.ENGINE.Writer(self.policy)

    def prune(self, page: Page, element: int | None = None, keep: bool = False) -> Pruned:
        """The observation of a page, and the start tag in it of one element.

        keep: that element stays even against the rules, unless an element around it is dropped with
        its content. Takes time linear in the page.
        """
        observation, owner = page.observation
        if owner is not self:
            observation = self._written(page)
            page.observation = observation, self
        if element is None:
            return Pruned(observation, "")
        start_tag = self.start_tag(page, element)
        if _holds(observation, start_tag):
            return Pruned(observation, start_tag)
        if not keep:
            return Pruned(observation, "")
        observation = self._written(page, element)
        return Pruned(observation, start_tag if _holds(observation, start_tag) else "")

    def start_tag(self, page: Page, element: int) -> str:
        """The start tag that an element has in an observation, if it stays there."""
        tag = _start_tag(self.policy, page.tokens[page.position(element)])
        return tag.numbered(page.node(element))

    def _written(self, page: Page, element: int | None = None) -> Any:
        """The observation of a page, or its UTF-8; the element with this index always stays."""
        shown = Live(page, None, []) if self.policy.rules.inert_content else live(page)
        element = -1 if element is None else shown.of_whole(element)
        kept = -1 if element < 0 else shown.page.position(element)
        if (tokens := shown.page.compiled) is not None:
            with compiled.LOCK:
                return self._engine.write(tokens, page.elements, shown.gaps, kept, MEMO_BYTES)
        return write(self.policy, shown, page.elements, kept)


def _holds(observation: str | bytes, start_tag: str) -> bool:
    if isinstance(observation, str):
        return start_tag in observation
    return utf8_of(start_tag) in observation


def write(policy: Policy, shown: Live, elements: int, kept: int = -1) -> str:
    """The observation of a page, token by token.

    elements: their number in the whole page. kept: the place of a start tag that always stays.
    """
    writer = _Writer(policy, elements)
    gaps = dict(shown.gaps)
    for place, token in enumerate(shown.page.tokens):
        writer.write(token, keep=place == kept)
        writer.node -= gaps.get(place, 0)
    writer.close(len(writer.opened))
    text = "".join(writer.out)
    if not writer.was_literal:
        return text  # of single spaces, with one at the end
    words = text.split()
    return " ".join(words) + " " if words else ""


class _StartTag(NamedTuple):
    """A start tag in an observation."""

    # the text before and after the node id
    before: str
    after: str
    # whether an attribute keeps the element when it is empty
    keeps: bool

    def numbered(self, node: int) -> str:
        return f"{self.before}{node}{self.after}"


def _start_tag(policy: Policy, token: Token) -> _StartTag:
    """A start tag by the rules, its attributes in the order of their names."""
    shown = {NODE: ""}
    for name, value in token.attributes().items():
        if policy.name(name).may_stay:
            shown[name] = policy.attribute(name, value)
    names = sorted(shown)
    at = names.index(NODE)
    before = "".join([shown[name] for name in names[:at]])
    after = "".join([shown[name] for name in names[at:]])
    keeps = any(shown[name] and policy.name(name).keeps_element for name in names)
    slash = "/" if token.kind == EMPTY and policy.tag(token.tag).void else ""
    return _StartTag(f'<{token.tag}{before} {NODE}="', f'"{after}{slash}>', keeps)


@dataclass(slots=True)
class _Opened:
    """An open element."""

    tag: str
    # the number of strings in the output before it
    begin: int
    # the number of strings after its start tag; -1: it stays even if it is empty
    end: int
    # the output holds its start tag
    written: bool = False
    # it goes with its content
    dropped: bool = False
    # it hides text
    hides: bool = False


class _Writer:
    """Writes one page: it holds the open elements and the output so far."""

    def __init__(self, policy: Policy, elements: int) -> None:
        self.out: list[str] = []
        self.opened: list[_Opened] = []
        self.node = elements
        self.was_literal = False
        self._policy = policy
        self._tags = OpenTags()
        self._literal = 0  # the depth of the open element in which white space counts; 0 if none
        self._hides = 0  # the number of open elements that hide text

    def write(self, token: Token, *, keep: bool) -> None:
        """Write one token. keep: its element stays even against the rules."""
        dropped = token.kind == START and self._policy.tag(token.tag).dropped
        if token.kind == END:
            self.close(self._tags.close(token.tag))
        elif token.element:
            self.node -= 1
            if token.kind == EMPTY:
                self._complete(token, keep=keep)
            else:
                self._open(token, dropped=dropped, keep=keep)
        if not self._hides and not dropped:
            policy = self._policy
            text = (policy.literal_text if self._literal else policy.text)(token.text)
            if text:
                self.out.append(text)

    def close(self, elements: int) -> None:
        """Close the innermost elements."""
        for _ in range(elements):
            opened = self.opened.pop()
            self._hides -= opened.hides
            if opened.dropped or opened.end == len(self.out):
                del self.out[opened.begin :]
                opened.written = False
            elif opened.written:
                self.out.append(f"</{opened.tag}>")
            if self._literal > len(self.opened):
                self._literal = 0
            if opened.written:
                self._space()

    def _complete(self, token: Token, *, keep: bool) -> None:
        """Write an element that ends with its start tag, if it stays."""
        rule = self._policy.tag(token.tag)
        if not (rule.kept or keep):
            return
        tag = _start_tag(self._policy, token)
        if keep or rule.kept_when_empty or tag.keeps:
            self.out.append(tag.numbered(self.node))
            self._space()
            if not rule.void:
                self.out.append(f"</{token.tag}>")
                self._space()

    def _open(self, token: Token, *, dropped: bool, keep: bool) -> None:
        """Open an element, and write its start tag if it stays."""
        rule = self._policy.tag(token.tag)
        opened = _Opened(token.tag, len(self.out), -1)
        if dropped and not keep:
            opened.dropped = True
        elif rule.kept or keep:
            opened.written = True
            if rule.literal:
                self._literal = self._literal or len(self.opened) + 1
                self.was_literal = True
            tag = _start_tag(self._policy, token)
            self.out.append(tag.numbered(self.node))
            self._space()
            if not (keep or rule.kept_when_empty or tag.keeps):
                opened.end = len(self.out)
        elif rule.template and not is_shadow_root(token):
            opened.hides = True
            self._hides += 1
        self.opened.append(opened)
        self._tags.open(token.tag)

    def _space(self) -> None:
        """Add a space, except where white space counts."""
        if not self._literal:
            self.out.append(" ")
