"""Near-duplicates planted in recordings: workflows recorded again, verbatim and with edited nodes.

Beside them stand look-alikes that are no duplicates: the same pages with other targets, the same
steps for another task, the same fields with other values, and pages of which most is new. Every
recording has an objective of its own, so none of them repeats another.

A pair is found if whichever of the two comes later is dropped and names the other, or another step
of its recording: recordings repeat themselves too. A sample without a partner that is dropped is
wrong, unless it names the recording that is its own one's twin.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from etl.dataset.index import scan
from etl.dataset.layout import Layout
from etl.inputs import find
from etl.pages.reading import read
from etl.pages.tokens import EMPTY, RAW_TAGS
from etl.sources import SOURCES
from etl.stages import targets
from etl.tally import Tally, as_record
from schemas.workflow import Locator, Step, Workflow
from tests.planted.figures import Figure
from tests.support import builds

SHARED: Final = ("mind2web", "browsergym_workarena", "browsergym_webarena", "miniwob_demos")
"""Folders of real recordings that are planted in, beside our own."""

_MARK: Final = "data-planted"
_LARGEST: Final = 600_000
_MOST_STEPS: Final = 12
_SMALL: Final = 400
"""Characters of an element that is no large part of its page."""
_TINY: Final = 20
"""Elements under which a page has too few for most of it to be new."""
_MUCH_THE_SAME: Final = 0.8
_HEAD: Final = frozenset(("html", "head", "meta", "link", "title", "base", "body")) | RAW_TAGS
_CHOSEN: Final = frozenset(("a", "button", "input", "select", "option", "li", "td"))
_VALUE: Final = re.compile(r'\b(class|href|id|name|title|alt|value|aria-label)="([^"]*)"')
_WORDS: Final = (
    "amber basil cedar dahlia ember fennel garnet hazel indigo juniper kelp linden maple nutmeg "
    "olive pepper quartz russet saffron thyme umber violet walnut yarrow zinnia"
).split()


@dataclass(frozen=True)
class _Element:
    """An element of a page as written."""

    # where its start tag begins and ends, and the text behind it
    begin: int
    end: int
    text_end: int
    tag: str
    # nothing but this text is in it
    leaf: bool


def _elements(html: str) -> list[_Element]:
    """The elements of a page, in order."""
    found, place = [], 0
    page = read(html)
    for token in page.tokens:
        if not token.element:
            continue
        begin = html.index(token.markup, place)
        place = begin + len(token.markup)
        text_end = html.find("<", place)
        text_end = len(html) if text_end < 0 else text_end
        leaf = token.kind == EMPTY or html.startswith(f"</{token.tag}>", text_end)
        found.append(_Element(begin, place, text_end, token.tag, leaf))
    return found


def _visible(html: str) -> list[_Element]:
    return [each for each in _elements(html) if each.tag not in _HEAD]


def phrase(chance: random.Random) -> str:
    """Some words that no page has."""
    return " ".join(f"{chance.choice(_WORDS)}{chance.randrange(10_000)}" for _ in range(3))


def edited(html: str, share: float, chance: random.Random) -> str:
    """A page of whose visible elements a share is edited: text, attribute, one more, one less.

    The element that is marked is left alone, and what is in it, unless that is much of the page. Of
    a page where the share is less than an element, one is edited as often as that.
    """
    begin, end = _marked(html)
    end = end if end - begin < _SMALL else begin + 1
    places = [each for each in _visible(html) if not begin <= each.begin < end]
    count = int(share * len(places) + chance.random())
    for each in sorted(chance.sample(places, count), key=lambda each: -each.begin):
        tag, text = html[each.begin : each.end], html[each.end : each.text_end]
        kinds = ["attribute", "more"]
        if text.strip():
            kinds += ["text", "text"]
        if each.leaf and each.tag not in _CHOSEN:
            kinds.append("less")
        kind = chance.choice(kinds)
        if kind == "text":
            html = f"{html[: each.end]}{phrase(chance)}{html[each.text_end :]}"
        elif kind == "attribute":
            html = f"{html[: each.begin]}{_other_tag(tag, chance)}{html[each.end :]}"
        elif kind == "more":
            html = f"{html[: each.begin]}<p>{phrase(chance)}</p>{html[each.begin :]}"
        else:
            end = html.find(">", each.text_end) + 1 if html[each.text_end :].startswith("</") else 0
            html = html[: each.begin] + html[max(end, each.end) :]
    return html


def _marked(html: str) -> tuple[int, int]:
    """Where the marked element begins and ends; nowhere if none is marked."""
    match = re.search(rf'<([^\s<>]+) {_MARK}="1"', html)
    if match is None:
        return 0, 0
    depth = 0
    for tag in re.finditer(rf"<(/?){re.escape(match[1])}(?=[\s/>])", html[match.start() :]):
        depth += -1 if tag[1] else 1
        if not depth:
            return match.start(), match.start() + tag.end()
    return match.start(), match.end()


def _other_tag(tag: str, chance: random.Random) -> str:
    found = [*_VALUE.finditer(tag)]
    if not found:
        close = "/>" if tag.endswith("/>") else ">"
        return f'{tag[: -len(close)]} title="{phrase(chance)}"{close}'
    hit = chance.choice(found)
    return f"{tag[: hit.start(2)]}{phrase(chance)}{tag[hit.end(2) :]}"


def marked(step: Step) -> Step | None:
    """A step whose target has a mark that pruning removes; None if it is not found."""
    html = step.html.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    if not step.target or not 0 < len(html) <= _LARGEST or _MARK in html:
        return None
    reason, _, element = targets.find(read(html), step.target)
    if reason:
        return None
    try:
        place = _elements(html)[element]
    except ValueError:  # a start tag that reading has mended
        return None
    if place.tag in _HEAD:
        return None
    return _with_mark(step, html, place)


def _with_mark(step: Step, html: str, place: _Element) -> Step:
    at = place.begin + 1 + len(place.tag)
    html = f'{html[:at]} {_MARK}="1"{html[at:]}'
    return step.with_fields(html=html, target=(Locator("attribute", "1", _MARK),), destination=())


def bases(folders: Iterable[Path], most: int, chance: random.Random) -> list[Workflow]:
    """Recordings with objectives of their own, and targets that are found."""
    found: dict[str, Workflow] = {}
    for folder in folders:
        shards = sorted(find.shards(find.find([str(folder)], SOURCES)), key=lambda each: each.name)
        for flow in (
            flow for shard in shards for flow in SOURCES[shard.format].read(shard, Tally())
        ):
            steps = [each for step in flow.steps[:_MOST_STEPS] if (each := marked(step))]
            if steps and flow.objective:
                key = "".join(filter(str.isalnum, flow.objective.casefold()))
                steps = [replace(each, number=0, gap="") for each in steps]
                found.setdefault(key, replace(flow, steps=tuple(steps), meta=""))
    every = [*found.values()]
    chance.shuffle(every)
    return [replace(flow, workflow_id=f"b{number}") for number, flow in enumerate(every[:most])]


def again(flow: Workflow, share: float, chance: random.Random) -> Workflow | None:
    """A workflow recorded again, with a share of the nodes of each page edited."""
    steps = [step.with_fields(html=edited(step.html, share, chance)) for step in flow.steps]
    return replace(flow, steps=tuple(steps))


def verbatim(flow: Workflow, _: random.Random) -> Workflow:
    """The same recording under another id."""
    return flow


def shorter(flow: Workflow, _: random.Random) -> Workflow | None:
    """The same recording, broken off before its last step."""
    return replace(flow, steps=flow.steps[:-1]) if len(flow.steps) > 1 else None


def other_targets(flow: Workflow, chance: random.Random) -> Workflow | None:
    """The same pages, and on each something else is done."""
    steps = []
    tags = [re.search(rf"<[^<]*? {_MARK}=[^<]*", step.html) for step in flow.steps]
    targets = {
        _known(tag[0].replace(f' {_MARK}="1"', "").rpartition(">")[0]) for tag in tags if tag
    }
    for step in flow.steps:
        html = step.html.replace(f' {_MARK}="1"', "")
        places = [each for each in _elements(html) if each.tag in _CHOSEN]
        places = [each for each in places if _known(html[each.begin : each.end]) not in targets]
        if places:
            steps.append(_with_mark(step, html, chance.choice(places)))
    return replace(flow, steps=tuple(steps)) if steps else None


def _known(tag: str) -> str:
    """A start tag without what a page says of its state."""
    return re.sub(
        r'\s(?:checked|selected|value|disabled|aria-\w+|class)(?:="[^"]*")?', "", tag
    ).strip(">/ ")


def other_task(flow: Workflow, chance: random.Random) -> Workflow:
    """The same steps for another task."""
    return replace(flow, objective=f"{flow.objective} Then look for {phrase(chance)}.")


def other_values(flow: Workflow, chance: random.Random) -> Workflow | None:
    """The same fields with other values; steps without a value are left out."""
    steps = [
        step.with_fields(action=replace(step.action, value=phrase(chance), description=""))
        for step in flow.steps
        if step.action.value
    ]
    return replace(flow, steps=tuple(steps)) if steps else None


def other_pages(flow: Workflow, chance: random.Random) -> Workflow | None:
    """The same actions on pages of which most is new; steps on tiny pages are left out."""
    steps = [step for step in flow.steps if len(_visible(step.html)) >= _TINY]
    return again(replace(flow, steps=tuple(steps)), 0.7, chance) if steps else None


def repeated(flow: Workflow, chance: random.Random) -> Workflow | None:
    """The same steps with other values, for a task of its own."""
    steps = [
        step.with_fields(
            html=edited(step.html, 0.3, chance),
            action=replace(step.action, value=step.action.value and phrase(chance), description=""),
        )
        for step in flow.steps
    ]
    return other_task(replace(flow, steps=tuple(steps)), chance)


def in_another_order(flow: Workflow, chance: random.Random) -> Workflow | None:
    """The same steps from the last to the first; None if they are much the same."""
    if len({(step.action.kind, step.html[slice(*_marked(step.html))]) for step in flow.steps}) < 4:
        return None
    return other_task(replace(flow, steps=flow.steps[::-1]), chance)


Change = Callable[[Workflow, random.Random], Workflow | None]
_LOOK_ALIKES: Final[tuple[Change, ...]] = (other_targets, other_task, other_values, other_pages)


@dataclass(frozen=True)
class Kind:
    """A kind of duplicate, and what of it must be found."""

    name: str
    change: Change
    settings: tuple[str, ...] = ()
    recall: float = 0.98
    precision: float = 0.99
    look_alikes: tuple[Change, ...] = _LOOK_ALIKES
    # the fewest samples of a workflow that is planted
    steps: int = 1


KINDS: Final = (
    Kind("exact recordings", verbatim, recall=1.0, precision=1.0),
    Kind("exact samples", shorter, recall=1.0, precision=1.0),
    Kind("1% of nodes edited", lambda flow, chance: again(flow, 0.01, chance)),
    Kind("5% of nodes edited", lambda flow, chance: again(flow, 0.05, chance)),
    Kind("20% of nodes edited", lambda flow, chance: again(flow, 0.20, chance), recall=0.5),
    Kind(
        "workflows with other values",
        repeated,
        ("near.what=workflow",),
        look_alikes=(other_targets, in_another_order),
        recall=0.95,
        steps=3,
    ),
)


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Figures of all kinds, planted in our own recordings and in shared ones."""
    places = [builds.RECORDINGS, *(shared / "data" / name for name in SHARED)]
    return figures(folder, bases(places, 250, random.Random(seed)), seed)


