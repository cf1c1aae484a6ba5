"""`mind2web-direct/scribeagent-v1`: the reference's older scripts, with ``-intent``, ``-subtree``
and ``-mcq``, which differ in when an element is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from etl.evaluate.facts.mind2web_direct import FAMILY, Facts
from etl.evaluate.protocols.mind2web_direct import CLICKS, METRICS, is_class, strict
from etl.evaluate.protocols.protocol import (
    NO_STEPS,
    SCORED,
    STOPPED,
    Answers,
    Row,
    Scored,
    mean,
    of_steps,
    stop,
    stops_in,
)
from etl.evaluate.runs import holds
from etl.evaluate.texts import plain_words, set_f1

LOST: Final = "gold_not_in_pruned_page"
NO_TABLE: Final = "no_score_table"
NO_GOLD: Final = "no_gold"
"""The group of the rows without gold nodes, which the last count of `-mcq` lets pass."""

Way = Literal["", "intent", "subtree", "mcq"]

NAMES: Final[dict[Way, tuple[str, str, str]]] = {
    "": ("element_accuracy", "step_success", "tasks_successful"),
    "intent": ("element_accuracy", "step_success", "tasks_successful"),
    "subtree": ("subtree_element_accuracy", "subtree_step_success", "tasks_successful_subtree"),
    "mcq": ("mcq", "mcq_step", "tasks_successful_mcq"),
}
"""The reference's names of the means of EA and step SR, and of the count of tasks."""

DEFECTS: Final = (
    "Typed text and the chosen option are never compared: a step with the wrong text succeeds.",
    (
        "An id that is followed by a line break is not read, so that an answer that gives it once "
        "is thrown away."
    ),
    (
        "Operation and description are joined without a space in one of the comparisons of F1, "
        "and F1 is not 1 for a success."
    ),
    "Task numbers start again in each file, so the first tasks of two files are one task.",
    "The data set cannot be made if the very first step of a run is lost.",
    STOPPED,
)
_OWN_DEFECTS: Final[dict[Way, tuple[str, ...]]] = {
    "": (),
    "intent": (
        (
            "No intents are compared: an element is right, too, if its markup holds a node number "
            "that begins with the backend id of the last gold element, which is another kind of "
            "id."
        ),
    ),
    "subtree": ("Any element inside of a gold element is right.",),
    "mcq": (
        (
            "An element is mapped to the first candidate around it in the order of the score "
            "table, not by rank, so that a large element that stands early takes all that is in "
            "it."
        ),
    ),
}


class Vote(NamedTuple):
    """The id with most votes, and the longest of its answers, the first of equally long ones."""

    node: int
    place: tuple[int, int]
    answer: str


def vote(answers: Answers) -> Vote | None:
    """Let all answers vote; None if none can be read, where the reference stops."""
    read: dict[int, list[Vote]] = {}
    for chunk, outputs in enumerate(answers):
        for at, answer in enumerate(outputs or ()):
            parts = answer.split("Node: ", 2)
            if len(parts) < 2:
                continue
            try:
                node = int(parts[1].partition(" ")[0])
            except ValueError:
                continue
            read.setdefault(node, []).append(Vote(node, (chunk, at), answer))
    if not read:
        return None
    winner = max(read, key=lambda node: (len(read[node]), node))
    return max(read[winner], key=lambda one: len(one.answer))


class Read(NamedTuple):
    """What is read of an answer."""

    description: str
    action: str
    # what stands behind `Target: `; None without such a line
    target: str | None


def read(answer: str) -> Read | None:
    """An answer's parts, once mouse clicks on inputs are made keyboard actions.

    None where the reference stops: a key is missing.
    """
    said, action = _behind(answer, "Description: "), _behind(answer, "\nAction: ")
    tag, node = _behind(answer, "Target: <"), _behind(answer, "\nNode: ")
    if said is None or action is None or tag is None or node is None:
        return None
    said, action = said.partition("\nAction:")[0], action.partition("\nNode:")[0]
    typed = tag.partition(" ")[0].strip() in ("input", "textarea")
    if typed and action == "mouse_click_action":
        action = "keyboard_sequence_action"
    before = answer.partition("Description: ")[0]
    mended = f"{before}Description: {said}\nAction: {action}\nNode: {node}"
    first = _behind(mended, "Action: ")
    assert first is not None, "it was put there"
    _, key, target = mended.partition("\nTarget: ")
    return Read(said.strip(), first.partition("\nNode:")[0], target if key else None)


def _behind(text: str, key: str) -> str | None:
    """What stands between the first two of a key; None if there is none."""
    parts = text.split(key, 2)
    return parts[1] if len(parts) > 1 else None


