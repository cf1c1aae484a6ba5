"""The description of InSTA's trajectories."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format

_PAGE: Final = (
    '<html><body><input backend_node_id="0" placeholder="City"><button backend_node_id="1">Search'
    "</button></body></html>"
)


def _observation() -> dict[str, Any]:
    return {
        "current_url": "https://hotels.example/",
        "processed_text": '[id: 0] "" (City text input) [id: 1] Search button',
        "raw_html": _PAGE,
        "metadata": {},
    }


def _action(key: str, node: int, **arguments: str) -> dict[str, Any]:
    call = {"action_key": key, "action_kwargs": arguments, "target_element_id": node}
    return {"function_calls": [], "response": None, "matched_response": json.dumps(call)}


_ACTIONS: Final = [_action("fill", 0, value="Boston"), _action("click", 1)]

DESCRIBED: Final = Format(
    name="insta",
    sign="has folders `observations` and `actions`, and an observation with `current_url` and a "
         "page or its text",
    about="InSTA: trajectories of agents on the open web, with raw HTML, a folder of many.",
    record="an observation, with the action of the same place in `actions/`",
    files="a folder with `observations/NAME.json`, `actions/NAME.json` and folders of judgments",
    fields=(
        Field("current_url", "string", "the page's address"),
        Field("raw_html", "string or null", "the page before the action; null where the action "
              "before it failed"),
        Field("processed_text", "string", "the page as text; the message, if there is no page"),
        Field("metadata", "object or null", "not used"),
        Field("screenshot_path", "string", "not used"),
    ),
    example=json.dumps([_observation(), _observation()]) + "\n",
    example_name="insta/observations/hotels.example.json",
    beside=(
        ("insta/actions/hotels.example.json", json.dumps(_ACTIONS) + "\n"),
        ("insta/judgments/hotels.example.json", '{"success": 1.0}\n'),
        (
            "insta/tasks.jsonl",
            '{"website": "hotels.example", "instruction": "Find a hotel in Boston"}\n',
        ),
    ),
    notes=(
        ("An action is `{function_calls, response, matched_response}`; read is the JSON in "
        "`matched_response`: `{action_key, action_kwargs, target_element_id}`."),
        ("The target is the element with the attribute `backend_node_id` that "
        "`target_element_id` names. The file of the same name in a folder of judgments gives the "
        "reward (`success`); with several judges there is none."),
        ("The instruction is not in these files. Put the rows of the data set that the pipeline "
        "was run on beside the folders, as `tasks.jsonl` or Parquet: `instruction` (or `task`), "
        "and `identifier`, `website` or `domain`, which names the files. Without it workflows "
        "have no objective."),
        ("Limits: a folder is read by one process. The layout is that of the pipeline in "
        "data-for-agents/insta (2025), which writes these files."),
    ),
    form="list",
    kinds=(
        ("click", "click"), ("click with x and y alone", "mouse_click"), ("hover", "hover"),
        ("scroll", "scroll"), ("fill", "type"), ("select_option", "select"),
        ("set_checked", "check or uncheck"), ("go_back", "go_back"), ("go_forward", "go_forward"),
        ("goto", "navigate"), ("stop", "stop"),
    ),
)  # fmt: skip
