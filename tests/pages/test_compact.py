"""The compact observation: what it shows, and that it keeps its promises on any page."""

from __future__ import annotations

from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.pages import compiled
from etl.pages.axtree import Tree
from etl.pages.compact import Compacted, Compactor, CompactRules, numbering
from etl.pages.compact.choose import before_of, weights
from etl.pages.compact.engine import CompiledForms
from etl.pages.compact.forms import Forms, PlainForms
from etl.pages.compact.relevance import plain_spread, words_of
from etl.pages.compact.units import arrays
from etl.pages.page import Page
from etl.pages.reading import read_anew
from etl.pages.standard import read_plain
from schemas.errors import ConfigError
from tests.support import strategies


def compactor(**rules: int | bool) -> Compactor:
    vocabulary = strategies.vocabulary()
    return Compactor(CompactRules(**rules), vocabulary)  # type: ignore[arg-type]


def made(html: str, objective: str = "", budget: int = 8192, **rules: int | bool) -> Compacted:
    return compactor(budget=budget, **rules)(read_anew(html), objective)


def lines(html: str, **rules: int | bool) -> list[str]:
    """The lines, without their numbers."""
    return unnumbered(compactor(**rules)(read_anew(html)).observation)


def unnumbered(observation: str) -> list[str]:
    return [line.partition(" ")[2] for line in observation.split("\n")]


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<a href=/cart>Add to cart</a>", "a: Add to cart"),
        ("<a href='/shop/cart?x=1'></a>", "a href=cart"),
        ("<a href=/x><img alt=Logo></a>", 'a "Logo"'),
        ("<button aria-label=Close>×</button>", 'button "Close": ×'),
        ("<button title=Buy>Buy</button>", "button: Buy"),
        ("<input type=checkbox name=news checked>", "input type=checkbox checked name=news"),
        ("<input placeholder='Your name' value=Ada>", 'input "Your name" value=Ada'),
        ("<div role=tab aria-selected=true>One</div>", "div role=tab selected: One"),
        ("<textarea name=note>Hi\nthere</textarea>", "textarea name=note: Hi there"),
        ("<p>Mugs &amp; <b>cups</b>, all blue</p>", "p: Mugs & cups , all blue"),
        ("<p>Read <a href=/t>terms</a> first</p>", "p: Read _ first"),
        ("<li value=3>Mug", "li: Mug"),
        ("<span bid=7 data-x=1 onclick='go()'>Go</span>", "span: Go"),
    ],
)
def test_an_element_is_a_line(html: str, wanted: str) -> None:
    """Number, tag, the attributes that help, and text; a name is not said twice."""
    assert lines(html)[0] == wanted


def test_what_is_never_seen_has_no_line() -> None:
    """Scripts, styles, the head, comments and what a browser keeps inert are left out."""
    html = (
        "<head><title>T</title></head><script>x</script><style>y</style><!-- c -->"
        "<noscript><a>n</a></noscript><template><a>t</a></template><p>Mug</p>"
    )
    assert lines(html) == ["p: Mug"]


def test_recorder_markers_are_never_shown() -> None:
    """An attribute by which a recorder marks the target would give the answer away."""
    html = '<a bid="1" data-stepmill-target="1" backend_node_id="2" class=x>Mug</a>'
    assert lines(html) == ["a: Mug"]


def test_a_long_text_is_shortened_in_its_middle() -> None:
    """Its begin and end stay, with a mark between them."""
    (line,) = lines("<p>" + "mug " * 100 + "end</p>", text=40)
    assert line.startswith("p: mug mug")
    assert line.endswith("mug end")
    assert "…" in line
    assert len(line) <= len("p: ") + 40


def test_what_was_cut_is_marked() -> None:
    """A mark says how many elements were cut in one place; all of them are accounted for."""
    html = "".join(f"<p>Paragraph {n} says that mugs are made of clay</p>" for n in range(400))
    found = made(html, budget=512)
    marks = [line[1:] for line in found.observation.split("\n") if line.startswith("…")]
    counted = [int(mark) for mark in marks if mark]
    assert counted
    few = len(marks) - len(counted)
    assert few <= 400 - len(found.kept) - sum(counted) <= 3 * few
    assert found.removed["cut"] > 0


