"""Observe: a page within a budget, chosen without the target."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from etl.build.recipes.recipe import load
from etl.pages.reading import read
from etl.stages.locate import Locate
from etl.stages.observe.names import shows
from etl.stages.observe.stage import Observe
from etl.stages.unroll import Unroll
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.samples import Sample, element_of
from schemas.workflow import Locator, Step
from tests.bench.workloads import SHIPPED, workflows
from tests.support.strategies import draft, step

RECIPES = ("compact-4k", "compact-8k", "compact-16k", "compact-32k")


def observed(*steps: Step, objective: str = "Order two mugs", **settings: int) -> Draft:
    (made,) = Observe(**settings)(  # type: ignore[arg-type]
        Locate(train_without_element=True)(iter([draft(*steps, objective=objective)]), Tally()),
        Tally(),
    )
    return made


def sample(*steps: Step, **settings: int) -> Sample:
    """The last sample."""
    made = observed(*steps, **settings)  # type: ignore[arg-type]
    return list(Unroll()(iter([made]), Tally()))[-1]


def page(count: int, last: str = "<button id=buy>Buy</button>") -> str:
    return "".join(f"<p>Paragraph {n} says mugs are clay</p>" for n in range(count)) + last


def test_a_sample_is_a_line_an_element() -> None:
    """Observation, target and note of a sample; its prompt begins the observation on a line."""
    made = sample(step("<p>Hello</p><button>Buy</button>", Locator("css", "button")))
    page = read("<p>Hello</p><button>Buy</button>")
    text, button = (Observe().compactor.number(page, element) for element in range(2))
    assert made.observation == f"{text} p: Hello\n{button} button: Buy"
    assert (made.target_html, made.node, made.ref) == (f"{button} button: Buy", button, "")
    assert made.observation_kind == "lines"
    note = {"budget": 8192, "element": 1, "tokens": 9, "removed": {}, "target_kept": True}
    assert orjson.loads(made.fitted) == {**note, "named": True}
    assert element_of(page.elements, made.node, made.fitted) == 1
    assert made.description == 'Click "Buy"'


def test_a_step_whose_target_is_cut_is_history() -> None:
    """It is dropped for a reason of its own, and the step after it has it in its history."""
    html = page(500, "<section id=end><div><div>Hi</div></div></section>")
    made = observed(
        step(html, Locator("css", "section"), number=1),
        step("<a>Next</a>", Locator("css", "a"), number=2),
        budget=256,
    )
    cut, after = made.steps
    assert (cut.stage, cut.reason) == ("observe", "target_cut")
    assert "section" not in cut.observation
    assert f"without '{cut.node} section" in cut.detail
    assert not after.reason
    tally = Tally()
    (kept,) = Unroll()(iter([made]), tally)
    assert f"Node: {cut.node}\nTarget: {cut.node} section" in kept.history[0]
    assert [entry.reason for entry in tally.entries if entry.unit == "step"] == ["target_cut"]


def test_what_is_kept_is_noted_of_every_step() -> None:
    """Of one that is dropped too, whose name another element may show; of a target without name
    nothing is said of its name, and of an action without target nothing of either.
    """
    long = page(500, "<section id=end><div><div>Hi</div></div></section>")
    made = observed(
        step(long, Locator("css", "section"), number=1),
        step("<p>Hello</p><input id=a>", Locator("css", "#a"), number=2),
        step("<p>Hello</p>", kind="scroll", number=3),
        budget=256,
    )
    noted = [orjson.loads(each.fitted) for each in made.steps]
    kept = [(note["target_kept"], note["named"]) for note in noted]
    assert kept == [(False, True), (True, None), (None, None)]
    assert noted[0]["removed"]["cut"] > 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", True),
        ("Add to cart", True),
        ("Add mug", True),
        ("to car", True),
        ("mug car", False),
        ("→", True),
        ("←", False),
        ("cart" + " mug" * 18 + " cut", True),
        ("w" * 80, False),
    ],
)
def test_a_name_is_shown_as_it_stands_or_word_by_word(name: str, shown: bool) -> None:
    """Words within others do not count, and the last word of a label that was cut off need not."""
    assert shows("2 a: Add to cart _\n1 span: mug\n0 i: →", name) == shown


def test_where_a_drag_ends_must_be_shown_too() -> None:
    """The answer names that element."""
    html = page(500, "<a id=card>Card</a><section id=end><div><div>Hi</div></div></section>")
    dragged = replace(
        step(html, Locator("css", "#card"), kind="drag"), destination=(Locator("css", "#end"),)
    )
    (made,) = observed(dragged, budget=256).steps
    assert made.reason == "target_cut"
    assert made.detail.startswith("where the drag ends")
    (whole,) = observed(dragged, budget=32768).steps
    assert not whole.reason


def test_a_page_that_was_recorded_as_a_text_fits_too() -> None:
    """Its lines stay as they are; the target's line must be among them."""
    text = "\n".join(f"[{n}] link 'Mug {n}'" for n in range(400))
    made = sample(replace(step("", Locator("ref", "7")), axtree=text), budget=512)
    assert made.observation_kind == "axtree"
    assert (made.ref, made.target_html) == ("7", "[7] link 'Mug 7'")
    assert made.target_html in made.observation.split("\n")
    assert made.observation != text


def test_nothing_but_page_task_and_earlier_steps_decides() -> None:
    """Without the target, with another action, and without later steps, the observation of every
    step of every shipped recording is the same.
    """
    seen = 0
    for flow in workflows(SHIPPED)[:12]:
        whole = observed(*flow.steps, objective=flow.objective, budget=512)
        for at, made in enumerate(whole.steps):
            if made.reason or not made.step.has_page:
                continue
            blind = replace(flow.steps[at], target=(), destination=(), error="", meta="")
            blind = replace(blind, action=replace(blind.action, kind="scroll", value="down"))
            alone = observed(*flow.steps[:at], blind, objective=flow.objective, budget=512)
            assert alone.steps[at].observation == made.observation
            seen += 1
    assert seen > 50


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes_observe_instead_of_pruning(name: str) -> None:
    """The stage stands in the place of pruning, within the budget of the name."""
    recipe = load(name)
    assert "prune" not in [stage.name for stage in recipe.stages]
    budget = int(name.removeprefix("compact-").removesuffix("k")) * 1024
    assert recipe.stage(Observe).budget == budget
    assert recipe.fit.context == 2 * budget


def test_a_setting_of_pruning_is_refused() -> None:
    """It would do nothing."""
    with pytest.raises(ConfigError, match=r"this recipe has \[observe\] and prunes no page"):
        load("compact-8k", ["prune.keep_target=true"])
    with pytest.raises(ConfigError, match=r"observe\.budget = 3 is too small"):
        load("compact-8k", ["observe.budget=3"])
