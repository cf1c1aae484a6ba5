# The lines of what elements say: `etl.pages.compact.forms` makes them in plain Python.

cdef enum:  # as in `etl.pages.compact.forms`
    SHORT_TEXT = 80
    BRIEF_TEXT = 48
    INNER_TEXT = 32
    WHOLE_ACTION = 65
    DOUBLED = 10
    ACTION_FOLDS = 30
    OTHER_FOLDS = 45
    COLUMNS = 7

cdef enum:
    PARTS = 1000000  # as in `etl.pages.compact.relevance`


cdef struct Weight:  # of a saying: what decides whether its line stays
    int64_t score, folds
    int32_t long_tokens, short_tokens
    uint8_t silent
    uint8_t is_one  # both lines are the long one


cdef struct Saying:  # `etl.pages.compact.facts.Saying`
    uint32_t number
    int32_t lent
    uint32_t bits
    int32_t more
    uint32_t text  # its number


cdef struct Form:  # what elements say, and its lines
    View at  # the bytes of a `Saying`
    View text
    Saying says
    uint32_t saying  # the number of this
    View long_line, short_line
    int64_t long_chars, short_chars


cdef extern from "math.h":
    double log2(double) noexcept nogil
    double rint(double) noexcept nogil


cdef inline int64_t cost_of(int64_t tokens) noexcept:
    """What the tokens of a line cost, in `PARTS`."""
    return <int64_t> rint(PARTS * DOUBLED * log2((<double> tokens + 3) / 10))


cdef int make_lines(Known known, Form &form) except -1:
    """Write the lines, and note what does not depend on their tokens."""
    cdef Fact *fact = &known.facts[form.says.number]
    cdef View words, brief
    cdef string words_room, brief_room
    cdef Weight weight
    cdef int64_t most
    cdef bint is_short = True
    cdef size_t place
    if not form.says.bits & INNER:
        most = BRIEF_TEXT
        if fact.kind & ACTS or fact.matters >= OF_HEADING:
            most = SHORT_TEXT
        words = shortened(form.text, known.most_text, words_room)
        brief = shortened(form.text, most, brief_room)
    elif not (form.says.bits & ALONE or fact.is_format):
        words = shortened(form.text, INNER_TEXT, words_room)
    for place in range(name_count(known, form)):
        is_short = is_short and characters(view_of(name_of(known, form, place)[0])) <= BRIEF_TEXT
    weigh_saying(fact, form, weight)
    weight.is_one = brief == words and is_short
    form.long_line = line_of(known, form, words, known.tags.most)
    form.long_chars = form.short_chars = characters(form.long_line)
    known.uncounted.append(form.long_line.data(), form.long_line.size())
    if not weight.is_one:
        form.short_line = line_of(known, form, brief, min(<int64_t> BRIEF_TEXT, known.tags.most))
        form.short_chars = characters(form.short_line)
        known.uncounted.append(form.short_line.data(), form.short_line.size())
    known.weights.push_back(weight)
    known.hashes_of.push_back(hash_of(form.long_line))
    known.words_of.push_back(Words(NO_WORDS, NO_WORDS, 0))
    return 0


cdef View shortened(View text, int64_t most, string &room) except *:
    """A text of at most so many characters; a longer one's is in ``room``."""
    if <int64_t> text.size() <= most or characters(text) <= most:
        return text
    room.assign(text.data(), text.size())
    shorten(room, most)
    return view_of(room)


cdef size_t name_count(Known known, Form &form) noexcept:
    """How many names an element has: those of its attributes, or one that is lent to it."""
    cdef size_t count = known.facts[form.says.number].names.size()
    if count == 0 and form.says.lent >= 0:
        return min(<size_t> 1, known.facts[form.says.lent].names.size())
    return count


cdef string *name_of(Known known, Form &form, size_t place) noexcept:
    cdef Fact *own = &known.facts[form.says.number]
    return &own.names[place] if own.names.size() else &known.facts[form.says.lent].names[place]


cdef View line_of(Known known, Form &form, View words, int64_t most) except *:
    """A line without its number. most: characters of a name."""
    cdef Fact *fact = &known.facts[form.says.number]
    cdef string *out = &known.line_room
    cdef string *name
    cdef string room
    cdef View shown
    cdef size_t place
    out.assign(1, c" ")
    out.append(fact.head)
    for place in range(name_count(known, form)):
        name = name_of(known, form, place)
        shown = view_of(name[0])
        if shown == words:
            continue  # it is not said twice
        out.append(1, c" ")
        add_quoted(shortened(shown, most, room), out[0])
    out.append(fact.state)
    if form.says.more >= 0:
        out.append(known.mores[form.says.more])
    if words.size():
        out.append(b": ", 2)
        out.append(words.data(), words.size())
    out.append(1, c"\n")
    return known.bytes.keep(out.data(), out.size())


cdef int weigh_saying(Fact *fact, Form &form, Weight &weight) except -1:
    """Find how much an element matters whatever its line costs, and whether it is silent."""
    cdef int64_t matters = fact.matters
    cdef bint has_text = form.text.size() != 0
    weight.silent = fact.kind & DRAWN != 0 or (form.says.bits & INNER != 0 and not fact.kind & SAYS)
    if has_text and matters < OF_TEXT:
        matters = OF_TEXT
        if form.says.bits & INNER:
            matters -= 20 if fact.is_format else 3
    elif not has_text and not fact.kind & SAYS:
        matters = min(matters, <int64_t> OF_PICTURE) + (3 if form.says.bits & LEAF else 0)
        weight.silent = True
    if form.says.bits & WRAPS and not has_text and not fact.kind & CALLED and matters < OF_CONTROL:
        matters = min(matters, <int64_t> WHOLE_ACTION if fact.is_pressed else <int64_t> OF_PICTURE)
    if not form.says.bits & COVERED:
        weight.score = matters * PARTS
    elif matters >= OF_CONTROL:
        weight.score = matters * PARTS * 6 // 10  # a script may show it
    else:
        weight.score = matters * (PARTS // 5)
        weight.silent = True
    weight.folds = PARTS * (<int64_t> ACTION_FOLDS if fact.kind & ACTS else <int64_t> OTHER_FOLDS)
    return 0