def test_what_can_be_acted_on_comes_first() -> None:
    """A button after a long text is kept where the text is cut."""
    html = "".join(f"<p>Paragraph {n} says that mugs are clay</p>" for n in range(400))
    found = made(f"{html}<button>Buy</button>", budget=256)
    assert " button: Buy" in found.observation


def test_words_of_the_task_decide() -> None:
    """Of many links of one kind, the one that the task names is kept."""
    html = "".join(f"<li><a href=/{n}>Mug number {n} in blue</a></li>" for n in range(500))
    assert "number 437 " in made(html, "Open mug number 437", budget=512).observation
    assert "number 437 " not in made(html, "Look around", budget=512).observation
    plain = made(html, "Open mug number 437", budget=512, relevance=False)
    assert plain.observation == made(html, "", budget=512).observation


def test_hidden_elements_come_last() -> None:
    """They are shown where there is room, and go first."""
    html = "".join(f"<a hidden href=/{n}>Hidden {n}</a><a href=/{n}>Mug {n}</a>" for n in range(30))
    assert "Hidden 3" in made(html).observation
    small = made(html, budget=256).observation
    assert "Mug 29" in small or "Mug 3" in small
    assert "Hidden 29" not in small
    assert "Hidden" not in made(html, extras=0).observation


def test_what_is_never_drawn_comes_last() -> None:
    """Nobody can act on a field of type hidden: elements that say nothing come before it."""
    fields = "".join(f"<input type=hidden name=mug{n} value={n}>" for n in range(30))
    found = made(f"{fields}<main><div><a>Buy</a></div></main>", "Buy mug1", budget=256)
    assert " main\n" in found.observation
    assert " div\n" in found.observation
    assert found.observation.count("hidden") < 3
    assert "hidden" in made(f"{fields}<a>Buy</a>").observation


def test_what_says_the_same_comes_after_what_is_said_once() -> None:
    """Of two buttons beside every item, those that tell the items apart are kept first."""
    item = "<div><button>Mug {}</button></div><div><button>Compare it</button></div>"
    found = made("".join(item.format(n) for n in range(99)), budget=512).observation
    assert found.count(" button: Mug") > 1.5 * found.count(" button: Compare")


def test_lists_in_several_places_are_folded_together() -> None:
    """What has a shape of its own is kept, though it stands after lists of another shape."""
    lists = "".join(
        f"<section class=s{at}>" + "".join(f"<a class=x>Mug {at}-{n}</a>" for n in range(5))
        for at in range(40)
    )
    found = made(f"{lists}<a>Checkout</a>", budget=512).observation
    assert "Mug 0-0" in found
    assert "Mug 39-0" not in found
    assert "Checkout" in found


def test_of_what_matters_alike_the_shorter_comes_first() -> None:
    """A long line takes the place of several short ones."""
    long = "".join(f"<a class=y{n}>Mug {n} {'in blue clay ' * 6}</a>" for n in range(40))
    short = "".join(f"<a class=z{n}>Cup {n}</a>" for n in range(30))
    found = made(long + short, budget=512).observation
    assert "Cup 29" in found
    assert "Mug 39" not in found


def test_what_a_step_before_was_about_comes_first() -> None:
    """Steps are repeated: what they call by its text is kept, with what is right around it."""
    html = "".join(f"<div><a href=/{n}>Mug number {n} in blue</a></div>" for n in range(300))
    page = read_anew(html.replace("Mug number 250 in blue", "Back to all"))
    node, around = (compactor().number(page, element) for element in (501, 500))
    history = ['3.\nDescription: Click "Back to all"\nAction: mouse_click_action\n']
    found = compactor(budget=512)(page, "Buy a cup", history)
    assert found.line(node) == f"{node} a: Back to all"
    assert found.line(around) == f"{around} div"
    assert not compactor(budget=512)(page, "Buy a cup").line(node)
    assert not compactor(budget=512, relevance=False)(page, "Buy a cup", history).line(node)


