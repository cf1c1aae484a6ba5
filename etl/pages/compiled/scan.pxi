# Places in texts where something may stand that is worth a closer look; `etl.stages.private.scan`
# says which, in plain Python.

cdef extern from *:
    """
    #include <unordered_map>
    #include <utility>

    struct StepmillClasses { /* of bytes, a bit each */
        enum { DIGIT = 1, RUN = 2, TOKEN = 4, SIGN = 8, NAME = 16, LETTER = 32, CAPITAL = 64,
               ENDS = 128 };
        uint8_t of[256];
        StepmillClasses() {
            memset(of, 0, sizeof of);
            for (int byte = '0'; byte <= '9'; byte++) of[byte] |= DIGIT | RUN | TOKEN | NAME;
            for (int byte = 'A'; byte <= 'Z'; byte++)
                of[byte] |= RUN | TOKEN | NAME | LETTER | CAPITAL;
            for (int byte = 'a'; byte <= 'z'; byte++) of[byte] |= TOKEN | NAME | LETTER;
            for (const char *at = " .()/+%\\xc2\\xa0-"; *at; at++) of[(uint8_t) *at] |= RUN;
            for (const char *at = "_-.:/$+="; *at; at++) of[(uint8_t) *at] |= TOKEN;
            for (const char *at = "?&;#%"; *at; at++) of[(uint8_t) *at] |= SIGN;
            for (const char *at = "_.-[]"; *at; at++) of[(uint8_t) *at] |= NAME;
            for (const char *at = "&' \\t\\n\\r\\f\\v<>#;?"; *at; at++) of[(uint8_t) *at] |= ENDS;
            of[34] |= ENDS; /* a quotation mark */
        }
    };
    static const StepmillClasses stepmill_classes;

    static void stepmill_runs(const char *text, long size, std::vector<long> &found) {
        const uint8_t *of = stepmill_classes.of;
        const uint8_t *at = (const uint8_t *) text;
        for (long start = 0; start < size;) {
            if (!(of[at[start]] & StepmillClasses::DIGIT)) { start++; continue; }
            long end = start, digits = 0, dots = 0;
            for (; end < size && of[at[end]] & StepmillClasses::RUN; end++) {
                digits += of[at[end]] & StepmillClasses::DIGIT;
                dots += at[end] == '.';
            }
            if (end - start > 5 && (digits > 6 || dots > 2)) {
                found.push_back(start);
                found.push_back(end);
            }
            start = end;
        }
    }

    static void stepmill_words(const char *text, long size, long least, std::string &found) {
        const uint8_t *of = stepmill_classes.of;
        const uint8_t *at = (const uint8_t *) text;
        for (long start = 0; start + least <= size;) {
            long end = start + least - 1;
            while (end >= start && of[at[end]] & StepmillClasses::TOKEN) end--;
            if (end >= start) { start = end + 1; continue; } /* a shorter word ends there */
            for (end = start + least; end < size && of[at[end]] & StepmillClasses::TOKEN;) end++;
            if (!found.empty()) found.push_back(' ');
            found.append(text + start, end - start);
            start = end + 1;
        }
    }

    static bool stepmill_is(const char *at, const char *end, const char *sought) {
        size_t size = strlen(sought);
        return (size_t) (end - at) >= size && !memcmp(at, sought, size);
    }

    struct StepmillParameter {
        const char *name, *name_end, *value, *value_end;
    };

    static void stepmill_parameters(const char *text, long size,
                                    std::vector<StepmillParameter> &found) {
        const uint8_t *of = stepmill_classes.of;
        const char *end = text + size;
        for (const char *sign = text; sign < end; sign++) {
            if (!(of[(uint8_t) *sign] & StepmillClasses::SIGN)) continue;
            const char *at = sign + 1;
            if (*sign == '%' && (stepmill_is(at, end, "3F") || stepmill_is(at, end, "3f")
                                 || stepmill_is(at, end, "26"))) at += 2;
            if (stepmill_is(at, end, "amp;")) at += 4;
            if (at == end || !(of[(uint8_t) *at] & StepmillClasses::LETTER)) continue;
            StepmillParameter one;
            one.name = at++;
            while (at < end && of[(uint8_t) *at] & StepmillClasses::NAME) at++;
            one.name_end = at;
            if (at - one.name < 2 || at - one.name > 51 || at == end) continue;
            if (*at == '=') at++;
            else if (stepmill_is(at, end, "%3D") || stepmill_is(at, end, "%3d")) at += 3;
            else continue;
            one.value = at;
            const char *last = end - at > 4096 ? at + 4096 : end;
            while (at < last && !(of[(uint8_t) *at] & StepmillClasses::ENDS)
                   && !(*at == '%' && stepmill_is(at, end, "%26"))) at++;
            one.value_end = at;
            if (at - one.value < 2) continue;
            found.push_back(one);
            sign = at - 1;
        }
    }

    static bool stepmill_sorted(const char *at, const char *end, const char *sorts) {
        for (; *sorts; at++, sorts++) {
            if (at == end) return false;
            uint8_t of = stepmill_classes.of[(uint8_t) *at];
            if (*sorts == 'A' ? !(of & StepmillClasses::CAPITAL)
                : *sorts == '0' ? !(of & StepmillClasses::DIGIT) : *at != *sorts) return false;
        }
        return true;
    }

    static void stepmill_shapes(const char *text, long size, const std::vector<std::string> &sorts,
                                std::vector<std::vector<long>> &found) {
        const uint8_t *of = stepmill_classes.of;
        const char *end = text + size;
        for (const char *at = text; at + 1 < end; at++) { /* each begins with two capitals */
            if (!(of[(uint8_t) at[1]] & StepmillClasses::CAPITAL)) { at++; continue; }
            if (!(of[(uint8_t) *at] & StepmillClasses::CAPITAL)) continue;
            for (size_t which = 0; which < sorts.size(); which++)
                if (stepmill_sorted(at, end, sorts[which].c_str()))
                    found[which].push_back(at - text);
        }
    }

    static void stepmill_tags(const char *text, long size, const std::vector<std::string> &names,
                              std::vector<long> &found) {
        const char *end = text + size;
        bool begins[256] = {};
        for (const std::string &name : names) begins[(uint8_t) name[0]] = true;
        for (const char *at = text; (at = (const char *) memchr(at, '<', end - at)); at++) {
            if (at + 1 == end || !begins[(uint8_t) (at[1] | 32)]) continue;
            for (const std::string &name : names) {
                if ((size_t) (end - at) <= name.size()) continue;
                size_t same = 0;
                while (same < name.size() && (at[same + 1] | 32) == name[same]) same++;
                if (same == name.size()) { found.push_back(at - text); break; }
            }
        }
    }

    struct StepmillNeedles { /* texts of two bytes or more, and what finds them */
        std::vector<std::string> texts;
        std::unordered_map<uint32_t, std::vector<int>> by_begin;
        std::vector<uint64_t> filter = std::vector<uint64_t>(1024);
        uint32_t mask = 0xffff;
        static uint32_t spread(uint32_t begin) { return (begin * 0x9e3779b1u) >> 16; }
        uint32_t begin(const char *at) const {
            uint32_t found;
            memcpy(&found, at, 4);
            return found & mask;
        }
        void prepare() {
            size_t least = 4;
            for (const std::string &text : texts) least = text.size() < least ? text.size() : least;
            mask = least > 3 ? 0xffffffffu : least > 2 ? 0xffffffu : 0xffffu;
            for (size_t which = 0; which < texts.size(); which++) {
                std::string start = texts[which].substr(0, 4) + std::string(4, 0);
                uint32_t key = begin(start.data()), slot = spread(key);
                filter[slot >> 6] |= 1ull << (slot & 63);
                by_begin[key].push_back((int) which);
            }
        }
        void verify(const char *text, long size, long at, uint32_t key,
                    std::vector<std::pair<int, long>> &found) const {
            auto bucket = by_begin.find(key);
            if (bucket == by_begin.end()) return;
            for (int which : bucket->second) {
                const std::string &sought = texts[which];
                if ((long) sought.size() <= size - at
                    && !memcmp(text + at, sought.data(), sought.size()))
                    found.emplace_back(which, at);
            }
        }
        void find(const char *text, long size, std::vector<std::pair<int, long>> &found) const {
            long at = 0;
            for (; at + 4 <= size; at++) {
                uint32_t key = begin(text + at), slot = spread(key);
                if (filter[slot >> 6] >> (slot & 63) & 1) verify(text, size, at, key, found);
            }
            for (; at + 1 < size; at++) {
                char rest[4] = {0, 0, 0, 0};
                memcpy(rest, text + at, size - at);
                verify(text, size, at, begin(rest), found);
            }
        }
    };
    """
    cdef cppclass Needle "std::pair<int, long>":
        int first
        long second

    cdef cppclass StepmillParameter:
        const char *name
        const char *name_end
        const char *value
        const char *value_end

    cdef cppclass StepmillNeedles:
        vector[string] texts
        void prepare()
        void find(const char *text, long size, vector[Needle] &found)

    void stepmill_runs(const char *text, long size, vector[long] &found)
    void stepmill_words(const char *text, long size, long least, string &found)
    void stepmill_parameters(const char *text, long size, vector[StepmillParameter] &found)
    void stepmill_shapes(const char *text, long size, const vector[string] &sorts,
                         vector[vector[long]] &found)
    void stepmill_tags(const char *text, long size, const vector[string] &names,
                       vector[long] &found)


