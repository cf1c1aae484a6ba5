"""What a run leaves for the next program: a summary, however it ended, and a command that is run
then.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.last_build import NAMES
from etl.dataset.layout import MANIFEST
from etl.files import lock
from etl.files.arrow import read_json
from schemas.errors import BuildError, GateError
from tests.support import builds

HOOK: Final = 'echo "$STEPMILL_STATUS $STEPMILL_LAST_BUILD" >> said; pwd >> said; echo words'


def last(out: Path) -> dict[str, Any]:
    """The summary of the last run."""
    found: dict[str, Any] = read_json(out / "work" / "last_build.json")
    return found


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder of two small files."""
    for name in "ab":
        records = (builds.workflow(ord(name) * 50 + i, steps=2) for i in range(10))
        builds.write_workflows(tmp_path / "in" / f"{name}.jsonl", *records)
    return tmp_path / "in"


def test_nights_are_summed_up(inputs: Path, tmp_path: Path) -> None:
    """A first build, the same again, and a night on which a file came, one changed and one went:
    status, what was built and what was there, inputs by name, the generation, and what the manifest
    says.
    """
    out = tmp_path / "out"
    start = datetime.now(UTC) - timedelta(seconds=1)
    manifest = builds.build([inputs], out)
    first = last(out)
    assert (first["status"], first["exit_code"], first["message"], first["gate_failures"]) == (
        "complete",
        0,
        "",
        [],
    )
    assert first["generation"] == "g0001"
    assert first["input_shards"] == {"built": 2, "of": 2}
    assert first["output_shards"]["built"] == first["output_shards"]["of"] > 0
    assert first["inputs"]["new"] == {"count": 2, "names": ["a.jsonl", "b.jsonl"]}
    assert {key: first[key] for key in ("fingerprint", "totals", "figures", "quarantined")} == {
        key: manifest[key] for key in ("fingerprint", "totals", "figures", "quarantined")
    }
    assert set(first["seconds"]) == {"inputs", "samples", "index", "packing", "finishing"}
    assert start <= datetime.fromisoformat(first["ended"]) <= datetime.now(UTC)

    before = builds.contents(out / "dataset")
    builds.build([inputs], out)
    again = last(out)
    assert (again["status"], again["exit_code"], again["generation"]) == ("nothing_to_do", 0, "")
    assert again["input_shards"] == again["output_shards"] == {"built": 0, "of": 0}
    assert again["fingerprint"] == manifest["fingerprint"]
    assert builds.contents(out / "dataset") == before

    builds.write_workflows(inputs / "a.jsonl", builds.workflow(1))
    builds.write_workflows(inputs / "c.jsonl", builds.workflow(2))
    (inputs / "b.jsonl").unlink()
    builds.build([inputs], out, allow_removal=True)
    night = last(out)
    assert {what: names["names"] for what, names in night["inputs"].items()} == {
        "new": ["c.jsonl"], "changed": ["a.jsonl"], "removed": ["b.jsonl"],
    }  # fmt: skip
    assert (night["generation"], night["input_shards"]) == ("g0002", {"built": 2, "of": 2})
    assert not [name for name in builds.contents(out / "dataset") if "last_build" in name]


def test_what_was_there_is_told_from_what_was_built(inputs: Path, tmp_path: Path) -> None:
    """A night with one file more: of three inputs one is read, of the output shards those of the
    new generation are written.
    """
    out = tmp_path / "out"
    builds.build([inputs], out)
    files = len(list((out / "dataset" / "data").rglob("*.arrow")))
    builds.write_workflows(inputs / "c.jsonl", builds.workflow(2))
    builds.build([inputs], out)
    assert last(out)["input_shards"] == {"built": 1, "of": 3}
    assert last(out)["output_shards"] == {"built": 1, "of": files + 1}


def test_names_are_listed_up_to_a_limit(tmp_path: Path) -> None:
    """Of very many inputs the count is whole, and some are named."""
    for number in range(NAMES + 3):
        builds.write_workflows(tmp_path / "in" / f"{number:04}.jsonl", builds.workflow(number))
    builds.build([tmp_path / "in"], tmp_path / "out")
    new = last(tmp_path / "out")["inputs"]["new"]
    assert (new["count"], len(new["names"])) == (NAMES + 3, NAMES)


