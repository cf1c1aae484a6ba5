# The elements of a page that can be shown: `etl.pages.compact.units` says which, in plain Python.

cdef enum:  # as in `etl.pages.compact.facts`
    GOES = 1
    HIDES = 2
    INLINE = 4
    ACTS = 8
    CALLED = 128

cdef enum:  # as in `etl.pages.compact.units`
    INNER = 1
    ALONE = 2
    LEAF = 4
    WRAPS = 8
    COVERED = 16


cdef struct Unit:
    Py_ssize_t element, host, lent
    uint32_t number, kind, before
    bint hidden, broken, leaf, wraps


cdef struct OpenUnit:  # an open element, as in `etl.pages.compact.units`
    Tag *tag
    Py_ssize_t unit, host, acted
    uint32_t place
    bint hidden


cdef struct Told:  # as `etl.pages.compact.facts.Known.told` gives it
    uint32_t number, kind, shape


cdef class ToldOf:
    """What is told of start tags, by the attributes that count; of most pages few differ in these.

    names: of these attributes, beside those that begin with "on".
    """

    cdef unordered_map[string, Told] known
    cdef unordered_set[string] names
    cdef vector[Attribute] attributes
    cdef string key, small

    def __cinit__(self, tuple names not None):
        self.names = {to_utf8(name) for name in names}

    cdef Told of(self, Tokens tokens, size_t place, known) except *:
        """What is told of the start tag at a place."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef const char *at = piece.at.data()
        cdef bint closed
        cdef Attribute attribute
        cdef View name
        cdef Told told
        read_tag(at + 1, at + piece.rest, self.attributes, &closed)
        self.key.assign(piece.tag.at.data(), piece.tag.at.size())
        for attribute in self.attributes:
            name = lowered(attribute.name, self.small)
            at = name.data()
            if name.size() > 2 and at[0] == c"o" and at[1] == c"n":
                self.key.append(2, c"\0")  # whatever it does
                continue
            if not self.names.count(string(at, name.size())) or not counts(name, attribute.value):
                continue
            self.key.append(1, c"\0")
            self.key.append(at, name.size())
            self.key.append(1, c"=")
            self.key.append(attribute.value.data(), attribute.value.size())
        if not self.known.count(self.key):
            told.number, told.kind, told.shape = known.told(tokens.token(place))
            self.known[self.key] = told
        return self.known[self.key]


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


def units(Tokens tokens not None, known, said):
    """`etl.pages.compact.units.units_of`. known: what start tags say. said: as for `say`."""
    cdef vector[Unit] found
    cdef vector[string] texts
    cdef vector[OpenUnit] opened
    cdef unordered_map[uint64_t, uint32_t] places
    cdef vector[uint32_t] met
    cdef OpenUnit around, inner
    cdef Unit *unit
    cdef Piece *piece
    cdef Tag *tag
    cdef size_t place, gone = 0, size
    cdef Py_ssize_t element = -1
    cdef uint64_t key
    cdef uint32_t owner = known.id, where, bits
    cdef ToldOf told_of = known.told_of
    cdef Told told
    cdef const char *at
    cdef bint inline
    cdef bytes own
    cdef list result
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
                        told = told_of.of(tokens, place, known)
                        piece.number, piece.told, piece.shape = told.number, told.kind, told.shape
                        piece.told_by = owner
                    if not piece.told & GOES:
                        key = <uint64_t> around.place << 32 | piece.shape
                        if not places.count(key):
                            places[key] = <uint32_t> met.size()
                            met.push_back(0)
                        where = places[key]
                        inline = piece.told & INLINE and around.host >= 0
                        if (
                            not inline and piece.kind == START and around.host >= 0
                            and texts[around.host].size()
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
                        found.push_back(Unit(
                            element, around.host if inline else -1, -1, piece.number, piece.told,
                            met[where], inner.hidden, False, True, False
                        ))
                        texts.emplace_back()
                        met[where] += 1
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
                add_words(&texts[around.unit], at, size)
            if found[around.host].broken:
                add_words(&texts[around.host], b"_", 1)
                found[around.host].broken = False
            add_words(&texts[around.host], at, size)
    finally:
        while opened.size() > 1:
            opened.back().tag.opened = 0
            opened.pop_back()
    result = []
    for place in range(found.size()):
        unit = &found[place]
        bits = (LEAF if unit.leaf else 0) | (WRAPS if unit.wraps else 0)
        bits |= COVERED if unit.hidden else 0
        if unit.host >= 0:
            bits |= INNER | (ALONE if texts[place] == texts[unit.host] else 0)
        if texts[place].size() or unit.kind & CALLED:
            unit.lent = -1
        result.append((
            unit.element, unit.before, (
                unit.number, to_str(View(texts[place].data(), texts[place].size())), unit.lent, bits
            )
        ))
    return result
