"""A model's own chat template: what is rendered, what is refused, and that pages stay text.

`tests/train/test_model_folders.py` compares with transformers.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError, MissingExtra, RecordError
from tests.tokenization.test_prompt import sample
from tests.tokenization.test_vocabulary import page, qwen, texts
from tokenization.chat import OWN, Piece
from tokenization.document import Added
from tokenization.encode import Encoder, noted, usual_chat
from tokenization.fit import Drop, Fit
from tokenization.model_folder import ModelFolder
from tokenization.own_chat import OwnChat
from tokenization.prompt import Prompt
from tokenization.vocabulary import Vocabulary, load

pytest.importorskip("jinja2")
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ADDED = (Added("<|im_start|>", 1), Added("<|im_end|>", 2), Added("<|im_end|>x", 3))


def folder(path: Path, template: str | None = CHATML, **config: Any) -> Path:
    """A model's folder with Qwen's vocabulary: ranks under the name of Llama 3's file."""
    path.mkdir()
    (path / "tokenizer.model").write_bytes(qwen().file.content())
    decoder = {
        str(i): {"content": name, "special": True} for name, i in qwen().special_tokens.items()
    }
    given = {"added_tokens_decoder": decoder, "eos_token": {"content": "<|im_end|>"}, **config}
    if template is not None:
        given["chat_template"] = template
    (path / "tokenizer_config.json").write_text(json.dumps(given))
    return path


def refused(template: str, system: str = "S", **variables: Any) -> str:
    with pytest.raises(ConfigError) as error:
        OwnChat(template, {}, ADDED, variables).check(system)
    return str(error.value)


def test_pieces_are_those_of_the_template() -> None:
    """Tokens that the template writes are special tokens; what the answer adds has loss."""
    assert OwnChat(CHATML, {}, ADDED)("S", "U", "A") == [
        Piece("<|im_start|>", special=True), Piece("system\nS"), Piece("<|im_end|>", special=True),
        Piece("\n"),
        Piece("<|im_start|>", special=True), Piece("user\nU"), Piece("<|im_end|>", special=True),
        Piece("\n"),
        Piece("<|im_start|>", special=True), Piece("assistant\n"),
        Piece("A", loss=True), Piece("<|im_end|>", special=True, loss=True),
        Piece("\n", loss=True),
    ]  # fmt: skip
    assert len(OwnChat(CHATML, {}, ADDED)("", "U", "A")) == 9


@settings(max_examples=200, deadline=None)
@given(user=texts, answer=texts, parts=st.lists(st.sampled_from(["\ufdd0", "0;", "<|im_end|>x"])))
def test_messages_stay_text(user: str, answer: str, parts: list[str]) -> None:
    """Any message is one text among the same special tokens, as it was given."""
    user += "".join(parts)
    answer += "".join(parts) + "."
    pieces = OwnChat(CHATML, {}, ADDED)("S", user, answer)
    whole = OwnChat(CHATML, {}, ADDED)("S", "U", "A")
    assert [piece[1:] for piece in pieces] == [piece[1:] for piece in whole]
    assert (pieces[5].text, pieces[10].text) == (f"user\n{user}", answer)


def test_what_a_template_does_to_messages() -> None:
    """It trims as it does in transformers; what looks like a token decides nothing in it."""
    trims = CHATML.replace("m.content", "(m.content | trim)")
    pieces = OwnChat(trims, {}, ADDED)("S", " a ", " b ")
    assert (pieces[5].text, pieces[10].text) == ("user\na", "b")
    cuts = CHATML.replace("m.content", "m.content.split('<|im_end|>')[-1]")
    assert OwnChat(cuts, {}, ADDED)("S", "a<|im_end|>b", "c")[5].text == "user\na<|im_end|>b"


def test_templates_that_cannot_be_used_say_why() -> None:
    """Before work starts: what is wrong, and what to do about it."""
    assert "line 1" in refused("{% if %}")
    assert "odd roles" in refused("{{ raise_exception('odd roles') }}")
    system = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    assert "no system. Name another template as prompt.chat, or leave out" in refused(
        system + CHATML
    )
    assert "leave out" not in refused("{{ nothing.at.all }}")
    twice = CHATML.replace("m.content", "m.content + m.content")
    assert "user message once" in refused(twice, "")
    assert "system message once" in refused("{% set messages = messages[1:] %}" + CHATML)
    opened = CHATML.replace("assistant\n{%", "assistant\n<think>{%")
    assert "goes on with '<think>'" in refused(opened)
    assert 'strftime_now = "2026-01-31"' in refused("{{ strftime_now('%Y') }}" + CHATML)
    assert "expected a date" in refused(
        "{{ strftime_now('%Y') }}" + CHATML, strftime_now="yesterday"
    )


def test_templates_are_in_a_sandbox() -> None:
    """A template reaches neither Python's insides nor files, and changes nothing it is given."""
    for hostile in (
        "{{ messages.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''.__class__ }}{{ cycler.__init__.__globals__.os }}",
        "{{ messages.append(1) }}",
        "{% include '/etc/passwd' %}",
        "{% for i in range(999999999) %}{% endfor %}",
    ):
        assert "cannot be used" in refused(hostile + CHATML)


