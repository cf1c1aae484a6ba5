"""A corpus like the paper's, grown from recordings: any number of workflows of about eleven steps,
on 250 domains with 10,000 subdomains.

::

    python -m tests.bench.corpus DIR --mb 1000             a thousand megabytes of pages
    python -m tests.bench.corpus DIR --mb 1000 --night 3   the fourth thousand
    python -m tests.bench.corpus --repeats --mb 200        how much of its pages repeats

A recorded page becomes a template: markup that stays, with slots for texts, attribute values and
the items of lists. Each visit of a site fills slots in its own way, and each step some more, by a
seed: no two pages are equal. ``--repeats`` prints how much of a page a cache can know from the
pages before it, beside the same figure for WorkArena's recordings.

The element that was acted on has a marker, as in ScribeAgent's own recordings. One workflow in ten
has a file to itself, the others share large JSONL files; all are zstandard.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import EMPTY, END, START, VOID_TAGS
from etl.stages.locate import Locate
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.workflow import Locator, Step, Workflow
from tests.bench.workloads import SHIPPED, workflows, write

DOMAINS: Final = 250
SUBDOMAINS: Final = 10_000
STEPS: Final = (6, 16)
"""Fewest and most steps of a workflow, 11 on average."""

TARGET: Final = Locator("attribute", "1", "data-stepmill-target")
_MARKER: Final = f' {TARGET.name}="{TARGET.value}"'

BASES_MB: Final = 40.0
"""Pages that become templates; all of them are held in memory."""

VISIT_SHARE: Final = 0.20
"""Of a page's slots, those that a visit fills anew."""

STEP_SHARE: Final = 0.05
"""Of a page's slots, those that each step of it fills besides."""

LIST_SHARE: Final = 0.30
"""Of a page's lists, those whose items a visit orders anew, or leaves out."""

FILE_MB: Final = 150.0
"""Pages of a file that workflows share."""

ALONE: Final = 10
"""One workflow of this many has a file to itself."""

RUN: Final = 16
"""Pieces of markup: the shortest run that counts as repeated."""

_ITEMS: Final = frozenset(("li", "tr", "option", "dd", "article"))
_FILLED: Final = re.compile(
    r"id|name|for|class|href|title|alt|value|src|placeholder|aria-.+|data-.+"
)
_WORD: Final = re.compile(r"[A-Za-z]{3,}")


@dataclass(frozen=True)
class Template:
    """A page as segments, some of which are slots."""

    parts: list[str]
    """Segments of markup and text in order."""

    texts: list[int]
    """Places in ``parts`` of texts that may change."""

    values: list[int]
    """Places in ``parts`` of attribute values that may change."""

    lists: list[list[tuple[int, int]]]
    """Of each list: the first and the end place of each of its items."""


@dataclass(frozen=True)
class Base:
    """A recorded workflow, its pages as templates."""

    flow: Workflow
    """Without its steps."""

    steps: list[tuple[Step, Template]]
    """Each step without its page, and the page."""


# ---- from recordings to templates


def bases(folders: Sequence[Path], megabytes: float = BASES_MB) -> list[Base]:
    """Workflows of recordings whose targets are all found, each folder its share of the pages."""
    made: list[Base] = []
    for folder in folders:
        left = megabytes * 1e6 / len(folders)
        flows = sorted(workflows(folder), key=lambda flow: flow.uid)
        random.Random(0).shuffle(flows)
        for flow in flows:
            size = sum(len(step.html) for step in flow.steps)
            if 0 < size <= left and (base := _base(flow)) is not None:
                made.append(base)
                left -= size
    return made


def _base(flow: Workflow) -> Base | None:
    step_drafts = [StepDraft(number, step) for number, step in enumerate(flow.steps, 1)]
    draft = Draft(flow, step_drafts, "", flow.objective, flow.uid)
    for located in Locate(train_without_element=True)(iter([draft]), Tally()):
        if all(not step_draft.reason for step_draft in step_drafts):
            steps = [
                (
                    replace(
                        step_draft.step, html="", target=(TARGET,) if step_draft.step.target else ()
                    ),
                    template(read(step_draft.step.html), step_draft.element),
                )
                for step_draft in located.steps
            ]
            return Base(replace(flow, steps=()), steps)
    return None


