"""The engine against the specification: the same bytes for every page, and no stale engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.pages import compiled, locators, reading
from etl.pages.live import inert, live
from etl.pages.locators.kin import kin
from etl.pages.page import Live, Page
from etl.pages.prune import Pruner
from etl.pages.reading import read
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from tests.pages.test_reading import flat, recorded_pages, saved_pages
from tests.support import builds
from tests.support.strategies import GOLDENS, pages, pruner, rules, soups

IS_PLAIN = os.environ.get("STEPMILL_PLAIN", "0") not in ("", "0")
CAN_COMPILE = (
    bool(shutil.which("c++") or shutil.which("g++"))
    and Path(sysconfig.get_path("include"), "Python.h").exists()
)
needs_compiled = pytest.mark.skipif(
    compiled.ENGINE is None, reason="this installation is not compiled"
)

SHARED_PRUNER = pruner()


def both(html: str) -> tuple[Page, Page]:
    """A page as the engine reads it, and as it is specified."""
    return reading.read_anew(html), read_plain(html)


def assert_same(html: str, use: Pruner = SHARED_PRUNER, *, every: int = 1) -> None:
    """Both paths: the same tokens, numbers, observation and start tags. every: so many elements one
    is looked at.
    """
    fast, plain = both(html)
    assert fast.elements == plain.elements
    if len(html) < 10_000:
        assert flat(fast) == flat(plain)
        assert_found(fast, plain)
    assert kin(fast) == kin(plain)
    assert inert(fast) == inert(plain)
    assert_live(live(fast), live(plain))
    assert use.prune(fast) == use.prune(plain)
    for element in range(0, fast.elements, every):
        assert use.start_tag(fast, element) == use.start_tag(plain, element)
        assert use.prune(fast, element, keep=True) == use.prune(plain, element, keep=True)
        assert text_of(fast, element, 50) == text_of(plain, element, 50)


def assert_live(fast: Live, plain: Live) -> None:
    """Both paths: the same page as scripts have it,
    each of its elements the one of the whole page.
    """
    assert (fast.elements is None) == (plain.elements is None)
    if fast.elements is not None and plain.elements is not None:
        assert fast.elements.tolist() == plain.elements.tolist()
        assert flat(fast.page) == flat(plain.page)
        assert fast.page.elements == len(fast.elements)


def assert_found(fast: Page, plain: Page) -> None:
    """What has an attribute is found by its value and by its tag in both pages, and nothing else
    is.
    """
    elements = [(token.tag, token.attributes()) for token in plain.tokens if token.element]
    for tag, attributes in elements[:8]:
        for name, value in [*attributes.items()][:4]:
            expected = [at for at, (_, found) in enumerate(elements) if found.get(name) == value]
            assert locators.find_attribute(fast, name, value) == expected
            assert locators.find_attribute(plain, name, value) == expected
        for selector in (tag, f"{tag}:nth-of-type(2)", f"* > {tag}"):
            if tag.isalpha() and tag.isascii():
                assert locators.find_css(fast, selector) == locators.find_css(plain, selector)
        if re.fullmatch(r"[\w-]+", attributes.get("id", "")) and tag.isalpha() and tag.isascii():
            selector = f'{tag}[id="{attributes["id"]}"]'
            expected = [
                at
                for at, found in enumerate(elements)
                if found[0] == tag and found[1].get("id") == attributes["id"]
            ]
            assert locators.find_css(fast, selector) == expected
            assert locators.find_css(plain, selector) == expected


@pytest.mark.skipif(
    IS_PLAIN or not CAN_COMPILE, reason="there is no C++ compiler, or plain Python is asked for"
)
def test_it_is_compiled_where_it_can_be() -> None:
    """With a C++ compiler and Python's headers, an installation reads pages by compiled code."""
    assert compiled.PATH == "compiled code"
    assert not compiled.is_stale(), "the sources have changed since: make .venv/installed-test"
    assert not compiled.advice()
    assert not isinstance(read("<p>a").tokens, list)


