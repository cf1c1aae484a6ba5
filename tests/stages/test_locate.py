"""Locate: each kind of locator, and each way in which a target is not found."""

from __future__ import annotations

import pytest

from etl.stages.filter import FAILED_ACTION
from etl.stages.locate import Locate
from etl.tally import Entry, Tally
from schemas.draft import Draft, StepDraft
from schemas.workflow import Locator
from tests.support.strategies import draft, step

PAGE = """<html><body><h1>Shop</h1><iframe><div class="row" bid="7"><a
href="/mugs" title='All "mugs"'>Mugs</a></div>
</iframe><div class="row"><button>Buy</button><button>Sell</button></div></body></html>"""
# html 8, body 7, h1 6, iframe 5, div 4, a 3, div 2, button 1, button 0


def run(row: Draft, stage: Locate | None = None) -> tuple[list[Draft], list[Entry]]:
    """The workflows that come out, and the drops."""
    tally = Tally("locate")
    return list((stage or Locate())(iter([row]), tally)), tally.entries


def located(
    *target: Locator, html: str = PAGE, kind: str = "click", stage: Locate | None = None
) -> StepDraft:
    """The one step of a workflow, after the stage."""
    (out,), drops = run(draft(step(html, *target, kind=kind)), stage)
    assert drops == []
    return out.steps[0]


@pytest.mark.parametrize(
    "locator",
    [
        Locator("css", "iframe a"),
        Locator("css", "[bid='7'] > a"),
        Locator("xpath", "/html/body/iframe/div/a"),
        Locator("xpath", "//a[text()='Mugs']"),
        Locator("attribute", "/mugs", "href"),
        Locator("attribute", 'All "mugs"', "title"),
        Locator("node", "3"),
        Locator("markup", '<a title="All &quot;mugs&quot;" href="/mugs">'),
    ],
    ids=lambda locator: f"{locator.kind}-{locator.value}",
)
def test_every_kind_of_locator(locator: Locator) -> None:
    """Each kind of locator finds the one link inside the inlined frame: element 5 of 9, node 3."""
    step_draft = located(locator)
    assert (step_draft.reason, step_draft.element, step_draft.node) == ("", 5, 3)


@pytest.mark.parametrize(
    ("locator", "reason", "detail"),
    [
        (Locator("css", "button"), "target_ambiguous", "css 'button' matches 2 elements"),
        (Locator("xpath", "//div"), "target_ambiguous", "xpath '//div' matches 2 elements"),
        (
            Locator("attribute", "row", "class"),
            "target_ambiguous",
            "attribute class='row' matches 2 elements",
        ),
        (Locator("markup", "<button>"), "target_ambiguous", "markup '<button>' matches 2 elements"),
        (Locator("css", "nav"), "target_absent", "css 'nav' matches none of 9 elements"),
        (Locator("xpath", "//nav"), "target_absent", "xpath '//nav' matches none of 9 elements"),
        (
            Locator("attribute", "8", "bid"),
            "target_absent",
            "attribute bid='8' matches none of 9 elements",
        ),
        (Locator("node", "9"), "target_absent", "node '9' matches none of 9 elements"),
        (Locator("node", "-1"), "target_absent", "node '-1' matches none of 9 elements"),
        (Locator("css", "a[["), "invalid_css", "'a[['"),
        (
            Locator("css", "internal:role=link[name=/Mugs/]"),
            "unsupported_locator",
            "'link[name=/Mugs/]': a regular expression",
        ),
        (
            Locator("css", "a:hover"),
            "unsupported_locator",
            "'a:hover': :hover depends on more than the recorded page",
        ),
        (Locator("xpath", "//a["), "invalid_xpath", "'//a['"),
        (Locator("xpath", "count(//a)"), "invalid_xpath", "'count(//a)'"),
        (Locator("node", "three"), "invalid_node", "'three' is not a number"),
        (Locator("markup", "the link"), "invalid_markup", "'the link' is not a start tag"),
    ],
)
def test_targets_that_are_not_found(locator: Locator, reason: str, detail: str) -> None:
    """Nothing is guessed: the step stays, with the exact reason and what was looked for."""
    step_draft = located(locator)
    assert (step_draft.stage, step_draft.reason, step_draft.element, step_draft.node) == (
        "locate",
        reason,
        -1,
        -1,
    )
    assert step_draft.detail.startswith(detail)


