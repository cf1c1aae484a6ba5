"""A vocabulary: text to ids and back, exactly as its own program does it, and faster.

That program, the oracle, is tiktoken for ranks, sentencepiece or tokenizers for other files. `load`
finds a vocabulary by name, file or a model's folder. All text is ordinary: what looks like a
special token in a page is encoded as the characters it is made of. Real special tokens come from
`chat`, by id.
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
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xxhash

from schemas.errors import BuildError, ConfigError, MissingExtra
from schemas.tokens import Tokens
from schemas.utf8 import has_surrogates, is_normal, text_of
from tokenization import ranks
from tokenization.engines import CachedTiktoken, CachedWords, Engine, Gigatoken, Oracle
from tokenization.families import FAMILIES, SCHEMES, SPACE, Family
from tokenization.ranks import RankFile
from tokenization.splits import has_long_run, split_long_runs, tag_starts
from tokenization.utf8 import has_utf8

if TYPE_CHECKING:  # what a vocabulary of another form needs is loaded with it
    from tokenization.document import TokenizersOracle
    from tokenization.own_chat import OwnChat
    from tokenization.sentencepiece_model import PiecesOracle

EngineName = Literal["auto", "tiktoken", "gigatoken"]

After = Literal["nothing", "special", "text"]
"""What stands before a text: where the vocabulary puts a space in front depends on it."""

CHECK_ONE_IN: Final = 256
"""One text in this many, chosen by the hash of its ids, is compared with the oracle's encoding."""

CHECK_BYTES: Final = 1 << 14
"""Of a longer text about this many bytes are compared, from a place chosen by the hash."""

