# Reading: the pieces that the engine remembers, and the pages made of them.

cdef enum:  # kinds, as in `etl.pages.tokens`
    OTHER, START, EMPTY, END

cdef enum:
    PIECE_BYTES = 200  # of a piece and its place in the table, without its bytes and its note
    TOKEN_BYTES = 600  # of a `Token` and its texts, without their characters
    LOOKED_AT = 8  # tokens of the page before among which a token is sought
    WHOLE_PAGE = 64  # tokens of a page that the next one may resemble; less are a start tag


cdef struct Piece:
    View at  # its bytes
    Piece *next  # the piece that followed it last time
    Tag *tag  # NULL: it is text alone
    const char *note  # of `owner`: its start tag `before` and `after` the node id, and its `text`
    uint32_t owner, before, after, text
    uint32_t rest  # the place of its text
    uint8_t kind
    bint is_raw  # its content is text up to its end tag
    bint refers  # there is a "&" in its tag
    uint8_t op  # its operation in `Writer`
    bint removable
    bint is_known
    uint32_t what  # its start tag is, as in `etl.pages.obstacles.outline`; if it is known
    uint32_t told_by  # the `Known` of the next four, and of the last four
    uint32_t number, told, shape
    int32_t more  # negative: not known yet
    uint32_t said_by, said_number  # of its text, in the `Known` of that id
    uint32_t said, bits, saying  # what its element said last, and the text, bits and name of it
    int32_t lent


cdef struct Entry:  # a token of a page; end: that of a raw element's content
    Piece *piece
    uint32_t start, end


