"""`stepmill explain` on ids of every fate: its figures are those of the files of the build.

`python -m tests.planted explain` does the same with all of the shared recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.planted import explain
from tests.planted.stories import Truth
from tests.support import builds

REAL = ("mind2web", "browsergym_webarena", "adp")
"""Folders of shared recordings that together have most of the fates, and are built in seconds."""
SEED = 13
STAGES = frozenset(
    ("read", "select", "filter", "lint", "locate", "quality", "prune", "rules", "index", "fit")
)


@pytest.fixture(scope="module")
def out(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two nights with everything on."""
    inputs = [builds.RECORDINGS, *(shared / "data" / name for name in REAL)]
    return explain.build(tmp_path_factory.mktemp("fates"), inputs, shared)


@pytest.fixture(scope="module")
def truth(out: Path) -> Truth:
    """What the files of this build say."""
    return Truth(out)


def test_every_story_agrees_with_the_files(truth: Truth) -> None:
    """Ids drawn over all fates: their origin, drops, findings, pseudonyms, split and its reason,
    cluster, overlaps, place, tokens and weight are those of ledgers, index, data files, statistics
    and manifest.
    """
    chosen = explain.drawn(truth.fates(), SEED)
    assert sum(map(len, chosen.values())) >= explain.IDS
    stages = {fate.partition(":")[0] for fate in chosen if ": " in fate}
    assert stages >= STAGES
    splits = {*truth.manifest["splits"]} - {"train"}
    assert {f"packed in {split}" for split in splits} <= chosen.keys()
    assert splits >= {"test_task", "test_website", "test_domain", "validation", "mine"}
    others = (
        *("overlap, dropped", "overlap, kept", "first of a cluster", "packed in chunks"),
        *("lint finding mended", "pseudonym: email", "kept (record)"),
    )
    assert set(others) <= chosen.keys()
    wrong = {id: truth.problems(id) for ids in chosen.values() for id in ids}
    assert {id: problems for id, problems in wrong.items() if problems} == {}


def test_figures_of_stories_add_up_to_those_of_the_manifest(truth: Truth) -> None:
    """What is kept by step is what is published by kind: replaced values, and findings by code."""
    kinds = truth.replaced.group_by("kind").agg(pl.col("times").sum())
    assert dict(kinds.iter_rows()) == truth.manifest["privacy"]["replaced"]
    by_domain = truth.replaced.group_by("kind", "domain").agg(replaced=pl.col("times").sum())
    assert by_domain.sort("kind", "domain").equals(truth.table("privacy"))
    codes = truth.findings.group_by("code").len()
    assert dict(codes.iter_rows()) == truth.manifest["lint"]["codes"]


def other_split(truth: Truth) -> None:
    truth.index = truth.index.with_columns(split=pl.lit("elsewhere"))


def more(frame: str, column: str) -> Callable[[Truth], None]:
    """One more in all rows of what the files say."""

    def change(truth: Truth) -> None:
        rows: pl.DataFrame = getattr(truth, frame)
        setattr(truth, frame, rows.with_columns(pl.col(column) + 1))

    return change


def further_place(truth: Truth) -> None:
    truth.packed = {
        id: [(name, row + 1, prompt, loss) for name, row, prompt, loss in spans]
        for id, spans in truth.packed.items()
    }


@pytest.mark.parametrize(
    ("change", "fate", "says"),
    [
        (other_split, "packed in train", "split: it says 'train', the files say 'elsewhere'"),
        (further_place, "packed in train", "place: it says"),
        (more("replaced", "times"), "pseudonym: email", "replaced: it says"),
        (more("ledger", "chars"), "packed in train", "characters: it says"),
        (more("ledger", "chars"), "prune: target_pruned (step)", "page_chars: it says"),
    ],
)
def test_a_figure_that_differs_is_found(
    out: Path, change: Callable[[Truth], None], fate: str, says: str
) -> None:
    """The comparison is of the figures: with others in the files it says which disagree."""
    truth = Truth(out)
    (id,) = explain.drawn({fate: truth.fates()[fate]}, SEED, 1)[fate]
    change(truth)
    assert any(line.startswith(says) for line in truth.problems(id))
