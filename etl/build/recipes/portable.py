"""A recipe without files of its own, to be published: in full, as TOML that is itself a recipe.

Settings that name files of a machine are left out, and so is the takedown list, which names what
must not be kept. Their names are given, so that whoever uses the recipe knows what it lacks.
"""

from __future__ import annotations

import tomllib
from typing import Any, Final, NamedTuple

from etl.build.recipes import settings
from etl.build.recipes.recipe import Recipe, file_settings
from etl.build.recipes.toml import as_toml
from etl.build.recipes.vocabularies import KEY

_LIST: Final = "takedown"


class Portable(NamedTuple):
    """A recipe to publish."""

    toml: str
    # names of the settings that are left out and not empty
    needs: tuple[str, ...]


def portable(chosen: Recipe) -> Portable:
    """The recipe without files and takedown list."""
    tables: dict[str, Any] = tomllib.loads(settings.toml(chosen, ""))
    needs: list[str] = []
    for section, key in sorted(file_settings()):
        if tables.get(section, {}).pop(key, None):
            needs.append(f"{section}.{key}")
    listed = [key for key, value in tables.pop(_LIST, {}).items() if value]
    if listed:
        needs = sorted({*needs, f"{_LIST}.file"})
    of_vocabulary = {key for section, key in file_settings() if section == "vocabulary"}
    for at, each in enumerate(tables.get(KEY, ())):
        needs += [f"{KEY}[{at}].{key}" for key in sorted(of_vocabulary) if each.pop(key, None)]
    lines = [f"{key} = {as_toml(value)}" for key, value in tables.items() if _plain(value)]
    for section, table in tables.items():
        if not _plain(table):
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {as_toml(value)}" for key, value in table.items()]
    return Portable("\n".join(lines) + "\n", tuple(needs))


def _plain(value: object) -> bool:
    return not isinstance(value, dict)
