"""The plots of a study, as a page: a bar a cell for each figure. They are drawn as a report's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any, Final

from etl.look.report.charts import Chart, bars
from etl.look.report.page import filled
from etl.look.study.table import FIGURES, SHARES, rows

_PLOTTED: Final = {
    "tokens": "Tokens",
    "samples": "Samples",
    "samples_kept": "Samples kept",
    "survival": "Targets kept",
    "test_targets": "Test prompts that hold their target",
}
"""Figure -> the heading of its plot."""


def render(result: Mapping[str, Any]) -> str:
    """Render the HTML; call `etl.look.report.page.require` first.

    result: the JSON of a study.
    """
    template = (resources.files("etl.look.study") / "assets" / "study.html").read_text("utf-8")
    table = rows(result)
    if not any(row["error"] for row in table):
        table = [{name: value for name, value in row.items() if name != "error"} for row in table]
    shown = [[_cell(name, value) for name, value in row.items()] for row in table]
    return filled(
        template,
        result=result,
        head_of=[FIGURES.get(name, name) for name in table[0]],
        rows=shown,
        charts=[*_charts(result["cells"])],
    )


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in SHARES:
        return f"{value:.1%}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _charts(cells: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    """Plots of figures that differ between cells, and of all metrics."""
    for name in _PLOTTED:
        values = [(each["cell"], each["figures"].get(name)) for each in cells]
        there = [(label, value) for label, value in values if value is not None]
        if len({value for _, value in there}) > 1:
            yield bars(_PLOTTED[name], FIGURES[name], there, share=name in SHARES)
    for name in dict.fromkeys(metric for each in cells for metric in each["scores"]):
        scored = [(each["cell"], each["scores"].get(name, {}).get("mean")) for each in cells]
        there = [(label, value) for label, value in scored if value is not None]
        if there:
            yield bars(f"Score: {name}", name, there, share=True)
