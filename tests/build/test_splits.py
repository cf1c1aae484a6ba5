"""Splits of whole builds: Mind2Web's three, a cut in time, and lists of other names."""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import datasets
import pytest

from etl.build.recipes.recipe import load
from etl.build.run.whole import run
from etl.dataset.layout import Layout
from etl.dataset.place import place_of
from etl.look import overview
from etl.look.verify import verify
from etl.publish.export import Export
from etl.publish.folder import PublishedFolder
from etl.publish.publication import Order, publish
from schemas.errors import BuildError, ConfigError
from tests.support import builds
from tests.support.builds import Quiet

THREE: Final = ("split.test_task=0.2", "split.test_website=0.2", "split.test_domain=0.2")
SMALL: Final = ("fit.context=2048", "inputs.bundle_mb=0")
DAY: Final = 86_400_000
FIRST: Final = 1_767_225_600_000
"""2026-01-01, in milliseconds."""


def write(folder: Path, night: int, count: int = 150) -> Path:
    """The recordings of a night: five topics, seven sites of each, and some without a topic; each
    was recorded an hour after the one before.
    """
    records = []
    for number in range(1000 * night, 1000 * night + count):
        site, topic = f"{number % 5}-{number // 5 % 7}", f"Topic {number % 5}"
        fields: dict[str, Any] = {"website": f"site{site}", "topic": topic}
        if number % 11 == 0:
            fields = {}
        record = builds.workflow(number, 2, **fields)
        for step in record["steps"]:
            step["url"] = f"https://www.site{site}.example/{number}" if fields else step["url"]
            if number % 10:
                step["meta"] = {"timestamp": FIRST + night * DAY + (number % 1000) * 60_000}
        records.append(record)
    builds.write_workflows(folder / f"{night}.jsonl", *records)
    return folder


