"""The unchecked tables of a recipe, from its file and the recipes that it extends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from etl.build.recipes.toml import laid_over, nearest, parsed
from etl.files.side_files import read_text
from schemas.errors import ConfigError

_SHIPPED: Final = Path(__file__).parent
"""The folder of the shipped recipes."""

Tables = dict[str, Any]
Placed = Callable[[Mapping[str, Any], Path], Tables]
"""A function that gives the same tables, with relative paths made absolute from a folder."""


def as_written(tables: Mapping[str, Any], _: Path) -> Tables:
    """The same tables, with paths as they are."""
    return dict(tables)


def shipped() -> dict[str, str]:
    """The description of each shipped recipe, by name."""
    descriptions: dict[str, str] = {}
    for file in sorted(_SHIPPED.glob("*.toml")):
        tables = parsed(file.read_text("utf-8"), file.name)
        descriptions[file.stem] = str(tables.get("about", ""))
    return descriptions


def of_file(path: Path, placed: Placed) -> Tables:
    """The tables of a recipe file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    tables = placed(parsed(read_text(path, "recipe"), str(path)), path.parent)
    base = tables.get("extends")
    if isinstance(base, str) and base.endswith(".toml"):
        tables["extends"] = str(path.parent.absolute() / base)
    return tables


def named(name_or_file: str, placed: Placed) -> Tables:
    """The tables of a shipped recipe, or of a file whose name ends in ``.toml``.

    Raises:
        ConfigError: there is no such recipe, or it cannot be read.
    """
    if name_or_file.endswith(".toml"):
        return of_file(Path(name_or_file), placed)
    known = shipped()
    if name_or_file not in known:
        raise ConfigError(
            f"there is no recipe {name_or_file!r}{nearest(name_or_file, known)} See: stepmill "
            "recipes"
        )
    file = _SHIPPED / f"{name_or_file}.toml"
    return parsed(file.read_text("utf-8"), file.name)


def extended(tables: Mapping[str, Any], placed: Placed, seen: tuple[str, ...] = ()) -> Tables:
    """The tables, laid over those of the recipe that they extend, if they extend one.

    seen: the recipes that extend this one, from the outermost.

    Raises:
        ConfigError: there is no such recipe, or a recipe extends itself.
    """
    tables = dict(tables)
    base = tables.pop("extends", None)
    if base is None:
        return tables
    if base in seen:
        raise ConfigError(f"recipe: {base!r} extends itself")
    below = extended(named(str(base), placed), placed, (*seen, str(base)))
    return laid_over(below, tables)
