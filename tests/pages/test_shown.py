"""What of a page is shown, where the reference's goldens
are silent or a recipe goes beyond them.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.build.recipes import recipe
from etl.pages import reading
from etl.pages.addresses import shortened
from etl.pages.live import live
from etl.pages.page import Live
from etl.pages.prune import Pruned, Pruner, write
from etl.pages.reading import read
from etl.pages.rules import PruneRules
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from etl.stages.prune import Prune
from tests.support.strategies import pages, pruner, rules, soups, vocabulary


@lru_cache(maxsize=1)
def browser_rules() -> PruneRules:
    """The rules of page-32k."""
    return recipe.load("page-32k").stage(Prune).rules


REFERENCE = pruner()
BROWSER = pruner(browser_rules())


def shown(html: str, use: Pruner = REFERENCE) -> str:
    """The observation, the same by compiled code and by plain Python."""
    fast, plain = (
        use.prune(page).observation for page in (reading.read_anew(html), read_plain(html))
    )
    assert fast == plain
    return fast


# ---- the reference's rules


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("style='user-select: none'", " style=\"user-select: none\""),
        ("style='color: red; user-select: none'", " style=\"user-select: none\""),
        ("style='-webkit-user-select: none; x: y'", " style=\"user-select: none\""),
        ("style='user-select:none'", ""),
        ("style='color: red'", ""),
        ("style", ""),
        ("data-style='user-select: none'", " data-style=\"user-select: none\""),
        ("STYLENAME='a user-select: none b'", " stylename=\"user-select: none\""),
        ("style-script='user-select: none'", ""),
        ("style='user-select: none x9Zq0Lwxx81k3kd9Zq0Lw7Ggk3kd9Zq0Lw7Ggk3kd9Zq0Lw7Gg'", ""),
        ("class='none'", " class=\"none\""),
        ("class='none card'", " class=\"none card\""),
        ("id='none'", ""),
    ],
)  # fmt: skip
def test_style_and_none(attribute: str, expected: str) -> None:
    """Of an attribute with style in its name the one value stays where it is contained, after the
    test of long values; none is a class like others.
    """
    before = expected if expected < " node" else ""
    after = expected if expected > " node" else ""
    assert shown(f"<p {attribute}>x</p>") == f'<p{before} node="0"{after}> x </p> '


def test_style_of_a_recipe_without_the_value() -> None:
    """An empty ``style_kept_only_as`` keeps no style."""
    use = pruner(rules().__class__(**{**rules().__dict__, "style_kept_only_as": ""}))
    assert shown("<p style='user-select: none'>x</p>", use) == '<p node="0"> x </p> '


def test_raw_elements_are_shown_as_a_browser_does() -> None:
    """Text of xmp and plaintext is shown as it is; of noembed and noframes, as of scripts, a
    browser shows nothing.
    """
    html = "<xmp><b>a</b></xmp><noembed>b</noembed><NOFRAMES><p>c</p></noframes>d<plaintext>e<i>"
    assert shown(html) == "&lt;b&gt;a&lt;/b&gt; d e&lt;i&gt; "
    page = read("<button>" + html)
    assert text_of(page, 0, 100) == "<b>a</b> d e<i>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&lt;::before&gt;Adobe", "Adobe "),
        ("a&lt;::before&gt;&lt;::after&gt;b", "a b "),
        ("&lt;::marker> one", "one "),
        ("<::before></::before>x<::after></::after>", "x "),
        ("&lt;::-webkit-scrollbar&gt;x", "x "),
        ("&lt;::part(name)&gt;x", "x "),
        ("std::vector&lt;::size&gt", "std::vector "),
        ("a::before &lt;b&gt;", "a::before &lt;b&gt; "),
    ],
)
def test_marks_of_pseudo_elements_go(text: str, expected: str) -> None:
    """What recorders write for what a style sheet adds is no text, and does not keep an element; a
    rule keeps it.
    """
    assert shown(f"<p>{text}</p>") == f'<p node="0"> {expected}</p> '
    assert "::" not in shown("<pre>x &lt;::after&gt;</pre><div>&lt;::before&gt;</div>")
    assert "<div" not in shown("<div>&lt;::before&gt;</div>")
    kept = pruner(rules().__class__(**{**rules().__dict__, "pseudo_elements": True}))
    assert "&lt;::before&gt;" in shown("<div>&lt;::before&gt;</div>", kept)


def test_shadow_roots_are_content() -> None:
    """Text in a declarative shadow root is shown, under every recipe; that in another template is
    not.
    """
    html = (
        "<x-a><template shadowrootmode='open'><p>one</p><template>two</template><x-b>"
        "<template "
        "shadowrootmode=closed>three</template></x-b></template>four</x-a><template>five</template>six"
    )
    assert shown(html) == shown(html, BROWSER) == '<p node="4"> one </p> three four six '


# ---- beyond the reference


def test_inert_content_goes_and_nodes_stay() -> None:
    """Both noscript and templates are left out where the recipe says so; nodes are those of the
    whole page.
    """
    html = (
        "<a>1</a><noscript>Please<img alt=x></div><a>2</a></noscript>3<pre> "
        "<noscript><b>4</b></noscript> "
        "5</pre><template><a>6</a></template><a>7</a><noscript><p>8<noscript>9</noscript><a>10</a>"
    )
    assert shown(html, BROWSER) == (
        '<a node="13"> 1 </a> 3 <pre node="9"> 5</pre> <a node="4"> 7 </a> <a node="0"> 10 </a> '
    )
    assert "Please" in shown(html)


def test_a_target_that_is_not_shown() -> None:
    """An element in noscript is not in an observation without it,
    even if it is asked to be kept.
    """
    page = read("<noscript><a>1</a></noscript><a>2</a>")
    assert BROWSER.prune(page, 1, keep=True).start_tag == ""
    assert BROWSER.prune(page, 2, keep=True).start_tag == '<a node="0">'
    kept = BROWSER.prune(page, 0, keep=True)
    assert kept == Pruned(
        '<noscript node="2"> </noscript> <a node="0"> 2 </a> ', '<noscript node="2">'
    )


@settings(max_examples=200, deadline=None)
@given(st.one_of(soups, pages))
def test_a_page_without_inert_content(html: str) -> None:
    """It is the observation of the page that scripts have, but for the numbers of nodes."""
    seen = live(read(html))
    plain = read_plain(html)
    observation = shown(html, BROWSER)
    numbers = {
        str(seen.page.node(at)): str(plain.node(whole))
        for at, whole in enumerate(seen.in_whole(range(seen.page.elements)))
    }
    expected = write(BROWSER.policy, Live(seen.page, None, []), seen.page.elements)
    pieces = expected.split(' node="')
    for place in range(1, len(pieces)):
        number, quote, rest = pieces[place].partition('"')
        pieces[place] = numbers.get(number, number) + quote + rest
    assert observation == ' node="'.join(pieces)


def test_aria_label_as_mind2web_writes_it() -> None:
    """page-32k keeps it as it keeps aria-label: whole, and with its element; the reference does
    not.
    """
    html = '<div aria_label="x9Zq0Lw-xx81k3kd9Zq0Lw7Ggk3kd9Zq0Lw7Gg"></div>'
    assert shown(html) == ""
    assert (
        shown(html, BROWSER)
        == '<div aria_label="x9Zq0Lw-xx81k3kd9Zq0Lw7Ggk3kd9Zq0Lw7Gg" node="0"> </div> '
    )


# ---- data URIs and programs

SVG = "%3Csvg xmlns='http://www.w3.org/2000/svg'%3E" + "%3Cpath d='M0 0 L10 10'/%3E" * 100
LONG = "QUJD" * 200


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"data:image/svg+xml,{SVG}", "data:image/svg+xml,..."),
        (f"data:image/svg+xml;utf8,{SVG}", "data:image/svg+xml,..."),
        (f"data:image/svg+xml;charset=utf-8;base64,{LONG}", "data:image/svg+xml,..."),
        (f" DATA:Image/PNG;base64,{LONG}", "data:image/png,..."),
        (f"data:text/html,<p>Hello there</p>{LONG}", "data:text/html,..."),
        (f"da\nta:,{LONG}", "data:,..."),
        (f"data:;base64,{LONG}", "data:,..."),
        ("data:image/gif;base64,R0lGOD", "data:image/gif;base64,R0lGOD"),
        ("data: what I know of it, and more " * 20, "data: what I know of it, and more " * 20),
        (f"/find?next=data:image/png,{LONG}", f"/find?next=data:image/png,{LONG}"),
    ],
)
def test_long_data_uris_leave_their_type(value: str, expected: str) -> None:
    """Whatever their encoding and type; short ones and what only looks like one stay."""
    assert shortened("href", value, 256, "keep") == expected
    assert shortened("href", value, 0, "keep") == value


@pytest.mark.parametrize("use", [REFERENCE, BROWSER])
def test_long_data_uris_in_a_page(use: Pruner) -> None:
    """A picture in an address or a text costs a stand-in and not thousands of tokens, under each
    recipe.
    """
    html = f'<a href="data:image/svg+xml,{SVG}">x</a><img title="data:image/png;base64,{LONG}">'
    assert shown(html, use) == (
        '<a href="data:image/svg+xml,..." node="1"> x </a> <img node="0" '
        'title="data:image/png,..."/> '
    )


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("href", "javascript:go(1)", ("javascript:go(1)", "javascript:", "")),
        ("href", " \x01JavaScript:go(1)", (" \x01JavaScript:go(1)", "javascript:", "")),
        ("action", "java\nscript:go(1)", ("java\nscript:go(1)", "javascript:", "")),
        ("href", "/javascript:x", ("/javascript:x",) * 3),
        ("value", "javascript:go(1)", ("javascript:go(1)",) * 3),
        ("title", "javascript: the good parts", ("javascript: the good parts",) * 3),
    ],
)
def test_programs_go_by_the_recipes_rule(name: str, value: str, kept: tuple[str, str, str]) -> None:
    """Kept, short or dropped; only in attributes that are addresses."""
    assert (
        shortened(name, value, 0, "keep"),
        shortened(name, value, 0, "short"),
        shortened(name, value, 0, "drop"),
    ) == kept


def test_programs_in_a_page() -> None:
    """They stay in scribeagent-32k, as the reference has them; in page-32k the scheme does, which
    says enough.
    """
    html = "<a href='javascript:go(1)'>x</a>"
    assert shown(html) == '<a href="javascript:go(1)" node="0"> x </a> '
    assert shown(html, BROWSER) == '<a href="javascript:" node="0"> x </a> '
    assert shown(
        html,
        Pruner(
            PruneRules(**{**browser_rules().__dict__, "javascript_urls": "drop"}),
            vocabulary().count,
        ),
    ) == ('<a node="0"> x </a> ')
