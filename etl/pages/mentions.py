"""Domains that a text names, in any spelling of their hosts (`etl.pages.hosts`).

A host stands by itself: ``www.shop.example:8080`` names ``shop.example``, but ``bookshop.example``
and ``shop.example.net`` do not. The search covers the text as written, and with the escapes of URLs
and JSON resolved. Names may be in any case, in ASCII or not, and hold tabs or line breaks, which
browsers ignore.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from etl.pages.hosts import host_of

_ROUNDS: Final = 3  # levels of escapes within escapes
_ESCAPE: Final = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["\\/])|[bfnrt])""")
_BREAK: Final = re.compile(r"[^\t\r\n][\t\r\n]+[^\t\r\n]")
_BETWEEN: Final = re.compile(r"""["'<>(){}\[\]|, ]+""")
_DOTS: Final = str.maketrans("。．｡", "...")


def mentioned(text: str, domains: Iterable[str]) -> Iterator[str]:
    """Those of ``domains`` (registrable domains in ASCII) that a text names."""
    wanted = list(domains)
    texts = [form for form in _forms(text) if "." in form] if wanted else []
    if not texts:
        return
    hosts = {host for form in texts for host in _broken(form)}
    for domain in wanted:
        patterns = _patterns(domain)
        named = any(pattern.search(form) for pattern in patterns for form in texts)
        if named or any(host == domain or host.endswith(f".{domain}") for host in hosts):
            yield domain


def _forms(text: str) -> set[str]:
    """A text as written and after each level of unescaping, all in lower case."""
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
    """A text in lower case, with equivalent characters made equal (NFKC and dots)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.translate(_DOTS)).casefold()


def _broken(text: str) -> Iterator[str]:
    """The hosts of those URLs in a text that hold a tab or a line break."""
    if _BREAK.search(text):
        for piece in _BETWEEN.split(text):
            if "." in piece and _BREAK.search(piece) and (host := host_of(piece)):
                yield host


@lru_cache(maxsize=4096)
def _patterns(domain: str) -> tuple[re.Pattern[str], ...]:
    """Patterns for a domain and any host under it, in ASCII and in Unicode."""
    try:
        spelt = {domain, _folded(domain.encode().decode("idna"))}
    except UnicodeError:
        spelt = {domain}
    return tuple(
        re.compile(rf"(?<![\w-]){re.escape(name)}(?!\.?[^\W_]|-)") for name in sorted(spelt)
    )
