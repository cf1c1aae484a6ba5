"""Cards, bank accounts, national ids and phones: by shape, then by checksum or numbering plan.

Shapes and checksums of countries are those of python-stdnum, numbering plans those of phonenumbers.
A number whose shape is common, or whose checksum is a single digit, counts only where the words
before it say what it is.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from etl.stages.private.pseudonyms import Kind, bare, luhn
from etl.stages.private.scan import shapes
from schemas.errors import MissingExtra

EXTRA: Final = "privacy"

_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)

_GAP: Final = rb"(?:[ .-]|%20|\+|\xc2\xa0)"
_BEFORE: Final = rb"(?:(?<=%[0-9A-Fa-f]{2})|(?<=\\\\[nrt])|(?<![A-Za-z0-9_.,])(?<![A-Za-z0-9_]-))"
"""Behind a character reference of a URL, an escape of JSON, or no part of a word or number."""
_START: Final = re.compile(_BEFORE)
_AFTER: Final = rb"(?![A-Za-z0-9_]|[.,-]\d)"

_CARD: Final = re.compile(
    _BEFORE + rb"(?:\d{14,19}|\d{4}(" + _GAP + rb")\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?"
    rb"|\d{4}(" + _GAP + rb")\d{6}\2\d{4,5})" + _AFTER
)
_ISSUERS: Final = re.compile(
    r"4(?:.{15}|.{18})|(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720).{12,14}|3[47].{13}"
    r"|3(?:0[0-5]|[689]).{11,13}|(?:6011|64[4-9]|65).{12,15}|35(?:2[89]|[3-8]).{12,13}"
    r"|62.{14,17}|50[0-9].{13}|(?:5018|5020|5038|6304|6759|676[1-3]).{12}"
)
"""Numbers of cards by their first digits and length (ISO/IEC 7812-1 and issuers' tables)."""

_IBAN: Final = re.compile(
    rb"[A-Z][A-Z]\d\d(?:" + _GAP + rb"?[A-Z0-9]{4}){2,7}(?:" + _GAP + rb"?[A-Z0-9]{1,3})?"
    rb"(?![A-Za-z0-9])"
)

_STRONG: Final = (
    (rb"\d{3}-\d{2}-\d{4}", ("us.ssn", "us.itin")),
    (rb"\d{3}\.\d{3}\.\d{3}-\d{2}", ("br.cpf",)),
    (rb"\d{1,2}\.\d{3}\.\d{3}-[\dkK]", ("cl.rut",)),
    (rb"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", ("fi.hetu",)),
    (rb"(?:\d{2})?\d{6}[-+]\d{4}", ("se.personnummer",)),
    (rb"\d{6}-[1-8]\d{6}", ("kr.rrn",)),
    (rb"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", ("be.nn",)),
    (rb"\d{4} \d{4} \d{4}|\d{4}-\d{4}-\d{4}", ("in_.aadhaar",)),
    (rb"[12] ?\d{2} ?[01]\d ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", ("fr.nir",)),
    (rb"\d{17}[\dX]", ("cn.ric",)),
    (rb"\d{6}/\d{3,4}", ("cz.rc",)),
    (rb"\d{6}-\d{2}-\d{4}", ("my.nric",)),
    (rb"\d-\d{4}-\d{5}-\d{2}-\d", ("th.pin",)),
    (rb"756\.\d{4}\.\d{4}\.\d{2}", ("ch.ssn",)),
)
"""Shapes that are nobody's product number, and the modules of python-stdnum that check them."""
_LETTERED: Final = re.compile(
    rb"[A-Z](?:[A-Z]{5}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]|[A-Z]{3}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"
    rb"|[A-CEGHJ-NPR-TW-Z] \d{2} \d{2} \d{2} [A-D])(?![A-Za-z0-9])"
)
_SHAPES: Final = (b"AA00", b"AAAAAA00A00A000A", b"AAAA000000AAAAAA", b"AA 00 00 00 A")
"""How IBANs begin, and the ids of `_LETTERED`: a capital, a digit, a space (`scan.shapes`)."""
_OF_LETTERED: Final = ("it.codicefiscale", "mx.curp")
_WEAK: Final = tuple(
    "us.ssn br.cpf pl.pesel nl.bsn de.idnr tr.tckimlik za.idnr dk.cpr ca.sin es.dni es.nie bg.egn "
    "ro.cnp hr.oib ee.ik lt.asmens no.fodselsnummer gr.amka pt.nif au.tfn il.idnr gb.nhs "
    "is_.kennitala fi.hetu se.personnummer kr.rrn be.nn in_.aadhaar fr.nir cn.ric cz.rc my.nric "
    "th.pin ch.ssn cl.rut it.codicefiscale mx.curp us.itin".split()
)
"""Modules that check a number that is said to be a national id."""
_SAID: Final = re.compile(
    rb"(?i)(?:\b(?:ssn|social[ _-]security|national[ _-](?:id|identi|insurance)|identity[ _-]n|"
    rb"passport|taxpayer|tax[ _-](?:id|n|file)|personal[ _-](?:id|identi|n|code)|pesel|bsn|nif|nie|"
    rb"dni|cpf|itin|nino|aadhaar|aadhar|egn|oib|cnp|cpr|sin|tfn|amka|hetu|personnummer|"
    rb"personal_?nummer|steuer|f(?:\xc3\xb8|o)dselsnummer|teudat|kimlik|nhs|rrn|nric|rut|curp|"
    rb"codice fiscale|burgerservice)(?![a-z]{4})[^<>]{0,24})\Z"
)
_ID: Final = re.compile(rb"[A-Z]?[0-9][0-9A-Z](?:[ ./-]?[0-9A-Z]){5,20}(?![A-Za-z0-9])")
_NINO: Final = re.compile(rb"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")

_NANP: Final = re.compile(
    _BEFORE + rb"(?<![+/])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}([ .-]))\d{3}[ .-]\d{4}"
    rb"(?![A-Za-z0-9_]|[.,/-]\d)"
)
"""North America's: (415) 555-2671."""
_ABROAD: Final = re.compile(
    rb"(?:\+|%2B)(?:\d(?:[ ./-]|%20|\xc2\xa0|\(0?|\)){0,3}){6,14}\d(?![A-Za-z0-9_])"
)
_NATIONAL: Final = re.compile(
    rb"(?:\(0?\d{1,5}\)|\d)(?:(?:[ ./-]|%20|\xc2\xa0)?\d){5,13}(?![A-Za-z0-9_])"
)
_PHONE: Final = re.compile(
    rb"(?i)(?<![a-z])(?:(?:tele)?phone|tel|mobile|cell|call(?: us)?|fax|whatsapp|sms|telefon|"
    rb"t\xc3\xa9l|telefono|m\xc3\xb3vil|mobil|handy|callto|wa\.me)(?: (?:number|no\.?|us|at|is))?"
    rb"(?:[\s:=.#/+]|%3A|&quot;|\"|'){0,4}\Z"
)
_PHONE_WORDS: Final = 64
"""Characters; no match of `_PHONE` is as long."""
_CARD_DIGITS: Final = 14
_ID_DIGITS: Final = 13
_NANP_DIGITS: Final = 10
"""The least digits of these numbers."""
_TAGS: Final = re.compile(rb"<[^<>]*>")


class Found(NamedTuple):
    """A value in a text."""

    kind: Kind
    # its `canonical` form
    form: str
    # as written
    written: bytes


class Numbers:
    """Finds numbers. regions: countries whose phones are taken without a country code, in order.

    Raises:
        MissingExtra: a library is not installed.
    """

    def __init__(self, regions: Sequence[str]) -> None:
        self._phones = library("phonenumbers")
        self._regions = tuple(regions)
        either = b"|".join(shape for shape, _ in _STRONG)
        self._any_strong = re.compile(_BEFORE + b"(?:" + either + b")" + _AFTER)
        self._strong = tuple(
            (re.compile(_BEFORE + b"(?:" + shape + b")" + _AFTER), names)
            for shape, names in _STRONG
        )
        self.phone_form = lru_cache(2**14)(self._phone_form)

    def find(self, text: bytes, start: int, end: int) -> Iterator[Found]:
        """The numbers in a part of a text that `runs` gave."""
        written = text[start:end]
        digits = len(written.translate(None, _NO_DIGITS))
        gaps = digits < len(written)
        end = min(len(text), end + 2)
        if digits >= _CARD_DIGITS:
            yield from _cards(text, start, end)
        # without gaps there are only ids of 13 digits or more
        if (gaps or digits >= _ID_DIGITS) and self._any_strong.search(text, start, end):
            for shape, names in self._strong:
                for match in shape.finditer(text, start, end):
                    if _checked(names, match[0].decode()):
                        yield Found("national_id", bare(match[0].decode()), match[0])
        before = words_before(text, start)
        if not gaps and digits < _ID_DIGITS and _is_plain(text, start, end, before):
            return
        yield from self._phones_in(text, start, end, before, gaps and digits >= _NANP_DIGITS)
        yield from _said_ids(text, start, end, before)

    def lettered(self, text: bytes) -> Iterator[Found]:
        """IBANs, and national ids that begin with letters."""
        accounts, *others = shapes(text, _SHAPES)
        for at in accounts:
            account = _IBAN.match(text, at) if _begins(text, at) else None
            if account is not None and (found := _iban(account[0])) is not None:
                yield found
        for of_shape in others:
            for at in of_shape:
                lettered = _LETTERED.match(text, at)
                if lettered is None or not _begins(text, at):
                    continue
                written = lettered[0]
                if b" " in written or _checked(_OF_LETTERED, written.decode()):
                    yield Found("national_id", bare(written.decode()), written)

    def _phones_in(
        self, text: bytes, start: int, end: int, before: bytes, american: bool
    ) -> Iterator[Found]:
        first = max(0, start - 3)
        if text.find(b"+", first, end) >= 0 or text.find(b"%2B", first, end) >= 0:
            for match in _ABROAD.finditer(text, first, end):
                if (found := self._abroad(match[0])) is not None:
                    yield found
        opens = start - (text[start - 1 : start] == b"(")
        for match in _NANP.finditer(text, opens, end) if american else ():
            form = self.phone_form(match[0].decode(), ("US",))
            if form:
                yield Found("phone", form, match[0])
        said = _NATIONAL.match(text, opens, end) if _is_phone(before[-_PHONE_WORDS:]) else None
        if said is not None:
            form = self.phone_form(said[0].decode("utf-8", "replace"), self._regions)
            if form:
                yield Found("phone", form, said[0])

    def _abroad(self, written: bytes) -> Found | None:
        """A number with its country code, without what follows it by chance."""
        while True:
            shown = written.replace(b"%2B", b"+").replace(b"%20", b" ").decode("utf-8", "replace")
            if form := self.phone_form(shown, ()):
                return Found("phone", form, written)
            cut = max(written.rfind(gap, 1) for gap in (b" ", b"-", b"/", b"%20", b"("))
            if cut < 8:
                return None
            written = written[:cut].rstrip(b" -/(.")

    def _phone_form(self, written: str, regions: tuple[str, ...]) -> str:
        """The national number of a phone; empty if it is none.

        regions: tried in order; none for a number with its country code.
        """
        phones = self._phones
        for region in regions or (None,):
            try:
                number = phones.parse(written, region)
            except phones.NumberParseException:
                continue
            # ranges are given out all the time: with a country code, the length is enough
            if phones.is_valid_number(number) or (
                region is None and len(written) > 9 and phones.is_possible_number(number)
            ):
                return str(number.national_number)
        return ""

    def phone(self, written: str) -> str:
        """The national number of what a field for phones holds, valid or not."""
        regions = self._regions
        form = self.phone_form(written, ()) if written.strip().startswith("+") else ""
        return form or self.phone_form(written, regions) or re.sub(r"\D", "", written).lstrip("0")


def library(name: str) -> Any:
    """A module of a library of the extra.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        package = "python-stdnum" if name.startswith("stdnum") else name
        raise MissingExtra(package, EXTRA, "[redact]") from error


def words_before(text: bytes, start: int) -> bytes:
    """The words before a place: in a tag those of the tag, in text also of elements before."""
    return _words_in(text[max(0, start - 240) : start])


@lru_cache(2**13)
def _words_in(written: bytes) -> bytes:
    before = written.rstrip(b"(+")
    opened, closed = before.rfind(b"<"), before.rfind(b">")
    if opened > closed:
        return before[opened:]
    if closed < 0:
        return before
    whole = before[before.find(b"<") :] if before.find(b"<") >= 0 else before
    return b" ".join(_TAGS.sub(b" ", whole).rpartition(b">")[2].split())


def _cards(text: bytes, start: int, end: int) -> Iterator[Found]:
    for match in _CARD.finditer(text, start, end):
        digits = re.sub(rb"%20|\D", b"", match[0]).decode()
        if _ISSUERS.fullmatch(digits) and luhn(digits) and len(set(digits)) > 1:
            yield Found("card", digits, match[0])


def _begins(text: bytes, start: int) -> bool:
    """Whether a number may begin at a place."""
    return _START.match(text, start) is not None


def _iban(written: bytes) -> Found | None:
    """An IBAN, without what follows it by chance."""
    while len(written) >= 15:
        form = bare(written.replace(b"%20", b" ").decode("utf-8", "replace"))
        if library("stdnum.iban").is_valid(form, check_country=False):
            return Found("iban", form, written)
        cut = max(written.rfind(b" "), written.rfind(b"+"))
        if cut < 15:
            return None
        written = written[:cut]
    return None


def _said_ids(text: bytes, start: int, end: int, before: bytes) -> Iterator[Found]:
    """A number that the words before it call a national id."""
    at = start
    for letters in (2, 1):
        if (
            text[start - letters : start].isalpha()
            and not text[at - letters - 1 : at - letters].isalnum()
        ):
            at, before = start - letters, before[:-letters]
            break
    if not _is_said(before[-48:]):
        return
    if (match := _NINO.match(text, at)) is not None:
        yield Found("national_id", match[0].decode(), match[0])
        return
    match = _ID.match(text, at, end)
    while match is not None:
        written = match[0]
        if _checked(_WEAK, written.decode()):
            yield Found("national_id", bare(written.decode()), written)
            return
        cut = max(written.rfind(gap) for gap in (b" ", b".", b"-", b"/"))
        match = _ID.match(text, at, at + cut) if cut > 6 else None


def _is_plain(text: bytes, start: int, end: int, before: bytes) -> bool:
    """Whether nothing beside a few digits in a row makes them a phone or an id."""
    beside = text[max(0, start - 3) : end]
    return not (
        b"+" in beside
        or b"%2B" in beside
        or text[start - 1 : start].isalpha()
        or _is_phone(before[-_PHONE_WORDS:])
        or _is_said(before[-48:])
    )


@lru_cache(2**13)
def _is_phone(before: bytes) -> bool:
    """Whether these words call what follows a phone."""
    return _PHONE.search(before) is not None


@lru_cache(2**13)
def _is_said(before: bytes) -> bool:
    """Whether these words call what follows a national id."""
    return _SAID.search(before) is not None


@lru_cache(2**14)
def _checked(names: tuple[str, ...], written: str) -> bool:
    """Whether one of some modules takes a number."""
    return any(library(f"stdnum.{name}").is_valid(written) for name in names)
