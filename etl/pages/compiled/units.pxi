# The elements of a page that can be shown: `etl.pages.compact.units` says which, in plain Python.

cdef enum:  # as in `etl.pages.compact.facts`; FILLED: `FIELD`
    GOES = 1
    HIDES = 2
    INLINE = 4
    ACTS = 8
    TYPED = 32
    CALLED = 128
    FILLED = 256

cdef enum:  # as in `etl.pages.compact.units`
    INNER = 1
    ALONE = 2
    LEAF = 4
    WRAPS = 8
    COVERED = 16


cdef struct Unit:
    Py_ssize_t element, host, lent
    size_t place
    uint32_t number, kind, before
    bint hidden, broken, leaf, wraps


cdef struct OpenUnit:  # an open element, as in `etl.pages.compact.units`
    Tag *tag
    Py_ssize_t unit, host, acted
    uint32_t place
    bint hidden


cdef enum:
    LENGTHS = 32  # longer than any name that is looked at


cdef struct Names:  # of attributes
    unordered_set[string] all
    uint64_t firsts[LENGTHS]  # by length: their first letters


cdef struct Told:
    uint32_t number, kind


cdef struct Form:  # of a saying, as in `etl.pages.compact.forms`
    int64_t long_tokens, short_tokens, long_chars, short_chars, score, folds
    string long_line, short_line
    bint silent, is_one  # is_one: both lines are the long one


