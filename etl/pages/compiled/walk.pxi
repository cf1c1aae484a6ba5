# The elements of a page that can be shown: `etl.pages.compact.units` says which, in plain Python.

cdef enum:  # as in `etl.pages.compact.units`
    INNER = 1
    ALONE = 2
    LEAF = 4
    WRAPS = 8
    COVERED = 16


cdef struct Unit:
    int32_t element, host, lent
    uint32_t entry, number, kind, before, place, shape
    uint32_t text  # the number of its text; 0 is empty
    uint8_t joined  # of several pieces, which are in `Walk.texts`
    uint8_t hidden, broken, leaf, wraps


cdef struct OpenUnit:  # an open element, as in `etl.pages.compact.units`
    Tag *tag
    int32_t unit, host, acted
    uint32_t place
    uint8_t hidden


cdef struct Stands:  # where the last element of a shape stood
    uint32_t around, place


cdef struct Asked:
    Piece *piece
    Saying saying
    uint32_t number  # of that, once it is found


cdef enum:
    NO_PLACE = 0xFFFFFFFF


cdef class Walk:
    """Walks through pages; all it has is room, but for what is known.

    A place is a shape and the place around it.
    """

    cdef Known known
    cdef Pairs places  # (place, shape) -> the place of such elements there
    cdef vector[Stands] stood  # by shape
    cdef vector[Unit] found
    cdef vector[OpenUnit] opened
    cdef vector[uint32_t] met, alike  # how many elements each place, and each shape, has had
    cdef vector[string] texts  # of the elements; they keep their room
    cdef vector[Asked] asked  # what elements say that their start tags and texts did not say last

    def __cinit__(self, Known known not None):
        self.known = known

    def units(self, Tokens tokens not None, said):
        """`etl.pages.compact.units.plain_units`. said: as for `say`."""
        cdef Known known = self.known
        cdef Units result = Units()
        cdef Unit *unit
        cdef Piece *piece
        cdef size_t place
        cdef uint32_t bits
        self.walk(tokens, said)
        result.known = known
        result.elements.reserve(self.found.size())
        result.before.reserve(self.found.size())
        result.sayings.reserve(self.found.size())
        for place in range(self.found.size()):
            if self.found[place].joined:
                self.found[place].text = known.text_number(view_of(self.texts[place]))
        try:
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
                piece = tokens.entries[unit.entry].piece
                if (
                    piece.saying == NO_SAYING or piece.said != unit.text or piece.bits != bits
                    or piece.lent != unit.lent
                ):
                    self.ask(piece, unit, bits)
                result.sayings.push_back(<int32_t> piece.saying)
            self.answer(result.sayings)
        finally:
            for place in range(self.asked.size()):
                if self.asked[place].piece.saying & ASKED:  # in case of an error
                    self.asked[place].piece.saying = NO_SAYING
            self.asked.clear()
        return result

    cdef int ask(self, Piece *piece, Unit *unit, uint32_t bits) except -1:
        """Ask for the number of what an element says. It takes a while until memory has it."""
        cdef Asked asked
        asked.piece = piece
        self.known.find_saying(piece, unit, bits, asked.saying)
        piece.saying = ASKED | <uint32_t> self.asked.size()
        self.asked.push_back(asked)
        piece.said, piece.bits, piece.lent = unit.text, bits, unit.lent
        return 0

    cdef int answer(self, vector[int32_t] &sayings) except -1:
        """Put the numbers that were asked for in their places."""
        cdef size_t place
        cdef Asked *asked
        for place in range(self.asked.size()):
            asked = &self.asked[place]
            asked.number = self.known.saying_number(asked.saying)
            if asked.piece.saying == (ASKED | <uint32_t> place):
                asked.piece.saying = asked.number
        for place in range(sayings.size()):
            if sayings[place] < 0:
                sayings[place] = <int32_t> self.asked[<uint32_t> sayings[place] & ~ASKED].number
        return 0

    cdef int walk(self, Tokens tokens, said) except -1:
        """Find the elements of a page."""
        cdef Known known = self.known
        cdef OpenUnit around, inner
        cdef Unit *host
        cdef Piece *piece
        cdef Tag *tag
        cdef size_t place, gone = 0
        cdef int32_t element = -1
        cdef uint32_t text, gap = known.text_number(View(b"_", 1))
        self.found.clear()
        self.places.clear(tokens.entries.size() // 16)
        self.met.assign(1, 0)
        self.opened.clear()
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
                        if piece.told_by != known.id:
                            known.tell(tokens, place)
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
                text = known.said_by(tokens, place, said)
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
            for place in range(self.found.size()):
                self.alike[self.found[place].shape] = 0
                self.stood[self.found[place].shape].around = NO_PLACE
        return 0

    cdef OpenUnit add_unit(self, Piece *piece, int32_t element, size_t entry) except *:
        """Note an element; what it is while it is open, its tag apart."""
        cdef OpenUnit around = self.opened.back(), inner = around
        cdef bint inline = piece.told & INLINE and around.host >= 0
        cdef Unit unit
        cdef Unit *outer
        if piece.shape >= self.alike.size():
            self.alike.resize(piece.shape + 1)
            self.stood.resize(piece.shape + 1, Stands(NO_PLACE, 0))
        if self.stood[piece.shape].around != around.place:
            self.stood[piece.shape] = Stands(
                around.place, self.places.number(around.place, piece.shape)
            )
            if self.places.used == self.met.size():
                self.met.push_back(0)
        inner.place = self.stood[piece.shape].place
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
            max(2 * self.met[inner.place], self.alike[piece.shape]), inner.place, piece.shape,
            0, False, inner.hidden, False, True, False
        )
        self.found.push_back(unit)
        if self.texts.size() < self.found.size():
            self.texts.emplace_back()
        self.met[inner.place] += 1
        self.alike[piece.shape] += piece.told & FILLED == 0
        return inner

    cdef int add_text(self, Unit &unit, string &text, uint32_t number) except -1:
        """Add a text to that of an element. text: where the texts of the element are joined."""
        if not unit.joined:
            if not unit.text:
                unit.text = number
                return 0
            text.assign(self.known.said[unit.text].data(), self.known.said[unit.text].size())
            unit.joined = True
        text.append(1, c" ")
        text.append(self.known.said[number].data(), self.known.said[number].size())
        return 0
