"""The recipe's section ``[card]``: what the data card says and only people know."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import date
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from etl.card import licenses
from etl.card.template import CardTemplate
from etl.dataset.hand_written import Notes
from etl.files.file_setting import File
from schemas.errors import ConfigError

_NOT_SETTINGS: Final = frozenset({"template", "notes"})
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}|multilingual")
_DATASET: Final = re.compile(r"original|(extended\|)?[\w.-]+(/[\w.-]+)?")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.+_-]*")
_VERSION: Final = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}")
_WILD: Final = re.compile(r"[*?\[./]")


@dataclass(frozen=True)
class CardSettings:
    """What people say of a dataset, for its readers and for search engines.

    ``licenses`` holds the licences of the recordings, by format (``mind2web``) or by a pattern of
    input names (``shop/*``); the longest matching pattern counts. Each is an identifier of the Hub
    or a URL. The files of ``template`` and ``notes`` are described in `etl.card.template` and
    `etl.dataset.hand_written`.

    Raises:
        ConfigError: the Hub or Croissant would refuse a value.
    """

    about: ClassVar[str] = "what only people know of the dataset"

    pretty_name: Annotated[str, "the dataset's name for people"] = "Web workflows"
    license: Annotated[
        str, "an identifier of the Hub; other with license_name and license_link"
    ] = licenses.UNKNOWN
    license_name: Annotated[str, "of a license that the Hub does not know"] = ""
    license_link: Annotated[str, "where that license is"] = ""
    licenses: Annotated[
        dict[str, str], "of what was recorded, by format or by a pattern of input names"
    ] = field(default_factory=dict)
    language: Annotated[str, "of the objectives"] = "en"
    tags: Annotated[tuple[str, ...], "for those who search the Hub"] = ()
    source_datasets: Annotated[tuple[str, ...], "original, or datasets of the Hub"] = ()
    creators: Annotated[tuple[str, ...], "who made the dataset"] = ()
    url: Annotated[str, "where the dataset is"] = ""
    published: Annotated[date | None, "the day"] = None
    version: Annotated[str, "of the dataset"] = ""
    citation: Annotated[str, "BibTeX; one is made of the above unless given"] = ""
    template: Annotated[File, "a file instead of data_cards/dataset.md"] = ""
    notes: Annotated[File, "a file with the parts that are written by hand"] = ""

    def __post_init__(self) -> None:
        for name in ("pretty_name", "license_name", "version"):
            if re.search(r"[\r\n]", getattr(self, name)):
                raise ConfigError(f"card.{name} is one line")
        if not self.pretty_name.strip():
            raise ConfigError("card.pretty_name is empty; give the dataset a name")
        self._check_license()
        _matches(
            "card.language",
            self.language,
            _LANGUAGE,
            "an ISO 639 code of two or three letters, or multilingual",
        )
        for tag in (*self.tags, *self.creators):
            _matches(
                "card.tags and card.creators", tag, re.compile(r"\S[^\r\n]*"), "a line of text"
            )
        for name in self.source_datasets:
            _matches(
                "card.source_datasets",
                name,
                _DATASET,
                "'original' or a dataset of the Hub (owner/name)",
            )
        for name, link in {"url": self.url, "license_link": self.license_link}.items():
            if link:
                _matches(f"card.{name}", link, licenses.URL, "a URL (https://...)")
        if self.version:
            _matches("card.version", self.version, _VERSION, "a version as 1.0.0")

    def _check_license(self) -> None:
        licenses.check(
            "card.license",
            self.license,
            'write "other", with card.license_name and card.license_link',
        )
        if self.license == licenses.OTHER:
            if not (self.license_name and self.license_link):
                raise ConfigError(
                    'card.license = "other" needs card.license_name and card.license_link'
                )
            _matches(
                "card.license_name", self.license_name, _NAME, "an identifier as my-license-1.0"
            )
        elif self.license_name or self.license_link:
            raise ConfigError(
                'card.license_name and card.license_link go with card.license = "other" only'
            )

    def check_sources(self, formats: Collection[str]) -> None:
        """Check the keys and values of ``licenses``.

        Raises:
            ConfigError: a key is neither one of these formats nor a pattern, or a value is not a
                licence.
        """
        for key, licence in self.licenses.items():
            _check_source_license(key, licence, formats)

    @cached_property
    def layout(self) -> CardTemplate:
        """The card's template.

        Raises:
            ConfigError: it cannot be used.
        """
        if self.template:
            return CardTemplate.of_file(Path(self.template))
        return CardTemplate.shipped()

    @cached_property
    def written(self) -> Notes | None:
        """The hand-written parts; None if the recipe names no file.

        Raises:
            ConfigError: the file cannot be used.
        """
        return Notes.of_file(Path(self.notes)) if self.notes else None

    def settings(self) -> dict[str, Any]:
        """All that decides the card, as values for JSON, with the hash of the template.

        The build accounts for the notes (`etl.dataset.hand_written`).

        Raises:
            ConfigError: the template cannot be used.
        """
        plain = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in _NOT_SETTINGS
        }
        lists = {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
        published = f"{self.published:%Y-%m-%d}" if self.published else ""
        return {**plain, **lists, "published": published, "template": self.layout.sha256}


def license_of(name: str, kind: str, given: dict[str, str]) -> str:
    """The licence of an input; empty if none is given.

    The longest pattern that matches its name counts, else its format.

    name: of the input. kind: its format. given: licences by format or pattern.
    """
    patterns = [key for key in given if _WILD.search(key) and fnmatchcase(name, key)]
    if patterns:
        return given[max(patterns, key=lambda key: (len(key), key))]
    return given.get(kind, "")


def _check_source_license(key: str, licence: str, formats: Collection[str]) -> None:
    if key not in formats and not _WILD.search(key):
        close = difflib.get_close_matches(key, sorted(formats), 1)
        hint = (
            f"did you mean {close[0]!r}?"
            if close
            else "a pattern of input names has a dot, a slash or a wildcard"
        )
        raise ConfigError(f"card.licenses: there is no format {key!r}; {hint}")
    if licence == licenses.OTHER:
        raise ConfigError(
            f"card.licenses.{key}: give the URL of the licence's text instead of 'other'"
        )
    if not licenses.URL.fullmatch(licence):
        licenses.check(f"card.licenses.{key}", licence, "give the URL of its text")


def _matches(name: str, value: str, pattern: re.Pattern[str], what: str) -> None:
    if not pattern.fullmatch(value):
        raise ConfigError(f"{name}: {value!r} is not {what}")
