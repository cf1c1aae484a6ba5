"""Observations: chunks, room for the answer, budgets, nodes, and recipes that cannot be used."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

import stepmill
from etl.pages import locators
from etl.pages.live import live
from etl.pages.locators import Unique
from etl.pages.reading import read
from schemas.errors import ConfigError, PageError
from tests.support import builds

LONG: Final = "<html><body>" + "".join(
    f"<p id='p{n}'>Line {n} of a long page about <a href='/{n}'>item {n}</a></p>"
    for n in range(400)
)


def recipe_of(folder: Path, text: str, base: str = "scribeagent-32k") -> str:
    """A recipe file."""
    path = folder / "own.toml"
    path.write_text(f'extends = "{base}"\n{text}')
    return str(path)


def test_chunks_are_the_whole_page(tmp_path: Path) -> None:
    """A page that is too long is seen in chunks, the right-most first; joined they are the page,
    and each node is in one of them. Chunks beyond the last are the last.
    """
    recipe = recipe_of(tmp_path, "[fit]\ncontext = 4096\n")
    first = stepmill.observe(LONG, "Find", (), "", recipe)
    assert first.chunks > 2
    every = [
        stepmill.observe(LONG, "Find", (), "", recipe, chunk=n)
        for n in reversed(range(first.chunks))
    ]
    whole = stepmill.observe(LONG, "Find", (), "", "scribeagent-128k")
    assert "".join(each.text for each in every) == whole.text
    assert [each.chunk for each in every] == list(reversed(range(first.chunks)))
    nodes = [id for each in every for id in each.nodes]
    assert sorted(nodes, reverse=True) == nodes == list(whole.nodes)
    assert stepmill.observe(LONG, "Find", (), "", recipe, chunk=99).text == every[0].text


def test_the_prompt_and_the_answer_fit_the_context(tmp_path: Path) -> None:
    """Prompts leave the room that is asked for, and no more than one element's tokens beside it."""
    recipe = recipe_of(tmp_path, "[fit]\ncontext = 4096\n")
    prompt = stepmill.Prompt(recipe)
    history = ["1.\nDescription: Go\nAction: navigate_action\n"]
    for answer in (1, 100, 512, 2000):
        seen = stepmill.observe(LONG, "Find", history, "http://a/", recipe, answer=answer)
        tokens = len(prompt.ids("Find", "http://a/", seen, history))
        assert 4096 - 60 < tokens + answer <= 4096
        assert seen.tokens < tokens


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    """A page that the recipe does not cut is an error, and so is a prompt without any room."""
    recipe = recipe_of(tmp_path, '[fit]\ncontext = 4096\ntest = "drop"\n')
    with pytest.raises(PageError, match=r'over_context: \d chunks, and fit.test is "drop"'):
        stepmill.observe(LONG, "Find", (), "", recipe)
    recipe = recipe_of(tmp_path, "[fit]\ncontext = 300\n")
    with pytest.raises(PageError, match="over_context"):
        stepmill.observe(LONG, "Find " * 400, (), "", recipe, answer=10)
    for answer in (0, 300):
        with pytest.raises(ConfigError, match=f"answer = {answer}: of the 300 tokens"):
            stepmill.observe(LONG, "Find", (), "", recipe, answer=answer)


def test_a_larger_budget_shows_more_with_the_same_ids() -> None:
    """What a compact observation cut can be asked for; without a budget nothing can."""
    few = stepmill.observe(LONG, "Find item 7", (), "", "compact-4k", budget=600)
    more = stepmill.observe(LONG, "Find item 7", (), "", "compact-4k")
    assert "\n…" in few.text
    assert few.tokens <= 600 < more.tokens
    assert set(few.nodes) < set(more.nodes)
    assert all(few.nodes[id].css == more.nodes[id].css for id in few.nodes)
    with pytest.raises(ConfigError, match="the recipe has no section"):
        stepmill.observe(LONG, "Find", budget=600)


def test_recipes_that_show_no_pages_are_refused(tmp_path: Path) -> None:
    """A recipe for accessibility trees alone observes no HTML; misspelt ones are named."""
    recipe = recipe_of(tmp_path, '[filter]\nobservations = ["axtree"]\n')
    with pytest.raises(ConfigError, match="takes axtree"):
        stepmill.observe("<p>", "x", (), "", recipe)
    with pytest.raises(ConfigError, match="did you mean 'compact-8k'"):
        stepmill.Prompt("compact-8")
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        stepmill.Prompt(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match=r"fit\.contxt"):
        stepmill.Prompt(recipe_of(tmp_path, "[fit]\ncontxt = 5\n"))


def test_a_recipe_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """Its paths are relative to it, and its settings those of now."""
    recipe = recipe_of(tmp_path, '[prompt]\nsystem = "One"\n')
    assert stepmill.Prompt(recipe).build("x", "", "")[0]["content"] == "One"
    Path(recipe).write_text(Path(recipe).read_text().replace("One", "Another"))
    assert stepmill.Prompt(recipe).build("x", "", "")[0]["content"] == "Another"
    with pytest.raises(ConfigError, match=str(tmp_path / "ranks.tiktoken")):
        stepmill.Prompt(recipe_of(tmp_path, '[vocabulary]\nfile = "ranks.tiktoken"\n'))


def test_values_are_no_nodes() -> None:
    """Text and values that look like start tags or ids are no nodes."""
    html = (
        """<p title='a node="7"' id="say &quot; node=&quot;8&quot;">&lt;b node="9"> node="6"</p>"""
    )
    seen = stepmill.observe(html, "x")
    assert list(seen.nodes) == [0]
    assert seen.nodes[0].start_tag in seen.text
    with pytest.raises(KeyError):
        seen.nodes[7]
    assert (7 in seen.nodes, len(seen.nodes)) == (False, 1)


def test_what_no_browser_has_in_its_document_is_no_node() -> None:
    """The content of noscript is in the text of some recipes; nothing can be done with it."""
    seen = stepmill.observe("<body><noscript><a href=x>1</a></noscript><a href=y>2</a></body>", "x")
    assert 'node="1"> 1' in seen.text
    assert list(seen.nodes) == [3, 0]


def test_selectors_of_real_pages(shared: Path) -> None:
    """On real pages, our own judges of selectors, who agree with Chromium, find each element that
    has no frame around it by its CSS and by its XPath, and nothing else.
    """
    judged: Counter[str] = Counter()
    for folder in ("mind2web", "portia"):
        workflows = stepmill.read(shared / "data" / folder, problem=lambda _: None)
        steps = (step for each in workflows for step in each.steps if "</html>" in step.html)
        for step in islice(steps, 5):
            page = read(step.html)
            unique, seen = Unique(page), live(page)
            for element in range(0, page.elements, max(1, page.elements // 40)):
                found = unique.of(element)
                if found is None or found.doors:
                    continue
                for shown in (
                    locators.find_css(seen.page, found.css),
                    locators.find_xpath(seen.page, found.xpath),
                ):
                    assert seen.in_whole(shown) == [element], found
                judged[folder] += 1
    assert len(judged) == 2
    assert min(judged.values()) > 60


def test_shipped_recipes_serve() -> None:
    """Every shipped recipe can be served."""
    recipes = {path.stem for path in (builds.ROOT / "etl/build/recipes").glob("*.toml")}
    assert len(recipes) > 4
    for recipe in recipes:
        seen = stepmill.observe("<main><a href='/x'>More</a></main>", "Read", (), "", recipe)
        assert seen.nodes[0].css == ":root > body > main > a"
        assert stepmill.Prompt(recipe).ids("Read", "", seen)
