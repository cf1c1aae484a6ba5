"""Scoring costs a small multiple of reading the same lines. Of 100,000: `tests.bench.scores`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import measure
from tests.bench.scores import read_once, scored, synthetic

PREDICTIONS = 20_000
TIMES = 30
"""No score may take longer than orjson takes to read its lines so often; `exact` takes 11 times as
long, tables and intervals included, the reference's protocol 15.
"""
PEAK_MIB = 350
"""Of 20,000 predictions; most of it is what the libraries take."""
TRIES = 4
"""At most: a busy machine slows one and the other by turns."""


@pytest.mark.parametrize("protocol", ["exact", "mind2web-direct/scribeagent-v2"])
def test_a_score_costs_a_small_multiple_of_its_lines(tmp_path: Path, protocol: str) -> None:
    """Processor time on one core, against orjson over predictions and facts in the same run; and
    the memory of all of it.
    """
    out, files = synthetic(tmp_path, PREDICTIONS)
    first = str(files[0])
    for _ in range(TRIES):
        once = measure.on_one_core(read_once, str(out), [first])
        found = measure.on_one_core(scored, str(out), [first], [], protocol)
        assert found["peak_mib"] < PEAK_MIB
        if found["seconds"] <= TIMES * once:
            return
    pytest.fail(f"{found['seconds']:.2f} s; orjson reads the lines in {once:.2f} s")
