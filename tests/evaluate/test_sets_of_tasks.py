"""Evaluation sets of WebArena's tasks and of WebLINX's turns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from etl.evaluate.baselines.baseline import Baseline
from etl.evaluate.facts import webarena, weblinx
from etl.evaluate.files import opened
from etl.evaluate.predictions import read
from etl.evaluate.protocols import known
from etl.evaluate.schema import EVAL_SCHEMA
from schemas.errors import ConfigError
from tests.evaluate.mind2web import evaluation_set, ordinary, write
from tests.evaluate.test_baselines import scored

PAGE = (
    '<html data-webtasks-id="a0"><body data-webtasks-id="a1"><input data-webtasks-id="a2" '
    'placeholder="City"><button data-webtasks-id="a3">Search</button></body></html>'
)


def rows(out: Path, *sources: Path, **settings: Any) -> list[dict[str, Any]]:
    evaluation_set(out, *sources, **settings)
    return list(opened(out).rows(EVAL_SCHEMA.names))


def arena(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "sites": ["gitlab"],
        "task_id": number,
        "start_url": "__GITLAB__/a",
        "intent": f"How many  issues\nare in project {number}",
        "eval": {
            "eval_types": ["string_match"],
            "reference_answers": {"exact_match": f"{number}"},
            "reference_url": "",
            "program_html": [],
        },
        **fields,
    }


def test_a_task_of_webarena(tmp_path: Path) -> None:
    """A task is a step whose prompt is objective and start address in the frame of training, with
    nothing for a page; its facts are the evaluator's configuration, addresses put in.
    """
    path = tmp_path / "test.raw.json"
    path.write_text(json.dumps([arena(3), arena(4, start_url="__GITLAB__ |AND| __REDDIT__")]))
    first, second = rows(tmp_path / "set", path, hosts={"__GITLAB__": "http://git.example:1"})
    assert first["messages"][-1]["content"] == (
        "Objective: How many issues are in project 3\nURL: http://git.example:1/a\nObservation: "
        "\nStep-by-step guide:\n"
    )
    assert "URL: http://git.example:1 |AND| __REDDIT__\n" in second["messages"][-1]["content"]
    assert (first["id"], first["split"], first["website"]) == ("webarena:test-3", "test", "gitlab")
    assert first["gold"] == {
        "nodes": [], "operation": "", "value": "", "text": "", "in_chunk": False,
    }  # fmt: skip
    facts = webarena.read(first["facts"])
    assert (facts.string, facts.url, facts.answers) == (True, False, (("exact_match", "3"),))


def test_tasks_of_webarena_verified(tmp_path: Path) -> None:
    """WebArena-Verified lists start addresses; facts say that it has evaluators of its own."""
    path = tmp_path / "verified.json"
    given = arena(1, start_urls=["__MAP__"], eval=[{"evaluator": "AgentResponseEvaluator"}])
    del given["start_url"]
    path.write_text(json.dumps([given]))
    (row,) = rows(tmp_path / "set", path)
    assert row["url"] == "__MAP__"
    assert webarena.read(row["facts"]).other


def test_tasks_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    """A task without objective or id is counted by its reason."""
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([arena(1), arena(2, intent=""), arena(3, task_id=None)]))
    manifest = evaluation_set(tmp_path / "set", path)
    assert manifest["left_out"] == {"missing_field": 2}
    assert manifest["splits"]["tasks"]["steps"] == 1


def test_right_answers_of_webarena_score_1(tmp_path: Path) -> None:
    """What a task asks for is right, and the commonest answer of all tasks is for some."""
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([arena(n, eval=arena(n % 3)["eval"]) for n in range(7)]))
    evaluation_set(tmp_path / "set", path)
    eval_set = opened(tmp_path / "set")
    for name, right in (("perfect", 7), ("majority", 3)):
        Baseline(eval_set, name).write(tmp_path / f"{name}.jsonl")
        found = scored(eval_set, tmp_path / f"{name}.jsonl", "webarena/string")
        assert sum(each.metrics["string"] or 0 for each in found) == right
    with pytest.raises(ConfigError, match="no such baseline for webarena"):
        Baseline(eval_set, "random").write(tmp_path / "x")


@pytest.mark.parametrize("name", ["test.raw", "vwa_test_reddit.raw", "webarena-verified"])
def test_the_shared_tasks(shared: Path, tmp_path: Path, name: str) -> None:
    """Every task of the benchmarks' own files is a step."""
    path = shared / "data" / "webarena" / f"{name}.json.zst"
    manifest = evaluation_set(tmp_path / "set", path)
    (counts,) = manifest["splits"].values()
    assert (
        counts["steps"]
        == counts["prompts"]
        == {"test.raw": 812, "vwa_test_reddit.raw": 210}.get(name, 812)
    )
    assert not manifest["left_out"]


