"""Keys of services by the public shapes of their tokens, and JSON web tokens."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

import orjson

from etl.stages.private.scan import long_words, needles

_SHAPES: Final[tuple[tuple[tuple[bytes, ...], bytes], ...]] = (
    # Amazon Web Services
    ((b"AKIA", b"ASIA", b"ABIA", b"ACCA"), rb"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"),
    # GitHub, GitLab
    ((b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"gh[pousr]_[A-Za-z0-9]{36,251}"),
    ((b"github_pat_",), rb"github_pat_\w{22,255}"),
    ((b"glpat-", b"gldt-", b"glrt-", b"glsoat-"), rb"gl(?:pat|dt|rt|soat)-[\w-]{20,64}"),
    # Slack
    ((b"xox",), rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
    ((b"xapp-",), rb"xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+"),
    ((b"hooks.slack.com/",), rb"(?<=hooks\.slack\.com/services/)T\w{8,12}/B\w{8,12}/\w{20,26}"),
    # Stripe, Square, PayPal's Braintree, Shopify
    ((b"_live_", b"_test_"), rb"[spr]k_(?:live|test)_[A-Za-z0-9]{16,247}"),
    ((b"whsec_",), rb"whsec_[A-Za-z0-9+/=]{24,64}"),
    ((b"sq0",), rb"sq0(?:atp|csp|idp)-[\w-]{22,43}"),
    ((b"access_token$",), rb"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    ((b"shp",), rb"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    # Google
    ((b"AIza",), rb"AIza[\w-]{35}"),
    ((b"ya29.",), rb"ya29\.[\w-]{20,2000}"),
    ((b"GOCSPX-",), rb"GOCSPX-[\w-]{28}"),
    # models
    ((b"sk-",), rb"sk-(?:proj-|ant-(?:api|admin)\d\d-|svcacct-|or-v1-)?[\w-]{20,200}"),
    ((b"hf_",), rb"hf_[A-Za-z]{30,40}"),
    ((b"r8_",), rb"r8_[A-Za-z0-9]{37}"),
    ((b"gsk_",), rb"gsk_[A-Za-z0-9]{48,56}"),
    # mail and messages
    ((b"SG.",), rb"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    ((b"key-",), rb"key-[0-9a-f]{32}"),
    ((b"SK", b"AC"), rb"(?:SK|AC)[0-9a-f]{32}"),
    ((b":AA",), rb"\d{8,10}:AA[\w-]{33}"),
    ((b"xkeysib-",), rb"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    # packages
    ((b"npm_",), rb"npm_[A-Za-z0-9]{36}"),
    ((b"pypi-AgE",), rb"pypi-AgE[\w-]{50,1000}"),
    ((b"dckr_pat_",), rb"dckr_pat_[\w-]{27}"),
    # hosts and tools
    ((b"_v1_",), rb"do[oprt]_v1_[a-f0-9]{64}"),
    ((b"dapi",), rb"dapi[a-f0-9]{32}(?:-\d)?"),
    ((b"glsa_",), rb"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}"),
    ((b"lin_api_",), rb"lin_api_[A-Za-z0-9]{40}"),
    ((b"figd_",), rb"figd_[\w-]{40}"),
    ((b"secret_", b"ntn_"), rb"(?:secret|ntn)_[A-Za-z0-9]{43,50}"),
    ((b"PMAK-",), rb"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ((b"sntrys_", b"sntryu_"), rb"sntry[su]_[\w+/=]{40,500}"),
    ((b"hvs.",), rb"hvs\.[\w-]{24,300}"),
    ((b"EAA",), rb"EAA[A-Za-z0-9]{80,300}"),
    ((b"sl.",), rb"sl\.[\w-]{130,160}"),
)
"""Texts of which one is in each token of a service, and the token's shape."""

_RULES: Final = tuple(
    (marks, re.compile(rb"(?<![A-Za-z0-9])(?:" + shape + rb")(?![A-Za-z0-9])"))
    for marks, shape in _SHAPES
)
_PEM: Final = re.compile(rb"(?<=PRIVATE KEY-----)[\w\s+/=\\]{40,8000}(?=-----END)")
_MARKS: Final = tuple((mark, rule) for marks, rule in _RULES for mark in marks)
_SOUGHT: Final = needles([mark for mark, _ in _MARKS])
_SHORTEST: Final = 20
"""Characters; no token is shorter."""

_JWT: Final = re.compile(rb"eyJ[\w-]{6,4000}\.[\w-]{4,8000}\.[\w-]{0,2000}")
_MIXED: Final = 10
"""The least characters of a token after its first letters."""


def api_keys(text: bytes) -> Iterator[bytes]:
    """The keys in a text."""
    long = long_words(text, _SHORTEST)
    for rule in dict.fromkeys(_MARKS[number][1] for number, _ in _SOUGHT.find(long)):
        for match in rule.finditer(long):
            if _is_random(match[0]):
                yield match[0]
    if b"PRIVATE KEY-----" in text:
        yield from (match[0] for match in _PEM.finditer(text))


def jwts(text: bytes) -> Iterator[bytes]:
    """The JSON web tokens (RFC 7519) in a text: their header is an object with ``alg``."""
    if b"eyJ" not in text:
        return
    for match in _JWT.finditer(text):
        header = match[0].partition(b".")[0]
        try:
            says = orjson.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
        except (binascii.Error, ValueError):
            continue
        if isinstance(says, dict) and ("alg" in says or "typ" in says or "enc" in says):
            yield match[0]


def _is_random(token: bytes) -> bool:
    """Whether it is no identifier that merely begins like a key, as ``sk-fading-circle``."""
    body = token[4:]
    if body.isalpha() and not (body.islower() or body.isupper()):
        return True
    return any(48 <= byte <= 57 for byte in body) and len(set(body)) >= min(_MIXED, len(body)) // 2
