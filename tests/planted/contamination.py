"""Tasks of benchmarks among workflows: as they are, reworded by fixed rules, with other entities;
and other tasks on the same sites, of which some are polite.

People who write lists of tasks have the same ideas: Mind2Web and WebVoyager ask for much the same.
So an innocent task is one that differs from all tasks of the benchmarks by other measures than any
that is used: `difflib` finds less than `ALIKE` of the words of both in the same order, and less
than `ALIKE` of the long words of the shorter one are in the other. Some of the others are planted
too, and count in a figure of their own, of which nothing is asked.

The objectives are those of real recordings and task lists. A part of them is written as benchmarks
in the layouts of Mind2Web, WebArena and WebVoyager; of these some are planted, each in a workflow
of its own. The others are innocent. Tasks that one template makes are on one side.

Thresholds are chosen on one half of the objectives, by a hash of their template (`HALVES`); the
figures of the other half, the one held out, are those to believe. Each half is an experiment of its
own, with a registry of its own.
"""

from __future__ import annotations

import difflib
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import xxhash
import zstandard

from etl.build.recipes.recipe import load
from etl.inputs import find
from etl.tally import Tally
from tests.planted.figures import Figure
from tests.support import builds

PART: Final = "contamination"
EACH: Final = 300
"""The most that are planted of each kind."""
ALIKE: Final = 0.5
HALVES: Final = ("tuned on", "held out")


@dataclass(frozen=True)
class Objective:
    """An objective of somebody else."""

    list: str
    id: str
    text: str
    site: str
    # what shares it comes from one template
    family: str


