"""Entries of a recipe's lists that match nothing: each is shown with its setting and a hint.

The lists: takedown, held-out splits, what is included and excluded, marks of recorders, rules of a
recipe's own, and the ids of mappings. They are checked after the index. The result is kept in
``work/unmatched.json`` for runs that find nothing to do; the part about the takedown list is kept
in that list's own file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import polars as pl

from etl.build.recipes.recipe import Recipe
from etl.dataset import state
from etl.dataset.layout import LEDGER, SAMPLES, Shelf, Work
from etl.decisions import takedown
from etl.decisions.takedown import Matches, Takedown
from etl.files import storage
from etl.files.arrow import open_arrow, read_json, write_json
from etl.files.storage import AnyPath
from etl.pages.domain import domain_of
from etl.stages.augment import Augment
from etl.stages.leaks import Leaks
from etl.stages.objectives import SETTING
from etl.stages.rules import stage as rules_stage
from etl.stages.rules.stage import Rules
from etl.stages.select import Select
from schemas.errors import BuildError

SHOWN: Final = 20
"""The most entries of a setting that are shown."""
_OF_REPORTS: Final = ("matched", "taken_workflows", "taken_records", "copies", "drops")
"""The keys that are held of each report; the others take a line for every workflow."""


_NO_DROP: Final = "nothing is dropped for this reason, or not first for it"


class Unmatched(NamedTuple):
    """An entry of a list that matches nothing."""

    # the setting that lists it, as ``section.key``
    setting: str
    entry: str
    # what may have been meant; empty if nothing comes near
    hint: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.entry!r} matches nothing{self.hint and f'; {self.hint}'}"


class Names:
    """Compares names in lists with everything that was read.

    It reads the ledgers of all inputs, one at a time; memory is bounded by the names and one
    ledger.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self._wanted = frozenset(wanted)
        self._plain = {plain: name for name in sorted(self._wanted) for plain in _plainly(name)}
        self.there: set[str] = set()
        self._near: dict[str, str] = {}

    def read(self, ledger: pl.DataFrame) -> None:
        """Look for the names in the ledger of an input."""
        rows = ledger.filter((pl.col("reason") == "") & pl.col("unit").is_in(["workflow", "step"]))
        own = rows.filter(unit="workflow")["id"].str.splitn(":", 2).struct.field("field_1")
        names = pl.concat([rows["id"], own, rows["recorded"], rows["domain"]]).unique()
        self.there.update(name for name in names if name in self._wanted)
        absent = {plain: name for plain, name in self._plain.items() if name not in self.there}
        if not absent:
            return
        for name in names.sort():
            if name and name.lower() in absent:
                self._near[absent[name.lower()]] = name

    def hint(self, name: str) -> str:
        """What may have been meant by a name that matches nothing."""
        if name in self.there:
            return "it was read, but nothing of it is trained on, or it is no name of this kind"
        near = self._near.get(name, "")
        return f"did you mean {near}?" if near else ""


def _plainly(name: str) -> Iterator[str]:
    """Forms of a name in lower case, without what people write around it.

    That is quotes, further columns, the number of a step, or the rest of a URL.
    """
    bare = name.strip().strip("\"'").lower()
    yield bare
    for mark in ",;\t":
        yield bare.partition(mark)[0].strip().strip("\"'")
    yield bare.rpartition("/")[0]
    if domain := domain_of(bare if "://" in bare else f"https://{bare}/", "").domain:
        yield domain


@dataclass(frozen=True)
class Asked:
    """The effect of the entries of a recipe's lists."""

    # what the takedown list took down, by entry
    matches: Matches
    unmatched: tuple[Unmatched, ...]

    def lines(self) -> Iterator[str]:
        """Lines for people: what each entry of the takedown list took down."""
        yield from self.matches.lines(SHOWN)

    def warnings(self) -> Iterator[str]:
        """Lines for people: the entries that match nothing."""
        for setting in sorted({each.setting for each in self.unmatched}):
            mine = [each for each in self.unmatched if each.setting == setting]
            yield from map(str, mine[:SHOWN])
            if len(mine) > SHOWN:
                yield f"{setting}: {len(mine) - SHOWN:,} more entries match nothing"

    def as_json(self) -> dict[str, Any]:
        """The effect for programs."""
        return {
            "takedown": self.matches.as_json(),
            "unmatched": [each._asdict() for each in self.unmatched],
        }

    def counts(self) -> dict[str, int]:
        """The number of entries that match nothing, by setting."""
        return dict(sorted(Counter(each.setting for each in self.unmatched).items()))


