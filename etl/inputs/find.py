"""Find recordings: files, folders, globs and URLs become input shards.

A shard has a format, a size and a content hash. Its name is the path relative to the root under
which it was given, so a copy of the inputs elsewhere gives the same dataset. Shards come in the
order of (name, content, part); the order of arguments does not matter.

Every byte is read once here, for the hash. A large file may be read a second time, to cut it
(`etl.inputs.parts`). The results are kept (`etl.inputs.remembered`), so that an unchanged file is
not read again.
"""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from etl.files import nodes
from etl.files.entries import Node, version
from etl.inputs import strangers
from etl.inputs.facts import Report, examine
from etl.inputs.parts import Cutting, split
from etl.inputs.records import InputHead, InputShard
from etl.inputs.remembered import Facts, Remembered
from etl.inputs.source import Source
from etl.inputs.streams import Part
from schemas.errors import ConfigError

UNKNOWN: Final = "unknown"
"""Format of a file that no source recognises; it is entered in the ledger and not read."""


Keep = Callable[[str, bytes], None]
"""Takes the sha256 of a small remote file and its content, for those who read it next."""


class Found(NamedTuple):
    """A file or folder that holds recordings, before it is hashed."""

    # path or URL
    place: str
    # path relative to the root under which it was given
    name: str
    # name of the source that reads it, or `UNKNOWN`
    format: str
    # the file itself, or all files of a folder that is one recording
    files: tuple[Node, ...]
    # of the content of a small file, which was read to recognise it; empty for others
    sha256: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk; a file of unknown size counts 0."""
        return sum(file.stamp.size or 0 for file in self.files)


def find(
    inputs: Sequence[str],
    sources: Mapping[str, Source],
    without: Path | None = None,
    *,
    lenient: bool = False,
    remembered: Remembered | None = None,
    keep: Keep | None = None,
    expand: Callable[[str], Sequence[Node]] = nodes.expand,
) -> list[Found]:
    """Every file, or folder that is one recording, under ``inputs``, with its format.

    A file that is given twice, say by itself and within a folder, counts once, under the longer
    name. A file that no source recognises is found too, with format `UNKNOWN`.

    without: a folder to skip: the build's own.
    lenient: accept inputs of which no file is recognised.
    remembered: formats that are known already.
    keep: takes the content of each file that is read whole.
    expand: the nodes that an input stands for (`etl.inputs.listing`).

    Raises: `ConfigError` for an input that does not exist, a glob without match, and files given by
    name of which none is recognised, if nothing else is either.
    """
    found: dict[str, Found] = {}
    refused: list[str] = []
    walk = _Walk(sources, remembered or Remembered(None), keep)
    outside = frozenset((without.resolve(),) if without else ())
    for given in inputs:
        for root in expand(given):
            for real, item in walk.under(root, root.name, outside):
                if item.format == UNKNOWN and item.place == root.place and not lenient:
                    refused.append(root.place)
                before = found.setdefault(real, item)
                if (len(before.name), before.name) < (len(item.name), item.name):
                    found[real] = item
    if refused and all(item.format == UNKNOWN for item in found.values()):
        more = f" ({len(refused) - 1} others are in none either)" if len(refused) > 1 else ""
        what = strangers.meet(
            refused[0], [each.described for each in sources.values() if each.described]
        ).text
        raise ConfigError(f"{refused[0]}: not in any known format: {what}{more}")
    if not found:
        raise ConfigError(f"no files in {', '.join(inputs)}")
    return list(found.values())


class _Walk:
    """Looks for recordings in folders.

    remembered: formats that are known already. keep: takes the content of each file that is read
    whole.
    """

    def __init__(
        self, sources: Mapping[str, Source], remembered: Remembered, keep: Keep | None
    ) -> None:
        self._sources = sorted(sources.items())
        self._remembered, self._keep = remembered, keep

    def under(
        self, node: Node, name: str, without: frozenset[Path], inside: str = ""
    ) -> Iterator[tuple[str, Found]]:
        """The recordings in a file or folder, each with the one place that stands for it.

        without: folders to skip: the build's own, and those that ``node`` lies in, to which a link
        may lead back. inside: the start of its children's names.
        """
        if node.kind == "file":
            yield node.real or node.place, self._file(node, name)
            return
        # resolve() refuses a link to itself
        real = node.place if nodes.remote(node.place) else os.path.realpath(node.place)
        if node.kind == "other":
            yield real, Found(node.place, name, UNKNOWN, ())
            return
        if (within := nodes.within(node, without)) is None:
            return
        format_name = self._recognise(node)
        children = node.children()
        if format_name != UNKNOWN:
            yield real, Found(node.place, name, format_name, tuple(nodes.files_at(node)))
            return
        unread = [
            child
            for child in children
            if nodes.remote(child.place)
            and nodes.small(child)
            and not self._remembered.format_of(child)
        ]
        contents = nodes.ahead(nodes.whole, unread)
        reading = {child.place for child in unread}
        for child in children:
            path = inside + child.name
            if child.place in reading:
                yield child.place, self._whole(child, path, next(contents))
            else:
                yield from self.under(child, path, within, path + "/")

    def _file(self, node: Node, name: str) -> Found:
        """A file, of which a small one is read whole."""
        if format_name := self._remembered.format_of(node):
            return Found(node.place, name, format_name, (node,))
        if nodes.small(node) and len(content := nodes.whole(node)) == node.stamp.size:
            return self._whole(node, name, content)
        return Found(node.place, name, self._recognise(node), (node,))

    def _whole(self, node: Node, name: str, content: bytes) -> Found:
        """A small file of which the content has been read."""
        with nodes.held({node.place: content}):
            format_name = self._recognise(node)
        sha256 = hashlib.sha256(content).hexdigest()
        if self._keep is not None and nodes.remote(node.place):
            self._keep(sha256, content)
        return Found(node.place, name, format_name, (node,), sha256)

    def _recognise(self, node: Node) -> str:
        """The name of the first source that recognises a file or folder, or `UNKNOWN`."""
        head = InputHead.at(node)
        for name, source in self._sources:
            if source.recognise(head):
                return name
        return UNKNOWN


def shards(
    found: Sequence[Found],
    progress: Report | None = None,
    *,
    sources: Mapping[str, Source] | None = None,
    part_bytes: int = 0,
    remembered: Remembered | None = None,
    before: Mapping[str, str] | None = None,
) -> list[InputShard]:
    """Hash files, and cut large ones into parts.

    A name that occurs under two roots gets a number, in the order of their content. One that had
    its number before keeps it, so that a night under a root of its own renames no other.

    sources, part_bytes: files larger than this are cut into parts of about this size; by default
    none is cut. remembered: what is known already; takes in what is found. before: sha256 by name
    of the inputs of the last build.

    Raises: OSError for a file that cannot be read.
    """
    known = remembered or Remembered(None)
    report = progress or (lambda _: None)
    cuttings = {name: Cutting.of(source, part_bytes) for name, source in (sources or {}).items()}
    hashed: list[tuple[InputShard, list[Part]]] = []
    for item in found:
        facts = _facts(item, cuttings.get(item.format), known, report)
        shard = InputShard(
            item.name, item.place, item.format, facts.size, facts.sha256, version(item.files)
        )
        hashed.append((shard, facts.parts))
    hashed.sort(key=lambda pair: (pair[0].name, pair[0].sha256))
    unique: list[InputShard] = []
    numbers = _Numbers(before or {})
    for name, group in itertools.groupby(hashed, key=lambda pair: pair[0].name):
        alike = list(group)
        of_each = numbers.of(name, [shard.sha256 for shard, _ in alike])
        for number, at in sorted(zip(of_each, range(len(alike)), strict=True)):
            shard, parts = alike[at]
            named = shard if number == 1 else replace(shard, name=f"{name}~{number}")
            unique += split(named, parts)
    return unique


class _Numbers:
    """Numbers for files of one name; one that a file had before stays its own.

    before: sha256 by name of the inputs of the last build.
    """

    def __init__(self, before: Mapping[str, str]) -> None:
        self._old: dict[str, dict[str, list[int]]] = {}
        for name, sha256 in before.items():
            self._note(name, sha256, 1)
            base, tilde, number = name.rpartition("~")
            if tilde and number.isdigit():
                self._note(base, sha256, int(number))

    def _note(self, name: str, sha256: str, number: int) -> None:
        self._old.setdefault(name, {}).setdefault(sha256, []).append(number)

    def of(self, name: str, contents: Sequence[str]) -> list[int]:
        """The numbers of files of this name.

        contents: the sha256 of each, in order.
        """
        old = {sha256: sorted(numbers) for sha256, numbers in self._old.get(name, {}).items()}
        kept = [old[each].pop(0) if old.get(each) else 0 for each in contents]
        free = (number for number in itertools.count(1) if number not in kept)
        return [number or next(free) for number in kept]


def _facts(item: Found, cutting: Cutting | None, remembered: Remembered, report: Report) -> Facts:
    """The facts of a file; of a folder, its total size and a hash over its files."""
    if len(item.files) == 1 and item.files[0].place == item.place:
        return examine(item.files[0], item.format, cutting, remembered, report, item.sha256)
    folder, size = hashlib.sha256(), 0
    for file in item.files:
        facts = examine(file, "", None, remembered, report)
        folder.update(f"{file.name}\0{facts.sha256}\n".encode())
        size += facts.size
    return Facts(size, folder.hexdigest())
