"""What an agent waits for, as ratios to peers of the same run."""

from __future__ import annotations

import pytest

from tests.bench.measure import on_one_core
from tests.bench.serving import RECIPES, imports, large, observing
from tests.bench.workloads import SHIPPED, make, pages_of

TRIES = 3
"""A busy machine slows ours and the peer by turns."""


def test_the_import() -> None:
    """All that serves is imported in at most 14 times the time of json, re and dataclasses, about
    half of it numpy's.
    """
    tried = [imports(3) for _ in range(TRIES)]
    assert min(each.times for each in tried) <= 14, tried


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_large_page(recipe: str) -> None:
    """A page of 1 MB is observed in at most 40 times the time in which lexbor parses and writes
    it, although nothing of it has been seen before.
    """
    pages = large(pages_of(make("once", SHIPPED, 20_000_000)))
    assert len(pages) > 2
    tried = [on_one_core(observing, pages, recipe) for _ in range(TRIES)]
    assert min(each.times for each in tried) <= 40, tried