def turn(intent: str, uid: str = "", **arguments: Any) -> dict[str, Any]:
    element = {"attributes": {"data-webtasks-id": uid}} if uid else None
    given = {"metadata": {"url": "https://hotels.example/"}, "element": element, **arguments}
    return {
        "type": "browser",
        "timestamp": 1.0,
        "state": {"page": "page-1-0.html"},
        "action": {"intent": intent, "arguments": given},
    }


def chat(speaker: str, said: str) -> dict[str, Any]:
    return {"type": "chat", "timestamp": 0.0, "speaker": speaker, "utterance": said}


def box(left: float) -> dict[str, float]:
    edges = {"left": left, "top": 0.0, "right": left + 10, "bottom": 10.0}
    return edges | {"x": left, "y": 0.0, "width": 10.0, "height": 10.0}


def demo(folder: Path, *turns: dict[str, Any]) -> Path:
    (folder / "pages").mkdir(parents=True)
    (folder / "bboxes").mkdir()
    (folder / "replay.json").write_text(json.dumps({"data": list(turns)}))
    (folder / "pages" / "page-1-0.html").write_text(PAGE)
    boxes = {f"a{number}": box(10.0 * number) for number in range(4)}
    (folder / "bboxes" / "bboxes-1.json").write_text(json.dumps(boxes))
    return folder


TURNS = (
    chat("instructor", "Find a hotel in Boston."),
    turn("textInput", "a2", text="Boston"),
    chat("navigator", "Which dates?"),
    turn("click", "a3", properties={"button": 0}),
    turn("load", properties={"url": "https://hotels.example/x", "transitionType": "typed"}),
)


def test_turns_of_weblinx(tmp_path: Path) -> None:
    """Each turn of the navigator is a step, with the prompt of its page; what is said has none. The
    gold node is that of the turn's element, and facts have the boxes of the page.
    """
    path = demo(tmp_path / "demos" / "abc", *TURNS)
    found = rows(tmp_path / "set", path)
    assert {row["chunks"] for row in found} == {1}
    assert [row["gold"]["operation"] for row in found] == ["textinput", "say", "click", "load"]
    assert [row["gold"]["nodes"] for row in found] == [[1], [], [0], []]
    assert [row["gold"]["value"] for row in found] == [
        "Boston", "Which dates?", "", "https://hotels.example/x",
    ]  # fmt: skip
    users = [row["messages"][-1]["content"] for row in found]
    assert all(user.startswith("Objective: Find a hotel in Boston.\nURL: ") for user in users)
    assert ['placeholder="City"' in user.partition("\nStep")[0] for user in users] == [
        True, False, True, True,
    ]  # fmt: skip
    facts = [weblinx.read(row["facts"]) for row in found]
    assert [each.uid for each in facts] == ["a2", None, "a3", None]
    assert set(facts[0].boxes) == {"a0", "a1", "a2", "a3"}
    assert facts[0].left_out == ""


def test_turns_that_count_for_nothing_are_not_asked(tmp_path: Path) -> None:
    """A turn that the reference leaves out has a row and no prompt, and the manifest says why."""
    path = demo(tmp_path / "demos" / "abc", *TURNS, turn("click", "gone"))
    manifest = evaluation_set(tmp_path / "set", path)
    assert manifest["unasked"] == {"element_without_box_or_page": 1}
    assert manifest["splits"]["test"]["steps"] == 5


