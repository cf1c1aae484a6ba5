"""Builds with other kinds of vocabularies: what they write, and that every reader reads it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl.build.recipes import recipe
from etl.files.arrow import read_json
from schemas.errors import ConfigError
from schemas.samples import NO_LOSS
from tests.support import builds
from tests.tokenization.test_own_chat import folder
from tokenization.vocabulary import load

KINDS = {
    "qwen3": ("vocabulary.name=qwen3", "qwen3"),
    "mistral-v1": ("vocabulary.name=mistral-v1", "mistral-v1"),
    "mistral-v3": ("vocabulary.name=mistral-v3", "mistral"),
    "mistral-v7": ("vocabulary.name=mistral-v7", "mistral-v7"),
    "mistral-v3-tekken": ("vocabulary.name=mistral-v3-tekken", "mistral"),
    "file": ("vocabulary.file={file}", "mistral"),
    "model": ("vocabulary.model={model}", "model"),
}
"""Setting of a kind, and the chat template that it has unless another is asked for."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recordings, a SentencePiece file and a model's folder."""
    pytest.importorskip("sentencepiece")
    at = tmp_path_factory.mktemp("vocabularies")
    records = [builds.workflow(number, steps=2) for number in range(12)]
    records[0]["objective"] += " <|im_end|> [INST] </s> \u2581 Größe  e\u0301"
    file = at / "own.model"
    shutil.copy(load("mistral-v3").file.path, file)
    return {
        "in": builds.write_workflows(at / "in.jsonl", *records),
        "file": file,
        "model": folder(at / "Some-Model"),
    }


def made(places: dict[str, Path], out: Path, kind: str, *more: str) -> Path:
    setting = KINDS[kind][0].format(**places)
    builds.build([places["in"]], out, "split.test=0.25", "fit.context=2048", setting, *more)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_every_reader_reads_it(kind: str, places: dict[str, Path], tmp_path: Path) -> None:
    """The chat template is the vocabulary's own; verify passes; views, report and export decode the
    tokens, from the folder and the name alone; the card names vocabulary and template.
    """
    out, chat = made(places, tmp_path / "out", kind), KINDS[kind][1]
    manifest = read_json(out / "dataset" / "manifest.json")
    assert manifest["settings"]["packed"]["chat"] == chat
    assert builds.command("verify", out).returncode == 0
    shown = json.loads(builds.command("inspect", out, "sample", "--seed", "1", "--json").stdout)
    trained = "".join(run["text"] for run in shown["runs"] if run["loss"])
    assert "\nNode: " in trained
    done = builds.command("report", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["context"]["measured"] > 0
    done = builds.command("export", out, "--out", tmp_path / "chats", "--format", "messages")
    assert done.returncode == 0, done.stderr
    rows = [
        json.loads(line)
        for path in (tmp_path / "chats").rglob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert len(rows) == 24
    answers = {row["messages"][-1]["content"].partition("\n")[0] for row in rows}
    assert answers == {"1.", "2."}
    named = {"file": "own.model", "model": "Some-Model"}.get(kind, kind)
    text = (out / "dataset" / "README.md").read_text()
    assert f"`{named}`" in text
    assert ("template `model, sha256 " if chat == "model" else f"template `{chat}`") in text
    assert str(places["model"].parent) not in text + json.dumps(manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_on_the_answer(kind: str, places: dict[str, Path], tmp_path: Path) -> None:
    """Of every sample the tokens with loss are the answer, and what ends it."""
    out = made(places, tmp_path / "out", kind)
    chosen = recipe.load("scribeagent-32k", [KINDS[kind][0].format(**places)])
    encoder = chosen.packed.encoder
    samples = builds.samples(out)
    found = list(builds.emitted(out))
    assert len(found) == 24
    for each in found:
        sample = samples[each.sample_id]
        text = encoder.vocabulary.decode(each.labels[each.labels != NO_LOSS])
        answer = encoder.vocabulary.normalise(encoder.prompt.completion(sample))
        assert re.fullmatch(rf" ?{re.escape(answer)}(<\|im_end\|>\n?|</s>|<\|im_end\|>)", text), (
            text
        )
        ids, prompt = encoder.tokens(encoder.prompt.user(sample), encoder.prompt.completion(sample))
        assert each.input_ids.tolist() == ids.tolist()
        assert (each.labels[:prompt] == NO_LOSS).all()


def test_a_folder_is_its_content(places: dict[str, Path], tmp_path: Path) -> None:
    """The same files elsewhere give the same dataset; another template gives another fingerprint,
    and readers say that the folder has changed.
    """
    one = made(places, tmp_path / "one", "model")
    moved = tmp_path / "elsewhere" / "Some-Model"
    shutil.copytree(places["model"], moved)
    two = made({**places, "model": moved}, tmp_path / "two", "model")
    assert builds.contents(one / "dataset") == builds.contents(two / "dataset")
    (moved / "chat_template.jinja").write_text(
        json.loads((moved / "tokenizer_config.json").read_text())["chat_template"] + "{# #}"
    )
    with pytest.raises(ConfigError, match=r"(?s)other settings.*own_chat") as error:
        made({**places, "model": moved}, tmp_path / "two", "model")
    assert "sha256" in str(error.value)
    for words in (
        ("report", two, "--json"),
        ("export", two, "--out", tmp_path / "x", "--format", "messages"),
    ):
        done = builds.command(*words)
        assert done.returncode == 2
        assert "chat template of Some-Model is not the one" in done.stderr
        done = builds.command(*words, "--vocabulary", places["model"])
        assert done.returncode == 0, done.stderr


def test_variables_decide(tmp_path: Path, places: dict[str, Path]) -> None:
    """Variables of a template, given in a recipe, are in the fingerprint and in what is written."""
    template = (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + (mood or '') + m.content + "
        "'<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
        "{{ mood or '' }}{% endif %}"
    )
    own: Any = {**places, "model": folder(tmp_path / "Moody", template)}
    out = made(own, tmp_path / "out", "model", 'prompt.chat_variables={mood="calm "}')
    packed = read_json(out / "dataset" / "manifest.json")["settings"]["packed"]
    assert packed["own_chat"]["variables"] == {"mood": "calm "}
    assert "…, mood = calm" in (out / "dataset" / "README.md").read_text()
    sample = next(iter(builds.emitted(out)))
    assert "assistant\ncalm 1." in load(model=str(own["model"])).decode(sample.input_ids) or (
        "assistant\ncalm 2." in load(model=str(own["model"])).decode(sample.input_ids)
    )
    done = builds.command("export", out, "--out", tmp_path / "chats", "--format", "messages")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (["vocabulary.name=llama3"], "vocabulary.model = DIR"),
        (["vocabulary.model=nowhere"], "it is no folder"),
        (["prompt.chat=model"], "has none of its own"),
        (["prompt.chat_variables={a=1}"], "chatml has none"),
        (["vocabulary.name=cl100k", "vocabulary.model={model}", "vocabulary.nfc=true",
          "vocabulary.pattern=x"], "leave out vocabulary.file"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_stops_before_work(
    settings: list[str], says: str, places: dict[str, Path], tmp_path: Path
) -> None:
    """The error names the setting and what to give instead; nothing is built."""
    given = [each.replace("{model}", str(places["model"])) for each in settings]
    with pytest.raises(ConfigError, match=re.escape(says)):
        builds.build([places["in"]], tmp_path / "out", *given)
    assert not (tmp_path / "out" / "work" / "samples").exists()
