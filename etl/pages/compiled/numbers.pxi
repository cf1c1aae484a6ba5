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


cdef class Numberer:
    """Finds numbers of elements; all it has is room."""

    cdef vector[uint64_t] hashes  # of the lines of the elements
    cdef vector[int32_t] slots  # a table of hashes: the first element that has each, or -1
    cdef vector[uint32_t] same, times  # of each element: that element, and how often it has it
    cdef vector[uint64_t] keys  # of the elements: what tells each from all others
    cdef Pairs around  # (line, last line before it that comes once) -> a number
    cdef vector[uint32_t] met_there, tries  # by that number: how often
    cdef vector[int32_t] owners

    cdef int number(
        self, const vector[uint64_t] &hashes, const vector[int32_t] &sayings,
        vector[int32_t] &numbers
    ) except -1:
        """Find the numbers of the elements of a page.

        hashes: of the long lines, by saying.
        """
        cdef size_t place, count = sayings.size()
        cdef uint32_t line, where, last = NOBODY  # of the last line that comes once
        cdef uint64_t hash, slot, mask = 1, around = 0
        self.hashes.resize(count)
        self.same.resize(count)
        self.keys.resize(count)
        self.times.assign(count, 0)
        while mask < 2 * count:
            mask = 2 * mask + 1
        self.slots.assign(mask + 1, NOBODY)
        for place in range(count):
            hash = self.hashes[place] = hashes[sayings[place]]
            slot = stepmill_mix(hash ^ stepmill_seed, STEP) & mask
            while self.slots[slot] != NOBODY and self.hashes[self.slots[slot]] != hash:
                slot = (slot + 1) & mask
            if self.slots[slot] == NOBODY:
                self.slots[slot] = <int32_t> place
            line = self.slots[slot]
            self.same[place] = line
            self.times[line] += 1
        self.around.clear(count)
        self.met_there.assign(1, 0)
        for place in range(count):
            hash, line = self.hashes[place], self.same[place]
            if self.times[line] == 1:
                around, last = hash, line
                self.keys[place] = mixed(hash)
                continue
            where = self.around.number(line, last + 1)
            if where == self.met_there.size():
                self.met_there.push_back(0)
            self.met_there[where] += 1
            self.keys[place] = mixed(hash ^ mixed(around + self.met_there[where] * STEP))
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
