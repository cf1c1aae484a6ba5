"""Prompts are the reference's texts to the letter; chat templates are those of their models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigError
from schemas.samples import Sample
from tokenization.chat import TEMPLATES, Piece, special_id
from tokenization.encode import Encoder
from tokenization.prompt import Prompt, action_name, step_text
from tokenization.vocabulary import load


def sample(**changes: Any) -> Sample:
    # fmt: off
    values: dict[str, Any] = {
        "sample_id": "s:1/2", "workflow": "s:1", "step": 2, "source": "s", "origin": "",
        "workflow_hash": "",
        "objective": "Order two mugs", "website": "", "topic": "", "url": "https://shop.example/",
        "domain": "",
        "subdomain": "", "domain_from": "",
        "observation": '<body node="9"> <a node="8"> Add </a> </body>',
        "history": (step_text(1, "Open the shop", "click", "7", '<a node="7">'),),
        "action_kind": "click",
        "action_value": "", "description": "Click Add", "node": 8, "target_html": '<a node="8">',
        "raw_chars": 100, "language_score": 1.0, "reward": None, "repeat": False,
    }
    # fmt: on
    return Sample(**(values | changes))


def test_prompt_and_completion_are_the_references() -> None:
    """Prompt and completion are ScribeAgent's.

    The node id stands once in each step of the history and five times in the completion.
    """
    assert Prompt().user(sample()) == (
        "Objective: Order two mugs\nURL: https://shop.example/\n"
        'Observation: <body node="9"> <a node="8"> Add </a> </body>\nStep-by-step guide:\n'
        "1.\nDescription: Open the shop\nAction: mouse_click_action\nNode: 7\nTarget: <a "
        'node="7">\n'
    )
    assert Prompt().completion(sample()) == (
        "2.\nDescription: Click Add\nAction: mouse_click_action\nNode: 8 8 8 8 8\nTarget: <a "
        'node="8">\n'
    )


def test_a_step_without_element_has_no_node_and_no_target() -> None:
    """Scrolling or navigating is written without Node and Target; node 0 is an element."""
    assert (
        step_text(3, "Scroll down", "scroll", "", "", 5)
        == "3.\nDescription: Scroll down\nAction: mouse_scroll_action\n"
    )
    assert "Node: 0 0\n" in step_text(1, "", "click", "0", "<html>", 2)


def test_the_url_line_stays_without_a_url() -> None:
    """Without URL its line stays, empty; without history the guide's heading ends the prompt."""
    text = Prompt().user(sample(url="", history=()))
    assert "\nURL: \nObservation: <body" in text
    assert text.endswith("\nStep-by-step guide:\n")


def test_action_names() -> None:
    """Kinds have the reference's three words, words like them, or a word made by rule."""
    assert [
        action_name(kind)
        for kind in ("click", "type", "press", "hover", "select", "keyboard_sequence_action")
    ] == [
        "mouse_click_action",
        "keyboard_sequence_action",
        "keyboard_combination_action",
        "mouse_hover_action",
        "select_action",
        "keyboard_sequence_action",
    ]


@given(st.text(), st.text(), st.text())
def test_every_field_is_one_line(description: str, kind: str, target: str) -> None:
    """With any text in its fields, a step has five lines and the part before a page three."""
    assert step_text(1, description, kind, "3", target).count("\n") == 5
    assert "\r" not in step_text(1, description, kind, "3", target)
    before, after = Prompt().frame(sample(objective=description, url=target))
    assert before.count("\n") == 2
    assert before.endswith("Observation: ")
    assert after.startswith("\nStep-by-step guide:\n")


def rendered(name: str, system: str = "S", user: str = "U\n", assistant: str = "A\n") -> str:
    return "".join(piece.text for piece in TEMPLATES[name](system, user, assistant))


def test_chatml_is_qwens() -> None:
    """ChatML is Qwen2.5's chat template without tools, up to the answer's end token."""
    assert rendered("chatml") == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU\n<|im_end|>\n<|im_start|>assistant\nA\n<|im_end|>"
    )


def test_llama3_is_metas() -> None:
    """Llama 3's text is that of Meta's model card, with every message trimmed."""
    assert rendered("llama3") == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
    )


def test_mistral_is_mistral_commons() -> None:
    """Mistral v3's ids are mistral-common's for the same messages."""
    messages: Any = pytest.importorskip("mistral_common.protocol.instruct.messages")
    requests: Any = pytest.importorskip("mistral_common.protocol.instruct.request")
    mistral: Any = pytest.importorskip("mistral_common.tokens.tokenizers.mistral")
    user = "Objective: x\nStep-by-step guide:\n"
    talk = [messages.SystemMessage(content="Help."), messages.UserMessage(content=user)]
    request = requests.ChatCompletionRequest(messages=talk)
    theirs = mistral.MistralTokenizer.v3(is_tekken=True)
    prompt = theirs.encode_chat_completion(request).tokens
    answer = theirs.instruct_tokenizer.tokenizer
    encoder = Encoder(load("mistral-v3-tekken"), Prompt(system="Help."), "mistral")
    ids, prompt_tokens = encoder.tokens(user, "1.\nDescription: y\n")
    assert ids.tolist() == prompt + answer.encode("1.\nDescription: y\n", bos=False, eos=True)
    assert prompt_tokens == len(prompt)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_loss_is_on_the_completion_and_its_end(name: str) -> None:
    """Exactly two pieces carry loss, the last two: the completion and one special token."""
    pieces = TEMPLATES[name]("S", "U", "A")
    assert [piece.loss for piece in pieces] == [False] * (len(pieces) - 2) + [True, True]
    assert pieces[-2] == Piece(" A" if name == "mistral-v1" else "A", loss=True)
    assert pieces[-1].special


def test_a_template_the_vocabulary_cannot_write_is_refused() -> None:
    """A missing special token is a configuration error; plain takes any end of text."""
    with pytest.raises(ConfigError, match="no special token"):
        special_id("<|im_end|>", {"</s>": 2})
    assert special_id(TEMPLATES["plain"]("", "", "")[-1].text, {"</s>": 2}) == 2
