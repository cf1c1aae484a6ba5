"""Revisions on the Hub: rolling back, tags, branches, and commits and folders that stay small."""

from __future__ import annotations

import json
from typing import Final

import pytest

from etl.publish.hub import Hub
from schemas.errors import ConfigError
from tests.support.hub_repos import Blob
from tests.support.publishing import World

SMALL: Final = "tests.support.publishing:publish_in_small_commits"


def test_rolled_back_and_forth(world: World) -> None:
    """Back to a tag, main has the very files of the tag, made by new commits, with nothing sent but
    small files; it loads as then, and the later tag loads as before; forth again, no shard is sent
    twice.
    """
    repo = world.repo()
    for night in (0, 2):
        world.published(world.nights[night], repo, "--tag", f"night{night}")
    made, uploads = world.hub.repos[repo], dict(world.hub.uploads)
    latest = made.branches["main"]
    said = world.published(repo, "--rollback", "night0", "--dry-run")
    assert made.branches["main"] == latest
    received = world.hub.received
    done = world.published(world.nights[0], repo, "--rollback", "night0", "--tag", "back")
    assert done["changes"] == said["changes"]
    assert made.files() == made.files("night0") == made.files("back")
    assert latest in made.history()
    assert world.hub.received - received <= done["bytes"] < 100_000
    assert dict(world.hub.uploads) == uploads
    world.loads(repo, 0)
    world.loads(repo, 2, "night2")
    assert world.published(repo, "--rollback", "night0")["changes"] == []
    world.published(world.nights[2], repo)
    assert made.files() == made.files("night2")
    assert dict(world.hub.uploads) == uploads
    world.loads(repo, 2)


def test_what_cannot_be_rolled_back_to(world: World) -> None:
    """A tag that is not there, one that names something else, or a state from before a takedown."""
    repo = world.repo()
    done = world.publish(repo, "--rollback", "v1")
    assert (done.code, "there is no tag v1 (there are: none)" in done.err) == (2, True)
    world.published(world.nights[0], repo, "--tag", "v1")
    made = world.hub.repos[repo]
    made.tags["v0"] = made.history()[-1]
    done = world.publish(repo, "--rollback", "v2")
    assert (done.code, "there is no tag v2 (there are: v0, v1)" in done.err) == (2, True)
    done = world.publish(repo, "--rollback", "v0")
    assert (done.code, "the tag v0 names nothing that stepmill has published" in done.err) == (
        2,
        True,
    )
    manifest = json.loads(made.files()["manifest.json"].data)
    listed = json.dumps({**manifest, "takedown": "another"}).encode()
    made.add("main", "with a list", {**made.files(), "manifest.json": Blob(listed)})
    done = world.publish(repo, "--rollback", "v1")
    assert (done.code, "it may hold what was taken down since" in done.err) == (2, True)
    assert (
        "the takedown list has changed"
        in world.publish(repo, "--rollback", "v1", "--allow", "taken-down").err
    )
    assert made.files() == made.files("v1")


def test_tags_do_not_move(world: World) -> None:
    """A tag that names another dataset stops the publication before it begins; a name that is none
    is refused.
    """
    repo = world.repo()
    world.published(world.nights[0], repo, "--tag", "v1")
    before = world.hub.repos[repo].branches["main"]
    done = world.publish(world.nights[1], repo, "--tag", "v1")
    assert (done.code, "the tag v1 names another dataset already" in done.err) == (2, True)
    assert world.hub.repos[repo].branches["main"] == before
    done = world.publish(world.nights[1], repo, "--tag", "a tag")
    assert (done.code, "a tag has letters, digits" in done.err) == (2, True)


def test_another_branch(world: World) -> None:
    """A branch is made where there is none, from main; main stays as it is; the second night goes
    on there.
    """
    repo = world.repo()
    world.published(world.nights[0], repo)
    made = world.hub.repos[repo]
    before = made.branches["main"]
    for night in (1, 2):
        report = world.published(world.nights[night], repo, "--revision", "next")
        assert report["created"] == (night == 1)
        assert report["place"] == f"{repo}@next"
        world.loads(repo, night, "next")
    assert made.branches["main"] == before
    world.loads(repo, 0)


def test_a_public_repository_is_not_taken_for_a_private_one(world: World) -> None:
    """With --private, publishing to a repository that is public stops."""
    repo = world.repo()
    world.published(world.nights[0], repo)
    done = world.publish(world.nights[1], repo, "--private")
    assert (done.code, f"{repo} is public, and --private was asked for" in done.err) == (2, True)


def test_commits_stay_small(world: World) -> None:
    """Shards, and files that go, are spread over commits of the size that the Hub advises; readers
    see the same.
    """
    repo = world.repo()
    sizes = []
    for night in (0, 2):
        done = world.zygote.start(SMALL, 8, world.nights[night], repo, "--json").wait()
        assert done.code == 0, done.err
        changes = json.loads(done.out)["changes"]
        sizes += [len(change["add"]) + len(change["remove"]) for change in changes]
        world.loads(repo, night)
    assert len(sizes) > 3
    assert max(sizes) <= 10


def test_folders_stay_small() -> None:
    """10,000 files in a folder, or 100,000 in all, are refused before work starts,
    with what to do.
    """
    place = Hub("maker/data")
    place.check([f"data/g0001/{number}" for number in range(9_999)])
    with pytest.raises(
        ConfigError,
        match=r"data/g0001: 10,000 files; the Hub takes fewer than 10,000\..*stepmill compact",
    ):
        place.check([f"data/g0001/{number}" for number in range(10_000)])
    with pytest.raises(ConfigError, match="maker/data: 100,000 files"):
        place.check([f"data/g{number // 5000:04d}/{number}" for number in range(100_000)])
