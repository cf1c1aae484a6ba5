"""Facts of a step with a page: what was done, on which element, and the answer that training has.

They are a part of the facts of every family whose answers name node ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

FAMILY = "steps"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is right in a step."""

    # the kind of action, one of ours
    kind: str
    value: str = ""
    # every acceptable node id; none for an action without element
    nodes: tuple[int, ...] = ()
    # the completion that training has; "" where there is none
    text: str = ""
    # whether the text given to the model holds an acceptable element; None: nobody knows
    held: bool | None = None
    # ids as completions have them where these are no node ids (pages that are a text)
    refs: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Facts:
        """The facts of a JSON object."""
        return cls(
            fields["kind"],
            fields["value"],
            tuple(fields["nodes"]),
            fields["text"],
            fields["held"],
            tuple(fields["refs"]),
        )


def read(text: str | bytes) -> Facts:
    """Facts of JSON, which is also that of families that hold these facts as their ``step``."""
    fields = orjson.loads(text)
    return Facts.of(fields.get("step", fields))
