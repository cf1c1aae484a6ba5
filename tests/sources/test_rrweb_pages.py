"""rrweb: pages are rebuilt of snapshots and changes, and written as pages are."""

from __future__ import annotations

from typing import Any

import pytest

from etl.sources.rrweb.dom import Dom
from etl.sources.rrweb.page import written
from etl.sources.rrweb.style import changed
from schemas.errors import RecordError
from tests.support.rrweb import document, element, text

Recorded = dict[str, Any]


def dom_of(*inside: Any) -> Dom:
    dom = Dom()
    dom.snapshot(document(*inside))
    return dom


def body(dom: Dom) -> str:
    """What stands in the page's body."""
    assert dom.root is not None
    html = written(dom.root).html
    return html.partition("<body>")[2].rpartition("</body>")[0]


def changes(dom: Dom, **lists: Any) -> str:
    dom.mutate(lists)
    return body(dom)


def add(parent: int, node: Recorded, after: int | None = None, **more: Any) -> Recorded:
    """after: the id of the node that follows."""
    return {"parentId": parent, "nextId": after, "node": node, **more}


def test_nodes_come_before_the_one_that_follows_them() -> None:
    """Whatever the order in which they are recorded; a parent may come after its children."""
    dom = dom_of(element(10, "b"), element(11, "i"))
    html = changes(
        dom,
        adds=[
            add(20, text(21, "one"), 22),
            add(20, element(22, "u")),
            add(3, element(20, "p"), 23),
            add(3, element(23, "hr"), 11),
            add(3, element(24, "br")),
        ],
    )
    assert html == "<b></b><p>one<u></u></p><hr><i></i><br>"
    assert dom.lost == 0


def test_what_waits_for_a_node_that_never_comes_is_left_out() -> None:
    """It is counted."""
    dom = dom_of(element(10, "b"))
    assert changes(dom, adds=[add(77, text(20, "x")), add(3, element(21, "i"), 78)]) == "<b></b>"
    assert dom.lost == 2


def test_nodes_are_taken_out_moved_and_put_in_again() -> None:
    """An id that was taken out is free; one that is there is moved with all that is in it."""
    dom = dom_of(element(10, "b", text(11, "bold")), element(12, "i", text(13, "slanted")))
    assert changes(dom, adds=[add(3, element(12, "i"), 10)]) == "<i>slanted</i><b>bold</b>"
    gone = [{"parentId": 3, "id": 12}, {"parentId": 12, "id": 13}]
    assert changes(dom, removes=gone, adds=[add(10, element(12, "u"), 11)]) == "<b><u></u>bold</b>"
    assert changes(dom, removes=[{"parentId": 3, "id": 12}]) == "<b><u></u>bold</b>"
    assert dom.lost == 1


def test_texts_and_attributes_change() -> None:
    """The last text of a node counts; null takes an attribute away; unknown nodes are counted."""
    dom = dom_of(
        element(10, "a", text(11, "x"), href="/x", class_="old", style="color: red; top: 0")
    )
    html = changes(
        dom,
        texts=[{"id": 11, "value": "y"}, {"id": 11, "value": "z & <"}, {"id": 99, "value": "?"}],
        attributes=[
            {"id": 10, "attributes": {"href": None, "class": "new", "title": 'a "b"'}},
            {"id": 10, "attributes": {"style": {"color": ["blue", "important"], "top": False}}},
            {"id": 98, "attributes": {"class": "?"}},
        ],
    )
    assert html == (
        '<a class="new" style="color: blue !important;" title="a &quot;b&quot;">z &amp; &lt;</a>'
    )
    assert dom.lost == 2


@pytest.mark.parametrize(
    ("style", "change", "made"),
    [
        ("", {"color": "red"}, "color: red;"),
        ("color:red", {"COLOR": "blue"}, "color: blue;"),
        ("a: url(x;y); b: ';'; --C: 1", {"--C": "2"}, "a: url(x;y); b: ';'; --C: 2;"),
        ("color: red ! important", {"top": ["0", ""]}, "color: red !important; top: 0;"),
        ("color: red", {"color": False}, ""),
        ("color: red", {"color": ""}, ""),
        ("broken(", {"top": "0"}, "top: 0;"),
    ],
)
def test_styles_change_by_their_declarations(style: str, change: Any, made: str) -> None:
    """Semicolons in strings and brackets end nothing; names of variables keep their case."""
    assert changed(style, change) == made


