"""The summary at the end of a build: what was read, what was dropped, what is in the dataset.

It gives the reason of each drop, and the settings that decide it (`etl.card.reasons`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from etl.build.recipes.recipe import Recipe
from etl.build.recipes.toml import as_json
from etl.card.reasons import meanings
from etl.dataset import oddities
from etl.dataset.manifest import Manifest, UnitCounts
from etl.stages.wording import as_lines
from etl.terminal.text import printable
from etl.terminal.words import counted

_UNITS: Final = ("workflow", "step", "sample", "record")
_SHOWN: Final = 12
"""The most reasons that have a line."""
_WENT: Final = "workflow_dropped"
"""A reason of records that is not shown: the line of their workflow says it already."""


def dropped(accounting: Mapping[str, UnitCounts], recipe: Recipe) -> list[dict[str, Any]]:
    """A row for each reason, the most frequent first.

    Its keys: ``reason``, ``counts`` by unit, and ``settings``, those that decide it, by name.
    """
    counts: dict[str, dict[str, int]] = {}
    for unit in _UNITS:
        for drop in accounting[unit].reasons:
            of_reason = counts.setdefault(drop.reason, {})
            of_reason[unit] = of_reason.get(unit, 0) + drop.count
    counts.pop(_WENT, None)
    ordered = sorted(counts, key=lambda reason: (-max(counts[reason].values()), reason))
    return [
        {"reason": each, "counts": counts[each], "settings": settings(each, recipe)}
        for each in ordered
    ]


def settings(reason: str, recipe: Recipe) -> dict[str, Any]:
    """The settings that decide on drops for a reason, with their values; without empty ones."""
    values: dict[str, Any] = {}
    for name in meanings(recipe.own_reasons)[reason].settings:
        section, _, key = name.partition(".")
        value = getattr(recipe.sections.get(section), key, None)
        value = sorted(value) if isinstance(value, frozenset) else value
        value = as_json(value) if isinstance(value, tuple) else value
        if value not in ("", [], None):
            values[name] = value
    return values


def lines(manifest: Manifest, recipe: Recipe, where: object, next_step: str) -> list[str]:
    """The summary as text.

    where: the build's folder.
    """
    units = manifest.accounting
    read = ", ".join(counted(units[unit].read, unit) for unit in ("workflow", "step"))
    text = [f"read: {read}"]
    rows = dropped(units, recipe)
    text += ["nothing was dropped"] if not rows else ["dropped, and what decides it:"]
    text += [*_table(rows[:_SHOWN]), *_without_pages(rows, recipe)]
    if len(rows) > _SHOWN:
        text.append(f"  and {len(rows) - _SHOWN} more reasons: stepmill inspect {where} drops")
    text += [f"not trained on: {printable(line)}" for line in as_lines(manifest.unknown_actions)]
    text += [printable(line) for line in oddities.lines(manifest.oddities)]
    if manifest.quarantined:
        kept = counted(manifest.quarantined, "record")
        text.append(f"{kept} kept in quarantine with bytes and reason: stepmill retry {where}")
    return [*text, f"{sizes(manifest)}; {next_step}"]


def sizes(manifest: Manifest) -> str:
    """The size of a dataset in words."""
    totals = manifest.totals
    each = {"sample": totals.samples, "token": totals.tokens, "domain": totals.domains}
    return ", ".join(counted(count, what) for what, count in each.items())


def reasons(accounting: Mapping[str, UnitCounts], recipe: Recipe) -> list[str]:
    """The lines of the summary that tell what was dropped."""
    rows = dropped(accounting, recipe)
    return [*_table(rows[:_SHOWN]), *_without_pages(rows, recipe)]


def _without_pages(rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> list[str]:
    """What to do about recordings that hold no pages, if none were given."""
    steps = sum(row["counts"].get("step", 0) for row in rows if row["reason"] == "no_page")
    if not steps or recipe.inputs.pages:
        return []
    without = f"  {counted(steps, 'step')} of recordings that hold no pages"
    return [f"{without}: give --pages ARCHIVE (WARC, WACZ, HAR, MHTML, saved HTML)"]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [
        (", ".join(counted(count, unit) for unit, count in row["counts"].items()), row["reason"])
        for row in rows
    ]
    wide, names = (max((len(cell[at]) for cell in cells), default=0) for at in (0, 1))
    table: list[str] = []
    for (counts, reason), row in zip(cells, rows, strict=True):
        line = f"  {counts:<{wide}}  {reason:<{names}}  {_settings(row['settings'])}"
        table.append(line.rstrip())
    return table


def _settings(values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    return f"({', '.join(f'{name} = {_toml(value)}' for name, value in values.items())})"


def _toml(value: Any) -> str:
    """A value as a recipe writes it; of a list only the number of entries."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"{len(value):,} entries"
    return f'"{value}"' if isinstance(value, str) else f"{value}"
