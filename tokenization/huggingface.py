"""Hugging Face ``tokenizer.json``: read as ranks where that is exact, else run by tokenizers.

tiktoken's ranks join any two neighbours whose concatenation is a token, the lowest id first. A
``tokenizer.json`` lists the pairs that it joins. Both rules give the same ids under two conditions,
which `exact_ranks` checks:

- merges are listed in the order of the ids they make;
- every token, taken alone, comes out of a listed pair.

Then at the moment when a token can be joined, its bytes are split into that pair under either rule,
since no merge has crossed its edges.
"""

from __future__ import annotations

from typing import Any

from tokenization.document import (
    NOT_IN_TIKTOKEN,
    Prefix,
    added_of,
    is_spaced,
    is_uncut,
    prefix_of,
    to_bytes,
)
from tokenization.families import SCHEMES, Family

Pair = tuple[bytes, bytes]


def _pattern(document: dict[str, Any]) -> str:
    """The split pattern of a byte-level BPE whose pretokens tiktoken makes too; else empty."""
    model = document["model"]
    if model.get("type") != "BPE" or any(model.get(key) for key in NOT_IN_TIKTOKEN):
        return ""
    splitter = document.get("pre_tokenizer") or {}
    steps = splitter.get("pretokenizers", [splitter])
    if [step.get("type") for step in steps] != ["Split", "ByteLevel"]:
        return ""
    split, level = steps
    if level.get("add_prefix_space") or level.get("use_regex", True):
        return ""
    if split.get("behavior") != "Isolated" or split.get("invert"):
        return ""
    pattern = str(split["pattern"].get("Regex", ""))
    # Only on these patterns are the two libraries' regex engines known to agree.
    return pattern if pattern in SCHEMES else ""


def family_of(document: dict[str, Any]) -> Family:
    """The family of a ``tokenizer.json``. Its pattern is empty if only tokenizers can run the file.

    Raises: KeyError, TypeError, AttributeError or ValueError for a file of another form.
    """
    added, blank = added_of(document)
    special = {token.text: token.id for token in added}
    normalizer = (document.get("normalizer") or {}).get("type")
    pattern = _pattern(document) if normalizer in (None, "NFC") and not blank else ""
    if pattern and exact_ranks(document) is not None:
        return Family(pattern, special, nfc=normalizer == "NFC")
    return Family(
        "",
        special,
        **(prefix_of(document) or Prefix())._asdict(),
        spaces=is_spaced(document),
        uncut=is_uncut(document) and not blank,
        blank=blank,
    )


def exact_ranks(document: dict[str, Any]) -> dict[bytes, int] | None:
    """Token bytes -> id, if tiktoken gives this file's ids with them; else None.

    Raises: KeyError for a file of another form.
    """
    model = document["model"]
    added = {token["id"] for token in document.get("added_tokens", ())}
    ranks = {to_bytes(token): i for token, i in model["vocab"].items() if i not in added}
    merges: dict[Pair, int] = {}
    last = -1
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        pair = to_bytes(left), to_bytes(right)
        made = ranks.get(pair[0] + pair[1], -1)
        if made < last or merges.setdefault(pair, made) != made:
            return None
        last = made
    return ranks if _all_made(ranks, merges) else None


def _all_made(ranks: dict[bytes, int], merges: dict[Pair, int]) -> bool:
    """Whether all bytes are tokens, and the listed merges make every longer token, taken alone."""
    candidates: dict[bytes, list[Pair]] = {}
    for left, right in merges:
        made = left + right
        # A half that is made after the token is not there to be joined: such a pair never is.
        if all(len(half) == 1 or ranks[half] < ranks[made] for half in (left, right)):
            candidates.setdefault(made, []).append((left, right))
    halves: dict[bytes, Pair] = {}
    for token in sorted(ranks, key=ranks.__getitem__):
        if len(token) == 1:
            continue
        for pair in candidates.get(token, ()):
            if _joins(pair, ranks, merges, halves):
                halves[token] = pair
                break
        else:
            return False
    return all(bytes([byte]) in ranks for byte in range(256))


def _joins(
    pair: Pair, ranks: dict[bytes, int], merges: dict[Pair, int], halves: dict[bytes, Pair]
) -> bool:
    """Whether two tokens side by side stay apart until their own merge.

    Takes the two apart again, the later made first, and checks that the tokens then at the border
    would not have been joined earlier. Of equal merges the left one comes first. (The test for
    compatible neighbours is from github/rust-gems, crate bpe.)
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
