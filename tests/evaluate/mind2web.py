"""Tasks of Mind2Web made by hand, and evaluation sets of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from etl.build.evalset.make import Wanted
from tests.support.builds import Quiet

PAGE = (
    '<html backend_node_id="1"><body backend_node_id="2">'
    '<main backend_node_id="3"><input backend_node_id="4" placeholder="City" type="text">'
    '<button backend_node_id="5"><span backend_node_id="6">Find</span></button>'
    '<custom backend_node_id="7"></custom><a backend_node_id="8" href="/help">Help</a>'
    '<select backend_node_id="9" name="size"><option backend_node_id="10">Small</option>'
    '<option backend_node_id="11">Large</option></select></main></body></html>'
)
"""The element with the backend id N has the node id 11 - N; pruning removes ``custom``."""


def action(uid: str, op: str, value: str, *positives: str, page: str = PAGE) -> dict[str, Any]:
    every = [str(number) for number in range(1, 12)]
    return {
        "action_uid": uid,
        "raw_html": page,
        "cleaned_html": page,
        "operation": {"op": op, "original_op": op, "value": value},
        "pos_candidates": [{"backend_node_id": each} for each in positives],
        "neg_candidates": [{"backend_node_id": each} for each in every if each not in positives],
    }


def task(name: str, *actions: dict[str, Any]) -> dict[str, Any]:
    lines = []
    for number, each in enumerate(actions):
        operation = each["operation"]
        value = f": {operation['value']}" if operation["value"] else ""
        lines.append(f"[element]  Part {number} -> {operation['op']}{value}")
    return {
        "annotation_id": name,
        "website": "hotels",
        "domain": "Travel",
        "subdomain": "Hotel",
        "confirmed_task": "Find a hotel in Boston and ask for help",
        "action_reprs": lines,
        "actions": list(actions),
    }


def ordinary(name: str) -> dict[str, Any]:
    """A task whose steps can all be asked."""
    return task(
        name,
        action(f"{name}-0", "TYPE", "Boston", "4"),
        action(f"{name}-1", "SELECT", "Large", "9"),
        action(f"{name}-2", "CLICK", "", "5"),
    )


def write(path: Path, *tasks: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(tasks)))
    return path


def table(*tasks: dict[str, Any]) -> dict[str, Any]:
    """A table of ranks in which the element with the backend id N has the rank N; leaves first."""
    ranks = {
        f"{each['annotation_id']}_{step['action_uid']}": {str(n): n for n in range(11, 0, -1)}
        for each in tasks
        for step in each["actions"]
    }
    scores = {name: {id: 1 / rank for id, rank in of.items()} for name, of in ranks.items()}
    return {"ranks": ranks, "scores": scores}


def evaluation_set(out: Path, *sources: Path, **settings: Any) -> dict[str, Any]:
    """Make a set; returns its manifest."""
    return Wanted(tuple(map(str, sources)), out, **settings).made(Quiet)
