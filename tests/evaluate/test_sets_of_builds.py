"""Evaluation sets of a build's test splits."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
import orjson
import pytest

from etl.build.evalset.prompts import prompter
from etl.build.jobs import loaded, ordered
from etl.build.pack import PackPlan
from etl.evaluate import files
from etl.evaluate.baselines.elements import elements, parts_of
from etl.evaluate.facts import steps
from etl.evaluate.files import EvalSet, opened
from etl.evaluate.schema import EVAL_SCHEMA
from etl.publish.export import unpacked
from schemas.errors import ConfigError
from schemas.samples import NO_LOSS
from tests.evaluate.mind2web import evaluation_set
from tests.support import builds
from tests.support.builds import samples
from tokenization.messages import Chat


def plan_of(build: Path) -> PackPlan:
    order = ordered(build)
    plan = loaded(order.recipe, order.overrides).packed
    assert isinstance(plan, PackPlan)
    return plan


def packed(out: Path, split: str) -> list[tuple[str, tuple[int, ...], str]]:
    """(sample, ids before the answer, answer) of all chunks of a split."""
    chat = Chat(plan_of(out).encoder)
    found = []
    for path in sorted((out / "dataset" / "data").rglob(f"{split}-*.arrow")):
        for name, ids, labels in unpacked(path):
            start = next(at for at, label in enumerate(labels.tolist()) if label != NO_LOSS)
            found.append((name, tuple(ids[:start].tolist()), chat.answer(ids, labels)))
    return found


def rows(eval_set: EvalSet) -> list[dict[str, Any]]:
    return list(eval_set.rows(EVAL_SCHEMA.names))


def by_step(eval_set: EvalSet) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(eval_set):
        found.setdefault(row["step_id"], []).append(row)
    return found


def test_prompts_are_those_of_the_packed_dataset(built: Path, steps_set: EvalSet) -> None:
    """Token ids before the completion equal the packed ones of the same steps, chunk by chunk, and
    so do the completions; the messages encode to these ids.
    """
    of_packed, mine = packed(built, "test"), rows(steps_set)
    assert max(row["chunks"] for row in mine) > 1
    wanted = Counter((name, ids) for name, ids, _ in of_packed)
    assert wanted == Counter((row["step_id"], tuple(row["input_ids"])) for row in mine)
    answers = {name: answer for name, _, answer in of_packed}
    encoder = plan_of(built).encoder
    for row in mine:
        assert row["gold"]["text"] == answers[row["step_id"]]
        system, user = row["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert system["content"] == encoder.prompt.system
        ids, count = encoder.tokens(user["content"], row["gold"]["text"])
        assert ids[:count].tolist() == row["input_ids"]


@pytest.mark.parametrize(
    "settings",
    [
        ('prompt.chat="plain"',),
        ('vocabulary.name="qwen3"',),
        ('prompt.system=""',),
        ('vocabulary.name="mistral-v3-tekken"',),
        ('vocabulary.name="mistral-v3-tekken"', 'prompt.chat="mistral-v1"'),
        ('vocabulary.name="mistral-v3"',),
    ],
)
def test_prompts_of_any_vocabulary_and_template(tmp_path: Path, settings: tuple[str, ...]) -> None:
    """Whatever the vocabulary and the chat template, trimming ones too, prompts are the packed
    ones, and each chunk knows whether it holds the target.
    """
    records = [builds.workflow(number, steps=3) for number in range(3)]
    for record in records:
        for step in record["steps"]:
            step["html"] = step["html"].replace("<h1>", "<p>one two three four</p>" * 60 + "<h1>")
    path = builds.write_workflows(tmp_path / "in.jsonl", *records)
    short = ("fit.context=500", 'fit.test="all"', "split.test=1.0")
    builds.build([path], tmp_path / "build", *short, *settings)
    evaluation_set(tmp_path / "set", tmp_path / "build")
    found = rows(opened(tmp_path / "set"))
    assert Counter((name, ids) for name, ids, _ in packed(tmp_path / "build", "test")) == Counter(
        (row["step_id"], tuple(row["input_ids"])) for row in found
    )
    assert min(row["chunks"] for row in found) > 1
    for row in found:
        page = row["messages"][-1]["content"].partition("\nStep-by-step guide:")[0]
        assert row["gold"]["in_chunk"] == (f'node="{row["gold"]["nodes"][0]}"' in page)


def test_each_vocabulary_of_a_build(tmp_path: Path) -> None:
    """The folder of each vocabulary of a build gives the prompts of its own dataset."""
    path = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(1, steps=3))
    (tmp_path / "two.toml").write_text(
        'extends = "scribeagent-32k"\nvocabularies = ["qwen2.5", "mistral-v3-tekken"]\n'
        "[split]\ntest = 1.0\n"
    )
    build = tmp_path / "build"
    done = builds.command("build", path, "--recipe", tmp_path / "two.toml", "--out", build)
    assert done.returncode == 0, done.stderr
    found = {}
    for folder in (build, build / "vocabularies" / "mistral-v3-tekken"):
        evaluation_set(tmp_path / f"{folder.name}-set", folder)
        found[folder.name] = rows(opened(tmp_path / f"{folder.name}-set"))
        ids = [
            tuple(ids[: next(at for at, label in enumerate(labels) if label != NO_LOSS)].tolist())
            for file in sorted((folder / "dataset" / "data").rglob("test-*.arrow"))
            for _, ids, labels in unpacked(file)
        ]
        assert sorted(ids) == sorted(tuple(row["input_ids"]) for row in found[folder.name])
    one, other = found.values()
    assert [row["messages"] for row in one] == [row["messages"] for row in other]
    assert [row["input_ids"] for row in one] != [row["input_ids"] for row in other]


def test_prompt_texts_are_those_of_the_samples(built: Path, steps_set: EvalSet) -> None:
    """A page that fits gives the very text that the prompt makes of the sample; the chunks of one
    that does not, from left to right, join to the page.
    """
    prompt, made, found = plan_of(built).encoder.prompt, samples(built), by_step(steps_set)
    assert {len(of_step) for of_step in found.values()} >= {1, 2}
    for step_id, of_step in found.items():
        before, after = prompt.frame(made[step_id])
        users = [row["messages"][-1]["content"] for row in of_step]
        assert all(user.startswith(before) and user.endswith(after) for user in users)
        pages = [user[len(before) : len(user) - len(after)] for user in users]
        assert "".join(pages) == made[step_id].observation
        assert [row["chunk"] for row in of_step] == list(range(len(of_step)))


def test_a_step_knows_its_gold_and_which_prompt_holds_it(steps_set: EvalSet) -> None:
    """Of a step's chunks exactly one holds the target; facts stand on the first row, and agree."""
    for of_step in by_step(steps_set).values():
        assert sum(row["gold"]["in_chunk"] for row in of_step) == 1
        holding = next(row for row in of_step if row["gold"]["in_chunk"])
        (node,) = holding["gold"]["nodes"]
        assert f' node="{node}"' in holding["messages"][-1]["content"]
        assert [bool(row["facts"]) for row in of_step] == [True] + [False] * (len(of_step) - 1)
        facts = steps.read(of_step[0]["facts"])
        assert (facts.nodes, facts.held, facts.kind) == ((node,), True, holding["kind"])
        assert facts.text == holding["gold"]["text"]


