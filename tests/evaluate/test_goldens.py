"""Every case, vote and mean that the reference implementations gave for planted answers, by the
facts made of the recorded pages.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from etl.evaluate.facts import mind2web_multichoice
from etl.evaluate.facts.mind2web_direct import made
from etl.evaluate.facts.outline import outline
from etl.evaluate.facts.recorded import recorded
from etl.evaluate.protocols import mind2web_direct, webarena, weblinx
from etl.evaluate.protocols import mind2web_multichoice as multichoice
from etl.evaluate.protocols.known import PROTOCOLS
from etl.evaluate.protocols.protocol import NO_STEPS, STOPS, Row, Scored, nothing
from etl.evaluate.protocols.weblinx_calls import read as read_call
from etl.evaluate.texts import set_f1
from tests.evaluate import goldens

DIRECT = "mind2web_direct_scribeagent"
OLDER = "mind2web_direct_scribeagent_v1"
V1 = "mind2web-direct/scribeagent-v1"
VARIANTS = {
    "mindact": multichoice.MINDACT,
    "llm": multichoice.LLM,
    "generation": multichoice.GENERATION,
}


def rows(scored: list[list[Scored]], file: str = "0") -> list[Row]:
    """The rows of tasks of one file."""
    found = []
    for number, task in enumerate(scored):
        if not task:
            found.append(Row(str(number), "w", file, 0, nothing(NO_STEPS, ())))
        found += [Row(str(number), "w", file, at, one) for at, one in enumerate(task)]
    return found


def outcome(expected: Any) -> str:
    """The reference's outcome in our words."""
    raised = expected["outcome"].partition("reference raises ")[2]
    return STOPS + raised.partition(" ")[0] if raised else str(expected["outcome"])


def test_the_present_direct_evaluation(shared: Path) -> None:
    """Outcome, EA, F1 and step SR of each case, strict and lenient; what was chosen, which answer
    was read, and how many were thrown away.
    """
    file = goldens.golden(shared, DIRECT)
    assert len(file["cases"]) == 102
    for case in file["cases"]:
        facts = goldens.direct(shared, file["data"], case)
        for name, key in (("", "expected"), ("-lenient", "expected_refined")):
            expected = case[key]
            scored = PROTOCOLS[f"mind2web-direct/scribeagent-v2{name}"].score(facts, case["chunks"])
            assert scored.outcome == outcome(expected), case["id"]
            if "ea" in expected:
                wanted = {metric: expected[metric] for metric in ("ea", "f1", "step_sr")}
                assert scored.metrics == wanted, case["id"]
        expected = case["expected"]
        if "node" in expected:
            assert scored.node == expected["node"], case["id"]
            assert list(scored.answer or ()) == expected["answer"], case["id"]
            assert list(facts.gold) == expected["gold_nodes"], case["id"]
            gold = mind2web_direct.gold(facts)
            assert gold is not None
            assert gold.description == expected["gold_description"], case["id"]
        if "failed_calls" in expected:
            vote = mind2web_direct.vote(case["chunks"])
            thrown = vote.no_match, vote.bad_id, vote.failed
            keys = ("rejected_no_match", "rejected_bad_id", "failed_calls")
            assert thrown == tuple(expected[key] for key in keys), case["id"]


def test_prompts_number_elements_as_the_reference_does(shared: Path) -> None:
    """Of the recorded pages: read as they were written, or cleaned as texts before, all facts are
    the same, so an answer to our prompts names the reference's elements.
    """
    file = goldens.golden(shared, OLDER)
    tables = {case["step"]: case["rank_table"] for case in file["cases"]}
    for step, gold in file["steps"].items():
        case = {"step": int(step), "alter": None, "rank_table": tables.get(int(step), [])}
        action, line = goldens.altered(shared, file["data"], int(step), None)
        facts = goldens.direct(shared, file["data"], case)
        table = [node for node, _ in case["rank_table"]]
        assert made(recorded(action), line, facts.step, table=table) == facts
        assert list(facts.gold) == gold["gold_nodes"]
        assert len(outline(action["raw_html"]).tags) == gold["document_node"]


