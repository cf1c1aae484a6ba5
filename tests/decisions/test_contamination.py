"""Workflows whose tasks are those of benchmarks are flagged, and leave the training split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.recipes.recipe import load
from etl.dataset.index import light_rows, scan
from etl.dataset.layout import Layout, Shelf, Work
from etl.decisions.benchmarks import registry
from etl.decisions.benchmarks.compare import METHODS, Asked, Limits, Tasks
from etl.decisions.benchmarks.files import Listed, Task
from etl.decisions.contamination import Contamination
from etl.files.arrow import write_table
from etl.files.hashes import order_hash
from schemas.errors import ConfigError, IntegrityError
from tests.support import builds

FIND = "Find the cheapest direct flight from Boston to Oslo on March 3 with two bags"
TASKS = (
    Task("f1e2d3c4", FIND, sites=("kayak",)),
    Task("17", "Show the newest order of Ann", template="Show the newest order of {{name}}"),
    Task("18", "Like posts about llamas", urls=("__REDDIT__/f/pics",)),
    Task("miniwob.click-tab"),
    Task("workarena.servicenow.order-ipad-pro"),
    Task("site-1", urls=("https://shop.example/item/1",)),
)


def tasks(*methods: str) -> Tasks:
    listed = Listed("webarena", "1", TASKS, ("0",))
    limits = Limits(frozenset(methods or METHODS), 800, 650, 550, 350)
    return Tasks(registry.made([listed]), limits)


def asked(objective: str = "", **fields: str) -> Asked:
    known = {"workflow": "x:1", "website": "", "domain": "unknown", "url": ""} | fields
    return Asked(known["workflow"], objective, known["website"], known["domain"], known["url"])


FOUND: dict[str, tuple[str, str, Asked]] = {
    "id": ("task_id", "f1e2d3c4", asked("Go", workflow="mind2web:f1e2d3c4")),
    "number": ("task_id", "17", asked("Go", workflow="browsergym:2024_x__webarena.17_3")),
    "page": ("task_id", "miniwob.click-tab", asked("Click on tab 2", website="click-tab")),
    "name on its site": (
        "task_id",
        "workarena.servicenow.order-ipad-pro",
        asked("Go", workflow="browsergym:2024__order-ipad-pro_14", domain="service-now.com"),
    ),
    "exact": ("exact", "f1e2d3c4", asked(FIND)),
    "normalised": ("normalised", "f1e2d3c4", asked(f"Please {FIND.upper()}!")),
    "masked": (
        "masked", "f1e2d3c4",
        asked("Find the cheapest direct flight from Lima to Cairo on May 9 with four bags"),
    ),
    "masked by its template": ("masked", "17", asked("please show newest order of bob miller")),
    "ngrams": ("ngrams", "f1e2d3c4", asked(f"You are an agent. {FIND}. Answer as JSON, in words.")),
    "reworded": (
        "reworded", "f1e2d3c4",
        asked("On March 3, look for the lowest priced direct flight with 2 bags, Boston to Oslo"),
    ),
    "site_task": (
        "site_task", "f1e2d3c4",
        asked("Find a direct flight, Boston to Oslo, March 4, two suitcases", domain="kayak.com"),
    ),
    "start_url": (
        "start_url", "18",
        asked("Like threads about llamas there", url="http://localhost:9999/f/pics"),
    ),
    "address alone": ("start_url", "site-1", asked("Go", url="https://www.shop.example/item/1")),
}  # fmt: skip


@pytest.mark.parametrize("what", FOUND)
def test_each_method_finds_what_it_is_for(what: str) -> None:
    """The surest method that finds a task is named, and without it the task is not found so."""
    method, task, one = FOUND[what]
    if what == "masked by its template":  # three words that stay are too few without the site
        one = one._replace(website="shop")
        known = registry.made(
            [Listed("w", "1", (Task("17", TASKS[1].text, TASKS[1].template, ("shop",)),), ("0",))]
        )
        found = Tasks(known, Limits(frozenset(METHODS), 800, 650, 550, 350)).overlaps(one)
    else:
        found = tasks().overlaps(one)
        others = tasks(*(each for each in METHODS if each != method)).overlaps(one)
        assert all(match.method != method for match in others)
    assert [(match.method, match.entry.task) for match in found] == [(method, task)]


PAGE = bytes(range(128))
ALMOST = bytes([*range(122), *[0] * 6])
NONE: dict[str, str] = {}
FAR = bytes([*range(100), *[0] * 28])


def begun(*pages: tuple[bytes, int], site: str = "kayak", most: int = 2) -> Tasks:
    """Tasks that begin on these pages, with their numbers of shapes."""
    every = tuple(
        Task(f"page-{at}", f"{FIND} {at}", "", (site,), (), page, shapes)
        for at, (page, shapes) in enumerate(pages)
    )
    limits = Limits(frozenset({"skeleton"}), 800, 650, 550, 350, 900, 30, most)
    return Tasks(registry.made([Listed("w", "1", every, ("0",))]), limits)


def shown(page: bytes, shapes: int = 40, *, fields: Mapping[str, str] = NONE) -> Asked:
    known = {"url": "https://www.kayak.com/flights", "domain": "kayak.com", "objective": "Go"}
    return asked(**{**known, **fields})._replace(skeleton=page, shapes=shapes)


def test_a_first_page_tells_a_task() -> None:
    """The same tags, or nearly, on the task's site; or anywhere with words of the task."""
    tasks = begun((PAGE, 40))
    for page, similarity in ((PAGE, 1000), (ALMOST, 952)):
        (match,) = tasks.overlaps(shown(page))
        assert (match.method, match.entry.task, match.similarity) == (
            "skeleton", "page-0", similarity,
        )  # fmt: skip
    words = {"objective": "Find a cheapest flight from Boston to Oslo", "domain": "other.example"}
    assert [match.method for match in tasks.overlaps(shown(PAGE, fields=words))] == ["skeleton"]
    assert [match.method for match in tasks.overlaps(shown(PAGE, fields={"url": ""}))] == [
        "skeleton"
    ]


