"""The stage that takes marks of recorders off pages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.build.recipes.recipe import load
from etl.stages.leaks import Leaks
from etl.stages.prune import Prune
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.workflow import Locator
from tests.support import builds
from tests.support.strategies import draft, rules, step

PAGE = '<p>a</p><button id="b" title="picked">&#9654; Buy</button><span class="box"></span>'
LISTS = ("attributes=title=picked", "beginnings=\u25b6", "elements=.box")


def stage(*given: str) -> Leaks:
    lists: dict[str, Any] = {}
    for each in given:
        name, _, entry = each.partition("=")
        lists.setdefault(name, set()).add(entry)
    for name, entries in lists.items():
        lists[name] = frozenset(entries)
    return Leaks(**lists)


def row(html: str = PAGE, element: int = 1) -> Draft:
    made = draft(step(html, Locator("css", "#b")))
    made.steps[0].element, made.steps[0].node = element, 1
    return made


def run(leaks: Leaks, given: Draft) -> tuple[Draft, Tally]:
    tally = Tally("leaks")
    (out,) = Prune(**vars(rules()))(leaks(iter([given]), tally), tally)
    return out, tally


def test_marks_go_from_page_answer_and_words() -> None:
    """Neither observation nor start tag nor description holds a mark; the page's size is as it was
    recorded, and what matched is noted.
    """
    out, tally = run(stage(*LISTS), row())
    made = out.steps[0]
    assert made.observation == '<p node="2"> a </p> <button id="b" node="1"> Buy </button> '
    assert (made.start_tag, made.description) == ('<button id="b" node="1">', 'Click "Buy"')
    assert made.step.html == PAGE
    assert tally.matched == {
        "leaks.attributes title=picked", "leaks.beginnings \u25b6", "leaks.elements .box"
    }  # fmt: skip


def test_entries_that_match_nothing() -> None:
    """They are named with their setting; a page without marks is left as it is."""
    leaks = stage("classes=rec", "classes=box")
    out, tally = run(leaks, row())
    assert leaks.unmatched(frozenset(tally.matched)) == {"leaks.classes": ["rec"]}
    assert out.steps[0].cleaned
    assert not run(stage("classes=rec"), row())[0].steps[0].cleaned


def test_a_file_holds_more(tmp_path: Path) -> None:
    """The section that inspect prints is a file; its content counts, not its name."""
    file = tmp_path / "marks.toml"
    file.write_text('[leaks]\nclasses = ["rec"]\n')
    one = Leaks(texts=frozenset({"x"}), file=str(file))
    file.with_name("other.toml").write_text('classes = ["rec"]\ntexts = ["x"]')
    other = Leaks(file=str(file.with_name("other.toml")))
    assert one.settings() == other.settings()
    assert one.settings()["classes"] == ["rec"]
    assert "2 marks" in Leaks.in_words(one.settings())
    assert Leaks.in_words(Leaks().settings()) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [("classes = 3", "classes is no list"), ("[", "not TOML"), ('tags = ["b"]', "tags is no list"),
     ('leaks = "x"', "leaks is no list"), ('texts = [" "]', "names nothing")],
)  # fmt: skip
def test_a_bad_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A file that holds something else stops the build before it starts, and says where."""
    (tmp_path / "marks.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load("scribeagent-32k", [f"leaks.file={tmp_path / 'marks.toml'}"]).settings()


@pytest.mark.parametrize("entry", ["", " ", "."])
def test_an_empty_entry_is_refused(entry: str) -> None:
    """An entry that names nothing would match nothing."""
    with pytest.raises(ConfigError, match=r"leaks\.elements"):
        Leaks(elements=frozenset({entry}))


def test_no_section_changes_nothing() -> None:
    """Without a section the stage is no part of a build, nor of its fingerprint."""
    assert "stage leaks" not in load("scribeagent-32k").settings()["samples"]
    assert "stage leaks" in load("scribeagent-32k", ['leaks.texts=["x"]']).settings()["samples"]


def test_in_a_build(tmp_path: Path) -> None:
    """Marks go in a whole build; an entry that matches nothing is reported, and stops a strict
    one.
    """
    records = [builds.workflow(number, steps=2) for number in range(4)]
    for record in records:
        for page in record["steps"]:
            page["html"] = page["html"].replace("<button", '<button title="rec"')
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    settings = ('leaks.attributes=["title=rec", "title=other"]',)
    builds.build([tmp_path / "in"], tmp_path / "out", *settings)
    told = [sample.observation for sample in builds.samples(tmp_path / "out").values()]
    assert len(told) == 8
    assert not any("title" in each for each in told)
    unmatched = json.loads((tmp_path / "out" / "work" / "unmatched.json").read_text())
    assert [(each["setting"], each["entry"]) for each in unmatched] == [
        ("leaks.attributes", "title=other")
    ]
    done = builds.command(
        "build", tmp_path / "in", "--out", tmp_path / "strict", "--set", settings[0], "--strict"
    )
    assert done.returncode != 0
    assert "leaks.attributes: 'title=other' matches nothing" in done.stderr


def test_marks_go_from_a_page_that_is_a_text(tmp_path: Path) -> None:
    """They go from lines as from elements; a line that goes renumbers the target."""
    records = [builds.workflow(number) for number in range(2)]
    for number, record in enumerate(records):
        (page,) = record["steps"]
        page |= {
            "html": "",
            "axtree": f"RootWebArea 'Item {number}'\n\t[7] button 'Order', picked\n"
            "\t[8] generic 'step', badge\n\t\tStaticText 'here'\n\t[9] link 'Back'",
            "target": [{"kind": "ref", "value": "7"}],
        }
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    builds.build(
        [tmp_path / "in"], tmp_path / "out", 'filter.observations=["axtree"]', "split.test=0",
        'leaks.attributes=["picked"]', 'leaks.elements=["badge"]',
    )  # fmt: skip
    first = builds.samples(tmp_path / "out")["workflows:w0/1"]
    assert first.observation == "RootWebArea 'Item 0'\n\t[7] button 'Order'\n\t[9] link 'Back'"
    assert (first.node, first.target_html) == (1, "[7] button 'Order'")
