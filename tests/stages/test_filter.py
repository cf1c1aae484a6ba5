"""Filter: one small workflow for each rule, its exact reason, and its switch turned off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etl.stages.filter import Filter, non_ascii_share
from etl.stages.language import english
from etl.tally import Entry, Tally
from schemas.draft import Draft
from tests.support.strategies import draft, step


def run(row: Draft, stage: Filter | None = None) -> tuple[list[Draft], list[Entry]]:
    """The workflows that come out, and the drops."""
    tally = Tally("filter")
    return list((stage or Filter())(iter([row]), tally)), tally.entries


WORKFLOW_RULES = {
    "section_or_stack": (
        draft(step(), step(kind="section", number=1)),
        Filter(section_or_stack=False),
        "it has rows of kind section",
    ),
    "no_objective": (draft(step(), objective=" \n "), Filter(no_objective=False), ""),
    "not_english": (
        draft(
            step(),
            objective="Bestelle zwei blaue Tassen im Laden und bezahle sie gleich mit der Karte",
        ),
        Filter(min_english=0),
        "probability of English 0.0000",
    ),
    "non_ascii": (
        draft(step(), objective="Order the mugs: øåæ øåæ øåæ øåæ øåæ øåæ"),
        Filter(max_non_ascii=1),
        "0.60 of the objective's letters are not ASCII",
    ),
    "low_reward": (draft(step(), reward=0.2), Filter(), "reward 0.2"),
    "no_steps_left": (
        draft(step(kind="instruction"), step(kind="instruction", number=1)),
        Filter(instruction=False),
        "no step is left after filtering",
    ),
}


@pytest.mark.parametrize("reason", WORKFLOW_RULES)
def test_rules_for_workflows(reason: str) -> None:
    """A workflow that breaks a rule is dropped whole, with its steps, for exactly that reason."""
    row, _, detail = WORKFLOW_RULES[reason]
    stage = (
        Filter(min_reward=0.5, min_english=0) if reason in ("low_reward", "non_ascii") else Filter()
    )
    steps = len(row.steps)
    out, drops = run(fresh(row), stage)
    assert out == []
    assert {drop.stage for drop in drops} == {"filter"}
    (workflow,) = [drop for drop in drops if drop.unit == "workflow"]
    assert (workflow.id, workflow.reason, workflow.detail) == (row.uid, reason, detail)
    assert len([drop for drop in drops if drop.unit == "step"]) == steps


@pytest.mark.parametrize("reason", WORKFLOW_RULES)
def test_switches_for_workflows(reason: str) -> None:
    """With its switch off, the rule drops nothing."""
    row, off, _ = WORKFLOW_RULES[reason]
    if reason == "non_ascii":
        off = replace(off, min_english=0)
    out, drops = run(fresh(row), off)
    assert len(out) == 1
    assert [drop for drop in drops if drop.reason == reason] == []


def fresh(row: Draft) -> Draft:
    """A copy whose step drafts the stage may change."""
    return replace(row, steps=[replace(step_draft) for step_draft in row.steps])


STEP_RULES = {
    "instruction": (step(kind="instruction", number=1), Filter(instruction=False)),
    "duplicate_step": (step("<p>same</p>"), Filter(duplicate_steps=False)),
}


@pytest.mark.parametrize("reason", STEP_RULES)
def test_rules_for_steps_that_leave_no_trace(reason: str) -> None:
    """Instruction rows and exact duplicates are removed first; other steps keep their numbers."""
    bad, off = STEP_RULES[reason]
    rows = draft(step("<p>same</p>"), bad, step("<p>last</p>", number=2))
    (out,), drops = run(fresh(rows))
    assert [step_draft.number for step_draft in out.steps] == [1, 3]
    assert [(drop.unit, drop.id, drop.reason) for drop in drops] == [
        ("step", f"{rows.uid}/2", reason)
    ]
    (out,), drops = run(fresh(rows), off)
    assert [step_draft.number for step_draft in out.steps] == [1, 2, 3]
    assert drops == []


def test_steps_that_differ_in_their_id_are_no_duplicates() -> None:
    """The same click twice on an unchanged page is two steps.

    Only a row that is equal in every field is a duplicate.
    """
    (out,), drops = run(draft(step(number=0), step(number=1)))
    assert (len(out.steps), drops) == (2, [])


MARK_RULES = {
    "missing_dom": (step(""), Filter(), Filter(missing_dom=False)),
    "failed_action": (
        step(error="timeout: element is covered"),
        Filter(),
        Filter(failed_actions=False),
    ),
    "missing_description": (step(), Filter(missing_description=True), Filter()),
}


@pytest.mark.parametrize("reason", MARK_RULES)
def test_rules_for_steps_that_stay_in_the_history(reason: str) -> None:
    """A step without page or description, or with a failed action, stays with the reason."""
    bad, on, off = MARK_RULES[reason]
    (out,), drops = run(draft(bad, step("<i>x</i>", description="Click x", number=1)), on)
    assert [(step_draft.stage, step_draft.reason) for step_draft in out.steps] == [
        ("filter", reason),
        ("", ""),
    ]
    assert drops == []
    (out,), _ = run(draft(bad), off)
    assert out.steps[0].reason == ""


def test_a_recording_that_holds_no_page_is_told_from_one_that_lacks_some() -> None:
    """Without any page each step is ``no_page``, with its address as the detail."""
    known = step("").with_fields(url="https://shop.example/")
    (out,), _ = run(draft(known, step("", number=1).with_fields(url="")))
    assert [(each.reason, each.detail) for each in out.steps] == [
        ("no_page", "https://shop.example/"),
        ("no_page", "its address is not known"),
    ]
    (out,), _ = run(draft(known), Filter(missing_dom=False))
    assert out.steps[0].reason == ""


def test_failure_is_quoted() -> None:
    """The recorder's error is the detail, cut at 500 characters."""
    (out,), _ = run(draft(step(error="x" * 1000)))
    assert out.steps[0].detail == "x" * 500


