"""Hosts of URLs as people record them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from etl.decisions.leftovers import _listed
from etl.decisions.takedown import Takedown
from etl.look.verify import verify
from etl.pages.domain import domain_of
from etl.pages.hosts import host_of
from etl.pages.mentions import mentioned
from tests.support import builds

SHOP = "www.shop.example.com"
FORMS = [
    "https://www.shop.example.com/cart", "www.shop.example.com", "www.shop.example.com/a?b#c",
    "//www.shop.example.com/",
    "https://WWW.Shop.Example.COM:8443/", "www.shop.example.com:8080/x",
    "blob:https://www.shop.example.com/0-1-2",
    "view-source:https://www.shop.example.com/", "https:\\\\www.shop.example.com\\cart",
    "https:/www.shop.example.com",
    "https://ann:secret@www.shop.example.com/", " https://www.shop.example.com./ ",
    "HTTPS://www.shop.example.com?q",
    "https:///www.shop.example.com/", "ht\ntps://www.shop.\texample.com/",
    "wss://www.shop.example.com/s",
    "filesystem:https://www.shop.example.com/temporary/a", "https://a@b@www.shop.example.com#x",
    "https://www.shop%2Eexample.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", FORMS)
def test_every_form_has_its_host(url: str) -> None:
    """Every form of a URL has its host and domain, and takedown and `verify` know it by them."""
    assert host_of(url) == SHOP
    assert domain_of(url, "").domain == "example.com"
    listed = Takedown(domains=frozenset({"example.com"}))
    assert _listed(url, "", listed)
    for text in (
        url,
        json.dumps({"url": url}),
        f"see {url} there",
        quote(url, safe=""),
        quote(quote(url)),
    ):
        assert [*mentioned(text, listed.domains)] == ["example.com"], text
        assert [*mentioned(text, ("ample.com", "example.co", "shop.example", "le.com"))] == [], text


@pytest.mark.parametrize(
    ("url", "host"),
    {
        "https://bücher.example/": "xn--bcher-kva.example",
        "https://BÜCHER.example。/": "xn--bcher-kva.example",
        "shop.example/cart": "shop.example",
        "localhost:3000/x": "localhost",
        "http://127.0.0.1:7770/": "127.0.0.1",
        "127.0.0.1/x": "127.0.0.1",
        "http://[::1]:80/": "::1",
        "file://server/share/a.html": "server",
        "chrome-extension://abcdef/popup.html": "abcdef",
        "file:///home/ann/a.html": "",
        "about:blank": "",
        "data:text/html,<p>www.shop.example.com": "",
        "javascript:void(0)": "",
        "blob:null/0-1": "",
        "mailto:ann@shop.example": "",
        "/cart": "",
        "index.html": "",
        "C:\\pages\\a.html": "",
        "no host": "",
        "": "",
    }.items(),
)
def test_hosts(url: str, host: str) -> None:
    """Names are ASCII; addresses and single names stay; what has no host has none."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    "text",
    [
        "BÜCHER.example", "b\\u00fccher.example", "xn--bcher-kva.EXAMPLE",
        "https://b%C3%BCcher.example/",
        "a@bücher.example", "ｂücher。example", "\\nbücher.example\\n", "(www.bücher.example).",
        "the host is bücher.example. It is down",
    ],
)  # fmt: skip
def test_names_that_are_not_ascii(text: str) -> None:
    """A name is found in any of its spellings."""
    assert [*mentioned(text, ["xn--bcher-kva.example"])] == ["xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com/", "notshop.example", "my-shop.example", "my_shop.example",
        "shop.example.net",
        "shop.example-2.net", "shop.examples", "shop. example", "shop", ".example",
        "eshop%2Eexample",
        "éshop.example", "",
    ],
)  # fmt: skip
def test_part_of_another_name_is_none(text: str) -> None:
    """Longer names, names under others and halves are other hosts."""
    assert [*mentioned(text, ["shop.example"])] == []


def test_odd_addresses_through_a_build(tmp_path: Path) -> None:
    """Whatever form its addresses have, a domain is taken down, left out, held out and counted;
    `verify` agrees, and finds such an address where it is left.
    """

    def recorded(number: int, domain: str) -> dict[str, Any]:
        flow = builds.workflow(number, steps=len(FORMS))
        for step, url in zip(flow["steps"], FORMS, strict=True):
            step["url"] = url.replace("example.com", domain).replace("Example.COM", domain.upper())
        return flow

    domains = ["gone.com", "out.com", "held.com", "stays.com"]
    inputs = builds.write_workflows(
        tmp_path / "a.jsonl", *(recorded(number, domain) for number, domain in enumerate(domains))
    )
    (tmp_path / "held").write_text("held.com\n")
    out = tmp_path / "out"
    chosen = ["takedown.domains=['gone.com']", "exclude.domains=['out.com']", "split.key=domain"]
    manifest = builds.build(
        [inputs], out, *chosen, f"split.held_out={tmp_path / 'held'}", "split.validation=0"
    )
    splits = {sample.sample_id: sample.split for sample in builds.emitted(out)}
    every = range(1, len(FORMS) + 1)
    expected = {f"workflows:w2/{n}": "test" for n in every} | {
        f"workflows:w3/{n}": "train" for n in every
    }
    assert splits == expected
    assert set(manifest["figures"]["domain_shares"]) == {"held.com", "stays.com"}
    assert verify(out) == []
    (out / "work" / "notes.json").write_text(
        json.dumps([FORMS[-1].replace("example.com", "gone.com"), "begone.com"])
    )
    assert [problem.partition(";")[0] for problem in verify(out)] == [
        "work/notes.json: holds what is taken down: gone.com"
    ]
