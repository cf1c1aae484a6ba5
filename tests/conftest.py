"""Fixtures of all tests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import builds, publishing
from tests.support import installed as installation

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(
    "unhurried"
)  # how long an example takes says more about who else is at work on this machine

ABSENT = "shared recordings are absent"
"""Beginning of the one message that skips a test for want of the recordings; `.ci/run` looks for
it.
"""

NO_BROWSER = "Chromium is absent"
"""The same of the message that skips a test for want of a browser."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings: ``$STEPMILL_SHARED``, else ``../shared`` beside the
    repository.
    """
    folder = Path(
        os.environ.get("STEPMILL_SHARED") or Path(__file__).parents[2] / "shared"
    ).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"{ABSENT}: no folder $STEPMILL_SHARED or ../shared")
    return folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first of the processes in which tests run makes,
    and all of them look at.
    """
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    folder = (factory.getbasetemp() if alone else factory.getbasetemp().parent) / name
    with folder.with_suffix(".lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not folder.exists():
            make(folder.with_suffix(".making"))
            folder.with_suffix(".making").rename(folder)
    return folder


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> installation.Installed:
    """The wheel of this checkout in an environment of its own, without extras."""
    return installation.Installed(
        installation.environment_of(made_once(tmp_path_factory, "wheel", installation.make))
    )


@pytest.fixture(scope="session")
def own_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the recordings that are shipped with the project; to be looked at only."""
    return made_once(
        tmp_path_factory, "own-build", lambda out: builds.build([builds.RECORDINGS], out)
    )


@pytest.fixture(scope="session")
def shared_build(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build of four folders of real recordings together, by the command line; to be looked at
    only.
    """

    def make(out: Path) -> None:
        inputs = [shared / "data" / name for name in builds.ASKED]
        done = builds.command("build", *inputs, "--out", out, "--workers", "2")
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "shared-build", make)


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Builds of three nights (`tests.support.publishing.nights`); to be looked at only."""
    return publishing.nights(tmp_path_factory.mktemp("nights"))
