"""A file in no known format says what it is, what to do, and which format is nearest."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import zstandard

from etl.inputs import find
from etl.inputs.strangers import meet
from etl.sources import FORMATS, SOURCES
from etl.tally import Tally
from schemas.errors import ConfigError
from tests.support import builds


def zipped(**members: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return data.getvalue()


def arrow(**columns: list[Any]) -> bytes:
    data = io.BytesIO()
    pyarrow.feather.write_feather(pa.table(columns), data, compression="uncompressed")
    return data.getvalue()


def parquet(**columns: list[Any]) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data)
    return data.getvalue()


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


HEADER: Final = "document_metadata_id;document_metadata_name;action_kind;action_dom"
LONG: Final = b"x" * 200_000

KNOWN: Final[Mapping[str, tuple[bytes, str, str]]] = {
    "HAR": (dumps({"log": {"version": "1.2", "entries": []}}), "har", "a HAR file"),
    "HAR over 64 KiB": (dumps({"log": {"creator": {}, "entries": [{"a": "b" * 99_999}]}}), "har",
    "a HAR file"),
    "HAR, gzip": (gzip.compress(dumps({"log": {"entries": []}})), "har",
    "compressed with gzip; within, a HAR"),
    "trace": (zipped(trace_trace="{}", trace_network=""), "playwright_trace",
    "that do not begin as those of Playwright"),
    "trace.trace": (b'{"type":"before","class":"Test","method":"step","params":{}}\n',
    "playwright_trace", "events of a Playwright trace without its first line"),
    "trace.network": (b'{"type":"resource-snapshot","snapshot":{"request":{}}}\n',
    "playwright_trace", "the network events of a Playwright trace"),
    "xlsx": (zipped(xl__workbook_xml="<x/>"), "xlsx", "an Excel workbook"),
    "docx": (zipped(word__document_xml="<x/>"), "docx", "a Word document"),
    "zip of others": (zipped(a_jsonl="{}", b_jsonl="{}"), "zip",
    "a zip archive of 2 files (a.jsonl, b.jsonl)"),
    "zip cut off": (zipped(a_jsonl="{}" * 99)[:60], "zip", "breaks off or is damaged"),
    "xz": (lzma.compress(b"{}"), "xz", "compressed with xz"),
    "bzip2": (bz2.compress(b"{}"), "bz2", "compressed with bzip2"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + b"\0" * 9, "7z", "a 7-Zip archive"),
    "tar": (b"a.jsonl".ljust(257, b"\0") + b"ustar\x00", "tar", "a tar archive"),
    "tar.gz": (gzip.compress(b"a.jsonl".ljust(257, b"\0") + b"ustar\x00"), "tar",
    "within, a tar archive"),
    "gzip cut off": (gzip.compress(bytes(range(256)) * 99)[:40], "truncated_gzip",
    "the gzip stream has no end"),
    "gzip of nothing": (gzip.compress(b""), "empty", "within, empty"),
    "zstd cut off": (zstandard.compress(bytes(range(256)) * 99)[:40], "truncated_zstd",
    "has no end"),
    "empty": (b"", "empty", "empty"),
    "white space": (b"\n \n", "empty", "white space"),
    "BOM alone": (b"\xef\xbb\xbf", "empty", "white space"),
    "PNG": (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "image", "a picture (PNG)"),
    "JPEG": (b"\xff\xd8\xff\xe0" + b"\0" * 20, "image", "a picture (JPEG)"),
    "MP4": (b"\0\0\0\x18ftypmp42" + b"\0" * 20, "video", "a video (MP4)"),
    "PDF": (b"%PDF-1.7\n", "pdf", "a PDF"),
    "WARC": (b"WARC/1.0\r\nWARC-Type: warcinfo\r\n\r\n\0\0", "warc", "a WARC file"),
    "WARC, gzip": (gzip.compress(b"WARC/1.1\r\n"), "warc", "within, a WARC file"),
    "MHTML": (b"From: <x>\nMIME-Version: 1.0\nContent-Type: multipart/related;\n", "mhtml",
    "a saved page"),
    "HTML": (b"<!DOCTYPE html><html></html>", "html", "an HTML page"),
    "HTML behind a comment": (b"<!-- saved -->\n<html lang=en>", "html", "an HTML page"),
    "HTML in Latin-1": ("<html><p>caf\xe9</p>".encode("latin-1"), "html", "not UTF-8 (byte 12"),
    "XML": (b'<?xml version="1.0"?><urlset/>', "xml", "XML"),
    "SVG": (b'<svg xmlns="x"/>', "svg", "a drawing"),
    "chat": (dumps([{"role": "user", "content": "x"}]), "chat", "a chat of a model"),
    "conversations for fine-tuning": (
        dumps([{"conversations": [{"from": "human", "value": "x"}]}]), "chat_sft",
        "conversations for fine-tuning"),
    "candidates of WebLINX": (dumps({"query": "x", "doc": "y", "uid": "z"}) + b"\n",
    "weblinx_candidates", "candidates of WebLINX"),
    "splits of WebLINX": (dumps({"train": ["a"], "valid": ["b"], "test_iid": []}),
    "weblinx_splits", "lists of the demonstrations"),
    "a log of WebVoyager": (
        dumps([{"role": "system", "content": "Click the Numerical Label"}]), "webvoyager_log",
        "a log of WebVoyager"),
    "tasks of WebVoyager": (dumps({"web_name": "a", "ques": "b", "web": "c", "id": "d"}),
    "webvoyager_tasks", "tasks of WebVoyager"),
    "tasks of Mind2Web-Live": (
        dumps([{"task": "a", "evaluation": [{"match_function_name": "b"}]}]),
        "mind2web_live_tasks", "tasks of Mind2Web-Live"),
    "action lists of Mind2Web": (dumps([{"task": "a", "website": "b", "actions": [["CLICK"]]}]),
    "mind2web_actions", "action lists of Mind2Web"),
    "runs of WebCanvas": (
        dumps([{"task_id": 1, "task_name": "a", "step_list": [{"trace_description": {}}]}]),
        "webcanvas_run", "runs of WebCanvas"),
    "tasks of Bananalyzer": (dumps([{"url": "a", "evals": [], "schema_": {}}]),
    "bananalyzer_tasks", "tasks of Bananalyzer"),
    "the result of a run": (dumps({"task_id": "a", "passed": True, "is_done": True}), "run_result",
    "the result of an agent's run"),
    "a part of a page": (b"<script src=x></script>\n<div>x</div>", "html", "a part of a page"),
    "cookies": (dumps({"cookies": [], "origins": []}), "storage_state", "cookies and storage"),
    "Arrow": (arrow(a=[1]), "arrow", "an Arrow or Feather file"),
    "Parquet of others": (parquet(width=[1], height=[2]), "unknown_keys",
    "a Parquet file with the columns height"),
    "Parquet cut off": (parquet(width=[1])[:-9], "parquet", "a Parquet file that cannot be opened"),
    "SQLite": (b"SQLite format 3\x00" + b"\0" * 20, "sqlite", "an SQLite database"),
    "pickle": (pickle.dumps({"a": 1}), "pickle", "a pickle"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "lfs_pointer",
    "not the file itself"),
    "UTF-16": ('{"log": {"entries": []}}'.encode("utf-16"), "text_in_utf16",
    "text in UTF-16; within, a HAR"),
    "semicolons": (f"{HEADER}\n1;2;3;4\n".encode(), "csv_with_semicolons",
    "a table with semicolons"),
    "tabs": (HEADER.replace(";", "\t").encode() + b"\n1\t2\t3\t4\n", "csv_with_tabs",
    "a table with tabs"),
    "a title": (dumps({"title": "x", "lang": "en"}), "unknown_keys", "the keys lang, title"),
    "another table": (b"width,height\n1,2\n3,4\n", "unknown_keys", "the columns height, width"),
    "broken JSON": (b'{"workflow_id" "a"}\n', "broken_json", "it is not JSON"),
    "Python": (b"{'workflow_id': 'a', 'steps': []}\n", "broken_json", "single quotes"),
    "numbers": (b"[1, 2, 3]", "json_values", "without a single key"),
    "empty list": (b"[]", "json_values", "empty JSON: []"),
    "a program": (b"import asyncio\nfrom playwright import x\n", "program", "a program's text"),
    "notes": (b"Notes of the meeting\nBring mugs.\n", "text",
    "text that begins with 'Notes of the meeting'"),
    "bytes": (bytes(range(256)) * 9, "binary", "neither text nor"),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_stranger_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    """Content, not the name, says what a file is and what to do; no source recognises it."""
    content, kind, says = KNOWN[name]
    path = tmp_path / "recording"
    path.write_bytes(content)
    (found,) = find.find([str(path)], SOURCES, lenient=True)
    met = meet(path, FORMATS.values())
    assert (found.format, met.kind) == (find.UNKNOWN, kind), met.text
    assert says in met.says
    assert met.advice
    with pytest.raises(ConfigError) as stopped:
        find.find([str(path)], SOURCES)
    assert met.text in str(stopped.value)


REASONS: Final = {
    "no_pages_in_format": "chat, conversations for fine-tuning, candidates of WebLINX, a log of "
    "WebVoyager, runs of WebCanvas, action lists of Mind2Web",
    "pages_given_as_input": "HTML, MHTML, HAR, WARC, a part of a page",
    "tasks_given_as_input": "tasks of WebVoyager, tasks of Mind2Web-Live",
    "no_recording": "cookies, splits of WebLINX, tasks of Bananalyzer, the result of a run",
    "other_container": "tar, 7z, xz, xlsx, SQLite, pickle",
    "unknown_format": "notes, bytes, another table, empty, PNG, numbers, broken JSON",
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_stranger_of_a_known_kind_has_a_reason_of_its_own(tmp_path: Path, reason: str) -> None:
    """The drop is counted by that reason, and its detail begins with the kind."""
    for name in REASONS[reason].split(", "):
        path = tmp_path / name.replace(" ", "_")
        path.write_bytes(KNOWN[name][0])
        (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
        tally = Tally()
        assert list(SOURCES[shard.format].read(shard, tally)) == []
        assert tally.entries[1].reason == reason, name
        assert tally.entries[1].detail.startswith(f"{KNOWN[name][1]}: "), name


STEP: Final = {"html": "<html></html>", "action": {"kind": "click"}}
NEAR: Final[tuple[tuple[Any, str, list[tuple[str, str]]], ...]] = (
    ({"workflow_id": "a", "goal": "x", "steps": [STEP]}, "workflows", [("objective", "goal")]),
    (
        {"id": "a", "task": "x", "steps": [STEP]},
        "workflows",
        [("workflow_id", "id"), ("objective", "task")],
    ),
    (
        {"workflow_id": "a", "intent": "x", "steps": [{"dom": "<p>", "action": {}}]},
        "workflows",
        [("objective", "intent"), ("steps[].html", "dom")],
    ),
    ({"workflow_id": "a", "objective": "x"}, "workflows", [("steps", "")]),
    ({"workflow_id": "a", "objective": "x", "actions": []}, "workflows", [("steps", "actions")]),
    ({"step": 0, "observation": {}, "action": "x"}, "browsergym", [("obs", "observation")]),
    ([{"step": 0, "obs": {}, "action": "x"}], "browsergym", []),
    (
        {"workflow_id": "a", "action_kind": "x", "page": "<p>"},
        "scribe",
        [("action_dom or dom", "page")],
    ),
    ({"utterance": "x", "events": []}, "miniwob", [("states", "events")]),
    ({"annotation_id": "a", "website": "x", "steps": []}, "mind2web", [("actions", "steps")]),
)


@pytest.mark.parametrize(("record", "format", "missing"), NEAR)
def test_what_is_missing_for_the_nearest_format_is_named(
    tmp_path: Path, record: Any, format: str, missing: list[tuple[str, str]]
) -> None:
    """JSON that is nearly a format says which, the keys it lacks, and what may be meant."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))
    assert find.find([str(path)], SOURCES, lenient=True)[0].format == find.UNKNOWN
    met = meet(path, FORMATS.values())
    assert (met.kind, met.nearest, list(met.missing)) == ("near_format", format, missing), met.text
    assert f"stepmill schema {format}" in met.advice
    for key, like in missing:
        assert f"{key} (is it {like}?)" in met.advice if like else key in met.advice


