"""The command line: every command, its help, its errors, what it prints where,
and its exit codes.
"""

from __future__ import annotations

import json
import os
import pickle
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import click
import pytest

from etl.cli import main
from etl.cli.inspect import inspect
from etl.files.arrow import read_json
from tests.cli.conftest import Run
from tests.support import archives, builds

COMMANDS: Final = sorted(main.cli.commands)
VIEWS: Final = inspect.commands


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
        "augment baseline benchmarks build check clean compact contamination diff evalset example "
        "explain explain-setting export finish formats inspect lint predict publish reasons "
        "rebuild recipes record report retry rounds schema score study verify"
    )
    assert " ".join(COMMANDS) == names
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
    (tmp_path / "crawl.warc.gz").write_bytes(
        archives.warc(archives.page("https://a.example", page))
    )
    for folder in ("more", "saved-pages", "webarena", "rewritten"):
        (tmp_path / folder).mkdir()
    (tmp_path / "saved-pages" / "a.html").write_text(page)
    (tmp_path / "webarena" / "test.raw.json").write_text('[{"task_id": 1, "intent": "Go"}]')
    shutil.copy(builds.RECORDINGS / "ledger.csv.gz", tmp_path / "more" / "ledger.csv")
    shutil.copy(builds.RECORDINGS / "ledger.jsonl.zst", tmp_path / "a.jsonl.zst")
    (tmp_path / "nightly.toml").write_text('[build]\ninputs = ["recordings"]\nout = "nightly"\n')
    (tmp_path / "study.toml").write_text(
        'inputs = ["more"]\nout = "study"\n[axes]\n"fit.context" = [2048, 32768]\n'
    )
    builds.write_tasks(
        tmp_path / "test.raw.json", "task_id", "intent", sites=["shopping"], start_url="",
        eval={"eval_types": ["string_match"], "reference_answers": {"exact_match": "2"}},
    )  # fmt: skip
    for name in ("task", "website", "domain"):
        (tmp_path / f"test_{name}_0.json").write_text(json.dumps([task | {"annotation_id": name}]))
    builds.write_tasks(tmp_path / "WebVoyager_data.jsonl", "id", "ques", web_name="Shop")
    ranks = {f"task_u{number}": {"7": 0} for number in range(3)}
    (tmp_path / "scores_all_data.pkl").write_bytes(pickle.dumps({"ranks": ranks, "scores": {}}))
    found = examples()
    assert {line.split()[1] for line in found} == set(COMMANDS)
    run("build", "recordings/", "--out", "kept", "--set", "split.test=0.5")
    for line in found:
        if " record " in line:  # needs a window and a user; tests/record stands in for both
            continue
        if " build " in line:
            shutil.rmtree("dataset", ignore_errors=True)
        elif (
            " evalset " in line
            or not Path("dataset").exists()
            or read_json(Path("dataset/dataset/manifest.json"))["totals"]["samples"] != 6
        ):
            shutil.rmtree("dataset", ignore_errors=True)
            shutil.copytree("kept", "dataset")
        if " score " in line:
            for name in ("answers", "older"):
                shutil.copy("random.jsonl", f"{name}.jsonl")
        done = run(*shlex.split(line)[1:])
        # nobody listens at these addresses; tests/stages and tests/evaluate have servers
        if " augment " in line or " predict " in line:
            assert done.code == 1, line
            assert "no_answer" in done.err
            continue
        if line.endswith(
            "--format pairs"
        ):  # nothing failed in these; tests/publish/test_pairs.py has failures
            assert (done.code, "nothing in it is known to have failed" in done.err) == (2, True)
            continue
        assert done.code == 0, f"{line}: {done.err}"
        assert "Traceback" not in done.err
    assert (tmp_path / "nightly" / "dataset" / "manifest.json").exists()


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
    for number in range(40):
        records = [builds.workflow(1000 * number + i, steps=4) for i in range(40)]
        builds.write_workflows(tmp_path / "in" / f"{number}.jsonl", *records)
    # not bundled, so that the first files are there long before the last ones
    arguments = ["build", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    arguments += ["--set", "inputs.bundle_mb=0", "--workers", "2"]
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


def test_every_option_is_explained() -> None:
    """Each option of each command has a word of help."""
    for name, command in [*main.cli.commands.items(), *VIEWS.items()]:
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"