def template(page: Page, target: int | None = None) -> Template:
    """A page cut into what stays and what may change. target: the element that gets the marker."""
    made = Template([], [], [], [])
    opened: list[tuple[str, int]] = []
    """Items that are open: tag, place."""
    last: list[list[tuple[int, int]] | None] = [None]
    """The list that grows, for each depth of open items."""
    element = 0
    for token in page.tokens:
        if token.kind in (START, EMPTY):
            if token.kind == START and token.tag in _ITEMS:
                opened.append((token.tag, len(made.parts)))
                last.append(None)
            made.parts.append(f"<{token.tag}")
            for name, value in token.attributes().items():
                made.parts.append(f' {name}="')
                if _FILLED.fullmatch(name):
                    made.values.append(len(made.parts))
                made.parts.append(value.replace("&", "&amp;").replace('"', "&quot;"))
                made.parts.append('"')
            closed = token.kind == EMPTY and token.tag not in VOID_TAGS
            marker = _MARKER if element == target else ""
            made.parts.append(f"{marker}{' /' if closed else ''}>")
            element += 1
        elif token.kind == END:
            made.parts.append(f"</{token.tag}>")
            if opened and opened[-1][0] == token.tag:
                item = opened.pop()[1], len(made.parts)
                last.pop()
                siblings = last[-1]
                if siblings is None or item[0] - siblings[-1][1] > 1:  # only a text may be between
                    siblings = last[-1] = []
                    made.lists.append(siblings)
                siblings.append(item)
        if token.raw_text:
            if not token.literal and not token.hides_text and _WORD.search(token.raw_text):
                made.texts.append(len(made.parts))
            made.parts.append(token.raw_text)
    return replace(made, lists=[items for items in made.lists if len(items) > 2])


# ---- from templates to pages


