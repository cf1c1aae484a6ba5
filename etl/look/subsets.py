"""The subsets of a dataset: how large they are, and how the shares of domains differ."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from etl.dataset.manifest import as_json
from etl.dataset.place import Place
from etl.terminal.text import cell, percent, table

_DOMAINS: Final = 5
"""The most domains of a subset that the text shows."""


def view(place: Place, domain: str = "") -> dict[str, Any]:
    """The subsets of the training split, and the domains of each.

    ``subsets``: as the manifest has them, smallest first. ``domains``: the rows of the table
    ``subsets``, by subset; ``share`` and ``share_of_all`` are of tokens, 0 to 1, and ``off`` is how
    far the first is from the second, relative to it.

    domain: a pattern; only domains that match.
    """
    subsets = place.manifest.subsets or ()
    rows = place.table("subsets").to_dicts() if subsets else []
    domains: dict[str, list[dict[str, Any]]] = {subset.name: [] for subset in subsets}
    for row in rows:
        if not domain or fnmatchcase(row["domain"], domain):
            whole = row["share_of_all"]
            off = row["share"] / whole - 1 if whole else 0.0
            domains[row["subset"]].append({**row, "off": off})
    return {"subsets": as_json(subsets), "domains": domains}


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: a row for each subset and domain."""
    return [row for each in result["domains"].values() for row in each]


def text(result: Mapping[str, Any]) -> str:
    """`view` as tables: the subsets, and the largest domains of each."""
    if not result["subsets"]:
        return "the dataset has no subsets; a recipe asks for them by [subsets]"
    return "\n".join([*summary(result["subsets"]), "", *_domains(result["domains"])])


def summary(subsets: list[dict[str, Any]]) -> list[str]:
    """A table of the subsets alone."""
    names = ("files", "rows", "samples", "tokens")
    cells = [
        [
            subset["name"],
            *(f"{subset[name]:,}" for name in names),
            percent(subset["counted"] / subset["asked"]),
        ]
        for subset in subsets
    ]
    return table(["subset", *names, "of what was asked"], cells)


def _domains(domains: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    cells = [
        [
            subset,
            cell(row["domain"]),
            f"{row['samples']:,}",
            f"{row['tokens']:,}",
            percent(row["share"]),
            percent(row["share_of_all"]),
            f"{row['off']:+.1%}",
        ]
        for subset, every in domains.items()
        for row in every[:_DOMAINS]
    ]
    head = ["subset", "domain", "samples", "tokens", "share of tokens", "in all", "off"]
    lines = table(head, cells)
    more = sum(max(0, len(every) - _DOMAINS) for every in domains.values())
    return [*lines, f"and {more:,} more rows: --csv lists them all"] if more else lines
