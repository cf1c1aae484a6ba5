"""`--objectives`: texts by id or title, and lists of tasks for recordings that say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from etl.build.recipes import recipe
from etl.files.arrow import read_json
from etl.stages.augment import Augment
from etl.stages.filter import Filter
from etl.stages.objectives import ObjectiveFile
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from tests.support import builds, strategies


def written(folder: Path, content: Any, name: str = "objectives.json") -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def draft(objective: str, workflow_id: str = "w1", meta: str = "") -> Draft:
    from dataclasses import replace

    made = strategies.draft(strategies.step(), objective=objective)
    made.workflow = replace(made.workflow, workflow_id=workflow_id, meta=meta)
    return made


def told(stage: Augment, given: Draft) -> str:
    """The objective after the stage."""
    (row,) = stage(iter([given]), Tally())
    return row.objective


def task(number: int, intent: str, *sites: str, **more: Any) -> dict[str, Any]:
    return {"task_id": number, "intent": intent, "sites": [*sites], "start_url": "x", **more}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", {"w1": "Order two mugs"}),
        ("a.json", [{"workflow_id": "w1", "objective": "Order two mugs", "note": 3}]),
        ("a.jsonl", '{"id": "w1", "objective": "Order two mugs"}\n\n{"id": 2, "objective": "x"}\n'),
        ("a.jsonl", '{"id": "w1", "objective": "Order two mugs"}\n'),
        ("a.csv", 'id,objective\nw1,"Order two\nmugs"\n'),
        ("a.csv", "objective,workflow_id\r\nOrder two mugs,w1\r\n"),
    ],
)
def test_texts_by_id_replace_what_is_recorded(tmp_path: Path, name: str, content: Any) -> None:
    """An object of texts, and records of ids and objectives in all forms, are one mechanism."""
    stage = Augment(objectives=(written(tmp_path, content, name),))
    assert told(stage, draft("Click around")) == "Order two mugs"
    assert told(stage, draft("Click around", "w7")) == "Click around"


def test_a_title_is_a_name_too(tmp_path: Path) -> None:
    """A test is named by its title, and a recording by one that is no objective."""
    stage = Augment(objectives=(written(tmp_path, {"login": "Log in as Ann", "R 1": "Buy it"}),))
    assert told(stage, draft("login")) == "Log in as Ann"
    assert told(stage, draft("", "x", json.dumps({"title": "R 1"}))) == "Buy it"
    assert told(stage, draft("Go", "shop/login")) == "Log in as Ann"


@pytest.mark.parametrize(
    ("tasks", "workflow", "expected"),
    [
        ([task(7, "Find it", "map")], "2026__webarena.7_30", "Find it"),
        ([task(7, "Find it", "map")], "2026__webarena.70_30", ""),
        ([task(7, "Find it", "map")], "visualwebarena.7", ""),
        ([task(7, "Find it", "map", start_urls=[])], "webarena.7", ""),
        ([task(7, "Find it", "map", start_urls=[])], "webarena_verified.7", "Find it"),
        ([task(7, "Find it", "reddit", image=None)], "visualwebarena.7", ""),
        ([task(7, "Find it", "reddit", image=None)], "visualwebarena.reddit.7", "Find it"),
        (
            [task(n, f"Find {n}", site, image=None)
             for n, site in enumerate(("classifieds", "reddit", "shopping"))],
            "visualwebarena.1",
            "Find 1",
        ),
        ([{"annotation_id": "u-1", "confirmed_task": "Find it"}], "u-1", "Find it"),
        ([{"index": "u-2", "task": "Find it"}], "u-2", "Find it"),
    ],
)  # fmt: skip
def test_tasks_stand_in_where_nothing_is_said(
    tmp_path: Path, tasks: Any, workflow: str, expected: str
) -> None:
    """A task is found by its benchmark and number; what a recording says itself stays."""
    stage = Augment(objectives=(written(tmp_path, tasks),))
    assert told(stage, draft("", workflow)) == expected
    assert told(stage, draft(workflow, workflow)) == (expected or workflow)
    assert told(stage, draft("Do as I say", workflow)) == "Do as I say"


def test_an_objective_is_there_before_the_filter(tmp_path: Path) -> None:
    """A recording without an objective is not dropped for it if a file has one."""
    stage, tally = Augment(objectives=(written(tmp_path, {"w1": "Order two mugs"}),)), Tally()
    given = draft("")
    stage.prepare(given, tally)
    assert [row.objective for row in Filter()(iter([given]), tally)] == ["Order two mugs"]
    assert tally.matched == {"augment.objectives w1"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1]", "record 1 is not an object"),
        ('[{"id": "a"}]', "record 1 has no text"),
        ('[{"objective": "a"}]', "record 1 has no id"),
        ('[{"id": "a", "objective": "x"}, {"id": "a", "objective": "y"}]', "two texts for 'a'"),
        ("id,objective\na,\n", "record 1 has no text"),
        ("no,such\na,b\n", "record 1 has no id"),
        ("", "no records"),
        ('{"id": "a", "objective": "x"}\n{"id"\n', "not valid JSON"),
        ('{"a": {"b": 1}}', "the text of 'a'"),
    ],
)
def test_files_that_hold_no_objectives_stop_before_work(
    tmp_path: Path, content: str, said: str
) -> None:
    """The error names the file, the record and what is missing."""
    path = written(tmp_path, content)
    with pytest.raises(ConfigError, match=said):
        recipe.load("scribeagent-32k", (f"augment.objectives={path}",)).settings()


def test_a_build_takes_several_files_and_says_what_matched_nothing(tmp_path: Path) -> None:
    """``--objectives`` is repeatable; entries and lists of tasks without a match are told."""
    bare = builds.workflow(1, objective="")
    builds.write_workflows(tmp_path / "in" / "a.jsonl", bare, builds.workflow(2))
    texts = written(tmp_path, {bare["workflow_id"]: "Order two mugs", "nobody": "x"})
    tasks = written(tmp_path, [task(7, "Find it", "map")], "tasks.json")
    done = builds.command("build", tmp_path / "in", "--out", tmp_path / "out", "--workers", "0",
                          "--objectives", texts, "--objectives", tasks)  # fmt: skip
    assert done.returncode == 0, done.stderr
    objectives = {sample.objective for sample in builds.samples(tmp_path / "out").values()}
    assert "Order two mugs" in objectives
    assert "augment.objectives: 'nobody' matches nothing" in done.stderr
    assert "'tasks.json' matches nothing; none of its 1 tasks (webarena.7, ...)" in done.stderr
    hashes = read_json(tmp_path / "out" / "work" / "settings.json")["samples"]["stage augment"]
    assert len(hashes["objectives"]) == 2
    refused = builds.command("build", tasks, "--out", tmp_path / "no")
    assert refused.returncode == 2
    assert "--objectives" in refused.stderr


def test_episodes_of_webarena_get_the_text_of_their_task(shared: Path, tmp_path: Path) -> None:
    """The real lists are read; real episodes with a bare objective get their task's intent."""
    lists = {}
    for name in (
        "test.raw",
        "vwa_test_classifieds.raw",
        "vwa_test_reddit.raw",
        "webarena-verified",
    ):
        raw = (shared / "data" / "webarena" / f"{name}.json.zst").read_bytes()
        text = zstandard.ZstdDecompressor().stream_reader(raw).read().decode()
        lists[name] = written(tmp_path, text, f"{name}.json")
    tasks = {name: ObjectiveFile(path).texts.tasks for name, path in lists.items()}
    assert [len(each) for each in tasks.values()] == [812, 234, 210, 812]
    assert {name.rpartition(".")[0] for each in tasks.values() for name in each} == {
        *("webarena", "webarena_verified", "visualwebarena.classifieds", "visualwebarena.reddit"),
    }
    stage = Augment(objectives=tuple(lists.values()))
    episodes = [*(shared / "data" / "browsergym_webarena" / "episodes_jsonl").iterdir()]
    assert len(episodes) == 7
    for path in episodes:
        name = path.name.partition(".jsonl")[0]
        number = name.partition("webarena.")[2].partition("_")[0]
        assert told(stage, draft(name, name)) == tasks["test.raw"][f"webarena.{number}"]
