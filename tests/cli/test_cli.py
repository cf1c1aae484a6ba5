"""The command line: every command, its help, its errors, what it prints where,
and its exit codes.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pyarrow as pa
import pytest

from etl.cli import main
from etl.cli.inspect import inspect
from etl.dataset import state
from etl.dataset.layout import Layout
from etl.files.arrow import open_arrow, read_json
from etl.sources import workflows
from etl.tally import Odd
from schemas.errors import RecordError
from schemas.workflow import Workflow
from tests.support import builds

COMMANDS: Final = sorted(main.cli.commands)
BUILDS: Final = (("build",), ("compact",), ("finish",), ("retry",))
HELP: Final = ("--help", "-h")
VIEWS: Final = inspect.commands


class Done(NamedTuple):
    """What a command left. err: without the times of a log."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The console script in this process, with its exit code. What builds does its work in this
    process as well, where nothing else is asked for: to start others takes longer than they would
    have to do.
    """

    def call(*arguments: object) -> Done:
        if (
            arguments[:1] in BUILDS
            and "--workers" not in arguments
            and len(arguments) > 1
            and arguments[1] not in HELP
        ):
            arguments += ("--workers", "0")
        monkeypatch.setattr(sys, "argv", ["stepmill", *map(str, arguments)])
        capsys.readouterr()
        code: Any = 0
        try:
            main.main()
        except SystemExit as stop:
            code = stop.code or 0
        out, err = capsys.readouterr()
        return Done(code, out, builds.undated(err))

    return call


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``in`` and a build ``out`` of it, with a record in quarantine."""
    folder = tmp_path_factory.mktemp("cli")
    records = [builds.workflow(number, steps=2) for number in range(30)]
    path = builds.write_workflows(folder / "in" / "a.jsonl", *records)
    with path.open("a") as stream:
        stream.write('{"workflow_id": "bad", "objective": 5, "steps": []}\n')
    builds.build([folder / "in"], folder / "out")
    return folder


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of that build, to be damaged."""
    return Path(shutil.copytree(small / "out", tmp_path / "out"))


def examples() -> list[str]:
    """Every command line in the help texts."""
    texts = [
        main.cli.help,
        *(command.help for command in [*main.cli.commands.values(), *VIEWS.values()]),
    ]
    lines = [line.strip() for text in texts for line in (text or "").splitlines()]
    return [re.split(r"\s{3,}", line)[0] for line in lines if line.startswith("stepmill ")]


def test_every_command_has_help_with_an_example(run: Run) -> None:
    """--help and -h of the group and of every command print usage and an example,
    and end with 0.
    """
    names = (
        "augment build check clean compact diff example explain explain-setting export finish "
        "formats inspect"
    )
    assert " ".join(COMMANDS) == f"{names} publish reasons recipes report retry schema verify"
    for arguments in ([], *([name] for name in COMMANDS), *(["inspect", name] for name in VIEWS)):
        for flag in ("--help", "-h"):
            done = run(*arguments, flag)
            assert (done.code, done.err) == (0, "")
            line = re.escape(f"stepmill {' '.join(arguments)}".strip()).replace(
                "inspect\\ ", "inspect dataset/ "
            )
            assert re.search(line, done.out.split("Options:")[0].split("\n", 2)[2])


def test_the_examples_in_the_help_texts_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """Every command line in a help text does what it says, in a folder with the recordings that it
    names.
    """
    monkeypatch.chdir(tmp_path)
    builds.write_workflows(
        tmp_path / "recordings" / "shop.jsonl", builds.workflow(1, steps=3, workflow_id="shop-01")
    )
    page = '<html><button backend_node_id="7">Go</button></html>'
    candidate = {
        "tag": "button",
        "attributes": "{}",
        "backend_node_id": "7",
        "is_original_target": True,
    }
    action = {
        "action_uid": "u", "raw_html": page, "cleaned_html": page, "operation": {"op": "CLICK",
        "value": ""},
        "pos_candidates": [candidate], "neg_candidates": [],
    }  # fmt: skip
    task = {
        "website": "shop", "domain": "Shopping", "subdomain": "Mugs", "annotation_id": "7bda9645",
        "confirmed_task": "Order three mugs in the shop",
        "action_reprs": ["[button]  Go -> CLICK"] * 3,
        "actions": [action | {"action_uid": f"u{number}"} for number in range(3)],
    }  # fmt: skip
    (tmp_path / "recordings" / "mind2web.json").write_text(json.dumps(task))
    (tmp_path / "more").mkdir()
    shutil.copy(builds.RECORDINGS / "ledger.csv.gz", tmp_path / "more" / "ledger.csv")
    shutil.copy(builds.RECORDINGS / "ledger.jsonl.zst", tmp_path / "a.jsonl.zst")
    (tmp_path / "nightly.toml").write_text('[build]\ninputs = ["recordings"]\nout = "nightly"\n')
    found = examples()
    assert {line.split()[1] for line in found} == set(COMMANDS)
    run("build", "recordings/", "--out", "kept")
    for line in found:
        if " build " in line:
            shutil.rmtree("dataset", ignore_errors=True)
        elif (
            not Path("dataset").exists()
            or read_json(Path("dataset/dataset/manifest.json"))["totals"]["samples"] != 6
        ):
            shutil.rmtree("dataset", ignore_errors=True)
            shutil.copytree("kept", "dataset")
        done = run(*shlex.split(line)[1:])
        if (
            " augment " in line
        ):  # nobody listens at the address it shows; tests/stages/test_augment.py has a server
            assert (done.code, "failed: no_answer" in done.err) == (1, True)
            continue
        assert done.code == 0, f"{line}: {done.err}"
        assert "Traceback" not in done.err
    assert (tmp_path / "nightly" / "dataset" / "manifest.json").exists()


ERRORS: Final[dict[str, tuple[list[str], list[str]]]] = {
    "unknown recipe": (
        ["build", "in", "--out", "new", "--recipe", "scribeagent-23k"],
        [
            "there is no recipe 'scribeagent-23k'; did you mean 'scribeagent-32k'?",
            "stepmill recipes",
        ],
    ),
    "recipe file that is not there": (
        ["build", "in", "--out", "new", "--recipe", "my.toml"],
        ["recipe: cannot read my.toml: No such file"],
    ),
    "misspelt setting": (
        ["build", "in", "--out", "new", "--set", "fit.contxt=5"],
        ["fit.contxt: there is no such setting; did you mean 'context'?"],
    ),
    "misspelt section": (
        ["build", "in", "--out", "new", "--set", "filtre.failed_actions=false"],
        ["there is no section [filtre]; did you mean 'filter'?"],
    ),
    "setting of another type": (
        ["build", "in", "--out", "new", "--set", "fit.context=large"],
        ["fit.context = 'large': expected int, got str"],
    ),
    "setting without value": (
        ["build", "in", "--out", "new", "--set", "fit.context"],
        ["write section.key=value"],
    ),
    "missing input": (
        ["build", "nowhere", "--out", "new"],
        ["nowhere: no such file or folder, and no match as a glob"],
    ),
    "glob without match": (["build", "in/*.har", "--out", "new"], ["in/*.har: no such file"]),
    "unknown format": (
        ["build", "notes.txt", "--out", "new"],
        ["notes.txt: not in any known format", "stepmill formats"],
    ),
    "empty folder": (["build", "empty", "--out", "new"], ["no files in empty"]),
    "output folder of something else": (
        ["build", "in", "--out", "in"],
        ["in is not empty and holds no build"],
    ),
    "no output folder": (["build", "in"], ["say where to build: --out DIR"]),
    "no input": (["build"], ["Missing argument 'INPUTS...'"]),
    "less than no workers": (
        ["build", "in", "--out", "new", "--workers", "-1"],
        ["-1 is not in the range"],
    ),
    "build file that is not there": (
        ["build", "nightly.toml"],
        ["recipe: cannot read nightly.toml: No such file"],
    ),
    "build file without build": (
        ["build", "recipe.toml"],
        ["recipe.toml: no [build] table with inputs"],
    ),
    "build file that is no TOML": (["build", "broken.toml"], ["broken.toml: "]),
    "build file in another encoding": (["build", "latin.toml"], ["latin.toml is not UTF-8: line"]),
    "build file with a setting too many": (
        ["build", "more.toml"],
        ["[build] has no setting worker (there are: inputs, out, hook, strict)"],
    ),
    "build file with one input as text": (
        ["build", "text.toml"],
        ["[build] inputs is a list of strings"],
    ),
    "build file and recipe": (
        ["build", "text.toml", "--recipe", "scribeagent-64k"],
        ["is a recipe itself"],
    ),
    "check of nothing": (["check", "nowhere"], ["nowhere: no such file"]),
    "inspect of nothing": (["inspect", "nowhere"], ["nowhere: there is no such folder"]),
    "inspect of no build": (
        ["inspect", "in"],
        ["in: no finished build", "run the build command again"],
    ),
    "verify of no build": (["verify", "in"], ["in: no finished build"]),
    "retry of no build": (["retry", "in"], ["in: no build of stepmill"]),
    "unknown sample": (
        ["inspect", "out", "sample", "w1/99"],
        ["w1/99: no such sample", "stepmill explain out w1/99"],
    ),
    "unknown id": (["explain", "out", "w99"], ["w99: nothing with that id was read in out"]),
    "explain of no build": (["explain", "in", "w1"], ["in: no finished build"]),
    "unknown recipe to show": (["recipes", "scribe"], ["there is no recipe 'scribe'"]),
    "report of no build": (
        ["report", "in"],
        ["in: no finished build", "run the build command again"],
    ),
    "report against no build": (["report", "out", "--against", "in"], ["in: no finished build"]),
    "report with another vocabulary": (
        ["report", "out", "--vocabulary", "nonesuch"],
        ["--vocabulary nonesuch: no such file"],
    ),
    "diff with no build": (
        ["diff", "out", "in"],
        ["in: no finished build", "run the build command again"],
    ),
    "diff with no manifest": (
        ["diff", "recipe.toml", "out"],
        ["recipe.toml: not a manifest with figures"],
    ),
    "unknown command": (["biuld"], ["No such command 'biuld'"]),
    "unknown option": (["build", "in", "--outt", "new"], ["No such option", "--outt"]),
}


@pytest.mark.parametrize("what", ERRORS)
def test_what_cannot_be_done_is_said(
    what: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """A wrong argument or setting ends with exit code 2 before anything is written, with what,
    where and what to do on stderr, nothing on stdout, and no traceback.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").symlink_to(small / "in")
    (tmp_path / "out").symlink_to(small / "out")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("nothing recorded here")
    (tmp_path / "recipe.toml").write_text("[fit]\ncontext = 4096\n")
    (tmp_path / "broken.toml").write_text("[build\n")
    (tmp_path / "latin.toml").write_bytes(b'[build]\ninputs = ["\xe9"]\n')
    (tmp_path / "more.toml").write_text('[build]\ninputs = ["in"]\nout = "new"\nworker = 3\n')
    (tmp_path / "text.toml").write_text('[build]\ninputs = "in"\nout = "new"\n')
    arguments, says = ERRORS[what]
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    for text in says:
        assert text in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "new" / "dataset").exists()


