"""Proof of a takedown: search a file for the ids and domains of the list.

Columns are identified by their names in any file: ids, domains, addresses, quarantined bytes. JSON
and other text is searched for domains. Three things are not searched: pages and other texts of
workflows that are not on the list, which may mention anything; names of inputs; and names of
JSON-LD's vocabularies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.decisions.takedown import Takedown
from etl.files import scratch, storage
from etl.files.arrow import batches, open_arrow
from etl.files.storage import AnyPath
from etl.pages.domain import domain_of
from etl.pages.mentions import mentioned
from schemas.reasons import TAKEN_DOWN

_WORKFLOWS: Final = ("workflow",)
_SAMPLES: Final = ("sample_id", "sample_ids")
_DOMAINS: Final = ("domain", "subdomain", "website")
_LEDGER: Final = ("unit", "id", "parent", "reason", "detail", "domain")
_OF_INPUTS: Final = frozenset({"inputs", "generations", "settings", "name"})
"""Keys of JSON whose values hold names of inputs."""
_OF_FORMATS: Final = frozenset({"@context", "conformsTo"})
"""Keys of JSON-LD whose values name the vocabularies that it uses."""

Columns = Mapping[str, list[Any]]


def named_in(path: AnyPath, takedown: Takedown) -> bool:
    """Whether a file holds anything that a list takes down."""
    return any(found_in(path, takedown))


def found_in(path: AnyPath, takedown: Takedown, ledger: AnyPath | None = None) -> Iterator[str]:
    """The ids, domains and addresses in a file that a list takes down.

    ledger: for a quarantine file, the ledger of its input shard; it gives the ids of the workflows
        that were taken down from it.
    """
    if path.suffix == ".arrow":
        reader = open_arrow(path)
        names = set(reader.schema.names)
        if "raw" in names:
            yield from _in_quarantine(reader.read_all(), _ids_taken(ledger), takedown)
        elif "unit" in names:
            yield from _in_ledger(reader.read_all().select(list(_LEDGER)), takedown)
        else:
            yield from _in_batches(batches(path), takedown)
    elif path.suffix == ".parquet":
        with pq.ParquetFile(scratch.copy_of(path)) as file:
            searched = {*_WORKFLOWS, *_SAMPLES, *_DOMAINS}
            columns = [name for name in file.schema_arrow.names if name in searched]
            yield from _in_batches(file.iter_batches(columns=columns), takedown)
    elif path.suffix == ".json":
        yield from _in_json(orjson.loads(storage.read_bytes(path)), takedown)
    else:
        yield from mentioned(storage.read_bytes(path).decode("utf-8", "replace"), takedown.domains)


def _in_batches(batches: Iterable[pa.RecordBatch], takedown: Takedown) -> Iterator[str]:
    """Search rows about workflows and samples."""
    for batch in batches:
        names = {*_WORKFLOWS, *_SAMPLES, *_DOMAINS, "url"} & set(batch.schema.names)
        columns: Columns = {name: batch.column(name).to_pylist() for name in sorted(names)}
        for name in _WORKFLOWS:
            yield from (id for id in columns.get(name, ()) if takedown.names(id))
        ids = [
            *columns.get("sample_id", ()),
            *(id for row in columns.get("sample_ids", ()) for id in row),
        ]
        yield from (id for id in ids if takedown.names(_workflow(id)))
        for name in _DOMAINS:
            for value in set(columns.get(name, ())):
                if _listed(f"https://{value}/", value, takedown):
                    yield value
        yield from (url for url in set(columns.get("url", ())) if _listed(url, "", takedown))


def _listed(url: str, name: str, takedown: Takedown) -> bool:
    return name in takedown.domains or domain_of(url, "").domain in takedown.domains


def _workflow(step: str) -> str:
    """The uid of the workflow of a step or sample."""
    return step.rpartition("/")[0]


def _in_ledger(table: pa.Table, takedown: Takedown) -> Iterator[str]:
    """Search a ledger, where a workflow that was taken down may leave its ids and nothing else."""
    rows = pl.from_arrow(table)
    assert isinstance(rows, pl.DataFrame)
    key = ["unit", "id"]
    taken = rows.filter(pl.col("reason") == TAKEN_DOWN).select(key).unique()
    domains = rows.join(taken, on=key).select("unit", "id", "domain").unique().sort(pl.all())
    for unit, id, domain in domains.iter_rows():
        if domain:
            yield f"the domain of {unit} {id}"
    others = rows.join(taken, on=key, how="anti").select(key).unique().sort(pl.all())
    for unit, id in others.iter_rows():
        if unit != "record" and takedown.names(id if unit == "workflow" else _workflow(id)):
            yield id
    for name in rows["domain"].unique().sort():
        if _listed(f"https://{name}/", name, takedown):
            yield name


def _ids_taken(ledger: AnyPath | None) -> list[str]:
    """The uids of the workflows that were taken down from an input shard; none without a ledger."""
    if ledger is None or not storage.exists(ledger):
        return []
    rows = pl.from_arrow(open_arrow(ledger).read_all().select(["unit", "id", "reason"]))
    assert isinstance(rows, pl.DataFrame)
    taken = (pl.col("unit") == "workflow") & (pl.col("reason") == TAKEN_DOWN)
    return rows.filter(taken)["id"].to_list()


def _in_quarantine(table: pa.Table, ids: list[str], takedown: Takedown) -> Iterator[str]:
    """Search for records that keep detail or bytes though they name something taken down."""
    for row in table.select(["id", "detail", "raw"]).to_pylist():
        if (row["detail"] or row["raw"]) and takedown.in_record(
            row["id"], row["detail"], row["raw"], ids=ids
        ):
            yield f"record {row['id']}"


def _in_json(value: Any, takedown: Takedown) -> Iterator[str]:
    """Search texts and keys of JSON, except names of inputs and of vocabularies."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in _OF_INPUTS and key not in _OF_FORMATS:
                yield from mentioned(key, takedown.domains)
                yield from _in_json(item, takedown)
    elif isinstance(value, list):
        for item in value:
            yield from _in_json(item, takedown)
    elif isinstance(value, str):
        yield from mentioned(value, takedown.domains)
