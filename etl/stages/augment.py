"""Augment: replace objectives and descriptions by texts from JSON files.

A stage is a pure function of its inputs, so this one only reads the files; ``stepmill augment``
(`etl.build.augment.rewrite`) fills them with a language model. An objective is looked up by its
workflow's uid (``source:id``), the recording's own workflow id or its title, a description by
``<workflow uid>/<number>`` or the recording's own step id. A text whose id is in no file stays as
it is.

Objectives may be lists of tasks, too (`etl.stages.objectives`): these stand in where a recording
says nothing of what is to be done. Such a recording gets its objective before all other stages
(`Augment.prepare`), so that the filter sees it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final

import orjson

from etl.files.file_setting import File, Files
from etl.files.side_files import decoded
from etl.stages.objectives import (
    SETTING,
    ObjectiveFile,
    first_of,
    names_of,
    says_nothing,
    tasks_of,
)
from etl.stages.text_file import TextFile
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

_BARE: Final = re.compile(
    r"\W*(?:(?:double|right)[- ])?click(?:\s+(?:on\s+)?(?:here|this|that|it))?\W*", re.IGNORECASE
)


def is_bare(description: str) -> bool:
    """Whether a description says nothing of its element.

    Recorders write ``Click here`` where they know no name.
    """
    return _BARE.fullmatch(description) is not None


class Mapping(TextFile[dict[str, str]]):
    """A JSON file with an object of texts by id."""

    def _parsed(self, raw: bytes) -> dict[str, str]:
        try:
            texts: Any = orjson.loads(decoded(raw, f"[augment] {self.path}"))
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"[augment] {self.path}: not valid JSON: {error}") from error
        if not isinstance(texts, dict):
            raise ConfigError(f"[augment] {self.path}: not an object of texts by id")
        for id, text in texts.items():
            if not isinstance(text, str) or not text.strip():
                raise ConfigError(
                    f"[augment] {self.path}: the text of {id!r} is empty or no string"
                )
        return texts


@dataclass(frozen=True)
class Augment:
    """Replaces recorded texts by texts from files.

    ``only_bare`` is the reference's rule: it replaces only descriptions that say nothing of their
    element (`is_bare`).
    """

    name: ClassVar[str] = "augment"
    version: ClassVar[int] = 2
    about: ClassVar[str] = "texts that are put in the place of objectives and descriptions"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    objectives: Annotated[
        Files,
        "files of objectives by workflow id, made by stepmill augment or by hand, or task lists of "
        "WebArena and the like",
    ] = ()
    descriptions: Annotated[
        File, "a JSON file of descriptions by step id, made by stepmill augment"
    ] = ""
    only_bare: Annotated[
        bool, "put descriptions only where the recording's says no more than the action"
    ] = False

    @cached_property
    def files(self) -> tuple[ObjectiveFile, ...]:
        """The files of objectives that the recipe names."""
        return tuple(map(ObjectiveFile, self.objectives))

    @cached_property
    def mapping(self) -> Mapping | None:
        """The file of descriptions that the recipe names."""
        return Mapping(self.descriptions) if self.descriptions else None

    @cached_property
    def own(self) -> dict[str, str]:
        """Objectives by id or title, of all files; the first file that has one counts."""
        return dict(pair for file in reversed(self.files) for pair in file.texts.own.items())

    @cached_property
    def tasks(self) -> dict[str, str]:
        """Objectives by task, of all files; the first file that has one counts."""
        return dict(pair for file in reversed(self.files) for pair in file.texts.tasks.items())

    def settings(self) -> dict[str, Any]:
        """Its fields, with the hash of each file instead of its path.

        Raises:
            ConfigError: a file cannot be read, or does not hold an object of texts by id.
        """
        hashes = [file.sha256 for file in self.files]
        return {
            "objectives": hashes if len(hashes) > 1 else hashes[0] if hashes else None,
            "descriptions": self.mapping.sha256 if self.mapping else None,
            "only_bare": self.only_bare,
        }

    @staticmethod
    def in_words(settings: Mapped[str, Any]) -> str:
        """Says what is rewritten, for the data card."""
        rewritten = [name for name in ("objectives", "descriptions") if settings[name]]
        if not rewritten:
            return ""
        return f"{' and '.join(rewritten)} rewritten, from texts made beforehand"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets each workflow's ``objective`` and the descriptions of its actions."""
        for draft in rows:
            if self.files:
                self.prepare(draft, tally)
                name, text = first_of(self.own, names_of(draft))
                if text:
                    draft.objective = text
                    tally.matched.add(f"{SETTING} {name}")
            if self.mapping is not None:
                for step_draft in draft.steps:
                    self._describe(draft, step_draft, self.mapping)
            yield draft

    def prepare(self, draft: Draft, tally: Tally) -> None:
        """Give a workflow an objective whose recording says none."""
        if not self.files or not says_nothing(draft):
            return
        name, text = first_of(self.own, names_of(draft))
        if not text:
            name, text = first_of(self.tasks, tasks_of(draft))
        if text:
            draft.objective = text
            tally.matched.add(f"{SETTING} {name}")

    def unmatched(self, matched: frozenset[str]) -> Iterator[tuple[str, str]]:
        """The lists of tasks of which no task was needed, each with a hint.

        matched: the entries that the tallies of all inputs noted.
        """
        for file in self.files:
            tasks = file.texts.tasks
            if tasks and not any(f"{SETTING} {name}" in matched for name in tasks):
                few = f"{len(tasks):,} tasks ({next(iter(tasks))}, ...)"
                yield file.name, f"none of its {few} is of a recording that says no objective"

    def _describe(self, draft: Draft, step_draft: StepDraft, descriptions: Mapping) -> None:
        action = step_draft.step.action
        ids = (f"{draft.workflow.uid}/{step_draft.number}", step_draft.step.step_id)
        text = _first_text(descriptions, ids)
        if text and (not self.only_bare or is_bare(action.description)):
            step_draft.step = step_draft.step.with_fields(action=replace(action, description=text))


def _first_text(mapping: Mapping, ids: tuple[str, str]) -> str:
    """The text of the first id that has one, as one line; empty if neither has."""
    for id in ids:
        if id in mapping.texts:
            return " ".join(mapping.texts[id].split())
    return ""
