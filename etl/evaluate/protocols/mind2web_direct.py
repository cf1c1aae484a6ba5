"""`mind2web-direct/scribeagent-v2` and ``-v2-lenient``: the reference's present evaluation.

Answers are five a chunk of the page. Each names a node id; the id with most votes over all chunks
is chosen, and the longest of its answers is read. Prompts hold the gold history, as training has
it; the reference puts the model's own answer into the history where it was right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, NamedTuple

from etl.evaluate.facts.mind2web_direct import FAMILY, Facts
from etl.evaluate.protocols import steps
from etl.evaluate.protocols.protocol import (
    NO_ANSWER,
    SCORED,
    STOPPED,
    Answers,
    Row,
    Scored,
    by_task,
    mean,
    nothing,
    of_steps,
    stop,
    stops_in,
)
from etl.evaluate.texts import plain_words, set_f1
from tokenization.prompt import action_name

METRICS: Final = ("ea", "f1", "step_sr")
CLICKS: Final = ("CLICK", "SELECT")

OTHER_WORD: Final = "the action is right in our words, but its word is not of the reference's class"

_FORM: Final = re.compile(
    r".\nDescription: [^\n]+\nAction: [^\n]+\nNode: [^\n]+\nTarget: ."
)  # no text may be empty
_END: Final = re.compile(r"[ \n]")

DEFECTS: Final = (
    "Typed text and the chosen option are never compared: a step with the wrong text succeeds.",
    (
        "F1 lends the gold operation, with the gold text, to an answer of the right class on a "
        "wrong element; and neither element nor class is needed for an F1 of 1."
    ),
    (
        "Any action word that begins with `mouse` is right for CLICK and SELECT, with `keyboard` "
        "for TYPE; other operations never succeed."
    ),
    "A task succeeds by its elements alone, whatever was done to them.",
    (
        "A vote ends early only while one id has been named in all chunks so far, so that later "
        "chunks weigh more than the first."
    ),
    "Keys that stand in a thought before the answer are read as the answer.",
    STOPPED,
)


@dataclass(slots=True)
class Vote:
    """What the answers chose: `node` is None if none could be read."""

    node: int | None = None
    # the answer that is read, and the first chunk and position at which its text stands
    place: tuple[int, int] | None = None
    answer: str = ""
    # how many were thrown away for their form and for their id, and how many calls failed
    no_match: int = 0
    bad_id: int = 0
    failed: int = 0
    votes: dict[int, int] = field(default_factory=dict)


def vote(answers: Answers) -> Vote:
    """Let the answers vote, chunk by chunk."""
    result = Vote()
    read: dict[int, list[str]] = {}
    for outputs in answers:
        if outputs is None:
            result.failed += 1
            continue
        middle = len(outputs) // 2
        for at, answer in enumerate(outputs):
            if _FORM.search(answer) is None:
                result.no_match += 1
                continue
            node = _node(answer)
            if node is None:
                result.bad_id += 1
                continue
            result.votes[node] = result.votes.get(node, 0) + 1
            read.setdefault(node, []).append(answer)
            if at == middle and len(result.votes) == 1:
                break
    if read:
        result.node = max(result.votes, key=lambda node: (result.votes[node], node))
        result.answer = max(reversed(read[result.node]), key=len)
        result.place = next(
            (chunk, outputs.index(result.answer))
            for chunk, outputs in enumerate(answers)
            if outputs and result.answer in outputs
        )
    return result


def _node(answer: str) -> int | None:
    """The id of an answer in the right form: behind its first ``Node: ``, else ``node="``."""
    behind = answer.partition("Node: ")[2]
    end = _END.search(behind)
    assert end is not None, "a line with Target follows"
    try:
        return int(behind[: end.start()])
    except ValueError:
        pass
    quoted, quote, _ = answer.partition('node="')[2].partition('"')
    try:
        return int(quoted) if quote else None
    except ValueError:
        return None


class Gold(NamedTuple):
    """What the reference makes of the annotators' line."""

    description: str
    # the element's words, the typed text, or `here`
    element: str


def gold(facts: Facts) -> Gold | None:
    """The gold description; None where the reference stops: a click whose line has no element."""
    if facts.op not in CLICKS:
        typed = facts.value.strip()
        return Gold(f'Type "{typed}"', typed)
    line = facts.action_repr
    start, end = line.find("] "), line.find(" ->")
    if start < 0 or end < 0:
        return None
    verb, element = facts.op[0] + facts.op[1:].lower(), line[start + 2 : end].strip()
    return Gold(f'{verb} "{element}"', element) if element else Gold(f"{verb} {verb}", "here")