def test_a_page_that_tells_nothing_flags_nothing() -> None:
    """Neither another page, nor one on another site, nor a small one, nor a front page, nor one on
    which many tasks begin.
    """
    tasks = begun((PAGE, 40))
    assert not tasks.overlaps(shown(FAR))
    assert not tasks.overlaps(shown(PAGE, fields={"domain": "other.example"}))
    assert not tasks.overlaps(shown(PAGE, 29))
    assert not begun((PAGE, 29)).overlaps(shown(PAGE))
    assert not tasks.overlaps(shown(PAGE, fields={"url": "https://www.kayak.com/"}))
    assert not tasks.overlaps(shown(b"", 0))
    crowd = ((PAGE, 40), (ALMOST, 40), (PAGE, 41))
    assert not begun(*crowd).overlaps(shown(PAGE))
    assert begun(*crowd, most=3).overlaps(shown(PAGE))


INNOCENT = (
    asked("Find the cheapest direct flight"),
    asked("Show my cart"),
    asked("Like posts", url="http://localhost:9999/"),
    asked("Book a hotel in Boston on March 3 for two adults", domain="kayak.com"),
    asked("Click on tab 2", website="click-tab-2"),
    asked("Go", workflow="browsergym:2024__order-ipad-pro_14", domain="shop.example"),
    asked("Go", workflow="browsergym:webarena.171"),
    asked("", workflow="x:1"),
    asked("please"),
)


@pytest.mark.parametrize("one", INNOCENT)
def test_what_is_only_near_is_not_found(one: Asked) -> None:
    """A part of a task, another task on its site, and names that begin alike are none of it."""
    assert tasks().overlaps(one) == []


@given(st.permutations(range(len(FOUND))), st.integers(1, 5))
def test_neither_order_nor_groups_nor_nights_matter(order: list[int], size: int) -> None:
    """However workflows come, in groups and generations, each overlaps with the same tasks."""
    every = [one for _, _, one in FOUND.values()]
    rows = pl.DataFrame(
        [
            {
                **every[at]._asdict(),
                "step": 1,
                "position": at,
                "split": "train",
                "reason": "",
                "detail": "",
            }
            for at in order
        ]
    ).with_columns(pl.col("position").cast(pl.Int32))  # fmt: skip
    groups = [rows[at : at + size] for at in range(0, rows.height, size)]
    decision = _decision(registry.made([Listed("webarena", "1", TASKS, ("0",))]))
    judge = decision.judge(lambda text: order_hash(text, 0))
    for generation, group in enumerate(groups, 1):
        judge.learn(generation, [group])
    judged = pl.concat([judge.judged(1, group) for group in groups]).sort("position")
    mine = judged.filter(pl.col("reason") == "contaminated").select("position", "detail")
    alone = tasks()
    assert dict(mine.iter_rows()) == {
        at: f"webarena {match.entry.task}, {match.method} {match.similarity / 1000:.3f}"
        for at, one in enumerate(every)
        for match in alone.overlaps(one)
    }


def _decision(known: registry.Registry) -> Contamination:
    """The decision with a registry that is in no file."""
    decision = object.__new__(Contamination)
    for name, field in Contamination.__dataclass_fields__.items():
        object.__setattr__(decision, name, field.default)
    decision.__dict__["known"] = known
    return decision


