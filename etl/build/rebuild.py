"""Rebuild a dataset from its keys and the recordings, and check every file by its hash.

Keys (`etl.dataset.keys`) hold recipe, generations and hashes, and no page. Before anything is read
the settings of this version are compared with those of the keys, and before anything is built the
recordings with the recorded ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from etl.build import jobs
from etl.build.jobs import Job
from etl.build.run.build import Build, Options
from etl.dataset import state
from etl.dataset.keys import listed
from etl.dataset.keys.listed import Keys
from etl.dataset.manifest import Manifest
from etl.files import storage
from etl.files.arrow import sha256_of
from etl.files.storage import AnyPath
from etl.terminal import log
from etl.terminal.words import counted
from schemas.errors import ConfigError, IntegrityError

_SHOWN: Final = 20
"""The most files that are named."""
_LISTED: Final = "; for those of a list, the whole list: --set 'vocabularies=[...]'"
_LIBRARIES: Final = ".libraries."


@dataclass(frozen=True)
class Rebuilt:
    """A dataset that was rebuilt: every file has its recorded hash."""

    manifest: Manifest
    # the number of files that were compared
    files: int
    # those with text by hand, which were not
    by_hand: tuple[str, ...]


def rebuild(
    folder: Path,
    recordings: tuple[str, ...],
    out: AnyPath,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    ray: str | None = None,
) -> Rebuilt:
    """Build what the keys in a folder describe, and compare it.

    overrides: settings ``section.key=value`` of the files that the recipe needs. workers, ray: as
    for `jobs.prepared`.

    Raises:
        ConfigError: keys, settings or recordings are not those of the dataset.
        IntegrityError: a file came out otherwise.
    """
    keys = listed.read(folder)
    job = Job(recordings, out, str(folder / listed.RECIPE), tuple(overrides))
    options = Options(given=keys.generations, exact=True)
    _check(keys, job, options)
    manifest = jobs.run(job, workers, ray, options)
    wrong = compare(keys, manifest, out)
    if wrong:
        more = [f"and {len(wrong) - _SHOWN:,} more"] if len(wrong) > _SHOWN else []
        raise IntegrityError(
            f"{out}: {counted(len(wrong), 'file')} of {len(keys.files):,} not as recorded:\n  "
            + "\n  ".join([*wrong[:_SHOWN], *more])
            + _advice(keys)
        )
    return Rebuilt(manifest, len(keys.files), keys.by_hand)


def _check(keys: Keys, job: Job, options: Options) -> None:
    """Check that this version and these settings are those of the dataset.

    Raises:
        ConfigError: they are not; it names each difference, and what to install.
    """
    given = {each.partition("=")[0].strip() for each in job.overrides}
    if missing := [name for name in keys.needs if name.partition("[")[0] not in given]:
        raise ConfigError(
            f"the recipe needs files that are not published with it; say where they are: "
            f"{' '.join(f'--set {name}=FILE' for name in missing)}{_LISTED}"
        )
    try:
        build, _ = jobs.prepared(job, 0, options=options)
        settings, taken_down = build.settings, build.recipe.taken_down.fingerprint
    except ConfigError as error:
        raise ConfigError(f"{error}{_advice(keys)}") from error
    if changed := state.changes(keys.settings, settings):
        lines = "\n  ".join(change.line for change in changed)
        raise ConfigError(
            f"the dataset was built with other settings or versions:\n  {lines}"
            f"{_install(keys, changed)}"
        )
    if taken_down != keys.takedown:
        raise ConfigError(
            "the takedown list is not the one that the dataset was built with; name the file with "
            "that list: --set takedown.file=FILE"
        )
    if keys.stepmill != _version():
        log.warn(
            f"the dataset was built by stepmill {keys.stepmill}, and this is {_version()}; their "
            "settings and the versions of their stages are the same"
        )


def _install(keys: Keys, changed: Sequence[state.Change]) -> str:
    """What to install so that versions are those of the dataset; empty if that changes nothing."""
    wanted: dict[str, str] = {}
    for change in changed:
        phase, of_library, name = change.path.partition(_LIBRARIES)
        old: Any = keys.settings[phase]["libraries"].get(name) if of_library else None
        if old:
            wanted[name] = f"{name}=={old}"
        else:
            wanted["stepmill"] = f"stepmill=={keys.stepmill}"
    if keys.stepmill == _version():
        wanted.pop("stepmill", None)
    return f"\nInstall those: pip install {' '.join(wanted.values())}" if wanted else ""


def _advice(keys: Keys) -> str:
    """What to install if the keys are of another version."""
    if keys.stepmill == _version():
        return ""
    return (
        f"\nThe dataset was built by stepmill {keys.stepmill}, and this is {_version()}: "
        f"pip install stepmill=={keys.stepmill}"
    )


def _version() -> str:
    return version("stepmill")


def compare(keys: Keys, manifest: Manifest, out: AnyPath) -> list[str]:
    """The files that are not as the keys say, each with what is wrong; read from the folder."""
    wrong: list[str] = []
    for name, sha256 in sorted(keys.files.items()):
        path = out / name
        if not storage.exists(path):
            wrong.append(f"{name}: missing")
        elif (found := sha256_of(path)) != sha256:
            wrong.append(f"{name}: sha256 {found}, recorded {sha256}")
    known = {*keys.files, *keys.by_hand}
    return wrong + [f"{name}: not recorded" for name in sorted(manifest.files) if name not in known]


def of_build(build: Build, manifest: Manifest) -> None:
    """Check that a build's recipe still has the settings that its dataset was made with.

    Raises:
        ConfigError: it has others, say since a file that it names has changed.
    """
    if changed := state.changes(manifest.settings, build.settings):
        lines = "\n  ".join(change.line for change in changed)
        raise ConfigError(
            f"{build.out}: its recipe has other settings than the dataset was built with:\n  "
            f"{lines}\nBuild again, or bring back the files that the recipe names"
        )
