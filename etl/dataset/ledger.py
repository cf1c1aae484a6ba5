"""What became of everything that was read: joins the ledgers of all phases and the data files.

It yields groups of bundles of input shards. The ledgers of phase 1 lie by bundle. The ledger of the
index, the drops of packing and the data files are in other orders: they are read once, and spread
over files in scratch space, one for each group. So memory is bounded by a group, that is about
`GROUP_ROWS` ledger lines or one bundle, and by the samples of one index file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl
import pyarrow as pa

from etl.dataset import candidate, state
from etl.dataset.index import scan
from etl.dataset.layout import DATA, FIT, FITTED, LEDGER, QUARANTINE, Layout, Shelf, Work, shelf
from etl.files import scratch, storage
from etl.files.arrow import ArrowWriter, atomic, column, open_arrow
from etl.files.spill import Spread
from etl.files.storage import AnyPath
from schemas.ledger import LEDGER_SCHEMA, QUARANTINE_SCHEMA
from schemas.sample_table import PACKED_SCHEMA

NO_CHARS: Final = tuple(pl.lit(0, pl.Int64).alias(name) for name in ("chars", "final_chars"))
"""Columns of ledger lines about anything but a step or a sample that was read."""
GROUP_ROWS: Final = 32_000
"""Ledger lines of a group, about."""
_GROUPS: Final = 256
"""The most groups; each has two files open."""
_PRESENT: Final = pa.schema(
    [("sample_id", pa.string()), ("workflow", pa.string()), ("shard", pa.string())]
)
_KEPT: Final = _PRESENT.append(pa.field("domain", pa.string()))


class Fates(NamedTuple):
    """Everything that became of some bundles of input shards."""

    # their ledger lines of all phases, with `LEDGER_SCHEMA`
    rows: pl.DataFrame
    # (sample_id, workflow, shard) of the samples in the data files, as often as they are there
    present: pl.DataFrame
    # ids of the records that could not be read
    quarantined: pl.Series


def fates(out: AnyPath, group_rows: int = GROUP_ROWS) -> Iterator[Fates]:
    """Everything that was read for a build, each input shard once.

    Lines and samples that belong to no known input shard come last, if there are any.
    """
    work = Layout(out).work
    places = shelf(work)
    bundles = state.bundles(work)
    groups = _groups([bundle["key"] for bundle in bundles], places, group_rows)
    with scratch.folder() as lines, scratch.folder() as samples:
        number_of = _numbers(bundles, groups)
        late = _ByGroup(lines, LEDGER_SCHEMA, number_of)
        present = _ByGroup(samples, _PRESENT, number_of)
        index = work.index_ledger
        for batch in _batches(index) if storage.exists(index) else ():
            late.add(_with_chars(batch))
        packed = _Packed(out, present, late)
        for names, kept in _kept(work):
            packed.spread(names, kept)
        packed.spread_rest(work, _frame(_KEPT.empty_table()))
        for number, keys in enumerate([*groups, ()]):
            early = [
                _with_chars(batch)
                for path in places.existing(LEDGER, keys)
                for batch in _batches(path)
            ]
            rows, there = pl.concat([*early, late.take(number)]), present.take(number)
            if groups and not keys and not rows.height and not there.height:
                continue  # as it should be: everything belongs to an input shard
            ids = [
                column(path, "id", QUARANTINE_SCHEMA) for path in places.existing(QUARANTINE, keys)
            ]
            bad = pl.Series(
                "id", pa.chunked_array([b for batches in ids for b in batches], pa.string())
            )
            yield Fates(pl.concat([rows, _emptied(rows, there)]), there, bad)


def noting(groups: Iterable[Fates], path: AnyPath) -> Iterator[Fates]:
    """Write the ledger of phase 3 while the groups pass."""
    with atomic(path) as stream:
        ledger = ArrowWriter(stream, LEDGER_SCHEMA)
        for group in groups:
            lines = group.rows.filter(pl.col("stage") == FIT)
            for batch in lines.to_arrow().cast(LEDGER_SCHEMA).to_batches():
                ledger.add_batch(batch)
            yield group
        ledger.close()


def _groups(keys: Sequence[str], places: Shelf, rows: int) -> list[Sequence[str]]:
    """The keys of the build's bundles, in order, in groups of about this many ledger lines."""
    paths = places.existing(LEDGER, keys)
    sizes = dict(zip([path.stem for path in paths], storage.together(_height, paths), strict=True))
    most = max(rows, sum(sizes.values()) // _GROUPS)
    groups: list[list[str]] = []
    size = most
    for key in keys:
        more = sizes.get(key, 0)
        if not groups or size + more > most:
            groups.append([])
            size = 0
        groups[-1].append(key)
        size += more
    return [tuple(group) for group in groups]


def _numbers(
    bundles: Iterable[Mapping[str, Any]], groups: Sequence[Sequence[str]]
) -> dict[str, int]:
    """The number of the group of each input shard, by its key.

    bundles: as `etl.dataset.state.bundles`. groups: keys of bundles.
    """
    group_of = {key: number for number, keys in enumerate(groups) for key in keys}
    return {
        member["key"]: group_of[bundle["key"]] for bundle in bundles for member in bundle["members"]
    }


def _height(path: AnyPath) -> int:
    reader = open_arrow(path)
    return sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))


