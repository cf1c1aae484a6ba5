# The elements of a page that can be shown: `etl.pages.compact.units` says which, in plain Python.

cdef enum:  # as in `etl.pages.compact.units`
    INNER = 1
    ALONE = 2
    LEAF = 4
    WRAPS = 8
    COVERED = 16


cdef struct Unit:
    int32_t element, host, lent
    uint32_t entry, number, kind, before
    uint32_t text  # the number of its text; 0 is empty
    uint8_t joined  # of several pieces, which are in `Known.texts`
    uint8_t hidden, broken, leaf, wraps


cdef struct OpenUnit:  # an open element, as in `etl.pages.compact.units`
    Tag *tag
    int32_t unit, host, acted
    uint32_t place
    uint8_t hidden


cdef enum:
    LENGTHS = 32  # longer than any name that is looked at


cdef struct Names:  # of attributes
    unordered_set[string] all
    uint64_t firsts[LENGTHS]  # by length: their first letters


cdef struct Numbered:  # what a key stands for; kind: bits of a `Fact`
    View at
    uint32_t number, kind


cdef enum:
    NO_SAYING = 0xFFFFFFFF

cdef uint32_t knowns = 0  # made so far


cdef class Known:
    """What start tags and elements say, by number: `etl.pages.compact.engine` has its methods.

    It is remembered by what counts of a start tag: in most pages little differs.
    """

    cdef uint32_t id
    cdef StartTags tags
    cdef WordIndex index
    cdef Arena bytes  # of the keys of the tables
    cdef Table[Numbered] told, shapes, numbers, told_apart, more_numbers, said_numbers
    cdef Table[Numbered] line_numbers
    cdef Table[Form] sayings
    cdef vector[Fact] facts
    cdef vector[string] mores
    cdef Names looked_at, apart_by
    cdef vector[Attribute] attributes
    cdef vector[View] said  # texts by number
    cdef vector[string] texts  # of the elements of the page that is read; they keep their room
    cdef Pairs places  # (place, shape) -> the place of such elements there; of that page too
    cdef vector[Unit] found
    cdef vector[OpenUnit] opened
    cdef vector[uint32_t] met, alike  # how many elements each place, and each shape, has had
    cdef string key, shape, small, line_room
    cdef vector[Form *] forms  # by saying
    cdef size_t counted  # forms whose tokens are known
    cdef int64_t most_text  # characters of a text
    cdef vector[uint32_t] words  # of forms
    cdef vector[int64_t] sizes, marks, folds, repeats  # as in `__cinit__`
    cdef vector[uint32_t] said_before  # by saying: how often, in the page that is measured
    cdef vector[Weight] weights  # by saying
    cdef vector[uint32_t] lines_met  # by line: how often, in that page
    cdef vector[uint64_t] keys  # of its elements, for their numbers
    cdef Pairs around  # (line, last line before it that comes once) -> a number
    cdef vector[uint32_t] met_there, tries  # by that number: how often; and room
    cdef vector[int32_t] owners  # room
    cdef object shape_of  # of a token, in plain Python
    cdef bint plain  # whether ``shape`` is as that gives it

    def __cinit__(
        self, int64_t most_text, int64_t most_value, tuple modules not None, list sizes not None,
        list marks not None, list folds not None, list repeats not None
    ):
        """most_text, most_value: as in `etl.pages.compact.rules`.

        modules: ``tables``, ``facts`` and ``relevance`` of `etl.pages.compact`. sizes, marks: the
        tokens of numbers, and of marks, by their digits. folds, repeats: `weights` of
        `etl.pages.compact.choose`.
        """
        global knowns
        knowns += 1
        self.id = knowns
        tables, facts, relevance = modules
        self.most_text = most_text
        self.tags, self.index = StartTags(most_value, tables, facts), WordIndex(relevance.words_in)
        self.shape_of = facts.shape_of
        self.sizes, self.marks, self.folds, self.repeats = sizes, marks, folds, repeats
        self.text_number(View(b"", 0))
        for name in tables.LOOKED_AT:
            add_name(self.looked_at, to_utf8(name))
        for name in tables.TOLD_APART_BY:
            add_name(self.apart_by, to_utf8(name))

    def __len__(self):
        """How many things of one kind are remembered, of that of which there are most."""
        return max(
            self.told.size(), self.shapes.size(), self.told_apart.size(), self.forms.size(),
            self.said.size(), self.words.size() // 16, self.index.numbers.size() // 2,
        )

    def lines(self):
        """The lines whose tokens are not known, as UTF-8: long and short of each saying, or one."""
        cdef Form *form
        cdef size_t place, size = 0
        cdef bytes text
        cdef char *out
        for place in range(self.counted, self.forms.size()):
            form = self.forms[place]
            size += form.long_line.size() + (0 if form.is_one else form.short_line.size())
        text = PyBytes_FromStringAndSize(NULL, size)
        out = PyBytes_AS_STRING(text)
        for place in range(self.counted, self.forms.size()):
            form = self.forms[place]
            memcpy(out, form.long_line.data(), form.long_line.size())
            out += form.long_line.size()
            if not form.is_one:
                memcpy(out, form.short_line.data(), form.short_line.size())
                out += form.short_line.size()
        return text

    def count(self, bytes tokens not None):
        """Note the tokens of `lines`: int64."""
        cdef const int64_t *next = <const int64_t *> PyBytes_AS_STRING(tokens)
        cdef size_t place
        cdef Form *form
        for place in range(self.counted, self.forms.size()):
            form = self.forms[place]
            form.weight.long_tokens = form.weight.short_tokens = <int32_t> next[0]
            next += 1
            if not form.is_one:
                form.weight.short_tokens = <int32_t> next[0]
                next += 1
            if not form.weight.silent:  # in the place of a long line, several shorter ones may stay
                form.weight.score -= <int64_t> rint(
                    PARTS * DOUBLED * log2((<double> form.weight.short_tokens + 3) / 10)
                )
            self.weights.push_back(form.weight)
        self.counted = self.forms.size()

    def rows(self, bytes sayings not None):
        """`etl.pages.compact.forms.Forms.rows`, as bytes. sayings: int32."""
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place
        cdef bytes rows = PyBytes_FromStringAndSize(NULL, count * COLUMNS * sizeof(int64_t))
        cdef int64_t *row = <int64_t *> PyBytes_AS_STRING(rows)
        cdef Form *form
        for place in range(count):
            form = self.forms[saying[place]]
            row[0], row[1] = form.weight.long_tokens, form.weight.short_tokens
            row[2], row[3] = form.long_chars, form.short_chars
            row[4], row[5] = form.weight.score, form.weight.folds
            row[6] = form.weight.silent
            row += COLUMNS
        return rows

    def hashes(self, bytes sayings not None):
        """`etl.pages.compact.forms.Forms.hashes`."""
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place
        return [self.forms[saying[place]].hash for place in range(count)]

    cdef int number(self, vector[int32_t] &sayings, vector[int32_t] &numbers) except -1:
        """Find the numbers of the elements of a page, by what they say."""
        cdef size_t place
        cdef uint32_t where, last = 0
        cdef uint64_t around = 0
        cdef Form *form
        self.lines_met.resize(self.line_numbers.size())
        for place in range(sayings.size()):
            self.lines_met[self.forms[sayings[place]].same] += 1
        self.keys.clear()
        self.around.clear()
        self.met_there.assign(1, 0)
        for place in range(sayings.size()):
            form = self.forms[sayings[place]]
            if self.lines_met[form.same] == 1:
                around, last = form.hash, form.same + 1
                self.keys.push_back(mixed(form.hash))
                continue
            where = self.around.number(form.same, last)
            if where == self.met_there.size():
                self.met_there.push_back(0)
            self.met_there[where] += 1
            self.keys.push_back(
                mixed(form.hash ^ mixed(around + self.met_there[where] * STEP))
            )
        for place in range(sayings.size()):
            self.lines_met[self.forms[sayings[place]].same] = 0
        return find_numbers(self.keys, self.owners, self.tries, numbers)

    def line(self, uint32_t saying, bint whole):
        """`etl.pages.compact.forms.Forms.line`."""
        cdef Form *form = self.forms[saying]
        return to_str(form.long_line if whole or form.is_one else form.short_line)

    def having(self, bytes sayings not None, list words not None):
        """Which of some sayings have each of the words: flags, or None where none has it.

        sayings: int32.
        """
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place, at
        cdef vector[int32_t] wanted  # word -> its place in ``words``, or -1
        cdef vector[char *] flags
        cdef vector[uint8_t] having
        cdef list found = []
        cdef int64_t number
        cdef int32_t which
        cdef Form *form
        self.index_words(saying, count)
        wanted.assign(self.index.numbers.size(), -1)
        for word in words:
            number = self.index.find(word)
            if number >= 0:
                wanted[number] = <int32_t> len(found)
            made = PyBytes_FromStringAndSize(NULL, count)
            memset(PyBytes_AS_STRING(made), 0, count)
            flags.push_back(PyBytes_AS_STRING(made))
            found.append(made)
        having.assign(flags.size(), False)
        for place in range(count):
            form = self.forms[saying[place]]
            for at in range(form.first, form.last):
                which = wanted[self.words[at]]
                if which >= 0:
                    flags[which][place] = 1
                    having[which] = True
        return [made if having[at] else None for at, made in enumerate(found)]

    def hits(self, bytes sayings not None, list names not None):
        """`etl.pages.compact.forms.Forms.hits`."""
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place
        cdef vector[uint32_t] words
        cdef bint any_hit = False
        cdef bytes flags = PyBytes_FromStringAndSize(NULL, count)
        cdef char *flag = PyBytes_AS_STRING(flags)
        memset(flag, 0, count)
        self.index_words(saying, count)
        for name in names:
            if self.index.find_all(name.split(" "), words):
                for place in range(count):
                    if self.is_called(self.forms[saying[place]], words):
                        flag[place] = any_hit = True
        return flags if any_hit else b""

    cdef bint is_called(self, Form *form, vector[uint32_t] &words) noexcept:
        """Whether its text or a name of it has just these words."""
        cdef size_t begin = form.first, end
        while self.words[begin] != NAMES_END:
            end = begin
            while end - begin < words.size() and self.words[end] == words[end - begin]:
                end += 1
            if end - begin == words.size() and self.words[end] == NAME_END:
                return True
            while self.words[end] != NAME_END:
                end += 1
            begin = end + 1
        return False

    cdef int index_words(self, const int32_t *saying, size_t count) except -1:
        """Find the words of some sayings, if they are not known."""
        cdef size_t place
        for place in range(count):
            if not self.forms[saying[place]].indexed:
                self.add_words_of(self.forms[saying[place]][0])
        return 0

    cdef int add_words_of(self, Form &form) except -1:
        """Find the words of a saying: first those of its text and of each name, if it is short."""
        cdef View text
        cdef size_t place, count = name_count(self, form)
        cdef bint is_short
        form.first = self.words.size()
        for is_short in (True, False):
            for place in range(count + 1):
                text = form.text if place == 0 else view_of(name_of(self, form, place - 1)[0])
                if (characters(text) <= LONGEST_NAME) == is_short:
                    self.index.add(text, self.words)
                    if is_short:
                        self.words.push_back(NAME_END)
            if is_short:
                self.words.push_back(NAMES_END)
        self.index.add(view_of(self.facts[form.number].state), self.words)
        if form.more >= 0:
            self.index.add(view_of(self.mores[form.more]), self.words)
        form.last = self.words.size()
        form.indexed = True
        return 0

    cdef int read(self, Piece *piece, Names *names) except -1:
        """Note in ``key`` and ``shape`` what counts of a start tag: of its attributes those named.

        names: beside those that begin with "on".
        """
        cdef const char *at = piece.at.data()
        cdef bint closed, shaped = False
        cdef Attribute attribute
        cdef View name
        read_tag(at + 1, at + piece.rest, self.attributes, &closed)
        self.key.assign(piece.tag.at.data(), piece.tag.at.size())
        self.shape = self.key
        self.plain = True
        for attribute in self.attributes:
            name = lowered(attribute.name, self.small)
            at = name.data()
            if name.size() >= 2 and at[0] == c"o" and at[1] == c"n":
                self.key.append(2, c"\0")  # whatever it does
                continue
            if not shaped and name.size() == 5 and memcmp(at, b"class", 5) == 0:
                shaped = True
                self.shape.append(1, c".")
                self.shape.append(attribute.value.data(), attribute.value.size())
                self.plain = is_plain(attribute.value)
            if not has_name(names, name) or not counts(name, attribute.value):
                continue
            self.key.append(1, c"\0")
            self.key.append(at, name.size())
            self.key.append(1, c"=")
            self.key.append(attribute.value.data(), attribute.value.size())

    cdef int tell(self, Tokens tokens, size_t place) except -1:
        """Note on a start tag what is known of it."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef Numbered *found
        cdef Numbered told
        self.read(piece, &self.looked_at)
        found = self.told.find(view_of(self.key))
        if found == NULL:
            self.add_fact(tokens, place, told)  # which looks for no key of ``told``
            found = self.told.add(keep(self.bytes, self.key))
            found.number, found.kind = told.number, told.kind
        piece.number, piece.told = found.number, found.kind
        if not self.plain:
            self.shape = to_utf8(self.shape_of(tokens.token(place)))
        piece.shape = number_of(self.shapes, self.bytes, self.shape)
        piece.more = -1
        piece.saying = NO_SAYING
        piece.told_by = self.id

    cdef int add_fact(self, Tokens tokens, size_t place, Numbered &told) except -1:
        """Find what a start tag says; the same facts have one number."""
        cdef Fact fact
        cdef string key
        cdef size_t sizes[2]
        self.tags.fact(tokens, place, fact)
        sizes[0], sizes[1] = fact.head.size(), fact.state.size()
        key.append(<char *> sizes, sizeof(sizes))
        key.append(<char *> &fact.kind, sizeof(fact.kind))
        key.append(<char *> &fact.matters, sizeof(fact.matters))
        key.append(fact.head)
        key.append(fact.state)
        for place in range(fact.names.size()):
            sizes[0] = fact.names[place].size()
            key.append(<char *> sizes, sizeof(sizes[0]))
            key.append(fact.names[place])
        told.number, told.kind = number_of(self.numbers, self.bytes, key), fact.kind
        if told.number == self.facts.size():
            self.facts.push_back(fact)
        return 0

    cdef int32_t more(self, Tokens tokens, size_t place) except -1:
        """The number of what tells an element from others."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef Numbered *found
        cdef string text
        if piece.more < 0:
            self.read(piece, &self.apart_by)
            found = self.told_apart.find(view_of(self.key))
            if found == NULL:
                self.tags.more(piece, text)
                found = self.told_apart.add(keep(self.bytes, self.key))
                found.number = number_of(self.more_numbers, self.bytes, text)
                if found.number == self.mores.size():
                    self.mores.push_back(text)
            piece.more = <int32_t> found.number
        return piece.more

    cdef uint32_t text_number(self, View text) except? 0:
        """The number of a text."""
        cdef Numbered *found = self.said_numbers.find(text)
        if found == NULL:
            text = self.bytes.keep(text.data(), text.size())
            found = self.said_numbers.add(text)
            found.number = <uint32_t> self.said.size()
            self.said.push_back(text)
        return found.number

    cdef uint32_t said_by(self, Tokens tokens, size_t place, said) except? 0:
        """The number of the text of a token. said: as for `say`."""
        cdef Piece *piece = tokens.entries[place].piece
        if piece.is_raw:
            own = to_utf8(said(tokens.token(place).text))
            return self.text_number(view(own))
        if piece.said_by != self.id:
            say(piece, said, self.key)
            piece.said_number = self.text_number(view_of(self.key))
            piece.said_by = self.id
        return piece.said_number

    cdef int add_text(self, Unit &unit, string &text, uint32_t number) except -1:
        """Add a text to that of an element. text: where the texts of the element are joined."""
        if not unit.joined:
            if not unit.text:
                unit.text = number
                return 0
            text.assign(self.said[unit.text].data(), self.said[unit.text].size())
            unit.joined = True
        text.append(1, c" ")
        text.append(self.said[number].data(), self.said[number].size())
        return 0

    cdef uint32_t saying(self, Tokens tokens, Unit &unit, uint32_t bits) except? 0:
        """The number of what an element says."""
        cdef Piece *piece = tokens.entries[unit.entry].piece
        cdef uint32_t numbers[5]
        cdef Form *form
        cdef View key = View(<char *> numbers, sizeof(numbers))
        cdef int32_t more = -1
        cdef bint acts = unit.kind & ACTS != 0
        if (
            piece.said == unit.text and piece.bits == bits and piece.lent == unit.lent
            and piece.saying != NO_SAYING
        ):
            return piece.saying
        if (
            unit.leaf and (unit.kind & TYPED or acts and not unit.text)
            or not unit.text and not unit.kind & CALLED and unit.lent < 0 and (unit.leaf or acts)
        ):
            more = self.more(tokens, unit.entry)
        numbers[0], numbers[1], numbers[2] = unit.number, <uint32_t> unit.lent, bits
        numbers[3], numbers[4] = <uint32_t> more, unit.text
        form = self.sayings.find(key)
        if form == NULL:
            form = self.sayings.add(self.bytes.keep(key.data(), key.size()))
            form.saying = <uint32_t> self.forms.size()
            form.number, form.lent, form.bits, form.more = unit.number, unit.lent, bits, more
            form.text = self.said[unit.text]
            form.indexed = False
            make_lines(self, form[0])
            self.forms.push_back(form)
        piece.said, piece.bits, piece.lent = unit.text, bits, unit.lent
        piece.saying = form.saying
        return form.saying

    def units(self, Tokens tokens not None, said):
        """`etl.pages.compact.units.plain_units`. said: as for `say`."""
        cdef Units result = Units()
        cdef Unit *unit
        cdef size_t place
        cdef uint32_t bits
        self.walk(tokens, said)
        result.known = self
        result.elements.reserve(self.found.size())
        result.before.reserve(self.found.size())
        result.sayings.reserve(self.found.size())
        for place in range(self.found.size()):
            if self.found[place].joined:
                self.found[place].text = self.text_number(view_of(self.texts[place]))
        for place in range(self.found.size()):
            unit = &self.found[place]
            bits = (LEAF if unit.leaf else 0) | (WRAPS if unit.wraps else 0)
            bits |= COVERED if unit.hidden else 0
            if unit.host >= 0:
                bits |= INNER | (ALONE if unit.text == self.found[unit.host].text else 0)
            if unit.text or unit.kind & CALLED:
                unit.lent = -1
            result.elements.push_back(unit.element)
            result.before.push_back(<int32_t> unit.before)
            result.sayings.push_back(<int32_t> self.saying(tokens, unit[0], bits))
        return result

    cdef int walk(self, Tokens tokens, said) except -1:
        """Find the elements of a page."""
        cdef OpenUnit around, inner
        cdef Unit *host
        cdef Piece *piece
        cdef Tag *tag
        cdef size_t place, gone = 0
        cdef int32_t element = -1
        cdef uint32_t text, gap = self.text_number(View(b"_", 1))
        self.found.clear()
        self.opened.clear()
        self.places.clear()
        self.met.assign(1, 0)
        self.alike.assign(self.shapes.size(), 0)
        self.opened.push_back(OpenUnit(NULL, -1, -1, -1, 0, False))
        try:
            for place in range(tokens.entries.size()):
                piece = tokens.entries[place].piece
                if piece.kind == END:
                    if piece.tag.opened:
                        tag = NULL
                        while tag != piece.tag:
                            tag = self.opened.back().tag
                            tag.opened -= 1
                            self.opened.pop_back()
                        if gone > self.opened.size():
                            gone = 0
                elif is_element(piece):
                    element += 1
                    inner = self.opened.back()
                    if not gone:
                        if piece.told_by != self.id:
                            self.tell(tokens, place)
                        if not piece.told & GOES:
                            inner = self.add_unit(piece, element, place)
                        elif piece.kind == START:
                            gone = self.opened.size() + 1
                    if piece.kind == START:
                        inner.tag = piece.tag
                        self.opened.push_back(inner)
                        piece.tag.opened += 1
                if gone or self.opened.back().host < 0:
                    continue
                text = self.said_by(tokens, place, said)
                if not text:
                    continue
                around = self.opened.back()
                host = &self.found[around.host]
                if around.unit != around.host:
                    self.add_text(self.found[around.unit], self.texts[around.unit], text)
                if host.broken:
                    self.add_text(host[0], self.texts[around.host], gap)
                    host.broken = False
                self.add_text(host[0], self.texts[around.host], text)
        finally:
            while self.opened.size() > 1:
                self.opened.back().tag.opened = 0
                self.opened.pop_back()
        return 0

    cdef OpenUnit add_unit(self, Piece *piece, int32_t element, size_t entry) except *:
        """Note an element; what it is while it is open, its tag apart."""
        cdef OpenUnit around = self.opened.back(), inner = around
        cdef bint inline = piece.told & INLINE and around.host >= 0
        cdef Unit unit
        cdef Unit *outer
        inner.place = self.places.number(around.place, piece.shape)
        if inner.place == self.met.size():
            self.met.push_back(0)
        if piece.shape >= self.alike.size():
            self.alike.resize(piece.shape + 1)
        if not inline and piece.kind == START and around.host >= 0:
            outer = &self.found[around.host]
            outer.broken = outer.broken or outer.text != 0
        if around.unit >= 0:
            self.found[around.unit].leaf = False
        if around.acted >= 0:
            outer = &self.found[around.acted]
            outer.wraps = outer.wraps or piece.told & ACTS != 0
            if outer.lent < 0 and piece.told & CALLED:
                outer.lent = <int32_t> piece.number
        inner.unit = <int32_t> self.found.size()
        inner.host = around.host if inline else inner.unit
        inner.acted = inner.unit if piece.told & ACTS else around.acted
        inner.hidden = around.hidden or piece.told & HIDES != 0
        unit = Unit(
            element, around.host if inline else -1, -1, <uint32_t> entry, piece.number, piece.told,
            max(2 * self.met[inner.place], self.alike[piece.shape]), 0, False,
            inner.hidden, False, True, False
        )
        self.found.push_back(unit)
        if self.texts.size() < self.found.size():
            self.texts.emplace_back()
        self.met[inner.place] += 1
        self.alike[piece.shape] += piece.told & FILLED == 0
        return inner