@dataclass(frozen=True)
class Planted:
    """A workflow's objective, and what it was made of."""

    kind: str
    text: str
    of: Objective


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Recall and precision of each kind, by the command line."""
    if not (shared / "data").is_dir():
        return figures(folder, [*_own()], seed)
    pool = [*_own(), *_of_shared(shared)]
    made = figures(folder / "all", pool, seed)
    for half in HALVES:
        mine = [each for each in pool if half_of(each) == half]
        made += figures(folder / half, mine, seed, f"{half}: ")
    return made


def half_of(objective: Objective) -> str:
    """The half in which an objective is, with all of its template."""
    return HALVES[xxhash.xxh3_64_intdigest(objective.family.encode()) % 2]


def figures(folder: Path, pool: Sequence[Objective], seed: int, title: str = "") -> list[Figure]:
    """Plant, build a registry and a dataset, and compare what is shown with the key."""
    chance = random.Random(seed)
    families = defaultdict(list)
    for each in pool:
        families[each.family].append(each)
    names = sorted(families)
    chance.shuffle(names)
    sides = names[::2], names[1::2]
    known, innocent = ([each for name in side for each in families[name]] for side in sides)
    lists = [*_written(folder / "benchmarks", known)]
    registry = folder / "benchmarks.registry"
    _run("benchmarks", "build", *lists, "--out", registry)
    planted = [*_planted(known, innocent, chance)]
    builds.write_workflows(
        folder / "in" / "planted.jsonl",
        *(_workflow(number, each, chance) for number, each in enumerate(planted)),
    )
    _run(
        "build", folder / "in", "--out", folder / "out", "--workers", "0",
        "--set", f'contamination.registries=["{registry}"]', "--set", "filter.min_english=0",
    )  # fmt: skip
    shown = json.loads(_run("contamination", folder / "out", "--limit", "0", "--json"))
    made = _compared(planted, shown["pairs"], known)
    return [replace(each, kind=title + each.kind) for each in made]


def _compared(
    planted: Sequence[Planted], pairs: Sequence[dict[str, Any]], known: Sequence[Objective]
) -> list[Figure]:
    """The figures; a finding that names a task of another family is none."""
    family = {(each.list, each.id): each.family for each in known}
    named: defaultdict[int, set[str]] = defaultdict(set)
    for pair in pairs:
        number = int(pair["workflow"].rpartition("-")[2])
        named[number].add(family[pair["benchmark"], pair["task"]])
    wrong, alike = (
        sum(each.kind == kind and bool(named[number]) for number, each in enumerate(planted))
        for kind in ("innocent", "alike")
    )
    made, total, flagged = [], 0, 0
    for kind, recall in (("verbatim", 1.0), ("reworded", 0.9), ("other entities", 0.8)):
        mine = [number for number, each in enumerate(planted) if each.kind == kind]
        found = sum(planted[number].of.family in named[number] for number in mine)
        made.append(Figure(PART, kind, len(mine), found, found + wrong, recall, 0.98))
        total, flagged = total + len(mine), flagged + found
    made.append(Figure(PART, "all", total, flagged, flagged + wrong, 0.9, 0.98))
    made.append(
        Figure(PART, "all, beside tasks alike", total, flagged, flagged + wrong + alike, 0.9, 0)
    )
    return made


def _planted(
    known: Sequence[Objective], innocent: Sequence[Objective], chance: random.Random
) -> Iterator[Planted]:
    """What is planted, each kind of other tasks as far as there are enough."""
    ways: dict[str, Callable[[str, random.Random], str]] = {
        "verbatim": lambda text, _: text, "reworded": reworded, "other entities": other_entities,
    }  # fmt: skip
    for kind, way in ways.items():
        count = 0
        for each in chance.sample(known, len(known)):
            if count < EACH and ((text := way(each.text, chance)) != each.text or kind[0] == "v"):
                yield Planted(kind, text, each)
                count += 1
    sites = {each.site for each in known}
    beside = [each for each in innocent if each.site in sites]
    room = {"innocent": 2 * EACH, "alike": EACH // 2}
    for each in chance.sample(beside, len(beside)):
        if not any(room.values()):
            return
        kind = "alike" if _alike(each, known) else "innocent"
        if not room[kind]:
            continue
        room[kind] -= 1
        text = polite(each.text, chance) if chance.random() < 0.5 else each.text
        yield Planted(kind, text, each)


def _alike(one: Objective, known: Sequence[Objective]) -> bool:
    """Whether a task of the benchmarks is much the same."""
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(re.findall(r"\w+", one.text.lower()))
    long = _long(one.text)
    for each in known:
        other = _long(each.text)
        if len(long & other) >= max(2, ALIKE * min(len(long), len(other))):
            return True
        matcher.set_seq1(re.findall(r"\w+", each.text.lower()))
        if matcher.real_quick_ratio() > ALIKE < matcher.quick_ratio() and matcher.ratio() >= ALIKE:
            return True
    return False


def _long(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w{5,}", text.lower()))


def _workflow(number: int, each: Planted, chance: random.Random) -> dict[str, Any]:
    """A workflow with a page of our own; half of them name the site."""
    site = each.of.site if chance.random() < 0.5 else ""
    record = builds.workflow(number, workflow_id=f"planted-{number}", website=site)
    return {**record, "objective": each.text}


# The fixed rules.

SYNONYMS: Final = {
    "find": "look for", "search for": "look up", "search": "look up", "show me": "display",
    "show": "display", "book": "reserve", "buy": "purchase", "browse": "explore", "open": "visit",
    "check": "see", "add": "put", "get": "obtain", "tell me": "report", "select": "pick",
    "choose": "select", "cheapest": "least expensive", "create": "make", "locate": "find",
    "look for": "search for", "provide": "give me", "list": "enumerate", "view": "look at",
    "compare": "contrast", "identify": "determine", "near": "close to", "movie": "film",
    "store": "shop", "photo": "picture", "purchase": "buy", "car": "automobile", "give": "hand",
    "delete": "remove", "change": "modify", "what is": "what's", "how many": "what number of",
}  # fmt: skip
_BEFORE: Final = (
    "Please", "Could you", "I want you to", "Can you please", "I'd like you to", "Help me to",
)  # fmt: skip
_UNITS: Final = "zero one two three four five six seven eight nine ten eleven twelve".split()


def polite(text: str, chance: random.Random) -> str:
    """A request before it, or thanks after it."""
    before = chance.choice(_BEFORE)
    asked = f"{before} {text[:1].lower()}{text[1:]}"
    return f"{asked} Thanks." if chance.random() < 0.3 else asked


def _synonyms(text: str, chance: random.Random) -> str:
    """Up to three words by others that mean the same."""
    words = [word for word in SYNONYMS if re.search(rf"\b{word}\b", text, re.IGNORECASE)]
    for word in sorted(chance.sample(words, min(3, len(words)))):
        text = re.sub(rf"\b{word}\b", SYNONYMS[word], text, count=1, flags=re.IGNORECASE)
    return text


def _clauses(text: str, _: random.Random) -> str:
    """The last clause first."""
    for mark in (", ", " with ", " for ", " in ", " on ", " from ", " and "):
        first, there, last = text.rstrip(".?").rpartition(mark)
        if there and len(first.split()) > 2 and len(last.split()) > 1:
            joint = "" if mark in (", ", " and ") else mark.strip().capitalize() + " "
            return f"{joint}{last}, {first[:1].lower()}{first[1:]}"
    return text


def _case(text: str, chance: random.Random) -> str:
    return chance.choice((str.lower, str.upper, str.title))(text)


def _points(text: str, chance: random.Random) -> str:
    bare = re.sub(r"[.,;:!?\"]+(?=\s|$)", "", text)
    return chance.choice((bare, f"{bare}.", f"{bare} !", re.sub(" ", "  ", bare, count=2)))


def _numbers(text: str, _: random.Random) -> str:
    def word(match: re.Match[str]) -> str:
        return _UNITS[int(match[0])] if int(match[0]) < len(_UNITS) else match[0]

    return re.sub(r"(?<![\w.,:/$])\d{1,2}(?![\w,:/%]|\.\d)", word, text)


def _articles(text: str, _: random.Random) -> str:
    return re.sub(r"\b(the|a|an) ", "", text)


RULES: Final = (polite, _synonyms, _clauses, _case, _points, _numbers, _articles)


def reworded(text: str, chance: random.Random) -> str:
    """Synonyms or another order of clauses, and two other rules."""
    first = chance.choice((_synonyms, _clauses))
    others = chance.sample([rule for rule in RULES if rule is not first], 2)
    for rule in sorted((first, *others), key=lambda rule: rule is _case):  # case at last
        text = rule(text, chance)
    return text


_NAMES: Final = (
    "Springfield", "Oslo", "Maria", "Kyoto", "Henderson", "Lisbon", "Anders", "Quebec", "Tromso",
    "Valencia", "Birgit", "Nairobi", "Duluth", "Ferrara",
)  # fmt: skip
_MONTHS: Final = (
    "January February March April May June July August September October November December"
).split()


def other_entities(text: str, chance: random.Random) -> str:
    """Every number, month and name within a sentence by another one."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word[0].isdigit():
            return str(int(word) + chance.randint(1, 8)) if len(word) < 9 else word
        if word in _MONTHS:
            return chance.choice([month for month in _MONTHS if month != word])
        return chance.choice([name for name in _NAMES if name != word])

    months = "|".join(_MONTHS)
    name = r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*"
    return re.sub(rf"\b(?:{months})\b|{name}|\d+", other, text)


