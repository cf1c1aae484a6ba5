"""The events of a recording without pages: each is a record of its own in the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final

from etl.inputs.columns import Fields, Record, records, type_name
from etl.inputs.records import InputShard
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.reasons import Reason
from schemas.workflow import Workflow

_ENDINGS: Final = re.compile(r"(?:\.workflow)?\.(?:jsonl?|side)(?:\.gz|\.zst)?$")


class Events:
    """The events of one recording, and which of them make no step, with the reason.

    record: that holds them. key: the path of the list in it.
    """

    def __init__(self, record: Record, key: str) -> None:
        self._record, self._key = record, key
        self._dropped: dict[int, tuple[Reason, str]] = {}
        self.odd: list[Odd] = []

    def name(self, index: int) -> str:
        """The id of an event in the ledger."""
        return f"{self._record.id}.{self._key}[{index}]"

    def drop(self, index: int, reason: Reason, detail: str = "") -> None:
        """Note that an event makes no step."""
        self._dropped[index] = (reason, detail)

    def enter(self, tally: Tally, count: int, uid: str) -> None:
        """Enter all events, and drop those that make no step.

        uid: of their workflow.
        """
        for index in range(count):
            tally.read("record", self.name(index), parent=uid)
        for index, (reason, detail) in sorted(self._dropped.items()):
            tally.drop("record", self.name(index), reason, detail, parent=uid)
        tally.note(self.odd)


Made = Callable[[Fields, list[Fields], str, Record, Events], Workflow]
"""Makes the workflow of a recording: of its fields, its steps, a name for it, and where it stands.

Raises `RecordError` if it cannot be read, or is refused.
"""


def workflows(shard: InputShard, tally: Tally, keys: Set[str], made: Made) -> Iterator[Workflow]:
    """The recordings of a file that have a list ``steps``; one that cannot be read is quarantined.

    keys: of a recording.
    """
    for record in records(shard, frozenset(keys)):
        events = Events(record, "steps")
        try:
            fields = record.checked()
            steps = listed(fields, "steps")
            workflow = made(fields, steps, named(shard.name, record), record, events)
        except RecordError as error:
            record.quarantine(tally, error)
            continue
        events.enter(tally, len(steps), workflow.uid)
        tally.note(record.odd)
        yield workflow


def listed(fields: Fields, key: str, path: str = "") -> list[Fields]:
    """The objects of a list. path: of the object that holds it, with a full stop.

    Raises: `RecordError` ``wrong_type``.
    """
    found = fields.get(key)
    if not isinstance(found, list):
        raise RecordError("wrong_type", f"{path}{key}: {type_name(found)}, expected a list")
    for index, each in enumerate(found):
        if not isinstance(each, dict):
            raise RecordError(
                "wrong_type", f"{path}{key}[{index}]: {type_name(each)}, expected an object"
            )
    return found


def kept(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of some fields that are there and say anything."""
    return {name: fields[name] for name in names if fields.get(name) not in (None, "", [], {})}


def named(file: str, record: Record) -> str:
    """A name for a recording: that of its file without endings, and its number if others came.

    file: the name of the input.
    """
    stem = _ENDINGS.sub("", file) or file
    first = record.id.endswith(("#item=0", "#line=1"))
    return stem if first else f"{stem}#{record.id.rpartition('=')[2]}"
