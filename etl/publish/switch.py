"""The commit that switches readers to the new dataset: statistics, manifest, card and removals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

import orjson
import polars as pl

from etl.card import croissant, markdown
from etl.dataset.layout import IN_DATASET, PREFIX
from etl.dataset.manifest import File, Manifest, Published
from etl.publish.built import Shard, is_of_shard
from etl.publish.files import (
    CARD,
    CROISSANT,
    DATA,
    MANIFEST,
    Contents,
    Format,
    Listed,
    Ready,
    card_last,
    listed,
    named,
    named_by_card,
    sealed,
    unnamed,
)
from etl.publish.place import Before, Place
from etl.publish.report import Report
from etl.publish.send import chunks
from etl.terminal.words import counted

_MANY_COMMITS: Final = 2_000


def published(
    manifest: Manifest,
    wanted: Sequence[Shard],
    files: Mapping[str, File],
    format: Format,
) -> Manifest:
    """The manifest of a build, with the published names of its shards under ``published``."""
    # keys of the manifest are sorted, so the training split is put first here
    counts = dict(sorted(manifest.splits.items(), key=lambda item: item[0] != "train"))
    rows: dict[str, list[File]] = {split: [] for split in counts}
    listing: list[File] = []
    for shard in wanted:
        kind = rows[shard.split] if shard.folder == DATA else listing
        kind.append(files[shard.published(format)])
    names = {name: digest for name, digest in manifest.files.items() if not is_of_shard(name)}
    names |= {PREFIX + path: file.sha256 for path, file in files.items()}
    splits = {split: tuple(of_split) for split, of_split in rows.items()}
    places = Published(format, splits, tuple(listing))
    return replace(manifest, splits=counts, files=names, published=places)


def switching(
    rest: Mapping[str, bytes], new: Manifest, repository: tuple[str, str]
) -> tuple[list[Ready], Manifest]:
    """All files but shards, ready to be sent, the card last; and the manifest.

    The manifest gets the hashes of card and ``croissant.json``, which are written for this place.
    rest: the build's small files. repository: see `Place`.
    """
    tables = {
        PurePosixPath(path).stem: pl.read_parquet(data)
        for path, data in rest.items()
        if path == IN_DATASET.table(PurePosixPath(path).stem).as_posix()
    }
    text = Ready.of(CARD, sealed(markdown.render(new, tables, repository[0] or markdown.PLACE)))
    where = croissant.Repository(*repository) if repository[0] else None
    described = Ready.of(CROISSANT, _json(croissant.render(new, tables, repository=where)))
    hashes = {PREFIX + file.path: file.sha256 for file in (text, described)}
    new = replace(new, files=dict(sorted({**new.files, **hashes}.items())))
    ready = {path: Ready.of(path, data) for path, data in rest.items()}
    ready |= {
        file.path: file for file in (described, Ready.of(MANIFEST, _json(new.as_json())), text)
    }
    return [ready[path] for path in card_last(ready)], new


def _json(value: object) -> bytes:
    return orjson.dumps(
        value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    )


def switch(
    report: Report,
    before: Before,
    small: Sequence[Ready],
    manifest: Listed,
    message: str,
) -> None:
    """Commit the small files that differ, and remove files that nothing lists or reads any more.

    small: in the order in which they come where they are more than one commit takes.

    Raises:
        BuildError: if the place cannot be written.
    """
    place = report.place
    add = [file for file in small if not _same(place, before.contents, file)]
    report.kept += len(small) - len(add)
    early, add = add[: -place.at_once], add[-place.at_once :]
    for some in chunks(early, place.at_once):
        report.commit(some, (), f"Add {counted(len(some), 'file')}")
    stays = {*named(manifest), *unnamed(manifest), *_still_read(place, before, manifest)}
    remove = sorted(before.files - stays)
    room = max(0, place.at_once - len(add))
    if add or remove:
        report.commit(add, remove[:room], message)
    for group in chunks(remove[room:], place.at_once):
        report.commit(
            (), group, f"Remove {counted(len(group), 'file')} that the card does not name"
        )
    _note(report, before, manifest)


def _same(place: Place, contents: Contents, file: Ready) -> bool:
    """Whether the place already has a file with the same content, which is held in memory."""
    stored = contents.files.get(file.path)
    if stored is None or stored.size != file.size:
        return False
    content = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
    if stored.sha256 or stored.blob:
        return stored.holds(content)
    return place.read(file.path) == content


def _still_read(place: Place, before: Before, manifest: Listed) -> set[str]:
    """Shards that somebody may still read in a place without history.

    These are the shards of tags, and those of the previous publication unless something was taken
    down since.
    """
    stays: set[str] = set()
    if place.keeps_history:
        return stays
    if not _taken_down(before, manifest):
        stays |= {*named(before.manifest), *named_by_card(before.card)}
    for at in before.contents.tags.values():
        stays |= set(named(listed(place.read(MANIFEST, at))))
    return stays


def _taken_down(before: Before, manifest: Listed) -> bool:
    """Whether the takedown list has changed since the previous publication."""
    return before.manifest is not None and before.manifest.takedown != manifest.takedown


def _note(report: Report, before: Before, manifest: Listed) -> None:
    """Add warnings: about what was taken down, and about a long history."""
    place, contents = report.place, before.contents
    if _taken_down(before, manifest) and (place.keeps_history or contents.tags):
        report.notes.append(
            f"the takedown list has changed: what was taken down is still in older tags of "
            f"{place.name}, and in its history where there is one; delete the tags, and squash the "
            "history"
        )
    if contents.commits >= _MANY_COMMITS:
        report.notes.append(
            f"{place.name} has {contents.commits:,} commits; the Hub slows down after a few "
            "thousand. Squash its history (huggingface_hub's super_squash_history, which cannot "
            "be undone), or go on in another repository"
        )
