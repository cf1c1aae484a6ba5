# The numbers of elements: `etl.pages.compact.numbers` has it in plain Python.

cdef enum:
    NOBODY = -1

cdef uint64_t STEP = 0x9E3779B97F4A7C15ULL


cdef uint64_t hash_of(View line) noexcept:
    cdef uint64_t value = 0xCBF29CE484222325ULL
    cdef size_t place
    for place in range(line.size()):
        value = (value ^ <uint8_t> line.data()[place]) * 0x100000001B3ULL
    return value


cdef inline uint64_t mixed(uint64_t value) noexcept:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ULL
    value = (value ^ value >> 27) * 0x94D049BB133111EBULL
    return value ^ value >> 31


cdef int32_t limit_of(size_t count) noexcept:
    cdef size_t power = 10
    while 4 * 5 * power < 5 * count:
        power *= 10
    if 4 * power >= 5 * count:
        return <int32_t> power
    return <int32_t> (2 * power if 4 * 2 * power >= 5 * count else 5 * power)


cdef struct LineKey:  # of a saying
    uint64_t hash  # of its long line, as in `etl.pages.compact.numbers`
    uint32_t same  # the number of that hash, from 1


cdef class Numberer:
    """Finds numbers of elements; all it has is room."""

    cdef vector[LineKey] page_keys  # of the elements
    cdef vector[uint32_t] lines_met  # by `LineKey.same`: how often; zero after a page
    cdef vector[uint64_t] keys  # of the elements: what tells each from all others
    cdef Pairs around  # (line, last line before it that comes once) -> a number
    cdef vector[uint32_t] met_there, tries  # by that number: how often
    cdef vector[int32_t] owners

    cdef int number(
        self, const vector[LineKey] &lines, uint32_t most, const vector[int32_t] &sayings,
        vector[int32_t] &numbers
    ) except -1:
        """Find the numbers of the elements of a page.

        lines: by saying. most: the greatest number of a hash.
        """
        cdef size_t place, count = sayings.size()
        cdef uint32_t where, last = 0
        cdef uint64_t around = 0
        cdef LineKey key
        self.lines_met.resize(most + 1)
        self.page_keys.resize(count)
        self.keys.resize(count)
        for place in range(count):
            key = self.page_keys[place] = lines[sayings[place]]
            self.lines_met[key.same] += 1
        self.around.clear()
        self.met_there.assign(1, 0)
        for place in range(count):
            key = self.page_keys[place]
            if self.lines_met[key.same] == 1:
                around, last = key.hash, key.same
                self.keys[place] = mixed(key.hash)
                continue
            where = self.around.number(key.same, last)
            if where == self.met_there.size():
                self.met_there.push_back(0)
            self.met_there[where] += 1
            self.keys[place] = mixed(key.hash ^ mixed(around + self.met_there[where] * STEP))
        for place in range(count):
            self.lines_met[self.page_keys[place].same] = 0
        return find_numbers(self.keys, self.owners, self.tries, numbers)


cdef int find_numbers(
    const vector[uint64_t] &keys, vector[int32_t] &owners, vector[uint32_t] &tries,
    vector[int32_t] &numbers
) except -1:
    """Find the number of each key. owners, tries: room.

    Who comes to a number that another key has keeps it if its key is less, or the same and earlier;
    the other goes on. That ends as if the least key had chosen first, then the next one, and so on.
    """
    cdef uint64_t limit = limit_of(keys.size())
    cdef size_t place
    cdef int32_t one, other
    cdef uint64_t number
    owners.assign(limit, NOBODY)
    tries.assign(keys.size(), 0)
    numbers.resize(keys.size())
    for place in range(keys.size()):
        one = <int32_t> place
        while one != NOBODY:
            number = mixed(keys[one] + tries[one] * STEP) % limit
            other = owners[number]
            if other == NOBODY or keys[one] < keys[other] or (
                keys[one] == keys[other] and one < other
            ):
                owners[number] = one
                numbers[one] = <int32_t> number
                one = other
            if one != NOBODY:
                tries[one] += 1
    return 0
