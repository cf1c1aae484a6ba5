"""Domains that a text names, however their hosts are written in it (`etl.pages.hosts`).

A host stands by itself: ``shop.example`` is named by ``www.shop.example:8080`` and not by
``bookshop.example`` or ``shop.example.net``. It is looked for in the text as it is, and without the
escapes of addresses and of JSON; names may be in any case, in ASCII or not, and with a tab or a
line break inside, which browsers leave out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from etl.pages.hosts import host_of

_ROUNDS: Final = 3  # of escapes within escapes
_ESCAPE: Final = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["\\/])|[bfnrt])""")
_BREAK: Final = re.compile(r"[^\t\r\n][\t\r\n]+[^\t\r\n]")
_BETWEEN: Final = re.compile(r"""["'<>(){}\[\]|, ]+""")
_DOTS: Final = str.maketrans("。．｡", "...")


def mentioned(text: str, domains: Iterable[str]) -> Iterator[str]:
    """Those of some registrable domains, in ASCII, that a text names."""
    wanted = list(domains)
    texts = [form for form in _forms(text) if "." in form] if wanted else []
    if not texts:
        return
    hosts = {host for form in texts for host in _broken(form)}
    for domain in wanted:
        patterns = _patterns(domain)
        if any(found.search(form) for found in patterns for form in texts) or any(
            host == domain or host.endswith(f".{domain}") for host in hosts
        ):
            yield domain


def _forms(text: str) -> set[str]:
    """A text as it may have to be read: as it is, and without escapes; in one case."""
    forms = {text}
    plain = text
    for _ in range(_ROUNDS):
        before = plain
        plain = _ESCAPE.sub(_unescaped, plain) if "\\" in plain else plain
        plain = unquote(plain) if "%" in plain else plain
        if plain == before:
            break
        forms.add(plain)
    return set(map(_folded, forms))


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else escape[2] or "\n"


def _folded(text: str) -> str:
    """A text in one case, with characters that a name may have for others made the others."""
    return (
        text.lower()
        if text.isascii()
        else unicodedata.normalize("NFKC", text.translate(_DOTS)).casefold()
    )


def _broken(text: str) -> Iterator[str]:
    """Hosts of addresses in a text that have a tab or a line break inside."""
    if _BREAK.search(text):
        for piece in _BETWEEN.split(text):
            if "." in piece and _BREAK.search(piece) and (host := host_of(piece)):
                yield host


@lru_cache(maxsize=4096)
def _patterns(domain: str) -> tuple[re.Pattern[str], ...]:
    """A domain and any host under it, in ASCII and as people write it."""
    try:
        spelt = {domain, _folded(domain.encode().decode("idna"))}
    except UnicodeError:
        spelt = {domain}
    return tuple(
        re.compile(rf"(?<![\w-]){re.escape(name)}(?!\.?[^\W_]|-)") for name in sorted(spelt)
    )
