"""`mind2web-direct/scribeagent-v2` and its lenient form: reading, votes, lost steps, F1, means."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.protocols.known import PROTOCOLS
from etl.evaluate.protocols.mind2web_direct import gold, right_answer, vote
from etl.evaluate.protocols.protocol import NO_STEPS, Answers, Row, nothing
from tests.evaluate.made import NODES, PAGE, answer, direct

V2 = PROTOCOLS["mind2web-direct/scribeagent-v2"]
LENIENT = PROTOCOLS["mind2web-direct/scribeagent-v2-lenient"]
ZEROS = {"ea": 0, "f1": 0, "step_sr": 0}
ONES = {"ea": 1, "f1": 1, "step_sr": 1}


def test_node_ids_count_from_the_end_of_the_page() -> None:
    """Each backend id has the node id of its element; an unwrapped element has one too."""
    for backend, node in NODES.items():
        assert direct(backend).gold == (node,)


def test_a_right_answer_scores_one_in_every_metric() -> None:
    """Of clicks, typed texts and options, in the reference's own form."""
    for op, value in (("CLICK", ""), ("TYPE", "two mugs"), ("SELECT", "red")):
        facts = direct("40", op=op, value=value)
        for protocol in (V2, LENIENT):
            assert protocol.score(facts, [[right_answer(facts)] * 5]).metrics == ONES


def test_a_positive_that_is_nowhere_and_none_at_all() -> None:
    """The step is lost, and nothing that is answered changes that."""
    for facts in (direct("999"), direct()):
        scored = V2.score(facts, [[answer(4)] * 5])
        assert (scored.outcome, scored.metrics) == ("gold_not_in_page", ZEROS)


@pytest.mark.parametrize("backend", ["31", "50", "1"])
def test_a_target_that_pruning_removes(backend: str) -> None:
    """Text nodes, iframes and tags off the list are pruned: the step is lost."""
    facts = direct(backend)
    scored = V2.score(facts, [[answer(facts.gold[0])] * 5])
    assert (scored.outcome, scored.metrics) == ("gold_pruned", ZEROS)


def test_one_gold_element_that_is_left_is_enough() -> None:
    """Then the id of a pruned one counts too."""
    facts = direct("31", "40", "999")
    assert facts.gold == (NODES["40"], NODES["31"])
    assert V2.score(facts, [[answer(NODES["31"])]]).metrics == ONES
    assert V2.score(facts, [[answer(NODES["40"])]]).metrics == ONES


@pytest.mark.parametrize(
    ("options", "text", "lost"),
    [
        (21, "{}", "gold_pruned"),
        (20, "{}", ""),
        (21, " {} ", ""),
        (21, "{}<i>&#53;</i>", "gold_pruned"),
        (21, "{}<script>x</script>", "gold_pruned"),
        (21, "{} a", ""),
        (21, "²{}", ""),
    ],
)
def test_options_of_digits_go_if_they_are_too_many(options: int, text: str, lost: str) -> None:
    """More than 20 options whose text is digits only, and nothing else: with a space they stay."""
    listed = "".join(
        f'<option backend_node_id="{100 + at}">{text.format(at)}</option>' for at in range(options)
    )
    page = f"<html><body><select>{listed}</select></body></html>"
    facts = direct("103", page=page)
    assert facts.lost == lost
    assert facts.older.lost == ""  # the older scripts keep them


def test_what_lies_outside_of_the_body_is_pruned() -> None:
    """Before it, behind its end, and behind the end of a body inside of it; a second body is not
    found.
    """
    page = (
        '<html><a backend_node_id="2">x</a><body backend_node_id="3"><a backend_node_id="4">x</a>'
        '<iframe><body backend_node_id="5"><a backend_node_id="6">x</a></body></iframe>'
        '<a backend_node_id="7">x</a></body><a backend_node_id="8">x</a></html>'
    )
    lost = {backend: direct(backend, page=page).lost for backend in "2345678"}
    assert {backend for backend, why in lost.items() if not why} == {"3", "4", "6"}


def test_lines_without_an_element_stop_the_reference() -> None:
    """A click or option without `] ` or ` ->`; a typed text only where F1 looks for `]`."""
    for line in ("[button]  Buy", "Buy -> CLICK"):
        scored = V2.score(direct("40", line=line), [[answer(4)] * 5])
        assert scored.outcome == "reference stops: AttributeError"
        assert scored.metrics == ZEROS
    typed = direct("40", op="TYPE", value="x", line="Buy -> TYPE: x")
    assert V2.score(typed, [[right_answer(typed)]]).metrics == ONES
    assert V2.score(typed, [[answer(4)]]).stopped


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " \n \n",
        "no idea",
        'Description: a\nAction: b\nNode: 4 \nTarget: <a node="4">',
        '1.\n\nDescription: a\nAction: b\nNode: 4 \nTarget: <a node="4">',
        '1.\nAction: b\nDescription: a\nNode: 4 \nTarget: <a node="4">',
        '1.\ndescription: a\naction: b\nnode: 4 \ntarget: <a node="4">',
        "1.\nDescription: a\nAction: b\nNode: 4 \nTarget: ",
        '1.\nDescription: \nAction: b\nNode: 4 \nTarget: <a node="4">',
        '1.\nDescription: a\nAction: b\nNode: x\nTarget: <a node="two">',
        "1.\nDescription: a\nAction: b\nNode: x\nTarget: <a>",
        '1.\nDescription: a\nAction: b\nNode: x\nTarget: <a node="4',
    ],
)
def test_answers_that_cannot_be_read_are_thrown_away(bad: str) -> None:
    """By their form, or by an id that is no number in either place."""
    assert vote([[bad] * 5]).node is None
    scored = V2.score(direct("40"), [[bad] * 5])
    assert (scored.outcome, scored.metrics) == ("no_usable_answer", ZEROS)


