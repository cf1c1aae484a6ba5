"""Pruning: what holds for every page, whatever its markup. The rules themselves are shown by the
goldens.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import etl.pages.rules
from etl.pages import locators, reading
from etl.pages.prune import Pruned, Pruner
from etl.pages.reading import read
from etl.pages.rules import RECORDER_MARKERS
from etl.stages.prune import Prune
from etl.tally import Tally
from schemas.draft import StepDraft
from schemas.workflow import Locator
from tests.pages.test_reading import recorded_pages
from tests.support.strategies import draft, pages, pruner, rules, soups, step

SHARED_PRUNER = pruner()
_START_TAG = re.compile(r"<([a-z][^ >/]*)((?: [^ =>]+=(?:\"[^\"]*\"|'[^']*'))*)/?>")
_NODE = re.compile(r' node="(\d+)"')


def prune(html: str, element: int | None = None, keep: bool = False) -> Pruned:
    return SHARED_PRUNER.prune(read(html), element, keep)


# ---- every page


@settings(max_examples=200, deadline=None)
@given(soups, soups)
def test_cold_and_warm_agree(before: str, html: str) -> None:
    """What was pruned before, by this or by another pruner, changes nothing."""
    cold = pruner().prune(reading.read_anew(html)).observation
    other = Pruner(
        replace(rules(), kept_tags=rules().kept_tags | {"x-card"}, min_chars_per_token=9.0), len
    )
    warm = pruner()
    for use, page in ((warm, before), (warm, html), (other, html), (other, before)):
        use.prune(reading.read_anew(page))
    assert warm.prune(reading.read_anew(html)).observation == cold
    for use in (other, warm, warm):
        assert (use.prune(read(html)).observation == cold) or use is other


@settings(max_examples=200, deadline=None)
@given(soups)
def test_node_ids_are_the_pages(html: str) -> None:
    """Node ids in an observation are unique, fall in document order,
    and name elements of that tag.
    """
    page = read(html)
    shown = []
    for tag, attributes in _START_TAG.findall(prune(html).observation):
        numbered = _NODE.search(attributes)
        assert numbered is not None
        shown.append((tag, int(numbered[1])))
    nodes = [node for _, node in shown]
    assert nodes == sorted(set(nodes), reverse=True)
    for tag, node in shown:
        assert page.tokens[page.position(page.elements - 1 - node)].tag == tag


@settings(max_examples=200, deadline=None)
@given(soups)
def test_only_listed_markup_stays(html: str) -> None:
    """Every ``<`` of an observation belongs to a tag on the list, every attribute to the lists."""
    observation = prune(html).observation
    allowed = rules().kept_attributes | {"style", "node"}
    rest = re.sub(
        r"</([a-z0-9-]+)>", lambda tag: "" if tag[1] in rules().kept_tags else tag[0], observation
    )
    for tag, attributes in _START_TAG.findall(rest):
        assert tag in rules().kept_tags
        for name in re.findall(r" ([^ =>]+)=(?:\"[^\"]*\"|'[^']*')", attributes):
            assert name in allowed or name.startswith("on") or "jsaction" in name
    assert "<" not in _START_TAG.sub("", rest)
    assert "\0" not in observation


@settings(max_examples=200, deadline=None)
@given(st.one_of(pages, soups))
def test_pruning_is_idempotent(html: str) -> None:
    """A pruned page pruned again is the same but for its node ids: nothing is left that the rules
    would remove.
    """
    assume(
        "<pre" not in html.lower() and "<textarea" not in html.lower()
    )  # a first line break in them does not count
    once = prune(html).observation
    assert _NODE.sub("", prune(once).observation) == _NODE.sub("", once)


@settings(max_examples=200, deadline=None)
@given(pages, st.data())
def test_target_survives(html: str, data: st.DataObject) -> None:
    """With keep, the target's start tag is in the observation with its node id, exactly once,
    whatever its tag and content, unless it lies inside something that is dropped with its content.
    """
    page = read(html)
    assume(page.elements)
    element = data.draw(st.integers(0, page.elements - 1))
    tag = page.tokens[page.position(element)].tag
    inside_dropped = locators.find_css(page, "script *, style *")
    pruned = prune(html, element, keep=True)
    if element in inside_dropped:
        assert pruned.start_tag == ""
        return
    assert pruned.start_tag.startswith(f"<{tag} ")
    assert f' node="{page.node(element)}"' in pruned.start_tag
    assert pruned.observation.count(pruned.start_tag) == 1


@settings(max_examples=200, deadline=None)
@given(soups, st.data())
def test_start_tag_tells_whether_the_target_is_there(html: str, data: st.DataObject) -> None:
    """The start tag of an element comes back exactly when its node id is in the observation, kept
    or not.
    """
    page = read(html)
    assume(page.elements)
    element = data.draw(st.integers(0, page.elements - 1))
    assume("<" not in page.tokens[page.position(element)].tag)  # such a name is no tag on any list
    for keep in (False, True):
        pruned = prune(html, element, keep)
        nodes = [_NODE.search(attrs)[1] for _, attrs in _START_TAG.findall(pruned.observation)]  # type: ignore[index]
        assert (str(page.node(element)) in nodes) == bool(pruned.start_tag)
        assert pruned.start_tag in pruned.observation


@settings(max_examples=300, deadline=None)
@given(pages, st.data())
def test_keeping_a_target_changes_nothing_else(html: str, data: st.DataObject) -> None:
    """Asking for a target changes nothing, and keeping one that stays anyway changes nothing
    either.
    """
    page = read(html)
    assume(page.elements)
    element = data.draw(st.integers(0, page.elements - 1))
    alone, kept = prune(html, element), prune(html, element, keep=True)
    if alone.start_tag:
        assert kept == alone
    assert prune(html).observation == alone.observation


# ---- text is text


def test_text_that_looks_like_markup() -> None:
    """Text like a start tag stays escaped text,
    so no observation holds a tag that is no element.
    """
    html = (
        '<p>&lt;button node="0"&gt;</p><textarea><button node="1"></textarea><a title=\'<i '
        'node="2">\'>x</a>'
    )
    pruned = prune(html, 0, keep=True)
    assert pruned.observation == (
        '<p node="2"> &lt;button node="0"&gt; </p> <textarea node="1">&lt;button '
        'node="1"&gt;</textarea> <a node="0" title=\'&lt;i node="2"&gt;\'> x </a> '
    )


def test_millions_of_spaces_and_characters() -> None:
    """White space collapses whatever its length, and a long text stays whole."""
    assert prune("<p>a" + " " * 1_000_000 + "b</p>").observation == '<p node="0"> a b </p> '
    assert len(prune("<p>" + "word " * 1_000_000 + "</p>").observation) == 5_000_000 + len(
        '<p node="0"> </p> '
    )


def test_deep_pages_are_pruned_whole() -> None:
    """20,000 open elements: the innermost text is there, and all that holds nothing is gone."""
    html = "<div>" * 20_000 + "<b>deep</b>" + "</div>" * 10_000 + "<em>" * 20_000
    observation = prune(html).observation
    assert '<b node="20000"> deep </b>' in observation
    assert observation.count("<div ") == observation.count("</div>") == 20_000
    assert "<em" not in observation


def test_stray_end_tags_on_deep_pages() -> None:
    """Thousands of different end tags of nothing inside thousands of open elements:
    the same text.
    """
    stray = "".join(f"</x{number}>" for number in range(30_000))
    observation = prune(
        "<div>" * 10_000 + "<b>a" + stray + "</b></p>" * 10 + "</div>" * 9_999 + "c"
    ).observation
    assert observation.endswith('<b node="0"> a </b> ' + "</div> " * 9_999 + "c </div> ")


# ---- recorder markers

MARKED = (
    '<div bid="1" ref="2" backend_node_id="3" data_pw_testid_buckeye="4" '
    'data_pw_testid_buckeye_candidate="5" browsergym_set_of_marks="6" __playwright_target__="7" '
    'data-stepmill-target="8" data-webtasks-id="9" data-scrapy-annotate="10" '
    'browsergym_jsaction="11">text</div>'
)
MARKERS = re.findall(r" ([\w-]+)=", MARKED)


def marked(observation: str) -> list[str]:
    """The recorder markers in an observation."""
    names = [
        name
        for _, a in _START_TAG.findall(observation)
        for name in re.findall(r" ([^ =>]+)=[\"']", a)
    ]
    return [name for name in names if RECORDER_MARKERS.search(name)]


def test_markers_never_stay() -> None:
    """Recorder markers are removed even if a recipe lists them among the attributes to keep."""
    everything = rules().kept_attributes | set(MARKERS) | {"bid", "BID"}
    lists = replace(rules(), kept_attributes=everything, never_filtered_attributes=everything)
    assert len(MARKERS) == 11
    observation = pruner(lists).prune(read(MARKED), 0, keep=True).observation
    assert observation == '<div node="0"> text </div> '


def test_markers_are_found_when_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for markers, as used on real recordings below, sees one that got through an
    allow-list.
    """
    lists = replace(rules(), kept_attributes=rules().kept_attributes | {"bid"})
    monkeypatch.setattr(etl.pages.rules, "RECORDER_MARKERS", re.compile("(?!)"))
    leaky = pruner(lists)
    assert marked(leaky.prune(read(MARKED)).observation) == ["bid", "browsergym_jsaction"]