def runs(bytes text):
    """The beginning and end of each run of what numbers are written with."""
    cdef vector[long] found
    cdef size_t at
    stepmill_runs(text, len(text), found)
    return [(found[at], found[at + 1]) for at in range(0, found.size(), 2)]


def long_words(bytes text, long least):
    """The words of so many bytes or more, with spaces between them."""
    cdef string found
    stepmill_words(text, len(text), least, found)
    return <bytes> found


def parameters(bytes text):
    """(name, value) of what may be parameters."""
    cdef vector[StepmillParameter] found
    cdef StepmillParameter one
    stepmill_parameters(text, len(text), found)
    return [
        (one.name[:one.name_end - one.name], one.value[:one.value_end - one.value]) for one in found
    ]


def shapes(bytes text, tuple sorts):
    """The places where a shape begins, for each shape."""
    cdef vector[string] sought = sorts
    cdef vector[vector[long]] found
    found.resize(sought.size())
    stepmill_shapes(text, len(text), sought, found)
    return <list> found


def tags(bytes text, tuple names):
    """The places of start tags of these names, and of longer ones."""
    cdef vector[string] sought = names
    cdef vector[long] found
    stepmill_tags(text, len(text), sought, found)
    return <list> found


cdef class Needles:
    """Texts of two bytes or more that are sought together."""

    cdef StepmillNeedles needles

    def __init__(self, texts):
        self.needles.texts = texts
        self.needles.prepare()

    def find(self, bytes text):
        """(number of the text, place) of each that is found, sorted."""
        cdef vector[Needle] found
        cdef size_t at
        self.needles.find(text, len(text), found)
        return sorted([(found[at].first, found[at].second) for at in range(found.size())])
