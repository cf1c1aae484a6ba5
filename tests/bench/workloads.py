"""The three workloads: pages as a nightly build sees them.

recorded the pages of recorded workflows in their order: they repeat, whole and in part changing ten
    snapshots of each of 40 pages; in every snapshot 2% of the start tags have an attribute value
    never seen before once different pages, each once, in a process that has seen none

Made of the recordings shipped with the project, or of any folder of recordings or saved pages. The
shipped ones are small: `recorded` goes through them several times, each time changed like the
snapshots of `changing`, whose pages are made of several.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import orjson
import zstandard

from etl.inputs import find
from etl.pages import locators
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.workflow import Action, Locator, Step, Workflow

SHIPPED: Final = Path(__file__).parents[1] / "recordings" / "data"
NAMES: Final = ("recorded", "changing", "once")
URL: Final = "https://www.pages.example/"
SMALL: Final = 40_000_000  # characters under which recordings are gone through again

_START_TAG: Final = re.compile(r"<[a-zA-Z][^\s<>/]*")


def changed(html: str, chance: random.Random, share: float = 0.02) -> str:
    """A page of whose start tags a share has a title never seen before."""
    return _START_TAG.sub(
        lambda tag: (
            f'{tag[0]} title="v{chance.getrandbits(64):x}"' if chance.random() < share else tag[0]
        ),
        html,
    )


def workflows(folder: Path) -> list[Workflow]:
    """All recordings in a folder, whatever their format."""
    found: list[Workflow] = []
    for shard in find.shards(find.find([str(folder)], SOURCES)):
        found.extend(SOURCES[shard.format].read(shard, Tally()))
    return found


def saved_pages(folder: Path) -> Iterator[str]:
    """The ``.html`` files in a folder, plain or compressed."""
    for path in sorted(folder.rglob("*.html*")):
        if path.suffix == ".zst":
            with path.open("rb") as file:
                yield (
                    zstandard.ZstdDecompressor()
                    .stream_reader(file)
                    .read()
                    .decode("utf-8", "replace")
                )
        elif path.suffix in (".html", ".gz"):
            raw = path.read_bytes()
            yield (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8", "replace")


def page_workflows(pages: Sequence[str]) -> list[Workflow]:
    """Saved pages as workflows of one step: a click on the link in the middle."""
    return [
        Workflow(
            f"page-{number}",
            "Read the page to the end",
            (Step("0", URL, html, Action("click"), _link(html)),),
        )
        for number, html in enumerate(pages)
    ]


def _link(html: str) -> tuple[Locator, ...]:
    page = read(html)
    links = locators.find_css(page, "a") or range(page.elements) or [0]
    return (Locator("node", str(page.node(links[len(links) // 2]))),)


def make(name: str, folder: Path = SHIPPED, limit: int = 10**12) -> list[Workflow]:
    """A workload as workflows. limit: characters of pages, about."""
    chance = random.Random(name)
    saved = list(saved_pages(folder))
    found = page_workflows(saved) if saved else workflows(folder)
    if name == "once":
        return list(_up_to(limit, _distinct(found)))
    if name == "recorded":
        size = sum(len(step.html) for flow in found for step in flow.steps)
        rounds = max(1, min(SMALL, limit) // size)
        return list(
            _up_to(
                limit, (_again(flow, number, chance) for number in range(rounds) for flow in found)
            )
        )
    pages = pages_of(list(_distinct(found)))
    if sum(map(len, pages)) // len(pages) < 50_000:
        pages = ["".join(f"<div>{page}</div>" for page in pages[first::40]) for first in range(40)]
    chosen = list(_up_to(limit // 10, page_workflows(pages[:: max(1, len(pages) // 40)][:40])))
    return [_again(flow, number, chance) for flow in chosen for number in range(1, 11)]


def _again(flow: Workflow, number: int, chance: random.Random) -> Workflow:
    """The same workflow another time, its pages slightly changed; the first time as it is."""
    if not number:
        return flow
    steps = tuple(replace(step, html=changed(step.html, chance)) for step in flow.steps)
    return replace(flow, workflow_id=f"{flow.workflow_id}~{number}", steps=steps)


def _distinct(found: Sequence[Workflow]) -> Iterator[Workflow]:
    """One workflow of one step for each different page."""
    seen: set[str] = set()
    for flow in found:
        for number, step in enumerate(flow.steps):
            if step.html and step.html not in seen:
                seen.add(step.html)
                yield replace(flow, workflow_id=f"{flow.workflow_id}-{number}", steps=(step,))


def _up_to(limit: int, found: Iterator[Workflow] | Sequence[Workflow]) -> Iterator[Workflow]:
    for flow in found:
        if limit <= 0:
            return
        limit -= sum(len(step.html) for step in flow.steps)
        yield flow


def pages_of(found: Sequence[Workflow]) -> list[str]:
    """The pages of workflows in order."""
    return [step.html for flow in found for step in flow.steps if step.html]


def megabytes(texts: Sequence[str]) -> float:
    """Size in UTF-8."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) / 1e6


def write(found: Sequence[Workflow], path: Path) -> None:
    """Workflows as JSONL in zstandard, our interchange format: their pages, not these as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as stream:
        for flow in found:
            row = asdict(flow)
            del row["source"], row["origin"], row["whole"]
            for step in row["steps"]:
                del step["gap"], step["axtree"]
            stream.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
