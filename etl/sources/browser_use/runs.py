"""Runs of browser-use that kept what they saw: a folder of files with the step's number.

Step N has ``conversation_N.txt``, the prompt and the model's answer, and where it could be saved,
``html_N.html``, the page before the action. The answer is one action as JSON, ``{"action": name,
"params": {...}, "goal": ...}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from etl.files.entries import Node
from etl.inputs.columns import Fields, text, type_name
from etl.inputs.documents import folders
from etl.inputs.extras import Extras
from etl.inputs.mended import parse, whole_text
from etl.inputs.numbering import in_order
from etl.inputs.records import InputShard
from etl.inputs.streams import Truncated
from etl.sources.browser_use.calls import read_call
from etl.sources.browser_use.indexed import Prompt, locators, read_prompt
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Locator, Step, Workflow

CONVERSATION: Final = re.compile(r"conversation_([0-9]{1,6})\.txt")
OUTPUT: Final = b"Model output:"
ANSWER: Final = frozenset(("action", "params", "goal", "valuation_previous_goal"))


def read_run(shard: InputShard, tally: Tally, source: str) -> Iterator[Workflow]:
    """The one workflow of a run. Memory holds its pages."""
    files = folders.files(shard.path)
    name = shard.name.rpartition("/")[2]
    uid = f"{source}:{name}"
    numbered = sorted(
        (int(hit[1]), file) for file in files if (hit := CONVERSATION.fullmatch(file))
    )
    steps: list[Step] = []
    numbers: list[int] = []
    said: tuple[str, ...] = ()
    for number, file in numbered:
        id, raw = f"{shard.name}/{files[file].name}", b""
        odd: list[Odd] = []
        try:
            raw = folders.content(files[file].place)
            prompt = read_prompt(folders.text(raw))
            page = _page(files, number)
            step = _step(prompt, page, odd)
        except RecordError as error:
            raw = error.raw if isinstance(error, Truncated) else raw
            tally.quarantine(id, error.reason, error.detail, raw)
            continue
        tally.read("record", id, parent=uid)
        tally.note(odd)
        said = max(said, prompt.said, key=len)
        steps.append(step)
        numbers.append(number)
    used = {file for _, file in numbered} | {
        f"{kind}_{number}.html" for number, _ in numbered for kind in ("html", "current_state")
    }
    for file, node in files.items():
        if file not in used:
            other = f"{shard.name}/{node.name}"
            tally.read("record", other, parent=uid)
            tally.drop("record", other, "not_a_step", parent=uid)
    if steps:
        yield Workflow(
            workflow_id=name,
            objective="\n".join(said),
            steps=in_order(steps, numbers, first=0),
            source=source,
            origin=shard.name,
        )


def _page(files: Mapping[str, Node], number: int) -> str:
    """The page of a step; empty if it was not saved."""
    node = files.get(f"html_{number}.html")
    return folders.text(folders.content(node.place)) if node else ""


def _step(prompt: Prompt, page: str, odd: list[Odd]) -> Step:
    """One step, still without its number.

    Raises: `RecordError`.
    """
    answer, made = parse(prompt.output)
    if not isinstance(answer, dict):
        raise RecordError("wrong_type", f"the answer: {type_name(answer)}, expected an object")
    odd += made.odd
    name = text(answer, "action", required=True)
    given: Any = answer.get("params")
    if given is not None and not isinstance(given, dict):
        raise RecordError("wrong_type", f"params: {type_name(given)}, expected an object")
    parameters: Fields = {key: value for key, value in (given or {}).items() if value is not None}
    index = parameters.get("id")
    target: tuple[Locator, ...] = ()
    if isinstance(index, int) and (found := locators(prompt.elements, index)):
        target = (*found, Locator("ref", str(index)))
    extras = Extras(odd)
    extras.unknown(answer, ANSWER)
    extras.declared(
        {"action": {name: parameters}}
        | {key: answer.get(key) for key in sorted(ANSWER - {"action", "params"})}
    )
    on_element = isinstance(index, int)
    return Step(
        "",
        whole_text(prompt.url)[0],
        page,
        read_call(name, parameters, on_element=on_element),
        target,
        meta=extras.text(),
        axtree=whole_text(prompt.elements)[0],
    )
