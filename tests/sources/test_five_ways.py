"""One session of our applications in five recordings: the same objectives, actions, targets and
node ids, but for what each recorder does not keep.

The recordings are made by `tests/recordings/five_ways.py`. What differs, and why:

- Playwright's trace begins with the call that opens the page, as does Chrome's Recorder. It has a
  ``clear`` before each text and a ``focus`` before each choice, which our driver calls and no other
  recorder sees apart. It leaves out ``script`` and ``noscript``, so that a node id is smaller by
  those that follow the element.
- rrweb knows no objective. A click is on the innermost element, ours on the button or link around
  it. It keeps scrolls that Playwright makes to bring an element into view.
- Playwright and Chrome's Recorder call the tick of a box a click, ours and rrweb ``check``.
- Chrome's Recorder says that a field changed: whether that was a choice or a text is told by the
  element. It has no times, so its steps get the first page of an address: on a page that scripts
  change, a later step has an earlier page, or loses its target.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from etl.files.storage import location
from etl.inputs import find
from etl.inputs.archives.join import Pages
from etl.pages.locators.match import Elements
from etl.pages.page import Page
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.stages import targets
from etl.stages.enter import enter
from etl.tally import Tally
from schemas.draft import Draft

FIVE = Path(__file__).parents[1] / "recordings" / "formats" / "five"
SESSIONS = sorted(path.name for path in FIVE.iterdir())
FILES = {
    "workflows": "native.jsonl.gz",
    "adp": "adp.jsonl.gz",
    "playwright": "trace.zip",
    "rrweb": "rrweb.json.gz",
    "chrome_recorder": "recorder.json",
}
ONE_ADDRESS = "booking-02"
"""A session on one address, of which all steps of Chrome's Recorder get the first page."""
BESIDE = frozenset(("navigate", "scroll", "clear", "focus"))
"""Kinds that only some recorders keep."""
LEFT_OUT = frozenset(("script", "noscript"))
"""Elements that a trace leaves out, with their content."""
SAME = {"check": "click", "change": "enter", "select": "enter", "type": "enter"}


class Seen(NamedTuple):
    """A step: what was done, and where."""

    kind: str
    value: str
    page: Page | None
    # index of the target in document order; -1 if it was not found
    element: int


def draft_of(session: str, format: str, folder: Path) -> Draft:
    """The one workflow of a recording, with pages where they are apart."""
    path = FIVE / session / FILES[format]
    (shard,) = find.shards(find.find([str(path)], SOURCES))
    assert shard.format == format
    tally = Tally()
    (workflow,) = SOURCES[format].read(shard, tally)
    assert not tally.quarantined
    draft = enter(workflow, Tally(), {})
    if format == "chrome_recorder":
        pages = Pages((str(FIVE / session / "pages.warc.gz"),))
        pages.indexed(location(str(folder)))
        pages.join(draft)
    return draft


def seen(draft: Draft) -> Iterator[Seen]:
    """The steps that every recorder keeps."""
    for step_draft in draft.steps:
        step = step_draft.step
        if step.action.kind in BESIDE:
            continue
        page = read(step.page)
        reason, _, element = targets.find(page, step.target)
        kind = SAME.get(step.action.kind, step.action.kind)
        yield Seen(kind, step.action.value, page, -1 if reason else element)


@pytest.fixture(scope="module", params=SESSIONS)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """All recordings of a session."""
    folder = tmp_path_factory.mktemp("five")
    drafts = {format: draft_of(request.param, format, folder) for format in FILES}
    return Session(request.param, drafts, {name: [*seen(each)] for name, each in drafts.items()})


class Session(NamedTuple):
    """A session: its name, its recordings and their steps, by format."""

    name: str
    drafts: dict[str, Draft]
    steps: dict[str, list[Seen]]


def test_objectives(session: Session) -> None:
    """All but rrweb's say the same."""
    said = {name: draft.objective for name, draft in session.drafts.items()}
    assert said.pop("rrweb") == ""
    assert set(said.values()) == {session.drafts["workflows"].objective} != {""}


def test_actions(session: Session) -> None:
    """All have the same kinds and values in the same order."""
    done = {
        name: [(step.kind, step.value) for step in steps] for name, steps in session.steps.items()
    }
    native = done.pop("workflows")
    assert len(native) > 6
    for name, actions in done.items():
        assert actions == native, name


def test_targets(session: Session) -> None:
    """All name the same element: its tag, and what identifies it; every one is found."""
    for name, steps in session.steps.items():
        for step, native in zip(steps, session.steps["workflows"], strict=True):
            lost = name == "chrome_recorder" and session.name == ONE_ADDRESS
            if step.element < 0:
                assert lost, name
            else:
                assert of(native) in {of(step), *around(step)}, name


def test_node_ids(session: Session) -> None:
    """On equal pages an element has the same node id; in a trace less what it lacks after it."""
    compared = 0
    for name, steps in session.steps.items():
        for step, native in zip(steps, session.steps["workflows"], strict=True):
            if step.element < 0 or of(step) != of(native):
                continue
            assert step.page is not None
            assert native.page is not None
            mine, theirs = native.page.node(native.element), step.page.node(step.element)
            if name == "playwright":
                assert mine - theirs == left_out_after(native.page, native.element)
            elif step.page.elements == native.page.elements:
                assert mine == theirs, name
            compared += 1
    assert compared > 25


def of(step: Seen) -> tuple[str, ...]:
    """The tag of a step's target, and the attributes that identify it."""
    assert step.page is not None
    return identity(step.page, step.element)


def around(step: Seen) -> Iterator[tuple[str, ...]]:
    """The same of all elements around the target."""
    assert step.page is not None
    parents = Elements(step.page).kin.parents
    element = parents[step.element]
    while element >= 0:
        yield identity(step.page, element)
        element = parents[element]


def identity(page: Page, element: int) -> tuple[str, ...]:
    """The tag of an element, and the attributes that identify it."""
    token = page.tokens[page.position(element)]
    attributes = token.attributes()
    names = ("id", "name", "class", "data-testid", "type")
    return (token.tag, *(attributes.get(name, "") for name in names))


def left_out_after(page: Page, element: int) -> int:
    """The number of elements after one that a trace leaves out."""
    parents = Elements(page).kin.parents
    tags = [page.tokens[page.position(each)].tag for each in range(page.elements)]

    def left_out(each: int) -> bool:
        return tags[each] in LEFT_OUT or (parents[each] >= 0 and tags[parents[each]] in LEFT_OUT)

    return sum(left_out(each) for each in range(element + 1, page.elements))
