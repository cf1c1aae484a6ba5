"""First pages of tasks among workflows: with other texts, with longer lists, with a banner; beside
other pages of the same sites, small pages, and a page on which many tasks begin.

The pages are those of real recordings, one of each path beyond a front page. Half of them, by a
hash, are where a task of a benchmark begins, in recordings of which `stepmill benchmarks build
--recordings` makes the registry. The objectives have nothing to do with each other. The other half
are innocent, and so are pages of MiniWoB, with which tasks begin too: they are too small.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import xxhash

from tests.planted.figures import Figure
from tests.planted.leaks import flows
from tests.support import builds

PART: Final = "contamination"
SHARED: Final = ("browsergym_webarena", "browsergym_workarena", "playwright_trace", "adp")
_TEXT: Final = re.compile(r">([^<>]*[A-Za-z][^<>]*)<")
_RAW: Final = re.compile(r"(?is)<(script|style|textarea)\b.*?</\1>")
_ROW: Final = re.compile(r"(?is)<(li|tr|option)\b[^<>]*>(?:(?!<\1\b).)*?</\1>")
_WORDS: Final = "amber brick cedar delta ember fjord grove heron inlet jetty knoll ledge".split()
SMALL_PAGES: Final = "miniwob_demos"
MOST_SMALL: Final = 100
LARGE: Final = 10_000
"""Characters of a page that can tell a task; others are left out, but for those of MiniWoB."""


@dataclass(frozen=True)
class Shown:
    """A recorded page."""

    url: str
    website: str
    html: str


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Recall and precision, by the command line."""
    chance = random.Random(seed)
    pages = [*_pages(shared / "data" / name for name in SHARED)]
    small = [*_small(shared / "data" / SMALL_PAGES)]
    known = [each for each in pages if xxhash.xxh3_64_intdigest(each.url.encode()) % 2]
    crowd, *known = known
    innocent = [each for each in pages if each not in known] + small
    planted = [(kind, replace(of, html=way(of.html, chance))) for kind, way in WAYS for of in known]
    planted += [("innocent", each) for each in innocent]
    tasks = [*known, *small, crowd, crowd, crowd]
    builds.write_workflows(folder / "tasks" / "a.jsonl", *_records(tasks, "task"))
    shown = [each for _, each in planted]
    builds.write_workflows(folder / "in" / "a.jsonl", *_records(shown, "flow"))
    registry = folder / "pages.registry"
    recordings = f"own@1={folder / 'tasks'}"
    _run("benchmarks", "build", "--recordings", recordings, "--out", registry)
    _run(
        "build", folder / "in", "--out", folder / "out", "--workers", "0",
        "--set", f'contamination.registries=["{registry}"]',
        "--set", 'contamination.methods=["skeleton"]', "--set", "filter.min_english=0",
        "--set", "locate.train_without_element=true",
    )  # fmt: skip
    pairs = json.loads(_run("contamination", folder / "out", "--limit", "0", "--json"))["pairs"]
    return _compared([kind for kind, _ in planted], pairs)


def _compared(kinds: Sequence[str], pairs: Sequence[dict[str, Any]]) -> list[Figure]:
    named = {int(pair["workflow"].rpartition("-")[2]) for pair in pairs}
    by_kind = Counter(kinds[number] for number in named)
    wrong = by_kind["innocent"]
    made = [
        Figure(PART, f"first page, {kind}", kinds.count(kind), by_kind[kind], by_kind[kind], 0.9)
        for kind, _ in WAYS
    ]
    planted, found = len(kinds) - kinds.count("innocent"), len(named) - wrong
    return [*made, Figure(PART, "first pages", planted, found, found + wrong, 0.9, 0.95)]


def _pages(folders: Iterable[Path]) -> Iterator[Shown]:
    """A page of each address that leads beyond the front page, in the order of the recordings."""
    seen: set[str] = set()
    for flow in flows(folders):
        for step in flow.steps:
            parts = urlsplit(step.url)
            place = f"{parts.hostname}{unquote(parts.path).partition('?')[0]}"
            if len(step.html) < LARGE or place in seen or not parts.path.strip("/"):
                continue
            seen.add(place)
            yield Shown(step.url, flow.website, step.html)


def _small(folder: Path) -> Iterator[Shown]:
    """First pages of MiniWoB, which have no address."""
    for flow in islice(flows([folder]), MOST_SMALL):
        if flow.steps and flow.steps[0].html:
            yield Shown("", flow.website, flow.steps[0].html)


def _records(pages: Iterable[Shown], name: str) -> Iterator[dict[str, Any]]:
    """A workflow of one step for each page, with an objective of its own."""
    for number, each in enumerate(pages):
        step = {
            "url": each.url, "html": each.html, "target": [],
            "action": {"kind": "scroll", "value": "down", "description": "Scroll down"},
        }  # fmt: skip
        said = f"{name} {number}: {_WORDS[number % len(_WORDS)]} {number * 7919}"
        yield {
            "workflow_id": f"{name}-{number}", "objective": said, "website": each.website,
            "steps": [step],
        }  # fmt: skip


# The fixed rules.


def _texts(html: str, chance: random.Random) -> str:
    """Every text by another one."""
    raw = [hit.span() for hit in _RAW.finditer(html)]

    def other(hit: re.Match[str]) -> str:
        if any(begin <= hit.start() < end for begin, end in raw):
            return hit[0]
        return f">{' '.join(chance.choices(_WORDS, k=max(1, len(hit[1].split()))))}<"

    return _TEXT.sub(other, html)


def _longer(html: str, chance: random.Random) -> str:
    """Every list, table and choice with some of its rows again."""
    return _ROW.sub(lambda hit: hit[0] * chance.choice((1, 1, 2, 4)), _texts(html, chance))


def _banner(html: str, chance: random.Random) -> str:
    """Something to accept at the top."""
    body = re.search(r"(?i)<body\b[^<>]*>", html)
    at = body.end() if body else 0
    banner = (
        '<div role="dialog"><p>We use cookies.</p><button type="button">Accept</button>'
        '<button type="button">Refuse</button></div>'
    )
    return html[:at] + banner + _texts(html[at:], chance)


WAYS: Final[tuple[tuple[str, Callable[[str, random.Random], str]], ...]] = (
    ("other texts", _texts), ("longer lists", _longer), ("a banner", _banner),
)  # fmt: skip


def _run(*arguments: str | Path) -> str:
    done = builds.command(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
