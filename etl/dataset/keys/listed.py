"""``keys.json``: what a dataset was made of and how, and the hash of every file that came of it.

It holds names, hashes, settings and counts, and nothing that a recording says: no text of a page,
objective, typed value, address or title. Hosts are there as statistics only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from etl.dataset.generations import Generations
from etl.dataset.manifest import Input, Split, Totals, UnitCounts, as_json, of_json
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

FILE: Final = "keys.json"
RECIPE: Final = "recipe.toml"
SAMPLES: Final = "samples"
"""The folder of the samples, with a file for each shard."""
_FORMAT: Final = 1

SAMPLES_SCHEMA: Final = pa.schema(
    [
        ("sample_id", pa.string()),
        ("sample_hash", pa.string()),  # of everything that the sample says
        ("split", pa.string()),
        ("domain", pa.string()),
        ("packed", pa.string()),  # name of the data file, without folder and ending
        ("row", pa.int64()),  # its row in that file
        ("start", pa.int32()),  # its first token in that row
        ("prompt_tokens", pa.int32()),  # from there on, without loss
        ("completion_tokens", pa.int32()),  # after these, with loss
    ]
)
"""A row for each span of tokens, in the order of the data; a sample in several chunks has more."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A data file of the dataset."""

    # as in paths, ``g0001/train-00000-of-00012``
    name: str
    split: str
    sha256: str
    # packed sequences
    rows: int
    # spans of tokens: samples, or chunks of them
    spans: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a dataset."""

    # `_FORMAT` of the version that wrote it
    format: int
    # the version of stepmill
    stepmill: str
    # name of the recipe; all of it is in `RECIPE`
    recipe: str
    # the dataset's
    fingerprint: str
    # settings of the recipe that name files of the publisher, which are not in it
    needs: tuple[str, ...]
    # these five as in the manifest
    settings: Mapping[str, Any]
    generations: Generations
    takedown: str
    vocabulary: Mapping[str, str]
    inputs: tuple[Input, ...]
    splits: Mapping[str, Split]
    totals: Totals
    accounting: Mapping[str, UnitCounts]
    shards: tuple[Shard, ...]
    # sha256 by path within the folder of a build, of all that a rebuild must give
    files: Mapping[str, str]
    # paths of files with text by hand, which a rebuild need not give
    by_hand: tuple[str, ...]


def write(folder: AnyPath, keys: Keys) -> str:
    """Write ``keys.json``; returns its hash."""
    return write_json(folder / FILE, as_json(keys))


def read(folder: AnyPath) -> Keys:
    """Read ``keys.json``.

    Raises:
        ConfigError: there is none, or it is of another format.
    """
    path = folder / FILE
    if not storage.exists(path):
        raise ConfigError(
            f"{folder}: no keys of a dataset ({FILE} is missing); name the folder that stepmill "
            "export --format keys wrote"
        )
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != _FORMAT:
        made = value.get("stepmill", "unknown") if isinstance(value, dict) else "unknown"
        raise ConfigError(
            f"{path}: keys of another format, made by stepmill {made}; install that version: "
            f"pip install stepmill=={made}"
        )
    return of_json(Keys, value, path)


def made(**fields: Any) -> Keys:
    """Keys in the format of this version. fields: all but ``format``."""
    return Keys(format=_FORMAT, **fields)
