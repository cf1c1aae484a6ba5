"""A small made-up evaluation set and a plain protocol, for tests of the score engine."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import orjson

from etl.evaluate.files import EvalSet, EvalWriter, opened
from etl.evaluate.protocols.protocol import Row, Scored
from etl.evaluate.schema import EvalStep, Prompted

KINDS: Final = ("click", "type", "select")


@dataclass(frozen=True)
class Plain:
    """The first answer of the last chunk that has one counts; it is a node's number."""

    name: ClassVar[str] = "plain"
    family: ClassVar[str] = "steps"
    metrics: ClassVar[tuple[str, ...]] = ("right", "near")
    defects: ClassVar[tuple[str, ...]] = ("Kinds are never compared.",)

    def score(self, facts: Any, answers: Sequence[Sequence[str] | None]) -> Scored:
        for chunk, outputs in reversed([*enumerate(answers)]):
            if outputs and outputs[0].isdigit():
                node = int(outputs[0])
                right = float(node == facts["node"])
                near = 1 / (1 + abs(node - facts["node"])) if facts["near"] else None
                metrics = {"right": right, "near": near}
                return Scored("scored", metrics, node, (chunk, 0), node == facts["node"], ())
        empty = {"right": 0.0, "near": 0.0 if facts["near"] else None}
        outcome = "unreadable" if any(answers) else "no_answer"
        return Scored(outcome, empty, None, None, False, ("nothing was read",))

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        return {"sum": sum((row.scored.metrics["right"] or 0.0 for row in rows), 0.0)}


def page(node: int) -> str:
    body = f'<body> <button node="{node}"> <b>Go</b> </button> </body>'
    return f'Go on <html node="{node + 9}"> {body} '


def small(out: Path, workflows: int = 12, seed: int = 0, most_chunks: int = 3) -> EvalSet:
    """Write a set of workflows with 1 to 5 steps of up to three chunks, in two splits."""
    chance = random.Random(seed)
    with EvalWriter(out) as writer:
        for flow in range(workflows):
            steps = chance.randint(1, 5)
            for step in range(1, steps + 1):
                writer.add(_step(chance, flow, step, steps, most_chunks))
        writer.finish({"family": "steps"})
    return opened(out)


def _step(chance: random.Random, flow: int, step: int, steps: int, most_chunks: int) -> EvalStep:
    node = chance.randint(0, 20)
    prompts = [
        Prompted(_messages(node), np.arange(4, dtype=np.int32), chunk == 0)
        for chunk in range(chance.choice([1, 1, most_chunks, 0]))
    ]
    return EvalStep(
        step_id=f"w{flow}/{step}",
        workflow_id=f"w{flow}",
        split="seen" if flow % 2 else "new",
        objective="Go </script><img src=x onerror=alert(1)>",
        step=step,
        steps=steps,
        prompts=prompts,
        facts=orjson.dumps({"node": node, "near": flow % 3 > 0}).decode(),
        kind=chance.choice(KINDS),
        website=f"site{flow % 4}",
        domain=f"site{flow % 4}.test" if flow % 4 else "",
        page_tokens=chance.choice([300, 1023, 1024, 5000, 200_000]),
        context=chance.choice([32_768, 8_192]),
        nodes=(node,),
        operation="CLICK",
        text=f"1.\nDescription: go\nAction: mouse_click_action\nNode: {node}\n",
    )


def _messages(node: int) -> list[Mapping[str, str]]:
    user = f"Objective: Go\nURL: u\nObservation: {page(node)}\nStep-by-step guide:\n"
    return [{"role": "system", "content": "s"}, {"role": "user", "content": user}]


def right(given: EvalSet) -> dict[str, tuple[str | None, ...]]:
    """Perfect answers."""
    found: dict[str, tuple[str | None, ...]] = {}
    for row in given.rows(("id", "chunks", "gold")):
        if row["chunks"]:
            found[row["id"]] = (str(row["gold"]["nodes"][0]),)
    return found
