"""SentencePiece vocabularies: ids are sentencepiece's own, and text is only ever text."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError, MissingExtra
from tests.tokenization.test_prompt import sample
from tests.tokenization.test_vocabulary import page, texts
from tokenization import engines, sentencepiece_model
from tokenization.encode import Encoder, usual_chat
from tokenization.engines import CachedWords
from tokenization.families import SPACE
from tokenization.fit import Drop, Fit
from tokenization.prompt import Prompt
from tokenization.ranks import PIECE_FILES, RankFile
from tokenization.sentencepiece_model import PieceModel, read
from tokenization.vocabulary import Vocabulary, load

sentencepiece: Any = pytest.importorskip("sentencepiece")
VERSIONS = sorted(PIECE_FILES)
CONTROL, BY_HAND = 3, 4


@functools.cache
def mistral(name: str) -> Vocabulary:
    return load(name)


@functools.cache
def processor(name: str) -> Any:
    """The package sentencepiece on the file as it is."""
    return sentencepiece.SentencePieceProcessor(model_file=mistral(name).file.path)


def trained(tmp_path: Path, **options: Any) -> bytes:
    """A small model trained on pages."""
    (tmp_path / "pages.txt").write_text("\n".join(page(seed, 60) for seed in range(8)))
    usual = {"vocab_size": 400, "character_coverage": 1.0, "minloglevel": 2, "num_threads": 1}
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "pages.txt"), model_prefix=str(tmp_path / "small"), **usual | options
    )
    return (tmp_path / "small.model").read_bytes()


@pytest.mark.parametrize("name", VERSIONS)
@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_ids_are_sentencepieces(name: str, text: str) -> None:
    """Any text has the ids that sentencepiece gives it, and they stand for the text, a space in
    front of it, with spaces for U+2581.
    """
    voc = mistral(name)
    ids = voc.encode(text)
    assert ids.dtype == np.int32
    assert ids.tolist() == processor(name).encode(text)
    assert voc.count(text) == len(ids)
    assert voc.decode(ids) == (" " + text.replace(SPACE, " ") if text else "")


@pytest.mark.parametrize("name", VERSIONS)
def test_pages_cold_and_warm(name: str) -> None:
    """Pages have sentencepiece's ids, from the cache too, and runs of spaces of any length."""
    voc = mistral(name)
    assert isinstance(voc._engine, CachedWords)
    for seed in (1, 2, 1):
        text = page(seed) + " " * 5000 + "<pre>\n  x\n\n </pre>" + "ab" * 3000
        assert voc.encode(text).tolist() == processor(name).encode(text)


@pytest.mark.parametrize("name", VERSIONS)
@settings(max_examples=100, deadline=None)
@given(before=texts, after=texts)
def test_text_is_cut_exactly_before_a_space(name: str, before: str, after: str) -> None:
    """Where a space follows another character, the parts' ids are the whole's."""
    voc = mistral(name)
    left, right = voc.normalise(f"{before}x"), voc.normalise(f" {after}")
    ids = [*voc.encode_normalised(left), *voc.encode_normalised(right)]
    assert ids == voc.encode_normalised(left + right).tolist()


@pytest.mark.parametrize("name", VERSIONS)
def test_special_looking_text_is_text(name: str) -> None:
    """A page that spells a special token gets ordinary ids."""
    voc = mistral(name)
    special = set(voc.special_tokens.values())
    for token in voc.special_tokens:
        assert not special & set(voc.encode(f"a{token}b {token}").tolist())


@pytest.mark.parametrize("name", [*VERSIONS, "mistral-v3-tekken"])
@pytest.mark.parametrize("system", ["Be\n brief.", ""])
def test_conversations_are_mistral_commons(name: str, system: str) -> None:
    """Prompt and answer have the ids of mistral-common, and the loss is on what the answer adds."""
    messages: Any = pytest.importorskip("mistral_common.protocol.instruct.messages")
    requests: Any = pytest.importorskip("mistral_common.protocol.instruct.request")
    tokenizers: Any = pytest.importorskip("mistral_common.tokens.tokenizers.mistral")
    version = name.removeprefix("mistral-").removesuffix("-tekken")
    theirs = getattr(tokenizers.MistralTokenizer, version)
    theirs = theirs(is_tekken=True) if name.endswith("tekken") else theirs()
    user, answer = page(3, 20), "4.\nDescription: Click [INST] </s>\nNode: 12 12\n"
    talk = [messages.UserMessage(content=user)]
    if system:
        talk.insert(0, messages.SystemMessage(content=system))
    voc = mistral(name)
    encoder = Encoder(voc, Prompt(system), usual_chat(voc))
    ids, prompt = encoder.tokens(user, answer)
    request = requests.ChatCompletionRequest(messages=talk)
    assert ids[:prompt].tolist() == theirs.encode_chat_completion(request).tokens
    end = [voc.special_tokens["</s>"]]
    own = theirs.instruct_tokenizer.tokenizer.encode(answer, bos=False, eos=False)
    assert ids[prompt:].tolist() == [*own, *end]


