# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The compiled engine: it reads pages as `etl.pages.standard` does and writes them as
`etl.pages.prune` does, byte for byte.

Pages are UTF-8 here (lone surrogates as ``surrogatepass`` has them). A piece is one markup token
and the text after it. Recorded pages repeat: the `Reader` knows each piece by its bytes, and tries
first what came after it the last time; the `Writer` notes on a piece what it adds to a page.
`etl.pages.rules` says what stays and how it reads: it is asked once for each tag, name and value.
The specification reads a page that holds more than this is made for.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from cython.operator cimport dereference
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset
from libcpp.algorithm cimport stable_sort
from libcpp.deque cimport deque
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.utility cimport pair
from libcpp.vector cimport vector

from secrets import randbits

from etl.pages.rules import NODE
from etl.pages.tokens import (
    RAW_TAGS, REFERENCE_TAGS, VOID_TAGS, Token, is_shadow_root, resolve, resolve_in_attribute
)

cdef extern from *:
    """
    #ifndef STEPMILL_FINGERPRINT
    #define STEPMILL_FINGERPRINT ""
    #endif
    """
    const char *STEPMILL_FINGERPRINT

FINGERPRINT = STEPMILL_FINGERPRINT.decode()
"""Of the sources that this was compiled of, as `etl.pages.compiled` has it."""

include "engine_text.pxi"
include "engine_tags.pxi"
include "engine_read.pxi"
include "engine_write.pxi"