def test_a_failed_gate_is_summed_up(inputs: Path, tmp_path: Path) -> None:
    """Its failures are listed, with the figures and totals of what was rejected; so they are of a
    finished build that fails gates given later, and of inputs that lack too much.
    """
    out = tmp_path / "out"
    for limit in (41, 42):
        with pytest.raises(GateError):
            builds.build([inputs], out, f"gates.min_samples={limit}")
        failed = last(out)
        assert (failed["status"], failed["exit_code"]) == ("gate_failed", 1)
        assert failed["gate_failures"] == [
            f"40 samples are in the dataset; gates.min_samples is {limit}"
        ]
        assert failed["gate_failures"][0] in failed["message"]
        assert failed["figures"]["samples"] == failed["totals"]["samples"] == 40
        builds.build([inputs], out)
        assert last(out)["status"] == ("complete" if limit == 41 else "nothing_to_do")
    (inputs / "b.jsonl").unlink()
    with pytest.raises(GateError):
        builds.build([inputs], out)
    assert last(out)["status"] == "gate_failed"
    assert last(out)["inputs"]["removed"]["names"] == ["b.jsonl"]
    assert last(out)["totals"] is None


def test_an_error_is_summed_up(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that stops in its third phase: failed, with the message and what it had come to; an
    error of writing the summary does not stand in for the error itself.
    """
    from etl.build import last_build, pack

    def full(*_: Any) -> None:
        raise BuildError("no space left")

    monkeypatch.setattr(pack, "gather", full)
    out = tmp_path / "out"
    with pytest.raises(BuildError, match="no space left"):
        builds.build([inputs], out)
    failed = last(out)
    assert (failed["status"], failed["exit_code"], failed["message"]) == (
        "failed",
        1,
        "no space left",
    )
    assert failed["input_shards"] == {"built": 2, "of": 2}
    assert failed["output_shards"]["built"] == 0
    assert failed["totals"] is failed["figures"] is failed["fingerprint"] is None
    assert "finishing" not in failed["seconds"]

    def no_disk(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(last_build, "write_json", no_disk)
    with pytest.raises(BuildError, match="no space left"):
        builds.build([inputs], out)
    assert last(out) == failed


REFUSED: Final[dict[str, tuple[str, str]]] = {
    "a typo in the takedown file": (
        "[takedown]\nfile = 'list.txt'",
        "list.txt, line 1: 'workflw w3'",
    ),
    "no takedown file": ("[takedown]\nfile = 'nowhere.txt'", "takedown.file: cannot read"),
    "a misspelt setting": ("[fit]\ncontxt = 5", "did you mean 'context'?"),
    "a gate that makes no sense": ("[gates]\nmax_drop_rate = 2", "a share is between 0 and 1"),
    "a misspelt section": ("[gate]\nmin_samples = 2", "there is no section [gate]"),
    "a template that is not there": ("[card]\ntemplate = 'card.md'", "card.template: cannot read"),
    "other settings than before": ("[filter]\nmin_english = 0.5", "was built with other settings"),
    "inputs that are not there": ("", "nowhere"),
    "an empty folder": ("", "empty"),
    "a misspelt key of the build": ("", "[build] has no setting input"),
    "inputs that are no list": ("", "[build] inputs is a list of strings"),
    "another build at work": ("", "another build is working here"),
}
"""What -> more of the build file, and what is said."""


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("there", [False, True], ids=["new", "built"])
def test_a_run_that_was_refused_is_summed_up(
    inputs: Path, tmp_path: Path, what: str, there: bool
) -> None:
    """Whatever stops a run before it starts, once its folder is known, in a folder that has a
    dataset or a new one: the summary says failed, with exit code and message, the hook is run, and
    a dataset that is there stays.
    """
    more, said = REFUSED[what]
    if not there and what == "other settings than before":
        pytest.skip("a new folder has no settings")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("workflw w3\n")
    out, file = tmp_path / "out", tmp_path / "nightly.toml"
    if there:
        builds.build([inputs], out)
    before = builds.contents(out / "dataset")
    folder = {"inputs that are not there": "nowhere", "an empty folder": "empty"}.get(
        what, inputs.name
    )
    given = "'in'" if what == "inputs that are no list" else f"[{folder!r}]"
    build = f"[build]\ninputs = {given}\nout = 'out'\nhook = {json.dumps(HOOK)}\n"
    build += "input = 3\n" if what == "a misspelt key of the build" else ""
    file.write_text(f"{build}\n{more}\n")
    held = (
        lock.hold(out / "work" / "locks", "1of2")
        if what == "another build at work"
        else nullcontext()
    )
    with held:
        done = builds.command("build", file, "--workers", "0", cwd=tmp_path)
    assert said in done.stderr
    code = 1 if what == "another build at work" else 2
    assert done.returncode == code, done.stderr
    found = last(out)
    assert (found["status"], found["exit_code"]) == ("failed", code)
    assert said in found["message"]
    assert (tmp_path / "said").read_text().splitlines()[
        0
    ] == f"failed {out / 'work' / 'last_build.json'}"
    assert builds.contents(out / "dataset") == before
    if not there:
        assert [
            name for name in builds.contents(out) if "locks" not in name and "order" not in name
        ] == [
            name
            for name in builds.contents(out)
            if name in {"work/last_build.json", "work/takedown.json"}
        ]


def test_somebody_elses_folder_is_left_alone(inputs: Path, tmp_path: Path) -> None:
    """A folder that is not empty and no build's gets no summary; the hook is run all the same, and
    told of no file.
    """
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("...")
    done = builds.command(
        "build", inputs, "--out", out, "--workers", "0", "--hook", HOOK, cwd=tmp_path
    )
    assert done.returncode == 2
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]
    assert (tmp_path / "said").read_text().splitlines()[0].split() == ["failed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_stopped_sums_up_and_runs_its_hook(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A batch system's SIGTERM, or Ctrl-C, while inputs are read: interrupted, exit code 1, and the
    hook is run.
    """
    for name in range(6):
        records = [builds.workflow(1000 * name + i, steps=4) for i in range(150)]
        builds.write_workflows(tmp_path / "in" / f"{name}.jsonl", *records)
    out, said = tmp_path / "out", tmp_path / "said"
    # where the tests run in the background, Ctrl-C is ignored, and so it would be here
    heard = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    hook = f"echo $STEPMILL_STATUS > {shlex.quote(str(said))}"
    arguments = ["build", str(tmp_path / "in"), "--out", str(out), "--workers", "1", "--hook", hook]
    process = subprocess.Popen(
        [sys.executable, "-c", heard + "runpy.run_module('stepmill', run_name='__main__')",
        *arguments],
        env=builds.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list((out / "work").glob("samples/*.json")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    stopped = last(out)
    assert (stopped["status"], stopped["exit_code"]) == ("interrupted", 1)
    assert "run the same command again" in stopped["message"]
    assert stopped["inputs"]["new"]["count"] == 6
    assert 1 <= stopped["input_shards"]["built"] < stopped["input_shards"]["of"] == 6
    assert said.read_text() == "interrupted\n"
    assert not (out / MANIFEST).exists()


def test_the_hook_of_a_build_file(inputs: Path, tmp_path: Path) -> None:
    """Run in the file's folder after every run of its build, also after `retry`; it is told status
    and file; what it prints is not on stdout, where the data are. One on the command line takes its
    place.
    """
    file = tmp_path / "nightly.toml"
    file.write_text(
        f"[build]\ninputs = [{json.dumps(inputs.name)}]\nout = 'out'\nhook = {json.dumps(HOOK)}\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out, said = tmp_path / "out", tmp_path / "said"
    commands: list[tuple[list[str | Path], str]] = [
        (["build", file, "--workers", "0", "--json"], "complete"),
        (["build", file, "--workers", "0", "--json"], "nothing_to_do"),
        (["retry", out, "--workers", "0"], "complete"),
        (["build", file, "--workers", "0", "--set", "gates.min_samples=100"], "gate_failed"),
    ]
    for arguments, status in commands:
        done = builds.command(*arguments, cwd=elsewhere)
        assert done.returncode == (status == "gate_failed"), done.stderr
        assert "words" not in done.stdout
        assert "words" in done.stderr
        if "--json" in arguments:
            assert json.loads(done.stdout)["totals"]["samples"] == 40
        assert said.read_text().splitlines() == [
            f"{status} {out / 'work' / 'last_build.json'}",
            str(tmp_path),
        ]
        said.unlink()
    done = builds.command("build", file, "--workers", "0", "--hook", "pwd > here", cwd=elsewhere)
    assert done.returncode == 0
    assert (elsewhere / "here").read_text() == f"{elsewhere}\n"
    assert not said.exists()


def test_a_hook_that_fails(inputs: Path, tmp_path: Path) -> None:
    """It is said with its exit code; exit code 1 though the build is complete; and where the build
    had failed itself, its own error is said too.
    """
    out = tmp_path / "out"
    arguments = [
        "build",
        str(inputs),
        "--out",
        str(out),
        "--workers",
        "0",
        "--hook",
        "touch ran; exit 7",
    ]
    done = builds.command(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "the hook 'touch ran; exit 7' ended with exit code 7. The build itself is complete"
        in done.stderr
    )
    assert (out / MANIFEST).exists()
    assert last(out)["status"] == "complete"
    done = builds.command(*arguments, "--set", "gates.min_samples=100", cwd=tmp_path)
    assert done.returncode == 1
    assert "ended with exit code 7\n" in done.stderr
    assert "gates.min_samples is 100" in done.stderr
    (tmp_path / "ran").unlink()
    done = builds.command(*arguments, "--set", "fit.context=100", cwd=tmp_path)
    assert done.returncode == 2
    assert "ended with exit code 7\n" in done.stderr
    assert (tmp_path / "ran").exists()
    refused = tmp_path / "bad.toml"
    refused.write_text("[build]\ninputs = ['in']\nout = 'new'\nhook = ['a']\n")
    done = builds.command("build", refused)
    assert (done.returncode, "out and hook are strings" in done.stderr) == (2, True)
