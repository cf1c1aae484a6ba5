"""What is done on a page gives the step expected, with the page before it."""

from __future__ import annotations

import json

import pytest

from tests.record.conftest import PAGE, Record, actions, check_locators, one, settle, steps, tag_of


def test_a_click_is_recorded_with_the_page_before_it(record: Record) -> None:
    """The snapshot is the page before the page reacts, even to the pointer going down; the target
    is the button around what is clicked, and the element itself is kept.
    """
    body = """<button id=b><svg><path d="M0 0h9v9"/></svg><span id=in>Buy</span></button>
        <p>before</p><script>
        for (const name of ["pointerdown", "mousedown", "click"])
          addEventListener(name, () => document.querySelector("p").append(name), true);
        </script>"""
    recorder = record(PAGE, one(body))
    recorder.page.click("#in")
    (step,) = steps(recorder)
    assert (step.action.kind, step.url, tag_of(step)) == ("click", PAGE, '<button id="b">')
    assert "<p>before</p>" in step.html
    assert json.loads(step.meta)["clicked"] == "#in"
    kinds = [(locator.kind, locator.value) for locator in step.target]
    assert kinds == [
        ("css", "#b"),
        ("xpath", "/html/body/button"),
        ("css", 'role=button[name="Buy"]'),
    ]


def test_an_element_that_goes_away_when_the_pointer_goes_down_is_clicked(record: Record) -> None:
    """A list of suggestions that closes at mousedown has been clicked all the same."""
    body = "<ul><li id=a>Ann</li><li onmousedown=this.parentElement.remove()>Ben</li></ul>"
    recorder = record(PAGE, one(body))
    recorder.page.click("text=Ben")
    (step,) = steps(recorder)
    assert (step.action.kind, tag_of(step)[:4]) == ("click", "<li ")
    assert 'text="Ben"' in [locator.value for locator in step.target]


def test_clicks_of_all_kinds(record: Record) -> None:
    """Double and triple clicks are one step each; other buttons and held keys are noted."""
    recorder = record(PAGE, one("<button id=a>A</button><button id=b>B</button>"))
    page = recorder.page
    page.dblclick("#a")
    page.click("#b", click_count=3)
    page.click("#a", button="right")
    page.click("#b", button="middle")
    page.click("#a", modifiers=["Control", "Shift"])
    recorded = steps(recorder)
    assert [(step.action.kind, step.target[0].value) for step in recorded] == [
        ("double_click", "#a"),
        ("triple_click", "#b"),
        ("right_click", "#a"),
        ("middle_click", "#b"),
        ("click", "#a"),
    ]
    assert recorded[-1].action.modifiers == ("Control", "Shift")


def test_boxes_are_checked_and_unchecked(record: Record) -> None:
    """By the pointer, by their label and by keys; the box is the target, as it was before."""
    body = """<label>News <input type=checkbox id=news></label>
        <label for=old>Old</label><input type=checkbox id=old checked>
        <input type=radio name=r id=one checked><input type=radio name=r id=two>
        <input type=radio name=r id=three>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.click("#news")
    page.click("text=News")
    page.click("text=Old")
    page.focus("#news")
    page.keyboard.press("Space")
    page.click("#two")
    page.keyboard.press("ArrowRight")
    assert actions(recorder) == [
        ("check", "", "#news"),
        ("uncheck", "", "#news"),
        ("uncheck", "", "#old"),
        ("check", "", "#news"),
        ("check", "", "#two"),
        ("check", "", "#three"),
    ]
    recorded = steps(recorder)
    assert [' checked=""' in tag_of(step) for step in recorded] == [False, True, True] + [False] * 3


LIST = """<select id=s><option>Red<option>Green<option>Blue</select>
    <select id=m multiple size=3><option>One<option>Two<option>Three</select>"""


def test_options_are_chosen_by_keys(record: Record) -> None:
    """Several changes of one list in a row are one step, with the page before the first."""
    recorder = record(PAGE, one(LIST))
    page = recorder.page
    page.focus("#s")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    (step,) = steps(recorder)
    assert (step.action.kind, step.action.value, tag_of(step)) == (
        *("select", "Blue"),
        '<select id="s">',
    )
    assert '<option selected="">Red' in step.html


def test_options_are_chosen_by_the_pointer(record: Record) -> None:
    """All that is chosen in a list of several is told; what is taken away alone is deselected."""
    recorder = record(PAGE, one(LIST))
    page = recorder.page
    page.click("#m option:nth-child(1)")
    page.click("#m option:nth-child(3)", modifiers=["Control"])
    page.click("#m option:nth-child(1)", modifiers=["Control"])
    assert actions(recorder) == [
        ("select", "One", "#m"),
        ("select", '["One", "Three"]', "#m"),
        ("deselect", "One", "#m"),
    ]


def test_choices_of_a_program_count_only_where_a_program_drives(record: Record) -> None:
    """A choice that a script makes is the user's only if that was said."""
    for driven in (False, True):
        recorder = record(PAGE, one(LIST), driven=driven)
        recorder.page.select_option("#s", label="Green")
        expected = [("select", "Green", "#s")] if driven else []
        assert actions(recorder) == expected
        recorder.__exit__()


