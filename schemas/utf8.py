"""Texts that are held as UTF-8 until somebody asks for them: pages and observations.

Those of long recordings may be given compressed, and stay so.

As a Python text, a page with a character beyond ASCII takes two or four bytes a character, and each
way between the two forms takes a good part of the time in which the page is read and pruned. All
that a build does with a page, it does with the UTF-8.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final, Protocol

import numpy as np

_BEGINS_CHARACTER: Final = -64
"""As signed bytes, those of UTF-8 that only continue a character are less."""

_BEYOND_ASCII: Final = 0x80
_FROM_U_0300: Final = 0xCC
"""The least byte of UTF-8 with which a character from U+0300 on begins."""
_BEGINS_SURROGATE: Final = b"\xed"
"""The byte with which surrogates begin, and some other characters."""


def utf8_of(text: str | bytes) -> bytes:
    """The UTF-8 of any text, lone surrogates included. text: or its UTF-8."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def text_of(text: str | bytes) -> str:
    """A text. text: or its UTF-8, as `utf8_of` makes it."""
    return text if isinstance(text, str) else text.decode("utf-8", "surrogatepass")


def characters(text: str | bytes) -> int:
    """The number of characters of a text. text: or its UTF-8."""
    if isinstance(text, str) or text.isascii():
        return len(text)
    return int(np.count_nonzero(np.frombuffer(text, np.int8) >= _BEGINS_CHARACTER))


def has_surrogates(utf8: bytes) -> bool:
    """Whether a text has lone surrogates. utf8: of the text, as `utf8_of` makes it."""
    if _BEGINS_SURROGATE not in utf8:
        return False
    try:
        utf8.decode()
    except UnicodeDecodeError:
        return True
    return False


def is_normal(utf8: bytes) -> bool:
    """Whether a text has no lone surrogates and is in NFC. utf8: as `utf8_of` makes it.

    Only characters from U+0300 on, each with the one before it, can be in another form, so only
    these are looked up; most pages have few.
    """
    if utf8.isascii():
        return True
    raw = np.frombuffer(utf8, np.uint8)
    begins = raw >= _FROM_U_0300
    if not begins.any():
        return True
    looked_up = raw >= _BEYOND_ASCII
    looked_up[:-1] |= begins[1:]
    try:
        text = raw[looked_up].tobytes().decode()
    except UnicodeDecodeError:
        return False
    return unicodedata.is_normalized("NFC", text)


class Compressed(Protocol):
    """A text that is held in less room."""

    def __len__(self) -> int:
        """Bytes of UTF-8."""

    @property
    def utf8(self) -> bytes:
        """The UTF-8, made anew each time."""


def opened(text: str | bytes | Compressed) -> str | bytes:
    """What is held of a text: itself or its UTF-8, without compression."""
    return text if isinstance(text, str | bytes) else text.utf8


def held_characters(instance: object, name: str) -> int:
    """The number of characters of a `HeldText` field; it is counted once."""
    held = instance.__dict__
    key = f"_{name}_characters"
    count = held.get(key)
    if count is None:
        count = held[key] = characters(opened(held[name]))
    return count


class HeldText:
    """A field that is given a text or its UTF-8, and gives the text.

    Whichever was given or made last is held, in the instance's ``__dict__``; a compressed one stays
    compressed. Each way to another form takes time, so `held`, `held_utf8` and `held_characters`
    are there for those who need no text.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> str:
        if instance is None:
            raise AttributeError(self._name)  # a dataclass sees no default
        held = instance.__dict__
        own = held[self._name]
        if not isinstance(own, str | bytes):
            return text_of(own.utf8)
        text = held[self._name] = text_of(own)
        return text

    def __set__(self, instance: object, text: str | bytes) -> None:
        instance.__dict__[self._name] = text
        instance.__dict__.pop(f"_{self._name}_characters", None)


def held_text(kind: type, name: str) -> None:
    """Make a field of a dataclass without slots a `HeldText`."""
    field = HeldText()
    field.__set_name__(kind, name)
    setattr(kind, name, field)


def held(instance: object, name: str) -> Any:
    """What is held of a field: to be given to another one, or asked whether it is empty."""
    return instance.__dict__[name]


def held_utf8(instance: Any, name: str) -> bytes:
    """The UTF-8 of a field, which is held from now on unless it is held compressed."""
    own = instance.__dict__[name]
    if not isinstance(own, str | bytes):
        return bytes(own.utf8)
    utf8 = instance.__dict__[name] = utf8_of(own)
    return utf8
