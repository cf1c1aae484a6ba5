"""Files of benchmarks are read to tasks, and registries of them hold hashes alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from etl.decisions.benchmarks import files, registry, wording
from etl.decisions.benchmarks.catalogue import BY_NAME, KNOWN
from etl.decisions.benchmarks.files import Asked, Listed, Task
from etl.decisions.benchmarks.places import path_hash, site_of, url_hash
from etl.decisions.benchmarks.recorded import Recorded, joined
from etl.files.hashes import digest
from schemas.errors import ConfigError

ARENA = {"task_id": 7, "sites": ["shopping"], "intent": "Buy milk", "start_url": "__SHOPPING__/a"}
LAYOUTS: dict[str, tuple[str, Any]] = {
    "webarena": ("7", ARENA),
    "webarena_lite": ("7", {**ARENA, "old_task_id": 99}),
    "webarena_verified": ("7", {**ARENA, "start_urls": ["__SHOPPING__/a"], "revision": 2}),
    "webchorearena": ("7", {**ARENA, "type_main": "memory", "required_obs": "any"}),
    "visualwebarena": ("shopping.7", {**ARENA, "image": None, "visual_difficulty": "easy"}),
    "webvoyager": (
        "Shop--1",
        {"web_name": "Shop", "id": "Shop--1", "ques": "Buy milk", "web": "https://shop.example/a"},
    ),
    "mind2web": ("a-1", {"annotation_id": "a-1", "website": "shop", "confirmed_task": "Buy milk"}),
    "mind2web_live": ("x1", {"index": "x1", "task": "Buy milk", "reference_task_length": 3}),
    "online_mind2web": (
        "t1",
        {"task_id": "t1", "website": "https://shop.example/", "task_description": "Buy milk"},
    ),
    "assistantbench": ("q1", {"id": "q1", "task": "Buy milk", "answer": "2", "gold_url": ""}),
    "bananalyzer": ("b1", {"id": "b1", "url": "https://shop.example/a", "schema_": "shop"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_benchmark_is_recognised_by_the_keys_of_its_records(name: str, tmp_path: Path) -> None:
    """Every layout is read to the task's id, and its text where the benchmark has one."""
    id, record = LAYOUTS[name]
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps([record]))
    (listed,) = files.read([Asked.parse(str(path))])
    assert (listed.name, [task.id for task in listed.tasks]) == (name, [id])
    assert [task.text for task in listed.tasks] == ["" if name == "bananalyzer" else "Buy milk"]
    assert name in BY_NAME


def test_names_of_tasks_and_splits_are_read(tmp_path: Path) -> None:
    """BrowserGym's tables have names alone, WebLINX names by split; its training split is none of
    its tasks.
    """
    (tmp_path / "miniwob.csv").write_text("task_name,comment\nminiwob.click-tab,\n")
    (tmp_path / "splits.json").write_text('{"train": ["aaa"], "test_web": ["bbb", "ccc"]}')
    listed = files.read([Asked(str(tmp_path / name)) for name in ("miniwob.csv", "splits.json")])
    assert {each.name: [task.id for task in each.tasks] for each in listed} == {
        "miniwob": ["miniwob.click-tab"],
        "weblinx": ["bbb", "ccc"],
    }


def test_containers_make_no_difference(tmp_path: Path) -> None:
    """JSON, JSON lines, CSV and Parquet, compressed or not, give the same tasks."""
    rows = [{"id": f"t{n}", "ques": f"Buy {n} eggs", "web_name": "Shop"} for n in range(3)]
    lines = b"\n".join(map(orjson.dumps, rows))
    table = ["id,ques,web_name", *(",".join(row.values()) for row in rows)]
    kinds = {
        "a.json": orjson.dumps(rows),
        "b.jsonl": lines,
        "c.jsonl.gz": gzip.compress(lines),
        "d.json.zst": zstandard.ZstdCompressor().compress(orjson.dumps({"tasks": rows})),
        "e.csv": "\n".join(table).encode(),
    }
    for name, raw in kinds.items():
        (tmp_path / name).write_bytes(raw)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "f.parquet")
    read = [files.read([Asked(str(path))])[0].tasks for path in sorted(tmp_path.iterdir())]
    assert len(read) == 6
    assert all(tasks == read[0] and len(tasks) == 3 for tasks in read)


