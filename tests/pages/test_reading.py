"""Reading pages as written: the engine against the specification, finding elements, depth and
hostile input.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etl.pages import locators, reading
from etl.pages.doctype import mode
from etl.pages.live import live
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from etl.pages.tokens import EMPTY, END, OTHER, START, Token, resolve_in_attribute
from schemas.errors import PageError
from tests.support.judged import by_cssselect
from tests.support.strategies import pages, soups


def flat(page: Page) -> list[tuple[int, str, list[tuple[str, str]], str]]:
    """What a page says: kind, tag, attributes in order, and the text after, of each token that says
    anything.
    """
    rows = [(t.kind, t.tag, list(t.attributes().items()), t.text) for t in page.tokens]
    return [row for row in rows if row[0] != OTHER or row[3]]


def assert_same(html: str) -> None:
    plain, fast = read_plain(html), reading.read_anew(html)
    assert flat(fast) == flat(plain)
    assert fast.elements == plain.elements == sum(token.element for token in fast.tokens)
    assert read(html) is read(html)


@settings(max_examples=700, deadline=None)
@given(soups)
@example("<script><!--<script></script>--></script>x")
@example("<script><!--<script></script/>x</script>")
@example("<title>a</titlex></title >b")
@example("<a b='<c>' \"x>y")
@example("<p\0q>x")
@example("<iframe src=x><iframe/></iframe>")
@example("&#1;&#38;lt;&#x110000;&#0&#128;x&#xfdd0 <a b='&#1;&#13' c='&#38;lt&#2'>")
@example("<noscript><style>a<b</noscript></style>")
@example("<textarea/>x<b>y</textarea>")
@example("<plaintext>a<b>")
@example('</div ==">">x')
@example("<p>a</")
@example("<svg><textarea>a < b \0</textarea></svg>")
@example("</")
@example("<zzziframe><iframe>")
def test_engine_reads_as_specified(html: str) -> None:
    """`read` gives the tokens, attributes and texts of `read_plain` for every string."""
    assert_same(html)
    assert_same(html)  # now from the memo


@settings(max_examples=300, deadline=None)
@given(soups, soups, st.integers(0, 400))
def test_engine_reads_as_specified_after_other_pages(before: str, html: str, cut: int) -> None:
    """What the memo holds of one page never changes what another page reads as,
    cut off anywhere.
    """
    read(before)
    assert_same(html[:cut])
    assert_same(before + html)


@settings(max_examples=600, deadline=None)
@given(
    soups,
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 60), soups), max_size=4),
    st.integers(0, 400),
)
@example("a<script>b<i>c</script>d<b>e<p>f", [(14, 6, "</scrip>")], 400)
@example("a<b>c<!-- d <i> e", [(17, 0, "<p> --> f")], 400)
@example("a<b>c<i>d</", [(11, 0, "b>")], 400)
@example("</div><div></", [(13, 0, "<div>")], 400)
@example("<p>a<p>b< c<p>d", [(8, 1, "<i>"), (3, 1, "")], 400)
@example("<p>a<p>b< c<p>d", [(6, 1, "b&")], 400)
@example("a < b<p>c<p>d", [(0, 1, "")], 400)
def test_engine_reads_as_specified_after_a_page_like_it(
    html: str, edits: list[tuple[int, int, str]], cut: int
) -> None:
    """A page that is the one before with some text replaced, put in or taken out, or cut off, reads
    as it does alone; so does the one before after it.
    """
    edited = html
    for start, size, text in edits:
        edited = edited[:start] + text + edited[start + size :]
    for page in (html, edited, html, edited[:cut], edited, html[:cut]):
        assert_same(page)


@settings(max_examples=250, deadline=None)
@given(st.text(alphabet="<>/!-='\"& \n\0aAsScriptTEMPLATE?;#1é[]", max_size=60))
def test_engine_reads_as_specified_on_noise(html: str) -> None:
    """As above for strings of nothing but markup characters."""
    assert_same(html)


def saved_pages(shared: Path) -> Iterator[tuple[str, str]]:
    for path in sorted((shared / "data/html_pages").rglob("*.html.zst")):
        with path.open("rb") as file:
            yield (
                path.name,
                zstandard.ZstdDecompressor().stream_reader(file).read().decode("utf-8", "replace"),
            )


def recorded_pages(shared: Path) -> Iterator[tuple[str, str]]:
    for folder in ("browsergym_workarena", "browsergym_webarena"):
        for path in sorted((shared / "data" / folder / "episodes_jsonl").glob("*.jsonl.zst"))[::6]:
            with path.open("rb") as file:
                for line in (
                    zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()[::3]
                ):
                    observation = orjson.loads(line)["obs"]
                    if observation:
                        yield path.name, observation["pruned_html"]


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from("& amp quot not notit lt ; = o 1 # x".split())).map("".join))
@example("&quotot;")
@example("&ampamp;&amp;")
def test_references_in_attributes_are_those_of_the_library(value: str) -> None:
    """A value's references are resolved as the tokenizer library does it in a tag."""
    token = Token(START, "a", f'<a b="{value}">')
    assert resolve_in_attribute(value) == token.attributes()["b"]


