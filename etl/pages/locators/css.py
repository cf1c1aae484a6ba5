"""CSS selectors, parsed as Chromium does: text -> parts with their conditions, and combinators.

This is Selectors Level 4 for `querySelectorAll`: lists in ``:is()``, ``:not()`` and
``:nth-child(... of ...)``, ``:has()``, flags of attributes, escapes, comments, and brackets left
open at the end. An error in Chromium is an error here. Pseudo-classes that depend on layout or on
what a person does (``:hover``, ``:valid``) are parsed and refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from etl.pages.tokens import lower
from schemas.errors import PageError

LOCATOR_LIMIT: Final = 16_384
"""Most characters of a CSS selector or XPath."""

_NESTING_LIMIT: Final = 40  # pseudo-classes within each other


class Test(NamedTuple):
    """A condition on an attribute."""

    name: str
    # empty if the attribute only has to be there
    operator: str = ""
    value: str = ""
    # `i`: case does not count; or empty
    flag: str = ""
    # `*` for any; or empty
    namespace: str = ""


class Pseudo(NamedTuple):
    """A pseudo-class."""

    name: str
    # the selectors in its brackets
    selectors: tuple[Chain, ...] = ()
    # of `step * n + offset`, if it counts positions
    step: int = 0
    offset: int = 0


class Part(NamedTuple):
    """The conditions on one element."""

    # empty for any
    tag: str = ""
    # those after `#`
    ids: tuple[str, ...] = ()
    # those after `.`
    classes: tuple[str, ...] = ()
    tests: tuple[Test, ...] = ()
    pseudos: tuple[Pseudo, ...] = ()
    # no element meets them
    never: bool = False


class Link(NamedTuple):
    """A part and the combinator before it."""

    # empty before the first part, unless the selector is relative
    combinator: str
    part: Part


Chain = tuple[Link, ...]


class InvalidSelector(Exception):
    """A syntax error in Chromium."""


_ESCAPE: Final = r"\\(?:[0-9a-fA-F]{1,6}[ \n\t]?|[^\n0-9a-fA-F]|\Z)"
_NAME: Final = re.compile(rf"(?:[\w\-\x80-\U0010ffff]|{_ESCAPE})+", re.ASCII)
_IDENT: Final = re.compile(
    rf"(?:--|-?(?:[A-Za-z_\x80-\U0010ffff]|{_ESCAPE}))(?:[\w\-\x80-\U0010ffff]|{_ESCAPE})*",
    re.ASCII,
)
_STRING: Final = re.compile(
    r"""(?s:"((?:[^"\\\n]|\\.)*+)(?:"|\\?\Z)|'((?:[^'\\\n]|\\.)*+)(?:'|\\?\Z))"""
)
_ONE_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \n\t]?|(\n)|([^\n])|\Z)")
_SPACE: Final = re.compile(r"(?:[ \t\n]|/\*(?s:.*?)(?:\*/|\Z))*")
_COMMENTS: Final = re.compile(r"(?:/\*(?s:.*?)(?:\*/|\Z))*")
_BLANK: Final = re.compile(r"(?:/\*(?s:.*?)(?:\*/|\Z))*[ \t\n]")
_OPERATOR: Final = re.compile(r"[~|^$*]?=")
_STEPS: Final = re.compile(
    r"([+-]?\d*)n(?:[ \t\n]*([+-])[ \t\n]*(\d+)|(-\d+))?|([+-]?\d+)|(even|odd)", re.IGNORECASE
)

