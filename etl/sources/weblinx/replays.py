"""WebLINX: a demonstration is a folder with ``replay.json`` and the pages in ``pages/``.

A record is a turn of the replay, ``{"data": [turn, ...]}``.

- A turn of a browser is a step: its page is the file that ``state.page`` names, the state before
  the action; its URL is ``action.arguments.metadata.url``.
- The target is found by ``data-webtasks-id``, which every element of the pages has, else by the
  recorded XPath.
- What the navigator says is a step too (``message``, without an element or a page).
- ``objective`` is what the instructor says in the whole demonstration, a line for each time; if
  that is nothing, the ``description`` of ``form.json``. So the first steps know of later wishes, as
  they do where an objective was written in advance.
- A page that loaded by itself (Chrome's transition types for links, sent forms and frames), and the
  change of a box that the click before it made, are no actions: ``unknown_event``. A change of a
  box or radio button that stands alone is a click.
- ``scroll`` keeps ``scrollX,scrollY`` as recorded.
- A page that is no UTF-8 is read as Latin-1, as WebLINX's own library does. A step whose page is
  not there has none.

A turn that cannot be read is quarantined, and ends the demonstration: later ones are dropped
(``after_broken_record``). Other files of the folder are dropped (``not_a_step``), but ``form.json``
is read for the objective and kept in ``meta``. A file ``invalid.json``, by which its makers mark a
demonstration, is noted there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import orjson

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.columns import Fields, text, type_name
from etl.inputs.description import Format
from etl.inputs.documents import folders
from etl.inputs.extras import Extras
from etl.inputs.mended import parse, whole_text
from etl.inputs.records import InputHead, InputShard, Keys, start_of
from etl.inputs.streams import Truncated
from etl.sources.weblinx.described import DESCRIBED
from etl.sources.weblinx.turns import ByItself, inner, read_action
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.workflow import Action, Step, Workflow

REPLAY: Final = "replay.json"
FORM: Final = "form.json"
INVALID: Final = "invalid.json"
PAGES: Final = "pages"
TURN: Final = frozenset("type timestamp speaker utterance state action".split())
STATE: Final = frozenset("page screenshot screenshot_status frame_resized".split())
ACTION: Final = frozenset(("intent", "arguments"))
_OF_TURNS: Final = frozenset(f"data.{key}" for key in ("speaker", "utterance", "action", "state"))


@dataclass(frozen=True)
class WebLinx:
    """Demonstrations with their pages."""

    name: ClassVar[str] = "weblinx"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a folder with a replay of turns."""
        names = {folders.bare(name): name for name in head.entries}
        if REPLAY not in names:
            return False
        for child in nodes.node(head.place).children():
            if child.name == names[REPLAY] and child.kind == "file":
                keys = Keys.of(start_of(child.place))
                return "data" in keys.top and not keys.nested.isdisjoint(_OF_TURNS)
        return False

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The one workflow of the demonstration. Memory holds its pages."""
        files = folders.files(shard.path)
        replay, form = files.pop(REPLAY), files.pop(FORM, None)
        name = shard.name.rpartition("/")[2]
        demo = _Demo(files, tally, f"{self.name}:{name}", f"{shard.name}/{replay.name}")
        raw = b""
        try:
            raw = folders.content(replay.place)
            turns = _turns(parse(raw)[0])
        except RecordError as error:
            raw = error.raw if isinstance(error, Truncated) else raw
            tally.quarantine(demo.place, error.reason, error.detail, raw)
            turns = []
        described = _form(form, shard.name, demo)
        for number, turn in enumerate(turns):
            demo.add(number, turn)
        for file in files.values():
            if file.place not in demo.used:
                other = f"{shard.name}/{file.name}"
                tally.read("record", other, parent=demo.uid)
                tally.drop("record", other, "not_a_step", parent=demo.uid)
        if demo.steps:
            extras = Extras([])
            marked = {"invalid": True} if INVALID in files else {}
            extras.declared({**described, **marked})
            yield Workflow(
                workflow_id=name,
                objective="\n".join(demo.wishes) or _said(described, "description"),
                steps=tuple(demo.steps),
                source=self.name,
                origin=shard.name,
                meta=extras.text(),
            )
        elif turns:
            tally.quarantine(
                shard.name, "workflow_without_steps", "no turn is an action", raw[:_HELD_BYTES]
            )


_HELD_BYTES: Final = 2**20


def _turns(replay: Any) -> list[Any]:
    turns = replay.get("data") if isinstance(replay, dict) else None
    if not isinstance(turns, list):
        raise RecordError("wrong_type", f"data: {type_name(turns)}, expected a list")
    if not turns:
        raise RecordError("workflow_without_steps", "data: empty")
    return turns


def _said(described: Mapping[str, Any], key: str) -> str:
    said = described.get(key)
    return whole_text(said)[0].strip() if isinstance(said, str) else ""


def _form(node: Node | None, folder: str, demo: _Demo) -> dict[str, Any]:
    """What ``form.json`` says; nothing if it is not there, or is quarantined."""
    if node is None:
        return {}
    place = f"{folder}/{node.name}"
    raw = b""
    try:
        raw = folders.content(node.place)
        value, made = parse(raw)
        if not isinstance(value, dict):
            raise RecordError("wrong_type", f"{type_name(value)}, expected an object")
    except RecordError as error:
        raw = error.raw if isinstance(error, Truncated) else raw
        demo.tally.quarantine(place, error.reason, error.detail, raw)
        return {}
    demo.tally.read("record", place, parent=demo.uid)
    demo.tally.note(made.odd)
    return value


@dataclass
class _Demo:
    """Turns become steps, in order."""

    files: Mapping[str, Node]
    tally: Tally
    uid: str
    # of the replay, for the ids of turns
    place: str
    steps: list[Step] = field(default_factory=list)
    # what the instructor said
    wishes: list[str] = field(default_factory=list)
    # places of the pages that were read
    used: set[str] = field(default_factory=set)
    pages: dict[str, str] = field(default_factory=dict)
    broken: bool = False

    def add(self, number: int, turn: Any) -> None:
        """Read one turn, and enter it."""
        id = f"{self.place}#item={number}"
        odd: list[Odd] = []
        try:
            if not isinstance(turn, dict):
                raise RecordError("wrong_type", f"{type_name(turn)}, expected an object")
            step = self._step(number, turn, odd)
        except ByItself as why:
            self._enter(id)
            self.tally.drop("record", id, "unknown_event", str(why), parent=self.uid)
            return
        except RecordError as error:
            raw = orjson.dumps(turn)
            self.tally.quarantine(id, error.reason, error.detail, raw)
            self.broken = True
            return
        self._enter(id)
        if self.broken:
            self.tally.drop("record", id, "after_broken_record", parent=self.uid)
            return
        self.tally.note(odd)
        if isinstance(step, str):
            self.wishes.append(step)
        else:
            self.steps.append(step)

    def _enter(self, id: str) -> None:
        self.tally.read("record", id, parent=self.uid)

    def _step(self, number: int, turn: Fields, odd: list[Odd]) -> Step | str:
        """A step, or what the instructor said."""
        kind = text(turn, "type", required=True)
        extras = Extras(odd)
        extras.unknown(turn, TURN)
        extras.declared({"timestamp": turn.get("timestamp")})
        if kind == "chat":
            said, speaker = text(turn, "utterance").strip(), text(turn, "speaker")
            if not said:
                raise ByItself("an utterance without words")
            if speaker == "instructor":
                return said
            extras.declared({"speaker": speaker})
            return Step(str(number), "", "", Action("message", said), meta=extras.text())
        if kind != "browser":
            raise ByItself(f"a turn of type {kind[:40]}")
        if turn.get("action") is None:
            raise ByItself("a turn of the browser without an action")
        act, state = inner(turn, "action", ""), inner(turn, "state", "")
        extras.unknown(act, ACTION, "action.")
        extras.unknown(state, STATE, "state.")
        made, target = read_action(act, "action.")
        if act.get("intent") == "change" and made.kind == "click" and self._clicked(target):
            raise ByItself("the change that the click before it made")
        arguments = inner(act, "arguments", "action.")
        extras.declared({"intent": act.get("intent"), "arguments": _kept(arguments)})
        metadata = inner(arguments, "metadata", "action.arguments.")
        return Step(
            step_id=str(number),
            url=text(metadata, "url", "action.arguments.metadata."),
            html=self._page(text(state, "page", "state.")),
            action=made,
            target=target,
            meta=extras.text(),
        )

    def _clicked(self, target: tuple[Any, ...]) -> bool:
        """Whether the step before is a click on the same element."""
        last = self.steps[-1] if self.steps else None
        return last is not None and last.action.kind == "click" and last.target == target

    def _page(self, name: str) -> str:
        """A page by its file's name, which is looked up among the files of the folder."""
        node = self.files.get(f"{PAGES}/{name}") if name else None
        if node is None:
            return ""
        if name not in self.pages:
            self.used.add(node.place)
            raw = folders.content(node.place)
            try:
                self.pages[name] = folders.text(raw)
            except RecordError:
                self.pages[name] = raw.decode("latin-1")
        return self.pages[name]


def _kept(arguments: Fields) -> dict[str, Any]:
    """The arguments without the element and what is read of them."""
    return {key: value for key, value in arguments.items() if key not in ("element", "metadata")}
