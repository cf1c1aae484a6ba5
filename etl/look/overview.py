"""A dataset at a glance: totals, splits, accounts, drops and the largest domains, as its manifest
has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from etl.dataset import candidate, oddities, outcomes
from etl.dataset.place import Place
from etl.look import compaction
from etl.stages.wording import as_lines
from etl.terminal.text import cell, flat, percent, printable, table
from etl.terminal.words import counted

_LARGEST: Final = 10


def view(place: Place, recount: bool = False) -> dict[str, Any]:
    """Totals, splits, accounting, why compaction is worth it (if so), and the domains.

    recount: work out the accounting again from the files, as the build did before it wrote its
    manifest; that needs the work folder, and reads all of what was read and became of it.
    """
    manifest = place.manifest
    accounting = place.accounting
    if recount:
        from etl.dataset import account

        place.inside("--recount")
        accounting = account.account(place.given)
    return {
        "recipe": manifest["recipe"],
        "fingerprint": manifest["fingerprint"],
        "totals": manifest["totals"],
        "splits": manifest["splits"],
        "outcomes": manifest.get("outcomes", []),
        "accounting": accounting,
        "quarantined": manifest["quarantined"],
        "unknown_actions": manifest.get("unknown_actions", []),
        "oddities": manifest.get("oddities", []),
        "compaction": compaction.reasons(manifest),
        "rejected": [] if place.work is None else candidate.failures(place.given),
        "domains": place.table("domains").to_dicts(),
    }


def rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: every figure with the path to it."""
    return flat(found)


def text(found: Mapping[str, Any], place: object) -> str:
    """`view` as tables. place: whose it is, for the commands that it names."""
    lines = [
        printable(f"recipe {found['recipe']}, fingerprint {found['fingerprint']}"),
        _totals(found["totals"]),
        "",
    ]
    lines += [*_splits(found["splits"]), "", *_outcomes(found), ""]
    lines += [*_accounts(found["accounting"]), "", *_drops(found["accounting"])]
    lines += _domains(found["domains"], str(place))
    if found["unknown_actions"]:
        lines += ["", "actions on no list, which are not trained on:"]
        lines += [f"  {cell(line)}" for line in as_lines(found["unknown_actions"])]
    if found["quarantined"]:
        said = (
            f"{counted(found['quarantined'], 'record')} in quarantine, with the bytes; to read "
            f"again: stepmill retry {place}"
        )
        lines += ["", said]
    if found["oddities"]:
        lines += ["", "read although it was not as its format has it:"]
        lines += [f"  {printable(line)}" for line in oddities.lines(found["oddities"])]
    if found["rejected"]:
        lines += ["", "a later build was rejected by its gates; look at it with --candidate"]
        lines += [printable(f"  {why}") for why in found["rejected"]]
    if found["compaction"]:
        lines += ["", f"it is time for one generation of all: stepmill compact {place}"]
        lines += [f"  {why}" for why in found["compaction"]]
    return "\n".join(lines)


def _totals(totals: Mapping[str, int]) -> str:
    ratio = (
        f" ({totals['pruned_chars'] / totals['raw_chars']:.0%} of the page stays)"
        if totals["raw_chars"]
        else ""
    )
    counts = [counted(totals[f"{noun}s"], noun) for noun in ("sample", "token")]
    counts.append(f"{totals['completion_tokens']:,} with loss")
    counts += [counted(totals[f"{noun}s"], noun) for noun in ("domain", "subdomain")]
    return ", ".join(counts) + ratio


def _splits(splits: Mapping[str, Any]) -> list[str]:
    names = ("files", "rows", "samples", "tokens")
    rows = [
        [name, *(f"{of[key]:,}" for key in names), percent(of["fill"])]
        for name, of in splits.items()
    ]
    return table(["split", *names, "full"], rows)


def _outcomes(found: Mapping[str, Any]) -> list[str]:
    """How the recorded workflows ended, where that is known."""
    groups = outcomes.by_reward(found["outcomes"])
    total = found["totals"]["samples"]
    rows = [
        [reward, f"{of['samples']:,}", percent(of["samples"] / total), f"{of['repeats']:,}"]
        for reward, of in groups.items()
    ]
    said = outcomes.sentences(found)
    return [*table(["reward", "samples", "share", "repeats"], rows), *said] if rows else said


def _accounts(accounting: Mapping[str, Any]) -> list[str]:
    rows = [
        [
            f"{unit}s",
            *(f"{of[key]:,}" for key in ("read", "kept", "dropped")),
            "ERROR" if of["errors"] else "adds up",
        ]
        for unit, of in accounting.items()
    ]
    errors = [
        printable(f"  {unit}s: {what}: {found['count']:,}, for example {found['first']}")
        for unit, of in accounting.items()
        for what, found in of["errors"].items()
    ]
    return [
        *table(["", "read", "in dataset", "dropped", ""], rows),
        *([""] if errors else []),
        *errors,
    ]


def _drops(accounting: Mapping[str, Any]) -> list[str]:
    rows = [
        [f"{unit}s", drop["stage"], drop["reason"], f"{drop['count']:,}"]
        for unit, of in accounting.items()
        for drop in of["reasons"]
    ]
    return [*table(["dropped", "stage", "reason", "count"], rows), ""] if rows else []


def _domains(domains: list[dict[str, Any]], place: str) -> list[str]:
    names = ("workflows", "steps", "samples", "tokens")
    rows = [
        [
            row["domain"],
            *(f"{row[key]:,}" for key in names),
            percent(row["share"]),
            percent(row["survival"]),
        ]
        for row in domains[:_LARGEST]
    ]
    lines = table(["domain", *names, "share of tokens", "targets kept"], rows)
    more = len(domains) - len(rows)
    return [*lines, f"and {more:,} more: stepmill inspect {place} domains"] if more > 0 else lines
