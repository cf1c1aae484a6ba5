"""Models' own folders, beside transformers: the same ids, and loss on what the answer adds.

The folders are made here: vocabularies trained on pages of the tests, and Mistral's, which
mistral-common ships; chat templates of well-known models, which TRL ships.
"""

from __future__ import annotations

import datetime as dt
import functools
import importlib.util
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import tokenizers
import transformers

from schemas.errors import ConfigError
from tests.support.vocabularies import trained
from tests.tokenization.test_vocabulary import page
from tokenization.encode import Encoder
from tokenization.families import FAMILIES
from tokenization.prompt import Prompt
from tokenization.vocabulary import load

_TRL: Final = importlib.util.find_spec("trl")
assert _TRL is not None
assert _TRL.origin is not None
TEMPLATES: Final = {
    path.stem: path.read_text("utf-8")
    for path in sorted(Path(_TRL.origin).parent.glob("chat_templates/*.jinja"))
    if not path.stem.endswith("_training")
}
SPELLED: Final = re.compile(
    r"<\|[^|<>{}'\"]+\|>|<｜[^｜]+｜>|</?(?:think|tool_call|tool_response|s|bos|eos)>"
    r"|<(?:start|end)_of_turn>|\[/?(?:INST|gMASK)\]|<sop>"
)
"""What templates write that is a token of their vocabularies."""

USER: Final = f"Objective: Find  a mug\nURL: https://shop.example/ä\nObservation: {page(3, 12)}\n"
ANSWER: Final = '4.\nDescription: Click "Add to cart" <b>\nNode: 12 12 12\nTarget: <a node="12">\n'
SYSTEM: Final = "Help achieve the objective."
CONFIG: Final = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@functools.cache
def byte_level() -> str:
    """A small byte-level vocabulary with Qwen's pattern, as tokenizer.json."""
    return str(trained((page(seed) for seed in range(3)), 900).to_str())


def folder(
    path: Path, document: str | bytes, template: str, config: Mapping[str, Any], added: Any = ()
) -> Path:
    """Write a model's folder; the vocabulary is a tokenizer.json or, as bytes, a model file."""
    path.mkdir(parents=True)
    if isinstance(document, bytes):
        (path / "tokenizer.model").write_bytes(document)
    else:
        tokenizer = tokenizers.Tokenizer.from_str(document)
        tokenizer.add_tokens(list(added))
        tokenizer.save(str(path / "tokenizer.json"))
    given = {"tokenizer_class": "TokenizersBackend", **CONFIG, **config, "chat_template": template}
    (path / "tokenizer_config.json").write_text(json.dumps(given))
    return path


def special(*names: str, **options: Any) -> list[Any]:
    return [
        tokenizers.AddedToken(name, special=True, normalized=False, **options) for name in names
    ]


def in_transformers(path: Path, system: str, variables: Mapping[str, Any]) -> tuple[Any, Any]:
    """The ids of the prompt and of the whole conversation, by transformers."""
    theirs = transformers.AutoTokenizer.from_pretrained(path)
    talk = [{"role": "system", "content": system}] if system else []
    talk += [{"role": "user", "content": USER}]
    prompt = theirs.apply_chat_template(
        talk, add_generation_prompt=True, return_dict=False, **variables
    )
    talk += [{"role": "assistant", "content": ANSWER}]
    return prompt, theirs.apply_chat_template(talk, return_dict=False, **variables)


