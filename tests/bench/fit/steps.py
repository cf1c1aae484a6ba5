"""The steps that are measured: all whose target is found in their page, and the golden pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import zstandard

from etl.build.admit import Entrance, Met
from etl.decisions.takedown import NOTHING
from etl.inputs import find
from etl.inputs.records import InputShard
from etl.pages import axtree
from etl.pages.labels import label_of
from etl.pages.page import Page
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.stages.locate import Locate
from etl.stages.targets import find as find_target
from etl.stages.targets import find_line
from etl.stages.wording import described, seen
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.utf8 import utf8_of
from schemas.workflow import Locator, target_id
from tokenization.prompt import step_text

PAGE_CHARS: Final = 256 * 2**20
GOLDEN: Final = "golden"


@dataclass(frozen=True)
class Target:
    """A step with a page and the element that was acted on."""

    source: str
    domain: str
    # of the workflow
    uid: str
    number: int
    objective: str
    url: str
    # the previous steps as text
    history: tuple[str, ...]
    # in UTF-8; empty: the page was recorded as a text alone
    html: bytes
    # the page of the step before; empty for the first
    before: bytes
    # in document order
    element: int
    # as the page shows it; empty if it has none
    name: str
    # the page as text, where one was recorded beside it, and the line of the target; -1: none
    tree: str = ""
    line: int = -1

    @property
    def page(self) -> Page:
        """The page, read; the latest pages are kept."""
        return read(self.html)


def targets(inputs: list[str], most: int = 0) -> Iterator[Target]:
    """The targets in recordings, in their order.

    most: of each file, taken evenly over its steps; 0 for all.
    """
    for shard in find.shards(find.find(inputs, SOURCES)):
        if not most:
            yield from _of_shard(shard)
            continue
        found = list(_of_shard(shard))
        step = max(1.0, len(found) / most)
        yield from (found[int(at * step)] for at in range(min(most, len(found))))


def _of_shard(shard: InputShard) -> Iterator[Target]:
    tally = Tally()
    entrance = Entrance(tally.at("read"), Met(), NOTHING, {}, PAGE_CHARS)
    for workflow in SOURCES[shard.format].read(shard, tally):
        draft = entrance.admit(workflow, len(tally.entries))
        if draft is not None:
            for located in Locate()(iter([draft]), tally):
                yield from _of_draft(located)


def _of_draft(draft: Draft) -> Iterator[Target]:
    history: list[str] = []
    before = b""
    for step_draft in draft.steps:
        html = utf8_of(step_draft.page) if step_draft.observed == "html" else b""
        words = described(step_draft, read(html) if html else seen(step_draft))
        if step_draft.element >= 0:
            yield _target(draft, step_draft, html, before, tuple(history))
        kind, target = step_draft.step.action.kind, target_id(step_draft.node, step_draft.ref)
        history.append(step_text(step_draft.number, words, kind, target, ""))
        before = html


def _target(
    draft: Draft, step_draft: StepDraft, html: bytes, before: bytes, history: tuple[str, ...]
) -> Target:
    tree, line = step_draft.step.axtree, -1
    if tree:
        line = find_line(axtree.read(tree), step_draft.step.target)[2]
    return Target(
        draft.workflow.source,
        draft.domains[step_draft.place][0],
        draft.uid,
        step_draft.number,
        draft.objective,
        step_draft.step.url,
        history,
        html,
        before,
        step_draft.element,
        label_of(read(html), step_draft.element) if html else axtree.read(tree).label(line),
        tree,
        line,
    )


def golden() -> Iterator[Target]:
    """The pages of the reference pipeline's own output, in the folder $STEPMILL_SHARED."""
    path = Path(os.environ["STEPMILL_SHARED"]) / "golden/scribeagent/cases.jsonl.zst"
    for row in zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines():
        case = orjson.loads(row)
        html = utf8_of(case["html"])
        page = read(html)
        element = find_target(page, (Locator("css", case["selector"]),))[2]
        if element >= 0:
            name = label_of(page, element)
            yield Target(
                GOLDEN, case["source"], case["name"], 1, "", "", (), html, b"", element, name
            )
