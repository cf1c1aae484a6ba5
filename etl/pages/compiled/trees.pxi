# Pages that are recorded as trees of JSON objects (`etl.sources.miniwob.dom` is the specification).
#
# A recording holds hundreds of trees, nearly all alike, and few are rendered. So a tree is an array
# of nodes, whose texts lie in the JSON; what an action needs of it becomes Python's when it is
# asked for.

cdef enum:
    DEEPEST = 500  # levels; orjson takes 1,024, the recording's own among them
    MOST_DIGITS = 18

cdef enum:  # the kinds of a value
    ABSENT, TEXT_VALUE, TRUE_VALUE, FALSE_VALUE, NUMBER_VALUE


cdef struct Value:
    View at  # a string without its quotes, as JSON has it; a number
    uint8_t kind


cdef struct Leaf:  # a node of a tree
    View tag
    long ref
    Value id, classes, text, value, left, top
    Py_ssize_t parent, end  # of the nodes in it, which follow it in document order
    bint is_text, target
    uint32_t seen  # a bit for each key


cdef struct TreeKey:
    View name
    int number


cdef enum:
    TAG_KEY, REF_KEY, CHILDREN_KEY, TEXT_KEY, ID_KEY, CLASSES_KEY, VALUE_KEY, LEFT_KEY, TOP_KEY
    TARGET_KEY, OTHER_KEY


cdef inline int tree_key(View name) noexcept:
    cdef char first
    if name.size() == 0:
        return OTHER_KEY
    first = name.data()[0]
    if first == c"t":
        if name == View(b"tag", 3):
            return TAG_KEY
        if name == View(b"text", 4):
            return TEXT_KEY
        return TOP_KEY if name == View(b"top", 3) else OTHER_KEY
    if first == c"r":
        if name == View(b"ref", 3):
            return REF_KEY
        return TARGET_KEY if name == View(b"recordingTarget", 15) else OTHER_KEY
    if first == c"c":
        if name == View(b"children", 8):
            return CHILDREN_KEY
        return CLASSES_KEY if name == View(b"classes", 7) else OTHER_KEY
    if first == c"i":
        return ID_KEY if name == View(b"id", 2) else OTHER_KEY
    if first == c"v":
        return VALUE_KEY if name == View(b"value", 5) else OTHER_KEY
    return LEFT_KEY if name == View(b"left", 4) else OTHER_KEY


cdef const char *skip_string(const char *at, const char *end) except? NULL:
    """The place of the last quote of a JSON string, from after its first; NULL if it is not valid."""
    cdef const char *begin = at
    cdef int count
    while end - at >= WIDTH:
        count = stepmill_plain(at)
        at += count
        if count < WIDTH:
            return at if at[0] == c'"' else read_string(begin, end)
    return read_string(begin, end)


cdef const char *skip_number(const char *at, const char *end) noexcept:
    """The place after a JSON number; NULL if it is none that every reader takes alike."""
    cdef const char *digits
    at += at < end and at[0] == c"-"
    digits = at
    at = after_digits(at, end)
    if at == digits or at - digits > MOST_DIGITS or (digits[0] == c"0" and at > digits + 1):
        return NULL
    if at < end and at[0] == c".":
        digits = at + 1
        at = after_digits(digits, end)
        if at == digits:
            return NULL
    if at < end and (at[0] == c"e" or at[0] == c"E"):
        at += 1
        at += at < end and (at[0] == c"-" or at[0] == c"+")
        digits = at
        at = after_digits(at, end)
        if at == digits or at - digits > 2:
            return NULL
    return at


cdef inline const char *after_digits(const char *at, const char *end) noexcept:
    while at < end and c"0" <= at[0] <= c"9":
        at += 1
    return at


