"""A ``tokenizer.json`` that ranks cannot express: run by the package tokenizers.

The document is changed first, so that text is only ever text:

- No added token is found in a text, but for those of white space. The names of the others in the
  model's own vocabulary are changed, and merges that would make them go.
- The step that puts a space in front of a text goes, where it is one of the forms known here:
  `Vocabulary` puts it there, since only it knows what a text follows.
"""

from __future__ import annotations

import importlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from schemas.tokens import Tokens
from tokenization.families import SPACE
from tokenization.splits import no_token_crosses

NOT_IN_TIKTOKEN: Final = (
    *("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"),
)
"""Settings of a model that tiktoken does not have."""

_BYTES: Final = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}
_TWICE: Final = {"type": "Replace", "pattern": {"Regex": r"\A" + SPACE}, "content": SPACE * 2}
"""How transformers writes that a text that begins with a space gets one more."""


def _byte_alphabet() -> dict[str, int]:
    """Printable character -> the byte it stands for in GPT-2 (openai/gpt-2, encoder.py)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {
        chr(256 + i): byte for i, byte in enumerate(hidden)
    }


_ALPHABET: Final = _byte_alphabet()


def to_bytes(token: str) -> bytes:
    """The bytes of a token of a byte-level model. Raises: KeyError for another character."""
    return bytes(map(_ALPHABET.__getitem__, token))


class Added(NamedTuple):
    """An added token."""

    text: str
    id: int
    # whether white space on that side of it belongs to it
    lstrip: bool = False
    rstrip: bool = False


class Prefix(NamedTuple):
    """When a space is put in front of a text; as in `Family`."""

    prefix: Literal["", "first", "every"] = ""
    once: bool = False


def steps_of(step: Mapping[str, Any] | None, inner: str) -> list[dict[str, Any]]:
    """The steps of a normaliser or pre-tokenizer. inner: the key of those of a sequence."""
    if not step:
        return []
    if step.get("type") != "Sequence":
        return [dict(step)]
    return [each for part in step[inner] for each in steps_of(part, inner)]


def added_of(document: Mapping[str, Any]) -> tuple[list[Added], tuple[str, ...]]:
    """The added tokens that are found in no text, and the texts of those of white space."""
    added, blank = [], []
    for token in document.get("added_tokens", ()):
        text = str(token["content"])
        if text.isspace() and not token.get("special"):
            blank.append(text)
        else:
            strips = bool(token.get("lstrip")), bool(token.get("rstrip"))
            added.append(Added(text, int(token["id"]), *strips))
    return added, tuple(blank)


def is_spaced(document: Mapping[str, Any]) -> bool:
    """Whether U+2581 stands for a space."""
    normalisers = steps_of(document.get("normalizer"), "normalizers")
    cutters = steps_of(document.get("pre_tokenizer"), "pretokenizers")
    return any(
        step["type"] == "Replace" and step.get("content") == SPACE for step in normalisers
    ) or any(step["type"] == "Metaspace" for step in cutters)


def is_uncut(document: Mapping[str, Any]) -> bool:
    """Whether the places in `splits` are exact although nothing cuts pretokens.

    So it is where bytes stand for all that has no token, and no token reaches across.
    """
    model = document["model"]
    odd = [key for key in NOT_IN_TIKTOKEN if key not in ("unk_token", "byte_fallback")]
    if model.get("type") != "BPE" or any(model.get(key) for key in (*odd, "ignore_merges")):
        return False
    added, _ = added_of(document)
    unspoken = {token.text for token in added} | set(_BYTES)
    own = prefix_of(document)
    rest, cutters = _without_prefix(document) if own else _steps(document)
    whole = [step for step in cutters if step["type"] != "Metaspace" or step.get("split", True)]
    spells = [step["type"] == "Replace" and step.get("content") == SPACE for step in rest]
    metaspace = len(cutters) > len(whole)
    return (
        bool(model.get("byte_fallback"))
        and not whole
        and all(spells)
        and len(spells) + metaspace > 0
        and set(_BYTES) <= set(model["vocab"])
        and no_token_crosses(
            token.replace(SPACE, " ") for token in model["vocab"] if token not in unspoken
        )
    )


def _steps(document: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return (
        steps_of(document.get("normalizer"), "normalizers"),
        steps_of(document.get("pre_tokenizer"), "pretokenizers"),
    )


def prefix_of(document: Mapping[str, Any]) -> Prefix | None:
    """When the document puts a space in front; None if not in a form that can be taken out.

    Raises: ValueError if it does so before the first text alone, in a form not known here.
    """
    normalisers, cutters = _steps(document)
    twice = _TWICE in normalisers
    before = [step for step in normalisers if step["type"] == "Prepend"]
    first = cutters[0] if cutters else {}
    scheme = first.get("prepend_scheme", "always" if first.get("add_prefix_space") else "never")
    known = all(_is_harmless(step) for step in normalisers if step not in before)
    if known and before and before[0].get("prepend") == SPACE and first.get("type") != "Metaspace":
        return Prefix("every")
    if known and not before and first.get("type") == "Metaspace":
        names: dict[str, Literal["", "first", "every"]] = {"first": "first", "always": "every"}
        return Prefix(names.get(scheme, ""), not twice)
    if known and not before and first.get("type") == "ByteLevel" and first["add_prefix_space"]:
        return Prefix("every", once=True)
    if any(step.get("prepend_scheme") == "first" for step in cutters):
        raise ValueError("its pre_tokenizer begins the first text otherwise than the others")
    return None


def _is_harmless(step: Mapping[str, Any]) -> bool:
    """Whether a normaliser does the same to a text with a space before it."""
    if step["type"] == "Replace":
        return step == _TWICE or "String" in step["pattern"]
    return step["type"] in ("NFC", "NFD", "NFKC", "NFKD")


def _without_prefix(
    document: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The steps without those that put a space in front."""
    normalisers, cutters = _steps(document)
    rest = [step for step in normalisers if step["type"] != "Prepend" and step != _TWICE]
    if cutters and cutters[0]["type"] == "Metaspace":
        cutters[0] = {**cutters[0], "prepend_scheme": "never", "add_prefix_space": False}
    elif cutters and cutters[0]["type"] == "ByteLevel":
        cutters[0] = {**cutters[0], "add_prefix_space": False}
    return rest, cutters


