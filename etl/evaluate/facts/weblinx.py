"""Facts of a WebLINX turn: what was done, and the boxes of its page."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

FAMILY = "weblinx"
UID: Final = "data-webtasks-id"

INTENTS: Final = frozenset(
    "say click hover textinput submit change load scroll copy paste tabcreate tabremove tabswitch "
    "action".split()
)
UNKNOWN: Final = "<unk>"

Argument = str | int | float | None


class Box(NamedTuple):
    """Where an element is, and whether it is on the page (it may have a box alone)."""

    left: float
    top: float
    right: float
    bottom: float
    # its width times its height, as recorded
    area: float
    on_page: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """A recorded turn."""

    # the word of the recording
    intent: str
    # text, value, url, utterance, x and y, where the intent has them
    arguments: Mapping[str, Argument]
    # whether the turn names an element at all, its id, and the box that is recorded with it
    element: bool = False
    uid: str | None = None
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What `weblinx/turn` looks at."""

    intent: str
    arguments: Mapping[str, Argument]
    uid: str | None
    # the box that the turn itself has, of an element without an id
    own_box: tuple[float, ...] | None
    # why the turn is not counted; "" for one that is
    left_out: str
    # the boxes of the page as JSON of their own, read only if an answer needs them
    page: str

    def box(self, uid: str) -> Box | None:
        """The box of an element id; None if there is none. Reads no other box."""
        key = orjson.dumps(uid).decode() + ":["
        at = self.page.find(key)
        while at > 0 and self.page[at - 1] not in "{,":  # it ends another id, which holds a quote
            at = self.page.find(key, at + 1)
        if at < 0:
            return None
        begin = at + len(key) - 1
        return Box(*orjson.loads(self.page[begin : self.page.index("]", begin) + 1]))

    @property
    def boxes(self) -> dict[str, Box]:
        """All boxes by element id, in the order of the recording."""
        return _boxes(self.page)


def read(text: str | bytes) -> Facts:
    """Facts of their JSON."""
    fields = orjson.loads(text)
    own = fields["own_box"]
    return Facts(
        fields["intent"],
        fields["arguments"],
        fields["uid"],
        None if own is None else tuple(own),
        fields["left_out"],
        fields["page"],
    )


@lru_cache(maxsize=4)
def _boxes(page: str) -> dict[str, Box]:
    return {uid: Box(*numbers) for uid, numbers in orjson.loads(page).items()}


def intent_of(word: str) -> str:
    """The reference's intent of a word."""
    name = word.lower().strip().replace("_", "")
    return name if name in INTENTS else UNKNOWN


def box_of(recorded: Mapping[str, Any], *, on_page: bool = True) -> Box:
    """A recorded box: its edges, and its own width and height if it has them."""
    left, top, right, bottom = (recorded[edge] for edge in ("left", "top", "right", "bottom"))
    width, height = recorded.get("width", right - left), recorded.get("height", bottom - top)
    return Box(left, top, right, bottom, width * height, on_page)


def turn_of(record: Mapping[str, Any]) -> Turn:
    """A turn of ``replay.json``.

    Raises:
        KeyError: a field is missing that turns of its intent have.
    """
    if record["type"] == "chat":
        return Turn("say", {"utterance": record["utterance"]})
    action = record["action"]
    given = action.get("arguments") or {}
    intent, arguments = intent_of(action["intent"]), {}
    properties = given.get("properties") or {}
    if intent == "textinput":
        arguments["text"] = given["text"]
    elif intent == "change":
        arguments["value"] = given["value"]
    elif intent == "load":
        arguments["url"] = properties.get("url") or given.get("url")
    elif intent == "scroll":
        arguments.update(x=given["scrollX"], y=given["scrollY"])
    elif intent in ("copy", "paste"):
        arguments["text"] = given["selected" if intent == "copy" else "pasted"]
    element = given.get("element") or {}
    box = element.get("bbox")
    return Turn(
        intent=action["intent"],
        arguments=arguments,
        element=bool(element),
        uid=(element.get("attributes") or {}).get(UID),
        box=box_of(box) if box else None,
    )


def made(
    turn: Turn, following: Turn | None, boxes: Mapping[str, Box], on_page: Container[str]
) -> Facts:
    """The facts of a turn.

    following: the turn after it. boxes: by element id, in the order of the recording. on_page: the
    element ids of the page.
    """
    intent = intent_of(turn.intent)
    listed = {uid: [*box[:5], int(box.on_page and uid in on_page)] for uid, box in boxes.items()}
    found = turn.uid if turn.uid in boxes and turn.uid in on_page else None
    own = turn.box if turn.element and turn.uid is None else None
    return Facts(
        intent=intent,
        arguments=dict(turn.arguments),
        uid=found,
        own_box=None if own is None else tuple(own[:5]),
        left_out=_left_out(intent, turn, found, following),
        page=orjson.dumps(listed).decode(),
    )


def _left_out(intent: str, turn: Turn, found: str | None, following: Turn | None) -> str:
    if intent not in ("change", "click", "textinput", "submit"):
        return ""
    if not turn.element:
        return "no_element"
    if turn.uid is None:
        return "element_without_id"
    if found is None:
        return "element_without_box_or_page"
    if intent == "click" and following is not None:
        if following.intent == "copy":
            return "click_before_copy"
        if following.intent == "submit" and following.uid == turn.uid:
            return "click_before_submit_of_it"
    return ""
