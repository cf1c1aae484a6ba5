"""Publishing to the Hub by its own client: what is sent, what readers see at every moment, what
interruptions leave.

The server is `tests.support.hub`; every publication and every reader is a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support import hub, publishing, zygote
from tests.support.hub_requests import Asked
from tests.support.publishing import World, named, shards

KILLS: Final = 10


@pytest.fixture(scope="module")
def world(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub with small pages and parts, and builds of three nights."""
    folder = tmp_path_factory.mktemp("publish")
    (folder / "tmp").mkdir()
    with hub.served(page=7, part=2**15) as server:
        env = {**server.env, "HF_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        with zygote.ready(env, publishing.MODULES, folder) as parent:
            yield World(server, nights, parent, folder)


def sent(world: World, since: int) -> list[Asked]:
    return [asked for asked in world.hub.asked[since:] if asked.bytes]


def test_a_first_publication_does_what_its_rehearsal_says(world: World) -> None:
    """A dry run changes nothing, and lists exactly the operations and bytes of the publication
    after it; that makes a private repository, adds the shards, switches by one commit, tags it, and
    loads as what was built. Large objects go without the token to where they are stored. Done
    again, nothing is sent.
    """
    repo, out = world.repo(), world.nights[0]
    before = len(world.hub.asked)
    said = world.published(out, repo, "--tag", "v1", "--private", "--dry-run")
    assert repo not in world.hub.repos
    assert {asked.method for asked in world.hub.asked[before:]} == {"GET"}
    began, received = len(world.hub.asked), world.hub.received
    done = world.published(out, repo, "--tag", "v1", "--private")
    assert {**said, "dry_run": False, "commit": done["commit"]} == done
    assert done["bytes"] == world.hub.received - received
    assert done["created"]
    made = world.hub.repos[repo]
    assert made.private
    assert made.tags == {"v1": done["commit"]} == {"v1": made.branches["main"]}
    assert [made.commits[oid].title.split()[0] for oid in made.history()] == [
        "Publish",
        "Add",
        "initial",
    ]
    added = {file["path"]: file["bytes"] for change in done["changes"] for file in change["add"]}
    files = {path: blob for path, blob in made.files().items() if path != ".gitattributes"}
    assert added == {path: len(blob.data) for path, blob in files.items()}
    assert {path.split("-")[-1][:16] for path in files if path.startswith("data/")} == {
        sha[:16] for sha in shards(out).values()
    }
    assert f'load_dataset("{repo}"' in files["README.md"].data.decode()
    described = json.loads(files["croissant.json"].data)["distribution"]
    hashes = {each["@id"]: each["sha256"] for each in described if each["@id"] in files}
    assert hashes == {
        path: files[path].sha256
        for path in set(files) - {"README.md", "croissant.json", "manifest.json"}
    }
    stored = [
        asked for asked in world.hub.asked[began:] if asked.path.startswith(("/store/", "/part/"))
    ]
    assert any(asked.path.startswith("/part/") for asked in stored)
    assert {asked.token for asked in stored} == {""}
    world.loads(repo, 0)
    world.loads(repo, 0, "v1")
    again = world.published(out, repo, "--tag", "v1")
    assert (again["changes"], again["bytes"], again["tag"], again["created"]) == ([], 0, "", False)
    assert again["kept"] == len(files)


def test_a_night_sends_only_what_is_new(world: World) -> None:
    """The second night adds its own shards, the third replaces the one that it changed under
    another name; what lay there is not sent again, by the bytes that the server counts; each night
    loads as built, and old tags as then.
    """
    repo = world.repo()
    world.published(world.nights[0], repo, "--tag", "night0")
    for night in (1, 2):
        old, new = shards(world.nights[night - 1]), shards(world.nights[night])
        fresh = set(new.values()) - set(old.values())
        assert fresh
        assert set(old.values()) & set(new.values())
        before, received, uploads = (
            len(world.hub.asked),
            world.hub.received,
            dict(world.hub.uploads),
        )
        report = world.published(world.nights[night], repo, "--tag", f"night{night}")
        again = {sha for sha, count in world.hub.uploads.items() if count > uploads.get(sha, 0)}
        assert again & set(new.values()) == fresh
        assert (
            report["bytes"]
            == world.hub.received - received
            == sum(asked.bytes for asked in sent(world, before))
        )
        assert report["bytes"] < sum(
            path.stat().st_size for path in (world.nights[night] / "dataset").rglob("*.*")
        )
        world.loads(repo, night)
        lying = {path for path in world.hub.repos[repo].files() if path.startswith("data/")}
        assert lying == {path for path, _ in named(world.hub.repos[repo].files()["README.md"].data)}
    assert set(shards(world.nights[2])) & set(
        shards(world.nights[1])
    )  # names of the build that have other bytes now
    world.loads(repo, 0, "night0")
    world.loads(repo, 1, "night1")


def state_of(world: World, repo: str) -> int | None:
    """Which night main shows, by its card; fails if a file that the card names is not there, or has
    other bytes.
    """
    files = world.hub.repos[repo].files()
    if "README.md" not in files:
        return None
    found = dict(named(files["README.md"].data))
    for path, sha in found.items():
        assert files[path].sha256.startswith(sha)
    return night_of(world, found.values())


def read_by_name(world: World, repo: str) -> int | None:
    """A reader of main that asks for each file by itself, over the wire: None if a file was gone
    when it came to it.
    """
    base = f"{world.hub.url}/datasets/{repo}/resolve/main/"
    with urllib.request.urlopen(base + "README.md") as answer:
        found = dict(named(answer.read()))
    for path, sha in found.items():
        try:
            with urllib.request.urlopen(base + path) as answer:
                data = answer.read()
        except urllib.error.HTTPError:
            return None
        assert hashlib.sha256(data).hexdigest().startswith(sha)
    return night_of(world, found.values())


def night_of(world: World, hashes: Iterable[str]) -> int:
    """The night whose shards these are, all of them and no other."""
    return [{sha[:16] for sha in shards(out).values()} for out in world.nights].index(set(hashes))


def test_no_reader_ever_sees_a_mixture(world: World) -> None:
    """While nights are published and rolled back, at three moments of every request of the client
    main is one whole night, never another; a reader that polls main all the time, asking for each
    file by itself, gets whole nights, and one that loads it by the library gets exactly their rows.
    """
    repo = world.repo()
    world.published(world.nights[0], repo, "--tag", "night0")
    seen: list[int | None] = []
    polled: list[int | None] = []
    stop = threading.Event()

    def look(asked: Asked, moment: str) -> None:
        with world.hub.lock:
            seen.append(state_of(world, repo))

    def poll() -> None:
        while not stop.is_set():
            polled.append(read_by_name(world, repo))

    reader = threading.Thread(target=poll)
    reader.start()
    world.hub.watch = look
    try:
        for arguments, night in (
            ((world.nights[1], repo), 1),
            ((world.nights[2], repo), 2),
            ((repo, "--rollback", "night0"), 0),
        ):
            publisher = world.start(*arguments)
            world.count += 1
            home = {"HF_HOME": str(world.folder / f"home{world.count}")}
            library = world.zygote.start(
                publishing.LOAD, repo, world.folder / f"cache{world.count}", "", env=home
            )
            assert (done := publisher.wait()).code == 0, done.err
            loaded = library.wait()
            assert loaded.code == 0, loaded.err
            either = [publishing.digest(publishing.rows(out)) for out in world.nights]
            assert all(found in either for found in json.loads(loaded.out))
            assert state_of(world, repo) == night
            deadline = time.monotonic() + 240
            while reader.is_alive() and time.monotonic() < deadline and polled[-1:] != [night]:
                time.sleep(0.01)
    finally:
        world.hub.watch = lambda _asked, _moment: None
        stop.set()
        reader.join()
    changes = [state for state, before in zip(seen, [None, *seen], strict=False) if state != before]
    assert changes == [0, 1, 2, 0]
    assert len(seen) > 100
    whole = [state for state in polled if state is not None]
    assert len(whole) > 10
    assert set(whole) == {0, 1, 2}


def moments(world: World, repo: str, *arguments: object) -> int:
    """Publish; returns how many moments there were."""
    count = 0

    def tick(asked: Asked, moment: str) -> None:
        nonlocal count
        count += 1

    world.hub.watch = tick
    world.published(*arguments, repo, "--tag", "night1")
    world.hub.watch = lambda _asked, _moment: None
    return count


def test_a_killed_publication_goes_on(world: World) -> None:
    """Killed (SIGKILL) at ten random moments of its requests, half of them of a first publication
    and half of a second night's: main is one whole state or the other, the same command completes
    it to the very files of an uninterrupted one, no large object is received twice, and it loads,
    plain and streaming, as what was built.
    """
    chance = random.Random(20)
    repo = world.repo()
    empty: hub.Saved = ({}, {})
    world.hub.restore(empty)
    world.published(world.nights[0], repo)
    out = world.nights[1]
    for saved in (empty, world.hub.saved()):
        world.hub.restore(saved)
        total = moments(world, repo, out)
        expected = dict(world.hub.repos[repo].files())
        for point in sorted(chance.sample(range(total), KILLS // 2)):
            world.hub.restore(saved)
            killed = kill_at(world, point, out, repo, "--tag", "night1")
            assert killed.code == -signal.SIGKILL
            if repo in world.hub.repos:
                assert state_of(world, repo) in ({None, 1} if saved is empty else {0, 1})
            world.published(out, repo, "--tag", "night1")
            made = world.hub.repos[repo]
            assert made.files() == expected
            assert made.tags == {"night1": made.branches["main"]}
            assert set(world.hub.uploads.values()) == {1}
            world.loads(repo, 1)


def kill_at(world: World, point: int, *arguments: object) -> zygote.Done:
    """Publish in a process that is killed at the moment of this number."""
    count = 0
    started = threading.Event()
    pid = 0

    def strike(asked: Asked, moment: str) -> None:
        nonlocal count
        with world.hub.lock:
            count += 1
            now = count == point + 1
        if now:
            started.wait()
            os.kill(pid, signal.SIGKILL)

    world.hub.watch = strike
    client = world.start(*arguments)
    pid = client.pid
    started.set()
    done = client.wait()
    world.hub.watch = lambda _asked, _moment: None
    return done
