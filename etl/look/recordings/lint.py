"""Lint recordings before a build: where they contradict themselves, by code, severity and format.

Every step is looked at, as the stage of a build does (`etl.stages.lint`).
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from etl.files import scratch
from etl.inputs.archives.join import Pages
from etl.inputs.find import UNKNOWN, find, shards
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.stages.lint.codes import CODES
from etl.stages.lint.stage import findings
from etl.stages.locate import Locate
from etl.tally import Tally
from etl.terminal.text import cell, table
from schemas.errors import ConfigError
from schemas.findings import Finding
from schemas.workflow import Workflow

_NO_STEPS: Final = frozenset(("section", "stack", "instruction"))
"""Rows of recordings that are no steps; a build leaves them out too."""

EXAMPLES: Final = 3
"""By default, at most this many findings of a code and format are shown."""


def found(
    inputs: Sequence[str], pages: Sequence[str] = (), read: Counter[str] | None = None
) -> Iterator[tuple[str, Finding]]:
    """Each finding with the place of its workflow: file and record.

    pages: archives from which recordings that hold no pages get theirs. read: counts the workflows
    and steps of each format under ``workflows NAME`` and ``steps NAME``.

    Raises:
        ConfigError: if an input or archive does not exist.
    """
    read = Counter() if read is None else read
    with scratch.folder() as folder:
        joined = Pages(tuple(pages)) if pages else None
        if joined is not None:
            joined.indexed(folder)
        for shard in shards(find(inputs, SOURCES, lenient=True)):
            if shard.format == UNKNOWN:
                continue
            for workflow in SOURCES[shard.format].read(shard, Tally()):
                read[f"workflows {workflow.source}"] += 1
                read[f"steps {workflow.source}"] += len(workflow.steps)
                for each in _of(workflow, joined):
                    yield workflow.origin or workflow.uid, each


def _of(workflow: Workflow, pages: Pages | None) -> list[Finding]:
    """The findings of a workflow."""
    draft = enter(workflow, Tally(), {})
    draft.steps = [each for each in draft.steps if each.step.action.kind not in _NO_STEPS]
    if pages is not None:
        pages.join(draft)
    (located,) = Locate()(iter((draft,)), Tally())
    return findings(located)


def view(
    inputs: Sequence[str],
    codes: Collection[str] = (),
    examples: int = EXAMPLES,
    pages: Sequence[str] = (),
) -> dict[str, Any]:
    """The findings in recordings.

    ``read``: format -> the number of workflows and steps. ``findings``: a row for each code and
    format, with the number of findings and steps, and the first examples. codes: only these; empty
    for all. examples: at most so many of each row. pages: as for `found`.

    Raises:
        ConfigError: a code is not known, or an input or archive does not exist.
    """
    for code in codes:
        if code not in CODES:
            close = difflib.get_close_matches(code, CODES, 1)
            hint = f"; is {close[0]} meant?" if close else ""
            raise ConfigError(f"--code {code}: there is {', '.join(CODES)}{hint}")
    read: Counter[str] = Counter()
    count: Counter[tuple[str, str]] = Counter()
    workflows: defaultdict[tuple[str, str], int] = defaultdict(int)
    last: dict[tuple[str, str], tuple[str, str]] = {}
    shown: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for origin, each in found(inputs, pages, read):
        if codes and each.code not in codes:
            continue
        key = each.code, each.source
        count[key] += 1
        here = origin, each.workflow
        workflows[key] += last.get(key) != here  # those of a workflow come in a row
        last[key] = here
        if len(shown[key]) < examples:
            shown[key].append(_example(origin, each))
    order = {code: number for number, code in enumerate(CODES)}
    formats = sorted(name.removeprefix("workflows ") for name in read if "workflows " in name)
    return {
        "read": {
            name: {"workflows": read[f"workflows {name}"], "steps": read[f"steps {name}"]}
            for name in formats
        },
        "findings": [
            {
                "code": code,
                "severity": CODES[code].severity,
                "meaning": CODES[code].meaning,
                "format": source,
                "findings": count[code, source],
                "workflows": workflows[code, source],
                "examples": shown[code, source],
            }
            for code, source in sorted(count, key=lambda key: (order[key[0]], key[1]))
        ],
    }


def _example(origin: str, finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "record": origin,
        "evidence": finding.evidence,
        "mend": finding.mend,
    }


def errors(report: dict[str, Any]) -> int:
    """The number of findings that are errors."""
    return sum(row["findings"] for row in report["findings"] if row["severity"] == "error")


def text(report: dict[str, Any]) -> str:
    """`view` as a table, with the examples under it."""
    read = report["read"]
    if not read:
        return "nothing could be read; stepmill check says why"
    lines = [
        f"{name}: {of['workflows']:,} workflows, {of['steps']:,} steps" for name, of in read.items()
    ]
    rows = report["findings"]
    if not rows:
        return "\n".join([*lines, "no recording contradicts itself"])
    lines += table(
        ["code", "severity", "format", "findings", "workflows"],
        [
            [
                row["code"],
                row["severity"],
                row["format"],
                f"{row['findings']:,}",
                f"{row['workflows']:,}",
            ]
            for row in rows
        ],
    )
    said = ""
    for row in rows:
        if row["code"] != said and row["examples"]:
            said = row["code"]
            lines += ["", f"{said}: {row['meaning']}"]
        for each in row["examples"]:
            mend = f"; {each['mend']}" if each["mend"] else ""
            lines.append(f"  {cell(each['id'])} ({cell(each['record'])})")
            lines.append(f"    {cell(each['evidence'])}{cell(mend)}")
    return "\n".join(lines)
