"""How near the keys of a file are to those of the formats that are read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from etl.inputs.description import Field, Format
from etl.inputs.records import Keys
from etl.inputs.strangers.stranger import Stranger

_ENOUGH: Final = 0.4
"""Least share of a format's required keys with which a file is said to be like it."""
_LEAST: Final = 1.5
"""Least number of required keys; one alone, such as a title, is in files of all kinds."""
_SHOWN_KEYS: Final = 12


def measured(keys: Keys, what: str, formats: Collection[Format], *, csv: bool = False) -> Stranger:
    """The format nearest to a file, and the keys that the file lacks for it.

    what: what the file is, such as ``JSON lines``. formats: those that are read.
    """
    best, share = None, 0.0
    for format in formats:
        near = _share(format, keys) if format.csv or not csv else 0.0
        if near > share:
            best, share = format, near
    shown = ", ".join(sorted(keys.top)[:_SHOWN_KEYS]) + (
        ", ..." if len(keys.top) > _SHOWN_KEYS else ""
    )
    says = f"{what} with the {'columns' if csv or keys.form == 'table' else 'keys'} {shown}"
    if best is None or share < _ENOUGH:
        return Stranger(
            "unknown_keys", says, "no known format has such keys; see: stepmill formats"
        )
    missing = tuple(_missing(best, keys))
    return Stranger("near_format", says, _advice(best, keys, missing), best.name, missing)


def _share(format: Format, keys: Keys) -> float:
    """The share of a format's required keys that a file has; another word for a key counts half."""
    needed = format.needed()
    points = 0.0
    for each in needed:
        if keys.top & set(each.names):
            points += 1.0
        elif _like(each, keys.top):
            points += 0.5
    return points / len(needed) if needed and points >= _LEAST else 0.0


def _missing(format: Format, keys: Keys) -> list[tuple[str, str]]:
    """The required keys that a file lacks, of records and of the elements of their lists.

    Each with a key of the file that may be meant, or an empty string.
    """
    missing = [
        (_shown(each), _like(each, keys.top))
        for each in format.needed()
        if not keys.top & set(each.names)
    ]
    for each in format.fields:
        parent = each.parent.removesuffix("[]")
        inside = {
            name.removeprefix(f"{parent}.") for name in keys.nested if name.startswith(f"{parent}.")
        }
        if each.required and inside and not inside & set(each.names):
            missing.append((each.path, _like(each, inside)))
    return missing


def _advice(format: Format, keys: Keys, missing: Collection[tuple[str, str]]) -> str:
    """What to do about a file that is like a format."""
    more = f"see: stepmill schema {format.name}"
    if missing:
        keys_of = ", ".join(f"{key} (is it {like}?)" if like else key for key, like in missing)
        return f"most like the format {format.name}, for which it lacks {keys_of}; {more}"
    if format.form and keys.form != format.form:
        return (
            f"it has the keys of the format {format.name}, which is read from {format.files}; "
            f"{more}"
        )
    return f"it has the keys of the format {format.name}, but is not in it; {more}"


def _like(field: Field, names: Collection[str]) -> str:
    """The key among these that may be meant by a missing field; empty if none may."""
    folded = {_folded(name): name for name in sorted(names)}
    for word in (*field.names, *field.like.split()):
        if _folded(word) in folded:
            return folded[_folded(word)]
    return ""


def _folded(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _shown(field: Field) -> str:
    return " or ".join(field.names)
