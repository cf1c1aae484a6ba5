"""Playwright traces: calls as steps, with the page and the element before each."""

from __future__ import annotations

import gc
import gzip
import json
import random
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from etl.inputs import find
from etl.pages.reading import read as page_of
from etl.sources import SOURCES
from etl.stages import targets
from etl.tally import Tally
from schemas.workflow import Step, Workflow
from tests.support import builds

OWN = builds.ROOT / "tests" / "recordings" / "formats" / "playwright"
OPTIONS = {"version": 10, "type": "context-options", "origin": "library", "title": "Buy a mug"}
PAGE: list[Any] = ["HTML", {}, ["HEAD"], ["BODY", {}, ["BUTTON", {"id": "a"}, "Go"]]]


def snapshot(moment: str, html: list[Any], frame: str = "frame@1", **more: Any) -> dict[str, Any]:
    fields = {
        "snapshotName": moment, "callId": moment.partition("@")[2], "pageId": "page@1",
        "frameId": frame, "frameUrl": "https://shop.test/", "doctype": "html", "html": html,
        "isMainFrame": frame == "frame@1",
    }  # fmt: skip
    return {"type": "frame-snapshot", "snapshot": fields | more}


def call(
    number: int, method: str, html: list[Any] | None = None, more: Any = (), **params: Any
) -> list[dict[str, Any]]:
    """The lines of a call and, if there is a page, of the snapshot before it.

    more: other lines before its end.
    """
    name = f"call@{number}"
    class_, _, method = method.rpartition(".")
    begin = {
        "type": "before", "callId": name, "startTime": float(number), "class": class_ or "Frame",
        "method": method, "params": params, "pageId": "page@1",
    }  # fmt: skip
    pages = [snapshot(f"before@{name}", html)] if html else []
    return [begin, *pages, *more, {"type": "after", "callId": name, "endTime": number + 0.5}]


def lines(*events: Any) -> bytes:
    """Events, or lists of them, as lines, after those of `OPTIONS` unless others are given."""
    flat: list[Any] = []
    for event in events:
        flat += event if isinstance(event, list) else [event]
    if not flat or flat[0].get("type") != "context-options":
        flat.insert(0, OPTIONS)
    return b"".join(json.dumps(event).encode() + b"\n" for event in flat)


