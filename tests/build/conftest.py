"""What several files of tests of `etl.build` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile import (
    GOOD,
    Built,
    build,
    write,
)


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of the good rows alone."""
    folder = tmp_path_factory.mktemp("clean")
    return build(folder / "out", write(folder / "in", GOOD).parent)


Beside = Callable[..., Built]


@pytest.fixture
def beside(tmp_path: Path, clean: Built) -> Beside:
    """Builds hostile rows between good ones, and holds the good ones equal to the build without."""

    def run(
        *rows: Any, settings: tuple[str, ...] = (), files: dict[str, bytes] | None = None
    ) -> Built:
        folder = tmp_path / "in"
        write(folder, [GOOD[0], *rows, *GOOD[1:]])
        for name, content in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return unharmed(build(tmp_path / "out", folder, settings=settings), clean)

    return run


def unharmed(built: Built, clean: Built) -> Built:
    """The good rows are as they are without the hostile thing; the files too, where that adds no
    sample.
    """
    rows, expected = built.rows(), clean.rows()
    assert {sample: rows[sample] for sample in expected} == expected
    if rows.keys() == expected.keys():
        assert built.files() == clean.files()
    return built
