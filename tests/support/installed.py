"""stepmill as users have it: its wheel in an environment of its own, with what it requires and no
extras.

The packages are those of the environment that the tests run in, linked and not fetched: exactly the
ones that stepmill and its requirements name without an extra (`pip check` finds them complete), so
that nothing else can be imported.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]


_ONE_PROCESS: Final = """
import contextlib, io, json, sys, traceback
from etl.cli.main import main

done = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["stepmill", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main() or 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            code = traceback.print_exc() or 1
    done.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(done))
"""


class Done(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Installed:
    """An environment. folder: where its ``bin`` lies."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where python and stepmill are."""
        return self.folder / "bin"

    def run(
        self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the console script in a folder; nothing of the tests' environment is seen, nothing is
        downloaded.
        """
        return subprocess.run(
            [str(self.bin / "stepmill"), *map(str, arguments)],
            cwd=cwd,
            env=self.environment(cwd, env),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def in_one_process(self, lines: Sequence[str], cwd: Path) -> list[Done]:
        """Run command lines of stepmill one after the other in one process, which is quicker."""
        done = subprocess.run(
            [str(self.bin / "python"), "-c", _ONE_PROCESS],
            input=json.dumps([shlex.split(line) for line in lines]),
            cwd=cwd,
            env=self.environment(cwd),
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return [Done(*each) for each in json.loads(done.stdout)]

    def environment(self, home: Path, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a shell has after the environment was activated."""
        bare = {
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
        }
        return {**bare, "VIRTUAL_ENV": str(self.folder), "HF_HUB_OFFLINE": "1", **(changes or {})}


def environment_of(wheels: Path) -> Path:
    """Where the environment is that the wheel in a folder is installed in: scripts name it, so it
    is never moved.
    """
    return wheels.with_suffix(".environment")


def make(wheels: Path) -> None:
    """Build the wheel and install it into a new environment. Takes some 20 seconds of processor
    time.
    """
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT))
    folder = environment_of(wheels)
    venv.create(folder, clear=True, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in requirements("stepmill"):
        _link(package, site)
    (wheel,) = wheels.iterdir()
    python = str(folder / "bin" / "python")
    _pip("--python", python, "install", "--no-deps", str(wheel))
    _pip("--python", python, "check")


def requirements(name: str) -> Iterator[metadata.Distribution]:
    """What a package requires without extras, and what that requires."""
    seen = {(canonicalize_name(name), frozenset[str]())}
    waiting = [*seen]
    while waiting:
        package, extras = waiting.pop()
        found = metadata.distribution(package)
        if package != name:
            yield found
        for text in found.requires or []:
            needed = Requirement(text)
            asked = (
                any(needed.marker.evaluate({"extra": extra}) for extra in ("", *extras))
                if needed.marker
                else True
            )
            key = (canonicalize_name(needed.name), frozenset(needed.extras))
            if asked and key not in seen:
                seen.add(key)
                waiting.append(key)


def _link(package: metadata.Distribution, site: Path) -> None:
    """Put links to a package's folders and files into another environment."""
    assert package.files is not None, package.name
    for top in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
        target = site / top
        if not target.exists():
            target.symlink_to(Path(str(package.locate_file(top))).resolve())


def _pip(*arguments: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        *arguments,
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
