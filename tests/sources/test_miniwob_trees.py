"""MiniWoB++ trees that the engine reads, against the specification in plain Python."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etl.inputs.pages import is_tree, parse_with_trees
from etl.inputs.records import InputShard
from etl.pages import compiled
from etl.sources.miniwob.demos import MiniWob
from etl.sources.miniwob.dom import Page, TreePage, read_page, text_value
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.workflow import Workflow

needs_compiled = pytest.mark.skipif(
    compiled.ENGINE is None, reason="this installation is not compiled"
)

TEXTS = st.one_of(
    st.sampled_from(["", " ", "a", "a b", "<&>\"'", "é", "\u00a0x", "x\u2003", "\n", "\\", "😀"]),
    st.text(max_size=4),
)
TAGS = st.sampled_from(
    "t t BODY DIV INPUT_text INPUT_checkbox TEXTAREA SELECT OPTION br INPUT_ input_x a:b".split()
)
SCALARS = st.one_of(TEXTS, st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False))
ODD = st.sampled_from(["tag", "ref", "text", "children", "id", "classes", "value", "left"])


@st.composite
def nodes(draw: st.DrawFn, depth: int = 3) -> dict[str, Any]:
    """A node, mostly as recorders write it."""
    node: dict[str, Any] = {"tag": draw(TAGS), "ref": draw(st.integers(-2, 4))}
    for name, values in (
        ("text", TEXTS),
        ("id", TEXTS),
        ("classes", st.one_of(TEXTS, st.just({}))),
        ("value", st.one_of(TEXTS, st.booleans())),
        ("left", st.one_of(st.integers(0, 9), st.floats(0, 9))),
        ("top", st.one_of(st.integers(0, 9), st.floats(-1e9, 1e9))),
        ("recordingTarget", st.booleans()),
        ("bgColor", TEXTS),
    ):
        if draw(st.booleans()):
            node[name] = draw(values)
    if depth and draw(st.integers(0, 3)):
        node["children"] = draw(st.lists(nodes(depth - 1), max_size=3))
    if draw(st.integers(0, 60)) == 0:
        node[draw(ODD)] = draw(SCALARS)
    return node


def both(dom: dict[str, Any]) -> tuple[Page, TreePage | None]:
    """A tree by the specification, and by the engine if it takes it."""
    state = json.loads(json.dumps(dom))
    value: Any = parse_with_trees(json.dumps({"states": [{"dom": dom}]}).encode())[0]
    made = value["states"][0]["dom"]
    return read_page(state, ""), TreePage(made) if is_tree(made) else None


@needs_compiled
@settings(max_examples=400, deadline=None)
@given(nodes())
def test_trees_are_pages(dom: dict[str, Any]) -> None:
    """A tree that the engine takes gives the page's markup, target, elements, fields, lists and
    locators.
    """
    try:
        plain, fast = both(dom)
    except RecordError:
        value: Any = parse_with_trees(json.dumps({"states": [{"dom": dom}]}).encode())[0]
        assert not is_tree(value["states"][0]["dom"])
        return
    if fast is None:
        return
    assert fast.render().decode("utf-8", "surrogatepass") == plain.render()
    for mine, theirs in ((fast.body, plain.body), (fast.target, plain.target)):
        assert_same(fast, plain, mine, theirs)
    for key, node in plain.elements.items():
        assert_same(fast, plain, fast.element(key), node)
    assert fast.element((99, "DIV")) is None


def assert_same(fast: TreePage, plain: Page, mine: Any, theirs: dict[str, Any] | None) -> None:
    """One element in both: what actions need of it."""
    if theirs is None:
        assert mine is None
        return
    for name in ("tag", "ref", "text", "value", "left", "top"):
        assert mine.get(name) == theirs.get(name)
        assert type(mine.get(name)) is type(theirs.get(name))
    assert (mine["tag"], mine["ref"]) == (theirs["tag"], theirs["ref"])
    assert text_value(mine) == text_value(theirs)
    assert fast.locator(mine) == plain.locator(theirs)
    assert len(mine.get("children", [])) == len(theirs.get("children", []))
    if theirs["tag"] in ("OPTION", "SELECT"):
        around, expected = fast.list_of(mine), plain.list_of(theirs)
        assert (around is mine) == (expected is theirs)
        if expected is not theirs:
            assert_same(fast, plain, around, expected)


def outcome(raw: bytes, folder: Path) -> tuple[list[Workflow], Tally]:
    (folder / "t_1.json").write_bytes(raw)
    tally = Tally()
    shard = InputShard("f/t_1.json", str(folder / "t_1.json"), "miniwob", len(raw), "")
    return list(MiniWob().read(shard, tally)), tally


def assert_read_alike(raw: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = outcome(raw, folder)
    with monkeypatch.context() as plain:
        plain.setattr(compiled, "ENGINE", None)
        assert outcome(raw, folder) == fast


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(nodes(2), min_size=1, max_size=3), st.data())
@example([{"tag": "BODY", "ref": 1, "left": float("inf")}], None)
@example([{"tag": "BODY", "ref": 10**19}], None)
def test_demos_are_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doms: list[dict[str, Any]], data: Any
) -> None:
    """A demo, whole or damaged anywhere, gives the same workflow, drops and quarantined records
    with the engine and without.
    """
    states = [{"time": 0, "action": None, "dom": doms[0]}]
    states += [
        {
            "time": time,
            "action": {"type": kind, "timing": 1, "x": 1, "y": 2, "keyCode": 65, "charCode": 97},
            "dom": doms[time % len(doms)],
        }
        for time, kind in enumerate("mousedown mouseup click keydown keypress keyup scroll".split())
    ]
    raw = bytearray(json.dumps({"utterance": "Do it", "states": states}).encode())
    for _ in range(data.draw(st.integers(0, 2)) if data else 0):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + 1] = data.draw(st.sampled_from([b"", b'"', b"}", b"1", b"\\", b"\xff", b" "]))
    assert_read_alike(bytes(raw), tmp_path, monkeypatch)


def test_recorded_demos_are_read_alike(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do recorded demos; the engine takes all their trees."""
    for path in sorted((shared / "data" / "miniwob_demos").rglob("*.json.gz"))[::9]:
        raw = gzip.decompress(path.read_bytes())
        value: Any = parse_with_trees(raw)[0]
        assert compiled.ENGINE is None or all(is_tree(state["dom"]) for state in value["states"])
        assert_read_alike(raw, tmp_path, monkeypatch)