def test_votes(shared: Path) -> None:
    """The id and the answer that a vote of 1 to 64 answers chooses."""
    cases = goldens.golden(shared, DIRECT)["vote_cases"]
    assert len(cases) == 10
    for case in cases:
        vote = mind2web_direct.vote(case["chunks"])
        place = None if vote.place is None else list(vote.place)
        assert {"node": vote.node, "answer": place} == case["expected"], case["id"]


@pytest.mark.parametrize("way", ["", "-lenient"])
def test_means_of_the_present_direct_evaluation(shared: Path, way: str) -> None:
    """The means of a file, with lost steps, tasks without steps, and no tasks at all."""
    file = goldens.golden(shared, DIRECT)
    assert len(file["aggregates"]) == 7
    protocol = PROTOCOLS[f"mind2web-direct/scribeagent-v2{way}"]
    for aggregate in file["aggregates"]:
        scored = [
            [
                protocol.score(goldens.direct(shared, file["data"], step), step["chunks"])
                for step in task
            ]
            for task in aggregate["tasks"]
        ]
        expected = dict(aggregate["expected_refined" if way else "expected"])
        steps, products = expected.pop("per_step", None), expected.pop("task_sr")
        if steps is not None:
            assert [one.metrics for task in scored for one in task] == steps, aggregate["id"]
        assert [float(all(one.metrics["ea"] for one in task)) for task in scored] == products
        assert goldens.equal(protocol.aggregate(rows(scored)), expected), aggregate["id"]


def test_the_older_direct_evaluation(shared: Path) -> None:
    """EA, F1 and step SR of each case, with intents, subtrees and candidates; gold nodes, and what
    was chosen.
    """
    file = goldens.golden(shared, OLDER)
    assert len(file["cases"]) == 41
    keys = {
        "": ("expected", "ea", "step_sr"),
        "-intent": ("expected_use_intent", "ea", "step_sr"),
        "-subtree": ("expected", "subtree_ea", "subtree_step_sr"),
        "-mcq": ("expected", "mcq_ea", "mcq_step_sr"),
    }
    for case in file["cases"]:
        facts = goldens.direct(shared, file["data"], case)
        assert list(facts.older.gold) == case["gold_nodes"], case["id"]
        for way, (key, ea, step) in keys.items():
            expected, scored = case[key], PROTOCOLS[V1 + way].score(facts, case["chunks"])
            assert scored.outcome == outcome(expected), (case["id"], way)
            if expected.get(ea) is None:
                continue
            wanted = {"ea": expected[ea], "f1": expected["f1"], "step_sr": expected[step]}
            assert scored.metrics == wanted, (case["id"], way)
            assert scored.node == case["expected"]["node"], case["id"]
            assert list(scored.answer or ()) == case["expected"]["answer"], case["id"]


@pytest.mark.parametrize("way", ["", "-intent", "-subtree", "-mcq"])
def test_means_of_the_older_direct_evaluation(shared: Path, way: str) -> None:
    """Means over the rows of all files, and the counts of tasks."""
    file = goldens.golden(shared, OLDER)
    assert len(file["aggregates"]) == 4
    protocol, compared = PROTOCOLS[V1 + way], set()
    for aggregate in file["aggregates"]:
        found = []
        for number, tasks in enumerate(aggregate["files"]):
            scored = [
                [
                    protocol.score(goldens.direct(shared, file["data"], step), step["chunks"])
                    for step in task
                ]
                for task in tasks
            ]
            found += rows(scored, str(number))
        means = protocol.aggregate(found)
        expected = aggregate["expected"]["use_intent" if way == "-intent" else "plain"]
        shown = {name: value for name, value in expected.items() if name in means}
        compared |= set(shown)
        assert goldens.equal(means, shown), aggregate["id"]
    assert len(compared) == (5 if way == "-mcq" else 4)


