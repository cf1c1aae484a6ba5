"""Reasons are one list: each is given by somebody and has a meaning, and no other is given.

The type check proves the last: `schemas.reasons.Reason` is a type.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest

from etl.build.recipes.parts import known_sections
from etl.card.reasons import meanings
from etl.dataset import account
from schemas.reasons import MEANINGS, SHARED
from tests.support import builds


def test_every_reason_is_given_somewhere() -> None:
    """A shared one stands as a text in code other than the list; one of a stage or decision alone
    is used where it is declared, besides in its list of reasons.
    """
    texts: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for package in ("etl", "tokenization", "schemas"):
        for path in (builds.ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts[node.value] += path.name != "reasons.py"
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names[node.id] += 1
    assert {word for word in SHARED if not texts[word]} == set()
    own = meanings().keys() - SHARED
    assert len(own) > 10
    assert {word for word in own if names[word.upper()] < 2} == set()


@pytest.mark.parametrize("build", ["own_build", "shared_build"])
def test_what_builds_drop_has_reasons_on_the_list(
    build: str, request: pytest.FixtureRequest
) -> None:
    """Ledgers, quarantine and accounts of real builds hold listed reasons only."""
    out: Path = request.getfixturevalue(build)
    settled = account.settle(out)
    given = {drop.reason for counts in settled.units.values() for drop in counts.reasons}
    given |= set(settled.counts.filter(pl.col("reason") != "")["reason"]) | set(
        account.quarantined(out)["reason"]
    )
    assert given
    assert given - meanings().keys() == set()


def test_every_reason_has_its_meaning_and_the_settings_that_decide_it() -> None:
    """Each says a sentence, gives an example, and names settings that a recipe has."""
    sections = known_sections()
    assert set(MEANINGS) == SHARED
    for name, meaning in meanings().items():
        assert meaning.says.endswith("."), name
        assert meaning.example, name
        for setting in meaning.settings:
            section, key = setting.split(".")
            assert key in {field.name for field in fields(sections[section])}, f"{name}: {setting}"