cdef const char *read_value_of(const char *at, const char *end, Value *value) except? NULL:
    """Read a JSON value that is neither object nor list; NULL if it is one, or is not valid."""
    cdef const char *after
    if at == end:
        return NULL
    if at[0] == c'"':
        after = skip_string(at + 1, end)
        if after == NULL:
            return NULL
        value[0] = Value(View(at + 1, after - at - 1), TEXT_VALUE)
        return after + 1
    if begins(at, end, b"null", 4):
        value[0] = Value(View(), ABSENT)
        return at + 4
    if begins(at, end, b"true", 4):
        value[0] = Value(View(), TRUE_VALUE)
        return at + 4
    if begins(at, end, b"false", 5):
        value[0] = Value(View(), FALSE_VALUE)
        return at + 5
    after = skip_number(at, end)
    if after == NULL:
        return NULL
    value[0] = Value(View(at, after - at), NUMBER_VALUE)
    return after


cdef long whole_number(View number) noexcept:
    """A whole number of at most 18 digits; the least one if it is none."""
    cdef long whole = 0
    cdef size_t place = number.data()[0] == c"-"
    while place < number.size():
        if not c"0" <= number.data()[place] <= c"9":
            return NO_NUMBER
        whole = 10 * whole + (number.data()[place] - c"0")
        place += 1
    return -whole if number.data()[0] == c"-" else whole


cdef long NO_NUMBER = -(1 << 62)


cdef bint is_tree_tag(View tag) noexcept:
    cdef size_t place
    cdef char c
    if tag.size() == 0 or not is_letter(tag.data()[0]):
        return False
    for place in range(tag.size()):
        c = tag.data()[place]
        if not (is_letter(c) or c"0" <= c <= c"9" or c in b"_:.-"):
            return False
    return True


