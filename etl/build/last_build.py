"""How the last run ended, for other programs: ``work/last_build.json``, and a hook.

Every run into a known folder is summed up, however it ended: also a run that was refused because of
its configuration, because it has no inputs, or because another build holds the folder. Nothing is
written into a folder that belongs to no build. The file is not part of the dataset, so it may hold
times.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from etl.dataset import state
from etl.dataset.layout import Layout
from etl.dataset.manifest import Manifest, as_json
from etl.dataset.state import COMPLETE, FAILED, GATE, INTERRUPTED
from etl.files import storage
from etl.files.arrow import write_json
from etl.files.storage import AnyPath
from etl.terminal import log
from schemas.errors import BuildError, ConfigError, GateError

T = TypeVar("T")

NAMES: Final = 100
"""The most names of inputs that are listed of each kind; all are counted."""

_OF_MANIFEST: Final = (
    "fingerprint",
    "totals",
    "figures",
    "quarantined",
    "accounting",
    "unknown_actions",
    "oddities",
)


@dataclass
class Record:
    """A run so far."""

    # how it ended (`etl.dataset.state`); empty until then
    status: str = ""
    # whether the summary was written
    file: bool = False
    # fields of the file that are known so far
    fields: dict[str, Any] = field(default_factory=dict)
    # duration of each phase, by its name
    seconds: dict[str, float] = field(default_factory=dict)
    # lines about entries of the recipe's lists that took effect
    effects: list[str] = field(default_factory=list)
    # lines about entries that match nothing
    warnings: list[str] = field(default_factory=list)
    # the manifest, once there is one
    made: Manifest | None = None
    # the same run for each vocabulary but the first, by label
    further: dict[str, Record] = field(default_factory=dict)
    # the number of shards by the name of a report that was written, by kind of shard
    _built: dict[str, dict[str, int]] = field(default_factory=dict)
    # the number of all shards, by kind
    _every: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time the block as this phase, even if it fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    @contextmanager
    def counted(
        self, what: str, folders: Collection[AnyPath], reports: Mapping[str, int]
    ) -> Iterator[None]:
        """Count the shards that the block builds; others it finds built.

        A shard was built if its report, in one of the folders, is new or has changed. what: kind of
        shard. reports: the number of shards by the name of their report, of all shards.
        """
        before = [storage.stamps(folder, reports) for folder in folders]
        try:
            yield
        finally:
            built = self._built.setdefault(what, {})
            for folder, old in zip(folders, before, strict=True):
                after = storage.stamps(folder, reports)
                for name, shards in reports.items():
                    if after.get(name) not in {None, old.get(name)}:
                        built[name] = shards
            self._every[what] = sum(reports.values())

    def inputs(self, differing: Mapping[str, Sequence[str]]) -> None:
        """Note what is new, changed and removed since the last complete build."""
        self.fields["inputs"] = {
            what: {"count": len(names), "names": list(names[:NAMES])}
            for what, names in differing.items()
        }

    def dated(self, changed: Iterable[float]) -> None:
        """Note when the newest input changed.

        changed: time of each file, in seconds since 1970; 0 if its storage does not say.
        """
        newest = max(changed, default=0.0)
        if newest:
            date = datetime.fromtimestamp(newest, UTC)
            self.fields["newest_input"] = date.isoformat(timespec="seconds")

    def manifest(self, manifest: Manifest) -> None:
        """Note the manifest of a build, whether or not it passes its gates."""
        self.made = manifest
        self.fields |= {key: as_json(getattr(manifest, key)) for key in _OF_MANIFEST}

    def as_json(self, message: str, code: int) -> dict[str, Any]:
        """The file's content; fields of phases that the run did not reach are null."""
        nothing = dict.fromkeys(
            ("generation", "inputs", "newest_input", "unmatched", *_OF_MANIFEST)
        )
        shards = {what: self._shards(what) for what in ("input_shards", "output_shards")}
        return {
            **nothing,
            "gate_failures": [],
            **self.fields,
            **self._further(),
            **shards,
            "status": self.status,
            "exit_code": code,
            "message": message,
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        }

    def _shards(self, what: str) -> dict[str, int]:
        return {"built": sum(self._built.get(what, {}).values()), "of": self._every.get(what, 0)}

    def _further(self) -> dict[str, Any]:
        """Totals and output shards of each vocabulary but the first; nothing if there is none."""
        each = {
            label: {"totals": of.fields.get("totals"), "output_shards": of._shards("output_shards")}
            for label, of in self.further.items()
        }
        return {"vocabularies": each} if each else {}


@contextmanager
def recorded(out: AnyPath, record: Record) -> Iterator[None]:
    """Sum up the block when it has ended, unless a block within it has done so.

    out: the folder of the build. An error in writing the file is raised only if the block itself
    raised none.
    """
    try:
        yield
    except BaseException as error:
        if not record.status:
            record.status, message = _ending(error)
            if isinstance(error, GateError):
                record.fields["gate_failures"] = error.failures
            with suppress(OSError, BuildError):
                _write(out, record, message, 2 if isinstance(error, ConfigError) else 1)
        raise
    if not record.file:
        record.status = record.status or COMPLETE
        _write(out, record, "", 0)


def _write(out: AnyPath, record: Record, message: str, code: int) -> None:
    if storage.holds_anything(out) and not state.is_build(out):
        return  # somebody else's folder
    write_json(Layout(out).work.last_build, record.as_json(message, code))
    record.file = True


def _ending(error: BaseException) -> tuple[str, str]:
    """Status and message of a run that ended with an error."""
    if isinstance(error, GateError):
        return GATE, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "stopped; run the same command again to go on"
    return FAILED, str(error) or type(error).__name__


@dataclass(frozen=True)
class Hook:
    """A command that is run at the end of a run."""

    # for the shell
    command: str
    # absolute; the command is run in it
    folder: str


def with_hook(run: Callable[[], T], record: Record, out: AnyPath, hook: Hook | None) -> T:
    """Return what ``run`` returns, and run the hook after it, even if it fails.

    Raises:
        BuildError: the hook fails after ``run`` succeeded; otherwise what ``run`` raises.
    """
    try:
        result = run()
    except BaseException:
        if problem := _run(hook, record, out):
            log.error(problem)
        raise
    if problem := _run(hook, record, out):
        raise BuildError(f"{problem}. The build itself is complete")
    return result


def _run(hook: Hook | None, record: Record, out: AnyPath) -> str:
    """Run a hook; returns what went wrong.

    Its output goes to stderr: stdout is for data.
    """
    if hook is None or not record.status:
        return ""
    place = str(Layout(out).work.last_build.absolute()) if record.file else ""
    variables = os.environ | {"STEPMILL_LAST_BUILD": place, "STEPMILL_STATUS": record.status}
    try:
        done = subprocess.run(  # noqa: S602 - the user's own command, for the shell
            hook.command, shell=True, cwd=hook.folder, env=variables, stdout=2, check=False
        )
    except OSError as error:
        return f"the hook {hook.command!r} cannot be run in {hook.folder}: {error.strerror}"
    if done.returncode:
        return f"the hook {hook.command!r} ended with exit code {done.returncode}"
    return ""
