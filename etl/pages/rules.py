"""The rules of pruning: which tags, attributes, values and texts stay, and how they are written.

The rules are those of the reference pipeline (ScribeAgent, arXiv 2411.15004); the recipe lists the
tags and attributes. These go with their content: ``dropped_with_content`` tags, ``noembed`` and
``noframes``, of which a browser shows nothing, comments, and text inside ``template`` (but a shadow
root is content). Other tags that are not listed are unwrapped. Only listed attributes stay. Values
that read like a hash go: a class token, or another value over 32 characters, with at most
``min_chars_per_token`` characters per token. An attribute whose name contains ``style`` stays only
as ``style_kept_only_as``, if its value contains that. Event handlers become empty.

A recipe may go beyond the reference: `PruneRules` from ``inert_content`` on. We depart from it
twice. NUL characters vanish, as in a browser. Recorder markers always go, even if the recipe lists
them, because they give the answer away.
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
"""Attributes that recorders add to pages, to mark the target or to number the elements."""

PSEUDO_ELEMENT: Final = re.compile(r"</?::-?[a-zA-Z][a-zA-Z-]*(?:\([^()<>]*\))?\s*/?>")
"""Text that recorders write where a style sheet adds content before or after an element's own."""

NODE: Final = "node"
"""The attribute that numbers elements in an observation; a page's own ``node`` goes."""

_FALLBACKS: Final = frozenset(("noembed", "noframes"))  # a browser shows nothing of them
_LITERAL_TAGS: Final = frozenset(("pre", "textarea"))
_WHITE_SPACE: Final = re.compile(r"\s+")
_LONG: Final = 32  # characters above which a value is judged by its tokens
_REMEMBERED: Final = 2**16  # the number of class tokens whose judgement is remembered
_LONGEST_REMEMBERED: Final = 1024  # characters of the value that holds them
_UNBOUNDED: Final = 2**31 - 1  # more characters than any value has
_KNOWN_TAGS: Final = 4096  # the number of tags and of names whose rule is remembered


@dataclass(frozen=True)
class PruneRules:
    """Which markup stays; the module's docstring explains the lists."""

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
    """The rules for a tag."""

    # its elements stay
    kept: bool
    # its elements go with their content
    dropped: bool
    # its elements stay even if they are empty
    kept_when_empty: bool
    # white space counts in them
    literal: bool
    # their text is hidden, unless they are shadow roots
    template: bool
    # they have no end tag
    void: bool


class NameRule(NamedTuple):
    """The rules for an attribute's name."""

    # the attribute stays if its value does
    may_stay: bool
    # an element with this attribute stays even if it is empty
    keeps_element: bool
    # its value is a list of words, each of which is judged by itself
    words: bool
    # the most characters with which a value stays whatever it reads like; 0: the rules decide
    unjudged: int


class Policy:
    """Answers what stays by fixed rules.

    count_tokens: the number of tokens of a string, for the rule on characters per token.
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
        # the most characters with which a value stays whole although it may be an address
        self.longest_address = _UNBOUNDED if rules.javascript_urls == "keep" else 0
        if rules.max_data_uri:
            self.longest_address = min(self.longest_address, rules.max_data_uri)
        self._count_tokens = count_tokens
        self._least = rules.min_chars_per_token
        self._remembered = lru_cache(_REMEMBERED)(self.reads)

    def _tag(self, tag: str) -> TagRule:
        """The rules for a tag in lower case."""
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
        """The rules for an attribute's name in lower case."""
        may_stay = name in self._kept or (
            name not in self.rules.kept_attributes
            and "script" not in name
            and not RECORDER_MARKERS.search(name)
            and (_is_handler(name) or "style" in name)
        )
        words = name == "class" and name in self._kept
        unjudged = 0
        if name in self._kept and not words:
            unjudged = _UNBOUNDED if name in self.rules.never_filtered_attributes else _LONG
        keeps_element = name in self.rules.kept_when_empty_attributes
        return NameRule(may_stay, keeps_element, words, unjudged)

    def shows(self, name: str, value: str) -> bool:
        """Whether an attribute stays with exactly this value."""
        return self.name(name).may_stay and self._value(name, value) == _quoted(value)

    def attribute(self, name: str, value: str) -> str:
        """An attribute as a start tag holds it, after a space; empty if its value goes."""
        shown = self._value(name, value)
        return f" {name}={shown}" if shown else ""

    def text(self, text: str) -> str:
        """Text between tags, escaped, with single spaces and one at the end, or empty."""
        text = self._own(text).strip()
        if not text.isprintable() or "  " in text:  # the only printable white space is " "
            text = " ".join(text.replace("\0", "").split())
        return _escape(text) + " " if text else ""

    def literal_text(self, text: str) -> str:
        """Text inside ``pre`` and ``textarea``, escaped; empty if it is white space alone."""
        text = self._own(text.replace("\0", ""))
        return "" if text.isspace() else _escape(text)

    def reads(self, text: str) -> bool:
        """Whether a string reads like words: more characters per token than the rule's minimum."""
        return len(text) > self._least * self._count_tokens(text)

    def _own(self, text: str) -> str:
        """A page's own text, without that of recorders."""
        if self.rules.pseudo_elements or "::" not in text:
            return text
        return PSEUDO_ELEMENT.sub(" ", text)

    def _value(self, name: str, value: str) -> str:
        """A value by the rules, with its quotes; empty if the attribute goes."""
        rules = self.rules
        if name == "class" and name in self._kept:
            reads = self._remembered if len(value) <= _LONGEST_REMEMBERED else self.reads
            tokens = list(filter(reads, value.split()))
            return _quoted(" ".join(tokens)) if tokens else ""
        if name in self._kept:
            value = shortened(name, value, rules.max_data_uri, rules.javascript_urls)
            if name in rules.never_filtered_attributes:
                return _quoted(value)
            goes = value in ("", "none") or (len(value) > _LONG and not self.reads(value))
            return "" if goes else _quoted(value)
        if len(value) > _LONG and not self.reads(value):
            return ""
        if _is_handler(name):
            return '""'
        only = rules.style_kept_only_as
        return _quoted(only) if only and only in value else ""


def _is_handler(name: str) -> bool:
    """Whether an attribute holds an event handler."""
    return name.startswith("on") or "jsaction" in name


def _escape(text: str) -> str:
    """Text as markup holds it."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text or ">" in text:
        text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text


def _quoted(value: str) -> str:
    """A value in double quotes, or in single ones if it holds double ones but no single ones."""
    if value.isalnum():
        return f'"{value}"'
    if not value.isprintable() or "  " in value:
        value = _WHITE_SPACE.sub(" ", value.replace("\0", ""))
    value = _escape(value)
    if '"' not in value:
        return f'"{value}"'
    return f"'{value}'" if "'" not in value else '"' + value.replace('"', "&quot;") + '"'