def test_the_right_most_chunk_alone(built: Path, steps_set: EvalSet, tmp_path: Path) -> None:
    """With the policy `first` each step has one prompt, the right-most chunk, and says whether that
    holds the target.
    """
    evaluation_set(tmp_path / "first", built, chunks="first")
    last = {row["step_id"]: row["input_ids"] for row in rows(steps_set)}
    first = rows(opened(tmp_path / "first"))
    assert {row["step_id"]: row["input_ids"] for row in first} == last
    assert {row["chunks"] for row in first} == {1}
    assert {row["gold"]["in_chunk"] for row in first} == {True, False}


def test_datasets_load_it(steps_set: EvalSet, tmp_path: Path) -> None:
    """`load_dataset` opens a set by its README, with its splits and columns."""
    found = datasets.load_dataset(str(steps_set.folder), cache_dir=str(tmp_path))
    assert set(found) == {"test"}
    assert found["test"].column_names == EVAL_SCHEMA.names
    assert found["test"].num_rows == steps_set.manifest["splits"]["test"]["prompts"]
    assert found["test"][0]["messages"][0]["role"] == "system"


def test_datasets_load_another_set_in_its_place(built: Path, tmp_path: Path) -> None:
    """`datasets` remembers what it loaded of a place, but not for another set that is there now."""
    place, cache = tmp_path / "set", str(tmp_path / "cache")
    for chunks in ("all", "first"):
        evaluation_set(place, built, chunks=chunks)
        found = datasets.load_dataset(str(place), cache_dir=cache)["test"]
        assert found["input_ids"] == [row["input_ids"] for row in rows(opened(place))]


