"""The tokens of one sample, read from its data file and decoded.

Only the batch or row group that holds the row is read, from a remote file too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from etl.dataset import state
from etl.dataset.layout import DATA, files_of
from etl.dataset.place import Place
from etl.files import storage
from etl.files.arrow import broken, whole
from etl.files.storage import AnyPath
from schemas.errors import ConfigError, IntegrityError
from schemas.sample_table import PACKED_SCHEMA
from schemas.samples import NO_LOSS
from schemas.tokens import Tokens
from tokenization import encode
from tokenization import vocabulary as vocabularies
from tokenization.encode import Encoder
from tokenization.families import FAMILIES
from tokenization.ranks import NAMES
from tokenization.vocabulary import Vocabulary

_BLOCK: Final = 2**20
_ENDING: Final = re.compile(r"(-[0-9a-f]+)?\.(arrow|parquet)")


def runs_of(place: Place, listed: Mapping[str, Any], vocabulary: str = "") -> list[dict[str, Any]]:
    """Decode the tokens of a listed sample, in runs with and without loss.

    Each run has ``loss``, ``tokens`` (their number) and ``text``. vocabulary: the name or file of
    the dataset's, needed if stepmill does not ship it.

    Raises:
        ConfigError: if the dataset's vocabulary is not known, or the one given is another.
        IntegrityError: if the data file does not hold the sample.
    """
    ids, labels = tokens_of(place, listed)
    decoder = vocabulary_of(place, vocabulary)
    edges = np.flatnonzero(np.diff((labels == NO_LOSS).astype(np.int8))) + 1
    runs = []
    for start, end in zip([0, *edges], [*edges, len(ids)], strict=True):
        if end > start:
            text = decoder.decode(ids[start:end])
            runs.append(
                {"loss": bool(labels[start] != NO_LOSS), "tokens": int(end - start), "text": text}
            )
    return runs


def tokens_of(place: Place, listed: Mapping[str, Any]) -> tuple[Tokens, Tokens]:
    """``input_ids`` and ``labels`` (int32) of a listed sample; of its first chunk if several.

    Raises:
        ConfigError: if the data file is not there.
        IntegrityError: if it does not hold the sample.
    """
    path = _data_file(place, listed["packed"])
    row = storage.read_places(path, lambda stream: _row(stream, path, listed["row"]), _BLOCK)
    names = row.column("sample_ids")[0].as_py() if row.num_rows else []
    if listed["sample_id"] not in names:
        raise IntegrityError(
            f"{path}: row {listed['row']} does not hold {listed['sample_id']}, as stats/samples/ "
            f"says; check the build with: stepmill verify"
        )
    at = names.index(listed["sample_id"])
    # pyarrow's own to_numpy imports pandas the first time, which takes a fifth of a second
    columns = (
        pl.Series(row.column(name)[0].values) for name in ("input_ids", "labels", "seq_lengths")
    )
    ids, labels, lengths = (column.to_numpy() for column in columns)
    end = int(lengths[: at + 1].sum())
    start = end - int(lengths[at])
    return ids[start:end], labels[start:end]


def _data_file(place: Place, packed: str) -> AnyPath:
    """The path of a data file by its name in the build.

    Where it was published, its name also holds the beginning of its hash, and it may be Parquet.
    """
    folder = f"{DATA}/"
    rests = (
        (name, name.removeprefix(folder + packed))
        for name in place.manifest.files
        if name.startswith(folder)
    )
    name = next((name for name, rest in rests if _ENDING.fullmatch(rest)), None)
    path = place.dataset.file(name or files_of(packed).data)
    if name is None or not storage.exists(path):
        raise place.lacks(str(path))
    return path


def _row(stream: IO[bytes], path: AnyPath, row: int) -> pa.RecordBatch:
    if path.suffix == ".parquet":
        return _of_parquet(stream, path, row)
    with whole(path):
        return _of_arrow(pa.PythonFile(stream, mode="r"), row)


def _of_arrow(stream: Any, row: int) -> pa.RecordBatch:
    """One row, or no rows if it is not there.

    A pass over the ``sample_ids`` alone finds the batch; only that batch is read whole.
    """
    names = pa.ipc.IpcReadOptions(included_fields=[PACKED_SCHEMA.get_field_index("sample_ids")])
    light = pa.ipc.open_file(stream, options=names)
    for number in range(light.num_record_batches):
        rows = light.get_batch(number).num_rows
        if row < rows:
            return pa.ipc.open_file(stream).get_batch(number).slice(row, 1)
        row -= rows
    return pa.RecordBatch.from_pylist([], PACKED_SCHEMA)


def _of_parquet(stream: IO[bytes], path: AnyPath, row: int) -> pa.RecordBatch:
    try:
        with pq.ParquetFile(stream) as file:
            for number in range(file.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                if row < rows:
                    table = file.read_row_group(number, columns=PACKED_SCHEMA.names)
                    return table.slice(row, 1).combine_chunks().to_batches()[0]
                row -= rows
    except pa.ArrowInvalid as error:
        raise broken(path, error) from error
    return pa.RecordBatch.from_pylist([], PACKED_SCHEMA)


def encoder_of(place: Place, given: str = "") -> Encoder:
    """What made a dataset's tokens of its samples.

    Raises:
        ConfigError: if the dataset's vocabulary is not known, or its chat template is another now.
    """
    settings = place.manifest.settings["packed"]
    return encode.noted(settings, vocabulary_of(place, given))


def vocabulary_of(place: Place, given: str = "") -> Vocabulary:
    """The vocabulary of a dataset, found by its hash.

    Without one given, the shipped vocabularies are tried, then the one that the build's recipe
    names. given: the name of a shipped one, a file, or a model's folder.

    Raises:
        ConfigError: if none of them has that hash.
    """
    wanted = str(place.manifest.settings["packed"]["vocabulary"])
    for known in _given(given) if given else _known(place):
        if known.decodes(wanted):
            return known
    problem = "its vocabulary is not known here, or its package is missing"
    if given:
        problem = f"{given} is not its vocabulary"
    raise ConfigError(
        f"{place.given}: {problem} (sha256 {wanted}); name its file: --vocabulary FILE (a rank "
        "file, a tokenizer.json, a tokenizer.model or a model's folder)"
    )


def _given(given: str) -> Iterator[Vocabulary]:
    """The vocabularies that a name or a file may be: a rank file does not name its family."""
    if Path(given).is_dir():
        yield vocabularies.load(model=given)
        return
    if not Path(given).is_file():
        if given not in NAMES:
            raise ConfigError(f"--vocabulary {given}: no such file, and none of {', '.join(NAMES)}")
        yield vocabularies.load(given)
        return
    for name in FAMILIES:
        with suppress(ConfigError):  # pinned to another file
            yield vocabularies.load(name, file=given)


@lru_cache(maxsize=2)
def _named(name: str) -> Vocabulary:
    """Load a vocabulary once; reading its ranks takes a moment."""
    return vocabularies.load(name)


def _known(place: Place) -> Iterator[Vocabulary]:
    for name in NAMES:
        with suppress(ConfigError):  # not installed
            yield _named(name)
    if place.work is not None and (noted := state.vocabulary(place.work)):
        yield vocabularies.noted(noted)
