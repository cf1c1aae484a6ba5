"""Files of vocabularies: what cannot be had says what to do; what is read gives the same ids."""

from __future__ import annotations

import base64
import functools
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError, MissingExtra
from tests.tokenization.test_vocabulary import HAS_GIGATOKEN, page, qwen, texts
from tokenization.document import TokenizersOracle
from tokenization.engines import CachedTiktoken
from tokenization.families import FAMILIES, Family
from tokenization.huggingface import exact_ranks
from tokenization.ranks import sizes_in_order
from tokenization.vocabulary import load


def test_what_cannot_be_had_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unknown names, missing or wrong files and missing extras raise errors that say what to do."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    with pytest.raises(ConfigError, match="TIKTOKEN_CACHE_DIR"):
        load("cl100k")
    with pytest.raises(ConfigError, match=r"vocabulary\.model = DIR, or Meta's file"):
        load("llama3")
    with pytest.raises(ConfigError, match=r"by name are qwen2\.5, qwen3, mistral-v1, "):
        load("llama2")
    with pytest.raises(ConfigError, match="family"):
        load("mine", file=qwen().file.path)
    damaged = tmp_path / "qwen.tiktoken"
    damaged.write_bytes(qwen().file.content()[:-20])
    with pytest.raises(ConfigError, match="expected b2b1b8df"):
        load(file=str(damaged))
    damaged.write_bytes(b"not ranks")
    with pytest.raises(ConfigError, match="tiktoken format"):
        load("mine", file=str(damaged), family=Family("x")).encode("a")
    with pytest.raises(ConfigError, match="No such file"):
        load(file=str(tmp_path / "none.tiktoken"))


def test_missing_packages_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without their package, gigatoken and Mistral's vocabularies name the extra; auto works."""
    monkeypatch.setitem(__import__("sys").modules, "gigatoken.gigatoken_rs", None)
    auto = load()
    auto.encode("a")
    assert isinstance(auto._engine, CachedTiktoken)
    found = importlib.util.find_spec
    absent = ("mistral_common", "gigatoken")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else found(name)
    )
    with pytest.raises(MissingExtra, match=r"stepmill\[fast\]"):
        load(engine="gigatoken")
    with pytest.raises(MissingExtra, match=r"stepmill\[mistral\]"):
        load("mistral-v3-tekken")


def test_a_rank_file_with_its_own_family() -> None:
    """A rank file works under any name with its pattern; text is not cut if that is unknown."""
    voc = load("mine", file=qwen().file.path, family=Family(r"\S+|\s+", {"<end>": 200_000}))
    assert not voc.exact
    assert voc.decode([*voc.encode("a b <end>").tolist(), 200_000]) == "a b <end><end>"


@pytest.mark.parametrize("name", ["mistral-v3-tekken", "mistral-v3-tekken-vision"])
def test_tekken_is_mistral_commons(name: str) -> None:
    """Ids and special tokens are those of mistral-common, with either engine."""
    mistral: Any = pytest.importorskip("mistral_common.tokens.tokenizers.mistral")
    theirs = mistral.MistralTokenizer.v3(
        is_tekken=True, is_mm=name.endswith("vision")
    ).instruct_tokenizer.tokenizer
    for engine in ("tiktoken", "gigatoken") if HAS_GIGATOKEN else ("tiktoken",):
        voc = load(name, engine=engine)
        for text in (page(1), "[INST] </s> e\u0301 don't 12345 \n\n ÄÖ字", ""):
            assert voc.encode(text).tolist() == theirs.encode(text, bos=False, eos=False)
        assert voc.exact
    assert all(theirs.get_special_token(token) == i for token, i in voc.special_tokens.items())


def _trained(pattern: str) -> dict[str, Any]:
    """A small byte-level BPE trained by tokenizers, as its tokenizer.json."""
    tokenizers = pytest.importorskip("tokenizers")
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, level])
    tok.normalizer = tokenizers.normalizers.NFC()
    tok.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    tok.train_from_iterator([page(seed) for seed in range(3)], trainer)
    document: dict[str, Any] = json.loads(tok.to_str())
    return document


