"""Facts of a Mind2Web step whose element is chosen among candidates, five at a time.

Candidates are the positives and negatives of rank under 50, shuffled once. What is shown next
depends on the answers, so a protocol plays the rounds (`etl.evaluate.protocols`).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import orjson

from etl.evaluate.facts.outline import BACKEND
from etl.evaluate.facts.recorded import Recorded
from etl.pages.page import Page
from etl.pages.reading import read as read_page
from etl.pages.text import text_of

FAMILY = "mind2web-multichoice"

TOP: Final = 50
"""Candidates are those of ranks under it."""
SHOWN: Final = 5
"""Candidates a round."""
_WORDS: Final = 10
_CHARACTERS: Final = 400

_SAYING: Final = (
    "role aria_role type alt aria_description aria_label label title name text_value value "
    "placeholder input_checked input_value option_selected"
).split()
"""Attributes that say something of an element, in the order in which they are shown."""


class Candidate(NamedTuple):
    """An element that is offered."""

    # the backend id
    id: str
    # its place on the cleaned page, for the order of choices; -1: it is not there
    place: int
    # its tag and up to ten words
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the multichoice protocols look at."""

    op: str
    value: str
    # positives of rank under 50, in their order
    positives: tuple[str, ...]
    # in the shuffled order
    candidates: tuple[Candidate, ...]
    # whether there is nothing to ask
    lost: Literal["", "no_positive_in_top_k", "single_candidate_not_asked"]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Facts:
        """The facts of a JSON object."""
        return cls(
            fields["op"],
            fields["value"],
            tuple(fields["positives"]),
            tuple(Candidate(*candidate) for candidate in fields["candidates"]),
            fields["lost"],
        )


def read(text: str | bytes) -> Facts:
    """Facts of their JSON."""
    return Facts.of(orjson.loads(text))


def made(
    action: Recorded,
    ranks: Mapping[str, int],
    shuffle: random.Random,
    *,
    top: int = TOP,
    page: Page | None = None,
) -> Facts:
    """The facts of a recorded action.

    ranks: of the backend ids, from 0 on; one without a rank is no candidate. shuffle: shuffles the
    candidates, as the reference does with Python's own generator. page: the step's
    ``cleaned_html`` if it has been read.
    """
    positives = tuple(node for node in action.positives if ranks.get(node, top) < top)
    if not positives:
        return Facts(action.op, action.value, (), (), "no_positive_in_top_k")
    negatives = [node for node in action.negatives if ranks.get(node, top) < top]
    order = [*positives, *negatives]
    shuffle.shuffle(order)
    page = page if page is not None else read_page(action.cleaned_html)
    places = _places(page, order)
    return Facts(
        op=action.op,
        value=action.value,
        positives=positives,
        candidates=tuple(_candidate(page, node, places.get(node, -1)) for node in order),
        lost="" if len(order) > 1 else "single_candidate_not_asked",
    )


def as_choices(shown: Sequence[Candidate]) -> list[str]:
    """Candidates in words, as prompts list them: ``(button id=0 Update search)``.

    The number is the place among what is shown.
    """
    return [
        f"({tag} id={at}{' ' if words else ''}{words})"
        for at, (tag, _, words) in enumerate(one.text.partition(" ") for one in shown)
    ]


def _places(page: Page, wanted: Sequence[str]) -> dict[str, int]:
    """The index of the first element of each backend id."""
    places: dict[str, int] = {}
    for element, token in page.having("", BACKEND):
        backend = token.attributes().get(BACKEND)
        if backend is not None:
            places.setdefault(backend, element)
    return {backend: places[backend] for backend in wanted if backend in places}


def _candidate(page: Page, backend: str, element: int) -> Candidate:
    if element < 0:
        return Candidate(backend, -1, "")
    token = page.tokens[page.position(element)]
    attributes = token.attributes()
    said = [attributes.get(name, "") for name in _SAYING]
    said.append(text_of(page, element, _CHARACTERS))
    words = " ".join(dict.fromkeys(filter(None, said))).split()[:_WORDS]
    return Candidate(backend, element, " ".join([token.tag, *words]))
