"""Snapshots as trees: what the recorder wrote as "as before" is put in its place.

A snapshot is a text, ``[name, attributes, child...]``, or ``[[ago, node]]``: the same as node
``node`` of the snapshot ``ago`` snapshots before it in the same frame. The nodes of a snapshot are
counted in post-order, references left out. So a snapshot needs earlier ones, but only those nodes
of them that are still to be named. A first look over the whole file (`References`) tells which; the
second one (`Trees`) keeps these and no others. Subtrees are shared, never copied.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.errors import RecordError

MAX_CHARACTERS: Final = 64 * 2**20
"""Of a tree, in which each node counts as `_NODE` at least.

Shared subtrees make a page of any size from a file of a few kilobytes.
"""
_NODE: Final = 64

Node = Any
"""A text, a list as above, or `MISSING`."""

_Nodes = dict[int, tuple[Node, int]]

MISSING: Final = object()
"""Stands for a node that the recording names, but does not hold."""


def reference(node: Node) -> tuple[int, int] | None:
    """What a node refers to: (snapshots ago, node); None if it is no reference.

    Raises: `RecordError` ``wrong_type`` if it is no node.
    """
    if isinstance(node, str):
        return None
    if isinstance(node, list) and node:
        if isinstance(node[0], str):
            if len(node) > 1 and not isinstance(node[1], dict):
                raise RecordError("wrong_type", "an element's attributes are no object")
            return None
        if (
            len(node) == 1
            and isinstance(node[0], list)
            and len(node[0]) == 2
            and all(type(number) is int for number in node[0])
        ):
            return node[0][0], node[0][1]
    raise RecordError("wrong_type", "neither a text, an element nor a reference in a snapshot")


def post_order(holder: list[Node]) -> Iterator[tuple[Node, list[Node], int]]:
    """Each node after its children, with the list that holds it and its place there.

    What is put into a place that was given out is not looked at.

    holder: a list of the root alone.
    """
    stack: list[tuple[list[Node], int, bool]] = [(holder, 0, False)]
    while stack:
        held, place, done = stack.pop()
        node = held[place]
        if done or not isinstance(node, list) or not node or not isinstance(node[0], str):
            yield node, held, place
            continue
        stack.append((held, place, True))
        stack.extend([(node, at, False) for at in range(len(node) - 1, 1, -1)])


_LIVES: Final = (4, 16, 64, 256, 1024)
"""Numbers of snapshots for which nodes are kept; longer: up to the last one that names one."""


@dataclass(slots=True)
class _Named:
    """Of one snapshot: which nodes later ones name, and for how long."""

    # its number in the file
    number: int
    # how many nodes it has
    nodes: int
    # the first snapshot of the frame whose number is certain to it and to those after it
    floor: int
    # of each of `_LIVES` and for longer: a bit for each node that is named at most so much later
    bits: list[bytearray] = field(default_factory=lambda: [bytearray() for _ in (*_LIVES, 0)])
    # the number of the last snapshot in the file that names one
    last: int = -1

    def name(self, node: int, by: int) -> None:
        """Note that a later snapshot names a node."""
        bits = self.bits[bisect_left(_LIVES, by - self.number)]
        if len(bits) <= node >> 3:
            bits.extend(bytes((node >> 3) + 1 - len(bits)))
        bits[node >> 3] |= 1 << (node & 7)
        self.last = by

    def lives(self) -> Iterator[tuple[bytearray, int]]:
        """The bits for each length of time, the longest first, and the number of its last one."""
        for bits, life in zip(reversed(self.bits), (None, *reversed(_LIVES)), strict=True):
            if bits:
                last = self.last if life is None else min(self.last, self.number + life)
                yield bits, last


class References:
    """A first look at the snapshots of a file: which of their nodes are named later."""

    def __init__(self) -> None:
        self.frames: defaultdict[str, list[_Named]] = defaultdict(list)
        self._floors: dict[str, int] = {}
        self._count = 0

    def add(self, frame: str, root: Node) -> None:
        """Look at the next snapshot.

        Raises: `RecordError` ``wrong_type`` if it is none.
        """
        own = 0
        wanted: list[tuple[int, int]] = []
        for node, _, _ in post_order([root]):
            if (to := reference(node)) is None:
                own += 1
            else:
                wanted.append(to)
        named, floor = self.frames[frame], self._floors.get(frame, 0)
        for ago, at in wanted:
            place = len(named) - ago
            if floor <= place < len(named) and 0 <= at < named[place].nodes:
                named[place].name(at, self._count)
        named.append(_Named(self._count, own, floor))
        self._count += 1

    def lose(self) -> None:
        """Note that a snapshot could not be read: "two snapshots ago" has another meaning now."""
        for frame, named in self.frames.items():
            self._floors[frame] = len(named)


class Trees:
    """The snapshots of a file in the order of `References`, with what they refer to in its place.

    Memory holds one snapshot, and of earlier ones the nodes that are still to be named.
    """

    def __init__(self, references: References) -> None:
        self._named = references.frames
        # of each frame and snapshot, by how long they live: number of a node -> the node, and the
        # characters in it
        self._kept: defaultdict[str, dict[int, list[_Nodes]]] = defaultdict(dict)
        self._ends: defaultdict[int, list[tuple[str, int, _Nodes]]] = defaultdict(list)
        self._places: defaultdict[str, int] = defaultdict(int)
        self._count = 0

    def add(self, frame: str, root: Node) -> Node:
        """The next snapshot, changed in place: a tree without references.

        `MISSING` stands for a tree of over `MAX_CHARACTERS`.
        """
        place = self._places[frame]
        self._places[frame] += 1
        named, earlier = self._named[frame][place], self._kept[frame]
        lives = list(named.lives())
        kept: list[_Nodes] = [{} for _ in lives]
        own = 0
        holder = [root]
        sizes: dict[int, int] = {}  # of open elements: the characters of their children so far
        for node, held, at in post_order(holder):
            if (to := reference(node)) is None:
                size = sizes.pop(id(node), 0) + _size(node)
                byte, bit = own >> 3, 1 << (own & 7)
                for (bits, _), nodes in zip(lives, kept, strict=True):
                    if byte < len(bits) and bits[byte] & bit:
                        nodes[own] = node, size
                        break
                own += 1
            else:
                ago = place - to[0]
                found = earlier.get(ago, ()) if ago >= named.floor else ()
                held[at], size = next((n[to[1]] for n in found if to[1] in n), (MISSING, 0))
            sizes[id(held)] = sizes.get(id(held), 0) + size
        if kept:
            earlier[place] = kept
            for nodes, (_, last) in zip(kept, lives, strict=True):
                self._ends[last].append((frame, place, nodes))
        for of_frame, done, nodes in self._ends.pop(self._count, ()):
            nodes.clear()
            if not any(self._kept[of_frame][done]):
                del self._kept[of_frame][done]
        self._count += 1
        return holder[0] if sizes[id(holder)] <= MAX_CHARACTERS else MISSING

    @property
    def kept(self) -> int:
        """How many nodes of earlier snapshots are held by their numbers."""
        every = (kept for places in self._kept.values() for kept in places.values())
        return sum(len(nodes) for kept in every for nodes in kept)


def _size(node: Node) -> int:
    """The characters of a node without its children, about as many as in a page."""
    if isinstance(node, str):
        return max(_NODE, len(node))
    attributes = node[1] if len(node) > 1 else {}
    written = sum(len(key) + len(str(value)) + 4 for key, value in attributes.items())
    return max(_NODE, 2 * len(node[0]) + 5 + written)
