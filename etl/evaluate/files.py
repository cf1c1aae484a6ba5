"""An evaluation set on disk: ``manifest.json``, ``data/``, ``prompts/`` and ``README.md``.

``data/<split>-00000-of-000NN.arrow`` holds the rows (`etl.evaluate.schema`), which
``datasets.load_dataset`` loads by the README; ``prompts/<split>.jsonl`` holds ids and messages, for
a harness of one's own. A set is written beside its folder and takes its place when it is whole, so
an interrupted command leaves what was there. The same sources and settings give the same bytes.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import orjson
import pyarrow as pa
import yaml

from etl.dataset.layout import Dataset
from etl.evaluate.schema import EVAL_SCHEMA, FORMAT, EvalStep
from etl.files.arrow import ArrowWriter, atomic, open_arrow, read_json, whole, write_json
from schemas.errors import ConfigError, IntegrityError

SHARD_BYTES: Final = 512 * 2**20
"""Bytes of rows after which another file is begun."""

_DATA: Final = "data"
_PROMPTS: Final = "prompts"
_SPLIT: Final = re.compile(r"\w+(\.\w+)*")
"""What ``datasets`` takes for the name of a split."""


def split_name(text: str) -> str:
    """A text as the name of a split: what is no letter, digit or underscore becomes one."""
    return re.sub(r"\W+", "_", text).strip("_") or "test"


@dataclass
class SplitCounts:
    """What a split holds."""

    workflows: int = 0
    steps: int = 0
    prompts: int = 0
    # steps that no model is asked about
    unasked: int = 0
    # steps of which a prompt holds a gold element
    with_gold: int = 0
    tokens: int = 0


class _Split:
    """The files of one split, while they are written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._files = ExitStack()
        self.shards = 0
        self.counts = SplitCounts()
        self._workflows: set[str] = set()
        self._writer: ArrowWriter | None = None
        self._bytes = 0
        self._stack = ExitStack()
        self._lines = self._stack.enter_context(atomic(folder / _PROMPTS / f"{name}.jsonl"))

    def add(self, step: EvalStep) -> None:
        rows = step.rows()
        counts = self.counts
        if step.workflow_id not in self._workflows:
            self._workflows.add(step.workflow_id)
            counts.workflows += 1
        counts.steps += 1
        counts.prompts += len(step.prompts)
        counts.unasked += not step.prompts
        counts.with_gold += any(each.in_chunk for each in step.prompts)
        for row in rows:
            counts.tokens += len(row["input_ids"])
            size = 5 * len(row["input_ids"]) + len(row["facts"]) + 1024
            size += sum(len(each["content"]) for each in row["messages"])
            self._open()
            assert self._writer is not None
            self._writer.add(tuple(row[name] for name in EVAL_SCHEMA.names), size)
            self._bytes += size
            if row["messages"]:
                line = {"id": row["id"], "messages": row["messages"]}
                self._lines.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        if self._bytes >= SHARD_BYTES:
            self._end()

    def _open(self) -> None:
        if self._writer is None:
            path = self._folder / _DATA / f"{self._name}-{self.shards:05d}.arrow"
            stream = self._files.enter_context(atomic(path))
            self._writer = ArrowWriter(stream, EVAL_SCHEMA)
            self.shards += 1

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._files.close()
            self._writer, self._bytes = None, 0

    def close(self) -> None:
        """Write the rest, and name the files by their number."""
        self._end()
        self._stack.close()
        for number in range(self.shards):
            stem = f"{self._name}-{number:05d}"
            made = self._folder / _DATA / f"{stem}.arrow"
            made.rename(made.with_name(f"{stem}-of-{self.shards:05d}.arrow"))

    def abandon(self, error: BaseException) -> None:
        """Close the files without keeping them."""
        for stack in (self._files, self._stack):
            stack.__exit__(type(error), error, error.__traceback__)


