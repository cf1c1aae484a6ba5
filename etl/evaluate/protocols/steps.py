"""Ours: `exact` and `exact-calibrated` as the ScribeAgent paper has them, and `strict`.

An answer is a step as completions write it. Its element is the first id behind ``Node:``, its kind
the word behind ``Action:``, its value what its description quotes where the right one quotes the
value. Of several answers the one counts whose element and kind most others share, over all chunks;
of equally many, the first.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from etl.evaluate.facts.steps import FAMILY, Facts
from etl.evaluate.protocols.protocol import (
    NO_ANSWER,
    SCORED,
    Answers,
    Row,
    Scored,
    mean,
    nothing,
    of_steps,
)
from schemas.actions import KINDS, each
from tokenization.prompt import action_name, one_line

NOT_HELD: Final = "target_not_in_text"

_DESCRIPTION: Final = re.compile(r"^Description: (.*)$", re.MULTILINE)
_ACTION: Final = re.compile(r"^Action: *(\S+)", re.MULTILINE)
_NODE: Final = re.compile(r"^Node: *(\S+)", re.MULTILINE)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SEVERAL: Final = ("select", "deselect", "upload")


class Read(NamedTuple):
    """An answer that was read."""

    description: str
    action: str
    # empty for an answer without element
    id: str


def read(answer: str) -> Read | None:
    """An answer's parts; None if it names no action."""
    action = _ACTION.search(answer)
    if action is None:
        return None
    description, node = _DESCRIPTION.search(answer), _NODE.search(answer)
    return Read(description[1] if description else "", action[1], node[1] if node else "")


def says(facts: Facts, description: str) -> bool:
    """Whether a description says the value of a step, exactly; so does any if there is no value.

    The value stands where the right description has it, else it is the first quoted text. A value
    that the right description has without quotes must end the description.
    """
    kind = KINDS.get(facts.kind)
    if not facts.value or (kind is not None and kind.value == "none"):
        return True
    wanted = each(facts.value) if facts.kind in _SEVERAL else (facts.value,)
    right = _DESCRIPTION.search(facts.text)
    at = 0
    if right is not None:
        if description.strip() == right[1].strip():
            return True
        places = _places(_texts(right[1]), wanted)
        if places is None:
            last = one_line(facts.value)
            return description.rstrip(" .").endswith(f" {last.rstrip(' .')}")
        at = places
    return tuple(_texts(description)[at : at + len(wanted)]) == tuple(wanted)


def _places(texts: Sequence[str], wanted: Sequence[str]) -> int | None:
    for at in range(len(texts) - len(wanted) + 1):
        if tuple(texts[at : at + len(wanted)]) == tuple(wanted):
            return at
    return None


def _texts(description: str) -> list[str]:
    """The quoted texts of a description: JSON strings, or what stands between quotes."""
    texts = []
    for quoted in _QUOTED.findall(description):
        try:
            texts.append(str(json.loads(quoted)))
        except ValueError:
            texts.append(quoted[1:-1])
    return texts


@dataclass(frozen=True, slots=True)
class Exact:
    """Element and kind are equal; `strict` asks for the value too."""

    name: str
    # only the steps count whose given text holds the target
    calibrated: bool = False
    # the value counts too
    value: bool = False
    family: str = FAMILY
    defects: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The one of its name first."""
        return ("strict" if self.value else "exact", "element", "kind")

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answers to one step. facts: of `steps`, or what holds such as its ``step``."""
        step: Facts = getattr(facts, "step", facts)
        if self.calibrated and not step.held:
            return Scored(NOT_HELD, dict.fromkeys(self.metrics), strict=None)
        chosen = _chosen(answers)
        if chosen is None:
            return nothing(NO_ANSWER, self.metrics)
        place, answer = chosen
        element = is_element(step, answer.id)
        kind = answer.action == action_name(step.kind)
        strict = element and kind and says(step, answer.description)
        right = strict if self.value else element and kind
        return Scored(
            SCORED,
            dict(zip(self.metrics, map(float, (right, element, kind)), strict=True)),
            node=number(answer.id),
            answer=place,
            strict=strict,
        )

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """Means over all steps; with `exact` the calibrated figure and the share of its steps."""
        steps = of_steps(rows)
        means = {name: mean(row.scored.metrics[name] for row in steps) for name in self.metrics}
        if not self.calibrated:
            return means
        held = [row for row in steps if row.scored.outcome != NOT_HELD]
        return {**means, "share": len(held) / len(steps) if steps else None}


def is_element(step: Facts, name: str) -> bool:
    """Whether an id is an acceptable element; no id, if the action has none."""
    if not step.nodes and not step.refs:
        return not name
    return name in step.refs or number(name) in step.nodes


def number(name: str) -> int | None:
    """A node id as a number."""
    return int(name) if name.isdecimal() and len(name) < 20 else None


def _chosen(answers: Answers) -> tuple[tuple[int, int], Read] | None:
    """The answer that most others agree with, and its place."""
    read_ones = [
        ((chunk, at), found)
        for chunk, outputs in enumerate(answers)
        for at, output in enumerate(outputs or ())
        if (found := read(output)) is not None
    ]
    if len(read_ones) < 2:
        return read_ones[0] if read_ones else None
    votes = Counter((found.id, found.action) for _, found in read_ones)
    most = max(votes.values())
    return next(one for one in read_ones if votes[one[1].id, one[1].action] == most)


def right_answer(facts: Facts) -> str:
    """The completion that training has, or one that says the same."""
    if facts.text:
        return facts.text
    node = facts.refs[0] if facts.refs else str(facts.nodes[0]) if facts.nodes else ""
    kind = KINDS.get(facts.kind)
    verb = kind.verb if kind is not None else facts.kind
    value = ", ".join(json.dumps(text, ensure_ascii=False) for text in _wanted(facts))
    head = f"1.\nDescription: {verb} {value}\nAction: {action_name(facts.kind)}\n"
    return f"{head}Node: {node}\nTarget: <a>\n" if node else head


def _wanted(facts: Facts) -> Sequence[str]:
    if not facts.value:
        return ()
    return each(facts.value) if facts.kind in _SEVERAL else (facts.value,)
