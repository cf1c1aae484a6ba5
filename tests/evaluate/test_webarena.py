"""`webarena/string`, ``/url`` and ``/offline``: cleaning, pieces, words, addresses, what is
undecided.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.evaluate.facts import known, webarena
from etl.evaluate.protocols import webarena_words
from etl.evaluate.protocols.known import PROTOCOLS
from etl.evaluate.protocols.protocol import Row
from etl.evaluate.protocols.webarena import clean, output, read, right_answer
from schemas.errors import MissingExtra

STRING, URL, OFFLINE = (PROTOCOLS[f"webarena/{part}"] for part in ("string", "url", "offline"))


def task(
    answers: Mapping[str, Any] | None = None, url: str = "", *more: str, **rules: Any
) -> webarena.Facts:
    """Facts of a task, as they are in a file."""
    types = [*(["string_match"] if answers is not None else []), *(["url_match"] if url else [])]
    rules = {
        "eval_types": [*types, *more],
        "reference_answers": answers,
        "reference_url": url,
        **rules,
    }
    hosts = {"__SHOP__": "http://shop.example", "__SHOP_ADMIN__": "http://shop.example/admin"}
    return webarena.read(known.text(webarena.made({"task_id": 1, "eval": rules}, hosts)))


def string(answers: Mapping[str, Any], answer: str) -> float | None:
    return STRING.score(task(answers), [[answer]]).metrics["string"]


def address(reference: str, page: str, **rules: Any) -> float | None:
    facts = task(None, reference or "x", **{"reference_url": reference, **rules})
    return URL.score(facts, [[output("", page)]]).metrics["url"]


def test_a_right_answer_scores_one() -> None:
    """Of each kind that needs no language model."""
    for facts in (
        task({"exact_match": "Sprite"}),
        task({"must_include": ["Jane", "Doe"]}),
        task(None, "__SHOP__/a?x=1&y=b+c"),
        task({"exact_match": "No"}, "__SHOP_ADMIN__/a |OR| __SHOP__/b"),
    ):
        for protocol in (STRING, URL, OFFLINE):
            scored = protocol.score(facts, [[right_answer(facts)]])
            assert scored.outcome == "not_applicable" or set(scored.metrics.values()) == {1}


def test_outputs() -> None:
    """An object with both, or an answer alone, also one that is JSON of its own."""
    assert read(output("a", "http://x")) == ("a", "http://x")
    assert read('{"answer": "a"}') == ("a", "about:blank")
    assert read('{"url": "u"}') == ("", "u")
    for text in ("a", '{"b": 1}', "{}", "{", "[1]"):
        assert read(text) == (text, "about:blank")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" 'A b' ", "a b"),
        ("\"'A'\"", "'a'"),
        ("'", ""),
        ('"', ""),
        ("'a\"", "'a\""),
        ('" a "', " a "),
    ],
)
def test_cleaning(text: str, cleaned: str) -> None:
    """White space, one pair of quotes, and case."""
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ("SPRITE\n", 1), ("\"'Sprite'\"", 1), ('"""Sprite"""', 0), ('" Sprite "', 1),
        ("Sprite.", 0), ("'", 0), ("", 0),
    ],
)  # fmt: skip
def test_exact_matches_clean_the_answer_twice(answer: str, score: float) -> None:
    """So two pairs of quotes go, and what is between them."""
    assert string({"exact_match": "Sprite"}, answer) == score


def test_pieces() -> None:
    """Anywhere, in other words too; all of them; none at all is satisfied; alternatives are not
    read.
    """
    assert string({"must_include": ["toe"]}, "Mistletoe") == 1
    assert string({"must_include": ["a", "z"]}, "abc") == 0
    assert string({"must_include": ["a", "6"]}, "a16") == 1
    assert string({"must_include": []}, "x") == 1
    assert string({"must_include": ["65 |OR| 3"]}, "65") == 0
    assert string({"must_include": ['"Jane"']}, "jane doe") == 1
    assert string({"exact_match": "a", "must_include": ["a", "b"]}, "a") == 0


YES = ("6", "6.", "6, x", "6;", "6:", "6?", "6!", "(6)", "[6]", 'x "6" x', "<6>", "$6", "#6", "6%",
       "**6**", "6... x", "6's", "6. 7")  # fmt: skip
NO = ("16", "6.5", "1,6", "6-8", "6/10", "6/", "-6", "+6", "~6", "n=6", "n_6", "a|6", "6km", "6th",
      "£6", "6€", "6…", "6.Done", "6. Done", "6.\nwords")  # fmt: skip


@pytest.mark.parametrize(("answer", "score"), [*((a, 1) for a in YES), *((a, 0) for a in NO)])
def test_one_character_must_be_a_word(answer: str, score: float) -> None:
    """Of NLTK's words, by Punkt's English sentences."""
    assert string({"must_include": ["6"]}, answer) == score
    assert string({"must_include": ["'6'"]}, answer) == score


def test_white_space_is_no_character() -> None:
    """It is a piece like any other."""
    assert string({"must_include": ["' '"]}, "a b") == 1


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that has them, and only where words are looked for."""
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "nltk":
            raise ModuleNotFoundError(name, name="nltk")
        return real(name, *arguments, **more)

    webarena_words.tokens.cache_clear()
    webarena_words._tokenizers.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    assert string({"must_include": ["66"]}, "66") == 1
    with pytest.raises(MissingExtra, match=r"nltk: pip install 'stepmill\[evaluate\]'"):
        string({"must_include": ["6"]}, "6")


