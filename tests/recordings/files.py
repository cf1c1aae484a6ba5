"""Writes and reads the files of recordings; the same records give the same bytes. Knows no browser
and no HTML.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from schemas.workflow_table import WORKFLOW_SCHEMA

Record = dict[str, Any]

SCRIBE_COLUMNS: Final = (
    "document_metadata_id",
    "document_metadata_name",
    "action_kind",
    "action_description",
    "action_url",
    "action_target_selector",
    "action_step_number",
    "action_dom",
    "action_id",
)
WORKFLOWS_A_GROUP: Final = 5
FORMATS: Final = {
    ".jsonl.zst": "workflows, JSONL, zstd",
    ".jsonl": "workflows, JSONL",
    ".parquet": "workflows, Parquet, zstd",
    ".csv.gz": "scribe, CSV, gzip",
}


def format_of(name: str) -> str:
    """What a file name's ending stands for."""
    return next(text for ending, text in FORMATS.items() if name.endswith(ending))


def write_workflows(workflows: list[Record], path: Path) -> None:
    """Write our interchange format: Parquet by row groups of a few workflows, or JSONL, plain or as
    one zstd frame.
    """
    if path.suffix == ".parquet":
        rows = pa.Table.from_pylist(workflows, schema=WORKFLOW_SCHEMA)
        pq.write_table(
            rows, path, compression="zstd", compression_level=19, row_group_size=WORKFLOWS_A_GROUP
        )
        return
    text = "".join(
        json.dumps(w, ensure_ascii=False, separators=(",", ":")) + "\n" for w in workflows
    )
    data = text.encode()
    if path.suffix == ".zst":
        # A window of 8 MB sees the page before; decoders accept it without being asked.
        settings = zstandard.ZstdCompressionParameters.from_level(
            19, window_log=23, write_checksum=True
        )
        data = zstandard.ZstdCompressor(compression_params=settings).compress(data)
    path.write_bytes(data)


def write_scribe(rows: list[Record], path: Path) -> None:
    """Write the reference pipeline's CSV, gzip-compressed without a date or a name inside."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, SCRIBE_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def read(path: Path) -> Iterator[Record]:
    """The workflows of a file in our interchange format, whatever it is written in."""
    if path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
    elif path.suffix == ".gz":
        yield from read_scribe(path)
    else:
        data = path.read_bytes()
        text = (
            zstandard.ZstdDecompressor().decompress(data) if path.suffix == ".zst" else data
        ).decode()
        yield from (json.loads(line) for line in text.splitlines())


def read_scribe(path: Path) -> Iterator[Record]:
    """The workflows of a scribe CSV; rows that are no actions (section, instruction) are passed
    over.
    """
    csv.field_size_limit(10_000_000)
    workflows: dict[str, Record] = {}
    for row in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode(), newline="")):
        uid = row["document_metadata_id"]
        workflow = workflows.setdefault(uid, {"workflow_id": uid, "steps": []})
        if row["action_dom"]:
            locator = {"kind": "css", "name": "", "value": row["action_target_selector"]}
            step = {
                "step_id": row["action_id"],
                "html": row["action_dom"],
                "target": [locator],
                "error": "",
            }
            workflow["steps"].append(step)
    yield from workflows.values()
