"""Pruning: from a recorded page to the text a model sees.

The rules are the reference pipeline's (ScribeAgent, arXiv 2411.15004); which tags and attributes
they name is the recipe's. Every element is numbered (``node``: its index counted from the end of
document order). Dropped with their content: the recipe's ``dropped_with_content`` tags, ``noembed``
and ``noframes``, of which a browser shows nothing, comments, and text inside ``template`` (a shadow
root is content). Other tags off the allow-list are unwrapped. Of the attributes only the listed
ones stay, minus what reads like a hash: a class token, or another value over 32 characters, with at
most ``min_chars_per_token`` characters a token. Of one whose name contains ``style`` only
``style_kept_only_as`` stays, where its value contains that. Event handlers are emptied. Elements
left empty are removed from the leaves up, unless their tag or an attribute says that they matter.
Tags and texts are joined by single spaces; inside ``pre`` and ``textarea`` nothing is added.

A recipe may go beyond the reference: `PruneRules` from ``inert_content`` on.

Two departures from the reference. NUL characters vanish, as they do in a browser. Recorder markers
are removed whatever the recipe's lists say: they tell the answer.

One pass over the page's tokens. What a token contributes does not depend on where it stands, so it
is worked out once and noted on the token, which `etl.pages` keeps: recorded pages repeat. An empty
element is dropped by truncating the output when it closes.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Final, NamedTuple

from etl import pages
from etl.pages import (
    EMPTY,
    END,
    OTHER,
    START,
    Note,
    Page,
    Token,
    engine,
    is_shadow_root,
    resolve,
    resolve_in_attribute,
)
from etl.pages.addresses import JavascriptRule, shortened

RECORDER_MARKERS: Final = re.compile(
    r"(?i)data_pw_testid_buckeye|__playwright_|^bid$|^ref$|^backend_node_id$|^data-webtasks-id$|^data-scrapy-annotate$"
    r"|^browsergym_|^data-stepmill-"
)
"""Attributes that recorders put into pages; they mark the target or number the elements."""

PSEUDO_ELEMENT: Final = re.compile(r"</?::-?[a-zA-Z][a-zA-Z-]*(?:\([^()<>]*\))?\s*/?>")
"""What recorders write as text where a style sheet puts something before or after an element's own
content.
"""

MEMO_BYTES: Final = 64 * 2**20
"""Bound of the memos of attribute values; when it is reached they start again empty."""

_NAMES_LIMIT: Final = 20_000  # names of attributes that are remembered
_LONGEST_NAME: Final = 64
_LONGEST_VALUE: Final = 512  # characters; longer ones hardly come again

_ENTRY_OVERHEAD: Final = (
    400  # measured bytes of an entry: key, value, their strings' headers, the slot
)
_FALLBACKS: Final = frozenset(("noembed", "noframes"))  # a browser shows nothing of them
_LITERAL_TAGS: Final = frozenset(("pre", "textarea"))
_WHITE_SPACE: Final = re.compile(r"\s+")

_DEEP: Final = 512  # open elements, more than any page that people see has

# Operations of a piece.
(
    _TEXT,
    _OPEN,
    _OPEN_REMOVABLE,
    _UNWRAP,
    _SINGLE,
    _CLOSE,
    _DROP,
    _LITERAL,
    _LITERAL_REMOVABLE,
    _TEMPLATE,
) = range(10)
# Marks of an open element; otherwise the length of the output after its start tag: it goes if
# nothing was added.
_KEPT, _UNWRAPPED, _HIDES_TEXT, _DROPPED = (
    -1,
    -2,
    -3,
    -4,
)  # _DROPPED - n: the output is cut back to n when it closes


_Piece = tuple[int, str, str, str, str]
"""What one token contributes: an operation, the tag, its start tag before and after the node id,
the text after it.
"""


@dataclass(frozen=True)
class PruneRules:
    """Which markup stays. Lists as in the recipe; see the module docstring for what each does.

    style_kept_only_as: what stays of an attribute with ``style`` in its name, where its value
    contains this; empty: none stays. min_chars_per_token: of class tokens and of values over 32
    characters, more than this.

    inert_content: whether content of ``noscript`` and ``template`` stays, of which a browser with
    scripts shows nothing (but for shadow roots); node ids count it in any case. pseudo_elements:
    whether marks like ``<::before>`` stay, that recorders write as text. max_data_uri: characters
    of the longest data URI that stays (0: of any length); a longer one leaves its media type.
    javascript_urls: ``keep`` them, leave ``short`` ones without the program, or ``drop``.
    """

    kept_tags: Annotated[frozenset[str], "tags that stay"]
    dropped_with_content: Annotated[frozenset[str], "tags that go with all that is in them"]
    kept_attributes: Annotated[frozenset[str], "attributes that stay"]
    never_filtered_attributes: Annotated[
        frozenset[str], "attributes whose value stays, however few characters a token it has"
    ]
    kept_when_empty_tags: Annotated[frozenset[str], "tags that stay without content"]
    kept_when_empty_attributes: Annotated[
        frozenset[str], "attributes that keep an element without content"
    ]
    style_kept_only_as: Annotated[str, "the one value with which a style attribute stays"] = ""
    min_chars_per_token: Annotated[
        float, "a value of fewer characters a token is noise, and goes"
    ] = 2.0
    inert_content: Annotated[
        bool,
        "whether content of noscript and template stays, which a browser with scripts"
        " does not show",
    ] = True
    pseudo_elements: Annotated[
        bool, "whether marks like <::before> stay, which recorders write as text"
    ] = False
    max_data_uri: Annotated[
        int, "characters; of a longer data URI its media type stays; 0: of any length"
    ] = 0
    javascript_urls: Annotated[
        JavascriptRule, "keep them, leave short ones without the program, or drop them"
    ] = "keep"


class Pruned(NamedTuple):
    """A pruned page: the observation, and the start tag of the element asked for (empty if it is
    not in there).
    """

    observation: str
    start_tag: str


class Pruner:
    """Prunes pages by fixed rules; keeps what tokens contribute for the next page.

    count_tokens: the number of tokens of a string under the vocabulary that the
    characters-per-token rule uses. dropped: the tags that go with their content.
    """

    def __init__(self, rules: PruneRules, count_tokens: Callable[[str], int]) -> None:
        self.rules = rules
        self._count_tokens = count_tokens
        self._kept_attributes = {
            name for name in rules.kept_attributes if not RECORDER_MARKERS.search(name)
        }
        self.dropped = rules.dropped_with_content | (_FALLBACKS - rules.kept_tags)
        self._readable: dict[str, bool] = {}
        self._shown = _Shown(self._varies)
        self._size = 0
        self._notes: Any = engine.PIECES and engine.PIECES.Notes(self)

    def prune(self, page: Page, element: int | None = None, keep: bool = False) -> Pruned:
        """The observation of a page, and the start tag as it stands there of the element with this
        index.

        keep: that element stays whatever the rules say (unless something around it is dropped with
        its content). Linear in the page.
        """
        observation, owner = page.note
        if owner is not self:
            observation = self._written(page)
            page.note = observation, self
        if element is None:
            return Pruned(observation, "")
        start_tag = self.start_tag(page, element)
        if start_tag in observation:
            return Pruned(observation, start_tag)
        if not keep:
            return Pruned(observation, "")
        observation = self._written(page, element)
        return Pruned(observation, start_tag if start_tag in observation else "")

    def _written(self, page: Page, element: int | None = None) -> str:
        """The observation; element: the index of one that stays whatever the rules say."""
        shown = pages.Live(page, None, []) if self.rules.inert_content else pages.live(page)
        element = -1 if element is None else shown.of_whole(element)
        kept = -1 if element < 0 else shown.page.position(element)
        tokens = shown.page.tokens
        if (compiled_tokens := shown.page.compiled) is not None:
            piece = None if kept < 0 else self.kept(tokens[kept])
            with pages.COMPILED:
                return _joined(
                    *self._notes.prune(compiled_tokens, page.elements, shown.gaps, kept, piece)
                )
        writer = _Writer(self, page.elements)
        if kept >= 0:
            writer.kept = tokens[kept].copy()
            tokens = [*tokens[:kept], writer.kept, *tokens[kept + 1 :]]
        at = 0
        for place, left_out in shown.gaps:
            writer.run(islice(tokens, at, place + 1))
            writer.node -= left_out
            at = place + 1
        writer.run(islice(tokens, at, None))
        writer.finish()
        return _joined("".join(writer.out), writer.was_literal)

    def start_tag(self, page: Page, element: int) -> str:
        """The start tag of one element as the rules leave it, whether or not it would stay in the
        observation.
        """
        token = page.tokens[page.position(element)]
        _, _, before, after, _, owner = token.note
        if owner is not self or not before:
            _, _, before, after, _ = self.kept(token)
        markup = f"{before}{page.node(element)}{after}"
        return markup[: markup.index(">") + 1]

    def kept(self, token: Token) -> _Piece:
        """What a token contributes if its element stays whatever the rules say."""
        _, _, _, _, text = self.piece(token)
        op, before, after = self._start_tag(token, removable=False)
        return op, token.tag, before, after, text

    def note(self, token: Token) -> Note:
        """Work out what a token contributes, in the form that `_Writer.run` takes, and note it on
        the token.

        What is written together is one string there: an end tag and the text after it, a start tag
        and its text. An element that holds text is never empty.
        """
        op, tag, before, after, text = self.piece(token)
        if op == _CLOSE:
            after = f"</{tag}> {text}"
        elif op == _OPEN or (op == _OPEN_REMOVABLE and text):
            op, after, text = _OPEN, after + text, ""
        token.note = op, tag, before, after, text, self
        return token.note

    def piece(self, token: Token) -> _Piece:
        """What a token contributes."""
        kind, tag, text = token.kind, token.tag, token.raw_text
        if kind == START and tag in self.dropped:
            return _DROP, tag, "", "", ""
        if text:
            text = "" if text.isspace() else _one_line(self._own_text(token.text))
        if kind == END:
            return _CLOSE, tag, "", "", text
        if kind == OTHER:
            return _TEXT, "", "", "", text
        if tag not in self.rules.kept_tags:
            hides = tag == "template" and kind == START and not is_shadow_root(token)
            return _SINGLE if kind == EMPTY else _TEMPLATE if hides else _UNWRAP, tag, "", "", text
        op, before, after = self._start_tag(token, tag not in self.rules.kept_when_empty_tags)
        return op, tag, before, after, text

    # ---- what the compiled writer asks for, once for each piece, tag, name and value

    @property
    def memo_bytes(self) -> int:
        """Bound of its memos of names and values."""
        return MEMO_BYTES

    def text(self, raw: str) -> str:
        """How the text after a token stands in the observation."""
        return "" if raw.isspace() else _one_line(self._own_text(resolve(raw)))

    def literal_text(self, token: Token) -> str:
        """The same inside ``pre`` and ``textarea``."""
        text = self._own_text(token.text.replace("\0", ""))
        return "" if text.isspace() else _escape(text)

    def _own_text(self, text: str) -> str:
        """Text without what recorders have put into it."""
        if self.rules.pseudo_elements or "::" not in text:
            return text
        return PSEUDO_ELEMENT.sub(" ", text)

    def tag_bits(self, tag: str) -> int:
        """What the rules say of a tag, as `etl.pages.pieces` has it."""
        rules = self.rules
        lists = (
            self.dropped,
            rules.kept_tags,
            rules.kept_when_empty_tags,
            _LITERAL_TAGS,
            ("template",),
        )
        return sum((tag in found) << bit for bit, found in enumerate((*lists, pages.VOID_TAGS)))

    def name_bits(self, name: str) -> int:
        """What they say of an attribute by its name in lower case: 1 it may stay, 2 then its
        element does too.
        """
        return self._varies(name) + 2 * (name in self.rules.kept_when_empty_attributes)

    def _grow(self, characters: int) -> None:
        """A memo is about to hold one entry more."""
        self._size += _ENTRY_OVERHEAD + 2 * characters
        if self._size > MEMO_BYTES:
            self._readable.clear()
            self._shown.clear()
            self._size = 0

    def _start_tag(self, token: Token, removable: bool) -> tuple[int, str, str]:
        """The operation of a kept element's start tag, and its markup before and after the node id.

        removable: the tag does not keep it when it is empty; an attribute may.
        """
        tag = token.tag
        before, after = f"<{tag}", '"'
        shown: dict[str, str] = {}
        for name, value in token.pairs():
            values = self._shown[name]
            if values is not None and name not in shown:  # the first of a name counts
                text = values.get(value)
                if text is None:
                    text = self.shown(name, value)
                    if len(value) <= _LONGEST_VALUE:  # it may well come again
                        self._grow(len(value) + len(text))
                        values[value] = text
                shown[name] = text
        if shown:
            names = sorted(shown)
            if removable:
                removable = not any(
                    shown[name] for name in names if name in self.rules.kept_when_empty_attributes
                )
            behind = bisect_left(names, "node")
            before += "".join([shown[name] for name in names[:behind]])
            after += "".join([shown[name] for name in names[behind:]])
        before += ' node="'
        if token.kind == EMPTY:
            if removable:
                return _SINGLE, "", ""
            return (
                _SINGLE,
                before,
                f"{after}/> " if tag in pages.VOID_TAGS else f"{after}> </{tag}> ",
            )
        if tag in _LITERAL_TAGS:
            return (_LITERAL_REMOVABLE if removable else _LITERAL), before, after + "> "
        return (_OPEN_REMOVABLE if removable else _OPEN), before, after + "> "

    def _varies(self, name: str) -> bool:
        """Whether it depends on its value if an attribute stays; else it goes."""
        if name in self._kept_attributes:
            return name != "node"
        return (
            "script" not in name
            and not RECORDER_MARKERS.search(name)
            and (_is_handler(name) or "style" in name)
        )

    def shown(self, name: str, written: str) -> str:
        """How an attribute with this value stands in a start tag, with a space before it; empty if
        it goes.
        """
        value = self._value(name, resolve_in_attribute(written) if "&" in written else written)
        return f" {name}={value}" if value else ""

    def shows(self, name: str, value: str) -> bool:
        """Whether an attribute stays with this value, as it is."""
        return self._varies(name) and self._value(name, value) == _quoted(value)

    def _value(self, name: str, value: str) -> str:
        """The value that stays, with its quotes; empty if the attribute goes."""
        rules = self.rules
        if name in self._kept_attributes:
            if name == "class":
                known = self._readable
                tokens = [
                    token
                    for token in value.split()
                    if (known[token] if token in known else self._reads(token))
                ]
                return _quoted(" ".join(tokens)) if tokens else ""
            value = shortened(name, value, rules.max_data_uri, rules.javascript_urls)
            if name in rules.never_filtered_attributes:
                return _quoted(value)
            if not value or value == "none":
                return ""
            return "" if len(value) > 32 and not self._reads(value) else _quoted(value)
        if len(value) > 32 and not self._reads(value):
            return ""
        if _is_handler(name):
            return '""'
        only = rules.style_kept_only_as
        return _quoted(only) if only and only in value else ""

    def _reads(self, text: str) -> bool:
        """Whether a string reads like words: more characters a token than the rule's minimum."""
        readable = self._readable.get(text)
        if readable is None:
            readable = len(text) > self.rules.min_chars_per_token * self._count_tokens(text)
            if len(text) <= 64:
                self._grow(len(text))
                self._readable[text] = readable
        return readable


