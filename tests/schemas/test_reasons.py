"""Every reason for a drop is on one list, all that stand there are given by somebody, and each has
a meaning.

That no other is given is proven by the type check: `schemas.reasons.Reason` is a type.
"""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import polars as pl
import pytest

from etl.build.recipes.recipe import Recipe
from etl.dataset import account
from schemas.reasons import MEANINGS, REASONS
from tests.support import builds


def test_every_reason_on_the_list_is_given_somewhere() -> None:
    """Each stands as a text in code other than the list."""
    texts: set[str] = set()
    for package in ("etl", "tokenization", "schemas"):
        for path in (builds.ROOT / package).rglob("*.py"):
            if path.name != "reasons.py":
                nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                texts |= {
                    node.value
                    for node in nodes
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)
                }
    assert REASONS - texts == set()


@pytest.mark.parametrize("build", ["own_build", "shared_build"])
def test_what_builds_drop_has_reasons_on_the_list(
    build: str, request: pytest.FixtureRequest
) -> None:
    """Of the shipped and the real recordings: nothing in ledgers, quarantine and accounts says
    anything else.
    """
    out: Path = request.getfixturevalue(build)
    settled = account.settle(out)
    given = {drop["reason"] for counts in settled.units.values() for drop in counts["reasons"]}
    given |= set(settled.counts.filter(pl.col("reason") != "")["reason"]) | set(
        account.quarantined(out)["reason"]
    )
    assert given
    assert given - REASONS == set()


def test_every_reason_has_its_meaning_and_the_settings_that_decide_it() -> None:
    """Each says a sentence, gives an example, and names settings that a recipe has."""
    sections = get_type_hints(Recipe)
    assert set(MEANINGS) == REASONS
    for name, meaning in MEANINGS.items():
        assert meaning.says.endswith("."), name
        assert meaning.example, name
        for setting in meaning.settings:
            section, key = setting.split(".")
            assert key in {field.name for field in fields(sections[section])}, f"{name}: {setting}"
