"""What cannot be done is said: what, where, why, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.cli.conftest import Run
from tests.support import builds

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
