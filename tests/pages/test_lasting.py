"""What two recordings of one state have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.pages import compiled
from etl.pages.lasting import lasting, plain_lasting, state_of

PAGE = b'<body class="a"><form><input name="q" value="1"><button id="go">Go</button></form></body>'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</body>", b"<!-- made at 12:00 --></body>"),
        (b"</body>", b'<script nonce="x">t=1</script></body>'),
        (b"</body>", b"<style>.a{color:red}</style></body>"),
        (b"<form>", b'<form><input type="hidden" name="csrf" value="17">'),
        (b"<form>", b"<form>\n   "),
        (b'<button id="go"', b'<button id="go" nonce="17"'),
        (b'<button id="go"', b'<button bid="12" data_pw_testid_buckeye="x" id="go"'),
    ],
)
def test_what_does_not_last(old: bytes, new: bytes) -> None:
    """Comments, scripts, styles, hidden fields, one-time attributes and recorders' marks differ
    between two recordings of one state.
    """
    page = PAGE.replace(b"<form>", b"<form> ")
    changed = page.replace(old if old != b"<form>" else b"<form> ", new)
    assert state_of(page) == state_of(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'class="a"', b'class="a open"'),
        (b'value="1"', b'value="2"'),
        (b">Go<", b">Gone<"),
        (b'id="go"', b'id="go" disabled'),
        (b'id="go"', b'id="go" aria-expanded="true"'),
        (b'id="go"', b'id="go" href="#a"'),
    ],
)
def test_what_lasts(old: bytes, new: bytes) -> None:
    """A class, a value, a text or a state that changes is another state of the page."""
    assert state_of(PAGE) != state_of(PAGE.replace(old, new))


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_state_is_that_of_its_lasting_part(one: bytes, other: bytes) -> None:
    """Two pages are of one state exactly if what lasts of them is equal; any bytes will do."""
    assert (state_of(one) == state_of(other)) == (lasting(one) == lasting(other))


PIECES = (
    *(b"<!--", b"-->", b"<script", b"</script", b"<style>", b"</style >", b"<noscript", b">", b"<"),
    *(
        b"</noscript\n>",
        b"<meta",
        b"<link ",
        b"<base",
        b"<input",
        b" type=hidden",
        b' type="hidden"',
    ),
    *(b" bid=1", b" ref='", b" nonce", b"=x", b' data-csrf-a="', b" browsergym_x=1", b" ", b"\n"),
    *(b"\x0b", b"a", b"-", b"_", b"'", b'"', b"\xc3\xa9", b"\x00", b"type=hiddenx", b"/"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_the_engine_leaves_what_plain_python_leaves(page: bytes) -> None:
    """What lasts is that of the specification, whatever the bytes."""
    if compiled.ENGINE is not None:
        assert compiled.ENGINE.lasting(page) == plain_lasting(page)
