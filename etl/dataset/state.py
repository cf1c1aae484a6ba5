"""What a build keeps in its work folder from one run to the next, in addition to its results.

- ``settings.json``: the settings that the folder's contents were made with, by phase.
- ``inputs.json``: the bundles of the newest build, finished or in the making, each with its key,
  its generation and its input shards. Files of other keys belong to inputs that are gone. Nothing
  reads them, and ``stepmill clean`` removes them.
- ``reading.json``: the keys of the bundles of a build in the making, until ``inputs.json`` is
  written.
- ``generations.json``: the generations of the last complete build.
- ``listing.json``: the mark of the inputs of the last complete build (`etl.inputs.listing`), by
  which the next run knows that it has nothing to do.
- ``previous.json``: the figures of the last complete build, if a takedown removed it.
- ``takedown.json``: the takedown list (`etl.decisions.takedown`), if there is one, and what it took
  down. Only its hash is published.
- ``unmatched.json``: entries of other lists of the recipe that match nothing
  (`etl.build.unmatched`), if there are any.
- ``candidate/``: the build in the making, or the rejected one (`etl.dataset.candidate`).
- ``notes.json``: hand-written parts of the data card (`etl.dataset.hand_written`), if there are
  any.
- ``forgiven.json``: gates that failed before other limits accepted a build (`etl.build.verdict`).
- ``stamps.json``: sizes and times of the files of the last complete build (`etl.dataset.stamps`).
- ``edited/``: copies of documents that somebody edited and a build overwrote (`etl.build.edited`).
- ``last_build.json``: how the last run ended (`etl.build.last_build`).
- ``vocabularies.json``: the names of the vocabularies that have folders of their own, if there are
  any. Their work folders have these of their own: ``settings.json``, ``listing.json``,
  ``previous.json``, ``notes.json``, ``forgiven.json``, ``stamps.json``, ``edited/`` and
  ``candidate/``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from etl.dataset import manifest, own_files
from etl.dataset.drift import without
from etl.dataset.generations import Generations
from etl.dataset.layout import COUNTS, FOLDERS, SIGNATURES, Layout, Work
from etl.dataset.manifest import Figures, Input, Totals, UnitCounts
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

COMPLETE: Final = "complete"
NOTHING: Final = "nothing_to_do"
GATE: Final = "gate_failed"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"
"""The ways in which a run can end."""

_PHASES: Final = {
    "vocabularies": "the datasets of vocabularies that are gone are removed",
    "samples": "all phases are done again for the inputs it is about",
    "index": "index and packing are done again",
    "packed": "packing is done again",
    "mix": "weights and card are written again",
    "card": "the card is written again",
}


class Named(Protocol):
    """The parts of an input shard that are kept."""

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
    """A setting that has changed."""

    # the phase whose output it decides
    phase: str
    # its place: the phase, the section and so on, with dots
    path: str
    # the change, in words
    line: str


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences between two trees of settings, field by field."""
    return [Change(path.partition(".")[0], path, line) for path, line in _differences(old, new, "")]


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(old, list) and isinstance(new, list) and old != new:
        gone = [item for item in old if item not in new]
        added = [item for item in new if item not in old]
        yield path, f"{path}: without {gone}, with {added}"
    elif old != new:
        yield path, f"{path}: {old!r} is now {new!r}"


def consequences(changed: Sequence[Change]) -> list[str]:
    """Lines that list the changes of each phase, and what must be done again."""
    lines: list[str] = []
    for phase, effect in _PHASES.items():
        of_phase = [f"  {change.line}" for change in changed if change.phase == phase]
        lines += [*of_phase, f"    -> {effect}"] if of_phase else []
    return lines


def is_build(out: AnyPath) -> bool:
    """Whether stepmill has run in a folder.

    A subfolder ``work`` alone is no proof: it may belong to anybody.
    """
    work = Layout(out).work
    marks = (work.order, work.settings, work.last_build, work.remembered)
    return storage.holds_anything(work.locks) or any(storage.exists(path) for path in marks)


def further(out: AnyPath) -> list[Layout]:
    """The folders of the vocabularies of a build but the first."""
    build = Layout(out)
    path = build.work.vocabularies
    return [build.of_vocabulary(name) for name in (read_json(path) if storage.exists(path) else ())]


def vocabulary(work: Work) -> Mapping[str, Any] | None:
    """How to load the vocabulary of a build (`tokenization.vocabulary.noted`); None if unknown."""
    own = work.build.good.vocabulary
    if storage.exists(own):
        noted: Mapping[str, Any] = read_json(own)
        return noted
    return read_json(work.order).get("vocabulary") if storage.exists(work.order) else None


