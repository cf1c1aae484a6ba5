"""The signature of a sample: some numbers by which its page, answer and task are compared.

A page is the set of its nodes: each start tag with the text behind it, each end tag that has text
behind it, or each line of a text observation; all without ids. So it does not matter that an
insertion numbers all nodes anew. Its signature estimates the share of nodes that two pages have in
common (Jaccard): MinHash (Broder, "On the resemblance and containment of documents", 1997), made in
the time of a few hashes a node (Dahlgaard, Knudsen, Thorup, "Fast similarity sketching", 2017), of
which 8 bits of each minimum are kept (Li, König, "b-bit minwise hashing", 2010).

The skeleton of a page is the set of the ways to its elements: its tag and those of the three around
it, with their ``type``, ``role`` and ``name``, without texts and ids. Runs of rows are one, so that
a list may be longer. It is signed in the same way, since a hash of the whole would be another one
for each banner. Of 26 first pages of WebArena and 763 of WorkArena, two of one page had at least
0.9 of their ways in common, and two pages of one site at most 0.8 (pruned by scribeagent-32k).

An element is known again in two ways, since an edit may change either: by its start tag and how
many of these come before it, or by its first text and how often that comes before it.

The few lines are our own. Of pruned pages of 590 different nodes they took 0.2 to 0.5 ms a page,
datasketch 2.0.0 1.3 ms, rensa 0.5.0, which is compiled, 0.1 ms; the mean error of the estimate is
0.03 with all three (`python -m tests.bench.near libraries`). What rensa would save is not worth
bytes that depend on the version of a library, which promises nothing of its hash.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from etl.files.hashes import Remembered
from etl.pages import compiled
from etl.pages.tokens import VOID_TAGS

VERSION: Final = 2
"""Raised when a sample's signature changes."""
BINS: Final = 128
"""Values of a page's signature."""

_PAGES: Final = 64
"""Pages whose signatures are remembered: recorded pages come again."""
_BIN_BITS: Final = np.uint64(64 - 7)
"""The first 7 bits of a node's hash choose its bin."""
_AT_ONCE: Final = 1024
"""Nodes that are thrown into bins together, about, after the first round."""
_NODE: Final = re.compile(rb' node="\d+"')
_NO_NODE: Final = re.compile(rb' node="\d+"|</[^<>]*>\s*(?=<|\Z)')
_LINE_ID: Final = re.compile(
    rb"^[ \t]*(?:[-*+|][ \t]*)*(?:\[[^\[\]\s]*\]:?|\d+:(?=[ \t]*<))?[ \t]*"
    rb"|[ \t]*\[ref=[^\[\]\s]*\]",
    re.MULTILINE,
)
_VALUE: Final = re.compile(rb' value="[^"]*"')
_DIGITS: Final = re.compile(rb"\d+")
_TAG: Final = re.compile(rb"<([A-Za-z][^\s/>]*)")
_TEXT: Final = re.compile(rb">\s*([^<>]*[^<>\s])")
_WORDS: Final = re.compile(r"\w+")
_SHAPE: Final = re.compile(rb"<(/?)([A-Za-z][^\s/>]*)([^<>]*)>")
_SHAPED_BY: Final = re.compile(rb' (?:type|role|name)="[^"]*"')
_VOID: Final = {tag.encode() for tag in VOID_TAGS}
_AROUND: Final = 3
"""Elements around one that are on the way to it."""
_LOOKED_AT: Final = 2000
"""Bytes behind a start tag in which the element's first text is looked for."""
_NO_TEXT: Final = 0


Skeleton = tuple[npt.NDArray[np.uint8], int]
"""The signature of the skeleton of a page, `BINS` bytes, and the number of its ways; 0 for a text,
which has none.
"""


class Signature(NamedTuple):
    """The numbers of one sample; all but the first are hashes."""

    # of the page: `BINS` bytes
    page: npt.NDArray[np.uint8]
    # of objective, kind of action and typed value
    task: int
    # of the target by its start tag
    by_tag: int
    # of the target by its text; 0 if it has none
    by_text: int
    # of what the step does, whatever the values
    deed: int