FIELDS = """<input id=f value=old><textarea id=t></textarea>
    <div id=e contenteditable>Hello <b>you</b></div><button id=b>Go</button>"""


def test_typing_is_one_step_a_visit(record: Record) -> None:
    """The whole text of the field, exactly; the page is that before the first key."""
    recorder = record(PAGE, one(FIELDS))
    page = recorder.page
    page.click("#f")
    page.keyboard.press("End")
    page.keyboard.type(" ä€😀x")
    page.keyboard.press("Backspace")
    page.focus("#t")
    page.keyboard.type("two\nlines ")
    page.focus("#e")
    page.keyboard.type("Oh! ")
    page.fill("#f", "")
    page.click("#b")
    assert actions(recorder) == [
        ("click", "", "#f"),
        ("type", "old ä€😀", "#f"),
        ("type", "two\nlines ", "#t"),
        ("type", "Oh! Hello you", "#e"),
        ("clear", "", "#f"),
        ("click", "", "#b"),
    ]
    recorded = steps(recorder)
    assert tag_of(recorded[1]) == '<input id="f" value="old">'
    assert tag_of(recorded[4]) == '<input id="f" value="old ä€😀">'
    assert '<textarea id="t"></textarea>' in recorded[2].html
    assert '<textarea id="t">two\nlines </textarea>' in recorded[5].html


def test_a_field_that_the_page_fills_itself_is_typed_into(record: Record) -> None:
    """A page that keeps keys from its field and writes what it wants is seen by what it wrote."""
    body = """<input id=f><script>f.onkeydown = (event) => { event.preventDefault();
        if (event.key.length === 1) f.value += event.key.toUpperCase(); }</script>"""
    recorder = record(PAGE, one(body))
    recorder.page.focus("#f")
    recorder.page.keyboard.type("abc")
    assert actions(recorder) == [("type", "ABC", "#f")]


def test_keys(record: Record) -> None:
    """Keys that are no typing are pressed; moves of the caret, pasting and keys of the browser
    itself are not.
    """
    recorder = record(PAGE, one(FIELDS + "<p>text</p>"))
    page = recorder.page
    page.keyboard.press("c")
    page.keyboard.press("Shift+?")
    page.focus("#f")
    for key in ("Control+a", "ArrowLeft", "Escape", "Enter", "F5", "Tab"):
        page.keyboard.press(key)
        settle(page)
        if key == "F5":
            page.focus("#f")
    page.keyboard.press("Control+Enter")
    kinds = [action for action in actions(recorder) if action[0] != "reload"]
    assert kinds == [
        ("press", "c", ""),
        ("press", "?", ""),
        ("press", "Control+a", "#f"),
        ("press", "Escape", "#f"),
        ("press", "Enter", "#f"),
        ("press", "Tab", "#f"),
        ("press", "Control+Enter", "#t"),
    ]


def test_enter_in_a_field_of_several_lines(record: Record) -> None:
    """It is typing where it breaks the line, and a key where the page takes it."""
    body = (
        FIELDS
        + "<script>e.onkeydown = (k) => { if (k.key === 'Enter') k.preventDefault(); }</script>"
    )
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.focus("#t")
    page.keyboard.press("Enter")
    page.keyboard.type("x")
    page.focus("#e")
    page.keyboard.type("Yes. ")
    page.keyboard.press("Enter")
    assert actions(recorder) == [
        ("type", "\nx", "#t"),
        ("type", "Yes. Hello you", "#e"),
        ("press", "Enter", "#e"),
    ]


