"""Answers as actions, and actions as answers: `read` is the inverse of `write`.

An answer names the kind and the element on lines of their own. What was typed, chosen or pressed,
the button, the keys that are held and where a drag ends stand in its description, as
`etl.stages.wording` writes it. A description in a recorder's own words has the value in quotes, or
after a colon.

Beside the kinds of actions an answer may be of the kind `EXPAND`: a model wants to see what the
observation cut at a node. No recording has it, and no browser does it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Final

from etl.serve.observe import Observation
from etl.serve.values import Said, said
from etl.stages.wording import phrased, quoted
from schemas.actions import KINDS, nearest
from schemas.errors import AnswerError
from schemas.workflow import Action
from tokenization.prompt import ACTIONS, action_name, step_text

EXPAND: Final = "expand"
"""The kind of an answer that `Observation.expand` carries out."""

_LINE: Final = re.compile(r"(Description|Action|Node|Target): ?(.*)")
_BREAK: Final = re.compile(r"\r\n|\r|\n")
_NUMBER: Final = re.compile(r"\s*(\d{1,9})\.")
_ON_ELEMENT: Final = {
    word: tuple(kind for kind, name in ACTIONS.items() if name == word and KINDS[kind].action)
    for word in ACTIONS.values()
}
"""Word of an answer -> the kinds it stands for: several where an element makes the difference."""


@dataclass(frozen=True)
class Answer:
    """What a model wants done."""

    # one of `schemas.actions.KINDS`, or `EXPAND`
    kind: str
    # id of the element in the observation, or of the place to expand; -1: none
    node: int = -1
    # what is typed, chosen or pressed, exactly; several options or files as a JSON list
    value: str = ""
    # in words; empty: `write` finds some
    description: str = ""
    # of the mouse, where the kind does not say it: left unless it is given
    button: str = ""
    # keys that are held, by their DOM names
    modifiers: tuple[str, ...] = ()
    # id of the element on which a drag ends; -1: none
    destination: int = -1
    # the start tag of the element, as the model has it
    target: str = ""
    # of the step, from 1
    number: int = 1


def write(answer: Answer, observation: Observation | None, repeats: int) -> str:
    """An answer as a model learns to write it.

    observation: from which labels and start tags are taken that the answer lacks. repeats: how
    often the node id is written.
    """
    target = answer.target or _start_tag(answer.node, observation)
    end = ""
    if answer.destination >= 0:
        label = _label(answer.destination, observation)
        end = f"to node {answer.destination}{f' {label}' if label else ''}"
    action = Action(answer.kind, answer.value, "", answer.button, answer.modifiers)
    words = answer.description or phrased(action, _label(answer.node, observation) or "", end)
    node = str(answer.node) if answer.node >= 0 else ""
    return step_text(answer.number, words, answer.kind, node, target, repeats)


def read(text: str, observation: Observation | None) -> Answer:
    """The action that an answer says.

    observation: what the model saw; it has to hold the node.

    Raises:
        AnswerError: the text is no answer; it says what is wrong.
    """
    lines = _lines(text)
    word = lines.get("Action", "").strip()
    if not word:
        raise AnswerError("no_action", f"no line begins with Action: {text[:200]!r}")
    node, target = _node(lines), lines.get("Target", "").strip()
    kind = _kind(word, on_element=node >= 0)
    if node < 0 and (kind == EXPAND or KINDS[kind].element == "needed"):
        raise AnswerError("no_node", f"a {kind} needs an element, and no line begins with Node")
    description = lines.get("Description", "").strip()
    if kind == EXPAND:
        found = Said("")
        if observation is not None:
            observation.cut_at(node)  # it says what is wrong
    else:
        _check(node, observation)
        found = said(kind, description, node >= 0, _label(node, observation))
        _check(found.destination, observation)
    number = _NUMBER.match(text)
    return Answer(
        kind,
        node,
        found.value,
        description,
        found.button,
        found.modifiers,
        found.destination,
        target,
        int(number[1]) if number else 1,
    )


def numbered(answer: Answer, number: int) -> Answer:
    """The answer as a step with this number."""
    return replace(answer, number=number)


def _lines(text: str) -> dict[str, str]:
    """The lines of an answer by what they begin with."""
    found = [hit for line in _BREAK.split(text) if (hit := _LINE.fullmatch(line))]
    often = [name for name, times in Counter(hit[1] for hit in found).items() if times > 1]
    if often:
        raise AnswerError(
            "several_steps",
            f"{often[0]} begins several lines; one step is an answer: {text[:200]!r}",
        )
    return {hit[1]: hit[2] for hit in found}


def _kind(word: str, *, on_element: bool) -> str:
    if word == action_name(EXPAND):
        return EXPAND
    kinds = _ON_ELEMENT.get(word, ())
    if not kinds:
        near = nearest(word.removesuffix("_action"))
        hint = f"the nearest is {ACTIONS[near]}" if near in ACTIONS else "none is near"
        raise AnswerError("unknown_action", f"{word[:100]!r} is no action; {hint}")
    taken = [kind for kind in kinds if (KINDS[kind].element != "none") == on_element]
    return (taken or kinds)[0]


def _node(lines: dict[str, str]) -> int:
    """The node that an answer names; -1: none."""
    ids = lines.get("Node", "").split()
    if not ids:
        return -1
    if len(set(ids)) > 1:
        raise AnswerError("several_nodes", f"it names different nodes: {' '.join(ids)[:200]}")
    if not (ids[0].isascii() and ids[0].isdigit() and len(ids[0]) < 10):
        raise AnswerError("no_node", f"{ids[0][:100]!r} is no node id; an id is a number")
    return int(ids[0])


def _check(node: int, observation: Observation | None) -> None:
    if node >= 0 and observation is not None and node not in observation.nodes:
        raise AnswerError(
            "node_not_in_observation", f"the observation shows no node {node} that can be acted on"
        )


def _label(node: int, observation: Observation | None) -> str | None:
    """A node's label in quotes; empty: it has none; None: nobody knows."""
    if node < 0:
        return ""
    if observation is None:
        return None
    shown = observation.nodes.get(node)
    return None if shown is None else quoted(shown.name) if shown.name else ""


def _start_tag(node: int, observation: Observation | None) -> str:
    shown = observation.nodes.get(node) if observation is not None else None
    return shown.start_tag if shown else ""
