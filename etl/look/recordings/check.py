"""Check recordings before a build: formats, counts, and problems with their remedies.

Every record is read. The targets of the first steps of each file are looked for in their pages. For
a file in no known format, the view tells what it seems to be.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from etl.dataset import oddities
from etl.files import scratch
from etl.inputs import strangers
from etl.inputs.archives.join import Pages
from etl.inputs.archives.words import archives_in_words
from etl.inputs.find import UNKNOWN, find, shards
from etl.inputs.records import InputShard
from etl.look.recordings import remedies
from etl.look.recordings.lines import lines_of
from etl.pages import axtree
from etl.pages.reading import read
from etl.sources import FORMATS, KEYS, SOURCES
from etl.stages import targets
from etl.stages.enter import enter
from etl.stages.wording import as_lines, flaw, unknown_actions
from etl.tally import Odd, Quarantined, Tally
from etl.terminal.text import cell
from schemas.draft import StepDraft
from schemas.workflow import Workflow

STEPS: Final = 50
"""By default, targets are looked for in at most this many steps of a file."""

PROBLEMS: Final = 20
"""By default, at most this many problems of a format and files in no known format are shown."""

_ALIKE: Final = 3
"""At most this many problems are kept that differ only in the record or in numbers."""
_OUTCOMES: Final = {"": "found", "target_absent": "absent", "target_ambiguous": "ambiguous"}
_UNREADABLE: Final = "unreadable"
_JSON_PLACE: Final = re.compile(r"line (\d+) column (\d+) \(char \d+\)")


@dataclass
class _Problem:
    """One problem of a recording."""

    record: str
    """The id of its record."""
    reason: str
    """A word that ``stepmill reasons`` explains."""
    says: str
    """What is wrong, in words."""
    remedy: str
    """What to do about it."""
    where: str = ""
    """The key or the step, unless ``says`` names it."""
    line: int | None = None
    """The line of the file on which the record begins, from 1."""


@dataclass
class _Found:
    """Counts and problems of the recordings in one format."""

    files: int = 0
    """The number of files read."""
    bytes: int = 0
    """Their size as they lie on disk."""
    workflows: int = 0
    """The number of workflows."""
    steps: int = 0
    """The number of steps."""
    with_target: int = 0
    """The number of steps with a locator."""
    failed: int = 0
    """The number of steps whose action is known to have failed."""
    errors: Counter[str] = field(default_factory=Counter)
    """Reason -> the number of problems, kept or not."""
    targets: Counter[str] = field(default_factory=Counter)
    """Outcome of the search for a target -> the number of steps."""
    unknown_actions: Counter[str] = field(default_factory=Counter)
    """Word that names no known kind of action -> the number of steps."""
    odd: Counter[Odd] = field(default_factory=Counter)
    """Deviation from the format that was read all the same -> how often it occurs."""
    problems: list[_Problem] = field(default_factory=list)
    """The problems that are shown."""
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Workflow id -> content hash and place of the first workflow with it."""
    alike: Counter[str] = field(default_factory=Counter)
    """Problem without record and numbers -> how often it occurs."""
    most_alike: int = _ALIKE
    """At most this many problems that are alike are kept."""

    def read(self, shard: InputShard, steps: int, limit: int, pages: Pages | None) -> None:
        """Read one file.

        steps: look for the targets of the first ones, at most this many. limit: keep at most this
        many problems of the format. pages: those of recordings that hold none.
        """
        self.files += 1
        self.bytes += shard.size
        tally = Tally()
        problems: list[_Problem] = []
        left = steps
        for workflow in SOURCES[shard.format].read(shard, tally):
            self.workflows += 1
            self.steps += len(workflow.steps)
            self.with_target += sum(bool(step.target) for step in workflow.steps)
            self.failed += sum(bool(step.error) for step in workflow.steps)
            for problem in self._looked_at(workflow, left, pages, tally):
                self.errors[problem.reason] += 1
                problems.append(problem)
            left = max(0, left - len(workflow.steps))
        self.odd.update(tally.odd)
        self.errors.update(bad.reason for bad in tally.quarantined)
        problems += [_unread(shard, bad) for bad in tally.quarantined]
        kept = [problem for problem in problems if self._is_new(problem)][
            : max(0, limit - len(self.problems))
        ]
        lines = lines_of(shard, {problem.record for problem in kept})
        for problem in kept:
            problem.line = lines.get(problem.record)
            problem.says = _in_file(problem.says, problem.line, problem.record)
        self.problems += sorted(kept, key=lambda problem: problem.line or 0)

    def _is_new(self, problem: _Problem) -> bool:
        """Whether at most ``most_alike`` problems like it have been seen, this one included."""
        said = re.sub(r"\d+", "0", f"{problem.reason} {problem.where} {problem.remedy}")
        self.alike[said] += 1
        return self.alike[said] <= self.most_alike

    def _looked_at(
        self, workflow: Workflow, steps: int, pages: Pages | None, tally: Tally
    ) -> Iterator[_Problem]:
        """The problems of a workflow that was read. steps: look for at most this many targets."""
        draft = enter(workflow, Tally(), {})
        if pages is not None:
            tally.note(pages.join(draft))
        bare = not any(step.has_page or step.axtree for step in workflow.steps)
        here = workflow.origin or workflow.uid
        hashed, before = self.ids.setdefault(workflow.uid, (draft.content_hash, here))
        if before != here:
            reason = "duplicate_workflow" if hashed == draft.content_hash else "conflicting_id"
            says = f"{workflow.workflow_id!r} is the id of {before} too"
            yield _Problem(here, reason, says, remedies.of_step(reason), "workflow_id")
        for step_draft in draft.steps:
            where = (
                f"steps[{step_draft.place}]"
                if workflow.source == "workflows"
                else f"step {step_draft.number}"
            )
            step = step_draft.step
            reason, says = flaw(step)
            if reason:
                self.unknown_actions.update([says] if reason == "unknown_action" else [])
                remedy = remedies.of_step(reason, step.action.kind)
                key = ".kind" * (reason == "unknown_action" and "no kind" in says)
                yield _Problem(here, reason, says, remedy, f"{where}.action{key}")
            if step.target and step_draft.place < steps:
                reason, says = _target(step_draft, bare)
                self.targets[_OUTCOMES.get(reason, _UNREADABLE)] += 1
                if reason:
                    of_page = reason in ("missing_dom", "empty_page", "no_page")
                    key = "html" if of_page else "target"
                    yield _Problem(here, reason, says, remedies.of_step(reason), f"{where}.{key}")

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        outcomes = (*_OUTCOMES.values(), _UNREADABLE)
        return {
            "files": self.files,
            "bytes": self.bytes,
            "workflows": self.workflows,
            "steps": self.steps,
            "with_target": self.with_target,
            "failed": self.failed,
            "errors": dict(self.errors.most_common()),
            "targets": {name: self.targets[name] for name in outcomes},
            "unknown_actions": unknown_actions(self.unknown_actions),
            "oddities": oddities.listed(self.odd, KEYS),
            "problems": [
                {
                    "file": problem.record.partition("#")[0],
                    "line": problem.line,
                    "record": problem.record,
                    "where": problem.where,
                    "reason": problem.reason,
                    "says": problem.says,
                    "remedy": problem.remedy,
                }
                for problem in self.problems
            ],
        }


