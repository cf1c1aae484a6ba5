# Writing: the text that each piece adds by the rules, and the page made of it.

cdef enum:  # the operations of pieces
    TEXT, OPEN, UNWRAP, HIDE, DROP, COMPLETE, PAIR, CLOSE

cdef enum:
    ENTRY_BYTES = 100  # about, of a remembered name or value, without its bytes
    LONGEST_VALUE = 512  # in bytes, of an attribute; longer ones hardly ever repeat
    LARGE = 1 << 25  # in bytes; the memory of a larger output is freed


cdef struct Name:  # of an attribute
    View at  # in lower case
    bint stays, keeps, words  # as in `etl.pages.rules.NameRule`
    size_t unjudged


cdef struct Shown:  # an attribute that stays
    View at  # as written, from its name to its value
    View name
    View text  # as in a start tag; empty if its value goes
    bint keeps


cdef struct Word:  # of an attribute that is a list of words
    View at
    bint reads  # as `etl.pages.rules.Policy.reads` has it


cdef struct Opened:  # an element; begin, end: of its start tag in the output
    Tag *tag
    size_t begin, end
    uint8_t op
    bint removable  # it goes if its content is empty


cdef uint32_t writers = 0  # made so far


cdef bint is_before(const Shown &one, const Shown &other) noexcept:
    return one.name < other.name


