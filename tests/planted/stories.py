"""What the files of a build say of an id, read without `etl.look`, and where a story disagrees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import polars as pl

from etl.dataset import account, stats
from etl.dataset.drops import inputs
from etl.dataset.index import scan
from etl.dataset.layout import Layout
from etl.dataset.samples import gather
from etl.files.arrow import open_arrow, read_json
from etl.files.hashes import order_hash
from etl.look.story import explain, told

UNSEEN: Final = ("test_task", "test_website", "test_domain")


class Truth:
    """All that ledgers, index, data files, statistics and manifest of a build say."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.work = work = Layout(out).work
        self.manifest = read_json(Layout(out).dataset.manifest)
        self.ledger = account.ledger(out)
        self.index = scan(work).collect()
        self.fitted = account.fitted(out)
        self.bad = account.quarantined(out)
        self.names = inputs(work)
        self.findings = pl.concat([*stats.findings(work)])
        replaced = sorted((out / "work" / "replaced").glob("*.arrow"))
        self.replaced = pl.concat([_table(path) for path in replaced])
        self.packed = self._packed()

    def table(self, name: str) -> pl.DataFrame:
        """A table of the statistics."""
        return pl.read_parquet(self.out / "dataset" / "stats" / f"{name}.parquet")

    def _packed(self) -> dict[str, list[tuple[str, int, int, int]]]:
        """Sample -> data file, row, and tokens without and with loss, once for each span."""
        found = defaultdict(list)
        data = self.out / "dataset" / "data"
        for path in sorted(data.rglob("*.arrow")):
            name = path.relative_to(data).as_posix().removesuffix(".arrow")
            for row, each in enumerate(open_arrow(path).read_all().to_pylist()):
                labels, end = np.array(each["labels"]), 0
                for id, length in zip(each["sample_ids"], each["seq_lengths"], strict=True):
                    prompt = int((labels[end : end + length] == -100).sum())
                    found[id].append((name, row, prompt, length - prompt))
                    end += length
        return dict(found)

    def fates(self) -> dict[str, list[str]]:
        """The ids of each fate that is in the build."""
        found: dict[str, list[str]] = defaultdict(list)
        for unit, id, stage, reason in (
            self.ledger.filter(pl.col("unit") != "sample")
            .select("unit", "id", "stage", "reason")
            .iter_rows()
        ):
            name = f"{stage}: {reason} ({unit})" if reason else ""
            if name:
                found[name].append(id)
        dropped = set(self.ledger.filter(pl.col("reason") != "")["id"])
        read = self.ledger.filter(pl.col("reason") == "").select("unit", "id")
        for unit, id in read.filter(pl.col("unit").is_in(["record", "workflow"])).iter_rows():
            if id not in dropped:
                found[f"kept ({unit})"].append(id)
        for id, packed, chunks in (
            self.fitted.filter(pl.col("reason") == "")
            .select("sample_id", "packed", "chunks")
            .iter_rows()
        ):
            split = packed.partition("/")[2].rpartition("-of-")[0].rpartition("-")[0]
            found[f"packed in {split}"].append(id)
            if chunks > 1:
                found["packed in chunks"].append(id)
        for outcome, id in self.findings.select("outcome", "id").iter_rows():
            found[f"lint finding {outcome}"].append(id)
        for kind, id, workflow in self.replaced.select("kind", "id", "workflow").iter_rows():
            found[f"pseudonym: {kind}"] += [id, workflow]
        alike = self.index.filter(pl.col("cluster") != "").group_by("cluster").len()
        found["first of a cluster"] = alike.filter(pl.col("len") > 1)["cluster"].to_list()
        pairs = self.table("contamination")
        for gone, id in pairs.select(pl.col("dropped") > 0, "workflow").iter_rows():
            found["overlap, dropped" if gone else "overlap, kept"].append(id)
        return {name: ids for name, ids in found.items() if ids}

    def problems(self, id: str) -> list[str]:
        """Where the story of an id disagrees with the files."""
        story = explain.view(self.out, id)
        return [*self._of_story(id, orjson.loads(orjson.dumps(story)), told.text(story))]

    def _of_story(self, id: str, story: dict[str, Any], text: str) -> Iterator[str]:
        mine = self.ledger.filter((pl.col("id") == id) & (pl.col("unit") != "sample"))
        read = mine.filter(pl.col("reason") == "").select("unit", "shard")
        there = [(each["unit"], each["shard"]) for each in story["occurrences"]]
        yield from _unlike("occurrences", sorted(there), sorted(read.iter_rows()))
        for each in story["occurrences"]:
            if id not in text or any(drop["reason"] not in text for drop in each["drops"]):
                yield "the text lacks an id or a reason"
            yield from self._source(each)
            yield from self._thing(each, each["shard"])
            if each["unit"] == "workflow":
                yield from self._workflow(each)
                for step in each["steps"]:
                    yield from self._thing(step, each["shard"])
                    yield from self._step(step, each["shard"], each["generation"])
            if each["unit"] == "step":
                yield from self._step(each, each["shard"], each["generation"])
            if each["unit"] == "record" and each["parent"]:
                yield from self._outcome(each["workflow"], each["parent"], each["shard"])

    def _source(self, told_: dict[str, Any]) -> Iterator[str]:
        """Where it came from, by the manifest."""
        yield from _unlike("input", told_["input"], self.names[told_["shard"]])
        (entry,) = (row for row in self.manifest["inputs"] if row["name"] == told_["input"])
        yield from _unlike("format", told_["format"], entry["format"])
        numbers = [
            each["number"]
            for each in self.manifest["generations"]["every"]
            if told_["input"] in each["inputs"]
        ]
        yield from _unlike("generation", [told_["generation"]], numbers)

    def _lines(self, unit: str, id: str, shard: str) -> pl.DataFrame:
        same = (pl.col("unit") == unit) & (pl.col("id") == id) & (pl.col("shard") == shard)
        return self.ledger.filter(same)

    def _thing(self, thing: dict[str, Any], shard: str) -> Iterator[str]:
        """Domain and drops, by ledger, accounting, waterfall and quarantine."""
        unit, id = thing["unit"], thing["id"]
        lines = self._lines(unit, id, shard)
        yield from _unlike("domain", thing["domain"], lines["domain"][0])
        drops = lines.filter(pl.col("reason") != "").select("stage", "reason", "detail")
        mine = [{name: drop[name] for name in drops.columns} for drop in thing["drops"]]
        yield from _unlike("drops", mine, drops.to_dicts())
        counted = {
            (row["stage"], row["reason"]) for row in self.manifest["accounting"][unit]["reasons"]
        }
        flow = self.table("waterfall")
        for drop in thing["drops"]:
            if (drop["stage"], drop["reason"]) not in counted:
                yield f"{drop} is not in the accounting"
            fate = {name: drop[name] for name in ("stage", "reason")}
            if unit == "step" and not flow.filter(domain=thing["domain"], **fate)["steps"].sum():
                yield f"{drop} is not in the waterfall"
            if (drop["stage"] == "index") != bool(drop["decision"]):
                yield f"{drop} is of another decision"
            raw = self.bad.filter(id=id, **fate)["raw"]
            kept = drop["quarantine"] and drop["quarantine"]["bytes"]
            yield from _unlike("quarantine", kept, len(raw[0]) if len(raw) else None)
            yield from self._repeats(drop, id)

    def _repeats(self, drop: dict[str, Any], id: str) -> Iterator[str]:
        """What a duplicate names was read, and says the same."""
        if drop["reason"] != "duplicate_workflow":
            return
        what, _, name = drop["detail"].partition(" as ")
        workflow = id.rpartition("/")[0] if "/" in id else id
        if what == "the same recording":
            kept = self.index.filter((pl.col("workflow") == name) & (pl.col("reason") == ""))
            if not kept.height and not self._lines_of(name).height:
                yield f"{name}, which it repeats, was not read"
        elif (file := drop["detail"].partition("came before in ")[2]) != "this file":
            shards = [key for key, each in self.names.items() if each == file]
            again = self._lines_of(workflow).filter(pl.col("shard").is_in(shards))
            if not again.height and drop["detail"] != "its workflow was dropped":
                yield f"{file} has no {workflow}"

    def _lines_of(self, workflow: str) -> pl.DataFrame:
        read = (pl.col("unit") == "workflow") & (pl.col("reason") == "")
        return self.ledger.filter(read & (pl.col("id") == workflow))

    def _workflow(self, told_: dict[str, Any]) -> Iterator[str]:
        id, shard = told_["id"], told_["shard"]
        mine = (pl.col("parent") == id) & (pl.col("shard") == shard) & (pl.col("reason") == "")
        read = self.ledger.filter(mine)
        for unit, names in (
            ("record", told_["records"]),
            ("step", [s["id"] for s in told_["steps"]]),
        ):
            yield from _unlike(f"{unit}s", names, read.filter(unit=unit)["id"].to_list())
        yield from self._outcome(told_["outcome"], id, shard)
        replaced = self.replaced.filter(shard=shard, workflow=id)
        yield from _unlike("replaced", told_["replaced"], _by_kind(replaced))
        yield from self._overlaps(told_["overlaps"], id, told_["generation"])

    def _outcome(self, outcome: dict[str, int], id: str, shard: str) -> Iterator[str]:
        mine = self.ledger.filter((pl.col("parent") == id) & (pl.col("shard") == shard))
        read = mine.filter(pl.col("reason") == "").group_by("unit").len()
        count = dict(read.iter_rows())
        samples = self.index.filter(shard=shard, workflow=id, reason="")["sample_id"]
        there = sum(sample in self.packed for sample in samples)
        truth = {
            "steps": count.get("step", 0),
            "samples": count.get("sample", 0),
            "in_dataset": there,
        }
        yield from _unlike("outcome", outcome, truth)

    def _overlaps(self, shown: list[dict[str, Any]], id: str, generation: int) -> Iterator[str]:
        rows = self.table("contamination").filter(workflow=id, generation=generation)
        names = ("benchmark", "version", "task", "method", "similarity")
        mine = sorted({tuple(each[name] for name in names) for each in shown})
        yield from _unlike("overlaps", mine, sorted({*rows.select(names).iter_rows()}))

    def _step(self, step: dict[str, Any], shard: str, generation: int) -> Iterator[str]:
        id = step["id"]
        line = self._lines("step", id, shard).filter(pl.col("reason") == "")
        yield from _unlike("page_chars", step["page_chars"], line["chars"][0])
        names = ["code", "severity", "evidence", "mend", "outcome"]
        found = self.findings.filter(shard=shard, id=id).select(names).to_dicts()
        yield from _unlike("findings", step["findings"], found)
        replaced = self.replaced.filter(shard=shard, id=id)
        yield from _unlike("replaced", step["replaced"], _by_kind(replaced))
        rows = self.index.filter(shard=shard, sample_id=id)
        yield from _unlike("has a sample", "sample" in step, bool(rows.height))
        if rows.height:
            row, made = rows.row(0, named=True), step["sample"]
            yield from self._made(made, id, shard, step["page_chars"])
            yield from self._split(made, row)
            yield from self._cluster(made, row, step["drops"])
            yield from self._overlaps(made["overlaps"], row["workflow"], generation)
            yield from self._place(made, row)

    def _made(self, made: dict[str, Any], id: str, shard: str, page: int) -> Iterator[str]:
        """Characters, by the ledger; what pruning took adds up."""
        line = self._lines("sample", id, shard).filter(pl.col("reason") == "")
        shown = made["raw_chars"], made["pruned_chars"], made["chars"]
        yield from _unlike(
            "characters", list(shown), [page, *line.select("chars", "final_chars").row(0)]
        )
        if (took := made.get("removed")) is None:
            return  # it is told of a step that is asked for by itself
        if took["missing"]:
            yield f"what pruning took is not told: {took['missing']}"
            return
        taken = sum(each["characters"] for each in took["removals"]) + took["rewritten"]
        left = took["raw"] - took["marks"] - taken + took["added"] - took["redacted"]
        yield from _unlike("what pruning took", [took["raw"], left], [page, made["chars"]])

    def _split(self, made: dict[str, Any], row: dict[str, Any]) -> Iterator[str]:
        """The split is that of the index, and its reason holds by the settings."""
        yield from _unlike("split", made["split"], row["split"])
        why, settings = made["why_split"], self.manifest["settings"]["index"]["split"]
        if why["by"] == "list":
            entries = settings["lists"].get(row["split"], [])
            if not why["entries"] or not set(why["entries"]) <= set(entries):
                yield f"{why} is on no list of {row['split']}"
        elif why["by"] == "unseen":
            yield from _unlike("split of the draw", row["split"] in UNSEEN, True)
            if row["split"] == "test_domain":
                yield from self._held_out(row)
        else:
            place = order_hash(why["key"], settings["seed"]) / 2**64
            late = place >= 1 - settings["validation"]
            yield from _unlike("hash", why["hashed"], place)
            yield from _unlike("share", "validation" if late else "train", row["split"])

    def _held_out(self, row: dict[str, Any]) -> Iterator[str]:
        """The topic of a workflow, or one of its domains where it has none, is not trained on."""
        (sample,) = gather(
            self.index.filter(sample_id=row["sample_id"], shard=row["shard"]), self.work
        )
        trained = self.index.filter(split="train", reason="")
        if sample.topic:
            every = gather(trained, self.work)
            seen = {each.topic.strip().lower() for each in every}
            held = sample.topic.strip().lower() not in seen
        else:
            mine = self.index.filter(workflow=row["workflow"], shard=row["shard"])["domain"]
            held = not set(mine) <= set(trained["domain"])
        if not held:
            yield f"{row['sample_id']} is in test_domain, and all of its topics are trained on"

    def _cluster(
        self, made: dict[str, Any], row: dict[str, Any], drops: list[dict[str, Any]]
    ) -> Iterator[str]:
        yield from _unlike("cluster", made["cluster"], row["cluster"])
        if not row["cluster"]:
            return
        same = self.index.filter(cluster=row["cluster"])
        kept = same.filter(reason="").height
        truth = {"first": row["cluster"], "kept": kept, "dropped": same.height - kept}
        yield from _unlike("alike", made["alike"], truth)
        if row["reason"] == "near_duplicate":
            (drop,) = drops
            if not drop["detail"].startswith(f"as {row['cluster']}, "):
                yield f"{drop} does not name {row['cluster']}"

    def _place(self, made: dict[str, Any], row: dict[str, Any]) -> Iterator[str]:
        """Data file, row, tokens and weight, by the data files and the tables."""
        spans = self.packed.get(row["sample_id"], []) if not row["reason"] else []
        inside = "packed" in made and bool(spans)
        yield from _unlike("is in the dataset", "weight" in made, bool(spans))
        if not inside:
            return
        yield from _unlike("kept chunks", made["kept"], len(spans))
        yield from _unlike("place", [made["packed"], made["row"]], [*min(spans)[:2]])
        tokens = [sum(span[2] for span in spans), sum(span[3] for span in spans)]
        shown = [made["prompt_tokens"], made["completion_tokens"]]
        yield from _unlike("tokens", shown, tokens)
        number = "-s1-" in made["packed"]
        yield from _unlike("subset", bool(made["subset"]), number)
        place = {"packed": made["packed"], "row": made["row"]}
        (weight,) = self.table("weights").filter(**place)["weight"]
        source = row["workflow"].partition(":")[0]
        domain = self.fitted.filter(sample_id=row["sample_id"])["domain"][0]
        of = self.table("mix").filter(split=row["split"], source=source, domain=domain)
        own = next(iter(of["weight"]), None)
        yield from _unlike("weight", made["weight"], {"row": weight, "sample": own})


def _unlike(what: str, shown: Any, truth: Any) -> Iterator[str]:
    """A line if a figure is another one."""
    if shown != truth:
        yield f"{what}: it says {shown!r}, the files say {truth!r}"


def _by_kind(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("kind").agg(pl.col("times").sum()).iter_rows())


def _table(path: Path) -> pl.DataFrame:
    frame = pl.from_arrow(open_arrow(path).read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame
