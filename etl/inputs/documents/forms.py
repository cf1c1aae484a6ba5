"""A page whose forms are filled in step by step, as a browser would write it after each step.

A document's HTML does not change when a person types: its elements' properties do. Recorders write
these as attributes, and so does this: ``value``, ``checked``, ``selected``, and a textarea's text.
The elements stay the same, so that a node id holds for the page after any step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from etl.inputs.markup import Markup
from etl.pages.controls import Control, controls
from schemas.workflow import Locator

__all__ = ["TYPED", "Control", "Form", "chosen", "kind_of", "label_of", "value_of"]

TYPED: Final = frozenset(
    "text password email number tel url search date datetime-local month time week".split()
)
"""Types of ``input`` that take text from the keyboard."""
_TYPES: Final = TYPED | frozenset(
    "button checkbox color file hidden image radio range reset submit".split()
)


def kind_of(control: Control) -> str:
    """Its tag, or an ``input``'s type as browsers take it: an unknown one is ``text``."""
    given = control.attributes.get("type", "").lower()
    return control.tag if control.tag != "input" else given if given in _TYPES else "text"


def value_of(control: Control) -> str:
    """What it holds, or sends if it is chosen."""
    if kind_of(control) == "textarea":
        return control.text.removeprefix("\n")
    if "value" in control.attributes:
        return control.attributes["value"]
    if control.tag == "option":
        return label_of(control)
    return "on" if kind_of(control) in ("checkbox", "radio") else ""


def label_of(option: Control) -> str:
    """The text of an option, as it is shown."""
    return " ".join(option.text.split())


class Form:
    """All controls of a page."""

    def __init__(self, html: str) -> None:
        """Raises: `PageError` as `etl.pages.controls.controls`."""
        self._page = controls(html)
        self._changes: dict[int, tuple[int, str]] = {}

    def named(self, name: str) -> list[Control]:
        """The controls of a name, in document order."""
        return [each for each in self._page.found if each.attributes.get("name") == name]

    def locator(self, control: Control) -> Locator:
        """What finds a control in the page after any step."""
        return Locator("node", str(self._page.elements - 1 - control.element))

    def html(self) -> str:
        """The page as it is now."""
        parts: list[str] = []
        at = 0
        for start, (end, text) in sorted(self._changes.items()):
            parts += self._page.html[at:start], text
            at = end
        return "".join((*parts, self._page.html[at:]))

    def write(self, control: Control, value: str) -> None:
        """Put a value into a field."""
        if control.tag == "textarea":
            control.text = value
            markup = Markup()
            markup.start("textarea", control.attributes.items())
            markup.text(value)
            self._changes[control.start] = (control.text_end, markup.html())
        else:
            self._set(control, "value", value)

    def tick(self, control: Control) -> None:
        """Tick a box; of radio buttons of a name, only one stays chosen."""
        if kind_of(control) == "radio":
            for other in self.named(control.attributes.get("name", "")):
                if kind_of(other) == "radio" and "checked" in other.attributes:
                    self._set(other, "checked", None)
        self._set(control, "checked", "")

    def choose(self, control: Control, option: Control) -> None:
        """Choose one option of a list, and no other."""
        for other in control.options:
            if "selected" in other.attributes and other is not option:
                self._set(other, "selected", None)
        self._set(option, "selected", "")

    def _set(self, control: Control, name: str, value: str | None) -> None:
        """Give an attribute a value, or take it away."""
        control.attributes.pop(name, None)
        if value is not None:
            control.attributes[name] = value
        markup = Markup()
        markup.start(control.tag, control.attributes.items())
        self._changes[control.start] = (control.end, markup.html())


def chosen(control: Control) -> Iterator[Control]:
    """The options of a list that are chosen: without ``selected``, the first of a single one."""
    marked = [each for each in control.options if "selected" in each.attributes]
    several = "multiple" in control.attributes
    yield from marked if several else marked[-1:] or control.options[:1]
