"""Training on a dataset by the README's snippets: a tiny model, on the CPU. Run by ``make
test-train``.

The recordings are the shipped ones, built with a small vocabulary of their own: TRL scores every
position against the whole vocabulary where there is no GPU, and the 151,936 tokens of Qwen2.5 would
take ten seconds a step.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import datasets
import numpy as np
import pytest
import torch
import transformers

from etl.files.arrow import read_json
from tests.train import conftest
from tests.train.readme import run, snippet

pytestmark = conftest.RENAMED

NO_LOSS: Final = -100

Row = dict[str, Any]


@pytest.fixture
def rows(dataset: Path) -> list[Row]:
    """The training rows, as they are stored."""
    return list(datasets.load_dataset(str(dataset), split="train"))


def completions(row: Row, tokenizer: Any) -> list[int]:
    """The labels of a row made by hand, from its tokens alone: of each sample, what follows the
    head of the assistant's message has loss, to the token that ends it.
    """
    head = tokenizer.encode(f"{conftest.START}assistant\n")
    labels: list[int] = []
    ids = row["input_ids"]
    for start, end in zip(
        np.cumsum([0, *row["seq_lengths"]])[:-1], np.cumsum(row["seq_lengths"]), strict=True
    ):
        sample = ids[start:end]
        at = max(i for i in range(len(sample)) if sample[i : i + len(head)] == head) + len(head)
        assert sample[-1] == tokenizer.eos_token_id
        labels += [NO_LOSS] * at + sample[at:]
    return labels


def alone_in_a_row(row: Row) -> list[Row]:
    """Each sample of a row as a row of its own."""
    ends = np.cumsum(row["seq_lengths"])
    return [
        {"input_ids": row["input_ids"][start:end], "labels": row["labels"][start:end]}
        for start, end in zip(ends - row["seq_lengths"], ends, strict=True)
    ]


def test_the_loss_falls(trainer: Any) -> None:
    """In 50 steps of TRL's trainer, from what guessing costs (the logarithm of the vocabulary's
    size) by far.
    """
    losses = [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == conftest.STEPS
    guessing = float(np.log(trainer.model.config.vocab_size))
    assert abs(losses[0] - guessing) < 0.5
    assert np.mean(losses[-10:]) < 0.6 * guessing


def test_all_rows_are_trained_on_as_they_are(trainer: Any, rows: list[Row]) -> None:
    """The trainer's own preparation leaves every row as it is: none is cut, packed again or left
    out.
    """
    prepared = trainer.train_dataset
    assert prepared.num_rows == len(rows)
    order = {tuple(row["input_ids"]): row for row in rows}
    for row in prepared:
        stored = order.pop(tuple(row["input_ids"]))
        assert (row["labels"], row["seq_lengths"]) == (stored["labels"], stored["seq_lengths"])
    assert order == {}


def test_loss_is_on_completions_only(
    trainer: Any, rows: list[Row], model: Path, dataset: Path
) -> None:
    """Of what the trainer's collator hands to the model, the labels of every row are those made by
    hand from its tokens; they are as many as the manifest says.
    """
    counted, tokenizer = 0, transformers.AutoTokenizer.from_pretrained(model)
    for row in rows:
        batch = trainer.data_collator([row])
        labels = completions(row, tokenizer)
        assert batch["labels"][0].tolist() == labels
        counted += sum(label != NO_LOSS for label in labels)
    assert counted == read_json(dataset / "manifest.json")["splits"]["train"]["loss_tokens"]


def test_positions_restart_with_each_sample(trainer: Any, rows: list[Row]) -> None:
    """The collator's position ids count from 0 in each sample, and its boundaries are those of
    `seq_lengths`.
    """
    assert max(len(row["seq_lengths"]) for row in rows) > 1
    for row in rows:
        batch = trainer.data_collator([row])
        assert batch["position_ids"][0].tolist() == [
            i for length in row["seq_lengths"] for i in range(length)
        ]
        assert batch["cu_seq_lens_q"].tolist() == [0, *np.cumsum(row["seq_lengths"]).tolist()]
        assert "attention_mask" not in batch


def losses_of(model: Any, row: Row, positions: list[int]) -> torch.Tensor:
    """Minus the log-probability of each label of a row, in order, worked out from the model's
    logits.
    """
    with torch.no_grad():
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor(row["labels"])
        logits = model(input_ids=ids, position_ids=torch.tensor([positions])).logits[0]
    chosen = (labels[1:] != NO_LOSS).nonzero().flatten()
    return -torch.log_softmax(logits[chosen].double(), -1)[range(len(chosen)), labels[1:][chosen]]


def test_no_sample_sees_another(trainer: Any, rows: list[Row]) -> None:
    """The loss of a packed row is what its samples cost each alone, token by token, and so is what
    the trainer makes of it; with positions that run on, which hide the boundaries, it is not.
    """
    model = trainer.model.eval()
    packed = [row for row in rows if len(row["seq_lengths"]) > 1][:3]
    assert packed
    for row in packed:
        parts = [
            losses_of(model, part, list(range(len(part["input_ids"]))))
            for part in alone_in_a_row(row)
        ]
        apart = torch.cat(parts)
        together = losses_of(
            model, row, [i for length in row["seq_lengths"] for i in range(length)]
        )
        assert torch.allclose(together, apart, atol=1e-4)
        with torch.no_grad():
            loss = trainer.compute_loss(model, trainer.data_collator([row]))
        assert float(loss) == pytest.approx(float(apart.mean()), abs=1e-4)
        running_on = losses_of(model, row, list(range(len(row["input_ids"]))))
        assert not torch.allclose(running_on, apart, atol=1e-2)


def test_by_pytorch_alone(dataset: Path, model: Path, trainer: Any, rows: list[Row]) -> None:
    """The README's loop trains too, on batches with the labels and positions of TRL's, and the loss
    falls.
    """
    changes = {
        "demo-out/dataset": str(dataset), "Qwen/Qwen2.5-0.5B": str(model),
        'split="train"': 'split="train[:12]"',
        "lr=1e-5": "lr=1e-2",
    }  # fmt: skip
    names = run(snippet("torch.optim"), changes)
    loaded = names["rows"]
    assert loaded.num_rows == 12
    before = transformers.AutoModelForCausalLM.from_pretrained(model)
    for row, stored in zip(loaded, rows, strict=False):
        batch, theirs = names["collate"]([row]), trainer.data_collator([stored])
        assert set(batch) == {"input_ids", "labels", "position_ids"}
        assert all(torch.equal(batch[name], theirs[name]) for name in batch)
    with torch.no_grad():
        batch = names["collate"]([loaded[0]])
        first, last = (float(each(**batch).loss) for each in (before, names["model"].eval()))
    assert last < first - 1
