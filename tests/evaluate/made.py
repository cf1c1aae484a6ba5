"""Small pages and recorded actions, and facts made of them."""

from __future__ import annotations

import random
from typing import Any

from etl.evaluate.facts import known, mind2web_direct, mind2web_multichoice, steps
from etl.evaluate.facts.recorded import recorded

PAGE = (
    '<html backend_node_id="1"><body><div backend_node_id="30"><text backend_node_id="31">Hello'
    '</text><button backend_node_id="40"><span backend_node_id="41">Buy</span></button></div>'
    '<div></div><iframe backend_node_id="50"></iframe>'
    '<input backend_node_id="60"></body></html>'
)

NODES = {"1": 8, "30": 6, "31": 5, "40": 4, "41": 3, "50": 1, "60": 0}
"""The node ids of the backend ids: the body is 7, the empty div 2."""


def action(
    *positives: str,
    op: str = "CLICK",
    value: str = "",
    negatives: tuple[str, ...] = (),
    page: str = PAGE,
) -> dict[str, Any]:
    """A recorded action."""
    return {
        "operation": {"op": op, "original_op": op, "value": value},
        "pos_candidates": [{"backend_node_id": node} for node in positives],
        "neg_candidates": [{"backend_node_id": node} for node in negatives],
        "raw_html": page,
        "cleaned_html": page,
    }


KINDS = {"CLICK": "click", "TYPE": "type", "SELECT": "select"}


def direct(
    *positives: str,
    op: str = "CLICK",
    value: str = "",
    line: str | None = None,
    page: str = PAGE,
    table: tuple[str, ...] | None = None,
) -> mind2web_direct.Facts:
    """Facts of a step whose element is named by its node id, as they are in a file."""
    if line is None:
        line = f"[button]  Buy -> {op}" + (f": {value}" if value else "")
    step = steps.Facts(KINDS.get(op, "hover"), value)
    found = recorded(action(*positives, op=op, value=value, page=page))
    made = mind2web_direct.made(found, line, step, table=table)
    return mind2web_direct.read(known.text(made))


def choices(
    *positives: str,
    negatives: tuple[str, ...] = (),
    op: str = "CLICK",
    value: str = "",
    ranks: dict[str, int] | None = None,
    seed: int = 0,
    page: str = PAGE,
) -> mind2web_multichoice.Facts:
    """Facts of a step with choices, as they are in a file; every candidate has a rank unless
    ``ranks`` says otherwise.
    """
    found = recorded(action(*positives, op=op, value=value, negatives=negatives, page=page))
    every = dict.fromkeys([*positives, *negatives], 0)
    made = mind2web_multichoice.made(found, {**every, **(ranks or {})}, random.Random(seed))
    return mind2web_multichoice.read(known.text(made))


def answer(
    node: object, description: str = 'Click "Buy"', action: str = "mouse_click_action"
) -> str:
    """An answer in the reference's form; the id five times."""
    ids = " ".join([str(node)] * 5)
    head = f"1.\nDescription: {description}\nAction: {action}\n"
    return f'{head}Node: {ids}\nTarget: <a node="{node}">\n'


def wide(number: int) -> tuple[str, tuple[str, ...]]:
    """A page with many buttons, and their backend ids."""
    nodes = tuple(str(100 + at) for at in range(number))
    buttons = "".join(f'<button backend_node_id="{node}">b{node}</button>' for node in nodes)
    return f"<html><body>{buttons}</body></html>", nodes
