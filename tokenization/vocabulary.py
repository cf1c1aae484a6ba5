"""A vocabulary: text to ids and back, exactly as tiktoken does it and as fast as the machine
allows.

`load` finds one by name or file. Text is always ordinary: what looks like a special token in a page
is encoded as the characters it is made of; special tokens are put in by id, by `chat`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import xxhash

from schemas.errors import BuildError, ConfigError, MissingExtra
from schemas.samples import Tokens
from tokenization import ranks
from tokenization.engines import CachedTiktoken, Engine, Gigatoken, Oracle
from tokenization.families import FAMILIES, SCHEMES, Family
from tokenization.huggingface import TokenizersOracle, family_of
from tokenization.ranks import RankFile
from tokenization.splits import has_long_run, split_long_runs, tag_starts
from tokenization.utf8 import has_utf8

EngineName = Literal["auto", "tiktoken", "gigatoken"]

CHECK_ONE_IN: Final = 256
"""One text in this many, chosen by the hash of its ids, is encoded by the oracle as well and
compared.
"""

UNICODE_VERSIONS: Final = ("14.0.0", "15.0.0", "15.1.0", "16.0.0", "17.0.0")
"""Those of Python 3.11 and later: normalisation is by the version that Python has."""

CHECK_BYTES: Final = 1 << 14
"""About so much of a long one, from a place chosen by its hash."""


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Ranks, pattern, special tokens and normalisation; make one with `load`.

    Cheap to make and to pickle: the file is read and the engine built at the first use in each
    process. engine: how ids are found, never which; so it is not part of `sha256`.
    """

    name: str
    file: RankFile
    family: Family
    engine: EngineName = "auto"

    @property
    def special_tokens(self) -> dict[str, int]:
        """Text of each special token -> id."""
        return self.family.special_tokens

    @property
    def pattern(self) -> str:
        """The regular expression that cuts text into pretokens; empty where only `tokenizers` can
        do it.
        """
        return self.family.pattern

    @cached_property
    def sha256(self) -> str:
        """Hash of everything that decides ids: the rank file's bytes, pattern, special tokens,
        normalisation.
        """
        return self._hash(unicodedata.unidata_version)

    def _hash(self, unicode: str) -> str:
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
        """Whether ids of the vocabulary with this hash are decoded alike: that of another Python's
        Unicode is.
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
        """The ids of ``text`` as ordinary text, int32. Errors as of `encode_normalised`."""
        return self.encode_normalised(self.normalise(text))

    def encode_normalised(self, text: str) -> Tokens:
        """The ids of what `normalise` has given, int32.

        Errors: BuildError if an engine disagrees with tiktoken on this text; RecordError
        ``tokenizer_panic`` for a pattern we do not know, on runs too long for tiktoken.
        """
        if self.exact and has_long_run(text):
            parts = [
                self._oracle.encode_pretoken(part) if is_pretoken else self._engine.encode(part)
                for part, is_pretoken in split_long_runs(text)
            ]
            return np.concatenate(parts) if parts else np.empty(0, np.int32)
        ids = self._engine.encode(text)
        digest = xxhash.xxh3_64_intdigest(ids.data)
        if digest % CHECK_ONE_IN == 0:
            self._spot_check(text, ids, digest // CHECK_ONE_IN)
        return ids

    def _spot_check(self, text: str, ids: Tokens, chosen: int) -> None:
        """`check` a text, or of a long one what lies between two exact places."""
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

    def encode_batch(self, texts: Iterable[str]) -> list[Tokens]:
        """`encode` of each text."""
        return [self.encode(text) for text in texts]

    def count(self, text: str) -> int:
        """How many tokens ``text`` has. Quick for short ones: pruning counts the tokens of every
        class it meets.
        """
        if len(text) < 1024 and text.isascii():  # nothing to normalise, no run to split
            return len(self._engine.encode(text))
        return len(self.encode(text))

    def check(self, text: str, ids: Tokens) -> None:
        """Compare ``ids`` with the oracle's for ``text`` (normalised). Errors: BuildError naming
        the text's hash.
        """
        if not np.array_equal(ids, self._oracle.encode(text)):
            digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            raise BuildError(
                f"vocabulary {self.name}: {type(self._engine).__name__} and tiktoken disagree on a "
                f"text of {len(text)} characters (blake2b {digest}); build with engine tiktoken, "
                "and report it"
            )

    def decode_bytes(self, ids: Sequence[int] | Tokens) -> bytes:
        """The bytes ``ids`` stand for, special tokens as their text. Errors: KeyError for an
        unknown id.
        """
        return self._oracle.decode(ids.tolist() if isinstance(ids, np.ndarray) else list(ids))

    def decode(self, ids: Sequence[int] | Tokens) -> str:
        """The text ``ids`` stand for; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def normalise(self, text: str) -> str:
        """``text`` as it is encoded: surrogate pairs joined, lone ones U+FFFD (as tiktoken has it),
        then NFC.
        """
        if text.isascii():
            return text
        if not has_utf8(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return unicodedata.normalize("NFC", text) if self.family.nfc else text

    @cached_property
    def lengths(self) -> Tokens:
        """Bytes of each ordinary token by id; 0 for ids that are none. Only where `exact`."""
        table = np.zeros(max(self._ranks.values()) + 1, np.int32)
        for token, i in self._ranks.items():
            table[i] = len(token)
        return table

    @cached_property
    def _ranks(self) -> ranks.Ranks:
        found = self.file.ranks()
        if found is None:
            raise ConfigError(
                f"vocabulary {self.name}: {self.file.path} cannot be expressed as ranks"
            )
        return found

    @cached_property
    def _oracle(self) -> Oracle | TokenizersOracle:
        if not self.pattern:
            return TokenizersOracle(self.file.content(), self.special_tokens)
        return Oracle(self._ranks, self.special_tokens, self.pattern)

    @property
    def _pinned(self) -> bool:
        """Whether the file is the one known by hash, whose lines are as gigatoken reads them: ids
        from 0, in order.
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
                if self.engine == "gigatoken":  # installed, as `load` found, and broken
                    raise
        assert isinstance(self._oracle, Oracle)
        return CachedTiktoken(self._oracle)


def noted(settings: Mapping[str, Any]) -> Vocabulary:
    """A vocabulary as a build noted it (``work/order.json``). settings: ``name``, ``file``,
    ``pattern``, ``special_tokens`` and ``nfc``, as a recipe has them. Errors as of `load`.
    """
    own = None
    if settings["pattern"]:
        own = Family(settings["pattern"], settings["special_tokens"], settings["nfc"])
    return load(settings["name"], file=settings["file"], family=own)


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

    name: ``qwen2.5``, ``mistral-v3-tekken``, ``mistral-v3-tekken-vision``, ``cl100k``, ``o200k``;
    with a file also ``llama3`` and ``tekken``, or any name where the file is a ``tokenizer.json``
    or ``family`` is given. file: a ``.tiktoken`` rank file, a ``tekken*.json`` or a Hugging Face
    ``tokenizer.json``. family: pattern and special tokens for a rank file of your own. download:
    let tiktoken fetch cl100k or o200k. Errors: ConfigError for an unknown name or a file that is
    missing or not the pinned one; MissingExtra.
    """
    if not file:
        rank_file, found = ranks.find(name, download)
    elif Path(file).name.endswith(".json") and "tekken" not in Path(file).name:
        rank_file = RankFile(file, "huggingface")
        found = _family(rank_file)
    else:
        rank_file = RankFile(file, "tekken" if file.endswith(".json") else "tiktoken")
        found = (
            FAMILIES["tekken"] if rank_file.format == "tekken" else FAMILIES.get(name, Family(""))
        )
    found = family or found
    if rank_file.format != "huggingface" and not found.pattern:
        raise ConfigError(
            f"vocabulary {name} is not known ({', '.join(FAMILIES)}): give its `family` as well"
        )
    if found.sha256 and rank_file.sha256() != found.sha256:
        raise ConfigError(
            f"vocabulary {name}: {rank_file.path} has sha256 {rank_file.sha256()}, expected "
            f"{found.sha256}; it is another version or damaged"
        )
    if engine == "gigatoken" and importlib.util.find_spec("gigatoken") is None:
        raise MissingExtra("gigatoken", "fast", "the tokenizer engine gigatoken")
    if not found.pattern and importlib.util.find_spec("tokenizers") is None:
        raise MissingExtra("tokenizers", "tokenizers", f"the vocabulary {file}")
    return Vocabulary(name, rank_file, found, engine)


def _family(file: RankFile) -> Family:
    """Of a ``tokenizer.json``. Raises `ConfigError` for anything else."""
    try:
        return family_of(json.loads(file.content()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"vocabulary file {file.path} is no tokenizer.json of Hugging Face: {error!r}"
        ) from error