cdef class Writer:
    """Writes pages by an `etl.pages.rules.Policy`."""

    cdef object policy
    cdef uint32_t id
    cdef size_t longest_address
    cdef bytes node_name, node_text
    cdef Arena bytes  # of the three tables
    cdef Table[Name] names
    cdef Table[Shown] known
    cdef Table[Word] words
    cdef readonly size_t size  # about the number of bytes held of them
    cdef string scratch, value_scratch
    cdef Out out
    cdef vector[Attribute] attributes
    cdef vector[Shown] shown
    cdef vector[Opened] opened
    cdef Py_ssize_t node
    cdef size_t literal  # the depth of the element in which white space counts; 0 if none
    cdef size_t hides  # the number of open elements that hide text

    def __cinit__(self, policy):
        global writers
        writers += 1
        self.id, self.policy = writers, policy
        self.longest_address = policy.longest_address
        self.node_name, self.node_text = NODE.encode(), f'{NODE}="'.encode()

    def write(
        self, Tokens tokens not None, Py_ssize_t elements, list gaps not None, Py_ssize_t kept_at,
        size_t memo_bytes
    ):
        """The observation as UTF-8.

        elements: their number in the whole page. gaps: as in `etl.pages.page.Live`. kept_at: the
        place of a start tag that always stays, or -1. memo_bytes: bound of the remembered values.
        """
        cdef Piece kept, *piece
        cdef size_t place, gap = 1
        cdef Py_ssize_t gap_at, left_out
        cdef list after = [*gaps, (-1, 0)]
        cdef bint was_literal = False
        if self.size > memo_bytes:
            self.names, self.known, self.words = Table[Name](), Table[Shown](), Table[Word]()
            self.bytes = Arena()
            self.size = 0
        self.out.used = self.literal = self.hides = 0
        self.node = elements
        gap_at, left_out = after[0]
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
                    self.node -= left_out
                    gap_at, left_out = after[gap]
                    gap += 1
            while self.opened.size():
                self.close(self.opened.back().tag)
        finally:
            while self.opened.size():
                self.opened.back().tag.opened = 0
                self.opened.pop_back()
        if was_literal:
            self.collapse()
        observation = PyBytes_FromStringAndSize(self.out.data(), self.out.used)
        if self.out.used > LARGE:
            self.out = Out()
        return observation

    cdef int collapse(self) except -1:
        """Make the output one of single spaces, one at the end."""
        cdef const char *at, *end
        cdef char *out
        cdef size_t count
        cdef bint in_word = False
        self.out.add_byte(c" ")  # room for the last one
        out = self.out.begin()
        at, end = out, out + self.out.used - 1
        while at < end:
            count = CLASS[<uint8_t> at[0]] == SPACE
            if CLASS[<uint8_t> at[0]] == WIDE:
                count = wide_space(at, end)
            if count == 0:
                out[0] = at[0]
                out += 1
                at += 1
                in_word = True
            else:
                at += count
                if in_word:
                    out[0] = c" "
                    out += 1
                in_word = False
        if in_word:
            out[0] = c" "
            out += 1
        self.out.used = out - self.out.begin()
        return 0

    cdef int write_token(self, Tokens tokens, size_t place, Piece *piece) except -1:
        if piece.op == CLOSE:
            if piece.tag.opened:
                self.close(piece.tag)
        elif piece.op != TEXT:
            self.node -= 1
            if piece.op == COMPLETE or piece.op == PAIR:
                self.complete(piece)
            else:
                self.open(piece)
        if self.hides or (piece.kind == START and piece.tag.dropped):
            return 0
        if self.literal:
            self.add_literal(tokens, place)
        elif piece.is_raw:
            self.add_asked(self.policy.text(tokens.token(place).text))
        else:
            self.out.add(piece.note + piece.before + piece.after, piece.text)
        return 0

    cdef int add_literal(self, Tokens tokens, size_t place) except -1:
        """Add the text after a token where white space counts."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef const char *at = piece.at.data() + piece.rest
        cdef size_t size = piece.at.size() - piece.rest
        if piece.is_raw or not as_it_is(at, size):
            if not piece.is_raw and is_blank_text(at, size):
                return 0
            return self.add_asked(self.policy.literal_text(tokens.token(place).text))
        self.out.add(at, size)
        return 0

    cdef int complete(self, Piece *piece) except -1:
        """Write an element that ends with its start tag, if it stays."""
        if piece.before:
            self.add_tag(piece)
            if piece.op == PAIR:
                self.add_end(piece.tag)
        return 0

    cdef int open(self, Piece *piece) except -1:
        """Open an element, and write its start tag if it stays."""
        cdef Opened opened = Opened(piece.tag, self.out.used, 0, piece.op, piece.removable)
        if piece.op == OPEN:
            if piece.tag.literal and not self.literal:
                self.literal = self.opened.size() + 1
            self.add_tag(piece)
        elif piece.op == HIDE:
            self.hides += 1
        opened.end = self.out.used
        self.opened.push_back(opened)
        piece.tag.opened += 1
        return 0

    cdef int close(self, Tag *tag) except -1:
        """Close up to the innermost open element of a tag; there is one."""
        cdef Opened opened
        cdef bint goes
        while True:
            opened = self.opened.back()
            self.opened.pop_back()
            opened.tag.opened -= 1
            self.hides -= opened.op == HIDE
            if self.literal > self.opened.size():
                self.literal = 0
            goes = opened.removable and opened.end == self.out.used
            if goes or opened.op == DROP:
                self.out.used = opened.begin
            elif opened.op == OPEN:
                self.add_end(opened.tag)
            if opened.tag == tag:
                return 0

    # ---- the output

    cdef int add_asked(self, str text) except -1:
        added = to_utf8(text)
        self.out.add(<const char *> added, len(added))
        return 0

    cdef int add_tag(self, Piece *piece) except -1:
        """Add a start tag with its node id."""
        self.out.add(piece.note, piece.before)
        self.out.add_number(self.node)
        self.out.add(piece.note + piece.before, piece.after)
        return self.add_space()

    cdef int add_end(self, Tag *tag) except -1:
        self.out.add(b"</", 2)
        self.out.add(tag.at.data(), tag.at.size())
        self.out.add_byte(c">")
        return self.add_space()

    cdef inline int add_space(self) except -1:
        """Add a space, except where white space counts."""
        if not self.literal:
            self.out.add_byte(c" ")
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
        piece.note = tokens.reader.keep(View(self.scratch.data(), self.scratch.size())).data()
        piece.owner = self.id
        return 0

    cdef int judge(self, Tag *tag) except -1:
        """Ask the rules for a tag."""
        tag.kept, tag.dropped, tag.kept_when_empty, tag.literal, tag.template_, _ = (
            self.policy.tag(to_str(tag.at))
        )
        tag.owner = self.id
        return 0

    cdef int add_text(self, Piece *piece) except -1:
        """Add the text of a piece to its note."""
        cdef size_t size = piece.at.size() - piece.rest, begin = self.scratch.size()
        cdef const char *at = piece.at.data() + piece.rest
        self.scratch.resize(begin + size + 1)
        cdef char *end = one_line(at, size, &self.scratch[begin])
        if end != NULL:
            self.scratch.resize(end - &self.scratch[0])
        else:
            self.scratch.resize(begin)
            asked = to_utf8(self.policy.text(resolve(to_str(View(at, size)))))
            self.scratch.append(<const char *> asked, len(asked))
        piece.text = <uint32_t> (self.scratch.size() - begin)
        return 0

    cdef int start_tag(self, Piece *piece, bint keep) except -1:
        """Note the start tag of an element that is kept."""
        cdef const char *last = NULL
        cdef Shown shown
        self.show(piece)
        self.scratch.assign(1, c"<")
        self.scratch.append(piece.tag.at.data(), piece.tag.at.size())
        piece.removable = not (keep or piece.tag.kept_when_empty)
        piece.op = OPEN if piece.kind == START else COMPLETE if piece.tag.is_void else PAIR
        for shown in self.shown:
            if shown.name.data() == last:
                continue  # the first of a name counts
            last = shown.name.data()
            if shown.text.size():
                self.scratch.append(1, c" ")
                self.scratch.append(shown.text.data(), shown.text.size())
            if shown.name == view(self.node_name):
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
        cdef const char *at = piece.at.data()
        read_tag(at + 1, at + piece.rest, self.attributes, &closed)
        self.shown.clear()
        self.shown.push_back(Shown(View(), view(self.node_name), view(self.node_text), False))
        for attribute in self.attributes:
            name = self.name(attribute.name)
            if name.stays:
                self.shown.push_back(self.value(name, attribute))
        stable_sort(self.shown.begin(), self.shown.end(), is_before)
        return 0

    cdef Name *name(self, View written) except NULL:
        """An attribute's name with its rule."""
        cdef Name *name
        if not is_low(written):
            written = lowered(written, self.scratch)
        name = self.names.find(written)
        if name == NULL:
            rule = self.policy.name(to_str(written))
            name = self.names.add(self.keep(written))
            name.stays, name.keeps, name.words, name.unjudged = rule
        return name

    cdef Shown value(self, Name *name, Attribute attribute) except *:
        """An attribute whose name stays."""
        cdef const char *begin = attribute.name.data()
        cdef View value = attribute.value
        cdef View written = View(begin, value.data() + value.size() - begin)
        cdef Shown *known
        cdef Shown shown
        cdef bint plain = not name.words and self.stays_as_written(name, attribute)
        if plain and value.size() <= name.unjudged:
            return Shown(View(), name.at, View(begin, written.size() + 1), name.keeps)
        known = self.known.find(written)
        if known != NULL:
            return known[0]
        shown = Shown(View(), name.at, View(), name.keeps)
        if plain:
            if self.policy.reads(to_str(value)):
                shown.text = self.keep(View(begin, written.size() + 1))
        elif name.words and self.add_words(name, value):
            shown.text = self.keep(View(self.value_scratch.data(), self.value_scratch.size()))
        else:
            text = to_utf8(
                self.policy.attribute(to_str(name.at), resolve_in_attribute(to_str(value)))
            )
            shown.text = self.keep(View(<const char *> text + 1, len(text) - 1) if text else View())
        if written.size() <= LONGEST_VALUE:  # it may repeat
            known = self.known.add(self.keep(written))
            shown.at = known.at
            known[0] = shown
        return shown

    cdef bint stays_as_written(self, Name *name, Attribute attribute) noexcept:
        """Whether an attribute is written as the rules write it, if its value stays."""
        cdef View value = attribute.value
        cdef const char *begin = value.data()
        if name.unjudged == 0 or value.size() == 0 or not (attribute.name == name.at):
            return False
        if attribute.name.data() + attribute.name.size() + 2 != begin or (begin - 1)[0] != c'"':
            return False
        if value.size() == 4 and memcmp(begin, b"none", 4) == 0:
            return False
        if value.size() > self.longest_address and memchr(begin, c":", value.size()) != NULL:
            return False
        return is_plain(value)

    cdef bint add_words(self, Name *name, View value) except -1:
        """Write an attribute of the words that read like words; False if the rules must be asked.

        It is written to ``value_scratch``, which stays empty if no word stays.
        """
        cdef const char *at = value.data(), *end = at + value.size(), *begin
        cdef View text
        cdef Word *word
        self.value_scratch.clear()
        while True:
            while at < end and IN_VALUE[<uint8_t> at[0]] == SPACE:
                at += 1
            begin = at
            while at < end and IN_VALUE[<uint8_t> at[0]] == PLAIN:
                at += 1
            if at < end and IN_VALUE[<uint8_t> at[0]] == ASK:
                return False
            if at == begin:
                break
            text = View(begin, at - begin)
            word = self.words.find(text)
            if word == NULL:
                reads = self.policy.reads(to_str(text))
                word = self.words.add(self.keep(text))
                word.reads = reads
            if word.reads:
                if self.value_scratch.empty():
                    self.value_scratch.append(name.at.data(), name.at.size())
                    self.value_scratch.append(b'="', 2)
                else:
                    self.value_scratch.append(1, c" ")
                self.value_scratch.append(begin, at - begin)
        if not self.value_scratch.empty():
            self.value_scratch.append(1, c'"')
        return True

    cdef View keep(self, View text) except *:
        self.size += ENTRY_BYTES + text.size()
        return self.bytes.keep(text.data(), text.size())
