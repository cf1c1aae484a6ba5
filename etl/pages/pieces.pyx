# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `etl.pages` and `etl.pages.prune`: known pieces of markup, pages made of them, and their pruning.

Pages are UTF-8 here (lone surrogates as ``surrogatepass`` has them). A piece is what stands between two ``<``: one
markup token and the text after it. `Pieces` knows a piece by its bytes; a page is one small entry a token. What is
common is worked out here; what is not (odd tags, references, new attribute values) is asked once of the plain Python
that this must equal, byte for byte, and then known. A page that holds more than that is read by the plain reader.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

import secrets

cdef extern from *:
    """
    #ifndef STEPMILL_SOURCES
    #define STEPMILL_SOURCES ""
    #endif
    """
    const char *STEPMILL_SOURCES

cdef extern from "string.h":
    void *memmem(const void *text, size_t size, const void *wanted, size_t wanted_size) nogil

SOURCES = STEPMILL_SOURCES.decode()
"""What the sources were that this was made of, as `etl.pages.engine` has it."""

cdef enum:  # kinds, as in etl.pages
    OTHER, START, EMPTY, END

cdef enum:  # operations, as in etl.pages.prune
    TEXT, OPEN, OPEN_REMOVABLE, UNWRAP, SINGLE, CLOSE, DROP, LITERAL, LITERAL_REMOVABLE, TEMPLATE, UNKNOWN

cdef enum:  # marks of an open element; REMOVABLE: it goes if nothing was added
    KEPT, UNWRAPPED, HIDES_TEXT, DROPPED, REMOVABLE

cdef enum:  # what `Notes` is told of a tag
    TAG_DROPPED = 1, TAG_KEPT = 2, TAG_KEPT_WHEN_EMPTY = 4, TAG_LITERAL = 8, TAG_TEMPLATE = 16, TAG_VOID = 32
    TAG_UNKNOWN = 128

cdef enum:  # what `Notes` is told of an attribute's name
    NAME_STAYS = 1, NAME_KEEPS = 2

cdef enum:
    NONE = 0xFFFFFFFF
    BLOCK = 1 << 18
    LARGE = 1 << 25  # bytes of a buffer that is not kept for the next page
    MOST_SHOWN = 48  # attributes of one tag that are sorted here
    LONGEST_VALUE = 512

cdef enum:  # states of `Tokens.inert`, as in etl.pages.live
    IN_NOTHING, IN_NOSCRIPT, IN_TEMPLATE, IN_UNCLOSED

cdef enum:  # classes of bytes
    PLAIN, SPACE, ESCAPED, ASK, LEAD

include "pieces_memory.pxi"
include "pieces_text.pxi"


cdef struct Record:  # a piece: where its parts are, and what the pruner noted
    const char *before
    const char *after
    const char *text
    PyObject *token
    uint32_t before_size
    uint32_t after_size
    uint32_t text_size
    uint32_t tag
    uint32_t markup
    uint32_t markup_end
    uint32_t rest  # where the text begins
    uint32_t next  # what came after it the last time
    uint8_t kind
    uint8_t raw
    uint8_t op


cdef inline bint is_odd(Record *record) noexcept:
    """Whether only the library can read the tag."""
    return record.rest == 0 and record.kind != OTHER


cdef struct Entry:  # a token of a page: its piece, and where it is in the page; end: of the content of a raw element
    uint32_t record
    uint32_t start
    uint32_t end


cdef struct Tag:
    uint8_t void
    uint8_t raw
    uint8_t bits