def test_latest_pages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page read again comes back as it is; no more pages and characters are kept than the
    bounds, the last ones that were read.
    """
    monkeypatch.setattr(reading, "PAGES_CHARACTERS", 10_000)
    monkeypatch.setattr(reading, "PAGES", 10)
    most = 0
    for number in range(500):
        html = f"<p>{number}" + "x" * (number * 37 % 3000)
        assert read(html) is read(html)
        kept = reading._LATEST.texts()
        assert len(kept) <= 10
        assert sum(map(len, kept)) == reading._LATEST._size <= 10_000
        assert kept[-1] == html
        most = max(most, len(kept))
    assert most == 10
    read("<p>" + "x" * 10_000)
    assert not reading._LATEST.texts()


def test_threads_share_the_latest_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that read the same few pages get each as it is, while pages come and go; the bounds
    hold at the end.
    """
    monkeypatch.setattr(reading, "PAGES", 3)
    htmls = [f"<p>{number}</p>" for number in range(8)]

    def work(seed: int) -> bool:
        chance = random.Random(seed)
        numbers = [chance.randrange(len(htmls)) for _ in range(3000)]
        return all(read(htmls[number]).tokens[0].text == str(number) for number in numbers)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4)))
    assert len(reading._LATEST.texts()) <= 3


def test_pages_that_look_alike_are_told_apart() -> None:
    """Two pages of one length that differ anywhere are two pages."""
    page = "<p>" + "a" * 1000 + "</p>"
    for at in range(3, 1003):
        other = page[:at] + "b" + page[at + 1 :]
        assert read(other).tokens[0].text == other[3:-4]
        assert read(page).tokens[0].text == page[3:-4]


# ---- what stands where


def test_kinds_of_tokens() -> None:
    """Void elements and self-closed tags are complete with their start tag, whatever the tag;
    comments say nothing.
    """
    page = read("a<!-- x --><div>b<br>c<x-y/>d</div>e<P Q=1>")
    assert [(t.kind, t.tag, t.text) for t in page.tokens] == [
        (OTHER, "", "a"), (OTHER, "", ""), (START, "div", "b"), (EMPTY, "br", "c"), (EMPTY, "x-y",
        "d"),
        (END, "div", "e"), (START, "p", ""),
    ]  # fmt: skip
    assert page.elements == 4
    assert page.tokens[-1].attributes() == {"q": "1"}


def test_raw_text_is_not_markup() -> None:
    """Tags inside raw elements are text; references count in title and textarea only."""
    page = read("<title>a<b>&amp;</title><script>a<b>&amp;</script><textarea>a<b>&amp;</textarea>")
    assert [token.text for token in page.tokens if token.kind == START] == [
        "a<b>&",
        "a<b>&amp;",
        "a<b>&",
    ]
    assert page.elements == 3


def test_frames_are_markup() -> None:
    """The content of iframe and noscript is elements, as recorders inline it."""
    page = read(
        '<iframe><html><body><a id="x">y</a></body></html></iframe><noscript><p>z</p></noscript>'
    )
    assert [t.tag for t in page.tokens if t.element] == [
        "iframe",
        "html",
        "body",
        "a",
        "noscript",
        "p",
    ]


def test_node_counts_from_the_end() -> None:
    """The last element's node is 0, the first one's the highest."""
    page = read("<a><b></b></a><i>")
    assert [page.node(element) for element in range(page.elements)] == [2, 1, 0]


@settings(max_examples=200, deadline=None)
@given(soups)
def test_position_is_the_elements_start_tag(html: str) -> None:
    """`position` names the token that opens the element, for every element and no other."""
    page = read(html)
    positions = [page.position(element) for element in range(page.elements)]
    assert positions == [at for at, token in enumerate(page.tokens) if token.element]
    with pytest.raises(IndexError):
        page.position(page.elements)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p> one <b>two</b>\n three</p> four", "one two three"),
        ("<p>a<p>b</p>c</p>d", "a b c"),
        ("<p><p>a</p>b</p>c", "a b"),
        ("<p>a<i>b</p>c", "a b"),
        ("<p>never closed", "never closed"),
        ("<br>after", ""),
        ("<script>var a</script>b", ""),
        ("<p>a<script>var b</script>c</p>", "a c"),
        ("<p>Mugs &amp; more</p>", "Mugs & more"),
        ("<p>Mugs &amp;</> more</p>", "Mugs & more"),
        ("<textarea>a &amp; b</textarea>c", "a & b"),
    ],
)
def test_text_of_an_element(html: str, text: str) -> None:
    """The text inside an element: nested ones too, scripts not, nothing after its end; in whatever
    way it was read.
    """
    for page in (read(html), read_plain(html)):
        assert text_of(page, 0, 100) == text