def ours(path: Path, system: str, variables: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The same by stepmill, from the labels: those without loss are the prompt."""
    encoder = Encoder(load(model=str(path)), Prompt(system), "model", variables)
    ids, prompt = encoder.tokens(USER, ANSWER)
    return ids[:prompt].tolist(), ids.tolist()


def alike(path: Path, system: str = SYSTEM, variables: Mapping[str, Any] | None = None) -> None:
    prompt, whole = in_transformers(path, system, variables or {})
    assert ours(path, system, variables or {}) == (prompt, whole)
    assert whole[: len(prompt)] == prompt
    assert len(whole) > len(prompt)


NO_THOUGHT: Final[dict[str, Any]] = {"enable_thinking": False}
VARIABLES: Final[dict[str, dict[str, Any]]] = {
    "llama3_2": {"date_string": "26 Jul 2024"},
    "muse_glimmer": {"date_string": "26 Jul 2024"},
    **{name: NO_THOUGHT for name in TEMPLATES if name.startswith("nemotron_3")},
}
"""Without these the templates are refused."""

OPENS_A_THOUGHT: Final = r"goes on with '<think>\\n'.*enable_thinking"
TAKES_LISTS: Final = "does not write the .* message once|has no attribute"
REFUSED: Final = {
    ("deepseekv3", True): OPENS_A_THOUGHT,
    ("deepseekv3", False): OPENS_A_THOUGHT,
    ("deepseek_r1_distill", True): OPENS_A_THOUGHT,
    ("deepseek_r1_distill", False): OPENS_A_THOUGHT,
    ("gemma", True): r"System role not supported.*prompt\.system = ''",
    ("gptoss", True): r'today.*prompt\.chat_variables\.strftime_now = "2026-01-31"',
    ("gptoss", False): "today",
    ("muse_glimmer", False): "today",
    **{(name, system): TAKES_LISTS for name in ("idefics3", "llava_next", "smolvlm")
       for system in (True, False)},
}  # fmt: skip
"""(template, with a system message) -> why it is refused."""


@pytest.mark.parametrize("system", [SYSTEM, ""], ids=["system", "none"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_of_models(name: str, system: str, tmp_path: Path) -> None:
    """Every template gives transformers' ids, or is refused with what to do about it."""
    template, variables = TEMPLATES[name], VARIABLES.get(name, {})
    added = special(*sorted({*SPELLED.findall(template), *CONFIG.values()}))
    path = folder(tmp_path / "model", byte_level(), template, {}, added)
    if (name, bool(system)) in REFUSED:
        with pytest.raises(ConfigError, match=REFUSED[name, bool(system)]):
            ours(path, system, variables)
    else:
        alike(path, system, variables)


@pytest.mark.parametrize("name", [name for name in VARIABLES if name != "muse_glimmer"])
def test_what_a_template_wants_is_said(name: str, tmp_path: Path) -> None:
    """Without its variables, the error names the one that helps."""
    added = special(*sorted({*SPELLED.findall(TEMPLATES[name]), *CONFIG.values()}))
    path = folder(tmp_path / "model", byte_level(), TEMPLATES[name], {}, added)
    with pytest.raises(ConfigError, match=r"prompt\.chat_variables"):
        ours(path, SYSTEM, {})


def test_the_clock_is_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that asks for today's date gets the one that the recipe gives."""
    then = SimpleNamespace(now=lambda: dt.date(2026, 1, 31))
    monkeypatch.setattr(transformers.utils.chat_template_utils, "datetime", then)
    template = TEMPLATES["gptoss"]
    added = special(*sorted({*SPELLED.findall(template), *CONFIG.values()}))
    path = folder(tmp_path / "model", byte_level(), template, {}, added)
    theirs = in_transformers(path, SYSTEM, {})
    assert ours(path, SYSTEM, {"strftime_now": "2026-01-31"}) == theirs
    assert ours(path, SYSTEM, {"strftime_now": "2026-02-01"}) != theirs


def mistral(version: str) -> bytes:
    return Path(load(f"mistral-{version}").file.path).read_bytes()


V3: Final = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {% if messages[0].role "
    "== 'system' %}{{ messages[0].content }}\n\n{% endif %}{{ m.content }}[/INST]{% elif m.role == "
    "'assistant' %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
"""As Mistral 7B v0.3 and Codestral have it."""
ZEPHYR: Final = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
"""Roles are text here, so that prompt and answer meet within a text."""


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("template", [V3, ZEPHYR], ids=["v3", "zephyr"])
@pytest.mark.parametrize("version", ["v1", "v3"])
def test_sentencepiece(version: str, template: str, legacy: bool, tmp_path: Path) -> None:
    """A tokenizer.model, with and without spaces after special tokens, is cut exactly; so is the
    tokenizer.json that transformers makes of it, but for one with pieces added by hand.
    """
    path = folder(tmp_path / "model", mistral(version), template, {"legacy": legacy})
    assert load(model=str(path)).exact
    alike(path)
    alike(path, "")
    transformers.AutoTokenizer.from_pretrained(path).save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "tokenizer.json").is_file()
    saved = load(model=str(tmp_path / "saved"))
    assert (saved.file.format, saved.exact) == ("huggingface", version == "v1")
    alike(tmp_path / "saved")
    assert ours(tmp_path / "saved", SYSTEM, {}) == ours(path, SYSTEM, {})


@pytest.mark.parametrize("legacy", [True, False])
def test_the_file_counts(legacy: bool, tmp_path: Path) -> None:
    """Of a class of transformers that makes a tokenizer.json of its own, the file is what counts:
    merges in another order, and a space only before texts that begin with none.
    """
    config = {"legacy": legacy, "tokenizer_class": "LlamaTokenizer"}
    path = folder(tmp_path / "model", mistral("v1"), ZEPHYR, config)
    made = transformers.AutoTokenizer.from_pretrained(path).backend_tokenizer
    document = json.loads(made.to_str())
    assert document["pre_tokenizer"]["prepend_scheme"] == ("always" if legacy else "first")
    read = folder(tmp_path / "read", made.to_str(), ZEPHYR, {})
    assert load(model=str(read)).exact
    alike(read)


def documents() -> dict[str, str]:
    """Vocabularies that put spaces in front in other ways, as tokenizer.json."""
    base = json.loads(byte_level())
    pieces = transformers.convert_slow_tokenizer.SentencePieceExtractor(
        load("mistral-v1").file.path
    ).extract(tokenizers.models.BPE)
    model = tokenizers.models.BPE(
        vocab=pieces["vocab"], merges=pieces["merges"], byte_fallback=True, fuse_unk=True,
        unk_token="<unk>",
    )  # fmt: skip
    uncut = tokenizers.Tokenizer(model)
    uncut.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.Prepend("\u2581"), tokenizers.normalizers.Replace(" ", "\u2581")]
    )
    level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    return {
        "prepend": uncut.to_str(),  # as Llama 2
        "gpt2": json.dumps(base | {"pre_tokenizer": level, "normalizer": None}),
    }


