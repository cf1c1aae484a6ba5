"""The page of protocols.

To write it again::

python -m tests.evaluate.test_described --update
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from etl.evaluate.protocols.described import described
from etl.evaluate.protocols.known import KNOWN
from etl.evaluate.protocols.outcomes import OUTCOMES, meaning
from tests.evaluate import goldens

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "protocols.md"


def test_the_page_is_what_the_protocols_say() -> None:
    """Each protocol with its metrics and defects, and each outcome."""
    page = PAGE.read_text("utf-8")
    assert page == described()
    assert re.findall(r"^## (\S+)$", page, re.MULTILINE) == [
        *(protocol.name for protocol in KNOWN),
        "Outcomes",
    ]


def test_every_outcome_has_a_meaning() -> None:
    """Those that are stops by their beginning; an unknown one is a defect of ours."""
    assert meaning("reference stops: KeyError").startswith("The reference stops")
    assert all(text.endswith(".") for text in OUTCOMES.values())
    with pytest.raises(KeyError):
        meaning("lost")


def test_outcomes_of_the_goldens_have_a_meaning(shared: Path) -> None:
    """Each outcome of a case."""
    for name in ("mind2web_direct_scribeagent", "mind2web_multichoice", "weblinx_metrics"):
        for case in goldens.golden(shared, name)["cases"]:
            outcome = case["expected"]["outcome"]
            assert meaning(outcome.replace("reference raises ", "reference stops: "))


if __name__ == "__main__":
    assert sys.argv[1:] == ["--update"], __doc__
    PAGE.write_text(described(), "utf-8")
