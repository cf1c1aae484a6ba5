"""Trace a record, workflow, step or sample through every stage of a build."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from etl.dataset import account
from etl.dataset.drops import inputs
from etl.dataset.index import scan
from etl.dataset.layout import Layout
from etl.dataset.ledger import fates
from etl.dataset.place import place_of
from etl.dataset.samples import gather
from etl.files.storage import AnyPath
from etl.look.named import resolved
from etl.terminal.text import printable
from schemas.reasons import TAKEN_DOWN

_TAKEN_DOWN: Final = "it is on the takedown list, and nothing of it is kept but ids"


def _beside(rows: pl.DataFrame, wanted: str) -> pl.DataFrame:
    """All ledger lines of the input shards in which an id occurs."""
    mine = rows.filter(pl.col("id") == wanted).select("shard").unique()
    return rows.join(mine, on="shard", how="semi", maintain_order="left")


def view(out: AnyPath, wanted: str) -> dict[str, Any]:
    """Trace a record, workflow, step or sample, once for each time it was read.

    wanted: an id of stepmill, or of the recording (`etl.look.named`). The ledgers of the input
    shards in which it occurs are held in memory.

    Raises:
        ConfigError: if nothing with that id was read, or there is no finished build.
        Ambiguous: if several things share the id.
    """
    place_of(out).inside("explain")
    thing = resolved(out, wanted)
    rows = pl.concat([_beside(occurrence.rows, thing) for occurrence in fates(out)])
    of_id = rows.filter(pl.col("id") == thing)
    work = Layout(out).work
    names = inputs(work)
    shards = rows["shard"].unique().to_list()
    index = scan(work).filter(pl.col("shard").is_in(shards)).collect()
    made = account.fitted(out, index["sample_id"])
    fitted = {row["sample_id"]: row for row in made.iter_rows(named=True)}
    occurrences = []
    for shard in of_id["shard"].unique(maintain_order=True):
        here = of_id.filter(pl.col("shard") == shard)
        ledger = rows.filter(pl.col("shard") == shard)
        for unit in [name for name in account.UNITS if name != "sample" and name in here["unit"]]:
            occurrence = _thing(ledger, unit, thing)
            if unit == "workflow":
                steps = ledger.filter(
                    (pl.col("unit") == "step")
                    & (pl.col("parent") == thing)
                    & (pl.col("reason") == "")
                )
                occurrence["steps"] = [
                    _step(out, ledger, index, fitted, shard, step) for step in steps["id"]
                ]
            elif unit == "step":
                occurrence = _step(out, ledger, index, fitted, shard, thing)
            occurrences.append({"input": names.get(shard, ""), **occurrence})
    return {"id": wanted, "occurrences": occurrences}


def _thing(ledger: pl.DataFrame, unit: str, id: str) -> dict[str, Any]:
    """The domain, parent and drops of one thing, by the ledger of one input shard."""
    lines = ledger.filter((pl.col("unit") == unit) & (pl.col("id") == id)).to_dicts()
    drops = [
        {key: line[key] for key in ("stage", "reason", "detail")}
        for line in lines
        if line["reason"]
    ]
    parent = next((line["parent"] for line in lines if line["parent"]), "")
    recorded = next((line["recorded"] for line in lines if line["recorded"]), "")
    return {
        "unit": unit,
        "id": id,
        "recorded": recorded,
        "parent": parent,
        "domain": lines[0]["domain"],
        "drops": drops,
    }


def _step(
    out: AnyPath,
    ledger: pl.DataFrame,
    index: pl.DataFrame,
    fitted: dict[str, dict[str, Any]],
    shard: str,
    id: str,
) -> dict[str, Any]:
    """A step, with the sample made from it, if there is one."""
    step = _thing(ledger, "step", id)
    row = index.filter((pl.col("shard") == shard) & (pl.col("sample_id") == id))
    if row.height:
        made = next(gather(row, Layout(out).work))
        step["sample"] = {
            "action": made.action_kind,
            "language_score": made.language_score,
            "node": made.node,
            "target": made.target_html,
            "raw_chars": made.raw_chars,
            "pruned_chars": made.characters,
            "history": len(made.history),
            "split": row["split"][0],
        }
        if not row["reason"][0] and id in fitted:
            keys = ("chunk", "chunks", "prompt_tokens", "completion_tokens", "packed", "row")
            step["sample"] |= {key: fitted[id][key] for key in keys}
    return step


def text(result: dict[str, Any]) -> str:
    """`view` as text: what was read, then one line for each stage that changed or dropped it."""
    lines: list[str] = []
    for occurrence in result["occurrences"]:
        lines.append(
            f"{occurrence['unit']} {occurrence['id']}, read from {occurrence['input']}, domain "
            f"{occurrence['domain'] or _no_domain(occurrence)}"
        )
        lines += _recorded(occurrence, "  ")
        if occurrence["unit"] == "record" and occurrence["parent"]:
            lines.append(f"  belongs to {occurrence['parent']}")
        lines += _stages(occurrence, "  ")
        for step in occurrence.get("steps", ()):
            lines += [f"  step {step['id']}", *_recorded(step, "    "), *_stages(step, "    ")]
    return printable("\n".join(lines))


def _recorded(thing: dict[str, Any], margin: str) -> list[str]:
    """The recording's own id of a step, if it differs from stepmill's."""
    own = thing["recorded"]
    return [f"{margin}recorded as {own}"] if own and own != thing["id"].rpartition("/")[2] else []


def _no_domain(thing: dict[str, Any]) -> str:
    return "not kept" if any(drop["reason"] == TAKEN_DOWN for drop in thing["drops"]) else "unknown"


def _stages(thing: dict[str, Any], margin: str) -> list[str]:
    lines: list[str] = []
    made = thing.get("sample")
    if made:
        target = (
            f"node {made['node']}: {made['target']}"
            if made["node"] >= 0
            else f"{made['action']} without element"
        )
        lines += [
            f"filter   kept, probability of English {made['language_score']}",
            f"locate   {target}",
            f"prune    {made['raw_chars']:,} -> {made['pruned_chars']:,} characters",
            f"unroll   a sample with {made['history']} steps of history",
            f"index    split {made['split']}",
        ]
    for drop in thing["drops"]:
        why = drop["detail"] or (_TAKEN_DOWN if drop["reason"] == TAKEN_DOWN else "")
        detail = f": {why}" if why else ""
        lines = [line for line in lines if line.split()[0] != drop["stage"]]
        lines.append(f"{drop['stage']:<8} dropped, {drop['reason']}{detail}")
    if made and "packed" in made and not thing["drops"]:
        chunk = (
            f", chunk {made['chunk']} of {made['chunks']} from the right"
            if made["chunks"] > 1
            else ""
        )
        lines.append(
            f"fit      {made['prompt_tokens']:,} prompt and {made['completion_tokens']:,} "
            f"completion tokens{chunk}"
        )
        lines.append(f"pack     row {made['row']} of {made['packed']}")
    return [margin + line for line in lines]