def test_choices(shared: Path) -> None:
    """What is shown in each round, the final choice, its operation and the three metrics of each
    case.
    """
    file = goldens.golden(shared, "mind2web_multichoice")
    assert len(file["cases"]) == 61
    for case in file["cases"]:
        facts = goldens.choices(shared, file["data"], case, random.Random(case["seed"]))
        protocol, expected = VARIANTS[case["variant"]], case["expected"]
        check_rounds(protocol, facts, case)
        scored = protocol.score(facts, goldens.one_a_row(case["rounds"]))
        assert scored.outcome == outcome(expected), case["id"]
        if "element_acc" in expected:
            wanted = {name: expected[name] for name in multichoice.METRICS}
            assert scored.metrics == wanted, case["id"]
        if "gold_operation" in expected:
            assert multichoice.gold_operation(facts) == expected["gold_operation"], case["id"]
        if "final_element" in expected:
            outputs = [played["answer"] for played in case["rounds"]]
            final = multichoice.play(facts, outputs, protocol.pick).final
            assert final is not None
            assert final[:2] == (expected["final_element"], expected["predicted_operation"])
            for kept in (True, False):
                f1 = set_f1(final[1], expected["gold_operation"], punctuation=kept)
                name = f"operation_f1_{'keep' if kept else 'drop'}_punctuation"
                assert f1 == expected[name], case["id"]


def check_rounds(
    protocol: multichoice.MultiChoice, facts: mind2web_multichoice.Facts, case: Any
) -> None:
    """That the choices of each round are those that the reference showed."""
    for number, played in enumerate(case["rounds"]):
        outputs = [one["answer"] for one in case["rounds"][:number]]
        shown = protocol.next_round(facts, outputs)
        assert [one.id for one in shown or ()] == played["choices"], (case["id"], number)


def test_means_of_choices(shared: Path) -> None:
    """Micro and macro means, shares of tasks by failed steps, and the means of websites."""
    file = goldens.golden(shared, "mind2web_multichoice")
    assert len(file["aggregates"]) == 7
    for aggregate in file["aggregates"]:
        protocol, found = VARIANTS[aggregate["variant"]], []
        for number, step in enumerate(aggregate["steps"]):
            shown = {node for played in step["rounds"] for node in played["choices"]}
            positives = {one["backend_node_id"] for one in step["positives"]}
            step = {**step, "negatives_in_top_k": sorted(shown - positives)}
            facts = in_order(goldens.choices(shared, file["data"], step, random.Random(0)), step)
            check_rounds(protocol, facts, step)
            scored = protocol.score(facts, goldens.one_a_row(step["rounds"]))
            wanted = {name: step["expected"][name] for name in multichoice.METRICS}
            assert scored.metrics == wanted, (aggregate["id"], number)
            found.append(Row(step["task"], step["website"], "0", number, scored))
        expected = dict(aggregate["expected"])
        for key, share in expected.pop("error_ratio").items():
            expected[f"error_ratio.{key}"] = share
        for website, figures in expected.pop("acc_per_website").items():
            expected[f"acc_per_website.{website}"] = figures["mean_of_task_step_acc"]
            expected[f"acc_per_website_tasks.{website}"] = figures["tasks"]
        means = protocol.aggregate(found)
        assert set(means) == {*expected, "reference_stops"}, aggregate["id"]
        assert goldens.equal(means, expected), aggregate["id"]


def in_order(facts: mind2web_multichoice.Facts, step: Any) -> mind2web_multichoice.Facts:
    """The facts with their candidates in an order that gives the rounds that were shown: the
    shuffle of an aggregate went on from step to step, and is not recorded.
    """
    order = dict.fromkeys(node for played in step["rounds"] for node in played["choices"])
    by_id = {one.id: one for one in facts.candidates}
    candidates = tuple(by_id[node] for node in order)
    return facts if len(candidates) < len(by_id) else replaced(facts, candidates)


def replaced(
    facts: mind2web_multichoice.Facts, candidates: tuple[mind2web_multichoice.Candidate, ...]
) -> mind2web_multichoice.Facts:
    return mind2web_multichoice.Facts(
        facts.op, facts.value, facts.positives, candidates, facts.lost
    )


