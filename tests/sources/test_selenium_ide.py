"""Selenium IDE: commands become steps; what is not known to have been done is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.workflow import Workflow
from tests.support.pageless import check_ledger, given, read, reasons

BASE = "https://shop.example"


def command(word: str, target: str = "", value: str = "", **more: Any) -> dict[str, Any]:
    return {"id": "c", "comment": "", "command": word, "target": target, "targets": [],
            "value": value} | more  # fmt: skip


def project(*tests: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [
        {"id": f"t{number}", "name": f"Test the shop, {number}", "commands": commands}
        for number, commands in enumerate(tests)
    ]
    return {"id": "p", "version": "2.0", "name": "p", "url": BASE, "tests": listed, "suites": [],
            "urls": [], "plugins": []}  # fmt: skip


def made(folder: Path, *commands: dict[str, Any]) -> tuple[Workflow, dict[str, int]]:
    """The workflow of these commands, and the reasons for those that make no step."""
    (workflow,), tally = given(folder, "shop.side", project([*commands]))
    check_ledger(tally)
    return workflow, reasons(tally)


def test_each_test_is_a_workflow(tmp_path: Path) -> None:
    """Tests have their own ids, names and steps; a command is a record."""
    flows, tally = given(
        tmp_path, "shop.side", project([command("open", "/a")], [command("click", "id=b")])
    )
    assert [flow.uid for flow in flows] == ["selenium_ide:shop/t0", "selenium_ide:shop/t1"]
    assert flows[1].objective == "Test the shop, 1"
    assert [entry.id for entry in tally.entries] == [
        "shop.side#line=1.tests[0].commands[0]",
        "shop.side#line=1.tests[1].commands[0]",
    ]


def test_the_address_is_known_until_a_command_may_lead_anywhere(tmp_path: Path) -> None:
    """Typing, choosing and clicks on fields stay on the page; any other click may leave it."""
    flow, _ = made(
        tmp_path,
        command("open", "/login"),
        command("click", "css=#who"),
        command("type", "css=#who", "Ann"),
        command("select", "id=country", "label=Malta"),
        command("click", "xpath=//input[@type='radio']"),
        command("click", "css=button[type=submit]"),
        command("click", "id=next"),
        command("open", "https://other.example/x"),
        command("sendKeys", "id=q", "mug${KEY_ENTER}"),
        command("click", "id=r"),
    )
    here = f"{BASE}/login"
    assert [step.url for step in flow.steps] == [
        *("", here, here, here, here, here, "", ""),
        *("https://other.example/x", "https://other.example/x", ""),
    ]
    assert [(step.step_id, step.action.kind, step.action.value) for step in flow.steps[8:10]] == [
        ("8", "type", "mug"),
        ("8.1", "press", "Enter"),
    ]


def test_windows_have_addresses_of_their_own(tmp_path: Path) -> None:
    """A window that was left has its address when it comes back."""
    flow, dropped = made(
        tmp_path,
        command("open", "/"),
        command("storeWindowHandle", "root"),
        command("click", "linkText=Help", opensWindow=True, windowHandleName="win1"),
        command("selectWindow", "handle=${win1}"),
        command("click", "id=x"),
        command("selectWindow", "handle=${root}"),
        command("type", "id=q", "mug"),
    )
    home = f"{BASE}/"
    assert [step.url for step in flow.steps] == ["", home, "", "", home, home]
    assert [step.action.kind for step in flow.steps] == [
        *("navigate", "click", "focus_tab", "click", "focus_tab", "type"),
    ]
    assert dropped == {"assertion": 1}


def test_all_locators_are_kept(tmp_path: Path) -> None:
    """``target`` comes first, then its alternatives, each in the kind that resolves it."""
    others = [["css=#go", "css:finder"], ["name=go", "name"], ["linkText=Go", "linkText"],
              ["xpath=//a", "xpath:position"], ["//b", ""], ["id=go", "id"]]  # fmt: skip
    flow, _ = made(tmp_path, command("click", "id=go", targets=others))
    assert [(each.kind, each.name, each.value) for each in flow.steps[0].target] == [
        ("attribute", "id", "go"),
        ("css", "", "#go"),
        ("attribute", "name", "go"),
        ("css", "", "linkText=Go"),
        ("xpath", "", "//a"),
        ("xpath", "", "//b"),
    ]
    framed, dropped = made(
        tmp_path,
        command("selectFrame", "index=0"),
        command("click", "id=in"),
        command("selectFrame", "relative=parent"),
        command("click", "id=out"),
    )
    assert [bool(step.target) for step in framed.steps] == [False, True]
    assert dropped == {"unknown_event": 2}


def test_variables_are_what_was_stored(tmp_path: Path) -> None:
    """A stored text is put in its place; what a script returned is not known."""
    flow, dropped = made(
        tmp_path,
        command("store", "ann", "user"),
        command("type", "id=who", "${user}!"),
        command("executeScript", "return 1", "number"),
        command("type", "id=how", "${number}"),
        command("click", "css=[data-n='${number}']", targets=[["id=${user}", "id"]]),
    )
    assert [step.action.value for step in flow.steps] == ["ann!", "return 1", "", ""]
    assert [each.value for each in flow.steps[3].target] == ["ann"]
    assert json.loads(flow.steps[2].meta)["original"]["value"] == "${number}"
    assert dropped == {"assertion": 1}


def test_after_control_flow_nobody_knows_what_was_done(tmp_path: Path) -> None:
    """Commands that decide what runs are counted, and steps after them carry a gap."""
    flow, dropped = made(
        tmp_path,
        command("click", "id=a"),
        command("if", "${x} === 1"),
        command("click", "id=b"),
        command("end"),
        command("click", "id=c"),
    )
    assert [bool(step.gap) for step in flow.steps] == [False, True, True]
    assert dropped == {"control_flow": 2}


def test_a_test_that_runs_another_does_its_commands(tmp_path: Path) -> None:
    """``run`` puts another test in its place; a test that is unknown, or runs itself, is a gap."""
    flows, _ = given(
        tmp_path,
        "shop.side",
        project(
            [command("open", "/"), command("click", "id=a")],
            [command("run", "Test the shop, 0"), command("click", "id=b")],
            [command("run", "Test the shop, 2"), command("click", "id=c")],
            [command("run", "nothing"), command("click", "id=d")],
        ),
    )
    assert [step.step_id for step in flows[1].steps] == ["0.0", "0.1", "1"]
    assert [bool(step.gap) for flow in flows[2:] for step in flow.steps] == [True, True, True]


@pytest.mark.parametrize(
    ("words", "kind", "value"),
    [
        (command("clickAt", "id=a", "3,4"), "click", ""),
        (command("doubleClick", "id=a"), "double_click", ""),
        (command("mouseOver", "id=a"), "hover", ""),
        (command("check", "id=a"), "check", ""),
        (command("uncheck", "id=a"), "uncheck", ""),
        (command("select", "id=a", "value=x"), "select", "x"),
        (command("select", "id=a", "index=2"), "select", "index=2"),
        (command("addSelection", "id=a", "label=x"), "select", "x"),
        (command("editContent", "id=a", "x"), "type", "x"),
        (command("submit", "id=a"), "submit", ""),
        (command("dragAndDropToObject", "id=a", "id=b"), "drag", ""),
        (command("mouseDownAt", "id=a", "1,2"), "mouse_down", "1,2"),
        (command("answerPrompt", "yes"), "accept_dialog", "yes"),
        (command("dismissConfirmation"), "dismiss_dialog", ""),
        (command("close"), "close_tab", ""),
        (command("executeScript", "x()"), "code", "x()"),
        (command("customClick", "id=a"), "customClick", ""),
    ],
)
def test_kinds(tmp_path: Path, words: dict[str, Any], kind: str, value: str) -> None:
    """Each command is a kind of action; one of a plug-in keeps its word."""
    (step,) = made(tmp_path, words)[0].steps
    assert (step.action.kind, step.action.value) == (kind, value)
    assert bool(step.destination) is (kind == "drag")


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        (3, "wrong_type"),
        ({"id": "x", "commands": 3}, "wrong_type"),
        ({"id": "x", "commands": ["click"]}, "wrong_type"),
        ({"id": "x", "commands": []}, "workflow_without_steps"),
        ({"id": "x", "commands": [command("assertText", "id=a", "x")]}, "workflow_without_steps"),
        ({"id": "x", "commands": [command("click", "id=a", targets=[3])]}, "wrong_type"),
        ({"id": "x", "commands": [command("click", "id=a", targets="x")]}, "wrong_type"),
    ],
)
def test_a_bad_test_costs_itself_alone(tmp_path: Path, test: Any, reason: str) -> None:
    """The other tests of its project are read."""
    both = project([command("open", "/")])
    both["tests"].append(test)
    flows, tally = given(tmp_path, "shop.side", both)
    assert [flow.workflow_id for flow in flows] == ["shop/t0"]
    assert [(bad.reason, json.loads(bad.raw)) for bad in tally.quarantined] == [(reason, test)]
    check_ledger(tally)


def test_real_projects(shared: Path) -> None:
    """Each of the 19 real ones is read; two tests hold nothing but checks and conditions."""
    found = [read(path) for path in (shared / "data" / "selenium_ide").iterdir()]
    assert {form for form, _, _ in found} == {"selenium_ide"}
    assert sum(len(flows) for _, flows, _ in found) == 65
    assert sum(len(flow.steps) for _, flows, _ in found for flow in flows) == 203
    bad = [each.reason for _, _, tally in found for each in tally.quarantined]
    assert bad == ["workflow_without_steps"] * 2
    for _, _, tally in found:
        check_ledger(tally)
