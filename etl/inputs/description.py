"""What a recording format looks like, for people and for programs: its keys, its kinds of action,
an example.

The sources decide what is read; a description says it (tests hold them together). It is what
`stepmill schema` and `stepmill example` print, what ``docs/formats/`` shows, and by what a file
that no source recognises is told how far it is from one that is read.
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
"""Names of types, as a table shows them, and the same in JSON Schema."""


class Field(NamedTuple):
    """One key. path: ``steps[].action.kind``; a list's elements are ``[]``.

    required: a record without it is not read. also: other names of the same key. like: words that
    others have for it, which are not read.
    """

    path: str
    type: str
    says: str
    required: bool = False
    also: tuple[str, ...] = ()
    like: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The key itself, by all its names; without what it is in."""
        return (self.path.rpartition(".")[2].removesuffix("[]"), *self.also)

    @property
    def parent(self) -> str:
        """The path of what it is in; empty for a key of the record."""
        return self.path.rpartition(".")[0]


@dataclass(frozen=True)
class Format:
    """One recording format.

    about: one sentence. record: what one record is. files: what files are read. fields: in the
    order in which they are shown. example: a file that is read and gives samples. example_name: of
    that file. notes: what a table cannot say, a paragraph each. form: of a JSON
    file, if only one is read: ``objects`` or ``list``. csv: whether it is read as CSV.
    """

    name: str
    about: str
    record: str
    files: str
    fields: tuple[Field, ...]
    example: str
    example_name: str
    notes: tuple[str, ...] = ()
    form: str = ""
    csv: bool = False

    def needed(self, parent: str = "") -> list[Field]:
        """The keys that a record must have, or something in it."""
        return [each for each in self.fields if each.required and each.parent == parent]
