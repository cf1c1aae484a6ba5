"""`stepmill inspect DIR leaks`: marks that sit almost only on targets, and how to take them off."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from etl.dataset.index import scan
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.look.leaks import chance
from etl.look.leaks.counts import Count, Group, Seen, by_source, counted, frequent, merged
from etl.look.original import recorded
from etl.pages.axtree import Tree
from etl.pages.marks import names
from etl.pages.marks.lines import as_markup
from etl.pages.marks.names import Mark
from etl.pages.reading import read
from etl.terminal.text import cell, percent, table
from schemas.samples import Sample, element_of

_SETTINGS: Final = {
    names.ATTRIBUTE: "attributes",
    names.CLASS: "classes",
    names.STYLE: "styles",
    names.TEXT: "texts",
    names.BEGINNING: "beginnings",
    names.ENDING: "endings",
}
CSV: Final = (
    *("source", "domain", "place", "kind", "mark", "setting", "entry", "targets", "samples"),
    *("share_of_targets", "others", "elements", "share_of_others", "different", "p_value"),
    "examples",
)
"""The columns of CSV, which are there even if there are no rows."""
_OVERLAYS: Final = 2
"""The most makes of elements, of whose mark it is said that they are the recorder's whole."""
_SHOWN: Final = 40
"""The most leaks that the text shows."""


class _Place(NamedTuple):
    """Where a mark was found to tell targets apart."""

    source: str
    # empty: in all domains of the format
    domain: str
    # on or near
    place: str


class _Leak(NamedTuple):
    """A mark that tells targets apart."""

    where: _Place
    mark: Mark
    counts: Count
    others: int
    # all samples and all other elements there
    samples: int
    elements: int
    chance: float

    @property
    def goes_whole(self) -> bool:
        """Whether the elements that have it are the recorder's own: all of one make or two."""
        return (
            self.where.place == "near"
            and len(self.counts.bearers) <= _OVERLAYS
            and self.mark.kind in (names.ATTRIBUTE, names.CLASS)
        )


def _line_of(tree: Tree, sample: Sample) -> int:
    """The number of the target's line in an observation that is a text."""
    if sample.observation_kind == "lines":
        head = f"{sample.node} "
        return next(at for at, line in enumerate(tree.lines) if line.startswith(head))
    found = tree.find(sample.ref)  # lines may have been cut, so the node does not tell its place
    return found[0] if len(found) == 1 else len(tree.lines) - 1 - sample.node


class _Pages:
    """The pages of a dataset with their targets, one at a time; what is left out is counted."""

    def __init__(self, place: Place, as_recorded: bool) -> None:
        self.work = place.inside("what tells targets apart")
        self.place, self.as_recorded = place, as_recorded
        self.missing: dict[str, int] = {}
        self.kept = (
            scan(self.work)
            .filter(pl.col("reason") == "")
            .select("bundle", "row", "chars")
            .sort("bundle", "row")
            .collect()
        )

    def __iter__(self) -> Iterator[Seen]:
        self.missing = {}
        yield from self._recorded() if self.as_recorded else self._observed()

    def _observed(self) -> Iterator[Seen]:
        for sample in gather(self.kept, self.work):
            if (why := _without(sample.node)) is not None:
                self._leave(why)
                continue
            if sample.observation_kind != "html":
                tree = Tree(sample.observation)
                page, line = read(as_markup(tree)), _line_of(tree, sample)
                yield Seen(sample.sample_id, sample.source, sample.domain, page, line, False)
                continue
            page = read(sample.utf8)
            target = next(iter(page.with_attribute("node", str(sample.node))), -1)
            assert target >= 0, sample.sample_id
            yield Seen(sample.sample_id, sample.source, sample.domain, page, target, True)

    def _recorded(self) -> Iterator[Seen]:
        known: dict[str, tuple[str, str, int, str, str]] = {}
        for sample in gather(self.kept, self.work):
            if (why := _without(sample.node)) is not None:
                self._leave(why)
            else:
                line = sample.target_html if sample.observation_kind == "axtree" else ""
                source, domain = sample.source, sample.domain
                known[sample.sample_id] = source, domain, sample.node, sample.fitted, line
        for sample_id, step in recorded(self.place.given, known):
            if isinstance(step, str):
                self._leave(step)
                continue
            source, domain, node, fitted, line = known[sample_id]
            if line:
                tree = Tree(step.axtree)
                page, target = read(as_markup(tree)), _line(tree, line, node)
                yield Seen(sample_id, source, domain, page, target, False)
                continue
            page = read(step.page)
            target = element_of(page.elements, node, fitted)
            yield Seen(sample_id, source, domain, page, target, False)

    def _leave(self, why: str) -> None:
        self.missing[why] = self.missing.get(why, 0) + 1


