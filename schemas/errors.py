"""Every error stepmill raises on purpose.

    StepmillError
    ├── ConfigError         recipe, option or output folder unusable: exit 2, before work starts
    │   └── MissingExtra    an optional package is not installed: names the extra
    ├── BuildError          the build cannot go on (disk, lock, changed inputs): exit 1
    ├── GateError           a gate fails, and what is complete stays: exit 1
    ├── IntegrityError      files on disk are not what their report says: exit 1
    └── RecordError         one record cannot be read: quarantined; the build goes on
        └── PageError       one page cannot be read: its step is dropped

A RecordError's ``reason`` is a short snake_case word that statistics group by;
its ``detail`` says what was wrong in this one case.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.reasons import Reason


class StepmillError(Exception):
    """Base of all errors raised on purpose; its text says what, where, why and what to do next."""


class ConfigError(StepmillError):
    """The configuration is unusable; nothing has been built."""


class BuildError(StepmillError):
    """The build cannot go on; running the same command again continues it."""


class GateError(StepmillError):
    """A build fails gates of its recipe. what: became of it. failures: a line each, with figure,
    gate and limit. do: what to do next, a line each.
    """

    def __init__(
        self, where: object, what: str, failures: Sequence[str], do: Sequence[str]
    ) -> None:
        lines = "".join(f"\n  {line}" for line in failures)
        super().__init__("\n".join([f"{where}: {what}, because gates fail:{lines}", *do]))
        self.failures = list(failures)
        self._arguments = (where, what, failures, do)

    def __reduce__(
        self,
    ) -> tuple[type[GateError], tuple[object, str, Sequence[str], Sequence[str]]]:
        return type(self), self._arguments


class IntegrityError(StepmillError):
    """A file on disk does not match its report."""


class MissingExtra(ConfigError):
    """An optional package is needed but not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'stepmill[{extra}]'")
        self._arguments = (package, extra, purpose)

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str, str]]:
        return type(self), self._arguments


class RecordError(StepmillError):
    """One record cannot be read. ``reason`` is the word it is counted under."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[RecordError], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)


class PageError(RecordError):
    """One page cannot be read or its target cannot be found; only this step is concerned."""
