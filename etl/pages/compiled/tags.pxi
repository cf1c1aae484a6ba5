# Where markup begins and ends, and the parts of a tag, as in the HTML standard's tokenizer.

cdef struct Attribute:  # as written; the value may be empty
    View name
    View value


cdef struct Tag:
    View at  # its name in lower case
    bint is_void
    bint is_raw
    uint8_t foreign  # 1: svg; 2: math; 0: neither
    uint32_t opened  # the number of open elements, in the present pass
    uint32_t owner  # the `Writer` whose rules follow
    bint is_known
    uint32_t what  # it is without attributes, as in `etl.pages.obstacles.outline`; if it is known
    bint kept, dropped, kept_when_empty, literal, template_  # as in `etl.pages.rules.TagRule`


cdef enum:  # what ends parts of a tag
    ENDS_TAG_NAME = 1
    ENDS_NAME = 2  # that of an attribute
    ENDS_VALUE = 4  # that is not quoted

cdef uint8_t ENDS[256]


cdef void mark_ends() noexcept:
    cdef int byte
    memset(ENDS, 0, 256)
    for byte in b" \n\t\f/>":
        ENDS[byte] = ENDS_TAG_NAME | ENDS_NAME
    for byte in b" \n\t\f>":
        ENDS[byte] |= ENDS_VALUE
    ENDS[<int> c"="] = ENDS_NAME


mark_ends()


cdef inline bint begins_markup(const char *at, const char *end) noexcept:
    """Whether the "<" here begins markup; "</" in which the page ends is text."""
    return at + 1 < end and (
        is_letter(at[1]) or at[1] == c"!" or at[1] == c"?" or (at[1] == c"/" and at + 2 < end)
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
    """Read a tag from after its "<", and return the place after it; NULL if the page ends in it.

    closed: whether it ends with "/>".
    """
    cdef Attribute attribute
    cdef const char *begin
    attributes.clear()
    if at < end and at[0] == c"/":  # an end tag's name comes after it
        at += 1
    while at < end and not ENDS[<uint8_t> at[0]] & ENDS_TAG_NAME:
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
        at += 1  # any character begins a name
        while at < end and not ENDS[<uint8_t> at[0]] & ENDS_NAME:
            at += 1
        attribute = Attribute(View(begin, at - begin), View(at, 0))
        begin = at
        while at < end and is_blank(at[0]):
            at += 1
        if at < end and at[0] == c"=":
            at = read_value(at + 1, end, &attribute.value)
            if at == NULL:
                return NULL
        else:
            at = begin
        attributes.push_back(attribute)


cdef const char *read_value(const char *at, const char *end, View *value) noexcept:
    """Read a value from after its "=", and return the place after it; NULL if the page ends."""
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
    while at < end and not ENDS[<uint8_t> at[0]] & ENDS_VALUE:
        at += 1
    value[0] = View(begin, at - begin)
    return at


cdef inline bint is_low(View name) noexcept:
    """Whether a name is as it is in lower case: most are, and need no `lowered`, which may raise."""
    cdef size_t place
    cdef bint low = True
    for place in range(name.size()):
        low &= name.data()[place] != 0 and not c"A" <= name.data()[place] <= c"Z"
    return low


cdef View lowered(View name, string &out) except *:
    """A name in lower case: the name itself, or ``out``."""
    cdef size_t place
    cdef const char *at = name.data()
    if is_low(name):
        return name
    out.clear()
    for place in range(name.size()):
        if at[place] == 0:
            out.append(b"\xef\xbf\xbd", 3)  # the standard's rule
        else:
            out.append(1, lower(at[place]))
    return View(out.data(), out.size())


cdef const char *after_comment(const char *at, const char *end) noexcept:
    """The place after a comment or the like, from after its "<"; NULL if the page ends in it."""
    cdef const char *begin = at + 3
    cdef bint is_comment = end - at >= 3 and memcmp(at, b"!--", 3) == 0
    # Its end may share dashes with its beginning.
    if is_comment and begin < end and begin[0] == c">":
        return begin + 1
    if is_comment and begin + 1 < end and begin[0] == c"-" and begin[1] == c">":
        return begin + 2
    while True:
        at = <const char *> memchr(at, c">", end - at)
        if at == NULL:
            return NULL
        at += 1
        if (
            not is_comment
            or (at - begin >= 3 and memcmp(at - 3, b"-->", 3) == 0)
            or (at - begin >= 4 and memcmp(at - 4, b"--!>", 4) == 0)
        ):
            return at


cdef bint is_name(const char *at, const char *end, View name) noexcept:
    """Whether exactly this tag's name stands here."""
    cdef size_t place, size = name.size()
    if <size_t> (end - at) <= size:
        return False
    for place in range(size):
        if lower(at[place]) != name.data()[place]:
            return False
    return is_blank(at[size]) or at[size] == c"/" or at[size] == c">"


cdef const char *end_of_raw(const char *at, const char *end, View name) noexcept:
    """The end tag of a raw element, or the end of the page.

    In a script, a comment may hold a script with its end tag.
    """
    cdef bint is_script = name == SCRIPT
    cdef bint escaped = False, doubly = False
    cdef const char *next
    if name == PLAINTEXT:
        return end
    while at < end:  # at "<"
        next = <const char *> memchr(at + 1, c"<", end - at - 1)
        if next == NULL:
            next = end
        if next > at + 1 and at[1] == c"/" and is_name(at + 2, next, name):
            if not doubly:
                return at
            doubly = False
        elif is_script and next - at >= 4 and memcmp(at, b"<!--", 4) == 0:
            escaped = True
        elif escaped and is_name(at + 1, next, SCRIPT):
            doubly = True
        if escaped and next > at + 2 and memmem(at + 2, next - at - 2, b"-->", 3) != NULL:
            escaped = doubly = False
        at = next
    return end


cdef View SCRIPT = View(b"script", 6)
cdef View PLAINTEXT = View(b"plaintext", 9)
