# What pages have in common with others: `etl.pages.lasting` and `etl.decisions.near.signature` say
# what, in plain Python. 39 is an apostrophe.

cdef extern from *:
    """
    #include <algorithm>
    #include <unordered_set>

    static bool stepmill_blank(char at) { return at == ' ' || (at >= '\\t' && at <= '\\r'); }

    static void stepmill_shaped_by(const char *at, const char *end, std::string &own) {
        while ((at = (const char *) memchr(at, ' ', end - at))) {
            at++;
            if (!stepmill_is(at, end, "type=\\"") && !stepmill_is(at, end, "role=\\"")
                && !stepmill_is(at, end, "name=\\"")) continue;
            const char *last = (const char *) memchr(at + 6, '"', end - at - 6);
            if (!last) continue;
            own.append(at - 1, last + 1 - (at - 1));
            at = last + 1;
        }
    }

    typedef std::unordered_set<std::string> StepmillSet;

    static void stepmill_ways(const char *text, long size, const StepmillSet &voids, long around,
                              StepmillSet &ways) {
        const char *end = text + size, *at = text;
        std::vector<std::pair<std::string, std::string>> opened; /* tag, and what it is */
        std::unordered_map<std::string, long> open;
        while ((at = (const char *) memchr(at, '<', end - at))) {
            const char *name = ++at;
            bool closes = name < end && *name == '/';
            name += closes;
            if (name == end || !(stepmill_classes.of[(uint8_t) *name] & StepmillClasses::LETTER))
                continue;
            const char *rest = name;
            while (rest < end && !stepmill_blank(*rest) && *rest != '/' && *rest != '>') rest++;
            const char *last = rest;
            while (last < end && *last != '<' && *last != '>') last++;
            if (last == end || *last == '<') continue;
            at = last + 1;
            std::string tag(name, rest - name);
            if (closes) {
                auto found = open.find(tag);
                if (found == open.end() || !found->second) continue;
                bool done = false;
                while (!done) {
                    done = opened.back().first == tag;
                    open[opened.back().first]--;
                    opened.pop_back();
                }
                continue;
            }
            std::string own = tag, way;
            stepmill_shaped_by(rest, last, own);
            size_t from = opened.size() > (size_t) around ? opened.size() - around : 0;
            for (; from < opened.size(); from++) (way += opened[from].second) += '>';
            ways.insert(way += own);
            if (!voids.count(tag) && last[-1] != '/') {
                open[tag]++;
                opened.emplace_back(std::move(tag), std::move(own));
            }
        }
    }

    static bool stepmill_word(char at) {
        return at == '_' || stepmill_classes.of[(uint8_t) at]
            & (StepmillClasses::LETTER | StepmillClasses::DIGIT);
    }

    static const char *stepmill_sought(const char *at, const char *end, const char *sought) {
        const char *found = (const char *) memmem(at, end - at, sought, strlen(sought));
        return found ? found : end;
    }

    /* The place after ``name``, if it stands here as a whole word. */
    static const char *stepmill_named(const char *at, const char *end, const char *name) {
        if (!stepmill_is(at, end, name)) return nullptr;
        at += strlen(name);
        return at < end && stepmill_word(*at) ? nullptr : at;
    }

    /* The place after markup that does not last, which begins at "<"; null if it lasts. */
    static const char *stepmill_passing(const char *at, const char *end) {
        if (++at == end) return nullptr;
        const char *after, *last;
        if (stepmill_is(at, end, "!--")) {
            last = stepmill_sought(at + 3, end, "-->");
            return last == end ? nullptr : last + 3;
        }
        const char *contained[][2] = {
            {"script", "</script"}, {"style", "</style"}, {"noscript", "</noscript"}};
        for (auto &[name, closes] : contained) {
            if (*at != *name || !(after = stepmill_named(at, end, name))) continue;
            while ((after = stepmill_sought(after, end, closes)) < end) {
                after += strlen(closes);
                while (after < end && stepmill_blank(*after)) after++;
                if (after < end && *after == '>') return after + 1;
            }
            return nullptr;
        }
        for (const char *name : {"meta", "link", "base"})
            if (*at == *name && (after = stepmill_named(at, end, name))) {
                last = (const char *) memchr(after, '>', end - after);
                return last ? last + 1 : nullptr;
            }
        if (!(after = stepmill_named(at, end, "input"))) return nullptr;
        last = (const char *) memchr(after, '>', end - after);
        if (!last) return nullptr;
        for (; (after = stepmill_sought(after, last, "type=")) < last; after++) {
            const char *value = after + 5;
            if (stepmill_word(after[-1])) continue;
            value += value < last && (*value == '"' || *value == 39);
            if (stepmill_named(value, last, "hidden")) return last + 1;
        }
        return nullptr;
    }

    /* The place after an attribute that does not last, which begins at " "; null if it lasts. */
    static const char *stepmill_one_time(const char *at, const char *end) {
        static const char *const begins[] = {
            "nonce", "integrity", "csrf", "data-csrf", "data_pw_testid_buckeye", "__playwright_",
            "browsergym_", "data-webtasks-id", "data-scrapy-annotate", "data-stepmill-"};
        static const char *const names[] = {"bid", "ref", "backend_node_id"};
        const char *name = at + 1, *value = nullptr;
        if (name == end || !strchr("nicd_br", *name)) return nullptr;
        for (const char *sought : begins)
            if (*name == *sought && stepmill_is(name, end, sought)) {
                value = name + strlen(sought);
                while (value < end && (stepmill_word(*value) || *value == '-')) value++;
                if (value < end && *value == '=') break;
                value = nullptr;
            }
        for (const char *sought : names)
            if (!value && *name == *sought && stepmill_is(name, end, sought)) {
                value = name + strlen(sought);
                if (value == end || *value != '=') value = nullptr;
            }
        if (!value || ++value == end) return nullptr;
        if (*value == '"' || *value == 39) {
            const char *last = (const char *) memchr(value + 1, *value, end - value - 1);
            return last ? last + 1 : nullptr;
        }
        const char *last = value;
        while (last < end && !stepmill_blank(*last) && *last != '>' && *last != '"'
               && *last != 39) last++;
        return last == value ? nullptr : last;
    }

    /* ``page`` has room for the text; the pieces are made in place, one after the other. */
    static size_t stepmill_lasting(const char *text, long size, char *page) {
        const char *at = text, *end = text + size, *after;
        char *out = page;
        bool space = false;
        for (; at < end; at++) {
            if (stepmill_blank(*at)) { space = true; continue; }
            if (*at == '<' && (after = stepmill_passing(at, end))) { at = after - 1; continue; }
            if (space && out > page) *out++ = ' ';
            space = false;
            *out++ = *at;
        }
        at = page, end = out, out = page;
        for (; at < end; at++) { /* no two spaces follow each other, before or after */
            if (*at != ' ') *out++ = *at;
            else if ((after = stepmill_one_time(at, end))) at = after - 1;
            else if (!(out > page && out[-1] == '>') && !(at + 1 < end && at[1] == '<')) *out++ = ' ';
        }
        return out - page;
    }

    /* The place after the id of a node, which begins at " "; null if none does. */
    static const char *stepmill_id(const char *at, const char *end) {
        if (!stepmill_is(at, end, " node=\\"")) return nullptr;
        const char *number = at += 7;
        while (at < end && stepmill_classes.of[(uint8_t) *at] & StepmillClasses::DIGIT) at++;
        return at > number && at < end && *at == '"' ? at + 1 : nullptr;
    }

    static size_t stepmill_bare(const char *text, long size, char *bare) {
        const char *at = text, *end = text + size, *after;
        char *out = bare;
        while (at < end) {
            const char *space = (const char *) memchr(at, ' ', end - at);
            if (!space) space = end;
            memcpy(out, at, space - at);
            out += space - at;
            at = space;
            if (at == end) break;
            if ((after = stepmill_id(at, end))) at = after;
            else *out++ = *at++;
        }
        return out - bare;
    }

    static void stepmill_nodes(const char *text, long size, std::vector<char> &room,
                               std::unordered_set<std::string_view> &found) {
        const char *end = text + size, *at = text, *after;
        room.resize(size + 1);
        char *out = room.data(), *begin = out;
        while (at < end) {
            if (*at == ' ' && (after = stepmill_id(at, end))) { at = after; continue; }
            if (*at == '<') {
                after = at + 1;
                if (after < end && *after == '/') {
                    while (after < end && *after != '<' && *after != '>') after++;
                    if (after < end && *after == '>') {
                        after++;
                        while (after < end && stepmill_blank(*after)) after++;
                        if (after == end || *after == '<') { at = after; continue; }
                    }
                }
                found.emplace(begin, out - begin);
                begin = out;
                at++;
                continue;
            }
            *out++ = *at++;
        }
        found.emplace(begin, out - begin);
    }

    /* The number of bytes with which both begin; of as many as the shorter has. */
    static long stepmill_begin(const char *one, const char *other, long size) {
        long same = 0;
        for (; same + 32 <= size && !memcmp(one + same, other + same, 32); same += 32);
        while (same < size && one[same] == other[same]) same++;
        return same;
    }

    static long stepmill_end(const char *one, const char *other, long size) { /* of their ends */
        long same = 0;
        for (; same + 32 <= size && !memcmp(one - same - 32, other - same - 32, 32); same += 32);
        while (same < size && one[-same - 1] == other[-same - 1]) same++;
        return same;
    }

    static uint64_t stepmill_mixed(uint64_t value) {
        value += 0x9e3779b97f4a7c15ull;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
        value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
        return value ^ (value >> 31);
    }

    static void stepmill_sketch(const std::vector<uint64_t> &hashes, long bins, int shift,
                                uint8_t *minima) {
        std::vector<uint64_t> least(bins);
        std::vector<char> full(bins), now(bins);
        long empty = bins;
        for (long round = 0; empty && round < bins; round++) {
            uint64_t seed = stepmill_mixed(round);
            std::fill(now.begin(), now.end(), 0);
            for (uint64_t hash : hashes) {
                uint64_t thrown = stepmill_mixed(hash ^ seed);
                long bin = thrown >> shift;
                if (full[bin]) continue;
                if (!now[bin] || thrown < least[bin]) least[bin] = thrown;
                now[bin] = 1;
            }
            for (long bin = 0; bin < bins; bin++)
                if (now[bin]) { full[bin] = 1; empty--; }
        }
        for (long bin = 0; bin < bins; bin++) {
            if (!full[bin]) {
                uint64_t seed = stepmill_mixed(bins + bin);
                least[bin] = ~0ull;
                for (uint64_t hash : hashes)
                    least[bin] = std::min(least[bin], stepmill_mixed(hash ^ seed));
            }
            minima[bin] = (uint8_t) least[bin];
        }
    }
    """
    void stepmill_ways(const char *text, long size, const unordered_set[string] &voids, long around,
                       unordered_set[string] &ways)
    cdef cppclass StepmillViews "std::unordered_set<std::string_view>":
        cppclass iterator:
            View operator*()
            iterator operator++()
            bint operator!=(iterator)
        iterator begin()
        iterator end()

    size_t stepmill_lasting(const char *text, long size, char *page)
    size_t stepmill_bare(const char *text, long size, char *bare)
    void stepmill_nodes(const char *text, long size, vector[char] &room, StepmillViews &found)
    long stepmill_begin(const char *one, const char *other, long size)
    long stepmill_end(const char *one, const char *other, long size)
    void stepmill_sketch(const vector[uint64_t] &hashes, long bins, int shift, uint8_t *minima)


