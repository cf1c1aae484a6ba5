"""Fitting samples to the context: a page that is too long is cut in chunks, and no text is lost
without a word.

The reference's rule (ScribeAgent, naive.py): starting at the right end of the observation, a chunk
is as many segments, from one tag to the next, as fit beside everything else; training keeps the
chunk that holds the target, testing the first one made. A chunk begins with ``<``; the space before
it ends the chunk to its left, so that the chunks joined are the observation (brought to NFC where
the vocabulary wants that).

Cost: an observation is encoded once, whether it fits or not. The places before tags are exact
(`splits`), so a binary search over running token counts finds each chunk, and its ids are a slice
of the observation's; what is encoded again is the last segment of each, with all that stands around
the observation. Nothing is quadratic in the page. Where the exact places are not known, chunks are
encoded again.
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
from tokenization.splits import tag_starts

_JOINTS: Final = 16
"""Tokens by which a sum of parts may exceed the whole where text without exact places is joined."""

_LIKELY_LONG: Final = 2.5
"""Characters a token from which a page may well be too long: its ids are found so that they serve
its chunks too.
"""

Policy = Literal["target", "first", "all", "drop"]


class Drop(NamedTuple):
    """Why a sample cannot be used: ``reason`` is counted, ``detail`` says what was wrong in this
    case.
    """

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Fit:
    """Samples to chunks that fit ``context`` tokens.

    policy, for samples that do not fit whole: ``target`` keeps the chunk with the target's start
    tag (the right-most where the action has no element), ``first`` the right-most, ``all`` all of
    them, ``drop`` none. max_chunks: a sample with more is dropped; 0 for no limit. Errors:
    ConfigError.
    """

    context: int = 32_768
    policy: Policy = "target"
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
        """The sample's chunks, left to right, none above the context; or why there are none.

        Reasons: ``over_context`` (too long under policy ``drop``, too long without its observation,
        or one segment alone is too long), ``too_many_chunks``, ``target_not_in_observation``
        (policy ``target``).
        """
        page = None
        if encoder.vocabulary.exact and len(sample.observation) > _LIKELY_LONG * self.context:
            page = _Page(sample, encoder)
        whole = page.encode(0, page.segments, 0, 1) if page else encoder(sample)
        if len(whole.input_ids) <= self.context:
            return [whole]
        if self.policy == "drop":
            return Drop("over_context", f"{len(whole.input_ids)} tokens, context {self.context}")
        page = page or _Page(sample, encoder)
        chunks = self._spans(page, len(whole.input_ids))
        if isinstance(chunks, Drop):
            return chunks
        kept = self._choose(page, chunks)
        if isinstance(kept, Drop):
            return kept
        encoded = [page.encode(*chunks[number], number, len(chunks)) for number in kept]
        assert all(len(chunk.input_ids) <= self.context for chunk in encoded)
        return encoded

    def _spans(self, page: _Page, whole: int) -> list[tuple[int, int]] | Drop:
        """The chunks from right to left as ranges of segments."""
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
        # Each chunk holds at most the context, so this many tokens cannot be cut into few enough.
        if whole > limit * self.context:
            return Drop(
                "too_many_chunks", f"{whole} tokens, at most {limit} chunks of {self.context}"
            )
        spans: list[tuple[int, int]] = []
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
            if not page.exact:
                while page.size(start, end) > self.context:
                    start += 1
            spans.append((start, end))
            end = start
        return spans

    def _choose(self, page: _Page, spans: list[tuple[int, int]]) -> list[int] | Drop:
        """Numbers of the chunks to keep, left to right."""
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
        return [next(number for number, (start, end) in enumerate(spans) if start <= target < end)]


class Extent(NamedTuple):
    """Tokens of a sample: ``whole``, and ``from_target``, with an observation that begins at the
    target's segment.

    A context of C holds the whole page where whole <= C; its right-most chunk holds the target
    where from_target <= C, for that chunk is the longest run of segments up to the right end that
    fits.
    """

    whole: int
    from_target: int


def extent(sample: Sample, encoder: Encoder) -> Extent | None:
    """How many tokens a sample has and how many of them its target needs; None if the target is not
    in its observation.

    The observation is encoded once, and the segment at either end again.
    """
    page = _Page(sample, encoder)
    target = page.segment_of_target()
    if sample.node < 0 or target < 0:
        return None
    return Extent(page.size(0, page.segments), page.size(target, page.segments))


class _Page:
    """An observation as segments, from one tag to the next, with running token counts.

    cuts: byte positions, one more than segments. counts: tokens to the left of each cut, in
    context. ids: of the observation with the space before it, if the vocabulary is exact.
    """

    def __init__(self, sample: Sample, encoder: Encoder) -> None:
        self.sample, self.encoder = sample, encoder
        self.before, self.after = encoder.prompt.frame(sample)
        self.exact = encoder.vocabulary.exact
        text = encoder.vocabulary.normalise(sample.observation)
        self.text = text.encode()
        self.cuts = (
            np.concatenate([[0], tag_starts(self.text), [len(self.text)]])
            if self.text
            else np.zeros(1, np.int64)
        )
        self.counts = self._counts(text)

    def _counts(self, text: str) -> npt.NDArray[np.int64]:
        vocabulary = self.encoder.vocabulary
        if not self.exact:
            sizes = [vocabulary.count(self._text(i, i + 1)) for i in range(self.segments)]
            return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        # The space that `before` ends with belongs to the first segment's first token, as the space
        # before any other tag does, so in this shifted text every cut stands just after a token's
        # end.
        self.ids = vocabulary.encode_normalised(" " + text)
        ends = np.cumsum(vocabulary.lengths.take(self.ids), dtype=np.int64)
        return np.searchsorted(ends, self.cuts, side="right").astype(np.int64)

    @property
    def segments(self) -> int:
        """How many there are."""
        return len(self.cuts) - 1

    def widest(self) -> int:
        """Tokens of the largest segment."""
        return int(np.diff(self.counts).max(initial=0))

    def _text(self, start: int, end: int) -> str:
        return self.text[self.cuts[start] : self.cuts[end]].decode()

    def size(self, start: int, end: int) -> int:
        """Tokens of the sample with these segments only."""
        return len(self.encode(start, end, 0, 1).input_ids)

    def reach(self, end: int, budget: int) -> int:
        """The first segment of the longest run that ends before ``end`` and whose segments but the
        last have at most ``budget`` tokens.
        """
        return int(np.searchsorted(self.counts[:end], self.counts[end - 1] - budget, side="left"))

    def encode(self, start: int, end: int, number: int, chunks: int) -> Encoded:
        """The sample with these segments only."""
        if not self.exact or end - start < 2:
            user = self.before + self._text(start, end) + self.after
            return self.encoder.chunk(self.sample, user, number, chunks)
        # What follows the observation may share a token with its last segment, never with an
        # earlier one.
        last = self.encode(end - 1, end, number, chunks)
        segments = self.ids[self.counts[start] : self.counts[end - 1]]
        ids = np.concatenate([last.input_ids[: self._head], segments, last.input_ids[self._head :]])
        return replace(last, input_ids=ids, prompt_tokens=last.prompt_tokens + len(segments))

    @cached_property
    def _head(self) -> int:
        """Tokens before the observation, and before the space that goes with it."""
        return self.encoder.head(self.before.removesuffix(" "))

    def segment_of_target(self) -> int:
        """The segment with the target's start tag; -1 if there is none."""
        # Text cannot look like a start tag: its "<" are escaped.
        at = self.text.find(self.encoder.vocabulary.normalise(self.sample.target_html).encode())
        return int(np.searchsorted(self.cuts, at, side="right")) - 1 if at >= 0 else -1
