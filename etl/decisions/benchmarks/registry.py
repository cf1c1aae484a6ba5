"""Registries: files of hashes of the tasks of benchmarks, one row a task, in Parquet.

No text of a task is in them. The hashes of single words are short and can be guessed at, so a
registry goes where the benchmark's licence lets its tasks go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from etl.decisions.benchmarks import wording
from etl.decisions.benchmarks.catalogue import BY_NAME, Benchmark
from etl.decisions.benchmarks.files import Listed, Task
from etl.decisions.benchmarks.places import (
    path_hash,
    site_of,
    starts_with_placeholder,
    url_hash,
)
from etl.files import nodes
from etl.files.arrow import atomic
from etl.files.hashes import digest
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

FORMAT: Final = 2
"""Raised when the forms or hashes of tasks change: an older registry is built again."""
_KEY: Final = b"stepmill.benchmarks"
_SCHEMA: Final = pa.schema(
    [
        ("benchmark", pa.string()),
        ("version", pa.string()),
        ("task", pa.string()),  # the benchmark's own id
        ("exact", pa.binary()),  # as `wording.exact`; empty without a text
        ("normalised", pa.binary()),
        ("words", pa.list_(pa.uint16())),
        ("grams", pa.list_(pa.uint32())),
        ("template", pa.list_(pa.int32())),  # empty: it has no entities, or no words beside them
        ("sites", pa.list_(pa.string())),
        ("urls", pa.list_(pa.int64())),  # `places.url_hash`
        ("paths", pa.list_(pa.int64())),  # `places.path_hash`, where the host is a placeholder
        ("skeleton", pa.binary()),  # of its first page; empty if none is known
        ("shapes", pa.int32()),  # ways in it
    ]
)


@dataclass(frozen=True)
class Entry:
    """A task in a registry."""

    benchmark: str
    version: str
    task: str
    exact: bytes
    normalised: bytes
    words: tuple[int, ...]
    grams: tuple[int, ...]
    template: tuple[int, ...]
    sites: tuple[str, ...]
    urls: tuple[int, ...]
    paths: tuple[int, ...]
    skeleton: bytes
    shapes: int

    @property
    def name(self) -> str:
        """Benchmark and task, as a detail names them."""
        return f"{self.benchmark} {self.task}"


@dataclass(frozen=True)
class Source:
    """A benchmark in a registry."""

    name: str
    version: str
    # of the publication; empty if it is not known
    date: str
    tasks: int
    licence: str
    where: str
    # of the files that it was built from
    sha256: tuple[str, ...]

    @property
    def words(self) -> str:
        """Name and version."""
        return f"{self.name} ({self.version})"

    @property
    def known(self) -> Benchmark | None:
        """The benchmark of this name."""
        return BY_NAME.get(self.name)


@dataclass(frozen=True)
class Registry:
    """The tasks of some benchmarks."""

    sources: tuple[Source, ...]
    # by benchmark, version and task
    entries: tuple[Entry, ...]

    @property
    def has_pages(self) -> bool:
        """Whether first pages are known of some tasks."""
        return any(each.skeleton for each in self.entries)

    @property
    def sha256(self) -> str:
        """A hash of the content, whichever library wrote the file."""
        rows = [[_plain(value) for value in vars(each).values()] for each in self.entries]
        return digest([FORMAT, [_plain(vars(each)) for each in self.sources], rows])


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def made(listed: Iterable[Listed]) -> Registry:
    """The registry of some benchmarks."""
    sources, entries = [], []
    for each in listed:
        known = BY_NAME.get(each.name)
        sources.append(
            Source(
                each.name, each.version, known.date if known else "", len(each.tasks),
                known.licence if known else "", known.where if known else "", each.sha256,
            )
        )  # fmt: skip
        entries += [_entry(each, task) for task in each.tasks]
    return Registry(tuple(sources), tuple(sorted(entries, key=_order)))


def _order(entry: Entry) -> tuple[str, str, str]:
    return entry.benchmark, entry.version, entry.task


def _entry(listed: Listed, task: Task) -> Entry:
    found = wording.plain(wording.words(task.text))
    content = wording.content(found)
    template = wording.masked(
        wording.content(wording.plain(wording.templated(task.template)))
        if task.template
        else content
    )
    urls = {url_hash(url) for url in task.urls if not starts_with_placeholder(url)} - {0}
    paths = {path_hash(url) for url in task.urls if starts_with_placeholder(url)} - {0}
    sites = {site_of(each) for each in (*task.sites, *task.urls)} - {""}
    return Entry(
        listed.name,
        listed.version,
        task.id,
        wording.exact(task.text) if task.text else b"",
        wording.normalised(task.text) if task.text else b"",
        tuple(wording.words_of(content)),
        tuple(wording.grams(found)),
        template.words if wording.GAP in template.words and template.fixed else (),
        tuple(sorted(sites)),
        tuple(sorted(urls)),
        tuple(sorted(paths)),
        task.skeleton,
        task.shapes,
    )


def write(path: AnyPath, registry: Registry) -> None:
    """Write a registry; the same tasks make the same bytes."""
    about = {"format": FORMAT, "benchmarks": [vars(each) for each in registry.sources]}
    schema = _SCHEMA.with_metadata({_KEY: orjson.dumps(about, option=orjson.OPT_SORT_KEYS)})
    columns = {name: [getattr(each, name) for each in registry.entries] for name in _SCHEMA.names}
    with atomic(path) as stream:
        pq.write_table(
            pa.table(columns, schema=schema), pa.PythonFile(stream, mode="w"), compression="zstd"
        )


def read(path: str) -> Registry:
    """Read a registry.

    Raises:
        ConfigError: the file cannot be read, is no registry, has another format, or no task.
    """
    try:
        raw = nodes.read_bytes(path)
    except OSError as error:
        raise ConfigError(f"registry {path}: cannot be read: {error.strerror or error}") from error
    again = "build it with: stepmill benchmarks build FILE... --out REGISTRY"
    try:
        table = pq.read_table(pa.BufferReader(raw))
    except pa.ArrowException as error:
        raise ConfigError(f"registry {path}: no Parquet file ({error}); {again}") from error
    about = (table.schema.metadata or {}).get(_KEY)
    if about is None:
        raise ConfigError(f"registry {path}: a Parquet file, but no registry; {again}")
    head = orjson.loads(about)
    if head["format"] != FORMAT:
        raise ConfigError(
            f"registry {path}: it has format {head['format']}, this version reads {FORMAT}; {again}"
        )
    sources = tuple(
        Source(**{**each, "sha256": tuple(each["sha256"])}) for each in head["benchmarks"]
    )
    entries = tuple(Entry(**_frozen(row)) for row in table.to_pylist())
    counts = {each.words: each.tasks for each in sources}
    there = {each.words: 0 for each in sources}
    for entry in entries:
        there[f"{entry.benchmark} ({entry.version})"] += 1
    if not entries or counts != there:
        raise ConfigError(f"registry {path}: its tasks are not those that it names; {again}")
    return Registry(sources, entries)


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def together(registries: Sequence[Registry]) -> Registry:
    """Several registries as one.

    Raises:
        ConfigError: two have the same version of a benchmark with other tasks.
    """
    sources: dict[str, Source] = {}
    entries: dict[tuple[str, str, str], Entry] = {}
    for registry in registries:
        for each in registry.sources:
            if sources.setdefault(each.words, each) != each:
                raise ConfigError(
                    f"two registries have {each.words}, of different files; leave one out"
                )
        entries |= {_order(entry): entry for entry in registry.entries}
    return Registry(
        tuple(sources[name] for name in sorted(sources)),
        tuple(entries[order] for order in sorted(entries)),
    )
