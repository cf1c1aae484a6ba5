"""What `make test-memory` runs for long, run shortly and without sanitizers."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from etl.pages import compiled
from etl.pages.prune import Pruner
from etl.pages.standard import read_plain
from tests.pages import memory_safety
from tests.pages.memory_safety import changed_pages, check, compare, variants


def test_the_engine_equals_the_specification_on_changed_pages() -> None:
    """Hundreds of changed pages are the same to both, and most of them the engine reads itself."""
    outcome = check(400, seed=7)
    assert outcome.pages == 400
    assert outcome.characters > 100_000
    assert compiled.ENGINE is None or outcome.left < 200


def test_a_seed_gives_the_same_pages() -> None:
    """What fails once fails again: pages follow from the seed, and other seeds give others."""
    first = list(islice(changed_pages(1), 30))
    assert first == list(islice(changed_pages(1), 30))
    assert first != list(islice(changed_pages(2), 30))


def test_a_difference_ends_the_run_and_names_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that both read differently is an error that holds the page."""
    page = "<p title=a>text</p>"
    use = [Pruner(rules, len) for rules in variants()]
    compare(page, use, random.Random(0))
    monkeypatch.setattr(memory_safety, "read_plain", lambda html: read_plain(html + "<b>"))
    with pytest.raises(AssertionError) as error:
        check(5, seed=7)
    assert "of seed 7" in error.value.__notes__[0]
