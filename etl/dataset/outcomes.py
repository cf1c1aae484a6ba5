"""How the recorded workflows ended, in words: their rewards, and steps that repeat the one before.

The words are made of a manifest's ``outcomes``: rows of source, group of reward
(`etl.dataset.stats.REWARDS`), samples, tokens and repeats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from etl.terminal.words import counted

_COUNTS: Final = ("samples", "tokens", "repeats")
_FAILED: Final = ("0 or less", "between 0 and 1")
_UNKNOWN: Final = "unknown"


def by_reward(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Samples, tokens and repeats of each group of reward that has any, over all sources."""
    groups: dict[str, dict[str, int]] = {}
    for row in rows:
        group = groups.setdefault(row["reward"], dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            group[name] += row[name]
    return dict(sorted(groups.items()))


def sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences about failed and repeated samples, each with its share of all samples."""
    groups = by_reward(rows)
    total = sum(of["samples"] for of in groups.values())
    failed = sum(groups[name]["samples"] for name in _FAILED if name in groups)
    repeats = sum(of["repeats"] for of in groups.values())
    known = total - groups.get(_UNKNOWN, {}).get("samples", 0)
    texts: list[str] = []
    if failed:
        texts.append(
            f"{failed:,} of {counted(total, 'sample')} ({failed / total:.1%}) are of workflows "
            "that did not succeed: their recorded reward is under 1; the setting "
            "filter.min_reward = 1 leaves them out."
        )
    elif known:
        texts.append(
            f"All workflows whose reward is known succeeded ({known:,} of "
            f"{counted(total, 'sample')})."
        )
    if repeats:
        texts.append(
            f"{repeats:,} of {counted(total, 'sample')} ({repeats / total:.1%}) repeat the step "
            "before."
        )
    return texts
