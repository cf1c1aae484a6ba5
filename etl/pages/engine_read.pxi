# Reading: the pieces that the engine remembers, and the pages made of them.

cdef enum:  # kinds, as in `etl.pages.tokens`
    OTHER, START, EMPTY, END

cdef enum:
    PIECE_BYTES = 160  # of a piece and its place in the table, without its bytes and its note
    TOKEN_BYTES = 600  # of a `Token` and its texts, without their characters


cdef struct Piece:
    View at  # its bytes after the "<"
    Piece *next  # the piece that followed it last time
    Tag *tag  # NULL: it is text alone
    const char *note  # of `owner`: its start tag `before` and `after` the node id, and its `text`
    uint32_t owner, before, after, text
    uint32_t rest  # the place of its text
    uint8_t kind
    bint is_raw  # its content is text up to its end tag
    uint8_t op  # its operation in `Writer`
    bint removable


cdef struct Entry:  # a token of a page; end: that of a raw element's content
    Piece *piece
    uint32_t start, end


ctypedef unordered_map[View, Tag, Hash] TagMap


cdef class Reader:
    """The remembered pieces, with the notes of the writers that used them last."""

    cdef Arena bytes
    cdef deque[Piece] all
    cdef Table[Piece] pieces, texts
    cdef TagMap tags
    cdef dict tokens  # those made so far, by the address of their piece
    cdef vector[Attribute] attributes
    cdef vector[Entry] entries  # memory of the page that is being read
    cdef readonly size_t size  # about the number of bytes held

    def __cinit__(self):
        self.tokens = {}

    def __len__(self):
        return self.all.size()

    cdef View keep(self, const char *at, size_t size) except *:
        self.size += size
        return self.bytes.keep(at, size)

    cdef Tag *tag(self, View name) except NULL:
        """A tag by its name in lower case."""
        cdef pair[View, Tag] made
        cdef TagMap.iterator at = self.tags.find(name)
        if at == self.tags.end():
            text = to_str(name)
            made.first = made.second.name = self.keep(name.data(), name.size())
            made.second.is_void = text in VOID_TAGS
            made.second.is_raw = text in RAW_TAGS
            made.second.foreign = 1 if text == "svg" else 2 if text == "math" else 0
            at = self.tags.insert(made).first
            self.size += PIECE_BYTES
        return &dereference(at).second

    cdef Piece *add(self, Table[Piece] &pieces, const char *at, const char *end) except NULL:
        """Remember a piece."""
        self.all.resize(self.all.size() + 1)
        self.all.back().at = self.keep(at, end - at)
        pieces.add(&self.all.back())
        self.size += PIECE_BYTES
        return &self.all.back()

    cdef Piece *text(self, const char *at, const char *end) except NULL:
        """A piece of text alone."""
        cdef Piece *piece = self.texts.find(View(at, end - at))
        return self.add(self.texts, at, end) if piece == NULL else piece

    cdef Piece *markup(self, const char *at, const char *end) except? NULL:
        """The piece whose tag begins after a "<"; NULL if the page ends in the tag."""
        cdef const char *next = next_markup(at, end)
        cdef const char *rest
        cdef bint closed
        cdef Piece *piece = self.pieces.find(View(at, next - at))
        if piece != NULL:
            return piece
        rest = read_tag(at, end, self.attributes, &closed)
        if rest == NULL:
            return NULL
        if rest > next:  # there is a "<" in a value
            next = next_markup(rest, end)
            piece = self.pieces.find(View(at, next - at))
        return self.add_tag(at, rest, next, closed) if piece == NULL else piece

    cdef Piece *add_tag(
        self, const char *at, const char *rest, const char *end, bint closed
    ) except NULL:
        """Remember the piece of a tag. rest: the place of its text. closed: it ends with "/>"."""
        cdef bint ends = at[0] == c"/"
        cdef const char *name = at + ends
        cdef const char *name_end = name
        cdef string small
        cdef Tag *tag
        cdef Piece *piece
        while not (is_blank(name_end[0]) or name_end[0] == c"/" or name_end[0] == c">"):
            name_end += 1
        tag = self.tag(lowered(View(name, name_end - name), small))
        piece = self.add(self.pieces, at, end)
        piece.tag = tag
        piece.rest = <uint32_t> (rest - at)
        piece.kind = END if ends else EMPTY if closed or tag.is_void else START
        piece.is_raw = piece.kind == START and tag.is_raw
        return piece

    cdef Piece *alone(self, Piece *piece) except NULL:
        """A start tag without its text."""
        cdef const char *at = piece.at.data()
        cdef Piece *alone = self.pieces.find(View(at, piece.rest))
        if alone == NULL:
            return self.add_tag(at, at + piece.rest, at + piece.rest, False)
        return alone

    def read(self, str html not None, bytes utf8=None):
        """The tokens and flags of a `Page`; None if the engine is not made for the page.

        utf8: of the page, if it is at hand.
        """
        cdef Tokens tokens = Tokens.__new__(Tokens)
        tokens.reader = self
        if utf8 is None and PyUnicode_IS_ASCII(html) and "\r" not in html:
            tokens.source = html
            tokens.page = <const char *> PyUnicode_DATA(html)
            tokens.size = PyUnicode_GET_LENGTH(html)
        else:
            utf8 = to_bytes(html) if utf8 is None else utf8
            if b"\r" in utf8:
                utf8 = utf8.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            tokens.source = utf8
            tokens.page = PyBytes_AS_STRING(utf8)
            tokens.size = PyBytes_GET_SIZE(utf8)
        if tokens.size >= 0xFFFFFFFF:
            return None
        tokens.entries.swap(self.entries)
        whole = self.read_into(tokens)
        tokens.entries.swap(self.entries)
        tokens.entries.assign(self.entries.begin(), self.entries.end())
        self.entries.clear()
        return (tokens, tokens.flags()) if whole else None

    cdef bint read_into(self, Tokens tokens) except -1:
        """Read a page; False if the engine is not made for it."""
        cdef const char *page = tokens.page
        cdef const char *end = page + tokens.size
        cdef const char *at = next_markup(page, end)
        cdef const char *begin
        cdef Piece *piece
        cdef Piece *before = NULL
        if at > page:
            before = self.text(page, at)
            tokens.add(before, 0, 0)
        while at < end:  # at "<"
            at += 1
            if before != NULL and before.next != NULL and stands(before.next, at, end):
                piece = before.next
            elif is_letter(at[0]) or (at[0] == c"/" and at + 1 < end and is_letter(at[1])):
                piece = self.markup(at, end)
                if piece == NULL:
                    return True  # the page ends in a tag, which says nothing
                if before != NULL:
                    before.next = piece
            else:
                if at[0] == c"/" and at[1] == c">":
                    return False  # it says nothing, and the text goes on
                if tokens.in_foreign() and end - at >= 8 and memcmp(at, b"![CDATA[", 8) == 0:
                    return False
                begin = at
                at = after_comment(begin, end)
                if at == NULL:
                    if begin[0] == c"?":
                        return True
                    at = end
                piece = self.text(at, next_markup(at, end))
            tokens.add(piece, at - page, 0)
            before = piece
            at += piece.at.size()
            if piece.is_raw:
                begin = at - piece.at.size() + piece.rest
                at = end_of_raw(at, end, piece.tag.name)
                if tokens.in_foreign() and memchr(begin, c"<", at - begin) != NULL:
                    return False  # there is markup that may count
                tokens.entries.back().end = at - page
            elif piece.tag != NULL and piece.tag.foreign:
                tokens.enter(piece)
        return True


