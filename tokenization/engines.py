"""The engines that turn text into ids: tiktoken (the oracle), tiktoken with a cache, and gigatoken.

Vocabularies that are no ranks have oracles of their own, and a cache of words: in front of
sentencepiece it makes 15 MB/s of 5 on pages never seen before, 43 where pages repeat.

Every engine encodes text that looks like a special token as ordinary text, and returns int32
arrays. They agree id for id, so the engine is no part of any fingerprint. gigatoken knows letters
of Unicode 17 that tiktoken takes for symbols: texts that have them are left to tiktoken. Measured
on one core, on pruned pages of ten snapshots each: tiktoken 21 MB/s, with the cache 105, gigatoken
370. In front of gigatoken a cache gains nothing.
"""

from __future__ import annotations

import base64
import os
import re
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from schemas.errors import RecordError
from schemas.tokens import Tokens
from tokenization.families import SCHEMES
from tokenization.splits import (
    NODE_CLOSE,
    NODE_OPEN,
    split_at_nodes,
    split_at_spaces,
    split_at_tags,
)

CACHE_BYTES: Final = 32 << 20
"""Most bytes of text and ids in each memo of the cache. Python's own overhead is two or three times
as much.
"""

_ENTRY_BYTES: Final = 160
"""What Python keeps for a short text and its ids besides the two."""

LONG_CHUNK: Final = 1024
"""Characters. Longer chunks are not cached; longer texts without node ids are cut before tags."""

RENEW_BYTES: Final = 1 << 30
"""Characters after which gigatoken is built again, which takes a quarter of a second.

It keeps every pretoken it has seen (about 2.4 bytes for each new byte) and offers no bound.
"""


_NEWER: Final = re.compile(
    "[\u088f\u0c5c\u0cdc\u1acf-\u1add\u1ae0-\u1aeb\ua7ce\ua7cf\ua7d2\ua7d4\ua7f1"
    "\U00010940-\U00010959\U00010ec5-\U00010ec7\U00010efa\U00010efb\U00011b60-\U00011b67"
    "\U00011db0-\U00011ddb\U00011de0-\U00011de9\U00016ea0-\U00016eb8\U00016ebb-\U00016ed3"
    "\U00016ff2-\U00016ff6\U000187f8-\U000187ff\U00018d09-\U00018d1e\U00018d80-\U00018df2"
    "\U0001e6c0-\U0001e6de\U0001e6e0-\U0001e6f5\U0001e6fe\U0001e6ff\U0002b73a-\U0002b73f"
    "\U0002cea2-\U0002cead\U000323b0-\U00033479]"
)
"""Characters of Unicode 17 on which gigatoken 0.10 and tiktoken 0.14 do not agree."""
_NEWER_BEGIN: Final = {
    b"\xe0": (b"\xe0\xa2\x8f", b"\xe0\xb1\x9c", b"\xe0\xb3\x9c"),
    b"\xe1": (b"\xe1\xab",),
    b"\xea": (b"\xea\x9f",),
    b"\xf0": tuple(b"\xf0%c" % second for second in b"\x90\x91\x96\x98\x9e\xab\xac\xb2\xb3"),
}
"""How they begin in UTF-8, by the first byte, which is found ten times as quickly as two are."""


def is_newer(text: str | bytes) -> bool:
    """Whether a text, or its UTF-8, has a character that engines take for different things."""
    if text.isascii():
        return False
    utf8 = text.encode() if isinstance(text, str) else text
    maybe = any(
        first in utf8 and any(map(utf8.__contains__, begins))
        for first, begins in _NEWER_BEGIN.items()
    )
    return maybe and bool(_NEWER.search(utf8.decode()))


class Engine(Protocol):
    """Text to ids."""

    def encode(self, text: str) -> Tokens:
        """The ids of ``text``, which must be normalised and free of lone surrogates."""
        ...

    def count(self, text: str) -> int:
        """The number of these ids."""
        ...


class Encodes(Protocol):
    """What a memo asks."""

    def ids(self, text: str) -> list[int]:
        """The ids of ``text``."""
        ...


class Oracle:
    """tiktoken as it is: every other engine is compared with it."""

    def __init__(
        self, ranks: dict[bytes, int], special_tokens: Mapping[str, int], pattern: str
    ) -> None:
        """ranks: token bytes -> id, in merge order."""
        import tiktoken  # where gigatoken encodes, few processes ask the oracle

        self._encoding = tiktoken.Encoding(
            "stepmill", pat_str=pattern, mergeable_ranks=ranks, special_tokens=dict(special_tokens)
        )

    def ids(self, text: str) -> list[int]:
        """The ids of ``text``.

        Raises: `RecordError` ``tokenizer_panic`` where tiktoken's regex engine gives up.
        """
        try:
            return self._encoding.encode_ordinary(text)
        except BaseException as error:
            # pyo3's PanicException derives from BaseException and cannot be imported.
            if type(error).__name__ != "PanicException":
                raise
            raise RecordError(
                "tokenizer_panic", f"tiktoken on {len(text)} characters: {error}"
            ) from None

    def encode(self, text: str) -> Tokens:
        """See `Engine`."""
        return np.frombuffer(array("i", self.ids(text)), dtype=np.int32)

    def count(self, text: str) -> int:
        """See `Engine`."""
        return len(self.ids(text))

    def encode_pretoken(self, pretoken: str) -> Tokens:
        """The ids of a text that is one pretoken.

        Needs no regex engine. Takes n log n time in its length.
        """
        ids = self._encoding._core_bpe.encode_single_piece(pretoken.encode())
        return np.array(ids, dtype=np.int32)

    def decode(self, ids: list[int]) -> bytes:
        """The bytes of ``ids``, special tokens as their text.

        Raises: KeyError for an unknown id.
        """
        return self._encoding.decode_bytes(ids)


