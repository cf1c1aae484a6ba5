"""Read predictions: JSON lines by id, in any of the forms that harnesses write.

A line is one of these; the first key that is there counts, in this order:

- ``{"id", "output"}``, a text, or null for a call that failed;
- ``{"id", "outputs"}``, a list of these: samples to vote over, or the rounds of a multiple choice;
- ``{"id", "round", "output"}`` or ``{"id", "sample", "output"}``: one of these, counted from 0, a
  line each;
- ``{"id", "messages"}``: the last message of the assistant is the answer;
- a line of OpenAI's batch output: ``{"custom_id", "response": {"body": {"choices"}}}``;
- ``{"id", "error"}``: a call that failed, as ``stepmill predict`` notes it.

What cannot be used is counted and the first few are named: lines that are none of these, ids that
the set does not have, ids that came before (the first counts, unless it is a call that failed), and
prompts without a line. Nothing is guessed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from etl.inputs.streams import Truncated, lines
from schemas.errors import ConfigError

SHOWN: Final = 5
"""How many of each kind of problem are named."""

Outputs = tuple[str | None, ...]
"""The answers to one prompt in order; None: that call failed."""

KINDS: Final = {
    "unreadable": "lines that are no prediction",
    "unknown": "ids that the evaluation set does not have",
    "double": "ids that came before",
    "missing": "prompts without a prediction",
    "failed": "prompts whose call failed",
    "cut": "files that end in the middle",
}
"""Kind of problem -> its words."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """The answers by id, and what was wrong with the files."""

    outputs: dict[str, Outputs]
    # by kind, one of `KINDS`
    counts: Counter[str] = field(default_factory=Counter)
    # the first few of each kind, as ``place: what``
    named: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, what: str) -> None:
        """Count a problem, and name it if it is one of the first."""
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN:
            self.named.setdefault(kind, []).append(what)

    def lines(self) -> list[str]:
        """A line a kind of problem, for people."""
        return [
            f"{self.counts[kind]:,} {words}: {', '.join(self.named[kind])}"
            + (", ..." if self.counts[kind] > SHOWN else "")
            for kind, words in KINDS.items()
            if self.counts[kind]
        ]


class Unusable(Exception):
    """A line that is no prediction; the text says why."""


def read(paths: Sequence[Path], ids: Collection[str]) -> Predictions:
    """Read files of predictions, plain, ``.gz`` or ``.zst``.

    ids: of all prompts that were to be answered.

    Raises:
        ConfigError: a file is not there, or none of its lines is a prediction.
    """
    known = ids if isinstance(ids, (set, frozenset, dict)) else set(ids)
    found = Predictions({})
    parts: dict[str, dict[int, str | None]] = {}
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"{path}: there is no such file of predictions")
        before, some = found.counts["unreadable"], False
        for number, line in _lines(path, found):
            some = True
            place = f"{path.name} line {number}"
            try:
                row = orjson.loads(line)
                id, outputs = prediction(row)
            except (orjson.JSONDecodeError, Unusable) as error:
                found.note("unreadable", f"{place} ({_reason(error)})")
                continue
            if id not in known:
                found.note("unknown", f"{id} ({place})")
            elif (part := _part(row)) is not None:
                _add_part(parts.setdefault(id, {}), part, outputs[0], found, f"{id} ({place})")
            elif id in found.outputs and any(each is not None for each in found.outputs[id]):
                found.note("double", f"{id} ({place})")
            else:
                found.outputs[id] = outputs
        wrong = found.counts["unreadable"] - before
        if some and wrong and not found.outputs and not found.counts["unknown"]:
            raise ConfigError(
                f'{path}: no line is a prediction; write {{"id": ..., "output": ...}} on each. '
                f"The first: {found.named['unreadable'][0]}"
            )
    for id, by_number in parts.items():
        alone = found.outputs.get(id, (None,))
        if len(alone) == 1 and alone[0] is not None and 0 not in by_number:
            by_number[0] = alone[0]  # the first sample, asked for alone
        elif any(each is not None for each in alone):
            found.note("double", f"{id} (in parts and whole)")
            continue
        found.outputs[id] = tuple(by_number[number] for number in sorted(by_number))
    for id, outputs in found.outputs.items():
        if all(each is None for each in outputs):
            found.note("failed", id)
    for id in ids:
        if id not in found.outputs:
            found.note("missing", id)
    return found


def _part(row: dict[str, Any]) -> int | None:
    """The number of the round or sample that a line has; None: it has the whole answer."""
    number = row.get("round", row.get("sample")) if "output" in row else None
    return number if type(number) is int else None


def _add_part(
    known: dict[int, str | None], number: int, output: str | None, found: Predictions, where: str
) -> None:
    """Take one round or sample of an id."""
    if known.get(number) is not None:
        found.note("double", f"{where}, number {number}")
    else:
        known[number] = output


def _reason(error: Exception) -> str:
    return "not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)


def _lines(path: Path, found: Predictions) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank; a file that ends in the middle gives those before."""
    try:
        for number, line in lines(str(path)):
            if line.strip():
                yield number, line
    except Truncated as error:
        found.note("cut", f"{path.name} ({error.detail})")


def prediction(row: Any) -> tuple[str, Outputs]:
    """Id and answers of one line.

    Raises:
        Unusable: it is no prediction; the text says why.
    """
    if not isinstance(row, dict):
        raise Unusable("not an object")
    id = row.get("id")
    for key in ("round", "sample"):
        if key in row and type(row[key]) is not int:
            raise Unusable(f"{key} is no whole number")
    if "custom_id" in row:
        return _id(row["custom_id"], "custom_id"), _batch(row)
    if "output" in row:
        return _id(id), (_text(row["output"], "output"),)
    if "outputs" in row:
        outputs = row["outputs"]
        if not isinstance(outputs, list):
            raise Unusable("outputs is no list")
        return _id(id), tuple(_text(each, "outputs") for each in outputs)
    if "messages" in row:
        return _id(id), (_last(row["messages"]),)
    if "error" in row:
        return _id(id), (None,)
    raise Unusable("none of output, outputs, messages, custom_id, error")


def _id(value: Any, key: str = "id") -> str:
    if not isinstance(value, str) or not value:
        raise Unusable(f"{key} is no text")
    return value


def _text(value: Any, key: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Unusable(f"{key} is no text")
    return value


def _last(messages: Any) -> str:
    """The last message of the assistant; texts of its parts joined."""
    if isinstance(messages, list):
        for message in reversed(messages):
            if isinstance(message, dict) and message.get("role") == "assistant":
                return content_of(message)
    raise Unusable("messages has none of the assistant")


def content_of(message: Any) -> str:
    """The text of a message, whose content may be a list of parts.

    Raises:
        Unusable: it has none.
    """
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        raise Unusable("a message without content")
    return content


def _batch(row: dict[str, Any]) -> Outputs:
    """The answers in a line of OpenAI's batch output."""
    response = row.get("response")
    if row.get("error") or not isinstance(response, dict):
        return (None,)
    if int(response.get("status_code") or 200) >= 400:
        return (None,)
    body = response.get("body")
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices:
        raise Unusable("response.body.choices is no list")
    ordered = sorted(
        (each for each in choices if isinstance(each, dict)),
        key=lambda each: index if isinstance(index := each.get("index"), int) else 0,
    )
    if len(ordered) < len(choices):
        raise Unusable("a choice is no object")
    return tuple(content_of(each.get("message")) for each in ordered)
