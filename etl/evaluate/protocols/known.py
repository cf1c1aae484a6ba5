"""`KNOWN` lists all protocols. A protocol enters with its class and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from etl.evaluate.facts import steps as step_facts
from etl.evaluate.facts.known import HOLDING_STEPS, READERS
from etl.evaluate.protocols.mind2web_direct import Direct
from etl.evaluate.protocols.mind2web_direct_older import OlderDirect
from etl.evaluate.protocols.mind2web_multichoice import GENERATION, LLM, MINDACT
from etl.evaluate.protocols.protocol import Protocol
from etl.evaluate.protocols.steps import Exact
from etl.evaluate.protocols.webarena import WebArena
from etl.evaluate.protocols.weblinx import TURN
from schemas.errors import ConfigError

KNOWN: Final[tuple[Protocol, ...]] = (
    Direct("mind2web-direct/scribeagent-v2"),
    Direct("mind2web-direct/scribeagent-v2-lenient", lenient=True),
    OlderDirect("mind2web-direct/scribeagent-v1"),
    OlderDirect("mind2web-direct/scribeagent-v1-intent", "intent"),
    OlderDirect("mind2web-direct/scribeagent-v1-subtree", "subtree"),
    OlderDirect("mind2web-direct/scribeagent-v1-mcq", "mcq"),
    MINDACT,
    LLM,
    GENERATION,
    TURN,
    WebArena("webarena/string", "string"),
    WebArena("webarena/url", "url"),
    WebArena("webarena/offline", "offline"),
    Exact("exact"),
    Exact("exact-calibrated", calibrated=True),
    Exact("strict", value=True),
)

PROTOCOLS: Final[Mapping[str, Protocol]] = MappingProxyType(
    {protocol.name: protocol for protocol in KNOWN}
)
"""All protocols by name."""


def protocol(name: str, family: str) -> Protocol:
    """The protocol of a name, for sets of a family.

    Raises:
        ConfigError: there is none of this name, or it does not fit the family.
    """
    fitting = [known.name for known in KNOWN if fits(known, family)]
    if name not in PROTOCOLS:
        raise ConfigError(
            f"protocol {name!r}: there is none of this name; for a set of {family} there are "
            f"{', '.join(fitting)}"
        )
    if name not in fitting:
        raise ConfigError(
            f"protocol {name}: it scores sets of {PROTOCOLS[name].family}, and this one is of "
            f"{family}; for it there are {', '.join(fitting)}"
        )
    return PROTOCOLS[name]


def fits(known: Protocol, family: str) -> bool:
    """Whether a protocol scores sets of a family."""
    if known.family == step_facts.FAMILY:
        return family in HOLDING_STEPS
    return known.family == family


def facts(known: Protocol, family: str, text: str | bytes) -> Any:
    """The facts that a protocol looks at, of the JSON of a set's family."""
    if known.family == step_facts.FAMILY:
        return step_facts.read(text)
    return READERS[family](text)
