"""`stepmill explain` by any id that somebody has at hand: stepmill's own, and those of the
recording.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from etl.build.recipes.recipe import load
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


def test_a_step_tells_what_pruning_took(tmp_path: Path) -> None:
    """Rule by rule, with sizes whose sum is exact; without the recording it says why it cannot."""
    builds.build([builds.RECORDINGS / "booking.csv.gz"], tmp_path / "out")
    (found,) = json.loads(run(tmp_path / "out", "booking-01/1", "--json").stdout)["occurrences"]
    made, took = found["sample"], found["sample"]["removed"]
    assert took["missing"] == ""
    assert took["raw"] == made["raw_chars"] > 1000
    assert took["observation"] == made["pruned_chars"]
    taken = sum(each["characters"] for each in took["removals"])
    assert took["raw"] - taken - took["rewritten"] + took["added"] == took["observation"]
    assert {"dropped_with_content", "attribute", "value"} <= {e["rule"] for e in took["removals"]}
    assert (
        "in dropped_with_content: script, 3 times\n" in run(tmp_path / "out", "booking-01/1").stdout
    )
    moved = tmp_path / "a.jsonl"
    builds.write_workflows(moved, builds.workflow(1))
    builds.build([moved], tmp_path / "other", "split.test=0")
    moved.unlink()
    assert "what it took is not known: " in run(tmp_path / "other", "w1/1").stdout


def test_a_step_tells_what_its_budget_kept(tmp_path: Path) -> None:
    """Budget, tokens, whether target and name are in the observation, and what was taken."""
    record = builds.workflow(1, steps=3)
    record["steps"][1]["html"] = "<p>Filling</p>" * 2000 + '<input id="b1">'
    record["steps"][2] |= {"action": {"kind": "scroll", "value": "down"}, "target": []}
    inputs = builds.write_workflows(tmp_path / "in" / "a.jsonl", record)
    settings = ["observe.budget=256", "locate.train_without_element=true"]
    builds.build([inputs], tmp_path / "out", recipe=load("compact-4k", settings))
    told = [run(tmp_path / "out", f"w1/{number}").stdout for number in (1, 2, 3)]
    assert "of 256 tokens, with the target and its name; characters taken" in told[0]
    assert "of 256 tokens, with the target, which has no name; characters taken" in told[1]
    assert "of 256 tokens, without a target; characters taken" in told[2]
    (found,) = json.loads(run(tmp_path / "out", "w1/2", "--json").stdout)["occurrences"]
    note = found["sample"]["fitted"]
    assert (note["target_kept"], note["named"]) == (True, None)
    assert note["removed"]["cut"] > 0


def test_an_id_that_a_list_names_in_vain_is_said_to_be_listed(tmp_path: Path) -> None:
    """Nothing of it was read, and the setting that names it is named."""
    path = builds.write_workflows(tmp_path / "a.jsonl", builds.workflow(1), builds.workflow(2))
    builds.build([path], tmp_path / "out", 'exclude.workflows=["w77"]', "split.test=0")
    said = str(run(tmp_path / "out", "w77").exception)
    assert "; it is in exclude.workflows, and matches nothing there" in said


def test_a_dropped_step_tells_what_else_is_known_of_it(tmp_path: Path) -> None:
    """Findings, replaced values by kind and never by value, its split and why, and its quarantine,
    as text and as JSON.
    """
    records = [builds.workflow(number, steps=2) for number in range(4)]
    page = records[1]["steps"][0]
    page["html"] = page["html"].replace("<button", "<p>ann.miller@mail.example</p><button disabled")
    records.append(records[2] | {"objective": "Order another thing under an id that is taken"})
    path = builds.write_workflows(tmp_path / "a.jsonl", *records)
    out = tmp_path / "out"
    recipe = load("publishable", ["lint.drop_steps=[]", "split.validation=0.2", "split.test=0"])
    builds.build([path], out, recipe=recipe)
    (found,) = json.loads(run(out, "w1/1", "--json").stdout)["occurrences"]
    assert [(each["code"], each["outcome"]) for each in found["findings"]] == [
        ("disabled_target", "kept")
    ]
    assert found["replaced"] == {"email": 1}
    why = found["sample"]["why_split"]
    assert (why["by"], why["key"]) == ("share", "workflows:w1")
    said = run(out, "w1/1").stdout
    assert "mail.example" not in said
    assert "  lint     warning disabled_target (kept): " in said
    assert "characters; email 1\n" in said
    assert f"the hash of its workflow is {why['hashed']:.6f}; test is below 0, validation" in said
    taken = run(out, "w2~2").stdout
    assert "read     dropped, conflicting_id: a workflow with the same id" in taken
    assert "         in quarantine, without its bytes" in taken
    assert "  steps    2 steps, 0 samples, 0 in the dataset" in taken
    record = run(out, "a.jsonl#line=2").stdout
    assert "  belongs to workflows:w1: 2 steps, 2 samples, 2 in the dataset" in record


def test_marks_that_were_taken_off_are_told_apart(tmp_path: Path) -> None:
    """What a recorder left on the page is counted by itself, and the sum stays exact."""
    record = builds.workflow(1)
    page = record["steps"][0]
    page["html"] = page["html"].replace("<h1", '<h1 data-mark="clicked"')
    path = builds.write_workflows(tmp_path / "a.jsonl", record)
    builds.build([path], tmp_path / "out", 'leaks.attributes=["data-mark"]', "split.test=0")
    (found,) = json.loads(run(tmp_path / "out", "w1/1", "--json").stdout)["occurrences"]
    took = found["sample"]["removed"]
    assert took["marks"] == len(' data-mark="clicked"')
    taken = sum(each["characters"] for each in took["removals"])
    left = took["raw"] - took["marks"] - taken - took["rewritten"] + took["added"]
    assert left == found["sample"]["chars"]
    assert "-20  marks of recorders (leaks)\n" in run(tmp_path / "out", "w1/1").stdout


@pytest.mark.parametrize(
    ("settings", "by", "words"),
    [
        (
            ("split.since=2026-01-02",),
            "time",
            "recorded 2026-01-03T00:00:00Z, the cut is 2026-01-02",
        ),
        (("split.since=g0001",), "generation", "it came with generation 1"),
        (("split.held_out=LIST",), "list", "on the list, as 'w3'"),
    ],
)
def test_why_a_sample_is_held_out(
    tmp_path: Path, settings: tuple[str, ...], by: str, words: str
) -> None:
    """By a list, by its time, or by its generation, with the entry or the times."""
    listed = tmp_path / "list.txt"
    listed.write_text("w3\n")
    records = [
        builds.workflow(number, meta={"timestamp": f"2026-01-0{number}T00:00:00Z"})
        for number in (1, 2, 3)
    ]
    path = builds.write_workflows(tmp_path / "a.jsonl", *records)
    given = [each.replace("LIST", json.dumps(str(listed))) for each in settings]
    given = [
        each if "[" in each or '"' in each else each.replace("=", '="') + '"' for each in given
    ]
    builds.build([path], tmp_path / "out", *given)
    (found,) = json.loads(run(tmp_path / "out", "w3/1", "--json").stdout)["occurrences"]
    assert found["sample"]["split"] == "test"
    assert found["sample"]["why_split"]["by"] == by
    assert found["sample"]["why_split"]["words"].startswith(words)
