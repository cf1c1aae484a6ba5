"""AutoWebBench: prompts of AutoWebGLM with a simplified page, each with its answer.

A record is ``{"source": prompt, "target": call}``. The prompt begins with the page,
``< <a[SD]| Home> <input[E]| > >``: an element has its tag, in brackets a label of letters if it can
be acted on, behind the bar its text and the values of its attributes, and within it its children.

- Each record is a workflow. The prompt lists the commands before it, which are its first steps;
  their pages are not recorded. So the records of a task, which leave out steps, are workflows of
  their own.
- Page: the same elements as markup. One without a tag is a ``div``. The label is the attribute
  ``data-label``, by which the target is found. Attributes have lost their names, so their values
  stand in the text; those of an element without content are its ``aria-label``.
- ``objective`` is the line ``#Task``. ``workflow_id`` is ``<file's path>/<record>``. There is no
  URL.
- ``type_string`` may press Enter afterwards; that is kept in the step's ``meta``, as is the call.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from etl.inputs.columns import Fields, grouping, records, text
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.markup import VOID, Markup
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.tally import Odd, Tally
from schemas.actions import KINDS
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator, Step, Workflow

ROW: Final = frozenset(("source", "target"))
LABEL: Final = "data-label"
_BEGINS: Final = re.compile(rb'"source"\s*:\s*"<(?:[A-Za-z][\w-]*)?(?:\[[A-Z]+\])?(?:\| | )')
_PROMPT: Final = "\n\nYou are a helpful assistant"
_TOKEN: Final = re.compile(r"(?:^|(?<=\s))<(?:([^\s|<>\[\]]+)(?:\[([A-Z]+)\])?\|)?(?=\s|$)|>")
_TASK: Final = re.compile(r"(?ms)^#Task: (.*?)(?=\n\nYou should output|\Z)")
_BEFORE: Final = re.compile(r"(?ms)^#Previous commands: (.*?)(?=\n\n#|\Z)")
_CALL: Final = re.compile(r"\s*([A-Za-z_]\w*)\((.*)\)\s*", re.DOTALL)
_SEGMENT: Final = " #HTML Segment: "
_CALLS: Final = {
    "click": ("click", 1), "hover": ("hover", 1), "select": ("select", 2),
    "type_string": ("type", 3), "scroll_page": ("scroll", 1), "go": ("go", 1),
    "jump_to": ("navigate", 2), "switch_tab": ("focus_tab", 1), "user_input": ("message", 1),
    "finish": ("stop", 1),
}  # fmt: skip
"""AutoWebGLM's function -> our word, and the most arguments it takes."""
_ON_ELEMENT: Final = frozenset(("click", "hover", "select", "type_string"))
_NEXT_CALL: Final = re.compile(rf"\n(?=(?:{'|'.join(_CALLS)})\()")

_SOURCE: Final = """< <input[A]| City> <button[S]| Search> >

You are a helpful assistant that can assist with web navigation tasks.

#Previous commands: {before}

#Window tabs: 1. Default <-- current tab

#Current viewport (pages): 0 / 1.0

#Task: Find a hotel in Boston

You should output one command to interact to the current webpage."""
_EXAMPLE: Final = {
    "source": _SOURCE.format(before="None"),
    "target": "type_string('A', 'Boston', False)",
}

