"""Training on a dataset by the README's snippets: a tiny model, on the CPU. Run by ``make
test-train``.

The recordings are the shipped ones, built with a small vocabulary of their own: TRL scores every
position against the whole vocabulary where there is no GPU, and the 151,936 tokens of Qwen2.5 would
take ten seconds a step.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import datasets
import numpy as np
import pytest
import torch
import transformers
import trl

from etl.files.arrow import read_json
from tests.support import builds
from tests.support.vocabularies import trained

# TRL sets what transformers will rename.
pytestmark = pytest.mark.filterwarnings("ignore:`gradient_checkpointing:FutureWarning")

README: Final = (builds.ROOT / "README.md").read_text("utf-8")
STEPS: Final = 50
END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
NO_LOSS: Final = -100

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded, what is converted goes to the test's own folder, and one core is
    enough.
    """
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def vocabulary(own_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json trained on the pages of the shipped recordings."""
    pages = (sample.observation for sample in builds.samples(own_build).values())
    tokenizer = trained(pages, 4096, [END, START, STOP])
    path = tmp_path_factory.mktemp("vocabulary") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def dataset(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the demo's recordings with that vocabulary and a context that two samples
    often share.
    """
    out = tmp_path_factory.mktemp("trained") / "out"
    settings = (f"vocabulary.file={vocabulary}", "fit.context=4096", "unroll.max_history=1")
    builds.build([builds.RECORDINGS], out, *settings)
    return out / "dataset"


@pytest.fixture(scope="module")
def model(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2 of two layers with random weights, and its tokenizer."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(vocabulary), eos_token=STOP, pad_token=END
    )
    torch.manual_seed(0)
    config = transformers.Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    transformers.Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def snippet(word: str) -> str:
    """The Python block of the README that has a word."""
    (found,) = (
        code
        for code in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
        if word in code
    )
    return str(found)


def run(code: str, changes: dict[str, str]) -> dict[str, Any]:
    """Run a snippet with some of its texts changed; returns its names."""
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    return names


@pytest.fixture(scope="module")
def trainer(dataset: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """TRL's trainer as the README makes it, after its training: for 50 steps on the CPU, and at a
    rate for a model that knows nothing.
    """
    torch.set_num_threads(1)
    config = trl.SFTConfig
    changes = {
        "output_dir": str(tmp_path_factory.mktemp("trl")), "max_steps": STEPS,
        "learning_rate": 1e-2, "use_cpu": True,
        "bf16": False, "report_to": [], "save_strategy": "no", "logging_steps": 1, "seed": 0,
        "disable_tqdm": True,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trl, "SFTConfig", lambda **given: config(**given | changes))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        names = run(
            snippet("SFTTrainer"),
            {"demo-out/dataset": str(dataset), "Qwen/Qwen2.5-0.5B": str(model)},
        )
    return names["trainer"]


@pytest.fixture
def rows(dataset: Path) -> list[Row]:
    """The training rows, as they are stored."""
    return list(datasets.load_dataset(str(dataset), split="train"))


def completions(row: Row, tokenizer: Any) -> list[int]:
    """The labels of a row made by hand, from its tokens alone: of each sample, what follows the
    head of the assistant's message has loss, to the token that ends it.
    """
    head = tokenizer.encode(f"{START}assistant\n")
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
    assert len(losses) == STEPS
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