def test_unknown_reward_is_not_low() -> None:
    """The reward rule applies to known rewards only, and keeps a reward at the limit."""
    for reward in (None, 0.5, 1.0):
        out, _ = run(draft(step(), reward=reward), Filter(min_reward=0.5))
        assert len(out) == 1


@pytest.mark.parametrize(
    "objective",
    [
        "Buy",
        "Order iPad Pro",
        "create incident INC0010 priority 1",
        "What is the price of HP Inkjet Fax Machine",
        "Book a table for 2 at Zsa Zsa's Café tomorrow",
    ],
)
def test_short_english_stays(objective: str) -> None:
    """Names, codes and a few words of English are not taken for another language."""
    out, drops = run(draft(step(), objective=objective))
    assert (len(out), drops) == (1, [])
    assert out[0].language_score == english(objective) > 0.01


@pytest.mark.parametrize(
    "objective",
    [
        "Trouvez le numéro de téléphone du restaurant le plus proche et réservez une table",
        "Encuentra el teléfono del restaurante más cercano y reserva una mesa para dos",
        "Zoek het telefoonnummer van het dichtstbijzijnde restaurant en reserveer een tafel",
        "Znajdź numer telefonu najbliższej restauracji i zarezerwuj stolik",
    ],
)
def test_other_languages_go(objective: str) -> None:
    """Sentences in other languages of the same alphabet are dropped as such."""
    out, drops = run(draft(step(), objective=objective))
    assert out == []
    assert drops[0].reason == "not_english"


def test_other_alphabets_go() -> None:
    """Objectives in other alphabets are dropped too, by the first of the two rules."""
    _, drops = run(draft(step(), objective="在商店订购两个杯子并付款"))
    assert drops[0].reason in ("not_english", "non_ascii")
    _, drops = run(draft(step(), objective="在商店订购两个杯子并付款"), Filter(min_english=0))
    assert drops[0].reason == "non_ascii"


def test_non_ascii_share_counts_letters_only() -> None:
    """Digits, signs and spaces are no letters; a text without letters has no share."""
    assert non_ascii_share("aé 1→2 ✓") == 0.5
    assert non_ascii_share("12 → 34 ✓") == 0


def test_steps_that_differ_in_their_pages_only_are_told_apart() -> None:
    """Steps that differ only in pages of one length stay; an exact repetition is dropped."""
    pages = ("<p>a</p>", "<p>b</p>", "<p>b</p>", "<p>c</p>", "<p>a</p>", "<p>c</p>")
    (out,), drops = run(draft(*(step(page) for page in pages)))
    assert [step_draft.step.html for step_draft in out.steps] == [
        "<p>a</p>",
        "<p>b</p>",
        "<p>c</p>",
    ]
    assert [drop.reason for drop in drops] == ["duplicate_step"] * 3


def test_steps_behind_a_gap_are_not_trained_on() -> None:
    """Steps after a gap stay in place, with what is missing; the rule can be turned off."""
    known, lost = step(), replace(step(number=3), number=4, gap="steps 2 to 3 are missing")
    for stage, reasons in (
        (Filter(), ["", "history_incomplete"]),
        (Filter(incomplete_history=False), ["", ""]),
    ):
        (out,), drops = run(draft(known, lost), stage)
        assert [step_draft.reason for step_draft in out.steps] == reasons
        assert out.steps[1].detail == ("steps 2 to 3 are missing" if reasons[1] else "")
        assert not drops
