"""Recordings of Chrome's DevTools Recorder: a title and steps, as JSON. They hold no pages.

- Objective: the title, unless the Recorder made it of the date.
- Address: of ``navigate`` and of the navigations that the Recorder saw after an action
  (``assertedEvents``). It saw all of them, so the address stays what it was without one.
- Target: all selectors in the recorded order, which is that of the Recorder's preference. A
  selector through shadow roots is a list, joined by ``>>>`` as Puppeteer does. Within a frame the
  selectors are about another page than the one at the address, so such a step keeps none.
- Keys: a key that goes down and up is one press, with the modifiers that are held meanwhile.
- Scrolling: the recorded place less the one before. A page begins at its top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, NamedTuple

from etl.inputs.columns import Fields, Record, grouping, text, type_name
from etl.inputs.description import Field, Format
from etl.inputs.extras import Extras
from etl.inputs.pageless.addresses import Addresses, absolute
from etl.inputs.pageless.events import Events, kept, workflows
from etl.inputs.parts import Grouping
from etl.inputs.records import InputHead, InputShard
from etl.tally import Tally
from schemas.actions import MODIFIERS
from schemas.errors import RecordError
from schemas.recorded_actions import action, held_keys
from schemas.workflow import Action, Locator, Step, Workflow

RECORDING: Final = frozenset(("title", "steps", "timeout", "selectorAttribute"))
STEP: Final = frozenset(
    (
        *("type", "url", "target", "frame", "selectors", "offsetX", "offsetY", "value", "key"),
        *("button", "deviceType", "duration", "x", "y", "assertedEvents", "timeout", "width"),
        *("height", "deviceScaleFactor", "isMobile", "hasTouch", "isLandscape", "name"),
        *("parameters", "expression", "operator", "count", "visible", "attributes", "properties"),
        *("download", "upload", "latency"),
    )
)
_ACTIONS: Final = {
    "navigate": "navigate",
    "click": "click",
    "doubleClick": "double_click",
    "hover": "hover",
    "change": "change",
    "keyDown": "press",
    "scroll": "scroll",
    "close": "close_tab",
}
_CHECKS: Final = frozenset(("waitForElement", "waitForExpression"))
_SETTINGS: Final = frozenset(("setViewport", "emulateNetworkConditions"))
TYPES: Final = frozenset((*_ACTIONS, *_CHECKS, *_SETTINGS, "keyUp", "customStep"))
_ONE_TYPE: Final = re.compile(rb'"type"\s*:\s*"(?:' + "|".join(sorted(TYPES)).encode() + rb')"')
_BY_DATE: Final = re.compile(r"Recording \d.*")
_OTHERS: Final = frozenset(
    ("workflow_id", "objective", "input_schema", "workflow_analysis", "annotation_id")
)
_LONG: Final = 500
"""Milliseconds from which a click is a long press."""

_EXAMPLE: Final = {
    "title": "Order a coffee",
    "steps": [
        {"type": "setViewport", "width": 800, "height": 600, "deviceScaleFactor": 1,
         "isMobile": False, "hasTouch": False, "isLandscape": False},
        {"type": "navigate", "url": "https://coffee.example/",
         "assertedEvents": [{"type": "navigation", "url": "https://coffee.example/", "title": ""}]},
        {"type": "change", "target": "main", "value": "Ann",
         "selectors": [["aria/Name"], ["#name"]]},
        {"type": "click", "target": "main", "selectors": [["aria/Order"], ["#order"]],
         "offsetX": 5, "offsetY": 5},
    ],
}  # fmt: skip

DESCRIBED: Final = Format(
    name="chrome_recorder",
    about="Recordings of Chrome's DevTools Recorder: what was done, without pages.",
    record="an element of `steps`",
    files="JSON files with one object, a recording",
    fields=(
        Field("title", "string", "what is to be done, unless the Recorder made it of the date",
              True, like="name"),
        Field("steps", "list", "what was done, in order; at least one action", True,
              like="actions events"),
        Field("steps[].type", "string", "what was done, see below", True),
        Field("steps[].url", "string", "where `navigate` goes"),
        Field("steps[].target", "string", "`main`, or the address of another page or frame"),
        Field("steps[].selectors", "list", "how the element is found, the best first"),
        Field("steps[].value", "string", "of `change`: what the field or list has then"),
        Field("steps[].assertedEvents", "list", "the navigations that followed"),
        Field("steps[].offsetX", "number", "where the mouse was in the element; not used"),
        Field("steps[].offsetY", "number", "where the mouse was in the element; not used"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="coffee.json",
    notes=(
        ("It holds no pages: give them with `--pages` (web archives, HAR files or saved pages of "
        "the same addresses). A step without one is dropped as `no_page`."),
        ("The target is found by the recorded selectors: CSS, XPath, texts and accessible names. "
        "In frames it is not found, since the page at the address is not the frame's."),
        ("The Recorder saw every navigation, so the address of each step is known. What scripts "
        "have changed since the page was loaded is not in an archive of responses."),
        ("To record: DevTools, Recorder, \"Create a new recording\", then export it as JSON. "
        "Name it after what is to be done."),
    ),
    form="objects",
    pages=False,
    kinds=tuple({
        **_ACTIONS,
        "change": "select in a list, else type",
        "keyDown, keyUp": "press",
        "customStep": "counted, not trained on",
    }.items()),
)  # fmt: skip


@dataclass(frozen=True)
class ChromeRecorder:
    """Recordings of Chrome's Recorder."""

    name: ClassVar[str] = "chrome_recorder"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it has a title, and steps with a type of the Recorder's."""
        keys = head.keys
        return (
            "steps" in keys.top
            and "steps.type" in keys.nested
            and ("title" in keys.top or (keys.cut and "steps.selectors" in keys.nested))
            and not keys.top & _OTHERS
            and _ONE_TYPE.search(head.start) is not None
        )

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """The recordings. One that cannot be read is quarantined."""
        return workflows(shard, tally, RECORDING, _workflow)

    def grouping(self, head: InputHead) -> Grouping | None:
        """How JSON lines are divided: each line is a recording."""
        return grouping(head)


