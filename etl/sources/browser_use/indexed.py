"""The text of a page's elements, each with its index, as browser-use shows a page to its model.

A line is ``7:<button aria-label="Search">Go</button>`` in 2024, in the histories of that year
too, and ``[7]<button aria-label=Search />`` in 2026. What has no index is text.
"""

from __future__ import annotations

import ast
import re
from typing import Any, Final, NamedTuple

from schemas.workflow import Locator

_ELEMENTS: Final = re.compile(r"(?m)^user: (?:Current interactive elements|Elements): ")
_URLS: Final = re.compile(r", Url history: (\[.*\])(?:, User input: .*)?\s*$", re.DOTALL)
_SAID: Final = re.compile(
    r"(?ms)^(user|assistant|system): (.*?)(?=^(?:user|assistant|system): |\Z)"
)
_OUTPUT: Final = "\nModel output:\n"
_TASK: Final = "Your task is:"
_LINE: Final = re.compile(r"(?m)^(\d{1,9}):\s*(.*)$")
_START_TAG: Final = re.compile(
    r'<([A-Za-z][\w-]*)((?:\s+[\w:.-]+="[^\n]*?"(?=\s+[\w:.-]+="|\s*/?>))*)\s*/?>'
)
_ATTRIBUTE: Final = re.compile(r'([\w.-]+)="([^\n]*?)"(?=\s+[\w:.-]+="|\s*$)')
_BROWSER_STATE: Final = re.compile(r"Interactive elements:\n(.*?)\n?</browser_state>", re.DOTALL)


class Prompt(NamedTuple):
    """What the model was asked in one step of a run, and what it answered."""

    # what the user said: the task, then answers to questions
    said: tuple[str, ...]
    # the text of the page's elements
    elements: str
    # the address of the page; empty if it is not said
    url: str
    # the model's answer
    output: str


def read_prompt(text: str) -> Prompt:
    """The parts of a ``conversation_N.txt``; those that are not there are empty."""
    before, _, output = text.rpartition(_OUTPUT)
    hits = list(_ELEMENTS.finditer(before))
    asked = before[hits[-1].end() :] if hits else ""
    urls = _URLS.search(asked)
    listed = asked[: urls.start()] if urls else asked
    said = tuple(
        words.removeprefix(_TASK).strip()
        for who, words in _SAID.findall(before[: hits[-1].start()] if hits else before)
        if who == "user" and words.strip()
    )
    return Prompt(said, listed.strip("\n"), _last_url(urls[1]) if urls else "", output.strip())


def _last_url(listed: str) -> str:
    """The last of the addresses that a Python list names; empty if it cannot be read."""
    try:
        urls = ast.literal_eval(listed)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    last = urls[-1] if isinstance(urls, list) and urls else ""
    return last if isinstance(last, str) else ""


def locators(elements: str, index: int) -> tuple[Locator, ...]:
    """What finds the element of an index in the page; nothing if the index is that of a text.

    The text shows some of an element's attributes, and its text. White space differs, because the
    saved page has each tag on a line of its own. First all of that must agree, then the attributes
    alone.
    """
    line = next((rest for number, rest in _LINE.findall(elements) if int(number) == index), "")
    start = _START_TAG.match(line)
    if start is None:
        return ()
    tag = start[1]
    path = f"//{tag.lower()}" + "".join(
        f"[@{name}={_literal(value)}]" for name, value in _ATTRIBUTE.findall(start[2])
    )
    shown = "".join(line[start.end() :].removesuffix(f"</{tag}>").split())
    found = [Locator("xpath", path)]
    if shown and not shown.endswith("..."):
        same = f"translate(string(.), ' \t\r\n', '') = {_literal(shown)}"
        found.insert(0, Locator("xpath", f"{path}[{same}]"))
    return tuple(found)


def _literal(text: str) -> str:
    """A text as in an XPath, which has no escapes."""
    if '"' not in text:
        return f'"{text}"'
    parts = (f'"{part}"' for part in text.split('"'))
    quote = """, '"', """
    return f"concat({quote.join(parts)})"


def observed(item: dict[str, Any]) -> str:
    """The text of the page's elements in one item of a history; empty if there is none.

    Each element has its index, by which the action names it.
    """
    message = item.get("state_message")
    if isinstance(message, str):
        hit = _BROWSER_STATE.search(message)
        return hit[1] if hit else ""
    state = item.get("state")
    items = state.get("items") if isinstance(state, dict) else None
    lines = []
    for each in items if isinstance(items, list) else ():
        if isinstance(each, dict) and isinstance(each.get("text"), str):
            depth = each.get("depth")
            indent = "\t" * depth if isinstance(depth, int) and 0 <= depth < 1000 else ""
            number = "" if each.get("is_text_only") else f"{each.get('index')}:"
            lines.append(f"{number}{indent}{each['text']}")
    return "\n".join(lines)
