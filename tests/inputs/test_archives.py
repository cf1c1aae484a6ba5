"""Archives of pages: what readers find, how it is decoded, and what becomes of damage."""

from __future__ import annotations

import gzip
import random
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import Final

import brotli
import pytest
import zstandard

from etl.files import nodes
from etl.inputs.archives import times
from etl.inputs.archives.body import text_of, unchunked
from etl.inputs.archives.capture import ArchiveFault, Body, Capture, Faults
from etl.inputs.archives.kinds import READERS, kind_of
from etl.inputs.archives.urls import match, normalised
from tests.support import archives
from tests.support.archives import entry, page, record, redirect, response

ZIPPED = partial(gzip.compress, mtime=0)
"""Compressed without the time, so that a test has the same name in each process."""

SHOP: Final = "https://shop.example/"
TIME: Final = times.of_iso(archives.DATE)
HTML: Final = "<!doctype html><html><body><p>caf\u00e9</p></body></html>"


def read(path: Path) -> tuple[str, list[Capture], Faults]:
    """Kind, captures and faults of a file."""
    kind, faults = kind_of(nodes.node(path)), Faults()
    return kind, list(READERS[kind].captures(str(path), faults)), faults


def pages(path: Path) -> dict[str, str]:
    """The text of each page of a file, by address."""
    kind, captures, _ = read(path)
    return {
        each.url: text_of(READERS[kind].body(str(path), each.place)).decode()
        for each in captures
        if not each.to
    }