def check_whole(directory: AnyPath) -> None:
    """Check that a folder is that of a whole build, not of one of its vocabularies.

    Raises:
        ConfigError: it is that of a vocabulary.
    """
    build = Layout(directory)
    if build.main != build:
        raise ConfigError(
            f"{directory} holds the dataset of one vocabulary of the build in {build.main.root}; "
            "name that folder"
        )


def last_run(work: Work) -> Mapping[str, Any]:
    """The summary of the last run in a work folder; empty if there is none."""
    if not storage.exists(work.last_build):
        return {}
    summary: Mapping[str, Any] = read_json(work.last_build)
    return summary


def begin_reading(out: AnyPath, keys: Collection[str]) -> None:
    """Note the keys of the bundles that are being read, so that their files are not stale."""
    path, noted = Layout(out).work.reading, sorted(keys)
    if not storage.exists(path) or read_json(path) != noted:
        write_json(path, noted)


def end_reading(out: AnyPath) -> None:
    """Remove the note of `begin_reading`, once ``inputs.json`` holds the keys."""
    storage.remove(Layout(out).work.reading)


def save_inputs(
    work: Work, bundles: Iterable[tuple[str, Sequence[Named]]], generations: Generations
) -> None:
    """Write the list of input shards that the build is made of.

    bundles: the key of each, and its members.
    """
    number_of = generations.of_inputs()
    rows = [
        {
            "key": key,
            "generation": number_of[members[0].name],
            "members": [{"key": s.key, "name": s.name, "format": s.format} for s in members],
        }
        for key, members in bundles
    ]
    write_json(work.inputs, rows)


def bundles(work: Work) -> list[Mapping[str, Any]]:
    """The bundles that the build is made of: ``key``, ``generation`` and ``members`` of each.

    A member has ``key``, ``name`` and ``format`` of its input shard.
    """
    return list(read_json(work.inputs)) if storage.exists(work.inputs) else []


def keys(work: Work) -> list[str]:
    """The keys of the bundles that the build is made of, in order."""
    return [bundle["key"] for bundle in bundles(work)]


def members(work: Work) -> list[Mapping[str, str]]:
    """``key``, ``name`` and ``format`` of the input shards that the build is made of."""
    return [member for bundle in bundles(work) for member in bundle["members"]]


def generations(work: Work) -> Generations:
    """The generations of the last complete build; none if there was none."""
    path = work.generations
    return Generations.from_json(read_json(path)) if storage.exists(path) else Generations()


@dataclass(frozen=True)
class Before:
    """Figures of the last complete build, for comparison."""

    figures: Figures
    totals: Totals
    inputs: tuple[Input, ...]
    # hash of its takedown list; empty without one
    takedown: str = ""
    # by unit; empty if only figures are kept
    accounting: Mapping[str, UnitCounts] = field(default_factory=dict)


def withdraw(out: AnyPath, domains: Collection[str]) -> Mapping[str, str]:
    """Remove the manifest of the last complete build; returns the hashes of its files.

    Its figures are kept for comparison, without those of some domains.
    """
    build = Layout(out)
    before, files = previous(out, domains), manifest.hashes(build.dataset.manifest)
    assert before is not None
    kept = {"figures": before.figures, "totals": before.totals, "inputs": before.inputs}
    write_json(build.work.previous, manifest.as_json(kept))
    storage.remove(build.dataset.manifest)
    return files


def forget(work: Work, domains: Collection[str]) -> None:
    """Remove domains from the kept figures of the last complete build."""
    path = work.previous
    if domains and storage.exists(path):
        before = read_json(path)
        figures = without(manifest.of_json(Figures, before["figures"], path), domains)
        reduced = before | {"figures": manifest.as_json(figures)}
        if reduced != before:
            write_json(path, reduced)


def previous(out: AnyPath, domains: Collection[str] = ()) -> Before | None:
    """Figures of the last complete build, without those of some domains; None if there was none."""
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
    """Files that nothing uses: those of inputs that are gone, and unfinished ones."""
    work = Layout(out).work
    used = {*keys(work), *keys(Layout(out).candidate.work)}
    if storage.exists(work.reading):
        used.update(read_json(work.reading))
    unused = half_written(out)
    for folder in (*FOLDERS, COUNTS, SIGNATURES):
        for path in storage.files(work.of_inputs(folder)):
            if own_files.is_of_input(path.name) and path.stem not in used:
                unused.append(path)
    settings = read_json(work.settings) if storage.exists(work.settings) else {}
    pages = settings.get("samples", {}).get("pages", {}).get("archives", "")
    unused += [path for path in storage.files(work.pages, ".arrow") if path.stem != pages]
    return sorted(unused, key=str)


def half_written(out: AnyPath) -> list[AnyPath]:
    """Files that a run was writing when it died; without those of exports beside the build."""
    builds = [Layout(out), *further(out)]
    folders = [folder for each in builds for folder in (each.dataset.root, each.work.root)]
    return [path for folder in folders for path in own_files.parts(folder)]