def ways(bytes text, set voids, long around):
    """The ways to the elements of a page (`etl.decisions.near.signature`)."""
    cdef unordered_set[string] found
    stepmill_ways(text, len(text), voids, around, found)
    return <set> found


def nodes(bytes text):
    """The nodes of a page without ids (`etl.decisions.near.signature`)."""
    cdef vector[char] room
    cdef StepmillViews found
    cdef View view
    cdef set made = set()
    stepmill_nodes(text, len(text), room, found)
    for view in found:
        made.add(view.data()[:view.size()])
    return made


def in_common(bytes one, bytes other):
    """The number of bytes with which two texts begin, and with which the rests of them end."""
    cdef const char *begin = PyBytes_AS_STRING(one)
    cdef const char *other_begin = PyBytes_AS_STRING(other)
    cdef long size = min(len(one), len(other))
    cdef long first = stepmill_begin(begin, other_begin, size)
    return first, stepmill_end(begin + len(one), other_begin + len(other), size - first)


def sketch(list hashes not None, long bins, int shift):
    """The signature of a set, by the hashes of its members; shift: leaves a bin's number."""
    cdef vector[uint64_t] thrown = hashes
    cdef bytes minima = PyBytes_FromStringAndSize(NULL, bins)
    stepmill_sketch(thrown, bins, shift, <uint8_t *> PyBytes_AS_STRING(minima))
    return minima


def bare(bytes text):
    """Markup without ids."""
    cdef vector[char] room
    room.resize(len(text) + 1)
    return room.data()[:stepmill_bare(text, len(text), room.data())]


def lasting(bytes text):
    """What lasts of a page (`etl.pages.lasting`)."""
    cdef vector[char] room
    room.resize(len(text) + 1)
    return room.data()[:stepmill_lasting(text, len(text), room.data())]
