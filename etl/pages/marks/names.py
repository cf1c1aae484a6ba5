"""Names of marks: what of an element or a text can be a recorder's mark, and how it is written.

A mark is an attribute (``data-rec`` or ``data-rec=1``), a word of ``class``, a declaration of
``style`` (``outline: 2px solid red``), or a text: a whole one between two tags, its beginning or
its end, in whole words. White space counts as a single space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from etl.pages.rules import RECORDER_MARKERS
from etl.pages.tokens import Token

Kind = Literal["attribute", "class", "style", "text", "beginning", "ending"]
ATTRIBUTE: Final = "attribute"
CLASS: Final = "class"
STYLE: Final = "style"
TEXT: Final = "text"
BEGINNING: Final = "beginning"
ENDING: Final = "ending"
OF_TEXTS: Final = frozenset({TEXT, BEGINNING, ENDING})

_LONGEST: Final = 80
"""Characters of the longest mark; a recorder's are short."""
_WORDS: Final = 4
"""The most words of a beginning or an end."""
_DECLARATION: Final = re.compile(r"""(?:"[^"]*"|'[^']*'|\([^()]*\)|[^;"'(]|["'(])+""")
_ATTRIBUTES: Final = 2**16
"""The number of start tags whose marks are remembered."""


class Mark(NamedTuple):
    """What may be a mark."""

    kind: Kind
    # an attribute with its value as NAME=VALUE
    name: str


def spaced(text: str) -> str:
    """A text with single spaces, and none at its ends."""
    return " ".join(text.split())


def declarations(style: str) -> list[str]:
    """The declarations of a ``style``, as they are written."""
    return _DECLARATION.findall(style)


def declared(declaration: str) -> str:
    """A declaration as marks are named: ``outline: 2px solid red``; empty if it is none."""
    name, colon, value = declaration.partition(":")
    name, value = spaced(name).lower(), spaced(value)
    return f"{name}: {value}" if colon and name and value else ""


@lru_cache(_ATTRIBUTES)
def of_markup(token_kind: int, tag: str, markup: str) -> tuple[Mark, ...]:
    """The marks that the attributes of a start tag may be."""
    return tuple(dict.fromkeys(_of_attributes(Token(token_kind, tag, markup).attributes())))


def _of_attributes(attributes: dict[str, str]) -> Iterator[Mark]:
    for name, value in attributes.items():
        if len(name) > _LONGEST:
            continue
        yield Mark(ATTRIBUTE, name)
        if name == "class":
            yield from (Mark(CLASS, word) for word in value.split() if len(word) <= _LONGEST)
        elif name == "style":
            each = map(declared, declarations(value))
            yield from (Mark(STYLE, one) for one in each if 0 < len(one) <= _LONGEST)
        elif RECORDER_MARKERS.search(name):
            continue  # it numbers elements: its values are no marks
        elif len(value) <= _LONGEST and (said := spaced(value)):
            yield Mark(ATTRIBUTE, f"{name}={said}")


def of_text(text: str) -> list[Mark]:
    """The marks that a text between two tags may be or hold; it begins and ends with itself."""
    words = text.split()
    whole = " ".join(words)
    marks = [Mark(TEXT, whole)] if words and len(whole) <= _LONGEST else []
    for number in range(1, min(_WORDS, len(words)) + 1):
        first, last = " ".join(words[:number]), " ".join(words[-number:])
        if len(first) <= _LONGEST:
            marks.append(Mark(BEGINNING, first))
        if len(last) <= _LONGEST:
            marks.append(Mark(ENDING, last))
    return marks
