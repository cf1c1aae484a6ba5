"""Export the keys of a dataset: what those publish who may not publish pages.

``keys.json`` (`etl.dataset.keys.listed`) holds inputs, generations, settings and the hash of every
file; ``recipe.toml`` the recipe in full; ``samples/`` each sample's id, hash and span of tokens;
``stats/`` the statistics of the dataset with its lists of samples, and ``README.md`` a card. None
holds anything that a recording says. A holder of the recordings makes the same bytes of them:
``stepmill rebuild``.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.card import keys as card
from etl.dataset.keys import listed
from etl.dataset.keys.listed import SAMPLES_SCHEMA, Keys, Shard
from etl.dataset.layout import (
    CARD,
    CROISSANT,
    IN_DATASET,
    PREFIX,
    Layout,
    Work,
    split_of,
)
from etl.dataset.place import Place
from etl.files import scratch, storage
from etl.files.arrow import atomic, batches, read_parquet, sha256_of
from etl.files.storage import AnyPath
from etl.publish import exported
from schemas.errors import ConfigError, IntegrityError
from schemas.samples import NO_LOSS

_README: Final = IN_DATASET.card.name
_DATA: Final = f"{IN_DATASET.data.as_posix()}/"
_STATS: Final = f"{IN_DATASET.stats.as_posix()}/"
_ALL: Final = "all"
"""What the files of an export of keys belong to: splits are not exported alone."""


@dataclass(frozen=True)
class KeysExport:
    """An export of keys, as it is requested."""

    # a build with its work folder
    place: Place
    # the folder of the export, outside the build
    out: AnyPath
    # the recipe in full as TOML, without files and takedown list
    recipe: str
    # names of the settings that it lacks
    needs: tuple[str, ...]
    # whether to replace another export
    replace: bool = False

    def run(self) -> dict[str, Any]:
        """Write the files; returns a summary.

        Raises:
            ConfigError: before anything is written, if the folder or the build cannot be used.
            IntegrityError: a file of the dataset is not as it was built.
        """
        place, manifest = self.place, self.place.manifest
        work = place.inside("--format keys")
        build = Layout(place.given).good
        if any(storage.within(self.out, each) for each in (place.dataset.root, build.work.root)):
            raise ConfigError(
                f"{self.out} is within the dataset or its build; choose another folder with --out"
            )
        data, tables = self._of_dataset(_DATA, ".arrow"), self._of_dataset(_STATS, "")
        names = {name: _key_file(name) for name in data}
        targets = [*names.values(), *tables, listed.RECIPE, _README, listed.FILE]
        request = {
            "format": "keys",
            "file_type": "parquet",
            "fingerprint": manifest.fingerprint,
        }
        noted = exported.begin(
            self.out, request, dict.fromkeys(targets, _ALL), replace=self.replace
        )
        shards: list[Shard] = []
        for name, target in names.items():
            shard, digest = self._samples(name, target, work)
            shards.append(shard)
            noted.written(target, digest)
        for name in tables:
            noted.written(name, self._copied(name))
        keys = self._keys(shards)
        texts = {
            listed.RECIPE: self.recipe,
            _README: card.render(keys, manifest, self._tables(tables)),
        }
        for name, text in texts.items():
            with atomic(self.out / name) as stream:
                stream.write(text.encode())
            noted.written(name, stream.sha256.hexdigest())
        noted.written(listed.FILE, listed.write(self.out, keys))
        size = sum(each.size for each in storage.details(self.out).values())
        counts = {"files": len(targets), "samples": manifest.totals.samples, "bytes": size}
        noted.end({_ALL: counts})
        return {**noted.summary(), "splits": {_ALL: counts}, "needs": list(self.needs)}

    def _of_dataset(self, begins: str, ends: str) -> list[str]:
        """Paths of files of the dataset within its folder."""
        inside = (
            name.removeprefix(PREFIX)
            for name in sorted(self.place.manifest.files)
            if name.startswith(PREFIX)
        )
        return [name for name in inside if name.startswith(begins) and name.endswith(ends)]

    def _tables(self, names: list[str]) -> dict[str, pl.DataFrame]:
        """The statistics, by name."""
        return {
            name.rpartition("/")[2].removesuffix(".parquet"): read_parquet(self.out / name)
            for name in names
            if name.endswith(".parquet") and name.count("/") == 1
        }

    def _checked(self, name: str) -> AnyPath:
        """A file of the dataset that has its recorded hash.

        Raises:
            IntegrityError: it has another one, or is missing.
        """
        path = self.place.dataset.file(name)
        try:
            found = sha256_of(path)
        except FileNotFoundError:
            found = "missing"
        if found != self.place.manifest.files[PREFIX + name]:
            raise IntegrityError(
                f"{path}: not as it was built ({found}); see: stepmill verify {self.place.given}"
            )
        return path

    def _copied(self, name: str) -> str:
        """Copy a file of the dataset; returns its hash."""
        with atomic(self.out / name) as stream:
            stream.write(storage.read_bytes(self._checked(name)))
        return str(stream.sha256.hexdigest())

    def _samples(self, name: str, target: str, work: Work) -> tuple[Shard, str]:
        """Write the samples of a data file; returns its shard, and the hash of what was written."""
        packed = name.removeprefix(_DATA).removesuffix(".arrow")
        index = _indexed(work, packed)
        rows = spans = tokens = 0
        with (
            atomic(self.out / target) as stream,
            pq.ParquetWriter(
                pa.PythonFile(stream, mode="w"), SAMPLES_SCHEMA, compression="zstd"
            ) as writer,
        ):
            for batch in batches(self._checked(name)):
                found = _spans(batch, rows)
                known = found.join(index, on="sample_id", how="left", maintain_order="left")
                if known["sample_hash"].has_nulls():
                    raise IntegrityError(
                        f"{self.place.given}: {name} has samples that the index does not; see: "
                        f"stepmill verify {self.place.given}"
                    )
                shown = known.with_columns(
                    split=pl.lit(split_of(name)), packed=pl.lit(packed)
                ).select(SAMPLES_SCHEMA.names)
                writer.write_table(shown.to_arrow().cast(SAMPLES_SCHEMA))
                rows += batch.num_rows
                spans += found.height
                tokens += int(found.select(pl.col("prompt_tokens", "completion_tokens").sum())
                              .sum_horizontal()[0])  # fmt: skip
        sha256 = self.place.manifest.files[PREFIX + name]
        shard = Shard(packed, split_of(name), sha256, rows, spans, tokens)
        return shard, str(stream.sha256.hexdigest())

    def _keys(self, shards: list[Shard]) -> Keys:
        manifest = self.place.manifest
        files = {name: each for name, each in manifest.files.items() if name.startswith(PREFIX)}
        by_hand = (CARD, CROISSANT) if any(manifest.card.notes.values()) else ()
        return listed.made(
            stepmill=version("stepmill"),
            recipe=manifest.recipe,
            fingerprint=manifest.fingerprint,
            needs=self.needs,
            settings=manifest.settings,
            generations=manifest.generations,
            takedown=manifest.takedown,
            vocabulary=manifest.vocabulary,
            inputs=manifest.inputs,
            splits=manifest.splits,
            totals=manifest.totals,
            accounting=manifest.accounting,
            shards=tuple(shards),
            files={name: each for name, each in files.items() if name not in by_hand},
            by_hand=by_hand,
        )


def _key_file(name: str) -> str:
    """The file with the samples of a data file."""
    return f"{listed.SAMPLES}/{name.removeprefix(_DATA).removesuffix('.arrow')}.parquet"


def _indexed(work: Work, packed: str) -> pl.DataFrame:
    """``sample_id``, ``sample_hash`` and ``domain`` of the samples of an output shard.

    packed: its name, ``g0001/train-00000-of-00012``.
    """
    family, _, number = packed.partition("-of-")[0].rpartition("-")
    mine = (pl.col("home") == int(number)) & (pl.col("reason") == "")
    paths = [
        path
        for path in storage.files(work.index, ".parquet")
        if path.name.rpartition("-")[0] == family.replace("/", "-")
    ]
    columns = ["sample_id", "sample_hash", "domain"]
    rows = [pl.scan_parquet(scratch.copy_of(path)).filter(mine) for path in paths]
    return pl.concat([each.select(columns).collect() for each in rows])


def _spans(batch: pa.RecordBatch, first: int) -> pl.DataFrame:
    """The spans of tokens in a batch of rows, in their order.

    first: the number of its first row in the file.
    """
    lengths = batch.column("seq_lengths").flatten().to_numpy()
    labels = batch.column("labels").flatten().to_numpy()
    per_row = [len(row) for row in batch.column("seq_lengths")]
    row = np.repeat(np.arange(first, first + batch.num_rows), per_row)
    ends = np.cumsum(lengths, dtype=np.int64)
    begins = ends - lengths
    # where each row's first span begins, for each span
    at = np.cumsum([0, *per_row])[:-1]
    of_row = np.repeat(begins[at], per_row)
    without_loss = np.concatenate([[0], np.cumsum(labels == NO_LOSS, dtype=np.int64)])
    prompt = without_loss[ends] - without_loss[begins]
    ids = batch.column("sample_ids").flatten().to_pylist()
    return pl.DataFrame(
        {
            "sample_id": pl.Series(ids, dtype=pl.String),
            "row": pl.Series(row, dtype=pl.Int64),
            "start": pl.Series(begins - of_row, dtype=pl.Int32),
            "prompt_tokens": pl.Series(prompt, dtype=pl.Int32),
            "completion_tokens": pl.Series(lengths - prompt, dtype=pl.Int32),
        }
    )
