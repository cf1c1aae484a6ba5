"""A sample as text: what the model reads and what it should write, in ScribeAgent's format.

::

    Objective: <objective>                        4.
    URL: <url>                                    Description: <what the step does>
    Observation: <pruned page>                    Action: mouse_click_action
    Step-by-step guide:                           Node: 832 832 832 832 832
    <steps before, each like the completion>      Target: <start tag of the target>

An observation that is a text, a line an element, begins on a line of its own, and ``Node`` and
``Target`` are the id and the line of the target.

The completion repeats the node id, so that the loss weighs it more: five times, with spaces, in the
reference's final dataset. The steps before carry it once, because the reference collects them
before it repeats the id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.actions import KINDS

if TYPE_CHECKING:  # an agent prunes pages without Arrow
    from schemas.samples import Sample

SYSTEM: Final = "Help achieve the objective by generating the next step."

REPEATS: Final = 5
"""How often the completion gives the node id."""

ACTIONS: Final[dict[str, str]] = {kind.name: kind.prompt_word for kind in KINDS.values()}
"""Kind of action -> its word in the text.

The reference has words for click, type and press only. Other kinds of the mouse and the keyboard
are named in the same way; all others are ``<kind>_action``, such as ``select_action``.
"""

_BREAKS: Final = re.compile(r"\s*[\r\n]+\s*")


def one_line(text: str) -> str:
    """``text`` on one line: each line break, with the white space around it, becomes one space."""
    return _BREAKS.sub(" ", text) if "\n" in text or "\r" in text else text


def action_name(kind: str) -> str:
    """The word for a kind of action. Unknown kinds, which only the history has, get one like it."""
    return ACTIONS.get(kind) or (kind if kind.endswith("_action") else f"{one_line(kind)}_action")


def step_text(
    number: int, description: str, kind: str, target_id: str, target_html: str, repeats: int = 1
) -> str:
    """One step as text, ending in a line break.

    number: from 1. target_id: empty for an action without element, which gets no Node and no Target
    line. repeats: how often the id is written, 1 in the history and `REPEATS` in the completion.
    """
    head = f"{number}.\nDescription: {one_line(description)}\nAction: {action_name(kind)}\n"
    if not target_id:
        return head
    return f"{head}Node: {' '.join([target_id] * repeats)}\nTarget: {one_line(target_html)}\n"


def observation_of(user: str) -> str:
    """The observation in a whole prompt (`Prompt.user`); empty if it has none.

    The history is on lines that begin otherwise, so its heading is the last one like it.
    """
    before, _, rest = user.partition("\nObservation:")
    return rest[1:].rpartition("\nStep-by-step guide:\n")[0] if before else ""


def target_of(completion: str) -> str:
    """The target's start tag in a completion; empty if it has none.

    For views that have only a sample's tokens.
    """
    return completion.partition("\nTarget: ")[2].partition("\n")[0]


@dataclass(frozen=True)
class Prompt:
    """How samples become text."""

    # the system message
    system: str = SYSTEM
    # how often the completion gives the node id
    repeats: int = REPEATS

    def frame(self, sample: Sample) -> tuple[str, str]:
        """The text before the observation and the text after it.

        The first ends in a space that follows a non-space, or in a line break before a text, so it
        may be split off (`splits`).
        """
        end = " " if sample.observation_kind == "html" else "\n"
        before = (
            f"Objective: {one_line(sample.objective)}\nURL: {one_line(sample.url)}\n"
            f"Observation:{end}"
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
            sample.target_id,
            sample.target_html,
            self.repeats,
        )
