# Where markup begins and ends, and the parts of a tag, as the HTML standard's tokenizer has them.

cdef struct Attribute:  # as written; the value is empty where there is none
    View name
    View value


cdef struct Tag:
    View name  # in lower case
    bint is_void
    bint is_raw
    uint8_t foreign  # the place of its kind in `Depths`, 0 if it is neither svg nor math
    uint32_t opened  # how many are open, in what is done just now
    uint32_t owner  # the `Writer` whose rules these are
    bint kept
    bint dropped
    bint kept_when_empty
    bint literal
    bint template_


cdef inline bint begins_markup(const char *at, const char *end) noexcept:
    """Whether "<" does, which stands here."""
    return at + 1 < end and (
        is_letter(at[1]) or at[1] == c"/" or at[1] == c"!" or at[1] == c"?"
    )


cdef inline const char *next_markup(const char *at, const char *end) noexcept:
    """The next "<" that begins markup, or the end."""
    while True:
        at = <const char *> memchr(at, c"<", end - at)
        if at == NULL:
            return end
        if begins_markup(at, end):
            return at
        at += 1


cdef const char *read_tag(
    const char *at, const char *end, vector[Attribute] &attributes, bint *closed
) except? NULL:
    """Behind a tag, which begins behind its "<"; NULL if the page ends in it.

    closed: whether it ends with "/>". The name ends where the first attribute begins, or before.
    """
    cdef Attribute found
    cdef const char *begin
    attributes.clear()
    while at < end and not (is_blank(at[0]) or at[0] == c"/" or at[0] == c">"):
        at += 1
    closed[0] = False
    while True:
        while at < end and (is_blank(at[0]) or at[0] == c"/"):
            closed[0] = at[0] == c"/"
            at += 1
        if at == end:
            return NULL
        if at[0] == c">":
            return at + 1
        closed[0] = False
        begin = at
        at += 1  # whatever it is
        while at < end and not (
            is_blank(at[0]) or at[0] == c"/" or at[0] == c">" or at[0] == c"="
        ):
            at += 1
        found = Attribute(View(begin, at - begin), View(at, 0))
        begin = at
        while at < end and is_blank(at[0]):
            at += 1
        if at < end and at[0] == c"=":
            at = read_value(at + 1, end, &found.value)
            if at == NULL:
                return NULL
        else:
            at = begin
        attributes.push_back(found)


cdef const char *read_value(const char *at, const char *end, View *value) noexcept:
    """Behind a value, which begins behind its "="; NULL if the page ends in it."""
    cdef const char *begin
    while at < end and is_blank(at[0]):
        at += 1
    if at == end:
        return NULL
    begin = at
    if at[0] == c'"' or at[0] == c"'":
        at = <const char *> memchr(at + 1, at[0], end - at - 1)
        if at == NULL:
            return NULL
        value[0] = View(begin + 1, at - begin - 1)
        return at + 1
    while at < end and not (is_blank(at[0]) or at[0] == c">"):
        at += 1
    value[0] = View(begin, at - begin)
    return at


cdef View lowered(View name, string &out) except *:
    """A name in lower case, as it is or in ``out``."""
    cdef size_t place = 0
    cdef const char *at = name.data()
    while place < name.size() and at[place] != 0 and lower(at[place]) == at[place]:
        place += 1
    if place == name.size():
        return name
    out.clear()
    for place in range(name.size()):
        if at[place] == 0:
            out.append(b"\xef\xbf\xbd", 3)  # as the standard has it
        else:
            out.append(1, lower(at[place]))
    return View(out.data(), out.size())


cdef const char *after_comment(const char *at, const char *end) noexcept:
    """Behind a comment, doctype, or what is read as one, which begins behind its "<"; NULL if the
    page ends in it.
    """
    cdef const char *begin = at + 3
    cdef bint is_comment = end - at >= 3 and memcmp(at, b"!--", 3) == 0
    if is_comment and begin < end and begin[0] == c">":  # the dashes of the end may be
        return begin + 1
    if is_comment and begin + 1 < end and begin[0] == c"-" and begin[1] == c">":  # of the beginning
        return begin + 2
    while True:
        at = <const char *> memchr(at, c">", end - at)
        if at == NULL:
            return NULL
        at += 1
        if not is_comment or ends_comment(begin, at):
            return at


cdef bint ends_comment(const char *begin, const char *at) noexcept:
    """Whether the end of a comment stands before a place, behind its beginning."""
    return (at - begin >= 3 and memcmp(at - 3, b"-->", 3) == 0) or (
        at - begin >= 4 and memcmp(at - 4, b"--!>", 4) == 0
    )


cdef bint is_name(const char *at, const char *end, View name) noexcept:
    """Whether a tag's name stands here, and ends."""
    cdef size_t place, size = name.size()
    if <size_t> (end - at) <= size:
        return False
    for place in range(size):
        if lower(at[place]) != name.data()[place]:
            return False
    return is_blank(at[size]) or at[size] == c"/" or at[size] == c">"


cdef const char *end_of_raw(const char *at, const char *end, View name) noexcept:
    """The end tag of a raw element, or the end of the page. In a script, no end tag counts in a
    script in a comment.
    """
    cdef bint is_script = name == SCRIPT
    cdef bint escaped = False, doubly = False
    cdef const char *behind
    if name == PLAINTEXT:
        return end
    while at < end:  # at "<"
        behind = <const char *> memchr(at + 1, c"<", end - at - 1)
        if behind == NULL:
            behind = end
        if behind > at + 1 and at[1] == c"/" and is_name(at + 2, behind, name):
            if not doubly:
                return at
            doubly = False
        elif is_script and behind - at >= 4 and memcmp(at, b"<!--", 4) == 0:
            escaped = True
        elif escaped and is_name(at + 1, behind, SCRIPT):
            doubly = True
        if escaped and behind > at + 2 and memmem(at + 2, behind - at - 2, b"-->", 3) != NULL:
            escaped = doubly = False
        at = behind
    return end


cdef View SCRIPT = View(b"script", 6)
cdef View PLAINTEXT = View(b"plaintext", 9)