def test_a_button_that_holds_another_is_kept_as_one() -> None:
    """A role says that it is acted on as a whole; a place with a handler around others does not."""
    links = "".join(f"<a href=/{n}>Mug number {n} in blue</a>" for n in range(400))
    inner = "<span><input type=submit value=Go></span></div>"
    assert " div role=button\n" in made(f"<div role=button>{inner}{links}", budget=512).observation
    assert " div\n" not in made(f"<div onclick=go()>{inner}{links}", budget=512).observation


@given(
    st.integers(1, 40).flatmap(
        lambda size: st.lists(
            st.tuples(
                st.floats(0, 20),
                st.lists(st.booleans(), min_size=size, max_size=size).map(np.array),
            )
        ).map(lambda each: (each, size))
    )
)
def test_words_add_the_same_in_the_engine(
    words: tuple[list[tuple[float, npt.NDArray[np.bool_]]], int],
) -> None:
    """To the last bit: what is shown hangs on it."""
    if compiled.ENGINE is not None:
        each = [(weight, flags.tobytes()) for weight, flags in words[0]]
        assert compiled.ENGINE.spread(each, words[1]) == plain_spread(*words)


@given(st.lists(st.integers(-1, 4)))
def test_before_counts_the_same_keys(keys: list[int]) -> None:
    """Of each key, those that stand before it."""
    found = before_of(np.array(keys, np.int32)).tolist()
    assert found == [keys[:at].count(key) for at, key in enumerate(keys)]


def test_lines_that_say_the_same_come_after_others() -> None:
    """In a text too, where they differ by their ids alone."""
    lines = [f"[{n}] button 'Buy'" for n in range(300)] + ["[300] button 'Checkout'"]
    kept = compactor(budget=512).text(Tree("\n".join(lines))).observation.split("\n")
    assert kept[0] == lines[0]
    assert kept[-1] == lines[-1]


@pytest.mark.parametrize("at", [0, 7, 30])
def test_a_change_moves_few_numbers(at: int) -> None:
    """An unchanged page keeps them; what is put into it, wherever, moves less than a tenth."""
    rows = [f"<li><a>Mug {n}</a><button>Buy</button></li>" for n in range(30)]
    before = made(f"<ul>{''.join(rows)}</ul>")
    rows.insert(at, "<li>New!<button>Buy</button></li>")
    after = made(f"<ul>{''.join(rows)}</ul>")
    numbers, same = ({*each.observation.split("\n")} for each in (before, after))
    assert len(numbers - same) < len(numbers) / 10
    assert made(f"<ul>{''.join(rows)}</ul>") == after


def test_elements_that_say_the_same_have_numbers_of_their_own() -> None:
    """Of all elements of a page, whether they can be shown or not, and back."""
    page = read_anew("<p><a>Buy</a><script>x</script></p>" * 40)
    numbered = compactor()
    numbers = [numbered.number(page, element) for element in range(page.elements)]
    assert len({*numbers}) == page.elements
    assert [numbered.element(page, number) for number in numbers] == [*range(page.elements)]
    assert numbered.element(page, max(numbers) + 1) == numbered.element(page, 10**9) == -1
    assert numbering(CompactRules()).number(page, 1) == numbers[1]


def test_lines_of_a_text_are_cut_whole() -> None:
    """A page that was recorded as a text keeps its lines as they are, those with ids first."""
    tree = Tree("\n".join(f"[{n}] link 'Mug {n}'\n  StaticText 'about it'" for n in range(300)))
    found = compactor(budget=512).text(tree, "Open mug 250")
    kept = [line for line in found.observation.split("\n") if not line.startswith("…")]
    assert {*kept} <= {*tree.lines}
    assert "[250] link 'Mug 250'" in kept
    assert found.tokens <= 512
    assert compactor(budget=65536).text(tree).observation == tree.text