def of_sample(sample: dict[str, Any]) -> Signature:
    """The signature of a sample.

    sample: columns of `schemas.sample_table.SAMPLE_SCHEMA`, with ``observation`` and
    ``target_html`` as UTF-8.
    """
    observation, tag = sample["observation"], sample["target_html"]
    lines = is_text(sample)
    by_tag, by_text, text = _target(observation, tag, lines)
    kind, value = sample["action_kind"], sample["action_value"]
    return Signature(
        of_page(observation, lines),
        _hash("task", words(sample["objective"]), kind, words(value)),
        by_tag,
        by_text,
        _hash("deed", sample["domain"], kind, _thing(_bare(tag, lines), text)),
    )


def of_nothing(sample_id: str) -> Signature:
    """The signature of a sample that cannot be looked at: it is like no other."""
    own = _hash("nothing", sample_id)
    page = of_page(sample_id.encode("utf-8", "surrogatepass"), True)
    return Signature(page, own, own, 0, own)


def is_text(sample: dict[str, Any]) -> bool:
    """Whether the observation of a sample is a text, a line an element."""
    return bool(sample["observation_kind"] != "html")


def skeleton_of(sample: dict[str, Any]) -> Skeleton:
    """The skeleton of a sample's page; a text has none."""
    return skeleton(b"" if is_text(sample) else sample["observation"])


def of_page(observation: bytes, lines: bool = False) -> npt.NDArray[np.uint8]:
    """The signature of a page: shape (`BINS`), one byte for each bin.

    observation: its UTF-8. lines: it is a text, a line an element.
    """
    return _of_nodes(plain_nodes(observation, True)) if lines else _of_html(observation)


def _of_nodes(nodes: set[bytes]) -> npt.NDArray[np.uint8]:
    if len(nodes) > 1:
        nodes.discard(b"")
    return _sketch(nodes)


def _nodes(observation: bytes) -> set[bytes]:
    """The nodes of HTML."""
    if compiled.ENGINE is None:
        return plain_nodes(observation, False)
    found: set[bytes] = compiled.ENGINE.nodes(observation)
    return found


def plain_nodes(observation: bytes, lines: bool) -> set[bytes]:
    """The nodes of a page without ids; of HTML the specification of the engine's."""
    rest = (_LINE_ID if lines else _NO_NODE).sub(b"", observation)
    return set(rest.split(b"\n" if lines else b"<"))


def skeleton(observation: bytes) -> Skeleton:
    """The signature of the skeleton of a page as it is pruned, and the number of its ways."""
    return _skeleton(observation)


def _skeleton_of_ways(found: set[bytes]) -> Skeleton:
    return (_sketch(found), len(found)) if found else (np.zeros(BINS, np.uint8), 0)


def _ways(observation: bytes) -> set[bytes]:
    """The ways to the elements of a page, each as the start tags on it."""
    if compiled.ENGINE is None:
        return plain_ways(observation)
    found: set[bytes] = compiled.ENGINE.ways(observation, _VOID, _AROUND)
    return found


def plain_ways(observation: bytes) -> set[bytes]:
    """The same in plain Python: the specification of the engine's."""
    ways: set[bytes] = set()
    opened: list[tuple[bytes, bytes]] = []
    for close, tag, rest in _SHAPE.findall(observation):
        if not close:
            own = tag + b"".join(_SHAPED_BY.findall(rest))
            ways.add(b">".join((*(each for _, each in opened[-_AROUND:]), own)))
            if tag not in _VOID and not rest.endswith(b"/"):
                opened.append((tag, own))
        elif any(name == tag for name, _ in opened):
            while opened.pop()[0] != tag:
                pass
    return ways


def _sketch(nodes: Collection[bytes]) -> npt.NDArray[np.uint8]:
    """The signature of a set."""
    hashes = list(map(xxhash.xxh3_64_intdigest, nodes))
    if compiled.ENGINE is None:
        return plain_sketch(hashes)
    return np.frombuffer(compiled.ENGINE.sketch(hashes, BINS, int(_BIN_BITS)), np.uint8)


