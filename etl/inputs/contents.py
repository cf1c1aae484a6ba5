"""The contents of small inputs: a file is opened once to find it, and once to read it.

Remote ones are read several at a time, and once in a build. Whoever finds the inputs reads each to
recognise and hash it, and keeps the content in scratch space (`etl.files.scratch`). The workers of
this machine take it from there; others ask the storage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from etl.files import nodes, scratch
from etl.files.entries import Node, Stamp
from etl.inputs.find import UNKNOWN
from etl.inputs.records import InputShard
from schemas.errors import BuildError


def ahead(shards: Sequence[InputShard]) -> Iterator[Mapping[str, bytes]]:
    """For each input shard its content by place, for `etl.files.nodes.held`, in order.

    Nothing for one that is not small, or a folder or part. A local one is not compared with what
    was hashed: its stamp tells.

    Raises:
        BuildError: the content of a remote one is not the one that was hashed.
        OSError: it cannot be read.
    """
    if any(nodes.remote(shard.path) and _small(shard) for shard in shards):
        return nodes.ahead(_content, shards)
    return map(_content, shards)


def _small(shard: InputShard) -> bool:
    """Whether an input shard is a small file that is read, or a local folder of small files.

    What no source recognises is not read: it may be a pipe, which would never end.
    """
    alone = shard.part is None and not shard.path.endswith("/")
    return alone and shard.format != UNKNOWN and shard.size <= nodes.SMALL


def _content(shard: InputShard) -> Mapping[str, bytes]:
    if not _small(shard):
        return {}
    listed = Node(shard.path, shard.name, "file", Stamp(shard.size))
    if not nodes.remote(shard.path):
        try:
            return {shard.path: nodes.whole(listed)}
        except IsADirectoryError:
            return {}
    content = scratch.kept_content(shard.sha256)
    if content is None:
        content = nodes.whole(listed)
        if hashlib.sha256(content).hexdigest() != shard.sha256:
            raise changed(shard)
    return {shard.path: content}


def changed(shard: InputShard) -> BuildError:
    """The error for an input that somebody writes to while it is read."""
    return BuildError(
        f"{shard.path}: it changed after it was hashed and before it was read to its end; "
        f"once nothing writes to it any more, run the same command again"
    )