def view(
    inputs: Sequence[str], steps: int = STEPS, limit: int = PROBLEMS, pages: Sequence[str] = ()
) -> dict[str, Any]:
    """Read recordings without building.

    ``formats``: name -> counts and problems; ``left_aside``: files in no known format. steps: look
    for the targets of at most this many steps of each file. limit: keep at most this many problems
    of each format. pages: archives from which recordings that hold no pages get theirs.

    Raises:
        ConfigError: if an input or archive does not exist.
    """
    with scratch.folder() as folder:
        joined = Pages(tuple(pages)) if pages else None
        counted = joined.indexed(folder) if joined is not None else []
        return {**_viewed(inputs, steps, limit, joined), "pages": [*archives_in_words(counted)]}


def _viewed(inputs: Sequence[str], steps: int, limit: int, pages: Pages | None) -> dict[str, Any]:
    """`view`, with the archives of pages ready."""
    formats: dict[str, _Found] = {}
    left_aside: list[dict[str, Any]] = []
    for shard in shards(find(inputs, SOURCES, lenient=True)):
        if shard.format == UNKNOWN:
            met = strangers.meet(shard.path, FORMATS.values())
            left_aside.append({"file": shard.name, "bytes": shard.size, **met.as_json()})
        else:
            alike = _ALIKE if limit < sys.maxsize else limit
            formats.setdefault(shard.format, _Found(most_alike=alike)).read(
                shard, steps, limit, pages
            )
    return {
        "formats": {name: formats[name].as_json() for name in sorted(formats)},
        "left_aside": left_aside,
    }


