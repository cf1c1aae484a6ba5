"""The index of archives: all captures of all files in one Arrow table, sorted by address.

The table lies in the work folder and is mapped into memory, so a look-up costs a few pages of it,
however large it is. What reading the files found is kept with it. An index that is made anew takes
over what an older one has of the same contents.

Building holds the captures in memory, some 300 bytes each, and of the archives one page at most.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import xxhash

from etl.files.arrow import open_arrow, write_table
from etl.files.storage import AnyPath
from etl.inputs.archives.capture import Capture, Faults
from etl.inputs.archives.kinds import READERS, VERSION
from etl.inputs.archives.urls import normalised

_SCHEMA: Final = pa.schema(
    [
        ("key", pa.uint64()),  # hash of the normalised address
        ("url", pa.large_string()),
        ("time", pa.int64()),  # milliseconds since 1970; -1 if it is not known
        ("file", pa.int32()),  # index into the list of files
        ("order", pa.int32()),  # among the captures of its file
        ("to", pa.large_string()),  # where a redirect leads
        ("place", pa.large_binary()),  # in the file, as JSON
    ]
)
_FILES: Final = b"files"
_VERSION: Final = b"version"


@dataclass(frozen=True)
class Archive:
    """A file with pages, as it was found."""

    # path or URL
    place: str
    # path relative to the place that was given
    name: str
    # of `etl.inputs.archives.kinds`
    kind: str
    # of its content, in hex
    sha256: str
    # bytes on disk
    size: int = 0
    # of the file that was hashed (`etl.files.entries.version`)
    version: str = ""


@dataclass(frozen=True)
class Counted:
    """What reading a file found."""

    pages: int = 0
    redirects: int = 0
    # what could not be read or is no page, by a word
    faults: Mapping[str, int] = field(default_factory=dict)
    # a line about each of the first faults
    lines: tuple[str, ...] = ()


class Row(NamedTuple):
    """A capture in the index."""

    # index into the files
    file: int
    capture: Capture


def key_of(url: str) -> int:
    """The number by which an address is looked up."""
    return xxhash.xxh3_64_intdigest(normalised(url).encode("utf-8", "surrogatepass"))


def build(
    path: AnyPath,
    archives: Sequence[Archive],
    older: Iterable[AnyPath] = (),
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write the index of some files.

    older: indexes to take over from. progress: called with the size of each file that is done.

    Raises: OSError for a file that cannot be read; MissingExtra.
    """
    columns: dict[str, list[Any]] = {name: [] for name in _SCHEMA.names}
    counted: list[dict[str, Any]] = []
    known = _Known(older)
    for number, archive in enumerate(archives):
        rows = known.rows(archive.sha256, archive.kind)
        if rows is None:
            rows, found = _read(archive)
        else:
            found = known.counted(archive.sha256)
        for order, capture in enumerate(rows):
            values = (
                *(key_of(capture.url), capture.url, capture.time, number, order, capture.to),
                _small(orjson.dumps(capture.place)),
            )
            for name, value in zip(_SCHEMA.names, values, strict=True):
                columns[name].append(value)
        counted.append({"name": archive.name, "sha256": archive.sha256, "kind": archive.kind}
                       | {"pages": found.pages, "redirects": found.redirects,
                          "faults": dict(found.faults), "lines": list(found.lines)})  # fmt: skip
        progress(archive.size)
    columns["url"] = [_whole(url) for url in columns["url"]]
    columns["to"] = [_whole(url) for url in columns["to"]]
    notes = {_FILES: orjson.dumps(counted), _VERSION: str(VERSION).encode()}
    table = pa.table(columns, _SCHEMA.with_metadata(notes))
    order_by = [(name, "ascending") for name in ("key", "url", "time", "file", "order")]
    write_table(path, table.sort_by(order_by).replace_schema_metadata(notes))


