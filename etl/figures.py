"""The figures by which one build is compared with another: what is read off a manifest, and how far two are apart.

A drop rate is of steps: dropped ones over those read. The rate of a reason is of steps or of records, whichever is
higher, because what cannot be read has no steps. Distances: of domains the largest change of one domain's share of the
samples; of actions the total variation distance of the two mixes (half the sum of all changes of shares); of tokens a
sample the relative change; of target survival the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl


def figures(accounting: Mapping[str, Any], tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """What is compared, as JSON. accounting: of `etl.account`; tables: of `etl.stats`."""
    domains, actions = tables["domains"], tables["actions"]
    samples, tokens = int(domains["samples"].sum() or 0), int(domains["tokens"].sum() or 0)
    kinds = actions.group_by("action_kind").agg(pl.col("samples").sum()).sort("action_kind")
    lost = int(domains["lost_targets"].sum() or 0)
    return {
        "samples": samples,
        "tokens": tokens,
        "domains": domains.filter(pl.col("samples") > 0).height,
        "tokens_per_sample": tokens / samples if samples else 0.0,
        "survival": samples / (samples + lost) if samples + lost else 1.0,
        "drop_rate": _rate(accounting["step"], accounting["step"]["dropped"]),
        "drop_rates": _reasons(accounting),
        "domain_shares": _shares(domains, "domain", samples),
        "action_shares": _shares(kinds, "action_kind", samples),
    }


def _rate(counts: Mapping[str, Any], dropped: int) -> float:
    return dropped / counts["read"] if counts["read"] else 0.0


def _reasons(accounting: Mapping[str, Any]) -> dict[str, float]:
    rates: dict[str, float] = {}
    for unit in ("step", "record"):
        for drop in accounting[unit]["reasons"]:
            rate = _rate(accounting[unit], drop["count"])
            rates[drop["reason"]] = max(rate, rates.get(drop["reason"], 0.0))
    return dict(sorted(rates.items()))


def _shares(table: pl.DataFrame, name: str, samples: int) -> dict[str, float]:
    rows = table.filter(pl.col("samples") > 0).select(name, "samples").sort(name)
    return {key: count / samples for key, count in rows.iter_rows()}


def distances(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """How far two builds are apart; ``domain`` is the one whose share changed most."""
    domain, domains = "", 0.0
    for name in sorted({*old["domain_shares"], *new["domain_shares"]}):
        change = abs(new["domain_shares"].get(name, 0.0) - old["domain_shares"].get(name, 0.0))
        if change > domains:
            domain, domains = name, change
    kinds = {*old["action_shares"], *new["action_shares"]}
    mix = sum(abs(new["action_shares"].get(kind, 0.0) - old["action_shares"].get(kind, 0.0)) for kind in kinds) / 2
    before = old["tokens_per_sample"]
    return {
        "domain_shares": domains,
        "domain": domain,
        "action_mix": mix,
        "tokens_per_sample": abs(new["tokens_per_sample"] / before - 1) if before else 0.0,
        "survival": abs(new["survival"] - old["survival"]),
    }
