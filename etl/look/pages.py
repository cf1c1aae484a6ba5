"""A page before and after pruning, side by side, element by element.

A build does not keep the page before: it is read again from the recorded input, which must still be
there and unchanged (`etl.look.original`). The page after is the observation of the sample. Elements
are matched by their node ids, which pruning keeps, or by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any, Final, NamedTuple

from etl.dataset.place import Place
from etl.pages.axtree import Tree
from etl.pages.compact import CUT, Compactor, CompactRules, numbering
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import END, START, Token
from etl.terminal.text import cell, clipped, columns, count, dim, head, target
from schemas.reasons import TAKEN_DOWN
from schemas.samples import Sample
from schemas.workflow import Step

_AROUND: Final = 12
_NODE: Final = re.compile(r' node="([0-9]+)"')
_NARROWEST: Final = 24


class Row(NamedTuple):
    """One element with the text after its start tag, before and after pruning."""

    node: int
    """Its node id."""
    depth: int
    """The number of open elements around it."""
    before: str
    """Start tag and text as recorded."""
    after: str
    """The same in the observation; empty if it was removed."""


def view(
    place: Place, sample_id: str, shard: str, made: Sample | None, reasons: Collection[str]
) -> dict[str, Any]:
    """A step's page before and after pruning.

    ``missing``: why the page cannot be read, empty if it can; ``html``: the page;
    ``axtree``: the page as text, where that is what is observed; ``url``,
    ``action`` and ``locators`` as recorded; ``pruned``: whether the page was pruned; ``target``:
    node id of the target, -1 if not known; ``elements``: a `Row` each.

    shard: key of the input shard. made: the sample made from the step, if any. reasons: why the
    step was dropped; a step that was taken down is not read again.

    Raises:
        ConfigError: if there is no work folder.
    """
    from etl.look.original import recorded_step  # late: it loads every source

    place.inside("the page as it was recorded")
    if TAKEN_DOWN in reasons:
        step: Step | str = "it is on the takedown list"
    else:
        step = recorded_step(place.given, shard, sample_id)
    if isinstance(step, str):
        return {"missing": step, "html": None, "elements": []}
    as_text = step.axtree and (made.observation_kind == "axtree" if made else not step.html)
    observation = made.observation if made is not None else ""
    return {
        "missing": "",
        "html": step.html,
        "axtree": step.axtree if as_text else "",
        "url": step.url,
        "action": asdict(step.action),
        "locators": [asdict(each) for each in step.target],
        "pruned": made is not None,
        "target": made.node if made is not None else -1,
        "elements": [
            row._asdict()
            for row in (
                lines_beside(step.axtree, observation)
                if as_text
                else beside(step.html, observation, _numbered(place, made))
            )
        ],
    }


def _numbered(place: Place, made: Sample | None) -> Compactor | None:
    """What numbers the elements of an observation of lines; None for another one."""
    if made is None or made.observation_kind != "lines":
        return None
    settings = place.manifest.settings["samples"]["stage observe"]
    return numbering(CompactRules(**settings["rules"]))


def beside(html: str, observation: str, numbers: Compactor | None = None) -> list[Row]:
    """Every element of a page in document order, before and after pruning.

    numbers: of its elements, if the observation is one of lines.

    Raises:
        PageError: if the page cannot be read.
    """
    page = read(html)
    stayed = _stayed(observation) if numbers is None else _stayed_lines(observation)
    rows: list[Row] = []
    for depth, token, text in _elements(page):
        at = len(rows)
        node = page.node(at) if numbers is None else numbers.number(page, at)
        rows.append(Row(node, depth, f"{_start_tag(token)} {text}".rstrip(), stayed.get(node, "")))
    return rows


def lines_beside(text: str, observation: str) -> list[Row]:
    """Every line of a page that is a text, as recorded and as observed."""
    tree = Tree(text)
    observed = observation.split("\n") if observation else []
    cut = len(observed) < len(tree.lines)  # to fit a budget; lines that stay are as they were
    rows: list[Row] = []
    for number, line in enumerate(tree.lines):
        while cut and observed and observed[0].startswith(CUT) and observed[0] != line:
            observed.pop(0)
        stays = bool(observed) and (not cut or observed[0] == line)
        after = observed.pop(0).strip() if stays else ""
        rows.append(Row(tree.node(number), len(line) - len(line.lstrip()), line.strip(), after))
    return rows


def _stayed_lines(observation: str) -> dict[int, str]:
    """Node id -> its line in an observation of lines."""
    lines = (line.partition(" ") for line in observation.split("\n"))
    return {int(node): f"{node} {line}" for node, _, line in lines if node.isdecimal()}


def _stayed(observation: str) -> dict[int, str]:
    """Node id -> the element's start tag in an observation, with the text up to the next tag."""
    kept: dict[int, str] = {}
    node = -1
    for each in tags(observation)[1]:
        tag, _, text = each.partition(">")
        number = None if each.startswith("</") else _NODE.search(tag)
        if number is not None:
            node = int(number[1])
            kept[node] = each
        elif node >= 0 and text:
            kept[node] += text
    return kept


