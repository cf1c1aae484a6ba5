"""Actions on no list, as users meet them: in `check`, `build`, `inspect` and `explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from etl.cli.main import cli

PAGE = "<html><body><button id='a'>Save</button><input id='q' name='q'></body></html>"
NEAREST = '"klick" is no kind of action; the nearest is click'


def step(kind: str, selector: str = "#a", **action: Any) -> dict[str, Any]:
    target = [{"kind": "css", "value": selector}] if selector else []
    page = f"https://shop.example/{kind}"
    return {"url": page, "html": PAGE, "action": {"kind": kind, **action}, "target": target}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of one workflow in the words of several tools, with a misspelt one twice."""
    folder = tmp_path_factory.mktemp("kinds")
    steps = [
        step("klick"),
        step("CLICK"),
        step("klick", "#nowhere"),
        step("fill", "#q", value='a\n"b"'),
        step("dblclick", modifiers=["ctrl"]),
        step("click", button="fourth"),
        step("goto", "", value="https://shop.example/end"),
        step("tap", clicks=2, button=2),
    ]
    record = {"workflow_id": "w", "objective": "Save what the list has", "steps": steps}
    (folder / "in.jsonl").write_text(json.dumps(record))
    out = str(folder / "out")
    ran = CliRunner().invoke(
        cli, ["build", str(folder / "in.jsonl"), "--out", out, "--workers", "0"]
    )
    assert ran.exit_code == 0, ran.output
    (folder / "said").write_text(ran.output)
    return folder


def run(build: Path, *arguments: str) -> str:
    """What a command about the build prints."""
    places = {"IN": str(build / "in.jsonl"), "OUT": str(build / "out")}
    ran = CliRunner().invoke(cli, [places.get(each, each) for each in arguments])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_every_view_names_them_and_the_nearest(build: Path) -> None:
    """Each says how many steps have the word, and what may have been meant."""
    said = f"2 x {NEAREST}"
    assert said in (build / "said").read_text()
    assert said in run(build, "check", "IN")
    assert said in run(build, "inspect", "OUT")
    assert said in run(build, "inspect", "OUT", "actions")
    assert NEAREST in run(build, "explain", "OUT", "w/1")
    assert '1 x "fourth" is none of the buttons left, middle, right' in run(build, "check", "IN")


def test_as_json(build: Path) -> None:
    """Programs get the word, the nearest kind and the count."""
    row = {"word": "klick", "nearest": "click", "steps": 2, "detail": NEAREST}
    assert (
        json.loads(run(build, "check", "IN", "--json"))["formats"]["workflows"]["unknown_actions"][
            0
        ]
        == row
    )
    assert json.loads(run(build, "inspect", "OUT", "--json"))["unknown_actions"][0] == row
    found = json.loads(run(build, "inspect", "OUT", "actions", "--json"))
    assert found["unknown"][0] == row
    kinds = {each["action"]: (each["samples"], each["history_alone"]) for each in found["actions"]}
    assert kinds == {"click": (1, 0), "double_click": (2, 0), "type": (1, 0), "navigate": (0, 1)}


def test_what_is_trained_on(build: Path) -> None:
    """Known words make samples whose answers say everything; unknown ones are in their history."""
    export = build / "messages"
    run(build, "export", "OUT", "--out", str(export))
    lines = [
        json.loads(line)
        for path in export.rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    answers = {line["sample_id"]: line["messages"][-1]["content"] for line in lines}
    assert {id.rpartition("/")[2] for id in answers} == {"2", "4", "5", "8"}
    assert 'Description: Type "a\\n\\"b\\"" in "q"' in answers["workflows:w/4"]
    assert 'Description: Double click "Save" while holding Control' in answers["workflows:w/5"]
    assert 'Description: Double click "Save" with the right button' in answers["workflows:w/8"]
    asked = next(
        line["messages"][-2]["content"] for line in lines if line["sample_id"].endswith("/8")
    )
    assert "1.\nDescription: Klick" in asked
    assert "\nAction: klick_action\n" in asked
