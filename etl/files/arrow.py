"""Atomic files, and the Arrow, Parquet and JSON files of a build.

A file is written as ``.part``, synced and renamed. A remote one is written on this machine and
uploaded when it is complete (`etl.files.remote.files`). A shard's report is written last, so its
presence means that the shard is complete.

Arrow files are in the IPC file format, without compression unless a recipe asks for it. They are
mapped into memory, so reading a column or a row costs no more than its own bytes; of compressed
ones a row costs its batch. Remote ones are fetched whole and then mapped (`etl.files.scratch`);
only `columns_of` reads part of a remote file. Batches are bounded by bytes, not by rows, because
one page can have 4 MB.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, Literal

import orjson
import polars as pl
import pyarrow as pa
from upath import UPath

from etl.files import scratch, storage
from etl.files.paths import AnyPath, either
from etl.files.remote import files
from schemas.errors import BuildError, IntegrityError

BATCH_BYTES: Final = 2 * 2**20
"""The size at which a batch is written, in bytes."""

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The numbers of errors that mean: there is no room."""

Compression = Literal["none", "lz4", "zstd"]
"""How the buffers of an Arrow file are compressed; readers of Arrow see it by themselves."""

_CODECS: Final = {"lz4": "lz4_frame", "zstd": "zstd"}
_LEVELS: Final = {"zstd": 1}
"""On rows of saved pages level 3 saves 5% more than 1 in 1.2 times its time, level 9 15% in 5."""

_RANGE_BYTES: Final = 2**18
"""The size of one request for a column of a remote file, in bytes."""


class _Hashed:
    """A file that is hashed while it is written."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        self.sha256 = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        try:
            self._stream.write(view)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise no_room(error, self._path, self.size, view.nbytes) from error
        self.sha256.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Write out what the stream still buffers."""
        try:
            self._stream.flush()
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise no_room(error, self._path, self.size, 1) from error


def no_room(error: OSError, path: Path, written: int, more: int) -> BuildError:
    """The error for a file that no longer fits on the disk.

    written: bytes of the file that are written. more: bytes that did not fit.
    """
    usage = os.statvfs(path.parent)
    return BuildError(
        f"{path}: {os.strerror(error.errno or 0)}: it needs {written + more:,} bytes or more, "
        f"{written:,} of them are written; {usage.f_bavail * usage.f_frsize:,} bytes are free "
        "there. Make room and run the same command again"
    )


@contextmanager
def _remote(path: UPath) -> Iterator[_Hashed]:
    with scratch.file() as whole:
        with whole.open("wb") as stream:
            hashed = _Hashed(stream, whole)
            yield hashed
            hashed.flush()
        files.put(path, whole)
        if path.suffix in {".arrow", ".parquet"}:  # these are read again by later phases
            scratch.keep(whole, path)


@contextmanager
def _local(path: Path) -> Iterator[_Hashed]:
    """Write a file, whole or not at all.

    An exception leaves nothing under its name.

    Raises:
        BuildError: the disk is full, or a remote storage refuses the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The random part of the name keeps two writers out of one file.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    stream = part.open("wb")
    try:
        hashed = _Hashed(stream, path)
        yield hashed
        hashed.flush()
        os.fsync(stream.fileno())
        stream.close()
        part.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):  # on a full disk, closing fails again
            stream.close()
        part.unlink(missing_ok=True)
        raise


atomic = either(_local, _remote)


def _copy_here(path: Path, source: Path) -> None:
    """Copy a file of this machine to a path, whole or not at all.

    Raises:
        BuildError: the disk is full, or a remote storage refuses the file.
    """
    with source.open("rb") as content, atomic(path) as stream:
        shutil.copyfileobj(content, stream, 2**20)


put = either(_copy_here, files.put)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: AnyPath, value: object) -> str:
    """Write JSON with sorted keys, atomically, and return its sha256.

    Raises:
        BuildError: the disk is full, or a remote storage refuses the file.
    """
    try:
        raw = orjson.dumps(
            value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
    except TypeError:  # it holds a path that is not UTF-8
        raw = json.dumps(value, sort_keys=True, indent=2).encode() + b"\n"
    with atomic(path) as stream:
        stream.write(raw)
    return stream.sha256.hexdigest()


def read_json(path: AnyPath) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: there is no such file.
        IntegrityError: it is not JSON.
    """
    raw = storage.read_bytes(path)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        # `write_json` may have escaped a path that is not UTF-8.
        with suppress(ValueError, RecursionError):
            return json.loads(raw)
        raise IntegrityError(
            f"{path}: not valid JSON ({error}); remove it and build again"
        ) from error