def test_frames_hold_their_document_and_shadow_roots_are_templates() -> None:
    """A document comes to its frame even if it is recorded first; a host gets its shadow root."""
    inner = document(text(33, "in"), id=30, html=31, body=32)
    dom = dom_of(element(10, "div", text(11, "light")))
    html = changes(
        dom,
        adds=[
            add(20, inner),
            add(3, element(20, "iframe", name="f")),
            add(10, {**element(40, "b", text(41, "lost")), "isShadow": True}),
            add(40, text(42, "dark")),
        ],
    )
    assert html == (
        '<div><template shadowrootmode="open"><b>dark</b></template>light</div>'
        '<iframe name="f"><html><body>in</body></html></iframe>'
    )
    changed_inside = changes(dom, texts=[{"id": 33, "value": "changed"}])
    assert "<body>changed</body>" in changed_inside
    assert "in</body></html></iframe>" not in changes(
        dom, adds=[add(20, document(text(53, "anew"), id=50, html=51, body=52))]
    )


def test_shadow_roots_of_a_snapshot_and_nodes_taken_out_of_them() -> None:
    """An empty shadow root is one, too."""
    host = {**element(10, "x-a", {**element(11, "i"), "isShadow": True}, text(12, "slotted")),
            "isShadowHost": True}  # fmt: skip
    dom = dom_of(host)
    shadow = '<template shadowrootmode="open">{}</template>'
    assert body(dom) == f"<x-a>{shadow.format('<i></i>')}slotted</x-a>"
    html = changes(dom, removes=[{"parentId": 10, "id": 11, "isShadow": True}])
    assert html == f"<x-a>{shadow.format('')}slotted</x-a>"


def test_nothing_of_the_recorder_stays() -> None:
    """Its attributes, and the placeholder in scripts; rules are a style element's text again."""
    dom = dom_of(
        element(10, "video", rr_mediaState="played", rr_mediaCurrentTime=1.5, src="v.mp4"),
        element(11, "div", class_="blocked", rr_width="10px", rr_height="20px", rr_scrollTop=9),
        element(12, "img", src="a.png", rr_dataURL="data:image/png;base64,AA"),
        element(13, "iframe", rr_src="https://b.test/"),
        element(14, "script", text(15, "SCRIPT_PLACEHOLDER"), src="a.js"),
        element(16, "style", text(17, ""), text(18, ""), _cssText="a{}/* rr_split */b{}"),
        element(19, "link", _cssText="p{color:red}"),
        element(20, "style", _cssText="u{}"),
        element(23, "input", type="text", **{"data-rr-is-password": "true"}),
        element(21, "option", selected=False, value=3, hidden=True, title=None),
    )
    assert body(dom) == (
        '<video src="v.mp4"></video><div class="blocked"></div><img src="a.png">'
        '<iframe src="https://b.test/"></iframe><script src="a.js"></script>'
        '<style>a{}b{}</style><link><style>u{}</style><input type="text">'
        '<option value="3" hidden=""></option>'
    )
    taken = changes(dom, adds=[add(20, text(22, ""))], texts=[{"id": 22, "value": "s{}"}])
    assert "<style>s{}</style>" in taken


def test_what_browsers_do_not_show_is_written_as_it_was() -> None:
    """The text of noscript is markup, broken markup too; a frame's own content is left out."""
    dom = dom_of(
        element(10, "noscript", text(11, '<p><img src="a.png">no <b>script</p></i>')),
        element(12, "iframe", text(13, "no frames")),
        {"type": 5, "textContent": "comment", "id": 14},
        element(15, "p", text(16, "last")),
    )
    assert dom.root is not None
    page = written(dom.root)
    assert body(dom) == (
        '<noscript><p><img src="a.png">no <b>script</b></p></noscript><iframe></iframe><p>last</p>'
    )
    last = dom.node(15)
    assert last is not None
    assert page.elements == page.html.count("<") - page.html.count("</") == 8
    locator = page.locator(last)
    assert locator is not None
    assert (locator.kind, locator.value) == ("node", "0")


def test_document_types_are_those_of_the_top_document() -> None:
    """With their public and system ids, by which a browser chooses how to read the page."""
    dom = Dom()
    types = {"type": 1, "id": 90, "name": "html", "publicId": "-//W3C//DTD HTML 4.01//EN",
             "systemId": 'http://x">'}  # fmt: skip
    whole = document()
    whole["childNodes"].insert(0, types)
    dom.snapshot(whole)
    assert dom.root is not None
    assert written(dom.root).html.startswith("<!DOCTYPE html><html>")
    types["systemId"] = "http://x"
    dom.snapshot(whole)
    assert written(dom.root).html.startswith(
        '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://x"><html>'
    )


