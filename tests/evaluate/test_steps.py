"""`exact`, `exact-calibrated` and `strict`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.facts import known, steps
from etl.evaluate.facts.steps import Facts
from etl.evaluate.protocols.known import PROTOCOLS
from etl.evaluate.protocols.protocol import Row
from etl.evaluate.protocols.steps import right_answer
from tests.evaluate.made import answer, direct
from tokenization.prompt import step_text

EXACT, CALIBRATED, STRICT = (PROTOCOLS[n] for n in ("exact", "exact-calibrated", "strict"))

VALUES = st.sampled_from(["", "red", 'a "b"', "two\nlines", "x\\y", "é", "Red"])


def facts(kind: str, value: str = "", description: str = "", node: int = 12) -> Facts:
    text = step_text(3, description, kind, str(node), "<a>", 5) if description else ""
    return steps.read(known.text(Facts(kind, value, (node,), text, True)))


@given(st.sampled_from(["click", "type", "select", "press", "hover"]), VALUES)
def test_a_right_answer_scores_one(kind: str, value: str) -> None:
    """As training has it, or in other words."""
    step = facts(kind, value)
    for protocol in (EXACT, CALIBRATED, STRICT):
        scored = protocol.score(step, [[right_answer(step)]])
        assert (set(scored.metrics.values()), scored.strict) == ({1}, True)


@pytest.mark.parametrize(
    ("kind", "value", "right", "said", "strict"),
    [
        ("click", "", 'Click "Buy"', "Click the thing", True),
        ("type", "red", 'Type "red" in "Colour"', 'Type "red"', True),
        ("type", "red", 'Type "red" in "Colour"', 'Type "blue" in "red"', False),
        ("type", "red", 'Type "red" in "Colour"', 'Type "Red" in "Colour"', False),
        ("type", "red", 'Fill in the "Colour": "red"', 'Fill in the "Colour": "red"', True),
        ("type", "red", 'Fill in the "Colour": "red"', 'Fill in "a": "blue"', False),
        ("type", "red", "Choose red", "Pick red.", True),
        ("type", "red", "Choose red", "Choose blue", False),
        ("select", '["a", "b"]', 'Select "a", "b" in "X"', 'Select "a", "b"', True),
        ("select", '["a", "b"]', 'Select "a", "b" in "X"', 'Select "b", "a"', False),
        ("type", 'a "b"', 'Type "a \\"b\\""', 'Type "a \\"b\\"" in "c"', True),
        ("type", "x\\y", 'Type "x\\\\y"', 'Type "x\\y"', True),
    ],
)  # fmt: skip
def test_values_are_what_descriptions_quote(
    kind: str, value: str, right: str, said: str, strict: bool
) -> None:
    """In the place of the right description's; without quotes, at its end."""
    step = facts(kind, value, right)
    text = step_text(3, said, kind, "12", "<a>", 5)
    assert EXACT.score(step, [[text]]).metrics["exact"] == 1
    assert EXACT.score(step, [[text]]).strict is strict
    assert STRICT.score(step, [[text]]).metrics["strict"] == strict


def test_element_and_kind_count_apart() -> None:
    """Exact match needs both."""
    step = facts("click")
    for text, metrics in (
        (answer(12), (1, 1, 1)),
        (answer(13), (0, 0, 1)),
        (answer(12, action="select_action"), (0, 1, 0)),
        (answer("x"), (0, 0, 1)),
        ("Action: mouse_click_action\nNode: 12", (1, 1, 1)),
    ):
        assert tuple(EXACT.score(step, [[text]]).metrics.values()) == metrics


@pytest.mark.parametrize("answers", [[], [None], [[""]], [["Node: 12"]], [[], ["no idea"]]])
def test_nothing_readable(answers: list[list[str] | None]) -> None:
    """The step scores 0, and is named."""
    scored = EXACT.score(facts("click"), answers)
    assert (scored.outcome, set(scored.metrics.values())) == ("no_usable_answer", {0})


def test_actions_without_element_and_ids_that_are_words() -> None:
    """No id is right where there is no element; ids of a page that is a text are texts."""
    page = Facts("go_back")
    assert EXACT.score(page, [["Action: go_back_action"]]).metrics["element"] == 1
    assert EXACT.score(page, [["Action: go_back_action\nNode: 3"]]).metrics["element"] == 0
    tree = Facts("click", refs=("a46", "b1"))
    assert EXACT.score(tree, [[answer("b1")]]).metrics["exact"] == 1
    assert EXACT.score(tree, [[answer("46")]]).metrics["exact"] == 0


def test_several_acceptable_elements() -> None:
    """Any of them is right."""
    step = Facts("click", nodes=(3, 12))
    assert [EXACT.score(step, [[answer(node)]]).metrics["exact"] for node in (3, 4, 12)] == [
        1,
        0,
        1,
    ]


def test_answers_vote() -> None:
    """Over all chunks, by element and kind; of equally many the first counts."""
    step = facts("click")
    outputs = [answer(13), answer(12), answer(12, "x")]
    assert EXACT.score(step, [outputs]).answer == (0, 1)
    assert EXACT.score(step, [outputs[:1], None, outputs[1:]]).answer == (2, 0)
    assert EXACT.score(step, [outputs[:2]]).node == 13


def test_calibrated_looks_at_steps_that_hold_their_target() -> None:
    """The share of these stands beside; `exact` is over all."""
    held = [facts("click"), facts("click"), replace(facts("click"), held=False), Facts("click")]
    texts = [answer(12), answer(13), answer(12), answer(12)]
    found = [CALIBRATED.score(step, [[text]]) for step, text in zip(held, texts, strict=True)]
    assert [one.outcome for one in found[2:]] == ["target_not_in_text"] * 2
    means = CALIBRATED.aggregate([Row(str(at), "w", "f", 0, one) for at, one in enumerate(found)])
    assert (means["exact"], means["share"]) == (0.5, 0.5)
    assert CALIBRATED.aggregate([])["share"] is None


def test_the_facts_of_mind2web_hold_a_step() -> None:
    """So `exact` and `strict` score its sets, on every acceptable element."""
    whole = direct("40", "31", op="TYPE", value="red")
    step = steps.read(known.text(whole))
    assert step == whole.step
    text = answer(5, 'Type "red"', "keyboard_sequence_action")
    for read in (step, whole):
        assert STRICT.score(read, [[text]]).metrics["strict"] == 1
