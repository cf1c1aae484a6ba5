"""A sample as text: what the model reads and what it is to write, in ScribeAgent's format.

::

    Objective: <objective>                        4.
    URL: <url>                                    Description: <what the step does>
    Observation: <pruned page>                    Action: mouse_click_action
    Step-by-step guide:                           Node: 832 832 832 832 832
    <steps before, each like the completion>      Target: <start tag of the target>

The completion repeats the node id (five times, with spaces, in the reference's final dataset, so
that the loss weighs it more); the steps before carry it once (the reference collects them before it
repeats the id).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from schemas.actions import KINDS
from schemas.samples import Sample

SYSTEM: Final = "Help achieve the objective by generating the next step."

REPEATS: Final = 5

ACTIONS: Final[dict[str, str]] = {kind.name: kind.prompt_word for kind in KINDS.values()}
"""Our kind of action -> the word in the text. The reference has those of click, type and press
only; the others are named after the same device in the same way, or ``<kind>_action``:
``select_action``.
"""

_BREAKS: Final = re.compile(r"\s*[\r\n]+\s*")


def one_line(text: str) -> str:
    """``text`` with every line break, and the white space around it, as one space: a field is one
    line.
    """
    return _BREAKS.sub(" ", text) if "\n" in text or "\r" in text else text


def action_name(kind: str) -> str:
    """The word for a kind of action. A kind on no list, in the history only,
    is written like one.
    """
    return ACTIONS.get(kind) or (kind if kind.endswith("_action") else f"{one_line(kind)}_action")


def step_text(
    number: int, description: str, kind: str, node: int, target_html: str, repeats: int = 1
) -> str:
    """One step as text, ending in a line break.

    number: from 1. node: -1 for an action without element, which has no Node and no Target line.
    repeats: how often the node id is written; 1 for the steps before, `REPEATS` for the completion.
    """
    head = f"{number}.\nDescription: {one_line(description)}\nAction: {action_name(kind)}\n"
    if node < 0:
        return head
    return f"{head}Node: {' '.join([str(node)] * repeats)}\nTarget: {one_line(target_html)}\n"


def target_of(completion: str) -> str:
    """The start tag in a completion, for showing it where there is no more than tokens; empty if it
    has none.
    """
    _, found, rest = completion.partition("\nTarget: ")
    return rest.partition("\n")[0] if found else ""


@dataclass(frozen=True)
class Prompt:
    """How samples become text. system: the system message. repeats: of the node id in the
    completion.
    """

    system: str = SYSTEM
    repeats: int = REPEATS

    def frame(self, sample: Sample) -> tuple[str, str]:
        """What stands before and after the observation; the first part ends in a space after a
        non-space.
        """
        before = (
            f"Objective: {one_line(sample.objective)}\nURL: {one_line(sample.url)}\nObservation: "
        )
        return before, "\nStep-by-step guide:\n" + "".join(sample.history)

    def user(self, sample: Sample) -> str:
        """The whole prompt."""
        before, after = self.frame(sample)
        return before + sample.observation + after

    def completion(self, sample: Sample) -> str:
        """The step to be predicted."""
        return step_text(
            sample.step,
            sample.description,
            sample.action_kind,
            sample.node,
            sample.target_html,
            self.repeats,
        )
