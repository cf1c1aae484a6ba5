# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled half of `etl.dom` and `etl.pruner`: known pieces of markup, pages made of them, and their pruning.

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
    static inline uint64_t stepmill_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    static inline uint64_t stepmill_word(const char *at, size_t size) {  /* of at most 8 bytes */
        uint64_t word = 0;
        memcpy(&word, at, size);
        return word;
    }
    /* In the manner of wyhash; the seed is secret, so that no page can be made of pieces that collide. */
    static inline uint64_t stepmill_hash(const char *at, size_t size, uint64_t seed) {
        const uint64_t odd = seed ^ 0x2d358dccaa6c78a5ull;
        uint64_t a, b, hash = seed ^ (size * 0x9e3779b97f4a7c15ull);
        for (; size > 16; at += 16, size -= 16)
            hash = stepmill_mix(stepmill_word(at, 8) ^ odd, stepmill_word(at + 8, 8) ^ hash);
        if (size >= 8) {
            a = stepmill_word(at, 8);
            b = stepmill_word(at + size - 8, 8);
        } else if (size >= 4) {
            a = stepmill_word(at, 4);
            b = stepmill_word(at + size - 4, 4);
        } else {
            a = stepmill_word(at, size);
            b = 0;
        }
        return stepmill_mix(a ^ odd, b ^ hash);
    }
    static inline char *stepmill_put(char *out, uint32_t c) {
        if (c < 0x80) {
            *out++ = (char) c;
            return out;
        }
        if (c < 0x800) {
            *out++ = (char) (0xc0 | c >> 6);
        } else {
            if (c < 0x10000) {
                *out++ = (char) (0xe0 | c >> 12);
            } else {
                *out++ = (char) (0xf0 | c >> 18);
                *out++ = (char) (0x80 | (c >> 12 & 0x3f));
            }
            *out++ = (char) (0x80 | (c >> 6 & 0x3f));
        }
        *out++ = (char) (0x80 | (c & 0x3f));
        return out;
    }
    /* UTF-8 of a text as Python holds it, a unit of 1, 2 or 4 bytes a character: its size, and itself. Steps of so many
       characters are what a compiler makes few instructions of. */
    #define STEPMILL_STEP 32
    #define STEPMILL_MORE(c) (((c) > 0x7f) + ((c) > 0x7ff) + ((c) > 0xffff))
    #define STEPMILL_UTF8(unit, name) \
    static size_t name##_size(const unit *text, size_t length) { \
        size_t size = length, at; \
        for (at = 0; length - at >= STEPMILL_STEP; at += STEPMILL_STEP) { \
            uint32_t any = 0; \
            int i; \
            for (i = 0; i < STEPMILL_STEP; i++) any |= text[at + i]; \
            if (any > 0x7f) for (i = 0; i < STEPMILL_STEP; i++) size += STEPMILL_MORE((uint32_t) text[at + i]); \
        } \
        for (; at < length; at++) size += STEPMILL_MORE((uint32_t) text[at]); \
        return size; \
    } \
    static void name(const unit *text, size_t length, char *out) { \
        size_t at; \
        for (at = 0; length - at >= STEPMILL_STEP; at += STEPMILL_STEP) { \
            uint32_t any = 0; \
            int i; \
            for (i = 0; i < STEPMILL_STEP; i++) any |= text[at + i]; \
            if (any > 0x7f) { \
                for (i = 0; i < STEPMILL_STEP; i++) out = stepmill_put(out, text[at + i]); \
            } else { \
                for (i = 0; i < STEPMILL_STEP; i++) out[i] = (char) text[at + i]; \
                out += STEPMILL_STEP; \
            } \
        } \
        for (; at < length; at++) out = stepmill_put(out, text[at]); \
    }
    STEPMILL_UTF8(uint8_t, stepmill_utf8_1)
    STEPMILL_UTF8(uint16_t, stepmill_utf8_2)
    STEPMILL_UTF8(uint32_t, stepmill_utf8_4)
    """
    const char *STEPMILL_SOURCES
    size_t stepmill_utf8_1_size(const void *text, size_t length) nogil
    size_t stepmill_utf8_2_size(const void *text, size_t length) nogil
    size_t stepmill_utf8_4_size(const void *text, size_t length) nogil
    void stepmill_utf8_1(const void *text, size_t length, char *out) nogil
    void stepmill_utf8_2(const void *text, size_t length, char *out) nogil
    void stepmill_utf8_4(const void *text, size_t length, char *out) nogil
    uint64_t stepmill_hash(const char *at, size_t size, uint64_t seed) nogil

cdef extern from "string.h":
    void *memmem(const void *text, size_t size, const void *wanted, size_t wanted_size) nogil

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    bint PyUnicode_IS_ASCII(object text)

SOURCES = STEPMILL_SOURCES.decode()
"""What the sources were that this was made of, as `etl.compiled` has it."""

cdef enum:  # kinds, as in etl.dom
    OTHER, START, EMPTY, END

cdef enum:  # operations, as in etl.pruner
    TEXT, OPEN, OPEN_REMOVABLE, UNWRAP, SINGLE, CLOSE, DROP, LITERAL, LITERAL_REMOVABLE, TEMPLATE, UNKNOWN

cdef enum:  # marks of an open element; REMOVABLE: it goes if nothing was added
    KEPT, UNWRAPPED, DROPPED, REMOVABLE

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

cdef enum:  # classes of bytes
    PLAIN, SPACE, ESCAPED, ASK, LEAD


# ---- memory


cdef struct Arena:  # bytes that stay where they are
    char **blocks
    size_t count
    char *at
    size_t left
    size_t total


cdef char *arena_take(Arena *arena, const char *source, size_t size) except NULL:
    """A copy of some bytes."""
    cdef char *block
    cdef char **blocks
    cdef size_t room
    if size > arena.left or arena.at == NULL:
        room = size if size > BLOCK else BLOCK
        block = <char *> malloc(room)
        blocks = <char **> realloc(arena.blocks, (arena.count + 1) * sizeof(char *))
        if blocks != NULL:
            arena.blocks = blocks
        if block == NULL or blocks == NULL:
            free(block)
            raise MemoryError
        arena.blocks[arena.count] = block
        arena.count += 1
        arena.total += room
        arena.at = block
        arena.left = room
    block = arena.at
    if size:
        memcpy(block, source, size)
    arena.at += size
    arena.left -= size
    return block


cdef void arena_free(Arena *arena) noexcept:
    cdef size_t number
    for number in range(arena.count):
        free(arena.blocks[number])
    free(arena.blocks)
    memset(arena, 0, sizeof(Arena))


cdef struct Buffer:  # bytes that grow
    char *at
    size_t size
    size_t room


cdef int buffer_room(Buffer *buffer, size_t more) except -1:
    cdef size_t room
    cdef char *at
    if buffer.size + more > buffer.room:
        room = buffer.size + more + (buffer.size + more) // 2 + 4096
        at = <char *> realloc(buffer.at, room)
        if at == NULL:
            raise MemoryError
        buffer.at = at
        buffer.room = room
    return 0


cdef void buffer_trim(Buffer *buffer) noexcept:
    """Give a large one back."""
    if buffer.room > LARGE:
        free(buffer.at)
        memset(buffer, 0, sizeof(Buffer))


cdef inline int buffer_add(Buffer *buffer, const char *source, size_t size) except -1:
    if buffer.size + size > buffer.room:
        buffer_room(buffer, size)
    if size:
        memcpy(buffer.at + buffer.size, source, size)
        buffer.size += size
    return 0


cdef int buffer_number(Buffer *buffer, Py_ssize_t number) except -1:
    cdef char digits[24]
    cdef int at = 24
    while True:
        at -= 1
        digits[at] = 48 + <char> (number % 10)
        number //= 10
        if number == 0:
            break
    return buffer_add(buffer, digits + at, 24 - at)


# ---- a table from bytes to numbers 0, 1, 2 ...


cdef struct Key:
    const char *at
    uint64_t hash
    uint32_t size
    uint32_t salt


cdef struct Slot:
    uint32_t check
    uint32_t number


cdef struct Table:
    Slot *slots
    Key *keys
    size_t mask
    uint32_t count
    uint32_t room
    uint64_t seed
    Arena arena


cdef int table_make(Table *table, uint64_t seed) except -1:
    memset(table, 0, sizeof(Table))
    table.seed = seed
    table.mask = 255
    table.slots = <Slot *> malloc(256 * sizeof(Slot))
    if table.slots == NULL:
        raise MemoryError
    memset(table.slots, 0xFF, 256 * sizeof(Slot))
    return 0


cdef void table_free(Table *table) noexcept:
    free(table.slots)
    free(table.keys)
    arena_free(&table.arena)
    memset(table, 0, sizeof(Table))


cdef size_t table_bytes(Table *table) noexcept:
    return table.arena.total + table.room * sizeof(Key) + (table.mask + 1) * sizeof(Slot)


cdef inline uint64_t table_hash(Table *table, const char *at, size_t size, uint32_t salt) noexcept:
    return stepmill_hash(at, size, table.seed + salt)


cdef inline uint32_t table_find(Table *table, const char *at, size_t size, uint32_t salt, uint64_t hash) noexcept:
    """The number of a key, NONE if it is not there."""
    cdef size_t place = hash & table.mask
    cdef uint32_t number
    cdef Key *key
    while True:
        number = table.slots[place].number
        if number == NONE:
            return NONE
        if table.slots[place].check == <uint32_t> (hash >> 32):
            key = &table.keys[number]
            if key.size == size and key.salt == salt and memcmp(key.at, at, size) == 0:
                return number
        place = (place + 1) & table.mask


cdef void table_put(Table *table, uint32_t number) noexcept:
    cdef uint64_t hash = table.keys[number].hash
    cdef size_t place = hash & table.mask
    while table.slots[place].number != NONE:
        place = (place + 1) & table.mask
    table.slots[place].number = number
    table.slots[place].check = <uint32_t> (hash >> 32)


cdef uint32_t table_add(Table *table, const char *at, size_t size, uint32_t salt, uint64_t hash, bint found) except? NONE:
    """The number of a new key; one that shall not be found is only counted."""
    cdef Slot *slots
    cdef Key *keys
    cdef uint32_t number = table.count, other
    cdef size_t slot_count
    if number == table.room:
        keys = <Key *> realloc(table.keys, (table.room * 2 + 64) * sizeof(Key))
        if keys == NULL:
            raise MemoryError
        table.keys = keys
        table.room = table.room * 2 + 64
    table.keys[number].at = arena_take(&table.arena, at, size) if found else NULL
    table.keys[number].size = <uint32_t> size
    table.keys[number].salt = salt
    table.keys[number].hash = hash
    if <size_t> (number + 1) * 2 > table.mask:
        slot_count = (table.mask + 1) * 4
        slots = <Slot *> malloc(slot_count * sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        memset(slots, 0xFF, slot_count * sizeof(Slot))
        free(table.slots)
        table.slots = slots
        table.mask = slot_count - 1
        for other in range(number):
            if table.keys[other].at != NULL:
                table_put(table, other)
    table.count = number + 1
    if found:
        table_put(table, number)
    return number


# ---- text


cdef uint8_t CLASS[256]


cdef void classify() noexcept:
    """Classes of bytes in text, as ``str.split`` and the pruner's escaping have them."""
    cdef int byte
    memset(CLASS, PLAIN, 256)
    for byte in range(9, 14):
        CLASS[byte] = SPACE
    for byte in range(28, 33):
        CLASS[byte] = SPACE
    CLASS[c"<"] = CLASS[c">"] = ESCAPED
    CLASS[c"&"] = CLASS[0] = ASK
    CLASS[0xC2] = CLASS[0xE1] = CLASS[0xE2] = CLASS[0xE3] = LEAD  # white space beyond ASCII may begin so


