"""Steps in the making, and presses of the mouse or a finger that may become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from etl.sources.rrweb.events import Event
from etl.sources.rrweb.node import DOCUMENT, ELEMENT, Node
from etl.sources.rrweb.page import Page
from schemas.workflow import Locator

SLACK = 20  # px that the pointer may move in a click
NO_CLICK_SLACK = 3  # px that it may move if no click came of it


@dataclass(slots=True)
class Draft:
    """A step in the making."""

    kind: str
    # the element's id; -1: the action has none
    id: int
    # its first event
    event: Event
    url: str
    # the page before it, until the step is settled; None: not known
    page: Page | None
    # the element in that page
    node: Node | None
    value: str = ""
    # numbers of its events
    numbers: list[int] = field(default_factory=list)
    # the time of its last event
    until: float | None = None
    # what the field held before; where the view was before
    before: Any = None
    # where the view is now
    now: Any = None
    # the element on which a drag ends
    end: Node | None = None
    # the field that a click on its label clicked, too
    control: int = -1
    masked: str = ""
    # the text that a field held grew
    grown: bool = False
    # the markup of its page once it is settled, as it is held
    html: Any = ""
    target: tuple[Locator, ...] = ()
    destination: tuple[Locator, ...] = ()

    def __post_init__(self) -> None:
        self.numbers.append(self.event.number)
        self.until = self.event.time

    def add(self, *events: Event) -> None:
        """Take in further events."""
        for event in events:
            self.numbers.append(event.number)
            self.until = event.time

    def retarget(self, id: int, node: Node | None) -> None:
        """Give it another element, if its page has it."""
        if self.page is not None and node is not None and node in self.page.numbers:
            self.id, self.node = id, node

    def settle(self, hold: Callable[[Page], Any]) -> None:
        """Write down what its page says, and let the page go.

        hold: the page's markup as it is to be held.
        """
        if self.page is None:
            return
        self.html = hold(self.page)
        self.target = _found(self.page, self.node)
        self.destination = _found(self.page, self.end)
        self.page = self.node = self.end = None


def _found(page: Page, node: Node | None) -> tuple[Locator, ...]:
    locator = page.locator(node) if node is not None else None
    return () if locator is None else (locator,)


@dataclass(slots=True)
class Press:
    """The mouse or a finger went down."""

    event: Event
    id: int
    node: Node | None
    url: str
    touch: bool
    # the page as it went down, if it has changed since
    page: Page | None = None
    # all its events so far
    events: list[Event] = field(default_factory=list)
    # it came up
    up: Event | None = None
    end: Node | None = None
    # a finger moved, or something was dragged
    moved: bool = False
    # the step of which it is a part
    draft: Draft | None = None

    def __post_init__(self) -> None:
        self.events.append(self.event)

    def distance(self) -> tuple[float, float] | None:
        """How far the pointer moved, in pixels; None if that is not known."""
        if self.up is None:
            return None
        if document_of(self.node) is not document_of(self.end):
            return None
        down, up = self.event.data, self.up.data
        places: list[Any] = [each.get(key) for each in (down, up) for key in ("x", "y")]
        if any(type(each) not in (int, float) for each in places):
            return None
        x, y, to_x, to_y = places
        return to_x - x, to_y - y

    def far(self, slack: float) -> bool:
        """Whether the pointer is known to have moved further than that."""
        moved = self.distance()
        return moved is not None and moved[0] ** 2 + moved[1] ** 2 > slack**2


def document_of(node: Node | None) -> Node | None:
    """The document that holds a node, that of a frame or of the page."""
    if node is None:
        return None
    return next((each for each in node.around() if each.kind == DOCUMENT), None)


def element_of(node: Node | None) -> Node | None:
    """The element that a node is or lies in; None for a document."""
    while node is not None and node.kind != ELEMENT:
        node = node.parent if node.kind != DOCUMENT else None
    return node
