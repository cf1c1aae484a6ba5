"""Notes: hand-written parts of the data card, between two marks in ``dataset/README.md``.

::

    <!-- notes: limits -->
    The recorder missed pages behind a login until March.
    <!-- /notes -->

Every build overwrites the rest of the card, and keeps the notes. It takes them from the card as it
is, or from the file that the recipe names (``card.notes``: any Markdown with such parts, even a
copy of the card). If the recipe names a file, notes that were edited in the card stop the build, so
that nothing written is lost.

The dataset is a function of its notes too: the fingerprint covers them, and the manifest holds
their text. So after the next build the manifest's hash of an edited card is right again.
``work/notes.json`` keeps the notes in case the card is gone.
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
    """The notes of a card."""

    # Markdown by name; none is empty
    parts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.parts)

    @classmethod
    def of_text(cls, text: str, where: object) -> Self:
        """The notes in a Markdown text.

        where: it was read, for messages.

        Raises:
            ConfigError: marks do not pair, or two notes have the same name.
        """
        parts: dict[str, str] = {}
        for piece in pieces(text, where):
            if piece.name in parts:
                raise ConfigError(
                    f"{where}: notes {piece.name!r} stand there twice; give one of them another "
                    "name"
                )
            if piece.name:
                parts[piece.name] = piece.text
        return cls({name: text for name, text in parts.items() if text})

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """The notes in a file.

        Raises:
            ConfigError: it cannot be read, its marks do not pair, or its text has no notes.
        """
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
    """A piece of a Markdown text: notes, or the text around them."""

    # of the notes; empty for the text around them
    name: str
    text: str


def pieces(text: str, where: object) -> list[Piece]:
    """Cut a text at its marks; notes lose white space at their ends.

    Raises:
        ConfigError: marks do not pair; the message names the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    cut: list[Piece] = []
    name, start = "", 0
    for mark in _MARK.finditer(text):
        line = text.count("\n", 0, mark.start()) + 1
        opens = mark["end"] is None
        if opens and not _WORD.fullmatch(mark["name"]):
            raise ConfigError(
                f"{where}, line {line}: notes need a name of letters, digits, - and _: {mark[0]}"
            )
        if opens == bool(name):
            what = f"{mark[0]} without a beginning"
            if opens:
                what = f"{mark[0]} before the end of the notes {name!r}"
            raise ConfigError(
                f"{where}, line {line}: {what}; write <!-- notes: NAME --> and <!-- /notes --> in "
                "turn"
            )
        between = text[start : mark.start()]
        cut.append(Piece(name, between.strip() if name else between))
        name, start = (mark["name"] if opens else ""), mark.end()
    if name:
        raise ConfigError(
            f"{where}: the notes {name!r} have no end; write <!-- /notes --> after them"
        )
    return [*cut, Piece("", text[start:])]


def marked(name: str, text: str) -> str:
    """Notes between their marks."""
    inside = f"{text}\n" if text else ""
    return f"<!-- notes: {name} -->\n{inside}<!-- /notes -->"


def current(out: AnyPath, given: Notes | None) -> Notes:
    """The notes of the next card.

    given: those of the recipe's file; None if it names none.

    Raises:
        ConfigError: marks in the card do not pair, or its notes were edited although the recipe
            names a file.
    """
    card = Layout(out).dataset.card
    kept = _kept(out)
    there = in_card(out)
    if given is None:
        return kept if there is None else there
    if there is not None and there not in (kept, given):
        every = sorted({*there.parts, *kept.parts})
        names = [name for name in every if there.parts.get(name) != kept.parts.get(name)]
        raise ConfigError(
            f"{card}: its notes ({', '.join(names)}) were edited there, but the recipe's "
            "card.notes names the file where they are written; put them into that file, or leave "
            "card.notes out, and build again"
        )
    return given


def in_card(out: AnyPath) -> Notes | None:
    """The notes in the card as it is; None if there is no card.

    Raises:
        ConfigError: marks do not pair.
    """
    card = Layout(out).dataset.card
    try:
        raw = storage.read_bytes(card)
    except FileNotFoundError:
        return None
    return Notes.of_text(decoded(raw, f"the data card {card}"), card)


def edited(out: AnyPath, sha256: str) -> bool:
    """Whether the card differs only in its notes from the card with this hash."""
    kept = _kept(out).parts
    try:
        cut = pieces(storage.read_bytes(Layout(out).dataset.card).decode("utf-8"), CARD)
    except (ConfigError, UnicodeDecodeError):
        return False
    written = hashlib.sha256()
    for piece in cut:
        text = marked(piece.name, kept.get(piece.name, "")) if piece.name else piece.text
        written.update(text.encode())
    return written.hexdigest() == sha256


def keep(out: AnyPath, notes: Notes) -> None:
    """Keep the notes that the card was written with; without notes there is no file."""
    path = Layout(out).work.notes
    if notes:
        write_json(path, dict(notes.parts))
    else:
        storage.remove(path)


def _kept(out: AnyPath) -> Notes:
    path = Layout(out).work.notes
    return Notes(read_json(path)) if storage.exists(path) else Notes()
