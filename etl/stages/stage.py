"""What a stage is: one step of the pipeline, on one workflow at a time.

A stage is a frozen dataclass in a file of its own, and a line in `etl.stages.known`. Its fields are
its section of a recipe, under its name; each is annotated with what it means. A field that is a
dataclass itself is a section of its own, under the field's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from etl.tally import Tally
from schemas.reasons import OwnReason


class Stage(Protocol):
    """One step of the pipeline.

    Its fields decide its output and are in the fingerprint as they are, unless it has a method
    ``settings() -> dict[str, Any]`` that says them otherwise: a file by the hash of its content.
    """

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes
    about: ClassVar[str]  # of its section of a recipe, half a sentence
    reasons: ClassVar[tuple[OwnReason, ...]]  # that it alone gives

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """What it does, for the data card; empty if it does nothing.

        settings: its fields and version, as the manifest has them.
        """
        ...

    def __call__(self, rows: Iterator[Any], tally: Tally) -> Iterator[Any]:
        """Rows in, rows out; what goes no further is entered in ``tally``.

        rows: of `schemas.trail.Trail`; the last stage gives `schemas.samples.Sample`.
        """
        ...
