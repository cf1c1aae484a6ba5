"""The description of browser-use's histories and runs."""

from __future__ import annotations

import json
from typing import Final

from etl.inputs.description import Field, Format

_PAGE: Final = (
    '<html><body><input id="city" aria-label="City"><button>Search</button></body></html>\n'
)
_ELEMENTS: Final = '0:<input id="city" aria-label="City"></input>\n1:<button>Search</button>\n'


def _conversation(action: str, id: int, text: str | None, goal: str) -> str:
    answer = {"action": action, "params": {"id": id, "text": text}, "goal": goal}
    return (
        "system: You are an agent on the web.\n"
        "user: Your task is: Find a hotel in Boston\n"
        f"user: Current interactive elements: {_ELEMENTS}"
        ", Url history: ['https://hotels.example/']\n\n\n"
        f"Model output:\n{json.dumps(answer)}"
    )


DESCRIBED: Final = Format(
    name="browser_use",
    sign=("has a `history` whose items have `model_output` and `state` or `result`, or "
          "files `conversation_N.txt` with a model's output"),
    about="browser-use: histories of its agent (2024 and 2026), and runs that kept the pages.",
    record="an item of a history, or a step of a run",
    files="a JSON object with `history`, as `AgentHistoryList` writes it, or a folder of "
          "`conversation_N.txt` with `html_N.html`",
    fields=(
        Field("history", "list", "the items, in order", True),
        Field("history[].model_output", "object or null", "what the agent thought and did"),
        Field("history[].model_output.action", "any",
              "calls: `{name: parameters}`, one or a list; each that was done is a step"),
        Field("history[].result", "any", "what came of each call: `error`, `judgement.verdict`"),
        Field("history[].state", "object", "`url`, `items` and `selector_map` (2024), "
              "`interacted_element` with `x_path` and `attributes` (2026)", True),
        Field("history[].state_message", "string or null",
              "the prompt: the `user_request`, and the text of the elements"),
        Field("history[].metadata", "object or null", "not used"),
    ),
    example=_conversation("text_input", 0, "Boston", "Say where"),
    example_name="find-a-hotel/conversation_0.txt",
    beside=(
        ("find-a-hotel/html_0.html", _PAGE),
        ("find-a-hotel/conversation_1.txt", _conversation("click", 1, None, "Search")),
        ("find-a-hotel/html_1.html", _PAGE),
    ),
    notes=(
        ("A history holds no pages, but the text of their elements, which is taken with "
        "`--observation axtree`. "
        "A run has the page before each action in `html_N.html`; its prompt and the model's "
        "answer, `{\"action\": ..., \"params\": {...}}`, are in `conversation_N.txt`."),
        ("The target in a run is the element whose index the answer names (`params.id`). The "
        "prompt shows some of its attributes and its text; the element of the page that alone has "
        "them is the target. In a history it is the recorded path, and the index."),
        ("Record by `agent.run(...)` and `history.save_to_file(...)`. To keep pages, save "
        "`await page.content()` before each step as `html_N.html` beside the conversation."),
    ),
    form="objects",
    kinds=(
        ("click, click_element, click_element_by_index", "click"),
        ("input, input_text, text_input", "type"), ("select_dropdown", "select"),
        ("navigate, go_to_url", "navigate"), ("open_tab", "new_tab"),
        ("search, search_google", "search"), ("go_back", "go_back"),
        ("switch, switch_tab", "focus_tab"), ("close, close_tab", "close_tab"),
        ("scroll, scroll_down, scroll_up", "scroll"), ("scroll_to_text, find_text", "scroll_to"),
        ("send_keys", "press"), ("upload_file", "upload"), ("evaluate", "script"),
        ("search_page, find_elements, extract, dropdown_options, screenshot", "observe"),
        ("wait, nothing", "wait"), ("ask_user, send_user_text, talk_to_user", "message"),
        ("done", "stop"),
    ),
)  # fmt: skip
