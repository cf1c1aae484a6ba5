"""One build at a time in a folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pytest

from etl.files import lock
from etl.files.storage import AnyPath
from schemas.errors import BuildError


def write_lock(folder: Path, part: str, host: str, process: int, age: float = 0.0) -> Path:
    path = folder / f"{part}.lock"
    path.write_bytes(orjson.dumps({"host": host, "process": process}))
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def dead_process() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_second_build_is_refused_by_name(tmp_path: Path) -> None:
    """While a lock is held, taking it again fails and names the holder's host and process;
    afterwards it succeeds.
    """
    with lock.hold(tmp_path):
        with (
            pytest.raises(BuildError, match=rf"{socket.gethostname()}, process {os.getpid()}"),
            lock.hold(tmp_path),
        ):
            pass
        assert (tmp_path / "all.lock").exists()
    with lock.hold(tmp_path):
        pass
    assert list(tmp_path.glob("*.lock")) == []


def test_slices_share_and_exclude_the_whole(tmp_path: Path) -> None:
    """Different slices are held side by side; the same slice twice, or all beside a slice, is
    refused.
    """
    with lock.hold(tmp_path, "1-of-3"), lock.hold(tmp_path, "2-of-3"):
        for part in ("1-of-3", lock.ALL):
            with pytest.raises(BuildError), lock.hold(tmp_path, part):
                pass
        assert sorted(path.name for path in tmp_path.glob("*.lock")) == [
            "1-of-3.lock",
            "2-of-3.lock",
        ]


def test_a_lock_of_a_dead_process_here_is_taken_over(tmp_path: Path) -> None:
    """A lock whose process is gone on this host does not stop a build, however young it is."""
    write_lock(tmp_path, "all", socket.gethostname(), dead_process())
    with lock.hold(tmp_path):
        owner = orjson.loads((tmp_path / "all.lock").read_bytes())
        assert owner["process"] == os.getpid()


def test_another_hosts_lock_counts_until_its_heartbeat_stops(tmp_path: Path) -> None:
    """Another host's lock is respected while its heartbeat is young, and taken over when it is ten
    minutes old.
    """
    write_lock(tmp_path, "all", "another-host", 1)
    with pytest.raises(BuildError, match="another-host, process 1"), lock.hold(tmp_path):
        pass
    write_lock(tmp_path, "all", "another-host", 1, age=lock.STALE_SECONDS + 1)
    with lock.hold(tmp_path):
        pass


def taken_at_once(folder: AnyPath, count: int, seconds: float) -> tuple[int, int]:
    """How many of this many threads had the lock, each for a time, and the most at once."""
    holding, most, held = 0, 0, 0
    guard = threading.Lock()

    def take() -> None:
        nonlocal holding, most, held
        try:
            with lock.hold(folder):
                with guard:
                    holding += 1
                    held += 1
                    most = max(most, holding)
                time.sleep(seconds)
                with guard:
                    holding -= 1
        except BuildError:
            pass

    threads = [threading.Thread(target=take) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return held, most


def test_of_many_that_want_it_one_has_it(tmp_path: Path) -> None:
    """Threads that take a stale lock at once never hold it together."""
    write_lock(tmp_path, "all", socket.gethostname(), dead_process())
    held, most = taken_at_once(tmp_path, 8, 0.01)
    assert held >= 1
    assert most == 1


def test_a_heartbeat_renews_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is held, the lock file's time moves on."""
    monkeypatch.setattr(lock, "_BEAT_SECONDS", 0.05)
    with lock.hold(tmp_path):
        path = tmp_path / "all.lock"
        os.utime(path, (1.0, 1.0))
        deadline = time.monotonic() + 120
        while path.stat().st_mtime == 1.0 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.stat().st_mtime > 1.0