classify()


cdef inline bint is_wide_space(const char *at, size_t left) noexcept:
    """Whether white space beyond ASCII stands here."""
    cdef uint8_t lead = <uint8_t> at[0], second, third
    if left < 2:
        return False
    second = <uint8_t> at[1]
    if lead == 0xC2:
        return second == 0x85 or second == 0xA0
    if left < 3:
        return False
    third = <uint8_t> at[2]
    if lead == 0xE1:
        return second == 0x9A and third == 0x80
    if lead == 0xE2:
        if second == 0x80:
            return third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF
        return second == 0x81 and third == 0x9F
    return lead == 0xE3 and second == 0x80 and third == 0x80


cdef bint one_line(const char *at, size_t size, Buffer *out) except? 0:
    """Add text as `etl.pruner` has it between tags. False if it must be asked."""
    cdef const char *end = at + size
    cdef const char *word
    cdef uint8_t kind
    cdef bint any_word = False
    buffer_room(out, size + 1)
    while True:
        while at < end and CLASS[<uint8_t> at[0]] == SPACE:
            at += 1
        if at == end:
            break
        any_word = True
        while at < end:
            kind = CLASS[<uint8_t> at[0]]
            if kind == PLAIN:
                word = at
                at += 1
                while at < end and CLASS[<uint8_t> at[0]] == PLAIN:
                    at += 1
                memcpy(out.at + out.size, word, at - word)
                out.size += at - word
            elif kind == SPACE:
                break
            elif kind == ESCAPED:
                buffer_room(out, 4 + (end - at))
                memcpy(out.at + out.size, b"&lt;" if at[0] == c"<" else b"&gt;", 4)
                out.size += 4
                at += 1
            elif kind == LEAD and not is_wide_space(at, end - at):
                out.at[out.size] = at[0]
                out.size += 1
                at += 1
            else:
                return False
        out.at[out.size] = c" "
        out.size += 1
    return True


