"""What an element is called in the words for an action: by what its page shows,
and nothing else.
"""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from etl.pages.labels import label_of
from etl.pages.prune import Pruner
from etl.pages.reading import read
from tests.pages.test_shown import BROWSER
from tests.support.strategies import pages, pruner, rules, soups

PRUNER = pruner()


def label(html: str, element: int = 0) -> str:
    return label_of(read(html), element, PRUNER)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<button aria-label=Save title=x>Text</button>", "Save"),
        ("<button title=x>Text <b>more</b></button>", "Text more"),
        ("<button aria-label=' ' title=x></button>", "x"),
        ("<select name=size><option>S<option selected>M</select>", "size"),
        ("<select id=s><option>S</select><label for=s>Size <b>of shirt</b></label>",
        "Size of shirt"),
        ("<select id=s title=t><option>S</select><label for=s>a</label><label for=s>b</label>",
        "t"),
        ("<select id=s title=t><option>S</select><template><label for=s>a</label></template>", "t"),
        ("<label>Size <select><option>S<option>M</select> of shirt</label>", "Size of shirt"),
        ("<div><datalist><option>S</datalist>T</div>", "T"),
        ("<option>S</option>", "S"),
        ("<input id=s placeholder=p><label for=s>Name</label>", "Name"),
        ("<input id=s placeholder=p value=v>", "p"),
        ("<textarea placeholder=p>typed</textarea>", "p"),
        ("<textarea>typed</textarea>", "typed"),
        ("<button>&lt;::before&gt;Go&lt;::after&gt;</button>", "Go"),
        ("<a><img alt=x><noscript>Off<img></noscript>On</a>", "On"),
        ("<x-a><template shadowrootmode=open>Buy</template> now</x-a>", "Buy now"),
        ("<x-a><template>Buy</template> now</x-a>", "now"),
        ("<template>Buy</template>", ""),
        ("<noscript>Buy</noscript>", ""),
        ("<button><style>a</style><noembed>b</noembed>c</button>", "c"),
        ("<button aria_label=Menu name=m></button>", "m"),
        ("<button value='x9Zq0Lw-xx81k3kd9Zq0Lw7Ggk3kd9Zq0Lw7Gg' name=m></button>", "m"),
        ("<button title='data:image/png;base64," + "QUJD" * 99 + "' name=m></button>", "m"),
        ("<button data-x=1 bid=7></button>", ""),
    ],
)  # fmt: skip
def test_labels(html: str, expected: str) -> None:
    """Names before text before the rest; never all that can be chosen, and never what the page does
    not show.
    """
    assert label(html) == expected


def test_aria_label_counts_where_it_is_kept() -> None:
    """Under a recipe that keeps Mind2Web's aria_label it names its element."""
    assert label_of(read("<button aria_label=Menu name=m></button>"), 0, BROWSER) == "Menu"


@pytest.mark.parametrize(("element", "expected"), [(1, "t"), (2, "A"), (5, "C")])
def test_what_stands_in_a_template_has_no_text(element: int, expected: str) -> None:
    """Text in an inert template is in no page, so it names nothing; in a shadow root it is."""
    html = (
        "<template><a title=t>T</a><b aria-label=A>B</b></template><x-a><template "
        "shadowrootmode=open><a>C</a>"
    )
    assert label_of(read(html), element, BROWSER) == expected


def test_dropped_content_names_nothing() -> None:
    """Text of tags that a recipe drops is in no label."""
    use = pruner(replace(rules(), dropped_with_content=frozenset(("svg", "nav"))))
    page = read("<button><svg><text>Icon</text><svg></svg>x</svg>Go</button><nav><label "
                    "for=s>Size</label></nav><select id=s name=n></select>")  # fmt: skip
    assert label_of(page, 0, use) == "Go"
    assert label_of(page, 6, use) == "n"


@settings(max_examples=300, deadline=None)
@given(st.one_of(pages, soups), st.data(), st.sampled_from([PRUNER, BROWSER]))
def test_a_label_is_in_the_page(html: str, data: st.DataObject, use: Pruner) -> None:
    """Every word of a label stands in the observation that the step is trained on."""
    page = read(html)
    assume(page.elements)
    element = data.draw(st.integers(0, page.elements - 1))
    pruned = use.prune(page, element, keep=True)
    assume(pruned.start_tag)
    seen = unescape(pruned.observation)
    for word in label_of(page, element, use)[:80].split()[:-1]:
        assert word in seen
