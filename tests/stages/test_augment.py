"""Augment: texts by id replace objectives and descriptions.

A language model writes the texts, with one call for each id, once.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from etl.build.augment.answers import answer_of
from etl.build.augment.rewrite import Endpoint, rewrite
from etl.build.recipes import recipe
from etl.cli.main import cli
from etl.evaluate.asking.endpoint import NoAnswer
from etl.stages.augment import Augment, is_bare
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import BuildError, ConfigError
from tests.stages.conftest import Model, body
from tests.support import strategies
from tests.support.hostile import build, good, step, workflow, write


def mapping(path: Path, texts: Any) -> str:
    path.write_text(texts if isinstance(texts, str) else json.dumps(texts))
    return str(path)


def draft(*descriptions: str) -> Draft:
    steps = [
        strategies.step(number=10 + i, description=text) for i, text in enumerate(descriptions)
    ]
    return strategies.draft(*steps, objective="Order mugs")


def descriptions(rows: Iterator[Draft]) -> list[str]:
    return [step_draft.step.action.description for row in rows for step_draft in row.steps]


@pytest.mark.parametrize("id", ["workflows:w1", "w1"])
def test_objective_by_id(tmp_path: Path, id: str) -> None:
    """An objective is replaced by the text under its workflow's uid or own id, as one line."""
    stage = Augment(
        objectives=(mapping(tmp_path / "o.json", {id: "Order two\n blue mugs ", "other": "x"}),)
    )
    (row,) = stage(iter([draft("Click Save")]), Tally())
    assert row.objective == "Order two blue mugs"


@pytest.mark.parametrize("id", ["workflows:w1/2", "11"])
def test_description_by_id(tmp_path: Path, id: str) -> None:
    """A description is replaced by the text of its step's id, ours or the recording's.

    The others stay.
    """
    stage = Augment(descriptions=mapping(tmp_path / "d.json", {id: "Click Buy"}))
    rows = list(stage(iter([draft("Click Save", "Click here", "Click it")]), Tally()))
    assert descriptions(iter(rows)) == ["Click Save", "Click Buy", "Click it"]
    assert rows[0].objective == "Order mugs"


def test_only_bare(tmp_path: Path) -> None:
    """With only_bare, descriptions that name their element stay."""
    stage = Augment(
        descriptions=mapping(tmp_path / "d.json", {"10": "A", "11": "B"}), only_bare=True
    )
    assert descriptions(stage(iter([draft("Click Save", "Click here")]), Tally())) == [
        "Click Save",
        "B",
    ]


@pytest.mark.parametrize(
    "text",
    ["Click here", "click", "Click on this.", "CLICK  IT", " Double-click here ", "Right click"],
)
def test_bare(text: str) -> None:
    """Descriptions that do not name their element are bare."""
    assert is_bare(text)


@pytest.mark.parametrize(
    "text", ["", "Click Save", "Click here to save", 'Click "here"x', "Type here", "Clicker"]
)
def test_not_bare(text: str) -> None:
    """Descriptions that name something are not bare, nor are empty ones, which prune writes."""
    assert not is_bare(text)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("[1", "not valid JSON"),
        ([], "not an object"),
        ({"a": 1}, "no string"),
        ({"a": " "}, "is empty"),
    ],
)
def test_malformed_mapping_stops_before_work(tmp_path: Path, texts: Any, told: str) -> None:
    """A file that is not a mapping is a ConfigError before anything is built."""
    file = mapping(tmp_path / "m.json", texts)
    folder = write(tmp_path / "in", [good("a")]).parent
    with pytest.raises(ConfigError, match=told):
        build(tmp_path / "out", folder, settings=(f"augment.objectives={file}",))
    assert not list((tmp_path / "out").rglob("*.arrow"))


def test_missing_mapping_stops_before_work(tmp_path: Path) -> None:
    """A missing file is a ConfigError before anything is built."""
    folder = write(tmp_path / "in", [good("a")]).parent
    with pytest.raises(ConfigError, match="No such file"):
        build(tmp_path / "out", folder, settings=("augment.descriptions=absent.json",))
    assert not list((tmp_path / "out").rglob("*.arrow"))