@settings(max_examples=300, deadline=None)
@given(st.one_of(soups, pages))
@example(
    "<pre>a<p>b </p><br><my-x/>&amp;  c</pre>d<textarea> "
    "e&lt;<b></textarea>f<template>g<p>h</p></template>i"
)
@example("<title>a<b>&amp;\0</title><script>a<b</script><style/>x<script>never closed<b>")
@example("<a b='<c>' \"x>y<a\0b>z</a <p ID=a id=b Class='c  d' title=''>")
@example("<p>\ud83d\ude00 a\u2028b\u00a0c\x1f\x85d\u3000</p>\ud800")
@example(
    "<a id='&#97;'><a id=a><A ID=a><b id=a\0><b id='a\ufffd'><i \u0130x=q><i \u0130X=''><p "
    "class='x &amp; y'>"
)
@example("<pre>\r\na\rb \u00e9<a\r\nb='c\rd\r\n' \re>\r\n</pre>\r<textarea>\r\n</textarea>\ud800\r")
@example(
    "<noscript "
    "a>b<p></div><noscript>c</noscript>d</noscript><template><b></b></p><i></template><u><template>x</u>y"
)
@example("<div><noscript 'a>b<template shadowrootmode=open><noscript></noscript>c</template></div>")
@example("<template><!--never closed->")
@example("<template></div><?")
@example("<template><?")
@example("<div onclick='go()' style='user-select: none' alt>x</div><img ALT=''><p></p><i></i>")
def test_compiled_equals_plain(html: str) -> None:
    """Every page reads and is pruned the same by both, whatever element is asked for or kept."""
    assert_same(html)
    assert_same(html)  # now all of it is known


@settings(max_examples=300, deadline=None)
@given(
    soups,
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60), soups), max_size=3),
    st.integers(0, 400),
)
def test_compiled_equals_plain_on_pages_that_are_nearly_equal(
    html: str, edits: list[tuple[int, int, str]], cut: int
) -> None:
    """What is known of one page changes nothing for the next, which differs in places or is cut
    off.
    """
    edited = html
    for start, size, text in edits:
        edited = edited[:start] + text + edited[start + size :]
    for page in (html, edited, edited[:cut], html):
        assert_same(page, every=5)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="<>/!-='\"& \n\0aAsScriptTEMPLATE?;#1é[]\u00a0\ud800", max_size=60))
def test_compiled_equals_plain_on_noise(html: str) -> None:
    """As above for strings of nothing but markup characters."""
    assert_same(html)


