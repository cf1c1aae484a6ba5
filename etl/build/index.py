"""Phase 2 of a build, the index: every decision that looks at other samples.

It reads the light columns of all samples (ids, hashes, lengths; never a page). It writes
``work/index/``, one row a sample: its split and its place, or the reason why it is dropped.

- Drops: first `etl.decisions.duplicates`, then the recipe's decisions (`etl.decisions.known`).
- Split: `etl.decisions.split`.
- Place: the output shard is a range of hash(seed, sample id) within the generation; the order in it
  is that of the hash.

`etl.build.index_files` sorts the rows and writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
import polars as pl
import pyarrow as pa

from etl.build import index_files
from etl.dataset import own_files
from etl.dataset.generations import Generations
from etl.dataset.index import OutputShard, light_count, light_rows
from etl.dataset.layout import Shelf, Work, stratum
from etl.decisions.decision import Decision, Judge
from etl.decisions.duplicates import DECIDED, repeats
from etl.decisions.split import Found, Split
from etl.decisions.subsets import TRAIN, Subsets
from etl.decisions.takedown import NOTHING, Takedown
from etl.files import scratch, storage
from etl.files.arrow import ArrowWriter, atomic, write_table
from etl.files.hashes import plain
from etl.inputs.bundles import Bundle, bundled
from etl.inputs.records import InputShard
from etl.inputs.source import Source
from etl.tally import Quarantined, Tally, as_record
from schemas.ledger import LEDGER_SCHEMA, QUARANTINE_SCHEMA, TOKENS
from schemas.reasons import TAKEN_DOWN, Reason

_COLUMNS: Final = (
    "sample_id",
    "workflow",
    "step",
    "sample_hash",
    "domain",
    "website",
    "objective",
    "chars",
)
_FRAME_CHARS: Final = 300
"""Characters of prompt and chat around a sample's own texts."""
_CHARS_PER_TOKEN: Final = 3.0
"""Of samples under Qwen2.5; used only to plan the number of output shards."""
_TOKEN_BYTES: Final = 8
"""Bytes of a token in an output shard: input id and label."""


class Indexed(NamedTuple):
    """The result of phase 2."""

    # with the number of output shards of each
    generations: Generations
    # those that are not empty, in order
    outputs: list[OutputShard]
    # entries of held-out lists that match nothing, by setting
    unmatched: dict[str, list[str]]
    # the number of tokens in each subset, as they were counted
    filled: tuple[int, ...] = ()


