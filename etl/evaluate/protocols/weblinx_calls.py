"""How WebLINX reads an answer: ``click(uid="...")`` as an intent and its arguments."""

from __future__ import annotations

from typing import Final, NamedTuple

from etl.evaluate.facts.weblinx import UNKNOWN, Argument, intent_of
from etl.evaluate.protocols.protocol import Stops

CORNERS: Final = ("top", "left", "right", "bottom")


class Call(NamedTuple):
    """An answer that was read."""

    intent: str
    arguments: dict[str, Argument]
    # the values as written, without their quotes
    texts: dict[str, str]


def read(answer: str) -> Call:
    """The first call of an answer.

    Raises:
        Stops: a value is of digits that are no number, such as a superscript; a coordinate is a
            number that is too large; the intent of ``action`` is a number.
    """
    word, inside = _parts(answer)
    arguments: dict[str, Argument] = {}
    texts: dict[str, str] = {}
    for piece in _pieces(inside):
        name, equals, value = piece.strip().partition("=")
        if equals:
            text = _unquoted(value.strip())
            arguments[name.strip()], texts[name.strip()] = _value(text), text
    intent = intent_of(word)
    if intent == "action":
        given = arguments.get("intent", UNKNOWN)
        if not isinstance(given, str):
            raise Stops("AttributeError")
        intent = intent_of(given)
    _sanitize(arguments)
    return Call(intent, arguments, texts)


def _parts(answer: str) -> tuple[str, str]:
    """The word before the first bracket, and what stands in it up to one outside of quotes."""
    start = answer.find("(")
    if start < 0:
        return "", ""
    begin = start
    while begin and (answer[begin - 1].isalnum() or answer[begin - 1] == "_"):
        begin -= 1
    end, place = len(answer), start
    while (close := answer.find(")", place)) >= 0:
        if answer.count('"', start, close) % 2 == 0:
            end = close
            break
        place = close + 1
    return answer[begin:start], answer[start + 1 : end]


def _pieces(inside: str) -> list[str]:
    """What stands between commas outside of quotes."""
    pieces: list[str] = []
    opened = False
    for piece in inside.split(","):
        if opened:
            pieces[-1] += "," + piece
        else:
            pieces.append(piece)
        opened ^= piece.count('"') % 2 == 1
    return pieces


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith('"') and text.endswith('"') else text


def _value(text: str) -> Argument:
    """A value; whether it was quoted or not, a number is one."""
    if "." in text:
        try:
            return float(text)
        except ValueError:
            return text
    if text.isdigit() or (text.startswith("-") and text[1:].isdigit()):
        try:
            return int(text)
        except ValueError as error:
            raise Stops("ValueError") from error
    return text


def _sanitize(arguments: dict[str, Argument]) -> None:
    """Make coordinates and corners floats, or None."""
    for one, other in (("x", "y"), ("y", "x")):
        if one in arguments and other not in arguments:
            given = arguments[one]
            if isinstance(given, str) and f"{other}=" in given:
                arguments[one], _, arguments[other] = given.partition(f"{other}=")
            else:
                arguments[one] = arguments[other] = None
    for name in ("x", "y", *CORNERS):
        if name in arguments:
            arguments[name] = _float(arguments[name])


def _float(value: Argument) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return None
    except OverflowError as error:
        raise Stops("OverflowError") from error
