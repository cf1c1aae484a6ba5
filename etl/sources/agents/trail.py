"""The steps of a trajectory, put together from pages and calls in their order.

A call is a step on the page that was seen last before it. A page serves one call, because an action
may change it: a call that follows another one without a page between them has none. Only looking at
a page and talking leave it as it is. A result that begins with "Error" is the error of the call
before it. A text that is sent is typed, then Enter is pressed: two steps.

The call as it was recorded, its thoughts and unknown arguments are kept in the step's ``meta``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from etl.inputs.extras import Extras
from etl.inputs.mended import whole_text
from etl.sources.agents.calls import Done, done
from etl.sources.agents.results import Result
from etl.tally import Odd
from schemas.recorded_actions import action
from schemas.workflow import Step

_LEAVES_PAGE: Final = frozenset(("observe", "message"))
_LABELLED: Final = re.compile(
    r"^[ \t]*(?:objective|task)[ \t]*:[ \t]*(\S[^\n]*)|"
    r"\bfollowing (?:objective|task)[ \t]*:[ \t]*(\S[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_FINISHED: Final = re.compile(r"\s*<finish>(.*)</finish>\s*", re.DOTALL)


def objective(text: str) -> str:
    """The objective in a user's first message: what it labels so, else the whole message."""
    hit = _LABELLED.search(text)
    return " ".join((next(filter(None, hit.groups())) if hit else text).split())


class Trail:
    """Collects the steps of one trajectory."""

    def __init__(self, odd: list[Odd]) -> None:
        self.steps: list[Step] = []
        self._odd = odd
        self._page = Result()
        self._fresh = False

    def see(self, result: Result) -> None:
        """Take in what a call gave back, or a page."""
        html, halves = whole_text(result.html)
        axtree, more = whole_text(result.axtree)
        self._odd += [("half_character", "")] * (halves + more)
        url = result.url or self._page.url
        if result.error and self.steps and not self.steps[-1].error:
            self.steps[-1] = replace(self.steps[-1], error=result.error)
        if html or axtree:
            self._page = Result(html, axtree, url)
            self._fresh = True
        else:
            self._page = self._page._replace(url=url)

    def call(
        self, id: str, function: str, arguments: Mapping[str, Any], said: Mapping[str, Any]
    ) -> None:
        """Add the steps of a call. said: what else is known of it, kept in ``meta``."""
        for number, one in enumerate(done(function, arguments)):
            kept = {**said, "call": {"function": function, "arguments": dict(arguments)}}
            self._add(f"{id}.{number + 1}" if number else id, one, {} if number else kept)

    def message(self, id: str, text: str, said: Mapping[str, Any]) -> None:
        """Add a message to the user, or the end that it is marked as."""
        finished = _FINISHED.fullmatch(text)
        word, words = ("stop", finished[1].strip()) if finished else ("message", text)
        self._add(id, Done(action(word, words, on_element=False)), said)

    def code(self, id: str, language: str, text: str, said: Mapping[str, Any]) -> None:
        """Add a program."""
        self._add(id, Done(action("code", text, on_element=False)), {**said, "language": language})

    def show(self, result: Result) -> None:
        """Take in a page of an export of ours, as it is."""
        self._page, self._fresh = result, True

    def own(self, step: Step) -> None:
        """Add a step of an export of ours, all but its page."""
        self._take(step)
        self._page, self._fresh = Result(), False

    def _add(self, id: str, one: Done, said: Mapping[str, Any]) -> None:
        extras = Extras(self._odd)
        extras.declared({name: value for name, value in said.items() if value not in (None, "")})
        extras.unknown(one.rest, frozenset(), "arguments.")
        made = Step(id, "", "", one.action, one.target, destination=one.destination)
        self._take(replace(made, meta=extras.text()))

    def _take(self, step: Step) -> None:
        page = self._page if self._fresh else Result(url=self._page.url)
        self.steps.append(step.with_fields(url=page.url, html=page.html, axtree=page.axtree))
        self._fresh = self._fresh and step.action.kind in _LEAVES_PAGE
