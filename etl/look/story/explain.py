"""Trace a record, workflow, step or sample through every stage of a build."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cached_property
from typing import Any, Final

import polars as pl

from etl.dataset import account, state
from etl.dataset.index import scan
from etl.dataset.layout import subset_of
from etl.dataset.ledger import fates
from etl.dataset.place import Place, place_of
from etl.dataset.samples import gather
from etl.files.storage import AnyPath
from etl.look.story import chosen
from etl.look.story import pruning as removals
from etl.look.story.named import resolved
from etl.look.story.noted import Noted
from etl.look.story.splits import Splits
from schemas.samples import Sample

_UNITS: Final = tuple(name for name in account.UNITS if name != "sample")
_OF_PACKING: Final = (
    *("chunk", "chunks", "kept", "prompt_tokens", "completion_tokens", "lost_tokens"),
    *("packed", "row"),
)


def view(out: AnyPath, wanted: str) -> dict[str, Any]:
    """Trace a record, workflow, step or sample, once for each time it was read.

    ``stages`` and ``decisions`` are those of the build. wanted: an id of stepmill, or of the
    recording (`etl.look.story.named`). The ledgers of the input shards in which it occurs are held
    in memory.

    Raises:
        ConfigError: if nothing with that id was read, or there is no finished build.
        Ambiguous: if several things share the id.
    """
    place = place_of(out)
    place.inside("explain")
    thing = resolved(out, wanted)
    rows = pl.concat([_beside(occurrence.rows, thing) for occurrence in fates(out)])
    of_id = rows.filter(pl.col("id") == thing)
    samples = place.manifest.settings["samples"]
    stages = [name.removeprefix("stage ") for name in samples if name.startswith("stage ")]
    occurrences = []
    for shard in of_id["shard"].unique(maintain_order=True):
        here = _Shard(place, shard, rows.filter(pl.col("shard") == shard))
        units = of_id.filter(pl.col("shard") == shard)["unit"]
        occurrences += [here.told(unit, thing) for unit in _UNITS if unit in units]
    return {
        "id": wanted,
        "stages": sorted(stages),
        "decisions": chosen.made(place),
        "occurrences": occurrences,
    }


def _beside(rows: pl.DataFrame, wanted: str) -> pl.DataFrame:
    """All ledger lines of the input shards in which an id occurs."""
    mine = rows.filter(pl.col("id") == wanted).select("shard").unique()
    return rows.join(mine, on="shard", how="semi", maintain_order="left")


class _Shard:
    """What is known of one input shard of a build."""

    def __init__(self, place: Place, shard: str, ledger: pl.DataFrame) -> None:
        """ledger: all ledger lines of the shard."""
        self._place, self._shard, self._ledger = place, shard, ledger
        self._work = place.inside("explain")
        bundles = state.bundles(self._work)
        self._bundle, member = next(
            (bundle["key"], member)
            for bundle in bundles
            for member in bundle["members"]
            if member["key"] == shard
        )
        self._generation = place.manifest.generations.of_inputs()[member["name"]]
        self._from = {
            "input": member["name"],
            "shard": shard,
            "format": member["format"],
            "generation": self._generation,
        }
        self._noted = Noted(self._work, self._bundle, shard)

    @cached_property
    def _index(self) -> pl.DataFrame:
        """The index rows of the shard."""
        return scan(self._work).filter(pl.col("shard") == self._shard).collect()

    @cached_property
    def _splits(self) -> Splits:
        return Splits(self._place)

    def told(self, unit: str, id: str) -> dict[str, Any]:
        """Everything about a thing of the shard."""
        told = {**self._from, **self._thing(unit, id)}
        if unit == "step":
            return told | self._of_step(told, pruning=True)
        if unit == "record" and told["parent"]:
            return told | {"workflow": self._outcome(told["parent"])}
        if unit == "workflow":
            return told | self._of_workflow(id)
        return told

    def _thing(self, unit: str, id: str) -> dict[str, Any]:
        """The domain, parent and drops of a thing, by the ledger."""
        lines = self._ledger.filter((pl.col("unit") == unit) & (pl.col("id") == id)).to_dicts()
        parent = next((line["parent"] for line in lines if line["parent"]), "")
        recorded = next((line["recorded"] for line in lines if line["recorded"]), "")
        return {
            "unit": unit,
            "id": id,
            "recorded": recorded,
            "parent": parent,
            "domain": lines[0]["domain"],
            "drops": [self._drop(line) for line in lines if line["reason"]],
        }

    def _drop(self, line: dict[str, Any]) -> dict[str, Any]:
        """A drop, with the ``decision`` that made it and its place in the quarantine, if any."""
        drop = {key: line[key] for key in ("stage", "reason", "detail")}
        drop["decision"] = chosen.decided_by(drop["stage"], drop["reason"])
        drop["quarantine"] = self._noted.quarantine(line["id"], drop["stage"], drop["reason"])
        return drop

    def _outcome(self, workflow: str) -> dict[str, int]:
        """How many steps of a workflow were read, became samples, and are in the dataset."""
        mine = self._ledger.filter(pl.col("parent") == workflow)
        read = {
            unit: mine.filter((pl.col("unit") == unit) & (pl.col("reason") == ""))["id"]
            for unit in ("step", "sample")
        }
        gone = mine.filter((pl.col("unit") == "sample") & (pl.col("reason") != ""))["id"]
        return {
            "steps": read["step"].len(),
            "samples": read["sample"].len(),
            "in_dataset": read["sample"].len() - gone.n_unique(),
        }

    def _of_workflow(self, id: str) -> dict[str, Any]:
        of_record = (pl.col("unit") == "record") & (pl.col("parent") == id)
        of_step = (pl.col("unit") == "step") & (pl.col("parent") == id)
        read = self._ledger.filter(pl.col("reason") == "")
        steps = read.filter(of_step)["id"]
        rows = self._rows(id)
        told = self._samples(rows)
        things = [self._thing("step", step) for step in steps]
        return {
            "records": read.filter(of_record)["id"].to_list(),
            "outcome": self._outcome(id),
            "replaced": self._noted.replaced_in(id),
            "overlaps": chosen.overlaps(self._place, id, self._generation),
            "steps": [thing | self._of_step(thing, told) for thing in things],
        }

    def _rows(self, workflow: str) -> pl.DataFrame:
        return self._index.filter(pl.col("workflow") == workflow)

    def _of_step(
        self,
        step: dict[str, Any],
        told: dict[str, dict[str, Any]] | None = None,
        *,
        pruning: bool = False,
    ) -> dict[str, Any]:
        """What is known of a step beside its drops, with its sample, if there is one.

        told: the samples of its workflow, if they are known. pruning: tell what pruning took from
        its page, which is read again.
        """
        id = step["id"]
        line = self._ledger.filter(
            (pl.col("unit") == "step") & (pl.col("id") == id) & (pl.col("reason") == "")
        )
        result: dict[str, Any] = {
            "page_chars": int(line["chars"][0]),
            "findings": self._noted.findings(id),
            "replaced": self._noted.replaced(id),
        }
        if told is None:
            rows = self._index.filter(pl.col("sample_id") == id)
            told = self._samples(rows, pruning=pruning)
        return result | ({"sample": told[id]} if id in told else {})

    def _samples(self, rows: pl.DataFrame, *, pruning: bool = False) -> dict[str, dict[str, Any]]:
        """What is known of the samples in some rows of the index, by id."""
        fitted = {
            row["sample_id"]: row
            for row in account.fitted(self._place.given, rows["sample_id"]).iter_rows(named=True)
        }
        made = zip(rows.iter_rows(named=True), gather(rows, self._work), strict=True)
        return {
            row["sample_id"]: {
                **self._as_made(row, sample, pruning=pruning),
                **self._as_chosen(row),
                **self._as_packed(row, sample, fitted),
            }
            for row, sample in made
        }

    def _as_made(self, row: dict[str, Any], made: Sample, *, pruning: bool) -> dict[str, Any]:
        """What phase 1 made of a step."""
        line = self._ledger.filter(
            (pl.col("unit") == "sample")
            & (pl.col("id") == made.sample_id)
            & (pl.col("reason") == "")
        )
        # a ledger of an earlier version counts no characters
        pruned = int(line["chars"][0]) or made.characters
        told = {
            "origin": made.origin,
            "action": made.action_kind,
            "language_score": made.language_score,
            "node": made.node,
            "ref": made.ref,
            "observation_kind": made.observation_kind,
            "target": made.target_html,
            "failed_steps": made.failed_steps,
            "loops": made.loops,
            "reward": made.reward,
            "raw_chars": made.raw_chars,
            "pruned_chars": pruned,
            "chars": made.characters,
            "history": len(made.history),
        }
        if made.fitted:
            told["fitted"] = json.loads(made.fitted)
        elif pruning and made.observation_kind == "html":
            told["removed"] = removals.view(self._place, row["shard"], made, pruned)
        return told

    def _as_chosen(self, row: dict[str, Any]) -> dict[str, Any]:
        """What the index decided on a sample."""
        of_workflow = self._splits.rows(row["bundle"], row["shard"], row["workflow"])
        why = self._splits.why(of_workflow, row["sample_id"], row["split"], row["generation"])
        told: dict[str, Any] = {"split": row["split"], "why_split": asdict(why)}
        if "cluster" in row:
            told["cluster"] = row["cluster"]
            told["alike"] = chosen.cluster(self._work, row["cluster"]) if row["cluster"] else None
        told["overlaps"] = chosen.overlaps(self._place, row["workflow"], row["generation"])
        return told

    def _as_packed(
        self, row: dict[str, Any], made: Sample, fitted: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Where a sample lies in the dataset, and its weight there."""
        if row["reason"] or row["sample_id"] not in fitted:
            return {}
        packed = fitted[row["sample_id"]]
        told = {key: packed[key] for key in _OF_PACKING}
        told["subset"] = _subset(self._place, packed["packed"])
        if not packed["reason"]:
            told["weight"] = chosen.weight(
                *(self._place, packed["packed"], packed["row"]),
                *(row["split"], made.source, made.domain),
            )
        return told


def _subset(place: Place, packed: str) -> str:
    """The smallest subset that an output shard is in; empty for none."""
    number = subset_of(packed)
    return place.manifest.subsets[number - 1].name if number and place.manifest.subsets else ""