cdef bint as_it_is(const char *at, size_t size) noexcept:
    """Whether text inside ``pre`` stays as it is: nothing to escape in it, and not only white space."""
    cdef size_t place
    cdef uint8_t kind
    cdef bint word = False
    for place in range(size):
        kind = CLASS[<uint8_t> at[place]]
        if kind == ESCAPED or kind == ASK:
            return False
        word = word or (kind == PLAIN and <uint8_t> at[place] < 0x80)
    return word or size == 0


cdef inline bint is_blank(char c) noexcept:
    """HTML's white space; there is no CR any more."""
    return c == c" " or c == c"\n" or c == c"\t" or c == c"\f"


cdef inline bint is_letter(char c) noexcept:
    return c"a" <= (c | 32) <= c"z"


cdef inline char lower(char c) noexcept:
    return c | 32 if c"A" <= c <= c"Z" else c


cdef str to_str(const char *at, size_t size):
    return PyUnicode_DecodeUTF8(at, size, b"surrogatepass")


cpdef bytes to_bytes(str text):
    """The UTF-8 of any text, lone surrogates written like other characters, in a third of the time of `str.encode`."""
    cdef const void *data = PyUnicode_DATA(text)
    cdef size_t length = PyUnicode_GET_LENGTH(text)
    cdef int kind = PyUnicode_KIND(text)
    cdef bytes made
    if PyUnicode_IS_ASCII(text):
        return PyBytes_FromStringAndSize(<const char *> data, length)
    if kind == 1:
        made = PyBytes_FromStringAndSize(NULL, stepmill_utf8_1_size(data, length))
        stepmill_utf8_1(data, length, PyBytes_AS_STRING(made))
    elif kind == 2:
        made = PyBytes_FromStringAndSize(NULL, stepmill_utf8_2_size(data, length))
        stepmill_utf8_2(data, length, PyBytes_AS_STRING(made))
    else:
        made = PyBytes_FromStringAndSize(NULL, stepmill_utf8_4_size(data, length))
        stepmill_utf8_4(data, length, PyBytes_AS_STRING(made))
    return made


