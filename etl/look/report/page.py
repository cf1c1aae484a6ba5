"""Render a report: one HTML document that fetches nothing and runs a single script, ours.

Everything recorded is hostile. It enters the file in three ways only: as text that the template
escapes; as text of a plot, which vl-convert escapes; and encoded (`etl.look.report.packed`), for
the script to show as text or in a sandboxed frame (`etl.look.report.frames`). By the document's
policy only a script with that hash runs, and nothing is fetched; frames inherit it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from etl.dataset import outcomes
from etl.dataset.flow import levels
from etl.files import storage
from etl.files.storage import AnyPath
from etl.look.report import charts, within
from etl.look.report.charts import Chart
from etl.look.report.packed import Packed
from etl.terminal.words import counted
from schemas.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from markupsafe import Markup

ROWS: Final = 1_000
"""At most this many rows of a table are in the file."""

_MARK: Final = b'<meta name="generator" content="stepmill report">'
"""This marks a file as a report."""
_HEAD: Final = 2**16
_NAMES: Final = 20
_CLIPPED: Final = 200
_PACKAGES: Final = {"jinja2": "jinja2", "vl_convert": "vl-convert-python"}
"""Module that rendering needs -> the package that provides it."""


def require() -> None:
    """Check that the packages are installed that rendering needs.

    Raises:
        MissingExtra: if one is not.
    """
    for module, package in _PACKAGES.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise MissingExtra(package, "report", "stepmill report") from error


def may_write(path: AnyPath, *, replace: bool) -> None:
    """Check that a report may be written to a path.

    Raises:
        ConfigError: if it is a folder, or without ``replace`` a file that is not a report.
    """
    if storage.is_folder(path):
        raise ConfigError(f"{path} is a folder; name a file in it: --out {path / 'report.html'}")
    if not replace and storage.exists(path) and _MARK not in storage.read_bytes(path)[:_HEAD]:
        raise ConfigError(
            f"{path} exists and is not a report of stepmill; name another file, or overwrite it: "
            "--replace"
        )


def render(data: Mapping[str, Any], steps: Packed, *, drawn: int, seed: int) -> str:
    """Render the HTML; call `require` first.

    data: from `etl.look.report.figures`. drawn: the number of steps asked for. seed: of all random
    choices.
    """
    return filled(
        _asset("html"),
        data=data,
        cards=_cards(data),
        splits=_splits(data),
        outcomes=_outcomes(data),
        flow=_flow(data),
        levels=_levels(data),
        charts=_charts(data),
        within=within.facts(data["budget"]) if data["budget"] else [],
        rows=ROWS,
        domains=data["domains"][:ROWS],
        drops=sorted(data["drops"], key=lambda row: -row["count"])[:ROWS],
        meanings=[(name, text) for name, text in sorted(data["meanings"].items()) if text],
        drift=data["drift"] and _drift(data["drift"]),
        steps={
            "said": _about_steps(data, steps, drawn, seed),
            "list": steps.steps,
            "json": for_script(steps.steps),
        },
        footer="Made by stepmill report. Recorded pages are shown in sandboxed frames, and nothing "
        "is fetched.",
    )


def filled(template: str, **values: object) -> str:
    """Fill in a page's template, with the style, the script and the policy of reports.

    template: of jinja2; it escapes what it is given. Call `require` first.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"count": _count, "percent": _percent, "clip": _clip}
    script, style = (Markup(_asset(name)) for name in ("js", "css"))  # noqa: S704 - files of ours
    return environment.from_string(template).render(
        **values, policy=_policy(str(script)), script=script, style=style
    )


def _asset(kind: str) -> str:
    """The template, the style or the script of a report."""
    return _read(f"report.{kind}")


def _read(name: str) -> str:
    return (resources.files("etl.look.report") / "assets" / name).read_text("utf-8")