_FEW: Final = 12
"""Up to this many lines are counted one by one, which is as quick."""

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
    # the chat template of the model's folder, if it is one
    own_chat: OwnChat | None = None

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

        That is the file's bytes, the pattern, the special tokens, the normalisation, and where
        spaces are put in front.

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
        more = {
            name: getattr(self.family, name)
            for name in ("prefix", "once", "spaces", "uncut", "blank")
            if getattr(self.family, name)
        }
        if more:  # of no vocabulary that is ranks
            settings.append(more)
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
        return self.pattern in SCHEMES or self.family.uncut

    def __getstate__(self) -> dict[str, object]:
        names = ("name", "file", "family", "engine", "own_chat")
        return {name: self.__dict__[name] for name in names}

    def encode(self, text: str, after: After = "nothing") -> Tokens:
        """The ids of ``text`` as ordinary text, int32.

        Raises: `BuildError` and `RecordError`, as `encode_normalised` does.
        """
        text = self.normalise(text)
        return self.encode_normalised(self.prefix(text, after) + text)

    def encode_utf8(self, utf8: bytes, after: After = "nothing", *, normal: bool = False) -> Tokens:
        """`encode` for a text that is given as UTF-8, with lone surrogates.

        normal: whether it is known to have none, and to be in NFC.
        """
        utf8 = self.normalised_utf8(utf8, normal=normal)
        return self.encode_normalised_utf8(self.prefix(utf8[:1], after).encode() + utf8)

    def prefix(self, text: str | bytes, after: After = "nothing") -> str:
        """What is put in front of a normalised text: a space or nothing.

        text: its start is enough, or the UTF-8 of that.
        """
        family = self.family
        if not family.prefix or not text or after == "text":
            return ""
        if (after == "special" and family.prefix == "first") or (
            family.once and text[:1] in (" ", b" ")
        ):
            return ""
        return " "

    def encode_normalised(self, text: str) -> Tokens:
        """The ids of a text that `normalise` returned, int32; nothing is put in front.

        Raises: `BuildError` if the engine disagrees with tiktoken on this text; `RecordError`
        ``tokenizer_panic`` for a run too long for tiktoken, under a pattern not in `SCHEMES`.
        """
        if self.pattern in SCHEMES and has_long_run(text):
            assert isinstance(self._oracle, Oracle)
            parts = [
                self._oracle.encode_pretoken(part) if is_pretoken else self._engine.encode(part)
                for part, is_pretoken in split_long_runs(text)
            ]
            return np.concatenate(parts) if parts else np.empty(0, np.int32)
        return self._checked(text, self._engine.encode(text))

    def encode_normalised_utf8(self, utf8: bytes) -> Tokens:
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

    def count(self, text: str, after: After = "nothing") -> int:
        """The number of tokens of ``text``.

        Quick for short texts, since pruning counts the tokens of every class that it meets.
        """
        if len(text) < 1024:  # no run to split
            text = self.normalise(text)
            return self._engine.count(self.prefix(text, after) + text)
        return len(self.encode(text, after))

    def count_lines(self, text: bytes) -> npt.NDArray[np.int64]:
        """The number of tokens of each line of a text with its line break: int64.

        text: UTF-8, with lone surrogates. Each line ends with ``\\n``, has no other line break,
        and is not blank. Quicker than `count` for each.
        """
        if self.pattern not in SCHEMES or self.family.prefix or text.count(b"\n") <= _FEW:
            lines = text.decode("utf-8", "surrogatepass").split("\n")
            return np.array([self.count(f"{line}\n") for line in lines[:-1]], np.int64)
        utf8 = self.normalised_utf8(text)
        ends = np.cumsum(self.lengths.take(self.encode_normalised_utf8(utf8)), dtype=np.int64)
        # `splits`: no token reaches across the end of a line
        last = (np.frombuffer(utf8, np.uint8)[ends - 1] == ord("\n")).nonzero()[0]
        counts: npt.NDArray[np.int64] = last + 1
        counts[1:] -= counts[:-1].copy()
        return counts

    @cached_property
    def adds_up(self) -> bool:
        """Whether a text of lines as `count_lines` has them, each a number, a space and words, has
        the tokens of the numbers, which depend on how many digits they have, and of the rest.
        """
        if self.pattern not in SCHEMES or self.family.prefix:
            return False
        # numbers are cut after one digit or three, so that these may follow any others
        return all(
            self.count(f"{number:0{size}}") == self.count("9" * size)
            for size in (1, 2, 3)
            for number in range(10**size)
        )

    def check(self, text: str, ids: Tokens) -> None:
        """Compare ``ids`` with the oracle's ids for a normalised text.

        Raises: `BuildError`, which names the text's hash, if they differ.
        """
        if not np.array_equal(ids, self._oracle.encode(text)):
            digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            raise BuildError(
                f"vocabulary {self.name}: {type(self._engine).__name__} and "
                f"{type(self._oracle).__name__} disagree on a text of {len(text)} characters "
                f"(blake2b {digest}); build with engine tiktoken, and report it"
            )

    def decode_bytes(self, ids: Sequence[int] | Tokens) -> bytes:
        """The bytes that ``ids`` stand for, special tokens as their text.

        A space that the vocabulary put in front is among them.

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
        NFC, if the family asks for it. U+2581 becomes a space where it cannot be told from one.
        """
        if text.isascii():
            return text
        if not has_utf8(text):
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if self.family.spaces:
            text = text.replace(SPACE, " ")
        return unicodedata.normalize("NFC", text) if self.family.nfc else text

    def normalised_utf8(self, utf8: bytes, *, normal: bool = False) -> bytes:
        """`normalise` from UTF-8, with lone surrogates, to UTF-8.

        normal: whether it is known to have none, and to be in NFC.
        """
        if self.family.spaces and SPACE.encode() in utf8:
            kept = False
        else:
            kept = normal or (is_normal(utf8) if self.family.nfc else not has_surrogates(utf8))
        return utf8 if kept else self.normalise(text_of(utf8)).encode()

    @cached_property
    def lengths(self) -> Tokens:
        """The length in bytes of each ordinary token, by id; 0 for other ids. Only where `exact`.

        Raises: `ConfigError` if ranks cannot express the file.
        """
        if self._pinned:
            return ranks.sizes_in_order(self.file.content())
        if self.pattern:
            ids = np.fromiter(self._ranks.values(), np.int64, len(self._ranks))
            sizes = np.fromiter(map(len, self._ranks), np.int32, len(self._ranks))
        else:
            ids = np.fromiter(self._sizes, np.int64, len(self._sizes))
            sizes = np.fromiter(self._sizes.values(), np.int32, len(self._sizes))
        table = np.zeros(ids.max() + 1, np.int32)
        table[ids] = sizes
        return table

    @cached_property
    def _sizes(self) -> dict[int, int]:
        """The length in bytes of each token, where there are no ranks."""
        assert not isinstance(self._oracle, Oracle)
        assert self._oracle.token_bytes is not None
        return {i: len(token) for i, token in self._oracle.token_bytes.items()}

    @cached_property
    def _ranks(self) -> ranks.Ranks:
        table = self.file.ranks()
        if table is None:
            raise ConfigError(
                f"vocabulary {self.name}: {self.file.path} cannot be expressed as ranks"
            )
        return table

    @cached_property
    def _oracle(self) -> Oracle | TokenizersOracle | PiecesOracle:
        if self.file.format == "sentencepiece":
            from tokenization.sentencepiece_model import PiecesOracle

            return PiecesOracle(self.file.content(), self.special_tokens)
        if not self.pattern:
            from tokenization.document import TokenizersOracle

            return TokenizersOracle(self.file.content(), self.special_tokens)
        return Oracle(self._ranks, self.special_tokens, self.pattern)

    @cached_property
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
        if not self.pattern:
            return CachedWords(self._oracle)
        if self.engine != "tiktoken":
            try:
                ranks = self.file.path if self._pinned else self._ranks
                return Gigatoken(ranks, self.pattern, self._ranks_oracle)
            except ImportError:
                if self.engine == "gigatoken":  # `load` found it, so the installation is broken
                    raise
        return CachedTiktoken(self._ranks_oracle())

    def _ranks_oracle(self) -> Oracle:
        assert isinstance(self._oracle, Oracle)
        return self._oracle