def test_an_error_of_the_system_is_exit_code_1(small: Path, run: Run) -> None:
    """What the file system refuses is said with the path, exit code 1."""
    done = run("build", small / "in", "--out", "/dev/null/out")
    assert done.code == 1
    assert "/dev/null/out" in done.err
    assert "Not a directory" in done.err


def test_changed_settings_are_named_field_by_field(small: Path, run: Run) -> None:
    """Building into a folder that was built with other settings stops with each changed field, old
    and new.
    """
    before = builds.stamps(small / "out")
    changes = [
        "fit.context=4096",
        "filter.failed_actions=false",
        "split.seed=7",
        'card.license="mit"',
    ]
    done = run(
        "build",
        small / "in",
        "--out",
        small / "out",
        *(part for change in changes for part in ("--set", change)),
    )
    assert done.code == 2
    lines = [line.strip() for line in done.err.splitlines()]
    assert {line for line in lines if " is now " in line} == {
        "card.license: 'unknown' is now 'mit'",
        "index.context: 32768 is now 4096",
        "index.split.seed: 0 is now 7",
        "packed.fits.test.context: 32768 is now 4096",
        "packed.fits.train.context: 32768 is now 4096",
        "packed.fits.validation.context: 32768 is now 4096",
        "samples.stage filter.failed_actions: True is now False",
    }
    assert {line for line in lines if line.startswith("->")} == {
        "-> all phases are done again for the inputs it is about",
        "-> index and packing are done again",
        "-> packing is done again",
        "-> the card is written again",
    }
    assert "Do that with --redo, or build into a new folder with --out." in lines
    before["work/last_build.json"] = builds.stamps(small / "out")["work/last_build.json"]
    assert builds.stamps(small / "out") == before


