"""A model that was trained on a dataset answers its test split, and is scored: from recordings to a
figure.

The server is `transformers serve`. A model as small as this proves the path, not the quality.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest

from tests.train.conftest import RENAMED, STEPS, stepmill

pytestmark = RENAMED

TOKENS = 200
"""The most tokens of an answer: a whole one has a hundred or two."""


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def served(
    trainer: Any, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The URL of a server on loopback, and the folder of the trained model that it serves."""
    folder = tmp_path_factory.mktemp("trained-model")
    trainer.model.save_pretrained(folder)
    for path in model.iterdir():
        if not (folder / path.name).exists():
            (folder / path.name).write_bytes(path.read_bytes())
    port, log = free_port(), folder.parent / "serve.log"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with (
        log.open("wb") as said,
        subprocess.Popen(
            command,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        ) as server,
    ):
        try:
            await_health(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            server.terminate()


def await_health(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server says that it is well."""
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail(log.read_text())


def test_a_trained_model_is_asked_and_scored(
    dataset: Path,
    served: tuple[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every prompt of the test split is answered by the model that was trained on the others, which
    read the very tokens of the set; two protocols give it a figure.
    """
    endpoint, folder = served
    evaluation, answers = tmp_path / "eval", tmp_path / "answers.jsonl"
    stepmill("evalset", str(dataset.parent), "--out", str(evaluation))
    rows = datasets.load_dataset(str(evaluation), split="test")
    asked = [row for row in rows if row["messages"]]
    assert asked
    stepmill(
        *("predict", str(evaluation), "--endpoint", endpoint, "--model", str(folder)),
        *("--out", str(answers), "--max-tokens", str(TOKENS), "--parallel", "2"),
    )
    lines = {row["id"]: row for row in map(json.loads, answers.read_text().splitlines())}
    assert set(lines) == {row["id"] for row in asked}
    for row in asked:
        assert lines[row["id"]]["usage"]["prompt_tokens"] == len(row["input_ids"])
    for protocol in ("exact", "strict"):
        said = stepmill("score", str(evaluation), str(answers), "--protocol", protocol, "--json")
        (everything,) = json.loads(said)["tables"]["all"]
        figures = {name: each["mean"] for name, each in everything["metrics"].items()}
        assert everything["steps"] == len({row["step_id"] for row in rows})
        assert all(0 <= mean <= 1 for mean in figures.values())
        with capsys.disabled():
            print(f"\na model of two layers after {STEPS} steps, {protocol}: {figures}")
