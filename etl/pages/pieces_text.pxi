# Texts of `etl.pages.pieces`: UTF-8 of them, their white space, and their lines.

cdef extern from *:
    """
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
    size_t stepmill_utf8_1_size(const void *text, size_t length) nogil
    size_t stepmill_utf8_2_size(const void *text, size_t length) nogil
    size_t stepmill_utf8_4_size(const void *text, size_t length) nogil
    void stepmill_utf8_1(const void *text, size_t length, char *out) nogil
    void stepmill_utf8_2(const void *text, size_t length, char *out) nogil
    void stepmill_utf8_4(const void *text, size_t length, char *out) nogil

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    bint PyUnicode_IS_ASCII(object text)


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
    """Add text as `etl.pages.prune` has it between tags. False if it must be asked."""
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
    """The UTF-8 of any text, lone surrogates written like other characters, in about half the time of `str.encode`."""
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
