# Pruning by `etl.pages.pieces`: what a rule says of tags, names and values is asked once and noted.

cdef struct Name:
    const char *at  # in lower case
    uint32_t size
    uint32_t first  # the number of the name in lower case
    uint8_t bits


cdef struct Shown:
    const char *text
    uint32_t size
    uint32_t name


cdef struct Open:
    size_t begin
    size_t end
    uint32_t tag
    uint32_t mark


cdef class Notes:
    """What pruners need beside pieces: names and values of attributes, and the state of the page being written.

    rules: a `etl.pages.prune.Pruner`.
    """

    cdef object rules
    cdef Table names, values
    cdef Name *name
    cdef uint32_t name_room
    cdef Shown *value
    cdef uint32_t value_room
    cdef Buffer out, scratch
    cdef Open *opened
    cdef size_t depth, opened_room
    cdef uint32_t *counts
    cdef uint32_t counts_room
    cdef size_t literal
    cdef size_t templates
    cdef bint was_literal
    cdef Py_ssize_t node

    def __cinit__(self, rules):
        self.rules = rules
        table_make(&self.names, secrets.randbits(62))
        table_make(&self.values, self.names.seed)

    def __dealloc__(self):
        table_free(&self.names)
        table_free(&self.values)
        free(self.name)
        free(self.value)
        free(self.out.at)
        free(self.scratch.at)
        free(self.opened)
        free(self.counts)

    @property
    def size(self):
        """Bytes held."""
        return (
            table_bytes(&self.names) + table_bytes(&self.values) + self.name_room * sizeof(Name)
            + self.value_room * sizeof(Shown)
        )

    def clear(self):
        """Forget names and values."""
        cdef uint64_t seed = self.names.seed
        table_free(&self.names)
        table_free(&self.values)
        free(self.name)
        free(self.value)
        self.name, self.value = NULL, NULL
        self.name_room = self.value_room = 0
        table_make(&self.names, seed)
        table_make(&self.values, seed)

    # ---- notes on pieces

    cdef int own(self, Pieces pieces) except -1:
        """The notes on pieces are this pruner's from now on."""
        cdef uint32_t number
        if pieces.owner is self:
            return 0
        pieces.owner = None
        for number in range(pieces.table.count):
            pieces.records[number].op = UNKNOWN
        for number in range(pieces.tags.count):
            pieces.tag[number].bits = TAG_UNKNOWN
        arena_free(&pieces.notes)
        pieces.owner = self
        return 0

    cdef int tag_bits(self, Pieces pieces, uint32_t tag) except -1:
        cdef Key *key
        if pieces.tag[tag].bits == TAG_UNKNOWN:
            key = &pieces.tags.keys[tag]
            pieces.tag[tag].bits = self.rules.tag_bits(to_str(key.at, key.size))
        return pieces.tag[tag].bits

    cdef Name *named(self, const char *at, size_t size) except NULL:
        """What is known of an attribute's name as written."""
        cdef uint64_t hash = table_hash(&self.names, at, size, 0)
        cdef uint32_t number = table_find(&self.names, at, size, 0, hash)
        cdef Name *name
        cdef Name made
        cdef bytes lowered
        cdef const char *text
        if number != NONE:
            return &self.name[number]
        memset(&made, 0, sizeof(Name))
        made.first = NONE
        if any_upper(at, size):
            lowered = PyBytes_FromStringAndSize(at, size).lower()  # of bytes, which changes A to Z alone
            text = PyBytes_AS_STRING(lowered)
            made.first = self.named(text, size).first
            made.bits = self.name[made.first].bits
        else:
            made.bits = self.rules.name_bits(to_str(at, size))
        number = table_add(&self.names, at, size, 0, hash, True)
        if number >= self.name_room:
            name = <Name *> realloc(self.name, (self.name_room * 2 + 64) * sizeof(Name))
            if name == NULL:
                raise MemoryError
            self.name = name
            self.name_room = self.name_room * 2 + 64
        if made.first == NONE:
            made.first = number
        made.at, made.size = self.names.keys[made.first].at, <uint32_t> size
        self.name[number] = made
        return &self.name[number]

    cdef int show(self, uint32_t name, const char *at, size_t size, Shown *shown) except -1:
        """How a value stands in a start tag: bytes that stay until values are forgotten."""
        cdef uint64_t hash = table_hash(&self.values, at, size, name + 1)
        cdef uint32_t number = table_find(&self.values, at, size, name + 1, hash)
        cdef Shown *values
        cdef bytes text
        if number == NONE:
            text = to_bytes(self.rules.shown(
                to_str(self.names.keys[name].at, self.names.keys[name].size), to_str(at, size)
            ))
            number = table_add(&self.values, at, size, name + 1, hash, size <= LONGEST_VALUE)
            if number >= self.value_room:
                values = <Shown *> realloc(self.value, (self.value_room * 2 + 64) * sizeof(Shown))
                if values == NULL:
                    raise MemoryError
                self.value = values
                self.value_room = self.value_room * 2 + 64
            self.value[number].text = arena_take(&self.values.arena, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
            self.value[number].size = <uint32_t> PyBytes_GET_SIZE(text)
        shown.text, shown.size = self.value[number].text, self.value[number].size
        return 0

    cdef int note(self, Tokens tokens, Py_ssize_t place) except -1:
        """Work out what a piece contributes."""
        cdef Pieces pieces = tokens.pieces
        cdef uint32_t number = tokens.entries[place].record
        cdef Record *record = &pieces.records[number]
        cdef Key *key = &pieces.table.keys[number]
        cdef const char *piece = tokens.page + tokens.entries[place].start
        cdef int bits = self.tag_bits(pieces, record.tag) if record.kind != OTHER else 0
        cdef Buffer *scratch = &self.scratch
        cdef bytes asked
        if is_odd(record):
            return self.ask(tokens, place)
        record.before_size = record.after_size = record.text_size = 0
        if record.kind == START and bits & TAG_DROPPED:
            record.op = DROP
            return 0
        if key.size > record.rest:
            scratch.size = 0
            if one_line(piece + record.rest, key.size - record.rest, scratch):
                record.text_size = <uint32_t> scratch.size
                record.text = arena_take(&pieces.notes, scratch.at, scratch.size)
            else:
                asked = to_bytes(self.rules.text(to_str(piece + record.rest, key.size - record.rest)))
                record = &pieces.records[number]
                record.text_size = <uint32_t> PyBytes_GET_SIZE(asked)
                record.text = arena_take(&pieces.notes, PyBytes_AS_STRING(asked), PyBytes_GET_SIZE(asked))
        if record.kind == END:
            record.op = CLOSE
        elif record.kind == OTHER:
            record.op = TEXT
        elif not bits & TAG_KEPT:
            if bits & TAG_TEMPLATE and record.kind == START:
                return self.ask(tokens, place)  # it may be a shadow root
            record.op = SINGLE if record.kind == EMPTY else UNWRAP
        else:
            self.start_tag(tokens, place, bits)
        return 0

    cdef int start_tag(self, Tokens tokens, Py_ssize_t place, int bits) except -1:
        """The start tag of an element that is kept."""
        cdef Pieces pieces = tokens.pieces
        cdef uint32_t number = tokens.entries[place].record
        cdef Record *record = &pieces.records[number]
        cdef Key *tag = &pieces.tags.keys[record.tag]
        cdef const char *at = tokens.page + tokens.entries[place].start + record.markup
        cdef const char *end = tokens.page + tokens.entries[place].start + record.markup_end
        cdef const char *name
        cdef const char *name_end
        cdef const char *value
        cdef const char *value_end
        cdef Name *named
        cdef Shown shown[MOST_SHOWN]
        cdef Shown one
        cdef int count = 0, other
        cdef bint removable = not bits & TAG_KEPT_WHEN_EMPTY
        cdef Buffer *scratch = &self.scratch
        cdef size_t middle
        while True:
            while at < end and is_blank(at[0]):
                at += 1
            if at >= end:
                break
            name = at
            while at < end and not is_blank(at[0]) and at[0] != c"=":
                at += 1
            name_end = at
            while at < end and is_blank(at[0]):
                at += 1
            value = value_end = at
            if at < end and at[0] == c"=":
                at += 1
                while at < end and is_blank(at[0]):
                    at += 1
                if at[0] == c'"' or at[0] == c"'":
                    value = at + 1
                    at = value_end = <const char *> memchr(value, at[0], end - value)
                    at += 1
                else:
                    value = at
                    while at < end and not is_blank(at[0]):
                        at += 1
                    value_end = at
            named = self.named(name, name_end - name)
            if not named.bits & NAME_STAYS:
                continue
            for other in range(count):
                if shown[other].name == named.first:
                    break
            else:
                if count == MOST_SHOWN:
                    return self.ask(tokens, place)
                shown[count].name = named.first
                self.show(named.first, value, value_end - value, &shown[count])
                count += 1
        for other in range(count):
            if shown[other].size and self.name[shown[other].name].bits & NAME_KEEPS:
                removable = False
        for number in range(1, count):  # few: in order by insertion
            one = shown[number]
            other = <int> number
            while other and is_less(&self.name[one.name], &self.name[shown[other - 1].name]):
                shown[other] = shown[other - 1]
                other -= 1
            shown[other] = one
        number = tokens.entries[place].record
        record = &pieces.records[number]
        if record.kind == EMPTY and removable:
            record.op = SINGLE
            return 0
        scratch.size = 0
        buffer_add(scratch, b"<", 1)
        buffer_add(scratch, tag.at, tag.size)
        other = 0
        while other < count and is_before_node(&self.name[shown[other].name]):
            buffer_add(scratch, shown[other].text, shown[other].size)
            other += 1
        buffer_add(scratch, b' node="', 7)
        middle = scratch.size
        buffer_add(scratch, b'"', 1)
        while other < count:
            buffer_add(scratch, shown[other].text, shown[other].size)
            other += 1
        if record.kind == EMPTY:
            record.op = SINGLE
            if bits & TAG_VOID:
                buffer_add(scratch, b"/> ", 3)
            else:
                buffer_add(scratch, b"> </", 4)
                buffer_add(scratch, tag.at, tag.size)
                buffer_add(scratch, b"> ", 2)
        else:
            buffer_add(scratch, b"> ", 2)
            if bits & TAG_LITERAL:
                record.op = LITERAL_REMOVABLE if removable else LITERAL
            else:
                record.op = OPEN_REMOVABLE if removable else OPEN
        record.before_size = <uint32_t> middle
        record.after_size = <uint32_t> (scratch.size - middle)
        record.before = arena_take(&pieces.notes, scratch.at, scratch.size)
        record.after = record.before + middle
        return 0

    cdef int ask(self, Tokens tokens, Py_ssize_t place) except -1:
        """Have the plain pruner work out what a token contributes."""
        cdef Pieces pieces = tokens.pieces
        cdef Record *record
        cdef bytes before, after, text
        token = tokens.at(place)
        op, _, *parts = self.rules.piece(token)
        before, after, text = map(to_bytes, parts)
        record = &pieces.records[tokens.entries[place].record]
        record.op = op
        record.before = arena_take(&pieces.notes, PyBytes_AS_STRING(before), PyBytes_GET_SIZE(before))
        record.before_size = <uint32_t> PyBytes_GET_SIZE(before)
        record.after = arena_take(&pieces.notes, PyBytes_AS_STRING(after), PyBytes_GET_SIZE(after))
        record.after_size = <uint32_t> PyBytes_GET_SIZE(after)
        record.text = arena_take(&pieces.notes, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))
        record.text_size = <uint32_t> PyBytes_GET_SIZE(text)
        return 0

    # ---- writing

    def prune(self, Tokens tokens not None, Py_ssize_t elements, list gaps not None, Py_ssize_t kept_at, kept):
        """(observation, whether white space counted somewhere in it).

        gaps: (place of a token, how many elements after it are left out). kept_at: the place of a token (-1: none) that
        contributes ``kept``, a piece of the pruner's, instead of its own.
        """
        cdef Pieces pieces = tokens.pieces
        cdef Record *record
        cdef Record own
        cdef Py_ssize_t place
        cdef Buffer *out = &self.out
        cdef bytes before, after, text
        cdef bint is_kept
        cdef Py_ssize_t gap = 0, gap_at = -1
        self.own(pieces)
        if self.size > self.rules.memo_bytes:
            self.clear()
        self.depth = self.literal = self.templates = 0
        self.was_literal = False
        self.node = elements
        out.size = 0
        if self.counts != NULL:
            memset(self.counts, 0, self.counts_room * sizeof(uint32_t))
        if gaps:
            gap_at = gaps[0][0]
        for place in range(tokens.count):
            record = &pieces.records[tokens.entries[place].record]
            is_kept = place == kept_at
            if gap_at >= 0 and place > gap_at:
                self.node -= gaps[gap][1]
                gap += 1
                gap_at = gaps[gap][0] if gap < len(gaps) else -1
            if is_kept or (record.raw and not self.tag_bits(pieces, record.tag) & TAG_DROPPED):
                op, _, *parts = kept if is_kept else self.rules.piece(tokens.at(place))
                before, after, text = map(to_bytes, parts)
                own = pieces.records[tokens.entries[place].record]
                own.op = op
                own.before, own.before_size = PyBytes_AS_STRING(before), <uint32_t> PyBytes_GET_SIZE(before)
                own.after, own.after_size = PyBytes_AS_STRING(after), <uint32_t> PyBytes_GET_SIZE(after)
                own.text, own.text_size = PyBytes_AS_STRING(text), <uint32_t> PyBytes_GET_SIZE(text)
                self.write(tokens, place, &own)
                continue
            if record.op == UNKNOWN:
                self.note(tokens, place)
                record = &pieces.records[tokens.entries[place].record]
            self.write(tokens, place, record)
        while self.depth:
            self.close(pieces, self.opened[self.depth - 1].tag)
        observation = to_str(out.at, out.size) if out.size else ""
        buffer_trim(&self.out)
        buffer_trim(&self.scratch)
        return observation, self.was_literal

    cdef int write(self, Tokens tokens, Py_ssize_t place, Record *record) except -1:
        """Write one token, whatever is open."""
        cdef uint8_t op = record.op
        if op == CLOSE:
            if record.tag < self.counts_room and self.counts[record.tag]:
                self.close(tokens.pieces, record.tag)
        elif op == SINGLE:
            self.node -= 1
            if record.before_size:
                self.add_tag(record)
        elif op != TEXT:
            self.node -= 1
            self.open(tokens.pieces, record)
        if self.literal and op != DROP:
            if not self.templates:
                self.write_literal(tokens, place)
        elif record.text_size and not self.templates:
            buffer_add(&self.out, record.text, record.text_size)
        return 0

    cdef int write_literal(self, Tokens tokens, Py_ssize_t place) except -1:
        """Write the text after a token as it is."""
        cdef Pieces pieces = tokens.pieces
        cdef Entry *entry = &tokens.entries[place]
        cdef Record *record = &pieces.records[entry.record]
        cdef uint32_t size = pieces.table.keys[entry.record].size
        cdef const char *at = tokens.page + entry.start + record.rest
        cdef bytes text
        if not record.raw and not is_odd(record) and as_it_is(at, size - record.rest):
            return buffer_add(&self.out, at, size - record.rest)
        text = to_bytes(self.rules.literal_text(tokens.at(place)))
        return buffer_add(&self.out, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text))

    cdef int add_tag(self, Record *record) except -1:
        cdef size_t begin = self.out.size
        buffer_add(&self.out, record.before, record.before_size)
        buffer_number(&self.out, self.node)
        buffer_add(&self.out, record.after, record.after_size)
        if self.literal:
            self.tighten(begin)
        return 0

    cdef void tighten(self, size_t begin) noexcept:
        """Take spaces between tags out of what was added from ``begin`` on."""
        cdef Buffer *out = &self.out
        cdef size_t at, to = begin
        while out.size > begin and out.at[out.size - 1] == c" ":
            out.size -= 1
        for at in range(begin, out.size):
            if (
                out.at[at] == c" " and at > begin and out.at[at - 1] == c">"
                and at + 2 < out.size and out.at[at + 1] == c"<" and out.at[at + 2] == c"/"
            ):
                continue
            out.at[to] = out.at[at]
            to += 1
        out.size = to

    cdef int open(self, Pieces pieces, Record *record) except -1:
        cdef Open *opened
        cdef uint32_t *counts
        cdef uint32_t room
        cdef uint8_t op = record.op
        if self.depth == self.opened_room:
            opened = <Open *> realloc(self.opened, (self.opened_room * 2 + 256) * sizeof(Open))
            if opened == NULL:
                raise MemoryError
            self.opened = opened
            self.opened_room = self.opened_room * 2 + 256
        if record.tag >= self.counts_room:
            room = record.tag * 2 + 256
            counts = <uint32_t *> realloc(self.counts, room * sizeof(uint32_t))
            if counts == NULL:
                raise MemoryError
            memset(counts + self.counts_room, 0, (room - self.counts_room) * sizeof(uint32_t))
            self.counts = counts
            self.counts_room = room
        opened = &self.opened[self.depth]
        opened.tag = record.tag
        opened.begin = self.out.size
        opened.mark = KEPT
        if op == DROP:
            opened.mark = DROPPED
        elif op == UNWRAP:
            opened.mark = UNWRAPPED
        elif op == TEMPLATE:
            opened.mark = HIDES_TEXT
            self.templates += 1
        else:
            if op == LITERAL or op == LITERAL_REMOVABLE:
                self.literal = self.literal or self.depth + 1
                self.was_literal = True
            self.add_tag(record)
            if op == OPEN_REMOVABLE or op == LITERAL_REMOVABLE:
                opened.mark = REMOVABLE
        opened.end = self.out.size
        self.depth += 1
        self.counts[record.tag] += 1
        return 0

    cdef int close(self, Pieces pieces, uint32_t tag) except -1:
        """Close up to the innermost open element of this tag, which exists."""
        cdef Open *opened
        cdef bint end_of_literal
        cdef Key *name
        cdef size_t begin
        while True:
            self.depth -= 1
            opened = &self.opened[self.depth]
            self.counts[opened.tag] -= 1
            end_of_literal = self.literal > self.depth
            name = &pieces.tags.keys[opened.tag]
            if opened.mark == REMOVABLE and opened.end == self.out.size:
                self.out.size = opened.begin
            elif opened.mark == DROPPED:
                self.out.size = opened.begin
            elif opened.mark == UNWRAPPED:
                pass
            elif opened.mark == HIDES_TEXT:
                self.templates -= 1
            else:
                begin = self.out.size
                buffer_room(&self.out, name.size + 5)
                buffer_add(&self.out, b"</", 2)
                buffer_add(&self.out, name.at, name.size)
                buffer_add(&self.out, b"> ", 1 if self.literal else 2)
                if end_of_literal:
                    buffer_add(&self.out, b" ", 1)
            if end_of_literal:
                self.literal = 0
            if opened.tag == tag:
                return 0


cdef bint any_upper(const char *at, size_t size) noexcept:
    cdef size_t place
    for place in range(size):
        if c"A" <= at[place] <= c"Z":
            return True
    return False


cdef bint is_less(Name *one, Name *other) noexcept:
    cdef int order = memcmp(one.at, other.at, min(one.size, other.size))
    return order < 0 or (order == 0 and one.size < other.size)


cdef bint is_before_node(Name *name) noexcept:
    cdef int order = memcmp(name.at, b"node", min(name.size, <uint32_t> 4))
    return order < 0 or (order == 0 and name.size < 4)
