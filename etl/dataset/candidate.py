"""The candidate: a build in the making, or a rejected one, beside the last complete dataset.

If a folder holds a complete dataset, the next build is made in ``work/candidate``. That is laid out
like a build's folder: ``dataset``, and in ``work`` everything that does not belong to a single
input. Output shards that do not change stay where they are, and the candidate borrows them. So the
complete dataset stays whole, whatever happens to the build. In the end the candidate is

- accepted: its files are renamed to their places (object stores copy them). ``accepted.json`` is
  written first: from then on the switch is settled, and the next build completes it if it is
  interrupted;
- or rejected: what it borrowed is linked (or copied), so it can be looked at like any other build.

The first build of a folder has nothing to protect. It is made in place, and moved aside if it is
rejected.

A vocabulary with a folder of its own (`Layout.of_vocabulary`) has a candidate of its own, which is
read with the samples and the index of the build's candidate, if there is one. So it replaces the
vocabulary's dataset only after that, and ``accepted.json`` names the dataset that must come first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from etl.dataset import manifest as manifests
from etl.dataset import own_files, stamps, state
from etl.dataset.layout import (
    DATA,
    FITTED,
    FOLDERS,
    IN_WORK,
    LISTINGS,
    NAMES,
    OF_PHASES,
    SAMPLES,
    Layout,
    Work,
    files_of,
    shelf,
)
from etl.dataset.manifest import Manifest
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.paths import is_part
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

OF_OUTPUTS: Final = (DATA, LISTINGS, FITTED)
_INDEX: Final = NAMES.work.index.as_posix()
_OF_FOLDER: Final = frozenset({IN_WORK.order.as_posix(), IN_WORK.takedown.as_posix()})
"""Files in the work folder about the last run, however it ended; a candidate has copies."""
_OF_BUILD: Final = tuple(
    path.as_posix()
    for path in (
        IN_WORK.inputs,
        IN_WORK.notes,
        IN_WORK.unmatched,
        IN_WORK.index_ledger,
        IN_WORK.fit_ledger,
        IN_WORK.index_quarantine,
    )
)
"""Files in the work folder about one build; some builds lack some of them."""


def place_of(out: AnyPath) -> AnyPath:
    """Where a build into a folder is made: beside a complete dataset, else in place."""
    build = Layout(out)
    beside, around = build.candidate, build.main.candidate
    needed = (build.dataset.manifest, beside.borrowed, around.borrowed)
    return beside.root if any(map(storage.exists, needed)) else out


def begin(out: AnyPath, place: AnyPath) -> None:
    """Mark the place as in the making."""
    if place != out:
        storage.remove(Layout(place).dataset.manifest)
        if not storage.exists(Layout(place).borrowed):
            write_json(Layout(place).borrowed, [])


def borrow(place: AnyPath, names: Sequence[str]) -> None:
    """Note the output shards that a candidate borrows from the complete dataset."""
    build = Layout(place)
    if build.good != build:
        write_json(build.borrowed, sorted(names))


def of_shards(place: AnyPath, folder: str, ending: str) -> list[tuple[str, AnyPath]]:
    """The files of one kind of all output shards, by name, including borrowed ones.

    folder: their path under ``place``.
    """
    root = place / folder
    paths = {
        storage.relative(path, root).removesuffix(ending): path
        for path in storage.files(root, ending)
    }
    build = Layout(place)
    if build.good != build:
        lies = build.good.root / folder
        paths |= {name: lies / f"{name}{ending}" for name in read_json(build.borrowed)}
    return sorted(paths.items())


def keep_only(place: AnyPath, names: Collection[str]) -> None:
    """Remove all output shards but these; files that are not ours (`foreign`) stay."""
    for folder in OF_OUTPUTS:
        for path in storage.files(place / folder):
            name = storage.relative(path, place / folder)
            if own_files.is_of_output(name) and name.partition(".")[0] not in names:
                storage.remove(path)
        storage.prune(place / folder)


def foreign(place: AnyPath) -> list[AnyPath]:
    """Files among the output shards and the index that are not stepmill's, by their names."""
    strangers = []
    for folder in (*OF_OUTPUTS, _INDEX):
        for path in storage.files(place / folder):
            name = storage.relative(path, place / folder)
            ours = (
                own_files.generation_of(name) if folder == _INDEX else own_files.is_of_output(name)
            )
            if not (ours or is_part(name)):
                strangers.append(path)
    return strangers


