"""The list of recording formats that are read, in the order in which people see them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.inputs.description import Format
from etl.inputs.source import Source
from etl.sources.browsergym.episodes import BrowserGym
from etl.sources.mind2web import Mind2Web
from etl.sources.miniwob.demos import MiniWob
from etl.sources.scribe import COLUMNS, Scribe
from etl.sources.workflows import ACTION, LOCATOR, STEP, WORKFLOW, Workflows

KNOWN: Final[tuple[Source, ...]] = (Workflows(), BrowserGym(), Mind2Web(), MiniWob(), Scribe())
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {source.name: source.described for source in KNOWN if source.described is not None}
)
"""Descriptions of the formats, by name."""
KEYS: Final = frozenset({*WORKFLOW, *STEP, *ACTION, *LOCATOR, *COLUMNS})
"""Keys of the formats that people write themselves, to guess what a misspelt key means."""
