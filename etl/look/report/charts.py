"""The plots of a report: Vega-Lite, drawn to SVG by vl-convert, without browser or network.

Each is drawn twice, for a wide and for a narrow page. Colours are variables of the report's style
sheet, so that one drawing serves light and dark. Each comes with its figures as a table, for those
who cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from etl.terminal.words import counted

if TYPE_CHECKING:
    from markupsafe import Markup

WIDE, NARROW = 560, 340
"""The widths of a plot, in pixels."""

_BESIDE: Final = 80
"""The pixels of the width that axis and padding take."""

_BARS: Final = 12
"""At most this many bars in a plot; the last one may stand for all others."""

_ROOMY: Final = 14
"""The font size, in pixels, that the layout assumes.

The style sheet sets 12; the reader's font may be wider than the one measured here.
"""

_CONFIG: Final[dict[str, Any]] = {
    "background": None,
    "view": {"stroke": None},
    "font": "Liberation Sans",
    "axis": {
        **{f"{name}Color": "currentColor" for name in ("label", "title", "grid", "domain", "tick")},
        "gridOpacity": 0.15,
        "labelFontSize": _ROOMY,
        "titleFontSize": _ROOMY,
        "titleFontWeight": "normal",
    },
    "legend": {
        "labelColor": "currentColor",
        "labelFontSize": _ROOMY,
        "title": None,
        "orient": "top",
    },
    "text": {"fill": "currentColor"},
}


@dataclass(frozen=True)
class Chart:
    """A plot with its figures."""

    title: str
    """Its heading."""
    summary: str
    """A sentence that says what it shows."""
    columns: Sequence[str]
    """The heads of the table of its figures."""
    rows: Sequence[Sequence[str]]
    """The rows of that table."""
    wide: Markup
    """SVG, `WIDE` pixels wide."""
    narrow: Markup
    """SVG, `NARROW` pixels wide."""


def chart(
    title: str,
    summary: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    spec: Mapping[str, Any],
) -> Chart:
    """Draw a Vega-Lite specification, which has no width of its own."""
    return Chart(title, summary, columns, [*rows], _drawn(spec, WIDE), _drawn(spec, NARROW))


def _drawn(spec: Mapping[str, Any], width: int) -> Markup:
    import vl_convert
    from markupsafe import Markup

    size: dict[str, Any] = {"width": width, "autosize": {"type": "fit", "contains": "padding"}}
    if "row" in spec.get("encoding", {}):  # several plots are never fitted
        size = {"width": width - _BESIDE}
    whole = {**size, "config": _CONFIG, **spec}
    return Markup(vl_convert.vegalite_to_svg(whole))  # noqa: S704 - vl-convert escapes its texts


def _colours(names: Mapping[str, str]) -> dict[str, Any]:
    """A scale of colours. names: kind of mark -> variable of the style sheet."""
    return {"domain": [*names], "range": [f"var(--{name})" for name in names.values()]}


def waterfall(title: str, summary: str, unit: Mapping[str, Any]) -> Chart:
    """Drops of a unit by reason, with a scale for each stage.

    On one scale the bars of later stages would vanish beside those of a filter. What was read and
    what is left is in the summary and the table.
    """
    drops = {f"{drop['stage']}: {drop['reason']}": drop for drop in unit["drops"]}
    counts = _largest([(label, drop["count"]) for label, drop in drops.items()])
    bars = [
        {
            "stage": drops[label]["stage"] if label in drops else "others",
            "label": drops[label]["reason"] if label in drops else label,
            "from": 0,
            "to": count,
            "said": f"{label}: {count:,}",
        }
        for label, count in counts
    ]
    rows = [
        ["read", "", f"{unit['read']:,}"],
        *([drop["stage"], drop["reason"], f"-{drop['count']:,}"] for drop in unit["drops"]),
        ["in the dataset", "", f"{unit['kept']:,}"],
    ]
    spec = _horizontal(bars, "from", "to", unit["unit"], {"value": "var(--drop)"})
    stages = [*dict.fromkeys(bar["stage"] for bar in bars)]
    if len(stages) > 1:
        spec["encoding"]["row"] = {
            "field": "stage",
            "sort": stages,
            "title": None,
            "header": {
                "labelAngle": 0,
                "labelOrient": "top",
                "labelColor": "currentColor",
                "labelFontSize": _ROOMY,
            },
        }
        spec["resolve"] = {"scale": {"x": "independent", "y": "independent"}}
    return chart(title, summary, ["Stage", "Reason", "Count"], rows, spec)


def _largest(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The largest counts in their order, and one for all others together."""
    if len(counts) <= _BARS:
        return [*counts]
    least = sorted((count for _, count in counts), reverse=True)[_BARS - 2]
    kept = [pair for pair in counts if pair[1] >= least][: _BARS - 1]
    rest = len(counts) - len(kept)
    return [*kept, (f"{rest} other reasons", sum(c for _, c in counts) - sum(c for _, c in kept))]


