"""`make test-memory`: changed pages, read by the engine and by the specification.

There the engine is compiled with the address and undefined-behaviour sanitizers, which end the
process at their first report. Bases are the goldens' pages, and real ones from ``STEPMILL_SHARED``
where it is. Changes follow a seed: the same numbers give the same pages.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import numpy.typing as npt
import orjson
import xxhash
import zstandard

from etl.decisions.near.signature import BINS, plain_nodes, plain_sketch, plain_ways
from etl.inputs.mended import Mended, parse
from etl.inputs.pages import is_tree, parse_with_pages, parse_with_trees
from etl.pages import compiled, reading
from etl.pages.compact import Compactor, CompactRules
from etl.pages.controls import controls, plain_controls
from etl.pages.lasting import plain_lasting
from etl.pages.live import inert, live
from etl.pages.locators.kin import kin
from etl.pages.obstacles.outline import outline, plain_outline
from etl.pages.page import Page, with_lf
from etl.pages.prune import Pruner
from etl.pages.reading import read
from etl.pages.rules import PruneRules
from etl.pages.standard import read_plain
from etl.pages.text import text_of
from etl.pages.tokens import VOID_TAGS
from etl.sources.miniwob.dom import read_page
from etl.stages.private.scan import Plain
from schemas.errors import RecordError
from tests.support.strategies import GOLDENS, rules

LONGEST: Final = 3_000
"""Characters of a window on a base: the specification reads some megabytes a second."""

_WINDOW_PAGES: Final = (
    12  # pages in a row that are changes of one window: the memos know its pieces
)
_MOST_CHANGES: Final = 6

_VOIDS: Final = {tag.encode() for tag in VOID_TAGS}
_SEARCHES: Final = (
    *(("runs", ()), ("long_words", (20,)), ("parameters", ())),
    *(("shapes", ((b"AA00", b"AA 00"),)), ("tags", ((b"input", b"textarea"),))),
)

_FRAGMENTS: Final[tuple[str, ...]] = (
    *"<>/=\"'&; \n\r\t\0!-?[]é\ud83d\ud800\u00a0\u2028",
    "<!--", "-->", "--!>", "<!-->", "<![CDATA[", "]]>", "<!DOCTYPE html>", "<?php ", "</>", "< p>",
    "<svg>", "</svg>", "<math>", "<foreignObject>", "<template>", "</template>",
    "<template shadowrootmode=open>", "<noscript>", "</noscript>", "<script>", "</script>",
    "<script>a<b&amp;</script>", "<style>", "</style/>", "<textarea>\n", "</textarea>", "<pre>\n",
    "</pre>", "<title>", "</title>", "<iframe>", "</iframe>", "<noembed>", "</plaintext>",
    "<plaintext>", "<p>", "</p>", "<br/>", "<my-x />", "<DIV ID=a id=b>", "</div>", "<a b='c",
    " class='a1b2c3d4e5f6 menu'", ' style="user-select: none"', " onclick=go() ", " node='9'",
    " title=\"&#x41;&notit;&amp\"", " href='javascript:void(0)'", " src='data:image/png;base64,AA'",
    "&#0;", "&#x110000;", "&nbsp", "&CounterClockwiseContourIntegral;", "<::before>", " bid=12 ",
    "x" * 600, "<b>" * 70, "</b>" * 70, " a" * 60, "\ufeff", "<a\0b>", "<\u0130x>",
)  # fmt: skip
"""What stands between pieces of markup, ends them, or is long for one of the engine's buffers."""


@dataclass(frozen=True)
class Outcome:
    """pages, characters: compared. left: pages that the engine gave back to the specification."""

    pages: int
    characters: int
    left: int


def bases() -> list[str]:
    """The pages that are changed, in a fixed order."""
    pages = [path.read_bytes().decode() for path in sorted(GOLDENS.glob("*/source.html"))]
    real = (
        Path(os.environ.get("STEPMILL_SHARED", "../shared")) / "golden/scribeagent/cases.jsonl.zst"
    )
    if real.exists():
        with real.open("rb") as file:
            lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()
        pages += [orjson.loads(line)["html"] for line in lines]
    return pages


def changed_pages(seed: int) -> Iterator[str]:
    """Pages without end, some in a row nearly alike. Deterministic."""
    chance = random.Random(seed)
    known = bases()
    while True:
        window = _window(chance, known)
        for _ in range(_WINDOW_PAGES):
            page = window
            for _ in range(chance.randint(0, _MOST_CHANGES)):
                page = _changed(chance, page, known)
            yield page
            if chance.random() < 0.3:
                window = page[:LONGEST]


