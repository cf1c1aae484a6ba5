"""What a stage is: one step of the pipeline, on one workflow at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Protocol

from etl.tally import Tally


class Stage(Protocol):
    """One step of the pipeline. A frozen dataclass; its fields are its configuration and its
    fingerprint.
    """

    name: ClassVar[str]
    version: ClassVar[int]  # raised when its output changes

    def __call__(self, rows: Iterator[Any], tally: Tally) -> Iterator[Any]:
        """Rows in, rows out; what goes no further is entered in ``tally``."""
        ...
