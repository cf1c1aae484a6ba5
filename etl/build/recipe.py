"""Recipes: TOML files that say which stages run with which settings.

A recipe may extend a shipped one (``extends = "scribeagent-32k"``); every section and key is
checked before work starts, and a misspelt one is answered with the nearest name. Sections and keys
are the fields of the stages.

A file that a recipe file names is relative to that recipe file; one that a single setting
(``--set``) names, to the current folder.
"""

from __future__ import annotations

import difflib
import json
import tomllib
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from functools import cache, cached_property, lru_cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from etl.build.gates import Gates
from etl.build.index import Index
from etl.build.pack import PackPlan
from etl.build.plan import PAGE_CHARS, Plan
from etl.card.settings import CardSettings
from etl.decisions.caps import Caps
from etl.decisions.split import HELD, Split
from etl.decisions.takedown import Takedown, parse
from etl.files.file_setting import A_FILE, File
from etl.files.hashes import plain
from etl.files.side_files import entries, named, read_text
from etl.inputs.parts import bytes_of
from etl.pages.prune import RECORDER_MARKERS, PruneRules
from etl.sources import FORMATS, SOURCES
from etl.stages.augment import Augment
from etl.stages.augment import Mapping as TextMapping
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.prune import Prune
from etl.stages.select import Names, Select
from etl.stages.unroll import Unroll
from schemas.errors import ConfigError
from tokenization import vocabulary as vocabularies
from tokenization.encode import Encoder
from tokenization.families import Family
from tokenization.fit import Fit
from tokenization.pack import WINDOW
from tokenization.prompt import REPEATS, SYSTEM, Prompt
from tokenization.vocabulary import EngineName, Vocabulary

_SHAPING_SAMPLES: Final = ("turbohtml", "lxml", "publicsuffixlist", "py3langid", "pyarrow")
_SHAPING_PACKED: Final = ("pyarrow",)
"""Libraries whose version can change what a phase writes. Vocabularies stand in the settings by
their hash.
"""


@dataclass(frozen=True)
class VocabularySettings:
    """name: of a known vocabulary; file: a rank file or tokenizer.json of your own; engine: auto,
    tiktoken, gigatoken.

    For a rank file that no known name fits: pattern (a regular expression that cuts text into
    pretokens), special_tokens (text -> id), nfc (normalise text first).
    """

    name: str = "qwen2.5"
    file: File = ""
    engine: Literal["auto", "tiktoken", "gigatoken"] = "auto"
    pattern: str = ""
    special_tokens: dict[str, int] = field(default_factory=dict)
    nfc: bool = False

    @property
    def noted(self) -> dict[str, Any]:
        """What finds it again later, from any folder (`tokenization.vocabulary.noted`)."""
        file = str(Path(self.file).absolute()) if self.file else ""
        return {
            name: getattr(self, name) for name in ("name", "pattern", "special_tokens", "nfc")
        } | {"file": file}

    @property
    def known_as(self) -> dict[str, str]:
        """``name`` of a known vocabulary, or of its ``file``: what readers are told beside its
        hash.
        """
        return {"file": Path(self.file).name} if self.file else {"name": self.name}


@dataclass(frozen=True)
class PruneSettings:
    """`etl.pages.prune.PruneRules`; ratio_vocabulary: of the characters-per-token rule;
    keep_target: see `Prune`.
    """

    kept_tags: frozenset[str]
    dropped_with_content: frozenset[str]
    kept_attributes: frozenset[str]
    never_filtered_attributes: frozenset[str]
    kept_when_empty_tags: frozenset[str]
    kept_when_empty_attributes: frozenset[str]
    style_kept_only_as: str = ""
    min_chars_per_token: float = 2.0
    inert_content: bool = True
    pseudo_elements: bool = False
    max_data_uri: int = 0
    javascript_urls: Literal["keep", "short", "drop"] = "keep"
    ratio_vocabulary: str = "qwen2.5"
    keep_target: bool = True

    def __post_init__(self) -> None:
        marks = sorted(name for name in self.kept_attributes if RECORDER_MARKERS.search(name))
        if marks:
            raise ConfigError(
                f"prune.kept_attributes: {', '.join(marks)} would tell the target: recorders mark "
                "it so"
            )


