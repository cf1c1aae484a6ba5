"""An objective in forms that can be compared: its words, what is left of them, their hashes.

- `normalised`: case, punctuation, politeness and the spelling of numbers make no difference.
- `content`: what is left without function words; words that ask for the same act are one.
- `masked`: the same with a gap for each run of entities: numbers, dates, quoted texts, names,
  addresses.

A word's hash has 16 bits, so that several words share it; n-grams have 32.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import xxhash

GAP: Final = -1
"""Stands for a run of entities in a masked text."""
GRAM: Final = 3
"""Words of an n-gram."""

_TOKEN: Final = re.compile(
    r"(?P<address>https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+)"
    r"|(?P<number>\d[\d,.:/]*\d|\d)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)"
)
_QUOTED: Final = re.compile(r"\"[^\"]+\"|“[^”]+”|(?<!\w)'[^']+'(?!\w)|‘[^’]+’(?!\w)")
_SHOUTED: Final = 0.6
"""Share of capitalised words from which on capitals say nothing."""

_UNITS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS: Final = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
_ORDINALS: Final = {
    word: number
    for number, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split(),
        1,
    )
}
_MONTHS: Final = (
    "january february march april may june july august september october november december"
).split()
_DAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()
_SHORT: Final = {month[:3]: month for month in _MONTHS} | {"sept": "september"}
_DATES: Final = frozenset({*_MONTHS, *_DAYS} - {"may", "march"})
"""Months and days that are no other words."""

_POLITE: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "please", "kindly", "can you", "could you", "would you", "will you", "i want to",
        "i want you to", "i would like to", "i would like you to", "i'd like to", "i'd like you to",
        "i need to", "i need you to", "help me", "help me to", "for me", "thanks", "thank you",
        "i am trying to", "i'm trying to", "your task is to", "you need to", "let's", "hi", "hello",
        "if you can", "if possible",
    )
)  # fmt: skip
_LONGEST: Final = max(map(len, _POLITE))
_POLITE_SET: Final = frozenset(_POLITE)
_FIRST: Final = frozenset(phrase[0] for phrase in _POLITE)

_FUNCTION: Final = frozenset(
    """a an the this that these those there here it its they them their he she his her i me my mine
    we us our you your and or but if then than so as at by for from in into of off on onto
    out over to under up with within without about across after again all also am any are be
    been before being below between both can could did do does doing down during each few
    had has have having how just may more most must no nor not now only other own same shall
    should some such too very was were what when where which while who whom whose why will
    would via per one's let lets s t re ve ll d m please kindly thanks thank you're i'm i'd
    i'll i've it's don't""".split()
)

_ACTS: Final = {
    "find": "find search locate seek lookup look discover identify spot",
    "show": "show display view see present pull bring list give tell check provide output return "
    "retrieve fetch get obtain report",
    "buy": "buy purchase order acquire",
    "book": "book reserve schedule arrange",
    "add": "add put place insert include append",
    "delete": "delete remove erase discard clear",
    "open": "open go navigate visit browse access head enter",
    "create": "create make build generate new compose set setup establish",
    "change": "change edit modify update alter adjust switch revise",
    "select": "select choose pick",
    "send": "send submit post publish email mail",
    "cheap": "cheap cheapest lowest inexpensive affordable",
    "expensive": "expensive priciest costliest costly",
    "compare": "compare contrast",
    "follow": "follow subscribe",
    "write": "write draft",
    "filter": "filter narrow limit restrict",
    "sort": "sort order rank arrange",
    "start": "start begin commence",
    "near": "near nearby close around closest nearest",
    "item": "item product good",
    "picture": "picture photo image photograph",
    "film": "film movie",
    "number": "number count quantity",
    "work": "work job position",
    "store": "store shop",
    "newest": "newest latest recent",
    "trip": "trip journey",
    "vehicle": "vehicle car automobile auto",
    "flight": "flight airfare",
    "review": "review rating",
    "customer": "customer client shopper buyer",
    "price": "price cost",
    "detail": "detail information info",
}


def _meanings() -> dict[str, str]:
    found: dict[str, str] = {}
    for meaning, words in _ACTS.items():
        for word in words.split():
            found.setdefault(word, meaning)
    return found


_MEANING: Final = _meanings()


class Word(NamedTuple):
    """A word of an objective."""

    # in lower case, without accents; a number in digits
    text: str
    # whether it is a number, a date, quoted, an address or a name, as far as that can be seen
    entity: bool


class Masked(NamedTuple):
    """An objective with gaps for its entities."""

    # hashes of the words that stay, `GAP` between them
    words: tuple[int, ...]
    # the number of those that stay
    fixed: int


def exact(text: str) -> bytes:
    """The hash of a text in which only blanks may differ, 16 bytes."""
    return _digest(" ".join(text.split()))


def normalised(text: str) -> bytes:
    """The hash of the words without politeness, 16 bytes."""
    return normalised_words(plain(words(text)))


def normalised_words(found: Sequence[Word]) -> bytes:
    """The same of `plain` words."""
    return _digest(" ".join(word.text for word in found))


def words(text: str) -> list[Word]:
    """The words of a text in order."""
    text = unicodedata.normalize("NFKC", text)
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    tokens = [*_TOKEN.finditer(text)]
    names = _names(text, tokens)
    found: list[Word] = []
    for number, token in enumerate(tokens):
        inside = any(start <= token.start() < end for start, end in quoted)
        lower = _lower(token[0])
        if token["word"]:
            entity = inside or number in names or lower in _DATES or lower in _SHORT
            found.append(Word(_SHORT.get(lower, lower), entity))
        else:
            found.append(Word(lower.replace(",", "") if token["number"] else lower, True))
    return [*_with_digits(found)]


def _names(text: str, tokens: Sequence[re.Match[str]]) -> frozenset[int]:
    """The tokens that are capitalised as names are: within a sentence that is not all so."""
    written = [number for number, token in enumerate(tokens) if token["word"]]
    capital = {number for number in written if tokens[number][0][0].isupper()}
    long = [number for number in written if len(tokens[number][0]) > 3]
    if len(long) > 2 and sum(number in capital for number in long) > _SHOUTED * len(long):
        return frozenset()
    first = {
        number
        for number in written
        if not text[: tokens[number].start()].strip(" \t\n\"'“‘(-*•")
        or text[: tokens[number].start()].rstrip(" \t\n\"'“‘(")[-1:] in (".", "!", "?", ":")
    }
    return frozenset(capital - first)


@lru_cache(maxsize=2**16)
def _lower(word: str) -> str:
    """In lower case, without accents and the possessive."""
    parts = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    bare = "".join(char for char in parts if not unicodedata.combining(char))
    return bare.removesuffix("'s")


def _with_digits(found: Sequence[Word]) -> Iterator[Word]:
    """The words with numbers in digits; ``twenty five`` is one, ``5th`` and ``fifth`` are ``5``."""
    at = 0
    while at < len(found):
        word = found[at]
        at += 1
        if word.text in _NUMBERS:
            value = _NUMBERS[word.text]
            if value >= 20 and at < len(found) and 0 < _NUMBERS.get(found[at].text, 0) < 10:
                value += _NUMBERS[found[at].text]
                at += 1
            yield Word(str(value), True)
        elif word.text in _ORDINALS:
            yield Word(str(_ORDINALS[word.text]), True)
        elif word.text in ("st", "nd", "rd", "th") and at > 1 and found[at - 2].text.isdigit():
            continue
        else:
            yield word


def plain(found: Sequence[Word]) -> list[Word]:
    """The words without those of politeness."""
    kept: list[Word] = []
    at = 0
    while at < len(found):
        size = _polite(found, at) if found[at].text in _FIRST else 0
        if not size:
            kept.append(found[at])
        at += size or 1
    return kept


def _polite(found: Sequence[Word], at: int) -> int:
    """The number of words of the longest phrase of politeness that begins here."""
    for size in range(min(_LONGEST, len(found) - at), 0, -1):
        if tuple(word.text for word in found[at : at + size]) in _POLITE_SET:
            return size
    return 0


def content(found: Sequence[Word]) -> list[Word]:
    """`plain` words without function words; each stands for what it asks for."""
    kept = (word for word in found if word.text not in _FUNCTION)
    return [Word(_meaning(word.text), word.entity) for word in kept]


@lru_cache(maxsize=2**16)
def _meaning(word: str) -> str:
    """The word without endings, or the act that it asks for."""
    for form in (word, *_stems(word)):
        if form in _MEANING:
            return _MEANING[form]
    return next(_stems(word), word)


def _stems(word: str) -> Iterator[str]:
    """What the word may be without an ending, the likeliest first."""
    if len(word) > 4 and word.endswith("ies"):
        yield f"{word[:-3]}y"
    elif len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes")):
        yield word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        yield word[:-1]
    for ending in ("ing", "ed"):
        if len(word) > len(ending) + 3 and word.endswith(ending):
            bare = word.removesuffix(ending)
            yield bare[:-1] if bare[-1] == bare[-2] and bare[-1] not in "ls" else bare
            yield f"{bare}e"


def masked(found: Sequence[Word]) -> Masked:
    """`content` with a gap for each run of entities."""
    kept: list[int] = []
    for word in found:
        if not word.entity:
            kept.append(hash_of(word.text))
        elif kept[-1:] != [GAP]:
            kept.append(GAP)
    return Masked(tuple(kept), sum(word != GAP for word in kept))


def templated(template: str) -> list[Word]:
    """The words of a template; its ``{{variables}}`` are the entities."""
    parts = re.split(r"\{\{.*?\}\}", template)
    found: list[Word] = []
    for number, part in enumerate(parts):
        found += [Word("", True)] if number else []
        found += [word._replace(entity=False) for word in words(part)]
    return found


def hash_of(word: str) -> int:
    """The hash of a word, 16 bits."""
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass")) & 0xFFFF


def grams(found: Sequence[Word]) -> list[int]:
    """The hashes of all runs of `GRAM` words, 32 bits each, in order of size; each once."""
    texts = [word.text for word in found]
    runs = (texts[at : at + GRAM] for at in range(len(texts) - GRAM + 1))
    return sorted({_hash32(" ".join(run)) for run in runs})


def words_of(found: Iterable[Word]) -> list[int]:
    """The hashes of the words, in order of size; each once."""
    return sorted({hash_of(word.text) for word in found})


def _hash32(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")) & 0xFFFFFFFF


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
