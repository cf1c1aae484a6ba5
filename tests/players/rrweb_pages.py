"""Compares pages that are rebuilt of rrweb recordings with what rrweb's own player shows.

    PYTHONPATH=tests/recordings python -m tests.players.rrweb_pages [--points N]

Installs rrweb from npm into a folder of its own, plays each recording in a headless Chromium up to
some of its events, and compares the player's document with ours: tags, attributes, texts, values of
fields, shadow roots and frames. ``make test-players`` runs it on the shared recordings and on ours.
It needs node's npm, Chromium and chromedriver.

What is told apart (`EXPLAINED`), because the two differ on purpose, is counted; all else is a
failure.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chromium import chromium
from selenium import webdriver

from etl.files.compressed import Holder
from etl.inputs import find
from etl.inputs.records import InputShard
from etl.pages.reading import read
from etl.pages.tokens import EMPTY, END, START, VOID_TAGS
from etl.sources import SOURCES
from etl.sources.rrweb import events as kinds
from etl.sources.rrweb.events import Event, events, in_time
from etl.sources.rrweb.window import Window

RRWEB: Final = "2.2.2"
HERE: Final = Path(__file__).parent
OURS: Final = HERE.parent / "recordings" / "formats" / "rrweb"
POINTS: Final = 6

EXPLAINED: Final = {
    "style text": "the player rewrites the rules, for :hover; ours are as recorded",
    "linked style": "a link whose rules are recorded is a style element in the player",
    "noscript": "its text is markup in our pages, as it was in the page",
    "left out": "the player has no attributes for a link to a script, and none that a browser "
    "refuses to set",
    "box": "the player writes the value of a box, `on`, into its attribute",
    "frame address": "ours have the address of a frame of another site; the player loads none",
    "autocomplete": "the player takes its own browser's suggestions from fields",
    "fast forward": "the player goes forward by a virtual document, which differs from its own "
    "playing: some boxes lose their tick, some pictures are missing",
    "mark": "the recorder's mark of a password that is shown is not in our pages",
    "corrected": "the browser of the player corrects a value that does not fit its field",
}
"""What differs on purpose, and how."""

Tree = dict[str, Any]


def pages(shard: InputShard) -> Iterator[tuple[Event, str | None]]:
    """Each event of the first window of a recording in the order of time, and the page after it.

    None where there is none, or where the player has left the last one for the next.
    """
    window, name, left = Window(lambda *_: None, Holder()), None, False
    for event in in_time(events(shard, [])):
        assert isinstance(event, Event), f"{shard.name}: {event.error}"
        name = event.window if name is None else name
        if event.window != name:
            continue
        if event.type == kinds.FULL_SNAPSHOT:
            window.snapshot(event)
        elif event.source == kinds.MUTATION:
            window.mutate(event)
        elif event.source == kinds.INPUT:
            window.enter(event)
        elif event.type == kinds.META:
            left = True
        left = left and event.type != kinds.FULL_SNAPSHOT
        page = window.page()
        yield event, page.html if page is not None and not left else None


def tree_of(html: str) -> Tree:
    """A page of ours as a tree like the player's."""
    top: Tree = {"tag": "", "children": []}
    opened = [top]
    for token in read(html).tokens:
        if token.kind in (START, EMPTY):
            node: Tree = {"tag": token.tag, "attributes": dict(token.attributes()), "children": []}
            opened[-1]["children"].append(node)
            if token.kind == START and token.tag not in VOID_TAGS:
                opened.append(node)
        elif token.kind == END and any(each["tag"] == token.tag for each in opened[1:]):
            while opened.pop()["tag"] != token.tag:
                pass
        text = token.text
        if token.tag in ("pre", "textarea", "listing") and token.kind == START:
            text = text.removeprefix("\n")
        below = opened[-1]["children"]
        if text and below and isinstance(below[-1], str):
            below[-1] += text
        elif text:
            below.append(text)
    return top