def test_json_is_json(small: Path, tmp_path: Path, run: Run) -> None:
    """With --json stdout is one JSON value, and it says what the text says."""
    out, inputs = small / "out", small / "in"
    built = json.loads(run("build", inputs, "--out", tmp_path / "new", "--json").out)
    assert built["totals"]["samples"] == 60
    checked = json.loads(run("check", inputs, "--json").out)["formats"]["workflows"]
    assert (checked["files"], checked["workflows"], checked["steps"], checked["with_target"]) == (
        1,
        30,
        60,
        60,
    )
    assert (checked["problems"][0]["file"], checked["problems"][0]["line"]) == ("a.jsonl", 31)
    assert json.loads(run("inspect", out, "--json").out)["accounting"]["step"]["kept"] == 60
    sample = json.loads(run("inspect", out, "sample", "w3/2", "--json").out)
    assert [part["loss"] for part in sample["runs"]] == [False, True]
    assert sample["runs"][1]["text"].startswith(
        "2.\nDescription: Order 1 of item 3\nAction: mouse_click_action\nNode: "
    )
    (explained,) = json.loads(run("explain", out, "w3", "--json").out)["occurrences"]
    assert {step["id"] for step in explained["steps"]} == {"workflows:w3/1", "workflows:w3/2"}
    assert json.loads(run("verify", out, "--json").out) == {"problems": []}
    assert set(json.loads(run("formats", "--json").out)) >= {"mind2web", "scribe", "workflows"}
    assert set(json.loads(run("recipes", "--json").out)) >= {"scribeagent-32k", "scribeagent-64k"}
    settings = json.loads(run("recipes", "scribeagent-64k", "--json").out)["fit"]
    assert {each["setting"]: each["value"] for each in settings}["fit.context"] == 65536