def _small(raw: bytes) -> bytes:
    """The same bytes in as much memory as they need: orjson leaves several kB behind each."""
    return bytes(bytearray(raw))


def _whole(text: str) -> str:
    """A text without half characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _read(archive: Archive) -> tuple[list[Capture], Counted]:
    """What a file holds."""
    faults, captures = Faults(), list[Capture]()
    captures.extend(READERS[archive.kind].captures(archive.place, faults))
    redirects = sum(bool(capture.to) for capture in captures)
    counts = dict(sorted(faults.counts.items()))
    return captures, Counted(len(captures) - redirects, redirects, counts, tuple(faults.lines))


class Index:
    """An index, looked up on disk.

    Raises: IntegrityError if the file is not a whole Arrow file.
    """

    def __init__(self, path: AnyPath) -> None:
        self._file = open_arrow(path)
        notes = self._file.schema.metadata or {}
        self.version = int(notes.get(_VERSION, b"0"))
        self.files: list[dict[str, Any]] = orjson.loads(notes.get(_FILES, b"[]"))
        batches = (self._file.get_batch(n) for n in range(self._file.num_record_batches))
        self._firsts = [int(batch.column(0)[0].as_py()) for batch in batches if batch.num_rows]

    def of(self, url: str) -> list[Row]:
        """All captures whose addresses have the same normalised form, in the order of the table."""
        key, found = key_of(url), list[Row]()
        wanted = normalised(url)
        first = max(0, bisect_right(self._firsts, key) - 1)
        while first and self._firsts[first] == key:  # they may begin in a batch before
            first -= 1
        for number in range(first, len(self._firsts)):
            if self._firsts[number] > key:
                break
            batch = self._file.get_batch(number)
            keys = batch.column(0).to_numpy(zero_copy_only=True)
            start, stop = (
                np.searchsorted(keys, np.uint64(key), "left"),
                np.searchsorted(keys, np.uint64(key), "right"),
            )
            rows = batch.slice(int(start), int(stop - start)).to_pylist()
            found += [_row(row) for row in rows if normalised(row["url"]) == wanted]
        return found

    def everything(self) -> Iterator[Row]:
        """All captures."""
        for number in range(self._file.num_record_batches):
            yield from map(_row, self._file.get_batch(number).to_pylist())

    def counted(self) -> list[tuple[str, str, Counted]]:
        """Name and kind of each file, and what reading it found."""
        return [(each["name"], each["kind"], _counted(each)) for each in self.files]


def _row(values: Mapping[str, Any]) -> Row:
    place = orjson.loads(values["place"])
    return Row(values["file"], Capture(values["url"], values["time"], place, values["to"]))


def _counted(each: Mapping[str, Any]) -> Counted:
    return Counted(each["pages"], each["redirects"], each["faults"], tuple(each["lines"]))


class _Known:
    """What older indexes hold of contents that need not be read again.

    An HTML file is read anew: one of its addresses is that of its place.
    """

    def __init__(self, paths: Iterable[AnyPath]) -> None:
        self._rows: dict[str, list[Capture]] = {}
        self._counted: dict[str, Counted] = {}
        for path in paths:
            index = Index(path)
            if index.version == VERSION:
                self._take(index)

    def _take(self, index: Index) -> None:
        new = {
            number: each["sha256"]
            for number, each in enumerate(index.files)
            if each["kind"] != "html" and each["sha256"] not in self._counted
        }
        self._counted |= {sha: _counted(index.files[number]) for number, sha in new.items()}
        self._rows |= {sha: [] for sha in new.values()}
        for file, capture in index.everything():
            if file in new:
                self._rows[new[file]].append(capture)

    def rows(self, sha256: str, kind: str) -> list[Capture] | None:
        """The captures of a content; None if no index has it."""
        if kind == "html" or sha256 not in self._rows:
            return None
        return self._rows[sha256]

    def counted(self, sha256: str) -> Counted:
        """What reading a content found."""
        return self._counted[sha256]
