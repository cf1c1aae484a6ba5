"""Recorded workflows: the records that every source yields, and their JSON form.

The JSON form is our interchange format. One workflow is an object, on one line in JSON lines, and
Parquet has the same columns::

    {"workflow_id": "a1", "objective": "Order two mugs", "website": "shop.example", "topic": "",
     "reward": 1.0,
     "steps": [{"step_id": "0", "url": "https://shop.example/", "html": "<html>...</html>",
                "action": {"kind": "click", "value": "", "description": "Click Add to cart",
                           "modifiers": ["Shift"], "button": ""},
                "target": [{"kind": "css", "value": "#add"},
                           {"kind": "attribute", "name": "data-id", "value": "42"}],
                "destination": [], "error": "", "number": 1, "meta": {"seconds": 2.5}}],
     "meta": {"annotator": "r17"}}

Only ``workflow_id``, ``objective``, ``steps`` and each step's ``action.kind`` and ``html``, or
``axtree`` in its place, are required. Ids may be numbers.

- ``html`` is the page before the action.
- ``axtree`` is the same page as text, a line an element: an accessibility tree or aria snapshot.
- ``action.kind`` is a word of `schemas.actions.KINDS`, or another tool's word for it.
- ``target`` is a list of locators. An empty one means that the action has no element.
- ``destination`` is a list of locators too, of the element on which a drag ends.
- ``error`` is what the recorder reported. Empty means that the action is not known to have failed.
- ``number`` is the step's number in the recording. If every step has one, the numbers order the
  steps, and steps after a gap are not trained on.
- ``meta`` holds everything else that is known. It is kept beside the samples; a model never sees
  it. Keys that are not listed here are kept there too, and counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from schemas.utf8 import held, held_characters, held_text, held_utf8, opened

LocatorKind = Literal["css", "xpath", "attribute", "node", "markup", "ref"]
LOCATOR_KINDS: Final[tuple[LocatorKind, ...]] = (
    *("css", "xpath", "attribute", "node", "markup", "ref"),
)

ObservationKind = Literal["html", "axtree", "lines"]
"""What a model sees of a page: the page itself, pruned; the page as it was recorded as a text; or a
text made of the page, a line an element.
"""
OBSERVATION_KINDS: Final[tuple[ObservationKind, ...]] = ("html", "axtree")
"""Those that are recorded."""


@dataclass(frozen=True, slots=True)
class Locator:
    """One way to find an element in a page as it was written."""

    kind: LocatorKind
    # a CSS selector; an XPath; an attribute's exact value; our node id, the element's index counted
    # from the end of document order; the start tag, in any order and quoting of its attributes; or
    # the id of a line of the page as text
    value: str
    # the attribute's name; empty for other kinds
    name: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """What was done."""

    # one of `schemas.actions.KINDS`, or the recorded word if it means none of them
    kind: str
    # what was typed, chosen or pressed, exactly; several joined by `schemas.actions.several`
    value: str = ""
    # what was done, in the recorder's or an annotator's words
    description: str = ""
    # of the mouse, if the kind does not say it
    button: str = ""
    # keys held, by their DOM names
    modifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One observation (``url``, ``html``) and the action taken on it.

    The page is held as text or as UTF-8, as it was given or asked for last, or compressed
    (`etl.files.compressed`). A build needs the UTF-8 alone.
    """

    step_id: str
    url: str
    # the page before the action
    html: str
    action: Action
    # locators of the action's element, best first
    target: tuple[Locator, ...] = ()
    # what the recorder reported; empty: the action is not known to have failed
    error: str = ""
    # locators of the element on which a drag ends, best first
    destination: tuple[Locator, ...] = ()
    # as recorded, from 1; 0: it has none, so its place in the workflow counts
    number: int = 0
    # which steps before it the recording lacks, in words; empty: none are known to be missing
    gap: str = ""
    # what else was recorded, an object as JSON; empty: nothing. Ignored when steps are compared
    meta: str = field(default="", compare=False)
    # the page before the action as text, a line an element; empty: not recorded
    axtree: str = ""

    @property
    def page(self) -> str | bytes:
        """The page as it is held, a text or its UTF-8; made anew each time if it is compressed."""
        return opened(held(self, "html"))

    @property
    def has_page(self) -> bool:
        """Whether the page is known."""
        return bool(held(self, "html"))

    @property
    def size(self) -> int:
        """Characters of the page, or bytes of its UTF-8, whichever is held."""
        return len(held(self, "html"))

    @property
    def utf8(self) -> bytes:
        """The page as UTF-8, with lone surrogates."""
        return held_utf8(self, "html")

    @property
    def characters(self) -> int:
        """The number of characters of the page, or of its text if that is all there is."""
        return held_characters(self, "html") or len(self.axtree)

    def with_fields(self, **changes: Any) -> Step:
        """A copy with other values in some fields; the page is not decoded."""
        as_held = {name: held(self, name) for name in self.__dataclass_fields__}
        return Step(**as_held | changes)


held_text(Step, "html")


def target_id(node: int, ref: str) -> str:
    """A target's id as answers give it: our node id, or the id of a line of a text.

    Empty for an action without element, which has node -1.
    """
    return ref or (str(node) if node >= 0 else "")


@dataclass(frozen=True, slots=True)
class Workflow:
    """One recording."""

    workflow_id: str
    # what the user wants done
    objective: str
    steps: tuple[Step, ...]
    website: str = ""
    topic: str = ""
    # None if it is not known
    reward: float | None = None
    # name of the format it was read from
    source: str = "workflows"
    # the file and record it was read from, for messages; not in the content hash
    origin: str = ""
    # what else was recorded, an object as JSON; empty: nothing
    meta: str = field(default="", compare=False)
    # no other file holds steps of it, as the format or the steps' numbers say
    whole: bool = field(default=True, compare=False)

    @property
    def uid(self) -> str:
        """The id that is unique across formats: ``source:workflow_id``."""
        return f"{self.source}:{self.workflow_id}"