cdef class Tree:
    """A page as `etl.sources.miniwob.dom.Page`, which is the specification."""

    cdef bytes source
    cdef vector[Leaf] leaves
    cdef dict made  # nodes by their place

    cdef const char *read(self, const char *at, const char *end) except? NULL:
        """Read the tree whose brace stands here, and return the place after it; NULL if it is not
        as the specification takes it, or is unusual.
        """
        cdef vector[Py_ssize_t] opened
        cdef Leaf leaf
        cdef Leaf *node
        cdef Value value
        cdef View name
        cdef const char *after
        cdef int key
        cdef bint begins_node = True
        while True:
            if begins_node:  # at its brace
                if at == end or at[0] != c"{" or opened.size() == DEEPEST:
                    return NULL
                memset(&leaf, 0, sizeof(Leaf))
                leaf.parent = opened.back() if opened.size() else -1
                opened.push_back(self.leaves.size())
                self.leaves.push_back(leaf)
                at = after_blanks(at + 1, end)
                begins_node = False
                if at < end and at[0] == c"}":
                    return NULL
            else:  # after a value or a list of children
                at = after_blanks(at, end)
                if at == end:
                    return NULL
                if at[0] == c",":
                    at = after_blanks(at + 1, end)
                elif at[0] == c"}":
                    if not self.finish(opened.back()):
                        return NULL
                    opened.pop_back()
                    at += 1
                    if opened.size() == 0:
                        return at
                    at = after_blanks(at, end)
                    if at == end:
                        return NULL
                    if at[0] == c",":
                        at = after_blanks(at + 1, end)
                        begins_node = True
                    elif at[0] == c"]":
                        at += 1
                    else:
                        return NULL
                    continue
                else:
                    return NULL
            if at == end or at[0] != c'"':
                return NULL
            after = skip_string(at + 1, end)
            if after == NULL:
                return NULL
            name = View(at + 1, after - at - 1)
            if memchr(name.data(), c"\\", name.size()) != NULL:
                return NULL
            at = after_blanks(after + 1, end)
            if at == end or at[0] != c":":
                return NULL
            at = after_blanks(at + 1, end)
            key = tree_key(name)
            node = &self.leaves[opened.back()]
            if key != OTHER_KEY:
                if node.seen >> key & 1:
                    return NULL
                node.seen |= 1 << key
            if key == CHILDREN_KEY:
                if at == end or at[0] != c"[":
                    return NULL
                at = after_blanks(at + 1, end)
                if at < end and at[0] == c"]":
                    at += 1
                else:
                    begins_node = True
                continue
            if key == CLASSES_KEY and begins(at, end, b"{}", 2):  # the recorder writes it for SVG
                at += 2
                continue
            at = read_value_of(at, end, &value)
            if at == NULL or not self.keep(node, key, value):
                return NULL

    cdef bint keep(self, Leaf *node, int key, Value value) noexcept:
        """Keep a value of a node; False if it is unusual."""
        if key == TAG_KEY:
            node.tag = value.at
            return value.kind == TEXT_VALUE
        if key == REF_KEY:
            node.ref = whole_number(value.at) if value.kind == NUMBER_VALUE else NO_NUMBER
            return node.ref != NO_NUMBER
        if key == TEXT_KEY:
            node.text = value
            return value.kind == TEXT_VALUE
        if key == ID_KEY or key == CLASSES_KEY:
            if key == ID_KEY:
                node.id = value
            else:
                node.classes = value
            return value.kind == TEXT_VALUE or value.kind == ABSENT
        if key == VALUE_KEY:
            node.value = value
            return value.kind != NUMBER_VALUE
        if key == LEFT_KEY or key == TOP_KEY:
            if key == LEFT_KEY:
                node.left = value
            else:
                node.top = value
            return value.kind == NUMBER_VALUE or value.kind == ABSENT
        if key == TARGET_KEY:
            node.target = value.kind == TRUE_VALUE
            return value.kind == TRUE_VALUE or value.kind == FALSE_VALUE or value.kind == ABSENT
        return True

    cdef bint finish(self, Py_ssize_t place) noexcept:
        """End a node; False if it is unusual."""
        cdef Leaf *node = &self.leaves[place]
        node.end = self.leaves.size()
        node.is_text = node.tag == View(b"t", 1)
        return (
            node.seen >> TAG_KEY & 1 and node.seen >> REF_KEY & 1
            and (node.is_text or is_tree_tag(node.tag))
        )

    # ---- what actions need

    cdef Py_ssize_t first(self, long ref, View tag) noexcept:
        """The first element with a number and a tag; -1 if there is none."""
        cdef size_t place
        for place in range(self.leaves.size()):
            if (
                self.leaves[place].ref == ref and self.leaves[place].tag == tag
                and not self.leaves[place].is_text
            ):
                return place
        return -1

    cdef object node(self, Py_ssize_t place):
        if place < 0:
            return None
        node = self.made.get(place)
        if node is None:
            node = self.made[place] = Node.__new__(Node)
            (<Node> node).tree, (<Node> node).place = self, place
        return node

    @property
    def body(self):
        return self.node(0)

    @property
    def target(self):
        cdef size_t place
        for place in range(self.leaves.size()):
            if self.leaves[place].target and not self.leaves[place].is_text:
                return self.node(place)
        return None

    def element(self, tuple key not None):
        """The element with this ``(ref, tag)``; None if there is none."""
        tag = to_utf8(key[1])
        return self.node(self.first(key[0], view(tag)))

    def list_of(self, Node option not None):
        """The <select> that holds this option, or is it; None if there is none."""
        cdef Py_ssize_t place
        cdef Leaf *leaf
        for place in range(<Py_ssize_t> self.leaves.size()):
            leaf = &self.leaves[place]
            if (
                leaf.tag == View(b"SELECT", 6) and place <= option.place < leaf.end
                and self.first(leaf.ref, leaf.tag) == place
            ):
                return self.node(place)
        return None

    def ref_of(self, Node node not None):
        """The number of an element as it is rendered."""
        cdef Py_ssize_t earlier
        cdef int count = 1
        cdef long ref = self.leaves[node.place].ref
        for earlier in range(node.place):
            count += self.leaves[earlier].ref == ref and not self.leaves[earlier].is_text
        return f"{ref}-{count}" if count > 1 else str(ref)

    def render(self):
        """The page as markup, in UTF-8."""
        cdef Out out
        cdef unordered_map[long, int] counts
        cdef vector[Py_ssize_t] opened
        cdef vector[View] names, before  # of the open elements; the text before the next child
        cdef Py_ssize_t place = 0
        cdef Leaf *leaf
        cdef View name
        cdef string small
        while place < <Py_ssize_t> self.leaves.size() or opened.size():
            if opened.size() and place >= self.leaves[opened.back()].end:
                leaf = &self.leaves[opened.back()]
                name = element_name(leaf.tag, small)
                if not is_void_name(name):
                    out.add(b"</", 2)
                    out.add(name.data(), name.size())
                    out.add_byte(c">")
                opened.pop_back()
                before.pop_back()
                continue
            leaf = &self.leaves[place]
            if leaf.is_text:
                if before.size() and leaf.text.at.size():
                    if before.back().size() and run_together(before.back(), leaf.text.at):
                        out.add_byte(c" ")
                    before[before.size() - 1] = leaf.text.at
                add_escaped(leaf.text.at, False, out)
                for place in range(place, leaf.end):  # they are numbered all the same
                    if not self.leaves[place].is_text:
                        counts[self.leaves[place].ref] += 1
                place = leaf.end
                continue
            if before.size():
                before[before.size() - 1] = View()
            counts[leaf.ref] += 1
            add_element(leaf, counts[leaf.ref], out)
            opened.push_back(place)
            before.push_back(leaf.text.at)
            place += 1
        return PyBytes_FromStringAndSize(out.data(), out.used)


