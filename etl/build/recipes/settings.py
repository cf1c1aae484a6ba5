"""The settings of a recipe with their meanings, and a recipe as TOML."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from etl.build.recipes import recipe
from etl.build.recipes.parts import about, known_sections, meaning
from etl.build.recipes.recipe import Recipe
from etl.build.recipes.toml import as_json, as_toml
from etl.build.recipes.vocabularies import KEY
from etl.card.reasons import meanings as reasons
from schemas.errors import ConfigError

_BASE: Final = "scribeagent-32k"
_WIDTH: Final = 100
"""The most characters of a line of TOML, where it can be wrapped."""


class Setting(NamedTuple):
    """One setting of a recipe."""

    # section.key
    name: str
    # its meaning
    says: str
    value: Any
    default: Any
    # all values that it can have; empty if they cannot be listed
    choices: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the value is not the default."""
        return bool(self.value != self.default)

    def as_json(self) -> dict[str, Any]:
        """The setting for programs, with the reasons for drops that it decides."""
        values = {"value": as_json(self.value), "default": as_json(self.default)}
        decides = [name for name, each in reasons().items() if self.name in each.settings]
        return {"setting": self.name, "says": self.says, **values, "changed": self.changed,
                "choices": [*self.choices], "decides": decides}  # fmt: skip


def of(chosen: Recipe) -> dict[str, list[Setting]]:
    """All settings by section, with the values of a recipe.

    A section that the recipe lacks has its defaults. A setting without a default has the value of
    the recipe scribeagent-32k as its default.
    """
    base = recipe.load(_BASE)
    settings: dict[str, list[Setting]] = {}
    for name, kind in known_sections().items():
        hints = get_type_hints(kind, include_extras=True)
        settings[name] = []
        for each in fields(kind):
            default = _default(each, base.sections.get(name))
            value = getattr(chosen.sections.get(name), each.name, default)
            hint = hints[each.name]
            full_name = f"{name}.{each.name}"
            settings[name].append(Setting(full_name, meaning(hint), value, default, _choices(hint)))
    return settings


def _choices(hint: Any) -> tuple[str, ...]:
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()


def _default(field: Field[Any], base: object) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return getattr(base, field.name, None)


def one(name: str, chosen: Recipe) -> Setting:
    """A setting by its name.

    Raises:
        ConfigError: there is no such setting.
    """
    known = {each.name: each for settings in of(chosen).values() for each in settings}
    if name not in known:
        close = difflib.get_close_matches(name, known, 1) or [
            each for each in known if each.endswith(f".{name}")
        ]
        hint = f"; did you mean {close[0]}?" if close else "; see: stepmill recipes scribeagent-32k"
        raise ConfigError(f"there is no setting {name!r}{hint}")
    return known[name]


def toml(chosen: Recipe, about_it: str) -> str:
    """The recipe as TOML, each setting with its meaning and, if changed, its default.

    The text is itself a recipe with the same settings. Sections that the recipe lacks are comments.

    about_it: the text of ``about``.
    """
    lines = [f"about = {as_toml(about_it)}", f"name = {as_toml(chosen.name)}"]
    if chosen.vocabularies:
        lines.append(f"{KEY} = {as_toml([each.as_table() for each in chosen.vocabularies])}")
    for section, settings in of(chosen).items():
        there = section in chosen.sections
        table = [f"[{section}]"]
        for each in settings:
            table += ["", *_lines(each)]
        lines += ["", f"# {about(section)}"]
        lines += table if there else [f"# {line}".rstrip() for line in table]
    return "\n".join(lines)


def _lines(setting: Setting) -> Iterator[str]:
    comment = f"{setting.says}: {', '.join(setting.choices)}" if setting.choices else setting.says
    yield from textwrap.wrap(comment, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    default = "off" if setting.default is None else as_toml(setting.default)
    if setting.changed:
        short = default if len(default) < _WIDTH else f"as in {_BASE}"
        yield f"# CHANGED; default: {short}"
    key = setting.name.partition(".")[2]
    if setting.value is None:
        yield f"# {key} = ..."
        return
    text = f"{key} = {as_toml(setting.value)}"
    if len(text) <= _WIDTH or not isinstance(setting.value, frozenset | tuple):
        yield text
        return
    yield f"{key} = ["
    if isinstance(setting.value, tuple) and any(is_dataclass(item) for item in setting.value):
        yield from (f"    {as_toml(item)}," for item in as_json(setting.value))
        yield "]"
        return
    items = ", ".join(as_toml(item) for item in as_json(setting.value))
    yield from textwrap.wrap(
        f"{items},", _WIDTH, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    yield "]"
