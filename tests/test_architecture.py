"""The house's floors: who may import whom. Read from the source with `ast`; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "tokenization", "etl")
HTML = {"turbohtml", "cssselect", "lxml", "bs4", "selectolax", "html5lib"}
IO = {"asyncio", "glob", "gzip", "http", "io", "mmap", "os", "pathlib", "requests", "shutil", "socket", "sqlite3"}
IO |= {"subprocess", "tempfile", "urllib", "zipfile", "zlib", "aiohttp", "datasets", "orjson", "polars", "zstandard"}
MAY_USE = {"schemas": {"schemas"}, "tokenization": {"tokenization", "schemas"}, "etl": set(PACKAGES)}
HELPERS = {
    "columns": {"workflows", "scribe", "mind2web", "csv_rows"},
    "csv_rows": {"scribe"},
    "extras": {"columns", "workflows", "scribe", "mind2web", "browsergym", "miniwob"},
    "mended": {"columns", "mind2web", "browsergym", "miniwob"},
    "numbering": {"columns", "workflows"},
    "pickles": {"browsergym"},
}
"""Modules in etl/sources that are no sources, and the sources that they serve; ``NAME_*`` serve ``NAME`` alone."""

Modules = Mapping[str, str]
"""The source of each module by its dotted name; a package goes by its own name."""
Rule = Callable[[Modules], list[tuple[str, str]]]
"""The imports, (module, what it imports), that break it."""


def ours() -> Modules:
    """All modules of the three packages."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return {name: path.read_text(encoding="utf-8") for name, path in zip(names, paths, strict=True)}


def imports(modules: Modules, *, at_load: bool = False) -> Iterator[tuple[str, str]]:
    """(module, what it imports), in functions too unless only what runs when it is loaded is asked for.

    What is imported from a package of ours is its submodule of that name, if it has one.
    """
    for module, source in modules.items():
        nodes: list[ast.AST] = [ast.parse(source)]
        while nodes:
            node = nodes.pop()
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module} imports relatively"
                whole = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from ((module, name if name in modules else str(node.module)) for name in whole)
            elif not (at_load and is_left_out(node)):
                nodes.extend(ast.iter_child_nodes(node))


