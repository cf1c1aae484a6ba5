"""Lint: each contradiction is found where it is, and what is merely odd is not; drops and mends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.recipes.recipe import load
from etl.stages.lint.codes import CODES
from etl.stages.lint.stage import Lint, findings
from etl.stages.locate import Locate
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.findings import Finding
from schemas.workflow import Action, Locator, Step
from tests.support.strategies import draft, soups

SHOP = "https://www.shop.example/"


def page(city: str = "", *, extra: str = "", city_more: str = "", go_more: str = "") -> str:
    """A form with a field, a link and a button."""
    return (
        '<html><body><form><label for="city">City</label>'
        f'<input id="city" name="city" value="{city}" {city_more}>'
        f'<button id="go" {go_more}>Show the mugs</button></form>'
        f'<a id="help" href="/help">Help and advice</a>{extra}</body></html>'
    )


def does(
    kind: str, css: str, html: str, value: str = "", url: str = SHOP, description: str = ""
) -> Step:
    """A step on an element."""
    target = (Locator("css", css),) if css else ()
    return Step(f"{kind} {css}", url, html, Action(kind, value, description), target)


RESULT = '<html><body><ul><li><button id="buy">Order the mug</button></li></ul></body></html>'
DONE = '<html><body><p>Thank you</p><a id="home" href="/">Back to the start</a></body></html>'
GOOD = (
    does("type", "#city", page(), "Boston", description='Type "Boston" in the City field'),
    does("click", "#go", page("Boston"), description='Click "Show the mugs"'),
    does("click", "#buy", RESULT, url=f"{SHOP}mugs", description='Click "Order the mug"'),
    does("click", "#home", DONE, url=f"{SHOP}done", description='Click "Back to the start"'),
)
"""A recording that is as it should be."""


def but(at: int, **fields: object) -> tuple[Step, ...]:
    """`GOOD` with one step otherwise."""
    return (*GOOD[:at], replace(GOOD[at], **fields), *GOOD[at + 1 :])  # type: ignore[arg-type]


def acting(at: int, **fields: object) -> tuple[Step, ...]:
    """`GOOD` with one action otherwise."""
    return but(at, action=replace(GOOD[at].action, **fields))  # type: ignore[arg-type]


def located(*steps: Step) -> Draft:
    """A workflow as the stage gets it."""
    (out,) = Locate()(iter((draft(*steps),)), Tally())
    return out


def found(*steps: Step) -> list[tuple[int, str]]:
    """Number of the step, and code."""
    return [(each.step, each.code) for each in findings(located(*steps))]


def marked(mark: str) -> tuple[Step, ...]:
    """`GOOD` with a mark on each target."""
    names = ("city", "go", "buy", "home")
    return tuple(
        replace(step, html=step.html.replace(f'id="{name}"', f'id="{name}" {mark}'))
        for name, step in zip(names, GOOD, strict=True)
    )


OFF = tuple(
    replace(step, html=after.html) for step, after in zip(GOOD, (*GOOD[1:], GOOD[3]), strict=True)
)
"""Each step has the page of the next one."""


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        (but(1, target=(Locator("css", "#gone"),)), [(2, "absent_target")]),
        (but(1, target=(Locator("attribute", "77", "bid"),)), [(2, "dangling_id")]),
        (but(1, html=page("Boston", go_more='style="color:red; display:none"')),
         [(2, "hidden_target")]),
        (but(1, html=page("Boston").replace("<form>", "<form hidden>")), [(2, "hidden_target")]),
        (but(1, html=page("Boston", go_more="disabled")), [(2, "disabled_target")]),
        (but(1, html=page("Boston").replace("<form>", "<form><fieldset disabled>")),
         [(2, "disabled_target")]),
        (acting(0, value="Berlin", description="Fill in the field"), [(1, "lost_text")]),
        (but(1, url="https://elsewhere.example/"), [(2, "url_jump")]),
        (but(2, url=""), [(3, "empty_url")]),
        (but(2, html="<html><head></head><body></body></html>"), [(3, "blank_page")]),
        (but(2, html=""), [(3, "blank_page")]),
        ((*GOOD[:3], GOOD[2], GOOD[3]), [(4, "repeated_step")]),
        ((GOOD[1], GOOD[0], does("click", "#go", page("Boston")), *GOOD[2:]),
         [(1, "out_of_order")]),
        (but(2, html=page("Boston")), [(3, "off_by_one")]),
        (OFF, [(2, "off_by_one"), (3, "off_by_one")]),
        (acting(1, description='Click "Order the mug"'), [(2, "other_description")]),
        (acting(1, description="Type the name of a city"), [(2, "wrong_verb")]),
        (marked('data-zq="1"'), [(number, "leaked_label") for number in (1, 2, 3, 4)]),
        (marked('class="zq"'), [(number, "leaked_label") for number in (1, 2, 3, 4)]),
        (but(1, html=page("Boston", go_more="data-recorder-hit")), [(2, "leaked_label")]),
        (but(1, html=page("Boston", go_more="data_pw_testid_buckeye")), [(2, "known_marker")]),
    ],
)  # fmt: skip
def test_a_contradiction_is_found_at_its_step(
    steps: tuple[Step, ...], wanted: list[tuple[int, str]]
) -> None:
    """Each code, once planted into a good recording, and nothing besides."""
    allowed = {code for _, code in wanted}
    every = found(*steps)
    assert set(wanted) <= set(every)
    assert {code for _, code in every} <= allowed


def test_every_code_has_a_reason_of_its_own() -> None:
    """A recipe can drop for each code, and the ledger then says which."""
    assert len({code.reason for code in CODES.values()}) == len(CODES)
    assert {str(code.reason) for code in CODES.values()} == {f"lint_{name}" for name in CODES}


@pytest.mark.parametrize(
    "steps",
    [
        GOOD,
        # a password never shows
        (does("type", "#city", page(city_more='type="password"'), "s3cret-word"),
         does("click", "#go", page(city_more='type="password"')), *GOOD[2:]),
        # a field in its own spelling
        (*GOOD[:1], does("click", "#go", page("BOSTON, MA")), *GOOD[2:]),
        # a search box that is emptied when its results come
        (*GOOD[:1], does("click", "#go", page("", extra="<p>3 results</p>")), *GOOD[2:]),
        # the address stays while the page is another
        tuple(replace(step, url=SHOP) for step in GOOD),
        # a click leads to another site
        (*GOOD[:2], *(replace(step, url="https://pay.example/") for step in GOOD[2:])),
        # other words for the same, or none
        acting(1, description="Off we go"),
        acting(1, description="Choose the button that shows all cups"),
        # a click that is known to have failed
        but(1, html=page("Boston", go_more="disabled"), error="element is disabled"),
        # a box behind something prettier
        (does("check", "#city", page(city_more='type="checkbox" style="display:none"')), *GOOD[1:]),
        # the same button again, on a page that has changed
        (*GOOD[:2], does("click", "#go", page("Boston", extra="<p>1</p>")), *GOOD[2:]),
        # a list is opened and closed
        (does("click", "select", "<select><option>a</select>"),
         does("click", "select", "<select><option>a</select>")),
        # no step has an address, and none a page
        tuple(replace(step, url="", html="") for step in GOOD),
        # something hidden and disabled that is not the target
        but(1, html=page("Boston", extra='<p hidden><button disabled class="x">No</button></p>')),
    ],
)  # fmt: skip
def test_what_is_merely_odd_is_not_found(steps: tuple[Step, ...]) -> None:
    """Look-alikes of contradictions: nothing is said about them."""
    assert found(*steps) == []


def run(stage: Lint, *steps: Step) -> tuple[list[Draft], Tally]:
    tally = Tally("lint")
    return list(stage(iter((located(*steps),)), tally)), tally


def test_without_settings_it_only_finds() -> None:
    """The workflow passes as it was; the finding has evidence and outcome."""
    steps = but(1, html=page("Boston", go_more="disabled"))
    (out,), tally = run(Lint(), *steps)
    assert [each.step for each in out.steps] == list(steps)
    assert not any(each.reason for each in out.steps)
    assert tally.entries == []
    assert tally.findings == [
        Finding(
            "workflows:w1/2", "workflows:w1", 2, "workflows", "shop.example", "disabled_target",
            "warning", "click on <button disabled>",
        )
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["disabled_target", "warning"])
def test_steps_and_workflows_are_dropped_by_code_or_severity(name: str) -> None:
    """A dropped step stays in the history; a dropped workflow goes whole; both say why."""
    steps = but(1, html=page("Boston", go_more="disabled"))
    (out,), tally = run(Lint(drop_steps=(name,)), *steps)
    assert [each.reason for each in out.steps] == ["", "lint_disabled_target", "", ""]
    assert [each.outcome for each in tally.findings] == ["step_dropped"]
    left, tally = run(Lint(drop_workflows=(name,)), *steps)
    assert left == []
    (entry,) = [each for each in tally.entries if each.unit == "workflow"]
    assert (entry.reason, entry.detail) == (
        "lint_disabled_target",
        "step 2: click on <button disabled>",
    )
    assert [each.outcome for each in tally.findings] == ["workflow_dropped"]


def test_pages_that_are_off_by_one_go_back_to_their_steps() -> None:
    """All steps get their own pages; the first one's was not recorded: it is not trained on."""
    (out,), tally = run(Lint(mend=("off_by_one",)), *OFF)
    assert [each.step.html for each in out.steps[1:]] == [each.html for each in GOOD[1:]]
    assert [each.reason for each in out.steps] == ["lint_off_by_one", "", "", ""]
    assert [each.node for each in out.steps[1:]] == [each.node for each in located(*GOOD).steps[1:]]
    outcomes = {(each.code, each.outcome) for each in tally.findings}
    assert ("off_by_one", "mended") in outcomes


