"""Damaged recordings of every format: each record is read or has its reason, and nothing crashes.

500 changed recordings a format, by a seed: bytes that flip, are cut out or repeated, files that
break off or are joined with another's, compressed ones whose stream is damaged. They are made of
the described examples, and of recordings of ours where a format's files are no text.
"""

from __future__ import annotations

import gzip
import random
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
import zstandard

from etl.inputs import find
from etl.look.recordings import schema
from etl.sources import FORMATS, SOURCES
from etl.tally import Tally
from tests.support import builds

CHANGED = 500
PATIENCE = 60
"""Seconds after which a recording hangs; the slowest takes a hundredth of that."""
OWN = Path(__file__).parents[1] / "recordings" / "formats"
"""Our own recordings, by format: formats whose files are no text have some here."""


@contextmanager
def patience() -> Iterator[None]:
    """Raise an error out of what hangs."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("a damaged recording hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def originals(name: str, folder: Path) -> list[Path]:
    """Recordings of a format: roots, each a file or a folder that is one."""
    schema.write(FORMATS[name], folder / "example")
    roots = [*(folder / "example").iterdir()]
    if (OWN / name).is_dir():
        shutil.copytree(OWN / name, folder / "own")
        roots += [*(folder / "own").iterdir()]
    return roots


def change(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Some bytes, damaged. other: of another file, to be joined with."""
    changed = bytearray(raw or b"x")
    kind = chance.choice(("flip", "flip", "cut", "drop", "twice", "insert", "join", "gzip", "zstd"))
    at = chance.randrange(len(changed))
    if kind == "flip":
        for _ in range(chance.randint(1, 8)):
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del changed[at:]
    elif kind == "drop":
        del changed[at : at + chance.randint(1, 64)]
    elif kind == "twice":
        changed[at:at] = changed[max(0, at - chance.randint(1, 512)) : at]
    elif kind == "insert":
        changed[at:at] = chance.choice(
            (b'"', b"[", b"{", b"]", b"}", b"\0", b"\xff", b"null", b"../../evil", b"\n", b"1e999")
        )
    elif kind == "join":
        changed[at:] = other[chance.randrange(len(other) or 1) :]
    else:
        whole = gzip.compress(raw) if kind == "gzip" else zstandard.compress(raw)
        changed = bytearray(whole)
        if chance.random() < 0.7:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        else:
            del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def files_of(root: Path) -> list[Path]:
    return [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_recordings(tmp_path: Path, name: str) -> None:
    """Each changed recording is read or refused: every record once, each loss with a reason and its
    bytes, no error, no hang, and no file beside the recording.
    """
    chance = random.Random(name)
    roots = originals(name, tmp_path)
    place = tmp_path / "in"
    outcomes = Counter[str]()
    for _ in range(CHANGED):
        root = chance.choice(roots)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        target = place / root.name
        shutil.copytree(root, target) if root.is_dir() else shutil.copy(root, target)
        files = files_of(target)
        victim = chance.choice(files)
        victim.write_bytes(change(victim.read_bytes(), chance.choice(files).read_bytes(), chance))
        before = builds.contents(tmp_path)
        with patience():
            for shard in find.shards(find.find([str(place)], SOURCES, lenient=True)):
                tally = Tally()
                workflows = list(SOURCES[shard.format].read(shard, tally))
                check(tally)
                outcomes["workflows"] += len(workflows)
                outcomes["losses"] += len(tally.quarantined)
        assert builds.contents(tmp_path) == before
    assert outcomes["workflows"]
    assert outcomes["losses"]


def check(tally: Tally) -> None:
    """Each record is entered once, and what is lost has a reason."""
    read = [entry.id for entry in tally.entries if not entry.reason and entry.unit == "record"]
    assert len(set(read)) == len(read)
    lost = {entry.id for entry in tally.entries if entry.reason}
    assert lost <= set(read)
    assert {bad.id for bad in tally.quarantined} <= lost
