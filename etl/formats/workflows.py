"""Our own interchange format, described."""

from __future__ import annotations

import json
from typing import Final

from etl.formats.description import Field, Format

_HOME: Final = (
    "<html><body><h1>Mugs</h1><button id='add' data-id='42'>Add to cart</button><a href='/cart'>Cart</a></body></html>"
)
_CART: Final = (
    "<html><body><h1>Cart</h1><label>Quantity <input name='quantity' value='1'></label>"
    "<button>Pay</button></body></html>"
)
_EXAMPLE: Final = {
    "workflow_id": "shop-01",
    "objective": "Order two mugs and pay for them",
    "website": "shop.example",
    "reward": 1.0,
    "steps": [
        {
            "step_id": "0",
            "url": "https://shop.example/mugs",
            "html": _HOME,
            "action": {"kind": "click", "description": "Click Add to cart"},
            "target": [
                {"kind": "css", "value": "#add"},
                {"kind": "attribute", "name": "data-id", "value": "42"},
            ],
        },
        {
            "step_id": "1",
            "url": "https://shop.example/cart",
            "html": _CART,
            "action": {"kind": "type", "value": "2", "description": "Type 2 into Quantity"},
            "target": [{"kind": "xpath", "value": "//input[@name='quantity']"}],
        },
    ],
}

WORKFLOWS: Final = Format(
    name="workflows",
    about="stepmill's own format: one workflow a record. Write this from your recorder.",
    record="a workflow: an objective and its steps",
    files="JSON lines (one object a line), a JSON list, one JSON object, or Parquet with these columns",
    fields=(
        Field("workflow_id", "string", "names the recording; no two recordings share one", True,
              like="id task_id session_id episode_id run_id uid uuid recording_id name"),
        Field("objective", "string", "what the user wants done, in words", True,
              like="goal task intent instruction query prompt confirmed_task utterance user_goal "
              "task_description description title"),
        Field("website", "string", "the site, where steps have no URL"),
        Field("topic", "string", "what kind of site or task it is"),
        Field("reward", "number", "the outcome; `filter.min_reward` can ask for it",
              like="score success"),
        Field("meta", "object", "whatever else is known of the recording; kept, never trained on"),
        Field("steps", "list", "the steps in the order in which they were done; at least one", True,
              like="actions events history trajectory turns states observations"),
        Field("steps[].step_id", "string", "names the step; its position unless given"),
        Field("steps[].number", "whole number",
              "the step's own number in the recording, by which gaps are seen"),
        Field("steps[].meta", "object", "whatever else is known of the step; kept, never trained on"),
        Field("steps[].url", "string", "the page's address", like="page_url href"),
        Field("steps[].html", "string", "the page before the action, whole", True,
              like="dom page page_html raw_html content snapshot outer_html document source "
              "observation obs"),
        Field("steps[].action", "object", "what was done", True, like="event operation act"),
        Field("steps[].action.kind", "string", "the kind of action, see below", True,
              like="type name op action"),
        Field("steps[].action.value", "string", "what was typed, chosen or pressed",
              like="text keys option"),
        Field("steps[].action.description", "string", "the action in words"),
        Field("steps[].action.button", "string or whole number",
              "of the mouse, where the kind does not say it: left, middle, right"),
        Field("steps[].action.modifiers", "any", "keys that are held: a list of names, or one"),
        Field("steps[].action.clicks", "whole number", "how many clicks at once"),
        Field("steps[].target", "list",
              "the element that was acted on: locators, best first; empty if there is none",
              like="selector locator element selectors"),
        Field("steps[].target[].kind", "string",
              "`css`, `xpath`, `attribute`, `node` or `markup`", True, like="type"),
        Field("steps[].target[].name", "string", "of the attribute; only for kind `attribute`"),
        Field("steps[].target[].value", "string",
              "the selector, path, attribute's value, node number or start tag", True,
              like="selector css xpath"),
        Field("steps[].destination", "list", "the element that a drag ends on: locators as in `target`"),
        Field("steps[].destination[].kind", "string", "as in `target`", True),
        Field("steps[].destination[].name", "string", "as in `target`"),
        Field("steps[].destination[].value", "string", "as in `target`", True),
        Field("steps[].error", "string", "what the recorder said of an action that failed"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="shop.jsonl",
    notes=(
        ("A locator counts if it finds exactly one element in `html`; the next one is tried "
        "otherwise. A step whose locators all fail is not trained on, and stays in the history."),
        ("Only `steps[].html` as it was when the action was taken finds the target: a page taken "
        "after the action has often lost it."),
    ),
)  # fmt: skip
