"""`weblinx/turn`: which turns count, how answers are read, what they score."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.facts import known, weblinx
from etl.evaluate.facts.weblinx import Turn
from etl.evaluate.protocols.protocol import Answers, Row
from etl.evaluate.protocols.weblinx import TURN, right_answer
from etl.evaluate.protocols.weblinx_calls import read

BOXES = {
    "a": (0, 0, 10, 10),
    "b": (5, 0, 15, 10),
    "small": (2, 2, 4, 4),
    "flat": (3, 3, 3, 3),
    "line": (5, 5, 5, 9),
    "half": (20.5, 20.5, 29.5, 29.5),
    "unseen": (2.5, 2.5, 3, 3),
}


def turn(
    intent: str, uid: str | None = None, following: Turn | None = None, **arguments: Any
) -> weblinx.Facts:
    """A turn's facts, as they are in a file; `unseen` has a box alone, `boxless` is on the page."""
    edges = ("left", "top", "right", "bottom")
    boxes = {
        name: weblinx.box_of(dict(zip(edges, box, strict=True))) for name, box in BOXES.items()
    }
    made = weblinx.made(
        Turn(intent, arguments, uid is not None, uid),
        following,
        boxes,
        {*BOXES, "boxless"} - {"unseen"},
    )
    return weblinx.read(known.text(made))


def metrics(facts: weblinx.Facts, answer: str) -> dict[str, float | None]:
    return dict(TURN.score(facts, [[answer]]).metrics)


@pytest.mark.parametrize(
    "facts",
    [
        turn("click", "a"),
        turn("submit", "b"),
        turn("textInput", "a", text="climate news"),
        turn("change", "a", value="Dublin"),
        turn("load", url="https://www.x.example/a?q=1"),
        turn("say", utterance='He said "yes", then left'),
        turn("scroll", "a", x=0, y=600),
        turn("hover", "a"),
    ],
    ids=lambda facts: facts.intent,
)
def test_the_recorded_call_scores_one(facts: weblinx.Facts) -> None:
    """In each metric that applies."""
    scored = TURN.score(facts, [[right_answer(facts)]])
    assert {value for value in scored.metrics.values() if value is not None} == {1}
    assert (scored.outcome, scored.strict, scored.metrics["overall"]) == ("scored", True, 1)


def test_turns_that_are_left_out() -> None:
    """No element, no id, no box or not on the page; a click before a copy or its own submit."""
    copy, submit = Turn("copy", {}), Turn("submit", {}, True, "a")
    for intent in ("click", "change", "textinput", "submit"):
        for uid in ("boxless", "unseen", "nowhere"):
            assert turn(intent, uid).left_out == "element_without_box_or_page"
        assert turn(intent).left_out == "no_element"
    assert turn("click", "a", copy).left_out == "click_before_copy"
    assert turn("click", "a", submit).left_out == "click_before_submit_of_it"
    for facts in (
        turn("click", "b", submit),
        turn("click", "a", Turn("say", {})),
        turn("submit", "a", copy),
        turn("scroll", "nowhere"),
        turn("say"),
    ):
        assert facts.left_out == ""
    scored = TURN.score(turn("click"), [["click()"]])
    assert (scored.outcome, set(scored.metrics.values())) == ("left_out", {None})


def test_turns_of_a_replay() -> None:
    """Their words, arguments and elements; one without an id keeps its own box and is left out."""
    said = weblinx.turn_of({"type": "chat", "speaker": "navigator", "utterance": "Done"})
    assert said == Turn("say", {"utterance": "Done"})
    box = {"left": 0, "top": 0, "right": 2, "bottom": 2, "width": 2, "height": 2}
    element = {"attributes": {"data-webtasks-id": "a"}, "bbox": box}
    typed = {"text": "x", "element": element}
    found = weblinx.turn_of(
        {"type": "browser", "action": {"intent": "textInput", "arguments": typed}}
    )
    assert (found.arguments, found.uid, found.element) == ({"text": "x"}, "a", True)
    assert found.box == weblinx.Box(0, 0, 2, 2, 4)
    bare = {"intent": "click", "arguments": {"element": {"attributes": {}, "bbox": box}}}
    made = weblinx.made(weblinx.turn_of({"type": "browser", "action": bare}), None, {}, set())
    assert (made.left_out, made.own_box) == ("element_without_id", (0, 0, 2, 2, 4))