def look(places: Shelf, recipe: Recipe, held: Mapping[str, Sequence[str]]) -> Asked:
    """Work out the effect of the lists, and keep it in the work folder.

    held: entries of held-out lists that match nothing, by setting.
    """
    keys = state.keys(places.own)
    listed, select = recipe.taken_down, recipe.stage(Select)
    augment = recipe.stage(Augment)
    leaks = [stage for stage in recipe.stages if isinstance(stage, Leaks)]
    rules = [stage for stage in recipe.stages if isinstance(stage, Rules)]
    noted = listed or select or augment.files or leaks or rules
    paths = places.existing(SAMPLES, keys, ".json") if noted else []
    reports = [
        {name: report[name] for name in _OF_REPORTS}
        | {"drops": {reason for _, stage, reason, _, _ in report["drops"] if stage == Rules.name}}
        for report in storage.together(read_json, paths)
    ]
    matched = frozenset(name for report in reports for name in report["matched"])
    matches = takedown.matches_of(listed, reports)
    lists = {takedown.SETTING: matches.none, **held, **select.unmatched(matched)}
    for stage in leaks:
        lists |= stage.unmatched(matched)
    ids: dict[str, Iterable[str]] = {}
    if augment.mapping is not None:
        ids["augment.descriptions"] = augment.mapping.texts
    if augment.own:
        ids[SETTING] = [id for id in augment.own if f"{SETTING} {id}" not in matched]
    found = [*_unmatched(places.existing(LEDGER, keys), lists, ids)]
    found += [Unmatched(SETTING, name, hint) for name, hint in augment.unmatched(matched)]
    given = {reason for report in reports for reason in report["drops"]}
    found += [
        Unmatched(rules_stage.SETTING, own, _NO_DROP)
        for stage in rules
        for own in stage.own
        if own not in given
    ]
    asked = Asked(matches, tuple(sorted(found, key=lambda each: each.setting)))
    hints = {each.entry: each.hint for each in asked.unmatched if each.setting == takedown.SETTING}
    takedown.keep_matches(places.common.takedown, listed, replace(matches, hints=hints))
    rows = [each._asdict() for each in asked.unmatched if not _listed(each, listed)]
    if rows:
        write_json(places.own.unmatched, rows)
    else:
        storage.remove(places.own.unmatched)
    return asked


def kept(work: Work) -> Asked:
    """The effect of the lists in the complete build of a folder, as it was kept."""
    matches = takedown.kept_matches(work.takedown)
    path = work.unmatched
    rows: list[dict[str, Any]] = read_json(path) if storage.exists(path) else []
    of_list = [
        Unmatched(takedown.SETTING, entry, matches.hints.get(entry, "")) for entry in matches.none
    ]
    return Asked(matches, (*of_list, *(Unmatched(**row) for row in rows)))


def check(asked: Asked, strict: bool) -> None:
    """Stop a strict build if an entry matches nothing.

    Raises:
        BuildError: an entry matches nothing, and the build is strict.
    """
    if strict and asked.unmatched:
        lines = "".join(f"\n  {each}" for each in asked.unmatched[:SHOWN])
        raise BuildError(
            f"{len(asked.unmatched):,} entries of lists match nothing, and --strict is on:{lines}"
        )


def _unmatched(
    ledgers: Iterable[AnyPath], lists: Mapping[str, Sequence[str]], ids: Mapping[str, Iterable[str]]
) -> Iterator[Unmatched]:
    """The entries that match nothing, each with a hint.

    ledgers: of all inputs. lists: entries that match nothing, by setting. ids: of mappings, by
    setting; whether they match is found out here.
    """
    wanted = {_name(setting, entry) for setting in lists for entry in lists[setting]}
    names = Names({*wanted, *(id for given in ids.values() for id in given)})
    if wanted or any(ids.values()):
        for path in ledgers:
            names.read(_read(path))
    every = {
        **lists,
        **{key: sorted(id for id in given if id not in names.there) for key, given in ids.items()},
    }
    for setting in sorted(every):
        yield from (
            Unmatched(setting, entry, names.hint(_name(setting, entry))) for entry in every[setting]
        )


def _name(setting: str, entry: str) -> str:
    """The name in an entry; entries of a takedown list begin with the kind of what they name."""
    return entry.partition(" ")[2] if setting == takedown.SETTING else entry


def _read(path: AnyPath) -> pl.DataFrame:
    table = open_arrow(path).read_all().select(["unit", "id", "reason", "domain", "recorded"])
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _listed(each: Unmatched, listed: Takedown) -> bool:
    """Whether an entry names what is taken down; only the takedown's own file may hold it."""
    return (
        each.setting == takedown.SETTING or listed.names(each.entry) or each.entry in listed.domains
    )
