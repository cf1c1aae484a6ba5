"""The description of a format is what its source reads: keys, example, page and JSON Schema."""

from __future__ import annotations

import copy
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from etl.files.arrow import read_json
from etl.inputs import find
from etl.inputs.description import Field, Format
from etl.look.recordings import schema
from etl.sources import FORMATS, SOURCES, mind2web, scribe, workflows
from etl.tally import Tally
from schemas.actions import named
from tests.support import builds

ALL = pytest.mark.parametrize("name", FORMATS)
CONDITIONAL = frozenset({"steps[].target[].name", "content[].function", "version"})
"""Keys that are required only where another has some value, as the page says."""

JSON = pytest.mark.parametrize(
    "name", [name for name, each in FORMATS.items() if ".json" in each.example_name]
)


def written(format: Format, folder: Path, records: list[Any] | None = None) -> Path:
    """The example, or these records in its form; the file or folder that is read."""
    path = schema.write(format, folder)[0]
    if records is not None:
        lines = "".join(json.dumps(record) + "\n" for record in records)
        path.write_text(json.dumps(records) if format.example.startswith("[") else lines)
    return folder / Path(format.example_name).parts[0]


def records_of(format: Format) -> list[Any]:
    text = format.example
    return (
        list(json.loads(text))
        if text.startswith("[")
        else [json.loads(line) for line in text.splitlines()]
    )


def read(path: Path) -> tuple[str, list[Any], Tally]:
    """Format, workflows and ledger of a file."""
    shard, *_ = find.shards(find.find([str(path)], SOURCES, lenient=True))
    tally = Tally()
    return shard.format, list(SOURCES[shard.format].read(shard, tally)), tally


def test_every_source_is_described() -> None:
    """Each format but that of unknown files has a description."""
    assert set(FORMATS) == set(SOURCES) - {find.UNKNOWN}


def test_examples_give_samples(tmp_path: Path) -> None:
    """Each format's example is read whole by its source, and every step becomes a sample.

    Formats without pages need them beside (`tests.sources.test_five_ways`).
    Some recorders do not know what was wanted.
    """
    steps = 0
    alone = {name for name, format in FORMATS.items() if format.pages}
    for name, format in FORMATS.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        path = written(format, tmp_path / "in" / name)
        found, recorded, tally = read(path)
        assert (found, tally.quarantined) == (name, [])
        if format.pages:
            steps += sum(len(workflow.steps) for workflow in recorded)
        else:
            assert not any(step.page for workflow in recorded for step in workflow.steps)
    builds.build([tmp_path / "in"], tmp_path / "out", "filter.no_objective=false")
    assert (
        read_json(tmp_path / "out" / "dataset" / "manifest.json")["totals"]["samples"]
        == steps
        > len(alone)
    )
    sources = {sample.source for sample in builds.samples(tmp_path / "out").values()}
    assert sources == alone


def without(record: Any, path: str) -> Iterator[Any]:
    """Copies of a record that lack a key, each in one place where it was."""
    names = path.split(".")

    def places(value: Any, parts: list[str], draft: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        name = parts[0].removesuffix("[]")
        if not isinstance(value, dict) or name not in value:
            return
        if len(parts) == 1:
            yield (*draft, name)
        elif parts[0].endswith("[]"):
            for index, each in enumerate(value[name]):
                yield from places(each, parts[1:], (*draft, name, index))
        else:
            yield from places(value[name], parts[1:], (*draft, name))

    for place in places(record, names, ()):
        changed = copy.deepcopy(record)
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]
        yield changed


@JSON
def test_required_keys_are_those_without_which_nothing_is_read(tmp_path: Path, name: str) -> None:
    """A record of the example without a required key is not read as before.

    It is in no known format, or quarantined, or drops its workflow. Without another key it is still
    read.
    """
    format = FORMATS[name]
    records = records_of(format)
    whole = read(written(format, tmp_path))[1]
    for field in format.fields:
        for changed in without(records[0], field.path):
            if field.names[0] == "op":  # original_op does as well
                for action in changed["actions"]:
                    action["operation"].pop("original_op", None)
            found, recorded, tally = read(written(format, tmp_path, [changed, *records[1:]]))
            intact = found == name and len(recorded) == len(whole) and not tally.quarantined
            if field.path not in CONDITIONAL:
                assert intact is not field.required, field.path


def test_keys_are_those_of_the_sources() -> None:
    """The keys that are described are the ones that the sources know."""

    def keys(format: Format, parent: str) -> set[str]:
        return {name for field in format.fields if field.parent == parent for name in field.names}

    ours = FORMATS["workflows"]
    assert keys(ours, "") == set(workflows.WORKFLOW)
    assert keys(ours, "steps[]") == set(workflows.STEP)
    assert keys(ours, "steps[].action") == set(workflows.ACTION)
    assert (
        keys(ours, "steps[].target[]")
        == keys(ours, "steps[].destination[]")
        == set(workflows.LOCATOR)
    )
    assert scribe.NAMES == scribe.NAMES
    assert keys(FORMATS["scribe"], "") == scribe.COLUMNS
    tasks = FORMATS["mind2web"]
    assert keys(tasks, "") == mind2web.TASK_FIELDS | {"website", "domain", "subdomain", "actions"}
    assert keys(tasks, "actions[]") == mind2web.PAGE_FIELDS | {"operation"}


@ALL
def test_the_words_for_actions_mean_what_the_table_says(name: str) -> None:
    """Each recorded word of the table is read as the kind beside it."""
    found = schema.kinds(FORMATS[name])
    assert found
    for each in found:
        if "element" in each:
            for word in each["recorded"].split(", "):
                meant = named(word, "x", on_element=each["element"] == "needed")
                assert meant is not None, word
                assert meant.kind == each["kind"] or word.endswith("_action"), word


@ALL
def test_the_page_in_docs_is_what_the_command_prints(name: str) -> None:
    """docs/formats/NAME.md is the output of `stepmill schema NAME`; its table has every key."""
    page = (builds.ROOT / "docs" / "formats" / f"{name}.md").read_text("utf-8")
    assert page == schema.page(FORMATS[name]) + "\n", (
        f"stepmill schema {name} > docs/formats/{name}.md"
    )
    table = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)[: len(FORMATS[name].fields)]
    assert [row.split("`")[1] for row in table] == [field.path for field in FORMATS[name].fields]


@JSON
def test_the_json_schema_takes_the_example_and_nothing_without_a_required_key(name: str) -> None:
    """The schema is valid and accepts the example, but no record that lacks a required key."""
    library: Any = importlib.import_module("jsonschema")
    format = FORMATS[name]
    made = schema.json_schema(format)
    library.Draft202012Validator.check_schema(made)
    validator = library.Draft202012Validator(made)
    for record in records_of(format):
        assert list(validator.iter_errors(record)) == []
    required: list[Field] = [field for field in format.fields if field.required and not field.also]
    for field in required:
        for changed in without(records_of(format)[0], field.path):
            assert not validator.is_valid(changed), field.path