cdef bytes with_lf(const char *at, size_t size):
    """Bytes with LF at the end of lines instead of CR LF and CR."""
    cdef bytes made = PyBytes_FromStringAndSize(NULL, size)
    cdef char *out = PyBytes_AS_STRING(made)
    cdef const char *end = at + size
    cdef const char *behind
    while at < end:
        behind = <const char *> memchr(at, c"\r", end - at)
        if behind == NULL:
            behind = end
        memcpy(out, at, behind - at)
        out += behind - at
        at = behind + 1
        if behind < end:
            if at < end and at[0] == c"\n":
                at += 1
            out[0] = c"\n"
            out += 1
    return made[: out - PyBytes_AS_STRING(made)]


# ---- pieces


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
    """Find the parts of a tag whose extent cannot be misread, as `etl.dom` has it in a regular expression."""
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

    Functions of `etl.dom`: token: a plain tag's piece -> Token; other: text -> Token; odd: text from a tag on ->
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
                continue
            if size and at[0] == c"!" or size and at[0] == c"?" or size and at[0] == c"/":
                if at[0] == c"/" and (size == 1 and behind == end or size > 1 and at[1] == c">"):
                    if size == 2:
                        at = behind
                        continue  # "</>" says nothing
                    return False
                at = self.after_comment(at, end)
                if at == NULL:
                    return True
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

    cdef const char *raw_end(self, Tokens tokens, const char *at, const char *end) except NULL:
        """Behind the content of the raw element that was opened last: at its end tag, or at the end of the page."""
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
        """`etl.dom.Page.having`."""
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
            number = table_find(&pieces.tags, at, size, 0, table_hash(&pieces.tags, at, size, 0))
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
        """`etl.locators._Kin`."""
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


# ---- pruning


cdef struct Name:
    const char *at  # in lower case
    uint32_t size
    uint32_t first  # the number of the name in lower case
    uint8_t bits


cdef struct Shown:
    const char *text
    uint32_t size
    uint32_t name


cdef struct Open:
    size_t begin
    size_t end
    uint32_t tag
    uint32_t mark


