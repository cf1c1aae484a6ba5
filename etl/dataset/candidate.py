"""The candidate: a build in the making, or one that its gates rejected, beside the last complete
one.

Where a complete dataset is, the next build is made in ``work/candidate``, which is laid out like a
build's folder: ``dataset``, and in ``work`` what is not of a single input. Output shards that stay
as they are stay where they are: the candidate borrows them. So nothing that befalls the build
touches what is complete. At its end it is

- accepted: its files take their places by renames (on object stores by copies of the server's).
  ``accepted.json`` comes first and is the point from which on there is no way back: an interrupted
  switch is completed by the next build;
- or rejected: what it borrowed is linked (or copied), and it is there to be looked at, a build like
  any other.

The first build of a folder has nothing to spare; it is made in place, and moved aside if it is
rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from etl.dataset import own_files, stamps, state
from etl.dataset.layout import BORROWED, FOLDERS, candidate_of, files_of, good_of, shelf
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

OF_OUTPUTS: Final = ("dataset/data", "dataset/stats/samples", "work/fitted")
ACCEPTED: Final = "accepted.json"
REJECTED: Final = "gate_failed.json"
_OF_FOLDER: Final = frozenset({"order.json", "takedown.json"})
"""Of the work folder: of the last run there, whatever came of it. A candidate has copies."""
_OF_BUILD: Final = (
    "inputs.json",
    "notes.json",
    "unmatched.json",
    "ledger/index.arrow",
    "quarantine/index.arrow",
)
"""Of one build, in its work folder; some builds lack some of them."""


def place_of(out: AnyPath) -> AnyPath:
    """Where a build into a folder is made: beside what is complete there, else in place."""
    beside = candidate_of(out)
    return (
        beside if storage.exists(out / state.MANIFEST) or storage.exists(beside / BORROWED) else out
    )


def begin(out: AnyPath, place: AnyPath) -> None:
    """What lies there is in the making from now on."""
    if place != out:
        storage.remove(place / state.MANIFEST)
        if not storage.exists(place / BORROWED):
            write_json(place / BORROWED, [])


def borrow(place: AnyPath, names: Sequence[str]) -> None:
    """Note the output shards that stay where they are."""
    if good_of(place) != place:
        write_json(place / BORROWED, sorted(names))


def of_shards(place: AnyPath, folder: str, ending: str) -> list[tuple[str, AnyPath]]:
    """The files of one kind of all output shards, by name, those that are borrowed too. folder:
    under ``place``.
    """
    root = place / folder
    found = {
        storage.relative(path, root).removesuffix(ending): path
        for path in storage.files(root, ending)
    }
    good = good_of(place)
    if good != place:
        found |= {name: good / folder / f"{name}{ending}" for name in read_json(place / BORROWED)}
    return sorted(found.items())


def keep_only(place: AnyPath, names: Collection[str]) -> None:
    """Of the output shards in a folder only these stay; files of others (`foreign`) too."""
    for folder in OF_OUTPUTS:
        for path in storage.files(place / folder):
            name = storage.relative(path, place / folder)
            if own_files.is_of_output(name) and name.partition(".")[0] not in names:
                storage.remove(path)
        storage.prune(place / folder)


def foreign(place: AnyPath) -> list[AnyPath]:
    """Files that stepmill has not written, by their names, where it would read or list them."""
    found = []
    for folder in (*OF_OUTPUTS, "work/index"):
        for path in storage.files(place / folder):
            name = storage.relative(path, place / folder)
            ours = (
                own_files.generation_of(name)
                if folder == "work/index"
                else own_files.is_of_output(name)
            )
            if not (ours or own_files.is_part(name)):
                found.append(path)
    return found


def accept(out: AnyPath, manifest: Mapping[str, Any]) -> None:
    """Put the candidate in the place of what is complete."""
    here = candidate_of(out)
    old = read_json(out / state.MANIFEST)["files"] if storage.exists(out / state.MANIFEST) else {}
    keys = {*shelf(here / "work").anew, "index"}
    for path in (path for folder in FOLDERS for path in storage.files(here / "work" / folder)):
        if path.name.partition(".")[0] not in keys:
            storage.remove(path)  # of an input that was not made anew in the end
    work = [storage.relative(path, here / "work") for path in storage.files(here / "work")]
    write_json(here / ACCEPTED, {"manifest": manifest, "work": work, "old": sorted(old)})
    go_on(out)


def go_on(out: AnyPath) -> bool:
    """Complete a switch that has begun; whether one had. What is new under its name comes first,
    then for a moment there is no manifest, and last the new one.
    """
    here = candidate_of(out)
    if not storage.exists(here / ACCEPTED):
        return False
    noted = read_json(here / ACCEPTED)
    manifest, old, work = noted["manifest"], frozenset(noted["old"]), frozenset(noted["work"])
    there = [storage.relative(path, here) for path in storage.files(here / "dataset")]
    ours = [name for name in there if name in manifest["files"]]
    _move(here, out, [name for name in ours if name not in old])
    storage.remove(out / state.MANIFEST)
    _move(here, out, [name for name in ours if name in old])
    _replace_work(out, work)
    keep_only(out, shards_of(manifest))
    for name in sorted(old - set(manifest["files"])):
        storage.remove(out / name)
    storage.remove(out / "work" / state.PREVIOUS)
    write_json(out / state.MANIFEST, manifest)
    discard(out)
    return True


def _replace_work(out: AnyPath, names: Collection[str]) -> None:
    """Move a candidate's work files; those of the build before that it has not go. names: all that
    it had.
    """
    here, work = candidate_of(out) / "work", out / "work"
    left = {storage.relative(path, here) for path in storage.files(here)}
    _move(here, work, sorted(left - _OF_FOLDER))
    keys = {
        name.partition("/")[2].partition(".")[0] for name in names if name.startswith("samples/")
    }
    gone = [f"{folder}/{key}.arrow" for folder in FOLDERS for key in sorted(keys)]
    every = [path.name for path in storage.files(work / "index")]
    gone += [f"index/{name}" for name in every if own_files.generation_of(name)]
    for name in [*gone, *_OF_BUILD]:
        if name not in names:
            storage.remove(work / name)


def _move(here: AnyPath, there: AnyPath, names: Sequence[str]) -> None:
    for _ in storage.together(_moved(here, there), [here / name for name in names]):
        pass


def _moved(here: AnyPath, there: AnyPath) -> Callable[[AnyPath], None]:
    return lambda path: storage.move(path, there / storage.relative(path, here))


def shards_of(manifest: Mapping[str, Any]) -> set[str]:
    """Names of a dataset's output shards."""
    data, ending = "dataset/data/", ".arrow"
    return {name[len(data) : -len(ending)] for name in manifest["files"] if name.startswith(data)}


