"""The list of recording formats that are read, in the order in which people see them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from etl.inputs.description import Format
from etl.inputs.source import Source
from etl.sources.agents.adp import Adp
from etl.sources.agents.atif import Atif
from etl.sources.autowebbench import AutoWebBench
from etl.sources.browser_use.recordings import BrowserUse
from etl.sources.browsergym.episodes import BrowserGym
from etl.sources.chrome_recorder import ChromeRecorder
from etl.sources.insta.trajectories import Insta
from etl.sources.mind2web import Mind2Web
from etl.sources.miniwob.demos import MiniWob
from etl.sources.playwright.traces import Playwright
from etl.sources.portia.spiders import Portia
from etl.sources.rrweb.recordings import Rrweb
from etl.sources.scribe import COLUMNS, Scribe
from etl.sources.selenium_ide.projects import SeleniumIde
from etl.sources.turkingbench.batches import TurkingBench
from etl.sources.weblinx.replays import WebLinx
from etl.sources.workflow_use import WorkflowUse
from etl.sources.workflows import ACTION, LOCATOR, STEP, WORKFLOW, Workflows

KNOWN: Final[tuple[Source, ...]] = (
    Workflows(),
    BrowserGym(),
    Mind2Web(),
    MiniWob(),
    Scribe(),
    AutoWebBench(),
    BrowserUse(),
    Insta(),
    Portia(),
    TurkingBench(),
    WebLinx(),
    Adp(),
    Atif(),
    ChromeRecorder(),
    SeleniumIde(),
    WorkflowUse(),
    Rrweb(),
    Playwright(),
)
FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {source.name: source.described for source in KNOWN if source.described is not None}
)
"""Descriptions of the formats, by name."""
KEYS: Final = frozenset({*WORKFLOW, *STEP, *ACTION, *LOCATOR, *COLUMNS})
"""Keys of the formats that people write themselves, to guess what a misspelt key means."""