cdef class Notes:
    """What pruners need beside pieces: names and values of attributes, and the state of the page being written.

    rules: a `etl.pruner.Pruner`.
    """

    cdef object rules
    cdef Table names, values
    cdef Name *name
    cdef uint32_t name_room
    cdef Shown *value
    cdef uint32_t value_room
    cdef Buffer out, scratch
    cdef Open *opened
    cdef size_t depth, opened_room
    cdef uint32_t *counts
    cdef uint32_t counts_room
    cdef size_t literal
    cdef size_t templates
    cdef bint was_literal
    cdef Py_ssize_t node

    def __cinit__(self, rules):
        self.rules = rules
        table_make(&self.names, secrets.randbits(62))
        table_make(&self.values, self.names.seed)

    def __dealloc__(self):
        table_free(&self.names)
        table_free(&self.values)
        free(self.name)
        free(self.value)
        free(self.out.at)
        free(self.scratch.at)
        free(self.opened)
        free(self.counts)

    @property
    def size(self):
        """Bytes held."""
        return (
            table_bytes(&self.names) + table_bytes(&self.values) + self.name_room * sizeof(Name)
            + self.value_room * sizeof(Shown)
        )

    def clear(self):
        """Forget names and values."""
        cdef uint64_t seed = self.names.seed
        table_free(&self.names)
        table_free(&self.values)
        free(self.name)
        free(self.value)
        self.name, self.value = NULL, NULL
        self.name_room = self.value_room = 0
        table_make(&self.names, seed)
        table_make(&self.values, seed)

    # ---- notes on pieces

    cdef int own(self, Pieces pieces) except -1:
        """The notes on pieces are this pruner's from now on."""
        cdef uint32_t number
        if pieces.owner is self:
            return 0
        pieces.owner = None
        for number in range(pieces.table.count):
            pieces.records[number].op = UNKNOWN
        for number in range(pieces.tags.count):
            pieces.tag[number].bits = TAG_UNKNOWN
        arena_free(&pieces.notes)
        pieces.owner = self
        return 0

    cdef int tag_bits(self, Pieces pieces, uint32_t tag) except -1:
        cdef Key *key
        if pieces.tag[tag].bits == TAG_UNKNOWN:
            key = &pieces.tags.keys[tag]
            pieces.tag[tag].bits = self.rules.tag_bits(to_str(key.at, key.size))
        return pieces.tag[tag].bits

    cdef Name *named(self, const char *at, size_t size) except NULL:
        """What is known of an attribute's name as written."""
        cdef uint64_t hash = table_hash(&self.names, at, size, 0)
        cdef uint32_t number = table_find(&self.names, at, size, 0, hash)
        cdef Name *name
        cdef Name made
        cdef bytes lowered
        cdef const char *text
        if number != NONE:
            return &self.name[number]
        memset(&made, 0, sizeof(Name))
        made.first = NONE
        if any_upper(at, size):
            lowered = PyBytes_FromStringAndSize(at, size).lower()  # of bytes, which changes A to Z alone
            text = PyBytes_AS_STRING(lowered)
            made.first = self.named(text, size).first
            made.bits = self.name[made.first].bits
        else:
            made.bits = self.rules.name_bits(to_str(at, size))
        number = table_add(&self.names, at, size, 0, hash, True)
        if number >= self.name_room:
            name = <Name *> realloc(self.name, (self.name_room * 2 + 64) * sizeof(Name))
            if name == NULL:
                raise MemoryError
            self.name = name
            self.name_room = self.name_room * 2 + 64
        if made.first == NONE:
            made.first = number
        made.at, made.size = self.names.keys[made.first].at, <uint32_t> size
        self.name[number] = made
        return &self.name[number]

    cdef int show(self, uint32_t name, const char *at, size_t size, Shown *shown) except -1:
        """How a value stands in a start tag: bytes that stay until values are forgotten."""
        cdef uint64_t hash = table_hash(&self.values, at, size, name + 1)
        cdef uint32_t number = table_find(&self.values, at, size, name + 1, hash)
        cdef Shown *values
        cdef bytes text
        if number == NONE:
            text = to_bytes(self.rules.shown(
                to_str(self.names.keys[name].at, self.names.keys[name].size), to_str(at, size)
            ))
            number = table_add(&self.values, at, size, name + 1, hash, size <= LONGEST_VALUE)
            if number >= self.value_room:
                values = <Shown *> realloc(self.value, (self.value_room * 2 + 64) * sizeof(Shown))
                if values == NULL:
                    raise MemoryError
                self.value = values
                self.value_room = self.value_room * 2 + 64
            self.value[number].text = arena_take(&self.values.arena, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            self.value[number].size = <uint32_t> PyBytes_GET_SIZE(text)
        shown.text, shown.size = self.value[number].text, self.value[number].size
        return 0

    cdef int note(self, Tokens tokens, Py_ssize_t place) except -1:
        """Work out what a piece contributes."""
        cdef Pieces pieces = tokens.pieces
        cdef uint32_t number = tokens.entries[place].record
        cdef Record *record = &pieces.records[number]
        cdef Key *key = &pieces.table.keys[number]
        cdef const char *piece = tokens.page + tokens.entries[place].start
        cdef int bits = self.tag_bits(pieces, record.tag) if record.kind != OTHER else 0
        cdef Buffer *scratch = &self.scratch
        cdef bytes asked
        if is_odd(record):
            return self.ask(tokens, place)
        record.before_size = record.after_size = record.text_size = 0
        if record.kind == START and bits & TAG_DROPPED:
            record.op = DROP
            return 0
        if key.size > record.rest:
            scratch.size = 0
            if one_line(piece + record.rest, key.size - record.rest, scratch):
                record.text_size = <uint32_t> scratch.size
                record.text = arena_take(&pieces.notes, scratch.at, scratch.size)
            else:
                asked = to_bytes(self.rules.text(to_str(piece + record.rest, key.size - record.rest)))
                record = &pieces.records[number]
                record.text_size = <uint32_t> PyBytes_GET_SIZE(asked)
                record.text = arena_take(&pieces.notes, PyBytes_AS_STRING(asked), PyBytes_GET_SIZE(asked))
        if record.kind == END:
            record.op = CLOSE
        elif record.kind == OTHER:
            record.op = TEXT
        elif not bits & TAG_KEPT:
            record.op = SINGLE if record.kind == EMPTY else TEMPLATE if bits & TAG_TEMPLATE else UNWRAP
        else:
            self.start_tag(tokens, place, bits)
        return 0

    cdef int start_tag(self, Tokens tokens, Py_ssize_t place, int bits) except -1:
        """The start tag of an element that is kept."""
        cdef Pieces pieces = tokens.pieces
        cdef uint32_t number = tokens.entries[place].record
        cdef Record *record = &pieces.records[number]
        cdef Key *tag = &pieces.tags.keys[record.tag]
        cdef const char *at = tokens.page + tokens.entries[place].start + record.markup
        cdef const char *end = tokens.page + tokens.entries[place].start + record.markup_end
        cdef const char *name
        cdef const char *name_end
        cdef const char *value
        cdef const char *value_end
        cdef Name *named
        cdef Shown shown[MOST_SHOWN]
        cdef Shown one
        cdef int count = 0, other
        cdef bint removable = not bits & TAG_KEPT_WHEN_EMPTY
        cdef Buffer *scratch = &self.scratch
        cdef size_t middle
        while True:
            while at < end and is_blank(at[0]):
                at += 1
            if at >= end:
                break
            name = at
            while at < end and not is_blank(at[0]) and at[0] != c"=":
                at += 1
            name_end = at
            while at < end and is_blank(at[0]):
                at += 1
            value = value_end = at
            if at < end and at[0] == c"=":
                at += 1
                while at < end and is_blank(at[0]):
                    at += 1
                if at[0] == c'"' or at[0] == c"'":
                    value = at + 1
                    at = value_end = <const char *> memchr(value, at[0], end - value)
                    at += 1
                else:
                    value = at
                    while at < end and not is_blank(at[0]):
                        at += 1
                    value_end = at
            named = self.named(name, name_end - name)
            if not named.bits & NAME_STAYS:
                continue
            for other in range(count):
                if shown[other].name == named.first:
                    break
            else:
                if count == MOST_SHOWN:
                    return self.ask(tokens, place)
                shown[count].name = named.first
                self.show(named.first, value, value_end - value, &shown[count])
                count += 1
        for other in range(count):
            if shown[other].size and self.name[shown[other].name].bits & NAME_KEEPS:
                removable = False
        for number in range(1, count):  # few: in order by insertion
            one = shown[number]
            other = <int> number
            while other and is_less(&self.name[one.name], &self.name[shown[other - 1].name]):
                shown[other] = shown[other - 1]
                other -= 1
            shown[other] = one
        number = tokens.entries[place].record
        record = &pieces.records[number]
        if record.kind == EMPTY and removable:
            record.op = SINGLE
            return 0
        scratch.size = 0
        buffer_add(scratch, b"<", 1)
        buffer_add(scratch, tag.at, tag.size)
        other = 0
        while other < count and is_before_node(&self.name[shown[other].name]):
            buffer_add(scratch, shown[other].text, shown[other].size)
            other += 1
        buffer_add(scratch, b' node="', 7)
        middle = scratch.size
        buffer_add(scratch, b'"', 1)
        while other < count:
            buffer_add(scratch, shown[other].text, shown[other].size)
            other += 1
        if record.kind == EMPTY:
            record.op = SINGLE
            if bits & TAG_VOID:
                buffer_add(scratch, b"/> ", 3)
            else:
                buffer_add(scratch, b"> </", 4)
                buffer_add(scratch, tag.at, tag.size)
                buffer_add(scratch, b"> ", 2)
        else:
            buffer_add(scratch, b"> ", 2)
            if bits & TAG_LITERAL:
                record.op = LITERAL_REMOVABLE if removable else LITERAL
            else:
                record.op = OPEN_REMOVABLE if removable else OPEN
        record.before_size = <uint32_t> middle
        record.after_size = <uint32_t> (scratch.size - middle)
        record.before = arena_take(&pieces.notes, scratch.at, scratch.size)
        record.after = record.before + middle
        return 0

    cdef int ask(self, Tokens tokens, Py_ssize_t place) except -1:
        """Have the plain pruner work out what a token contributes."""
        cdef Pieces pieces = tokens.pieces
        cdef Record *record
        cdef bytes before, after, text
        token = tokens.at(place)
        op, _, *parts = self.rules.piece(token)
        before, after, text = map(to_bytes, parts)
        record = &pieces.records[tokens.entries[place].record]
        record.op = op
        record.before = arena_take(&pieces.notes, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before))
        record.before_size = <uint32_t> PyBytes_GET_SIZE(before)
        record.after = arena_take(&pieces.notes, PyBytes_AS_STRING(after), PyBytes_GET_SIZE(after))
        record.after_size = <uint32_t> PyBytes_GET_SIZE(after)
        record.text = arena_take(&pieces.notes, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        record.text_size = <uint32_t> PyBytes_GET_SIZE(text)
        return 0

    # ---- writing

    def prune(self, Tokens tokens not None, Py_ssize_t elements, Py_ssize_t kept_at=-1, kept=None):
        """(observation, whether white space counted somewhere in it).

        kept_at: the place of a token that contributes ``kept``, a piece of the pruner's, instead of its own.
        """
        cdef Pieces pieces = tokens.pieces
        cdef Record *record
        cdef Record own
        cdef Py_ssize_t place
        cdef Buffer *out = &self.out
        cdef bytes before, after, text
        cdef bint is_kept
        self.own(pieces)
        if self.size > self.rules.memo_bytes:
            self.clear()
        self.depth = self.literal = self.templates = 0
        self.was_literal = False
        self.node = elements
        out.size = 0
        if self.counts != NULL:
            memset(self.counts, 0, self.counts_room * sizeof(uint32_t))
        for place in range(tokens.count):
            record = &pieces.records[tokens.entries[place].record]
            is_kept = place == kept_at
            if is_kept or (record.raw and not self.tag_bits(pieces, record.tag) & TAG_DROPPED):
                op, _, *parts = kept if is_kept else self.rules.piece(tokens.at(place))
                before, after, text = map(to_bytes, parts)
                own = pieces.records[tokens.entries[place].record]
                own.op = op
                own.before, own.before_size = PyBytes_AS_STRING(before), <uint32_t> PyBytes_GET_SIZE(before)
                own.after, own.after_size = PyBytes_AS_STRING(after), <uint32_t> PyBytes_GET_SIZE(after)
                own.text, own.text_size = PyBytes_AS_STRING(text), <uint32_t> PyBytes_GET_SIZE(text)
                self.write(tokens, place, &own)
                continue
            if record.op == UNKNOWN:
                self.note(tokens, place)
                record = &pieces.records[tokens.entries[place].record]
            self.write(tokens, place, record)
        while self.depth:
            self.close(pieces, self.opened[self.depth - 1].tag)
        observation = to_str(out.at, out.size) if out.size else ""
        buffer_trim(&self.out)
        buffer_trim(&self.scratch)
        return observation, self.was_literal

    cdef int write(self, Tokens tokens, Py_ssize_t place, Record *record) except -1:
        """Write one token, whatever is open."""
        cdef uint8_t op = record.op
        if op == CLOSE:
            if record.tag < self.counts_room and self.counts[record.tag]:
                self.close(tokens.pieces, record.tag)
        elif op == SINGLE:
            self.node -= 1
            if record.before_size:
                self.add_tag(record)
        elif op != TEXT:
            self.node -= 1
            self.open(tokens.pieces, record)
        if self.literal and op != DROP:
            if not self.templates:
                self.write_literal(tokens, place)
        elif record.text_size and not self.templates:
            buffer_add(&self.out, record.text, record.text_size)
        return 0

    cdef int write_literal(self, Tokens tokens, Py_ssize_t place) except -1:
        """Write the text after a token as it is."""
        cdef Pieces pieces = tokens.pieces
        cdef Entry *entry = &tokens.entries[place]
        cdef Record *record = &pieces.records[entry.record]
        cdef uint32_t size = pieces.table.keys[entry.record].size
        cdef const char *at = tokens.page + entry.start + record.rest
        cdef bytes text
        if not record.raw and not is_odd(record) and as_it_is(at, size - record.rest):
            return buffer_add(&self.out, at, size - record.rest)
        text = to_bytes(self.rules.literal_text(tokens.at(place)))
        return buffer_add(&self.out, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef int add_tag(self, Record *record) except -1:
        cdef size_t begin = self.out.size
        buffer_add(&self.out, record.before, record.before_size)
        buffer_number(&self.out, self.node)
        buffer_add(&self.out, record.after, record.after_size)
        if self.literal:
            self.tighten(begin)
        return 0

    cdef void tighten(self, size_t begin) noexcept:
        """Take spaces between tags out of what was added from ``begin`` on."""
        cdef Buffer *out = &self.out
        cdef size_t at, to = begin
        while out.size > begin and out.at[out.size - 1] == c" ":
            out.size -= 1
        for at in range(begin, out.size):
            if (
                out.at[at] == c" " and at > begin and out.at[at - 1] == c">"
                and at + 2 < out.size and out.at[at + 1] == c"<" and out.at[at + 2] == c"/"
            ):
                continue
            out.at[to] = out.at[at]
            to += 1
        out.size = to

    cdef int open(self, Pieces pieces, Record *record) except -1:
        cdef Open *opened
        cdef uint32_t *counts
        cdef uint32_t room
        cdef uint8_t op = record.op
        if self.depth == self.opened_room:
            opened = <Open *> realloc(self.opened, (self.opened_room * 2 + 256) * sizeof(Open))
            if opened == NULL:
                raise MemoryError
            self.opened = opened
            self.opened_room = self.opened_room * 2 + 256
        if record.tag >= self.counts_room:
            room = record.tag * 2 + 256
            counts = <uint32_t *> realloc(self.counts, room * sizeof(uint32_t))
            if counts == NULL:
                raise MemoryError
            memset(counts + self.counts_room, 0, (room - self.counts_room) * sizeof(uint32_t))
            self.counts = counts
            self.counts_room = room
        opened = &self.opened[self.depth]
        opened.tag = record.tag
        opened.begin = self.out.size
        opened.mark = KEPT
        if op == DROP:
            opened.mark = DROPPED
        elif op == UNWRAP or op == TEMPLATE:
            opened.mark = UNWRAPPED
            self.templates += op == TEMPLATE
        else:
            if op == LITERAL or op == LITERAL_REMOVABLE:
                self.literal = self.literal or self.depth + 1
                self.was_literal = True
            self.add_tag(record)
            if op == OPEN_REMOVABLE or op == LITERAL_REMOVABLE:
                opened.mark = REMOVABLE
        opened.end = self.out.size
        self.depth += 1
        self.counts[record.tag] += 1
        return 0

    cdef int close(self, Pieces pieces, uint32_t tag) except -1:
        """Close up to the innermost open element of this tag, which exists."""
        cdef Open *opened
        cdef bint end_of_literal
        cdef Key *name
        cdef size_t begin
        while True:
            self.depth -= 1
            opened = &self.opened[self.depth]
            self.counts[opened.tag] -= 1
            end_of_literal = self.literal > self.depth
            name = &pieces.tags.keys[opened.tag]
            if opened.mark == REMOVABLE and opened.end == self.out.size:
                self.out.size = opened.begin
            elif opened.mark == DROPPED:
                self.out.size = opened.begin
            elif opened.mark == UNWRAPPED:
                self.templates -= name.size == 8 and memcmp(name.at, b"template", 8) == 0
            else:
                begin = self.out.size
                buffer_room(&self.out, name.size + 5)
                buffer_add(&self.out, b"</", 2)
                buffer_add(&self.out, name.at, name.size)
                buffer_add(&self.out, b"> ", 1 if self.literal else 2)
                if end_of_literal:
                    buffer_add(&self.out, b" ", 1)
            if end_of_literal:
                self.literal = 0
            if opened.tag == tag:
                return 0


cdef bint any_upper(const char *at, size_t size) noexcept:
    cdef size_t place
    for place in range(size):
        if c"A" <= at[place] <= c"Z":
            return True
    return False


cdef bint is_less(Name *one, Name *other) noexcept:
    cdef int order = memcmp(one.at, other.at, min(one.size, other.size))
    return order < 0 or (order == 0 and one.size < other.size)


cdef bint is_before_node(Name *name) noexcept:
    cdef int order = memcmp(name.at, b"node", min(name.size, <uint32_t> 4))
    return order < 0 or (order == 0 and name.size < 4)
