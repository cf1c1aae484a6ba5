"""Names of splits: those of failures end in a word of their own, and are a configuration.

What failed keeps its split under another name: ``train_failures`` is of ``train``. In a dataset
that is the split ``train`` of the configuration ``failures``.
"""

from __future__ import annotations

from typing import Final

FAILURES: Final = "failures"
"""The name of the configuration."""
DEFAULT: Final = "default"
"""The name of that of all other splits."""
ENDING: Final = "_failures"
"""What the name of a split of failures ends with."""


def configuration(split: str) -> str:
    """The configuration that has a split."""
    return FAILURES if of_failures(split) else DEFAULT


def of_failures(split: str) -> bool:
    """Whether a split holds failures."""
    return split.endswith(ENDING)


def shown_as(split: str) -> str:
    """The name of a split within its configuration."""
    return split.removesuffix(ENDING)