class ArrowWriter:
    """Writes rows to one Arrow file, in batches of about `BATCH_BYTES`.

    Use it inside `atomic`, and call `close` before that ends. ``rows`` is the number of rows so
    far.
    """

    def __init__(
        self, stream: _Hashed, schema: pa.Schema, compression: Compression = "none"
    ) -> None:
        """compression: of each buffer, on this thread: other processes have the other cores."""
        self._schema = schema
        options = None
        if compression != "none":
            codec = pa.Codec(_CODECS[compression], _LEVELS.get(compression))
            options = pa.ipc.IpcWriteOptions(compression=codec, use_threads=False)
        self._writer = pa.ipc.new_file(pa.PythonFile(stream, mode="w"), schema, options=options)
        self._rows: list[tuple[Any, ...]] = []
        self._bytes = 0
        self.rows = 0

    def add(self, values: tuple[Any, ...], size: int) -> None:
        """Append one row.

        values: in the schema's order. size: of the row in bytes, roughly.
        """
        self._rows.append(values)
        self.rows += 1
        self._bytes += size
        if self._bytes >= BATCH_BYTES:
            self._flush()

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Append a whole batch."""
        self._flush()
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(*self._rows, strict=True)
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(columns, self._schema, strict=True)
        ]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        """Write the remaining rows and the file's footer."""
        self._flush()
        self._writer.close()


def write_table(path: AnyPath, table: pa.Table) -> str:
    """Write a table as one Arrow file, atomically, and return its sha256.

    Raises:
        BuildError: the disk is full, or a remote storage refuses the file.
    """
    with atomic(path) as stream:
        writer = pa.ipc.new_file(pa.PythonFile(stream, mode="w"), table.schema)
        writer.write_table(table, max_chunksize=65536)
        writer.close()
    return stream.sha256.hexdigest()


def open_arrow(path: AnyPath) -> pa.ipc.RecordBatchFileReader:
    """Map an Arrow file into memory.

    Raises:
        IntegrityError: it is not a whole Arrow file.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(scratch.copy_of(path))))
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error


def batches(path: AnyPath) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow file, one at a time.

    Raises:
        IntegrityError: it is not a whole Arrow file.
    """
    reader = open_arrow(path)
    with whole(path):
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


@contextmanager
def whole(path: AnyPath) -> Iterator[None]:
    """Makes Arrow's errors about a file that is damaged ours.

    Raises:
        IntegrityError: it is not a whole Arrow file.
    """
    try:
        yield
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error
    except OSError as error:
        if error.errno is not None:  # else a buffer cannot be decompressed
            raise
        raise broken(path, error) from error


def broken(path: AnyPath, error: Exception) -> IntegrityError:
    """The error for a file that is not a whole Arrow file."""
    return IntegrityError(f"{path}: not a whole Arrow file ({error}); remove it and build again")


def column(path: AnyPath, name: str, schema: pa.Schema) -> list[pa.Array]:
    """One column of an Arrow file, as one array per batch; see `columns_of`."""
    chunks: list[pa.Array] = columns_of(path, [name], schema).column(name).chunks
    return chunks


def columns_of(path: AnyPath, names: Sequence[str], schema: pa.Schema) -> pa.Table:
    """Columns of an Arrow file, one chunk a batch.

    Little more than these columns is read of a remote file, unless a copy of it is at hand.

    Raises:
        IntegrityError: it is not a whole Arrow file.
    """
    if near := scratch.nearby(path, wanted=False):
        # read, not mapped: the first look at one column of many batches takes a seventh of the time
        with whole(path), pa.OSFile(str(near)) as stream:
            return _columns(stream, names, pa.ipc.open_file(stream).schema)

    def read(stream: IO[bytes]) -> pa.Table:
        with whole(path):
            return _columns(pa.PythonFile(stream, mode="r"), names, schema)

    table: pa.Table = storage.read_places(path, read, _RANGE_BYTES)
    return table


def _columns(stream: pa.NativeFile, names: Sequence[str], schema: pa.Schema) -> pa.Table:
    fields = [schema.get_field_index(name) for name in names]
    reader = pa.ipc.open_file(stream, options=pa.ipc.IpcReadOptions(included_fields=fields))
    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    if not batches:
        return schema.empty_table().select(list(names))
    return pa.Table.from_batches(batches).select(list(names))


def read_parquet(path: AnyPath) -> pl.DataFrame:
    """Read a Parquet file, here or remote."""
    return pl.read_parquet(scratch.copy_of(path))


def sha256_of(path: AnyPath, progress: Callable[[int], None] | None = None) -> str:
    """The sha256 of a file's bytes.

    progress: is called with the size of each chunk in bytes after it is hashed.
    """
    digest = hashlib.sha256()
    with scratch.copy_of(path).open("rb", buffering=0) as stream:
        while chunk := stream.read(2**20):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    return digest.hexdigest()
