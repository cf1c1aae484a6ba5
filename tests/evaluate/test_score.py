"""The score engine: steps, tables, outcomes, comparisons and files, on small made-up sets."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import math
from collections import Counter
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.evaluate.files import EvalSet
from etl.evaluate.protocols.outcomes import MISSING
from etl.evaluate.scores.score import Answers, Result, score
from etl.evaluate.scores.steps import steps
from etl.evaluate.scores.tables import ALL, TABLES, length_class
from etl.look.scores import page, rows, text, wrong
from tests.evaluate.small import Plain, right, small


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    """A set of 30 workflows."""
    return small(tmp_path_factory.mktemp("eval") / "set", workflows=30)


def scored(made: EvalSet, answers: Answers, others: Answers | None = None) -> Result:
    return score(steps(made), Plain(), orjson.loads, answers, others)


def printed(result: Result) -> dict[str, Any]:
    """Its JSON, as the command prints it."""
    found = {"evaluation": "set", **result.as_json()}
    found["predictions"] = {"files": ["answers.jsonl"]}
    if "against" in found:
        found["against"]["predictions"] = {"files": ["others.jsonl"]}
    return found


def test_a_step_with_several_chunks_counts_once(made: EvalSet) -> None:
    """There is a row of scores for each step, though prompts are more; a step that nobody is asked
    about counts in every mean.
    """
    ids = [row["step_id"] for row in made.rows(("step_id",))]
    result = scored(made, right(made))
    found = result.as_json()
    assert [step.id for step in result.steps] == list(dict.fromkeys(ids))
    assert found["steps"] == len({*ids}) < len(ids)
    assert found["tables"][ALL][0]["metrics"]["right"]["n"] == found["steps"]
    assert found["prompts"] == len(right(made))
    assert any(not step.prompts for step in result.steps)


def test_perfect_answers_score_one(made: EvalSet) -> None:
    """Of the steps that are asked, all are right, in every table and metric."""
    asked = [step for step in steps(made) if step.prompts]
    found = score(asked, Plain(), orjson.loads, right(made)).as_json()
    for table in found["tables"].values():
        for row in table:
            for of in row["metrics"].values():
                assert of["mean"] in (1.0, None)
                assert of["low"] in (1.0, None)
                assert of["high"] in (1.0, None)
    assert found["outcomes"] == {"scored": len(asked)}


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(0, 2))
def test_the_rows_of_each_table_share_out_the_steps(made: EvalSet, chance: Any, seed: int) -> None:
    """Whatever is answered: in each table steps and numbers add up to those of all, and the sum of
    means times numbers is that of all; outcomes add up too.
    """
    answers = {
        id: chance.choice([outputs, ("3",), ("what",), (None,)])
        for id, outputs in right(made).items()
        if chance.random() < 0.8
    }
    found = score(steps(made), Plain(), orjson.loads, answers, None, seed).as_json()
    (whole,) = found["tables"][ALL]
    assert sum(found["outcomes"].values()) == found["steps"] == whole["steps"]
    assert set(found["tables"]) == {ALL, *TABLES}
    for name in TABLES:
        table = found["tables"][name]
        assert sum(row["steps"] for row in table) == whole["steps"]
        for metric, of in whole["metrics"].items():
            parts = [row["metrics"][metric] for row in table]
            assert sum(each["n"] for each in parts) == of["n"]
            total = math.fsum(each["mean"] * each["n"] for each in parts if each["n"])
            assert total == pytest.approx(of["mean"] * of["n"], abs=1e-9)
            for each in parts:
                if each["low"] is not None:
                    assert each["low"] <= each["high"]


def test_the_same_score_has_the_same_bytes(made: EvalSet) -> None:
    """Twice the same arguments give the same JSON; another seed moves intervals and no mean."""
    one, two = (json.dumps(scored(made, right(made)).as_json()) for _ in range(2))
    assert one == two
    other = score(steps(made), Plain(), orjson.loads, right(made), None, 1).as_json()
    (mine,), (others,) = (found["tables"][ALL] for found in (json.loads(one), other))
    assert mine["metrics"]["right"]["mean"] == others["metrics"]["right"]["mean"]
    assert mine["metrics"]["right"]["low"] != others["metrics"]["right"]["low"]


def test_missing_and_failed_answers_count_as_wrong(made: EvalSet) -> None:
    """A prompt without prediction and one whose call failed are counted apart; a step without any
    prediction has an outcome of its own, one with some is scored by these.
    """
    answers: dict[str, tuple[str | None, ...]] = dict(right(made))
    several = next(step for step in steps(made) if len(step.prompts) > 1)
    single = next(step for step in steps(made) if len(step.prompts) == 1)
    last = [step for step in steps(made) if len(step.prompts) == 1][-1]
    del answers[several.prompts[0]], answers[single.prompts[0]]
    answers[last.prompts[0]] = (None, None)
    result = scored(made, answers)
    found = result.as_json()
    assert (found["missing"], found["failed_calls"]) == (2, 1)
    assert sorted(found["missing_ids"]) == sorted([several.prompts[0], single.prompts[0]])
    assert found["outcomes"][MISSING] == 1
    assert found["meanings"][MISSING].endswith("it counts as a wrong answer.")
    of_step = {
        step.id: each for step, each in zip(result.steps, result.scoring.scored, strict=True)
    }
    assert of_step[several.id].metrics["right"] == 1
    assert of_step[single.id].metrics["right"] == of_step[last.id].metrics["right"] == 0
    assert "2 prompts without a prediction, which count as wrong answers where" in text.text(
        printed(result)
    )


def test_the_strict_figure_stands_beside_a_protocol_with_defects(made: EvalSet) -> None:
    """It is a metric more, and the defects are said; a protocol without them has neither."""
    result = scored(made, right(made))
    assert [*result.figures] == ["right", "near", "strict"]
    assert "Kinds are never compared." in text.text(printed(result))

    class Sound(Plain):
        defects = ()

    assert [*score(steps(made), Sound(), orjson.loads, {}).figures] == ["right", "near"]


def test_a_comparison_is_that_of_the_means(made: EvalSet) -> None:
    """The difference of a metric is that of its means; predictions are no better than
    themselves; the other way round signs turn and p stays.
    """
    answers: dict[str, tuple[str | None, ...]] = dict(right(made))
    worse: dict[str, tuple[str | None, ...]] = {
        id: ("3",) if at % 3 else outputs for at, (id, outputs) in enumerate(answers.items())
    }
    there = scored(made, answers, worse).as_json()["against"]["differences"]
    back = scored(made, worse, answers).as_json()["against"]["differences"]
    for one, two in zip(there, back, strict=True):
        assert one["difference"] == pytest.approx(one["this"] - one["other"], abs=1e-12)
        assert (one["difference"], one["better"], one["p"]) == (
            -two["difference"],
            two["worse"],
            two["p"],
        )
        assert one["low"] > 0
    same = scored(made, answers, answers).as_json()["against"]["differences"]
    assert {(row["difference"], row["low"], row["high"], row["p"]) for row in same} == {
        (0.0, 0.0, 0.0, 1.0)
    }


def test_the_csv_has_a_row_a_step(made: EvalSet) -> None:
    """Labels, outcome, what was chosen and all metrics; what does not apply is empty."""
    result = scored(made, right(made))
    read = [*csv.DictReader(io.StringIO(b"".join(rows.csv_of(result)).decode()))]
    assert [row["step_id"] for row in read] == [step.id for step in result.steps]
    assert sum(float(row["right"]) for row in read) == sum(result.figures["right"])
    assert Counter(row["outcome"] for row in read) == result.scoring.outcomes
    nearness = [each.metrics["near"] for each in result.scoring.scored]
    assert [float(row["near"]) if row["near"] else None for row in read] == nearness
    asked = [row for row in read if row["prompts"] != "0"]
    assert all(row["node"] and row["strict"] == "1" for row in asked)


def test_what_is_not_known_has_a_row_of_its_own(made: EvalSet) -> None:
    """Steps without domain, page or context, as tasks of WebArena are, are counted as unknown."""
    bare = [replace(step, domain="", page_tokens=0, context=0) for step in steps(made)]
    some = [*bare[:9], *[*steps(made)][9:]]
    found = score(some, Plain(), orjson.loads, right(made)).as_json()["tables"]
    for name in ("domain", "page_length", "context"):
        unknown = [row["steps"] for row in found[name] if row["value"] == "unknown"]
        assert unknown[0] >= 9
    assert [row["value"] for row in found["context"]] == ["unknown", "8,192", "32,768"]


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_classes_of_page_length_do_not_overlap(one: int, two: int) -> None:
    """Each class is a range; a longer page is in no lower one; the words say which."""
    low, high = sorted((one, two))
    if length_class(low) == length_class(high):
        assert length_class((low + high) // 2) == length_class(low)
    if length_class(low).endswith("or more"):
        assert length_class(high) == length_class(low)
    words = [int(word.replace(",", "")) for word in length_class(low).split() if word[0].isdigit()]
    if len(words) == 2:
        assert words[0] <= low <= words[1]


def test_wrong_answers_are_shown_with_target_and_answer(made: EvalSet) -> None:
    """Of the steps answered wrongly so many are drawn; each has the page with its target outlined,
    the page with the answered element, and both texts.
    """
    answers = dict(right(made))
    answers = {id: (str(int(outputs[0] or 0) + 9),) for id, outputs in answers.items()}
    result = scored(made, answers)
    asked = sum(bool(step.prompts) for step in result.steps)
    drawn = wrong.drawn(result, made, 7)
    assert (drawn.wrong, drawn.drawn, len(drawn.steps)) == (len(result.steps), 7, 7)
    shown = [unpacked(step["data"]) for step in wrong.drawn(result, made, 1000).steps]
    told = [each for each in shown if "document" in each["before"]]
    assert len(told) == asked
    for each in told:
        for place, tag in (("before", "<button node="), ("after", "<html node=")):
            start, end = each[place]["mark"]
            assert each[place]["source"][start:end].startswith(tag)
            assert each[place]["document"].count('data-stepmill-target=""') == 1
        assert each["tokens"][1].startswith("1.\nDescription: go")
        assert int(each["tokens"][3]) >= 9
    unasked = next(each for each in shown if "document" not in each["before"])
    assert unasked["before"]["missing"] == "No prompt of this step holds the target."


def unpacked(data: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(data)))


def test_the_report_escapes_what_is_recorded(made: EvalSet) -> None:
    """The page has the tables, and nothing of an objective that would be markup."""
    pytest.importorskip("jinja2")
    answers = dict.fromkeys(right(made), ("</script><script>alert(2)</script>",))
    result = scored(made, answers, right(made))
    html = page.render(printed(result), wrong.drawn(result, made, 5))
    assert html.count("<script") == 2
    assert "alert(" not in html
    assert "By kind of action" in html
    assert "others.jsonl" in html
