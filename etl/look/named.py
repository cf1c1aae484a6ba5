"""Which thing of a build an id names: as stepmill writes it, or as the recording has it.

An id as it is written (``workflows:shop-01``, ``workflows:shop-01/3``, ``a.jsonl#line=31``) names
one thing. Else all that can be meant is looked for: the part after the source, a recording's own id
of a step, alone or after its workflow's, and the end of a record's path. Where a step's own id only
counts from 0, ours comes before it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import polars as pl

from etl.dataset import state
from etl.dataset.layout import LEDGER, Layout, shelf
from etl.files.arrow import open_arrow
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

_SHOWN = 10
_COMPARED = 20_000
"""So many ids at most are compared with one that nothing has."""
_CLOSE = 0.75


class Ambiguous(ConfigError):
    """An id that several things have. candidates: what each is, and the id that names it alone."""

    def __init__(self, message: str, candidates: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.candidates = candidates


def resolved(out: AnyPath, wanted: str) -> str:
    """The id of the one thing that is meant, as stepmill writes it.

    Raises `Ambiguous` if several can be meant; `ConfigError` naming near ones if nothing can.
    """
    found: dict[str, dict[str, str]] = {}
    near: set[str] = set()
    for rows in _read(out):
        if rows.filter(pl.col("id") == wanted).height:
            return wanted
        for row in rows.filter(_meant(wanted)).iter_rows(named=True):
            found.setdefault(row["id"], {name: row[name] for name in ("unit", "id", "recorded")})
        if not found and len(near) < _COMPARED:
            near.update(_alike(rows, wanted))
    if len(found) > 1:
        found = _without_counted(found, wanted)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        close = difflib.get_close_matches(wanted, sorted(near), 3, _CLOSE)
        hint = f"; near ones: {', '.join(close)}" if close else ""
        raise ConfigError(
            f"{wanted}: nothing of that id was read in {out}{hint}. Ids of a build: stepmill "
            f"inspect {out} samples"
        )
    order = {"workflow": 0, "step": 1, "record": 2}
    candidates = sorted(found.values(), key=lambda each: (order.get(each["unit"], 3), each["id"]))
    lines = "".join(f"\n  {each['unit']} {each['id']}" for each in candidates[:_SHOWN])
    more = f"\n  and {len(candidates) - _SHOWN:,} more" if len(candidates) > _SHOWN else ""
    hint = f"name one of them, for example: stepmill explain {out} {candidates[0]['id']}"
    raise Ambiguous(
        f"{wanted}: {len(candidates):,} things have that id; {hint}{lines}{more}", candidates
    )


def _without_counted(found: dict[str, dict[str, str]], wanted: str) -> dict[str, dict[str, str]]:
    """Without steps whose own id only counts from 0, as it does where none was recorded, if one of
    our ids is meant.
    """
    ours = {name: row for name, row in found.items() if name.partition(":")[2] == wanted}
    others = [row for name, row in found.items() if name not in ours]
    counted = all(row["recorded"].isdecimal() and _counts_from_0(row) for row in others)
    return ours if ours and counted else found


def _counts_from_0(row: dict[str, str]) -> bool:
    number = row["id"].rpartition("/")[2]
    return number.isdecimal() and int(number) == int(row["recorded"]) + 1


def _read(out: AnyPath) -> Iterator[pl.DataFrame]:
    """All that was read, a ledger at a time; a sample has its step's id."""
    work = Layout(out).work
    for path in shelf(work).existing(LEDGER, state.keys(work)):
        rows = pl.from_arrow(
            open_arrow(path).read_all().select(["unit", "id", "parent", "reason", "recorded"])
        )
        assert isinstance(rows, pl.DataFrame)
        yield rows.filter((pl.col("reason") == "") & (pl.col("unit") != "sample"))


def _own(name: str) -> pl.Expr:
    """An id without its source."""
    return pl.col(name).str.splitn(":", 2).struct.field("field_1").fill_null(pl.col(name))


def _meant(wanted: str) -> pl.Expr:
    """Rows that have an id in one of its shorter forms."""
    flow, slash, step = wanted.rpartition("/")
    recorded = (pl.col("unit") == "step") & (pl.col("recorded") != "")
    meant = (_own("id") == wanted) & (pl.col("unit") != "record")
    meant |= recorded & (pl.col("recorded") == wanted)
    meant |= (pl.col("unit") == "record") & pl.col("id").str.ends_with(f"/{wanted}")
    if slash:
        meant |= (
            recorded
            & (pl.col("recorded") == step)
            & ((pl.col("parent") == flow) | (_own("parent") == flow))
        )
    return meant


def _alike(rows: pl.DataFrame, wanted: str) -> Iterator[str]:
    """Ids of about the same length, in the form in which one was asked for."""
    length = len(wanted)
    for name in (pl.col("id"), _own("id"), pl.col("recorded")):
        close = name.str.len_chars().is_between(max(1, length - 3), length + 3)
        yield from rows.select(name.alias("id").filter(close))["id"].unique().sort().head(_COMPARED)
