"""Projects of Selenium IDE (``.side``): each test is a workflow of commands. They hold no pages.

- Objective: the test's name, unless the IDE gave it.
- Address: of ``open``, relative to the project's ``url``, for each window. After a click or another
  command that may lead anywhere it is not known, until the next ``open``: the IDE records no
  navigations. A click on a field of a form stays on its page.
- Target: ``target``, then the alternatives in ``targets``. Within a frame they are about another
  page than the one at the address, so such a step keeps none.
- Values: ``${name}`` is what ``store`` put there, and ``${KEY_ENTER}`` a press of that key after
  the text. What another variable holds is not known: such a value stays empty, and a locator with
  one is left out.
- ``run`` does the commands of another test in its place. After any other command that decides what
  runs (``if``, ``times``), steps carry a gap: nobody knows which commands were done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

from etl.inputs.columns import grouping, records, text, type_name
from etl.inputs.description import Format
from etl.inputs.extras import Extras
from etl.inputs.pageless.addresses import absolute
from etl.inputs.pageless.events import Events, listed, named
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.sources.selenium_ide.described import DESCRIBED
from etl.sources.selenium_ide.replay import Replay
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.workflow import Workflow

PROJECT: Final = frozenset(
    ("id", "version", "name", "url", "tests", "suites", "urls", "plugins", "snapshot")
)
TEST: Final = frozenset(("id", "name", "commands"))
_UNNAMED: Final = re.compile(r"(?:untitled|new test)(?: test)?(?: \d+)?|", re.IGNORECASE)


@dataclass(frozen=True)
class SeleniumIde:
    """Selenium IDE's projects."""

    name: ClassVar[str] = "selenium_ide"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it has tests of commands, or tests and suites."""
        keys = head.keys
        return "tests" in keys.top and (
            "tests.commands" in keys.nested or keys.top >= {"suites", "urls"}
        )

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The tests. One that cannot be read is quarantined alone."""
        for record in records(shard, PROJECT):
            try:
                project = record.checked()
                tests = project.get("tests")
                if not isinstance(tests, list):
                    raise RecordError("wrong_type", f"tests: {type_name(tests)}, expected a list")
                base = absolute(text(project, "url"))
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            tally.note(record.odd)
            name = named(shard.name, record)
            by_name = {
                each["name"]: each
                for each in reversed(tests)
                if isinstance(each, dict) and isinstance(each.get("name"), str)
            }
            for index, test in enumerate(tests):
                events = Events(record, f"tests[{index}].commands")
                try:
                    if not index:
                        Extras(events.odd).unknown(project, PROJECT)
                    workflow, count = _workflow(test, index, base, by_name, events, name)
                except RecordError as error:
                    raw = orjson.dumps(test)
                    place = f"{record.id}.tests[{index}]"
                    tally.quarantine(place, error.reason, error.detail, raw)
                    continue
                events.enter(tally, count, workflow.uid)
                yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines are divided: each line is a project."""
        return grouping(head)


def _workflow(
    test: Any, index: int, base: str, tests: Mapping[str, Any], events: Events, project: str
) -> tuple[Workflow, int]:
    """The workflow of a test, and the number of its commands.

    Raises: `RecordError` if it cannot be read.
    """
    path = f"tests[{index}]"
    if not isinstance(test, dict):
        raise RecordError("wrong_type", f"{path}: {type_name(test)}, expected an object")
    commands = listed(test, "commands", f"{path}.")
    replay = Replay(base, tests, events)
    replay.run(commands, f"{path}.commands")
    if not replay.steps:
        raise RecordError(
            "workflow_without_steps", f"{len(commands)} commands, none of them an action"
        )
    extras = Extras(events.odd, f"{path}.")
    extras.unknown(test, TEST)
    name = text(test, "name", f"{path}.").strip()
    workflow = Workflow(
        f"{project}/{text(test, 'id', f'{path}.') or index}",
        "" if _UNNAMED.fullmatch(name) else name,
        tuple(replay.steps),
        source=SeleniumIde.name,
        origin=events.name(0).removesuffix(".commands[0]"),
        meta=extras.text(),
    )
    return workflow, len(commands)