@pytest.mark.parametrize(
    ("answer", "intent", "arguments"),
    [
        ('click(uid="a")', "click", {"uid": "a"}),
        ('Text_Input(uid=a, text="x, y")', "textinput", {"uid": "a", "text": "x, y"}),
        ('click (uid="a")', "<unk>", {"uid": "a"}),
        ('éclick(uid="a")', "<unk>", {"uid": "a"}),
        ("say(utterance=All (really all) done)", "say", {"utterance": "All (really all"}),
        ('say(utterance="a) b") c', "say", {"utterance": "a) b"}),
        ('say(utterance="open', "say", {"utterance": '"open'}),
        ("click(uid)", "click", {}),
        ('load(url="a=b=c")', "load", {"url": "a=b=c"}),
        ('change(value="2")', "change", {"value": 2}),
        ('change(value="-7")', "change", {"value": -7}),
        ("change(value=3.50)", "change", {"value": 3.5}),
        ("change(value=1.5.2)", "change", {"value": "1.5.2"}),
        ('say(utterance=")', "say", {"utterance": '")'}),
        ('say(utterance=")"', "say", {"utterance": ")"}),
        ('action(intent="Click", uid="a")', "click", {"intent": "Click", "uid": "a"}),
        ("action(uid=a)", "<unk>", {"uid": "a"}),
        ("click(x=3)", "click", {"x": None, "y": None}),
        ("click(y=3)", "click", {"x": None, "y": None}),
        ("click(x=3 y=4)", "click", {"x": 3.0, "y": 4.0}),
        ("click(x=left, y=3)", "click", {"x": None, "y": 3.0}),
        ("click(top=1, left=a)", "click", {"top": 1.0, "left": None}),
        ('say(utterance="a", utterance="b")', "say", {"utterance": "b"}),
        ("", "<unk>", {}),
    ],
)
def test_answers_as_calls(answer: str, intent: str, arguments: dict[str, Any]) -> None:
    """The word before the first bracket, and the arguments up to one outside of quotes."""
    assert read(answer)[:2] == (intent, arguments)


@pytest.mark.parametrize(
    ("facts", "answer", "exception"),
    [
        (turn("textInput", "a", text="²"), 'textinput(uid="a", text="²")', "ValueError"),
        (turn("click", "a"), "click(x=" + "9" * 400 + ", y=1)", "OverflowError"),
        (turn("click", "a"), "action(intent=1)", "AttributeError"),
        (turn("load", url="x"), 'load(url="12345")', "AttributeError"),
        (turn("click", "flat"), 'click(uid="line")', "ZeroDivisionError"),
        (turn("click"), "click(uid=²)", "ValueError"),
        (turn("click", "a"), "click(uid=², uid=a)", "ValueError"),
    ],
)
def test_answers_at_which_the_reference_stops(
    facts: weblinx.Facts, answer: str, exception: str
) -> None:
    """They are named and count as a wrong intent; in a turn that is left out, as nothing."""
    scored = TURN.score(facts, [[answer]])
    assert scored.outcome == f"reference stops: {exception}"
    assert scored.metrics["intent_match"] == (None if facts.left_out else 0)
    assert TURN.aggregate([Row("t", "w", "f", 0, scored)])["reference_stops"] == 1


def test_elements() -> None:
    """`uid` before the other key, before coordinates: the smallest box with an area around them,
    rounded outward. It needs a box and to be on the page; corners never find one.
    """
    facts = turn("click", "a")
    for answer, iou in (
        ('click(data-webtasks-id="a")', 1),
        ('click(data-webtasks-id="a", uid="b")', 1 / 3),
        ("click(x=10, y=10)", 1),
        ("click(x=3.9, y=3.9)", 0.04),
        ("click(x=3, y=3)", 0),  # unseen is smaller, and not on the page
        ("click(top=0, left=0, right=10, bottom=10)", 0),
        ('click(uid="boxless")', 0),
        ('click(uid="")', 0),
        ("click(uid=7)", 0),
        ("click(x=nan, y=1)", 0),
    ):
        assert metrics(facts, answer)["iou"] == pytest.approx(iou, abs=1e-15), answer
    assert metrics(turn("click", "half"), "click(x=20, y=30)")["iou"] == 1


def test_texts() -> None:
    """Numbers, missing and empty texts score 0; `value` is read where a typed text has no `text`,
    but is not an exact match.
    """
    facts = turn("textInput", "a", text="12")
    scored = TURN.score(facts, [['textinput(uid="a", text="12")']])
    assert (scored.metrics["chrf"], scored.metrics["exact_match"], scored.strict) == (0, 0, True)
    assert scored.notes == ("the same text scores 0: the reference reads it as a number",)
    assert TURN.score(facts, [['textinput(uid="a", text="13")']]).strict is False
    facts = turn("textInput", "a", text="climate")
    for said, chrf in (('value="climate"', 1), ('text=""', 0), ("", 0), ('text="cli mate"', 1)):
        found = metrics(facts, f'textinput(uid="a", {said})')
        assert (found["chrf"], found["exact_match"]) == (chrf, 0)