def test_fingerprint_is_the_content(tmp_path: Path) -> None:
    """The same content under another name is the same build; other content is not."""
    mapping(tmp_path / "a.json", {"good": "Buy"})
    mapping(tmp_path / "b.json", {"good": "Buy"})
    mapping(tmp_path / "c.json", {"good": "Sell"})
    settings = [
        recipe.load("scribeagent-32k", (f"augment.objectives={tmp_path}/{x}.json",)).settings()
        for x in "abc"
    ]
    assert settings[0] == settings[1] != settings[2]
    folder = write(tmp_path / "in", [good("good")]).parent
    built = build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/a.json",))
    assert "\nObjective: Buy\nURL: " in built.decoded("workflows:good/1")
    again = build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/b.json",))
    assert again.manifest == built.manifest
    with pytest.raises(ConfigError, match=r"stage augment\.objectives"):
        build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/c.json",))


def test_mapping_that_changes_meanwhile(tmp_path: Path) -> None:
    """A worker stops the build if the mapping is not the one with which the build began."""
    stage = Augment(objectives=(mapping(tmp_path / "m.json", {"w1": "b"}),))
    assert stage.settings()["objectives"]
    sent = pickle.dumps(stage)
    (row,) = pickle.loads(sent)(iter([draft()]), Tally())
    assert row.objective == "b"
    mapping(tmp_path / "m.json", {"w1": "c"})
    with pytest.raises(BuildError, match="has changed"):
        list(pickle.loads(sent)(iter([draft()]), Tally()))


@pytest.mark.parametrize(
    "content",
    [
        "Buy the lamp",
        '"Buy the lamp"',
        "“Buy the lamp”",
        "**Buy the lamp**",
        "`Buy the lamp`",
        "<think>\nThe user wants a lamp.\n</think>\n\nBuy the lamp",
        "<thinking>a <think>b</think> c</thinking>Buy the lamp",
        "The user wants a lamp, so\n</think>\nBuy the lamp",
        "[THINK]A lamp.[/THINK]Buy the lamp</s>",
        ("<|channel|>analysis<|message|>A lamp.<|end|><|channel|>final<|message|>Buy the "
        "lamp<|return|>"),
        "```\nBuy the lamp\n```",
        "Sure! Here's the rewritten objective:\n\n```text\nBuy the lamp\n```",
        "Here is the rewritten objective: Buy the lamp",
        ("Certainly! Here is a clearer version:\n\n“Buy the lamp”\n\nLet me know if it should be "
        "shorter."),
        "**Rewritten objective:** Buy the lamp",
        "## Objective\nBuy the lamp",
        "Buy the lamp\n\nNote: I left the colour out.",
        '{"objective": "Buy the lamp"}',
        "<answer>Buy the lamp</answer>",
        [{"type": "thinking", "text": "A lamp."}, {"type": "text", "text": "Buy\n the lamp"}],
    ],
)  # fmt: skip
def test_the_answer_alone(content: Any) -> None:
    """Reasoning, wrappings and politeness are removed, and the answer stays."""
    assert answer_of(json.loads(body(content, reasoning_content="A lamp."))) == "Buy the lamp"


@pytest.mark.parametrize(
    "text",
    [
        "Rewritten Objective: buy",
        "Find out what is here: the lamp",
        'Click "Buy"',
        '"A" and then "B"',
        "Sure",
        "I can't find my order: look for it",
        "Type <b>bold</b> in the box",
    ],
)
def test_an_answer_stays_as_it_is(text: str) -> None:
    """A text that only looks like an announcement, a quote or a refusal is an answer.

    So is all text within quotes.
    """
    quoted = f'"{text}"' if text.startswith("Rewritten") else text
    assert answer_of(json.loads(body(quoted))) == text


