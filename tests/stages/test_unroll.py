"""Unroll: one sample for each step, its history and its numbers."""

from __future__ import annotations

from etl.stages.filter import FAILED_ACTION
from etl.stages.unroll import Unroll
from etl.tally import Entry, Tally
from schemas.draft import Draft
from schemas.samples import Sample
from tests.support.strategies import draft, step
from tokenization.prompt import step_text


def run(row: Draft, stage: Unroll | None = None) -> tuple[list[Sample], list[Entry]]:
    """The samples, and the ledger."""
    tally = Tally("unroll")
    return list((stage or Unroll())(iter([row]), tally)), tally.entries


def pruned_trail() -> Draft:
    """Four steps as the prune stage leaves them.

    The second is not trained on, the third has no element.
    """
    row = draft(
        step("<a>1</a>", number=0), step("<a>2</a>", number=1), step("<a>3</a>", kind="scroll",
        number=2),
        step("<a>4</a>", kind="type", value="two", number=3), website="shop", topic="Shopping",
        source="scribe",
    )  # fmt: skip
    for step_draft in row.steps:
        step_draft.node, step_draft.element = step_draft.number * 10, 0
        step_draft.start_tag, step_draft.observation = (
            f'<a node="{step_draft.node}">',
            f"page {step_draft.number} ",
        )
        step_draft.description = f"Do {step_draft.number}"
    row.steps[1].drop("filter", FAILED_ACTION, "timeout")
    row.steps[2].node, row.steps[2].start_tag = -1, ""
    row.steps[2].drop("locate", "no_element", "scroll")
    return row


def test_samples_and_their_numbers() -> None:
    """Each step that is trained on is a sample; numbers count all recorded steps."""
    samples, _ = run(pruned_trail())
    assert [(s.sample_id, s.step, s.observation) for s in samples] == [
        ("scribe:w1/1", 1, "page 1 "),
        ("scribe:w1/4", 4, "page 4 "),
    ]


def test_numbers_after_filtered_steps() -> None:
    """Steps keep their numbers and domains after the filter removed one."""
    row = pruned_trail()
    row.domains[3] = ("other.example", "www.other.example", "url")
    del row.steps[1]
    samples, _ = run(row)
    assert [s.step for s in samples] == [1, 4]
    assert [s.domain for s in samples] == ["shop.example", "other.example"]
    assert [text.split(".")[0] for text in samples[-1].history] == ["1", "3"]


def test_history_holds_every_step_before() -> None:
    """Steps that are not trained on are in the history.

    Those without an element have no Node and Target lines.
    """
    samples, _ = run(pruned_trail())
    assert samples[0].history == ()
    assert samples[1].history == (
        step_text(1, "Do 1", "click", "10", '<a node="10">'),
        step_text(2, "Do 2", "click", "20", '<a node="20">'),
        step_text(3, "Do 3", "scroll", "", ""),
    )
    assert "Node" not in samples[1].history[2]


def test_max_history() -> None:
    """The history keeps the latest steps."""
    samples, _ = run(pruned_trail(), Unroll(max_history=2))
    assert [text.split(".")[0] for text in samples[1].history] == ["2", "3"]


def test_ledger() -> None:
    """Samples are entered as read; other steps are dropped under the stage that decided."""
    _, entries = run(pruned_trail())
    assert [(e.unit, e.id, e.stage, e.reason, e.detail) for e in entries] == [
        ("sample", "scribe:w1/1", "read", "", ""),
        ("step", "scribe:w1/2", "filter", FAILED_ACTION, "timeout"),
        ("step", "scribe:w1/3", "locate", "no_element", "scroll"),
        ("sample", "scribe:w1/4", "read", "", ""),
    ]


def test_no_samples() -> None:
    """A workflow without a step that is trained on is dropped, its steps for their own reasons."""
    row = pruned_trail()
    for step_draft in row.steps:
        step_draft.drop("filter", FAILED_ACTION)
    samples, entries = run(row)
    assert samples == []
    assert [(e.unit, e.reason) for e in entries] == [
        ("step", FAILED_ACTION),
        ("step", FAILED_ACTION),
        ("step", "no_element"),
        ("step", FAILED_ACTION),
        ("workflow", "no_samples"),
    ]


def test_fields() -> None:
    """Facts of the recording and of the stages are in the sample's own columns."""
    row = pruned_trail()
    row.language_score = 0.75
    sample = run(row)[0][1]
    assert (sample.workflow, sample.source, sample.objective) == (
        "scribe:w1",
        "scribe",
        row.objective,
    )
    assert (sample.website, sample.topic, sample.url) == (
        "shop",
        "Shopping",
        "https://www.shop.example/",
    )
    assert (sample.domain, sample.subdomain, sample.domain_from) == (
        "shop.example",
        "www.shop.example",
        "url",
    )
    assert (sample.action_kind, sample.action_value, sample.description) == ("type", "two", "Do 4")
    assert (sample.node, sample.target_html, sample.raw_chars) == (40, '<a node="40">', 8)
    assert (sample.language_score, sample.workflow_hash) == (0.75, "hash")
