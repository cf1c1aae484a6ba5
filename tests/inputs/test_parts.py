"""Large inputs in parts: everything is read once, as from the whole file, at a part's cost."""

from __future__ import annotations

import csv
import gzip
import io
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs import find, parts
from etl.inputs.facts import examine
from etl.inputs.parts import Cutting
from etl.inputs.records import InputShard
from etl.inputs.remembered import Remembered
from etl.inputs.streams import has_frames_from
from etl.look.recordings import check as checked
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.workflow import Workflow
from tests.support import builds

reusing = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=150,
)
NAMES: Final = [
    "workflow_id",
    "Objective",
    "action_kind",
    "action_description",
    "url",
    "cssselector",
    "dom",
]

ids = st.sampled_from("aabbcdef")
texts = st.text("\",\r\nx'é{", max_size=6)
blanks = st.sampled_from([b"", b" ", b"\r"])
junk = st.sampled_from(
    [
        b"{oops",
        b"\xff",
        b"[1]",
        b'{"workflow_id": "a"}',
        b'{"annotation_id": "a"}',
        b'a,"b" c',
        b'"',
    ]
)
runs = st.lists(st.tuples(ids, st.integers(1, 4)), max_size=8)


def row(workflow: str, text: str) -> dict[str, str]:
    """One step as ScribeAgent's pipeline stores it."""
    return dict(
        zip(
            NAMES,
            (workflow, "Buy", "click", text, "https://x.example/", "#b", f"<p>{text}</p>"),
            strict=True,
        )
    )


def flow(workflow: str, text: str) -> dict[str, Any]:
    """A whole workflow."""
    return builds.workflow(1, workflow_id=workflow, objective=f"Buy {text}")


def action(workflow: str, text: str) -> dict[str, Any]:
    """One action of a task, as Mind2Web's flat files have it."""
    operation = {"op": "CLICK", "value": text}
    return {
        "annotation_id": workflow,
        "action_uid": text,
        "raw_html": "<p>",
        "operation": operation,
    }


@st.composite
def json_lines(draw: st.DrawFn, record: Callable[[str, str], dict[str, Any]]) -> bytes:
    """Lines of records in runs of one workflow, with broken and blank ones, by LF or CRLF.

    The last may lack its line break. The first is whole, so that the format is recognised as in a
    real file.
    """
    lines = [orjson.dumps(record("a", "first"))]
    for workflow, length in draw(runs):
        lines += [orjson.dumps(record(workflow, draw(texts))) for _ in range(length)]
        lines += draw(st.lists(blanks | junk, max_size=1))
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    return (
        draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
        + end.join(lines)
        + draw(st.sampled_from([b"", end]))
    )


