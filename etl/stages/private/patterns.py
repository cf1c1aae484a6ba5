"""What a text shows by its pattern: mail and network addresses, keys, tokens, numbers.

Texts are searched as UTF-8. Each search begins with something rare, so that most of a page is only
passed over by the C library.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from etl.pages.domain import is_listed
from etl.stages.private.fields import in_parameters, random_looking
from etl.stages.private.keys import api_keys, jwts
from etl.stages.private.numbers import Found, Numbers, words_before
from etl.stages.private.pseudonyms import Kind, canonical
from etl.stages.private.scan import places, runs

_AT: Final = (b"@", b"%40", b"&#64;")
_LOCAL: Final = re.compile(rb"[A-Za-z0-9\x80-\xff._%+'-]{1,64}\Z")
_HOST: Final = re.compile(rb"[A-Za-z0-9\x80-\xff-]{1,63}(?:\.[A-Za-z0-9\x80-\xff-]{1,63})+")
_ENCODED: Final = re.compile(rb"%(?!2[Bb]|2[DdEe]|5[Ff])[0-9A-Fa-f]{2}")
_RESERVED: Final = frozenset("example invalid localhost test local lan internal corp home".split())
"""Top-level domains that are on no list, and are used."""
_SERVICES: Final = frozenset(("git", "hg", "svn"))
"""Users of repositories: ``git@host`` is nobody's address."""

_USERINFO: Final = re.compile(rb"://[^\s/?#@:<>\"']{1,64}:([^\s/?#@<>\"']{2,128})@")
_IPV4: Final = re.compile(rb"(?<![A-Za-z0-9_.,-])(?:\d{1,3}\.){3}\d{1,3}(?![A-Za-z0-9_]|\.\d|-\d)")
_COLONS: Final = re.compile(rb":[0-9a-fA-F]{0,4}:")
_IPV6: Final = re.compile(
    rb"(?<![A-Za-z0-9_:.])(?:[0-9a-fA-F]{1,4}|:)(?::[0-9a-fA-F]{0,4}){2,7}(?![A-Za-z0-9_:])"
)
_NETWORK: Final = re.compile(
    rb"(?i)(?:://|@|\bip\b|\bipv4\b|\baddress|\bhost|\bserver|\bfrom|\bclient)[^0-9<>]{0,12}\Z"
)
_NO_NETWORK: Final = re.compile(
    rb"(?i)(?:\bv|\bver(?:sion)?|\brelease|\bbuild|\bsection|\bchapter|\xc2\xa7|\bchrome/?|/)"
    rb"[ .:]{0,2}\Z"
)
_PERCENT: Final = re.compile(rb"%[0-9A-Fa-f]{2}[^\s\"'<>]{1,2000}")
_BROKEN: Final = bytes.maketrans(b"\t\n\r\f\v\"'<>?&;", b" " * 12)
"""Bytes before which no part of a URL begins, as spaces."""
_SESSION: Final = re.compile(rb"(?i)session[ _-]?id[\s:=]{1,4}([\w-]{8,200})(?![\w-])")


class Patterns:
    """Finds values of some kinds. regions: as for `Numbers`.

    Raises:
        MissingExtra: a library is not installed.
    """

    def __init__(self, kinds: Collection[Kind], regions: Sequence[str]) -> None:
        self._kinds = frozenset(kinds)
        self.numbers = Numbers(regions)

    def find(self, text: bytes) -> Iterator[Found]:
        """The values in a text, some of them twice. text: UTF-8."""
        return (each for each in self._every(text) if each.kind in self._kinds)

    def find_encoded(self, text: bytes) -> Iterator[Found]:
        """The values in a text that stand there as URLs encode them; given as they are."""
        if b"%" not in text:
            return
        encoded: set[bytes] = set()
        for match in _PERCENT.finditer(text):
            start = match.start()
            before = text[max(0, start - 200) : start].translate(_BROKEN).rpartition(b" ")[2]
            encoded.add(before + match[0])
        if encoded:
            yield from self.find(b"\n".join(map(unquote_to_bytes, sorted(encoded))))

    def _every(self, text: bytes) -> Iterator[Found]:
        yield from emails(text)
        for token in jwts(text):
            yield Found("jwt", token.decode(), token)
        for key in api_keys(text):
            yield Found("api_key", key.decode(), key)
        yield from self._parameters(text)
        last = 0
        for start, end in runs(text):
            yield from _ipv4(text, max(last, start - 2), end)
            yield from self.numbers.find(text, start, end)
            last = end
        yield from self.numbers.lettered(text)
        yield from _ipv6(text)

    def _parameters(self, text: bytes) -> Iterator[Found]:
        """Values in URLs whose names say what they are."""
        if b"=" in text or b"%3" in text:
            for kind, written in in_parameters(text):
                value = unquote(written.replace(b"+", b" ").decode("utf-8", "replace"))
                if kind in ("session", "api_key") and random_looking(value):
                    yield Found(kind, written.decode("utf-8", "replace"), written)
                elif kind == "password" and not value.isalpha():
                    yield Found(kind, value, written)
        if b"://" in text and b"@" in text:
            for match in _USERINFO.finditer(text):
                yield Found("password", match[1].decode("utf-8", "replace"), match[1])
        if b"ession" in text:
            end = 0
            for at in places(text.lower(), b"session"):
                said = _SESSION.match(text, at) if at >= end else None
                if said is not None:
                    end = said.end()
                    if random_looking(said[1].decode("utf-8", "replace")):
                        yield Found("session", said[1].decode(), said[1])


