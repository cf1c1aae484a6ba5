"""The README says what is so: its commands run, its tables and its tree name what is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl import recipe
from etl.cli import cli
from etl.sources import SOURCES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def table(first: str) -> list[str]:
    """The first cells of the table whose head begins with ``first``, without their back quotes."""
    found = re.search(rf"^\| {first} \|.*?\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert found, first
    return [row.split("|")[1].strip().strip("`") for row in found[1].splitlines()]


def test_the_commands_of_the_section_use_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stepmill command that the README shows succeeds in the order shown, run from the repository's root."""
    commands = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    stepmill = [command for command in commands if command.startswith("stepmill ")]
    assert len(stepmill) >= 6
    monkeypatch.chdir(ROOT)
    for command in stepmill:
        arguments = [part.replace("demo-out", str(tmp_path / "demo-out")) for part in shlex.split(command)[1:]]
        if "--workers" in arguments:  # another process would not see the runner's streams
            arguments[arguments.index("--workers") + 1] = "1"
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, f"{command}: {result.output}"


def test_make_targets_that_are_named_exist() -> None:
    """`make demo` and `make test` of the README are targets of the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", README, re.MULTILINE)
    assert named
    assert set(named) <= set(targets)


def test_the_formats_table_is_the_list_of_sources() -> None:
    """Every source has a row, and every row a source."""
    assert set(table("format")) == set(SOURCES) - {"unknown"}


def test_the_recipes_table_is_the_list_of_recipes() -> None:
    """Every shipped recipe has a row with its context, and every row a recipe."""
    assert table("recipe") == sorted(recipe.shipped(), key=lambda name: recipe.load(name).fit.context)
    for name in recipe.shipped():
        assert (
            f"| `{name}` | {recipe.load(name).fit.context:,} tokens" in README
            or f"at {recipe.load(name).fit.context:,} |" in README
        )


def test_the_build_file_shown_is_a_valid_recipe() -> None:
    """The TOML example, less its [build] table, loads as a recipe with the setting it shows."""
    tables = tomllib.loads(blocks("toml")[0])
    assert set(tables.pop("build")) == {"inputs", "out"}
    assert recipe.from_tables(tables).fit.context == 16384


def test_files_that_are_named_exist() -> None:
    """Every path of ours in the README exists, and the tree names every stage."""
    paths = set(re.findall(r"\b((?:etl|schemas|tokenization|tests|data_cards)/[\w./-]+)", README))
    assert len(paths) > 15
    missing = [path for path in paths if not (ROOT / path.rstrip(".")).exists() and not (ROOT / f"{path}.py").exists()]
    assert missing == []
    stages = {path.stem for path in (ROOT / "etl" / "stages").glob("*.py")} - {"__init__"}
    assert {f"etl/stages/{stage}" for stage in stages} <= paths
