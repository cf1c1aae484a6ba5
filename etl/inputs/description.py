"""What a recording format looks like, for people and for programs: its keys and an example.

A source decides what is read; its description says so, and tests hold the two together. `stepmill
schema`, `stepmill example` and ``docs/formats/`` show descriptions. Files that no source recognises
are compared with them (`etl.inputs.strangers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

TYPES: Final[Mapping[str, object]] = {
    "string": {"type": "string"},
    "string or null": {"type": ["string", "null"]},
    "number": {"type": "number"},
    "whole number": {"type": "integer"},
    "number or null": {"type": ["number", "null"]},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "object or null": {"type": ["object", "null"]},
    "object or string of JSON": {"type": ["object", "string"]},
    "list": {"type": "array"},
    "list of strings": {"type": "array", "items": {"type": "string"}},
    "string or whole number": {"type": ["string", "integer"]},
    "any": {},
}
"""Name of a type, as tables show it -> the same in JSON Schema."""


class Field(NamedTuple):
    """One key of a record, or of an object within it."""

    # `steps[].action.kind`; the elements of a list are `[]`
    path: str
    # a name in `TYPES`
    type: str
    # what it holds, for people
    says: str
    # a record without it is not read
    required: bool = False
    # other names of the key, which are read too
    also: tuple[str, ...] = ()
    # other tools' words for it, separated by spaces, which are not read
    like: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the key, without the path to it."""
        return (self.path.rpartition(".")[2].removesuffix("[]"), *self.also)

    @property
    def parent(self) -> str:
        """The path of the object that holds the key; empty for a key of the record."""
        return self.path.rpartition(".")[0]


@dataclass(frozen=True)
class Format:
    """One recording format."""

    name: str
    # one sentence
    about: str
    # what one record is
    record: str
    # which files are read
    files: str
    # in the order in which they are shown
    fields: tuple[Field, ...]
    # the content of a file that is read and gives samples
    example: str
    # the name of that file
    example_name: str
    # paragraphs on what a table cannot say
    notes: tuple[str, ...] = ()
    # the only form of JSON that is read, `objects` or `list`; empty: both are
    form: str = ""
    # by what it is recognised: a file or folder that ...
    sign: str = ""
    # whether it is read as CSV
    csv: bool = False
    # the other files of the example, (path, content): the first part of all paths, also that of
    # `example_name`, is the folder that is read
    beside: tuple[tuple[str, str], ...] = ()
    # (what is recorded, our kind of action), if these are its own words; empty: any of
    # `schemas.actions`
    kinds: tuple[tuple[str, str], ...] = ()
    # whether its recordings hold pages; if not, `--pages` joins them
    pages: bool = True

    def needed(self, parent: str = "") -> list[Field]:
        """The required keys of a record, or of the object at a path in it."""
        return [each for each in self.fields if each.required and each.parent == parent]