@pytest.mark.parametrize(
    ("written", "node"),
    [
        ("4", 4), ("004", 4), ("+4", 4), ("4\t", 4), ("-4", -4), ("1_0", 10), ("٤", 4), ("4\r", 4),
        ("4.0", 7), ("the 4", 7), ("", 7),
    ],
)  # fmt: skip
def test_ids_are_read_as_pythons_int_reads_them(written: str, node: int) -> None:
    """What int() refuses is looked for in the first `node="`."""
    text = f'1.\nDescription: a\nAction: b\nNode: {written}\nTarget: <a node="7" x="node="9"">'
    if not written:
        text = text.replace("Node: ", "Node:  ")
    assert vote([[text]]).node == node


def test_earlier_keys_are_the_ones_that_are_read() -> None:
    """A thought before the answer is read in its place."""
    thought = "Thought\nAction: think\nNode: 3 first\n" + answer(4)
    scored = V2.score(direct("40"), [[thought] * 5])
    assert (scored.node, scored.metrics["step_sr"]) == (3, 0)


def test_a_tie_goes_to_the_largest_id_as_a_number() -> None:
    """9 and 10 with two votes each."""
    outputs = [answer(9), answer(10), answer(9), answer(10), ""]
    assert vote([outputs]).node == 10


def test_an_early_end_needs_one_id_in_all_chunks() -> None:
    """A first chunk that agrees is read to its middle, a later one that names another id whole; an
    answer at the middle that cannot be read ends nothing.
    """
    assert vote([[answer(4)] * 5]).votes == {4: 3}
    assert vote([[answer(4)] * 5, [answer(3)] * 5]).votes == {4: 3, 3: 5}
    assert vote([[answer(4), answer(4), "", answer(4), answer(4)]]).votes == {4: 4}
    assert vote([["", "", answer(4), answer(3), answer(3)]]).votes == {4: 1}
    assert vote([None, [answer(4)] * 5]).failed == 1


def test_the_longest_answer_is_read_and_the_last_of_these() -> None:
    """Of the winner's answers; the place is the first of its text."""
    outputs = [answer(4, "aa"), answer(3), answer(4, "bb"), answer(4, "b"), answer(4, "aa")]
    found = vote([outputs])
    assert (found.answer, found.place) == (outputs[0], (0, 0))
    outputs[4] = answer(4, "cc")
    assert vote([outputs]).place == (0, 4)


def test_calls_that_fail_and_nothing_at_all() -> None:
    """All calls failed, or no prompt was answered."""
    answers: Answers
    for answers in ([None, None], [], [[]]):
        assert V2.score(direct("40"), answers).outcome == "no_usable_answer"


def test_typed_text_is_never_compared_and_strict_says_so() -> None:
    """A wrong text and a wrong option succeed; the strict figure is beside."""
    for op, word in (("TYPE", "keyboard_sequence_action"), ("SELECT", "mouse_click_action")):
        facts = direct("40", op=op, value="red")
        wrong = V2.score(facts, [[answer(4, f'{op.capitalize()} "blue"', word)] * 5])
        right = V2.score(facts, [[answer(4, f'{op.capitalize()} "red"', word)] * 5])
        assert (wrong.metrics, wrong.strict) == (ONES, False)
        assert (right.metrics, right.strict) == (ONES, True)
    assert any("never compared" in sentence for sentence in V2.defects)


def test_classes() -> None:
    """The word up to the first underscore, exactly; other operations never agree."""
    for word, right in (
        ("mouse", 1),
        ("mouse_", 1),
        ("Mouse_a", 0),
        ("mousex", 0),
        (" mouse_a", 0),
    ):
        assert V2.score(direct("40"), [[answer(4, action=word)]]).metrics["step_sr"] == right
    hover = direct("40", op="HOVER", line="[button]  Buy -> HOVER")
    assert V2.score(hover, [[answer(4, action="mouse_hover_action")]]).metrics["step_sr"] == 0


def test_our_words_for_kinds_are_not_all_of_the_references_classes() -> None:
    """A `select_action`, as training has it, is right to the strict figure alone: a note."""
    facts = direct("40", op="SELECT", value="red")
    scored = V2.score(facts, [[answer(4, 'Select "red"', "select_action")]])
    assert (scored.metrics["step_sr"], scored.strict) == (0, True)
    assert "not of the reference's class" in scored.notes[0]


