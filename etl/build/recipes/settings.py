"""What the settings of a recipe mean, and a recipe as the TOML that it is read from."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from etl.build.recipes import recipe
from etl.build.recipes.meanings import MEANINGS, SECTIONS
from etl.build.recipes.recipe import Recipe
from etl.build.recipes.toml import as_json, as_toml
from schemas.errors import ConfigError
from schemas.reasons import MEANINGS as REASONS

_BASE: Final = "scribeagent-32k"
_WIDTH: Final = 100


class Setting(NamedTuple):
    """One setting of a recipe. choices: the values that it can have, if they are few."""

    name: str
    says: str
    value: Any
    default: Any
    choices: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it is other than the default."""
        return bool(self.value != self.default)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        values = {"value": as_json(self.value), "default": as_json(self.default)}
        reasons = [name for name, each in REASONS.items() if self.name in each.settings]
        return {"setting": self.name, "says": self.says, **values, "changed": self.changed,
                "choices": [*self.choices], "decides": reasons}  # fmt: skip


def of(chosen: Recipe) -> dict[str, list[Setting]]:
    """All settings of a recipe by section. What a section has no default for has that of the first
    shipped recipe.
    """
    base = recipe.load(_BASE)
    found: dict[str, list[Setting]] = {}
    for name, hint in _sections().items():
        hints = get_type_hints(hint)
        found[name] = [
            Setting(
                f"{name}.{each.name}",
                MEANINGS.get(f"{name}.{each.name}", ""),
                getattr(getattr(chosen, name), each.name),
                _default(each, getattr(base, name)),
                tuple(map(str, get_args(hints[each.name])))
                if get_origin(hints[each.name]) is Literal
                else (),
            )
            for each in fields(hint)
        ]
    return found


def _sections() -> dict[str, Any]:
    hints = get_type_hints(Recipe)
    return {
        each.name: hints[each.name]
        for each in fields(Recipe)
        if hasattr(hints[each.name], "__dataclass_fields__")
    }


def _default(field: Field[Any], base: object) -> Any:
    if field.default is not MISSING:
        return field.default
    return (
        field.default_factory()
        if field.default_factory is not MISSING
        else getattr(base, field.name)
    )


def one(name: str, chosen: Recipe) -> Setting:
    """A setting by its name. Raises `ConfigError` for an unknown one."""
    known = {each.name: each for settings in of(chosen).values() for each in settings}
    if name not in known:
        close = difflib.get_close_matches(name, known, 1) or [
            each for each in known if each.endswith(f".{name}")
        ]
        said = f"; did you mean {close[0]}?" if close else "; see: stepmill recipes scribeagent-32k"
        raise ConfigError(f"there is no setting {name!r}{said}")
    return known[name]


def toml(chosen: Recipe, about: str) -> str:
    """The recipe as TOML that is a recipe with the same settings, each with its meaning and
    default.
    """
    lines = [f"about = {as_toml(about)}", f"name = {as_toml(chosen.name)}"]
    for section, settings in of(chosen).items():
        lines += ["", f"# {SECTIONS.get(section, '')}", f"[{section}]"]
        for each in settings:
            lines += ["", *_lines(each)]
    return "\n".join(lines)


def _lines(setting: Setting) -> Iterator[str]:
    said = f"{setting.says}: {', '.join(setting.choices)}" if setting.choices else setting.says
    yield from textwrap.wrap(said, _WIDTH, initial_indent="# ", subsequent_indent="# ")
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
    items = ", ".join(as_toml(item) for item in as_json(setting.value))
    yield from textwrap.wrap(
        f"{items},", _WIDTH, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    yield "]"
