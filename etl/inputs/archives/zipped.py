"""Zip archives of web archives: WACZ, which holds WARC files, and HAR files with their bodies.

Members are read as streams, never unpacked, and their names are never paths. A place is the name of
a member, and the place in it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final, cast

from etl.files import nodes
from etl.inputs.archives import har, warc
from etl.inputs.archives.capture import PAGE_BYTES, ArchiveFault, Body, Capture, Faults
from etl.inputs.archives.spans import BROKEN, check_storage, part_in
from etl.inputs.archives.zips import names

_WARCS: Final = (".warc", ".warc.gz")
_HEADER_BYTES: Final = 30
_RATIO: Final = 1000
"""A member that shrinks more than this and is over `PAGE_BYTES` is taken for a bomb."""


@dataclass(frozen=True)
class Wacz:
    """WACZ files."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages and redirects of all WARC files in it."""
        for name in _names(place, faults):
            if not name.lower().endswith(_WARCS):
                continue
            try:
                for capture in warc.captures(partial(_opened, place, name), faults):
                    yield capture._replace(place=[name, *capture.place])
            except BROKEN as error:
                check_storage(error)
                faults.add("broken_record", f"{name[:100]}: {error}")

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        name, *inside = at
        return warc.body(partial(_opened, place, name), inside)


@dataclass(frozen=True)
class ZippedHar:
    """HAR files in a zip archive, with bodies in files of their own."""

    def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
        """The pages and redirects of all HAR files in it."""
        for name in _names(place, faults):
            if not name.lower().endswith(".har"):
                continue
            try:
                with _opened(place, name) as stream:
                    for capture in har.captures(stream, faults, beside=True):
                        yield capture._replace(place=[name, *capture.place])
            except BROKEN as error:
                check_storage(error)
                faults.add("broken_record", f"{name[:100]}: {error}")

    def body(self, place: str, at: list[Any]) -> Body:
        """A page of the file."""
        name, start, size = at
        try:
            with _opened(place, name) as stream:
                raw = part_in(stream, start, size)
            found, beside = har.body_of_entry(raw)
            if found is not None:
                return found
            folder = name.rpartition("/")[0]
            with _opened(place, f"{folder}/{beside}" if folder else beside) as stream:
                body = stream.read(PAGE_BYTES + 1)
        except BROKEN as error:
            check_storage(error)
            raise ArchiveFault("broken_record", str(error)) from error
        return Body(body)


def _names(place: str, faults: Faults) -> list[str]:
    found = names(place)
    if not found:
        faults.add("broken_record", "a zip archive that breaks off, is damaged or empty")
    return sorted(found)


class _Member(io.RawIOBase):
    """A member that is stored as it is: a window on the archive."""

    def __init__(self, stream: IO[bytes], start: int, size: int) -> None:
        self._stream, self._start, self._size, self._at = stream, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._at)
        data = self._stream.read(min(len(buffer), max(0, self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._stream.close()
        super().close()


def _opened(place: str, name: str) -> IO[bytes]:
    """The bytes of a member.

    Raises: KeyError, and what `zipfile` raises.
    """
    stream = nodes.open_binary(place)
    try:
        archive = zipfile.ZipFile(stream)
        info = archive.getinfo(name)
        if info.file_size > PAGE_BYTES and info.file_size > _RATIO * info.compress_size:
            raise zipfile.BadZipFile(f"{info.file_size:,} bytes of {info.compress_size:,}: a bomb")
        if info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1:
            stream.seek(info.header_offset)
            header = stream.read(_HEADER_BYTES)
            skip = sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            start = info.header_offset + _HEADER_BYTES + skip
            return io.BufferedReader(_Member(stream, start, info.file_size), 2**18)
        member = archive.open(info)
    except BaseException:
        stream.close()
        raise
    return cast("IO[bytes]", io.BufferedReader(_Deflated(member, stream), 2**18))


class _Deflated(io.RawIOBase):
    """A member that is compressed."""

    def __init__(self, member: IO[bytes], stream: IO[bytes]) -> None:
        self._member, self._stream = member, stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._member.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._member.seek(offset, whence)

    def tell(self) -> int:
        return self._member.tell()

    def close(self) -> None:
        self._member.close()
        self._stream.close()
        super().close()