def sides(out: Path) -> dict[str, str]:
    """The split of each sample."""
    return {each.sample_id: each.split for each in builds.emitted(out)}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A build of one night, and the same with a second one."""
    folder = tmp_path_factory.mktemp("splits")
    inputs = write(folder / "in", 1)
    builds.build([inputs], folder / "one", *SMALL, *THREE)
    shutil.copytree(folder / "one", folder / "two")
    write(inputs, 2)
    builds.build([inputs], folder / "two", *SMALL, *THREE)
    return {"one": folder / "one", "two": folder / "two"}


@pytest.mark.parametrize("which", ["one", "two"])
def test_mind2webs_three_splits_obey_their_definitions(nights: dict[str, Path], which: str) -> None:
    """In a whole build, read back from its rows: no topic of ``test_domain`` is trained on, no site
    of ``test_website`` is but its topics are, and all sites of ``test_task`` are. No workflow is in
    two splits. All four have samples.
    """
    out = nights[which]
    split, topics, sites = sides(out), defaultdict(set), defaultdict(set)
    workflows: dict[str, set[str]] = defaultdict(set)
    for id, sample in builds.samples(out).items():
        side = split[id]
        workflows[sample.workflow].add(side)
        topics[side].add(sample.topic or sample.domain)
        sites[side].add(sample.domain)
    assert all(len(found) == 1 for found in workflows.values())
    assert topics.keys() == {"train", "test_task", "test_website", "test_domain"}
    assert not topics["test_domain"] & topics["train"]
    assert not sites["test_website"] & sites["train"]
    assert topics["test_website"] <= topics["train"]
    assert sites["test_task"] <= sites["train"]
    assert verify(out) == []


def test_a_night_moves_nothing_between_the_three(nights: dict[str, Path]) -> None:
    """Every old sample is in its split, and every old file has its bytes."""
    before, after = sides(nights["one"]), sides(nights["two"])
    assert {id: after[id] for id in before} == before
    assert len(after) > len(before)
    old, new = (builds.contents(nights[name] / "dataset" / "data") for name in ("one", "two"))
    assert {name: new[name] for name in old} == old


def test_the_three_load_and_are_described(nights: dict[str, Path], tmp_path: Path) -> None:
    """`load_dataset` loads each by its name, in a build and published; card, Croissant, overview
    and exports have them; samples that are too long are treated as test samples in all of them.
    """
    out = nights["two"]
    place, manifest = PublishedFolder(tmp_path / "published"), place_of(out).manifest
    publish(out, place, Order(allow=frozenset(("unlicensed",))), Quiet)
    for folder in (out / "dataset", tmp_path / "published"):
        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert {name: len(rows) for name, rows in loaded.items()} == {
            name: split.rows for name, split in manifest.splits.items()
        }
        assert next(iter(loaded)) == "train"
    card = (out / "dataset" / "README.md").read_text()
    assert "`test_website` 20.0% of the sites of topics that are trained on" in card
    assert re.search(r"Of \d+ topics \d+ are held out, and \d+ sites; \d+ sites are seen\.", card)
    described = json.loads((out / "dataset" / "croissant.json").read_text())
    names = next(each for each in described["recordSet"] if each["@id"] == "splits")["data"]
    assert {each["splits/name"]: each["splits/url"] for each in names} == {
        "train": "cr:TrainingSplit",
        **dict.fromkeys(("test_domain", "test_task", "test_website"), "cr:TestSplit"),
    }
    assert "test_website" in overview.text(overview.view(place_of(out)), out)
    exported = tmp_path / "tokens"
    some = Export(Layout(out).dataset, exported, "tokens", "parquet", ("test_domain",)).run()
    assert some["splits"].keys() == {"test_domain"}
    Export(Layout(out).dataset, exported, "tokens", "parquet").run()
    loaded = datasets.load_dataset(str(exported), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in loaded.items()} == {
        name: split.samples for name, split in manifest.splits.items()
    }
    fits = load("scribeagent-32k", THREE).packed.fits
    assert {name: fit.policy for name, fit in fits.items() if name != "train"} == dict.fromkeys(
        ("test", "validation", "test_task", "test_website", "test_domain"), "first"
    )


def test_a_share_that_comes_out_empty_is_an_error(tmp_path: Path) -> None:
    """Recordings without topics and websites have no held-out site of a seen topic: the build says
    that, and what to do.
    """
    path = builds.write_workflows(tmp_path / "in.jsonl", *map(builds.workflow, range(60)))
    with pytest.raises(BuildError, match=r"(?s)split.test_website = 0.5: .*neither topic nor web"):
        builds.build([path], tmp_path / "out", *SMALL, "split.test_website=0.5")


def test_a_cut_in_time(tmp_path: Path) -> None:
    """What was recorded on the day or later is the test split, whatever night it came with; what
    has no time is trained on, and counted in a warning, the manifest and the card.
    """
    inputs = write(write(tmp_path / "in", 1), 2)
    day = 'split.since="2026-01-03"'
    made = builds.prepared([inputs], tmp_path / "out", *SMALL, day)
    manifest = run(made)
    tested = {id for id, split in sides(tmp_path / "out").items() if split == "test"}
    assert tested == {
        f"workflows:w{number}/{step}" for number in range(2000, 2150) for step in (1, 2)
        if number % 10
    }  # fmt: skip
    assert manifest.drawn == {"since": FIRST + 2 * DAY, "workflows": 300, "without_time": 30}
    assert any("30 of 300 workflows have no recorded time" in w for w in made.record.warnings)
    card = (tmp_path / "out" / "dataset" / "README.md").read_text()
    assert "recorded at 2026-01-03T00:00:00+00:00 or later" in card
    assert "Of 300 workflows 30 have no recorded time" in card
    assert verify(tmp_path / "out") == []
    with pytest.raises(BuildError, match=r"split\.since = 2030-01-01: the test split is empty"):
        builds.build([inputs], tmp_path / "later", *SMALL, 'split.since="2030-01-01"')


def test_the_cut_of_a_share_stays(tmp_path: Path) -> None:
    """The last tenth of the first night is the test split, and so is all of the second: the cut
    stays, even if what it was made of is gone, and if generations become one.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    builds.build([inputs], out, *SMALL, "split.last=0.1")
    first = sides(out)
    tested = {id for id, split in first.items() if split == "test"}
    assert len(tested) == 2 * round(0.1 * 135)
    write(inputs, 2)
    builds.build([inputs], out, *SMALL, "split.last=0.1")
    both = sides(out)
    assert {id: both[id] for id in first} == first
    assert all(
        (both[f"workflows:w{number}/1"] == "test") == bool(number % 10)
        for number in range(2000, 2150)
    )
    builds.build([inputs], out, *SMALL, "split.last=0.1", compact=True)
    assert sides(out) == both
    (inputs / "1.jsonl").unlink()
    builds.build([inputs], out, *SMALL, "split.last=0.1", allow_removal=True)
    assert sides(out) == {id: split for id, split in both.items() if id not in first}


