"""Steps of scenarios: what the recorder does, and what the plots of all web applications share."""

from __future__ import annotations

from dataclasses import dataclass

HOSTS = {
    "shop": "shop.example",
    "tracker": "tracker.test",
    "booking": "rooms.booking.example.net",
    "ledger": "books.ledger.example.org",
    "library": "library.invalid",
}
PEOPLE = (
    "Ann Lee",
    "Marek Dvořák",
    "Leila Osei",
    "Tobias Falk",
    "Rosa Quinn",
    "Ivo Anders",
    "Nia Bramwell",
)
TOWNS = (
    ("1071", "Amstelveld"),
    ("4020", "Lindau"),
    ("D02", "Ballymore"),
    ("8000", "Aabenraa"),
    ("1200", "Santa Luz"),
)
COUNTRIES = ("Austria", "Belgium", "Denmark", "Ireland", "Netherlands", "Portugal")


@dataclass(frozen=True, slots=True)
class Do:
    """One action to perform: ``kind``, the element's CSS in the live page (empty: none), the value,
    a description.
    """

    kind: str
    at: str = ""
    value: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One workflow to record; ``path`` is where it starts, ``reward`` is 1.0 when its objective is
    reached.
    """

    workflow_id: str
    app: str
    objective: str
    path: str
    steps: tuple[Do, ...]
    reward: float

    @property
    def host(self) -> str:
        """The host name that the recording's URLs show."""
        return HOSTS[self.app]


Plot = tuple[str, str, list[Do]]
"""Objective, starting path, steps."""


def click(at: str, label: str) -> Do:
    """A click described by the label of what is clicked."""
    return Do("click", at, description=f'Click "{label}"')


def write(at: str, value: str, label: str) -> Do:
    """Typing that replaces what the field holds."""
    return Do("type", at, value, f'Type "{value}" in the {label} field')


def choose(at: str, value: str, label: str) -> Do:
    """An option of a ``select`` element, by its text."""
    return Do("select", at, value, f'Choose "{value}" in the {label} list')


def press(key: str, at: str = "") -> Do:
    """A key; without an element it goes to the page."""
    return Do("press", at, key, f"Press {key}")


def scroll(pixels: int) -> Do:
    """A scroll of the page, which has no element."""
    return Do("scroll", value=str(pixels), description=f"Scroll {'down' if pixels > 0 else 'up'}")


def a(noun: str) -> str:
    """The noun with its article."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def testid(name: str) -> str:
    """The CSS of an element with this ``data-testid``."""
    return f'[data-testid="{name}"]'
