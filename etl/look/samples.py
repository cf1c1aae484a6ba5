"""The samples of a dataset, and the steps that became none: filtered, sorted, drawn at random.

Samples are read from the listing that is published with the dataset; dropped steps from the ledger
in the work folder, where each stands with its reason.
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
"""Of a sample in the dataset. ``tokens``: prompt and completion together."""

DROPPED: Final = ("sample_id", "domain", "stage", "reason", "detail", "input")
"""Of a step that is in none."""

_TOGETHER: Final = 50_000
"""Rows that are written together."""

_SHOWN: Final = {
    "sample_id": "sample", "split": "split", "domain": "domain", "action_kind": "action",
    "step": "step",
    "tokens": "tokens", "prompt_tokens": "prompt", "completion_tokens": "completion",
    "chunks": "chunks",
    "raw_chars": "page", "pruned_chars": "pruned",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """domain: a glob; split, action, source: exact. shortest, longest: tokens of the whole sample.
    reason: why a step was dropped, instead of samples in the dataset.
    """

    domain: str = ""
    split: str = ""
    action: str = ""
    source: str = ""
    shortest: int | None = None
    longest: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Order:
    """sort: a column, as it is in the dataset without; descending: largest first. limit: at most so
    many, 0 for all. drawn: so many at random by a seed, instead.
    """

    sort: str = ""
    descending: bool = False
    limit: int = 20
    drawn: int = 0
    seed: int = 0


def scan(place: Place, wanted: Wanted) -> pl.LazyFrame:
    """Samples of the dataset with `COLUMNS`, those that are wanted, in the order of the dataset."""
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
    """Rows of the domains that a glob names."""
    known = place.table("domains")["domain"].to_list()
    return pl.col("domain").is_in(fnmatch.filter(known, pattern))


def dropped(place: Place, wanted: Wanted) -> pl.LazyFrame:
    """Steps that were dropped for a reason, with `DROPPED`, in the order of the inputs.

    Raises `ConfigError` beside a published dataset, for a filter that is of samples only, and for a
    reason that nothing was dropped for.
    """
    from etl.dataset.drops import drops

    work = place.inside(f"--reason {wanted.reason}")
    texts = {"--split": wanted.split, "--action": wanted.action, "--source": wanted.source}
    numbers = {"--min-tokens": wanted.shortest, "--max-tokens": wanted.longest}
    given = [name for name, text in texts.items() if text]
    given += [name for name, number in numbers.items() if number is not None]
    if given:
        raise ConfigError(
            f"{', '.join(given)} with --reason: a step that was dropped has none of these"
        )
    known = sorted({drop["reason"] for drop in place.manifest["accounting"]["step"]["reasons"]})
    if wanted.reason not in known:
        raise ConfigError(
            f"--reason {wanted.reason}: no step was dropped so; there are: "
            f"{', '.join(known) or 'none'}"
        )
    found = drops(work).filter((pl.col("unit") == "step") & (pl.col("reason") == wanted.reason))
    if wanted.domain:
        found = found.filter(_of_domain(place, wanted.domain))
    return found.rename({"id": "sample_id"}).select(DROPPED)


def view(place: Place, wanted: Wanted, order: Order) -> dict[str, Any]:
    """The samples that are wanted as a frame, and how many there are; ``columns`` are those of all
    of them.

    Raises `ConfigError` for a column that there is not.
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
    """So many rows at random, in the order drawn: by the seed and the number of rows alone."""
    places = random.Random(order.seed).sample(range(matched), min(order.drawn, matched))
    at = pl.DataFrame({"at": places}, schema={"at": pl.UInt32})
    rows = frame.with_row_index("at").filter(pl.col("at").is_in(places)).collect()
    return at.join(rows, on="at", how="left", maintain_order="left").drop("at")


def drawn(place: Place, wanted: Wanted, seed: int) -> str:
    """The id of one sample at random. Raises `ConfigError` if none matches."""
    chosen = view(place, wanted, Order(drawn=1, seed=seed))["samples"]
    if not chosen.height:
        raise ConfigError(
            f"{place.given}: no sample matches; see: stepmill inspect {place.given} samples"
        )
    return str(chosen["sample_id"][0])


def as_csv(found: Mapping[str, Any]) -> Iterator[str]:
    """`view` as CSV, some rows at a time."""
    frame: pl.DataFrame = found["samples"]
    yield frame.clear().write_csv().removesuffix("\n")
    for part in frame.iter_slices(_TOGETHER):
        yield part.write_csv(include_header=False).removesuffix("\n")


def as_json(found: Mapping[str, Any]) -> Iterator[str]:
    """`view` as JSON, some rows at a time: ``samples`` and how many ``matched``."""
    frame: pl.DataFrame = found["samples"]
    yield '{"matched": ' + str(found["matched"]) + ', "samples": ['
    for start in range(0, frame.height, _TOGETHER):
        rows = [
            orjson.dumps(row).decode()
            for row in frame.slice(start, _TOGETHER).iter_rows(named=True)
        ]
        yield ",\n".join(rows) + ("," if start + _TOGETHER < frame.height else "")
    yield "]}"


def text(found: Mapping[str, Any]) -> Iterator[str]:
    """`view` as a table, some rows at a time."""
    frame: pl.DataFrame = found["samples"]
    if not frame.height:
        yield "no sample matches"
    for start in range(0, frame.height, _TOGETHER):
        lines = _table(frame.slice(start, _TOGETHER), dropped=found["dropped"])
        yield "\n".join(lines[1:] if start else lines)
    if 0 < frame.height < found["matched"]:
        yield f"{frame.height:,} of {found['matched']:,}: --limit 0 shows all"


def _table(frame: pl.DataFrame, *, dropped: bool) -> list[str]:
    if dropped:
        rows = [["" if value is None else value for value in row] for row in frame.iter_rows()]
        return table(DROPPED, rows)
    values = frame.select(list(_SHOWN)).iter_rows()
    rows = [[value if isinstance(value, str) else count(value) for value in row] for row in values]
    return table([*_SHOWN.values()], rows)
