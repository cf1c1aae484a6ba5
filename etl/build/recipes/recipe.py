"""Recipes: TOML files that say which stages run with which settings.

A recipe may extend a shipped one (``extends = "scribeagent-32k"``). All sections and keys are
checked before work starts; the error for a misspelt one names the nearest. Paths in a recipe file
are relative to that file; a path in a single setting (``--set``) is relative to the current folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from etl.build.gates import Gates
from etl.build.index import Index
from etl.build.pack import PackPlan
from etl.build.plan import Plan
from etl.build.recipes import tables as recipe_tables
from etl.build.recipes.encoding import FitSettings, PromptSettings, VocabularySettings
from etl.build.recipes.parts import Part, known_sections, made, sections_of
from etl.build.recipes.places import absolute, naming_files
from etl.build.recipes.sections import (
    InputSettings,
    LimitSettings,
    PackSettings,
    SubsetSettings,
    TakedownSettings,
)
from etl.build.recipes.splits import SplitSettings
from etl.build.recipes.tables import shipped
from etl.build.recipes.toml import as_toml, checked, laid_over, nearest, of_setting
from etl.build.recipes.vocabularies import KEY, Listed, listed
from etl.card.reasons import meanings
from etl.card.settings import CardSettings
from etl.decisions import known as decisions
from etl.decisions.caps import Caps
from etl.decisions.decision import Decision
from etl.decisions.failures import Failures
from etl.decisions.minimums import Minimums
from etl.decisions.mix import Mix
from etl.decisions.split import HELD
from etl.decisions.takedown import Takedown, parse
from etl.files.hashes import plain
from etl.inputs.archives.join import Pages
from etl.sources import FORMATS, SOURCES
from etl.stages import known as stages
from etl.stages.filter import Filter
from etl.stages.observe.stage import Observe
from etl.stages.prune import Prune
from etl.stages.rules.stage import SETTING, Rules
from etl.stages.stage import Stage
from schemas import splits
from schemas.errors import ConfigError
from schemas.reasons import OwnReason
from tokenization.chat import USUAL
from tokenization.fit import Fit

__all__ = ["Recipe", "from_tables", "load", "placed", "shipped", "tables_of"]

_SHAPING_SAMPLES: Final = ("turbohtml", "lxml", "publicsuffixlist", "py3langid", "pyarrow")
_SHAPING_PACKED: Final = ("pyarrow",)
"""Libraries whose versions can change what a phase writes; vocabularies enter by their hashes."""


@dataclass(frozen=True)
class Recipe:
    """All settings of a build. Each field but the first three and the last three is a section.

    Raises:
        ConfigError: sections do not fit each other. ``card.licenses`` names no known format; a
            rule's reason is one of stepmill's own; a gate names an unknown reason; subsets do not
            say which of several vocabularies counts their tokens; or the filter drops the failures
            that are to be kept apart.
    """

    # in the order of `etl.stages.known`
    stages: tuple[Stage, ...]
    # in the order of `etl.decisions.known`
    decisions: tuple[Decision, ...] = ()
    name: str = "custom"
    inputs: InputSettings = field(default_factory=InputSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    prompt: PromptSettings = field(default_factory=PromptSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    pack: PackSettings = field(default_factory=PackSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    failures: Failures = field(default_factory=Failures)
    subsets: SubsetSettings = field(default_factory=SubsetSettings)
    mix: Mix = field(default_factory=Mix)
    card: CardSettings = field(default_factory=CardSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    takedown: TakedownSettings = field(default_factory=TakedownSettings)
    gates: Gates = field(default_factory=Gates)
    # all vocabularies, if the recipe lists several; the first is that of the section
    vocabularies: tuple[Listed, ...] = ()
    # the chat template of a listed vocabulary; empty: ``prompt.chat``
    listed_chat: str = ""
    # those of another recipe, which has looked at them already; None: those of the section
    shared_pages: Pages | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.card.check_sources(FORMATS)
        for reason in self.own_reasons:
            if reason in meanings():
                raise ConfigError(
                    f"{SETTING}: {reason} is a reason of stepmill's own; give yours another name"
                )
        self.gates.check_reasons(self.own_reasons)
        if self.subsets.tokens and len(self.vocabularies) > 1 and not self.subsets.vocabulary:
            raise ConfigError(
                "subsets.vocabulary: of several vocabularies, say which counts the tokens of "
                "subsets; all of them have the same samples"
            )

        limits = {
            f"{each.name}.{key}": getattr(each, key)
            for each in self.decisions
            if isinstance(each, Caps | Minimums)
            for key in ("samples_per_domain", "workflows_per_domain")
        }
        for key in ("samples_per_domain", "workflows_per_domain"):
            most, least = limits.get(f"caps.{key}"), limits.get(f"minimums.{key}", 0)
            if most is not None and most < least:
                raise ConfigError(
                    f"caps.{key} = {most} keeps less of each domain than minimums.{key} = {least} "
                    "asks for, so nothing would be left; raise the one or lower the other"
                )
        filtered = self.stage(Filter)
        least = -math.inf if filtered.min_reward is None else filtered.min_reward
        if self.failures and filtered.failed_actions and least >= self.failures.below:
            raise ConfigError(
                f"failures.apart keeps workflows with a reward under {self.failures.below:g}, but "
                f"filter.min_reward = {least:g} drops all of them before; leave that out"
            )

    def stage(self, kind: type[Part]) -> Part:
        """One of its stages, by its class."""
        return next(stage for stage in self.stages if isinstance(stage, kind))

    @property
    def own_reasons(self) -> tuple[OwnReason, ...]:
        """The reasons that its rules give."""
        return next((stage.own for stage in self.stages if isinstance(stage, Rules)), ())

    @cached_property
    def sections(self) -> dict[str, Any]:
        """Its sections by name, in the order of `parts.known_sections`."""
        parts: dict[str, Any] = {}
        every: tuple[Stage | Decision, ...] = (*self.stages, *self.decisions)
        for part in every:
            of_part = sections_of(type(part))
            parts |= {name: part if name == part.name else getattr(part, name) for name in of_part}
        return {
            name: parts[name] if name in parts else getattr(self, name)
            for name in known_sections()
            if name in parts or hasattr(self, name)
        }

    @cached_property
    def pages(self) -> Pages | None:
        """The archives that pages are joined from; None without any."""
        return self.shared_pages or (Pages(self.inputs.pages) if self.inputs.pages else None)

    @cached_property
    def samples(self) -> Plan:
        """The plan of phase 1: recordings to samples."""
        page_chars = self.limits.page_mb * 2**20
        versions = _versions(_SHAPING_SAMPLES)
        return Plan(dict(SOURCES), self.stages, versions, page_chars, self.split.seed, self.pages)

    @cached_property
    def further(self) -> dict[str, Recipe]:
        """The recipe of each listed vocabulary but the first, by label."""
        return {
            each.label: replace(
                self,
                vocabulary=each.settings,
                listed_chat=each.chat,
                vocabularies=(),
                shared_pages=self.pages,
            )
            for each in self.vocabularies[1:]
        }

    @cached_property
    def taken_down(self) -> Takedown:
        """The takedown list, from the recipe and its file.

        Raises:
            ConfigError: the file cannot be read, or an entry cannot be used.
        """
        given = parse(self.takedown.file) if self.takedown.file else Takedown()
        return Takedown(
            given.workflows | self.takedown.workflows, given.domains | self.takedown.domains
        )

    @cached_property
    def index(self) -> Index:
        """The plan of phase 2: which samples are kept, their splits, order and shards.

        Raises:
            ConfigError: a list of held-out entries cannot be read, or has none; or the vocabulary
                that counts the tokens of subsets cannot be used.
        """
        return Index(
            self.split.made(),
            self.fit.context,
            self.pack.shard_mb * 2**20,
            self.decisions,
            self.subsets.made(),
            self.counted.fingerprint if self.counted else "",
            self.failures,
        )

    @cached_property
    def counted(self) -> PackPlan | None:
        """The plan by which tokens are counted for subsets; None without subsets.

        Raises:
            ConfigError: the vocabulary is not known, or its file cannot be used.
        """
        if not self.subsets.tokens or not self.subsets.vocabulary:
            return self.packed if self.subsets.tokens else None
        counting = VocabularySettings(self.subsets.vocabulary, engine=self.vocabulary.engine)
        return replace(self, vocabulary=counting, listed_chat=USUAL, vocabularies=()).packed

    @cached_property
    def packed(self) -> PackPlan:
        """The plan of phase 3: samples to packed rows.

        Raises:
            ConfigError: the vocabulary is not known, its file cannot be used, or the chat template
                does not fit it.
        """
        vocabulary = self.vocabulary.loaded()
        encoder = self.prompt.encoder(vocabulary, self.listed_chat)
        fits = {
            "train": Fit(self.fit.context, self.fit.train, self.fit.max_chunks),
            **{split: Fit(self.fit.context, self.fit.test, 0) for split in self._held_out},
        }
        if self.failures:
            fits |= {f"{split}{splits.ENDING}": fit for split, fit in fits.items()}
        settings = {
            "vocabulary": vocabulary.sha256,
            "prompt": plain(encoder.prompt),
            **encoder.settings,
            "fits": {split: plain(fit) for split, fit in fits.items()},
            "packing": self.pack.packing,
            "window": self.pack.window,
            "libraries": _versions(_SHAPING_PACKED),
        }
        pack = self.pack
        if pack.compression != "none":
            settings["compression"] = pack.compression
        return PackPlan(encoder, fits, pack.packing, pack.window, settings, pack.compression)

    @property
    def _held_out(self) -> tuple[str, ...]:
        """All splits that are not trained on."""
        return tuple(dict.fromkeys((*HELD, *self.split.asked)))

    def settings(self) -> dict[str, Any]:
        """All that decides the output, by phase, as values for JSON."""
        settings = {
            "samples": {"part_mb": self.inputs.part_mb, **self.samples.settings()},
            "index": self.index.settings(),
            "packed": self.packed.settings,
            "card": self.card.settings(),
        }
        return settings | {"mix": plain(self.mix)} if self.mix else settings


@cache
def _versions(libraries: tuple[str, ...]) -> dict[str, str]:
    return {name: metadata.version(name) for name in libraries}


def load(name_or_file: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe by the name of a shipped one, or from a file.

    overrides: settings ``section.key=value`` that replace the recipe's.

    Raises:
        ConfigError: there is no such recipe, or a section, key or value cannot be used.
    """
    return from_tables(recipe_tables.named(name_or_file, placed_in), overrides)


