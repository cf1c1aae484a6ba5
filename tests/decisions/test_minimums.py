"""Minimums of domains: what comes before there is enough is dropped, and stays so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.recipes.recipe import load
from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from etl.decisions.minimums import Minimums
from schemas.errors import ConfigError
from tests.support import builds

Sample = tuple[str, str]
"""Workflow and domain."""


def rows(samples: Sequence[Sample]) -> pl.DataFrame:
    """Light rows."""
    schema = dict.fromkeys(("workflow", "domain", "reason", "detail"), pl.String)
    return pl.DataFrame([(*each, "", "") for each in samples], schema, orient="row")


def judged(least: Minimums, *generations: Sequence[Sample]) -> list[pl.DataFrame]:
    """The rows of each generation with their reasons."""
    judge = least.judge(lambda _: 0)
    for number, samples in enumerate(generations, 1):
        judge.learn(number, [rows(samples[:1]), rows(samples[1:])])
    return [judge.judged(number, rows(each)) for number, each in enumerate(generations, 1)]


def test_a_domain_with_too_few_samples() -> None:
    """Its samples are dropped, and say how many there were; a domain at the limit stays."""
    (found,) = judged(Minimums(3), [("w1", "a"), ("w1", "a"), *[("w2", "b")] * 3])
    assert found["reason"].to_list() == ["under_domain_minimum"] * 2 + [""] * 3
    assert found["detail"][0] == "the domain a has 2 samples: minimums.samples_per_domain is 3"


def test_a_domain_with_too_few_workflows() -> None:
    """A workflow counts once for each domain."""
    (found,) = judged(Minimums(workflows_per_domain=2), [("w1", "a")] * 5 + [("w2", "b")])
    assert set(found["reason"]) == {"under_domain_minimum"}
    assert "has 1 workflows: minimums.workflows_per_domain is 2" in found["detail"][0]
    (found,) = judged(Minimums(workflows_per_domain=2), [("w1", "a"), ("w2", "a")])
    assert set(found["reason"]) == {""}


_generations = st.lists(
    st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("abc")), max_size=6), max_size=4
)


@given(_generations, st.integers(0, 5), st.integers(0, 3))
def test_new_recordings_change_no_old_decision(
    generations: list[list[Sample]], samples: int, workflows: int
) -> None:
    """What becomes of a generation depends on those up to it alone; and once a domain has enough,
    all that follows of it is kept.
    """
    least = Minimums(samples, workflows)
    whole = judged(least, *generations)
    enough: set[str] = set()
    for number in range(len(generations)):
        assert judged(least, *generations[: number + 1])[-1].equals(whole[number])
        kept = set(whole[number].filter(pl.col("reason") == "")["domain"])
        lost = set(whole[number].filter(pl.col("reason") != "")["domain"])
        assert not lost & (enough | kept)
        enough |= kept


def test_a_night_brings_enough(tmp_path: Path) -> None:
    """The first night stays dropped, the second is kept; one generation of both keeps all."""
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    lines = (builds.RECORDINGS / "library.jsonl").read_text().splitlines(keepends=True)
    (inputs / "1.jsonl").write_text("".join(lines[:2]))
    setting = "minimums.workflows_per_domain=3"
    gate = "gates.min_samples=0"
    builds.build([inputs], out, setting, gate)
    (inputs / "2.jsonl").write_text("".join(lines[2:5]))
    builds.build([inputs], out, setting, gate)
    found = drops(Layout(out).work).collect().filter(pl.col("reason") == "under_domain_minimum")
    assert found.filter(unit="workflow").height == 2
    builds.build([inputs], out, setting, gate, compact=True)
    found = drops(Layout(out).work).collect().filter(pl.col("reason") == "under_domain_minimum")
    assert found.height == 0


def test_minimums_that_cannot_be() -> None:
    """They are 0 or more."""
    with pytest.raises(ConfigError, match=r"minimums\.samples_per_domain = -1"):
        Minimums(-1)


@pytest.mark.parametrize("key", ["samples_per_domain", "workflows_per_domain"])
def test_a_cap_under_a_minimum_is_refused(key: str) -> None:
    """Together they would leave nothing of any domain; equal ones leave something."""
    load("scribeagent-32k", [f"caps.{key}=5", f"minimums.{key}=5"])
    with pytest.raises(ConfigError, match=f"caps.{key} = 4 keeps less of each domain"):
        load("scribeagent-32k", [f"caps.{key}=4", f"minimums.{key}=5"])