cdef View element_name(View tag, string &out) except *:
    """The name of an element, which its recorded tag begins with: ``INPUT_text`` is an input."""
    cdef View name = lowered(tag, out)
    return View(name.data(), 5) if begins_with(name, INPUT_) else name


cdef inline bint begins_with(View text, View beginning) noexcept:
    return (
        text.size() >= beginning.size()
        and memcmp(text.data(), beginning.data(), beginning.size()) == 0
    )


cdef bint is_void_name(View name) noexcept:
    cdef View each
    for each in VOID_NAMES:
        if each == name:
            return True
    return False


cdef View INPUT_ = View(b"input_", 6)
cdef View TEXTAREA = View(b"textarea", 8)
cdef list _void_names = [
    name.encode() for name in "area base br col embed hr img input link meta source track wbr".split()
]
cdef vector[View] VOID_NAMES
for _name in _void_names:
    VOID_NAMES.push_back(view(_name))


cdef int add_element(const Leaf *leaf, int count, Out &out) except -1:
    """Write an element's start tag and its own text. count: of the elements with its number."""
    cdef string small
    cdef View tag = lowered(leaf.tag, small)
    cdef View name = tag, text = leaf.text.at
    cdef bint is_input = begins_with(tag, INPUT_)
    if is_input:
        name = View(tag.data(), 5)
    out.add_byte(c"<")
    out.add(name.data(), name.size())
    if leaf.id.at.size():
        add_attribute(b" id", 3, leaf.id.at, out)
    if leaf.classes.at.size():
        add_attribute(b" class", 6, leaf.classes.at, out)
    if is_input and tag.size() > 6:
        add_attribute(b" type", 5, View(tag.data() + 6, tag.size() - 6), out)
    if leaf.value.kind == TRUE_VALUE:
        out.add(b" checked", 8)
    elif leaf.value.kind == TEXT_VALUE and name == TEXTAREA:
        text = leaf.value.at
    elif leaf.value.kind == TEXT_VALUE:
        add_attribute(b" value", 6, leaf.value.at, out)
    out.add(b' ref="', 6)
    out.add_number(leaf.ref)
    if count > 1:
        out.add_byte(c"-")
        out.add_number(<long> count)
    out.add(b'">', 2)
    add_escaped(text, False, out)
    return 0


cdef int add_attribute(const char *name, size_t size, View value, Out &out) except -1:
    out.add(name, size)
    out.add(b'="', 2)
    add_escaped(value, True, out)
    out.add_byte(c'"')
    return 0


cdef View unescaped(View text) except *:
    """A JSON string as UTF-8: itself, or in `room`."""
    if memchr(text.data(), c"\\", text.size()) == NULL:
        return text
    read_string(text.data(), text.data() + text.size() + 1)
    return View(room.data(), read_size)


