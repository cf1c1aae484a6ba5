"""Find the thing of a build that an id identifies: stepmill's id, or the recording's own.

A full id (``workflows:shop-01``, ``workflows:shop-01/3``, ``a.jsonl#line=31``) identifies one
thing. A shorter one is looked up in several forms: stepmill's id without the source, a step's own
id in the recording, alone or after the workflow's, and the end of a record's path. If the
recording's step ids merely count from 0, stepmill's ids, which count from 1, take precedence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import polars as pl

from etl.dataset import state
from etl.dataset.layout import LEDGER, Layout, shelf
from etl.files import storage
from etl.files.arrow import open_arrow, read_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

_SHOWN = 10
"""At most this many candidates are listed in an error."""

_COMPARED = 20_000
"""At most this many ids are compared with an unknown one, to suggest similar ones."""

_CLOSE = 0.75
"""The least similarity of a suggestion (`difflib`, 0 to 1)."""


class Ambiguous(ConfigError):
    """Several things share an id."""

    def __init__(self, message: str, candidates: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.candidates = candidates
        """The ``unit`` of each, its full ``id``, and the one it has in the recording."""


def resolved(out: AnyPath, wanted: str) -> str:
    """The full id of the thing that ``wanted`` identifies.

    Raises:
        Ambiguous: if several things share that id.
        ConfigError: if nothing has it; the message suggests similar ids.
    """
    matches: dict[str, dict[str, str]] = {}
    near: set[str] = set()
    for rows in _read(out):
        if rows.filter(pl.col("id") == wanted).height:
            return wanted
        for row in rows.filter(_meant(wanted)).iter_rows(named=True):
            matches.setdefault(row["id"], {name: row[name] for name in ("unit", "id", "recorded")})
        if not matches and len(near) < _COMPARED:
            near.update(_alike(rows, wanted))
    if len(matches) > 1:
        matches = _without_counted(matches, wanted)
    if len(matches) == 1:
        return next(iter(matches))
    if not matches:
        close = difflib.get_close_matches(wanted, sorted(near), 3, _CLOSE)
        hint = _listed(out, wanted) + (f"; near ones: {', '.join(close)}" if close else "")
        raise ConfigError(
            f"{wanted}: nothing with that id was read in {out}{hint}. To list ids: stepmill "
            f"inspect {out} samples"
        )
    order = {"workflow": 0, "step": 1, "record": 2}
    candidates = sorted(matches.values(), key=lambda each: (order.get(each["unit"], 3), each["id"]))
    lines = "".join(f"\n  {each['unit']} {each['id']}" for each in candidates[:_SHOWN])
    more = f"\n  and {len(candidates) - _SHOWN:,} more" if len(candidates) > _SHOWN else ""
    hint = f"name one of them, for example: stepmill explain {out} {candidates[0]['id']}"
    raise Ambiguous(
        f"{wanted}: {len(candidates):,} things have that id; {hint}{lines}{more}", candidates
    )


def _listed(out: AnyPath, wanted: str) -> str:
    """Whether a list of the recipe has an id that was not read, in words."""
    path = Layout(out).work.unmatched
    rows = read_json(path) if storage.exists(path) else []
    settings = ", ".join(row["setting"] for row in rows if row["entry"] == wanted)
    return f"; it is in {settings}, and matches nothing there" if settings else ""


def _without_counted(matches: dict[str, dict[str, str]], wanted: str) -> dict[str, dict[str, str]]:
    """Leave out steps that match by an id which merely counts from 0, if one of ours matches.

    Sources number steps from 0 where the recording has no ids; nobody means those.
    """
    ours = {name: row for name, row in matches.items() if name.partition(":")[2] == wanted}
    others = [row for name, row in matches.items() if name not in ours]
    counted = all(row["recorded"].isdecimal() and _counts_from_0(row) for row in others)
    return ours if ours and counted else matches


def _counts_from_0(row: dict[str, str]) -> bool:
    number = row["id"].rpartition("/")[2]
    return number.isdecimal() and int(number) == int(row["recorded"]) + 1


def _read(out: AnyPath) -> Iterator[pl.DataFrame]:
    """Records, workflows and steps that were read, one ledger at a time."""
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
    """Rows that a short form of an id identifies."""
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
    """Ids of about the same length, in all their forms."""
    length = len(wanted)
    for name in (pl.col("id"), _own("id"), pl.col("recorded")):
        close = name.str.len_chars().is_between(max(1, length - 3), length + 3)
        yield from rows.select(name.alias("id").filter(close))["id"].unique().sort().head(_COMPARED)
