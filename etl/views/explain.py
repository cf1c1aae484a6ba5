"""Views of recordings and builds: what is in there, what became of it, and one sample as a model sees it.

Each view is a function that returns plain values (for ``--json``) and one that renders them as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import click
import polars as pl

from etl import account, compaction, discover, storage
from etl.index import scan
from etl.packing import gather
from etl.plan import Tally
from etl.shards import open_arrow, read_json, read_parquet
from etl.sources import SOURCES
from etl.storage import AnyPath
from etl.takedown import REASON as TAKEN_DOWN
from schemas.errors import ConfigError
from schemas.samples import NO_LOSS

_FIRST_ERRORS: Final = 5
_TAKEN_DOWN: Final = "it is on the takedown list, and nothing of it is kept but ids"


def check(inputs: Sequence[str]) -> dict[str, Any]:
    """Read recordings without building: per format, files, workflows, steps, and what could not be read."""
    formats: dict[str, dict[str, Any]] = {}
    for shard in discover.shards(discover.find(inputs, SOURCES)):
        counts = formats.setdefault(
            shard.format,
            {
                "files": 0,
                "bytes": 0,
                "workflows": 0,
                "steps": 0,
                "with_target": 0,
                "failed": 0,
                "errors": Counter(),
                "first": [],
            },
        )
        counts["files"] += 1
        counts["bytes"] += shard.size
        tally = Tally()
        for workflow in SOURCES[shard.format].read(shard, tally):
            counts["workflows"] += 1
            counts["steps"] += len(workflow.steps)
            counts["with_target"] += sum(bool(step.target) for step in workflow.steps)
            counts["failed"] += sum(bool(step.error) for step in workflow.steps)
        for bad in tally.quarantined:
            counts["errors"][bad.reason] += 1
            if len(counts["first"]) < _FIRST_ERRORS:
                counts["first"].append(f"{bad.id}: {bad.reason}: {bad.detail}")
    return dict(sorted(formats.items()))


def check_text(report: dict[str, Any]) -> str:
    """`check` as text."""
    lines: list[str] = []
    for name, counts in report.items():
        if name == discover.UNKNOWN:
            lines.append(f"{name}: {counts['files']:,} files in no known format (see: stepmill formats)")
            continue
        lines.append(
            f"{name}: {counts['files']:,} files, {counts['bytes'] / 1e6:,.1f} MB, {counts['workflows']:,} workflows, "
            f"{counts['steps']:,} steps, {counts['with_target']:,} with a target, {counts['failed']:,} failed"
        )
        lines += [f"  could not be read: {count:,} x {reason}" for reason, count in counts["errors"].most_common()]
        lines += [f"    {first}" for first in counts["first"]]
    return "\n".join(lines)


def _manifest(out: AnyPath) -> dict[str, Any]:
    path = out / "dataset" / "manifest.json"
    if not storage.exists(path):
        raise ConfigError(f"{out}: no finished build ({path} is missing); run the build command again")
    manifest: dict[str, Any] = read_json(path)
    return manifest


def summary(out: AnyPath) -> dict[str, Any]:
    """Totals, splits, the accounting recomputed from the files, why compaction is worth it (if so), and the domains."""
    manifest = _manifest(out)
    domains = read_parquet(out / "dataset" / "stats" / "domains.parquet")
    return {
        "recipe": manifest["recipe"],
        "fingerprint": manifest["fingerprint"],
        "totals": manifest["totals"],
        "splits": manifest["splits"],
        "accounting": account.account(out),
        "quarantined": manifest["quarantined"],
        "compaction": compaction.reasons(manifest),
        "domains": domains.to_dicts(),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (head, *rows)
    ]


def summary_text(view: dict[str, Any], limit: int | None) -> str:
    """`summary` as text, with the ``limit`` largest domains."""
    totals = view["totals"]
    ratio = f" ({totals['pruned_chars'] / totals['raw_chars']:.0%} of the page stays)" if totals["raw_chars"] else ""
    counts = {"samples": totals["samples"], "tokens": totals["tokens"], "with loss": totals["completion_tokens"]}
    counts |= {"domains": totals["domains"], "subdomains": totals["subdomains"]}
    lines = [
        f"recipe {view['recipe']}, fingerprint {view['fingerprint']}",
        ", ".join(f"{count:,} {what}" for what, count in counts.items()) + ratio,
        "",
    ]
    head = ["split", "files", "rows", "samples", "tokens", "full"]
    rows = [
        [name, *(f"{s[key]:,}" for key in ("files", "rows", "samples", "tokens")), f"{s['fill']:.1%}"]
        for name, s in view["splits"].items()
    ]
    lines += [*table(head, rows), ""]
    rows = [
        [
            f"{unit}s",
            *(f"{counts[key]:,}" for key in ("read", "kept", "dropped")),
            "ERROR" if counts["errors"] else "adds up",
        ]
        for unit, counts in view["accounting"].items()
    ]
    lines += [*table(["", "read", "in dataset", "dropped", ""], rows), ""]
    for unit, counts in view["accounting"].items():
        lines += [
            f"  {unit}s: {what}: {found['count']:,}, for example {found['first']}"
            for what, found in counts["errors"].items()
        ]
    rows = [
        [f"{unit}s", drop["stage"], drop["reason"], f"{drop['count']:,}"]
        for unit, counts in view["accounting"].items()
        for drop in counts["reasons"]
    ]
    if rows:
        lines += [*table(["dropped", "stage", "reason", "count"], rows), ""]
    lines += _domains_text(view["domains"], limit)
    if view["quarantined"]:
        lines += [
            "",
            f"{view['quarantined']:,} records are quarantined with their bytes; read them again with: stepmill retry",
        ]
    if view["compaction"]:
        lines += [
            "",
            "it is time for one generation of all: stepmill compact",
            *(f"  {why}" for why in view["compaction"]),
        ]
    return "\n".join(lines)


def _domains_text(domains: list[dict[str, Any]], limit: int | None) -> list[str]:
    shown = domains if limit is None else domains[:limit]
    rows = []
    for row in shown:
        survival = "" if row["survival"] is None else f"{row['survival']:.1%}"
        counts = [f"{row[key]:,}" for key in ("workflows", "steps", "samples", "tokens")]
        rows.append([row["domain"], *counts, f"{row['share']:.1%}", survival])
    lines = table(["domain", "workflows", "steps", "samples", "tokens", "share", "targets kept"], rows)
    more = len(domains) - len(shown)
    return [*lines, f"and {more:,} more: --domains"] if more > 0 else lines


def _matching(ids: pl.DataFrame, wanted: str) -> pl.DataFrame:
    exact = ids.filter(pl.col("id") == wanted)
    return exact if exact.height else ids.filter(pl.col("id").str.splitn(":", 2).struct.field("field_1") == wanted)


def explain(out: AnyPath, wanted: str) -> dict[str, Any]:
    """The way of a record, workflow, step or sample through every stage, for each time it was read.

    Raises `ConfigError` if nothing of that id was read, or there is no finished build.
    """
    _manifest(out)
    rows = account.ledger(out)
    of_id = _matching(rows, wanted)
    if of_id.height == 0:
        raise ConfigError(
            f"{wanted}: nothing of that id was read in {out}. The ids of a build: stepmill inspect {out} --json"
        )
    names = {row["key"]: row["name"] for row in read_json(out / "work" / "inputs.json")}
    index = scan(out / "work").collect()
    fitted = {row["sample_id"]: row for row in account.fitted(out).iter_rows(named=True)}
    occurrences = []
    for shard in of_id["shard"].unique(maintain_order=True):
        here = of_id.filter(pl.col("shard") == shard)
        ledger = rows.filter(pl.col("shard") == shard)
        for unit in [name for name in account.UNITS if name != "sample" and name in here["unit"]]:
            ids = here.filter(pl.col("unit") == unit)["id"].unique(maintain_order=True)
            for thing in ids:
                found = _thing(ledger, unit, thing)
                if unit == "workflow":
                    steps = ledger.filter(
                        (pl.col("unit") == "step") & (pl.col("parent") == thing) & (pl.col("reason") == "")
                    )
                    found["steps"] = [_step(out, ledger, index, fitted, shard, step) for step in steps["id"]]
                elif unit == "step":
                    found = _step(out, ledger, index, fitted, shard, thing)
                occurrences.append({"input": names.get(shard, ""), **found})
    return {"id": wanted, "occurrences": occurrences}


def _thing(ledger: pl.DataFrame, unit: str, id: str) -> dict[str, Any]:
    """What the ledger of one input shard says about one thing."""
    lines = ledger.filter((pl.col("unit") == unit) & (pl.col("id") == id)).to_dicts()
    drops = [{key: line[key] for key in ("stage", "reason", "detail")} for line in lines if line["reason"]]
    parent = next((line["parent"] for line in lines if line["parent"]), "")
    return {"unit": unit, "id": id, "parent": parent, "domain": lines[0]["domain"], "drops": drops}


def _step(
    out: AnyPath, ledger: pl.DataFrame, index: pl.DataFrame, fitted: dict[str, dict[str, Any]], shard: str, id: str
) -> dict[str, Any]:
    """A step, and the sample made of it, if one was."""
    found = _thing(ledger, "step", id)
    row = index.filter((pl.col("shard") == shard) & (pl.col("sample_id") == id))
    if row.height:
        made = next(gather(row, out / "work" / "samples"))
        found["sample"] = {
            "action": made.action_kind,
            "language_score": made.language_score,
            "node": made.node,
            "target": made.target_html,
            "raw_chars": made.raw_chars,
            "pruned_chars": len(made.observation),
            "history": len(made.history),
            "split": row["split"][0],
        }
        if not row["reason"][0] and id in fitted:
            keys = ("chunk", "chunks", "prompt_tokens", "completion_tokens", "packed", "row")
            found["sample"] |= {key: fitted[id][key] for key in keys}
    return found


def explain_text(view: dict[str, Any]) -> str:
    """`explain` as text: what was read, then one line a stage that did something to it."""
    lines: list[str] = []
    for found in view["occurrences"]:
        lines.append(
            f"{found['unit']} {found['id']}, read from {found['input']}, domain {found['domain'] or _no_domain(found)}"
        )
        if found["unit"] == "record" and found["parent"]:
            lines.append(f"  belongs to {found['parent']}")
        lines += _stages(found, "  ")
        for step in found.get("steps", ()):
            lines += [f"  step {step['id']}", *_stages(step, "    ")]
    return "\n".join(lines)


def _no_domain(found: dict[str, Any]) -> str:
    return "not kept" if any(drop["reason"] == TAKEN_DOWN for drop in found["drops"]) else "unknown"


def _stages(found: dict[str, Any], margin: str) -> list[str]:
    lines: list[str] = []
    made = found.get("sample")
    if made:
        target = f"node {made['node']}: {made['target']}" if made["node"] >= 0 else f"{made['action']} without element"
        lines += [
            f"filter   kept, probability of English {made['language_score']}",
            f"locate   {target}",
            f"prune    {made['raw_chars']:,} -> {made['pruned_chars']:,} characters",
            f"unroll   a sample with {made['history']} steps of history",
            f"index    split {made['split']}",
        ]
    for drop in found["drops"]:
        said = drop["detail"] or (_TAKEN_DOWN if drop["reason"] == TAKEN_DOWN else "")
        detail = f": {said}" if said else ""
        lines = [line for line in lines if line.split()[0] != drop["stage"]]
        lines.append(f"{drop['stage']:<8} dropped, {drop['reason']}{detail}")
    if made and "packed" in made and not found["drops"]:
        chunk = f", chunk {made['chunk']} of {made['chunks']} from the right" if made["chunks"] > 1 else ""
        lines.append(
            f"fit      {made['prompt_tokens']:,} prompt and {made['completion_tokens']:,} completion tokens{chunk}"
        )
        lines.append(f"pack     row {made['row']} of {made['packed']}")
    return [margin + line for line in lines]


def sample(out: AnyPath, wanted: str) -> dict[str, Any]:
    """One sample: its fields, and its tokens as they lie in the dataset, decoded in runs with and without loss.

    Raises `ConfigError` if it is not in the dataset.
    """
    fitted = account.fitted(out).filter(pl.col("reason") == "")
    found = _matching(fitted.with_columns(id=pl.col("sample_id")), wanted)
    if found.height == 0:
        raise ConfigError(f"{wanted}: no such sample in the dataset. Why not: stepmill explain {out} {wanted}")
    place = found.to_dicts()[0]
    index = scan(out / "work").collect()
    row = index.filter((pl.col("sample_id") == place["sample_id"]) & (pl.col("reason") == ""))
    fields = next(gather(row, out / "work" / "samples"))
    ids, labels = _tokens(out, place)
    vocabulary = _vocabulary(out)
    runs: list[dict[str, Any]] = []
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or (labels[end] == NO_LOSS) != (labels[start] == NO_LOSS):
            runs.append(
                {"loss": labels[start] != NO_LOSS, "tokens": end - start, "text": vocabulary.decode(ids[start:end])}
            )
            start = end
    return {
        "sample_id": place["sample_id"],
        "place": place,
        "objective": fields.objective,
        "url": fields.url,
        "runs": runs,
    }


def _tokens(out: AnyPath, place: dict[str, Any]) -> tuple[list[int], list[int]]:
    path = out / "dataset" / "data" / f"{place['packed']}.arrow"
    reader = open_arrow(path)
    number = place["row"]
    for i in range(reader.num_record_batches):
        batch = reader.get_batch(i)
        if number >= batch.num_rows:
            number -= batch.num_rows
            continue
        at = batch.column("sample_ids")[number].as_py().index(place["sample_id"])
        lengths = batch.column("seq_lengths")[number].as_py()
        start, end = sum(lengths[:at]), sum(lengths[: at + 1])
        return batch.column("input_ids")[number].as_py()[start:end], batch.column("labels")[number].as_py()[start:end]
    raise ConfigError(f"{path}: no row {place['row']}; check the build with: stepmill verify {out}")


def _vocabulary(out: AnyPath) -> Any:
    from etl import recipe

    order = read_json(out / "work" / "order.json")
    source, overrides = order["recipe"], order["overrides"]
    loaded = recipe.load(source, overrides) if isinstance(source, str) else recipe.from_tables(source, overrides)
    return loaded.packed.encoder.vocabulary


def sample_text(view: dict[str, Any]) -> str:
    """`sample` as text; what carries loss is green on a terminal and between markers anywhere."""
    lines = [f"{view['sample_id']} in {view['place']['packed']}, row {view['place']['row']}", ""]
    for run in view["runs"]:
        if run["loss"]:
            lines += [f"[loss, {run['tokens']} tokens]", click.style(run["text"], fg="green"), "[end of loss]"]
        else:
            lines += [f"[no loss, {run['tokens']} tokens]", run["text"]]
    return "\n".join(lines)
