"""What the page tests share: the rules our goldens were made with, and generated pages."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from etl.pages.prune import Pruner
from etl.pages.rules import PruneRules
from schemas.draft import Draft, StepDraft
from schemas.samples import Sample
from schemas.workflow import Action, Locator, Step, Workflow
from tokenization.vocabulary import Vocabulary, load

GOLDENS: Final = Path(__file__).parents[1] / "goldens"

BLANK: Final = Sample(
    sample_id="", workflow="", step=1, source="workflows", origin="", workflow_hash="",
    objective="Order two mugs",
    website="", topic="", url="", domain="shop.example", subdomain="shop.example",
    domain_from="url", observation="",
    history=(), action_kind="click", action_value="", description="", node=1,
    target_html='<a node="1">', raw_chars=0,
    language_score=1.0, reward=None, repeat=False,
)  # fmt: skip
"""A sample that says little; tests replace what they are about."""


@lru_cache(maxsize=1)
def rules() -> PruneRules:
    """The reference's rules as `goldens/rules.json` has them."""
    lists: dict[str, Any] = json.loads((GOLDENS / "rules.json").read_text())
    settings: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in lists.items()
    }
    return PruneRules(**settings)


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The default vocabulary, loaded once."""
    return load()


def pruner(use: PruneRules | None = None) -> Pruner:
    """A new pruner, with empty memos."""
    return Pruner(use or rules(), vocabulary().count)


def draft(
    *steps: Step, objective: str = "Order two mugs in the shop and pay for them", **workflow: object
) -> Draft:
    """A workflow as the first stage gets it."""
    flow = Workflow("w1", objective, steps, **workflow)  # type: ignore[arg-type]
    step_drafts = [StepDraft(place + 1, step, place=place) for place, step in enumerate(steps)]
    domains: list[tuple[str, ...]] = [("shop.example", "www.shop.example", "url") for _ in steps]
    return Draft(
        flow,
        step_drafts,
        "hash",
        " ".join(objective.split()),
        flow.uid,
        "shop.example",
        domains=domains,
    )


def step(
    html: str = "<p>Hello</p>",
    *target: Locator,
    kind: str = "click",
    number: int = 0,
    **fields: Any,
) -> Step:
    """A step; fields: ``value``, ``description``, ``error``."""
    action = Action(kind, fields.get("value", ""), fields.get("description", ""))
    return Step(
        str(number), "https://www.shop.example/", html, action, target, fields.get("error", "")
    )


NAMES: Final = (
    "div p span a button input br img li ul pre textarea title script style template iframe "
    "noscript svg path table tr td select option h1 form label x-card my:tag plaintext xmp noembed "
    "noframes DIV Script TextArea keygen b i math mi foreignObject"
).split()

_name = st.sampled_from(NAMES)
_space = st.sampled_from([" ", "\n", "\t", "\f", "  ", "\r\n", "\r"])
_words = st.sampled_from(
    [
        "save",
        "Order now",
        "a b\n c",
        "42",
        "ß",
        "\u00a0x",
        "",
        "\u2028",
        "x" * 40,
        "k3kd9Zq0Lw-xx81",
    ]
)
_entities = st.sampled_from(
    [
        "&amp;",
        "&lt;",
        "&gt;",
        "&quot;",
        "&nbsp;",
        "&copy",
        "&notin",
        "&#0;",
        "&#x41;",
        "&",
        "&foo;",
        "&lt",
    ]
)
_awkward = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "</>",
        "<!",
        "<?",
        "<!-",
        "<!--",
        "-->",
        "--!>",
        "<!-->",
        "<!--->",
        "\0",
        "\r",
        "\r\n",
        "'",
        '"',
        "=",
        "/",
        "/>",
        "< ",
        "<3",
        "<\u00e9",
        "</ ",
        "<a",
        "<a ",
        "<a b",
        "<a b=",
        '<a b="',
        "<a b='",
        "<a b=c",
        "<![CDATA[x]]>",
        "<svg><![CDATA[<b>",
        "<![CDATA[",
        "<!doctype html>",
        "<?php a > b ?>",
        "</script",
        "</style ",
        "</textarea/",
        "]]>",
        "<iframe",
        "</noscript",
        "\ufeff",
        "<!-- <script> ",
        " </script> -->",
    ]
)
_attribute_name = st.sampled_from(
    [
        "id",
        "class",
        "title",
        "alt",
        "href",
        "name",
        "onclick",
        "style",
        "value",
        "bid",
        "ID",
        "Class",
        "aria-label",
        "jsaction",
        "data-x",
        "script-src",
        "b<",
        "b'",
        'b"',
        "=",
        "1",
        "é",
    ]
)
_bare = st.sampled_from(["x", "a/b", "1", "a=b", "é", "&amp;", "x&y", "a'b", "none"])
_inside = st.lists(st.one_of(_words, _entities, _awkward), max_size=3).map("".join)


@st.composite
def _attribute(draw: st.DrawFn) -> str:
    name = draw(_attribute_name)
    form = draw(st.integers(0, 4))
    if form == 0:
        return name
    equals = draw(st.sampled_from(["=", " = ", "=\n"]))
    if form == 1:
        return name + equals + draw(_bare)
    quote = '"' if form < 4 else "'"
    return name + equals + quote + draw(_inside).replace(quote, "") + quote


@st.composite
def start_tags(draw: st.DrawFn) -> str:
    """A start tag, mostly well formed."""
    parts = ["<", draw(_name)]
    for attribute in draw(st.lists(_attribute(), max_size=3)):
        parts += [draw(_space), attribute]
    parts.append(draw(st.sampled_from([">", ">", ">", ">", "/>", " >", " />", "", "//>", ">>"])))
    return "".join(parts)


_end_tags = st.builds(
    "</{}{}".format, _name, st.sampled_from([">", ">", ">", " >", " x=1>", "/>", ""])
)
_comments = st.builds("<!--{}{}".format, _inside, st.sampled_from(["-->", "--!>", "->", ""]))

soups: Final = st.lists(
    st.one_of(
        start_tags(), start_tags(), _end_tags, _end_tags, _words, _entities, _awkward, _comments
    ),
    max_size=25,
).map("".join)
"""Anything a recorder, a template engine or an attacker may write."""

_element_names = st.sampled_from(
    "div p span a button ul li pre textarea template x-card svg path h1 b title".split()
)
_sane = st.lists(
    st.one_of(_words, st.sampled_from(["&amp;", "&lt;b&gt;", "a < b", "\0", "x"])), max_size=2
).map(" ".join)


@st.composite
def _element(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    name = draw(_element_names)
    parts = [f"<{name}"]
    for attribute in draw(
        st.lists(_attribute_name.filter(str.isidentifier), max_size=3, unique_by=str.lower)
    ):
        value = draw(_sane).replace('"', "").replace("\0", "")
        parts.append(f' {attribute}="{value}"')
    content = draw(st.lists(st.one_of(inner, _sane), max_size=3))
    return "".join([*parts, ">", *content, f"</{name}>"])


pages: Final = st.recursive(
    st.one_of(
        _sane,
        st.sampled_from(
            ["<br>", "<img alt=x>", "<input value=1>", "<script>a<b</script>", "<!-- c -->"]
        ),
    ),
    lambda inner: st.lists(_element(inner), min_size=1, max_size=4).map("".join),
    max_leaves=12,
)
"""Properly nested pages."""