class _Memo(dict[str, bytes]):
    """Text -> ids of ``before + text + after`` as bytes; emptied at `CACHE_BYTES`."""

    def __init__(self, oracle: Encodes, before: str, after: str, entry: int = 0) -> None:
        """entry: bytes to count for each text besides its own."""
        super().__init__()
        self._oracle, self._before, self._after = oracle, before, after
        self._size, self._entry = 0, entry

    def __missing__(self, text: str) -> bytes:
        ids = array("i", self._oracle.ids(self._before + text + self._after)).tobytes()
        if len(text) <= LONG_CHUNK:
            size = len(text) + len(ids) + self._entry
            self._size += size
            if self._size > CACHE_BYTES:
                self.clear()
                self._size = size
            self[text] = ids
        return ids


class CachedTiktoken:
    """tiktoken with a memo of the text between node ids, since recorded pages repeat.

    Only for patterns in `SCHEMES`.
    """

    def __init__(self, oracle: Oracle) -> None:
        self._digits = _Memo(oracle, "", "").__getitem__
        self._between = _Memo(oracle, NODE_CLOSE, NODE_OPEN).__getitem__
        self._plain = _Memo(oracle, "", "").__getitem__

    def encode(self, text: str) -> Tokens:
        """See `Engine`."""
        parts = split_at_nodes(text)
        if len(parts) == 1:
            return np.frombuffer(self._whole(text), dtype=np.int32)
        ids = [b""] * len(parts)
        ids[0] = self._whole(parts[0] + NODE_OPEN)
        ids[1::2] = map(self._digits, parts[1::2])
        ids[2:-1:2] = map(self._between, parts[2:-1:2])
        ids[-1] = self._whole(NODE_CLOSE + parts[-1])
        return np.frombuffer(b"".join(ids), dtype=np.int32)

    def count(self, text: str) -> int:
        """See `Engine`."""
        return len(self.encode(text))

    def _whole(self, text: str) -> bytes:
        """Ids of text without node ids, cut before tags if it is long."""
        if len(text) <= LONG_CHUNK:
            return self._plain(text)
        return b"".join(map(self._plain, split_at_tags(text)))


class CachedWords:
    """A memo of words with the space before them, for vocabularies that cut no pretokens.

    Only where `splits.no_token_crosses`.
    """

    def __init__(self, oracle: Encodes) -> None:
        self._first = _Memo(oracle, "", "", _ENTRY_BYTES).__getitem__
        self._word = _Memo(oracle, " ", "", _ENTRY_BYTES).__getitem__

    def encode(self, text: str) -> Tokens:
        """See `Engine`."""
        if "  " in text:  # a run of spaces stays whole: its first one goes, the memo puts it back
            first, *words = split_at_spaces(text)
            words = [word[1:] for word in words]
        else:
            first, *words = text.split(" ")
        ids = [self._first(first) if first else b"", *map(self._word, words)]
        return np.frombuffer(b"".join(ids), dtype=np.int32)

    def count(self, text: str) -> int:
        """See `Engine`."""
        return len(self.encode(text))


class Gigatoken:
    """gigatoken, built without special tokens so that it finds none in a text."""

    def __init__(
        self, ranks: dict[bytes, int] | str, pattern: str, oracle: Callable[[], Oracle]
    ) -> None:
        """ranks: token bytes -> id, the ids consecutive from any first one; or the path of a file
        with a line for each token, base64 and id from 0, which loads quicker. oracle: with the same
        ranks and pattern; it is asked for when a text needs it.

        Raises: ImportError if gigatoken is not installed.
        """
        from gigatoken.gigatoken_rs import BPETokenizer

        self._type: Any = BPETokenizer
        self._ranks, self._oracle = ranks, oracle
        self._first = 0 if isinstance(ranks, str) else min(ranks.values())
        self._scheme = SCHEMES[pattern]
        self._characters_left = 0
        self._renew()

    def _renew(self) -> None:
        """Build the tokenizer, which drops the old one's cache."""
        if isinstance(self._ranks, str):
            self._tokenizer: Any = self._type.from_tiktoken(self._ranks, self._scheme, None)
        else:
            self._tokenizer = self._from_file_of(self._ranks)
        self._characters_left = RENEW_BYTES

    def _from_file_of(self, ranks: dict[bytes, int]) -> Any:
        """The tokenizer with these ranks, which it reads only from a file."""
        lines = (
            b"%s %d\n" % (base64.b64encode(token), i - self._first) for token, i in ranks.items()
        )
        import tempfile  # it loads what compresses

        handle, path = tempfile.mkstemp(suffix=".tiktoken")
        try:
            with os.fdopen(handle, "wb") as file:
                file.writelines(lines)
            return self._type.from_tiktoken(path, self._scheme, None)
        finally:
            Path(path).unlink()

    def encode(self, text: str | bytes) -> Tokens:
        """See `Engine`. text: or its UTF-8."""
        if is_newer(text):
            return self._oracle().encode(text if isinstance(text, str) else text.decode())
        ids: Tokens = self._encode(text).view(np.int32)
        if self._first:
            ids += self._first
        return ids

    def count(self, text: str) -> int:
        """See `Engine`. Pruning asks for every word of a class: it is written out."""
        if is_newer(text):
            return self._oracle().count(text)
        self._characters_left -= len(text)
        if self._characters_left < 0:
            self._renew()
        return len(self._tokenizer.encode(text))

    def _encode(self, text: str | bytes) -> Any:
        """The ids of ``text`` from 0, uint32."""
        self._characters_left -= len(text)
        if self._characters_left < 0:
            self._renew()
        return self._tokenizer.encode(text)
