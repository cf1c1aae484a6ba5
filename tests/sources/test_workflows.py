"""Our interchange format: what is read, what is refused and where the message points."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.inputs.records import InputShard
from etl.inputs.source import Source
from etl.sources.workflows import Workflows
from etl.tally import Tally
from schemas.workflow import Action, Locator, Step, Workflow
from schemas.workflow_table import WORKFLOW_SCHEMA

EXAMPLE: dict[str, Any] = {
    "workflow_id": "a1",
    "objective": "Order two mugs",
    "website": "shop.example",
    "topic": "",
    "reward": 1.0,
    "steps": [
        {
            "step_id": "0",
            "url": "https://shop.example/",
            "html": "<html>...</html>",
            "action": {"kind": "click", "value": "", "description": "Click Add to cart"},
            "target": [
                {"kind": "css", "value": "#add"},
                {"kind": "attribute", "name": "data-id", "value": "42"},
            ],
            "error": "",
        }
    ],
}
READ = Workflow(
    "a1",
    "Order two mugs",
    (
        Step(
            "0",
            "https://shop.example/",
            "<html>...</html>",
            Action("click", "", "Click Add to cart"),
            (Locator("css", "#add"), Locator("attribute", "42", "data-id")),
        ),
    ),
    website="shop.example",
    reward=1.0,
)


def read(path: Path, source: Source | None = None) -> tuple[list[Workflow], Tally]:
    tally = Tally()
    shard = InputShard(path.name, str(path), "workflows", path.stat().st_size, "")
    return list((source or Workflows()).read(shard, tally)), tally


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The example with one value set; `...` removes it."""
    record = copy.deepcopy(EXAMPLE)
    *way, last = (int(key) if key.isdigit() else key for key in path.split("."))
    place: Any = record
    for key in way:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return record


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    """The record in the format's docstring becomes the workflow it describes, entered under its
    line.
    """
    workflows, tally = read(write(tmp_path / "x.jsonl", line(EXAMPLE)))
    assert workflows == [dataclasses.replace(READ, origin="x.jsonl#line=1")]
    assert [(e.unit, e.id, e.parent, e.reason) for e in tally.entries] == [
        ("record", "x.jsonl#line=1", "workflows:a1", "")
    ]


def test_only_the_required_fields_are_needed(tmp_path: Path) -> None:
    """Everything but ids, objective, steps, page and kind of action may be absent or null; steps
    are numbered.
    """
    bare: Any = {
        "workflow_id": "a",
        "objective": "",
        "steps": [{"html": "", "action": {"kind": "scroll"}}] * 2,
    }
    null: Any = {**bare, "website": None, "topic": None, "reward": None}
    null["steps"] = [
        {
            **step,
            "step_id": None,
            "url": None,
            "target": None,
            "error": None,
            "action": {"kind": "scroll", "value": None},
        }
        for step in bare["steps"]
    ]
    workflows, tally = read(write(tmp_path / "x", line(bare) + line(null)))
    assert not tally.quarantined
    for workflow in workflows:
        assert workflow.reward is None
        assert workflow.steps == (
            Step("0", "", "", Action("scroll")),
            Step("1", "", "", Action("scroll")),
        )


