"""The settings of a compact observation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from schemas.errors import ConfigError

LEAST: Final = 256
"""The smallest budget, in tokens."""


@dataclass(frozen=True)
class CompactRules:
    """What a page is reduced to.

    Raises:
        ConfigError: a number is out of range.
    """

    budget: Annotated[int, "the most tokens of an observation"] = 8192
    text: Annotated[
        int, "characters of one element's text; a longer one is shortened in its middle"
    ] = 240
    value: Annotated[int, "characters of one attribute's value, likewise"] = 80
    hidden: Annotated[
        bool, "whether elements that markup hides stay where there is room for them"
    ] = True
    containers: Annotated[
        bool, "whether elements without a text or an attribute of use stay where there is room"
    ] = True
    relevance: Annotated[
        bool, "whether elements with words of the objective and the history come first"
    ] = True
    folding: Annotated[
        bool, "whether of many elements of one shape the first ones come before the others"
    ] = True

    def __post_init__(self) -> None:
        if self.budget < LEAST or self.text < 16 or self.value < 8:
            raise ConfigError(
                f"observe: budget {self.budget} is at least {LEAST} tokens, text {self.text} at "
                f"least 16 characters and value {self.value} at least 8"
            )
