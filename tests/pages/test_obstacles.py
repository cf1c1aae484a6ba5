"""Pages that stand in the way, told from pages of content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.pages.live import live
from etl.pages.obstacles import shape
from etl.pages.obstacles.judge import obstacle
from etl.pages.obstacles.outline import outline, plain_outline
from etl.pages.reading import read, read_anew
from tests.planted import quality_pages as pages
from tests.support import strategies

KINDS = {
    "error": pages.ERRORS,
    "blank": pages.BLANKS,
    "login": pages.LOGINS,
    "captcha": pages.CAPTCHAS,
    "": pages.INNOCENT,
}
URL = "https://www.shop.test/page"


def judged(html: str, url: str = URL) -> str:
    """The kind of a page; empty for one of content."""
    utf8 = html.encode("utf-8", "surrogatepass")
    found = obstacle(read_anew(utf8), url)
    return found.kind if found else ""


@pytest.mark.parametrize(
    ("kind", "html"), [(kind, html) for kind, htmls in KINDS.items() for html in htmls]
)
def test_each_kind_is_told(kind: str, html: str) -> None:
    """Pages as servers, browsers and sites show them are told, and look-alikes are left alone."""
    assert judged(html) == kind


@pytest.mark.parametrize("kind", ["error", "login", "captcha"])
def test_a_page_with_content_of_its_own_is_none(kind: str) -> None:
    """The same page with an article in it, or with many links, stands in nobody's way."""
    article = "<p>" + "Mugs are made of clay, and clay comes from the ground. " * 40 + "</p>"
    links = "".join(f"<a href='/p/{n}'>Mug {n}</a>" for n in range(200))
    for html in KINDS[kind]:
        for content in (article, links):
            assert judged(html.replace("</body>", f"{content}</body>")) == ""


def test_the_browsers_own_address_is_enough() -> None:
    """A page at chrome-error: is the browser's, whatever it says; a link to it is not."""
    assert judged("<p>Hello</p>", "chrome-error://chromewebdata/") == "error"
    assert judged("<p>Hello</p>", "https://shop.test/?from=chrome-error://x") == ""


def test_a_broken_frame_does_not_make_the_page_an_error() -> None:
    """An advertisement that a browser could not load is no error of the page around it."""
    frame = (
        "<iframe><div id='main-frame-error'><h1>Blocked</h1>ERR_BLOCKED_BY_CLIENT</div></iframe>"
    )
    assert judged(f"<h1>Mugs</h1><p>Stoneware</p><a href='/1'>One</a>{frame}") == ""


def test_hidden_text_is_not_said() -> None:
    """What an element hides by itself says nothing: neither an error nor content."""
    assert judged("<h1>Mugs</h1><p>Blue</p><div hidden><h2>Page not found</h2></div>") == ""
    assert judged("<div style='display: none'><h1>Mugs</h1></div>") == "blank"


def test_a_drawn_box_is_not_blank() -> None:
    """An element with a ground of its own is something to see, as in games and pickers."""
    assert judged("<div style='background-color: red; width: 40px'></div>") == ""


@given(st.one_of(strategies.pages, st.text(max_size=200)))
def test_any_page_is_judged(html: str) -> None:
    """No page, however it is broken, stops the judgement; it gives the same twice."""
    assert judged(html) == judged(html)


PIECES = (
    *("<p>", "</p>", "<a href=x>", "</a>", "<h1>", "</h1>", "<nav>", "</nav>", "<div hidden>"),
    *(
        "<div style='display: none'>",
        "</div>",
        "<title>",
        "</title>",
        "<input>",
        "<br>",
        "<script>",
    ),
    *("</script>", "<select><option>", "</select>", "<button>", "</button>", "<textarea>"),
    *("<p id=neterror>", "<div style='background: red'>", "<img style='border: 0'>", "<iframe>"),
    *(
        "</iframe>",
        "<div class=recaptcha>",
        "<input type=hidden class=captcha>",
        "<footer style=x>",
    ),
    *("<b style='display&#58;none'>", "</b>", "\u3000 ", "\u00a0", "\x1c", "<svg/>", "</nothing>"),
    *(
        "<p HIDDEN>",
        "<p style=DISPLAY:NONE>",
        "<p class=ar\u212aose>",
        "<a style='bac\u212aground'>",
    ),
    *(
        "<p class=ErrorPage>",
        "<p id=main-frame-erro>",
        "<p id=MAIN-FRAME-ERROR>",
        "<p class=hiddex>",
    ),
    *("</textarea>", "a few words", " ", "&nbsp;", "&amp; more", "é", "語の", "AT&T", "x", "\n"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_the_engine_sees_what_plain_python_sees(html: str) -> None:
    """Its outline is that of the specification, whatever the page."""
    page = live(read(html)).page
    if page.compiled is not None:
        assert outline(page, 10**6, 10**6, 10**6) == list(plain_outline(page))


@given(strategies.pages)
def test_the_engine_sees_it_on_any_page(html: str) -> None:
    """The same on pages of all that pages have."""
    page = live(read(html)).page
    if page.compiled is not None:
        assert outline(page, 10**6, 10**6, 10**6) == list(plain_outline(page))


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_what_the_engine_takes_for_long_is_long(html: str) -> None:
    """It stops only where a walk through the page comes to the same."""
    page = live(read(html)).page
    with pytest.MonkeyPatch.context() as patch:
        for name, most in (("LONG", 20), ("MUCH", 60), ("MANY", 2)):
            patch.setattr(shape, name, most)
        if outline(page, 20, 60, 2) is None:
            assert shape._Walk(page).over(plain_outline(page)).long
