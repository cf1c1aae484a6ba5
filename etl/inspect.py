"""Views of recordings and builds: what is in there, what became of it, and one sample as a model sees it.

Each view is a function that returns plain values (for ``--json``) and one that renders them as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import polars as pl

from etl import account, discover
from etl.packing import gather
from etl.plan import Tally
from etl.shards import open_arrow, read_json
from etl.sources import SOURCES
from schemas.errors import ConfigError
from schemas.samples import NO_LOSS

_FIRST_ERRORS: Final = 5


def check(inputs: Sequence[str]) -> dict[str, Any]:
    """Read recordings without building: per format, files, workflows, steps, and what could not be read."""
    formats: dict[str, dict[str, Any]] = {}
    for shard in discover.shards(discover.find(inputs, SOURCES)):
        counts = formats.setdefault(
            shard.format,
            {"files": 0, "bytes": 0, "workflows": 0, "steps": 0, "with_target": 0, "failed": 0, "errors": Counter(), "first": []},
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


def _manifest(out: Path) -> dict[str, Any]:
    path = out / "dataset" / "manifest.json"
    if not path.exists():
        raise ConfigError(f"{out}: no finished build ({path} is missing); run the build command again")
    manifest: dict[str, Any] = read_json(path)
    return manifest


def summary(out: Path) -> dict[str, Any]:
    """Totals, splits, the accounting recomputed from the files, and the domains."""
    manifest = _manifest(out)
    domains = pl.read_parquet(out / "dataset" / "stats" / "domains.parquet")
    return {
        "recipe": manifest["recipe"],
        "fingerprint": manifest["fingerprint"],
        "totals": manifest["totals"],
        "splits": manifest["splits"],
        "accounting": account.account(out),
        "quarantined": manifest["quarantined"],
        "domains": domains.to_dicts(),
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in (head, *rows)
    ]


def summary_text(view: dict[str, Any], limit: int | None) -> str:
    """`summary` as text, with the ``limit`` largest domains."""
    totals = view["totals"]
    ratio = f" ({totals['pruned_chars'] / totals['raw_chars']:.0%} of the page stays)" if totals["raw_chars"] else ""
    lines = [
        f"recipe {view['recipe']}, fingerprint {view['fingerprint']}",
        f"{totals['samples']:,} samples, {totals['tokens']:,} tokens, {totals['completion_tokens']:,} with loss, "
        f"{totals['domains']:,} domains, {totals['subdomains']:,} subdomains{ratio}",
        "",
    ]
    head = ["split", "files", "rows", "samples", "tokens", "full"]
    rows = [
        [name, *(f"{s[key]:,}" for key in ("files", "rows", "samples", "tokens")), f"{s['fill']:.1%}"]
        for name, s in view["splits"].items()
    ]
    lines += [*table(head, rows), ""]
    rows = [
        [f"{unit}s", *(f"{counts[key]:,}" for key in ("read", "kept", "dropped")), "ERROR" if counts["errors"] else "adds up"]
        for unit, counts in view["accounting"].items()
    ]
    lines += [*table(["", "read", "in dataset", "dropped", ""], rows), ""]
    for unit, counts in view["accounting"].items():
        lines += [f"  {unit}s: {what}: {found['count']:,}, for example {found['first']}" for what, found in counts["errors"].items()]
    rows = [
        [f"{unit}s", drop["stage"], drop["reason"], f"{drop['count']:,}"]
        for unit, counts in view["accounting"].items()
        for drop in counts["reasons"]
    ]
    if rows:
        lines += [*table(["dropped", "stage", "reason", "count"], rows), ""]
    lines += _domains_text(view["domains"], limit)
    if view["quarantined"]:
        lines += ["", f"{view['quarantined']:,} records are quarantined with their bytes; read them again with: stepmill retry"]
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


def explain(out: Path, wanted: str) -> dict[str, Any]:
    """Everything known about an id: where it was read, what dropped it and why, where it lies in the dataset.

    Raises `ConfigError` if nothing of that id was read.
    """
    rows = account.ledger(out)
    of_id = _matching(rows, wanted)
    if of_id.height == 0:
        raise ConfigError(f"{wanted}: nothing of that id was read in {out}. The ids of a build: stepmill inspect {out} --json")
    names = {item["key"]: item["name"] for item in _inputs(out)}
    entries = [{**entry, "input": names.get(entry["shard"], "")} for entry in of_id.to_dicts()]
    workflows = {entry["id"] for entry in entries if entry["unit"] == "workflow"}
    steps = rows.filter((pl.col("unit") == "step") & pl.col("parent").is_in(list(workflows))).to_dicts()
    ids = list({entry["id"] for entry in entries if entry["unit"] in ("sample", "step")} | {step["id"] for step in steps})
    index = pl.read_parquet(out / "work" / "index.parquet").filter(pl.col("sample_id").is_in(ids))
    fitted = account.fitted(out).filter(pl.col("sample_id").is_in(ids))
    return {"id": wanted, "entries": entries, "steps": steps, "index": index.to_dicts(), "fitted": fitted.to_dicts()}


def _inputs(out: Path) -> list[dict[str, Any]]:
    return [read_json(path) for path in sorted((out / "work" / "samples").glob("*.json"))]


def explain_text(view: dict[str, Any]) -> str:
    """`explain` as text: one line a stage."""
    fitted = {row["sample_id"]: row for row in view["fitted"]}
    index = {(row["shard"], row["sample_id"]): row for row in view["index"]}
    lines: list[str] = []
    for entry in view["entries"]:
        lines.append(f"{entry['unit']} {entry['id']}: {_told(entry)}")
        if entry["unit"] == "sample" and not entry["reason"]:
            lines += _placed(index.get((entry["shard"], entry["id"])), fitted.get(entry["id"]))
    for step in view["steps"]:
        place = fitted.get(step["id"])
        row = f" -> row {place['row']} of {place['packed']}" if place and place["row"] >= 0 and not step["reason"] else ""
        lines.append(f"  step {step['id']}: {_told(step)}{row}")
    return "\n".join(lines)


def _told(entry: dict[str, Any]) -> str:
    if not entry["reason"]:
        return f"read from {entry['input']}" if entry.get("input") else "read"
    detail = f": {entry['detail']}" if entry["detail"] else ""
    return f"dropped in {entry['stage']}: {entry['reason']}{detail}"


def _placed(index: dict[str, Any] | None, fitted: dict[str, Any] | None) -> list[str]:
    lines: list[str] = []
    if index is not None:
        lines.append(f"  index: split {index['split']}" + (f", dropped: {index['reason']}" if index["reason"] else ""))
    if fitted is not None and not fitted["reason"]:
        chunk = f", chunk {fitted['chunk']} of {fitted['chunks']}" if fitted["chunks"] > 1 else ""
        lines.append(f"  fit: {fitted['prompt_tokens']:,} prompt and {fitted['completion_tokens']:,} completion tokens{chunk}")
        lines.append(f"  packed: row {fitted['row']} of {fitted['packed']}")
    elif fitted is not None:
        lines.append(f"  fit: dropped: {fitted['reason']}: {fitted['detail']}")
    return lines


def sample(out: Path, wanted: str) -> dict[str, Any]:
    """One sample: its fields, and its tokens as they lie in the dataset, decoded in runs with and without loss.

    Raises `ConfigError` if it is not in the dataset.
    """
    fitted = account.fitted(out).filter((pl.col("reason") == "") if "reason" in account.fitted(out).columns else pl.lit(False))
    found = _matching(fitted.with_columns(id=pl.col("sample_id")), wanted)
    if found.height == 0:
        raise ConfigError(f"{wanted}: no such sample in the dataset. Why not: stepmill explain {out} {wanted}")
    place = found.to_dicts()[0]
    index = pl.read_parquet(out / "work" / "index.parquet")
    row = index.filter((pl.col("sample_id") == place["sample_id"]) & (pl.col("reason") == ""))
    fields = next(gather(row, out / "work" / "samples"))
    ids, labels = _tokens(out, place)
    vocabulary = _vocabulary(out)
    runs: list[dict[str, Any]] = []
    start = 0
    for end in range(1, len(ids) + 1):
        if end == len(ids) or (labels[end] == NO_LOSS) != (labels[start] == NO_LOSS):
            runs.append({"loss": labels[start] != NO_LOSS, "tokens": end - start, "text": vocabulary.decode(ids[start:end])})
            start = end
    return {"sample_id": place["sample_id"], "place": place, "objective": fields.objective, "url": fields.url, "runs": runs}


def _tokens(out: Path, place: dict[str, Any]) -> tuple[list[int], list[int]]:
    path = next((out / "dataset" / "data").rglob(f"{place['packed']}.arrow"))
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


def _vocabulary(out: Path) -> Any:
    from etl import recipe  # noqa: PLC0415 - only this view decodes

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
