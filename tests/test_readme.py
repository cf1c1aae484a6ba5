"""The README says what is so: its commands run, its tables and its tree name what is there."""

from __future__ import annotations

import ast
import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner

from etl.build.recipes import recipe
from etl.cli.main import cli
from etl.files.arrow import read_json
from etl.look import verify
from etl.pages.page import Live
from etl.pages.prune import write
from etl.pages.standard import read_plain
from etl.sources import SOURCES
from etl.stages.select import Select
from tests.support.strategies import pruner

Trace = Callable[[FrameType, str, Any], Any]

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
    """Each stepmill command that the README shows succeeds in the order shown, run from the
    repository's root.
    """
    commands = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    stepmill = [command for command in commands if command.startswith("stepmill ")]
    assert len(stepmill) >= 6
    monkeypatch.chdir(ROOT)
    for command in stepmill:
        arguments = [
            part.replace("demo-out", str(tmp_path / "demo-out"))
            for part in shlex.split(command)[1:]
        ]
        if "--workers" in arguments:  # another process would not see the runner's streams
            arguments[arguments.index("--workers") + 1] = "0"
        elif arguments[0] in ("build", "compact"):
            arguments += ["--workers", "0"]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """What the examples take for granted: recordings and a build file in /srv/web, stepmill in
    /opt/stepmill.
    """
    web = tmp_path / "srv" / "web"
    shutil.copytree(ROOT / "tests" / "recordings" / "data", web / "recordings")
    (web / "nightly.toml").write_text(blocks("toml")[0])
    program = tmp_path / "opt" / "stepmill" / "bin" / "stepmill"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m stepmill "$@"\n')
    program.chmod(0o755)
    return tmp_path