@pytest.mark.parametrize(
    ("path", "value", "reason", "detail"),
    [
        ("workflow_id", ..., "missing_field", "workflow_id: missing"),
        ("workflow_id", "", "missing_field", "workflow_id: empty"),
        ("workflow_id", True, "wrong_type", "workflow_id: a boolean, expected a string"),
        (
            "workflow_id",
            0.5,
            "wrong_type",
            "workflow_id: 0.5 is no exact whole number; write ids as strings",
        ),
        (
            "workflow_id",
            1e22,
            "wrong_type",
            "workflow_id: 1e+22 is no exact whole number; write ids as strings",
        ),
        (
            "steps.0.number",
            "first",
            "wrong_type",
            "steps[0].number: 'first', expected a whole number from 0",
        ),
        ("objective", None, "missing_field", "objective: missing"),
        ("objective", [], "wrong_type", "objective: a list, expected a string"),
        ("reward", "1", "wrong_type", "reward: a string, expected a number"),
        ("reward", True, "wrong_type", "reward: a boolean, expected a number"),
        ("steps", ..., "missing_field", "steps: missing"),
        ("steps", [], "workflow_without_steps", "steps: empty"),
        ("steps", {}, "wrong_type", "steps: an object, expected a list"),
        ("steps.0", "x", "wrong_type", "steps[0]: a string, expected an object"),
        ("steps.0.html", ..., "missing_field", "steps[0].html: missing"),
        ("steps.0.html", 5, "wrong_type", "steps[0].html: a number, expected a string"),
        ("steps.0.action", ..., "missing_field", "steps[0].action: missing"),
        ("steps.0.action", "click", "wrong_type", "steps[0].action: a string, expected an object"),
        ("steps.0.action.kind", "", "missing_field", "steps[0].action.kind: empty"),
        (
            "steps.0.action.value",
            {},
            "wrong_type",
            "steps[0].action.value: an object, expected a string",
        ),
        ("steps.0.target", {}, "wrong_type", "steps[0].target: an object, expected a list"),
        (
            "steps.0.target.1",
            "#a",
            "wrong_type",
            "steps[0].target[1]: a string, expected an object",
        ),
        ("steps.0.target.1.name", ..., "missing_field", "steps[0].target[1].name: missing"),
        ("steps.0.target.0.value", ..., "missing_field", "steps[0].target[0].value: missing"),
        (
            "steps.0.target.0.kind",
            "csss",
            "unknown_locator",
            'steps[0].target[0].kind: "csss" is none of css, xpath, attribute, node, markup, ref',
        ),
    ],
)
def test_refusals_carry_the_path(
    tmp_path: Path, path: str, value: Any, reason: str, detail: str
) -> None:
    """A record that breaks a rule is quarantined alone, with its bytes, a reason and the path of
    the value.
    """
    broken = line(changed(path, value))
    workflows, tally = read(write(tmp_path / "x.jsonl", line(EXAMPLE) + broken + line(EXAMPLE)))
    assert len(workflows) == 2
    (entry,) = tally.quarantined
    assert (entry.id, entry.reason, entry.detail, entry.raw) == (
        "x.jsonl#line=2",
        reason,
        detail,
        broken.rstrip(),
    )


@pytest.mark.parametrize(
    ("path", "value", "meta", "where"),
    [
        ("timestamp", 17, {"timestamp": 17}, "timestamp"),
        ("goal", {"a": [1, None]}, {"goal": {"a": [1, None]}}, "goal"),
        ("steps.0.timestamp", 1.5, {"timestamp": 1.5}, "steps[].timestamp"),
        ("steps.0.targets", [], {"targets": []}, "steps[].targets"),
        ("steps.0.action.vaule", "x", {"action.vaule": "x"}, "steps[].action.vaule"),
        ("steps.0.target.1.score", True, {"target[1].score": True}, "steps[].target[].score"),
        ("meta", "not JSON", {"meta": "not JSON"}, "meta"),
    ],
)
def test_unknown_keys_are_kept_and_counted(
    tmp_path: Path, path: str, value: Any, meta: Any, where: str
) -> None:
    """A key that the format does not have costs nothing: it is in meta of the workflow or step, and
    counted.
    """
    (workflow,), tally = read(write(tmp_path / "x.jsonl", line(changed(path, value))))
    assert not tally.quarantined
    found = workflow.steps[0].meta if path.startswith("steps") else workflow.meta
    assert orjson.loads(found) == meta
    assert tally.odd == {("unknown_key", where): 1}
    assert workflow == dataclasses.replace(READ, origin="x.jsonl#line=1")


def test_meta_is_read(tmp_path: Path) -> None:
    """What a record calls meta is kept, an object or one as JSON; null is nothing; none of it is
    counted.
    """
    for meta in ({"annotator": "r17"}, '{"annotator": "r17"}'):
        record = changed("meta", meta)
        record["steps"][0]["meta"] = meta
        (workflow,), tally = read(write(tmp_path / "x", line(record)))
        assert workflow.meta == workflow.steps[0].meta == '{"annotator":"r17"}'
        assert not tally.odd
    (workflow,), _ = read(write(tmp_path / "x", line(changed("meta", None) | {"note": None})))
    assert workflow.meta == ""


