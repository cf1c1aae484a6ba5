"""What a recorded page holds: frames, shadow roots, forms; and the ways between pages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from steps import HOSTS

from etl.pages.reading import read
from etl.record import recorder as recorder_module
from etl.record.tab import Tab
from schemas.workflow import Locator
from tests.record.conftest import (
    PAGE,
    STRICT,
    Record,
    actions,
    found,
    one,
    settle,
    steps,
    tag_of,
)

TWO = {
    "page.example/": "<title>One</title><a href=/two id=go>Go</a>",
    "page.example/two": "<title>Two</title><a href=/ id=home>Home</a><button id=back "
    "onclick=history.back()>Back</button><button id=again onclick=location.reload()>Again</button>",
    "other.example/": "<title>Other</title><button id=b>Other</button>",
}


def test_a_click_that_leads_away_keeps_its_step(record: Record) -> None:
    """The click has the page that was left; the way to the next page is no step."""
    recorder = record(PAGE, TWO)
    page = recorder.page
    page.click("#go")
    page.click("#home")
    page.wait_for_url(PAGE)
    page.click("#go")
    page.click("#again")
    settle(page)
    page.click("#back")
    page.wait_for_url(PAGE)
    recorded = steps(recorder)
    assert [(step.action.kind, step.target[0].value) for step in recorded] == [
        ("click", "#go"),
        ("click", "#home"),
        ("click", "#go"),
        ("click", "#again"),
        ("click", "#back"),
    ]
    assert [step.url for step in recorded] == [PAGE, f"{PAGE}two", PAGE, *[f"{PAGE}two"] * 2]


def test_ways_that_no_page_led(record: Record) -> None:
    """An address that is entered, the browser's buttons back, forward and reload: each is a step,
    with the page that was left.
    """
    recorder = record(PAGE, TWO)
    page = recorder.page
    ways: tuple[Callable[[], object], ...] = (
        lambda: page.goto("http://other.example/"),
        page.go_back,
        page.go_forward,
        page.reload,
        lambda: page.click("#b"),
    )
    for done, way in enumerate(ways, 1):
        way()
        for _ in range(100):  # a busy browser tells late, and the recorder then asks where it is
            settle(page)
            if len(recorder.steps) >= done:
                break
    recorded = steps(recorder)
    assert [(step.action.kind, step.action.value) for step in recorded] == [
        ("navigate", "http://other.example/"),
        ("go_back", ""),
        ("go_forward", ""),
        ("reload", ""),
        ("click", ""),
    ]
    assert [step.html.partition("<title>")[2][:3] for step in recorded] == [
        *("One", "Oth", "One"),
        *("Oth", "Oth"),
    ]
    assert [step.url for step in recorded][:3] == [PAGE, "http://other.example/", PAGE]


def test_ways_that_pages_lead_are_no_steps(record: Record) -> None:
    """Forms, scripts, refreshes and moved addresses; a link that leads nowhere explains nothing."""
    body = """<form action=/two><input name=q></form><a href=/none id=none>None</a>
        <button id=js onclick="setTimeout(() => location.href = '/refresh', 1700)">JS</button>"""
    given = one(body) | {
        "page.example/two": "<title>Two</title><a href=/ id=home>Home</a>",
        "page.example/refresh": "<meta http-equiv=refresh content='0; url=/'>",
        "page.example/none": "",
    }
    recorder = record(PAGE, given)
    page = recorder.page
    page.focus("input")
    page.keyboard.type("x")
    page.keyboard.press("Enter")
    page.click("#home")
    page.click("#js")
    page.wait_for_timeout(2500)
    page.click("#none")
    settle(page)
    page.goto(f"{PAGE}two")
    kinds = [step.action.kind for step in steps(recorder)]
    assert kinds == ["type", "press", "click", "click", "click", "navigate"]


def test_back_within_a_page(record: Record) -> None:
    """A step back in an application that keeps its page is one, unless the page itself went."""
    body = """<p>start</p><button id=on onclick="history.pushState(1, '', '/on')">On</button>
        <button id=back onclick=history.back()>Back</button>
        <script>onpopstate = () => document.querySelector('p').append('!')</script>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.click("#on")
    page.go_back()
    page.go_forward()
    page.click("#back")
    settle(page)
    recorded = steps(recorder)
    assert [(step.action.kind, step.url) for step in recorded] == [
        ("click", PAGE),
        ("go_back", f"{PAGE}on"),
        ("go_forward", PAGE),
        ("click", f"{PAGE}on"),
    ]
    assert ["<p>start</p>" in step.html for step in recorded] == [True, True, False, False]


