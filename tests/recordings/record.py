#!/usr/bin/env python3
"""Records the test workflows with a real browser and writes them to ``data/``; or checks what is
there.

    python tests/recordings/record.py [--chromium PATH] [--chromedriver PATH] [--out DIR]
    python tests/recordings/record.py --check

Recording again gives the same bytes: the applications read no clock and no random source, every
snapshot is taken when the page has come to rest, and the files carry no date. It needs selenium,
Chromium and chromedriver; checking needs neither. What is recorded is in scenarios.py, how in
browser.py and snapshot.js.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import files  # noqa: E402  (found beside this file)
import written  # noqa: E402
from scenarios import TOPICS, scenarios  # noqa: E402
from steps import HOSTS, Do, Scenario  # noqa: E402

DATA: Final = HERE / "data"
LIMIT: Final = 2_000_000
SPLIT: Final = {
    "shop": ("shop.jsonl.zst",),
    "tracker": ("tracker.parquet",),
    "booking": ("booking.csv.gz",),
    "ledger": ("ledger.jsonl.zst", "ledger.csv.gz"),
    "library": ("library.jsonl",),
}
"""The files of each app; with two, its workflows go to them in turn, `IN_A_ROW` at a time."""
IN_A_ROW: Final = 4

Record = dict[str, Any]


def target_of(step: Record, number: int) -> list[Record]:
    """The locators of a step, best first: CSS always, an XPath in two steps of three, an attribute
    if one is unique.
    """
    if not step["css"]:
        return []
    target = [{"kind": "css", "name": "", "value": step["css"]}]
    if number % 3:
        target.append({"kind": "xpath", "name": "", "value": step["xpath"]})
    if step["attribute"]:
        name, value = step["attribute"]
        target.append({"kind": "attribute", "name": name, "value": value})
    return target


def workflow_of(recording: Record) -> Record:
    """A recording in our interchange format."""
    scenario: Scenario = recording["scenario"]
    steps = []
    for number, step in enumerate(recording["steps"], start=1):
        do: Do = step["do"]
        steps.append(
            {
                "step_id": step["step_id"],
                "url": step["url"],
                "html": step["html"],
                "action": {"kind": do.kind, "value": do.value, "description": do.description},
                "target": target_of(step, number),
                "error": step["error"],
            }
        )
    return {
        "workflow_id": scenario.workflow_id,
        "objective": scenario.objective,
        "website": scenario.host,
        "topic": TOPICS[scenario.app],
        "reward": scenario.reward,
        "steps": steps,
    }


SCRIBE_KINDS: Final = {
    "click": "mouse_click_action",
    "double_click": "mouse_click_action",
    "select": "mouse_click_action",
    "type": "keyboard_sequence_action",
    "press": "keyboard_combination_action",
}


def scribe_rows_of(recording: Record) -> Iterator[Record]:
    """A recording as rows of the reference pipeline's CSV.

    That format knows neither errors nor rewards nor actions without element. As in real exports,
    some descriptions say only "Click here", some workflows hold a written instruction, and one in
    six has a section heading, for which the reference drops it.
    """
    scenario: Scenario = recording["scenario"]
    random = Random("scribe " + scenario.workflow_id)
    base = {
        "document_metadata_id": scenario.workflow_id,
        "document_metadata_name": scenario.objective,
    }
    acted = [s for s in recording["steps"] if s["css"] and s["do"].kind in SCRIBE_KINDS]
    rows = []
    for step in acted:
        do: Do = step["do"]
        bare = do.kind == "click" and random.random() < 0.15
        row = {
            "action_kind": SCRIBE_KINDS[do.kind],
            "action_description": "Click here" if bare else do.description,
            "action_url": step["url"],
            "action_target_selector": step["path"],
            "action_dom": step["html"],
            "action_id": step["step_id"],
        }
        rows.append(row)
    empty = dict.fromkeys(files.SCRIBE_COLUMNS, "")
    number = int(scenario.workflow_id[-2:])
    if number % 6 == 0:
        text = {"action_kind": "section", "action_description": "Before you begin"}
        rows.insert(0, {**text, "action_id": scenario.workflow_id + "-section"})
    elif number % 4 == 1:
        text = {
            "action_kind": "instruction",
            "action_description": "Have the name of the guest or customer at hand.",
        }
        rows.insert(len(rows) // 2, {**text, "action_id": scenario.workflow_id + "-instruction"})
    for position, row in enumerate(rows, start=1):
        yield {**empty, **base, **row, "action_step_number": str(position)}


def write_all(recordings: Iterable[Record], out: Path) -> None:
    """Sort the recordings into the files of their app and write them."""
    sets: dict[str, list[Record]] = {name: [] for names in SPLIT.values() for name in names}
    turns: Counter[str] = Counter()
    for recording in recordings:
        app = recording["scenario"].app
        names = SPLIT[app]
        sets[names[turns[app] // IN_A_ROW % len(names)]].append(recording)
        turns[app] += 1
        failed = sum(1 for step in recording["steps"] if step["error"])
        print(
            f"{recording['scenario'].workflow_id}: {len(recording['steps'])} steps, {failed} failed"
        )
    out.mkdir(parents=True, exist_ok=True)
    for name, recorded in sets.items():
        if ".csv" in name:
            files.write_scribe(
                [row for recording in recorded for row in scribe_rows_of(recording)], out / name
            )
        else:
            files.write_workflows([workflow_of(recording) for recording in recorded], out / name)


@dataclass
class Counts:
    """What one file holds."""

    workflows: int = 0
    steps: int = 0
    targets: int = 0
    failed: int = 0
    characters: int = 0


def check_file(path: Path, ids: set[str]) -> Counts:
    """Count a file; raise ValueError at an id used twice, a page that is not balanced, a target not
    found once.
    """
    counts = Counts()
    for workflow in files.read(path):
        if workflow["workflow_id"] in ids:
            raise ValueError(f"{path.name}: workflow {workflow['workflow_id']} appears twice")
        ids.add(workflow["workflow_id"])
        counts.workflows += 1
        for step in workflow["steps"]:
            counts.steps += 1
            counts.failed += bool(step["error"])
            counts.characters += len(step["html"])
            counts.targets += bool(step["target"])
            check_targets(step, path.name)
    return counts


def check_targets(step: Record, where: str) -> None:
    """All locators of a step find one element, the same."""
    tree = written.tree_of(step["html"])
    found = [
        written.matches(tree, one["kind"], one["name"], one["value"]) for one in step["target"]
    ]
    for locator, elements in zip(step["target"], found, strict=True):
        if len(elements) != 1 or elements[0] is not found[0][0]:
            raise ValueError(
                f"{where}: step {step['step_id']}: {locator} finds {len(elements)} elements"
            )


def table(data: Path) -> str:
    """The README's table, after the check of every file."""
    ids: set[str] = set()
    total = Counts()
    lines = [
        (
            "| file | domain | format | workflows | steps | with target | failed | DOM, kB a page "
            "| file, kB |"
        ),
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for app, names in SPLIT.items():
        for name in names:
            counts = check_file(data / name, ids)
            lines.append(
                row_of(
                    f"`{name}`",
                    HOSTS[app],
                    files.format_of(name),
                    counts,
                    (data / name).stat().st_size,
                )
            )
            for key, value in vars(counts).items():
                setattr(total, key, getattr(total, key) + value)
    size = sum((data / name).stat().st_size for names in SPLIT.values() for name in names)
    if size > LIMIT:
        raise ValueError(f"the recordings take {size} bytes, more than {LIMIT}")
    lines.append(row_of("all", f"{len(SPLIT)} domains", "", total, size))
    return "\n".join(lines) + "\n"


def row_of(file: str, domain: str, form: str, counts: Counts, size: int) -> str:
    """One row of the table."""
    page = counts.characters / counts.steps / 1000
    cells = [
        file,
        domain,
        form,
        counts.workflows,
        counts.steps,
        counts.targets,
        counts.failed,
        f"{page:.1f}",
    ]
    return "| " + " | ".join(str(cell) for cell in [*cells, f"{size / 1000:.1f}"]) + " |"


def with_table(readme: str, rows: str) -> str:
    """The README with these rows between its two markers."""
    begin, end = "<!-- table: record.py writes it -->\n", "<!-- end of table -->"
    head, _, rest = readme.partition(begin)
    _, _, tail = rest.partition(end)
    return head + begin + rows + end + tail


def main() -> int:
    """Record and check, or only check."""
    parser = argparse.ArgumentParser(description="Record the test workflows, or check them.")
    parser.add_argument(
        "--check", action="store_true", help="check data/ and the README's table; record nothing"
    )
    parser.add_argument("--chromium", type=Path, default=Path("/usr/bin/chromium"))
    parser.add_argument("--chromedriver", type=Path, default=Path("/usr/bin/chromedriver"))
    parser.add_argument(
        "--out", type=Path, default=DATA, help="where to write; the README changes only for data/"
    )
    options = parser.parse_args()
    if not options.check:
        # Imported late: selenium is needed only to record.
        recorded = import_module("browser").recorded
        write_all(recorded(list(scenarios()), options.chromium, options.chromedriver), options.out)
    try:
        rows = table(options.out)
    except ValueError as error:
        print(f"record.py: {error}", file=sys.stderr)
        return 1
    print(rows, end="")
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    if options.check and with_table(readme, rows) != readme:
        print("record.py: the README's table is not that of data/; record again", file=sys.stderr)
        return 1
    if not options.check and options.out.resolve() == DATA:
        (HERE / "README.md").write_text(with_table(readme, rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
