"""UTF-8 of texts, made once.

A page that is not ASCII is wanted as UTF-8 by several readers (the tokenizer, Arrow), and Python
makes it anew for each, character by character. CPython can keep the form with the text; from then
on `str.encode` and everything written in C copies it.
"""

from __future__ import annotations

import ctypes
from typing import Final

_KEEP: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyUnicode_AsUTF8AndSize", ctypes.pythonapi)
)


def has_utf8(text: str) -> bool:
    """Whether a text has a UTF-8 form, which lone surrogates have not; it is kept with the text."""
    if text.isascii():
        return True
    try:
        _KEEP(text, None)
    except UnicodeEncodeError:
        return False
    return True