class Comparison:
    """Compares two trees."""

    def __init__(self, styles: dict[str, str]) -> None:
        """styles: of our style attributes, as the browser writes them."""
        self.explained: Counter[str] = Counter()
        self.found: list[str] = []
        self._styles = styles

    def children(self, ours: list[Any], theirs: list[Any], where: str) -> None:
        """Compare what stands in two elements."""
        kinds_of = [[_name(each) for each in side] for side in (ours, theirs)]
        if kinds_of[0] != kinds_of[1]:
            self.found.append(f"{where}: {kinds_of[0]} and not {kinds_of[1]}")
            return
        for place, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            if isinstance(our, str):
                if our != their:
                    self.found.append(f"{where}/{place}: {our[:80]!r} and not {their[:80]!r}")
            else:
                self.element(our, their, f"{where}/{our['tag']}[{place}]")

    def element(self, ours: Tree, theirs: Tree, where: str) -> None:
        """Compare two elements of the same name."""
        tag = ours["tag"]
        below = list(ours["children"])
        if below and _is_shadow(below[0]):
            self.children(below.pop(0)["children"], theirs.get("shadow", []), f"{where}#shadow")
        elif theirs.get("shadow"):
            self.found.append(f"{where}: no shadow root")
        self._attributes(ours, theirs, where)
        if tag == "iframe":
            self.children(below, theirs.get("content", []), f"{where}#frame")
        elif tag in ("style", "noscript", "link", "script"):
            reason = {"noscript": "noscript", "link": "linked style"}.get(tag, "style text")
            their_children = [each for each in theirs["children"] if each != "SCRIPT_PLACEHOLDER"]
            self.explained[reason] += below != their_children
        elif tag == "textarea":
            if "".join(below) != theirs["value"]:
                self.found.append(f"{where}: holds {below} and not {theirs['value']!r}")
        else:
            self.children(below, theirs["children"], where)

    def _attributes(self, ours: Tree, theirs: Tree, where: str) -> None:
        tag = ours["tag"]
        our, their = dict(ours["attributes"]), dict(theirs["attributes"])
        if their.get("autocomplete") == "off" != our.get("autocomplete"):
            self.explained["autocomplete"] += 1
            del their["autocomplete"]
            our.pop("autocomplete", None)
        self.explained["mark"] += their.pop("data-rr-is-password", None) is not None
        box = our.get("type", "").lower() in ("checkbox", "radio")
        if tag == "input":
            self._field(our.pop("value", None) if not box else None, their, theirs, box, where)
            checked = "checked" in our
            if box and checked != theirs["checked"]:
                self.found.append(f"{where}: checked is {checked}")
            if box and our.get("value") != their.get("value"):
                self.explained["box"] += 1
            for side in (our, their):
                for key in ("checked", "value"):
                    side.pop(key, None)
        elif tag in ("textarea", "select"):
            their.pop("value", None)
        elif tag == "option":
            our.pop("selected", None)
            their.pop("selected", None)
        elif tag == "iframe" and "src" in our and "src" not in their:
            self.explained["frame address"] += 1
            del our["src"]
        if "style" in our or "style" in their:
            style = self._styles.get(our.pop("style", ""), "")
            their.pop("style", None)
            if style != theirs.get("style", "") and "style" in theirs:
                self.found.append(f"{where}: style {style!r} and not {theirs.get('style')!r}")
        for key in our.keys() - their.keys():
            if tag == "link" or not key.replace("-", "").replace(":", "").isalnum():
                self.explained["left out"] += 1
                del our[key]
        if tag == "select":
            chosen = _chosen(ours)
            if chosen is not None and chosen != theirs["value"]:
                self.found.append(f"{where}: {chosen!r} is chosen, not {theirs['value']!r}")
        for side in (our, their):
            if "class" in side:
                side["class"] = " ".join(side["class"].split())
        if our != their:
            self.found.append(f"{where}: {our} and not {their}")

    def _field(
        self, value: str | None, their: dict[str, str], theirs: Tree, box: bool, where: str
    ) -> None:
        if box or (value or "") == theirs["value"]:
            return
        if value == their.get("value"):
            self.explained["corrected"] += 1
        else:
            self.found.append(f"{where}: value {value!r} and not {theirs['value']!r}")


def _name(each: Any) -> str:
    return "text" if isinstance(each, str) else str(each["tag"])


def _is_shadow(each: Any) -> bool:
    return (
        not isinstance(each, str)
        and each["tag"] == "template"
        and "shadowrootmode" in each["attributes"]
    )


def _chosen(select: Tree) -> str | None:
    """The value of the option that a page of ours says is chosen; None if it says none."""
    todo, found = list(reversed(select["children"])), None
    while todo:
        each = todo.pop()
        if isinstance(each, str):
            continue
        todo += reversed(each["children"])
        if each["tag"] == "option" and "selected" in each["attributes"]:
            text = " ".join("".join(t for t in each["children"] if isinstance(t, str)).split())
            found = each["attributes"].get("value", text)
    return found