def _line(tree: Tree, target: str, node: int) -> int:
    """The number of the target's line: the one with its id, else the one with its node id."""
    there = tree.find(Tree(target).id(0)) if target else []
    return there[0] if len(there) == 1 else len(tree.lines) - 1 - node


def _without(node: int) -> str | None:
    """Why a sample has nothing to look at; None if it has."""
    return "the action has no element" if node < 0 else None


def view(place: Place, as_recorded: bool = False) -> dict[str, Any]:
    """Marks that sit almost only on targets, or directly around them.

    ``pages``: observations or recorded; ``samples``: those that were looked at; ``left_out``: the
    others, by why; ``lost``: marks that come no more often may have been overlooked; ``tests``: how
    many marks were tried; ``leaks``: a row each; ``recipe``: the section that takes them off.

    as_recorded: look at the pages as recorded, not at what pruning leaves of them.

    Raises:
        ConfigError: there is no work folder.
    """
    pages = _Pages(place, as_recorded)
    wanted, lost = frequent(pages)
    groups = counted(pages, wanted)
    found, tests = _found(groups)
    rows = [_row(leak) for leak in found]
    return {
        "pages": "recorded" if as_recorded else "observations",
        "samples": sum(group.samples for group in groups.values()),
        "left_out": dict(sorted(pages.missing.items())),
        "lost": lost,
        "tests": tests,
        "leaks": rows,
        "recipe": _recipe(rows),
    }


def _found(groups: dict[tuple[str, str], Group]) -> tuple[list[_Leak], int]:
    """The leaks of all formats and domains, and the number of tests."""
    levels = []
    for source, domains in by_source(groups):
        whole = merged(groups[source, domain] for domain in domains)
        levels.append((source, "", whole))
        levels += [(source, domain, groups[source, domain]) for domain in domains]
    tried = [
        (_Place(source, domain, place), group, mark, count)
        for source, domain, group in levels
        for place, counts in (("on", group.on), ("near", group.near))
        for mark, count in sorted(counts.items())
        if len(count.different) >= chance.LEAST
    ]
    leaks: list[_Leak] = []
    everywhere: set[tuple[str, str, Mark]] = set()
    for where, group, mark, count in tried:
        if (where.source, where.place, mark) in everywhere:
            continue
        others = group.everywhere[mark] - count.carriers  # near: targets that have it among them
        mean = count.chances / count.targets / 1e6
        value = chance.found(count.targets, others, len(count.different), mean, len(tried))
        if value is None:
            continue
        if not where.domain:
            everywhere.add((where.source, where.place, mark))
            where = _narrow(groups, where, mark, count)
        leaks.append(_Leak(where, mark, count, others, group.samples, group.elements, value))
    return _without_repeats(leaks), len(tried)


def _narrow(
    groups: dict[tuple[str, str], Group], where: _Place, mark: Mark, count: Count
) -> _Place:
    """The one domain in which a mark was found, if it is only one."""
    for (source, domain), group in sorted(groups.items()):
        mine = (group.on if where.place == "on" else group.near).get(mark)
        if source == where.source and mine and mine.targets == count.targets:
            return where._replace(domain=domain)
    return where


def _without_repeats(leaks: list[_Leak]) -> list[_Leak]:
    """The leaks, without those that another one says better.

    A mark on the target is not told again as near it. Of an attribute, the value is told if it is
    always the same, else the name alone; of a text, the whole one, else the longest words that are
    always there; of an element that goes whole, one mark.
    """
    leaks = sorted(leaks, key=lambda leak: (leak.where, leak.mark))
    on = {(each.where.source, each.mark) for each in leaks if each.where.place == "on"}
    leaks = [
        each
        for each in leaks
        if each.where.place == "on" or (each.where.source, each.mark) not in on
    ]
    return [each for each in leaks if not any(_says_better(other, each) for other in leaks)]