class EvalWriter:
    """Writes an evaluation set, step by step, as a context manager.

    Raises:
        ConfigError: when it is made, if the folder holds something else.
    """

    def __init__(self, out: Path) -> None:
        if out.exists() and not Dataset(out).manifest.exists() and any(out.iterdir()):
            raise ConfigError(
                f"{out}: the folder holds something that is no evaluation set; give another --out"
            )
        self.out = out
        self._making = out.with_name(f"{out.name}.making")
        self._splits: dict[str, _Split] = {}
        self._ids: set[str] = set()
        self._unasked: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self._making.exists():
            shutil.rmtree(self._making)
        self._making.mkdir(parents=True)
        return self

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            for split in self._splits.values():
                split.abandon(error)
            shutil.rmtree(self._making, ignore_errors=True)

    def add(self, step: EvalStep) -> None:
        """Write a step; those of a split may come between those of others.

        Raises:
            ConfigError: two steps have one id, or ``datasets`` cannot take the split's name.
        """
        if step.step_id in self._ids:
            raise ConfigError(
                f"{step.step_id}: two of the sources have this step; give each of them once"
            )
        if not _SPLIT.fullmatch(step.split):
            raise ConfigError(f"{step.split!r}: a split's name has letters, digits and _ alone")
        self._ids.add(step.step_id)
        if not step.prompts:
            self._unasked[step.unasked or "no_prompt"] += 1
        if step.split not in self._splits:
            self._splits[step.split] = _Split(self._making, step.split)
        self._splits[step.split].add(step)

    def finish(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """Write manifest and README, and put the set in its place; returns the manifest.

        about: what else the manifest says: family, sources, recipe, what was left out.

        Raises:
            ConfigError: there is no step.
        """
        if not self._splits:
            raise ConfigError(f"{self.out}: the sources hold no step, so there is nothing to write")
        for split in self._splits.values():
            split.close()
        splits = {
            name: vars(split.counts) | {"files": split.shards}
            for name, split in sorted(self._splits.items())
        }
        unasked = dict(sorted(self._unasked.items()))
        manifest = {"format": FORMAT, **about, "unasked": unasked, "splits": splits}
        sizes = {
            name: sum(
                path.stat().st_size for path in (self._making / _DATA).glob(f"{name}-*.arrow")
            )
            for name in splits
        }
        Dataset(self._making).card.write_text(_readme(manifest, sizes), encoding="utf-8")
        write_json(Dataset(self._making).manifest, manifest)
        if self.out.exists():
            before = self.out.with_name(f"{self.out.name}.before")
            shutil.rmtree(before, ignore_errors=True)
            self.out.rename(before)
            self._making.rename(self.out)
            shutil.rmtree(before)
        else:
            self._making.rename(self.out)
        return manifest


def _readme(manifest: Mapping[str, Any], sizes: Mapping[str, int]) -> str:
    """The text by which ``datasets.load_dataset`` finds the splits. sizes: bytes of each.

    `datasets` remembers what it loaded by this text alone: without sizes, it would take another set
    in the same place for this one.
    """
    files = [{"split": name, "path": f"{_DATA}/{name}-*.arrow"} for name in manifest["splits"]]
    rows = {name: each["prompts"] + each["unasked"] for name, each in manifest["splits"].items()}
    info = {
        "config_name": "default",
        "splits": [
            {"name": name, "num_bytes": sizes[name], "num_examples": rows[name]} for name in rows
        ],
        "dataset_size": sum(sizes.values()),
    }
    head = yaml.safe_dump(
        {
            "configs": [{"config_name": "default", "data_files": files}],
            "dataset_info": info,
        },
        sort_keys=False,
    )
    counts = "".join(
        f"| {name} | {each['workflows']:,} | {each['steps']:,} | {each['prompts']:,} | "
        f"{each['unasked']:,} |\n"
        for name, each in manifest["splits"].items()
    )
    return (
        f"---\n{head}---\n\n# Evaluation set, family {manifest['family']}\n\n"
        "A row is a prompt. The rows of a step lie together, its chunks from left to right; a "
        "step without a prompt has one row with empty `messages`, and counts in every mean.\n\n"
        "| split | workflows | steps | prompts | steps not asked |\n|---|---|---|---|---|\n"
        f'{counts}\nAnswers go to a file of JSON lines, `{{"id": ..., "output": ...}}`, and '
        "`stepmill score` reads it.\n"
    )


@dataclass(frozen=True)
class EvalSet:
    """An evaluation set, to read."""

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def family(self) -> str:
        """The name of its family of facts."""
        return str(self.manifest["family"])

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        return tuple(self.manifest["splits"])

    def files(self, splits: Sequence[str] = ()) -> list[Path]:
        """Its Arrow files in order; of some splits, or of all."""
        return [
            self.folder / _DATA / f"{name}-{number:05d}-of-{counts['files']:05d}.arrow"
            for name, counts in self.manifest["splits"].items()
            if not splits or name in splits
            for number in range(counts["files"])
        ]

    def batches(
        self, columns: Sequence[str], splits: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        """Some columns of the rows, a batch at a time; others are never touched.

        Raises:
            IntegrityError: a file is missing or not whole.
        """
        for path in self.files(splits):
            if not path.exists():
                raise IntegrityError(f"{path} is missing; make the evaluation set again")
            reader = open_arrow(path)
            with whole(path):
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number).select(list(columns))

    def rows(self, columns: Sequence[str], splits: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Some columns of the rows, one row at a time.

        Raises:
            IntegrityError: as for `batches`.
        """
        for batch in self.batches(columns, splits):
            yield from batch.to_pylist()

    def ids(self) -> set[str]:
        """The ids of all prompts that a model is asked."""
        columns = ("id", "chunks")
        return {row["id"] for row in self.rows(columns) if row["chunks"]}

    def counted(self) -> Counter[str]:
        """The sums of its splits' counts."""
        totals: Counter[str] = Counter()
        for counts in self.manifest["splits"].values():
            totals.update(counts)
        return totals


def opened(folder: Path) -> EvalSet:
    """The evaluation set in a folder.

    Raises:
        ConfigError: there is none, or another version wrote it.
    """
    path = Dataset(folder).manifest
    if not path.exists():
        raise ConfigError(
            f"{folder}: no evaluation set (missing: {path.name}); make one: stepmill evalset "
            f"SOURCE... --out {folder}"
        )
    manifest = read_json(path)
    if not isinstance(manifest, dict) or "family" not in manifest:
        raise ConfigError(
            f"{folder}: {path.name} is that of no evaluation set; give another folder"
        )
    if manifest["format"] != FORMAT:
        raise ConfigError(
            f"{folder}: an evaluation set of format {manifest['format']}, this version reads "
            f"{FORMAT}; make it again"
        )
    return EvalSet(folder, manifest)
