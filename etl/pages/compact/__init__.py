"""The compact observation: within a budget of tokens, chosen without knowing the target."""

from etl.pages.compact.choose import CUT
from etl.pages.compact.compactor import Compacted, Compactor, numbering
from etl.pages.compact.rules import CompactRules

__all__ = ["CUT", "CompactRules", "Compacted", "Compactor", "numbering"]
