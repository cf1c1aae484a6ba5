"""Placeholder of the contract, until the branch with it is merged."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Scored:
    outcome: str
    metrics: Mapping[str, float | None]
    node: int | None = None
    answer: tuple[int, int] | None = None
    strict: bool | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    task: str
    website: str
    file: str
    step: int
    scored: Scored


class Protocol(typing.Protocol):
    name: str
    family: str
    metrics: tuple[str, ...]
    defects: tuple[str, ...]

    def score(self, facts: Any, answers: Sequence[Sequence[str] | None]) -> Scored: ...
    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]: ...
