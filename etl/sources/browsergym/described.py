"""The description of BrowserGym's episodes."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format

_PAGE: Final = (
    '<html><body><input bid="a1" placeholder="Search"><button bid="a2">Go</button></body></html>'
)


def _record(step: int, action: str | None, reward: float = 0) -> dict[str, Any]:
    return {
        "step": step,
        "obs": {
            "chat_messages": [{"role": "user", "message": "Search for a phone"}],
            "open_pages_urls": ["https://desk.example/catalog"],
            "active_page_index": [0],
            "last_action_error": "",
            "pruned_html": _PAGE,
        },
        "action": action,
        "reward": reward,
    }


_EXAMPLE: Final = (
    _record(0, "I type what to look for.\n```fill('a1', 'phone')```"),
    _record(1, "```click('a2')```"),
    _record(2, None, 1.0),
)

DESCRIBED: Final = Format(
    name="browsergym",
    sign="has the keys `step`, `obs` and `action` in its lines, or files `step_N.pkl.gz`",
    about="BrowserGym and AgentLab episodes: each file or folder is one, each record a step.",
    record="a step: the page before an action, and the action",
    files="JSON lines, each a step, or a folder of `step_N.pkl.gz` (read, never unpickled)",
    fields=(
        Field("step", "whole number", "counts the steps from 0, without a gap", True,
              like="step_index index"),
        Field("obs", "object or null", "what was seen before the action", True,
              like="observation state"),
        Field("obs.pruned_html", "string", "the page, with `bid` on every element", True,
              like="html dom"),
        Field("obs.axtree_txt", "string", "the page as text, with the same bids; beside the page, "
              "or instead of it"),
        Field("obs.chat_messages", "list", "the objective is the user's last message"),
        Field("obs.goal_object", "list", "the objective if there is no message"),
        Field("obs.goal", "string or null", "the objective if there is neither"),
        Field("obs.open_pages_urls", "list of strings", "the addresses of the tabs"),
        Field("obs.active_page_index", "any", "the index of the tab that is shown"),
        Field("obs.last_action_error", "string or null",
              "the error of the action in the record before"),
        Field("action", "string or null",
              "free text with one call in a fence; null at the end of the episode", True),
        Field("reward", "number or null", "summed over the episode"),
    ),
    example="".join(json.dumps(record) + "\n" for record in _EXAMPLE),
    example_name="episode.jsonl",
    notes=(
        "The name of the file or folder names the workflow.",
        ("Keys that BrowserGym and AgentLab do not write are kept as meta and counted, never "
        "trained on."),
        "A missing number ends the episode there: later steps have a false history.",
    ),
    form="objects",
)  # fmt: skip
