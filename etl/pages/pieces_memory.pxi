# Memory of `etl.pages.pieces`: bytes that stay, bytes that grow, and tables from bytes to numbers 0, 1, 2 ...

cdef extern from *:
    """
    static inline uint64_t stepmill_mix(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    static inline uint64_t stepmill_word(const char *at, size_t size) {  /* of at most 8 bytes */
        uint64_t word = 0;
        memcpy(&word, at, size);
        return word;
    }
    /* In the manner of wyhash; the seed is secret, so that no page can be made of pieces that collide. */
    static inline uint64_t stepmill_hash(const char *at, size_t size, uint64_t seed) {
        const uint64_t odd = seed ^ 0x2d358dccaa6c78a5ull;
        uint64_t a, b, hash = seed ^ (size * 0x9e3779b97f4a7c15ull);
        for (; size > 16; at += 16, size -= 16)
            hash = stepmill_mix(stepmill_word(at, 8) ^ odd, stepmill_word(at + 8, 8) ^ hash);
        if (size >= 8) {
            a = stepmill_word(at, 8);
            b = stepmill_word(at + size - 8, 8);
        } else if (size >= 4) {
            a = stepmill_word(at, 4);
            b = stepmill_word(at + size - 4, 4);
        } else {
            a = stepmill_word(at, size);
            b = 0;
        }
        return stepmill_mix(a ^ odd, b ^ hash);
    }
    """
    uint64_t stepmill_hash(const char *at, size_t size, uint64_t seed) nogil


cdef struct Arena:  # bytes that stay where they are
    char **blocks
    size_t count
    char *at
    size_t left
    size_t total


cdef char *arena_take(Arena *arena, const char *source, size_t size) except NULL:
    """A copy of some bytes."""
    cdef char *block
    cdef char **blocks
    cdef size_t room
    if size > arena.left or arena.at == NULL:
        room = size if size > BLOCK else BLOCK
        block = <char *> malloc(room)
        blocks = <char **> realloc(arena.blocks, (arena.count + 1) * sizeof(char *))
        if blocks != NULL:
            arena.blocks = blocks
        if block == NULL or blocks == NULL:
            free(block)
            raise MemoryError
        arena.blocks[arena.count] = block
        arena.count += 1
        arena.total += room
        arena.at = block
        arena.left = room
    block = arena.at
    if size:
        memcpy(block, source, size)
    arena.at += size
    arena.left -= size
    return block


cdef void arena_free(Arena *arena) noexcept:
    cdef size_t number
    for number in range(arena.count):
        free(arena.blocks[number])
    free(arena.blocks)
    memset(arena, 0, sizeof(Arena))


cdef struct Buffer:  # bytes that grow
    char *at
    size_t size
    size_t room


cdef int buffer_room(Buffer *buffer, size_t more) except -1:
    cdef size_t room
    cdef char *at
    if buffer.size + more > buffer.room:
        room = buffer.size + more + (buffer.size + more) // 2 + 4096
        at = <char *> realloc(buffer.at, room)
        if at == NULL:
            raise MemoryError
        buffer.at = at
        buffer.room = room
    return 0


cdef void buffer_trim(Buffer *buffer) noexcept:
    """Give a large one back."""
    if buffer.room > LARGE:
        free(buffer.at)
        memset(buffer, 0, sizeof(Buffer))


cdef inline int buffer_add(Buffer *buffer, const char *source, size_t size) except -1:
    if buffer.size + size > buffer.room:
        buffer_room(buffer, size)
    if size:
        memcpy(buffer.at + buffer.size, source, size)
        buffer.size += size
    return 0


cdef int buffer_number(Buffer *buffer, Py_ssize_t number) except -1:
    cdef char digits[24]
    cdef int at = 24
    while True:
        at -= 1
        digits[at] = 48 + <char> (number % 10)
        number //= 10
        if number == 0:
            break
    return buffer_add(buffer, digits + at, 24 - at)


# ---- a table from bytes to numbers 0, 1, 2 ...


cdef struct Key:
    const char *at
    uint64_t hash
    uint32_t size
    uint32_t salt


cdef struct Slot:
    uint32_t check
    uint32_t number


cdef struct Table:
    Slot *slots
    Key *keys
    size_t mask
    uint32_t count
    uint32_t room
    uint64_t seed
    Arena arena


cdef int table_make(Table *table, uint64_t seed) except -1:
    memset(table, 0, sizeof(Table))
    table.seed = seed
    table.mask = 255
    table.slots = <Slot *> malloc(256 * sizeof(Slot))
    if table.slots == NULL:
        raise MemoryError
    memset(table.slots, 0xFF, 256 * sizeof(Slot))
    return 0


cdef void table_free(Table *table) noexcept:
    free(table.slots)
    free(table.keys)
    arena_free(&table.arena)
    memset(table, 0, sizeof(Table))


cdef size_t table_bytes(Table *table) noexcept:
    return table.arena.total + table.room * sizeof(Key) + (table.mask + 1) * sizeof(Slot)


cdef inline uint64_t table_hash(Table *table, const char *at, size_t size, uint32_t salt) noexcept:
    return stepmill_hash(at, size, table.seed + salt)


cdef inline uint32_t table_find(Table *table, const char *at, size_t size, uint32_t salt, uint64_t hash) noexcept:
    """The number of a key, NONE if it is not there."""
    cdef size_t place = hash & table.mask
    cdef uint32_t number
    cdef Key *key
    while True:
        number = table.slots[place].number
        if number == NONE:
            return NONE
        if table.slots[place].check == <uint32_t> (hash >> 32):
            key = &table.keys[number]
            if key.size == size and key.salt == salt and memcmp(key.at, at, size) == 0:
                return number
        place = (place + 1) & table.mask


cdef void table_put(Table *table, uint32_t number) noexcept:
    cdef uint64_t hash = table.keys[number].hash
    cdef size_t place = hash & table.mask
    while table.slots[place].number != NONE:
        place = (place + 1) & table.mask
    table.slots[place].number = number
    table.slots[place].check = <uint32_t> (hash >> 32)


cdef uint32_t table_add(Table *table, const char *at, size_t size, uint32_t salt, uint64_t hash, bint found) except? NONE:
    """The number of a new key; one that shall not be found is only counted."""
    cdef Slot *slots
    cdef Key *keys
    cdef uint32_t number = table.count, other
    cdef size_t slot_count
    if number == table.room:
        keys = <Key *> realloc(table.keys, (table.room * 2 + 64) * sizeof(Key))
        if keys == NULL:
            raise MemoryError
        table.keys = keys
        table.room = table.room * 2 + 64
    table.keys[number].at = arena_take(&table.arena, at, size) if found else NULL
    table.keys[number].size = <uint32_t> size
    table.keys[number].salt = salt
    table.keys[number].hash = hash
    if <size_t> (number + 1) * 2 > table.mask:
        slot_count = (table.mask + 1) * 4
        slots = <Slot *> malloc(slot_count * sizeof(Slot))
        if slots == NULL:
            raise MemoryError
        memset(slots, 0xFF, slot_count * sizeof(Slot))
        free(table.slots)
        table.slots = slots
        table.mask = slot_count - 1
        for other in range(number):
            if table.keys[other].at != NULL:
                table_put(table, other)
    table.count = number + 1
    if found:
        table_put(table, number)
    return number
