"""The main job on real recordings: one command builds four folders of them together."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from etl.dataset import account, state
from etl.dataset.layout import Layout
from etl.inputs import find
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.workflow import Step, Workflow
from tests.look.test_inspect import check_figures
from tests.support import builds

ABSENT: Final = {
    f"browsergym:{name}"
    for name in (
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/1",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/2",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/3",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/4",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/5",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/6",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/7",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_12-27-52__order-developer-laptop_0/55",
        "2025-01-02_batch_gpt4o_2024-08__2025-01-02_13-14-06__order-loaner-laptop_15/1",
        "2025-01-02_batch_gpt4o_2024-11__2025-01-02_11-02-23__order-loaner-laptop_5/1",
        "2025-01-02_batch_gpt4o_2024-11__2025-01-02_11-07-51__order-sales-laptop_32_BestBuy.com/6",
        "2025-01-03_batch__2025-01-03_17-07-05__order-apple-mac-book-pro15_7/12",
        "2025-01-03_batch__2025-01-03_21-54-48__order-apple-mac-book-pro15_22/13",
    )
}
"""The steps of WorkArena whose action names a bid that is nowhere in the page."""


def ledger(out: Path) -> pl.DataFrame:
    """The ledger of a build with the format and name of the input behind each line."""
    members = state.members(Layout(out).work)
    shard = pl.col("shard")
    return account.ledger(out).with_columns(
        format=shard.replace_strict({each["key"]: each["format"] for each in members}, default=""),
        input=shard.replace_strict({each["key"]: each["name"] for each in members}, default=""),
    )


def workarena(out: Path) -> pl.DataFrame:
    """The ledger of WorkArena's 41 episodes as read from JSONL."""
    of_jsonl = pl.col("input").str.starts_with("episodes_jsonl/") & ~pl.col("input").str.contains(
        "webarena"
    )
    return ledger(out).filter(of_jsonl)


def ids(rows: pl.DataFrame, unit: str, reason: str | None = None) -> set[str]:
    """The ids of a unit, each of which must be entered once; reason: None for all, empty for what
    was read.
    """
    rows = rows.filter(pl.col("unit") == unit)
    if reason is not None:
        rows = rows.filter(pl.col("reason") == reason)
        assert not rows["id"].is_duplicated().any()
    return set(rows["id"])


@cache
def recorded(folder: Path) -> tuple[Workflow, ...]:
    """The workflows of a folder as their source reads them."""
    shards = find.shards(find.find([str(folder)], SOURCES))
    return tuple(flow for shard in shards for flow in SOURCES[shard.format].read(shard, Tally()))


def matches(step: Step) -> int:
    """How many start tags of a page carry the bid that the step names; by a regular expression,
    without our reader.
    """
    (locator,) = step.target
    return len(re.findall(rf'<[a-zA-Z][^<>]*\sbid="{re.escape(locator.value)}"', step.html))


def test_every_step_of_mind2web_is_a_sample(shared_build: Path) -> None:
    """The one whole Mind2Web workflow here has 11 steps, and all of them are in the dataset."""
    rows = ledger(shared_build).filter(pl.col("format") == "mind2web")
    assert len(ids(rows, "workflow", "")) == 1
    assert len(ids(rows, "step", "")) == 11
    kept = set(account.in_dataset(shared_build)["sample_id"])
    assert (
        ids(rows, "step", "")
        == ids(rows, "sample", "")
        == {name for name in kept if name.startswith("mind2web:")}
    )


def test_every_workflow_of_workarena_is_accounted_for(shared_build: Path) -> None:
    """WorkArena is 41 workflows, each in the dataset, for none of them is dropped as a whole."""
    rows = workarena(shared_build)
    kept = account.in_dataset(shared_build)
    assert len(ids(rows, "workflow", "")) == 41
    assert ids(rows, "workflow", "") <= set(kept["workflow"])
    assert not set(rows.filter((pl.col("unit") == "workflow") & (pl.col("reason") != ""))["id"])


def test_targets_of_workarena_are_located_or_named(shared: Path, shared_build: Path) -> None:
    """Of WorkArena's 506 element actions 493 are located, each at the one start tag with the bid it
    names; the bids of the 13 others are in no start tag of their page, and the 13 are named one by
    one.
    """
    rows = workarena(shared_build)
    folder = shared / "data" / "browsergym_workarena" / "episodes_jsonl"
    steps = {
        f"{flow.uid}/{number}": matches(step)
        for flow in recorded(folder)
        for number, step in enumerate(flow.steps, 1)
        if step.target
    }
    dropped = {reason: ids(rows, "step", reason) for reason in rows["reason"].unique() if reason}
    assert set(dropped) & {
        "target_absent",
        "target_ambiguous",
        "target_unknown",
        "target_pruned",
    } == {"target_absent"}
    assert dropped["target_absent"] == ABSENT
    assert len(steps) == 506
    assert {name for name, count in steps.items() if count == 0} == ABSENT
    assert {name for name, count in steps.items() if count == 1} == steps.keys() - ABSENT
    located = ids(rows, "sample", "") | (dropped["failed_action"] & steps.keys())
    assert located == steps.keys() - ABSENT
    assert len(located) == 493


