"""`stepmill inspect hf://...`: what was published to the Hub is looked at there, as a stranger
would.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from etl.cli.inspect import inspect
from etl.cli.main import cli
from tests.support import publishing
from tests.support.publishing import World


@pytest.fixture(scope="module")
def world(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub, and builds of three nights."""
    with publishing.world_of(
        nights, tmp_path_factory.mktemp("inspect_hub"), "etl.look.sample", "etl.look.samples"
    ) as made:
        yield made


def here(dataset: Path, *arguments: str) -> Any:
    """What a view of a folder of this machine says."""
    return json.loads(
        CliRunner().invoke(cli, ["inspect", str(dataset), *arguments, "--json"]).stdout
    )


def there(world: World, repo: str, *arguments: str) -> Any:
    """What a view of a repository says."""
    done = world.zygote.run("inspect", f"hf://datasets/{repo}", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_every_view_of_a_published_dataset(world: World, form: str) -> None:
    """Whatever form it was published in, each view says what it says of the build's dataset/ alone;
    of a data file only some of it is fetched.
    """
    repo, dataset = world.repo(), world.nights[0] / "dataset"
    world.published(world.nights[0], repo, "--format", form)
    world.hub.asked.clear()
    for view in inspect.commands.keys() - {"leaks", "fit"}:  # it reads pages
        assert there(world, repo, view) == here(dataset, view), view
    refused = world.zygote.run("inspect", f"hf://datasets/{repo}", "leaks")
    assert (refused.code, refused.out) == (2, "")
    assert "needs the folder work/ of a build" in refused.err
    chosen = here(dataset, "samples", "--random", "1", "--seed", "3")["samples"][0]["sample_id"]
    assert there(world, repo, "sample", chosen) == here(dataset, "sample", chosen)
    assert [asked for asked in world.hub.asked if f".{form}" in asked.path]
    assert {asked.method for asked in world.hub.asked} <= {"GET", "HEAD", "POST"}
    assert not [asked for asked in world.hub.asked if "/commit/" in asked.path]


def test_the_state_of_a_tag(world: World) -> None:
    """A tag is looked at as it was, main as it is; where nothing is, that is said."""
    repo = world.repo()
    for night, tag in ((0, "v1"), (1, "v2")):
        world.published(world.nights[night], repo, "--tag", tag)
    for night, at in ((0, "@v1"), (1, "@v2"), (1, "")):
        found = there(world, f"{repo}{at}", "samples", "--limit", "0")
        assert found == here(world.nights[night] / "dataset", "samples", "--limit", "0")
    done = world.zygote.run("inspect", f"hf://datasets/{repo}@v3")
    assert (done.code, done.out) == (2, "")
    assert "there is no such folder" in done.err
