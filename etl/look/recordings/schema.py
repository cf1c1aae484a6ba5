"""Describe a format: as a page for people, as in ``docs/formats/``, and as JSON Schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from etl.inputs.description import TYPES, Field, Format
from etl.sources import FORMATS
from etl.sources.browsergym.calls import CALLS
from schemas.actions import KINDS
from schemas.errors import ConfigError

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_EVENTS: Final = {
    "mousedown, mouseup, click": "click",
    "dblclick": "double_click",
    "mousedown, mouseup elsewhere": "drag or select_text",
    "click in a list": "select",
    "keydown, keypress, keyup": "type or press",
    "scroll": "scroll",
}
_SHOWN_EXAMPLE: Final = 1_500
_LANGUAGES: Final = {".csv": "csv", ".html": "html", ".txt": "text"}
"""The end of a file's name -> what its text is called in Markdown."""


def write(format: Format, folder: Path) -> list[Path]:
    """Write the example into a folder; returns its files."""
    written = []
    for name, text in ((format.example_name, format.example), *format.beside):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        written.append(path)
    return written


def described(name: str) -> Format:
    """A format by its name.

    Raises:
        ConfigError: if there is no such format.
    """
    if name not in FORMATS:
        raise ConfigError(f"there is no format {name!r} (there are: {', '.join(FORMATS)})")
    return FORMATS[name]


def as_json(format: Format) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "format": format.name,
        "about": format.about,
        "record": format.record,
        "files": format.files,
        "fields": [
            {
                "path": each.path,
                "type": each.type,
                "required": each.required,
                "also": [*each.also],
                "says": each.says,
            }
            for each in format.fields
        ],
        "actions": kinds(format),
        "notes": [*format.notes],
        "example": format.example_name,
    }


def kinds(format: Format) -> list[dict[str, str]]:
    """The recorded words for actions, each with its kind."""
    if format.name == "browsergym":
        return [
            {"recorded": f"{name}({_parameters(said)})", "kind": kind}
            for name, (kind, said) in CALLS.items()
        ]
    if format.name == "miniwob":
        return [{"recorded": recorded, "kind": kind} for recorded, kind in _EVENTS.items()]
    if format.kinds:
        return [{"recorded": recorded, "kind": kind} for recorded, kind in format.kinds]
    return [
        {
            "recorded": ", ".join(kind.words),
            "kind": kind.name,
            "element": kind.element,
            "value": kind.value,
        }
        for kind in KINDS.values()
        if kind.action
    ]


def _parameters(said: str) -> str:
    return ", ".join(said.split())


def page(format: Format) -> str:
    """The page of a format in Markdown."""
    rows = [
        f"| {' or '.join(f'`{name}`' for name in _paths(each))} | {each.type} | "
        f"{'yes' * each.required} | {each.says} |"
        for each in format.fields
    ]
    lines = [
        f"# `{format.name}`",
        "",
        format.about,
        "",
        f"A record is {format.record}. Files: {format.files}; plain, `.gz` or `.zst`.",
        "",
        "| key | type | required | what |",
        "|---|---|---|---|",
        *rows,
        "",
        *(line for note in format.notes for line in (note, "")),
        "## Kinds of action",
        "",
        *_kinds_table(format),
        "",
        "## Example",
        "",
        f"`{_writes(format)}` writes one that is read:",
        "",
        *_shown(format.example_name, format.example, alone=not format.beside),
        *(line for name, text in format.beside for line in _shown(name, text)),
        (
            f"`stepmill schema {format.name} --json-schema` prints a JSON Schema of one record; "
            "`stepmill check FILE` says"
        ),
        "of each record that cannot be read where, why, and what to do.",
    ]
    return "\n".join(lines)


def _writes(format: Format) -> str:
    """The command that writes the example."""
    command = f"stepmill example {format.name}"
    return f"{command} --to ." if format.beside else f"{command} > {format.example_name}"


def _shown(name: str, text: str, *, alone: bool = False) -> list[str]:
    """The lines of a file of an example. alone: it is the only one."""
    form = next((form for end, form in _LANGUAGES.items() if name.endswith(end)), "json")
    cut = text[:_SHOWN_EXAMPLE].rstrip("\n") + ("..." if len(text) > _SHOWN_EXAMPLE else "")
    return [*(() if alone else (f"`{name}`:", "")), f"```{form}", cut, "```", ""]


def _paths(field: Field) -> list[str]:
    parent = f"{field.parent}." if field.parent else ""
    return [field.path, *(f"{parent}{name}" for name in field.also)]


def _kinds_table(format: Format) -> list[str]:
    found = kinds(format)
    if "element" not in found[0]:
        rows = [f"| `{each['recorded']}` | {each['kind']} |" for each in found]
        return ["| recorded | kind |", "|---|---|", *rows]
    rows = [
        f"| `{each['kind']}` | {each['element']} | {each['value']} | {each['recorded']} |"
        for each in found
    ]
    return [
        (
            "Any of these words, in any case and with spaces, hyphens or underscores; another word "
            "is counted, kept in"
        ),
        "the history, and not trained on.",
        "",
        "| kind | element | value | words |",
        "|---|---|---|---|",
        *rows,
    ]


def json_schema(format: Format) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of one record."""
    whole: dict[str, Any] = _object(format, "")
    return {
        "$schema": _DIALECT,
        "title": format.name,
        "description": f"{format.about} A record is {format.record}.",
        **whole,
    }


def _object(format: Format, parent: str) -> dict[str, Any]:
    """The schema of the object at a path."""
    properties: dict[str, Any] = {}
    needed: list[dict[str, Any]] = []
    for each in format.fields:
        if each.parent == parent:
            schema = _value(format, each)
            properties |= dict.fromkeys(each.names, schema)
            if each.required:
                needed.append({"anyOf": [{"required": [name]} for name in each.names]})
    simple = [option["anyOf"][0]["required"][0] for option in needed if len(option["anyOf"]) == 1]
    several = [option for option in needed if len(option["anyOf"]) > 1]
    made: dict[str, Any] = {"type": "object", "properties": properties}
    if simple:
        made["required"] = simple
    if several:
        made["allOf"] = several
    return made


def _value(format: Format, field: Field) -> dict[str, Any]:
    known = TYPES[field.type]
    assert isinstance(known, dict)
    schema: dict[str, Any] = {**known, "description": field.says}
    if any(each.parent == f"{field.path}[]" for each in format.fields):
        schema["items"] = _object(format, f"{field.path}[]")
    elif any(each.parent == field.path for each in format.fields):
        inner = {key: value for key, value in _object(format, field.path).items() if key != "type"}
        schema |= inner
    return schema
