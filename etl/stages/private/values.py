"""The private values of one workflow, and how they are replaced in its texts.

What is found in one place is replaced in all: the page that shows what was typed has no field that
says what it is. Places are looked up by plain search, in all spellings. Markup keeps its form: no
tag, no name of an attribute and no node id is ever changed, and a value that may be any word is
left alone where markup holds names (classes, ids).
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, quote_plus

from etl.stages.private.numbers import Found
from etl.stages.private.pseudonyms import Kind, Pseudonyms, canonical
from etl.stages.private.scan import Plain, needles, places

_GAP: Final = rb"(?:[ ./()-]|%20|\xc2\xa0)"
_GAPS: Final = b" ./()-\xc2\xa0"
_CODE: Final = rb"(?:(?:\+|%2B|00)?\d{1,3}" + _GAP + rb"{0,2}|\(?0\)?" + _GAP + rb"?)?\(?"
"""What is before the national number of a phone."""
_CODE_BYTES: Final = 20
"""The most bytes of it, with what is before it, rounded up."""
_LOOSE: Final = frozenset(("phone", "card", "iban", "national_id"))
"""Kinds that are written with gaps or without."""
_WORDS: Final = frozenset(("name", "address", "username", "email"))
"""Kinds whose case may be another."""
_ATTRIBUTE: Final = re.compile(rb"([^\s=\"'<>]+)=(?:\"[^\"]*|'[^']*)\Z")
_TEXTS: Final = frozenset(
    b"value title alt aria-label aria_label placeholder label text content data-content desc "
    b"data-value".split()
)
"""Attributes that hold text, which may be anything."""
_FIXED: Final = frozenset((b"node", b"type", b"role"))
"""Attributes that are never changed."""
_SHORT: Final = 4
"""Characters; a shorter value is replaced only where it stands alone."""
_MARKS: Final = ((b"%20", b"\x01"), (b"%2B", b"\x02"), (b"%2b", b"\x02"), (b"%2D", b"\x03"),
                 (b"%3A", b"\x04"), (b"%2F", b"\x05"))  # fmt: skip
"""Characters as URLs write them, and marks that stand for them while a value is changed."""
_CUT: Final = "…".encode()
"""Where a text was cut off."""
_BEGIN: Final = 4
"""Bytes of a value by which it is known where it is cut off."""
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}\Z")
_ESCAPE: Final = re.compile(rb"(?<!\\)\\(?:[nrt]|u[0-9a-f]{4})\Z")
_REF: Final = re.compile(rb"(?:\A|\n|[-*| ])\[\Z|\[ref=\Z")


class _Place(NamedTuple):
    start: int
    end: int
    kind: Kind
    other: bytes


class _Loose:
    """A value that may be written with gaps, or with a country's code before it."""

    def __init__(self, kind: Kind, form: str) -> None:
        characters = [_either(character) for character in form]
        core = (_GAP + rb"{0,2}").join(characters)
        before = _CODE if kind == "phone" else b""
        self.whole = form.encode()
        self._core = re.compile(core)
        self._pattern = re.compile(rb"(?<![A-Za-z0-9])" + before + core + rb"(?![A-Za-z0-9])")
        self._longest = _CODE_BYTES + 7 * len(self.whole) + 8

    def matches(self, text: bytes) -> Iterator[re.Match[bytes]]:
        """The places of the value, as the pattern finds them, but tried only around its own
        characters, which begin with one of them.
        """
        at = end = 0
        while (core := self._core.search(text, at)) is not None:
            first = core.start()
            begin = max(end, first - _CODE_BYTES)
            match = self._pattern.search(text, begin, first + self._longest)
            if match is not None and match.start() <= first:
                yield match
                at = end = match.end()
            else:
                at = first + 1


def _either(character: str) -> bytes:
    """A pattern for a character in either case."""
    if character.isascii() and character.isalpha():
        return f"[{character.upper()}{character.lower()}]".encode()
    return re.escape(character.encode())


class _Sought(NamedTuple):
    """A spelling of a value that is sought."""

    # characters before it that are sought with it
    margin: int
    size: int
    kind: Kind
    other: bytes
    # it may be any word
    word: bool
    # it is the whole text between two tags
    text: bool = False


