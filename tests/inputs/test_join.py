"""Pages are joined by address and time; what is not known is counted, and nothing is guessed."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import fsspec
import pytest

from etl.inputs.archives import index
from etl.inputs.archives.capture import Capture, Faults
from etl.inputs.archives.index import Index
from etl.inputs.archives.join import Pages, find
from schemas.draft import Draft
from schemas.errors import BuildError, ConfigError
from tests.support import archives, builds, strategies
from tests.support.archives import entry, page, redirect, response

SHOP: Final = "https://shop.example/"


def ready(folder: Path, *given: Path) -> Pages:
    """Archives with their index."""
    pages = Pages(tuple(map(str, given)))
    pages.indexed(folder / "index")
    return pages


def step_html(html: str) -> str | None:
    """The one paragraph of a page, as it was sent."""
    found = re.fullmatch(r"<html><head></head><body>(<p>.*)</p></body></html>", html)
    return found[1] if found else None


def joined(pages: Pages, url: str, time: Any = None, html: str = "") -> tuple[str, dict[str, Any]]:
    """The page of a step at an address and time, and what its meta says of it."""
    meta = json.dumps({"timestamp": time, "mood": "good"}) if time else '{"mood":"good"}'
    draft = strategies.draft(strategies.step(html).with_fields(url=url, meta=meta))
    pages.join(draft)
    step = draft.steps[0].step
    noted = json.loads(step.meta)
    assert noted["mood"] == "good"
    return step_html(step.html) or step.html, noted.get("page", {})


@pytest.fixture
def crawl(tmp_path: Path) -> Callable[..., Pages]:
    """Makes archives of some records."""

    def make(*records: bytes) -> Pages:
        (tmp_path / "crawl.warc").write_bytes(archives.warc(*records, compressed=False))
        return ready(tmp_path, tmp_path / "crawl.warc")

    return make


def test_the_best_match_of_addresses_counts(crawl: Callable[..., Pages]) -> None:
    """Exact, then without the fragment, then normalised; the step says which."""
    pages = crawl(
        page("https://a.example/x", "<p>plain"),
        page("https://a.example/x#top", "<p>top"),
        page("https://a.example:443/y/", "<p>y"),
    )
    wanted = {
        "https://a.example/x": ("<p>plain", "exact"),
        "https://a.example/x#top": ("<p>top", "exact"),
        "https://a.example/x#end": ("<p>plain", "without fragment"),
        "https://A.example/y": ("<p>y", "normalised"),
        "http://a.example/x": ("", None),
        "https://a.example/x?a": ("", None),
        "": ("", None),
    }
    for url, (html, how) in wanted.items():
        found, noted = joined(pages, url)
        assert (found, noted.get("match")) == (html, how), url
    draft = strategies.draft(strategies.step("").with_fields(url="https://A.example/y"))
    assert pages.join(draft) == [("page_by_like_url", "normalised")]


TIMES: Final = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")


@pytest.mark.parametrize(
    ("time", "html"),
    [
        (None, "<p>0"),
        ("2026-01-02T00:00:00Z", "<p>1"),
        ("2026-01-02T23:00:00+00:00", "<p>1"),
        (1767484800000, "<p>2"),
        ("2025-01-01T00:00:00Z", "<p>0"),
        (0, "<p>0"),
        ("yesterday", "<p>0"),
    ],
)
def test_the_last_capture_before_a_step_counts(
    crawl: Callable[..., Pages], time: Any, html: str
) -> None:
    """Without a time, or before all captures, it is the first."""
    pages = crawl(*(page(SHOP, f"<p>{n}", TIMES[n]) for n in (2, 0, 1)))
    found, noted = joined(pages, SHOP, time)
    assert found == html
    assert noted["captures"] == 3
    draft = strategies.draft(strategies.step("").with_fields(url=SHOP, meta=""))
    assert Counter(pages.join(draft)) == {("page_of_several", ""): 1}


def test_redirects_are_followed_within_the_archives(tmp_path: Path) -> None:
    """From one file to another, over several hops; circles and ends lead to no page."""
    (tmp_path / "a.warc.gz").write_bytes(
        archives.warc(
            redirect("http://a.example/", "https://a.example/"),
            redirect("https://a.example/", "/start"),
            redirect("https://b.example/", "https://c.example/"),
            redirect("https://c.example/", "https://b.example/"),
            redirect("https://d.example/", "https://nowhere.example/"),
            page("https://d.example/", "<p>later", "2026-02-01T00:00:00Z"),
        )
    )
    (tmp_path / "b.har").write_bytes(archives.har(entry("https://a.example/start/", "<p>start")))
    pages = ready(tmp_path, tmp_path / "a.warc.gz", tmp_path / "b.har")
    assert joined(pages, "http://a.example/")[0] == "<p>start"
    assert joined(pages, "https://b.example/")[0] == ""
    assert joined(pages, "https://d.example/")[0] == "<p>later"
    assert joined(pages, "http://a.example")[1]["archive"] == "b.har"


def test_a_page_is_the_tree_that_a_browser_builds(tmp_path: Path) -> None:
    """Tags that a server left out are put in; a page that a browser saved stays as it is."""
    html = "<!doctype html><title>x</title><table><tr><td>a<td>b</table><p>1<p>2"
    tree = (
        "<!DOCTYPE html><html><head><title>x</title></head><body><table><tbody><tr><td>a</td>"
        "<td>b</td></tr></tbody></table><p>1</p><p>2</p></body></html>"
    )
    (tmp_path / "a.warc").write_bytes(archives.warc(page(SHOP, html), compressed=False))
    (tmp_path / "b.html").write_text(html.replace("<title>", f"<link rel=canonical href={SHOP}b>"))
    saved = f"<!-- saved from url=(0021){SHOP}c -->{html}"
    (tmp_path / "c.html").write_text(saved)
    (tmp_path / "d.mhtml").write_bytes(archives.mhtml(f"{SHOP}d", html))
    pages = ready(
        tmp_path, *(tmp_path / name for name in ("a.warc", "b.html", "c.html", "d.mhtml"))
    )
    assert joined(pages, SHOP)[0] == tree
    assert "<tbody>" in joined(pages, f"{SHOP}b")[0]
    assert joined(pages, f"{SHOP}c")[0] == saved
    assert joined(pages, f"{SHOP}d")[0].strip() == html


def test_steps_with_pages_keep_them(crawl: Callable[..., Pages]) -> None:
    """Pages are joined to recordings that hold none; one that lacks some stays as it is."""
    pages = crawl(page(SHOP, "<p>joined"))
    assert joined(pages, SHOP, html="<p>recorded") == ("<p>recorded", {})
    lacking = strategies.step("", number=1).with_fields(url=SHOP)
    draft = strategies.draft(strategies.step("<p>recorded"), lacking)
    assert pages.join(draft) == []
    assert [each.step.html for each in draft.steps] == ["<p>recorded", ""]


def test_a_page_that_cannot_be_read_is_said(crawl: Callable[..., Pages]) -> None:
    """Its step has no page, and the reason says which archive and why; the next one takes over."""
    bad = archives.record(SHOP, response(b"x", {**archives.HTML, "Content-Encoding": "compress"}))
    draft = strategies.draft(strategies.step("").with_fields(url=SHOP))
    crawl(bad).join(draft)
    (step,) = draft.steps
    assert (step.reason, step.detail) == (
        "no_page",
        f"{SHOP}: crawl.warc: unknown_encoding: content-encoding 'compress'",
    )
    assert joined(crawl(bad, page(SHOP, "<p>good", "2026-03-01T00:00:00Z")), SHOP)[0] == "<p>good"


def test_an_archive_that_changes_meanwhile_stops_the_build(tmp_path: Path) -> None:
    """The places in the index are those of the content that was hashed."""
    path = tmp_path / "a.warc"
    path.write_bytes(archives.warc(page(SHOP, "<p>one"), compressed=False))
    pages = pickle.loads(pickle.dumps(ready(tmp_path, path)))
    path.write_bytes(archives.warc(page(SHOP, "<p>two, and longer"), compressed=False))
    draft: Draft = strategies.draft(strategies.step("").with_fields(url=SHOP))
    with pytest.raises(BuildError, match="changed"):
        pages.join(draft)


def test_an_index_takes_over_what_an_older_one_has(tmp_path: Path) -> None:
    """Of a grown folder only new files are read; the older index goes."""
    folder = tmp_path / "crawls"
    folder.mkdir()
    (folder / "1.warc").write_bytes(archives.warc(page(SHOP, "<p>one"), compressed=False))
    ready(tmp_path, folder)
    (folder / "2.har").write_bytes(archives.har(entry(f"{SHOP}2", "<p>two")))
    (folder / "notes.txt").write_text("nothing")
    pages = ready(tmp_path, folder)
    assert [joined(pages, url)[0] for url in (SHOP, f"{SHOP}2")] == ["<p>one", "<p>two"]
    (path,) = (tmp_path / "index").iterdir()
    counted = {name: (kind, found.pages) for name, kind, found in Index(path).counted()}
    assert counted == {"crawls/1.warc": ("warc", 1), "crawls/2.har": ("har", 1)}
    assert pages.found().others == {"txt": 1}
    fresh = Pages((str(folder),))
    assert fresh.settings() == pages.settings()
    assert fresh.existing(tmp_path / "index")


def test_a_large_index_is_searched_in_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over 65,536 captures lie in several batches; each is found, and many of one address too."""

    class Many:
        def captures(self, place: str, faults: Faults) -> Iterator[Capture]:
            yield from (Capture(f"{SHOP}{number}", number, []) for number in range(70_000))
            yield from (Capture(SHOP, number, []) for number in range(70_000))

    monkeypatch.setattr(index, "READERS", {"many": Many()})
    index.build(tmp_path / "i.arrow", [index.Archive("place", "many", "many", "00")])
    made = Index(tmp_path / "i.arrow")
    assert [row.capture.time for row in made.of(SHOP)] == [*range(70_000)]
    assert all(len(made.of(f"{SHOP}{number}")) == 1 for number in range(0, 70_000, 5_000))
    assert made.of("https://other.example/") == []
    assert made.counted()[0][2].pages == 140_000