OTHER: Final = "https://other.example/a?b=1&a=2#top"
TWO: Final = (
    page(SHOP, HTML),
    record("https://shop.example/logo.png", response(b"\x89PNG", {"Content-Type": "image/png"})),
    page(OTHER, "<html><p>other</p></html>"),
)
ARC: Final = archives.arc(
    (SHOP, response(HTML.encode())), (OTHER, response(b"<html><p>other</p></html>"))
)
FILES: Final[dict[str, tuple[str, bytes]]] = {
    "warc": ("warc", archives.warc(*TWO, compressed=False)),
    "warc, gzip": ("warc", archives.warc(*TWO)),
    "warc, gzip as a whole": ("warc", ZIPPED(archives.warc(*TWO, compressed=False))),
    "warc, zstd as a whole": ("warc", zstandard.compress(archives.warc(*TWO, compressed=False))),
    "arc": ("arc", ARC),
    "arc, gzip": ("arc", ZIPPED(ARC)),
    "wacz": ("wacz", archives.wacz(archives.warc(*TWO[:2]), archives.warc(*TWO[2:]))),
    "wacz, deflated": (
        "wacz",
        archives.zipped({"a/x.warc": archives.warc(*TWO, compressed=False)}, zipfile.ZIP_DEFLATED),
    ),
    "har": ("har", archives.har(entry(SHOP, HTML), entry(OTHER, b"<html><p>other</p></html>"))),
    "har, indented": (
        "har",
        archives.har(entry(SHOP, HTML), entry(OTHER, "<html><p>other</p></html>"), indent=2),
    ),
    "har, gzip": (
        "har",
        ZIPPED(archives.har(entry(SHOP, HTML), entry(OTHER, "<html><p>other</p></html>"))),
    ),
    "zipped har": (
        "zipped_har",
        archives.zipped({
            "har.har": archives.har(
                entry(SHOP, None,
                      response={"content": {"mimeType": "text/html", "_file": "1.html"}}),
                entry(OTHER, "<html><p>other</p></html>"),
            ),
            "1.html": HTML.encode(),
        }),
    ),
    "mhtml": (
        "mhtml",
        archives.mhtml(SHOP, HTML, [("https://shop.example/a.css", "text/css", b"p {}"),
                                    (OTHER, "text/html", b"<html><p>other</p></html>")]),
    ),
    "mhtml, zstd": (
        "mhtml",
        zstandard.compress(
            archives.mhtml(SHOP, HTML, [(OTHER, "text/html", b"<html><p>other</p></html>")])
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_pages_are_found_and_read_from_their_places(tmp_path: Path, name: str) -> None:
    """Every kind of archive gives the same two pages, with their times; nothing else is a page."""
    kind, content = FILES[name]
    path = tmp_path / "archive"
    path.write_bytes(content)
    found, captures, faults = read(path)
    assert found == kind
    assert [(each.url, each.time, each.to) for each in captures] == [
        (SHOP, TIME, ""),
        (OTHER, TIME, ""),
    ]
    assert set(faults.counts) <= {"not_a_page"}
    texts = {url: text.strip() for url, text in pages(path).items()}
    assert texts == {SHOP: HTML, OTHER: "<html><p>other</p></html>"}


def test_redirects_revisits_and_resources(tmp_path: Path) -> None:
    """A redirect and a revisit lead elsewhere; a resource is a page without a response."""
    path = tmp_path / "a.warc.gz"
    path.write_bytes(
        archives.warc(
            redirect("http://shop.example/", "/start"),
            record("https://a.example/", b"", kind="revisit", WARC_Refers_To_Target_URI=SHOP),
            record(SHOP, b"", kind="revisit", WARC_Refers_To_Target_URI=SHOP),
            record("https://b.example/", HTML.encode(), kind="resource", content_type="text/html"),
            record("https://c.example/", response(b"no", status="404 Not Found")),
            record("dns:shop.example", b"1.2.3.4", content_type="text/dns"),
        )
    )
    _, captures, faults = read(path)
    assert [(each.url, each.to) for each in captures] == [
        ("http://shop.example/", "http://shop.example/start"),
        ("https://a.example/", SHOP),
        ("https://b.example/", ""),
    ]
    assert pages(path) == {"https://b.example/": HTML}
    assert faults.counts == {"revisit": 1, "not_ok": 1, "not_a_page": 1}
    path.write_bytes(
        archives.har(
            entry(
                "http://a.example/", None, status=301, response={"status": 301, "redirectURL": SHOP}
            ),
            entry("http://b.example/", "<p>part", _resourceType="xhr"),
            entry("http://c.example/", None),
            {"request": 3},
        )
    )
    _, captures, faults = read(path)
    assert [(each.url, each.to) for each in captures] == [("http://a.example/", SHOP)]
    assert faults.counts == {"not_a_page": 1, "no_body": 1, "broken_record": 1}


SINGLE_FILE: Final = (
    "<html><!--\n Page saved with SingleFile \n url: https://a.example/y \n saved date: "
    "Sat Jan 31 2026 13:00:00 GMT+0100 (CET)\n-->"
)


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ("<!-- saved from url=(0021)https://a.example/x -->\n<html>", "https://a.example/x"),
        (SINGLE_FILE, "https://a.example/y"),
        ("<html><head><link href='https://a.example/c?a=1&amp;b' rel=canonical>",
         "https://a.example/c?a=1&b"),
        ('<html><head><meta property="og:url" content="https://a.example/o">', "https://a.example/o"),
        ("<!doctype html><head><base href='https://a.example/b/'>", "https://a.example/b/"),
        ("<html><head><link rel=canonical href=/relative>", ""),
        ("<html><body><link rel=canonical href='https://a.example/late'>", ""),
        ("<!-- saved from url=(0014)about:internet --><html>", ""),
    ],
)  # fmt: skip
def test_a_saved_page_has_the_address_that_it_says(tmp_path: Path, html: str, url: str) -> None:
    """Comments of browsers and SingleFile, links and metas; and always the address of its file."""
    path = tmp_path / "page.html"
    path.write_text(html)
    kind, captures, _ = read(path)
    assert kind == "html"
    assert [each.url for each in captures] == [*filter(None, [url]), path.as_uri()]
    if "SingleFile" in html:
        assert captures[0].time == TIME


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (ZIPPED(HTML.encode()), "gzip"),
        (zlib.compress(HTML.encode()), "deflate"),
        (zlib.compress(HTML.encode())[2:-4], "deflate"),
        (brotli.compress(HTML.encode()), "br"),
        (zstandard.compress(HTML.encode()), "zstd"),
        (ZIPPED(brotli.compress(HTML.encode())), "br, gzip"),
        (HTML.encode(), "gzip"),
        (HTML.encode(), "identity"),
    ],
)
def test_content_encodings(raw: bytes, encoding: str) -> None:
    """Bodies are decompressed as the headers say; what is not compressed stays as it is."""
    assert text_of(Body(raw, "text/html", encoding)).decode() == HTML


