"""The files and folders of some inputs, listed once, and a mark of all of them together.

The mark tells whether a build has anything to do, without a look at any single file: it covers the
place and the stamp of each (`etl.files.entries.Stamp`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from etl.files import nodes
from etl.files.entries import Node
from etl.inputs import remembered


class Listing:
    """The nodes that inputs stand for. A folder is listed when it is first looked at, and once.

    without: a folder to skip: the build's own.
    """

    def __init__(self, inputs: Sequence[str], without: Path | None = None) -> None:
        self._inputs = inputs
        self._without = frozenset((without.resolve(),) if without else ())
        self.expand = cache(nodes.expand)
        # time of the newest file's last change, in seconds since 1970; 0 if nobody says
        self.newest = 0.0

    def mark(self) -> str:
        """A hash that changes when a file comes, goes or changes.

        Empty if that cannot be told: a storage gives no stamps, or a file has changed just now.

        Raises:
            ConfigError: an input does not exist.
            OSError: a storage does not answer.
        """
        began = time.time()
        digest = hashlib.blake2b(digest_size=20)
        for given in self._inputs:
            digest.update(f"{given}\n".encode(errors="surrogateescape"))
            for root in self.expand(given):
                for files in self._files(root, self._without):
                    if any(not file.stamp.mark and file.kind == "file" for file in files):
                        return ""
                    self.newest = max(self.newest, *(file.stamp.changed for file in files))
                    lines = [f"{f.place}\0{f.stamp.size}\0{f.stamp.mark}\n" for f in files]
                    digest.update("".join(lines).encode(errors="surrogateescape"))
        return digest.hexdigest() if self.newest <= began - remembered.FRESH else ""

    def _files(self, node: Node, without: frozenset[Path]) -> Iterator[list[Node]]:
        """The files at a node, those of a folder together, in order.

        without: folders to skip: the build's own, and those that ``node`` lies in.
        """
        if node.kind != "folder":
            yield [node]
            return
        if (inside := nodes.within(node, without)) is None:
            return
        children = node.children()
        if files := [child for child in children if child.kind != "folder"]:
            yield files
        for child in children:
            if child.kind == "folder":
                yield from self._files(child, inside)