def shell(site: Path, command: str, **more: str) -> str:
    """Run a command of an example by sh in the bare environment that cron and others give; returns
    what it says.
    """
    command = command.replace("/srv/", f"{site}/srv/").replace("/opt/", f"{site}/opt/")
    bare = {"HOME": str(site), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", **more}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=bare,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_built(site: Path) -> bool:
    out = site / "srv" / "web" / "dataset"
    return (
        verify.verify(out) == []
        and read_json(out / "dataset" / "manifest.json")["totals"]["samples"] > 300
    )


def test_the_cron_line_builds(site: Path) -> None:
    """The line of the crontab has five fields and a command, which builds, prints nothing, and
    logs.
    """
    (line,) = blocks("cron")
    fields = line.split(None, 5)
    assert all(re.fullmatch(r"[0-9*/,-]+", field) for field in fields[:5])
    assert shell(site, fields[5].strip()) == ""
    assert is_built(site)
    assert "samples 100%" in (site / "srv" / "web" / "nightly.log").read_text()


def test_the_systemd_units_build(site: Path) -> None:
    """The service's command builds in its folder; the timer has a time and starts at boot."""
    service, timer = (configparser.ConfigParser(interpolation=None) for _ in range(2))
    for unit, text in zip((service, timer), blocks("ini"), strict=True):
        unit.optionxform = str  # type: ignore[method-assign,assignment] # systemd's keys have capitals
        unit.read_string(text)
    shell(
        site,
        f"cd {service['Service']['WorkingDirectory']} && exec {service['Service']['ExecStart']}",
    )
    assert is_built(site)
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d", timer["Timer"]["OnCalendar"])
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_slurm_array_builds(site: Path) -> None:
    """The array's script, run with Slurm's variables for each task of both arrays, and then the
    last command, build the dataset; the commands that hand them in name the steps in this order.
    """
    script, commands = blocks("slurm")
    steps = re.findall(r"STEP='([^']+)'", commands)
    assert [step.split()[0] for step in steps] == ["build", "finish"]
    count = int(re.findall(r"--array=1-(\d+)", script)[0])
    for step in steps:
        for task in range(1, count + 1):
            shell(
                site,
                script,
                STEP=step,
                SLURM_ARRAY_TASK_ID=str(task),
                SLURM_ARRAY_TASK_COUNT=str(count),
            )
    shell(site, re.findall(r"--wrap='([^']+)'", commands)[0])
    assert is_built(site)


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
    assert table("recipe") == sorted(
        recipe.shipped(), key=lambda name: recipe.load(name).fit.context
    )
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


def test_the_choice_shown_is_a_valid_recipe() -> None:
    """The TOML example of what goes in loads as a recipe with the settings that it shows."""
    (shown,) = [block for block in blocks("toml") if "[include]" in block]
    loaded = recipe.from_tables({"extends": "scribeagent-32k", **tomllib.loads(shown)})
    assert (loaded.stage(Select).include.domains, loaded.stage(Select).exclude.kinds) == (
        frozenset({"*.test"}),
        frozenset({"hover"}),
    )
    assert (loaded.sections["caps"].samples_per_domain, loaded.split.validation) == (1000, 0.05)


def test_files_that_are_named_exist() -> None:
    """Every path of ours in the README exists, and the tree names every stage."""
    paths = set(re.findall(r"\b((?:etl|schemas|tokenization|tests|data_cards)/[\w./-]+)", README))
    assert len(paths) > 15
    missing = [
        path
        for path in paths
        if not (ROOT / path.rstrip(".")).exists() and not (ROOT / f"{path}.py").exists()
    ]
    assert missing == []


def tree(block: str) -> set[str]:
    """The paths that a tree of indented names shows."""
    found, above = set(), [""]
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above[depth + 1 :] = [above[depth] + name]
        found.add(above[depth] + name)
    return found


def test_the_tree_is_the_real_tree() -> None:
    """The README's tree names every folder of code and every module beside them,
    and nothing else.
    """
    block = re.search(r"^```\n(stepmill\.py.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert block is not None
    shown = tree(block[1])
    tops = [ROOT / name for name in ("schemas", "tokenization", "etl", "data_cards")]
    code = [
        path.relative_to(ROOT)
        for top in tops
        for kind in ("*.py", "*.toml")
        for path in top.rglob(kind)
    ]
    folders = {f"{parent}/" for path in code for parent in path.parents if parent != Path()}
    alone = {
        str(path)
        for path in code
        if len(path.parts) == 2 and path.parts[0] == "etl" and path.stem != "__init__"
    }
    assert shown - {"stepmill.py", "docs/", "tests/"} == folders | alone


def test_the_route_names_every_stage() -> None:
    """The route of the data passes every stage, from the README to the file that prunes in two
    steps.
    """
    stages = {
        plan.__module__.replace(".", "/") + ".py"
        for plan in map(type, recipe.load("scribeagent-32k").samples.stages)
    }
    assert {stage for stage in stages if stage not in README} == set()
    assert "`etl.pages.prune`" in (ROOT / "etl" / "stages" / "prune.py").read_text()


def executed(html: str) -> set[tuple[str, int]]:
    """The files and lines of ours that run while the specification writes a page."""
    page, policy = read_plain(html), pruner().policy
    lines: set[tuple[str, int]] = set()

    def traced(frame: FrameType, event: str, _: object) -> Trace:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        write(policy, Live(page, None, []), page.elements)
    finally:
        sys.settrace(before)
    return {(name, line) for name, line in lines if name.startswith(str(ROOT / "etl"))}


def test_three_files_lead_to_the_line_that_drops_an_empty_element() -> None:
    """The README's route names the stage and the module, the stage's first lines name the
    module too, and there the line runs that drops an empty element, and only for one.
    """
    route = re.search(
        r"^ *(etl/stages/prune\.py) .*\((etl/pages/prune\.py)\)$", README, re.MULTILINE
    )
    assert route
    stage, module = (ROOT / name for name in route.groups())
    docstring = ast.get_docstring(ast.parse(stage.read_text("utf-8")))
    assert docstring is not None
    assert "`etl.pages.prune`" in docstring
    dropping = executed("<div>a<b></b></div>") - executed("<div>a<b>c</b></div>")
    lines = module.read_text("utf-8").splitlines()
    assert {name for name, _ in dropping} == {str(module)}
    assert "del self.out[opened.begin :]" in {lines[at - 1].strip() for _, at in dropping}
