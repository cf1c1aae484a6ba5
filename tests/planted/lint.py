"""Planted contradictions: how many of each kind `stepmill lint` finds, and what it finds besides.

Each workflow gets one fault, or looks as if it had one
(`tests.planted.lint_faults`, `tests.planted.lint_innocent`). A finding is
right if the fault explains it: its code is one of the fault's, at a step where it may be seen.
Recordings in which something is found before anything is planted are left out; the last figure
says how many are not.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from etl.inputs.find import UNKNOWN, find, shards
from etl.look.recordings.lint import found
from etl.sources import SOURCES
from etl.tally import Tally, as_record
from schemas.findings import Finding
from schemas.workflow import Step, Workflow
from tests.planted.figures import Figure
from tests.planted.lint_faults import FAULTS
from tests.planted.lint_innocent import INNOCENT
from tests.support.builds import RECORDINGS

PART: Final = "lint"
SHARED: Final = (
    ("browsergym_webarena", 100),
    ("browsergym_workarena", 100),
    ("mind2web", 10),
    ("rrweb", 20),
    ("playwright_trace", 20),
    ("adp", 50),
    ("turkingbench", 60),
    ("miniwob_demos", 150),
)
"""Folders of the shared recordings, and how many workflows are taken of each at most."""
_CHARS: Final = 1_500_000  # of the pages of a workflow, at most


@dataclass(frozen=True)
class Fault:
    """One planted fault."""

    kind: str
    workflow: str
    codes: frozenset[str]
    # numbers of the steps where it may be seen; empty: anywhere
    steps: frozenset[int]


def workflows(folders: Sequence[Path]) -> Iterator[Workflow]:
    """The recordings in some folders, with pages."""
    for folder in folders:
        for shard in shards(find([str(folder)], SOURCES, lenient=True)):
            if shard.format == UNKNOWN:
                continue
            for flow in SOURCES[shard.format].read(shard, Tally()):
                size = sum(step.size for step in flow.steps)
                if len(flow.steps) >= 3 and flow.steps[0].has_page and size <= _CHARS:
                    yield flow


def record(name: str, flow: Workflow, steps: Sequence[Step]) -> dict[str, Any]:
    """A workflow in our own format under another name."""
    made = as_record(flow) | {"workflow_id": name, "meta": {}}
    steps_made = as_record(
        Workflow(name, flow.objective, tuple(step.with_fields(meta="", number=0) for step in steps))
    )["steps"]
    for step in steps_made:
        del step["meta"]
    return made | {"steps": steps_made}


def linted(path: Path, records: Sequence[dict[str, Any]]) -> dict[str, list[Finding]]:
    """The findings of each workflow, by its id."""
    path.write_bytes(b"\n".join(map(orjson.dumps, records)))
    findings: defaultdict[str, list[Finding]] = defaultdict(list)
    for _, each in found([str(path)]):
        findings[each.workflow.partition(":")[2]].append(each)
    return findings


def clean(folder: Path, flows: Sequence[Workflow]) -> list[Workflow]:
    """The recordings without a finding."""
    named = {f"w{number}": flow for number, flow in enumerate(flows)}
    findings = linted(
        folder / "untouched.jsonl",
        [record(name, flow, flow.steps) for name, flow in named.items()],
    )
    return [flow for name, flow in named.items() if not findings.get(name)]


def plant(
    rng: random.Random, flows: Sequence[Workflow], each: int
) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Workflows with a fault each, and as many innocent ones; and the key."""
    records: list[dict[str, Any]] = []
    key: list[Fault] = []
    for kind, (fault, codes) in FAULTS.items():
        made = 0
        for number in range(each * 40):
            if made == each:
                break
            flow = rng.choice(flows)
            planted = fault(rng, list(flow.steps))
            if planted is None:
                continue
            name = f"{kind.replace(' ', '-')}-{number}"
            records.append(record(name, flow, planted.steps))
            key.append(Fault(kind, name, codes, frozenset(at + 1 for at in planted.places)))
            made += 1
    for number in range(each * len(INNOCENT)):
        alike = INNOCENT[number % len(INNOCENT)]
        for _ in range(10):
            flow = rng.choice(flows)
            if (steps := alike(rng, list(flow.steps))) is not None:
                records.append(record(f"innocent-{alike.__name__}-{number}", flow, steps))
                break
    for number, flow in enumerate(rng.sample(list(flows), min(len(flows), each * 2))):
        records.append(record(f"as-recorded-{number}", flow, flow.steps))
    rng.shuffle(records)
    return records, key


def judged(
    key: Sequence[Fault], findings: dict[str, list[Finding]]
) -> tuple[Counter[str], Counter[str], list[tuple[str, Finding]]]:
    """By kind: faults found, and findings of its codes that are wrong; and these findings."""
    of_workflow = {fault.workflow: fault for fault in key}
    seen: set[str] = set()
    right: Counter[str] = Counter()
    wrong: list[tuple[str, Finding]] = []
    for name, every in findings.items():
        fault = of_workflow.get(name)
        for each in every:
            fits = fault is not None and each.code in fault.codes
            if fits and fault is not None and (not fault.steps or each.step in fault.steps):
                right[fault.kind] += name not in seen
                seen.add(name)
            else:
                wrong.append((name, each))
    false = Counter[str]()
    for _, each in wrong:
        kinds = [kind for kind, (_, codes) in FAULTS.items() if each.code in codes]
        false.update(kinds[:1])
    return right, false, wrong


def measure(folder: Path, shared: Path, seed: int, each: int = 30) -> list[Figure]:
    """The figures by kind, and of all together.

    each: faults of each kind, and innocent look-alikes of each. shared: may be missing, then only
    our own recordings are used.
    """
    rng = random.Random(seed)
    flows = list(workflows([RECORDINGS, RECORDINGS.parent / "formats"]))
    for name, most in SHARED:
        if (shared / "data" / name).is_dir():
            theirs = list(workflows([shared / "data" / name]))
            flows += rng.sample(theirs, min(most, len(theirs)))
    read = len(flows)
    flows = clean(folder, flows)
    records, key = plant(rng, flows, each)
    right, false, wrong = judged(key, linted(folder / "planted.jsonl", records))
    planted = Counter(fault.kind for fault in key)
    figures = [
        Figure(PART, kind, planted[kind], right[kind], right[kind] + false[kind], 0.8, 0.9)
        for kind in FAULTS
    ]
    hits = sum(right.values())
    figures.append(Figure(PART, "all kinds", len(key), hits, hits + len(wrong), 0.95, 0.98))
    figures.append(Figure(PART, "as recorded, without a finding", read, len(flows), 0, 0, 0))
    return figures
