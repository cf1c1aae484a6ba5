"""Hand-written parts of the data card: what stands between two marks in ``dataset/README.md``, and
stays.

::

    <!-- notes: limits -->
    The recorder missed pages behind a login until March.
    <!-- /notes -->

All else in the card is written anew by every build. A build takes these parts from the card as it
finds it, or from a file that the recipe names (``card.notes``: any Markdown with such parts, a copy
of the card too), which then is their place: a card that was edited beside it stops the build, so
that nothing written is lost. They are one of the things that the dataset is a function of: their
hash is in its fingerprint, their text in the manifest, so the manifest's hash of the card holds
again after the next build. ``work/notes.json`` keeps them for the case that the card is gone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from etl.dataset.layout import CARD, Layout
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.side_files import decoded, read_text
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

_MARK: Final = re.compile(r"<!--[ \t]*(?:notes:[ \t]*(?P<name>[^\n]*?)|(?P<end>/notes))[ \t]*-->")
_WORD: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Notes:
    """The hand-written parts by name, without those that are empty."""

    parts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.parts)

    @classmethod
    def of_text(cls, text: str, where: object) -> Self:
        """The parts of a Markdown text. Raises `ConfigError` naming the line where marks do not
        pair.
        """
        found: dict[str, str] = {}
        for piece in pieces(text, where):
            if piece.name in found:
                raise ConfigError(
                    f"{where}: notes {piece.name!r} stand there twice; give one of them another "
                    "name"
                )
            if piece.name:
                found[piece.name] = piece.text
        return cls({name: text for name, text in found.items() if text})

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The parts of a file. Raises `ConfigError` if it cannot be read, or has none."""
        text = read_text(path, "card.notes")
        notes = cls.of_text(text, path)
        if not notes and text.strip():
            raise ConfigError(
                f"card.notes: {path} has text, but none between <!-- notes: NAME --> and <!-- "
                "/notes -->"
            )
        return notes


@dataclass(frozen=True)
class Piece:
    """A stretch of a Markdown text. name: of the notes that it is;
    empty for what lies around them.
    """

    name: str
    text: str


def pieces(text: str, where: object) -> list[Piece]:
    """A text cut at its marks; notes without white space at their ends.

    Raises `ConfigError` for marks that do not pair.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: list[Piece] = []
    name, start = "", 0
    for mark in _MARK.finditer(text):
        line = text.count("\n", 0, mark.start()) + 1
        opens = mark["end"] is None
        if opens and not _WORD.fullmatch(mark["name"]):
            raise ConfigError(
                f"{where}, line {line}: notes need a name of letters, digits, - and _: {mark[0]}"
            )
        if opens == bool(name):
            what = (
                f"{mark[0]} before the end of the notes {name!r}"
                if opens
                else f"{mark[0]} without a beginning"
            )
            raise ConfigError(
                f"{where}, line {line}: {what}; write <!-- notes: NAME --> and <!-- /notes --> in "
                "turn"
            )
        between = text[start : mark.start()]
        found.append(Piece(name, between.strip() if name else between))
        name, start = (mark["name"] if opens else ""), mark.end()
    if name:
        raise ConfigError(
            f"{where}: the notes {name!r} have no end; write <!-- /notes --> after them"
        )
    return [*found, Piece("", text[start:])]


def marked(name: str, text: str) -> str:
    """Notes between their marks."""
    return (
        f"<!-- notes: {name} -->\n{text}\n<!-- /notes -->"
        if text
        else f"<!-- notes: {name} -->\n<!-- /notes -->"
    )


def current(out: AnyPath, given: Notes | None) -> Notes:
    """The hand-written parts that the next card has. given: of the recipe's file, if it names one.

    Raises `ConfigError` if the card has marks that do not pair, or was edited where the recipe
    names a file.
    """
    card = Layout(out).dataset.card
    kept = _kept(out)
    found = in_card(out)
    if given is None:
        return kept if found is None else found
    if found is not None and found not in (kept, given):
        names = sorted(
            name
            for name in {*found.parts, *kept.parts}
            if found.parts.get(name) != kept.parts.get(name)
        )
        raise ConfigError(
            f"{card}: its notes ({', '.join(names)}) were edited there, but the recipe's "
            "card.notes names the file where they are written; put them into that file, or leave "
            "card.notes out, and build again"
        )
    return given


def in_card(out: AnyPath) -> Notes | None:
    """The hand-written parts of the card as it is; None if there is no card."""
    card = Layout(out).dataset.card
    try:
        raw = storage.read_bytes(card)
    except FileNotFoundError:
        return None
    return Notes.of_text(decoded(raw, f"the data card {card}"), card)


def edited(out: AnyPath, sha256: str) -> bool:
    """Whether a card that has another hash than this differs in nothing but its notes."""
    kept = _kept(out).parts
    try:
        found = pieces(storage.read_bytes(Layout(out).dataset.card).decode("utf-8"), CARD)
    except (ConfigError, UnicodeDecodeError):
        return False
    before = "".join(
        marked(each.name, kept.get(each.name, "")) if each.name else each.text for each in found
    )
    return hashlib.sha256(before.encode()).hexdigest() == sha256


def keep(out: AnyPath, notes: Notes) -> None:
    """Remember what the card was written with; nothing leaves no file."""
    path = Layout(out).work.notes
    if notes:
        write_json(path, dict(notes.parts))
    else:
        storage.remove(path)


def _kept(out: AnyPath) -> Notes:
    path = Layout(out).work.notes
    return Notes(read_json(path)) if storage.exists(path) else Notes()
