"""A recipe can be printed, with what each setting means, and read back; reasons for drops can be
looked up.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from etl.build.recipes import parts, recipe, settings
from etl.card.reasons import meanings, says
from etl.cli.main import cli

CHANGES = (
    "filter.min_reward=1", "fit.context=16384", 'card.tags=["a", "b"]',
    "gates.max_drop_rates.not_english=0.5",
    'prompt.system="one\\ntwo \\"three\\" \\u007f"', "vocabulary.special_tokens.x=3",
    "card.published=2026-01-31",
    'takedown.domains=["shop.example"]', 'card.licenses."shop/*"="cc0-1.0"',
)  # fmt: skip


def run(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_setting_and_section_has_its_meaning() -> None:
    """Each section says what it is about, each field of it is annotated with what it means."""
    found = settings.of(recipe.load("scribeagent-32k"))
    assert {"inputs", "include", "exclude", "prune", "caps", "gates"} < found.keys()
    for section, of_section in found.items():
        assert parts.about(section), section
        assert of_section, section
        assert {each.name: each.says for each in of_section if not each.says} == {}


@pytest.mark.parametrize("name", recipe.shipped())
def test_what_is_printed_is_the_same_recipe(tmp_path: Path, name: str) -> None:
    """The TOML of `stepmill recipes NAME` is a recipe with the same settings, in any state; files
    print too.
    """
    changes = [argument for change in CHANGES for argument in ("--set", change)]
    for overrides in ((), CHANGES):
        printed = run("recipes", name, *(changes if overrides else ()))
        chosen = recipe.load(name, overrides)
        assert recipe.from_tables(tomllib.loads(printed)) == chosen
        (tmp_path / "own.toml").write_text(printed)
        again = run("recipes", str(tmp_path / "own.toml"))
        assert recipe.from_tables(tomllib.loads(again)) == chosen
    abouts = [parts.about(section) for section in settings.of(chosen)]
    for meaning in [*parts.meanings().values(), *abouts]:
        assert meaning.split(":")[0] in " ".join(re.sub(r"\n(# )+", " ", printed).split())


def test_changed_values_are_marked_with_their_default() -> None:
    """Of a recipe as shipped only what it changes is marked; of one that extends it, its own."""
    lines = run("recipes", "scribeagent-64k", "--set", "filter.min_reward=1").splitlines()
    marked = {
        lines[at + 1].split(" =")[0]: line
        for at, line in enumerate(lines)
        if line.startswith("# CHANGED")
    }
    assert marked["context"] == "# CHANGED; default: 32768"
    assert marked["min_reward"] == "# CHANGED; default: off"
    assert "min_english" not in marked
    known = json.loads(run("recipes", "scribeagent-64k", "--json"))
    changed = {each["setting"] for section in known.values() for each in section if each["changed"]}
    assert {name.partition(".")[2] for name in changed} == set(marked) - {"min_reward"}


def test_a_setting_is_explained() -> None:
    """What it means, value, default, choices, and the drops that it decides; the nearest where
    there is none.
    """
    said = run("explain-setting", "filter.min_english", "--set", "filter.min_english=0.5")
    assert f"filter.min_english: {parts.meanings()['filter.min_english']}" in said
    assert "  value    0.5\n  default  0.01\n" in said
    assert f"  decides  not_english: {says('not_english')}" in said
    assert "choices  target, first, all, drop" in run("explain-setting", "fit.train")
    for wrong in ("min_english", "filter.min_englsh"):
        done = CliRunner().invoke(cli, ["explain-setting", wrong])
        assert str(done.exception).endswith("did you mean filter.min_english?")


def test_reasons_are_looked_up() -> None:
    """All in a list; one with its example and the settings that decide it; the nearest where there
    is none.
    """
    listed = run("reasons")
    for name, meaning in meanings().items():
        assert f"{name} " in listed
        assert meaning.says in listed
        one = run("reasons", name)
        assert meaning.example in one
        assert all(setting in one for setting in meaning.settings)
    assert (
        json.loads(run("reasons", "target_absent", "--json"))[0]["example"]
        == meanings()["target_absent"].example
    )
    done = CliRunner().invoke(cli, ["reasons", "target_absnt"])
    assert str(done.exception).endswith("did you mean target_absent?")
