"""What several files of tests of `etl.cli` share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from etl.cli import main
from tests.support import builds

BUILDS: Final = (("build",), ("compact",), ("finish",), ("retry",))


HELP: Final = ("--help", "-h")


class Done(NamedTuple):
    """What a command left. err: without the times of a log."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The console script in this process, with its exit code. What builds does its work in this
    process as well, where nothing else is asked for: to start others takes longer than they would
    have to do.
    """

    def call(*arguments: object) -> Done:
        if (
            arguments[:1] in BUILDS
            and "--workers" not in arguments
            and len(arguments) > 1
            and arguments[1] not in HELP
        ):
            arguments += ("--workers", "0")
        monkeypatch.setattr(sys, "argv", ["stepmill", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return Done(code, out, builds.undated(err))

    return call


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``in`` and a build ``out`` of it, with a record in quarantine."""
    folder = tmp_path_factory.mktemp("cli")
    records = [builds.workflow(number, steps=2) for number in range(30)]
    path = builds.write_workflows(folder / "in" / "a.jsonl", *records)
    with path.open("a") as stream:
        stream.write('{"workflow_id": "bad", "objective": 5, "steps": []}\n')
    builds.build([folder / "in"], folder / "out")
    return folder
