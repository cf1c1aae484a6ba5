"""Zip archives: read in place, bounded, and without paths."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest

from etl.inputs.archives import zips
from etl.inputs.records import InputHead
from etl.inputs.streams import Truncated


def archive(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def refused(path: Path, name: str = "") -> str:
    """The reason for which an archive or a file in it is not read."""
    with pytest.raises(Truncated) as error, zips.open_zip(path) as made:
        for _ in made.chunks(name or made.names[0]):
            pass
    return error.value.reason


def test_files_are_streamed_in_place(tmp_path: Path) -> None:
    """Names come in the archive's order; a file comes in chunks and lines, as often as asked."""
    text = b"one\r\ntwo\n" + b"x" * 1_000_000
    path = archive(tmp_path / "a.zip", {"b/second.txt": text, "first": b"", "b/": b""})
    with zips.open_zip(path) as made:
        assert made.names == ("b/second.txt", "first")
        assert made.size("b/second.txt") == len(text)
        for _ in range(2):
            assert b"".join(made.chunks("b/second.txt")) == text
        assert [line[:3] for _, line in made.lines("b/second.txt")] == [b"one", b"two", b"xxx"]
        assert made.start("b/second.txt", 5) == text[:5]
        assert list(made.chunks("first")) == []
        with pytest.raises(KeyError):
            list(made.chunks("third"))


def test_a_head_lists_the_names(tmp_path: Path) -> None:
    """An archive is recognised by its names; other files and damaged archives have none."""
    path = archive(tmp_path / "a.zip", {"one": b"1", "two": b"2"})
    assert InputHead.of(path).zipped == ("one", "two")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-30])
    (tmp_path / "plain").write_bytes(b"one")
    assert (
        InputHead.of(tmp_path / "cut.zip").zipped == InputHead.of(tmp_path / "plain").zipped == ()
    )
    assert refused(tmp_path / "cut.zip") == refused(tmp_path / "plain") == "broken_zip"


def test_names_are_no_paths(tmp_path: Path) -> None:
    """Names that lead elsewhere name only what the archive holds."""
    names = ["../../outside", "/etc/passwd", "C:\\x", "a\\..\\b", "\u00e9"]
    path = archive(tmp_path / "a.zip", {name: name.encode() for name in names})
    before = sorted(tmp_path.rglob("*"))
    with zips.open_zip(path) as made:
        assert list(made.names) == names
        assert [b"".join(made.chunks(name)).decode() for name in names] == names
    assert sorted(tmp_path.rglob("*")) == before


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A file that grows more than any recording, and a list of names without end, are not read."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made, made.open("zeros", "w") as file:
        for _ in range(80):
            file.write(bytes(2**20))
    (tmp_path / "a.zip").write_bytes(data.getvalue())
    assert refused(tmp_path / "a.zip") == "zip_too_large"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, 2**31, 0, 0)
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04" + end)
    assert refused(tmp_path / "b.zip", "x") == "zip_too_large"


def test_unusual_archives_are_refused(tmp_path: Path) -> None:
    """Other compressions, whose memory is not bounded, and encrypted files are not read."""
    assert refused(archive(tmp_path / "a.zip", {"x": b"x"}, zipfile.ZIP_BZIP2)) == "broken_zip"
    assert refused(archive(tmp_path / "b.zip", {"x": b"x"}, zipfile.ZIP_LZMA)) == "broken_zip"
    raw = bytearray(archive(tmp_path / "c.zip", {"x": b"x"}).read_bytes())
    raw[6] |= 1
    raw[raw.rfind(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "c.zip").write_bytes(raw)
    assert refused(tmp_path / "c.zip") == "broken_zip"


def test_damage_is_never_a_crash(tmp_path: Path) -> None:
    """500 damaged archives: each file is read, or refused with a reason, and never too long."""
    whole = archive(
        tmp_path / "a.zip", {f"{n}.trace": bytes(range(256)) * n for n in range(1, 9)}
    ).read_bytes()
    chance = random.Random(12)
    path = tmp_path / "damaged.zip"
    reasons = set()
    for _ in range(500):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 9)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        if chance.random() < 0.3:
            del raw[chance.randrange(len(raw)) :]
        path.write_bytes(raw)
        try:
            with zips.open_zip(path) as made:
                for name in made.names:
                    try:
                        assert sum(map(len, made.chunks(name))) <= zips.SMALL_BYTES
                    except Truncated as error:
                        reasons.add(error.reason)
        except Truncated as error:
            reasons.add(error.reason)
    assert reasons <= {"broken_zip", "zip_too_large"}
