"""An S3 server on this machine, for tests of remote storage: started, killed like a power cut,
started again.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import s3fs

BUCKET: Final = "bucket"
_SERVE: Final = "import sys; from importlib.metadata import entry_points; "
_SERVE_ENTRY: Final = "sys.exit(entry_points(group='console_scripts')['ministack'].load()())"


class Server:
    """A server whose objects lie in a folder; ``env`` is what a client needs to find it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "tmp").mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self.env = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self) -> None:
        settings = {
            "SERVICES": "s3",
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._folder / "data"),
            "TMPDIR": str(self._folder / "tmp"),
            "DOCKER_HOST": "unix:///nonexistent",
            "LOG_LEVEL": "ERROR",
        }
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE + _SERVE_ENTRY],
                env={**os.environ, **settings},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 240
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def system(self) -> s3fs.S3FileSystem:
        """A client of its own that remembers nothing."""
        url = self.env["AWS_ENDPOINT_URL"]
        system = s3fs.S3FileSystem(
            key="test",
            secret="test",
            endpoint_url=url,
            use_listings_cache=False,
            skip_instance_cache=True,
            config_kwargs={"retries": {"max_attempts": 0}},
        )
        system.retries = 1
        return system

    def contents(self, path: str) -> dict[str, bytes]:
        """Every object under ``bucket/path``, by relative path."""
        return dict(self.objects(path, self.system()))

    @staticmethod
    def objects(path: str, system: s3fs.S3FileSystem) -> Iterator[tuple[str, bytes]]:
        """Relative path and content of every object under ``bucket/path``, one at a time."""
        root = f"{BUCKET}/{path}/"
        for name in system.find(root):
            yield name.removeprefix(root), system.cat_file(name)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A running server with an empty bucket."""
    server = Server(folder)
    server.start()
    try:
        server.system().mkdir(BUCKET)
        server.system().pipe_file(
            f"{BUCKET}/keep", b""
        )  # this server forgets empty buckets when it is killed
        yield server
    finally:
        server.kill()


@pytest.fixture
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server with the bucket ``bucket``, found by clients in this process and in those it
    starts.
    """
    with served(tmp_path / "s3") as server:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield server
    s3fs.S3FileSystem.clear_instance_cache()
