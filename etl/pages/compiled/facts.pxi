# What a start tag says of its element: `etl.pages.compact.facts` has it in plain Python.

cdef enum:  # as in `etl.pages.compact.tables`; GOES: `GONE`, HIDES: `HIDDEN`, FILLED: `FIELD`
    GOES = 1
    HIDES = 2
    INLINE = 4
    ACTS = 8
    SAYS = 16
    TYPED = 32
    DRAWN = 64
    CALLED = 128
    FILLED = 256

cdef enum:  # how much an element matters: `CONTROL` and the like, as there
    OF_CONTROL = 90
    OF_WIDGET = 80
    OF_LINK = 70
    OF_DISABLED = 65
    OF_CHOICE = 50
    OF_HEADING = 60
    OF_TEXT = 40
    OF_PICTURE = 30
    OF_NEVER = -500


cdef enum:  # attributes that are looked at by name; the others come after them
    A_TYPE, A_ROLE, A_HIDDEN, A_STYLE, A_VALUE, A_DISABLED, A_EDITABLE, A_TABINDEX, A_NAME, A_CLASS

cdef list ATTRIBUTES = [
    "type", "role", "hidden", "style", "value", "disabled", "contenteditable", "tabindex", "name",
    "class",
]


cdef enum:
    LENGTHS = 32  # longer than any name that is looked at


cdef struct TagSays:  # `etl.pages.compact.tables.TagRule`
    View at  # the tag
    uint32_t kind
    int64_t matters
    bint is_heading, says, shows_value
    string role


cdef struct Looked:  # an attribute that is looked at
    View at  # its name in lower case
    uint32_t number
    bint tells  # it is among `etl.pages.compact.tables.LOOKED_AT`
    bint handles  # and among `HANDLERS` there


cdef struct Given:  # an attribute of a start tag
    Looked *name  # NULL: it is looked at since it begins with "on"
    View value  # as written


cdef struct Fact:  # `etl.pages.compact.facts.Facts`
    uint32_t kind
    int64_t matters
    string head, state
    vector[string] names
    bint is_format, is_pressed  # as in `etl.pages.compact.forms`


