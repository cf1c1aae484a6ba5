"""Views of a build of many samples: as fast as reading columns is, and right. Of a million:
`tests.bench.views`.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from tests.bench import measure
from tests.bench.views import here, read_once, synthetic, views

SAMPLES = 300_000
TIMES = 12
"""No view may take longer than reading all columns of the listing so often; most take as long
as once.
"""

TRIES = 6
"""At most: a busy machine slows one and the other by turns."""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pl.DataFrame]:
    """The build, and its steps."""
    out = tmp_path_factory.mktemp("views") / "out"
    return out, synthetic(out, SAMPLES)


def clocked(out: str, asked: list[list[str]]) -> tuple[float, list[float]]:
    """Seconds for reading the columns once, and for each view, in this process, when everything has
    been imported.
    """
    for each in asked:
        here(each)
    once = min(read_once(Path(out)) for _ in range(2))
    return once, [here(each) for each in asked]


def test_every_view_is_as_fast_as_its_columns_are_read(big: tuple[Path, pl.DataFrame]) -> None:
    """Against reading the listing by Polars in the same process: no view takes `TIMES` as long."""
    out, steps = big
    asked = views(out, steps)
    for _ in range(TRIES):
        once, found = measure.apart(clocked, str(out), list(asked.values()))
        slow = [f"{name}: {spent:.2f} s, columns {once:.2f} s" for name, spent in zip(asked, found,
        strict=True)
                if spent > TIMES * once]  # fmt: skip
        if not slow:
            return
    pytest.fail("\n".join(slow))


def test_the_figures_are_those_of_the_steps(big: tuple[Path, pl.DataFrame]) -> None:
    """Sums over all samples, a filter,
    and the drops are what Polars finds in the steps themselves.
    """
    out, steps = big
    kept = steps.filter(pl.col("reason") == "")

    def asked(*arguments: str) -> dict[str, object]:
        done = CliRunner().invoke(cli, ["inspect", str(out), *arguments, "--json"])
        found: dict[str, object] = json.loads(done.stdout)
        return found

    lengths = asked("tokens", "--measure", "completion")["completion"]
    assert isinstance(lengths, dict)
    assert sum(split["sum"] for split in lengths.values()) == kept["completion_tokens"].sum()
    shop = kept.filter((pl.col("domain") == "shop7.example") & (pl.col("action_kind") == "type"))
    found = asked("samples", "--domain", "shop7.example", "--action", "type", "--limit", "0")
    assert found["matched"] == shop.height
    assert isinstance(found["samples"], list)
    assert {row["sample_id"] for row in found["samples"]} == set(shop["sample_id"])
    drops = asked("drops")["drops"]
    assert isinstance(drops, list)
    counted = dict(steps.filter(pl.col("reason") != "").group_by("reason").len().iter_rows())
    assert {row["reason"]: row["count"] for row in drops} == counted
