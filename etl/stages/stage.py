"""The protocol of a stage: one step of the pipeline, on one workflow at a time.

A stage is a frozen dataclass in a file of its own, and a line in `etl.stages.known`. Its fields are
the settings of its section in a recipe, each annotated with its meaning; the section has the
stage's name. A field that is a dataclass is a section of its own, under the field's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from etl.tally import Tally
from schemas.draft import Draft
from schemas.reasons import OwnReason


class Stage(Protocol):
    """One step of the pipeline.

    Its fields decide its output and enter the fingerprint as they are. A stage with a method
    ``settings() -> dict[str, Any]`` gives that result to the fingerprint instead, say the hash of a
    file's content for its path.
    """

    # also the name of its section in a recipe
    name: ClassVar[str]
    # raised when its output changes
    version: ClassVar[int]
    # the comment on its section in a recipe, half a sentence
    about: ClassVar[str]
    # the reasons that only this stage gives
    reasons: ClassVar[tuple[OwnReason, ...]]

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what it does, for the data card; empty if it does nothing.

        settings: its fields and version, as the manifest stores them.
        """
        ...

    def __call__(self, rows: Iterator[Any], tally: Tally) -> Iterator[Any]:
        """Takes rows and gives rows; enters each drop in ``tally``.

        Rows are of `schemas.draft.Draft`; the last stage gives `schemas.samples.Sample`.
        """
        ...


@runtime_checkable
class Preparing(Protocol):
    """A stage that has a part in a workflow before all stages look at it."""

    def prepare(self, draft: Draft, tally: Tally) -> None:
        """Change a workflow before the first stage."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A stage that has the last word on what an input shard leaves beside its samples."""

    def left(self, draft: Draft, tally: Tally) -> None:
        """Change what was noted of a workflow, once it is through all stages, or dropped."""
        ...

    def close(self, tally: Tally, domains: set[str]) -> None:
        """Change the ledger and the quarantine of a shard, and the domains that were met in it."""
        ...
