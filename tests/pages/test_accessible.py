"""Roles, accessible names and labels, as Playwright finds them."""

from __future__ import annotations

from typing import Any

import pytest

from etl.pages import locators
from etl.pages.locators.match import Elements
from etl.pages.locators.names import Names
from etl.pages.locators.roles import Roles
from etl.pages.reading import read
from schemas.errors import PageError

ROLES = {
    "<a href=x>": "link", "<a>": "", "<article>": "article", "<aside>": "complementary",
    "<button>": "button", "<details>": "group", "<dialog>": "dialog", "<fieldset>": "group",
    "<footer>": "contentinfo", "<form>": "", "<form aria-label=x>": "form", "<h3>": "heading",
    "<header>": "banner", "<hr>": "separator", "<img>": "img", "<img alt=''>": "presentation",
    "<img alt='' title=x>": "img", "<input>": "textbox", "<input type=email>": "textbox",
    "<input type=search>": "searchbox", "<input type=hidden>": "", "<input type=number>":
    "spinbutton", "<input type=range>": "slider", "<input type=password>": "textbox",
    "<input type=file>": "button", "<input type=nonsense>": "textbox", "<li>": "listitem",
    "<nav>": "navigation", "<ol>": "list", "<option>": "option", "<output>": "status",
    "<p>": "paragraph", "<section>": "", "<section aria-label=x>": "region",
    "<select>": "combobox", "<select multiple>": "listbox", "<select size=3>": "listbox",
    "<svg>": "img", "<table>": "table", "<td>": "cell", "<th scope=row>": "rowheader",
    "<th>": "columnheader", "<textarea>": "textbox", "<tr>": "row", "<ul>": "list", "<div>": "",
    "<div role=button>": "button", "<div role='nothing tab'>": "tab", "<div role=nothing>": "",
    "<button role=none>": "button", "<li role=none>": "none", "<h1 role=presentation>":
    "presentation", "<h1 role=none aria-label=x>": "heading",
}  # fmt: skip


@pytest.mark.parametrize("markup", ROLES)
def test_roles_are_those_of_aria_in_html(markup: str) -> None:
    """A tag implies a role, an attribute gives one; what has a use cannot do without."""
    page = read(f"<html><body>{markup}</body></html>")
    assert Roles(Elements(page)).of(2) == ROLES[markup]


def test_roles_depend_on_what_is_around() -> None:
    """Headers of articles are no banner, cells of grids are gridcells, lists without role too."""

    def role(html: str, element: int) -> str:
        return Roles(Elements(read(html))).of(element)

    assert role("<article><header></header></article>", 1) == ""
    assert role("<div><header></header></div>", 1) == "banner"
    assert role("<table role=grid><tr><td></td></tr></table>", 2) == "gridcell"
    assert role("<ul role=none><li></li></ul>", 1) == "none"
    assert role("<tr><th>a</th><td>b</td></tr>", 1) == "rowheader"
    assert role("<input list=l><datalist id=l></datalist>", 0) == "combobox"


NAMES = {
    "<button> Buy  <b>now</b></button>": "Buy now",
    "<button>Buy<div>now</div></button>": "Buy now",
    "<button>Buy<span>now</span></button>": "Buynow",
    "<button>Buy<br>now</button>": "Buy now",
    "<button>a<span style='display: block'>b</span></button>": "a b",
    "<button aria-label='Close it'>x</button>": "Close it",
    "<button aria-label=' '>x</button>": "x",
    "<button title=Help></button>": "Help",
    "<button><img alt=Save></button>": "Save",
    "<button><svg><title>Trash</title></svg></button>": "Trash",
    "<button>a<i hidden>b</i><i aria-hidden=true>c</i><i style='display:none'>d</i></button>": "a",
    "<a href=x aria-labelledby='l m'></a><p id=l>One</p><p id=m hidden>two</p>": "One two",
    "<a href=x aria-labelledby=none>text</a>": "text",
    "<input type=submit>": "Submit",
    "<input type=submit value=Send>": "Send",
    "<input type=button title=Go>": "Go",
    "<input type=image alt=Map>": "Map",
    "<input type=file>": "Choose File",
    "<input placeholder=Search>": "Search",
    "<input placeholder=Search title=Find>": "Find",
    "<input type=checkbox placeholder=x>": "",
    "<input id=i><label for=i>Your <b>name</b></label>": "Your name",
    "<input id=i><label for=i>A</label><label for=i>B</label>": "A B",
    "<input type=checkbox id=i><label for=i>Send <input value=9> copies</label>": "Send 9 copies",
    "<textarea>typed</textarea>": "",
    "<select title=Size><option>S</option></select>": "Size",
    "<fieldset><legend>Address</legend></fieldset>": "Address",
    "<table><caption>Prices</caption></table>": "Prices",
    "<img alt='A cat'>": "A cat",
    "<p>text</p>": "",
    "<div role=region>text</div>": "",
    "<div role=tab>one <span role=img aria-label=two></span></div>": "one two",
    "<h1>a<select><option>b</option><option selected>c</option></select></h1>": "a c",
    "<button>\u00a0x\u200b</button>": "x",
}


