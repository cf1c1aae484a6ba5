"""Vocabulary files: where packages or the user keep them, and how to read them.

Nothing is downloaded unless the caller asks for it. A `RankFile` is a path and a format:
``tiktoken`` (lines of base64 token and rank), ``tekken`` (Mistral's JSON), ``huggingface``
(``tokenizer.json``) or ``sentencepiece`` (``tokenizer.model``). Ranks are token bytes -> id, and
the order of ids is the order of merges; SentencePiece has none.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
from binascii import a2b_base64
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from schemas.errors import ConfigError, MissingExtra
from schemas.tokens import Tokens
from tokenization.families import FAMILIES, Family

Ranks = dict[bytes, int]


@dataclass(frozen=True)
class RankFile:
    """A vocabulary file and its format."""

    path: str
    format: Literal["tiktoken", "tekken", "huggingface", "sentencepiece"]

    def content(self) -> bytes:
        """The file's bytes.

        Raises: `ConfigError` if it cannot be read.
        """
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"vocabulary file {self.path}: {error.strerror}; give its path as `file`"
            ) from error

    def sha256(self) -> str:
        """Hash of the file's bytes, in hex.

        Raises: `ConfigError` if it cannot be read.
        """
        return hashlib.sha256(self.content()).hexdigest()

    def ranks(self) -> Ranks | None:
        """Token bytes -> id, or None for a file that no ranks express exactly.

        Raises: `ConfigError` if the file cannot be read, or is not in its format.
        """
        if self.format == "sentencepiece":
            return None
        try:
            if self.format == "tiktoken":
                return read_tiktoken(self.content())
            if self.format == "tekken":
                return read_tekken(json.loads(self.content()))
            from tokenization.huggingface import exact_ranks  # few vocabularies are such files

            return exact_ranks(json.loads(self.content()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"vocabulary file {self.path} is not in the {self.format} format: {error!r}"
            ) from error


def at(path: str) -> RankFile:
    """The file at a path, with its format; that of a file that is no JSON is in its first bytes.

    Raises: `ConfigError` if it cannot be read.
    """
    name = Path(path).name
    if name.endswith(".json"):
        return RankFile(path, "tekken" if "tekken" in name else "huggingface")
    from tokenization import sentencepiece_model

    content = RankFile(path, "tiktoken").content()
    return RankFile(path, "sentencepiece" if sentencepiece_model.is_model(content) else "tiktoken")


def given(name: str, path: str) -> tuple[RankFile, Family]:
    """A file of the user's, and the family that its name or content gives.

    Raises: `ConfigError` if it cannot be read or is damaged.
    """
    file = at(path)
    if file.format == "huggingface":
        return file, _document_family(file)
    if file.format == "sentencepiece":
        return file, pieces_family(file)
    known = "tekken" if file.format == "tekken" else name
    return file, FAMILIES.get(known, Family(""))


def _document_family(file: RankFile) -> Family:
    """The family of a ``tokenizer.json``. Raises `ConfigError` for any other file."""
    from tokenization.huggingface import family_of

    try:
        return family_of(json.loads(file.content()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"vocabulary file {file.path} is not a tokenizer.json of Hugging Face: {error!r}"
        ) from error


def pieces_family(file: RankFile) -> Family:
    """The family of a SentencePiece model. Raises: `ConfigError` if the file is damaged."""
    from tokenization import sentencepiece_model

    try:
        return sentencepiece_model.read(file.content()).family
    except (ValueError, KeyError) as error:
        raise ConfigError(
            f"vocabulary file {file.path} is not a SentencePiece model: {error!r}"
        ) from error


def read_tiktoken(content: bytes) -> Ranks:
    """Ranks of a ``.tiktoken`` file.

    Raises: ValueError for a line that is not base64, a blank and a number.
    """
    lines = (line.split() for line in content.splitlines() if line)
    return {a2b_base64(token, strict_mode=True): int(rank) for token, rank in lines}


def sizes_in_order(content: bytes) -> Tokens:
    """The length in bytes of each token of a ``.tiktoken`` file whose ids begin at 0 in order.

    int32, by id. It takes a twentieth of the time of `read_tiktoken`.
    """
    written = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(written == ord(" "))
    starts = np.concatenate([[0], np.flatnonzero(written == ord("\n")) + 1])[: len(ends)]
    padding = (written[ends - 1] == ord("=")).astype(np.int32) + (written[ends - 2] == ord("="))
    sizes: Tokens = ((ends - starts) // 4 * 3 - padding).astype(np.int32)
    return sizes


def read_tekken(document: dict[str, Any]) -> Ranks:
    """Ranks of a tekken file as ids, by the rule of mistral-common.

    Special tokens have the first ids. Only the first ``default_vocab_size -
    default_num_special_tokens`` entries of the file belong to the vocabulary.

    Raises: KeyError or ValueError for a file of another form.
    """
    config = document["config"]
    special = int(config["default_num_special_tokens"])
    entries = document["vocab"][: int(config["default_vocab_size"]) - special]
    return {
        base64.b64decode(entry["token_bytes"]): int(entry["rank"]) + special for entry in entries
    }


def in_package(package: str, *parts: str) -> str | None:
    """The path of a file inside an installed package; None if it is not there.

    Does not import the package.
    """
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder).joinpath(*parts)
        if path.is_file():
            return str(path)
    return None


def qwen_file() -> RankFile:
    """The Qwen rank file inside the package dashscope.

    Raises: `ConfigError` if the package or the file is missing.
    """
    path = in_package("dashscope", "resources", "qwen.tiktoken")
    if path is None:
        raise ConfigError(
            "vocabulary qwen2.5: the package dashscope is missing or has no "
            "resources/qwen.tiktoken; install 'dashscope>=1.20,<1.23' or give the path of "
            "qwen.tiktoken as `file`"
        )
    return RankFile(path, "tiktoken")


def mistral_file(file_name: str) -> RankFile:
    """A file inside the package mistral-common.

    Raises: `MissingExtra` if the package is not installed; `ConfigError` if it lacks the file.
    """
    if importlib.util.find_spec("mistral_common") is None:
        raise MissingExtra("mistral-common", "mistral", f"the Mistral vocabulary {file_name}")
    path = in_package("mistral_common", "data", file_name)
    if path is None:
        raise ConfigError(
            f"the installed mistral-common has no {file_name}; give its path as `file`"
        )
    return at(path)


def cached_file(name: str, family: Family, download: bool) -> RankFile:
    """A rank file in tiktoken's cache folder.

    download: let tiktoken fetch it.

    Raises: `ConfigError` if it is not there.
    """
    import tempfile  # it loads what compresses

    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    path = Path(folder or Path(tempfile.gettempdir(), "data-gym-cache"), family.cached_as)
    if not path.is_file() and download:
        import tiktoken

        tiktoken.get_encoding(f"{name}_base")
    if not path.is_file():
        raise ConfigError(
            f"vocabulary {name}: {name}_base.tiktoken is not in tiktoken's cache; give its path: "
            "--set vocabulary.file=PATH, or the folder that holds it as $TIKTOKEN_CACHE_DIR"
        )
    return RankFile(str(path), "tiktoken")


TEKKEN_FILES: Final = {
    "mistral-v3-tekken": "tekken_240718.json",
    "mistral-v3-tekken-vision": "tekken_240911.json",
}
PIECE_FILES: Final = {
    "mistral-v1": ("tokenizer.model.v1", "mistral-v1"),
    "mistral-v2": ("mistral_instruct_tokenizer_240216.model.v2", "mistral"),
    "mistral-v3": ("mistral_instruct_tokenizer_240323.model.v3", "mistral"),
    "mistral-v7": ("mistral_instruct_tokenizer_241114.model.v7", "mistral-v7"),
}
"""Name -> SentencePiece model in mistral-common, and its chat template."""

NAMES: Final = ("qwen2.5", "qwen3", *PIECE_FILES, *TEKKEN_FILES, "cl100k", "o200k")
"""What can be had by name, without a file."""


def find(name: str, download: bool = False) -> tuple[RankFile, Family]:
    """The file and family of a vocabulary, by its name.

    Raises: `ConfigError` for a name without a file; `MissingExtra` as `mistral_file` does.
    """
    if name in ("qwen2.5", "qwen3"):
        return qwen_file(), FAMILIES[name]
    if name in TEKKEN_FILES:
        return mistral_file(TEKKEN_FILES[name]), FAMILIES["tekken"]
    if name in PIECE_FILES:
        file_name, chat = PIECE_FILES[name]
        if importlib.util.find_spec("sentencepiece") is None:
            raise MissingExtra("sentencepiece", "mistral", f"the vocabulary {name}")
        file = mistral_file(file_name)
        return file, replace(pieces_family(file), chat=chat)
    if name in FAMILIES and FAMILIES[name].cached_as:
        return cached_file(name, FAMILIES[name], download), FAMILIES[name]
    if name == "llama3":
        raise ConfigError(
            "vocabulary llama3: its licence keeps it out of packages. Give a model's own folder, "
            "vocabulary.model = DIR, or Meta's file: vocabulary.file = DIR/original/tokenizer.model"
        )
    raise ConfigError(
        f"vocabulary {name}: no package holds its file; known by name are {', '.join(NAMES)}. For "
        "another one give a model's own folder as vocabulary.model, or its rank file, "
        "tokenizer.json or tokenizer.model as vocabulary.file"
    )
