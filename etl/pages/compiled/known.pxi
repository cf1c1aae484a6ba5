# What is known of start tags and of what elements say, by number: `etl.pages.compact.facts.Known`
# and `etl.pages.compact.forms` have it in plain Python.

cdef struct Numbered:  # what a key stands for; kind: bits of a `Fact`
    View at
    uint32_t number, kind


cdef struct Words:  # of a saying, in `Known.words`
    uint32_t first, last
    uint64_t called  # bits of what calls it: `name_bit` of each


cdef enum:
    NO_SAYING = 0xFFFFFFFF
    ASKED = 0x80000000  # a bit: the saying is not known yet; the others: its place in `Walk.asked`
    NO_WORDS = 0xFFFFFFFF
    NO_NAME = 0xFFFFFFFF
    COSTS = 256  # tokens of lines whose cost is looked up

cdef uint32_t knowns = 0  # made so far


cdef class Known:
    """What start tags and elements say, by number: `etl.pages.compact.engine` has its methods.

    It is remembered by what counts of a start tag: in most pages little differs.
    """

    cdef uint32_t id
    cdef StartTags tags
    cdef WordIndex index
    cdef Arena bytes  # of the keys of the tables
    cdef Table[Numbered] told, shapes, numbers, more_numbers, said_numbers
    cdef Table[Form] sayings
    cdef vector[Fact] facts
    cdef vector[string] mores
    cdef vector[View] said  # texts by number
    cdef string key, shape, line_room
    cdef Fact fact  # room, as the next
    cdef string fact_key
    cdef vector[Form *] forms  # by saying, as the next three
    cdef vector[Weight] weights
    cdef vector[uint64_t] hashes_of  # long lines
    cdef vector[Words] words_of
    cdef size_t counted  # sayings whose tokens are known
    cdef string uncounted  # the lines of the others
    cdef int64_t costs[COSTS]  # of a line, by its tokens
    cdef int64_t most_text  # characters of a text
    cdef vector[uint32_t] words
    cdef vector[int64_t] sizes, marks, folds, repeats  # as in `__cinit__`
    cdef vector[uint32_t] said_before  # by saying: how often, in the page that is measured
    cdef Numberer numberer
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
        self.numberer = Numberer()
        self.shape_of = facts.shape_of
        self.sizes, self.marks, self.folds, self.repeats = sizes, marks, folds, repeats
        self.text_number(View(b"", 0))
        for tokens in range(COSTS):
            self.costs[tokens] = cost_of(tokens)

    def __len__(self):
        """How many things of one kind are remembered, of that of which there are most."""
        return max(
            self.told.size(), self.shapes.size(), self.more_numbers.size(), self.forms.size(),
            self.said.size(), self.words.size() // 16, self.index.used // 2,
        )

    def lines(self):
        """The lines whose tokens are not known, as UTF-8: long and short of each saying, or one."""
        return PyBytes_FromStringAndSize(self.uncounted.data(), self.uncounted.size())

    def count(self, bytes tokens not None):
        """Note the tokens of `lines`: int64."""
        cdef const int64_t *next = <const int64_t *> PyBytes_AS_STRING(tokens)
        cdef size_t place
        cdef Weight *weight
        for place in range(self.counted, self.weights.size()):
            weight = &self.weights[place]
            weight.long_tokens = weight.short_tokens = <int32_t> next[0]
            next += 1
            if not weight.is_one:
                weight.short_tokens = <int32_t> next[0]
                next += 1
            if not weight.silent:  # in the place of a long line, several shorter ones may stay
                weight.score -= self.cost(weight.short_tokens)
        self.counted = self.weights.size()
        self.uncounted.clear()

    cdef inline int64_t cost(self, int32_t tokens) noexcept:
        return self.costs[tokens] if tokens < COSTS else cost_of(tokens)

    def rows(self, bytes sayings not None):
        """`etl.pages.compact.forms.Forms.rows`, as bytes. sayings: int32."""
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place
        cdef bytes rows = PyBytes_FromStringAndSize(NULL, count * COLUMNS * sizeof(int64_t))
        cdef int64_t *row = <int64_t *> PyBytes_AS_STRING(rows)
        cdef Weight *weight
        cdef Form *form
        for place in range(count):
            form = self.forms[saying[place]]
            weight = &self.weights[saying[place]]
            row[0], row[1] = weight.long_tokens, weight.short_tokens
            row[2], row[3] = form.long_chars, form.short_chars
            row[4], row[5] = weight.score, weight.folds
            row[6] = weight.silent
            row += COLUMNS
        return rows

    def hashes(self, bytes sayings not None):
        """`etl.pages.compact.forms.Forms.hashes`."""
        cdef const int32_t *saying = <const int32_t *> PyBytes_AS_STRING(sayings)
        cdef size_t count = PyBytes_GET_SIZE(sayings) // sizeof(int32_t), place
        return [self.hashes_of[saying[place]] for place in range(count)]

    def line(self, uint32_t saying, bint whole):
        """`etl.pages.compact.forms.Forms.line`."""
        cdef Form *form = self.forms[saying]
        return to_str(form.long_line if whole or self.weights[saying].is_one else form.short_line)

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
        cdef Words own
        self.index_words(saying, count)
        wanted.assign(self.index.used, -1)
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
            own = self.words_of[saying[place]]
            for at in range(own.first, own.last):
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
        cdef Words *own
        cdef uint64_t bit
        cdef bint any_hit = False
        cdef bytes flags = PyBytes_FromStringAndSize(NULL, count)
        cdef char *flag = PyBytes_AS_STRING(flags)
        memset(flag, 0, count)
        self.index_words(saying, count)
        for name in names:
            if not self.index.find_all(name.split(" "), words):
                continue
            bit = name_bit(words, 0)
            for place in range(count):
                own = &self.words_of[saying[place]]
                if own.called & bit and self.is_called(own.first, words):
                    flag[place] = any_hit = True
        return flags if any_hit else b""

    cdef bint is_called(self, size_t begin, vector[uint32_t] &words) noexcept:
        """Whether the text or a name of a saying, whose words begin there, has just these."""
        cdef size_t end
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
            if self.words_of[saying[place]].first == NO_WORDS:
                self.add_words_of(self.forms[saying[place]][0])
        return 0

    cdef int add_words_of(self, Form &form) except -1:
        """Find the words of a saying: first those of its text and of each name, if it is short."""
        cdef View text
        cdef size_t place, count = name_count(self, form)
        cdef bint is_short
        cdef uint32_t first = <uint32_t> self.words.size()
        cdef uint64_t called = 0
        cdef size_t begin
        for is_short in (True, False):
            for place in range(count + 1):
                text = form.text if place == 0 else view_of(name_of(self, form, place - 1)[0])
                if (characters(text) <= LONGEST_NAME) == is_short:
                    begin = self.words.size()
                    self.index.add(text, self.words)
                    if is_short:
                        called |= name_bit(self.words, begin)
                        self.words.push_back(NAME_END)
            if is_short:
                self.words.push_back(NAMES_END)
        self.index.add(view_of(self.facts[form.says.number].state), self.words)
        if form.says.more >= 0:
            self.index.add(view_of(self.mores[form.says.more]), self.words)
        self.words_of[form.saying] = Words(first, <uint32_t> self.words.size(), called)
        return 0

    cdef int read(self, Piece *piece) except -1:
        """Read a start tag, and note in ``key`` and ``shape`` what counts of it."""
        cdef uint32_t sizes[2]  # of the tag, or the number and the size of an attribute
        cdef Given given
        self.tags.read(piece)
        sizes[0] = sizes[1] = <uint32_t> piece.tag.at.size()
        self.key.assign(<const char *> sizes, sizeof(sizes))
        self.key.append(piece.tag.at.data(), piece.tag.at.size())
        for given in self.tags.given:
            if given.name == NULL:
                sizes[0], sizes[1] = NO_NAME, 0  # whatever it does
                self.key.append(<const char *> sizes, sizeof(sizes))
            elif given.name.tells and (given.name.number != A_STYLE or may_hide(given.value)):
                sizes[0], sizes[1] = given.name.number, <uint32_t> given.value.size()
                self.key.append(<const char *> sizes, sizeof(sizes))
                self.key.append(given.value.data(), given.value.size())
        self.told.expect(view_of(self.key))
        self.shape.assign(piece.tag.at.data(), piece.tag.at.size())
        self.plain = True
        if self.tags.find(A_CLASS) != NULL:
            given = self.tags.find(A_CLASS)[0]
            self.shape.append(1, c".")
            self.shape.append(given.value.data(), given.value.size())
            self.plain = memchr(given.value.data(), c"&", given.value.size()) == NULL and (
                memchr(given.value.data(), 0, given.value.size()) == NULL
            )
        self.shapes.expect(view_of(self.shape))
        return 0

    cdef int tell(self, Tokens tokens, size_t place) except -1:
        """Note on a start tag what is known of it."""
        cdef Piece *piece = tokens.entries[place].piece
        cdef Numbered *found
        cdef Numbered told
        self.read(piece)
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
        cdef Fact *fact = &self.fact
        cdef string *key = &self.fact_key
        cdef size_t sizes[2]
        self.tags.fact(tokens, place, fact[0])
        sizes[0], sizes[1] = fact.head.size(), fact.state.size()
        key.clear()
        key.append(<char *> sizes, sizeof(sizes))
        key.append(<char *> &fact.kind, sizeof(fact.kind))
        key.append(<char *> &fact.matters, sizeof(fact.matters))
        key.append(fact.head)
        key.append(fact.state)
        for place in range(fact.names.size()):
            sizes[0] = fact.names[place].size()
            key.append(<char *> sizes, sizeof(sizes[0]))
            key.append(fact.names[place])
        told.number, told.kind = number_of(self.numbers, self.bytes, key[0]), fact.kind
        if told.number == self.facts.size():
            self.facts.push_back(fact[0])
        return 0

    cdef int32_t more(self, Piece *piece) except -1:
        """The number of what tells an element from others."""
        cdef string text
        if piece.more < 0:
            self.tags.more(piece, text)
            piece.more = <int32_t> number_of(self.more_numbers, self.bytes, text)
            if piece.more == <int32_t> self.mores.size():
                self.mores.push_back(text)
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
        if piece.at.size() == piece.rest:
            return 0
        if piece.said_by != self.id:
            say(piece, said, self.key)
            piece.said_number = self.text_number(view_of(self.key))
            piece.said_by = self.id
        return piece.said_number

    cdef int find_saying(self, Piece *piece, Unit *unit, uint32_t bits, Saying &saying) except -1:
        """Find what decides the lines of an element; it will soon be sought."""
        cdef bint acts = unit.kind & ACTS != 0
        saying.number, saying.lent, saying.bits, saying.text = unit.number, unit.lent, bits, unit.text
        saying.more = -1
        if (
            unit.leaf and (unit.kind & TYPED or acts and not unit.text)
            or not unit.text and not unit.kind & CALLED and unit.lent < 0 and (unit.leaf or acts)
        ):
            saying.more = self.more(piece)
        self.sayings.expect(key_of(saying))
        return 0

    cdef uint32_t saying_number(self, Saying &saying) except? 0:
        """The number of what an element says."""
        cdef View key = key_of(saying)
        cdef Form *form = self.sayings.find(key)
        if form == NULL:
            form = self.sayings.add(self.bytes.keep(key.data(), key.size()))
            form.saying = <uint32_t> self.forms.size()
            form.says = saying
            form.text = self.said[saying.text]
            make_lines(self, form[0])
            self.forms.push_back(form)
        return form.saying


