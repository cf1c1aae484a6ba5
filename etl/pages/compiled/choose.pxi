# Which lines of a page stay within a budget: `etl.pages.compact.choose` says how, in plain Python.

cdef enum:  # as in `etl.pages.compact.choose`
    LEAST = 4
    MARK = 3

cdef enum:  # as in `etl.pages.compact.relevance`
    CALLED_AGAIN = 15000000
    AROUND = 2
    LESS = 10000000
    NEAR = 4

cdef double MOST = 40.0, HALF = 6.0  # as there

cdef enum:  # forms of a line
    NONE, BRIEF, WHOLE


cdef extern from *:
    """
    #include <algorithm>
    #include <numeric>
    struct StepmillRanked { /* by score, the greatest first, then by place */
        int64_t score;
        int32_t place;
        bool operator<(const StepmillRanked &other) const {
            return score != other.score ? score > other.score : place < other.place;
        }
    };
    /* Puts first those that fit together, were they taken in order, and says how many these are. */
    static size_t stepmill_fit(
        std::vector<StepmillRanked> &all, const std::vector<int64_t> &tokens, int64_t budget
    ) {
        size_t low = 0, high = all.size();
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            std::nth_element(all.begin() + low, all.begin() + middle, all.begin() + high);
            int64_t sum = 0;
            for (size_t at = low; at <= middle; at++) sum += tokens[all[at].place];
            if (sum > budget) high = middle;
            else { budget -= sum; low = middle + 1; }
        }
        return low;
    }
    """
    cdef struct Ranked "StepmillRanked":
        int64_t score
        int32_t place
    size_t fit "stepmill_fit"(
        vector[Ranked] &all, const vector[int64_t] &tokens, int64_t budget
    )


def spread(list each not None, Py_ssize_t size):
    """`etl.pages.compact.relevance.plain_spread`; the flags are bytes."""
    cdef vector[double] scores, lent
    cdef bytes result = PyBytes_FromStringAndSize(NULL, size * sizeof(int64_t))
    cdef int64_t *added = <int64_t *> PyBytes_AS_STRING(result)
    cdef const char *flag
    cdef double weight
    cdef Py_ssize_t place, by
    cdef bytes flags
    scores.assign(size, 0)
    for weight, flags in each:
        flag = PyBytes_AS_STRING(flags)
        for place in range(size):
            if flag[place]:
                scores[place] += weight
    for place in range(size):
        scores[place] = MOST * scores[place] / (scores[place] + HALF)
    lent = scores
    for by in range(1, NEAR + 1):
        for place in range(size - by):
            lent[place] = max(lent[place], scores[place + by] / 2)
            lent[place + by] = max(lent[place + by], scores[place] / 2)
    for place in range(size):
        added[place] = <int64_t> rint(lent[place] * PARTS)
    return result


cdef struct Between:  # an element that may stay, or the end of a page
    int32_t rank  # -1: of the end
    int32_t cut  # elements that are cut between the one before and this, and not silent
    bint speaks  # it is not silent