def noted(settings: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary that a build noted in ``work/order.json``.

    settings: ``name``, ``file``, ``pattern``, ``special_tokens`` and ``nfc``, as in a recipe, and
    ``model`` where it is a model's folder.

    Raises: `ConfigError` and `MissingExtra`, as `load` does.
    """
    family = None
    if settings["pattern"]:
        family = Family(settings["pattern"], settings["special_tokens"], settings["nfc"])
    model = settings.get("model", "")
    return load(settings["name"], file=settings["file"], model=model, family=family)


def shared(
    name: str,
    file: str = "",
    engine: EngineName = "auto",
    family: tuple[str, tuple[tuple[str, int], ...], bool] | None = None,
    model: str = "",
) -> Vocabulary:
    """The same as `load`, one object for all who ask for it: its engine takes a moment to make.

    Files that have changed are read again. family: the pattern, texts and ids of special tokens,
    and whether text is normalised first.
    """
    return _shared(name, file, engine, family, model, _stamps(file or model))


def _stamps(path: str) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of a file, or of the files of a folder; none without a path."""
    paths = [*Path(path).iterdir()] if path and Path(path).is_dir() else [Path(path)]
    found = ((each.name, each.stat()) for each in sorted(paths) if path and each.is_file())
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)


@lru_cache(maxsize=4)
def _shared(
    name: str,
    file: str,
    engine: EngineName,
    family: tuple[str, tuple[tuple[str, int], ...], bool] | None,
    model: str,
    stamps: tuple[tuple[str, int, int], ...],  # noqa: ARG001 - part of the cache's key
) -> Vocabulary:
    """No parameter has a default: a call that leaves one out would be another key of the cache."""
    own = Family(family[0], dict(family[1]), family[2]) if family else None
    return load(name, file=file, engine=engine, family=own, model=model)


def load(
    name: str = "qwen2.5",
    *,
    file: str = "",
    engine: EngineName = "auto",
    family: Family | None = None,
    download: bool = False,
    model: str = "",
) -> Vocabulary:
    """A vocabulary by name, by name and file, or of a model's folder.

    name: one of `ranks.NAMES`. With a file also ``llama3`` and ``tekken``; any name if the file is
    a ``tokenizer.json``, a SentencePiece model, or ``family`` is given.
    file: a ``.tiktoken`` rank file, ``tekken*.json``, ``tokenizer.json`` or ``tokenizer.model``.
    engine: which program finds the ids of ranks; ``auto`` is gigatoken if it is installed.
    family: pattern and special tokens for a rank file of your own.
    download: let tiktoken fetch cl100k or o200k.
    model: the folder of a model's files, instead of a file; its name is the vocabulary's.

    Raises: `ConfigError` for an unknown name, and for a file that is missing, damaged or not the
    pinned one; `MissingExtra` if a package is missing.
    """
    chat = None
    if model:
        if file or family:
            raise ConfigError(
                f"vocabulary.model = {model}: its files say all; leave out vocabulary.file, "
                "pattern, special_tokens and nfc"
            )
        from tokenization.model_folder import ModelFolder

        folder = ModelFolder(model)
        name, rank_file, known_family = Path(model).absolute().name, folder.file, folder.family
        chat = folder.chat
    else:
        rank_file, known_family = ranks.given(name, file) if file else ranks.find(name, download)
    family = family or known_family
    runs_on = {"huggingface": "tokenizers", "sentencepiece": "sentencepiece"}.get(rank_file.format)
    if runs_on is None and not family.pattern:
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
    if not family.pattern and runs_on and importlib.util.find_spec(runs_on) is None:
        raise MissingExtra(runs_on, "tokenizers", f"the vocabulary {rank_file.path}")
    return Vocabulary(name, rank_file, family, engine, chat)
