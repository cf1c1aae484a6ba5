"""A dataset of the shipped recordings, and a tiny model that is trained on it, once for all tests.

It has a small vocabulary of its own: TRL scores every position against the whole vocabulary where
there is no GPU, and the 151,936 tokens of Qwen2.5 would take ten seconds a step.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import datasets
import pytest
import torch
import transformers
import trl

from tests.support import builds
from tests.support.vocabularies import trained
from tests.train.readme import run, snippet

# TRL sets what transformers will rename.
RENAMED: Final = pytest.mark.filterwarnings("ignore:`gradient_checkpointing:FutureWarning")
STEPS: Final = 50
END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHATML: Final = (
    "{% for each in messages %}<|im_start|>{{ each.role }}\n{{ each.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def stepmill(*arguments: str) -> str:
    """What a command prints; it has to succeed."""
    command = [sys.executable, "-m", "stepmill", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


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


@pytest.fixture(scope="session")
def vocabulary(own_build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json trained on the pages of the shipped recordings."""
    pages = (sample.observation for sample in builds.samples(own_build).values())
    tokenizer = trained(pages, 4096, [END, START, STOP])
    path = tmp_path_factory.mktemp("vocabulary") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def dataset(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the demo's recordings with that vocabulary and a context that two samples
    often share.
    """
    out = tmp_path_factory.mktemp("trained") / "out"
    settings = (
        *(f"vocabulary.file={vocabulary}", "fit.context=4096", "unroll.max_history=1"),
        "split.test=0.3",
    )
    builds.build([builds.RECORDINGS], out, *settings)
    return out / "dataset"


@pytest.fixture(scope="session")
def model(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3 of two layers with random weights, and its tokenizer. Queries and keys that are
    normalised learn in some hundred updates where in an answer they are; those of a Qwen2 do not.
    """
    folder = tmp_path_factory.mktemp("model")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(vocabulary), eos_token=STOP, pad_token=END
    )
    tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=8192,
        initializer_range=0.1,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def trainer(dataset: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """TRL's trainer after its training on the dataset."""
    return trained_on(dataset, model, tmp_path_factory.mktemp("trl"))


def trained_on(dataset: Path, model: Path, folder: Path) -> Any:
    """TRL's trainer as the README makes it, after its training: for 50 steps on the CPU, and at a
    rate for a model that knows nothing. folder: for what it writes.
    """
    torch.set_num_threads(1)
    config = trl.SFTConfig
    changes = {
        "output_dir": str(folder), "max_steps": STEPS,
        "learning_rate": 1e-2, "use_cpu": True,
        "bf16": False, "report_to": [], "save_strategy": "no", "logging_steps": 1, "seed": 0,
        "disable_tqdm": True,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trl, "SFTConfig", lambda **given: config(**given | changes))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
        names = run(
            snippet("SFTTrainer"),
            {"demo-out/dataset": str(dataset), "Qwen/Qwen2.5-0.5B": str(model)},
        )
    return names["trainer"]