def _policy(script: str) -> str:
    """The content security policy of the report.

    ``unsafe-inline`` holds for styles only: recorded pages have their own, and frames inherit it.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src "
        "data:; font-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for "
        "'script'; trusted-types frames"
    )


def for_script(value: object) -> Markup:
    """JSON for a script element: ``<``, ``>`` and ``&`` are escaped."""
    from markupsafe import Markup

    text = json.dumps(value)
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text)  # noqa: S704 - the loop above has escaped it


def _count(value: float) -> str:
    return f"{value:,}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _clip(text: str) -> str:
    return text if len(text) <= _CLIPPED else text[: _CLIPPED - 1] + "…"


def _cards(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    totals = data["totals"]
    names = ("samples", "tokens", "completion_tokens", "workflows", "domains", "subdomains")
    cards = [
        (name.replace("completion_tokens", "tokens with loss"), _count(totals[name]))
        for name in names
    ]
    if totals["samples"]:
        cards.append(("tokens a sample", f"{totals['tokens'] / totals['samples']:,.0f}"))
    return [*cards, ("records in quarantine", _count(data["quarantined"]))]


def _splits(data: Mapping[str, Any]) -> list[list[str]]:
    names = ("files", "rows", "samples", "tokens", "loss_tokens")
    return [
        [name, *(_count(of[key]) for key in names), f"{of['fill']:.1%}"]
        for name, of in data["splits"].items()
    ]


def _outcomes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Samples by the reward of their workflows, as rows and in words."""
    rows = [
        [reward, *(_count(of[name]) for name in ("samples", "tokens", "repeats"))]
        for reward, of in outcomes.by_reward(data["outcomes"]).items()
    ]
    return {"rows": rows, "said": outcomes.sentences(data["outcomes"])}


