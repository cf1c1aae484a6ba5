"""The operations of `etl.files.storage` do the same in a folder of this machine and elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from etl.files import local, storage
from etl.files.arrow import atomic, put
from etl.files.remote import files as remote
from etl.files.remote import urls
from etl.files.storage import AnyPath, location

NAMES = ["a.json", "b/c.arrow", "b/c.json", "d/e/f.json"]


@pytest.fixture(params=["here", "elsewhere"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyPath]:
    """A folder with `NAMES` in it, each with its name for content."""
    root = location(tmp_path / "x" if request.param == "here" else "memory://operations/x")
    for name in NAMES:
        write(root / name, name.encode())
    yield root
    fsspec.filesystem("memory").store.clear()


def write(path: AnyPath, data: bytes) -> None:
    with atomic(path) as stream:
        stream.write(data)


def names(folder: AnyPath) -> list[str]:
    return [storage.relative(path, folder) for path in storage.files(folder)]


def test_each_operation_is_written_twice() -> None:
    """What is done with local files is done with remote ones, but for what makes a file or node of
    them.
    """
    here, elsewhere = (
        {
            name
            for name, value in vars(module).items()
            if callable(value) and value.__module__ == module.__name__ and name[0] != "_"
        }
        for module in (local, remote)
    )
    assert here - elsewhere == {"matching", "node"}
    assert elsewhere - here == {"listing", "fetch", "fresh", "info", "put", "together"}
    assert here & elsewhere <= {*vars(storage), "resolved"}


def test_what_is_there(folder: AnyPath) -> None:
    """Files are found by name, ending and folder; a folder is no file, nor is what is not there."""
    assert storage.exists(folder / "b/c.json")
    assert not storage.exists(folder / "b/x.json")
    assert storage.is_file(folder / "a.json")
    assert not storage.is_file(folder / "b")
    assert not storage.is_file(folder / "x")
    assert names(folder) == NAMES
    assert names(folder / "x") == []
    assert [path.name for path in storage.files(folder, ".arrow")] == ["c.arrow"]
    assert storage.holds_anything(folder)
    assert not storage.holds_anything(folder / "x")
    assert [each.size for each in storage.details(folder).values()] == [len(name) for name in NAMES]


@pytest.mark.parametrize("count", [1, 20])
def test_what_is_missing(folder: AnyPath, count: int) -> None:
    """Of few and of many names, those that are not there come in their order."""
    gone = [f"b/{number}.json" for number in range(count)]
    assert storage.missing(folder, [*gone, "a.json"]) == gone


def test_what_is_read(folder: AnyPath) -> None:
    """A file is read whole or in places; one that is not there is a FileNotFoundError."""

    def middle(stream: object) -> bytes:
        stream.seek(2)  # type: ignore[attr-defined]
        found: bytes = stream.read(3)  # type: ignore[attr-defined]
        return found

    assert storage.read_bytes(folder / "b/c.json") == b"b/c.json"
    assert storage.read_places(folder / "b/c.json", middle, 4) == b"c.j"
    for read in (storage.read_bytes, lambda path: storage.read_places(path, middle, 4)):
        with pytest.raises(FileNotFoundError):
            read(folder / "x")


def test_what_was_written_anew(folder: AnyPath) -> None:
    """A file that was written again has another stamp, if with the same bytes; others keep theirs,
    and what is not there has none.
    """
    before, details = storage.stamps(folder, [*NAMES, "x"]), storage.details(folder)
    assert list(before) == NAMES
    assert len(set(before.values())) == len(NAMES)
    assert list(details) == NAMES
    write(folder / "a.json", b"a.json")
    after = storage.stamps(folder, NAMES)
    assert [name for name in NAMES if after[name] != before[name]] == ["a.json"]
    anew = storage.details(folder)
    assert [name for name in NAMES if anew[name].written != details[name].written] == ["a.json"]


def test_what_is_moved_linked_and_removed(folder: AnyPath, tmp_path: Path) -> None:
    """A move or a link takes the place of what is there; again, both are no error, nor is removing
    what is gone.
    """
    for _ in range(2):
        storage.move(folder / "a.json", folder / "d/e/f.json")
        storage.link(folder / "b/c.json", folder / "g/h.json")
        storage.remove(folder / "b/c.arrow")
    assert {name: storage.read_bytes(folder / name) for name in names(folder)} == {
        "b/c.json": b"b/c.json",
        "d/e/f.json": b"a.json",
        "g/h.json": b"b/c.json",
    }
    (tmp_path / "large").write_bytes(b"large")
    put(folder / "i", tmp_path / "large")
    assert storage.read_bytes(folder / "i") == b"large"
    for _ in range(2):
        storage.remove_all(folder / "g")
        storage.prune(folder)
    assert names(folder) == ["b/c.json", "d/e/f.json", "i"]


def test_what_was_being_written(folder: AnyPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were left in part are found by name, at any depth if that is wanted; what is only
    called ``.part`` is somebody else's.
    """
    monkeypatch.setattr(urls, "PUT_IS_WHOLE", frozenset())
    for name in ("a.json.0123abcd.part", "b/c.json.0123abcd.part", "my.part"):
        write(folder / name, b"")
    assert storage.unfinished(folder) == ["a.json.0123abcd.part", "b/c.json.0123abcd.part"]
    assert storage.unfinished(folder, deep=False) == ["a.json.0123abcd.part"]
    assert storage.unfinished(folder / "x") == []


def test_where_a_path_lies(folder: AnyPath) -> None:
    """A folder is within itself and the folders above it; beside a folder of like name is not in
    it.
    """
    assert storage.within(folder, folder)
    assert storage.within(folder / "b", folder.parent)
    assert not storage.within(folder.parent / "xy", folder)
    assert storage.relative(folder, folder) == ""
    with pytest.raises(ValueError, match="is not in"):
        storage.relative(folder.parent / "xy", folder)


def test_a_path_here_is_not_within_one_elsewhere(tmp_path: Path) -> None:
    """Nothing here lies within a folder elsewhere, nor the other way round."""
    assert not storage.within(tmp_path, location("memory://operations"))
    assert not storage.within(location("memory://operations"), Path("/"))