def test_parquet_and_semicolons_are_measured_too(tmp_path: Path) -> None:
    """A table says what it lacks, whatever is between its fields."""
    near: dict[str, list[Any]] = {"goal": ["x"], "workflow_id": ["a"], "steps": [[1]]}
    (tmp_path / "a").write_bytes(parquet(**near))
    assert meet(tmp_path / "a", FORMATS.values()).missing == (("objective", "goal"),)
    (tmp_path / "b").write_text(HEADER.replace("action_dom", "html") + "\n1;2;3;4\n")
    met = meet(tmp_path / "b", FORMATS.values())
    assert (met.nearest, met.missing) == ("scribe", (("action_dom or dom", "html"),))
    assert "only commas are read" in met.advice


def test_real_strangers_are_all_told(shared: Path) -> None:
    """Every real file in an unread format says what it is; other tools' recordings by name."""
    kinds = {
        "har": {"har"},
        "playwright_trace": {"playwright_trace", "playwright_report"},
        "bananalyzer": {"mhtml"},
    }
    for folder, expected in kinds.items():
        named = (
            (".har", ".side", ".mhtml.zst", ".zip") if folder in ("har", "bananalyzer") else ("",)
        )
        files = [
            path
            for path in (shared / "data" / folder).rglob("*")
            if path.is_file() and path.name.endswith(named)
        ]
        assert len(files) > 1
        assert {meet(path, FORMATS.values()).kind for path in files} <= expected, folder


