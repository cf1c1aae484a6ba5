"""Whether the files of a complete build are as it left them: the cheap part of `verify`, done by
every build.

``work/stamps.json`` says of every file what its storage said when the build was complete: size and
time, or what tells its content elsewhere. A file that is gone, or has another size, has been
damaged; one that differs in time alone is hashed. A note of one machine, of which nothing reaches
the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from etl.dataset import hand_written
from etl.dataset.layout import CARD, FOLDERS, INDEX, NAMES, Layout
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
    """Note how the files are now."""
    found = {folder: _listed(out / folder) for folder in _LOOKED_AT}
    path = Layout(out).work.stamps
    if not storage.exists(path) or read_json(path) != found:
        write_json(path, found)


def forget(out: AnyPath) -> None:
    """There is no complete build any more."""
    storage.remove(Layout(out).work.stamps)


def damaged(out: AnyPath, hashes: Mapping[str, str]) -> dict[str, str]:
    """Files that are not as they were left, and what is wrong with each. hashes: of the complete
    build, as its manifest has them.
    """
    path = Layout(out).work.stamps
    found: dict[str, str] = {}
    for folder, known in (read_json(path) if storage.exists(path) else {}).items():
        now = _listed(out / folder)
        for name, stamp in known.items():
            whole = f"{folder}/{name}"
            if now.get(name) != stamp and (
                problem := _problem(out, whole, stamp, now.get(name), hashes)
            ):
                found[whole] = problem
    return found


def _listed(folder: AnyPath) -> dict[str, list[Any]]:
    """All files under a folder by relative path: size, and what else changes with a file."""
    return {name: [each.size, *each.written] for name, each in storage.details(folder).items()}


def _problem(
    out: AnyPath, name: str, old: list[Any], new: list[Any] | None, hashes: Mapping[str, str]
) -> str:
    """What is wrong with a file whose stamp has changed; nothing, if it has the content that it
    should have.
    """
    if new is None:
        return "it is gone"
    digest = hashes.get(name) or _digests(out, name).get(name)
    if name == CARD and digest and hand_written.edited(out, digest):
        return ""
    if digest and sha256_of(out / name) == digest:
        return ""
    if old[0] != new[0]:
        return f"it has {new[0]:,} bytes, and had {old[0]:,}"
    return "its content is another one" if digest else ""


def _digests(out: AnyPath, name: str) -> dict[str, str]:
    """What the report of a work file's input shard or output shard says of its files."""
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
    """Keys of the input shards that some of these files are of."""
    folders = tuple(f"{_WORK.of_inputs(folder).as_posix()}/" for folder in FOLDERS)
    stems = {
        name.rpartition("/")[2].partition(".")[0] for name in names if name.startswith(folders)
    }
    return frozenset(stems - {INDEX})
