"""Baselines answer every prompt in the form that training writes; perfect answers are right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from etl.cli.main import cli
from etl.evaluate.asking.endpoint import Endpoint
from etl.evaluate.asking.predict import Asking
from etl.evaluate.asking.rounds import rounds_of
from etl.evaluate.baselines.baseline import NAMES, Answered, Baseline, moved
from etl.evaluate.baselines.elements import elements, parts_of
from etl.evaluate.baselines.lexical import best, scores
from etl.evaluate.baselines.right import right_of
from etl.evaluate.files import EvalSet, opened
from etl.evaluate.predictions import read
from etl.evaluate.protocols import known
from etl.evaluate.protocols.protocol import Scored
from schemas.errors import ConfigError
from tests.evaluate.mind2web import action, evaluation_set, ordinary, table, task, write
from tests.evaluate.server import Server
from tests.support.builds import Quiet

STEPS = ("exact", "exact-calibrated", "strict")
DIRECT = tuple(name for name in known.PROTOCOLS if name.startswith("mind2web-direct/"))
CHOICES = tuple(
    name for name in known.PROTOCOLS if name.startswith(("mind2web-multi", "mind2web-gener"))
)


def scored(eval_set: EvalSet, answers: Path, name: str) -> list[Scored]:
    """Each step of a set scored by a protocol, as the engine does it."""
    protocol = known.protocol(name, eval_set.family)
    outputs = read([answers], eval_set.ids()).outputs
    found = []
    rows = eval_set.rows(("id", "step_id", "chunks", "facts"))
    for _, of_step in groupby(rows, itemgetter("step_id")):
        step = list(of_step)
        given: list[Sequence[str] | None] = []
        for row in step if step[0]["chunks"] else ():
            texts = [each for each in outputs.get(row["id"], ()) if each is not None]
            given.append(texts or None)
        facts = known.facts(protocol, eval_set.family, step[0]["facts"])
        found.append(protocol.score(facts, given))
    return found


def baseline(eval_set: EvalSet, name: str, out: Path, **settings: Any) -> Path:
    Baseline(eval_set, name, **settings).write(out)
    return out


@pytest.fixture
def tasks(tmp_path: Path) -> EvalSet:
    """A set of Mind2Web's tasks, with a table of ranks."""
    given = [ordinary(name) for name in "abc"]
    (tmp_path / "ranks.json").write_text(json.dumps(table(*given)))
    path = write(tmp_path / "test_task.json", *given)
    evaluation_set(tmp_path / "direct", path, ranks=tmp_path / "ranks.json")
    return opened(tmp_path / "direct")


@pytest.fixture
def choices(tasks: EvalSet, tmp_path: Path) -> EvalSet:
    """The same tasks for multiple choice."""
    given = {"family": "mind2web-multichoice", "ranks": tmp_path / "ranks.json"}
    evaluation_set(tmp_path / "choices", tmp_path / "test_task.json", **given)
    return opened(tmp_path / "choices")


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_has_an_answer(steps_set: EvalSet, tmp_path: Path, name: str) -> None:
    """Each baseline answers all chunks of a step alike, with an element of its page and its number;
    only the first step has none before it to repeat.
    """
    found = read([baseline(steps_set, name, tmp_path / "x.jsonl")], steps_set.ids())
    assert not found.counts
    rows = list(steps_set.rows(("id", "step_id", "step", "messages")))
    for _, of_step in groupby(rows, itemgetter("step_id")):
        step = list(of_step)
        ((output,),) = {found.outputs[row["id"]] for row in step}
        assert output is not None
        if name == "last" and not output:
            assert step[0]["step"] == 1
            continue
        if name not in ("perfect", "shuffled"):
            assert output.startswith(f"{step[0]['step']}.\nDescription: ")
            ids = output.partition("Node: ")[2].partition("\n")[0].split()
            assert len(ids) == 5 or (name == "last" and not ids)
        if name in ("majority", "random", "lexical"):
            target = output.partition("\nTarget: ")[2].strip()
            assert any(target in row["messages"][-1]["content"] for row in step)


@pytest.mark.parametrize("name", STEPS)
def test_perfect_answers_score_1(steps_set: EvalSet, tmp_path: Path, name: str) -> None:
    """The gold completions are right by each of our protocols, and shuffled ones are not."""
    perfect = scored(steps_set, baseline(steps_set, "perfect", tmp_path / "1.jsonl"), name)
    assert {value for each in perfect for value in each.metrics.values()} == {1.0}
    shuffled = scored(steps_set, baseline(steps_set, "shuffled", tmp_path / "2.jsonl"), name)
    assert sum(each.strict or False for each in shuffled) < len(shuffled) / 2


