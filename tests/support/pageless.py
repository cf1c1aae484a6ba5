"""What tests of recordings without pages share: a recording is written, found and read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from etl.inputs import find
from etl.sources import SOURCES
from etl.tally import Tally
from schemas.workflow import Workflow


def read(path: Path) -> tuple[str, list[Workflow], Tally]:
    """Format, workflows and ledger of a file."""
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    tally = Tally()
    return shard.format, list(SOURCES[shard.format].read(shard, tally)), tally


def given(folder: Path, name: str, recording: Any) -> tuple[list[Workflow], Tally]:
    """The workflows and the ledger of a recording in a file of this name."""
    path = folder / name
    path.write_text(json.dumps(recording))
    _, workflows, tally = read(path)
    return workflows, tally


def reasons(tally: Tally) -> dict[str, int]:
    """How many records were dropped, by reason."""
    return dict(Counter(entry.reason for entry in tally.entries if entry.reason))


def check_ledger(tally: Tally) -> None:
    """Every record enters once, and is dropped once at most."""
    read_once = Counter(entry.id for entry in tally.entries if not entry.reason)
    dropped = Counter(entry.id for entry in tally.entries if entry.reason)
    assert set(read_once.values()) <= {1}
    assert set(dropped.values()) <= {1}
    assert dropped.keys() <= read_once.keys()
    assert {bad.id for bad in tally.quarantined} <= dropped.keys()
