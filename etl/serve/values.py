"""What a description says beside its kind: the inverse of `etl.stages.wording.phrased`."""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from etl.stages.wording import BEFORE_LABEL, IN_NUMBERS, KEYS, SEVERAL
from schemas.actions import BUTTONS, KINDS, MODIFIERS, several
from schemas.errors import AnswerError

_TEXT: Final = r'"(?:[^"\\]|\\.)*"'
_TEXTS: Final = rf"{_TEXT}(?:, {_TEXT})*"
_NUMBERS: Final = r"-?\d[-\d., x]*"
_AMOUNT: Final = r"-?\d+(?:\.\d+)?"
_BY: Final = rf" by {_AMOUNT} pixels"
_WAYS: Final = rf"(?:up|down|left|right)(?:{_BY}(?: and (?:up|down){_BY})?)?|by 0 pixels"
_WAY: Final = re.compile(rf"(up|down|left|right)(?: by ({_AMOUNT}))?")
_MOVED: Final = rf"by {_AMOUNT},{_AMOUNT}"
_KEY_NAMES: Final = "|".join(sorted(set(MODIFIERS.values())))
_HELD: Final = re.compile(rf"(?:^| )while holding ((?:{_KEY_NAMES})(?:\+(?:{_KEY_NAMES}))*)$")
_BUTTON: Final = re.compile(rf"(?:^| )with the ({'|'.join(BUTTONS)}) button$")
_END: Final = re.compile(rf"(?:^| )to node (\d{{1,9}})(?: {_TEXT})?$")
_ANY_QUOTES: Final = re.compile(rf"{_TEXT}|“[^”]*”|`[^`]*`|(?<!\w)'[^']*'(?!\w)")
_FIRST: Final = re.compile(rf"\S+ ({_TEXT})(?: |$)")


class Said(NamedTuple):
    """What a description says."""

    value: str
    button: str = ""
    modifiers: tuple[str, ...] = ()
    # node id of the element on which a drag ends; -1: none
    destination: int = -1


def said(kind: str, description: str, on_element: bool, label: str | None) -> Said:
    """What a description says of an action.

    label: of the element, in quotes; empty: it has none; None: nobody knows.

    Raises:
        AnswerError: ``no_value`` for a kind that needs one, ``ambiguous_value`` where several texts
            may be meant.
    """
    body, modifiers, button, destination = description, (), "", -1
    held = _HELD.search(body)
    if held:
        body, modifiers = body[: held.start()], tuple(held[1].split("+"))
    pressed = _BUTTON.search(body)
    if pressed:
        body, button = body[: pressed.start()], pressed[1]
    end = _END.search(body) if kind == "drag" else None
    if end:
        body, destination = body[: end.start()], int(end[1])
    if held or pressed or end:
        body = body.removesuffix(":")
    value = _value(kind, body, on_element, label) if KINDS[kind].value != "none" else ""
    if value is None:
        if KINDS[kind].value == "needed":
            raise AnswerError(
                "no_value",
                f"a {kind} says {KINDS[kind].says}, and the description does not, in quotes or "
                f"after a colon: {description[:200]!r}",
            )
        value = ""
    return Said(value, button, modifiers, destination)


def _value(kind: str, body: str, on_element: bool, label: str | None) -> str | None:
    """The value in what is left of a description; None if it says none."""
    form = rf"(?P<value>{_form(kind)})"
    verb = re.escape(KINDS[kind].verb)
    if kind in BEFORE_LABEL:
        hit = re.fullmatch(rf"{verb} {form}(?: {BEFORE_LABEL[kind]} {_TEXT})?", body)
    elif kind in ("scroll", "drag"):
        hit = re.fullmatch(rf"{verb}(?: {_TEXT})? {form}|{verb}(?: {_TEXT})?", body)
        only = re.fullmatch(rf"{verb} ({_TEXT})", body)
        if only and on_element and label in (None, only[1]):
            return None  # it is the label
    else:
        hit = re.fullmatch(rf"{verb} {_TEXT}: {form}|{verb}(?: {_TEXT}:?)?", body)
        alone = re.fullmatch(rf"{verb} {form}", body)
        # a text alone is the label that nobody knows, unless the kind cannot be without a value
        unknown = label is None and KINDS[kind].value != "needed"
        if alone and not (on_element and (unknown or label == alone["value"])):
            hit = alone
    hit = hit or re.search(rf": {form}$", body)
    if hit is not None:
        return None if hit["value"] is None else _meant(kind, hit["value"])
    return _recorded(kind, body, label)


def _form(kind: str) -> str:
    """The pattern of a value as a description has it."""
    if kind in SEVERAL:
        return _TEXTS
    more = {"scroll": _WAYS, "drag": _MOVED} | dict.fromkeys(IN_NUMBERS, _NUMBERS)
    return f"{_TEXT}|{more[kind]}" if kind in more else _TEXT


def _meant(kind: str, written: str) -> str:
    """A value from its form in a description."""
    if written.startswith('"'):
        return _joined(kind, [_unquoted(text) for text in re.findall(_TEXT, written)])
    if kind == "drag":
        return written.removeprefix("by ")
    return _scrolled(written) if kind == "scroll" else written


def _scrolled(written: str) -> str:
    """A scroll in the words of its kind: a direction, with pixels, or both distances."""
    ways = _WAY.findall(written)
    if len(ways) == 1:
        return " ".join(filter(None, ways[0]))
    signed = ["-" * (way in ("left", "up")) + far for way, far in ways]
    return ",".join(signed) or "0,0"


def _joined(kind: str, texts: list[str]) -> str:
    return several(texts) if kind in SEVERAL else texts[0]


def _recorded(kind: str, body: str, label: str | None) -> str | None:
    """The value in a description in a recorder's own words; None if it says none."""
    if first := _FIRST.match(body):
        return _joined(kind, [_unquoted(first[1])])
    texts = [_unquoted(text) for text in _ANY_QUOTES.findall(body)]
    if len(texts) > 1 and label:
        texts = [text for text in texts if text != json.loads(label)] or texts
    if len(texts) > 1 and kind not in SEVERAL:
        raise AnswerError(
            "ambiguous_value",
            f"the value may be any of {', '.join(map(repr, texts))}: {body[:200]!r}",
        )
    if texts:
        return _joined(kind, texts)
    if kind in KEYS and (key := re.fullmatch(r"\w+ (?:the )?([^\s\"]+)(?: .*)?", body)):
        return key[1].removesuffix(".") or key[1]
    return None


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]
