"""workflow-use: steps with selectors become steps; workflows of words alone are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.workflow import Workflow
from tests.support.pageless import check_ledger, given, read, reasons

SHOP = "https://shop.example/"


def made(folder: Path, *steps: dict[str, Any], **more: Any) -> tuple[Workflow, dict[str, int]]:
    """The workflow of these steps, and the reasons for those that make none."""
    whole = {"workflow_analysis": "", "name": "n", "description": "Buy a mug", "version": "1",
             "steps": [*steps], "input_schema": []} | more  # fmt: skip
    (workflow,), tally = given(folder, "buy.workflow.json", whole)
    check_ledger(tally)
    return workflow, reasons(tally)


def go(url: str = SHOP, **more: Any) -> dict[str, Any]:
    return {"type": "navigation", "description": "Open", "url": url} | more


def on(kind: str, css: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "description": "Do", "cssSelector": css} | more


def test_a_recording_is_a_workflow(tmp_path: Path) -> None:
    """Its description is the objective; steps have descriptions, locators and times."""
    flow, dropped = made(
        tmp_path,
        go(),
        on("input", "#q", xpath="body/div[1]/input[1]", target_text="Search", value="mug",
           timestamp=1767225600000, tabId=7, elementTag="INPUT"),
        on("key_press", "#q", key="Enter"),
        {"type": "scroll", "description": "Down", "scrollX": 0, "scrollY": 300},
        {"type": "extract", "description": "Prices"},
    )  # fmt: skip
    assert (flow.uid, flow.objective) == ("workflow_use:buy", "Buy a mug")
    assert [(step.action.kind, step.action.value, step.url) for step in flow.steps] == [
        ("navigate", SHOP, ""),
        ("type", "mug", SHOP),
        ("press", "Enter", SHOP),
        ("scroll", "0,300", ""),
    ]
    assert [(each.kind, each.value) for each in flow.steps[1].target] == [
        ("css", "#q"),
        ("xpath", "/html/body/div[1]/input[1]"),
        ("css", 'text="Search"'),
    ]
    assert json.loads(flow.steps[1].meta)["timestamp"] == 1767225600000
    assert flow.steps[1].action.description == "Do"
    assert dropped == {"assertion": 1}


def test_the_address_is_known_until_a_click_may_lead_anywhere(tmp_path: Path) -> None:
    """Clicks on fields stay, and so do clicks where the next step types; each tab has its own."""
    flow, _ = made(
        tmp_path,
        go(),
        on("click", "[type=radio]", elementTag="INPUT"),
        on("click", "span.a"),
        on("input", "span.a", value="x"),
        on("click", 'input[type="submit"]', elementTag="INPUT"),
        on("click", "#b"),
        go("https://other.example/", tabId=2),
        on("click", "#c", tabId=2),
        on("click", "#d", tabId=2),
    )
    other = "https://other.example/"
    assert [step.url for step in flow.steps] == ["", SHOP, SHOP, SHOP, SHOP, "", "", other, ""]


def test_what_a_user_gives_is_not_known(tmp_path: Path) -> None:
    """A name in braces that the schema lists is no value; other braces are."""
    schema = [{"name": "who", "type": "string", "required": True}]
    flow, _ = made(
        tmp_path,
        on("input", "#a", value="{who}"),
        on("input", "#b", value="{else}"),
        input_schema=schema,
    )
    assert [step.action.value for step in flow.steps] == ["", "{else}"]
    assert json.loads(flow.steps[0].meta)["original"] == {"type": "input", "value": "{who}"}


def test_after_a_condition_nobody_knows_what_was_done(tmp_path: Path) -> None:
    """A conditional step is counted, and the steps after it carry a gap."""
    condition = {"type": "conditional", "description": "?", "condition": "true"}
    flow, dropped = made(tmp_path, go(), condition, on("click", "#a"))
    assert [bool(step.gap) for step in flow.steps] == [False, True]
    assert dropped == {"control_flow": 1}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([go(), {"type": "click", "target_text": "Buy"}], "semantic_workflow"),
        ([{"id": "1", "stepNumber": 1, "action": "click", "target": "#a"}], "workflow_mock"),
        ([], "workflow_without_steps"),
        ([{"type": "extract"}], "workflow_without_steps"),
        ([3], "wrong_type"),
        ({}, "wrong_type"),
        ([{"description": "x"}], "missing_field"),
        ([{"type": "scroll", "scrollY": "x"}], "wrong_type"),
        ([on("click", "#a", xpath=3)], "wrong_type"),
    ],
)
def test_what_is_refused_is_quarantined(tmp_path: Path, steps: Any, reason: str) -> None:
    """Words alone, examples of an interface, and what cannot be read have each its reason."""
    flows, tally = given(
        tmp_path, "a.json", {"name": "n", "description": "d", "steps": steps, "input_schema": []}
    )
    assert flows == []
    assert [bad.reason for bad in tally.quarantined] == [reason]


def test_real_workflows(shared: Path) -> None:
    """Of the 20 real files twelve are read; three are of words alone, five are made up."""
    found = [read(path) for path in (shared / "data" / "workflow_use").rglob("*.json")]
    assert {form for form, _, _ in found} == {"workflow_use"}
    assert sum(len(flows) for _, flows, _ in found) == 12
    bad = sorted(each.reason for _, _, tally in found for each in tally.quarantined)
    assert bad == ["semantic_workflow"] * 3 + ["workflow_mock"] * 5
