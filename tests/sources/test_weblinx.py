"""WebLINX: turns of a browser become steps with their pages, the instructor is the objective."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from etl.inputs import find
from etl.inputs.records import InputHead
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.weblinx.replays import WebLinx
from etl.stages import targets
from etl.tally import Tally
from schemas.workflow import Workflow

PAGE = (
    '<html data-webtasks-id="r"><body><form data-webtasks-id="f"><input data-webtasks-id="i">'
    '<select data-webtasks-id="s"><option>one</select><input type="checkbox" data-webtasks-id="c">'
    '<button id="go">Go</button></form></body></html>'
)


def turn(intent: str, uid: str = "", tag: str = "INPUT", **arguments: Any) -> dict[str, Any]:
    """A turn of a browser."""
    element: dict[str, Any] = {"tagName": tag, "attributes": {"data-webtasks-id": uid}}
    if uid == "c":
        element["attributes"]["type"] = "checkbox"
    if uid == "go":
        element = {"attributes": {}, "xpath": 'id("go")', "tagName": tag}
    return {
        "type": "browser",
        "timestamp": 1.5,
        "state": {"page": "page-1-0.html", "screenshot": "screenshot-1-0.png"},
        "action": {
            "intent": intent,
            "arguments": {
                "metadata": {"url": "https://a.example/", "tabId": 7},
                **({"element": element} if uid else {}),
                **arguments,
            },
        },
    }


def says(speaker: str, words: str) -> dict[str, Any]:
    return {"type": "chat", "timestamp": 0.5, "speaker": speaker, "utterance": words}


def demo(root: Path, *turns: Any, **more: Any) -> Path:
    """A demonstration of ours."""
    path = root / "abc"
    (path / "pages").mkdir(parents=True, exist_ok=True)
    (path / "pages" / "page-1-0.html").write_text(PAGE)
    (path / "replay.json").write_text(json.dumps({"data": turns, **more}, indent=1))
    return path


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "weblinx"
    tally = Tally()
    return list(WebLinx().read(shard, tally)), tally


def dropped(tally: Tally) -> list[tuple[str, str]]:
    return [(entry.id, entry.reason) for entry in tally.entries if entry.reason]


def test_turns_are_steps_with_their_pages_and_targets(tmp_path: Path) -> None:
    """Each intent is our kind; the id of the page finds the element, else the XPath does."""
    path = demo(
        tmp_path,
        says("instructor", "Fill it in. "),
        turn("load", properties={"url": "https://a.example/", "transitionType": "typed"}),
        turn("textInput", "i", text="some text"),
        turn("change", "s", "SELECT", value="one"),
        turn("change", "i", value="other"),
        turn("click", "c", properties={"button": 0, "ctrlKey": True}),
        turn("submit", "f", "FORM"),
        turn("hover", "go", "BUTTON"),
        turn("click", "go", "BUTTON", properties={"button": 2}),
        turn("paste", "i", pasted="more"),
        turn("copy", "i", selected="some"),
        turn("scroll", scrollX=0, scrollY=120.5),
        turn("tabswitch", properties={"tabIdOrigin": 7, "tabId": 8}),
        says("navigator", "Done."),
        turn("tabcreate", properties={"tabId": 9}),
        turn("tabremove", properties={"tabId": 9}),
        says("instructor", "Thanks"),
    )
    (workflow,), tally = read(path)
    assert workflow.objective == "Fill it in.\nThanks"
    assert workflow.workflow_id == "abc"
    found = []
    for step in workflow.steps:
        where = ""
        if step.target:
            reason, _, element = targets.find(read_page(step.html), step.target)
            page = read_page(step.html)
            where = reason or page.tokens[page.position(element)].markup
            assert step.url == "https://a.example/"
        found.append((step.action.kind, step.action.value, where))
    field = '<input data-webtasks-id="i">'
    assert found == [
        ("navigate", "https://a.example/", ""),
        ("type", "some text", field),
        ("change", "one", '<select data-webtasks-id="s">'),
        ("change", "other", field),
        ("click", "", '<input type="checkbox" data-webtasks-id="c">'),
        ("submit", "", '<form data-webtasks-id="f">'),
        ("hover", "", '<button id="go">'),
        ("right_click", "", '<button id="go">'),
        ("paste", "more", field),
        ("copy", "some", field),
        ("scroll", "0,120.5", ""),
        ("focus_tab", "8", ""),
        ("message", "Done.", ""),
        ("new_tab", "", ""),
        ("close_tab", "", ""),
    ]
    assert workflow.steps[4].action.modifiers == ("Control",)
    meta = orjson.loads(workflow.steps[1].meta)
    assert meta["timestamp"] == 1.5
    assert meta["arguments"] == {"text": "some text"}
    assert dropped(tally) == []


def test_what_happened_by_itself_is_no_step(tmp_path: Path) -> None:
    """Pages behind links, changes that a click made, empty words and other turns are dropped."""
    path = demo(
        tmp_path,
        turn("click", "c"),
        turn("change", "c", value="on"),
        turn("change", "c", value="on"),
        turn("hover", "i"),
        turn("change", "c", value="on"),
        turn("load", properties={"url": "https://b.example/", "transitionType": "link"}),
        turn("load", properties={"transitionType": "reload"}),
        says("instructor", " "),
        {"type": "extension", "timestamp": 3},
        {"type": "browser", "action": None},
    )
    (workflow,), tally = read(path)
    assert [step.action.kind for step in workflow.steps] == ["click", "hover", "click", "reload"]
    assert [(id.rpartition("=")[2], why) for id, why in dropped(tally)] == [
        (number, "unknown_event") for number in "125789"
    ]


def test_the_form_stands_in_for_the_instructor_and_is_kept(tmp_path: Path) -> None:
    """Without an instructor the description is the objective; marks of the makers are kept."""
    path = demo(tmp_path, turn("click", "i"), version=3)
    (path / "form.json").write_text('{"description": "Buy a mug", "tasks": ["Shopping"]}')
    (path / "invalid.json").write_text("{}")
    (path / "screenshots").mkdir()
    (path / "screenshots" / "screenshot-1-0.png").write_bytes(b"\x89PNG")
    (workflow,), tally = read(path)
    assert workflow.objective == "Buy a mug"
    assert orjson.loads(workflow.meta) == {
        "description": "Buy a mug", "tasks": ["Shopping"], "invalid": True,
    }  # fmt: skip
    assert sorted(dropped(tally)) == [
        ("abc/invalid.json", "not_a_step"),
        ("abc/screenshots/screenshot-1-0.png", "not_a_step"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (7, "wrong_type"),
        ({"type": "browser", "action": {"arguments": {}}}, "missing_field"),
        ({"type": "browser", "action": {"intent": "click", "arguments": []}}, "wrong_type"),
        ({"timestamp": 1}, "missing_field"),
        (turn("scroll", scrollX="far", scrollY=0), "wrong_type"),
    ],
)
def test_a_broken_turn_ends_the_demonstration(tmp_path: Path, bad: Any, reason: str) -> None:
    """The turns before it are read; it is quarantined with its bytes, later ones are dropped."""
    (workflow,), tally = read(demo(tmp_path, turn("click", "i"), bad, turn("click", "i")))
    assert len(workflow.steps) == 1
    assert [(each.reason, orjson.loads(each.raw)) for each in tally.quarantined] == [(reason, bad)]
    assert dropped(tally)[-1] == ("abc/replay.json#item=2", "after_broken_record")


def test_pages_are_looked_up_by_name_alone(tmp_path: Path) -> None:
    """A name that leads out of the folder is no page; a page that is no UTF-8 is Latin-1."""
    (tmp_path / "secret.html").write_text("<p>secret")
    turns = [turn("click", "i") for _ in range(4)]
    for one, name in zip(turns, ("../../secret.html", "", "absent.html", "old.html"), strict=True):
        one["state"]["page"] = name
    turns.append(turn("click", "i") | {"state": None})
    path = demo(tmp_path, *turns)
    (path / "pages" / "old.html.gz").write_bytes(gzip.compress("<p>caf\xe9".encode("latin-1")))
    (workflow,), tally = read(path)
    assert [step.html for step in workflow.steps] == ["", "", "", "<p>caf\xe9", ""]
    assert dropped(tally) == [("abc/pages/page-1-0.html", "not_a_step")]


def test_only_folders_with_a_replay_of_turns_are_recognised(tmp_path: Path) -> None:
    """Another replay.json is no demonstration; a changed page changes the input's hash."""
    path = demo(tmp_path, turn("click", "i"))
    (shard,) = find.shards(find.find([str(tmp_path)], SOURCES))
    (path / "pages" / "page-1-0.html").write_text("<p>")
    (changed,) = find.shards(find.find([str(tmp_path)], SOURCES))
    assert shard.sha256 != changed.sha256
    (path / "replay.json").write_text('{"data": [{"x": 1}]}')
    assert not WebLinx().recognise(InputHead.of(path))


