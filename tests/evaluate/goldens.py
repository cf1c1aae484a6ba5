"""The goldens of the shared folder, and facts made of the recordings that they name."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import zstandard

from etl.evaluate.facts import (
    known,
    mind2web_direct,
    mind2web_multichoice,
    steps,
    webarena,
    weblinx,
)
from etl.evaluate.facts.recorded import recorded
from etl.evaluate.texts import cleaned
from etl.pages.reading import read

KINDS = {"CLICK": "click", "TYPE": "type", "SELECT": "select", "HOVER": "hover", "ENTER": "press"}


@cache
def golden(shared: Path, name: str) -> Any:
    """A file of goldens."""
    return orjson.loads((shared / "golden" / "eval" / f"{name}.json").read_bytes())


@cache
def data(shared: Path, name: str) -> Any:
    """A recording that is one JSON value."""
    with (shared / "data" / name).open("rb") as file:
        return orjson.loads(zstandard.ZstdDecompressor().stream_reader(file).read())


def altered(shared: Path, name: str, step: int, alter: Mapping[str, Any] | None) -> Any:
    """An action of the workflow with what a case changes: the action, and its line in words."""
    task = data(shared, name)
    action, line = dict(task["actions"][step]), task["action_reprs"][step]
    alter = alter or {}
    action["operation"] = {
        **action["operation"],
        **{k: alter[k] for k in ("op", "value") if k in alter},
    }
    if "positives" in alter:
        action["pos_candidates"] = [{"backend_node_id": node} for node in alter["positives"]]
    action["raw_html"] = alter.get("raw_html", action["raw_html"])
    return action, alter.get("action_repr", line)


def direct(shared: Path, name: str, case: Mapping[str, Any]) -> mind2web_direct.Facts:
    """The facts of a case on node ids, as they are in a file.

    The page is read as the reference reads it, cleaned as a text before.
    """
    action, line = altered(shared, name, case["step"], case["alter"])
    found = recorded(action)
    step = steps.Facts(KINDS.get(found.op, "click"), found.value)
    table = [node for node, _ in case["rank_table"]] if "rank_table" in case else None
    page = read(cleaned(found.raw_html))
    made = mind2web_direct.made(found, line, step, table=table, page=page)
    return mind2web_direct.read(known.text(made))


def choices(
    shared: Path, name: str, case: Mapping[str, Any], shuffle: random.Random
) -> mind2web_multichoice.Facts:
    """The facts of a case with choices, as they are in a file.

    Ranks are planted as the reference had them: positives as listed, negatives from 1 on.
    """
    action, _ = altered(shared, name, case["step"], case["alter"])
    action["pos_candidates"] = [
        {"backend_node_id": one["backend_node_id"]} for one in case["positives"]
    ]
    ranks = {node: at + 1 for at, node in enumerate(case["negatives_in_top_k"])}
    ranks.update({one["backend_node_id"]: one["rank"] for one in case["positives"]})
    made = mind2web_multichoice.made(recorded(action), ranks, shuffle)
    return mind2web_multichoice.read(known.text(made))


def turn(golden_file: Mapping[str, Any], case: Mapping[str, Any]) -> weblinx.Facts:
    """The facts of a WebLINX case, as they are in a file."""
    edges = ("left", "top", "right", "bottom")
    no_page = {entry.partition(":")[0] for entry in golden_file["bbox_only"]}
    boxes = {
        uid: weblinx.box_of(dict(zip(edges, box, strict=True)))
        for uid, box in golden_file["boxes"].items()
    }
    for entry in golden_file["bbox_only"]:
        uid, _, box = entry.partition(": ")
        numbers = [float(number) for number in box.split(", ")]
        boxes[uid] = weblinx.box_of(dict(zip(edges, numbers, strict=True)))
    page = ({*boxes} | {*golden_file["page_only"]}) - no_page
    if case["reference"]["type"] == "chat":  # such a turn has no page
        boxes, page = {}, set()
    following = case["next_reference"]
    made = weblinx.made(
        weblinx.turn_of(replayed(case["reference"])),
        None if following is None else weblinx.turn_of(replayed(following)),
        boxes,
        page,
    )
    return weblinx.read(known.text(made))


def replayed(reference: Mapping[str, Any]) -> dict[str, Any]:
    """A reference of the goldens as a turn of ``replay.json``."""
    if reference["type"] == "chat":
        return {**reference}
    arguments: dict[str, Any] = {
        key: value
        for key, value in reference.items()
        if key not in ("type", "intent", "uid", "own_bbox")
    }
    if "uid" in reference:
        attributes = {weblinx.UID: reference["uid"]} if reference["uid"] is not None else {}
        arguments["element"] = {"attributes": attributes, "tagName": "DIV"}
        if "own_bbox" in reference:
            edges = ("left", "top", "right", "bottom")
            box = dict(zip(edges, reference["own_bbox"], strict=True))
            arguments["element"]["bbox"] = box
    return {"type": "browser", "action": {"intent": reference["intent"], "arguments": arguments}}


def task(shared: Path, golden_file: Mapping[str, Any], case: Mapping[str, Any]) -> webarena.Facts:
    """The facts of a WebArena case, as they are in a file."""
    tasks = data(shared, golden_file["data"])
    found = next(task for task in tasks if task["task_id"] == case["task_id"])
    found = {**found, "eval": {**found["eval"], **(case["alter"] or {})}}
    return webarena.read(known.text(webarena.made(found, golden_file["hosts"])))


def equal(found: Mapping[str, float | None], expected: Mapping[str, Any]) -> bool:
    """Whether means are equal to 1e-12."""
    return all(
        found[name] == value
        if value is None or found[name] is None
        else abs((found[name] or 0.0) - value) <= 1e-12
        for name, value in expected.items()
    )


def one_a_row(rounds: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The answers of rounds, an output each."""
    return [[played["answer"]] for played in rounds]
