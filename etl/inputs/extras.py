"""Keys that a record has beyond its format: kept as ``meta``, as JSON, and counted by key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any, Final

import orjson

from etl.tally import Odd
from schemas.ledger import Oddity

VALUE_BYTES: Final = 4096  # most of one value, as JSON
META_BYTES: Final = 65536  # most of all values of a workflow or step
INDEX_COLUMN: Final = re.compile(r"__index_level_[0-9]+__|Unnamed: 0|")
"""Pandas' names for its row numbers, which say nothing of the rows."""

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
"""Dataclasses are no values here: they stand for foreign classes in pickles."""


class Extras:
    """The ``meta`` of a workflow or step."""

    def __init__(self, odd: list[Odd], place: str = "") -> None:
        """odd: receives the unknown keys. place: the start of their paths."""
        self._odd, self._place = odd, place
        self._made: dict[str, bytes] = {}
        self._size = 0

    def declared(self, meta: Any) -> bool:
        """Keep the record's own ``meta``, an object or one as JSON; False if it is neither."""
        if isinstance(meta, str):
            try:
                meta = orjson.loads(meta or "{}")
            except orjson.JSONDecodeError:
                return False
        if meta is not None and not isinstance(meta, dict):
            return False
        for key, value in (meta or {}).items():
            self._keep(key, value, f"meta.{key}")
        return True

    def unknown(self, fields: Mapping[str, Any], known: Set[str], within: str = "") -> None:
        """Keep and count the values of unknown keys.

        within: the path of these fields, with a dot.
        """
        if fields.keys() <= known:
            return
        for key in fields:
            if key in known:
                continue
            value = fields[key]
            if value is not None and not INDEX_COLUMN.fullmatch(key):
                # A damaged header may hold half characters.
                name = f"{within}{key}".encode(errors="backslashreplace").decode()
                if self._keep(name, value, name):
                    self._note("unknown_key", name)

    def text(self) -> str:
        """All that was kept, as a JSON object with sorted keys; empty if that is nothing."""
        parts = (orjson.dumps(key) + b":" + self._made[key] for key in sorted(self._made))
        return f"{{{b','.join(parts).decode()}}}" if self._made else ""

    def _keep(self, key: str, value: Any, where: str) -> bool:
        """Keep a value, if it fits and JSON can hold it; whether it was kept."""
        raw = _as_json(value)
        if raw is None or len(raw) > VALUE_BYTES or self._size + len(raw) + len(key) > META_BYTES:
            self._note("unkept_value", where)
            return False
        if key not in self._made:
            self._made[key] = raw
            self._size += len(raw) + len(key)
        return True

    def _note(self, what: Oddity, where: str) -> None:
        """Note a key by its path, without the positions in lists."""
        self._odd.append((what, re.sub(r"\[[0-9]+\]", "[]", self._place + where)))


def _as_json(value: Any) -> bytes | None:
    """A value as JSON; None if JSON cannot hold it or it is too long."""
    if isinstance(value, bytes | bytearray) or (
        isinstance(value, str) and len(value) > VALUE_BYTES
    ):
        return None
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
