"""The steps of a report, encoded in base64, within a limit of bytes.

Above the limit recorded pages are left out first, then whole steps. Both are counted.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from etl.look.report import frames
from etl.pages.reading import read
from schemas.samples import element_of

PAGE_CHARS: Final = 4 * 2**20
"""A larger recorded page is not shown: a browser would take long to lay it out."""
_AS_IT_WAS: Final = (
    "As it was recorded, with what the dataset may leave out; but without scripts, and as nothing "
    "is fetched, without pictures and styles from elsewhere."
)
_LABEL: Final = 100
"""At most this many characters of a name stand in a label."""


@dataclass
class Packed:
    """The encoded steps of a report."""

    limit: int
    """At most this many bytes."""
    size: int = 0
    """The bytes taken so far."""
    steps: list[dict[str, str]] = field(default_factory=list)
    """For each step its ``label``, ``source``, ``domain``, and ``data`` in base64."""
    without_page: int = 0
    """The number of steps whose recorded page is left out."""
    left_out: int = 0
    """The number of steps that are left out."""

    def add(self, step: Mapping[str, Any]) -> None:
        """Add a step: with its recorded page if there is room, without it, or not at all."""
        pages = _pages(step)
        data = _packed(step, pages)
        if self.size + len(data) > self.limit:
            pages["before"] = {"missing": "Left out, because the file would become too large."}
            data, self.without_page = _packed(step, pages), self.without_page + 1
        if self.size + len(data) > self.limit:
            self.without_page, self.left_out = self.without_page - 1, self.left_out + 1
            return
        self.size += len(data)
        named = (step[name][:_LABEL] for name in ("sample_id", "action_kind", "domain", "split"))
        label = " · ".join(named)
        of = {name: step[name][:_LABEL] for name in ("source", "domain")}
        self.steps.append({"label": label, **of, "data": data})


def packed(steps: Iterable[Mapping[str, Any]], limit: int) -> Packed:
    """Encode steps, one at a time. limit: at most this many bytes."""
    found = Packed(limit)
    for step in steps:
        found.add(step)
    return found


def _packed(step: Mapping[str, Any], pages: Mapping[str, Any]) -> str:
    """Encode a step."""
    return encoded({"facts": _facts(step), "tokens": step["tokens"], "loss": step["loss"], **pages})


def encoded(value: object) -> str:
    """A value as JSON in ASCII, which carries lone surrogates too, then gzip, then base64."""
    whole = gzip.compress(json.dumps(value).encode(), compresslevel=9, mtime=0)
    return base64.b64encode(whole).decode()


def _facts(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The lines above a step: name and value of each field that is not empty."""
    kept = f" ({step['pruned_chars'] / step['raw_chars']:.0%})" if step["raw_chars"] else ""
    chunk = (
        f", chunk {step['chunk']} of {step['chunks']} from the right" if step["chunks"] > 1 else ""
    )
    found = {
        "Objective": step["objective"],
        "URL": step["url"],
        "Description": step["description"],
        "Action": " ".join(filter(None, [step["action_kind"], step["action_value"]])),
        "Target": step["target_html"],
        "Page": f"{step['raw_chars']:,} characters, {step['pruned_chars']:,} pruned{kept}",
        "Tokens": f"{step['prompt_tokens']:,} of the prompt, {step['completion_tokens']:,} of the "
        f"completion{chunk}",
        "Place": f"row {step['row']} of {step['packed']}",
    }
    return [(name, str(value)) for name, value in found.items() if value]


def _pages(step: Mapping[str, Any]) -> dict[str, Any]:
    """The page before and after pruning as documents for frames, or why there is none."""
    node, html, observation = step["node"], step["recorded"], step["observation"]
    if html is None:
        before = {"missing": step["missing"][:1].upper() + step["missing"][1:] + "."}
    elif len(html) > PAGE_CHARS:
        before = {
            "missing": f"Left out: it has {len(html):,} characters, and pages of up to "
            f"{PAGE_CHARS:,} are shown."
        }
    else:
        before = framed(html, element_of(read(html).elements, node, step["fitted"] or ""))
        before["note"] = _AS_IT_WAS
    if observation is None:
        return {
            "before": before,
            "after": {"missing": "A published dataset has only tokens: see the prompt."},
        }
    after = framed(observation, frames.numbered(observation, node), plain=True)
    at = observation.find(step["target_html"]) if step["target_html"] else -1
    after |= {
        "source": observation,
        "mark": [at, at + len(step["target_html"])] if at >= 0 else None,
    }
    return {"before": before, "after": after}


def framed(markup: str, element: int, *, plain: bool = False) -> dict[str, Any]:
    """A page as a ``document`` for a frame, and in it the ``mark`` of an element's start tag.

    element, plain: as for `frames.document`.

    Raises:
        PageError: if the page cannot be read.
    """
    document = frames.document(markup, element, plain=plain)
    return {"document": document, "mark": frames.marked(document)}
