"""Recipes: TOML files that say which stages run with which settings.

A recipe may extend a shipped one (``extends = "scribeagent-32k"``); every section and key is
checked before work starts, and a misspelt one is answered with the nearest name. Sections and keys
are the fields of the stages.

A file that a recipe file names is relative to that recipe file; one that a single setting
(``--set``) names, to the current folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property, lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final, get_type_hints

from etl.build.gates import Gates
from etl.build.index import Index
from etl.build.pack import PackPlan
from etl.build.plan import Plan
from etl.build.recipes.sections import (
    AugmentSettings,
    FitSettings,
    InputSettings,
    LimitSettings,
    NameSettings,
    PackSettings,
    PromptSettings,
    PruneSettings,
    SplitSettings,
    TakedownSettings,
    VocabularySettings,
)
from etl.build.recipes.toml import checked, laid_over, nearest, of_setting, parsed
from etl.card.settings import CardSettings
from etl.decisions.caps import Caps
from etl.decisions.split import HELD
from etl.decisions.takedown import Takedown, parse
from etl.files.file_setting import A_FILE
from etl.files.hashes import plain
from etl.files.side_files import read_text
from etl.pages.prune import PruneRules
from etl.sources import FORMATS, SOURCES
from etl.stages.augment import Augment
from etl.stages.augment import Mapping as TextMapping
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.prune import Prune
from etl.stages.select import Select
from etl.stages.unroll import Unroll
from schemas.errors import ConfigError
from tokenization import vocabulary as vocabularies
from tokenization.encode import Encoder
from tokenization.families import Family
from tokenization.fit import Fit
from tokenization.prompt import Prompt
from tokenization.vocabulary import EngineName, Vocabulary

_SHAPING_SAMPLES: Final = ("turbohtml", "lxml", "publicsuffixlist", "py3langid", "pyarrow")
_SHAPING_PACKED: Final = ("pyarrow",)
"""Libraries whose version can change what a phase writes. Vocabularies stand in the settings by
their hash.
"""


@dataclass(frozen=True)
class Recipe:
    """All settings of a build."""

    prune: PruneSettings
    name: str = "custom"
    inputs: InputSettings = field(default_factory=InputSettings)
    include: NameSettings = field(default_factory=NameSettings)
    exclude: NameSettings = field(default_factory=NameSettings)
    filter: Filter = field(default_factory=Filter)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    locate: Locate = field(default_factory=Locate)
    unroll: Unroll = field(default_factory=Unroll)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    prompt: PromptSettings = field(default_factory=PromptSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    pack: PackSettings = field(default_factory=PackSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    caps: Caps = field(default_factory=Caps)
    card: CardSettings = field(default_factory=CardSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    takedown: TakedownSettings = field(default_factory=TakedownSettings)
    gates: Gates = field(default_factory=Gates)

    def __post_init__(self) -> None:
        self.card.check_sources(FORMATS)

    @cached_property
    def samples(self) -> Plan:
        """Phase 1."""
        settings = self.prune
        rules = PruneRules(
            **{rule.name: getattr(settings, rule.name) for rule in fields(PruneRules)}
        )
        prune = Prune(
            rules, _vocabulary(settings.ratio_vocabulary, "", "auto", None), settings.keep_target
        )
        texts = self.rewritten
        augment = Augment(
            texts.get("objectives"), texts.get("descriptions"), self.augment.only_bare
        )
        select = Select(self.include.made("include"), self.exclude.made("exclude"))
        stages = (select, self.filter, augment, self.locate, prune, self.unroll)
        page_chars = self.limits.page_mb * 2**20
        return Plan(dict(SOURCES), stages, _versions(_SHAPING_SAMPLES), page_chars, self.split.seed)

    @cached_property
    def rewritten(self) -> dict[str, TextMapping]:
        """The mappings of texts that are given, by name."""
        given = {"objectives": self.augment.objectives, "descriptions": self.augment.descriptions}
        return {name: TextMapping(path) for name, path in given.items() if path}

    @cached_property
    def taken_down(self) -> Takedown:
        """The takedown list."""
        given = parse(self.takedown.file) if self.takedown.file else Takedown()
        return Takedown(
            given.workflows | self.takedown.workflows, given.domains | self.takedown.domains
        )

    @cached_property
    def index(self) -> Index:
        """Phase 2."""
        return Index(self.split.made(), self.fit.context, self.pack.shard_mb * 2**20, self.caps)

    @cached_property
    def packed(self) -> PackPlan:
        """Phase 3."""
        chosen = self.vocabulary
        family = (
            (chosen.pattern, tuple(sorted(chosen.special_tokens.items())), chosen.nfc)
            if chosen.pattern
            else None
        )
        vocabulary = _vocabulary(chosen.name, chosen.file, chosen.engine, family)
        encoder = Encoder(
            vocabulary, Prompt(self.prompt.system, self.prompt.node_repeats), self.prompt.chat
        )
        fits = {
            "train": Fit(self.fit.context, self.fit.train, self.fit.max_chunks),
            **{split: Fit(self.fit.context, self.fit.test, 0) for split in HELD},
        }
        settings = {
            "vocabulary": vocabulary.sha256,
            "prompt": plain(encoder.prompt),
            "chat": self.prompt.chat,
            "fits": {split: plain(fit) for split, fit in fits.items()},
            "packing": self.pack.packing,
            "window": self.pack.window,
            "libraries": _versions(_SHAPING_PACKED),
        }
        return PackPlan(encoder, fits, self.pack.packing, self.pack.window, settings)

    def settings(self) -> dict[str, Any]:
        """Everything that decides the output, by phase, as JSON knows it."""
        return {
            "samples": {"part_mb": self.inputs.part_mb, **self.samples.settings()},
            "index": plain(self.index),
            "packed": self.packed.settings,
            "card": self.card.settings(),
        }


def _versions(libraries: Sequence[str]) -> dict[str, str]:
    return {name: metadata.version(name) for name in libraries}


@lru_cache(maxsize=4)
def _vocabulary(
    name: str,
    file: str,
    engine: EngineName,
    family: tuple[str, tuple[tuple[str, int], ...], bool] | None,
) -> Vocabulary:
    """One object for both phases that need the same vocabulary: its engine takes a moment to make.

    No parameter has a default: a call that leaves one out would be another key of the cache.
    """
    own = Family(family[0], dict(family[1]), family[2]) if family else None
    return vocabularies.load(name, file=file, engine=engine, family=own)


def shipped() -> dict[str, str]:
    """Names of the shipped recipes, and the first line of each one's description."""
    found: dict[str, str] = {}
    for file in sorted(resources.files("etl.build.recipes").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            found[file.name.removesuffix(".toml")] = str(
                parsed(file.read_text("utf-8"), file.name).get("about", "")
            )
    return found


def load(name_or_file: str, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe by the name of a shipped one or by file, with ``section.key=value`` settings on top.

    Raises `ConfigError` for anything unknown or of the wrong type.
    """
    return from_tables(_tables(name_or_file), overrides)


def tables_of(path: Path) -> dict[str, Any]:
    """The tables of a recipe file; files in it are named by whole paths. Raises `ConfigError` if it
    cannot be read.
    """
    tables = _placed(parsed(read_text(path, "recipe"), str(path)), path.parent)
    base = tables.get("extends")
    if isinstance(base, str) and base.endswith(".toml"):
        tables["extends"] = str(path.parent.absolute() / base)
    return tables


@cache
def _file_settings() -> frozenset[tuple[str, str]]:
    """(section, key) of the settings that name files."""
    sections = {
        name: hint
        for name, hint in get_type_hints(Recipe).items()
        if hasattr(hint, "__dataclass_fields__")
    }
    return frozenset(
        (section, key)
        for section, settings in sections.items()
        for key, hint in get_type_hints(settings, include_extras=True).items()
        if A_FILE in getattr(hint, "__metadata__", ())
    )


def _placed(tables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same settings; files that they name are those in a folder, unless they are named by whole
    paths.
    """
    placed = dict(tables)
    for section, key in _file_settings():
        settings = placed.get(section)
        if isinstance(settings, Mapping) and isinstance(name := settings.get(key), str) and name:
            placed[section] = {**settings, key: str(folder.absolute() / name)}
    return placed


def placed(override: str) -> str:
    """A single setting (``section.key=value``) that says the same in any folder: the file that it
    names, if it names one, by its whole path.
    """
    tables = of_setting(override)
    anew = _placed(tables, Path())
    if anew == tables:
        return override
    ((section, settings),) = anew.items()
    ((key, name),) = settings.items()
    return f"{section}.{key}={json.dumps(name)}"


def from_tables(tables: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe of parsed TOML tables."""
    tables = _extended(tables, ())
    for override in overrides:
        tables = laid_over(tables, of_setting(override))
    sections = {section.name: section for section in fields(Recipe)}
    values: dict[str, Any] = {}
    hints = get_type_hints(Recipe)
    for name, value in tables.items():
        if name == "about":
            continue
        if name not in sections:
            raise ConfigError(f"recipe: there is no section [{name}]{nearest(name, sections)}")
        values[name] = checked(value, hints[name], name)
    if "prune" not in values:
        raise ConfigError('recipe: no section [prune]; begin with: extends = "scribeagent-32k"')
    return Recipe(**values)


def _tables(name_or_file: str) -> dict[str, Any]:
    if name_or_file.endswith(".toml"):
        return tables_of(Path(name_or_file))
    if name_or_file not in shipped():
        raise ConfigError(
            f"there is no recipe {name_or_file!r}{nearest(name_or_file, shipped())} See: stepmill "
            "recipes"
        )
    file = resources.files("etl.build.recipes").joinpath(f"{name_or_file}.toml")
    return parsed(file.read_text("utf-8"), f"{name_or_file}.toml")


def _extended(tables: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    tables = dict(tables)
    base = tables.pop("extends", None)
    if base is None:
        return tables
    if base in seen:
        raise ConfigError(f"recipe: {base!r} extends itself")
    return laid_over(_extended(_tables(str(base)), (*seen, str(base))), tables)