def _flow(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers from what was read to what is in the dataset."""
    read = [
        {"name": f"{unit['unit']}s read" if unit["unit"] != "sample" else "samples made",
        "number": unit["read"],
         "lost": sum(drop["count"] for drop in unit["drops"])}
        for unit in data["waterfall"]
    ]  # fmt: skip
    rows = sum(split["rows"] for split in data["splits"].values())
    return [
        *read,
        {"name": "samples in the dataset", "number": data["totals"]["samples"], "lost": None},
        {"name": "rows in the dataset", "number": rows, "lost": None},
    ]


def _levels(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The waterfall of characters and tokens as two tables: in total, and by domain."""
    found = data["characters"]
    if found is None:
        return None
    total = levels.cells([levels.Line(**line) for line in found["lines"]])
    every = [levels.Flow(**each["flow"]) for each in found["domains"]]
    head, rows = levels.flow_cells(every[:ROWS])
    return {
        "head": levels.HEAD,
        "total": [[row[0].replace("  ", "\u2003", 1), *row[1:]] for row in total],
        "domains": {"head": head, "rows": [[_clip(row[0]), *row[1:]] for row in rows]},
        "more": len(every) - len(rows),
    }


def _charts(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "waterfall": [*_waterfalls(data["waterfall"])],
        "tokens": _tokens(data["tokens"]),
        "steps": _steps(data["steps"]),
        "context": _context(data["context"]),
        "actions": charts.actions(
            "Samples by kind of action",
            f"{len(data['actions']):,} kinds of action.",
            data["actions"],
        ),
        "pruning": _pruning(data["pruning"]),
        "drift": data["drift"] and [*_changes(data["drift"])],
    }


def _waterfalls(units: Sequence[Mapping[str, Any]]) -> Iterator[Chart]:
    for unit in units:
        if not unit["drops"]:
            continue
        share = f" ({unit['kept'] / unit['read']:.1%})" if unit["read"] else ""
        said = (
            f"Of {unit['read']:,} {unit['unit']}s that were read {unit['kept']:,}{share} are in "
            "the dataset."
        )
        yield charts.waterfall(f"{unit['unit'].capitalize()}s: what was dropped", said, unit)


def _tokens(splits: Mapping[str, Any]) -> Chart:
    said = [
        f"{name}: median {of['p50']:,}, 95% up to {of['p95']:,}, longest {of['max']:,}."
        for name, of in splits.items()
    ]
    return charts.histogram(
        "Tokens of a sample",
        " ".join(said) or "There are no samples.",
        "tokens",
        "samples",
        splits,
        log=True,
    )


def _steps(found: Mapping[str, Any]) -> Chart:
    names = {"recorded": "recorded steps", "samples": "samples in the dataset"}
    series = {said: found[key] for key, said in names.items() if found[key] is not None}
    said = [
        f"{of['mean']:.1f} {name} a workflow, at most {of['max']:,}."
        for name, of in series.items()
        if of["count"]
    ]
    return charts.histogram(
        "Steps of a workflow",
        " ".join(said) or "There are no workflows.",
        "steps",
        "workflows",
        series,
        side=True,
    )


def _context(found: Mapping[str, Any]) -> Chart:
    at = next((point for point in found["points"] if point["context"] == found["context"]), None)
    here = (
        f" {at['whole']:.1%} fit whole into the dataset's {found['context']:,} tokens."
        if at
        else ""
    )
    how = (
        f"Of {found['measured']:,} samples with a target, encoded again: T tokens of the whole "
        "sample, F from the place of the target in the page to its end. A context C takes the "
        "whole page where T ≤ C; where it does not, the right-most chunk holds the target where F "
        "≤ C."
        if found["by"] == "positions"
        else f"Of the lengths of {found['measured']:,} samples; only the work folder knows where "
        "their targets lie."
    )
    return charts.curve("Share of targets kept", how + here, found)


def _pruning(found: Mapping[str, Any]) -> Chart:
    if found["together"] is None:
        said = "There are no pages."
    else:
        said = (
            f"{found['together']:.1%} of all characters stay; of the median page {found['p50']}%. "
            f"Above 100% are pages of little else than elements, which pruning numbers."
        )
    return charts.histogram(
        "What pruning leaves of a page", said, "% of its characters", "samples", {"samples": found}
    )


def _changes(drift: Mapping[str, Any]) -> Iterator[Chart]:
    for key, what, title in (
        ("domains", "Domain", "Share of samples by domain"),
        ("actions", "Action", "Share of samples by action"),
        ("drops", "Reason", "Rate of drops by reason"),
    ):
        rows = drift[key]
        changed = sum(bool(row["change"]) for row in rows)
        if not changed:  # a plot of nothing says less than its heading
            continue
        said = f"{changed:,} of {len(rows):,} have changed."
        yield charts.changes(f"{title}: new less old", said, what, rows)


def _drift(drift: Mapping[str, Any]) -> dict[str, Any]:
    totals = [
        [
            name.replace("_", " "),
            *(_count(row[key]) for key in ("old", "new")),
            f"{row['change']:+,}",
        ]
        for name, row in drift["totals"].items()
    ]
    figures = drift["figures"]
    tokens = figures["tokens_per_sample"]
    totals.append(
        [
            "tokens a sample",
            f"{tokens['old']:,.1f}",
            f"{tokens['new']:,.1f}",
            f"{tokens['change']:+,.1f}",
        ]
    )
    for name, said in (("survival", "targets kept"), ("drop_rate", "dropped")):
        row = figures[name]
        totals.append([said, f"{row['old']:.2%}", f"{row['new']:.2%}", f"{row['change']:+.2%}"])
    far = drift["distances"]
    domain = f" ({_clip(far['domain'])})" if far["domain"] else ""
    distances = [
        [f"largest change of a domain's share{domain}", f"{far['domain_shares']:.2%}"],
        ["action mix, total variation", f"{far['action_mix']:.2%}"],
        ["tokens a sample, relative", f"{far['tokens_per_sample']:.2%}"],
        ["targets kept", f"{far['survival']:.2%}"],
    ]
    inputs = [
        {"what": what, "count": len(names), "names": names[:_NAMES]}
        for what, names in drift["inputs"].items()
    ]
    return {"totals": totals, "distances": distances, "inputs": inputs}


def _about_steps(data: Mapping[str, Any], steps: Packed, drawn: int, seed: int) -> str:
    """How many steps are shown, and how many are left out."""
    if not drawn:
        return "None were asked for."
    samples = data["totals"]["samples"]
    drawn = min(drawn, samples)
    parts = [
        (
            f"{drawn:,} of {counted(samples, 'sample')}, drawn by the seed {seed} from all sources "
            f"and domains."
        )
    ]
    if steps.left_out:
        parts.append(
            f"{steps.left_out:,} of them are left out, because the file would become too large."
        )
    if steps.without_page:
        parts.append(
            f"Of {steps.without_page:,} the recorded page is left out for the same reason."
        )
    return " ".join(parts)
