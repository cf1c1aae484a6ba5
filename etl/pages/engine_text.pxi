# Bytes: their memory, hash and classes, and the UTF-8 of Python's strings.

cdef extern from *:
    """
    #include <charconv>
    #include <deque>
    #include <string>
    #include <string_view>
    #include <vector>

    struct StepmillArena { /* memory for bytes that never move */
        std::deque<std::string> blocks;
        std::string_view keep(const char *at, size_t size) {
            if (blocks.empty() || blocks.back().capacity() - blocks.back().size() < size) {
                blocks.emplace_back();
                blocks.back().reserve(size > 1 << 18 ? size : 1 << 18);
            }
            std::string &block = blocks.back();
            block.append(at, size); /* it has room: it does not move */
            return std::string_view(block.data() + block.size() - size, size);
        }
    };
    static inline char *stepmill_number(char *at, long number) {
        return std::to_chars(at, at + 20, number).ptr;
    }

    static uint64_t stepmill_seed; /* secret: nobody can make a page of keys that collide */

    static inline uint64_t stepmill_word(const char *at, size_t size) { /* at most 8 bytes */
        uint64_t word = 0;
        memcpy(&word, at, size);
        return word;
    }
    static inline uint64_t stepmill_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    }
    struct StepmillHash { /* like wyhash; not noexcept, so that maps store the hash */
        size_t operator()(std::string_view key) const {
            const uint64_t odd = stepmill_seed ^ 0x2d358dccaa6c78a5ull;
            const char *at = key.data();
            size_t size = key.size();
            uint64_t hash = stepmill_seed ^ (size * 0x9e3779b97f4a7c15ull);
            for (; size > 16; at += 16, size -= 16)
                hash = stepmill_mix(stepmill_word(at, 8) ^ odd, stepmill_word(at + 8, 8) ^ hash);
            uint64_t first = stepmill_word(at, size < 8 ? size : 8);
            uint64_t last = size > 8 ? stepmill_word(at + size - 8, 8) : 0;
            return stepmill_mix(first ^ odd, last ^ hash);
        }
    };

    /* Values by their key ``at``. With std::unordered_map, reading is a third slower. */
    template <typename Value>
    struct StepmillTable {
        std::vector<std::pair<uint64_t, Value *>> slots; /* a power of two; half are free */
        size_t count = 0;
        Value **place(uint64_t hash, std::string_view key) {
            for (size_t at = hash;; at++) {
                auto &slot = slots[at & (slots.size() - 1)];
                if (!slot.second) slot.first = hash;
                if (!slot.second || (slot.first == hash && slot.second->at == key))
                    return &slot.second;
            }
        }
        Value *find(std::string_view key) {
            return count ? *place(StepmillHash()(key), key) : nullptr;
        }
        void add(Value *value) {
            if (2 * ++count > slots.size()) {
                auto old = std::move(slots);
                slots.assign(old.empty() ? 256 : 2 * old.size(), {0, nullptr});
                for (auto &slot : old)
                    if (slot.second) *place(slot.first, slot.second->at) = slot.second;
            }
            *place(StepmillHash()(value->at), value->at) = value;
        }
    };

    /* The size of the UTF-8 of a string, which holds 1, 2 or 4 bytes per character; writes it if
       ``out`` is given. The compiler vectorises a step: six times as fast as Python. */
    template <typename Unit>
    static size_t stepmill_utf8(const void *text, size_t length, char *out) {
        const size_t step = 32;
        const Unit *at = (const Unit *) text, *end = at + length;
        size_t size = 0;
        for (size_t count; at < end; at += count) {
            uint32_t any = 0x80;
            count = (size_t) (end - at) < step ? end - at : step;
            if (count == step) {
                any = 0;
                for (size_t i = 0; i < step; i++) any |= at[i];
            }
            if (any < 0x80) {
                if (out) for (size_t i = 0; i < step; i++) out[size + i] = (char) at[i];
                size += step;
                continue;
            }
            for (size_t i = 0; i < count; i++) {
                uint32_t c = at[i];
                int more = (c > 0x7f) + (c > 0x7ff) + (c > 0xffff);
                if (out) {
                    out[size] = (char) (more ? 0xf00 >> (more + 1) | c >> 6 * more : c);
                    for (int j = 1; j <= more; j++)
                        out[size + j] = (char) (0x80 | (c >> 6 * (more - j) & 0x3f));
                }
                size += 1 + more;
            }
        }
        return size;
    }
    """
    uint64_t stepmill_seed
    cppclass Hash "StepmillHash":
        pass
    cppclass View "std::string_view":
        View()
        View(const char *at, size_t size)
        const char *data()
        size_t size()
        bint operator==(View)
        bint operator<(View)
    cppclass Arena "StepmillArena":
        Arena()
        View keep(const char *at, size_t size) except +
    cppclass Table "StepmillTable"[Value]:
        Value *find(View key)
        void add(Value *value) except +
    char *put_number "stepmill_number"(char *at, long number)
    size_t utf8_of_1 "stepmill_utf8<uint8_t>"(const void *text, size_t length, char *out)
    size_t utf8_of_2 "stepmill_utf8<uint16_t>"(const void *text, size_t length, char *out)
    size_t utf8_of_4 "stepmill_utf8<uint32_t>"(const void *text, size_t length, char *out)