def test_stdout_is_for_data(small: Path, tmp_path: Path, run: Run) -> None:
    """A build prints nothing on stdout, and its progress as plain lines on stderr; commands that
    show something print it on stdout, and nothing on stderr.
    """
    done = run("build", small / "in", "--out", tmp_path / "new")
    assert (done.code, done.out) == (0, "")
    assert "\r" not in done.err
    assert "\x1b" not in done.err
    lines = done.err.splitlines()
    phases = [line for line in lines if line.startswith("phase ") and "ETA" not in line]
    names = [re.split(" 100%|,", line)[0] for line in phases]
    assert list(dict.fromkeys(names)) == [  # a slow machine shows some of them more than once
        "phase 1 of 5: inputs",
        "phase 2 of 5: samples",
        "phase 3 of 5: index",
        "phase 4 of 5: packing",
        "phase 5 of 5: finishing",
    ]
    assert lines[-1].startswith("60 samples, ")
    out = small / "out"
    shown: list[tuple[object, ...]] = [
        ("check", small / "in"),
        ("inspect", out),
        ("inspect", out, "sample", "w1/1"),
    ]
    shown += [("explain", out, "w1"), ("verify", out), ("formats",), ("recipes",)]
    for arguments in shown:
        done = run(*arguments)
        assert (done.code, done.err) == (0, "")
        assert done.out
        assert "\x1b" not in done.out


