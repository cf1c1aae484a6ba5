"""Steps that are asked in rounds: what is shown next depends on how a protocol reads the answers.

A round's prompt is the step's own, with the choices at its end and the form of the answer that the
protocol reads. So the page, the objective and the steps before are those of training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Final

import orjson

from etl.evaluate.facts import mind2web_multichoice
from etl.evaluate.facts.mind2web_multichoice import Candidate, Facts, as_choices
from etl.evaluate.files import EvalSet
from etl.evaluate.predictions import Outputs
from etl.evaluate.protocols.known import KNOWN, fits, protocol
from etl.evaluate.protocols.mind2web_multichoice import GENERATION, LLM, MINDACT, MultiChoice
from etl.files.arrow import atomic
from schemas.errors import ConfigError

Messages = Sequence[Mapping[str, str]]

_ASKED: Final = (
    "Which of these elements comes next? If it is none of them, choose {none}.\n{choices}\n"
    "{form}\nAction: CLICK, SELECT or TYPE\nValue: what is selected or typed; no such line for "
    "CLICK\n"
)
_FORMS: Final = {
    MINDACT.name: "Begin your answer with the letter:\nB.",
    LLM.name: "Answer in this form:\nAnswer: B.",
    GENERATION.name: "Answer None, or in this form:\nElement: the element as it stands above",
}
"""How each protocol wants its answers."""


@dataclass(frozen=True)
class Rounds:
    """How the steps of a family are asked in rounds."""

    protocol: MultiChoice

    def read(self, facts: str) -> Facts:
        """The facts of a step, of their JSON."""
        return mind2web_multichoice.read(facts)

    def next(self, facts: Facts, answers: Sequence[str], messages: Messages) -> Messages | None:
        """The messages of the next round; None: the step is over.

        answers: those so far. messages: the step's own.
        """
        shown = self.protocol.next_round(facts, answers)
        if shown is None:
            return None
        *before, last = messages
        return [*before, {"role": last["role"], "content": last["content"] + self._asked(shown)}]

    def _asked(self, shown: Sequence[Candidate]) -> str:
        lines = as_choices(shown)
        none = "None"
        if self.protocol is not GENERATION:
            none = "A"
            lines = ["None of these", *lines]
            lines = [
                f"{letter}. {line}" for letter, line in zip(ascii_uppercase, lines, strict=False)
            ]
        form = _FORMS[self.protocol.name]
        return _ASKED.format(none=none, choices="\n".join(lines), form=form)


def rounds_of(family: str, name: str) -> Rounds | None:
    """How a family is asked in rounds; None: its prompts stand in the set.

    name: of the protocol by which answers are read.

    Raises:
        ConfigError: the family is asked in rounds, and no protocol says how, or it does not fit.
    """
    if not name:
        fitting = [each.name for each in KNOWN if fits(each, family)]
        if family == mind2web_multichoice.FAMILY:
            raise ConfigError(
                f"{family}: what is shown next depends on how answers are read; say by which "
                f"protocol: --protocol {' or '.join(fitting)}"
            )
        return None
    chosen = protocol(name, family)
    return Rounds(chosen) if isinstance(chosen, MultiChoice) else None


def write_next(
    eval_set: EvalSet, rounds: Rounds, outputs: Mapping[str, Outputs], out: Path
) -> dict[str, int]:
    """Write the prompts of the next round of each step, for a harness of one's own.

    Lines are ``{"id", "round", "messages"}``; a harness answers ``{"id", "round", "output"}``.
    outputs: the answers so far. Returns the numbers of prompts and of steps that are over.
    """
    counts = {"prompts": 0, "over": 0}
    with atomic(out) as stream:
        for row in eval_set.rows(("id", "chunks", "messages", "facts")):
            if not row["chunks"]:
                continue
            said = [each for each in outputs.get(row["id"], ()) if each is not None]
            messages = rounds.next(rounds.read(row["facts"]), said, row["messages"])
            counts["over" if messages is None else "prompts"] += 1
            if messages is not None:
                line = {"id": row["id"], "round": len(said), "messages": messages}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    return counts
