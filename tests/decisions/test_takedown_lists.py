"""Takedown lists: what an entry names, and which lists are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from etl.decisions.takedown import Takedown, parse
from schemas.errors import ConfigError


def test_ids_of_a_list() -> None:
    """An id counts with and without its source, and with the number of a repeat.

    It does not count as part of a longer one.
    """
    listed = Takedown(frozenset({"w3", "workflows:a~b", "scribe:7"}))
    for uid in (
        "workflows:w3",
        "mind2web:w3",
        "workflows:w3~2",
        "workflows:a~b",
        "workflows:a~b~12",
        "scribe:7",
    ):
        assert listed.names(uid), uid
    for uid in (
        "workflows:w31",
        "workflows:a",
        "workflows:a~2",
        "workflows:7",
        "workflows:w3/1",
        "w3x:1",
    ):
        assert not listed.names(uid), uid


@pytest.mark.parametrize(
    "raw",
    [
        b'{"workflow_id":"w3"}', b"w3,Order,click", b"x=%2Fw3&y", b'"a\\nw3"',
        b'"\\u0022w3\\u0022"',
        "ü w3".encode("utf-16"),
        gzip.compress(b"id: w3", mtime=0), gzip.compress(b"id: w3" + bytes(range(256)) * 500,
        mtime=0)[:-200],
        zstandard.ZstdCompressor().compress(b"id: w3"), b"https://SHOP.co.uk/",
        b"https%3A%2F%2Fx.shop.co.uk",
        "http://BÜCHER.example/".encode(), b"xn--bcher-kva.example", b'{"id": "say \\"hi\\""}',
        "Käse-1".encode(),
        b'{"id": "K\\u00e4se-1"}',
    ],
)  # fmt: skip
def test_bytes_that_name_something(raw: bytes) -> None:
    """Entries are found in JSON, CSV and addresses, cut, compressed and in UTF-16.

    Another list finds nothing there.
    """
    names = frozenset({"workflows:w3", 'say "hi"', "Käse-1"})
    assert Takedown(names, frozenset({"shop.co.uk", "xn--bcher-kva.example"})).in_record(
        "id", "", raw
    )
    assert not Takedown(frozenset({"w-", "5", "se-1x"}), frozenset({"shap.co.uk"})).in_record(
        "id", "", raw
    )


@pytest.mark.parametrize("raw", [b"w31", b"aw3", b"W3", b"w-3", b"shop.com", b""])
def test_bytes_that_name_nothing(raw: bytes) -> None:
    """A part of a longer id or domain, or another one, is not found."""
    assert not Takedown(frozenset({"w3"}), frozenset({"shop.co.uk"})).in_record("id", "", raw)


def test_the_file_of_a_list(tmp_path: Path) -> None:
    """A file holds lines of two kinds, comments, ids with a number sign, a byte order mark.

    Nothing else is taken.
    """
    path = tmp_path / "list.txt"
    path.write_text(
        "\ufeffworkflow a#1  # why\n\n# all of\ndomain shop.example # it\nworkflow  with spaces \n"
    )
    assert parse(str(path)) == Takedown(
        frozenset({"a#1", "with spaces"}), frozenset({"shop.example"})
    )
    for bad, says in {
        "workflows a": "line 1: 'workflows a' is neither",
        "domain": "line 1: 'domain' is neither",
        "domain www.shop.example": "www.shop.example is no registrable domain; did you mean "
        "shop.example?",
    }.items():
        path.write_text(f"{bad}\n")
        with pytest.raises(ConfigError) as refused:
            parse(str(path))
        assert says in str(refused.value)
        assert str(path) in str(refused.value)
    path.write_bytes(b"workflow \xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse(str(path))


@pytest.mark.parametrize(
    ("workflows", "domains", "says"),
    [
        ((), ("Shop.example",), "did you mean shop.example?"),
        ((), ("https://www.shop.example/x",), "did you mean shop.example?"),
        ((), ("bücher.example",), "did you mean xn--bcher-kva.example?"),
        ((), ("unknown",), "'unknown' is no domain"),
        ((), ("",), "'' is no domain"),
        ((" ",), (), "an empty id"),
    ],
)
def test_a_list_that_would_miss_is_refused(
    workflows: tuple[str, ...], domains: tuple[str, ...], says: str
) -> None:
    """An entry that can match nothing is refused: it would silently take nothing down."""
    with pytest.raises(ConfigError) as refused:
        Takedown(frozenset(workflows), frozenset(domains))
    assert says in str(refused.value)


def test_the_hash_of_a_list_is_of_what_it_says() -> None:
    """The fingerprint depends on entries and kinds, not on order; an empty list has none."""
    lists = [Takedown(frozenset({"a"})), Takedown(frozenset({"b"})), Takedown(frozenset({"a",
    "b"})),
             Takedown(domains=frozenset({"a"}))]  # fmt: skip
    assert len({each.fingerprint for each in lists}) == 4
    assert Takedown().fingerprint == Takedown().state == ""
    learnt = lists[0].with_contents(["c"])
    assert learnt.fingerprint == lists[0].fingerprint
    assert learnt.state != lists[0].state
