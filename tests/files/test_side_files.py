"""Files that people write for their recordings: marks are removed, other encodings are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.recipes import recipe
from etl.dataset.hand_written import Notes
from etl.files.side_files import decoded, entries, read_text
from etl.stages.augment import Augment
from etl.stages.select import Select
from schemas.errors import ConfigError

BOM: Final = b"\xef\xbb\xbf"
WRITTEN: Final[dict[str, tuple[bytes, Callable[[Any], bool]]]] = {
    "split.held_out": (b"w1\r\nw2\r\n", lambda made: made.index.split.held_out == {"w1", "w2"}),
    "split.held_out_validation": (
        b"w1\n",
        lambda made: made.index.split.held_out_validation == {"w1"},
    ),
    "takedown.file": (b"workflow w1\r\n", lambda made: made.taken_down.workflows == {"w1"}),
    "include.file": (
        b"domain a.example\n",
        lambda made: made.stage(Select).include.whole("include").domains == {"a.example"},
    ),
    "exclude.file": (
        b"kind hover\n",
        lambda made: made.stage(Select).exclude.whole("exclude").kinds == {"hover"},
    ),
    "augment.objectives": (
        b'{"w1": "Order"}',
        lambda made: made.stage(Augment).own == {"w1": "Order"},
    ),
    "augment.descriptions": (
        b'{"w1/1": "Go"}',
        lambda made: getattr(made.stage(Augment).mapping, "texts", None) == {"w1/1": "Go"},
    ),
    "card.notes": (
        b"<!-- notes: a -->\r\nB\r\n<!-- /notes -->",
        lambda made: made.card.written == Notes({"a": "B"}),
    ),
    "card.template": (b"# $pretty_name\n", lambda made: made.card.layout.text.startswith("# $")),
}
"""By setting, what is in its file, and whether a recipe has understood it."""
OTHERS: Final = {
    "UTF-16": "w0 \u00e9\n".encode("utf-16"),
    "UTF-32": "w0\n".encode("utf-32"),
    "UTF-16 without a byte order mark": "w0\n".encode("utf-16-be"),
    "line 2 has the byte 0xe9, which is '\u00e9' in Windows-1252": b"w0\nw\xe9\n",
    "gzip": b"\x1f\x8b\x08\0",
    "a zip archive or a spreadsheet": b"PK\x03\x04\x14\0",
}


def used(made: Any) -> None:
    """Have a recipe read all its files."""
    _ = made.settings(), made.taken_down, made.card.written


@pytest.mark.parametrize("setting", WRITTEN)
def test_each_side_file_is_read_with_a_byte_order_mark(tmp_path: Path, setting: str) -> None:
    """With and without a mark at its beginning, every file that a setting names says the same."""
    raw, understood = WRITTEN[setting]
    path = tmp_path / "file"
    for mark in (b"", BOM, BOM + BOM):
        path.write_bytes(mark + raw)
        assert understood(recipe.load("scribeagent-32k", [f"{setting}={path}"]))


@pytest.mark.parametrize("setting", [*WRITTEN, "recipe"])
@pytest.mark.parametrize("name", OTHERS)
def test_another_encoding_is_named(tmp_path: Path, setting: str, name: str) -> None:
    """A file that is not UTF-8 stops everything before work starts,
    with its path and what it is.
    """
    path = tmp_path / "file.toml"
    path.write_bytes(OTHERS[name])
    with pytest.raises(ConfigError, match=r"file\.toml is not UTF-8") as refused:
        used(
            recipe.load(str(path))
            if setting == "recipe"
            else recipe.load("scribeagent-32k", [f"{setting}={path}"])
        )
    assert name in str(refused.value)
    assert "UTF-8; " not in str(refused.value).partition(": it is")[2] or "save it as" in str(
        refused.value
    )


def test_a_recipe_with_a_byte_order_mark(tmp_path: Path) -> None:
    """It is read as without."""
    path = tmp_path / "r.toml"
    path.write_bytes(BOM + b'extends = "scribeagent-32k"\r\n[fit]\r\ncontext = 4096\r\n')
    assert recipe.load(str(path)).fit.context == 4096


def test_lines_of_any_system_and_remarks() -> None:
    """Line ends of every system part entries; marks of files that were joined, blanks and remarks
    are no part of them; a ``#`` within a name is.
    """
    text = decoded(BOM + b"a\r\nb\rc # why\n\n# whole line\n" + BOM + b" d#1 \n", "list")
    assert list(entries(text)) == [(1, "a"), (2, "b"), (3, "c"), (6, "d#1")]


def test_an_empty_list_is_refused(tmp_path: Path) -> None:
    """A held-out list without entries would hold nothing out, which nobody means."""
    path = tmp_path / "held.txt"
    path.write_text("# nothing yet\n")
    with pytest.raises(ConfigError, match=r"split\.held_out: .*held\.txt has no entries"):
        used(recipe.load("scribeagent-32k", [f"split.held_out={path}"]))
    with pytest.raises(ConfigError, match=r"takedown\.file: cannot read .*nowhere: No such file"):
        read_text(tmp_path / "nowhere", "takedown.file")
