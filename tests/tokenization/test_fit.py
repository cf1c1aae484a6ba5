"""Fitting: chunks are within the context, are the observation, and nothing is cut silently."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.pages.axtree import Tree
from schemas.errors import ConfigError
from schemas.samples import Encoded, Sample
from tests.tokenization.test_prompt import sample
from tests.tokenization.test_vocabulary import page
from tokenization.encode import Encoder
from tokenization.fit import Drop, Fit, Policy, _Page
from tokenization.vocabulary import Vocabulary, load


@functools.cache
def encoder(exact: bool = True) -> Encoder:
    """exact=False: the same vocabulary, with a pattern whose split places nobody has proved."""
    voc = load()
    if not exact:
        voc = Vocabulary("odd", voc.file, replace(voc.family, pattern=voc.pattern + "|x"))
    return Encoder(voc)


def observations(chunks: list[Encoded], enc: Encoder) -> list[str]:
    """What each chunk shows of the page, read back from its ids."""
    texts = [enc.vocabulary.decode(chunk.input_ids) for chunk in chunks]
    return [
        re.split(r"\nObservation: ", text)[1].split("\nStep-by-step guide:")[0] for text in texts
    ]


def kept(result: list[Encoded] | Drop) -> list[Encoded]:
    assert isinstance(result, list), result
    return result


def long_sample(tags: int = 300, node: int = 8, seed: int = 0) -> Sample:
    """A page too long for the contexts below, and a target in it."""
    observation = page(seed, tags)
    (tag,) = re.findall(rf'<[^<>]* node="{node}"[^<>]*>', observation)
    return sample(observation=observation, node=node, target_html=tag)


def test_what_fits_is_one_chunk() -> None:
    """A sample within the context is encoded as it is, under every policy, to the last token."""
    whole = encoder()(sample())
    policies: list[Policy] = ["target", "first", "all", "drop"]
    for policy in policies:
        (only,) = kept(Fit(len(whole.input_ids), policy)(sample(), encoder()))
        assert only.input_ids.tolist() == whole.input_ids.tolist()
        assert (only.chunk, only.chunks) == (0, 1)


words = st.sampled_from(
    [
        ' <a node="1">',
        " <b>",
        "</b>",
        " text",
        " <",
        "\n",
        "  ",
        "\n<p>",
        "é",
        "e\u0301",
        "字 <i>",
        "\u00a0 <u>",
        " x" * 40,
    ]
)


@pytest.mark.parametrize("exact", [True, False])
@settings(max_examples=120, deadline=None)
@given(text=st.lists(words, min_size=30, max_size=150).map("".join), spare=st.integers(20, 300))
def test_chunks_joined_are_the_observation(exact: bool, text: str, spare: int) -> None:
    """Chunks fit the context, count from the right, come left to right, and joined are the page."""
    enc = encoder(exact)
    one = sample(observation=text)
    bare = len(enc(sample(observation="")).input_ids)
    result = Fit(bare + spare, "all", 0)(one, enc)
    if isinstance(result, Drop):
        assert result.reason == "over_context"
        return
    assert all(len(chunk.input_ids) <= bare + spare for chunk in result)
    assert [chunk.chunk for chunk in result] == list(reversed(range(len(result))))
    assert {chunk.chunks for chunk in result} == {len(result)}
    assert "".join(observations(result, enc)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("chat", ["chatml", "plain"])
@settings(max_examples=150, deadline=None)
@given(text=st.lists(words, min_size=1, max_size=60).map("".join), data=st.data())
def test_ids_of_segments_are_those_of_their_text(chat: str, text: str, data: st.DataObject) -> None:
    """A chunk's ids, put together from the observation's, are those of its text in the prompt."""
    enc = Encoder(encoder().vocabulary, chat=chat)
    one = sample(observation=text)
    segments = _Page(one, enc)
    end = data.draw(st.integers(0, segments.segments))
    start = data.draw(st.integers(0, end))
    part, found = segments.part(start, end).decode(), segments.encode(start, end, 1, 3)
    user = segments.before + part + segments.after
    ids, prompt_tokens = enc.tokens(user, enc.prompt.completion(one))
    assert found.input_ids.tolist() == ids.tolist()
    assert (found.prompt_tokens, found.chunk, found.chunks) == (prompt_tokens, 1, 3)


lines = st.sampled_from(
    [
        "\n\t[12] button 'Buy'",
        "\n- link",
        "\n\t\t",
        "x",
        " y",
        "é",
        "e\u0301",
        "\n字",
        "\n1",
        "\n  ",
    ]
)


@pytest.mark.parametrize("chat", ["chatml", "plain"])
@pytest.mark.parametrize("exact", [True, False])
@settings(max_examples=100, deadline=None)
@given(text=st.lists(lines, min_size=1, max_size=60).map("".join), data=st.data())
def test_ids_of_lines_are_those_of_their_text(
    chat: str, exact: bool, text: str, data: st.DataObject
) -> None:
    """The segments of a page that is a text are its lines, and their ids those of their text."""
    enc = Encoder(encoder(exact).vocabulary, chat=chat)
    text = Tree(f"x{text}").text
    one = sample(observation=text, observation_kind="axtree")
    page = _Page(one, enc)
    assert page.segments == len(text.split("\n"))
    end = data.draw(st.integers(0, page.segments))
    start = data.draw(st.integers(0, end))
    user = page.before + page.part(start, end).decode() + page.after
    ids, prompt_tokens = enc.tokens(user, enc.prompt.completion(one))
    found = page.encode(start, end, 1, 3)
    assert found.input_ids.tolist() == ids.tolist()
    assert found.prompt_tokens == prompt_tokens


def test_the_chunk_with_the_targets_line_is_kept() -> None:
    """Of a long text the chunk with the target's line is kept, even if other lines are equal."""
    text = "\n".join(f"[{number}] button 'Same name'" for number in range(500))
    one = sample(
        observation=text,
        observation_kind="axtree",
        node=499 - 250,
        ref="250",
        target_html="[250] button 'Same name'",
    )
    bare = len(encoder()(sample(observation="")).input_ids)
    (chunk,) = kept(Fit(bare + 400)(one, encoder()))
    assert chunk.chunks > 5
    shown = encoder().vocabulary.decode(chunk.input_ids)
    assert "\n[250] button 'Same name'\n" in shown.split("Step-by-step")[0]