@pytest.mark.parametrize("markup", NAMES)
def test_names_are_those_of_the_standard(markup: str) -> None:
    """References come first, then labels and attributes, then the content, then the title."""
    page = read(f"<html><body>{markup}</body></html>")
    assert Names(Roles(Elements(page))).of(2) == NAMES[markup]


def test_a_field_inside_its_label_is_named_by_the_rest() -> None:
    """The chosen option is not part of the name of the list itself."""
    page = read("<label>Sort by <b>now</b> <select><option>A</option></select></label>")
    assert Names(Roles(Elements(page))).of(2) == "Sort by now"
    page = read("<label>Go <button>x</button></label>")
    assert Names(Roles(Elements(page))).of(1) == "Go"


STATES_PAGE = (
    "<h2>One</h2><div role=heading aria-level=3>Two</div><input type=checkbox checked><input "
    "type=checkbox><button aria-pressed=true>P</button><button disabled>D</button><a href=x "
    "aria-expanded=false>E</a><div role=tab aria-selected=true>T</div><button hidden>H</button>"
)


@pytest.mark.parametrize(
    ("selector", "found"),
    {
        "role=heading[level=2]": [0],
        "role=heading[level=3]": [1],
        "role=checkbox[checked]": [2],
        "role=checkbox[checked=false]": [3],
        "role=button[pressed=true]": [4],
        "role=button[disabled]": [5],
        "role=link[expanded=false]": [6],
        "role=tab[selected]": [7],
        "role=button": [4, 5],
        "role=button[include-hidden]": [4, 5, 8],
        'role=button[name="p" i]': [4],
        "role=button[name=P]": [4],
        "internal:role=HEADING[name^='T']": [1],
        'internal:label="nothing"i': [],
    }.items(),
    ids=repr,
)
def test_states_are_conditions(selector: str, found: list[int]) -> None:
    """Levels, ticks and the like, from HTML or ARIA; what is hidden is not found."""
    assert locators.find_selector(read(STATES_PAGE), selector) == found


def test_labels_are_of_three_kinds() -> None:
    """By reference, by attribute, or HTML's; the whole text or a part of it."""
    page = read(
        "<input id=a><label for=a>Full name</label><input aria-label='Name of firm'><i id=n>Name"
        "</i><div aria-labelledby=n></div><label>Name<input type=hidden><input></label>"
    )
    assert locators.find_selector(page, 'internal:label="name"i') == [0, 2, 4, 7]
    assert locators.find_selector(page, 'internal:label="Name"s') == [4, 7]


def test_frames_are_entered() -> None:
    """After `enter-frame` a part is looked for in the frame's own page, with all its ancestors."""
    page = read(
        "<div id=x><iframe id=f><html><body><b id=y><i>in</i></b></body></html></iframe></div><i>"
    )
    assert locators.find_selector(page, "#f >> internal:control=enter-frame >> i") == [5]
    assert locators.find_selector(page, "#f >> internal:control=enter-frame >> #y i") == [5]
    assert locators.find_selector(page, "#f >> internal:control=enter-frame >> #x i") == []


def test_names_take_time_linear_in_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each element's text is put together once, however many elements are around it."""
    looked = 0
    part = Names._part

    def counted(self: Names, element: int, **how: Any) -> str:
        nonlocal looked
        looked += 1
        return part(self, element, **how)

    monkeypatch.setattr(Names, "_part", counted)
    for size in (200, 800):
        looked = 0
        rows = "<tr><td><label>a <input type=checkbox></label> <a href=x>b</a></td></tr>" * size
        page = read(f"<table>{rows}</table>")
        for role in ("row", "cell", "checkbox", "link", "table"):
            locators.find_selector(page, f'role={role}[name="x"i]')
            locators.find_selector(page, 'internal:label="x"i')
        assert looked < 40 * size


def test_deep_and_hostile_pages_end() -> None:
    """Nesting is no recursion; names that grow with each element around them are refused."""
    deep = read("<div role=button>" * 4000 + "x")
    with pytest.raises(PageError) as error:
        locators.find_selector(read("<a href=x>aaaaaaaaaa" * 20_000), 'role=link[name="x"i]')
    assert error.value.reason == "costly_css"
    assert locators.find_selector(deep, 'role=button[name="y"i]') == []
    loops = "<label id=a aria-labelledby=b><button id=b aria-labelledby=a>x</button></label>"
    assert locators.find_selector(read(loops), 'role=button[name="x"i]') in ([], [1])
