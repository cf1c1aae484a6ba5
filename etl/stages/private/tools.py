"""What all workflows of a process share: patterns, pseudonyms, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from etl.files.hashes import Remembered
from etl.stages.private import fields
from etl.stages.private.numbers import Found
from etl.stages.private.patterns import Patterns, personal
from etl.stages.private.pseudonyms import Kind, Pseudonyms
from etl.stages.private.values import Values
from etl.tally import Entry
from schemas.utf8 import text_of, utf8_of

_SHORT: Final = 1000
"""Bytes of a text that may come again, such as an address, and is remembered itself."""
_PAGES: Final = 64
"""Pages whose values are remembered, by their hash: workflows begin on the same pages."""

Finder = Callable[[str], Iterable[tuple[int, int]]]
"""The beginning and end of each name in a text."""


class Stays:
    """Whether a value stays: by the value, by the domain of an address, by a pattern of it all."""

    def __init__(
        self, values: Sequence[str], domains: Sequence[str], patterns: Sequence[str]
    ) -> None:
        self._values = frozenset(value.casefold() for value in values)
        self._domains = tuple(domain.lower().lstrip("@.") for domain in domains)
        self._patterns = [re.compile(pattern) for pattern in patterns]

    def __call__(self, kind: Kind, value: str) -> bool:
        """Whether a value stays."""
        if value.casefold() in self._values:
            return True
        if kind == "email" and self._domains:
            host = value.rpartition("@")[2].lower()
            if any(host == domain or host.endswith(f".{domain}") for domain in self._domains):
                return True
        return any(pattern.fullmatch(value) for pattern in self._patterns)


class Tools:
    """What all workflows share in a process."""

    def __init__(
        self,
        kinds: frozenset[Kind],
        regions: Sequence[str],
        secret: bytes,
        stays: Stays,
        finder: Finder | None,
    ) -> None:
        """regions: as for `Numbers`. secret: the salt. finder: of names."""
        self.kinds, self.finder, self.stays = kinds, finder, stays
        self.patterns = Patterns(kinds, regions)
        self.pseudonyms = Pseudonyms(secret)
        self._every_short = lru_cache(2**13)(self._every)
        self._every_long = Remembered(self._every, _PAGES)
        self.fields_in = Remembered(lambda page: tuple(fields.in_page(page)), _PAGES)
        self.names_in = lru_cache(2**14)(self._names_in)

    def find(self, text: bytes) -> Iterator[Found]:
        """The values in a text that patterns find and that do not stay, as they are written."""
        return self._private(self.patterns.find(text))

    def search(self, text: bytes, values: Values) -> None:
        """Enter the values in a text, also those that URLs in it encode."""
        written, encoded = (self._every_long if len(text) > _SHORT else self._every_short)(text)
        for value in written:
            values.found(value)
        for value in encoded:
            values.learn(value.kind, value.written.decode("utf-8", "replace"), value.form)

    def _every(self, text: bytes) -> tuple[tuple[Found, ...], tuple[Found, ...]]:
        """The values in a text as they are written, and those that URLs encode."""
        encoded = self._private(self.patterns.find_encoded(text))
        return tuple(self.find(text)), tuple(encoded)

    def _private(self, found: Iterable[Found]) -> Iterator[Found]:
        for value in found:
            written = value.written.decode("utf-8", "replace")
            if not self.stays(value.kind, value.form) and not self.stays(value.kind, written):
                yield value

    def form(self, kind: Kind, value: str) -> str:
        """The one form of a field's value, if its parser knows it."""
        return self.patterns.numbers.phone(value) if kind == "phone" else ""

    def domain(self, domain: str) -> str:
        """A domain; an address of the network becomes its pseudonym."""
        if "ip" in self.kinds and _is_address(domain) and not self.stays("ip", domain):
            return self.pseudonyms.of("ip", domain, domain)
        return domain

    def text(self, text: str) -> str:
        """A text alone, by its patterns."""
        if not text:
            return text
        values = Values(self.pseudonyms)
        self.search(utf8_of(text), values)
        for name in self.names_in(text):
            values.learn("name", name)
        return text_of(values.replaced(utf8_of(text))[0]) if values else text

    def entry(self, entry: Entry, settled: set[str]) -> Entry:
        """A line of the ledger; settled: workflows whose details are redacted."""
        domain = self.domain(entry.domain)
        detail = entry.detail
        if detail and (entry.parent or entry.id) not in settled:
            detail = self.text(detail)
        if domain == entry.domain and detail == entry.detail:
            return entry
        return replace(entry, domain=domain, detail=detail)

    def _names_in(self, text: str) -> tuple[str, ...]:
        """The names in a text by the user's function."""
        if self.finder is None or "name" not in self.kinds:
            return ()
        return tuple(dict.fromkeys(text[start:end] for start, end in self.finder(text)))


@lru_cache(2**12)
def _is_address(host: str) -> bool:
    try:
        return personal(host)
    except ValueError:
        return False
