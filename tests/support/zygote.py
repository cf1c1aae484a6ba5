"""A process with the slow imports done, which makes client processes of itself: each of its own,
and there at once.

A client runs ``module:function`` with some arguments. It has the environment, working folder and
umask that it is given, can be killed like any process, and ends with an exit code and what it wrote
to stdout and stderr. What Python and libraries read as they start (``PYTHON*``, locale, numbers of
threads) is the zygote's: see `builds.command`.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.support import builds

COMMAND: Final = "tests.support.zygote:stepmill"

SECONDS: Final = 1200
"""How long a client may take before it is killed."""


class Done(NamedTuple):
    """How a client ended: its exit code, or less than 0 the signal that killed it; and what it
    said.
    """

    code: int
    out: str
    err: str


@dataclass
class Client:
    pid: int
    _zygote: Zygote
    _folder: Path

    def wait(self) -> Done:
        """Wait for its end, here, so that the zygote can answer others meanwhile; a client that
        takes too long is killed.
        """
        handle = os.pidfd_open(self.pid)
        try:
            if not select.select([handle], [], [], SECONDS)[0]:
                os.kill(self.pid, signal.SIGKILL)
        finally:
            os.close(handle)
        status = self._zygote.ask({"wait": self.pid})
        return Done(status, (self._folder / "out").read_text(), (self._folder / "err").read_text())


class Zygote:
    """See the module. modules: imported before anybody asks; of ``module:function`` the function is
    called too.
    """

    def __init__(self, env: Mapping[str, str], modules: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self.env: Final = builds.environment(env)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.zygote", *modules],
            cwd=builds.ROOT,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: Mapping[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:  # each thread gets the answer to its own question
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return int(json.loads(self._process.stdout.readline()))

    def start(
        self,
        function: str,
        *arguments: object,
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        umask: int = -1,
    ) -> Client:
        """env: what differs from the zygote's own; None is not set. cwd: else the zygote's."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        question = {"function": function, "arguments": list(map(os.fsdecode, map(str, arguments)))}
        place = {"folder": str(folder), "cwd": str(cwd or builds.ROOT), "umask": umask}
        return Client(self.ask({**question, **place, "env": dict(env or {})}), self, folder)

    def run(self, *arguments: object, env: Mapping[str, str] | None = None) -> Done:
        """A command of stepmill."""
        return self.start(COMMAND, *arguments, env=env).wait()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@contextmanager
def ready(env: Mapping[str, str], modules: Sequence[str], folder: Path) -> Iterator[Zygote]:
    zygote = Zygote(env, modules, folder)
    try:
        yield zygote
    finally:
        zygote.close()


def stepmill(*arguments: str) -> None:
    """The command line, as ``python -m stepmill`` runs it."""
    sys.argv = ["stepmill", *arguments]
    runpy.run_module("stepmill", run_name="__main__", alter_sys=True)


def driver(path: str, *arguments: str) -> None:
    """A program that may kill its process group: it leads one of its own."""
    os.setsid()
    sys.argv = [path, *arguments]
    runpy.run_path(path, run_name="__main__")


def ahead() -> None:
    """Read what every build reads: the model of languages, the suffixes of domains, the vocabulary.

    No thread starts, which a fork would leave behind.
    """
    import pyarrow as pa

    from etl.build.recipes.recipe import load
    from etl.pages.domain import domain_of
    from etl.stages.language import english

    english("Read the model")
    domain_of("https://www.shop.example/", "")
    pa.array([1])
    load("scribeagent-32k").packed.encoder.vocabulary.encode("the vocabulary")


def _serve() -> None:
    for name in sys.argv[1:]:
        module, _, function = name.partition(":")
        imported = importlib.import_module(module)
        if function:
            getattr(imported, function)()
    with os.fdopen(os.dup(1), "w") as answers:
        for line in sys.stdin:
            question = json.loads(line)
            if "wait" in question:
                answer = os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
            else:
                answer = os.fork()
                if answer == 0:
                    _be(question)
            answers.write(f"{answer}\n")
            answers.flush()


def _be(question: Mapping[str, Any]) -> None:
    """The client, which never returns."""
    for handle, name in ((1, "out"), (2, "err")):
        os.dup2(
            os.open(f"{question['folder']}/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND), handle
        )
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 1
    try:
        for name, value in question["env"].items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        tempfile.tempdir = None  # where it is may have been asked for already
        os.chdir(question["cwd"])
        if question["umask"] >= 0:
            os.umask(question["umask"])
        module, _, function = question["function"].partition(":")
        getattr(importlib.import_module(module), function)(*question["arguments"])
        code = 0
    except SystemExit as end:
        code = _code(end)
    except BaseException:  # noqa: BLE001 - as Python itself ends
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code(end: SystemExit) -> int:
    """Of a process that ends so: Python says what is no number, and ends with 1."""
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    _serve()