def test_frames_are_inside_the_page(record: Record) -> None:
    """A frame of the same site is inlined, and actions in it have the whole page; a frame of
    another site is recorded by itself, and says so.
    """
    frames = {
        "page.example/": "<h1>Page</h1><iframe id=in src=/in></iframe><iframe id=out "
        "src=http://other.example/out></iframe>",
        "page.example/in": "<input id=f><iframe src=/deep></iframe>",
        "page.example/deep": "<button>Deep</button>",
        "other.example/out": "<button id=b>Out</button><iframe src=/out2></iframe>",
        "other.example/out2": "<input type=checkbox id=c>",
    }
    recorder = record(PAGE, frames)
    page = recorder.page
    settle(page)
    at = {frame.url.partition("example/")[2]: frame for frame in page.frames}
    at["in"].fill("#f", "x")
    at["deep"].click("button")
    at["out"].click("#b")
    at["out2"].click("#c")
    settle(page)
    first, second, third, fourth = steps(recorder)
    assert (first.action.kind, first.action.value, first.url) == ("type", "x", PAGE)
    assert "<h1>Page</h1>" in first.html
    assert '<iframe id="in" src="/in"><html><head></head><body><input id="f">' in first.html
    assert second.target[1].value == "/html/body/iframe[1]/html/body/iframe/html/body/button"
    assert json.loads(first.meta)["closed_frames"] == 1
    assert (third.action.kind, third.url) == ("click", "http://other.example/out")
    assert json.loads(third.meta)["frame"] is True
    assert json.loads(third.meta)["page_url"] == PAGE
    assert "<h1>" not in third.html
    assert (fourth.action.kind, fourth.url) == ("check", "http://other.example/out")


def test_shadow_roots_are_templates(record: Record) -> None:
    """What is in an open shadow root is found by every locator; the page is as it was."""
    body = """<x-card><b>light</b></x-card><x-card></x-card><script>
        for (const each of document.querySelectorAll("x-card"))
          each.attachShadow({mode: "open"}).innerHTML = "<p><slot></slot></p><button>Buy</button>";
        document.querySelector("x-card").shadowRoot.innerHTML +=
          "<ul><li>x</li></ul><i><ul><li>y</li></ul></i>";
        made = 0;
        customElements.define("x-card", class extends HTMLElement {
          constructor() { super(); made++; }
        });</script>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    before = page.content()
    page.locator("x-card button").last.click()
    page.locator("x-card").first.locator("button").click()
    first, second = steps(recorder)
    assert '<x-card><template shadowrootmode="open"><p><slot></slot></p>' in first.html
    assert first.target[0].value == "body > x-card:nth-of-type(2) button"
    assert first.target != second.target
    page.locator("x-card li").first.click()
    assert steps(recorder)[2].target[0].value == "body > x-card:nth-of-type(1) ul > li >> nth=0"
    assert page.evaluate("made") == 2
    assert page.content() == before


def test_the_page_neither_sees_nor_stops_the_recorder(record: Record) -> None:
    """Under a strict policy, with the page's own listeners first and the prototypes it relies on
    replaced, a click is recorded; no name and no attribute of ours is there.
    """
    given = one("<script src=/page.js></script><button id=b>B</button>") | {
        "page.example/page.js": """
          names = Object.getOwnPropertyNames(window).join();
          seen = 0;
          new MutationObserver((changes) => seen += changes.length).observe(document,
            {subtree: true, childList: true, attributes: true, characterData: true});
          Element.prototype.getAttribute = Node.prototype.cloneNode = () => { throw 1; };
          JSON.stringify = Array.prototype.map = () => "no";
          addEventListener("pointerdown", (event) => event.stopImmediatePropagation(), true);"""
    }
    recorder = record(PAGE, given, policy=STRICT)
    page = recorder.page
    settle(page)
    page.evaluate("seen = 0")
    page.click("#b")
    assert actions(recorder) == [("click", "", "#b")]
    assert "stepmill" not in page.evaluate("names")
    assert page.evaluate("[typeof say, typeof stepmill, seen].join()") == "undefined,undefined,0"


def test_the_state_of_forms_is_in_the_page(record: Record) -> None:
    """Values, ticks, choices and texts are those of the moment."""
    body = """<input id=a value=old><input type=checkbox id=c><select id=s><option>One<option>Two
        </select><textarea id=t>old</textarea><button id=b>B</button><noscript><i>no</i></noscript>
        <template><u>inert</u></template><pre>\n\nx</pre><script>"</p>"</script>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.evaluate("""a.value = 'n"<w'; c.checked = true; s.selectedIndex = 1; t.value = '\\nnew'""")
    page.click("#b")
    (step,) = steps(recorder)
    for part in (
        '<input id="a" value="n&quot;&lt;w">',
        '<input type="checkbox" id="c" checked="">',
        '<option>One</option><option selected="">Two',
        '<textarea id="t">\n\nnew</textarea>',
        "<noscript><i>no</i></noscript>",
        "<template><u>inert</u></template>",
        "<pre>\n\nx</pre>",
        '<script>"</p>"</script>',
    ):
        assert part in step.html
    assert step.html.startswith("<!DOCTYPE html><html>")