def test_f1_lends_the_gold_operation() -> None:
    """To an answer of the right class on a wrong element: three dots score."""
    facts = direct("40", op="TYPE", value="red", line="[box]  Colour of it -> TYPE: red")
    scored = V2.score(facts, [[answer(3, "...", "keyboard_sequence_action")]])
    assert scored.metrics == {"ea": 0, "f1": pytest.approx(4 / 9), "step_sr": 0}
    assert V2.score(facts, [[answer(3, "...", "mouse")]]).metrics == ZEROS


def test_an_element_without_text() -> None:
    """Its description is the verb twice, and `here` passes leniently on any element."""
    facts = direct("40", line="[svg]   -> CLICK")
    found = gold(facts)
    assert found is not None
    assert found == ("Click Click", "here")
    assert V2.score(facts, [[answer(99, "Click here")]]).metrics["ea"] == 0
    assert LENIENT.score(facts, [[answer(99, "Click here")]]).metrics == ONES


def test_lenient_compares_characters() -> None:
    """`18` is found in `2018`; the words of the description need the space that its quote left."""
    facts = direct("40", line="[a]  18 -> CLICK")
    assert LENIENT.score(facts, [[answer(99, "in 2018")]]).metrics["ea"] == 1
    assert LENIENT.score(facts, [[answer(99, "in 2081")]]).metrics["ea"] == 0
    typed = direct("40", op="TYPE", value="", line="[a]  b -> TYPE: ")
    assert LENIENT.score(typed, [[answer(99, "x", "keyboard")]]).metrics["ea"] == 1  # "" is a piece


def test_means_hold_lost_steps_and_tasks_without_steps() -> None:
    """A task without steps is a success; a wrong class does not fail a task."""
    right = V2.score(direct("40"), [[answer(4)]])
    by_class = V2.score(direct("40"), [[answer(4, action="keyboard")]])
    lost = V2.score(direct(), [])
    rows = [
        Row("a", "w", "f", 0, right),
        Row("a", "w", "f", 1, by_class),
        Row("b", "w", "f", 0, right),
        Row("b", "w", "f", 1, lost),
        Row("c", "w", "f", 0, nothing(NO_STEPS, ())),
    ]
    means = V2.aggregate(rows)
    assert means["element_accuracy"] == 0.75
    assert means["step_success_rate"] == 0.5
    assert means["task_success_rate"] == pytest.approx(2 / 3, abs=1e-12)
    assert means["steps"] == 4
    assert V2.aggregate([])["f1"] is None


ANSWERS = st.one_of(
    st.builds(
        answer,
        st.integers(-2, 12),
        st.sampled_from(['Click "Buy"', "Buy", "x", "..."]),
        st.sampled_from(["mouse_click_action", "keyboard", "mouse"]),
    ),
    st.sampled_from(["", "?", "1.\nDescription: a\nAction: b\nNode: x\nTarget: <a>"]),
)


def vote_by_hand(chunks: list[list[str] | None]) -> tuple[int, str] | None:
    """The rules in words, with a list of ballots."""
    form = re.compile(r".\nDescription: .+\nAction: .+\nNode: .+\nTarget: .")
    ballots: list[tuple[int, str]] = []
    for chunk in chunks:
        for at, text in enumerate(chunk or []):
            number = re.search(r"Node: (-?\d+)[ \n]", text)
            if not form.search(text) or number is None:
                continue
            ballots.append((int(number[1]), text))
            if at == len(chunk or []) // 2 and len({node for node, _ in ballots}) == 1:
                break
    if not ballots:
        return None
    counts = sorted((sum(node == one for one, _ in ballots), node) for node, _ in ballots)
    winner = counts[-1][1]
    texts = [text for node, text in ballots if node == winner]
    longest = max(map(len, texts))
    return winner, [text for text in texts if len(text) == longest][-1]


@given(st.lists(st.one_of(st.none(), st.lists(ANSWERS, max_size=6)), max_size=4))
def test_votes_are_as_another_reading_of_the_rules_has_them(chunks: list[list[str] | None]) -> None:
    """The winner and the answer that is read."""
    found = vote(chunks)
    chosen = None if found.node is None else (found.node, found.answer)
    assert chosen == vote_by_hand(chunks)


@given(st.lists(ANSWERS, min_size=1, max_size=5), st.sampled_from(["40", "31", "60"]))
def test_scores_are_between_zero_and_one(outputs: list[str], backend: str) -> None:
    """Step SR needs EA, lenient EA is never less, and a success has F1 1."""
    facts = direct(backend, page=PAGE)
    strict, lenient = V2.score(facts, [outputs]), LENIENT.score(facts, [outputs])
    for scored in (strict, lenient):
        metrics = scored.metrics
        assert all(value is not None and 0 <= value <= 1 for value in metrics.values())
        assert metrics["step_sr"] == 0 or metrics == ONES
        assert not scored.strict or metrics == ONES
    assert (lenient.metrics["ea"] or 0) >= (strict.metrics["ea"] or 0)
