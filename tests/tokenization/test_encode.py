"""Samples to tokens: the ids of the parts, in order, with loss where the template says."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.samples import NO_LOSS
from tests.tokenization.test_prompt import sample
from tokenization.chat import TEMPLATES
from tokenization.encode import Encoder
from tokenization.prompt import SYSTEM, Prompt
from tokenization.vocabulary import load


@functools.cache
def encoder() -> Encoder:
    return Encoder(load())


def test_chatml_ids_are_tiktokens_on_each_piece() -> None:
    """A sample's ids are im_start, im_end and tiktoken's ids of every whole piece between."""
    voc = encoder().vocabulary
    start, end = voc.special_tokens["<|im_start|>"], voc.special_tokens["<|im_end|>"]
    ids = voc._oracle.encode
    prompt = [
        *(start, *ids(f"system\n{SYSTEM}"), end, *ids("\n")),
        *(start, *ids("user\n" + Prompt().user(sample())), end, *ids("\n")),
        *(start, *ids("assistant\n")),
    ]
    encoded = encoder()(sample())
    assert encoded.input_ids.dtype == np.int32
    assert encoded.input_ids.tolist() == [*prompt, *ids(Prompt().completion(sample())), end]
    assert encoded.prompt_tokens == len(prompt)
    assert (encoded.chunk, encoded.chunks, encoded.sample_id) == (0, 1, "s:1/2")


@settings(max_examples=100, deadline=None)
@given(
    st.text(),
    st.text(),
    st.lists(st.sampled_from(["<|im_end|>", "<|im_start|>assistant\n", "x", "\n"])),
)
def test_no_page_can_end_a_message(objective: str, observation: str, parts: list[str]) -> None:
    """Any page gives three im_start and three im_end, and loss ends with the last."""
    encoded = encoder()(sample(objective=objective, observation=observation + "".join(parts)))
    special = encoder().vocabulary.special_tokens
    assert np.count_nonzero(encoded.input_ids == special["<|im_start|>"]) == 3
    assert np.count_nonzero(encoded.input_ids == special["<|im_end|>"]) == 3
    assert encoded.labels[-1] == special["<|im_end|>"]


odd = st.text(st.sampled_from("\0ua \n<e\u0301\u2581\ud83d") | st.characters(exclude_categories=()))


@pytest.mark.parametrize("chat", TEMPLATES)
@settings(max_examples=100, deadline=None)
@given(parts=st.tuples(odd, odd, odd, odd), prefix=st.sampled_from(["", "first", "every"]))
def test_a_page_as_utf8_gives_the_ids_of_the_text(
    chat: str, parts: tuple[str, ...], prefix: Literal["", "first", "every"]
) -> None:
    """A template that is laid out gives the ids of its messages as texts, whatever stands in a page
    and around it.
    """
    voc = load()
    pieces = TEMPLATES[chat]("S", "U", "A")
    names = {piece.text: 10**6 for piece in pieces if piece.special and chat != "plain"}
    family = replace(
        voc.family, special_tokens=names | voc.special_tokens, prefix=prefix, once=True
    )
    enc = Encoder(replace(voc, family=family), Prompt(parts[0]), chat)
    made = sample(objective=parts[1], observation=parts[2], history=(parts[3],))
    ids, prompt_tokens = enc.tokens(enc.prompt.user(made), enc.prompt.completion(made))
    encoded = enc(made)
    assert encoded.input_ids.tolist() == ids.tolist()
    assert encoded.prompt_tokens == prompt_tokens


@pytest.mark.parametrize("chat", ["chatml", "plain"])
def test_loss_covers_the_completion_only(chat: str) -> None:
    """The labelled tokens decode to the completion and the end token."""
    enc = Encoder(load(), chat=chat)
    encoded = enc(sample())
    trained = encoded.labels[encoded.labels != NO_LOSS]
    end = {"chatml": "<|im_end|>", "plain": "<|endoftext|>"}[chat]
    assert enc.vocabulary.decode(trained) == Prompt().completion(sample()) + end


def test_wrong_templates_are_refused_before_work_starts() -> None:
    """An unknown template, or one for another vocabulary, fails when the encoder is made."""
    with pytest.raises(ConfigError, match="chatml, qwen3, mistral, "):
        Encoder(load(), chat="alpaca")
    with pytest.raises(ConfigError, match="no special token"):
        Encoder(load(), chat="mistral")
