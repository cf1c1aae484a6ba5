"""JSON as programs write it that do not keep to its grammar, made into JSON; what is mended is
counted.

Two things are mended, since they cost nothing of what a record says: ``NaN`` and the infinities, as
Python writes unknown numbers, become null; half a character, as programs leave that cut UTF-16
anywhere, becomes U+FFFD.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import orjson

from etl.inputs.streams import BOM
from etl.tally import Odd
from schemas.errors import RecordError

# a string without end is taken to the end of all, so that each byte is looked at once
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_ESCAPE: Final = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4})(?:\\u([dD][c-fC-F][0-9A-Fa-f]{2}))?|.)", re.DOTALL
)
_HALVES: Final = re.compile(
    rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]"
)
_ESCAPED_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_INSTEAD: Final = "\ufffd".encode()


class Mended(NamedTuple):
    """raw: JSON. halves, numbers: how many half characters and numbers that are none it had."""

    raw: bytes
    halves: int = 0
    numbers: int = 0

    @property
    def odd(self) -> tuple[Odd, ...]:
        """As the tally counts them."""
        return (("half_character", ""),) * self.halves + (("no_number", ""),) * self.numbers


def mended(raw: bytes) -> Mended:
    """What no JSON reader takes, mended; in time linear in its length."""
    raw, halves = whole_characters(raw)
    numbers = 0

    def escape(found: re.Match[bytes]) -> bytes:
        nonlocal halves
        first, second = found[1], found[2]
        high = first is not None and first[:1] in b"dD" and first[1:2] in b"89abAB"
        if first is None or (high and second):
            return found[0]
        kept = found[0][:6]
        if high or (first[:1] in b"dD" and first[1:2] in b"cdefCDEF"):
            halves += 1
            kept = _INSTEAD
        if second:  # a second half that follows no first one
            halves += 1
            kept += _INSTEAD
        return kept

    def token(found: re.Match[bytes]) -> bytes:
        nonlocal numbers
        if found[0][:1] == b'"':
            return _ESCAPE.sub(escape, found[0]) if _ESCAPED_HALF.search(found[0]) else found[0]
        numbers += 1
        return b"null"

    return Mended(_TOKEN.sub(token, raw), halves, numbers)


def whole_characters(raw: bytes) -> tuple[bytes, int]:
    """UTF-8 whose characters beyond U+FFFF were written as two halves, or are half there: (UTF-8,
    how many halves).
    """
    halves = 0

    def whole(found: re.Match[bytes]) -> bytes:
        nonlocal halves
        if len(found[0]) == 6:
            pair = found[0].decode("utf-8", "surrogatepass")
            return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()
        halves += 1
        return _INSTEAD

    return (_HALVES.sub(whole, raw), halves) if b"\xed" in raw else (raw, 0)


def whole_text(text: str) -> tuple[str, int]:
    """A text without half characters, and how many it had."""
    if text.isascii():
        return text, 0
    try:
        text.encode()
    except UnicodeEncodeError:
        raw, halves = whole_characters(text.encode("utf-8", "surrogatepass"))
        return raw.decode(), halves
    return text, 0


def parse(raw: bytes | str) -> tuple[object, Mended]:
    """JSON to Python, and what had to be mended (its ``raw`` is empty: nothing).

    Raises RecordError: invalid_utf8, truncated_json (it breaks off at its end), broken_json.
    """
    raw = raw.removeprefix(BOM) if isinstance(raw, bytes) else raw
    try:
        return orjson.loads(raw), Mended(b"")
    except orjson.JSONDecodeError as error:
        problem = error
    made = mended(raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass"))
    if made.raw != raw:
        try:
            return orjson.loads(made.raw), made
        except orjson.JSONDecodeError as error:
            problem = error
    try:
        characters = len(made.raw.decode())
    except UnicodeDecodeError as broken:
        raise RecordError("invalid_utf8", f"byte {broken.start}: {broken.reason}") from broken
    cut_off = characters and problem.pos >= characters and "unexpected end" in problem.msg
    raise RecordError("truncated_json" if cut_off else "broken_json", str(problem)) from problem
