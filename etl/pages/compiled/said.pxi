# The text of a piece: `etl.pages.compact.units.said` makes it in plain Python.

cdef int say(Piece *piece, said, string &out) except -1:
    """Write the text of a piece that is not raw. said: makes one of a text, in plain Python."""
    cdef const char *at = piece.at.data() + piece.rest
    cdef size_t size = piece.at.size() - piece.rest
    cdef char *end
    out.resize(size)
    end = say_plain(at, size, &out[0])
    if end != NULL:
        out.resize(end - &out[0])
    else:
        made = to_utf8(said(resolve(to_str(View(at, size)))))
        out.assign(<const char *> made, len(made))
    return 0


cdef char *say_plain(const char *at, size_t size, char *out) noexcept:
    """Write a text with its references resolved and with single spaces; returns the end of it, or
    NULL if plain Python must be asked. It does not get longer.
    """
    cdef const char *end = at + size
    cdef char *begin = out
    cdef uint8_t kind
    cdef size_t count
    cdef char c
    cdef bint space = False, angle = False
    while at < end:
        c, count = at[0], 1
        kind = CLASS[<uint8_t> c]
        if kind == ASK:
            if c == c"&":
                c = referred(at, end, &count)
            if c == 0:
                return NULL
            angle = angle or c == c"<"
            kind = SPACE if c == c" " else PLAIN
        elif kind == WIDE:
            count = wide_space(at, end)
            kind = SPACE if count else PLAIN
            count += count == 0
        if kind == SPACE:
            space = out != begin
        else:
            if space:
                out[0] = c" "
                out += 1
                space = False
            out[0] = c
            out += 1
        at += count
    if angle and memmem(begin, out - begin, b"::", 2) != NULL:
        return without_pseudo(begin, out)
    return out


cdef char *without_pseudo(char *at, const char *end) noexcept:
    """Take out of a text with single spaces what recorders write for pseudo-elements, which is
    `etl.pages.rules.PSEUDO_ELEMENT`; returns the end of it.
    """
    cdef char *out = at
    cdef const char *begin = at, *next = at, *after
    cdef bint space = False
    while next < end:
        after = after_pseudo(next, end)
        if after != NULL or next[0] == c" ":
            space = out != begin
            next = after if after != NULL else next + 1
            continue
        if space:
            out[0] = c" "
            out += 1
            space = False
        out[0] = next[0]
        out += 1
        next += 1
    return out


cdef const char *after_pseudo(const char *at, const char *end) noexcept:
    """The end of the pseudo-element that begins here; NULL if none does."""
    cdef const char *inner
    if at[0] != c"<":
        return NULL
    at += 1
    at += at < end and at[0] == c"/"
    if not begins(at, end, b"::", 2):
        return NULL
    at += 2
    at += at < end and at[0] == c"-"
    if at == end or not is_letter(at[0]):
        return NULL
    while at < end and (is_letter(at[0]) or at[0] == c"-"):
        at += 1
    if at < end and at[0] == c"(":
        inner = at + 1
        while inner < end and not (
            inner[0] == c"(" or inner[0] == c")" or inner[0] == c"<" or inner[0] == c">"
        ):
            inner += 1
        if inner == end or inner[0] != c")":
            return NULL
        at = inner + 1
    at += at < end and at[0] == c" "
    at += at < end and at[0] == c"/"
    return at + 1 if at < end and at[0] == c">" else NULL


cdef char referred(const char *at, const char *end, size_t *size) noexcept:
    """The character of the reference that begins here, and the reference's size; 0 for one that
    plain Python must resolve. White space is a space.
    """
    cdef uint32_t number = 0
    cdef const char *begin = at
    if begins(at, end, b"&nbsp;", 6):
        size[0] = 6
        return c" "
    if begins(at, end, b"&amp;", 5):
        size[0] = 5
        return c"&"
    if begins(at, end, b"&lt;", 4) or begins(at, end, b"&gt;", 4):
        size[0] = 4
        return c"<" if at[1] == c"l" else c">"
    if begins(at, end, b"&quot;", 6) or begins(at, end, b"&apos;", 6):
        size[0] = 6
        return c'"' if at[1] == c"q" else c"'"
    if not begins(at, end, b"&#", 2):
        return 0
    at += 2
    while at < end and c"0" <= at[0] <= c"9" and number < 1000:
        number = 10 * number + <uint32_t> (at[0] - c"0")
        at += 1
    if at == end or at[0] != c";" or not (32 <= number < 127 or number == 160):
        return 0
    size[0] = at + 1 - begin
    return c" " if number == 160 else <char> number
