"""Evaluation sets of Mind2Web's task files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etl.build.evalset.mind2web import split_of
from etl.evaluate.facts import mind2web_direct, mind2web_multichoice, steps
from etl.evaluate.files import opened
from etl.evaluate.ranks import read as read_ranks
from etl.evaluate.schema import EVAL_SCHEMA
from schemas.errors import ConfigError
from tests.evaluate.mind2web import PAGE, action, evaluation_set, ordinary, table, task, write
from tests.evaluate.test_sets_of_builds import packed
from tests.support import builds
from tests.support.hostile import evil_pickle


def rows(out: Path, *sources: Path, **settings: Any) -> list[dict[str, Any]]:
    evaluation_set(out, *sources, **settings)
    return list(opened(out).rows(EVAL_SCHEMA.names))


def test_three_files_give_three_splits_in_one_command(tmp_path: Path) -> None:
    """Files are of the split that their name or their folder says; the parts of one come together,
    and a single file of another name is a split of that name.
    """
    files = [
        write(tmp_path / "data" / "test_task_0.json", ordinary("a")),
        write(tmp_path / "data" / "test_task_1.json", ordinary("b")),
        write(tmp_path / "data" / "test_website" / "part.json", ordinary("c")),
        write(tmp_path / "data" / "test_domain.json", ordinary("d")),
    ]
    manifest = evaluation_set(tmp_path / "set", tmp_path / "data")
    assert {name: each["workflows"] for name, each in manifest["splits"].items()} == {
        "test_domain": 1, "test_task": 2, "test_website": 1,
    }  # fmt: skip
    assert len(manifest["sources"]) == len(files)
    one = evaluation_set(tmp_path / "one", files[0])
    assert list(one["splits"]) == ["test_task"]
    named = evaluation_set(tmp_path / "named", files[0], splits=("dev",))
    assert list(named["splits"]) == ["dev"]
    assert split_of("my-tasks_12.json.gz") == "my_tasks"


def test_one_file_and_three_at_once_give_the_same_prompts(tmp_path: Path) -> None:
    """What a file gives does not depend on the others."""
    files = [write(tmp_path / f"test_{n}.json", ordinary(n)) for n in ("task", "website", "domain")]
    together = rows(tmp_path / "all", *files)
    alone = [row for n, file in enumerate(files) for row in rows(tmp_path / f"{n}", file)]
    key = lambda row: row["id"]  # noqa: E731
    assert sorted(together, key=key) == sorted(alone, key=key)


def test_prompts_are_those_of_a_build_of_the_same_tasks(tmp_path: Path) -> None:
    """The prompts of a set equal those that a build packs of the same steps, ids and completions
    too, chunks included.
    """
    page = PAGE.replace("</main>", "<p>word word word word word</p>" * 300 + "</main>")
    long = task("long", action("l0", "CLICK", "", "5", page=page), action("l1", "CLICK", "", "8"))
    path = write(tmp_path / "test_task.json", ordinary("a"), long)
    settings = ("fit.context=1500", 'fit.test="all"', "split.test=1.0")
    builds.build([path], tmp_path / "build", *settings)
    found = rows(tmp_path / "set", path, overrides=settings[:1])
    wanted = sorted(packed(tmp_path / "build", "test"))
    assert max(row["chunks"] for row in found) > 1
    assert wanted == sorted(
        (row["step_id"], tuple(row["input_ids"]), row["gold"]["text"]) for row in found
    )


def test_all_positives_are_right(tmp_path: Path) -> None:
    """Gold are the nodes of all positives that the page holds; candidates have their node, rank and
    score, and say whether they are positive.
    """
    given = task("a", action("a0", "CLICK", "", "5", "8", "99"))
    path, ranks = write(tmp_path / "tasks.json", given), tmp_path / "ranks.json"
    ranks.write_text(json.dumps(table(given)))
    (row,) = rows(tmp_path / "set", path, ranks=ranks)
    assert row["gold"]["nodes"] == [3, 6]
    by_id = {each["id"]: each for each in row["candidates"]}
    assert {id for id, each in by_id.items() if each["positive"]} == {"5", "8", "99"}
    assert (by_id["5"]["node"], by_id["5"]["rank"], by_id["5"]["score"]) == (6, 5, 0.2)
    assert (by_id["99"]["node"], by_id["99"]["rank"]) == (-1, None)
    assert by_id["4"]["node"] == 7
    facts = mind2web_direct.read(row["facts"])
    assert (facts.gold, facts.step.nodes, facts.step.held) == ((3, 6), (3, 6), True)


def test_a_step_is_asked_if_one_positive_is_left(tmp_path: Path) -> None:
    """A positive that pruning removes does not cost the step if another one stays: that is the
    target of the completion.
    """
    path = write(tmp_path / "tasks.json", task("a", action("a0", "CLICK", "", "7", "5")))
    (row,) = rows(tmp_path / "set", path)
    assert row["gold"]["nodes"] == [4, 6]
    assert "Node: 6 6 6 6 6\n" in row["gold"]["text"]
    assert row["gold"]["in_chunk"]


def test_lost_steps_stay_in_the_set(tmp_path: Path) -> None:
    """A step whose gold is pruned, is not on the page, or that has no positives has no prompt, and
    a row all the same; the steps after it have it in their history.
    """
    given = task(
        "a",
        action("a0", "CLICK", "", "7"),
        action("a1", "CLICK", "", "99"),
        action("a2", "CLICK", ""),
        action("a3", "CLICK", "", "8"),
    )
    manifest = evaluation_set(tmp_path / "set", write(tmp_path / "tasks.json", given))
    found = list(opened(tmp_path / "set").rows(EVAL_SCHEMA.names))
    assert [row["chunks"] for row in found] == [0, 0, 0, 1]
    assert [row["messages"] == [] for row in found] == [True, True, True, False]
    assert [mind2web_direct.read(row["facts"]).lost for row in found] == [
        "gold_pruned", "gold_not_in_page", "gold_not_in_page", "",
    ]  # fmt: skip
    assert manifest["splits"]["tasks"]["unasked"] == 3
    assert manifest["unasked"] == {"target_absent": 1, "target_pruned": 1, "target_unknown": 1}
    assert "\n1.\nDescription: Click the element" in found[-1]["messages"][-1]["content"]
    assert len((tmp_path / "set" / "prompts" / "tasks.jsonl").read_bytes().splitlines()) == 1
    assert opened(tmp_path / "set").ids() == {found[-1]["id"]}


def test_a_step_without_a_page_is_not_asked(tmp_path: Path) -> None:
    """A step whose page was not recorded has a row without a prompt; the others are asked."""
    given = task("a", action("a0", "CLICK", "", "5", page=""), action("a1", "CLICK", "", "5"))
    first, second = rows(tmp_path / "set", write(tmp_path / "tasks.json", given))
    assert (first["chunks"], first["gold"]["nodes"], second["chunks"]) == (0, [], 1)


def test_a_page_too_long_for_any_chunk_is_not_asked(tmp_path: Path) -> None:
    """A page that no chunk can hold has a row without a prompt, and the manifest says why."""
    page = PAGE.replace("Help", "help " * 2000)
    given = task("a", action("a0", "CLICK", "", "5", page=page), action("a1", "CLICK", "", "5"))
    path = write(tmp_path / "tasks.json", given)
    manifest = evaluation_set(tmp_path / "set", path, overrides=("fit.context=1000",))
    assert manifest["unasked"] == {"over_context": 1}
    assert manifest["splits"]["tasks"]["steps"] == 2


def test_what_training_leaves_out_is_asked(tmp_path: Path) -> None:
    """Rules that choose what is worth training on choose nothing of a benchmark: an objective in
    another language, repeated steps and a recipe's exclusions are asked.
    """
    twice = action("a0", "CLICK", "", "5")
    given = task("a", twice, twice, action("a1", "CLICK", "", "8"))
    given["confirmed_task"] = "Trouver un hôtel à Paris pour deux personnes et demander de l'aide"
    path = write(tmp_path / "tasks.json", given)
    settings = ("exclude.kinds=['click']", "filter.min_english=0.9", "caps.samples_per_domain=1")
    assert len(rows(tmp_path / "set", path, overrides=settings)) == 3


def test_broken_tasks_are_counted(tmp_path: Path) -> None:
    """A task that cannot be read is counted by its reason; the others are in the set."""
    broken = ordinary("b")
    broken["actions"][1]["operation"] = {"value": "x"}
    manifest = evaluation_set(
        tmp_path / "set", write(tmp_path / "tasks.json", ordinary("a"), broken, ordinary("c"))
    )
    assert manifest["left_out"] == {"missing_field": 1}
    assert manifest["splits"]["tasks"]["workflows"] == 2


def test_a_task_given_twice_is_an_error(tmp_path: Path) -> None:
    """Two files with one task would count it twice."""
    first = write(tmp_path / "test_task_0.json", ordinary("a"))
    second = write(tmp_path / "test_task_1.json", ordinary("a"))
    with pytest.raises(ConfigError, match="two of the sources have this step"):
        evaluation_set(tmp_path / "set", first, second)
    assert not (tmp_path / "set").exists()


def test_multiple_choice(tmp_path: Path) -> None:
    """Candidates are those of rank under 50, in an order that the seed and the step decide; a step
    that has no choice is not asked. The prompt is that of training.
    """
    given = task("a", action("a0", "TYPE", "Boston", "4"), action("a1", "CLICK", "", "99"))
    path, ranks = write(tmp_path / "tasks.json", given), tmp_path / "ranks.json"
    ranks.write_text(json.dumps(table(given)))
    family = {"family": "mind2web-multichoice", "ranks": ranks}
    found = rows(tmp_path / "set", path, **family)
    assert [row["chunks"] for row in found] == [1, 0]
    facts = mind2web_multichoice.read(found[0]["facts"])
    assert facts.positives == ("4",)
    assert len(facts.candidates) == 11
    again = mind2web_multichoice.read(rows(tmp_path / "again", path, **family)[0]["facts"])
    other = mind2web_multichoice.read(rows(tmp_path / "x", path, **family, seed=1)[0]["facts"])
    assert again.candidates == facts.candidates != other.candidates
    direct = rows(tmp_path / "direct", path)
    assert direct[0]["messages"] == found[0]["messages"]
    with pytest.raises(ConfigError, match="--ranks"):
        evaluation_set(tmp_path / "none", path, family="mind2web-multichoice")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_ranks_of_a_pickle(tmp_path: Path, protocol: int) -> None:
    """A pickle of ranks gives what JSON gives, numpy's scalars included."""
    given = table(ordinary("a"))
    scores = {
        name: {id: np.float32(score) for id, score in of.items()}
        for name, of in given["scores"].items()
    }
    path = tmp_path / "scores_all_data.pkl"
    path.write_bytes(pickle.dumps({"ranks": given["ranks"], "scores": scores}, protocol))
    (tmp_path / "ranks.json").write_text(json.dumps(given))
    one, other = read_ranks(path), read_ranks(tmp_path / "ranks.json")
    for step in given["ranks"]:
        mine, wanted = one.of(step), other.of(step)
        assert mine is not None
        assert wanted is not None
        assert [*mine] == [*wanted]
        for id, ranked in mine.items():
            assert ranked.rank == wanted[id].rank
            assert ranked.score == pytest.approx(wanted[id].score)
    assert one.of("gone") is None


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    """Nothing that a pickle names is imported or called."""
    path, sentinel = tmp_path / "ranks.pkl", tmp_path / "ran"
    path.write_bytes(evil_pickle(sentinel))
    with pytest.raises(ConfigError, match="which is not read"):
        read_ranks(path)
    assert not sentinel.exists()
    for content in (b"[]", b"{}", b"nonsense", b'{"ranks": {"a": 1}}'):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"ranks"):
            read_ranks(path)


def test_the_shared_workflow(shared: Path, tmp_path: Path) -> None:
    """Of the real workflow every step is asked, its gold nodes are the goldens', and prompts are
    those of a build.
    """
    path = shared / "data" / "mind2web" / "exploretock_7bda9645.json.zst"
    golden = json.loads((shared / "golden/eval/mind2web_direct_scribeagent.json").read_text())
    builds.build([path], tmp_path / "build", "split.test=1.0", 'fit.test="all"')
    found = rows(tmp_path / "set", path)
    first = [row for row in found if row["facts"]]
    assert [row["gold"]["nodes"] for row in first] == [
        each["gold_nodes"] for each in golden["steps"].values()
    ]
    assert [row["gold"]["operation"] for row in first] == [
        each["op"] for each in golden["steps"].values()
    ]
    assert sorted(packed(tmp_path / "build", "test")) == sorted(
        (row["step_id"], tuple(row["input_ids"]), row["gold"]["text"]) for row in found
    )
    assert all(steps.read(row["facts"]).held for row in first)
