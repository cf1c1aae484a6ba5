"""Fitting samples to the context: a page that is too long is cut into chunks.

The rule is the reference's (ScribeAgent, naive.py). A segment reaches from one tag to the next, or
is a line of an observation that is a text.
Chunks are made from the right end of the observation to the left; each takes as many segments as
fit the context together with the rest of the prompt. Training keeps the chunk that holds the
target, testing the first one made. A chunk begins with ``<``; the space before it ends the chunk to
its left. So the chunks joined are the observation, in NFC where the vocabulary normalises.

Cost: an observation is encoded once, whether it fits or not. The places before tags are exact
(`splits`), so a binary search over running token counts finds each chunk, and the chunk's ids are a
slice of the observation's. Only the last segment of each chunk is encoded again, with the text
around the observation. Nothing is quadratic in the page. Where the exact places are not known,
chunks are encoded again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.errors import ConfigError
from schemas.reasons import Reason
from schemas.samples import Encoded, Sample
from tokenization.encode import Encoder
from tokenization.splits import line_starts, tag_starts

_JOINTS: Final = 16
"""Tokens by which the parts of a text may sum to more than the whole, without exact places."""

_LIKELY_LONG: Final = 2.5
"""Characters a token, less than most pages have. A page with more characters than this times the
context is likely too long: it is encoded in the way that serves its chunks too.
"""

Policy = Literal["target", "first", "all", "drop"]


class Drop(NamedTuple):
    """Why a sample cannot be used."""

    # the word it is counted under
    reason: Reason
    # what is wrong with this sample
    detail: str
    # tokens of the whole sample; 0 if it could not be encoded
    tokens: int = 0


class Seen(NamedTuple):
    """The part of an observation that a model is shown which nobody has told the target."""

    # the observation, or a chunk of it as it is encoded
    text: str
    # number of the chunk, from 0 at the right end
    chunk: int
    # number of chunks; 1 if it fits whole
    chunks: int


@dataclass(frozen=True)
class Fit:
    """Turns samples into chunks that fit the context.

    Raises: `ConfigError`, when it is made, for an unknown policy or a number out of range.
    """

    # tokens
    context: int = 32_768
    # for samples that do not fit whole: `target` keeps the chunk with the target's start tag (the
    # right-most if the action has no element), `first` the right-most, `all` all, `drop` none
    policy: Policy = "target"
    # a sample that needs more is dropped; 0: no limit
    max_chunks: int = 32

    def __post_init__(self) -> None:
        if (
            self.policy not in ("target", "first", "all", "drop")
            or self.context < 1
            or self.max_chunks < 0
        ):
            raise ConfigError(
                f"cannot fit to {self}: policy is target, first, all or drop, context at least 1"
            )

    def __call__(self, sample: Sample, encoder: Encoder) -> list[Encoded] | Drop:
        """The sample's chunks, left to right, each within the context; or why there are none.

        The reason is one of these:

        - ``over_context``: too long under policy ``drop``, too long even without its observation,
          or one segment alone is too long;
        - ``too_many_chunks``;
        - ``target_not_in_observation``: under policy ``target``.
        """
        page = None
        if encoder.vocabulary.exact and sample.characters > _LIKELY_LONG * self.context:
            page = _Page(sample, encoder)
        whole = page.encode(0, page.segments, 0, 1) if page else encoder(sample)
        if len(whole.input_ids) <= self.context:
            return [whole]
        tokens = len(whole.input_ids)
        if self.policy == "drop":
            return Drop("over_context", f"{tokens} tokens, context {self.context}", tokens)
        page = page or _Page(sample, encoder)
        chunks = self._spans(page, tokens)
        if isinstance(chunks, Drop):
            return chunks._replace(tokens=tokens)
        kept = self._choose(page, chunks)
        if isinstance(kept, Drop):
            return kept._replace(tokens=tokens)
        cut = sum(chunk.tokens for chunk in chunks) - sum(chunks[each].tokens for each in kept)
        encoded = [
            replace(
                page.encode(chunks[each].start, chunks[each].end, each, len(chunks)),
                cut_tokens=cut,
            )
            for each in kept
        ]
        assert all(len(chunk.input_ids) <= self.context for chunk in encoded)
        return encoded

    def seen(self, sample: Sample, encoder: Encoder, chunk: int = 0) -> Seen | Drop:
        """What a model is shown of a sample; or why there is nothing.

        chunk: its number. 0 is what policy ``first`` keeps; the policy itself does not matter here.
        """
        tokens = len(encoder(sample).input_ids)
        if tokens <= self.context:
            return Seen(sample.observation, 0, 1)
        page = _Page(sample, encoder)
        spans = self._spans(page, tokens)
        if isinstance(spans, Drop):
            return spans._replace(tokens=tokens)
        at = min(chunk, len(spans) - 1)
        return Seen(page.part(spans[at].start, spans[at].end).decode(), at, len(spans))

    def _spans(self, page: _Page, whole: int) -> list[_Span] | Drop:
        """The chunks from right to left; or why there are none.

        whole: tokens of the whole sample.
        """
        bare = page.size(0, 0)
        if bare > self.context:
            return Drop(
                "over_context", f"{bare} tokens without the observation, context {self.context}"
            )
        widest = page.widest()
        if bare + widest > self.context + _JOINTS:
            return Drop(
                "over_context",
                f"one piece between tags makes {widest} tokens, context {self.context}",
            )
        limit = self.max_chunks or whole
        # A chunk holds at most the context, so this many tokens need more chunks than the limit.
        if whole > limit * self.context:
            return Drop(
                "too_many_chunks", f"{whole} tokens, at most {limit} chunks of {self.context}"
            )
        spans: list[_Span] = []
        end = page.segments
        while end > 0:
            if len(spans) == limit:
                return Drop(
                    "too_many_chunks", f"{whole} tokens need over {limit} chunks of {self.context}"
                )
            last = page.size(end - 1, end)
            if last > self.context:
                return Drop(
                    "over_context",
                    f"one piece between tags makes {last} tokens, context {self.context}",
                )
            start = page.reach(end, self.context - last)
            if page.exact:
                tokens = last + page.between(start, end - 1)
            else:
                while (tokens := page.size(start, end)) > self.context:
                    start += 1
            spans.append(_Span(start, end, tokens))
            end = start
        return spans

    def _choose(self, page: _Page, spans: list[_Span]) -> list[int] | Drop:
        """The numbers of the chunks to keep, left to right; or why there are none."""
        if self.policy == "all":
            return list(reversed(range(len(spans))))
        if self.policy == "first" or page.sample.node < 0:
            return [0]
        target = page.segment_of_target()
        if target < 0:
            return Drop(
                "target_not_in_observation",
                f"{page.sample.target_html[:200]} is not in the observation",
            )
        return [next(at for at, span in enumerate(spans) if span.start <= target < span.end)]


class _Span(NamedTuple):
    """A chunk: the segments from ``start`` up to ``end``, and its tokens with the whole prompt."""

    start: int
    end: int
    tokens: int


class Extent(NamedTuple):
    """Tokens of a sample, and of its part that a target at the right end needs.

    A context of C tokens holds the whole page if ``whole <= C``. The right-most chunk holds the
    target if ``from_target <= C``, since that chunk is the longest run of segments up to the right
    end that fits.
    """

    # tokens of the sample
    whole: int
    # tokens of the sample if its observation began at the target's segment
    from_target: int


def extent(sample: Sample, encoder: Encoder) -> Extent | None:
    """The extent of a sample; None if its target is not in its observation.

    Encodes the observation once, and the segment at either end again.
    """
    page = _Page(sample, encoder)
    target = page.segment_of_target()
    if sample.node < 0 or target < 0:
        return None
    return Extent(page.size(0, page.segments), page.size(target, page.segments))


class _Page:
    """An observation as segments, from tag to tag or line by line, with running token counts."""

    def __init__(self, sample: Sample, encoder: Encoder) -> None:
        self.sample, self.encoder = sample, encoder
        # The prompt's text on either side of the observation.
        self.before, self.after = encoder.prompt.frame(sample)
        self.exact = encoder.vocabulary.exact
        self.lines = sample.observation_kind != "html"
        # The observation as it is encoded, in UTF-8.
        self.text = encoder.vocabulary.normalised_utf8(sample.utf8, normal=sample.is_normal)
        # Byte positions in `text` where segments begin, and the end of the last: int64.
        self.cuts = np.zeros(1, np.int64)
        if self.text:
            starts = line_starts if self.lines else tag_starts
            self.cuts = np.concatenate([[0], starts(self.text), [len(self.text)]])
        # The space that ends `before` belongs to the first token of the first segment, as the space
        # before any other tag belongs to that tag. With this space in front, every position moves
        # by one byte: a cut's number is now the place of the space before its tag, a token's end.
        # Lines begin where tokens end: nothing is put in front of them.
        self._front = b"" if self.lines else b" "
        if self.exact:
            self.ids = encoder.vocabulary.encode_normalised_utf8(self._front + self.text)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """The number of tokens to the left of each cut, int64."""
        vocabulary = self.encoder.vocabulary
        if not self.exact:
            sizes = [
                vocabulary.count(self.part(i, i + 1).decode(), "text") for i in range(self.segments)
            ]
            return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        ends = np.cumsum(vocabulary.lengths.take(self.ids), dtype=np.int64)
        return np.searchsorted(ends, self.cuts, side="right").astype(np.int64)

    def _tokens_before(self, cut: int) -> int:
        """The number of tokens to the left of a cut, counted from the end if that is near.

        Most observations fit whole. Then only the last segment's tokens have to be counted.
        """
        beyond = len(self.text) + len(self._front) - int(self.cuts[cut])
        if "counts" in self.__dict__ or 2 * beyond > len(self.text):
            return int(self.counts[cut])
        last = self.ids[: -beyond - 1 : -1]
        sizes = np.cumsum(self.encoder.vocabulary.lengths.take(last), dtype=np.int64)
        return len(self.ids) - 1 - int(np.searchsorted(sizes, beyond))

    @property
    def segments(self) -> int:
        """The number of segments."""
        return len(self.cuts) - 1

    def widest(self) -> int:
        """The number of tokens of the largest segment."""
        return int(np.diff(self.counts).max(initial=0))

    def part(self, start: int, end: int) -> bytes:
        """The text of the segments from ``start`` up to ``end``, as UTF-8."""
        return self.text[self.cuts[start] : self.cuts[end]]

    def _segment_of_line(self) -> int:
        """The segment of the target's line in a text that lacks lines; -1 if there is none."""
        wanted = self.encoder.vocabulary.normalise(self.sample.target_html).encode()
        lines = self.text.split(b"\n")
        at = next((at for at, line in enumerate(lines) if line.strip() == wanted), -1)
        return at if at < self.segments else -1

    def size(self, start: int, end: int) -> int:
        """The number of tokens of the sample with these segments only."""
        return len(self.encode(start, end, 0, 1).input_ids)

    def between(self, start: int, end: int) -> int:
        """The number of tokens of the segments from ``start`` up to ``end``, of exact places."""
        return int(self.counts[end] - (self.counts[start] if start else 0)) if start < end else 0

    def reach(self, end: int, budget: int) -> int:
        """The first segment of the longest run up to ``end`` that fits.

        budget: most tokens of the run without its last segment.
        """
        return int(np.searchsorted(self.counts[:end], self.counts[end - 1] - budget, side="left"))

    def encode(self, start: int, end: int, number: int, chunks: int) -> Encoded:
        """The sample with these segments only."""
        if not self.exact or end - start < 2:
            return self.encoder.chunk(self.sample, self.part(start, end), number, chunks)
        # The text after the observation may share a token with its last segment, never with an
        # earlier one.
        last = self.encode(end - 1, end, number, chunks)
        first = self._tokens_before(start) if start else 0
        segments = self.ids[first : self._tokens_before(end - 1)]
        ids = np.concatenate([last.input_ids[: self._head], segments, last.input_ids[self._head :]])
        return replace(last, input_ids=ids, prompt_tokens=last.prompt_tokens + len(segments))

    @cached_property
    def _head(self) -> int:
        """The number of tokens before the observation and the space in front of it."""
        return self.encoder.head(self.before.removesuffix(" "))

    def segment_of_target(self) -> int:
        """The segment with the target's start tag or line; -1 if there is none."""
        sample = self.sample
        if self.lines and not sample.fitted:  # a node id counts lines from the end
            return self.segments - 1 - sample.node
        if self.lines:  # some lines were cut; those of elements begin with their numbers
            return self._segment_of_line()
        # Text cannot look like a start tag: its "<" are escaped.
        at = self.text.find(self.encoder.vocabulary.normalise(self.sample.target_html).encode())
        if at < 0:
            return -1
        return int(np.searchsorted(self.cuts, at, side="right")) - 1
