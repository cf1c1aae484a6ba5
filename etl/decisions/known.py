"""The decisions that a recipe has a section for, in the order in which they are made: `KNOWN` is
the whole list.

What was read twice is decided before all of them (`etl.decisions.duplicates`), the split after them
(`etl.decisions.split`). A takedown comes before anything is kept (`etl.decisions.takedown`).
"""

from __future__ import annotations

from typing import Final

from etl.decisions.caps import Caps
from etl.decisions.decision import Decision

KNOWN: Final[tuple[type[Decision], ...]] = (Caps,)
ALWAYS: Final = frozenset({"caps"})
"""Those that every build has in its settings. Another one is made where a recipe has its section,
so that it changes no other build's fingerprint.
"""
