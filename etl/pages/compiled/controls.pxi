# Where the controls of forms are: `etl.pages.controls` finds them in plain Python.

cdef inline bint is_control(View tag) noexcept:
    return (
        tag == View(b"input", 5) or tag == View(b"select", 6) or tag == View(b"option", 6)
        or tag == View(b"textarea", 8)
    )


def control_tags(Tokens tokens not None):
    """The tags of controls, and the one after each textarea's.

    Of each: its place among the tokens, the number of elements before it, whether it is a start
    tag, its name, and the places in the text where it begins and ends.
    """
    cdef const char *source = PyBytes_AS_STRING(tokens.source)
    cdef size_t place, byte = 0
    cdef Py_ssize_t element = 0, character = 0, begin
    cdef Entry *entry
    cdef Piece *piece
    cdef bint after_textarea = False
    cdef list found = []
    for place in range(tokens.entries.size()):
        entry = &tokens.entries[place]
        piece = entry.piece
        if piece.kind == OTHER:
            continue
        if after_textarea or is_control(piece.tag.at):
            character += characters(View(source + byte, entry.start - byte))
            begin = character
            character += characters(View(source + entry.start, piece.rest))
            byte = entry.start + piece.rest
            found.append(
                (place, element, piece.kind != END, to_str(piece.tag.at), begin, character)
            )
            after_textarea = piece.kind == START and piece.tag.at == View(b"textarea", 8)
        element += is_element(piece)
    return found
