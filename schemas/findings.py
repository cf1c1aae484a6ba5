"""What stages note of single steps beside the ledger, and the columns in which it is kept.

Findings are places where a recording contradicts itself; replacements are counts of private values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")
"""The gravest first: it cannot be right; it is seldom right; it may be right."""

Outcome = Literal["kept", "mended", "step_dropped", "workflow_dropped"]
"""What a build did about a finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction in one step."""

    # id of the step
    id: str
    # uid of its workflow
    workflow: str
    # number of the step within the workflow
    step: int
    # name of the recording's format
    source: str
    # of the step's workflow
    domain: str
    # one of `etl.stages.lint.codes.CODES`
    code: str
    severity: Severity
    # what contradicts what, in a few words
    evidence: str
    # what would set it right, in words; empty: nobody knows
    mend: str = ""
    outcome: Outcome = "kept"


FINDING_SCHEMA: Final = pa.schema(
    [
        ("shard", pa.string()),  # key of the input shard
        ("id", pa.string()),
        ("workflow", pa.string()),
        ("step", pa.int32()),
        ("source", pa.string()),
        ("domain", pa.string()),
        ("code", pa.string()),
        ("severity", pa.string()),
        ("evidence", pa.string()),
        ("mend", pa.string()),
        ("outcome", pa.string()),
    ]
)
"""The findings of a bundle: a row for each `Finding`. They quote recordings, so they stay in the
work folder; what is published of them are counts.
"""


@dataclass(frozen=True, slots=True)
class Replacement:
    """How often private values of a kind were replaced in a step, or in texts of a workflow."""

    # id of the step; uid of the workflow for texts that belong to none of its steps
    id: str
    # uid of the workflow
    workflow: str
    domain: str
    # of `etl.stages.private.pseudonyms.KINDS`
    kind: str
    times: int


REPLACEMENT_SCHEMA: Final = pa.schema(
    [
        ("shard", pa.string()),  # key of the input shard
        ("id", pa.string()),
        ("workflow", pa.string()),
        ("domain", pa.string()),
        ("kind", pa.string()),
        ("times", pa.int64()),
    ]
)
"""The replacements of a bundle: a row for each `Replacement`. They hold no value."""