def test_locators_of_awkward_elements(record: Record) -> None:
    """Names with quotes, colons and line breaks, twins, pictures and deep nesting."""
    body = """<a:b id="x:1">one</a:b><p title='say "hi" \\ now'>two</p><p>three</p>
        <div id="twice">four</div><div id="twice"><span>five</span><span>six</span></div>
        <svg width=40 height=40><g><circle r=20 cx=20 cy=20 /></g></svg>
        <label>Seven <input name="a[b]" placeholder="it's"></label>
        <button aria-label="Close">x</button><button>Close</button>
        <table><tr><td>eight<td>nine</table>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    texts = ("one", "two", "three", "four", "five", "six", "nine")
    for text in texts:
        page.click(f"text={text}", position={"x": 3, "y": 8})
    page.click("circle")
    page.fill("input", "y")
    page.locator("button").first.click()
    page.locator("button").last.click()
    recorded = steps(recorder)
    assert [read(step.html).elements > 20 for step in recorded] == [True] * len(recorded)
    assert [
        f'text="{text}"' in [one.value for one in step.target]
        for text, step in zip(texts, recorded, strict=False)
    ] == [True] * 7
    assert tag_of(recorded[7]) == '<svg width="40" height="40">'
    roles = [one.value for step in recorded for one in step.target if one.value.startswith("role")]
    assert roles == ['role=textbox[name="Seven"]']


def test_two_tabs(record: Record) -> None:
    """A tab that a page opens needs no step; going back to the first one is one, and so are a tab
    that the user opens, and one that is closed.
    """
    pages = one("<a id=l target=_blank href=/two>Two</a><button id=b>B</button>") | {
        "page.example/two": "<title>Two</title><button id=c>C</button>"
    }
    recorder = record(PAGE, pages)
    page = recorder.page
    with recorder.context.expect_page() as opened:
        page.click("#l")
    second = opened.value
    second.wait_for_load_state()
    settle(second)
    second.click("#c")
    page.click("#b")
    page.wait_for_timeout(1600)  # what comes at once is taken for an effect
    third = recorder.context.new_page()
    settle(third)
    third.goto(f"{PAGE}two")
    third.click("#c")
    page.wait_for_timeout(1600)
    third.close()
    settle(page)
    page.click("#b")
    recorded = steps(recorder)
    assert [
        (step.action.kind, step.action.value, json.loads(step.meta)["tab"]) for step in recorded
    ] == [
        ("click", "", 0),
        ("click", "", 1),
        ("focus_tab", "0", 1),
        ("click", "", 0),
        ("new_tab", "", 0),
        ("navigate", f"{PAGE}two", 2),
        ("click", "", 2),
        ("close_tab", "2", 2),
        ("click", "", 0),
    ]
    assert "<title>Two</title>" in recorded[2].html
    assert found(read(recorded[2].html), recorded[1].target[0]) >= 0


def test_a_tab_behind(record: Record) -> None:
    """A link that opens its page in a tab behind this one does not lead there; going there does."""
    recorder = record(PAGE, TWO)
    page = recorder.page
    page.click("#go", modifiers=["Control"])
    settle(page)
    page.click("#go", modifiers=["Alt"])
    settle(page)
    recorder.context.pages[1].click("#home")
    kinds = [(step.action.kind, step.action.value) for step in steps(recorder)]
    assert kinds == [("click", ""), ("click", ""), ("focus_tab", "1"), ("click", "")]


def test_a_click_while_a_tab_opens_behind(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tab behind that tells of itself before the recorder has come to know it is not in front."""
    recorder = record(PAGE, TWO)
    page, acquaint, known = recorder.page, Tab.acquaint, []

    def slowly(tab: Tab) -> None:
        settle(page)
        page.click("#go", modifiers=["Alt"])
        settle(page)
        acquaint(tab)
        known.append(tab)

    monkeypatch.setattr(Tab, "acquaint", slowly)
    page.click("#go", modifiers=["Control"])
    while not known:
        settle(page)
    assert [step.action.kind for step in steps(recorder)] == ["click", "click"]


LOCATE_ALL = """globalThis.stepmill = {
  everything: () => {
    const taken = new Taken();
    const elements = [...taken.copies.keys()].filter((each) => each.isConnected);
    return JSON.stringify([taken.html, elements.map((each) => locate(taken, each))]);
  },"""


@pytest.mark.parametrize("app", HOSTS)
def test_every_element_of_our_applications_is_located(
    app: str, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each locator of each element of the page finds it alone; no two elements share a locator."""
    plain = recorder_module.script
    monkeypatch.setattr(
        recorder_module,
        "script",
        lambda **given: plain(**given).replace("globalThis.stepmill = {", LOCATE_ALL),
    )
    recorder = record(f"http://{HOSTS[app]}/")
    recorder.page.wait_for_timeout(300)
    html, located = json.loads(recorder.ask(0, "stepmill.everything()"))
    page = read(html)
    seen: set[int] = set()
    kinds: Counter[str] = Counter()
    for locators in located:
        given = [Locator(each["kind"], each["value"], each.get("name", "")) for each in locators]
        kinds.update(each.kind if each.kind != "css" else each.value[:5] for each in given)
        elements = {found(page, each) for each in given}
        assert len(elements) == 1, given
        seen |= elements
    assert -1 not in seen
    assert len(seen) == len(located) > 30
    assert {"xpath", "attribute", "text="} <= set(kinds)
