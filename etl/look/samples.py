"""List the samples of a dataset, or the steps that were dropped: filtered, sorted, or at random.

Samples are read from the listing that is published with the dataset. Dropped steps are read, with
their reasons, from the ledgers in the work folder.
"""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import polars as pl

from etl.dataset.place import Place
from etl.terminal.text import count, table
from schemas.errors import ConfigError

COLUMNS: Final = (
    "sample_id", "split", "domain", "subdomain", "source", "action_kind", "step", "history",
    "prompt_tokens",
    "completion_tokens", "tokens", "chunk", "chunks", "raw_chars", "pruned_chars", "packed", "row",
)  # fmt: skip
"""Columns of a sample. ``tokens`` are those of prompt and completion together."""

DROPPED: Final = ("sample_id", "domain", "stage", "reason", "detail", "input")
"""Columns of a dropped step."""

_TOGETHER: Final = 50_000
"""The number of rows that are written at a time."""

_SHOWN: Final = {
    "sample_id": "sample", "split": "split", "domain": "domain", "action_kind": "action",
    "step": "step",
    "tokens": "tokens", "prompt_tokens": "prompt", "completion_tokens": "completion",
    "chunks": "chunks",
    "raw_chars": "page", "pruned_chars": "pruned",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """Which samples, or which dropped steps, a view shows; an empty filter admits all."""

    domain: str = ""
    """Only domains that match this glob."""
    split: str = ""
    """Only this split."""
    action: str = ""
    """Only this kind of action."""
    source: str = ""
    """Only this recording format."""
    shortest: int | None = None
    """At least this many tokens, prompt and completion together."""
    longest: int | None = None
    """At most this many tokens, prompt and completion together."""
    reason: str = ""
    """Show steps dropped for this reason, instead of samples."""


@dataclass(frozen=True)
class Order:
    """How a view orders rows, and how many it shows."""

    sort: str = ""
    """The column to sort by; empty keeps the order of the dataset."""
    descending: bool = False
    """Whether the largest comes first."""
    limit: int = 20
    """Show at most this many; 0 shows all."""
    drawn: int = 0
    """Show this many at random, instead of the first ones."""
    seed: int = 0
    """The seed of that choice."""


def scan(place: Place, wanted: Wanted) -> pl.LazyFrame:
    """The wanted samples with their `COLUMNS`, in the order of the dataset."""
    own = [name for name in COLUMNS if name != "tokens"]
    every = place.listing(own, wanted.split)
    every = every.with_columns(tokens=pl.col("prompt_tokens") + pl.col("completion_tokens")).select(
        COLUMNS
    )
    if wanted.domain:
        every = every.filter(_of_domain(place, wanted.domain))
    for name, value in (("action_kind", wanted.action), ("source", wanted.source)):
        if value:
            every = every.filter(pl.col(name) == value)
    if wanted.shortest is not None:
        every = every.filter(pl.col("tokens") >= wanted.shortest)
    if wanted.longest is not None:
        every = every.filter(pl.col("tokens") <= wanted.longest)
    return every


def _of_domain(place: Place, pattern: str) -> pl.Expr:
    """The filter of rows whose domain matches a glob."""
    domains = place.table("domains")["domain"].to_list()
    return pl.col("domain").is_in(fnmatch.filter(domains, pattern))


def dropped(place: Place, wanted: Wanted) -> pl.LazyFrame:
    """Steps dropped for ``wanted.reason``, with the columns `DROPPED`, in the order of the inputs.

    Raises:
        ConfigError: if there is no work folder, if a filter applies to samples only, or if no step
            was dropped for that reason.
    """
    from etl.dataset.drops import drops

    work = place.inside(f"--reason {wanted.reason}")
    texts = {"--split": wanted.split, "--action": wanted.action, "--source": wanted.source}
    numbers = {"--min-tokens": wanted.shortest, "--max-tokens": wanted.longest}
    given = [name for name, text in texts.items() if text]
    given += [name for name, number in numbers.items() if number is not None]
    if given:
        raise ConfigError(
            f"{', '.join(given)} with --reason: a dropped step has none of these; leave them out"
        )
    reasons = sorted({drop.reason for drop in place.manifest.accounting["step"].reasons})
    if wanted.reason not in reasons:
        raise ConfigError(
            f"--reason {wanted.reason}: no step was dropped so; there are: "
            f"{', '.join(reasons) or 'none'}"
        )
    steps = drops(work).filter((pl.col("unit") == "step") & (pl.col("reason") == wanted.reason))
    if wanted.domain:
        steps = steps.filter(_of_domain(place, wanted.domain))
    return steps.rename({"id": "sample_id"}).select(DROPPED)


def view(place: Place, wanted: Wanted, order: Order) -> dict[str, Any]:
    """The wanted samples, or dropped steps, as a frame.

    ``samples``: the frame; ``matched``: the number of rows that match; ``columns``: the names of
    its columns; ``dropped``: whether they are dropped steps.

    Raises:
        ConfigError: if there is no such column to sort by, or as for `dropped`.
    """
    frame = dropped(place, wanted) if wanted.reason else scan(place, wanted)
    names = DROPPED if wanted.reason else COLUMNS
    if order.sort and order.sort not in names:
        raise ConfigError(
            f"--sort {order.sort}: there is no such column; there are: {', '.join(names)}"
        )
    matched = int(frame.select(pl.len()).collect().item())
    if order.drawn:
        chosen = _drawn(frame, matched, order)
    elif order.sort:
        by = [order.sort] if order.sort == "sample_id" else [order.sort, "sample_id"]
        descending = [order.descending, False][: len(by)]
        ordered = frame.sort(by, descending=descending)
        chosen = (ordered.head(order.limit) if order.limit else ordered).collect()
    else:
        chosen = (frame.head(order.limit) if order.limit else frame).collect()
    return {
        "samples": chosen,
        "matched": matched,
        "columns": list(names),
        "dropped": bool(wanted.reason),
    }


def _drawn(frame: pl.LazyFrame, matched: int, order: Order) -> pl.DataFrame:
    """Rows at random, in the order drawn; the choice depends on seed and number of rows alone."""
    places = random.Random(order.seed).sample(range(matched), min(order.drawn, matched))
    at = pl.DataFrame({"at": places}, schema={"at": pl.UInt32})
    rows = frame.with_row_index("at").filter(pl.col("at").is_in(places)).collect()
    return at.join(rows, on="at", how="left", maintain_order="left").drop("at")


def drawn(place: Place, wanted: Wanted, seed: int) -> str:
    """The id of one sample at random.

    Raises:
        ConfigError: if none matches.
    """
    chosen = view(place, wanted, Order(drawn=1, seed=seed))["samples"]
    if not chosen.height:
        raise ConfigError(
            f"{place.given}: no sample matches; see: stepmill inspect {place.given} samples"
        )
    return str(chosen["sample_id"][0])


def as_csv(result: Mapping[str, Any]) -> Iterator[str]:
    """`view` as CSV, in parts."""
    frame: pl.DataFrame = result["samples"]
    yield frame.clear().write_csv().removesuffix("\n")
    for part in frame.iter_slices(_TOGETHER):
        yield part.write_csv(include_header=False).removesuffix("\n")


def as_json(result: Mapping[str, Any]) -> Iterator[str]:
    """`view` as JSON, in parts: ``matched`` and ``samples``."""
    frame: pl.DataFrame = result["samples"]
    yield '{"matched": ' + str(result["matched"]) + ', "samples": ['
    for start in range(0, frame.height, _TOGETHER):
        rows = [
            orjson.dumps(row).decode()
            for row in frame.slice(start, _TOGETHER).iter_rows(named=True)
        ]
        yield ",\n".join(rows) + ("," if start + _TOGETHER < frame.height else "")
    yield "]}"


def text(result: Mapping[str, Any]) -> Iterator[str]:
    """`view` as a table, in parts."""
    frame: pl.DataFrame = result["samples"]
    if not frame.height:
        yield "no sample matches"
    for start in range(0, frame.height, _TOGETHER):
        lines = _table(frame.slice(start, _TOGETHER), dropped=result["dropped"])
        yield "\n".join(lines[1:] if start else lines)
    if 0 < frame.height < result["matched"]:
        yield f"{frame.height:,} of {result['matched']:,}: --limit 0 shows all"


def _table(frame: pl.DataFrame, *, dropped: bool) -> list[str]:
    if dropped:
        rows = [["" if value is None else value for value in row] for row in frame.iter_rows()]
        return table(DROPPED, rows)
    values = frame.select(list(_SHOWN)).iter_rows()
    rows = [[value if isinstance(value, str) else count(value) for value in row] for row in values]
    return table([*_SHOWN.values()], rows)