@pytest.mark.parametrize("name", DIRECT)
def test_perfect_answers_score_1_in_the_reference(
    tasks: EvalSet, tmp_path: Path, name: str
) -> None:
    """The reference's right answers score 1 by each of its protocols on node ids; they do not even
    say which option is selected, so they are not strictly right.
    """
    out = baseline(tasks, "perfect", tmp_path / "1.jsonl", protocol=name)
    perfect = scored(tasks, out, name)
    assert len(perfect) == 9
    assert {value for each in perfect for value in each.metrics.values()} == {1.0}
    assert [each.strict for each in perfect] == [True, False, True] * 3


@pytest.mark.parametrize("name", CHOICES)
def test_perfect_choices_score_1(choices: EvalSet, tmp_path: Path, name: str) -> None:
    """Right choices round by round score 1; first, random and likely ones are read as choices."""
    out = baseline(choices, "perfect", tmp_path / "1.jsonl", protocol=name)
    perfect = scored(choices, out, name)
    assert {value for each in perfect for value in each.metrics.values()} == {1.0}
    for guess in ("majority", "random", "lexical"):
        out = baseline(choices, guess, tmp_path / f"{guess}.jsonl", protocol=name)
        assert {each.outcome for each in scored(choices, out, name)} <= {
            "scored", "no_final_choice",
        }  # fmt: skip


@pytest.mark.parametrize("name", CHOICES)
def test_choices_are_asked_round_by_round(
    choices: EvalSet, server: Server, tmp_path: Path, name: str
) -> None:
    """A model that knows what is right is shown five at a time, and scores 1; what it answered is
    not asked again. The prompt of a round is the step's, with the choices behind it.
    """
    known_rounds = rounds_of(choices.family, name)
    assert known_rounds is not None
    right = right_of(choices.family, name)
    says = {}
    for row in choices.rows(("messages", "facts")):
        facts, outputs = known_rounds.read(row["facts"]), right(row)
        for number, output in enumerate(outputs):
            messages = known_rounds.next(facts, outputs[:number], row["messages"])
            assert messages is not None
            user = messages[-1]["content"]
            assert user.startswith(row["messages"][-1]["content"])
            says[user] = output
    server.says = lambda messages: says[messages[-1]["content"]]
    out = tmp_path / "answers.jsonl"

    def ask() -> dict[str, Any]:
        endpoint = Endpoint(server.url, "mine", pause=0.0)
        return Asking(choices, endpoint, out, protocol=name, progress=Quiet).run()

    assert ask()["answered"] == 9
    assert len(server.requests) > 9
    asked = sum(server.asked.values())
    assert ask()["kept"] == 9
    assert sum(server.asked.values()) == asked
    perfect = scored(choices, out, name)
    assert {value for each in perfect for value in each.metrics.values()} == {1.0}


@pytest.mark.parametrize("name", CHOICES)
def test_rounds_for_a_harness(choices: EvalSet, tmp_path: Path, name: str) -> None:
    """The prompts of each round are written for a harness, until every step is over; its answers,
    a line a round, are read as those of `predict` are.
    """
    right = {row["id"]: right_of(choices.family, name)(row)
             for row in choices.rows(("id", "facts"))}  # fmt: skip
    answers: list[Path] = []
    for number in range(9):
        out = tmp_path / f"round-{number}.jsonl"
        arguments = ["rounds", str(choices.folder), *map(str, answers), "--protocol", name]
        done = CliRunner().invoke(cli, [*arguments, "--out", str(out)], catch_exceptions=False)
        assert done.exit_code == 0
        prompts = [json.loads(line) for line in out.read_bytes().splitlines()]
        if not prompts:
            break
        assert {each["round"] for each in prompts} == {number}
        said = [
            {"id": each["id"], "round": number, "output": right[each["id"]][number]}
            for each in prompts
        ]
        answers.append(tmp_path / f"answers-{number}.jsonl")
        answers[-1].write_text("".join(f"{json.dumps(each)}\n" for each in said))
    assert number > 1
    found = read(answers, choices.ids())
    assert not found.counts
    assert {id: list(outputs) for id, outputs in found.outputs.items()} == right


def test_rounds_need_a_protocol(choices: EvalSet, tmp_path: Path, server: Server) -> None:
    """What is shown next depends on how answers are read, so a protocol must be named, and fit."""
    for name, words in (("", "say by which protocol"), ("strict", "it scores sets of steps")):
        asking = Asking(
            choices, Endpoint(server.url, "m"), tmp_path / "x", protocol=name, progress=Quiet
        )
        with pytest.raises(ConfigError, match=words):
            asking.run()


def test_chance_is_seeded(steps_set: EvalSet, tmp_path: Path) -> None:
    """The same seed gives the same answers, another one others."""
    one, again, other = (
        baseline(steps_set, "random", tmp_path / f"{n}.jsonl", seed=seed).read_bytes()
        for n, seed in enumerate((1, 1, 2))
    )
    assert one == again != other


