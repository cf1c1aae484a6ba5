"""How long `stepmill score` takes over many predictions, and how much memory it needs.

::

    python -m tests.bench.scores --predictions 100000

The set is made up: workflows of eleven steps on 137 sites, a prompt a step, with facts as long as
those of recorded pages, and answers like those of a model. It is scored by each protocol on one
core, in a process of its own, with all tables and intervals, once alone and once against other
predictions.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import orjson

from etl.evaluate.facts import mind2web_direct, steps
from etl.evaluate.facts.known import text as as_text
from etl.evaluate.files import EvalWriter
from etl.evaluate.schema import EvalStep, Prompted
from tests.bench import measure

STEPS: Final = 11  # of a workflow, as in ScribeAgent's
SITES: Final = 137  # as in Mind2Web
PROTOCOLS: Final = ("exact", "strict", "mind2web-direct/scribeagent-v2")
LIMIT_SECONDS: Final = 20.0
LIMIT_MIB: Final = 500.0
_KINDS: Final = (("click", "CLICK"), ("type", "TYPE"), ("select", "SELECT"))
_SPLITS: Final = ("test_task", "test_website", "test_domain")


def synthetic(folder: Path, predictions: int, seed: int = 0) -> tuple[Path, list[Path]]:
    """Write a set of so many steps, and two files of predictions; returns their places."""
    chance = random.Random(seed)
    out, files = folder / "eval", [folder / "one.jsonl", folder / "two.jsonl"]
    with EvalWriter(out) as writer, files[0].open("wb") as one, files[1].open("wb") as two:
        for number in range(predictions):
            flow, step = divmod(number, STEPS)
            made, right = _step(chance, flow, step + 1)
            writer.add(made)
            for stream, share in ((one, 0.55), (two, 0.5)):
                answer = right if chance.random() < share else right.replace("Node: ", "Node: 9")
                line = {"id": made.step_id, "output": answer}
                stream.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        writer.finish({"family": mind2web_direct.FAMILY})
    return out, files


def _step(chance: random.Random, flow: int, number: int) -> tuple[EvalStep, str]:
    """A step, and the right answer to it."""
    site = flow * 7919 % SITES
    kind, op = _KINDS[chance.randrange(3)]
    node, word = chance.randint(1, 3000), f"item {chance.randint(0, 999)}"
    action = "keyboard_sequence_action" if kind == "type" else "mouse_click_action"
    said = f'Type "{word}"' if kind == "type" else f'Click "{word}"'
    right = (
        f"{number}.\nDescription: {said}\nAction: {action}\nNode: {node} {node} {node} {node} "
        f'{node}\nTarget: <button class="primary large" node="{node}" title="{word}">\n'
    )
    common = steps.Facts(kind, word if kind == "type" else "", (node,), right, True)
    kept = tuple(sorted(chance.sample(range(6000), 120)))
    older = mind2web_direct.Older((node,), "", kept, (node, node + 3), None, (), str(node))
    line = f"[button]  {word} -> {op}"
    whole = mind2web_direct.Facts(common, op, common.value, line, (node,), "", older)
    prompt = Prompted([{"role": "user", "content": "-"}], np.arange(2, dtype=np.int32), True)
    made = EvalStep(
        step_id=f"workflow-{flow:06d}/{number}",
        workflow_id=f"workflow-{flow:06d}",
        split=_SPLITS[site % 3],
        objective="Find the item",
        step=number,
        steps=STEPS,
        prompts=[prompt],
        facts=as_text(whole),
        kind=kind,
        website=f"site{site}",
        domain=f"site{site}.example",
        page_tokens=int(2 ** chance.uniform(9, 17)),
        context=32_768,
        nodes=(node,),
    )
    return made, right


def scored(folder: str, files: list[str], against: list[str], protocol: str) -> dict[str, float]:
    """Processor seconds of a score as the command prints it, and the peak of memory in MiB."""
    from etl.evaluate.scores.scored import scored as score
    from etl.look.scores import text

    began = time.process_time()
    found = score(Path(folder), [*map(Path, files)], protocol, [*map(Path, against)])
    text.text(found.as_json())
    seconds = time.process_time() - began
    return {"seconds": seconds, "peak_mib": measure.peak_mib()}


def read_once(folder: str, files: list[str]) -> float:
    """Processor seconds in which orjson reads the same lines: predictions, and facts."""
    from etl.evaluate.files import opened

    began = time.process_time()
    for path in files:
        with Path(path).open("rb") as stream:
            for line in stream:
                orjson.loads(line)
    for batch in opened(Path(folder)).batches(("facts",)):
        for each in batch.column("facts"):
            orjson.loads(each.as_py())
    return time.process_time() - began


def main() -> int:
    """Print how long each protocol takes; 1 if it is too long or takes too much memory."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.scores", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--predictions", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out, files = synthetic(Path(scratch), options.predictions)
        one, two = ([str(each)] for each in files)
        lines = {}
        for protocol in PROTOCOLS:
            lines[protocol] = measure.on_one_core(scored, str(out), one, [], protocol)
            both = measure.on_one_core(scored, str(out), one, two, protocol)
            lines[f"{protocol}, against others"] = both
    good = all(
        each["seconds"] < LIMIT_SECONDS and each["peak_mib"] < LIMIT_MIB for each in lines.values()
    )
    if options.json:
        print(json.dumps({"predictions": options.predictions, "scores": lines}, indent=2))
        return int(not good)
    print(f"{options.predictions:,} predictions, one core: processor seconds, peak of memory")
    for name, each in lines.items():
        print(f"  {name:48} {each['seconds']:6.2f} s  {each['peak_mib']:6.0f} MiB")
    claim = f"claim of 100,000: under {LIMIT_SECONDS:g} s and {LIMIT_MIB:g} MiB"
    print(f"  {claim}: {'holds' if good else 'FAILS'}")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
