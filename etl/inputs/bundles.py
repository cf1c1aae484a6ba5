"""Bundles: input shards that are read together, so that small files do not cost a task each.

A bundle is the unit of phase 1: of work, of resume, and of the files in the work folder. What users
see stays per input: its ledger lines, its quarantine, its place in a generation.

Which files are read together is decided once, when their generation opens, from their names and
sizes alone. They are taken in the order of their names. A bundle ends when it is full; beyond half
of that it may end after any file, by the hash of the file's name. So a file that comes or goes
before the build is complete shifts only the bundles near it.

The less there is to read, the smaller are the bundles, so that many processes have work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import xxhash

from etl.inputs.records import InputShard

_LIKELY: Final = 4
"""Beyond half of its size, a bundle ends on average after another fourth."""
_WANTED: Final = 64
"""Inputs are divided into at least this many bundles, if they are large enough."""
_LEAST: Final = 2**20
"""The size up to which files are read together however little there is, in bytes."""


@dataclass(frozen=True)
class Bundle:
    """One input shard, or several that are read together."""

    # in the order of their names; a part of a file is alone
    members: tuple[InputShard, ...]

    @cached_property
    def key(self) -> str:
        """The name of its files in the work folder; that of its only member, or of all, in hex."""
        keys = [member.key for member in self.members]
        if len(keys) == 1:
            return keys[0]
        return hashlib.blake2b("\0".join(keys).encode(), digest_size=10).hexdigest()

    @property
    def name(self) -> str:
        """The name of its first member."""
        return self.members[0].name

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(member.size for member in self.members)


def together(sizes: Mapping[str, int], most: int) -> list[tuple[str, ...]]:
    """The names of small inputs that are to be read together, two or more each, in order.

    sizes: bytes on disk by name. most: the largest size of a bundle, in bytes; 0 for none.
    """
    if not most:
        return []
    # a power of two: a little more to read does not move all bundles
    wanted = 2 ** (sum(sizes.values()) // _WANTED).bit_length() // 2
    most = min(most, max(_LEAST, wanted))
    bundles: list[tuple[str, ...]] = []
    names: list[str] = []
    filled = 0

    def end() -> None:
        nonlocal filled
        if len(names) > 1:
            bundles.append(tuple(names))
        names.clear()
        filled = 0

    for name in sorted(sizes):
        size = sizes[name]
        if filled + size > most:
            end()
        if size > most:
            continue
        names.append(name)
        filled += size
        if filled * 2 > most and _ends(name, _LIKELY * max(size, 1) / most):
            end()
    end()
    return bundles


def _ends(name: str, share: float) -> bool:
    """Whether a bundle ends after this name, which is so for a share of all names."""
    return xxhash.xxh3_64_intdigest(name.encode()) < share * 2**64


def bundled(shards: Sequence[InputShard], bundles: Iterable[Sequence[str]]) -> list[Bundle]:
    """Input shards as bundles, in the order of their first members.

    shards: in order. bundles: names of the inputs that are read together; parts never are.
    """
    number_of = {name: number for number, names in enumerate(bundles) for name in names}
    members: dict[object, list[InputShard]] = {}
    for shard in shards:
        number = number_of.get(shard.name) if shard.part is None else None
        members.setdefault(shard.key if number is None else number, []).append(shard)
    return [Bundle(tuple(each)) for each in members.values()]
