"""What several files of tests of `etl.publish` share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import publishing
from tests.support.publishing import World


@pytest.fixture(scope="module")
def world(nights: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Hub, and builds of three nights."""
    with publishing.world_of(nights, tmp_path_factory.mktemp("publish_hub")) as made:
        yield made
