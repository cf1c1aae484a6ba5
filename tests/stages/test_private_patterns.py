"""Patterns: what is private by its shape and checksum, and what only looks like it."""

from __future__ import annotations

import pytest

from etl.stages.private import fields
from etl.stages.private.patterns import Patterns
from etl.stages.private.pseudonyms import KINDS

PATTERNS = Patterns(KINDS, ("US", "GB", "DE"))
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI5In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def found(text: str) -> set[tuple[str, str]]:
    """(kind, as written) of all that is found in a text."""
    return {(each.kind, each.written.decode()) for each in PATTERNS.find(text.encode())}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", "Write to jane.doe+x@acme.co.uk, please", "jane.doe+x@acme.co.uk"),
        ("email", "/login?email=jane%40shop.invalid&a=1", "jane%40shop.invalid"),
        ("email", "“björn@müller.de”", "björn@müller.de"),
        ("phone", "Call (415) 555-2671 now", "(415) 555-2671"),
        ("phone", "+49 30 123456 or mail", "+49 30 123456"),
        ("phone", "<b>Phone</b> <i>020 7946 0958</i>", "020 7946 0958"),
        ("phone", 'href="tel:4155552671"', "4155552671"),
        ("card", "4111 1111 1111 1111 until 12/26", "4111 1111 1111 1111"),
        ("card", "pay with 378282246310005.", "378282246310005"),
        ("iban", "to DE89 3704 0044 0532 0130 00 and", "DE89 3704 0044 0532 0130 00"),
        ("iban", "IBAN:GB82WEST12345698765432", "GB82WEST12345698765432"),
        ("national_id", "SSN 536-90-4399", "536-90-4399"),
        ("national_id", "529.982.247-25", "529.982.247-25"),
        ("national_id", "PESEL: 44051401359", "44051401359"),
        ("national_id", "RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("ip", "from 93.184.216.34 today", "93.184.216.34"),
        ("ip", "http://10.0.0.5:8080/x", "10.0.0.5"),
        ("ip", "2a02:8108::ff00:42:8329", "2a02:8108::ff00:42:8329"),
        ("api_key", "key AKIAIOSFODNN7QRSTUVW!", "AKIAIOSFODNN7QRSTUVW"),
        ("jwt", f"Bearer {TOKEN}", TOKEN),
        ("session", "/a;jsessionid=1A2B3C4D5E6F7A8B?x=1", "1A2B3C4D5E6F7A8B"),
        ("session", "?a=1&amp;PHPSESSID=q1w2e3r4t5y6u7i8&amp;b=2", "q1w2e3r4t5y6u7i8"),
        ("password", "https://bob:s3cr3t@host/", "s3cr3t"),
    ],
)
def test_a_private_value_is_found(kind: str, text: str, value: str) -> None:
    """It is found as it is written, whatever stands around it."""
    assert (kind, value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png and @media (min-width: 10px)",
        "pip install lodash@4.17.21, git@github.com:a/b",
        "2024-10-12 12:34:56.789, 12/10/2024",
        "order 4111111111111112, item 1234567890123",
        "EUR 1,234,567.89 or 1 234 567",
        "Chrome/120.0.6099.109, version 1.60.0.36, section 1.2.3.4",
        "127.0.0.1 and 0.0.0.0",
        "d41d8cd98f00b204e9800998ecf8427e 550e8400-e29b-41d4-a716-446655440000",
        'class="sk-fading-circle-loader-with-dots" id="ember1234567"',
        "a::before, 00:1a:2b:3c:4d:5e",
        "ISBN 978-3-16-148410-0, 0-306-40615-2",
        "?page=12&item=SKU12345678&q=mugs",
        "M12.5 13.25 L100.25 200.75 0 0 1 12 34 56 78 90",
        "eyJub3QiOiJhIHRva2VuIn0 is no token",
    ],
)
def test_what_only_looks_private_is_not_found(text: str) -> None:
    """Versions, dates, prices, hashes, product numbers and file names are nobody's."""
    assert found(text) == set()


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"type": "password"}, "password"),
        ({"autocomplete": "shipping street-address"}, "address"),
        ({"autocomplete": "section-a cc-number"}, "card"),
        ({"name": "userEmail2"}, "email"),
        ({"id": "billing_first_name"}, "name"),
        ({"placeholder": "Mobile number"}, "phone"),
        ({"aria-label": "Social security number"}, "national_id"),
        ({"name": "csrf_token", "type": "hidden"}, "session"),
        ({"name": "q", "type": "search"}, None),
        ({"name": "product_name"}, None),
        ({"name": "email_subject"}, None),
        ({"name": "ip_address"}, None),
        ({"autocomplete": "organization", "name": "company_phone"}, None),
        ({"type": "checkbox", "name": "password"}, None),
    ],
)
def test_what_a_field_holds(attributes: dict[str, str], kind: str | None) -> None:
    """`autocomplete` counts before the type, the type before names and labels."""
    assert fields.kind_of_field(attributes) == kind


def test_fields_of_a_page() -> None:
    """Values of fields are read from the page as recorded, labels of the page count too."""
    page = """<LABEL for="a">Your e-mail</LABEL><input id="a" value="jane@x.example">
    <input name=phone value='0171 1234567'><textarea name="address">7 Mill Street</textarea>
    <input type="search" name="email" value="jane@y.example"><input name="pwd" value="">
    <input type=password placeholder=Secret value="Secret">"""
    assert list(fields.in_page(page.encode())) == [
        ("email", "jane@x.example"),
        ("phone", "0171 1234567"),
        ("address", "7 Mill Street"),
    ]
