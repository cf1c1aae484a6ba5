"""MiniWoB++ demos: DOM trees become markup; demos that cannot be read are kept with a reason."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from etl.inputs.records import InputShard
from etl.sources.miniwob.demos import MiniWob
from etl.sources.miniwob.dom import read_page
from etl.tally import Tally
from schemas.workflow import Locator
from tests.sources.test_miniwob import (
    BUTTON,
    RED,
    TEXT,
    Demo,
    read,
)


def test_markup() -> None:
    """The page is markup as documented, without geometry, colours or a mark on the target."""
    node = {
        "tag": "INPUT_radio",
        "ref": 2,
        "id": 'a"b',
        "classes": "x y",
        "value": True,
        "tampered": True,
        "children": [],
    }
    area = {"tag": "TEXTAREA", "ref": 3, "value": "1<2", "text": "", "children": []}
    svg = {
        "tag": "circle",
        "ref": 4,
        "classes": {},
        "text": "",
        "left": 4,
        "bgColor": "red",
        "children": [],
    }
    text = {"tag": "t", "ref": -1, "text": "a & b"}
    field = {
        "tag": "INPUT_text",
        "ref": 2,
        "value": "",
        "focused": True,
        "recordingTarget": True,
        "children": [],
    }
    body = {"tag": "BODY", "ref": 1, "children": [node, text, area, svg, field]}
    page = read_page(body, "dom")
    assert page.render() == (
        '<body ref="1"><input id="a&quot;b" class="x y" type="radio" checked ref="2">a &amp; b'
        '<textarea ref="3">1&lt;2</textarea><circle ref="4"></circle><input type="text" value="" '
        'ref="2-2"></body>'
    )
    assert page.target is not None
    assert page.locator(page.target) == Locator("attribute", "2-2", "ref")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["Rn carved", "soon."], "Rn carved soon."),
        (["one", "", "two", "three"], "one two three"),
        (["kept ", "as", " it is"], "kept as it is"),
        (["a", "<SPAN>", "b", "c"], 'a<span ref="9"></span>b c'),
        (["", ""], ""),
    ],
)
def test_texts_do_not_run_together(parts: list[str], expected: str) -> None:
    """Texts in succession, which the recorder trims, are words apart; tags part them already."""
    children = [
        {"tag": "SPAN", "ref": 9, "children": []}
        if text == "<SPAN>"
        else {"tag": "t", "ref": -1, "text": text}
        for text in parts
    ]
    body = {"tag": "BODY", "ref": 1, "children": children}
    assert read_page(body, "dom").render() == f'<body ref="1">{expected}</body>'


def test_states_out_of_order_or_without_beginning(tmp_path: Path) -> None:
    """A demo without its beginning or order is quarantined: its history would be false."""
    demo = Demo().click(BUTTON).click(RED)
    path = tmp_path / "demo.json"
    for states, reason in (
        (demo.states[1:], "history_incomplete"),
        ([demo.states[0], *demo.states[7:], *demo.states[1:7]], "step_out_of_order"),
    ):
        path.write_text(
            json.dumps({"taskName": "t", "utterance": "u", "states": states, "rawReward": 1})
        )
        tally = Tally()
        assert not list(MiniWob().read(InputShard("demo.json", str(path), "miniwob", 0, ""), tally))
        assert [record.reason for record in tally.quarantined] == [reason]


def test_deep_page() -> None:
    """A page nested deeper than Python's stack is read and rendered."""
    top: dict[str, Any] = {"tag": "DIV", "ref": 0, "children": []}
    for ref in range(1, 50_000):
        top = {"tag": "DIV", "ref": ref, "children": [top]}
    assert read_page(top, "dom").render().count("<div ") == 50_000


def _broken(demo: bytes) -> dict[str, tuple[bytes, str]]:
    packed = zstandard.compress(demo)
    return {
        "cut": (demo[:-9], "truncated_json"),
        "empty": (b"", "broken_json"),
        "too deep": (b"[" * 5000 + b"]" * 5000, "broken_json"),
        "latin-1": (demo.replace(b"do it", b"do \xe9t"), "invalid_utf8"),
        "list": (b"[" + demo + b"]", "wrong_type"),
        "cut zstd": (packed[:-5], "truncated_zstd"),
        "cut gzip": (gzip.compress(demo)[:-12], "truncated_gzip"),
        "no states": (Demo().json(states=...), "missing_field"),
        "states null": (Demo().json(states=None), "wrong_type"),
        "no utterance": (Demo().click(TEXT).json(utterance=...), "missing_field"),
        "utterance": (Demo().click(TEXT).json(utterance=3), "wrong_type"),
        "reward": (Demo().click(TEXT).json(rawReward="1"), "wrong_type"),
        "task": (Demo().click(TEXT).json(taskName=[]), "wrong_type"),
        "state": (Demo().json(states=[4]), "wrong_type"),
        "no dom": (Demo().json(states=[{"time": 0, "action": None}]), "missing_field"),
        "no ref": (
            Demo().json(states=[{"time": 0, "action": None, "dom": {"tag": "A"}}]),
            "missing_field",
        ),
        "node": (demo.replace(b'"children": []', b'"children": [3]', 1), "wrong_type"),
        "children": (demo.replace(b'"children": []', b'"children": {}', 1), "wrong_type"),
        "tag": (demo.replace(b'"BUTTON"', b'"a b"', 1), "wrong_type"),
        "text": (demo.replace(b'"Go"', b"7", 1), "wrong_type"),
        "action": (demo.replace(b'"type": "click"', b'"type": null', 1), "wrong_type"),
        "no type": (demo.replace(b'"type": "click", ', b"", 1), "missing_field"),
        "x": (demo.replace(b'"x": 5', b'"x": "5"', 1), "wrong_type"),
        "time": (demo.replace(b'"time": 0', b'"time": true', 1), "wrong_type"),
        "no steps": (Demo().json(states=[]), "workflow_without_steps"),
        "start only": (Demo().json(), "workflow_without_steps"),
    }


@pytest.mark.parametrize("case", sorted(_broken(b"")))
def test_unreadable_demo_is_quarantined(tmp_path: Path, case: str) -> None:
    """A demo that cannot be read is one quarantined record; none of its states is entered."""
    raw, reason = _broken(Demo().click(BUTTON).json())[case]
    workflow, tally = read(tmp_path, raw)
    assert workflow is None
    assert [(entry.id, entry.reason) for entry in tally.entries] == [
        ("f/t_1.json", ""),
        ("f/t_1.json", reason),
    ]
    (kept,) = tally.quarantined
    assert kept.detail
    if not reason.startswith("truncated"):
        assert kept.raw == raw