_PLAIN: Final = frozenset(
    "root scope empty first-child last-child only-child first-of-type last-of-type only-of-type "
    "link any-link checked disabled enabled required optional".split()
)
_POSITIONS: Final = frozenset(("nth-child", "nth-last-child", "nth-of-type", "nth-last-of-type"))
_LISTS: Final = {"is": "is", "where": "is", "not": "not", "has": "has"}
_ALIASES: Final = {"-webkit-any-link": "any-link"}
_REFUSED: Final = frozenset(
    "active active-view-transition active-view-transition-type autofill -webkit-autofill buffering "
    "current default defined dir focus focus-visible focus-within fullscreen -webkit-full-screen "
    "future has-slotted host host-context hover in-range indeterminate invalid lang modal muted "
    "open out-of-range past paused picture-in-picture placeholder-shown playing popover-open "
    "read-only read-write seeking stalled state target target-current user-invalid user-valid "
    "valid visited volume-locked -webkit-any window-inactive xr-overlay".split()
)
_PSEUDO_ELEMENTS: Final = frozenset(("before", "after", "first-line", "first-letter"))
_MORE_PSEUDO_ELEMENTS: Final = frozenset(
    ("marker", "placeholder", "selection", "backdrop", "file-selector-button")
)


@lru_cache(maxsize=4096)
def parse(selector: str) -> tuple[Chain, ...]:
    """The selectors of a list.

    Raises: `PageError` "invalid_css" for an error in Chromium, "unsupported_locator" for a selector
    that a recorded page does not decide, "costly_css" for one that is nested too deep.
    """
    try:
        if len(selector) > LOCATOR_LIMIT:
            raise InvalidSelector(f"{len(selector)} characters, at most {LOCATOR_LIMIT}")
        text = re.sub("\r\n?|\f", "\n", selector)
        text = re.sub("[\0\ud800-\udfff]", "\ufffd", text)
        parser = _Parser(text)
        chains = parser.list()
        if parser.at < len(text):
            raise InvalidSelector(
                f"{text[parser.at]!r} at character {parser.at + 1} was not expected"
            )
    except InvalidSelector as error:
        raise PageError("invalid_css", f"{selector[:200]!r}: {error}") from error
    except PageError as error:
        raise PageError(error.reason, f"{selector[:200]!r}: {error.detail}") from error
    return chains


def has_names(chains: tuple[Chain, ...]) -> bool:
    """Whether selectors hold ids or classes with letters."""
    for part in (link.part for chain in chains for link in chain):
        if any(map(str.isalpha, "".join(part.ids + part.classes))):
            return True
        if any(has_names(pseudo.selectors) for pseudo in part.pseudos):
            return True
    return False


