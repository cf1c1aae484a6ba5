"""The sign by which a kind of JSON is recognised."""

from __future__ import annotations

from typing import NamedTuple

from etl.inputs.records import Keys


class Sign(NamedTuple):
    """A kind of file, and how it is recognised."""

    kind: str
    # what the file is
    says: str
    # what to do
    advice: str
    # keys of its records, separated by spaces; all must be there
    top: str = ""
    # `field.key` of objects in its records; all must be there
    nested: str = ""
    # a text that its beginning must hold
    text: str = ""

    def fits(self, keys: Keys, text: str) -> bool:
        """Whether a file with these keys and this beginning has it."""
        return (
            keys.top >= set(self.top.split())
            and keys.nested >= set(self.nested.split())
            and self.text in text
        )
