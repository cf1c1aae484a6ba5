"""Private values, and what only looks like one: made here, by the public rules of each kind."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Mapping

FIRST = "Marigold Thaddeus Ines Bjarne Oluwaseun Petronella Casimir Yasmin Leopold Rosalind".split()
LAST = (
    "Quillfeather Vandermeer Oyelaran Szczepanski Abernathy Lindqvist Fairweather Okonkwo".split()
)
HOSTS = ("northmail.net", "post.acme-tools.co.uk", "mail.fjordbank.no", "inbox.org", "kestrel.io")
STREETS = "Larkspur Lane,Harbour Road,Mill Street,Avenue Montaigne,Kastanienallee".split(",")


def _digits(random: random.Random, count: int, first: str = string.digits) -> str:
    return random.choice(first) + "".join(random.choices(string.digits, k=count - 1))


def _letters(
    random: random.Random, count: int, of: str = string.ascii_letters + string.digits
) -> str:
    """Letters and digits, with at least one digit."""
    text = random.choices(of, k=count)
    text[random.randrange(count)] = random.choice("23456789" if of.isalnum() else of)
    return "".join(text)


def email(random: random.Random) -> str:
    name = f"{random.choice(FIRST)}.{random.choice(LAST)}".lower()
    form = random.choice(("{}", "{}{}", "{}+{}", "{}_{}"))
    return f"{form.format(name, random.randrange(10, 9999))}@{random.choice(HOSTS)}"


def phone(random: random.Random) -> str:
    area = random.choice(("212", "415", "312", "617", "206", "305"))
    exchange, line = _digits(random, 3, "3456789").replace("11", "23"), _digits(random, 4)
    return random.choice(
        (
            f"({area}) {exchange}-{line}",
            f"{area}-{exchange}-{line}",
            f"+1 {area} {exchange} {line}",
            f"+44 7{random.choice('45789')}{_digits(random, 2)} {_digits(random, 6)}",
            f"+49 151 {_digits(random, 8)}",
            f"+33 6 {' '.join(_digits(random, 2) for _ in range(4))}",
            f"+1{area}{exchange}{line}",
        )
    )  # fmt: skip


def check_digit(number: str) -> str:
    """By Luhn's rule."""
    total = 0
    for at, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if at % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def card(random: random.Random) -> str:
    first, length = random.choice((("4", 16), ("53", 16), ("2345", 16), ("37", 15), ("6011", 16)))
    number = first + "".join(random.choices(string.digits, k=length - len(first) - 1))
    number += check_digit(number)
    gap = random.choice(("", " ", "-"))
    if length == 15:
        return gap.join((number[:4], number[4:10], number[10:]))
    return gap.join(number[at : at + 4] for at in range(0, 16, 4))


def iban(random: random.Random) -> str:
    country, account = random.choice(
        (
            ("DE", _digits(random, 18)),
            ("GB", f"{random.choice(('BARC', 'MIDL', 'LOYD'))}{_digits(random, 14)}"),
            ("NL", f"ABNA{_digits(random, 10)}"),
            ("AT", _digits(random, 16)),
            ("PL", _digits(random, 24)),
        )
    )
    as_number = "".join(str(int(each, 36)) for each in f"{account}{country}00")
    whole = f"{country}{98 - int(as_number) % 97:02d}{account}"
    if random.random() < 0.5:
        return whole
    return " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def national_id(random: random.Random) -> str:
    kind = random.randrange(4)
    if kind == 0:
        area = random.randrange(100, 660)
        return f"{area}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}"
    if kind == 1:
        digits = [random.randrange(10) for _ in range(9)]
        for _ in range(2):
            weights = range(len(digits) + 1, 1, -1)
            rest = sum(w * d for w, d in zip(weights, digits, strict=True)) * 10 % 11
            digits.append(rest % 10)
        text = "".join(map(str, digits))
        return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"
    if kind == 2:
        body = (
            f"{random.randrange(40, 99)}{random.randrange(1, 13):02d}{random.randrange(1, 29):02d}"
        )
        body += _digits(random, 4)
        check = -sum((1, 3, 7, 9)[at % 4] * int(digit) for at, digit in enumerate(body)) % 10
        return f"PESEL {body}{check}"
    number = random.randrange(10_000_000, 99_999_999)
    return f"DNI {number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"


