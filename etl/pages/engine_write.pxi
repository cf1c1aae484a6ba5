# Writing: the text that each piece adds by the rules, and the page made of it.

cdef enum:  # the operations of pieces
    TEXT, OPEN, UNWRAP, HIDE, DROP, COMPLETE, PAIR, CLOSE

cdef enum:
    ENTRY_BYTES = 100  # about, of a remembered name or value, without its bytes
    LONGEST_VALUE = 512  # in bytes; longer ones hardly ever repeat
    LARGE = 1 << 25  # in bytes; the memory of a larger output is freed


cdef struct Name:  # of an attribute
    View name  # in lower case
    bint stays
    bint keeps
    unordered_map[View, View, Hash] values  # as written -> as in a start tag


cdef struct Shown:  # an attribute that stays
    View name
    View text
    bint keeps


cdef struct Opened:  # an element; begin, end: of its start tag in the output
    Tag *tag
    size_t begin, end
    uint8_t op
    bint removable  # it goes if its content is empty


ctypedef unordered_map[View, Name, Hash] NameMap

cdef uint32_t writers = 0  # made so far


cdef bint is_before(const Shown &one, const Shown &other) noexcept:
    return one.name < other.name


cdef class Writer:
    """Writes pages by an `etl.pages.rules.Policy`."""

    cdef object policy
    cdef uint32_t id
    cdef string node_name, node_text
    cdef Arena bytes  # of names and values
    cdef NameMap names
    cdef readonly size_t size  # about the number of bytes held of both
    cdef string scratch
    cdef string out  # the page is its first ``used`` bytes
    cdef size_t used
    cdef vector[Attribute] attributes
    cdef vector[Shown] shown
    cdef vector[Opened] opened
    cdef Py_ssize_t node
    cdef size_t literal  # the depth of the element in which white space counts; 0 if none
    cdef size_t hides  # the number of open elements that hide text

    def __cinit__(self, policy):
        global writers
        writers += 1
        self.id = writers
        self.policy = policy
        self.node_name = NODE.encode()
        self.node_text = f' {NODE}="'.encode()

    def write(
        self, Tokens tokens not None, Py_ssize_t elements, list gaps not None, Py_ssize_t kept_at,
        size_t memo_bytes
    ):
        """The observation, and whether white space counts somewhere in it.

        elements: their number in the whole page. gaps: as in `etl.pages.page.Live`. kept_at: the
        place of a start tag that always stays, or -1. memo_bytes: bound of the remembered values.
        """
        cdef Piece kept
        cdef Piece *piece
        cdef size_t place, gap = 0
        cdef Py_ssize_t gap_at = gaps[0][0] if gaps else -1
        cdef bint was_literal = False
        if self.size > memo_bytes:
            self.names.clear()
            self.bytes = Arena()
            self.size = 0
        self.used = self.literal = self.hides = 0
        self.node = elements
        try:
            for place in range(tokens.entries.size()):
                piece = tokens.entries[place].piece
                if <Py_ssize_t> place == kept_at:
                    kept = piece[0]
                    piece = &kept
                    self.note(tokens, place, piece, True)
                elif piece.owner != self.id:
                    self.note(tokens, place, piece, False)
                self.write_token(tokens, place, piece)
                was_literal = was_literal or self.literal
                if <Py_ssize_t> place == gap_at:
                    self.node -= gaps[gap][1]
                    gap += 1
                    gap_at = gaps[gap][0] if gap < <size_t> len(gaps) else -1
            while self.opened.size():
                self.close(self.opened.back().tag)
        finally:
            while self.opened.size():
                self.opened.back().tag.opened = 0
                self.opened.pop_back()
        observation = to_str(View(self.out.data(), self.used))
        if self.out.size() > LARGE:
            self.out.clear()
            self.out.shrink_to_fit()
        return observation, was_literal

    cdef int write_token(self, Tokens tokens, size_t place, Piece *piece) except -1:
        cdef uint8_t op = piece.op
        if op == CLOSE:
            if piece.tag.opened:
                self.close(piece.tag)
        elif op != TEXT:
            self.node -= 1
            if op == COMPLETE or op == PAIR:
                self.complete(piece)
            else:
                self.open(piece)
        if self.hides or (piece.kind == START and piece.tag.dropped):
            return 0
        if self.literal:
            self.add_literal(tokens, place)
        elif piece.is_raw:
            self.add_asked(self.policy.text(tokens.token(place).text))
        elif piece.text:
            self.add(piece.note + piece.before + piece.after, piece.text)
        return 0

    cdef int add_literal(self, Tokens tokens, size_t place) except -1:
        """Add the text after a token where white space counts."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef const char *at = piece.at.data() + piece.rest
        cdef size_t size = piece.at.size() - piece.rest
        if piece.is_raw or not as_it_is(at, size):
            return self.add_asked(self.policy.literal_text(tokens.token(place).text))
        return self.add(at, size)

    cdef int complete(self, Piece *piece) except -1:
        """Write an element that ends with its start tag, if it stays."""
        if piece.before:
            self.add_tag(piece)
            if piece.op == PAIR:
                self.add_end(piece.tag)
                self.add_space()
        return 0

    cdef int open(self, Piece *piece) except -1:
        """Open an element, and write its start tag if it stays."""
        cdef Opened opened = Opened(piece.tag, self.used, 0, piece.op, piece.removable)
        if piece.op == OPEN:
            if piece.tag.literal and not self.literal:
                self.literal = self.opened.size() + 1
            self.add_tag(piece)
        elif piece.op == HIDE:
            self.hides += 1
        opened.end = self.used
        self.opened.push_back(opened)
        piece.tag.opened += 1
        return 0

    cdef int close(self, Tag *tag) except -1:
        """Close up to the innermost open element of a tag; there is one."""
        cdef Opened opened
        cdef bint written
        while True:
            opened = self.opened.back()
            self.opened.pop_back()
            opened.tag.opened -= 1
            written = opened.op == OPEN
            if opened.op == DROP or (opened.removable and opened.end == self.used):
                self.used = opened.begin
                written = False
            elif opened.op == HIDE:
                self.hides -= 1
            elif written:
                self.add_end(opened.tag)
            if self.literal > self.opened.size():
                self.literal = 0
            if written:
                self.add_space()
            if opened.tag == tag:
                return 0

    # ---- the output

    cdef inline char *room(self, size_t more) except NULL:
        """The end of the output, with room for more bytes."""
        if self.out.size() - self.used < more:
            self.out.resize(2 * (self.used + more) + 4096)
        return &self.out[self.used]

    cdef inline int add(self, const char *at, size_t size) except -1:
        memcpy(self.room(size), at, size)
        self.used += size
        return 0

    cdef int add_asked(self, str text) except -1:
        to_utf8(text, self.scratch)
        return self.add(self.scratch.data(), self.scratch.size())

    cdef int add_tag(self, Piece *piece) except -1:
        """Add a start tag with its node id."""
        cdef char *begin = self.room(piece.before + piece.after + 24)
        cdef char *at = begin
        memcpy(at, piece.note, piece.before)
        at = put_number(at + piece.before, self.node)
        memcpy(at, piece.note + piece.before, piece.after)
        self.used += at + piece.after - begin
        return self.add_space()

    cdef int add_end(self, Tag *tag) except -1:
        cdef size_t size = tag.name.size()
        cdef char *at = self.room(size + 3)
        memcpy(at, b"</", 2)
        memcpy(at + 2, tag.name.data(), size)
        at[size + 2] = c">"
        self.used += size + 3
        return 0

    cdef inline int add_space(self) except -1:
        """Add a space, except where white space counts."""
        if not self.literal:
            self.room(1)[0] = c" "
            self.used += 1
        return 0

    # ---- notes

    cdef int note(self, Tokens tokens, size_t place, Piece *piece, bint keep) except -1:
        """Note on a piece the text that it adds. keep: its element always stays."""
        cdef Tag *tag = piece.tag
        piece.owner = 0  # in case of an error below
        piece.before = piece.after = piece.text = 0
        piece.removable = False
        self.scratch.clear()
        if tag != NULL and tag.owner != self.id:
            self.judge(tag)
        if piece.kind == OTHER:
            piece.op = TEXT
        elif piece.kind == END:
            piece.op = CLOSE
        elif piece.kind == START and tag.dropped and not keep:
            piece.op = DROP
        elif tag.kept or keep:
            self.start_tag(piece, keep)
        elif piece.kind == EMPTY:
            piece.op = COMPLETE
        elif tag.template_ and not is_shadow_root(tokens.token(place)):
            piece.op = HIDE
        else:
            piece.op = UNWRAP
        if not piece.is_raw:
            self.add_text(piece)
        piece.note = tokens.reader.keep(self.scratch.data(), self.scratch.size()).data()
        piece.owner = self.id
        return 0

    cdef int judge(self, Tag *tag) except -1:
        """Ask the rules for a tag."""
        rule = self.policy.tag(to_str(tag.name))
        tag.kept = rule.kept
        tag.dropped = rule.dropped
        tag.kept_when_empty = rule.kept_when_empty
        tag.literal = rule.literal
        tag.template_ = rule.template
        tag.owner = self.id
        return 0

    cdef int add_text(self, Piece *piece) except -1:
        """Add the text of a piece to its note."""
        cdef size_t size = piece.at.size() - piece.rest, begin = self.scratch.size()
        cdef const char *at = piece.at.data() + piece.rest
        cdef string asked
        self.scratch.resize(begin + size + 1)
        cdef char *end = one_line(at, size, &self.scratch[begin])
        if end != NULL:
            self.scratch.resize(end - &self.scratch[0])
        else:
            self.scratch.resize(begin)
            to_utf8(self.policy.text(resolve(to_str(View(at, size)))), asked)
            self.scratch.append(asked)
        piece.text = <uint32_t> (self.scratch.size() - begin)
        return 0

    cdef int start_tag(self, Piece *piece, bint keep) except -1:
        """Note the start tag of an element that is kept."""
        cdef const char *last = NULL
        cdef Shown shown
        self.show(piece)
        self.scratch.assign(1, c"<")
        self.scratch.append(piece.tag.name.data(), piece.tag.name.size())
        piece.removable = not (keep or piece.tag.kept_when_empty)
        piece.op = OPEN if piece.kind == START else COMPLETE if piece.tag.is_void else PAIR
        for shown in self.shown:
            if shown.name.data() == last:
                continue  # the first of a name counts
            last = shown.name.data()
            self.scratch.append(shown.text.data(), shown.text.size())
            if last == self.node_name.data():
                piece.before = <uint32_t> self.scratch.size()
                self.scratch.append(1, c'"')
            elif shown.keeps and shown.text.size():
                piece.removable = False
        if piece.op == COMPLETE:
            self.scratch.append(1, c"/")
        self.scratch.append(1, c">")
        piece.after = <uint32_t> self.scratch.size() - piece.before
        if piece.removable and piece.kind == EMPTY:
            self.scratch.clear()
            piece.before = piece.after = 0
        return 0

    cdef int show(self, Piece *piece) except -1:
        """Collect the attributes that stay, in the order of their names, and the node id."""
        cdef bint closed
        cdef Attribute attribute
        cdef Name *name
        cdef View text
        cdef const char *at = piece.at.data()
        read_tag(at, at + piece.rest, self.attributes, &closed)
        self.shown.clear()
        self.shown.push_back(Shown(
            View(self.node_name.data(), self.node_name.size()),
            View(self.node_text.data(), self.node_text.size()),
            False,
        ))
        for attribute in self.attributes:
            name = self.name(attribute.name)
            if name.stays:
                text = self.value(name, attribute.value)
                self.shown.push_back(Shown(name.name, text, name.keeps))
        stable_sort(self.shown.begin(), self.shown.end(), is_before)
        return 0

    cdef Name *name(self, View written) except NULL:
        """An attribute's name, with its remembered rule and values."""
        cdef pair[View, Name] made
        cdef NameMap.iterator at
        written = lowered(written, self.scratch)
        at = self.names.find(written)
        if at == self.names.end():
            rule = self.policy.name(to_str(written))
            made.first = made.second.name = self.keep(written)
            made.second.stays = rule.may_stay
            made.second.keeps = rule.keeps_element
            at = self.names.insert(made).first
        return &dereference(at).second

    cdef View value(self, Name *name, View written) except *:
        """An attribute as a start tag holds it, after a space; empty if it goes."""
        cdef pair[View, View] made
        cdef unordered_map[View, View, Hash].iterator at = name.values.find(written)
        if at != name.values.end():
            return dereference(at).second
        text = self.policy.attribute(to_str(name.name), resolve_in_attribute(to_str(written)))
        to_utf8(text, self.scratch)
        made.second = self.keep(View(self.scratch.data(), self.scratch.size()))
        if written.size() <= LONGEST_VALUE:  # it may repeat
            made.first = self.keep(written)
            name.values.insert(made)
        return made.second

    cdef View keep(self, View text) except *:
        self.size += ENTRY_BYTES + text.size()
        return self.bytes.keep(text.data(), text.size())