def _all_splits(vocab: dict[str, int]) -> list[list[str]]:
    """Every way to make every token of two, as converters from tiktoken write it."""
    tokens = sorted((token for token in vocab if not token.startswith("<|")), key=vocab.__getitem__)
    ways = ((token[:i], token[i:]) for token in tokens for i in range(1, len(token)))
    return [[left, right] for left, right in ways if left in vocab and right in vocab]


@functools.cache
def _hugging_face(pattern: str) -> dict[str, Any]:
    return _trained(pattern)


def test_tokenizer_json_becomes_ranks_where_exact(tmp_path: Path) -> None:
    """Through ranks and our engines, a tokenizer.json gives the ids of the package tokenizers."""
    pattern = FAMILIES["qwen2.5"].pattern
    document = _hugging_face(pattern)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(document))
    voc = load("mine", file=str(file))
    theirs = TokenizersOracle(file.read_bytes(), voc.special_tokens)
    assert (voc.exact, voc.family.nfc, voc.special_tokens) == (True, True, {"<|end|>": 0})

    @settings(max_examples=100, deadline=None)
    @given(texts)
    def agree(text: str) -> None:
        assert voc.encode(text).tolist() == theirs.encode(voc.normalise(text)).tolist()

    agree()
    assert voc.encode(page(7)).tolist() == theirs.encode(page(7)).tolist()


def test_tokenizer_json_that_no_ranks_express_goes_through_tokenizers(tmp_path: Path) -> None:
    """A file that ranks cannot express works through tokenizers, which encode text as text.

    Its merges are out of order, no merge makes a token, or its pattern is unknown.
    """
    document = _hugging_face(FAMILIES["qwen2.5"].pattern)
    swapped = json.loads(json.dumps(document))
    swapped["model"]["merges"].reverse()
    assert exact_ranks(document) is not None
    assert exact_ranks(swapped) is None
    every = json.loads(json.dumps(document))
    every["model"]["merges"] = _all_splits(every["model"]["vocab"])
    assert exact_ranks(every) == exact_ranks(document)
    orphan = json.loads(json.dumps(document))
    orphan["model"]["vocab"]["zzqqzz"] = 5000
    assert exact_ranks(orphan) is None
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(orphan))
    voc = load("mine", file=str(file))
    ids = voc.encode("a <|end|> b")
    assert not voc.exact
    assert 0 not in ids
    assert voc.decode([*ids.tolist(), 0]) == "a <|end|> b<|end|>"
    with pytest.raises(ConfigError, match="tiktoken format"):
        load("mine", file=str(file.rename(tmp_path / "x.tiktoken")), family=Family("x")).encode("a")


def test_a_known_file_is_read_as_the_ranks_would_be_written() -> None:
    """Gigatoken reads the shipped file itself, equal byte for byte to one made of its ranks."""
    known = load()
    lines = (b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in known._ranks.items())
    assert known._pinned
    assert Path(known.file.path).read_bytes() == b"".join(lines)


@given(st.lists(st.binary(min_size=1), min_size=1), st.sampled_from(["", "\n"]))
def test_the_sizes_of_tokens_are_read_without_the_tokens(tokens: list[bytes], end: str) -> None:
    """Of a file whose ids are in order, the lengths of all tokens by id."""
    lines = (f"{base64.b64encode(token).decode()} {i}" for i, token in enumerate(tokens))
    found = sizes_in_order(("\n".join(lines) + end).encode())
    assert found.dtype == np.int32
    assert found.tolist() == list(map(len, tokens))


def test_the_sizes_of_a_known_file_are_those_of_its_ranks() -> None:
    """Those of the shipped vocabulary are what its ranks say, token by token."""
    ranks = qwen("auto").file.ranks()
    assert ranks is not None
    by_id = sorted((i, len(token)) for token, i in ranks.items())
    assert list(enumerate(load().lengths.tolist())) == by_id