def zipped(path: Path, **files: bytes) -> Path:
    """An archive; in the names of files ``__`` stands for a dot."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES))
    assert shard.format == "playwright"
    tally = Tally()
    return list(SOURCES["playwright"].read(shard, tally)), tally


def steps(tmp_path: Path, *events: Any) -> list[Step]:
    (tmp_path / "a.trace").write_bytes(lines(*events))
    (flow,), tally = read(tmp_path / "a.trace")
    assert tally.quarantined == []
    return list(flow.steps)


def reasons(tally: Tally) -> Counter[str]:
    """Drops by reason, after a look at the account: each record was read once, and dropped once."""
    ids = [entry.id for entry in tally.entries if entry.unit == "record" and not entry.reason]
    assert len(ids) == len(set(ids))
    dropped = [entry.id for entry in tally.entries if entry.reason]
    assert len(dropped) == len(set(dropped))
    assert set(dropped) <= set(ids)
    return Counter(entry.reason for entry in tally.entries if entry.reason)


def target_of(step: Step) -> str:
    """The start tag of the element that the locators find."""
    page = page_of(step.html)
    reason, detail, element = targets.find(page, step.target)
    assert not reason, detail
    return page.tokens[page.position(element)].markup


# ---- recordings of ours, made with Playwright 1.63 (version 9) and 1.65 (version 10)


def test_a_real_trace_gives_its_calls_as_steps() -> None:
    """Calls become actions, each with the element that was marked; tabs come in order of time."""
    (flow,), tally = read(OWN / "shop-notebook.zip")
    assert (flow.workflow_id, flow.source) == ("shop-notebook", "playwright")
    assert flow.objective == "Put a mug and two moss-coloured notebooks into the cart"
    assert json.loads(flow.meta) == {
        "browserName": "chromium", "playwrightVersion": "1.65.1", "version": 10,
    }  # fmt: skip
    assert [(step.action.kind, step.action.value) for step in flow.steps] == [
        ("new_tab", ""),
        ("navigate", "http://shop.example/"),
        ("click", ""),
        ("hover", ""),
        ("click", ""),
        ("select", "Best rated"),
        ("click", ""),
        ("click", ""),
        ("type", "notebook"),
        ("press", "Enter"),
        ("click", ""),
        ("click", ""),
        ("double_click", ""),
        ("check", ""),
        ("click", ""),
        ("new_tab", ""),
        ("navigate", "http://shop.example/rooms/study"),
        ("type", "lamp"),
        ("press", "Enter"),
        ("close_tab", ""),
        ("click", ""),
        ("go_back", ""),
    ]
    assert reasons(tally) == {"not_an_action": 3}
    on_elements = [step for step in flow.steps if step.target and step.target[0].kind == "node"]
    assert [target_of(step).partition(" ")[0] for step in on_elements] == (
        "<button <a <a <select <span <button <input <input <h3 <button <input <button <input <a"
    ).split()
    failed = [step.error for step in flow.steps if step.error]
    assert [error.partition("\n")[0] for error in failed] == ["Timeout 300ms exceeded."]
    for step in flow.steps:
        assert "__playwright" not in step.html
        assert not step.html or step.url.startswith(("http://shop.example/", "about:blank"))
    typed = flow.steps[9].html
    assert 'value="notebook"' in typed
    assert 'value="notebook"' not in flow.steps[8].html


def test_a_frame_is_written_at_its_place() -> None:
    """The work area of the ledger is inside its iframe, and so are the targets in it."""
    (flow,), _ = read(OWN / "ledger-invoice.zip")
    assert json.loads(flow.meta)["version"] == 9
    chosen = flow.steps[2]
    assert chosen.action.value == "overdue"
    assert target_of(chosen).startswith('<select id="state_filter"')
    assert '<iframe id="work" name="work" title="Work area"><html lang="en"><head>' in chosen.html
    assert chosen.html.startswith("<!DOCTYPE html><html")
    assert "</html></iframe>" in chosen.html


def test_the_element_marked_is_the_one_that_the_selector_finds() -> None:
    """Where a selector can be resolved in the page, it finds the marked element."""
    agreed = 0
    for path in OWN.glob("*.zip"):
        for step in read(path)[0][0].steps:
            if len(step.target) > 1:
                page = page_of(step.html)
                marked = targets.find(page, step.target[:1])
                found = targets.find(page, step.target[1:])
                if found[0] != "unsupported_locator":
                    assert found == marked, step.target
                    agreed += 1
    assert agreed == 22


def test_a_folder_and_a_file_give_what_the_archive_gives(tmp_path: Path) -> None:
    """The unzipped folder, compressed or not, and the trace file alone give the same steps."""
    (whole,), _ = read(OWN / "ledger-invoice.zip")
    folder = tmp_path / "ledger-invoice"
    folder.mkdir()
    with zipfile.ZipFile(OWN / "ledger-invoice.zip") as archive:
        content = archive.read("trace.trace")
    (folder / "trace.trace").write_bytes(content)
    (folder / "trace.network").write_bytes(b"")
    (folder / "resources").mkdir()
    (unzipped,), _ = read(folder)
    assert unzipped.steps == whole.steps
    assert unzipped.workflow_id == whole.workflow_id
    (folder / "trace.trace").unlink()
    (folder / "trace.trace.gz").write_bytes(gzip.compress(content))
    assert read(folder)[0][0].steps == whole.steps
    (tmp_path / "trace.trace").write_bytes(content)
    assert read(tmp_path / "trace.trace")[0][0].steps == whole.steps


def test_names_that_all_traces_have_come_with_the_folder(tmp_path: Path) -> None:
    """Test runners name each file trace.zip and the folder by the test."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        zipped(tmp_path / name / "trace.zip", trace__trace=lines(call(1, "click", PAGE)))
    shards = find.shards(find.find([str(tmp_path)], SOURCES))
    flows = [flow for each in shards for flow in SOURCES["playwright"].read(each, Tally())]
    assert [flow.workflow_id for flow in flows] == ["one/trace", "two/trace"]


# ---- pages


