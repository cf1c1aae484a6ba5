"""Marks of recorders, planted on and around targets: attributes, classes, rings, overlays, labels.

Each is planted in a share of the steps of all recordings, or of one domain. Innocents are on every
button, field and link of the same pages. A mark is found if `stepmill inspect DIR leaks` names it;
it is taken off if a build with the section that was printed has the observations of recordings in
which nothing was planted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from etl.dataset.place import place_of
from etl.inputs import find as inputs
from etl.look.leaks import view as views
from etl.pages.reading import read
from etl.pages.standard import library_pieces
from etl.pages.tokens import VOID_TAGS
from etl.sources import SOURCES
from etl.stages.targets import find
from etl.tally import Tally, as_record
from schemas.workflow import Locator, Step, Workflow
from tests.planted.figures import Figure
from tests.support import builds

SHARED: Final = ("browsergym_webarena", "browsergym_workarena", "mind2web")
_NODE: Final = re.compile(r' node="[0-9]+"')


@dataclass(frozen=True)
class Planted:
    """One kind of mark: how it is put on a target, and what names it."""

    kind: str
    # a part of the name of each mark that shows it
    sign: str
    # of the target's tag and attributes as written, and a random source: those with the mark
    attributes: Callable[[str, random.Random], str] | None = None
    inside: str = ""
    after: str = ""


def _class(name: str) -> Callable[[str, random.Random], str]:
    """Adds a word to ``class``."""

    def add(written: str, _: random.Random) -> str:
        with_word, changed = re.subn(
            r"""(\sclass\s*=\s*["'])""", rf"\g<1>{name} ", written, count=1, flags=re.IGNORECASE
        )
        return with_word if changed else f'{written} class="{name}"'

    return add


def _ring(written: str, _: random.Random) -> str:
    """Draws a ring by ``style``."""
    ring = "outline: 3px dashed magenta"
    with_ring, changed = re.subn(
        r"""(\sstyle\s*=\s*["'])""", rf"\g<1>{ring}; ", written, count=1, flags=re.IGNORECASE
    )
    return with_ring if changed else f'{written} style="{ring}"'


def _own(text: str) -> Callable[[str, random.Random], str]:
    return lambda written, _: f"{written} {text}"


def _numbered(written: str, rng: random.Random) -> str:
    return f'{written} data-capture-uid="{rng.getrandbits(40):x}"'


KINDS: Final = (
    Planted("attribute", "aria-role=captured", _own('aria-role="captured"')),
    Planted("data attribute", "data-was-acted-on", _own('data-was-acted-on="1"')),
    Planted("data attribute, values differ", "data-capture-uid", _numbered),
    Planted("class", "zz-recorded", _class("zz-recorded")),
    Planted("hover class", "is-hovered-now", _class("is-hovered-now")),
    Planted("style ring", "outline: 3px dashed magenta", _ring),
    Planted("overlay", "zz-box", after='<span class="zz-box" style="left: 3px"></span>'),
    Planted("badge", "zz-badge", after='<b class="zz-badge">step</b>'),
    Planted("label", "TARGETED", inside="<i>TARGETED</i>"),
    Planted("beginning of text", "\u25b6 picked", inside="\u25b6 picked "),
)
TEXTS: Final = ("label", "beginning of text")
"""Kinds that a target without content cannot have."""
HIDDEN: Final = ("data attribute", "data attribute, values differ", "style ring")
"""Kinds that pruning takes off by the shipped recipes."""


def flows(folders: Iterable[Path]) -> Iterator[Workflow]:
    """The recorded workflows in some folders."""
    for folder in folders:
        shards = inputs.shards(inputs.find([str(folder)], SOURCES))
        for shard in sorted(shards, key=lambda each: each.name):
            yield from SOURCES[shard.format].read(shard, Tally())


def _element(step: Step) -> int:
    """The index of a step's target; -1 if there is none."""
    if not step.html or not step.target or step.destination:
        return -1
    reason, _, element = find(read(step.html), step.target)
    return -1 if reason else element


def _spots(html: str) -> list[tuple[int, int, int, str]]:
    """Of each element: where its start tag begins and ends, where it ends itself, and its tag."""
    spots: list[list[Any]] = []
    opened: list[int] = []
    as_markup = re.sub("(?i)(?<=<)(/?)[in](?=frame|oscript)", r"\1x", html)  # their content is too
    for piece in library_pieces(as_markup):
        token = piece.token
        if token is None or piece.at < 0:
            continue
        source = token.source or ""
        if token.type.name == "START_TAG":
            end = piece.at + len(source)
            spots.append([piece.at, end, end, token.tag or ""])
            if not token.self_closing and token.tag not in VOID_TAGS:
                opened.append(len(spots) - 1)
        elif token.type.name == "END_TAG" and token.tag in [spots[i][3] for i in opened]:
            while True:
                last = opened.pop()
                if spots[last][3] == token.tag:
                    spots[last][2] = piece.at + len(source)
                    break
                spots[last][2] = piece.at
    return [tuple(each) for each in spots]


def _innocent(html: str) -> str:
    """A page whose every button, field and link has an attribute and a class of the page's own."""
    return re.compile(r"(?i)<(a|button|input|select|textarea)(?=[\s>])").sub(
        r'<\1 aria-selected="tracked" data-everywhere="1"', html
    )


@dataclass(frozen=True)
class Spot:
    """Where marks can be planted: a target in its page."""

    node: int
    # where its start tag begins and ends, and where it ends itself
    begin: int
    opened: int
    end: int
    # it holds text, or may
    holds: bool


def spot_of(step: Step) -> Spot | None:
    """The target of a step whose locator is a node id; None if the page is no plain markup."""
    page, spots = read(step.html), _spots(step.html)
    node = int(step.target[0].value)
    if len(spots) != page.elements:
        return None
    begin, opened, end, tag = spots[page.elements - 1 - node]
    written = step.html[begin:opened]  # the library counts other characters in some lines
    if not (written.lower().startswith(f"<{tag}") and written.endswith(">")):
        return None
    holds = end > opened and tag not in ("textarea", "select", "svg", "iframe")
    return Spot(node, begin, opened, end, holds)


def marked(step: Step, spot: Spot, kinds: Iterable[Planted], rng: random.Random) -> Step:
    """A step with marks on its target."""
    html, more = step.html, 0
    written, inside, after = html[spot.begin : spot.opened], "", ""
    slash = "/>" if written.endswith("/>") else ">"
    head = written[: -len(slash)]
    for each in kinds:
        if each.attributes:
            head = each.attributes(head, rng)
        inside, after = inside + each.inside, after + each.after
        more += (each.inside + each.after).count("</")
    begun = html[: spot.begin] + head + slash + inside
    changed = begun + html[spot.opened : spot.end] + after + html[spot.end :]
    return replace(step, html=changed, target=(Locator("node", str(spot.node + more)),))


def plant(
    given: Iterable[Workflow], share: float, domain: str, seed: int
) -> tuple[list[Workflow], list[Workflow], dict[str, set[str]]]:
    """Workflows with and without marks; and the ids of the steps with each kind of mark.

    share: of the steps with a target. domain: a part of the address of all steps that are marked;
    empty for all.
    """
    rng = random.Random(seed)
    clean: list[Workflow] = []
    spots: dict[str, Spot] = {}
    for number, flow in enumerate(given):
        steps: list[Step] = []
        for place, step in enumerate(flow.steps, 1):
            whole = replace(step, html=_innocent(step.html), number=0)
            element = _element(whole)
            if element >= 0:
                node = read(whole.html).node(element)
                whole = replace(whole, target=(Locator("node", str(node)),))
                if domain in step.url and (spot := spot_of(whole)) is not None:
                    spots[f"workflows:f{number}/{place}"] = spot
            steps.append(whole)
        own = replace(flow, workflow_id=f"f{number}", source="workflows")
        clean.append(replace(own, steps=tuple(steps)))
    key: dict[str, set[str]] = {}
    for each in KINDS:
        fit = sorted(id for id, spot in spots.items() if spot.holds or each.kind not in TEXTS)
        key[each.kind] = set(rng.sample(fit, round(share * len(fit))))
    planted = []
    for flow in clean:
        steps = []
        for place, step in enumerate(flow.steps, 1):
            id = f"{flow.uid}/{place}"
            kinds = [each for each in KINDS if id in key[each.kind]]
            steps.append(marked(step, spots[id], kinds, rng) if kinds else step)
        planted.append(replace(flow, steps=tuple(steps)))
    return clean, planted, key


def write(path: Path, given: Iterable[Workflow]) -> Path:
    """Workflows in the interchange format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(as_record(flow)) + b"\n" for flow in given))
    return path


def figures(
    folder: Path, given: list[Workflow], share: float, domain: str, seed: int, title: str
) -> Iterator[Figure]:
    """What is found of one planting, in recorded pages and observations; what is taken off."""
    clean, planted, key = plant(given, share, domain, seed)
    write(folder / "clean" / "all.jsonl", clean)
    write(folder / "planted" / "all.jsonl", planted)
    settings = ("filter.min_english=0", "filter.duplicate_steps=false")
    builds.build([folder / "planted"], folder / "out", *settings)
    kept = set(builds.samples(folder / "out"))
    for as_recorded in (True, False):
        result = views.view(place_of(folder / "out"), as_recorded)
        seen = "recorded" if as_recorded else "observed"
        others = list(result["leaks"])
        for each in KINDS:
            if not as_recorded and each.kind in HIDDEN:
                continue
            there = key[each.kind] & kept
            rows = [row for row in others if each.sign in row["mark"] or row["mark"] in each.sign]
            others = [row for row in others if row not in rows]
            found = max((row["targets"] for row in rows), default=0)
            flagged = max((row["targets"] + row["others"] for row in rows), default=0)
            yield Figure(
                "leaks", f"{title} {seen} {each.kind}", len(there), min(found, len(there)), flagged
            )
        yield Figure("leaks", f"{title} {seen} innocent", 0, 0, len(others))
        (folder / f"{seen}.toml").write_text(result["recipe"])
    builds.build([folder / "clean"], folder / "pure", *settings)
    file = folder / "recorded.toml"
    builds.build([folder / "planted"], folder / "mended", *settings, f"leaks.file={file}")
    pure, mended = (
        {name: told(each) for name, each in builds.samples(folder / out).items()}
        for out in ("pure", "mended")
    )
    both = pure.keys() & mended.keys()  # copies with marks of their own are no copies
    same = sum(pure[name] == mended[name] for name in both)
    yield Figure("leaks", f"{title} taken off, pages", len(pure), same, len(both))


def told(sample: Any) -> tuple[str, ...]:
    """What a sample says, without node ids, which elements that were planted move."""
    said = (sample.observation, *sample.history, sample.description, sample.target_html)
    texts = (_NODE.sub("", text) for text in said)
    return tuple(re.sub(r"(?m)^Node: .*$", "", text) for text in texts)


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Marks in all, half and a tenth of the steps, of all recordings and of one domain."""
    own = list(flows([builds.RECORDINGS]))
    real = list(flows(shared / "data" / name for name in SHARED))
    found: list[Figure] = []
    for share in (1.0, 0.5, 0.1):
        for title, domain, given in (
            ("all", "", own),
            ("one domain", "shop.example", own),
            ("shared", "", real),
        ):
            name = f"{title} {share:.0%}"
            found += figures(folder / name, given, share, domain, seed, name)
    return found
