"""Inputs that fsspec reaches: the same datasets as from copies on disk, whatever holds them."""

from __future__ import annotations

import errno
import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.registry import _registry

from etl.files import nodes, retries
from etl.files.remote.reading import BLOCK, RemoteFile
from etl.files.retries import persistent
from etl.inputs import find
from etl.inputs.records import InputHead, InputShard
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.errors import ConfigError
from tests.support import builds


@pytest.fixture
def memory() -> Iterator[Any]:
    """The file system in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    yield system
    system.store.clear()


class Handler(http.server.SimpleHTTPRequestHandler):
    """A web server with or without range requests.

    The first ``broken`` answers fail; ``cut`` ones end half way.
    """

    ranges = True
    broken = 0
    cut = 0
    asked: list[str] = []  # noqa: RUF012 - shared on purpose

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
        if kind.broken:
            kind.broken -= 1
            self.send_error(503)
            return
        path = Path(self.translate_path(self.path))
        wanted = self.headers.get("Range", "")
        if kind.cut and path.is_file():
            kind.cut -= 1
            data = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return
        if not (kind.ranges and wanted.startswith("bytes=") and path.is_file()):
            super().do_GET()
            return
        data = path.read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(data)), len(data) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop}/{len(data)}")
        self.send_header("Content-Length", str(stop + 1 - start))
        self.end_headers()
        self.wfile.write(data[start : stop + 1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path, type[Handler]]]:
    """Its URL, its folder and its handler."""
    folder = tmp_path / "served"
    folder.mkdir()
    kind = type("Own", (Handler,), {"asked": []})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(kind, directory=str(folder))
    ) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}", folder, kind
        web.shutdown()
        thread.join()


def upload(system: Any, folder: Path, root: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            system.pipe_file(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@pytest.mark.parametrize("part_mb", ["256", "0.004"])
def test_a_dataset_from_memory_is_the_one_from_disk(
    memory: Any, tmp_path: Path, part_mb: str
) -> None:
    """Remote inputs give the same published bytes, whole and in parts, in every file form."""
    upload(memory, builds.RECORDINGS, "/bucket/night")
    builds.build([builds.RECORDINGS], tmp_path / "local", f"inputs.part_mb={part_mb}")
    builds.build(["memory://bucket/night"], tmp_path / "remote", f"inputs.part_mb={part_mb}")
    assert builds.contents(tmp_path / "remote" / "dataset") == builds.contents(
        tmp_path / "local" / "dataset"
    )


def test_local_and_remote_together(memory: Any, tmp_path: Path) -> None:
    """Local and remote inputs, some given twice, make one dataset by names relative to roots."""
    for number, name in enumerate(["a", "sub/b", "sub/.hidden", "c"]):
        builds.write_workflows(tmp_path / "in" / f"{name}.jsonl", builds.workflow(number))
    upload(memory, tmp_path / "in" / "sub", "/x/sub")
    given = [
        "memory://x",
        f"file://{tmp_path}/in/a.jsonl",
        "memory://x/su*/*.jsonl",
        str(tmp_path / "in" / "c.jsonl"),
    ]
    found = find.find(given, SOURCES)
    assert sorted((item.name, item.place.partition(":")[0]) for item in found) == [
        ("a.jsonl", str(tmp_path / "in" / "a.jsonl")),
        ("c.jsonl", str(tmp_path / "in" / "c.jsonl")),
        ("sub/b.jsonl", "memory"),
    ]
    builds.build(given, tmp_path / "remote")
    builds.build([tmp_path / "in"], tmp_path / "local")
    assert builds.contents(tmp_path / "remote" / "dataset") == builds.contents(
        tmp_path / "local" / "dataset"
    )


def test_folders_that_are_recordings(memory: Any, shared: Path, tmp_path: Path) -> None:
    """A remote folder of pickled steps is one recording; a demo takes its task from its folder."""
    folder = next((shared / "data" / "browsergym_workarena" / "native_pkl").iterdir())
    demo = next(
        path
        for path in sorted((shared / "data" / "miniwob_demos").rglob("*.json*"))
        if path.is_file()
    )
    shutil.copytree(folder, tmp_path / "in" / "episode")
    shutil.copy(demo, tmp_path / "in" / demo.name)
    upload(memory, tmp_path / "in", "/y/in")
    read = []
    for root in (str(tmp_path / "in"), "memory://y/in"):
        tally = Tally()
        shards = find.shards(find.find([root], SOURCES))
        flows = [flow for shard in shards for flow in SOURCES[shard.format].read(shard, tally)]
        read.append(
            (
                [(s.name, s.format, s.size, s.sha256) for s in shards],
                flows,
                tally.entries,
                tally.quarantined,
            )
        )
    assert read[0] == read[1]
    assert len(read[0][1]) == 2


@pytest.mark.parametrize("ranges", [True, False])
def test_a_web_server(
    server: tuple[str, Path, type[Handler]], tmp_path: Path, ranges: bool
) -> None:
    """Files and folders behind a web server; whole text files need no range requests."""
    url, folder, handler = server
    handler.ranges = ranges
    builds.write_workflows(
        folder / "in" / "a b.jsonl", *(builds.workflow(number) for number in range(9))
    )
    builds.write_workflows(folder / "in" / "sub" / "c.jsonl", builds.workflow(10))
    builds.build([f"{url}/in/"], tmp_path / "remote")
    builds.build([folder / "in"], tmp_path / "local")
    assert builds.contents(tmp_path / "remote" / "dataset") == builds.contents(
        tmp_path / "local" / "dataset"
    )
    (found,) = find.find([f"{url}/in/a%20b.jsonl?token=x"], SOURCES)
    assert found.name == "a b.jsonl"


def test_parts_are_range_requests(server: tuple[str, Path, type[Handler]]) -> None:
    """A part of a remote file is asked for from its first byte on."""
    url, folder, handler = server
    builds.write_workflows(folder / "a.jsonl", *(builds.workflow(number) for number in range(50)))
    shards = find.shards(find.find([f"{url}/a.jsonl"], SOURCES), sources=SOURCES, part_bytes=4000)
    assert len(shards) > 3
    handler.asked.clear()
    part = shards[2].part
    assert part is not None
    assert len(list(SOURCES["workflows"].read(shards[2], Tally()))) > 3
    assert any(f"bytes={part.start}-" in asked for asked in handler.asked)


def test_a_failing_server_is_asked_again(
    server: tuple[str, Path, type[Handler]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Listing and hashing survive server errors, each with a plain line, and hashes are right."""
    url, folder, handler = server
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(nodes, "SMALL", 0)  # a small file is read when it is found
    builds.write_workflows(folder / "a.jsonl", *(builds.workflow(number) for number in range(9)))
    (expected,) = find.shards(find.find([str(folder)], SOURCES))
    found = find.find([f"{url}/a.jsonl"], SOURCES)
    handler.broken = 2
    seen: list[int] = []
    (shard,) = find.shards(found, seen.append)
    assert (shard.sha256, sum(seen)) == (expected.sha256, expected.size)
    lines = builds.undated(capsys.readouterr().err).splitlines()
    assert len(lines) == 2
    assert all(
        line.startswith(f"stepmill: {url}/a.jsonl: OSError") and "trying again in" in line
        for line in lines
    )


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_is_taken_up_where_it_was(
    server: tuple[str, Path, type[Handler]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ranges: bool,
) -> None:
    """A task continues after broken connections, with and without range requests.

    No byte is missing or there twice, and each break is a plain line.
    """
    url, folder, handler = server
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.01)
    handler.ranges = ranges
    builds.write_workflows(folder / "a.jsonl", *(builds.workflow(number) for number in range(999)))
    expected = list(
        SOURCES["workflows"].read(
            InputShard("a", str(folder / "a.jsonl"), "workflows", 0, ""), Tally()
        )
    )
    tally = Tally()
    rows = SOURCES["workflows"].read(InputShard("a", f"{url}/a.jsonl", "workflows", 0, ""), tally)
    handler.cut = 2
    assert list(rows) == expected
    assert handler.cut == 0
    assert not tally.quarantined
    lines = builds.undated(capsys.readouterr().err).splitlines()
    assert lines
    assert all(
        line.startswith(f"stepmill: {url}/a.jsonl: OSError") and "trying again in" in line
        for line in lines
    )


