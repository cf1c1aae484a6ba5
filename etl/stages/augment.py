"""Augment: replace objectives and descriptions by texts from JSON files.

A stage is a pure function of its inputs, so this one only reads the files; ``stepmill augment``
(`etl.build.augment.rewrite`) fills them with a language model. An objective is looked up by its
workflow's uid (``source:id``) or the recording's own workflow id, a description by ``<workflow
uid>/<number>`` or the recording's own step id. A text whose id is in no file stays as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import orjson

from etl.files.file_setting import File
from etl.files.side_files import decoded
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import BuildError, ConfigError
from schemas.reasons import OwnReason

_BARE: Final = re.compile(
    r"\W*(?:(?:double|right)[- ])?click(?:\s+(?:on\s+)?(?:here|this|that|it))?\W*", re.IGNORECASE
)


def is_bare(description: str) -> bool:
    """Whether a description says nothing of its element.

    Recorders write ``Click here`` where they know no name.
    """
    return _BARE.fullmatch(description) is not None


@dataclass(frozen=True)
class Mapping:
    """A JSON file with an object of texts by id.

    It is read at first use in each process. The fingerprint holds the hash of its content.
    """

    path: str

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hex; the content is checked on the way.

        Raises:
            ConfigError: the file cannot be read, or does not hold an object of texts by id.
        """
        raw = self._raw()
        self._parsed(raw)
        return hashlib.sha256(raw).hexdigest()

    @cached_property
    def texts(self) -> dict[str, str]:
        """The texts by id.

        Raises:
            ConfigError: the file cannot be read, or does not hold an object of texts by id.
            BuildError: the file has changed since the build began.
        """
        raw = self._raw()
        if hashlib.sha256(raw).hexdigest() != self.sha256:
            raise BuildError(
                f"{self.path} has changed while the build ran; run the same command again"
            )
        return self._parsed(raw)

    def __getstate__(self) -> dict[str, str]:
        return {"path": self.path, "sha256": self.sha256}

    def _raw(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise ConfigError(f"[augment] cannot read {self.path}: {error.strerror}") from error

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
    version: ClassVar[int] = 1
    about: ClassVar[str] = "texts that are put in the place of objectives and descriptions"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    objectives: Annotated[
        File, "a JSON file of objectives by workflow id, made by stepmill augment"
    ] = ""
    descriptions: Annotated[
        File, "a JSON file of descriptions by step id, made by stepmill augment"
    ] = ""
    only_bare: Annotated[
        bool, "put descriptions only where the recording's says no more than the action"
    ] = False

    @cached_property
    def mappings(self) -> dict[str, Mapping]:
        """The files that the recipe names, by setting."""
        given = {"objectives": self.objectives, "descriptions": self.descriptions}
        return {name: Mapping(path) for name, path in given.items() if path}

    def settings(self) -> dict[str, Any]:
        """Its fields, with the hash of each file instead of its path.

        Raises:
            ConfigError: a file cannot be read, or does not hold an object of texts by id.
        """
        hashes = {name: mapping.sha256 for name, mapping in self.mappings.items()}
        names = ("objectives", "descriptions")
        return {**{name: hashes.get(name) for name in names}, "only_bare": self.only_bare}

    @staticmethod
    def in_words(settings: Mapped[str, Any]) -> str:
        """Says what is rewritten, for the data card."""
        rewritten = [name for name in ("objectives", "descriptions") if settings[name]]
        if not rewritten:
            return ""
        return f"{' and '.join(rewritten)} rewritten, from texts made beforehand"

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Sets each workflow's ``objective`` and the descriptions of its actions."""
        objectives, descriptions = map(self.mappings.get, ("objectives", "descriptions"))
        for draft in rows:
            if objectives is not None:
                ids = (draft.workflow.uid, draft.workflow.workflow_id)
                draft.objective = _first_text(objectives, ids) or draft.objective
            if descriptions is not None:
                for step_draft in draft.steps:
                    self._describe(draft, step_draft, descriptions)
            yield draft

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
