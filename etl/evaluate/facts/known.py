"""`READERS` lists the families of facts, and how the facts of each are read.

A family enters with its module and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from etl.evaluate.facts import mind2web_direct, mind2web_multichoice, steps, webarena, weblinx

READERS: Final[Mapping[str, Callable[[str | bytes], Any]]] = MappingProxyType(
    {
        steps.FAMILY: steps.read,
        mind2web_direct.FAMILY: mind2web_direct.read,
        mind2web_multichoice.FAMILY: mind2web_multichoice.read,
        weblinx.FAMILY: weblinx.read,
        webarena.FAMILY: webarena.read,
    }
)

HOLDING_STEPS: Final = frozenset({steps.FAMILY, mind2web_direct.FAMILY})
"""Families whose answers name node ids: `etl.evaluate.facts.steps.read` reads their facts, too."""


def text(facts: Any) -> str:
    """The facts of any family as JSON."""
    return orjson.dumps(facts, default=tuple).decode()  # named tuples as lists