cdef class StartTags:
    """Reads what start tags say. tables, facts: the modules of `etl.pages.compact`."""

    cdef object rule_of, written_in_python, is_hashed_in_python
    cdef int64_t most  # characters of a value
    cdef Arena bytes  # of the keys of both tables
    cdef Table[TagSays] rules
    cdef Table[Looked] looked
    cdef vector[string] names  # of the attributes that are looked at, by number
    cdef uint64_t firsts[LENGTHS]  # the first letters of theirs, by length
    cdef unordered_set[string] roles, nothing, formats, pressed
    cdef vector[uint32_t] texts, flags, states, told_if_false, ids_by, addresses  # numbers
    cdef vector[Attribute] attributes
    cdef vector[Given] given  # of the start tag read last
    cdef vector[int32_t] places  # by number of an attribute: its place in ``given``, or -1
    cdef string small, room, one

    def __cinit__(self, int64_t most, tables, facts):
        self.most = most
        self.rule_of = tables.tag_rule
        self.written_in_python, self.is_hashed_in_python = facts.written, facts.is_hashed
        self.roles, self.nothing = all_of(tables.ROLES), all_of(tables.NOTHING)
        self.formats, self.pressed = all_of(tables.FORMATS), all_of(tables.PRESSED)
        self.numbers(ATTRIBUTES)
        self.texts, self.flags = self.numbers(tables.TEXTS), self.numbers(tables.FLAGS)
        self.states = self.numbers(tables.STATES)
        self.told_if_false = self.numbers(tables.TOLD_IF_FALSE)
        self.ids_by, self.addresses = self.numbers(tables.IDS_BY), self.numbers(tables.ADDRESSES)
        for name in tables.LOOKED_AT:
            self.look_at(to_utf8(name)).tells = True
        for name in tables.HANDLERS:
            self.look_at(to_utf8(name)).handles = True

    cdef vector[uint32_t] numbers(self, names) except *:
        cdef vector[uint32_t] found
        for name in names:
            found.push_back(self.look_at(to_utf8(name)).number)
        return found

    cdef Looked *look_at(self, bytes name) except NULL:
        """An attribute that is looked at from now on, if it was not before."""
        cdef Looked *looked = self.looked.find(view(name))
        if looked == NULL:
            looked = self.looked.add(self.bytes.keep(name, len(name)))
            looked.number = <uint32_t> self.names.size()
            self.firsts[len(name)] |= <uint64_t> 1 << (name[0] & 63)
            self.names.push_back(name)
            self.places.push_back(-1)
        return looked

    cdef TagSays *rule(self, Tag *tag) except NULL:
        cdef TagSays *says = self.rules.find(tag.at)
        if says == NULL:
            kind, matters, is_heading, always, shows_value, role = self.rule_of(to_str(tag.at))
            says = self.rules.add(self.bytes.keep(tag.at.data(), tag.at.size()))
            says.kind, says.matters, says.is_heading = kind, matters, is_heading
            says.says, says.shows_value, says.role = always, shows_value, to_utf8(role)
        return says

    cdef int fact(self, Tokens tokens, size_t place, Fact &fact) except -1:
        """`etl.pages.compact.facts.facts_of`, of the start tag read last."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef TagSays *rule = self.rule(piece.tag)
        cdef View tag = piece.tag.at
        cdef bint is_input = tag == View(b"input", 5), is_hidden_field
        cdef string role, type_
        cdef Given *given
        fact.head.assign(tag.data(), tag.size())
        fact.state.clear()
        fact.names.clear()
        fact.kind, fact.matters = GOES, 0
        fact.is_format = fact.is_pressed = False
        if rule.kind & GOES and not (
            tag == View(b"template", 8) and is_shadow_root(tokens.token(place))
        ):
            return 0
        fact.kind = rule.kind & ~<uint32_t> GOES
        given = self.find(A_TYPE)
        if is_input and given != NULL:
            self.lower_value(given, type_)
        given = self.find(A_ROLE)
        if given != NULL:
            self.lower_value(given, role)
        is_hidden_field = view_of(type_) == View(b"hidden", 6)
        if self.hides(is_hidden_field):
            fact.kind |= HIDES
        fact.matters = self.matters(rule, is_hidden_field, role)
        if fact.matters >= OF_CHOICE and not rule.is_heading:
            fact.kind = fact.kind & ~<uint32_t> INLINE | ACTS
        if type_.size() and not view_of(type_) == View(b"text", 4):
            fact.head.append(b" type=")
            self.add_written(View(type_.data(), type_.size()), 24, fact.head)
        if role.size() and not role == rule.role and not self.nothing.count(role):
            fact.head.append(b" role=")
            self.add_written(View(role.data(), role.size()), 24, fact.head)
        self.add_names(fact)
        self.add_states(rule, fact)
        if (
            fact.head.size() != tag.size() or fact.names.size() or fact.state.size()
            or fact.kind & ACTS or rule.says
        ):
            fact.kind |= SAYS
        if fact.names.size():
            fact.kind |= CALLED
        fact.is_format = self.formats.count(fact.head) != 0
        place = fact.head.rfind(b"role=") if fact.head.size() > tag.size() else npos
        role = fact.head.substr(place + 5) if place != npos else fact.head
        fact.is_pressed = self.pressed.count(role) != 0 or view_of(role) == View(b"a", 1)
        return 0

    cdef int read(self, Piece *piece) except -1:
        """Collect the attributes of a start tag; the first of a name counts."""
        cdef const char *at = piece.at.data()
        cdef bint closed
        cdef Attribute attribute
        cdef Given given
        cdef Looked *looked
        cdef View name
        read_tag(at + 1, at + piece.rest, self.attributes, &closed)
        for given in self.given:
            if given.name != NULL:
                self.places[given.name.number] = -1
        self.given.clear()
        for attribute in self.attributes:
            name = attribute.name
            if not is_low(name):
                name = lowered(name, self.small)
            looked = NULL
            # most are not looked at, as their lengths and first letters show
            if name.size() < LENGTHS and self.firsts[name.size()] >> (name.data()[0] & 63) & 1:
                looked = self.looked.find(name)
            if looked != NULL:
                if self.places[looked.number] >= 0:
                    continue
                self.places[looked.number] = <int32_t> self.given.size()
            elif name.size() < 2 or memcmp(name.data(), b"on", 2) != 0:
                continue
            self.given.push_back(Given(looked, attribute.value))
        return 0

    cdef inline Given *find(self, uint32_t number) noexcept:
        """The attribute of this number of the start tag read last; NULL if it has none."""
        cdef int32_t place = self.places[number]
        return &self.given[place] if place >= 0 else NULL

    cdef View value(self, Given *given) except *:
        """A value with its references resolved; it may be in ``room``."""
        cdef View value = given.value
        if (
            memchr(value.data(), c"&", value.size()) == NULL
            and memchr(value.data(), 0, value.size()) == NULL
        ):
            return value
        self.room = to_utf8(resolve_in_attribute(to_str(value)))
        return View(self.room.data(), self.room.size())

    cdef int lower_value(self, Given *given, string &out) except -1:
        """A value in lower case, without white space around it."""
        cdef View value = self.value(given)
        cdef const char *at = value.data(), *end = at + value.size()
        if not is_ascii(value):
            made = to_utf8(to_str(value).strip().lower())
            out.assign(<const char *> made, len(made))
            return 0
        while at < end and CLASS[<uint8_t> at[0]] == SPACE:
            at += 1
        while at < end and CLASS[<uint8_t> (end - 1)[0]] == SPACE:
            end -= 1
        out.clear()
        while at < end:
            out.append(1, lower(at[0]))
            at += 1
        return 0

    cdef bint hides(self, bint is_hidden_field) except -1:
        """Whether markup hides the element."""
        cdef Given *given = self.find(A_HIDDEN)
        if is_hidden_field:
            return True
        if given != NULL and to_str(self.value(given)).lower() != "until-found":
            return True
        given = self.find(A_STYLE)
        return given != NULL and hides_by_style(self.value(given))

    cdef int64_t matters(self, TagSays *rule, bint is_hidden_field, string &role) except? 0:
        """How much an element matters by its markup."""
        cdef size_t place
        cdef Given *given
        if is_hidden_field:
            return OF_NEVER
        if rule.matters == OF_CONTROL:
            return OF_CONTROL if self.find(A_DISABLED) == NULL else OF_DISABLED
        if rule.matters == OF_WIDGET or role.size() and self.roles.count(role):
            return OF_CHOICE if view_of(role) == View(b"option", 6) else OF_WIDGET
        if rule.matters == OF_LINK or rule.matters == OF_CHOICE:
            return rule.matters
        for place in range(self.given.size()):
            given = &self.given[place]
            if given.name == NULL or given.name.handles:
                return OF_WIDGET
            if given.name.number == A_EDITABLE:
                if to_str(self.value(given)).lower() != "false":
                    return OF_CONTROL
            elif given.name.number == A_TABINDEX:
                self.lower_value(given, self.one)
                if self.one.empty() or self.one[0] != c"-":
                    return OF_WIDGET
        return rule.matters

    cdef int add_names(self, Fact &fact) except -1:
        """Add what attributes call the element."""
        cdef size_t place
        cdef Given *given
        for place in range(self.texts.size()):
            given = self.find(self.texts[place])
            if given == NULL:
                continue
            flatten(self.value(given), self.one)
            shorten(self.one, self.most)
            if self.one.size() and not is_among(self.one, fact.names):
                fact.names.push_back(self.one)
        return 0

    cdef int add_states(self, TagSays *rule, Fact &fact) except -1:
        """Add the attributes that say in what state the element is."""
        cdef size_t place
        cdef Given *given = self.find(A_VALUE) if rule.shows_value else NULL
        cdef string state, *name
        if given != NULL:
            flatten(self.value(given), state)
            shorten(state, self.most)
            if state.size() and not is_among(state, fact.names):
                fact.state.append(b" value=")
                self.add_written(View(state.data(), state.size()), self.most, fact.state)
        for place in range(self.flags.size()):
            given = self.find(self.flags[place])
            if given != NULL and not (self.value(given) == View(b"false", 5)):
                fact.state.append(1, c" ")
                fact.state.append(self.names[self.flags[place]])
        for place in range(self.states.size()):
            given = self.find(self.states[place])
            if given == NULL:
                continue
            self.lower_value(given, state)
            if state.empty() or (
                view_of(state) == View(b"false", 5) and not self.is_told_if_false(given)
            ):
                continue
            name = &self.names[given.name.number]
            fact.state.append(1, c" ")
            fact.state.append(name[0], 5, npos)  # without "aria-"
            if not view_of(state) == View(b"true", 4):
                fact.state.append(1, c"=")
                self.add_written(View(state.data(), state.size()), 16, fact.state)
        return 0

    cdef bint is_told_if_false(self, Given *given) noexcept:
        cdef uint32_t number
        for number in self.told_if_false:
            if number == given.name.number:
                return True
        return False

    cdef int more(self, Piece *piece, string &out) except -1:
        """`etl.pages.compact.facts.more_of`."""
        cdef size_t place
        cdef Given *given
        cdef View value
        cdef const char *at, *end, *begin
        out.clear()
        self.read(piece)
        given = self.find(A_NAME)
        if self.rule(piece.tag).kind & FILLED and given != NULL and self.value(given).size():
            return self.add_more(given, self.value(given), out)
        for place in range(self.texts.size()):
            given = self.find(self.texts[place])
            if given != NULL:
                flatten(self.value(given), self.one)
                if self.one.size():
                    return 0
        for place in range(self.ids_by.size()):
            given = self.find(self.ids_by[place])
            if given != NULL:
                value = self.value(given)
                if value.size() and not self.is_hashed(value):
                    return self.add_more(given, value, out)
        for place in range(self.addresses.size()):
            given = self.find(self.addresses[place])
            if given == NULL:
                continue
            value = self.value(given)
            begin = at = value.data()
            end = at + value.size()
            while at < end and at[0] != c"?" and at[0] != c"#":
                at += 1
            while at > begin and (at - 1)[0] == c"/":
                at -= 1
            if begins(begin, at, b"data:", 5) or begins(begin, at, b"javascript:", 11):
                continue
            end = at
            while at > begin and (at - 1)[0] != c"/":
                at -= 1
            if at < end:
                return self.add_more(given, View(at, end - at), out)
        given = self.find(A_CLASS)
        if given == NULL:
            return 0
        value = self.value(given)
        begin, end = value.data(), value.data() + value.size()
        while begin < end:  # the last word that no program seems to have made up
            value = last_word(begin, end)
            if not value.size():
                return 0
            if not self.is_hashed(value):
                return self.add_more(given, value, out)
            end = value.data()
        return 0

    cdef int add_more(self, Given *given, View value, string &out) except -1:
        out.append(1, c" ")
        out.append(self.names[given.name.number])
        out.append(1, c"=")
        return self.add_written(value, 32, out)

    cdef int add_written(self, View value, int64_t most, string &out) except -1:
        """Add a value, without quotes where that is unequivocal."""
        cdef string text
        cdef size_t place
        cdef bint plain = True
        if not is_ascii(value):  # what is a letter of other alphabets, Python knows
            made = to_utf8(self.written_in_python(to_str(value), most))
            out.append(<const char *> made, len(made))
            return 0
        flatten(value, text)
        plain = text.size() != 0 and <int64_t> text.size() <= most
        for place in range(text.size()):
            plain = plain and IS_PLAIN[<uint8_t> text[place]]
        shorten(text, most)
        if plain:
            out.append(text)
        else:
            add_quoted(view_of(text), out)
        return 0

    cdef bint is_hashed(self, View value) except -1:
        """Whether a program seems to have made a name up."""
        cdef size_t place, digits = 0, hexadecimal = 0
        cdef int state = 0  # 1: after a digit; 2: after letters after one
        cdef char c
        if not is_ascii(value):
            return self.is_hashed_in_python(to_str(value))
        for place in range(value.size()):
            c = value.data()[place]
            if c"0" <= c <= c"9":
                digits += 1
                hexadecimal += 1
                if digits == 5 or hexadecimal == 8 or state == 2:
                    return True
                state = 1
                continue
            digits = 0
            hexadecimal = hexadecimal + 1 if c"a" <= c <= c"f" else 0
            if hexadecimal == 8:
                return True
            state = 2 if state and is_letter(c) else 0
        return False


cdef extern from *:
    """
    static const size_t stepmill_npos = std::string::npos;
    """
    const size_t npos "stepmill_npos"

cdef uint8_t IS_PLAIN[256]  # characters of a value that is written without quotes

memset(IS_PLAIN, 0, 256)
for _byte in range(128):
    if chr(_byte).isalnum() or chr(_byte) in "_./:#?&@%+~,;!*()$-":
        IS_PLAIN[_byte] = 1


cdef unordered_set[string] all_of(names) except *:
    cdef unordered_set[string] found
    for name in names:
        found.insert(to_utf8(name))
    return found


cdef bint is_among(const string &what, const vector[string] &several) noexcept:
    cdef size_t place
    for place in range(several.size()):
        if several[place] == what:
            return True
    return False


cdef inline bint is_ascii(View text) noexcept:
    cdef size_t place
    cdef uint8_t bits = 0
    for place in range(text.size()):
        bits |= <uint8_t> text.data()[place]
    return bits < 0x80


cdef int flatten(View value, string &out) except -1:
    """A value with single spaces, without NUL."""
    cdef const char *at = value.data(), *end = at + value.size()
    cdef uint8_t kind
    cdef size_t wide
    cdef bint in_word = True
    out.clear()
    while at < end:
        kind = CLASS[<uint8_t> at[0]]
        wide = wide_space(at, end) if kind == WIDE else 0
        if kind == SPACE or wide:
            in_word = False
            at += wide if wide else 1
            continue
        if at[0] != 0:
            if not in_word and out.size():
                out.append(1, c" ")
            in_word = True
            out.append(1, at[0])
        at += 1
    return 0


cdef View last_word(const char *begin, const char *end) noexcept:
    """The last word of a text; empty if there is none."""
    cdef const char *at = begin, *word = NULL, *last = begin, *after = begin
    cdef uint8_t kind
    cdef size_t wide
    while at < end:
        kind = CLASS[<uint8_t> at[0]]
        wide = wide_space(at, end) if kind == WIDE else 0
        if kind == SPACE or wide:
            word = NULL
            at += wide if wide else 1
            continue
        if word == NULL:
            word = last = at
        at += 1
        after = at
    return View(last, after - last)


cdef int64_t characters(View text) noexcept:
    cdef size_t place
    cdef int64_t count = 0
    for place in range(text.size()):
        count += (text.data()[place] & 0xC0) != 0x80
    return count


cdef size_t place_of(const string &text, int64_t character) noexcept:
    """The place of the first byte of a character."""
    cdef size_t place = 0
    while place < text.size():
        if (text[place] & 0xC0) != 0x80:
            if character == 0:
                return place
            character -= 1
        place += 1
    return place


cdef int shorten(string &text, int64_t most) except -1:
    """`etl.pages.compact.facts.shortened`, of a text with single spaces."""
    cdef int64_t size, end
    cdef size_t first, second
    if <int64_t> text.size() <= most:
        return 0
    size = characters(view_of(text))
    if size <= most:
        return 0
    end = (most - 1) // 3
    first, second = place_of(text, most - 1 - end), place_of(text, size - end)
    while first and text[first - 1] == c" ":
        first -= 1
    while second < text.size() and text[second] == c" ":
        second += 1
    text.replace(first, second - first, b"\xe2\x80\xa6")
    return 0


cdef int add_quoted(View text, string &out) except -1:
    cdef size_t place, begin = out.size() + 1
    out.append(1, c'"')
    out.append(text.data(), text.size())
    for place in range(begin, out.size()):
        if out[place] == c'"':
            out[place] = c"'"
    out.append(1, c'"')
    return 0


cdef bint hides_by_style(View style) noexcept:
    """Whether a style hides the element."""
    cdef const char *at = style.data(), *end = at + style.size()
    while at < end:
        if begins_lower(at, end, b"display", 7):
            if is_said(at + 7, end, b"none", 4):
                return True
        elif begins_lower(at, end, b"visibility", 10):
            if is_said(at + 10, end, b"hidden", 6) or is_said(at + 10, end, b"collapse", 8):
                return True
        at += 1
    return False


cdef bint begins_lower(const char *at, const char *end, const char *text, size_t size) noexcept:
    """Whether a text begins here, in whatever case."""
    cdef size_t place
    if <size_t> (end - at) < size:
        return False
    for place in range(size):
        if lower(at[place]) != text[place]:
            return False
    return True


cdef bint is_said(const char *at, const char *end, const char *text, size_t size) noexcept:
    """Whether a colon and a text follow, with white space around the colon or without."""
    while at < end and (at[0] == c" " or c"\t" <= at[0] <= c"\r"):
        at += 1
    if at == end or at[0] != c":":
        return False
    at += 1
    while at < end and (at[0] == c" " or c"\t" <= at[0] <= c"\r"):
        at += 1
    return begins_lower(at, end, text, size)
