"""Wrong answers to look at: the page of a prompt, with the target outlined and with the answer.

The pages are those of the prompts, as the model saw them. They are hostile, and shown as a report
shows pages (`etl.look.report.frames`).
"""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.evaluate.files import EvalSet
from etl.evaluate.protocols.protocol import Scored
from etl.evaluate.scores.score import Result
from etl.evaluate.scores.steps import Step
from etl.files.hashes import order_hash
from etl.look.report import frames
from etl.look.report.packed import encoded, framed
from schemas.errors import PageError
from tokenization.prompt import observation_of

LIMIT: Final = 25_000_000
"""At most so many bytes of pages are in a report; further answers are left out."""

_NUMBERED: Final = ' node="'
"""What the tags of a pruned page have; an observation that is a text has none."""

_COLUMNS: Final = ("step_id", "objective", "url", "messages", "gold")
_LABEL: Final = 100


@dataclass
class Drawn:
    """Wrong answers, encoded for a report."""

    # how many there are
    wrong: int
    # how many were drawn
    drawn: int
    # of each its ``label``, ``source``, ``domain``, and ``data`` in base64
    steps: list[dict[str, str]] = field(default_factory=list)
    size: int = 0

    def add(self, label: str, step: Step, value: Mapping[str, Any]) -> None:
        """Add one, if there is room."""
        data = encoded(value)
        if self.size + len(data) <= LIMIT:
            self.size += len(data)
            of = {"source": step.kind[:_LABEL], "domain": (step.domain or step.website)[:_LABEL]}
            self.steps.append({"label": label[:_LABEL], **of, "data": data})


def is_wrong(scored: Scored, first: str) -> bool:
    """Whether a step is answered wrongly: by the strict figure, or else by the first metric."""
    if scored.strict is not None:
        return not scored.strict
    value = scored.metrics.get(first)
    return value is not None and value < 1


def drawn(result: Result, given: EvalSet, number: int) -> Drawn:
    """At most ``number`` wrong answers, drawn by the seed of the score, in the order of the set.

    Raises:
        IntegrityError: a file of the set is not whole.
    """
    first = result.protocol.metrics[0]
    wrong = [at for at, each in enumerate(result.scoring.scored) if is_wrong(each, first)]
    order = sorted(wrong, key=lambda at: order_hash(result.steps[at].id, result.seed))
    chosen = sorted(order[:number])
    rows = _rows(given, {result.steps[at].id for at in chosen})
    found = Drawn(len(wrong), len(chosen))
    for at in chosen:
        step = result.steps[at]
        label = " · ".join((step.id, step.kind, result.scoring.outcome(at, step), step.split))
        found.add(label, step, _shown(result, at, rows[step.id]))
    return found


def _rows(given: EvalSet, wanted: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows of some steps, by step; texts of other rows are not read."""
    found: dict[str, list[dict[str, Any]]] = {}
    ids = pa.array(sorted(wanted), pa.string())
    for batch in given.batches(_COLUMNS):
        for row in batch.filter(pc.is_in(batch.column("step_id"), ids)).to_pylist():
            found.setdefault(row["step_id"], []).append(row)
    return found


def _shown(result: Result, at: int, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the report's script shows of a step."""
    step, scored, first = result.steps[at], result.scoring.scored[at], rows[0]
    gold = first["gold"]
    pages = [_page_of(row["messages"]) for row in rows]
    metrics = ", ".join(
        f"{name} {value:.4g}" for name, value in scored.metrics.items() if value is not None
    )
    facts = {
        "Objective": first["objective"],
        "URL": first["url"],
        "Right": " ".join(filter(None, [gold["operation"] or step.kind, gold["value"]]))
        + f", element {' or '.join(map(str, gold['nodes'][:20])) or 'none'}",
        "Answered": "nothing that was read" if scored.node is None else f"element {scored.node}",
        "Scores": metrics,
        "Notes": "; ".join(scored.notes),
    }
    holding = [page for page, row in zip(pages, rows, strict=True) if row["gold"]["in_chunk"]]
    nodes = () if scored.node is None else (scored.node,)
    place = scored.answer[0] if scored.answer else 0
    return {
        "facts": [(name, str(value)) for name, value in facts.items() if value],
        "before": _outlined(holding, gold["nodes"], "No prompt of this step holds the target."),
        "after": _outlined(pages[place:] + pages[:place], nodes, _no_element(scored)),
        "tokens": ["right:\n", gold["text"] or "", "\n\nanswered:\n", _answer(result, at)],
        "loss": [[3, 4]],
    }


def _no_element(scored: Scored) -> str:
    if scored.node is None:
        return "No element was read from an answer."
    return f"Element {scored.node} is in no prompt of this step."


def _page_of(messages: Sequence[Mapping[str, str]]) -> str:
    """The page in a prompt; empty if there is none."""
    return observation_of(messages[-1]["content"]) if messages else ""


def _outlined(pages: Sequence[str], nodes: Sequence[int], missing: str) -> dict[str, Any]:
    """The first page that holds one of the nodes, with the node outlined; else the first page."""
    for page in pages:
        if _NUMBERED not in page:
            continue
        try:
            for node in nodes:
                if (element := frames.numbered(page, node)) >= 0:
                    shown = framed(page, element, plain=True)
                    return {**shown, "source": page, "mark": _start_tag(page, node)}
        except PageError as error:
            return {"missing": f"This page cannot be shown: {error.detail}."}
    if not pages:
        return {"missing": missing}
    if not pages[0]:
        return {"missing": "There is no page in this prompt."}
    text = pages[0] if _NUMBERED in pages[0] else f"<pre>{html.escape(pages[0])}</pre>"
    return {**framed(text, -1, plain=True), "note": missing}


def _start_tag(page: str, node: int) -> tuple[int, int] | None:
    """Where an element's start tag stands in a pruned page, to mark it; None if it is not found."""
    at = page.find(f'{_NUMBERED}{node}"')
    start, end = page.rfind("<", 0, max(at, 0)), page.find(">", at)
    return (start, end + 1) if 0 <= start < at < end else None


def _answer(result: Result, at: int) -> str:
    """The text of the answer that was read, or of the first one."""
    scored, step = result.scoring.scored[at], result.steps[at]
    given = [result.scoring.answers.get(prompt, ()) for prompt in step.prompts]
    chunk, position = scored.answer or (0, 0)
    if len(given) == 1 and chunk:  # a choice in rounds: the answers of all rounds have one id
        chunk, position = 0, chunk
    if scored.answer and chunk < len(given) and position < len(given[chunk]):
        return given[chunk][position] or ""
    return next((text for texts in given for text in texts if text), "")
