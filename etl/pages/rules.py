"""The rules of pruning: which tag, attribute, value and text stays, and how it reads.

The rules are the reference pipeline's (ScribeAgent, arXiv 2411.15004); which tags and attributes
they name is the recipe's. Dropped with their content: the recipe's ``dropped_with_content`` tags,
``noembed`` and ``noframes``, of which a browser shows nothing, comments, and text inside
``template`` (a shadow root is content). Other tags off the allow-list are unwrapped. Of the
attributes only the listed ones stay, minus what reads like a hash: a class token, or another value
over 32 characters, with at most ``min_chars_per_token`` characters a token. Of one whose name
contains ``style`` only ``style_kept_only_as`` stays, where its value contains that. Event handlers
are emptied.

A recipe may go beyond the reference: `PruneRules` from ``inert_content`` on.

Two departures from the reference. NUL characters vanish, as they do in a browser. Recorder markers
are removed whatever the recipe's lists say: they tell the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from etl.pages.addresses import JavascriptRule, shortened
from etl.pages.tokens import VOID_TAGS

RECORDER_MARKERS: Final = re.compile(
    r"(?i)data_pw_testid_buckeye|__playwright_|^bid$|^ref$|^backend_node_id$|^data-webtasks-id$|^data-scrapy-annotate$"
    r"|^browsergym_|^data-stepmill-"
)
"""Attributes that recorders put into pages; they mark the target or number the elements."""

PSEUDO_ELEMENT: Final = re.compile(r"</?::-?[a-zA-Z][a-zA-Z-]*(?:\([^()<>]*\))?\s*/?>")
"""What recorders write as text where a style sheet puts something before or after an element's own
content.
"""

NODE: Final = "node"
"""The attribute that numbers elements in an observation; a page's own of that name goes."""

_FALLBACKS: Final = frozenset(("noembed", "noframes"))  # a browser shows nothing of them
_LITERAL_TAGS: Final = frozenset(("pre", "textarea"))
_WHITE_SPACE: Final = re.compile(r"\s+")
_LONG: Final = 32  # characters over which a value is judged by its tokens
_REMEMBERED: Final = 2**16  # strings whose judgement is remembered
_LONGEST_REMEMBERED: Final = 64  # characters
_KNOWN_TAGS: Final = 4096


@dataclass(frozen=True)
class PruneRules:
    """Which markup stays. Lists as in the recipe; see the module docstring for what each does."""

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


class TagRule(NamedTuple):
    """What the rules say of a tag."""

    kept: bool
    # with all that is in it
    dropped: bool
    # an element that holds nothing stays
    kept_when_empty: bool
    # white space counts in it
    literal: bool
    # its text is hidden, unless it is a shadow root
    template: bool
    # it has no end tag
    void: bool


class NameRule(NamedTuple):
    """What the rules say of an attribute by its name."""

    # it depends on the value
    may_stay: bool
    # an element that has it stays when it is empty
    keeps_element: bool


class Policy:
    """Answers by fixed rules.

    count_tokens: the number of tokens of a string under the vocabulary that the
    characters-per-token rule uses.
    """

    def __init__(self, rules: PruneRules, count_tokens: Callable[[str], int]) -> None:
        self.rules = rules
        self.dropped = rules.dropped_with_content | (_FALLBACKS - rules.kept_tags)
        self.tag = lru_cache(_KNOWN_TAGS)(self._tag)
        self.name = lru_cache(_KNOWN_TAGS)(self._name)
        self._kept = {
            name
            for name in rules.kept_attributes
            if name != NODE and not RECORDER_MARKERS.search(name)
        }
        self._count_tokens = count_tokens
        self._reads_remembered = lru_cache(_REMEMBERED)(self._judged)

    def _tag(self, tag: str) -> TagRule:
        """By a tag in lower case."""
        rules = self.rules
        return TagRule(
            kept=tag in rules.kept_tags,
            dropped=tag in self.dropped,
            kept_when_empty=tag in rules.kept_when_empty_tags,
            literal=tag in _LITERAL_TAGS,
            template=tag == "template",
            void=tag in VOID_TAGS,
        )

    def _name(self, name: str) -> NameRule:
        """By an attribute's name in lower case."""
        may_stay = name in self._kept or (
            name not in self.rules.kept_attributes
            and "script" not in name
            and not RECORDER_MARKERS.search(name)
            and (_is_handler(name) or "style" in name)
        )
        return NameRule(may_stay, name in self.rules.kept_when_empty_attributes)

    def shows(self, name: str, value: str) -> bool:
        """Whether an attribute stays with this value, as it is."""
        return self.name(name).may_stay and self._value(name, value) == _quoted(value)

    def attribute(self, name: str, value: str) -> str:
        """How an attribute that may stay stands in a start tag, with a space before it; empty if it
        goes.
        """
        shown = self._value(name, value)
        return f" {name}={shown}" if shown else ""

    def text(self, text: str) -> str:
        """Text as it stands between tags: white space collapsed, escaped, one space at the end;
        empty if there is none.
        """
        text = self._own(text).strip()
        if not text.isprintable() or "  " in text:  # of white space only " " is printable
            text = " ".join(text.replace("\0", "").split())
        return _escape(text) + " " if text else ""

    def literal_text(self, text: str) -> str:
        """The same inside ``pre`` and ``textarea``."""
        text = self._own(text.replace("\0", ""))
        return "" if text.isspace() else _escape(text)

    def _own(self, text: str) -> str:
        """Text without what recorders have put into it."""
        if self.rules.pseudo_elements or "::" not in text:
            return text
        return PSEUDO_ELEMENT.sub(" ", text)

    def _value(self, name: str, value: str) -> str:
        """The value that stays, with its quotes; empty if the attribute goes."""
        rules = self.rules
        if name == "class" and name in self._kept:
            tokens = [token for token in value.split() if self._reads(token)]
            return _quoted(" ".join(tokens)) if tokens else ""
        if name in self._kept:
            value = shortened(name, value, rules.max_data_uri, rules.javascript_urls)
            if name in rules.never_filtered_attributes:
                return _quoted(value)
            goes = value in ("", "none") or (len(value) > _LONG and not self._reads(value))
            return "" if goes else _quoted(value)
        if len(value) > _LONG and not self._reads(value):
            return ""
        if _is_handler(name):
            return '""'
        only = rules.style_kept_only_as
        return _quoted(only) if only and only in value else ""

    def _reads(self, text: str) -> bool:
        """Whether a string reads like words: more characters a token than the rule's minimum."""
        if len(text) > _LONGEST_REMEMBERED:
            return self._judged(text)
        return self._reads_remembered(text)

    def _judged(self, text: str) -> bool:
        return len(text) > self.rules.min_chars_per_token * self._count_tokens(text)


def _is_handler(name: str) -> bool:
    """Whether an attribute holds a program that an event starts."""
    return name.startswith("on") or "jsaction" in name


def _escape(text: str) -> str:
    """Text as it stands in markup."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text or ">" in text:
        text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text


def _quoted(value: str) -> str:
    """An attribute's value with its quotes: double ones, unless it holds some and no single
    ones.
    """
    if value.isalnum():
        return f'"{value}"'
    if not value.isprintable() or "  " in value:
        value = _WHITE_SPACE.sub(" ", value.replace("\0", ""))
    value = _escape(value)
    if '"' not in value:
        return f'"{value}"'
    return f"'{value}'" if "'" not in value else '"' + value.replace('"', "&quot;") + '"'
