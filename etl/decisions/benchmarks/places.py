"""Sites and addresses of tasks and workflows, in forms that can be compared."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import xxhash

from etl.pages.domain import UNKNOWN, domain_of

_PLACEHOLDER: Final = re.compile(r"__[A-Z_]+__")
_OTHER: Final = re.compile(r"[^\w]+")


@lru_cache(maxsize=2**14)
def site_of(text: str) -> str:
    """The name of a site: the first label of the domain of an address or host, else its letters.

    ``https://www.exploretock.com/x``, ``exploretock.com`` and ``Exploretock`` are one site; empty
    for nothing and for a placeholder.
    """
    text = text.strip().lower()
    if not text or text == UNKNOWN or text.startswith("__"):
        return ""
    host = "." in text and " " not in text
    if "://" in text or host:
        text = domain_of(text if "://" in text else f"https://{text}/", "").domain
        label = text.partition(".")[0]
        text = text if label.isdigit() else label
    return _OTHER.sub("", text)


def url_hash(url: str) -> int:
    """The hash of an address that leads beyond the front page, 63 bits; 0 for any other.

    Scheme, fragment, ``www.`` and a trailing slash make no difference. Of a benchmark's placeholder
    for a host only path and query count, and so every address has `path_hash` too.
    """
    return _hashed(url, with_host=True)


def path_hash(url: str) -> int:
    """The hash of path and query of such an address; 0 without any."""
    return _hashed(url, with_host=False)


def starts_with_placeholder(url: str) -> bool:
    """Whether the host of an address is a placeholder, as ``__SHOPPING__``."""
    return _PLACEHOLDER.match(url.strip()) is not None


def _hashed(url: str, with_host: bool) -> int:
    url = url.strip()
    place = _PLACEHOLDER.match(url)
    if place:
        url = f"http://placeholder{url[place.end() :]}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return 0
    path = parts.path.rstrip("/")
    if not (path or parts.query):
        return 0
    host = parts.netloc.lower().removeprefix("www.") if with_host and not place else ""
    text = f"{host}{path}?{parts.query}".encode("utf-8", "surrogatepass")
    return xxhash.xxh3_64_intdigest(text) >> 1 or 1