def test_candidates_and_splits_of_weblinx(tmp_path: Path) -> None:
    """Candidates come from their files with node, rank, score and label; demonstrations are of the
    split that the list says, and one in no split is counted.
    """
    for name in ("abc", "def", "ghi"):
        demo(tmp_path / "demos" / name, *TURNS)
    candidates, lists = tmp_path / "valid.jsonl", tmp_path / "splits.json"
    row = {"demo_name": "abc", "turn_index": 3, "uid": "a3", "rank": 1, "score": 0.5, "label": 1}
    lines = (row, row | {"uid": "gone", "label": 0, "rank": 2})
    candidates.write_text("".join(f"{json.dumps(each)}\n" for each in lines))
    lists.write_text(json.dumps({"test_iid": ["abc"], "test_web": ["def"]}))
    settings = {"candidates": (str(candidates),), "lists": lists}
    manifest = evaluation_set(tmp_path / "set", tmp_path / "demos", **settings)
    assert {name: each["steps"] for name, each in manifest["splits"].items()} == {
        "test_iid": 4, "test_web": 4,
    }  # fmt: skip
    assert manifest["left_out"] == {"in_no_split": 1}
    found = {row["id"]: row for row in opened(tmp_path / "set").rows(EVAL_SCHEMA.names)}
    assert [each["candidates"] for each in found.values() if each["candidates"]] == [
        [
            {"node": 0, "id": "a3", "rank": 1, "score": 0.5, "positive": True},
            {"node": -1, "id": "gone", "rank": 2, "score": 0.5, "positive": False},
        ]
    ]


def test_right_calls_of_weblinx_score_1(tmp_path: Path) -> None:
    """The recorded calls are right; a click on any element is not."""
    evaluation_set(tmp_path / "set", demo(tmp_path / "demos" / "abc", *TURNS))
    eval_set = opened(tmp_path / "set")
    outputs = {}
    for name in ("perfect", "random", "majority"):
        Baseline(eval_set, name, seed=1).write(tmp_path / f"{name}.jsonl")
        outputs[name] = scored(eval_set, tmp_path / f"{name}.jsonl", "weblinx/turn")
    assert {each.metrics["exact_match"] for each in outputs["perfect"]} == {1.0}
    assert all(each.strict for each in outputs["perfect"])
    assert sum(bool(each.strict) for each in outputs["random"]) <= 1
    assert {each.outcome for each in outputs["majority"]} == {"scored"}
    assert not read([tmp_path / "perfect.jsonl"], eval_set.ids()).counts


def test_sources_are_of_one_kind(tmp_path: Path, built: Path) -> None:
    """Sources of several kinds, or of none, are an error that names them."""
    tasks = tmp_path / "tasks.json"
    tasks.write_text(json.dumps([arena(1)]))
    actions = write(tmp_path / "test_task.json", ordinary("a"))
    notes = tmp_path / "notes.json"
    notes.write_text('{"text": 1}')
    for sources, words in (
        ((tasks, actions), r"several kinds: mind2web \(test_task.json\), webarena"),
        ((notes,), "nothing to evaluate; give a build's folder"),
        ((actions, notes), "neither of what the other sources are"),
        ((built, actions), "a build's folder is a source by itself"),
        ((tmp_path / "gone.json",), "gone.json"),
    ):
        with pytest.raises(ConfigError, match=words):
            evaluation_set(tmp_path / "set", *sources)
    with pytest.raises(ConfigError, match="the sources are of webarena"):
        evaluation_set(tmp_path / "set", tasks, family="weblinx")
    with pytest.raises(ConfigError, match="of the family steps"):
        evaluation_set(tmp_path / "set", built, family="weblinx")
    assert known.PROTOCOLS


@pytest.mark.parametrize(("name", "decided"), [("string", 253), ("url", 205), ("offline", 319)])
def test_right_answers_of_the_shared_tasks_score_1(
    shared: Path, tmp_path: Path, name: str, decided: int
) -> None:
    """Answers and addresses that WebArena's tasks ask for are right, wherever no language model and
    no page has to decide.
    """
    evaluation_set(tmp_path / "set", shared / "data" / "webarena" / "test.raw.json.zst")
    eval_set = opened(tmp_path / "set")
    Baseline(eval_set, "perfect").write(tmp_path / "perfect.jsonl")
    found = scored(eval_set, tmp_path / "perfect.jsonl", f"webarena/{name}")
    values = [value for each in found for value in each.metrics.values() if value is not None]
    assert values == [1.0] * decided
