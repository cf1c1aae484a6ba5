"""What several files of tests of `etl.decisions` share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support import builds

SMALL: Final = ("pack.shard_mb=1", "split.test=0.2", "fit.context=4096", "inputs.bundle_mb=0")


LIST: Final = (
    'takedown.workflows=["workflows:w3", "w24", "broken1"]',
    'takedown.domains=["shop5.example"]',
)


SECRET: Final = "XYZZY"
"""In every text of a workflow that the list takes down, and nowhere else."""


def secret(number: int, steps: int = 2, **fields: Any) -> dict[str, Any]:
    """A workflow whose every text says that it is to be taken down."""
    record = builds.workflow(number, steps, **fields)
    record["objective"] += f" {SECRET}"
    for step in record["steps"]:
        step["html"] = step["html"].replace("<h1>", f"<h1>{SECRET} ")
        step["action"]["description"] += f" {SECRET}"
    return record


def night(folder: Path, number: int) -> None:
    """More recordings, in two files a night, with everything that the list names."""
    if number == 1:
        plain = (builds.workflow(n, steps=2) for n in range(20) if n % 7 != 5 and n != 3)
        on_domain = (secret(n) for n in (5, 12, 19))  # on shop5.example
        repeats = (secret(3), secret(3) | {"reward": 1.0}, secret(3))  # w3~2 and w3~3
        write(folder / "1a.jsonl", *plain, *on_domain, *repeats)
        with (folder / "1a.jsonl").open("a") as stream:
            stream.write(f'{{"workflow_id": "broken1", "objective": "{SECRET}", "steps": 5}}\n')
            stream.write(f'{{"workflow_id": "w3", "objective": 5, "website": "{SECRET}"}}\n')
            stream.write(
                f'{{"workflow_id": "x", "objective": 5, "steps": "https://WWW.Shop5.example/ '
                f'{SECRET}"}}\n'
            )
            stream.write('{"workflow_id": "w31", "objective": "fine", "steps": 5}\n')
        write(
            folder / "1b.jsonl", *(builds.workflow(n, steps=2) for n in range(50, 70) if n % 7 != 5)
        )
    else:
        mixed = secret(24)
        mixed["steps"].append(secret(26)["steps"][0])
        one_step = secret(25)
        one_step["steps"][1]["url"] = "https://shop5.example:8080/basket"
        plain = (builds.workflow(n, steps=2) for n in range(71, 90) if n % 7 != 5)
        copies = (secret(3, workflow_id="another"), secret(3), secret(12, workflow_id="w12"))
        write(
            folder / "2a.jsonl",
            mixed,
            one_step,
            secret(200, website="shop5.example"),
            *copies,
            *plain,
        )
        write(
            folder / "2b.jsonl",
            *(builds.workflow(n, steps=2) for n in range(91, 110) if n % 7 != 5),
        )


def write(path: Path, *records: dict[str, Any]) -> None:
    builds.write_workflows(path, *records)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs ``in`` and a build ``out`` of them in two nights, without a list.

    A third file was there and is gone.
    """
    folder = tmp_path_factory.mktemp("takedown")
    night(folder / "in", 1)
    write(folder / "in" / "gone.jsonl", secret(33), secret(24, workflow_id="w24"))
    builds.build([folder / "in"], folder / "out", *SMALL)
    (folder / "in" / "gone.jsonl").unlink()
    night(folder / "in", 2)
    builds.build([folder / "in"], folder / "out", *SMALL)
    return folder


@pytest.fixture(scope="module")
def after(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the list, for reading only."""
    folder = tmp_path_factory.mktemp("after")
    shutil.copytree(before, folder, dirs_exist_ok=True)
    builds.build([folder / "in"], folder / "out", *SMALL, *LIST)
    return folder


@pytest.fixture
def copy(after: Path, tmp_path: Path) -> Path:
    """A copy of the build with the list, for tests that damage it."""
    return Path(shutil.copytree(after / "out", tmp_path / "out"))