def test_the_views_say_what_is_there(small: Path, run: Run) -> None:
    """check, inspect and explain show formats, counts, first errors, domains, and a step's way."""
    checked = run("check", small / "in").out
    assert "workflows: 1 file," in checked
    assert "30 workflows, 60 steps, 60 with a target, 0 failed" in checked
    assert (
        "targets of 50 steps looked for in their pages: 50 found, 0 absent, 0 ambiguous, 0 "
        "unreadable" in checked
    )
    assert (
        "  1 x wrong_type\n    a.jsonl:31: objective: a number, expected a string (wrong_type)"
        in checked
    )
    inspected = run("inspect", small / "out").out
    assert "60 samples, " in inspected
    assert "1 record in quarantine" in inspected
    assert re.search(r"shop3\.example +4 +8 +8 ", inspected)
    assert "shop6.example" in run("inspect", small / "out", "domains").out
    explained = run("explain", small / "out", "w3/2").out
    assert explained.startswith("step workflows:w3/2, read from a.jsonl, domain shop3.example\n")
    assert re.search(r"^  pack     row \d+ of g0001/train-00000-of-00001$", explained, re.MULTILINE)
    sample = run("inspect", small / "out", "sample", "w3/2").out
    assert "[loss, " in sample
    assert "Target: <button" in sample.split("[loss, ")[1].split("[end of loss]")[0]


def test_progress_on_a_terminal_is_one_line_that_renews_itself(small: Path, tmp_path: Path) -> None:
    """Under a pseudo-terminal each phase is a bar on one line, with a line break only at its end,
    and no dates.
    """
    master, slave = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "stepmill",
        "build",
        str(small / "in"),
        "--out",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(
        command, env=builds.environment(), stdout=subprocess.PIPE, stderr=slave
    ) as process:
        os.close(slave)
        text = b""
        while chunk := _read(master):
            text += chunk
        assert process.wait() == 0
        assert process.stdout is not None
        assert process.stdout.read() == b""
    os.close(master)
    lines = text.decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
    assert [line.rsplit("\r", 1)[-1].startswith("phase ") for line in lines[:6]] == [True] * 5 + [
        False
    ]
    last = [line.rsplit("\r", 1)[-1] for line in lines]
    assert re.match(
        r"phase 2 of 5: samples 100% \|█+ *\| 0\.\d of 0\.\d MB, 60 samples, 00:\d\d, ETA 00:00",
        last[1],
    )
    assert last[2].startswith("phase 3 of 5: index, 00:0")
    assert last[-1].startswith("60 samples, ")


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux's word for the end of a pseudo-terminal
        return b""


