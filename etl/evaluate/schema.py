"""A row of an evaluation set: one prompt, what is right about it, and what scoring needs.

The rows of one step lie together, its chunks from left to right, as ScribeAgent asks them. A step
that no model is asked about, because it has no page, its page does not fit or the page holds none
of its gold elements, is a row too, so that no mean loses it: its ``messages`` are empty, and
``chunks`` is 0. ``facts``, all that scoring needs of a step, stands on its first row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from schemas.tokens import Tokens

FORMAT: Final = 1
"""Version of the layout of an evaluation set."""

MESSAGE: Final = pa.struct([("role", pa.string()), ("content", pa.large_string())])
GOLD: Final = pa.struct(
    [
        ("nodes", pa.list_(pa.int64())),
        ("operation", pa.string()),
        ("value", pa.large_string()),
        ("text", pa.large_string()),
        ("in_chunk", pa.bool_()),
    ]
)
CANDIDATE: Final = pa.struct(
    [
        ("node", pa.int64()),
        ("id", pa.string()),
        ("rank", pa.int32()),
        ("score", pa.float64()),
        ("positive", pa.bool_()),
    ]
)

EVAL_SCHEMA: Final = pa.schema(
    [
        ("id", pa.string()),
        ("step_id", pa.string()),
        ("workflow_id", pa.string()),
        ("split", pa.string()),
        ("website", pa.string()),
        ("domain", pa.string()),
        ("topic", pa.string()),
        ("objective", pa.large_string()),
        ("url", pa.string()),
        ("step", pa.int32()),
        ("steps", pa.int32()),
        ("chunk", pa.int32()),
        ("chunks", pa.int32()),
        ("kind", pa.string()),
        ("messages", pa.list_(MESSAGE)),
        ("input_ids", pa.list_(pa.int32())),
        ("page_tokens", pa.int32()),
        ("context", pa.int32()),
        ("gold", GOLD),
        ("candidates", pa.list_(CANDIDATE)),
        ("facts", pa.large_string()),
    ]
)
"""The Arrow files of an evaluation set."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An element that a multiple-choice protocol may show."""

    # its node id in the page; -1 if it is not there
    node: int
    # the source's own id
    id: str
    # from 0; None: it has none
    rank: int | None = None
    score: float | None = None
    positive: bool = False

    def as_row(self) -> dict[str, Any]:
        """For `CANDIDATE`."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, eq=False)
class Prompted:
    """One prompt of a step: a chunk of its page, with all that goes around it."""

    # system and user, as ``{"role", "content"}``
    messages: Sequence[Mapping[str, str]]
    # int32, up to where the answer begins
    input_ids: Tokens
    # whether it holds a gold element
    in_chunk: bool


@dataclass(frozen=True, slots=True)
class EvalStep:
    """A step of an evaluation set, with its prompts."""

    step_id: str
    workflow_id: str
    split: str
    objective: str
    # number in the workflow
    step: int
    # the number of steps of the workflow
    steps: int
    # a chunk each, from left to right; none: nobody is asked
    prompts: Sequence[Prompted]
    # all that scoring needs, as JSON
    facts: str
    kind: str = ""
    website: str = ""
    domain: str = ""
    topic: str = ""
    url: str = ""
    # of the whole page
    page_tokens: int = 0
    # the most tokens of a sample, prompt and completion together
    context: int = 0
    # node ids of all elements that are right
    nodes: Sequence[int] = ()
    operation: str = ""
    value: str = ""
    # the completion that training has; empty: there is none
    text: str = ""
    candidates: Sequence[Candidate] = field(default_factory=tuple)
    # why nobody is asked, in a word; in no row
    unasked: str = ""

    def rows(self) -> list[dict[str, Any]]:
        """Its rows, of `EVAL_SCHEMA`: one a prompt, or the one of a step that is not asked."""
        shared = {
            "step_id": self.step_id,
            "workflow_id": self.workflow_id,
            "split": self.split,
            "website": self.website,
            "domain": self.domain,
            "topic": self.topic,
            "objective": self.objective,
            "url": self.url,
            "step": self.step,
            "steps": self.steps,
            "chunks": len(self.prompts),
            "kind": self.kind,
            "page_tokens": self.page_tokens,
            "context": self.context,
        }
        gold = {
            "nodes": list(self.nodes),
            "operation": self.operation,
            "value": self.value,
            "text": self.text,
        }
        several = len(self.prompts) > 1
        rows = [
            {
                **shared,
                "id": f"{self.step_id}#{number}" if several else self.step_id,
                "chunk": number,
                "messages": [dict(message) for message in each.messages],
                "input_ids": each.input_ids,
                "gold": gold | {"in_chunk": each.in_chunk},
            }
            for number, each in enumerate(self.prompts)
        ] or [
            {
                **shared,
                "id": self.step_id,
                "chunk": 0,
                "messages": [],
                "input_ids": [],
                "gold": gold | {"in_chunk": False},
            }
        ]
        for number, row in enumerate(rows):
            row["candidates"] = [] if number else [each.as_row() for each in self.candidates]
            row["facts"] = "" if number else self.facts
        return rows