def test_a_long_page_that_fits_is_encoded_as_it_is() -> None:
    """A page that only seems too long has the ids of the sample encoded whole."""
    one = sample(observation="<p> " + "internationalisation " * 500 + "</p> <p> x </p> ")
    whole = encoder()(one)
    assert len(one.observation) > 2 * len(whole.input_ids)
    (only,) = kept(Fit(len(whole.input_ids))(one, encoder()))
    assert only.input_ids.tolist() == whole.input_ids.tolist()
    assert (only.prompt_tokens, only.chunk, only.chunks) == (whole.prompt_tokens, 0, 1)


@pytest.mark.parametrize("seed", range(6))
def test_chunks_are_as_long_as_can_be(seed: int) -> None:
    """One more segment to the left of any chunk but the left-most would exceed the context."""
    enc, context = encoder(), 700 + 137 * seed
    one = long_sample(seed=seed)
    parts = observations(kept(Fit(context, "all")(one, enc)), enc)
    assert len(parts) > 3
    assert all(part.startswith("<") for part in parts)
    before, after = enc.prompt.frame(one)
    for left, right in pairwise(parts):
        borrowed = left[max(m.end() for m in re.finditer(r"(?:^|\S )(?=<)", left)) :]
        ids, _ = enc.tokens(before + borrowed + right + after, enc.prompt.completion(one))
        assert len(ids) > context


