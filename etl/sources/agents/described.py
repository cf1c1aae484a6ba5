"""The descriptions of ADP and ATIF trajectories."""

from __future__ import annotations

import json
from typing import Any, Final

from etl.inputs.description import Field, Format

_HOME: Final = (
    '<html><body><input bid="1" placeholder="Search"><button bid="2">Go</button></body></html>'
)
_FOUND: Final = '<html><body><h1>Phones</h1><a bid="3" href="/p/1">Phone One</a></body></html>'
_URL: Final = "https://desk.example/catalog"


def _page(html: str) -> dict[str, Any]:
    return {"class_": "web_observation", "html": html, "axtree": None, "url": _URL}


def _act(function: str, **kwargs: str) -> dict[str, Any]:
    return {"class_": "api_action", "function": function, "kwargs": kwargs, "description": None}


_TASK: Final = "Search for a phone and open the first one"

ADP: Final = Format(
    name="adp",
    about="Agent Data Protocol (1.0 to 1.2): trajectories of observations and actions.",
    record="a trajectory: an id and its content, in order",
    files="JSON lines, a JSON list, one JSON object, or Parquet with these columns",
    fields=(
        Field("id", "string", "names the trajectory; instead of a mere number, folder, file and "
              "place in it do",
              True),
        Field("content", "list", "observations and actions, in order", True),
        Field("content[].class_", "string",
              "`web_observation`, `text_observation`, `image_observation`, `api_action`, "
              "`code_action` or `message_action`", True),
        Field("content[].html", "string or null", "of a web_observation: the page"),
        Field("content[].axtree", "string or null",
              "of a web_observation: the page as text, instead of `html` or beside it"),
        Field("content[].url", "string or null", "of a web_observation: the page's address"),
        Field("content[].content", "string", "of a text, message or code: its text"),
        Field("content[].source", "string",
              "of a text_observation: `user` (the first one is the objective), `environment` or "
              "`agent`"),
        Field("content[].function", "string", "of an api_action: the kind of action"),
        Field("content[].kwargs", "object",
              "of an api_action: the element (`bid`, `ref`, `element_id`, `index`), or a locator "
              "(`xpath`, `selector`), and the value (`text`, `url`, `options`, ...)"),
        Field("content[].reward", "number or null", "summed over the trajectory"),
        Field("details", "object", "what else is known; kept, never trained on"),
    ),
    example=json.dumps(
        {
            "schema_version": "1.2.0",
            "id": "phones-1",
            "content": [
                {"class_": "text_observation", "content": _TASK, "source": "user"},
                _page(_HOME),
                _act("fill", bid="1", value="phone"),
                _page(_HOME.replace('bid="1"', 'bid="1" value="phone"')),
                _act("click", bid="2"),
                _page(_FOUND),
                _act("click", xpath="//a[@href='/p/1']"),
            ],
            "details": {"dataset": "phones"},
        }
    )
    + "\n",
    example_name="trajectories.jsonl",
    notes=(
        ("A page serves the action after it. An action that follows another one without a page "
        "between them is not trained on, and stays in the history."),
        ("`bid`, `ref` and the like name an element of a page with `bid` attributes, or a line of "
        "a text (`[12] button`, `[ref=e12]`). Texts are taken with `--observation axtree`."),
        ("Results of Playwright's MCP server in a text_observation of the environment are pages: "
        "the aria snapshot and the page's URL are read. A snapshot of changes alone is none."),
        "To write it from a dataset: `stepmill export DIR --format adp`.",
    ),
)  # fmt: skip


def _result(html: str, call: str = "") -> dict[str, Any]:
    of_call = {"source_call_id": call} if call else {}
    return {"results": [{**of_call, "content": html, "extra": {"url": _URL}}]}


def _agent(number: int, function: str, html: str, **arguments: str) -> dict[str, Any]:
    call = {"tool_call_id": f"c{number}", "function_name": function, "arguments": arguments}
    return {
        "step_id": number,
        "source": "agent",
        "message": "",
        "tool_calls": [call],
        "observation": _result(html, f"c{number}"),
    }


ATIF: Final = Format(
    name="atif",
    about="Agent Trajectory Interchange Format (1.0 to 1.8): trajectories of agents that call "
    "tools.",
    record="a trajectory: an agent and its steps",
    files="one JSON object, JSON lines, or a JSON list",
    fields=(
        Field("schema_version", "string", "`ATIF-v1.8` or before"),
        Field("trajectory_id", "string or null",
              "names the trajectory; without it `session_id` does, else its place in the file"),
        Field("session_id", "string or null", "names the run"),
        Field("agent", "object", "the agent; kept, never trained on", True),
        Field("steps", "list", "the steps, in order", True),
        Field("steps[].source", "string",
              "`user` (the first message is the objective), `agent` or `system`", True),
        Field("steps[].message", "any", "a text, or parts of which those of text are read"),
        Field("steps[].tool_calls", "list", "of an agent: its actions"),
        Field("steps[].tool_calls[].tool_call_id", "string", "names the call"),
        Field("steps[].tool_calls[].function_name", "string", "the kind of action", True),
        Field("steps[].tool_calls[].arguments", "object",
              "the element (`ref`, `bid`, `index`), or a locator (`xpath`, `selector`), and the "
              "value (`text`, `url`, `values`, ...)"),
        Field("steps[].observation", "object",
              "its `results`: each has `content`, the page after the call, and the call's id in "
              "`source_call_id`; `extra.url` is the page's address"),
        Field("steps[].is_copied_context", "boolean", "copied from another trajectory: left out"),
        Field("subagent_trajectories", "list", "trajectories of their own"),
        Field("extra", "object", "`reward` is the outcome; the rest is kept, never trained on"),
    ),
    example=json.dumps(
        {
            "schema_version": "ATIF-v1.8",
            "trajectory_id": "phones-1",
            "agent": {"name": "demo", "version": "1"},
            "steps": [
                {"step_id": 1, "source": "user", "message": _TASK},
                {
                    "step_id": 2,
                    "source": "system",
                    "message": "The page that is open",
                    "observation": _result(_HOME),
                },
                _agent(3, "browser_type", _HOME, ref="1", element="search field", text="phone"),
                _agent(4, "browser_click", _FOUND, ref="2", element="Go"),
                _agent(5, "click", "", selector="a[href='/p/1']"),
            ],
        }
    )
    + "\n",
    example_name="trajectory.json",
    notes=(
        ("A result's `content` is a page if it is HTML, an accessibility tree, or a result of "
        "Playwright's MCP server with an aria snapshot. Any other text is not looked at, but for "
        "one that begins with \"Error\": the action failed."),
        ("A page serves the call after it. A call without a page between it and the one before is "
        "not trained on, and stays in the history."),
        "Texts are taken with `--observation axtree`.",
        "To write it from a dataset: `stepmill export DIR --format atif`.",
    ),
)  # fmt: skip
