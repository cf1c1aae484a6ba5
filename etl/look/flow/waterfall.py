"""The waterfall of a dataset, in total and by domain: from characters read to tokens packed."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from etl.dataset.flow import levels
from etl.dataset.place import Place
from etl.terminal.text import cell, table
from schemas.errors import ConfigError

_LARGEST: Final = 20


def view(place: Place, domain: str = "") -> dict[str, Any]:
    """``lines`` of the total, and for each domain its ``flow`` in one row and its ``lines``.

    domain: only domains that match this glob, in the total too; empty for all.

    Raises:
        ConfigError: the dataset has no such table, or no domain matches.
    """
    whole = levels.by_domain(place.table("waterfall"))
    names = fnmatch.filter(whole, domain) if domain else [*whole]
    if domain and not names:
        raise ConfigError(f"{place.given}: no domain matches {domain!r}")
    every = [(levels.flow(name, whole[name]), levels.lines(whole[name])) for name in names]
    every.sort(key=lambda each: (-each[0].read, each[0].domain))
    total = levels.lines([row for name in names for row in whole[name]])
    return {
        "lines": levels.as_rows(total),
        "domains": [{"flow": asdict(flow), "lines": levels.as_rows(made)} for flow, made in every],
    }


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row a line; the total has the domain ``*``."""
    total = [{"domain": "*", **line} for line in result["lines"]]
    return total + [
        {"domain": each["flow"]["domain"], **line}
        for each in result["domains"]
        for line in each["lines"]
    ]


def text(result: Mapping[str, Any], place: object) -> str:
    """`view` as tables: the total, and the largest domains. place: the folder, for commands."""
    made = [levels.Line(**line) for line in result["lines"]]
    every = [levels.Flow(**each["flow"]) for each in result["domains"]]
    head, cells = levels.flow_cells(every[:_LARGEST])
    lines = [
        *table(list(levels.HEAD), levels.cells(made)),
        "",
        *table(head, [[cell(name), *rest] for name, *rest in cells]),
    ]
    if len(every) > _LARGEST:
        lines.append(
            f"and {len(every) - _LARGEST:,} more: stepmill inspect {place} waterfall --csv"
        )
    return "\n".join(lines)
