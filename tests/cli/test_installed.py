"""stepmill as it is installed: the wheel in an environment of its own, without extras
(`tests.support.installed`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from etl.cli import main
from tests.evaluate import mind2web
from tests.support import builds
from tests.support.installed import Installed
from tokenization.vocabulary import load

ROOT: Final = Path(__file__).parents[2]
OTHERS: Final = frozenset({"test", "train"})
"""Extras that no command uses: of tests, and of the README's training examples."""

WITHOUT: Final[Sequence[tuple[str, str, str]]] = (
    ("archives", "fastwarc", "build in --out other --pages crawl.warc"),
    ("archives", "fastwarc", "check in --pages crawl.warc"),
    ("evaluate", "nltk", "score arena arena.jsonl --protocol webarena/string"),
    ("fast", "gigatoken", "build in --out other --set vocabulary.engine=gigatoken"),
    ("gcs", "gcsfs", "build gs://bucket/folder --out other"),
    ("gcs", "gcsfs", "verify gs://bucket/folder"),
    ("mistral", "mistral-common", "build in --out other --set vocabulary.name=mistral-v3-tekken"),
    (
        "mistral",
        "mistral-common",
        "build in --out other --set prune.ratio_vocabulary=mistral-v3-tekken",
    ),
    ("mistral", "sentencepiece", "build in --out other --set vocabulary.name=mistral-v3"),
    ("privacy", "phonenumbers", "build in --out other --recipe publishable"),
    ("ray", "ray", "build in --out other --ray local"),
    ("record", "playwright", "record https://shop.example/ --out new.jsonl --objective x"),
    ("report", "jinja2", "report out --out other/report.html"),
    ("s3", "s3fs", "build in --out s3://bucket/folder"),
    ("s3", "s3fs", "check s3://bucket/folder"),
    ("s3", "s3fs", "publish out s3://bucket/folder"),
    ("tokenizers", "tokenizers", "build in --out other --set vocabulary.file=tokenizer.json"),
    ("tokenizers", "sentencepiece", "build in --out other --set vocabulary.file=own.model"),
    ("tokenizers", "jinja2", "build in --out other --set vocabulary.model=model"),
)
"""Extra, its package, and a command that needs it."""

WITH_ALL: Final[Sequence[str]] = (
    "check in",
    "lint in",
    "benchmarks build own=tasks.jsonl --out own.registry",
    "build in --out out --workers 0 --set contamination.registries=own.registry",
    "inspect out",
    "inspect out sample --seed 1 --page",
    "explain out w1",
    "verify out",
    "report out --json",
    "diff out out",
    "retry out --workers 0",
    "finish out --workers 0",
    "compact out --workers 0",
    "clean out",
    "export out --out messages",
    "export out --out keys --format keys",
    "rebuild keys in --out rebuilt --workers 0 --set contamination.registries=own.registry",
    "contamination out",
    "publish out file://published --allow unlicensed",
    "evalset out --split train --out set",
    "baseline set perfect --out answers.jsonl",
    "score set answers.jsonl --protocol exact",
    "predict set --endpoint http://127.0.0.1:9 --model m --attempts 1 --out asked.jsonl",
    "evalset tasks2.json --family mind2web-multichoice --ranks ranks.json --out choices",
    "rounds choices --protocol mind2web-multichoice/llm --out next.jsonl",
    "evalset arena.json --out arena",
    "baseline arena perfect --out arena.jsonl",
    "study study.toml --workers 0",
    "augment in --out rewritten --base-url http://127.0.0.1:9 --model m --attempts 1",
    "formats",
    "schema scribe",
    "example workflows",
    "reasons target_absent",
    "explain-setting fit.context",
    "recipes",
)
"""Every command, without what needs an extra."""


@pytest.fixture(scope="module")
def folder(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings ``in``, and what `WITH_ALL` left."""
    folder = tmp_path_factory.mktemp("installed")
    builds.write_workflows(
        folder / "in" / "a.jsonl", *(builds.workflow(number) for number in range(20))
    )
    (folder / "tasks.jsonl").write_text('{"task_id": 1, "task": "Order a red kettle"}\n')
    mind2web.write(folder / "tasks2.json", tasks := mind2web.ordinary("a"))
    (folder / "ranks.json").write_text(json.dumps(mind2web.table(tasks)))
    (folder / "study.toml").write_text(
        'inputs = ["in"]\nout = "study"\n[axes]\n"fit.context" = [16384, 32768]\n'
    )
    asked = {"eval_types": ["string_match"], "reference_answers": {"must_include": ["6"]}}
    arena = {"task_id": 1, "sites": ["map"], "start_url": "http://map.example", "intent": "Count"}
    (folder / "arena.json").write_text(json.dumps([{**arena, "eval": asked}]))
    for line, done in zip(WITH_ALL, installed.in_one_process(WITH_ALL, folder), strict=True):
        asks = line.startswith(("augment", "predict"))  # a model that is not there
        assert done.code == asks, f"{line}: {done.err}"
        assert "Traceback" not in done.err
    return folder


def test_every_command_runs_without_any_extra(folder: Path) -> None:
    """Each command does its work in an environment that has no optional package, but for `record`,
    which is nothing without one.
    """
    assert {line.split()[0] for line in WITH_ALL} == set(main.cli.commands) - {"record"}
    assert (folder / "published" / "README.md").exists()


def test_every_extra_that_is_missing_is_named(installed: Installed, folder: Path) -> None:
    """Whatever needs an extra stops before it begins, with exit code 2, and says which package of
    which extra is missing and how to install it; every extra of the package that a command can use
    is asked for here.
    """
    (folder / "tokenizer.json").write_text(
        json.dumps({"model": {"type": "Unigram", "vocab": [["a", 0.0]]}})
    )
    (folder / "crawl.warc").write_bytes(b"WARC/1.0\r\n")
    (folder / "own.model").write_bytes(b"\n\x03\n\x01a")  # one piece
    (folder / "model").mkdir()
    (folder / "model" / "tokenizer.model").write_bytes(load().file.content())
    (folder / "model" / "chat_template.jinja").write_text("{{ messages }}")
    found = installed.in_one_process([line for *_, line in WITHOUT], folder)
    for (extra, package, line), done in zip(WITHOUT, found, strict=True):
        said = done.err.strip()
        assert done.code == 2, f"{line}: {said}"
        assert said.endswith(f"pip install 'stepmill[{extra}]'"), f"{line}: {said}"
        assert package in said, f"{line}: {said}"
        assert len(said.splitlines()) == 1, f"{line}: {said}"
        made = [path.relative_to(folder) for path in folder.glob("other/*/samples")]
        assert not made, line
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    assert {extra for extra, *_ in WITHOUT} == set(extras) - OTHERS


def test_what_the_message_says_installs_the_extra(installed: Installed, folder: Path) -> None:
    """The command takes stepmill itself as installed and
    looks only for the packages of the extra.
    """
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(installed.bin / "python"),
        "install",
        "--no-index",
    ]
    asked = [*pip, "stepmill[report]"]
    done = subprocess.run(
        asked, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert re.search(
        r"No matching distribution found for (jinja2|vl-convert-python)", done.stderr
    ), done.stderr