# Where objectives are from, and how benchmarks write them.


def _own() -> Iterator[Objective]:
    """Those of our own recordings."""
    sources = load("scribeagent-32k").samples.sources
    seen: set[str] = set()
    shards = find.shards(find.find([str(builds.RECORDINGS)], sources))
    for shard in sorted(shards, key=lambda shard: shard.name):
        for flow in sources[shard.format].read(shard, Tally()):
            if flow.objective and flow.objective not in seen:
                seen.add(flow.objective)
                site = shard.name.partition(".")[0]
                family = re.sub(r"[\"'].*?[\"']|\d+", "", flow.objective)
                yield Objective("own", f"o{len(seen):05d}", flow.objective, site, f"own {family}")


def _of_shared(shared: Path) -> Iterator[Objective]:
    """Recorded objectives of Mind2Web, and lists of WebArena and WebVoyager; none of them twice."""
    data = shared / "data"
    seen: set[str] = set()
    found = [
        Objective("mind2web", each["id"], each["confirmed_task"], each["website"], each["id"])
        for each in _json(data / "mind2web" / "objectives_processed.0-804.json.zst")
    ]
    found += [
        Objective(
            "webarena",
            str(each["task_id"]),
            each["intent"],
            "+".join(each["sites"]),
            f"webarena {each['intent_template_id']}",
        )
        for each in _json(data / "webarena" / "test.raw.json.zst")
    ]
    lines = _text(data / "webvoyager" / "WebVoyager_data.jsonl.zst").splitlines()
    found += [
        Objective("webvoyager", each["id"], each["ques"], each["web_name"], each["id"])
        for each in map(json.loads, lines)
    ]  # fmt: skip
    for one in found:
        if one.text not in seen:
            seen.add(one.text)
            yield replace(one, text=" ".join(one.text.split()))


def _json(path: Path) -> list[dict[str, Any]]:
    return list(json.loads(_text(path)))


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        return zstandard.ZstdDecompressor().stream_reader(stream).read().decode()


def _written(folder: Path, known: Sequence[Objective]) -> Iterator[str]:
    """A file of each benchmark; ours is named, since nobody knows it."""
    folder.mkdir(parents=True)
    records: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in known:
        fields: dict[str, Any]
        if each.list == "mind2web":
            fields = {"annotation_id": each.id, "website": each.site, "confirmed_task": each.text}
        elif each.list == "webarena":
            fields = {
                "task_id": each.id, "sites": each.site.split("+"), "intent": each.text,
                "start_url": f"__{each.site.upper()}__", "intent_template": "",
            }  # fmt: skip
        elif each.list == "webvoyager":
            fields = {"web_name": each.site, "id": each.id, "ques": each.text}
        else:
            fields = {"id": each.id, "goal": each.text, "site": each.site}
        records[each.list].append(fields)
    for name, rows in sorted(records.items()):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(rows))
        yield f"own@1={path}" if name == "own" else str(path)


def _run(*arguments: str | Path) -> str:
    done = builds.command(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout
