"""Files of benchmarks, read to tasks: JSON, JSON lines, CSV and Parquet, compressed or not.

A benchmark is recognised by the keys of its records. A record that is no task is an error: half a
registry would find half of what a dataset shares with the benchmark.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from etl.decisions.benchmarks.catalogue import BY_NAME
from etl.files import nodes
from etl.files.side_files import decoded
from schemas.errors import ConfigError

_IDS: Final = ("task_id", "annotation_id", "id", "index", "workflow_id", "uid")
_TEXTS: Final = (
    "intent", "confirmed_task", "task_description", "ques", "task", "question", "goal",
    "utterance", "objective", "instruction", "task_name",
)  # fmt: skip
_SITES: Final = ("sites", "website", "web_name", "site")
_URLS: Final = ("start_urls", "start_url", "web", "url", "website")
_BOTH: Final = "|AND|"
"""Between the addresses of several tabs in WebArena's lists."""
_PARQUET: Final = b"PAR1"
_LISTS: Final = ("tasks", "data", "examples")
"""Keys of an object that holds nothing but a list of tasks."""


@dataclass(frozen=True)
class Task:
    """A task of a benchmark."""

    id: str
    # empty if the benchmark draws it anew each time, or has none
    text: str = ""
    # the text with ``{{variables}}``; empty if it has no such
    template: str = ""
    sites: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    # of its first page (`etl.decisions.near.signature.skeleton`); empty and 0 if none is known
    skeleton: bytes = b""
    shapes: int = 0


