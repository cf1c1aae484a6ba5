"""Read an input file once, from beginning to end, for its hash, its size and its parts.

The cost is that of hashing. For a file larger than a part comes the search for cuts: line breaks in
JSON lines, the workflow's id in each record that is one step, and a second, decompressing pass over
zstandard of several frames. Memory is bounded by the largest record.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import Any

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs.parts import Cutting, parquet_parts, text_parts
from etl.inputs.records import InputHead
from etl.inputs.remembered import Facts, Remembered
from etl.inputs.streams import GZIP_MAGIC, Part, has_frames_from, is_zstd

Report = Callable[[int], None]
"""Called with the number of bytes that were hashed since the last call."""


def examine(
    node: Node,
    format: str,
    cutting: Cutting | None,
    remembered: Remembered,
    report: Report,
    sha256: str = "",
) -> Facts:
    """The facts of a file, remembered or read now.

    format: its name, to be remembered too. cutting: None if the file is not to be cut. sha256: of
    the content, if it has been read already.

    Raises: OSError if the file cannot be read whole.
    """
    stamp = node.stamp
    if cutting and (stamp.size or 0) <= cutting.part_bytes:
        cutting = None
    facts = remembered.get(node, format, cutting.name if cutting else "")
    if facts is not None:
        report(facts.size)
        return facts
    began = time.time()
    if sha256 and cutting is None:
        facts = Facts(stamp.size or 0, sha256, format=format)
        report(facts.size)
    else:
        facts = _read(node, format, cutting, report)
    if nodes.remote(node.place) or nodes.stamp(node.place) == stamp:
        remembered.put(node, facts, began)
    return facts


def _read(node: Node, format: str, cutting: Cutting | None, report: Report) -> Facts:
    """Read a file to its end, for its facts."""
    hashed = _Hashed(nodes.open_binary(node.place), report)
    with io.BufferedReader(hashed, 2**20) as stream:
        parts = _cut(node, stream, cutting) if cutting else []
        while stream.read1(2**20):
            pass
        nodes.check_size(node, hashed.size)
    if cutting and parts is None:
        parts = _second_look(node, cutting)
    cut = cutting.name if cutting else ""
    return Facts(hashed.size, hashed.sha256.hexdigest(), parts or [], cut, format)


def _cut(node: Node, stream: io.BufferedReader[Any], cutting: Cutting) -> list[Part] | None:
    """The parts of plain text, found while it is hashed.

    Empty if the file cannot be cut; None if only a second look can tell.
    """
    magic = stream.peek(4)[:4]
    if magic[:2] == GZIP_MAGIC:
        return []
    if is_zstd(magic):
        return None if has_frames_from(stream.read, cutting.part_bytes) else []
    if magic == b"PAR1":
        return None
    grouping = cutting.source.grouping(InputHead.at(node))
    if grouping is None:
        return []
    return text_parts(stream, node.stamp.size or 0, cutting.part_bytes, grouping)


def _second_look(node: Node, cutting: Cutting) -> list[Part]:
    """The parts of Parquet or of zstandard with several frames."""
    head = InputHead.at(node)
    grouping = cutting.source.grouping(head)
    if grouping is None:
        return []
    if head.keys.form == "table":
        return parquet_parts(node.place, cutting.part_bytes, grouping)
    with nodes.open_binary(node.place) as stream:
        return text_parts(stream, node.stamp.size or 0, cutting.part_bytes, grouping)


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is read."""

    def __init__(self, raw: io.BufferedReader, report: Report) -> None:
        self._raw = raw
        self._report = report
        self.sha256 = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        self.size += count
        self._report(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
