"""Texts that are held compressed: what a long recording has beyond `PLAIN`.

All pages of a recording are held until it is written, and a long one has thousands, which differ in
a few places. They are compressed `BLOCK` bytes together, so that what several have in common is
held once. Whoever goes through them in their order decompresses each block once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import zstandard

from schemas.utf8 import utf8_of

PLAIN: Final = 32 * 2**20
"""Characters, or bytes of UTF-8, that are held as they are: most recordings have no more."""
_WINDOW: Final = 23
"""Base-2 logarithm of the bytes among which equal runs are sought."""
BLOCK: Final = 2**_WINDOW
"""Bytes of UTF-8 after which a block takes no further text."""


class Compressed:
    """A text in a block."""

    __slots__ = ("_block", "_end", "_start")

    def __init__(self, block: _Block, start: int, end: int) -> None:
        self._block, self._start, self._end = block, start, end

    def __len__(self) -> int:
        """Bytes of UTF-8, so at least as many as characters."""
        return self._end - self._start

    @property
    def utf8(self) -> bytes:
        """The UTF-8, made anew each time."""
        return self._block.part(self._start, self._end)


class Holder:
    """Holds the texts of one recording, in the order in which they come."""

    def __init__(self) -> None:
        self._plain = 0
        self._opened = _Opened()
        self._block = _Block(self._opened)

    def hold(self, text: str | bytes) -> Any:
        """The next text as a `schemas.utf8.HeldText` is to hold it. text: or its UTF-8."""
        if not text or self._plain + len(text) <= PLAIN:
            self._plain += len(text)
            return text
        if self._block.size >= BLOCK:
            self._block.close()
            self._block = _Block(self._opened)
        return self._block.add(utf8_of(text))


@dataclass(slots=True)
class _Opened:
    """The block that was decompressed last."""

    block: _Block | None = None
    content: bytes = b""


@dataclass(slots=True)
class _Block:
    """Texts that are compressed together; one that is not closed holds them as they are."""

    opened: _Opened
    size: int = 0
    texts: list[bytes] = field(default_factory=list)
    compressed: bytes = b""

    def add(self, utf8: bytes) -> Compressed:
        """Take in a text."""
        self.texts.append(utf8)
        self.size += len(utf8)
        return Compressed(self, self.size - len(utf8), self.size)

    def close(self) -> None:
        """Compress what it has; it takes no more."""
        parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=_WINDOW)
        # in pieces: a buffer for all of it, cut to its size, would leave a hole in memory
        writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj(self.size)
        pieces = [writer.compress(text) for text in self.texts]
        self.compressed = b"".join((*pieces, writer.flush()))
        self.texts = []

    def part(self, start: int, end: int) -> bytes:
        """The text that begins and ends there."""
        if not self.compressed:
            at = 0
            for text in self.texts:
                if at == start:
                    return text
                at += len(text)
        if self.opened.block is not self:
            content = zstandard.ZstdDecompressor().decompress(self.compressed)
            self.opened.block, self.opened.content = self, content
        return self.opened.content[start:end]
