"""AutoWebBench: the page of a prompt as markup, the call, and the commands before it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.inputs import find
from etl.inputs.records import InputHead
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.autowebbench import AutoWebBench, page_of, read_call
from etl.stages.targets import find as find_target
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.workflow import Workflow

PAGE = "< <a[SD]| Home & more> <input[E]| City; Search> <img| > < <span| 1 > 0> > >"


def prompt(page: str = PAGE, before: str = "None", task: str = "Find a mug") -> str:
    return (
        f"{page}\n\nYou are a helpful assistant.\n\n#Previous commands: {before}\n\n"
        f"#Window tabs: 1. Default\n\n#Task: {task}\n\nYou should output one command."
    )


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text(json.dumps(rows, indent=1))
    return path


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "autowebbench"
    tally = Tally()
    return list(AutoWebBench().read(shard, tally)), tally


def test_a_record_is_a_step_behind_the_commands_before_it(tmp_path: Path) -> None:
    """Its page is markup, its element has the label; earlier steps have no page."""
    before = "click('A') #HTML Segment: <a[A]| Big <b| mugs> >\nscroll_page('down')\ngo('backward')"
    page = PAGE.replace("1 > 0", "1")
    path = written(
        tmp_path / "a.json",
        {"source": prompt(page, before), "target": "type_string('E', 'big\nmug', True)"},
        {"source": prompt(page, task="Two\nlines"), "target": "click('SD')", "more": 1},
    )
    (first, second), tally = read(path)
    assert [flow.workflow_id for flow in (first, second)] == ["a/0", "a/1"]
    assert (first.objective, second.objective) == ("Find a mug", "Two\nlines")
    assert [(step.action.kind, step.action.value, step.html != "") for step in first.steps] == [
        ("click", "", False), ("scroll", "down", False), ("go_back", "", False),
        ("type", "big\nmug", True),
    ]  # fmt: skip
    assert first.steps[0].action.description == 'Click "Big mugs"'
    assert first.steps[3].html == (
        '<div><a data-label="SD">Home &amp; more</a>'
        '<input data-label="E" aria-label="City; Search"><img><div><span>1</span></div></div>'
    )
    for flow, start in ((first, '<input data-label="E"'), (second, '<a data-label="SD">')):
        shown = read_page(flow.steps[-1].html)
        reason, _, element = find_target(shown, flow.steps[-1].target)
        assert not reason
        assert shown.tokens[shown.position(element)].markup.startswith(start)
    assert tally.odd["unknown_key", "more"] == 1


@pytest.mark.parametrize(
    ("target", "kind", "value", "label"),
    [
        ("hover('AB')", "hover", "", "AB"),
        ("select('C', option='Red')", "unparsed", "select('C', option='Red')", ""),
        ("select('C', 'Red')", "select", "Red", "C"),
        ("type_string('C', 'it's', False)", "type", "it's", "C"),
        ("finish('two\nlines, it's done')", "stop", "two\nlines, it's done", ""),
        ("finish()", "stop", "", ""),
        ("finish(None)", "stop", "", ""),
        ("go('forward')", "go_forward", "", ""),
        ("jump_to('https://a.example', True)", "navigate", "https://a.example", ""),
        ("switch_tab(2)", "focus_tab", "2", ""),
        ("user_input('Log in')", "message", "Log in", ""),
        ("click('A', 'B')", "unparsed", "click('A', 'B')", ""),
        ("fly('A')", "fly", "'A'", ""),
        ("I would click", "unparsed", "I would click", ""),
    ],
)
def test_calls_are_read_and_never_guessed(target: str, kind: str, value: str, label: str) -> None:
    """What cannot be told apart stays as it is."""
    call = read_call(target)
    assert (call.action.kind, call.action.value, call.label) == (kind, value, label)


@pytest.mark.parametrize("page", [PAGE, "< <a| x> ", "<a| x> >", "x < >", "<a| x> y"])
def test_a_page_whose_brackets_do_not_match_is_quarantined(tmp_path: Path, page: str) -> None:
    """The other records are read."""
    good = {"source": prompt("<a[A]| x>"), "target": "click('A')"}
    path = written(tmp_path / "a.json", good, {**good, "source": prompt(page)})
    flows, tally = read(path)
    assert len(flows) == 1
    assert [bad.reason for bad in tally.quarantined] == ["wrong_type"]


@given(st.text(alphabet="<>| [A]abr\n", max_size=40))
def test_any_text_is_a_page_or_refused(text: str) -> None:
    """A page of matching brackets has as many elements as brackets, and nothing else raises."""
    try:
        html = page_of(text)
    except RecordError:
        return
    assert read_page(html).elements <= text.count("<")


def test_only_such_prompts_are_recognised(tmp_path: Path) -> None:
    """Other prompts and answers are none."""
    path = tmp_path / "a.json"
    for source in ("Translate this", "<html><body>", "<p>x</p>"):
        written(path, {"source": source, "target": "x"})
        assert not AutoWebBench().recognise(InputHead.of(path))
    path.write_text(json.dumps({"source": prompt("<body[A]| " + "x " * 99_999 + ">")}))
    assert AutoWebBench().recognise(InputHead.of(path))


def test_real_prompts(shared: Path) -> None:
    """All records of both languages are read, and each target is found; nothing else is claimed."""
    claimed = [
        item
        for item in find.find([str(shared / "data")], SOURCES, lenient=True)
        if item.format == "autowebbench"
    ]
    assert sorted(item.name.split("/")[0] for item in claimed) == ["autowebglm", "autowebglm"]
    records = targets = 0
    for shard in find.shards(claimed):
        tally = Tally()
        for workflow in AutoWebBench().read(shard, tally):
            records += 1
            last = workflow.steps[-1]
            assert last.action.kind != "unparsed"
            assert workflow.objective
            if last.target:
                targets += 1
                assert not find_target(read_page(last.html), last.target)[0]
        assert not tally.quarantined
    assert (records, targets) == (741, 448)


def test_mutated_files_are_read_or_quarantined(tmp_path: Path) -> None:
    """No damage raises, and each record is entered once."""
    chance = random.Random(8)
    rows = [{"source": prompt("<a[A]| x>", "go('back')"), "target": "click('A')"}] * 3
    path = written(tmp_path / "a.json", *rows)
    whole = path.read_bytes()
    for _ in range(500):
        at, to = sorted(chance.sample(range(len(whole)), 2))
        damaged = {
            0: whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
            1: whole[:to],
            2: whole[:to] + whole[at:],
        }[chance.randrange(3)]
        path.write_bytes(damaged)
        (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
        tally = Tally()
        list(SOURCES[shard.format].read(shard, tally))
        ids = [entry.id for entry in tally.entries if not entry.reason]
        assert len(ids) == len(set(ids))