def html_of(tmp_path: Path, body: list[Any], *before: Any) -> str:
    """The body as it is written, without its own tags."""
    tree = ["HTML", {}, ["HEAD"], ["BODY", {}, *body]]
    (step,) = steps(tmp_path, *before, call(9, "click", tree))
    return step.html.partition("<body>")[2].removesuffix("</body></html>")


def test_back_references_stand_for_earlier_nodes(tmp_path: Path) -> None:
    """``[[ago, node]]`` counts nodes in post-order, without references, in the same frame."""
    first = ["HTML", {}, ["HEAD", {}, ["TITLE", {}, "One"]], ["BODY", {}, ["P", {}, "a"], "b"]]
    # numbers: One 0, title 1, head 2, a 3, p 4, b 5, body 6, html 7
    second = ["HTML", {}, [[1, 2]], ["BODY", {}, [[1, 4]], "c", [[1, 5]]]]
    # numbers: c 0, body 1, html 2
    other = snapshot("before@call@2", ["HTML", {}, ["BODY"]], "frame@2")
    third = ["HTML", {}, [[2, 2]], [[1, 1]]]
    made = steps(
        tmp_path,
        call(1, "click", first),
        call(2, "click", second, [other]),
        call(3, "click", third),
        call(4, "click", [[1, 2]]),
    )
    head = "<!DOCTYPE html><html><head><title>One</title></head>"
    assert [step.html for step in made] == [
        head + "<body><p>a</p>b</body></html>",
        head + "<body><p>a</p>cb</body></html>",
        head + "<body><p>a</p>cb</body></html>",
        "",  # the third snapshot has one node: the html element
    ]
    whole = call(4, "click", [[1, 0]])
    last = steps(tmp_path, call(1, "click", first), call(3, "click", ["HTML", {}, [[1, 6]]]), whole)
    assert last[2].html == last[1].html == "<!DOCTYPE html><html><body><p>a</p>b</body></html>"


def test_fields_are_written_as_they_were(tmp_path: Path) -> None:
    """What was typed, ticked and chosen replaces what the page was loaded with."""
    v, c, s = "__playwright_value_", "__playwright_checked_", "__playwright_selected_"
    assert html_of(tmp_path, [["INPUT", {v: "new", "value": "old", "name": "a"}]]) == (
        '<input value="new" name="a">'
    )
    assert html_of(tmp_path, [["INPUT", {v: ""}], ["INPUT", {v: "", "value": "x"}]]) == (
        '<input><input value="">'
    )
    box = {"type": "checkbox", v: "on", c: "true"}
    assert html_of(tmp_path, [["INPUT", box], ["INPUT", {**box, c: "false", "checked": ""}]]) == (
        '<input type="checkbox" checked=""><input type="checkbox">'
    )
    assert html_of(tmp_path, [["TEXTAREA", {v: "a<b"}, "old"]]) == "<textarea>a&lt;b</textarea>"
    options = [["OPTION", {s: "false", "selected": ""}, "A"], ["OPTION", {s: "true"}, "B"]]
    assert html_of(tmp_path, [["SELECT", {}, *options]]) == (
        '<select><option>A</option><option selected="">B</option></select>'
    )
    assert html_of(tmp_path, [["DIALOG", {"__playwright_dialog_open_": "modal"}]]) == (
        '<dialog open=""></dialog>'
    )


def test_nothing_of_the_recorder_is_left_in_the_page(tmp_path: Path) -> None:
    """Its marks, style sheets and base go; shadow roots are written as in a page."""
    marks = {
        "__playwright_target__": "call@9",
        "__playwright_scroll_top_": "9",
        "__playwright_custom_elements__": "x-a",
        "__playwright_popover_open_": "true",
    }
    sheet = ["template", {"__playwright_style_sheet_": "p{}"}]
    root = ["template", {"__playwright_shadow_root_": "open"}, ["SPAN", {}, "in"], sheet]
    assert html_of(tmp_path, [["X-A", marks, root, "out"], ["svg", {}, ["linearGradient"]]]) == (
        '<x-a><template shadowrootmode="open"><span>in</span></template>out</x-a>'
        "<svg><linearGradient></linearGradient></svg>"
    )
    head = ["HEAD", {}, ["BASE", {"href": "https://a/"}], ["BASE", {"href": "/own"}]]
    (step,) = steps(tmp_path, call(1, "click", ["HTML", {}, head, ["BODY"]]))
    assert step.html == ('<!DOCTYPE html><html><head><base href="/own"></head><body></body></html>')