def tables_of(path: Path) -> dict[str, Any]:
    """The tables of a recipe file, with absolute paths.

    Raises:
        ConfigError: the file cannot be read.
    """
    return recipe_tables.of_file(path, placed_in)


@cache
def file_settings() -> frozenset[tuple[str, str]]:
    """(section, key) of the settings that name files."""
    return naming_files(known_sections())


def placed_in(tables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same settings, with each relative path made absolute from a folder."""
    return absolute(tables, folder, file_settings())


def placed(override: str) -> str:
    """A single setting (``section.key=value``) with its path, if it is one, made absolute.

    Raises:
        ConfigError: it is not of this form.
    """
    tables = of_setting(override)
    made = placed_in(tables, Path())
    if made == tables:
        return override
    name, value = override.partition("=")[0].strip(), made
    for key in name.split("."):
        value = value[key]
    return f"{name}={as_toml(value)}"


def from_tables(tables: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """Make a recipe of parsed TOML tables.

    overrides: settings ``section.key=value`` that replace those of the tables.

    Raises:
        ConfigError: a section, key or value cannot be used.
    """
    tables = recipe_tables.extended(tables, placed_in)
    for override in overrides:
        tables = laid_over(tables, of_setting(override))
    about = {name: tables.pop(name) for name in ("about", "name", KEY) if name in tables}
    sections = known_sections()
    for name in tables:
        if name not in sections:
            raise ConfigError(
                f"recipe: there is no section [{name}]"
                f"{nearest(name, {**sections, 'name': str, KEY: list})}"
            )
    always = stages.ALWAYS
    if Observe.name in tables:  # it takes the place of pruning, whose section a recipe may inherit
        for override in overrides:
            if Prune.name in of_setting(override):
                raise ConfigError(
                    f"{override}: this recipe has [observe] and prunes no page; change [observe], "
                    "or take a recipe without it"
                )
        tables = {name: table for name, table in tables.items() if name != Prune.name}
        always -= {Prune.name}
    values: dict[str, Any] = {
        "stages": made(stages.KNOWN, always, tables),
        "decisions": made(decisions.KNOWN, decisions.ALWAYS, tables),
    }
    if "name" in about:
        values["name"] = checked(about["name"], str, "name")
    for name, hint in sections.items():
        if name in tables and name in Recipe.__dataclass_fields__:
            values[name] = checked(tables[name], hint, name)
    if KEY in about:
        section = values.get("vocabulary", VocabularySettings())
        values[KEY] = every = listed(about[KEY], section)
        values |= {"vocabulary": every[0].settings, "listed_chat": every[0].chat}
    return Recipe(**values)
