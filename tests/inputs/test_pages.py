"""Pages that stay UTF-8 on their way out of JSON."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.inputs.mended import parse
from etl.inputs.pages import parse_with_pages
from etl.pages import compiled
from schemas.errors import RecordError

PIECES = st.sampled_from(
    [
        *'"\\/\x01\x1f\x7f a{}[]:,',
        *("é", "\u2028", "😀", "html", '"html":"', '"html" : "', '\\"', "\\\\", "\\n", "\\x"),
        *("\\u00e9", "\\u0000", "\\ud83d\\ude00", "\\ud83d", "\\ude00", "\\uD83D\\u0041", "\\u12"),
        *("x" * 9, '<a b=\\"c\\">'),
    ]
)
INSIDES = st.lists(PIECES, max_size=12).map("".join)
DAMAGE = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)


def outcome(read: Any, raw: bytes) -> tuple[object, ...]:
    """What a parser makes of a line, with pages as texts: the value, or the error."""

    def texts(value: Any) -> Any:
        if isinstance(value, bytes):
            return value.decode()
        if isinstance(value, dict):
            return {key: texts(each) for key, each in value.items()}
        return [texts(each) for each in value] if isinstance(value, list) else value

    try:
        value, made = read(raw)
    except RecordError as error:
        return error.reason, error.detail
    return texts(value), made


@settings(max_examples=1000, deadline=None)
@given(INSIDES, INSIDES, DAMAGE)
@example('a", "html": "b', "", [])
@example("", '"}, {"html": "', [])
@example('\\", "x\\"html": "a', "", [])
def test_the_same_value_or_error(first: str, second: str, damage: list[tuple[int, int]]) -> None:
    """A line, whole or broken, gives what the plain parser gives: the same value, mended in the
    same places, or the same error.
    """
    line = f'{{"steps": [{{"html": "{first}", "x\\"html": "{second}"}}, {{"html":"{second}"}}]}}'
    raw = bytearray(line.encode())
    for place, byte in damage:
        raw[place % len(raw)] = byte
    for each in (bytes(raw), bytes(raw[: len(raw) // 2])):
        assert outcome(parse_with_pages, each) == outcome(parse, each)


@pytest.mark.skipif(compiled.ENGINE is None, reason="this installation is not compiled")
def test_pages_of_steps_are_utf8() -> None:
    """The pages of steps are UTF-8, of any length. Where another object has the key, all strings
    are texts.
    """
    pages = ["", "a", 'é\n"😀' * 100_000]
    steps = [{"html": page} for page in pages]
    value, _ = parse_with_pages(orjson.dumps({"steps": steps}))
    assert value == {"steps": [{"html": page.encode()} for page in pages]}
    for other in ({"meta": {"html": "a"}}, {"html": "a"}):
        record = {"steps": steps, **other}
        assert parse_with_pages(orjson.dumps(record))[0] == record