def test_only_the_mark_of_this_call_counts(tmp_path: Path) -> None:
    """Older versions leave marks of earlier calls; two marks of one call tell nothing."""
    mark = "__playwright_target__"
    old, new, now = ({mark: value} for value in ("call@1", "call@2", ""))
    tree = ["HTML", {}, ["BODY", {}, ["A", old], ["B", new], ["I"]]]
    step = steps(tmp_path, call(2, "click", tree))[0]
    assert target_of(step) == "<b>"
    step = steps(tmp_path, call(2, "click", ["HTML", {}, ["BODY", {}, ["A"], ["B", now]]]))[0]
    assert target_of(step) == "<b>"
    step = steps(tmp_path, call(2, "click", ["HTML", {}, ["BODY", {}, ["A", new], ["B", now]]]))[0]
    assert step.target == ()


def test_the_page_is_the_one_right_before_the_input(tmp_path: Path) -> None:
    """The snapshot before input comes first, then the one at the call's beginning."""
    late = ["HTML", {}, ["BODY", {}, ["P", {"__playwright_target__": ""}, "late"]]]
    for moment in ({"snapshotName": "input@call@1"}, {"snapshotName": None, "phase": "action"}):
        after = snapshot("after@call@1", PAGE)
        more = [{"type": "input", "callId": "call@1"}, snapshot("input@call@1", late, **moment)]
        (step,) = steps(tmp_path, call(1, "click", PAGE, [*more, after]))
        assert "late" in step.html
        assert target_of(step) == "<p>"
        (step,) = steps(tmp_path, call(1, "click", PAGE, [after]))
        assert "Go" in step.html


def test_frames_are_those_of_the_same_moment(tmp_path: Path) -> None:
    """A frame without a snapshot of the moment stays empty; none is written into itself."""
    tree = ["HTML", {}, ["BODY", {}, ["IFRAME", {"src": "/snapshot/frame@2", "id": "f"}], "x"]]
    inner = ["HTML", {}, ["BODY", {}, "in", ["IFRAME", {"src": "/snapshot/frame@2"}]]]
    other = snapshot("before@call@1", inner, "frame@2", frameUrl="https://other.test/")
    made = steps(tmp_path, call(1, "click", tree, [other]), call(2, "click", tree))
    assert made[0].html.partition("<body>")[2] == (
        '<iframe id="f"><html><body>in<iframe></iframe></body></html></iframe>x</body></html>'
    )
    assert made[1].html.partition("<body>")[2] == '<iframe id="f"></iframe>x</body></html>'
    assert made[0].url == "https://shop.test/"


# ---- calls


def test_calls_become_actions(tmp_path: Path) -> None:
    """Each call with its value, button, keys and destination; what it says more is kept as meta."""
    selector = {"selector": "#a", "strict": True}
    made = steps(
        tmp_path,
        call(1, "click", PAGE, button="right", modifiers=["Shift"], **selector),
        call(2, "click", PAGE, clickCount=2, **selector),
        call(3, "fill", PAGE, value="", **selector),
        call(4, "selectOption", PAGE, options=[{"label": "A"}, {"valueOrLabel": "b"}], **selector),
        call(5, "selectOption", PAGE, options=[{"index": 1}], **selector),
        call(6, "setInputFiles", PAGE, payloads=[{"name": "a.txt"}], **selector),
        call(7, "dragAndDrop", PAGE, source="#a", target="#b", strict=True),
        call(8, "Page.mouseClick", PAGE, x=1.5, y=2, clickCount=2),
        call(9, "Page.mouseWheel", PAGE, deltaX=0, deltaY=120),
        call(10, "Page.bringToFront"),
        call(11, "goto", PAGE, url="/cart"),
        call(12, "dispatchEvent", PAGE, type="click", **selector),
        call(13, "press", PAGE, selector="#a", key="Control+A"),
    )
    assert [(s.action.kind, s.action.value) for s in made] == [
        ("right_click", ""),
        ("double_click", ""),
        ("clear", ""),
        ("select", '["A", "b"]'),
        ("select", ""),
        ("upload", "a.txt"),
        ("drag", ""),
        ("mouse_double_click", "1.5,2"),
        ("scroll", "0,120"),
        ("focus_tab", "https://shop.test/"),
        ("navigate", "/cart"),
        ("click", ""),
        ("press", "Control+A"),
    ]
    assert made[0].action.modifiers == ("Shift",)
    assert [each.value for each in made[6].target + made[6].destination] == ["#a", "#b"]
    assert made[12].target[0].value == "#a >> nth=0"  # without `strict` it takes the first one
    assert json.loads(made[4].meta)["params"]["options"] == [{"index": 1}]
    base = OPTIONS | {"options": {"baseURL": "https://shop.test/en/"}}
    assert steps(tmp_path, base, call(1, "goto", PAGE, url="../cart"))[0].action.value == (
        "https://shop.test/cart"
    )