@dataclass(frozen=True)
class Index:
    """Everything that decides on a sample in view of others."""

    split: Split
    # the most tokens of a row
    context: int
    # planned size of an output shard, in bytes
    shard_bytes: int
    # the recipe's decisions, in order; duplicates are dropped before them
    decisions: tuple[Decision, ...] = ()
    # the nested parts of the training split, and by what settings its tokens are counted
    subsets: Subsets = field(default_factory=Subsets)
    counted: str = ""

    def settings(self) -> dict[str, Any]:
        """Everything that decides the output; the first version of a decision is left out."""
        own = {"split": self.split, "context": self.context, "shard_bytes": self.shard_bytes}
        values = {name: plain(value) for name, value in own.items()}
        for each in self.decisions:
            version = {"version": each.version} if each.version > 1 else {}
            values[each.name] = version | plain(each)
        if self.subsets:
            values["subsets"] = {"tokens": [*self.subsets.tokens], "counted": self.counted}
        return values

    def build(
        self,
        shards: Sequence[InputShard],
        generations: Generations,
        sources: Mapping[str, Source],
        places: Shelf,
        into: Work | None = None,
        takedown: Takedown = NOTHING,
    ) -> Indexed:
        """Decide on all samples of these input shards; write index, ledger and quarantine.

        shards: in the order of their names. places: the files of their bundles; the three go into
        its own work folder. into: another folder for index and ledger, for a dry run, which writes
        no quarantine.
        """
        folder = into or places.own
        number_of = generations.of_inputs()
        bundles = bundled(shards, generations.together)
        light = _Light(shards, places)
        dropped = repeats(
            [shard.name for shard in shards],
            [number_of[shard.name] for shard in shards],
            len(bundles),
            lambda at, columns: light.rows(bundles[at], columns),
            self.split.hash,
        )
        by_number = {generation.number: list[Bundle]() for generation in generations.every}
        for bundle in bundles:
            by_number[number_of[bundle.name]].append(bundle)
        judges = self._judges(by_number, dropped, light)
        held_out = Found(set)
        chosen = self.subsets.judge(self.split.hash)
        wanted = (column for each in self.decisions for column in each.columns)
        columns = [*dict.fromkeys((*_COLUMNS, *wanted))]
        if self.subsets:
            for number, mine in by_number.items():
                groups = light.groups(mine, index_files.PART_ROWS, [*columns, TOKENS])
                decided = (
                    self._decided(_repeats(group, dropped), judges, number, Found(set))
                    for group in groups
                )
                chosen.learn(number, (rows.filter(pl.col("reason") == "") for rows in decided))
        totals: dict[int, Mapping[str, int]] = {}
        made: list[OutputShard] = []
        with atomic(folder.index_ledger) as stream:
            ledger = ArrowWriter(stream, LEDGER_SCHEMA)
            for generation in generations.every:
                mine = by_number[generation.number]
                rows_read = sum(light_count(places, bundle.key) for bundle in mine)
                with scratch.beside(folder.index) as unsorted:
                    spread = index_files.IndexFiles(
                        folder.index, generation.number, rows_read, unsorted
                    )
                    for group in light.groups(mine, spread.at_once, columns):
                        rows = self._decided(
                            _repeats(group, dropped), judges, generation.number, held_out
                        )
                        rows = chosen.judged(generation.number, rows)
                        spread.add(rows.with_columns(stratum=self._stratum()))
                        for batch in _ledger_rows(rows):
                            ledger.add_batch(batch)
                    totals[generation.number] = {
                        **self._planned(spread.chars),
                        **(generation.shards or {}),
                    }
                    made += spread.sorted(totals[generation.number])
            ledger.close()
        for path in storage.files(folder.index, ".parquet"):
            name = own_files.generation_of(path.name)
            if name and name not in {generation.name for generation in generations.every}:
                storage.remove(path)  # its generation has no inputs any more
        if into is None:
            _write_quarantine(dropped, shards, sources, places.own, takedown)
        unmatched = self.split.unmatched(held_out)
        return Indexed(generations.closed(totals), made, unmatched, (*chosen.filled,))

    def _judges(
        self,
        by_number: Mapping[int, Sequence[Bundle]],
        dropped: pl.DataFrame,
        light: _Light,
    ) -> list[Judge]:
        """The decisions, each having learned what those before it keep of all generations."""
        judges: list[Judge] = []
        columns = {"workflow": None}  # duplicates are identified by it
        for decision in filter(None, self.decisions):
            judge = decision.judge(self.split.hash)
            columns |= dict.fromkeys(decision.columns)
            for number, mine in by_number.items():
                groups = light.groups(mine, index_files.PART_ROWS, [*columns])
                judge.learn(number, (_kept(_repeats(g, dropped), judges, number) for g in groups))
            judges.append(judge)
        return judges

    def _decided(
        self, rows: pl.DataFrame, judges: Sequence[Judge], generation: int, held_out: Found
    ) -> pl.DataFrame:
        """Set split and order of light rows, and the reason of those that a decision drops."""
        for judge in judges:
            rows = judge.judged(generation, rows)
        return self.split.assigned(rows, held_out).with_columns(
            pl.Series("order", map(self.split.hash, rows["sample_id"]), pl.UInt64),
            planned=(pl.col("chars") + _FRAME_CHARS).clip(
                upper_bound=_CHARS_PER_TOKEN * self.context
            ),
        )

    def _stratum(self) -> pl.Expr:
        """The split of a row, with the number of its smallest subset if it is in one."""
        name = pl.col("split")
        for number in range(1, len(self.subsets.tokens) + 1):
            inside = pl.col("subset") == number
            name = pl.when(inside).then(pl.lit(stratum(TRAIN, number))).otherwise(name)
        return name

    def _planned(self, chars: Mapping[str, float]) -> dict[str, int]:
        """The number of output shards of a generation, by stratum.

        chars: planned characters of its samples, by stratum.
        """
        bytes_of = {
            stratum: chars.get(stratum, 0) / _CHARS_PER_TOKEN * _TOKEN_BYTES
            for stratum in dict.fromkeys((*self.split.names, *sorted(chars)))
        }
        return {name: max(1, round(size / self.shard_bytes)) for name, size in bytes_of.items()}


def _kept(rows: pl.DataFrame, judges: Sequence[Judge], generation: int) -> pl.DataFrame:
    """The rows that these decisions keep."""
    for judge in judges:
        rows = judge.judged(generation, rows)
    return rows.filter(pl.col("reason") == "")


