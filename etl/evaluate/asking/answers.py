"""The file of predictions that `predict` writes: append-only, and its cache.

A line is one answer or one failure, and is on disk before the next is asked for::

    {"id": "...", "asked": {...}, "output": "...", "usage": {...}}
    {"id": "...", "asked": {...}, "sample": 2, "output": "...", ...}   of several samples
    {"id": "...", "asked": {...}, "round": 0, "output": "...", ...}    of a multiple choice
    {"id": "...", "asked": {...}, "error": "timeout", "detail": "..."}

``asked`` holds the model's name and the hashes of the prompt and of the parameters: an answer
counts only for the very same question. A last line that was cut off is removed; one process writes
at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

import orjson

from schemas.errors import BuildError, ConfigError

_LINE: Final = b'{"id":'
"""How a line begins."""


def hashed(value: object) -> str:
    """The hash of a value as JSON, in hex."""
    raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(raw, digest_size=12).hexdigest()


@dataclass(frozen=True)
class Question:
    """One call: a prompt, to a model with its parameters."""

    id: str
    messages: Sequence[Mapping[str, str]]
    # of a multiple choice, from 0; None: there are no rounds
    round: int | None = None

    @cached_property
    def prompt(self) -> str:
        """The hash of the prompt."""
        return hashed([dict(message) for message in self.messages])


@dataclass
class Answers:
    """The answers in a file, by question, as a context manager.

    Raises:
        ConfigError: when it is made, if a line of the file is none of ours, or answers another
            model or other parameters.
        BuildError: another process writes the file.
    """

    path: Path
    model: str
    # the hash of the parameters
    parameters: str
    # (id, hash of the prompt, round) -> answer by number of the sample
    known: dict[tuple[str, str, int | None], dict[int, str]] = field(default_factory=dict)
    # id -> hashes of the prompts that were answered, those of rounds by round
    prompts: dict[tuple[str, int | None], str] = field(default_factory=dict)
    # tokens of all answers, by their name in ``usage``
    tokens: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = self.path.open("a+b")
        self._lock = threading.Lock()
        try:
            self._begin()
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.close()

    def _begin(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BuildError(
                f"{self.path}: another process writes this file; wait for it, or give another --out"
            ) from error
        self._stream.seek(0)
        whole = 0
        for number, line in enumerate(self._stream, 1):
            if not line.endswith(b"\n"):
                if not (line.startswith(_LINE) or _LINE.startswith(line)):
                    raise self._strange(number)
                break
            self._take(number, line)
            whole += len(line)
        self._stream.truncate(whole)

    def _strange(self, number: int) -> ConfigError:
        return ConfigError(
            f"{self.path}, line {number}: no line of stepmill predict; give another --out"
        )

    def _take(self, number: int, line: bytes) -> None:
        try:
            row = orjson.loads(line)
            id, asked = row["id"], row["asked"]
            model, parameters, prompt = asked["model"], asked["parameters"], asked["prompt"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise self._strange(number) from error
        if (model, parameters) != (self.model, self.parameters):
            what = f"the model {model}" if model != self.model else "other parameters"
            raise ConfigError(
                f"{self.path}, line {number}: it answers {what}; give another --out, or remove it"
            )
        with suppress(AttributeError):  # a server without usage
            self._count(row.get("usage"))
        if "output" in row:
            place = row.get("round")
            self.known.setdefault((id, prompt, place), {})[row.get("sample", 0)] = row["output"]
            self.prompts[id, place] = prompt

    def _count(self, usage: Any) -> None:
        for name, count in (usage or {}).items():
            if type(count) is int:
                self.tokens[name] = self.tokens.get(name, 0) + count

    def given(self, question: Question) -> dict[int, str]:
        """The answers that there are, by number of the sample.

        Raises:
            ConfigError: the file has answers to another prompt of this id.
        """
        prompt = question.prompt
        before = self.prompts.get((question.id, question.round))
        if before is not None and before != prompt:
            raise ConfigError(
                f"{self.path}: it has answers to another prompt of {question.id}: the evaluation "
                "set was made anew, or a round before was answered otherwise; give another --out"
            )
        return self.known.get((question.id, prompt, question.round), {})

    def add(
        self,
        question: Question,
        answers: Mapping[int, str],
        usage: Mapping[str, Any] | None,
        samples: int,
    ) -> None:
        """Keep the answers of one call; they are on disk when this returns."""
        head: dict[str, Any] = {"id": question.id, "asked": self._asked(question)}
        if question.round is not None:
            head["round"] = question.round
        rows = [
            head | ({"sample": number} if samples > 1 else {}) | {"output": output}
            for number, output in answers.items()
        ]
        if usage:
            rows[0]["usage"] = dict(usage)
        with self._lock:
            known = self.known.setdefault((question.id, question.prompt, question.round), {})
            known.update(answers)
            self.prompts[question.id, question.round] = question.prompt
            self._count(usage)
            self._write(rows)

    def fail(self, question: Question, reason: str, words: str) -> None:
        """Note a call that failed; it is asked again next time."""
        row = {"id": question.id, "asked": self._asked(question)}
        with self._lock:
            self._write([row | {"error": reason, "detail": words}])

    def _asked(self, question: Question) -> dict[str, str]:
        return {"model": self.model, "parameters": self.parameters, "prompt": question.prompt}

    def _write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        data = b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
        self._stream.write(data)
        self._stream.flush()
        os.fsync(self._stream.fileno())
