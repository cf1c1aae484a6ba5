"""`mind2web-multichoice/mindact` and ``/llm``, `mind2web-generation/mindact`: choices among five.

The candidates are shown five at a time from the front of their list, choices in page order behind
a letter each, B for the first; A is none. A choice that is made goes to the end of the list, and
the last one made is the answer. Each round is a prompt: of its outputs the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from etl.evaluate.facts.mind2web_multichoice import FAMILY, SHOWN, Candidate, Facts
from etl.evaluate.protocols.protocol import (
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
from etl.evaluate.texts import set_f1

METRICS: Final = ("element_acc", "operation_f1", "step_acc")
NO_CHOICE: Final = "no_final_choice"
UNANSWERED: Final = "round_without_answer"
"""A round has no output, so that nobody knows what would have been shown next."""

_OPERATION: Final = re.compile(r"Action: (CLICK|SELECT|TYPE)")
_VALUE: Final = re.compile(r"Value: (.*)$", re.MULTILINE)
_LETTER: Final = re.compile(r"Answer: ([A-F])")
_ELEMENT: Final = re.compile(r"Element: (.*)$", re.MULTILINE)
_ID: Final = re.compile(r"id=(\d+)")

VOID: Final = -1

Pick = Callable[[str, int], int | None]
"""What a stripped answer picks of a number of choices: a place; None for none of them; `VOID` for
none, and the pick before it counts no longer.

Raises IndexError where the reference stops.
"""

_DEFECTS: Final = (
    (
        "Operation F1 compares sets of words: neither their order nor repetition counts, and it "
        "does not depend on the element."
    ),
    (
        "The reference shuffles the candidates without a seed, so no two of its runs ask the same; "
        "here their order is part of the set."
    ),
    "A pick is void if a last round that shows all that is left is answered with none.",
    (
        "A candidate that is left alone is never asked: a step with no other one counts 0, and so "
        "does one whose rounds before were rightly answered with none."
    ),
    STOPPED,
)


def operation(text: str) -> str:
    """The operation text of an answer, with a space before its value even if that is empty."""
    found, value = _OPERATION.search(text), _VALUE.search(text)
    return f"{found[1] if found else ''} {value[1].strip() if value else ''}"


def gold_operation(facts: Facts) -> str:
    """The operation text of the right answer, read as an answer is."""
    value = "" if facts.op == "CLICK" else f"Value: {facts.value}"
    return operation(f"Action: {facts.op}\n{value}".strip())


def first_letter(text: str, choices: int) -> int | None:
    """MindAct's: the first character. Its code tells the place, from the end if it is before B."""
    letter = text[0]
    if letter == "A":
        return None
    place = ord(letter) - ord("B")
    if place < 0:
        place += choices
    return place if 0 <= place < choices else None


def answer_letter(text: str, choices: int) -> int | None:
    """The language model's: the letter behind the first ``Answer: ``; none without it.

    A letter past the end takes the pick before it back.
    """
    found = _LETTER.search(text)
    if found is None or found[1] == "A":
        return None
    place = ord(found[1]) - ord("B")
    return place if place < choices else VOID


def element_id(text: str, choices: int) -> int | None:
    """The generation's: the number behind ``id=``; the first choice without it or out of range."""
    if text.startswith("None"):
        return None
    line = _ELEMENT.search(text)
    found = _ID.search(line[1]) if line else None
    place = int(found[1]) if found else 0
    return place if place < choices else 0


class Played(NamedTuple):
    """How far the rounds went."""

    # what is shown next; None at the end
    shown: tuple[Candidate, ...] | None
    # the last choice, its operation and its round; None if there is none or it is void
    final: tuple[str, str, int] | None
    # what stops the reference
    stops: str = ""


def play(facts: Facts, outputs: Sequence[str], pick: Pick) -> Played:
    """Play the rounds that have an output."""
    if not facts.candidates:
        return Played(None, None)
    first = next(one for one in facts.candidates if one.id == facts.positives[0])
    if first.place < 0:
        return Played(None, None, "IndexError")
    queue, final = list(facts.candidates), None
    for number in range(len(outputs) + 1):
        if len(queue) < 2:
            return Played(None, final if queue else None)
        front, queue = queue[:SHOWN], queue[SHOWN:]
        if any(one.place < 0 for one in front):
            return Played(None, None, "IndexError")
        shown = tuple(sorted(front, key=lambda one: one.place))
        if number == len(outputs):
            return Played(shown, final)
        text = outputs[number].strip()
        try:
            place = pick(text, len(shown))
        except IndexError:
            return Played(None, None, "IndexError")
        if place == VOID:
            final = None
        elif place is not None:
            queue.append(shown[place])
            final = shown[place].id, operation(text), number
    raise AssertionError("the last round returns")


