"""One sample in full: its prompt and its completion, decoded from the tokens in the dataset.

With the work folder, it also shows the fields that the prompt was made from, the page before and
after pruning (`etl.look.pages`), and dropped steps.
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
from etl.pages.tokens import VOID_TAGS
from etl.terminal.text import cell, count, dim, loss, percent, printable, target
from schemas.errors import ConfigError, IntegrityError
from schemas.ledger import LISTING_SCHEMA
from schemas.sample_table import SAMPLE_SCHEMA
from schemas.samples import Sample
from tokenization.prompt import Prompt, target_of

CONTEXT: Final = 12
"""The number of lines shown before and after the target, unless all are."""

_WHOLE_LINE: Final = 160
"""A longer line of markup, in characters, is split into one line a tag."""


def view(place: Place, wanted: str, vocabulary: str = "", page: bool = False) -> dict[str, Any]:
    """A sample, or a dropped step.

    wanted: its id; the part after the colon is enough where it is unambiguous. vocabulary: see
    `runs_of`. page: whether to read the recorded page too.

    ``in_dataset``: whether it is; ``listed``: its row in the listing; ``drops``: where and why it
    was dropped; ``fields``: those of the sample, null without a work folder or for a step that
    became no sample; ``runs``: runs of tokens with and without loss, whose ``tokens`` is null if
    they were not encoded; ``page``: see `etl.look.pages.view`.

    Raises:
        ConfigError: if there is no such sample and no such step.
        IntegrityError: if the data file or the index does not hold a listed sample.
    """
    listed = next(iter(_matching(place.listing(LISTING_SCHEMA.names), "sample_id", wanted)), None)
    if listed is None and place.work is None:
        raise ConfigError(
            f"{wanted}: no such sample in {place.given}. Those that there are: stepmill inspect "
            f"{place.given} samples"
        )
    drops = [] if listed is not None else _dropped(place, wanted)
    sample_id = listed["sample_id"] if listed is not None else drops[0]["id"]
    made, shard = (None, "") if place.work is None else _made(place, sample_id, drops)
    runs = runs_of(place, listed, vocabulary) if listed is not None else _unencoded(place, made)
    result: dict[str, Any] = {
        "sample_id": sample_id,
        "in_dataset": listed is not None,
        "listed": listed,
        "drops": [
            {name: drop[name] for name in ("stage", "reason", "detail", "domain", "input")}
            for drop in drops
        ],
        "fields": made and {name: getattr(made, name) for name in SAMPLE_SCHEMA.names},
        "runs": runs,
        "page": None,
    }
    if page:
        result["page"] = pages.view(
            place, sample_id, shard, made, [drop["reason"] for drop in drops]
        )
    return result


def _matching(frame: pl.LazyFrame, column: str, wanted: str) -> list[dict[str, Any]]:
    """The rows that an id identifies.

    Raises:
        ConfigError: if the part after the colon is ambiguous.
    """
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
    """The drops of a step, one for each time it was read.

    Raises:
        ConfigError: if there are none.
    """
    steps = _matching(drops(place.inside(wanted)).filter(pl.col("unit") == "step"), "id", wanted)
    if not steps:
        raise ConfigError(
            f"{wanted}: no such sample in the dataset, and no such step was dropped. To find out "
            f"more: stepmill explain {place.given} {wanted}"
        )
    return steps


def _made(place: Place, sample_id: str, drops: list[dict[str, Any]]) -> tuple[Sample | None, str]:
    """The structured sample, if one was made, and the key of the input shard it was read from."""
    from etl.dataset.index import scan
    from etl.dataset.samples import gather

    work = place.inside(sample_id)
    rows = scan(work).filter(pl.col("sample_id") == sample_id)
    rows = rows.filter(pl.col("shard") == drops[0]["shard"] if drops else pl.col("reason") == "")
    row = rows.select("shard", "bundle", "row", "chars").head(1).collect()
    if not row.height and drops:
        return None, drops[0]["shard"]
    if not row.height:
        raise IntegrityError(
            f"{work.index} does not hold {sample_id}, which is in the dataset; build again"
        )
    return next(gather(row, work)), str(row["shard"][0])


def _unencoded(place: Place, made: Sample | None) -> list[dict[str, Any]]:
    """Prompt and completion of a sample that was not encoded."""
    if made is None:
        return []
    prompt = Prompt(**place.manifest.settings["packed"]["prompt"])
    texts = prompt.user(made), prompt.completion(made)
    return [{"loss": bool(at), "tokens": None, "text": text} for at, text in enumerate(texts)]


def text(result: Mapping[str, Any], whole: bool = False) -> str:
    """`view` as text.

    Text with loss stands between markers, and is green on a terminal; the target is highlighted.
    whole: show all lines of the observation, not only those around the target.
    """
    start_tag = _target(result)
    lines = [*_facts(result)]
    for run in result["runs"]:
        size = "not encoded" if run["tokens"] is None else f"{run['tokens']:,} tokens"
        lines += ["", dim(f"[loss, {size}]" if run["loss"] else f"[no loss, {size}]")]
        for line in run["text"].split("\n"):
            of_history = line.startswith("Target: ") and not run["loss"]
            lines += _laid_out(
                line, "" if of_history else start_tag, loss if run["loss"] else str, whole
            )
        lines += [dim("[end of loss]")] if run["loss"] else []
    if result["page"] is not None:
        lines += ["", *pages.text(result["page"], whole)]
    return "\n".join(lines)


def _target(result: Mapping[str, Any]) -> str:
    """The start tag of the target, as it is written in the runs."""
    if result["fields"] is None:
        return target_of("".join(run["text"] for run in result["runs"] if run["loss"]))
    start_tag = str(result["fields"]["target_html"])
    there = any(start_tag in run["text"] for run in result["runs"])
    return start_tag if there else unicodedata.normalize("NFC", start_tag)


def _facts(result: Mapping[str, Any]) -> Iterator[str]:
    """Lines about a sample: where it is, its sizes, and why it was dropped."""
    listed, fields = result["listed"], result["fields"]
    yield cell(result["sample_id"])
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
    for drop in result["drops"]:
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
    """A line of a prompt; a long one of markup as a line a tag, indented, around the target."""
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
    """A line in its style, with the target highlighted."""
    before, tag, after = line.partition(start_tag) if start_tag else (line, "", "")
    parts = style(printable(before)) if before else "", target(printable(tag)) if tag else ""
    return "".join((*parts, style(printable(after)) if after else ""))
