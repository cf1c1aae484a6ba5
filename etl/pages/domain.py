"""The domain of a step: the registrable domain of its URL.

It follows the ICANN part of the public suffix list. The package publicsuffixlist bundles the list,
which is never downloaded; its version is part of the fingerprint. Special cases:

- an unlisted top-level domain: the last two labels;
- an IP address or a single label: the host itself;
- no URL: the recording's website;
- neither: ``unknown``.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final, NamedTuple

from publicsuffixlist import PublicSuffixList

from etl.pages.hosts import host_of

UNKNOWN: Final = "unknown"


class Domain(NamedTuple):
    """The domain of a step."""

    # the registrable domain
    domain: str
    # the full host
    subdomain: str
    # where both come from: url, website, none
    domain_from: str


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True, accept_unknown=True)


@lru_cache(maxsize=1)
def _listed() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True, accept_unknown=False)


@lru_cache(maxsize=4096)
def is_listed(label: str) -> bool:
    """Whether a top-level domain, in lower case, is on the list."""
    return _listed().publicsuffix(f"a.{label}") is not None


@lru_cache(maxsize=65536)
def _of_host(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return str(_suffixes().privatesuffix(host) or host)
    return host


@lru_cache(maxsize=65536)
def domain_of(url: str, website: str) -> Domain:
    """The domain of a page, by the rules above."""
    if host := host_of(url):
        return Domain(_of_host(host), host, "url")
    website = website.strip().lower()
    return Domain(website, website, "website") if website else Domain(UNKNOWN, UNKNOWN, "none")
