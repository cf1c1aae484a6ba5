"""Statistics per domain and subdomain, with Polars, from the files of a build.

Everything is read as columns, one file after the other, and summed: never a page, and never all samples at once.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from etl import scratch, storage
from etl.storage import AnyPath
from etl.sums import Sums
from schemas.reasons import Reason

_NO_TARGET: Final[frozenset[Reason]] = frozenset(
    (
        "target_absent",
        "target_ambiguous",
        "target_pruned",
        "target_unknown",
        "empty_page",
        "missing_dom",
        "costly_css",
        "costly_xpath",
        "invalid_css",
        "invalid_xpath",
        "invalid_markup",
        "invalid_node",
    )
)
"""Reasons for which an element action has no target in the observation."""

_WHERE: Final = ("domain", "subdomain", "action_kind")
_SUMS: Final = ("samples", "prompt_tokens", "completion_tokens", "chunked", "raw_chars", "pruned_chars")


def statistics(out: AnyPath, counts: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Tables ``domains`` and ``subdomains`` (one row each, largest first), ``actions`` and ``drops``.

    counts: of ledger lines, of `etl.account.settle`. What is counted was read (workflows, steps) or is in the dataset
    (samples, tokens, characters); ``share`` is of all tokens in the dataset; ``survival`` is the share of element
    actions whose target was found and stayed.
    """
    samples = _samples(out)
    actions = samples.group_by("domain", "action_kind").agg(pl.col("samples").sum()).sort("domain", "action_kind")
    drops = counts.filter(pl.col("reason") != "").select("unit", "stage", "domain", "reason", "count")
    return {
        "domains": _shares(_with_read(_by(samples, "domain"), counts), "domain"),
        "subdomains": _shares(_by(samples, "domain", "subdomain"), "domain", "subdomain"),
        "actions": actions,
        "drops": drops.sort("unit", "stage", "domain", "reason"),
    }


def _samples(out: AnyPath) -> pl.DataFrame:
    """`_SUMS` of the samples in the dataset, by `_WHERE`: sums of what packing made of each output shard."""
    sums = Sums(_WHERE, {**dict.fromkeys(_WHERE, pl.String), **dict.fromkeys(_SUMS, pl.Int64)})
    for part in storage.together(_of_shard, storage.files(out / "work" / "fitted", ".parquet")):
        sums.add(part)
    return sums.table()


def _of_shard(path: AnyPath) -> pl.DataFrame:
    rows = pl.scan_parquet(scratch.copy_of(path)).filter(pl.col("reason") == "")
    added = [pl.col(name).cast(pl.Int64).sum() for name in _SUMS if name not in {"samples", "chunked"}]
    more = {"samples": pl.len().cast(pl.Int64), "chunked": (pl.col("chunks") > 1).cast(pl.Int64).sum()}
    return rows.group_by(_WHERE).agg(*added, **more).select(*_WHERE, *_SUMS).collect()


def _by(samples: pl.DataFrame, *key: str) -> pl.DataFrame:
    table = samples.group_by(key).agg(pl.col(_SUMS).sum())
    tokens = (pl.col("prompt_tokens") + pl.col("completion_tokens")).alias("tokens")
    return table.select(*key, "samples", tokens, *_SUMS[1:])


def _shares(table: pl.DataFrame, *key: str) -> pl.DataFrame:
    total = max(1, int(table["tokens"].sum() or 0))
    table = table.with_columns(share=pl.col("tokens") / total)
    return table.sort("tokens", *key, descending=[True, *(False for _ in key)])


def _with_read(table: pl.DataFrame, counts: pl.DataFrame) -> pl.DataFrame:
    """Of each domain what was read besides. What was taken down is of no domain."""
    count, unit, reason = pl.col("count"), pl.col("unit"), pl.col("reason")
    read = counts.filter((reason == "") & (pl.col("domain") != "") & unit.is_in(["workflow", "step"]))
    found = read.group_by("domain").agg(
        workflows=count.filter(unit == "workflow").sum(), steps=count.filter(unit == "step").sum()
    )
    dropped = counts.filter((unit == "step") & (reason != ""))
    lost = dropped.group_by("domain").agg(
        dropped_steps=count.sum(), lost_targets=count.filter(reason.is_in(list(_NO_TARGET))).sum()
    )
    joined = found.join(lost, on="domain", how="left").join(table, on="domain", how="left")
    joined = joined.with_columns(pl.col(pl.Int64).fill_null(0))
    element_actions = pl.col("samples") + pl.col("lost_targets")
    survival = pl.when(element_actions > 0).then(pl.col("samples") / element_actions)
    return joined.with_columns(survival=survival)


def totals(tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """Sums over all domains."""
    domains = tables["domains"]
    sums = {name: int(domains[name].sum() or 0) for name in ("workflows", "steps", "tokens", *_SUMS)}
    return {"domains": domains.height, "subdomains": tables["subdomains"].height, **sums}