def styles_in(tree: Tree) -> Iterator[str]:
    """The style attributes in a tree."""
    todo = [tree]
    while todo:
        node = todo.pop()
        if "style" in node.get("attributes", {}):
            yield node["attributes"]["style"]
        todo += [each for each in node["children"] if not isinstance(each, str)]


def points_of(pages: list[str | None], most: int) -> list[int]:
    """After how many events two documents are compared: spread out, and at the end."""
    known = [number for number, page in enumerate(pages, 1) if page is not None]
    if len(known) <= most:
        return known
    return sorted({known[round(n * (len(known) - 1) / (most - 1))] for n in range(most)})


def compare(driver: webdriver.Chrome, shard: InputShard, most: int, total: Counter[str]) -> bool:
    """Compare one recording; whether it has a page, and all are equal."""
    found = list(pages(shard))
    if len(found) < 2:
        return False
    played = [
        {"type": event.type, "data": event.data, "timestamp": 1000 + 100 * number}
        for number, (event, _) in enumerate(found)
    ]
    equal = True
    driver.execute_script("window.recorded = JSON.parse(arguments[0])", json.dumps(played))
    for count in points_of([page for _, page in found], most):
        html = found[count - 1][1]
        assert html is not None
        ours = tree_of(html)
        texts = sorted(set(styles_in(ours)))
        styles = dict(
            zip(texts, driver.execute_script("return styles(arguments[0])", texts), strict=True)
        )
        plain = _compared(driver, ours, styles, count, virtual=False)
        fast = _compared(driver, ours, styles, count, virtual=True)
        total.update({f"explained: {k}": n for k, n in plain.explained.items() if n})
        total["pages equal" if not plain.found else "pages that differ"] += 1
        total["pages equal after fast forward"] += not fast.found
        total["explained: fast forward"] += bool(fast.found) and not plain.found
        for said in plain.found[:5]:
            print(f"{shard.name} after {count} events: {said}")
        equal = equal and not plain.found
    return equal


def _compared(
    driver: webdriver.Chrome, ours: Tree, styles: dict[str, str], count: int, *, virtual: bool
) -> Comparison:
    """Our page beside the player's. virtual: the player goes forward by a virtual document."""
    shown = driver.execute_async_script(
        "const done = arguments[2]; shown(recorded, arguments[0], arguments[1])"
        ".then(done, (e) => done({error: String(e && e.stack)}))",
        count,
        virtual,
    )
    comparison = Comparison(styles)
    if "error" in shown:
        comparison.found.append(shown["error"])
    else:
        comparison.children(ours["children"], shown["children"], "")
    return comparison


def installed(folder: Path) -> Path:
    """The script of rrweb from npm, installed into a folder."""
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", f"rrweb@{RRWEB}"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / "node_modules" / "rrweb" / "dist" / "rrweb.umd.cjs"


def main() -> int:
    """Compare all recordings and say how many are equal."""
    parser = argparse.ArgumentParser(description="Compare pages with those of rrweb's player.")
    shared = Path(os.environ.get("STEPMILL_SHARED", HERE.parents[2] / "shared"))
    parser.add_argument(
        "--recordings", type=Path, nargs="*", default=[shared / "data" / "rrweb", OURS]
    )
    parser.add_argument("--points", type=int, default=POINTS)
    options = parser.parse_args()
    inputs = [str(path) for path in options.recordings if path.exists()]
    shards = [
        shard
        for shard in find.shards(find.find(inputs, SOURCES, lenient=True))
        if shard.format == "rrweb"
    ]
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="rrweb-player-") as name:
        folder = Path(name)
        script = installed(folder)
        page = folder / "player.html"
        page.write_text(
            f'<!DOCTYPE html><meta charset="utf-8"><script src="{script.as_uri()}"></script>'
            f'<script src="{(HERE / "rrweb_player.js").as_uri()}"></script><body>'
        )
        with chromium(
            Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver"), "MAP * ~NOTFOUND",
            "--allow-file-access-from-files",
        ) as driver:  # fmt: skip
            driver.set_script_timeout(120)
            driver.get(page.as_uri())
            for shard in sorted(shards, key=lambda each: each.name):
                equal = compare(driver, shard, options.points, total)
                total["recordings equal" if equal else "recordings that differ"] += 1
    for what, number in sorted(total.items()):
        print(f"{number:6} {what}")
    for what, says in EXPLAINED.items():
        print(f"       {what}: {says}")
    return 1 if total["pages that differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
