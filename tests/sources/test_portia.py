"""Portia: annotations become steps on the original page, which never shows them."""

from __future__ import annotations

import html
import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from etl.inputs import find
from etl.inputs.records import InputHead
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.portia.marks import without_markers
from etl.sources.portia.spiders import Portia
from etl.stages import targets
from etl.tally import Tally
from schemas.workflow import Step, Workflow

PAGE = (
    "<html><body>\r\n<h1>Mug</h1><p>Blue</p><p>Big, 300 ml</p><img src='m.png'>"
    "<b id=price>7</b></body></html>"
)


def mark(**fields: str) -> str:
    return f' data-scrapy-annotate="{html.escape(json.dumps({"annotations": fields}))}"'


def part(field: str) -> str:
    given = json.dumps({"annotations": {"content": field}, "generated": True})
    return f'<ins data-scrapy-annotate="{html.escape(given)}">'


ANNOTATED = (
    PAGE.replace("<h1", f"<h1{mark(content='name')}")
    .replace("<p>Big, 300 ml", f"<p{mark(content='size')}>Big, {part('volume')}300</ins> ml")
    .replace("<img", f"<img{mark(src='image', alt='title')}")
)


def template(**more: Any) -> dict[str, Any]:
    return {
        "url": "https://shop.example/mug", "page_id": "p1", "page_type": "item",
        "scrapes": "default", "extractors": {}, "original_body": PAGE, "annotated_body": ANNOTATED,
        **more,
    }  # fmt: skip


def extract(*accepted: str, **more: Any) -> dict[str, Any]:
    return {
        "accept_selectors": list(accepted), "selector": "body > b", "xpath": "//b",
        "data": {"d": {"attribute": "content", "field": "f1"}}, **more,
    }  # fmt: skip


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "portia"
    tally = Tally()
    return list(Portia().read(shard, tally)), tally


def found(step: Step) -> str:
    page = read_page(step.html)
    reason, _, element = targets.find(page, step.target)
    return reason or page.tokens[page.position(element)].markup


def test_annotations_of_the_page_are_steps_on_the_original(tmp_path: Path) -> None:
    """The marked element is found by its place; a part of a text is no element."""
    ((workflow,), tally) = read(written(tmp_path / "mug.json", template()))
    assert (workflow.workflow_id, workflow.objective) == (
        "mug/p1", "Extract name, size, image, title from the page",
    )  # fmt: skip
    assert [(step.action.kind, step.action.value, found(step)) for step in workflow.steps] == [
        ("observe", "name", "<h1>"), ("observe", "size", "<p>"),
        ("observe", "image", "<img src='m.png'>"), ("observe", "title", "<img src='m.png'>"),
    ]  # fmt: skip
    assert targets.find(read_page(PAGE), workflow.steps[1].target)[2] == 4
    assert {step.html for step in workflow.steps} == {PAGE}
    assert [orjson.loads(step.meta)["attribute"] for step in workflow.steps][2:] == ["src", "alt"]
    assert tally.odd["unplaced_value", "volume"] == 1
    assert orjson.loads(workflow.meta) == {"page_type": "item", "scrapes": "default"}


def test_pages_that_differ_are_matched_by_the_start_tag(tmp_path: Path) -> None:
    """Where the two pages have other elements, an element counts if its start tag is unique."""
    other = ANNOTATED.replace("<body>", "<body><div></div>")
    ((workflow,), _) = read(written(tmp_path / "a.json", template(annotated_body=other)))
    assert [found(step) for step in workflow.steps][:2] == ["<h1>", "target_ambiguous"]