def _repeats(rows: pl.DataFrame, dropped: pl.DataFrame) -> pl.DataFrame:
    """Set reason and detail of light rows: those of duplicates, and empty ones for the others."""
    if not dropped.height:
        return rows.with_columns(reason=pl.lit(""), detail=pl.lit(""))
    rows = rows.join(dropped, on=["position", "workflow"], how="left", maintain_order="left")
    return rows.with_columns(pl.col("reason", "detail").fill_null(""))


class _Light:
    """The light rows of all bundles, with the position of each row's input shard."""

    def __init__(self, shards: Sequence[InputShard], places: Shelf) -> None:
        self._position_of = {shard.key: at for at, shard in enumerate(shards)}
        self._places = places

    def rows(self, bundle: Bundle, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows of a bundle, in order, and ``position``."""
        rows = light_rows(self._places, bundle.key, [*dict.fromkeys(("shard", *columns))])
        keys = [shard.key for shard in bundle.members]
        positions = pl.Series([self._position_of[key] for key in keys], dtype=pl.Int32)
        position = pl.col("shard").replace_strict(pl.Series(keys), positions)
        return rows.select(*columns, position=position)

    def groups(
        self, bundles: Iterable[Bundle], at_once: int, columns: Sequence[str]
    ) -> Iterator[pl.DataFrame]:
        """The rows of these bundles, with the place of each, in groups.

        at_once: the least number of rows in a group; only the last has fewer.
        """
        waiting: list[pl.DataFrame] = []
        size = 0
        for bundle in bundles:
            rows = self.rows(bundle, ["shard", *columns]).with_row_index("row")
            place = pl.lit(bundle.key).alias("bundle"), pl.col("row").cast(pl.Int64)
            waiting.append(rows.with_columns(*place))
            size += rows.height
            if size >= at_once:
                yield pl.concat(waiting)
                waiting, size = [], 0
        if waiting:
            yield pl.concat(waiting)


def _ledger_rows(every: pl.DataFrame) -> Iterator[pa.RecordBatch]:
    """Ledger lines for the dropped ones of these rows.

    One for each sample, one for its step, and one for each workflow whose samples are all dropped.
    """
    dropped = every.filter(pl.col("reason") != "")
    if not dropped.height:
        return
    kept = every.filter(pl.col("reason") == "").select("shard", "workflow")
    for unit in ("sample", "step", "workflow"):
        rows, ids = dropped, [pl.col("sample_id").alias("id"), pl.col("workflow").alias("parent")]
        if unit == "workflow":
            rows = dropped.join(kept, on=["shard", "workflow"], how="anti", maintain_order="left")
            rows = rows.unique(["shard", "workflow"], keep="first", maintain_order=True)
            ids = [pl.col("workflow").alias("id"), pl.lit("").alias("parent")]
        lines = rows.with_columns(
            *ids, unit=pl.lit(unit), stage=pl.lit("index"), recorded=pl.lit("")
        ).select(LEDGER_SCHEMA.names)
        yield from lines.to_arrow().cast(LEDGER_SCHEMA).to_batches()


def _write_quarantine(
    dropped: pl.DataFrame,
    shards: Sequence[InputShard],
    sources: Mapping[str, Source],
    work: Work,
    takedown: Takedown,
) -> None:
    """Write the content of workflows that are quarantined; their input shards are read again."""
    conflicts = dropped.filter(pl.col("reason") != "duplicate_workflow").select(*DECIDED)
    details = {
        (position, uid): (reason, text) for position, uid, reason, text in conflicts.iter_rows()
    }
    path = work.index_quarantine
    if not details:
        storage.remove(path)
        return
    kept: list[Quarantined] = []
    for record in _contents(details, shards, sources):
        if takedown.in_record(record.id, record.detail, record.raw):
            kept.append(record.without_content(TAKEN_DOWN))
        else:
            kept.append(record)
    columns = {name: [getattr(row, name) for row in kept] for name in QUARANTINE_SCHEMA.names}
    write_table(path, pa.table(columns, schema=QUARANTINE_SCHEMA))


def _contents(
    details: Mapping[tuple[int, str], tuple[Reason, str]],
    shards: Sequence[InputShard],
    sources: Mapping[str, Source],
) -> Iterator[Quarantined]:
    """The records to quarantine.

    details: reason and detail by (position of the input, uid).
    """
    for position in sorted({position for position, _ in details}):
        wanted = {uid for at, uid in details if at == position}
        shard = shards[position]
        for workflow in sources[shard.format].read(shard, Tally()):
            if workflow.uid in wanted:
                wanted.discard(workflow.uid)
                reason, detail = details[position, workflow.uid]
                yield Quarantined(
                    workflow.uid, "index", reason, detail, orjson.dumps(as_record(workflow))
                )
