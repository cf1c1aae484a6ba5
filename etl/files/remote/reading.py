"""A remote file that is read as if nothing ever broke: after an error that may pass it is opened
anew, where it was.
"""

from __future__ import annotations

import errno
import io
from contextlib import suppress
from typing import IO, Any, Final

from etl.files.remote.errors import as_os_error, of_input
from etl.files.remote.urls import of_web, system_of

BLOCK: Final = 8 * 2**20
"""Bytes a request of a remote file that is read on and on: with less, each costs more waiting than
reading.
"""


class RemoteFile(io.RawIOBase):
    """A remote input; its errors are those of `as_os_error`.

    whole: it is read from beginning to end. block: bytes a request.
    """

    def __init__(self, place: str, *, whole: bool, block: int) -> None:
        self._place = place
        # one request, and it works without range requests
        self._in_one = whole and of_web(place)
        self._block = 0 if self._in_one else block
        self._at = 0
        self._file: IO[bytes] | None = None
        of_input(place, self._opened)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """Whether its server answers range requests."""
        return bool(self._opened().seekable())

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as fit; 0 at the end."""
        data = of_input(self._place, lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte."""
        with as_os_error(self._place):
            stream = self._opened()
            stream.seek(offset, whence)
            self._at = stream.tell()
        return self._at

    def tell(self) -> int:
        """The byte that is read next."""
        return self._at

    def close(self) -> None:
        """Close the connection."""
        if not self.closed and self._file is not None:
            self._file.close()
        super().close()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            system, path = system_of(self._place)
            stream: IO[bytes] = system.open(
                path, "rb", block_size=self._block, cache_type="readahead"
            )
            if self._in_one:
                self._skip(stream)
            else:
                stream.seek(self._at)
            self._file = stream
        return self._file

    def _skip(self, stream: IO[bytes]) -> None:
        """Read again what was read before."""
        left = self._at
        while left:
            data = stream.read(min(left, BLOCK))
            if not data:
                said = f"{self._at} bytes of it were read before, {self._at - left} can be now"
                raise OSError(errno.EIO, said, self._place)
            left -= len(data)

    def _read(self, count: int) -> bytes:
        stream = self._opened()
        try:
            data = stream.read(count)
            size = getattr(stream, "size", None)
            # how a lost connection may look
            if not data and count and size is not None and self._at < size:
                said = f"{self._at} bytes could be read, {size} should be there"
                raise OSError(errno.EIO, said, self._place)
        except Exception:
            self._file = None
            with suppress(Exception):
                stream.close()
            raise
        self._at += len(data)
        return data
