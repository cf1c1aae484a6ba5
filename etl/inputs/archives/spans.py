"""Parts of files: a place is a byte after decompression, and a length."""

from __future__ import annotations

import errno
import zipfile
import zlib
from typing import IO, Final

import zstandard

from etl.inputs.archives.capture import ArchiveFault
from etl.inputs.streams import open_input
from schemas.errors import RecordError

BROKEN: Final = (
    *(OSError, EOFError, ValueError, KeyError, RuntimeError, NotImplementedError),
    *(zlib.error, zstandard.ZstdError, RecordError, zipfile.BadZipFile),
)
"""Errors of a file that is damaged, encrypted, or compressed in a way nobody knows.

OSError stands for a file that cannot be read, too (`check_storage`).
"""
_STEP: Final = 2**20


def check_storage(error: Exception) -> None:
    """Raise an error again that is the disk's or the network's, not the file's content.

    A damaged file sends a reader to places before its beginning (EINVAL).
    """
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise error


def part_of(place: str, start: int, size: int) -> bytes:
    """A part of a file. A compressed file is read from its beginning.

    Raises: `ArchiveFault`; OSError of the storage.
    """
    try:
        with open_input(place) as stream:
            return part_in(stream, start, size)
    except BROKEN as error:
        check_storage(error)
        raise ArchiveFault("broken_record", str(error)) from error


def part_in(stream: IO[bytes], start: int, size: int) -> bytes:
    """A part of a stream that is at its beginning.

    Raises: `ArchiveFault`, and what the stream raises.
    """
    if stream.seekable():
        stream.seek(start)
    elif passed(stream, start) < start:
        raise ArchiveFault("broken_record", "the file ends before it")
    raw = stream.read(size)
    if len(raw) < size:
        raise ArchiveFault("broken_record", "the file ends within it")
    return raw


def passed(stream: IO[bytes], size: int) -> int:
    """Pass over some bytes; returns how many there were."""
    left = size
    while left > 0 and (part := stream.read(min(left, _STEP))):
        left -= len(part)
    return size - left