def figures(folder: Path, flows: Sequence[Workflow], seed: int) -> list[Figure]:
    """Figures of all kinds, planted in some recordings."""
    return [
        _figure(kind, folder / str(number), flows, random.Random(f"{seed} {number}"))
        for number, kind in enumerate(KINDS)
    ]


def _figure(kind: Kind, folder: Path, flows: Sequence[Workflow], chance: random.Random) -> Figure:
    """Plant one kind and look for it."""
    flows = [*_apart(flows)] if kind.steps > 1 else flows
    records: list[Workflow] = [*flows]
    for flow in flows:
        if len(flow.steps) >= kind.steps and (copy := kind.change(flow, chance)):
            records.append(replace(copy, workflow_id=f"{flow.workflow_id}-again"))
        other = chance.choice(kind.look_alikes)
        if len(flow.steps) >= kind.steps and (copy := other(flow, chance)):
            records.append(replace(copy, workflow_id=f"{flow.workflow_id}-{other.__name__}"))
    chance.shuffle(records)
    rows = _built(folder, records, ("near.threshold=0.7", *kind.settings))
    pairs = [*_pairs(rows, records, whole=kind.steps > 1)]
    twins = [{one.partition("/")[0] for one in pair} for pair in pairs]
    found = flagged = 0
    later = {one: other.partition("/")[0] for pair in pairs for one, other in (pair, pair[::-1])}
    for row in rows.values():
        if row["reason"] in ("near_duplicate", "duplicate_workflow"):
            named = re.split(r" as |^as ", row["detail"])[-1].partition(",")[0].partition("/")[0]
            right = named == later.get(row["sample_id"], "")
            found += right
            flagged += right or {named, row["workflow"]} not in twins
    return Figure("near", kind.name, len(pairs), found, flagged, kind.recall, kind.precision)


