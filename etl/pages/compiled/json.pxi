# Pages within JSON: strings read straight to UTF-8. A Python text in between, of two or four bytes
# a character, would take as long as to read the page.

cdef extern from *:
    """
    /* The number of bytes, at most `WIDTH`, before the first that is a quote, a backslash, a control
       character or no ASCII. */
    #ifdef __SSE2__
    #include <emmintrin.h>
    enum { WIDTH = 16 };
    static inline int stepmill_plain(const char *at) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *) at);
        const __m128i found = _mm_or_si128(
            _mm_or_si128(
                _mm_cmpeq_epi8(bytes, _mm_set1_epi8(34)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8(92))
            ),
            _mm_cmplt_epi8(bytes, _mm_set1_epi8(32)) /* signed: and those beyond ASCII */
        );
        return __builtin_ctz(_mm_movemask_epi8(found) | 1 << 16);
    }
    #else
    enum { WIDTH = 8 };
    static inline int stepmill_plain(const char *at) {
        const uint64_t ones = ~0ull / 255, high = ones << 7;
        uint64_t word;
        memcpy(&word, at, 8);
    #if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
    #endif
        const uint64_t quote = word ^ ones * 34, back = word ^ ones * 92;
        const uint64_t found = (((quote - ones) & ~quote) | ((back - ones) & ~back)
            | ((word - ones * 32) & ~word) | word) & high;
        return found ? __builtin_ctzll(found) >> 3 : 8;
    }
    #endif
    """
    const int WIDTH
    int stepmill_plain(const char *at) noexcept


cdef string room  # for the string that is read
cdef size_t read_size  # of the string that was read last


cdef inline int hex_digit(char c) noexcept:
    """The value of a hexadecimal digit; a negative number if it is none."""
    if c"0" <= c <= c"9":
        return c - c"0"
    return (c | 32) - c"a" + 10 if c"a" <= (c | 32) <= c"f" else -1


cdef long utf16_unit(const char *at, const char *end) noexcept:
    """The number after a ``\\u``; -1 if it is not four hexadecimal digits."""
    cdef long unit = 0
    cdef int place, digit
    if end - at < 4:
        return -1
    for place in range(4):
        digit = hex_digit(at[place])
        if digit < 0:
            return -1
        unit = unit << 4 | digit
    return unit


cdef inline char *put_character(char *out, long c) noexcept:
    """Write a character beyond ASCII."""
    cdef int more = (c > 0x7F) + (c > 0x7FF) + (c > 0xFFFF)
    out[0] = <char> ((0xF00 >> (more + 1) | c >> 6 * more) if more else c)
    out += 1
    while more:
        more -= 1
        out[0] = <char> (0x80 | (c >> 6 * more & 0x3F))
        out += 1
    return out


cdef int character_size(const char *at, const char *end) noexcept:
    """The size of the character that stands here; 0 if it is not valid UTF-8."""
    cdef uint8_t first = <uint8_t> at[0]
    cdef uint8_t second
    cdef int place, size = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if first < 0x80:
        return 1
    if first < 0xC2 or first > 0xF4 or end - at < size:
        return 0
    for place in range(1, size):
        if (at[place] & 0xC0) != 0x80:
            return 0
    second = <uint8_t> at[1]
    if (
        (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F)
        or (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F)
    ):
        return 0
    return size


cdef const char *read_string(const char *at, const char *end) except? NULL:
    """Read a JSON string after its quote to `room`, and return the place of its last quote.

    NULL if it is not valid, as it is for orjson.
    """
    global read_size
    cdef char *out = &room[0]
    cdef char *limit = out + room.size()
    cdef size_t used
    cdef int count
    while at < end:
        if limit - out < 2 * WIDTH:
            used = out - &room[0]
            room.resize(2 * room.size() + 4096)
            out, limit = &room[0] + used, &room[0] + room.size()
        if end - at >= WIDTH:
            memcpy(out, at, WIDTH)
            count = stepmill_plain(at)
            at += count
            out += count
            if count == WIDTH:
                continue
        if at[0] == c'"':
            read_size = out - &room[0]
            return at
        if at[0] == c"\\":
            at = read_escape(at + 1, end, &out)
        elif <uint8_t> at[0] < 32:
            return NULL
        else:
            count = character_size(at, end)
            memcpy(out, at, count)
            at, out = at + count if count else NULL, out + count
        if at == NULL:
            return NULL
    return NULL


cdef const char *read_escape(const char *at, const char *end, char **out) noexcept:
    """Read an escape after its backslash, and return the place after it; NULL if it is not valid."""
    cdef long c, low
    cdef const char *found
    if at == end:
        return NULL
    if at[0] != c"u":
        found = <const char *> memchr(<const char *> ESCAPES, at[0], 8)
        if found == NULL:
            return NULL
        out[0][0] = ESCAPED[found - <const char *> ESCAPES]
        out[0] += 1
        return at + 1
    c = utf16_unit(at + 1, end)
    at += 5
    if 0xD800 <= c < 0xDC00 and end - at >= 6 and at[0] == c"\\" and at[1] == c"u":
        low = utf16_unit(at + 2, end)
        at += 6
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) if 0xDC00 <= low < 0xE000 else -1
    if c < 0 or 0xD800 <= c < 0xE000:
        return NULL
    out[0] = put_character(out[0], c)
    return at


cdef const char *ESCAPES = b'"\\/bfnrt'
cdef const char *ESCAPED = b'"\\/\b\f\n\r\t'


def without_strings(bytes json not None, bytes key not None, bytes mark not None):
    """JSON with other strings for those of a key, and these as UTF-8; None if there are none.

    The other strings are ``mark`` and its number from 1. It is None too if one of the strings
    is not valid. What looks like a key may be none: then the JSON is broken, or has a key that ends
    in an escaped quote and this key. So look for the marks where the strings should be.
    """
    global room
    cdef const char *at = PyBytes_AS_STRING(json)
    cdef const char *end = at + PyBytes_GET_SIZE(json), *done = at
    cdef string rest
    cdef list strings = []
    quoted = b'"' + key + b'"'
    while True:
        at = <const char *> memmem(at, end - at, <const char *> quoted, len(quoted))
        if at == NULL:
            break
        at = after_blanks(at + len(quoted), end)
        if at == end or at[0] != c":":
            continue
        at = after_blanks(at + 1, end)
        if at == end or at[0] != c'"':
            continue
        at += 1
        rest.append(done, at - done)
        done = read_string(at, end)
        if done == NULL:
            return None
        strings.append(PyBytes_FromStringAndSize(room.data(), read_size))
        instead = mark + b"%d" % len(strings)
        rest.append(<const char *> instead, len(instead))
        at = done
    if room.size() > LARGE:
        room = string()
    if not strings:
        return None
    rest.append(done, end - done)
    return PyBytes_FromStringAndSize(rest.data(), rest.size()), strings


cdef inline const char *after_blanks(const char *at, const char *end) noexcept:
    """The place after JSON's white space."""
    while at < end and (at[0] == c" " or at[0] == c"\n" or at[0] == c"\t" or at[0] == c"\r"):
        at += 1
    return at
