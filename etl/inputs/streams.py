"""The bytes of recordings: plain, gzip or zstandard, as a whole or in part, in chunks and lines.

Everything streams: memory is bounded by the largest record. Reading a part costs in proportion to
the part, not to its file.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import zstandard

from etl.files import nodes
from schemas.errors import RecordError
from schemas.reasons import Reason

CHUNK_BYTES: Final = 256 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE: Final = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
"""The magic of a skippable frame, which pzstd puts before its first frame."""

ZSTD_PIECE: Final = 4 * 1024
"""Compressed bytes that are decompressed at once. Repeated pages shrink 1,000-fold, so this may
become 4 MB.
"""

BOM: Final = b"\xef\xbb\xbf"


class Truncated(RecordError):
    """A compressed or structured input is cut off or damaged."""

    def __init__(self, reason: Reason, detail: str, raw: bytes = b"") -> None:
        """raw: the bytes of the incomplete record."""
        super().__init__(reason, detail)
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an input that is read by itself, with whole records and whole workflows."""

    # where it begins: a byte of the file on disk, or a row of Parquet
    start: int
    # where it ends, in the same unit
    stop: int
    # the number of lines or rows before it; the ids of its records count on from there
    first: int = 0
    # decompressed bytes of its records; -1: up to the end of the file
    take: int = -1
    # the file is zstandard, and `start` is the beginning of a frame
    frames: bool = False
    # decompressed bytes from the beginning of that frame to the first record
    skip: int = 0


def is_zstd(magic: bytes) -> bool:
    """Whether a file with these first four bytes is zstandard."""
    return magic == ZSTD_MAGIC or ZSTD_SKIPPABLE.fullmatch(magic) is not None


def is_compressed(magic: bytes) -> bool:
    """Whether a file with these first four bytes is gzip or zstandard."""
    return magic[:2] == GZIP_MAGIC or is_zstd(magic)


def open_input(place: str | Path, part: Part | None = None, block: int = nodes.BLOCK) -> IO[bytes]:
    """Open a file or a part of one for reading, decompressed.

    The magic tells gzip and zstandard, not the name.

    Raises: OSError.
    """
    raw = nodes.open_binary(place, part.start if part else 0, block)
    return decompressed(raw) if part is None or part.frames else raw


def decompressed(raw: io.BufferedReader[Any]) -> IO[bytes]:
    """The decompressed stream within a stream. Closing it closes both."""
    magic = raw.peek(4)[:4]
    if magic[:2] == GZIP_MAGIC:
        unzipped = gzip.GzipFile(fileobj=raw)
        unzipped.myfileobj = raw  # type: ignore[assignment]  # so that closing it closes the file too
        return cast("IO[bytes]", unzipped)
    return io.BufferedReader(Zstd(raw), CHUNK_BYTES) if is_zstd(magic) else raw


class Zstd(io.RawIOBase):
    """A zstandard stream that reports a missing end, which the library's reader does not.

    It keeps where each frame begins, in compressed and in decompressed bytes.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=2**31)
        self._frame = self._decompressor.decompressobj()
        self._pending = memoryview(b"")
        self._in_frame = False
        self._read = self._made = 0
        self._starts, self._starts_within = array("Q", (0,)), array("Q", (0,))

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Put the next decompressed bytes into ``buffer``; their number, 0 at the end.

        Raises: `Truncated` and ZstdError, as `piece` does.
        """
        if not self._pending:
            self._pending = memoryview(self.piece())
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def piece(self) -> bytes:
        """The next decompressed bytes, as many as come; empty at the end.

        Raises: `Truncated` if a frame has no end; ZstdError if it is damaged.
        """
        made = b""
        while not made:
            chunk = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._starts.append(self._read - len(chunk))
                self._starts_within.append(self._made)
                self._frame = self._decompressor.decompressobj()
                self._in_frame = False
            if not chunk:
                chunk = self._raw.read(ZSTD_PIECE)
                self._read += len(chunk)
            if not chunk:
                if self._in_frame:
                    raise Truncated("truncated_zstd", "the zstandard frame has no end")
                return b""
            self._in_frame = True
            made = self._frame.decompress(chunk)
            self._made += len(made)
        return made

    def frame(self, number: int) -> tuple[int, int] | None:
        """The compressed and decompressed byte where a frame begins, by its number from 0.

        None if reading has not reached it.
        """
        if number >= len(self._starts):
            return None
        return self._starts[number], self._starts_within[number]

    def frame_at(self, offset: int) -> tuple[int, int]:
        """The compressed and decompressed byte where the frame begins that holds ``offset``.

        offset: a decompressed byte.
        """
        number = bisect_right(self._starts_within, offset) - 1
        return self._starts[number], self._starts_within[number]

    def close(self) -> None:
        """Close the compressed stream too."""
        self._raw.close()
        super().close()


