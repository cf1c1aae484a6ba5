"""Hosts of URLs as people record them."""

from __future__ import annotations

import pytest

from etl.domains import domain_of
from etl.hosts import host_of
from etl.takedown import Takedown
from etl.traces import _listed

SHOP = "www.shop.example.com"
FORMS = [
    "https://www.shop.example.com/cart", "www.shop.example.com", "www.shop.example.com/a?b#c",
    "//www.shop.example.com/",
    "https://WWW.Shop.Example.COM:8443/", "www.shop.example.com:8080/x", "blob:https://www.shop.example.com/0-1-2",
    "view-source:https://www.shop.example.com/", "https:\\\\www.shop.example.com\\cart", "https:/www.shop.example.com",
    "https://ann:secret@www.shop.example.com/", " https://www.shop.example.com./ ", "HTTPS://www.shop.example.com?q",
    "https:///www.shop.example.com/", "ht\ntps://www.shop.\texample.com/", "wss://www.shop.example.com/s",
    "filesystem:https://www.shop.example.com/temporary/a", "https://a@b@www.shop.example.com#x",
    "https://www.shop%2Eexample.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", FORMS)
def test_every_form_has_its_host(url: str) -> None:
    """Every form of a URL has its host and domain, and takedown and `verify` know it by them."""
    assert host_of(url) == SHOP
    assert domain_of(url, "").domain == "example.com"
    assert _listed(url, "", Takedown(domains=frozenset({"example.com"})))


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
