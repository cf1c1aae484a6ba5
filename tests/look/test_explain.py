"""`stepmill explain` by any id that somebody has at hand: stepmill's own, and those of the
recording.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl.cli.main import cli
from schemas.errors import ConfigError
from tests.support import builds


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three workflows whose steps have ids of their own, the last of them all the same; and a
    record that is none.
    """
    folder = tmp_path_factory.mktemp("explain")
    records = [builds.workflow(number, steps=2) for number in range(3)]
    for number, record in enumerate(records):
        for at, step in enumerate(record["steps"], 1):
            step["step_id"] = f"act-{number}-{at}" if at == 1 else "last"
    path = builds.write_workflows(folder / "in" / "day" / "a.jsonl", *records)
    with path.open("a") as stream:
        stream.write("{broken\n")
    builds.build([folder / "in"], folder / "out", "split.test=0")
    return folder / "out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)])


@pytest.mark.parametrize(
    ("asked", "unit", "id"),
    [
        ("workflows:w1", "workflow", "workflows:w1"),
        ("w1", "workflow", "workflows:w1"),
        ("w1/1", "step", "workflows:w1/1"),
        ("act-1-1", "step", "workflows:w1/1"),
        ("w1/last", "step", "workflows:w1/2"),
        ("workflows:w1/last", "step", "workflows:w1/2"),
        ("day/a.jsonl#line=4", "record", "day/a.jsonl#line=4"),
        ("a.jsonl#line=4", "record", "day/a.jsonl#line=4"),
    ],
)
def test_any_id_finds_its_thing(out: Path, asked: str, unit: str, id: str) -> None:
    """Ids with and without source, of steps as recorded, alone or after the workflow's, and of
    quarantined records with and without their folder name the one thing that they are of.
    """
    (found,) = json.loads(run(out, asked, "--json").stdout)["occurrences"]
    assert (found["unit"], found["id"]) == (unit, id)
    said = run(out, asked).stdout
    assert said.startswith(f"{unit} {id}, read from day/a.jsonl")
    if unit == "step":
        assert f"  recorded as {found['recorded']}\n" in said
        assert "  pack     row " in said
    if unit == "record":
        assert [drop["reason"] for drop in found["drops"]] == ["broken_json"]


def test_an_id_of_several_lists_them(out: Path) -> None:
    """Nothing is guessed: the candidates are named with ids that are unequivocal, in JSON too, and
    it is an error.
    """
    done = run(out, "last")
    assert isinstance(done.exception, ConfigError)
    said = str(done.exception)
    assert said.startswith(
        f"last: 3 things have that id; name one of them, for example: stepmill explain {out} "
    )
    assert said.splitlines()[1:] == [f"  step workflows:w{number}/2" for number in range(3)]
    candidates = json.loads(run(out, "last", "--json").stdout)["candidates"]
    assert [each["id"] for each in candidates] == [f"workflows:w{number}/2" for number in range(3)]
    assert {(each["unit"], each["recorded"]) for each in candidates} == {("step", "last")}


@pytest.mark.parametrize(
    ("asked", "near"),
    [("w11", "w1"), ("act-1-9", "act-1-1"), ("day/a.jsonl#line=44", "day/a.jsonl#line=4")],
)
def test_an_unknown_id_names_near_ones(out: Path, asked: str, near: str) -> None:
    """A slip of the keyboard is answered with what may be meant; what is like nothing gets no
    guess.
    """
    said = str(run(out, asked).exception)
    assert said.startswith(f"{asked}: nothing with that id was read in {out}; near ones: ")
    assert near in said.partition("near ones: ")[2].partition(". ")[0].split(", ")
    assert "near ones" not in str(run(out, "zzzzzzzzzzzz").exception)