@dataclass(frozen=True, slots=True)
class OlderDirect:
    """The older evaluation."""

    name: str
    # when an element is right; "": if it is a gold element
    way: Way = ""
    family: str = FAMILY
    metrics: tuple[str, ...] = METRICS

    @property
    def defects(self) -> tuple[str, ...]:
        """What is reproduced although it is wrong."""
        return (*_OWN_DEFECTS[self.way], *DEFECTS)

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answers to one step."""
        assert isinstance(facts, Facts)
        older = facts.older
        group = "" if older.gold else NO_GOLD
        element = _element(facts)
        if element is None:
            return stop("AttributeError", self.metrics, "no ` ->` in the line", group=group)
        chosen = vote(answers)
        if chosen is None:
            return stop("IndexError", self.metrics, "no answer can be read", group=group)
        parts = read(chosen.answer)
        lost = bool(older.lost)
        if parts is None and (self.way == "mcq" or not lost):
            return stop("IndexError", self.metrics, "a key is missing in the answer", group=group)
        if parts is None or lost:
            zeros = dict.fromkeys(self.metrics, 0.0)
            return Scored(LOST, zeros, chosen.node, chosen.place, group=group)
        if parts.target is None and not holds(older.kept, chosen.node):
            return stop("AttributeError", self.metrics, "no line with Target", group=group)
        if self.way == "mcq" and (older.mcq is None or older.table_stops):
            if older.mcq is None:
                return Scored(NO_TABLE, dict.fromkeys(self.metrics), strict=None, group=group)
            return stop(
                "KeyError", self.metrics, "the score table has an unknown element", group=group
            )
        right = self._is_right(facts, chosen.node, parts)
        agrees = is_class(facts.op, parts.action)
        return Scored(
            SCORED,
            {
                "ea": float(right),
                "f1": _f1(facts.op, element, parts.description, agrees=agrees),
                "step_sr": float(right and agrees),
            },
            node=chosen.node,
            answer=chosen.place,
            strict=strict(facts, chosen.node, chosen.answer),
            group=group,
        )

    def _is_right(self, facts: Facts, node: int, parts: Read) -> bool:
        older = facts.older
        if self.way == "subtree":
            return holds(older.subtree, node)
        if self.way == "mcq":
            return older.mcq is not None and holds(older.mcq, node)
        if node in older.gold:
            return True
        if self.way == "intent":
            if node in facts.gold:  # elements with the same backend id are one for the reference
                return True
            if holds(older.kept, node):
                return holds(older.intent, node)
            return f'node="{older.backend}' in (parts.target or "")
        return False

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """Means over all rows, and the number of tasks whose rows all have EA 1.

        Tasks are told apart by their place in their file, in the order of the rows.
        """
        found = of_steps(rows)
        places: dict[str, dict[str, int]] = {}
        tasks: dict[int, list[Scored]] = {}
        for row in rows:
            in_file = places.setdefault(row.file, {})
            place = in_file.setdefault(row.task, len(in_file))
            if row.scored.outcome != NO_STEPS:
                tasks.setdefault(place, []).append(row.scored)
        ea, step, successes = NAMES[self.way]
        means: dict[str, float | None] = {
            ea: mean(row.scored.metrics["ea"] for row in found),
            "f1": mean(row.scored.metrics["f1"] for row in found),
            step: mean(row.scored.metrics["step_sr"] for row in found),
            successes: sum(all(map(_succeeds, task)) for task in tasks.values()),
            "reference_stops": stops_in(found)
            + sum(row.scored.outcome == LOST for row in found[:1]),
        }
        if self.way == "mcq":
            means[f"{successes}_without_invalid"] = float(
                sum(
                    all(_succeeds(scored) or scored.group == NO_GOLD for scored in task)
                    for task in tasks.values()
                )
            )
        return means


def _succeeds(scored: Scored) -> bool:
    return scored.metrics["ea"] == 1


def _element(facts: Facts) -> str | None:
    """The gold element's words or the typed text; None where the reference stops."""
    if facts.op not in CLICKS:
        return facts.value.strip()
    line = facts.action_repr
    start, end = line.find("] "), line.find(" ->")
    return None if start < 0 or end < 0 else line[start + 2 : end].strip()


def _f1(op: str, element: str, said: str, *, agrees: bool) -> float:
    line = f" {element} -> {op}"
    words = set_f1(plain_words(f'{op} "{element}"'), plain_words(said))
    glued = set_f1(line, op + said) if agrees else 0.0
    return max(words, glued, set_f1(line, said))
