"""How far the keys of a file are from those of the formats that are read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from etl.inputs.description import Field, Format
from etl.inputs.records import Keys
from etl.inputs.strangers.stranger import Stranger

_ENOUGH: Final = 0.4
"""The share of a format's required keys from which on a file is said to be like it."""
_SHOWN_KEYS: Final = 12


def measured(keys: Keys, what: str, formats: Collection[Format], *, csv: bool = False) -> Stranger:
    """The nearest format and what is missing for it. what: the file is, say ``JSON lines``.
    formats: that are read.
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
        return Stranger("unknown_keys", says, "no known format has such; see: stepmill formats")
    missing = tuple(_missing(best, keys))
    return Stranger("near_format", says, _advice(best, keys, missing), best.name, missing)


def _share(format: Format, keys: Keys) -> float:
    """How many of a format's required keys there are, one that may be meant counting half."""
    needed = format.needed()
    there = sum(
        1.0 if keys.top & set(each.names) else 0.5 * bool(_like(each, keys.top)) for each in needed
    )
    return there / len(needed)


def _missing(format: Format, keys: Keys) -> list[tuple[str, str]]:
    """The required keys that are not there, of the record and of the elements of its lists."""
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
    more = f"see: stepmill schema {format.name}"
    if missing:
        said = ", ".join(f"{key} (is it {like}?)" if like else key for key, like in missing)
        return f"most like the format {format.name}, for which it lacks {said}; {more}"
    if format.form and keys.form != format.form:
        return (
            f"it has the keys of the format {format.name}, which is read from {format.files}; "
            f"{more}"
        )
    return f"it has the keys of the format {format.name} and yet is none; {more}"


def _like(field: Field, names: Collection[str]) -> str:
    """A key among these that may be meant by a field that is not there."""
    folded = {_folded(name): name for name in sorted(names)}
    for word in (*field.names, *field.like.split()):
        if _folded(word) in folded:
            return folded[_folded(word)]
    return ""


def _folded(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _shown(field: Field) -> str:
    return " or ".join(field.names)
