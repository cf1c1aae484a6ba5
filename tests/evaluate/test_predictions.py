"""Predictions are read in every form that harnesses write; what is wrong with them is counted."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from etl.evaluate.predictions import SHOWN, Predictions, read
from schemas.errors import ConfigError

IDS = ("a", "b", "c")


def written(path: Path, *rows: Any) -> Path:
    path.write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return path


def of(tmp_path: Path, *rows: Any) -> Predictions:
    return read([written(tmp_path / "answers.jsonl", *rows)], IDS)


BATCH = {
    "custom_id": "a",
    "response": {
        "status_code": 200,
        "body": {
            "choices": [
                {"index": 1, "message": {"role": "assistant", "content": "second"}},
                {"index": 0, "message": {"role": "assistant", "content": "first"}},
            ]
        },
    },
}
CHAT = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": "no"},
    {"role": "user", "content": "y"},
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}],
    },
]


@pytest.mark.parametrize(
    ("row", "outputs"),
    [
        ({"id": "a", "output": "x"}, ("x",)),
        ({"id": "a", "output": ""}, ("",)),
        ({"id": "a", "output": None}, (None,)),
        ({"id": "a", "outputs": ["x", None, "y"]}, ("x", None, "y")),
        ({"id": "a", "outputs": []}, ()),
        ({"id": "a", "messages": CHAT}, ("yes",)),
        (BATCH, ("first", "second")),
        ({"custom_id": "a", "response": None, "error": {"code": "x"}}, (None,)),
        ({"custom_id": "a", "response": {"status_code": 500, "body": {}}}, (None,)),
        ({"id": "a", "error": "timeout"}, (None,)),
    ],
)
def test_forms(tmp_path: Path, row: Any, outputs: tuple[str | None, ...]) -> None:
    """Each form gives its answers in order; a call that failed gives none."""
    found = of(tmp_path, row)
    assert found.outputs == {"a": outputs}
    assert found.counts["missing"] == 2
    assert found.named["missing"] == ["b", "c"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "not JSON"),
        ([], "not an object"),
        ({"id": "a"}, "none of output"),
        ({"output": "x"}, "id is no text"),
        ({"id": 7, "output": "x"}, "id is no text"),
        ({"id": "a", "output": 7}, "output is no text"),
        ({"id": "a", "outputs": "x"}, "outputs is no list"),
        ({"id": "a", "messages": [{"role": "user", "content": "x"}]}, "none of the assistant"),
        ({"id": "a", "round": "one", "output": "x"}, "round is no whole number"),
        ({"custom_id": "a", "response": {"body": {}}}, "choices is no list"),
    ],
)
def test_unreadable_lines_are_named(tmp_path: Path, row: Any, why: str) -> None:
    """A line that is no prediction is counted, with its place and why; the others count."""
    found = of(tmp_path, {"id": "b", "output": "x"}, row)
    assert found.outputs == {"b": ("x",)}
    assert found.counts["unreadable"] == 1
    assert found.named["unreadable"][0].startswith("answers.jsonl line 2 (")
    assert why in found.named["unreadable"][0]


def test_double_ids_count_once(tmp_path: Path) -> None:
    """Of two answers to a prompt the first counts; one that failed is replaced by a later one."""
    found = of(
        tmp_path,
        {"id": "a", "output": "first"},
        {"id": "a", "output": "second"},
        {"id": "b", "error": "http_500"},
        {"id": "b", "output": "at last"},
    )
    assert found.outputs == {"a": ("first",), "b": ("at last",)}
    assert (found.counts["double"], found.named["double"]) == (1, ["a (answers.jsonl line 2)"])


def test_unknown_ids_are_named(tmp_path: Path) -> None:
    """Ids that the set does not have are counted, and the first few named."""
    found = of(tmp_path, *({"id": f"x{n}", "output": ""} for n in range(9)))
    assert (found.counts["unknown"], len(found.named["unknown"])) == (9, SHOWN)
    line = next(each for each in found.lines() if "does not have" in each)
    assert line.startswith("9 ids that the evaluation set does not have: x0")
    assert line.endswith(", ...")


def test_parts_are_put_together(tmp_path: Path) -> None:
    """Samples and rounds that come on lines of their own are joined by number; a sample that was
    asked for alone is the first.
    """
    found = of(
        tmp_path,
        {"id": "a", "output": "zero"},
        {"id": "a", "sample": 2, "output": "two"},
        {"id": "a", "sample": 1, "output": "one"},
        {"id": "b", "round": 1, "output": "1"},
        {"id": "b", "round": 0, "output": "0"},
        {"id": "b", "round": 0, "output": "again"},
        {"id": "c", "error": "timeout"},
        {"id": "c", "round": 0, "output": "0"},
    )
    assert found.outputs == {"a": ("zero", "one", "two"), "b": ("0", "1"), "c": ("0",)}
    assert found.counts["double"] == 1


def test_failed_calls_are_named(tmp_path: Path) -> None:
    """A prompt whose every call failed is counted as failed, not as missing."""
    found = of(tmp_path, {"id": "a", "output": None}, {"id": "b", "outputs": [None, "x"]})
    assert (found.counts["failed"], found.named["failed"]) == (1, ["a"])
    assert found.counts["missing"] == 1


def test_compressed_and_several_files(tmp_path: Path) -> None:
    """Files may be plain, gzip or zstandard; a file that is cut off gives the lines before."""
    line = b'{"id": "%s", "output": "x"}\n'
    (tmp_path / "1.jsonl.gz").write_bytes(gzip.compress(line % b"a"))
    (tmp_path / "2.jsonl.zst").write_bytes(zstandard.compress(line % b"b"))
    whole = zstandard.compress(b"".join(line % f"n{n}".encode() for n in range(9999)))
    (tmp_path / "3.jsonl.zst").write_bytes(whole[: len(whole) // 2])
    found = read([tmp_path / name for name in ("1.jsonl.gz", "2.jsonl.zst", "3.jsonl.zst")], IDS)
    assert found.outputs == {"a": ("x",), "b": ("x",)}
    assert found.counts["cut"] == 1
    assert found.counts["missing"] == 1


def test_no_predictions_at_all(tmp_path: Path) -> None:
    """A file of something else, or no file, is an error that says what is wanted."""
    with pytest.raises(ConfigError, match="no line is a prediction; write"):
        of(tmp_path, {"text": "x"}, {"text": "y"})
    with pytest.raises(ConfigError, match="no such file"):
        read([tmp_path / "gone"], IDS)