def _horizontal(
    bars: Sequence[Mapping[str, Any]],
    start: str,
    end: str,
    unit: str,
    colour: Mapping[str, Any],
    form: str = ",~d",
) -> dict[str, Any]:
    return {
        "height": {"step": 24},
        "data": {"values": bars},
        "mark": {"type": "bar"},
        "encoding": {
            "y": {"field": "label", "type": "nominal", "sort": None, "title": None,
            "axis": {"labelLimit": 0}},
            "x": {
                "field": start, "type": "quantitative", "title": f"{unit}s" if unit else None,
                "axis": {"format": form, "tickCount": 4, **({"tickMinStep": 1} if unit else {})},
            },
            "x2": {"field": end},
            "color": colour,
            "description": {"field": "said"},
        },
    }  # fmt: skip


def histogram(
    title: str,
    summary: str,
    unit: str,
    things: str,
    series: Mapping[str, Any],
    *,
    log: bool = False,
    side: bool = False,
) -> Chart:
    """Distributions over the same bins.

    series: name -> distribution of `etl.look.report.figures`. They are stacked; with ``side`` each
    has its own plot, for things that are in several of them. log: use a logarithmic axis.
    """
    names = dict(zip(series, ("first", "second"), strict=False))
    bins = [
        {**each, "name": name}
        for name, spread in series.items()
        for each in spread["histogram"]
        if each["count"]
    ]
    width = max(
        (each["to"] + 1 - each["from"] for each in bins if each["to"] is not None), default=1
    )
    for each in bins:
        each["said"] = f"{_range(each)} {unit}: {each['count']:,} {things}, {each['name']}"
        each["end"] = each["from"] + width if each["to"] is None else each["to"] + 1
    scale = {"type": "log", "base": 2, "nice": False} if log else {"nice": False, "zero": True}
    several = len(series) > 1
    spec: dict[str, Any] = {
        "height": 110 if side and several else 260,
        "data": {"values": bins},
        "mark": {"type": "bar", "binSpacing": 1},
        "encoding": {
            "x": {
                "field": "from", "type": "quantitative", "bin": "binned", "title": unit,
                "scale": scale,
                "axis": {"format": ",~d", "tickCount": 5, "grid": False},
            },
            "x2": {"field": "end"},
            "y": {"field": "count", "type": "quantitative", "title": things,
            "axis": {"format": ",~d", "tickCount": 4}},
            "color": {"field": "name", "scale": _colours(names), "legend": {} if several else None},
            "description": {"field": "said"},
        },
    }  # fmt: skip
    if side and several:
        spec["encoding"]["row"] = {
            "field": "name",
            "sort": [*series],
            "title": None,
            "header": None,
        }
    rows = {
        _range(each): [""] * len(series)
        for spread in series.values()
        for each in spread["histogram"]
    }
    for at, spread in enumerate(series.values()):
        for each in spread["histogram"]:
            rows[_range(each)][at] = f"{each['count']:,}"
    table = ([label, *counts] for label, counts in rows.items())
    return chart(title, summary, [unit, *series], table, spec)


def _range(each: Mapping[str, Any]) -> str:
    if each["to"] is None:
        return f"{each['from']:,} or more"
    return (
        f"{each['from']:,}" if each["from"] == each["to"] else f"{each['from']:,} to {each['to']:,}"
    )


def bars(
    title: str, what: str, values: Sequence[tuple[str, float]], *, share: bool = False
) -> Chart:
    """A bar for each label, in the order given.

    what: the head of their figures. share: the values are shares, 0 to 1.
    """
    form = "{:.1%}" if share else "{:,}"
    drawn = [
        {"label": label, "from": 0, "to": value, "said": f"{label}: {form.format(value)}"}
        for label, value in values
    ]
    spec = _horizontal(
        drawn, "from", "to", "", {"value": "var(--first)"}, ".0%" if share else ",~s"
    )
    table = [[label, form.format(value)] for label, value in values]
    least = min(values, key=lambda pair: pair[1])
    most = max(values, key=lambda pair: pair[1])
    said = f"From {form.format(least[1])} ({least[0]}) to {form.format(most[1])} ({most[0]})."
    return chart(title, said, ["", what], table, spec)