def _apart(flows: Iterable[Workflow]) -> Iterator[Workflow]:
    """Recordings without those that take much the same kinds of steps on one site."""
    kept: list[tuple[str, list[str]]] = []
    for flow in flows:
        site, kinds = flow.steps[0].url.split("?")[0], [step.action.kind for step in flow.steps]
        site = "/".join(site.split("/")[:3])
        same = (SequenceMatcher(None, kinds, others).ratio() for at, others in kept if at == site)
        if max(same, default=0.0) < _MUCH_THE_SAME:
            kept.append((site, kinds))
            yield flow


def _built(
    folder: Path, records: Iterable[Workflow], settings: tuple[str, ...]
) -> Mapping[str, dict[str, Any]]:
    """The index of a build of these recordings, by sample."""
    folder.mkdir()
    lines = (orjson.dumps(as_record(flow)) for flow in records)
    (folder / "in.jsonl").write_bytes(b"\n".join(lines))
    rules = ("filter.min_english=0", "filter.max_non_ascii=1", *settings)
    builds.build([folder / "in.jsonl"], folder / "out", *rules)
    rows = scan(Layout(folder / "out").work).filter(pl.lit(True)).collect()
    return {row["sample_id"]: row for row in rows.iter_rows(named=True)}


def _pairs(
    rows: Mapping[str, Any], records: Iterable[Workflow], *, whole: bool
) -> Iterator[tuple[str, str]]:
    """The samples that were recorded twice: (id, id). whole: if both
    workflows lack the same ones.
    """
    for flow in records:
        if flow.workflow_id.endswith("-again"):
            first, second = f"workflows:{flow.workflow_id[:-6]}", f"workflows:{flow.workflow_id}"
            numbers = range(1, len(flow.steps) + 1)
            both = [(f"{first}/{n}", f"{second}/{n}") for n in numbers]
            there = [pair for pair in both if pair[0] in rows and pair[1] in rows]
            either = [pair for pair in both if pair[0] in rows or pair[1] in rows]
            if not whole or len(there) == len(either):
                yield from there
