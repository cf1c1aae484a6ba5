"""Quality: a small workflow for each rule, its reason, and its switch turned off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etl.stages.locate import Locate
from etl.stages.quality import Quality
from etl.tally import Entry, Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.workflow import Action, Locator, Step
from tests.support.strategies import draft, step

BUTTON = Locator("css", "button")
PAGES = {
    "error_page": "<title>502 Bad Gateway</title><h1>502 Bad Gateway</h1><button>Again</button>",
    "blank_page": "<p>Loading...</p>",
    "login_wall": "<h1>Log in</h1><input name='u'><input type='password'><button>Log in</button>",
    "captcha": "<h1>Verify you are human</h1><div class='h-captcha'></div><button>Go</button>",
}
SWITCHES = {
    "error_page": "error_pages",
    "blank_page": "blank_pages",
    "login_wall": "login_walls",
    "captcha": "captchas",
}
MUGS = "<h1>Mugs</h1><p>Blue</p><button>More</button>"


def run(row: Draft, **settings: Any) -> tuple[list[Draft], list[Entry]]:
    """The workflows that come out, and the drops."""
    tally = Tally("quality")
    located = Locate()(iter([row]), Tally("locate"))
    return list(Quality(**settings)(located, tally)), tally.entries


def reasons(row: Draft, **settings: Any) -> list[str]:
    """Why each step of the workflow is not trained on."""
    (out,), _ = run(row, **settings)
    return [str(each.reason) for each in out.steps]


@pytest.mark.parametrize("reason", PAGES)
def test_a_page_in_the_way(reason: str) -> None:
    """Its step is not trained on, stays in the history and says why; with its switch off, and
    around it, nothing happens.
    """
    target = Locator("css", "p") if reason == "blank_page" else BUTTON
    page = PAGES[reason].replace("<p>", "<body>") if reason == "blank_page" else PAGES[reason]
    target = Locator("css", "body") if reason == "blank_page" else target
    steps = [step(MUGS, BUTTON), step(page, target, number=1)]
    (out,), drops = run(draft(*steps))
    assert [str(each.reason) for each in out.steps] == ["", reason]
    assert out.steps[1].stage == "quality"
    assert out.steps[1].detail
    assert drops == []
    assert reasons(draft(*steps), **{SWITCHES[reason]: False}) == ["", ""]


def test_signing_in_that_was_asked_for() -> None:
    """A page for signing in is no wall where the objective speaks of it."""
    row = draft(step(PAGES["login_wall"], BUTTON), objective="Log in as anna and open the report")
    assert reasons(row) == [""]


def test_actions_without_an_element_are_not_judged() -> None:
    """Going back from an error page is what a model should learn."""
    row = draft(step(PAGES["error_page"], kind="go_back"))
    assert reasons(row) == ["no_element"]


def test_a_target_that_was_not_found_on_an_error_page() -> None:
    """That the page is an error page says more than that the target is not in it; what the action
    itself lacks says more than both.
    """
    lost = step(PAGES["error_page"], Locator("css", "#buy"))
    assert reasons(draft(lost)) == ["error_page"]
    row = draft(lost)
    row.steps[0].drop("filter", "unknown_action")
    assert reasons(row) == ["unknown_action"]


def test_an_element_on_a_page_that_shows_nothing() -> None:
    """A target of the page's own is drawn by a style sheet that the recording lacks."""
    assert reasons(draft(step("<body><i></i></body>", Locator("css", "i")))) == [""]
    assert reasons(draft(step("<body><i></i></body>", Locator("css", "body")))) == ["blank_page"]


def clicked(target: str, page: str = MUGS, after: str = "", **fields: Any) -> list[str]:
    """The reasons of a click on something, of the step after it, and of a later one."""
    first = step(page, Locator("css", target), **fields)
    return reasons(
        draft(
            first,
            step(after or page, Locator("css", target), number=1, kind="hover"),
            step(page + "<p>More</p>", Locator("css", target), number=2),
        )
    )