def test_calls_that_do_nothing_are_counted(tmp_path: Path) -> None:
    """Checks, waits and programs are no steps; an unknown call that used the mouse is one."""
    (tmp_path / "a.trace").write_bytes(
        lines(
            call(1, "expect", PAGE, expression="to.be.visible", selector="#a"),
            call(2, "evaluateExpression", PAGE),
            call(3, "click", PAGE, trial=True, selector="#a"),
            call(4, "wobble", PAGE, [{"type": "input", "callId": "call@4"}], selector="#a"),
            {"type": "log", "callId": "call@4"},
            {"type": "news"},
        )
    )
    (flow,), tally = read(tmp_path / "a.trace")
    assert [step.action.kind for step in flow.steps] == ["wobble"]
    assert reasons(tally) == {"not_an_action": 3, "unknown_event": 1}


def test_what_a_test_runner_tells_is_not_read_twice(tmp_path: Path) -> None:
    """Its file is one record; its titles lose file and line, which stay in meta."""
    path = zipped(
        tmp_path / "a.zip",
        test__trace=lines({**OPTIONS, "origin": "testRunner", "title": "x"}, call(1, "click")),
        x1_trace__trace=b'{"type":"before","class":"Test","callId":"a","method":"step"}\n',
        x0_trace__trace=lines(
            {**OPTIONS, "title": "a/shop.spec.ts:19 \u203a Shop \u203a buy a mug"},
            call(2, "click", PAGE, selector="#a"),
        ),
    )
    (flow,), tally = read(path)
    assert len(flow.steps) == 1
    assert flow.objective == "Shop \u203a buy a mug"
    assert json.loads(flow.meta)["title"].startswith("a/shop.spec.ts:19")
    assert reasons(tally) == {"not_a_step": 2}


def test_contexts_come_in_the_order_of_time(tmp_path: Path) -> None:
    """Files of an archive have clocks of their own, which their first lines set."""
    late = {"wallTime": 50_000, "monotonicTime": 1}
    path = zipped(
        tmp_path / "a.zip",
        x0__trace=lines(OPTIONS | late, call(2, "click", PAGE), call(9_000, "hover", PAGE)),
        x1__trace=lines(
            OPTIONS | {"wallTime": 50_000, "monotonicTime": 100}, call(200, "check", PAGE)
        ),
    )
    kinds = [step.action.kind for step in read(path)[0][0].steps]
    assert kinds == ["click", "check", "hover"]


def test_version_3_is_read_alike(tmp_path: Path) -> None:
    """Its calls are lines of their own at their end, and name their snapshots in a list."""
    marked = ["HTML", {}, ["BODY", {}, ["B", {"__playwright_target__": "action@call@1"}]]]
    moments = [{"title": t, "snapshotName": f"{t}@call@1"} for t in ("before", "action", "after")]
    metadata = {
        "id": "call@1", "type": "Frame", "method": "click", "params": {"selector": "b"},
        "startTime": 1.0, "pageId": "page@1", "snapshots": moments,
        "error": {"error": {"message": "\x1b[31mno\x1b[0m"}},
    }  # fmt: skip
    made = steps(
        tmp_path,
        OPTIONS | {"version": 3},
        snapshot("before@call@1", PAGE),
        snapshot("action@call@1", marked),
        {"type": "action", "metadata": metadata},
        {"type": "action", "metadata": metadata | {"internal": True}},
        {"type": "action", "metadata": metadata | {"method": "tracingStop"}},
    )
    assert [(step.action.kind, step.error, target_of(step)) for step in made] == [
        ("click", "no", "<b>")
    ]