class Filler:
    """Fills the slots of templates with words of their own texts."""

    def __init__(self, found: Sequence[Base]) -> None:
        words: set[str] = set()
        for base in found:
            for _, page in base.steps:
                for place in page.texts:
                    words.update(_WORD.findall(page.parts[place]))
        self._words = sorted(words)

    def page(self, page: Template, visit: random.Random, step: random.Random) -> str:
        """A page of its own: what the visit changes, then what the step changes besides."""
        parts = page.parts.copy()
        for chance, share in ((visit, VISIT_SHARE), (step, STEP_SHARE)):
            for place in _drawn(chance, page.texts, share):
                parts[place] = self.text(parts[place], chance)
            for place in _drawn(chance, page.values, share):
                parts[place] = self.value(parts[place], chance)
        for items in page.lists:
            if visit.random() < LIST_SHARE:
                _reorder(parts, items, visit)
        return "".join(parts)

    def text(self, text: str, chance: random.Random) -> str:
        """A text of which one word in three, and at least one, is another."""
        words = text.split(" ")
        for _ in range(1 + len(words) // 3):
            at = chance.randrange(len(words))
            if _WORD.fullmatch(words[at]):
                words[at] = chance.choice(self._words)
            else:
                words[at] = _digits(words[at], chance)
        return " ".join(words)

    def value(self, value: str, chance: random.Random) -> str:
        """An attribute's value with other digits; one without digits ends in something new."""
        changed = _digits(value, chance)
        if changed != value:
            return changed
        if value.startswith(("/", "#", "http")):
            return f"{value}{'&' if '?' in value else '?'}v={chance.getrandbits(32):x}"
        return f"{value} {chance.choice(self._words)}{chance.randrange(1000)}".lstrip()


def _digits(text: str, chance: random.Random) -> str:
    if text.isalpha():
        return text
    return "".join(
        chance.choice("0123456789") if "0" <= letter <= "9" else letter for letter in text
    )


def _drawn(chance: random.Random, places: list[int], share: float) -> list[int]:
    return chance.sample(places, min(len(places), 1 + int(share * len(places))))


def _reorder(parts: list[str], items: list[tuple[int, int]], chance: random.Random) -> None:
    """Put the items of a list in another order and leave some out, unless one holds the target."""
    contents = ["".join(parts[first:end]) for first, end in items]
    if any(_MARKER in content for content in contents):
        return
    chance.shuffle(contents)
    del contents[chance.randint(len(items) // 2, len(items)) :]
    for number, (first, end) in enumerate(items):
        parts[first:end] = [""] * (end - first)
        if number < len(contents):
            parts[first] = contents[number]


def visits(found: Sequence[Base], seed: int = 0) -> Iterator[Workflow]:
    """Workflows without end. The same bases and seed give the same workflows."""
    filler = Filler(found)
    weights = list(accumulate(1 / (10 + rank) for rank in range(DOMAINS)))
    number = 0
    while True:
        visit = random.Random(f"{seed} {number}")
        domain = visit.choices(range(DOMAINS), cum_weights=weights)[0]
        host = f"s{visit.randrange(SUBDOMAINS // DOMAINS)}.site{domain:03}.example"
        base = found[(domain + DOMAINS * visit.randrange(4)) % len(found)]  # a site has few tasks
        length = visit.randint(*STEPS)
        steps: list[Step] = []
        for at in range(length):
            step, page = base.steps[at % len(base.steps)]
            chance = random.Random(f"{seed} {number} {at}")
            html = filler.page(page, random.Random(f"{seed} {number} visit"), chance)
            url = urlsplit(step.url)._replace(scheme="https", netloc=host).geturl()
            steps.append(replace(step, step_id=str(at), url=url, html=html, number=at + 1))
        objective = f"{base.flow.objective} (request {seed}-{number} of {host})"
        yield replace(
            base.flow,
            workflow_id=f"{seed}-{number:07}",
            objective=objective,
            steps=tuple(steps),
            website="",
            source="workflows",
            origin="",
        )
        number += 1


def grow(found: Sequence[Base], out: Path, megabytes: float, night: int = 0) -> tuple[int, float]:
    """Write one night of visits; returns workflows and megabytes of pages."""
    folder = out / f"night-{night:04}"
    shared: list[Workflow] = []
    size = done = 0.0
    files = 0
    for number, flow in enumerate(visits(found, night), 1):
        pages = sum(len(step.html) for step in flow.steps) / 1e6
        done += pages
        if number % ALONE == 0:
            write([flow], folder / "alone" / f"{flow.workflow_id}.jsonl.zst")
        else:
            shared.append(flow)
            size += pages
        if size >= FILE_MB or (done >= megabytes and shared):
            write(shared, folder / f"{files:05}.jsonl.zst")
            shared, size, files = [], 0.0, files + 1
        if done >= megabytes:
            return number, done
    raise AssertionError("visits have no end")


# ---- how much repeats


@dataclass(frozen=True)
class Repeats:
    """Shares of the bytes of pages that earlier pages had."""

    pieces: float
    """In pieces, each a tag and the text after it."""

    runs: float
    """In runs of at least `RUN` pieces that followed each other before."""


def repeats(pages: Iterable[str]) -> Repeats:
    """How much of pages a cache of all earlier ones knows."""
    pieces: set[int] = set()
    runs: set[int] = set()
    total = known = known_in_runs = 0
    for html in pages:
        parts = html.split("<")
        keys = [hash(part) for part in parts]
        windows = [hash(tuple(keys[at : at + RUN])) for at in range(max(0, len(keys) - RUN + 1))]
        covered = 0  # pieces before this place are counted
        for at, window in enumerate(windows):
            if window in runs:
                known_in_runs += sum(len(part) + 1 for part in parts[max(at, covered) : at + RUN])
                covered = at + RUN
        known += sum(len(part) + 1 for part, key in zip(parts, keys, strict=True) if key in pieces)
        total += len(html) + 1
        pieces.update(keys)
        runs.update(windows)
    return Repeats(known / total, known_in_runs / total)


def pages_of(flows: Iterable[Workflow], megabytes: float) -> Iterator[str]:
    """Pages of workflows in order, about this many megabytes."""
    left = megabytes * 1e6
    for flow in flows:
        for step in flow.steps:
            if left <= 0:
                return
            left -= len(step.html)
            yield step.html


def folders() -> list[Path]:
    """What the corpus is grown from: shipped recordings, and real ones where they are."""
    shared = Path(os.environ.get("STEPMILL_SHARED", "../shared")) / "data"
    names = "browsergym_workarena/episodes_jsonl", "browsergym_webarena/episodes_jsonl"
    return [SHIPPED, *(folder for folder in (shared / name for name in names) if folder.exists())]


@click.command()
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option("--mb", default=1000.0, show_default=True, help="Megabytes of pages of each night.")
@click.option("--night", "nights", type=int, multiple=True, help="Which; the first by default.")
@click.option(
    "--repeats", "only_repeats", is_flag=True, help="Say how much repeats; write nothing."
)
def main(out: Path | None, mb: float, nights: tuple[int, ...], only_repeats: bool) -> None:
    """Grow a corpus, or say how much of one repeats."""
    found = bases(folders())
    if only_repeats:
        shares = {"corpus": repeats(pages_of(visits(found), mb))}
        for folder in folders()[1:]:
            flows = workflows(folder)
            shares[folder.parent.name] = repeats(pages_of(flows, mb))
        for name, share in shares.items():
            print(f"{name:24} pieces {share.pieces:.1%}  runs of {RUN} {share.runs:.1%}")
        return
    if out is None:
        raise click.UsageError("name a folder, or ask for --repeats")
    for night in nights or (0,):
        number, done = grow(found, out, mb, night)
        print(f"night {night}: {number} workflows, {done:.0f} MB of pages")


if __name__ == "__main__":
    main()