def golden_pages(shared: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(GOLDENS.glob("*/source.html")):
        yield path.parent.name, path.read_bytes().decode()
    with (shared / "golden/scribeagent/cases.jsonl.zst").open("rb") as file:
        for line in zstandard.ZstdDecompressor().stream_reader(file).read().splitlines():
            yield (case := orjson.loads(line))["name"], case["html"]


@pytest.mark.parametrize("source", [golden_pages, saved_pages, recorded_pages])
def test_compiled_equals_plain_on_real_pages(
    shared: Path, source: Callable[[Path], Iterator[tuple[str, str]]]
) -> None:
    """Saved and recorded pages, and those of the goldens, are the same to both; hardly any is left
    to the plain one.
    """
    seen = left = 0
    for _, html in islice(source(shared), None, None, 12):
        assert_same(html, every=500)
        left += isinstance(read(html).tokens, list)
        seen += 1
    assert seen > 4
    assert compiled.ENGINE is None or left < seen / 20


@needs_compiled
def test_another_pruners_notes_are_not_used() -> None:
    """Two pruners with other rules, in turns on the same page, each write what their rules say."""
    html = "<main><x-card>a</x-card><p title=t>b</p></main>"
    other = Pruner(
        rules().__class__(**{**rules().__dict__, "kept_tags": frozenset({"x-card"})}), len
    )
    for use, expected in (
        (SHARED_PRUNER, '<main node="2"> a <p node="0" title="t"> b </p> </main> '),
        (other, '<x-card node="1"> a </x-card> b '),
    ) * 2:
        assert use.prune(reading.read_anew(html)).observation == expected


HOSTILE = {
    "20,000 levels": "<div>" * 20_000 + "<b>deep</b>" + "</div>" * 10_000 + "<em>" * 20_000,
    "50 MB of text": "<p>" + "the quick > brown\n fox " * 2_200_000,
    "NUL everywhere": "<p\0>a\0<b \0c=d>\0</b><title>\0<i></title><pre>\0 x</pre><!--\0-->" * 50,
    "lone surrogates": "<p title='\udc00\ud800'>\ud83d\ude00 \udfff</p><a\ud800>x" * 50,
    "200,000 attributes":
        "<p" + "".join(f" onx{number}={number}" for number in range(200_000)) + ">x",
    "100,000 tags of other names": "".join(f"<x{number}>" for number in range(100_000)),
    "odd tags": "<a b='x\"y<z>" * 1000 + "<a \"b>c" * 1000,
    "one long value": f'<a title="{"x" * 2_000_000}" class="{"y " * 100_000}">z</a>',
    "stray end tags": "<div>" * 5_000 + "".join(f"</x{number}>" for number in range(30_000)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_compiled_equals_plain_on_hostile_pages(name: str) -> None:
    """Pages made to break readers are the same to both."""
    fast, plain = both(HOSTILE[name])
    assert (fast.elements, bytes(fast.flags)) == (plain.elements, bytes(plain.flags))
    assert SHARED_PRUNER.prune(fast).observation == SHARED_PRUNER.prune(plain).observation


@needs_compiled
def test_compiled_memos_are_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that never repeat leave no more than the bounds and one page behind."""
    monkeypatch.setattr(reading, "MEMO_BYTES", 1_000_000)
    monkeypatch.setattr("etl.pages.prune.MEMO_BYTES", 1_000_000)
    use = pruner()
    assert reading._READER
    started_again = values = 0
    for number in range(400):
        before = reading._READER[0]
        page = read(
            "".join(f"<p id=a{number}-{at} x{number}-{at}>{number}</p>" for at in range(50))
        )
        use.prune(page)
        assert reading._READER[0].size < 1_500_000
        assert use._engine.size < 1_500_000
        started_again += reading._READER[0] is not before
        values = max(values, use._engine.size)
        before = None
    assert 2 < started_again < 100
    assert values > 900_000


@needs_compiled
def test_threads_take_turns() -> None:
    """Pages read and pruned in several threads at once are what they are alone."""
    htmls = [
        f"<div id=t{n}>" + "".join(f"<p class='a{n} b{i}'>&amp; {i}</p>" for i in range(300))
        for n in range(8)
    ]
    expected = [SHARED_PRUNER.prune(read_plain(html)).observation for html in htmls]
    use = pruner()
    found: dict[int, str] = {}

    def work(number: int) -> None:
        for _ in range(5):
            found[number] = use.prune(reading.read_anew(htmls[number])).observation

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(8)] == expected


@needs_compiled
def test_an_engine_of_other_sources_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compiled of other sources than are there is told, with what to do."""
    monkeypatch.setattr(compiled, "fingerprint", lambda _folder: "of other sources")
    assert compiled.is_stale()
    assert "of other sources" in compiled.advice()
    assert "install stepmill again" in compiled.advice()


def test_the_fingerprint_covers_all_sources(tmp_path: Path) -> None:
    """A change of any of the files that the engine is compiled of is seen; a wheel has none."""
    folder = Path(compiled.__file__).parent
    names = [path.name for path in folder.glob(compiled.SOURCES)]
    assert "engine.pyx" in names
    assert compiled.fingerprint(tmp_path) == ""
    for name in names:
        shutil.copy(folder / name, tmp_path / name)
    assert compiled.fingerprint(tmp_path) == compiled.fingerprint(folder)
    for name in names:
        (tmp_path / name).write_bytes((folder / name).read_bytes() + b"#")
        assert compiled.fingerprint(tmp_path) != compiled.fingerprint(folder)
        shutil.copy(folder / name, tmp_path / name)


def test_plain_python_can_be_asked_for(tmp_path: Path) -> None:
    """``STEPMILL_PLAIN=1`` reads pages by plain Python; ``--version`` says so, and a build does
    once, with what to do.
    """
    builds.write_workflows(tmp_path / "one.jsonl", builds.workflow(1))
    code = (
        "from etl.cli import main; from etl.pages.reading import read; "
        "print(type(read('<p>a').tokens).__name__); "
        f"main.cli(['build', {str(tmp_path / 'one.jsonl')!r}, '--out', {str(tmp_path / 'out')!r}], "
        "standalone_mode=False); main.cli(['--version'])"
    )
    environment = {**os.environ, "STEPMILL_PLAIN": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("list\n")
    assert "plain Python (STEPMILL_PLAIN is set)" in done.stdout
    assert done.stderr.count("pages are read by plain Python") == 2
    assert done.stderr.count("unset STEPMILL_PLAIN") == 2
