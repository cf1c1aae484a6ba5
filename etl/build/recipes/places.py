"""Settings that name files: relative paths in a recipe file are relative to its folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

from etl.files.file_setting import A_FILE
from etl.files.remote import urls

VOCABULARIES: Final = "vocabularies"
"""The list whose entries are tables as in ``[vocabulary]``."""


def naming_files(sections: Mapping[str, type]) -> frozenset[tuple[str, str]]:
    """(section, key) of the settings that name files. sections: their classes by name."""
    return frozenset(
        (section, key)
        for section, settings in sections.items()
        for key, hint in get_type_hints(settings, include_extras=True).items()
        if A_FILE in getattr(hint, "__metadata__", ())
    )


def absolute(
    tables: Mapping[str, Any], folder: Path, files: Collection[tuple[str, str]]
) -> dict[str, Any]:
    """The tables of a recipe, with each relative path made absolute from a folder.

    files: (section, key) of the settings that name files.
    """
    placed = dict(tables)
    for section, key in files:
        if isinstance(settings := placed.get(section), Mapping):
            placed[section] = _with_place(settings, key, folder)
        if section == "vocabulary" and isinstance(every := placed.get(VOCABULARIES), list):
            placed[VOCABULARIES] = [
                _with_place(each, key, folder) if isinstance(each, Mapping) else each
                for each in every
            ]
    return placed


def _with_place(settings: Mapping[str, Any], key: str, folder: Path) -> Mapping[str, Any]:
    """A table, with the path or paths under a key made absolute if there are any."""
    name = settings.get(key)
    if isinstance(name, Mapping):
        files = {
            each: _absolute(file, folder) for each, file in name.items() if isinstance(file, str)
        }
        return {**settings, key: {**name, **files}}
    if isinstance(name, list) and all(isinstance(each, str) for each in name):
        return {**settings, key: [_absolute(each, folder) for each in name]}
    if not isinstance(name, str) or not name:
        return settings
    return {**settings, key: str(folder.absolute() / name)}


def _absolute(given: str, folder: Path) -> str:
    """A place, which may be a URL, made absolute from a folder."""
    return given if urls.remote(given) else str(folder.absolute() / given)