def chunks(
    place: str | Path, size: int = 0, part: Part | None = None, block: int = nodes.BLOCK
) -> Iterator[bytes]:
    """The decompressed bytes of a file or a part of one. size: see `pieces`.

    Raises: OSError; `Truncated` if the compressed stream is damaged or has no end.
    """
    skip, remaining = (part.skip, part.take) if part else (0, -1)
    with open_input(place, part, block) as stream:
        for chunk in pieces(stream, size):
            if skip:
                skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
            if 0 <= remaining < len(chunk):
                chunk = chunk[:remaining]
            if chunk:
                yield chunk
            if remaining >= 0:
                remaining -= len(chunk)
                if not remaining:
                    return


def pieces(stream: IO[bytes], size: int = 0) -> Iterator[bytes]:
    """The bytes of an open stream, chunk by chunk.

    size: most bytes of a chunk; 0: about `CHUNK_BYTES`, and of zstandard as many as come.

    Raises: `Truncated`, as `chunks` does.
    """
    zstd = getattr(stream, "raw", None) if not size else None
    while True:
        try:
            # Pieces of a Zstd need no copy.
            chunk = zstd.piece() if isinstance(zstd, Zstd) else stream.read1(size or CHUNK_BYTES)  # type: ignore[attr-defined]
        except EOFError as error:
            raise Truncated("truncated_gzip", "the gzip stream has no end") from error
        except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise Truncated("broken_compression", str(error)) from error
        if not chunk:
            return
        yield chunk


def lines(place: str | Path, part: Part | None = None) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, bytes) of each line, without line break and byte order mark.

    In files that were joined, any line may begin with a byte order mark.

    Raises: OSError; `Truncated`, whose ``raw`` is the incomplete last line, after all complete
    lines of a broken stream.
    """
    whole = whole_lines(chunks(place, part=part), breaks=False)
    for number, line in enumerate(whole, part.first + 1 if part else 1):
        yield number, line.removeprefix(BOM).removesuffix(b"\r")


def whole_lines(data: Iterator[bytes], *, breaks: bool = True) -> Iterator[bytes]:
    """Each line, up to the next LF.

    breaks: keep the LF.

    Raises: `Truncated`, as `lines` does.
    """
    begun: list[bytes] = []
    try:
        for chunk in data:
            start = 0
            while end := chunk.find(b"\n", start) + 1:
                line = chunk[start : end if breaks else end - 1]
                yield b"".join((*begun, line)) if begun else line
                begun.clear()
                start = end
            if start < len(chunk):
                begun.append(chunk[start:])
    except Truncated as error:
        error.raw = b"".join(begun)
        raise
    if begun:
        yield b"".join(begun)


def has_frames_from(read: Callable[[int], bytes], limit: int) -> bool:
    """Whether a zstandard frame begins at byte ``limit`` or after it.

    Follows the headers of frames and blocks from the beginning, and decompresses nothing. A stream
    that is cut off or damaged counts up to there.

    read: returns the next bytes of the stream, fewer than asked for only at its end.
    """
    position = 0

    def take(count: int) -> bytes:
        nonlocal position
        position += count
        got = read(count)
        if len(got) < count:
            raise EOFError
        return got

    def skip(count: int) -> None:
        while count:
            count -= len(take(min(count, 2**20)))

    try:
        while True:
            start = position
            magic = take(4)
            if not is_zstd(magic):
                return False
            if start >= limit:
                return True
            if magic != ZSTD_MAGIC:
                skip(int.from_bytes(take(4), "little"))
                continue
            descriptor = take(1)[0]
            single = descriptor >> 5 & 1
            content_size = (single, 2, 4, 8)[descriptor >> 6]
            skip((1 - single) + (0, 1, 2, 4)[descriptor & 3] + content_size)
            last = 0
            while not last:
                header = int.from_bytes(take(3), "little")
                last, kind = header & 1, header >> 1 & 3
                skip(1 if kind == 1 else header >> 3)  # kind 1: one byte, repeated
            skip(4 if descriptor & 4 else 0)  # checksum
    except EOFError:
        return False
