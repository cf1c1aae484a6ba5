"""What a tiny model learns of compact observations, and of the reference's cut to the same budget.

Both have the same recordings, vocabulary, model and number of updates. A model as small as this
proves that both can be trained on and scored; its figures are printed, whatever they are.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, Final

import datasets
import pytest
import torch
import transformers

from tests.support import builds
from tests.train.conftest import RENAMED, STEPS, trained_on

pytestmark = RENAMED

TOKENS: Final = 160
"""The most tokens of an answer."""
RECIPES: Final = {"compact-8k": (), "scribeagent-32k": ("fit.context=8192",)}
METRICS: Final = ("exact", "element")


def stepmill(*arguments: str) -> None:
    done = builds.command(*arguments)
    assert done.returncode == 0, done.stderr


def answered(evaluation: Path, trainer: Any, model: Path, out: Path) -> None:
    """Write the model's answers to all prompts of a set."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    network = trainer.model.eval()
    with out.open("w") as file, torch.no_grad():
        for row in datasets.load_dataset(str(evaluation), split="test"):
            if not row["messages"]:
                continue
            ids = torch.tensor([row["input_ids"]])
            made = network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=TOKENS,
                do_sample=False,
            )[0, ids.shape[1] :]
            text = tokenizer.decode(made, skip_special_tokens=True)
            file.write(json.dumps({"id": row["id"], "output": text}) + "\n")


def scored(folder: Path, recipe: str, vocabulary: Path, model: Path) -> dict[str, dict[str, float]]:
    """The metrics of each step of the test split, after training on the others."""
    settings = (f"vocabulary.file={vocabulary}", "unroll.max_history=1", "split.test=0.3")
    given = [each for setting in (*settings, *RECIPES[recipe]) for each in ("--set", setting)]
    recordings, out = str(builds.RECORDINGS), folder / "build"
    stepmill("build", recordings, "--out", str(out), "--recipe", recipe, "--workers", "1", *given)
    stepmill("evalset", str(out), "--out", str(folder / "eval"))
    trainer = trained_on(out / "dataset", model, folder / "trl")
    answered(folder / "eval", trainer, model, folder / "answers.jsonl")
    arguments = (str(folder / "eval"), str(folder / "answers.jsonl"), "--protocol", "exact")
    stepmill("score", *arguments, "--csv", str(folder / "steps.csv"))
    with (folder / "steps.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["exact"]]
    return {row["step_id"]: {name: float(row[name]) for name in METRICS} for row in rows}


def test_both_observations_are_trained_on_and_scored(
    vocabulary: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the same updates, both answer the steps that both sets ask, and have a figure."""
    found = {}
    for recipe in RECIPES:
        (tmp_path / recipe).mkdir()
        found[recipe] = scored(tmp_path / recipe, recipe, vocabulary, model)
    common = set.intersection(*map(set, found.values()))
    assert len(common) > 100
    for recipe, steps in found.items():
        means = {name: sum(steps[step][name] for step in common) / len(common) for name in METRICS}
        assert all(0 <= mean <= 1 for mean in means.values())
        with capsys.disabled():
            print(f"\n{recipe}, {len(common)} steps, {STEPS} updates: {means}")