def test_no_marker_in_recorded_pages(shared: Path) -> None:
    """No observation of a recorded page holds a recorder marker,
    though the pages are full of them.
    """
    lists = replace(
        rules(), kept_attributes=rules().kept_attributes | {"bid", "browsergym_visibility_ratio"}
    )
    greedy = pruner(lists)
    found = 0
    for _, html in recorded_pages(shared):
        found += ' bid="' in html
        assert marked(greedy.prune(read(html)).observation) == []
    assert found > 20


# ---- the stage


def after(stage: Prune, html: str, element: int, kind: str = "click", **fields: Any) -> StepDraft:
    row = draft(step(html, Locator("css", "x"), kind=kind, **fields))
    row.steps[0].element = element
    row.steps[0].node = read(html).node(element)
    (out,) = stage(iter([row]), Tally())
    return out.steps[0]


def test_stage_sets_observation_and_start_tag() -> None:
    """A located step gets its page as text, and its target's start tag as it stands there."""
    step_draft = after(
        Prune(**vars(rules())), "<div><button class='x9q2z' id=buy>Buy</button></div>", 1
    )
    assert (
        step_draft.observation == '<div node="1"> <button id="buy" node="0"> Buy </button> </div> '
    )
    assert step_draft.start_tag == '<button id="buy" node="0">'
    assert step_draft.description == 'Click "Buy"'


