# The words of texts, as `etl.pages.compact.relevance.words_in` finds them in plain Python.

cdef enum:
    LONGEST_NAME = 100  # `LONGEST` there

cdef enum:  # numbers that no word has: the ends of what may call an element, and of all that may
    NAME_END
    NAMES_END
    FIRST_WORD

cdef uint8_t IN_WORD[256]  # letters, digits, and all that is not ASCII

memset(IN_WORD, 1, 256)
for _byte in range(128):
    IN_WORD[_byte] = chr(_byte).isalnum()


cdef class WordIndex:
    """Numbers the words of texts, in lower case. words_in: in plain Python, for other alphabets."""

    cdef object words_in
    cdef Arena bytes
    cdef uint32_t used  # numbers
    cdef ShortWords short_words
    cdef Table[Numbered] numbers  # of other words
    cdef unordered_map[string, vector[uint32_t]] mixed  # runs that are not ASCII alone: their words
    cdef string run

    def __cinit__(self, words_in):
        self.words_in = words_in
        self.used = FIRST_WORD

    cdef int64_t find(self, str word) except -2:
        """The number of a word; -1 if no text has had it."""
        cdef bytes utf8 = to_utf8(word)
        cdef size_t size = len(utf8)
        cdef int64_t number
        cdef Numbered *found
        if size <= self.short_words.longest and word.isascii():
            number = self.short_words.find(utf8, size)
            return number or -1
        found = self.numbers.find(view(utf8))
        return -1 if found == NULL else <int64_t> found.number

    cdef uint32_t number(self, View word) except? 0:
        """The number of a word in lower case."""
        cdef uint32_t number
        cdef Numbered *found
        if word.size() <= self.short_words.longest and is_ascii(word):
            number = self.short_words.number(word.data(), word.size(), self.used)
        else:
            found = self.numbers.find(word)
            if found == NULL:
                found = self.numbers.add(self.bytes.keep(word.data(), word.size()))
                found.number = self.used
            number = found.number
        self.used += number == self.used
        return number

    cdef bint find_all(self, list words, vector[uint32_t] &found) except -1:
        """Find the numbers of words; False if no text has had one of them."""
        cdef int64_t number
        found.clear()
        for word in words:
            number = self.find(word)
            if number < 0:
                return False
            found.push_back(<uint32_t> number)
        return True

    cdef int add(self, View text, vector[uint32_t] &found) except -1:
        """Add the numbers of the words of a text, in their order."""
        cdef const char *at = text.data(), *end = at + text.size(), *begin
        cdef uint32_t number
        cdef uint8_t bits
        if memmem(at, text.size(), b"\xce\xa3", 2) != NULL:
            return self.ask(text, found)  # how a sigma is in lower case, the text around it decides
        while at < end:
            begin, bits = at, 0
            while at < end and IN_WORD[<uint8_t> at[0]]:
                bits |= <uint8_t> at[0]
                at += 1
            if at == begin:
                at += 1
                continue
            if bits < 0x80 and <size_t> (at - begin) <= self.short_words.longest:
                number = self.short_words.number(begin, at - begin, self.used)
                self.used += number == self.used
                found.push_back(number)
                continue
            self.run.assign(begin, at - begin)
            for place in range(self.run.size()):
                self.run[place] = lower(self.run[place])
            if bits < 0x80:
                found.push_back(self.number(view_of(self.run)))
            else:
                if not self.mixed.count(self.run):
                    self.ask(View(self.run.data(), self.run.size()), self.mixed[self.run])
                found.insert(
                    found.end(), self.mixed[self.run].begin(), self.mixed[self.run].end()
                )
        return 0

    cdef int ask(self, View text, vector[uint32_t] &found) except -1:
        for word in self.words_in(to_str(text)):
            utf8 = to_utf8(word)
            found.push_back(self.number(view(utf8)))
        return 0
