"""Render a score as a page: the tables of `etl.look.scores.text`, and wrong answers to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from etl.evaluate.scores.tables import ALL
from etl.look.report.page import ROWS, filled, for_script
from etl.look.scores.text import TITLES
from etl.look.scores.wrong import Drawn
from etl.terminal.words import counted


def render(result: Mapping[str, Any], drawn: Drawn) -> str:
    """Render the HTML; call `etl.look.report.page.require` first.

    result: the JSON of a score.
    """
    template = (resources.files("etl.look.scores") / "assets" / "scores.html").read_text("utf-8")
    tables = {ALL: "", **TITLES}
    return filled(
        template,
        result=result,
        tables=[
            {
                "title": title,
                "names": [*result["tables"][ALL][0]["metrics"]],
                "rows": result["tables"][name][:ROWS],
                "more": len(result["tables"][name]) - ROWS,
            }
            for name, title in tables.items()
        ],
        aggregates=_aggregates(result["aggregates"]),
        said=_said(drawn),
        steps=drawn.steps,
        json=for_script(drawn.steps),
    )


def _aggregates(found: Mapping[str, Mapping[str, float | None]]) -> dict[str, Any]:
    names = dict.fromkeys(name for values in found.values() for name in values)
    rows: list[Sequence[Any]] = [
        [name, *(values.get(name) for values in found.values())] for name in names
    ]
    return {"head": ["", *found], "rows": rows}


def _said(drawn: Drawn) -> str:
    """How many wrong answers there are, and how many are shown."""
    said = f"{counted(drawn.wrong, 'step')} answered wrongly; {drawn.drawn:,} drawn by the seed."
    if len(drawn.steps) < drawn.drawn:
        left = drawn.drawn - len(drawn.steps)
        said += f" {left:,} of them are left out, because the file would become too large."
    return said