def emails(text: bytes) -> Iterator[Found]:
    """The addresses of mail in a text."""
    for start, sign in sorted([(start, each) for each in _AT for start in places(text, each)]):
        host = _HOST.match(text, start + len(sign))
        if host is None:
            continue
        local = _LOCAL.search(text, max(0, start - 64), start)
        if local is None:
            continue
        name = _ENCODED.split(local[0])[-1].lstrip(b"'.-%+_")
        domain = _listed(host[0])
        if name and domain and name.decode("utf-8", "ignore").lower() not in _SERVICES:
            name = _letters(name)
            written = name + sign + domain
            shown = unquote(name.decode("utf-8", "ignore")) + "@" + domain.decode("utf-8", "ignore")
            if name and written in text:
                yield Found("email", canonical("email", shown), written)


def _letters(name: bytes) -> bytes:
    """The end of a name that is letters: no quotation mark or dash before it."""
    text = name.decode("utf-8", "ignore")
    for at in reversed(range(len(text))):
        if not text[at].isascii() and not text[at].isalpha():
            return text[at + 1 :].encode()
    return text.encode()


def _listed(host: bytes) -> bytes:
    """A host as far as its top-level domain is one; empty if none is."""
    while b"." in host:
        text = host.decode("utf-8", "ignore").lower()
        last = text.rpartition(".")[2]
        cut = re.match(r"[\w-]*", last)
        if cut and cut[0] and not cut[0].isdigit():
            known = cut[0] in _RESERVED or is_listed(cut[0])
            if known:
                return host[: len(host) - len(last[cut.end() :].encode())]
        host = host.rpartition(b".")[0]
    return b""


def _ipv4(text: bytes, start: int, end: int) -> Iterator[Found]:
    if text.count(b".", start, end) < 3:
        return
    for match in _IPV4.finditer(text, start, min(len(text), end + 2)):
        parts = [int(part) for part in match[0].split(b".")]
        if max(parts) > 255 or any(
            len(part) > 1 and part[:1] == b"0" for part in match[0].split(b".")
        ):
            continue
        before = words_before(text, match.start())[-24:]
        clear = _NETWORK.search(before) is not None
        small = max(parts) < 20 and parts[0] != 10
        if (clear or not small) and (clear or not _NO_NETWORK.search(before)):
            form = match[0].decode()
            if personal(form):
                yield Found("ip", form, match[0])


def _ipv6(text: bytes) -> Iterator[Found]:
    last = 0
    for colons in _COLONS.finditer(text):
        if colons.start() < last:
            continue
        start = max(0, colons.start() - 40)
        for match in _IPV6.finditer(text, start, min(len(text), colons.end() + 40)):
            last = max(last, match.end())
            written = match[0]
            if len([part for part in written.split(b":") if part]) < 3:
                continue
            try:
                form = str(ipaddress.IPv6Address(written.decode()))
            except ValueError:
                continue
            if personal(form):
                yield Found("ip", form, written)


@lru_cache(2**12)
def personal(address: str) -> bool:
    """Whether an address of a network may be that of somebody's machine."""
    ip = ipaddress.ip_address(address)
    return not (
        ip.is_loopback
        or ip.is_unspecified
        or ip.is_multicast
        or ip == ipaddress.ip_address("255.255.255.255")
        or address.startswith(("255.", "198.18.", "198.19.", "2001:db8:"))
    )
