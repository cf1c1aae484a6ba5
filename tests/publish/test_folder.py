"""Publishing to a folder, here and on object storage: the same, for readers who see each file by
itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import datasets
import pytest
from upath import UPath

from etl.cli import main
from etl.dataset.layout import Layout
from etl.dataset.place import place_of
from etl.decisions.takedown import kept
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.remote.files import listing
from etl.look.encoded import tokens_of
from etl.publish import publication
from etl.publish.files import Format
from etl.publish.folder import PublishedFolder
from etl.publish.publication import Order, publish, rollback
from etl.publish.send import send
from schemas.errors import BuildError, ConfigError
from schemas.ledger import LISTING_SCHEMA
from tests.support import builds, publishing
from tests.support.publishing import named, shards
from tests.support.s3 import BUCKET, Server, s3

__all__ = ["s3"]

URL: Final = f"s3://{BUCKET}/published"


def night_of(nights: list[Path], read: Callable[[str], bytes]) -> int | None:
    """The night that a reader of the card gets, whole; None if a file was gone when the reader came
    to it.
    """
    found = dict(named(read("README.md")))
    for path, sha in found.items():
        try:
            data = read(path)
        except FileNotFoundError:
            return None
        assert hashlib.sha256(data).hexdigest().startswith(sha)
    return [{sha[:16] for sha in shards(out).values()} for out in nights].index(set(found.values()))


class Reader(threading.Thread):
    """Reads all the time by the card; `seen` are the nights it got,
    and None where a file was gone.
    """

    def __init__(self, nights: list[Path], read: Callable[[str], bytes]) -> None:
        super().__init__(daemon=True)
        self._nights, self._read = nights, read
        self._ended = threading.Event()
        self.seen: list[int | None] = []

    def run(self) -> None:
        while not self._ended.is_set():
            self.seen.append(night_of(self._nights, self._read))

    def sees(self, night: int) -> None:
        """Wait until it got this night."""
        deadline = time.monotonic() + 240
        while self.is_alive() and time.monotonic() < deadline and self.seen[-1:] != [night]:
            time.sleep(0.01)
        assert self.seen[-1:] == [night]

    def end(self) -> list[int | None]:
        self._ended.set()
        self.join()
        return self.seen


def loads(folder: Path, out: Path, cache: Path) -> None:
    """By the library, plain and streaming, exactly the rows of a build."""
    datasets.disable_progress_bars()
    for streaming in (False, True):
        loaded = datasets.load_dataset(str(folder), streaming=streaming, cache_dir=str(cache))
        assert publishing.digest(loaded) == publishing.digest(publishing.rows(out))


def lying(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_nights_into_a_folder(nights: list[Path], tmp_path: Path) -> None:
    """Three nights, a tag and a way back: at no time does a reader who polls the card get a
    mixture, nor miss a file of the publication that it reads; only what is new is written, as the
    rehearsal says; shards stay as long as the publication before or a tag names them; what is
    loaded at the end is what was built.
    """
    root = tmp_path / "published"
    place = PublishedFolder(root)
    publish(nights[0], place, Order(tag="first"), builds.Quiet)
    loads(root, nights[0], tmp_path / "cache")
    reader = Reader(nights, lambda path: (root / path).read_bytes())
    reader.start()
    for night in (1, 2):
        reader.sees(night - 1)
        before = {path: (root / path).stat().st_ino for path in lying(root)}
        said = publish(nights[night], place, Order(dry_run=True), builds.Quiet)
        assert {path: (root / path).stat().st_ino for path in lying(root)} == before
        done = publish(nights[night], place, Order(), builds.Quiet)
        assert done.changes == said.changes
        added = {file["path"]: file["bytes"] for change in done.changes for file in change["add"]}
        assert {path: (root / path).stat().st_size for path in added} == added
        written = {path for path in lying(root) if before.get(path) != (root / path).stat().st_ino}
        assert written == set(added)
        assert night_of(nights, lambda path: (root / path).read_bytes()) == night
    reader.sees(2)
    names = [{f"{sha[:16]}.arrow" for sha in shards(out).values()} for out in nights]
    assert {path[-22:] for path in lying(root) if path.endswith(".arrow")} == names[0] | names[
        1
    ] | names[2]
    back = rollback(place, "first", Order(tag="again"))
    assert back.changes[0]["message"] == "Roll back to first"
    assert not [
        file for change in back.changes for file in change["add"] if file["path"].endswith(".arrow")
    ]
    loads(root, nights[0], tmp_path / "cache2")
    reader.sees(0)
    seen = reader.end()
    assert None not in seen
    assert set(seen) == {0, 1, 2}
    publish(nights[0], place, Order(tag="again"), builds.Quiet)
    assert {path[-22:] for path in lying(root) if path.endswith(".arrow")} == names[0]
    assert not [path for path in lying(root) if path.endswith((".lock", ".part"))]


def test_after_a_takedown_nothing_stays_for_those_who_read(
    nights: list[Path], tmp_path: Path
) -> None:
    """Where the takedown list has changed, the shards of the publication before go at once; those
    of tags are named.
    """
    root = tmp_path / "published"
    place = PublishedFolder(root)
    publish(nights[0], place, Order(), builds.Quiet)
    out = Path(shutil.copytree(nights[2], tmp_path / "out"))
    path = out / "dataset" / "manifest.json"
    listed = {"workflows": ["w0"], "domains": []}
    write_json(out / "work" / "takedown.json", listed)
    write_json(path, {**read_json(path), "takedown": kept(Layout(out).work.takedown).fingerprint})
    assert publish(out, place, Order(), builds.Quiet).notes == []
    assert {name[-22:] for name in lying(root) if name.endswith(".arrow")} == {
        f"{sha[:16]}.arrow" for sha in shards(out).values()
    }


KILLS: Final = {
    "while the second shard is written": "shutil.copyfileobj = kill(shutil.copyfileobj, lambda "
    "seen, *_: seen == 2)",
    "before the manifest": "Path.replace = kill(Path.replace, lambda _, __, to: to.name == "
    "'manifest.json')",
    "before the card": "Path.replace = kill(Path.replace, lambda _, __, to: to.name == "
    "'README.md')",
}
_PATCHED: Final = """
import os, shutil, signal, sys
from pathlib import Path
def kill(real, now):
    calls = []
    def counted(*arguments, **options):
        calls.append(arguments)
        if now(len(calls), *arguments[:2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return counted
{}
sys.argv = ["stepmill", *sys.argv[1:]]
from etl.cli.main import main
main()
"""


@pytest.mark.parametrize("where", KILLS)
def test_a_killed_publication_goes_on(nights: list[Path], tmp_path: Path, where: str) -> None:
    """Killed while it writes, the folder is whole as it was, or whole as it will be; the same
    command, or that of the next night, completes it, and takes over the lock.
    """
    root = tmp_path / "published"
    publish(nights[0], PublishedFolder(root), Order(), builds.Quiet)
    code = _PATCHED.format(KILLS[where])
    arguments = ["publish", str(nights[1]), f"file://{root}"]
    killed = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=builds.environment(), check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert night_of(nights, lambda path: (root / path).read_bytes()) in (0, 1)
    other = Path(shutil.copytree(root, tmp_path / "other"))
    for place, night in ((root, 1), (other, 2)):
        publish(nights[night], PublishedFolder(place), Order(), builds.Quiet)
        assert night_of(nights, lambda path: (place / path).read_bytes()) == night  # noqa: B023


def test_parquet_that_lies_there_is_not_written_again(nights: list[Path], tmp_path: Path) -> None:
    """In a folder that knows no hashes, a shard that an interrupted publication had converted and
    written stays.
    """
    root = tmp_path / "published"
    order = Order(format="parquet")

    class Stopped(PublishedFolder):
        def commit(self, add: Any, remove: Any, message: str) -> None:
            super().commit(add[:1], (), message)
            raise BuildError("stopped")

    with pytest.raises(BuildError, match="stopped"):
        publish(nights[0], Stopped(root), order, builds.Quiet)
    (first,) = (path for path in lying(root) if path.endswith(".parquet"))
    inode = (root / first).stat().st_ino
    report = publish(nights[0], PublishedFolder(root), order, builds.Quiet)
    assert (root / first).stat().st_ino == inode
    assert first not in {file["path"] for change in report.changes for file in change["add"]}
    loads(root, nights[0], tmp_path / "cache")
    assert publish(nights[0], PublishedFolder(root), order, builds.Quiet).changes == []


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_what_is_published_can_be_looked_at(
    nights: list[Path], tmp_path: Path, format: Format
) -> None:
    """The views find every sample of a published folder by its listing, and its tokens in the file
    that holds it.
    """
    publish(nights[1], PublishedFolder(tmp_path / "published"), Order(format=format), builds.Quiet)
    place = place_of(tmp_path / "published")
    listed = place.listing(LISTING_SCHEMA.names).collect().to_dicts()
    built = {sample.sample_id: sample for sample in builds.emitted(nights[1])}
    assert {row["sample_id"] for row in listed} == set(built)
    for row in listed[::10]:
        ids, labels = tokens_of(place, row)
        assert ids.tolist() == built[row["sample_id"]].input_ids.tolist()
        assert labels.tolist() == built[row["sample_id"]].labels.tolist()


def test_two_publications_at_once(nights: list[Path], tmp_path: Path) -> None:
    """While one publishes to a folder, another is refused by name; a rehearsal is not."""
    place = PublishedFolder(tmp_path / "published")
    with (
        place.opened(writes=True),
        pytest.raises(BuildError, match="another build is working here: host"),
    ):
        publish(nights[0], PublishedFolder(place.root), Order(), builds.Quiet)
    publish(nights[0], PublishedFolder(place.root), Order(dry_run=True), builds.Quiet)
    assert not [path for path in lying(tmp_path) if path.endswith("README.md")]


def test_a_build_that_changes_meanwhile(
    nights: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the build is another one by the time of the switch, nothing is switched."""
    out = Path(shutil.copytree(nights[0], tmp_path / "out"))

    def slow(*arguments: Any) -> Any:
        found = send(*arguments)
        path = out / "dataset" / "manifest.json"
        write_json(path, {**read_json(path), "recipe": "another"})
        return found

    monkeypatch.setattr(publication, "send", slow)
    with pytest.raises(
        BuildError, match="was built again while it was published; run the same command again"
    ):
        publish(out, PublishedFolder(tmp_path / "published"), Order(), builds.Quiet)
    assert "README.md" not in lying(tmp_path / "published")


def test_a_manifest_of_somebody_else_stays(nights: list[Path], tmp_path: Path) -> None:
    """A folder whose manifest.json is of something else is refused before anything is written
    there.
    """
    mine = tmp_path / "published" / "manifest.json"
    mine.parent.mkdir()
    mine.write_text('{"name": "my extension"}')
    with pytest.raises(
        ConfigError, match=r"holds a manifest\.json that stepmill has not published, and it stays"
    ):
        publish(nights[0], PublishedFolder(tmp_path / "published"), Order(), builds.Quiet)
    assert lying(tmp_path / "published") <= {"manifest.json", ".locks/.guard"}
    assert mine.read_text() == '{"name": "my extension"}'


ERRORS: Final = {
    "within the build": (["OUT", "file://OUT/dataset"], "lies within the build"),
    "private": (["OUT", "file://new", "--private"], "--private is for repositories of the Hub"),
    "branch": (["OUT", "./new", "--revision", "next"], "--revision is for repositories of the Hub"),
    "one argument": (["OUT"], "name the folder of the build, and where to publish it"),
    "nothing": ([], "name the folder of the build, and where to publish it"),
    "no build": (["nowhere", "file://new"], "'nowhere' does not exist"),
    "unknown storage": (["OUT", "nowhere://new"], "nowhere:// is no storage that fsspec knows"),
    "no tag": (["file://new", "--rollback", "v1"], "there is no tag v1 (there are: none)"),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_done_is_said(
    nights: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    what: str,
) -> None:
    """Exit code 2, what and why, and nothing is published."""
    arguments, says = ERRORS[what]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys,
        "argv",
        ["stepmill", "publish", *(part.replace("OUT", str(nights[0])) for part in arguments)],
    )
    with pytest.raises(SystemExit) as stop:
        main.main()
    said = capsys.readouterr()
    assert (stop.value.code, said.out) == (2, "")
    assert says in said.err
    assert lying(tmp_path) <= {"new/.locks/.guard"}


def test_nights_into_a_bucket(s3: Server, nights: list[Path], tmp_path: Path) -> None:
    """From a build in a bucket to another place in it, two nights and a way back: a reader of the
    card gets whole nights all the time, and old shards are not sent again.
    """
    system, root = s3.system(), storage.location(URL)
    assert isinstance(root, UPath)
    system.put(str(nights[0]), f"{BUCKET}/build", recursive=True)
    out, place = storage.location(f"s3://{BUCKET}/build"), PublishedFolder(root)
    publish(out, place, Order(tag="first"), builds.Quiet)
    bucket = s3.system()
    reader = Reader(nights, lambda path: bytes(bucket.cat_file(f"{BUCKET}/published/{path}")))
    reader.start()
    reader.sees(0)
    before = {path: info["LastModified"] for path, info in listing(root).items()}
    report = publish(nights[1], place, Order(), builds.Quiet)
    added = {file["path"] for change in report.changes for file in change["add"]}
    assert report.as_json()["bytes"] == sum(int(listing(root)[path]["size"]) for path in added)
    old = {path for path in before if path.startswith("data/")}
    assert old
    assert {path: listing(root)[path]["LastModified"] for path in old} == {
        p: before[p] for p in old
    }
    reader.sees(1)
    rollback(place, "first", Order())
    reader.sees(0)
    seen = reader.end()
    assert None not in seen
    assert set(seen) == {0, 1}
    assert night_of(nights, lambda path: bytes(system.cat_file(f"{BUCKET}/published/{path}"))) == 0
    done = builds.command("publish", nights[1], URL, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["place"] == URL
