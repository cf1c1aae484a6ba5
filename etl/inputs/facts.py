"""Read an input file once from beginning to end: its hash, its size, and where it can be cut.

Costs what hashing costs, and besides, for files larger than a part: JSON lines, their line breaks;
steps as records, the id of each; zstandard of several frames is read a second time, decompressed.
Memory: the largest record.
"""

from __future__ import annotations

import errno
import hashlib
import io
import time
from collections.abc import Callable
from typing import Any

from etl.files import nodes
from etl.files.nodes import Node
from etl.inputs.parts import Cutting, parquet_parts, text_parts
from etl.inputs.records import InputHead
from etl.inputs.remembered import Facts, Remembered
from etl.inputs.streams import GZIP_MAGIC, Part, has_frames_from, is_zstd

Report = Callable[[int], None]
"""Told how many more bytes were hashed."""


def examine(node: Node, cutting: Cutting | None, known: Remembered, report: Report) -> Facts:
    """What is to be known of a file, read anew or remembered. cutting: None if it is not to be cut.

    Raises OSError.
    """
    stamp = node.stamp
    if cutting and (stamp.size or 0) <= cutting.part_bytes:
        cutting = None
    facts = known.get(node.place, stamp, cutting.name if cutting else "")
    if facts is not None:
        report(facts.size)
        return facts
    began = time.time()
    facts = _read(node, cutting, report)
    if nodes.remote(node.place) or nodes.node(node.place).stamp == stamp:
        known.put(node.place, stamp, facts, began)
    return facts


def _read(node: Node, cutting: Cutting | None, report: Report) -> Facts:
    hashed = _Hashed(nodes.open_binary(node.place), report)
    with io.BufferedReader(hashed, 2**20) as stream:
        parts = _cut(node, stream, cutting) if cutting else []
        while stream.read1(2**20):
            pass
        _complete(node, hashed.size)
    if cutting and parts is None:  # where to cut is seen by another look only
        parts = _second_look(node, cutting)
    return Facts(
        hashed.size, hashed.sha256.hexdigest(), parts or [], cutting.name if cutting else ""
    )


def _complete(node: Node, size: int) -> None:
    """A connection that was lost may look like the end of the file."""
    if nodes.remote(node.place) and node.stamp.size is not None and size != node.stamp.size:
        said = (
            f"{size} bytes could be read, {node.stamp.size} were listed: it has changed, or the "
            "connection was lost"
        )
        raise OSError(errno.EIO, said, node.place)


def _cut(node: Node, stream: io.BufferedReader[Any], cutting: Cutting) -> list[Part] | None:
    """The parts of plain text, while it goes by; none for what cannot be cut; None if it must be
    looked at again.
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