def test_annotations_apart_from_the_page(tmp_path: Path) -> None:
    """Selectors find the element, schemas name the fields, containers are no annotations."""
    extracts = [
        {"item_container": True, "selector": "body", "annotations": {"#portia-content": "#dummy"}},
        extract("#price"),
        extract("p:nth-child(2)", "p:nth-child(3)"),
        extract(selector="p", xpath="", data={"d": {"field": "f2"}}),
        extract(data=None, annotations={"content": [{"field": "old"}], "alt": "older"}),
        "nonsense",
    ]
    spider = {
        "name": "shop",
        "items": {"i": {"fields": {"f1": {"name": "price"}}}},
        "templates": [template(plugins={"annotations-plugin": {"extracts": extracts}}, id="t")],
    }
    ((workflow,), _) = read(written(tmp_path / "shop.json", spider))
    assert workflow.workflow_id == "shop/t"
    assert [(step.action.value, found(step)) for step in workflow.steps] == [
        ("price", "<b id=price>"), ("price", "<p>"), ("price", "<p>"), ("f2", "target_ambiguous"),
        ("old", "<b id=price>"), ("older", "<b id=price>"),
    ]  # fmt: skip
    assert targets.find(read_page(PAGE), workflow.steps[2].target)[2] == 4


def test_markers_never_stay_in_the_page(tmp_path: Path) -> None:
    """A page that was saved with its markers loses them."""
    saved = template(original_body=ANNOTATED.replace("<h1", "<h1 data-scrapy-ignore class=x"))
    ((workflow,), _) = read(written(tmp_path / "a.json", saved))
    assert "data-scrapy" not in workflow.steps[0].html
    assert "<h1 class=x>" in without_markers(saved["original_body"])
    assert without_markers("<p>a data-scrapy-x b</p>") == "<p>a data-scrapy-x b</p>"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (template(annotated_body=""), "workflow_without_steps"),
        (template(original_body=7), "wrong_type"),
        (template(annotated_body=PAGE.replace("<h1", "<h1 data-scrapy-annotate='[1'")),
         "workflow_without_steps"),
        ("nonsense", "wrong_type"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_read_is_quarantined_alone(
    tmp_path: Path, bad: Any, reason: str
) -> None:
    """The others of its spider are read."""
    path = written(tmp_path / "a.json", {"templates": [template(), bad]})
    flows, tally = read(path)
    assert len(flows) == 1
    assert [(each.id, each.reason) for each in tally.quarantined] == [("a.json#template=1", reason)]
    assert orjson.loads(tally.quarantined[0].raw) == bad


def test_only_templates_and_spiders_are_recognised(tmp_path: Path) -> None:
    """A page may be longer than the beginning that is looked at; other objects are none."""
    path = written(tmp_path / "a.json", {"id": 1, "extractors": {}, "original_body": "x" * 99_999})
    assert Portia().recognise(InputHead.of(path))
    others: tuple[Any, ...] = (
        {"original_body": "x"}, {"templates": []}, {"templates": [{"name": "x"}]}, [],
    )  # fmt: skip
    for other in others:
        assert not Portia().recognise(InputHead.of(written(path, other)))


def test_real_spiders(shared: Path) -> None:
    """All nine files are read, nothing else is claimed, and most marked elements are found."""
    data = find.find([str(shared / "data")], SOURCES, lenient=True)
    claimed = [item for item in data if item.format == "portia"]
    assert {item.name.split("/")[0] for item in claimed} == {"portia"}
    assert len(claimed) == 9
    outcomes = []
    for shard in find.shards(claimed):
        tally = Tally()
        for workflow in Portia().read(shard, tally):
            assert "data-scrapy" not in workflow.steps[0].html
            outcomes += [found(step) for step in workflow.steps if step.html]
        assert not tally.quarantined
    assert (len(outcomes), sum(outcome.startswith("<") for outcome in outcomes)) == (54, 44)


def test_mutated_files_are_read_or_quarantined(tmp_path: Path) -> None:
    """No damage raises, and each record is entered once."""
    chance = random.Random(2)
    plugin = {"annotations-plugin": {"extracts": [extract("b", "p")]}}
    path = written(tmp_path / "a.json", {"templates": [template(), template(plugins=plugin)]})
    whole = path.read_bytes()
    for _ in range(500):
        at, to = sorted(chance.sample(range(len(whole)), 2))
        damaged = {
            0: whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
            1: whole[:to],
            2: whole[:to] + whole[at:],
        }[chance.randrange(3)]
        path.write_bytes(damaged)
        (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
        tally = Tally()
        list(SOURCES[shard.format].read(shard, tally))
        ids = [entry.id for entry in tally.entries if not entry.reason]
        assert len(ids) == len(set(ids))
