"""What CONTRIBUTING.md says is so: its examples are added to a copy of the project, and work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from tests.support import builds
from tests.support.hostile import GOOD_PAGE, good, workflow, write
from tests.test_architecture import FLOORS

TEXT: Final = (builds.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
NOTES: Final = "#notes\n" + "".join(
    f"{objective}\thttps://shop.example/\t#go\t<title>{number}</title>{GOOD_PAGE}\n"
    for number, objective in enumerate(
        ("Search for mugs", "Search for mugs", "Search for cups", "Search")
    )
)
"""A recording of the example's format: two with the same objective, and one that says little."""


@cache
def blocks(language: str) -> dict[str, str]:
    """The code of each file that a block of this language is about."""
    found = re.findall(rf"^```{language}\n# (\S+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    return dict(found)


def changed(text: str, change: str) -> str:
    """A file with the lines that a change takes out and puts in: imports where imports are, what
    takes no line's place at the end.
    """
    lines = change.splitlines()
    gone = [line[1:] for line in lines if line.startswith("-")]
    new = [line[1:] for line in lines if line.startswith("+")]
    imports = [line for line in new if line.startswith("from ")]
    rest = "\n".join(line for line in new if line not in imports)
    if imports:
        at = text.index("\nfrom etl.") + 1
        text = text[:at] + "\n".join(imports) + "\n" + text[at:]
    if not gone:
        return f"{text.rstrip()}\n\n\n{rest}\n"
    assert text.count("\n".join(gone)) == 1, gone
    return text.replace("\n".join(gone), rest)


def run(house: Path, *arguments: str | Path) -> str:
    """What a command of the copy prints."""
    done = subprocess.run(
        [sys.executable, "-m", "stepmill", *map(str, arguments)],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with all examples, and in it ``built``: a build that uses them, with
    ``in`` as its inputs.
    """
    house = tmp_path_factory.mktemp("house")
    for name in ("etl", "schemas", "tokenization", "data_cards"):
        shutil.copytree(builds.ROOT / name, house / name)
    for name in ("stepmill.py", "pyproject.toml"):
        shutil.copy(builds.ROOT / name, house)
    for path, code in blocks("python").items():
        assert not (house / path).exists()
        (house / path).write_text(code)
    for path, change in blocks("diff").items():
        (house / path).write_text(changed((house / path).read_text(), change))
    write(house / "in", [good("a"), workflow("b", objective="Search for a mug")])
    (house / "in" / "session.txt").write_text(f"{NOTES}broken\n")
    (house / "own.toml").write_text(
        'extends = "scribeagent-32k"\n[split]\ntest = 0\n[terse]\nmin_words = 2\n[once]\nmost = 1\n'
    )
    run(house, "build", "in", "--recipe", "own.toml", "--out", "built", "--workers", "0")
    return house


def manifest(house: Path) -> dict[str, Any]:
    """The manifest of its build."""
    found: dict[str, Any] = json.loads((house / "built/dataset/manifest.json").read_text())
    return found


def drops(house: Path) -> pl.DataFrame:
    """The statistics of drops of its build."""
    return pl.read_parquet(house / "built/dataset/stats/drops.parquet")


def test_every_kind_has_an_example() -> None:
    """A format, a stage, a decision and a view: a file each, and the line that makes it known."""
    assert {path.rpartition("/")[0] for path in blocks("python")} == {
        "etl/sources", "etl/stages", "etl/decisions", "etl/look",
    }  # fmt: skip
    assert set(blocks("diff")) == {
        "etl/sources/known.py", "etl/stages/known.py", "etl/decisions/known.py",
        "etl/cli/inspect.py",
    }  # fmt: skip


def test_the_examples_are_written_as_the_project_is(house: Path) -> None:
    """The linter and the formatter have nothing to say."""
    for command in (("check",), ("format", "--check")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *blocks("python")],
            cwd=house,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_a_source_is_one_file_and_one_line(house: Path) -> None:
    """The example's format is recognised and read; it shows in fingerprint, accounts, drops, card
    and report, and what it cannot read lies in quarantine with its bytes.
    """
    known = manifest(house)
    assert known["settings"]["samples"]["source notes"] == {"version": 1}
    assert {each["name"]: each["format"] for each in known["inputs"]}["session.txt"] == "notes"
    found = json.loads(run(house, "inspect", "built", "drops", "--unit", "record", "--json"))
    assert {row["reason"]: row["count"] for row in found["drops"]}["missing_field"] == 1
    assert "1 fields, not 4" in run(house, "explain", "built", "session.txt#line=6")
    card = (house / "built/dataset/README.md").read_text()
    assert "| notes | 1 | 3 | not given |" in card
    assert json.loads(run(house, "inspect", "built", "formats", "--json")) == [
        {"source": "notes", "samples": 2},
        {"source": "workflows", "samples": 2},
    ]


def test_a_stage_is_one_file_and_one_line(house: Path) -> None:
    """The example's section is read, its setting explained, its words are in the card; what it
    drops is counted, explained, in the statistics and in the report, with its own reason.
    """
    assert manifest(house)["settings"]["samples"]["stage terse"] == {"version": 1, "min_words": 2}
    shown(house, "terse", "too_terse", "workflow", "notes:5")
    card = (house / "built/dataset/README.md").read_text()
    assert "2. `terse` leaves out objectives of fewer than 2 words" in card
    said = run(house, "explain-setting", "terse.min_words")
    assert "terse.min_words: drop workflows whose objective has fewer words" in said
    assert "decides  too_terse: Its objective has too few words." in said


def test_a_decision_is_one_file_and_one_line(house: Path) -> None:
    """The same of the example's decision: of two workflows with one objective one is left."""
    assert manifest(house)["settings"]["index"]["once"] == {"most": 1}
    gone = drops(house).filter(pl.col("reason") == "same_objective", pl.col("unit") == "workflow")
    assert gone["count"].to_list() == [1]
    ledger = pl.read_ipc(house / "built/work/ledger/index.arrow")
    (lost,) = ledger.filter(pl.col("unit") == "workflow")["id"]
    assert lost in ("notes:2", "notes:3")
    shown(house, "index", "same_objective", "workflow", lost)
    card = (house / "built/dataset/README.md").read_text()
    assert "`index` drops what was read twice, and splits; keeps at most 1 workflows" in card


def shown(house: Path, stage: str, reason: str, unit: str, id: str) -> None:
    """What was dropped so is seen in statistics, views, card and report."""
    table = drops(house).filter(pl.col("reason") == reason, pl.col("unit") == unit)
    assert set(table["stage"]) == {stage}
    found = json.loads(run(house, "inspect", "built", "drops", "--reason", reason, "--json"))
    assert {row["stage"] for row in found["drops"]} == {stage}
    told = run(house, "explain", "built", id)
    assert stage in told
    assert reason in told
    meaning = json.loads(run(house, "reasons", reason, "--json"))[0]["says"]
    assert f"| {reason} | 1 | {meaning} |" in (house / "built/dataset/README.md").read_text()
    report = json.loads(run(house, "report", "built", "--json"))
    (of_unit,) = [each for each in report["waterfall"] if each["unit"] == unit]
    assert {"stage": stage, "reason": reason, "count": 1} in of_unit["drops"]


def test_what_a_recipe_does_not_ask_for_changes_no_fingerprint(house: Path) -> None:
    """Without their sections the new stage and decision are in no settings; printed, these are
    remarks; a misspelt section is answered with the name of the new one.
    """
    code = (
        "from etl.build.recipes.recipe import load; import json;"
        "print(json.dumps(load('scribeagent-32k').settings()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=house, capture_output=True, text=True, check=True
    )
    from etl.build.recipes.recipe import load

    plain, other = load("scribeagent-32k").settings(), json.loads(done.stdout)
    del other["samples"]["source notes"]
    assert other == json.loads(json.dumps(plain))
    printed = run(house, "recipes", "scribeagent-32k")
    assert "# [terse]\n#\n# # drop workflows whose objective has fewer words\n# min_words = 2" in (
        printed
    )
    assert "\n[terse]\n" in run(house, "recipes", "own.toml")


def test_the_law_is_the_law() -> None:
    """The table of floors and rooms is the one that is held."""
    rows = re.findall(r"^\| (\d) \| (.*) \|$", TEXT, re.MULTILINE)
    told = {int(number): set(re.findall(r"`([\w.]+)`", rooms)) for number, rooms in rows}
    assert told == {6 - at: rooms for at, rooms in enumerate(FLOORS)}


def test_commands_and_files_that_are_named_exist() -> None:
    """Every path in the text is one of the project, but for those that an example adds."""
    named = set(re.findall(r"`((?:etl|tests|schemas|docs)/[\w./]+)`", TEXT))
    assert named
    assert {path for path in named if not (builds.ROOT / path).exists()} == set()
    for module in set(re.findall(r"python -m (tests[\w.]*)", TEXT)):
        path = builds.ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
