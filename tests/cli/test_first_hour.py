"""The first hour of a new user: the wheel installed, the README's commands as written, a file
written by hand.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Final

from etl.sources import FORMATS
from tests.look.test_check import MISTAKES, written
from tests.support.installed import Installed
from tests.test_readme import README, blocks

ROOT: Final = Path(__file__).parents[2]
USE: Final = 1
"""The number of the block of commands in the section Use."""


def shell(installed: Installed, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command as it is typed in a shell with the environment activated."""
    activate = f". {installed.bin}/activate && "
    environment = installed.environment(folder, {"PATH": "/usr/local/bin:/usr/bin:/bin"})
    return subprocess.run(
        ["/bin/sh", "-c", activate + command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_what_the_readme_says_of_installing_is_so() -> None:
    """The extras that are named are those of the package but for its developers' ones, and the
    wheel has its name.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (named,) = re.findall(r"^The extras are (.*?)\. ", README, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", named)) == set(project["optional-dependencies"]) - {
        "test",
    }
    commands = "".join(blocks("shell"))
    assert f"stepmill-{project['version']}-*.whl" in commands
    asked = re.findall(r"\[([\w,]+)\]'", commands)
    assert asked
    assert {extra for each in asked for extra in each.split(",")} <= set(
        project["optional-dependencies"]
    )


def test_the_first_hour(installed: Installed, tmp_path: Path) -> None:
    """In a new environment: the README's first commands run as written; an example of a format is
    written, checked and built; then a file written by hand with typical mistakes is checked, and
    each is told with file, line, key and remedy; what could be read of it is built, and all of it
    is accounted for.
    """
    (tmp_path / "tests" / "recordings").mkdir(parents=True)
    (tmp_path / "tests" / "recordings" / "data").symlink_to(ROOT / "tests" / "recordings" / "data")
    for line in blocks("sh")[USE].splitlines():
        done = shell(installed, tmp_path, line)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{line}: {done.stderr}"
    name = FORMATS["workflows"].example_name
    done = shell(
        installed, tmp_path, f"stepmill example workflows > {name} && stepmill check {name}"
    )
    assert "1 workflow, 2 steps, 2 with a target, 0 failed" in done.stdout
    written(tmp_path)
    checked = shell(installed, tmp_path, "stepmill check hand.jsonl")
    assert checked.returncode == 0
    for number, mistake in enumerate(MISTAKES, 2):
        (said,) = [
            line
            for line in checked.stdout.splitlines()
            if line.strip().startswith(f"hand.jsonl:{number}: ")
        ]
        assert re.search(rf"\({mistake.reason}\)", said), said
        assert mistake.remedy in said.rpartition("); ")[2], said
        assert any(key in said for key in mistake.key.split("|")), said
    built = shell(
        installed,
        tmp_path,
        "stepmill build hand.jsonl --out hand-out --workers 0 && stepmill verify hand-out",
    )
    assert built.returncode == 0, built.stderr
