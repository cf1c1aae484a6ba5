"""Vocabulary files: where packages or the user keep them, and how to read them.

Nothing is downloaded unless the caller asks for it. A `RankFile` is a path and a format:
``tiktoken`` (lines of base64 token and rank), ``tekken`` (Mistral's JSON) or ``huggingface``
(``tokenizer.json``). Ranks are token bytes -> id, and the order of ids is the order of merges.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import tempfile
from binascii import a2b_base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from schemas.errors import ConfigError, MissingExtra
from tokenization.families import FAMILIES, Family

Ranks = dict[bytes, int]


@dataclass(frozen=True)
class RankFile:
    """A vocabulary file and its format."""

    path: str
    format: Literal["tiktoken", "tekken", "huggingface"]

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
        """Token bytes -> id, or None for a ``tokenizer.json`` that no ranks express exactly.

        Raises: `ConfigError` if the file cannot be read, or is not in its format.
        """
        try:
            if self.format == "tiktoken":
                return read_tiktoken(self.content())
            if self.format == "tekken":
                return read_tekken(json.loads(self.content()))
            from tokenization.huggingface import exact_ranks

            return exact_ranks(json.loads(self.content()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"vocabulary file {self.path} is not in the {self.format} format: {error!r}"
            ) from error


def read_tiktoken(content: bytes) -> Ranks:
    """Ranks of a ``.tiktoken`` file.

    Raises: ValueError for a line that is not base64, a blank and a number.
    """
    lines = (line.split() for line in content.splitlines() if line)
    return {a2b_base64(token, strict_mode=True): int(rank) for token, rank in lines}


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


def tekken_file(file_name: str) -> RankFile:
    """A tekken file inside the package mistral-common.

    Raises: `MissingExtra` if the package is not installed; `ConfigError` if it lacks the file.
    """
    if importlib.util.find_spec("mistral_common") is None:
        raise MissingExtra("mistral-common", "mistral", f"the Mistral vocabulary {file_name}")
    path = in_package("mistral_common", "data", file_name)
    if path is None:
        raise ConfigError(
            f"the installed mistral-common has no {file_name}; give its path as `file`"
        )
    return RankFile(path, "tekken")


def cached_file(name: str, family: Family, download: bool) -> RankFile:
    """A rank file in tiktoken's cache folder.

    download: let tiktoken fetch it.

    Raises: `ConfigError` if it is not there.
    """
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


TEKKEN_FILES = {
    "mistral-v3-tekken": "tekken_240718.json",
    "mistral-v3-tekken-vision": "tekken_240911.json",
}


def find(name: str, download: bool = False) -> tuple[RankFile, Family]:
    """The file and family of a vocabulary, by its name.

    Raises: `ConfigError` for a name without a file; `MissingExtra` as `tekken_file` does.
    """
    if name == "qwen2.5":
        return qwen_file(), FAMILIES[name]
    if name in TEKKEN_FILES:
        return tekken_file(TEKKEN_FILES[name]), FAMILIES["tekken"]
    if name in FAMILIES and FAMILIES[name].cached_as:
        return cached_file(name, FAMILIES[name], download), FAMILIES[name]
    cached = [each for each, family in FAMILIES.items() if family.cached_as]
    names = ", ".join(sorted([*TEKKEN_FILES, *cached]))
    raise ConfigError(
        f"vocabulary {name}: no package holds its file; known by name are qwen2.5, {names}. "
        "For another one give the path of its rank file or tokenizer.json as vocabulary.file"
    )
