"""One sample for reading: what the model is given and what it is to write, as the tokens in the
dataset say it.

Beside a work folder there is also what the prompt was made of, a step that was dropped can be
looked at too, and the page before the pruning beside the page after it (`etl.look.pages`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import polars as pl

from etl.dataset.drops import drops
from etl.dataset.place import Place
from etl.look import pages
from etl.look.encoded import runs_of
from etl.pages import VOID_TAGS
from etl.terminal.text import cell, count, dim, loss, percent, printable, target
from schemas.errors import ConfigError, IntegrityError
from schemas.ledger import LISTING_SCHEMA
from schemas.samples import Sample
from tokenization.prompt import Prompt, target_of

CONTEXT: Final = 12
"""Lines that are shown before and after the target, where not all are."""

_WHOLE_LINE: Final = 160
"""A line that is longer and holds markup is laid out, a tag a line."""


def view(place: Place, wanted: str, vocabulary: str = "", page: bool = False) -> dict[str, Any]:
    """One sample. wanted: its id, or what is after the colon where that is enough. vocabulary: see
    `runs_of`. page: with the page as it was recorded.

    ``in_dataset``; ``listed``: its line in the listing; ``drops``: where and why it was dropped, if
    it was; ``fields``: what it was made of, null without a work folder or where none was made;
    ``runs``: stretches with and without loss, ``tokens`` null if it was not encoded; ``page``: see
    `etl.look.pages`.

    Raises `ConfigError` if there is no such sample and no such step.
    """
    listed = next(iter(_matching(place.listing(LISTING_SCHEMA.names), "sample_id", wanted)), None)
    if listed is None and place.work is None:
        raise ConfigError(
            f"{wanted}: no such sample in {place.given}. Those that there are: stepmill inspect "
            f"{place.given} samples"
        )
    lost = [] if listed is not None else _dropped(place, wanted)
    sample_id = listed["sample_id"] if listed is not None else lost[0]["id"]
    made, shard = (None, "") if place.work is None else _made(place, sample_id, lost)
    runs = runs_of(place, listed, vocabulary) if listed is not None else _unencoded(place, made)
    found: dict[str, Any] = {
        "sample_id": sample_id,
        "in_dataset": listed is not None,
        "listed": listed,
        "drops": [
            {name: drop[name] for name in ("stage", "reason", "detail", "domain", "input")}
            for drop in lost
        ],
        "fields": made and {name: getattr(made, name) for name in Sample.__slots__},
        "runs": runs,
        "page": None,
    }
    if page:
        found["page"] = pages.view(place, sample_id, shard, made, [drop["reason"] for drop in lost])
    return found


def _matching(frame: pl.LazyFrame, column: str, wanted: str) -> list[dict[str, Any]]:
    """The rows of an id. Raises `ConfigError` if what is after the colon is not enough to tell."""
    id = pl.col(column)
    rows = frame.filter((id == wanted) | id.str.ends_with(f":{wanted}")).collect().to_dicts()
    exact = [row for row in rows if row[column] == wanted]
    rows = exact or [row for row in rows if row[column].partition(":")[2] == wanted]
    if len({row[column] for row in rows}) > 1:
        raise ConfigError(
            f"{wanted} could be {' or '.join(sorted({row[column] for row in rows}))}: write the "
            "whole id"
        )
    return rows


def _dropped(place: Place, wanted: str) -> list[dict[str, Any]]:
    """Where and why a step was dropped, for each time it was read."""
    found = _matching(drops(place.inside(wanted)).filter(pl.col("unit") == "step"), "id", wanted)
    if not found:
        raise ConfigError(
            f"{wanted}: no such sample in the dataset, and no such step was dropped. What there is "
            f"of it: stepmill explain {place.given} {wanted}"
        )
    return found


def _made(place: Place, sample_id: str, lost: list[dict[str, Any]]) -> tuple[Sample | None, str]:
    """The sample as it was before its tokens, if one was made, and the key of the input shard it
    was read from.
    """
    from etl.dataset.index import scan
    from etl.dataset.samples import gather

    work = place.inside(sample_id)
    rows = scan(work).filter(pl.col("sample_id") == sample_id)
    rows = rows.filter(pl.col("shard") == lost[0]["shard"] if lost else pl.col("reason") == "")
    row = rows.select("shard", "row", "chars").head(1).collect()
    if not row.height and lost:
        return None, lost[0]["shard"]
    if not row.height:
        raise IntegrityError(
            f"{work.index} does not hold {sample_id}, which is in the dataset; build again"
        )
    return next(gather(row, work)), str(row["shard"][0])


def _unencoded(place: Place, made: Sample | None) -> list[dict[str, Any]]:
    """What would have been encoded."""
    if made is None:
        return []
    prompt = Prompt(**place.manifest["settings"]["packed"]["prompt"])
    texts = prompt.user(made), prompt.completion(made)
    return [{"loss": bool(at), "tokens": None, "text": text} for at, text in enumerate(texts)]


def text(found: Mapping[str, Any], whole: bool = False) -> str:
    """`view` for reading; what carries loss is green on a terminal and between markers anywhere,
    the target is highlighted. whole: all lines of the observation, instead of those around the
    target.
    """
    start_tag = _target(found)
    lines = [*_facts(found)]
    for run in found["runs"]:
        size = "not encoded" if run["tokens"] is None else f"{run['tokens']:,} tokens"
        lines += ["", dim(f"[loss, {size}]" if run["loss"] else f"[no loss, {size}]")]
        for line in run["text"].split("\n"):
            of_history = line.startswith("Target: ") and not run["loss"]
            lines += _laid_out(
                line, "" if of_history else start_tag, loss if run["loss"] else str, whole
            )
        lines += [dim("[end of loss]")] if run["loss"] else []
    if found["page"] is not None:
        lines += ["", *pages.text(found["page"], whole)]
    return "\n".join(lines)


def _target(found: Mapping[str, Any]) -> str:
    """The start tag of the element that the action is on, as it stands in the runs."""
    if found["fields"] is None:
        return target_of("".join(run["text"] for run in found["runs"] if run["loss"]))
    start_tag = str(found["fields"]["target_html"])
    there = any(start_tag in run["text"] for run in found["runs"])
    return start_tag if there else unicodedata.normalize("NFC", start_tag)


def _facts(found: Mapping[str, Any]) -> Iterator[str]:
    listed, fields = found["listed"], found["fields"]
    yield cell(found["sample_id"])
    if listed is not None:
        chunk = (
            f", chunk {listed['chunk']} of {listed['chunks']} from the right"
            if listed["chunks"] > 1
            else ""
        )
        whole = listed["prompt_tokens"] + listed["completion_tokens"]
        yield f"  in {listed['split']}: row {listed['row']} of {listed['packed']}{chunk}"
        yield cell(
            f"  {listed['action_kind']} on {listed['domain']} ({listed['subdomain']}), step "
            f"{listed['step']}"
        )
        sizes = (
            f"{listed['prompt_tokens']:,} of the prompt, {listed['completion_tokens']:,} of "
            "the completion"
        )
        yield f"  {whole:,} tokens: {sizes}"
    for drop in found["drops"]:
        detail = f": {drop['detail']}" if drop["detail"] else ""
        yield cell(f"  dropped by {drop['stage']}, {drop['reason']}{detail}")
    if listed is not None or fields is not None:
        raw = fields["raw_chars"] if listed is None else listed["raw_chars"]
        pruned = len(fields["observation"]) if listed is None else listed["pruned_chars"]
        yield (
            f"  page: {count(raw)} characters, {count(pruned)} pruned "
            f"({percent(pruned / max(1, raw), 0)})"
        )
    if fields is not None:
        yield cell(
            f"  recorded in {fields['origin']}, probability of English {fields['language_score']}"
        )


def _laid_out(line: str, start_tag: str, style: Callable[[str], str], whole: bool) -> list[str]:
    """A line of a prompt; one of much markup as a line a tag, indented as they are nested, around
    the target.
    """
    if len(line) <= _WHOLE_LINE or "<" not in line:
        return [_marked(line, start_tag, style)]
    before, tags = pages.tags(line)
    lines: list[str] = []
    depth, at = 0, -1
    for each in tags:
        if each.startswith("</"):
            depth = max(0, depth - 1)
            lines[-1:] = [f"{lines[-1]} {each}" if lines else each]
            continue
        at = len(lines) if start_tag and each.startswith(start_tag) else at
        lines.append("  " * depth + each)
        depth += not (
            each.partition(">")[0].endswith("/")
            or each[1:].partition(" ")[0].rstrip(">") in VOID_TAGS
        )
    marked = [_marked(each, start_tag, style) for each in lines]
    head = [_marked(before, "", style)] if before else []
    return [*head, *(marked if whole else pages.around(marked, at, CONTEXT))]


def _marked(line: str, start_tag: str, style: Callable[[str], str]) -> str:
    """A line in colour, the target in it highlighted."""
    before, found, after = line.partition(start_tag) if start_tag else (line, "", "")
    parts = style(printable(before)) if before else "", target(printable(found)) if found else ""
    return "".join((*parts, style(printable(after)) if after else ""))
