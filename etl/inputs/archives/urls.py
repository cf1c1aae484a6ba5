"""When two addresses are of the same page: equal, but for the fragment, or after normalising.

Normalised are scheme and host in lower case, the scheme's own port, and a slash at the end of the
path. Everything else counts: the query with its order, ``www.``, ``http`` and ``https``.
"""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urldefrag, urlsplit, urlunsplit

Match = Literal["exact", "without fragment", "normalised"]
MATCHES: Final[tuple[Match, ...]] = ("exact", "without fragment", "normalised")
"""How addresses match, the best first."""
_PORTS: Final = {"http": 80, "https": 443}


def normalised(url: str) -> str:
    """The one form of an address by which its pages are found; as it is if it is none."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return url.strip()
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if not scheme:
        return url.strip()
    if ":" in host:
        host = f"[{host}]"
    user = parts.netloc.rpartition("@")[0]
    place = f"{user}@{host}" if user else host
    if port is not None and port != _PORTS.get(scheme):
        place = f"{place}:{port}"
    return urlunsplit((scheme, place, parts.path.rstrip("/"), parts.query, ""))


def without_fragment(url: str) -> str:
    """An address up to its fragment."""
    return urldefrag(url).url


def match(wanted: str, found: str) -> Match:
    """How an address matches one with the same normalised form."""
    if wanted == found:
        return "exact"
    if without_fragment(wanted) == without_fragment(found):
        return "without fragment"
    return "normalised"
