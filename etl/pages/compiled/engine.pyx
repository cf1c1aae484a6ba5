# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The compiled engine: it reads pages as `etl.pages.standard` does, writes them as `etl.pages.prune`,
and observes them as `etl.pages.compact`.

Pages are UTF-8 here, with lone surrogates (``surrogatepass``). A piece is one markup token and the
text after it. Recorded pages repeat: the `Reader` finds each piece by its bytes, and first tries
the piece that followed last time; the `Writer` notes on a piece the text that it adds to a page.
`etl.pages.rules` is asked once for each tag, name and value. `Reader.read` leaves a page that the
engine is not made for to the specification.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset
from libcpp.algorithm cimport lower_bound, sort, stable_sort
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.unordered_set cimport unordered_set
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
"""The hash of the sources that the engine was compiled from (`etl.pages.compiled`)."""

include "text.pxi"
include "json.pxi"
include "tags.pxi"
include "read.pxi"
include "write.pxi"
include "trees.pxi"
include "scan.pxi"
include "compare.pxi"
include "facts.pxi"
include "said.pxi"
include "words.pxi"
include "numbers.pxi"
include "forms.pxi"
include "choose.pxi"
include "known.pxi"
include "walk.pxi"
include "controls.pxi"
