"""The list ``vocabularies`` of a recipe: a dataset for each, from one pass over the pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from etl.build.recipes.encoding import VocabularySettings
from etl.build.recipes.places import VOCABULARIES
from etl.build.recipes.toml import checked
from schemas.errors import ConfigError

KEY: Final = VOCABULARIES
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_FORM: Final = (
    'list names, or tables as in [vocabulary] with label and chat: vocabularies = ["qwen2.5", '
    '{ name = "o200k", file = "o200k_base.tiktoken", chat = "plain" }]'
)


@dataclass(frozen=True)
class Listed:
    """A vocabulary of the list."""

    # of its folder; the name of the vocabulary unless it is given
    label: str
    settings: VocabularySettings
    # its chat template; empty: ``prompt.chat``
    chat: str = ""

    def as_table(self) -> dict[str, Any]:
        """The entry in full, without what it leaves to defaults."""
        default = VocabularySettings()
        given = {each.name: getattr(self.settings, each.name) for each in fields(default)}
        changed = {key: value for key, value in given.items() if value != getattr(default, key)}
        chat = {"chat": self.chat} if self.chat else {}
        return {"label": self.label, "name": self.settings.name} | changed | chat


def listed(value: Any, section: VocabularySettings) -> tuple[Listed, ...]:
    """The vocabularies that a recipe lists.

    section: [vocabulary], from which they have the engine.

    Raises:
        ConfigError: an entry cannot be used, two have the same label, or [vocabulary] says
            something else than the first.
    """
    if not isinstance(value, list) or not value:
        raise ConfigError(f"{KEY} = {value!r}: {_FORM}")
    every = tuple(_entry(each, f"{KEY}[{at}]", section.engine) for at, each in enumerate(value))
    labels = [each.label for each in every]
    for at, label in enumerate(labels):
        if label in labels[:at]:
            raise ConfigError(
                f"{KEY}: {label!r} is listed twice; leave one out, or give it another label"
            )
    plain = replace(section, engine="auto")
    if plain not in (VocabularySettings(), replace(every[0].settings, engine="auto")):
        raise ConfigError(
            f"{KEY} begins with {labels[0]!r}, and [vocabulary] says otherwise (name = "
            f"{section.name!r}): leave [vocabulary] out, and write its settings in the list"
        )
    return every


def _entry(value: Any, path: str, engine: str) -> Listed:
    """One entry: a name, or a table of [vocabulary] with ``label`` and ``chat``."""
    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping):
        raise ConfigError(f"{path} = {value!r}: {_FORM}")
    own = {key: checked(table.get(key, ""), str, f"{path}.{key}") for key in ("label", "chat")}
    settings = {"engine": engine} | {key: each for key, each in table.items() if key not in own}
    label = own["label"] or table.get("name", "")
    made: VocabularySettings = checked(settings, VocabularySettings, path)
    if not _NAME.fullmatch(label):
        raise ConfigError(
            f"{path}: its folder needs a label of letters, digits, '.', '_' and '-', not {label!r}"
        )
    return Listed(label, made, own["chat"])
