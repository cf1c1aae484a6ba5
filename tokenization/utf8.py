"""UTF-8 of texts, made once.

A page that is not ASCII is wanted as UTF-8 by half a dozen readers (hashes, the compiled reader, Arrow, the tokenizer),
and Python makes it anew for each, character by character: a tenth of a build's time. CPython can keep the form with the
text; from then on `str.encode` and everything written in C copies it.
"""

from __future__ import annotations

import ctypes
from typing import Final

_KEEP: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.POINTER(ctypes.c_ssize_t))(
    ("PyUnicode_AsUTF8AndSize", ctypes.pythonapi)
)
_SHORT: Final = 4096  # characters of a text that is copied faster than looked at in place


def has_utf8(text: str) -> bool:
    """Whether a text has a UTF-8 form, which lone surrogates have not; it is kept with the text."""
    if text.isascii():
        return True
    try:
        _KEEP(text, None)
    except UnicodeEncodeError:
        return False
    return True


def utf8(text: str) -> bytes | memoryview:
    """The UTF-8 of any text, lone surrogates written like other characters (``surrogatepass``). Of a long text it is
    what is kept with the text, not a copy: not to be used after the text is gone.
    """
    if len(text) > _SHORT:
        size = ctypes.c_ssize_t()
        try:
            place = _KEEP(text, size)
        except UnicodeEncodeError:
            pass
        else:
            return memoryview((ctypes.c_char * size.value).from_address(place)).cast("B")
    return text.encode("utf-8", "surrogatepass")