def _window(chance: random.Random, known: list[str]) -> str:
    base = chance.choice(known)
    size = chance.randint(1, LONGEST)
    start = chance.randrange(max(1, len(base) - size))
    return base[start : start + size]


def _changed(chance: random.Random, page: str, known: list[str]) -> str:
    """A page changed in one place: something put in, left out, written twice or cut off."""
    at = chance.randint(0, len(page))
    end = min(len(page), at + chance.choice((1, 2, 10, 100)))
    change = chance.randrange(6)
    if change <= 1:
        return page[:at] + chance.choice(_FRAGMENTS) + page[at:]
    if change == 2:
        return page[:at] + page[end:]
    if change == 3:
        return page[:end] + page[at:]
    if change == 4:
        return page[:at] + _window(chance, known)[:200] + page[at:]
    return page[:at] if chance.random() < 0.3 else page[:at] + page[at:].swapcase()


def variants() -> list[PruneRules]:
    """The reference's rules, and others that take other branches."""
    usual = rules()
    beyond = replace(
        usual, inert_content=False, pseudo_elements=True, max_data_uri=20, javascript_urls="short"
    )
    bare = replace(usual, kept_tags=frozenset({"p", "pre"}), kept_when_empty_tags=frozenset())
    return [usual, beyond, bare]


def compare(html: str, pruners: list[Pruner], chance: random.Random) -> bool:
    """Whether the engine has read the page itself.

    Raises:
        AssertionError: The engine and the specification differ in anything that stages ask of a
            page.
    """
    fast, plain = reading.read_anew(html), read_plain(html)
    assert _says(fast) == _says(plain)
    assert fast.elements == plain.elements
    assert kin(fast) == kin(plain)
    assert _gaps(fast) == _gaps(plain)
    assert _says(live(fast).page) == _says(live(plain).page)
    pruner = chance.choice(pruners)
    assert pruner.prune(fast) == pruner.prune(plain)
    if fast.elements:
        element = chance.randrange(fast.elements)
        assert pruner.start_tag(fast, element) == pruner.start_tag(plain, element)
        assert pruner.prune(fast, element, keep=True) == pruner.prune(plain, element, keep=True)
        assert text_of(fast, element, 50) == text_of(plain, element, 50)
        token = plain.tokens[plain.position(element)]
        value = next(iter(token.attributes().values()), "")
        assert _names(fast.having(token.tag, "")) == _names(plain.having(token.tag, ""))
        if value and "\ufffd" not in value:
            assert element in dict(fast.having("", value))
        for name, value in token.attributes().items():
            assert fast.with_attribute(name, value) == plain.with_attribute(name, value)
    compare_compact(fast, plain, chance)
    assert controls(html) == plain_controls(with_lf(html))
    read(html)
    compare_searches(fast, html.encode("utf-8", "surrogatepass"), chance)
    compare_json(html, chance)
    return fast.compiled is not None


def compare_compact(fast: Page, plain: Page, chance: random.Random) -> None:
    """The engine's compact observation is that of the specification."""
    compactor, budget = _compactor(), chance.choice((256, 1000, 8192))
    task = "Buy the blue mug", ('Click "Mug"', 'Click "Add to cart"')
    assert compactor(fast, *task, budget=budget) == compactor(plain, *task, budget=budget)


