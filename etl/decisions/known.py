"""`KNOWN` lists the decisions with a section in a recipe, in the order in which they are made.

Duplicates are dropped before all of them (`etl.decisions.duplicates`), and the split is made after
them (`etl.decisions.split`). A takedown comes before anything is kept (`etl.decisions.takedown`).
"""

from __future__ import annotations

from typing import Final

from etl.decisions.caps import Caps
from etl.decisions.contamination import Contamination
from etl.decisions.decision import Decision
from etl.decisions.minimums import Minimums
from etl.decisions.near.decision import Near
from etl.decisions.templates import Templates

KNOWN: Final[tuple[type[Decision], ...]] = (
    Contamination,
    Near,
    Templates,
    Caps,
    Minimums,
)
ALWAYS: Final = frozenset({"caps"})
"""Names of the decisions in every build's settings.

Any other decision is made only where a recipe has its section, so it changes no other build's
fingerprint.
"""