@pytest.fixture(scope="module")
def registry_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with the tasks of workflows 1, 2 and 40, and a benchmark that none overlaps."""
    path = tmp_path_factory.mktemp("benchmarks") / "some.registry"
    mine = [
        Task(f"task-{number}", str(builds.workflow(number)["objective"])) for number in (1, 2, 40)
    ]
    other = (Task("other-1", "Whistle a tune of four bars to the parrot next door"),)
    listed = [Listed("ours", "7", tuple(mine), ("1",)), Listed("webvoyager", "8", other, ("2",))]
    registry.write(path, registry.made(listed))
    return path


def build(folder: Path, registry_file: Path, *settings: str) -> dict[str, Any]:
    given = f'contamination.registries=["{registry_file}"]'
    methods = 'contamination.methods=["exact", "normalised"]'  # our workflows differ in a number
    return builds.build([folder / "in"], folder / "out", given, methods, *settings)


def test_what_is_flagged_leaves_the_training_split(tmp_path: Path, registry_file: Path) -> None:
    """It is dropped with the reason; what is held out stays and is listed; a later night changes
    nothing of an earlier one; the manifest has figures of each benchmark, also zero.
    """
    flows = [builds.workflow(number, steps=2) for number in range(20)]
    builds.write_workflows(tmp_path / "in" / "1.jsonl", *flows)
    (tmp_path / "held").write_text("w2\nw9\n")
    held = f'split.held_out="{tmp_path / "held"}"'
    build(tmp_path, registry_file, held)
    assert not (tmp_path / "out" / "work" / "signatures").exists()
    before = rows(tmp_path)
    assert before.filter(pl.col("reason") == "contaminated").to_dicts() == [
        {"sample_id": f"workflows:w1/{step}", "split": "train", "reason": "contaminated",
         "detail": "ours task-1, exact 1.000"}
        for step in (1, 2)
    ]  # fmt: skip
    builds.write_workflows(
        tmp_path / "in" / "2.jsonl", *(builds.workflow(number) for number in range(30, 50))
    )
    manifest = build(tmp_path, registry_file, held)
    after = rows(tmp_path)
    assert after.join(before, on="sample_id", how="semi").equals(before)
    assert after.filter(pl.col("reason") == "contaminated").height == 3
    assert manifest["contamination"] == [
        {"benchmark": "ours", "version": "7", "date": "", "tasks": 3, "overlapping": 3,
         "workflows": 3, "samples": 5, "dropped": 3, "methods": {"exact": 3}},
        {"benchmark": "webvoyager", "version": "8", "date": "2024-01", "tasks": 1,
         "overlapping": 0, "workflows": 0, "samples": 0, "dropped": 0, "methods": {}},
    ]  # fmt: skip
    card = (tmp_path / "out" / "dataset" / "README.md").read_text()
    assert "What overlaps has left the training split (3 samples)." in card
    assert "ours 7: 3 workflows with 5 samples, 3 of them left out." in card
    assert "webvoyager 8 of 2024-01: 0 workflows with 0 samples, 0 of them left out." in card
    assert str(registry_file) not in json.dumps(manifest)


def rows(folder: Path) -> pl.DataFrame:
    columns = ["sample_id", "split", "reason", "detail"]
    return scan(Layout(folder / "out").work).select(columns).sort("sample_id").collect()


def test_what_is_flagged_may_be_listed_only(tmp_path: Path, registry_file: Path) -> None:
    """With ``flagged = "list"`` nothing is dropped, and the pairs are the same."""
    flows = [builds.workflow(number, steps=2) for number in range(20)]
    builds.write_workflows(tmp_path / "in" / "1.jsonl", *flows)
    manifest = build(tmp_path, registry_file, 'contamination.flagged="list"')
    assert manifest["totals"]["samples"] == 40
    first, _ = manifest["contamination"]
    assert (first["workflows"], first["samples"], first["dropped"]) == (2, 4, 0)
    card = (tmp_path / "out" / "dataset" / "README.md").read_text()
    assert "What overlaps is listed and still in the training split." in card


def test_the_pairs_are_shown(tmp_path: Path, registry_file: Path) -> None:
    """Text and JSON show objective, benchmark, task, method; the text of the task if its file is
    given. A published dataset has no objectives; a build without the section says so.
    """
    builds.write_workflows(tmp_path / "in" / "1.jsonl", builds.workflow(1), builds.workflow(3))
    build(tmp_path, registry_file, "split.test=0")
    own = tmp_path / "own.json"
    own.write_text('[{"id": "task-1", "goal": "The text of the task"}]')
    out = tmp_path / "out"
    shown = builds.command("contamination", out, "--tasks", f"ours={own}").stdout
    assert "workflows:w1  ~  ours 7, task task-1: exact 1.000, 1 samples dropped" in shown
    assert "  workflow   Order item 1 in the shop and pay for it" in shown
    assert "  benchmark  The text of the task" in shown
    (pair,) = json.loads(builds.command("contamination", out, "--json").stdout)["pairs"]
    assert (pair["objective"], pair["text"]) == ("Order item 1 in the shop and pay for it", "")
    alone = json.loads(builds.command("contamination", out / "dataset", "--json").stdout)
    assert [each["objective"] for each in alone["pairs"]] == [""]
    wrong = builds.command("contamination", out, "--benchmark", "webarena")
    assert (wrong.returncode, "they have ours, webvoyager" in wrong.stderr) == (2, True)
    told = builds.command("explain", out, "w1").stdout
    assert "index    dropped, contaminated: ours task-1, exact 1.000" in told
    builds.build([tmp_path / "in"], tmp_path / "plain", "split.test=0")
    assert "was not looked for" in builds.command("contamination", tmp_path / "plain").stdout
    assert builds.command("verify", out).returncode == 0


def test_first_pages_of_recordings_are_compared(tmp_path: Path) -> None:
    """A registry of recordings has their first pages, a build compares them, and a later night
    changes nothing.
    """

    def page(number: int, word: str) -> str:
        fields = "".join(f'<div><input name="f{number}-{at}"></div>' for at in range(40))
        return f'<body><h1>{word}</h1>{fields}<button id="b0">Go {word}</button></body>'

    def flow(number: int, shown: int, word: str) -> dict[str, Any]:
        record = builds.workflow(number, objective=f"{word} {number} is all there is to do")
        record["steps"][0] |= {"url": f"https://one.example/{word}", "html": page(shown, word)}
        return record

    records = tmp_path / "records" / "a.jsonl"
    builds.write_workflows(records, *(flow(number, number, "benchmark") for number in (1, 2)))
    path = tmp_path / "pages.registry"
    made = builds.command(
        "benchmarks", "build", "--recordings", f"mine@1={records}", "--out", path, "--json"
    )
    (about,) = json.loads(made.stdout)["benchmarks"]
    assert (about["tasks"], about["with_page"]) == (2, 2)
    builds.write_workflows(tmp_path / "in" / "1.jsonl", flow(10, 1, "mine"), flow(11, 7, "mine"))
    given = f'contamination.registries=["{path}"]'
    builds.build([tmp_path / "in"], tmp_path / "out", given, "split.test=0")
    before = rows(tmp_path)
    flagged = before.filter(pl.col("reason") != "").select("sample_id", "detail")
    assert flagged.rows() == [("workflows:w10/1", "mine w1, skeleton 1.000")]
    builds.write_workflows(tmp_path / "in" / "2.jsonl", flow(12, 2, "later"), flow(13, 8, "mine"))
    builds.build([tmp_path / "in"], tmp_path / "out", given, "split.test=0")
    after = rows(tmp_path)
    assert after.join(before, on="sample_id", how="semi").equals(before)
    assert after.filter(pl.col("reason") != "").height == 2
    assert "mine w2, skeleton 1.000" in set(after["detail"])
    assert builds.command("verify", tmp_path / "out").returncode == 0
    wrong = builds.command("benchmarks", "build", "--recordings", records, "--out", path)
    assert (wrong.returncode, "name the benchmark" in wrong.stderr) == (2, True)
    none = builds.command("benchmarks", "build", "--out", path)
    assert (none.returncode, "--recordings NAME=PATH" in none.stderr) == (2, True)


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("contamination.registries=[]", "names no file"),
        ('contamination.methods=["guess"]', "'guess' is no method"),
        ("contamination.methods=[]", "there is none"),
        ("contamination.reworded=0", "a share above 0"),
        ("contamination.skeleton=1.5", "a share above 0"),
        ("contamination.skeleton_shapes=0", "a number of at least 1"),
        ("contamination.skeleton_tasks=0", "a number of at least 1"),
        ('contamination.flagged="hide"', "choose one of drop, list"),
        ('contamination.registries=["absent"]', "cannot be read"),
    ],
)
def test_what_cannot_be_used_stops_before_work(
    setting: str, says: str, registry_file: Path
) -> None:
    """Settings that ask for nothing, or for what there is not, are errors of the recipe."""
    with pytest.raises(ConfigError, match=says):
        load("scribeagent-32k", (f'contamination.registries=["{registry_file}"]', setting))


def test_work_files_without_the_address_are_refused(tmp_path: Path, registry_file: Path) -> None:
    """Those of an earlier version say that they are to be made again."""
    work = Work(tmp_path)
    write_table(work.of_input("light", "k"), pa.table({"workflow": ["a"]}))
    with pytest.raises(IntegrityError, match="without the column url"):
        light_rows(Shelf(work, work), "k", ["workflow", "url"])
