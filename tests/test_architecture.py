"""The law of the house: its rooms, their floors, and who may import whom. Read from the source;
nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "tokenization", "etl")

FLOORS = (
    {"etl.cli", "etl.serve"},
    {"etl.build", "etl.look", "etl.publish"},
    {"etl.sources", "etl.card", "etl.evaluate"},
    {"etl.inputs", "etl.stages", "etl.decisions", "etl.dataset", "etl.record"},
    {"etl.pages", "etl.files", "etl.tally", "tokenization"},
    {"schemas", "etl.terminal"},
)
"""The rooms, from the top down. A module imports from its own room and from lower floors."""
DOORS = {"etl"}
"""Modules in no room: the package itself."""
ROOM_FILES = 20
"""At most, of one folder."""

HTML = {"turbohtml", "cssselect", "lxml", "bs4", "selectolax", "html5lib"}
TABLES = {"polars", "pyarrow", "datasets"}
IO = {
    "asyncio",
    "glob",
    "gzip",
    "http",
    "io",
    "mmap",
    "os",
    "pathlib",
    "requests",
    "shutil",
    "socket",
    "sqlite3",
}
IO |= {
    "subprocess",
    "tempfile",
    "urllib",
    "zipfile",
    "zlib",
    "aiohttp",
    "datasets",
    "orjson",
    "polars",
    "zstandard",
}

Modules = Mapping[str, str]
"""The source of each module by its dotted name; a package goes by its own name."""
Rule = Callable[[Modules], list[tuple[str, str]]]
"""The imports, (module, what it imports), that break it."""


@cache
def ours() -> Modules:
    """All modules of the three packages."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in paths
    ]
    return {name: path.read_text(encoding="utf-8") for name, path in zip(names, paths, strict=True)}


def imports(modules: Modules) -> Iterator[tuple[str, str]]:
    """(module, what it imports), in functions too.

    What is imported from a package of ours is its submodule of that name, if it has one.
    """
    for module, source in modules.items():
        for package, name in imported(source):
            whole = f"{package}.{name}" if name else package
            yield module, whole if whole in modules else package