def accept(out: AnyPath, manifest: Manifest, after: str = "") -> None:
    """Settle that the candidate takes the place of the complete dataset; `go_on` puts it there.

    after: fingerprint of the dataset of the build around a vocabulary, if it must be there first.
    """
    here, before = Layout(out).candidate, Layout(out).dataset.manifest
    old = manifests.hashes(before)
    keys = {*shelf(here.work).anew, *OF_PHASES}
    for path in _of_inputs(here.work):
        if path.name.partition(".")[0] not in keys:
            storage.remove(path)  # the candidate needs none of its own for this input
    work = [storage.relative(path, here.work.root) for path in storage.files(here.work.root)]
    noted = {"manifest": manifest.as_json(), "work": work, "old": sorted(old), "after": after}
    write_json(here.accepted, noted)


def go_on(out: AnyPath) -> bool:
    """Complete a switch that has begun; returns whether one had.

    Files with new names come first. Then there is no manifest for a moment, while the others are
    replaced. The new manifest comes last.
    """
    build, here = Layout(out), Layout(out).candidate
    if not storage.exists(here.accepted):
        return False
    noted = read_json(here.accepted)
    after = noted.get("after")
    if after and after != manifests.fingerprint(build.main.dataset.manifest):
        storage.remove(here.accepted)  # the switch of the build around it was not settled
        return False
    manifest = Manifest.from_json(noted["manifest"], here.accepted)
    old, work = frozenset(noted["old"]), frozenset(noted["work"])
    there = [storage.relative(path, here.root) for path in storage.files(here.dataset.root)]
    ours = [name for name in there if name in manifest.files]
    _move(here.root, out, [name for name in ours if name not in old])
    storage.remove(build.dataset.manifest)
    _move(here.root, out, [name for name in ours if name in old])
    _replace_work(out, work)
    keep_only(out, shards_of(manifest))
    for name in sorted(old - set(manifest.files)):
        storage.remove(out / name)
    storage.remove(build.work.previous)
    manifests.write(build.dataset.manifest, manifest)
    discard(out)
    return True


def _replace_work(out: AnyPath, names: Collection[str]) -> None:
    """Move a candidate's work files; remove the earlier ones that it does not replace.

    names: all work files that the candidate had when the switch began.
    """
    here, work = Layout(out).candidate.work.root, Layout(out).work
    remaining = {storage.relative(path, here) for path in storage.files(here)}
    _move(here, work.root, sorted(remaining - _OF_FOLDER))
    of_samples = f"{SAMPLES}/"
    keys = {PurePosixPath(name).stem for name in names if name.startswith(of_samples)}
    gone = [IN_WORK.of_input(folder, key).as_posix() for folder in FOLDERS for key in sorted(keys)]
    every = [path.name for path in _index(work)]
    gone += [(IN_WORK.index / name).as_posix() for name in every if own_files.generation_of(name)]
    for name in [*gone, *_OF_BUILD]:
        if name not in names:
            storage.remove(work.root / name)


def _move(here: AnyPath, there: AnyPath, names: Sequence[str]) -> None:
    """Move files from one folder to another."""
    for _ in storage.together(_moved(here, there), [here / name for name in names]):
        pass


def _moved(here: AnyPath, there: AnyPath) -> Callable[[AnyPath], None]:
    return lambda path: storage.move(path, there / storage.relative(path, here))


def shards_of(manifest: Manifest) -> set[str]:
    """Names of a dataset's output shards."""
    data, ending = f"{DATA}/", ".arrow"
    return {name[len(data) : -len(ending)] for name in manifest.files if name.startswith(data)}


