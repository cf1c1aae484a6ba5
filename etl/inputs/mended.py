"""JSON that breaks its grammar in two harmless ways, mended; each mend is counted.

``NaN`` and the infinities, which Python writes for unknown numbers, become null. Half a character,
which programs leave that cut UTF-16 anywhere, becomes U+FFFD.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import orjson

from etl.inputs.streams import BOM
from etl.tally import Odd
from schemas.errors import RecordError

# A string without end is matched up to the end of the input, so that each byte is looked at once.
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
    """JSON after mending."""

    raw: bytes
    # how many half characters were replaced
    halves: int = 0
    # how many NaN and infinities were replaced
    numbers: int = 0

    @property
    def odd(self) -> tuple[Odd, ...]:
        """The mends as oddities for the tally."""
        return (("half_character", ""),) * self.halves + (("no_number", ""),) * self.numbers


def mended(raw: bytes) -> Mended:
    """Bytes that no JSON reader takes, mended. Takes time linear in their length."""
    raw, halves = whole_characters(raw)
    numbers = 0

    def escape(match: re.Match[bytes]) -> bytes:
        nonlocal halves
        first, second = match[1], match[2]
        high = first is not None and first[:1] in b"dD" and first[1:2] in b"89abAB"
        if first is None or (high and second):
            return match[0]
        kept = match[0][:6]
        if high or (first[:1] in b"dD" and first[1:2] in b"cdefCDEF"):
            halves += 1
            kept = _INSTEAD
        if second:  # a second half that follows no first one
            halves += 1
            kept += _INSTEAD
        return kept

    def token(match: re.Match[bytes]) -> bytes:
        nonlocal numbers
        if match[0][:1] == b'"':
            return _ESCAPE.sub(escape, match[0]) if _ESCAPED_HALF.search(match[0]) else match[0]
        numbers += 1
        return b"null"

    return Mended(_TOKEN.sub(token, raw), halves, numbers)


def whole_characters(raw: bytes) -> tuple[bytes, int]:
    """Bytes as UTF-8, and the number of half characters that were replaced.

    Characters beyond U+FFFF may be written as two halves, which are joined, or be only half there.
    """
    halves = 0

    def whole(match: re.Match[bytes]) -> bytes:
        nonlocal halves
        if len(match[0]) == 6:
            pair = match[0].decode("utf-8", "surrogatepass")
            return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le").encode()
        halves += 1
        return _INSTEAD

    if b"\xed" not in raw:
        return raw, 0
    return _HALVES.sub(whole, raw), halves


def whole_text(text: str) -> tuple[str, int]:
    """A text without half characters, and the number of those that were replaced."""
    if text.isascii():
        return text, 0
    try:
        text.encode()
    except UnicodeEncodeError:
        raw, halves = whole_characters(text.encode("utf-8", "surrogatepass"))
        return raw.decode(), halves
    return text, 0


def parse(raw: bytes | str) -> tuple[object, Mended]:
    """JSON as a Python value, and its mended form (``raw`` is empty if nothing was mended).

    Raises: `RecordError` ``invalid_utf8``, ``truncated_json`` if it breaks off, ``broken_json``.
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
