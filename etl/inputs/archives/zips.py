"""Zip archives, read in place: the names of the files in them, and each file as a stream.

Nothing is unpacked to disk. A name is a text by which a file is asked for, never a path: ``../x``
names only what the archive calls so. The list of names stands at the end of an archive, so of a
remote one only the wanted ranges are read.

What an archive says of its own sizes bounds what comes out of it, and it may not say too much: a
few kilobytes can hold gigabytes of zeros (a "zip bomb"). Files that are encrypted, or compressed
with anything but deflate, are not read.
"""

from __future__ import annotations

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from etl.files import nodes
from etl.inputs.streams import CHUNK_BYTES, Truncated, whole_lines

ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""First bytes of an archive, and of an empty one."""

MAX_DIRECTORY: Final = 64 * 2**20
"""Most bytes of the list of names; about half a million of them."""
MAX_BYTES: Final = 64 * 2**30
"""Most bytes of a file in an archive after decompression."""
MAX_RATIO: Final = 250
"""Most bytes after decompression for each byte before, of files over `SMALL_BYTES`."""
SMALL_BYTES: Final = 64 * 2**20

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 1  # a bit of a file's flags
_END: Final = b"PK\x05\x06"  # begins the record at the end of an archive
_END64: Final = b"PK\x06\x06"  # of one over 4 GiB
_END_BYTES: Final = 22
_TAIL: Final = 2**16 + _END_BYTES + 20 + 56  # where these records are, with the longest comment
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""Errors of the library for an archive that is damaged, cut off or of an unknown kind."""


class Zip:
    """An open archive."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        """size: of the archive, in bytes."""
        self._archive, self._size = archive, size
        # of files with one name the last counts, as it does for the tools that unpack
        self._files = {each.filename: each for each in archive.infolist() if not each.is_dir()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files in it, in its own order."""
        return tuple(self._files)

    def size(self, name: str) -> int:
        """The bytes of a file after decompression, as the archive says."""
        return self._files[name].file_size

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file, chunk by chunk.

        Raises: KeyError for another name; `Truncated` ``broken_zip`` if it is damaged, encrypted or
        compressed in an unknown way, ``zip_too_large`` if it would be larger than allowed; OSError.
        """
        file = self._files[name]
        if file.flag_bits & _ENCRYPTED:
            raise Truncated("broken_zip", f"{name}: it is encrypted")
        if file.compress_type not in _METHODS:
            raise Truncated("broken_zip", f"{name}: compressed by method {file.compress_type}")
        before = min(file.compress_size, self._size)
        most = max(SMALL_BYTES, before * MAX_RATIO)
        if file.file_size > min(MAX_BYTES, most):
            raise Truncated("zip_too_large", f"{name}: {file.file_size} bytes out of {before}")
        try:
            with self._archive.open(file) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except _BROKEN as error:
            raise Truncated("broken_zip", f"{name}: {error}"[:300]) from error
        except OSError as error:
            raise _of_content(error, name) from error

    def lines(self, name: str) -> Iterator[tuple[int, bytes]]:
        """(line number from 1, bytes) of each line of a file, without the line break.

        Raises: as `chunks` does; `Truncated` has the incomplete last line as its ``raw``.
        """
        for number, line in enumerate(whole_lines(self.chunks(name), breaks=False), 1):
            yield number, line.removesuffix(b"\r")

    def start(self, name: str, most: int) -> bytes:
        """The first bytes of a file; of a damaged one what can be read.

        Raises: KeyError; OSError.
        """
        start = b""
        try:
            for chunk in self.chunks(name):
                start += chunk
                if len(start) >= most:
                    break
        except Truncated:
            pass
        return start[:most]


@contextmanager
def open_zip(place: str | Path) -> Iterator[Zip]:
    """Open an archive on this machine or elsewhere.

    Raises: `Truncated` ``broken_zip`` if it is none, damaged or cut off, ``zip_too_large`` if the
    list of names is; OSError.
    """
    with nodes.open_binary(place, block=nodes.SMALL_BLOCK) as stream:
        try:
            size = stream.seek(0, io.SEEK_END)
            _check_directory(stream, size)
            archive = zipfile.ZipFile(stream)
        except _BROKEN as error:
            raise Truncated("broken_zip", str(error)[:300]) from error
        except OSError as error:
            raise _of_content(error, "list of names") from error
        with archive:
            yield Zip(archive, size)


def names(place: str | Path) -> tuple[str, ...]:
    """The names of the files in an archive; none of one that is damaged.

    Raises: OSError.
    """
    try:
        with open_zip(place) as archive:
            return archive.names
    except Truncated:
        return ()


def _check_directory(stream: io.BufferedReader, size: int) -> None:
    """Look how long the list of names is before the library takes it into memory.

    Raises: `Truncated` ``zip_too_large``.
    """
    stream.seek(max(0, size - _TAIL))
    tail = stream.read(_TAIL)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise zipfile.BadZipFile("the list of names, at the end of an archive, is missing")
    length = int.from_bytes(tail[at + 12 : at + 16], "little")
    if length == 2**32 - 1 and (at := tail.rfind(_END64, 0, at)) >= 0:
        length = int.from_bytes(tail[at + 40 : at + 48], "little")
    if length > MAX_DIRECTORY:
        raise Truncated("zip_too_large", f"a list of names of {length} bytes")


def _of_content(error: OSError, what: str) -> OSError | Truncated:
    """The error itself, if it is the storage's; a damaged archive leads to impossible places."""
    if error.errno in (None, errno.EINVAL):
        return Truncated("broken_zip", f"{what}: {error}"[:300])
    return error