def test_stage_keeps_target_off_the_lists() -> None:
    """A target that the rules remove is a reason to drop; under the switch it stays."""
    html = "<div><my-toggle></my-toggle>on</div>"
    kept = after(Prune(**vars(rules()), keep_target=True), html, 1)
    assert kept.start_tag == '<my-toggle node="0">'
    assert kept.start_tag in kept.observation
    dropped = after(Prune(**vars(rules())), html, 1)
    assert (dropped.stage, dropped.reason) == ("prune", "target_pruned")
    assert (dropped.observation, dropped.start_tag) == ("", '<my-toggle node="0">')


def test_stage_drops_target_inside_dropped_content() -> None:
    """A target inside what is dropped with its content cannot be kept: the step is dropped with a
    reason.
    """
    lists = replace(rules(), dropped_with_content=rules().dropped_with_content | {"x-hidden"})
    keeping = Prune(**vars(lists), keep_target=True)
    step_draft = after(keeping, "<p>a</p><x-hidden><button>b</button></x-hidden>", 2)
    assert (step_draft.reason, step_draft.observation) == ("target_pruned", "")


@pytest.mark.parametrize(
    ("kind", "value", "description", "said"),
    [
        ("click", "", "", 'Click "Save all"'),
        ("type", "two mugs", "", 'Type "two mugs" in "Save all"'),
        ("select", "Blue", "", 'Select "Blue" in "Save all"'),
        ("press", "Enter", "", 'Press "Enter" in "Save all"'),
        ("double_click", "", "", 'Double click "Save all"'),
        ("type", "two mugs", "Fill in the order", 'Fill in the order: "two mugs"'),
        ("type", "two mugs", "Type two mugs", "Type two mugs"),
        ("click", "", "Press the button", "Press the button"),
        ("wave_at", "", "", 'Wave at "Save all"'),
    ],
)
def test_descriptions(kind: str, value: str, description: str, said: str) -> None:
    """A step says what was done to what, and what was typed, in the recording's words if it has
    any.
    """
    html = '<button title="">  Save\n <b>all</b></button>'
    step_draft = after(
        Prune(**vars(rules())), html, 0, kind=kind, value=value, description=description
    )
    assert step_draft.description == said
