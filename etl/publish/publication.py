"""Publish a build to a place, or roll a place back to one of its tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from etl.files.storage import AnyPath
from etl.publish import reasons
from etl.publish.built import others, shards
from etl.publish.files import MANIFEST, Format, Listed, Ready, card_last, listed, named, unnamed
from etl.publish.place import Before, Place
from etl.publish.report import Report
from etl.publish.send import chunks, send
from etl.publish.switch import published, switch, switching
from etl.terminal.progress import Progress
from etl.terminal.words import counted
from schemas.errors import BuildError, ConfigError, IntegrityError

_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Order:
    """A publication as it is requested.

    Raises:
        ConfigError: if the tag is not a valid name.
    """

    format: Format = "arrow"
    """The file format of the rows."""
    tag: str = ""
    """The tag to set; empty for none."""
    private: bool = False
    """Whether a new repository is private."""
    allow: frozenset[str] = frozenset()
    """The reasons against publishing that the user allows (`etl.publish.reasons`)."""
    dry_run: bool = False
    """Whether to change nothing, and only report."""

    def __post_init__(self) -> None:
        if self.tag and not _TAG.fullmatch(self.tag):
            raise ConfigError(
                f"--tag {self.tag!r}: a tag has letters, digits and . _ + -, like v1.2 or night-12"
            )


def publish(
    out: AnyPath, place: Place, order: Order, progress: Callable[..., Progress] = Progress
) -> Report:
    """Publish a build to a place, sending only what is not there; returns what was done.

    With ``order.dry_run`` it returns what would be done.

    Raises:
        ConfigError: before anything is changed, if the build or the place does not allow it.
        BuildError: if it cannot go on; the same call continues later.
        IntegrityError: if a file of the build is missing, or its hash is not that of the manifest.
    """
    manifest = reasons.publishable(out, order.allow)
    wanted, rest = shards(out, manifest), others(out, manifest)
    with place.opened(writes=not order.dry_run):
        before = Before.of(place)
        check(place, before, order, manifest.fingerprint, order.format)
        place.check({*before.contents.files, *(each.published(order.format) for each in wanted)})
        report = Report(place, order.dry_run)
        if not before.contents.exists:
            report.create(private=order.private)
        files = send(report, before, wanted, order.format, progress)
        new = published(manifest, wanted, files, order.format)
        small, new = switching(rest, new, place.repository)
        if reasons.publishable(out, order.allow) != manifest:
            raise BuildError(
                f"{out} was built again while it was published; run the same command again"
            )
        switch(
            report, before, small, Listed.of(new), f"Publish dataset {manifest.fingerprint[:16]}"
        )
        set_tag(report, before, order.tag, small)
    return report


def rollback(place: Place, tag: str, order: Order) -> Report:
    """Publish again the card, manifest, statistics and shards of a tag; returns what was done.

    Raises:
        ConfigError: if there is no such tag, if it names no publication, or if it may hold what was
            taken down since.
        BuildError: if it cannot go on; the same call continues later.
        IntegrityError: if a file of the tag is missing.
    """
    with place.opened(writes=not order.dry_run):
        before = Before.of(place)
        at = before.contents.tags.get(tag)
        if at is None:
            tags = ", ".join(sorted(before.contents.tags)) or "none"
            raise ConfigError(f"{place.name}: there is no tag {tag} (there are: {tags})")
        then = listed(place.read(MANIFEST, at))
        if then is None:
            raise ConfigError(
                f"{place.name}: the tag {tag} names nothing that stepmill has published"
            )
        against = [
            *reasons.of_card(place.name, before.card),
            *reasons.of_takedown(tag, then, before.manifest),
        ]
        reasons.refuse(f"{place.name} is not rolled back", against, order.allow)
        report = Report(place, order.dry_run)
        gone = [file for path, file in named(then).items() if path not in before.contents.files]
        for group in chunks(gone, place.at_once):
            back = [Ready(file.path, b"", file.bytes, file.sha256, at) for file in group]
            report.commit(back, (), f"Bring back {counted(len(back), 'file')} of shards of {tag}")
        small = [_then(place, path, tag, at) for path in card_last(unnamed(then))]
        switch(report, before, small, then, f"Roll back to {tag}")
        set_tag(report, before, order.tag, small)
    return report


def _then(place: Place, path: str, tag: str, at: str) -> Ready:
    """A small file as it was at a tag."""
    data = place.read(path, at)
    if data is None:
        raise IntegrityError(
            f"{place.name}: the manifest at {tag} names {path}, and it is missing there"
        )
    return Ready.of(path, data)


def check(place: Place, before: Before, order: Order, fingerprint: str, format: str) -> None:
    """Check that the place allows this publication.

    fingerprint: of the dataset. format: of its rows, or `etl.publish.files.KEYS`.

    Raises:
        ConfigError: if it does not.
    """
    contents = before.contents
    reasons.mixed(place.name, contents, before.manifest, format)
    if MANIFEST in contents.files and not before.manifest:
        do = "publish into another place, or move it away first"
        raise ConfigError(
            f"{place.name} holds a {MANIFEST} that stepmill has not published, and it stays; {do}"
        )
    reasons.refuse(
        f"{place.name} is not published to",
        list(reasons.of_card(place.name, before.card)),
        order.allow,
    )
    if order.private and contents.private is False:
        raise ConfigError(
            f"{place.name} is public, and --private was asked for; make it private in its "
            "settings, or leave that out"
        )
    if order.tag in contents.tags:
        then = listed(place.read(MANIFEST, contents.tags[order.tag]))
        same = then is not None and then.fingerprint == fingerprint
        if then is None or not same or then.published.format != format:
            raise _taken(place, order.tag)


def set_tag(report: Report, before: Before, tag: str, small: Sequence[Ready]) -> None:
    """Set the tag, unless an interrupted publication has set it already.

    Raises:
        ConfigError: if the tag names another dataset.
    """
    if not tag:
        return
    at = before.contents.tags.get(tag)
    if at is None:
        report.tag(tag)
        return
    manifest = next(file.content for file in small if file.path == MANIFEST)
    if report.place.read(MANIFEST, at) != manifest:
        raise _taken(report.place, tag)


def _taken(place: Place, tag: str) -> ConfigError:
    return ConfigError(
        f"{place.name}: the tag {tag} names another dataset already, and tags do not move; choose "
        "another"
    )
