"""Phase 2 of a build, the index: every decision that looks at other samples.

It reads the light columns of all samples (ids, hashes, lengths; never a page). It writes
``work/index/``, one row a sample: its split and its place, or the reason why it is dropped.

- Drops: first `etl.decisions.duplicates`, then the recipe's decisions (`etl.decisions.known`).
- Split: `etl.decisions.split`; what is drawn is drawn of what the decisions keep. Failures may have
  splits of their own (`etl.decisions.failures`).
- Place: the output shard is a range of hash(seed, sample id) within the generation; the order in it
  is that of the hash.

`etl.build.index_files` sorts the rows and writes them, with the ledger and the quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import polars as pl

from etl.build import index_files
from etl.dataset import own_files
from etl.dataset.generations import Generations
from etl.dataset.index import OutputShard, light_count, light_rows
from etl.dataset.layout import Shelf, Work, stratum
from etl.decisions.contamination import Overlaps, joined
from etl.decisions.decision import Decision, Judge
from etl.decisions.duplicates import repeats
from etl.decisions.failures import Failures
from etl.decisions.near.decision import Alike, Near
from etl.decisions.recorded import RECORDED, Cut, Timed
from etl.decisions.split import Split, Splitting
from etl.decisions.subsets import TRAIN, Subsets
from etl.decisions.takedown import NOTHING, Takedown
from etl.files import scratch, storage
from etl.files.arrow import ArrowWriter, atomic
from etl.files.hashes import plain
from etl.inputs.archives import times
from etl.inputs.bundles import Bundle, bundled
from etl.inputs.records import InputShard
from etl.inputs.source import Source
from schemas.ledger import LEDGER_SCHEMA, SIGNATURES_SCHEMA, TOKENS

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
_SPLIT: Final = "split"
_LEARNED: Final = frozenset((_SPLIT, *SIGNATURES_SCHEMA.names))
"""Columns of decisions that are not read when all is decided: the split is made, and signatures are
only for `Judge.learn`.
"""
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
    # what the draw of the splits counted
    drawn: Mapping[str, int] = MappingProxyType({})
    # `etl.decisions.contamination.OVERLAPS`; None for a recipe that does not look for them
    overlaps: pl.DataFrame | None = None


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
    # whether what failed is kept apart
    failures: Failures = field(default_factory=Failures)

    @property
    def near(self) -> bool:
        """Whether near-duplicates are looked for: by signatures, into a column ``cluster``."""
        return any(isinstance(decision, Near) for decision in self.decisions)

    @property
    def signed(self) -> bool:
        """Whether a decision needs the signatures of samples."""
        wanted = {name for decision in self.decisions for name in decision.columns}
        return not wanted.isdisjoint(SIGNATURES_SCHEMA.names)

    def settings(self) -> dict[str, Any]:
        """Everything that decides the output; the first version of a decision is left out."""
        own = {"split": self.split, "context": self.context, "shard_bytes": self.shard_bytes}
        values = {name: plain(value) for name, value in own.items()}
        for each in self.decisions:
            version = {"version": each.version} if each.version > 1 else {}
            values[each.name] = version | plain(each)
        if self.subsets:
            values["subsets"] = {"tokens": [*self.subsets.tokens], "counted": self.counted}
        if self.failures:
            values["failures"] = {"below": self.failures.below}
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
        light = _Light(shards, places, self._columns())
        dropped = repeats(
            [shard.name for shard in shards],
            [number_of[shard.name] for shard in shards],
            len(bundles),
            lambda at, columns: light.rows(bundles[at], columns),
            self.split.hash,
        )
        light.of = {generation.number: [] for generation in generations.every}
        for bundle in bundles:
            light.of[number_of[bundle.name]].append(bundle)
        light.dropped = dropped
        judges = self._judges(light)
        splits, cut = self._splitting(light, judges, generations.cut)
        chosen = self.subsets.judge(self.split.hash)
        if self.subsets:
            for number in light.of:
                groups = light.groups(number, splits, more=[TOKENS])
                decided = (self._decided(group, judges, number) for group in groups)
                chosen.learn(number, (rows.filter(pl.col("reason") == "") for rows in decided))
        totals: dict[int, Mapping[str, int]] = {}
        overlaps: list[pl.DataFrame] = []
        made: list[OutputShard] = []
        with atomic(folder.index_ledger) as stream:
            ledger = ArrowWriter(stream, LEDGER_SCHEMA)
            for generation in generations.every:
                mine = light.of[generation.number]
                rows_read = sum(light_count(places, bundle.key) for bundle in mine)
                with scratch.beside(folder.index) as unsorted:
                    spread = index_files.IndexFiles(
                        folder.index, generation.number, rows_read, unsorted, clusters=self.near
                    )
                    for group in light.groups(generation.number, splits, at_once=spread.at_once):
                        rows = self._decided(group, judges, generation.number)
                        overlaps += [
                            judge.table(generation.number, rows)
                            for judge in judges
                            if isinstance(judge, Overlaps)
                        ]
                        rows = chosen.judged(generation.number, rows)
                        spread.add(rows.with_columns(stratum=self._stratum()))
                        for batch in index_files.ledger_rows(rows):
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
            index_files.write_quarantine(dropped, shards, sources, places.own, takedown)
        closed = replace(generations.closed(totals), cut=cut)
        noted = splits.drawn.noted() if splits.drawn else {}
        found = joined(overlaps) if any(isinstance(each, Overlaps) for each in judges) else None
        return Indexed(closed, made, splits.unmatched(), (*chosen.filled,), noted, found)

    def _columns(self) -> list[str]:
        """The columns that are read of each sample."""
        wanted = [column for each in self.decisions for column in each.columns]
        failed = self.failures.columns if self.failures else ()
        every = dict.fromkeys((*_COLUMNS, *wanted, *self.split.columns, *failed))
        return [name for name in every if name not in _LEARNED]

    def _judges(self, light: _Light) -> list[Judge]:
        """The decisions, each having learned what those before it keep of all generations.

        They see the splits without what is drawn, since that is drawn of what they keep.
        """
        judges: list[Judge] = []
        undrawn = replace(self.split, draw=None)
        splits = undrawn.judge()
        columns: list[str] = ["workflow"]  # duplicates are identified by it
        if self.failures:
            columns += self.failures.columns
        for decision in filter(None, self.decisions):
            judge = decision.judge(self.split.hash)
            columns += decision.columns
            split = _SPLIT in columns
            read = [*_COLUMNS, *undrawn.columns, *columns] if split else columns
            for number in light.of:
                rows = light.groups(number, splits if split else None, only=read)
                kept = (self._kept(each, judges, number) for each in rows)
                if self.failures and not isinstance(judge, Overlaps):
                    kept = (each.filter(~self.failures.sample) for each in kept)
                judge.learn(number, kept)
            if self.split.draw is None:
                _place(judge, light, splits)
            judges.append(judge)
            columns = [name for name in columns if name not in SIGNATURES_SCHEMA.names]
        return judges

    def _splitting(
        self, light: _Light, judges: Sequence[Judge], cut: Cut | None
    ) -> tuple[Splitting, Cut | None]:
        """The splits, having learned what the decisions keep; and the cut in time, if it is kept.

        judges: that have learned. cut: of an earlier build.
        """
        splits = self.split.judge()
        timed = splits.drawn if isinstance(splits.drawn, Timed) else None
        if timed is not None:
            timed.begin(cut)
        if splits.drawn is not None:
            undrawn = replace(self.split, draw=None).judge()
            failed = self.failures.workflow
            for number in light.of:
                for which in (~failed, failed) if self.failures else (pl.lit(value=True),):
                    rows = light.groups(number, undrawn)
                    kept = (self._kept(each, judges, number) for each in rows)
                    splits.learn(number, (each.filter(which) for each in kept))
            for judge in judges:
                _place(judge, light, splits)
        return splits, timed.kept if timed else None

    def _decided(
        self, rows: pl.DataFrame, judges: Sequence[Judge], generation: int
    ) -> pl.DataFrame:
        """Set the order of light rows, and the reason of those that a decision drops.

        rows: with their split, which a decision may look at.
        """
        rows = self._judged(rows, judges, generation)
        return self.failures.parted(rows).with_columns(
            pl.Series("order", map(self.split.hash, rows["sample_id"]), pl.UInt64),
            planned=(pl.col("chars") + _FRAME_CHARS).clip(
                upper_bound=_CHARS_PER_TOKEN * self.context
            ),
        )

    def _judged(self, rows: pl.DataFrame, judges: Sequence[Judge], generation: int) -> pl.DataFrame:
        """Set the reason of the rows that a decision drops."""
        for judge in judges:
            if isinstance(judge, Overlaps):
                rows = judge.judged(generation, rows)
            else:
                rows = self.failures.spared(rows, partial(judge.judged, generation))
        return rows

    def _kept(self, rows: pl.DataFrame, judges: Sequence[Judge], generation: int) -> pl.DataFrame:
        """The rows that these decisions keep."""
        return self._judged(rows, judges, generation).filter(pl.col("reason") == "")

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


def _place(judge: Judge, light: _Light, splits: Splitting) -> None:
    """Let a judge that marks clusters know in which split each of them lies."""
    if isinstance(judge, Alike) and judge.marks:
        for number in light.of:
            judge.place(light.groups(number, splits))


class _Light:
    """The light rows of all bundles, with the position of each row's input shard.

    columns: that are read of each sample.
    """

    def __init__(self, shards: Sequence[InputShard], places: Shelf, columns: Sequence[str]) -> None:
        # bundles by the number of their generation, and workflows that are repeats
        self.of: dict[int, list[Bundle]] = {}
        self.dropped = pl.DataFrame()
        self._position_of = {shard.key: at for at, shard in enumerate(shards)}
        self._places, self._columns = places, columns

    def rows(self, bundle: Bundle, columns: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows of a bundle, in order, and ``position``."""
        read = [*dict.fromkeys(("shard", *(name for name in columns if name != RECORDED)))]
        if RECORDED in columns:
            rows = light_rows(self._places, bundle.key, [*read, *times.METAS])
            rows = rows.drop(times.METAS).with_columns(times.of_rows(rows).alias(RECORDED))
        else:
            rows = light_rows(self._places, bundle.key, read)
        keys = [shard.key for shard in bundle.members]
        positions = pl.Series([self._position_of[key] for key in keys], dtype=pl.Int32)
        position = pl.col("shard").replace_strict(pl.Series(keys), positions)
        return rows.select(*columns, position=position)

    def groups(
        self,
        number: int,
        splits: Splitting | None = None,
        *,
        more: Sequence[str] = (),
        only: Sequence[str] = (),
        at_once: int = index_files.PART_ROWS,
    ) -> Iterator[pl.DataFrame]:
        """The rows of a generation in groups, with the place of each, its split, and the reason of
        repeats.

        more: columns besides the usual ones. only: columns instead of them. at_once: the least
        number of rows in a group; only the last has fewer.
        """
        names = dict.fromkeys(("shard", *(only or (*self._columns, *more))))
        names.pop(_SPLIT, None)
        waiting: list[pl.DataFrame] = []
        size = 0
        for bundle in self.of[number]:
            rows = self.rows(bundle, [*names]).with_row_index("row")
            place = pl.lit(bundle.key).alias("bundle"), pl.col("row").cast(pl.Int64)
            waiting.append(rows.with_columns(*place))
            size += rows.height
            if size >= at_once:
                yield self._marked(number, pl.concat(waiting), splits)
                waiting, size = [], 0
        if waiting:
            yield self._marked(number, pl.concat(waiting), splits)

    def _marked(self, number: int, rows: pl.DataFrame, splits: Splitting | None) -> pl.DataFrame:
        """Set reason and detail of light rows: those of repeats, and empty ones for the others."""
        if self.dropped.height:
            keys = ["position", "workflow"]
            rows = rows.join(self.dropped, on=keys, how="left", maintain_order="left")
            rows = rows.with_columns(pl.col("reason", "detail").fill_null(""))
        else:
            rows = rows.with_columns(reason=pl.lit(""), detail=pl.lit(""))
        return splits.assigned(number, rows) if splits else rows
