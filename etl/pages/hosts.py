"""The host in a recorded URL, as a browser reads it; the scheme may be missing.

Backslashes count as slashes, in any number. The host is in lower case and ASCII (IDNA), without
user, port and final dot. ``blob:``, ``filesystem:`` and ``view-source:`` are skipped: the URL
follows them. An ``about:`` or ``data:`` URL, a local file and a path have no host.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_AROUND: Final = re.compile(r"(?:view-source|blob|filesystem):", re.IGNORECASE)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_PORT: Final = re.compile(r"\d{1,5}(?:[/?#\\]|$)")
_WEB: Final = frozenset(("http", "https", "ws", "wss", "ftp"))
_NAME: Final = re.compile(r"(?:[\w-]+\.)+(?:[a-z]{2,}|xn--[a-z0-9-]+)")
_FILES: Final = re.compile(
    r"(?!www\.).*\.(?:x?html?|php|aspx?|jsp|js|css|json|xml|txt|pdf|png|jpe?g|gif|svg|csv|zst|gz)"
)
_NO_HOST: Final = re.compile(r"[\0- \"#%/<>?@\\^`{|}]")


def host_of(url: str) -> str:
    """The host of a URL; empty if it has none."""
    text = re.sub("[\t\r\n]", "", url).strip("".join(map(chr, range(33))))
    while (around := _AROUND.match(text)) is not None:
        text = text[around.end() :]
    scheme = _SCHEME.match(text)
    if scheme is not None and not _is_host_with_port(*scheme.groups()):
        name, rest = scheme[1].lower(), scheme[2]
        if name in _WEB:
            return _host(re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0])
        if name == "file":
            rest = rest.replace("\\", "/")
        return _host(re.split(r"[/?#]", rest[2:], maxsplit=1)[0]) if rest.startswith("//") else ""
    if re.match(r"[/\\]{2}", text):
        return _host(re.split(r"[/\\?#]", text.lstrip("/\\"), maxsplit=1)[0])
    host = _host(re.split(r"[/\\?#]", text, maxsplit=1)[0])
    named = host == "localhost" or scheme is not None or _is_address(host)
    return host if named or (_NAME.fullmatch(host) and not _FILES.fullmatch(host)) else ""


def _is_host_with_port(name: str, rest: str) -> bool:
    """Whether what looks like a scheme is a host with a port."""
    return (
        _PORT.match(rest) is not None
        and ("." in name or len(name) > 1)
        and name.lower() not in _WEB
    )


def _is_address(host: str) -> bool:
    return re.fullmatch(r"\d+\.\d+\.\d+\.\d+", host) is not None or ":" in host


def _host(authority: str) -> str:
    """The host in the part of a URL between its slashes; empty if there is none."""
    text = authority.rpartition("@")[2]
    if text.startswith("["):
        address, closed, _ = text[1:].partition("]")
        return address.lower() if closed else ""
    host = unquote(re.sub(r":\d*$", "", text)).lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return ""
    host = host.rstrip(".")
    return "" if _NO_HOST.search(host) or ":" in host else host
