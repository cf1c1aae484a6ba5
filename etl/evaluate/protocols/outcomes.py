"""What the outcomes of rows mean, in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.evaluate.protocols import (
    mind2web_direct_older,
    mind2web_multichoice,
    protocol,
    steps,
    webarena,
    weblinx,
)

MISSING: Final = "no_prediction"
"""The outcome of a step none of whose prompts has a prediction, whatever the protocol."""

OUTCOMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        protocol.SCORED: "An answer was read and scored.",
        protocol.NO_ANSWER: "There is no answer, or none that can be read; it counts 0.",
        "gold_not_in_page": "No element that was meant is on the page, or none was; it counts 0.",
        "gold_pruned": "Pruning removes every element that was meant; it counts 0.",
        mind2web_direct_older.LOST: (
            "No element that was meant is on the pruned page, or none was; it counts 0."
        ),
        mind2web_direct_older.NO_TABLE: (
            "The set has no score table, so nothing is said of candidates."
        ),
        "no_positive_in_top_k": "No element that was meant is of a rank under 50; it counts 0.",
        "single_candidate_not_asked": "There is one candidate, which is never asked; it counts 0.",
        mind2web_multichoice.NO_CHOICE: "No choice was made, or it is void; it counts 0.",
        mind2web_multichoice.UNANSWERED: "A round that was to be shown has no answer; it counts 0.",
        weblinx.LEFT_OUT: "The reference leaves the turn out; it is in no mean.",
        webarena.NEEDS_LLM: "Only a language model can tell; it is undecided.",
        webarena.NEEDS_PAGE: "Only the page's content can tell; it is undecided.",
        webarena.OTHER: "The task has evaluators of another kind; it is undecided.",
        webarena.NOT_APPLICABLE: "The task is not evaluated in this way; it is in no mean.",
        steps.NOT_HELD: "The given text does not hold the target; it is in no calibrated mean.",
        MISSING: "None of its prompts has a prediction; it counts as a wrong answer.",
        protocol.NO_STEPS: "It stands for a task without steps; it counts in means over tasks.",
        f"{protocol.STOPS}...": (
            "The reference stops with this exception, and gives no number for the whole file; here "
            "the row counts 0, and the others go on."
        ),
    }
)
"""Each outcome and its meaning."""


def meaning(outcome: str) -> str:
    """The meaning of an outcome."""
    return OUTCOMES[f"{protocol.STOPS}..." if outcome.startswith(protocol.STOPS) else outcome]