def test_a_document_has_one_html_element() -> None:
    """Another one takes the place of the first."""
    dom = dom_of(text(10, "old"))
    dom.mutate({"adds": [add(1, element(20, "html")), add(20, text(21, "new"))]})
    assert dom.root is not None
    assert written(dom.root).html == "<html>new</html>"


def test_nodes_of_old_recordings_find_their_neighbours() -> None:
    """Neighbours that are not known yet are -1; the one that names them brings them."""
    dom = dom_of(element(10, "b"))
    html = changes(
        dom,
        adds=[
            add(3, element(20, "i"), -1, previousId=10),
            add(3, element(21, "u"), None, previousId=20),
        ],
    )
    assert html == "<b></b><i></i><u></u>"


def test_text_areas_show_what_was_recorded_or_entered() -> None:
    """Their value stands as text; a child text that comes later counts unless somebody typed."""
    dom = dom_of(element(10, "textarea", value="\nfirst"), element(11, "textarea", text(12, "t")))
    assert body(dom) == "<textarea>\n\nfirst</textarea><textarea>t</textarea>"
    html = changes(dom, attributes=[{"id": 11, "attributes": {"value": "v"}}],
                   adds=[add(10, text(13, "second"))])  # fmt: skip
    assert html == "<textarea>second</textarea><textarea>v</textarea>"
    node = dom.node(10)
    assert node is not None
    dom.enter(node, "typed", False)
    assert changes(dom, texts=[{"id": 13, "value": "third"}]).startswith("<textarea>typed</")


def test_one_radio_button_of_a_group_is_on() -> None:
    """The others of its name in its form go off, as in a browser."""

    def radio(id: int, name: str) -> Recorded:
        return element(id, "input", type="radio", name=name, checked=True)

    form = element(10, "form", radio(11, "a"), radio(12, "a"), radio(13, "b"))
    dom = dom_of(form, radio(14, "a"), element(20, "iframe"))
    dom.mutate({"adds": [add(20, document(radio(33, "a"), id=30, html=31, body=32))]})
    for id in (12, 14):
        node = dom.node(id)
        assert node is not None
        dom.enter(node, "on", True)
    assert [node.checked for node in map(dom.node, (11, 12, 13, 14, 33)) if node] == [
        False, True, None, True, None,
    ]  # fmt: skip


def test_cycles_are_refused() -> None:
    """A node is never put into itself, whatever is recorded."""
    dom = dom_of(element(10, "div", element(11, "p")))
    assert changes(dom, adds=[add(11, element(10, "div"))]) == "<div><p></p></div>"
    assert changes(dom, adds=[add(11, document(id=1))]) == "<div><p></p></div>"
    again = document(element(20, "div", element(20, "div", element(20, "div"))))
    dom.snapshot(again)
    assert body(dom) == "<div></div>"
    frame = {"type": 0, "id": 30, "childNodes": [element(31, "iframe")]}
    dom.mutate({"adds": [add(3, element(31, "iframe")), add(31, frame)]})
    assert body(dom).count("<iframe>") <= 2


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        {"type": 2, "id": 1},
        {"type": 0, "id": "1", "childNodes": []},
        {"type": 0, "id": 1, "childNodes": {"a": 1}},
        {"type": 7, "id": 1},
        {"type": True, "id": 1},
        {"type": 0, "id": 1, "childNodes": [{"type": 2, "id": 2, "tagName": "a b"}]},
        {"type": 0, "id": 1, "childNodes": [{"type": 2, "id": 2, "tagName": "a", "attributes": 1}]},
        {"type": 3, "id": 1, "textContent": "x"},
    ],
)
def test_broken_snapshots_are_refused(node: Any) -> None:
    """With a reason, not an exception of another kind."""
    with pytest.raises(RecordError):
        Dom().snapshot(node)


def test_deep_pages_are_written() -> None:
    """Depth costs no stack."""
    dom = dom_of()
    dom.mutate({"adds": [add(3, element(10, "div"))]})
    dom.mutate({"adds": [add(id - 1, element(id, "div")) for id in range(11, 20_000)]})
    assert body(dom).count("<div>") == 19_990
    dom.mutate({"removes": [{"parentId": 3, "id": 10}]})
    assert body(dom) == ""
