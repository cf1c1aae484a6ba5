"""What a form's field holds, by what ``autocomplete``, ``type``, ``name``, ``id`` and label say.

The same words tell what a URL's parameter and a key of JSON hold. Pages are searched as they were
recorded: pruning removes these attributes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import orjson

from etl.pages.tokens import resolve_in_attribute
from etl.stages.private.pseudonyms import Kind
from etl.stages.private.scan import parameters, tags

_AUTOCOMPLETE: Final[Mapping[str, Kind | None]] = {
    **dict.fromkeys(("current-password", "new-password", "one-time-code"), "password"),
    **dict.fromkeys(("tel", "tel-national", "tel-local"), "phone"),
    **dict.fromkeys(("name", "given-name", "additional-name", "family-name"), "name"),
    **dict.fromkeys(
        ("street-address", "address-line1", "address-line2", "address-line3", "postal-code"),
        "address",
    ),
    "cc-name": "name",
    "cc-number": "card",
    "cc-csc": "password",
    "email": "email",
    "username": "username",
    **dict.fromkeys(
        ("country", "country-name", "organization", "address-level1", "address-level2"), None
    ),
}
"""Words of ``autocomplete`` (HTML's standard, autofill) -> what the field holds."""
_TYPES: Final[Mapping[str, Kind]] = {"password": "password", "email": "email", "tel": "phone"}
_NO_TEXT: Final = frozenset(
    "button checkbox color date datetime-local file image month radio range reset search submit "
    "time week".split()
)
"""Types of ``input`` whose value is nobody's text."""

_PASSWORD: Final = frozenset(
    "password passwd passcode passphrase pwd passwort kennwort contraseña contrasena senha cvv cvc "
    "csc otp".split()
)
_NOT_EMAIL: Final = frozenset("subject body message template list newsletter type format".split())
_PHONE: Final = frozenset(
    "phone telephone tel mobile cellphone cell msisdn fax whatsapp telefon telefono téléphone "
    "handy phonenumber mobilenumber".split()
)
_NOT_PHONE: Final = frozenset("model type brand case name os app version".split())
_NATIONAL: Final = frozenset(
    "ssn nino cpf pesel bsn nif nie dni aadhaar aadhar passport itin curp personnummer sin nric "
    "steuerid codicefiscale".split()
)
_NATIONAL_PAIRS: Final = (
    {"social", "security"}, {"national", "id"}, {"tax", "id"}, {"identity", "number"},
    {"national", "insurance"}, {"personal", "id"}, {"id", "card"}, {"fiscal", "code"},
)  # fmt: skip
_STREET: Final = frozenset(
    "address address1 address2 addressline addressline1 addressline2 street streetaddress addr "
    "addr1 addr2 adresse strasse straße zip zipcode postcode postalcode plz".split()
)
_NOT_STREET: Final = frozenset(
    "email mail ip web url site mac wallet page memory bar lookup book http server host".split()
)
_NAMES: Final = frozenset(
    "firstname lastname fullname surname forename givenname familyname middlename fname lname "
    "cardholder vorname nachname holdername yourname".split()
)
_WITH_NAME: Final = frozenset(
    "first last full given family middle your contact holder recipient passenger guest traveler "
    "traveller billing shipping maiden customer person legal".split()
)
_NOT_NAME: Final = frozenset("file domain host company product project business".split())
_NOBODY: Final = frozenset(
    "anonymous guest user name unknown none null undefined n/a me you admin test".split()
)
"""What stands in a field for a name and is nobody's."""
_USER: Final = frozenset("username userid loginname".split())
_SESSION: Final = frozenset(
    "sid csrf xsrf csrftoken token nonce authenticity auth sig signature ticket jwt "
    "requestverificationtoken oauth viewstate accesstoken authtoken".split()
)
_KEY_PAIRS: Final = ({"api", "key"}, {"client", "secret"}, {"access", "key"}, {"secret", "key"},
                     {"private", "key"})  # fmt: skip
_KEYS: Final = frozenset("apikey secret clientsecret accesskey secretkey".split())

_WORDS: Final = re.compile(r"[A-Z]?[^\W\d_A-Z]+\d?|[A-Z]+(?![a-z])\d?|\d+")
_TAG: Final = re.compile(
    rb"<(input|textarea)\b((?:[^>\"']++|\"[^\"]*+\"|'[^']*+')*+)>", re.IGNORECASE
)
_ATTRIBUTE: Final = re.compile(r"([^\s=\"'<>/]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LABEL: Final = re.compile(
    rb"<label\b[^>]*?\bfor=[\"']([^\"']{1,200})[\"'][^>]*>([^<]{1,100})", re.IGNORECASE
)
_CREDENTIALS: Final = re.compile(rb"type=[\"']?(?:password|email|tel)\b", re.IGNORECASE)
_MEMBER: Final = re.compile(rb"\"([A-Za-z][\w -]{1,50})\":\s?\"((?:[^\"\\]|\\.){2,4096})\"")


@lru_cache(2**14)
def words_of(name: str) -> frozenset[str]:
    """The words of an identifier or a label, in lower case: ``userEmail2`` has user and email2.

    A word with a digit at its end is there without it too, and so is the whole without breaks.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    more = [word.rstrip("0123456789") for word in words]
    return frozenset(filter(None, [*words, *more, "".join(words)]))


@lru_cache(2**14)
def kind_of_name(name: str) -> Kind | None:
    """What a name, an id or a label says about a value; None if it says nothing."""
    words = words_of(name)
    if words & _PASSWORD or words == {"pin"}:
        return "password"
    if ("email" in words or {"e", "mail"} <= words) and not words & _NOT_EMAIL:
        return "email"
    if "iban" in words:
        return "iban"
    if words & _NATIONAL or any(pair <= words for pair in _NATIONAL_PAIRS):
        return "national_id"
    if words & {"cardnumber", "ccnumber", "creditcard", "ccnum"} or (
        words & {"card", "cc"} and words & {"number", "no", "num", "credit", "debit"}
    ):
        return "card"
    if words & _KEYS or any(pair <= words for pair in _KEY_PAIRS):
        return "api_key"
    if words & _PHONE and not words & _NOT_PHONE:
        return "phone"
    if words & _STREET and not words & _NOT_STREET:
        return "address"
    if words & _USER or {"user", "name"} <= words or {"user", "id"} <= words:
        return "username"
    if not words & _NOT_NAME and (words & _NAMES or ("name" in words and words & _WITH_NAME)):
        return "name"
    if words & _SESSION or any("sess" in word for word in words):
        return "session"
    return None


@lru_cache(2**14)
def _kind_of_key(name: bytes) -> Kind | None:
    return kind_of_name(name.decode())


def kind_of_field(attributes: Mapping[str, str], label: str = "") -> Kind | None:
    """What a field holds; None if nothing tells.

    attributes: of its element, as recorded. label: its text on the page.
    """
    type_ = attributes.get("type", "").lower()
    if type_ in _NO_TEXT or attributes.get("role", "").lower() == "searchbox":
        return None
    for token in attributes.get("autocomplete", "").lower().split():
        if token in _AUTOCOMPLETE:
            return _AUTOCOMPLETE[token]
    if type_ in _TYPES:
        return _TYPES[type_]
    said = (attributes.get(key, "") for key in ("name", "id", "placeholder", "aria-label"))
    for text in (*said, label):
        if text and (kind := kind_of_name(text[:100])) is not None:
            return kind
    return None


def holds(kind: Kind, value: str) -> bool:
    """Whether a field's value can be what the field is for; an empty or sample value is not."""
    value = value.strip()
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if kind == "email":
        return "@" in value and letters > 2
    if kind == "phone":
        return 6 <= digits <= 15 and letters <= 3
    if kind == "card":
        return 12 <= digits <= 19 and not letters
    if kind == "iban":
        return digits >= 6
    if kind == "national_id":
        return digits >= 5 and len(value) <= 30
    if kind == "address":
        return len(value) >= 4 and digits > 0
    if kind == "name":
        named = value.lower() not in _NOBODY and "{" not in value
        return letters >= 2 and not digits and len(value) <= 80 and named
    if kind in ("session", "api_key"):
        return random_looking(value)
    if kind == "username":
        return len(value) >= 3 and " " not in value
    return len(value) >= 3


def random_looking(value: str) -> bool:
    """Whether a value may be a key or a token: long, without spaces, and not only letters."""
    if len(value) < 8 or any(map(str.isspace, value)) or not value.isascii():
        return False
    return any(map(str.isdigit, value)) or len(value) >= 24


def in_page(page: bytes) -> Iterator[tuple[Kind, str]]:
    """(kind, value) of the fields of a page that hold something.

    page: as recorded, in UTF-8. Takes time linear in the page.
    """
    begun = tags(page, (b"input", b"textarea"))
    if not any(page.startswith((b"<input", b"<INPUT", b"<textarea"), at) for at in begun):
        return
    labels: dict[str, str] | None = None
    after = 0
    for at in begun:
        match = _TAG.match(page, at) if at >= after else None
        if match is None:
            continue
        after = match.end()
        tag, written = match[1], match[2]
        if tag.lower() == b"textarea":
            end = page.find(b"<", match.end())
            value = page[match.end() : end if end >= 0 else None].decode("utf-8", "replace")
        elif b"value" in written or b"VALUE" in written:
            value = _field(written)[0].get("value", "")
        else:
            continue
        if len(value) < 2 or len(value) > 5000:
            continue
        attributes, kind = _field(written)
        if kind is None and attributes.get("type", "text").lower() == "text":
            if labels is None:
                labels = _labels(page)
            label = labels.get(attributes.get("id", "") or "\0", "")
            kind = kind_of_field(attributes, label) if label else None
            if kind is None and _is_name(attributes, label) and _CREDENTIALS.search(page):
                kind = "name" if len(value.split()) > 1 else None
        if kind is not None and holds(kind, value) and not _is_label(attributes, value):
            yield kind, value


def of_step(attributes: Mapping[str, str], label: str, locators: str, value: str) -> Kind | None:
    """What a value that was typed is, by its field; None if nothing tells.

    attributes: of the field as recorded; none if it was not found. locators: their text.
    """
    kind = kind_of_field(attributes, label)
    if kind is None and not attributes and locators:
        kind = kind_of_name(locators[:200])
    if kind is None and _is_name(attributes, label) and len(value.split()) in (2, 3):
        kind = "name"
    return kind if kind is not None and holds(kind, value) else None


def in_parameters(text: bytes) -> Iterator[tuple[Kind, bytes]]:
    """(kind, value as written) of the parameters of URLs in a text."""
    for name, value in parameters(text):
        kind = _kind_of_key(name)
        if kind is not None:
            yield kind, value


def in_members(text: bytes) -> Iterator[tuple[Kind, bytes]]:
    """(kind, value as written) of the members of JSON objects in a text."""
    for match in _MEMBER.finditer(text):
        kind = _kind_of_key(match[1])
        if kind is not None:
            yield kind, match[2]


def unquoted(written: bytes) -> str:
    """A value of a URL's parameter."""
    return unquote(html.unescape(written.decode("utf-8", "replace")).replace("+", " "))


def unescaped(written: bytes) -> str:
    """A text within the quotation marks of JSON."""
    try:
        return str(orjson.loads(b'"' + written + b'"'))
    except orjson.JSONDecodeError:
        return written.decode("utf-8", "replace")


@lru_cache(2**13)
def _field(written: bytes) -> tuple[Mapping[str, str], Kind | None]:
    """The attributes of a field's start tag, and what they say that it holds."""
    attributes = _attributes(written)
    return attributes, kind_of_field(attributes)


def _attributes(written: bytes) -> Mapping[str, str]:
    """The attributes of a start tag; the first of a name counts."""
    attributes: dict[str, str] = {}
    for name, *values in _ATTRIBUTE.findall(written.decode("utf-8", "replace")):
        attributes.setdefault(name.lower(), resolve_in_attribute("".join(values)))
    return attributes


def _labels(page: bytes) -> dict[str, str]:
    """The text of each label by the id of its field."""
    found = (_LABEL.match(page, at) for at in tags(page, (b"label",)))
    each = (match.groups() for match in found if match is not None)
    return {id.decode("utf-8", "replace"): text.decode("utf-8", "replace") for id, text in each}


def _is_name(attributes: Mapping[str, str], label: str) -> bool:
    """Whether a field is called name, which may be that of a person or of anything else."""
    said = {attributes.get(key, "").strip(" *:").lower() for key in ("name", "placeholder")}
    return bool({*said, label.strip(" *:").lower()} & {"name", "your name"})


def _is_label(attributes: Mapping[str, str], value: str) -> bool:
    """Whether a value only says what belongs into the field."""
    said = {
        attributes.get(key, "").strip().lower() for key in ("placeholder", "aria-label", "name")
    }
    return value.strip().lower() in said
