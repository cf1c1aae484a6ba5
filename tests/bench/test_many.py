"""Many small files cost little more than few large ones: a short form of `tests.bench.many`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.many import Cost, bucket, measured

TRIES = 3
"""A busy machine slows one run and the other by turns."""

GOOD = Cost(
    many=12.0,
    many_mib=500.0,
    few=10.0,
    few_mib=490.0,
    work_files=100,
    nothing=1.0,
    find=0.1,
    start=0.4,
    requests=0.0,
    read_again=900,
    bundle=1000,
)


@pytest.mark.parametrize("where", ["here", "s3"])
def test_many_small_files_cost_little(where: str, tmp_path: Path) -> None:
    """Files of one workflow each, and the same records in eight: time, memory, files in ``work/``,
    a run with nothing to do and one changed file are as claimed, in one of a few tries. On s3 the
    time is the command's to claim: with a thousand files it is mostly the server's.
    """
    failures = []
    for number in range(TRIES):
        folder = tmp_path / str(number)
        if where == "here":
            cost = measured(folder, 4_000)
        else:
            with bucket(folder / "server") as root:
                cost = measured(folder / "files", 1_000, root)
        found = list(cost.failures())
        failures.append([line for line in found if where == "here" or "times" not in line])
        if not failures[-1]:
            return
    pytest.fail(f"{failures}")


@pytest.mark.parametrize(
    "change",
    [{"many": 13.1}, {"many_mib": 600.0}, {"work_files": 2_001}, {"nothing": 1.6},
     {"read_again": 1001}],
)  # fmt: skip
def test_claims_that_fail_are_seen(change: dict[str, Any]) -> None:
    """Each claim fails by itself; with the requests counted, the time is held to less."""
    assert list(GOOD.failures()) == []
    bad = replace(GOOD, **change)
    assert len(list(bad.failures())) == 1
    assert list(replace(GOOD, many=25.0, requests=10.0).failures()) == []