def actions(title: str, summary: str, mix: Sequence[Mapping[str, Any]]) -> Chart:
    """Samples by kind of action."""
    counts = _largest([(row["action"], row["samples"]) for row in mix])
    bars = [
        {"label": name, "from": 0, "to": count, "said": f"{name}: {counted(count, 'sample')}"}
        for name, count in counts
    ]
    rows = [[row["action"], f"{row['samples']:,}", f"{row['share']:.1%}"] for row in mix]
    spec = _horizontal(bars, "from", "to", "sample", {"value": "var(--first)"})
    return chart(title, summary, ["Action", "Samples", "Share"], rows, spec)


def curve(title: str, summary: str, found: Mapping[str, Any]) -> Chart:
    """Shares of targets kept against context length, with a mark at the dataset's context."""
    names = {"whole": "the whole page fits", "rightmost": "the right-most chunk holds the target"}
    contexts = [point["context"] for point in found["points"]]
    points = [
        {"context": point["context"], "share": point[key], "name": name}
        for key, name in names.items()
        for point in found["points"]
        if point[key] is not None
    ]
    for point in points:
        point["said"] = f"{point['name']}: {point['share']:.1%} at {point['context']:,}"
    drawn = [name for name in names.values() if any(point["name"] == name for point in points)]
    here = {"context": found["context"], "said": f"context of the dataset: {found['context']:,}"}
    x = {
        "field": "context",
        "type": "quantitative",
        "title": "context, tokens",
        "scale": {"type": "log", "base": 2, "nice": False},
        "axis": {
            "values": [c for c in contexts if c & (c - 1) == 0],
            "labelExpr": "datum.value / 1024 + 'k'",
        },
    }
    y = {"field": "share", "type": "quantitative", "title": None, "scale": {"domain": [0, 1]}}
    colours = _colours(dict(zip(drawn, ("first", "second"), strict=False)))
    spec = {
        "height": 260,
        "layer": [
            {
                "data": {"values": points},
                "mark": {"type": "line", "point": {"size": 50}},
                "encoding": {
                    "x": x,
                    "y": {**y, "axis": {"format": ".0%"}},
                    "color": {
                        "field": "name",
                        "scale": colours,
                        "legend": {"columns": 1, "labelLimit": 300},
                    },
                    "strokeDash": {
                        "field": "name",
                        "scale": {"domain": drawn, "range": _DASHES},
                        "legend": None,
                    },
                    "description": {"field": "said"},
                },
            },
            {
                "data": {"values": [here]},
                "mark": {"type": "rule", "strokeDash": [2, 3], "color": "currentColor"},
                "encoding": {
                    "x": {"field": "context", "type": "quantitative"},
                    "description": {"field": "said"},
                },
            },
        ],
    }
    rows = [
        [
            f"{point['context']:,}",
            *("" if point[key] is None else f"{point[key]:.1%}" for key in names),
        ]
        for point in found["points"]
    ]
    return chart(
        title, summary, ["Context", *(name.capitalize() for name in names.values())], rows, spec
    )


_DASHES: Final = [[1, 0], [6, 4]]


def changes(title: str, summary: str, what: str, rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Changes of shares between two builds, largest first."""
    bars = [
        {"label": row["name"], "from": 0, "to": row["change"],
        "kind": "more" if row["change"] > 0 else "less",
         "said": f"{row['name']}: {row['change']:+.2%}"}
        for row in rows[:_BARS] if row["change"]
    ]  # fmt: skip
    colour = {
        "field": "kind",
        "scale": _colours({"less": "second", "more": "first"}),
        "legend": None,
    }
    spec = _horizontal(bars, "from", "to", "", colour, form="+.1%")
    table = [
        [row["name"], f"{row['old']:.2%}", f"{row['new']:.2%}", f"{row['change']:+.2%}"]
        for row in rows[:1000]
    ]
    return chart(title, summary, [what, "Old", "New", "Change"], table, spec)
