"""The figures by which builds are compared, and their distances.

The drop rate is that of steps: the number dropped over the number read. A record that could not be
read counts as one step, since it had at least one. What was taken down counts as neither. The rate
of a reason is that of steps or of records, whichever is higher.

Distances:

- domains: the largest change of one domain's share of the samples;
- actions: the total variation distance of the two mixes (half the sum of all changes of shares; 1
  if one of the two builds has no samples);
- tokens a sample: the relative change;
- target survival: the difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from etl.dataset.manifest import Figures, UnitCounts
from schemas.reasons import TAKEN_DOWN


def figures(
    accounting: Mapping[str, UnitCounts], tables: Mapping[str, pl.DataFrame], unread: int = 0
) -> Figures:
    """The figures of a build.

    accounting: from `etl.dataset.account`. tables: from `etl.dataset.stats`. unread: the number of
    records that could not be read.
    """
    domains, actions = tables["domains"], tables["actions"]
    samples, tokens = int(domains["samples"].sum() or 0), int(domains["tokens"].sum() or 0)
    kinds = actions.group_by("action_kind").agg(pl.col("samples").sum()).sort("action_kind")
    lost = int(domains["lost_targets"].sum() or 0)
    steps = accounting["step"]
    gone = sum(drop.count for drop in steps.reasons if drop.reason == TAKEN_DOWN)
    return Figures(
        samples=samples,
        tokens=tokens,
        domains=domains.filter(pl.col("samples") > 0).height,
        tokens_per_sample=tokens / samples if samples else 0.0,
        survival=samples / (samples + lost) if samples + lost else 1.0,
        drop_rate=_rate(steps.dropped - gone + unread, steps.read - gone + unread),
        drop_rates=_reasons(accounting),
        domain_shares=_shares(domains, "domain", samples),
        action_shares=_shares(kinds, "action_kind", samples),
    )


def _rate(dropped: int, read: int) -> float:
    return dropped / read if read else 0.0


def _reasons(accounting: Mapping[str, UnitCounts]) -> dict[str, float]:
    """The drop rate of each reason: that of steps or of records, whichever is higher."""
    rates: dict[str, float] = {}
    for unit in ("step", "record"):
        counts: dict[str, int] = {}
        for drop in accounting[unit].reasons:  # one reason may be given by several stages
            counts[drop.reason] = counts.get(drop.reason, 0) + drop.count
        for reason, count in counts.items():
            rates[reason] = max(_rate(count, accounting[unit].read), rates.get(reason, 0.0))
    return dict(sorted(rates.items()))


def _shares(table: pl.DataFrame, name: str, samples: int) -> dict[str, float]:
    """The share of the samples by this column."""
    rows = table.filter(pl.col("samples") > 0).select(name, "samples").sort(name)
    return {key: count / samples for key, count in rows.iter_rows()}


def without(old: Figures, domains: Collection[str]) -> Figures:
    """The figures without some domains.

    The shares of the other domains are scaled to add up to 1. If there are none, there are
    no samples.
    """
    others = {name: share for name, share in old.domain_shares.items() if name not in domains}
    total = math.fsum(others.values())
    if len(others) == len(old.domain_shares):
        return old
    shares = {name: share / total for name, share in others.items()}
    samples = old.samples if others else 0
    return replace(old, domain_shares=shares, domains=len(others), samples=samples)


def distances(old: Figures, new: Figures) -> dict[str, Any]:
    """The distances of two builds; ``domain`` is the one whose share changed most."""
    changed = changes(old.domain_shares, new.domain_shares)
    domain = max(changed, key=lambda name: abs(changed[name]), default="")
    mix = math.fsum(map(abs, changes(old.action_shares, new.action_shares).values())) / 2
    if bool(old.samples) != bool(new.samples):
        mix = 1.0
    before = old.tokens_per_sample
    return {
        "domain_shares": abs(changed.get(domain, 0.0)),
        "domain": domain,
        "action_mix": mix,
        "tokens_per_sample": abs(new.tokens_per_sample / before - 1) if before else 0.0,
        "survival": abs(new.survival - old.survival),
    }


def changes(old: Mapping[str, float], new: Mapping[str, float]) -> dict[str, float]:
    """New less old for every name in either, in the order of the names."""
    return {name: new.get(name, 0.0) - old.get(name, 0.0) for name in sorted({*old, *new})}