cdef int add_name(Names &names, bytes name) except -1:
    cdef string added = name
    names.all.insert(added)
    if added.size() < LENGTHS:
        names.firsts[added.size()] |= <uint64_t> 1 << (added[0] & 63)


cdef inline bint has_name(Names *names, View name) except -1:
    """Whether a name is among some; most are not, as their length and first letter show."""
    cdef size_t size = name.size()
    if not size or size >= LENGTHS or not names.firsts[size] >> (name.data()[0] & 63) & 1:
        return False
    return names.all.count(string(name.data(), size)) != 0


cdef inline View view_of(const string &text) noexcept:
    return View(text.data(), text.size())


cdef inline View keep(Arena &bytes, const string &key) except *:
    return bytes.keep(key.data(), key.size())


cdef uint32_t number_of_view(Table[Numbered] &numbers, View kept) except? 0:
    """The number of something that stays where it is in memory."""
    cdef Numbered *found = numbers.find(kept)
    if found == NULL:
        found = numbers.add(kept)
        found.number = <uint32_t> numbers.size() - 1
    return found.number


cdef uint32_t number_of(Table[Numbered] &numbers, Arena &bytes, const string &key) except? 0:
    """The number of something: how many others were asked for before it."""
    cdef Numbered *found = numbers.find(view_of(key))
    if found == NULL:
        found = numbers.add(keep(bytes, key))
        found.number = <uint32_t> numbers.size() - 1
    return found.number


