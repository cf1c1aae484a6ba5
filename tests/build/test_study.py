"""Studies: a matrix of recipes, built with shared samples, and compared in one table."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from etl.build.study.matrix import study_of
from etl.build.study.run import run
from etl.dataset.layout import SAMPLES, Layout
from etl.dataset.place import place_of
from etl.files import storage
from etl.look.study.cells import figures
from schemas.errors import ConfigError
from tests import test_readme
from tests.support import builds

MATRIX = """
inputs = ["recordings"]
out = "study"

[set]
"split.test" = 0.3

[axes]
"fit.context" = [1536, 32768]

[axes.history]
text = {}
last2 = { "unroll.max_history" = 2 }
"""

AXES = 'inputs = ["a"]\nout = "o"\n[axes]\n'
SCORES = f'{MATRIX}[scores]\nevaluation = "e"\n'


def written(folder: Path, text: str = MATRIX) -> Path:
    """A study of one of the shipped recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recordings").mkdir(exist_ok=True)
    source = builds.RECORDINGS / "library.jsonl"
    (folder / "recordings" / "library.jsonl").write_bytes(source.read_bytes())
    path = folder / "study.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a study that the command has built, and what it printed."""
    folder = tmp_path_factory.mktemp("study")
    done = builds.command("study", written(folder), "--workers", "0", "--json")
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return folder, printed


def samples(folder: Path) -> dict[str, int]:
    """The files of samples of a build, by name, and what identifies each on the disk."""
    found = storage.files(Layout(folder).work.of_inputs(SAMPLES))
    return {path.name: path.stat().st_ino for path in found}


def test_cells_with_the_same_phase_1_share_its_files(made: tuple[Path, dict[str, Any]]) -> None:
    """Contexts share samples, to the inode; another history has samples of its own."""
    cells = made[0] / "study" / "cells"
    assert samples(cells / "1536-text") == samples(cells / "32768-text") != {}
    assert samples(cells / "1536-last2") == samples(cells / "32768-last2")
    assert not {*samples(cells / "1536-text").values()} & {*samples(cells / "1536-last2").values()}


