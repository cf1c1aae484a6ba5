"""Add a workflow to a file of JSON lines, in our own format."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from etl.tally import as_record
from schemas.errors import ConfigError
from schemas.workflow import Workflow


def may_append(path: Path, workflow_id: str = "") -> None:
    """See to it, before anything is recorded, that a workflow can be added to a file.

    Raises:
        ConfigError: the file holds something else, or a workflow of this id, or its name is not
            that of plain JSON lines.
    """
    if path.suffix != ".jsonl":
        raise ConfigError(f"--out {path}: its name must end with .jsonl")
    if not path.parent.is_dir():
        raise ConfigError(f"--out {path}: there is no folder {path.parent}")
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            found = _id(line)
            if found is None:
                raise ConfigError(
                    f"--out {path}: line {number} is no workflow of stepmill's own format; "
                    "choose another file"
                )
            if workflow_id and found == workflow_id:
                raise ConfigError(
                    f"--id {workflow_id}: line {number} of {path} has a workflow of this id; "
                    "choose another one"
                )


def _id(line: bytes) -> str | None:
    """The id of the workflow on a line; None if it holds none."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not (isinstance(record, dict) and {"workflow_id", "objective", "steps"} <= record.keys()):
        return None
    return str(record["workflow_id"])


def append(path: Path, workflow: Workflow) -> None:
    """Write a workflow as one more line, and wait until it is on the disk."""
    record = as_record(workflow)
    for part in (record, *record["steps"]):  # objects, as a recorder writes them
        part["meta"] = orjson.loads(part["meta"] or "{}")
    with path.open("ab+") as lines:
        end = lines.seek(0, os.SEEK_END)
        if end:
            lines.seek(end - 1)
            if lines.read(1) != b"\n":
                lines.write(b"\n")
        lines.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        lines.flush()
        os.fsync(lines.fileno())
