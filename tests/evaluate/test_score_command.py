"""``stepmill score`` and the scores of ``stepmill study``, from recordings to a table."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import builds


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a build's set ``eval`` and predictions of three baselines."""
    folder = tmp_path_factory.mktemp("scores")
    for line in (
        f"build {builds.RECORDINGS} --out built --set split.test=0.3 --workers 0",
        "evalset built --out eval",
        "baseline eval perfect --out perfect.jsonl",
        "baseline eval random --out random.jsonl",
        "baseline eval lexical --out lexical.jsonl",
    ):
        done = builds.command(*line.split(), cwd=folder)
        assert done.returncode == 0, done.stderr
    return folder


def scored(place: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """What the command prints as JSON."""
    done = builds.command("score", "eval", *arguments, "--json", cwd=place)
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def means(found: dict[str, Any]) -> dict[str, float]:
    return {name: of["mean"] for name, of in found["tables"]["all"][0]["metrics"].items()}


@pytest.mark.parametrize("protocol", ["exact", "strict", "exact-calibrated"])
def test_perfect_answers_of_a_build_score_one(place: Path, protocol: str) -> None:
    """Every metric is 1 in all steps, and every step is counted as scored."""
    found = scored(place, "perfect.jsonl", "--protocol", protocol)
    assert set(means(found).values()) == {1.0}
    assert found["outcomes"] == {"scored": found["steps"]}
    assert found["predictions"]["problems"] == {}


def test_a_baseline_is_no_better_than_right_answers(place: Path) -> None:
    """Against perfect answers random ones are worse in every metric, and p says so."""
    found = scored(place, "random.jsonl", "--protocol", "exact", "--against", "perfect.jsonl")
    for row in found["against"]["differences"]:
        assert row["other"] == 1
        assert row["difference"] < 0
        assert row["p"] < 0.01
        assert row["better"] == 0
    assert found["against"]["predictions"]["files"] == ["perfect.jsonl"]


def test_missing_predictions_are_an_error_that_one_can_allow(place: Path) -> None:
    """They count as wrong, and ids that are missing, unknown or double are named; the exit code is
    1 unless they are allowed.
    """
    lines = (place / "perfect.jsonl").read_text().splitlines()
    extra = json.dumps({"id": "nowhere", "output": ""})
    (place / "some.jsonl").write_text("\n".join([*lines[2:], lines[2], extra, "{"]))
    found = scored(place, "some.jsonl", "--protocol", "exact", code=1)
    assert found["missing"] == 2
    assert found["outcomes"]["no_prediction"] == 2
    assert means(found)["exact"] == pytest.approx(1 - 2 / found["steps"], abs=1e-12)
    first = json.loads(lines[0])["id"]
    done = builds.command("score", "eval", "some.jsonl", "--protocol", "exact", cwd=place)
    for said in (first, "nowhere", "ids that came before", "--allow-missing"):
        assert said in done.stderr
    assert "2 prompts without a prediction, which count as wrong answers" in done.stdout
    assert scored(place, "some.jsonl", "--protocol", "exact", "--allow-missing") == found


def test_the_output_is_the_same_in_every_process(place: Path) -> None:
    """Whatever seed Python hashes with, JSON, CSV and report have the same bytes."""
    pytest.importorskip("jinja2")
    lines = (place / "random.jsonl").read_text().splitlines()
    (place / "half.jsonl").write_text("\n".join(lines[::2]))
    found = []
    for seed in ("1", "2"):
        done = builds.command(
            "score", "eval", "half.jsonl", "--protocol", "exact", "--against", "lexical.jsonl",
            "--allow-missing", "--csv", "same.csv", "--report", "same.html", "--json",
            cwd=place, env={"PYTHONHASHSEED": seed},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        files = [(place / name).read_bytes() for name in ("same.csv", "same.html")]
        found.append((done.stdout, *files))
    assert found[0] == found[1]


def test_a_split_is_scored_alone(place: Path) -> None:
    """Predictions of other splits are not missed; a split that is not there stops."""
    done = builds.command(
        "build", builds.RECORDINGS, "--out", "two", "--set", "split.test=0.3", "--set",
        "split.validation=0.2", "--workers", "0", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line in (
        "evalset two --out sets --split test --split validation",
        "baseline sets perfect --out all.jsonl",
    ):
        assert builds.command(*line.split(), cwd=place).returncode == 0
    prompts = (place / "sets" / "prompts" / "validation.jsonl").read_text().splitlines()
    ids = {json.loads(line)["id"] for line in prompts}
    lines = (place / "all.jsonl").read_text().splitlines()
    chosen = [line for line in lines if json.loads(line)["id"] in ids]
    (place / "part.jsonl").write_text("\n".join(chosen))
    asked = ("score", "sets", "part.jsonl", "--protocol", "exact", "--json")
    done = builds.command(*asked, "--split", "validation", cwd=place)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["steps"], means(found)["exact"]) == (len(ids), 1.0)
    assert [row["value"] for row in found["tables"]["split"]] == ["validation"]
    assert builds.command(*asked, cwd=place).returncode == 1
    none = builds.command(*asked, "--split", "tset", cwd=place)
    assert none.returncode == 2
    assert "there are: test, validation" in none.stderr


def test_what_cannot_be_scored_stops_with_a_reason(place: Path) -> None:
    """No set, no file, no protocol, one of another family: exit code 2, and what there is."""
    for arguments, said in (
        (("nowhere", "perfect.jsonl", "--protocol", "exact"), "stepmill evalset"),
        (("eval", "none.jsonl", "--protocol", "exact"), "no such file of predictions"),
        (("eval", "perfect.jsonl", "--protocol", "exakt"), "exact, exact-calibrated, strict"),
        (("eval", "perfect.jsonl", "--protocol", "weblinx/turn"), "for it there are exact"),
    ):
        done = builds.command("score", *arguments, cwd=place)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stdout == ""


def test_the_files_hold_what_is_printed(place: Path) -> None:
    """The CSV has a row a step whose mean is the one printed; the report has wrong answers, and
    replaces a report but nothing else.
    """
    pytest.importorskip("jinja2")
    asked = ("random.jsonl", "--protocol", "exact", "--csv", "steps.csv", "--report", "wrong.html")
    found = scored(place, *asked)
    with (place / "steps.csv").open() as stream:
        rows = [*csv.DictReader(stream)]
    assert sum(float(row["exact"]) for row in rows) / len(rows) == means(found)["exact"]
    assert "Wrong answers" in (place / "wrong.html").read_text()
    assert scored(place, *asked) == found
    (place / "mine.html").write_text("mine")
    done = builds.command("score", "eval", *asked[:-1], "mine.html", cwd=place)
    assert done.returncode == 2
    assert (place / "mine.html").read_text() == "mine"


def test_a_study_joins_scores_where_there_are_predictions(place: Path) -> None:
    """A cell with predictions has the figures that `score` gives; one without says so."""
    (place / "study.toml").write_text(
        f'inputs = ["{builds.RECORDINGS}"]\nout = "study"\n'
        '[set]\n"split.test" = 0.3\n[axes]\n"fit.context" = [16384, 32768]\n'
        '[scores]\nprotocol = "exact"\nevaluation = "eval"\n'
        '[scores.predictions]\n32768 = "lexical.jsonl"\n16384 = "later.jsonl"\n'
    )
    done = builds.command("study", "study.toml", "--workers", "0", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    cells = {cell["cell"]: cell for cell in json.loads(done.stdout)["cells"]}
    alone = scored(place, "lexical.jsonl", "--protocol", "exact")
    assert cells["32768"]["scores"] == alone["tables"]["all"][0]["metrics"]
    assert cells["16384"]["scores"] == {}
    text = builds.command("study", "study.toml", "--workers", "0", cwd=place).stdout
    assert "without predictions: 16384" in text
