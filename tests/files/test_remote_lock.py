"""One build at a time in a folder on an object store."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from upath import UPath

from etl.files import lock, storage
from etl.files.owner import Owner
from etl.files.remote import lock as remote_lock
from etl.files.storage import location
from schemas.errors import BuildError
from tests.files.test_lock import dead_process, taken_at_once
from tests.support.s3 import BUCKET, served

STORES = ("s3", "memory", "elsewhere")
"""With both conditions, with one, and with none."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of clients of one server for all tests here."""
    with served(tmp_path_factory.mktemp("s3") / "s3") as running:
        yield running.env


@pytest.fixture(params=STORES)
def folder(
    request: pytest.FixtureRequest,
    server: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[UPath]:
    """The folder of locks, empty."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(remote_lock, "_SETTLE_SECONDS", 0.3)
    if request.param == "elsewhere":
        monkeypatch.setattr(remote_lock, "_IF_ABSENT", frozenset())
    root = f"s3://{BUCKET}" if request.param == "s3" else "memory:/"
    path = location(f"{root}/{tmp_path.name}/work/locks")
    assert isinstance(path, UPath)
    yield path
    fsspec.filesystem("memory").store.clear()


def write_lock(folder: UPath, part: str, host: str, process: int) -> UPath:
    path = folder / f"{part}.lock"
    path.fs.pipe_file(path.path, Owner(host, process, "another").as_bytes())
    return path


def owner(path: UPath) -> Owner:
    return Owner.of(storage.read_bytes(path))


def locks(folder: UPath) -> list[str]:
    return [path.name for path in storage.files(folder)]


def test_a_second_build_is_refused_by_name(folder: UPath) -> None:
    """While a lock is held, taking it again fails and names the holder's host and process;
    afterwards it succeeds; no object stays.
    """
    with lock.hold(folder) as check:
        with (
            pytest.raises(BuildError, match=rf"{socket.gethostname()}, process {os.getpid()}"),
            lock.hold(folder),
        ):
            pass
        assert locks(folder) == ["all.lock"]
        check()
    with lock.hold(folder):
        pass
    assert locks(folder) == []


def test_slices_share_and_exclude_the_whole(folder: UPath) -> None:
    """Different slices are held side by side; the same slice twice, or all beside a slice, is
    refused.
    """
    with lock.hold(folder, "1-of-3"), lock.hold(folder, "2-of-3"):
        for part in ("1-of-3", lock.ALL):
            with pytest.raises(BuildError), lock.hold(folder, part):
                pass
        assert locks(folder) == ["1-of-3.lock", "2-of-3.lock"]


def test_a_lock_of_a_dead_process_here_is_taken_over(folder: UPath) -> None:
    """A lock whose process is gone on this host does not stop a build, however young it is; nor
    does a slice's.
    """
    path = write_lock(folder, "all", socket.gethostname(), dead_process())
    write_lock(folder, "1-of-2", socket.gethostname(), dead_process())
    with lock.hold(folder):
        assert owner(path).process == os.getpid()
        assert locks(folder) == ["all.lock"]


def test_another_hosts_lock_counts_until_its_heartbeat_stops(folder: UPath) -> None:
    """Another host's lock is respected while its heartbeat is young by the store's clock, and then
    taken over.
    """
    path = write_lock(folder, "all", "another-host", 1)
    with pytest.raises(BuildError, match="another-host, process 1"), lock.hold(folder):
        pass
    time.sleep(2.1)  # stores tell times in whole seconds
    with lock.hold(folder, stale=1):
        assert owner(path).host == socket.gethostname()


def test_the_clock_of_this_host_does_not_count(
    folder: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host whose clock is an hour ahead takes over nothing."""
    write_lock(folder, "all", "another-host", 1)
    real = time.time
    if folder.protocol == "s3":  # memory's clock is this host's
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
    with pytest.raises(BuildError, match=r"last sign of life [0-3] s ago"), lock.hold(folder):
        pass


def test_of_many_that_want_it_one_has_it(folder: UPath) -> None:
    """Threads that take a stale lock at once never hold it together."""
    if folder.protocol != "s3":
        pytest.skip("memory is no store for several")
    write_lock(folder, "all", socket.gethostname(), dead_process())
    held, most = taken_at_once(folder, 6, 0.1)
    assert held >= 1
    assert most == 1


def test_a_heartbeat_renews_the_lock(folder: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is held, the lock is put again and again, each time with other content."""
    monkeypatch.setattr(lock, "_BEAT_SECONDS", 0.05)
    with lock.hold(folder) as check:
        seen = until(folder / "all.lock", lambda owner: owner.beat > 2)
        check()
    assert seen.process == os.getpid()


def until(path: UPath, reached: object) -> Owner:
    assert callable(reached)
    deadline = time.monotonic() + 120
    while not reached(seen := owner(path)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return seen


def test_a_lock_that_was_lost_is_found_out(folder: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build whose lock was taken over while it stood still is told so, and leaves the other's
    lock alone.
    """
    monkeypatch.setattr(lock, "_BEAT_SECONDS", 0.2)
    with lock.hold(folder) as check:
        write_lock(folder, "all", "another-host", 7)
        deadline = time.monotonic() + 120
        took = "host another-host, process 7 took the lock of this build"
        with pytest.raises(BuildError, match=took):  # noqa: PT012 - it happens some time
            while time.monotonic() < deadline:
                check()
                time.sleep(0.02)
    assert owner(folder / "all.lock").host == "another-host"


def test_a_put_that_is_tried_again_meets_itself(
    folder: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the answer to a put was lost, its second try finds the lock there, and knows it for its
    own.
    """
    create = remote_lock._create
    monkeypatch.setattr(remote_lock, "_create", lambda path, data: create(path, data) and False)
    with lock.hold(folder):
        assert owner(folder / "all.lock").process == os.getpid()
