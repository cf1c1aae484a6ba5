"""Rows spread over files come back as they were added, and a full disk is said."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.files import scratch
from etl.files.spill import Spread
from schemas.errors import BuildError

SCHEMA = pa.schema([("id", pa.string()), ("number", pa.int64())])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.text(), max_size=3)), max_size=12))
def test_rows_come_back_by_name_in_their_order(added: list[tuple[str, list[str]]]) -> None:
    """Whatever is added under whatever names: each name has its rows in the order of adding, once;
    no file stays.
    """
    with scratch.folder() as folder:
        spread = Spread(folder, SCHEMA)
        expected: dict[str, list[tuple[str, int]]] = {}
        for number, (name, texts) in enumerate(added):
            rows = pl.DataFrame(
                {"more": True, "number": number, "id": texts}, schema_overrides={"id": pl.String}
            )
            spread.add(name, rows)
            expected.setdefault(name, []).extend((text, number) for text in texts)
        assert spread.names == sorted(expected)
        assert {name: spread.take(name).rows() for name in spread.names} == expected
        assert (
            spread.take("a").schema
            == spread.take("never").schema
            == {"id": pl.String, "number": pl.Int64}
        )
        assert spread.take("a").is_empty()
        assert list(folder.iterdir()) == []


@contextmanager
def limited(size: int) -> Iterator[None]:
    """No file can grow beyond this many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """The error names the file, and how many bytes it needs."""
    spread = Spread(tmp_path, SCHEMA)
    rows = pl.DataFrame(
        {"id": [f"{number * 2654435761:x}" for number in range(50_000)], "number": range(50_000)}
    )
    with limited(100_000), pytest.raises(BuildError) as stopped:
        spread.add("a", rows)
    said = re.fullmatch(
        r"(\S+): File too large: it needs ([0-9,]+) bytes or more, .* Make room .*",
        str(stopped.value),
    )
    assert said, stopped.value
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/a\.[0-9a-f]{{8}}\.part", said[1])
    assert int(said[2].replace(",", "")) > 100_000