def ip(random: random.Random) -> str:
    if random.random() < 0.25:
        groups = [f"{random.randrange(4096, 65535):x}" for _ in range(6)]
        return "2a02:8108:" + ":".join(groups)
    first = random.choice((62, 81, 93, 145, 178, 203))
    return (
        f"{first}.{random.randrange(20, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    )


def api_key(random: random.Random) -> str:
    capitals = string.ascii_uppercase + "234567"
    return random.choice(
        (
            lambda: "AKIA" + _letters(random, 16, capitals),
            lambda: "ghp_" + _letters(random, 36),
            lambda: "sk_live_" + _letters(random, 24),
            lambda: "AIza" + _letters(random, 35),
            lambda: f"xoxb-{_digits(random, 12)}-{_digits(random, 12)}-{_letters(random, 24)}",
            lambda: "glpat-" + _letters(random, 20),
            lambda: f"SG.{_letters(random, 22)}.{_letters(random, 43)}",
            lambda: "npm_" + _letters(random, 36),
        )
    )()


def jwt(random: random.Random) -> str:
    def part(value: object) -> str:
        raw = json.dumps(value, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    head = part({"alg": random.choice(("HS256", "RS256")), "typ": "JWT"})
    return f"{head}.{part({'sub': _digits(random, 9), 'adm': False})}.{_letters(random, 43)}"


def session(random: random.Random) -> str:
    return random.choice((_letters(random, 26, string.ascii_lowercase + string.digits),
                          _letters(random, 32, "0123456789ABCDEF")))  # fmt: skip


def password(random: random.Random) -> str:
    return f"{_letters(random, 5)}{random.choice('!$#*?')}{random.choice(LAST)}{_digits(random, 2)}"


def address(random: random.Random) -> str:
    return f"{random.randrange(2, 999)} {random.choice(STREETS)}, Flat {random.randrange(2, 99)}"


def name(random: random.Random) -> str:
    last = f"{random.choice(LAST)}{random.choice(('', '-'))}{random.choice(LAST).lower()}"
    return f"{random.choice(FIRST)} {last}"


MADE: Mapping[str, Callable[[random.Random], str]] = {
    "email": email,
    "phone": phone,
    "card": card,
    "iban": iban,
    "national_id": national_id,
    "ip": ip,
    "api_key": api_key,
    "jwt": jwt,
    "session": session,
    "password": password,
    "address": address,
    "name": name,
}


def innocent(random: random.Random) -> Mapping[str, str]:
    """Kind -> a text of which nothing is private, though it looks like that kind."""
    card_like = _digits(random, 15, "456")
    wrong = str((int(check_digit(card_like)) + random.randrange(1, 10)) % 10)
    day = f"20{random.randrange(10, 30)}-{random.randrange(10, 13)}-{random.randrange(10, 29)}"
    return {
        "email": f"logo@{random.randrange(2, 4)}x.png and @media at {random.randrange(2, 90)}rem",
        "phone": f"{day} 10:{random.randrange(10, 59)}, order {_digits(random, 10, '23456789')}",
        "card": f"tracking number {card_like}{wrong}",
        "iban": f"part GB{_digits(random, 2)} {_letters(random, 4).upper()} {_digits(random, 8)}",
        "national_id": f"item {_digits(random, 11)}, {_digits(random, 3)}-{_digits(random, 4)}",
        "ip": f"version {random.randrange(1, 9)}.{random.randrange(20, 60)}.3.1",
        "api_key": f"class sk-{random.choice(('fading', 'folding'))}-circle-loader-animation",
        "jwt": f"eyJ{_letters(random, 12)}.min.js",
        "session": f"?page={random.randrange(10, 99)}&item=SKU{_digits(random, 8)}",
        "password": f"Password must have {random.randrange(8, 20)} characters",
        "address": f"{random.randrange(2, 90)} items, EUR {_digits(random, 3, '123')}.50",
        "name": f"Monday Special {random.randrange(100)} for Members",
    }