@pytest.mark.parametrize(
    ("raw", "encoding", "what"),
    [
        (b"x", "compress", "unknown_encoding"),
        (ZIPPED(HTML.encode())[:-20], "gzip", ""),
        (b"\x1f\x8b\x08" + b"x" * 30, "gzip", "broken_encoding"),
        (b"not brotli", "br", "broken_encoding"),
        (brotli.compress(HTML.encode())[:-5], "br", "broken_encoding"),
        (b"not zstd", "zstd", "broken_encoding"),
        (ZIPPED(ZIPPED(bytes(300 * 2**20))), "gzip, gzip", "page_too_large"),
        (brotli.compress(bytes(300 * 2**20), quality=1), "br", "page_too_large"),
    ],
)
def test_broken_encodings_and_bombs(raw: bytes, encoding: str, what: str) -> None:
    """What is broken or far too large is a fault; of a body that breaks off the rest is kept."""
    if not what:
        assert HTML.startswith(text_of(Body(raw, "text/html", encoding)).decode()[:20])
        return
    with pytest.raises(ArchiveFault) as fault:
        text_of(Body(raw, "text/html", encoding))
    assert fault.value.what == what


@pytest.mark.parametrize(
    ("raw", "header"),
    [
        ("caf\u00e9".encode(), "text/html; charset=UTF-8"),
        ("caf\u00e9".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("caf\u00e9".encode("cp1252"), "text/html"),
        ("caf\u00e9".encode(), "text/html"),
        (b"\xef\xbb\xbf" + "caf\u00e9".encode(), "text/html; charset=iso-8859-1"),
        ("\ufeffcaf\u00e9".encode("utf-16-le"), "text/html"),
        ("<meta charset=iso-8859-15>caf\u00e9".encode("latin-1"), "text/html"),
        (b"<meta http-equiv=x content='a; charset=koi8-r'>caf", "text/html; charset=nonsense"),
    ],
)  # fmt: skip
def test_character_sets(raw: bytes, header: str) -> None:
    """Mark, header, meta, UTF-8, Windows-1252: the first that tells counts."""
    text = text_of(Body(raw, header)).decode()
    assert text.rpartition(">")[2] in ("caf\u00e9", "caf")


def test_chunks() -> None:
    """Chunks are joined; a body without them stays as it is; one cut off keeps what is there."""
    sent = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    assert unchunked(sent) == b"hello world"
    assert unchunked(b"<html>5</html>") == b"<html>5</html>"
    assert unchunked(sent[:-5]) == b"hello world"
    assert text_of(Body(sent, "text/html", "", "chunked")) == b"hello world"


def test_damage_costs_what_is_damaged(tmp_path: Path) -> None:
    """A broken record is counted and named, and reading goes on after it."""
    path = tmp_path / "a.warc"
    broken = page("https://x.example/", HTML).replace(b"Content-Length: ", b"Content-Length: 9", 1)
    path.write_bytes(archives.warc(TWO[0], broken, TWO[2], compressed=False))
    _, captures, faults = read(path)
    assert SHOP in [each.url for each in captures]
    assert faults.counts["broken_record"] + faults.counts["truncated_record"] >= 1
    whole = archives.warc(*TWO, compressed=True)
    path.write_bytes(whole[:-40])
    _, captures, faults = read(path)
    assert [each.url for each in captures] == [SHOP]
    assert sum(faults.counts.values()) >= 2
    middle = len(archives.warc(TWO[0]))
    path.write_bytes(whole[: middle - 60] + b"\0" * 50 + whole[middle - 10 :])
    _, captures, faults = read(path)
    assert OTHER in [each.url for each in captures]
    assert faults.counts["broken_record"] >= 1


@pytest.mark.parametrize("name", FILES)
def test_mutated_archives_are_read_or_counted(tmp_path: Path, name: str) -> None:
    """Mutations of bytes: nothing raises but faults of single pages."""
    chance, (_, whole) = random.Random(name), FILES[name]
    path = tmp_path / "archive"
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at : at + chance.randint(1, 60)]
                case _:
                    data[at:at] = data[chance.randrange(len(data)) :][:80]
        path.write_bytes(bytes(data) if chance.random() < 0.8 else bytes(data[: len(data) // 2]))
        if not (kind := kind_of(nodes.node(path))):
            continue
        for each in READERS[kind].captures(str(path), Faults()):
            try:
                text_of(READERS[kind].body(str(path), each.place))
            except ArchiveFault:
                continue


def test_zip_bombs_are_not_unpacked(tmp_path: Path) -> None:
    """A member that shrinks beyond reason is refused, whatever its name; nothing is written."""
    path = tmp_path / "a.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("../../a.har", "w", force_zip64=True) as member,
    ):
        member.write(b'{"log": {"entries": [')
        for _ in range(300):
            member.write(bytes(2**20))
    kind, captures, faults = read(path)
    assert (kind, captures) == ("zipped_har", [])
    assert faults.counts == {"broken_record": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://a.example/x", "https://a.example/x", "exact"),
        ("https://a.example/x#y", "https://a.example/x", "without fragment"),
        ("HTTPS://A.example:443/x/", "https://a.example/x", "normalised"),
        ("http://a.example:80", "http://a.example/", "normalised"),
        ("http://a.example:8080", "http://a.example/", ""),
        ("http://a.example/?a=1&b=2", "http://a.example/?b=2&a=1", ""),
        ("http://a.example/", "https://a.example/", ""),
        ("http://a.example/A", "http://a.example/a", ""),
        ("http://[::1]:80/", "http://[::1]", "normalised"),
        ("http://[::1", "http://[::1", "exact"),
    ],
)
def test_addresses(one: str, other: str, expected: str) -> None:
    """What is normalised is scheme, host, port and the slash at the end, and nothing else."""
    assert (normalised(one) == normalised(other)) is bool(expected)
    if expected:
        assert match(one, other) == expected


def test_real_archives(shared: Path) -> None:
    """Each real archive gives pages that can be read, or says why it has none."""
    found: dict[str, tuple[int, int, dict[str, int]]] = {}
    folders = [shared / "data" / name for name in ("warc", "har", "bananalyzer")]
    for path in (each for folder in folders for each in folder.rglob("*") if each.is_file()):
        if not (kind := kind_of(nodes.node(path))):
            assert path.suffix == ".json" or path.name == "examples.json.zst"
            continue
        _, captures, faults = read(path)
        texts = [
            text_of(READERS[kind].body(str(path), each.place)) for each in captures if not each.to
        ]
        name = f"{path.parent.name}/{path.name}" if path.parent.name != "warc" else path.name
        found[name] = len(texts), sum(bool(text.strip()) for text in texts), dict(faults.counts)
    none = {name for name, (pages, _, _) in found.items() if not pages}
    assert none == {
        "resiliparse_clipped.warc.gz",  # its one record breaks off
        "warcio_post-test.warc.gz",  # JSON alone
        "webarena-verified_107/network.har.zst",  # bodies were left out
    }
    assert found["resiliparse_clipped.warc.gz"][2] == {"truncated_record": 1}
    assert found["warcio_example-trunc.warc"][2]["broken_record"] == 1
    assert sum(pages for pages, _, _ in found.values()) > 60
    assert all(pages == whole for pages, whole, _ in found.values())


def test_real_saved_pages(shared: Path) -> None:
    """Real saved pages are recognised; those that say an address have it."""
    said = total = 0
    for path in sorted((shared / "data" / "html_pages").rglob("*.html*"))[:120]:
        if not kind_of(nodes.node(path)):
            continue
        total += 1
        _, captures, _ = read(path)
        said += len(captures) == 2
    assert total > 80
    assert said > 40