def plain_sketch(each: Sequence[int]) -> npt.NDArray[np.uint8]:
    """The signature of a set by the hashes of its members: the specification of the engine's."""
    hashes = np.array(each, np.uint64)
    minima, empty = np.zeros(BINS, np.uint8), np.ones(BINS, bool)
    done = 0
    while empty.any() and done < BINS:
        rounds = min(BINS - done, max(1, _AT_ONCE // len(hashes))) if done else 1
        thrown = np.sort(_rehashed(hashes, done, rounds)).ravel()
        bins, first = np.unique((thrown >> _BIN_BITS).astype(np.intp), return_index=True)
        new = empty[bins]
        minima[bins[new]] = thrown[first[new]].astype(np.uint8)
        empty[bins] = False
        done += rounds
    for number in np.flatnonzero(empty):
        minima[number] = _rehashed(hashes, BINS + int(number), 1).min().astype(np.uint8)
    return minima


def _rehashed(hashes: npt.NDArray[np.uint64], start: int, rounds: int) -> npt.NDArray[np.uint64]:
    """The hashes of nodes in some rounds, shape (rounds, nodes): in each all are thrown into bins.

    A bin keeps the least hash of the first round in which it gets any.
    """
    seeds = mixed(np.arange(start, start + rounds, dtype=np.uint64))
    return mixed(hashes[None, :] ^ seeds[:, None])


def mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """64-bit hashes of 64-bit numbers: the finaliser of SplitMix64 (Steele and others, 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


_of_html: Final = Remembered(lambda page: _of_nodes(_nodes(page)), _PAGES)
_skeleton: Final = Remembered(lambda page: _skeleton_of_ways(_ways(page)), _PAGES)


def words(text: str) -> str:
    """A text without case, punctuation and white space: two that differ only in these are equal.

    One without any word is left as it is.
    """
    found = _WORDS.findall(text.casefold())
    return " ".join(found) if found else text


def _bare(markup: bytes, lines: bool) -> bytes:
    """Markup, or lines of a text, without ids."""
    if lines or compiled.ENGINE is None:
        return (_LINE_ID if lines else _NODE).sub(b"", markup)
    bare: bytes = compiled.ENGINE.bare(markup)
    return bare


def _target(observation: bytes, tag: bytes, lines: bool) -> tuple[int, int, bytes]:
    """A target by its start tag and by its text, and that text; tag: with its id, may be empty."""
    bare = _bare(tag, lines).strip()
    place = observation.find(tag) if tag else -1
    if place < 0:
        return _hash("tag", bare), _NO_TEXT, b""
    before = _bare(observation[:place], lines)
    by_tag = _hash("tag", bare, before.count(bare))
    if lines:
        return by_tag, _NO_TEXT, b""
    match, after = _TAG.match(bare), place + len(tag)
    name = match[1] if match else b""
    if name.decode("utf-8", "replace") in VOID_TAGS:
        return by_tag, _NO_TEXT, b""
    inside = b">" + observation[after : after + _LOOKED_AT]
    text = _TEXT.search(inside.partition(b"</" + name + b">")[0])
    if text is None:
        return by_tag, _NO_TEXT, b""
    return by_tag, _hash("text", name, text[1], before.count(text[1])) or 1, text[1]


def _thing(bare: bytes, text: bytes) -> bytes:
    """What an element is, whatever its value and numbers: a tag without attributes by its text."""
    if b"=" not in bare:
        bare += text
    return _DIGITS.sub(b"#", _VALUE.sub(b"", bare.strip()))


def _hash(*parts: str | bytes | int) -> int:
    """A 64-bit hash of values, of which none runs into the next."""
    found = xxhash.xxh3_64()
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
        found.update(len(raw).to_bytes(8, "little"))
        found.update(raw)
    return found.intdigest()
