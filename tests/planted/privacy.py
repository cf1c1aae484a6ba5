"""Private values planted in real recordings, and what becomes of them in a build.

A value stands in a text of a page, in an attribute, in an address, in the objective, in the
description of an action, in what else was recorded, or it is typed into a field and shown by the
next page. It is found if nothing that the build wrote holds it, nor the report on it, though the
same build without the stage does. What only looks private is planted beside it.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
import zstandard

from etl.build.recipes.recipe import load
from etl.dataset.place import place_of
from etl.decisions.benchmarks import registry
from etl.decisions.benchmarks.files import Listed, Task
from etl.files.arrow import open_arrow
from etl.inputs import find
from etl.look.report.figures import figures as figures_of
from etl.look.report.steps import drawn
from etl.pages.reading import read
from etl.sources import SOURCES
from etl.stages.enter import enter
from etl.stages.prune import Prune
from etl.stages.redact import Redact
from etl.tally import Tally, as_record
from schemas.workflow import Action, Step, Workflow
from tests.planted.figures import Figure
from tests.planted.private_values import MADE, innocent
from tests.support import builds

ALL = 2_000
FIELDS: Mapping[str, Sequence[str]] = {
    "email": ('type="email" name="contact"', 'name="user_email"', 'autocomplete="email"'),
    "phone": ('type="tel"', 'name="phoneNumber"', 'autocomplete="tel"'),
    "card": ('autocomplete="cc-number"', 'name="card_number"'),
    "iban": ('name="iban"',),
    "national_id": ('name="ssn"', 'aria-label="Social security number"'),
    "ip": ('name="host"',),
    "api_key": ('name="api_key"', 'placeholder="Secret key"'),
    "jwt": ('name="bearer"',),
    "session": ('name="session_token"',),
    "password": ('type="password"', 'autocomplete="new-password" type="text"', 'name="passwd"'),
    "address": ('autocomplete="street-address"', 'name="addressLine1"'),
    "name": ('autocomplete="name"', 'name="full_name"', 'placeholder="Your name"'),
}
"""Attributes of a field for each kind, as sites write them."""
BY_FIELD = frozenset(("password", "address", "name"))
"""Kinds that nothing but a field shows."""
PLACES = ("text", "attribute", "url", "objective", "description", "meta", "typed")
ASKED = {
    "password": 0.99,
    "address": 0.99,
    "name": 0.99,
    "phone": 0.98,
    "ip": 0.98,
    "session": 0.98,
}
"""The least recall where the issue names none; for all others 0.995."""


TRUST = (
    "lint.mend=[]",
    "near.what=sample",
    "near.action=mark",
    "quality.max_loops=99",
    'contamination.flagged="list"',
)
"""What else notes something of recordings, in tables of its own."""


@dataclass
class Plant:
    """One planted value."""

    kind: str
    place: str
    # as it stands in each place
    value: str
    looks: str
    workflow: str
    # the word before it on the page that shows what was typed
    mark: str = ""


@dataclass
class Key:
    """What was planted."""

    plants: list[Plant] = field(default_factory=list)


def records(folders: Iterable[Path], most: int = 10_000) -> list[dict[str, Any]]:
    """The workflows of recordings with two pages or more, as our own format has them."""
    inputs = find.find([str(folder) for folder in folders], SOURCES)
    found: list[dict[str, Any]] = []
    for shard in sorted(find.shards(inputs), key=lambda shard: shard.name):
        for workflow in SOURCES[shard.format].read(shard, Tally()):
            pages = sum(step.has_page for step in workflow.steps)
            if pages > 1 and pages == len(workflow.steps) and workflow.objective:
                record = as_record(workflow)
                record["workflow_id"] = f"w{len(found)}"
                record["steps"] = list(record["steps"])
                for step in record["steps"]:
                    step.pop("number", None)
                    step["meta"] = json.loads(step["meta"] or "{}")
                record["meta"] = json.loads(record["meta"] or "{}")
                found.append(record)
                if len(found) == most:
                    return found
    return found


def _shown(html: str, markup: str) -> str:
    """A page with more at the beginning of its body, so that node ids stay."""
    begun = re.search(r"<body\b[^>]*>", html, re.IGNORECASE)
    at = begun.end() if begun else 0
    return f"{html[:at]}<section>{markup}</section>{html[at:]}"


def planted(found: list[dict[str, Any]], values: int, seed: int) -> Key:
    """Plant values and what looks like them, evenly over kinds, places and workflows."""
    chosen, key = random.Random(seed), Key()
    kinds = list(MADE)
    for count in range(values):
        kind = kinds[count % len(kinds)]
        place = PLACES[count // len(kinds) % len(PLACES)]
        record = found[count * 7 % len(found)]
        value, looks = MADE[kind](chosen), innocent(chosen)[kind]
        if kind in BY_FIELD or place == "typed":
            _type(record, kind, value, f"mark{count}", chosen)
        plant = Plant(kind, place, value, looks, record["workflow_id"])
        if place == "typed":
            plant.mark = f"mark{count}"
        if kind == "session" and place not in ("typed", "meta"):
            place = plant.place = "url"
        _plant(record, plant, chosen)
        step = chosen.choice(record["steps"])
        step["html"] = _shown(step["html"], f"<p>{escape(looks)}</p>")
        key.plants.append(plant)
    return key


def _plant(record: dict[str, Any], plant: Plant, chosen: random.Random) -> None:
    step, value = chosen.choice(record["steps"]), plant.value
    if plant.place == "text":
        step["html"] = _shown(step["html"], f"<p>Details of {escape(value)}.</p>")
    elif plant.place == "attribute":
        name = chosen.choice(("title", "aria-label", "alt"))
        step["html"] = _shown(step["html"], f'<a {name}="For {escape(value)}" href="/x">more</a>')
    elif plant.place == "url":
        names = {"session": "PHPSESSID", "password": "password"}
        query = f"{names.get(plant.kind, 'about')}={quote(value, safe='')}"
        joined = "&" if "?" in step["url"] else "?"
        step["url"] = f"{step['url'] or 'https://shop.invalid/'}{joined}{query}"
        step["html"] = _shown(step["html"], f'<a href="/next?v=1&amp;{escape(query)}">next</a>')
    elif plant.place == "objective":
        record["objective"] += f", then use {value}"
    elif plant.place == "description":
        action = step["action"]
        action["description"] = f"{action['description'] or 'Go on'} for {value}"
    elif plant.place == "meta":
        named = plant.kind if plant.kind in ("password", "name", "address", "session") else "note"
        chosen.choice((record, step))["meta"][f"user_{named}"] = value


def _type(record: dict[str, Any], kind: str, value: str, mark: str, chosen: random.Random) -> None:
    """Add a step that types a value; the page of the next one shows it."""
    steps = record["steps"]
    at = chosen.randrange(len(steps))
    given = chosen.choice(FIELDS[kind])
    form = f'<form><input id="{mark}f" {given}></form>'
    steps.insert(
        at,
        {
            **steps[at],
            "step_id": mark,
            "html": _shown(steps[at]["html"], form),
            "action": {"kind": "type", "value": value, "description": ""},
            "target": [{"kind": "css", "value": f"#{mark}f"}],
            "destination": [],
            "error": "",
            "meta": {},
        },
    )
    after = steps[at + 1]
    after["html"] = _shown(after["html"], f"<p>{mark} is {escape(value)} .</p>")


def texts(out: Path) -> Iterator[str]:
    """All that the files of a build hold, its tokens as text, and the data of its report."""
    vocabulary = load("publishable").packed.encoder.vocabulary
    for path in sorted(out.rglob("*")):
        if path.is_dir():
            continue
        yield path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            yield json.dumps(pq.read_table(path).to_pylist(), ensure_ascii=False, default=str)
        elif path.suffix == ".arrow":
            for row in open_arrow(path).read_all().to_pylist():
                if "input_ids" in row:
                    yield vocabulary.decode(row["input_ids"])
                else:
                    yield "\n".join(map(str, row.values()))
    place = place_of(out)
    yield json.dumps(figures_of(place), ensure_ascii=False, default=str)
    for step in drawn(place, 10**6):
        yield "\n".join((*map(str, step.values()), "".join(step["tokens"])))


def pieces(read: Iterable[str]) -> str:
    """The different pieces of texts, between tags and line breaks: pages come again."""
    found: set[str] = set()
    for text in read:
        found.update(re.split(r"[<>\n\0]", text))
    return "\n".join(sorted(found))


def spellings(value: str) -> set[str]:
    """A value as texts, markup, JSON and addresses write it."""
    raw = {value, value.lower(), value.upper(), escape(value), json.dumps(value)[1:-1]}
    raw |= {quote(value, safe=""), quote(value), json.dumps(value, ensure_ascii=False)[1:-1]}
    bare = re.sub(r"[ -]", "", value)
    return raw | ({bare} if sum(map(str.isdigit, bare)) > 8 else set())


def build(found: list[dict[str, Any]], folder: Path, *overrides: str) -> Path:
    """Build planted recordings with all that looks at them, without the stage or with it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in found), "utf-8")
    tasks = tuple(Task(each["workflow_id"], each["objective"]) for each in found)
    registry.write(folder / "tasks", registry.made([Listed("webarena", "1", tasks, ("0",))]))
    known = f'contamination.registries=["{folder / "tasks"}"]'
    recipe = load("publishable" if overrides else "scribeagent-32k", (*overrides, *TRUST, known))
    builds.build([folder / "in.jsonl"], folder / "out", recipe=recipe)
    return folder / "out"


