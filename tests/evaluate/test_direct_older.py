"""`mind2web-direct/scribeagent-v1` with intents, subtrees and candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.protocols.known import PROTOCOLS
from etl.evaluate.protocols.mind2web_direct_older import vote
from etl.evaluate.protocols.protocol import NO_STEPS, Row, nothing
from tests.evaluate.made import NODES, answer, direct

V1 = PROTOCOLS["mind2web-direct/scribeagent-v1"]
INTENT, SUBTREE, MCQ = (PROTOCOLS[f"{V1.name}-{way}"] for way in ("intent", "subtree", "mcq"))
ALL = (V1, INTENT, SUBTREE, MCQ)
ZEROS = {"ea": 0, "f1": 0, "step_sr": 0}


def test_a_right_answer_scores_one_in_each_way() -> None:
    """In the reference's own form, where the element has words."""
    facts = direct("40", table=("30", "40"))
    for protocol in (V1, INTENT, SUBTREE):
        assert set(protocol.score(facts, [[answer(4)]]).metrics.values()) == {1}
    facts = direct("40", table=("40", "30"))
    assert set(MCQ.score(facts, [[answer(4)]]).metrics.values()) == {1}


def test_all_answers_are_counted() -> None:
    """No early end; a tie goes to the largest id, and of its answers to the first longest."""
    found = vote([[answer(4)] * 3 + [answer(3)] * 4])
    assert found is not None
    assert found.node == 3
    found = vote([[answer(3, "a"), answer(4, "bb"), answer(3, "b")], None, [answer(4, "aa")]])
    assert found is not None
    assert (found.node, found.place) == (4, (0, 1))


@pytest.mark.parametrize("text", ["Node: 4\nTarget: <a>", "no idea", "", "Node: x 4", "node: 4 "])
def test_ids_that_are_not_read(text: str) -> None:
    """An id needs a space behind it, or the end; without any the reference stops."""
    assert vote([[text]]) is None
    for facts in (direct("40"), direct()):
        for protocol in ALL:
            scored = protocol.score(facts, [[text]])
            assert (scored.outcome, scored.metrics) == ("reference stops: IndexError", ZEROS)


def test_an_id_at_the_end_is_read() -> None:
    """Or before a second key."""
    for text in ("Node: 4", "Node: 4Node: 3 ", "Node: +04 "):
        found = vote([[text]])
        assert found is not None
        assert found.node == 4


def test_an_answer_without_a_key_stops_the_reference() -> None:
    """A lost step is passed all the same, but for candidates, which read it first."""
    text = answer(4).replace("Target: <", "Target: ")
    assert all(protocol.score(direct("40"), [[text]]).stopped for protocol in ALL)
    assert V1.score(direct("999"), [[text]]).outcome == "gold_not_in_pruned_page"
    assert MCQ.score(direct("999", table=()), [[text]]).stopped
    elsewhere = answer(77).replace("\nTarget: <", " Target: <")
    assert V1.score(direct("40"), [[elsewhere]]).outcome == "reference stops: AttributeError"
    assert not V1.score(direct("40"), [[elsewhere.replace("77", "4")]]).stopped


def test_a_mouse_click_on_an_input_is_the_keyboards() -> None:
    """On a small `input` or `textarea` of the answer's own target, and for that word only."""
    facts = direct("40", op="TYPE", value="Buy")
    for tag, word, right in (
        ("input", "mouse_click_action", 1),
        ("textarea", "mouse_click_action", 1),
        ("INPUT", "mouse_click_action", 0),
        ("input", "mouse_hover_action", 0),
        ("a", "mouse_click_action", 0),
    ):
        text = answer(4, action=word).replace("<a ", f"<{tag} ")
        assert V1.score(facts, [[text]]).metrics["step_sr"] == right


def test_lost_steps() -> None:
    """No positive, one that is nowhere, one that is pruned: zeros, with what was chosen."""
    for backend, group in ((None, "no_gold"), ("999", "no_gold"), ("31", "")):
        facts = direct(*filter(None, [backend]), table=("40",))
        for protocol in ALL:
            scored = protocol.score(facts, [[answer(4)]])
            assert (scored.outcome, scored.metrics) == ("gold_not_in_pruned_page", ZEROS)
            assert (scored.node, scored.group) == (4, group)


def test_a_gold_element_that_is_pruned_still_counts() -> None:
    """Where another one is left."""
    facts = direct("40", "31")
    assert facts.older.gold == (NODES["40"], NODES["31"])
    assert V1.score(facts, [[answer(NODES["31"])]]).metrics["ea"] == 1