# ---- what cannot be read


def test_traces_without_snapshots_are_refused(tmp_path: Path) -> None:
    """Each call is quarantined as such, with its bytes."""
    raw = lines(call(1, "click", selector="#a"), call(2, "expect"))
    (tmp_path / "a.trace").write_bytes(raw)
    flows, tally = read(tmp_path / "a.trace")
    assert flows == []
    assert reasons(tally) == {"no_snapshots": 2}
    assert all(each.raw in raw and b'"before"' in each.raw for each in tally.quarantined)


def test_a_trace_without_an_action_is_refused(tmp_path: Path) -> None:
    """A trace of checks alone is no recording."""
    (tmp_path / "a.trace").write_bytes(lines(call(1, "expect", PAGE)))
    flows, tally = read(tmp_path / "a.trace")
    assert flows == []
    assert reasons(tally) == {"not_an_action": 1, "workflow_without_steps": 1}


def test_other_versions_are_refused(tmp_path: Path) -> None:
    """A version that is not known is not guessed at."""
    for version in (2, 99):
        (tmp_path / "a.trace").write_bytes(lines(OPTIONS | {"version": version}))
        _, tally = read(tmp_path / "a.trace")
        assert reasons(tally)["unknown_version"] == 1


def test_a_broken_call_ends_the_steps(tmp_path: Path) -> None:
    """What comes after a line that may have been a call has a false history."""
    raw = lines(call(1, "click", PAGE), call(2, "click", PAGE), call(3, "expect", PAGE)).split(
        b"\n"
    )
    broken = b"\n".join([*raw[:4], raw[4][:-9], *raw[5:]])
    (tmp_path / "a.trace").write_bytes(broken)
    (flow,), tally = read(tmp_path / "a.trace")
    assert [step.step_id for step in flow.steps] == ["call@1"]
    assert reasons(tally) == {"truncated_json": 1, "after_broken_record": 1}
    assert tally.quarantined[0].raw == raw[4][:-9]


def test_a_lost_snapshot_costs_only_the_pages_that_need_it(tmp_path: Path) -> None:
    """Steps stay, without a page where the page is not certain."""
    raw = lines(
        call(1, "click", PAGE),
        call(2, "click", PAGE),
        call(3, "click", ["HTML", {}, ["BODY", {}, [[2, 0]]]]),
        call(4, "click", PAGE),
        call(5, "click", ["HTML", {}, ["BODY", {}, [[1, 0]]]]),
    ).split(b"\n")
    (tmp_path / "a.trace").write_bytes(b"\n".join([*raw[:5], raw[5][:-20], *raw[6:]]))
    (flow,), tally = read(tmp_path / "a.trace")
    assert [bool(step.html) for step in flow.steps] == [True, False, False, True, True]
    assert reasons(tally) == {"truncated_json": 1}


def test_a_page_that_shares_itself_without_end_is_not_written(tmp_path: Path) -> None:
    """Thirty snapshots that each name the one before twice would be a page of gigabytes."""
    trees: list[list[Any]] = [["DIV", {}, "x" * 9]]
    trees += [
        ["DIV", {}, [[1, 1 if n == 1 else 0]], [[1, 1 if n == 1 else 0]]] for n in range(1, 30)
    ]
    made = steps(tmp_path, *(call(n, "click", tree) for n, tree in enumerate(trees)))
    assert "x" * 9 in made[5].html
    assert made[-1].html == ""


def peak(path: Path, pages: int) -> tuple[int, int]:
    """The most bytes that reading a trace takes in which every page is that of a click, and those
    of the pages.
    """
    rows = [["P", {"id": f"p{number}"}, f"row {number} " * 30] for number in range(400)]
    with path.open("wb") as file:
        file.write(lines())
        for number in range(pages):
            page = ["HTML", {}, ["BODY", {}, ["BUTTON", {"id": "a"}, str(number)], *rows]]
            events = call(number, "click", page, selector="#a")
            file.write(lines(OPTIONS, *events).partition(b"\n")[2])
    gc.collect()
    tracemalloc.start()
    try:
        (flow,), _ = read(path)
        assert all(step.has_page for step in flow.steps)
        return tracemalloc.get_traced_memory()[1], sum(step.size for step in flow.steps)
    finally:
        tracemalloc.stop()


