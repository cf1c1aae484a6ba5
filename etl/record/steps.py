"""Steps: what pages tell of the user's actions, in order, as steps of a workflow.

Pages tell an action when it is over or cannot be anything else, and the text of a field as it
grows. A step holds the page as it was before the action. What is known besides is in its ``meta``:

- ``seconds``: when it was done, from the beginning of the recording.
- ``tab``: the number of the tab, from 0 in the order in which they were opened; where there was
  more than one.
- ``frame``: true if the page is a frame of another site, which is recorded by itself; ``page_url``
  is then the address of the tab.
- ``closed_frames``: how many frames of other sites the page holds, which are empty in it.
- ``secret``: true if what was typed is a password or the like, and so not recorded.
- ``clicked``: the selector of the innermost element under the pointer, where the target is the
  button or link around it.
- ``page``: why the page may not be the one just before the action.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from schemas.actions import several
from schemas.recorded_actions import action
from schemas.workflow import Locator, Step

Told = dict[str, Any]
"""A message of a page."""

_CLICKS: Final = {2: "double_click", 3: "triple_click"}
_SECRET_NAME: Final = re.compile(
    r"pass(word|wd|code|phrase)?$|^pwd$|^otp$|^pin$|^cvv$|^cvc$", re.IGNORECASE
)
_BLANK: Final = "<html><head></head><body></body></html>"


@dataclass
class Slot:
    """A place in the order of steps; it may turn out to hold none."""

    told: Told | None = None
    # the number of the tab
    tab: int = 0
    page_url: str = ""
    note: str = ""


class Steps:
    """The steps so far."""

    def __init__(self, started: float) -> None:
        """started: when the recording began, in seconds since 1970."""
        self.left_out: Counter[str] = Counter()
        self._started = started
        self._slots: list[Slot] = []
        self._by_id: dict[str, Slot] = {}
        self._secret_names: set[str] = set()

    def __len__(self) -> int:
        return sum(slot.told is not None for slot in self._slots)

    def place(self, tab: int) -> Slot:
        """The next place in the order."""
        slot = Slot(tab=tab)
        self._slots.append(slot)
        return slot

    def fill(
        self, slot: Slot, kind: str, value: str, page: Told, at: float, note: str = ""
    ) -> None:
        """Put an action without element into its place.

        page: ``url`` and ``html`` of the page before it. at: milliseconds since 1970. note: why
        that page may be another one.
        """
        self._secret_names.update(page.get("secrets", ()))
        page = {"url": page.get("url", "about:blank"), "html": page.get("html") or _BLANK}
        slot.told = {**page, "kind": kind, "value": value, "at": at}
        slot.note = note

    def step(self, told: Told, tab: int, page_url: str) -> None:
        """An action that a page tells of."""
        self._secret_names.update(told.get("secrets", ()))
        first = self._by_id.get(told.get("again", ""))
        if first is not None and first.told is not None and first is self._last():
            first.told["kind"] = _CLICKS.get(told["times"], first.told["kind"])
            self._by_id[told["id"]] = first
            return
        slot = self.place(tab)
        slot.told, slot.page_url = told, page_url
        self._by_id[told["id"]] = slot

    def value(self, told: Told) -> None:
        """What a field or list holds now."""
        if (slot := self._by_id.get(told["id"])) is not None and slot.told is not None:
            slot.told["value"] = "" if slot.told.get("secret") else told["value"]

    def _last(self) -> Slot | None:
        return next((slot for slot in reversed(self._slots) if slot.told is not None), None)

    def opens_behind(self, tab: int) -> bool:
        """Whether the last action, in this tab, was a click that opens links in a tab behind it."""
        slot = self._last()
        if slot is None or slot.told is None or slot.tab != tab:
            return False
        held = {"Control", "Meta"} & set(slot.told.get("modifiers", ()))
        return slot.told["kind"] == "middle_click" or (slot.told["kind"] == "click" and bool(held))

    def last_page(self, tab: int) -> Told:
        """The page before the last action in a tab."""
        for slot in reversed(self._slots):
            if slot.tab == tab and slot.told is not None and not slot.told.get("frame"):
                return slot.told
        return {}

    def drop_last(self, kind: str) -> None:
        """Take away actions of a kind at the end."""
        while (slot := self._last()) is not None and slot.told and slot.told["kind"] == kind:
            slot.told = None

    def read(self) -> tuple[Step, ...]:
        """The steps, numbered from 1."""
        done = [slot for slot in self._slots if slot.told is not None]
        several_tabs = len({slot.tab for slot in done}) > 1
        steps = (self._step(slot, number, several_tabs) for number, slot in enumerate(done, 1))
        return tuple(steps)

    def _step(self, slot: Slot, number: int, several_tabs: bool) -> Step:
        told = slot.told
        assert told is not None
        value = told.get("value", "")
        texts = several(value) if isinstance(value, list) and value else value or ""
        target, destination = (_locators(told.get(key, ())) for key in ("target", "destination"))
        kind = told["kind"]
        if kind == "type" and not texts and not told.get("secret"):
            kind = "clear"
        return Step(
            step_id=str(number),
            url=self._without_secrets(told["url"]),
            html=told["html"],
            action=action(
                kind, texts, on_element=bool(target), modifiers=told.get("modifiers", ())
            ),
            target=target,
            destination=destination,
            number=number,
            meta=json.dumps(self._meta(slot, told, several_tabs), ensure_ascii=False),
        )

    def _meta(self, slot: Slot, told: Told, several_tabs: bool) -> dict[str, Any]:
        meta: dict[str, Any] = {"seconds": round(told["at"] / 1000 - self._started, 3)}
        if several_tabs:
            meta["tab"] = slot.tab
        if told.get("frame"):
            meta |= {"frame": True, "page_url": self._without_secrets(slot.page_url)}
        if told.get("closed"):
            meta["closed_frames"] = told["closed"]
        if told.get("secret"):
            meta["secret"] = True
        if exact := told.get("exact"):
            meta["clicked"] = exact[0]["value"]
        if told.get("late"):
            meta["page"] = "taken just after the action"
        if slot.note:
            meta["page"] = slot.note
        return meta

    def _without_secrets(self, url: str) -> str:
        """An address without the values of fields that hold passwords."""
        parts = urlsplit(url)
        if not parts.query:
            return url
        pairs = [pair.partition("=") for pair in parts.query.split("&")]
        kept = [
            f"{name}{equals}{'' if self._is_secret(name) else value}"
            for name, equals, value in pairs
        ]
        return urlunsplit(parts._replace(query="&".join(kept)))

    def _is_secret(self, name: str) -> bool:
        return name in self._secret_names or bool(_SECRET_NAME.search(name))


def _locators(told: Any) -> tuple[Locator, ...]:
    return tuple(Locator(each["kind"], each["value"], each.get("name", "")) for each in told)
