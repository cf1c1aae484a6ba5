"""WebLINX's demonstrations as evaluation sets: a step for each turn of the navigator.

The prompt of a turn is that of the recorded step, in the recipe's own frame; turns without a page,
such as what the navigator says, have nothing where the page stands. Boxes of elements are read from
``bboxes/``; candidates of elements come from the files of candidates that are given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

import orjson

from etl.build.evalset.built import step_of
from etl.build.evalset.prompts import Chunks, Prompter, prompter
from etl.build.evalset.steps import Chain, Recorded
from etl.build.recipes.recipe import Recipe
from etl.evaluate.facts import known, weblinx
from etl.evaluate.schema import Candidate, EvalStep
from etl.inputs.documents import folders
from etl.inputs.find import Found
from etl.inputs.records import InputShard
from etl.inputs.streams import lines
from etl.pages.page import Page
from etl.pages.reading import read
from etl.sources.weblinx.replays import REPLAY, WebLinx
from etl.tally import Tally
from schemas.errors import RecordError

_BOXES: Final = "bboxes"


@dataclass
class WebLinxTurns:
    """Some demonstrations."""

    demos: Sequence[Found]
    recipe: Recipe
    # files of candidates, JSON lines with demo_name, turn_index, uid, rank, score, label
    candidates: Sequence[str] = ()
    # split -> names of its demonstrations
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    split: str = ""
    chunks: Chunks = "recipe"
    family: str = weblinx.FAMILY
    lost: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chain = Chain(self.recipe, without_element=True, with_pages=True)
        self._split_of = {demo: name for name, demos in self.splits.items() for demo in demos}
        self._candidates = _candidates(self.candidates)
        self._prompters: dict[str, Prompter] = {}

    def steps(self) -> Iterator[EvalStep]:
        """The turns of all demonstrations, one demonstration in memory at a time."""
        for found in self.demos:
            name = found.name.rpartition("/")[2]
            split = self.split or self._split_of.get(name, "")
            if not split and self._split_of:
                self.lost["in_no_split"] += 1
                continue
            try:
                yield from self._demo(found, name, split or "test")
            except RecordError as error:
                self.lost[error.reason] += 1

    def _demo(self, found: Found, name: str, split: str) -> Iterator[EvalStep]:
        files = folders.files(found.place)
        turns = _turns(files[REPLAY].place)
        shard = InputShard(found.name, found.place, WebLinx.name, found.size, "")
        tally = Tally("read")
        for workflow in WebLinx().read(shard, tally):
            for each in self._chain(workflow):
                number = int(each.step_draft.step.step_id)
                try:
                    turn = weblinx.turn_of(turns[number])
                    following = number + 1 < len(turns) and _is_action(turns[number + 1])
                    then = weblinx.turn_of(turns[number + 1]) if following else None
                except (KeyError, TypeError):
                    self.lost["missing_field"] += 1
                    continue
                boxes = _boxes(files, turns[number])
                page = read(each.step_draft.page) if each.step_draft.step.has_page else None
                nodes = _nodes(page)
                facts = weblinx.made(turn, then, boxes, nodes)
                yield self._step(each, facts, nodes, name, number, split, len(workflow.steps))
        for record in tally.quarantined:
            self.lost[record.reason] += 1

    def _step(
        self,
        each: Recorded,
        facts: weblinx.Facts,
        nodes: Mapping[str, int],
        name: str,
        number: int,
        split: str,
        count: int,
    ) -> EvalStep:
        if split not in self._prompters:
            self._prompters[split] = prompter(self.recipe.packed, split, self.chunks)
        gold = [nodes[facts.uid]] if facts.uid is not None and facts.uid in nodes else []
        prompt, why = self._prompters[split], facts.left_out  # the reference scores none of these
        made = step_of(each.sample, split, count, prompt, gold, why)
        value = next((v for v in facts.arguments.values() if isinstance(v, str)), "")
        candidates = [
            replace(candidate, node=nodes.get(candidate.id, -1))
            for candidate in self._candidates.get((name, number), ())
        ]
        return replace(
            made,
            facts=known.text(facts),
            operation=facts.intent,
            value=value,
            candidates=candidates,
        )


def _is_action(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("type") in ("chat", "browser")


def _turns(place: str) -> list[Any]:
    try:
        found = orjson.loads(folders.content(place))["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise RecordError("broken_json", f"{place}: {error}") from error
    return list(found)


def _boxes(files: Mapping[str, Any], turn: Any) -> dict[str, weblinx.Box]:
    """The boxes of a turn's page: ``bboxes/bboxes-N.json`` for ``page-N-M.html``."""
    page = ((turn.get("state") or {}).get("page")) or ""
    stem = PurePath(page).stem.removeprefix("page-").partition("-")[0]
    node = files.get(f"{_BOXES}/{_BOXES}-{stem}.json") if stem else None
    if node is None:
        return {}
    recorded = orjson.loads(folders.content(node.place))
    return {uid: weblinx.box_of(box) for uid, box in recorded.items()}


def _nodes(page: Page | None) -> dict[str, int]:
    """The node id of each element id of a page."""
    if page is None:
        return {}
    found: dict[str, int] = {}
    for element, token in page.having("", weblinx.UID):
        uid = token.attributes().get(weblinx.UID)
        if uid is not None:
            found.setdefault(uid, page.node(element))
    return found


def _candidates(paths: Sequence[str]) -> dict[tuple[str, int], list[Candidate]]:
    """Candidates by demonstration and turn."""
    found: defaultdict[tuple[str, int], list[Candidate]] = defaultdict(list)
    for path in paths:
        for _, line in lines(path):
            if line.strip():
                row = orjson.loads(line)
                found[row["demo_name"], row["turn_index"]].append(
                    Candidate(
                        -1, row["uid"], row.get("rank"), row.get("score"), bool(row.get("label"))
                    )
                )
    return dict(found)
