"""The end of a build says what was dropped, why, and which setting decides it; a dataset without
samples fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from etl.dataset.layout import MANIFEST
from etl.files.arrow import read_json
from tests.cli.conftest import Run, run
from tests.support import builds

__all__ = ["run"]


def recordings(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    records = [builds.workflow(number, steps=2) for number in range(4)]
    for record in records:
        change(record)
    builds.write_workflows(folder / "a.jsonl", *records)


def without_pages(record: dict[str, Any]) -> None:
    for step in record["steps"]:
        step["html"] = ""


EMPTY: Final[dict[str, tuple[Callable[[Path], object], list[str], str, str]]] = {
    "no pages": (lambda to: recordings(to, without_pages), [], "no_page",
    "filter.missing_dom = true"),
    "no English": (
        lambda to: recordings(to,
        lambda record: record.update(objective="Поставить новую задачу в список дел")),
        [], "n", "filter.m",
    ),
    "no objective": (
        lambda to: recordings(to, lambda record: record.update(objective="")),
        [], "no_objective", "filter.no_objective = true",
    ),
    "a context of 100": (lambda to: recordings(to, dict), ["fit.context=100"], "over_context",
    "fit.context = 100"),
    "rewards": (
        lambda to: recordings(to, lambda record: record.update(reward=0.0)),
        ["filter.min_reward=1"], "low_reward", "filter.min_reward = 1",
    ),
    "unknown files": (lambda to: (to / "a.txt").write_text("x"), [], "unknown_format",
    "unknown_format"),
    "broken records": (lambda to: (to / "a.jsonl").write_text('{"workflow_id": "w", "objective": '
                                                              '"o", "steps": 5}\n'),
                       [], "wrong_type", "wrong_type"),
}  # fmt: skip
"""What -> how the inputs are made, settings, the reason, and the setting with its value."""


@pytest.mark.parametrize("what", EMPTY)
def test_no_samples_is_an_error(what: str, tmp_path: Path, run: Run) -> None:
    """Exit code 1 with the reasons and the settings that decide them; no empty dataset takes a
    place; it can be had by ``gates.min_samples=0``.
    """
    make, settings, reason, said = EMPTY[what]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    arguments: list[object] = [
        "build",
        tmp_path / "in",
        "--out",
        tmp_path / "out",
        "--workers",
        "0",
    ]
    arguments += [part for setting in settings for part in ("--set", setting)]
    done = run(*arguments)
    assert done.code == 1
    assert "0 samples are in the dataset; gates.min_samples is 1" in done.err
    assert reason in done.err
    assert said in done.err
    assert said in read_json(tmp_path / "out" / "work" / "last_build.json")["message"]
    assert not (tmp_path / "out" / MANIFEST).exists()
    assert run(*arguments, "--set", "gates.min_samples=0").code == 0


def test_the_summary_names_what_was_dropped_and_the_settings(tmp_path: Path, run: Run) -> None:
    """Every reason of a build with several has its counts by unit and its settings with their
    values, in the log and in JSON, also where there is nothing to do.
    """
    records = [builds.workflow(number, steps=2) for number in range(6)]
    records[0]["objective"] = ""
    records[1]["steps"][1]["error"] = "no such button"
    records[2]["steps"][0]["target"] = [{"kind": "css", "value": "#absent"}]
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    with path.open("a") as stream:
        stream.write("{}\n")
    arguments = ("build", tmp_path / "in", "--out", tmp_path / "out", "--workers", "0")
    for _ in range(2):
        lines = run(*arguments).err.splitlines()
        start = lines.index("read: 6 workflows, 12 steps")
        table = [re.split(r"  +", line.strip()) for line in lines[start + 2 : start + 6]]
        assert table == [
            ["1 workflow, 2 steps", "no_objective", "(filter.no_objective = true)"],
            ["1 step", "failed_action", "(filter.failed_actions = true)"],
            ["1 record", "missing_field"],
            ["1 step", "target_absent"],
        ]
        assert lines[-1].startswith("8 samples, ")
        assert lines[-1].endswith(f"stepmill inspect {tmp_path / 'out'}")
    found = json.loads(run(*arguments, "--json").out)["dropped"]
    settings = {"filter.no_objective": True}
    assert found[0] == {
        "reason": "no_objective",
        "counts": {"workflow": 1, "step": 2},
        "settings": settings,
    }
    last = read_json(tmp_path / "out" / "work" / "last_build.json")
    assert last["accounting"]["step"]["dropped"] == 4


def test_a_generation_of_repetitions_alone(tmp_path: Path, run: Run) -> None:
    """A second file that only repeats the first makes a generation without samples: built, verified
    and looked at without a warning.
    """
    records = [builds.workflow(number) for number in range(6)]
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out)
    builds.write_workflows(tmp_path / "in" / "b.jsonl", *records)
    builds.build([tmp_path / "in"], out)
    for command in (
        ("verify", out),
        ("inspect", out),
        ("inspect", out, "drops"),
        ("explain", out, "w1"),
    ):
        done = run(*command)
        assert done.code == 0, done.err
        assert "Warning" not in done.err
