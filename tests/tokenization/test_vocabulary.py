"""Vocabularies: ids are tiktoken's, whichever engine finds them; text is only ever text."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import pickle
import random
import re
import unicodedata
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BuildError
from schemas.tokens import Tokens
from tokenization import engines, splits, vocabulary
from tokenization.engines import CachedTiktoken, Gigatoken, Oracle, is_newer
from tokenization.families import FAMILIES, SCHEMES
from tokenization.splits import (
    LONG_RUN,
    NODE_CLOSE,
    NODE_OPEN,
    has_long_run,
    split_at_nodes,
    split_at_tags,
    split_long_runs,
    tag_starts,
)
from tokenization.vocabulary import Vocabulary, load

HAS_GIGATOKEN = importlib.util.find_spec("gigatoken") is not None
ENGINES = [
    "tiktoken",
    pytest.param("gigatoken", marks=pytest.mark.skipif(not HAS_GIGATOKEN, reason="extra fast")),
]
PATTERNS = sorted(SCHEMES, key=len)

fragments = st.sampled_from(
    [
        *(
            " <div",
            "<",
            ">",
            "\n",
            "\r\n",
            " ",
            "  ",
            "\t",
            "\n <a",
            ' node="12"',
            ' node="1234567" ',
            'node="',
            '"',
            "</",
        ),
        *("<|im_end|>", "<|endoftext|>", "<tool_call>", "[INST]", "</s>", "<|", "|>"),
        *(
            "don't",
            "I'LL",
            "'s",
            "e\u0301",
            "\u00e9",
            "\u1e9b\u0323",
            "\ud7a3",
            "\u1100\u1161\u11a8",
            "<\u0338",
        ),
        *(
            "\u00a0",
            "\u2003",
            "\u3000",
            "\x1c",
            "\x1f",
            "\x85",
            "\u200b",
            "\ufeff",
            "\x00",
            "\u180e",
            "\u2028",
        ),
        *(
            "\U0001f469\u200d\U0001f4bb",
            "字",
            "ไทย",
            "العربية",
            "١٢٣",
            "²",
            "½",
            "Ⅷ",
            "ǅ",
            "ʰ",
            "\u0301",
            "////",
            "...",
        ),
        *(" " * 100, "a" * 200, "=" * 90, "\n" * 50, "\t" * 33, "7" * 20, "A1b2" * 30),
    ]
)
texts = st.lists(st.one_of(fragments, st.text(max_size=8)), max_size=25).map("".join)


@functools.cache
def qwen(engine: str = "auto") -> Vocabulary:
    return load(engine=engine)  # type: ignore[arg-type]


@functools.cache
def oracle(pattern: str) -> Oracle:
    """The oracle with Qwen's ranks and any pattern."""
    ranks = qwen()._ranks
    return Oracle(ranks, {}, pattern)


@functools.cache
def fast(pattern: str) -> Gigatoken:
    return Gigatoken(qwen()._ranks, pattern, lambda: oracle(pattern))


def page(seed: int, tags: int = 300) -> str:
    """A pruned page, much like a real one."""
    rng = random.Random(seed)
    words = [
        "Search",
        "results",
        "Add",
        "to",
        "cart",
        "Sign in",
        "Help",
        "Über",
        "uns",
        "Preis",
        "12,99",
        "€",
        "Größe",
    ]
    parts = []
    for i in range(tags, 0, -1):
        name = rng.choice(["div", "a", "span", "li", "button"])
        attributes = (
            f'class="{rng.choice(words)}-{rng.randrange(40)} row" ' if rng.random() < 0.5 else ""
        )
        parts.append(
            f'<{name} {attributes}node="{i}"> {" ".join(rng.choices(words, k=rng.randrange(5)))} '
            f"</{name}>"
        )
    return " ".join(parts)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=150, deadline=None)
@given(text=texts)
def test_decode_gives_back_the_normalised_text(engine: str, text: str) -> None:
    """decode(encode(x)) == NFC(x) for any text without lone surrogates, with every engine."""
    voc = qwen(engine)
    ids = voc.encode(text)
    assert ids.dtype == np.int32
    assert voc.decode(ids) == unicodedata.normalize("NFC", text) == voc.normalise(text)
    assert voc.count(text) == len(ids)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=300, deadline=None)
