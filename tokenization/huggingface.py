"""Hugging Face ``tokenizer.json``: as ranks where that is exact, else through the package
tokenizers.

Ranks (tiktoken) join any two neighbours whose concatenation is a token, the lowest id first; a
``tokenizer.json`` lists the pairs it joins. Both give the same ids if merges come in the order of
the ids they make and every token, taken alone, is made by a listed pair: then at the moment a token
can be joined its bytes are split in that pair (no merge crossed its edges), whichever of the two
rules made the split. `exact_ranks` checks just that.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from schemas.samples import Tokens
from tokenization.families import SCHEMES, Family

Pair = tuple[bytes, bytes]


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 bytes:
    character -> byte (openai/gpt-2, encoder.py).
    """
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {
        chr(256 + i): byte for i, byte in enumerate(hidden)
    }


_ALPHABET: Final = _byte_alphabet()


def _to_bytes(token: str) -> bytes:
    return bytes(map(_ALPHABET.__getitem__, token))


def _pattern(document: dict[str, Any]) -> str:
    """The split pattern of a byte-level BPE whose pretokens tiktoken makes the same way, else
    empty.
    """
    model, splitter = document["model"], document.get("pre_tokenizer") or {}
    odd = [
        model.get(key)
        for key in ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    ]
    if model.get("type") != "BPE" or any(odd) or model.get("byte_fallback"):
        return ""
    steps = splitter.get("pretokenizers", [splitter])
    if [step.get("type") for step in steps] != ["Split", "ByteLevel"]:
        return ""
    split, level = steps
    if level.get("add_prefix_space") or level.get("use_regex", True):
        return ""
    if split.get("behavior") != "Isolated" or split.get("invert"):
        return ""
    pattern = str(split["pattern"].get("Regex", ""))
    # The two libraries' regex engines are known to agree on these patterns only.
    return pattern if pattern in SCHEMES else ""


def family_of(document: dict[str, Any]) -> Family:
    """Pattern (empty if the file must go through tokenizers), special tokens and normalisation of a
    file.
    """
    special = {
        str(token["content"]): int(token["id"]) for token in document.get("added_tokens", ())
    }
    normalizer = (document.get("normalizer") or {}).get("type")
    pattern = _pattern(document) if normalizer in (None, "NFC") else ""
    if pattern and exact_ranks(document) is None:
        pattern = ""
    return Family(pattern, special, nfc=bool(pattern) and normalizer == "NFC")


def exact_ranks(document: dict[str, Any]) -> dict[bytes, int] | None:
    """Token bytes -> id if tiktoken with them gives this file's ids, else None. Errors: KeyError
    for odd files.
    """
    model = document["model"]
    added = {token["id"] for token in document.get("added_tokens", ())}
    ranks = {_to_bytes(token): i for token, i in model["vocab"].items() if i not in added}
    merges: dict[Pair, int] = {}
    last = -1
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        pair = _to_bytes(left), _to_bytes(right)
        made = ranks.get(pair[0] + pair[1], -1)
        if made < last or merges.setdefault(pair, made) != made:
            return None
        last = made
    return ranks if _all_made(ranks, merges) else None


def _all_made(ranks: dict[bytes, int], merges: dict[Pair, int]) -> bool:
    """Whether all bytes are tokens and every longer token, taken alone, comes out whole by the
    listed merges.
    """
    candidates: dict[bytes, list[Pair]] = {}
    for left, right in merges:
        made = left + right
        # A half that is made later cannot be there when the token is; such pairs are listed but
        # never joined.
        if all(len(half) == 1 or ranks[half] < ranks[made] for half in (left, right)):
            candidates.setdefault(made, []).append((left, right))
    halves: dict[bytes, Pair] = {}
    for token, _ in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            joined = next(
                (pair for pair in candidates.get(token, ()) if _joins(pair, ranks, merges, halves)),
                None,
            )
            if joined is None:
                return False
            halves[token] = joined
    return all(bytes([byte]) in ranks for byte in range(256))


def _joins(
    pair: Pair, ranks: dict[bytes, int], merges: dict[Pair, int], halves: dict[bytes, Pair]
) -> bool:
    """Whether two tokens side by side stay apart until their own merge.

    Takes the two apart again, the later made first, and looks whether what then stands at the
    border would have been joined earlier; of equal merges the left one comes first (the test for
    compatible neighbours in github/rust-gems, crate bpe).
    """
    left, right = pair
    limit = merges[pair]
    while True:
        if merges.get((left, right), limit) < limit:
            return False
        if len(left) > 1 and (ranks[left] > ranks[right] or len(right) == 1):
            limit = ranks[left]
            left = halves[left][1]
        elif len(right) > 1:
            limit = ranks[right] + 1
            right = halves[right][0]
        else:
            return True


class TokenizersOracle:
    """The package tokenizers on a ``tokenizer.json``, for vocabularies that are no ranks."""

    def __init__(self, content: bytes, special_tokens: Mapping[str, int]) -> None:
        tokenizers: Any = importlib.import_module("tokenizers")
        self._special = {i: token.encode() for token, i in special_tokens.items()}
        document = json.loads(content)
        # Without added tokens there is none to find in a text; without a post-processor none is put
        # around it.
        document |= {
            "added_tokens": [],
            "post_processor": None,
            "truncation": None,
            "padding": None,
        }
        self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))

    def encode(self, text: str) -> Tokens:
        """The ids of ``text`` as ordinary text."""
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.int32)

    def encode_pretoken(self, pretoken: str) -> Tokens:
        """As `encode`: these files are never cut."""
        return self.encode(pretoken)

    def decode(self, ids: list[int]) -> bytes:
        """The text of ``ids`` as UTF-8, special tokens as their text."""
        out, plain = bytearray(), list[int]()
        for i in [*ids, None]:
            if i is not None and i not in self._special:
                plain.append(i)
                continue
            if plain:
                out += self._tokenizer.decode(plain, skip_special_tokens=False).encode()
                plain = []
            if i is not None:
                out += self._special[i]
        return bytes(out)