class _Thirds:
    """Counts a token for each three bytes, and one."""

    adds_up = False

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(text.encode("utf-8", "surrogatepass")) // 3 + 1

    def count_lines(self, text: bytes) -> npt.NDArray[np.int64]:
        """Tokens of each line."""
        return np.array([len(line) // 3 + 1 for line in text.split(b"\n")[:-1]], np.int64)


@cache
def _compactor() -> Compactor:
    return Compactor(CompactRules(), _Thirds())


def compare_searches(page: Page, utf8: bytes, chance: random.Random) -> None:
    """Look through a page, and the beginning of it, as the stages do that judge and redact.

    Raises:
        AssertionError: The engine and the specification differ.
    """
    seen = outline(live(page).page, 10**6, 10**6, 10**6)
    assert seen is not None
    assert list(seen) == list(plain_outline(live(page).page))
    engine = compiled.ENGINE
    cut = utf8[: chance.randrange(len(utf8) + 1)]
    for text in (utf8, cut):
        assert engine.lasting(text) == plain_lasting(text)
        assert engine.ways(text, _VOIDS, 3) == plain_ways(text)
        nodes = plain_nodes(text, lines=False)
        assert engine.nodes(text) == nodes
        hashes = [xxhash.xxh3_64_intdigest(node) for node in nodes]
        assert engine.sketch(hashes, BINS, 57) == plain_sketch(hashes).tobytes()
        for name, arguments in _SEARCHES:
            assert getattr(engine, name)(text, *arguments) == getattr(Plain, name)(text, *arguments)
        sought = [text[at : at + 4] for at in range(0, len(text) - 4, 97)]
        assert engine.Needles(sought).find(utf8) == Plain.Needles(sought).find(utf8)
    assert engine.in_common(utf8, cut) == Plain.in_common(utf8, cut)


def compare_json(html: str, chance: random.Random) -> None:
    """Read a page within JSON, which may be damaged, with the engine and without.

    Raises:
        AssertionError: They differ.
    """
    node = {"tag": "BODY", "ref": 1, "text": html[:99], "id": html[-9:], "left": 0.5}
    children = [node, {"tag": "t", "ref": -1, "text": html[9:20]}, node]
    records = (
        ({"steps": [{"html": html}, {"html": html[:50]}]}, parse_with_pages),
        ({"states": [{"dom": {**node, "children": children}}, {"dom": node}]}, parse_with_trees),
    )
    for record, parse_fast in records:
        made = json.dumps(record, ensure_ascii=chance.random() < 0.5)
        raw = bytearray(made.encode("utf-8", "surrogatepass"))
        for _ in range(chance.choice((0, 0, 1, 2))):
            at = chance.randrange(len(raw))
            raw[at : at + chance.randrange(3)] = chance.choice(
                (b"", b'"', b"\\", b"\xe2", b"{", b"9")
            )
        assert _outcome(parse_fast, bytes(raw)) == _outcome(parse, bytes(raw))


def _outcome(parser: Callable[[bytes], tuple[object, Mended]], raw: bytes) -> object:
    """What a parser makes of JSON, in plain values; or the reason why it is none."""
    try:
        return _plain(parser(raw)[0])
    except RecordError as error:
        return error.reason, error.detail


def _plain(value: Any) -> object:
    if isinstance(value, bytes):
        return value.decode()
    if is_tree(value):
        return value.render().decode()
    if isinstance(value, dict) and {"tag", "ref"} <= value.keys():
        with suppress(RecordError):
            return read_page(value, "").render()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _says(page: Page) -> list[tuple[object, ...]]:
    rows = [(t.kind, t.tag, t.attributes(), t.text) for t in page.tokens]
    return [row for row in rows if row[0] or row[3]]


def _gaps(page: Page) -> list[tuple[int, int, int, int]]:
    """Inert content, its tokens counted without those that say nothing."""
    says = [bool(token.kind or token.text) for token in page.tokens]
    return [
        (gap.opener, sum(says[gap.opener : gap.end]), gap.first, gap.elements)
        for gap in inert(page)
    ]


def _names(pairs: Sequence[tuple[int, object]]) -> list[int]:
    return [element for element, _ in pairs]


def check(pages: int, seed: int) -> Outcome:
    """Compare this many changed pages.

    Raises:
        AssertionError: As `compare`; the note on it holds the page.
    """
    pruners = [Pruner(use, lambda text: len(text) // 3 + 1) for use in variants()]
    chance = random.Random(seed)
    characters = left = 0
    for number, html in enumerate(islice(changed_pages(seed), pages)):
        try:
            left += not compare(html, pruners, chance)
        except AssertionError as error:
            error.add_note(f"page {number} of seed {seed}: {html!r}")
            raise
        characters += len(html)
    return Outcome(pages, characters, left)


@click.command()
@click.option("--pages", default=200_000, show_default=True, help="Pages to compare.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the first process; others add 1.")
def main(pages: int, processes: int, seed: int) -> None:
    """Compare changed pages, and print how many."""
    if compiled.ENGINE is None:
        raise click.ClickException(f"there is no engine to look at: {compiled.PATH}")
    print(f"{compiled.ENGINE.__file__}: {pages:,} pages in {processes} processes", file=sys.stderr)
    shares = [(pages * (at + 1) // processes - pages * at // processes) for at in range(processes)]
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        outcomes = list(pool.map(check, shares, range(seed, seed + processes)))
    total = Outcome(
        sum(outcome.pages for outcome in outcomes),
        sum(outcome.characters for outcome in outcomes),
        sum(outcome.left for outcome in outcomes),
    )
    print(
        f"{total.pages:,} pages of {total.characters:,} characters: engine and specification are "
        f"equal; {total.left:,} were none for the engine"
    )


if __name__ == "__main__":
    main()
