# Bytes: their memory, hash and classes.

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
    struct StepmillOut { /* bytes in a row; std::string does not add them inline */
        std::vector<char> bytes = std::vector<char>(4096); /* never null */
        size_t used = 0;
        void add(const char *at, size_t size) {
            if (bytes.size() - used < size) bytes.resize(2 * (used + size));
            memcpy(bytes.data() + used, at, size);
            used += size;
        }
        void add(char one) { add(&one, 1); }
        void add(long number) {
            char at[20];
            add(at, std::to_chars(at, at + 20, number).ptr - at);
        }
    };

    static uint64_t stepmill_seed; /* secret: nobody can make a page of keys that collide */

    static inline uint64_t stepmill_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128) a * b;
        return (uint64_t) product ^ (uint64_t) (product >> 64);
    }
    static uint64_t stepmill_hash(std::string_view key) { /* like wyhash */
        const uint64_t odd = stepmill_seed ^ 0x2d358dccaa6c78a5ull;
        uint64_t hash = stepmill_seed ^ (key.size() * 0x9e3779b97f4a7c15ull), word[2];
        for (; key.size() >= 16; key.remove_prefix(16)) {
            memcpy(word, key.data(), 16);
            hash = stepmill_mix(word[0] ^ odd, word[1] ^ hash);
        }
        memset(word, 0, 16);
        memcpy(word, key.data(), key.size());
        return stepmill_mix(word[0] ^ odd, word[1] ^ hash);
    }

    /* Values by their key ``at``; they never move. With std::unordered_map, reading is a third
       slower. */
    template <typename Value>
    struct StepmillTable {
        std::vector<std::pair<uint64_t, Value *>> slots; /* a power of two; half are free */
        std::deque<Value> all;
        Value **place(uint64_t hash, std::string_view key) {
            for (size_t at = hash;; at++) {
                auto &slot = slots[at & (slots.size() - 1)];
                if (!slot.second) slot.first = hash;
                if (!slot.second || (slot.first == hash && slot.second->at == key))
                    return &slot.second;
            }
        }
        uint64_t sought = 0; /* the hash of the last key */
        void expect(std::string_view key) { /* that it will soon be sought */
            if (!slots.empty())
                __builtin_prefetch(&slots[stepmill_hash(key) & (slots.size() - 1)]);
        }
        Value *find(std::string_view key) {
            sought = stepmill_hash(key);
            return all.empty() ? nullptr : *place(sought, key);
        }
        Value *add(std::string_view key) { /* the one that was not found just before, or a copy */
            all.emplace_back();
            all.back().at = key;
            if (2 * all.size() > slots.size()) {
                auto old = std::move(slots);
                slots.assign(old.empty() ? 256 : 2 * old.size(), {0, nullptr});
                for (auto &slot : old)
                    if (slot.second) *place(slot.first, slot.second->at) = slot.second;
            }
            return *place(sought, key) = &all.back();
        }
    };
    struct StepmillWords { /* numbers of short words without NUL */
        struct Slot { uint64_t begin; uint32_t end, number; }; /* number: 0 if it is free */
        std::vector<Slot> slots = std::vector<Slot>(256); /* a power of two; half are free */
        size_t used = 0;
        static const size_t longest = 12;
        Slot *place(const Slot &word) {
            uint64_t hash = stepmill_mix(
                word.begin ^ stepmill_seed, word.end ^ stepmill_seed ^ 0x2d358dccaa6c78a5ull);
            for (size_t at = hash;; at++) {
                Slot *slot = &slots[at & (slots.size() - 1)];
                if (!slot->number || (slot->begin == word.begin && slot->end == word.end))
                    return slot;
            }
        }
        static Slot key(const char *at, size_t size) { /* ASCII letters and digits */
            char room[16] = {};
            for (size_t place = 0; place < size; place++)
                room[place] = at[place] | (at[place] >= 'A' && at[place] <= 'Z' ? 32 : 0);
            Slot word;
            memcpy(&word, room, 16);
            return word;
        }
        uint32_t find(const char *at, size_t size) { return place(key(at, size))->number; }
        uint32_t number(const char *at, size_t size, uint32_t next) { /* next: if it is new */
            Slot word = key(at, size), *slot = place(word);
            if (slot->number) return slot->number;
            if (2 * ++used > slots.size()) {
                auto old = std::move(slots);
                slots.assign(2 * old.size(), Slot());
                for (auto &each : old)
                    if (each.number) *place(each) = each;
                slot = place(word);
            }
            *slot = word;
            return slot->number = next;
        }
    };
    struct StepmillPairs { /* numbers of pairs of numbers, from 1 in the order of their first use */
        /* a power of two; half are free */
        std::vector<std::pair<uint64_t, uint32_t>> slots = decltype(slots)(256);
        uint32_t used = 0;
        void clear(size_t expected) { /* forget all; room for so many */
            size_t size = 256;
            while (size < 2 * expected) size *= 2;
            slots.assign(size, {0, 0});
            used = 0;
        }
        std::pair<uint64_t, uint32_t> &place(uint64_t pair) {
            for (size_t at = stepmill_mix(pair ^ stepmill_seed, 0x2d358dccaa6c78a5ull);; at++) {
                auto &slot = slots[at & (slots.size() - 1)];
                if (!slot.second || slot.first == pair) return slot;
            }
        }
        uint32_t number(uint32_t one, uint32_t other) {
            uint64_t pair = (uint64_t) one << 32 | other;
            auto *slot = &place(pair);
            if (slot->second) return slot->second;
            if (2 * ++used > slots.size()) {
                auto old = std::move(slots);
                slots.assign(2 * old.size(), {0, 0});
                for (auto &each : old)
                    if (each.second) place(each.first) = each;
                slot = &place(pair);
            }
            *slot = {pair, used};
            return used;
        }
    };
    """
    uint64_t stepmill_seed
    uint64_t stepmill_mix(uint64_t a, uint64_t b) noexcept
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
        Table()
        size_t size "all.size"()
        void expect(View key)
        Value *find(View key)
        Value *add(View key) except +
    cppclass ShortWords "StepmillWords":
        ShortWords()
        size_t longest
        uint32_t find(const char *at, size_t size)
        uint32_t number(const char *at, size_t size, uint32_t next) except +
    cppclass Pairs "StepmillPairs":
        Pairs()
        uint32_t used
        void clear(size_t expected) except +
        uint32_t number(uint32_t one, uint32_t other) except +
    cppclass Out "StepmillOut":
        Out()
        size_t used
        const char *data "bytes.data"()
        char *begin "bytes.data"()
        void add(const char *at, size_t size) except +
        void add_byte "add"(char one) except +
        void add_number "add"(long number) except +

cdef extern from "string.h":
    void *memmem(const void *text, size_t size, const void *wanted, size_t wanted_size) nogil

stepmill_seed = randbits(62)

cdef enum:  # classes of bytes; `etl.pages.rules` writes a text that holds a byte of ASK
    PLAIN, SPACE, ASK, WIDE  # WIDE begins characters of which some are white space

cdef uint8_t CLASS[256]  # in text
cdef uint8_t IN_VALUE[256]  # in an attribute's value


cdef void classify() noexcept:
    cdef int byte
    memset(CLASS, PLAIN, 256)
    for byte in range(9, 14):
        CLASS[byte] = SPACE
    for byte in range(28, 33):
        CLASS[byte] = SPACE
    for byte in (0, 38, 60, 62):  # NUL and "&<>"
        CLASS[byte] = ASK
    memset(IN_VALUE, ASK, 256)
    for byte in range(127):
        IN_VALUE[byte] = SPACE if CLASS[byte] == SPACE else PLAIN if byte > 32 else ASK
    for byte in b'"&<>':
        IN_VALUE[byte] = ASK
    for byte in (0xC2, 0xE1, 0xE2, 0xE3):
        CLASS[byte] = WIDE


classify()


cdef size_t wide_space(const char *at, const char *end) noexcept:
    """The size of the white space beyond ASCII that stands here; 0 if there is none."""
    cdef size_t left = end - at
    cdef uint32_t c
    if left >= 2 and at[0] == c"\xc2" and (at[1] == c"\x85" or at[1] == c"\xa0"):
        return 2
    if left < 3:
        return 0
    c = <uint8_t> at[0] << 16 | <uint8_t> at[1] << 8 | <uint8_t> at[2]
    return 3 if (
        c == 0xE19A80 or 0xE28080 <= c <= 0xE2808A or c == 0xE280A8 or c == 0xE280A9
        or c == 0xE280AF or c == 0xE2819F or c == 0xE38080
    ) else 0


cdef inline bint begins(const char *at, const char *end, const char *text, size_t size) noexcept:
    return <size_t> (end - at) >= size and memcmp(at, text, size) == 0


cdef char *one_line(const char *at, size_t size, char *out) noexcept:
    """Write text with single spaces, as `etl.pages.rules` does: at most one byte more.

    Returns the end of it, or NULL if the rules must be asked. To ask them for every new text makes
    new pages an eighth slower.
    """
    cdef const char *end = at + size
    cdef uint8_t kind
    cdef size_t count
    cdef bint in_word = False
    while at < end:
        kind, count = CLASS[<uint8_t> at[0]], 1
        if kind == WIDE:
            count = wide_space(at, end)
            kind = SPACE if count else PLAIN
            count += count == 0
        elif kind == ASK:  # some references stay, and one is white space
            if begins(at, end, b"&nbsp;", 6):
                kind, count = SPACE, 6
            elif begins(at, end, b"&amp;", 5):
                kind, count = PLAIN, 5
            elif begins(at, end, b"&gt;", 4):
                kind, count = PLAIN, 4
            else:
                return NULL
        if kind == PLAIN:
            out[0] = at[0]
            out += 1
            if count > 1:
                memcpy(out, at + 1, count - 1)
                out += count - 1
        elif in_word:
            out[0] = c" "
            out += 1
        in_word = kind == PLAIN
        at += count
    if in_word:
        out[0] = c" "
        out += 1
    return out


cdef bint as_it_is(const char *at, size_t size) noexcept:
    """Whether text stays as it is where white space counts; False if the rules must be asked."""
    cdef size_t place
    cdef uint8_t kind
    cdef bint word = size == 0
    for place in range(size):
        kind = CLASS[<uint8_t> at[place]]
        if kind == ASK:
            return False
        # A byte within a character may belong to white space.
        word = word or (kind == PLAIN and (at[place] & 0xC0) != 0x80)
    return word


cdef bint is_blank_text(const char *at, size_t size) noexcept:
    """Whether text is ASCII white space alone."""
    cdef size_t place
    for place in range(size):
        if CLASS[<uint8_t> at[place]] != SPACE:
            return False
    return True


cdef bint is_plain(View value) noexcept:
    """Whether the rules write an attribute's value as it is, if it stays."""
    cdef const char *at = value.data()
    cdef size_t place
    for place in range(value.size()):
        if IN_VALUE[<uint8_t> at[place]] != PLAIN and (
            at[place] != c" " or (place and at[place - 1] == c" ")
        ):
            return False
    return True


