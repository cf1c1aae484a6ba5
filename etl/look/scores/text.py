"""Scores as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from etl.evaluate.scores.tables import ALL
from etl.terminal.text import cell, head, printable, table
from etl.terminal.words import counted

SHOWN: Final = 10
"""At most this many rows of a table; --json has all."""

TITLES: Final[Mapping[str, str]] = {
    "split": "split",
    "website": "website",
    "domain": "domain",
    "kind": "kind of action",
    "page_length": "page, tokens",
    "context": "context, tokens",
}
"""Table -> the head of its first column."""


def text(result: Mapping[str, Any]) -> str:
    """The JSON of a score, as `etl.cli.score` prints it, as tables."""
    lines = [head(_first(result)), "", *_all(result)]
    lines += [*_aggregates(result)]
    for name, rows in result["tables"].items():
        if len(rows) > 1 and not (name == "domain" and _same(rows, result["tables"]["website"])):
            lines += ["", *_table(TITLES[name], rows)]
    lines += ["", *_outcomes(result)]
    if "against" in result:
        lines += ["", *_against(result["against"], several=len(result["aggregates"]) > 2)]
    if result["defects"]:
        lines += ["", f"{result['protocol']} reproduces what its reference does:"]
        lines += [printable(f"  {sentence}") for sentence in result["defects"]]
    lines += ["", _intervals(result)]
    return "\n".join(lines)


def _first(result: Mapping[str, Any]) -> str:
    amounts = [counted(result[f"{noun}s"], noun) for noun in ("step", "prompt", "workflow")]
    return printable(f"{result['protocol']}: {', '.join(amounts)}")


def _all(result: Mapping[str, Any]) -> list[str]:
    (row,) = result["tables"][ALL]
    cells = [
        [name, _number(of["mean"]), _interval(of), f"{of['n']:,}"]
        for name, of in row["metrics"].items()
    ]
    return table(["metric", "mean", "95% interval", "steps"], cells)


def _aggregates(result: Mapping[str, Any]) -> Iterator[str]:
    """The protocol's own figures: a column for all steps, and for each split if there are several.

    A figure that is one of the means above, by name and value, is not said again.
    """
    found: Mapping[str, Mapping[str, float | None]] = result["aggregates"]
    splits = [*found] if len(found) > 2 else [ALL]
    means = {name: of["mean"] for name, of in result["tables"][ALL][0]["metrics"].items()}
    names = dict.fromkeys(name for split in splits for name in found[split])
    cells = [
        [name, *(_sum(found[split].get(name)) for split in splits)]
        for name in names
        if len(splits) > 1 or name not in means or means[name] != found[ALL][name]
    ]
    if cells:
        yield ""
        yield from table(["as its reference sums up", *splits], cells)


def _same(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two tables are about the same: domains are websites where nothing else is known."""
    return [(row["value"], row["steps"]) for row in rows] == [
        (row["value"], row["steps"]) for row in others
    ]


def _table(title: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [*rows[0]["metrics"]]
    cells = [
        [
            cell(row["value"]),
            f"{row['steps']:,}",
            f"{row['workflows']:,}",
            *(_with_interval(row["metrics"][name], row["steps"]) for name in names),
        ]
        for row in rows[:SHOWN]
    ]
    yield from table([title, "steps", "workflows", *names], cells)
    if len(rows) > SHOWN:
        yield f"and {len(rows) - SHOWN:,} more: --json"


def _outcomes(result: Mapping[str, Any]) -> Iterator[str]:
    meanings = result["meanings"]
    cells = [[name, f"{count:,}", meanings[name]] for name, count in result["outcomes"].items()]
    yield from table(["outcome", "steps", ""], cells)
    for note, count in result["notes"].items():
        yield printable(f"in {counted(count, 'step')}: {note}")
    yield from _missing(result, "")


def _missing(result: Mapping[str, Any], whose: str) -> Iterator[str]:
    if result["missing"]:
        more = ", ..." if result["missing"] > len(result["missing_ids"]) else ""
        yield printable(
            f"{whose}{counted(result['missing'], 'prompt')} without a prediction, which count as "
            f"wrong answers where one is decided: {', '.join(result['missing_ids'])}{more}"
        )
    if result["failed_calls"]:
        yield (
            f"{whose}{counted(result['failed_calls'], 'prompt')} whose call failed, which count as "
            "wrong answers too"
        )


def _against(against: Mapping[str, Any], *, several: bool) -> Iterator[str]:
    """several: whether there are several splits."""
    cells = [
        [
            row["split"],
            row["metric"],
            *(_number(row[name]) for name in ("this", "other")),
            _signed(row["difference"]),
            f"{_signed(row['low'])} to {_signed(row['high'])}" if row["low"] is not None else "",
            "" if row["p"] is None else f"{row['p']:.4f}",
            f"{row['better']:,}",
            f"{row['worse']:,}",
        ]
        for row in against["differences"]
        if several or row["split"] == ALL
    ]
    names = ["split", "metric", "this", "other", "difference", "95% interval", "p"]
    yield printable(f"against {against['predictions']['files'][0]}, by workflow")
    yield from table([*names, "better", "worse"], cells)
    yield from _missing(against, "of the other: ")


def _intervals(result: Mapping[str, Any]) -> str:
    said = (
        "Intervals: bootstrap over workflows, 1,000 draws, seed "
        f"{result['seed']}; none of fewer than two workflows."
    )
    if "against" in result:
        said += " p: signs of the workflows' differences flipped."
    return said


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _sum(value: float | int | None) -> str:
    """A mean, or a count, which is a whole number."""
    return f"{value:,}" if isinstance(value, int) else _number(value)


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _interval(of: Mapping[str, Any]) -> str:
    return "" if of["low"] is None else f"{of['low']:.4f} to {of['high']:.4f}"


def _with_interval(of: Mapping[str, Any], steps: int) -> str:
    """Mean and interval; where not all steps have the metric, of how many."""
    interval = f" ({_interval(of)})" if of["low"] is not None else ""
    some = f" of {of['n']:,}" if 0 < of["n"] < steps else ""
    return f"{_number(of['mean'])}{interval}{some}"
