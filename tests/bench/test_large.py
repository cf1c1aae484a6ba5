"""A hundredth of the paper's size: the same run as `tests.bench.large` makes of all of it."""

from __future__ import annotations

from pathlib import Path

from tests.bench.large import Run, report

TOKENS = 60_000_000


def test_a_build_is_killed_completed_verified_loaded_and_grown(tmp_path: Path) -> None:
    """Sixty million tokens by one command: killed at a seeded moment it goes on, `verify` finds
    nothing, `datasets` streams the first row and the last, a run with nothing to do reads no input,
    and a night of one percent reads its own alone. Done again, nothing is done twice.
    """
    run = Run(tmp_path, TOKENS, seed=7)
    done = run.all()
    assert done["totals"]["tokens"] >= TOKENS
    assert done["killed build"]["killed"]
    assert done["nothing to do"]["status"] == "nothing_to_do"
    assert done["nothing to do"]["input_shards"]["built"] == 0
    added = done["night"]["files"] - done["corpus"]["files"]
    assert 0 < added < 0.1 * done["corpus"]["files"]
    assert done["second night"]["status"] == "complete"
    assert done["second night"]["input_shards"] == {"built": added, "of": done["night"]["files"]}
    rows = done["load_dataset"]["rows"]
    assert rows["train"] * 32_768 > 0.8 * TOKENS
    lines = run.log.read_bytes()
    again = Run(tmp_path, TOKENS, seed=7).all()
    assert again == done
    assert run.log.read_bytes() == lines
    assert len(list(report(done))) == 9
