"""A vocabulary: text to ids and back, exactly as tiktoken does it, and faster.

`load` finds one by name or file. All text is ordinary: what looks like a special token in a page is
encoded as the characters it is made of. Real special tokens come from `chat`, by id.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import xxhash

from schemas.errors import BuildError, ConfigError, MissingExtra
from schemas.tokens import Tokens
from schemas.utf8 import text_of
from tokenization import ranks
from tokenization.engines import CachedTiktoken, Engine, Gigatoken, Oracle
from tokenization.families import FAMILIES, SCHEMES, Family
from tokenization.huggingface import TokenizersOracle, family_of
from tokenization.ranks import RankFile
from tokenization.splits import has_long_run, split_long_runs, tag_starts
from tokenization.utf8 import has_utf8, is_normal

EngineName = Literal["auto", "tiktoken", "gigatoken"]

CHECK_ONE_IN: Final = 256
"""One text in this many, chosen by the hash of its ids, is compared with the oracle's encoding."""

CHECK_BYTES: Final = 1 << 14
"""Of a longer text about this many bytes are compared, from a place chosen by the hash."""

UNICODE_VERSIONS: Final = ("14.0.0", "15.0.0", "15.1.0", "16.0.0", "17.0.0")
"""Unicode versions of Python 3.11 and later; Python normalises by its own version."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Ranks, pattern, special tokens and normalisation; make one with `load`.

    Cheap to make and to pickle: each process reads the file and builds the engine at the first use.
    """

    name: str
    file: RankFile
    family: Family
    # which program finds the ids; they are the same, so `sha256` leaves it out
    engine: EngineName = "auto"

    @property
    def special_tokens(self) -> dict[str, int]:
        """Text of each special token -> id."""
        return self.family.special_tokens

    @property
    def pattern(self) -> str:
        """The regular expression that cuts text into pretokens; empty where only tokenizers can."""
        return self.family.pattern

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that decides ids, in hex.

        That is the rank file's bytes, the pattern, the special tokens and the normalisation.

        Raises: `ConfigError` if the file cannot be read.
        """
        return self._hash(unicodedata.unidata_version)

    def _hash(self, unicode: str) -> str:
        """`sha256` with a version of Unicode."""
        settings = [
            self.file.sha256(),
            self.file.format,
            self.pattern,
            self.special_tokens,
            self.family.nfc,
        ]
        if self.family.nfc:
            settings.append(unicode)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def decodes(self, sha256: str) -> bool:
        """Whether this vocabulary decodes the ids of the vocabulary with that hash.

        It does if both are the same, or differ only in the version of Unicode.
        """
        return sha256 == self.sha256 or any(
            sha256 == self._hash(version) for version in UNICODE_VERSIONS
        )

    @property
    def exact(self) -> bool:
        """Whether text can be cut at the places in `splits` without changing its ids."""
        return self.pattern in SCHEMES

    def __getstate__(self) -> dict[str, object]:
        return {name: self.__dict__[name] for name in ("name", "file", "family", "engine")}

    def encode(self, text: str) -> Tokens:
        """The ids of ``text`` as ordinary text, int32.

        Raises: `BuildError` and `RecordError`, as `encode_normalised` does.
        """
        return self.encode_normalised(self.normalise(text))

    def encode_normalised(self, text: str) -> Tokens:
        """The ids of a text that `normalise` returned, int32.

        Raises: `BuildError` if the engine disagrees with tiktoken on this text; `RecordError`
        ``tokenizer_panic`` for a run too long for tiktoken, under a pattern not in `SCHEMES`.
        """
        if self.exact and has_long_run(text):
            parts = [
                self._oracle.encode_pretoken(part) if is_pretoken else self._engine.encode(part)
                for part, is_pretoken in split_long_runs(text)
            ]
            return np.concatenate(parts) if parts else np.empty(0, np.int32)
        return self._checked(text, self._engine.encode(text))

    def encode_utf8(self, utf8: bytes) -> Tokens:
        """`encode_normalised` for a text that `normalised_utf8` returned.

        Raises: `BuildError` and `RecordError`, as `encode_normalised` does.
        """
        if not isinstance(self._engine, Gigatoken) or has_long_run(utf8):
            return self.encode_normalised(utf8.decode())
        return self._checked(utf8, self._engine.encode(utf8))

    def _checked(self, text: str | bytes, ids: Tokens) -> Tokens:
        """``ids``; of one text in some hundreds they are compared with the oracle's."""
        digest = xxhash.xxh3_64_intdigest(ids.data)
        if digest % CHECK_ONE_IN == 0:
            self._spot_check(text_of(text), ids, digest // CHECK_ONE_IN)
        return ids

    def _spot_check(self, text: str, ids: Tokens, chosen: int) -> None:
        """`check` a text, or the part of a long one between two exact places."""
        raw = text.encode()
        if not self.exact or len(raw) <= CHECK_BYTES:
            return self.check(text, ids)
        places = np.concatenate([[0], tag_starts(raw) - 1, [len(raw)]])
        first = int(np.searchsorted(places, chosen % (len(raw) - CHECK_BYTES), side="right")) - 1
        start = int(places[first])
        end = int(places[np.searchsorted(places, start + CHECK_BYTES)])
        ends = np.cumsum(self.lengths[ids], dtype=np.int64)
        begins, stops = np.searchsorted(ends, [start, end], side="right")
        return self.check(raw[start:end].decode(), ids[begins:stops])

    def count(self, text: str) -> int:
        """The number of tokens of ``text``.

        Quick for short texts, since pruning counts the tokens of every class that it meets.
        """
        if len(text) < 1024 and text.isascii():  # nothing to normalise, no run to split
            return self._engine.count(text)
        return len(self.encode(text))

    def check(self, text: str, ids: Tokens) -> None:
        """Compare ``ids`` with the oracle's ids for a normalised text.

        Raises: `BuildError`, which names the text's hash, if they differ.
        """
        if not np.array_equal(ids, self._oracle.encode(text)):
            digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            raise BuildError(
                f"vocabulary {self.name}: {type(self._engine).__name__} and tiktoken disagree on a "
                f"text of {len(text)} characters (blake2b {digest}); build with engine tiktoken, "
                "and report it"
            )

    def decode_bytes(self, ids: Sequence[int] | Tokens) -> bytes:
        """The bytes that ``ids`` stand for, special tokens as their text.

        Raises: KeyError for an unknown id.
        """
        return self._oracle.decode(ids.tolist() if isinstance(ids, np.ndarray) else list(ids))

    def decode(self, ids: Sequence[int] | Tokens) -> str:
        """The text that ``ids`` stand for; bytes that are not UTF-8 become U+FFFD.

        Raises: KeyError for an unknown id.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def normalise(self, text: str) -> str:
        """``text`` in the form that is encoded.

        Surrogate pairs are joined, and lone surrogates become U+FFFD, as in tiktoken. Then comes
        NFC, if the family asks for it.
        """
        if text.isascii():
            return text
        if not has_utf8(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return unicodedata.normalize("NFC", text) if self.family.nfc else text

    def normalised_utf8(self, utf8: bytes) -> bytes:
        """`normalise` from UTF-8, with lone surrogates, to UTF-8."""
        if is_normal(utf8, nfc=self.family.nfc):
            return utf8
        return self.normalise(text_of(utf8)).encode()

    @cached_property
    def lengths(self) -> Tokens:
        """The length in bytes of each ordinary token, by id; 0 for other ids. Only where `exact`.

        Raises: `ConfigError` if ranks cannot express the file.
        """
        ids = np.fromiter(self._ranks.values(), np.int64, len(self._ranks))
        table = np.zeros(ids.max() + 1, np.int32)
        table[ids] = np.fromiter(map(len, self._ranks), np.int32, len(self._ranks))
        return table

    @cached_property
    def _ranks(self) -> ranks.Ranks:
        table = self.file.ranks()
        if table is None:
            raise ConfigError(
                f"vocabulary {self.name}: {self.file.path} cannot be expressed as ranks"
            )
        return table

    @cached_property
    def _oracle(self) -> Oracle | TokenizersOracle:
        if not self.pattern:
            return TokenizersOracle(self.file.content(), self.special_tokens)
        return Oracle(self._ranks, self.special_tokens, self.pattern)

    @property
    def _pinned(self) -> bool:
        """Whether the file is the family's pinned one, whose lines gigatoken can read.

        Its ids begin at 0 and are in order.
        """
        return (
            self.file.format == "tiktoken"
            and bool(self.family.sha256)
            and self.family.sha256 == self.file.sha256()
        )

    @cached_property
    def _engine(self) -> Engine:
        if not self.exact:
            return self._oracle
        if self.engine != "tiktoken":
            try:
                return Gigatoken(self.file.path if self._pinned else self._ranks, self.pattern)
            except ImportError:
                if self.engine == "gigatoken":  # `load` found it, so the installation is broken
                    raise
        assert isinstance(self._oracle, Oracle)
        return CachedTiktoken(self._oracle)


def noted(settings: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that a build noted in ``work/order.json``.

    settings: ``name``, ``file``, ``pattern``, ``special_tokens`` and ``nfc``, as in a recipe.

    Raises: `ConfigError` and `MissingExtra`, as `load` does.
    """
    family = None
    if settings["pattern"]:
        family = Family(settings["pattern"], settings["special_tokens"], settings["nfc"])
    return load(settings["name"], file=settings["file"], family=family)


def shared(
    name: str,
    file: str = "",
    engine: EngineName = "auto",
    family: tuple[str, tuple[tuple[str, int], ...], bool] | None = None,
) -> Vocabulary:
    """The same as `load`, one object for all who ask for it: its engine takes a moment to make.

    family: the pattern, texts and ids of special tokens, and whether text is normalised first.
    """
    return _shared(name, file, engine, family)


@lru_cache(maxsize=4)
def _shared(
    name: str,
    file: str,
    engine: EngineName,
    family: tuple[str, tuple[tuple[str, int], ...], bool] | None,
) -> Vocabulary:
    """No parameter has a default: a call that leaves one out would be another key of the cache."""
    own = Family(family[0], dict(family[1]), family[2]) if family else None
    return load(name, file=file, engine=engine, family=own)


def load(
    name: str = "qwen2.5",
    *,
    file: str = "",
    engine: EngineName = "auto",
    family: Family | None = None,
    download: bool = False,
) -> Vocabulary:
    """A vocabulary by name, or by name and file.

    name: ``qwen2.5``, ``mistral-v3-tekken``, ``mistral-v3-tekken-vision``, ``cl100k`` or ``o200k``.
    With a file also ``llama3`` and ``tekken``; any name if the file is a ``tokenizer.json`` or
    ``family`` is given.
    file: a ``.tiktoken`` rank file, a ``tekken*.json`` or a Hugging Face ``tokenizer.json``.
    engine: which program finds the ids; ``auto`` is gigatoken if it is installed.
    family: pattern and special tokens for a rank file of your own.
    download: let tiktoken fetch cl100k or o200k.

    Raises: `ConfigError` for an unknown name, and for a file that is missing, damaged or not the
    pinned one; `MissingExtra` if a package is missing.
    """
    rank_file, known_family = _file_and_family(name, file, download)
    family = family or known_family
    if rank_file.format != "huggingface" and not family.pattern:
        raise ConfigError(
            f"vocabulary {name} is not known ({', '.join(FAMILIES)}): give its `family` as well"
        )
    if family.sha256 and rank_file.sha256() != family.sha256:
        raise ConfigError(
            f"vocabulary {name}: {rank_file.path} has sha256 {rank_file.sha256()}, expected "
            f"{family.sha256}; it is another version or damaged"
        )
    if engine == "gigatoken" and importlib.util.find_spec("gigatoken") is None:
        raise MissingExtra("gigatoken", "fast", "the tokenizer engine gigatoken")
    if not family.pattern and importlib.util.find_spec("tokenizers") is None:
        raise MissingExtra("tokenizers", "tokenizers", f"the vocabulary {file}")
    return Vocabulary(name, rank_file, family, engine)


def _file_and_family(name: str, file: str, download: bool) -> tuple[RankFile, Family]:
    """The file of a vocabulary, and the family that its name or content gives."""
    if not file:
        return ranks.find(name, download)
    if Path(file).name.endswith(".json") and "tekken" not in Path(file).name:
        rank_file = RankFile(file, "huggingface")
        return rank_file, _family(rank_file)
    if file.endswith(".json"):
        return RankFile(file, "tekken"), FAMILIES["tekken"]
    return RankFile(file, "tiktoken"), FAMILIES.get(name, Family(""))


def _family(file: RankFile) -> Family:
    """The family of a ``tokenizer.json``. Raises `ConfigError` for any other file."""
    try:
        return family_of(json.loads(file.content()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"vocabulary file {file.path} is not a tokenizer.json of Hugging Face: {error!r}"
        ) from error