@dataclass(frozen=True)
class InputSettings:
    """part_mb: MiB on disk; a larger file is cut into several tasks where that is possible, see
    `etl.inputs.parts`.
    """

    part_mb: float = 256.0

    def __post_init__(self) -> None:
        if not 1 <= self.part_mb * 2**20 < 2**63:
            raise ConfigError(f"inputs.part_mb {self.part_mb} is not between one byte and 2**63")

    @property
    def part_bytes(self) -> int:
        """The same in bytes."""
        return bytes_of(self.part_mb)


@dataclass(frozen=True)
class AugmentSettings:
    """objectives, descriptions: JSON files of texts by id, made by ``stepmill augment``. only_bare:
    see `Augment`.
    """

    objectives: File = ""
    descriptions: File = ""
    only_bare: bool = False


@dataclass(frozen=True)
class PromptSettings:
    """system: the chat's system message. node_repeats: of the node id in the completion. chat: the
    template.
    """

    system: str = SYSTEM
    node_repeats: int = REPEATS
    chat: str = "chatml"


@dataclass(frozen=True)
class FitSettings:
    """context: tokens of a row. train, test: what is kept of a sample that is longer (target,
    first, all, drop); test is for the validation split too. max_chunks: of a training sample; more
    drop it.
    """

    context: int = 32768
    train: Literal["target", "first", "all", "drop"] = "target"
    test: Literal["target", "first", "all", "drop"] = "first"
    max_chunks: int = 32


@dataclass(frozen=True)
class PackSettings:
    """packing: several samples a row. window: samples looked at together. shard_mb: size of an
    output file.
    """

    packing: bool = True
    window: int = WINDOW
    shard_mb: int = 256


@dataclass(frozen=True)
class SplitSettings:
    """See `etl.decisions.split.Split`. test: 0.05 unless given or held_out is; a share that is
    given must not come out empty. held_out, held_out_validation: files of what these splits hold,
    one a line.
    """

    key: Literal["workflow", "domain", "website", "objective", "template"] = "workflow"
    test: float | None = None
    validation: float = 0.0
    held_out: File = ""
    held_out_validation: File = ""
    seed: int = 0

    @property
    def asked(self) -> dict[str, str]:
        """The splits that must not come out empty, each with the setting that asks for it."""
        found = {}
        for split, setting in HELD.items():
            share = getattr(self, split)
            if file := getattr(self, setting.partition(".")[2]):
                found[split] = f"{setting} = {file}"
            elif share:
                found[split] = f"split.{split} = {share}"
        return found

    def made(self) -> Split:
        """With its lists. Raises `ConfigError` for one that cannot be read, or has no entries."""
        held_out = _list(self.held_out, HELD["test"])
        held_out_validation = _list(self.held_out_validation, HELD["validation"])
        test = Split.test if self.test is None else self.test
        return Split(self.key, test, self.validation, held_out, held_out_validation, self.seed)


def _list(path: str, setting: str) -> frozenset[str]:
    found = (
        frozenset(name for _, name in entries(read_text(Path(path), setting)))
        if path
        else frozenset()
    )
    if path and not found:
        raise ConfigError(
            f"{setting}: {path} has no entries; list ids of workflows or domains, one a line"
        )
    return found


@dataclass(frozen=True)
class NameSettings:
    """See `etl.stages.select.Names`. file: more of them, lines as ``domain NAME``; source,
    workflow, kind likewise.
    """

    domains: frozenset[str] = field(default_factory=frozenset)
    sources: frozenset[str] = field(default_factory=frozenset)
    workflows: frozenset[str] = field(default_factory=frozenset)
    kinds: frozenset[str] = field(default_factory=frozenset)
    file: File = ""

    def made(self, section: str) -> Names:
        """With what is in the file. Raises `ConfigError` for a file or an entry that cannot be
        used.
        """
        kinds = ("domain", "source", "workflow", "kind")
        more = (
            named(self.file, f"{section}.file", dict.fromkeys(kinds, "NAME")) if self.file else {}
        )
        try:
            return Names(
                *(getattr(self, f"{kind}s") | more.get(kind, frozenset()) for kind in kinds)
            )
        except ConfigError as error:
            raise ConfigError(f"{section}.{error}") from error