class _Parser:
    """Parses a text, from ``at`` on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0  # of pseudo-classes within each other
        self.in_has = False
        self.inner = False  # within a pseudo-class, where no pseudo-element may stand

    # ---- tokens

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        """What a pattern matches here, or None; skips comments after it."""
        match = pattern.match(self.text, self.at)
        if match is None or match.end() == self.at:
            return None
        self.at = _end(_COMMENTS, self.text, match.end())
        return match[0]

    def _sign(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at = _end(_COMMENTS, self.text, self.at + len(sign))
        return True

    def _space(self) -> bool:
        """Skip white space and comments; whether there was white space."""
        blank = _BLANK.match(self.text, self.at) is not None
        self.at = _end(_SPACE, self.text, self.at)
        return blank

    def _ident(self) -> str | None:
        name = self._take(_IDENT)
        return None if name is None else _unescape(name)

    def _wanted(self, what: str) -> InvalidSelector:
        rest = self.text[self.at : self.at + 1]
        return InvalidSelector(f"{what} is missing before " + (repr(rest) if rest else "the end"))

    # ---- selectors

    def list(self, *, relative: bool = False, forgiving: bool = False) -> tuple[Chain, ...]:
        """Selectors up to a closing bracket or the end."""
        chains: list[Chain] = []
        while True:
            begin = self.at
            try:
                chains.append(self._chain(relative=relative))
                if self.text[self.at : self.at + 1] not in ("", ",", ")"):
                    raise self._wanted("a combinator")
            except InvalidSelector:
                if not forgiving:
                    raise
                self._skip(begin)
            if not self._sign(","):
                return tuple(chains)

    def _skip(self, begin: int) -> None:
        """Skip an empty selector where errors are forgiven; refuse any other error."""
        after = self.text[self.at : self.at + 1]
        if self.text[begin : self.at].strip() or after not in (",", ")", ""):
            # The browser's version decides whether this is an error.
            raise PageError("unsupported_locator", "an error within :is() or :where()")

    def _chain(self, *, relative: bool) -> Chain:
        self._space()
        combinator = ""
        if relative:
            combinator = self._combinator() or " "
            self._space()
        links = [Link(combinator, self._part())]
        while True:
            blank = self._space()
            combinator = self._combinator() or (" " if blank else "")
            if not combinator or (
                combinator == " " and self.text[self.at : self.at + 1] in ("", ",", ")")
            ):
                return tuple(links)
            if links[-1].part.never:
                raise InvalidSelector("a pseudo-element stands before a combinator")
            self._space()
            links.append(Link(combinator, self._part()))

    def _combinator(self) -> str | None:
        return next((sign for sign in ">+~" if self._sign(sign)), None)

    def _part(self) -> Part:
        begin = self.at
        tag, never = self._type()
        ids: list[str] = []
        classes: list[str] = []
        tests: list[Test] = []
        pseudos: list[Pseudo] = []
        while (sign := self.text[self.at : self.at + 1]) and sign in "#.[:":
            if never and sign != ":":
                raise InvalidSelector("something stands after a pseudo-element")
            self.at += 1
            if sign == "#":
                ids.append(self._named("an id"))
            elif sign == ".":
                self.at = _end(_COMMENTS, self.text, self.at)
                classes.append(self._named("a class"))
            elif sign == "[":
                tests.append(self._test())
            elif self.text.startswith(":", self.at) or self._is_old_pseudo_element():
                self._pseudo_element(after=never)
                never = True
            elif never:
                raise PageError("unsupported_locator", "a pseudo-class of a pseudo-element")
            else:
                pseudos.append(self._pseudo())
        if self.at == begin:
            raise self._wanted("a selector")
        return Part(tag, tuple(ids), tuple(classes), tuple(tests), tuple(pseudos), never)

    def _type(self) -> tuple[str, bool]:
        """The tag, and whether its namespace has no element."""
        never = False
        if bar := re.compile(r"\*?(?:/\*(?s:.*?)\*/)*\|(?!=)").match(self.text, self.at):
            self.at = _end(_COMMENTS, self.text, bar.end())
            never = not bar[0].startswith("*")  # every element of a page has a namespace
            if never:
                raise PageError("unsupported_locator", "elements without a namespace")
            if not self._sign("*"):
                return lower(self._named("a tag")), never
            return "", never
        if self._sign("*"):
            return "", never
        return lower(self._ident() or ""), never

    def _named(self, what: str) -> str:
        name = self._ident()
        if name is None:
            raise self._wanted(what)
        return name

    def _test(self) -> Test:
        self.at = _end(_COMMENTS, self.text, self.at)
        self._space()
        namespace = ""
        if bar := re.compile(r"(\*?)\|(?!=)").match(self.text, self.at):
            self.at = _end(_COMMENTS, self.text, bar.end())
            namespace = bar[1]
        name = lower(self._named("an attribute"))
        self._space()
        operator = self._take(_OPERATOR) or ""
        value = flag = ""
        if operator:
            self._space()
            value = self._value()
            self._space()
            flag = lower(self._ident() or "")
            if flag not in ("", "i"):  # Chromium has no other
                raise InvalidSelector(f"{flag!r} is no flag of an attribute")
            self._space()
        if not self._sign("]") and self.at < len(self.text):
            raise self._wanted("]")
        return Test(name, operator, value, flag, namespace)

    def _value(self) -> str:
        if self.text[self.at : self.at + 1] not in ('"', "'"):
            return self._named("a value")
        match = _STRING.match(self.text, self.at)
        if match is None:
            raise InvalidSelector("a text holds a line break")
        self.at = _end(_COMMENTS, self.text, match.end())
        return _unescape(match[1] if match[1] is not None else match[2])

    # ---- pseudo-classes

    def _is_old_pseudo_element(self) -> bool:
        match = _IDENT.match(self.text, self.at)
        return match is not None and lower(match[0]) in _PSEUDO_ELEMENTS

    def _pseudo_element(self, *, after: bool) -> None:
        self._sign(":")
        name = lower(self._named("a pseudo-element"))
        if self.inner or after:
            raise InvalidSelector(f"::{name} cannot stand here")
        if name not in _PSEUDO_ELEMENTS and name not in _MORE_PSEUDO_ELEMENTS:
            raise PageError("unsupported_locator", f"::{name} is no element")
        if self.text.startswith("(", self.at):
            raise InvalidSelector(f"::{name} takes nothing")

    def _pseudo(self) -> Pseudo:
        self.at = _end(_COMMENTS, self.text, self.at)
        match = _IDENT.match(self.text, self.at)
        if match is None:
            raise self._wanted("a pseudo-class")
        name = lower(_unescape(match[0]))
        name = _ALIASES.get(name, name)
        self.at = match.end()
        if not self.text.startswith("(", self.at):
            self.at = _end(_COMMENTS, self.text, self.at)
            if name in _REFUSED:
                raise PageError(
                    "unsupported_locator", f":{name} depends on more than the recorded page"
                )
            if name not in _PLAIN:
                raise InvalidSelector(f":{name} is no pseudo-class")
            return Pseudo(name)
        self.at += 1
        if name in _REFUSED:
            raise PageError(
                "unsupported_locator", f":{name}() depends on more than the recorded page"
            )
        if name in _POSITIONS:
            return self._inside(lambda: self._positions(name))
        if not _LISTS.get(name):
            raise InvalidSelector(f":{name}() is no pseudo-class")
        return self._inside(lambda: self._lists(_LISTS[name]))

    def _inside(self, read: Callable[[], Pseudo]) -> Pseudo:
        """The content of brackets, which may be left open at the end."""
        self.depth += 1
        if self.depth > _NESTING_LIMIT:
            raise PageError("costly_css", f"pseudo-classes stand in each other {self.depth} deep")
        was_inner, self.inner = self.inner, True
        pseudo = read()
        self.inner = was_inner
        self.depth -= 1
        self._space()
        if not self._sign(")") and self.at < len(self.text):
            raise self._wanted(")")
        return pseudo

    def _lists(self, name: str) -> Pseudo:
        if name != "has":
            self._space()
            if name == "is" and self.text[self.at : self.at + 1] in ("", ")"):
                return Pseudo("is")
            return Pseudo(name, self.list(forgiving=name == "is"))
        if self.in_has:
            raise InvalidSelector(":has() stands within :has()")
        self.in_has = True
        chains = self.list(relative=True)
        self.in_has = False
        return Pseudo("has", chains)

    def _positions(self, name: str) -> Pseudo:
        self._space()
        match = _STEPS.match(self.text, self.at)
        if match is None:
            raise self._wanted("a position")
        self.at = match.end()
        steps, sign, offset, joined, number, word = match.groups()
        if word:
            step, first = 2, int(word.lower() == "odd")
        elif number:
            step, first = 0, int(number)
        else:
            step = int(steps + "1") if steps in ("", "+", "-") else int(steps)
            first = int(joined) if joined else int((sign or "") + (offset or "0"))
        blank = self._space()
        chains: tuple[Chain, ...] = ()
        if self.text[self.at : self.at + 1] not in ("", ")"):
            if not blank or name.endswith("of-type") or lower(self._ident() or "") != "of":
                raise self._wanted(")")
            chains = self.list()
        return Pseudo(name, chains, step, first)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _unescape(text: str) -> str:
    return _ONE_ESCAPE.sub(_escaped, text) if "\\" in text else text


def _escaped(match: re.Match[str]) -> str:
    """The character that an escape stands for."""
    digits, line_break, other = match.groups()
    if line_break:
        return ""
    if digits is None:
        return other or "\ufffd"
    number = int(digits, 16)
    return chr(number) if 0 < number < 0xD800 or 0xDFFF < number < 0x110000 else "\ufffd"