@dataclass(frozen=True)
class Listed:
    """The tasks of a benchmark."""

    name: str
    # as the user calls it, else the beginning of the hash of its files
    version: str
    tasks: tuple[Task, ...]
    # of the files' bytes
    sha256: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A file, and what the user says it is; written ``NAME@VERSION=FILE`` or shorter."""

    path: str
    name: str = ""
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> Asked:
        """What an argument asks for; a name has no slash and no dot.

        Raises:
            ConfigError: the name is almost that of a known benchmark.
        """
        head, equals, path = text.partition("=")
        name, _, version = head.partition("@")
        if not equals or not name.replace("_", "").replace("-", "").isalnum():
            return cls(text)
        name = name.replace("-", "_").lower()
        close = difflib.get_close_matches(name, BY_NAME, 1, cutoff=0.9)
        if name not in BY_NAME and close:
            raise ConfigError(
                f"{text}: there is no benchmark {name!r}; did you mean {close[0]!r}? Name one of "
                "your own less like it"
            )
        return cls(path, name, version)


def read(asked: Sequence[Asked]) -> list[Listed]:
    """The benchmarks in these files, in the order of their names; files of one are put together.

    Raises:
        ConfigError: a file cannot be read, is no list of tasks, or two tasks have one id.
    """
    found: dict[tuple[str, str], tuple[list[Task], list[str]]] = {}
    for each in asked:
        try:
            raw = nodes.read_bytes(each.path)
        except OSError as error:
            raise ConfigError(f"cannot read {each.path}: {error.strerror or error}") from error
        for name, tasks in _of_file(raw, each).items():
            every, hashes = found.setdefault((name, each.version), ([], []))
            every += tasks
            hashes.append(hashlib.sha256(raw).hexdigest())
    listed = []
    for (name, version), (tasks, hashes) in sorted(found.items()):
        hashes = sorted(set(hashes))
        known = version or hashlib.sha256("".join(hashes).encode()).hexdigest()[:12]
        listed.append(Listed(name, known, _each_once(tasks, name), tuple(hashes)))
    return listed


def _each_once(tasks: Iterable[Task], name: str) -> tuple[Task, ...]:
    """The tasks by id; rows of one task, as in files of steps, are one."""
    by_id: dict[str, Task] = {}
    for task in tasks:
        if by_id.setdefault(task.id, task) != task:
            raise ConfigError(
                f"{name}: two different tasks have the id {task.id!r}; give the files of different "
                "benchmarks different names: NAME=FILE"
            )
    return tuple(by_id[id] for id in sorted(by_id))


def _of_file(raw: bytes, asked: Asked) -> dict[str, list[Task]]:
    """The tasks of a file by benchmark."""
    where = asked.path
    records = _records(_plain(raw, where), where)
    if isinstance(records, Mapping):
        return {asked.name or "weblinx": [*_of_splits(records)]}
    if not records:
        raise ConfigError(f"{where}: no tasks in it")
    for number, each in enumerate(records, 1):
        if not isinstance(each, Mapping):
            raise ConfigError(f"{where}: record {number} is not an object")
    if {"task_name"} == {name for name in (*_IDS, *_TEXTS) if name in records[0]}:
        return _named(records, asked)
    name = asked.name or _recognised(records[0].keys(), where)
    prefix = _prefix(records) if name == "visualwebarena" else ""
    return {
        name: [_task(each, prefix, f"{where}: record {at}") for at, each in enumerate(records, 1)]
    }


def _plain(raw: bytes, where: str) -> bytes:
    """The bytes of a file that may be compressed."""
    try:
        if raw[:2] == b"\x1f\x8b":
            return gzip.decompress(raw)
        if raw[:4] == b"\x28\xb5\x2f\xfd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise ConfigError(f"{where}: cannot be decompressed: {error}") from error
    return raw


def _records(raw: bytes, where: str) -> Sequence[Any] | Mapping[str, Any]:
    """The records of a file; an object of lists of names as it is."""
    if raw[:4] == _PARQUET:
        try:
            return list(_rows(pq.ParquetFile(pa.BufferReader(raw))))
        except pa.ArrowException as error:
            raise ConfigError(f"{where}: not a whole Parquet file: {error}") from error
    text = decoded(raw, where)
    if text.lstrip()[:1] not in ("{", "["):
        reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
        try:
            return list(reader)
        except csv.Error as error:
            raise ConfigError(f"{where}: line {reader.line_num}: {error}") from error
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise ConfigError(f"{where}: not valid JSON: {error}") from error
        return [_line(line, number, where) for number, line in enumerate(lines, 1)]
    if isinstance(value, list):
        return value
    if any(name in value for name in _IDS):
        return [value]
    for name in _LISTS:
        if isinstance(value.get(name), list):
            return list(value[name])
    if value and all(_is_names(each) for each in value.values()):
        return dict(value)
    raise ConfigError(
        f"{where}: an object that is neither a task nor a list of tasks nor names by split; its "
        f"keys are {', '.join(map(str, list(value)[:8]))}"
    )


def _rows(file: pq.ParquetFile) -> Iterator[dict[str, Any]]:
    """The rows without pages: only columns that say something of a task are read."""
    kept = [
        name for name in file.schema_arrow.names
        if name in {*_IDS, *_TEXTS, *_SITES, *_URLS, "intent_template", *_MARKS}
    ]  # fmt: skip
    for batch in file.iter_batches(batch_size=1024, columns=kept):
        yield from batch.to_pylist()


def _line(line: str, number: int, where: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where}: line {number} is not valid JSON: {error}") from error


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _of_splits(splits: Mapping[str, Sequence[str]]) -> Iterator[Task]:
    """The demonstrations of all splits but the training split."""
    for split, names in sorted(splits.items()):
        if split != "train":
            yield from (Task(name) for name in sorted(set(names)))


def _named(records: Sequence[Mapping[str, Any]], asked: Asked) -> dict[str, list[Task]]:
    """Tasks that have only a name, as in BrowserGym's tables: ``miniwob.click-button``."""
    found: dict[str, list[Task]] = {}
    for number, each in enumerate(records, 1):
        name = str(each["task_name"] or "").strip()
        benchmark, dot, task = name.partition(".")
        if not (dot and task):
            raise ConfigError(
                f"{asked.path}: record {number}: the task {name!r} is not written BENCHMARK.TASK"
            )
        found.setdefault(asked.name or _RENAMED.get(benchmark, benchmark), []).append(Task(name))
    return found


