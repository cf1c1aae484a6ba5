"""A process with the slow imports done, which makes client processes of itself: each of its own, and there at once.

A client runs ``module:function`` with some arguments, under the environment that the zygote was started with. It can be
killed like any process, and ends with an exit code and what it wrote to stdout and stderr.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests import builds

COMMAND: Final = "tests.zygote:stepmill"


class Done(NamedTuple):
    """How a client ended: its exit code, or less than 0 the signal that killed it; and what it said."""

    code: int
    out: str
    err: str


@dataclass
class Client:
    pid: int
    _zygote: Zygote
    _folder: Path

    def wait(self) -> Done:
        status = self._zygote.ask({"wait": self.pid})
        return Done(status, (self._folder / "out").read_text(), (self._folder / "err").read_text())


class Zygote:
    """See the module. modules: imported before anybody asks."""

    def __init__(self, env: Mapping[str, str], modules: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote", *modules],
            cwd=builds.ROOT,
            env=builds.environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: Mapping[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._process.stdout.readline()))

    def start(self, function: str, *arguments: object, env: Mapping[str, str] | None = None) -> Client:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        question = {"function": function, "arguments": list(map(str, arguments)), "folder": str(folder)}
        return Client(self.ask({**question, "env": dict(env or {})}), self, folder)

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
    """The command line, as its console script has it."""
    from etl.cli import main

    sys.argv = ["stepmill", *arguments]
    main()


def _serve() -> None:
    for module in sys.argv[1:]:
        importlib.import_module(module)
    answers = os.fdopen(os.dup(1), "w")
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
        os.dup2(os.open(f"{question['folder']}/{name}", os.O_WRONLY | os.O_CREAT), handle)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(question["env"])
    module, _, function = question["function"].partition(":")
    code: Any = 0
    try:
        getattr(importlib.import_module(module), function)(*question["arguments"])
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 - as Python itself ends
        traceback.print_exc()
        code = 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