cdef class Reader:
    """The remembered pieces, with the notes of the writers that used them last."""

    cdef Arena bytes
    cdef Table[Piece] pieces
    cdef Table[Tag] tags
    cdef dict tokens  # those made so far, by the address of their piece
    cdef Tokens before  # the page read before; the next one is often nearly the same
    cdef vector[Attribute] attributes
    cdef readonly size_t size  # about the number of bytes held

    def __cinit__(self):
        self.tokens = {}

    def __len__(self):
        return self.pieces.size()

    def close(self):
        """Forget the page read before, which holds the reader."""
        self.before = None

    cdef View keep(self, View text) except *:
        self.size += PIECE_BYTES + text.size()
        return self.bytes.keep(text.data(), text.size())

    cdef Tag *tag(self, View name) except NULL:
        """A tag by its name in lower case."""
        cdef Tag *tag = self.tags.find(name)
        if tag == NULL:
            text = to_str(name)
            tag = self.tags.add(self.keep(name))
            tag.is_void = text in VOID_TAGS
            tag.is_raw = text in RAW_TAGS
            tag.foreign = 1 if text == "svg" else 2 if text == "math" else 0
        return tag

    cdef Piece *text(self, const char *at, const char *end) except NULL:
        """A piece of text alone; that of a tag begins with "<" and a name."""
        cdef View text = View(at, end - at)
        cdef Piece *piece = self.pieces.find(text)
        return self.pieces.add(self.keep(text)) if piece == NULL else piece

    cdef Piece *markup(self, const char *at, const char *end) except? NULL:
        """The piece whose tag begins here; NULL if the page ends in the tag."""
        cdef const char *next = next_markup(at + 1, end), *rest, *name, *name_end
        cdef bint closed, ends = at[1] == c"/"
        cdef string small
        cdef Tag *tag
        cdef Piece *piece = self.pieces.find(View(at, next - at))
        if piece != NULL:
            return piece
        rest = read_tag(at + 1, end, self.attributes, &closed)
        if rest == NULL:
            return NULL
        if rest > next:  # there is a "<" in a value
            next = next_markup(rest, end)
            piece = self.pieces.find(View(at, next - at))
            if piece != NULL:
                return piece
        name = name_end = at + 1 + ends
        while not (is_blank(name_end[0]) or name_end[0] == c"/" or name_end[0] == c">"):
            name_end += 1
        tag = self.tag(lowered(View(name, name_end - name), small))
        piece = self.pieces.add(self.keep(View(at, next - at)))  # from here on nothing fails
        piece.tag = tag
        piece.rest = <uint32_t> (rest - at)
        piece.kind = END if ends else EMPTY if closed or tag.is_void else START
        piece.is_raw = piece.kind == START and tag.is_raw
        piece.refers = memchr(at, c"&", rest - at) != NULL
        return piece

    def read(self, bytes utf8 not None):
        """The tokens and flags of a `Page`; None if the engine is not made for the page."""
        cdef Tokens tokens = Tokens.__new__(Tokens)
        utf8 = with_lf(utf8)
        tokens.reader, tokens.source = self, utf8
        tokens.entries.reserve(len(utf8) // 64)
        if len(utf8) < 0xFFFFFFFF and self.read_into(tokens):
            if tokens.entries.size() >= WHOLE_PAGE:
                self.before = tokens
            return tokens, tokens.flags()

    cdef bint read_into(self, Tokens tokens) except -1:
        """Read a page; False if the engine is not made for it."""
        cdef const char *page = PyBytes_AS_STRING(tokens.source)
        cdef const char *end = page + PyBytes_GET_SIZE(tokens.source)
        cdef const char *at = next_markup(page, end), *begin
        cdef Piece first, *before = &first, *piece
        cdef Entry *guess = NULL  # the token of the page before that is likely to come
        cdef Entry *last = NULL
        if self.before is not None:
            guess = self.before.entries.data()
            last = guess + self.before.entries.size()
        first.next = NULL
        if at > page:
            tokens.entries.push_back(Entry(self.text(page, at), 0, 0))
        while at < end:  # at "<"
            if guess < last and guess.piece.tag != NULL and stands(guess.piece, at, end):
                piece = guess.piece
            elif before.next != NULL and stands(before.next, at, end):
                piece = before.next
            elif is_letter(at[1]) or (at[1] == c"/" and at + 2 < end and is_letter(at[2])):
                piece = before.next = self.markup(at, end)
                if piece == NULL:
                    return True  # the page ends in a tag, which says nothing
            else:
                if at[1] == c"/" and at[2] == c">":
                    return False  # it says nothing, and the text goes on
                if tokens.in_foreign() and end - at >= 9 and memcmp(at, b"<![CDATA[", 9) == 0:
                    return False
                begin = after_comment(at + 1, end)
                if begin == NULL and at[1] == c"?":
                    return True  # as the specification has it, which makes no token of this one
                at = end if begin == NULL else begin
                piece = self.text(at, next_markup(at, end))
            tokens.entries.push_back(Entry(piece, <uint32_t> (at - page), 0))
            guess = after_piece(piece, guess, last)
            before = piece
            at += piece.at.size()
            if piece.is_raw:
                begin = at - piece.at.size() + piece.rest
                at = end_of_raw(at, end, piece.tag.at)
                if tokens.in_foreign() and memchr(begin, c"<", at - begin) != NULL:
                    return False  # there is markup that may count
                tokens.entries.back().end = at - page
            elif piece.tag != NULL and piece.tag.foreign:
                tokens.enter(piece)
        return True


cdef inline Entry *after_piece(const Piece *piece, Entry *guess, Entry *last) noexcept:
    """The token after a piece, which is sought from a token on; that token if it is not found."""
    cdef Entry *entry = guess
    cdef Entry *end = guess + LOOKED_AT if last - guess > LOOKED_AT else last
    while entry < end:
        if entry.piece == piece:
            return entry + 1
        entry += 1
    return guess


cdef inline bint stands(Piece *piece, const char *at, const char *end) noexcept:
    """Whether exactly this piece of a tag stands here."""
    cdef size_t size = piece.at.size()
    cdef const char *next = at + size
    if next > end or memcmp(piece.at.data(), at, size) != 0:
        return False
    # "</" is text where the page ends, and else markup.
    return next == end or (
        next[0] == c"<" and begins_markup(next, end) and memcmp(next - 2, b"</", 2) != 0
    )


cdef struct Around:  # an open element: its index, that of its last child, the number of children
    Py_ssize_t element, last
    uint64_t children
    Tag *tag


cdef enum:  # what is seen of a page, as in `etl.pages.obstacles.outline`
    LINK = 1
    BUTTON = 2
    TITLE = 4
    HEAD = 8
    AWAY = 16
    GONE = 32
    FRAME = 64
    SHOWN_TEXT = 128
    CONTROL = 256
    FIELD = 512
    MEDIA = 1024
    BROWSER = 2048
    WIDGET = 4096
    ASIDE = LINK | BUTTON | AWAY | HEAD
    CARRIED = LINK | BUTTON | TITLE | HEAD | AWAY | GONE | FRAME
    COUNTED = LINK | BUTTON | CONTROL | FIELD | MEDIA | WIDGET
    ENDED = HEAD | BUTTON


cdef extern from *:
    """
    /* Whether a start tag has a word by which `etl.pages.obstacles.outline.kind_of` tells more than
       by the tag's name: in any case, and as if anything could be written with references. */
    static bool stepmill_tells(const char *at, size_t size) {
        static const char *const words[] = {
            "hidden", "none", "background", "border", "captcha", "turnstile", "challenge", "cf_chl",
            "arkose", "geetest", "errorpage", "main-frame-error", "neterror"};
        for (const char *end = at + size; at < end; at++) {
            switch (*at | 32) {
            case '&': if (*at == '&') return true; break;
            case 'h': case 'n': case 'b': case 'c': case 't': case 'a': case 'g': case 'e': case 'm':
                for (const char *word : words) {
                    const char *letter = at;
                    if ((*at | 32) != *word) continue;
                    while (*word && letter < end
                           && (*letter == *word || (*letter | 32) == *word)) letter++, word++;
                    if (!*word) return true;
                }
            }
        }
        return false;
    }
    """
    bint stepmill_tells(const char *at, size_t size)


cdef struct OpenSeen:  # an open element: what it and those around it are
    Tag *tag
    uint32_t what


cdef inline bint is_space(const char *at, size_t size) except -1:
    """Whether a text has nothing but white space, as `str.isspace` has it, or is empty."""
    cdef const char *end = at + size
    while at < end and (c"\t" <= at[0] <= c"\r" or c"\x1c" <= at[0] <= c" "):
        at += 1
    return at == end or (at[0] & 0x80 != 0 and to_str(View(at, end - at)).isspace())


cdef size_t at_least_shown(const char *at, size_t size) noexcept:
    """At least so many characters and words a text has; words with references are left out."""
    cdef const char *end = at + size
    cdef size_t count = 0
    cdef size_t word = 0
    cdef bint certain = True
    while at < end:
        if CLASS[<uint8_t> at[0]] == SPACE:
            count += word + 1 if word and certain else 0
            word, certain = 0, True
        elif CLASS[<uint8_t> at[0]] == PLAIN:
            word += (at[0] & 0xC0) != 0x80
        else:
            certain = False
        at += 1
    return count + (word + 1 if word and certain else 0)


cdef class Tokens:
    """The tokens of a page: a sequence that makes each token when it is used."""

    cdef Reader reader
    cdef bytes source
    cdef vector[Entry] entries
    cdef Py_ssize_t depths[3]  # of svg [1] and math [2]: at most the number of open ones

    cdef bint in_foreign(self) noexcept:
        """Whether SVG or MathML may be open; one that is never closed counts to the end."""
        return self.depths[1] > 0 or self.depths[2] > 0

    def same(self, Tokens other not None):
        """Whether they are those of the same page, as written."""
        return self.entries.size() == other.entries.size() and self.source == other.source

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
        cdef const char *at = piece.at.data()
        if piece.tag == NULL:
            return Token(OTHER, "", "", to_str(piece.at))
        name = to_str(piece.tag.at)
        markup = to_str(View(at, piece.rest)) if is_element(piece) else ""
        at += piece.rest
        if not piece.is_raw:
            return Token(piece.kind, name, markup, to_str(View(at, piece.at.size() - piece.rest)))
        at = PyBytes_AS_STRING(self.source) + entry.start + piece.rest
        text = to_str(View(at, entry.end - entry.start - piece.rest))
        text = text.replace("\0", "\ufffd")  # the standard's rule for raw text
        return Token(START, name, markup, text, name not in REFERENCE_TAGS)

    def having(self, str tag not None, str text not None, size_t most):
        """`etl.pages.Page.having`."""
        cdef bytes name = to_utf8(tag), wanted = to_utf8(text)
        cdef Piece *piece
        cdef size_t place
        cdef Py_ssize_t element = -1
        cdef const char *at
        cdef list elements = []
        for place in range(self.entries.size()):
            piece = self.entries[place].piece
            if not is_element(piece):
                continue
            element += 1
            if not (name == b"" or view(name) == piece.tag.at):
                continue
            at = piece.at.data()
            if (
                memmem(at, piece.rest, <const char *> wanted, len(wanted)) != NULL
                or piece.refers
            ):
                elements.append((element, self.token(place)))
                if most and <size_t> len(elements) == most:
                    break
        return elements

    def with_attribute(self, str name not None, str value not None):
        """`etl.pages.Page.with_attribute`."""
        cdef bytes written = to_utf8(value), attribute = to_utf8(name)
        cdef bint everywhere = "\ufffd" in value or value == ""
        cdef Entry entry
        cdef Py_ssize_t element = -1
        cdef const char *at
        cdef list elements = []
        for entry in self.entries:
            if not is_element(entry.piece):
                continue
            element += 1
            at = entry.piece.at.data()
            if (
                everywhere
                or memmem(at, entry.piece.rest, <const char *> written, len(written)) != NULL
                or entry.piece.refers
            ) and self.has(entry.piece, view(attribute), view(written), value):
                elements.append(element)
        return elements

    cdef bint has(self, const Piece *piece, View name, View written, str value) except -1:
        """Whether an attribute has a value. written: the value as UTF-8."""
        cdef bint closed
        cdef Attribute attribute
        cdef string small
        cdef const char *at = piece.at.data()
        read_tag(at + 1, at + piece.rest, self.reader.attributes, &closed)
        for attribute in self.reader.attributes:
            if not (lowered(attribute.name, small) == name):
                continue
            at, size = attribute.value.data(), attribute.value.size()
            if memchr(at, c"&", size) == NULL and memchr(at, 0, size) == NULL:
                return attribute.value == written
            return resolve_in_attribute(to_str(attribute.value)) == value
        return False

    def places(self, tuple tags not None):
        """`etl.pages.Page.places`."""
        cdef vector[const Tag *] wanted
        cdef size_t place
        cdef const Tag *tag
        cdef list places = []
        for text in tags:
            name = to_utf8(text)
            wanted.push_back(self.reader.tag(view(name)))
        for place in range(self.entries.size()):
            if self.entries[place].piece.kind != EMPTY:
                for tag in wanted:
                    if tag == self.entries[place].piece.tag:
                        places.append(place)
        return places

    cdef int know(self, Piece *piece, size_t place, kind_of) except -1:
        """Note what an element is; one without a word that tells is what its tag is."""
        if stepmill_tells(piece.at.data(), piece.rest):
            piece.what = kind_of(self.token(place))
        else:
            if not piece.tag.is_known:
                name = to_str(piece.tag.at)
                piece.tag.what = kind_of(Token(START, name, f"<{name}>"))
                piece.tag.is_known = True
            piece.what = piece.tag.what
        piece.is_known = True
        return 0

    def outline(self, kind_of, size_t prose, size_t characters, size_t links):
        """`etl.pages.obstacles.outline`; None where a page shows more than this for certain.

        Counted is less than what it shows: no word with a character that may be written otherwise,
        and no field.
        """
        cdef vector[OpenSeen] opened
        cdef size_t place, said = 0, told = 0, linked = 0, size, each
        cdef uint32_t around, what
        cdef const char *at
        cdef Piece *piece
        cdef Tag *tag
        cdef list seen = []
        opened.push_back(OpenSeen(NULL, 0))
        try:
            for place in range(self.entries.size()):
                piece = self.entries[place].piece
                around = opened.back().what
                if is_element(piece):
                    if not piece.is_known:
                        self.know(piece, place, kind_of)
                    what = piece.what | (around & GONE)
                    if around & FRAME:
                        what &= ~<uint32_t> BROWSER
                    if what & BROWSER or (what & COUNTED and not what & GONE):
                        seen.append((place, what))
                        linked += what & (LINK | CONTROL) != 0 and not what & GONE
                        if linked > links:
                            return None
                    if piece.kind == START:
                        piece.tag.opened += 1
                        around |= GONE if what & GONE else what & CARRIED
                        opened.push_back(OpenSeen(piece.tag, around))
                elif piece.kind == END and piece.tag.opened:
                    tag = NULL
                    while tag != piece.tag:
                        tag = opened.back().tag
                        tag.opened -= 1
                        opened.pop_back()
                    what = around & ~opened.back().what & ENDED
                    if what:
                        seen.append((-1, what))
                    around = opened.back().what
                at = piece.at.data() + piece.rest
                size = piece.at.size() - piece.rest
                if piece.is_raw:
                    at = PyBytes_AS_STRING(self.source) + self.entries[place].start + piece.rest
                    size = self.entries[place].end - self.entries[place].start - piece.rest
                if not size or (around & GONE and not around & TITLE) or is_space(at, size):
                    continue
                if piece.is_raw:
                    if self.token(place).hides_text:
                        continue
                else:
                    each = 0 if around & TITLE else at_least_shown(at, size)
                    told += each
                    said += 0 if around & ASIDE else each
                    if said > prose or told > characters:
                        return None
                seen.append((place, around | SHOWN_TEXT))
            return seen
        finally:
            while opened.size() > 1:
                opened.back().tag.opened = 0
                opened.pop_back()

    def without(self, list gaps not None):
        """The tokens and flags of the page without inert content."""
        cdef Tokens made = Tokens.__new__(Tokens)
        cdef size_t place = 0, opener, end
        cdef Entry entry
        cdef const char *begin
        made.reader, made.source = self.reader, self.source
        for opener, end, _, _ in [*gaps, (len(self), 0, 0, 0)]:
            made.entries.insert(
                made.entries.end(), self.entries.begin() + place, self.entries.begin() + opener
            )
            if opener < self.entries.size():  # its text is left out
                entry = self.entries[opener]
                begin = entry.piece.at.data()
                entry.piece = self.reader.markup(begin, begin + entry.piece.rest)
                made.entries.push_back(entry)
            place = end
        return made, made.flags()

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
