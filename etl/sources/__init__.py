"""Recording formats, one file each; `SOURCES` is the whole list. Sources never import stages or each other."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.plan import Source
from etl.sources.browsergym import BrowserGym
from etl.sources.mind2web import Mind2Web
from etl.sources.miniwob import MiniWob
from etl.sources.scribe import Scribe
from etl.sources.unknown import Unknown
from etl.sources.workflows import Workflows

SOURCES: Final[Mapping[str, Source]] = MappingProxyType(
    {source.name: source for source in (BrowserGym(), Mind2Web(), MiniWob(), Scribe(), Workflows(), Unknown())}
)