cdef class Known:
    """What `etl.pages.compact.facts.Known` said, by what it looks at: in most pages little differs.

    looked_at, apart_by: the attributes that `facts_of` and `more_of` look at.
    """

    cdef unordered_map[string, Told] told
    cdef unordered_map[string, uint32_t] shapes, sayings
    cdef unordered_map[string, int32_t] mores
    cdef Names looked_at, apart_by
    cdef vector[Attribute] attributes
    cdef vector[string] texts  # of the elements of the page that is read; they keep their room
    cdef string key, shape, small
    cdef vector[Form] forms  # by saying
    cdef vector[int64_t] sizes, folds, repeats  # as `weigh` has them
    cdef vector[uint32_t] met  # by saying: how often, in the page that is measured
    cdef object shape_of  # of a token, in plain Python
    cdef bint plain  # whether ``shape`` is as that gives it

    def __cinit__(self, tuple looked_at not None, tuple apart_by not None, shape_of):
        self.shape_of = shape_of
        for name in looked_at:
            add_name(self.looked_at, to_utf8(name))
        for name in apart_by:
            add_name(self.apart_by, to_utf8(name))

    def __len__(self):
        """How many things of one kind are remembered, of that of which there are most."""
        return max(self.told.size(), self.shapes.size(), self.mores.size(), self.sayings.size())

    def weigh(self, list digits not None, list alike not None, list same not None):
        """Note the tokens of numbers by their digits, and `etl.pages.compact.choose.weights`."""
        self.sizes, self.folds, self.repeats = digits, alike, same

    def add(self, bytes rows not None, list lines not None):
        """Note the lines of the sayings after those known. rows: as in `etl.pages.compact.forms`.

        lines: (long, short) of each.
        """
        cdef const int64_t *row = <const int64_t *> PyBytes_AS_STRING(rows)
        cdef Form form
        for long_line, short_line in lines:
            form.long_tokens, form.short_tokens, form.long_chars, form.short_chars = (
                row[0], row[1], row[2], row[3]
            )
            form.score, form.folds, form.silent = row[4], row[5], row[6] != 0
            form.long_line = to_utf8(long_line)
            form.is_one = long_line is short_line
            form.short_line = b"" if form.is_one else to_utf8(short_line)
            self.forms.push_back(form)
            row += 7

    cdef int read(self, Tokens tokens, Piece *piece, Names *names) except -1:
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
            if name.size() > 2 and at[0] == c"o" and at[1] == c"n":
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

    cdef int tell(self, Tokens tokens, size_t place, known) except -1:
        """Note on a start tag what is known of it."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef unordered_map[string, Told].iterator found
        cdef Told told
        self.read(tokens, piece, &self.looked_at)
        found = self.told.find(self.key)
        if found == self.told.end():
            told.number, told.kind = known.number(tokens.token(place))
            self.told[self.key] = told
        else:
            told = dereference(found).second
        if not self.plain:
            self.shape = to_utf8(self.shape_of(tokens.token(place)))
        piece.number, piece.told = told.number, told.kind
        piece.shape = number_of(self.shapes, self.shape)
        piece.more = -1
        piece.told_by = known.id

    cdef int32_t more(self, Tokens tokens, size_t place, known) except -1:
        """The number of what tells an element from others."""
        cdef Piece *piece = tokens.entries[place].piece
        if piece.more < 0:
            self.read(tokens, piece, &self.apart_by)
            if not self.mores.count(self.key):
                self.mores[self.key] = known.more(tokens.token(place))
            piece.more = self.mores[self.key]
        return piece.more

    cdef uint32_t saying(
        self, Unit *unit, string &text, uint32_t bits, int32_t more, known
    ) except? 0:
        """The number of what an element says."""
        cdef unordered_map[string, uint32_t].iterator found
        cdef uint32_t numbers[4]
        numbers[0], numbers[1], numbers[2] = unit.number, <uint32_t> unit.lent, bits
        numbers[3] = <uint32_t> more
        self.key.assign(<char *> numbers, sizeof(numbers))
        self.key.append(text)
        found = self.sayings.find(self.key)
        if found != self.sayings.end():
            return dereference(found).second
        numbers[0] = known.saying(
            unit.number, to_str(View(text.data(), text.size())), unit.lent, bits, more
        )
        self.sayings[self.key] = numbers[0]
        return numbers[0]

    def units(self, Tokens tokens not None, known, said):
        """`etl.pages.compact.units.units_of`. said: as for `say`."""
        cdef vector[Unit] found
        cdef vector[OpenUnit] opened
        cdef unordered_map[uint64_t, uint32_t] places
        cdef unordered_map[uint64_t, uint32_t].iterator at_place
        cdef vector[uint32_t] met, alike
        cdef OpenUnit around, inner
        cdef Unit *unit
        cdef Piece *piece
        cdef Tag *tag
        cdef size_t place, gone = 0, size
        cdef Py_ssize_t element = -1
        cdef uint64_t key
        cdef uint32_t owner = known.id, where, bits
        cdef Units result = Units()
        cdef int32_t more
        cdef const char *at
        cdef bint inline, acts
        cdef bytes own
        met.push_back(0)
        opened.push_back(OpenUnit(NULL, -1, -1, -1, 0, False))
        try:
            for place in range(tokens.entries.size()):
                piece = tokens.entries[place].piece
                if piece.kind == END:
                    if piece.tag.opened:
                        tag = NULL
                        while tag != piece.tag:
                            tag = opened.back().tag
                            tag.opened -= 1
                            opened.pop_back()
                        if gone > opened.size():
                            gone = 0
                elif is_element(piece):
                    element += 1
                    inner = around = opened.back()
                    if not gone:
                        if piece.told_by != owner:
                            self.tell(tokens, place, known)
                        if not piece.told & GOES:
                            key = <uint64_t> around.place << 32 | piece.shape
                            if not places.count(key):
                                places[key] = <uint32_t> met.size()
                                met.push_back(0)
                            where = places[key]
                            inline = piece.told & INLINE and around.host >= 0
                            if (
                                not inline and piece.kind == START and around.host >= 0
                                and self.texts[around.host].size()
                            ):
                                found[around.host].broken = True
                            if around.unit >= 0:
                                found[around.unit].leaf = False
                            if around.acted >= 0:
                                unit = &found[around.acted]
                                unit.wraps = unit.wraps or piece.told & ACTS != 0
                                if unit.lent < 0 and piece.told & CALLED:
                                    unit.lent = piece.number
                            inner.unit = found.size()
                            inner.host = around.host if inline else inner.unit
                            inner.acted = inner.unit if piece.told & ACTS else around.acted
                            inner.place = where
                            inner.hidden = around.hidden or piece.told & HIDES != 0
                            if piece.shape >= alike.size():
                                alike.resize(piece.shape + 1)
                            found.push_back(Unit(
                                element, around.host if inline else -1, -1, place, piece.number,
                                piece.told, max(2 * met[where], alike[piece.shape]), inner.hidden, False, True, False
                            ))
                            if self.texts.size() < found.size():
                                self.texts.emplace_back()
                            self.texts[found.size() - 1].clear()
                            met[where] += 1
                            alike[piece.shape] += piece.told & FILLED == 0
                        elif piece.kind == START:
                            gone = opened.size() + 1
                    if piece.kind == START:
                        inner.tag = piece.tag
                        opened.push_back(inner)
                        piece.tag.opened += 1
                if gone or opened.back().host < 0:
                    continue
                if piece.is_raw:
                    own = to_utf8(said(tokens.token(place).text))
                    at, size = PyBytes_AS_STRING(own), len(own)
                else:
                    if piece.said == NULL:
                        say(tokens, piece, said)
                    at, size = piece.said, piece.said_size
                if not size:
                    continue
                around = opened.back()
                if around.unit != around.host:
                    add_words(&self.texts[around.unit], at, size)
                if found[around.host].broken:
                    add_words(&self.texts[around.host], b"_", 1)
                    found[around.host].broken = False
                add_words(&self.texts[around.host], at, size)
        finally:
            while opened.size() > 1:
                opened.back().tag.opened = 0
                opened.pop_back()
        result.known = self
        result.elements.reserve(found.size())
        result.before.reserve(found.size())
        result.sayings.reserve(found.size())
        for place in range(found.size()):
            unit = &found[place]
            bits = (LEAF if unit.leaf else 0) | (WRAPS if unit.wraps else 0)
            bits |= COVERED if unit.hidden else 0
            if unit.host >= 0:
                bits |= INNER | (ALONE if self.texts[place] == self.texts[unit.host] else 0)
            size = self.texts[place].size()
            if size or unit.kind & CALLED:
                unit.lent = -1
            acts = unit.kind & ACTS != 0
            more = -1
            if (
                unit.leaf and (unit.kind & TYPED or acts and not size)
                or not size and not unit.kind & CALLED and unit.lent < 0 and (unit.leaf or acts)
            ):
                more = self.more(tokens, unit.place, known)
            result.elements.push_back(<int32_t> unit.element)
            result.before.push_back(<int32_t> unit.before)
            result.sayings.push_back(
                <int32_t> self.saying(unit, self.texts[place], bits, more, known)
            )
        return result


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


cdef uint32_t number_of(unordered_map[string, uint32_t] &numbers, string &what) except? 0:
    """The number of something: how many others were asked for before it."""
    cdef unordered_map[string, uint32_t].iterator found = numbers.find(what)
    if found != numbers.end():
        return dereference(found).second
    cdef uint32_t number = <uint32_t> numbers.size()
    numbers[what] = number
    return number


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


cdef int say(Tokens tokens, Piece *piece, said) except -1:
    """Note the text of a piece that is not raw. said: makes one of a text, in plain Python."""
    cdef const char *at = piece.at.data() + piece.rest
    cdef size_t size = piece.at.size() - piece.rest
    cdef string text
    cdef char *end = NULL
    if memchr(at, c"&", size) == NULL and memmem(at, size, b"::", 2) == NULL:
        text.resize(size + 1)
        end = one_line(at, size, &text[0])
    if end != NULL:
        size = end - &text[0]
        text.resize(size - 1 if size else 0)  # without the space at the end
    else:
        made = to_utf8(said(resolve(to_str(View(at, size)))))
        text.assign(<const char *> made, len(made))
    piece.said_size = <uint32_t> text.size()
    piece.said = tokens.reader.keep(View(text.data(), text.size())).data()
    return 0


cdef void add_words(string *text, const char *at, size_t size) noexcept:
    if text.size():
        text.append(1, c" ")
    text.append(at, size)


cdef bytes bytes_of(vector[int32_t] &numbers):
    return PyBytes_FromStringAndSize(<char *> numbers.data(), numbers.size() * sizeof(int32_t))
