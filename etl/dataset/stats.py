"""Statistics per domain and subdomain, with Polars, from the files of a build.

Columns are read one file after the other and summed: never a page, and never all samples at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl

from etl.dataset import candidate, state
from etl.dataset.layout import FITTED, LINT, Layout, Work, shelf, split_of, subset_of
from etl.dataset.manifest import Totals
from etl.files import scratch, storage
from etl.files.arrow import batches
from etl.files.spill import Sums
from etl.files.storage import AnyPath
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

REWARDS: Final = ("unknown", "0 or less", "between 0 and 1", "1 or more")
"""The groups of rewards in the table ``outcomes``."""

_WHERE: Final = ("domain", "subdomain", "action_kind")
_SUMS: Final = (
    "samples",
    "prompt_tokens",
    "completion_tokens",
    "chunked",
    "raw_chars",
    "pruned_chars",
)
_LABELS: Final = {
    "rewarded": pl.col("reward").is_not_null(),
    "succeeded": pl.col("reward") >= 1,
    "with_failures": pl.col("failed_steps") > 0,
    "with_loops": pl.col("loops") > 0,
    "repeats": pl.col("repeat"),
}
"""Counts of samples: of workflows with a known reward, with a reward of 1 or more, with steps that
are known to have failed, with loops (`Sample.loops`); and of samples that repeat the step before.
"""

_FINDING: Final = ("source", "domain", "code", "severity", "outcome")


def statistics(
    out: AnyPath, counts: pl.DataFrame, visits: pl.DataFrame, no_target: Collection[Reason] = ()
) -> dict[str, pl.DataFrame]:
    """The tables ``domains``, ``subdomains``, ``actions``, ``drops`` and ``outcomes``.

    counts, visits: from `etl.dataset.account.settle`. no_target: reasons of stages for which an
    element action has no target in the observation, besides those shared.

    The first two have one row for each, the largest first. Workflows and steps count what was read,
    a workflow in each domain in which it has steps. Samples, tokens and characters count what is in
    the dataset. ``share`` is the share of all tokens in the dataset. ``survival`` is the share of
    element actions whose target was found and survived pruning. `_LABELS` are counts of samples.
    """
    samples = _samples(out)
    lost = [*_NO_TARGET, *no_target]
    actions = (
        samples.group_by("domain", "action_kind")
        .agg(pl.col("samples").sum())
        .sort("domain", "action_kind")
    )
    drops = counts.filter(pl.col("reason") != "").select(
        "unit", "stage", "domain", "reason", "count"
    )
    return {
        "domains": _shares(_with_read(_by(samples, "domain"), counts, visits, lost), "domain"),
        "subdomains": _shares(_by(samples, "domain", "subdomain"), "domain", "subdomain"),
        "actions": actions,
        "drops": drops.sort("unit", "stage", "domain", "reason"),
        "outcomes": _outcomes(out),
    }


def _samples(out: AnyPath) -> pl.DataFrame:
    """`_SUMS` and `_LABELS` of the samples in the dataset, by `_WHERE`."""
    columns = (*_SUMS, *_LABELS)
    sums = Sums(_WHERE, {**dict.fromkeys(_WHERE, pl.String), **dict.fromkeys(columns, pl.Int64)})
    paths = [path for _, path in candidate.of_shards(out, FITTED, ".parquet")]
    for part in storage.together(_of_shard, paths):
        sums.add(part)
    return sums.table()


def _of_shard(path: AnyPath) -> pl.DataFrame:
    """`_samples` of one output shard."""
    rows = pl.scan_parquet(scratch.copy_of(path)).filter(pl.col("reason") == "")
    added = [
        pl.col(name).cast(pl.Int64).sum() for name in _SUMS if name not in {"samples", "chunked"}
    ]
    more = {
        "samples": pl.len().cast(pl.Int64),
        "chunked": (pl.col("chunks") > 1).cast(pl.Int64).sum(),
        **{
            name: label.fill_null(value=False).cast(pl.Int64).sum()
            for name, label in _LABELS.items()
        },
    }
    return rows.group_by(_WHERE).agg(*added, **more).select(*_WHERE, *_SUMS, *_LABELS).collect()


def subsets(out: AnyPath, names: Sequence[str]) -> pl.DataFrame:
    """The table ``subsets``: samples and tokens of each subset of the training split, by domain.

    names: from small to large. ``share`` is the share of the subset's tokens, ``share_of_all`` the
    domain's share of all tokens of the split, which is the same if the subset is as mixed.
    """
    shards = [
        (subset_of(name), path)
        for name, path in candidate.of_shards(out, FITTED, ".parquet")
        if split_of(name) == "train"
    ]
    key = ("number", "domain")
    sums = Sums(
        key, {"number": pl.Int64, "domain": pl.String, "samples": pl.Int64, "tokens": pl.Int64}
    )
    parts = storage.together(_of_shard, [path for _, path in shards])
    for (number, _), part in zip(shards, parts, strict=True):
        tokens = (pl.col("prompt_tokens") + pl.col("completion_tokens")).sum()
        rows = part.group_by("domain").agg(pl.col("samples").sum(), tokens=tokens)
        sums.add(
            rows.select(pl.lit(number, pl.Int64).alias("number"), "domain", "samples", "tokens")
        )
    table = sums.table()
    whole = table.group_by("domain").agg(of_all=pl.col("tokens").sum())
    tables: list[pl.DataFrame] = []
    for number, name in enumerate(names, 1):
        inside = table.filter(pl.col("number").is_between(1, number))
        rows = inside.group_by("domain").agg(pl.col("samples", "tokens").sum())
        rows = whole.join(rows, on="domain", how="left").with_columns(
            pl.col("samples", "tokens").fill_null(0)
        )
        tables.append(
            rows.select(
                pl.lit(name).alias("subset"),
                "domain",
                "samples",
                "tokens",
                share=pl.col("tokens") / max(1, int(rows["tokens"].sum())),
                share_of_all=pl.col("of_all") / max(1, int(rows["of_all"].sum())),
            ).sort("share_of_all", "domain", descending=[True, False])
        )
    return pl.concat(tables)


def privacy(replaced: Mapping[tuple[str, str], int]) -> pl.DataFrame:
    """The table ``privacy``: how many private values were replaced, by kind and domain.

    A value counts as often as it stood in what was read, also in steps that are not trained on.
    """
    rows = [(kind, domain, count) for (kind, domain), count in replaced.items()]
    schema = {"kind": pl.String, "domain": pl.String, "replaced": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row").sort("kind", "domain")


def _outcomes(out: AnyPath) -> pl.DataFrame:
    """Samples, tokens and repeats (`Sample.repeat`) by source and reward of the workflow."""
    key, counts = ("source", "reward"), ("samples", "tokens", "repeats")
    sums = Sums(key, {**dict.fromkeys(key, pl.String), **dict.fromkeys(counts, pl.Int64)})
    paths = [path for _, path in candidate.of_shards(out, FITTED, ".parquet")]
    for part in storage.together(_outcomes_of, paths):
        sums.add(part)
    return sums.table()


def _outcomes_of(path: AnyPath) -> pl.DataFrame:
    """`_outcomes` of one output shard."""
    reward = pl.col("reward")
    unknown, none, some, whole = map(pl.lit, REWARDS)
    group = (
        pl.when(reward.is_null())
        .then(unknown)
        .when(reward <= 0)
        .then(none)
        .when(reward < 1)
        .then(some)
    )
    tokens = pl.col("prompt_tokens").cast(pl.Int64) + pl.col("completion_tokens")
    rows = pl.scan_parquet(scratch.copy_of(path)).filter(pl.col("reason") == "")
    return (
        rows.group_by("source", reward=group.otherwise(whole))
        .agg(
            samples=pl.len().cast(pl.Int64),
            tokens=tokens.sum(),
            repeats=pl.col("repeat").cast(pl.Int64).sum(),
        )
        .collect()
    )


def _by(samples: pl.DataFrame, *key: str) -> pl.DataFrame:
    table = samples.group_by(key).agg(pl.col(*_SUMS, *_LABELS).sum())
    tokens = (pl.col("prompt_tokens") + pl.col("completion_tokens")).alias("tokens")
    return table.select(*key, "samples", tokens, *_SUMS[1:], *_LABELS)


def _shares(table: pl.DataFrame, *key: str) -> pl.DataFrame:
    total = max(1, int(table["tokens"].sum() or 0))
    table = table.with_columns(share=pl.col("tokens") / total)
    return table.sort("tokens", *key, descending=[True, *(False for _ in key)])


def _with_read(
    table: pl.DataFrame, counts: pl.DataFrame, visits: pl.DataFrame, no_target: Sequence[str]
) -> pl.DataFrame:
    """Add what was read of each domain; what was taken down belongs to no domain."""
    count, unit, reason = pl.col("count"), pl.col("unit"), pl.col("reason")
    read = counts.filter(
        (reason == "") & (pl.col("domain") != "") & unit.is_in(["workflow", "step"])
    )
    by_domain = read.group_by("domain").agg(steps=count.filter(unit == "step").sum())
    by_domain = by_domain.join(visits, on="domain", how="left")
    by_domain = by_domain.select("domain", "workflows", "steps")
    dropped = counts.filter((unit == "step") & (reason != ""))
    lost = dropped.group_by("domain").agg(
        dropped_steps=count.sum(), lost_targets=count.filter(reason.is_in(no_target)).sum()
    )
    joined = by_domain.join(lost, on="domain", how="left").join(table, on="domain", how="left")
    joined = joined.with_columns(pl.col(pl.Int64).fill_null(0))
    element_actions = pl.col("samples") + pl.col("lost_targets")
    survival = pl.when(element_actions > 0).then(pl.col("samples") / element_actions)
    return joined.with_columns(survival=survival)


def totals(tables: Mapping[str, pl.DataFrame], workflows: int) -> Totals:
    """Sums over all domains.

    workflows: the number read. The sum over domains would count some of them more than once.
    """
    domains = tables["domains"]
    sums = {name: int(domains[name].sum() or 0) for name in ("steps", "tokens", *_SUMS)}
    return Totals(
        domains=domains.height,
        subdomains=tables["subdomains"].height,
        workflows=workflows,
        **sums,
    )


def findings(work: Work) -> Iterator[pl.DataFrame]:
    """The findings of a build, `schemas.findings.FINDING_SCHEMA`, a batch at a time, in order."""
    for path in shelf(work).existing(LINT, state.keys(work)):
        for batch in batches(path):
            rows = pl.from_arrow(batch)
            assert isinstance(rows, pl.DataFrame)
            yield rows


def lint(out: AnyPath) -> pl.DataFrame:
    """The table ``lint``: the number of findings by `_FINDING`."""
    sums = Sums(_FINDING, {**dict.fromkeys(_FINDING, pl.String), "findings": pl.Int64})
    for rows in findings(Layout(out).work):
        sums.add(rows.group_by(_FINDING).agg(findings=pl.len().cast(pl.Int64)))
    return sums.table()


def lint_summary(table: pl.DataFrame) -> dict[str, Any]:
    """For the manifest: the number of findings by severity and by code.

    table: of `lint`.
    """

    def by(name: str) -> dict[str, int]:
        sums = table.group_by(name).agg(pl.col("findings").sum()).sort(name)
        return dict(sums.iter_rows())

    return {
        "findings": int(table["findings"].sum()),
        "severities": by("severity"),
        "codes": by("code"),
        "outcomes": by("outcome"),
    }
