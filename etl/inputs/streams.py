"""The bytes of recordings: plain, gzip or zstandard, as a whole or in part, in chunks and lines.

Everything streams: memory is bounded by the largest record. Reading a part costs what the part
weighs.
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
ZSTD_SKIPPABLE: Final = re.compile(
    rb"[\x50-\x5f]\x2a\x4d\x18"
)  # what pzstd puts before its first frame
ZSTD_PIECE: Final = (
    4 * 1024
)  # compressed bytes fed at once: repeated pages shrink 1,000-fold, and come out at once
BOM: Final = b"\xef\xbb\xbf"


class Truncated(RecordError):
    """A compressed or structured input ends before its end; ``raw`` holds what could not be
    completed.
    """

    def __init__(self, reason: Reason, detail: str, raw: bytes = b"") -> None:
        super().__init__(reason, detail)
        self.raw = raw


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an input that is read by itself: its records are whole, and so are the workflows
    they make.

    start, stop: bytes of the file on disk, rows in Parquet. first: how many lines or rows come
    before it, from where its ids count on. frames: the file is zstandard and ``start`` the
    beginning of a frame; skip: decompressed bytes from there to the first record. take:
    decompressed bytes of its records; -1: up to the end, whatever is there.
    """

    start: int
    stop: int
    first: int = 0
    take: int = -1
    frames: bool = False
    skip: int = 0


def is_zstd(magic: bytes) -> bool:
    """Whether a file with these first four bytes is zstandard."""
    return magic == ZSTD_MAGIC or ZSTD_SKIPPABLE.fullmatch(magic) is not None


def open_input(place: str | Path, part: Part | None = None, block: int = nodes.BLOCK) -> IO[bytes]:
    """Open a file or a part of one for reading, decompressed.

    gzip and zstandard are recognised by their magic, not by name.
    """
    raw = nodes.open_binary(place, part.start if part else 0, block)
    return decompressed(raw) if part is None or part.frames else raw


def decompressed(raw: io.BufferedReader[Any]) -> IO[bytes]:
    """The stream within a stream; the one that is returned closes both."""
    magic = raw.peek(4)[:4]
    if magic[:2] == GZIP_MAGIC:
        unzipped = gzip.GzipFile(fileobj=raw)
        unzipped.myfileobj = raw  # type: ignore[assignment]  # so that closing it closes the file too
        return cast("IO[bytes]", unzipped)
    return io.BufferedReader(Zstd(raw), CHUNK_BYTES) if is_zstd(magic) else raw


class Zstd(io.RawIOBase):
    """A zstd stream that reports a missing end: the library's reader returns what it has and says
    nothing.

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
        """It is."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """The next decompressed bytes; none at the end. Raises as `piece`."""
        if not self._pending:
            self._pending = memoryview(self.piece())
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count

    def piece(self) -> bytes:
        """What the next compressed bytes give; empty at the end. Raises `Truncated` as `chunks`,
        and ZstdError.
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
        """Where the frame of this number begins, compressed and decompressed; None if it was not
        come to.
        """
        return (
            (self._starts[number], self._starts_within[number])
            if number < len(self._starts)
            else None
        )

    def frame_at(self, offset: int) -> tuple[int, int]:
        """Where the frame begins that holds this decompressed byte."""
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

    Raises `Truncated` where the compressed stream is broken or has no end.
    """
    skip, left = (part.skip, part.take) if part else (0, -1)
    with open_input(place, part, block) as stream:
        for chunk in pieces(stream, size):
            if skip:
                skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
            if 0 <= left < len(chunk):
                chunk = chunk[:left]
            if chunk:
                yield chunk
            if left >= 0:
                left -= len(chunk)
                if not left:
                    return


def pieces(stream: IO[bytes], size: int = 0) -> Iterator[bytes]:
    """The bytes of an open stream, at most ``size`` at once; 0: some `CHUNK_BYTES`, of zstandard as
    they come.

    Raises `Truncated` as `chunks`.
    """
    zstd = getattr(stream, "raw", None) if not size else None
    while True:
        try:
            # What a Zstd gives need not be copied.
            chunk = zstd.piece() if isinstance(zstd, Zstd) else stream.read1(size or CHUNK_BYTES)  # type: ignore[attr-defined]
        except EOFError as error:
            raise Truncated("truncated_gzip", "the gzip stream has no end") from error
        except (zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise Truncated("broken_compression", str(error)) from error
        if not chunk:
            return
        yield chunk


def lines(place: str | Path, part: Part | None = None) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, bytes) of each line, without its line break and a byte order mark at its
    beginning, as joined files have it anywhere.

    Raises `Truncated` (``raw``: the incomplete last line) after all complete lines of a broken
    stream.
    """
    found = whole_lines(chunks(place, part=part), breaks=False)
    for number, line in enumerate(found, part.first + 1 if part else 1):
        yield number, line.removeprefix(BOM).removesuffix(b"\r")


def whole_lines(data: Iterator[bytes], *, breaks: bool = True) -> Iterator[bytes]:
    """Each line, with its line break or without; only LF is one. Raises `Truncated` as `lines`."""
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
    """Whether a zstandard frame begins at or behind byte ``limit``: the headers of frames and
    blocks are followed from the beginning, skippable frames included; nothing is decompressed. A
    stream that breaks off or is none counts up to there.

    read: the next bytes of the stream, fewer than asked for only at its end.
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
