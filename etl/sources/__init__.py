"""Recording formats, one file each, or a folder where one needs more.

A format enters with its source (`etl.inputs.source`) and one line in `etl.sources.known`. Sources
read with the help of `etl.inputs` and import neither each other nor stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.inputs.source import Source
from etl.sources.known import FORMATS, KEYS, KNOWN
from etl.sources.unknown import Unknown

__all__ = ["FORMATS", "KEYS", "SOURCES"]

SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {source.name: source for source in (*KNOWN, Unknown())}
)
"""All sources by name, with the one for files in no known format."""