def test_text_of_is_cut() -> None:
    """No more than the limit comes back, however long the element is."""
    assert text_of(read("<p>" + "<b>word</b>" * 100_000), 0, 20) == "word word word word "


# ---- finding elements


@settings(max_examples=300, deadline=None)
@given(pages, st.data())
def test_locators_agree(html: str, data: st.DataObject) -> None:
    """An id planted on one element is found there, and only there, by CSS, XPath, attribute and
    start tag.
    """
    page = read(html)
    elements = enumerate(token for token in page.tokens if token.element)
    chosen = [
        number
        for number, token in elements
        if token.kind == START and "\0" not in token.markup and "<" not in token.tag
    ]
    if not chosen:
        return
    element = chosen[data.draw(st.integers(0, len(chosen) - 1))]
    opener = page.tokens[page.position(element)]
    planted = Token(
        opener.kind,
        opener.tag,
        f'<{opener.tag} data-planted="here & now"{opener.markup[len(opener.tag) + 1 :]}',
        opener.raw_text,
    )
    page = Page(
        [
            planted if at == page.position(element) else token
            for at, token in enumerate(page.tokens)
        ],
        page.flags,
    )
    markup = planted.markup
    assert locators.find_css(page, '[data-planted="here & now"]') == [element]
    assert locators.find_xpath(page, '//*[@data-planted="here & now"]') == [element]
    assert locators.find_attribute(page, "data-planted", "here & now") == [element]
    assert locators.find_markup(page, markup) == [element]
    namespaces = locators.Elements(page).namespaces
    expected = [at for at in locators.find_css(page, opener.tag) if not namespaces[at]]
    assert (
        locators.find_xpath(page, f"//{opener.tag}") == expected
    )  # XPaths without prefixes name HTML elements
    assert element in locators.find_css(page, opener.tag)


@settings(max_examples=200, deadline=None)
@given(soups)
def test_tree_has_the_pages_elements(html: str) -> None:
    """The tree of XPaths holds every element of the page once, in document order, whatever the
    markup.
    """
    page = live(read(html)).page
    assert locators.find_xpath(page, "//*") == list(range(page.elements))
    assert locators.find_css(page, "*") == list(range(page.elements))


