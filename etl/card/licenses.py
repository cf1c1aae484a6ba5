"""Licences by the Hub's identifiers, and the URL of each one's text.

The identifiers are those of huggingface.co/docs/hub/repositories-licenses.
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from schemas.errors import ConfigError

UNKNOWN: Final = "unknown"
OTHER: Final = "other"

_SPDX: Final = {
    identifier.lower(): identifier
    for identifier in (
        "AFL-3.0 AGPL-3.0 Apache-2.0 Artistic-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear "
        "BSL-1.0 C-UDA-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0 CC-BY-NC-2.0 CC-BY-NC-3.0 "
        "CC-BY-NC-4.0 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0 CC-BY-NC-SA-2.0 CC-BY-NC-SA-3.0 "
        "CC-BY-NC-SA-4.0 CC-BY-ND-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CC0-1.0 CDLA-Permissive-1.0 "
        "CDLA-Permissive-2.0 CDLA-Sharing-1.0 ECL-2.0 EPL-1.0 EPL-2.0 etalab-2.0 EUPL-1.1 EUPL-1.2 "
        "GPL-2.0 GPL-3.0 ISC LGPL-2.1 LGPL-3.0 LPPL-1.3c MIT MPL-2.0 MS-PL NCSA OFL-1.1 OSL-3.0 "
        "PostgreSQL Unlicense WTFPL Zlib"
    ).split()
} | {
    "c-uda": "C-UDA-1.0",
    "lgpl-lr": "LGPLLR",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
}
"""SPDX's identifiers, by the Hub's."""

_FAMILIES: Final = frozenset(
    (
        "apple-amlr apple-ascl bigcode-openrail-m bigscience-bloom-rail-1.0 bigscience-openrail-m "
        "bsd cc creativeml-openrail-m deepfloyd-if-license fair-noncommercial-research-license "
        "gemma gfdl gpl grok2-community h-research intel-research lgpl llama2 llama3 llama3.1 "
        "llama3.2 llama3.3 llama4 openmdw-1.0 openrail openrail++"
    ).split()
)
"""Identifiers of the Hub for families of licences, and for licences of models."""

KNOWN: Final = frozenset({*_SPDX, *_FAMILIES, UNKNOWN, OTHER} - {"c-uda-1.0"})

URL: Final = re.compile(r"https?://[^\s<>\"|]+")


def check(name: str, licence: str, otherwise: str) -> None:
    """Check that the Hub has an identifier for a licence.

    name: of the setting, for the message. otherwise: what to write for a licence without one.

    Raises:
        ConfigError: the Hub has no such identifier.
    """
    if licence not in KNOWN:
        close = difflib.get_close_matches(licence.lower(), sorted(KNOWN), 1)
        hint = (
            f"did you mean {close[0]!r}?"
            if close
            else "they are listed at hf.co/docs/hub/repositories-licenses."
        )
        raise ConfigError(
            f"{name} = {licence!r} is no licence identifier of the Hub; {hint} For a licence that "
            f"it does not know {otherwise}"
        )


def text_of(licence: str) -> str:
    """The URL of a licence's text; empty if SPDX has none. A URL is returned as it is."""
    if URL.fullmatch(licence):
        return licence
    return f"https://spdx.org/licenses/{_SPDX[licence]}" if licence in _SPDX else ""
