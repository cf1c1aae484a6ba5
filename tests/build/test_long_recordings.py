"""Long recordings: most of their pages are held compressed."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.files import compressed
from tests.support import builds

FORMATS = builds.ROOT / "tests" / "recordings" / "formats"


def test_a_build_does_not_depend_on_how_pages_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all pages and observations compressed, every file is the same, byte for byte."""
    inputs = [FORMATS / "playwright", FORMATS / "rrweb", builds.RECORDINGS]
    settings = ("filter.no_objective=false",)
    builds.build(inputs, tmp_path / "plain", *settings)
    monkeypatch.setattr(compressed, "PLAIN", 0)
    monkeypatch.setattr(compressed, "BLOCK", 200_000)
    manifest = builds.build(inputs, tmp_path / "compressed", *settings)
    assert manifest["totals"]["samples"] > 100
    for part in ("dataset", "work/samples", "work/ledger"):
        plain = builds.contents(tmp_path / "plain" / part)
        assert builds.contents(tmp_path / "compressed" / part) == plain != {}