def test_first_unequivocal_locator_counts() -> None:
    """Locators are tried in order, past those that are invalid, absent or ambiguous."""
    good = Locator("attribute", "/mugs", "href")
    for bad in (Locator("css", "a[["), Locator("css", "nav"), Locator("css", "button")):
        assert located(bad, good).element == 5
    assert located(good, Locator("css", "h1")).element == 5


def test_reason_of_several_failures() -> None:
    """The most telling of several failures counts: ambiguous before absent before invalid."""
    ambiguous, absent, invalid = (
        Locator("css", "button"),
        Locator("css", "nav"),
        Locator("css", "a[["),
    )
    assert located(invalid, absent, ambiguous).reason == "target_ambiguous"
    assert located(invalid, absent).reason == "target_absent"
    assert located(invalid, Locator("node", "x")).reason == "invalid_css"


def test_selector_matching_500_elements() -> None:
    """A selector of 500 elements is ambiguous, not its first element."""
    step_draft = located(Locator("css", "li"), html="<ul>" + "<li>x</li>" * 500 + "</ul>")
    assert (step_draft.reason, step_draft.detail) == (
        "target_ambiguous",
        "css 'li' matches 500 elements",
    )


@pytest.mark.parametrize("html", [" ", "just text", "<!-- a comment -->", "</p>", "\0", "<"])
def test_empty_pages(html: str) -> None:
    """A page without an element is empty_page for any locator."""
    step_draft = located(Locator("css", "a[["), html=html)
    assert (step_draft.reason, step_draft.detail) == (
        "empty_page",
        f"{len(html)} characters without an element",
    )


def test_missing_page() -> None:
    """A target without a page is missing_dom."""
    assert located(Locator("css", "a"), html="").reason == "missing_dom"


def test_actions_without_element() -> None:
    """A page action has no element; a click must have one."""
    scroll, click = located(kind="scroll"), located(kind="click")
    assert (scroll.reason, scroll.detail) == ("no_element", "scroll")
    assert (click.reason, click.detail) == ("target_unknown", "a click without any locator")


def test_train_without_element() -> None:
    """The switch trains on page actions that have a page.

    Clicks without locator are still not trained on.
    """
    stage = Locate(train_without_element=True)
    assert located(kind="scroll", stage=stage).reason == ""
    assert located(kind="scroll", html="text", stage=stage).reason == "empty_page"
    assert located(kind="click", stage=stage).reason == "target_unknown"


def test_failed_action_that_is_not_found_says_so() -> None:
    """The target's reason replaces the filter's; a found target leaves it."""
    for selector, reason in (("nav", "target_absent"), ("h1", "failed_action")):
        row = draft(step(PAGE, Locator("css", selector)))
        row.steps[0].drop("filter", FAILED_ACTION, "timeout")
        (out,), _ = run(row)
        assert out.steps[0].reason == reason


def test_drop_workflow() -> None:
    """Under the reference's rule one lost target drops its workflow with all its steps.

    A page action does not.
    """
    lost = draft(
        step(PAGE, Locator("css", "h1")),
        step(PAGE, Locator("css", "nav"), number=1),
        step(PAGE, kind="scroll"),
    )
    out, drops = run(lost, Locate(drop_workflow=True))
    assert out == []
    assert [(drop.unit, drop.reason) for drop in drops] == [
        ("workflow", "unlocated_target"),
        *[("step", "unlocated_target")] * 3,
    ]
    assert drops[0].detail == "step 2: target_absent: css 'nav' matches none of 9 elements"
    out, drops = run(
        draft(step(PAGE, Locator("css", "h1")), step(PAGE, kind="scroll")),
        Locate(drop_workflow=True),
    )
    assert (len(out), drops) == (1, [])
    (kept,), _ = run(lost)
    assert [step_draft.reason for step_draft in kept.steps] == ["", "target_absent", "no_element"]