cdef bint plain_tag(const char *at, size_t size, Record *record, size_t *name, size_t *name_end) noexcept:
    """Find the parts of a tag whose extent cannot be misread, as `etl.pages` has it in a regular expression."""
    cdef size_t i = 0, j
    cdef char quote
    cdef bint slash = False
    if size and at[0] == c"/":
        slash = True
        i = 1
    if i >= size or not is_letter(at[i]):
        return False
    name[0] = i
    while i < size and not (is_blank(at[i]) or at[i] == c"\r" or at[i] == c"/" or at[i] == c">" or at[i] == 0):
        i += 1
    name_end[0] = record.markup = i
    while i < size and is_blank(at[i]):
        while i < size and is_blank(at[i]):
            i += 1
        j = i
        while i < size and not (
            is_blank(at[i]) or at[i] == c'"' or at[i] == c"'" or at[i] == c">" or at[i] == c"/" or at[i] == c"="
            or at[i] == 0
        ):
            i += 1
        if i == j:
            continue
        j = i
        while j < size and is_blank(at[j]):
            j += 1
        if j < size and at[j] == c"=":
            j += 1
            while j < size and is_blank(at[j]):
                j += 1
            if j == size or at[j] == c">" or at[j] == 0:
                return False
            if at[j] == c'"' or at[j] == c"'":
                quote = at[j]
                j += 1
                while j < size and at[j] != quote and at[j] != 0:
                    j += 1
                if j + 1 >= size or at[j] == 0:
                    return False
                j += 1
                if not (is_blank(at[j]) or at[j] == c"/" or at[j] == c">"):
                    return False
            else:
                while j < size and not (is_blank(at[j]) or at[j] == c">" or at[j] == 0):
                    j += 1
            i = j
    record.markup_end = i
    record.kind = END if slash else START
    if i < size and at[i] == c"/":
        if not slash:
            record.kind = EMPTY
        i += 1
    if i >= size or at[i] != c">":
        return False
    record.rest = i + 1
    if slash:
        record.markup_end = record.markup
    return True


