"""Archives of pages, written by tests: WARC, ARC, WACZ, HAR, MHTML."""

from __future__ import annotations

import base64
import gzip
import io
import json
import quopri
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Final

DATE: Final = "2026-01-31T12:00:00Z"
HTML: Final = {"Content-Type": "text/html; charset=utf-8"}


def response(
    body: bytes,
    headers: Mapping[str, str] = HTML,
    status: str = "200 OK",
    length: int | None = None,
) -> bytes:
    """A response of a web server."""
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {size}", "", ""]).encode() + body


def record(
    url: str,
    block: bytes,
    date: str = DATE,
    kind: str = "response",
    content_type: str = "application/http; msgtype=response",
    **more: str,
) -> bytes:
    """A record of a WARC file."""
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-Target-URI: {url}",
        f"WARC-Date: {date}",
        f"WARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{abs(hash((url, date))) % 10**12:012}>",
        f"Content-Type: {content_type}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in more.items()),
        f"Content-Length: {len(block)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + block + b"\r\n\r\n"


def page(url: str, html: str, date: str = DATE, **headers: str) -> bytes:
    """A record of a page."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return record(url, response(html.encode(), {**HTML, **named}), date)


def redirect(url: str, to: str, date: str = DATE) -> bytes:
    """A record of a redirect."""
    return record(url, response(b"", {"Location": to}, "302 Found"), date)


def warc(*records: bytes, compressed: bool = True) -> bytes:
    """A WARC file, each record compressed by itself."""
    first = record(
        "urn:info", b"software: tests\r\n", kind="warcinfo", content_type="application/x"
    )
    return b"".join(gzip.compress(each) if compressed else each for each in (first, *records))


def arc(*responses: tuple[str, bytes], date: str = "20260131120000") -> bytes:
    """An ARC file."""
    about = b"1 0 tests\nURL IP-address Archive-date Content-type Archive-length\n"
    made = f"filedesc://t.arc 0.0.0.0 {date} text/plain {len(about)}\n".encode() + about + b"\n"
    for url, block in responses:
        made += f"{url} 1.2.3.4 {date} text/html {len(block)}\n".encode() + block + b"\n"
    return made


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def wacz(*warcs: bytes) -> bytes:
    """A WACZ file."""
    members = {f"archive/data-{number}.warc.gz": each for number, each in enumerate(warcs)}
    return zipped({"datapackage.json": b"{}", **members})


def entry(
    url: str,
    html: str | bytes | None,
    date: str = DATE,
    status: int = 200,
    mime: str = "text/html; charset=utf-8",
    **more: Any,
) -> dict[str, Any]:
    """An entry of a HAR file. html: in base64 if it is bytes; None: no body."""
    content: dict[str, Any] = {"size": 0, "mimeType": mime}
    if isinstance(html, bytes):
        content |= {"text": base64.b64encode(html).decode(), "encoding": "base64"}
    elif html is not None:
        content["text"] = html
    answer = {"status": status, "headers": [], "redirectURL": "", "content": content}
    answer |= more.pop("response", {})
    return {"startedDateTime": date, "request": {"method": "GET", "url": url, "headers": []},
            "response": answer, "time": 1, **more}  # fmt: skip


def har(*entries: dict[str, Any], indent: int | None = None) -> bytes:
    """A HAR file."""
    log = {"version": "1.2", "creator": {"name": "tests", "version": "1"}, "entries": [*entries]}
    return json.dumps({"log": log}, indent=indent).encode()


def mhtml(
    url: str, html: str, parts: Sequence[tuple[str, str, bytes]] = (), date: str = DATE
) -> bytes:
    """An MHTML file as Chromium writes it.

    parts: (address, type, content) of what the page needs.
    """
    mark = "----MultipartBoundary--tests----"
    head = [
        "From: <Saved by Blink>",
        f"Snapshot-Content-Location: {url}",
        "Subject: A page",
        "Date: Sat, 31 Jan 2026 12:00:00 +0000",
        "MIME-Version: 1.0",
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="' + mark + '"',
        "",
        "",
    ]
    made = "\r\n".join(head).encode()
    for location, kind, content in ((url, "text/html", html.encode()), *parts):
        made += (
            f"\r\n--{mark}\r\nContent-Type: {kind}\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n"
            f"Content-Location: {location}\r\n\r\n"
        ).encode() + quopri.encodestring(content).replace(b"\n", b"\r\n")
    return made + f"\r\n--{mark}--\r\n".encode()