def samples(out: Path) -> dict[str, dict[str, Any]]:
    """The samples by id."""
    rows: dict[str, dict[str, Any]] = {}
    for path in sorted((out / "work" / "samples").glob("*.arrow")):
        rows |= {row["sample_id"]: row for row in open_arrow(path).read_all().to_pylist()}
    return rows


def agreeing(plants: Iterable[Plant], rows: Mapping[str, dict[str, Any]]) -> tuple[int, int]:
    """(typed, agreeing): what was typed and the next page that shows it have one pseudonym."""
    shown: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows.values():
        shown[row["workflow"]].append(row["observation"])
    typed = agree = 0
    for plant in plants:
        if not plant.mark:
            continue
        row = next(
            (each for each in rows.values() if f'id="{plant.mark}f"' in each["target_html"]), {}
        )
        said = [
            hit[1]
            for text in (shown[row.get("workflow", "")])
            if (hit := re.search(rf"{plant.mark} is (.*?) \.", text))
        ]
        if row and said:
            typed += 1
            agree += all(each == escape(row["action_value"], quote=False) for each in said)
    return typed, agree


def figures(key: Key, plain: Path, redacted: Path) -> list[Figure]:
    """What became of each kind."""
    before, after = pieces(texts(plain)), pieces(texts(redacted))
    planted_, found, gone = Counter[str](), Counter[str](), Counter[str]()
    for plant in key.plants:
        written = spellings(plant.value)
        if any(each in before for each in written):
            planted_[plant.kind] += 1
            found[plant.kind] += not any(each in after for each in written)
        looks = escape(plant.looks)
        if looks in before and looks not in after and escape(plant.looks, quote=False) not in after:
            gone[plant.kind] += 1
    made = [
        Figure(
            "privacy", kind, planted_[kind], found[kind], found[kind] + gone[kind],
            ASKED.get(kind, 0.995), 0.99,
        )
        for kind in MADE
    ]  # fmt: skip
    one, other = samples(plain), samples(redacted)
    typed, agree = agreeing(key.plants, other)
    made.append(Figure("privacy", "typed and shown agree", typed, agree, agree))
    kept = sum(
        name in other
        and (row["node"], row["ref"]) == (other[name]["node"], other[name]["ref"])
        and other[name]["target_html"] in other[name]["observation"]
        for name, row in one.items()
        if row["target_html"] in row["observation"]
    )
    targets = sum(row["target_html"] in row["observation"] for row in one.values())
    return [*made, Figure("privacy", "targets and node ids survive", targets, kept, kept)]