@st.composite
def csv_rows(draw: st.DrawFn) -> bytes:
    """Rows with quotes and line breaks in their fields.

    Headers, blank lines and broken rows are among them.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    pieces: list[bytes] = []
    writer.writerow(NAMES)
    for workflow, length in draw(runs):
        writer.writerows([list(row(workflow, draw(texts)).values()) for _ in range(length)])
        if draw(st.booleans()):
            pieces.append(
                text.getvalue().encode()
                + draw(blanks | junk | st.just(",".join(NAMES).encode()))
                + b"\n"
            )
            text.seek(text.truncate(0))
    data = b"".join(pieces) + text.getvalue().encode()
    return data[: len(data) - draw(st.sampled_from([0, 0, 1, 2, 9]))]


CONTENT: Final = {
    "workflows": json_lines(flow),
    "scribe": json_lines(row) | csv_rows(),
    "mind2web": json_lines(action),
}
content = st.sampled_from(sorted(CONTENT)).flatmap(
    lambda name: st.tuples(st.just(name), CONTENT[name])
)
SKIPPABLE: Final = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"


@st.composite
def frames(draw: st.DrawFn, data: bytes) -> bytes:
    """Zstandard of frames that begin anywhere, with empty and skippable ones between.

    They have a checksum or not.
    """
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    packed = b""
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        options: dict[str, Any] = {
            "write_checksum": draw(st.booleans()),
            "write_content_size": draw(st.booleans()),
        }
        packed += draw(st.sampled_from([b"", b"", SKIPPABLE]))
        packed += zstandard.ZstdCompressor(
            level=draw(st.sampled_from([1, -5])), **options
        ).compress(data[start:end])
    return packed[: len(packed) - draw(st.sampled_from([0, 0, 0, 3]))]


def cut(path: Path, format_name: str, part_bytes: int) -> list[InputShard]:
    """A file in parts."""
    node = nodes.node(path)
    facts = examine(
        node,
        format_name,
        Cutting.of(SOURCES[format_name], part_bytes),
        Remembered(None),
        lambda _: None,
    )
    assert facts.size == path.stat().st_size
    return parts.split(
        InputShard(path.name, str(path), format_name, facts.size, facts.sha256), facts.parts
    )


def read(shards: Sequence[InputShard]) -> tuple[list[Workflow], list[Any], list[Any]]:
    """Workflows, ledger and quarantine of some shards, one behind the other."""
    flows: list[Workflow] = []
    tally = Tally()
    for shard in shards:
        flows += SOURCES[shard.format].read(shard, tally)
    return flows, tally.entries, tally.quarantined


def check(path: Path, format_name: str, part_bytes: int) -> list[InputShard]:
    """That the parts give what the file gives; returns them."""
    shards = cut(path, format_name, part_bytes)
    assert read(shards) == read(
        [InputShard(path.name, str(path), format_name, path.stat().st_size, "")]
    )
    assert sum(shard.size for shard in shards) == path.stat().st_size
    assert len({shard.key for shard in shards}) == len(shards)
    return shards


@reusing
@given(made=content, part_bytes=st.integers(1, 900))
def test_text_in_parts(tmp_path: Path, made: tuple[str, bytes], part_bytes: int) -> None:
    """Parts give the workflows, ledger and quarantine of the whole file, for any cut.

    The files hold runs of rows, rows of a workflow far apart, broken, blank and quoted lines, CRLF,
    and no last line break. Ids and bytes of broken records agree too.
    """
    path = tmp_path / "x"
    path.write_bytes(made[1])
    check(path, made[0], part_bytes)


@reusing
@given(made=content, data=st.data(), part_bytes=st.integers(1, 200))
def test_frames_in_parts(
    tmp_path: Path, made: tuple[str, bytes], data: st.DataObject, part_bytes: int
) -> None:
    """Parts of zstandard in several frames, whole or cut off, give what the whole file gives."""
    path = tmp_path / "x"
    path.write_bytes(data.draw(frames(made[1])))
    check(path, made[0], part_bytes)


@reusing
@given(rows=runs, data=st.data(), part_bytes=st.integers(1, 3000))
def test_parquet_in_parts(tmp_path: Path, rows: Any, data: st.DataObject, part_bytes: int) -> None:
    """The same of Parquet with several row groups, across which the rows of a workflow go."""
    name, record = data.draw(
        st.sampled_from([("scribe", row), ("workflows", flow), ("mind2web", action)])
    )
    records = [
        record(workflow, data.draw(texts)) for workflow, length in rows for _ in range(length)
    ]
    path = tmp_path / "x"
    pq.write_table(
        pa.Table.from_pylist([record("a", "first"), *records]),
        path,
        row_group_size=data.draw(st.integers(1, 5)),
    )
    check(path, name, part_bytes)


@pytest.mark.parametrize("form", ["jsonl", "csv", "zst", "parquet"])
def test_a_large_file_is_cut_evenly(tmp_path: Path, form: str) -> None:
    """A file of short workflows gives the expected number of parts, none much too large."""
    rows = [row(f"w{number // 3}", f"{number * 7919 % 1009:04d}" * 50) for number in range(3000)]
    path = tmp_path / "x"
    lines = [orjson.dumps(one) + b"\n" for one in rows]
    if form == "parquet":
        pq.write_table(
            pa.Table.from_pylist(rows),
            path,
            row_group_size=50,
            compression="none",
            use_dictionary=False,
        )
    elif form == "csv":
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, NAMES)
            writer.writeheader()
            writer.writerows(rows)
    elif form == "zst":
        pack = zstandard.ZstdCompressor(level=1).compress
        path.write_bytes(
            b"".join(pack(b"".join(lines[start : start + 7])) for start in range(0, 3000, 7))
        )
    else:
        path.write_bytes(b"".join(lines))
    size = path.stat().st_size
    shards = check(path, "scribe", size // 10)
    assert 9 <= len(shards) <= 11
    assert max(shard.size for shard in shards) < size // 10 * 1.3


def test_what_has_no_way_in_is_one_part(tmp_path: Path) -> None:
    """Files whose middle cannot be reached, or whose workflows are all mixed up, are not cut.

    The first are gzip, one frame of zstandard, a JSON list, and formats with one workflow in a
    file.
    """
    lines = b"".join(orjson.dumps(row(f"w{number}", "x")) + b"\n" for number in range(50))
    mixed = b"".join(orjson.dumps(row(f"w{number % 2}", "x")) + b"\n" for number in range(50))
    listed = b"[" + b",".join(lines.splitlines()) + b"]"
    path = tmp_path / "x"
    for data in (gzip.compress(lines), zstandard.ZstdCompressor().compress(lines), listed, mixed):
        path.write_bytes(data)
        assert [shard.part for shard in check(path, "scribe", 30)] == [None]
    path.write_bytes(lines)
    assert len(check(path, "scribe", 30)) == 50
    for name in ("browsergym", "miniwob", "unknown"):
        assert Cutting.of(SOURCES[name], 30) is None


@pytest.mark.parametrize("kind", ["plain", "zst", "csv", "parquet"])
def test_a_part_costs_what_it_weighs(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading one of twenty parts takes a twentieth of the bytes.

    Some kilobytes of the file's beginning are read too.
    """
    rows = [row(f"w{number}", f"{number * 104729 % 1000003:06d}" * 400) for number in range(4000)]
    path = tmp_path / "x"
    lines = [orjson.dumps(one) + b"\n" for one in rows]
    if kind == "parquet":
        table = pa.Table.from_pylist(rows)
        pq.write_table(
            table, path, 50, compression="none", use_dictionary=False, write_statistics=False
        )
    elif kind == "csv":
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([NAMES, *(one.values() for one in rows)])
    elif kind == "zst":
        pack = zstandard.ZstdCompressor(level=-50).compress
        path.write_bytes(
            b"".join(pack(b"".join(lines[start : start + 20])) for start in range(0, 4000, 20))
        )
    else:
        path.write_bytes(b"".join(lines))
    size = path.stat().st_size
    shard = cut(path, "scribe", size // 20)[10]
    counted = [0]
    monkeypatch.setattr(nodes, "open_binary", counting(counted))
    monkeypatch.setattr(nodes, "remote", lambda place: kind == "parquet" or "://" in str(place))
    monkeypatch.setattr(nodes, "node", lambda place: Node(str(place), "x", "file"))
    assert len(list(SOURCES["scribe"].read(shard, Tally()))) > 100
    assert counted[0] < 2 * shard.size + 2**19  # two passes: `Rows`


def counting(counted: list[int]) -> Callable[..., Any]:
    class Counted(io.RawIOBase):
        def __init__(self, raw: Any) -> None:
            self.raw = raw

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            return int(self.raw.seek(offset, whence))

        def readinto(self, buffer: Any) -> int:
            count = int(self.raw.readinto(buffer))
            counted[0] += count
            return count

        def close(self) -> None:
            self.raw.close()
            super().close()

    def opened(place: str, start: int = 0, block: int = 0) -> Any:
        stream = io.BufferedReader(Counted(Path(place).open("rb")), 2**16)  # noqa: SIM115 - closed with it
        stream.seek(start)
        return stream

    return opened


def test_finding_parts_holds_one_record(tmp_path: Path) -> None:
    """Hashing and cutting 60 MB of JSON lines, CSV and frames takes a few megabytes."""
    pages = [
        "".join(f"<p class='a'>{number**5 % (seed + 7919)}</p>\n" for number in range(16_000))
        for seed in range(70)
    ]
    rows = [row(f"w{number}", page) for number, page in enumerate(pages)]
    lines = b"".join(orjson.dumps(one) + b"\n" for one in rows)
    text = io.StringIO(newline="")
    csv.writer(text).writerows([NAMES, *(one.values() for one in rows)])
    pack = zstandard.ZstdCompressor().compress
    for data in (
        lines,
        text.getvalue().encode(),
        pack(lines[:99]) * 0 + pack(lines[: len(lines) // 2]) + pack(lines[len(lines) // 2 :]),
    ):
        path = tmp_path / "x"
        path.write_bytes(data)
        part_bytes = len(data) // 4
        tracemalloc.start()
        try:
            shards = cut(path, "scribe", part_bytes)
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
        assert len(shards) >= 2


@given(
    data=st.binary(max_size=3000),
    sizes=st.lists(st.integers(0, 700), max_size=6),
    stop=st.integers(0, 60),
)
def test_frames_are_found_without_decompressing(data: bytes, sizes: list[int], stop: int) -> None:
    """Following headers finds exactly the frames that were written, or those before a cut."""
    packed = b""
    starts = []
    for number, size in enumerate([*sizes, 3000]):
        starts.append(len(packed))
        options: dict[str, Any] = {
            "write_checksum": bool(size & 1),
            "write_content_size": bool(size & 2),
        }
        packed += (
            SKIPPABLE if number == 1 else zstandard.ZstdCompressor(**options).compress(data[:size])
        )
    for cut_off in (b"", packed[: max(0, len(packed) - stop)]):
        whole = cut_off or packed
        for limit in range(0, len(packed) + 2, 7):
            expected = any(limit <= start and start + 4 <= len(whole) for start in starts)
            assert has_frames_from(io.BytesIO(whole).read, limit) == expected


@pytest.mark.parametrize(
    "data", [b"", b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd" + b"\xff" * 40, b"x" * 99]
)
def test_rubbish_has_no_frames(data: bytes) -> None:
    """What is no zstandard has no second frame, and nothing raises."""
    assert not has_frames_from(io.BytesIO(data).read, 1)


def of_dataset(out: Path) -> dict[str, str]:
    return {
        name: digest
        for name, digest in builds.contents(out / "dataset").items()
        if name.startswith("data/")
    }


def test_a_build_in_small_parts_is_the_same(own_build: Path, tmp_path: Path) -> None:
    """The shipped recordings in parts of 4 kB give the same samples and data files.

    They are more tasks, and two workers make the same of them as one.
    """
    builds.build([builds.RECORDINGS], tmp_path / "one", "inputs.part_mb=0.004")
    builds.build([builds.RECORDINGS], tmp_path / "two", "inputs.part_mb=0.004", workers=2)
    assert len(builds.inputs_of(tmp_path / "one")) > len(builds.inputs_of(own_build))
    whole = [
        (one.sample_id, one.input_ids.tolist(), one.labels.tolist())
        for one in builds.emitted(own_build)
    ]
    assert [
        (one.sample_id, one.input_ids.tolist(), one.labels.tolist())
        for one in builds.emitted(tmp_path / "one")
    ] == whole
    assert of_dataset(tmp_path / "one") == of_dataset(own_build)
    assert builds.contents(tmp_path / "two" / "dataset") == builds.contents(
        tmp_path / "one" / "dataset"
    )


def test_check_counts_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is one input to `stepmill check`, however large."""
    builds.write_workflows(tmp_path / "a.jsonl", *(builds.workflow(number) for number in range(50)))
    counts = checked.view([str(tmp_path)])["formats"]["workflows"]
    assert (counts["files"], counts["workflows"], counts["bytes"]) == (
        1,
        50,
        (tmp_path / "a.jsonl").stat().st_size,
    )


def test_parts_do_not_depend_on_place_or_order(tmp_path: Path) -> None:
    """Equal content and setting give equal parts with equal keys, in any place."""
    keys = []
    for folder in ("one", "two"):
        path = builds.write_workflows(
            tmp_path / folder / "a.jsonl", *(builds.workflow(number) for number in range(50))
        )
        found = find.find([str(path)], SOURCES)
        keys.append([shard.key for shard in find.shards(found, sources=SOURCES, part_bytes=1000)])
    assert keys[0] == keys[1]
    assert len(keys[0]) > 5