@dataclass(frozen=True, slots=True)
class MultiChoice:
    """The three protocols, which differ in how an answer is read."""

    name: str
    pick: Pick
    # tokens that are punctuation count in operation F1
    punctuation: bool
    own_defects: tuple[str, ...] = ()
    family: str = FAMILY
    metrics: tuple[str, ...] = METRICS

    @property
    def defects(self) -> tuple[str, ...]:
        """What is reproduced although it is wrong."""
        return (*self.own_defects, *_DEFECTS)

    def next_round(self, facts: Facts, outputs: Sequence[str]) -> tuple[Candidate, ...] | None:
        """The choices to be shown next, in page order, B first; None if nothing is asked.

        outputs: the answers so far, one a round.
        """
        return play(facts, outputs, self.pick).shown

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answers to one step: ``answers[round]``, of which the first output counts."""
        assert isinstance(facts, Facts)
        if len(answers) == 1 and answers[0]:  # the rounds of one prompt, as `predict` keeps them
            answers = [[each] for each in answers[0]]
        outputs = []
        for outputs_of_round in answers:
            if not outputs_of_round:
                break
            outputs.append(outputs_of_round[0])
        played = play(facts, outputs, self.pick)
        if played.stops:
            return stop(played.stops, self.metrics, _why(facts))
        if facts.lost:
            return nothing(facts.lost, self.metrics)
        if played.shown is not None:
            return nothing(UNANSWERED, self.metrics)
        if played.final is None:
            return nothing(NO_CHOICE, self.metrics)
        choice, chosen_operation, number = played.final
        wanted = gold_operation(facts)
        element = choice in facts.positives
        f1 = set_f1(chosen_operation, wanted, punctuation=self.punctuation)
        return Scored(
            SCORED,
            {
                "element_acc": float(element),
                "operation_f1": f1,
                "step_acc": float(element and f1 == 1),
            },
            answer=(number, 0),
            strict=element and chosen_operation == f"{facts.op} {_value(facts)}",
        )

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """Micro and macro means, shares of tasks by failed steps, means of websites."""
        found = of_steps(rows)
        tasks = {key: task for key, task in by_task(rows).items() if task}
        named = {"element_acc": "element_acc", "action_f1": "operation_f1", "step_acc": "step_acc"}
        means: dict[str, float | None] = {}
        for name, metric in named.items():
            means[name] = mean(row.scored.metrics[metric] for row in found)
        for name, metric in named.items():
            means[f"macro_{name}"] = mean(
                mean(scored.metrics[metric] for scored in task) for task in tasks.values()
            )
        shares: dict[str, int] = {}
        for task in tasks.values():
            failed = sum(not scored.metrics["step_acc"] for scored in task)
            key = str(failed) if failed <= 3 else ">3"
            shares[key] = shares.get(key, 0) + 1
        for key, count in shares.items():
            means[f"error_ratio.{key}"] = count / len(tasks)
        means["task_sr"] = shares.get("0", 0) / len(tasks) if tasks else None
        websites = {(row.file, row.task): row.website for row in found}
        for website in dict.fromkeys(websites.values()):
            own = [task for key, task in tasks.items() if websites[key] == website]
            means[f"acc_per_website.{website}"] = mean(
                mean(scored.metrics["step_acc"] for scored in task) for task in own
            )
            means[f"acc_per_website_tasks.{website}"] = len(own)
        means["reference_stops"] = stops_in(found)
        return means


def _value(facts: Facts) -> str:
    return "" if facts.op == "CLICK" else facts.value.strip()


def _why(facts: Facts) -> str:
    if any(one.place < 0 for one in facts.candidates):
        return "a candidate that is shown, or the positive, is not in the cleaned page"
    return "an empty answer"


def answer(protocol: MultiChoice, place: int | None, op: str, value: str) -> str:
    """The answer of a round, as a protocol reads it: the choice at a place, or none of them."""
    said = f"Action: {op}" + ("" if op == "CLICK" else f"\nValue: {value}")
    if protocol.pick is element_id:
        return "None" if place is None else f"Element: (a id={place})\n{said}"
    key = "Answer: " if protocol.pick is answer_letter else ""
    return key + ("A." if place is None else f"{chr(ord('B') + place)}.\n{said}")


def right_answers(facts: Facts, protocol: MultiChoice) -> list[str]:
    """The answer to each round that picks a positive wherever one is shown.

    A round without one is answered with none, unless the positive would then be left alone.
    """
    outputs: list[str] = []
    while (shown := protocol.next_round(facts, outputs)) is not None:
        at = next((at for at, one in enumerate(shown) if one.id in facts.positives), None)
        none = answer(protocol, None, "", "")
        if at is None and protocol.next_round(facts, [*outputs, none]) is None:
            at = 0
        outputs.append(answer(protocol, at, facts.op, facts.value))
    return outputs


MINDACT: Final = MultiChoice(
    "mind2web-multichoice/mindact",
    first_letter,
    punctuation=True,
    own_defects=(
        (
            "An answer that begins with a word is read by its first letter: `Because` picks B; a "
            "character before A counts from the end of the choices."
        ),
    ),
)
LLM: Final = MultiChoice(
    "mind2web-multichoice/llm",
    answer_letter,
    punctuation=True,
    own_defects=(
        "`Answer: Choose` picks C; an answer without `Answer: ` counts as none.",
        "A letter past the last choice takes the pick of an earlier round back.",
    ),
)
GENERATION: Final = MultiChoice(
    "mind2web-generation/mindact",
    element_id,
    punctuation=False,
    own_defects=(
        (
            "An answer without a number in its element, or with one out of range, picks the first "
            "choice: the reference means to compare texts, but compares with a pair."
        ),
    ),
)