def test_nothing_else_is_claimed(shared: Path) -> None:
    """No folder of the real recordings is taken for a demonstration."""
    found = find.find([str(shared / "data")], SOURCES, lenient=True)
    assert not [item.name for item in found if item.format == "weblinx"]


def test_mutated_replays_are_read_or_quarantined(tmp_path: Path) -> None:
    """No damage raises, and each record is entered once."""
    chance = random.Random(5)
    turns = [says("instructor", "Go"), turn("click", "i"), turn("textInput", "i", text="\u00e9x")]
    path = demo(tmp_path, *turns, turn("scroll", scrollX=1, scrollY=2))
    whole = (path / "replay.json").read_bytes()
    seen = set()
    for _ in range(500):
        at, to = sorted(chance.sample(range(len(whole)), 2))
        damaged = {
            0: whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
            1: whole[:to],
            2: whole[:to] + whole[at:],
        }[chance.randrange(3)]
        (path / "replay.json").write_bytes(damaged)
        found = find.find([str(path)], SOURCES, lenient=True)
        if found[0].format != "weblinx":
            continue
        (shard,) = find.shards(found)
        tally = Tally()
        list(WebLinx().read(shard, tally))
        ids = [entry.id for entry in tally.entries if not entry.reason]
        assert len(ids) == len(set(ids))
        seen |= {each.reason for each in tally.quarantined}
    assert {"broken_json", "truncated_json"} <= seen
