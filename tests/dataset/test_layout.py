"""One module knows the paths of a build: `etl.dataset.layout`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.dataset import layout

ROOT = Path(__file__).parents[2]
OURS = Path(layout.__file__)


def others() -> list[Path]:
    """All other modules."""
    return [
        *(path for path in sorted((ROOT / "etl").rglob("*.py")) if path != OURS),
        ROOT / "stepmill.py",
    ]


def leading(node: ast.AST) -> str:
    """The text that an expression begins with; empty if it is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and node.values:
        return leading(node.values[0])
    return ""


def joined(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of the texts that are put behind a ``/``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield node.lineno, leading(node.right)


def words() -> frozenset[str]:
    """The files and folders of a build, as `etl.dataset.layout` spells them."""
    spelt = {text for _, text in joined(OURS.read_text("utf-8")) if text}
    named = {
        value
        for name, value in vars(layout).items()
        if isinstance(value, str) and not name.startswith("__")
    }
    parts = {part for text in {*spelt, *named} for part in text.split("/") if part}
    return frozenset(part for part in parts if re.fullmatch(r"[a-zA-Z_]+(\.[a-z]+)?", part))


def spelt(source: str) -> list[tuple[int, str]]:
    """(line, text) of paths of a build that a module spells: behind a ``/``, or as a whole, as
    names of files and of what lies in a folder. Docstrings may.
    """
    every = words()
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    in_texts = {
        id(value)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for value in node.values
    }
    found = [(line, text) for line, text in joined(source) if text.split("/")[0] in every]
    for node in ast.walk(tree):
        if id(node) in docstrings | in_texts or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = leading(node)
        first, inner, rest = text.partition("/")
        is_file = "." in text and text in every
        is_path = bool(inner) and first in every and re.fullmatch(r"[\w./-]*", rest)
        if is_file or is_path:
            found.append((node.lineno, text))
    return sorted(set(found))


def test_no_other_module_spells_a_path_of_a_build() -> None:
    """Who needs a file or folder asks `Layout`, so that it can move in one place."""
    found = {
        f"{path.relative_to(ROOT)}:{line}": text
        for path in others()
        for line, text in spelt(path.read_text("utf-8"))
    }
    assert not found, "ask etl.dataset.layout.Layout for these paths"


def test_the_words_are_those_of_the_layout() -> None:
    """What the search looks for is read off the layout: folders, files, and nothing general."""
    assert {"dataset", "work", "manifest.json", "README.md", "order.json", "ledger"} <= words()
    assert not {"etl", "samples.json", ""} & words()


@pytest.mark.parametrize(
    "line",
    [
        'path = out / "work" / "order.json"',
        'path = folder / "manifest.json"',
        'path = work / "index" / name',
        'path = out / f"dataset/{name}"',
        'FILE = "order.json"',
        'name = "dataset/data/"',
        'name = f"quarantine/{key}.arrow"',
    ],
)
def test_a_path_that_a_module_spells_is_found(line: str) -> None:
    """Each way to spell one: behind a slash, as a file's name, as a name within a folder."""
    assert spelt(f'"""It writes ``work/order.json``."""\n{line}\n')


@pytest.mark.parametrize(
    "line",
    [
        'column = pl.col("samples")',
        'path = folder / "cache.jsonl"',
        'log.say("dataset/ is published; work/ stays")',
    ],
)
def test_words_that_are_no_paths_are_left_alone(line: str) -> None:
    """Columns, files of others and sentences may have the same words."""
    assert not spelt(line)


def test_names_are_the_paths_within_the_folder() -> None:
    """A manifest's names lead to the files, in a build and in a published folder."""
    build = layout.Layout(Path("out"))
    names = layout.files_of("g0001/train-00000-of-00012")
    assert (
        build.file(layout.MANIFEST) == build.dataset.manifest == Path("out/dataset/manifest.json")
    )
    assert build.dataset.file(names.data) == build.file(names.data)
    assert layout.Dataset(Path("there")).file(names.listing) == Path(
        "there/stats/samples/g0001/train-00000-of-00012.parquet"
    )
    assert layout.split_of(names.fitted) == "train"