cdef class Pieces:
    """All pieces known, and what the pruner that used them last noted.

    Functions of `etl.pages`: token: a plain tag's piece -> Token; other: text -> Token; odd: text from a tag on ->
    (Token or None, pieces that it took); raw: (start tag's Token, content) -> Token.
    """

    cdef Table table
    cdef Record *records
    cdef uint32_t room
    cdef Table tags
    cdef Tag *tag
    cdef uint32_t tag_room
    cdef Arena notes
    cdef object owner
    cdef object voids, raws, token, other, odd, raw
    cdef readonly size_t token_bytes
    cdef size_t overhead

    def __cinit__(self, voids, raws, token, other, odd, raw, size_t overhead):
        table_make(&self.table, secrets.randbits(62))
        table_make(&self.tags, self.table.seed)
        self.voids, self.raws = voids, raws
        self.token, self.other, self.odd, self.raw = token, other, odd, raw
        self.overhead = overhead

    def __dealloc__(self):
        cdef uint32_t number
        if self.records != NULL:
            for number in range(self.table.count):
                Py_XDECREF(self.records[number].token)
        free(self.records)
        free(self.tag)
        table_free(&self.table)
        table_free(&self.tags)
        arena_free(&self.notes)

    @property
    def size(self):
        """Bytes held: of pieces, their notes and the tokens made of them."""
        return (
            table_bytes(&self.table) + table_bytes(&self.tags) + self.notes.total + self.token_bytes
            + self.room * sizeof(Record) + self.tag_room * sizeof(Tag)
        )

    def __len__(self):
        return self.table.count

    def __contains__(self, str piece):
        cdef bytes key = to_bytes(piece)
        cdef const char *at = PyBytes_AS_STRING(key)
        cdef size_t size = PyBytes_GET_SIZE(key)
        return table_find(&self.table, at, size, 0, table_hash(&self.table, at, size, 0)) != NONE

    cdef uint32_t tag_number(self, const char *at, size_t size) except? NONE:
        """The number of a tag by its name in lower case."""
        cdef uint64_t hash = table_hash(&self.tags, at, size, 0)
        cdef uint32_t number = table_find(&self.tags, at, size, 0, hash)
        cdef Tag *tag
        cdef str name
        if number != NONE:
            return number
        name = to_str(at, size)
        number = table_add(&self.tags, at, size, 0, hash, True)
        if number >= self.tag_room:
            tag = <Tag *> realloc(self.tag, (self.tag_room * 2 + 64) * sizeof(Tag))
            if tag == NULL:
                raise MemoryError
            self.tag = tag
            self.tag_room = self.tag_room * 2 + 64
        self.tag[number].void = name in self.voids
        self.tag[number].raw = name in self.raws
        self.tag[number].bits = TAG_UNKNOWN
        return number

    cdef uint32_t add(self, const char *at, size_t size, uint32_t salt, uint64_t hash, Record *record, bint found) except? NONE:
        """Know a piece from now on."""
        cdef uint32_t number
        cdef Record *records
        if self.table.count >= self.room:
            records = <Record *> realloc(self.records, (self.room * 2 + 256) * sizeof(Record))
            if records == NULL:
                raise MemoryError
            self.records = records
            self.room = self.room * 2 + 256
        self.records[self.table.count].token = NULL  # in case what follows fails
        number = table_add(&self.table, at, size, salt, hash, found)
        self.records[number] = record[0]
        return number

    cdef uint32_t add_token(self, const char *at, size_t size, uint64_t hash, token, bint found) except? NONE:
        """Know a piece that the library has read."""
        cdef Record record
        cdef bytes name = to_bytes(token.tag)
        cdef uint32_t number
        memset(&record, 0, sizeof(Record))
        record.kind = token.kind
        record.raw = token.opens_raw
        record.op = UNKNOWN
        record.next = NONE
        record.tag = self.tag_number(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name))
        number = self.add(at, size, 0, hash, &record, found)
        self.set_token(number, token)
        return number

    cdef int set_token(self, uint32_t number, token) except -1:
        Py_INCREF(token)
        self.records[number].token = <PyObject *> token
        self.token_bytes += self.overhead + 3 * self.table.keys[number].size
        return 0

    cdef uint32_t add_text(self, const char *at, size_t size) except? NONE:
        """The number of a token that is nothing but text."""
        cdef uint64_t hash = table_hash(&self.table, at, size, 1)
        cdef uint32_t number = table_find(&self.table, at, size, 1, hash)
        cdef Record record
        if number == NONE:
            memset(&record, 0, sizeof(Record))
            record.op = UNKNOWN
            record.next = NONE
            number = self.add(at, size, 1, hash, &record, True)
        return number

    cdef uint32_t add_tag(self, const char *at, size_t size, uint64_t hash) except? NONE:
        """The number of a new plain tag; NONE without an exception if it is none."""
        cdef Record record
        cdef size_t name, name_end, place
        cdef char small[64]
        cdef char *lowered = small
        memset(&record, 0, sizeof(Record))
        if not plain_tag(at, size, &record, &name, &name_end):
            return NONE
        if name_end - name > 64:
            lowered = <char *> malloc(name_end - name)
            if lowered == NULL:
                raise MemoryError
        try:
            for place in range(name, name_end):
                lowered[place - name] = lower(at[place])
            record.tag = self.tag_number(lowered, name_end - name)
        finally:
            if lowered != small:
                free(lowered)
        if record.kind == START and self.tag[record.tag].void:
            record.kind = EMPTY
        record.raw = record.kind == START and self.tag[record.tag].raw
        record.op = UNKNOWN
        record.next = NONE
        return self.add(at, size, 0, hash, &record, True)

    cdef uint32_t find_tag(self, const char *at, size_t size) noexcept:
        """The number of a tag by its name in lower case; NONE if it is not known."""
        return table_find(&self.tags, at, size, 0, table_hash(&self.tags, at, size, 0))

    cdef uint32_t tag_alone(self, uint32_t number, const char *at) except? NONE:
        """The number of a plain tag's piece without its text."""
        cdef size_t size = self.records[number].rest
        cdef uint64_t hash = table_hash(&self.table, at, size, 0)
        cdef uint32_t alone = table_find(&self.table, at, size, 0, hash)
        return self.add_tag(at, size, hash) if alone == NONE else alone

    def read(self, str html not None, bytes utf8):
        """(tokens, a byte each that says whether an element begins); None if the plain reader must read the page.

        utf8: of the page, where there is one.
        """
        cdef Tokens tokens = Tokens.__new__(Tokens)
        tokens.pieces = self
        if utf8 is not None:
            tokens.own(utf8)
        elif PyUnicode_IS_ASCII(html):
            tokens.source = html
            tokens.page = <const char *> PyUnicode_DATA(html)
            tokens.size = PyUnicode_GET_LENGTH(html)
        else:
            tokens.own(to_bytes(html))
        if memchr(tokens.page, c"\r", tokens.size) != NULL:
            tokens.own(with_lf(tokens.page, tokens.size))
        if tokens.size >= NONE or not self.read_into(tokens):
            return None
        return tokens, tokens.flags()

    cdef bint read_into(self, Tokens tokens) except -1:
        cdef const char *page = tokens.page
        cdef const char *end = page + tokens.size
        cdef const char *at
        cdef const char *behind
        cdef uint32_t number, before = NONE, guess
        cdef uint64_t hash
        cdef size_t size
        cdef Key *key
        cdef bint is_instruction
        at = <const char *> memchr(page, c"<", end - page)
        if at == NULL:
            at = end
        if at > page:
            tokens.add(self.add_text(page, at - page), 0)
        while at < end:  # at "<"
            at += 1
            if before != NONE and (guess := self.records[before].next) != NONE:
                key = &self.table.keys[guess]
                behind = at + key.size
                if behind <= end and (behind == end or behind[0] == c"<") and memcmp(key.at, at, key.size) == 0:
                    tokens.add(guess, at - page)
                    before = guess
                    at = behind
                    if self.records[guess].raw:
                        at = self.raw_end(tokens, at, end)
                        if at == NULL:
                            return False
                    continue
            behind = <const char *> memchr(at, c"<", end - at)
            if behind == NULL:
                behind = end
            size = behind - at
            if size and (is_letter(at[0]) or (at[0] == c"/" and size > 1 and is_letter(at[1]))):
                hash = table_hash(&self.table, at, size, 0)
                number = table_find(&self.table, at, size, 0, hash)
                if number == NONE:
                    number = self.add_tag(at, size, hash)
                if number == NONE:
                    number = self.read_odd(at, &behind, end, hash)
                    if number == NONE:
                        return True  # the page ends inside a tag
                if behind == at + size:
                    if before != NONE:
                        self.records[before].next = number
                    before = number
                else:
                    before = NONE
                tokens.add(number, at - page)
                at = behind
                if self.records[number].raw:
                    at = self.raw_end(tokens, at, end)
                    if at == NULL:
                        return False
                continue
            if size and at[0] == c"!" or size and at[0] == c"?" or size and at[0] == c"/":
                if at[0] == c"/" and (size == 1 and behind == end or size > 1 and at[1] == c">"):
                    if size == 2:
                        at = behind
                        continue  # "</>" says nothing
                    return False
                if size >= 8 and memcmp(at, b"![CDATA[", 8) == 0 and self.may_be_foreign(tokens):
                    return False
                is_instruction = at[0] == c"?"
                at = self.after_comment(at, end)
                if at == NULL:  # the page ends in it
                    if is_instruction:
                        return True
                    at = end
                behind = <const char *> memchr(at, c"<", end - at)
                if behind == NULL:
                    behind = end
                tokens.add(self.add_text(at, behind - at), at - page)
                before = NONE
                at = behind
                continue
            return False  # a "<" that opens no markup
        return True

    cdef const char *after_comment(self, const char *at, const char *end) noexcept:
        """Behind a comment, doctype, or what is read as one; NULL if it does not end."""
        cdef size_t size = end - at
        cdef const char *from_here
        if size < 3 or at[0] != c"!" or at[1] != c"-" or at[2] != c"-":
            at = <const char *> memchr(at, c">", size)
            return NULL if at == NULL else at + 1
        if size > 3 and at[3] == c">":  # the closing dashes may be those of the opening
            return at + 4
        if size > 4 and at[3] == c"-" and at[4] == c">":
            return at + 5
        from_here = at + 3
        at = from_here
        while True:
            at = <const char *> memchr(at, c">", end - at)
            if at == NULL:
                return NULL
            if at - from_here >= 2 and memcmp(at - 2, b"--", 2) == 0:
                return at + 1
            if at - from_here >= 3 and memcmp(at - 3, b"--!", 3) == 0:
                return at + 1
            at += 1

    cdef uint32_t read_odd(self, const char *at, const char **behind, const char *end, uint64_t hash) except? NONE:
        """The number of a tag that the library reads, alone or with pieces behind it; NONE if the page ends in it."""
        cdef int joined
        cdef const char *last = behind[0]
        cdef uint32_t number
        token, taken = self.odd(to_str(at, last - at))
        if token is not None:
            return self.add_token(at, last - at, hash, token, True)
        if last == end:
            return NONE
        for joined in range(65):
            last = <const char *> memchr(last + 1, c"<", end - last - 1)
            if last == NULL:
                last = end
                break
        token, taken = self.odd(to_str(at, last - at))
        if token is None:
            return NONE
        last = at
        for joined in range(taken):
            last = <const char *> memchr(last + (joined > 0), c"<", end - last - (joined > 0))
            if last == NULL:
                last = end
                break
        behind[0] = last
        return self.add_token(at, last - at, hash, token, False)

    cdef bint may_be_foreign(self, Tokens tokens) noexcept:
        """Whether SVG or MathML may be open: what ends with something around it is counted still."""
        cdef uint32_t svg = self.find_tag(b"svg", 3), math = self.find_tag(b"math", 4)
        cdef Record *record
        while tokens.looked_at < tokens.count:
            record = &self.records[tokens.entries[tokens.looked_at].record]
            tokens.looked_at += 1
            if record.kind == START:
                tokens.svgs += record.tag == svg
                tokens.maths += record.tag == math
            elif record.kind == END:
                tokens.svgs -= record.tag == svg and tokens.svgs > 0
                tokens.maths -= record.tag == math and tokens.maths > 0
        return tokens.svgs > 0 or tokens.maths > 0

    cdef const char *raw_end(self, Tokens tokens, const char *at, const char *end) noexcept:
        """Behind the content of the raw element that was opened last: at its end tag, or at the end of the page. NULL
        if there is markup in it that counts, should it stand in SVG or MathML.
        """
        cdef const char *begin = at
        cdef Entry *entry = &tokens.entries[tokens.count - 1]
        cdef Key *name = &self.tags.keys[self.records[entry.record].tag]
        cdef bint is_script = name.size == 6 and memcmp(name.at, b"script", 6) == 0
        cdef bint endless = name.size == 9 and memcmp(name.at, b"plaintext", 9) == 0
        cdef bint escaped = False, doubly = False
        cdef const char *behind
        while at < end:  # at "<"
            at += 1
            behind = <const char *> memchr(at, c"<", end - at)
            if behind == NULL:
                behind = end
            if not endless and at < behind and at[0] == c"/" and is_name(at + 1, behind, name.at, name.size):
                if not doubly:
                    at -= 1
                    break
                doubly = False
            elif is_script and behind - at >= 3 and memcmp(at, b"!--", 3) == 0:
                escaped = True
            elif escaped and is_name(at, behind, b"script", 6):
                doubly = True
            if escaped and at < behind and has_comment_end(at + 1, behind):
                escaped = doubly = False
            at = behind
        if at > begin and self.may_be_foreign(tokens):
            return NULL
        entry.end = at - tokens.page
        return at


