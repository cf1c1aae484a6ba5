"""Pages recorded as text: which kind a recipe takes, and what becomes of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from etl.build.recipes.recipe import load
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.prune import Prune
from etl.stages.unroll import Unroll
from etl.tally import Entry, Tally
from schemas.errors import ConfigError
from schemas.samples import Sample
from schemas.workflow import Locator, Step
from stepmill import DEFAULT_RECIPE
from tests.support import builds
from tests.support.strategies import draft, step
from tokenization.prompt import Prompt

TREE = "RootWebArea 'Shop'\n\t[12] button 'Buy'\n\t[13] combobox 'Colour'\n\t[14] list 'Cart'\n"
PAGE = "<p>Shop</p><button bid='12'>Buy</button>"
REF = Locator("ref", "12")


def textual(*target: Locator, html: str = "", kind: str = "click", **fields: object) -> Step:
    """A step whose page is `TREE`."""
    made = step(html, *target, kind=kind)
    return replace(made, axtree=TREE, **fields)  # type: ignore[arg-type]


def through(*steps: Step, taken: tuple[str, ...] = ("axtree",)) -> tuple[list[Sample], list[Entry]]:
    """The samples of a workflow, and its drops."""
    tally = Tally("test")
    rows = Filter(observations=taken)(iter([draft(*steps)]), tally)
    for stage in (Locate(), load(DEFAULT_RECIPE).stage(Prune)):
        rows = stage(rows, tally)
    samples = list(Unroll()(rows, tally))
    return samples, [entry for entry in tally.entries if entry.reason]


def test_a_text_becomes_a_sample() -> None:
    """The text is the observation, on lines of its own; the answer names the target's id and line.

    The history of the next step names them too.
    """
    samples, drops = through(textual(REF), textual(Locator("attribute", "13", "bid"), kind="hover"))
    assert not drops
    first, second = samples
    assert (first.observation_kind, first.ref, first.node) == ("axtree", "12", 2)
    assert first.observation == TREE.rstrip("\n")
    assert first.raw_chars == len(TREE)
    assert "\nObservation:\nRootWebArea 'Shop'\n\t[12] button" in Prompt().user(first)
    assert Prompt().completion(first) == (
        '1.\nDescription: Click "Buy"\nAction: mouse_click_action\n'
        "Node: 12 12 12 12 12\nTarget: [12] button 'Buy'\n"
    )
    assert second.history[0].endswith("Node: 12\nTarget: [12] button 'Buy'\n")


def test_a_drag_names_the_line_on_which_it_ends() -> None:
    """The destination is found by its id too, and its absence is a drop."""
    (sample,), _ = through(textual(REF, kind="drag", destination=(Locator("ref", "14"),)))
    assert sample.description == 'Drag "Buy" to node 14 "Cart"'
    _, drops = through(textual(REF, kind="drag", destination=(Locator("ref", "99"),)))
    assert drops[0].reason == "target_absent"
    assert drops[0].detail.startswith("where the drag ends: ref '99'")


@pytest.mark.parametrize(
    ("line", "kind"), [("12", "type"), ("13", "select")], ids=["field", "list"]
)
def test_a_change_is_a_selection_in_a_list(line: str, kind: str) -> None:
    """A change of a list's value selects, any other types."""
    changed = step("", Locator("ref", line), kind="change", value="red")
    (sample,), _ = through(replace(changed, axtree=TREE))
    assert sample.action_kind == kind


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Locator("ref", "99"), "target_absent"),
        (Locator("css", "button"), "unsupported_locator"),
    ],
)
def test_a_target_that_is_not_found(target: Locator, reason: str) -> None:
    """A text has lines and no elements: only an id finds one."""
    samples, drops = through(textual(target))
    assert not samples
    assert drops[0].reason == reason


@pytest.mark.parametrize(
    ("taken", "html", "kind"),
    [
        (("html",), PAGE, "html"),
        (("axtree",), PAGE, "axtree"),
        (("html", "axtree"), PAGE, "html"),
        (("axtree", "html"), PAGE, "axtree"),
        (("html", "axtree"), "", "axtree"),
        (("html",), "", ""),
    ],
)
def test_the_first_kind_that_a_step_has_is_taken(
    taken: tuple[str, ...], html: str, kind: str
) -> None:
    """A step with both kinds has one sample; one with none of those taken has the reason."""
    samples, drops = through(textual(Locator("attribute", "12", "bid"), html=html), taken=taken)
    assert [sample.observation_kind for sample in samples] == [kind] * bool(kind)
    if not kind:
        assert drops[0].reason == "observation_not_taken"
        assert drops[0].detail == "the recording has axtree, the recipe takes html"


def test_a_ref_finds_nothing_in_a_page() -> None:
    """The id of a line is no element of a page."""
    _, drops = through(textual(REF, html=PAGE), taken=("html",))
    assert drops[0].reason == "unsupported_locator"


@pytest.mark.parametrize("kinds", [(), ("html", "html"), ("markdown",)])
def test_kinds_that_there_are_not(kinds: tuple[str, ...]) -> None:
    """A list of kinds that cannot be is refused before work starts."""
    with pytest.raises(ConfigError, match=r"filter\.observations"):
        Filter(observations=kinds)


def test_a_build_of_texts(tmp_path: Path) -> None:
    """`--observation axtree` builds from trees, with html it names what the recordings have; views
    show the line.
    """
    record = builds.workflow(1)
    for each in record["steps"]:
        del each["html"]
        each |= {"axtree": TREE, "target": [{"kind": "ref", "value": "12"}]}
    source = builds.write_workflows(tmp_path / "in.jsonl", record)
    out = tmp_path / "out"
    builds.command("build", source, "--out", out, "--observation", "axtree", "--workers", "0")
    (sample,) = builds.samples(out).values()
    assert sample.observation_kind == "axtree"
    shown = builds.command("inspect", out, "sample", sample.sample_id, "--page", "--json").stdout
    (row,) = (row for row in json.loads(shown)["page"]["elements"] if row["node"] == sample.node)
    assert row["before"] == row["after"] == "[12] button 'Buy'"
    assert "node 12: [12] button" in builds.command("explain", out, sample.sample_id).stdout
    builds.command("report", out, "--out", tmp_path / "report.html")
    other = builds.command("build", source, "--out", tmp_path / "other", "--workers", "0")
    assert "observation_not_taken" in other.stderr
