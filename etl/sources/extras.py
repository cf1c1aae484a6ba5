"""What a record has beyond its format: kept as ``meta``, as JSON, and noted key by key."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final

import orjson

from etl.tally import Odd

VALUE_BYTES: Final = 4096  # of one value, as JSON
META_BYTES: Final = 65536  # of all of a workflow or step
INDEX_COLUMN: Final = re.compile(r"__index_level_[0-9]+__|Unnamed: 0|")
"""What pandas calls the numbers of its rows, which say nothing of them."""

_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS
"""Foreign classes of pickles are dataclasses here, and no values."""


class Extras:
    """The ``meta`` of a workflow or step. odd: where unknown keys are noted; place: what their paths begin with."""

    def __init__(self, odd: list[Odd], place: str = "") -> None:
        self._odd, self._place = odd, re.sub(r"\[[0-9]+\]", "[]", place)
        self._made: dict[str, bytes] = {}
        self._size = 0

    def declared(self, meta: Any) -> bool:
        """Keep what the record itself calls meta, an object or one as JSON; whether it is that."""
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

    def unknown(self, fields: Mapping[str, Any], known: Collection[str], within: str = "") -> None:
        """Keep and note what is under other keys than the known ones. within: the path of these fields, with a dot."""
        for key in fields:
            value = fields[key]
            if key not in known and value is not None and not INDEX_COLUMN.fullmatch(key):
                name = f"{within}{key}".encode(errors="backslashreplace").decode()  # of a damaged header
                where = re.sub(r"\[[0-9]+\]", "[]", name)
                if self._keep(name, value, where):
                    self._odd.append(("unknown_key", self._place + where))

    def text(self) -> str:
        """An object as JSON, its keys in order; empty if there is nothing."""
        parts = (orjson.dumps(key) + b":" + self._made[key] for key in sorted(self._made))
        return f"{{{b','.join(parts).decode()}}}" if self._made else ""

    def _keep(self, key: str, value: Any, where: str) -> bool:
        raw = _as_json(value)
        if raw is None or len(raw) > VALUE_BYTES or self._size + len(raw) + len(key) > META_BYTES:
            self._odd.append(("unkept_value", self._place + where))
            return False
        if key not in self._made:
            self._made[key] = raw
            self._size += len(raw) + len(key)
        return True


def _as_json(value: Any) -> bytes | None:
    """None for what no JSON holds, or what is too long to look at."""
    if isinstance(value, bytes | bytearray) or (isinstance(value, str) and len(value) > VALUE_BYTES):
        return None
    try:
        return orjson.dumps(value, _plain, _OPTIONS)
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(type(value).__name__)