@given(lines=st.lists(texts.map(lambda text: re.sub("[\r\n]", "", text)).filter(str.strip)))
def test_lines_are_counted_at_once(engine: str, lines: list[str]) -> None:
    """As many tokens as each has alone, with its line break."""
    voc = qwen(engine)
    written = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    assert voc.count_lines(written).tolist() == [voc.count(f"{line}\n") for line in lines]


composed = st.text(
    st.sampled_from(
        "e\u00e9\u0301\u0323\u0345\u02ff\u0300\u1100\u1161\uac00\ufb1d\u2126\u2581\ud83d\ude00 <\n"
    )
    | st.characters(exclude_categories=())
)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=500, deadline=None)
@given(text=st.one_of(composed, texts))
def test_utf8_is_encoded_as_its_text(engine: str, text: str) -> None:
    """The UTF-8 of any text is normalised to the UTF-8 of the normalised text, and has its ids."""
    voc = qwen(engine)
    utf8 = voc.normalised_utf8(text.encode("utf-8", "surrogatepass"))
    normal = voc.normalise(text)
    assert utf8 == normal.encode()
    assert voc.encode_normalised_utf8(utf8).tolist() == voc.encode_normalised(normal).tolist()
    assert (
        voc.encode_utf8(text.encode("utf-8", "surrogatepass")).tolist() == voc.encode(text).tolist()
    )
    plain = replace(voc, family=replace(voc.family, nfc=False))
    utf8 = plain.normalised_utf8(text.encode("utf-8", "surrogatepass"))
    assert utf8 == plain.normalise(text).encode()


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_every_engine_gives_tiktokens_ids(pattern: str, text: str) -> None:
    """The cache and gigatoken return tiktoken's ids for adversarial text, under every pattern."""
    expected = oracle(pattern).ids(text)
    assert CachedTiktoken(oracle(pattern)).encode(text).tolist() == expected
    if HAS_GIGATOKEN:
        assert fast(pattern).encode(text).tolist() == expected


@pytest.mark.skipif(not HAS_GIGATOKEN, reason="gigatoken is an extra")
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_engine_takes_each_character_for_the_same(pattern: str) -> None:
    """Letters, marks, digits and symbols of whatever version of Unicode each engine knows."""
    ours, theirs = fast(pattern), oracle(pattern)
    for start in range(0x80, 0x34000, 64):
        block = [chr(code) for code in range(start, start + 64) if not 0xD800 <= code < 0xE000]
        block = [char for char in block if unicodedata.is_normalized("NFC", f"a{char}")]
        newer = [char for char in block if is_newer(char)]
        for form in (" {0}/A", "a{0}b ", "1{0}2 ", " {0}{0}a", "{0}'S "):
            for chars in (newer, [char for char in block if char not in newer]):
                text = "".join(map(form.format, chars))
                assert ours.encode(text).tolist() == theirs.ids(text), hex(start)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_gives_tiktokens_ids_on_pages(engine: str) -> None:
    """Engines agree with tiktoken, cold and warm, on pages whose node ids shift."""
    voc = load(engine=engine)  # type: ignore[arg-type]
    for seed in range(8):
        text = page(seed % 4)
        text = re.sub(r'node="(\d+)"', lambda m: f'node="{int(m[1]) + seed}"', text)  # noqa: B023
        assert voc.encode(text).tolist() == oracle(voc.pattern).ids(voc.normalise(text))


@pytest.mark.parametrize("engine", ENGINES)
def test_special_looking_text_is_text(engine: str) -> None:
    """A page that spells a special token gets ordinary ids, whose bytes are the spelling."""
    voc = qwen(engine)
    for token, special in voc.special_tokens.items():
        ids = voc.encode(f"a{token}b")
        assert special not in ids
        assert voc.decode(ids) == f"a{token}b"
    assert max(voc.special_tokens.values()) == 151664
    assert min(voc.special_tokens.values()) == len(voc._ranks) == 151643