cdef class Units:
    """The elements of a page that can be shown; `etl.pages.compact.choose.Lines`."""

    cdef Known known
    cdef vector[int32_t] elements, before, sayings, own_numbers
    cdef vector[int64_t] long_tokens, short_tokens, score

    def arrays(self):
        """`etl.pages.compact.units.Units`: the bytes of three arrays of int32."""
        return bytes_of(self.elements), bytes_of(self.before), bytes_of(self.sayings)

    def numbers(self):
        """The bytes of `etl.pages.compact.numbers.numbers_of`."""
        self.find_numbers()
        return bytes_of(self.own_numbers)

    def number(self, int32_t element):
        """That of an element; -1 if it is none of these."""
        cdef size_t place = (
            lower_bound(self.elements.begin(), self.elements.end(), element) - self.elements.begin()
        )
        if place == self.elements.size() or self.elements[place] != element:
            return -1
        self.find_numbers()
        return self.own_numbers[place]

    cdef int find_numbers(self) except -1:
        if self.own_numbers.empty():
            self.known.numberer.number(self.known.hashes_of, self.sayings, self.own_numbers)
        return 0

    def measure(self):
        """Find the tokens and scores of the lines, as `etl.pages.compact.choose.choice` does."""
        cdef vector[int64_t] *sizes = &self.known.sizes
        cdef vector[int64_t] *folds = &self.known.folds
        cdef vector[int64_t] *repeats = &self.known.repeats
        cdef size_t place, size
        cdef int64_t number, most
        cdef int32_t saying
        cdef Weight *weight
        self.find_numbers()
        self.long_tokens.reserve(self.elements.size())
        self.short_tokens.reserve(self.elements.size())
        self.score.reserve(self.elements.size())
        self.known.said_before.resize(self.known.forms.size())
        for place in range(self.elements.size()):
            saying = self.sayings[place]
            weight = &self.known.weights[saying]
            number, size = self.own_numbers[place], 0
            while number >= 10:
                number //= 10
                size += 1
            self.long_tokens.push_back(sizes[0][size] + weight.long_tokens)
            self.short_tokens.push_back(sizes[0][size] + weight.short_tokens)
            most = folds[0][min(<size_t> self.before[place], folds.size() - 1)]
            most = min(weight.folds, most)
            most += repeats[0][min(<size_t> self.known.said_before[saying], repeats.size() - 1)]
            self.known.said_before[saying] += 1
            self.score.push_back(weight.score - most)
        for place in range(self.elements.size()):
            self.known.said_before[self.sayings[place]] = 0

    def again(self, bytes hits not None):
        """See `etl.pages.compact.choose.Lines`."""
        cdef const char *hit = PyBytes_AS_STRING(hits)
        cdef bytes result = PyBytes_FromStringAndSize(NULL, self.score.size() * sizeof(int64_t))
        cdef int64_t *added = <int64_t *> PyBytes_AS_STRING(result)
        cdef size_t place, by
        for place in range(self.score.size()):
            added[place] = CALLED_AGAIN if hit[place] else 0
        for place in range(self.score.size()):
            if not hit[place] or self.is_silent(place):
                continue
            for by in range(1, min(<size_t> AROUND, place) + 1):
                if self.is_silent(place - by):
                    added[place - by] = max(
                        added[place - by],
                        self.score[place] + CALLED_AGAIN - LESS - self.score[place - by],
                    )
        return result

    cdef inline bint is_silent(self, size_t place) noexcept:
        return self.known.weights[self.sayings[place]].silent

    cdef vector[int64_t] more(self, vector[int64_t] score, bytes added) except *:
        """Scores with what is added to them, if anything is."""
        cdef const int64_t *more = <const int64_t *> PyBytes_AS_STRING(added)
        cdef size_t place
        if PyBytes_GET_SIZE(added):
            for place in range(score.size()):
                score[place] += more[place]
        return score

    cdef int staying(
        self, vector[int64_t] &score, int64_t extras, vector[uint8_t] &forms
    ) except -1:
        """All but the silent elements for which there is no room, in their long forms."""
        cdef vector[Ranked] quiet
        cdef size_t place
        forms.assign(self.elements.size(), WHOLE)
        for place in range(self.elements.size()):
            if self.is_silent(place):
                quiet.push_back(Ranked(score[place], <int32_t> place))
        for place in range(fit(quiet, self.short_tokens, extras), quiet.size()):
            forms[quiet[place].place] = NONE
        return 0

    def plain(self, bytes again not None, int64_t budget, int64_t extras):
        """See `etl.pages.compact.choose.Lines`."""
        cdef vector[uint8_t] forms
        cdef int64_t sum = 0
        cdef size_t place
        cdef vector[int64_t] score = self.more(self.score, again)
        self.staying(score, extras, forms)
        for place in range(forms.size()):
            if forms[place]:
                sum += self.long_tokens[place]
        return None if sum > budget else self.shown(forms)

    def chosen(
        self, bytes again not None, bytes relevance not None, int64_t budget, int64_t extras
    ):
        """See `etl.pages.compact.choose.Lines`."""
        cdef vector[int64_t] score = self.more(self.score, again), sums
        cdef vector[Ranked] order
        cdef vector[Between] ranks
        cdef vector[uint8_t] forms
        cdef size_t place, at
        cdef int64_t sum = 0, left
        cdef int32_t low = 0, high, middle
        self.staying(score, extras, forms)
        score = self.more(score, relevance)
        for place in range(score.size()):
            if forms[place]:
                order.push_back(Ranked(score[place], <int32_t> place))
        order.resize(fit(order, self.short_tokens, budget))
        sort(order.begin(), order.end())
        self.find_ranks(order, ranks)
        sums.push_back(0)
        for place in range(order.size()):
            sum += self.short_tokens[order[place].place]
            sums.push_back(sum)
        high = <int32_t> order.size()
        while low < high:  # the most that fit with their marks
            middle = (low + high + 1) // 2
            if sums[middle] + tokens_of_marks(ranks, middle) <= budget:
                low = middle
            else:
                high = middle - 1
        left = budget - sums[low] - tokens_of_marks(ranks, low)
        forms.assign(score.size(), NONE)
        sum = 0
        for place in range(low):
            at = order[place].place
            sum += self.long_tokens[at] - self.short_tokens[at]
            forms[at] = WHOLE if sum <= left else BRIEF
        return self.shown(forms)

    cdef int find_ranks(self, const vector[Ranked] &order, vector[Between] &ranks) except -1:
        """Find the places in ``order`` of those in it, in the order of the page."""
        cdef vector[int32_t] rank
        cdef size_t place
        cdef int32_t cut = 0
        rank.assign(self.elements.size(), -1)
        for place in range(order.size()):
            rank[order[place].place] = <int32_t> place
        ranks.reserve(order.size() + 1)
        for place in range(rank.size()):
            if rank[place] >= 0:
                ranks.push_back(Between(rank[place], cut, not self.is_silent(place)))
                cut = 0
            else:
                cut += not self.is_silent(place)
        ranks.push_back(Between(-1, cut, False))
        return 0

    cdef object shown(self, vector[uint8_t] &forms):
        """`etl.pages.compact.choose.Shown` as a tuple."""
        cdef string text
        cdef vector[int32_t] elements, numbers
        cdef int64_t cut = 0, cut_chars = 0, silent_chars = 0, saved = 0, tokens = 0
        cdef size_t place
        cdef Form *form
        cdef Weight *weight
        for place in range(forms.size()):
            form = self.known.forms[self.sayings[place]]
            weight = &self.known.weights[self.sayings[place]]
            if forms[place] == NONE:
                if weight.silent:
                    silent_chars += form.long_chars
                else:
                    cut_chars += form.long_chars
                    cut += 1
                continue
            tokens += self.add_mark(text, cut)
            cut = 0
            tokens += self.short_tokens[place] if forms[place] == BRIEF else self.long_tokens[place]
            elements.push_back(self.elements[place])
            numbers.push_back(self.own_numbers[place])
            add_number(text, self.own_numbers[place])
            if forms[place] == WHOLE or weight.is_one:
                text.append(form.long_line.data(), form.long_line.size())
            else:
                text.append(form.short_line.data(), form.short_line.size())
            if forms[place] == BRIEF:
                saved += form.long_chars - form.short_chars
        tokens += self.add_mark(text, cut)
        if text.size():
            text.resize(text.size() - 1)
        return (
            to_str(View(text.data(), text.size())), bytes_of(elements), bytes_of(numbers),
            cut_chars, silent_chars, saved, tokens,
        )

    cdef int64_t add_mark(self, string &text, int64_t cut) except -1:
        """Add the mark of so many elements that were cut, if there are any; its tokens."""
        cdef size_t before = text.size()
        if cut == 0:
            return 0
        text.append(b"\xe2\x80\xa6", 3)
        if cut >= LEAST:
            add_number(text, cut)
        text.append(1, c"\n")
        return self.known.marks[text.size() - before - 4]


cdef int64_t tokens_of_marks(const vector[Between] &ranks, int32_t most) noexcept:
    """At most the tokens of the marks, if those of a lower rank than ``most`` stay."""
    cdef int64_t tokens = 0, cut = 0
    cdef size_t place
    for place in range(ranks.size()):
        cut += ranks[place].cut
        if ranks[place].rank < most:  # so is the end
            tokens += mark_tokens(cut)
            cut = 0
        else:
            cut += ranks[place].speaks
    return tokens


cdef inline int64_t mark_tokens(int64_t cut) noexcept:
    """At most the tokens of the mark of so many elements that were cut in one place."""
    cdef int64_t tokens = MARK
    if cut < LEAST:
        return tokens if cut else 0
    tokens += 1
    while cut >= 10:
        cut //= 10
        tokens += 1
    return tokens


cdef void add_number(string &text, int64_t number) noexcept:
    cdef char digits[20]
    cdef int size = 20
    while True:
        size -= 1
        digits[size] = <char> (c"0" + number % 10)
        number //= 10
        if number == 0:
            break
    text.append(digits + size, 20 - size)