def test_memory_follows_the_page_and_not_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more pages, memory grows by a small part of them."""
    monkeypatch.setattr("etl.files.compressed.PLAIN", 2**18)
    monkeypatch.setattr("etl.files.compressed.BLOCK", 2**18)
    (small, small_pages), (large, large_pages) = (
        peak(tmp_path / f"{pages}.trace", pages) for pages in (40, 200)
    )
    assert large_pages == pytest.approx(5 * small_pages, rel=0.01)
    assert large - small < (large_pages - small_pages) / 10


def damaged(raw: bytes, chance: Any) -> bytes:
    """Bytes with a few changes, as storage and programs make them."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at : at + chance.randint(1, 200)]
        elif kind == 2:
            other = chance.randrange(len(data))
            data[at:at] = data[other : other + chance.randint(1, 400)]
        else:
            data[at : at + 4] = bytes(chance.randrange(256) for _ in range(4))
        if not data:
            return b"x"
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


@pytest.mark.parametrize("kind", ["archive", "lines"])
def test_damage_is_never_a_crash(tmp_path: Path, kind: str) -> None:
    """250 damaged files each: everything is read, quarantined or refused, and accounted for."""
    chance = random.Random(kind)
    archive = (OWN / "ledger-invoice.zip").read_bytes()
    with zipfile.ZipFile(OWN / "ledger-invoice.zip") as opened:
        text = opened.read("trace.trace")
    path = tmp_path / ("a.zip" if kind == "archive" else "a.trace")
    before = {path}
    read_ones = 0
    for _ in range(250):
        path.write_bytes(damaged(archive if kind == "archive" else text, chance))
        (found,) = find.find([str(path)], SOURCES, lenient=True)
        if found.format != "playwright":
            continue
        flows, tally = read(path)
        reasons(tally)
        for step in (step for flow in flows for step in flow.steps):
            step.html.encode()
        assert flows or tally.quarantined
        read_ones += 1
        assert set(tmp_path.iterdir()) == before
    assert read_ones > (5 if kind == "archive" else 50)


def test_names_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    """A trace under a name that looks like a path is read as a name."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../../outside.trace", lines(call(1, "click", PAGE)))
    (flow,), _ = read(tmp_path / "a.zip")
    assert len(flow.steps) == 1
    assert sorted(tmp_path.iterdir()) == [tmp_path / "a.zip"]


# ---- real ones


def shards_of(folder: Path) -> Iterable[Any]:
    return find.shards(find.find([str(folder)], SOURCES, lenient=True))


def test_real_traces_are_read(shared: Path) -> None:
    """Of all traces those with snapshots give steps, each target is found, others are refused."""
    counts: Counter[str] = Counter()
    for shard in shards_of(shared / "data" / "playwright_trace"):
        if shard.format != "playwright":
            counts[shard.format] += 1
            continue
        tally = Tally()
        flows = list(SOURCES["playwright"].read(shard, tally))
        counts["refused"] += not flows
        assert flows or set(reasons(tally)) <= {"no_snapshots", "not_a_step"}
        counts.update(reasons(tally))
        for step in (step for flow in flows for step in flow.steps):
            counts["steps"] += 1
            counts["with page"] += bool(step.html)
            if step.target:
                counts["on an element"] += 1
                assert target_of(step)
    assert counts == {
        "refused": 3, "unknown": 2, "steps": 29, "with page": 18, "on an element": 11,
        "no_snapshots": 19, "not_an_action": 118, "not_a_step": 12,
    }  # fmt: skip


def test_no_other_kind_is_taken_for_a_trace(shared: Path) -> None:
    """Files of all other kinds are not claimed."""
    for folder in sorted((shared / "data").iterdir()):
        if folder.is_dir() and folder.name != "playwright_trace":
            found = find.find([str(folder)], SOURCES, lenient=True)
            assert all(each.format != "playwright" for each in found), folder