def is_class(op: str, action: str) -> bool:
    """Whether an action word is of the class of an operation."""
    word = action.partition("_")[0]
    return word == "mouse" if op in CLICKS else op == "TYPE" and word == "keyboard"


def between(text: str, key: str, end: str) -> str:
    """What stands between the first ``key`` and the first ``end``; empty if that comes first."""
    start = text.find(key) + len(key)
    return text[start : text.find(end)]


def strict(facts: Facts, node: int | None, answer: str) -> bool:
    """Whether kind, element and value of an answer are all right.

    The kind is one of ours or the reference's own word for the operation; the value is what the
    description quotes.
    """
    found = steps.read(answer)
    if node is None or node not in facts.gold or found is None:
        return False
    words = {action_name(facts.step.kind)}
    if facts.op in CLICKS:
        words.add("mouse_click_action")
    elif facts.op == "TYPE":
        words.add("keyboard_sequence_action")
    return found.action in words and steps.says(facts.step, found.description)


def right_answer(facts: Facts, number: int = 1) -> str:
    """The answer that the reference holds to be right; empty if it asks nothing."""
    wanted = gold(facts)
    if facts.lost or wanted is None:
        return ""
    action = "mouse_click_action" if facts.op in CLICKS else "keyboard_sequence_action"
    node = str(facts.gold[0])
    return (
        f"{number}.\nDescription: {wanted.description}\nAction: {action}\n"
        f'Node: {" ".join([node] * 5)}\nTarget: <a node="{node}">\n'
    )


@dataclass(frozen=True, slots=True)
class Direct:
    """The present evaluation."""

    name: str
    # an element is right, too, if the description holds the gold words
    lenient: bool = False
    family: str = FAMILY
    metrics: tuple[str, ...] = METRICS

    @property
    def defects(self) -> tuple[str, ...]:
        """What is reproduced although it is wrong."""
        if not self.lenient:
            return DEFECTS
        return (
            (
                "Any element is right if the description holds the gold words as characters (`18` "
                "in `2018`), or `here` for a gold element without text; also an id that is "
                "nowhere."
            ),
            "The reference's command line turns this on for any value of its flag, `False` too.",
            *DEFECTS,
        )

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answers to one step."""
        assert isinstance(facts, Facts)
        if facts.lost:
            return nothing(facts.lost, self.metrics)
        wanted = gold(facts)
        if wanted is None:
            return stop("AttributeError", self.metrics, "no ` ->` behind an element in the line")
        chosen = vote(answers)
        if chosen.node is None:
            return nothing(NO_ANSWER, self.metrics)
        said = between(chosen.answer, "Description: ", "\nAction:")
        agrees = is_class(facts.op, between(chosen.answer, "Action: ", "\nNode:"))
        right = chosen.node in facts.gold or (self.lenient and _holds(wanted, said))
        if agrees and right:
            f1 = 1.0
        elif "]" not in facts.action_repr:
            return stop("AttributeError", self.metrics, "no `]` in the line")
        else:
            f1 = _f1(facts, wanted, said, agrees=agrees)
        exact = strict(facts, chosen.node, chosen.answer)
        return Scored(
            SCORED,
            {"ea": float(right), "f1": f1, "step_sr": float(agrees and right)},
            node=chosen.node,
            answer=chosen.place,
            strict=exact,
            notes=(OTHER_WORD,) if exact and not agrees else (),
        )

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """Means over steps, and over tasks the mean of the product of EA.

        The reference makes them of one file at a time.
        """
        found = of_steps(rows)
        tasks = by_task(rows).values()
        products = [prod(scored.metrics["ea"] or 0.0 for scored in task) for task in tasks]
        return {
            "element_accuracy": mean(row.scored.metrics["ea"] for row in found),
            "f1": mean(row.scored.metrics["f1"] for row in found),
            "step_success_rate": mean(row.scored.metrics["step_sr"] for row in found),
            "task_success_rate": mean(products),
            "steps": len(found),
            "reference_stops": stops_in(found),
        }


def _holds(wanted: Gold, said: str) -> bool:
    words = plain_words(wanted.description)
    return wanted.element.lower() in said.lower() or words in plain_words(said)


def _f1(facts: Facts, wanted: Gold, said: str, *, agrees: bool) -> float:
    """F1 of a step without success. agrees: its class is right."""
    line = facts.action_repr
    behind = line.partition("]")[2]
    lent = set_f1(behind, f"{line.split(' -> ')[-1]} {said}") if agrees else 0.0
    words = set_f1(plain_words(said), plain_words(wanted.description))
    return max(lent, set_f1(behind, said), words)
