"""Publish the keys of a dataset: the folder that ``stepmill export --format keys`` wrote.

It is published as it is, with its card and without any page, beside a manifest of what it holds. A
place holds keys or datasets, never both. Files have no hash in their names, so all of them come in
one commit; where they are more than a commit takes, ``keys.json`` and the card come in the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import orjson

from etl.dataset.keys import listed as keys
from etl.dataset.keys.listed import Keys
from etl.dataset.layout import PREFIX
from etl.dataset.manifest import Published
from etl.files import scratch, storage
from etl.files.arrow import read_json, sha256_of
from etl.files.storage import AnyPath
from etl.publish import exported, reasons
from etl.publish.files import CARD, KEYS, MANIFEST, Listed, Ready, sealed
from etl.publish.place import Before, Place
from etl.publish.publication import Order, check, set_tag
from etl.publish.report import Report
from etl.publish.switch import switch
from etl.terminal.words import counted
from schemas.errors import ConfigError, IntegrityError

_LAST: Final = (keys.RECIPE, keys.FILE, MANIFEST, CARD)
"""The files that come last, in this order."""


@dataclass(frozen=True)
class _Folder:
    """An export of keys that is whole."""

    root: AnyPath
    keys: Keys
    # sha256 of each file
    files: Mapping[str, str]
    # names of files that are not of the export
    strangers: tuple[str, ...]


def is_export(folder: AnyPath) -> bool:
    """Whether a folder is an export, of keys or of anything else, and no build."""
    return storage.exists(folder / exported.FILE) or storage.exists(folder / keys.FILE)


def publish_keys(folder: AnyPath, place: Place, order: Order) -> Report:
    """Publish keys to a place, sending only what is not there; returns what was done.

    With ``order.dry_run`` it returns what would be done.

    Raises:
        ConfigError: before anything is changed, if the folder is no whole export of keys, or the
            place does not allow it.
        BuildError: if it cannot go on; the same call continues later.
        IntegrityError: if a file is missing, or its hash is not that of the export.
    """
    if order.format != "arrow":
        raise ConfigError(f"--format {order.format}: keys have one format; leave it out")
    given = _opened(folder)
    reasons.refuse(
        f"{folder} is not published", list(reasons.of_license(given.keys.settings)), order.allow
    )
    with place.opened(writes=not order.dry_run), ExitStack() as held:
        before = Before.of(place)
        check(place, before, order, given.keys.fingerprint, KEYS)
        place.check({*before.contents.files, *given.files, MANIFEST})
        report = Report(place, order.dry_run)
        if given.strangers:
            report.notes.append(
                f"{folder}: {counted(len(given.strangers), 'file')} not of the export, such as "
                f"{given.strangers[0]}, not published"
            )
        if not before.contents.exists:
            report.create(private=order.private)
        files, manifest = _ready(given, held)
        switch(report, before, files, manifest, f"Publish keys {given.keys.fingerprint[:16]}")
        set_tag(report, before, order.tag, files)
    return report


def _opened(folder: AnyPath) -> _Folder:
    """The export in a folder.

    Raises:
        ConfigError: it is of something else than keys, or not complete.
        IntegrityError: a file is missing, or has another hash.
    """
    again = f"export again: stepmill export DIR --out {folder} --format keys"
    if not storage.exists(folder / exported.FILE):
        raise ConfigError(f"{folder}: no whole export ({exported.FILE} is missing); {again}")
    noted = read_json(folder / exported.FILE)
    made = noted.get("format") if isinstance(noted, dict) else None
    if made != KEYS or not isinstance(noted.get("files"), dict):
        raise ConfigError(
            f"{folder}: this is an export with --format {made}, and stepmill publishes builds and "
            "keys; name the folder of the build, or upload the export with the Hub's own tools"
        )
    if not noted.get("complete"):
        raise ConfigError(f"{folder}: the export is not complete; {again}")
    hashes = {name: str(each["sha256"]) for name, each in noted["files"].items()}
    if missing := sorted({keys.FILE, keys.RECIPE, CARD} - set(hashes)):
        raise ConfigError(f"{folder}: {exported.FILE} does not list {missing[0]}; {again}")
    there = storage.details(folder)
    for name, digest in sorted(hashes.items()):
        if name not in there:
            raise IntegrityError(f"{folder / name}: missing; {again}")
        if sha256_of(folder / name) != digest:
            raise IntegrityError(
                f"{folder / name}: not as it was exported (sha256); remove {folder} and {again}"
            )
    found = keys.read(folder)
    if found.fingerprint != noted.get("fingerprint"):
        raise IntegrityError(f"{folder}: {keys.FILE} is of another export; {again}")
    if not found.splits:
        raise ConfigError(f"{folder}: the dataset has no rows; there is nothing to publish")
    strangers = sorted(set(there) - set(hashes) - {exported.FILE})
    return _Folder(folder, found, hashes, tuple(strangers))


def _ready(given: _Folder, held: ExitStack) -> tuple[list[Ready], Listed]:
    """All files, ready to be sent, the card last; and what the manifest lists.

    held: keeps local copies.
    """
    ready = {MANIFEST: Ready.of(MANIFEST, b"")}
    for name, digest in given.files.items():
        copy = held.enter_context(scratch.copied(given.root / name))
        ready[name] = Ready(name, copy, copy.stat().st_size, digest)
    ready[CARD] = Ready.of(CARD, sealed(storage.read_bytes(given.root / CARD).decode()))
    hashes = {PREFIX + name: each.sha256 for name, each in sorted(ready.items())}
    del hashes[PREFIX + MANIFEST]
    published = {"format": KEYS, "splits": {}, "listing": []}
    manifest: dict[str, Any] = {
        "fingerprint": given.keys.fingerprint,
        "takedown": given.keys.takedown,
        "files": hashes,
        "published": published,
    }
    data = orjson.dumps(
        manifest, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )
    ready[MANIFEST] = Ready.of(MANIFEST, data)
    names = sorted(ready, key=lambda name: (_LAST.index(name) if name in _LAST else -1, name))
    files = frozenset(hashes)
    listed = Listed(given.keys.fingerprint, given.keys.takedown, files, Published(KEYS, {}, ()))
    return [ready[name] for name in names], listed
