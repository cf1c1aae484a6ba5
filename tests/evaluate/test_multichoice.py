"""Choices among candidates: rounds, letters, operations, means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.facts.mind2web_multichoice import as_choices
from etl.evaluate.protocols.mind2web_multichoice import (
    GENERATION,
    LLM,
    MINDACT,
    gold_operation,
    operation,
    play,
    right_answers,
)
from etl.evaluate.protocols.protocol import Row
from tests.evaluate.made import choices, wide

ZEROS = {"element_acc": 0, "operation_f1": 0, "step_acc": 0}
ONES = dict.fromkeys(ZEROS, 1)
PAGE, NODES = wide(12)
PICK = "B.\nAction: CLICK"


@given(st.integers(1, 11), st.integers(0, 99), st.sampled_from(["CLICK", "TYPE", "SELECT"]))
def test_picking_the_positive_whenever_it_is_shown_scores_one(
    negatives: int, seed: int, op: str
) -> None:
    """In each protocol, in any order of the candidates."""
    facts = choices(
        "100", negatives=NODES[1 : negatives + 1], page=PAGE, seed=seed, op=op, value="two mugs"
    )
    for protocol in (MINDACT, LLM, GENERATION):
        found = protocol.score(facts, [[text] for text in right_answers(facts, protocol)])
        assert (found.outcome, found.metrics, found.strict) == ("scored", ONES, True)


@given(st.lists(st.sampled_from(["A.", "B.", "C.", "F.", "Z"]), max_size=12), st.integers(0, 9))
def test_rounds_show_five_from_the_front_in_page_order(outputs: list[str], seed: int) -> None:
    """Until fewer than two are left; what is picked goes to the end of the list."""
    facts = choices("100", negatives=NODES[1:], page=PAGE, seed=seed)
    queue = [one.id for one in facts.candidates]
    for number in range(len(outputs) + 1):
        shown = MINDACT.next_round(facts, outputs[:number])
        if len(queue) < 2:
            assert shown is None
            break
        assert [one.id for one in shown or ()] == sorted(queue[:5], key=NODES.index)
        assert shown is not None
        place = ord(outputs[number][0]) - ord("B") if number < len(outputs) else -1
        queue = queue[5:] + ([shown[place].id] if 0 <= place < len(shown) else [])


def test_no_positive_of_rank_under_fifty() -> None:
    """None at all, one of rank 50, one without rank: zeros; rank 49 is one."""
    for rank in (50, 99):
        facts = choices("100", negatives=NODES[1:3], page=PAGE, ranks={"100": rank})
        found = MINDACT.score(facts, [])
        assert (found.outcome, found.metrics) == ("no_positive_in_top_k", ZEROS)
    assert choices(negatives=NODES[:3], page=PAGE).lost == "no_positive_in_top_k"
    assert choices("100", negatives=NODES[1:3], page=PAGE, ranks={"100": 49}).lost == ""


def test_a_single_candidate_is_not_asked() -> None:
    """And scores 0."""
    facts = choices("100", page=PAGE)
    assert MINDACT.next_round(facts, []) is None
    assert MINDACT.score(facts, []).outcome == "single_candidate_not_asked"


def test_a_candidate_that_is_not_on_the_page_stops_the_reference() -> None:
    """The first positive at once, also if nothing else is there; another one where it is shown."""
    assert MINDACT.score(choices("999", page=PAGE), []).outcome == "reference stops: IndexError"
    for positives, negatives in ((("999",), NODES[1:3]), (("100",), ("999", "101"))):
        facts = choices(*positives, negatives=negatives, page=PAGE)
        found = MINDACT.score(facts, [[PICK]])
        assert (found.outcome, found.metrics) == ("reference stops: IndexError", ZEROS)


def test_several_positives_are_all_right() -> None:
    """Whichever is picked last."""
    facts = choices("100", "101", negatives=("102",), page=PAGE)
    for letter in "BC":
        assert MINDACT.score(facts, [[f"{letter}\nAction: CLICK"]]).metrics == ONES
    assert MINDACT.score(facts, [["D\nAction: CLICK"]]).metrics["element_acc"] == 0


def test_a_pick_is_void_if_nothing_is_left() -> None:
    """None to a last round that shows all; it stands if an unshown candidate is left."""
    facts = choices("100", negatives=NODES[1:6], page=PAGE)
    shown = [one.id for one in MINDACT.next_round(facts, []) or ()]
    letter = chr(ord("B") + shown.index("100")) if "100" in shown else "B"
    assert MINDACT.score(facts, [[f"{letter}"], ["A"]]).outcome == "no_final_choice"
    assert play(facts, [letter, "B"], MINDACT.pick).final is not None
    more = choices("100", negatives=NODES[1:7], page=PAGE)
    first = MINDACT.next_round(more, []) or ()
    assert len(MINDACT.next_round(more, ["B"]) or ()) == 3
    assert play(more, ["B", "A"], MINDACT.pick).final is None
    assert first


def test_rounds_without_an_answer_are_named() -> None:
    """Nobody knows what would have been shown next."""
    facts = choices("100", negatives=NODES[1:8], page=PAGE)
    for answers in ([], [["A"]], [["A"], None], [["A"], []]):
        assert MINDACT.score(facts, answers).outcome == "round_without_answer"


@pytest.mark.parametrize(
    ("text", "place"),
    [("B", 0), (" \nC.", 1), ("Because", 0), ("A", None), ("b", None), ("E", None), ("None", None),
     ("?", 0), ("@", 1), (">", None), ("1", None)],
)  # fmt: skip
def test_mindact_reads_the_first_character(text: str, place: int | None) -> None:
    """Its code tells the place, from the end if it lies before B; of three choices."""
    found = MINDACT.pick(text.strip(), 3)
    assert found == place


def test_an_empty_answer_stops_mindact_only() -> None:
    """The others read none, and the first choice."""
    facts = choices("100", negatives=NODES[1:3], page=PAGE)
    assert MINDACT.score(facts, [[" \n"]]).outcome == "reference stops: IndexError"
    assert LLM.score(facts, [[""]]).outcome == "no_final_choice"
    assert GENERATION.score(facts, [[""]]).metrics["element_acc"] == 1  # in page order the first


def test_a_language_model_names_its_letter() -> None:
    """Behind the first `Answer: `; past the end it takes the pick before it back."""
    for text, place in (
        ("Answer: B", 0),
        ("x Answer: Choose", 1),
        ("B", None),
        ("answer: B", None),
        ("Answer: A", None),
        ("Answer: G", None),
    ):
        assert LLM.pick(text, 5) == place
    facts = choices("100", negatives=NODES[1:7], page=PAGE)
    kept = play(facts, ["Answer: B", "Answer: C"], LLM.pick)
    assert kept.final is not None
    assert play(facts, ["Answer: B", "Answer: F"], LLM.pick).final is None
    assert play(facts, ["B", "Z", "Z"], MINDACT.pick).final is None


def test_a_generation_names_a_number() -> None:
    """On the line of the first `Element: `; the first choice without it or out of range."""
    for text, place in (
        ("None of these", None),
        ("Element: (a id=2 x) id=1", 2),
        ("Element: (a id=٢ x)", 2),
        ("Element: x\nid=2", 0),
        ("Element: id=3", 0),
        ("id=2", 0),
        ("", 0),
    ):
        assert GENERATION.pick(text, 3) == place


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("E.\nAction: CLICKED", "CLICK "),
        ("E. Action: TYPE Value: Boston", "TYPE Boston"),
        ("Action: click\nValue:  a \nValue: b", " a"),
        ("Value: 5\n00 PM\nAction: SELECT", "SELECT 5"),
        ("Action: HOVER", " "),
    ],
)
def test_operations(text: str, read: str) -> None:
    """The first of each key; the value is the rest of its line."""
    assert operation(text) == read


def test_gold_operations() -> None:
    """Read as answers are: the first line of a value, none for CLICK, no unknown operation."""
    for op, value, read in (
        ("TYPE", "New York\nNY", "TYPE New York"),
        ("CLICK", "x", "CLICK "),
        ("HOVER", "", " "),
        ("SELECT", "", "SELECT "),
    ):
        assert gold_operation(choices("100", op=op, value=value, page=PAGE)) == read


def test_punctuation_counts_but_in_the_generation() -> None:
    """A lone mark is a token for MindAct, and is dropped in the generation's copy."""
    facts = choices("100", negatives=NODES[1:2], op="TYPE", value="Boston", page=PAGE)
    said = "Action: TYPE\nValue: Boston ."
    assert MINDACT.score(facts, [[f"B\n{said}"]]).metrics["operation_f1"] == 0.8
    dropped = GENERATION.score(facts, [[f"Element: id=0\n{said}"]])
    assert (dropped.metrics, dropped.strict) == (ONES, False)