@pytest.mark.parametrize(
    ("one", "other", "score"),
    [
        ("https://www.x.example/a/b", "http://x.example/a/b?q#f", 1),
        ("https://x.example/a/b", "https://x.example/a", 0.8),
        ("x.example/a", "y.example/b", 1 / 3),
        ("http://x.example:7770/a", "http://x.example/a", 0.5),
        ("http://x.example/a//b", "http://x.example/a/b", 6 / 7),
        ("https://world.example/a", "https://orld.example/a", 1),
        ("https://x.example/a", "http://[::1/a", 0),
        ("https://x.example/a", "", 0),
        ("https://x.example/a", "0", 0),
    ],
)
def test_addresses(one: str, other: str, score: float) -> None:
    """Sets of host and path parts; the same both ways."""
    found = metrics(turn("load", url=one), f'load(url="{other}")')
    assert found["urlf"] == pytest.approx(score, abs=1e-15)
    if other not in ("", "0"):
        assert metrics(turn("load", url=other), f'load(url="{one}")')["urlf"] == found["urlf"]


def test_scrolls_are_scored_by_their_element() -> None:
    """0 without one; the place counts for exact match alone."""
    bare, on = turn("scroll", x=0, y=600), turn("scroll", "a", x=0, y=600)
    assert metrics(bare, "scroll(x=0, y=600)")["iou"] == 0
    assert TURN.score(bare, [["scroll(x=0, y=600)"]]).strict is True
    assert TURN.score(on, [["scroll(x=0, y=600)"]]).strict is False
    found = metrics(on, 'scroll(uid="a", x=0, y=1)')
    assert (found["iou"], found["overall"], found["exact_match"]) == (1, 1, 0)


def test_a_wrong_intent_and_no_answer() -> None:
    """Nothing but the intent and exact match apply."""
    answers: Answers
    for answers in ([['submit(uid="a")']], [None], [[]], []):
        scored = TURN.score(turn("click", "a"), answers)
        applying = {name for name, value in scored.metrics.items() if value is not None}
        assert applying == {"intent_match", "exact_match"}
        assert scored.strict is False


def test_means_start_from_two_decimals() -> None:
    """And a wrong intent is 0 in both groups, without condition."""
    third = TURN.score(turn("change", "a", value="ab"), [['change(uid="b", value="ab")']])
    wrong = TURN.score(turn("say", utterance="x"), [["click()"]])
    means = TURN.aggregate([Row("t", "w", "f", at, one) for at, one in enumerate((third, wrong))])
    assert means["overall.overall"] == 0.33
    assert (means["element-group.iou"], means["element-group.iou.unconditional"]) == (0.33, 0.165)
    assert means["text-group.chrf-urlf.unconditional"] == 0.5
    assert means["say.chrf"] is None
    hovered = TURN.score(turn("hover", "a"), [['hover(uid="a")']])
    assert hovered.notes
    assert TURN.aggregate([Row("t", "w", "f", 0, hovered)])["reference_stops"] == 1


@given(st.text('click(say"=, )uid.x²-1é', max_size=30))
def test_any_text_is_read(text: str) -> None:
    """Each answer scores, or is named as one at which the reference stops."""
    scored = TURN.score(turn("click", "a"), [[text]])
    assert scored.stopped or scored.outcome == "scored"


@given(st.lists(st.text('a",:[]{}\\é', max_size=5), unique=True), st.text('a",:[]\\', max_size=4))
def test_a_box_is_found_alone(uids: list[str], wanted: str) -> None:
    """It is the one among all boxes, whatever characters ids hold."""
    boxes = {uid: weblinx.Box(at, 0, at + 1.5, 1, 1.5) for at, uid in enumerate(uids)}
    facts = weblinx.made(Turn("click", {}), None, boxes, set(uids[1:]))
    assert list(facts.boxes) == uids
    for uid in (*uids, wanted):
        assert facts.box(uid) == facts.boxes.get(uid)


@given(st.sampled_from(sorted(BOXES)), st.sampled_from(sorted(BOXES)))
def test_overlap_is_the_same_both_ways(one: str, other: str) -> None:
    """Where both boxes can be named, and not both are without area."""
    first = TURN.score(turn("hover", one), [[f'hover(uid="{other}")']])
    second = TURN.score(turn("hover", other), [[f'hover(uid="{one}")']])
    assert first.outcome == second.outcome
    assert first.metrics["iou"] == second.metrics["iou"]
