"""The description of Selenium IDE's projects."""

from __future__ import annotations

import json
from typing import Final

from etl.inputs.description import Field, Format

_EXAMPLE: Final = {
    "id": "p1",
    "version": "2.0",
    "name": "Shop",
    "url": "https://shop.example",
    "urls": [],
    "plugins": [],
    "suites": [],
    "tests": [
        {
            "id": "t1",
            "name": "Search for a mug",
            "commands": [
                {"id": "c1", "comment": "", "command": "open", "target": "/", "targets": [],
                 "value": ""},
                {"id": "c2", "comment": "", "command": "type", "target": "id=query",
                 "targets": [["id=query", "id"], ["css=#query", "css:finder"]], "value": "mug"},
                {"id": "c3", "comment": "", "command": "click", "target": "css=#search",
                 "targets": [["css=#search", "css:finder"], ["xpath=//button", "xpath:position"]],
                 "value": ""},
            ],
        }
    ],
}  # fmt: skip

DESCRIBED: Final = Format(
    name="selenium_ide",
    about="Projects of Selenium IDE: each test is a workflow of commands, without pages.",
    record="a command of a test",
    files="JSON files with one object, a project (`.side`)",
    fields=(
        Field("url", "string", "the address to which those of `open` are relative"),
        Field("tests", "list", "the workflows", True),
        Field("tests[].id", "string", "names the workflow, after the file; its place unless given"),
        Field("tests[].name", "string", "what is to be done, unless the IDE gave the name"),
        Field("tests[].commands", "list", "what was done, in order", True),
        Field("tests[].commands[].command", "string", "what was done, see below"),
        Field("tests[].commands[].target", "string", "a locator, or the address of `open`"),
        Field("tests[].commands[].targets", "list", "further locators, each with its kind"),
        Field("tests[].commands[].value", "string", "what was typed or chosen"),
        Field("tests[].commands[].comment", "string", "what was done, in words"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="shop.side",
    notes=(
        ("It holds no pages: give them with `--pages` (web archives, HAR files or saved pages of "
        "the same addresses). A step without one is dropped as `no_page`."),
        ("The target is found by `target` and `targets`: ids, names, CSS, XPath and texts of "
        "links. In frames it is not found, since the page at the address is not the frame's."),
        ("The IDE records no navigations: after a click the address is not known until the next "
        "`open`, unless the click was on a field of a form. So tests that open each page by its "
        "address give more samples."),
        ("Commands that check, wait and store make no step (`assertion`). Those that decide what "
        "runs are counted (`control_flow`), and the steps after them are not trained on."),
        "To record: the browser extension of Selenium IDE, then save the project.",
    ),
    form="objects",
    pages=False,
    kinds=tuple({
        "open": "navigate",
        "click, clickAt, doubleClick, mouseOver": "click, double_click, hover",
        "type, sendKeys, editContent": "type; press for `${KEY_...}`",
        "select, addSelection, removeSelection": "select, deselect",
        "check, uncheck": "check, uncheck",
        "dragAndDropToObject": "drag",
        "submit": "submit",
        "close, selectWindow": "close_tab, focus_tab",
        "acceptAlert, dismissPrompt and the like": "accept_dialog, dismiss_dialog",
    }.items()),
)  # fmt: skip