def test_operation_f1_does_not_depend_on_the_element() -> None:
    """A wrong element with the right operation."""
    facts = choices("100", negatives=NODES[1:3], page=PAGE)
    metrics = MINDACT.score(facts, [["C\nAction: CLICK"]]).metrics
    assert metrics == {"element_acc": 0, "operation_f1": 1, "step_acc": 0}


def test_means() -> None:
    """Micro, macro, shares of tasks by failures, and websites; nothing at all is None."""
    facts = choices("100", negatives=NODES[1:3], page=PAGE)
    right, wrong = (MINDACT.score(facts, [[text]]) for text in (PICK, "C\nAction: CLICK"))
    rows = [Row("a", "w1", "f", at, right) for at in range(3)]
    rows += [Row("b", "w2", "f", 0, wrong)] + [Row("c", "w2", "f", at, wrong) for at in range(4)]
    means = MINDACT.aggregate(rows)
    assert (means["element_acc"], means["macro_element_acc"]) == (3 / 8, 1 / 3)
    shares = {key: value for key, value in means.items() if key.startswith("error_ratio")}
    assert shares == {f"error_ratio.{key}": 1 / 3 for key in ("0", "1", ">3")}
    assert (means["task_sr"], means["acc_per_website.w2"]) == (1 / 3, 0)
    assert means["acc_per_website_tasks.w2"] == 2
    empty = MINDACT.aggregate([])
    assert (empty["element_acc"], empty["macro_step_acc"], empty["task_sr"]) == (None, None, None)


def test_choices_in_words() -> None:
    """Tag, place and words of what is shown, in page order."""
    shown = MINDACT.next_round(choices("101", negatives=("100",), page=PAGE), [])
    assert as_choices(shown or ()) == ["(button id=0 b100)", "(button id=1 b101)"]