def _is_handler(name: str) -> bool:
    """Whether an attribute holds a program that an event starts."""
    return name.startswith("on") or "jsaction" in name


class _Shown(dict[str, "dict[str, str] | None"]):
    """By an attribute's name, how it stands in a start tag with each value as written; None if it
    never stays.
    """

    def __init__(self, varies: Callable[[str], bool]) -> None:
        super().__init__()
        self._varies = varies

    def __missing__(self, name: str) -> dict[str, str] | None:
        values: dict[str, str] | None = {} if self._varies(name) else None
        if len(name) <= _LONGEST_NAME and len(self) < _NAMES_LIMIT:
            self[name] = values
        return values


def _joined(text: str, literal: bool) -> str:
    """A page as it was written: single spaces, one at the end; literal: if white space counted
    somewhere in it.
    """
    if literal and (not text.isprintable() or "  " in text or text[:1] == " " or text[-1:] != " "):
        words = text.split()
        return " ".join(words) + " " if words else ""
    return text


def _escape(text: str) -> str:
    """Text as it stands in markup."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text or ">" in text:
        text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text


def _one_line(text: str) -> str:
    """Text as it stands between tags: white space collapsed, escaped, one space at the end; empty
    if there is none.
    """
    text = text.strip()
    if not text.isprintable() or "  " in text:  # of white space only " " is printable
        text = " ".join(text.replace("\0", "").split())
    return _escape(text) + " " if text else ""


def _quoted(value: str) -> str:
    """An attribute's value with its quotes: double ones,
    unless it holds some and no single ones.
    """
    if value.isalnum():
        return f'"{value}"'
    if not value.isprintable() or "  " in value:
        value = _WHITE_SPACE.sub(" ", value.replace("\0", ""))
    value = _escape(value)
    if '"' not in value:
        return f'"{value}"'
    return f"'{value}'" if "'" not in value else '"' + value.replace('"', "&quot;") + '"'


class _Writer:
    """The state of one traversal: what is open, and the output so far.

    `run` is the loop that pages spend their time in; it writes out the common operations and leaves
    what is inside ``pre``, ``textarea`` and ``template`` to `step`, which knows them all. Tests
    hold ``run`` equal to ``step``.
    """

    __slots__ = (
        "counts",
        "kept",
        "kept_piece",
        "literal",
        "marks",
        "names",
        "node",
        "out",
        "pruner",
        "template",
        "was_literal",
    )

    def __init__(self, pruner: Pruner, elements: int) -> None:
        self.pruner = pruner
        self.kept: Token | None = None  # stays whatever the rules say
        self.out: list[str] = []
        self.names: list[str] = []  # the open elements
        self.counts: Counter[str] | None = None  # how many of each name, once they are very many
        self.marks: list[int] = []
        self.node = elements
        self.literal = 0  # depth of the open element in which white space counts, 0 if none
        self.template = 0  # open templates
        self.was_literal = False

    def run(self, tokens: Iterator[Token]) -> None:
        """Write tokens, after those that have been written."""
        if self.counts is not None:
            for token in tokens:
                self.step(token)
        while (self.literal or self.template) and (token := next(tokens, None)) is not None:  # type: ignore[assignment]
            self.step(token)
        out, names, marks, node, pruner, kept = (
            self.out,
            self.names,
            self.marks,
            self.node,
            self.pruner,
            self.kept,
        )
        append = out.append
        for token in tokens:
            op, tag, before, after, text, owner = token.note
            if owner is not pruner:
                if token is kept:
                    op = _TEMPLATE  # one that only `step` knows
                else:
                    op, tag, before, after, text, _ = pruner.note(token)
            if op == _CLOSE:
                if names and names[-1] == tag:
                    names.pop()
                    mark = marks.pop()
                    if mark == _KEPT:
                        append(after)
                        continue
                    if mark == len(out):
                        out.pop()
                    elif mark >= 0:
                        append(after)
                        continue
                    elif mark <= _DROPPED:
                        del out[_DROPPED - mark :]
                elif (
                    len(names) > _DEEP
                ):  # looking for the tag among so many, again and again, would be quadratic
                    self.node = node
                    self.counts = Counter(names)
                    self.step(token)
                    for behind in tokens:
                        self.step(behind)
                    node = self.node
                    continue
                elif tag in names:
                    self._close(tag)
            elif op == _OPEN:
                node -= 1
                append(f"{before}{node}{after}")
                names.append(tag)
                marks.append(_KEPT)
                continue
            elif op == _OPEN_REMOVABLE:
                node -= 1
                append(f"{before}{node}{after}")
                names.append(tag)
                marks.append(len(out))
                continue
            elif op == _UNWRAP:
                node -= 1
                names.append(tag)
                marks.append(_UNWRAPPED)
            elif op == _SINGLE:
                node -= 1
                if before:
                    append(f"{before}{node}{after}")
            elif op != _TEXT:
                self.node = node
                self.step(token)
                while (self.literal or self.template) and (
                    following := next(tokens, None)
                ) is not None:
                    self.step(following)
                node = self.node
                continue
            if text:
                append(text)
        self.node = node

    def finish(self) -> None:
        """Close what is open."""
        while self.names:
            self._close(self.names[-1])

    def step(self, token: Token) -> None:
        """Write one token, whatever is open."""
        op, tag, before, after, text = (
            self.pruner.kept if token is self.kept else self.pruner.piece
        )(token)
        if op == _CLOSE:
            if tag in (self.names if self.counts is None else self.counts):
                self._close(tag)
        elif op == _SINGLE:
            self.node -= 1
            if before:
                self._append(f"{before}{self.node}{after}")
        elif op != _TEXT:
            self.node -= 1
            self._open(op, tag, f"{before}{self.node}{after}")
        if self.literal and op != _DROP:
            text = self.pruner.literal_text(token)
        if text and not self.template:
            self.out.append(text)

    def _append(self, markup: str) -> None:
        self.out.append(markup.rstrip(" ").replace("> </", "></") if self.literal else markup)

    def _open(self, op: int, tag: str, start_tag: str) -> None:
        mark = _KEPT
        if op == _DROP:
            mark = _DROPPED - len(self.out)
        elif op == _UNWRAP:
            mark = _UNWRAPPED
        elif op == _TEMPLATE:
            mark = _HIDES_TEXT
            self.template += 1
        else:
            if op in (_LITERAL, _LITERAL_REMOVABLE):
                self.literal = self.literal or len(self.names) + 1
                self.was_literal = True
            self._append(start_tag)
            if op in (_OPEN_REMOVABLE, _LITERAL_REMOVABLE):
                mark = len(self.out)
        self.names.append(tag)
        self.marks.append(mark)
        if self.counts is not None:
            self.counts[tag] += 1

    def _close(self, tag: str) -> None:
        """Close up to the innermost open element of this name, which exists."""
        name = ""
        while name != tag:
            name, mark = self.names.pop(), self.marks.pop()
            if self.counts is not None:
                self.counts[name] -= 1
                if not self.counts[name]:
                    del self.counts[name]
            end_of_literal = self.literal > len(self.names)
            if mark == len(self.out):
                self.out.pop()
            elif mark <= _DROPPED:
                del self.out[_DROPPED - mark :]
            elif mark in (_UNWRAPPED, _HIDES_TEXT):
                self.template -= mark == _HIDES_TEXT
            else:
                self._append(f"</{name}> ")
                if end_of_literal:
                    self.out.append(" ")
            if end_of_literal:
                self.literal = 0
