"""How the last run into a folder ended, as ``work/last_build.json`` says it (`etl.build.last_build`
writes it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etl.dataset.layout import Work
from etl.files import storage
from etl.files.arrow import read_json

COMPLETE: Final = "complete"
NOTHING: Final = "nothing_to_do"
GATE: Final = "gate_failed"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"


def read(work: Work) -> Mapping[str, Any]:
    """What a work folder says of its last run; empty if it says nothing."""
    if not storage.exists(work.last_build):
        return {}
    found: Mapping[str, Any] = read_json(work.last_build)
    return found