def _workflow(
    fields: Fields, listed: list[Fields], name: str, record: Record, events: Events
) -> Workflow:
    """The workflow of a recording.

    Raises: `RecordError` if it cannot be read.
    """
    extras = Extras(events.odd)
    extras.unknown(fields, RECORDING)
    title = text(fields, "title").strip()
    if _BY_DATE.fullmatch(title):
        extras.declared({"title": title})
        title = ""
    replay = _Replay(events)
    for index, each in enumerate(listed):
        replay.take(index, each)
    if not replay.steps:
        raise RecordError("workflow_without_steps", f"{len(listed)} steps, none of them an action")
    return Workflow(
        name,
        title,
        tuple(replay.steps),
        source=ChromeRecorder.name,
        origin=record.id,
        meta=extras.text(),
    )


class _Held(NamedTuple):
    """A modifier that is held."""

    key: str
    # place of the event by which it went down
    place: int
    # how many steps there were before it
    steps: int


@dataclass
class _Replay:
    """What the recording did so far."""

    events: Events
    steps: list[Step] = field(default_factory=list)
    at: Addresses = field(default_factory=Addresses)
    # modifiers that are held
    held: list[_Held] = field(default_factory=list)
    # other keys that are down
    down: set[str] = field(default_factory=set)
    # where pages and elements are scrolled to, in pixels
    scrolled: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, index: int, fields: Fields) -> None:
        """Go on with one event."""
        path = f"steps[{index}]."
        kind = text(fields, "type", path, required=True)
        if kind in _CHECKS:
            self.events.drop(index, "assertion", kind)
        elif kind in _SETTINGS:
            self.events.drop(index, "unknown_event", kind)
        elif kind == "keyUp":
            self._key_up(index, text(fields, "key", path))
        elif kind == "keyDown" and text(fields, "key", path).casefold() in MODIFIERS:
            self._hold(index, text(fields, "key", path))
        else:
            self._act(index, kind, fields, path)
        self._follow(fields)

    def _hold(self, index: int, key: str) -> None:
        """A modifier goes down."""
        self.held.append(_Held(key, index, len(self.steps)))

    def _key_up(self, index: int, key: str) -> None:
        """A key comes up: that ends its press, or what it was held for."""
        held = next((each for each in self.held if each.key == key), None)
        if held is not None:
            self.held.remove(held)
            if held.steps == len(self.steps):
                for event in (held.place, index):
                    self.events.drop(event, "modifier_alone", key)
        elif key in self.down:
            self.down.remove(key)
        else:
            self.events.drop(index, "keyup_alone", key)

    def _act(self, index: int, kind: str, fields: Fields, path: str) -> None:
        """An event that makes a step."""
        target = _target(fields, path)
        url = self._address(fields, path)
        extras = Extras(self.events.odd, path)
        extras.unknown(fields, STEP)
        extras.declared(
            kept(
                fields,
                "offsetX",
                "offsetY",
                "frame",
                "deviceType",
                "duration",
                "name",
                "parameters",
            )
        )
        step = Step(
            str(index),
            url,
            "",
            self._action(kind, fields, path, bool(target)),
            target,
            meta=extras.text(),
        )
        self.steps.append(step)
        if kind == "navigate":
            self.at.go(absolute(text(fields, "url", path)))
            self.scrolled.clear()

    def _address(self, fields: Fields, path: str) -> str:
        """The address of the page an event is in: that of the tab, or its own target."""
        target = text(fields, "target", path)
        return self.at.now if target in ("", "main") else absolute(target)

    def _action(self, kind: str, fields: Fields, path: str, on_element: bool) -> Action:
        word, value = _ACTIONS.get(kind, kind), text(fields, "value", path)
        if kind == "navigate":
            value = text(fields, "url", path)
        elif kind == "keyDown":
            value = text(fields, "key", path)
            self.down.add(value)
        elif kind == "scroll":
            value = self._scroll(fields, path)
        elif kind == "click" and (_number(fields, "duration", path) or 0) > _LONG:
            word = "long_press"
        made = action(
            word,
            value,
            on_element=on_element,
            button=text(fields, "button", path),
            modifiers=held_keys([each.key for each in self.held]),
        )
        return replace(made, kind=kind) if kind == "customStep" else made

    def _scroll(self, fields: Fields, path: str) -> str:
        """How far a page or element is scrolled: dx,dy."""
        of = json.dumps(fields.get("selectors"))
        x0, y0 = self.scrolled.get(of, (0.0, 0.0))
        x, y = (_number(fields, name, path) for name in ("x", "y"))
        if x is None and y is None:
            return ""
        self.scrolled[of] = now = (x if x is not None else x0, y if y is not None else y0)
        return f"{now[0] - x0:g},{now[1] - y0:g}"

    def _follow(self, fields: Mapping[str, Any]) -> None:
        """Go where the Recorder saw the browser go."""
        events = fields.get("assertedEvents")
        for each in events if isinstance(events, list) else ():
            if isinstance(each, dict) and isinstance(url := each.get("url"), str):
                self.at.go(absolute(url, self.at.now))
                self.scrolled.clear()


def _number(fields: Fields, key: str, path: str) -> float | None:
    value = fields.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise RecordError("wrong_type", f"{path}{key}: {type_name(value)}, expected a number")


def _target(fields: Fields, path: str) -> tuple[Locator, ...]:
    """The locators of an element; none within a frame.

    Raises: `RecordError` ``wrong_type``.
    """
    listed = fields.get("selectors")
    if listed is None or fields.get("frame"):
        return ()
    if not isinstance(listed, list):
        raise RecordError("wrong_type", f"{path}selectors: {type_name(listed)}, expected a list")
    found: list[Locator] = []
    for index, each in enumerate(listed):
        parts = [each] if isinstance(each, str) else each
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise RecordError(
                "wrong_type", f"{path}selectors[{index}]: no string and no list of them"
            )
        if not parts:
            continue
        if len(parts) == 1 and parts[0].startswith("xpath/"):
            found.append(Locator("xpath", parts[0].removeprefix("xpath/")))
        else:
            found.append(Locator("css", " >>> ".join(parts)))
    return tuple(dict.fromkeys(found))