def unreadable(report: dict[str, Any]) -> bool:
    """Whether not a single workflow could be read."""
    return not any(counts["workflows"] for counts in report["formats"].values())


def text(report: dict[str, Any], limit: int = PROBLEMS) -> str:
    """`view` as text."""
    lines: list[str] = [*report["pages"]]
    for name, counts in report["formats"].items():
        lines.append(
            f"{name}: {_some(counts['files'], 'file')}, {counts['bytes'] / 1e6:,.1f} MB, "
            f"{_some(counts['workflows'], 'workflow')}, {_some(counts['steps'], 'step')}, "
            f"{counts['with_target']:,} with a target, {counts['failed']:,} failed"
        )
        looked_at = sum(counts["targets"].values())
        if looked_at:
            said = ", ".join(f"{count:,} {outcome}" for outcome, count in counts["targets"].items())
            lines.append(
                f"  targets of {_some(looked_at, 'step')} looked for in their pages: {said}"
            )
        lines += [
            f"  will not be trained on: {cell(line)}"
            for line in as_lines(counts["unknown_actions"])
        ]
        lines += [f"  {cell(line)}" for line in oddities.lines(counts["oddities"])]
        lines += [f"  {count:,} x {reason}" for reason, count in counts["errors"].items()]
        lines += [f"    {cell(_problem(problem))}" for problem in counts["problems"]]
        more = sum(counts["errors"].values()) - len(counts["problems"])
        if more > 0:
            lines.append(f"    and {more:,} more; --limit shows more")
    left = report["left_aside"]
    if left:
        lines.append(
            f"left aside: {_some(len(left), 'file')} that are not read (see: stepmill formats)"
        )
        kinds: dict[str, list[dict[str, Any]]] = {}
        for each in left:
            kinds.setdefault(each["kind"], []).append(each)
        shown = sorted(kinds.values(), key=len, reverse=True)
        for alike in shown[:limit]:
            first = alike[0]
            more = f" and {len(alike) - 1:,} more" if len(alike) > 1 else ""
            lines.append(f"  {cell(first['file'])}{more}: {cell(first['says'])}; {first['advice']}")
        if len(shown) > limit:
            rest = ", ".join(f"{len(alike):,} x {alike[0]['kind']}" for alike in shown[limit:])
            lines.append(f"  and other kinds: {rest}")
    if unreadable(report):
        lines.append("nothing could be read")
    return "\n".join(lines)


def _problem(problem: dict[str, Any]) -> str:
    place = f"{problem['file']}:{problem['line']}" if problem["line"] else problem["record"]
    where = f"{problem['where']}: " if problem["where"] else ""
    return f"{place}: {where}{problem['says']} ({problem['reason']}); {problem['remedy']}"


def _unread(shard: InputShard, bad: Quarantined) -> _Problem:
    return _Problem(
        bad.id,
        bad.reason,
        bad.detail,
        remedies.of_record(shard.format, bad.reason, bad.detail, bad.raw),
    )


def _target(step_draft: StepDraft, bare: bool) -> tuple[str, str]:
    """Why the target of a step cannot be found: reason and detail, both empty if it is found.

    bare: the recording holds no page.
    """
    if step_draft.observed == "axtree":
        reason, detail, _ = targets.find_line(
            axtree.read(step_draft.step.axtree), step_draft.step.target
        )
        return reason, detail
    if not step_draft.step.has_page and bare:
        said = step_draft.step.url or "its address is not known"
        return "no_page", step_draft.detail or f"there is no page: {said}"
    if not step_draft.step.has_page:
        return "missing_dom", "empty: there is no page"
    page = read(step_draft.step.page)
    if not page.elements:
        return "empty_page", f"{step_draft.step.characters} characters without an element"
    reason, detail, _ = targets.find(page, step_draft.step.target)
    return reason, detail


def _in_file(says: str, line: int | None, record: str) -> str:
    """Translate a line that a parser counted within the record into the line of the file."""
    if line is None or (hit := _JSON_PLACE.search(says)) is None:
        return says
    of_record, column = int(hit[1]), hit[2]
    exact = "#line=" in record or of_record > 1
    place = f"line {line + of_record - 1}" + (f", column {column}" if exact else "")
    return says[: hit.start()] + place + says[hit.end() :]


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