def test_subtrees() -> None:
    """A child counts, one that pruning removed and the parent do not."""
    facts = direct("30")
    ea = {node: SUBTREE.score(facts, [[answer(node)]]).metrics["ea"] for node in range(9)}
    assert [node for node, right in ea.items() if right] == [3, 4, 6]
    assert V1.score(facts, [[answer(4)]]).metrics["ea"] == 0


def test_candidates_take_what_is_in_them_in_the_order_of_the_table() -> None:
    """An ancestor that stands first takes the gold element away; a pruned one takes nothing."""
    for table, right in (
        (("40", "30"), [3, 4]),
        (("30", "40"), []),
        (("41", "40"), [4]),
        (("31", "40"), [3, 4]),
        ((), []),
    ):
        facts = direct("40", table=table)
        ea = {node: MCQ.score(facts, [[answer(node)]]).metrics["ea"] for node in range(9)}
        assert [node for node, one in ea.items() if one] == right


def test_a_score_table_that_is_missing_or_names_what_is_nowhere() -> None:
    """Without one nothing is said; an unknown element stops the reference."""
    assert MCQ.score(direct("40"), [[answer(4)]]).outcome == "no_score_table"
    assert MCQ.score(direct("40"), [[answer(4)]]).metrics["ea"] is None
    facts = direct("40", table=("40", "999"))
    assert MCQ.score(facts, [[answer(4)]]).outcome == "reference stops: KeyError"
    assert V1.score(facts, [[answer(4)]]).metrics["ea"] == 1


def test_intents_mix_up_two_kinds_of_ids() -> None:
    """An element is right whose markup holds a node number that begins with the backend id."""
    page = (
        '<html><body><div backend_node_id="7"><a backend_node_id="0">x</a></div>'
        '<p backend_node_id="8">y</p></body></html>'
    )  # html 4, body 3, div 2, a 1, p 0
    facts = direct("0", page=page)
    assert facts.gold == (1,)
    ea = {node: INTENT.score(facts, [[answer(node)]]).metrics["ea"] for node in range(5)}
    assert [node for node, right in ea.items() if right] == [0, 1, 3]  # p is node 0, in the body
    elsewhere = answer(9).replace('node="9"', 'node="0"')
    assert INTENT.score(facts, [[elsewhere]]).metrics["ea"] == 1
    assert V1.score(facts, [[elsewhere]]).metrics["ea"] == 0


def test_f1_joins_without_a_space() -> None:
    """Operation and description are glued in one comparison, which can make F1 1; a success does
    not.
    """
    facts = direct("40", line="[a]  Buy it -> CLICK")
    assert V1.score(facts, [[answer(3, " Buy it -> CLICK")]]).metrics["f1"] == 1
    assert V1.score(facts, [[answer(4, "x")]]).metrics == {"ea": 1, "f1": 0, "step_sr": 1}


def test_counts_of_tasks() -> None:
    """Tasks of the same place in two files are one; the last count lets rows without gold pass."""
    facts = direct("40", table=("40",))
    right, wrong = (MCQ.score(facts, [[answer(node)]]) for node in (4, 3000))
    lost = MCQ.score(direct(table=("40",)), [[answer(4)]])
    rows = [
        Row("a", "w", "one", 0, right),
        Row("b", "w", "one", 0, right),
        Row("b", "w", "one", 1, lost),
        Row("none", "w", "one", 0, nothing(NO_STEPS, ())),
        Row("c", "w", "one", 0, right),
        Row("z", "w", "two", 0, wrong),
    ]
    means = MCQ.aggregate(rows)
    assert (means["tasks_successful_mcq"], means["tasks_successful_mcq_without_invalid"]) == (1, 2)
    assert means["mcq"] == 0.6
    assert means["reference_stops"] == 0
    assert MCQ.aggregate(rows[2:3])["reference_stops"] == 1  # a first step that is lost
    assert MCQ.aggregate([])["mcq"] is None


@given(st.permutations([answer(4), answer(4, "x"), answer(3), answer(6), ""]))
def test_the_order_of_answers_does_not_matter(outputs: list[str]) -> None:
    """Where the winner's longest answer is one: all are counted, in any order, in any chunks."""
    scored = V1.score(direct("40"), [outputs])
    assert scored.metrics == V1.score(direct("40"), [outputs[:2], None, outputs[2:]]).metrics
    assert scored.metrics == {"ea": 1, "f1": 1, "step_sr": 1}
