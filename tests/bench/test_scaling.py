"""A short form of the benchmarks of growth: ratios of one run to another, never absolute times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench import scaling, synthetic
from tests.bench.measure import apart
from tests.bench.scaling import (
    MEMORY_SHARE,
    RATE_SHARE,
    SECOND_VOCABULARY_BRIEFLY,
    built,
    finished,
    grow,
    indexed,
    second_vocabulary,
)
from tests.bench.workloads import SHIPPED

TRIES = 3
"""A busy machine slows one run and the other by turns; only what fails again and again does not
hold.
"""


def test_index_and_accounts_of_four_times_as_many_samples_take_the_same_memory(
    tmp_path: Path,
) -> None:
    """With parts and groups of a size that both runs fill, the peak memory of either phase grows by
    no more than is claimed; what they find adds up.
    """
    peaks: dict[str, list[float]] = {"index": [], "finish": []}
    for samples in (80_000, 320_000):
        out = tmp_path / str(samples)
        shards = apart(synthetic.light, out / "work", samples, 11_000)
        found = apart(indexed, out / "work", shards, 20_000)
        assert 0.98 * samples < found["kept"] <= samples + 11_000
        peaks["index"].append(found["peak_mib"])
        apart(synthetic.rest, out, shards, apart(synthetic.indexed, out / "work", shards, 20_000))
        peaks["finish"].append(apart(finished, out, 30_000)["peak_mib"])
    for phase, (once, more) in peaks.items():
        assert more <= (1 + MEMORY_SHARE) * once, (phase, peaks)


def test_four_times_the_input_is_built_at_the_same_rate(tmp_path: Path) -> None:
    """MB of pages a second of processor time, of a build in one process:
    not slower than claimed.
    """
    sizes = {mb: apart(grow, SHIPPED, tmp_path / f"in-{mb}", mb) for mb in (10.0, 40.0)}
    tries = []
    for number in range(TRIES):
        rates = [
            size / apart(built, tmp_path / f"in-{mb}", tmp_path / f"out-{number}-{mb}")["seconds"]
            for mb, size in sizes.items()
        ]
        tries.append(rates)
        if rates[1] >= (1 - RATE_SHARE) * rates[0]:
            return
    pytest.fail(f"MB/s: {tries}")


def test_a_second_vocabulary_costs_a_part_of_the_first(tmp_path: Path) -> None:
    """Processor time of a brief build of two vocabularies beside one: at most half more."""
    pytest.importorskip("mistral_common")
    apart(grow, SHIPPED, tmp_path / "in", 80.0)
    costs = second_vocabulary(tmp_path / "in", tmp_path / "out", TRIES)
    assert min(costs) <= SECOND_VOCABULARY_BRIEFLY, costs


def test_claims_that_fail_are_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Growth whose rates fall, whose memory rises, or whose second worker helps little, fails."""
    good = {"seconds": 10.0, "peak_mib": 500.0, "tokens": 1_000_000, "samples": 100}

    def run(of_16x: dict[str, float], two: float = 1.9, one: float = 10.0) -> bool:
        seconds = iter([one, 10.0, 10.0])

        def build(work: Callable[..., object], *arguments: Any) -> object:
            if work is grow:
                return 60.0
            arguments[1].mkdir()
            times = arguments[0].name.removeprefix("in-")
            return good | (
                {"seconds": next(seconds)} if times == "1" else of_16x if times == "16" else {}
            )

        times = iter([two, 1.0])
        monkeypatch.setattr(scaling, "apart", build)
        monkeypatch.setattr(scaling, "on_one_core", build)
        monkeypatch.setattr(scaling, "clocked", lambda *_: next(times))
        return scaling.growth(SHIPPED, 60.0)

    assert run({})
    assert "projection: 6 billion output tokens in 16.7 core-hours" in capsys.readouterr().out
    assert run({}, one=15.0)  # a slow minute of the machine
    assert not run({"seconds": 12.0})
    assert not run({"seconds": 8.0})
    assert not run({"peak_mib": 601.0})
    assert not run({}, two=1.7)