@cache
def imported(source: str) -> tuple[tuple[str, str], ...]:
    """(module, name in it) of every import of a source; no name where a module is imported."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import: {ast.unparse(node)}"
            found += [(str(node.module), alias.name) for alias in node.names]
    return tuple(found)


def room(module: str) -> str:
    """``etl.pages`` of ``etl.pages.locators.css``; empty for what is none of ours."""
    package, _, rest = module.partition(".")
    if package not in PACKAGES:
        return ""
    return f"etl.{rest.partition('.')[0]}" if package == "etl" and rest else package


def floor(name: str) -> int | None:
    """The floor of a room, the top one being 0."""
    return next((number for number, rooms in enumerate(FLOORS) if name in rooms), None)


def homeless(modules: Modules) -> list[tuple[str, str]]:
    """Modules in no room."""
    return [
        (module, room(module))
        for module in modules
        if module not in DOORS and floor(room(module)) is None
    ]


def upward(modules: Modules) -> list[tuple[str, str]]:
    """Imports that do not point down, nor stay within the room."""
    found = []
    for module, used in imports(modules):
        here, there = floor(room(module)), floor(room(used))
        if (
            here is not None
            and room(used)
            and room(module) != room(used)
            and (there is None or there <= here)
        ):
            found.append((module, used))
    return found


def circles(modules: Modules) -> list[tuple[str, str]]:
    """Imports that lie on a circle, in functions too, or lead from one to another."""
    edges = {(module, used) for module, used in imports(modules) if used in modules}
    while True:
        users, used = {module for module, _ in edges}, {module for _, module in edges}
        inner = {edge for edge in edges if edge[0] in used and edge[1] in users}
        if inner == edges:
            return sorted(edges)
        edges = inner


def io_in_schemas(modules: Modules) -> list[tuple[str, str]]:
    """Libraries that read or write, imported by schemas."""
    return [
        (module, used)
        for module, used in imports(modules)
        if room(module) == "schemas"
        and (
            used.partition(".")[0] in IO
            or (used.startswith("pyarrow.") and used != "pyarrow.types")
        )
    ]


def html_elsewhere(modules: Modules) -> list[tuple[str, str]]:
    """HTML libraries imported by anything but pages."""
    return [
        (m, used)
        for m, used in imports(modules)
        if used.partition(".")[0] in HTML and room(m) != "etl.pages"
    ]


def tables_where_agents_serve(modules: Modules) -> list[tuple[str, str]]:
    """Polars or Arrow imported by pages or serving: agents import those where they serve."""
    return [
        (m, used)
        for m, used in imports(modules)
        if used.partition(".")[0] in TABLES and room(m) in ("etl.pages", "etl.serve")
    ]


@cache
def is_part(source: str) -> bool:
    """Whether a module holds a source or a stage: a class with a version."""
    return any(
        isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "version"
        for node in ast.walk(ast.parse(source))
        if "ClassVar" in ast.unparse(node)
    )


def stages_in_stages(modules: Modules) -> list[tuple[str, str]]:
    """Stages that are imported by what is in their room, but for the list of them."""
    stages = {
        module
        for module, source in modules.items()
        if room(module) == "etl.stages" and is_part(source)
    }
    stages.discard("etl.stages.stage")  # the protocol
    return [
        (m, used)
        for m, used in imports(modules)
        if used in stages and room(m) == "etl.stages" and m != "etl.stages.known"
    ]


def sources_in_sources(modules: Modules) -> list[tuple[str, str]]:
    """Sources that import what is of another source, or the list of them;
    the unknown file's may.
    """

    def source(module: str) -> str:
        return module.removeprefix("etl.sources").lstrip(".").partition(".")[0]

    lists = {"", "known", "unknown"}
    return [
        (m, used)
        for m, used in imports(modules)
        if room(m) == room(used) == "etl.sources" and source(m) not in {*lists, source(used)}
    ]


def decisions_in_decisions(modules: Modules) -> list[tuple[str, str]]:
    """Decisions that import other decisions; the list of them does, and what proves a takedown
    imports that. The modules of one folder are one decision; what knows of benchmarks is none.
    """
    allowed = ("etl.decisions.leftovers", "etl.decisions.takedown")
    return [
        (m, used)
        for m, used in imports(modules)
        if room(m) == room(used) == "etl.decisions"
        and m != "etl.decisions.known"
        and used != "etl.decisions.decision"
        and m.split(".")[2:3] != used.split(".")[2:3]
        and not used.startswith("etl.decisions.benchmarks")
        and (m, used) != allowed
    ]


RULES: dict[Rule, Modules] = {
    homeless: {"etl.odds": "", "etl.attic.ends": ""},
    upward: {
        "schemas.errors": "import tokenization.fit",
        "tokenization.fit": "def f():\n from etl import pages",
        "etl.pages.page": "from etl.build.plan import Plan",
        "etl.stages.prune": "import etl.build.run",
        "etl.stages.filter": "from etl.inputs import find",
        "etl.look.recordings.check": "from etl.build import recipe",
        "etl.build.tasks": "from etl.serve import recipe",
        "etl.dataset.stats": "from etl import cli",
    },
    circles: {
        "etl.a": "import etl.b",
        "etl.b": "def f():\n from etl import c",
        "etl.c": "from etl.a import x",
    },
    io_in_schemas: {
        "schemas.errors": "from pathlib import Path",
        "schemas.ledger": "import pyarrow.parquet as pq",
    },
    html_elsewhere: {
        "etl.build.plan": "from lxml import etree",
        "etl.stages.locate": "import turbohtml",
    },
    tables_where_agents_serve: {
        "etl.pages.prune": "import polars as pl",
        "etl.serve.recipe": "import pyarrow as pa",
        "etl.pages.page": "def f():\n from pyarrow import x",
    },
    stages_in_stages: {
        "etl.stages.prune": "from etl.stages import filter",
        "etl.stages.x": "import etl.stages.locate",
    },
    sources_in_sources: {
        "etl.sources.scribe": "from etl.sources.mind2web import Mind2Web",
        "etl.sources.miniwob.demos": "from etl.sources.browsergym import calls",
        "etl.sources.workflows": "from etl.sources import SOURCES",
    },
    decisions_in_decisions: {"etl.decisions.split": "from etl.decisions.takedown import Takedown"},
}
"""Each rule, and modules that break it, once each."""
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@rules
def test_no_module_breaks_the_law(rule: Rule) -> None:
    """No module of ours breaks the rule."""
    assert rule(ours()) == []


@rules
def test_a_planted_violation_is_found(rule: Rule) -> None:
    """Each rule names every module that is planted to break it, and no other."""
    planted = RULES[rule]
    assert {module for module, _ in rule({**ours(), **planted})} == set(planted)


def test_the_walk_sees_what_is_imported() -> None:
    """All our modules are looked at, with what they import at any depth."""
    assert {
        ("etl.pages.tokens", "turbohtml"),
        ("etl.build.plan", "etl.inputs.records"),
        ("etl.cli.build", "etl.build.dry_run"),
        ("schemas.workflow_table", "pyarrow"),
        ("tokenization.fit", "tokenization.encode"),
    } <= set(imports(ours()))


def test_the_house_has_at_most_six_floors_and_rooms_one_can_look_over() -> None:
    """Six floors, nineteen entries of etl, and no folder of ours with more than `ROOM_FILES`
    modules.
    """
    assert len(FLOORS) <= 6
    rooms = {path.parent for path in (ROOT / "etl").glob("*/*.py")}
    alone = [path for path in (ROOT / "etl").iterdir() if path.suffix in (".py", ".typed")]
    assert len(rooms) + len(alone) <= 19
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    crowded = {str(folder): len([*folder.glob("*.py")]) for folder in folders}
    assert {folder: count for folder, count in crowded.items() if count > ROOM_FILES} == {}
