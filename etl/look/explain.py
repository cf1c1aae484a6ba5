"""The way of a record, workflow, step or sample through every stage of a build."""

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
    """All lines of those input shards that say something of an id."""
    mine = rows.filter(pl.col("id") == wanted).select("shard").unique()
    return rows.join(mine, on="shard", how="semi", maintain_order="left")


def view(out: AnyPath, wanted: str) -> dict[str, Any]:
    """The way of a record, workflow, step or sample through every stage, for each time it was read.
    Held in memory are the ledgers of the input shards in which it was. wanted: an id of stepmill,
    or of the recording (`etl.look.named`).

    Raises `ConfigError` if nothing of that id was read, if several things have it, or there is no
    finished build.
    """
    place_of(out).inside("explain")
    thing = resolved(out, wanted)
    rows = pl.concat([_beside(found.rows, thing) for found in fates(out)])
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
            found = _thing(ledger, unit, thing)
            if unit == "workflow":
                steps = ledger.filter(
                    (pl.col("unit") == "step")
                    & (pl.col("parent") == thing)
                    & (pl.col("reason") == "")
                )
                found["steps"] = [
                    _step(out, ledger, index, fitted, shard, step) for step in steps["id"]
                ]
            elif unit == "step":
                found = _step(out, ledger, index, fitted, shard, thing)
            occurrences.append({"input": names.get(shard, ""), **found})
    return {"id": wanted, "occurrences": occurrences}


def _thing(ledger: pl.DataFrame, unit: str, id: str) -> dict[str, Any]:
    """What the ledger of one input shard says about one thing."""
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
    """A step, and the sample made of it, if one was."""
    found = _thing(ledger, "step", id)
    row = index.filter((pl.col("shard") == shard) & (pl.col("sample_id") == id))
    if row.height:
        made = next(gather(row, Layout(out).work))
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


def text(found_at: dict[str, Any]) -> str:
    """`view` as text: what was read, then one line a stage that did something to it."""
    lines: list[str] = []
    for found in found_at["occurrences"]:
        lines.append(
            f"{found['unit']} {found['id']}, read from {found['input']}, domain "
            f"{found['domain'] or _no_domain(found)}"
        )
        lines += _recorded(found, "  ")
        if found["unit"] == "record" and found["parent"]:
            lines.append(f"  belongs to {found['parent']}")
        lines += _stages(found, "  ")
        for step in found.get("steps", ()):
            lines += [f"  step {step['id']}", *_recorded(step, "    "), *_stages(step, "    ")]
    return printable("\n".join(lines))


def _recorded(found: dict[str, Any], margin: str) -> list[str]:
    """The recording's own id of a step, if it is another."""
    own = found["recorded"]
    return [f"{margin}recorded as {own}"] if own and own != found["id"].rpartition("/")[2] else []


def _no_domain(found: dict[str, Any]) -> str:
    return "not kept" if any(drop["reason"] == TAKEN_DOWN for drop in found["drops"]) else "unknown"


def _stages(found: dict[str, Any], margin: str) -> list[str]:
    lines: list[str] = []
    made = found.get("sample")
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
    for drop in found["drops"]:
        said = drop["detail"] or (_TAKEN_DOWN if drop["reason"] == TAKEN_DOWN else "")
        detail = f": {said}" if said else ""
        lines = [line for line in lines if line.split()[0] != drop["stage"]]
        lines.append(f"{drop['stage']:<8} dropped, {drop['reason']}{detail}")
    if made and "packed" in made and not found["drops"]:
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
