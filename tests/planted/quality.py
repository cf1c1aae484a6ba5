"""Plants pages that stand in the way, steps that do nothing and loops into recordings; and pages
and steps that look like them and are none.

The recordings are built once as they are, and once with what is planted. What is flagged in both is
no matter of the planting: it was so recorded.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from etl.build.recipes.recipe import load
from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from etl.inputs import find
from etl.tally import Tally, as_record
from tests.planted.figures import Figure
from tests.planted.quality_pages import BLANKS, CAPTCHAS, ERRORS, INNOCENT, LOGINS
from tests.support import builds

SHARED: Final = ("browsergym_webarena", "mind2web", "portia")
SETTINGS: Final = ("quality.max_loops=2", "split.test=0")
LEAST: Final = {"recall": 0.95, "precision": 0.98}
PAGES: Final = {
    "error_page": ERRORS,
    "blank_page": BLANKS,
    "login_wall": LOGINS,
    "captcha": CAPTCHAS,
}
ABOUT_ACCOUNTS: Final = re.compile(r"(?i)log|sign|account|password|user|regist")

Record = dict[str, Any]


def measure(folder: Path, shared: Path, seed: int) -> list[Figure]:
    """Of our own recordings and some of the shared ones."""
    return measured(folder, [builds.RECORDINGS, *(shared / "data" / name for name in SHARED)], seed)


def measured(folder: Path, inputs: Iterable[Path], seed: int) -> list[Figure]:
    """The figures of all kinds in these recordings."""
    drawn = random.Random(seed)
    plain = list(recorded(inputs))
    before = flagged(folder / "plain", plain)
    planting = Planting(drawn)
    after = flagged(folder / "planted", [*planting.all(plain)])
    figures = []
    for kind, truth in sorted(planting.truth.items()):
        new = {each for each in after[kind] if _as_recorded(each) not in before[kind]}
        figures.append(Figure("quality", kind, len(truth), len(truth & new), len(new),
                              LEAST["recall"], LEAST["precision"]))  # fmt: skip
    return figures


def _as_recorded(flagged_id: str) -> str:
    """The id that what is in a copy of a recording has in the recording."""
    uid, slash, step = flagged_id.partition("/")
    return f"{uid.rpartition('-')[0]}{slash}{step}"


def recorded(inputs: Iterable[Path]) -> Iterator[Record]:
    """The workflows of some inputs in the interchange format, each with an id of its own."""
    sources = load("scribeagent-32k").samples.sources
    found = find.find([str(path) for path in inputs], sources)
    for at, shard in enumerate(sorted(find.shards(found), key=lambda shard: shard.name)):
        for number, flow in enumerate(sources[shard.format].read(shard, Tally())):
            record = as_record(flow)
            record["workflow_id"] = f"{at}-{number}-{flow.workflow_id}"
            for place, step in enumerate(record["steps"]):
                step["step_id"] = str(place)
                step.pop("number", None)
            kinds = {step["action"]["kind"] for step in record["steps"]}
            if any(step["html"] for step in record["steps"]) and not kinds & {"section", "stack"}:
                yield record


def flagged(folder: Path, records: Iterable[Record]) -> dict[str, set[str]]:
    """What a build of these recordings drops for each reason of the quality stage.

    Steps by ``workflow_id/step_id``, workflows by their ids.
    """
    folder.mkdir(parents=True)
    names: dict[str, dict[int, str]] = {}
    with (folder / "all.jsonl").open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
            ids = [step["step_id"] for step in record["steps"]]
            names[record["workflow_id"]] = dict(enumerate(ids, 1))
    builds.build([folder / "all.jsonl"], folder / "out", *SETTINGS)
    found: defaultdict[str, set[str]] = defaultdict(set)
    rows = drops(Layout(folder / "out").work).collect()
    for row in rows.filter(stage="quality").iter_rows(named=True):
        uid, _, number = str(row["id"]).removeprefix("workflows:").rpartition("/")
        if row["unit"] == "step" and row["reason"] != "too_many_loops":
            found[row["reason"]].add(f"{uid}/{names[uid][int(number)]}")
        elif row["unit"] == "workflow":
            found[row["reason"]].add(str(row["id"]).removeprefix("workflows:"))
    return found


class Planting:
    """Plants, and keeps the key."""

    def __init__(self, drawn: random.Random) -> None:
        self._drawn = drawn
        # by kind: ids as `flagged` gives them
        self.truth: dict[str, set[str]] = {
            kind: set() for kind in (*PAGES, "no_effect", "too_many_loops")
        }
        self._pages = [(kind, page) for kind, pages in PAGES.items() for page in pages]
        self._pages += [("", page) for page in INNOCENT]

    def all(self, records: list[Record]) -> Iterator[Record]:
        """The recordings with what is planted in them: each page once and each kind of step."""
        waiting = self._pages * 3
        self._drawn.shuffle(waiting)
        ways: tuple[Callable[[Record], None], ...] = (
            self._nothing,
            self._nothing,
            self._something,
            self._loop,
            self._progress,
        )
        for at, record in enumerate(self._round(records, waiting)):
            record["workflow_id"] += f"-{at}"
            about = ABOUT_ACCOUNTS.search(record["objective"]) is not None
            way = ways[at % len(ways)]
            if waiting and way != self._loop and (waiting[-1][0] != "login_wall" or not about):
                self._page(record, *waiting.pop())
            way(record)
            yield record

    def _round(self, records: list[Record], waiting: list[Any]) -> Iterator[Record]:
        """Copies of the recordings, as often as it takes; the objectives differ."""
        rounds = 0
        while waiting and rounds < 100:
            rounds += 1
            for record in records:
                copy = json.loads(json.dumps(record))
                copy["objective"] += f" (round {rounds})"
                yield copy

    def _page(self, record: Record, kind: str, page: str) -> None:
        """Put a page in the place of a recorded one, with an action on something in it."""
        at = self._drawn.randrange(len(record["steps"]))
        step = record["steps"][at]
        body = re.search(r"<(button|h1|h2|h4|canvas|video|a|p|div)\b", page.partition("<body")[2])
        tag = body[1] if body else "body"
        one = len(re.findall(rf"<{tag}\b", page)) == 1
        step["html"], step["url"] = page, step["url"] or "https://www.shop.test/page"
        step["axtree"] = step["error"] = ""
        step["action"] = {"kind": "click", "value": "", "description": ""}
        step["target"] = [{"kind": "css", "value": tag if one and kind != "blank_page" else "body"}]
        step["destination"] = []
        step["step_id"] = f"page-{at}"
        if kind:
            self.truth[kind].add(f"{record['workflow_id']}/{step['step_id']}")

    def _insert(self, record: Record, step_id: str, noise: bool, **fields: Any) -> int | None:
        """A step before a recorded one, on the same page; its place."""
        places = [
            at
            for at, step in enumerate(record["steps"])
            if not step["step_id"].startswith("page-")
            and not step["error"]
            and len(re.findall(r"<body\b", step["html"])) == step["html"].count("</body>") == 1
        ]
        if not places or len({step["html"] for step in record["steps"]}) < 2:
            return None
        at = self._drawn.choice(places)
        step = json.loads(json.dumps(record["steps"][at]))
        if noise:
            token = self._drawn.randrange(10**9)
            step["html"] = step["html"].replace(
                "</body>", f"<!-- {token} --><script nonce='{token}'>t={token}</script></body>", 1
            )
        step |= {"step_id": step_id, "destination": [], "error": "", "axtree": ""}
        step |= {"target": [{"kind": "css", "value": "body"}], **fields}
        record["steps"].insert(at, step)
        return at

    def _nothing(self, record: Record) -> None:
        """A click beside everything, after which the page is the same but for its noise."""
        action = {"kind": "click", "value": "", "description": ""}
        if self._insert(record, "nothing", noise=True, action=action) is not None:
            self.truth["no_effect"].add(f"{record['workflow_id']}/nothing")

    def _something(self, record: Record) -> None:
        """Steps after which the page is the same, and that do something or say nothing."""
        kind, value = self._drawn.choice(
            [("hover", ""), ("press", "Escape"), ("type", "mugs"), ("click", "class")]
        )
        action = {"kind": kind, "value": "", "description": ""}
        if kind == "click":  # a menu opens
            at = self._insert(record, "something", noise=False, action=action)
            if at is not None:
                step = record["steps"][at]
                step["html"] = re.sub(r"<body\b", "<body data-menu='shut'", step["html"], count=1)
            return
        action["value"] = value
        self._insert(record, "something", noise=False, action=action)

    def _loop(self, record: Record) -> None:
        """The same typing on the same page, again and again."""
        action = {"kind": "type", "value": "blue mugs", "description": ""}
        at = self._insert(record, "loop-0", noise=True, action=action)
        if at is None:
            return
        for again in range(1, self._drawn.choice((4, 5, 6))):
            record["steps"].insert(at, record["steps"][at] | {"step_id": f"loop-{again}"})
        self.truth["too_many_loops"].add(record["workflow_id"])

    def _progress(self, record: Record) -> None:
        """The same button, and each time another page: a list is paged through."""
        action = {"kind": "click", "value": "", "description": ""}
        at = self._insert(record, "next-0", noise=False, action=action)
        if at is None:
            return
        first = record["steps"].pop(at)
        for again in range(5):
            html = first["html"].replace("</body>", f"<p>Page {again}</p></body>", 1)
            record["steps"].insert(at, first | {"step_id": f"next-{again}", "html": html})
