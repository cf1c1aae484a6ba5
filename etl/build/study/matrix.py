"""A study file: recordings, a recipe, and the axes along which its settings vary.

::

    inputs = ["recordings"]
    out = "study"
    recipe = "scribeagent-32k"

    [set]
    "split.test" = 0.2

    [axes]
    "fit.context" = [32768, 65536]

    [axes.history]
    text = {}
    last3 = { "unroll.max_history" = 3 }

An axis is a setting with a list of values, or a name with a table of settings for each label. There
is a cell for each choice of a label on every axis. Paths are relative to the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from etl.build.jobs import DEFAULT_RECIPE, loaded
from etl.build.recipes.recipe import placed_in, shipped
from etl.build.recipes.toml import laid_over, nearest
from etl.build.study.scores import Scores, scores_of
from etl.files import nodes
from etl.files.side_files import read_text
from schemas.errors import ConfigError

_KEYS: Final = {"inputs": list, "out": str, "recipe": str, "set": dict, "axes": dict,
"scores": dict}  # fmt: skip
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_LIKE: Final = 'for example:\n  [axes]\n  "fit.context" = [32768, 65536]'


@dataclass(frozen=True)
class Cell:
    """One recipe of a study."""

    # the labels, joined by hyphens: the name of its folder
    name: str
    # axis -> label
    labels: Mapping[str, str]
    # setting -> value, of all axes
    settings: Mapping[str, Any]
    # its recipe
    tables: Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """A study as its file asks for it."""

    path: Path
    inputs: tuple[str, ...]
    out: Path
    cells: tuple[Cell, ...]
    # None: there are no predictions
    scores: Scores | None

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of its axes."""
        return tuple(self.cells[0].labels)

    def folder(self, cell: Cell) -> Path:
        """The folder that a cell is built into."""
        return self.out / "cells" / cell.name


def study_of(path: Path) -> Study:
    """Read a study file, and check the recipe of every cell.

    Raises:
        ConfigError: it cannot be read or used; the text says where, and what to write.
    """
    try:
        tables = tomllib.loads(read_text(path, "study"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}; mend it and run the same command again") from error
    for key, value in tables.items():
        if key not in _KEYS:
            raise ConfigError(f"{path}: a study has no {key!r}{nearest(key, _KEYS)}")
        if not isinstance(value, _KEYS[key]):
            kind = {list: "a list of strings", str: "a string", dict: "a table"}[_KEYS[key]]
            raise ConfigError(f"{path}: {key} is {kind}, not {value!r}")
    inputs = tables.get("inputs")
    if not inputs or not all(isinstance(each, str) for each in inputs):
        raise ConfigError(f'{path}: say what to read: inputs = ["recordings"]')
    if not tables.get("out"):
        raise ConfigError(f'{path}: say where to build: out = "study"')
    cells = tuple(_cells(path, tables))
    folder = path.parent
    for cell in cells:
        try:
            loaded(dict(cell.tables), ()).settings()
        except ConfigError as error:
            raise ConfigError(f"{path}, cell {cell.name}: {error}") from error
    return Study(
        path,
        tuple(each if nodes.remote(each) else str(folder / each) for each in inputs),
        folder / tables["out"],
        cells,
        scores_of(path, tables.get("scores"), [cell.name for cell in cells]),
    )


def _cells(path: Path, tables: Mapping[str, Any]) -> Iterator[Cell]:
    base = _recipe(path, tables.get("recipe", DEFAULT_RECIPE))
    shared = _settings(path, "[set]", tables.get("set", {}))
    axes = {name: _axis(path, name, value) for name, value in tables.get("axes", {}).items()}
    if not axes:
        raise ConfigError(f"{path}: a study has axes, {_LIKE}")
    names: dict[str, Mapping[str, str]] = {}
    for chosen in product(*(axis.items() for axis in axes.values())):
        labels = dict(zip(axes, (label for label, _ in chosen), strict=True))
        name = "-".join(labels.values())
        if name in names:
            raise ConfigError(
                f"{path}: {names[name]} and {labels} would both be called {name}; give other "
                "labels to one of the axes"
            )
        names[name] = labels
        settings: dict[str, Any] = {}
        for axis, (label, values) in zip(axes, chosen, strict=True):
            if both := sorted(settings.keys() & values.keys()):
                raise ConfigError(
                    f"{path}: axis {axis}, {label}: another axis sets {both[0]} too; vary a "
                    "setting along one axis only"
                )
            settings |= values
        recipe: dict[str, Any] = {}
        for setting, value in {**shared, **settings}.items():
            recipe = laid_over(recipe, _nested(setting, value))
        recipe = placed_in(recipe, path.parent)
        yield Cell(name, labels, settings, {"extends": base, **recipe})


def _recipe(path: Path, name: str) -> str:
    """The recipe that cells extend: the name of a shipped one, or the place of a file."""
    if name.endswith(".toml"):
        return str(path.parent.absolute() / name)
    if name not in shipped():
        raise ConfigError(f"{path}: there is no recipe {name!r}{nearest(name, shipped())}")
    return name


def _axis(path: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    """The settings of each label."""
    if isinstance(value, list) and value and "." in name:
        found = [(_label_of(each), {name: each}) for each in value]
    elif isinstance(value, Mapping) and value:
        found = [
            (label, _settings(path, f"axes.{name}.{label}", each)) for label, each in value.items()
        ]
    else:
        raise ConfigError(
            f"{path}: axis {name} is neither a setting with values ({name} = [1, 2], its name "
            f"being section.key) nor a table with settings for each label; {_LIKE}"
        )
    labels = [label for label, _ in found]
    for label in labels:
        if not _LABEL.fullmatch(label) or labels.count(label) > 1:
            raise ConfigError(
                f"{path}: axis {name} cannot call a cell {label!r}: labels differ, and have "
                "letters, digits and . _ + - alone; name them: "
                f'[axes.NAME] and below it label = {{ "{name}" = ... }}'
            )
    return dict(found)


def _label_of(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "+".join(map(_label_of, value)) or "none"
    return str(value)


def _settings(path: Path, where: str, value: Any) -> dict[str, Any]:
    """Settings by name, from a table of them; tables of sections are taken too."""
    if not isinstance(value, Mapping):
        raise ConfigError(
            f"{path}: {where} is a table of settings, not {value!r}; write "
            '{ "section.key" = value }'
        )
    found: dict[str, Any] = {}
    for key, each in value.items():
        if "." in key or not isinstance(each, Mapping):
            found[key] = each
        else:
            found |= {f"{key}.{name}": inner for name, inner in each.items()}
    return found


def _nested(setting: str, value: Any) -> dict[str, Any]:
    *tables, key = setting.split(".")
    nested = {key: value}
    for table in reversed(tables):
        nested = {table: nested}
    return nested
