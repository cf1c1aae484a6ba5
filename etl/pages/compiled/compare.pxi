# What pages have in common with others: `etl.pages.lasting` and `etl.decisions.near.signature` say
# what, in plain Python. 39 is an apostrophe.

cdef extern from *:
    """
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

    static void stepmill_lasting(const char *text, long size, std::string &page) {
        const char *at = text, *end = text + size, *after;
        std::string rest;
        rest.reserve(size);
        bool space = false;
        for (; at < end; at++) {
            if (*at == '<' && (after = stepmill_passing(at, end))) {
                at = after - 1;
            } else if (stepmill_blank(*at)) {
                space = true;
            } else {
                if (space && !rest.empty()) rest += ' ';
                space = false;
                rest += *at;
            }
        }
        page.reserve(rest.size());
        at = rest.data(), end = at + rest.size();
        for (; at < end; at++) { /* no two spaces follow each other */
            if (*at != ' ') { page += *at; continue; }
            if ((after = stepmill_one_time(at, end))) { at = after - 1; continue; }
            page += ' ';
        }
        size_t used = 0;
        for (size_t place = 0; place < page.size(); place++) {
            page[used++] = page[place];
            if (page[place] == '>' && place + 1 < page.size() && page[place + 1] == ' ') place++;
        }
        page.resize(used);
        used = 0;
        for (size_t place = 0; place < page.size(); place++)
            if (page[place] != ' ' || place + 1 == page.size() || page[place + 1] != '<')
                page[used++] = page[place];
        page.resize(used);
    }

    static void stepmill_nodes(const char *text, long size, StepmillSet &found) {
        const char *end = text + size, *at = text;
        std::string node;
        while (at < end) {
            const char *after = at + 1;
            if (*at == ' ' && stepmill_is(at, end, " node=\\"")) {
                const char *number = at + 7;
                while (number < end && stepmill_classes.of[(uint8_t) *number]
                       & StepmillClasses::DIGIT) number++;
                if (number > at + 7 && number < end && *number == '"') { at = number + 1; continue; }
            } else if (*at == '<') {
                if (after < end && *after == '/') {
                    while (after < end && *after != '<' && *after != '>') after++;
                    if (after < end && *after == '>') {
                        after++;
                        while (after < end && stepmill_blank(*after)) after++;
                        if (after == end || *after == '<') { at = after; continue; }
                    }
                }
                found.insert(node);
                node.clear();
                at++;
                continue;
            }
            node += *at++;
        }
        found.insert(node);
    }
    """
    void stepmill_ways(const char *text, long size, const unordered_set[string] &voids, long around,
                       unordered_set[string] &ways)
    void stepmill_lasting(const char *text, long size, string &page)
    void stepmill_nodes(const char *text, long size, unordered_set[string] &found)


def ways(bytes text, set voids, long around):
    """The ways to the elements of a page (`etl.decisions.near.signature`)."""
    cdef unordered_set[string] found
    stepmill_ways(text, len(text), voids, around, found)
    return <set> found


def nodes(bytes text):
    """The nodes of a page without ids (`etl.decisions.near.signature`)."""
    cdef unordered_set[string] found
    stepmill_nodes(text, len(text), found)
    return <set> found


def lasting(bytes text):
    """What lasts of a page (`etl.pages.lasting`)."""
    cdef string page
    stepmill_lasting(text, len(text), page)
    return <bytes> page
