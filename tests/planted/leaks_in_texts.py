"""Marks of recorders, planted on the lines of targets in text observations: properties, classes,
markers before and behind, badges on a line of their own.

Each is planted in a share of the steps, in accessibility trees of WebArena and WorkArena and in the
element lists of browser-use. Innocents are on every line that can be clicked. A mark is found if
`stepmill inspect DIR leaks` names it; it is taken off if a build with the section that was printed
has the observations of recordings in which nothing was planted.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from etl.dataset.place import place_of
from etl.look.leaks import view as views
from etl.pages.axtree import Tree
from etl.stages.targets import find_line
from schemas.workflow import Locator, Step, Workflow
from tests.planted.figures import Figure
from tests.planted.leaks import flows, told, write
from tests.support import builds

PART: Final = "leaks"
TREES: Final = ("browsergym_webarena", "browsergym_workarena")
TAGGED: Final = ("browser_use_history",)
_ID: Final = re.compile(r"^(\s*)(\[[^\s\[\]]+\]:?|\d+:)(\s*)")


@dataclass(frozen=True)
class Planted:
    """One kind of mark: what becomes of a target's line, and what names it."""

    kind: str
    sign: str
    mark: Callable[[str], str]


def _behind(text: str) -> Callable[[str], str]:
    return lambda line: line + text


def _before(text: str) -> Callable[[str], str]:
    return lambda line: _ID.sub(rf"\1\2\3{text}", line) if _ID.match(line) else line


def _in_tag(text: str) -> Callable[[str], str]:
    return lambda line: re.sub(r"(<[A-Za-z][\w-]*)", rf"\1 {text}", line, count=1)


def _badge(line: str) -> str:
    return f"{line[: len(line) - len(line.lstrip())]}generic 'step', zz-badge\n{line}"


OF_TREES: Final = (
    Planted("state", "was-acted-on", _behind(", was-acted-on")),
    Planted("property", "capture=done", _behind(", capture='done'")),
    Planted("marker before", ">>>", _before(">>> ")),
    Planted("badge", "zz-badge", _badge),
)
OF_TAGS: Final = (
    Planted("attribute", "data-picked", _in_tag("data-picked=1")),
    Planted("class", "zz-picked", _in_tag('class="zz-picked"')),
    Planted("end", "zz-there", _behind(" zz-there")),
)


def plant(
    given: Iterable[Workflow], kinds: Iterable[Planted], share: float, domain: str, seed: int
) -> tuple[list[Workflow], list[Workflow], dict[str, set[str]]]:
    """Workflows of texts with and without marks; and the ids of the steps with each kind."""
    rng = random.Random(seed)
    clean, planted, key = list[Workflow](), list[Workflow](), dict[str, set[str]]()
    for number, flow in enumerate(given):
        plain, marked = list[Step](), list[Step]()
        for place, step in enumerate(flow.steps, 1):
            tree = Tree(_innocent(step.axtree))
            reason, _, line = find_line(tree, step.target)
            whole = replace(step, html="", axtree=tree.text, number=0)
            if reason or not tree.id(line) or len(tree.find(tree.id(line))) > 1:
                plain.append(whole)
                marked.append(whole)
                continue
            whole = replace(whole, target=(Locator("ref", tree.id(line)),))
            lines = list(tree.lines)
            for each in kinds:
                changed = each.mark(lines[line])
                if domain in step.url and rng.random() < share and changed != lines[line]:
                    lines[line] = changed
                    key.setdefault(each.kind, set()).add(f"workflows:f{number}/{place}")
            plain.append(whole)
            marked.append(replace(whole, axtree="\n".join(lines)))
        own = replace(flow, workflow_id=f"f{number}", source="workflows")
        clean.append(replace(own, steps=tuple(plain)))
        planted.append(replace(own, steps=tuple(marked)))
    return clean, planted, key


def _innocent(text: str) -> str:
    """A text with a property of the page's own on every other line that can be acted on."""
    lines = [
        f"{line}, tracked" if at % 2 and re.search(r"\] (?:button|link|textbox) '[^']*'$", line)
        else line
        for at, line in enumerate(text.split("\n"))
    ]  # fmt: skip
    return "\n".join(lines)


def figures(
    folder: Path, given: list[Workflow], kinds: tuple[Planted, ...], share: float, title: str
) -> Iterator[Figure]:
    """What is found of one planting, as recorded and as observed; and what is taken off."""
    clean, planted, key = plant(given, kinds, share, "", seed=0)
    write(folder / "clean" / "all.jsonl", clean)
    write(folder / "planted" / "all.jsonl", planted)
    settings = (
        "filter.min_english=0", "filter.duplicate_steps=false", 'filter.observations=["axtree"]',
    )  # fmt: skip
    builds.build([folder / "planted"], folder / "out", *settings)
    kept = set(builds.samples(folder / "out"))
    for as_recorded in (True, False):
        result = views.view(place_of(folder / "out"), as_recorded)
        seen = "recorded" if as_recorded else "observed"
        others = list(result["leaks"])
        for each in kinds:
            there = key[each.kind] & kept
            rows = [row for row in others if each.sign in row["mark"]]
            others = [row for row in others if row not in rows]
            found = max((row["targets"] for row in rows), default=0)
            flagged = max((row["targets"] + row["others"] for row in rows), default=0)
            kind = f"{title} {seen} {each.kind}"
            yield Figure(PART, kind, len(there), min(found, len(there)), flagged)
        yield Figure(PART, f"{title} {seen} innocent", 0, 0, len(others))
        (folder / f"{seen}.toml").write_text(result["recipe"])
    builds.build([folder / "clean"], folder / "pure", *settings)
    file = folder / "observed.toml"
    builds.build([folder / "planted"], folder / "mended", *settings, f"leaks.file={file}")
    pure, mended = (
        {name: told(each) for name, each in builds.samples(folder / out).items()}
        for out in ("pure", "mended")
    )
    both = pure.keys() & mended.keys()
    same = sum(pure[name] == mended[name] for name in both)
    yield Figure(PART, f"{title} taken off, texts", len(pure), same, len(both))


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Marks in all, half and a tenth of the steps."""
    trees = [*flows(shared / "data" / name for name in TREES)]
    tagged = [*flows(shared / "data" / name for name in TAGGED)]
    found: list[Figure] = []
    for share in (1.0, 0.5, 0.1):
        for title, given, kinds in (
            ("trees", trees, OF_TREES), ("tags", tagged, OF_TAGS),
        ):  # fmt: skip
            name = f"{title} {share:.0%}"
            found += figures(folder / name, given, kinds, share, name)
    return found