@pytest.mark.parametrize("template", [V3, ZEPHYR], ids=["v3", "zephyr"])
@pytest.mark.parametrize("form", ["prepend", "gpt2"])
def test_spaces_in_front(form: str, template: str, tmp_path: Path) -> None:
    """Each text after a special token begins as in transformers."""
    added = special("<s>", "</s>", "<unk>", "[INST]", "[/INST]")
    path = folder(tmp_path / "model", documents()[form], template, {}, added)
    assert load(model=str(path)).exact == (form == "prepend")
    alike(path)


def test_added_tokens_take_white_space(tmp_path: Path) -> None:
    """A special token that takes the white space beside it does so here too."""
    added = [
        *special("<|system|>", "<|user|>", "<|assistant|>", rstrip=True),
        *special("<|end|>", lstrip=True),
        *special(*CONFIG.values()),
        tokenizers.AddedToken("   ", special=False, normalized=False),
    ]
    path = folder(tmp_path / "model", byte_level(), TEMPLATES["phi3"], {}, added)
    alike(path, "  Be   brief. ")
    voc = load(model=str(path))
    assert "   " not in voc.special_tokens
    text = "a   b    c"
    theirs = transformers.AutoTokenizer.from_pretrained(path).encode(text)
    assert voc.encode(text).tolist() == theirs
    assert voc.decode(theirs) == text


def test_qwen3_by_name(tmp_path: Path) -> None:
    """The vocabulary and template known by the name qwen3 give the ids of a folder with Qwen3's
    own template, without thoughts; only the line break after the last token is not there.
    """
    converter = transformers.convert_slow_tokenizer.TikTokenConverter(
        vocab_file=load("qwen3").file.path, pattern=FAMILIES["qwen3"].pattern
    )
    tokenizer = converter.converted()
    tokenizer.normalizer = tokenizers.normalizers.NFC()
    names = sorted(FAMILIES["qwen3"].special_tokens.items(), key=lambda item: item[1])
    added = special(*(name for name, _ in names))
    path = folder(tmp_path / "model", tokenizer.to_str(), TEMPLATES["qwen3"], {}, added)
    assert load(model=str(path)).special_tokens == FAMILIES["qwen3"].special_tokens
    alike(path, variables=NO_THOUGHT)
    prompt, whole = ours(path, SYSTEM, NO_THOUGHT)
    ids, size = Encoder(load("qwen3"), Prompt(SYSTEM), "qwen3").tokens(USER, ANSWER)
    assert (ids[:size].tolist(), ids.tolist()) == (prompt, whole[:-1])


@pytest.mark.parametrize("name", ["qwen3", "llama3", "phi3"])
def test_no_page_writes_a_token(name: str, tmp_path: Path) -> None:
    """A page that spells every token of a vocabulary gives a sample with as many special tokens as
    any other page, and its text comes back whole; transformers, asked to be careful, agrees on
    their number.
    """
    template = TEMPLATES[name]
    names = sorted({*SPELLED.findall(template), *CONFIG.values(), "<|fim_prefix|>"})
    path = folder(tmp_path / "model", byte_level(), template, {}, special(*names))
    encoder = Encoder(load(model=str(path)), Prompt(SYSTEM), "model")
    spelled = "".join(f"<p>{each}</p>" for each in names)
    page_of_tokens = f"{spelled}</think>\n\ufdd0 \ufdd01; {{{{ bos_token }}}}\n"
    ids, size = encoder.tokens(f"a {page_of_tokens} z", f"Click {page_of_tokens} z")
    usual, usual_size = encoder.tokens("a z", "Click z")
    chosen = set(encoder.vocabulary.special_tokens.values())

    def count(found: Any) -> list[int]:
        return [each for each in found.tolist() if each in chosen]

    assert count(ids) == count(usual)
    assert count(ids[:size]) == count(usual[:usual_size])
    assert f"a {page_of_tokens} z" in encoder.vocabulary.decode(ids[:size])
    assert f"Click {page_of_tokens} z" in encoder.vocabulary.decode(ids[size:])
    theirs = transformers.AutoTokenizer.from_pretrained(path).apply_chat_template(
        [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": f"a {spelled} z"},
        ],
        add_generation_prompt=True, return_dict=False, sanitize_control_tokens=True,
    )  # fmt: skip
    assert [each for each in theirs if each in chosen] == count(usual[:usual_size])
