"""``stepmill record``: record what you do in a browser, as a workflow."""

from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import json_option, log_option, show_json
from etl.terminal import log
from etl.terminal.words import counted
from schemas.errors import BuildError, ConfigError

if TYPE_CHECKING:
    from types import FrameType

    from etl.record.recorder import Recorder
    from schemas.workflow import Workflow


@click.command()
@click.argument("url")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE.jsonl",
    help="The file to add the workflow to, as one more line.",
)
@click.option("--objective", default="", help="What is to be done; asked for if it is not given.")
@click.option(
    "--id",
    "workflow_id",
    default="",
    metavar="ID",
    help="Of the workflow.  [default: host and time]",
)
@click.option("--chromium", default="", metavar="PATH", help="The browser.  [default: found]")
@click.option(
    "--cdp",
    default="",
    metavar="URL",
    help="Record in a running browser: http://127.0.0.1:9222, its debugging port.",
)
@click.option("--headless", is_flag=True, help="Show no window, for a program that drives it.")
@log_option
@json_option
def record(
    url: str,
    out: Path,
    objective: str,
    workflow_id: str,
    chromium: str,
    cdp: str,
    headless: bool,
    as_json: bool,
) -> None:
    """Record what you do in a browser until you close its window, or press Ctrl-C here.

    Each click, text, choice and way to another page is a step, with the whole page before it and
    several locators of its element. The workflow is in stepmill's own format: `stepmill build FILE`
    reads it. What is typed into fields for passwords, one-time codes and credit cards is not
    recorded; all else that the pages show is.

    \b
    stepmill record https://shop.example/ --out shop.jsonl --objective "Order two mugs"
    stepmill record https://shop.example/ --out shop.jsonl --cdp http://127.0.0.1:9222
    """
    from etl.record.append import append, may_append
    from etl.record.recorder import Recorder

    if not re.match(r"(https?|file|data|about):", url):
        url = f"https://{url}"
    may_append(out, workflow_id)
    objective = (objective or _asked()).strip()
    if not objective:
        raise ConfigError("--objective: say what is to be done")
    ends = _Ends()
    with Recorder(chromium=chromium, cdp=cdp, headless=headless) as recorder, ends:
        recorder.open(url)
        log.say(f"recording {url}; close the window or press Ctrl-C to end")
        try:
            _follow(recorder, ends)
        finally:  # whatever has happened, what was recorded is kept
            workflow = recorder.workflow(objective, workflow_id)
            if workflow.steps:
                append(out, workflow)
    for failure in recorder.failures:
        log.warn(f"the recorder failed at an action: {failure}")
    if not workflow.steps:
        raise BuildError(f"nothing was done at {url}; nothing is written to {out}")
    summary = _summary(workflow, recorder)
    show_json(summary) if as_json else _report(summary, out)


def _asked() -> str:
    """What the user answers on the terminal."""
    if not sys.stdin.isatty():
        raise ConfigError("--objective: say what is to be done; there is no terminal to ask on")
    answer: str = click.prompt("What is to be done", err=True)
    return answer


class _Ends:
    """Whether Ctrl-C or SIGTERM has come; neither stops the program while it records."""

    def __init__(self) -> None:
        self.come = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.come = True


def _follow(recorder: Recorder, ends: _Ends) -> None:
    """Wait for the end, and say from time to time how many steps there are."""
    said = 0
    while not ends.come and recorder.wait(0.25):
        if len(recorder.steps) >= said + 10:
            said = len(recorder.steps)
            log.say(f"{counted(said, 'step')} so far")


def _summary(workflow: Workflow, recorder: Recorder) -> dict[str, Any]:
    kinds = Counter(step.action.kind for step in workflow.steps)
    secret = sum('"secret": true' in step.meta for step in workflow.steps)
    return {
        "workflow_id": workflow.workflow_id,
        "objective": workflow.objective,
        "steps": len(workflow.steps),
        "kinds": dict(kinds.most_common()),
        "secret": secret,
        "left_out": dict(recorder.steps.left_out),
        "failures": len(recorder.failures),
    }


def _report(summary: dict[str, Any], out: Path) -> None:
    kinds = ", ".join(f"{kind} {count}" for kind, count in summary["kinds"].items())
    steps = counted(summary["steps"], "step")
    log.say(f"{out}: {summary['workflow_id']}, {steps}: {kinds}")
    if summary["secret"]:
        log.say(f"not recorded: what was typed in {counted(summary['secret'], 'secret field')}")
    if summary["left_out"]:
        left_out = ", ".join(f"{what} {count}" for what, count in summary["left_out"].items())
        log.say(f"left out: {left_out}")
