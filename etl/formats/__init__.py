"""The recording formats as users are told of them; `FORMATS` is the whole list."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.formats.browsergym import BROWSERGYM
from etl.formats.description import Format
from etl.formats.mind2web import MIND2WEB
from etl.formats.miniwob import MINIWOB
from etl.formats.scribe import SCRIBE
from etl.formats.workflows import WORKFLOWS

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {each.name: each for each in (WORKFLOWS, BROWSERGYM, MIND2WEB, MINIWOB, SCRIBE)}
)
"""By name; stepmill's own first."""