@pytest.mark.parametrize(
    ("response", "reason", "final"),
    [
        (body("Buy the", "length"), "cut_off", True),
        (body("Buy the", "MAX_TOKENS"), "cut_off", True),
        (body("", "content_filter"), "filtered", True),
        (body(None, refusal="I will not"), "refused", True),
        (body("I'm sorry, but I can't help with that."), "refused", True),
        (body("<think>The user wants a"), "thoughts_only", False),
        (body("Buy the lamp <think>or"), "thoughts_only", False),
        (body("", reasoning_content="The user"), "thoughts_only", False),
        (body("<|channel|>analysis<|message|>The user"), "thoughts_only", False),
        (body("<think>so</think>"), "bad_answer", False),
        (body("Buy the lamp.\n\nBuy the chair."), "bad_answer", False),
        (body("```\na\n```\nor\n```\nb\n```"), "bad_answer", False),
        (body(None, "tool_calls"), "bad_answer", False),
        (body("x" * 2001), "bad_answer", False),
        ('{"error": {"message": "overloaded"}}', "server_error", False),
        ("[]", "bad_answer", False),
    ],
)
def test_what_is_no_answer(response: str, reason: str, final: bool) -> None:
    """A doubtful response gives a reason and no text.

    It is cut off, filtered, refused, has reasoning without an end, or more than one text.
    """
    with pytest.raises(NoAnswer) as error:
        answer_of(json.loads(response))
    assert (error.value.reason, error.value.final) == (reason, final)


@pytest.mark.parametrize(
    ("trouble", "reason", "calls"),
    [
        (body("Buy the", "length"), "cut_off", 1),
        (body("I cannot help with this."), "refused", 1),
        (body("<think>The"), "thoughts_only", 3),
    ],
)
def test_no_answer_is_never_kept(
    tmp_path: Path, model: Model, trouble: str, reason: str, calls: int
) -> None:
    """After a failure the original stays and the cache does not grow.

    The failure is reported once, and the next run asks again.
    """
    recordings(tmp_path, 2)
    model.plan = [trouble] * (2 * calls)
    told: list[str] = []
    counts = run(tmp_path, model, what="objectives", parallel=1, told=told.append)
    assert counts == {"cached": 0, f"failed: {reason}": 2}
    assert [reason in words for words in told] == [True] * len(told)
    assert len(told) == 1
    assert len(model.calls) == 2 * calls
    assert (tmp_path / "out" / "cache.jsonl").read_bytes() == b""
    assert run(tmp_path, model, what="objectives") == {"asked": 2, "cached": 0}


def test_thoughts_that_were_kept_are_no_answers(tmp_path: Path, model: Model) -> None:
    """Reasoning in a cache of an earlier version is not an answer: it is asked for again."""
    recordings(tmp_path, 1)
    run(tmp_path, model, what="objectives")
    for name in ("cache.jsonl", "objectives.json"):
        path = tmp_path / "out" / name
        path.write_text(path.read_text().replace("Rewritten", "<think>so</think> Rewritten"))
    assert run(tmp_path, model, what="objectives") == {"asked": 1, "cached": 0}
    assert "think" not in (tmp_path / "out" / "objectives.json").read_text()


def test_parameters_and_the_server_s_words(tmp_path: Path, model: Model) -> None:
    """The temperature is 0, left out if empty; other parameters are sent as given.

    The server's words on them are shown.
    """
    recordings(tmp_path, 1)
    model.plan = ['400 {"error": {"message": "Unsupported value: \'temperature\'\\nuse 1"}}']
    common = [
        "augment",
        str(tmp_path / "in"),
        "--base-url",
        model.url,
        "--model",
        "m",
        "--what",
        "objectives",
    ]
    common += ["--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(cli, common)
    assert refused.exit_code == 1
    assert "http_400: Unsupported value: 'temperature' use 1" in refused.output
    taken = CliRunner().invoke(cli, [*common, "--temperature", "", "--parameter", 'effort="low"'])
    assert taken.exit_code == 0, taken.output
    assert model.calls[0]["temperature"] == 0
    assert "temperature" not in model.calls[1]
    assert model.calls[1]["effort"] == "low"
    for bad in ("effort=low", "effort", "model=1"):
        assert CliRunner().invoke(cli, [*common, "--parameter", bad]).exit_code == 2


BARE = step(action={"kind": "click", "description": "Click here"})


def recordings(folder: Path, count: int = 2) -> Path:
    """Workflows of one step that names its element and one that does not."""
    return write(
        folder / "in",
        [workflow(f"w{i}", step(), BARE, objective=f"Search mug number {i}") for i in range(count)],
    ).parent


def run(folder: Path, model: Model, **options: Any) -> dict[str, Any]:
    endpoint = Endpoint(model.url, "m1", "secret", timeout=0.5, attempts=3, pause=0.01)
    chosen = recipe.load("scribeagent-32k")
    return rewrite(
        [str(folder / "in")], folder / "out", chosen, options.pop("endpoint", endpoint), **options
    )
