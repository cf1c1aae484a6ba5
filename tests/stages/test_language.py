"""English is scored from the text alone, in exact arithmetic.

`tests/goldens/objectives.json` holds tasks as people write them for the web, by language; they are
our own.
"""

from __future__ import annotations

import decimal
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from etl.stages.filter import Filter
from etl.stages.language import english
from tests.support.strategies import GOLDENS

OBJECTIVES: Final[dict[str, list[str]]] = json.loads(
    (GOLDENS / "objectives.json").read_text(encoding="utf-8")
)
LIMIT: Final = Filter().min_english
REAL: Final = {
    "mind2web/objectives_processed.0-804.json.zst": "confirmed_task",
    "mind2web_live/mind2web-live_train_130.json.zst": "task",
    "webarena/test.raw.json.zst": "intent",
    "webarena/vwa_test_classifieds.raw.json.zst": "intent",
    "webarena/vwa_test_reddit.raw.json.zst": "intent",
    "webvoyager/WebVoyager_data.jsonl.zst": "ques",
}
"""Files of English objectives in the shared folder, and the key that holds them."""
FOREIGN_CASES: Final = {
    "Compra de zapatos", "Kaufe ein Ticket", "Acheter un billet", "Vai al carrello",
    "adicionar ao carrinho",
    "ログイン", "登录", "Найти билет",
}  # fmt: skip
"""The short objectives of the shared list that are in another language.

``Anmelden`` is one too, and may stay.
"""


def real(path: Path, key: str) -> Iterator[str]:
    data = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    records = map(orjson.loads, data.splitlines()) if ".jsonl" in path.name else orjson.loads(data)
    yield from (record[key] for record in records)


def test_short_english_stays() -> None:
    """No English task of the list is dropped, with words, names and titles in other languages."""
    assert [text for text in OBJECTIVES["en"] if english(text) < LIMIT] == []


def test_other_languages_go() -> None:
    """In 28 languages all tasks of six words or more are dropped, and 90% of the shorter ones."""
    others = [text for language, texts in OBJECTIVES.items() if language != "en" for text in texts]
    long = [text for text in others if len(text.split()) > 5]
    kept = [text for text in others if english(text) >= LIMIT]
    assert len(OBJECTIVES) == 29
    assert len(long) > 40
    assert set(kept).isdisjoint(long)
    assert len(kept) < (len(others) - len(long)) / 10


def test_english_objectives_that_were_recorded_stay(shared: Path) -> None:
    """No real English task of 3,400 is dropped, nor any short one of the list of reports.

    Short foreign ones of that list are dropped.
    """
    found = {text for name, key in REAL.items() for text in real(shared / "data" / name, key)}
    assert len(found) > 2500
    assert [text for text in found if english(text) < LIMIT] == []
    listed = set(
        json.loads((shared / "cases" / "20-english" / "o.json").read_text(encoding="utf-8"))
    )
    assert {text for text in listed if english(text) < LIMIT} == FOREIGN_CASES


def test_chinese_objectives_that_were_recorded_go(shared: Path) -> None:
    """All real Chinese tasks are dropped."""
    sources = list(real(shared / "data" / "autowebglm" / "zh_ind_test.json.zst", "source"))
    tasks = {line for text in sources for line in text.splitlines() if line.startswith("#Task: ")}
    assert len(tasks) > 50
    assert [task for task in tasks if english(task.removeprefix("#Task: ")) >= LIMIT] == []


@pytest.mark.parametrize(
    "text", ["", " ", "123", "!?", "OK 42", "INC0010", '"', "https://shop.example/cart", "a51"]
)
def test_no_evidence_is_undecided(text: str) -> None:
    """A text whose words show no language scores far above the limit."""
    assert english(text) > 5 * LIMIT


@pytest.mark.parametrize(
    "text",
    [
        'Search for "chaussures rouges pour les enfants"',
        "Search for “Bücher über das Leben in der Stadt”",
        "Find the post 'el perro de San Roque no tiene rabo' and like it",
        "Ask Dr. Müller and St. Gallen. Then book Hôtel Du Nord",
    ],
)
def test_quoted_texts_and_names_tell_nothing(text: str) -> None:
    """The thing that is searched for or named may be in another language."""
    assert english(text) > 0.5


def test_a_text_in_quotes_is_read() -> None:
    """Quoted texts are read if nothing is left without them."""
    assert english('"Finde den billigsten Flug nach Lissabon"') < LIMIT
    assert english('"Find the cheapest flight to Lisbon"') > 0.5


def plainly(words: list[str]) -> float:
    """Evidence against English in nats, about what `english` sums.

    It is summed by Python's floats in another order.
    """
    known = LanguageIdentifier.from_model_file(MODEL_FILE)
    names = known.nb_classes
    text = f" {' '.join(words)} ".encode()
    state, counts = 0, dict[int, int]()
    for byte in text:
        state = known.tk_nextmove[(known.tk_row[state] << 8) + byte]
        if (feature := known.tk_output[state]) >= 0:
            counts[feature] = counts.get(feature, 0) + 1
    scores = {
        name: math.fsum(
            math.log1p(n) * float(known.nb_ptc[f, names.index(name)]) for f, n in counts.items()
        )
        + float(known.nb_pc[names.index(name)])
        for name in ("en", "de", "fr", "es", "it", "nl")
    }
    return max(scores.values()) - scores.pop("en")


def test_the_sums_are_the_models() -> None:
    """The score is the one of the model's tables: rounding to integers changes none of 6 digits."""
    words = "und den zum Korb hinzu".lower().split()
    expected = 1 / (1 + math.exp(plainly(words) / 2.2))
    assert english(" ".join(words)) == pytest.approx(expected, abs=2e-6)
    assert 0 < expected < 0.5


@given(st.text(max_size=200))
def test_any_text_has_a_score(text: str) -> None:
    """The score of any text has at most 6 digits, in any decimal context of the caller."""
    score = english.__wrapped__(text)
    assert 0 <= score <= 1
    assert round(score, 6) == score
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP):
        assert english.__wrapped__(text) == score
