"""Conditions of rules: a small language over documented columns, checked before work starts.

::

    steps < 3 and not (reward >= 1)
    kind in ("click", "select") and url matches "[?]debug="
    page_chars > 2_000_000 or objective contains "lorem ipsum"
    reward is null

From loose to tight: ``or``, ``and``, ``not``; one comparison (``= != < <= > >=``, ``in``,
``contains``, ``matches``, ``is null``, the last four with ``not`` if wanted); ``+ -``; ``* /``.
``length(text)``, ``words(text)`` and ``lower(text)`` are functions. Values are numbers, texts in
single or double quotes, ``true`` and ``false``. ``matches`` looks for a regular expression of
Python anywhere in the text.

What is unknown is null, as in SQL: a comparison with it is null, and a rule whose condition is null
drops nothing. So is a division by zero.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from schemas.errors import ConfigError

Type = Literal["number", "text", "truth"]
Value = float | int | str | bool | None
Evaluated = Callable[[Any], Value]
"""A function from a row to a value."""

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<number>\d[\d_]*(?:\.\d+)?)|(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<sign><=|>=|!=|==|[=<>()+\-*/,]))"""
)
_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_RECKONED: Final[Mapping[str, Callable[[Any, Any], float]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv
}  # fmt: skip
_FUNCTIONS: Final[Mapping[str, tuple[Type, Callable[[str], Value]]]] = {
    "length": ("number", len),
    "words": ("number", lambda text: len(text.split())),
    "lower": ("text", str.lower),
}
_WORDS: Final = frozenset(
    ("or", "and", "not", "in", "is", "null", "contains", "matches", "true", "false")
)
_DEEP: Final = 20
_SHOWN: Final = 200
_LONG: Final = 500
"""The most parentheses within each other, characters in a message, and words and signs."""


class Column(NamedTuple):
    """A column that a condition may name."""

    type: Type
    # its value in a row
    value: Evaluated


@dataclass(frozen=True)
class Condition:
    """A condition that was read and checked."""

    text: str
    # names of the columns that it looks at
    columns: frozenset[str]
    evaluated: Evaluated

    def holds(self, row: Any) -> bool:
        """Whether it is true of a row; false where it is null."""
        return self.evaluated(row) is True


def read(text: str, columns: Mapping[str, Column]) -> Condition:
    """Read a condition over these columns.

    Raises:
        ConfigError: it is no condition; it names the place in the text.
    """
    reader = _Reader(text, columns)
    typed = reader.whole()
    return Condition(text, frozenset(reader.used), typed.value)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Typed(NamedTuple):
    """A part of a condition: its type, its value in a row, and where it begins."""

    type: Type
    value: Evaluated
    at: int


class _Reader:
    """Reads from left to right; holds the place."""

    def __init__(self, text: str, columns: Mapping[str, Column]) -> None:
        self._text, self._columns = text, columns
        self._tokens = list(self._cut())
        self._at = 0
        self._deep = 0
        self.used: set[str] = set()

    def _cut(self) -> list[_Token]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                place = at + len(text[at:]) - len(text[at:].lstrip())
                raise self._error(place, f"{text[place]!r} begins nothing that is known")
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
            if len(tokens) == _LONG:
                raise self._error(
                    at, f"it has more than {_LONG} words and signs; make it two rules"
                )
        return [*tokens, _Token("end", "the end", len(text))]

    def _error(self, at: int, what: str) -> ConfigError:
        shown = self._text if len(self._text) <= _SHOWN else f"{self._text[:_SHOWN]}..."
        return ConfigError(f"at character {at + 1} of {shown!r}: {what}")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _is(self, *texts: str) -> bool:
        token = self._token
        if token.kind == "name":
            return token.text in texts and token.text in _WORDS
        return token.kind == "sign" and token.text in texts

    def _take(self) -> _Token:
        token = self._token
        self._at += 1
        return token

    def _need(self, text: str) -> None:
        if not self._is(text):
            raise self._error(self._token.at, f"{text} is missing before {self._token.text}")
        self._take()

    def _of(self, part: _Typed, wanted: Type, what: str) -> _Typed:
        if part.type != wanted:
            raise self._error(part.at, f"this is a {part.type}; {what} takes a {wanted}")
        return part

    def whole(self) -> _Typed:
        """The whole text."""
        part = self._of(self._either(), "truth", "a condition")
        if self._token.kind != "end":
            raise self._error(self._token.at, f"{self._token.text} is not expected here")
        return part

    def _deeper(self) -> None:
        self._deep += 1
        if self._deep > _DEEP:
            raise self._error(self._token.at, f"more than {_DEEP} parentheses within each other")

    def _either(self) -> _Typed:
        self._deeper()
        part = self._both()
        while self._is("or"):
            self._take()
            part = self._joined(part, self._both(), "or")
        self._deep -= 1
        return part

    def _both(self) -> _Typed:
        part = self._negated()
        while self._is("and"):
            self._take()
            part = self._joined(part, self._negated(), "and")
        return part

    def _joined(self, one: _Typed, other: _Typed, word: str) -> _Typed:
        first, second = (self._of(each, "truth", word).value for each in (one, other))
        decides = word == "or"

        def value(row: Any) -> Value:
            if (left := first(row)) is decides:
                return decides
            right = second(row)
            if right is decides:
                return decides
            return None if left is None or right is None else not decides

        return _Typed("truth", value, one.at)

    def _negated(self) -> _Typed:
        denied = False
        at = self._token.at
        while self._is("not"):
            self._take()
            denied = not denied
        part = self._compared()
        return _denied(self._of(part, "truth", "not"), at) if denied else part

    def _compared(self) -> _Typed:
        one = self._sum()
        if self._token.kind == "sign" and self._token.text in _COMPARED:
            sign = self._take()
            return self._comparison(one, self._sum(), sign)
        if self._is("is"):
            return self._null(one)
        denied = self._is("not")
        if denied:
            self._take()
        if self._is("in"):
            part = self._member(one)
        elif self._is("contains"):
            part = self._contains(one)
        elif self._is("matches"):
            part = self._matches(one)
        elif denied:
            raise self._error(self._token.at, "in, contains or matches is missing after not")
        else:
            return one
        return _denied(part, one.at) if denied else part

    def _comparison(self, one: _Typed, other: _Typed, sign: _Token) -> _Typed:
        if one.type != other.type:
            raise self._error(sign.at, f"a {one.type} is compared with a {other.type}")
        if one.type == "truth" and sign.text not in ("=", "==", "!="):
            raise self._error(sign.at, f"{sign.text} does not compare truths")
        compare, first, second = _COMPARED[sign.text], one.value, other.value

        def value(row: Any) -> Value:
            left, right = first(row), second(row)
            return None if left is None or right is None else compare(left, right)

        return _Typed("truth", value, one.at)

    def _null(self, one: _Typed) -> _Typed:
        self._take()
        denied = self._is("not")
        if denied:
            self._take()
        self._need("null")
        inner = one.value
        return _Typed("truth", lambda row: (inner(row) is None) is not denied, one.at)

    def _member(self, one: _Typed) -> _Typed:
        self._take()
        self._need("(")
        values: set[Value] = set()
        while True:
            item = self._of(self._sign(), one.type, "a list after in")
            values.add(item.value(None))
            if not self._is(","):
                break
            self._take()
        self._need(")")
        inner = one.value

        def value(row: Any) -> Value:
            given = inner(row)
            return None if given is None else given in values

        return _Typed("truth", value, one.at)

    def _sign(self) -> _Typed:
        """A literal, perhaps with a minus before it."""
        minus = self._is("-")
        if minus:
            self._take()
        if self._token.kind not in ("number", "text") and not self._is("true", "false"):
            raise self._error(self._token.at, "a list after in holds values only")
        part = self._primary()
        return self._minus(part) if minus else part

    def _contains(self, one: _Typed) -> _Typed:
        self._take()
        inner = self._of(one, "text", "contains").value
        other = self._of(self._sum(), "text", "contains").value

        def value(row: Any) -> Value:
            text, part = inner(row), other(row)
            return None if text is None or part is None else str(part) in str(text)

        return _Typed("truth", value, one.at)

    def _matches(self, one: _Typed) -> _Typed:
        self._take()
        inner = self._of(one, "text", "matches").value
        token = self._take()
        if token.kind != "text":
            raise self._error(token.at, "matches takes a regular expression in quotes")
        try:
            pattern = re.compile(token.text[1:-1])
        except re.error as error:
            raise self._error(token.at, f"no regular expression: {error}") from error

        def value(row: Any) -> Value:
            text = inner(row)
            return None if text is None else pattern.search(str(text)) is not None

        return _Typed("truth", value, one.at)

    def _sum(self) -> _Typed:
        return self._reckoned(("+", "-"), self._product)

    def _product(self) -> _Typed:
        return self._reckoned(("*", "/"), self._unary)

    def _reckoned(self, signs: tuple[str, str], inner: Callable[[], _Typed]) -> _Typed:
        part = inner()
        while self._token.kind == "sign" and self._token.text in signs:
            sign = self._take().text
            part = self._of_two(part, inner(), sign)
        return part

    def _of_two(self, one: _Typed, other: _Typed, sign: str) -> _Typed:
        first, second = (self._of(each, "number", sign).value for each in (one, other))
        reckon = _RECKONED[sign]

        def value(row: Any) -> Value:
            left, right = first(row), second(row)
            if left is None or right is None or (sign == "/" and right == 0):
                return None
            return reckon(left, right)

        return _Typed("number", value, one.at)

    def _unary(self) -> _Typed:
        minus = 0
        while self._is("-"):
            self._take()
            minus += 1
        part = self._primary()
        return self._minus(part) if minus % 2 else part

    def _minus(self, part: _Typed) -> _Typed:
        inner = self._of(part, "number", "-").value

        def value(row: Any) -> Value:
            given = inner(row)
            return None if given is None else -given  # type: ignore[operator]

        return _Typed("number", value, part.at)

    def _primary(self) -> _Typed:
        token = self._take()
        if token.kind == "number":
            plain = token.text.replace("_", "")
            number = float(plain) if "." in plain else int(plain)
            return _Typed("number", lambda _: number, token.at)
        if token.kind == "text":
            text = token.text[1:-1]
            return _Typed("text", lambda _: text, token.at)
        if token.kind == "sign" and token.text == "(":
            part = self._either()
            self._need(")")
            return part
        if token.kind != "name" or token.text in _WORDS - {"true", "false"}:
            raise self._error(token.at, f"a value is missing before {token.text}")
        if token.text in ("true", "false"):
            truth = token.text == "true"
            return _Typed("truth", lambda _: truth, token.at)
        return self._function(token) if self._is("(") else self._column(token)

    def _function(self, token: _Token) -> _Typed:
        if token.text not in _FUNCTIONS:
            raise self._error(
                token.at, f"there is no function {token.text}; there are: {', '.join(_FUNCTIONS)}"
            )
        kind, function = _FUNCTIONS[token.text]
        self._take()
        self._deeper()
        inner = self._of(self._sum(), "text", token.text).value
        self._deep -= 1
        self._need(")")

        def value(row: Any) -> Value:
            given = inner(row)
            return None if given is None else function(str(given))

        return _Typed(kind, value, token.at)

    def _column(self, token: _Token) -> _Typed:
        column = self._columns.get(token.text)
        if column is None:
            close = difflib.get_close_matches(token.text, self._columns, 1)
            hint = (
                f"did you mean {close[0]}?" if close else f"there are: {', '.join(self._columns)}"
            )
            raise self._error(token.at, f"there is no column {token.text}; {hint}")
        self.used.add(token.text)
        return _Typed(column.type, column.value, token.at)


def _denied(part: _Typed, at: int) -> _Typed:
    inner = part.value

    def value(row: Any) -> Value:
        given = inner(row)
        return None if given is None else not given

    return _Typed("truth", value, at)
