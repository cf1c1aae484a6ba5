"""What a build remembers in its work folder from one run to the next, beside what it has made.

- ``settings.json``: what decides the output, by phase, as it was when the folder's contents were
  made.
- ``inputs.json``: the input shards of the build in the making or made last, each with its key and
  generation. The files of other keys are of inputs that are gone; nothing reads them, and
  ``stepmill clean`` removes them.
- ``reading.json``: the keys of the input shards of a build in the making, until ``inputs.json`` has
  them.
- ``generations.json``: the generations of the last complete build.
- ``previous.json``: the figures of the last complete build, where it had to go because of a
  takedown.
- ``takedown.json``: the takedown list (`etl.decisions.takedown`), if there is one, and what it took
  down; published is only its hash.
- ``unmatched.json``: entries of other lists of the recipe that match nothing
  (`etl.build.unmatched`), if there are any.
- ``candidate/``: the build in the making, or the one that its gates rejected
  (`etl.dataset.candidate`).
- ``notes.json``: what people wrote into the data card (`etl.dataset.hand_written`), if they did.
- ``forgiven.json``: failures of gates in spite of which a build was accepted (`etl.build.verdict`).
- ``stamps.json``: how the files of the last complete build were left (`etl.dataset.stamps`).
- ``edited/``: documents of the dataset that somebody had edited where they are written anew
  (`etl.build.edited`).
- ``last_build.json``: how the last run ended (`etl.build.last_build`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from etl.dataset import manifest, own_files
from etl.dataset.drift import without
from etl.dataset.generations import Generations
from etl.dataset.layout import FOLDERS, Layout, Work
from etl.dataset.manifest import Figures, Input, Totals, UnitCounts
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath

COMPLETE: Final = "complete"
NOTHING: Final = "nothing_to_do"
GATE: Final = "gate_failed"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
"""How a run ended."""

_PHASES: Final = {
    "samples": "all phases are done again for the inputs it is about",
    "index": "index and packing are done again",
    "packed": "packing is done again",
    "card": "the card is written again",
}


class Named(Protocol):
    """What is noted of an input shard."""

    @property
    def key(self) -> str:
        """Hash of name and content."""
        ...

    @property
    def name(self) -> str:
        """Path relative to the root that it was given under."""
        ...

    @property
    def format(self) -> str:
        """Name of its source."""
        ...


@dataclass(frozen=True)
class Change:
    """A setting that is not what it was: its phase and path, and a line about it."""

    phase: str
    path: str
    line: str


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What differs between two settings, field by field."""
    return [Change(path.partition(".")[0], path, line) for path, line in _differences(old, new, "")]


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and old != new:
        gone, come = (
            [item for item in old if item not in new],
            [item for item in new if item not in old],
        )
        yield path, f"{path}: without {gone}, with {come}"
    elif old != new:
        yield path, f"{path}: {old!r} is now {new!r}"


def consequences(found: Sequence[Change]) -> list[str]:
    """The changes with what each phase that they are about would have to do."""
    lines: list[str] = []
    for phase, effect in _PHASES.items():
        of_phase = [f"  {change.line}" for change in found if change.phase == phase]
        lines += [*of_phase, f"    -> {effect}"] if of_phase else []
    return lines


def is_build(out: AnyPath) -> bool:
    """Whether a run of stepmill has left something in a folder; a folder ``work`` alone may be
    anybody's.
    """
    work = Layout(out).work
    marks = (work.order, work.settings, work.last_build, work.remembered)
    return storage.holds_anything(work.locks) or any(storage.exists(path) for path in marks)


def last_run(work: Work) -> Mapping[str, Any]:
    """What a work folder says of its last run; empty if it says nothing."""
    if not storage.exists(work.last_build):
        return {}
    found: Mapping[str, Any] = read_json(work.last_build)
    return found