def test_archives_may_be_remote(tmp_path: Path) -> None:
    """Every kind is read from its place through fsspec, in a folder that is listed there."""
    files = {
        "a.warc.gz": archives.warc(page(f"{SHOP}a", "<p>a")),
        "b.har": archives.har(entry(f"{SHOP}b", "<p>b")),
        "c.wacz": archives.wacz(archives.warc(page(f"{SHOP}c", "<p>c"))),
        "d.mhtml": archives.mhtml(f"{SHOP}d", "<p>d"),
        "e.html": f"<html><head><link rel=canonical href={SHOP}e></head><p>e".encode(),
        "f.arc": archives.arc((f"{SHOP}f", response(b"<p>f"))),
    }
    memory = fsspec.filesystem("memory")
    for name, content in files.items():
        memory.pipe(f"/crawl/{name}", content)
    pages = Pages(("memory://crawl",))
    pages.indexed(tmp_path / "index")
    for name in "abcdef":
        assert f"<p>{name}" in joined(pages, f"{SHOP}{name}")[0]


def test_places_without_pages_are_refused(tmp_path: Path) -> None:
    """A folder or file without any page, and one that is not there, stop before work."""
    (tmp_path / "a.txt").write_text("x")
    for given in (tmp_path, tmp_path / "a.txt", tmp_path / "absent"):
        with pytest.raises(ConfigError):
            find([str(given)])


def test_memory_does_not_follow_the_archive(tmp_path: Path) -> None:
    """An archive of 120 MB, most of it no pages, is indexed in little more memory than none."""
    path = tmp_path / "large.warc"
    with path.open("wb") as file:
        file.write(archives.warc(page(SHOP, "<p>one"), compressed=False))
        for number in range(12):
            image = response(os.urandom(10 * 2**20), {"Content-Type": "image/png"})
            file.write(archives.record(f"{SHOP}{number}.png", image))
        file.write(page(f"{SHOP}last", "<p>last"))
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from etl.inputs.archives.join import Pages\n"
        "Pages((sys.argv[1],)).indexed(Path(sys.argv[3]))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "Pages((sys.argv[2],)).indexed(Path(sys.argv[3]))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)\n"
    )
    (tmp_path / "small.warc").write_bytes(archives.warc(page(SHOP, "<p>x"), compressed=False))
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "small.warc", path, tmp_path / "index"],
        cwd=builds.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 30
