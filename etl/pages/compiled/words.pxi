# The words of texts, as `etl.pages.compact.relevance.words_in` finds them in plain Python.

cdef enum:
    LONGEST_NAME = 100  # `LONGEST` there

cdef enum:  # numbers that no word has: the ends of what may call an element, and of all that may
    NAME_END
    NAMES_END

cdef class WordIndex:
    """Numbers the words of texts, in lower case. words_in: in plain Python, for other alphabets."""

    cdef object words_in
    cdef Arena bytes
    cdef Table[Numbered] numbers
    cdef unordered_map[string, vector[uint32_t]] mixed  # runs that are not ASCII alone: their words
    cdef string run

    def __cinit__(self, words_in):
        self.words_in = words_in
        for end in (b"", b" "):  # `NAME_END` and `NAMES_END`
            number_of(self.numbers, self.bytes, end)

    cdef int64_t find(self, str word) except -2:
        """The number of a word; -1 if no text has had it."""
        cdef bytes utf8 = to_utf8(word)
        cdef Numbered *found = self.numbers.find(view(utf8))
        return -1 if found == NULL else <int64_t> found.number

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
        cdef const char *at = text.data(), *end = at + text.size()
        cdef bint ascii
        if memmem(at, text.size(), b"\xce\xa3", 2) != NULL:
            return self.ask(text, found)  # how a sigma is in lower case, the text around it decides
        while at < end:
            self.run.clear()
            ascii = True
            while at < end and (at[0] & 0x80 or is_letter(at[0]) or c"0" <= at[0] <= c"9"):
                ascii = ascii and not at[0] & 0x80
                self.run.append(1, lower(at[0]))
                at += 1
            if self.run.empty():
                at += 1
            elif ascii:
                found.push_back(number_of(self.numbers, self.bytes, self.run))
            else:
                if not self.mixed.count(self.run):
                    self.ask(View(self.run.data(), self.run.size()), self.mixed[self.run])
                found.insert(
                    found.end(), self.mixed[self.run].begin(), self.mixed[self.run].end()
                )
        return 0

    cdef int ask(self, View text, vector[uint32_t] &found) except -1:
        for word in self.words_in(to_str(text)):
            found.push_back(number_of(self.numbers, self.bytes, to_utf8(word)))
        return 0
