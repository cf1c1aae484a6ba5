"""`KNOWN` lists all stages, in the order in which a workflow goes through them."""

from __future__ import annotations

from typing import Final

from etl.stages.augment import Augment
from etl.stages.filter import Filter
from etl.stages.leaks import Leaks
from etl.stages.lint.stage import Lint
from etl.stages.locate import Locate
from etl.stages.observe.stage import Observe
from etl.stages.prune import Prune
from etl.stages.quality import Quality
from etl.stages.redact import Redact
from etl.stages.rules.stage import Rules
from etl.stages.select import Select
from etl.stages.stage import Stage
from etl.stages.unroll import Unroll

KNOWN: Final[tuple[type[Stage], ...]] = (
    Select,
    Filter,
    Augment,
    Locate,
    Lint,
    Quality,
    Leaks,
    Prune,
    Observe,
    Rules,
    Redact,
    Unroll,
)
ALWAYS: Final = frozenset({"select", "filter", "augment", "locate", "prune", "unroll"})
"""Names of the stages of every build.

Any other stage runs only where a recipe has its section, so it changes no other build's
fingerprint. `Observe` takes the place of `Prune`.
"""