def test_nfc_only_where_the_vocabulary_has_it() -> None:
    """Qwen composes before encoding; a family without NFC keeps what it is given."""
    plain = Vocabulary("plain", qwen().file, FAMILIES["cl100k"])
    assert qwen().encode("e\u0301").tolist() == qwen().encode("\u00e9").tolist()
    assert plain.decode(plain.encode("e\u0301")) == "e\u0301"
    assert qwen().sha256 != plain.sha256


@pytest.mark.parametrize("engine", ENGINES)
def test_surrogates_become_what_tiktoken_makes_of_them(engine: str) -> None:
    """A surrogate pair is its character and a lone one U+FFFD, as tiktoken repairs them."""
    assert (
        qwen(engine).decode(qwen(engine).encode("a\ud83d\ude00b\ud800c")) == "a\U0001f600b\ufffdc"
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("unit", [" ", "\t", "\u00a0", " \u2003\t"])
def test_a_million_blanks_are_encoded_exactly(engine: str, unit: str) -> None:
    """A run on which tiktoken's regex engine panics is encoded whole.

    Its bytes come back, its ids are those of tiktoken's own merge of the run, and the text next to
    it does not change.
    """
    voc = qwen(engine)
    run = unit * (1_000_000 // len(unit))
    text = f"<pre>{run}x\n</pre>"
    ids = voc.encode(text).tolist()
    assert voc.decode(ids) == text
    merged = oracle(voc.pattern).encode_pretoken(run[:-1]).tolist()
    assert ids == [*voc.encode("<pre>"), *merged, *voc.encode(f"{run[-1]}x\n</pre>")]
    assert voc.encode(f" \n{run}").tolist() == [
        *voc.encode(" \n"),
        *oracle(voc.pattern).encode_pretoken(run),
    ]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=150, deadline=None)
@given(
    before=texts,
    run=st.text(st.sampled_from(" \t\u00a0\u2003\x0b"), min_size=1, max_size=400),
    after=st.one_of(st.just(""), texts),
)
def test_long_runs_are_cut_where_pretokens_end(
    pattern: str, before: str, run: str, after: str
) -> None:
    """Cutting runs out changes no id (the threshold is low enough for tiktoken to answer too)."""
    with pytest.MonkeyPatch.context() as patch:
        lowered = splits._BLANKS.pattern.replace(f"{{{LONG_RUN},}}", "{3,}")
        patch.setattr(splits, "_BLANKS", re.compile(lowered))
        parts = list(split_long_runs(before + run + after))
    assert "".join(part for part, _ in parts) == before + run + after
    base = oracle(pattern)
    ids = [base.encode_pretoken(part) if single else base.encode(part) for part, single in parts]
    assert np.concatenate(ids or [np.empty(0, np.int32)]).tolist() == base.ids(before + run + after)


@pytest.mark.parametrize("size", [1_000, 10_000, 50_000, 300_000])
@pytest.mark.parametrize("unit", [" ", "\t", "a", "=", "\n", "é", "\u3000", " \n", "ab "])
@pytest.mark.parametrize("engine", ENGINES)
def test_runs_that_tiktoken_can_answer_agree(engine: str, unit: str, size: int) -> None:
    """Long runs of one character have tiktoken's ids, on both sides of the threshold."""
    text = f"x{unit * (size // len(unit))}y"
    assert qwen(engine).encode(text).tolist() == oracle(qwen().pattern).ids(text)


@given(before=st.integers(0, 3 * LONG_RUN), length=st.integers(LONG_RUN, LONG_RUN + 100))
@settings(max_examples=50, deadline=None)
def test_no_long_run_is_overlooked(before: int, length: int) -> None:
    """The probes meet a run of `LONG_RUN` blanks anywhere; text without one is not cut."""
    text = "x" * before + " " * length + "y"
    assert has_long_run(text)
    assert has_long_run(text.encode())
    assert [part for part, single in split_long_runs(text) if single] == [" " * (length - 1)]
    assert not has_long_run(("x" * 50 + " ") * 5000)
    assert not has_long_run(("é" * 50 + "\u00a0") * 5000)
    assert not has_long_run((("é" * 50 + "\u00a0") * 5000).encode())


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_split_places_are_exact(pattern: str, text: str) -> None:
    """Cutting before tags or around node ids loses no text and changes no id."""
    base = oracle(pattern)
    tags = split_at_tags(text)
    assert "".join(tags) == text
    assert [i for part in tags for i in base.ids(part)] == base.ids(text)
    nodes = split_at_nodes(text)
    for i in range(1, len(nodes), 2):
        nodes[i - 1] += NODE_OPEN
        nodes[i + 1] = NODE_CLOSE + nodes[i + 1]
    assert "".join(nodes) == text
    assert [i for part in nodes for i in base.ids(part)] == base.ids(text)


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_tag_starts_in_bytes_are_exact(pattern: str, text: str) -> None:
    """The places `fit` cuts at, found in UTF-8, are exact too."""
    raw, base = text.encode(), oracle(pattern)
    starts = [match.end() for match in re.finditer(rb"(?<=\S) (?=<)", raw)]
    assert tag_starts(raw).tolist() == starts
    places = [0, *(start - 1 for start in starts), len(raw)]
    parts = [raw[a:b].decode() for a, b in pairwise(places)]
    assert [i for part in parts for i in base.ids(part)] == base.ids(text)


def test_caches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache over its bound, and a gigatoken built again, still give the same ids."""
    monkeypatch.setattr(engines, "CACHE_BYTES", 2000)
    monkeypatch.setattr(engines, "RENEW_BYTES", 20_000)
    cached = CachedTiktoken(oracle(qwen().pattern))
    tested: list[Any] = (
        [cached, Gigatoken(qwen()._ranks, qwen().pattern, qwen()._ranks_oracle)]
        if HAS_GIGATOKEN
        else [cached]
    )
    for seed in range(3):
        for engine in tested:
            assert engine.encode(page(seed, 100)).tolist() == oracle(qwen().pattern).ids(
                page(seed, 100)
            )
    memo: Any = vars(cached)["_between"].__self__
    assert sum(len(key) + len(value) for key, value in memo.items()) <= 2000


def test_a_disagreement_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """If engine and oracle differ on a checked sample, the error names the text's hash."""
    voc = load(engine="tiktoken")
    monkeypatch.setattr(vocabulary, "CHECK_ONE_IN", 1)
    voc.encode("fine")
    monkeypatch.setattr(voc._engine, "encode", lambda _: np.array([1], np.int32))
    with pytest.raises(BuildError, match=hashlib.blake2b(b"fine", digest_size=16).hexdigest()):
        voc.encode("fine")


def test_a_long_text_is_checked_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a long text a part between exact places is compared.

    Every part passes, and each wrong id lies in some part.
    """
    monkeypatch.setattr(vocabulary, "CHECK_BYTES", 100)
    voc, text = qwen(), page(3, 12)
    raw, ids = text.encode(), voc.encode(text)
    places = range(0, len(raw) - 100, 20)
    for chosen in places:
        voc._spot_check(text, ids, chosen)
    for at in range(0, len(ids), 10):
        wrong = ids.copy()
        wrong[at] += 1
        assert any(_fails(voc, text, wrong, chosen) for chosen in places)


def _fails(voc: Vocabulary, text: str, ids: Tokens, chosen: int) -> bool:
    try:
        voc._spot_check(text, ids, chosen)
    except BuildError:
        return True
    return False


def test_vocabularies_travel_to_workers() -> None:
    """A pickled vocabulary is small and gives the same ids; making one reads no ranks."""
    used, fresh = qwen(), load()
    data = pickle.dumps(used)
    copy = pickle.loads(data)
    assert len(data) < 4000
    assert (copy.sha256, copy.encode("a b").tolist()) == (used.sha256, used.encode("a b").tolist())
    assert "_ranks" not in vars(fresh)


def test_the_engine_is_no_part_of_the_hash() -> None:
    """The hash covers what decides ids and not the engine that finds them."""
    assert load(engine="tiktoken").sha256 == load(engine="auto").sha256
