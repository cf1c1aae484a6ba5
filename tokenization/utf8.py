"""UTF-8 of texts, made once.

Several readers (the tokenizer, Arrow) need a page as UTF-8. If it is not ASCII, Python makes the
form for each of them, character by character. CPython can keep it with the text; from then on
`str.encode` and everything written in C copies it.
"""

from __future__ import annotations

import ctypes
from typing import Final

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