BROKEN: dict[str, tuple[str, str]] = {
    "no id": ('[{"ques": "Buy", "web_name": "x"}]', "record 1 has no id"),
    "no text": ('[{"id": "t", "ques": " ", "web_name": "x"}]', "has no text"),
    "unknown": ('[{"number": 1, "says": "Buy"}]', "no known benchmark has records with the keys"),
    "empty": ("[]", "no tasks"),
    "no list": ('{"says": "Buy"}', "neither a task nor a list"),
    "numbers": ("[1]", "record 1 is not an object"),
    "broken": ('[{"id": ', "not valid JSON"),
    "no benchmark": ("task_name\nclick-tab\n", "not written BENCHMARK.TASK"),
    "one id twice": (
        '[{"id": "t", "ques": "a", "web_name": "x"}, {"id": "t", "ques": "b", "web_name": "x"}]',
        "two different tasks have the id 't'",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_not_understood_is_refused(what: str, tmp_path: Path) -> None:
    """A file that is no list of tasks is an error that says why; none of it is left out."""
    text, says = BROKEN[what]
    (tmp_path / "tasks").write_text(text)
    with pytest.raises(ConfigError, match=says):
        files.read([Asked(str(tmp_path / "tasks"))])


def test_recordings_give_tasks_of_lists_their_pages() -> None:
    """By their id, or the number in the name of their episode; others are tasks of their own, and a
    benchmark without list has those of its recordings.
    """
    listed = [Listed("webarena", "1", (Task("7", "Buy milk"), Task("8", "Sell milk")), ("a",))]
    pages = tuple(
        Task(id, "said", skeleton=id.encode(), shapes=9) for id in ("x__webarena.7_30", "8", "new")
    )
    recorded = [Recorded("webarena", "", pages, ("b",)), Recorded("mine", "2", pages[:1], ("c",))]
    mine, arena = joined(listed, recorded)
    assert (mine.name, mine.version, mine.tasks) == ("mine", "2", pages[:1])
    assert arena.tasks == (
        Task("7", "Buy milk", skeleton=b"x__webarena.7_30", shapes=9),
        Task("8", "Sell milk", skeleton=b"8", shapes=9),
        pages[2],
    )
    assert (arena.version, arena.sha256) == ("1", ("a", "b"))


def test_a_name_that_is_almost_known_is_refused() -> None:
    """A misspelt name would make a benchmark of its own; a new one is taken, with its version."""
    assert Asked.parse("ours@3=a/b.json") == Asked("a/b.json", "ours", "3")
    assert Asked.parse("s3://a/b=c.json") == Asked("s3://a/b=c.json")
    with pytest.raises(ConfigError, match="did you mean 'webarena'"):
        Asked.parse("webarenna=x.json")


def made(*texts: str, name: str = "ours", version: str = "1") -> registry.Registry:
    tasks = tuple(Task(f"task-{number}", text) for number, text in enumerate(texts))
    return registry.made([Listed(name, version, tasks, (digest(texts),))])


def test_a_registry_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Its content and its bytes are functions of the tasks; no word of a task is in it."""
    here = made("Purchase the marmalade from Paddington", "Find 2 lanterns")
    for name in ("a", "b"):
        registry.write(tmp_path / name, here)
    raw = (tmp_path / "a").read_bytes()
    assert raw == (tmp_path / "b").read_bytes()
    again = registry.read(str(tmp_path / "a"))
    assert (again, again.sha256) == (here, here.sha256)
    assert made("Purchase the marmalade").sha256 != here.sha256
    table = str(pq.read_table(tmp_path / "a").to_pylist()).lower()
    for word in ("marmalade", "paddington", "lantern", "purchase"):
        assert word not in table
        assert word.encode() not in raw.lower()


def test_what_is_no_registry_is_refused(tmp_path: Path) -> None:
    """Another file, another format and tasks that are not those it names are errors."""
    path = tmp_path / "r"
    path.write_bytes(b"nothing")
    for says in ("no Parquet file", "but no registry", "has format 0"):
        with pytest.raises(ConfigError, match=says):
            registry.read(str(path))
        about = {b"stepmill.benchmarks": b'{"format": 0}'} if says != "no Parquet file" else None
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(about), path)
    registry.write(path, made("a", "b"))
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 1), path)
    with pytest.raises(ConfigError, match="not those that it names"):
        registry.read(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        registry.read(str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match=r"two registries have ours \(1\)"):
        registry.together([made("a"), made("b")])
    assert len(registry.together([made("a"), made("a"), made("a", version="2")]).entries) == 2


def test_wording_is_what_is_asked_for() -> None:
    """Politeness, case, points, spelled numbers and accents make no difference to `normalised`;
    another number does.
    """
    first = wording.normalised("Find 2 cafés, near the 5th Avenue.")
    for text in (
        "find two cafes near the fifth avenue",
        "Could you please find 2 cafés near the 5th avenue? Thanks!",
        "FIND TWO CAFÉS NEAR THE FIFTH AVENUE",
    ):
        assert wording.normalised(text) == first
    assert wording.normalised("Find 3 cafés near the 5th Avenue") != first


def test_entities_are_seen() -> None:
    """Numbers, dates, quoted texts, names and addresses are entities; the first word is none."""
    text = 'Book "the long ride" from New York on March 18 at 5pm for ann@mail.example and friends'
    assert [word.text for word in wording.words(text) if not word.entity] == [
        "book", "from", "on", "at", "pm", "for", "and", "friends",
    ]  # fmt: skip


@given(st.text())
def test_any_text_has_forms(text: str) -> None:
    """No text is an error, and blanks around it change nothing."""
    found = wording.plain(wording.words(text))
    assert wording.exact(text) == wording.exact(f" {text}\n")
    assert all(0 <= each < 2**16 for each in wording.words_of(wording.content(found)))
    assert all(0 <= each < 2**32 for each in wording.grams(found))


def test_sites_and_addresses_are_compared_by_what_they_name() -> None:
    """A site by its name, an address without scheme, fragment, ``www.``; front pages are none."""
    assert {site_of("https://www.exploretock.com/a"), site_of("Exploretock")} == {"exploretock"}
    assert site_of("new.mta.info") == "mta"
    assert site_of("__SHOPPING__") == site_of("unknown") == ""
    assert url_hash("http://www.a.example/b/?q=1#x") == url_hash("https://a.example/b?q=1") != 0
    assert url_hash("https://a.example/") == 0
    assert path_hash("__REDDIT__/f/pics") == path_hash("http://localhost:9999/f/pics/") != 0


def test_every_known_benchmark_says_where_it_is() -> None:
    """Each has a title, a date and a place; names are in lower case and differ."""
    assert all(each.title and each.date and each.where and each.files for each in KNOWN)
    assert len(BY_NAME) == len(KNOWN)
    assert all(name == name.lower() for name in BY_NAME)