def test_pasting_is_typing(record: Record) -> None:
    """The shortcut that changes a field is no step of its own."""
    recorder = record(PAGE, one(FIELDS))
    page = recorder.page
    page.focus("#f")
    for keys in ("Control+a", "Control+x", "Control+v", "Control+v"):
        page.keyboard.press(keys)
    assert actions(recorder) == [("press", "Control+a", "#f"), ("type", "oldold", "#f")]


def test_values_that_are_set(record: Record) -> None:
    """A slider and a date take a value, by keys or by the pointer, without a click."""
    recorder = record(PAGE, one("<input type=range id=r><input type=date id=d>"))
    page = recorder.page
    page.focus("#r")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.click("#r", position={"x": 2, "y": 5})
    page.focus("#d")
    page.keyboard.type("02032031")
    recorded = actions(recorder)
    assert recorded[0] == ("type", "52", "#r")
    assert recorded[1][0::2] == ("type", "#r")
    assert recorded[2][0::2] == ("type", "#d")
    assert recorded[2][1].startswith("2031-")
    assert len(recorded) == 3


def test_files_are_told_by_name(record: Record, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing of the folder or of the content."""
    folder = tmp_path_factory.mktemp("private")
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text("inside")
    recorder = record(PAGE, one("<input type=file id=f multiple>"), driven=True)
    page = recorder.page
    page.set_input_files("#f", [folder / "a.txt"])
    page.set_input_files("#f", [folder / "a.txt", folder / "b.txt"])
    assert actions(recorder) == [("upload", "a.txt", "#f"), ("upload", '["a.txt", "b.txt"]', "#f")]


def test_what_is_dragged_has_a_destination(record: Record) -> None:
    """By the browser's own means and by the page's; marked text is left out and counted."""
    body = """<p id=a draggable=true>A</p><p id=b>B</p><p id=c>some text that is marked</p>
        <div id=h style="width:30px;height:30px;background:red"></div>
        <script>b.ondragover = (event) => event.preventDefault();
        b.ondrop = () => b.append(a);</script>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.drag_and_drop("#a", "#b")
    settle(page)

    def pull(x: int, y: int, to: int) -> None:
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(to, y + 1, steps=5)
        page.mouse.up()

    box, text = (page.locator(css).bounding_box() for css in ("#h", "#c"))
    assert box
    assert text
    pull(int(text["x"]) + 2, int(text["y"]) + 8, int(text["x"]) + 80)
    page.evaluate("getSelection().empty()")
    pull(int(box["x"]) + 5, int(box["y"]) + 5, int(box["x"]) + 45)
    first, second = steps(recorder)
    assert (first.action.kind, first.target[0].value, first.destination[0].value) == (
        *("drag", "#a"),
        "#b",
    )
    assert '<p id="b">B</p>' in first.html
    assert (second.action.kind, second.action.value, second.target[0].value) == (
        *("drag", "40,1"),
        "#h",
    )
    assert recorder.steps.left_out == {"marked text": 1}


def test_a_scroll_is_one_step_a_pause(record: Record) -> None:
    """Of the page, without element, or of what is scrolled in it."""
    body = """<div id=in style="height:100px;overflow:auto"><p style="height:2000px">in</p></div>
        <p style="height:5000px">out</p>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.mouse.move(50, 50)
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(1000)
    page.mouse.move(50, 300)
    for _ in range(3):
        page.mouse.wheel(0, 100)
        settle(page)
    page.wait_for_timeout(1000)
    recorded = actions(recorder)
    assert recorded == [("scroll", "down 120", "#in"), ("scroll", "down 300", "")]


def test_dialogs_are_answered_by_the_user(record: Record) -> None:
    """The answer is a step after the action that opened it."""
    body = """<button id=a onclick="document.title = prompt('Name?')">A</button>
        <button id=b onclick="document.title = confirm('Sure?')">B</button>"""
    recorder = record(PAGE, one(body))
    page = recorder.page
    page.once("dialog", lambda dialog: dialog.accept("Ann"))
    page.click("#a")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#b")
    assert actions(recorder) == [
        ("click", "", "#a"),
        ("accept_dialog", "Ann", ""),
        ("click", "", "#b"),
        ("dismiss_dialog", "", ""),
    ]
    assert page.title() == "false"
    for step in steps(recorder):
        check_locators(step)
