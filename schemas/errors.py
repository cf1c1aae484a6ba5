"""Every error stepmill raises on purpose.

    StepmillError
    ├── ConfigError         a recipe, option or output folder is unusable: exit 2, at once
    │   └── MissingExtra    an optional package is not installed: the text names the extra
    ├── BuildError          the build cannot go on (disk, lock, changed inputs): exit 1
    ├── GateError           a gate fails; complete files stay: exit 1
    ├── IntegrityError      a file on disk differs from its report: exit 1
    ├── AnswerError         a model's answer is no action: what to do about it is up to the agent
    └── RecordError         one record cannot be read: it is quarantined, and the build goes on
        └── PageError       one page cannot be read: its step is dropped

A RecordError's ``reason`` is a snake_case word that statistics group by. Its ``detail`` says what
is wrong in this one case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from schemas.reasons import Reason


class StepmillError(Exception):
    """Base of all errors raised on purpose; its text says what, where, why and what to do next."""


class ConfigError(StepmillError):
    """The configuration is unusable; nothing has been built."""


class BuildError(StepmillError):
    """The build cannot go on; running the same command again continues it."""


class GateError(StepmillError):
    """A build fails gates of its recipe."""

    def __init__(
        self, where: object, what: str, failures: Sequence[str], do: Sequence[str]
    ) -> None:
        """where: the folder of the build. what: what happened to it. failures: for each gate a
        line with figure, gate and limit. do: lines that say what to do next.
        """
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


WrongAnswer = Literal[
    "no_action",
    "unknown_action",
    "no_node",
    "several_nodes",
    "node_not_in_observation",
    "several_steps",
    "no_value",
    "ambiguous_value",
    "nothing_cut",
]
"""What may be wrong with an answer."""


class AnswerError(StepmillError, ValueError):
    """A model's answer is no action."""

    def __init__(self, reason: WrongAnswer, detail: str) -> None:
        """reason: the word to count it under. detail: what is wrong in this one case."""
        super().__init__(f"{reason}: {detail}")
        self.reason: WrongAnswer = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[AnswerError], tuple[WrongAnswer, str]]:
        return type(self), (self.reason, self.detail)


class RecordError(StepmillError):
    """One record cannot be read."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """reason: the word it is counted under. detail: what is wrong in this one case."""
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[RecordError], tuple[Reason, str]]:
        return type(self), (self.reason, self.detail)


class PageError(RecordError):
    """One page cannot be read, or its target cannot be found; only its step is dropped."""
