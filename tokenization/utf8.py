"""UTF-8 of texts, made once.

Several readers (the tokenizer, Arrow) need a page as UTF-8. If it is not ASCII, Python makes the
form for each of them, character by character. CPython can keep it with the text; from then on
`str.encode` and everything written in C copies it.
"""

from __future__ import annotations

import ctypes
import unicodedata
from typing import Final

import numpy as np

_KEEP: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyUnicode_AsUTF8AndSize", ctypes.pythonapi)
)


def has_utf8(text: str) -> bool:
    """Whether a text has a UTF-8 form, which is then kept with it. Lone surrogates have none."""
    if text.isascii():
        return True
    try:
        _KEEP(text, None)
    except UnicodeEncodeError:
        return False
    return True


def is_normal(utf8: bytes, *, nfc: bool) -> bool:
    """Whether a text is as tokenizers want it: without lone surrogates, and in NFC if ``nfc``.

    utf8: of the text, with lone surrogates. Only characters from U+0300 on, each with the one
    before it, can be in another form, so only these are looked up; most pages have few.
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
    return not nfc or unicodedata.is_normalized("NFC", text)


_BEYOND_ASCII: Final = 0x80
_FROM_U_0300: Final = 0xCC
"""The least byte of UTF-8 with which a character from U+0300 on begins."""