cdef extern from "string.h":
    void *memmem(const void *text, size_t size, const void *wanted, size_t wanted_size) nogil

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void *PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    bint PyUnicode_IS_ASCII(object text)

stepmill_seed = randbits(62)

cdef enum:  # classes of bytes; `etl.pages.rules` writes a text that holds a byte of ASK
    PLAIN, SPACE, ASK

cdef uint8_t CLASS[256]


cdef void classify() noexcept:
    cdef int byte
    memset(CLASS, PLAIN, 256)
    for byte in range(9, 14):
        CLASS[byte] = SPACE
    for byte in range(28, 33):
        CLASS[byte] = SPACE
    for byte in (0, 38, 60, 62):  # NUL and "&<>"
        CLASS[byte] = ASK
    for byte in (0xC2, 0xE1, 0xE2, 0xE3):  # white space beyond ASCII begins with these
        CLASS[byte] = ASK


classify()


cdef char *one_line(const char *at, size_t size, char *out) noexcept:
    """Write text with single spaces, as `etl.pages.rules` does: at most one byte more.

    Returns the end of it, or NULL if the rules must be asked. To ask them for every new text makes
    new pages an eighth slower.
    """
    cdef const char *end = at + size
    cdef uint8_t kind
    cdef bint in_word = False
    while at < end:
        kind = CLASS[<uint8_t> at[0]]
        if kind == ASK:
            return NULL
        if kind == PLAIN:
            out[0] = at[0]
            out += 1
        elif in_word:
            out[0] = c" "
            out += 1
        in_word = kind == PLAIN
        at += 1
    if in_word:
        out[0] = c" "
        out += 1
    return out


cdef bint as_it_is(const char *at, size_t size) noexcept:
    """Whether text stays as it is where white space counts; False if the rules must be asked."""
    cdef size_t place
    cdef bint word = size == 0
    for place in range(size):
        if CLASS[<uint8_t> at[place]] == ASK:
            return False
        word = word or CLASS[<uint8_t> at[place]] == PLAIN
    return word


cdef inline bint is_blank(char c) noexcept:
    """Whether this is HTML's white space; no CR is left."""
    return c == c" " or c == c"\n" or c == c"\t" or c == c"\f"


cdef inline bint is_letter(char c) noexcept:
    return c"a" <= (c | 32) <= c"z"


cdef inline char lower(char c) noexcept:
    return c | 32 if c"A" <= c <= c"Z" else c


cdef str to_str(View text):
    return PyUnicode_DecodeUTF8(text.data(), text.size(), b"surrogatepass")


cdef size_t put_utf8(str text, char *out) noexcept:
    """The size of the UTF-8 of any text; writes it if ``out`` is given."""
    cdef const void *data = PyUnicode_DATA(text)
    cdef size_t length = PyUnicode_GET_LENGTH(text)
    cdef int kind = PyUnicode_KIND(text)
    if kind == 1:
        return utf8_of_1(data, length, out)
    return utf8_of_2(data, length, out) if kind == 2 else utf8_of_4(data, length, out)


cdef int to_utf8(str text, string &out) except -1:
    out.resize(put_utf8(text, NULL))
    put_utf8(text, &out[0])
    return 0


def to_bytes(str text not None):
    """The UTF-8 of any text, lone surrogates included."""
    if PyUnicode_IS_ASCII(text):
        return text.encode()
    cdef bytes made = PyBytes_FromStringAndSize(NULL, put_utf8(text, NULL))
    put_utf8(text, PyBytes_AS_STRING(made))
    return made
