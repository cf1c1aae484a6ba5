"""Templates of the data card: Markdown with ``$name`` placeholders and empty places for notes.

The shipped one is ``data_cards/dataset.md``; a recipe names another by ``card.template``. A dollar
sign is written ``$$``. Places for notes are marked as `etl.dataset.hand_written` says. The Hub's
YAML is not part of a template: it comes from the manifest.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final, Self

from etl.dataset.hand_written import Notes, Piece, marked, pieces
from etl.files.side_files import read_text
from schemas.errors import ConfigError

PLACEHOLDERS: Final = frozenset(
    (
        "pretty_name samples workflows domains tokens loss_tokens rows context recipe fingerprint "
        "vocabulary chat stages domain_table fields splits split_rule privacy contamination limits "
        "drops waterfall license licenses place citation example"
    ).split()
)


@dataclass(frozen=True)
class CardTemplate:
    """A template of the data card.

    Raises:
        ConfigError: a placeholder is unknown, a place for a note is not empty, two have the same
            name, or the text begins with YAML.
    """

    # with placeholders
    text: str
    # its file, for messages
    where: str = "data_cards/dataset.md"

    def __post_init__(self) -> None:
        for piece in self._pieces:
            if piece.name and piece.text:
                raise ConfigError(
                    f"{self.where}: the notes {piece.name!r} are not empty; they are where people "
                    f"write in the card, so put the template's own text outside"
                )
            if not piece.name:
                self._check(piece.text)
        if self.text.lstrip().startswith("---"):
            raise ConfigError(
                f"{self.where}: begins with YAML; leave it out, it is made from the manifest and "
                "[card]"
            )

    def _check(self, text: str) -> None:
        for found in Template.pattern.finditer(text):
            name = found["named"] or found["braced"]
            if found["escaped"] is not None or name in PLACEHOLDERS:
                continue
            at = self.text.find(text) + found.start()
            line = self.text.count("\n", 0, at) + 1
            if name is None:
                raise ConfigError(
                    f"{self.where}, line {line}: a lone $; write $$ for a dollar sign"
                )
            close = difflib.get_close_matches(name, sorted(PLACEHOLDERS), 1)
            hint = (
                f"did you mean ${close[0]}?"
                if close
                else f"there are: {', '.join(sorted(PLACEHOLDERS))}"
            )
            raise ConfigError(f"{self.where}, line {line}: there is no placeholder ${name}; {hint}")

    @cached_property
    def _pieces(self) -> list[Piece]:
        found = pieces(self.text, self.where)
        names = [piece.name for piece in found if piece.name]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(
                    f"{self.where}: notes {name!r} have two places; give one of them another name"
                )
        return found

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @classmethod
    def shipped(cls) -> Self:
        """The template of this package."""
        return cls(resources.files("data_cards").joinpath("dataset.md").read_text("utf-8"))

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """A user's own template.

        Raises:
            ConfigError: the file cannot be read or used.
        """
        return cls(read_text(path, "card.template"), f"card.template {path}")

    def filled(self, values: Mapping[str, str], notes: Notes) -> str:
        """The template with its placeholders replaced and the notes in their places.

        Notes without a place follow at the end.

        values: the text of each placeholder.
        """
        written = notes.parts
        parts = []
        for piece in self._pieces:
            if piece.name:
                parts.append(marked(piece.name, written.get(piece.name, "")))
            else:
                parts.append(Template(piece.text).substitute(values))
        homeless = sorted(written.keys() - {piece.name for piece in self._pieces})
        body = "".join(parts).rstrip("\n") + "\n"
        return body + "".join(f"\n{marked(name, written[name])}\n" for name in homeless)