def reject(
    out: AnyPath, place: AnyPath, manifest: Mapping[str, Any], failures: Sequence[str]
) -> None:
    """Leave a build that is done as a candidate to look at. failures: of its gates."""
    here = candidate_of(out)
    if place == out:
        write_json(here / BORROWED, [])
        _move(out, here, sorted(manifest["files"]))
        work = [
            storage.relative(path, out / "work")
            for name in ("index", "fitted")
            for path in _in(out, name)
        ]
        _move(out / "work", here / "work", [*work, *_OF_BUILD])
        storage.prune(out / "dataset")
        write_json(here / "work" / "settings.json", read_json(out / "work" / "settings.json"))
    else:
        for name in read_json(place / BORROWED):
            for file in (*files_of(name), f"work/fitted/{name}.json"):
                storage.link(out / file, here / file)
        borrow(place, [])
    for name in sorted(_OF_FOLDER):
        storage.remove(here / "work" / name)
        if storage.exists(out / "work" / name):
            write_json(here / "work" / name, read_json(out / "work" / name))
    known = sorted({*failures, *seen(out, manifest["fingerprint"])})
    noted = {"fingerprint": manifest["fingerprint"], "gate_failures": list(failures), "seen": known}
    write_json(here / REJECTED, noted)
    write_json(here / state.MANIFEST, manifest)


def seen(out: AnyPath, fingerprint: str) -> list[str]:
    """All failures of gates for which this very build was rejected so far."""
    path = candidate_of(out) / REJECTED
    noted = read_json(path) if storage.exists(path) else {"fingerprint": "", "seen": []}
    return list(noted["seen"]) if noted["fingerprint"] == fingerprint else []


def _in(out: AnyPath, folder: str) -> Iterator[AnyPath]:
    yield from storage.files(out / "work" / folder)


def discard(out: AnyPath) -> None:
    """Remove the candidate; the note by which a switch is known goes last but one, the mark of a
    candidate last.
    """
    here = candidate_of(out)
    for folder in ("dataset", "work"):
        storage.remove_all(here / folder)
    for name in (REJECTED, ACCEPTED, BORROWED):
        storage.remove(here / name)
    storage.prune(here)


def withdraw(out: AnyPath, domains: Collection[str]) -> None:
    """Take the last complete dataset away, because it holds what is taken down and nothing accepted
    replaces it. What its candidate has made anew of inputs takes the place of what was there.
    """
    manifest = state.withdraw(out, domains)
    stamps.forget(out)
    for name in manifest["files"]:
        storage.remove(out / name)
    keep_only(out, ())
    storage.prune(out / "dataset")
    for name in [*(f"index/{path.name}" for path in _in(out, "index")), *_OF_BUILD]:
        storage.remove(out / "work" / name)
    here, own = candidate_of(out) / "work", shelf(candidate_of(out) / "work")
    made = [
        storage.relative(path, here) for folder in FOLDERS for path in storage.files(here / folder)
    ]
    for folder in FOLDERS:
        for key in sorted(own.anew):
            if f"{folder}/{key}.arrow" not in made:
                storage.remove(out / "work" / folder / f"{key}.arrow")
    _move(
        here,
        out / "work",
        [name for name in made if name.partition("/")[2].partition(".")[0] in own.anew],
    )


def failures(out: AnyPath) -> list[str]:
    """Why the candidate of a build was rejected; none if there is none, or it is in the making."""
    here = candidate_of(out)
    return (
        list(read_json(here / REJECTED)["gate_failures"])
        if storage.exists(here / state.MANIFEST)
        else []
    )


def hint(out: AnyPath) -> str:
    """What to say besides where there is no complete dataset: that the last build was rejected, if
    it was.
    """
    why = failures(out)
    return (
        f"; the last build was rejected by its gates ({'; '.join(why)}), --candidate looks at it"
        if why
        else ""
    )


def rejected(out: AnyPath) -> AnyPath:
    """The folder of a rejected build. Raises `ConfigError` if there is none to look at."""
    here = candidate_of(out)
    if not storage.exists(here / state.MANIFEST):
        raise ConfigError(
            f"{out}: there is no candidate: no build was rejected since the last complete one"
        )
    return here