def test_a_file_that_became_shorter_is_no_end(
    server: tuple[str, Path, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without range requests, a file that became shorter than what was read is an error.

    Its end is not taken for the end of the recording.
    """
    url, folder, _ = server
    monkeypatch.setenv(retries.VARIABLE, "0")
    (folder / "a").write_bytes(b"x" * 100)
    with RemoteFile(f"{url}/a", whole=True, block=BLOCK) as stream:
        assert len(stream.read(60)) == 60
        assert stream._file is not None
        stream._file.close()
        stream._file = None
        (folder / "a").write_bytes(b"x" * 10)
        with pytest.raises(OSError, match="60 bytes could be read before, 10 now"):
            stream.read(60)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_trouble_while_reading_is_no_bad_record(
    memory: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks for good raises OSError with the URL, and quarantines nothing."""
    if name.endswith("l"):
        memory.pipe_file(
            f"/z/{name}", b'{"workflow_id": "a", "objective": "b", "steps": []}\n' * 100_000
        )
    else:
        with memory.open(f"/z/{name}", "wb") as stream:
            pq.write_table(
                pa.table({"workflow_id": ["a"] * 9, "objective": ["b"] * 9, "steps": [[""]] * 9}),
                stream,
            )
    place = f"memory://z/{name}"
    head = InputHead.of(place)
    assert head.keys.top >= {"workflow_id"}
    real = RemoteFile.readinto

    def lost(self: Any, buffer: Any) -> int:
        if self.tell() > (0 if name.endswith("t") else 2_000_000):
            raise OSError(errno.EIO, "connection lost", place)
        return real(self, buffer)

    monkeypatch.setattr(RemoteFile, "readinto", lost)
    tally = Tally()
    with pytest.raises(OSError, match="connection lost") as caught:
        list(SOURCES["workflows"].read(InputShard(name, place, "workflows", 0, ""), tally))
    assert caught.value.errno == errno.EIO
    assert not any(bad.reason in {"broken_parquet", "truncated_json"} for bad in tally.quarantined)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (
            "memory://absent/x.jsonl",
            "memory://absent/x.jsonl: no such file or folder, and no match as a glob",
        ),
        ("memory://absent/*.jsonl", "no such file or folder"),
        ("gopher://x/y", "gopher:// is no storage that fsspec knows"),
        ("s3://bucket/x", "needs the package s3fs: pip install 'stepmill[s3]'"),
        ("gs://bucket/x", "needs the package gcsfs: pip install 'stepmill[gcs]'"),
    ],
)
def test_what_cannot_be_found_is_named(
    memory: Any, place: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing input or package stops the build before it starts, and says what to do."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    for protocol in ("s3", "gs"):
        monkeypatch.delitem(_registry, protocol, raising=False)
    with pytest.raises(ConfigError) as caught:
        find.find([place], SOURCES)
    assert says in str(caught.value)


class ClientPayloadError(Exception):
    """Named like aiohttp's."""


class Refused(Exception):
    """With a status, as HTTP libraries have it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def wrapped(cause: Exception) -> Exception:
    error = FileNotFoundError("x")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (OSError("lost"), True), (ConnectionResetError(104, "reset"), True), (TimeoutError(), True),
        (OSError(errno.EIO, "x"), True), (ClientPayloadError(), True), (Refused(503), True),
        (Refused(429), True),
        (wrapped(ConnectionRefusedError()), True), (wrapped(Refused(404)), False), (Refused(403),
        False),
        (FileNotFoundError("x"), False), (PermissionError("x"), False), (OSError(errno.EINVAL, "x"),
        False),
        (OSError(errno.ENOSPC, "x"), False), (ValueError("x"), False), (KeyboardInterrupt(), False),
    ],
)  # fmt: skip
def test_what_is_tried_again(
    error: BaseException,
    passing: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Broken connections, time-outs and busy servers are tried again.

    Missing or forbidden files, and defects of ours, are not.
    """
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.001)
    calls: list[int] = []

    def fn() -> int:
        calls.append(1)
        if len(calls) < 3:
            raise error
        return 7

    if passing:
        assert persistent(fn, "s3://b/x") == 7
        assert capsys.readouterr().err.count("stepmill: s3://b/x: ") == 2
    else:
        with pytest.raises(type(error)):
            persistent(fn, "s3://b/x")
        assert (len(calls), capsys.readouterr().err) == (1, "")


def test_waiting_doubles_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are 1, 2, 4, 8, 16, then 30 seconds each; after five minutes the error comes out."""
    clock = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("tenacity.nap.time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with pytest.raises(ConnectionResetError):
        persistent(lambda: (_ for _ in ()).throw(ConnectionResetError("gone")), "s3://b/x")
    assert waits[:7] == [1, 2, 4, 8, 16, 30, 30]
    assert 240 < sum(waits) <= 300
