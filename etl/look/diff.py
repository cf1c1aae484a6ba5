"""Compare two builds by their manifests: ``stepmill diff``.

The figures are those that gates check (`etl.dataset.drift`). A change is the new figure minus the
old one. Only manifests are read, so a published dataset can be compared without its work folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etl.dataset.drift import changes, distances
from etl.dataset.generations import Generations, differing
from etl.dataset.manifest import Manifest, as_json
from etl.dataset.state import changes as settings_changed
from etl.terminal.text import table
from etl.terminal.words import counted

_SHARES: Final = {
    "domains": ("domain", "domain_shares"),
    "actions": ("action", "action_shares"),
    "drops": ("dropped as", "drop_rates"),
}
"""Name of a table in the comparison -> its first column's head, and the manifest's figure."""


def compare(old: Manifest, new: Manifest) -> dict[str, Any]:
    """Compare two manifests; returns plain values for JSON.

    Shares are 0 to 1, and come with the largest changes first.
    """
    before, after = old.generations, new.generations
    was, now = old.figures, new.figures
    totals = (_totals(of) for of in (old, new))
    figures = ({key: getattr(of, key) for key in _SINGLE} for of in (was, now))
    return {
        "same": old.fingerprint == new.fingerprint,
        "recipe": {"old": old.recipe, "new": new.recipe},
        "fingerprint": {"old": old.fingerprint, "new": new.fingerprint},
        "totals": _beside(*totals),
        "figures": _beside(*figures),
        "distances": distances(was, now),
        **{
            name: _shares(getattr(was, key), getattr(now, key))
            for name, (_, key) in _SHARES.items()
        },
        "inputs": differing(before, after),
        "generations": {side: _generations(of) for side, of in (("old", before), ("new", after))},
        "settings": [
            {"phase": each.phase, "field": each.path, "change": each.line}
            for each in settings_changed(old.settings, new.settings)
        ],
        "takedown_changed": old.takedown != new.takedown,
    }


_SINGLE: Final = ("tokens_per_sample", "survival", "drop_rate")


def _totals(manifest: Manifest) -> dict[str, int]:
    return {**as_json(manifest.totals), "quarantined": manifest.quarantined}


def _beside(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        key: {"old": old[key], "new": new[key], "change": new[key] - old[key]}
        for key in old
        if key in new
    }


def _shares(old: Mapping[str, float], new: Mapping[str, float]) -> list[dict[str, Any]]:
    rows = [
        {"name": name, "old": old.get(name, 0.0), "new": new.get(name, 0.0), "change": change}
        for name, change in changes(old, new).items()
    ]
    return sorted(rows, key=lambda row: (-abs(row["change"]), row["name"]))


def _generations(every: Generations) -> list[dict[str, Any]]:
    return [
        {"name": g.name, "inputs": len(g.inputs), "files": sum(g.shards.values())}
        for g in every.every
    ]


def as_text(view: Mapping[str, Any], limit: int) -> str:
    """`compare` as tables.

    limit: at most this many rows of a table of shares, and names of new, changed or removed inputs;
    0 shows all.
    """
    if view["same"]:
        return "the same build: equal fingerprints"
    head = ["", "old", "new", "change"]
    counts = [[name.replace("_", " "), *_counts(row)] for name, row in view["totals"].items()]
    figures = view["figures"]
    tokens = figures["tokens_per_sample"]
    counts.append(
        [
            "tokens a sample",
            f"{tokens['old']:,.1f}",
            f"{tokens['new']:,.1f}",
            f"{tokens['change']:+,.1f}",
        ]
    )
    counts += [
        [label, *_rates(figures[key])]
        for label, key in (("targets kept", "survival"), ("dropped", "drop_rate"))
    ]
    lines = table(head, counts)
    for name, (label, _) in _SHARES.items():
        shown = view[name][: limit or None]
        if shown:
            lines += [
                "",
                *table([label, *head[1:]], [[row["name"], *_rates(row)] for row in shown]),
            ]
        if len(view[name]) > len(shown):
            lines.append(
                f"and {len(view[name]) - len(shown):,} more, which changed less: --limit 0"
            )
    return "\n".join([*lines, "", *_made_of(view, limit)])


def _counts(row: Mapping[str, int]) -> list[str]:
    return [f"{row['old']:,}", f"{row['new']:,}", f"{row['change']:+,}"]


def _rates(row: Mapping[str, float]) -> list[str]:
    return [f"{row['old']:.2%}", f"{row['new']:.2%}", f"{row['change']:+.2%}"]


def _made_of(view: Mapping[str, Any], limit: int) -> list[str]:
    """What the two builds are made of: inputs, generations, settings."""
    said = [f"{len(names):,} {what}" for what, names in view["inputs"].items()]
    lines = [f"inputs: {', '.join(said)}"]
    for what, names in view["inputs"].items():
        lines += [f"  {what}: {name}" for name in names[: limit or None]]
        if limit and len(names) > limit:
            lines.append(f"  and {len(names) - limit:,} more {what}: --limit 0")
    for side, every in view["generations"].items():
        each = ", ".join(
            f"{g['name']} ({counted(g['inputs'], 'input')}, {counted(g['files'], 'file')} planned)"
            for g in every
        )
        lines.append(f"generations, {side}: {each or 'none'}")
    if view["settings"]:
        lines += ["settings:", *(f"  {change['change']}" for change in view["settings"])]
    else:
        lines.append("settings: the same")
    return [*lines, *(["takedown: another list"] if view["takedown_changed"] else [])]
