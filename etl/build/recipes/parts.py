"""The sections of a recipe: those of stages and decisions, and its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Final, TypeVar, get_type_hints

from etl.build.gates import Gates
from etl.build.recipes.encoding import FitSettings, PromptSettings, VocabularySettings
from etl.build.recipes.sections import (
    InputSettings,
    LimitSettings,
    PackSettings,
    SubsetSettings,
    TakedownSettings,
)
from etl.build.recipes.splits import SplitSettings
from etl.build.recipes.toml import checked
from etl.card.settings import CardSettings
from etl.decisions import known as decisions
from etl.decisions.decision import Decision
from etl.decisions.failures import Failures
from etl.decisions.mix import Mix
from etl.stages import known as stages
from etl.stages.stage import Stage
from schemas.errors import ConfigError

Part = TypeVar("Part")
_BASE: Final = 'begin with: extends = "scribeagent-32k"'


def known_sections() -> dict[str, type]:
    """The classes of all sections by name, in the order in which they are shown."""
    sections: dict[str, type] = {"inputs": InputSettings}
    for stage in stages.KNOWN:
        sections |= sections_of(stage)
    sections |= {
        "vocabulary": VocabularySettings,
        "prompt": PromptSettings,
        "fit": FitSettings,
        "pack": PackSettings,
        "split": SplitSettings,
    }
    for decision in decisions.KNOWN:
        sections |= sections_of(decision)
    return sections | {
        "failures": Failures,
        "subsets": SubsetSettings,
        "mix": Mix,
        "card": CardSettings,
        "limits": LimitSettings,
        "takedown": TakedownSettings,
        "gates": Gates,
    }


def every_part() -> tuple[type[Stage] | type[Decision], ...]:
    """The classes of all stages and decisions."""
    return (*stages.KNOWN, *decisions.KNOWN)


def sections_of(part: Any) -> dict[str, type]:
    """The sections of a stage's or decision's class, by name.

    Its fields that are sections; the class itself if it has none.
    """
    return dict(_sections_of(part))


@cache
def _sections_of(part: Any) -> dict[str, type]:
    hints = get_type_hints(part)
    inner = {each.name: hints[each.name] for each in fields(part) if is_dataclass(hints[each.name])}
    return inner or {part.name: part}


def about(section: str) -> str:
    """The subject of a section, half a sentence."""
    for part in every_part():
        if section != part.name and section in sections_of(part):
            return meaning(get_type_hints(part, include_extras=True)[section])
    text: str = known_sections()[section].about  # type: ignore[attr-defined]
    return text


def meaning(hint: Any) -> str:
    """The meaning with which a field is annotated; empty if there is none."""
    texts = [text for text in getattr(hint, "__metadata__", ()) if isinstance(text, str)]
    return texts[-1] if texts else ""


def meanings() -> dict[str, str]:
    """The meaning of each setting, by its name (``section.key``)."""
    return {
        f"{section}.{each.name}": meaning(get_type_hints(kind, include_extras=True)[each.name])
        for section, kind in known_sections().items()
        for each in fields(kind)
    }


def made(
    known: Sequence[type[Part]], always: Collection[str], tables: Mapping[str, Any]
) -> tuple[Part, ...]:
    """The stages or decisions of a recipe.

    Those that every recipe has, and those whose sections are in its tables.

    known: all classes, in order. always: names of those that every recipe has.

    Raises:
        ConfigError: a section does not take a value.
    """
    parts = []
    for kind in known:
        name: str = kind.name  # type: ignore[attr-defined]
        given = {each: tables[each] for each in sections_of(kind) if each in tables}
        if given or name in always:
            parts.append(_part(kind, name, given))
    return tuple(parts)


def _part(kind: type[Part], name: str, given: Mapping[str, Any]) -> Part:
    sections = sections_of(kind)
    if name not in sections:
        return kind(**{each: _section(given[each], sections[each], each) for each in given})
    if name not in given and any(_needed(each) for each in fields(kind)):  # type: ignore[arg-type]
        raise ConfigError(f"recipe: no section [{name}]; {_BASE}")
    part: Part = checked(given.get(name, {}), kind, name)
    return part


def _section(value: Any, hint: type, path: str) -> Any:
    try:
        return checked(value, hint, path)
    except ConfigError as error:
        text = str(error)
        raise ConfigError(text if text.startswith(path) else f"{path}.{text}") from error


def _needed(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
