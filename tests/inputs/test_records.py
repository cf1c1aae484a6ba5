"""Reading recordings: decompression, lines, elements of JSON lists, the beginning of a file."""

from __future__ import annotations

import gc
import gzip
import json
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.inputs import records, streams
from etl.inputs.records import InputHead, Keys, json_items
from etl.inputs.streams import Truncated, lines

DATA = b"".join(
    b'{"n": %d, "text": "some text that is not the same %d"}\n' % (n, n * n) for n in range(20_000)
)
BOM = b"\xef\xbb\xbf"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(['"', "\\", '\\"', "]", "}", "[,", "{"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
tmp_path_is_reused = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def until_cut(items: Any) -> tuple[list[bytes], Truncated]:
    """What comes before the cut, and the cut."""
    got = []
    try:
        for _, item in items:
            got.append(item)
    except Truncated as error:
        return got, error
    raise AssertionError("nothing was cut")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_compression_is_recognised_by_content(tmp_path: Path, pack: Any) -> None:
    """A file's lines are the same plain, gzip- or zstd-compressed, whatever it is called."""
    path = write(tmp_path / "recording.txt", pack(DATA))
    assert [line for _, line in lines(path)] == DATA.splitlines()


def test_frames_one_behind_another(tmp_path: Path) -> None:
    """Several zstandard frames, some skippable (pzstd), or gzip members are one stream."""
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    frames = skippable + zstd(DATA[:100]) + skippable + zstd(b"") + zstd(DATA[100:]) + skippable
    members = gzip.compress(DATA[:100]) + gzip.compress(DATA[100:])
    for data in (frames, members):
        assert [line for _, line in lines(write(tmp_path / "x", data))] == DATA.splitlines()


@pytest.mark.parametrize(
    ("pack", "reason"),
    [(gzip.compress, "truncated_gzip"), (zstd, "truncated_zstd")],
    ids=["gzip", "zstd"],
)
def test_cut_compression_gives_what_comes_before(tmp_path: Path, pack: Any, reason: str) -> None:
    """Complete lines before a cut come out, and the error holds the incomplete one.

    Together they are the beginning of the text.
    """
    packed = pack(DATA)
    got, error = until_cut(lines(write(tmp_path / "x", packed[: len(packed) * 2 // 3])))
    assert error.reason == reason
    start = b"".join(line + b"\n" for line in got) + error.raw
    assert len(got) > 5000
    assert DATA.startswith(start)
    assert b"\n" not in error.raw


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_every_cut_is_noticed(tmp_path: Path, pack: Any) -> None:
    """A cut of a compressed stream anywhere after its magic is reported."""
    packed = pack(DATA[:200])
    for end in range(4, len(packed)):
        _, error = until_cut(lines(write(tmp_path / "x", packed[:end])))
        assert error.reason.startswith("truncated_")


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_broken_compression_is_one_error(tmp_path: Path, pack: Any) -> None:
    """Changed bytes and rubbish behind the stream are reported as broken_compression."""
    packed = bytearray(pack(DATA))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    for data in (bytes(packed), pack(DATA) + b"rubbish"):
        try:
            got, error = until_cut(lines(write(tmp_path / "x", data)))
        except AssertionError:
            assert pack is zstd  # a frame without checksum: changed text is text
            continue
        assert error.reason == "broken_compression"
        assert all(line in DATA for line in got[:100])


def test_repeated_pages_do_not_fill_memory(tmp_path: Path) -> None:
    """Reading 200 MB that compress a thousandfold takes less than 100 MB."""
    page = bytes((n * 7919 + n // 251) % 251 for n in range(500_000))
    packed = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(3, window_log=24)
    ).compress(page * 400)
    path = write(tmp_path / "x", packed)
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in streams.chunks(path)) == 400 * len(page)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


def test_files_are_closed(tmp_path: Path) -> None:
    """Reading a file to its end, or only its beginning, leaves no open file behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for pack in (bytes, gzip.compress, zstd):
            path = write(tmp_path / "x", pack(DATA))
            assert list(lines(path))
            assert InputHead.of(path).start == DATA[: records.HEAD_BYTES]
            gc.collect()


def test_line_breaks(tmp_path: Path) -> None:
    """LF and CRLF end lines, CR and other separators do not; the byte order mark is left out."""
    path = write(tmp_path / "x", BOM + b"a\r\n\nb\rc\x0b\x1cd\xe2\x80\xa8\ne\r\nf")
    assert list(lines(path)) == [
        (1, b"a"),
        (2, b""),
        (3, b"b\rc\x0b\x1cd\xe2\x80\xa8"),
        (4, b"e"),
        (5, b"f"),
    ]


@tmp_path_is_reused
@given(
    parts=st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"ab", BOM, b" "]), max_size=12),
    size=st.integers(1, 4),
)
def test_lines_at_any_chunk_boundary(tmp_path: Path, parts: list[bytes], size: int) -> None:
    """Lines do not depend on where the chunks end."""
    data = b"".join(parts)
    path = write(tmp_path / "x", data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK_BYTES", size)
        got = [line for _, line in lines(path)]
    expected = data.split(b"\n")
    expected = [line.removeprefix(BOM) for line in expected]
    if data.endswith(b"\n") or not data:
        expected.pop()
    assert got == [line.removesuffix(b"\r") for line in expected]


@tmp_path_is_reused
@given(
    values=st.lists(JSON, max_size=5),
    indent=st.sampled_from([None, 1]),
    bom=st.booleans(),
    size=st.integers(1, 9),
)
def test_json_items_agree_with_json(
    tmp_path: Path, values: list[Any], indent: int | None, bom: bool, size: int
) -> None:
    """The elements of a list are those json.loads finds, wherever the chunks end."""
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode(errors="replace")
    path = write(tmp_path / "x", BOM * bom + b" \n" + text + b"\r\n ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "CHUNK_BYTES", size)
        got = list(json_items(path))
    assert [index for index, _ in got] == list(range(len(values)))
    assert [json.loads(item) for _, item in got] == json.loads(text)


@tmp_path_is_reused
@given(
    values=st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=4),
    data=st.data(),
)
def test_json_items_before_a_cut(tmp_path: Path, values: list[Any], data: st.DataObject) -> None:
    """Of a list that is cut anywhere, complete elements come out; the error holds the other."""
    text = json.dumps(values).encode()
    end = data.draw(st.integers(1, len(text) - 1))
    got, error = until_cut(json_items(write(tmp_path / "x", text[:end])))
    assert error.reason == "truncated_json"
    ends = [len(json.dumps(values[: n + 1])) - 1 for n in range(len(values))]
    complete = sum(place <= end for place in ends)
    assert [json.loads(item) for item in got] == values[:complete]
    assert text[:end].rstrip().endswith(error.raw)


@pytest.mark.parametrize("text", [b'{"a": [1, 2]}', b'"x"', b"17", b'{"a":', b'{"a":1}\n{"a":2}'])
def test_one_value_is_one_item(tmp_path: Path, text: bytes) -> None:
    """What is no list is handed over whole, complete or not."""
    assert list(json_items(write(tmp_path / "x", BOM + b"\n " + text + b"\n"))) == [(0, text)]


@pytest.mark.parametrize("text", [b"", b" \n", BOM, b"[]", b" [ \n ] "])
def test_nothing_is_no_item(tmp_path: Path, text: bytes) -> None:
    """Empty files and empty lists have no elements and are no error."""
    assert list(json_items(write(tmp_path / "x", text))) == []
    assert list(lines(write(tmp_path / "y", b""))) == []


def test_broken_elements_cost_themselves(tmp_path: Path) -> None:
    """An element that is no JSON, or missing, is handed over as it is; the others come out."""
    path = write(tmp_path / "x", b'[{"a": 1}, {"a": oops}, , {"b": "]"},]')
    assert [item for _, item in json_items(path)] == [
        b'{"a": 1}',
        b'{"a": oops}',
        b"",
        b'{"b": "]"}',
    ]


def test_text_behind_the_list_is_reported(tmp_path: Path) -> None:
    """Text after the end of a list is reported, and a bounded part of it kept."""
    path = write(tmp_path / "x", b'[{"a": 1}] \n' + b"x" * 3_000_000)
    got, error = until_cut(json_items(path))
    assert got == [b'{"a": 1}']
    assert error.reason == "broken_json"
    assert b"xxx" in error.raw
    assert len(error.raw) <= streams.CHUNK_BYTES


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
def test_a_cut_single_value_is_kept(tmp_path: Path, pack: Any) -> None:
    """One value in a cut stream is in the error as far as it could be read."""
    text = b'{"n": ' + DATA.replace(b"{", b"[")
    packed = pack(text)
    got, error = until_cut(json_items(write(tmp_path / "x", packed[: len(packed) // 2])))
    assert got == []
    assert len(error.raw) > 100_000
    assert text.startswith(error.raw)


def test_head_of_a_file(tmp_path: Path) -> None:
    """The head holds the name without .gz and .zst, and the first 64 KiB decompressed.

    Of a cut stream it holds what there is.
    """
    head = InputHead.of(write(tmp_path / "a.jsonl.zst", zstd(DATA)))
    assert (head.name, head.start) == ("a.jsonl", DATA[: 64 * 1024])
    packed = gzip.compress(DATA)
    head = InputHead.of(write(tmp_path / "a.gz", packed[:-20]))
    assert (head.name, head.start) == ("a", DATA[: 64 * 1024])
    assert InputHead.of(tmp_path).entries == ("a.gz", "a.jsonl.zst")


def test_keys_of_parquet(tmp_path: Path) -> None:
    """A Parquet file gives its columns; one that is cut off or compressed whole gives none."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), path)
    assert InputHead.of(path).keys == Keys(frozenset("ab"), form="table")
    whole = path.read_bytes()
    for data in (whole[:-9], gzip.compress(whole), b"PAR1", b"a,b\n1,2\n"):
        assert InputHead.of(write(tmp_path / "y", data)).keys == Keys()


@pytest.mark.parametrize(
    ("start", "top", "nested", "cut", "form"),
    [
        (
            b'{"a": {"b": {"c": 1}}, "d": [{"e": [{"f": 1}]}], "g": [[{"h": 1}]]}',
            "a d g",
            "a.b d.e",
            False,
            "objects",
        ),
        (BOM + b' [{"a": [1, {"b": "}"}]}, {"c": [{"b": 1', "a c", "a.b c.b", False, "list"),
        (b'{"a": 1}\n{"b": {"c": 1}}\n{"d', "a b", "b.c", False, "objects"),
        (b'{"a": oops\n{"b": 1}\n', "a b", "", False, "objects"),
        (b'{\n  "a": [{"b": "\\"{"},\n {"c": "}', "a", "a.b a.c", True, "objects"),
        (b'{"a": {"b": [[["x", {"y": "]', "a", "a.b", True, "objects"),
        (b"}}{{", "", "", False, ""),
        (b"[]]}}", "", "", True, "list"),
    ],
)
def test_keys_of_json(start: bytes, top: str, nested: str, cut: bool, form: str) -> None:
    """Keys are those of records and of objects in them; deeper ones and texts do not count."""
    keys = Keys.of(start)
    assert (set(keys.top), set(keys.nested), keys.cut, keys.form) == (
        set(top.split()),
        set(nested.split()),
        cut,
        form,
    )


json_values = st.recursive(
    st.none() | st.integers() | st.text('"\\{}[]:, a\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab"\\{[', max_size=3), inner, max_size=3)
    ),
    max_leaves=25,
)


@given(
    st.dictionaries(st.text("abcd", max_size=2), json_values, max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_keys_are_those_a_parser_finds(record: dict[str, Any], in_list: bool, indent: bool) -> None:
    """The keys of a whole record are those that parsing it gives, at any depth."""
    nested = set()
    for name, value in record.items():
        for inner in value if isinstance(value, list) else [value]:
            keys = [json.dumps(key)[1:-1] for key in inner] if isinstance(inner, dict) else []
            nested |= {f"{name}.{key}" for key in keys}
    text = json.dumps([record] if in_list else record, indent=2 if indent else None)
    form: Any = "list" if in_list else "objects"
    assert Keys.of(text.encode()) == Keys(frozenset(record), frozenset(nested), False, form)
