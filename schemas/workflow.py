"""Recorded workflows: the records every source yields, and their JSON form (our interchange
format).

One workflow as JSON (one object a line in JSONL; the same columns in Parquet)::

    {"workflow_id": "a1", "objective": "Order two mugs", "website": "shop.example", "topic": "",
     "reward": 1.0,
     "steps": [{"step_id": "0", "url": "https://shop.example/", "html": "<html>...</html>",
                "action": {"kind": "click", "value": "", "description": "Click Add to cart",
                           "modifiers": ["Shift"], "button": ""},
                "target": [{"kind": "css", "value": "#add"},
                           {"kind": "attribute", "name": "data-id", "value": "42"}],
                "destination": [], "error": "", "number": 1, "meta": {"seconds": 2.5}}],
     "meta": {"annotator": "r17"}}

Only ``workflow_id``, ``objective``, ``steps`` and each step's ``html`` and ``action.kind`` are
required. ``html`` is the page before the action. An empty ``target`` means that the action has no
element. ``action.kind`` is a word of `schemas.actions.KINDS` or another tool's word for it;
``destination``, locators too, is where a drag ends. ``error`` is what the recorder reported about
this action; empty means that it is not known to have failed. ``number`` is the step's number in the
recording. Where every step has one, they order the steps, and a gap is seen: steps behind it are
not trained on. ``meta`` is whatever else is known: it is kept beside the samples, and never in what
a model sees. A key that is not listed here is kept there too, and counted. Ids may be numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import pyarrow as pa

LocatorKind = Literal["css", "xpath", "attribute", "node", "markup"]
LOCATOR_KINDS: Final[tuple[LocatorKind, ...]] = ("css", "xpath", "attribute", "node", "markup")


@dataclass(frozen=True, slots=True)
class Locator:
    """One way to find an element in a page as it was written.

    kind: ``css``, ``xpath``, ``attribute`` (``name`` holds the attribute's name, ``value`` its
    exact value), ``node`` (our own id: the element's index counted from the end of document order)
    or ``markup`` (the element's start tag; attribute order and quoting do not matter).
    """

    kind: LocatorKind
    value: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What was done.

    kind: of `schemas.actions.KINDS`, or the recorded word if that is none. value: what was typed,
    chosen or pressed, exactly; see `several` for more than one. description: as the recorder or an
    annotator put it. button: of the mouse, where the kind does not say it. modifiers: keys held.
    """

    kind: str
    value: str = ""
    description: str = ""
    button: str = ""
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One observation (``url``, ``html``) and the action taken on it.

    target: locators of its element, best first. destination: the same of the element a drag ends
    on. number: as recorded, from 1; 0: its place in the workflow. gap: which steps before it the
    recording lacks, in words; empty: none, as far as is known. meta: what else was recorded, an
    object as JSON; empty: nothing.
    """

    step_id: str
    url: str
    html: str
    action: Action
    target: tuple[Locator, ...] = ()
    error: str = ""
    destination: tuple[Locator, ...] = ()
    number: int = 0
    gap: str = ""
    meta: str = field(default="", compare=False)  # what is the same but for this is the same step


@dataclass(frozen=True, slots=True)
class Workflow:
    """One recording. ``source`` names the format it was read from, ``origin`` the file and record
    (for messages and ``explain``; not part of the content hash). ``meta`` is as a step's.
    ``whole``: the format or the steps' numbers say that no other file has more of it.
    """

    workflow_id: str
    objective: str
    steps: tuple[Step, ...]
    website: str = ""
    topic: str = ""
    reward: float | None = None
    source: str = "workflows"
    origin: str = ""
    meta: str = field(default="", compare=False)
    whole: bool = field(default=True, compare=False)

    @property
    def uid(self) -> str:
        """The id that is unique across formats: ``source:workflow_id``."""
        return f"{self.source}:{self.workflow_id}"


LOCATOR_TYPE: Final = pa.struct(
    [("kind", pa.string()), ("name", pa.string()), ("value", pa.string())]
)
ACTION_TYPE: Final = pa.struct(
    [
        ("kind", pa.string()),
        ("value", pa.string()),
        ("description", pa.string()),
        ("button", pa.string()),
        ("modifiers", pa.list_(pa.string())),
    ]
)
STEP_TYPE: Final = pa.struct(
    [
        ("step_id", pa.string()),
        ("url", pa.string()),
        ("html", pa.large_string()),
        ("action", ACTION_TYPE),
        ("target", pa.list_(LOCATOR_TYPE)),
        ("error", pa.string()),
        ("destination", pa.list_(LOCATOR_TYPE)),
        ("number", pa.int64()),
        ("meta", pa.string()),  # JSON
    ]
)
WORKFLOW_SCHEMA: Final = pa.schema(
    [
        ("workflow_id", pa.string()),
        ("objective", pa.string()),
        ("website", pa.string()),
        ("topic", pa.string()),
        ("reward", pa.float64()),
        ("steps", pa.list_(STEP_TYPE)),
        ("meta", pa.string()),  # JSON
    ]
)