def is_left_out(node: ast.AST) -> bool:
    """Whether what stands here does not run when a module is loaded: a function, or what is for type checkers."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def upward(modules: Modules) -> list[tuple[str, str]]:
    """Imports against the direction schemas <- tokenization <- etl."""
    return [
        (module, used)
        for module, used in imports(modules)
        if (package := used.partition(".")[0]) in PACKAGES and package not in MAY_USE[module.partition(".")[0]]
    ]


def io_in_schemas(modules: Modules) -> list[tuple[str, str]]:
    """Libraries that read or write, imported by schemas."""
    return [
        (module, used)
        for module, used in imports(modules)
        if module.partition(".")[0] == "schemas"
        and (used.partition(".")[0] in IO or (used.startswith("pyarrow.") and used != "pyarrow.types"))
    ]


def html_elsewhere(modules: Modules) -> list[tuple[str, str]]:
    """HTML libraries imported by anything but etl.dom, which reads pages, and etl.locators, which searches them."""
    readers = ("etl.dom.", "etl.locators")
    return [(m, used) for m, used in imports(modules) if used.partition(".")[0] in HTML and not m.startswith(readers)]


def stages_in_stages(modules: Modules) -> list[tuple[str, str]]:
    """Stages that import stages."""
    return [(m, used) for m, used in imports(modules) if m.startswith("etl.stages.") and used.startswith("etl.stages")]


def sources_in_sources(modules: Modules) -> list[tuple[str, str]]:
    """Sources that import other sources, or helpers of other sources; helpers that import sources."""
    found = []
    for module, used in imports(modules):
        if module.startswith("etl.sources.") and used.startswith("etl.sources"):
            name, other = module.removeprefix("etl.sources."), used.removeprefix("etl.sources.")
            family = name.partition("_")[0]
            of_the_same = other.startswith(f"{family}_")
            if not of_the_same and name not in HELPERS.get(other, ()):
                found.append((module, used))
    return found


def against_the_flow(modules: Modules) -> list[tuple[str, str]]:
    """Within etl: stages and sources below, then the plan's runners, the command line above all.

    Stages, sources and the plan know nothing of what runs them; what reads and writes pages and shards knows nothing
    of any of these; nothing knows the command line.
    """
    floors = {"etl.cli": 5, "etl.commands": 4, "etl.execute": 3, "etl.workers": 3, "etl.plan": 1}
    floors |= {"etl.sources": 2, "etl.stages": 2, "etl.discover": 2}
    floors |= {"etl.inputs": 0, "etl.dom": 0, "etl.locators": 0, "etl.shards": 0, "etl.domains": 0, "etl.tally": 0}

    def floor(module: str) -> int | None:
        return floors.get(".".join(module.split(".")[:2]))

    found = []
    for module, used in imports(modules):
        above, below = floor(module), floor(used)
        upwards = above is not None and below is not None and above < below
        commands = used.startswith("etl.commands") and not module.startswith(("etl.commands", "etl.cli"))
        if upwards or commands or (used == "etl.cli" and module != "etl.__main__"):
            found.append((module, used))
    return found


def circles(modules: Modules) -> list[tuple[str, str]]:
    """Imports, when modules are loaded, that lie on a circle."""
    edges = {(module, used) for module, used in imports(modules, at_load=True) if used in modules}
    while True:
        users, used = {module for module, _ in edges}, {module for _, module in edges}
        inner = {edge for edge in edges if edge[0] in used and edge[1] in users}
        if inner == edges:
            return sorted(edges)
        edges = inner


RULES: dict[Rule, Modules] = {
    upward: {"schemas.errors": "import tokenization.fit", "tokenization.fit": "def f():\n from etl import dom"},
    io_in_schemas: {"schemas.errors": "from pathlib import Path", "schemas.ledger": "import pyarrow.parquet as pq"},
    html_elsewhere: {"etl.pruner": "from lxml import etree", "etl.stages.locate": "import turbohtml"},
    stages_in_stages: {"etl.stages.prune": "from etl.stages import filter", "etl.stages.x": "import etl.stages.prune"},
    sources_in_sources: {
        "etl.sources.scribe": "from etl.sources.mind2web import Mind2Web",
        "etl.sources.miniwob": "from etl.sources import browsergym_calls",
        "etl.sources.workflows": "from etl.sources import SOURCES",
        "etl.sources.columns": "import etl.sources.scribe",
    },
    against_the_flow: {
        "etl.plan": "from etl.stages import filter",
        "etl.dom": "from etl.plan import Plan",
        "etl.stages.prune": "import etl.execute",
        "etl.stats": "from etl import cli",
        "etl.card": "from etl.commands import look",
    },
    circles: {"etl.a": "import etl.b", "etl.b": "if True:\n from etl import c", "etl.c": "from etl.a import x"},
}
"""Each rule, and modules that break it, once each."""
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@rules
def test_imports_point_one_way(rule: Rule) -> None:
    """No module of ours breaks the rule."""
    assert rule(ours()) == []


@rules
def test_a_planted_violation_is_found(rule: Rule) -> None:
    """Each rule names every module that is planted to break it, and no other."""
    planted = RULES[rule]
    assert {module for module, _ in rule({**ours(), **planted})} == set(planted)


def test_the_walk_sees_what_is_imported() -> None:
    """All our modules are looked at, with what they import at any depth; a circle within functions is none."""
    seen = set(imports(ours()))
    assert {("etl.dom.tokens", "turbohtml"), ("etl.plan", "etl.inputs"), ("schemas.workflow", "pyarrow")} <= seen
    assert ("tokenization.fit", "tokenization.encode") in seen
    late = {"etl.a": "import etl.b", "etl.b": "def f():\n import etl.a"}
    assert circles(late) == []
    assert circles({**late, "etl.b": "import etl.a\nimport os"}) == [("etl.a", "etl.b"), ("etl.b", "etl.a")]
