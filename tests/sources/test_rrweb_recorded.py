"""rrweb recordings of real browsers: upstream's, other tools', and of our own applications."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from scenarios import scenarios
from steps import Do

from etl.inputs import find
from etl.pages.locators import find_css
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.workflow import Step, Workflow
from tests.support import builds

OURS: Final = builds.RECORDINGS.parent / "formats" / "rrweb"
SCENARIOS: Final = {each.workflow_id: each for each in scenarios()}
NAMES: Final = sorted(path.name.partition(".")[0] for path in OURS.glob("*.json.gz"))


def recorded(folder: Path) -> list[tuple[str, list[Workflow], Tally]]:
    """Name, workflows and ledger of each file."""
    out = []
    for shard in find.shards(find.find([str(folder)], SOURCES, lenient=True)):
        assert shard.format == "rrweb", shard.name
        tally = Tally()
        out.append((shard.name, list(SOURCES["rrweb"].read(shard, tally)), tally))
    return out


def test_all_real_recordings_are_read(shared: Path) -> None:
    """All 71: a workflow of each in which somebody does something, the others are dropped."""
    found = recorded(shared / "data" / "rrweb")
    assert len(found) == 71
    reasons: Counter[str] = Counter()
    steps: list[Step] = []
    for name, workflows, tally in found:
        assert tally.quarantined == [], name
        assert not tally.odd, name
        dropped = [
            str(entry.reason) for entry in tally.entries if entry.id == name and entry.reason
        ]
        assert bool(workflows) == (not dropped), name
        reasons.update(dropped or ["read"])
        steps += [step for workflow in workflows for step in workflow.steps]
    assert reasons == {"read": 14, "workflow_without_steps": 57}
    assert Counter(step.action.kind for step in steps) == {
        "type": 18, "click": 15, "check": 10, "scroll": 3,
    }  # fmt: skip
    assert all(step.html for step in steps)
    assert all(step.target or step.action.kind == "scroll" for step in steps)


def wanted(do: Do) -> list[tuple[str, str, str]]:
    """The steps that rrweb can know of what was done: kind, value, and the element's CSS."""
    css = do.at.rpartition(" >> ")[2]
    if do.kind == "type":
        return [("click", "", css), ("type", do.value, css)]
    if do.kind == "press":  # no keys are recorded; Enter clicks the form's button
        return [("click", "", "")]
    if do.kind in ("click", "select"):
        return [(do.kind, do.value, css)]
    return [("click", "", css)] * 2 if do.kind == "double_click" else []


def agrees(step: Step, kind: str, value: str, css: str) -> bool:
    """Whether a step is this one, on an element that the CSS selector finds or that lies in it."""
    page = read(step.html)
    if step.action.kind != kind and (kind, step.action.kind) != ("click", "check"):
        return False
    if step.action.value != value or not step.target:
        return False
    element = page.elements - 1 - int(step.target[0].value)
    return not css or element in find_css(page, f"{css}, {css} *")


@pytest.mark.parametrize("name", NAMES)
def test_our_own_sessions_give_the_steps_that_were_done(name: str) -> None:
    """Kinds, values and targets are those of the scenario; only scrolls are rrweb's own."""
    (path,) = OURS.glob(f"{name}.json.gz")
    ((_, (workflow,), tally),) = recorded(path)
    done = [each for do in SCENARIOS[name].steps for each in wanted(do)]
    steps = [step for step in workflow.steps if step.action.kind != "scroll"]
    assert len(steps) == len(done)
    for step, each in zip(steps, done, strict=True):
        assert agrees(step, *each), (step.action, each)
    assert {str(entry.reason) for entry in tally.entries if entry.reason} <= {"unknown_event"}
    assert workflow.steps[0].url.startswith(f"http://{SCENARIOS[name].host}/")


def test_our_own_sessions_build(tmp_path: Path) -> None:
    """All element actions find their element, and become samples where none is pruned away."""
    settings = ("filter.no_objective=false", "prune.keep_target=true")
    builds.build([OURS], tmp_path / "out", *settings)
    samples = builds.samples(tmp_path / "out").values()
    steps = [step for _, (flow,), _ in recorded(OURS) for step in flow.steps]
    assert len(samples) == sum(step.action.kind != "scroll" for step in steps)
    assert all(sample.node >= 0 for sample in samples)
