"""Ids of every fate, whose stories must say what the files of the build say.

The build has everything on: two nights of real recordings, and workflows of ours that meet what
real ones may not. Every fate that is there is drawn from: each reason of each stage and unit, each
split, and what else a story tells. What `stepmill explain` says of an id is compared with ledgers,
index, data files, statistics and manifest (`tests.planted.stories`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.planted.figures import Figure
from tests.planted.nopages import run
from tests.planted.stories import Truth
from tests.support import builds

PART: Final = "explain"
IDS: Final = 50
"""How many stories are compared at least."""
BENCHMARKS: Final = (
    "webarena/test.raw.json.zst",
    "webvoyager/WebVoyager_data.jsonl.zst",
)
TASKS: Final = (
    "Find the cheapest direct flight from Boston to Oslo on March 3 with two bags",
    "Compare the opening hours of both libraries in the town centre during winter",
)
"""Of a benchmark of our own: the first in the training split, the second in one by a list."""
RECIPE: Final = """\
extends = "publishable"
name = "everything"

[filter]
observations = ["html", "axtree"]
no_objective = false

[lint]
drop_steps = ["disabled_target"]
drop_workflows = ["off_by_one"]
mend = ["repeated_step"]

[quality]
max_failed_steps = 0.8
max_loops = 8

[leaks]
attributes = ["browsergym_set_of_marks", "data_pw_testid_buckeye_candidate", "data-mark"]

[[rules.drop]]
reason = "long_page"
unit = "step"
when = "page_chars > 1_000_000"

[[rules.drop]]
reason = "forbidden"
unit = "workflow"
when = 'objective contains "forbidden"'

[redact]
salt = "a salt"

[exclude]
workflows = ["w13"]

[takedown]
workflows = ["w14"]

[near]

[templates]
workflows_per_template = 40

[caps]
samples_per_domain = 600

[minimums]
samples_per_domain = 3

[split]
test_task = 0.1
test_website = 0.3
test_domain = 0.1
validation = 0.1

[subsets]
tokens = ["30K"]

[mix]
temperature = 2.0

[fit]
context = 4096
train = "all"
max_chunks = 12

[pack]
shard_mb = 1
"""


def shop(number: int, steps: int) -> dict[str, Any]:
    """A workflow on one of seven sites of three topics."""
    topic = ("tools", "toys", "food")[number % 3]
    return builds.workflow(number, steps, website=f"shop{number % 7}", topic=topic)


def ours() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Workflows that meet their fates in the first and in the second night."""
    first = [shop(number, 3) for number in range(30)]
    first[0]["objective"], first[20]["objective"] = TASKS
    first[1]["steps"][1]["html"] = first[1]["steps"][1]["html"].replace(
        "<button", "<button disabled"
    )
    first[2]["steps"][0]["target"] = [{"kind": "css", "value": "#nowhere"}]
    first[3]["objective"] += " and write to ann.miller@mail.example about it"
    first[3]["steps"][0]["html"] += "<p>Ann's address is ann.miller@mail.example</p>"
    first[4]["objective"] += " though it is forbidden"
    first[5]["steps"][1]["html"] = "<html><body><h1>502 Bad Gateway</h1></body></html>"
    first[6]["steps"][0]["html"] += "<p>one more text in it</p>" * 3000
    first[7]["steps"][0]["html"] += "word " * 30_000
    first[8]["objective"] = "Bestelle die rote Kanne im Laden und bezahle sie mit der Karte"
    first[9]["steps"][1]["action"]["kind"] = "frobnicate"
    first[10]["steps"][0]["html"] = first[10]["steps"][0]["html"].replace("id=", "data-mark=1 id=")
    first[11]["steps"].insert(1, dict(first[11]["steps"][0]))
    first[12]["steps"] = []
    second = [shop(number, 2) for number in range(30, 34)]
    second.append(first[15] | {"workflow_id": "again"})
    second.append(shop(16, 1) | {"objective": "Order something else entirely here"})
    near = shop(17, 3) | {"workflow_id": "near"}
    near["objective"] += "!"
    second.append(near)
    return first, second


def build(folder: Path, inputs: Sequence[Path], shared: Path) -> Path:
    """A build of two nights with everything on."""
    listed = folder / "held.txt"
    listed.write_text("w20\nw21\n")
    registry = folder / "benchmarks.registry"
    tasks = folder / "tasks.json"
    rows = [{"task_id": str(at), "intent": text} for at, text in enumerate(TASKS)]
    tasks.write_text(json.dumps(rows))
    there = [shared / "data" / name for name in BENCHMARKS]
    run("benchmarks", "build", f"ours={tasks}", *filter(Path.exists, there), "--out", registry)
    recipe = folder / "everything.toml"
    lists = f"\n[split.lists]\nmine = {json.dumps(str(listed))}\n"
    named = f"\n[contamination]\nregistries = [{json.dumps(str(registry))}]\n"
    recipe.write_text(RECIPE + lists + named)
    nights = folder / "nights"
    first, second = ours()
    whole = builds.write_workflows(nights / "first.jsonl", *first)
    with whole.open("a") as stream:
        stream.write("{broken\n")
    given = [nights, *inputs]
    command: tuple[str | Path, ...] = (
        "build",
        *given,
        "--out",
        folder / "out",
        "--recipe",
        recipe,
        "--workers",
        "0",
    )
    run(*command)
    builds.write_workflows(nights / "second.jsonl", *second)
    run(*command)
    return folder / "out"


def drawn(fates: Mapping[str, Sequence[str]], seed: int, least: int = IDS) -> dict[str, list[str]]:
    """Ids of each fate: one of each, then one more of each that has more, until it is enough."""
    dice = random.Random(seed)
    left = {
        name: dice.sample(sorted(set(ids)), len(set(ids))) for name, ids in sorted(fates.items())
    }
    chosen: dict[str, list[str]] = {name: [] for name in left}
    while any(left.values()):
        for name, ids in left.items():
            if ids:
                chosen[name].append(ids.pop())
        if sum(map(len, chosen.values())) >= least:
            break
    return chosen


def figures(out: Path, seed: int) -> list[Figure]:
    """The stories of each fate that agree with the files of a build."""
    truth = Truth(out)
    found = []
    for fate, ids in drawn(truth.fates(), seed).items():
        wrong = {id: problems for id in ids if (problems := truth.problems(id))}
        for id, problems in wrong.items():
            print(f"{fate}: {id}:", *problems, sep="\n  ")
        right = len(ids) - len(wrong)
        found.append(Figure(PART, fate, len(ids), right, right))
    return found


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """The figures on all shared recordings."""
    inputs = [builds.RECORDINGS, *filter(Path.is_dir, [shared / "data"])]
    return figures(build(folder, inputs, shared), seed)