def test_turns(shared: Path) -> None:
    """Scores, arguments, intents and boxes of each WebLINX case; rounded scores."""
    file = goldens.golden(shared, "weblinx_metrics")
    assert len(file["cases"]) == 81
    protocol = PROTOCOLS["weblinx/turn"]
    for case in file["cases"]:
        facts, expected = goldens.turn(file, case), case["expected"]
        scored = protocol.score(facts, [[case["prediction"]]])
        assert scored.outcome == outcome(expected), case["id"]
        if "scores" not in expected:
            continue
        assert scored.metrics == expected["scores"], case["id"]
        in_two = {k.replace("-", "_"): v for k, v in weblinx.rounded(scored).items()}
        assert in_two == expected["scores_rounded"], case["id"]
        call = read_call(case["prediction"])
        assert (call.intent, call.arguments) == (expected["pred_intent"], expected["pred_args"])
        uid = weblinx.element_of(facts, call)
        box = None if uid is None else list(facts.boxes[uid][:4])
        assert box == expected["pred_box"], case["id"]
        assert facts.intent == expected["ref_intent"], case["id"]
        recorded = None if facts.uid is None else list(facts.boxes[facts.uid][:4])
        assert recorded == expected["ref_box"], case["id"]


def test_means_of_turns(shared: Path) -> None:
    """The records by intent, overall and of the two groups, conditional and not."""
    file = goldens.golden(shared, "weblinx_metrics")
    assert len(file["aggregates"]) == 10
    protocol = PROTOCOLS["weblinx/turn"]
    for aggregate in file["aggregates"]:
        found = [
            Row("t", "w", "0", at, protocol.score(goldens.turn(file, case), [[case["prediction"]]]))
            for at, case in enumerate(aggregate["turns"])
        ]
        means = protocol.aggregate(found)
        if "aggregation" in aggregate["expected"]:
            assert aggregate["expected"]["aggregation"] == "reference raises KeyError"
            assert (means["reference_stops"], means["scored_turns"]) == (1, 1)
            continue
        assert means["reference_stops"] == 0
        expected = {"scored_turns": aggregate["expected"]["scored_turns"]}
        for record in aggregate["expected"]["records"]:
            name = f"{record['intent']}.{record['metric']}"
            expected[name] = record["score"]
            expected[f"{name}.unconditional"] = record["unconditional_score"]
        assert set(means) == {*expected, "reference_stops"}, aggregate["id"]
        assert goldens.equal(means, expected), aggregate["id"]


def test_tasks(shared: Path) -> None:
    """Answers, addresses and their product of each WebArena case."""
    file = goldens.golden(shared, "webarena_string_url")
    assert len(file["cases"]) == 107
    for case in file["cases"]:
        check_task(shared, file, case)


def check_task(shared: Path, file: Any, case: Any) -> Scored:
    """That the three protocols give what the reference gave; the score of the product."""
    facts = goldens.task(shared, file, case)
    output = webarena.output(case["answer"] or "", case["url"])
    for name, metric in (("string", "string"), ("url", "url"), ("offline", "product")):
        scored = PROTOCOLS[f"webarena/{name}"].score(facts, [[output]])
        expected = case["expected"].get(metric)
        if expected is None:
            assert scored.outcome in {"not_applicable", "needs_page"}, case
        elif isinstance(expected, str):
            wanted = expected.replace("raises ", STOPS)
            assert scored.outcome == wanted, case
        else:
            assert scored.metrics == {metric: expected}, case
    return scored


def test_means_of_tasks(shared: Path) -> None:
    """Sums and means over what is decided, and with what needs a language model as 0."""
    file = goldens.golden(shared, "webarena_string_url")
    assert len(file["aggregates"]) == 3
    for aggregate in file["aggregates"]:
        found = [
            Row(str(at), "w", "0", 0, check_task(shared, file, case))
            for at, case in enumerate(aggregate["tasks"])
        ]
        means = PROTOCOLS["webarena/offline"].aggregate(found)
        assert goldens.equal(means, aggregate["expected"]), aggregate["id"]
