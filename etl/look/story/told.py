"""A story as text: what was read, then one line for each stage and decision that had a say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from etl.look.story import pruning as removals
from etl.terminal.text import printable
from etl.terminal.words import counted
from schemas.reasons import TAKEN_DOWN

_TAKEN_DOWN: Final = "it is on the takedown list, and nothing of it is kept but ids"
_NOTHING: Final = "nothing found"
_SHOWN: Final = 3
"""The most records of a workflow that are named."""


def text(result: dict[str, Any]) -> str:
    """`etl.look.story.explain.view` as text."""
    lines: list[str] = []
    for occurrence in result["occurrences"]:
        unit = occurrence["unit"]
        lines.append(
            f"{unit} {occurrence['id']}, read from {occurrence['input']}, domain "
            f"{occurrence['domain'] or _no_domain(occurrence)}"
        )
        lines += _recorded(occurrence, "  ")
        lines.append(f"  {_came(occurrence)}")
        if unit == "record" and occurrence["parent"]:
            lines.append(f"  belongs to {occurrence['parent']}: {_outcome(occurrence['workflow'])}")
        if unit == "workflow":
            lines += [f"  {line}" for line in _of_workflow(occurrence)]
        lines += _stages(occurrence, "  ", result)
        for step in occurrence.get("steps", ()):
            lines += [
                f"  step {step['id']}",
                *_recorded(step, "    "),
                *_stages(step, "    ", result),
            ]
    return printable("\n".join(lines))


def _recorded(thing: dict[str, Any], margin: str) -> list[str]:
    """The recording's own id of a step, if it differs from stepmill's."""
    own = thing["recorded"]
    return [f"{margin}recorded as {own}"] if own and own != thing["id"].rpartition("/")[2] else []


def _no_domain(thing: dict[str, Any]) -> str:
    return "not kept" if any(drop["reason"] == TAKEN_DOWN for drop in thing["drops"]) else "unknown"


def _came(thing: dict[str, Any]) -> str:
    page = f", a page of {thing['page_chars']:,} characters" if "page_chars" in thing else ""
    return f"read     format {thing['format']}, generation {thing['generation']}{page}"


def _outcome(counts: Mapping[str, int]) -> str:
    return (
        f"{counted(counts['steps'], 'step')}, {counted(counts['samples'], 'sample')}, "
        f"{counts['in_dataset']:,} in the dataset"
    )


def _of_workflow(thing: dict[str, Any]) -> Iterator[str]:
    """What is said of a workflow as a whole."""
    yield f"steps    {_outcome(thing['outcome'])}"
    if thing["records"]:
        more = len(thing["records"]) - _SHOWN
        others = f", and {more:,} more" if more > 0 else ""
        yield f"records  {', '.join(thing['records'][:_SHOWN])}{others}"
    if thing["replaced"]:
        yield f"redact   {_kinds(thing['replaced'])}, in all of it"
    yield from (f"overlap  {_pair(pair)}" for pair in thing["overlaps"] or ())


def _stages(thing: dict[str, Any], margin: str, result: Mapping[str, Any]) -> list[str]:
    """The lines of a thing; a drop takes the place of what its stage would say.

    result: the whole story.
    """
    ran, decisions = result["stages"], result["decisions"]
    lines = [] if thing["unit"] != "step" else [*_of_step(thing, ran, decisions)]
    for drop in thing["drops"]:
        lines = [line for line in lines if line.split()[0] != drop["stage"]]
        lines.append(f"{drop['stage']:<8} dropped, {drop['reason']}{_why(drop)}")
        if drop["quarantine"] is not None:
            size = drop["quarantine"]["bytes"]
            kept = f"with its {size:,} bytes" if size else "without its bytes"
            lines.append(f"         in quarantine, {kept}")
    if "packed" in thing.get("sample", {}) and not thing["drops"]:
        lines += _of_packing(thing["sample"])
    return [margin + line for line in lines]


def _why(drop: Mapping[str, Any]) -> str:
    why = drop["detail"] or (_TAKEN_DOWN if drop["reason"] == TAKEN_DOWN else "")
    return f": {why}" if why else ""


def _of_step(
    thing: dict[str, Any], ran: Collection[str], decisions: Collection[str]
) -> Iterator[str]:
    """What the stages and decisions say of a step, in their order."""
    made = thing.get("sample")
    if made:
        yield f"filter   kept, probability of English {made['language_score']}"
        yield f"locate   {_target(made)}"
    for each in thing["findings"]:
        yield f"lint     {each['severity']} {each['code']} ({each['outcome']}): {each['evidence']}"
    if made is None:
        if thing["replaced"]:
            yield f"redact   {_kinds(thing['replaced'])}"
        return
    if "lint" in ran and not thing["findings"]:
        yield f"lint     {_NOTHING}"
    if "quality" in ran:
        failed, loops = made["failed_steps"], made["loops"]
        yield f"quality  kept; in its workflow {counted(failed, 'failed step')}, {loops:,} repeated"
    stage = "observe" if "fitted" in made else "prune  "
    yield f"{stage}  {made['raw_chars']:,} -> {made['pruned_chars']:,} characters"
    if "fitted" in made:
        yield f"         {_fitted(made['fitted'])}"
    if "removed" in made:
        yield from (f"         {line}" for line in removals.text(made["removed"]))
    if "rules" in ran:
        yield "rules    none of them drops it"
    if "redact" in ran:
        sizes = f"{made['pruned_chars']:,} -> {made['chars']:,} characters"
        yield f"redact   {sizes}; {_kinds(thing['replaced']) or _NOTHING}"
    yield f"unroll   a sample with {made['history']} steps of history"
    yield f"index    kept by {', '.join(decisions)}"
    why = made["why_split"]
    like = _like(made.get("cluster", ""), thing)
    yield f"split    {made['split']}{like}: {why['words']} ({why['setting']})"
    alike = made.get("alike")
    if alike is not None and alike["kept"] + alike["dropped"] > 1:
        yield (
            f"near     of the cluster of {alike['first']}: {alike['kept']:,} kept, "
            f"{alike['dropped']:,} dropped"
        )
    yield from (f"overlap  {_pair(pair)}" for pair in made["overlaps"] or ())
    if made["overlaps"] == []:
        yield "overlap  with no task of a benchmark"


def _fitted(fitted: Mapping[str, Any]) -> str:
    """What an observation that was made to fit a budget is."""
    taken = ", ".join(f"{count:,} {rule}" for rule, count in fitted["removed"].items())
    return (
        f"{fitted['tokens']:,} of {fitted['budget']:,} tokens, {_shown(fitted)}; characters taken "
        f"from its lines: {taken or 'none'}"
    )


def _shown(fitted: Mapping[str, Any]) -> str:
    """What the observation of a sample shows of its target."""
    if fitted["target_kept"] is None:
        return "without a target"
    name = {True: " and its name", False: ", not its name", None: ", which has no name"}
    return f"with the target{name[fitted['named']]}"


def _target(made: Mapping[str, Any]) -> str:
    if made["node"] >= 0:
        return f"node {made['ref'] or made['node']}: {made['target']}"
    return f"{made['action']} without element"


def _like(cluster: str, thing: dict[str, Any]) -> str:
    """What a sample is like, if that is not itself or its workflow."""
    return f", as {cluster}" if cluster not in ("", thing["id"], thing["parent"]) else ""


def _kinds(replaced: Mapping[str, int]) -> str:
    """How many private values were replaced, by kind."""
    return ", ".join(f"{kind} {times:,}" for kind, times in replaced.items())


def _pair(pair: Mapping[str, Any]) -> str:
    return (
        f"with {pair['benchmark']} {pair['version']}, task {pair['task']}: {pair['method']} "
        f"{pair['similarity']:.3f}"
    )


def _of_packing(made: Mapping[str, Any]) -> Iterator[str]:
    """What became of a sample in packing."""
    chunk = ""
    if made["chunks"] > 1:
        chunk = f", chunk {made['chunk']} of {made['chunks']} from the right, {made['kept']} kept"
    yield (
        f"fit      {made['prompt_tokens']:,} prompt and {made['completion_tokens']:,} "
        f"completion tokens{chunk}"
    )
    yield f"pack     row {made['row']} of {made['packed']}"
    if made["subset"]:
        yield f"subset   {made['subset']}"
    if made["weight"] is not None:
        own, row = made["weight"]["sample"], made["weight"]["row"]
        yield f"mix      weight {own:.4g}; its row is drawn with {row:.4g}"
