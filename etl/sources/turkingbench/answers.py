"""The actions that an answer in a form stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from etl.inputs.documents.forms import TYPED, Control, Form, chosen, kind_of, label_of, value_of
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator

EMPTY: Final = frozenset(("", "nan", "{}", "'{}'"))
"""What the benchmark writes for no answer."""

_UNTOUCHED: Final = frozenset(("hidden", "submit", "button", "image", "reset"))
"""Types of ``input`` that hold no answer of a person."""
_FIELDS: Final = TYPED | {"textarea", "range", "color", "file"}
_NUMBER: Final = re.compile(r"[-+]?[0-9]*\.?[0-9]{1,300}")
_BY_KIND: Final = {"file": "upload", "range": "change", "color": "change"}


class Act(NamedTuple):
    """One action in a form."""

    # of its element in the page, by which actions are ordered
    place: int
    action: Action
    target: tuple[Locator, ...]
    # as recorded
    answer: str
    # changes the page as the action does
    apply: Callable[[], None]


def acts(form: Form, name: str, answer: str) -> Iterator[Act | str]:
    """The actions of one answer; a text for each part of it that has no element in the page.

    An answer that the page shows already is no action. Radio buttons and boxes are found by their
    values, as the benchmark does: a number may be written as a float. A box may have several
    answers between bars. If several elements fit, the target is all of them, so that the step is
    dropped as ambiguous.
    """
    named = [each for each in form.named(name) if _usable(each)]
    boxes = [each for each in named if kind_of(each) in ("radio", "checkbox")]
    lists = [each for each in named if kind_of(each) == "select"]
    fields = [each for each in named if kind_of(each) in _FIELDS]
    if boxes:
        several = any(kind_of(each) == "checkbox" for each in boxes)
        for part in answer.split("|") if several else (answer,):
            if part not in EMPTY:
                yield from _ticked(form, boxes, part)
    elif len(lists) == 1:
        yield from _selected(form, lists[0], answer)
    elif fields and not lists:
        yield from _written(form, fields, answer)
    else:
        yield answer


def _usable(control: Control) -> bool:
    """Whether a person can answer in it."""
    if "disabled" in control.attributes or kind_of(control) in _UNTOUCHED:
        return False
    return not ("readonly" in control.attributes and kind_of(control) in _FIELDS)


def _fitting(controls: list[Control], answer: str) -> list[Control]:
    """Those with the value of an answer."""
    found = [each for each in controls if value_of(each) == answer]
    if not found and _NUMBER.fullmatch(answer):
        whole = str(int(float(answer)))
        found = [each for each in controls if value_of(each) == whole]
    return found


def _targets(form: Form, found: list[Control]) -> tuple[Locator, ...]:
    """The one element that was found, or the name that several share."""
    if len(found) == 1:
        return (form.locator(found[0]),)
    return (Locator("attribute", found[0].attributes["name"], "name"),)


def _ticked(form: Form, boxes: list[Control], answer: str) -> Iterator[Act | str]:
    found = _fitting(boxes, answer)
    if not found:
        yield answer
    elif len(found) > 1 or "checked" not in found[0].attributes:
        one = found[0]
        word = "click" if kind_of(one) == "radio" else "check"
        made = action(word, on_element=True)

        def apply() -> None:
            if len(found) == 1:
                form.tick(one)

        yield Act(one.element, made, _targets(form, found), answer, apply)


def _selected(form: Form, control: Control, answer: str) -> Iterator[Act | str]:
    found = _fitting(control.options, answer)
    if not found:
        yield answer
    elif found[0] not in chosen(control):
        option = found[0]
        made = action("select", label_of(option) or value_of(option), on_element=True)
        yield Act(
            control.element,
            made,
            (form.locator(control),),
            answer,
            lambda: form.choose(control, option),
        )


def _written(form: Form, fields: list[Control], answer: str) -> Iterator[Act | str]:
    one = fields[0]
    if len(fields) > 1 or value_of(one) != answer:
        made = action(_BY_KIND.get(kind_of(one), "type"), answer, on_element=True)

        def apply() -> None:
            if len(fields) == 1 and kind_of(one) != "file":
                form.write(one, answer)

        yield Act(one.element, made, _targets(form, fields), answer, apply)