DESCRIBED: Final = Format(
    name="autowebbench",
    sign=("has the keys `source` and `target`, and a `source` that begins with a "
          "simplified page"),
    about="AutoWebBench: prompts of AutoWebGLM with a simplified page, each with its answer.",
    record="a prompt, which holds the page, and a call",
    files="a JSON list or JSON lines",
    fields=(
        Field("source", "string", "the page, then the prompt with `#Task` and `#Previous "
              "commands`", True),
        Field("target", "string", "the call, such as `click('SD')`", True),
    ),
    example=json.dumps([_EXAMPLE]) + "\n",
    example_name="hotels.json",
    notes=(
        ("Each record is a workflow: its last step is the call, the steps before it are the "
        "`#Previous commands`, whose pages are not recorded."),
        ("The page is the simplified one, as markup: `<a[SD]| Home>` becomes `<a "
        'data-label="SD">Home</a>`, an element without a tag a `div`. The target is the element '
        "with the label that the call names."),
        ("Limits: there are no URLs; attributes have lost their names, so their values stand in "
        "the text, or in `aria-label` of an element without content; records of one task are "
        "workflows of their own, so keep them in one split: `split.key = \"objective\"`."
        ),
    ),
    kinds=(
        ("click(id)", "click"), ("hover(id)", "hover"), ("select(id, option)", "select"),
        ("type_string(id, content, press_enter)", "type"), ("scroll_page(direction)", "scroll"),
        ("go('backward')", "go_back"), ("go('forward')", "go_forward"),
        ("jump_to(url, new_tab)", "navigate"), ("switch_tab(tab_index)", "focus_tab"),
        ("user_input(message)", "message"), ("finish(answer)", "stop"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class AutoWebBench:
    """Prompts with a page and an answer."""

    name: ClassVar[str] = "autowebbench"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it has prompts and answers, and the first prompt begins with such a page."""
        keys = head.keys
        complete = keys.top >= ROW or (keys.cut and "source" in keys.top)
        return complete and _BEGINS.search(head.start) is not None

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each record."""
        stem = re.sub(r"(\.(json|jsonl|parquet|gz|zst))+$", "", shard.name)
        for record in records(shard, ROW):
            odd: list[Odd] = []
            try:
                workflow = _workflow(record.checked(), odd)
            except RecordError as error:
                record.quarantine(tally, error)
                continue
            number = record.id.rpartition("=")[2]
            workflow = replace(workflow, workflow_id=f"{stem}/{number}", origin=record.id)
            record.enter(tally, workflow.uid, odd)
            yield workflow

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines are divided: each record by itself."""
        return grouping(head)


def _workflow(fields: Fields, odd: list[Odd]) -> Workflow:
    source, target = text(fields, "source", required=True), text(fields, "target", required=True)
    extras = Extras(odd)
    extras.unknown(fields, ROW)
    simplified, _, prompt = source.partition(_PROMPT)
    if not prompt:
        raise RecordError("missing_field", "source: a page without a prompt behind it")
    task, before = _TASK.search(prompt), _BEFORE.search(prompt)
    steps = list(_history(before[1] if before else ""))
    call = read_call(target)
    steps.append(_step(call, len(steps), page_of(simplified)))
    return Workflow(
        workflow_id="",
        objective=task[1].strip() if task else "",
        steps=tuple(steps),
        source=AutoWebBench.name,
        meta=extras.text(),
    )


class Call(NamedTuple):
    """A call of the model."""

    action: Action
    # the label of its element; empty if it concerns the page
    label: str
    # as recorded
    written: str


def _step(call: Call, number: int, html: str) -> Step:
    kept = Extras([])
    kept.declared({"call": call.written})
    target = (Locator("attribute", call.label, LABEL),) if call.label else ()
    return Step(str(number), "", html, call.action, target, meta=kept.text())


def _history(before: str) -> Iterator[Step]:
    """The steps that the prompt lists. Each command may have its element behind it."""
    if before.strip() in ("", "None"):
        return
    for number, line in enumerate(_NEXT_CALL.split(before.strip())):
        written, _, segment = line.partition(_SEGMENT)
        call = read_call(written)
        shown = " ".join(_TOKEN.sub(" ", segment).split())
        kind = KINDS.get(call.action.kind)
        if shown and kind is not None:
            said = f"{kind.verb} {json.dumps(shown, ensure_ascii=False)}"
            call = call._replace(action=replace(call.action, description=said))
        yield _step(call, number, "")


def read_call(written: str) -> Call:
    """The call that a text makes. One that is none is `unparsed`; an unknown one keeps its name.

    Texts in it may run over several lines and hold quotes, as the model wrote them.
    """
    hit = _CALL.fullmatch(written)
    if hit is None:
        return Call(Action("unparsed", written.strip()), "", written)
    name, inside = hit.groups()
    if name not in _CALLS:
        return Call(Action(name, inside), "", written)
    word, most = _CALLS[name]
    arguments = _arguments(inside, name)
    if arguments is None or len(arguments) > most:
        return Call(Action("unparsed", written.strip()), "", written)
    label = ""
    if name in _ON_ELEMENT:
        label = str(arguments[0]) if arguments else ""
        arguments = arguments[1:]
    value = str(arguments[0]) if arguments and arguments[0] is not None else ""
    if name == "go":
        word, value = ("go_forward" if value == "forward" else "go_back"), ""
    return Call(action(word, value, on_element=bool(label)), label, written)


def _arguments(inside: str, name: str) -> list[Any] | None:
    """The arguments of a call; None if they cannot be told apart."""
    try:
        return list(ast.literal_eval(f"({inside},)")) if inside.strip() else []
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if name == "type_string":
        shape = r"""\s*(['"])([A-Z]+)\1\s*,\s*(['"])(.*)\3\s*,\s*(True|False)\s*"""
        if hit := re.fullmatch(shape, inside, re.DOTALL):
            return [hit[2], hit[4], hit[5] == "True"]
    elif name in ("finish", "user_input") and (
        hit := re.fullmatch(r"""\s*(['"])(.*)\1\s*""", inside, re.DOTALL)
    ):
        return [hit[2]]
    return None


def page_of(simplified: str) -> str:
    """A simplified page as markup.

    Raises: `RecordError` "wrong_type" if its brackets do not match.
    """
    markup = Markup()
    opened: list[str] = []
    waiting: tuple[str, list[tuple[str, str]]] | None = None  # a void element without its text
    at = 0
    for hit in (*_TOKEN.finditer(simplified), None):
        words = " ".join(simplified[at : hit.start() if hit else None].split())
        if waiting is not None:
            tag, attributes = waiting
            markup.start(tag, [*attributes, *([("aria-label", words)] if words else [])])
            words, waiting = "", None
        if words and not opened:
            raise RecordError("wrong_type", f"source: text outside of elements: {words[:40]!r}")
        if words:
            markup.text(words)
        if hit is None:
            break
        at = hit.end()
        if hit[0] == ">":
            if not opened:
                raise RecordError(
                    "wrong_type", f"source: a bracket at {hit.start()} closes nothing"
                )
            tag = opened.pop()
            if tag.lower() not in VOID:
                markup.end(tag)
            continue
        tag = hit[1] or "div"
        attributes = [(LABEL, hit[2])] if hit[2] else []
        opened.append(tag)
        if tag.lower() in VOID:
            waiting = tag, attributes
        else:
            markup.start(tag, attributes)
    if opened:
        raise RecordError("wrong_type", f"source: {len(opened)} elements have no end")
    return markup.html()