@dataclass(frozen=True)
class LimitSettings:
    """What a page may cost before its workflow is quarantined. page_mb: characters, in 2**20.
    page_seconds: of one workflow in the first phase or one sample in the third; only where a
    process of its own does it.
    """

    page_mb: int = PAGE_CHARS // 2**20
    page_seconds: float = 600.0


@dataclass(frozen=True)
class TakedownSettings:
    """See `etl.decisions.takedown`. workflows, domains: what is taken down; file: more of it."""

    workflows: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)
    file: File = ""


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
    for file in sorted(
        resources.files("etl.build").joinpath("recipes").iterdir(), key=lambda file: file.name
    ):
        if file.name.endswith(".toml"):
            found[file.name.removesuffix(".toml")] = str(
                _parse(file.read_text("utf-8"), file.name).get("about", "")
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
    tables = _placed(_parse(read_text(path, "recipe"), str(path)), path.parent)
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
    tables = _override(override)
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
        tables = _merged(tables, _override(override))
    sections = {section.name: section for section in fields(Recipe)}
    values: dict[str, Any] = {}
    hints = get_type_hints(Recipe)
    for name, value in tables.items():
        if name == "about":
            continue
        if name not in sections:
            raise ConfigError(f"recipe: there is no section [{name}]{_nearest(name, sections)}")
        values[name] = _checked(value, hints[name], name)
    if "prune" not in values:
        raise ConfigError('recipe: no section [prune]; begin with: extends = "scribeagent-32k"')
    return Recipe(**values)


def _tables(name_or_file: str) -> dict[str, Any]:
    if name_or_file.endswith(".toml"):
        return tables_of(Path(name_or_file))
    if name_or_file not in shipped():
        raise ConfigError(
            f"there is no recipe {name_or_file!r}{_nearest(name_or_file, shipped())} See: stepmill "
            "recipes"
        )
    file = resources.files("etl.build").joinpath("recipes", f"{name_or_file}.toml")
    return _parse(file.read_text("utf-8"), f"{name_or_file}.toml")


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"recipe {name}: {error}") from error


def _extended(tables: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    tables = dict(tables)
    base = tables.pop("extends", None)
    if base is None:
        return tables
    if base in seen:
        raise ConfigError(f"recipe: {base!r} extends itself")
    return _merged(_extended(_tables(str(base)), (*seen, str(base))), tables)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = (
            _merged(old, value)
            if isinstance(old, Mapping) and isinstance(value, Mapping)
            else value
        )
    return merged


def _override(text: str) -> dict[str, Any]:
    path, equals, value = text.partition("=")
    *tables, key = path.strip().split(".")
    if not equals or not tables or not all([*tables, key]):
        raise ConfigError(
            f"--set {text}: write section.key=value, for example --set fit.context=65536"
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value  # a bare word is a string
    found = {key: parsed}
    for table in reversed(tables):
        found = {table: found}
    return found


def _checked(value: Any, hint: Any, path: str) -> Any:
    """A TOML value as the type a field asks for."""
    if hasattr(hint, "__dataclass_fields__"):
        return _section(value, hint, path)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} = {value!r}: choose one of {', '.join(map(str, arguments))}")
        return value
    if origin in (Union, types.UnionType):
        chosen = next(argument for argument in arguments if argument is not type(None))
        return None if value is None else _checked(value, chosen, path)
    if origin in (frozenset, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{path}: expected a list of strings, got {value!r}")
        return origin(value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{path}: expected a table, got {value!r}")
        return {key: _checked(item, arguments[1], f"{path}.{key}") for key, item in value.items()}
    if hint is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise ConfigError(f"{path} = {value!r}: expected a date as 2026-01-31") from error
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(
            f"{path} = {value!r}: expected {hint.__name__}, got {type(value).__name__}"
        )
    return value


def _section(value: Any, hint: Any, path: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path}: expected a table [{path}], got {value!r}")
    known = {key.name: key for key in fields(hint)}
    hints = get_type_hints(hint)
    for key in value:
        if key not in known:
            raise ConfigError(f"{path}.{key}: there is no such setting{_nearest(key, known)}")
    missing = [
        key
        for key, f in known.items()
        if key not in value and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ConfigError(f"[{path}]: {', '.join(missing)} must be given")
    return hint(**{key: _checked(item, hints[key], f"{path}.{key}") for key, item in value.items()})


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known)}."