def test_policies() -> None:
    """Each policy keeps its chunks.

    Target: the one with the target's node. First: the right-most. All: every one. Drop: none.
    """
    enc, one = encoder(), long_sample(node=150)
    every = kept(Fit(900, "all")(one, enc))
    (target,) = kept(Fit(900, "target")(one, enc))
    (first,) = kept(Fit(900, "first")(one, enc))
    assert ' node="150"' in observations([target], enc)[0]
    assert 0 < target.chunk < target.chunks - 1
    assert first.chunk == 0
    assert target.input_ids.tolist() == every[-1 - target.chunk].input_ids.tolist()
    assert first.input_ids.tolist() == every[-1].input_ids.tolist()
    assert Fit(900, "drop")(one, enc)[0] == "over_context"


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("policy", ["target", "first", "all"])
def test_tokens_of_other_chunks_are_counted(policy: Policy, exact: bool) -> None:
    """Kept and cut tokens together are those of all chunks, whichever are kept.

    A sample that is dropped counts as a whole.
    """
    enc, one = encoder(exact), long_sample(node=150)
    every = kept(Fit(900, "all")(one, enc))
    chunks = kept(Fit(900, policy)(one, enc))
    tokens = sum(len(chunk.input_ids) for chunk in every)
    assert {tokens - sum(len(chunk.input_ids) for chunk in chunks)} == {
        chunk.cut_tokens for chunk in chunks
    }
    (whole,) = kept(Fit(10**6, policy)(one, enc))
    assert whole.cut_tokens == 0
    for fit in (Fit(900, "drop"), Fit(50, policy), Fit(500, policy, max_chunks=3)):
        dropped = fit(one, enc)
        assert isinstance(dropped, Drop)
        assert dropped.tokens == len(whole.input_ids)


@pytest.mark.parametrize("node", [1, 2, 149, 299, 300])
def test_the_kept_chunk_has_the_target(node: int) -> None:
    """The chunk kept for training shows the target's start tag, wherever that stands.

    Node 1 is not found in node 11.
    """
    (chunk,) = kept(Fit(800, "target")(long_sample(node=node), encoder()))
    assert f' node="{node}"' in observations([chunk], encoder())[0]


def test_an_action_without_element_keeps_the_right_most_chunk() -> None:
    """With no target to look for, training keeps what testing does."""
    one = replace(long_sample(), node=-1, target_html="")
    (chunk,) = kept(Fit(800, "target")(one, encoder()))
    assert chunk.chunk == 0


def test_nothing_is_cut_silently() -> None:
    """A sample that cannot be fitted is dropped with its reason.

    Reasons: too many chunks, no room, one endless text, no target.
    """
    enc, one = encoder(), long_sample()
    assert Fit(500, max_chunks=3)(one, enc)[0] == "too_many_chunks"
    assert Fit(600, max_chunks=0)(one, enc)[0] != "too_many_chunks"
    assert Fit(50)(one, enc)[0] == "over_context"
    assert Fit(1000)(replace(one, history=("long history " * 2000,)), enc)[0] == "over_context"
    endless = replace(one, observation="<p> " + "word " * 5000 + '</p> <a node="8"> x </a>')
    assert Fit(1000, "first")(endless, enc)[0] == "over_context"
    assert (
        Fit(1000)(replace(one, node=9999, target_html='<a node="9999">'), enc)[0]
        == "target_not_in_observation"
    )


def test_drops_name_the_numbers() -> None:
    """A drop's detail says how long the text is and what the context takes."""
    drop = Fit(50)(long_sample(), encoder())
    assert isinstance(drop, Drop)
    assert re.fullmatch(r"\d+ tokens without the observation, context 50", drop.detail)


def test_max_chunks_is_inclusive() -> None:
    """A sample of exactly max_chunks chunks is kept, of one more dropped."""
    count = kept(Fit(900, "first")(long_sample(), encoder()))[0].chunks
    assert isinstance(Fit(900, "first", count)(long_sample(), encoder()), list)
    assert Fit(900, "first", count - 1)(long_sample(), encoder())[0] == "too_many_chunks"


def test_wrong_settings_are_refused() -> None:
    """An unknown policy or an impossible context is a configuration error."""
    with pytest.raises(ConfigError, match="policy"):
        Fit(policy="middle")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="context"):
        Fit(context=0)
