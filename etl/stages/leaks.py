"""Leaks: marks that recorders put on targets are taken off the pages, before they are pruned.

A recorder may mark what was clicked: by an attribute, a class, a ring, a label, an element laid
over it. A model that meets such a page in training learns to look for the mark, and does not find
one when it is asked. `stepmill inspect DIR leaks` finds marks and prints this section. They go from
all elements of all pages (`etl.pages.marks.removal`); node ids and targets stay. From pages that
are texts they go, too (`etl.pages.marks.lines`): there a line that goes renumbers those before it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

from etl.files.compressed import Holder
from etl.files.file_setting import File
from etl.files.side_files import read_text
from etl.pages import axtree
from etl.pages.marks.lines import LineRemover
from etl.pages.marks.removal import Marks, Remover
from etl.pages.reading import read
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason


@dataclass(frozen=True)
class Leaks(Marks):
    """Takes the marks of its lists off all pages.

    Raises:
        ConfigError: an entry is empty.
    """

    name: ClassVar[str] = "leaks"
    version: ClassVar[int] = 2
    about: ClassVar[str] = "marks of recorders that give the target away, and are taken off"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    file: Annotated[
        File, "a file with more of them, the TOML that stepmill inspect DIR leaks --recipe prints"
    ] = ""

    def __post_init__(self) -> None:
        _check(self, "leaks")

    @cached_property
    def marks(self) -> Marks:
        """The marks of the recipe and of the file.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        own = Marks(**{each.name: getattr(self, each.name) for each in fields(Marks)})
        if not self.file:
            return own
        more = _of_file(self.file)
        both = {each.name: getattr(own, each.name) | more[each.name] for each in fields(Marks)}
        return replace(own, **both)

    def settings(self) -> dict[str, Any]:
        """All entries, from the recipe and from the file, sorted.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        return {each.name: sorted(getattr(self.marks, each.name)) for each in fields(Marks)}

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how many marks are taken off, for the data card."""
        number = sum(len(settings[each.name]) for each in fields(Marks))
        if not number:
            return ""
        marks = "1 mark" if number == 1 else f"{number:,} marks"
        return f"takes {marks} of recorders off the pages, which would give targets away"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets ``cleaned`` of each step whose page has marks, and notes which entries match."""
        removers = _removers(self.marks)
        for draft in rows:
            holder = Holder()
            for step_draft in draft.steps if self.marks else ():
                self._clean(step_draft, removers, holder, tally)
            yield draft

    def _clean(
        self, step_draft: StepDraft, removers: _Removers, holder: Holder, tally: Tally
    ) -> None:
        if step_draft.observed == "axtree":
            self._clean_text(step_draft, removers.of_lines, tally)
        elif step_draft.step.has_page:
            self._clean_page(step_draft, removers.of_pages, holder, tally)

    def _clean_text(self, step_draft: StepDraft, remover: LineRemover, tally: Tally) -> None:
        """Take marks off a page that is a text; its lines are counted anew."""
        spared = [each for each in (step_draft.element, step_draft.destination) if each >= 0]
        cleaned = remover.clean(axtree.read(step_draft.step.axtree), spared)
        tally.matched.update(f"{self.name}.{entry}" for entry in cleaned.matched)
        if cleaned.text is not None:
            place = {number: at for at, number in enumerate(cleaned.kept)}
            step_draft.step = step_draft.step.with_fields(axtree=cleaned.text)
            if step_draft.element >= 0:
                step_draft.element = place[step_draft.element]
                step_draft.node = len(place) - 1 - step_draft.element
            step_draft.destination = place.get(step_draft.destination, -1)

    def _clean_page(
        self, step_draft: StepDraft, remover: Remover, holder: Holder, tally: Tally
    ) -> None:
        if not remover.may_change(step_draft.step.utf8):
            return
        spared = [each for each in (step_draft.element, step_draft.destination) if each >= 0]
        cleaned = remover.clean(read(step_draft.step.page), spared)
        tally.matched.update(f"{self.name}.{entry}" for entry in cleaned.matched)
        if cleaned.html is not None:
            step_draft.cleaned = holder.hold(cleaned.html)

    def unmatched(self, matched: frozenset[str]) -> dict[str, list[str]]:
        """The entries that match nothing, by setting.

        matched: the entries that the tallies of all inputs noted.
        """
        found: dict[str, list[str]] = {}
        for each in fields(Marks):
            setting = f"{self.name}.{each.name}"
            for entry in sorted(getattr(self.marks, each.name)):
                if f"{setting} {entry}" not in matched:
                    found.setdefault(setting, []).append(entry)
        return found


class _Removers(NamedTuple):
    """What takes marks off pages of both kinds."""

    of_pages: Remover
    of_lines: LineRemover


@lru_cache(maxsize=2)
def _removers(marks: Marks) -> _Removers:
    """The removers of these marks. A process shares them, which remember their edits."""
    return _Removers(Remover(marks), LineRemover(marks))


def _check(marks: Marks, where: str) -> None:
    """Raise `ConfigError` if an entry is empty, or an element is named by nothing."""
    for each in fields(Marks):
        for entry in sorted(getattr(marks, each.name)):
            if not entry.strip(" .="):
                raise ConfigError(
                    f"{where}.{each.name}: {entry!r} names nothing; remove it, or say what goes"
                )


def _of_file(path: str) -> dict[str, frozenset[str]]:
    """The lists in a file, with or without ``[leaks]`` above them.

    Raises:
        ConfigError: the file cannot be read, or holds something else.
    """
    try:
        table = tomllib.loads(read_text(Path(path), "leaks.file"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"leaks.file: {path} is not TOML: {error}") from error
    lists = table.get("leaks", table)
    known = [each.name for each in fields(Marks)]
    for name, entries in lists.items() if isinstance(lists, dict) else [("leaks", lists)]:
        texts = isinstance(entries, list) and all(isinstance(each, str) for each in entries)
        if name not in known or not texts:
            raise ConfigError(
                f"leaks.file: {path}: {name} is no list of marks; it takes lists of texts: "
                f"{', '.join(known)}"
            )
    marks = {name: frozenset(lists.get(name, ())) for name in known}
    _check(Marks(**marks), f"leaks.file: {path}: leaks")
    return marks
