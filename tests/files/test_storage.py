"""Builds whose output lies on remote storage: the bytes of a local build, whatever happens to build
or server.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import fsspec
import pytest
from upath import UPath

from etl.dataset import account
from etl.files import lock, scratch, storage
from etl.files.arrow import atomic, open_arrow, read_json
from etl.files.remote import files, urls
from etl.files.storage import AnyPath, location
from etl.look.verify import verify
from schemas.errors import ConfigError, IntegrityError
from tests.build.test_interruption import POINTS, killed
from tests.support import builds
from tests.support.s3 import BUCKET, Server, s3

__all__ = ["s3"]

URL: Final = f"s3://{BUCKET}/nightly/out"
OWN: Final = (
    "work/order.json",
    "work/stamps.json",
    "work/listing.json",
    "work/remembered.json",
    "work/last_build.json",
    "work/locks/",
)
"""What tells of how a build was asked for, who is at it, and when files were written."""


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder of little recordings, some of which are there twice."""
    for number in range(4):
        records = [builds.workflow(30 * number + i, steps=2) for i in range(40)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    return tmp_path / "in"


@pytest.fixture
def expected(recordings: Path, tmp_path: Path) -> dict[str, str]:
    """The files of a build of them into a local folder, by hash."""
    builds.build([recordings], tmp_path / "expected")
    return comparable(builds.contents(tmp_path / "expected"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where processes that are started put temporary files."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def comparable(files: dict[str, str]) -> dict[str, str]:
    return {name: sha for name, sha in files.items() if not name.startswith(OWN)}


def hashes(server: Server) -> dict[str, str]:
    """All objects of the build by hash, but for `OWN`."""
    found = server.contents("nightly/out")
    return comparable({name: hashlib.sha256(data).hexdigest() for name, data in found.items()})


class Watcher(threading.Thread):
    """Reads all objects again and again while a build runs, and notes every content that is seen
    under a name.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.seen: set[tuple[str, str]] = set()
        self.looks = 0
        self._server, self._ended = server, threading.Event()

    def run(self) -> None:
        system = self._server.system()
        while not self._ended.wait(0.02):
            try:
                for name, data in self._server.objects("nightly/out", system):
                    if not name.startswith(OWN):
                        self.seen.add((name, hashlib.sha256(data).hexdigest()))
                self.looks += 1
            except Exception:  # noqa: BLE001 - the server is down, or an object went between list and read
                continue

    def end(self) -> None:
        self._ended.set()
        self.join()


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_server_that_dies_meanwhile(
    s3: Server, recordings: Path, expected: dict[str, str], tmp_path: Path, workers: str
) -> None:
    """From and to s3://, the server is killed in the middle and started again some seconds later:
    the build waits for it, says so, and completes with the bytes of a local build. At no time is
    anything but these bytes to be seen under any name, but for the note of what is being read.
    """
    for path in recordings.iterdir():
        s3.system().put_file(str(path), f"{BUCKET}/in/{path.name}")
    watcher = Watcher(s3)
    watcher.start()
    said = tmp_path / "said"
    with said.open("wb") as stderr:
        arguments = ["build", f"s3://{BUCKET}/in", "--out", URL, "--workers", workers]
        build = subprocess.Popen(
            [sys.executable, "-m", "stepmill", *arguments],
            env=builds.environment(),
            cwd=tmp_path,
            stderr=stderr,
        )
        until(lambda: any(name.startswith("work/samples/") for name, _ in [*watcher.seen]), build)
        s3.kill()
        until(lambda: "trying again in" in said.read_text(), build)
        s3.start()
        assert build.wait(timeout=240) == 0, said.read_text()
    watcher.end()
    assert hashes(s3) == expected
    assert watcher.looks > 3
    assert {
        (name, content) for name, content in watcher.seen if name != "work/reading.json"
    } <= set(expected.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["expected", "in", "s3", "said"]
    for command, first in (
        ("verify", f"{URL}: all files, counts"),
        ("inspect", "recipe scribeagent-32k"),
    ):
        done = builds.command(command, URL)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(first)


def until(what: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert process.poll() is None, "the build ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("where", ["in a samples shard", "in packing"])
def test_a_killed_build_is_completed(
    s3: Server,
    recordings: Path,
    expected: dict[str, str],
    tmp_path: Path,
    temporary: Path,
    where: str,
) -> None:
    """Killed at this point, the plain command takes the lock over, completes the build with the
    bytes of a local one, and does not do again what was finished; the temporary files that the
    killed one left are gone.
    """
    arguments = ("build", recordings, "--out", URL, "--workers", "0")
    patch = POINTS[where].replace(
        "kill_at(200", "kill_at(100"
    )  # there is less to do than in the tests of local builds
    patch = patch.replace("kill_at(3, ArrowWriter", "kill_at(1, ArrowWriter")
    done = killed(tmp_path, patch, *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    before = modified(s3)
    assert not any(name.startswith("dataset/") for name in before)
    assert any(path.is_file() for path in temporary.rglob("*"))
    again = builds.command(*arguments)
    assert again.returncode == 0, again.stderr
    assert hashes(s3) == expected
    after = modified(s3)
    reported = {
        name for name in before if name.startswith("work/samples/") and name.endswith(".json")
    }
    kept = reported | {name.removesuffix("json") + "arrow" for name in reported}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert not any(path.is_file() for path in temporary.rglob("*"))


def modified(server: Server) -> dict[str, Any]:
    found = server.system().find(f"{BUCKET}/nightly/out", detail=True)
    return {
        name.removeprefix(f"{BUCKET}/nightly/out/"): info["LastModified"]
        for name, info in found.items()
    }


def test_two_workers_killed_together(
    s3: Server, recordings: Path, expected: dict[str, str], tmp_path: Path
) -> None:
    """Killed in a worker process, with all others: completed by two workers to the same bytes."""
    arguments = ("build", recordings, "--out", URL, "--workers", "2")
    done = killed(tmp_path, "ArrowWriter.add = kill_at(50, ArrowWriter.add)", *arguments)
    assert done.returncode == -signal.SIGKILL, done.stderr
    done = builds.command(*arguments)
    assert done.returncode == 0, done.stderr
    assert hashes(s3) == expected


def test_a_second_build_is_refused_by_name(s3: Server, recordings: Path) -> None:
    """While a build holds the lock, another stops with exit code 1, names host and process, and
    builds nothing.
    """
    with lock.hold(location(URL) / "work" / "locks"):
        before = modified(s3)
        done = builds.command("build", recordings, "--out", URL, "--workers", "0")
        assert done.returncode == 1
        assert (
            f"another build is working here: host {os.uname().nodename}, process {os.getpid()}"
            in done.stderr
        )
        assert set(modified(s3)) - {"work/last_build.json"} == set(before)


def test_a_finished_build_is_left_alone_and_a_removed_object_made_again(
    s3: Server, recordings: Path, expected: dict[str, str]
) -> None:
    """Built again, nothing that was built is written again; an object of the dataset that was
    removed comes back, and one that was changed is found by verify.
    """
    builds.build([recordings], location(URL))
    before = comparable_times(s3)
    builds.build([recordings], location(URL))
    assert comparable_times(s3) == before
    data = next(name for name in expected if name.startswith("dataset/data/"))
    s3.system().rm_file(f"{BUCKET}/nightly/out/{data}")
    builds.build([recordings], location(URL))
    assert hashes(s3) == expected
    s3.system().pipe_file(f"{BUCKET}/nightly/out/{data}", b"something else")
    assert [line for line in verify(location(URL)) if data in line]


def comparable_times(server: Server) -> dict[str, Any]:
    return {name: time for name, time in modified(server).items() if not name.startswith(OWN)}


def test_inputs_and_output_in_one_bucket(
    s3: Server, recordings: Path, expected: dict[str, str]
) -> None:
    """Built from s3:// to s3://, output within the inputs' folder, the bytes are those of a local
    build, and a second build does not take the first one's files for inputs.
    """
    for path in recordings.iterdir():
        s3.system().put_file(str(path), f"{BUCKET}/nightly/{path.name}")
    for workers in ("2", "0"):
        done = builds.command("build", f"s3://{BUCKET}/nightly", "--out", URL, "--workers", workers)
        assert done.returncode == 0, done.stderr
        assert hashes(s3) == expected


def test_slices_into_a_bucket(s3: Server, recordings: Path, expected: dict[str, str]) -> None:
    """Two slices after each other and finish: the bytes of one build."""
    for arguments in (
        ("build", recordings, "--out", URL, "--shard", "1/2"),
        ("build", recordings, "--out", URL, "--shard", "2/2"),
        ("finish", URL),
    ):
        done = builds.command(*arguments, "--workers", "0")
        assert done.returncode == 0, done.stderr
    assert hashes(s3) == expected


def test_what_grew_is_built_as_a_new_generation(
    s3: Server, recordings: Path, tmp_path: Path
) -> None:
    """Two nights into a bucket are the same bytes as two nights into a folder, after the second as
    after the first.
    """
    for number in (0, 1):
        if number:
            extra = [builds.workflow(900 + i, steps=2) for i in range(20)]
            builds.write_workflows(recordings / "new.jsonl", *extra)
        builds.build([recordings], tmp_path / "local")
        builds.build([recordings], location(URL))
        assert hashes(s3) == comparable(builds.contents(tmp_path / "local"))


def test_a_build_into_memory(recordings: Path, expected: dict[str, str]) -> None:
    """memory:// is an output like any other for a build in this process."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    out = location("memory://nightly/out")
    builds.build([recordings], out)
    found = {
        name.removeprefix("/nightly/out/"): bytes(system.cat_file(name))
        for name in system.find("/nightly/out")
    }
    assert (
        comparable({name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
        == expected
    )
    assert verify(out) == []
    assert account.in_dataset(out).height == sum(
        split["samples"] for split in manifest(out)["splits"].values()
    )
    system.store.clear()


def manifest(out: storage.AnyPath) -> Any:
    return read_json(out / "dataset" / "manifest.json")


def test_a_package_that_is_missing_is_named() -> None:
    """Without s3fs, an output on s3:// stops before work starts and says what to install."""
    code = (
        "import sys; sys.modules['s3fs'] = None; from etl.files.storage import location; "
        "location('s3://bucket/out')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=builds.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MissingExtra: s3://bucket/out: s3:// needs the package s3fs" in done.stderr
    assert "pip install 'stepmill[s3]'" in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3:/bucket/out", "write s3://..."),
        ("simplecache::s3://bucket/out", "write simplecache://..."),
        ("https://host/out", "nothing can be written to https://"),
        ("nowhere://host/out", "no storage that fsspec knows"),
    ],
)
def test_a_url_that_cannot_be_written_is_refused(given: str, said: str) -> None:
    """What looks like a URL is never taken for the name of a local folder."""
    with pytest.raises(ConfigError, match=said):
        location(given)


def test_few_results_of_many_remote_files_wait() -> None:
    """Of hundreds of files, in order, no more are asked for than a few beyond those that were
    taken.
    """
    asked: list[str] = []

    def ask(path: AnyPath) -> str:
        asked.append(path.name)
        return path.name

    names = [f"{number:03d}" for number in range(200)]
    ahead = []
    for taken, name in enumerate(
        storage.together(ask, [location(f"memory://x/{name}") for name in names])
    ):
        assert name == names[taken]
        ahead.append(len(asked) - taken)
    assert max(ahead) < 20
    assert sorted(asked) == names


def test_local_paths_are_paths() -> None:
    """A local path is a path of pathlib, relative ones, names with a colon and file:// included."""
    for given, path in (
        ("out", "out"),
        ("/a/b", "/a/b"),
        ("file:///a/b", "/a/b"),
        ("a:b/c", "a:b/c"),
        ("./s3", "s3"),
    ):
        assert location(given) == Path(path)
        assert isinstance(location(given), Path)


def test_a_storage_that_cannot_be_reached(
    recordings: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where nobody answers, a build ends with exit code 1 after the time for retries, and says
    what, where, why, and what to do; no folder of that name appears here.
    """
    for name, value in Server(tmp_path / "never").env.items():
        monkeypatch.setenv(name, value)
    env = {"STEPMILL_RETRY_SECONDS": "1"}
    done = builds.command("build", recordings, "--out", URL, cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert done.stderr.startswith(f"stepmill: {URL}")
    assert ": cannot be read (EndpointConnectionError: Could not connect" in done.stderr
    assert "tried for 1 s. See that the storage can be reached" in done.stderr
    assert done.stderr.endswith("then run the same command again\n")
    assert not (tmp_path / "s3:").exists()


def test_the_time_for_retries_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """$STEPMILL_RETRY_SECONDS that is no number of seconds is refused by name."""
    monkeypatch.setenv("STEPMILL_RETRY_SECONDS", "soon")
    with pytest.raises(ConfigError, match="STEPMILL_RETRY_SECONDS is 'soon'"):
        storage.exists(location("memory://a"))


def test_an_upload_that_the_server_forgot_is_begun_again(
    s3: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is started again knows nothing of the parts it was sent: the whole object is
    sent again.
    """
    path = location(URL) / "large.arrow"
    assert isinstance(path, UPath)
    calls: list[str] = []
    call = path.fs._call_s3

    async def counted(method: str, *arguments: Any, **options: Any) -> Any:
        calls.append(method)
        if calls.count("complete_multipart_upload") == 1 and method == "complete_multipart_upload":
            s3.kill()
            s3.start()
        return await call(method, *arguments, **options)

    monkeypatch.setattr(path.fs, "_call_s3", counted)
    monkeypatch.setattr("etl.files.retries.FIRST_WAIT", 0.01)
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(110 * 2**20)
    files.put(path, large)
    assert calls.count("create_multipart_upload") == 2
    assert s3.system().info(f"{BUCKET}/nightly/out/large.arrow")["size"] == 110 * 2**20


def test_an_exception_leaves_nothing(s3: Server) -> None:
    """What was written before an exception is not to be seen,
    nor is what stood there before lost.
    """
    path = location(URL) / "a.json"
    with atomic(path) as stream:
        stream.write(b"1")
    with pytest.raises(KeyError), atomic(path) as stream:  # noqa: PT012
        stream.write(b"2")
        raise KeyError
    assert s3.contents("nightly/out") == {"a.json": b"1"}


def test_a_file_system_that_shows_a_file_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a put is not whole at once, the file comes under another name and is moved when it is
    complete.
    """
    monkeypatch.setattr(urls, "PUT_IS_WHOLE", frozenset())
    system = fsspec.filesystem("memory")
    names: list[str] = []
    put = system.put_file

    def noted(_: object, here: str, there: str) -> None:
        names.append(there)
        put(here, there)

    monkeypatch.setattr(type(system), "put_file", noted)
    path = location("memory://folder/a.json")
    with atomic(path) as stream:
        stream.write(b"{}")
    assert names[0].endswith(".part")
    assert system.find("/folder") == ["/folder/a.json"]
    system.store.clear()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of this process's scratch space, its own."""
    monkeypatch.setattr(scratch, "_folder", lambda: tmp_path)
    yield tmp_path / "cache"
    fsspec.filesystem("memory").store.clear()


def test_the_cache_holds_what_fits(cached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the limit, what was not asked for the longest is removed; what was asked for just now
    stays; a file that changed is fetched again, one that did not is not.
    """
    monkeypatch.setenv("STEPMILL_CACHE_GB", "0.0000002")  # 200 bytes
    system = fsspec.filesystem("memory")
    copies = []
    for number in range(4):
        system.pipe_file(f"/in/{number}", bytes(80))
        copies.append(scratch.copy_of(location(f"memory://in/{number}")))
        os.utime(copies[-1], (number + 1, number + 1))
    assert [copy.exists() for copy in copies] == [False, False, True, True]
    assert scratch.copy_of(location("memory://in/3")) == copies[3]
    system.pipe_file("/in/3", b"changed")
    changed = scratch.copy_of(location("memory://in/3"))
    assert changed != copies[3]
    assert changed.read_bytes() == b"changed"
    assert copies[3].exists()


def test_a_broken_remote_file_is_named(cached: Path) -> None:
    """A remote file that is no Arrow file is an error with its URL."""
    fsspec.filesystem("memory").pipe_file("/in/a.arrow", b"nothing")
    with pytest.raises(IntegrityError, match=r"memory://in/a\.arrow: not a whole Arrow file"):
        open_arrow(location("memory://in/a.arrow"))


def test_a_place_that_refuses_is_named_at_once(s3: Server, tmp_path: Path) -> None:
    """A bucket that is not there is no passing trouble: the error comes at once, and names the
    place.
    """
    done = builds.command(
        "build", builds.RECORDINGS, "--out", "s3://no-such-bucket/out", "--workers", "0"
    )
    assert done.returncode == 1
    assert "s3://no-such-bucket/out/work/locks/all.lock: cannot be written" in done.stderr
    assert "trying again" not in done.stderr