_ALONE: Final = ((b'"', b'"', False), (b"'", b"'", False), (b"> ", b" <", True))
"""What is before and after a short value, and whether these are tags."""


class Values:
    """What is private in one workflow."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        # as written -> (kind, what is written instead, whether it may be any word)
        self._written: dict[bytes, tuple[Kind, bytes, bool]] = {}
        # values that may be written with gaps, by kind and form
        self._loose: dict[tuple[Kind, str], _Loose] = {}
        # whole texts
        self._alone: dict[bytes, tuple[Kind, bytes]] = {}
        # what is sought in texts; None: it is to be made
        self._found_by: tuple[list[_Sought], Plain.Needles] | None = None

    def __bool__(self) -> bool:
        return bool(self._written or self._loose or self._alone)

    def found(self, value: Found) -> None:
        """Take a value that a pattern found."""
        if value.written not in self._written:
            other = self._other(value.kind, value.form, value.written)
            self._written[value.written] = value.kind, other, False
            self._found_by = None
        if value.kind in _LOOSE:
            self._loosen(value.kind, value.form)

    def learn(self, kind: Kind, value: str, form: str = "") -> None:
        """Take the value of a field, with all its spellings."""
        value = value.strip()
        if not value:
            return
        form = form or canonical(kind, value)
        word = value.replace("-", "").replace("'", "").isalpha() and kind != "email"
        self._found_by = None
        spellings = {value}
        if kind in _WORDS:
            spellings |= {value.upper(), value.title()}
            if not word:
                spellings.add(value.lower())
        if kind in ("name", "address") and len(parts := value.split()) > 1:
            for part in parts:
                if kind == "name" and len(part) > 2 and part[0].isupper():
                    self.learn(kind, part)
        for spelling in spellings:
            other = self._pseudonyms.of(kind, form, spelling)
            for written, instead in _encoded(spelling, other):
                if len(spelling) < _SHORT:
                    self._alone[written] = kind, instead
                else:
                    self._written.setdefault(written, (kind, instead, word))
        if kind in _LOOSE:
            self._loosen(kind, form)

    def _loosen(self, kind: Kind, form: str) -> None:
        if (kind, form) in self._loose or len(form) < 6:
            return
        self._loose[kind, form] = _Loose(kind, form)

    def _other(self, kind: Kind, form: str, written: bytes) -> bytes:
        """What is written instead of a value."""
        if kind == "email":
            shown = written.decode("utf-8", "surrogateescape")
            at = next((sign for sign in ("%40", "&#64;") if sign in shown), "@")
            return self._pseudonyms.of(kind, form, shown).replace("@", at).encode()
        raw = written
        for sign, mark in _MARKS:
            raw = raw.replace(sign, mark)
        shown = raw.decode("utf-8", "surrogateescape")
        if kind == "password" and form != shown:
            return quote(self._pseudonyms.of(kind, form, form)).encode()
        other = self._pseudonyms.of(kind, form, shown).encode("utf-8", "surrogateescape")
        for sign, mark in _MARKS:
            other = other.replace(mark, sign)
        return other

    def replaced(self, text: bytes, *, markup: bool = False) -> tuple[bytes, Counter[Kind]]:
        """A text with pseudonyms, and how many of each kind.

        text: UTF-8. markup: it holds elements.
        """
        counts: Counter[Kind] = Counter()
        if not text:
            return text, counts
        if (alone := self._alone.get(text)) is not None:
            return alone[1], Counter({alone[0]: 1})
        places = sorted(self._places(text, markup), key=lambda place: (place.start, -place.end))
        parts: list[bytes] = []
        end = 0
        for place in places:
            if place.start >= end:
                parts += [text[end : place.start], place.other]
                counts[place.kind] += 1
                end = place.end
        return (b"".join([*parts, text[end:]]) if parts else text), counts

    def _prepared(self) -> tuple[list[_Sought], Plain.Needles]:
        """What is sought, in the order in which it was learnt, and what finds it."""
        texts: list[bytes] = []
        sought: list[_Sought] = []
        for written, (kind, other, word) in self._written.items():
            texts.append(written)
            sought.append(_Sought(0, len(written), kind, other, word))
        for written, (kind, other) in self._alone.items():
            for before, after, text in _ALONE:
                texts.append(before + written + after)
                sought.append(_Sought(len(before), len(written), kind, other, True, text))
        self._found_by = sought, needles(texts)
        return self._found_by

    def noted(self, text: str) -> str:
        """What was noted of a workflow with pseudonyms, also of values that are cut off."""
        other, _ = self.replaced(_utf8(text))
        pieces = map(self._uncut, other.split(_CUT))
        return _CUT.join(pieces).decode("utf-8", "surrogatepass")

    def _uncut(self, text: bytes) -> bytes:
        """A text whose end may be the beginning of a value."""
        for written, (_, other, _) in self._written.items():
            for start in places(text[-len(written) :], written[:_BEGIN]):
                at = max(0, len(text) - len(written)) + start
                if written.startswith(text[at:]) and _stands_apart(text, at, len(text)):
                    return text[:at] + other[: len(text) - at]
        return text

    def _places(self, text: bytes, markup: bool) -> Iterator[_Place]:
        sought, finder = self._found_by or self._prepared()
        for number, at in finder.find(text):
            each = sought[number]
            start, end = at + each.margin, at + each.margin + each.size
            if not each.margin:
                if not _stands_apart(text, start, end):
                    continue
            elif each.text and markup:  # alone between tags
                yield _Place(start, end, each.kind, each.other)
                continue
            elif each.text:
                continue
            if _open(text, start, markup, each.word):
                yield _Place(start, end, each.kind, each.other)
        if not self._loose:
            return
        closed = text.translate(None, _GAPS)
        if b"%20" in closed:
            closed = closed.replace(b"%20", b"")
        for (kind, form), loose in self._loose.items():
            if loose.whole not in closed and loose.whole.lower() not in closed:
                continue
            for match in loose.matches(text):
                if _open(text, match.start(), markup, False):
                    yield _Place(*match.span(), kind, self._other(kind, form, match[0]))


def _in_text(text: str) -> str:
    return html.escape(text, quote=False)


def _in_double_quotes(text: str) -> str:
    return _in_text(text).replace('"', "&quot;")


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _in_ascii_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_parameter(text: str) -> str:
    return quote(text, safe="")


def _in_query(text: str) -> str:
    return quote(text, safe="@/:!$'()*,;")


_WRITERS: Final = (
    str,
    html.escape,
    _in_text,
    _in_double_quotes,
    _in_json,
    _in_ascii_json,
    _in_parameter,
    quote,
    quote_plus,
    _in_query,
)
"""How a value is written in texts, markup, JSON and URLs."""


def _encoded(value: str, other: str) -> Iterator[tuple[bytes, bytes]]:
    """A value and its pseudonym as texts, attributes, JSON and URLs write them."""
    seen: set[str] = set()
    for write in _WRITERS:
        written = write(value)
        if written not in seen:
            seen.add(written)
            yield _utf8(written), _utf8(write(other))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _stands_apart(text: bytes, start: int, end: int) -> bool:
    """Whether no letter or digit stands beside a place where one begins or ends."""
    if start and _in_word(text[start : start + 4], last=False):
        before = text[max(0, start - 6) : start]
        if (
            _in_word(before[-4:], last=True)
            and not _PERCENT.search(before)
            and not _ESCAPE.search(before)
        ):
            return False
    return not (
        end < len(text)
        and _in_word(text[max(start, end - 4) : end], last=True)
        and _in_word(text[end : end + 4], last=False)
    )


def _in_word(piece: bytes, *, last: bool) -> bool:
    """Whether a piece of UTF-8 begins or ends with a letter or digit."""
    text = piece.decode("utf-8", "ignore")
    return bool(text) and (text[-1] if last else text[0]).isalnum()


def _open(text: bytes, start: int, markup: bool, word: bool) -> bool:
    """Whether a value may be replaced at a place. word: it may be any word."""
    if not markup:
        return text[start - 1 : start] not in (b"[", b"=") or not _REF.search(
            text[max(0, start - 8) : start]
        )
    opened = text.rfind(b"<", 0, start)
    if opened < 0 or text.find(b">", opened, start) >= 0:
        return True
    name = _ATTRIBUTE.search(text, opened, start)
    if name is None or name[1] in _FIXED:
        return False
    return not word or name[1] in _TEXTS
