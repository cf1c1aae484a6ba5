"""A dataset at a glance: totals, splits, accounts, drops and the largest domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from etl.dataset import candidate, oddities, outcomes, state
from etl.dataset.manifest import as_json, read
from etl.dataset.place import Place
from etl.files import storage
from etl.files.storage import AnyPath
from etl.look import compaction, subsets
from etl.stages.wording import as_lines
from etl.terminal.text import cell, flat, percent, printable, table
from etl.terminal.words import counted

_LARGEST: Final = 10


def view(place: Place, recount: bool = False) -> dict[str, Any]:
    """Totals, splits, accounting, reasons to compact, and the domains.

    recount: compute the accounting again from the files, as the build does before it writes its
    manifest. It needs the work folder and reads every ledger.

    Raises:
        ConfigError: if a recount is asked for and there is no work folder.
    """
    manifest = place.manifest
    accounting = place.accounting
    if recount:
        from etl.dataset import account

        place.inside("--recount")
        accounting = account.account(place.given)
    return {
        "recipe": manifest.recipe,
        "fingerprint": manifest.fingerprint,
        "totals": as_json(manifest.totals),
        "splits": as_json(manifest.splits),
        "outcomes": manifest.outcomes,
        "accounting": as_json(accounting),
        "quarantined": manifest.quarantined,
        "unknown_actions": manifest.unknown_actions,
        "oddities": manifest.oddities,
        "compaction": compaction.reasons(manifest),
        "rejected": [] if place.work is None else candidate.failures(place.given),
        "subsets": as_json(manifest.subsets or ()),
        "vocabularies": [] if place.work is None else [*_further(place.given)],
        "domains": place.table("domains").to_dicts(),
    }


def _further(out: AnyPath) -> Iterator[dict[str, Any]]:
    """``folder``, ``samples`` and ``tokens`` of each further vocabulary of a build."""
    for each in state.further(out):
        if storage.exists(each.dataset.manifest):
            totals = read(each.dataset.manifest).totals
            yield {"folder": str(each.root), "samples": totals.samples, "tokens": totals.tokens}


def rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`view` for CSV: every figure with the path to it."""
    return flat(result)


def text(result: Mapping[str, Any], place: object) -> str:
    """`view` as tables. place: the folder, which commands in the text name."""
    lines = [
        printable(f"recipe {result['recipe']}, fingerprint {result['fingerprint']}"),
        _totals(result["totals"]),
        "",
    ]
    lines += [*_splits(result["splits"]), "", *_outcomes(result), ""]
    lines += [*_accounts(result["accounting"]), "", *_drops(result["accounting"])]
    lines += _domains(result["domains"], str(place))
    if result["subsets"]:
        lines += ["", *subsets.summary(result["subsets"])]
        lines += [f"their domains: stepmill inspect {place} subsets"]
    if result["vocabularies"]:
        lines += ["", "the same build in other vocabularies:"]
        lines += [
            printable(
                f"  {each['folder']}: {counted(each['samples'], 'sample')}, "
                f"{counted(each['tokens'], 'token')}"
            )
            for each in result["vocabularies"]
        ]
    if result["unknown_actions"]:
        lines += ["", "actions on no list, which are not trained on:"]
        lines += [f"  {cell(line)}" for line in as_lines(result["unknown_actions"])]
    if result["quarantined"]:
        records = counted(result["quarantined"], "record")
        lines += [
            "",
            f"{records} in quarantine, with the bytes; to read again: stepmill retry {place}",
        ]
    if result["oddities"]:
        lines += ["", "read although it breaks the rules of its format:"]
        lines += [f"  {printable(line)}" for line in oddities.lines(result["oddities"])]
    if result["rejected"]:
        lines += ["", "a later build was rejected by its gates; look at it with --candidate"]
        lines += [printable(f"  {why}") for why in result["rejected"]]
    if result["compaction"]:
        lines += ["", f"it is time to merge all generations: stepmill compact {place}"]
        lines += [f"  {why}" for why in result["compaction"]]
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


def _outcomes(result: Mapping[str, Any]) -> list[str]:
    """The recorded outcomes of workflows, where they are known."""
    groups = outcomes.by_reward(result["outcomes"])
    total = result["totals"]["samples"]
    rows = [
        [reward, f"{of['samples']:,}", percent(of["samples"] / total), f"{of['repeats']:,}"]
        for reward, of in groups.items()
    ]
    said = outcomes.sentences(result["outcomes"])
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