@pytest.mark.parametrize(
    "rules", [{"budget": 3}, {"text": 1}, {"value": 0}, {"extras": -1}, {"extras": 101}]
)
def test_numbers_out_of_range_are_refused(rules: dict[str, int]) -> None:
    """The error names the setting and its bound."""
    with pytest.raises(ConfigError, match=rf"observe\.{next(iter(rules))} .*at (least|most)"):
        CompactRules(**rules)  # type: ignore[arg-type]


@given(
    st.one_of(strategies.pages, st.text(max_size=300)),
    st.text(max_size=40),
    st.sampled_from([256, 300, 1000]),
)
def test_any_page_fits(html: str, objective: str, budget: int) -> None:
    """No page stops it; it is within the budget; no number and no line comes twice; again the same
    page gives the same.
    """
    found = made(html * 3, objective, budget)
    shown = [line for line in found.observation.split("\n") if line and line[0] != "…"]
    numbers = [int(line.split(" ")[0]) for line in shown]
    assert found.tokens == strategies.vocabulary().count(found.observation) <= budget
    assert numbers == list(found.kept.values())
    assert len({*numbers}) == len(numbers)
    assert len({*shown}) == len(shown)
    page = read_anew(html * 3)
    again = compactor()
    assert all(again.number(page, element) == node for element, node in found.kept.items())
    assert all(again.element(page, node) == element for element, node in found.kept.items())
    assert made(html * 3, objective, budget) == found


