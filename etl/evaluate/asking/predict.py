"""Ask a model every prompt of an evaluation set, several at a time, and keep each answer.

The prompts are streamed; at most `_AHEAD` calls a thread are in memory. What was answered before is
never asked again (`etl.evaluate.asking.answers`). A call that fails after all attempts is a line
with an error; the others go on, unless `GIVE_UP` calls fail in a row.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from etl.evaluate.asking.answers import Answers, Question, hashed
from etl.evaluate.asking.endpoint import CallFailed, Endpoint, NoAnswer, words_of
from etl.evaluate.asking.rounds import Rounds, rounds_of
from etl.evaluate.files import EvalSet
from etl.evaluate.predictions import Unusable, content_of
from etl.terminal.progress import Progress
from schemas.errors import BuildError, ConfigError

GIVE_UP: Final = 50
"""So many failed calls one after the other end the asking: the server is not there."""

_AHEAD: Final = 4
"""Calls that wait for a thread, for each of them."""


class Reply(NamedTuple):
    """What a response holds."""

    outputs: list[str]
    usage: Mapping[str, Any]
    # answers that ended because no more tokens were allowed
    cut_off: int


def reply_of(response: Any) -> Reply:
    """All choices of a response, as they are: reasoning and all, for protocols to read.

    Raises:
        NoAnswer: it holds none.
    """
    if words := words_of(response):
        raise NoAnswer("server_error", words)
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or not choices:
        raise NoAnswer("bad_answer", "no choices")
    outputs, cut_off = [], 0
    for choice in choices:
        message = choice.get("message") if isinstance(choice, dict) else None
        ended = choice.get("finish_reason") if isinstance(choice, dict) else None
        if isinstance(message, dict) and message.get("content") is None:
            if refusal := message.get("refusal"):
                raise NoAnswer("refused", str(refusal), final=True)
            if ended == "content_filter":
                raise NoAnswer("filtered", "finish_reason content_filter", final=True)
            if message.get("reasoning_content") or message.get("reasoning"):
                raise NoAnswer(
                    "thoughts_only",
                    "the answer is empty but for reasoning; allow more tokens",
                    final=ended == "length",
                )
        try:
            outputs.append(content_of(message))
        except Unusable as error:
            raise NoAnswer("bad_answer", f"choices[].message: {error}") from error
        cut_off += ended == "length"
    usage = response.get("usage")
    return Reply(outputs, usage if isinstance(usage, dict) else {}, cut_off)


@dataclass
class Asking:
    """One run over an evaluation set."""

    eval_set: EvalSet
    endpoint: Endpoint
    out: Path
    # answers to each prompt, to vote over
    samples: int = 1
    parallel: int = 4
    # only these splits; none: all
    splits: tuple[str, ...] = ()
    # by which answers are read where choices are asked in rounds
    protocol: str = ""
    # gets a line for each kind of failure, with the server's words
    told: Callable[[str], None] | None = None
    progress: type[Progress] = Progress
    counts: Counter[str] = field(default_factory=Counter)
    _in_a_row: int = 0
    # the reason of the last failure
    _last: str = ""
    _told: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> dict[str, Any]:
        """Ask all; returns how many were answered, kept from before and failed, and the tokens.

        Raises:
            ConfigError: no call can succeed, ``out`` has other answers, or there is no such split.
            BuildError: the server answers nothing any more, or another process writes ``out``.
        """
        if unknown := set(self.splits) - set(self.eval_set.splits):
            raise ConfigError(
                f"{self.eval_set.folder}: no split {', '.join(sorted(unknown))}; there are "
                f"{', '.join(self.eval_set.splits)}"
            )
        parameters = hashed(dict(self.endpoint.parameters))
        total = sum(self.eval_set.manifest["splits"][each]["prompts"] for each in self._splits)
        with (
            Answers(self.out, self.endpoint.model, parameters) as answers,
            self.progress("asking", total, "prompts") as progress,
        ):
            self._ask_all(answers, progress)
        return {
            **{name: self.counts[name] for name in ("answered", "kept", "failed", "cut_off")},
            "failures": {
                name.removeprefix("failed: "): count
                for name, count in sorted(self.counts.items())
                if name.startswith("failed: ")
            },
            "tokens": dict(sorted(answers.tokens.items())),
        }

    @property
    def _splits(self) -> tuple[str, ...]:
        return self.splits or self.eval_set.splits

    def _ask_all(self, answers: Answers, progress: Progress) -> None:
        pending: set[Future[None]] = set()
        with ThreadPoolExecutor(self.parallel) as pool:
            try:
                for task in self._tasks(answers):
                    pending.add(pool.submit(task))
                    while len(pending) >= self.parallel * _AHEAD:
                        pending = self._settled(pending, progress)
                while pending:
                    pending = self._settled(pending, progress)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt) and self.told:
                    self.told("stopping once the calls under way are answered; Ctrl-C leaves them")
                self.endpoint.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _settled(self, pending: set[Future[None]], progress: Progress) -> set[Future[None]]:
        """Those that are still going on, once at least one has ended."""
        done, going = wait(pending, return_when=FIRST_COMPLETED)
        for each in done:
            each.result()
            progress.advance(1)
        if self._in_a_row >= GIVE_UP:
            raise BuildError(
                f"{self.endpoint.base_url}: {GIVE_UP} calls in a row have failed, the last for "
                f"{self._last}; see that the server answers, and run the "
                "same command again: what was answered is kept"
            )
        return going

    def _tasks(self, answers: Answers) -> Iterator[Callable[[], None]]:
        """A call for each prompt, or for each step that is asked in rounds."""
        rounds = rounds_of(self.eval_set.family, self.protocol)
        columns = ["id", "step_id", "chunks", "messages"] + (["facts"] if rounds else [])
        rows = self.eval_set.rows(columns, self._splits)
        for _, of_step in groupby(rows, itemgetter("step_id")):
            step = [row for row in of_step if row["chunks"]]
            if rounds and step:
                yield partial(self._rounds, rounds, step[0], answers)
            elif not rounds:
                for row in step:
                    question = Question(row["id"], row["messages"])
                    yield partial(self._samples, question, answers)

    def _samples(self, question: Question, answers: Answers) -> None:
        """Ask for the samples of a prompt that are missing."""
        given = answers.given(question)
        if all(number in given for number in range(self.samples)):
            self._count("kept")
            return
        if self._answered(question, answers) is not None:
            self._count("answered")

    def _rounds(self, rounds: Rounds, row: Mapping[str, Any], answers: Answers) -> None:
        """Ask a step round by round, as its facts say after each answer."""
        facts, new = rounds.read(row["facts"]), False
        outputs: list[str] = []
        while (messages := rounds.next(facts, outputs, row["messages"])) is not None:
            question = Question(row["id"], messages, len(outputs))
            given = answers.given(question).get(0)
            if given is None:
                given, new = self._answered(question, answers), True
            if given is None:
                return
            outputs.append(given)
        self._count("answered" if new else "kept")

    def _answered(self, question: Question, answers: Answers) -> str | None:
        """Ask until all samples are there, since not every server gives several at once.

        Returns the first; None if a call failed, which is noted.
        """
        wanted = 1 if question.round is not None else self.samples
        while missing := [
            number for number in range(wanted) if number not in answers.given(question)
        ]:
            more = {"n": len(missing)} if len(missing) > 1 else {}
            try:
                reply = self.endpoint.call(question.messages, reply_of, more)
            except CallFailed as error:
                if not self.endpoint.stopped.is_set():
                    self._fail(question, error, answers)
                return None
            answers.add(
                question,
                dict(zip(missing, reply.outputs, strict=False)),
                reply.usage,
                wanted,
            )
            with self._lock:
                self._in_a_row = 0
                self.counts["cut_off"] += reply.cut_off
        return answers.given(question)[0]

    def _fail(self, question: Question, error: CallFailed, answers: Answers) -> None:
        answers.fail(question, error.reason, error.words)
        with self._lock:
            self._in_a_row, self._last = self._in_a_row + 1, error.reason
            self.counts["failed"] += 1
            self.counts[f"failed: {error.reason}"] += 1
            new = str(error) not in self._told
            self._told.add(str(error))
        if self.told and new:
            self.told(f"{question.id}: {error}")

    def _count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1