def begin_reading(out: AnyPath, keys: Collection[str]) -> None:
    """Note the keys of the input shards that are being read, so that what is made of them is not
    taken for stale.
    """
    path, found = Layout(out).work.reading, sorted(keys)
    if not storage.exists(path) or read_json(path) != found:
        write_json(path, found)


def end_reading(out: AnyPath) -> None:
    """``inputs.json`` has them."""
    storage.remove(Layout(out).work.reading)


def save_inputs(work: Work, shards: Sequence[Named], generations: Generations) -> None:
    """Note which input shards the build is made of."""
    number_of = generations.of_inputs()
    write_json(
        work.inputs,
        [
            {"key": s.key, "name": s.name, "format": s.format, "generation": number_of[s.name]}
            for s in shards
        ],
    )


def keys(work: Work) -> list[str]:
    """Keys of the input shards that the build is made of, in order."""
    path = work.inputs
    return [row["key"] for row in read_json(path)] if storage.exists(path) else []


def generations(work: Work) -> Generations:
    """Those of the last complete build."""
    path = work.generations
    return Generations.from_json(read_json(path)) if storage.exists(path) else Generations()


@dataclass(frozen=True)
class Before:
    """What the last complete build says of itself, to compare with."""

    figures: Figures
    totals: Totals
    inputs: tuple[Input, ...]
    # hash of its takedown list; empty without one
    takedown: str = ""
    # by unit; empty where only figures are kept
    accounting: Mapping[str, UnitCounts] = field(default_factory=dict)


def withdraw(out: AnyPath, domains: Collection[str]) -> Mapping[str, str]:
    """Take the manifest of the last complete build away; returns the hashes of its files. What it
    said is kept to compare with, without what it said of some domains.
    """
    build = Layout(out)
    before, files = previous(out, domains), manifest.hashes(build.dataset.manifest)
    assert before is not None
    kept = {"figures": before.figures, "totals": before.totals, "inputs": before.inputs}
    write_json(build.work.previous, manifest.as_json(kept))
    storage.remove(build.dataset.manifest)
    return files


def forget(work: Work, domains: Collection[str]) -> None:
    """Leave domains out of what is kept of the build before."""
    path = work.previous
    if domains and storage.exists(path):
        before = read_json(path)
        figures = without(manifest.of_json(Figures, before["figures"], path), domains)
        left = before | {"figures": manifest.as_json(figures)}
        if left != before:
            write_json(path, left)


def previous(out: AnyPath, domains: Collection[str] = ()) -> Before | None:
    """Figures, totals and inputs of the last complete build, if there was one, without what it said
    of some domains.
    """
    for path in (Layout(out).dataset.manifest, Layout(out).work.previous):
        if storage.exists(path):
            before = read_json(path)
            counts = before.get("accounting", {})
            return Before(
                without(manifest.of_json(Figures, before["figures"], path), domains),
                manifest.of_json(Totals, before["totals"], path),
                tuple(manifest.of_json(Input, each, path) for each in before.get("inputs", [])),
                before.get("takedown", ""),
                {unit: manifest.of_json(UnitCounts, of, path) for unit, of in counts.items()},
            )
    return None


def stale(out: AnyPath) -> list[AnyPath]:
    """Files under the work folder that nothing uses: of inputs that are gone, and what an
    interruption left.
    """
    work = Layout(out).work
    known = {
        *keys(work),
        *keys(Layout(out).candidate.work),
        *(read_json(work.reading) if storage.exists(work.reading) else ()),
    }
    every = [path for folder in FOLDERS for path in storage.files(work.of_inputs(folder))]
    old = [path for path in every if own_files.is_of_input(path.name) and path.stem not in known]
    return sorted([*old, *half_written(out)], key=str)


def half_written(out: AnyPath) -> list[AnyPath]:
    """What a run that died left of files that it was writing; nothing of exports and others beside
    the build.
    """
    folders = (Layout(out).dataset.root, Layout(out).work.root)
    return [path for folder in folders for path in own_files.parts(folder)]
