"""Mind2Web's tasks, described."""

from __future__ import annotations

import json
from typing import Final

from etl.formats.description import Field, Format

_PAGE: Final = (
    '<html backend_node_id="1"><body backend_node_id="2">'
    '<input backend_node_id="3" placeholder="City"><button backend_node_id="4">Find</button>'
    "</body></html>"
)


def _action(uid: str, op: str, value: str, node: str) -> dict[str, object]:
    return {
        "action_uid": uid,
        "raw_html": _PAGE,
        "cleaned_html": _PAGE,
        "operation": {"op": op, "original_op": op, "value": value},
        "pos_candidates": [{"backend_node_id": node, "is_original_target": True}],
        "neg_candidates": [],
    }


_EXAMPLE: Final = {
    "annotation_id": "hotels-01",
    "website": "hotels",
    "domain": "Travel",
    "subdomain": "Hotel",
    "confirmed_task": "Find a hotel in Boston",
    "action_reprs": ["[textbox]  City -> TYPE: Boston", "[button]  Find -> CLICK"],
    "actions": [_action("u0", "TYPE", "Boston", "3"), _action("u1", "CLICK", "", "4")],
}

MIND2WEB: Final = Format(
    name="mind2web",
    about="Mind2Web's tasks with their actions; Multimodal-Mind2Web's rows too.",
    record="a task with its `actions`, or one action with its task's keys beside it",
    files="a JSON list, one JSON object, JSON lines, or Parquet",
    fields=(
        Field("annotation_id", "string", "names the task", True, like="id task_id"),
        Field("confirmed_task", "string", "what the user wants done",
              like="objective goal task intent"),
        Field("website", "string", "the site's name; there are no URLs"),
        Field("domain", "string", "the topic"),
        Field("subdomain", "string", "not used"),
        Field("action_reprs", "list of strings",
              "a line an action in words; used if there is one for each"),
        Field("actions", "list", "the actions in order; at least one", True,
              like="steps events history"),
        Field("actions[].action_uid", "string", "names the action; its position unless given"),
        Field("actions[].raw_html", "string", "the page before the action", like="html dom"),
        Field("actions[].cleaned_html", "string", "taken where `raw_html` is missing"),
        Field("actions[].operation", "object or string of JSON", "what was done", True,
              like="action"),
        Field("actions[].operation.op", "string",
              "the kind of action; `original_op` goes before it", True, also=("original_op",)),
        Field("actions[].operation.value", "string", "what was typed or chosen"),
        Field("actions[].pos_candidates", "list", "the elements that were meant"),
        Field("actions[].pos_candidates[].backend_node_id", "string or whole number",
              "the attribute of the same name in the page", True),
        Field("actions[].pos_candidates[].is_original_target", "boolean",
              "the element that was hit goes first"),
        Field("actions[].pos_candidates[].is_top_level_target", "boolean",
              "its top-level ancestor goes next"),
        Field("actions[].neg_candidates", "list", "not used"),
    ),
    example=json.dumps([_EXAMPLE], indent=1) + "\n",
    example_name="tasks.json",
    notes=(
        "Candidates and operations may be strings of JSON, as in the Parquet files.",
        ("`data_pw_testid_buckeye`, which marks the answer in the page, is never used and is "
        "taken out of pages."),
    ),
)  # fmt: skip