def test_what_needs_a_language_model_is_undecided() -> None:
    """But for `N/A` with nothing wrong before it, and for no reference at all; never 0."""
    for answers, answer, score in (
        ({"fuzzy_match": "N/A"}, '"n/a"', 1),
        ({"fuzzy_match": "N/A"}, "N/A.", None),
        ({"fuzzy_match": ["x"]}, "x", None),
        ({"fuzzy_match": []}, "x", 1),
        ({"must_include": ["z"], "fuzzy_match": ["x"]}, "x", None),
        ({"exact_match": "z", "fuzzy_match": "N/A"}, "n/a", None),
    ):
        scored = STRING.score(task(answers), [[answer]])
        assert scored.metrics == {"string": score}
        assert scored.outcome == ("scored" if score else "needs_llm")


def test_rules_at_which_the_reference_stops() -> None:
    """Texts where lists belong, lists where texts do, an unknown rule, an unreadable address."""
    for answers, exception in (
        ({"must_include": "a"}, "AssertionError"),
        ({"fuzzy_match": "a"}, "AssertionError"),
        ({"exact_match": ["a"]}, "BeartypeCallHintParamViolation"),
        ({"must_include": [1]}, "BeartypeCallHintParamViolation"),
    ):
        scored = STRING.score(task(answers), [["a"]])
        assert (scored.outcome, scored.metrics) == (f"reference stops: {exception}", {"string": 0})
    for facts, page in ((task(None, "x", url_note="EXACT"), "x"), (task(None, "x"), "http://[::1")):
        scored = URL.score(facts, [[output("", page)]])
        assert scored.outcome == "reference stops: ValueError"


@pytest.mark.parametrize(
    ("reference", "page", "score"),
    [
        ("__SHOP__/a", "https://shop.example/a///", 1),
        ("__SHOP__/a", "http://shop.example/a?x#y", 1),
        ("__SHOP__/a", "http://me@shop.example/a", 1),
        ("__SHOP__/a", "http://other.example/?to=shop.example/a", 0),
        ("__SHOP__/a", "http://other.example/shop.example/ab", 1),
        ("__SHOP__/a", "http://shop.example/A", 0),
        ("__SHOP__/a/?x=1", "http://shop.example/a?x=1", 0),
        ("__SHOP__/a?x=1&y=2", "http://shop.example/a?y=2&x=3&x=1", 1),
        ("__SHOP__/a?x=1&y=2", "http://shop.example/a?x=1", 0),
        ("__SHOP__/a?x=b+c", "http://shop.example/a?x=b%20c", 1),
        ("__SHOP__/a?x=b+c", "http://shop.example/a?x=b%2520c", 0),
        ("__SHOP__/a?x=b+", "http://shop.example/a?x=b", 0),
        ("__SHOP__/a?x=", "http://shop.example/a", 1),
        ("__SHOP__/a?x=1 |OR| __SHOP__/b?x=2", "http://shop.example/a?x=2", 1),
        ("__SHOP__/a |OR| __SHOP__/b?x=2", "http://shop.example/a", 0),
        ("__SHOP__/a|OR|__SHOP__/b", "http://shop.example/a", 0),
        ("", "http://anywhere.example/", 1),
    ],
)
def test_addresses(reference: str, page: str, score: float) -> None:
    """Host and path of any reference are a piece of the page's; of the pooled queries each key has
    one of its values.
    """
    assert address(reference, page) == score


def test_the_product() -> None:
    """Of both where both apply; the page's own content is undecided, other evaluators are too."""
    both = task({"exact_match": "No"}, "__SHOP__/a")
    for answer, page, score in (
        ("no", "http://shop.example/a", 1),
        ("no", "x", 0),
        ("yes", "x", 0),
    ):
        scored = OFFLINE.score(both, [[output(answer, page)]])
        assert scored.metrics == {"product": score}
    program = task(None, "__SHOP__/a", "program_html")
    assert OFFLINE.score(program, [["x"]]).outcome == "needs_page"
    assert URL.score(program, [[output("", "http://shop.example/a")]]).metrics["url"] == 1
    verified = webarena.made({"eval": [{"evaluator": "AgentResponseEvaluator"}]}, {})
    assert OFFLINE.score(verified, [["x"]]).outcome == "needs_own_evaluator"


def test_no_answer() -> None:
    """It is an empty one, on no page."""
    answers: Sequence[Any]
    for answers in ([], [None], [[]]):
        scored = STRING.score(task({"exact_match": "x"}), answers)
        assert (scored.outcome, scored.metrics) == ("no_usable_answer", {"string": 0})
    assert STRING.score(task(None, "x"), [["a"]]).outcome == "not_applicable"


def test_means_say_what_is_undecided() -> None:
    """One over what is decided, one with the rest as 0; tasks that do not apply are in neither."""
    facts = (
        task({"exact_match": "a"}), task({"exact_match": "b"}), task({"fuzzy_match": ["c"]}),
        task(None, "x"),
    )  # fmt: skip
    rows = [Row(str(at), "w", "f", 0, STRING.score(one, [["a"]])) for at, one in enumerate(facts)]
    means = STRING.aggregate(rows)
    assert (means["tasks"], means["decided"], means["needs_llm"]) == (3, 2, 1)
    assert (means["mean_of_decided"], means["mean_with_undecided_as_0"]) == (0.5, 1 / 3)
    assert STRING.aggregate([])["mean_of_decided"] is None


@given(st.text("aB '\"", max_size=8))
def test_cleaned_twice_an_answer_equals_itself(text: str) -> None:
    """An exact match of what the reference's cleaning leaves of the answer."""
    assert string({"exact_match": text}, f'"{clean(text)}"') in (0, 1)
    assert clean(text) == clean(text.swapcase())