_EVIDENT = re.compile(
    r"[\w.+%-]+(?:@|%40)[\w.-]+|\+?\(?\d[\d ().%/-]{6,}\d|[A-Z]{2}\d{2}(?: ?\w{4}){3,}"
)
"""Mail, phones and accounts as a reader knows them, not as the detector does."""


def saved_pages(folder: Path) -> Figure:
    """Texts of saved pages that stay, but for mail, phones and accounts that are evident."""
    recipe = load("publishable")
    pruner, tally = recipe.stage(Prune).pruner, Tally()
    texts_, wrong = 0, 0
    for path in sorted(folder.rglob("*.html.*")):
        opened = gzip.decompress if path.suffix == ".gz" else zstandard.decompress
        html = opened(path.read_bytes()).decode("utf-8", "replace")
        workflow = Workflow("w", "Read", (Step("1", "", html, Action("click")),))
        draft = enter(workflow, tally, {})
        draft.steps[0].observation = before = pruner.prune(read(html)).observation
        list(recipe.stage(Redact)(iter((draft,)), tally))
        shown = [re.findall(r">\s*([^<>]*[^<>\s])\s*<", each)
                 for each in (before, draft.steps[0].observation)]  # fmt: skip
        texts_ += len(shown[0])
        for one, other in zip(*shown, strict=True):
            rest = _EVIDENT.sub("", one)
            wrong += one != other and rest != _EVIDENT.sub("", other)
    stay = texts_ - wrong
    return Figure("privacy", "texts of saved pages stay", texts_, stay, stay, 0.9999)


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """2,000 values in our own recordings and in real ones."""
    real = [shared / "data" / name for name in ("browsergym_workarena", "browsergym_webarena")]
    found = records([builds.RECORDINGS, *(each for each in real if each.is_dir())])
    key = planted(found, ALL, seed)
    plain = build(found, folder / "plain")
    made = figures(key, plain, build(found, folder / "redacted", 'redact.salt="a secret"'))
    return [*made, saved_pages(shared / "data" / "html_pages")]
