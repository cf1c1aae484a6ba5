"""What the tests of evaluation sets share: a build, its set, and a server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.evaluate.files import EvalSet, opened
from tests.conftest import made_once
from tests.evaluate import server as servers
from tests.evaluate.mind2web import evaluation_set
from tests.support.builds import RECORDINGS, build

SHORT = ("split.test=0.4", "fit.context=2500", 'fit.test="all"')
"""Settings by which pages of the recordings are cut into chunks."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of the recordings whose test split has pages in chunks."""
    inputs = [RECORDINGS / "shop.jsonl.zst", RECORDINGS / "library.jsonl"]
    return made_once(tmp_path_factory, "evaluated-build", lambda out: build(inputs, out, *SHORT))


@pytest.fixture(scope="session")
def steps_set(built: Path, tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    """The evaluation set of that build."""
    made = made_once(tmp_path_factory, "steps-set", lambda out: evaluation_set(out, built))
    return opened(made)


@pytest.fixture
def server() -> Iterator[servers.Server]:
    """An OpenAI-compatible server on the loopback interface that may misbehave."""
    made = servers.Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.over.set()
    made.gate.set()
    made.shutdown()
    made.server_close()
    thread.join()
