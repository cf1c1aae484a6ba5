"""Texts of all kinds, planted in recordings whose dataset is published without pages.

Every text is planted where people's words stand: in pages, objectives, values, addresses and so on.
None may be found in what `stepmill export --format keys` writes; ids and hosts must be there. A
holder of the recordings must make the same files of it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import polars as pl
from click.testing import CliRunner

from etl.cli.main import cli
from etl.files.arrow import read_json
from etl.inputs import find
from etl.sources import SOURCES
from etl.tally import Tally, as_record
from tests.planted.figures import Figure

PART: Final = "nopages"
ROOT: Final = Path(__file__).parents[1] / "recordings"
REAL: Final = ("mind2web", "weblinx", "browsergym_webarena")
"""Folders of shared recordings."""
FIELDS: Final = (
    *("page text", "attribute", "title", "objective", "typed value", "address", "query"),
    *("description", "error", "unknown action", "meta", "locator", "text observation"),
)
"""The kinds of places where texts are planted."""


def recordings(shared: Path) -> Iterator[dict[str, Any]]:
    """Real workflows in the interchange format: ours, and shared ones where there are any."""
    folders = [ROOT / "data", *(shared / "data" / name for name in REAL)]
    there = [str(folder) for folder in folders if folder.is_dir()]
    for shard in find.shards(find.find(there, SOURCES)):
        for number, workflow in enumerate(SOURCES[shard.format].read(shard, Tally())):
            record = as_record(workflow)
            record["workflow_id"] = f"{shard.format}-{shard.key[:8]}-{number}"
            yield record


def word(dice: random.Random) -> str:
    """A text that occurs nowhere else."""
    return "q" + "".join(dice.choices("bcdfghjklmnpqrstvwxz", k=14))


def plant(record: dict[str, Any], dice: random.Random) -> dict[str, list[str]]:
    """Plant texts in a workflow; returns them by kind."""
    key: dict[str, list[str]] = {kind: [] for kind in FIELDS}

    def new(kind: str) -> str:
        key[kind].append(word(dice))
        return key[kind][-1]

    record["objective"] = f"{record['objective']} {new('objective')}"
    record["meta"] = json.dumps({"note": new("meta")})
    for step in record["steps"]:
        text, attribute, title = new("page text"), new("attribute"), new("title")
        if step.get("html"):
            step["html"] = f"<title>{title}</title><p title='{attribute}'>{text}</p>{step['html']}"
        if step.get("axtree"):
            step["axtree"] += f"\n[99999] text '{new('text observation')}'"
        action = step["action"]
        if action.get("value"):
            action["value"] += new("typed value")
        action["description"] = f"{action.get('description', '')} {new('description')}".strip()
        base = step["url"].partition("?")[0].rstrip("/") or "https://shop.example"
        step["url"] = f"{base}/{new('address')}?q={new('query')}"
        fate = dice.random()
        if fate < 0.05:
            step["error"] = f"element {new('error')} is not visible"
        elif fate < 0.1:
            action["kind"] = new("unknown action")
        elif fate < 0.15:
            step["target"] = [{"kind": "css", "value": f"#{new('locator')}"}]
    return key


def published(folder: Path) -> bytes:
    """All that a folder says: the bytes of its files, and every value of its tables."""
    found: list[bytes] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        found += [path.as_posix().encode(), path.read_bytes()]
        if path.suffix == ".parquet":
            found.append(pl.read_parquet(path).write_ndjson().encode())
    return b"\n".join(found)


def run(*arguments: str | Path) -> str:
    """Run a command; returns what it printed."""
    result = CliRunner().invoke(cli, [*map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """The figures: texts that stay out, ids that are there, and files that are made again."""
    dice = random.Random(seed)
    every: dict[str, list[str]] = {kind: [] for kind in FIELDS}
    first, second = folder / "one" / "night", folder / "elsewhere" / "copy" / "night"
    first.mkdir(parents=True)
    second.mkdir(parents=True)
    files: dict[str, list[str]] = {"a.jsonl": [], "more/b.jsonl": []}
    for record in recordings(shared):
        for kind, texts in plant(record, dice).items():
            every[kind] += texts
        files[dice.choice([*files])].append(json.dumps(record) + "\n")
    for place in (first, second):
        (place / "more").mkdir()
        for name, lines in files.items():
            (place / name).write_text("".join(lines))
    run("build", first, "--out", folder / "out", "--workers", "0")
    run("export", folder / "out", "--out", folder / "keys", "--format", "keys")
    said = published(folder / "keys")
    figures = []
    for kind, texts in every.items():
        kept_out = sum(text.encode() not in said for text in texts)
        figures.append(Figure(PART, f"kept out: {kind}", len(texts), kept_out, kept_out))
    listed = pl.read_parquet(folder / "out" / "dataset" / "stats" / "samples" / "*" / "*.parquet")
    for kind, column in (("id", "sample_id"), ("host", "subdomain")):
        names = listed[column].unique().to_list()
        there = sum(name.encode() in said for name in names)
        figures.append(Figure(PART, f"published: {kind}", len(names), there, there))
    run("rebuild", folder / "keys", second, "--out", folder / "again", "--workers", "0")
    hashes = read_json(folder / "out" / "dataset" / "manifest.json")["files"]
    again = read_json(folder / "again" / "dataset" / "manifest.json")["files"]
    same = sum(again.get(name) == each for name, each in hashes.items())
    return [*figures, Figure(PART, "files made again", len(hashes), same, len(again))]
