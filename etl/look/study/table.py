"""The table of a study: a row a cell, as text, as CSV and for plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from etl.terminal.text import cell, percent, printable, table
from etl.terminal.words import counted

FIGURES: Final[Mapping[str, str]] = {
    "samples": "samples",
    "tokens": "tokens",
    "loss_tokens": "with loss",
    "bytes": "bytes",
    "samples_kept": "samples kept",
    "survival": "targets kept",
    "test_prompts": "test prompts",
    "test_targets": "of these with target",
}
"""Figure of `etl.look.study.cells` -> its head in the table."""

SHARES: Final = ("samples_kept", "survival", "test_targets")


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a cell for CSV: labels, figures, and the mean of each metric where it is scored."""
    metrics = _metrics(result["cells"])
    return [
        {
            "cell": each["cell"],
            **each["labels"],
            **{name: each["figures"].get(name) for name in FIGURES},
            **{name: each["scores"].get(name, {}).get("mean") for name in metrics},
            "error": each["error"],
        }
        for each in result["cells"]
    ]


def text(result: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    """The table for a terminal. seconds: by the clock, of the cells that this run has built."""
    cells = result["cells"]
    axes, metrics = [*cells[0]["labels"]], _metrics(cells)
    several = [axis for axis in axes if len({each["labels"][axis] for each in cells}) > 1] or axes
    made = [
        [
            *(cell(each["labels"][axis]) for axis in several),
            *(_shown(name, each["figures"].get(name)) for name in FIGURES),
            *(_score(each["scores"].get(name)) for name in metrics),
            f"{seconds[each['cell']]:,.1f}" if each["cell"] in seconds else "",
        ]
        for each in cells
    ]
    lines = table([*several, *FIGURES.values(), *metrics, "seconds"], made)
    for each in cells:
        if each["subsets"]:
            said = "; ".join(
                f"{subset['name']}: {counted(subset['samples'], 'sample')}, "
                f"{counted(subset['tokens'], 'token')}"
                for subset in each["subsets"]
            )
            lines.append(printable(f"subsets of {each['cell']}: {said}"))
    lines += [
        printable(f"{each['cell']} failed: {each['error']}") for each in cells if each["error"]
    ]
    if result["protocol"]:
        lines += ["", *_about(result)]
    return "\n".join(lines)


def _about(result: Mapping[str, Any]) -> list[str]:
    """By which protocol cells are scored, what is wrong with it, and which are not scored."""
    lines = [f"scores by {result['protocol']}, 95% intervals by a bootstrap over workflows"]
    lines += [printable(f"  {sentence}") for sentence in result["defects"]]
    for each in result["cells"]:
        if each["missing"]:
            lines.append(
                printable(
                    f"{each['cell']}: {counted(each['missing'], 'prompt')} without a prediction, "
                    "which count as wrong answers"
                )
            )
    without = [each["cell"] for each in result["cells"] if not each["scores"]]
    if without:
        lines.append(printable(f"without predictions: {', '.join(without)}"))
    return lines


def _metrics(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    return [*dict.fromkeys(name for each in cells for name in each["scores"])]


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return percent(value) if name in SHARES else f"{value:,}"


def _score(of: Mapping[str, Any] | None) -> str:
    if of is None or of["mean"] is None:
        return ""
    interval = "" if of["low"] is None else f" ({of['low']:.4f} to {of['high']:.4f})"
    return f"{of['mean']:.4f}{interval}"
