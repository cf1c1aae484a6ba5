"""What observations that were made for a budget of tokens hold, as facts of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.terminal.text import count, percent


def facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of each figure. found: of `etl.look.fit.budget`."""
    return [
        ("budget, tokens", count(found["tokens"])),
        ("targets", count(found["targets"])),
        ("targets kept", percent(found["kept"], 2)),
        ("targets cut, not trained on", count(found["cut"])),
        ("names shown, of the targets kept", percent(found["named"], 2)),
        ("tokens at the median", count(found["p50"])),
        ("tokens at the 90th percentile", count(found["p90"])),
        *((f"characters {rule}", count(chars)) for rule, chars in found["removed"].items()),
    ]