def _says_better(other: _Leak, leak: _Leak) -> bool:
    """Whether another leak says the same, and more exactly, or includes this one."""
    if other.mark == leak.mark or other.where[::2] != leak.where[::2]:
        return False
    same = other.counts.together == leak.counts.together
    mine, its = leak.mark, other.mark
    # bearers are told by their classes: all that have this mark have that class, and go
    within = leak.counts.bearers <= other.counts.bearers
    if its.kind == names.CLASS and other.goes_whole and not leak.goes_whole and within:
        return True
    if same and other.goes_whole and other.counts.bearers == leak.counts.bearers:
        return not leak.goes_whole or (its.kind != names.CLASS, its) < (
            mine.kind != names.CLASS,
            mine,
        )
    if mine.kind in names.OF_TEXTS:
        if its.kind not in names.OF_TEXTS:
            return False
        if same:
            rank = [(each.kind != names.TEXT, -len(each.name), each) for each in (its, mine)]
            return (mine.name in its.name or its.name in mine.name) and rank[0] < rank[1]
        return other.counts.targets > leak.counts.targets and (
            (its.kind == names.BEGINNING and f"{mine.name} ".startswith(f"{its.name} "))
            or (its.kind == names.ENDING and f" {mine.name}".endswith(f" {its.name}"))
            or (its.kind == names.TEXT and its.name in mine.name)
        )
    own, _, value = mine.name.partition("=")
    if mine.kind == names.ATTRIBUTE and not value:
        specific = (its.kind == names.ATTRIBUTE and its.name.startswith(f"{own}=")) or (
            its.kind in (names.CLASS, names.STYLE) and its.kind == own
        )
        return specific and same
    name = own if mine.kind == names.ATTRIBUTE else mine.kind
    return its == Mark(names.ATTRIBUTE, name) and not same


def _row(leak: _Leak) -> dict[str, Any]:
    where, mark, count = leak.where, leak.mark, leak.counts
    setting, entry = _SETTINGS[mark.kind], mark.name
    if leak.goes_whole:
        setting, entry = "elements", f".{entry}" if mark.kind == names.CLASS else entry
    others = leak.elements - leak.samples
    return {
        "source": where.source,
        "domain": where.domain,
        "place": where.place,
        "kind": mark.kind,
        "mark": mark.name,
        "setting": f"leaks.{setting}",
        "entry": entry,
        "targets": count.targets,
        "samples": leak.samples,
        "share_of_targets": count.targets / leak.samples,
        "others": leak.others,
        "elements": others,
        "share_of_others": leak.others / others if others else 0.0,
        "different": len(count.different),
        "p_value": leak.chance,
        "examples": count.examples,
    }


def _recipe(rows: list[dict[str, Any]]) -> str:
    """The section of a recipe that takes these leaks off; empty if there are none."""
    lists: dict[str, set[str]] = {}
    for row in rows:
        lists.setdefault(row["setting"].partition(".")[2], set()).add(row["entry"])
    lines = [
        f"{name} = [{', '.join(json.dumps(each, ensure_ascii=False) for each in sorted(entries))}]"
        for name, entries in sorted(lists.items())
    ]
    return "\n".join(["[leaks]", *lines]) if lines else ""


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row for each leak."""
    return [{**row, "examples": " ".join(row["examples"])} for row in result["leaks"]]


def text(result: Mapping[str, Any]) -> str:
    """`view` as a table, and the section of a recipe that takes the leaks off."""
    pages = "as recorded" if result["pages"] == "recorded" else "as a model sees them"
    lines = [
        f"{result['samples']:,} pages with a target, {pages}; {result['tests']:,} marks were tried"
    ]
    lines += [f"{count:,} samples left out: {why}" for why, count in result["left_out"].items()]
    if result["lost"]:
        lines.append(
            f"marks on no more than {result['lost']:,} targets may have been overlooked: there are "
            "too many different ones"
        )
    if not result["leaks"]:
        return "\n".join([*lines, "nothing sits almost only on targets"])
    head = ["kind", "mark", "where", "format", "domain", "on targets", "elsewhere", "for example"]
    cells = [
        [
            row["kind"],
            row["mark"],
            "on the target" if row["place"] == "on" else "around it",
            row["source"],
            row["domain"] or "all",
            f"{row['targets']:,} of {row['samples']:,} ({percent(row['share_of_targets'])})",
            f"{row['others']:,} of {row['elements']:,}",
            row["examples"][0],
        ]
        for row in result["leaks"][:_SHOWN]
    ]
    lines += ["", *table(head, cells)]
    if len(result["leaks"]) > _SHOWN:
        lines.append(f"and {len(result['leaks']) - _SHOWN:,} more: --csv lists them all")
    recipe = [cell(line) for line in result["recipe"].split("\n")]
    return "\n".join([*lines, "", "in a recipe this takes them off:", "", *recipe])