def tags(observation: str) -> tuple[str, list[str]]:
    """Split an observation into the text before the first tag, and each tag with its text.

    Every ``<`` opens a tag and every ``>`` closes one, because `etl.pages.prune` escapes all
    others.
    """
    before, *pieces = observation.split("<")
    return before.strip(), [f"<{piece}".rstrip() for piece in pieces]


def _start_tag(token: Token) -> str:
    """A start tag as it was written, its name in lower case."""
    return f"<{token.tag}{token.markup[len(token.tag) + 1 :]}"


def _elements(page: Page) -> Iterator[tuple[int, Token, str]]:
    """Each element's depth, start tag, and the text up to the next start tag."""
    opened: list[str] = []
    waiting: tuple[int, Token, list[str]] | None = None
    for token in page.tokens:
        if token.element:
            if waiting:
                yield waiting[0], waiting[1], " ".join(waiting[2])
            waiting = len(opened), token, []
            if token.kind == START:
                opened.append(token.tag)
        elif token.kind == END and token.tag in opened[-_DEEPEST:]:
            while opened.pop() != token.tag:
                pass
        if waiting and (text := " ".join(token.raw_text.split())):
            waiting[2].append(text)
    if waiting:
        yield waiting[0], waiting[1], " ".join(waiting[2])


_DEEPEST: Final = 512
"""An end tag is matched with at most this many open elements.

Without a limit, a page of start tags and unmatched end tags would take quadratic time.
"""


def text(result: Mapping[str, Any], whole: bool = False) -> list[str]:
    """`view` in two columns that fill the terminal.

    Unless ``whole``, a run of removed elements is one line, and only lines around the target are
    shown.
    """
    title = head("page as it was recorded, and after the pruning")
    if result["missing"]:
        return [title, cell(f"  {result['missing']}")]
    rows = [Row(**row) for row in result["elements"]]
    at = next((number for number, row in enumerate(rows) if row.node == result["target"]), -1)
    lines = [title]
    action = [result["action"][name] for name in ("kind", "value", "description")]
    lines += [
        cell(f"  {said}") for said in (result["url"], ": ".join(filter(None, action))) if said
    ]
    locators = ((each["kind"], each["name"], each["value"]) for each in result["locators"])
    lines += [cell(f"  locator {' '.join(filter(None, each))}") for each in locators]
    if not result["pruned"]:
        lines += ["  the step was dropped before its page was pruned", ""]
        shown = [cell("  " * row.depth + row.before) for row in rows]
        fitting = [clipped(line, columns()).rstrip() for line in shown]
        return [*lines, *(shown if whole else around(fitting, -1, _AROUND))]
    kept = sum(bool(row.after) for row in rows)
    lines.append(f"  {count(kept)} of {count(len(rows))} elements are left")
    if at >= 0:
        lines += [f"  before: {cell(rows[at].before)}", f"  after:  {cell(rows[at].after)}"]
    return [*lines, "", *_columns(rows, at, whole)]


def _columns(rows: Sequence[Row], at: int, whole: bool) -> list[str]:
    """Rows side by side, indented relative to the least deep one that is shown."""
    half = max(_NARROWEST, (columns() - 3) // 2)
    shown: list[list[Row]] = []  # one row each, or a run of removed ones
    place = -1
    for went, group in groupby(
        enumerate(rows), key=lambda pair: not pair[1].after and pair[0] != at
    ):
        run = [*group]
        if went and len(run) > 2 and not whole:
            shown.append([row for _, row in run])
            continue
        for number, row in run:
            place = len(shown) if number == at else place
            shown.append([row])
    start, end = (0, len(shown)) if whole else _window(len(shown), place, _AROUND)
    base = min((run[0].depth for run in shown[start:end]), default=0)
    lines = [_line(run, half, base, place == number) for number, run in enumerate(shown)]
    return lines if whole else around(lines, place, _AROUND)


def _line(run: Sequence[Row], half: int, base: int, is_target: bool) -> str:
    """One line of two columns, ``half`` characters each: a row, or a run of removed ones."""
    row = run[0]
    margin = " " * min(2 * max(0, row.depth - base), half // 2)
    before, after = (row.before, row.after) if len(run) == 1 else (f"… {len(run):,} elements", "")
    left, right = (
        clipped(cell(f"{margin}{side}" if side else ""), half) for side in (before, after)
    )
    if is_target:
        return f"{target(left)} ┊ {target(right)}"
    return f"{left if after else dim(left)} ┊ {right}".rstrip()


def around(lines: Sequence[str], at: int, number: int) -> list[str]:
    """The lines around line ``at``, ``number`` on each side; with -1, the first lines.

    Lines that are left out are counted, above and below.
    """
    start, end = _window(len(lines), at, number)
    above = [dim(f"… {start:,} lines above: --whole")] if start else []
    below = [dim(f"… {len(lines) - end:,} lines below: --whole")] if end < len(lines) else []
    return [*above, *lines[start:end], *below]


def _window(size: int, at: int, number: int) -> tuple[int, int]:
    """The first line that is shown, and the one after the last."""
    if at < 0:
        return 0, min(size, 2 * number + 1)
    return max(0, at - number), min(size, at + number + 1)