def reject(out: AnyPath, place: AnyPath, manifest: Manifest, failures: Sequence[str]) -> None:
    """Keep a finished build as a candidate to look at.

    failures: lines about its gates.
    """
    build, here = Layout(out), Layout(out).candidate
    if place == out:
        write_json(here.borrowed, [])
        _move(out, here.root, sorted(manifest.files))
        work = [
            storage.relative(path, build.work.root)
            for path in (*_index(build.work), *storage.files(build.work.fitted))
        ]
        _move(build.work.root, here.work.root, [*work, *_OF_BUILD])
        storage.prune(build.dataset.root)
        write_json(here.work.settings, read_json(build.work.settings))
    else:
        for name in read_json(here.borrowed):
            files = files_of(name)
            for file in (files.data, files.listing, files.fitted):
                storage.link(build.file(file), here.file(file))
            storage.link(build.work.packed_report(name), here.work.packed_report(name))
        borrow(place, [])
    for name in sorted(_OF_FOLDER):
        storage.remove(here.work.root / name)
        if storage.exists(build.work.root / name):
            write_json(here.work.root / name, read_json(build.work.root / name))
    lines = sorted({*failures, *seen(out, manifest.fingerprint)})
    noted = {"fingerprint": manifest.fingerprint, "gate_failures": list(failures), "seen": lines}
    write_json(here.rejected, noted)
    manifests.write(here.dataset.manifest, manifest)


def seen(out: AnyPath, fingerprint: str) -> list[str]:
    """All lines about gates that have rejected this very build so far."""
    path = Layout(out).candidate.rejected
    noted = read_json(path) if storage.exists(path) else {"fingerprint": "", "seen": []}
    return list(noted["seen"]) if noted["fingerprint"] == fingerprint else []


def _of_inputs(work: Work) -> Iterator[AnyPath]:
    """The files of all input shards in a work folder itself."""
    for folder in FOLDERS:
        yield from storage.files(work.root / folder)


def _index(work: Work) -> list[AnyPath]:
    """The files of the index in a work folder itself."""
    return storage.files(work.root / IN_WORK.index)


def discard(out: AnyPath) -> None:
    """Remove the candidate.

    The note of a switch goes last but one, and the mark of a candidate last, so that an interrupted
    removal is recognised.
    """
    here = Layout(out).candidate
    for folder in (here.dataset.root, here.work.root):
        storage.remove_all(folder)
    for note in (here.rejected, here.accepted, here.borrowed):
        storage.remove(note)
    storage.prune(here.root)


def withdraw(out: AnyPath, domains: Collection[str]) -> None:
    """Remove the last complete dataset, which holds what is taken down and was not replaced.

    The files that its candidate has made of inputs replace those that were there.
    """
    files = state.withdraw(out, domains)
    stamps.forget(out)
    for name in files:
        storage.remove(out / name)
    keep_only(out, ())
    build = Layout(out)
    storage.prune(build.dataset.root)
    for path in _index(build.work):
        storage.remove(path)
    for name in _OF_BUILD:
        storage.remove(build.work.root / name)
    if build.main != build:
        return  # the inputs are those of the build around it
    here = build.candidate.work
    anew = shelf(here).anew
    made = [storage.relative(path, here.root) for path in _of_inputs(here)]
    for folder in FOLDERS:
        for key in sorted(anew):
            if IN_WORK.of_input(folder, key).as_posix() not in made:
                storage.remove(build.work.of_input(folder, key))
    mine = [name for name in made if PurePosixPath(name).name.partition(".")[0] in anew]
    _move(here.root, build.work.root, mine)


def failures(out: AnyPath) -> list[str]:
    """Why the candidate of a build was rejected; empty if there is none, or it is in the making."""
    here = Layout(out).candidate
    if not storage.exists(here.dataset.manifest):
        return []
    return list(read_json(here.rejected)["gate_failures"])


def hint(out: AnyPath) -> str:
    """An addition to the error that there is no dataset, if the last build was rejected."""
    why = failures(out)
    if not why:
        return ""
    return f"; the last build was rejected by its gates ({'; '.join(why)}), --candidate looks at it"


def rejected(out: AnyPath) -> AnyPath:
    """The folder of a rejected build.

    Raises:
        ConfigError: there is none.
    """
    here = Layout(out).candidate
    if not storage.exists(here.dataset.manifest):
        raise ConfigError(
            f"{out}: there is no candidate: no build was rejected since the last complete one"
        )
    return here.root
