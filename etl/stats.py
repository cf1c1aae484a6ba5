"""Statistics per domain and subdomain, with Polars, from the files of a build.

Everything is read as columns: of the samples files only lengths and names, never a page.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from etl import account, state
from etl.shards import open_arrow
from etl.storage import AnyPath

_LOCATED: Final = frozenset(
    (
        "target_absent",
        "target_ambiguous",
        "target_pruned",
        "target_unknown",
        "empty_page",
        "missing_dom",
        "invalid_css",
        "invalid_xpath",
        "invalid_markup",
        "invalid_node",
    )
)
"""Reasons for which an element action has no target in the observation."""


def statistics(out: AnyPath) -> dict[str, pl.DataFrame]:
    """Tables ``domains`` and ``subdomains`` (one row each, largest first), ``actions`` and ``drops``.

    Counts are of what was read (workflows, steps) and of what is in the dataset (samples, tokens, characters);
    ``share`` is of all tokens in the dataset; ``survival`` is the share of element actions whose target was found and
    stayed.
    """
    ledger = account.ledger(out)
    fitted = account.fitted(out)
    kept = fitted.filter(pl.col("reason") == "")
    characters = _characters(out)
    domains = _by("domain", kept, ledger, characters)
    subdomains = _by("subdomain", kept, None, characters)
    actions = kept.group_by("domain", "action_kind").len("samples").sort("domain", "action_kind")
    drops = (
        ledger.filter(pl.col("reason") != "")
        .group_by("unit", "stage", "domain", "reason")
        .len("count")
        .sort("unit", "stage", "domain", "reason")
    )
    return {"domains": domains, "subdomains": subdomains, "actions": actions, "drops": drops}


def _characters(out: AnyPath) -> pl.DataFrame:
    """(sample_id, characters raw and pruned) of all samples that were made."""
    columns = ["sample_id", "raw_chars", "pruned_chars"]
    frames: list[pl.DataFrame] = []
    for key in state.keys(out / "work"):
        light = pl.from_arrow(open_arrow(out / "work" / "light" / f"{key}.arrow").read_all().select(columns))
        assert isinstance(light, pl.DataFrame)
        frames.append(light.select(pl.lit(key).alias("shard"), *columns))
    if frames:
        every = pl.concat(frames)
    else:
        schema = {"shard": pl.String, "sample_id": pl.String, "raw_chars": pl.Int64, "pruned_chars": pl.Int64}
        every = pl.DataFrame(schema=schema)
    return every.join(account.kept_index(out).select("shard", "sample_id"), on=["shard", "sample_id"], how="semi")


def _by(level: str, kept: pl.DataFrame, ledger: pl.DataFrame | None, characters: pl.DataFrame) -> pl.DataFrame:
    keys = ["domain"] if level == "domain" else ["domain", "subdomain"]
    table = (
        kept.join(characters.drop("shard"), on="sample_id", how="left")
        .with_columns(tokens=pl.col("prompt_tokens") + pl.col("completion_tokens"))
        .group_by(keys)
        .agg(
            samples=pl.len(),
            tokens=pl.col("tokens").cast(pl.Int64).sum(),
            prompt_tokens=pl.col("prompt_tokens").cast(pl.Int64).sum(),
            completion_tokens=pl.col("completion_tokens").cast(pl.Int64).sum(),
            chunked=(pl.col("chunks") > 1).sum(),
            raw_chars=pl.col("raw_chars").sum(),
            pruned_chars=pl.col("pruned_chars").sum(),
        )
    )
    if ledger is not None:
        table = _with_read(table, ledger)
    total = max(1, int(table["tokens"].sum() or 0))
    return (
        table.with_columns(share=pl.col("tokens").fill_null(0) / total)
        .with_columns(pl.col(pl.Int64, pl.UInt32).fill_null(0).cast(pl.Int64))
        .sort("tokens", *keys, descending=[True, *(False for _ in keys)])
    )


def _with_read(table: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    read = ledger.filter((pl.col("reason") == "") & (pl.col("domain") != ""))  # what was taken down is of no domain
    dropped = ledger.filter((pl.col("unit") == "step") & (pl.col("reason") != ""))
    counts = (
        read.filter(pl.col("unit").is_in(["workflow", "step"]))
        .group_by("domain")
        .agg(workflows=(pl.col("unit") == "workflow").sum(), steps=(pl.col("unit") == "step").sum())
    )
    lost = dropped.group_by("domain").agg(
        dropped_steps=pl.len(), lost_targets=pl.col("reason").is_in(list(_LOCATED)).sum()
    )
    joined = counts.join(lost, on="domain", how="left").join(table, on="domain", how="left")
    joined = joined.with_columns(pl.col(pl.Int64, pl.UInt32).fill_null(0))
    element_actions = pl.col("samples") + pl.col("lost_targets")
    survival = pl.when(element_actions > 0).then(pl.col("samples") / element_actions)
    return joined.with_columns(survival=survival)


def totals(tables: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """Sums over all domains."""
    domains = tables["domains"]
    names = (
        "workflows",
        "steps",
        "samples",
        "tokens",
        "prompt_tokens",
        "completion_tokens",
        "chunked",
        "raw_chars",
        "pruned_chars",
    )
    sums = {name: int(domains[name].sum() or 0) if name in domains.columns else 0 for name in names}
    return {"domains": domains.height, "subdomains": tables["subdomains"].height, **sums}