def test_a_click_that_does_nothing() -> None:
    """The next page is the same at the same address but for what does not last."""
    noise = MUGS + "<!-- 12:00 --><script>t=1</script>"
    assert clicked("button") == ["no_effect", "", ""]
    assert clicked("button", after=noise) == ["no_effect", "", ""]
    assert clicked("button", after=MUGS.replace("<button", "<button class=on")) == ["", "", ""]


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("<input name=q>", "input"),
        ("<input type=checkbox>", "input"),
        ("<select><option>1</option></select>", "select"),
        ("<label><b>Yes</b><input type=checkbox></label>", "b"),
        ("<div contenteditable>Text</div>", "div"),
        ("<div role=combobox>Text</div>", "div"),
        ("<canvas></canvas>", "canvas"),
        ("<a href=/x target=_blank><b>New tab</b></a>", "b"),
        ("<a href=/x download>File</a>", "a"),
        ("<a href=mailto:a@b.test>Mail</a>", "a"),
    ],
)
def test_clicks_whose_effect_no_page_shows(page: str, target: str) -> None:
    """A field that has the focus, a ticked box, another tab, a file: equal pages say nothing."""
    assert clicked(target, MUGS + page) == ["", "", ""]
    assert clicked("h1", MUGS + page) == ["no_effect", "", ""]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "hover"},
        {"kind": "type", "value": "x"},
        {"kind": "press", "value": "Enter"},
        {"kind": "wait"},
    ],
)
def test_only_clicks_are_judged(change: dict[str, Any]) -> None:
    """Hovers, waits, keys and typing may leave the markup as it is."""
    assert clicked("button", **change) == ["", "", ""]


def test_equal_pages_that_say_nothing() -> None:
    """Nor is a click judged that is the last step, that a held key changes, that leads to another
    address, before a gap, or in a recording in which no page ever changes.
    """
    one = step(MUGS, BUTTON)
    changed = step(MUGS + "<p>1</p>", BUTTON, number=1)
    assert reasons(draft(changed, one)) == ["", ""]
    held = replace(one, action=Action("click", modifiers=("Control",)))
    assert reasons(draft(held, one, changed)) == ["", "", ""]
    assert reasons(draft(one, replace(one, url="https://www.shop.example/2"), changed))[0] == ""
    assert reasons(draft(one, replace(one, gap="step 2"), changed))[0] == ""
    assert reasons(draft(one, one, one)) == ["", "", ""]


def test_pages_that_were_joined() -> None:
    """One archived page for several steps does not say that they did nothing."""
    bare = replace(step("", BUTTON), html="")
    row = draft(bare, bare, bare)
    for step_draft, html in zip(row.steps, (MUGS, MUGS, MUGS + "<p>1</p>"), strict=True):
        step_draft.step = bare.with_fields(html=html)
    assert reasons(row) == ["", "", ""]


def failing(count: int) -> list[Step]:
    """Ten steps, some of which failed."""
    return [
        step(f"{MUGS}<p>{at}</p>", BUTTON, number=at, error="no" if at < count else "")
        for at in range(10)
    ]


def test_the_share_of_failed_steps() -> None:
    """A workflow is dropped above the limit, not at it; without a limit all stay."""
    assert run(draft(*failing(5)), max_failed_steps=0.5)[1] == []
    out, drops = run(draft(*failing(6)), max_failed_steps=0.5)
    assert out == []
    assert {drop.reason for drop in drops} == {"too_many_failed_steps"}
    assert drops[0].detail == "6 of 10 steps failed"
    assert len(run(draft(*failing(10)))[0]) == 1


def test_the_number_of_loops() -> None:
    """A step counts if an earlier one did the same on the same page; another page is progress."""
    same = [step(MUGS, BUTTON, number=at) for at in range(4)]
    assert run(draft(*same), max_loops=3)[1] == []
    out, drops = run(draft(*same), max_loops=2)
    assert (out, drops[0].reason) == ([], "too_many_loops")
    others = [step(MUGS + f"<p>{at}</p>", BUTTON, number=at) for at in range(4)]
    assert run(draft(*others), max_loops=0)[1] == []


@pytest.mark.parametrize("settings", [{"max_failed_steps": 1.5}, {"max_loops": -1}])
def test_limits_that_cannot_be(settings: dict[str, Any]) -> None:
    """They are refused before work starts."""
    with pytest.raises(ConfigError, match=rf"quality\.{next(iter(settings))}"):
        Quality(**settings)
