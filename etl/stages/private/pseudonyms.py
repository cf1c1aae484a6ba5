"""Pseudonyms: another value of the same shape, the same one for the same value and salt.

Digits stay digits, letters stay letters of their case, and punctuation stays. All choices come from
BLAKE2b with the salt as its key (RFC 7693), so nobody without the salt can check a guess. A
pseudonym is evidently not the value of a person: mail goes to ``.example`` (RFC 2606), addresses of
the network are those for tests (RFC 2544) and documentation (RFC 3849), cards fail their checksum,
an IBAN's check digits are 00, and a key's prefix is spelled otherwise.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal, get_args

Kind = Literal[
    "email",
    "phone",
    "card",
    "iban",
    "national_id",
    "ip",
    "api_key",
    "jwt",
    "session",
    "password",
    "address",
    "name",
    "username",
]
"""What a value is."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_VOWELS: Final = "aeiou"
_CONSONANTS: Final = "bcdfghjklmnpqrstvwxz"
_WORD: Final = re.compile(r"[^\W_]+")
_IN_WORDS: Final = frozenset(("address", "name", "username"))
"""Kinds of which each word has its own pseudonym: a page may show one of them alone."""
_BARE: Final = frozenset(("card", "iban", "national_id"))
"""Kinds that are written with and without spaces."""


def bare(value: str) -> str:
    """A value without spaces and punctuation, in upper case."""
    return "".join(character for character in value if character.isalnum()).upper()


def canonical(kind: Kind, value: str) -> str:
    """The one form of all spellings of a value; that of a phone is found by its parser."""
    if kind in _BARE:
        return bare(value)
    if kind == "phone":
        return re.sub(r"\D", "", value).lstrip("0")
    return value.casefold() if kind == "email" or kind in _IN_WORDS else value


class Pseudonyms:
    """The pseudonyms under one salt."""

    def __init__(self, salt: bytes) -> None:
        self._key = hashlib.blake2b(salt, digest_size=32).digest()
        self.of = lru_cache(2**16)(self._of)

    def _of(self, kind: Kind, form: str, shown: str) -> str:
        """The pseudonym of a value.

        form: its `canonical` form. shown: the spelling that the pseudonym takes.
        """
        if kind == "email":
            return self._email(form, shown)
        if kind == "ip":
            return self._address(form)
        if kind == "api_key":
            return self._token(form)
        if kind in _IN_WORDS:
            return _WORD.sub(lambda word: self._word(kind, word[0]), shown)
        if kind == "phone":
            return self._digits(form, shown)
        return laid(self._bare(kind, form) if kind in _BARE else self._shaped(kind, form), shown)

    def _stream(self, kind: str, form: str, attempt: int) -> Iterator[int]:
        """Bytes without end."""
        data = form.encode("utf-8", "surrogatepass")
        person = kind.encode()[:16]
        for block in range(2**31):
            salt = attempt.to_bytes(4, "big") + block.to_bytes(4, "big")
            yield from hashlib.blake2b(data, key=self._key, person=person, salt=salt).digest()

    def _shaped(self, kind: str, form: str, attempt: int = 0) -> str:
        """Another text of the same shape."""
        stream = self._stream(kind, form, attempt)
        other = "".join([_like(character, next(stream)) for character in form])
        if other[:1] == "0" and form[:1] != "0":  # a number without a zero in front stays one
            other = "123456789"[next(stream) % 9] + other[1:]
        if other != form or not any(map(str.isalnum, form)) or attempt > 50:
            return other
        return self._shaped(kind, form, attempt + 1)

    def _word(self, kind: str, word: str) -> str:
        return laid(self._shaped(kind, word.casefold()), word)

    def _email(self, form: str, shown: str) -> str:
        local, _, domain = form.rpartition("@")
        host = domain.rpartition(".")[0]
        other = f"{self._shaped('local', local)}@{self._shaped('domain', host)}.example"
        return other.upper() if shown.isupper() else other

    def _address(self, form: str) -> str:
        """198.18.0.0/15 is for tests of networks, 2001:db8::/32 for documentation."""
        stream = self._stream("ip", form, 0)
        bits = int.from_bytes(bytes(next(stream) for _ in range(12)), "big")
        if ":" in form:
            return str(ipaddress.IPv6Address((0x20010DB8 << 96) | bits))
        return str(ipaddress.IPv4Address((198 << 24) | (18 << 16) | (bits & 0x1FFFF)))

    def _token(self, form: str) -> str:
        """A key's first letters stay, but for the last of them, so that no scanner takes it."""
        end = re.match(r"(?:[a-z]+[_-])+(?=[^_-]{8})|[A-Za-z]{1,4}|", form)
        first = form[: end.end() if end else 0]
        letters = [at for at, character in enumerate(first) if character.isalpha()]
        if letters:
            at = letters[-1]
            mark = "q" if first[at].lower() == "x" else "x"
            first = f"{first[:at]}{mark.upper() if first[at].isupper() else mark}{first[at + 1 :]}"
        return first + laid(self._shaped("api_key", form)[len(first) :], form[len(first) :])

    def _digits(self, form: str, shown: str) -> str:
        """A phone number: the digits before the national number stay as they are."""
        other = list(self._shaped("phone", form))
        characters = list(shown)
        for at in reversed(range(len(characters))):
            if other and characters[at].isdecimal():
                characters[at] = other.pop()
        return "".join(characters)

    def _bare(self, kind: Kind, form: str) -> str:
        other = self._shaped(kind, form)
        if kind == "iban" and re.match(r"[A-Z]{2}[0-9]{2}", form):
            return f"{form[:2]}00{other[4:]}"
        if kind == "card" and other.isdecimal():
            other = form[:1] + other[1:]
            if luhn(other):
                other = f"{other[:-1]}{(int(other[-1]) + 1) % 10}"
        return other


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def laid(form: str, shown: str) -> str:
    """Letters and digits of one text in the places and cases of those of another."""
    source = iter([character for character in form if character.isalnum()])
    laid_out = []
    for character in shown:
        if character.isalnum():
            other = next(source, "")
            if len(other.upper()) == len(other.lower()) == 1:
                other = other.upper() if character.isupper() else other
                other = other.lower() if character.islower() else other
            laid_out.append(other)
        else:
            laid_out.append(character)
    return "".join(laid_out)


def _like(character: str, byte: int) -> str:
    """A character of the same sort, chosen by a byte."""
    if not character.isalnum():
        return character
    if character.isascii():
        if character.isdigit():
            return "0123456789"[byte % 10]
        of_sort = _VOWELS if character.lower() in _VOWELS else _CONSONANTS
        other = of_sort[byte % len(of_sort)]
        return other.upper() if character.isupper() else other
    kin = _kin(character)
    return kin[byte % len(kin)]


@lru_cache(4096)
def _kin(character: str) -> str:
    """The characters of the same category beside one that is not ASCII."""
    category = unicodedata.category(character)
    first = ord(character) // 64 * 64
    near = map(chr, range(max(first, 0x80), first + 64))
    return "".join([other for other in near if unicodedata.category(other) == category])
