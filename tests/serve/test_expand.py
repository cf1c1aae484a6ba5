"""`Observation.expand`: what an observation cut is shown when it is asked for."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stepmill
from etl.pages.compact import CompactRules, numbering
from etl.pages.reading import read
from etl.serve.observe import Observation
from schemas.actions import KINDS
from schemas.errors import AnswerError
from tests.support import builds
from tokenization.prompt import ACTIONS

RECIPE: Final = "compact-4k"
ROWS: Final = "".join(
    f"<button>Buy {n}</button>" if n in (150, 152, 250) else f"<p>Row {n} of the table</p>"
    for n in range(400)
)
SHELVES: Final = "".join(
    "".join(
        f"<p>Row {n} of shelf {shelf}, on which stand mugs, cups and bowls of clay, by hand</p>"
        for n in range(12)
    )
    + f"<button>Shelf {shelf}</button>"
    for shelf in range(6)
)
"""Twelve long texts before each of six buttons."""

snippets = st.sampled_from(
    [
        "<a href=/x>More about mugs</a>",
        "<p>A mug of clay</p>",
        f"<p>{'Mugs, cups and bowls of clay, in blue. ' * 9}</p>",
        "<div><div><span>Deep</span></div></div>",
        "<p hidden>Nobody sees this</p>",
        "<button>Buy</button>",
        "<script>x</script>",
        "<ul><li>One<li>Two</ul>",
    ]
)
pages = st.lists(snippets, min_size=20, max_size=120).map("".join)


def seen(html: str = SHELVES, budget: int = 400, objective: str = "Find") -> Observation:
    """What a model sees."""
    return stepmill.observe(html, objective, (), "", RECIPE, budget=budget)


def ids(text: str) -> list[int]:
    """The numbers of the lines, from the first to the last."""
    return [int(found) for found in re.findall(r"^(\d+) ", text, re.MULTILINE)]


def marked(text: str) -> list[tuple[int, int, int]]:
    """Of each mark: the number of the line before it, that of the line after it, and how many it
    counts; -1: no line is there; 0: it counts none.
    """
    lines = ["-1", *text.split("\n"), "-1"]
    return [
        (int(lines[at - 1].split()[0]), int(lines[at + 1].split()[0]), int(line[1:] or 0))
        for at, line in enumerate(lines)
        if line.startswith("…")
    ]


def long_lines(html: str) -> dict[int, str]:
    """The lines of a page in their long forms."""
    lines = seen(html, budget=100_000).text.split("\n")
    return {int(line.split()[0]): line for line in lines}


def test_what_a_mark_stands_for_is_shown() -> None:
    """All elements of a mark are there in their long forms; others go, so that the budget holds,
    and the first observation stays as it was.
    """
    first, long = seen(), long_lines(SHELVES)
    text = first.text
    before, after, count = marked(text)[2]
    cut = [id for id in first.cut_at(before) if id in first.cut_at(after)]
    assert len(cut) == count == 12
    shown = first.expand(cut[4])
    assert {long[id] for id in cut} <= set(shown.text.split("\n"))
    assert not set(cut) & set(ids(text))
    assert max(first.tokens, shown.tokens) <= 400
    assert first.text == text
    assert all(shown.nodes[id].css for id in cut)
    assert shown == first.expand(cut[4])
    assert set(ids(text)) - set(ids(shown.text))


@given(pages, st.integers(120, 700), st.lists(st.integers(0, 10**6), max_size=3))
def test_any_place_of_any_page(html: str, budget: int, places: list[int]) -> None:
    """After any expansions an observation keeps to its budget, has each number once and in order,
    and marks all that it lacks. If an element that was asked for has no room, then no other has.
    """
    shown, page = seen(html, budget), read(html)
    numbers = numbering(CompactRules())
    for place in places:
        before, node = shown, numbers.number(page, place % page.elements)
        try:
            asked = set(before.cut_at(node))
        except AnswerError:
            with pytest.raises(AnswerError, match="nothing_cut"):
                before.expand(node)
            continue
        shown = before.expand(node)
        kept = ids(shown.text)
        elements = [numbers.element(page, id) for id in kept]
        assert shown.tokens <= budget
        assert all(one < other for one, other in pairwise(elements))
        assert shown.text == before.expand(node).text != before.text
        assert asked.isdisjoint(ids(before.text))
        assert not asked.isdisjoint(kept)
        assert asked <= set(kept) or set(kept) <= asked or "hidden" in html
        ends = [-1, *elements, page.elements]
        for one, after, count in marked(shown.text):
            at = kept.index(after) if after >= 0 else len(kept)
            inside = range(ends[at] + 1, ends[at + 1])
            cut = [
                id
                for id in shown.cut_at(after if after >= 0 else one)
                if numbers.element(page, id) in inside
            ]
            assert len(cut) == count if count else 1 <= len(cut) < 4


def test_every_place_can_be_asked_for() -> None:
    """A line stands for what was cut on both sides of it; any other number for the place where its
    line would be, also where so few were cut that the mark does not count them.
    """
    first = seen(ROWS, 60)
    assert [re.sub(r"^\d+ ", "", line) for line in first.text.split("\n")] == [
        *("…150", "button: Buy 150", "…", "button: Buy 152", "…97", "button: Buy 250", "…149"),
    ]
    one, two, three = ids(first.text)
    number = partial(numbering(CompactRules()).number, read(ROWS))
    above, between, below = (
        tuple(map(number, range(*ends))) for ends in ((150,), (153, 250), (251, 400))
    )
    assert first.cut_at(number(7)) == first.cut_at(number(149)) == above
    assert first.cut_at(one) == (*above, number(151))
    assert first.cut_at(two) == (number(151), *between)
    assert first.cut_at(number(200)) == between
    assert first.cut_at(three) == (*between, *below)
    assert first.cut_at(number(399)) == below
    assert first.cut_at(number(151)) == (number(151),)
    shown = first.expand(number(151)).text
    assert f"\n{number(151)} p: Row 151 of the table\n" in shown


def test_hidden_elements_are_shown_where_nothing_else_was_cut() -> None:
    """Marks do not count what is hidden."""
    links = "".join(f"<a href=/{n}>Item {n}</a>" for n in range(60))
    hidden = "".join(f"<li hidden>Entry {n}</li>" for n in range(5))
    first = seen(f"<button>Menu</button>{hidden}{links}", 300)
    assert "Entry" not in first.text
    menu = ids(first.text)[0]
    assert re.search(r"\n\d+ li: Entry 0\n", first.expand(menu).text)


def test_expansions_add_up() -> None:
    """What was expanded stays; where not all has room, the latest comes first."""
    first = seen(budget=800)
    marks = marked(first.text)[1:3]
    one, other = (first.cut_at(before)[-1] for before, _, _ in marks)
    asked = (set(first.cut_at(one)), set(first.cut_at(other)))
    second = first.expand(one)
    both = second.expand(other)
    assert asked[0] <= set(ids(second.text))
    assert asked[0] | asked[1] <= set(ids(both.text))
    small = seen().expand(one).expand(other)
    assert asked[1] <= set(ids(small.text))
    assert asked[0] - set(ids(small.text))


def test_a_mark_within_what_was_expanded_leads_on() -> None:
    """A run that is longer than the budget is read part by part: each expansion shows new ones."""
    html = "".join(f"<p>Row {n} of the table</p>" for n in range(300))
    shown, met = seen(html, 256), set[int]()
    page, numbers = read(html), numbering(CompactRules())
    for _ in range(30):
        met |= {numbers.element(page, id) for id in ids(shown.text)}
        if len(met) == 300:
            break
        shown = shown.expand(numbers.number(page, min(set(range(300)) - met)))
    assert met == set(range(300))


def test_where_nothing_was_cut() -> None:
    """It is said: beside a line without a mark, on a page that is whole, at a number beyond it, and
    where a recipe cuts pages into chunks.
    """
    html = "<p>One</p><p>Two</p>"
    whole = seen(html)
    there, beyond = ids(whole.text)[0], 99
    for node, says in ((there, "nothing was cut there"), (beyond, "the page has no node 99")):
        with pytest.raises(AnswerError, match=f"nothing_cut: .*{says}"):
            whole.expand(node)
    inert = "<script>x</script><p>One</p>"
    node = numbering(CompactRules()).number(read(inert), 0)
    with pytest.raises(AnswerError, match="nothing was cut there"):
        seen(inert).expand(node)


def test_a_chunk_has_nothing_to_expand(tmp_path: Path) -> None:
    """Recipes that cut pages into chunks have other chunks to ask for, and say so."""
    path = tmp_path / "own.toml"
    path.write_text('extends = "scribeagent-32k"\n[fit]\ncontext = 4096\n')
    chunk = stepmill.observe(SHELVES * 9, "Find", (), "", path)
    with pytest.raises(AnswerError, match=r"this is chunk 0 of \d, .* observe another chunk"):
        chunk.expand(0)
    with pytest.raises(AnswerError, match="the page is shown whole"):
        stepmill.observe("<p>One</p>", "Find").expand(0)


def test_an_answer_asks_for_it() -> None:
    """A model's answer with the word in the form of the others is read, written back as it was, and
    carried out by the observation; what cannot be expanded is refused when it is read.
    """
    prompt, first = stepmill.Prompt(RECIPE), seen()
    node = marked(first.text)[1][0]
    answer = prompt.read(f"Action: expand_action\nNode: {node}", first)
    assert (answer.kind, answer.node, answer.value) == ("expand", node, "")
    text = prompt.write(answer, first)
    assert f"\nAction: expand_action\nNode: {' '.join([str(node)] * 5)}\nTarget: {node} " in text
    again = prompt.read(text, first)
    assert prompt.write(again, first) == text
    assert prompt.read(text) == again
    shown = first.expand(answer.node)
    assert set(ids(shown.text)) & set(first.cut_at(node))
    assert shown.text in prompt.build("Find", "", shown)[-1]["content"]
    place = first.cut_at(node)[0]
    assert prompt.read(f"Action: expand_action\nNode: {place}", first).node == place
    for said, reason in (("", "no_node"), ("\nNode: 99999", "nothing_cut")):
        with pytest.raises(AnswerError, match=reason):
            prompt.read(f"Action: expand_action{said}", first)


def test_it_is_no_action_of_recordings() -> None:
    """It belongs to serving: no recorded step is of this kind."""
    assert "expand" not in KINDS
    assert "expand_action" not in ACTIONS.values()


def test_real_pages() -> None:
    """On pages of our recordings every mark can be expanded, and the budget holds."""
    marks = 0
    for workflow in stepmill.read(builds.RECORDINGS, problem=lambda _: None):
        step = workflow.steps[0]
        if not step.html:
            continue
        first = seen(step.html, 300, workflow.objective)
        for before, after, count in marked(first.text)[:3]:
            node = before if before >= 0 else after
            shown = first.expand(node)
            assert shown.tokens <= 300
            assert len(first.cut_at(node)) >= max(count, 1)
            assert not set(ids(shown.text)).isdisjoint(first.cut_at(node))
            marks += 1
        if marks > 200:
            break
    assert marks > 50
