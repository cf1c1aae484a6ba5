"""Reasons against publishing a build, or against publishing it to a place.

The user may allow each by its name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from etl.dataset import candidate
from etl.dataset.layout import NAMES, Dataset, Layout
from etl.dataset.manifest import Manifest, read
from etl.decisions import takedown
from etl.files import storage
from etl.files.arrow import read_parquet
from etl.files.storage import AnyPath
from etl.publish import REASONS
from etl.publish.files import DATA, FORMATS, KEYS, Contents, Listed, untouched
from schemas.errors import ConfigError

GATE, LICENSE, PRIVACY, CARD, TAKEN_DOWN = REASONS
_PRIVACY: Final = (NAMES.dataset.stats / "privacy").as_posix()
_NO_LICENSE: Final = frozenset({"", "unknown", "unset", "none", "n/a"})


@dataclass(frozen=True)
class Reason:
    """A reason against publishing."""

    name: str
    """The name by which it can be allowed."""
    why: str
    """What is wrong."""
    do: str
    """What to do about it."""


def refuse(what: str, reasons: Collection[Reason], allowed: Collection[str]) -> None:
    """Refuse to go on if there is a reason that is not allowed.

    what: says what is refused.

    Raises:
        ConfigError: if there is such a reason; it lists all of them.
    """
    lines = "".join(
        f"\n  {reason.why}. {reason.do}, or publish all the same: --allow {reason.name}"
        for reason in reasons
        if reason.name not in allowed
    )
    if lines:
        raise ConfigError(f"{what}:{lines}")


def publishable(out: AnyPath, allowed: Collection[str]) -> Manifest:
    """The manifest of a build, if it may be published.

    Raises:
        ConfigError: if the build is incomplete or empty, which cannot be allowed; or, unless
            allowed, if its gates failed, it has no licence, or it has known privacy findings.
    """
    manifest, reasons = _manifest(out)
    reasons += [*of_license(manifest.settings), *_privacy(out, manifest)]
    refuse(f"{out} is not published", reasons, allowed)
    if not manifest.splits:
        raise ConfigError(f"{out}: the dataset has no rows; there is nothing to publish")
    return manifest


def _manifest(out: AnyPath) -> tuple[Manifest, list[Reason]]:
    """The manifest of a build, and that its gates failed if they did.

    Raises:
        ConfigError: if the build is incomplete.
    """
    build = Layout(out)
    path = build.dataset.manifest
    if storage.exists(path):
        manifest = read(path)
        failed = candidate.failures(build.good.root) if build.good != build else []
        why = "its gates fail: " + "; ".join(failed)
        do = "Mend what they are about, or change their limits and build again"
        return manifest, [Reason(GATE, why, do)] if failed else []
    if failed := candidate.failures(out):
        raise ConfigError(
            f"{out}: there is no complete dataset; the last build was rejected by its gates: "
            f"{'; '.join(failed)}. Publish it all the same with --candidate, or build again with "
            "other limits"
        )
    if storage.exists(Dataset(out).manifest):
        raise ConfigError(
            f"{out}: this is a dataset; name the folder of its build, which is the folder above"
        )
    raise ConfigError(
        f"{out}: the build is not complete ({path} is missing). Complete it by "
        f"running the build command again"
    )


def of_license(settings: Mapping[str, Any]) -> Iterator[Reason]:
    """A missing licence. settings: as in a manifest."""
    licence = str(settings["card"].get("license") or "")
    if licence.strip().lower() in _NO_LICENSE:
        why = f"it has no licence (card.license is {licence!r})"
        do = "Name it, by the Hub's identifier: build again with --set card.license=NAME --redo"
        yield Reason(LICENSE, why, do)


def _privacy(out: AnyPath, manifest: Manifest) -> Iterator[Reason]:
    """Known privacy findings, and a takedown list that has changed since the build.

    The manifest's ``privacy.findings`` is their number, or numbers by kind. Without it, the rows of
    the tables ``stats/privacy*`` are counted.
    """
    findings = (manifest.privacy or {}).get("findings")
    if findings is None:
        names = [name for name in manifest.files if name.startswith(_PRIVACY)]
        findings = {
            name: read_parquet(out / name).height for name in names if name.endswith(".parquet")
        }
    count = sum(findings.values()) if isinstance(findings, Mapping) else int(findings)
    if count:
        yield Reason(
            PRIVACY, f"{count:,} privacy findings are known in it", "Take them out and build again"
        )
    if takedown.kept(Layout(out).work.takedown).fingerprint != manifest.takedown:
        why = "its takedown list has changed since it was built"
        yield Reason(PRIVACY, why, "Run the build command again, so that what is listed leaves it")


def of_card(place: str, card: bytes) -> Iterator[Reason]:
    """A card in the place that was edited since it was published."""
    if card and not untouched(card):
        why = f"the card in {place} was written or edited there, and would be replaced"
        yield Reason(CARD, why, "Copy what should stay into the build's own card first")


def of_takedown(tag: str, then: Listed, now: Listed | None) -> Iterator[Reason]:
    """A tag that may hold what was taken down since. then, now: published manifests."""
    if now is not None and then.takedown != now.takedown:
        why = (
            f"the takedown list has changed since {tag} was published, so it may hold what was "
            "taken down since"
        )
        yield Reason(TAKEN_DOWN, why, "Choose a later tag")


def mixed(place: str, contents: Contents, now: Listed | None, wanted: str) -> None:
    """Check that the place has no rows in another format, and no keys beside a dataset.

    now: what is published there. wanted: one of `FORMATS`, or `KEYS`.

    Raises:
        ConfigError: if it has.
    """
    there = now.published.format if now else wanted
    if (there == KEYS) != (wanted == KEYS):
        what = "the keys of a dataset" if there == KEYS else "a dataset"
        raise ConfigError(
            f"{place} holds {what}, and keys and datasets are never mixed. Publish into another "
            "place, or remove its files and card first"
        )
    for other in FORMATS:
        files = [
            path
            for path in contents.files
            if path.startswith(f"{DATA}/") and path.endswith(f".{other}")
        ]
        if files and other != wanted:
            raise ConfigError(
                f"{place} holds {other} files ({files[0]} for one), and two formats are never "
                f"mixed. Publish with --format {other}, or into another place, or remove its files "
                "and card first"
            )
