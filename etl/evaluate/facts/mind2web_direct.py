"""Facts of a Mind2Web step whose element is named by its node id.

Node ids are those of the prompt: of the page as it was recorded. The reference cleans a page as a
text (`etl.evaluate.texts.cleaned`) before it reads it; where text becomes markup by that, its ids
are others. Give `made` the page that was cleaned so to have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from etl.evaluate.facts import steps
from etl.evaluate.facts.outline import Outline, in_order, outline
from etl.evaluate.facts.recorded import Recorded
from etl.evaluate.runs import Runs, runs
from etl.evaluate.texts import cleaned
from etl.pages.page import Page

FAMILY = "mind2web-direct"

Lost = Literal["", "gold_not_in_page", "gold_pruned"]
"""Why a step is not asked: no element that was meant is in the page, or pruning removes all."""


@dataclass(frozen=True, slots=True)
class Older:
    """What the reference's older scripts look at. Sets of node ids are runs (`etl.evaluate.runs`).

    Gold elements are the positives found on the page, in the order of the positives.
    """

    gold: tuple[int, ...]
    lost: Lost
    # the elements that pruning leaves
    kept: Runs
    # gold elements, and what is left inside of a gold element that is left
    subtree: Runs
    # whose first candidate around it, in the order of the score table, is a gold element;
    # None: there is no score table
    mcq: Runs | None
    # whose markup holds a node number that begins with the last gold element's backend id; of the
    # page as it is written, where the reference's parser mends nesting that HTML does not have
    intent: Runs
    # that backend id
    backend: str
    # the score table names an element that is not on the page: the reference stops
    table_stops: bool = False

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Older:
        """The facts of a JSON object."""
        return cls(
            tuple(fields["gold"]),
            fields["lost"],
            tuple(fields["kept"]),
            tuple(fields["subtree"]),
            None if fields["mcq"] is None else tuple(fields["mcq"]),
            tuple(fields["intent"]),
            fields["backend"],
            fields["table_stops"],
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """What the protocols on node ids look at."""

    step: steps.Facts
    op: str
    value: str
    # the annotators' line, cleaned
    action_repr: str
    # every node id whose backend id is a positive's, ascending
    gold: tuple[int, ...]
    lost: Lost
    older: Older

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Facts:
        """The facts of a JSON object."""
        return cls(
            steps.Facts.of(fields["step"]),
            fields["op"],
            fields["value"],
            fields["action_repr"],
            tuple(fields["gold"]),
            fields["lost"],
            Older.of(fields["older"]),
        )


def read(text: str | bytes) -> Facts:
    """Facts of their JSON."""
    return Facts.of(orjson.loads(text))


def made(
    action: Recorded,
    action_repr: str,
    step: steps.Facts,
    *,
    table: Sequence[str] | None = None,
    page: Page | None = None,
) -> Facts:
    """The facts of a recorded action.

    action_repr: the annotators' line, as recorded. step: what is common to all families; its nodes
    are filled in. table: the backend ids of the step's score table, in its order (`scores_all_data`
    lists each element once); None: there is no score table. page: the step's ``raw_html`` if it
    has been read.
    """
    seen = outline(page if page is not None else action.raw_html)
    nodes = in_order(seen, action.positives)
    gold = tuple(sorted({node for found in nodes.values() for node in found}))
    return Facts(
        step=steps.Facts(step.kind, step.value, gold, step.text, step.held, step.refs),
        op=action.op,
        value=action.value,
        action_repr=cleaned(action_repr),
        gold=gold,
        lost=_lost(seen, nodes, seen.found(seen.kept(options=True))),
        older=_older(seen, action.positives, nodes, table),
    )


def _lost(seen: Outline, nodes: Mapping[str, Sequence[int]], kept: Sequence[bool]) -> Lost:
    """Of elements with the same backend id the reference asks only the first on the page."""
    if not nodes:
        return "gold_not_in_page"
    return "" if any(kept[seen.node(found[-1])] for found in nodes.values()) else "gold_pruned"


def _older(
    seen: Outline,
    positives: Sequence[str],
    nodes: Mapping[str, Sequence[int]],
    table: Sequence[str] | None,
) -> Older:
    kept = seen.kept(options=False)
    gold = tuple(nodes[positive][0] for positive in positives if positive in nodes)
    found = seen.found(kept)
    left = [seen.node(at) for at, stays in enumerate(found) if stays]
    inside = [
        node for top in gold if kept[seen.node(top)] for node in seen.subtree(top)
        if kept[seen.node(node)]
    ]  # fmt: skip
    backend = seen.backend[seen.node(gold[-1])] if gold else ""
    mcq, stops = (None, False) if table is None else _mapped(seen, kept, gold, table)
    return Older(
        gold=gold,
        lost=_lost(seen, nodes, found),
        kept=runs(left),
        subtree=runs([*inside, *gold]),
        mcq=mcq,
        intent=runs(_around(seen, found, backend)) if backend else (),
        backend=backend,
        table_stops=stops,
    )


def _mapped(
    seen: Outline, kept: Sequence[bool], gold: Sequence[int], table: Sequence[str]
) -> tuple[Runs, bool]:
    """The node ids that are mapped to a gold element, and whether the table has an unknown one."""
    nodes = in_order(seen, table)
    taken, found = [False] * len(kept), []
    for backend in table:
        if backend not in nodes:
            continue
        top = nodes[backend][-1]
        if not kept[seen.node(top)]:
            continue
        for node in seen.subtree(top):
            if kept[seen.node(node)] and not taken[node]:
                taken[node] = True
                if top in gold:
                    found.append(node)
    return runs(found), len(nodes) < len(set(table))


def _around(seen: Outline, kept: Sequence[bool], backend: str) -> list[int]:
    """Elements left whose subtree holds a node id, of one left, that begins with some digits."""
    found, ends = [], 0  # node ids of a subtree end with the element's own, so look from the leaves
    matching = [
        kept[seen.node(node)] and str(node).startswith(backend) for node in range(len(kept))
    ]
    before = [0]
    for matches in matching:
        before.append(before[-1] + matches)
    for node in range(len(kept)):
        inside = seen.subtree(node)
        ends = before[inside.stop] - before[inside.start]
        if kept[seen.node(node)] and ends:
            found.append(node)
    return found