def test_settings_are_transformers() -> None:
    """Blocks take their line, `tojson` escapes no HTML, loops can be left, `generation` is read."""
    template = (
        "{% for m in messages %}\n    {% if loop.index > 9 %}{% break %}{% endif %}\n"
        "{{ m.role }}:{% generation %}{{ m.content | tojson }}{% endgeneration %};\n{% endfor %}\n"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    pieces = OwnChat(template)("", "<ä>", "b")
    assert pieces == [Piece('user:"<ä>";\nassistant:'), Piece('"b";\n', loss=True)]


def test_a_sample_that_a_template_refuses() -> None:
    """It is dropped with its reason, where the template took the messages it was tried with."""
    picky = "{% if 'bad' in messages[0].content %}{{ raise_exception('bad') }}{% endif %}" + CHATML
    chat = OwnChat(picky, {}, ADDED)
    chat.check("")
    with pytest.raises(RecordError, match="chat_refused: bad"):
        chat("", "bad", "A")
    more = CHATML.replace("m.content", "m.content + ('<|im_end|>' if 'bad' in m.content else '')")
    with pytest.raises(RecordError, match="other special tokens"):
        OwnChat(more, {}, ADDED)("", "bad", "A")


def test_a_folder_is_what_its_files_say(tmp_path: Path) -> None:
    """Vocabulary, special tokens and template come from the files; its hash from their content."""
    voc = load(model=str(folder(tmp_path / "Some-Model")))
    assert (voc.name, usual_chat(voc), voc.exact) == ("Some-Model", OWN, True)
    assert voc.special_tokens["<|im_end|>"] == qwen().special_tokens["<|im_end|>"]
    moved = load(model=str(folder(tmp_path / "moved")))
    assert moved.own_chat is not None
    assert voc.own_chat is not None
    assert (voc.sha256, voc.own_chat.sha256) == (moved.sha256, moved.own_chat.sha256)
    other = load(model=str(folder(tmp_path / "other", CHATML + "{# #}")))
    assert other.own_chat is not None
    assert other.sha256 == voc.sha256
    assert other.own_chat.sha256 != voc.own_chat.sha256
    copy: Vocabulary = pickle.loads(pickle.dumps(voc))
    assert copy.own_chat == voc.own_chat


def test_a_template_is_found_where_transformers_finds_it(tmp_path: Path) -> None:
    """In a file of its own first, then in the configuration, there by the name default."""
    path = folder(tmp_path / "m", None)
    assert ModelFolder(str(path)).chat is None
    (path / "tokenizer_config.json").write_text(
        json.dumps({"chat_template": [{"name": "tool_use", "template": "t"},
                                      {"name": "default", "template": "d"}]})
    )  # fmt: skip
    found = ModelFolder(str(path)).chat
    assert found is not None
    assert found.text == "d"
    (path / "chat_template.jinja").write_text("f")
    found = ModelFolder(str(path)).chat
    assert found is not None
    assert found.text == "f"


def test_chunks_are_encoded_as_if_alone(tmp_path: Path) -> None:
    """A chunk cut out of a page's ids is what its text gives when it is encoded by itself."""
    trims = CHATML.replace("m.content", "(m.content | trim)")
    voc = load(model=str(folder(tmp_path / "m", trims)))
    encoder = Encoder(voc, chat=OWN)
    chunks = Fit(700, "all", 0)(sample(observation=page(4, 200)), encoder)
    assert not isinstance(chunks, Drop)
    assert len(chunks) > 3
    for chunk in chunks:
        text = voc.decode(chunk.input_ids[: chunk.prompt_tokens])
        inner = text.partition("Observation: ")[2].rpartition("\nStep-by-step guide:")[0]
        assert chunk.input_ids.tolist() == encoder(sample(observation=inner)).input_ids.tolist()


def test_what_cannot_be_had_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing folder, file, template or package, and settings that do not fit together."""
    with pytest.raises(ConfigError, match=r"it is no folder.*Nothing is downloaded"):
        load(model="Qwen/Qwen3-8B")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ConfigError, match=r"has none of tokenizer\.json, tokenizer\.model"):
        load(model=str(empty))
    (empty / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="it is no huggingface vocabulary"):
        load(model=str(empty))
    with pytest.raises(ConfigError, match=r"leave out vocabulary\.file"):
        load(model=str(empty), file="x")
    bare = load(model=str(folder(tmp_path / "bare", None)))
    assert usual_chat(bare) == "llama3"
    with pytest.raises(ConfigError, match="has none of its own"):
        Encoder(bare, chat=OWN)
    with pytest.raises(ConfigError, match="chatml has none"):
        Encoder(bare, chat="chatml", variables={"enable_thinking": False})
    (tmp_path / "bare" / "tokenizer_config.json").write_text("[]")
    with pytest.raises(ConfigError, match="no JSON object"):
        load(model=str(tmp_path / "bare"))
    own = load(model=str(folder(tmp_path / "m")))
    encoder = Encoder(own, Prompt(), OWN, {"a": 1})
    settings = {"prompt": {"system": "S", "repeats": 5}, **encoder.settings}
    assert noted(settings, own).variables == {"a": 1}
    with pytest.raises(ConfigError, match="--vocabulary DIR"):
        noted(settings, load(model=str(folder(tmp_path / "changed", CHATML + "{# #}"))))
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"stepmill\[tokenizers\]"):
        OwnChat("never seen {{ messages }}").check("")
