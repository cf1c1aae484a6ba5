"""Facts of a WebArena task: its reference answers and address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

FAMILY = "webarena"

RULE: Final = "GOLD in PRED"
"""The one rule by which addresses are compared."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the protocols of WebArena look at."""

    # whether answers, the address and the page's content are evaluated
    string: bool
    url: bool
    program: bool
    # reference answers: (exact_match, must_include or fuzzy_match; text or texts), in their order
    answers: tuple[tuple[str, Any], ...]
    reference_url: str
    url_note: str | None
    # the task has evaluators of another kind (WebArena-Verified's)
    other: bool = False


def read(text: str | bytes) -> Facts:
    """Facts of their JSON."""
    fields = orjson.loads(text)
    answers = tuple((kind, value) for kind, value in fields.pop("answers"))
    return Facts(answers=answers, **fields)


def made(task: Mapping[str, Any], hosts: Mapping[str, str]) -> Facts:
    """The facts of a task as its file has it.

    hosts: what stands for placeholders such as ``__GITLAB__``, by placeholder; replaced in all
    texts.
    """
    rules = _placed(task.get("eval"), hosts)
    if not isinstance(rules, dict) or "eval_types" not in rules:
        return Facts(False, False, False, (), "", RULE, other=True)
    types = rules["eval_types"]
    return Facts(
        string="string_match" in types,
        url="url_match" in types,
        program="program_html" in types,
        answers=tuple((rules.get("reference_answers") or {}).items()),
        reference_url=rules.get("reference_url") or "",
        url_note=rules.get("url_note", RULE),
    )


def _placed(value: Any, hosts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for placeholder in sorted(hosts, key=len, reverse=True):
            value = value.replace(placeholder, hosts[placeholder])
        return value
    if isinstance(value, list):
        return [_placed(item, hosts) for item in value]
    if isinstance(value, dict):
        return {_placed(key, hosts): _placed(item, hosts) for key, item in value.items()}
    return value
