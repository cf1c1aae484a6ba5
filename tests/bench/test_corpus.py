"""The corpus that stands for the paper's: what a build of any size is measured on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

import stepmill
from etl.pages.reading import read
from tests.bench.corpus import (
    Base,
    bases,
    folders,
    grow,
    pages_of,
    repeats,
    template,
    visits,
)
from tests.bench.workloads import SHIPPED, workflows


@pytest.fixture(scope="module")
def grown() -> list[Base]:
    return bases([SHIPPED])


def test_no_two_pages_are_equal_and_a_seed_gives_the_same(grown: list[Base]) -> None:
    """Every page of every visit differs from all others, and comes again with its seed."""
    flows = list(islice(visits(grown), 40))
    pages = [step.html for flow in flows for step in flow.steps if step.html]
    assert len({*pages}) == len(pages) > 300
    assert flows == list(islice(visits(grown), 40))
    assert not {*pages} & {
        step.html for flow in islice(visits(grown, 1), 40) for step in flow.steps
    }


def test_many_domains_and_about_eleven_steps(grown: list[Base]) -> None:
    """Hosts are of many sites, and workflows have eleven steps on average."""
    flows = list(islice(visits(grown), 200))
    hosts = {step.url.split("/")[2] for flow in flows for step in flow.steps}
    assert len({host.split(".", 1)[1] for host in hosts}) > 100
    assert 10 < sum(len(flow.steps) for flow in flows) / len(flows) < 12


def test_a_template_without_changes_is_its_page() -> None:
    """The segments of a template, joined, prune to what the page itself gives."""
    for flow in workflows(SHIPPED)[:10]:
        for step in flow.steps:
            page = "".join(template(read(step.html)).parts)
            assert stepmill.prune(page) == stepmill.prune(step.html)


def test_every_target_is_found_and_every_workflow_kept(grown: list[Base], tmp_path: Path) -> None:
    """A build of a night drops nothing for its targets, and writes each workflow once."""
    number, done = grow(grown, tmp_path / "in", 3.0)
    assert done >= 3.0
    assert len([*tmp_path.glob("in/night-0000/alone/*")]) == number // 10
    made = stepmill.build(tmp_path / "in", out=tmp_path / "out")
    assert made.manifest.totals.workflows == number
    drops = made.statistics("drops")
    lost = set(drops.filter(drops["stage"] == "locate")["reason"])
    assert lost == {"no_element"}  # scrolls, which have none


def test_no_more_of_it_repeats_than_of_real_recordings(shared: Path) -> None:
    """A cache knows no more of its pages from earlier ones than of WorkArena's recordings."""
    ours = repeats(pages_of(visits(bases(folders(), 8.0)), 20.0))
    real = repeats(pages_of(workflows(shared / "data/browsergym_workarena/episodes_jsonl"), 40.0))
    assert 0.2 < ours.runs < real.runs
    assert ours.pieces < real.pieces