def test_shuffled_gives_each_answer_to_another_step(steps_set: EvalSet, tmp_path: Path) -> None:
    """Every right answer is given to one step, never to its own, and to one of another website if
    the largest has at most half of the steps.
    """
    found = read([baseline(steps_set, "shuffled", tmp_path / "1.jsonl")], steps_set.ids()).outputs
    rows = [row for row in steps_set.rows(("id", "gold", "chunk")) if not row["chunk"]]
    given = [found[row["id"]][0] for row in rows]
    assert sorted(map(str, given)) == sorted(row["gold"]["text"] for row in rows)
    for sizes in ((1,), (3, 1), (2, 2), (3, 2, 1), (1, 1, 1, 1)):
        every = [
            Answered(f"site{site}", f"flow{site}{n % 2}", f"{site}/{n}", [f"{site}/{n}"])
            for site, size in enumerate(sizes)
            for n in range(size)
        ]
        for seed in range(20):
            moves = {step: outputs[0] for step, outputs in moved(every, Random(seed)).items()}
            assert sorted(moves) == sorted(moves.values())
            if len(every) > 1:
                assert all(step != other for step, other in moves.items())
            if 2 * max(sizes) <= len(every):
                assert all(step[0] != other[0] for step, other in moves.items())


def test_the_last_step_moves_with_its_element(tmp_path: Path) -> None:
    """The step before is repeated with its new number, on the element that has the same start tag
    on this page, whatever its node id.
    """
    more = "<body><b backend_node_id='70'>New</b>"
    page = action("x", "CLICK", "", "5")["raw_html"].replace('<body backend_node_id="2">', more)
    given = task("a", action("a0", "CLICK", "", "8"), action("a1", "CLICK", "", "5", page=page))
    evaluation_set(tmp_path / "set", write(tmp_path / "tasks.json", given))
    eval_set = opened(tmp_path / "set")
    out = baseline(eval_set, "last", tmp_path / "last.jsonl")
    outputs = read([out], eval_set.ids()).outputs
    first, second = (outputs[row["id"]][0] for row in eval_set.rows(("id",)))
    assert first == ""
    assert second is not None
    assert second.startswith("2.\nDescription: Click the element")
    assert 'Node: 3 3 3 3 3\nTarget: <a href="/help" node="3">' in second


def test_elements_that_one_can_act_on() -> None:
    """Links, buttons, fields, lists and what has such a role; hidden fields are none. What is typed
    into is typed into, a list is chosen from.
    """
    page = (
        '<main node="9"> <a node="8"> Help </a> <div node="7" role="button"> Go </div> '
        '<input node="6" type="hidden"/> <input node="5" placeholder="City"/> '
        '<input node="4" type="checkbox"/> <textarea node="3"></textarea> <select node="2"> '
        '<option node="1"> Small </option> </select> <p node="0"> text </p> </main> '
    )
    found = elements(page)
    assert [(each.id, each.kind) for each in found] == [
        ("8", "click"), ("7", "click"), ("5", "type"), ("4", "click"), ("3", "type"),
        ("2", "select"), ("1", "click"),
    ]  # fmt: skip
    assert (found[0].text, found[2].text) == ("Help", "City")
    assert [each.id for each in elements('<p node="1"> only <b node="0"> text </b> </p> ')] == [
        "1", "0",
    ]  # fmt: skip
    lines = elements("[1] heading 'Shop'\n[2] button 'Buy'\n[3] textbox 'Name'")
    assert [(each.id, each.kind) for each in lines] == [("2", "click"), ("3", "type")]
    assert elements(" ") == []


def test_parts_of_a_prompt() -> None:
    """The page and the steps before are found between the prompt's own lines."""
    user = 'Objective: a\nURL: b\nObservation: <p node="0"> x </p> \nStep-by-step guide:\n1.\nz\n'
    assert parts_of([{"role": "user", "content": user}]) == ('<p node="0"> x </p> ', "1.\nz\n")
    assert parts_of([]) == ("", "")


def test_bm25() -> None:
    """A rarer word weighs more, a repeated one less each time, and a longer text less; without a
    common word all texts score 0, and the first is taken.
    """
    rare, common, both = scores("find hotel", ["hotel room", "find room", "find hotel"])
    assert both > rare
    assert both > common
    once, twice = scores("a", ["a b", "a a"])
    assert once < twice < 2 * once
    short, long, _ = scores("a", ["a b", "a b c d e", "x"])
    assert short > long
    assert scores("x", ["a", "b"]) == [0, 0]
    assert best("x", ["a", "b"]) == 0
    assert best("x", []) == -1


def test_a_baseline_that_does_not_fit(choices: EvalSet, tmp_path: Path) -> None:
    """Where answers name no elements of a page there is nothing to repeat; the message lists what
    there is.
    """
    with pytest.raises(ConfigError, match="there are majority, random, lexical, perfect, shuffled"):
        baseline(choices, "last", tmp_path / "x", protocol=CHOICES[0])
    with pytest.raises(ConfigError, match="no baseline; there are majority"):
        baseline(choices, "best", tmp_path / "x", protocol=CHOICES[0])