@given(
    st.one_of(strategies.pages, st.text(max_size=300)),
    st.text(max_size=10),
    st.sampled_from([256, 300, 1000, 8192]),
)
def test_the_engine_finds_what_plain_python_finds(html: str, said: str, budget: int) -> None:
    """The same elements and lines, and the same observation."""
    page, plain_page = read_anew(html * 3), read_plain(html * 3)
    same_forms(page, plain_page)
    task = "Buy a mug", ("Click", f'Click "{said}"')
    plain = compactor(budget=budget)(plain_page, *task)
    assert plain == compactor(budget=budget)(page, *task)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes that never come again are forgotten too, and that changes no observation."""
    monkeypatch.setattr("etl.pages.compact.compactor._MOST", 50)
    one, page = compactor(), read_anew("<a class=x>Buy</a><a href=/y></a>")
    first = one(page)
    for number in range(40):
        links = "".join(f"<a class=c{number}-{at}>Mug</a>" for at in range(5))
        one(read_anew(links))
        assert len(one._forms) <= 60
    assert one(page) == first


def test_an_equal_page_is_not_looked_at_again() -> None:
    """Recorded pages repeat: one that is read anew is known by its content, another is not."""
    one, html = compactor(), "<a href=/y>Mugs</a><button>Buy</button>"
    first, again, other = read_anew(html), read_anew(html), read_anew(html.replace("Buy", "Buv"))
    assert first is not again
    assert one._seen(first).units is one._seen(again).units
    assert one._seen(first).units is not one._seen(other).units
    assert first.same(again)
    assert not first.same(other)
    assert not first.same(read_plain(html))


_VALUES = st.one_of(
    st.sampled_from(
        ["", "true", "false", "0", "-1", "display:none", "DISPLAY : NONE", "visibility:hidden",
         "color:red", "dis&#112;lay:none", "button", "a b", "x/y?z", "none", "hidden", "option",
         "js-1a2b c&nbsp;d Größe", "https://shop.net/cart//#top", "data:x/y", "12345",
         "é/Übersicht", " Until-Found ", "text", "mailto:a@b", "ab12cd34", "\u2003wide\u3000",
         "ΣΑΣ ΟΔΟΣ'Σ"]
    ),
    st.text(st.sampled_from("aZ09 _-/\u00e9\u00a0\u4e2d'&;:\0…\u0130"), max_size=120),
)  # fmt: skip
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        ["id", "class", "style", "hidden", "role", "onclick", "Title", "data-x", "bid", "href",
         "aria-label", "aria-expanded", "tabindex", "type", "name", "value", "ng-click", "lang",
         "alt", "placeholder", "aria-pressed", "disabled", "checked", "on", "contenteditable",
         "src", "data-testid", "for", "shadowrootmode"]
    ),
    _VALUES,
)  # fmt: skip
_TAGS = st.sampled_from(
    ["div", "a", "input", "li", "svg", "textarea", "button", "option", "b", "template", "x-y", "i"]
)


@given(st.lists(st.tuples(_TAGS, _ATTRIBUTES, _VALUES), max_size=6))
def test_the_engine_reads_start_tags_as_plain_python_does(
    several: list[tuple[str, dict[str, str], str]],
) -> None:
    """What counts of them, and what does not, in whatever alphabet."""
    html = ""
    for tag, attributes, text in several:
        written = "".join(f' {name}="{value}"' for name, value in attributes.items())
        html += f"<{tag}{written}>{text}</{tag}>"
    same_forms(read_anew(html), read_plain(html))


_PIECES = st.sampled_from(
    ["<::before>", "</::after>", "<::-x-y(a b) />", "&lt;::before&gt;", "<::a(b(c)>", "< ::b>",
     "::", "<", "(", ")", "a:", "&#58;", "&amp;", "&amp;amp;", "&quot;", "&apos;", "&#39;",
     "&#x27;", "&#160;", "&#32;", "&#8212;", "&#0;", "&#9;", "&lt", "&nbsp", "&nbsp;", "&copy;",
     "&ampx", "&", "&#99999999999;", "&#39", "\0", " ", "\n", "\u00a0", "\u2003", "word",
     "Σ", "é", "/", ">"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=12).map("".join), st.sampled_from(["p", "textarea", "option"]))
def test_the_engine_says_texts_as_plain_python_does(text: str, tag: str) -> None:
    """References, white space of all kinds, NUL, and what recorders write for pseudo-elements."""
    html = f"<{tag} class='a{text.replace(chr(39), '')}'>{text}</{tag}><b>{text}"
    same_forms(read_anew(html), read_plain(html))


def same_forms(page: Page, plain: Page) -> None:
    """The forms of a page, as the engine has them where it read the page, are the plain ones."""
    rules, counts = CompactRules(value=20, text=30), strategies.vocabulary().count_lines
    theirs = PlainForms(rules, counts)
    ours: Forms = theirs
    if page.compiled is not None:
        ours = CompiledForms(rules, counts, [1] * 10, [1] * 11, *weights(folding=True))
    found, wanted = arrays(ours.units(page)), arrays(theirs.units(plain))
    assert found.elements.tolist() == wanted.elements.tolist()
    assert found.before.tolist() == wanted.before.tolist()
    assert ours.rows(found.sayings).tolist() == theirs.rows(wanted.sayings).tolist()
    assert ours.hashes(found.sayings) == theirs.hashes(wanted.sayings)
    pairs = {*zip(found.sayings.tolist(), wanted.sayings.tolist(), strict=True)}
    assert len(pairs) == len({*found.sayings.tolist()}) == len({*wanted.sayings.tolist()})
    for whole in (True, False):
        shown = [ours.line(one, whole) for one, _ in pairs]
        assert shown == [theirs.line(other, whole) for _, other in pairs]
    called = sorted({*chain.from_iterable(map(theirs.called, wanted.sayings.tolist()))} - {""})
    for names in (called[::2], called[1:2], ["no such name"]):
        assert ours.hits(found.sayings, names) == theirs.hits(wanted.sayings, names)
    words = {*words_of(" ".join([*called, *shown])), "no"}
    having, have = ours.having(found.sayings, words), theirs.having(wanted.sayings, words)
    assert having.keys() == have.keys()
    assert all(having[word].tolist() == flags.tolist() for word, flags in have.items())
