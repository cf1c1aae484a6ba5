"""The Python interface: its examples run, and it gives what the command line gives."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stepmill
from etl.files.arrow import read_json
from schemas.errors import ConfigError, RecordError
from tests.bench.serving import OURS
from tests.support import builds


@pytest.fixture
def in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to build in, with the shipped recordings where the project has them."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "recordings").symlink_to(builds.ROOT / "tests" / "recordings")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_run(in_project: Path) -> None:
    """Every public function has an example, and they run one after the other in one folder."""
    found = {test.name: test for test in doctest.DocTestFinder().find(stepmill) if test.examples}
    functions = [
        f"stepmill.{name}"
        for name in ("read", "prune", "observe", "page_script", "Prompt", "build", "open")
    ]
    methods = [
        *(f"stepmill.Prompt.{name}" for name in ("build", "ids", "read", "write", "step")),
        *(
            f"stepmill.Dataset.{name}"
            for name in ("rows", "samples", "statistics", "explain", "verify")
        ),
    ]
    assert set(found) == {*functions, *methods}
    runner = doctest.DocTestRunner()
    for name in [*functions, *methods]:
        assert runner.run(found[name]).failed == 0


def test_the_readme_s_example_runs(in_project: Path) -> None:
    """What the README shows of the interface is what it gives, from the first line to the last."""
    text = (builds.ROOT / "README.md").read_text("utf-8")
    shown = "".join(re.findall(r"```pycon\n(.*?)```", text, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(shown, {}, "README", "README.md", 0)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_a_build_is_the_command_lines(tmp_path: Path) -> None:
    """The same recordings and settings: the same bytes."""
    builds.write_workflows(tmp_path / "in.jsonl", *(builds.workflow(n, steps=3) for n in range(8)))
    made = stepmill.build(
        tmp_path / "in.jsonl", out=tmp_path / "one", settings={"fit.context": 4096}
    )
    builds.build([tmp_path / "in.jsonl"], tmp_path / "two", "fit.context=4096")
    for name, digest in made.manifest.files.items():
        assert read_json(tmp_path / "two" / "dataset" / "manifest.json")["files"][name] == digest
    assert made.manifest == stepmill.open(tmp_path / "one" / "dataset").manifest


def test_settings_are_what_they_are_in_python(tmp_path: Path) -> None:
    """A text that looks like a number stays a text; lists, tables and booleans are such."""
    builds.write_workflows(tmp_path / "in.jsonl", *(builds.workflow(n, steps=3) for n in range(8)))
    given: dict[str, object] = {
        "prompt.system": "7",
        "pack.packing": False,
        "card.tags": ["a", "b"],
        "gates.max_drop_rates": {"no_objective": 0.5},
    }
    made = stepmill.build(tmp_path / "in.jsonl", out=tmp_path / "out", settings=given)
    packed = made.manifest.settings["packed"]
    assert (packed["prompt"]["system"], packed["packing"]) == ("7", False)
    assert made.manifest.settings["card"]["tags"] == ["a", "b"]
    with pytest.raises(ConfigError, match=r"fit\.context"):
        stepmill.build(tmp_path / "in.jsonl", out=tmp_path / "x", settings={"fit.context": "x"})


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A broken record raises, or goes to the function that is given, with its bytes."""
    builds.write_workflows(tmp_path / "in" / "a.jsonl", builds.workflow(1))
    with (tmp_path / "in" / "a.jsonl").open("a") as file:
        file.write("{broken\n")
    (tmp_path / "in" / "notes.bin").write_bytes(b"\0\1\2")
    with pytest.raises(RecordError, match=r"a.jsonl#line=2"):
        list(stepmill.read(tmp_path / "in"))
    problems: list[stepmill.Problem] = []
    workflows = list(stepmill.read(tmp_path / "in", problem=problems.append))
    assert [workflow.workflow_id for workflow in workflows] == ["w1"]
    assert [(each.reason, each.raw) for each in problems] == [
        ("broken_json", b"{broken"),
        ("unknown_format", b""),
    ]
    with pytest.raises(ConfigError, match="nowhere"):
        list(stepmill.read(tmp_path / "nowhere"))


def test_packages_of_others_are_named(tmp_path: Path) -> None:
    """Where another package is called as one of ours, whose it is is said."""
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "__init__.py").touch()
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(builds.ROOT)!r}]; import stepmill; "
        "stepmill.prune('<p>')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs its package schemas" in done.stderr
    assert str(tmp_path / "schemas" / "__init__.py") in done.stderr


def test_import_and_serving_are_light(tmp_path: Path) -> None:
    """`import stepmill` brings in none of the libraries that read and write; pruning, by a recipe
    file too, observing and asking neither Polars nor Arrow, nor what needs a network.
    """
    own = tmp_path / "own.toml"
    own.write_text('extends = "scribeagent-32k"\n[prune]\nkept_tags = ["b"]\n')
    code = (
        "import sys, stepmill\n"
        "print([name for name in ('polars', 'pyarrow', 'lxml') if name in sys.modules])\n"
        "print(stepmill.prune('<p>a <b>c</b></p>'))\n"
        f"print(stepmill.prune('<p>a <b>c</b></p>', {str(own)!r}))\n"
        "heavy = ('polars', 'pyarrow', 'datasets', 'fsspec', 'selenium', 'playwright')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        f"for recipe in ('scribeagent-32k', 'compact-8k', {str(own)!r}):\n"
        "    seen = stepmill.observe('<p>a <b>c</b></p>', 'Find', (), '', recipe)\n"
        "    prompt = stepmill.Prompt(recipe)\n"
        "    prompt.build('Find', '', seen), prompt.ids('Find', '', seen)\n"
        "    node = [*seen.nodes][-1]\n"
        "    answer = prompt.read(f'Action: mouse_click_action\\nNode: {node}', seen)\n"
        "    print(seen.nodes[answer.node].css, bool(prompt.step(answer, seen)))\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=builds.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "[]",
        '<p node="1"> a <b node="0"> c </b> </p> ',
        'a <b node="0"> c </b> ',
        "[]",
        *(":root > body > p > b True" for _ in range(3)),
        "[]",
    ]


def test_serving_loads_what_it_uses() -> None:
    """The import of all that serves loads no program that few processes ask: the oracle of the
    tokens, readers of other vocabularies, the HTML library, what compresses.
    """
    rare = (
        *("tiktoken", "turbohtml", "zstandard", "tempfile", "difflib", "schemas.draft"),
        *("tokenization.document", "tokenization.sentencepiece_model", "tokenization.own_chat"),
    )
    code = f"import sys, {OURS}\nprint([name for name in {rare} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=builds.ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_recipe_without_rules_prunes_nothing(tmp_path: Path) -> None:
    """What a recipe lacks is named."""
    own = tmp_path / "own.toml"
    own.write_text("[fit]\ncontext = 5\n")
    with pytest.raises(ConfigError, match=r"\[prune\]: kept_tags, .* must be given"):
        stepmill.prune("<p>", str(own))
