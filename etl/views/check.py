"""What is in recordings, before anything is built of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from etl import discover
from etl.sources import SOURCES
from etl.tally import Tally
from etl.views.paper import cell
from etl.wording import as_lines, flaw, unknown_actions

_FIRST_ERRORS: Final = 5


def view(inputs: Sequence[str]) -> dict[str, Any]:
    """Read recordings without building: per format, files, workflows, steps, and what could not be read."""
    formats: dict[str, dict[str, Any]] = {}
    for shard in discover.shards(discover.find(inputs, SOURCES)):
        counts = formats.setdefault(
            shard.format,
            {
                "files": 0,
                "bytes": 0,
                "workflows": 0,
                "steps": 0,
                "with_target": 0,
                "failed": 0,
                "unknown_actions": Counter(),
                "errors": Counter(),
                "first": [],
            },
        )
        counts["files"] += 1
        counts["bytes"] += shard.size
        tally = Tally()
        for workflow in SOURCES[shard.format].read(shard, tally):
            counts["workflows"] += 1
            counts["steps"] += len(workflow.steps)
            counts["with_target"] += sum(bool(step.target) for step in workflow.steps)
            counts["failed"] += sum(bool(step.error) for step in workflow.steps)
            flaws = (flaw(step) for step in workflow.steps)
            counts["unknown_actions"].update(said for reason, said in flaws if reason == "unknown_action")
        for bad in tally.quarantined:
            counts["errors"][bad.reason] += 1
            if len(counts["first"]) < _FIRST_ERRORS:
                counts["first"].append(f"{bad.id}: {bad.reason}: {bad.detail}")
    for counts in formats.values():
        counts["unknown_actions"] = unknown_actions(counts["unknown_actions"])
    return dict(sorted(formats.items()))


def text(report: dict[str, Any]) -> str:
    """`view` as text."""
    lines: list[str] = []
    for name, counts in report.items():
        if name == discover.UNKNOWN:
            lines.append(f"{name}: {counts['files']:,} files in no known format (see: stepmill formats)")
            continue
        lines.append(
            f"{name}: {counts['files']:,} files, {counts['bytes'] / 1e6:,.1f} MB, {counts['workflows']:,} workflows, "
            f"{counts['steps']:,} steps, {counts['with_target']:,} with a target, {counts['failed']:,} failed"
        )
        lines += [f"  will not be trained on: {cell(line)}" for line in as_lines(counts["unknown_actions"])]
        lines += [f"  could not be read: {count:,} x {reason}" for reason, count in counts["errors"].most_common()]
        lines += [f"    {cell(first)}" for first in counts["first"]]
    return "\n".join(lines)
