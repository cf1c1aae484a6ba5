"""Files of objectives: texts by workflow id or test title, and lists of tasks of benchmarks.

Texts by id are an object of texts, as `stepmill augment` writes it; or records of an id and an
objective, as a JSON list, JSON lines or CSV. They replace what is recorded.

Lists of tasks are those of WebArena, VisualWebArena and WebArena-Verified (``task_id``,
``intent``), of Mind2Web (``annotation_id``, ``confirmed_task``), and any list of ``task``. They
stand in where a recording says nothing. WebArena's task 7 is called ``webarena.7``, as in the names
of BrowserGym's episodes. In VisualWebArena's list for one site, tasks count from 0 again, while
BrowserGym counts those of all sites; so these are ``visualwebarena.SITE.7``, and only the list of
all sites has ``visualwebarena.7``. WebArena-Verified has texts of its own:
``webarena_verified.7``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from etl.files.side_files import decoded
from etl.stages.text_file import TextFile
from schemas.draft import Draft
from schemas.errors import ConfigError

SETTING: Final = "augment.objectives"
_IDS: Final = ("workflow_id", "id", "uid", "annotation_id", "task_id", "index")
_OWN_TEXT: Final = "objective"
_TASK_TEXTS: Final = ("intent", "confirmed_task", "task", "task_name", "ques", "goal", "utterance")
_ALL_SITES: Final = {"classifieds", "reddit", "shopping"}
_NAMED: Final = re.compile(
    r"(?<![A-Za-z])(webarena_verified|visualwebarena|webarena)\.(?:(\w+)\.)?(\d+)(?!\d)"
)
_LETTER: Final = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Texts:
    """What a file of objectives holds."""

    # by id or title; they replace what is recorded
    own: Mapping[str, str] = field(default_factory=dict)
    # by task; they stand in where nothing is recorded
    tasks: Mapping[str, str] = field(default_factory=dict)


class ObjectiveFile(TextFile[Texts]):
    """A file of objectives."""

    def _parsed(self, raw: bytes) -> Texts:
        where = f"[augment] {self.path}"
        text = decoded(raw, where)
        if text.lstrip()[:1] not in ("{", "["):
            return _of_records(list(_rows_of_csv(text, where)), where)
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise ConfigError(f"{where}: not valid JSON: {error}") from error
            return _of_records([_line(line, where) for line in lines], where)
        if isinstance(value, list):
            return _of_records(value, where)
        if isinstance(value, dict) and _OWN_TEXT in value and any(name in value for name in _IDS):
            return _of_records([value], where)
        for id, each in value.items() if isinstance(value, dict) else ():
            if not isinstance(each, str) or not each.strip():
                raise ConfigError(f"{where}: the text of {id!r} is empty or no string")
        return Texts(own=value)


def _line(line: str, where: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{where}: not valid JSON: {error}") from error


def _rows_of_csv(text: str, where: str) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file, by its header."""
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise ConfigError(f"{where}: line {reader.line_num}: {error}") from error


def _of_records(records: list[Any], where: str) -> Texts:
    """The texts in records with an id each.

    Raises:
        ConfigError: a record has no id or text, or an id has two texts.
    """
    if not records:
        raise ConfigError(f"{where}: not an object of texts by id, and no records")
    own: dict[str, str] = {}
    tasks: dict[str, str] = {}
    prefix = _benchmark([each for each in records if isinstance(each, dict)])
    for number, each in enumerate(records, 1):
        if not isinstance(each, dict):
            raise ConfigError(f"{where}: record {number} is not an object")
        id = next((str(each[name]) for name in _IDS if each.get(name) not in (None, "")), "")
        named = (_OWN_TEXT, *_TASK_TEXTS)
        key = next((name for name in named if isinstance(each.get(name), str)), "")
        text = str(each.get(key) or "").strip()
        if not id or not text:
            wanted = f"id ({', '.join(_IDS)})" if not id else f"text ({', '.join(named)})"
            raise ConfigError(f"{where}: record {number} has no {wanted}")
        into, name = (own, id) if key == _OWN_TEXT else (tasks, f"{prefix}{id}")
        if into.setdefault(name, text) != text:
            raise ConfigError(f"{where}: two texts for {name!r}")
    return Texts(own, tasks)


def _benchmark(records: list[dict[str, Any]]) -> str:
    """What stands before the numbers of a benchmark's tasks; empty if they are names."""
    first = records[0] if records else {}
    if not {"task_id", "intent", "sites"} <= first.keys():
        return ""
    if "start_urls" in first or "revision" in first:
        return "webarena_verified."
    if "visual_difficulty" not in first and "image" not in first:
        return "webarena."
    sites = [set(each.get("sites") or ()) for each in records]
    common = set.intersection(*sites)
    if len(common) == 1 and not set.union(*sites) >= _ALL_SITES:
        return f"visualwebarena.{common.pop()}."
    firsts = {str(each["sites"][0]) for each in records if each.get("sites")}
    return (
        "visualwebarena." if firsts >= _ALL_SITES else f"visualwebarena.{'+'.join(sorted(firsts))}."
    )


def names_of(draft: Draft) -> Iterator[str]:
    """The names by which a workflow's own objective may be given, the most exact first."""
    workflow = draft.workflow
    yield workflow.uid
    yield workflow.workflow_id
    if "/" in workflow.workflow_id:  # the file, and what the recording calls itself in it
        yield workflow.workflow_id.rpartition("/")[2]
    yield from filter(None, map(str.strip, (workflow.objective, *_titles(workflow.meta))))


def _titles(meta: str) -> Iterator[str]:
    """What a recording is called, where its objective is not that."""
    if '"title"' not in meta and '"name"' not in meta:
        return
    try:
        fields = orjson.loads(meta)
    except orjson.JSONDecodeError:
        return
    for key in ("title", "name"):
        if isinstance(value := fields.get(key), str):
            yield value


def tasks_of(draft: Draft) -> Iterator[str]:
    """The names of the task that a workflow may be of, the most exact first."""
    workflow = draft.workflow
    yield workflow.uid
    yield workflow.workflow_id
    for text in (workflow.workflow_id, workflow.origin):
        for benchmark, site, number in _NAMED.findall(text):
            middle = f"{site}." if site else ""
            yield f"{benchmark}.{middle}{int(number)}"


def says_nothing(draft: Draft) -> bool:
    """Whether a recording says nothing of what is to be done: no words, or a name of its own."""
    said = draft.workflow.objective.strip()
    names = {draft.workflow.workflow_id, *tasks_of(draft)}
    return not _LETTER.search(said) or said in names or _NAMED.fullmatch(said) is not None


def first_of(texts: Mapping[str, str], names: Iterable[str]) -> tuple[str, str]:
    """The first name that has a text, and the text as one line; both empty if none has."""
    for name in names:
        if name in texts:
            return name, " ".join(texts[name].split())
    return "", ""