_compounds = st.builds(
    "{}{}{}".format,
    st.sampled_from(["*", "p", "div", "DIV", "ul", "li", "x-card"]),
    st.sampled_from(
        [
            "",
            "",
            "#x",
            ".x",
            ".x.y",
            "[id=x]",
            '[Title="a b"]',
            "[title]",
            '[class="x y"]',
            '[title=""]',
        ]
    ),
    st.sampled_from(
        ["", "", ":nth-of-type(1)", ":nth-of-type(2)", ":nth-child(2)", ":first-child", ":not(p)"]
    ),
)
_selectors = st.builds(
    lambda first, more: first + "".join(more),
    _compounds,
    st.lists(
        st.builds("{}{}".format, st.sampled_from([" > ", " ", " + ", " ~ ", ", "]), _compounds),
        max_size=2,
    ),
).filter(lambda selector: re.search(r"\*[^>+~,]*:nth-of", selector) is None)
_plants = st.lists(
    st.sampled_from([
        "<div>", "</div>", "<p>", "</p>", "<ul>", "<li>", "</li>", "</ul>", "text", "<br>",
        "<x-card/>", "<!-- c -->",
        "<p id=x>", '<div class=" y\nx ">', "<li class='x'>", '<p title="a b">', '<div title="">',
        '<li id="&#120;">',
        "<DIV ID=x CLASS='x y' >", "<p title>", "<script id=x>a<b</script>", "<iframe>",
        "</iframe>",
    ]), max_size=20,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(_plants, _selectors)
def test_css_equals_the_tree(html: str, selector: str) -> None:
    """What is found by looking at tokens is what cssselect and lxml find with the whole selector in
    the tree. The page has one root: where there are several, the tree has one of its own, which ``*
    > *`` would find.
    """
    page = live(read(f"<main>{html}</main>")).page
    assert locators.find_css(page, selector) == by_cssselect(page, selector)


def test_selectors_see_structure_and_text() -> None:
    """Child, sibling, position, absolute paths and text conditions work as in a browser's tree."""
    page = read(
        "<html><body><ul><li>a</li><li class='x "
        "y'>b</li></ul><iframe><p>c</p></iframe></body></html>"
    )
    assert locators.find_css(page, "ul > li:nth-child(2)") == [4]
    assert locators.find_css(page, "li + li.y") == [4]
    assert locators.find_css(page, "iframe p") == [6]
    assert locators.find_xpath(page, "/html/body/ul/li[2]") == [4]
    assert locators.find_xpath(page, "//li[text()='b']") == [4]
    assert locators.find_xpath(page, "//p[.='c'] | //li[1]") == [3, 6]
    assert locators.find_css(page, "ol") == []


def test_markup_ignores_order_and_quotes() -> None:
    """A start tag is found whatever the order of its attributes and their quotes; another value is
    another tag.
    """
    page = read("<a href='/x' id=y title=\"a &amp; b\">1</a><a href='/x' id=z title='a & b'>2</a>")
    assert locators.find_markup(page, '<a title="a & b" id="y" href="/x">') == [0]
    assert locators.find_markup(page, '<a title="a & b" id="y">') == []


@pytest.mark.parametrize(
    "selector", ["a[", "", "::", "a:has-text('x')", "a >> b", "text=Save", "]"]
)
def test_bad_css_is_named(selector: str) -> None:
    """What is no CSS selector raises PageError with reason invalid_css."""
    with pytest.raises(PageError) as error:
        locators.find_css(read("<a>"), selector)
    assert error.value.reason == "invalid_css"


@pytest.mark.parametrize(
    "path",
    ["//a[", "", "count(//a)", "//a/@href", "//a/text()", "'x'", "//x:a", "//a[foo()]", "\0"],
)
def test_bad_xpath_is_named(path: str) -> None:
    """What is no XPath, or selects no elements, raises PageError with reason invalid_xpath."""
    with pytest.raises(PageError) as error:
        locators.find_xpath(read("<a href=x>y</a>"), path)
    assert error.value.reason == "invalid_xpath"


def test_bad_markup_is_named() -> None:
    """Markup without a start tag raises PageError with reason invalid_markup."""
    with pytest.raises(PageError) as error:
        locators.find_markup(read("<a>"), "no tag")
    assert error.value.reason == "invalid_markup"


# ---- depth and hostile input


def test_deep_pages_are_read_whole() -> None:
    """20,000 open elements: counted, and found by attribute, CSS, XPath and start tag."""
    page = read(
        "<div>" * 20_000 + '<a id="x" title="t">deep</a>' + "</div>" * 20_000 + "<b>after</b>"
    )
    assert page.elements == 20_002
    assert locators.find_attribute(page, "id", "x") == [20_000]
    assert locators.find_markup(page, "<a id=x title=t>") == [20_000]
    assert locators.find_css(page, "#x") == [20_000]
    assert locators.find_css(page, "a[title=t]") == [20_000]
    assert locators.find_xpath(page, '//a[@id="x"]') == [20_000]
    assert locators.find_css(page, "b") == [20_001]


def test_one_tag_with_many_attributes() -> None:
    """A start tag of 200,000 attributes is read, its attributes found."""
    markup = "".join(f" a{number}={number}" for number in range(200_000))
    page = read(f"<p{markup}>x")
    assert len(page.tokens[0].attributes()) == 200_000


def test_memory_of_a_long_text() -> None:
    """A text of 20 million characters stands in one token, as it was."""
    text = "word & < word " * 1_500_000
    assert read("<p>" + text.replace("<", "&lt;")).tokens[0].text == text


def test_random_bytes() -> None:
    """Bytes that are no page at all are read like any string, the same by both readers."""
    noise = random.Random(7)
    for _ in range(200):
        assert_same(noise.randbytes(300).decode("latin-1"))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from([" ", "\n" * 1990, "<!--a-->", "<!--", "<!-- é" * 700, "é"])),
    st.sampled_from(
        ["<!DOCTYPE html>", "<!doctype html public '-//IETF//DTD HTML", "<!do", "<p>a"]
    ),
    st.sampled_from(["", ">", "'>", "<p>ab" * 500]),
)
def test_the_mode_is_read_of_utf8_too(before: list[str], doctype: str, after: str) -> None:
    """The mode of a page is the same from its UTF-8, wherever its document type begins and ends."""
    html = "".join(before) + doctype + after
    assert mode(html.encode()) == mode(html)
