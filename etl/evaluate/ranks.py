"""Mind2Web's table of ranks and scores: ``scores_all_data.pkl``, or the same as JSON.

``{"ranks": {step: {backend id: rank}}, "scores": {step: {backend id: score}}}``, where a step is
``<annotation_id>_<action_uid>`` and ranks count from 0. The order of a step's elements is kept,
because one protocol looks at it. The file is read whole.

A pickle is read without its code: names in it are never imported, but for numpy's scalars, for
which harmless functions of ours stand. Any other name stops the reading.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from etl.files.arrow import sha256_of
from etl.inputs.streams import open_input
from schemas.errors import ConfigError, RecordError

_FORMATS: Final = {"f2": "e", "f4": "f", "f8": "d", "i4": "i", "i8": "q", "u4": "I", "u8": "Q"}


class Ranked(NamedTuple):
    """What the table says of an element."""

    rank: int | None
    score: float | None


@dataclass(frozen=True)
class Ranks:
    """The table."""

    name: str
    sha256: str
    ranks: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, Mapping[str, Any]]

    def of(self, step: str) -> dict[str, Ranked] | None:
        """The elements of a step in the table's order, by backend id; None: it has none."""
        ranks = self.ranks.get(step)
        if ranks is None:
            return None
        scores = self.scores.get(step, {})
        return {
            str(id): Ranked(int(rank), None if (score := scores.get(id)) is None else float(score))
            for id, rank in ranks.items()
        }


def read(path: Path) -> Ranks:
    """The table in a file, a pickle or JSON, plain or compressed.

    Raises:
        ConfigError: there is none, or it is no such table.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file of ranks")
    try:
        with open_input(str(path)) as stream:
            first = stream.read(1)
        with open_input(str(path)) as stream:
            value = orjson.loads(stream.read()) if first in b"{ \n" else _Reader(stream).load()
    except (ValueError, EOFError, RecordError, pickle.UnpicklingError, LookupError) as error:
        raise ConfigError(f"{path}: neither JSON nor a pickle of ranks alone: {error}") from error
    ranks = value.get("ranks") if isinstance(value, dict) else None
    if not isinstance(ranks, dict) or not all(isinstance(each, dict) for each in ranks.values()):
        raise ConfigError(
            f'{path}: no table of ranks; expected {{"ranks": {{step: {{backend id: rank}}}}}}'
        )
    scores = value.get("scores")
    return Ranks(path.name, sha256_of(path), ranks, scores if isinstance(scores, dict) else {})


class _Type:
    """Stands for numpy's dtype."""

    def __init__(self, name: str, *_: object) -> None:
        self.name = str(name).lstrip("<>=|")
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = ">" if state[1] == ">" else "<"


def _scalar(kind: _Type, data: bytes | str) -> float:
    """Stands for the function that makes numpy's scalars."""
    raw = data.encode("latin-1") if isinstance(data, str) else data
    (value,) = struct.unpack(kind.order + _FORMATS[kind.name], raw)
    return float(value)


def _encoded(text: str, _: str) -> bytes:
    """Stands for ``_codecs.encode``, by which old protocols write bytes."""
    return text.encode("latin-1")


_NAMES: Final[Mapping[tuple[str, str], Any]] = {
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("_codecs", "encode"): _encoded,
}


class _Reader(pickle.Unpickler):
    """Reads containers, texts and numbers."""

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not read")
        return found
