"""Fixtures of all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import builds, publishing

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")  # how long an example takes says more about who else is at work on this machine

ABSENT = "shared recordings are absent"
"""Beginning of the one message that skips a test for want of the recordings; `.ci/run` looks for it."""

NO_BROWSER = "Chromium is absent"
"""The same of the message that skips a test for want of a browser."""


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings: ``$STEPMILL_SHARED``, else ``../shared`` beside the repository."""
    folder = Path(os.environ.get("STEPMILL_SHARED") or Path(__file__).parents[2] / "shared").resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"{ABSENT}: no folder $STEPMILL_SHARED or ../shared")
    return folder


@pytest.fixture(scope="session")
def own_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the recordings that are shipped with the project; to be looked at only."""
    out = tmp_path_factory.mktemp("own") / "out"
    builds.build([builds.RECORDINGS], out)
    return out


@pytest.fixture(scope="session")
def shared_build(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One build of four folders of real recordings together, by the command line; to be looked at only."""
    out = tmp_path_factory.mktemp("shared") / "out"
    done = builds.command("build", *(shared / "data" / name for name in builds.ASKED), "--out", out, "--workers", "2")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Builds of three nights (`tests.publishing.nights`); to be looked at only."""
    return publishing.nights(tmp_path_factory.mktemp("nights"))