def test_one_page_that_is_lost_is_not_mended() -> None:
    """Where the right page is nowhere, nothing is put in its place."""
    steps = but(2, html=page("Boston"))
    (out,), tally = run(Lint(mend=("off_by_one",)), *steps)
    assert [each.step for each in out.steps] == list(steps)
    assert [each.outcome for each in tally.findings] == ["step_dropped"]  # its target is absent


def test_repeats_are_left_out_of_the_history_too() -> None:
    """The step leaves no trace in the workflow, and the ledger names it."""
    again = replace(GOOD[2], step_id="again")
    (out,), tally = run(Lint(mend=("repeated_step",)), *GOOD[:3], again, GOOD[3])
    assert [each.step for each in out.steps] == list(GOOD)
    assert [(each.id, each.reason) for each in tally.entries] == [
        ("workflows:w1/4", "lint_repeated_step")
    ]
    assert [(each.code, each.outcome) for each in tally.findings] == [("repeated_step", "mended")]


@pytest.mark.parametrize("setting", ["drop_steps", "drop_workflows", "mend"])
def test_a_code_that_is_not_known_stops_the_build(setting: str) -> None:
    """The message names the setting and the nearest code."""
    with pytest.raises(ConfigError, match=rf"lint\.{setting}.*is off_by_one meant"):
        Lint(**{setting: ("off_by_on",)})


def test_only_a_recipe_with_the_section_lints() -> None:
    """The stage is in no shipped recipe, and there as soon as one of its settings is."""
    assert "lint" not in {stage.name for stage in load("scribeagent-32k").stages}
    names = [stage.name for stage in load("scribeagent-32k", ['lint.drop_steps=["error"]']).stages]
    assert names.index("lint") == names.index("locate") + 1


@given(st.lists(st.tuples(soups, soups, st.sampled_from(["click", "type", "scroll"])), max_size=4))
def test_no_page_breaks_it(parts: list[tuple[str, str, str]]) -> None:
    """Any markup: evidence is short, findings are about steps that there are, and it is
    deterministic.
    """
    steps = [
        replace(does(kind, "p, a, b, input", html, value), target=(Locator("node", "0"),))
        for html, value, kind in parts
    ]
    every = findings(located(*steps))
    assert every == findings(located(*steps))
    assert all(len(each.evidence) <= 200 and 1 <= each.step <= len(steps) for each in every)