def test_every_real_file_of_these_kinds_is_read_or_refused_with_its_own_reason(
    shared: Path,
) -> None:
    """Of the benchmarks and agents none is an unknown format."""
    folders = (
        "autowebglm bananalyzer browser_use_history browser_use_runs mind2web_live portia "
        "turkingbench webarena weblinx webvoyager"
    ).split()
    reasons = set()
    for item in find.find([str(shared / "data")], SOURCES, lenient=True):
        if item.name.split("/")[0] in folders and item.format == find.UNKNOWN:
            met = meet(item.place, FORMATS.values())
            assert met.reason != "unknown_format", (item.name, met.text)
            reasons.add(met.reason)
    assert reasons == {
        "no_pages_in_format",
        "pages_given_as_input",
        "tasks_given_as_input",
        "no_recording",
    }


def test_what_folders_leave_aside_is_listed(tmp_path: Path) -> None:
    """The ledger and `build --dry-run` say of each file in no known format what it is."""
    builds.write_workflows(tmp_path / "in" / "a.jsonl", builds.workflow(1))
    (tmp_path / "in" / "b.har").write_bytes(KNOWN["HAR"][0])
    dry = builds.command("build", tmp_path / "in", "--out", tmp_path / "out", "--dry-run", "--json")
    assert [each["name"] for each in json.loads(dry.stdout)["left_aside"]] == ["b.har"]
    assert "a HAR file" in json.loads(dry.stdout)["left_aside"][0]["says"]
    builds.build([tmp_path / "in"], tmp_path / "out")
    told = builds.command("inspect", tmp_path / "out", "drops", "--examples", "1").stdout
    assert "b.har" in told
    assert "a HAR file" in told