cdef inline View key_of(const Saying &saying) noexcept:
    return View(<const char *> &saying, sizeof(Saying))


cdef inline View view_of(const string &text) noexcept:
    return View(text.data(), text.size())


cdef inline View keep(Arena &bytes, const string &key) except *:
    return bytes.keep(key.data(), key.size())


cdef uint32_t number_of(Table[Numbered] &numbers, Arena &bytes, const string &key) except? 0:
    """The number of something: how many others were asked for before it."""
    cdef Numbered *found = numbers.find(view_of(key))
    if found == NULL:
        found = numbers.add(keep(bytes, key))
        found.number = <uint32_t> numbers.size() - 1
    return found.number


cdef bint may_hide(View style) noexcept:
    """Whether a style may hide its element."""
    cdef const char *at = style.data()
    cdef size_t place
    for place in range(style.size()):
        if at[place] == c"&" or (at[place] | 32) == c"y" and place >= 5:
            return True  # displaY, visibilitY
    return False


cdef inline uint64_t name_bit(vector[uint32_t] &words, size_t begin) noexcept:
    """One of 64 bits, by the words from there on."""
    cdef uint64_t value = 0
    cdef size_t place
    for place in range(begin, words.size()):
        value = mixed(value + words[place] * STEP)
    return <uint64_t> 1 << (value >> 58)


cdef bytes bytes_of(vector[int32_t] &numbers):
    return PyBytes_FromStringAndSize(<char *> numbers.data(), numbers.size() * sizeof(int32_t))