def test_a_cut_between_generations(tmp_path: Path) -> None:
    """What came with the second generation is the test split; before it comes, the build says that
    the split is empty, whatever a list holds; generations that are cut between are not made one.
    """
    inputs, out = write(tmp_path / "in", 1, 20), tmp_path / "out"
    made = builds.prepared([inputs], out, *SMALL, "split.since=g0002")
    run(made)
    assert any("the test split is empty" in warning for warning in made.record.warnings)
    assert set(sides(out).values()) == {"train"}
    (tmp_path / "hard.txt").write_text("w1001\n")
    listed = f"split.lists.hard={json.dumps(str(tmp_path / 'hard.txt'))}"
    also = builds.prepared([inputs], tmp_path / "also", *SMALL, "split.since=g0002", listed)
    run(also)
    assert any("the test split is empty" in warning for warning in also.record.warnings)
    write(inputs, 2, 20)
    builds.build([inputs], out, *SMALL, "split.since=g0002")
    assert {id: split == "test" for id, split in sides(out).items()} == {
        id: id.startswith("workflows:w2") for id in sides(out)
    }
    assert "came with generation g0002" in (out / "dataset" / "README.md").read_text()
    with pytest.raises(ConfigError, match="compacting makes one of all"):
        builds.build([inputs], out, *SMALL, "split.since=g0002", compact=True)


def test_lists_fill_splits_of_any_name(tmp_path: Path) -> None:
    """Each list fills the split of its name, its path is relative to the recipe, and an entry that
    matches nothing is named with its setting.
    """
    inputs = write(tmp_path / "in", 1)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "easy.txt").write_text("w1001\nw1002\n")
    (tmp_path / "lists" / "hard.txt").write_text("site2-2.example\ntopic 4\nnowhere\n")
    (tmp_path / "mine.toml").write_text(
        'extends = "scribeagent-32k"\n[split]\ntest = 0.0\n'
        '[split.lists]\ntest_easy = "lists/easy.txt"\nhard = "lists/hard.txt"\n'
    )
    made = builds.prepared(
        [inputs], tmp_path / "out", recipe=load(str(tmp_path / "mine.toml"), SMALL)
    )
    manifest = run(made)
    split = sides(tmp_path / "out")
    samples = builds.samples(tmp_path / "out")
    easy = {samples[id].workflow for id, side in split.items() if side == "test_easy"}
    hard = {samples[id].domain for id, side in split.items() if side == "hard"}
    assert {samples[id].topic for id, side in split.items() if side != "hard"} == {
        "", *(f"Topic {number}" for number in range(4))
    }  # fmt: skip
    assert easy == {"workflows:w1001", "workflows:w1002"}
    assert hard == {"site2-2.example", *(f"site4-{number}.example" for number in range(7))}
    assert manifest.splits.keys() == {"train", "test_easy", "hard"}
    assert any("split.lists.hard: 'nowhere' matches nothing" in w for w in made.record.warnings)
    assert verify(tmp_path / "out") == []
    (tmp_path / "lists" / "hard.txt").write_text("nowhere\n")
    recipe = load(str(tmp_path / "mine.toml"), SMALL)
    with pytest.raises(BuildError, match=r"split\.lists\.hard = .*: the hard split is empty"):
        builds.build([inputs], tmp_path / "two", recipe=recipe)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["split.since=soon"], "expected a day as 2026-01-31"),
        (["split.since=2026-01-01", "split.last=0.1"], "cannot both be given"),
        (["split.last=1.5"], "split.last 1.5 is not a share"),
        (["split.last=0.1", "split.test=0.1"], "split.last and split.test cannot both"),
        (["split.test_task=0.1", "split.test=0.1"], "split.test and split.test_task cannot both"),
        (["split.test_domain=1.0"], "something must be trained on"),
        (["split.since=g0002", "split.held_out=x"], "split.since and split.held_out cannot both"),
        (["split.test_task=0.1", "split.lists.test_task=x"], "split.lists.test_task cannot both"),
        (["split.test_task=0.1", "split.key=domain"], "test splits hold whole workflows"),
        (["split.lists.test=x"], "write the list of this split as split.held_out"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: list[str], says: str) -> None:
    """Before any work, with the names of the settings."""
    with pytest.raises(ConfigError, match=re.escape(says)):
        load("scribeagent-32k", settings)
