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
    extras: Annotated[
        int, "percent of the budget, at most, of elements that say nothing or are hidden"
    ] = 16
    relevance: Annotated[
        bool, "whether elements with words of the objective and the history come first"
    ] = True
    folding: Annotated[
        bool, "whether of many elements of one shape the first ones come before the others"
    ] = True

    def __post_init__(self) -> None:
        least = {"budget": LEAST, "text": 16, "value": 8, "extras": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(
                    f"observe.{name} = {getattr(self, name)} is too small: at least {bound}"
                )
        if self.extras > 100:
            raise ConfigError(f"observe.extras = {self.extras} is a percentage: at most 100")