cdef int add_escaped(View text, bint quotes, Out &out) except -1:
    """Write a JSON string as `html.escape` does."""
    cdef size_t place
    cdef char c
    if text.size() == 0:
        return 0
    text = unescaped(text)
    for place in range(text.size()):
        c = text.data()[place]
        if c == c"&":
            out.add(b"&amp;", 5)
        elif c == c"<":
            out.add(b"&lt;", 4)
        elif c == c">":
            out.add(b"&gt;", 4)
        elif quotes and c == c'"':
            out.add(b"&quot;", 6)
        elif quotes and c == c"'":
            out.add(b"&#x27;", 6)
        else:
            out.add_byte(c)
    return 0


cdef bint run_together(View before, View text) except -1:
    """Whether there is no white space at the end of the one text nor at the start of the other."""
    cdef const char *at, *end
    before = unescaped(before)
    end = before.data() + before.size()
    at = end - 1
    while at > before.data() and (at[0] & 0xC0) == 0x80:
        at -= 1
    if CLASS[<uint8_t> at[0]] == SPACE or wide_space(at, end):
        return False
    text = unescaped(text)
    at = text.data()
    return CLASS[<uint8_t> at[0]] != SPACE and not wide_space(at, at + text.size())


cdef class Node:
    """A node of a `Tree`, as the object that was recorded."""

    cdef Tree tree
    cdef Py_ssize_t place

    def __getitem__(self, str name not None):
        value = self.get(name, self)
        if value is self:
            raise KeyError(name)
        return value

    def get(self, str name not None, default=None):
        cdef Leaf *leaf = &self.tree.leaves[self.place]
        cdef Py_ssize_t child
        cdef bytes raw = to_utf8(name)
        cdef int key = tree_key(view(raw))
        if key == OTHER_KEY or not leaf.seen >> key & 1:
            return default
        if key == TAG_KEY:
            return to_str(leaf.tag)
        if key == REF_KEY:
            return leaf.ref
        if key == CHILDREN_KEY:
            children = []
            child = self.place + 1
            while child < leaf.end:
                children.append(self.tree.node(child))
                child = self.tree.leaves[child].end
            return children
        if key == TEXT_KEY:
            return python_value(leaf.text)
        if key == ID_KEY:
            return python_value(leaf.id)
        if key == CLASSES_KEY:
            return python_value(leaf.classes)
        if key == VALUE_KEY:
            return python_value(leaf.value)
        if key == LEFT_KEY:
            return python_value(leaf.left)
        return python_value(leaf.top) if key == TOP_KEY else leaf.target


cdef object python_value(Value value):
    if value.kind == TEXT_VALUE:
        return to_str(unescaped(value.at))
    if value.kind == NUMBER_VALUE:
        number = to_str(value.at)
        return int(number) if number.lstrip("-").isdigit() else float(number)
    return None if value.kind == ABSENT else value.kind == TRUE_VALUE


def without_trees(bytes json not None, bytes key not None, bytes mark not None):
    """JSON with strings for the trees of a key, and these as `Tree`; None if there are none.

    The strings are ``mark`` and the number of the tree from 1. It is None too if one of the trees is
    not as `etl.sources.miniwob.dom` takes it, or is unusual. Of keys see `without_strings`.
    """
    global room
    cdef const char *at = PyBytes_AS_STRING(json)
    cdef const char *end = at + PyBytes_GET_SIZE(json), *done = at
    cdef string rest
    cdef list trees = []
    cdef Tree tree
    quoted = b'"' + key + b'"'
    while True:
        at = <const char *> memmem(at, end - at, <const char *> quoted, len(quoted))
        if at == NULL:
            break
        at = after_blanks(at + len(quoted), end)
        if at == end or at[0] != c":":
            continue
        at = after_blanks(at + 1, end)
        if at == end or at[0] != c"{":
            continue
        rest.append(done, at - done)
        tree = Tree.__new__(Tree)
        tree.source, tree.made = json, {}
        if trees:
            tree.leaves.reserve((<Tree> trees[len(trees) - 1]).leaves.size())
        done = tree.read(at, end)
        if done == NULL:
            return None
        trees.append(tree)
        instead = b'"' + mark + b'%d"' % len(trees)
        rest.append(<const char *> instead, len(instead))
        at = done
    if room.size() > LARGE:
        room = string()
    if not trees:
        return None
    rest.append(done, end - done)
    return PyBytes_FromStringAndSize(rest.data(), rest.size()), trees
