"""What checks give: a contradiction in one of the steps they were shown."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """One contradiction."""

    # place of the step among those shown
    at: int
    # one of `etl.stages.lint.codes.CODES`
    code: str
    evidence: str
    mend: str = ""