cdef bint is_name(const char *at, const char *end, const char *name, size_t size) noexcept:
    """Whether a tag's name stands here, and ends."""
    cdef size_t place
    if <size_t> (end - at) <= size:
        return False
    for place in range(size):
        if lower(at[place]) != name[place]:
            return False
    return is_blank(at[size]) or at[size] == c"/" or at[size] == c">"


cdef bint has_comment_end(const char *at, const char *end) noexcept:
    cdef const char *begin = at
    while True:
        at = <const char *> memchr(at, c">", end - at)
        if at == NULL:
            return False
        if at - begin >= 2 and memcmp(at - 2, b"--", 2) == 0:
            return True
        at += 1


cdef void pop(uint32_t *opened, Py_ssize_t *depth, uint32_t *counts, uint32_t tag) noexcept:
    """Close up to the innermost open element of a tag, which exists."""
    while True:
        depth[0] -= 1
        counts[opened[depth[0]]] -= 1
        if opened[depth[0]] == tag:
            return


cdef struct Around:  # an open element: its index, that of its last child, how many children
    Py_ssize_t element
    Py_ssize_t last
    uint64_t children
    uint32_t tag


cdef class Tokens:
    """The tokens of a page, a sequence; each is made when it is asked for."""

    cdef Pieces pieces
    cdef object source
    cdef const char *page
    cdef size_t size
    cdef Entry *entries
    cdef Py_ssize_t count, room
    cdef Py_ssize_t looked_at, svgs, maths  # of `Pieces.may_be_foreign`

    def __dealloc__(self):
        free(self.entries)

    cdef int own(self, bytes page) except -1:
        self.source = page
        self.page = PyBytes_AS_STRING(page)
        self.size = PyBytes_GET_SIZE(page)
        return 0

    cdef inline int add(self, uint32_t record, size_t start) except -1:
        cdef Entry *entries
        if self.count == self.room:
            entries = <Entry *> realloc(self.entries, (self.room * 2 + 256) * sizeof(Entry))
            if entries == NULL:
                raise MemoryError
            self.entries = entries
            self.room = self.room * 2 + 256
        self.entries[self.count].record = record
        self.entries[self.count].start = <uint32_t> start
        self.entries[self.count].end = 0
        self.count += 1
        return 0

    cdef bytes flags(self):
        cdef bytes flags = PyBytes_FromStringAndSize(NULL, self.count)
        cdef char *flag = PyBytes_AS_STRING(flags)
        cdef Record *records = self.pieces.records
        cdef Py_ssize_t at
        cdef uint8_t kind
        cdef Entry *entries = <Entry *> realloc(self.entries, (self.count + 1) * sizeof(Entry))
        if entries != NULL:
            self.entries = entries
            self.room = self.count + 1
        for at in range(self.count):
            kind = records[self.entries[at].record].kind
            flag[at] = kind == START or kind == EMPTY
        return flags

    def __len__(self):
        return self.count

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self.at(place) for place in range(*at.indices(self.count))]
        place = at + self.count if at < 0 else at
        if not 0 <= place < self.count:
            raise IndexError(at)
        return self.at(place)

    def __iter__(self):
        cdef Py_ssize_t at
        for at in range(self.count):
            yield self.at(at)

    def having(self, str tag not None, str text not None):
        """`etl.pages.Page.having`."""
        cdef Pieces pieces = self.pieces
        cdef bytes name = to_bytes(tag), wanted = to_bytes(text)
        cdef const char *needle = PyBytes_AS_STRING(wanted)
        cdef const char *at = PyBytes_AS_STRING(name)
        cdef size_t needle_size = PyBytes_GET_SIZE(wanted), size = PyBytes_GET_SIZE(name)
        cdef bint any_tag = size == 0
        cdef uint32_t number = NONE
        cdef Py_ssize_t place, element = -1
        cdef Record *record
        cdef list found = []
        if not any_tag:
            number = pieces.find_tag(at, size)
            if number == NONE:
                return found
        for place in range(self.count):
            record = &pieces.records[self.entries[place].record]
            if record.kind != START and record.kind != EMPTY:
                continue
            element += 1
            if not any_tag and record.tag != number:
                continue
            if needle_size and not is_odd(record):
                at = self.page + self.entries[place].start + record.markup
                size = record.markup_end - record.markup
                if memmem(at, size, needle, needle_size) == NULL and memchr(at, c"&", size) == NULL:
                    continue
            found.append((element, self.at(place)))
        return found

    def kin(self):
        """`etl.pages.locators.kin.Kin`."""
        cdef Pieces pieces = self.pieces
        cdef uint32_t tags = pieces.tags.count
        cdef Around *opened = <Around *> malloc((self.count + 1) * sizeof(Around))
        cdef uint32_t *counts = <uint32_t *> malloc((tags + 1) * sizeof(uint32_t))
        cdef Py_ssize_t place, depth = 1, element = 0
        cdef uint64_t around = 0, beside = 0
        cdef Record *record
        cdef list parents = [], before = []
        try:
            if opened == NULL or counts == NULL:
                raise MemoryError
            memset(counts, 0, tags * sizeof(uint32_t))
            opened[0] = Around(-1, -1, 0, NONE)
            for place in range(self.count):
                record = &pieces.records[self.entries[place].record]
                if record.kind == START or record.kind == EMPTY:
                    around += depth
                    beside += opened[depth - 1].children
                    parents.append(opened[depth - 1].element)
                    before.append(opened[depth - 1].last)
                    opened[depth - 1].last = element
                    opened[depth - 1].children += 1
                    if record.kind == START:
                        opened[depth] = Around(element, -1, 0, record.tag)
                        counts[record.tag] += 1
                        depth += 1
                    element += 1
                elif record.kind == END and counts[record.tag]:
                    while True:
                        depth -= 1
                        counts[opened[depth].tag] -= 1
                        if opened[depth].tag == record.tag:
                            break
        finally:
            free(opened)
            free(counts)
        return parents, before, around, beside

    def inert(self, is_shadow_root):
        """`etl.pages.inert`."""
        cdef Pieces pieces = self.pieces
        cdef uint32_t noscript = pieces.find_tag(b"noscript", 8), template = pieces.find_tag(b"template", 8), tag
        cdef uint32_t tags = pieces.tags.count
        cdef Py_ssize_t last_noscript = -1, last_template = -1, place, opener = 0, first = 0, element = 0
        cdef Py_ssize_t depth = 0, base = 0
        cdef uint32_t *opened = NULL  # with those inside a template that is inert
        cdef uint32_t *around = NULL
        cdef uint32_t *inside = NULL  # a template that is inert
        cdef uint8_t kind, state = IN_NOTHING
        cdef bint any_opener = False, ended
        cdef Record *record
        cdef list found = []
        for place in range(self.count):
            record = &pieces.records[self.entries[place].record]
            if (record.tag == noscript or record.tag == template) and record.kind != OTHER:
                any_opener = any_opener or record.kind == START
                if record.kind == END and record.tag == noscript:
                    last_noscript = place
                elif record.kind == END:
                    last_template = place
        if not any_opener:
            return found
        try:
            opened = <uint32_t *> malloc((self.count + 1) * sizeof(uint32_t))
            around = <uint32_t *> malloc((tags + 1) * sizeof(uint32_t))
            inside = <uint32_t *> malloc((tags + 1) * sizeof(uint32_t))
            if opened == NULL or around == NULL or inside == NULL:
                raise MemoryError
            memset(around, 0, tags * sizeof(uint32_t))
            memset(inside, 0, tags * sizeof(uint32_t))
            for place in range(self.count):
                record = &pieces.records[self.entries[place].record]
                kind, tag = record.kind, record.tag
                if kind == OTHER:
                    continue
                element += kind != END
                ended = False
                if state == IN_NOSCRIPT:
                    ended = kind == END and tag == noscript
                elif state == IN_TEMPLATE:
                    if kind == START:
                        opened[depth] = tag
                        depth += 1
                        inside[tag] += 1
                    elif kind == END and inside[tag]:
                        pop(opened, &depth, inside, tag)
                    else:
                        ended = kind == END and tag == template
                elif kind == START:
                    opened[depth] = tag
                    depth += 1
                    around[tag] += 1
                    if state == IN_NOTHING and (
                        tag == noscript or (tag == template and not is_shadow_root(self.at(place)))
                    ):
                        if tag == noscript:
                            state = IN_UNCLOSED if last_noscript < place else IN_NOSCRIPT
                        else:
                            state = IN_UNCLOSED if last_template < place else IN_TEMPLATE
                        opener, base, first = place, depth, element
                elif kind == END and around[tag]:
                    pop(opened, &depth, around, tag)
                    ended = state == IN_UNCLOSED and depth < base
                if ended:
                    if state != IN_UNCLOSED:
                        while depth > base:
                            depth -= 1
                            inside[opened[depth]] -= 1
                        depth -= 1
                        around[opened[depth]] -= 1
                    if place > opener + 1 or self.has_text(opener):
                        found.append((opener, place, first, element - first))
                    state = IN_NOTHING
            if state != IN_NOTHING and (self.count > opener + 1 or self.has_text(opener)):
                found.append((opener, self.count, first, element - first))
        finally:
            free(opened)
            free(around)
            free(inside)
        return found

    cdef bint has_text(self, Py_ssize_t place) except -1:
        """Whether text follows a tag."""
        cdef uint32_t number = self.entries[place].record
        cdef Record *record = &self.pieces.records[number]
        if is_odd(record):
            return bool(self.at(place).raw_text)
        return self.pieces.table.keys[number].size > record.rest

    def without(self, list gaps not None):
        """The page without inert content: (tokens, flags); None if the library has read one of its start tags."""
        cdef Pieces pieces = self.pieces
        cdef Tokens made = Tokens.__new__(Tokens)
        cdef Py_ssize_t place = 0, opener, end
        cdef uint32_t number
        made.pieces, made.source, made.page, made.size = pieces, self.source, self.page, self.size
        for opener, end, _, _ in gaps:
            number = self.entries[opener].record
            if is_odd(&pieces.records[number]):
                return None
            made.take(self, place, opener)
            made.add(pieces.tag_alone(number, self.page + self.entries[opener].start), self.entries[opener].start)
            place = end
        made.take(self, place, self.count)
        return made, made.flags()

    cdef int take(self, Tokens other, Py_ssize_t place, Py_ssize_t end) except -1:
        """Add some of the tokens of another page of the same pieces."""
        for place in range(place, end):
            self.add(other.entries[place].record, other.entries[place].start)
            self.entries[self.count - 1].end = other.entries[place].end
        return 0

    cdef object at(self, Py_ssize_t place):
        cdef Pieces pieces = self.pieces
        cdef Entry *entry = &self.entries[place]
        cdef uint32_t number = entry.record
        cdef Key *key = &pieces.table.keys[number]
        cdef size_t behind
        if pieces.records[number].token == NULL:
            text = to_str(self.page + entry.start, key.size)
            pieces.set_token(number, pieces.other(text) if key.salt else pieces.token(text))
        token = <object> pieces.records[number].token
        if pieces.records[number].raw:
            behind = entry.start + pieces.table.keys[number].size
            return pieces.raw(token, to_str(self.page + behind, entry.end - behind))
        return token


include "pieces_notes.pxi"