def test_a_cell_is_the_build_of_its_recipe_alone(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Every file of a cell that shares samples is that of a build alone, and a build command over
    the cell finds nothing to do.
    """
    settings = ("split.test=0.3", "fit.context=32768", "unroll.max_history=2")
    alone = builds.build([made[0] / "recordings"], tmp_path / "alone", *settings)
    cell = made[0] / "study" / "cells" / "32768-last2"
    there = place_of(cell).manifest
    assert there.fingerprint == alone["fingerprint"]
    assert dict(there.files) == alone["files"]
    done = builds.command("verify", cell)
    assert done.returncode == 0, done.stdout


def test_the_table_has_what_the_builds_hold(made: tuple[Path, dict[str, Any]]) -> None:
    """Printed, in JSON and in CSV: a row a cell with the figures of its build; files and prints
    are the same, and no time is in them.
    """
    folder, printed = made
    assert [cell["cell"] for cell in printed["cells"]] == [
        "1536-text",
        "1536-last2",
        "32768-text",
        "32768-last2",
    ]
    assert json.loads((folder / "study" / "study.json").read_text()) == printed
    rows = [*csv.DictReader(io.StringIO((folder / "study" / "study.csv").read_text()))]
    for cell, row in zip(printed["cells"], rows, strict=True):
        place = place_of(folder / "study" / "cells" / cell["cell"])
        found = figures(place)
        assert {**cell["figures"], "subsets": cell["subsets"]} == found
        assert (row["cell"], row["history"], row["tokens"]) == (
            cell["cell"],
            cell["labels"]["history"],
            str(place.manifest.totals.tokens),
        )
    assert "second" not in (folder / "study" / "study.json").read_text()


def test_the_plots_show_what_differs(made: tuple[Path, dict[str, Any]]) -> None:
    """The page has the table, and a plot of each figure that is not the same in all cells."""
    pytest.importorskip("vl_convert")
    html = (made[0] / "study" / "study.html").read_text()
    assert re.findall(r"<figcaption>(.*?)</figcaption>", html) == [
        "Tokens",
        "Test prompts that hold their target",
    ]
    for cell in made[1]["cells"]:
        assert html.count(f'<th scope="row">{cell["cell"]}</th>') == 3
        assert f"<td>{cell['figures']['tokens']:,}</td>" in html


def test_a_longer_context_shows_more_targets(made: tuple[Path, dict[str, Any]]) -> None:
    """At 32,768 tokens every test prompt holds its target; at 1,024, with the right-most chunk
    alone, some do not. The share is that of test samples whose prompt names the node.
    """
    shares = {cell["cell"]: cell["figures"]["test_targets"] for cell in made[1]["cells"]}
    assert shares["32768-text"] == shares["32768-last2"] == 1.0
    assert 0 < shares["1536-text"] <= shares["1536-last2"] < 1
    place = place_of(made[0] / "study" / "cells" / "1536-text")
    count = asked = 0
    for sample_id in place.listing(["sample_id"], "test").collect()["sample_id"]:
        done = builds.command("inspect", str(place.given), "sample", sample_id, "--json")
        value = json.loads(done.stdout)
        prompt, completion = (
            "".join(run["text"] for run in value["runs"] if run["loss"] is loss)
            for loss in (False, True)
        )
        if node := re.search(r"^Node: (\d+)", completion, re.MULTILINE):
            asked += 1
            count += f'node="{node[1]}"' in prompt.partition("Step-by-step guide:")[0]
    assert shares["1536-text"] == count / asked


def test_the_same_command_again_builds_nothing(made: tuple[Path, dict[str, Any]]) -> None:
    """It prints the same, and no file of a dataset is written again."""
    folder, printed = made
    data = sorted((folder / "study" / "cells").rglob("dataset/**/*"))
    before = [path.stat().st_mtime_ns for path in data]
    done = builds.command("study", folder / "study.toml", "--workers", "0", "--json")
    assert json.loads(done.stdout) == printed
    assert [path.stat().st_mtime_ns for path in data] == before
    text = builds.command("study", folder / "study.toml", "--workers", "0").stdout
    assert text.splitlines()[0].split()[:3] == ["fit.context", "history", "samples"]
    assert len(text.partition("\n\n")[0].splitlines()) == 5  # a narrow terminal gets two tables


def test_a_cell_that_stopped_is_gone_on_with(tmp_path: Path) -> None:
    """A study that was stopped after its first cell, with the second one half lent, is completed
    by the same command, and has the files of one that was not stopped.
    """
    path = written(tmp_path)
    study = study_of(path)
    cells = run(study, 0)
    next(cells)
    first, second = (Layout(study.folder(cell)).work for cell in study.cells[::2])
    lent = storage.files(first.of_inputs(SAMPLES), ".arrow")[0]
    storage.link(lent, second.of_inputs(SAMPLES) / lent.name)
    built = [*run(study_of(path), 0)]
    assert [each.lender for each in built] == ["", "", "1536-text", "1536-last2"]
    assert not any(each.error for each in built)


def test_a_changed_cell_is_built_again_only_if_asked(tmp_path: Path) -> None:
    """A label whose settings have changed says so and stays as it was; with --redo it is what a new
    study would build.
    """
    axis = (
        MATRIX.partition("[axes]")[0] + '[axes.history]\nlast = {{ "unroll.max_history" = {} }}\n'
    )
    path = written(tmp_path, axis.format(3))
    assert builds.command("study", path, "--workers", "0").returncode == 0
    before = place_of(tmp_path / "study" / "cells" / "last").manifest.fingerprint
    path.write_text(axis.format(1))
    refused = builds.command("study", path, "--workers", "0")
    assert (refused.returncode, "--redo" in refused.stdout) == (1, True)
    assert place_of(tmp_path / "study" / "cells" / "last").manifest.fingerprint == before
    assert builds.command("study", path, "--workers", "0", "--redo").returncode == 0
    there = place_of(tmp_path / "study" / "cells" / "last").manifest.fingerprint
    fresh = written(tmp_path / "fresh", axis.format(1))
    assert builds.command("study", fresh, "--workers", "0").returncode == 0
    assert there == place_of(tmp_path / "fresh" / "study" / "cells" / "last").manifest.fingerprint


def test_a_cell_that_fails_stops_no_other(tmp_path: Path) -> None:
    """A gate rejects the datasets of one label: these cells say why, the others are built, and the
    exit code is 1.
    """
    axis = '[axes.gate]\nloose = {}\nhard = { "gates.min_samples" = 1000000 }\n'
    path = written(tmp_path, MATRIX.partition("[axes]")[0] + axis)
    done = builds.command("study", path, "--workers", "0", "--json")
    assert done.returncode == 1
    loose, hard = json.loads(done.stdout)["cells"]
    assert loose["figures"]["samples"] > 0
    assert (loose["error"], hard["figures"]) == ("", {})
    assert "min_samples" in hard["error"]
    assert str(tmp_path) not in hard["error"]


def test_the_study_of_the_readme_can_be_built(tmp_path: Path) -> None:
    """Its example is a study of six cells, with scores for each."""
    (shown,) = [block for block in test_readme.blocks("toml") if "[axes]" in block]
    study = study_of(written(tmp_path, shown))
    assert [cell.name for cell in study.cells][-1] == "131072-last3"
    assert len(study.cells) == 6
    assert study.scores is not None
    evaluation, predictions = study.scores.files["32768-last3"]
    assert evaluation == tmp_path / "eval" / "32768-last3"
    assert predictions == tmp_path / "answers" / "32768-last3.jsonl"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("inputs = [", "Invalid value"),
        ('inptus = ["a"]', "did you mean 'inputs'?"),
        ('out = "o"', "say what to read"),
        ('inputs = ["a"]', "say where to build"),
        ('inputs = "a"\nout = "o"', "a list of strings"),
        ('inputs = ["a"]\nout = "o"', "a study has axes"),
        ('inputs = ["a"]\nout = "o"\nrecipe = "scribeagent-33k"', "did you mean"),
        (f"{AXES}context = [1, 2]", "section.key"),
        (f'{AXES}"fit.context" = 3', "neither a setting with values"),
        (f'{AXES}"fit.context" = ["a b"]', "cannot call a cell"),
        (f'{AXES}"fit.context" = [1, 1]', "cannot call a cell"),
        (f'{AXES}"fit.contxt" = [1]', "did you mean 'context'?"),
        (f'{AXES}"fit.context" = [true]', "cell true: fit.context"),
        (f'{AXES}"fit.context" = [9]\n[axes.b]\nc = 3', "b.c"),
        (f'{AXES}"fit.context" = [9]\n[axes.b]\nc = {{ "fit.context" = 3 }}', "another axis sets"),
        (MATRIX + "[scores]\nprotokol = 1", "did you mean 'protocol'?"),
        (MATRIX + '[scores]\nprotocol = "exact"', "lacks evaluation"),
        (f'{SCORES}protocol = "exakt"\npredictions = "p"', "did you mean 'exact'?"),
        (
            f'{SCORES}protocol = "exact"\n[scores.predictions]\n"1536-txt" = "p"',
            "did you mean '1536-text'?",
        ),
    ],
)
def test_a_bad_study_stops_before_work(tmp_path: Path, text: str, said: str) -> None:
    """The error names the file and what is wrong in it; nothing is written."""
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(said)) as raised:
        study_of(path)
    assert str(path) in str(raised.value)
    assert [*tmp_path.iterdir()] == [path]