cdef bytes with_lf(bytes text):
    """Text with LF at the end of each line, as `etl.pages.page.with_lf` has it."""
    cdef const char *at = PyBytes_AS_STRING(text), *end = at + PyBytes_GET_SIZE(text)
    cdef const char *begin = at, *found = <const char *> memchr(at, c"\r", end - at)
    cdef size_t pairs = 0
    cdef bytes made
    cdef char *out
    if found == NULL:
        return text
    while found != NULL:
        pairs += found + 1 < end and found[1] == c"\n"
        at = found + 1
        found = <const char *> memchr(at, c"\r", end - at)
    at = begin
    found = <const char *> memchr(at, c"\r", end - at)
    made = PyBytes_FromStringAndSize(NULL, end - at - pairs)
    out = PyBytes_AS_STRING(made)
    while found != NULL:
        memcpy(out, at, found - at)
        out += found - at
        out[0] = c"\n"
        out += 1
        at = found + 2 if found + 1 < end and found[1] == c"\n" else found + 1
        found = <const char *> memchr(at, c"\r", end - at)
    memcpy(out, at, end - at)
    return made


cdef inline bint is_blank(char c) noexcept:
    """Whether this is HTML's white space; no CR is left."""
    return c == c" " or c == c"\n" or c == c"\t" or c == c"\f"


cdef inline bint is_letter(char c) noexcept:
    return c"a" <= (c | 32) <= c"z"


cdef inline char lower(char c) noexcept:
    return c | 32 if c"A" <= c <= c"Z" else c


cdef str to_str(View text):
    return PyUnicode_DecodeUTF8(text.data(), text.size(), b"surrogatepass")


cdef bytes to_utf8(str text):
    return text.encode("utf-8", "surrogatepass")


cdef View view(bytes text) noexcept:
    return View(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
