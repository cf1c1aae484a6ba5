"""Send shards to a place: those that are missing there, in groups, before anything lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final, TypeVar

from etl.dataset.manifest import File
from etl.publish.built import Shard
from etl.publish.files import Contents, Format, Ready, named
from etl.publish.place import Before
from etl.publish.report import Report
from etl.terminal.progress import Progress
from etl.terminal.words import counted

T = TypeVar("T")

_AT_ONCE_BYTES: Final = 16 * 2**30
"""At most about this many bytes of shards are sent together.

Shards that are converted or fetched first take as much disk.
"""


def send(
    report: Report,
    before: Before,
    wanted: Sequence[Shard],
    format: Format,
    progress: Callable[..., Progress],
) -> dict[str, File]:
    """Send missing shards; returns all of them by path, as they are published.

    Raises:
        IntegrityError: if a file of the build is not what its manifest says.
        BuildError: if the place cannot be written.
    """
    files: dict[str, File] = {}
    missing: list[Shard] = []
    for shard in wanted:
        if present := _there(shard, format, before):
            files[present.path] = present
        else:
            missing.append(shard)
    report.kept += len(files)
    size = sum(shard.size for shard in missing)
    with progress("publishing", size, "MB", brief=not missing) as shown:
        for group in _groups(missing, report.place.at_once):
            files |= _sent(report, group, format, before)
            shown.advance(sum(shard.size for shard in group))
    return files


def _sent(
    report: Report, group: Sequence[Shard], format: Format, before: Before
) -> dict[str, File]:
    """Make one commit of shards; returns them as `send` does."""
    with ExitStack() as held:
        ready = [held.enter_context(shard.ready(format)) for shard in group]
        new = [file for file in ready if not _came(file, before.contents)]
        report.kept += len(ready) - len(new)
        if new:
            report.commit(new, (), f"Add {counted(len(new), 'file')} of shards")
        return {file.path: File(file.path, file.size, file.sha256) for file in ready}


def _there(shard: Shard, format: Format, before: Before) -> File | None:
    """A shard as it is in the place, if that is clear without making the shard ready."""
    path = shard.published(format)
    stored = before.contents.files.get(path)
    if stored is None:
        return None
    if not shard.converted(format):
        same = stored.size == shard.size and stored.sha256 in ("", shard.sha256)
        return File(path, shard.size, shard.sha256) if same else None
    known = named(before.manifest).get(path)
    digest = stored.sha256 or (known.sha256 if known else "")
    same = bool(digest) and (known is None or known.bytes == stored.size)
    return File(path, stored.size, digest) if same else None


def _came(file: Ready, contents: Contents) -> bool:
    """Whether a place has a file already.

    Without a hash, name and size decide: the name includes the hash, and files arrive whole or not
    at all.
    """
    stored = contents.files.get(file.path)
    return stored is not None and stored.size == file.size and stored.sha256 in ("", file.sha256)


def _groups(missing: Sequence[Shard], at_once: int) -> Iterator[list[Shard]]:
    """Shards in groups, as many as a commit takes and their size allows."""
    group: list[Shard] = []
    size = 0
    for shard in missing:
        if group and (len(group) == at_once or size + shard.size > _AT_ONCE_BYTES):
            yield group
            group, size = [], 0
        group.append(shard)
        size += shard.size
    if group:
        yield group


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """A sequence in pieces of at most ``size`` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
