"""A tiny model that is trained on compact observations, and one on the reference's pages cut to 8k.

Both see the same steps of the shipped recordings with the smaller pages, in the same order, and
answer the same others. A model as small as this proves that both can be trained on and scored, not
which of them is better: the figures are printed, whatever they are.

Each sample is a row of its own, and the logits are of its completion alone: on a CPU, attention
over a packed row costs its length squared, and the logits of a page cost more than all the rest.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Final

import datasets
import numpy as np
import pytest
import torch
import transformers

from tests.support import builds
from tests.train.conftest import stepmill

RECORDINGS: Final = ("ledger.csv.gz", "ledger.jsonl.zst", "library.jsonl", "tracker.parquet")
RECIPES: Final = {"compact-8k": (), "scribeagent-32k": ("fit.context=8192",)}
COMMON: Final = (
    "unroll.max_history=1",
    "split.test=0.3",
    "pack.packing=false",
    # of a step of each, the target is what the reference's rules remove: one dataset alone has it
    'exclude.workflows=["tracker-01", "tracker-06", "tracker-10", "tracker-13"]',
)
EPOCHS: Final = 4
"""An update is of one sample."""
RATE: Final = 1e-2
TOKENS: Final = 128
"""The most tokens of an answer; the longest right one has 122."""

NO_LOSS: Final = -100


def trained(dataset: Path, model: Path) -> tuple[Any, list[float]]:
    """The model after its updates, by a dataset's rows in their order, and the loss before each."""
    torch.manual_seed(0)
    network = transformers.AutoModelForCausalLM.from_pretrained(model)
    optimizer = torch.optim.AdamW(network.parameters())
    rows = datasets.load_dataset(str(dataset), split="train").with_format("torch")
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, EPOCHS * len(rows), pct_start=0.05
    )
    losses = []
    for row in itertools.chain.from_iterable(itertools.repeat(rows, EPOCHS)):
        (said,) = (row["labels"] != NO_LOSS).nonzero(as_tuple=True)
        logits = network(input_ids=row["input_ids"][None], logits_to_keep=said - 1).logits[0]
        loss = torch.nn.functional.cross_entropy(logits, row["labels"][said])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return network.eval(), losses


def answer(rows: Any, network: Any, model: Path, out: Path) -> None:
    """Write a model's answers to the prompts of an evaluation set, for `stepmill score`."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    with out.open("w") as file, torch.no_grad():
        for row in rows:
            ids = torch.tensor([row["input_ids"]])
            made = network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=TOKENS,
                do_sample=False,
            )
            said = tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
            file.write(json.dumps({"id": row["id"], "output": said}) + "\n")


def test_both_observations_are_trained_on_and_scored(
    vocabulary: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the same updates on the same steps, each loss falls far below what guessing costs; every
    step of the test split, the same for both, is answered and has a figure of exact match and of
    its element. Prompts hold whole pages, and the compact ones have fewer tokens by a third and
    more.
    """
    asked, tokens = {}, {}
    for recipe, settings in RECIPES.items():
        folder = tmp_path / recipe
        out, evaluation, answers = folder / "out", folder / "eval", folder / "answers.jsonl"
        given = (f"vocabulary.file={vocabulary}", *COMMON, *settings)
        stepmill(
            *("build", *(str(builds.RECORDINGS / name) for name in RECORDINGS)),
            *("--out", str(out), "--recipe", recipe),
            *itertools.chain.from_iterable(("--set", setting) for setting in given),
        )
        stepmill("evalset", str(out), "--out", str(evaluation))
        learnt = datasets.load_dataset(str(out / "dataset"), split="train")["sample_ids"]
        network, losses = trained(out / "dataset", model)
        assert len(losses) == EPOCHS * len(learnt)
        last = float(np.mean(losses[-50:]))
        assert last < 0.3 * np.log(network.config.vocab_size)
        rows = list(datasets.load_dataset(str(evaluation), split="test"))
        assert all(0 < row["page_tokens"] < len(row["input_ids"]) for row in rows)
        answer(rows, network, model, answers)
        said = stepmill("score", str(evaluation), str(answers), "--protocol", "exact", "--json")
        (everything,) = json.loads(said)["tables"]["all"]
        figures = {name: each["mean"] for name, each in everything["metrics"].items()}
        assert everything["steps"] == len(rows)
        assert {"exact", "element"} <= figures.keys()
        assert all(0 <= mean <= 1 for mean in figures.values())
        asked[recipe] = (list(learnt), [row["step_id"] for row in rows])
        tokens[recipe] = sum(len(row["input_ids"]) for row in rows)
        with capsys.disabled():
            print(
                f"\n{recipe}: {len(losses)} updates, loss {losses[0]:.2f} to {last:.2f}; "
                f"{len(rows)} steps asked in {tokens[recipe]:,} tokens, exact: {figures}"
            )
    compact, reference = RECIPES
    assert asked[compact] == asked[reference]
    assert 0 < tokens[compact] < 2 / 3 * tokens[reference]
