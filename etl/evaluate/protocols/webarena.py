"""`webarena/string`, ``/url`` and ``/offline``: a task's last answer and last address.

An output is a JSON object with ``answer`` and ``url``, or the answer alone. What only a language
model can tell (`needs_llm`) and what only the page can tell (`needs_page`) is undecided, and never
counted as 0 without saying so: there is a mean over what is decided, and one with the rest as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlparse

import orjson

from etl.evaluate.facts.webarena import FAMILY, RULE, Facts
from etl.evaluate.protocols.protocol import (
    NO_ANSWER,
    SCORED,
    STOPPED,
    Answers,
    Row,
    Scored,
    Stops,
    mean,
    of_steps,
    stop,
    stops_in,
)
from etl.evaluate.protocols.webarena_words import tokens

NEEDS_LLM: Final = "needs_llm"
NEEDS_PAGE: Final = "needs_page"
OTHER: Final = "needs_own_evaluator"
NOT_APPLICABLE: Final = "not_applicable"
BLANK: Final = "about:blank"

Part = Literal["string", "url", "offline"]

_DEFECTS: Final[dict[Part, tuple[str, ...]]] = {
    "string": (
        "A text that must be included may stand inside of other words and numbers.",
        (
            "A single character that is a sentence's last word, before a full stop, is not found "
            "if another sentence follows."
        ),
        "` |OR| ` in a reference answer is not read, but looked for.",
    ),
    "url": (
        (
            "Host and path of the reference may stand anywhere in those of the page: an issue's "
            "number is found in a longer one."
        ),
        "The queries of alternative references are pooled, so a key of one is asked of all.",
        "An empty reference address passes every page.",
    ),
    "offline": (
        (
            "The ScribeAgent fork's own router returns no evaluators, so as released it cannot "
            "score at all; its evaluators give these numbers."
        ),
    ),
}


class _NeedsModel(Exception):
    """Only a language model can tell."""


def output(answer: str, url: str | None = None) -> str:
    """An output that says both."""
    return orjson.dumps({"answer": answer, "url": url}).decode()


def read(text: str) -> tuple[str, str]:
    """Answer and address of an output."""
    if text.lstrip().startswith("{"):
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text, BLANK
        if isinstance(fields, dict) and fields and fields.keys() <= {"answer", "url"}:
            answer, url = fields.get("answer"), fields.get("url")
            return "" if answer is None else str(answer), BLANK if url is None else str(url)
    return text, BLANK


def clean(text: str) -> str:
    """An answer without white space around and one pair of quotes, in lower case."""
    text = text.strip()
    for quote in ("'", '"'):
        if text.startswith(quote) and text.endswith(quote):
            return text[1:-1].lower()
    return text.lower()


def string(facts: Facts, answer: str) -> float:
    """The score of an answer.

    Raises:
        _NeedsModel: only a language model can tell.
        Stops: the reference stops.
    """
    answer, score = clean(answer), 1.0
    for kind, value in facts.answers:
        if kind == "exact_match":
            score *= _equal(value, answer)
        elif kind == "must_include":
            if not isinstance(value, list):
                raise Stops("AssertionError")
            for item in value:
                score *= _includes(item, answer, alone=len(value) == 1)
        elif kind == "fuzzy_match" and value == "N/A":
            score *= _equal(value, answer)
            if score != 1:
                raise _NeedsModel
        elif kind == "fuzzy_match":
            if not isinstance(value, list):
                raise Stops("AssertionError")
            if value:
                raise _NeedsModel
    return score


def _equal(reference: Any, answer: str) -> float:
    if not isinstance(reference, str):
        raise Stops("BeartypeCallHintParamViolation")
    return float(clean(answer) == clean(reference))


def _includes(reference: Any, answer: str, *, alone: bool) -> float:
    if not isinstance(reference, str):
        raise Stops("BeartypeCallHintParamViolation")
    reference, answer = clean(reference), clean(answer)
    found = reference in answer
    if found and alone and len(reference) == 1 and not reference.isspace():
        found = reference in tokens(answer)
    return float(found)


def url(facts: Facts, page: str) -> float:
    """The score of an address.

    Raises:
        Stops: the reference stops: an address cannot be parsed, or the rule is unknown.
    """
    if facts.url_note != RULE:
        raise Stops("ValueError")
    try:
        place, query = _parts(page)
        references = [_parts(one) for one in facts.reference_url.split(" |OR| ")]
    except ValueError as error:
        raise Stops("ValueError") from error
    if not any(reference in place for reference, _ in references):
        return 0.0
    pooled: dict[str, set[str]] = {}
    for _, wanted in references:
        for key, values in wanted.items():
            pooled.setdefault(key, set()).update(values)
    return float(all(not values.isdisjoint(query.get(key, ())) for key, values in pooled.items()))


def _parts(address: str) -> tuple[str, dict[str, list[str]]]:
    parts = urlparse(address.rstrip("/"))
    return parts.netloc + parts.path, parse_qs(parts.query)


@dataclass(frozen=True, slots=True)
class WebArena:
    """One of the three."""

    name: str
    part: Part
    family: str = FAMILY

    @property
    def metrics(self) -> tuple[str, ...]:
        """The one of its name."""
        return ("product",) if self.part == "offline" else (self.part,)

    @property
    def defects(self) -> tuple[str, ...]:
        """What is reproduced although it is wrong."""
        both = (*_DEFECTS["string"], *_DEFECTS["url"]) if self.part == "offline" else ()
        return (*both, *_DEFECTS[self.part], STOPPED)

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answer to a task: the first output of the first prompt that has one."""
        assert isinstance(facts, Facts)
        reason = self._undecided(facts)
        if reason:
            return Scored(reason, dict.fromkeys(self.metrics), strict=None)
        place = next((chunk for chunk, outputs in enumerate(answers) if outputs), None)
        outputs = answers[place] if place is not None else None
        answer, page = read(outputs[0]) if outputs else ("", BLANK)
        try:
            score = 1.0
            if facts.string and self.part != "url":
                score *= string(facts, answer)
            if facts.url and self.part != "string":
                score *= url(facts, page)
        except _NeedsModel:
            return Scored(NEEDS_LLM, dict.fromkeys(self.metrics), strict=None)
        except Stops as stopped:
            return stop(str(stopped), self.metrics)
        return Scored(
            SCORED if outputs else NO_ANSWER,
            dict.fromkeys(self.metrics, score),
            answer=None if place is None else (place, 0),
            strict=score == 1,
        )

    def _undecided(self, facts: Facts) -> str:
        """Why the protocol says nothing of a task; empty if it does."""
        if facts.other:
            return OTHER
        if self.part == "string":
            return "" if facts.string else NOT_APPLICABLE
        if self.part == "url":
            return "" if facts.url else NOT_APPLICABLE
        return NEEDS_PAGE if facts.program else ""

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """Means over the tasks that apply: over the decided ones, and with the others as 0."""
        found = [row.scored for row in of_steps(rows) if row.scored.outcome != NOT_APPLICABLE]
        scores = [scored.metrics[self.metrics[0]] for scored in found]
        decided = [score for score in scores if score is not None]
        return {
            "tasks": len(found),
            "decided": len(decided),
            **{
                reason: sum(scored.outcome == reason for scored in found)
                for reason in (NEEDS_LLM, NEEDS_PAGE, OTHER)
            },
            "sum": float(sum(decided)),
            "mean_of_decided": mean(decided),
            "mean_with_undecided_as_0": mean(score or 0.0 for score in scores),
            "reference_stops": stops_in(of_steps(rows)),
        }


def right_answer(facts: Facts) -> str:
    """An output that scores 1 where no language model is asked."""
    said: list[str] = []
    for _, value in facts.answers:
        said += [value] if isinstance(value, str) else value
    return output(" ".join(said), facts.reference_url.split(" |OR| ")[0])