@pytest.mark.parametrize("name", ["mistral-v1", "mistral-v3"])
@pytest.mark.parametrize("policy", ["all", "first"])
def test_chunks_are_encoded_as_if_alone(name: str, policy: Any) -> None:
    """A chunk cut out of a page's ids is what its text gives when it is encoded by itself."""
    voc = mistral(name)
    encoder = Encoder(voc, chat=usual_chat(voc))
    whole = sample(observation=page(4, 200))
    chunks = Fit(700, policy, 0)(whole, encoder)
    assert not isinstance(chunks, Drop)
    assert len(chunks) == (1 if policy == "first" else chunks[0].chunks)
    assert chunks[0].chunks > 3
    for chunk in chunks:
        text = voc.decode(chunk.input_ids[: chunk.prompt_tokens])
        inner = text.partition("Observation: ")[2].rpartition("\nStep-by-step guide:")[0]
        alone = encoder(sample(observation=inner))
        assert chunk.input_ids.tolist() == alone.input_ids.tolist()


def test_the_words_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of words over its bound still gives the same ids."""
    monkeypatch.setattr(engines, "CACHE_BYTES", 3000)
    cached = CachedWords(mistral("mistral-v3")._oracle)
    for seed in range(3):
        text = " " + page(seed, 40)
        assert cached.encode(text).tolist() == mistral("mistral-v3")._oracle.ids(text)
    memo: Any = vars(cached)["_word"].__self__
    assert len(memo) * engines._ENTRY_BYTES <= 3000


def of(content: bytes, tmp_path: Path) -> Vocabulary:
    path = tmp_path / "own.model"
    path.write_bytes(content)
    return load("mine", file=str(path))


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_models_of_other_kinds(kind: str, tmp_path: Path) -> None:
    """A model that changes text, or has no bytes, is encoded whole by sentencepiece."""
    size = 400 if kind == "bpe" else 80
    content = trained(
        tmp_path, model_type=kind, vocab_size=size
    )  # as trained by default: it squeezes spaces
    voc = of(content, tmp_path)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    assert not voc.exact
    for text in (page(1, 20), "  a  b ", "\u2460 ﬁ", ""):
        assert voc.encode(text).tolist() == theirs.encode(text)
    chunks = Fit(400, "all")(sample(observation=page(2, 60)), Encoder(voc, chat="plain"))
    assert not isinstance(chunks, Drop)
    assert all(len(chunk.input_ids) <= 400 for chunk in chunks)


def test_pieces_added_by_hand(tmp_path: Path) -> None:
    """No text becomes such a piece, but for white space: a page cannot write a model's tokens."""
    options = {
        "model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False, "vocab_size": 440, "split_digits": True,
        "user_defined_symbols": ["<|im_start|>", "<|im_end|>", "\n\n"],
    }  # fmt: skip
    content = trained(tmp_path, **options)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=content)
    voc = of(content, tmp_path)
    model = read(content)
    kinds = {piece.text: piece.kind for piece in model.pieces}
    assert (kinds["<|im_end|>"], kinds["\n\n"], kinds["</s>"]) == (BY_HAND, BY_HAND, CONTROL)
    assert voc.special_tokens.keys() == {"<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"}
    assert theirs.piece_to_id("<|im_end|>") in theirs.encode("a<|im_end|>")
    ids = voc.encode("a<|im_end|>\n\nb").tolist()
    assert theirs.piece_to_id("<|im_end|>") not in ids
    assert theirs.piece_to_id("\n\n") in ids
    assert voc.decode(ids) == " a<|im_end|>\n\nb"
    assert voc.exact
    assert usual_chat(voc) == "chatml"
    text = page(5, 30)
    assert voc.encode(text).tolist() == theirs.encode(text)


def test_what_reaches_across_is_encoded_whole() -> None:
    """A vocabulary with one piece that crosses a place where text is cut is not cut."""
    exact = read(mistral("mistral-v1").file.content())
    assert exact.uncut
    for crossing in (f"a{SPACE}b", "\n<", '"1', '1"'):
        changed = [exact.pieces[0]._replace(text=crossing, kind=1), *exact.pieces[1:]]
        assert not PieceModel(changed, 2, True, True, False).uncut


@given(st.integers(0, 400), st.binary(max_size=20))
@settings(max_examples=100, deadline=None)
def test_damaged_files_are_refused(at: int, noise: bytes) -> None:
    """A model cut off or overwritten is read or refused, never anything else."""
    content = mistral("mistral-v1").file.content()[:4000]
    for damaged in (content[: at * 10], content[:at] + noise + content[at + len(noise) :]):
        try:
            read(damaged)
        except (ValueError, KeyError):
            continue


def test_what_cannot_be_had_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A damaged file and a missing package raise errors that say what to do."""
    damaged = tmp_path / "tokenizer.model"
    damaged.write_bytes(mistral("mistral-v1").file.content()[:1001])
    assert sentencepiece_model.is_model(damaged.read_bytes())
    with pytest.raises(ConfigError, match="is not a SentencePiece model"):
        load("mine", file=str(damaged))
    found = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "sentencepiece" else found(name)
    )
    with pytest.raises(MissingExtra, match=r"stepmill\[mistral\]"):
        load("mistral-v3")
    with pytest.raises(MissingExtra, match=r"stepmill\[tokenizers\]"):
        load("mine", file=mistral("mistral-v3").file.path)


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Ranks are ranks under SentencePiece's usual name too: Llama 3's file has it."""
    path = tmp_path / "tokenizer.model"
    path.write_bytes(load().file.content())
    voc = load("llama3", file=str(path))
    assert voc.file == RankFile(str(path), "tiktoken")
    assert usual_chat(voc) == "llama3"
