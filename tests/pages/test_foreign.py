"""SVG and MathML are read as a browser reads them: CDATA is text, and what is raw in HTML holds
markup.
"""

from __future__ import annotations

import pytest

from etl.pages import locators, reading
from etl.pages.reading import read
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from tests.support.foreign_pages import FOREIGN
from tests.support.strategies import pruner


@pytest.mark.parametrize("html", FOREIGN)
def test_foreign_content(html: str) -> None:
    """The specification and the engine find Chromium's elements and text."""
    for page in (read_plain(html), reading.read_anew(html)):
        tags = " ".join(token.tag for token in page.tokens if token.element)
        assert (tags, "".join(token.text for token in page.tokens)) == FOREIGN[html]


def test_what_the_page_before_had_outside_svg() -> None:
    """Pieces that two pages have in common are text where they stand in SVG, and are not where they
    do not.
    """
    rest = "<p>x</p>" * 20 + "<![CDATA[a]]>" + "<title>b<i>c</i></title>" + "<p>x</p>" * 20
    for opener in ("<div>", "<svg>", "<div>", "<svg>"):
        page = reading.read_anew(opener + rest)
        assert page.elements == (43 if opener == "<svg>" else 42)
        assert "".join(token.text for token in page.tokens).count("xa") == (opener == "<svg>")


def test_cdata_is_shown_and_found() -> None:
    """Text in CDATA is in the observation, in labels and for XPaths."""
    page = read(
        "<html><body><svg><a><text><![CDATA[Fish & <Chips>]]></text></a></svg></body></html>"
    )
    pruned = pruner().prune(page, 3)
    assert "Fish &amp; &lt;Chips&gt;" in pruned.observation
    assert text_of(page, 3, 80) == "Fish & <Chips>"
    assert locators.find_xpath(page, "//*[name()='text'][.='Fish & <Chips>']") == [4]