_RENAMED: Final = {"webarenalite": "webarena_lite"}
_MARKS: Final = (
    "old_task_id", "type_main", "required_obs", "start_urls", "revision", "visual_difficulty",
    "image", "reference_task_length", "evaluation", "reference_length", "level", "action_reprs",
    "actions", "gold_url", "answer", "category", "subcategory", "schema_", "operation",
)  # fmt: skip
_RECOGNISED: Final = (
    ("webarena_lite", {"intent", "sites", "old_task_id"}, set[str]()),
    ("webchorearena", {"intent", "sites"}, {"type_main", "required_obs"}),
    ("webarena_verified", {"intent", "sites"}, {"start_urls", "revision"}),
    ("visualwebarena", {"intent", "sites"}, {"visual_difficulty", "image"}),
    ("webarena", {"task_id", "intent", "sites", "start_url"}, set[str]()),
    ("webvoyager", {"ques", "web_name"}, set[str]()),
    ("mind2web_live", {"task", "reference_task_length"}, set[str]()),
    ("mind2web", {"annotation_id", "confirmed_task"}, set[str]()),
    ("mind2web", {"id", "confirmed_task", "action_reprs"}, set[str]()),
    ("online_mind2web", {"task_id", "website"}, {"confirmed_task", "task_description"}),
    ("assistantbench", {"id", "task"}, {"answer", "gold_url"}),
    ("bananalyzer", {"id", "url", "schema_"}, set[str]()),
)
"""Name, keys that all records have, and keys of which they have one; the first that fits."""


def _recognised(keys: Iterable[str], where: str) -> str:
    """The benchmark that has such records.

    Raises:
        ConfigError: none is known.
    """
    there = set(keys)
    for name, needed, one_of in _RECOGNISED:
        if needed <= there and (not one_of or one_of & there):
            return name
    raise ConfigError(
        f"{where}: no known benchmark has records with the keys {', '.join(sorted(there)[:10])}; "
        f"if they are tasks, name the benchmark: NAME=FILE (known: {', '.join(BY_NAME)})"
    )


def _prefix(records: Sequence[Mapping[str, Any]]) -> str:
    """What tells tasks of VisualWebArena's lists apart, which count from 0 for each site."""
    sites = [set(_strings(each, ("sites",))) for each in records]
    common = set.intersection(*sites)
    return f"{common.pop()}." if len(common) == 1 else ""


def _task(record: Mapping[str, Any], prefix: str, where: str) -> Task:
    """The task of a record.

    Raises:
        ConfigError: it has no id, or neither text nor address.
    """
    id = next((str(record[name]) for name in _IDS if record.get(name) not in (None, "")), "")
    named = (str(record[name]) for name in _TEXTS if isinstance(record.get(name), str))
    text = next((" ".join(each.split()) for each in named if each.strip()), "")
    urls = [
        part.strip()
        for url in _strings(record, _URLS)
        for part in url.split(_BOTH)
        if "://" in part or part.strip().startswith("__")
    ]
    if not id:
        raise ConfigError(f"{where} has no id ({', '.join(_IDS)})")
    if not text and not urls:
        raise ConfigError(f"{where} has no text ({', '.join(_TEXTS)}) and no address")
    template = record.get("intent_template")
    return Task(
        prefix + id,
        text,
        template if isinstance(template, str) and "{{" in template else "",
        tuple(sorted(set(_strings(record, _SITES)))),
        tuple(sorted(set(urls))),
    )


def _strings(record: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = record.get(name)
        values = value if isinstance(value, list) else [value]
        yield from (each for each in values if isinstance(each, str) and each.strip())
