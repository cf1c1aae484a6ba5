"""`stepmill export`: samples as chat messages and as tokens,
with exactly what is in the dataset.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from etl.build.recipes import recipe
from etl.cli.main import cli
from etl.dataset.layout import Dataset
from etl.files.arrow import open_arrow, read_json
from etl.files.storage import AnyPath, location
from etl.publish.export import Export
from etl.publish.exported import FILE
from schemas.errors import ConfigError, IntegrityError
from tests.support import builds
from tests.support.s3 import BUCKET, Server, s3
from tokenization.messages import Chat

__all__ = ["s3"]


def chat_of(*overrides: str) -> Chat:
    loaded = recipe.load("scribeagent-32k", overrides)
    return Chat(loaded.packed.encoder)


def export(
    dataset: AnyPath, out: AnyPath, kind: Any = "messages", **options: Any
) -> dict[str, Any]:
    """Export; the files' type is the kind's own unless given."""
    file_type = options.pop("file_type", "jsonl" if kind == "messages" else "parquet")
    chat = options.pop("chat", chat_of() if kind == "messages" else None)
    return Export(Dataset(dataset), out, kind, file_type, chat=chat, **options).run()


def lines(out: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of an export by split, in the order of files and rows."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and path.name != FILE):
        split = rows.setdefault(path.name.split("-")[0], [])
        if path.suffix == ".parquet":
            split += pq.read_table(path).to_pylist()
        else:
            split += [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return rows


def tokenizer() -> dict[str, Any]:
    """A tokenizer.json of single bytes, with ChatML's special tokens."""
    names = [
        chr(code) if chr(code).isprintable() and code not in (0x20, 0xAD) else None
        for code in range(256)
    ]
    spare = iter(range(256, 512))
    vocab = {name or chr(next(spare)): code for code, name in enumerate(names)}
    special = [
        {"id": 256 + i, "content": text, "special": True, "single_word": False, "lstrip": False,
        "rstrip": False,
         "normalized": False}
        for i, text in enumerate(("<|im_start|>", "<|im_end|>"))
    ]  # fmt: skip
    level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    unset = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    model: dict[str, Any] = {
        "type": "BPE",
        "vocab": vocab,
        "merges": [],
        "fuse_unk": False,
        "byte_fallback": False,
    }
    model |= dict.fromkeys(unset)
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": level, "post_processor": None, "decoder": level, "model": model,
    }  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of two generations with pages longer than the context."""
    folder = tmp_path_factory.mktemp("export")
    for night in range(2):
        records = [builds.workflow(100 * night + number, steps=2) for number in range(20)]
        for record in records[::3]:
            record["objective"] += " <|im_start|>system e\u0301"
            record["steps"][0]["html"] += "<p>words of the page </p>" * 300
        builds.write_workflows(folder / "in" / f"{night}.jsonl", *records)
        builds.build([folder / "in"], folder / "out", "fit.context=1024")
    return folder / "out"


def test_messages_are_the_samples(own_build: Path, tmp_path: Path) -> None:
    """Every sample of the dataset is there once, in its order and split: system message, prompt and
    completion as the recipe writes them, in NFC as the vocabulary has it.
    """
    summary = export(own_build / "dataset", tmp_path / "out")
    encoder = recipe.load("scribeagent-32k").packed.encoder
    samples, found = builds.samples(own_build), lines(tmp_path / "out")
    emitted = list(builds.emitted(own_build))
    for split, rows in found.items():
        assert [row["sample_id"] for row in rows] == [
            each.sample_id for each in emitted if each.split == split
        ]
        for row in rows:
            sample = samples[row["sample_id"]]
            assert row["messages"] == [
                {"role": "system", "content": encoder.prompt.system},
                {
                    "role": "user",
                    "content": encoder.vocabulary.normalise(encoder.prompt.user(sample)),
                },
                {
                    "role": "assistant",
                    "content": encoder.vocabulary.normalise(encoder.prompt.completion(sample)),
                },
            ]
    assert {split: counts["samples"] for split, counts in summary["splits"].items()} == {
        split: len(rows) for split, rows in found.items()
    }
    assert {split: len(rows) for split, rows in found.items()} == {"train": 380, "test": 11}


@pytest.mark.parametrize(
    "overrides",
    [
        ("prompt.chat=plain",), ("prompt.chat=mistral", "vocabulary.name=mistral-v3-tekken"),
        ("vocabulary.name=mistral-v1",), ("vocabulary.name=mistral-v7",),
        ("vocabulary.name=qwen3",), ("fit.train=first",),
        ("prompt.system=", "prompt.chat=plain"), ("prompt.system=Caf\u00e9 e\u0301 {x}",),
    ],
)  # fmt: skip
def test_messages_encode_to_the_dataset_s_tokens(
    tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    """In each chat template, whole pages or their parts: the exported messages encoded again are
    the tokens and the loss of the dataset, to the token. Text that looks like a special token stays
    text.
    """
    records = [builds.workflow(number, steps=2) for number in range(8)]
    records[0]["objective"] += " <|im_start|>system [INST] e\u0301"
    records[1]["steps"][0]["html"] += "<p>words of the page \U0001f600 </p>" * 300
    inputs = builds.write_workflows(tmp_path / "in.jsonl", *records)
    settings = ("fit.context=1024", "split.test=0", *overrides)
    builds.build([inputs], tmp_path / "out", *settings)
    chat, encoder = chat_of(*settings), recipe.load("scribeagent-32k", settings).packed.encoder
    export(tmp_path / "out" / "dataset", tmp_path / "messages", chat=chat)
    rows = lines(tmp_path / "messages")["train"]
    emitted = list(builds.emitted(tmp_path / "out"))
    assert len(rows) == len(emitted) == 16
    for row, each in zip(rows, emitted, strict=True):
        roles = [message["role"] for message in row["messages"]]
        assert roles == (["system"] if encoder.prompt.system else []) + ["user", "assistant"]
        user, answer = (message["content"] for message in row["messages"][-2:])
        ids, prompt = encoder.tokens(user, answer)
        assert ids.tolist() == each.input_ids.tolist()
        assert prompt == int(np.argmax(each.labels >= 0))


@pytest.mark.parametrize("file_type", ["parquet", "jsonl"])
def test_tokens_are_the_dataset_s(small: Path, tmp_path: Path, file_type: str) -> None:
    """Each sample by itself: tokens and labels as in the dataset, every token attended to; in these
    columns only.
    """
    export(small / "dataset", tmp_path / "out", "tokens", file_type=file_type)
    found = lines(tmp_path / "out")
    assert set(found) == {"train", "test"}
    for split, rows in found.items():
        expected = [each for each in builds.emitted(small) if each.split == split]
        assert [row["input_ids"] for row in rows] == [each.input_ids.tolist() for each in expected]
        assert [row["labels"] for row in rows] == [each.labels.tolist() for each in expected]
        assert all(row["attention_mask"] == [1] * len(row["input_ids"]) for row in rows)
        assert {tuple(row) for row in rows} == {("input_ids", "attention_mask", "labels")}


def test_both_file_types_say_the_same(small: Path, tmp_path: Path) -> None:
    """Messages as Parquet are those as JSON lines."""
    for file_type in ("jsonl", "parquet"):
        export(small / "dataset", tmp_path / file_type, file_type=file_type)
    assert lines(tmp_path / "jsonl") == lines(tmp_path / "parquet")


@pytest.mark.parametrize("kind", ["messages", "tokens"])
def test_the_library_loads_an_export(
    small: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets.load_dataset` of the folder finds both splits with all samples."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    export(small / "dataset", tmp_path / "out", kind)
    loaded = datasets.load_dataset(str(tmp_path / "out"))
    found = lines(tmp_path / "out")
    assert {split: rows.num_rows for split, rows in loaded.items()} == {
        split: len(rows) for split, rows in found.items()
    }
    assert list(loaded["train"]) == found["train"]


AXOLOTL: Final = frozenset(
    (
        "base_model datasets test_datasets sequence_len sample_packing micro_batch_size output_dir "
        "path split type ds_type data_files name"
    ).split()
)
"""Keys that axolotl documents for a run and for a dataset of it (docs.axolotl.ai: configuration,
dataset loading).
"""


def test_the_axolotl_configuration_of_the_readme(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names only what axolotl knows; its datasets load as axolotl loads a folder, each split for
    its purpose, with an empty type and the three columns by which it takes data as tokenized
    (docs.axolotl.ai: pre-tokenized dataset); it packs to the context of the recipe.
    """
    readme = (builds.ROOT / "README.md").read_text("utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    config = yaml.safe_load(text)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    export(small / "dataset", tmp_path / "tokens", "tokens")
    chosen = {"train": config["datasets"], "test": config["test_datasets"]}
    for split, (each,) in chosen.items():
        assert set(config) | set(each) <= AXOLOTL
        assert (each["path"], each["split"], each["type"]) == ("demo-out/tokens", split, None)
        loaded = datasets.load_dataset(str(tmp_path / "tokens"), split=each["split"])
        assert set(loaded.features) == {"input_ids", "attention_mask", "labels"}
        assert (
            loaded.num_rows
            == read_json(small / "dataset" / "manifest.json")["splits"][split]["samples"]
        )
    assert config["sequence_len"] == recipe.load("scribeagent-32k").fit.context
    assert config["sample_packing"] is True


def test_the_same_bytes_again(small: Path, tmp_path: Path) -> None:
    """The same dataset gives the same bytes, in the place of an export of something else too, of
    which nothing is left, while files of others stay; from a published Parquet copy come the same
    rows.
    """
    export(small / "dataset", tmp_path / "one")
    export(small / "dataset", tmp_path / "two", "tokens")
    (tmp_path / "two" / "notes.txt").write_text("mine")
    export(small / "dataset", tmp_path / "two", splits=("test",), replace=True)
    assert {path.name for path in (tmp_path / "two").rglob("*") if path.is_file()} == {
        FILE, "notes.txt", "test-00000-of-00001.jsonl",
    }  # fmt: skip
    export(small / "dataset", tmp_path / "two")
    (tmp_path / "two" / "notes.txt").unlink()
    assert builds.contents(tmp_path / "two") == builds.contents(tmp_path / "one")
    noted = read_json(tmp_path / "one" / FILE)
    assert noted["complete"]
    hashes = {name: each["sha256"] for name, each in noted["files"].items()}
    assert hashes.items() <= builds.contents(tmp_path / "one").items()
    copy = tmp_path / "copy"
    splits: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((small / "dataset" / "data").rglob("*.arrow")):
        name = f"data/{path.name.split('-')[0]}/{path.parent.name}.parquet"
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(open_arrow(path).read_all(), copy / name)
        splits.setdefault(path.name.split("-")[0], []).append(
            {"path": name, "bytes": (copy / name).stat().st_size, "sha256": ""}
        )
    manifest = read_json(small / "dataset" / "manifest.json") | {
        "published": {"format": "parquet", "splits": splits, "listing": []}
    }
    (copy / "manifest.json").write_text(json.dumps(manifest))
    summary = export(copy, tmp_path / "three", "tokens")
    rows = [
        row
        for path in sorted((tmp_path / "three" / "train").iterdir())
        for row in pq.read_table(path).to_pylist()
    ]
    assert [row["input_ids"] for row in rows] == [
        each.input_ids.tolist() for each in builds.emitted(small) if each.split == "train"
    ]
    assert summary["splits"]["train"] == {
        "files": 2, "samples": len(rows),
        "bytes": sum(path.stat().st_size for path in (tmp_path / "three" / "train").iterdir()),
    }  # fmt: skip


def test_a_split_is_added_to_the_same_export(small: Path, tmp_path: Path) -> None:
    """Splits exported one by one are the export of all, counts included; one of them again removes
    only what it has no more, and what a killed run left half-written of its own files; nothing else
    that lies there.
    """
    export(small / "dataset", tmp_path / "whole")
    out = tmp_path / "out"
    export(small / "dataset", out, splits=("train",))
    export(small / "dataset", out, splits=("test",))
    assert builds.contents(out) == builds.contents(tmp_path / "whole")
    noted = read_json(out / FILE)
    old = "g0009/test-00000-of-00001.jsonl"
    noted["files"][old] = {"split": "test", "sha256": "0" * 64}
    (out / FILE).write_text(json.dumps(noted))
    others = ["draft.part", "train-x.jsonl.0123abcd.part", "g0001/notes.jsonl"]
    for name in (old, *others, "g0001/test-00000-of-00001.jsonl.0123abcd.part"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("x")
    (out / "empty").mkdir()
    export(small / "dataset", out, splits=("test",))
    left = builds.contents(out)
    assert {name: left.pop(name) for name in others}
    assert left == builds.contents(tmp_path / "whole")
    assert (out / "empty").is_dir()


def test_another_request_is_refused_in_the_same_folder(small: Path, tmp_path: Path) -> None:
    """Another format, type of files, way with special tokens, or another content of the dataset: a
    `ConfigError` that says what differs, and every file stays as it is. A file of somebody else is
    never written over, with --replace neither.
    """
    export(small / "dataset", tmp_path / "out", splits=("train",))
    before = builds.contents(tmp_path / "out")
    manifest = read_json(small / "dataset" / "manifest.json")
    other = Path(shutil.copytree(small / "dataset", tmp_path / "other"))
    (other / "manifest.json").write_text(json.dumps(manifest | {"fingerprint": "f" * 64}))
    requests: list[tuple[str, Path, dict[str, Any]]] = [
        ("--format is messages there, not tokens", small / "dataset", {"kind": "tokens"}),
        ("--file-type is jsonl there, not parquet", small / "dataset", {"file_type": "parquet"}),
        (
            "--special-tokens is keep there, not escape",
            small / "dataset",
            {"chat": replace(chat_of(), escape=True)},
        ),
        ("the dataset's fingerprint is .* there, not f", other, {}),
    ]
    for said, dataset, options in requests:
        for splits in (("test",), ("train",), ()):
            with pytest.raises(
                ConfigError, match=rf"out holds another export: .*{said}.*--replace"
            ):
                export(dataset, tmp_path / "out", splits=splits, **options)
    assert builds.contents(tmp_path / "out") == before
    mine = tmp_path / "out" / "g0001" / "test-00000-of-00001.jsonl"
    mine.write_text("mine")
    for options in ({}, {"replace": True}):
        with pytest.raises(
            ConfigError, match=r"test-00000-of-00001.jsonl is not of an export; move it away"
        ):
            export(small / "dataset", tmp_path / "out", splits=("test",), **options)
    assert mine.read_text() == "mine"


def test_an_interrupted_export_goes_on(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of one that was stopped says that it is not complete; the same command completes
    it.
    """
    export(small / "dataset", tmp_path / "whole")

    def stopped(self: Export, path: Path, *rest: Any) -> dict[str, int]:
        if "train" in path.name:
            raise KeyboardInterrupt
        return write(self, path, *rest)

    write = Export._write
    monkeypatch.setattr(Export, "_write", stopped)
    with pytest.raises(KeyboardInterrupt):
        export(small / "dataset", tmp_path / "out")
    assert not read_json(tmp_path / "out" / FILE)["complete"]
    monkeypatch.undo()
    assert not export(small / "dataset", tmp_path / "out", splits=("test",))["complete"]
    export(small / "dataset", tmp_path / "out")
    assert builds.contents(tmp_path / "out") == builds.contents(tmp_path / "whole")


def test_from_and_to_a_bucket(small: Path, tmp_path: Path, s3: Server) -> None:
    """To s3:// and from there: the bytes of a local export."""
    export(small / "dataset", tmp_path / "here", "tokens")
    expected = {
        name: (tmp_path / "here" / name).read_bytes() for name in builds.contents(tmp_path / "here")
    }
    export(small / "dataset", location(f"s3://{BUCKET}/one"), "tokens")
    assert s3.contents("one") == expected
    for path in (small / "dataset").rglob("*"):
        if path.is_file():
            s3.system().put_file(
                str(path), f"{BUCKET}/copy/{path.relative_to(small / 'dataset').as_posix()}"
            )
    export(location(f"s3://{BUCKET}/copy"), tmp_path / "back", "tokens")
    assert builds.contents(tmp_path / "back") == builds.contents(tmp_path / "here")


def test_what_cannot_be_exported_is_said(small: Path, tmp_path: Path) -> None:
    """A folder of something else, one within the dataset, a split that there is not, no dataset: a
    `ConfigError` before anything is written.
    """
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all of it")
    with pytest.raises(ConfigError, match="mine is not empty and holds no export"):
        export(small / "dataset", tmp_path / "mine")
    with pytest.raises(ConfigError, match="is within the dataset"):
        export(small / "dataset", small / "dataset" / "messages")
    (tmp_path / "link").symlink_to(small)
    with pytest.raises(ConfigError, match="is within the dataset or its build"):
        export(small / "dataset", tmp_path / "link" / "work" / "messages")
    with pytest.raises(ConfigError, match=r"there is no split dev \(there are: "):
        export(small / "dataset", tmp_path / "out", splits=("train", "dev"))
    with pytest.raises(ConfigError, match="no finished dataset"):
        export(tmp_path / "mine", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (small / "dataset" / "messages").exists()


def test_tokens_of_another_template_are_not_guessed_at(small: Path, tmp_path: Path) -> None:
    """Read by another template or system message, samples are refused by name, not exported
    wrongly.
    """
    for chat in (chat_of("prompt.chat=plain"), chat_of("prompt.system=Something else")):
        with pytest.raises(
            IntegrityError,
            match=r"arrow, sample workflows:w\d+/\d: a sample is not in the chat template",
        ):
            export(small / "dataset", tmp_path / "out", chat=chat)


def test_by_the_command_line(small: Path, tmp_path: Path) -> None:
    """Of a build and of its dataset alone; the summary on stdout with --json, else a line on
    stderr; the vocabulary is found by the name in the manifest, checked by its hash, and asked for
    where it is of a file that is not known.
    """

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cli, ["export", *map(str, arguments)])

    done = run(small, "--out", tmp_path / "one", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["format"] == "messages"
    alone = Path(shutil.copytree(small / "dataset", tmp_path / "alone"))
    done = run(alone, "--out", tmp_path / "two", "--split", "train")
    count = summary["splits"]["train"]
    assert (done.exit_code, done.stdout) == (0, "")
    first, second = done.stderr.splitlines()  # each begins with the time
    assert first.endswith(
        f" train: {count['samples']} samples in {count['files']} files, in {tmp_path / 'two'}"
    )
    assert " texts like special tokens: " in second
    assert lines(tmp_path / "two")["train"] == lines(tmp_path / "one")["train"]
    manifest = read_json(alone / "manifest.json")
    (alone / "manifest.json").write_text(
        json.dumps(manifest | {"vocabulary": {"file": "ours.json"}})
    )
    error = str(run(alone, "--out", tmp_path / "three").exception)
    assert (
        f"its vocabulary is ours.json (sha256 {manifest['settings']['packed']['vocabulary']})"
        in error
    )
    assert "--vocabulary FILE" in error
    manifest["settings"]["packed"]["vocabulary"] = "0" * 64
    (alone / "manifest.json").write_text(json.dumps(manifest))
    done = run(alone, "--out", tmp_path / "three")
    assert isinstance(done.exception, ConfigError)
    assert f"its vocabulary has sha256 {'0' * 64}, qwen2.5 has" in str(done.exception)
    assert not (tmp_path / "three").exists()


def test_a_vocabulary_of_one_s_own(tmp_path: Path) -> None:
    """Built with a tokenizer.json: the build's order finds it, and for the dataset alone
    --vocabulary does.
    """
    file = tmp_path / "ours" / "tokenizer.json"
    file.parent.mkdir()
    file.write_text(json.dumps(tokenizer()))
    inputs = builds.write_workflows(tmp_path / "in.jsonl", *(builds.workflow(n) for n in range(3)))
    setting = f"vocabulary.file={file}"
    builds.build([inputs], tmp_path / "out", setting, "split.test=0")
    expected: list[dict[str, Any]] = []
    alone = Path(shutil.copytree(tmp_path / "out" / "dataset", tmp_path / "alone"))
    assert b"/ours/" not in (alone / "manifest.json").read_bytes()
    for name, arguments in {
        "one": [f"{tmp_path}/out"],
        "two": [f"{alone}", "--vocabulary", f"{file}"],
    }.items():
        out = tmp_path / name
        done = CliRunner().invoke(
            cli, ["export", *arguments, "--out", str(out)], catch_exceptions=False
        )
        assert done.exit_code == 0
        expected = expected or lines(out)["train"]
        assert lines(out)["train"] == expected
    assert {row["messages"][1]["content"][:10] for row in expected} == {"Objective:"}
