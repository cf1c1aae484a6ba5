"""The controls of a page: what they hold, and where they stand in its text."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from etl.pages.controls import controls, plain_controls
from etl.pages.page import with_lf
from etl.pages.standard import read_plain
from tests.support import strategies

_FORMS = st.lists(
    st.one_of(
        st.sampled_from(
            ["<select name=a>", "</select>", "<option value='1'>", "</option>", "<option/>",
             "<textarea>", "</textarea>", "<textarea/>", "<INPUT name=x VALUE='<iframe>'>",
             "<input value=1 value=2>", "<IFrame>", "</iframe>", "<noscript>", "</p>", "<svg>",
             "<!-- <input> -->", "<script>'<iframe>'</script>", "</svg>", "<math>", "<", "\0",
             "\r\n", "é€𝄞", "&amp;&nbsp;"]
        ),
        st.text(max_size=4),
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(st.one_of(_FORMS, strategies.pages))
@example("<textarea>\r\n<iframe></textarea><option>a<b>b</b>c<select>")
def test_the_engine_finds_the_controls_that_plain_python_finds(html: str) -> None:
    """With the same attributes, texts and places, and elements as the page has them."""
    found, plain = controls(html), plain_controls(with_lf(html))
    assert found == plain
    assert [[*each.attributes] for each in found.found] == [
        [*each.attributes] for each in plain.found
    ]
    assert found.elements == read_plain(html).elements


def test_what_controls_hold_is_as_written() -> None:
    """Names of frames in a value or a text stay as they are; places are those in the text."""
    html = "<p>é<input value='<iframe src=x>'><textarea>a <NoScript> b</textarea>"
    for found in (controls(html).found, plain_controls(html).found):
        field, area = found
        assert field.attributes == {"value": "<iframe src=x>"}
        assert html[field.start : field.end] == "<input value='<iframe src=x>'>"
        assert area.text == "a <NoScript> b"
        assert html[area.end : area.text_end] == area.text
