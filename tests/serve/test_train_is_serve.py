"""Train = serve: observations and prompts are those of the dataset, token for token."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

import stepmill
from etl.build.recipes.recipe import load
from tests.serve.same import Compared, compared, recorded
from tests.support import builds

COMPACT: Final = ("compact-4k", "compact-8k", "compact-16k", "compact-32k")
OTHERS: Final = ("turkingbench", "portia", "playwright_trace", "browser_use_runs")
"""The shared folders with pages that are not in the shared build."""


def recipe_of(folder: Path, text: str) -> str:
    """A recipe file."""
    path = folder / "own.toml"
    path.write_text(text)
    return str(path)


def built(folder: Path, inputs: list[Path], recipe: str) -> Compared:
    """The comparison of a build by a recipe."""
    builds.build(inputs, folder / "out", recipe=load(recipe))
    return compared(folder / "out", inputs, recipe)


def test_the_shipped_recordings(own_build: Path) -> None:
    """Of every sample of our recordings the prompt is the dataset's, and its answer is read as the
    recorded action.
    """
    result = compared(own_build, [builds.RECORDINGS], stepmill.DEFAULT_RECIPE)
    assert result.different == []
    assert {kind for _, kind in result.same} == {"whole"}
    assert result.same.total() == len(builds.samples(own_build)) > 350
    assert result.unread == []
    assert result.read.total() == result.same.total()


@pytest.mark.parametrize(
    "settings",
    [
        "[fit]\ncontext = 2048\n",
        '[fit]\ncontext = 3000\n[unroll]\nmax_history = 2\n[vocabulary]\nname = "mistral-v1"\n',
        'extends = "page-32k"\nvocabularies = [{ name = "mistral-v3-tekken", chat = "plain" }]\n',
        '[prompt]\nsystem = ""\nnode_repeats = 1\nchat = "qwen3"\n[vocabulary]\nname = "qwen3"\n',
    ],
    ids=["chunks", "mistral", "listed", "qwen3"],
)
def test_other_recipes(tmp_path: Path, settings: str) -> None:
    """With chunks, another vocabulary, chat template, history or system message: the test splits
    have the chunk that serving gives, the training split one of those that it can ask for.
    """
    begins = "" if "extends" in settings else 'extends = "scribeagent-32k"\n'
    result = built(tmp_path, [builds.RECORDINGS], recipe_of(tmp_path, begins + settings))
    assert result.different == []
    assert result.same.total() > 350
    if "context" in settings:
        assert result.same["workflows", "the right-most chunk"] > 50
        assert result.same["workflows", "another chunk"] > 20


@pytest.mark.parametrize("recipe", COMPACT)
def test_compact_recipes(tmp_path: Path, recipe: str) -> None:
    """Of compact observations every one is the dataset's: nothing in them depends on the answer."""
    result = built(tmp_path, [builds.RECORDINGS], recipe)
    assert result.different == []
    assert {kind for _, kind in result.same} == {"whole"}
    assert result.same.total() > 350
    assert result.unread == []


def test_compact_observations_of_shared_recordings(shared: Path, tmp_path: Path) -> None:
    """The same for 1,000 steps of each source with pages."""
    names = ("mind2web", "browsergym_workarena", "browsergym_webarena", *OTHERS)
    result = built(tmp_path, [shared / "data" / name for name in names], "compact-8k")
    assert result.different == []
    assert {kind for _, kind in result.same} == {"whole"}
    assert {source for source, _ in result.same} > {"mind2web", "browsergym", "turkingbench"}
    assert result.unread == []


def test_the_shared_build(shared: Path, shared_build: Path) -> None:
    """The same for 1,000 steps of each source of the shared build."""
    inputs = [shared / "data" / name for name in builds.ASKED]
    result = compared(shared_build, inputs, stepmill.DEFAULT_RECIPE)
    assert result.different == []
    assert {source for source, _ in result.same} == {"mind2web", "browsergym", "miniwob"}
    assert result.same.total() > 1_000
    assert result.unread == []


@pytest.mark.parametrize("name", OTHERS)
def test_other_shared_recordings(shared: Path, tmp_path: Path, name: str) -> None:
    """The same for 1,000 steps of each other source that has pages."""
    result = built(tmp_path, [shared / "data" / name], stepmill.DEFAULT_RECIPE)
    assert result.different == []
    assert result.same.total() > 10
    assert result.unread == []


def test_room_for_the_answer_is_all_that_may_differ(own_build: Path) -> None:
    """Without knowing how long the answer is, a page that leaves room for it is seen whole, too."""
    steps = recorded([builds.RECORDINGS])
    for id, sample in list(builds.samples(own_build).items())[:50]:
        workflow, step = steps[id]
        seen = stepmill.observe(step.html, workflow.objective, sample.history, step.url)
        assert (seen.text, seen.chunks) == (sample.observation, 1)


def test_the_next_steps_change_nothing(own_build: Path) -> None:
    """What is observed is a function of page, objective, history and URL: pages that were observed
    in between, of this or another workflow, change nothing.
    """
    steps = recorded([builds.RECORDINGS])
    ids = sorted(builds.samples(own_build))[:40]
    first = [stepmill.observe(steps[id].step.html, "Buy").text for id in ids]
    again = [stepmill.observe(steps[id].step.html + "", "Buy").text for id in reversed(ids)]
    assert first == list(reversed(again))
