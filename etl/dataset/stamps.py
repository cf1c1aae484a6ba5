"""Stamps: find damaged files of a complete build without reading them.

Every build looks for them. ``work/stamps.json`` holds a stamp of every file, written when the build
was complete: its size, and its time or what identifies its content in remote storage. A file is
damaged if it is gone or has another size. If only its time differs, it is hashed. Stamps belong to
one machine, and nothing of them reaches the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from etl.dataset import hand_written
from etl.dataset.layout import CARD, FOLDERS, NAMES, OF_PHASES, Layout
from etl.files import storage
from etl.files.arrow import read_json, sha256_of, write_json
from etl.files.storage import AnyPath

_WORK: Final = NAMES.work
_LOOKED_AT: Final = tuple(
    folder.as_posix()
    for folder in (
        NAMES.dataset.root,
        *(_WORK.of_inputs(name) for name in FOLDERS),
        _WORK.index,
        _WORK.fitted,
    )
)


def note(out: AnyPath) -> None:
    """Write the stamps of the files as they are now."""
    listed = {folder: _listed(out / folder) for folder in _LOOKED_AT}
    path = Layout(out).work.stamps
    if not storage.exists(path) or read_json(path) != listed:
        write_json(path, listed)


def forget(out: AnyPath) -> None:
    """Remove the stamps, because there is no complete build any more."""
    storage.remove(Layout(out).work.stamps)


def damaged(out: AnyPath, hashes: Mapping[str, str]) -> dict[str, str]:
    """Damaged files, and what is wrong with each.

    hashes: of the complete build's manifest.
    """
    path = Layout(out).work.stamps
    if not storage.exists(path):
        return {}
    problems: dict[str, str] = {}
    for folder, stamps in read_json(path).items():
        now = _listed(out / folder)
        for name, stamp in stamps.items():
            if now.get(name) == stamp:
                continue
            whole = f"{folder}/{name}"
            problem = _problem(out, whole, stamp, now.get(name), hashes)
            if problem:
                problems[whole] = problem
    return problems


def _listed(folder: AnyPath) -> dict[str, list[Any]]:
    """The stamps of all files under a folder, by relative path; the first value is the size."""
    return {name: [each.size, *each.written] for name, each in storage.details(folder).items()}


def _problem(
    out: AnyPath, name: str, old: list[Any], new: list[Any] | None, hashes: Mapping[str, str]
) -> str:
    """What is wrong with a file whose stamp has changed; empty if its content is right.

    new: its stamp now; None if it is gone.
    """
    if new is None:
        return "it is gone"
    digest = hashes.get(name) or _digests(out, name).get(name)
    if name == CARD and digest and hand_written.edited(out, digest):
        return ""
    if digest and sha256_of(out / name) == digest:
        return ""
    if old[0] != new[0]:
        return f"it has {new[0]:,} bytes, not {old[0]:,}"
    return "its content has changed" if digest else ""


def _digests(out: AnyPath, name: str) -> dict[str, str]:
    """The sha256 of each file in the report of the shard that a work file belongs to."""
    return dict(_reported(out, name))


def _reported(out: AnyPath, name: str) -> Iterator[tuple[str, str]]:
    fitted = f"{_WORK.fitted.as_posix()}/"
    of_output = name.startswith(fitted)
    if of_output:
        report = Layout(out).work.packed_report(name.removeprefix(fitted).partition(".")[0])
    else:
        report = Layout(out).work.read_report(PurePosixPath(name).stem)
    if name.endswith(".json") or not storage.exists(report):
        return
    for each, digest in read_json(report)["files"].items():
        yield (each if of_output else (_WORK.root / each).as_posix()), digest


def keys(names: Mapping[str, str]) -> frozenset[str]:
    """The keys of the input shards to which some of these files belong."""
    folders = tuple(f"{_WORK.of_inputs(folder).as_posix()}/" for folder in FOLDERS)
    stems = {
        name.rpartition("/")[2].partition(".")[0] for name in names if name.startswith(folders)
    }
    return frozenset(stems - OF_PHASES)