def test_failed_actions_are_history_by_default_and_samples_under_the_switch(
    shared: Path, shared_build: Path, tmp_path: Path
) -> None:
    """105 of WorkArena's 493 located actions are known to have failed: dropped by default, and with
    filter.failed_actions=false samples like the others, each with its target.
    """
    rows = workarena(shared_build)
    out = tmp_path / "out"
    folder = shared / "data" / "browsergym_workarena" / "episodes_jsonl"
    builds.build([folder], out, "filter.failed_actions=false", workers=2)
    every = {name: sample for name, sample in builds.samples(out).items() if sample.node >= 0}
    failed = every.keys() - ids(rows, "sample", "")
    assert len(every) == 493
    assert len(failed) == 105
    assert failed <= ids(rows, "step", "failed_action")
    assert not failed & set(account.in_dataset(shared_build)["sample_id"])
    assert {sample.sample_id for sample in every.values()} == set(
        account.in_dataset(out)["sample_id"]
    )
    assert all(f' node="{sample.node}"' in sample.target_html for sample in every.values())


def test_native_folders_repeat_their_jsonl(shared_build: Path) -> None:
    """The five folders of pickles are counted as duplicates of the JSONL episodes of the same name,
    and nothing of them is in the dataset a second time.
    """
    rows = ledger(shared_build)
    native = rows.filter(
        pl.col("input").str.starts_with("native_pkl/") & (pl.col("unit") == "workflow")
    )
    repeated = native.filter(pl.col("reason") == "duplicate_workflow")
    assert len(ids(native, "workflow", "")) == 5
    assert (
        ids(native, "workflow", "")
        == ids(repeated, "workflow")
        <= ids(workarena(shared_build), "workflow", "")
    )
    for row in repeated.iter_rows(named=True):
        name = row["input"].removeprefix("native_pkl/")
        assert row["detail"] == f"the same recording came before in episodes_jsonl/{name}.jsonl.zst"
    assert not account.in_dataset(shared_build)["sample_id"].is_duplicated().any()


def test_every_target_of_webarena_is_located(shared: Path, shared_build: Path) -> None:
    """All of WebArena's 17 element actions are located; the rules remove one of the elements."""
    rows = ledger(shared_build).filter(pl.col("input").str.contains("webarena"))
    flows = recorded(shared / "data" / "browsergym_webarena")
    targeted = {
        f"{flow.uid}/{i}" for flow in flows for i, step in enumerate(flow.steps, 1) if step.target
    }
    located = ids(rows, "sample", "") | (ids(rows, "step", "failed_action") & targeted)
    pruned = ids(rows, "step", "target_pruned")
    assert len(pruned) == 1
    assert located | pruned == targeted
    assert len(targeted) == 17


def test_every_demo_of_miniwob_is_a_workflow(shared: Path, shared_build: Path) -> None:
    """917 of the 918 demos have states, and give a workflow each (some files are there twice); the
    one without is quarantined with its bytes.
    """
    rows = ledger(shared_build).filter(pl.col("format") == "miniwob")
    assert sum(path.is_file() for path in (shared / "data" / "miniwob_demos").rglob("*")) == 918
    read = rows.filter((pl.col("unit") == "workflow") & (pl.col("reason") == ""))
    assert read.height == read["shard"].n_unique() == 917
    (without,) = ids(rows, "record", "workflow_without_steps")
    quarantined = account.quarantined(shared_build).filter(pl.col("id") == without)
    assert quarantined["reason"].to_list() == ["workflow_without_steps"]
    assert len(quarantined["raw"][0]) > 0


def test_an_objective_alone_is_no_workflow(shared_build: Path) -> None:
    """The 805 Mind2Web objectives without actions are quarantined one by one, for nothing to be
    learnt from them.
    """
    rows = ledger(shared_build).filter(pl.col("format") == "mind2web")
    assert len(ids(rows, "record", "workflow_without_steps")) == 805
    assert account.quarantined(shared_build).height == 806


@pytest.mark.parametrize("unit", account.UNITS)
def test_the_accounts_of_the_real_build_balance(shared_build: Path, unit: str) -> None:
    """Of every unit, what was read is what is in the dataset and what was dropped; recomputed from
    the files.
    """
    counts = account.account(shared_build)[unit]
    assert counts.errors == {}
    assert counts.read == counts.kept + counts.dropped > 0
    assert counts.dropped == sum(reason.count for reason in counts.reasons)


def test_inspect_says_what_the_manifest_says(shared_build: Path) -> None:
    """Every view of `stepmill inspect` has the figures of the manifest, of real recordings too."""
    check_figures(shared_build)