def _as_sequence(steps: list[dict[str, Any]], inner: str) -> dict[str, Any] | None:
    return {"type": "Sequence", inner: steps} if steps else None


def _unspoken(model: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The model with names in its vocabulary that are no texts for some tokens."""

    def name(token: str) -> str:
        return f"\ufdd0{token}\ufdd1" if token in names else token

    changed = dict(model)
    if isinstance(model.get("vocab"), Mapping):
        changed["vocab"] = {name(token): i for token, i in model["vocab"].items()}
    else:
        changed["vocab"] = [[name(token), score] for token, score in model["vocab"]]
    if model.get("unk_token"):
        changed["unk_token"] = name(str(model["unk_token"]))
    if "merges" in model:
        pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
        changed["merges"] = [[a, b] for a, b in pairs if not {a, b, a + b} & names]
    return changed


def as_text(document: Mapping[str, Any], special: Iterable[str] = ()) -> dict[str, Any]:
    """The document as it is run: see the module. Without what it puts around and after a text.

    special: special tokens that the document does not list.
    """
    added, blank = added_of(document)
    names = frozenset((*special, *(token.text for token in added)))
    changed = {
        **document,
        "added_tokens": [each for each in document["added_tokens"] if each["content"] in blank]
        if blank
        else [],
        "model": _unspoken(document["model"], names),
        "post_processor": None,
        "truncation": None,
        "padding": None,
    }
    if prefix_of(document) is not None:
        normalisers, cutters = _without_prefix(document)
        changed["normalizer"] = _as_sequence(normalisers, "normalizers")
        changed["pre_tokenizer"] = _as_sequence(cutters, "pretokenizers")
    return changed


class TokenizersOracle:
    """The package tokenizers on a ``tokenizer.json`` that ranks cannot express."""

    def __init__(self, content: bytes, special_tokens: Mapping[str, int]) -> None:
        tokenizers: Any = importlib.import_module("tokenizers")
        self._document = json.loads(content)
        self._special = {i: token.encode() for token, i in special_tokens.items()}
        self._tokenizer = tokenizers.Tokenizer.from_str(
            json.dumps(as_text(self._document, special_tokens))
        )
        # Without the other added tokens, those of white space have other ids.
        self._moved: dict[int, int] = {
            self._tokenizer.token_to_id(token["content"]): token["id"]
            for token in self._document.get("added_tokens", ())
            if token["content"] in added_of(self._document)[1]
        }

    def ids(self, text: str) -> list[int]:
        """The ids of ``text`` as ordinary text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [self._moved.get(i, i) for i in ids] if self._moved else ids

    def encode(self, text: str) -> Tokens:
        """See `engines.Engine`."""
        return np.frombuffer(array("i", self.ids(text)), dtype=np.int32)

    def count(self, text: str) -> int:
        """See `engines.Engine`."""
        return len(self.ids(text))

    @cached_property
    def token_bytes(self) -> dict[int, bytes] | None:
        """Id -> the bytes that it stands for, by name for a special token.

        None for a model of another kind than byte-level ones and those with spaces of their own.
        """
        vocab = self._document["model"]["vocab"]
        ids = vocab if isinstance(vocab, Mapping) else {
            token: i for i, (token, _) in enumerate(vocab)
        }  # fmt: skip
        if any(step["type"] == "ByteLevel" for step in _steps(self._document)[1]):
            table = {i: _level_bytes(token) for token, i in ids.items()}
        elif is_spaced(self._document):
            table = {
                i: _BYTES.get(token, token.replace(SPACE, " ").encode()) for token, i in ids.items()
            }
        else:
            return None
        added = self._document.get("added_tokens", ())
        return table | {token["id"]: token["content"].encode() for token in added} | self._special

    def decode(self, ids: list[int]) -> bytes:
        """The text of ``ids`` as UTF-8, special tokens as their text.

        Raises: KeyError for an unknown id, where the bytes of tokens are known.
        """
        if self.token_bytes is not None:
            return b"".join(map(self.token_bytes.__getitem__, ids))
        return b"".join(self._decoded(ids))

    def _decoded(self, ids: list[int]) -> Iterator[bytes]:
        """The text of each run of ordinary tokens, and each special token."""
        plain = list[int]()
        for i in [*ids, None]:
            if i is not None and i not in self._special:
                plain.append(i)
                continue
            if plain:
                yield self._tokenizer.decode(plain, skip_special_tokens=False).encode()
                plain = []
            if i is not None:
                yield self._special[i]


def _level_bytes(token: str) -> bytes:
    """The bytes of a token in the byte alphabet; of any other its text."""
    try:
        return to_bytes(token)
    except KeyError:
        return token.encode()
