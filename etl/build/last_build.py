"""What a run leaves for the next program: ``work/last_build.json``, and a command that is run when
it has ended.

Every run into a known folder is summed up, however it ended: also one that was refused for its
configuration, for want of inputs, or because another build holds the folder. Only in a folder that
is none of a build's nothing is written. Clocks are read here: the file is no part of the dataset.
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
"""So many names of inputs are listed of each kind; the counts are whole."""

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
    """What is known of a run so far.

    status: empty until it has ended. file: whether the summary was written. known: fields of the
    file. seconds: by phase. said, warned: lines about what the recipe's lists came to.
    made: what it came to, if it came so far.
    """

    status: str = ""
    file: bool = False
    known: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    made: Manifest | None = None
    _built: dict[str, set[str]] = field(default_factory=dict)
    _every: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The block is this phase, whether it comes to its end or not."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

    @contextmanager
    def counted(
        self, what: str, folders: Collection[AnyPath], reports: Collection[str]
    ) -> Iterator[None]:
        """The block builds these shards, or finds them built: their reports, by name in some
        folder, tell which.
        """
        before = [storage.stamps(folder, reports) for folder in folders]
        try:
            yield
        finally:
            built = self._built.setdefault(what, set())
            for folder, old in zip(folders, before, strict=True):
                after = storage.stamps(folder, reports)
                built |= {name for name in reports if after.get(name) not in {None, old.get(name)}}
            self._every[what] = len(reports)

    def inputs(self, differing: Mapping[str, Sequence[str]]) -> None:
        """Note what is new, changed and removed since the last complete build."""
        self.known["inputs"] = {
            what: {"count": len(names), "names": list(names[:NAMES])}
            for what, names in differing.items()
        }

    def dated(self, changed: Iterable[float]) -> None:
        """Note when the newest input changed. changed: of each file, seconds since 1970; 0 where
        its storage does not say.
        """
        newest = max(changed, default=0.0)
        if newest:
            date = datetime.fromtimestamp(newest, UTC)
            self.known["newest_input"] = date.isoformat(timespec="seconds")

    def manifest(self, manifest: Manifest) -> None:
        """Note what a build came to, whether or not it passes its gates."""
        self.made = manifest
        self.known |= {key: as_json(getattr(manifest, key)) for key in _OF_MANIFEST}

    def as_json(self, message: str, code: int) -> dict[str, Any]:
        """The file. Fields of what the run did not come to are null."""
        nothing = dict.fromkeys(
            ("generation", "inputs", "newest_input", "unmatched", *_OF_MANIFEST)
        )
        shards = {
            what: {"built": len(self._built.get(what, ())), "of": self._every.get(what, 0)}
            for what in ("input_shards", "output_shards")
        }
        return {
            **nothing,
            "gate_failures": [],
            **self.known,
            **shards,
            "status": self.status,
            "exit_code": code,
            "message": message,
            "seconds": {name: round(seconds, 3) for name, seconds in self.seconds.items()},
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        }


@contextmanager
def recorded(out: AnyPath, record: Record) -> Iterator[None]:
    """Sum up the block when it has ended, unless a block within it has done so. out: the folder of
    the build.

    An error of writing the file is raised only where the block itself had none.
    """
    try:
        yield
    except BaseException as error:
        if not record.status:
            record.status, message = _told(error)
            if isinstance(error, GateError):
                record.known["gate_failures"] = error.failures
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


def _told(error: BaseException) -> tuple[str, str]:
    if isinstance(error, GateError):
        return GATE, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "stopped; run the same command again to go on"
    return FAILED, str(error) or type(error).__name__


@dataclass(frozen=True)
class Hook:
    """A command for the shell, and the folder in which it is run."""

    command: str
    folder: str


def with_hook(run: Callable[[], T], record: Record, out: AnyPath, hook: Hook | None) -> T:
    """What ``run`` returns; when it has ended, however that was, the hook is run.

    Raises what ``run`` raises, else `BuildError` if the hook fails.
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
    """Run a hook; returns what is wrong. Its output goes to stderr, because stdout is for data."""
    if hook is None or not record.status:
        return ""
    place = str(Layout(out).work.last_build.absolute()) if record.file else ""
    told = {"STEPMILL_LAST_BUILD": place, "STEPMILL_STATUS": record.status}
    try:
        done = subprocess.run(  # noqa: S602 - a command of the user's own, which is meant for the shell
            hook.command, shell=True, cwd=hook.folder, env=os.environ | told, stdout=2, check=False
        )
    except OSError as error:
        return f"the hook {hook.command!r} cannot be run in {hook.folder}: {error.strerror}"
    return (
        f"the hook {hook.command!r} ended with exit code {done.returncode}"
        if done.returncode
        else ""
    )
