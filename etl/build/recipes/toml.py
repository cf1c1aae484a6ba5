"""Parse the TOML of recipes, lay tables over each other, check them against types, write them."""

from __future__ import annotations

import json
import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from etl.files.file_setting import A_FILE
from schemas.errors import ConfigError


def parsed(text: str, name: str) -> dict[str, Any]:
    """The tables of a text.

    name: of the recipe, for the message.

    Raises:
        ConfigError: the text is not TOML; it names the place.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"recipe {name}: {error}") from error


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of ``base``, with those of ``over`` in place of or within them."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = laid_over(old, value)
        merged[key] = value
    return merged


def of_setting(text: str) -> dict[str, Any]:
    """The tables of one setting ``section.key=value``.

    Raises:
        ConfigError: it is not of this form.
    """
    path, equals, value = text.partition("=")
    *tables, key = path.strip().split(".")
    if not equals or not (tables or key == "vocabularies") or not all([*tables, key]):
        raise ConfigError(
            f"--set {text}: write section.key=value, for example --set fit.context=65536"
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word is a string
    nested = {key: parsed}
    for table in reversed(tables):
        nested = {table: nested}
    return nested


def checked(value: Any, hint: Any, path: str) -> Any:
    """A TOML value as the type of a field.

    path: of the setting, for messages.

    Raises:
        ConfigError: the value is not of this type, or a table has an unknown key or lacks one.
    """
    if hasattr(hint, "__dataclass_fields__"):
        return _section(value, hint, path)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} = {value!r}: choose one of {', '.join(map(str, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        chosen = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else checked(value, chosen, path)
    if origin is tuple and hasattr(arguments[0], "__dataclass_fields__"):
        return _tables(value, arguments[0], path)
    if origin in (frozenset, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{path}: expected a list of strings, got {value!r}")
        return origin(value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path}: expected a table, got {value!r}")
        return {key: checked(item, arguments[1], f"{path}.{key}") for key, item in value.items()}
    if hint is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(f"{path} = {value!r}: expected a date as 2026-01-31") from error
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, date):  # TOML has days and times without quotes
        return value.isoformat()
    if hint is object:
        return value
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(
            f"{path} = {value!r}: expected {hint.__name__}, got {type(value).__name__}"
        )
    return value


def _tables(value: Any, hint: Any, path: str) -> tuple[Any, ...]:
    """A list of tables as records; the message says which is wrong."""
    if not isinstance(value, list):
        raise ConfigError(f"{path}: expected tables [[{path}]], got {value!r}")
    records = []
    for at, table in enumerate(value, 1):
        place = f"{path}[{at}]"
        try:
            records.append(checked(table, hint, place))
        except ConfigError as error:
            text = str(error).removeprefix(f"[{place}]: ").removeprefix(f"{place}")
            raise ConfigError(f"{place}{'' if text[:1] in '.:' else ': '}{text}") from error
    return tuple(records)


def _section(value: Any, hint: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: expected a table [{path}], got {value!r}")
    known = {key.name: key for key in fields(hint)}
    hints = get_type_hints(hint)
    for key in value:
        if key not in known:
            raise ConfigError(f"{path}.{key}: there is no such setting{nearest(key, known)}")
    missing = [
        key
        for key, f in known.items()
        if key not in value and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"[{path}]: {', '.join(missing)} must be given")
    several = {
        key
        for key, each in get_type_hints(hint, include_extras=True).items()
        if A_FILE in getattr(each, "__metadata__", ()) and hints[key] is not str
    }
    # one file of several that there may be needs no brackets
    listed = {
        key: [item] if key in several and isinstance(item, str) else item
        for key, item in value.items()
    }
    return hint(**{key: checked(item, hints[key], f"{path}.{key}") for key, item in listed.items()})


def nearest(name: str, known: Mapping[str, Any]) -> str:
    """The known name nearest to a misspelt one, for an error; all known names if none is near."""
    import difflib  # for what is wrong alone

    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}."


def as_json(value: Any) -> Any:
    """A setting's value for JSON: sets sorted, tuples as lists, dates in ISO 8601.

    A record becomes a table of what is not its default.
    """
    if isinstance(value, tuple) and any(is_dataclass(item) for item in value):
        return [_as_table(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value


def _as_table(record: Any) -> dict[str, Any]:
    values = {each.name: getattr(record, each.name) for each in fields(record)}
    return {each.name: values[each.name] for each in fields(record)
            if values[each.name] != each.default}  # fmt: skip


def as_toml(value: Any) -> str:
    """A value as TOML, which reads back as the same value."""
    value = as_json(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{as_toml(key)} = {as_toml(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