cdef inline bint stands(Piece *piece, const char *at, const char *end) noexcept:
    """Whether exactly this piece stands here."""
    cdef size_t size = piece.at.size()
    cdef const char *next = at + size
    if next > end or not (next == end or (next[0] == c"<" and begins_markup(next, end))):
        return False
    return memcmp(piece.at.data(), at, size) == 0


cdef struct Around:  # an open element: its index, that of its last child, the number of children
    Py_ssize_t element, last
    uint64_t children
    Tag *tag


cdef class Tokens:
    """The tokens of a page: a sequence that makes each token when it is used."""

    cdef Reader reader
    cdef object source
    cdef const char *page
    cdef size_t size
    cdef vector[Entry] entries
    cdef Py_ssize_t depths[3]  # of svg [1] and math [2]: at most the number of open ones

    cdef inline int add(self, Piece *piece, size_t start, size_t end) except -1:
        self.entries.push_back(Entry(piece, <uint32_t> start, <uint32_t> end))
        return 0

    cdef bint in_foreign(self) noexcept:
        """Whether SVG or MathML may be open; one that is never closed counts to the end."""
        return self.depths[1] > 0 or self.depths[2] > 0

    cdef void enter(self, Piece *piece) noexcept:
        cdef Py_ssize_t *depth = &self.depths[piece.tag.foreign]
        if piece.kind == START:
            depth[0] += 1
        elif piece.kind == END and depth[0]:
            depth[0] -= 1

    cdef bytes flags(self):
        cdef bytes flags = PyBytes_FromStringAndSize(NULL, self.entries.size())
        cdef char *flag = PyBytes_AS_STRING(flags)
        cdef size_t place
        for place in range(self.entries.size()):
            flag[place] = is_element(self.entries[place].piece)
        return flags

    def __len__(self):
        return self.entries.size()

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self.token(place) for place in range(*at.indices(len(self)))]
        place = at + len(self) if at < 0 else at
        if not 0 <= place < len(self):
            raise IndexError(at)
        return self.token(place)

    def __iter__(self):
        cdef size_t place
        for place in range(self.entries.size()):
            yield self.token(place)

    cdef object token(self, size_t place):
        cdef Entry *entry = &self.entries[place]
        cdef Piece *piece = entry.piece
        token = self.reader.tokens.get(<size_t> piece)
        if token is None or piece.is_raw:
            token = self.make(entry)
            if not piece.is_raw:
                self.reader.tokens[<size_t> piece] = token
                self.reader.size += TOKEN_BYTES + 2 * piece.at.size()
        return token

    cdef object make(self, Entry *entry):
        cdef Piece *piece = entry.piece
        cdef const char *at = self.page + entry.start
        cdef const char *next = at + piece.at.size()
        if piece.tag == NULL:
            return Token(OTHER, "", "", to_str(piece.at))
        name = to_str(piece.tag.name)
        markup = to_str(View(at - 1, piece.rest + 1)) if is_element(piece) else ""
        at += piece.rest
        if not piece.is_raw:
            return Token(piece.kind, name, markup, to_str(View(at, next - at)))
        content = to_str(View(at, self.page + entry.end - at))
        content = content.replace("\0", "\ufffd")  # the standard's rule for raw text
        return Token(START, name, markup, content, name not in REFERENCE_TAGS)

    def having(self, str tag not None, str text not None):
        """`etl.pages.Page.having`."""
        cdef string name, wanted
        cdef Piece *piece
        cdef size_t place
        cdef Py_ssize_t element = -1
        cdef const char *at
        cdef list elements = []
        to_utf8(tag, name)
        to_utf8(text, wanted)
        for place in range(self.entries.size()):
            piece = self.entries[place].piece
            if not is_element(piece):
                continue
            element += 1
            if not (name.empty() or View(name.data(), name.size()) == piece.tag.name):
                continue
            at = self.page + self.entries[place].start
            if (
                memmem(at, piece.rest, wanted.data(), wanted.size()) != NULL
                or memchr(at, c"&", piece.rest) != NULL
            ):
                elements.append((element, self.token(place)))
        return elements

    def places(self, tuple tags not None):
        """`etl.pages.Page.places`."""
        cdef vector[const Tag *] wanted
        cdef string name
        cdef size_t place
        cdef const Tag *tag
        cdef list places = []
        for text in tags:
            to_utf8(text, name)
            wanted.push_back(self.reader.tag(View(name.data(), name.size())))
        for place in range(self.entries.size()):
            if self.entries[place].piece.kind != EMPTY:
                for tag in wanted:
                    if tag == self.entries[place].piece.tag:
                        places.append(place)
        return places

    def without(self, list gaps not None):
        """The tokens and flags of the page without inert content."""
        cdef Tokens made = Tokens.__new__(Tokens)
        cdef size_t place = 0, opener, end
        made.reader, made.source, made.page, made.size = (
            self.reader, self.source, self.page, self.size
        )
        for opener, end, _, _ in gaps:
            made.take(self, place, opener)
            made.add(self.reader.alone(self.entries[opener].piece), self.entries[opener].start, 0)
            place = end
        made.take(self, place, self.entries.size())
        return made, made.flags()

    cdef int take(self, Tokens other, size_t place, size_t end) except -1:
        """Add tokens of another page that the same reader has read."""
        for place in range(place, end):
            self.entries.push_back(other.entries[place])
        return 0

    def kin(self):
        """The fields of `etl.pages.locators.kin.Kin`."""
        cdef vector[Around] opened
        cdef Around *parent
        cdef Piece *piece
        cdef Tag *tag
        cdef size_t place
        cdef Py_ssize_t element = 0
        cdef uint64_t around = 0, beside = 0
        cdef list parents = [], before = []
        opened.push_back(Around(-1, -1, 0, NULL))
        try:
            for place in range(self.entries.size()):
                piece = self.entries[place].piece
                if is_element(piece):
                    parent = &opened.back()
                    around += opened.size()
                    beside += parent.children
                    parents.append(parent.element)
                    before.append(parent.last)
                    parent.last = element
                    parent.children += 1
                    if piece.kind == START:
                        opened.push_back(Around(element, -1, 0, piece.tag))
                        piece.tag.opened += 1
                    element += 1
                elif piece.kind == END and piece.tag.opened:
                    tag = NULL
                    while tag != piece.tag:
                        tag = opened.back().tag
                        tag.opened -= 1
                        opened.pop_back()
        finally:
            while opened.size() > 1:
                opened.back().tag.opened = 0
                opened.pop_back()
        return parents, before, around, beside


cdef inline bint is_element(const Piece *piece) noexcept:
    return piece.kind == START or piece.kind == EMPTY