def test_what_meta_does_not_keep(tmp_path: Path) -> None:
    """Large values and bytes are left out, and counted; a thousand different keys are told apart,
    no more.
    """
    record = changed("screenshot", "x" * 5000) | {"small": 1}
    (workflow,), tally = read(write(tmp_path / "x", line(record)))
    assert workflow.meta == '{"small":1}'
    assert tally.odd == {("unknown_key", "small"): 1, ("unkept_value", "screenshot"): 1}
    record = EXAMPLE | {f"key {number}": number for number in range(2500)}
    (workflow,), tally = read(write(tmp_path / "x", line(record)))
    assert len(workflow.meta) < 70_000
    assert len(tally.odd) <= 1002
    assert sum(tally.odd.values()) == 2500
    table = pa.Table.from_pylist([EXAMPLE], WORKFLOW_SCHEMA)
    table = table.append_column("image", pa.array([b"PNG"])).append_column(
        "__index_level_0__", pa.array([5])
    )
    pq.write_table(table, tmp_path / "x")
    (workflow,), tally = read(tmp_path / "x")
    assert workflow.meta == ""
    assert tally.odd == {("unkept_value", "image"): 1}


@pytest.mark.parametrize(
    ("path", "value"), [("workflow_id", 7), ("workflow_id", 7.0), ("steps.0.step_id", 7)]
)
def test_numbers_as_ids(tmp_path: Path, path: str, value: Any) -> None:
    """A whole number where an id is meant is that id as text."""
    (workflow,), tally = read(write(tmp_path / "x", line(changed(path, value))))
    assert not tally.quarantined
    assert "7" in (workflow.workflow_id, workflow.steps[0].step_id)


def test_numbers_in_locators(tmp_path: Path) -> None:
    """A node id or an attribute's value may be a number."""
    (workflow,), _ = read(write(tmp_path / "x", line(changed("steps.0.target.1.value", 42))))
    assert workflow.steps[0].target[1].value == "42"


@pytest.mark.parametrize("reward", ["NaN", "Infinity", "-Infinity", "null"])
def test_a_reward_that_is_no_number_is_unknown(tmp_path: Path, reward: str) -> None:
    """NaN and the infinities, as Python writes them, are unknown;
    the word in a text stays a word.
    """
    raw = (
        line(changed("reward", 0.125))
        .replace(b"0.125", reward.encode())
        .replace(b"two mugs", b"NaN mugs")
    )
    (workflow,), tally = read(write(tmp_path / "x", raw))
    assert (workflow.reward, workflow.objective) == (None, "Order NaN mugs")
    assert tally.odd == ({("no_number", ""): 1} if reward[-1] in "Ny" else {})
    table = pa.Table.from_pylist([changed("reward", float("nan"))], WORKFLOW_SCHEMA)
    pq.write_table(table, tmp_path / "x")
    assert read(tmp_path / "x")[0][0].reward is None


def test_numbered_steps(tmp_path: Path) -> None:
    """Steps with numbers come in their order, and say where one is missing; without, they come as
    they are.
    """
    record = {
        **EXAMPLE,
        "steps": [
            EXAMPLE["steps"][0] | {"number": number, "step_id": None} for number in (4, 1, 2)
        ],
    }
    (workflow,), _ = read(write(tmp_path / "x", line(record)))
    assert [(step.step_id, step.number, step.gap) for step in workflow.steps] == [
        ("1", 1, ""),
        ("2", 2, ""),
        ("4", 4, "step 3 is missing"),
    ]


def test_byte_order_marks_in_joined_files(tmp_path: Path) -> None:
    """A byte order mark before any line costs nothing, in parts of a file too."""
    lines = [b"\xef\xbb\xbf" + line(changed("workflow_id", f"w{number}")) for number in range(4)]
    workflows, tally = read(write(tmp_path / "x.jsonl", b"".join(lines)))
    assert [workflow.workflow_id for workflow in workflows] == ["w0", "w1", "w2", "w3"]
    assert not tally.quarantined