cdef bint counts(View name, View value) noexcept:
    """Whether the value of an attribute may say something: a style that may hide does."""
    cdef const char *at = value.data()
    cdef size_t place
    if name.size() != 5 or memcmp(name.data(), b"style", 5) != 0:
        return True
    for place in range(value.size()):
        if at[place] == c"&" or (at[place] | 32) == c"y" and place >= 5:
            return True  # displaY, visibilitY
    return False


cdef int say(Piece *piece, said, string &out) except -1:
    """Write the text of a piece that is not raw. said: makes one of a text, in plain Python."""
    cdef const char *at = piece.at.data() + piece.rest
    cdef size_t size = piece.at.size() - piece.rest
    cdef char *end = NULL
    if memchr(at, c"&", size) == NULL and memmem(at, size, b"::", 2) == NULL:
        out.resize(size + 1)
        end = one_line(at, size, &out[0])
    if end != NULL:
        size = end - &out[0]
        out.resize(size - 1 if size else 0)  # without the space at the end
    else:
        made = to_utf8(said(resolve(to_str(View(at, size)))))
        out.assign(<const char *> made, len(made))
    return 0


cdef bytes bytes_of(vector[int32_t] &numbers):
    return PyBytes_FromStringAndSize(<char *> numbers.data(), numbers.size() * sizeof(int32_t))
