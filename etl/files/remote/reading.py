"""A remote file that survives broken connections.

After an error that may pass, it is opened again and read on from the same byte.
"""

from __future__ import annotations

import errno
import io
from contextlib import suppress
from typing import IO, Any, Final

from etl.files.remote.errors import as_os_error, of_input
from etl.files.remote.urls import of_web, system_of

BLOCK: Final = 8 * 2**20
"""The size of a request when a whole file is read, in bytes: with less, most time is waiting."""


def whole(place: str) -> bytes:
    """Read a small file, by one request.

    Raises:
        OSError: as `as_os_error`.
    """

    def attempt() -> bytes:
        system, path = system_of(place)
        return bytes(system.cat_file(path))

    return of_input(place, attempt)


class RemoteFile(io.RawIOBase):
    """A remote input, open for reading; its errors are those of `as_os_error`.

    whole: it is read from beginning to end. block: the size of a request, in bytes.
    """

    def __init__(self, place: str, *, whole: bool, block: int) -> None:
        self._place = place
        # One request for the whole file; the server need not answer range requests.
        self._in_one = whole and of_web(place)
        self._block = 0 if self._in_one else block
        self._at = 0
        self._file: IO[bytes] | None = None
        of_input(place, self._opened)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Whether the server answers range requests."""
        return bool(self._opened().seekable())

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as the buffer holds; 0 at the end.

        Raises:
            OSError: as `as_os_error`.
        """
        data = of_input(self._place, lambda: self._read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a byte.

        Raises:
            OSError: as `as_os_error`.
        """
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
        """Skip the bytes that were read before."""
        remaining = self._at
        while remaining:
            data = stream.read(min(remaining, BLOCK))
            if not data:
                reason = f"{self._at} bytes could be read before, {self._at - remaining} now"
                raise OSError(errno.EIO, reason, self._place)
            remaining -= len(data)

    def _read(self, count: int) -> bytes:
        stream = self._opened()
        try:
            data = stream.read(count)
            size = getattr(stream, "size", None)
            # A lost connection may look like the end of the file.
            if not data and count and size is not None and self._at < size:
                reason = f"{self._at} bytes could be read, {size} should be there"
                raise OSError(errno.EIO, reason, self._place)
        except Exception:
            self._file = None
            with suppress(Exception):
                stream.close()
            raise
        self._at += len(data)
        return data