def _batches(path: AnyPath) -> Iterator[pl.DataFrame]:
    """An Arrow file, mapped, a batch at a time."""
    reader = open_arrow(path)
    for number in range(reader.num_record_batches):
        yield _frame(pa.Table.from_batches([reader.get_batch(number)]))


def _with_chars(lines: pl.DataFrame) -> pl.DataFrame:
    """Ledger lines, those of an earlier version too: it counted no characters."""
    missing = [each for each in NO_CHARS if each.meta.output_name() not in lines.columns]
    return lines.with_columns(missing) if missing else lines


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


class _ByGroup:
    """Rows with a column ``shard``, spread over groups of input shards.

    A last group takes the rows of unknown input shards.
    """

    def __init__(self, folder: Path, schema: pa.Schema, number_of: Mapping[str, int]) -> None:
        self._spread = Spread(folder, schema)
        keys = pl.Series(list(number_of), dtype=pl.String)
        numbers = pl.Series(list(number_of.values()), dtype=pl.Int32)
        rest = max(number_of.values(), default=-1) + 1
        self._group = pl.col("shard").replace_strict(
            keys, numbers, default=rest, return_dtype=pl.Int32
        )

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows of any groups."""
        for (number,), mine in rows.group_by(self._group, maintain_order=True):
            self._spread.add(str(number), mine)

    def take(self, number: int) -> pl.DataFrame:
        """Remove the rows of a group and return them, in the order in which they came."""
        return self._spread.take(str(number))


class _Packed:
    """The data files and the drops of packing, by output shard (``g0001/train-00003``)."""

    def __init__(self, out: AnyPath, present: _ByGroup, late: _ByGroup) -> None:
        self._data = _by_home(out, DATA, ".arrow")
        self._fitted = _by_home(out, FITTED, ".parquet")
        self._present, self._late = present, late
        self._strangers = [_frame(pa.schema([("sample_id", pa.string())]).empty_table())]

    def spread(self, names: Sequence[str], kept: pl.DataFrame) -> None:
        """Spread some output shards.

        kept: the samples that the index put there, with `_KEPT`.
        """
        fitted = [path for name in names for path in self._fitted.pop(name, ())]
        special = pl.concat([_SPECIAL, *storage.together(_special, fitted)])
        chunked = special.filter(pl.col("reason") == "")
        dropped = special.filter(pl.col("reason") != "")
        places = kept.drop("domain")
        data = [path for name in names for path in self._data.pop(name, ())]
        for ids in storage.together(_sample_ids, data):
            samples = _once(ids, chunked)
            samples = samples.join(places, on="sample_id", how="left", maintain_order="left")
            unplaced = pl.col("shard").is_null()
            if samples["shard"].has_nulls():
                self._strangers.append(samples.filter(unplaced).select("sample_id"))
                samples = samples.filter(~unplaced)
            self._present.add(samples)
        if dropped.height:
            rows = dropped.join(kept, on="sample_id", how="left", maintain_order="left")
            for unit in ("sample", "step"):
                self._late.add(_lines(rows, unit, pl.col("sample_id"), pl.col("workflow")))

    def spread_rest(self, work: Work, nothing: pl.DataFrame) -> None:
        """Spread shards that the index does not know, and samples that it put elsewhere."""
        if unknown := sorted({*self._data, *self._fitted}):
            self.spread(unknown, nothing)
        strangers = pl.concat(self._strangers)
        if strangers.height:
            every = (
                scan(work).filter(pl.col("reason") == "").select("sample_id", "workflow", "shard")
            )
            places = every.join(strangers.lazy(), on="sample_id", how="semi").collect()
            self._present.add(strangers.join(places, on="sample_id", how="left"))


def _by_home(out: AnyPath, folder: str, ending: str) -> dict[str, list[AnyPath]]:
    """The files of each output shard; there is one, unless somebody added others."""
    files: dict[str, list[AnyPath]] = defaultdict(list)
    for name, path in candidate.of_shards(out, folder, ending):
        files[name.partition("-of-")[0]].append(path)
    return files


def _kept(work: Work) -> Iterator[tuple[list[str], pl.DataFrame]]:
    """Names of output shards, and the samples that the index put there, about a file at a time."""
    paths = storage.files(work.index, ".parquet")
    waiting: list[pl.DataFrame] = []
    for path, following in zip_longest(paths, paths[1:]):
        family = path.name.rpartition("-")[0]
        rows = (
            pl.scan_parquet(scratch.copy_of(path))
            .filter(pl.col("reason") == "")
            .select(*_KEPT.names, "home")
            .collect()
        )
        rows = pl.concat([*waiting, rows])
        if not rows.height:  # all of a generation's samples were dropped
            continue
        open_ends = following is not None and following.name.rpartition("-")[0] == family
        last = pl.col("home") == pl.col("home").max()  # no row, if all were dropped
        waiting = [rows.filter(last)] if open_ends else []
        rows = rows.filter(~last) if open_ends else rows
        generation, _, split = family.partition("-")
        homes = rows["home"].unique(maintain_order=True)
        yield [f"{generation}/{split}-{home:05d}" for home in homes], rows.drop("home")


def _sample_ids(path: AnyPath) -> pl.DataFrame:
    """The sample ids in a data file, as often as they are there."""
    ids = [batch.flatten() for batch in column(path, "sample_ids", PACKED_SCHEMA)]
    return pl.DataFrame({"sample_id": pl.Series(pa.chunked_array(ids, pa.string()))})


_SPECIAL: Final = pl.DataFrame(
    schema={"sample_id": pl.String, "kept": pl.Int32, "reason": pl.String, "detail": pl.String}
)


def _special(path: AnyPath) -> pl.DataFrame:
    """The samples of an output shard that packing dropped, or of which it kept several chunks."""
    rows = pl.scan_parquet(scratch.copy_of(path)).filter(
        (pl.col("kept") > 1) | (pl.col("reason") != "")
    )
    return rows.select(_SPECIAL.columns).collect()


def _once(ids: pl.DataFrame, chunked: pl.DataFrame) -> pl.DataFrame:
    """The sample ids of a data file, with a sample in several chunks named once.

    If chunks are missing, the sample is left out. If there are too many, it stays as often as it is
    there, which the accounting reports.
    """
    if not chunked.height:
        return ids
    both = ids.join(chunked, on="sample_id", maintain_order="left")
    there = both.group_by("sample_id", maintain_order=True).agg(pl.len(), pl.first("kept"))
    few = there.filter(pl.col("len") <= pl.col("kept"))
    whole = few.filter(pl.col("len") == pl.col("kept")).select("sample_id")
    if not few.height:
        return ids
    return pl.concat([ids.join(few, on="sample_id", how="anti", maintain_order="left"), whole])


def _lines(rows: pl.DataFrame, unit: str, id: pl.Expr, parent: pl.Expr) -> pl.DataFrame:
    """Ledger lines for things that packing dropped."""
    values = {
        "unit": pl.lit(unit),
        "id": id,
        "parent": parent,
        "stage": pl.lit(FIT),
        "recorded": pl.lit(""),
    }
    return rows.with_columns(*NO_CHARS, **values).select(LEDGER_SCHEMA.names)


def _emptied(rows: pl.DataFrame, present: pl.DataFrame) -> pl.DataFrame:
    """Ledger lines for the workflows whose last samples packing dropped."""
    dropped = rows.filter((pl.col("stage") == FIT) & (pl.col("unit") == "sample")).drop("id")
    if not dropped.height:
        return rows.clear()
    dropped = dropped.unique(["shard", "parent"], maintain_order=True).rename(
        {"parent": "workflow"}
    )
    empty = dropped.join(present, on=["shard", "workflow"], how="anti", maintain_order="left")
    lines = empty.with_columns(
        reason=pl.lit("no_samples"), detail=pl.lit("all of its samples were dropped")
    )
    return _lines(lines, "workflow", pl.col("workflow"), pl.lit(""))
