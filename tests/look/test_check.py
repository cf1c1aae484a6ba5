"""`stepmill check`: what is in recordings, and each mistake with file, line, key and remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from etl.look.recordings import check
from tests.support import builds

PAGE: Final = (
    '<html><body><button id="add">Add</button><button class="b">Pay</button></body></html>'
)


class Mistake(NamedTuple):
    """A record with a mistake. key: what the message names. reason, remedy: what it says."""

    line: str
    key: str
    reason: str
    remedy: str


def record(number: int, step: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A good one; what is None is left out."""
    css = [{"kind": "css", "value": "#add"}]
    made = {
        "url": "https://shop.example/",
        "html": PAGE,
        "action": {"kind": "click"},
        "target": css,
        **(step or {}),
    }
    kept = {key: value for key, value in made.items() if value is not None}
    whole = {
        "workflow_id": f"w{number}",
        "objective": f"Order mug number {number}",
        "steps": [kept],
        **fields,
    }
    return {key: value for key, value in whole.items() if value is not None}


def with_target(number: int, *locators: Mapping[str, str]) -> str:
    return json.dumps(record(number, {"target": locators}))


MISTAKES: Final = (
    Mistake(json.dumps(record(2)).replace('"w2",', '"w2",,'), "column 22", "broken_json",
    "one of the two commas"),
    Mistake(str(record(3)), "column 2", "broken_json", "json.dumps"),
    Mistake(json.dumps(record(4, objective=None, goal="Buy")), "objective|goal", "(miss|unkn).*",
    "objective"),
    Mistake(json.dumps(record(5, {"html": None})), "steps[0].html", "missing_field",
    "the page before the action"),
    Mistake(json.dumps(record(6, {"html": None, "dom": PAGE})), "steps[0].", "(miss|unkn).*",
    "html"),
    Mistake(json.dumps(record(7, {"action": "click"})), "steps[0].action", "wrong_type",
    "write an object"),
    Mistake(json.dumps(record(8, {"action": {"kind": "klick"}})), "steps[0].action.kind",
    "unknown_action", "click?"),
    Mistake(json.dumps(record(9, {"target": "#add"})), "steps[0].target", "wrong_type",
    "write a list"),
    Mistake(with_target(10, {"kind": "selector", "value": "#add"}), "target[0].kind",
    "unknown_locator", "css?"),
    Mistake(with_target(11, {"kind": "css", "value": "#buy"}), "steps[0].target", "target_absent",
    "before the action"),
    Mistake(with_target(12, {"kind": "css", "value": "button"}), "steps[0].target",
    "target_ambiguous", "exactly one"),
    Mistake(with_target(13, {"kind": "css", "value": "button["}), "steps[0].target", "invalid_css",
    "exactly one"),
    Mistake(with_target(14, {"kind": "xpath", "value": "//a["}), "steps[0].target", "invalid_xpath",
    "an XPath"),
    Mistake(json.dumps(record(15, {"html": ""})), "steps[0].html", "no_page",
    "record the page"),
    Mistake(json.dumps(record(16, steps=[])), "steps", "workflow_without_steps", "at least one"),
    Mistake(json.dumps(record(1, objective="Another")), "workflow_id", "conflicting_id",
    "an id of its own"),
)  # fmt: skip
"""From the second line of the file on; the first is good."""


def written(folder: Path) -> Path:
    path = folder / "hand.jsonl"
    path.write_text(
        "".join(f"{line}\n" for line in [json.dumps(record(1)), *(each.line for each in MISTAKES)])
    )
    return path


def test_each_mistake_is_told_with_file_line_key_and_remedy(tmp_path: Path) -> None:
    """Of a file written by hand with typical mistakes: one message each, with the line it is on."""
    shown = check.text(check.view([str(written(tmp_path))])).splitlines()
    for number, mistake in enumerate(MISTAKES, 2):
        (said,) = [line for line in shown if line.strip().startswith(f"hand.jsonl:{number}: ")]
        assert any(key in said for key in mistake.key.split("|")), said
        assert re.search(rf"\((?:{mistake.reason})\)", said), said
        assert mistake.remedy in said.rpartition("); ")[2], said


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    """A JSON list over many lines, and rows of CSV with breaks in fields, give the line where the
    record begins; a parser's place within is counted from the file's first line.
    """
    text = json.dumps([record(1), record(2, {"action": None}), record(3)], indent=2).replace(
        '"w3",', '"w3",,'
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "list.json").write_text(text)
    rows = ["document_metadata_id,document_metadata_name,action_kind,action_dom"]
    rows += ['a,Go home,click,"<p>\n\n</p>"', "b,Go home,click", 'c,Go home,,"<p>"']
    (tmp_path / "in" / "rows.csv").write_text("\n".join(rows) + "\n")
    report = check.view([str(tmp_path / "in")])
    lines = text.splitlines()
    problems = [problem for each in report["formats"].values() for problem in each["problems"]]
    found = {(problem["file"], problem["reason"]): problem for problem in problems}
    missing = found["list.json", "missing_field"]
    assert '"w2"' in lines[missing["line"]]
    broken = found["list.json", "broken_json"]
    place = re.search(r"line (\d+), column (\d+)", broken["says"])
    assert place
    assert '"w3",,' in lines[int(place[1]) - 1]
    assert lines[int(place[1]) - 1][int(place[2]) - 2 :].startswith(",")
    assert found["rows.csv", "broken_csv"]["line"] == 5
    assert found["rows.csv", "missing_field"]["line"] == 6


def test_the_exit_code_says_whether_anything_could_be_read(tmp_path: Path) -> None:
    """0 where a workflow was read, whatever else is there; 1 where there was none, and what there
    was is told.
    """
    (tmp_path / "in").mkdir()
    written(tmp_path / "in")
    (tmp_path / "in" / "b.har").write_text('{"log": {"entries": []}}')
    done = builds.command("check", tmp_path / "in", "--json")
    assert done.returncode == 0
    (left,) = json.loads(done.stdout)["left_aside"]
    assert (left["file"], left["kind"], left["bytes"]) == ("b.har", "har", 24)
    assert json.loads(done.stdout)["formats"]["workflows"]["targets"] == {
        "found": 3, "absent": 1, "ambiguous": 1, "unreadable": 3,
    }  # fmt: skip
    alone = builds.command("check", tmp_path / "in" / "b.har")
    assert alone.returncode == 1
    assert "b.har: a HAR file" in alone.stdout
    assert "nothing could be read" in alone.stdout
    assert alone.stderr == ""


def test_what_is_alike_is_shown_three_times(tmp_path: Path) -> None:
    """Many records with one mistake do not hide others; --limit 0 shows all of them."""
    path = builds.write_workflows(
        tmp_path / "a.jsonl",
        *(record(number, {"html": None}) for number in range(30)),
        record(99, {"target": "x"}),
    )
    short = builds.command("check", path).stdout
    assert short.count("steps[0].html: missing") == 3
    assert short.count("steps[0].target: a string") == 1
    assert "and 27 more; --limit shows more" in short
    assert (
        builds.command("check", path, "--limit", "0").stdout.count("steps[0].html: missing") == 30
    )


def test_targets_of_the_first_steps_are_looked_for(tmp_path: Path) -> None:
    """--steps bounds the steps of each file whose targets are looked for; 0 looks for none."""
    path = builds.write_workflows(
        tmp_path / "a.jsonl", *(builds.workflow(number, steps=2) for number in range(9))
    )
    for steps, expected in ((5, 5), (0, 0), (100, 18)):
        assert (
            check.view([str(path)], steps)["formats"]["workflows"]["targets"]["found"] == expected
        )