def test_large_splits_are_several_files(
    built: Path, steps_set: EvalSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A split over the size of a file is several files, whose rows together are the same."""
    monkeypatch.setattr(files, "SHARD_BYTES", 200_000)
    manifest = evaluation_set(tmp_path / "set", built)
    count = manifest["splits"]["test"]["files"]
    assert count > 1
    names = sorted(path.name for path in (tmp_path / "set" / "data").iterdir())
    assert names[-1] == f"test-{count - 1:05d}-of-{count:05d}.arrow"
    assert rows(opened(tmp_path / "set")) == rows(steps_set)
    loaded_set = datasets.load_dataset(str(tmp_path / "set"), cache_dir=str(tmp_path / "cache"))
    assert loaded_set["test"]["id"] == [row["id"] for row in rows(steps_set)]


def test_a_stopped_command_leaves_what_was_there(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a set cannot be made, the one that was there stays whole, and nothing lies beside it."""
    evaluation_set(tmp_path / "set", built)
    before = builds.contents(tmp_path / "set")
    add, added = files.EvalWriter.add, []

    def stops(self: files.EvalWriter, step: Any) -> None:
        added.append(step)
        if len(added) > 3:
            raise OSError("no room")
        add(self, step)

    monkeypatch.setattr(files.EvalWriter, "add", stops)
    with pytest.raises(OSError, match="no room"):
        evaluation_set(tmp_path / "set", built)
    assert builds.contents(tmp_path / "set") == before
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_command(built: Path, tmp_path: Path) -> None:
    """`stepmill evalset` says what it made and what to do next, or prints the manifest; what cannot
    be used is exit code 2.
    """
    done = builds.command("evalset", built, "--out", tmp_path / "set")
    assert done.returncode == 0
    assert re.search(r"test: \d+ prompts of \d+ steps in \d+ workflows", done.stderr)
    assert "stepmill predict" in done.stderr
    done = builds.command("evalset", built, "--out", tmp_path / "set", "--json")
    assert json.loads(done.stdout) == opened(tmp_path / "set").manifest
    done = builds.command("evalset", tmp_path / "gone", "--out", tmp_path / "other")
    assert done.returncode == 2
    assert "gone" in done.stderr


def test_prompts_for_a_harness(steps_set: EvalSet) -> None:
    """``prompts/`` has id and messages of every prompt, as the rows have them."""
    lines = (steps_set.folder / "prompts" / "test.jsonl").read_bytes().splitlines()
    wanted = [{"id": row["id"], "messages": row["messages"]} for row in rows(steps_set)]
    assert [orjson.loads(line) for line in lines] == wanted
    assert len({row["id"] for row in wanted}) == len(wanted)


def test_the_same_again_gives_the_same_bytes(
    built: Path, steps_set: EvalSet, tmp_path: Path
) -> None:
    """A set is a function of its sources and settings; a later one takes the place of an earlier
    one whole.
    """
    evaluation_set(tmp_path / "steps-set", built, chunks="first")
    evaluation_set(tmp_path / "steps-set", built)
    mine, wanted = (builds.contents(each) for each in (tmp_path / "steps-set", steps_set.folder))
    assert {name: mine[name] for name in mine if name != "manifest.json"} == {
        name: wanted[name] for name in wanted if name != "manifest.json"
    }
    assert opened(tmp_path / "steps-set").manifest == steps_set.manifest
    assert [path.name for path in tmp_path.iterdir()] == ["steps-set"]


def test_another_recipe_makes_other_prompts(built: Path, tmp_path: Path) -> None:
    """Settings change the prompts of a set: with a longer context no page is in chunks."""
    evaluation_set(tmp_path / "long", built, overrides=("fit.context=32768",))
    assert {row["chunks"] for row in rows(opened(tmp_path / "long"))} == {1}


def test_every_test_split_is_asked(tmp_path: Path) -> None:
    """Of a build with several test splits all are in the set; training and validation are not,
    unless they are named.
    """
    lists = {}
    for name, ids in (("hard", ["w1"]), ("easy", ["w2", "w3"])):
        lists[name] = tmp_path / f"{name}.txt"
        lists[name].write_text("".join(f"{each}\n" for each in ids))
    given = ", ".join(f'{name} = "{path}"' for name, path in lists.items())
    path = builds.write_workflows(tmp_path / "in.jsonl", *map(builds.workflow, range(20)))
    settings = (f"split.lists={{ {given} }}", "split.test=0", "split.validation=0.3")
    builds.build([path], tmp_path / "build", *settings)
    manifest = evaluation_set(tmp_path / "set", tmp_path / "build")
    assert sorted(manifest["splits"]) == ["easy", "hard"]
    assert manifest["splits"]["easy"]["workflows"] == 2
    only = evaluation_set(tmp_path / "one", tmp_path / "build", splits=("validation",))
    assert list(only["splits"]) == ["validation"]
    with pytest.raises(ConfigError, match="no split gone"):
        evaluation_set(tmp_path / "none", tmp_path / "build", splits=("gone",))


def test_what_the_build_left_out_is_counted(tmp_path: Path) -> None:
    """Steps of the asked workflows that are no samples are counted by their reasons."""
    record = builds.workflow(1, steps=3)
    record["steps"][1]["target"] = [{"kind": "css", "value": "#gone"}]
    path = builds.write_workflows(tmp_path / "in.jsonl", record)
    builds.build([path], tmp_path / "build", "split.test=1.0")
    manifest = evaluation_set(tmp_path / "set", tmp_path / "build")
    assert manifest["left_out"] == {"target_absent": 1}
    assert manifest["splits"]["test"]["steps"] == 2


def test_a_folder_with_something_else_is_left_alone(built: Path, tmp_path: Path) -> None:
    """A set is never written over what is no set."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="no evaluation set; give another --out"):
        evaluation_set(tmp_path, built)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ConfigError, match="no evaluation set"):
        opened(tmp_path)


def test_text_that_looks_like_special_tokens_is_counted(tmp_path: Path) -> None:
    """Text that looks like a special token stays as training has it, is text in the token ids, and
    is counted, since a server may take it for one.
    """
    record = builds.workflow(1, steps=2, objective="Order the item <|im_end|> and pay for it")
    path = builds.write_workflows(tmp_path / "in.jsonl", record)
    builds.build([path], tmp_path / "build", "split.test=1.0")
    manifest = evaluation_set(tmp_path / "set", tmp_path / "build")
    assert manifest["look_like_special_tokens"] == {"prompts": 2, "texts": 2}
    first = rows(opened(tmp_path / "set"))[0]
    assert "item <|im_end|> and" in first["messages"][-1]["content"]
    specials = plan_of(tmp_path / "build").encoder.vocabulary.special_tokens
    assert first["input_ids"].count(specials["<|im_end|>"]) == 2  # of the system and of the user


def test_pages_that_are_texts(tmp_path: Path) -> None:
    """In pages that are texts, whose ids count lines, the chunk with the target is found too."""
    lines = "\n".join(f"[{n}] button 'Order item number {n} of the list'" for n in range(100))
    record = builds.workflow(1)
    record["steps"] = [
        {
            "url": "https://shop.example/",
            "axtree": lines,
            "action": {"kind": "click", "description": f"Order {n}"},
            "target": [{"kind": "ref", "value": str(n)}],
        }
        for n in (3, 50, 97)
    ]
    path = builds.write_workflows(tmp_path / "in.jsonl", record)
    settings = ('filter.observations=["axtree"]', "fit.context=700", 'fit.test="all"')
    builds.build([path], tmp_path / "build", *settings, "split.test=1.0")
    evaluation_set(tmp_path / "set", tmp_path / "build")
    found = rows(opened(tmp_path / "set"))
    assert {row["chunks"] for row in found} != {1}
    for row in found:
        target = row["gold"]["text"].partition("Target: ")[2].strip()
        page = row["messages"][-1]["content"].partition("\nStep-by-step guide:")[0]
        assert row["gold"]["in_chunk"] == (target in page.splitlines())
    facts = [steps.read(row["facts"]) for row in found if row["facts"]]
    assert [each.refs for each in facts] == [("3",), ("50",), ("97",)]


def test_an_unknown_split_has_the_policy_of_tests() -> None:
    """Files bring splits that no recipe knows: they are fitted as the test split is."""
    plan = loaded("scribeagent-32k", ()).packed
    assert prompter(plan, "anything", "recipe").fit == plan.fits["test"]


def test_prompts_of_a_compact_recipe(tmp_path: Path) -> None:
    """Prompts of observations that are a line an element are the packed ones, and each holds its
    target; a baseline sees the elements that one can act on.
    """
    path = builds.write_workflows(
        tmp_path / "in.jsonl", *(builds.workflow(number, steps=3) for number in range(3))
    )
    settings = ("--recipe", "compact-4k", "--set", "split.test=1.0", "--workers", "1")
    done = builds.command("build", str(path), "--out", str(tmp_path / "build"), *settings)
    assert done.returncode == 0, done.stderr
    evaluation_set(tmp_path / "set", tmp_path / "build")
    found = rows(opened(tmp_path / "set"))
    assert Counter((name, ids) for name, ids, _ in packed(tmp_path / "build", "test")) == Counter(
        (row["step_id"], tuple(row["input_ids"])) for row in found
    )
    assert len(found) == 9
    for row in found:
        page, _ = parts_of(row["messages"])
        (node,) = row["gold"]["nodes"]
        assert f"\n{node} " in f"\n{page}"
        assert row["gold"]["in_chunk"]
        assert str(node) in {each.id for each in elements(page)}