@pytest.mark.parametrize(
    "arguments", [["recipes", "scribeagent-32k"], ["inspect", "OUT", "--json"]]
)
def test_a_reader_that_has_seen_enough_is_no_error(small: Path, arguments: list[str]) -> None:
    """`stepmill ... | head -1`: exit code 0 and nothing on stderr."""
    words = [str(small / "out") if word == "OUT" else word for word in arguments]
    line = shlex.join([sys.executable, "-m", "stepmill", *words])
    for reader in ("head -1", "true"):
        script = f"set -o pipefail; {line} | {{ {reader}; }}"
        done = subprocess.run(
            ["bash", "-c", script],
            env=builds.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_stopped_by_hand(tmp_path: Path) -> None:
    """Ctrl-C, which a terminal sends to all processes: one line on stderr that says how to go on,
    exit code 1, no traceback of any process; going on works.
    """
    for number in range(4):
        records = [builds.workflow(1000 * number + i, steps=4) for i in range(40)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    arguments = ["build", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "2"]
    # where the tests run in the background, Ctrl-C is ignored, and so it would be here
    heard = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    process = subprocess.Popen(
        [sys.executable, "-c", heard + "runpy.run_module('stepmill', run_name='__main__')",
        *arguments],
        env=builds.environment(), start_new_session=True, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not list((tmp_path / "out" / "work").glob("samples/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 1, err
    assert "stepmill: stopped; run the same command again to go on" in err
    assert "Traceback" not in err
    assert not (tmp_path / "out" / "dataset").exists()
    assert builds.command(*arguments[:-1], "0").returncode == 0


def test_a_build_file_stands_for_itself(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """Inputs, output and other files that a build file names are relative to it, and the build can
    be looked at and tried again from anywhere, when the file is gone too; so with a recipe file,
    and with single settings.
    """
    shutil.copytree(small / "in", tmp_path / "a" / "in")
    held = '[prompt]\nnode_repeats = 2\n[split]\nheld_out = "held.txt"\n'
    (tmp_path / "a" / "held.txt").write_text("w2\n")
    (tmp_path / "a" / "nightly.toml").write_text('[build]\ninputs = ["in"]\nout = "out"\n' + held)
    (tmp_path / "a" / "mine.toml").write_text(
        'extends = "scribeagent-32k"\n[prompt]\nnode_repeats = 2\n'
    )
    monkeypatch.chdir(tmp_path)
    assert run("build", "a/nightly.toml").code == 0
    held_out = ("--set", "split.held_out=a/held.txt")
    assert run("build", "a/in", "--out", "mine", "--recipe", "a/mine.toml", *held_out).code == 0
    assert builds.contents(tmp_path / "mine" / "dataset" / "data") == builds.contents(
        tmp_path / "a/out/dataset/data"
    )
    (tmp_path / "a" / "nightly.toml").unlink()
    (tmp_path / "a" / "mine.toml").unlink()
    monkeypatch.chdir("/")
    for out in (tmp_path / "a" / "out", tmp_path / "mine"):
        shown = run("inspect", out, "sample", "w3/2")
        assert shown.code == 0, shown.err
        assert re.search(r"^Node: (\d+) \1$", shown.out, re.MULTILINE)
        assert run("retry", out).code == 0


def test_retry_reads_a_mended_input(tmp_path: Path, run: Run) -> None:
    """After the broken record was mended in its file, `retry` builds it; the result is that of a
    build from nothing.
    """
    good, bad = builds.workflow(1), builds.workflow(2) | {"steps": "none"}
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", good, bad)
    out = tmp_path / "out"
    builds.build([path.parent], out)
    done = run("retry", out)
    assert (done.code, done.out, done.err.splitlines()[-1]) == (
        0,
        "",
        "quarantined before: 1 record, now: 1",
    )
    builds.write_workflows(path, good, builds.workflow(2))
    done = run("retry", out)
    assert done.code == 0
    assert done.err.splitlines()[-1] == "quarantined before: 1 record, now: 0"
    builds.build([path.parent], tmp_path / "fresh", given=state.generations(Layout(out).work))
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")


def test_retry_reads_with_a_mended_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """A source of a new version that reads more, and other things: a plain build refuses and names
    it, `retry` reads the inputs of that source again, and everything that depends on them is made
    again.
    """
    read = workflows._workflow

    def first(fields: dict[str, Any], origin: str, odd: list[Odd]) -> Workflow:
        if fields["workflow_id"] == "w2":
            raise RecordError("missing_field", "this version cannot read it")
        fields = fields | {
            "steps": [step | {"url": "https://old.example/"} for step in fields["steps"]]
        }
        return read(fields, origin, odd)

    path = builds.write_workflows(
        tmp_path / "in" / "a.jsonl", *(builds.workflow(number) for number in (1, 2, 3))
    )
    builds.write_workflows(tmp_path / "in" / "b.jsonl", builds.workflow(4))
    out = tmp_path / "out"
    monkeypatch.setattr(workflows, "_workflow", first)
    monkeypatch.setattr(workflows.Workflows, "version", 0)
    builds.build([path.parent], out)
    with monkeypatch.context() as mended:
        mended.setattr(workflows, "_workflow", read)
        mended.setattr(workflows.Workflows, "version", 1)
        refused = run("build", path.parent, "--out", out)
        assert refused.code == 2
        assert "samples.source workflows.version: 0 is now 1" in refused.err
        assert run("retry", out).err.splitlines()[-1] == "quarantined before: 1 record, now: 0"
        builds.build([path.parent], tmp_path / "fresh")
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "fresh" / "dataset")
    assert not any("old.example" in sample.url for sample in builds.samples(out).values())


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("place", range(12))
def test_verify_finds_a_flipped_bit(copy: Path, place: int, run: Run) -> None:
    """One bit, anywhere in any published file but the manifest: exit code 1,
    and the file is named.
    """
    names = sorted(read_json(copy / "dataset" / "manifest.json")["files"])
    name = names[place % len(names)]
    flip(copy / name, (copy / name).stat().st_size * place // 12)
    done = run("verify", copy)
    assert done.code == 1
    assert done.out.splitlines() == [
        f"{name}: not the content that the manifest says (sha256); remove it and build again"
    ]


def test_what_verify_says_to_do_helps(small: Path, copy: Path, run: Run) -> None:
    """The damaged file removed and the build command given again: the build verifies, with the same
    bytes.
    """
    (path,) = (copy / "dataset" / "data").rglob("train-*.arrow")
    flip(path, 5000)
    assert run("verify", copy).code == 1
    path.unlink()
    assert run("verify", copy).out.startswith(
        "dataset/data/g0001/train-00000-of-00001.arrow: missing"
    )
    assert run("build", small / "in", "--out", copy).code == 0
    assert run("verify", copy).code == 0
    assert builds.contents(copy / "dataset") == builds.contents(small / "out" / "dataset")


def test_verify_finds_a_stray_file(copy: Path, run: Run) -> None:
    """A file among the published ones that the build did not make would be published too."""
    shutil.copy(
        next((copy / "dataset" / "data").rglob("*.arrow")),
        copy / "dataset" / "data" / "train-extra.arrow",
    )
    done = run("verify", copy)
    assert (done.code, done.out) == (1, "dataset/data/train-extra.arrow: not in the manifest\n")


def table_of(copy: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the training rows, and the manifest's hash of them, as somebody would who means it."""
    (path,) = (copy / "dataset" / "data").rglob("train-*.arrow")
    builds.rewrite(path, change(open_arrow(path).read_all()))
    manifest = read_json(copy / "dataset" / "manifest.json")
    manifest["files"][path.relative_to(copy).as_posix()] = builds.contents(path.parent)[path.name]
    (copy / "dataset" / "manifest.json").write_text(json.dumps(manifest))


def with_first(table: pa.Table, column: str, change: Callable[[list[Any]], None]) -> pa.Table:
    """A table with one value of its first row changed."""
    values = table[column].to_pylist()
    change(values[0])
    array = pa.array(values, table.schema.field(column).type)
    return table.set_column(table.schema.get_field_index(column), table.schema.field(column), array)


DAMAGE: Final[dict[str, tuple[Callable[[pa.Table], pa.Table], str]]] = {
    "a row less": (lambda table: table.slice(1), "the manifest says 1 files with"),
    "other columns": (lambda table: table.drop_columns(["labels"]), "is not input_ids"),
    "a label of another token": (
        lambda table: with_first(table, "labels", lambda row: row.__setitem__(-1, 5)),
        "a label is",
    ),
    "a token less": (
        lambda table: with_first(table, "input_ids", lambda row: row.pop()),
        "lengths of its columns",
    ),
    "a name less": (
        lambda table: with_first(table, "sample_ids", lambda row: row.pop()),
        "lengths of its columns",
    ),
    "another name": (
        lambda table: with_first(table, "sample_ids", lambda row: row.__setitem__(0, "w/1")),
        "samples are in the dataset but never read",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_verify_looks_into_the_rows(copy: Path, run: Run, what: str) -> None:
    """Damage under a hash that was mended to fit is found in schema, counts, rows or accounts."""
    change, says = DAMAGE[what]
    table_of(copy, change)
    done = run("verify", copy)
    assert done.code == 1
    assert says in done.out


def test_a_long_sample_is_in_no_verified_row(copy: Path, run: Run) -> None:
    """Rows above the context are found."""
    manifest = read_json(copy / "dataset" / "manifest.json")
    manifest["settings"]["index"]["context"] = 100
    (copy / "dataset" / "manifest.json").write_text(json.dumps(manifest))
    done = run("verify", copy)
    assert done.code == 1
    assert re.search(r"batch 0, row 0: \d+ tokens, context 100", done.out)


def test_every_option_is_explained() -> None:
    """Each option of each command has a word of help."""
    for name, command in [*main.cli.commands.items(), *VIEWS.items()]:
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
