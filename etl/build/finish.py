"""The end of a build: accounting, statistics, card and Croissant, and the manifest last."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.build.recipes.recipe import Recipe
from etl.build.run import mixing
from etl.build.run.build import Build
from etl.build.run.reading import Read
from etl.card import example, write
from etl.dataset import account, candidate, oddities, stats
from etl.dataset.drift import figures
from etl.dataset.flow import budget, waterfall
from etl.dataset.generations import Generations
from etl.dataset.layout import DATA, LINT, NAMES, PREFIX, Layout, subset_of
from etl.dataset.manifest import FORMAT, Input, Manifest, Packing, Row, Split, Subset, as_json
from etl.dataset.reports import PackedReport
from etl.decisions.contamination import per_benchmark
from etl.files.arrow import atomic, write_json
from etl.files.storage import AnyPath
from etl.inputs.records import InputShard
from etl.sources import KEYS
from etl.stages.observe.stage import TARGET_CUT, Observe
from etl.stages.redact import Redact
from etl.stages.wording import unknown_actions
from schemas.errors import IntegrityError


@dataclass(frozen=True)
class Made:
    """The results of the phases that all vocabularies share."""

    shards: Sequence[InputShard]
    # the result of phase 1
    read: Read
    # with the number of output shards of each
    generations: Generations
    # the number of tokens of each subset, as they were counted
    filled: Sequence[int]
    # what the draw of the splits counted
    drawn: Mapping[str, int]
    # what overlaps with benchmarks; None for a recipe that does not look for that
    overlaps: pl.DataFrame | None = None


def finish(build: Build, made: Made, packed: Sequence[PackedReport]) -> Manifest:
    """Write statistics and card where the build is made; returns the manifest.

    packed: the reports of phase 3.

    The manifest itself is written last, once the gates accept the dataset (`etl.build.verdict`).

    Raises:
        IntegrityError: the accounting recomputed from the files does not add up.
    """
    out, place, recipe = build.out, build.place, build.recipe
    settled = account.settle(place, fit_ledger=Layout(place).work.fit_ledger)
    errors = {unit: of.errors for unit, of in settled.units.items() if of.errors}
    if errors:
        raise IntegrityError(
            f"{out}: the accounting does not add up: {as_json(errors)}. Remove {out} and build "
            "again"
        )
    here = Layout(place)
    tables = stats.statistics(place, settled.counts, settled.visits, (TARGET_CUT,))
    tables["waterfall"] = waterfall.table(place, settled.flow)
    waterfall.check(tables["waterfall"], tables["domains"], made.read.page_chars, out)
    if names := recipe.subsets.tokens:
        tables["subsets"] = stats.subsets(place, names)
    if made.overlaps is not None:
        tables["contamination"] = made.overlaps
    if linted := any(stage.name == LINT for stage in recipe.stages):
        tables[LINT] = stats.lint(place)
    private = _private(made.read, recipe)
    if private is not None:
        tables["privacy"] = stats.privacy(made.read.replaced)
    observes = next((stage for stage in recipe.stages if isinstance(stage, Observe)), None)
    within = budget.within(place, settled.counts, TARGET_CUT) if observes else None
    if within is not None:
        tables[budget.TABLE] = within.domains
    files = {
        name: digest
        for report in packed
        for name, digest in report.files.items()
        if name.startswith(PREFIX)
    }
    mixed = mixing.tables(place, recipe.mix)
    statistics = {name: table.to_dicts() for name, table in tables.items()}
    tables |= mixed
    for name, table in tables.items():
        path = NAMES.dataset.table(name).as_posix()
        files[path] = _parquet(here.dataset.table(name), table)
    path = NAMES.dataset.statistics.as_posix()
    files[path] = write_json(here.dataset.statistics, statistics)
    manifest = Manifest(
        format=FORMAT,
        recipe=recipe.name,
        fingerprint=build.fingerprint(made.generations),
        settings=build.settings,
        generations=made.generations,
        takedown=recipe.taken_down.fingerprint,
        vocabulary=recipe.vocabulary.known_as,
        card=write.card_of(out, recipe.card, _example(place, recipe, packed)),
        inputs=_inputs(made.shards, made.read.rows),
        splits=_splits(packed, recipe),
        totals=stats.totals(tables, settled.units["workflow"].read),
        outcomes=tuple(tables["outcomes"].to_dicts()),
        figures=figures(settled.units, tables, settled.unread),
        accounting=settled.units,
        unknown_actions=tuple(unknown_actions(settled.unknown)),
        page_actions=dict(sorted(settled.without_element.items())),
        packing=_packing(packed),
        subsets=_subsets(packed, recipe, made.filled),
        drawn=dict(made.drawn) or None,
        quarantined=account.in_quarantine(place),
        oddities=tuple(oddities.listed(made.read.odd, KEYS)),
        lint=stats.lint_summary(tables[LINT]) if linted else None,
        files=files,
        contamination=_overlaps(build, made.overlaps),
        privacy=private,
        budget=within.summary(observes.budget) if observes and within else None,
    )
    files |= write.write(place, manifest, tables, packed)
    return replace(manifest, files=dict(sorted(files.items())))


def _overlaps(build: Build, found: pl.DataFrame | None) -> tuple[Row, ...] | None:
    """The figures of each benchmark; None for a recipe that does not look for them."""
    if found is None:
        return None
    return per_benchmark(found, build.settings["index"]["contamination"]["benchmarks"])


def _inputs(shards: Sequence[InputShard], rows: Mapping[str, int]) -> tuple[Input, ...]:
    """One entry for each input, however many parts it was read in.

    rows: the number of samples by name.
    """
    inputs: dict[str, Input] = {}
    for shard in shards:
        new = Input(shard.name, shard.format, 0, shard.sha256, rows[shard.name])
        entry = inputs.get(shard.name, new)
        inputs[shard.name] = replace(entry, size=entry.size + shard.size)
    return tuple(inputs.values())


def _private(read: Read, recipe: Recipe) -> dict[str, Any] | None:
    """What was replaced by pseudonyms; None without the stage. None is known to be left."""
    if not any(isinstance(stage, Redact) for stage in recipe.stages):
        return None
    kinds: Counter[str] = Counter()
    for (kind, _), count in read.replaced.items():
        kinds[kind] += count
    return {"findings": 0, "replaced": dict(sorted(kinds.items()))}


def _example(place: AnyPath, recipe: Recipe, packed: Sequence[PackedReport]) -> dict[str, str]:
    data = dict(candidate.of_shards(place, DATA, ".arrow"))
    return example.example(data, packed, recipe.packed.encoder.vocabulary)


def _parquet(path: AnyPath, table: pl.DataFrame) -> str:
    with atomic(path) as stream:
        pq.write_table(
            table.to_arrow(compat_level=pl.CompatLevel.oldest()),
            pa.PythonFile(stream, mode="w"),
            compression="zstd",
        )
    return stream.sha256.hexdigest()


def _packing(packed: Sequence[PackedReport]) -> tuple[Packing, ...]:
    """Files, rows, tokens and bytes of each generation in each split."""
    of_split: dict[tuple[str, str], list[PackedReport]] = defaultdict(list)
    for report in packed:
        of_split[report.name.partition("/")[0], report.split].append(report)
    return tuple(
        Packing(
            generation,
            split,
            len(reports),
            sum(report.rows for report in reports),
            sum(report.tokens for report in reports),
            sum(report.bytes for report in reports),
        )
        for (generation, split), reports in sorted(of_split.items())
    )


def _subsets(
    packed: Sequence[PackedReport], recipe: Recipe, filled: Sequence[int]
) -> tuple[Subset, ...] | None:
    """The rows of each subset, the smallest first; None if the recipe has none."""
    subsets: list[Subset] = []
    for number, name in enumerate(recipe.subsets.tokens, 1):
        mine = [report for report in packed if 0 < subset_of(report.name) <= number]
        subsets.append(
            Subset(
                name,
                recipe.subsets.amount(name),
                filled[number - 1],
                len(mine),
                sum(report.rows for report in mine),
                sum(report.samples for report in mine),
                sum(report.tokens for report in mine),
                sum(report.bytes for report in mine),
            )
        )
    return tuple(subsets) or None


def _splits(packed: Sequence[PackedReport], recipe: Recipe) -> dict[str, Split]:
    """The splits with rows, training first."""
    of_split: dict[str, list[PackedReport]] = defaultdict(list)
    for report in packed:
        of_split[report.split].append(report)
    names = sorted(of_split, key=lambda name: name != "train")
    return {name: _split(of_split[name], recipe.fit.context) for name in names}


def _split(reports: Sequence[PackedReport], context: int) -> Split:
    rows = sum(report.rows for report in reports)
    tokens = sum(report.tokens for report in reports)
    return Split(
        files=len(reports),
        rows=rows,
        samples=sum(report.samples for report in reports),
        tokens=tokens,
        loss_tokens=sum(report.loss_tokens for report in reports),
        bytes=sum(report.bytes for report in reports),
        fill=tokens / (rows * context) if rows else 0.0,
    )
