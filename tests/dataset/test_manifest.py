"""The manifest: typed, the same bytes when written again, and refused where it is another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.dataset import manifest
from etl.dataset.layout import Layout
from etl.files.arrow import write_json
from schemas.errors import ConfigError


def test_a_manifest_that_is_read_and_written_again_has_the_same_bytes(
    own_build: Path, tmp_path: Path
) -> None:
    """Nothing is lost or turned into something else: neither keys nor numbers nor lists."""
    path = Layout(own_build).dataset.manifest
    assert isinstance(path, Path)
    manifest.write(tmp_path / "again.json", manifest.read(path))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def without_totals(found: dict[str, Any]) -> None:
    del found["totals"]["samples"]


def with_a_word(found: dict[str, Any]) -> None:
    found["splits"]["train"]["mood"] = "good"


def without_splits(found: dict[str, Any]) -> None:
    del found["splits"]


def with_text_for_a_number(found: dict[str, Any]) -> None:
    found["inputs"][0]["size"] = "large"


def with_generations_of_its_own(found: dict[str, Any]) -> None:
    found["generations"]["last"] = 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_totals, "totals has no key 'samples'"),
        (with_a_word, "splits.train has the key 'mood', which is not known"),
        (without_splits, "it has no key 'splits'"),
        (with_text_for_a_number, "inputs[0].size is str: large"),
        (with_generations_of_its_own, "are not in order"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    own_build: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    """The error says which file, what is wrong and where in it, and what to do."""
    path = Layout(own_build).dataset.manifest
    assert isinstance(path, Path)
    found = json.loads(path.read_bytes())
    change(found)
    write_json(tmp_path / "manifest.json", found)
    with pytest.raises(ConfigError) as raised:
        manifest.read(tmp_path / "manifest.json")
    assert str(raised.value).startswith(f"{tmp_path / 'manifest.json'}: not a manifest")
    assert said in str(raised.value)
    assert "build again with this version" in str(raised.value)


def test_a_manifest_of_an_earlier_format_is_of_no_finished_build(
    own_build: Path, tmp_path: Path
) -> None:
    """It is not read as one of this format, so its build is completed by building it again."""
    path = Layout(own_build).dataset.manifest
    assert isinstance(path, Path)
    write_json(tmp_path / "manifest.json", {"format": manifest.FORMAT - 1, "files": {"a": "b"}})
    assert manifest.current(tmp_path / "manifest.json") is None
    assert manifest.hashes(tmp_path / "manifest.json") == {"a": "b"}
    assert manifest.current(path) == manifest.read(path)
