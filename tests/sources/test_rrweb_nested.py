"""Values within lists and objects are found one by one, however the bytes come."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from etl.inputs.streams import Truncated
from etl.sources.rrweb.nested import Reader, Value, nested_values

LISTS = frozenset(("events", "data", "data.events", "data.windows.*"))

Found = list[tuple[bytes, int, dict[str, Any]] | tuple[str, bytes]]


def found(content: bytes, size: int) -> Found:
    """What a reader finds that is given so many bytes at a time."""
    reader = Reader(LISTS)
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    values = [value for piece in pieces for value in reader.feed(piece)]
    return told([*values, *reader.end("truncated_json", "cut")])


def told(values: list[Value | Truncated]) -> Found:
    return [
        (each.raw, each.place, dict(each.around))
        if isinstance(each, Value)
        else (str(each.reason), each.raw)
        for each in values
    ]


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b'[{"a":"]\\""},2]', [(b'{"a":"]\\""}', 1, {}), (b"2", 1, {})]),
        (b'{"a":1}\n{"a":2}', [(b'{"a":1}', 0, {}), (b'{"a":2}', 0, {})]),
        (b'[["x",{}],[null]]', [(b'"x"', 2, {}), (b"{}", 2, {}), (b"null", 3, {})]),
        (
            b'{"id":7,"events":[{"events2":[]}],"after":[1]}',
            [(b'{"events2":[]}', 1, {"id": 7, "key": "events"})],
        ),
        (
            b'{"v":1,"data":{"who":{"a":[1]},"events":[1,"[2"]}}',
            [
                (b"1", 1, {"v": 1, "who": {"a": [1]}, "key": "events"}),
                (b'"[2"', 1, {"v": 1, "who": {"a": [1]}, "key": "events"}),
            ],
        ),
        (
            b'{"data":{"windows":{"w1":[1],"w2":[2]}}}',
            [(b"1", 1, {"key": "w1"}), (b"2", 2, {"w1": None, "key": "w2"})],
        ),
        (b'{"data" : {"x" : [{"events":[2]}]}}', [(b'{"data" : {"x" : [{"events":[2]}]}}', 0, {})]),
        (b"[[[[[1,[2]]]]]]", [(b"[1,[2]]", 4, {})]),
        (b"", []),
        (b" \n", []),
        (b'\xef\xbb\xbf["a"]', [(b'"a"', 1, {})]),
        (b'[1,{"a":', [(b"1", 1, {}), ("truncated_json", b'{"a":')]),
        (b'[{"a":1}', [(b'{"a":1}', 1, {}), ("truncated_json", b"")]),
        (b'{"events":[1', [(b"1", 1, {"key": "events"}), ("truncated_json", b"")]),
        (b'"open', [("truncated_json", b'"open')]),
        (b"[1] rest", [(b"1", 1, {}), ("truncated_json", b"rest")]),
        (b"]1 ", [(b"]", 0, {}), (b"1", 0, {})]),
    ],
)  # fmt: skip
def test_values_and_what_stands_around_them(content: bytes, values: Found) -> None:
    """Lists under the given keys are opened, others belong to their value."""
    for size in (1, 2, 3, 7, 1000):
        assert found(content, size) == values, size


def test_any_pieces_give_the_same(tmp_path: Path) -> None:
    """Where the bytes are cut makes no difference, whatever they are."""
    chance = random.Random("nested")
    for _ in range(300):
        content = bytes(chance.choices(b'{}[]",:ae\\ \n1', k=chance.randrange(40)))
        if chance.random() < 0.5:
            content = json.dumps({"events": [{"a": content.decode()}], "b": 1}).encode() + content
        whole = found(content, 1000)
        for size in (1, 2, 5):
            assert found(content, size) == whole, content


def test_long_strings_are_looked_at_once() -> None:
    """A string of 20 MB in pieces of 1 kB takes no longer than in one."""
    reader = Reader(LISTS)
    values: list[Value | Truncated] = []
    for piece in (b'[{"a":"', *[b"x" * 999 + b"\\\\"] * 20_000, b'"}]'):
        values += reader.feed(piece)
    assert [len(value.raw) for value in values if isinstance(value, Value)] == [20_020_008]


def test_a_broken_line_costs_no_other(tmp_path: Path) -> None:
    """In lines, each is read by itself; a value over several lines is one."""
    path = tmp_path / "a"
    path.write_bytes(b'{"a":1}\n{"a":\n{"a":2}\n')
    values = told(list(nested_values(str(path), path.read_bytes(), LISTS)))
    assert values == [(b'{"a":1}', 0, {}), ("truncated_json", b'{"a":'), (b'{"a":2}', 0, {})]
    path.write_bytes(b'{\n"a":\n{"a":2}}\n')
    values = told(list(nested_values(str(path), path.read_bytes(), LISTS)))
    assert values == [(b'{\n"a":\n{"a":2}}', 0, {})]
